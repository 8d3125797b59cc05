/*
 * ticket.h: why a later wave may open. Pure but for memory.
 *
 * A ticket for wave k (from 1) holds either an approval, or the leaves of wave k - 1 (their tree
 * gives the root that the order signed) and statements: results that agents signed, each with its
 * agent's card. What no statement calls a success is a failure, but where the order lets silence
 * pass and no statement speaks of it. Of one agent's statements about a tenant the latest counts
 * (it tried again); what two agents disagree about is a failure. Failures within the wave's budget
 * open the next one, after its soak, which begins with the newest statement that counts. A
 * statement counts for a tenant only if the card speaks for the cluster that the tenant's leaf
 * names. Each agent's statements follow each other (ticket_encode sorts them); those that do not
 * are held against each other like two agents'.
 *
 * Nobody signs a ticket as a whole: the coordinator puts it together from what others signed. One
 * serves all jobs of its wave and is fetched by its digest.
 */
#ifndef DROVER_TRUST_TICKET_H
#define DROVER_TRUST_TICKET_H

#include "common/trust/card.h"
#include "common/trust/order.h"

enum {
    TICKET_FORMAT = 1,
    TICKET_BYTES = 64 * 1024 * 1024,
    TICKET_STATEMENTS = LIMIT_AGENTS,
    RESULT_FORMAT = 1,
    RESULT_OUTCOMES = 16384, /* in one result; an agent may sign several */
};

/* Numbers stand in documents: append only. */
typedef enum result_outcome {
    RESULT_DONE = 1,
    RESULT_NOT_NEEDED, /* was there already */
    RESULT_FAILED,
    RESULT_OUTCOME_END
} result_outcome_t;

typedef struct result_entry {
    ident_t tenant;
    result_outcome_t outcome;
} result_entry_t;

typedef struct result {
    ident_t fleet;
    digest_t order;
    uint32_t wave;
    int64_t issued_us;
    const result_entry_t *entries; /* strictly ascending by tenant */
    size_t entry_count;
} result_t;

MUST_CHECK status_t result_write(const result_t *result, document_t **ret_document, error_t *err);
/* Read whoever signed. ERROR_TRUST_KIND, TRUST_DOCUMENT, TICKET_INVALID. */
MUST_CHECK status_t result_read(const document_t *document, result_t **ret_result, error_t *err);
void result_destroy(result_t **result_p);
DEFINE_CLEANUP(result_t, result_destroy)

typedef struct ticket_statement {
    const document_t *card;
    const document_t *result;
} ticket_statement_t;

/* What a ticket is made of; all borrowed. */
typedef struct ticket_parts {
    digest_t order;
    uint32_t wave;        /* the wave that it opens */
    const leaf_t *leaves; /* of the wave before */
    size_t leaf_count;
    const ticket_statement_t *statements;
    size_t statement_count;
    const document_t *approval; /* NULL, or instead of leaves and statements */
} ticket_parts_t;

/*
 * Put the statements that a ticket needs before those that it does not: where a later statement of
 * the same agent speaks of all its tenants. The verdict is the same without these, for good: what
 * is left out says nothing. Each is signed by one agent. ERROR_NO_MEMORY, else as result_read.
 */
MUST_CHECK status_t ticket_thin(const leaves_t *leaves, ticket_statement_t *statements,
                                size_t count, size_t *ret_needed, error_t *err);

/* Append the bytes; statements in any sequence. ERROR_BOUND, NO_MEMORY. */
MUST_CHECK status_t ticket_encode(const ticket_parts_t *parts, buffer_t *out, error_t *err);

/* By which it is fetched: hash(HASH_TICKET, bytes). */
digest_t ticket_digest(const void *bytes, size_t size);

typedef struct ticket_claim {
    uint32_t wave;
    const void *bytes;
    size_t size;
} ticket_claim_t;

typedef struct ticket_verdict {
    bool approved;     /* by an approval */
    uint32_t tenants;  /* of the wave before; 0 where approved */
    uint32_t failures; /* all that is no proved success */
    uint32_t budget;
} ticket_verdict_t;

/* Whether a document approves a wave of this order: the APPROVER threshold, in which the order's
 * own proposer does not count where the trust file says so. ERROR_TICKET_APPROVAL, else as
 * order_verify. */
MUST_CHECK status_t ticket_approval(const order_authority_t *authority, uint32_t wave,
                                    const document_t *approval, error_t *err);

/* Whether these bytes open the wave of this order. ERROR_TICKET_INVALID, TICKET_ORDER,
 * TICKET_BUDGET, TICKET_APPROVAL, TICKET_EARLY (soak), and those of its parts. */
MUST_CHECK status_t ticket_verify(const order_authority_t *authority, const ticket_claim_t *claim,
                                  ticket_verdict_t *ret_verdict, error_t *err);

/* Whether another ticket for the wave may do what one that failed with this code does not: who
 * signed what it holds does not count any more, or not yet. An agent says so of a job that it has
 * not begun, as a passing fault; no other one bears these codes. */
bool ticket_has_lapsed(error_code_t code);

#endif
