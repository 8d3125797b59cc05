/*
 * signers.h: the people of a small fleet with their keys and its trust file, and papers that they
 * sign: the drafts of answers, signed and put into arguments.
 */
#ifndef DROVER_TESTS_SERVICE_SIGNERS_H
#define DROVER_TESTS_SERVICE_SIGNERS_H

#include "common/trust/order.h"
#include "coordinator/trust/keeper.h"

#include <jansson.h>

typedef enum who {
    ROOT,
    ADA,      /* operator */
    BEN,      /* operator */
    GATE,     /* approver */
    GATE_TWO, /* approver */
    NIGHT,    /* rollback */
    EYE,      /* viewer */
    DESK,     /* admin */
    SHOP,     /* operator of application "shop" alone */
    STAGE,    /* operator in environment "test" alone */
    STRANGER, /* in no trust file */
    PEOPLE
} who_t;

#define FLEET_ENVIRONMENT "prod"

/* What the trust file says beside that; zeroed is one signature for everything. */
typedef struct signers_rules {
    uint32_t operators; /* signatures; 0: 1 */
    uint32_t approvers;
    bool proposer_apart; /* who proposes does not count */
    int64_t expires_us;  /* 0: in a year */
} signers_rules_t;

const sign_public_t *signers_key(who_t who);
/* Hexadecimal, as a question has it. */
const char *signers_text(who_t who);
const char *signers_name(who_t who);

/* Write the trust file of this version into a folder and keep it. */
keeper_t *signers_keeper(store_t *store, const char *folder, const signers_rules_t *rules);

/* Base64 of a draft (base64 of a body) signed by these, up to PEOPLE. Owned by the caller. */
char *signers_sign(const char *draft, const who_t *list);
#define SIGNED(draft, ...) signers_sign((draft), (const who_t[]){__VA_ARGS__, PEOPLE})

/* The body of a draft as an order, for changing it; and back. */
order_t *signers_read(const char *draft);
char *signers_draft(const order_t *order);

#endif
