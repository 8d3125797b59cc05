/*
 * rogue.h: a coordinator that holds the real online keys and asks an agent for what nobody signed.
 *
 * A case begins as an honest rollout order for one tenant, signed by the fleet's own operator, and
 * a job under it; one twist makes it a lie. What the agent answers is printed.
 */
#ifndef DROVER_TESTS_ROGUE_H
#define DROVER_TESTS_ROGUE_H

#include "common/crypto/keyfile.h"
#include "common/trust/order.h"
#include "common/trust/ticket.h"
#include "common/wire/codec.h"

enum { ROGUE_PAPERS = 4 };

/* What is true of the fleet; the first lines of rogue.c say how it is told. */
typedef struct rogue_facts {
    const char *folder; /* with the folders trust and elsewhere, of drover trust init --solo */
    const char *application;
    const char *tenant_name;
    const char *database;
    const char *other_bundle_text;
    ident_t tenant;
    ident_t other_tenant;
    uint64_t system_identifier;
    digest_t bundle;
    digest_t other_bundle; /* released, of the same application */
    uint32_t position;     /* where the tenant stands */
    uint64_t epoch;        /* higher than any that the agent has seen */
    int64_t now_us;
} rogue_facts_t;

/* What stands under a document. */
typedef struct rogue_signer {
    const char *file; /* key file in the folder; NULL ends the list */
    key_kind_t kind;
} rogue_signer_t;

typedef struct rogue_paper {
    digest_t digest; /* under which it is served */
    buffer_t bytes;
} rogue_paper_t;

/* All that a case may twist. */
typedef struct rogue_case {
    const rogue_facts_t *facts;
    /* the order, as it will be signed */
    order_t order;
    order_wave_t waves[2];
    leaf_t leaves[2];     /* one a wave */
    const char *fleet_of; /* "trust" or "elsewhere" */
    rogue_signer_t signers[3];
    /* what travels beside it */
    proof_t proof;
    Drover__Terms terms;
    Drover__Job job;
    const char *batch_key; /* key file that signs the batch */
    bool without_order;
    bool without_proof;
    bool spoil_proof; /* after it was made */
    bool swap_paper;  /* serve other bytes than the digest says */
    bool with_ticket; /* a forged one */
    bool held;        /* a hold is told first */
    bool keep_order;  /* leave the signed order in the folder … */
    bool kept_order;  /* … or take the one that was left there */
    bool silent;      /* the agent is expected to drop it: ask for something honest right after */
    bool approve;     /* the ticket is an approval by … */
    rogue_signer_t approvers[2];
    rogue_paper_t papers[ROGUE_PAPERS];
    size_t paper_count;
    digest_t order_digest;
    digest_t ticket_digest;
    uint8_t proof_bytes[PROOF_BYTES];
    size_t proof_size;
    document_t *hold;
} rogue_case_t;

/* Make the case of this name; false where there is none. Ends the program where it cannot be made.
 */
bool rogue_make(const rogue_facts_t *facts, const char *name, rogue_case_t *ret_case);

/* An honest order to look at the tenant, with its job. */
void rogue_make_look(const rogue_facts_t *facts, rogue_case_t *ret_case);

void rogue_case_free(rogue_case_t *made);

/* Print the names, a line each. */
void rogue_list(void);

/* End the program with the error where status is no STATUS_OK. */
void rogue_must(status_t status, const error_t *err);

/* A key file of the folder, opened for good. */
const keyfile_t *rogue_key(const rogue_facts_t *facts, const char *file, key_kind_t kind);

#endif
