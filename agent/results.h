/*
 * results.h: what the final reports of one batch mean for the waves of their orders, as documents
 * that the agent signs: a later wave's ticket is made of them.
 *
 * Only jobs that did what their order is for, by a warrant, have an outcome; a passing fault and a
 * doubt have none. A result is as old as its newest report, however often it is sent: the wave's
 * soak begins there.
 */
#ifndef DROVER_AGENT_RESULTS_H
#define DROVER_AGENT_RESULTS_H

#include "agent/book.h"
#include "agent/engine/job.h"
#include "common/base/buffer.h"
#include "common/trust/ticket.h"
#include "common/wire/bounds.h"
#include "proto/drover.pb-c.h"

/* The outcome (result_outcome_t) that a final report stands for; 0: none. */
uint32_t results_outcome(job_outcome_t outcome);

/* Reports of one order and wave. */
typedef struct results_group {
    digest_t order;
    uint32_t wave;
    int64_t newest_us;
    result_entry_t entries[WIRE_REPORTS]; /* ascending by tenant */
    size_t count;
    buffer_t document; /* once signed */
    buffer_t again;    /* the same words and older ones, where they are said again */
} results_group_t;

/* Zeroed is empty. */
typedef struct results {
    results_group_t *groups[WIRE_RESULTS];
    size_t count;
} results_t;

/* Add a report's outcome (0: none); a later one about a tenant takes the place of an earlier one.
 * False where the message has no room for another order or wave. ERROR_NO_MEMORY. */
MUST_CHECK status_t results_add(results_t *results, const Drover__Report *report, uint32_t outcome,
                                bool *ret_fits, error_t *err);

/* Sign each group, and what the book has said again where the message has room for it; fields
 * (WIRE_RESULTS of them) borrow the documents until results_free. */
typedef struct results_signer {
    ident_t fleet;
    const sign_secret_t *secret;
    book_t *book;
} results_signer_t;
MUST_CHECK status_t results_sign(results_t *results, const results_signer_t *signer,
                                 ProtobufCBinaryData *fields, size_t *ret_count, error_t *err);

void results_free(results_t *results);

#endif
