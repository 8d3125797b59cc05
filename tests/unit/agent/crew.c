/*
 * crew.c: what becomes of jobs that nobody signed for, or that were stopped: a report with a code,
 * never a step and never silence.
 */
#include "agent/crew.h"
#include "agent/bundles.h"
#include "agent/loop.h"
#include "agent/notary.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypto/random.h"
#include "common/migration/directory.h"
#include "common/wire/field.h"
#include "tests/unit/agent/rootfile.h"
#include "tests/unit/scratch.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_SIZE = 128, ROUNDS = 20 };

/* An agent of one cluster that it holds, with a pin, and an order to look at one tenant. */
typedef struct stage {
    char folder[32];
    rootfile_t trust;
    agent_t agent;
    document_t *order;
    buffer_t proof;
    ident_t tenant;
    digest_t bundle; /* that its orders are for; zero: none */
    int door;        /* where its database would be: connections come in, and nobody answers */
    uint16_t port;
} stage_t;

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        char line[1024];
        fail_msg("%s", error_line(err, line, sizeof line));
    }
}

static void open_door(stage_t *stage) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    stage->door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(stage->door >= 0);
    assert_int_equal(bind(stage->door, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(stage->door, 16), 0);
    assert_int_equal(getsockname(stage->door, (struct sockaddr *)&at, &size), 0);
    stage->port = ntohs(at.sin_port);
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
                  "clusters: [{name: main, parallel: 2, connection: {host: 127.0.0.1, port: %u},\n"
                  "            roles: {owner: o}, tenants: {list: [{database: d}]}}]\n",
                  stage->folder, stage->folder, stage->port);
    const yaml_text_t source = {
        .name = "/agent.yaml", .bytes = buffer_string(&text), .size = text.size};
    must(agent_config_parse(&source, NULL, &stage->agent.config, &err), &err);
}

static void path_of(const stage_t *stage, const char *name, char path[PATH_SIZE]) {
    (void)snprintf(path, PATH_SIZE, "%s/%s", stage->folder, name);
}

static int stage_up(void **state) {
    stage_t *stage = calloc(1, sizeof *stage);
    agent_t *agent = &stage->agent;
    static const inventory_callbacks_t deaf;
    char path[PATH_SIZE];
    error_t err = {0};
    log_set_level(LOG_ERROR);
    must(random_start(&err), &err);
    (void)snprintf(stage->folder, sizeof stage->folder, "/tmp/drover-crew-XXXXXX");
    assert_non_null(mkdtemp(stage->folder));
    path_of(stage, "trust.root", path);
    rootfile_make(&stage->trust, path);
    open_door(stage);
    make_config(stage);
    agent->runs_end = &agent->runs;
    agent->cluster_count = 1;
    agent->leases = calloc(1, sizeof *agent->leases);
    agent->leases[0].until_boot_us = INT64_MAX;
    agent->shared.config = agent->config;
    must(journal_open(agent->config->state, &agent->journal, &err), &err);
    path_of(stage, "papers", path);
    must(notary_open(agent, path, &err), &err);
    path_of(stage, "bundles", path);
    must(bundles_new(path, agent->keeper, &agent->bundles, &err), &err);
    crew_attach(agent);
    must(inventory_new(agent->config, agent->journal, &deaf, &agent->inventory, &err), &err);
    *state = stage;
    return 0;
}

static int stage_down(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    while (agent->runs != NULL) {
        run_t *run = agent->runs;
        agent->runs = run->next_run;
        run_destroy(&run);
    }
    inventory_destroy(&agent->inventory);
    bundles_destroy(&agent->bundles);
    notary_close(agent);
    journal_close(&agent->journal);
    agent_config_destroy(&agent->config);
    free(agent->leases);
    document_destroy(&stage->order);
    buffer_free(&stage->proof);
    (void)close(stage->door);
    int answered = scratch_remove(stage->folder);
    free(stage);
    return answered;
}

/* An order of the operator's, with one tenant or none. */
static document_t *sign_order(stage_t *stage, order_kind_t kind, const digest_t *subject) {
    int64_t now_us = clock_wall_us();
    stage->tenant = (ident_t){{7}};
    leaf_t leaf = {.tenant = stage->tenant, .number = now_us};
    leaves_t leaves = {.application = "shop", .leaves = &leaf, .count = 1};
    proof_t proof = {.leaf = leaf};
    document_t *document = NULL;
    CLEANUP(merkle_destroy_p) merkle_t *merkle = NULL;
    error_t err = {0};
    must(leaves_tree(&leaves, &merkle, &err), &err);
    merkle_path(merkle, 0, &proof.path);
    order_wave_t wave = {.count = 1, .root = merkle_root(merkle)};
    order_t order = {.fleet = stage->trust.fleet,
                     .id = random_ident(),
                     .kind = kind,
                     .application = kind == ORDER_HOLD ? "" : "shop",
                     .environment = "",
                     .bundle = stage->bundle,
                     .recovery_kind = "",
                     .recovery_reason = "",
                     .trial_restore = "",
                     .waves = &wave,
                     .wave_count = order_kind_has_tenants(kind) ? 1 : 0,
                     .issued_us = now_us,
                     .not_before_us = now_us,
                     .expires_us = now_us + TRUST_DAY_US,
                     .proposer = stage->trust.keys[1],
                     .subject = subject != NULL ? *subject : (digest_t){{0}},
                     .trust_version = 1};
    must(order_write(&order, &document, &err), &err);
    must(document_sign(document, &stage->trust.operator, & err), &err);
    if (order_kind_has_tenants(kind)) {
        buffer_clear(&stage->proof);
        proof_encode(&proof, &stage->proof);
    }
    return document;
}

/* A job in hand, as recruit.c makes it. */
static run_t *recruit(stage_t *stage, job_kind_t kind) {
    agent_t *agent = &stage->agent;
    run_t *run = calloc(1, sizeof *run);
    run->shared = &agent->shared;
    run->fd_polled = run->child_polled = -1;
    run->cluster = agent_config_cluster(agent->config, 0);
    run->what = (run_job_t){.kind = kind,
                            .attempt = random_ident(),
                            .job = random_ident(),
                            .tenant = stage->tenant,
                            .tenant_name = strdup("d"),
                            .database = strdup("d"),
                            .application = strdup("shop"),
                            .recovery_kind = strdup(""),
                            .recovery_reason = strdup(""),
                            .coordinator = stage->trust.coordinator};
    run->machine = (job_machine_t){.kind = kind, .state = JOB_ACCEPTED};
    agent->leases[0].queued++;
    *agent->runs_end = run;
    agent->runs_end = &run->next_run;
    return run;
}

static void give_order(stage_t *stage, run_t *run) {
    run->what.order_digest = stage->order->id;
    run->what.proof = malloc(stage->proof.size);
    memcpy(run->what.proof, stage->proof.data, stage->proof.size);
    run->what.proof_size = stage->proof.size;
}

static void give_papers(stage_t *stage) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    error_t err = {0};
    papers_want_t want;
    must(document_encode(stage->order, &bytes, &err), &err);
    assert_true(papers_want(stage->agent.papers, 1, &want));
    papers_chunk_t chunk = {.digest = want.digest,
                            .offset = want.offset,
                            .total = bytes.size,
                            .data = bytes.data,
                            .size = bytes.size};
    papers_take(stage->agent.papers, &chunk);
}

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

/* Rounds of the loop, until nothing happens; connections are not waited for. */
static void settle(stage_t *stage) {
    error_t err = {0};
    bool again = true;
    for (int i = 0; again && i < ROUNDS; i++) {
        must(crew_take_events(&stage->agent, &err), &err);
        must(journal_commit(stage->agent.journal, &err), &err);
        again = crew_carry_out(&stage->agent);
    }
    assert_false(again);
}

typedef struct last {
    Drover__Outcome outcome;
    char code[16];
    bool final;
    bool held_back;
    digest_t order;
    uint32_t result;
    int count;
} last_t;

static status_t on_report(const journal_report_t *report, void *context, error_t *err) {
    last_t *last = context;
    Drover__Report *wire = drover__report__unpack(NULL, report->size, report->bytes);
    (void)err;
    assert_non_null(wire);
    last->outcome = wire->outcome;
    last->final = wire->final;
    last->held_back = wire->held_back;
    last->order = field_digest(wire->order);
    last->result = report->result;
    last->count++;
    if (wire->failure != NULL) {
        (void)snprintf(last->code, sizeof last->code, "%s", wire->failure->code);
    }
    drover__report__free_unpacked(wire, NULL);
    return STATUS_OK;
}

static last_t last_report(stage_t *stage) {
    last_t last = {0};
    error_t err = {0};
    must(journal_reports(stage->agent.journal, (journal_range_t){.most = 100}, on_report, &last,
                         &err),
         &err);
    return last;
}

static void ended(stage_t *stage, Drover__Outcome outcome, error_code_t code) {
    settle(stage);
    last_t last = last_report(stage);
    assert_int_equal(last.count, 1);
    assert_true(last.final);
    assert_int_equal(last.outcome, outcome);
    assert_string_equal(last.code, error_code_text(code));
    assert_int_equal(last.result, 0); /* no word about its wave */
    assert_null(stage->agent.runs);
    assert_int_equal(stage->agent.leases[0].queued + stage->agent.leases[0].running, 0);
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

/* A database that this host's configuration knows nothing of, whatever was signed. */
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

/* A released bundle, in the agent's folder. */
static void give_bundle(stage_t *stage) {
    CLEANUP(bundle_destroy_p) bundle_t *bundle = NULL;
    directory_t *directory = NULL;
    bundle_options_t options = {.application = "shop"};
    char path[PATH_SIZE];
    char folder[PATH_SIZE];
    char name[DIGEST_TEXT_SIZE];
    error_t err = {0};
    must(directory_load("migrations/example", NULL, &directory, &err), &err);
    must(bundle_build(directory, &options, &bundle, &err), &err);
    directory_destroy(&directory);
    must(bundle_sign(bundle, &stage->trust.release, &err), &err);
    stage->bundle = *bundle_digest(bundle);
    path_of(stage, "bundles", folder);
    (void)snprintf(path, sizeof path, "%.40s/%.64s.bundle", folder,
                   digest_text(&stage->bundle, name));
    must(bundle_write(bundle, path, &err), &err);
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
    connection_destroy(&run->connection);
    run->got = NULL;
    run->what.kind = run->machine.kind = JOB_KIND_FORWARD;
    run->machine.state = JOB_PROTECTING;
    run->machine.protects = true;
    run_over(run, JOB_EVENT_DONE);
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

/* A job that was at work before a restart: its tenant's ledger may be read though its warrant is
 * refused now. */
static void test_a_refused_job_that_was_at_work_is_looked_at(void **state) {
    stage_t *stage = *state;
    run_t *run = recruit(stage, JOB_KIND_FORWARD);
    run->machine.state = JOB_WORKING;
    run->resumed = true;
    settle(stage);
    assert_ptr_equal(stage->agent.runs, run);
    assert_int_equal(run->machine.state, JOB_SETTLING);
    assert_non_null(run->connection); /* on its way to the ledger */
    assert_true(run->refused);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
