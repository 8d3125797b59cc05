/*
 * verify.h: whether an export of the catalog holds together, judged from one trust file that the
 * reader had before, and from nothing else. Pure but for memory: lines go in, the first link that
 * does not hold comes out.
 *
 * What is verified, in the sequence of the lines:
 *  - trust files, each signed by the roots of the one before, from the reader's own file on;
 *  - revocations and agents' cards, by the admins' threshold of their day;
 *  - orders, by the threshold of the people who could sign them on the day that they were accepted;
 *  - that every rollout is under an order of its kind, and that the tenants with a job are exactly
 *    those of the order's signed trees, wave by wave;
 *  - reports, signed by an agent with a card, about jobs that are under that order, of a tenant on
 *    a cluster that the card speaks for; a recovery point before a change where the order asks one;
 *  - jobs that agents made themselves: each undoes what an order did, under a take-back of it that
 *    the people signed who could, which stands beside the reports or is the reader's;
 *  - what agents signed about their waves;
 *  - the audit log's chain, the heads that were signed along it, the head at its end, and a head
 *    that the reader kept from before.
 *
 * What an export cannot prove, because nobody signed it: that nothing was left out before the first
 * line (hence heads kept elsewhere), the times at which the coordinator says that it received a
 * thing, and the words of the audit log.
 */
#ifndef DROVER_AUDIT_VERIFY_H
#define DROVER_AUDIT_VERIFY_H

#include "common/audit/line.h"
#include "common/trust/ticket.h"

typedef struct audit_verify audit_verify_t;

typedef struct audit_verify_options {
    const document_t *root;      /* the reader's own trust file */
    const audit_head_t *earlier; /* a head from before; NULL: none */
    /* take-backs that the reader has beside the export: see docs/audit.md. Copied */
    const document_t *const *take_backs;
    size_t take_back_count;
} audit_verify_options_t;

/* Lines that were found good. */
typedef struct audit_counts {
    uint64_t lines;
    uint64_t trust_files;
    uint64_t revocations;
    uint64_t cards;
    uint64_t orders;
    uint64_t orders_waiting; /* below their threshold */
    uint64_t tickets;
    uint64_t rollouts;
    uint64_t jobs; /* under an order that names their tenant */
    uint64_t batches;
    uint64_t reports;
    uint64_t jobs_own;        /* that agents made themselves, under a take-back of an order */
    uint64_t unproved;        /* of those that are none of jobs_own, whose take-back is not here */
    uint64_t reports_foreign; /* about jobs that the export has not, and that changed nothing */
    uint64_t results;
    uint64_t recovery_points;
    uint64_t changes_protected; /* jobs that changed a tenant behind a recovery point */
    uint64_t audit_rows;
    uint64_t audit_rows_before; /* written before there was a chain */
    uint64_t heads;             /* signed along the chain, the last one included */
    uint64_t outside;           /* links to what --since left out */
} audit_counts_t;

/* ERROR_TRUST_… where the root is no trust file signed by its own roots, or what is given as a
 * take-back is none. */
MUST_CHECK status_t audit_verify_new(const audit_verify_options_t *options,
                                     audit_verify_t **ret_verify, error_t *err);
void audit_verify_destroy(audit_verify_t **self);
DEFINE_CLEANUP(audit_verify_t, audit_verify_destroy)

/* Take the next line, without its line feed. ERROR_AUDIT_BROKEN or ERROR_AUDIT_LINE says what does
 * not hold and why; nothing may be asked of it afterwards but what follows below. */
MUST_CHECK status_t audit_verify_line(audit_verify_t *self, const char *bytes, size_t size,
                                      error_t *err);

/* There are no more lines. ERROR_AUDIT_UNPROVED where all that is there holds, but an agent changed
 * a tenant by a take-back whose document is neither in the export nor among the reader's. */
MUST_CHECK status_t audit_verify_end(audit_verify_t *self, error_t *err);

/* After an error, the line that does not hold, from 1; 0 where it is the end of the file. */
uint64_t audit_verify_broken_line(const audit_verify_t *self);

const audit_counts_t *audit_verify_counts(const audit_verify_t *self);

/* The fleet and what the header says. */
typedef struct audit_about {
    ident_t fleet;
    int64_t trust_version; /* newest */
    int64_t exported_us;
    int64_t since_us;
    int64_t chain_begins;  /* sequence of the first row with a digest; 0: none */
    audit_head_t head;     /* the last line's */
    const char *signed_by; /* whose key that is */
} audit_about_t;
audit_about_t audit_verify_about(const audit_verify_t *self);

/* An order with the persons whose signatures counted on the day that it was accepted. */
typedef struct audit_order {
    uint64_t line;
    const order_t *order;
    int64_t accepted_us;    /* 0: it waits for signatures */
    const char *persons;    /* "alice, bob"; "" while it waits */
    const char *later_gone; /* those of them whose key was taken out as of a day before; "" */
} audit_order_t;
typedef status_t audit_order_fn(void *context, const audit_order_t *order, error_t *err);
MUST_CHECK status_t audit_verify_each_order(const audit_verify_t *self, audit_order_fn *fn,
                                            void *context, error_t *err);

#endif
