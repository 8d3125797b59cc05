/*
 * normalise.c: see normalise.h. A scan over the text that knows strings, quoted names, dollar
 * quotes and brackets; anything that does not have the exact shape is copied as it is.
 */
#include "common/postgres/normalise.h"

#include <ctype.h>
#include <string.h>

enum {
    PASSES_MAX = 16,              /* ARRAY[] in ARRAY[]: each pass moves the cast one level in */
    STEPS_MAX = 16 * 1024 * 1024, /* tokens looked at for closing brackets, in all passes */
};

/* Work left: hostile nesting makes the search for brackets quadratic; when it is spent, the rest is
 * copied as it is, which is deterministic and at worst shows a difference that is none. */
typedef struct budget {
    long steps;
} budget_t;

typedef struct span {
    const char *at;
    const char *end;
} span_t;

/* The byte behind the quoted run that begins here; end where it is never closed. */
static const char *skip_quoted(const char *at, const char *end) {
    const char quote = *at;
    for (at++; at < end; at++) {
        if (*at == quote) {
            if (at + 1 < end && at[1] == quote) {
                at++;
            } else {
                return at + 1;
            }
        }
    }
    return end;
}

/* The byte behind the token here: a quoted run, or one character. E'' strings do not come out of
 * the server's deparser with backslash-quote: it doubles quotes. */
static const char *skip_token(const char *at, const char *end) {
    return *at == '\'' || *at == '"' ? skip_quoted(at, end) : at + 1;
}

/* The closing bracket that fits the opening one here, or NULL. */
static const char *closing(const char *at, const char *end, budget_t *budget) {
    int depth = 0;
    while (at < end && budget->steps-- > 0) {
        if (*at == '(' || *at == '[') {
            depth++;
        } else if (*at == ')' || *at == ']') {
            depth--;
            if (depth == 0) {
                return at;
            }
        }
        at = skip_token(at, end);
    }
    return NULL;
}

static bool starts(const char *at, const char *end, const char *word) {
    const size_t size = strlen(word);
    return (size_t)(end - at) >= size && memcmp(at, word, size) == 0;
}

/* The type's name behind "::", up to its "[]"; false where it is no array type. */
static bool array_type(const char *at, const char *end, budget_t *budget, span_t *ret_type) {
    const char *from = at;
    while (at < end && !starts(at, end, "[]")) {
        if (*at == '(') { /* character varying(20)[] */
            const char *close = closing(at, end, budget);
            if (close == NULL) {
                return false;
            }
            at = close + 1;
        } else if (isalnum((unsigned char)*at) || strchr("_$. \"", *at) != NULL ||
                   (unsigned char)*at >= 0x80) {
            at = skip_token(at, end);
        } else {
            return false;
        }
    }
    *ret_type = (span_t){from, at};
    return at < end && at > from;
}

/* Copy each element with the cast that stood behind the whole. */
static void cast_elements(span_t inside, span_t type, budget_t *budget, buffer_t *out) {
    const char *from = inside.at;
    const char *at = inside.at;
    while (at <= inside.end && from < inside.end) {
        if (at == inside.end || *at == ',') {
            const bool nested = starts(from, at, "ARRAY[");
            buffer_char(out, '(');
            buffer_append(out, from, (size_t)(at - from));
            buffer_text(out, ")::");
            buffer_append(out, type.at, (size_t)(type.end - type.at));
            buffer_text(out, nested ? "[]" : "");
            if (at < inside.end) {
                buffer_text(out, ", ");
                at++;
                while (at < inside.end && *at == ' ') {
                    at++;
                }
            }
            from = at;
            if (at == inside.end) {
                break;
            }
            continue;
        }
        const char *close = *at == '(' || *at == '[' ? closing(at, inside.end, budget) : NULL;
        at = close != NULL ? close + 1 : skip_token(at, inside.end);
    }
}

/* "(ARRAY[…])::type[]" here? Then write it the other way and answer what follows, else NULL. */
static const char *rewrite(const char *at, const char *end, budget_t *budget, buffer_t *out) {
    const char *open = at + strlen("(ARRAY");
    const char *close = closing(open, end, budget);
    span_t type;
    if (close == NULL || !starts(close, end, "])::") ||
        !array_type(close + strlen("])::"), end, budget, &type) || close == open + 1) {
        return NULL;
    }
    buffer_text(out, "ARRAY[");
    cast_elements((span_t){open + 1, close}, type, budget, out);
    buffer_char(out, ']');
    return type.end + strlen("[]");
}

/* One pass; answers whether anything was rewritten. */
static bool pass(const char *text, size_t size, budget_t *budget, buffer_t *out) {
    const char *end = text + size;
    const char *at = text;
    bool changed = false;
    while (at < end) {
        const char *next = NULL;
        if (*at == '(' && starts(at, end, "(ARRAY[")) {
            next = rewrite(at, end, budget, out);
            changed = changed || next != NULL;
        }
        if (next == NULL) {
            next = skip_token(at, end);
            buffer_append(out, at, (size_t)(next - at));
        }
        at = next;
    }
    return changed;
}

void normalise_expression(const char *text, size_t size, buffer_t *out) {
    if (memmem(text, size, "(ARRAY[", strlen("(ARRAY[")) == NULL) {
        buffer_append(out, text, size);
        return;
    }
    buffer_t work[2] = {{.limit = out->limit}, {.limit = out->limit}};
    buffer_append(&work[0], text, size);
    budget_t budget = {STEPS_MAX};
    int now = 0;
    for (int i = 0; i < PASSES_MAX; i++) {
        buffer_clear(&work[1 - now]);
        const bool changed =
            pass(buffer_string(&work[now]), work[now].size, &budget, &work[1 - now]);
        now = 1 - now;
        if (!changed) {
            break;
        }
    }
    if (work[0].failed || work[1].failed) {
        out->failed = true;
    }
    buffer_append(out, work[now].data, work[now].size);
    buffer_free(&work[0]);
    buffer_free(&work[1]);
}
