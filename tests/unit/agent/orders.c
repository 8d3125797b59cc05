/*
 * orders.c: what an agent does with the files in its folder: a take-back becomes an undo of its own
 * for each tenant that it has a forward job of, once, across restarts; the rest is refused in
 * words.
 */
#include "agent/orders.h"
#include "agent/bundles.h"
#include "agent/crew.h"
#include "agent/notary.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/whole.h"
#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "common/trust/trust_file.h"
#include "common/wire/field.h"
#include "tests/unit/agent/rootfile.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { PATH_SIZE = 160 };

static const digest_t SUBJECT = {{1, 2, 3}};
static const digest_t OTHER = {{4, 5, 6}};

/* An agent of one cluster that was never reached, so that its jobs wait. */
typedef struct stage {
    char folder[32];
    rootfile_t trust;
    agent_t agent;
} stage_t;

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        char line[1024];
        fail_msg("%s", error_line(err, line, sizeof line));
    }
}

static void path_of(const stage_t *stage, const char *name, char path[PATH_SIZE]) {
    (void)snprintf(path, PATH_SIZE, "%s/%s", stage->folder, name);
}

static void make_config(stage_t *stage) {
    CLEANUP(buffer_free) buffer_t text = {0};
    error_t err = {0};
    buffer_format(&text,
                  "name: one\n"
                  "coordinator: {address: \"tcp://127.0.0.1:1\",\n"
                  "  curve: \"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\"}\n"
                  "keys: {sign: a, curve: b}\n"
                  "trust: {root: %s/trust.root}\n"
                  "state: %s/state\n"
                  "clusters: [{name: main, parallel: 2, connection: {host: 127.0.0.1, port: 1},\n"
                  "            roles: {owner: o}, tenants: {list: [{database: d}]}}]\n",
                  stage->folder, stage->folder);
    const yaml_text_t source = {
        .name = "/agent.yaml", .bytes = buffer_string(&text), .size = text.size};
    must(agent_config_parse(&source, NULL, &stage->agent.config, &err), &err);
}

static void open_orders(stage_t *stage) {
    char path[PATH_SIZE];
    error_t err = {0};
    path_of(stage, "orders", path);
    must(orders_open(&stage->agent, path, &err), &err);
}

/* The rooms, from what is on the disk. */
static void open_agent(stage_t *stage) {
    static const inventory_callbacks_t deaf;
    agent_t *agent = &stage->agent;
    char path[PATH_SIZE];
    error_t err = {0};
    agent->runs_end = &agent->runs;
    agent->cluster_count = 1;
    agent->leases = calloc(1, sizeof *agent->leases);
    agent->shared.config = agent->config;
    must(journal_open(agent->config->state, &agent->journal, &err), &err);
    path_of(stage, "papers", path);
    must(notary_open(agent, path, &err), &err);
    path_of(stage, "bundles", path);
    must(bundles_new(path, agent->keeper, &agent->bundles, &err), &err);
    crew_attach(agent);
    must(inventory_new(agent->config, agent->journal, &deaf, &agent->inventory, &err), &err);
    must(crew_resume(agent, &err), &err);
    open_orders(stage);
}

static void drop_runs(agent_t *agent) {
    while (agent->runs != NULL) {
        run_t *run = agent->runs;
        agent->runs = run->next_run;
        run_destroy(&run);
    }
    agent->runs_end = &agent->runs;
}

static void close_agent(stage_t *stage) {
    agent_t *agent = &stage->agent;
    drop_runs(agent);
    orders_close(agent);
    inventory_destroy(&agent->inventory);
    bundles_destroy(&agent->bundles);
    notary_close(agent);
    journal_close(&agent->journal);
    free(agent->leases);
}

static int stage_up(void **state) {
    stage_t *stage = calloc(1, sizeof *stage);
    char path[PATH_SIZE];
    error_t err = {0};
    log_set_level(LOG_ERROR);
    must(random_start(&err), &err);
    (void)snprintf(stage->folder, sizeof stage->folder, "/tmp/drover-orders-XXXXXX");
    assert_non_null(mkdtemp(stage->folder));
    path_of(stage, "orders", path);
    assert_int_equal(mkdir(path, 0700), 0);
    path_of(stage, "trust.root", path);
    rootfile_make(&stage->trust, path);
    make_config(stage);
    open_agent(stage);
    *state = stage;
    return 0;
}

static int stage_down(void **state) {
    stage_t *stage = *state;
    close_agent(stage);
    agent_config_destroy(&stage->agent.config);
    int answered = scratch_remove(stage->folder);
    free(stage);
    return answered;
}

/* ---- jobs of a coordinator's, long over ---- */

static void add_job(stage_t *stage, uint8_t tenant, const digest_t *order, Drover__JobKind kind) {
    CLEANUP(buffer_free) buffer_t proof = {0};
    ident_t who = {{tenant}};
    ident_t attempt = random_ident();
    ident_t job_id = random_ident();
    proof_t place = {.leaf = {.tenant = who, .number = 7, .from_position = 2, .to_position = 3}};
    Drover__Terms terms = DROVER__TERMS__INIT;
    Drover__Job job = DROVER__JOB__INIT;
    Drover__JobBatch batch = DROVER__JOB_BATCH__INIT;
    Drover__Terms *all_terms = &terms;
    Drover__Job *jobs = &job;
    uint8_t bytes[4096];
    bool known = false;
    error_t err = {0};
    proof_encode(&place, &proof);
    terms.kind = kind;
    terms.application = field_of_text("shop");
    terms.recovery_kind = field_of_text("none");
    terms.recovery_reason = field_of_text("throwaway");
    terms.target_position = 3;
    terms.order_digest = field_of_digest(order);
    job.job = field_of_ident(&job_id);
    job.attempt = field_of_ident(&attempt);
    job.tenant = field_of_ident(&who);
    job.tenant_name = field_of_text("d");
    job.database = field_of_text("d\n");
    job.proof = field_of_bytes(proof.data, proof.size);
    batch.terms = &all_terms;
    batch.jobs = &jobs;
    batch.n_terms = batch.n_jobs = 1;
    assert_true(drover__job_batch__get_packed_size(&batch) < sizeof bytes);
    size_t size = drover__job_batch__pack(&batch, bytes);
    journal_job_t entry = {.attempt = attempt,
                           .job = job_id,
                           .tenant = who,
                           .accepted_us = clock_wall_us(),
                           .order = hash_of(HASH_ORDER, bytes, size),
                           .signer = stage->trust.coordinator,
                           .payload = bytes,
                           .payload_size = size};
    must(journal_accept(stage->agent.journal, &entry, &known, &err), &err);
    must(journal_progress(
             stage->agent.journal,
             &(journal_progress_t){.attempt = attempt, .state = JOB_DONE, .finished = true}, &err),
         &err);
    must(journal_commit(stage->agent.journal, &err), &err);
}

/* ---- files ---- */

static document_t *sign_order(const stage_t *stage, order_kind_t kind, const sign_secret_t *by) {
    document_t *document = NULL;
    error_t err = {0};
    int64_t now_us = clock_wall_us();
    order_t order = {.fleet = stage->trust.fleet,
                     .id = random_ident(),
                     .kind = kind,
                     .application = kind == ORDER_HOLD ? "" : "shop",
                     .environment = "",
                     .recovery_kind = "",
                     .recovery_reason = "",
                     .trial_restore = "",
                     .issued_us = now_us,
                     .not_before_us = now_us,
                     .expires_us = now_us + TRUST_DAY_US,
                     .proposer = stage->trust.keys[1],
                     .trust_version = 1};
    if (kind != ORDER_HOLD) {
        order.subject = SUBJECT;
    }
    must(order_write(&order, &document, &err), &err);
    must(document_sign(document, by, &err), &err);
    return document;
}

/* Drop a signed order, and look. */
static void drop(stage_t *stage, order_kind_t kind, const sign_secret_t *by, const char *name) {
    CLEANUP(document_destroy_p) document_t *document = sign_order(stage, kind, by);
    char path[PATH_SIZE];
    error_t err = {0};
    path_of(stage, name, path);
    must(trust_file_write(document, path, &err), &err);
}

static void look(stage_t *stage) {
    error_t err = {0};
    orders_close(&stage->agent); /* the second between two looks is not waited for */
    open_orders(stage);
    orders_tick(&stage->agent);
    must(journal_commit(stage->agent.journal, &err), &err);
}

static bool is_there(const stage_t *stage, const char *name) {
    char path[PATH_SIZE];
    struct stat about;
    path_of(stage, name, path);
    return lstat(path, &about) == 0;
}

/* What a file of the folder says; the caller frees it. */
static char *text_of(const stage_t *stage, const char *name) {
    char path[PATH_SIZE];
    char *bytes = NULL;
    size_t size = 0;
    error_t err = {0};
    path_of(stage, name, path);
    must(whole_read(&(whole_source_t){.path = path, .most_bytes = 65536, .what = "an account"},
                    &bytes, &size, &err),
         &err);
    return bytes;
}

/* Its job is over with this state: what crew.c does at the end of one. */
static void end_runs(stage_t *stage, job_state_t state) {
    error_t err = {0};
    for (run_t *run = stage->agent.runs; run != NULL; run = run->next_run) {
        must(journal_progress(stage->agent.journal,
                              &(journal_progress_t){
                                  .attempt = run->what.attempt, .state = state, .finished = true},
                              &err),
             &err);
    }
    must(journal_commit(stage->agent.journal, &err), &err);
    drop_runs(&stage->agent);
}

/* ---- tests ---- */

static void test_each_tenant_gets_an_undo(void **state) {
    stage_t *stage = *state;
    add_job(stage, 1, &SUBJECT, DROVER__JOB_KIND__JOB_FORWARD);
    add_job(stage, 1, &SUBJECT, DROVER__JOB_KIND__JOB_FORWARD); /* another attempt */
    add_job(stage, 2, &SUBJECT, DROVER__JOB_KIND__JOB_FORWARD);
    add_job(stage, 3, &SUBJECT, DROVER__JOB_KIND__JOB_LOOK);
    add_job(stage, 4, &OTHER, DROVER__JOB_KIND__JOB_FORWARD);
    drop(stage, ORDER_TAKE_BACK, &stage->trust.operator, "orders/back.order");
    look(stage);
    assert_true(is_there(stage, "orders/back.accepted"));
    assert_false(is_there(stage, "orders/back.order"));
    assert_false(is_there(stage, "orders/back.txt"));
    assert_int_equal(crew_count(&stage->agent), 2);
    uint8_t tenant = 1;
    for (const run_t *run = stage->agent.runs; run != NULL; run = run->next_run) {
        assert_true(crew_is_own(run));
        assert_int_equal(run->what.kind, JOB_KIND_UNDO);
        assert_int_equal(run->what.target, 2);
        assert_int_equal(run->what.tenant.bytes[0], tenant++);
        assert_true(digest_equal(&run->what.order_digest, &SUBJECT));
        assert_true(digest_is_null(&run->what.ticket));
        assert_string_equal(run->what.recovery_reason, "throwaway");
    }
}

static void test_a_restart_gives_nothing_out_twice(void **state) {
    stage_t *stage = *state;
    add_job(stage, 1, &SUBJECT, DROVER__JOB_KIND__JOB_FORWARD);
    drop(stage, ORDER_TAKE_BACK, &stage->trust.operator, "orders/back.order");
    look(stage);
    ident_t attempt = stage->agent.runs->what.attempt;
    close_agent(stage);
    open_agent(stage);
    orders_tick(&stage->agent);
    assert_int_equal(crew_count(&stage->agent), 1);
    assert_true(ident_equal(&stage->agent.runs->what.attempt, &attempt));
    assert_true(crew_is_own(stage->agent.runs));
    end_runs(stage, JOB_DONE);
    look(stage);
    assert_int_equal(crew_count(&stage->agent), 0);
    CLEANUP(free_p) char *account = text_of(stage, "orders/back.txt");
    assert_non_null(strstr(account, "\nd\\x0a  01000000"));
    assert_non_null(strstr(account, "  done\n"));
}

static void test_a_passing_fault_is_no_end(void **state) {
    stage_t *stage = *state;
    add_job(stage, 1, &SUBJECT, DROVER__JOB_KIND__JOB_FORWARD);
    drop(stage, ORDER_TAKE_BACK, &stage->trust.operator, "orders/back.order");
    look(stage);
    end_runs(stage, JOB_TRANSIENT);
    look(stage);
    assert_false(is_there(stage, "orders/back.txt"));
    assert_int_equal(crew_count(&stage->agent), 0); /* after a pause */
}

static void test_nothing_to_take_back(void **state) {
    stage_t *stage = *state;
    add_job(stage, 4, &OTHER, DROVER__JOB_KIND__JOB_FORWARD);
    drop(stage, ORDER_TAKE_BACK, &stage->trust.operator, "orders/back.order");
    look(stage);
    CLEANUP(free_p) char *account = text_of(stage, "orders/back.txt");
    assert_non_null(strstr(account, "holds no forward job under that order"));
}

static void refused(stage_t *stage, const char *code) {
    look(stage);
    assert_true(is_there(stage, "orders/bad.refused"));
    assert_false(is_there(stage, "orders/bad.order"));
    assert_int_equal(crew_count(&stage->agent), 0);
    CLEANUP(free_p) char *account = text_of(stage, "orders/bad.txt");
    assert_non_null(strstr(account, code));
}

static void test_the_wrong_signer(void **state) {
    stage_t *stage = *state;
    add_job(stage, 1, &SUBJECT, DROVER__JOB_KIND__JOB_FORWARD);
    drop(stage, ORDER_TAKE_BACK, &stage->trust.release, "orders/bad.order");
    refused(stage, error_code_text(ERROR_TRUST_THRESHOLD));
}

static void test_no_order_for_a_file(void **state) {
    stage_t *stage = *state;
    drop(stage, ORDER_RETRY, &stage->trust.operator, "orders/bad.order");
    refused(stage, error_code_text(ERROR_TRUST_KIND));
}

/* It is not opened: nobody writes at its other end. */
static void test_a_pipe(void **state) {
    stage_t *stage = *state;
    char path[PATH_SIZE];
    path_of(stage, "orders/bad.order", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    refused(stage, "no plain file");
}

static void test_a_hold(void **state) {
    stage_t *stage = *state;
    drop(stage, ORDER_HOLD, &stage->trust.operator, "orders/hold.order");
    drop(stage, ORDER_HOLD, &stage->trust.operator, "orders/.hidden.order");
    drop(stage, ORDER_HOLD, &stage->trust.operator, "orders/half.order.part");
    look(stage);
    assert_true(keeper_held(stage->agent.keeper, NULL));
    assert_true(is_there(stage, "orders/hold.accepted"));
    assert_true(is_there(stage, "orders/.hidden.order")); /* somebody is still writing these */
    assert_true(is_there(stage, "orders/half.order.part"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, stage_up, stage_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_each_tenant_gets_an_undo),
        TEST(test_a_restart_gives_nothing_out_twice),
        TEST(test_a_passing_fault_is_no_end),
        TEST(test_nothing_to_take_back),
        TEST(test_the_wrong_signer),
        TEST(test_no_order_for_a_file),
        TEST(test_a_pipe),
        TEST(test_a_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
