/*
 * reports.c: when what happened is committed and told. Good news is gathered for many jobs; what
 * the coordinator should act on, and what a cluster that runs dry waits for, is not. And what the
 * journal must hold before anything is done waits for nothing.
 */
#include "agent/reports.h"
#include "agent/crew.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SLOTS = 2, PATH_SIZE = 64 };

/* An agent with a journal, one cluster that it holds, and one job. */
typedef struct stage {
    char folder[32];
    agent_t agent;
    agent_lease_t lease;
    run_t run;
} stage_t;

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        char line[1024];
        fail_msg("%s", error_line(err, line, sizeof line));
    }
}

static agent_config_t *make_config(void) {
    static const char text[] =
        "name: one\n"
        "coordinator: {address: \"tcp://127.0.0.1:1\",\n"
        "  curve: \"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\"}\n"
        "keys: {sign: a, curve: b}\n"
        "trust: {root: r}\n"
        "state: /nowhere\n"
        "clusters: [{name: main, parallel: 2, connection: {host: 127.0.0.1, port: 1},\n"
        "            roles: {owner: o}, tenants: {list: [{database: d}]}}]\n";
    const yaml_text_t source = {.name = "/agent.yaml", .bytes = text, .size = sizeof text - 1};
    agent_config_t *config = NULL;
    error_t err = {0};
    must(agent_config_parse(&source, NULL, &config, &err), &err);
    return config;
}

static int stage_up(void **state) {
    stage_t *stage = calloc(1, sizeof *stage);
    error_t err = {0};
    must(random_start(&err), &err);
    (void)snprintf(stage->folder, sizeof stage->folder, "/tmp/drover-reports-XXXXXX");
    assert_non_null(mkdtemp(stage->folder));
    agent_t *agent = &stage->agent;
    agent->config = make_config();
    agent->cluster_count = 1;
    agent->leases = &stage->lease;
    stage->lease = (agent_lease_t){.until_boot_us = INT64_MAX, .running = SLOTS, .queued = SLOTS};
    must(journal_open(stage->folder, &agent->journal, &err), &err);
    agent->runs = &stage->run;
    agent->runs_end = &stage->run.next_run;
    stage->run.shared = &agent->shared;
    stage->run.what.application = strdup("shop");
    stage->run.what.attempt = random_ident();
    *state = stage;
    return 0;
}

static int stage_down(void **state) {
    stage_t *stage = *state;
    journal_close(&stage->agent.journal);
    agent_config_destroy(&stage->agent.config);
    int answered = scratch_remove(stage->folder);
    free(stage->run.what.application);
    free(stage->run.notes);
    free(stage);
    return answered;
}

static void add(stage_t *stage, job_outcome_t outcome, bool final) {
    run_report_t report = {.step = JOB_STEP_APPLY, .outcome = outcome};
    error_t err = {0};
    must(reports_add(&stage->agent, &stage->run, &report, final, &err), &err);
}

static void test_good_news_waits_within_a_bound(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    assert_false(reports_due(agent)); /* nothing is gathered */
    int64_t before_us = clock_boot_us();
    add(stage, JOB_OUTCOME_DONE, false);
    int64_t due_us = agent->tell_due_boot_us;
    assert_true(due_us > before_us && due_us <= clock_boot_us() + US_PER_S);
    add(stage, JOB_OUTCOME_STARTED, false);
    add(stage, JOB_OUTCOME_NOT_NEEDED, true);
    reports_gather(agent);
    assert_int_equal(agent->tell_due_boot_us, due_us); /* more of it does not put it off */
    agent->tell_due_boot_us = clock_boot_us();         /* the bound has come */
    assert_true(reports_due(agent));
}

static void test_bad_news_does_not_wait(void **state) {
    static const job_outcome_t BAD[] = {JOB_OUTCOME_FAILED,    JOB_OUTCOME_REFUSED,
                                        JOB_OUTCOME_UNKNOWN,   JOB_OUTCOME_TRANSIENT,
                                        JOB_OUTCOME_CANCELLED, JOB_OUTCOME_GONE};
    stage_t *stage = *state;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        stage->agent.tell_due_boot_us = 0;
        add(stage, JOB_OUTCOME_DONE, false);
        assert_false(reports_due(&stage->agent));
        add(stage, BAD[i], false);
        assert_true(reports_due(&stage->agent));
    }
}

/* The coordinator sends more once it knows that jobs ended: a cluster must not run dry for that. */
static void test_a_cluster_that_runs_dry_is_not_kept_waiting(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    add(stage, JOB_OUTCOME_DONE, true);
    assert_false(reports_due(agent)); /* a job is ready for each slot */
    stage->lease.queued = SLOTS - 1;
    assert_true(reports_due(agent));
    stage->lease.until_boot_us = 0; /* not ours any more: none would come */
    assert_false(reports_due(agent));
    stage->lease.until_boot_us = INT64_MAX;
    agent->ended_untold = 0; /* none ended: telling brings no job */
    assert_false(reports_due(agent));
}

/* Sent is what is committed; what the connection could not take stays due. */
static void test_what_was_not_sent_stays_due(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    error_t err = {0};
    add(stage, JOB_OUTCOME_DONE, true);
    must(journal_commit(agent->journal, &err), &err);
    must(reports_send(agent, &err), &err); /* no welcome yet: none is sent */
    assert_int_equal(agent->sent_report, 0);
    assert_true(reports_due(agent));
    agent->welcomed = true;
    agent->sent_report = journal_next(agent->journal) - 1;
    must(reports_send(agent, &err), &err);
    assert_false(reports_due(agent));
    assert_int_equal(agent->tell_due_boot_us, 0);
    assert_int_equal(agent->ended_untold, 0);
}

typedef struct step {
    job_kind_t kind;
    job_state_t state;
    job_event_t event;
    bool must_commit;
} step_t;

/* The intent is durable before the step; the end of a job may be committed with others', where the
 * ledger would tell it again. */
static void test_what_the_journal_must_hold_at_once(void **state) {
    // clang-format off
    static const step_t STEPS[] = {
        {JOB_KIND_FORWARD,  JOB_CHECKING,   JOB_EVENT_DONE,    true},  /* about to work */
        {JOB_KIND_FORWARD,  JOB_WORKING,    JOB_EVENT_UNKNOWN, true},  /* about to settle */
        {JOB_KIND_FORWARD,  JOB_WORKING,    JOB_EVENT_DONE,    false}, /* about to verify */
        {JOB_KIND_FORWARD,  JOB_VERIFYING,  JOB_EVENT_DONE,    false},
        {JOB_KIND_UNDO,     JOB_VERIFYING,  JOB_EVENT_DONE,    false},
        {JOB_KIND_BASELINE, JOB_WORKING,    JOB_EVENT_DONE,    false},
        {JOB_KIND_FORWARD,  JOB_VERIFYING,  JOB_EVENT_FAILED,  true},
        {JOB_KIND_BACKUP,   JOB_PROTECTING, JOB_EVENT_DONE,    true},
        {JOB_KIND_PRUNE,    JOB_WORKING,    JOB_EVENT_DONE,    true},
    };
    // clang-format on
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
        error_t err = {0};
        agent->must_commit = false;
        stage->run.what.kind = stage->run.machine.kind = STEPS[i].kind;
        stage->run.machine.state = STEPS[i].state;
        stage->run.machine.protects = STEPS[i].kind == JOB_KIND_BACKUP;
        stage->run.machine.begun = STEPS[i].state == JOB_WORKING;
        stage->run.machine.unsettled = false;
        stage->run.error = (error_t){0};
        stage->run.over = true;
        stage->run.over_event = STEPS[i].event;
        must(crew_take_events(agent, &err), &err);
        if (agent->must_commit != STEPS[i].must_commit) {
            fail_msg("step %zu: must_commit is %d", i, agent->must_commit);
        }
        must(journal_commit(agent->journal, &err), &err);
    }
}

/* What the coordinator says has to stay is not forgotten, however much of it was acknowledged. */
static void test_what_may_be_forgotten(void **state) {
    agent_t *agent = &((stage_t *)*state)->agent;
    assert_true(reports_forgettable_us(agent, 50) == 50); /* an older coordinator says nothing */
    agent->keep_since_us = 30;
    assert_true(reports_forgettable_us(agent, 50) == 30);
    agent->keep_since_us = 70;
    assert_true(reports_forgettable_us(agent, 50) == 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good_news_waits_within_a_bound, stage_up, stage_down),
        cmocka_unit_test_setup_teardown(test_bad_news_does_not_wait, stage_up, stage_down),
        cmocka_unit_test_setup_teardown(test_a_cluster_that_runs_dry_is_not_kept_waiting, stage_up,
                                        stage_down),
        cmocka_unit_test_setup_teardown(test_what_was_not_sent_stays_due, stage_up, stage_down),
        cmocka_unit_test_setup_teardown(test_what_the_journal_must_hold_at_once, stage_up,
                                        stage_down),
        cmocka_unit_test_setup_teardown(test_what_may_be_forgotten, stage_up, stage_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
