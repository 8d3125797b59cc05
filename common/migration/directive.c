/* directive.c: see directive.h. The keys are a table: which scripts know them, and what reads them.
 */
#include "common/migration/directive.h"

#include "common/base/limits.h"

#include <stdio.h>
#include <string.h>

enum {
    DEFAULT_BATCH = 1000,
    MOST_BATCH = 1000000,
};
#define MOST_MS (INT64_C(30) * 24 * 3600 * 1000)

#define IN_UP (1U << SCRIPT_UP)
#define IN_UNDO (1U << SCRIPT_UNDO)
#define IN_QUERIES (1U << SCRIPT_VERIFY | 1U << SCRIPT_CHECK)

/* Value of a directive, cut out of its line. Out of range of ERROR_TEXT_MAX nothing matters. */
enum { VALUE_SIZE = 1024 };

typedef struct key {
    const char *name;
    unsigned scripts; /* IN_… */
    bool quoted;      /* the value is a quoted text */
    status_t (*read)(const char *value, directives_t *directives, error_t *err);
} directive_key_t;

static const char *const phase_texts[PHASE_COUNT] = {
    [PHASE_NONE] = "",
    [PHASE_EXPAND] = "expand",
    [PHASE_BACKFILL] = "backfill",
    [PHASE_CONTRACT] = "contract",
};

const char *phase_text(phase_t phase) {
    INVARIANT((unsigned)phase < PHASE_COUNT);
    return phase_texts[phase];
}

/* Read a whole number of at most `most`; *ret_rest is what follows it. */
static bool read_number(const char *text, int64_t most, int64_t *ret_number,
                        const char **ret_rest) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18) {
        return false;
    }
    int64_t number = 0;
    for (size_t i = 0; i < digits; i++) {
        number = number * 10 + (text[i] - '0');
    }
    *ret_number = number;
    *ret_rest = text + digits;
    return number <= most;
}

status_t directive_duration(const char *text, int64_t *ret_ms, error_t *err) {
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}};
    int64_t number = 0;
    const char *unit = NULL;
    if (!read_number(text, MOST_MS, &number, &unit)) {
        return error_set(err, ERROR_DIRECTIVE,
                         "'%.60s' is no duration: write 500ms, 2s, 5min or 1h, at most 30 days",
                         text);
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].unit) == 0 && number <= MOST_MS / units[i].ms) {
            *ret_ms = number * units[i].ms;
            return STATUS_OK;
        }
    }
    return error_set(err, ERROR_DIRECTIVE,
                     "'%.60s' is no duration: write 500ms, 2s, 5min or 1h, at most 30 days", text);
}

static status_t read_phase(const char *value, directives_t *directives, error_t *err) {
    for (int phase = PHASE_EXPAND; phase < PHASE_COUNT; phase++) {
        if (strcmp(value, phase_texts[phase]) == 0) {
            directives->phase = (phase_t)phase;
            return STATUS_OK;
        }
    }
    return error_set(err, ERROR_DIRECTIVE, "phase '%.60s': expand, backfill or contract", value);
}

static status_t read_transaction(const char *value, directives_t *directives, error_t *err) {
    if (strcmp(value, "none") != 0) {
        return error_set(err, ERROR_DIRECTIVE,
                         "transaction '%.60s': only none can be said; without it there is one",
                         value);
    }
    directives->transaction_none = true;
    return STATUS_OK;
}

static status_t read_lock_timeout(const char *value, directives_t *directives, error_t *err) {
    return directive_duration(value, &directives->lock_timeout_ms, err);
}

static status_t read_statement_timeout(const char *value, directives_t *directives, error_t *err) {
    return directive_duration(value, &directives->statement_timeout_ms, err);
}

static status_t copy_text(const char *what, const char *from, char to[DIRECTIVE_TEXT_SIZE],
                          error_t *err) {
    size_t size = strlen(from);
    if (size == 0) {
        return error_set(err, ERROR_DIRECTIVE, "%s is empty", what);
    }
    if (size >= DIRECTIVE_TEXT_SIZE) {
        return error_set(err, ERROR_DIRECTIVE, "%s has more than %d bytes", what,
                         DIRECTIVE_TEXT_SIZE - 1);
    }
    memcpy(to, from, size + 1);
    return STATUS_OK;
}

static status_t read_batch(const char *value, directive_backfill_t *backfill, error_t *err) {
    int64_t batch = 0;
    const char *rest = NULL;
    if (!read_number(value, MOST_BATCH, &batch, &rest) || *rest != '\0' || batch == 0) {
        return error_set(err, ERROR_DIRECTIVE, "backfill batch '%.60s': 1 to %d rows", value,
                         MOST_BATCH);
    }
    backfill->batch = (uint32_t)batch;
    return STATUS_OK;
}

/* One "name:value" of a backfill; *seen gets a bit a name. */
static status_t read_backfill_part(char *part, directive_backfill_t *backfill, unsigned *seen,
                                   error_t *err) {
    static const char *const names[] = {"table", "key", "batch", "pause"};
    char *value = strchr(part, ':');
    if (value == NULL) {
        return error_set(err, ERROR_DIRECTIVE, "backfill '%.60s': parts read name:value", part);
    }
    *value++ = '\0';
    unsigned which = 0;
    while (which < 4 && strcmp(part, names[which]) != 0) {
        which++;
    }
    if (which < 4 && (*seen & 1U << which) != 0) {
        return error_set(err, ERROR_DIRECTIVE, "backfill says %s twice", part);
    }
    *seen |= 1U << which;
    switch (which) {
    case 0:
        return copy_text("backfill table", value, backfill->table, err);
    case 1:
        return copy_text("backfill key", value, backfill->key, err);
    case 2:
        return read_batch(value, backfill, err);
    case 3:
        return directive_duration(value, &backfill->pause_ms, err);
    default: /* a number, no enum of ours */
        return error_set(err, ERROR_DIRECTIVE,
                         "backfill has no part '%.60s': table, key, batch and pause", part);
    }
}

static status_t read_backfill(const char *value, directives_t *directives, error_t *err) {
    directive_backfill_t backfill = {.batch = DEFAULT_BATCH};
    char parts[VALUE_SIZE];
    (void)snprintf(parts, sizeof parts, "%s", value);
    unsigned seen = 0;
    for (char *part = parts, *next = NULL; part != NULL; part = next) {
        next = strchr(part, ',');
        if (next != NULL) {
            *next++ = '\0';
        }
        TRY(read_backfill_part(part, &backfill, &seen, err));
    }
    if (backfill.table[0] == '\0' || backfill.key[0] == '\0') {
        return error_set(err, ERROR_DIRECTIVE, "backfill needs its table and its key");
    }
    directives->backfill = backfill;
    return STATUS_OK;
}

static status_t read_irreversible(const char *value, directives_t *directives, error_t *err) {
    return copy_text("the reason", value, directives->irreversible, err);
}

/* value is rule:reason, its quotes already gone. */
static status_t read_allow(const char *value, directives_t *directives, error_t *err) {
    const char *reason = strchr(value, ':');
    size_t length = reason != NULL ? (size_t)(reason - value) : 0;
    if (reason == NULL || length == 0 || length >= DIRECTIVE_RULE_SIZE) {
        return error_set(err, ERROR_DIRECTIVE, "allow reads allow=rule:\"reason\"");
    }
    if (directives->allow_count == DIRECTIVE_ALLOWS) {
        return error_set(err, ERROR_DIRECTIVE, "more than %d rules allowed", DIRECTIVE_ALLOWS);
    }
    directive_allow_t *allow = &directives->allows[directives->allow_count];
    memset(allow, 0, sizeof *allow);
    memcpy(allow->rule, value, length);
    if (directive_allows(directives, allow->rule)) {
        return error_set(err, ERROR_DIRECTIVE, "rule '%s' is allowed twice", allow->rule);
    }
    TRY(copy_text("the reason", reason + 1, allow->reason, err));
    directives->allow_count++;
    return STATUS_OK;
}

static const directive_key_t keys[] = {
    {"phase", IN_UP, false, read_phase},
    {"transaction", IN_UP | IN_UNDO, false, read_transaction},
    {"lock_timeout", IN_UP | IN_UNDO, false, read_lock_timeout},
    {"statement_timeout", IN_UP | IN_UNDO | IN_QUERIES, false, read_statement_timeout},
    {"backfill", IN_UP, false, read_backfill},
    {"irreversible", IN_UP, true, read_irreversible},
    {"allow", IN_UP | IN_UNDO | IN_QUERIES, true, read_allow},
};
enum { KEYS = sizeof keys / sizeof keys[0], ALLOW_KEY = KEYS - 1 };

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* Take the quotes off the value of a quoted key ("…" or rule:"…"); false where they are not right.
 */
static bool unquote(char *value) {
    char *open = strchr(value, '"');
    size_t size = strlen(value);
    if (open == NULL || (open != value && open[-1] != ':') || size < 2 ||
        value + size - 1 == open || value[size - 1] != '"' ||
        strchr(open + 1, '"') != value + size - 1) {
        return false;
    }
    value[size - 1] = '\0';
    memmove(open, open + 1, strlen(open));
    return true;
}

static status_t unknown_key(const char *name, const directive_source_t *source, error_t *err) {
    char known[128] = "";
    for (size_t i = 0; i < KEYS; i++) {
        if ((keys[i].scripts & 1U << source->kind) != 0) {
            size_t used = strlen(known);
            (void)snprintf(known + used, sizeof known - used, "%s%s", used > 0 ? ", " : "",
                           keys[i].name);
        }
    }
    return error_set(err, ERROR_DIRECTIVE, "unknown directive '%.60s': %s %s script knows %s", name,
                     source->kind == SCRIPT_UP || source->kind == SCRIPT_UNDO ? "an" : "a",
                     script_kind_text(source->kind), known);
}

/* Read "key=value"; *seen gets a bit a key. */
static status_t read_pair(char *pair, const directive_source_t *source, unsigned *seen,
                          directives_t *directives, error_t *err) {
    char *value = strchr(pair, '=');
    if (value == NULL) {
        return error_set(err, ERROR_DIRECTIVE, "'%.60s': a directive reads key=value", pair);
    }
    *value++ = '\0';
    unsigned which = 0;
    while (which < KEYS && strcmp(pair, keys[which].name) != 0) {
        which++;
    }
    if (which == KEYS || (keys[which].scripts & 1U << source->kind) == 0) {
        return unknown_key(pair, source, err);
    }
    if ((*seen & 1U << which) != 0 && which != ALLOW_KEY) {
        return error_set(err, ERROR_DIRECTIVE, "%s is said twice", pair);
    }
    *seen |= 1U << which;
    if (keys[which].quoted ? !unquote(value) : strpbrk(value, "\" \t") != NULL) {
        return error_set(err, ERROR_DIRECTIVE,
                         keys[which].quoted ? "%s takes a text in double quotes, and nothing after"
                                            : "%s takes one bare value, and nothing after",
                         pair);
    }
    return keys[which].read(value, directives, err);
}

/* Whether a comment's text begins with "drover:"; *ret_rest is what follows. Another spelling of
 * the word counts too, so that it can be named instead of passed over. */
static bool is_directive(const char *text, size_t size, size_t *ret_rest, bool *ret_spelt) {
    static const char word[] = "drover:";
    size_t at = 0;
    while (at < size && is_blank(text[at])) {
        at++;
    }
    if (size - at < sizeof word - 1 || strncasecmp(text + at, word, sizeof word - 1) != 0) {
        return false;
    }
    *ret_spelt = memcmp(text + at, word, sizeof word - 1) == 0;
    *ret_rest = at + sizeof word - 1;
    return true;
}

/* One -- comment: its text from offset on, size bytes. */
static void read_comment(const directive_source_t *source, text_span_t comment, unsigned *seen,
                         directives_t *directives, finding_list_t *findings) {
    size_t rest = 0;
    bool spelt = false;
    if (!is_directive(comment.bytes, comment.size, &rest, &spelt)) {
        return;
    }
    size_t offset = (size_t)(comment.bytes - source->text.bytes) + rest;
    size_t end = comment.size;
    while (end > rest && is_blank(comment.bytes[end - 1])) {
        end--;
    }
    while (rest < end && is_blank(comment.bytes[rest])) {
        rest++;
        offset++;
    }
    error_t err;
    error_clear(&err);
    status_t status;
    char pair[VALUE_SIZE];
    size_t allows = directives->allow_count;
    if (!spelt) {
        status = error_set(&err, ERROR_DIRECTIVE, "a directive begins with drover: in lower case");
    } else if (end - rest >= sizeof pair) {
        status =
            error_set(&err, ERROR_DIRECTIVE, "a directive of more than %d bytes", VALUE_SIZE - 1);
    } else {
        memcpy(pair, comment.bytes + rest, end - rest);
        pair[end - rest] = '\0';
        status = read_pair(pair, source, seen, directives, &err);
    }
    if (status != STATUS_OK) {
        finding_at_t at = {.file = source->file, .text = source->text, .offset = offset};
        finding_add(findings, at, RULE_DIRECTIVE, "%s", err.message);
    } else if (directives->allow_count > allows) {
        directives->allows[allows].offset = offset;
    }
}

/* A block comment is no place for a directive: say so rather than pass over it. */
static void refuse_block(const directive_source_t *source, text_span_t comment,
                         finding_list_t *findings) {
    size_t rest = 0;
    bool spelt = false;
    if (is_directive(comment.bytes, comment.size, &rest, &spelt)) {
        finding_at_t at = {.file = source->file,
                           .text = source->text,
                           .offset = (size_t)(comment.bytes - source->text.bytes)};
        finding_add(findings, at, RULE_DIRECTIVE, "a directive stands in a -- comment of its own");
    }
}

void directive_parse(directive_source_t source, directives_t *ret_directives,
                     finding_list_t *findings) {
    directives_t directives = {.lock_timeout_ms = -1, .statement_timeout_ms = -1};
    unsigned seen = 0;
    size_t head = text_skip_blank(source.text, 0);
    size_t at = 0;
    while (at < head) {
        const char *here = source.text.bytes + at;
        if (is_blank(*here) || *here == '\n' || *here == '\f' || *here == '\v') {
            at++;
            continue;
        }
        if (*here == '/') {
            const char *close = memmem(here, head - at, "*/", 2);
            size_t size = close != NULL ? (size_t)(close - here) : head - at;
            refuse_block(&source, (text_span_t){.bytes = here + 2, .size = size > 2 ? size - 2 : 0},
                         findings);
            at = text_skip_comment(source.text, at);
            continue;
        }
        size_t size = text_end_of_comment(source.text, at) - at;
        read_comment(&source, (text_span_t){.bytes = here + 2, .size = size - 2}, &seen,
                     &directives, findings);
        at += size;
    }
    *ret_directives = directives;
}

bool directive_allows(const directives_t *directives, const char *rule) {
    for (size_t i = 0; i < directives->allow_count; i++) {
        if (strcmp(directives->allows[i].rule, rule) == 0) {
            return true;
        }
    }
    return false;
}
