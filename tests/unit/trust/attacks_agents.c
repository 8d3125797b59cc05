/* Attacks with agents' cards and with revocations. */
#include "tests/unit/trust/attack.h"

static status_t verify_card(world_t *world, error_t *err) {
    TRY(world_pin(world, err));
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(world_write_card(world, 0, &document, err));
    TRY(world_travel(&document, err));
    trust_view_t view = world_view(world);
    card_t *card = NULL;
    status_t status = card_verify(&view, document, &card, err);
    card_destroy(&card);
    return status;
}

static status_t name_of_two_lines(world_t *world, error_t *err) {
    world->cards[0].name = "agent-1\nagent-2";
    return verify_card(world, err);
}

static status_t clusters_unsorted(world_t *world, error_t *err) {
    static const uint64_t CLUSTERS[] = {CLUSTER_B, CLUSTER_A};
    world->cards[0].clusters = CLUSTERS;
    world->cards[0].cluster_count = 2;
    return verify_card(world, err);
}

static status_t ends_before(world_t *world, error_t *err) {
    world->cards[0].issued_us = NOW_US;
    world->cards[0].expires_us = NOW_US - TRUST_MINUTE_US;
    return verify_card(world, err);
}

static status_t other_fleet(world_t *world, error_t *err) {
    world->cards[0].fleet.bytes[9] ^= 1;
    return verify_card(world, err);
}

static status_t not_yet(world_t *world, error_t *err) {
    world->cards[0].issued_us = NOW_US + TRUST_DAY_US;
    return verify_card(world, err);
}

static status_t ended(world_t *world, error_t *err) {
    world->cards[0].expires_us = NOW_US - TRUST_DAY_US;
    return verify_card(world, err);
}

static status_t listed_as_revoked(world_t *world, error_t *err) {
    world->revoked_agents[0] = *world_public(AGENT_A);
    world->plan.revoked_agent_count = 1;
    return verify_card(world, err);
}

static status_t revoked_since(world_t *world, error_t *err) {
    TRY(revoked_add(&world->revoked, world_public(AGENT_A), err));
    return verify_card(world, err);
}

/* Signed by an administrator's key after it had retired. */
static status_t by_retired(world_t *world, error_t *err) {
    world->keys[ADMIN_B].standing = TRUST_RETIRED;
    world->keys[ADMIN_B].until_us = NOW_US - 30 * TRUST_DAY_US;
    world->plan.threshold_count = 3; /* two administrators are no longer to be had */
    world->thresholds[2] = (trust_threshold_t){ROLE_ADMIN, 1, "", "", true};
    SIGN_BY(&world->admins, ADMIN_B);
    return verify_card(world, err);
}

static status_t send_revocation(world_t *world, revocation_t *revocation, error_t *err) {
    TRY(world_pin(world, err));
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(revocation_write(revocation, &document, err));
    TRY(world_sign(document, &world->admins, err));
    TRY(world_travel(&document, err));
    trust_view_t view = world_view(world);
    return revocation_verify(&view, document, revocation, err);
}

static revocation_t revocation_of(const world_t *world, which_t which) {
    revocation_t revocation = {
        .fleet = world->plan.fleet, .key = *world_public(which), .at_us = NOW_US};
    (void)snprintf(revocation.reason, sizeof revocation.reason, "lost");
    return revocation;
}

static status_t other_fleets_revocation(world_t *world, error_t *err) {
    revocation_t revocation = revocation_of(world, AGENT_A);
    revocation.fleet.bytes[0] ^= 1;
    return send_revocation(world, &revocation, err);
}

static status_t revoked_root(world_t *world, error_t *err) {
    revocation_t revocation = revocation_of(world, ROOT_A);
    return send_revocation(world, &revocation, err);
}

static status_t hostile_reason(world_t *world, error_t *err) {
    revocation_t revocation = revocation_of(world, AGENT_A);
    (void)snprintf(revocation.reason, sizeof revocation.reason, "lost\x1b[2J");
    return send_revocation(world, &revocation, err);
}

static status_t revoked_by_one(world_t *world, error_t *err) {
    revocation_t revocation = revocation_of(world, OP_A);
    SIGN_BY(&world->admins, ADMIN_B);
    return send_revocation(world, &revocation, err);
}

/* A revocation's body under a card's kind, and the other way round. */
static status_t card_as_revocation(world_t *world, error_t *err) {
    TRY(world_pin(world, err));
    revocation_t revocation = revocation_of(world, AGENT_A);
    CLEANUP(document_destroy_p) document_t *good = NULL;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(revocation_write(&revocation, &good, err));
    document_body_t body = {.kind = DOCUMENT_CARD, .bytes = good->body, .size = good->body_size};
    TRY(document_new(&body, &document, err));
    TRY(world_sign(document, &world->admins, err));
    trust_view_t view = world_view(world);
    return revocation_verify(&view, document, &revocation, err);
}

/* --- who wants to become an agent ------------------------------------------------------------ */

static status_t send_request(const request_t *request, const signers_t *signers, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(request_destroy_p) request_t *arrived = NULL;
    TRY(request_write(request, &document, err));
    TRY(world_sign(document, signers, err));
    TRY(world_travel(&document, err));
    return request_verify(document, &arrived, err);
}

static const signers_t ITSELF = {.keys = {AGENT_A}, .count = 1};

/* The key of an agent that is there already, asked for by somebody else. */
static status_t anothers_key(world_t *world, error_t *err) {
    static const signers_t OTHER = {.keys = {AGENT_B}, .count = 1};
    request_t request = world_request(world);
    return send_request(&request, &OTHER, err);
}

static status_t vouched_for(world_t *world, error_t *err) {
    static const signers_t BOTH = {.keys = {AGENT_A, ADMIN_A}, .count = 2};
    request_t request = world_request(world);
    return send_request(&request, &BOTH, err);
}

static status_t newcomer_of_two_lines(world_t *world, error_t *err) {
    request_t request = world_request(world);
    request.name = "agent-1\x1b[2Kagent-2";
    return send_request(&request, &ITSELF, err);
}

static status_t key_of_zeros(world_t *world, error_t *err) {
    request_t request = world_request(world);
    memset(request.curve, 0, sizeof request.curve);
    return send_request(&request, &ITSELF, err);
}

static status_t cluster_zero(world_t *world, error_t *err) {
    static const uint64_t CLUSTERS[] = {0, CLUSTER_A};
    request_t request = world_request(world);
    request.clusters = CLUSTERS;
    request.cluster_count = 2;
    return send_request(&request, &ITSELF, err);
}

/* A request's body that administrators signed as a card. */
static status_t request_as_card(world_t *world, error_t *err) {
    request_t request = world_request(world);
    CLEANUP(document_destroy_p) document_t *good = NULL;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(request_destroy_p) request_t *arrived = NULL;
    TRY(request_write(&request, &good, err));
    document_body_t body = {.kind = DOCUMENT_CARD, .bytes = good->body, .size = good->body_size};
    TRY(document_new(&body, &document, err));
    TRY(world_sign(document, &ITSELF, err));
    return request_verify(document, &arrived, err);
}

static const attack_t LIST[] = {
    {CHECK_CARD_TEXT, "an agent's name of two lines", name_of_two_lines},
    {CHECK_CARD_CLUSTERS_ASCEND, "clusters out of order", clusters_unsorted},
    {CHECK_CARD_DATES, "a card that ends before it begins", ends_before},
    {CHECK_FLEET_CARD, "another fleet's card", other_fleet},
    {CHECK_CARD_BEGUN, "a card from tomorrow", not_yet},
    {CHECK_CARD_NOT_ENDED, "a card that has ended", ended},
    {CHECK_CARD_NOT_REVOKED, "an agent that the trust file revoked", listed_as_revoked},
    {CHECK_CARD_NOT_REVOKED, "an agent that was revoked since", revoked_since},
    {CHECK_KEY_NOT_RETIRED, "a card by a retired administrator", by_retired},
    {CHECK_FLEET_REVOCATION, "another fleet's revocation", other_fleets_revocation},
    {CHECK_REVOCATION_NO_ROOT, "administrators who revoke a root key", revoked_root},
    {CHECK_REVOCATION_TEXT, "a reason with control characters", hostile_reason},
    {CHECK_THRESHOLD_REACHED, "a revocation one signature short", revoked_by_one},
    {CHECK_KIND, "a revocation signed as a card", card_as_revocation},
    {CHECK_REQUEST_SIGNER, "a request for another's key", anothers_key},
    {CHECK_REQUEST_SIGNER, "a request that others signed, too", vouched_for},
    {CHECK_REQUEST_TEXT, "a newcomer's name with control characters", newcomer_of_two_lines},
    {CHECK_REQUEST_CURVE, "a transport key of zeros", key_of_zeros},
    {CHECK_REQUEST_CLUSTERS_ASCEND, "a cluster 0 among others", cluster_zero},
    {CHECK_KIND, "a request's body signed as a card", request_as_card},
};

attacks_t attacks_agents(void) {
    return ATTACKS(LIST);
}
