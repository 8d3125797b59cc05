/*
 * call.h: one question while it is answered; for the files of this room only.
 *
 * A verb reads its arguments, looks, and only then changes: call_changes marks the moment from
 * which an error can no longer be a refusal (see service.h).
 */
#ifndef DROVER_SERVICE_CALL_H
#define DROVER_SERVICE_CALL_H

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/migration/bundle.h"
#include "coordinator/service/plan.h"
#include "coordinator/service/row.h"
#include "coordinator/service/service.h"

struct service {
    store_t *store;
    engine_t **engine_p;
    service_options_t options;
    bundle_t *bundle;    /* the one that was read last, or NULL */
    plan_t *plan;        /* the one whose pages are being asked for, or NULL */
    digest_t plan_asked; /* of the question that it answers */
};

typedef struct call {
    service_t *service;
    store_t *store;
    engine_t *engine;
    const service_question_t *question;
    const struct verb *verb; /* NULL where nobody asked */
    sign_public_t asker;     /* the key that signed the question */
    bool known;              /* whether it is a key at all */
    effects_t *effects;
    json_t *arguments; /* an object */
    row_t document;
    arena_t arena; /* for rows that are read for this answer */
    bool changed;  /* something was written, or the engine stepped */
    /* the page */
    uint32_t rows;
    uint32_t row_limit;
    size_t bytes;
    bool more;
    buffer_t next;
    /* for the audit row */
    ident_t rollout;
    ident_t tenant;
    digest_t digest;
    buffer_t detail;
} call_t;

typedef status_t call_verb_fn(call_t *call, error_t *err);

/* Release what the call owns. */
void call_free(call_t *call);

/* --- arguments. INVALID names the argument and what was wrong with it. */

/* NULL where it is absent or null; an empty text is an error unless it is `after`. */
MUST_CHECK status_t call_text(call_t *call, const char *key, const char **ret_text, error_t *err);
/* The same, but it must be there. */
MUST_CHECK status_t call_need(call_t *call, const char *key, const char **ret_text, error_t *err);
MUST_CHECK status_t call_flag(call_t *call, const char *key, bool missing, bool *ret_flag,
                              error_t *err);

typedef struct call_number {
    const char *key;
    int64_t least;
    int64_t most;
    int64_t missing;
} call_number_t;
MUST_CHECK status_t call_number(call_t *call, const call_number_t *number, int64_t *ret_number,
                                error_t *err);

/* An object; NULL where absent. Borrowed. */
MUST_CHECK status_t call_object(call_t *call, const char *key, json_t **ret_object, error_t *err);

/* A list of texts; NULL and 0 where absent. The list lives as long as the call. */
typedef struct call_texts {
    const char **items;
    size_t count;
} call_texts_t;
MUST_CHECK status_t call_texts(call_t *call, const char *key, call_texts_t *ret_texts,
                               error_t *err);

/* Refuse arguments that are not among the names, given as "a b c". */
MUST_CHECK status_t call_check_names(const call_t *call, const char *names, error_t *err);

/* --- the answer's page */

/* The `after` of the question; NULL on the first page. */
MUST_CHECK status_t call_after(call_t *call, const char **ret_after, error_t *err);

/* Lower the rows of a page to the argument `limit`. */
MUST_CHECK status_t call_limit(call_t *call, error_t *err);

bool call_is_full(const call_t *call);

/* Add a row to one of the document's arrays. NO_MEMORY. */
MUST_CHECK status_t call_add(call_t *call, const char *array, row_t *row, error_t *err);

/* Make sure that an array stands in the document, though it has no rows. */
void call_array(call_t *call, const char *array);

/* There is more, after this place. */
void call_more(call_t *call, const char *format, ...) PRINTF_LIKE(2, 3);

/* The place in an `after` of two fields "a:b", the second any text. INVALID. */
typedef struct call_place {
    int64_t number;
    const char *text; /* within after */
} call_place_t;
MUST_CHECK status_t call_place(const char *after, call_place_t *ret_place, error_t *err);

/* --- doing */

/* From here on an error is no refusal. */
void call_changes(call_t *call);

/* An event of the kind for a rollout, with time and chance. */
event_t call_event(const call_t *call, event_kind_t kind, const ident_t *rollout);

/* A bundle by what an operator calls it, read and kept until another is asked for. BUNDLE_UNKNOWN,
 * INVALID, IO. Borrowed. */
MUST_CHECK status_t call_bundle(call_t *call, const char *text, const bundle_t **ret_bundle,
                                error_t *err);
MUST_CHECK status_t call_bundle_by_digest(call_t *call, const digest_t *digest,
                                          const bundle_t **ret_bundle, error_t *err);

#endif
