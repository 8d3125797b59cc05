/*
 * fingerprint_diff.c: two canonical texts, merged line by line in their common order; what one side
 * lacks is named as narrowly as it can be: an object, a part of one, an attribute.
 */
#include "common/base/cleanup.h"
#include "common/postgres/fingerprint.h"

#include <stdlib.h>
#include <string.h>

enum { SUMMARY_MAX = 200, VALUE_MAX = 2000 };

typedef struct fact {
    char *top, *part, *attribute, *value;
    char class;
} fact_t;

typedef struct side {
    char *copy;
    fact_t *facts;
    size_t count;
} side_t;

static void side_free(side_t *side) {
    free(side->copy);
    free(side->facts);
}

typedef struct differ {
    const fingerprint_diff_options_t *options;
    buffer_t *out;
    size_t told, more;
} differ_t;

static status_t split(const char *text, bool logical_only, side_t *side, error_t *err) {
    size_t lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    side->copy = strdup(text);
    side->facts = calloc(lines + 1, sizeof *side->facts);
    if (side->copy == NULL || side->facts == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory comparing fingerprints");
    }
    char *rest = side->copy;
    for (char *line = strsep(&rest, "\n"); line != NULL && rest != NULL;
         line = strsep(&rest, "\n")) {
        fact_t fact = {.top = strsep(&line, "\t"), .part = strsep(&line, "\t")};
        fact.attribute = strsep(&line, "\t");
        const char *class = strsep(&line, "\t");
        if (line == NULL || class == NULL) {
            return error_set(err, ERROR_INVALID, "no canonical text of a fingerprint");
        }
        fact.class = *class;
        fact.value = line;
        if (!logical_only || fact.class == 'L') {
            side->facts[side->count++] = fact;
        }
    }
    return STATUS_OK;
}

/* Facts of [from, to) belong to one object, part or attribute: the end of such a run. */
static size_t run(const side_t *side, size_t from, int depth) {
    const fact_t *first = &side->facts[from];
    size_t to = from + 1;
    while (to < side->count && strcmp(side->facts[to].top, first->top) == 0 &&
           (depth < 1 || strcmp(side->facts[to].part, first->part) == 0) &&
           (depth < 2 || strcmp(side->facts[to].attribute, first->attribute) == 0)) {
        to++;
    }
    return to;
}

static int compare(const fact_t *a, const fact_t *b, int depth) {
    int order = strcmp(a->top, b->top);
    if (order == 0 && depth >= 1) {
        order = strcmp(a->part, b->part);
    }
    if (order == 0 && depth >= 2) {
        order = strcmp(a->attribute, b->attribute);
    }
    return order;
}

/* Begin a line "table public.orders: column note: "; false where no more are wanted. */
static bool begin(differ_t *differ, const fact_t *fact, int depth) {
    if (differ->options->most != 0 && differ->told >= differ->options->most) {
        differ->more++;
        return false;
    }
    differ->told++;
    buffer_format(differ->out, "%s: ", fact->top);
    if (depth >= 1 && *fact->part != '\0') {
        buffer_format(differ->out, "%s: ", fact->part);
    }
    if (depth >= 2) {
        buffer_format(differ->out, "%s: ", fact->attribute);
    }
    return true;
}

static void value(differ_t *differ, const char *text) {
    buffer_format(differ->out, "%.*s%s", VALUE_MAX, text, strlen(text) > VALUE_MAX ? "…" : "");
}

/* "text, not null": what a part was, in short: its type's or definition's value first. */
static void summary(differ_t *differ, const side_t *side, size_t from, size_t to) {
    const size_t start = differ->out->size;
    const char *separator = "";
    for (int round = 0; round < 2; round++) {
        for (size_t i = from; i < to; i++) {
            const fact_t *fact = &side->facts[i];
            const bool bare =
                strcmp(fact->attribute, "type") == 0 || strcmp(fact->attribute, "definition") == 0;
            const bool flag = strcmp(fact->value, "t") == 0;
            const bool dull = strcmp(fact->attribute, "position") == 0 ||
                              strcmp(fact->attribute, "storage") == 0 || fact->class != 'L';
            if (bare != (round == 0) || dull || differ->out->size - start > SUMMARY_MAX) {
                continue;
            }
            buffer_text(differ->out, separator);
            if (!bare) {
                buffer_format(differ->out, "%s%s", fact->attribute, flag ? "" : " ");
            }
            value(differ, bare || !flag ? fact->value : "");
            separator = " ";
        }
    }
}

/* One side alone has the facts [from, to). */
static void alone(differ_t *differ, const side_t *side, size_t from, size_t to, int depth,
                  bool was) {
    const fact_t *fact = &side->facts[from];
    if (depth >= 2 && strcmp(fact->attribute, "exists") == 0) {
        return; /* it stands in for an object's facts where there are none: both sides have it */
    }
    if (!begin(differ, fact, depth)) {
        return;
    }
    buffer_text(differ->out, was ? "missing" : "added");
    if (depth >= 2) {
        buffer_text(differ->out, was ? "; was " : "; is ");
        value(differ, fact->value);
    } else if (depth == 1) {
        buffer_text(differ->out, was ? "; was " : "; is ");
        summary(differ, side, from, to);
    }
    buffer_char(differ->out, '\n');
}

typedef struct window {
    size_t from, to;
} window_t;

/* The same attribute on both sides, perhaps with several values. */
static void values(differ_t *differ, const side_t *a, window_t x, const side_t *b, window_t y) {
    while (x.from < x.to || y.from < y.to) {
        const fact_t *was = x.from < x.to ? &a->facts[x.from] : NULL;
        const fact_t *is = y.from < y.to ? &b->facts[y.from] : NULL;
        if (was == NULL) {
            alone(differ, b, y.from, y.from + 1, 2, false);
        } else if (is == NULL) {
            alone(differ, a, x.from, x.from + 1, 2, true);
        } else if ((strcmp(was->value, is->value) != 0 || was->class != is->class) &&
                   begin(differ, was, 2)) {
            buffer_text(differ->out, "is ");
            value(differ, is->value);
            buffer_text(differ->out, "; was ");
            value(differ, was->value);
            buffer_char(differ->out, '\n');
        }
        x.from += was != NULL ? 1 : 0;
        y.from += is != NULL ? 1 : 0;
    }
}

/* Merge two windows at a depth: 0 objects, 1 parts, 2 attributes. Recurses twice at most. */
static void merge(differ_t *differ, const side_t *a, window_t x, const side_t *b, window_t y,
                  int depth) {
    while (x.from < x.to || y.from < y.to) {
        const int order = x.from == x.to   ? 1
                          : y.from == y.to ? -1
                                           : compare(&a->facts[x.from], &b->facts[y.from], depth);
        const size_t x_end = order <= 0 ? run(a, x.from, depth) : x.from;
        const size_t y_end = order >= 0 ? run(b, y.from, depth) : y.from;
        if (order < 0) {
            alone(differ, a, x.from, x_end, depth, true);
        } else if (order > 0) {
            alone(differ, b, y.from, y_end, depth, false);
        } else if (depth < 2) {
            merge(differ, a, (window_t){x.from, x_end}, b, (window_t){y.from, y_end}, depth + 1);
        } else {
            values(differ, a, (window_t){x.from, x_end}, b, (window_t){y.from, y_end});
        }
        x.from = x_end;
        y.from = y_end;
    }
}

status_t fingerprint_diff(const char *was, const char *is,
                          const fingerprint_diff_options_t *options, buffer_t *lines,
                          error_t *err) {
    static const fingerprint_diff_options_t everything = {0};
    differ_t differ = {.options = options != NULL ? options : &everything, .out = lines};
    CLEANUP(side_free) side_t a = {0};
    CLEANUP(side_free) side_t b = {0};
    TRY(split(was, differ.options->logical_only, &a, err));
    TRY(split(is, differ.options->logical_only, &b, err));
    merge(&differ, &a, (window_t){0, a.count}, &b, (window_t){0, b.count}, 0);
    if (differ.more > 0) {
        buffer_format(lines, "and %zu more\n", differ.more);
    }
    return buffer_check(lines, err);
}
