/*
 * crew.c: what becomes of jobs that nobody signed for, or that were stopped: a report with a code,
 * never a step and never silence.
 */
#include "agent/crew.h"
#include "agent/loop.h"
#include "agent/notary.h"
#include "common/base/clock.h"
#include "common/wire/field.h"
#include "tests/unit/agent/crewed.h"

#include <string.h>

static void tell(stage_t *stage, document_t *document) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    Drover__Trust trust = DROVER__TRUST__INIT;
    error_t err = {0};
    must(document_encode(document, &bytes, &err), &err);
    ProtobufCBinaryData fields[] = {field_of_bytes("noise", 5),
                                    field_of_bytes(bytes.data, bytes.size)};
    trust.documents = fields;
    trust.n_documents = 2;
    notary_take_trust(&stage->agent, &trust);
}

static void test_a_job_without_an_order(void **state) {
    static const job_kind_t KINDS[] = {JOB_KIND_FORWARD,      JOB_KIND_UNDO,   JOB_KIND_RESTORE,
                                       JOB_KIND_BASELINE,     JOB_KIND_BACKUP, JOB_KIND_LOOK,
                                       JOB_KIND_BACKUP_CHECK, JOB_KIND_PRUNE};
    stage_t *stage = *state;
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        error_t err = {0};
        (void)recruit(stage, KINDS[i]);
        settle(stage);
        last_t last = last_report(stage);
        assert_int_equal(last.count, i + 1);
        assert_int_equal(last.outcome, DROVER__OUTCOME__OUTCOME_REFUSED);
        assert_string_equal(last.code, error_code_text(ERROR_ORDER_MISSING));
        assert_null(stage->agent.runs);
        must(journal_commit(stage->agent.journal, &err), &err);
    }
}

/* Another agent has the cluster now: what waits here for its turn is given back. */
static void test_a_job_whose_cluster_is_anothers(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    (void)recruit(stage, JOB_KIND_FORWARD);
    agent->leases[0].until_boot_us = 0;
    settle(stage);
    assert_int_equal(last_report(stage).count, 0); /* nobody has said so: it waits */
    agent->leases[0].denied = true;
    settle(stage);
    assert_int_equal(last_report(stage).count, 0); /* nor is there a coordinator */
    agent->welcomed = true;
    ended(stage, DROVER__OUTCOME__OUTCOME_TRANSIENT, ERROR_LEASE_ENDED);
    assert_true(last_report(stage).held_back);
    agent->welcomed = false;
}

/* What goes back after it was begun, or for a fault, is a try of it. */
static void test_what_is_a_try(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    error_t fault = {0};
    run_t *run = recruit(stage, JOB_KIND_FORWARD);
    run->begun = run->machine.begun = run->machine.leaseless = true;
    run->machine.state = JOB_WORKING;
    agent->leases[0].queued--;
    agent->leases[0].running++;
    run_over(run, JOB_EVENT_HALTED);
    ended(stage, DROVER__OUTCOME__OUTCOME_TRANSIENT, ERROR_LEASE_ENDED);
    assert_false(last_report(stage).held_back);
    run = recruit(stage, JOB_KIND_FORWARD);
    run->begun = true;
    run->machine.state = JOB_CHECKING;
    (void)error_set(&fault, ERROR_DB_UNREACHABLE, "nobody answers");
    run_fail(run, &fault);
    settle(stage);
    last_t last = last_report(stage);
    assert_int_equal(last.outcome, DROVER__OUTCOME__OUTCOME_TRANSIENT);
    assert_string_equal(last.code, error_code_text(ERROR_DB_UNREACHABLE));
    assert_false(last.held_back);
}

/* A process that was stopped past its lease sees that before any answer lets a job go on. */
static void test_a_lease_that_ended_meanwhile(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    run_t *run = recruit(stage, JOB_KIND_FORWARD);
    run->begun = true;
    run->machine.state = JOB_WORKING;
    crew_watch_leases(agent);
    assert_false(job_should_halt(&run->machine));
    agent->leases[0].until_boot_us = clock_boot_us() - 1;
    crew_watch_leases(agent);
    assert_true(job_should_halt(&run->machine));
    run->begun = false;
}

/* A newer order of the same tenant: what is at work under the older one stops at its seam. */
static void test_a_newer_order_supersedes(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    run_t *older = recruit(stage, JOB_KIND_FORWARD);
    run_t *newer = recruit(stage, JOB_KIND_UNDO);
    crew_supersede(agent, newer);
    assert_false(older->machine.cancelled); /* the same order */
    newer->what.order_digest = (digest_t){{9}};
    newer->what.tenant.bytes[0] ^= 1;
    crew_supersede(agent, newer);
    assert_false(older->machine.cancelled); /* another tenant */
    newer->what.tenant.bytes[0] ^= 1;
    crew_supersede(agent, newer);
    assert_true(older->machine.cancelled);
    assert_false(newer->machine.cancelled);
}

/* A newer order with a number is accepted as its job begins: what is at work under an older one
 * stops by that. */
static void test_what_is_accepted_supersedes(void **state) {
    stage_t *stage = *state;
    give_bundle(stage);
    stage->order = sign_order(stage, ORDER_ROLLBACK, NULL);
    run_t *older = recruit(stage, JOB_KIND_FORWARD);
    older->what.order_digest = (digest_t){{9}};
    older->begun = true;
    older->machine.state = JOB_WORKING;
    run_t *newer = recruit(stage, JOB_KIND_UNDO);
    give_order(stage, newer);
    newer->what.bundle = stage->bundle;
    settle(stage);
    assert_false(newer->begun || older->machine.cancelled);
    give_papers(stage);
    settle(stage);
    assert_true(newer->begun);
    assert_int_equal(newer->machine.state, JOB_CHECKING);
    assert_true(older->machine.cancelled);
    assert_false(newer->machine.cancelled);
}

static int on_look(zloop_t *loop, int timer, void *context) {
    enum { LOOKS_MOST = 2000 };
    static int looks;
    const run_t *run = context;
    (void)loop;
    (void)timer;
    return run->machine.leaseless || ++looks == LOOKS_MOST ? -1 : 0;
}

/* Something came from the database, after the lease had ended, and before any timer: the run is
 * told to halt before it takes that. */
static void test_an_answer_after_the_lease(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    stage->order = sign_order(stage, ORDER_LOOK, NULL);
    run_t *run = recruit(stage, JOB_KIND_LOOK);
    give_order(stage, run);
    settle(stage);
    give_papers(stage);
    agent->loop = zloop_new();
    loop_settle(agent); /* begins: its session is watched */
    assert_true(run->begun && run->fd_polled >= 0);
    agent->leases[0].until_boot_us = clock_boot_us() - 1;
    assert_false(run->machine.leaseless);
    assert_true(zloop_timer(agent->loop, 5, 0, on_look, run) >= 0);
    (void)zloop_start(agent->loop); /* its descriptor is ready: the connection stands */
    assert_true(run->machine.leaseless);
    loop_forget(agent, run);
    zloop_destroy(&agent->loop);
}

/* A database that this host's configuration knows nothing of, whatever was signed. */
static void test_a_database_that_is_no_tenant_here(void **state) {
    stage_t *stage = *state;
    stage->order = sign_order(stage, ORDER_LOOK, NULL);
    run_t *run = recruit(stage, JOB_KIND_LOOK);
    give_order(stage, run);
    free(run->what.database);
    run->what.database = strdup("other");
    ended(stage, DROVER__OUTCOME__OUTCOME_REFUSED, ERROR_TENANT_MISMATCH);
}

static void test_a_signed_look_begins_when_its_order_has_come(void **state) {
    stage_t *stage = *state;
    stage->order = sign_order(stage, ORDER_LOOK, NULL);
    run_t *run = recruit(stage, JOB_KIND_LOOK);
    give_order(stage, run);
    settle(stage);
    assert_false(run->begun);
    assert_int_equal(stage->agent.leases[0].queued, 1);
    give_papers(stage);
    settle(stage);
    assert_true(run->begun);
    assert_true(run->main_action);
    assert_int_equal(run->machine.state, JOB_CHECKING);
}

static void test_a_stop_ends_what_has_not_begun(void **state) {
    stage_t *stage = *state;
    stage->order = sign_order(stage, ORDER_LOOK, NULL);
    run_t *first = recruit(stage, JOB_KIND_LOOK);
    give_order(stage, first);
    settle(stage);
    give_papers(stage);
    settle(stage);
    assert_true(first->begun);
    CLEANUP(document_destroy_p) document_t *stop = sign_order(stage, ORDER_STOP, &stage->order->id);
    stage->agent.leases[0].running = 2; /* no slot is free */
    run_t *second = recruit(stage, JOB_KIND_LOOK);
    give_order(stage, second);
    tell(stage, stop);
    settle(stage);
    last_t last = last_report(stage);
    assert_int_equal(last.count, 1);
    assert_int_equal(last.outcome, DROVER__OUTCOME__OUTCOME_CANCELLED);
    assert_true(digest_equal(&last.order, &stage->order->id));
    assert_ptr_equal(stage->agent.runs, first); /* its step is in hand: it ends after it */
    assert_true(first->machine.cancelled);
}

/* Its order was not read yet when the stop came: found out when it would begin. */
static void test_a_stop_that_came_before_the_order(void **state) {
    stage_t *stage = *state;
    stage->order = sign_order(stage, ORDER_LOOK, NULL);
    CLEANUP(document_destroy_p) document_t *stop = sign_order(stage, ORDER_STOP, &stage->order->id);
    tell(stage, stop);
    run_t *run = recruit(stage, JOB_KIND_LOOK);
    give_order(stage, run);
    settle(stage);
    give_papers(stage);
    ended(stage, DROVER__OUTCOME__OUTCOME_CANCELLED, ERROR_CANCELLED);
}

/* A hold that came while the recovery point was taken: the work does not begin. */
static void test_a_hold_before_the_work(void **state) {
    stage_t *stage = *state;
    stage->order = sign_order(stage, ORDER_LOOK, NULL);
    run_t *run = recruit(stage, JOB_KIND_LOOK);
    give_order(stage, run);
    settle(stage);
    give_papers(stage);
    settle(stage); /* the order is known now */
    CLEANUP(document_destroy_p) document_t *hold = sign_order(stage, ORDER_HOLD, NULL);
    tell(stage, hold);
    assert_true(keeper_held(stage->agent.keeper, NULL));
    run->what.kind = run->machine.kind = JOB_KIND_FORWARD;
    run->machine.state = JOB_PROTECTING;
    run->machine.protects = true;
    come_back(run, JOB_EVENT_DONE);
    ended(stage, DROVER__OUTCOME__OUTCOME_TRANSIENT, ERROR_FLEET_HELD);
    assert_true(last_report(stage).held_back);
}

/* The order names no database: which one a baseline stamps, this agent must have found out. */
static void test_a_baseline_of_a_database_that_was_not_read(void **state) {
    stage_t *stage = *state;
    stage->order = sign_order(stage, ORDER_LOOK, NULL);
    run_t *run = recruit(stage, JOB_KIND_BASELINE);
    give_order(stage, run);
    ended(stage, DROVER__OUTCOME__OUTCOME_TRANSIENT, ERROR_TENANT_MISMATCH);
    assert_true(last_report(stage).held_back);
}

/* A job that was at work before a restart, as crew_resume takes it up. */
static run_t *resume(stage_t *stage, job_kind_t kind) {
    run_t *run = recruit(stage, kind);
    run->machine.state = JOB_WORKING;
    run->resumed = true;
    return run;
}

/* It is over, after the word that its outcome was not known. */
static void failed(stage_t *stage, error_code_t code) {
    settle(stage);
    last_t last = last_report(stage);
    assert_int_equal(last.count, 2);
    assert_true(last.final);
    assert_int_equal(last.outcome, DROVER__OUTCOME__OUTCOME_FAILED);
    assert_string_equal(last.code, error_code_text(code));
    assert_null(stage->agent.runs);
}

/* Its tenant's ledger may be read though its warrant is refused now, and nothing more is done. */
static void test_a_refused_job_that_was_at_work_is_looked_at(void **state) {
    stage_t *stage = *state;
    run_t *run = resume(stage, JOB_KIND_FORWARD);
    settle(stage);
    assert_ptr_equal(stage->agent.runs, run);
    assert_int_equal(run->machine.state, JOB_SETTLING);
    assert_non_null(run->connection); /* on its way to the ledger */
    assert_true(run->refused);
    come_back(run, JOB_EVENT_DONE);
    failed(stage, ERROR_ORDER_MISSING);
}

/* So, too, where a newer order of the tenant was accepted before the restart. */
static void test_a_superseded_job_that_was_at_work(void **state) {
    stage_t *stage = *state;
    error_t err = {0};
    give_bundle(stage);
    stage->order = sign_order(stage, ORDER_ROLLBACK, NULL);
    journal_accepted_t accepted = {
        .tenant = stage->tenant, .application = "shop", .number = INT64_MAX, .order = {{9}}};
    must(journal_set_accepted(stage->agent.journal, &accepted, &err), &err);
    run_t *run = resume(stage, JOB_KIND_UNDO);
    give_order(stage, run);
    run->what.bundle = stage->bundle;
    settle(stage);
    assert_false(run->begun); /* its order was not read again yet */
    give_papers(stage);
    settle(stage);
    assert_int_equal(run->machine.state, JOB_SETTLING);
    assert_true(run->refused);
    come_back(run, JOB_EVENT_DONE);
    failed(stage, ERROR_ORDER_SUPERSEDED);
}

/* While the cluster is another agent's it is looked at unjudged. That ends it, though the cluster
 * comes back meanwhile: the work that is left waits for a warrant, and is given out anew. */
static void test_what_is_settled_without_a_lease_goes_no_further(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    run_t *run = resume(stage, JOB_KIND_FORWARD);
    agent->leases[0].until_boot_us = 0;
    agent->leases[0].denied = agent->welcomed = true;
    settle(stage);
    assert_int_equal(run->machine.state, JOB_SETTLING);
    assert_false(run->refused); /* nobody was asked */
    agent->leases[0].until_boot_us = INT64_MAX;
    agent->leases[0].denied = false;
    crew_watch_leases(agent);
    come_back(run, JOB_EVENT_DONE);
    settle(stage);
    last_t last = last_report(stage);
    assert_true(last.final);
    assert_int_equal(last.outcome, DROVER__OUTCOME__OUTCOME_TRANSIENT);
    assert_string_equal(last.code, error_code_text(ERROR_LEASE_ENDED));
    assert_false(last.held_back); /* it had begun: a try of it */
    assert_null(agent->runs);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, stage_up, stage_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_job_without_an_order),
        TEST(test_a_job_whose_cluster_is_anothers),
        TEST(test_what_is_a_try),
        TEST(test_a_lease_that_ended_meanwhile),
        TEST(test_a_newer_order_supersedes),
        TEST(test_what_is_accepted_supersedes),
        TEST(test_an_answer_after_the_lease),
        TEST(test_a_database_that_is_no_tenant_here),
        TEST(test_a_signed_look_begins_when_its_order_has_come),
        TEST(test_a_stop_ends_what_has_not_begun),
        TEST(test_a_stop_that_came_before_the_order),
        TEST(test_a_hold_before_the_work),
        TEST(test_a_baseline_of_a_database_that_was_not_read),
        TEST(test_a_refused_job_that_was_at_work_is_looked_at),
        TEST(test_a_superseded_job_that_was_at_work),
        TEST(test_what_is_settled_without_a_lease_goes_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
