/*
 * warrant.c: what an agent refuses to do, one test for each thing, each beside the job that it
 * does. Judged by the court, as in the program: the order and its ticket come in chunks.
 */
#include "tests/unit/agent/trust/host.h"

#include "common/config/policy_config.h"

#include <stdio.h>

static int start(void **state) {
    host_t *host = calloc(1, sizeof *host);
    host_open(host);
    *state = host;
    return 0;
}

static int stop(void **state) {
    host_close(*state);
    free(*state);
    return 0;
}

/* A host whose pin and order are the world's as they come. */
static host_t *good(void **state) {
    host_t *host = *state;
    host_start(host);
    host_order(host);
    return host;
}

/* ---- as it comes ---- */

static void test_what_was_signed_is_done(void **state) {
    host_t *host = good(state);
    host_grant(host);
    assert_int_equal(host->warrant.number, host->world.leaves[0].number);
    assert_int_equal(host->warrant.wave, 0);
    assert_true(host->warrant.main);
    assert_true(host->asked > 1); /* in several chunks */
    size_t asked = host->asked;
    host_aim(host, 0, 1);
    host_grant(host);
    assert_int_equal(host->asked, asked); /* verified once, for all its jobs */
}

static void test_looks_and_undo_under_a_rollout_are_not_its_main_action(void **state) {
    host_t *host = good(state);
    host->job.kind = JOB_KIND_LOOK;
    host_grant(host);
    assert_false(host->warrant.main);
    assert_int_equal(host->warrant.number, 0);
    host->job.kind = JOB_KIND_UNDO;
    host->job.target = 3;
    host_grant(host);
    assert_false(host->warrant.main);
    assert_true(host->warrant.number > 0);
}

/* ---- a standing order ---- */

/* The claim that a coordinator makes of the first tenant. */
static void claim(host_t *host) {
    proof_t proof = {.leaf = host->world.leaves[0]};
    proof.leaf.number = host->world.plan_order.issued_us;
    buffer_clear(&host->proof);
    proof_encode(&proof, &host->proof);
    host->job.proof = host->proof.data;
    host->job.proof_size = host->proof.size;
    host->job.order_id = host->world.plan_order.id;
}

static host_t *standing(void **state) {
    host_t *host = *state;
    host->world.plan_order.standing = "tier=gold";
    host->world.plan_order.wave_count = 0;
    host_start(host);
    host_order(host);
    claim(host);
    return host;
}

static void test_a_standing_order_moves_whom_it_means(void **state) {
    host_t *host = standing(state);
    error_t err = {0};
    host_grant(host);
    assert_true(host->warrant.standing);
    assert_int_equal(host->warrant.claimed_from, 3);
    assert_int_equal(host->warrant.number, host->world.plan_order.issued_us);
    assert_false(host->warrant.main); /* it has no wave whose evidence this could be */
    host->job.kind = JOB_KIND_UNDO;
    host->job.target = 3;
    host_grant(host);
    MUST(journal_commit(host->journal, &err));
    MUST(host_restart(host, &err));
    host_grant(host);
}

static void test_a_standing_order_means_who_the_agent_says_it_is(void **state) {
    host_t *host = standing(state);
    host->world.label.value = "silver";
    host_refuses(host, ERROR_ORDER_TENANT);
    host->facts.labels.label_count = 0;
    host_refuses(host, ERROR_ORDER_TENANT);
}

static void test_a_standing_order_past_its_end(void **state) {
    host_t *host = standing(state);
    host_grant(host);
    host->world.now_us = host->world.plan_order.expires_us + TRUST_SKEW_US + 1;
    host_refuses(host, ERROR_ORDER_EXPIRED);
}

static void test_a_standing_order_under_another_id(void **state) {
    host_t *host = standing(state);
    host->job.order_id.bytes[0] ^= 1; /* the ledger could not tell whose work it was */
    host_refuses(host, ERROR_ORDER_SCOPE);
}

static void test_a_standing_order_undoes_its_own_work_alone(void **state) {
    host_t *host = standing(state);
    host->job.kind = JOB_KIND_UNDO;
    host->job.target = 3;
    host_refuses(host, ERROR_ORDER_TENANT);
}

/* A baseline comes after the order, and is no reason to leave its tenant out; what moved it is. */
static void accept_later(host_t *host, job_kind_t kind) {
    error_t err = {0};
    warrant_job_t later = host->job;
    warrant_t warrant = {.number = host->world.plan_order.issued_us + 1};
    later.kind = kind;
    memset(later.order.bytes, 0x55, DIGEST_BYTES);
    MUST(court_accept(host->court, &later, &warrant, &err));
    MUST(journal_commit(host->journal, &err));
    MUST(host_restart(host, &err));
}

static void test_a_standing_order_after_a_baseline(void **state) {
    host_t *host = standing(state);
    journal_accepted_t accepted = {.tenant = host->job.tenant, .application = "app"};
    error_t err = {0};
    accept_later(host, JOB_KIND_BASELINE);
    host_grant(host);
    MUST(journal_find_accepted(host->journal, &accepted, &err));
    assert_true(accepted.number == host->world.plan_order.issued_us + 1); /* it never goes back */
    assert_true(accepted.moved == host->world.plan_order.issued_us);
    assert_true(digest_equal(&accepted.moved_order, &host->job.order));
}

static void test_a_standing_order_after_a_newer_order(void **state) {
    host_t *host = standing(state);
    accept_later(host, JOB_KIND_FORWARD);
    host_refuses(host, ERROR_ORDER_SUPERSEDED);
    host->job.kind = JOB_KIND_UNDO;
    host->job.target = 3;
    host_refuses(host, ERROR_ORDER_TENANT);
}

static void test_a_claim_under_an_order_with_tenants(void **state) {
    host_t *host = good(state);
    claim(host);
    host_refuses(host, ERROR_ORDER_PROOF);
}

/* ---- no order, no proof, another's ---- */

static void test_no_order(void **state) {
    host_t *host = good(state);
    host->job.order = (digest_t){{0}};
    host_refuses(host, ERROR_ORDER_MISSING);
}

static void test_no_proof(void **state) {
    host_t *host = good(state);
    host->job.proof_size = 0;
    host_refuses(host, ERROR_ORDER_MISSING);
}

static void test_an_order_that_the_coordinator_lacks(void **state) {
    host_t *host = good(state);
    host->job.order.bytes[0] ^= 1;
    host_refuses(host, ERROR_ORDER_MISSING);
}

static void test_a_proof_that_was_changed(void **state) {
    host_t *host = good(state);
    host->proof.data[30] = (char)(host->proof.data[30] ^ 1); /* its number */
    host_refuses(host, ERROR_ORDER_PROOF);
}

static void test_another_order_of_the_same_people(void **state) {
    host_t *host = good(state);
    host->world.leaves[0].number++;
    const uint8_t *proof = host->job.proof;
    CLEANUP(free_p) uint8_t *kept = malloc(host->job.proof_size);
    memcpy(kept, proof, host->job.proof_size);
    size_t size = host->job.proof_size;
    host_order(host); /* of another number */
    host->job.proof = kept;
    host->job.proof_size = size;
    host_refuses(host, ERROR_ORDER_PROOF);
}

static void test_an_order_of_strangers(void **state) {
    host_t *host = *state;
    SIGN_BY(&host->world.signers, STRANGER);
    host->world.plan_order.proposer = *world_public(STRANGER);
    host_start(host);
    host_order(host);
    host_refuses(host, ERROR_TRUST_THRESHOLD);
}

/* Who signed is known before anything is read: a stranger's bytes reach no parser. */
static void test_a_strangers_bytes_are_not_read(void **state) {
    host_t *host = good(state);
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    document_body_t body = {.kind = DOCUMENT_ORDER, .bytes = "no order", .size = 8};
    signers_t signers;
    error_t err = {0};
    SIGN_BY(&signers, STRANGER);
    MUST(document_new(&body, &document, &err));
    MUST(world_sign(document, &signers, &err));
    MUST(document_encode(document, &bytes, &err));
    host_serve(host, &document->id, &bytes);
    host->job.order = document->id;
    host_refuses(host, ERROR_TRUST_THRESHOLD);
}

static void test_one_signature_short(void **state) {
    host_t *host = *state;
    char path[HOST_PATH];
    char file[2 * HOST_PATH];
    char text[DIGEST_TEXT_SIZE];
    SIGN_BY(&host->world.signers, OP_A);
    host_start(host);
    host_order(host);
    host_refuses(host, ERROR_TRUST_THRESHOLD);
    host_path(host, "papers", path);
    (void)snprintf(file, sizeof file, "%s/%s.order", path, digest_text(&host->job.order, text));
    assert_int_not_equal(access(file, F_OK), 0); /* what is not believed is not kept */
    SIGN_BY(&host->world.signers, OP_A, OP_B);   /* the second person has signed since */
    host->served_count = 0;
    buffer_free(&host->served[0].bytes);
    host_order(host);
    host_grant(host);
    assert_int_equal(access(file, F_OK), 0);
}

static void test_a_hold_is_no_order_for_a_job(void **state) {
    host_t *host = good(state);
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    error_t err = {0};
    order_t order = host->world.plan_approval;
    order.subject = host->world.order->digest;
    MUST(order_write(&order, &document, &err));
    MUST(world_sign(document, &host->world.approvers, &err));
    MUST(document_encode(document, &bytes, &err));
    host_serve(host, &document->id, &bytes);
    host->job.order = document->id;
    host_refuses(host, ERROR_ORDER_SCOPE);
}

/* ---- the tenant at hand ---- */

static void test_another_tenant(void **state) {
    host_t *host = good(state);
    host->job.tenant = host->world.leaves[1].tenant;
    host_refuses(host, ERROR_ORDER_TENANT);
}

static void test_another_cluster(void **state) {
    host_t *host = good(state);
    host->facts.cluster = CLUSTER_B;
    host_refuses(host, ERROR_ORDER_TENANT);
}

static void test_another_environment(void **state) {
    host_t *host = good(state);
    host->facts.environment = "test";
    host_refuses(host, ERROR_ORDER_SCOPE);
}

static void test_a_tenant_outside_a_signers_selector(void **state) {
    host_t *host = *state;
    SIGN_BY(&host->world.signers, OP_A, OP_SILVER);
    host_start(host);
    host_order(host);
    host_refuses(host, ERROR_TRUST_THRESHOLD); /* as this host sees it, it is gold */
    host->world.label.value = "silver";
    host_grant(host);
}

/* ---- the bundle ---- */

static void test_another_bundle(void **state) {
    host_t *host = good(state);
    host->claim.digest.bytes[0] ^= 1;
    host_refuses(host, ERROR_ORDER_BUNDLE);
    host->claim.digest.bytes[0] ^= 1;
    host->claim.application = "shop";
    host_refuses(host, ERROR_ORDER_BUNDLE);
}

static void test_no_bundle(void **state) {
    host_t *host = good(state);
    host->facts.bundle = NULL;
    host_refuses(host, ERROR_ORDER_BUNDLE);
}

static void test_a_bundle_one_signature_short(void **state) {
    host_t *host = good(state);
    host->claim.signer_count = 1;
    host_refuses(host, ERROR_TRUST_THRESHOLD);
}

/* Forward, active release keys; on the way back, retired ones count, too. */
static void test_a_bundle_of_a_retired_release_key(void **state) {
    host_t *host = good(state);
    host->releasers[1] = *world_public(RELEASE_RETIRED);
    host_refuses(host, ERROR_TRUST_THRESHOLD);
    host->job.kind = JOB_KIND_UNDO;
    host->job.target = 3;
    host_grant(host);
}

/* ---- what is to be done ---- */

static void test_another_kind_of_work(void **state) {
    static const job_kind_t KINDS[] = {JOB_KIND_RESTORE, JOB_KIND_BASELINE, JOB_KIND_BACKUP,
                                       JOB_KIND_BACKUP_CHECK, JOB_KIND_PRUNE};
    host_t *host = good(state);
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        host->job.kind = KINDS[i];
        host_refuses(host, ERROR_ORDER_SCOPE);
    }
}

static void test_undo_that_was_not_signed(void **state) {
    host_t *host = *state;
    host->world.plan_order.undo_authorized = false;
    host_start(host);
    host_order(host);
    host->job.kind = JOB_KIND_UNDO;
    host->job.target = 3;
    host_refuses(host, ERROR_ORDER_SCOPE);
}

static void test_another_target(void **state) {
    host_t *host = good(state);
    host->job.target = 6;
    host_refuses(host, ERROR_ORDER_TENANT);
    host->job.kind = JOB_KIND_UNDO;
    host->job.target = 2;
    host_refuses(host, ERROR_ORDER_TENANT);
}

static void test_another_application(void **state) {
    host_t *host = good(state);
    host->job.application = "shop";
    host_refuses(host, ERROR_ORDER_SCOPE);
}

static void test_another_recovery_point(void **state) {
    host_t *host = good(state);
    host->job.recovery_kind = "none";
    host_refuses(host, ERROR_ORDER_SCOPE);
    host->job.recovery_kind = "dump";
    host->job.recovery_reason = "no time";
    host_refuses(host, ERROR_ORDER_SCOPE);
}

static void test_a_trial_that_was_left_out(void **state) {
    host_t *host = *state;
    host->world.plan_order.trial_restore = "all";
    host_start(host);
    host_order(host);
    host_refuses(host, ERROR_ORDER_SCOPE);
    host->job.trial_restore = true;
    host_grant(host);
}

static void test_loss_of_rows_that_was_not_accepted(void **state) {
    host_t *host = good(state);
    host->job.accept_data_loss = true;
    host_refuses(host, ERROR_ORDER_SCOPE);
}

/* A restore's backup is the one that the leaf names. */
static void test_another_backup(void **state) {
    host_t *host = *state;
    order_t *order = &host->world.plan_order;
    order->kind = ORDER_RESTORE;
    order->target_position = 0;
    order->undo_authorized = false;
    order->accept_data_loss = true;
    order->recovery_kind = "none";
    order->recovery_reason = "it is one";
    for (size_t i = 0; i < WAVE_0 + WAVE_1; i++) {
        host->world.leaves[i].from_position = 5;
        host->world.leaves[i].to_position = 3;
        memset(host->world.leaves[i].reference.bytes, 0xbb, IDENT_BYTES);
    }
    host_start(host);
    host_order(host);
    host->job.kind = JOB_KIND_RESTORE;
    host->job.target = 3;
    host->job.accept_data_loss = true;
    host_refuses(host, ERROR_ORDER_TENANT);
    host->job.reference = host->world.leaves[0].reference;
    host_grant(host);
    assert_true(host->warrant.main);
}

static void test_other_retention(void **state) {
    host_t *host = *state;
    order_t *order = &host->world.plan_order;
    order->kind = ORDER_PRUNE;
    order->target_position = 0;
    order->undo_authorized = false;
    order->bundle = (digest_t){{0}};
    order->recovery_kind = order->trial_restore = "";
    order->prune_keep_us = 7 * TRUST_DAY_US;
    order->prune_keep_count = 2;
    host_start(host);
    host_order(host);
    host->job.kind = JOB_KIND_PRUNE;
    host->job.bundle = (digest_t){{0}};
    host->facts.bundle = NULL;
    host->job.prune_keep_us = 7 * TRUST_DAY_US;
    host->job.prune_keep_count = 1;
    host_refuses(host, ERROR_ORDER_SCOPE);
    host->job.prune_keep_count = 2;
    host_grant(host);
    host->job.bundle.bytes[0] = 1; /* nobody signed for one */
    host_refuses(host, ERROR_ORDER_BUNDLE);
}

/* ---- the host's own policy ---- */

static void test_the_hosts_policy(void **state) {
    static const char text[] = "kinds: [undo, look]\n";
    const yaml_text_t source = {.name = "/policy.yaml", .bytes = text, .size = sizeof text - 1};
    host_t *host = good(state);
    policy_config_t *config = NULL;
    error_t err = {0};
    MUST(policy_config_parse(&source, NULL, &config, &err));
    policy_t *policy = policy_new(&config);
    assert_non_null(policy);
    host->facts.policy = policy;
    host_refuses(host, ERROR_POLICY_KIND);
    host->job.kind = JOB_KIND_UNDO;
    host->job.target = 3;
    host_grant(host);
    host->facts.deed.killed = true;
    host_refuses(host, ERROR_POLICY_KILLED);
    policy_destroy(&policy);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_signed_is_done),
        TEST(test_looks_and_undo_under_a_rollout_are_not_its_main_action),
        TEST(test_a_standing_order_moves_whom_it_means),
        TEST(test_a_standing_order_means_who_the_agent_says_it_is),
        TEST(test_a_standing_order_past_its_end),
        TEST(test_a_standing_order_under_another_id),
        TEST(test_a_standing_order_undoes_its_own_work_alone),
        TEST(test_a_standing_order_after_a_baseline),
        TEST(test_a_standing_order_after_a_newer_order),
        TEST(test_a_claim_under_an_order_with_tenants),
        TEST(test_no_order),
        TEST(test_no_proof),
        TEST(test_an_order_that_the_coordinator_lacks),
        TEST(test_a_proof_that_was_changed),
        TEST(test_another_order_of_the_same_people),
        TEST(test_an_order_of_strangers),
        TEST(test_a_strangers_bytes_are_not_read),
        TEST(test_one_signature_short),
        TEST(test_a_hold_is_no_order_for_a_job),
        TEST(test_another_tenant),
        TEST(test_another_cluster),
        TEST(test_another_environment),
        TEST(test_a_tenant_outside_a_signers_selector),
        TEST(test_another_bundle),
        TEST(test_no_bundle),
        TEST(test_a_bundle_one_signature_short),
        TEST(test_a_bundle_of_a_retired_release_key),
        TEST(test_another_kind_of_work),
        TEST(test_undo_that_was_not_signed),
        TEST(test_another_target),
        TEST(test_another_application),
        TEST(test_another_recovery_point),
        TEST(test_a_trial_that_was_left_out),
        TEST(test_loss_of_rows_that_was_not_accepted),
        TEST(test_another_backup),
        TEST(test_other_retention),
        TEST(test_the_hosts_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
