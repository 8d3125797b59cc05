/* office.c: see office.h. */
#include "tests/unit/coordinator/trust/office.h"

#include <stdio.h>
#include <string.h>

int64_t office_now_us = INT64_C(1800000000) * 1000 * 1000;

static void good(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        fail_msg("%s", err->message);
    }
}

static void make_curve(agent_key_t *key, uint8_t *secret) {
    curve_public_t made;
    curve_keypair(&made, secret);
    memcpy(key->bytes, made.bytes, sizeof key->bytes);
}

static void make_host(host_t *host, const char *name) {
    host->name = name;
    sign_keypair(&host->key, &host->secret);
    make_curve(&host->curve, host->curve_secret);
}

int office_set_up(void **state) {
    office_t *o = calloc(1, sizeof *o);
    void *fixture = NULL;
    assert_non_null(o);
    assert_int_equal(fixture_set_up(&fixture), 0);
    o->fixture = fixture;
    (void)snprintf(o->pin, sizeof o->pin, "%s/root.trust", o->fixture->folder);
    for (int i = 0; i < STAFF; i++) {
        sign_keypair(&o->keys[i], &o->secrets[i]);
    }
    make_curve(&o->curves[ADA], o->curve_secrets[ADA]);
    make_curve(&o->curves[OLGA], o->curve_secrets[OLGA]);
    make_host(&o->host, "agent-1");
    make_host(&o->other, "agent-2");
    office_pin(o, &(plan_t){.version = 1});
    *state = o;
    return 0;
}

int office_tear_down(void **state) {
    office_t *o = *state;
    void *fixture = o->fixture;
    office_close(o);
    int result = fixture_tear_down(&fixture);
    free(o);
    return result;
}

/* ------------------------------------------------------------------ documents */

static trust_key_t member(const office_t *o, staff_t who, trust_use_t use, const char *name) {
    trust_key_t key = {.key = o->keys[who],
                       .use = use,
                       .name = name,
                       .standing = TRUST_ACTIVE,
                       .from_us = NOW_US - 10 * DAY_US,
                       .reason = ""};
    memcpy(key.curve, o->curves[who].bytes, sizeof key.curve);
    return key;
}

static void sign_by(const office_t *o, document_t *document, const staff_t *signers) {
    error_t err = {0};
    for (; *signers != STAFF; signers++) {
        good(document_sign(document, &o->secrets[*signers], &err), &err);
    }
}

document_t *office_trust(const office_t *o, const plan_t *plan, const staff_t *signers) {
    static const trust_grant_t ADMIN[] = {{ROLE_ADMIN, "", "", "", NULL},
                                          {ROLE_OPERATOR, "", "", "", NULL}};
    static const trust_grant_t OPERATOR = {ROLE_OPERATOR, "", "", "", NULL};
    trust_key_t keys[STAFF] = {
        member(o, ROOT_ONE, TRUST_ROOT, "rosa"), member(o, ROOT_TWO, TRUST_ROOT, "rolf"),
        member(o, ADA, TRUST_OPERATOR, "ada"), member(o, OLGA, TRUST_OPERATOR, "olga"),
        member(o, ALAN, TRUST_OPERATOR, "alan")};
    keys[2].grants = keys[4].grants = ADMIN;
    keys[3].grants = &OPERATOR;
    keys[3].grant_count = keys[4].grant_count = 1;
    keys[2].grant_count = 2;
    if (plan->olga_retired) {
        keys[3].standing = TRUST_RETIRED;
        keys[3].until_us = NOW_US - DAY_US;
    }
    trust_threshold_t thresholds[] = {
        {ROLE_ADMIN, plan->admins > 0 ? plan->admins : 1, "", "", true},
        {ROLE_OPERATOR, 1, "", "", true}};
    trust_t trust = {
        .fleet = {.bytes = {plan->other_fleet ? 2 : 1}},
        .version = plan->version,
        .issued_us = plan->issued_us != 0 ? plan->issued_us : NOW_US - DAY_US,
        .expires_us = plan->expires_us != 0 ? plan->expires_us : NOW_US + 100 * DAY_US,
        .root_threshold = 2,
        .keys = keys,
        .key_count = plan->without_alan ? STAFF - 1 : STAFF,
        .thresholds = thresholds,
        .threshold_count = 2,
        .revoked_agents = plan->revoked,
        .revoked_agent_count = plan->revoked != NULL,
    };
    document_t *document = NULL;
    error_t err = {0};
    good(trust_write(&trust, &document, &err), &err);
    sign_by(o, document, signers);
    return document;
}

void office_pin(office_t *o, const plan_t *plan) {
    document_t *document = office_trust(o, plan, ROOTS);
    error_t err = {0};
    good(trust_file_write(document, o->pin, &err), &err);
    document_destroy(&document);
}

document_t *office_request(const host_t *host, int64_t issued_us) {
    request_t request = {.key = host->key, .name = host->name, .issued_us = issued_us};
    document_t *document = NULL;
    error_t err = {0};
    memcpy(request.curve, host->curve.bytes, sizeof request.curve);
    good(request_write(&request, &document, &err), &err);
    good(document_sign(document, &host->secret, &err), &err);
    return document;
}

document_t *office_card(const office_t *o, const host_t *host, const card_plan_t *plan,
                        const staff_t *signers) {
    card_t card = {.fleet = {.bytes = {1}},
                   .key = host->key,
                   .name = plan->name != NULL ? plan->name : host->name,
                   .issued_us = plan->issued_us != 0 ? plan->issued_us : NOW_US,
                   .expires_us = plan->expires_us,
                   .serial = plan->serial != 0 ? plan->serial : 1};
    const agent_key_t *curve = plan->curve != NULL ? plan->curve : &host->curve;
    document_t *document = NULL;
    error_t err = {0};
    memcpy(card.curve, curve->bytes, sizeof card.curve);
    good(card_write(&card, &document, &err), &err);
    sign_by(o, document, signers);
    return document;
}

document_t *office_revocation(const office_t *o, const sign_public_t *key, const staff_t *signers) {
    revocation_t revocation = {.fleet = {.bytes = {1}}, .key = *key, .at_us = NOW_US};
    document_t *document = NULL;
    error_t err = {0};
    (void)snprintf(revocation.reason, sizeof revocation.reason, "stolen");
    good(revocation_write(&revocation, &document, &err), &err);
    sign_by(o, document, signers);
    return document;
}

/* ------------------------------------------------------------------ the keeper at work */

static void begin(office_t *o) {
    error_clear(&o->err);
    good(store_begin(o->fixture->store, &o->err), &o->err);
}

/* Commit, or give up. */
static status_t end(office_t *o, status_t status) {
    error_t err = {0};
    if (status == STATUS_OK) {
        good(store_commit(o->fixture->store, &err), &err);
    } else {
        store_rollback(o->fixture->store);
    }
    return status;
}

status_t office_open(office_t *o) {
    keeper_options_t options = {.root = o->pin, .environment = "prod", .order_life_us = 7 * DAY_US};
    office_close(o);
    begin(o);
    return end(o, keeper_new(o->fixture->store, &options, NOW_US, &o->keeper, &o->err));
}

void office_close(office_t *o) {
    keeper_destroy(&o->keeper);
}

static keeper_paper_t paper_of(const document_t *document) {
    return (keeper_paper_t){.document = document, .by = "olga", .now_us = NOW_US};
}

status_t office_publish(office_t *o, document_t *document, bool *ret_known) {
    keeper_paper_t paper = paper_of(document);
    begin(o);
    status_t status = end(o, keeper_publish(o->keeper, &paper, ret_known, &o->err));
    document_destroy(&document);
    return status;
}

status_t office_revoke(office_t *o, document_t *document, bool *ret_known) {
    keeper_paper_t paper = paper_of(document);
    begin(o);
    status_t status = end(o, keeper_revoke(o->keeper, &paper, ret_known, &o->err));
    document_destroy(&document);
    return status;
}

status_t office_accept(office_t *o, document_t *request, document_t *card,
                       enrolment_verdict_t *ret_verdict) {
    enrolment_card_t brought = {.request = request, .card = card, .now_us = NOW_US};
    begin(o);
    status_t status = end(o, enrolment_accept(o->keeper, &brought, ret_verdict, &o->err));
    document_destroy(&request);
    document_destroy(&card);
    return status;
}

status_t office_invite(office_t *o, const agent_key_t *curve, const char *name, int64_t now_us) {
    invitation_row_t invitation = {.curve = *curve,
                                   .name = name,
                                   .made_by = "ada",
                                   .made_us = now_us,
                                   .expires_us = now_us + DAY_US};
    begin(o);
    return end(o, enrolment_invite(o->keeper, &invitation, &o->err));
}

status_t office_ask(office_t *o, const agent_key_t *curve, document_t *request, int64_t now_us,
                    enrolment_state_t *ret_state) {
    enrolment_ask_t ask = {.request = request, .invited = *curve, .now_us = now_us};
    begin(o);
    status_t status = end(o, enrolment_ask(o->keeper, &ask, ret_state, &o->err));
    document_destroy(&request);
    return status;
}

status_t office_reject(office_t *o, const char *name) {
    enrolment_refusal_t refusal = {.name = name, .reason = "not ours", .now_us = NOW_US};
    begin(o);
    return end(o, enrolment_reject(o->keeper, &refusal, &o->err));
}

enrolment_state_t office_state(office_t *o, const host_t *host) {
    CLEANUP(arena_free) arena_t arena = {0};
    enrolment_row_t row = {0};
    error_t err = {0};
    if (store_enrolment_get(o->fixture->store, &host->key, &arena, &row, &err) != STATUS_OK) {
        assert_int_equal(err.code, ERROR_NOT_FOUND);
    }
    return row.state;
}

const zap_peer_t *office_peer(office_t *o, const agent_key_t *curve, int64_t now_us) {
    static zap_peer_t found;
    roster_t roster;
    error_t err = {0};
    const zap_peer_t *peer = NULL;
    good(roster_read(o->keeper, now_us, &roster, &err), &err);
    for (size_t i = 0; i < roster.count; i++) {
        if (memcmp(roster.peers[i].key.bytes, curve->bytes, sizeof curve->bytes) == 0) {
            assert_null(peer); /* a key stands there once */
            found = roster.peers[i];
            peer = &found;
        }
    }
    roster_free(&roster);
    return peer;
}
