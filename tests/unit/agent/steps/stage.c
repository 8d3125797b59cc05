/* stage.c: see stage.h. */
#include "tests/unit/agent/steps/stage.h"

#include "agent/steps/baseline.h"
#include "agent/steps/check.h"
#include "agent/steps/settle.h"
#include "agent/steps/verify.h"
#include "agent/steps/work.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void on_report(void *context, run_t *run, const run_report_t *report) {
    stage_t *stage = context;
    size_t used = strlen(stage->log);
    stage->reports++;
    (void)snprintf(stage->log + used, sizeof stage->log - used, "step %d %s position %d\n",
                   (int)report->step, report->version != NULL ? report->version : "-",
                   (int)run->standing.position);
}

static void on_over(void *context, run_t *run, job_event_t event) {
    (void)context;
    (void)run;
    (void)event;
}

void stage_start(stage_t *stage, const char *migrations) {
    error_t err = {0};
    memset(stage, 0, sizeof *stage);
    assert_int_equal(random_start(&err), STATUS_OK);
    scratch_start(&stage->scratch);
    sign_keypair(&stage->key, &stage->secret);
    (void)snprintf(stage->folder, sizeof stage->folder, "/tmp/drover-stage-XXXXXX");
    assert_non_null(mkdtemp(stage->folder));
    char text[2048];
    (void)snprintf(text, sizeof text,
                   "name: here\n"
                   "coordinator: {address: 'tcp://127.0.0.1:1', curve: '%s'}\n"
                   "keys: {sign: a, curve: b}\ntrust: {root: r}\nstate: s\n"
                   "clusters:\n"
                   "  - name: one\n    connection: {host: '%s', user: drover}\n"
                   "    roles: {owner: owner}\n    tenants: {pattern: '*'}\n",
                   "0000000000000000000000000000000000000000", stage->scratch.folder);
    yaml_text_t yaml = {.name = "agent.yaml", .bytes = text, .size = strlen(text)};
    if (agent_config_parse(&yaml, NULL, &stage->config, &err) != STATUS_OK) {
        error_print(&err, "stage");
        fail();
    }
    directory_t *directory = NULL;
    assert_int_equal(directory_load(migrations, NULL, &directory, &err), STATUS_OK);
    bundle_options_t options = {.application = "shop"};
    if (bundle_build(directory, &options, &stage->bundle, &err) != STATUS_OK) {
        error_print(&err, "stage");
        fail();
    }
    directory_destroy(&directory);
    stage->shared = (run_shared_t){.config = stage->config,
                                   .signer = {.key = &stage->key, .secret = &stage->secret},
                                   .shapes = shape_new(100),
                                   .texts_dir = stage->folder,
                                   .context = stage,
                                   .report = on_report,
                                   .over = on_over};
}

void stage_stop(stage_t *stage) {
    char command[128];
    shape_destroy(&stage->shared.shapes);
    bundle_destroy(&stage->bundle);
    agent_config_destroy(&stage->config);
    (void)snprintf(command, sizeof command, "rm -rf %s", stage->folder);
    assert_int_equal(system(command), 0);
    scratch_stop(&stage->scratch);
}

run_t *stage_run(stage_t *stage, const stage_job_t *job) {
    run_t *run = calloc(1, sizeof *run);
    assert_non_null(run);
    if (stage->system_identifier == 0) {
        connection_t *c = scratch_connect(
            &stage->scratch, (scratch_who_t){.database = job->database, .user = "postgres"});
        stage->system_identifier =
            strtoull(scratch_run(c, "SELECT system_identifier FROM pg_control_system()"), NULL, 10);
        connection_destroy(&c);
    }
    run->shared = &stage->shared;
    run->cluster = agent_config_cluster(stage->config, 0);
    run->bundle = stage->bundle;
    run->size_bytes = -1;
    run->what = (run_job_t){.job = random_ident(),
                            .attempt = random_ident(),
                            .tenant = job->tenant,
                            .rollout = random_ident(),
                            .kind = job->kind,
                            .system_identifier = stage->system_identifier,
                            .tenant_name = strdup(job->database),
                            .database = strdup(job->database),
                            .application = strdup("shop"),
                            .bundle = *bundle_digest(stage->bundle),
                            .target = job->target,
                            .recovery_kind = strdup("none"),
                            .recovery_reason = strdup(""),
                            .token = {.epoch = 1}};
    run->what.token.incarnation.bytes[0] = 7;
    run->machine = (job_machine_t){.kind = job->kind,
                                   .state = JOB_ACCEPTED,
                                   .backoff = {.first_ms = 1, .most_ms = 2, .attempts = 3}};
    return run;
}

static void start(run_t *run, const table_row_t *row) {
    for (size_t i = 0; i < TABLE_EFFECTS; i++) {
        switch ((job_effect_t)row->effects[i]) {
        case JOB_DO_CHECK:
            check_begin(run);
            break;
        case JOB_DO_WORK:
            if (run->what.kind == JOB_KIND_BASELINE) {
                baseline_begin(run);
            } else {
                work_begin(run);
            }
            break;
        case JOB_DO_VERIFY:
            verify_begin(run);
            break;
        case JOB_DO_SETTLE:
            settle_begin(run);
            break;
        case JOB_DO_PROTECT:
        case JOB_DO_NOTHING:
        case JOB_DO_ARM:
        case JOB_DO_DOUBT:
        case JOB_DO_TRUST:
        case JOB_DO_FINISH:
        case JOB_EFFECT_COUNT:
            break;
        }
    }
}

static void wait_session(run_t *run) {
    struct pollfd item = {.fd = connection_fd(run->connection)};
    int wants = connection_wants(run->connection);
    item.events = (short)(((wants & CONNECTION_READ) != 0 ? POLLIN : 0) |
                          ((wants & CONNECTION_WRITE) != 0 ? POLLOUT : 0));
    (void)poll(&item, 1, 1000);
    connection_ready(run->connection, clock_boot_us());
}

job_state_t stage_play(run_t *run) {
    start(run, job_take(&run->machine, JOB_EVENT_BEGUN, 0));
    while (!job_state_is_final(run->machine.state)) {
        if (run->over) {
            run->over = false;
            start(run, job_take(&run->machine, run->over_event, 0));
        } else if (run->machine.state == JOB_WAITING) {
            start(run, job_take(&run->machine, JOB_EVENT_DUE, 0));
        } else {
            wait_session(run);
        }
    }
    return run->machine.state;
}

void stage_expect(stage_t *stage, const stage_job_t *job, job_state_t state) {
    run_t *run = stage_run(stage, job);
    job_state_t end = stage_play(run);
    if (end != state) {
        error_print(&run->error, "stage");
        print_message("notes: %s\nlog:\n%s", run->notes != NULL ? run->notes : "", stage->log);
    }
    assert_string_equal(JOB_MACHINE.states[end], JOB_MACHINE.states[state]);
    run_destroy(&run);
}
