/* store_report.h: reports as they came, with the signed batches that carried them. */
#ifndef DROVER_STORE_STORE_REPORT_H
#define DROVER_STORE_STORE_REPORT_H

#include "coordinator/engine/model.h"
#include "coordinator/store/store.h"

typedef struct report_row {
    agent_key_t agent;
    ident_t state; /* the journal's id */
    uint64_t number;
    ident_t job;
    ident_t attempt;
    ident_t tenant;
    uint32_t step;
    uint32_t outcome;
    bool final;
    uint32_t position;
    const char *error_code;
    const char *sqlstate;
    const char *message;
    digest_t sql_digest;
    int64_t started_us;
    int64_t finished_us;
    int64_t received_us;
    digest_t batch; /* of the signed bytes it came in */
} report_row_t;

/* Insert; the same (agent, journal, number) again changes nothing and answers new = false. */
MUST_CHECK status_t store_report_insert(store_t *store, const report_row_t *report, bool *ret_new,
                                        error_t *err);

/* Whether a later word of another attempt at the job is known. */
typedef struct report_moment {
    ident_t job;
    ident_t attempt;
    int64_t finished_us;
} report_moment_t;

MUST_CHECK status_t store_report_is_overtaken(store_t *store, const report_moment_t *moment,
                                              bool *ret_overtaken, error_t *err);

/* When the oldest rollout began of which agents have to keep their reports: that is open, or closed
 * after saved_us. 0: there is none. */
MUST_CHECK status_t store_report_keep_since(store_t *store, int64_t saved_us, int64_t *ret_since_us,
                                            error_t *err);

typedef struct report_batch_row {
    digest_t digest; /* of the payload */
    agent_key_t agent;
    ident_t state;
    const void *payload;
    size_t payload_size;
    const char *signing_key; /* hexadecimal */
    const char *signature;   /* hexadecimal */
    int64_t received_us;
} report_batch_row_t;

/* Keep a batch's signed bytes; the same again changes nothing. */
MUST_CHECK status_t store_report_insert_batch(store_t *store, const report_batch_row_t *batch,
                                              error_t *err);

/* NOT_FOUND. */
MUST_CHECK status_t store_report_get_batch(store_t *store, const digest_t *digest, arena_t *arena,
                                           report_batch_row_t *ret_batch, error_t *err);

typedef struct report_page {
    ident_t tenant;
    int64_t before_us; /* finished; 0 begins with the newest */
    uint64_t before_number;
    uint32_t limit;
} report_page_t;

typedef status_t store_report_fn(void *context, const report_row_t *report, error_t *err);

/* A page of a tenant's history, newest first. */
MUST_CHECK status_t store_report_each(store_t *store, const report_page_t *page,
                                      store_report_fn *fn, void *context, error_t *err);

#endif
