/*
 * conversation.c: hello → inventory → room → job → reports → ack, with everything lost, doubled or
 * restarted in between.
 */
#include "common/crypto/random.h"
#include "coordinator/store/store_audit.h"
#include "tests/unit/coordinator/link/world.h"

#define WELCOME DROVER__KIND__KIND_WELCOME
#define JOBS DROVER__KIND__KIND_JOBS
#define BEAT DROVER__KIND__KIND_COORDINATOR_BEAT

static void done_at(actor_t *actor, const ident_t *tenant) {
    Drover__ApplicationSeen state = DROVER__APPLICATION_SEEN__INIT;
    Drover__Report report =
        report_of(actor, DROVER__STEP__STEP_VERIFY, DROVER__OUTCOME__OUTCOME_DONE, true);
    report.tenant = tenant != NULL ? field_of_ident(tenant) : report.tenant;
    state.application = field_of_text("shop");
    state.version = field_of_text("V002");
    state.generation = 1;
    state.position = 2;
    state.ledger_sequence = 9;
    report.state = &state;
    say_report(actor, &report);
}

static void done(actor_t *actor) {
    done_at(actor, NULL);
}

static void test_welcome_names_the_run_and_its_leases(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    say_hello(&world->a);
    const Drover__Welcome *welcome = world->a.last[WELCOME]->welcome;
    assert_int_equal(welcome->epoch, world->identity.epoch);
    ident_t incarnation = field_ident(welcome->incarnation);
    assert_true(ident_equal(&incarnation, &world->identity.incarnation));
    assert_int_equal(welcome->n_leases, 1);
    assert_int_equal(welcome->leases[0]->system_identifier, CLUSTER);
    /* less than the engine's own, by what a message may take */
    assert_in_range(welcome->leases[0]->valid_ms, 1, 15000);
    assert_int_equal(welcome->heartbeat_ms, 1000);
}

/* A beat of the actor's that says so of its cluster, under a number. */
static void beat_numbered(actor_t *actor, uint64_t number, bool writable) {
    Drover__AgentBeat beat = DROVER__AGENT_BEAT__INIT;
    Drover__ClusterSeen seen = DROVER__CLUSTER_SEEN__INIT;
    Drover__ClusterSeen *clusters[] = {&seen};
    seen.name = field_of_text("main");
    seen.system_identifier = CLUSTER;
    seen.writable = writable;
    beat.clusters = clusters;
    beat.n_clusters = 1;
    beat.number = number;
    actor_send(actor, DROVER__KIND__KIND_AGENT_BEAT, &beat.base);
}

/* Each word on leases names the newest hello or beat that was read; one that it overtook says
 * nothing any more. */
static void test_leases_name_what_they_answer(void **state) {
    world_t *world = *state;
    actor_t *a = &world->a;
    const message_t *const *last = (const message_t *const *)a->last;
    actor_dial(a);
    Drover__Hello hello = hello_of(a);
    hello.number = 1000;
    actor_send(a, DROVER__KIND__KIND_HELLO, &hello.base);
    (void)await_message(a, WELCOME, 1);
    assert_int_equal(last[WELCOME]->welcome->answers, 1000);
    beat_numbered(a, 2000, true);
    (void)await_message(a, BEAT, 1);
    assert_int_equal(last[BEAT]->coordinator_beat->answers, 2000);
    assert_in_range(last[BEAT]->coordinator_beat->leases[0]->valid_ms, 1, 15000);
    (void)await_message(a, BEAT, 2); /* the lease is new: told by itself, too */
    assert_int_equal(last[BEAT]->coordinator_beat->answers, 2000);
    beat_numbered(a, 1500, false); /* late: it must not take the cluster away */
    beat_numbered(a, 3000, true);
    (void)await_message(a, BEAT, 3);
    assert_int_equal(last[BEAT]->coordinator_beat->answers, 3000);
    assert_in_range(last[BEAT]->coordinator_beat->leases[0]->valid_ms, 1, 15000);
    beat_numbered(a, 4000, false);
    (void)await_message(a, BEAT, 5); /* and that it is gone is told by itself */
    assert_int_equal(last[BEAT]->coordinator_beat->answers, 4000);
    assert_int_equal(last[BEAT]->coordinator_beat->leases[0]->valid_ms, 0);
    beat_numbered(a, 5000, false);
    (void)await_message(a, BEAT, 6);
    assert_int_equal(last[BEAT]->coordinator_beat->answers, 5000);
    assert_int_equal(a->count[BEAT], 6); /* the late one had no answer */
}

static void test_second_agent_gets_no_lease_until_the_first_leaves(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    actor_dial(&world->b);
    say_hello(&world->a);
    say_hello(&world->b);
    assert_int_equal(world->b.last[WELCOME]->welcome->leases[0]->valid_ms, 0);
    Drover__Goodbye goodbye = DROVER__GOODBYE__INIT;
    actor_send(&world->a, DROVER__KIND__KIND_GOODBYE, &goodbye.base);
    /* the beat repeats no cluster, and yet the free one is granted */
    size_t beats = 0;
    do {
        say_beat(&world->b, 0, 0);
        (void)await_message(&world->b, DROVER__KIND__KIND_COORDINATOR_BEAT, ++beats);
    } while (
        world->b.last[DROVER__KIND__KIND_COORDINATOR_BEAT]->coordinator_beat->leases[0]->valid_ms ==
            0 &&
        beats < 1000);
    assert_in_range(beats, 1, 999);
}

static void test_whole_rollout(void **state) {
    world_t *world = *state;
    get_going(world);
    for (size_t i = 1; i <= TENANTS; i++) {
        const Drover__JobBatch *batch = await_message(&world->a, JOBS, i)->jobs;
        /* max_parallel 1: one at a time, and the next follows the report, not the beat */
        assert_int_equal(batch->n_jobs, 1);
        assert_int_equal(batch->n_terms, 1);
        assert_int_equal(batch->epoch, world->identity.epoch);
        assert_int_equal(batch->terms[0]->kind, DROVER__JOB_KIND__JOB_FORWARD);
        assert_int_equal(batch->terms[0]->target_position, 2);
        assert_string_equal(batch->terms[0]->trial_restore, "all");
        assert_true(batch->jobs[0]->trial_restore);
        assert_true(batch->expires_us > batch->issued_us);
        curve_public_t meant = field_curve(batch->agent_key);
        assert_true(curve_public_equal(&meant, &world->a.key));
        Drover__Report started =
            report_of(&world->a, DROVER__STEP__STEP_APPLY, DROVER__OUTCOME__OUTCOME_STARTED, false);
        say_report(&world->a, &started);
        done(&world->a);
        assert_int_equal(world->a.last[DROVER__KIND__KIND_REPORTS_ACK]->reports_ack->number, 2 * i);
    }
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->state, ROLLOUT_SUCCEEDED);
    for (uint32_t i = 0; i < TENANTS; i++) {
        assert_int_equal(rollout->tasks[i].state, TASK_SUCCEEDED);
        assert_int_equal(rollout->tasks[i].position, 2);
        assert_true(rollout->tasks[i].touched);
    }
    rollout_destroy(&rollout);
    /* over and stored: the engine has let it go */
    assert_int_equal(engine_rollout_count(*hub_engine(world->hub)), 0);
}

static void test_report_writes_its_rows(void **state) {
    world_t *world = *state;
    error_t err = {0};
    get_going(world);
    digest_t sql = {{5}};
    Drover__RecoveryPoint point = DROVER__RECOVERY_POINT__INIT;
    Drover__Report backup =
        report_of(&world->a, DROVER__STEP__STEP_BACKUP, DROVER__OUTCOME__OUTCOME_DONE, false);
    point.kind = field_of_text("dump");
    point.reference = field_of_text("0b51b5e0-0000-4000-8000-000000000001");
    point.verified = field_of_text("readable");
    backup.recovery_point = &point;
    say_report(&world->a, &backup);
    Drover__Failure failure = DROVER__FAILURE__INIT;
    char *contexts[] = {field_of_text("inner"), field_of_text("outer")};
    Drover__Report failed =
        report_of(&world->a, DROVER__STEP__STEP_APPLY, DROVER__OUTCOME__OUTCOME_FAILED, true);
    failure.code = field_of_text("DRV-3004");
    failure.sqlstate = field_of_text("23505");
    failure.message = field_of_text("duplicate key");
    failure.version = field_of_text("V002");
    failure.contexts = contexts;
    failure.n_contexts = 2;
    failed.failure = &failure;
    failed.sql_digest = field_of_digest(&sql);
    say_report(&world->a, &failed);
    CLEANUP(arena_free) arena_t arena = {0};
    task_t task;
    ident_t rollout;
    assert_int_equal(store_task_get(world->store, &world->a.job, &arena, &task, &rollout, &err),
                     STATUS_OK);
    assert_int_equal(task.state, TASK_FAILED);
    assert_int_equal(task.error_code, ERROR_DB_SQL);
    assert_string_equal(task.sqlstate, "23505");
    assert_string_equal(task.error, "outer: inner: duplicate key");
    assert_string_equal(task.reference, "0b51b5e0-0000-4000-8000-000000000001");
    assert_false(task.touched);
    assert_int_equal(audit_count(world, "apply"), 1);
    /* the wave's policy: rolled back, once */
    assert_int_equal(world->rollbacks, 1);
}

static void test_doubled_reports_are_taken_once(void **state) {
    world_t *world = *state;
    get_going(world);
    done(&world->a);
    size_t rows = report_count(world, 0);
    assert_int_equal(rows, 1);
    world->a.reported--;
    (void)await_message(&world->a, JOBS, 2);
    done(&world->a); /* the number of before, about the next job: known, and not read again */
    assert_int_equal(world->a.last[DROVER__KIND__KIND_REPORTS_ACK]->reports_ack->number, 1);
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->tasks[0].state, TASK_SUCCEEDED);
    assert_int_equal(rollout->tasks[1].state, TASK_DISPATCHED);
    rollout_destroy(&rollout);
}

static void test_gap_is_not_passed(void **state) {
    world_t *world = *state;
    get_going(world);
    world->a.reported = 6;
    done(&world->a);
    assert_int_equal(world->a.last[DROVER__KIND__KIND_REPORTS_ACK]->reports_ack->number, 0);
    assert_int_equal(report_count(world, 0), 0);
    world->a.reported = 0;
    done(&world->a);
    assert_int_equal(world->a.last[DROVER__KIND__KIND_REPORTS_ACK]->reports_ack->number, 1);
}

static void test_report_of_anothers_job_is_audited_not_applied(void **state) {
    world_t *world = *state;
    get_going(world);
    actor_dial(&world->b);
    say_hello(&world->b);
    world->b.job = world->a.job;
    world->b.attempt = world->a.attempt;
    done(&world->b);
    assert_int_equal(world->b.last[DROVER__KIND__KIND_REPORTS_ACK]->reports_ack->number, 1);
    assert_int_equal(audit_count(world, "report.foreign"), 1);
    assert_int_equal(report_count(world, 0), 0);
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->tasks[0].state, TASK_DISPATCHED);
    rollout_destroy(&rollout);
}

/* The job goes back to wait; so often as it likes, as one that never was, or as a try. */
static void give_back(world_t *world, bool held_back) {
    Drover__Failure failure = DROVER__FAILURE__INIT;
    Drover__Report report =
        report_of(&world->a, DROVER__STEP__STEP_CHECK, DROVER__OUTCOME__OUTCOME_TRANSIENT, true);
    failure.code = field_of_text("DRV-7048");
    failure.message = field_of_text("a signed hold stands");
    report.failure = &failure;
    report.held_back = held_back;
    say_report(&world->a, &report);
}

static void test_what_is_held_back_spends_no_try(void **state) {
    world_t *world = *state;
    get_going(world);
    const task_t *task = engine_task(*hub_engine(world->hub), &world->a.job);
    give_back(world, true);
    assert_int_equal(task->state, TASK_WAITING);
    assert_int_equal(task->attempts, 0);
    assert_int_equal(task->given_back, 1);
    (void)await_message(&world->a, JOBS, 2);
    task = engine_task(*hub_engine(world->hub), &world->a.job);
    give_back(world, false);
    assert_int_equal(task->attempts, 1);
    assert_int_equal(task->given_back, 0);
}

/* ------------------------------------------------------------------ restarts */

static status_t is_about_the_job(void *context, const audit_row_t *row, error_t *err) {
    (void)err;
    const actor_t *actor = context;
    char job[IDENT_TEXT_SIZE];
    ident_t tenant = tenant_id(0);
    assert_true(ident_equal(&row->tenant, &tenant));
    assert_non_null(strstr(row->detail, ident_text(&actor->job, job)));
    assert_non_null(strstr(row->detail, "which the catalog does not know: verify, at V002"));
    return STATUS_OK;
}

/* As after a restore of the catalog: evidence is kept and acknowledged, and an operator finds it in
 * the audit log under the tenant; no rollout is there to follow it. */
static void test_report_of_an_unknown_job_is_kept_and_told(void **state) {
    world_t *world = *state;
    error_t err = {0};
    get_going(world);
    world->a.job = random_ident();
    world->a.attempt = random_ident();
    ident_t tenant = tenant_id(0);
    done_at(&world->a, &tenant);
    assert_int_equal(world->a.last[DROVER__KIND__KIND_REPORTS_ACK]->reports_ack->number, 1);
    assert_int_equal(report_count(world, 0), 1);
    assert_int_equal(audit_count(world, "report.foreign"), 1);
    audit_page_t page = {.action = "report.foreign", .limit = 10};
    assert_int_equal(store_audit_each(world->store, &page, is_about_the_job, &world->a, &err),
                     STATUS_OK);
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->tasks[0].state, TASK_DISPATCHED);
    rollout_destroy(&rollout);
}

/* An agent that says hello with another state forgot what its attempts did: what it lacks goes
 * again, and counts as touched, since nobody can say that it changed nothing. */
static void test_what_a_forgetful_agent_had_is_touched(void **state) {
    world_t *world = *state;
    world->config.on_lost_state = LOST_STATE_NOTE; /* suspended.c has the other way */
    get_going(world);
    const task_t *task = engine_task(*hub_engine(world->hub), &world->a.job);
    assert_false(task->touched);
    say_hello(&world->a); /* the same journal: its job was lost on the way, and no more */
    (void)await_message(&world->a, JOBS, 2);
    assert_false(task->touched);
    world->a.state = random_ident();
    say_hello(&world->a);
    (void)await_message(&world->a, JOBS, 3);
    assert_true(task->touched);
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->tasks[0].state, TASK_DISPATCHED);
    assert_true(rollout->tasks[0].touched);
    rollout_destroy(&rollout);
}

static void test_restart_sends_again_what_the_agent_lacks(void **state) {
    world_t *world = *state;
    get_going(world);
    uint64_t epoch = world->identity.epoch;
    ident_t attempt = world->a.attempt;
    world_restart(world);
    assert_int_equal(world->identity.epoch, epoch + 1);
    say_hello_in_hand(&world->a, false);
    const Drover__JobBatch *batch = await_message(&world->a, JOBS, 1)->jobs;
    assert_int_equal(batch->epoch, epoch + 1);
    assert_true(ident_equal(&world->a.attempt, &attempt));
    done(&world->a);
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->tasks[0].state, TASK_SUCCEEDED);
    rollout_destroy(&rollout);
}

static void test_restart_leaves_what_the_agent_has(void **state) {
    world_t *world = *state;
    get_going(world);
    world_restart(world);
    say_hello_in_hand(&world->a, true);
    done(&world->a);
    say_beat(&world->a, 3, 0);
    /* the first that comes is the next task's, so nothing was sent twice */
    ident_t before = world->a.attempt;
    (void)await_message(&world->a, JOBS, 1);
    assert_false(ident_equal(&world->a.attempt, &before));
    assert_int_equal(world->a.last[JOBS]->jobs->n_jobs, 1);
}

/* Word of a rollout that is over brings it back, and where that changes nothing it goes again: a
 * coordinator that runs for a year gets much of such word. */
static void test_late_word_keeps_nothing(void **state) {
    world_t *world = *state;
    get_going(world);
    for (size_t i = 1; i <= TENANTS; i++) {
        (void)await_message(&world->a, JOBS, i);
        done(&world->a);
    }
    engine_t *engine = *hub_engine(world->hub);
    assert_int_equal(engine_rollout_count(engine), 0);
    Drover__Report late =
        report_of(&world->a, DROVER__STEP__STEP_APPLY, DROVER__OUTCOME__OUTCOME_STARTED, false);
    say_report(&world->a, &late);
    assert_int_equal(engine_rollout_count(engine), 0);
    say_hello_in_hand(&world->a, true); /* a job that ended elsewhere meanwhile */
    assert_int_equal(engine_rollout_count(engine), 0);
}

static void test_old_reports_come_before_what_is_lacking(void **state) {
    world_t *world = *state;
    get_going(world);
    ident_t first = world->a.attempt;
    world_restart(world);
    world->a.reported = 1; /* done while the coordinator was away, not yet told */
    say_hello_in_hand(&world->a, false);
    world->a.reported = 0;
    done(&world->a);
    say_beat(&world->a, 3, 0);
    (void)await_message(&world->a, JOBS, 1);
    assert_false(ident_equal(&world->a.attempt, &first));
}

static void test_lease_outlives_a_restart(void **state) {
    world_t *world = *state;
    get_going(world);
    world_restart(world);
    actor_dial(&world->b);
    say_hello(&world->b);
    assert_int_equal(world->b.last[WELCOME]->welcome->leases[0]->valid_ms, 0);
}

/* ------------------------------------------------------------------ failures */

static void test_failed_transaction_changes_nothing_and_asks_for_hello(void **state) {
    world_t *world = *state;
    get_going(world);
    assert_string_equal(ask(world, "break")->code, error_code_text(ERROR_STORE));
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->state, ROLLOUT_RUNNING);
    rollout_destroy(&rollout);
    /* the engine is the store's again, and what was published is not */
    assert_int_equal(keeper_view(world->keeper, 1).trust->version, 1);
    assert_int_equal(engine_rollout_at(*hub_engine(world->hub), 0)->state, ROLLOUT_RUNNING);
    say_beat(&world->a, 3, 1);
    const Drover__Refused *refused =
        await_message(&world->a, DROVER__KIND__KIND_REFUSED, 1)->refused;
    assert_string_equal(refused->code, error_code_text(ERROR_HELLO_FIRST));
    say_hello_in_hand(&world->a, true);
    done(&world->a);
    rollout = stored_rollout(world);
    assert_int_equal(rollout->tasks[0].state, TASK_SUCCEEDED);
    rollout_destroy(&rollout);
}

/* An operator sees that nobody rolls the wave back, why, and what to type. */
static void assert_waits_for_an_operator(world_t *world, const char *why) {
    char command[128];
    char id[IDENT_TEXT_SIZE];
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->state, ROLLOUT_PAUSED);
    assert_int_equal(rollout->finished_us, 0);
    (void)snprintf(command, sizeof command, "%s; order it with 'drover rollback %.8s'", why,
                   ident_text(&rollout->id, id));
    assert_non_null(strstr(rollout->reason, command));
    rollout_destroy(&rollout);
    assert_int_equal(engine_rollout_count(*hub_engine(world->hub)), 1);
}

static void test_rollback_that_is_refused_pauses(void **state) {
    world_t *world = *state;
    world->rollbacks_refused = true;
    get_going(world);
    Drover__Report failed =
        report_of(&world->a, DROVER__STEP__STEP_APPLY, DROVER__OUTCOME__OUTCOME_FAILED, true);
    say_report(&world->a, &failed);
    assert_int_equal(world->rollbacks, 1);
    assert_waits_for_an_operator(world, "V002 has no undo");
}

static bool rollback_was_asked_for(world_t *world) {
    return world->rollbacks > 0;
}

/* What breaks a transaction is not tried again when the agent says all of it anew. */
static void test_rollback_that_breaks_pauses(void **state) {
    world_t *world = *state;
    world->rollbacks_break = true;
    get_going(world);
    Drover__Report failed =
        report_of(&world->a, DROVER__STEP__STEP_APPLY, DROVER__OUTCOME__OUTCOME_FAILED, true);
    Drover__Report *list[] = {&failed};
    Drover__Reports reports = DROVER__REPORTS__INIT;
    reports.state = field_of_ident(&world->a.state);
    reports.n_reports = 1;
    reports.reports = list;
    actor_send(&world->a, DROVER__KIND__KIND_REPORTS, &reports.base);
    await_condition(world, rollback_was_asked_for);
    say_beat(&world->a, 0, 1);
    (void)await_message(&world->a, DROVER__KIND__KIND_REFUSED, 1); /* hello first */
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->state, ROLLOUT_RUNNING);
    rollout_destroy(&rollout);
    say_hello_in_hand(&world->a, true);
    say_report(&world->a, &failed);
    assert_int_equal(world->rollbacks, 1);
    assert_waits_for_an_operator(world, "broken on purpose");
}

static void test_draining_dispatches_nothing(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    actor_dial(&world->operator);
    say_hello(&world->a);
    hub_drain(world->hub);
    assert_string_equal(ask(world, "start")->code, "");
    say_beat(&world->a, 3, 0);
    (void)await_message(&world->a, DROVER__KIND__KIND_COORDINATOR_BEAT, 1);
    assert_string_equal(ask(world, "refuse")->code, error_code_text(ERROR_INVALID));
    assert_int_equal(world->a.count[JOBS], 0);
    assert_true(hub_is_idle(world->hub));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_welcome_names_the_run_and_its_leases),
        TEST(test_second_agent_gets_no_lease_until_the_first_leaves),
        TEST(test_leases_name_what_they_answer),
        TEST(test_whole_rollout),
        TEST(test_late_word_keeps_nothing),
        TEST(test_report_writes_its_rows),
        TEST(test_rollback_that_is_refused_pauses),
        TEST(test_rollback_that_breaks_pauses),
        TEST(test_doubled_reports_are_taken_once),
        TEST(test_gap_is_not_passed),
        TEST(test_report_of_anothers_job_is_audited_not_applied),
        TEST(test_report_of_an_unknown_job_is_kept_and_told),
        TEST(test_what_is_held_back_spends_no_try),
        TEST(test_what_a_forgetful_agent_had_is_touched),
        TEST(test_restart_sends_again_what_the_agent_lacks),
        TEST(test_restart_leaves_what_the_agent_has),
        TEST(test_old_reports_come_before_what_is_lacking),
        TEST(test_lease_outlives_a_restart),
        TEST(test_failed_transaction_changes_nothing_and_asks_for_hello),
        TEST(test_draining_dispatches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
