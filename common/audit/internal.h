/*
 * internal.h: what the files of verify.h share: everything that was read so far, found by what
 * names it. Nobody outside this room includes it.
 */
#ifndef DROVER_AUDIT_INTERNAL_H
#define DROVER_AUDIT_INTERNAL_H

#include "common/audit/verify.h"
#include "proto/drover.pb-c.h"

#include <stdlib.h>
/* memory that runs out is an error of the line, not the end of the program */
#define HASH_NONFATAL_OOM 1
/* the default one falls through its switch without saying so, which clang does not let pass */
#define HASH_FUNCTION(key, size, hash) HASH_OAT(key, size, hash)
#include <uthash.h>

/* A trust file and when it came into force. */
typedef struct era {
    trust_t *trust;
    int64_t from_us;
} era_t;

/* A revocation; verified when all are there, in the sequence of their days. */
typedef struct taken_out {
    document_t *document;
    sign_public_t key;
    int64_t received_us;
    int64_t at_us; /* as it says itself */
    uint64_t line;
} taken_out_t;

typedef struct card_entry {
    sign_public_t key;
    card_t *card;
    UT_hash_handle hh;
} card_entry_t;

typedef struct rollout_entry rollout_entry_t;

typedef struct order_entry {
    digest_t digest;
    document_t *document;
    order_t *order;
    int64_t received_us;
    int64_t accepted_us;
    uint64_t line;
    buffer_t persons;
    buffer_t later_gone;
    rollout_entry_t *rollout; /* that carries it out, or NULL */
    UT_hash_handle hh;
} order_entry_t;

typedef struct task_entry {
    ident_t job;
    rollout_entry_t *rollout;
    leaf_t leaf;
    bool has_leaf; /* a job was made of it */
    uint32_t wave; /* of the rollout */
    uint32_t order_wave;
    uint64_t line;
    /* as signed reports tell; 0: nothing said so */
    int64_t changed_us;
    int64_t protected_us;
    bool waived;
    UT_hash_handle hh;
} task_entry_t;

struct rollout_entry {
    ident_t id;
    order_entry_t *order; /* NULL: no job was made */
    bool own_undo;        /* goes back under the forward order */
    bool uses_reference;  /* its leaves name a backup */
    int64_t started_us;
    uint64_t line;
    task_entry_t **tasks;
    size_t task_count;
    UT_hash_handle hh;
};

/* A recovery point that a signed report named. */
typedef struct point_entry {
    digest_t name; /* of tenant and reference */
    digest_t digest;
    UT_hash_handle hh;
} point_entry_t;

/* An agent's journal: it numbers its reports without a gap, so that one that is missing shows. */
typedef struct numbers {
    uint64_t first;
    uint64_t last;
    uint64_t line;
} numbers_t;

typedef struct journal_entry {
    ident_t state;
    numbers_t *said; /* of each batch; batches stand in no sequence of theirs */
    size_t count;
    UT_hash_handle hh;
} journal_entry_t;

/* A job that an agent made itself, by a take-back, as its signed reports tell of it. */
typedef struct own_job {
    ident_t job;
    ident_t tenant;
    digest_t take_back;
    const order_entry_t *subject; /* the order that is taken back */
    const card_t *card;
    uint64_t line; /* of its first report */
    uint64_t reports;
    int64_t begun_us; /* the earliest that they say */
    int64_t received_us;
    bool changed;
    bool has_lowest;
    uint32_t lowest; /* position that it led to */
    UT_hash_handle hh;
} own_job_t;

struct audit_verify {
    uint64_t line;
    uint64_t broken_line;
    int rank; /* of the last line's type */
    audit_counts_t counts;
    audit_about_t about;
    buffer_t signed_by;

    era_t *eras; /* ascending; the first is the reader's own */
    size_t era_count;
    taken_out_t *taken_out;
    size_t taken_out_count;
    size_t taken_out_good; /* of them are verified */
    revoked_t revoked;     /* as of the view that was asked for last */
    size_t revoked_good;

    card_entry_t *cards;
    order_entry_t *orders;
    rollout_entry_t *rollouts;
    task_entry_t *tasks;
    point_entry_t *points;
    journal_entry_t *journals;
    own_job_t *own_jobs;
    const own_job_t *unproved;  /* the first whose take-back is not here */
    order_entry_t **take_backs; /* as agents or the reader brought them: found good where
                                   accepted_us is set */
    size_t take_back_count;

    bool chained;     /* the chain has begun */
    int64_t sequence; /* of the last row; 0: none yet */
    digest_t digest;  /* of the last row in the chain */
    audit_head_t earlier;
    bool has_earlier;
    bool earlier_seen;
};

/* Say what does not hold: "line 7: …". Answers STATUS_ERROR. */
status_t audit_break(audit_verify_t *self, uint64_t line, error_t *err, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* The same for what another room found, unless memory ran out. */
status_t audit_break_why(audit_verify_t *self, uint64_t line, const char *what, const error_t *why,
                         error_t *err);

/* Room for one more item of size bytes behind count; grows by doubling. NULL where memory ran out:
 * the items are as they were. */
void *audit_grow(void *items, size_t count, size_t size);
status_t audit_no_memory(error_t *err);

/* Who could sign what at a moment. Good until the next call. */
status_t audit_view(audit_verify_t *self, int64_t at_us, trust_view_t *ret_view, error_t *err);

/* Write down who signed an order that was found good at its accepted_us. */
status_t audit_name_persons(const audit_verify_t *self, order_entry_t *entry, const tally_t *tally,
                            error_t *err);
void audit_free_order(order_entry_t *entry);

/* verify_own.c: jobs that agents made themselves. What somebody brought as a take-back; the line is
 * 0 where the reader did. */
typedef struct brought {
    const document_t *document;
    int64_t received_us;
    uint64_t line;
} brought_t;
status_t audit_take_paper(audit_verify_t *self, const brought_t *brought, error_t *err);

/* A signed report that names a take-back. */
typedef struct own_report {
    const card_t *card;
    const Drover__Report *report;
    int64_t received_us;
    bool changes; /* the tenant, as it says */
} own_report_t;
status_t audit_take_own(audit_verify_t *self, const own_report_t *own, error_t *err);
status_t audit_close_own(audit_verify_t *self, error_t *err);
/* ERROR_AUDIT_UNPROVED where the take-back of a change is not here. */
status_t audit_check_unproved(audit_verify_t *self, error_t *err);
void audit_free_own(audit_verify_t *self);

/* Lines by type, and what is looked at when the last of a type is through. */
typedef status_t audit_take_fn(audit_verify_t *self, const audit_line_t *line, error_t *err);
typedef status_t audit_close_fn(audit_verify_t *self, error_t *err);

/* verify_papers.c */
audit_take_fn audit_take_trust, audit_take_revocation, audit_take_card;
audit_close_fn audit_close_revocations;
/* verify_orders.c */
audit_take_fn audit_take_order, audit_take_ticket;
audit_close_fn audit_close_orders;
/* verify_jobs.c */
audit_take_fn audit_take_rollout, audit_take_task;
audit_close_fn audit_close_tasks;
/* verify_reports.c */
audit_take_fn audit_take_batch, audit_take_result, audit_take_recovery;
audit_close_fn audit_close_batches, audit_close_recovery;
/* verify_chain.c */
audit_take_fn audit_take_audit, audit_take_head;

#endif
