/* crewed.c: see crewed.h. */
#include "tests/unit/agent/crewed.h"

#include "agent/bundles.h"
#include "agent/crew.h"
#include "agent/notary.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypto/random.h"
#include "common/migration/directory.h"
#include "common/wire/field.h"
#include "tests/unit/scratch.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void must(status_t status, const error_t *err) {
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

int stage_up(void **state) {
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

int stage_down(void **state) {
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

document_t *sign_order(stage_t *stage, order_kind_t kind, const digest_t *subject) {
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

run_t *recruit(stage_t *stage, job_kind_t kind) {
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

void give_order(stage_t *stage, run_t *run) {
    run->what.order_digest = stage->order->id;
    run->what.proof = malloc(stage->proof.size);
    memcpy(run->what.proof, stage->proof.data, stage->proof.size);
    run->what.proof_size = stage->proof.size;
}

void give_papers(stage_t *stage) {
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

void give_bundle(stage_t *stage) {
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

void settle(stage_t *stage) {
    error_t err = {0};
    bool again = true;
    for (int i = 0; again && i < ROUNDS; i++) {
        must(crew_take_events(&stage->agent, &err), &err);
        must(journal_commit(stage->agent.journal, &err), &err);
        again = crew_carry_out(&stage->agent);
    }
    assert_false(again);
}

void come_back(run_t *run, job_event_t event) {
    connection_destroy(&run->connection);
    run->got = NULL;
    run_over(run, event);
}

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

last_t last_report(stage_t *stage) {
    last_t last = {0};
    error_t err = {0};
    must(journal_reports(stage->agent.journal, (journal_range_t){.most = 100}, on_report, &last,
                         &err),
         &err);
    return last;
}

void ended(stage_t *stage, Drover__Outcome outcome, error_code_t code) {
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
