/*
 * world.h: a small fleet with its keys, trust file, an order of two waves, agents and a ticket: all
 * good as it comes, and each part open to change before it is signed. What tests and attacks build
 * on.
 */
#ifndef DROVER_TESTS_TRUST_WORLD_H
#define DROVER_TESTS_TRUST_WORLD_H

#include "common/trust/checks.h"
#include "common/trust/request.h"
#include "common/trust/ticket.h"
#include "common/trust/trust_file.h"

#include <stdio.h>
#include <string.h>

/* Every key there is. In the trust file they stand in this sequence, up to KEYS_NAMED. */
typedef enum which {
    ROLLBACK_A, /* first: the role rollback, threshold 1 */
    ROOT_A,
    ROOT_B,
    ROOT_C,
    ROOT_A2, /* the person of ROOT_A */
    ROOT_RETIRED,
    ROOT_REVOKED,
    OP_A,
    OP_B,
    OP_C,
    OP_A2, /* the person of OP_A, written in capitals */
    OP_RETIRED,
    OP_REVOKED,
    OP_LATER,   /* begins tomorrow */
    OP_OTHER,   /* another application */
    OP_STAGING, /* another environment */
    OP_SILVER,  /* other tenants */
    APPROVER,
    ADMIN_A,
    ADMIN_B,
    RELEASE_A,
    RELEASE_B,
    RELEASE_RETIRED,
    RELEASE_OTHER, /* another application */
    COORDINATOR,
    COORDINATOR_RETIRED,
    KEYS_NAMED,
    STRANGER = KEYS_NAMED,
    ROOT_NEW, /* in no trust file as it comes */
    AGENT_A,
    AGENT_B,
    KEYS
} which_t;

enum { WAVES = 2, WAVE_0 = 3, WAVE_1 = 5, GRANTS = 4, SIGNERS = 8, THRESHOLDS = 8, STATEMENTS = 6 };
#define NOW_US (INT64_C(1800000000) * 1000 * 1000)
#define CLUSTER_A UINT64_C(7001)
#define CLUSTER_B UINT64_C(7002)

typedef struct signers {
    which_t keys[SIGNERS];
    size_t count;
} signers_t;

typedef struct world {
    int64_t now_us;

    trust_key_t keys[KEYS_NAMED + 2];
    trust_grant_t grants[KEYS_NAMED + 2][GRANTS];
    trust_threshold_t thresholds[THRESHOLDS];
    sign_public_t revoked_agents[2];
    trust_t plan; /* what is written */
    signers_t roots;
    bool arm_trust; /* the check that is out is out for the trust file, too */
    trust_t *trust;
    revoked_t revoked;

    leaf_t leaves[WAVE_0 + WAVE_1];
    order_wave_t waves[WAVES];
    bool keep_roots; /* of the waves: as they are */
    order_t plan_order;
    signers_t signers;
    bool accepted;
    document_t *order_document;
    order_t *order;
    order_authority_t authority;

    uint32_t wave; /* the deed's proof: the tenant at index */
    uint32_t index;
    order_deed_t deed;
    selector_subject_t labels;
    selector_label_t label;

    card_t cards[2];
    signers_t admins;
    result_t results[2];
    result_entry_t entries[2][4];
    which_t result_signers[2];
    document_t *card_documents[2];
    document_t *result_documents[2];
    buffer_t ticket;
    ticket_parts_t parts;
    ticket_statement_t statements[STATEMENTS];
    document_t *said[STATEMENTS]; /* those that world_say added */
    uint32_t opens;

    order_t plan_approval;
    signers_t approvers;
    document_t *approval;
} world_t;

/* Keys are made of seeds once; the same in every run. */
void world_keys(void);
const sign_public_t *world_public(which_t which);
const sign_secret_t *world_secret(which_t which);

void world_open(world_t *world);
void world_close(world_t *world);

/* Who signs: a list that ends with KEYS. */
void world_sign_by(signers_t *signers, const which_t *list);
#define SIGN_BY(signers, ...) world_sign_by((signers), (const which_t[]){__VA_ARGS__, KEYS})

status_t world_sign(document_t *document, const signers_t *signers, error_t *err);
/* Through its bytes and back, as what travelled. */
status_t world_travel(document_t **document_p, error_t *err);

/* Write and sign the trust file as planned. */
status_t world_write_trust(world_t *world, document_t **ret_document, error_t *err);
/* world_write_trust, and pin it as world->trust. */
status_t world_pin(world_t *world, error_t *err);
/* Plan, sign and pin if that has not been done. */
trust_view_t world_view(const world_t *world);

/* Write, sign and read the order; then verify it. */
status_t world_write_order(world_t *world, error_t *err);
status_t world_verify(world_t *world, error_t *err);
/* The proof of the deed's tenant. */
status_t world_proof(world_t *world, proof_t *ret_proof, error_t *err);
/* All of the above, and admit the deed. */
status_t world_admit(world_t *world, error_t *err);
leaves_t world_leaves(const world_t *world, uint32_t wave);

status_t world_write_card(world_t *world, int index, document_t **ret_document, error_t *err);
/* What agent 1 asked for, before it had its card. */
request_t world_request(const world_t *world);
status_t world_write_request(const world_t *world, document_t **ret_document, error_t *err);
status_t world_write_ticket(world_t *world, error_t *err);
/* Add a statement of an agent (0, 1) about one tenant to the ticket that was written. */
typedef struct saying {
    int agent;
    result_entry_t entry;
    int64_t issued_us;
} saying_t;
status_t world_say(world_t *world, const saying_t *saying, error_t *err);
status_t world_write_approval(world_t *world, error_t *err);
status_t world_verify_ticket(world_t *world, error_t *err);
/* Order, cards, results, ticket, and verify it. */
status_t world_open_wave(world_t *world, error_t *err);
/* The same by an approval. */
status_t world_approve_wave(world_t *world, error_t *err);

#endif
