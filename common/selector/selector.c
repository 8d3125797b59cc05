/* selector.c: see selector.h. One pass over the text, no recursion, all sizes bounded. */
#include "common/selector/selector.h"
#include "common/base/limits.h"

#include <string.h>

typedef enum term_kind { TERM_HAS, TERM_HAS_NOT, TERM_IN, TERM_NOT_IN } term_kind_t;

typedef struct term {
    term_kind_t kind;
    bool single; /* written with = or != */
    char *key;
    char **values; /* sorted, each once */
    size_t value_count;
} term_t;

struct selector {
    term_t *terms; /* none: all */
    size_t count;
};

typedef struct parser {
    const char *text;
    const char *at;
    size_t values; /* of all terms so far */
    size_t *ret_column;
    error_t *err;
} parser_t;

static const char *const PSEUDO[] = {"name", "cluster", "database", "agent", "version"};
enum { PSEUDO_COUNT = sizeof PSEUDO / sizeof PSEUDO[0] };

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_-./:@+", c) != NULL);
}

/* What goes wrong is shown at its place: the message, the text, a caret under the character. */
static status_t refuse(const parser_t *parser, const char *at, const char *what) {
    size_t column = 1;
    for (const char *c = parser->text; c < at; c++) {
        column += ((unsigned char)*c & 0xC0) != 0x80;
    }
    if (parser->ret_column != NULL) {
        *parser->ret_column = column;
    }
    if (strlen(parser->text) > 120) { /* too long to point into */
        return error_set(parser->err, ERROR_SELECTOR, "selector, column %zu: %s", column, what);
    }
    return error_set(parser->err, ERROR_SELECTOR, "selector, column %zu: %s\n  %s\n  %*s^", column,
                     what, parser->text, (int)column - 1, "");
}

static status_t bound(const parser_t *parser, const char *what, size_t most) {
    if (parser->ret_column != NULL) {
        *parser->ret_column = 1;
    }
    return error_set(parser->err, ERROR_BOUND, "selector: more than %zu %s", most, what);
}

static status_t no_memory(const parser_t *parser) {
    return error_set(parser->err, ERROR_NO_MEMORY, "no memory for a selector");
}

static void skip_blanks(parser_t *parser) {
    while (*parser->at == ' ' || *parser->at == '\t') {
        parser->at++;
    }
}

static status_t take_word(parser_t *parser, const char *expected, char **ret_word) {
    const char *start = parser->at;
    while (is_word(*parser->at)) {
        parser->at++;
    }
    size_t length = (size_t)(parser->at - start);
    if (length == 0) {
        return refuse(parser, start, expected);
    }
    if (length > LIMIT_NAME_BYTES) {
        parser->at = start;
        return bound(parser, "bytes in one word", LIMIT_NAME_BYTES);
    }
    *ret_word = strndup(start, length);
    return *ret_word != NULL ? STATUS_OK : no_memory(parser);
}

/* A value: a word, or anything but quotes and control bytes in double quotes. */
static status_t take_value(parser_t *parser, char **ret_value) {
    if (*parser->at != '"') {
        return take_word(parser, "a value is expected", ret_value);
    }
    const char *start = parser->at++;
    while (*parser->at != '"') {
        if ((unsigned char)*parser->at < 0x20 || *parser->at == 0x7f) {
            return refuse(parser, *parser->at == '\0' ? start : parser->at,
                          *parser->at == '\0' ? "a quote that is never closed"
                                              : "a control character in a value");
        }
        parser->at++;
    }
    size_t length = (size_t)(parser->at - start - 1);
    parser->at++;
    if (length > LIMIT_NAME_BYTES) {
        return bound(parser, "bytes in one value", LIMIT_NAME_BYTES);
    }
    *ret_value = strndup(start + 1, length);
    return *ret_value != NULL ? STATUS_OK : no_memory(parser);
}

static status_t add_value(parser_t *parser, term_t *term) {
    if (++parser->values > SELECTOR_VALUES_MAX) {
        return bound(parser, "values", SELECTOR_VALUES_MAX);
    }
    char **values = realloc(term->values, (term->value_count + 1) * sizeof(*values));
    if (values == NULL) {
        return no_memory(parser);
    }
    term->values = values;
    TRY(take_value(parser, &term->values[term->value_count]));
    term->value_count++;
    return STATUS_OK;
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_values(term_t *term) {
    qsort(term->values, term->value_count, sizeof(*term->values), compare_texts);
    size_t kept = 1;
    for (size_t i = 1; i < term->value_count; i++) {
        if (strcmp(term->values[i], term->values[kept - 1]) == 0) {
            free(term->values[i]);
        } else {
            term->values[kept++] = term->values[i];
        }
    }
    term->value_count = kept;
}

/* "(" value { "," value } ")" */
static status_t parse_values(parser_t *parser, term_t *term) {
    const char *open = parser->at;
    if (*parser->at != '(') {
        return refuse(parser, parser->at, "'(' is expected before the values");
    }
    do { /* each turn steps over a character at least */
        parser->at++;
        skip_blanks(parser);
        TRY(add_value(parser, term));
        skip_blanks(parser);
    } while (*parser->at == ',');
    if (*parser->at != ')') {
        return refuse(parser, *parser->at == '\0' ? open : parser->at,
                      *parser->at == '\0' ? "a '(' that is never closed"
                                          : "',' or ')' is expected after a value");
    }
    parser->at++;
    sort_values(term);
    return STATUS_OK;
}

/* The word at the parser's place is this one, as a whole. */
static bool at_word(const parser_t *parser, const char *word) {
    size_t length = strlen(word);
    return strncmp(parser->at, word, length) == 0 && !is_word(parser->at[length]);
}

/* What follows a key: nothing, or an operator with its values. */
static status_t parse_condition(parser_t *parser, term_t *term) {
    if (at_word(parser, "in") || at_word(parser, "notin")) {
        term->kind = *parser->at == 'i' ? TERM_IN : TERM_NOT_IN;
        parser->at += term->kind == TERM_IN ? 2 : 5;
        skip_blanks(parser);
        return parse_values(parser, term);
    }
    if (*parser->at == '!' && parser->at[1] == '=') {
        term->kind = TERM_NOT_IN;
        parser->at += 2;
    } else if (*parser->at == '=') {
        term->kind = TERM_IN;
        parser->at += parser->at[1] == '=' ? 2 : 1;
    } else {
        term->kind = TERM_HAS;
        return STATUS_OK;
    }
    term->single = true;
    skip_blanks(parser);
    return add_value(parser, term);
}

static status_t parse_term(parser_t *parser, term_t *term) {
    bool negated = *parser->at == '!';
    if (negated) {
        parser->at++;
        skip_blanks(parser);
    }
    const char *start = parser->at;
    TRY(take_word(parser, "a label's name is expected", &term->key));
    skip_blanks(parser);
    if (strcmp(term->key, "in") == 0 || strcmp(term->key, "notin") == 0) {
        return refuse(parser, start, "a label's name is expected before 'in' or 'notin'");
    }
    if (negated) {
        term->kind = TERM_HAS_NOT;
        return STATUS_OK;
    }
    if (strcmp(term->key, "all") == 0 && (*parser->at == '\0' || *parser->at == ',')) {
        return refuse(parser, start, "'all' stands alone");
    }
    return parse_condition(parser, term);
}

static status_t parse_terms(parser_t *parser, selector_t *selector) {
    while (true) { /* each turn reads a term, of which there are at most LIMIT_SELECTOR_TERMS */
        skip_blanks(parser);
        if (selector->count == LIMIT_SELECTOR_TERMS) {
            return bound(parser, "terms", LIMIT_SELECTOR_TERMS);
        }
        term_t *term = &selector->terms[selector->count++];
        TRY(parse_term(parser, term));
        skip_blanks(parser);
        if (*parser->at == '\0') {
            return STATUS_OK;
        }
        if (*parser->at != ',') {
            return refuse(parser, parser->at, "',' or the end is expected here");
        }
        parser->at++;
    }
}

/* `all` and `*`: no term at all. */
static bool means_all(const char *text) {
    text += strspn(text, " \t");
    size_t length = strncmp(text, "all", 3) == 0 ? 3 : 1;
    if (length == 1 && *text != '*') {
        return false;
    }
    return text[length + strspn(text + length, " \t")] == '\0';
}

status_t selector_parse(const char *text, size_t *ret_column, selector_t **ret_selector,
                        error_t *err) {
    parser_t parser = {.text = text, .at = text, .ret_column = ret_column, .err = err};
    if (strlen(text) > SELECTOR_TEXT_MAX) {
        return bound(&parser, "bytes", SELECTOR_TEXT_MAX);
    }
    CLEANUP(selector_destroy) selector_t *selector = calloc(1, sizeof *selector);
    if (selector == NULL ||
        (selector->terms = calloc(LIMIT_SELECTOR_TERMS, sizeof(term_t))) == NULL) {
        return no_memory(&parser);
    }
    if (!means_all(text)) {
        TRY(parse_terms(&parser, selector));
    }
    *ret_selector = TAKE(selector);
    return STATUS_OK;
}

/* The subject's value under a key, or NULL. Pseudo labels win, so that no label can pose as one. */
static const char *value_of(const selector_subject_t *subject, const char *key) {
    const char *const pseudo[PSEUDO_COUNT] = {subject->name, subject->cluster, subject->database,
                                              subject->agent, subject->version};
    for (size_t i = 0; i < PSEUDO_COUNT; i++) {
        if (strcmp(PSEUDO[i], key) == 0) {
            return pseudo[i];
        }
    }
    for (size_t i = 0; i < subject->label_count; i++) {
        if (strcmp(subject->labels[i].key, key) == 0) {
            return subject->labels[i].value;
        }
    }
    return NULL;
}

static bool is_among(const term_t *term, const char *value) {
    return value != NULL && bsearch(&value, term->values, term->value_count, sizeof(*term->values),
                                    compare_texts) != NULL;
}

static bool term_holds(const term_t *term, const selector_subject_t *subject) {
    const char *value = value_of(subject, term->key);
    switch (term->kind) {
    case TERM_HAS:
        return value != NULL;
    case TERM_HAS_NOT:
        return value == NULL;
    case TERM_IN:
        return is_among(term, value);
    case TERM_NOT_IN:
        return !is_among(term, value);
    }
    INVARIANT(false);
}

bool selector_matches(const selector_t *selector, const selector_subject_t *subject) {
    for (size_t i = 0; i < selector->count; i++) {
        if (!term_holds(&selector->terms[i], subject)) {
            return false;
        }
    }
    return true;
}

bool selector_is_all(const selector_t *selector) {
    return selector->count == 0;
}

static void print_value(const char *value, buffer_t *out) {
    bool plain = value[0] != '\0';
    for (const char *c = value; *c != '\0'; c++) {
        plain = plain && is_word(*c);
    }
    buffer_format(out, plain ? "%s" : "\"%s\"", value);
}

static void print_term(const term_t *term, buffer_t *out) {
    bool positive = term->kind == TERM_IN;
    if (term->kind == TERM_HAS || term->kind == TERM_HAS_NOT) {
        buffer_format(out, "%s%s", term->kind == TERM_HAS ? "" : "!", term->key);
        return;
    }
    if (term->single || term->value_count == 1) {
        buffer_format(out, "%s%s", term->key, positive ? "=" : "!=");
        print_value(term->values[0], out);
        return;
    }
    buffer_format(out, "%s %s (", term->key, positive ? "in" : "notin");
    for (size_t i = 0; i < term->value_count; i++) {
        buffer_text(out, i > 0 ? "," : "");
        print_value(term->values[i], out);
    }
    buffer_char(out, ')');
}

void selector_print(const selector_t *selector, buffer_t *out) {
    if (selector->count == 0) {
        buffer_text(out, "all");
    }
    for (size_t i = 0; i < selector->count; i++) {
        buffer_text(out, i > 0 ? "," : "");
        print_term(&selector->terms[i], out);
    }
}

bool selector_key_valid(const char *text) {
    size_t length = 0;
    while (is_word(text[length])) {
        length++;
    }
    return length > 0 && length <= LIMIT_LABEL_BYTES && text[length] == '\0' &&
           strcmp(text, "in") != 0 && strcmp(text, "notin") != 0 && strcmp(text, "all") != 0 &&
           !selector_key_reserved(text);
}

bool selector_value_valid(const char *text) {
    size_t length = strlen(text);
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == '"') {
            return false;
        }
    }
    return length > 0 && length <= LIMIT_LABEL_BYTES;
}

bool selector_key_reserved(const char *key) {
    for (size_t i = 0; i < PSEUDO_COUNT; i++) {
        if (strcmp(PSEUDO[i], key) == 0) {
            return true;
        }
    }
    return false;
}

void selector_destroy(selector_t **selector) {
    if (*selector == NULL) {
        return;
    }
    for (size_t i = 0; (*selector)->terms != NULL && i < (*selector)->count; i++) {
        term_t *term = &(*selector)->terms[i];
        for (size_t j = 0; j < term->value_count; j++) {
            free(term->values[j]);
        }
        free(term->values);
        free(term->key);
    }
    free((*selector)->terms);
    free(*selector);
    *selector = NULL;
}
