/* Attacks on what opens a later wave. */
#include "tests/unit/trust/attack.h"

static status_t tenant_twice(world_t *world, error_t *err) {
    world->entries[0][2] = world->entries[0][1];
    world->results[0].entry_count = 3;
    return world_open_wave(world, err);
}

/* Agent 2's result beside agent 1's card. */
static status_t under_anothers_card(world_t *world, error_t *err) {
    world->result_signers[0] = AGENT_B;
    return world_open_wave(world, err);
}

static status_t signed_by_coordinator(world_t *world, error_t *err) {
    world->result_signers[1] = COORDINATOR;
    return world_open_wave(world, err);
}

static status_t other_fleets_result(world_t *world, error_t *err) {
    world->results[1].fleet.bytes[0] ^= 1;
    return world_open_wave(world, err);
}

static status_t other_orders_result(world_t *world, error_t *err) {
    memset(world->results[1].order.bytes, 3, DIGEST_BYTES);
    return world_open_wave(world, err);
}

static status_t other_waves_result(world_t *world, error_t *err) {
    world->results[1].wave = 1;
    return world_open_wave(world, err);
}

static status_t result_ahead(world_t *world, error_t *err) {
    world->results[0].issued_us = NOW_US + TRUST_DAY_US;
    /* the soak must not be what refuses it */
    world->waves[0].soak_us = 0;
    world->entries[0][0].tenant = world->leaves[WAVE_0].tenant;
    world->entries[0][1].tenant = world->leaves[WAVE_0 + 1].tenant;
    world->waves[0].budget_count = 2;
    return world_open_wave(world, err);
}

static status_t result_before_order(world_t *world, error_t *err) {
    world->results[0].issued_us = NOW_US - 9 * TRUST_DAY_US;
    return world_open_wave(world, err);
}

/* Agent 1 says that agent 2's tenant is well; agent 2 says nothing. */
static status_t for_anothers_cluster(world_t *world, error_t *err) {
    world->entries[0][2] = world->entries[1][0];
    world->results[0].entry_count = 3;
    world->parts.statement_count = 1;
    return world_open_wave(world, err);
}

/* One statement says that it failed, another that it went well. */
static status_t hidden_failure(world_t *world, error_t *err) {
    world->entries[1][0] = (result_entry_t){world->leaves[1].tenant, RESULT_FAILED};
    world->entries[1][1] = (result_entry_t){world->leaves[2].tenant, RESULT_DONE};
    world->results[1].entry_count = 2;
    return world_open_wave(world, err);
}

/* The world's ticket and one statement more. */
static status_t one_more(world_t *world, saying_t saying, error_t *err) {
    TRY(world_verify(world, err));
    TRY(world_write_ticket(world, err));
    TRY(world_say(world, &saying, err));
    return world_verify_ticket(world, err);
}

/* An agent said that a tenant was well before it said that it failed. */
static status_t failed_since(world_t *world, error_t *err) {
    world->entries[0][1].outcome = RESULT_FAILED;
    return one_more(world,
                    (saying_t){0,
                               {world->leaves[1].tenant, RESULT_DONE},
                               world->results[0].issued_us - TRUST_MINUTE_US},
                    err);
}

static status_t both_at_once(world_t *world, error_t *err) {
    world->entries[0][1].outcome = RESULT_FAILED;
    return one_more(
        world, (saying_t){0, {world->leaves[1].tenant, RESULT_DONE}, world->results[0].issued_us},
        err);
}

/* A later word of another agent takes nothing back. */
static status_t another_agents_later_word(world_t *world, error_t *err) {
    world->entries[0][1].outcome = RESULT_FAILED;
    return one_more(world,
                    (saying_t){1, {world->leaves[1].tenant, RESULT_DONE}, NOW_US - TRUST_MINUTE_US},
                    err);
}

static status_t failed_where_silence_passes(world_t *world, error_t *err) {
    world->waves[0].silence_passes = true;
    world->entries[0][1].outcome = RESULT_FAILED;
    return world_open_wave(world, err);
}

/* Silence passes in the wave that is opened, not in the one before. */
static status_t silence_of_another_wave(world_t *world, error_t *err) {
    world->waves[1].silence_passes = true;
    world->parts.statement_count = 1;
    return world_open_wave(world, err);
}

/* Every statement is kept back, so that the soak had nothing to begin with. */
static status_t silent_soak(world_t *world, error_t *err) {
    world->waves[0].silence_passes = true;
    world->waves[0].soak_us = TRUST_DAY_US;
    world->parts.statement_count = 0;
    return world_open_wave(world, err);
}

static status_t other_orders_ticket(world_t *world, error_t *err) {
    memset(world->parts.order.bytes, 8, DIGEST_BYTES);
    return world_open_wave(world, err);
}

static status_t other_waves_ticket(world_t *world, error_t *err) {
    world->parts.wave = 2;
    return world_open_wave(world, err);
}

static status_t smaller_wave(world_t *world, error_t *err) {
    world->entries[1][0].outcome = RESULT_FAILED;
    world->parts.leaf_count = 2;
    return world_open_wave(world, err);
}

/* The failed tenant is exchanged for one that nobody ordered. */
static status_t exchanged_tenant(world_t *world, error_t *err) {
    static leaf_t leaves[WAVE_0];
    memcpy(leaves, world->leaves, sizeof leaves);
    memset(leaves[2].tenant.bytes, 0x70, IDENT_BYTES);
    leaves[2].cluster = 0;
    world->entries[1][0].tenant = leaves[2].tenant;
    world->parts.leaves = leaves;
    return world_open_wave(world, err);
}

/* A restore's leaf, with another backup in it. */
static status_t exchanged_backup(world_t *world, error_t *err) {
    static leaf_t leaves[WAVE_0];
    memcpy(leaves, world->leaves, sizeof leaves);
    memset(leaves[1].reference.bytes, 0xbb, IDENT_BYTES);
    world->parts.leaves = leaves;
    return world_open_wave(world, err);
}

static status_t a_failure(world_t *world, error_t *err) {
    world->entries[0][1].outcome = RESULT_FAILED;
    return world_open_wave(world, err);
}

static status_t left_out(world_t *world, error_t *err) {
    world->parts.statement_count = 1;
    return world_open_wave(world, err);
}

static status_t no_statement(world_t *world, error_t *err) {
    world->parts.statement_count = 0;
    world->waves[0].budget_count = 2;
    return world_open_wave(world, err);
}

static status_t over_the_share(world_t *world, error_t *err) {
    world->waves[0].budget_percent_bp = 3300; /* of three: none */
    return a_failure(world, err);
}

static status_t before_the_soak(world_t *world, error_t *err) {
    world->waves[0].soak_us = 60 * TRUST_MINUTE_US;
    return world_open_wave(world, err);
}

static status_t wants_approval(world_t *world, error_t *err) {
    world->waves[1].needs_approval = true;
    return world_open_wave(world, err);
}

static status_t revoked_agent(world_t *world, error_t *err) {
    TRY(revoked_add(&world->revoked, world_public(AGENT_B), err));
    return world_open_wave(world, err);
}

static status_t ticket_with_more(world_t *world, error_t *err) {
    TRY(world_verify(world, err));
    TRY(world_write_ticket(world, err));
    buffer_append(&world->ticket, "\x38\x01", 2); /* field 7 */
    ticket_claim_t claim = {1, world->ticket.data, world->ticket.size};
    ticket_verdict_t verdict;
    return ticket_verify(&world->authority, &claim, &verdict, err);
}

/* --- approvals ------------------------------------------------------------------------------- */

/* An operators' order over the first one, shown as if it approved. */
static status_t retry_as_approval(world_t *world, error_t *err) {
    TRY(world_verify(world, err));
    world->plan_approval.kind = ORDER_RETRY;
    world->plan_approval.subject = world->order->digest;
    world->plan_approval.subject_wave = 0;
    world->plan_approval.proposer = *world_public(OP_A);
    SIGN_BY(&world->approvers, OP_A, OP_B);
    return world_approve_wave(world, err);
}

static status_t approval_of_another_order(world_t *world, error_t *err) {
    memset(world->plan_approval.subject.bytes, 4, DIGEST_BYTES);
    return world_approve_wave(world, err);
}

static status_t approval_of_another_wave(world_t *world, error_t *err) {
    world->plan_approval.subject_wave = 2;
    return world_approve_wave(world, err);
}

static status_t approval_elsewhere(world_t *world, error_t *err) {
    world->plan_approval.environment = "test";
    world->grants[APPROVER][0].environment = "test";
    return world_approve_wave(world, err);
}

static status_t approval_by_operator(world_t *world, error_t *err) {
    world->plan_approval.proposer = *world_public(OP_B);
    SIGN_BY(&world->approvers, OP_B);
    return world_approve_wave(world, err);
}

/* Who proposed the rollout may approve waves, but not this one's. */
static status_t approval_by_proposer(world_t *world, error_t *err) {
    world->thresholds[2].proposer_counts = false;
    world->grants[OP_A][1] = (trust_grant_t){ROLE_APPROVER, "", "", "", NULL};
    world->keys[OP_A].grant_count = 2;
    world->plan_approval.proposer = *world_public(OP_A);
    SIGN_BY(&world->approvers, OP_A);
    return world_approve_wave(world, err);
}

static status_t approval_ended(world_t *world, error_t *err) {
    world->plan_approval.issued_us = NOW_US - 3 * TRUST_DAY_US;
    world->plan_approval.not_before_us = NOW_US - 3 * TRUST_DAY_US;
    world->plan_approval.expires_us = NOW_US - TRUST_DAY_US;
    return world_approve_wave(world, err);
}

static status_t approval_of_another_fleet(world_t *world, error_t *err) {
    world->plan_approval.fleet.bytes[0] ^= 1;
    return world_approve_wave(world, err);
}

static const attack_t LIST[] = {
    {CHECK_RESULT_ASCEND, "a tenant twice in one result", tenant_twice},
    {CHECK_RESULT_SIGNER, "a result beside another's card", under_anothers_card},
    {CHECK_RESULT_SIGNER, "a result that the coordinator signed", signed_by_coordinator},
    {CHECK_FLEET_RESULT, "another fleet's result", other_fleets_result},
    {CHECK_RESULT_ORDER, "another order's result", other_orders_result},
    {CHECK_RESULT_WAVE, "another wave's result", other_waves_result},
    {CHECK_RESULT_PAST, "a result from tomorrow", result_ahead},
    {CHECK_RESULT_PAST, "a result from before its order", result_before_order},
    {CHECK_RESULT_CLUSTER, "an agent that speaks for another's cluster", for_anothers_cluster},
    {CHECK_RESULT_CONFLICT, "a failure that a second statement hides", hidden_failure},
    {CHECK_RESULT_CONFLICT, "an agent that says both at once", both_at_once},
    {CHECK_RESULT_CONFLICT, "another agent's later word", another_agents_later_word},
    {CHECK_RESULT_LATEST, "a failure behind what its agent said before", failed_since},
    {CHECK_RESULT_SILENCE, "an agent left out of a wave without budget", left_out},
    {CHECK_RESULT_SILENCE, "silence that passes in another wave", silence_of_another_wave},
    {CHECK_TICKET_ORDER, "another order's ticket", other_orders_ticket},
    {CHECK_TICKET_WAVE, "another wave's ticket", other_waves_ticket},
    {CHECK_TICKET_LEAVES, "a wave made smaller", smaller_wave},
    {CHECK_TICKET_LEAVES, "a tenant exchanged", exchanged_tenant},
    {CHECK_TICKET_LEAVES, "a backup exchanged", exchanged_backup},
    {CHECK_TICKET_BUDGET, "a failure where silence passes", failed_where_silence_passes},
    {CHECK_TICKET_BUDGET, "a failure past the budget", a_failure},
    {CHECK_TICKET_BUDGET, "an agent left out", left_out},
    {CHECK_TICKET_BUDGET, "no statement at all", no_statement},
    {CHECK_TICKET_BUDGET, "a share that is less than one", over_the_share},
    {CHECK_TICKET_SOAK, "a wave that still soaks", before_the_soak},
    {CHECK_TICKET_SOAK, "a soak with nothing to begin with", silent_soak},
    {CHECK_TICKET_NEEDS_APPROVAL, "results where an approval is wanted", wants_approval},
    {CHECK_CARD_NOT_REVOKED, "a revoked agent's result", revoked_agent},
    {CHECK_CANONICAL, "an unknown field in a ticket", ticket_with_more},
    {CHECK_APPROVAL_WAVE, "a retry shown as an approval", retry_as_approval},
    {CHECK_APPROVAL_ORDER, "an approval of another order", approval_of_another_order},
    {CHECK_APPROVAL_WAVE, "an approval of another wave", approval_of_another_wave},
    {CHECK_APPROVAL_SCOPE, "an approval for another environment", approval_elsewhere},
    {CHECK_GRANT_ROLE, "an approval by an operator", approval_by_operator},
    {CHECK_PROPOSER_APART, "an approval by the rollout's proposer", approval_by_proposer},
    {CHECK_ORDER_NOT_ENDED, "an approval that has ended", approval_ended},
    {CHECK_FLEET_ORDER, "another fleet's approval", approval_of_another_fleet},
};

attacks_t attacks_tickets(void) {
    return ATTACKS(LIST);
}
