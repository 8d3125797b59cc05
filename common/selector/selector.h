/*
 * selector.h: which tenants an order is about, as a line of text. Pure: links base_pure alone.
 *
 *     selector = "all" | "*" | term { "," term }              every term must hold
 *     term     = key "=" value | key "!=" value               "==" is read as "="
 *              | key "in" "(" value { "," value } ")" | key "notin" "(" … ")"
 *              | key | "!" key                                has the label, has it not
 *
 * Keys and values are letters, digits and _ - . / : @ +; a value may also stand in double quotes.
 * Keys `name`, `cluster`, `database`, `agent` and `version` speak of the tenant itself. A missing
 * label is unequal to every value: tier!=free and tier notin (free) hold without a tier, as they do
 * in Kubernetes' selectors, whose grammar this follows.
 */
#ifndef DROVER_SELECTOR_SELECTOR_H
#define DROVER_SELECTOR_SELECTOR_H

#include "common/base/buffer.h"
#include "common/base/cleanup.h"

typedef struct selector selector_t;

typedef struct selector_label {
    const char *key;
    const char *value;
} selector_label_t;

/* What is matched; all borrowed. A NULL pseudo label is one that the tenant has not. */
typedef struct selector_subject {
    const char *name;
    const char *cluster;
    const char *database;
    const char *agent;
    const char *version; /* "V012" */
    const selector_label_t *labels;
    size_t label_count;
} selector_subject_t;

enum {
    SELECTOR_TEXT_MAX = 4096,  /* bytes of a selector */
    SELECTOR_VALUES_MAX = 1024 /* values in all its terms */
};

/*
 * Parse. ERROR_SELECTOR's message names the column and repeats the text with a caret below;
 * ret_column (may be NULL) gets it too, from 1, where parsing failed. ERROR_BOUND, NO_MEMORY.
 */
MUST_CHECK status_t selector_parse(const char *text, size_t *ret_column, selector_t **ret_selector,
                                   error_t *err);

/* Whether every term holds. */
bool selector_matches(const selector_t *selector, const selector_subject_t *subject);

/* Whether it is `all`. */
bool selector_is_all(const selector_t *selector);

/* Append the canonical text: "all", or terms as written, with one spelling; values of `in` sorted
 * without repetition. Parsing it gives the same selector. */
void selector_print(const selector_t *selector, buffer_t *out);

/* Whether a text is fit to be a label's key (no pseudo label) or value, of LIMIT_LABEL_BYTES at
 * most. */
bool selector_key_valid(const char *text);
bool selector_value_valid(const char *text);

/* Whether the key is one of the pseudo labels. */
bool selector_key_reserved(const char *key);

void selector_destroy(selector_t **selector);
DEFINE_CLEANUP(selector_t, selector_destroy)

#endif
