/*
 * office.h: a fleet's root keys, admins and operators, what they sign, hosts that ask, and a
 * catalog: for tests of who is let in.
 */
#ifndef DROVER_TESTS_TRUST_OFFICE_H
#define DROVER_TESTS_TRUST_OFFICE_H

#include "common/trust/request.h"
#include "common/trust/trust_file.h"
#include "coordinator/trust/enrolment.h"
#include "coordinator/trust/roster.h"
#include "tests/unit/coordinator/store/fixture.h"

#define DAY_US TRUST_DAY_US
/* The moment of all that is signed here; a test with a real clock sets it. */
extern int64_t office_now_us;
#define NOW_US office_now_us

typedef enum staff {
    ROOT_ONE,
    ROOT_TWO,
    ADA,  /* admin, with a transport key */
    ALAN, /* admin, without */
    OLGA, /* operator, with a transport key */
    STAFF
} staff_t;

/* What a trust file says beside who is who. */
typedef struct plan {
    int64_t version;
    int64_t issued_us;  /* 0: a day ago */
    int64_t expires_us; /* 0: in 100 days */
    uint32_t admins;    /* threshold; 0: 1 */
    bool without_alan;
    bool olga_retired;
    bool other_fleet;
    const sign_public_t *revoked; /* an agent; NULL: none */
} plan_t;

/* A host that wants to be an agent. */
typedef struct host {
    const char *name;
    sign_public_t key;
    sign_secret_t secret;
    agent_key_t curve;
    uint8_t curve_secret[CURVE_BYTES];
} host_t;

typedef struct office {
    fixture_t *fixture; /* first: OK and FAILS take it */
    error_t err;        /* of the last call */
    char pin[96];
    keeper_t *keeper;
    sign_public_t keys[STAFF];
    sign_secret_t secrets[STAFF];
    agent_key_t curves[STAFF]; /* zero: none */
    uint8_t curve_secrets[STAFF][CURVE_BYTES];
    host_t host;
    host_t other;
} office_t;

/* cmocka's: *state is an office_t with catalog and a pin, version 1 by one admin; no keeper yet. */
int office_set_up(void **state);
int office_tear_down(void **state);

#define OFFICE_TEST(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, office_set_up, office_tear_down)

/* A signed document; the caller destroys it. Signers: a list that ends with STAFF. */
document_t *office_trust(const office_t *o, const plan_t *plan, const staff_t *signers);
#define BY(...) ((const staff_t[]){__VA_ARGS__, STAFF})
#define ROOTS BY(ROOT_ONE, ROOT_TWO)

/* Write the pin's file. */
void office_pin(office_t *o, const plan_t *plan);
/* Open the keeper anew in a transaction that is committed; the error of what failed in o->err. */
status_t office_open(office_t *o);
void office_close(office_t *o);

document_t *office_request(const host_t *host, int64_t issued_us);
/* A card of the host; serial 0: 1. */
typedef struct card_plan {
    int64_t serial;
    int64_t expires_us;
    const char *name;         /* NULL: the host's */
    const agent_key_t *curve; /* NULL: the host's */
    int64_t issued_us;        /* 0: NOW_US */
} card_plan_t;
document_t *office_card(const office_t *o, const host_t *host, const card_plan_t *plan,
                        const staff_t *signers);
document_t *office_revocation(const office_t *o, const sign_public_t *key, const staff_t *signers);

/* In transactions of their own; the document is destroyed. */
status_t office_publish(office_t *o, document_t *document, bool *ret_known);
status_t office_revoke(office_t *o, document_t *document, bool *ret_known);
status_t office_accept(office_t *o, document_t *request, document_t *card,
                       enrolment_verdict_t *ret_verdict);
status_t office_invite(office_t *o, const agent_key_t *curve, const char *name, int64_t now_us);
status_t office_ask(office_t *o, const agent_key_t *curve, document_t *request, int64_t now_us,
                    enrolment_state_t *ret_state);
status_t office_reject(office_t *o, const char *name);

/* The host's row; state 0 where there is none. */
enrolment_state_t office_state(office_t *o, const host_t *host);

/* Who the roster lets in with that key at that time; NULL: nobody. Borrowed until the next call. */
const zap_peer_t *office_peer(office_t *o, const agent_key_t *curve, int64_t now_us);

#define GOOD(o, call)                                                                              \
    do {                                                                                           \
        if ((call) != STATUS_OK) {                                                                 \
            fail_msg("line %d: %s", __LINE__, (o)->err.message);                                   \
        }                                                                                          \
    } while (0)
#define BAD(o, code_, call)                                                                        \
    do {                                                                                           \
        assert_int_equal(call, STATUS_ERROR);                                                      \
        assert_string_equal(error_code_name((o)->err.code), #code_);                               \
    } while (0)

#endif
