/* linked.c: see linked.h. */
#include "tests/unit/agent/linked.h"

#include "agent/bundles.h"
#include "agent/crew.h"
#include "agent/link.h"
#include "agent/notary.h"
#include "common/base/log.h"
#include "common/crypto/random.h"
#include "tests/unit/scratch.h"

#include <stdio.h>

void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        char line[1024];
        fail_msg("%s", error_line(err, line, sizeof line));
    }
}

static keyfile_t *make_key(const stage_t *stage, const char *name, key_kind_t kind) {
    char path[PATH_SIZE];
    error_t err = {0};
    keyfile_t *key = NULL;
    (void)snprintf(path, sizeof path, "%s/%s", stage->folder, name);
    must(keyfile_create(&(keyfile_new_t){.path = path, .kind = kind, .name = name}, NULL, &err),
         &err);
    must(keyfile_open(&(keyfile_open_t){.path = path, .kind = kind}, &key, &err), &err);
    return key;
}

static agent_config_t *make_config(stage_t *stage) {
    char curve[CURVE_BYTES * 5 / 4 + 1];
    char root[PATH_SIZE];
    error_t err = {0};
    CLEANUP(buffer_free) buffer_t text = {0};
    agent_config_t *config = NULL;
    (void)snprintf(root, sizeof root, "%s/trust.root", stage->folder);
    rootfile_make(&stage->trust, root);
    assert_non_null(zmq_z85_encode(curve, stage->server->keys.key.bytes, CURVE_BYTES));
    buffer_format(&text,
                  "name: one\ncoordinator: {address: \"%s\", curve: \"%s\"}\n"
                  "keys: {sign: a, curve: b}\ntrust: {root: %s}\nstate: %s/state\n"
                  "clusters: [{name: main, connection: {host: 127.0.0.1, port: 1},\n"
                  "            roles: {owner: o}, tenants: {list: [{database: d}]}}]\n",
                  listener_endpoint(stage->server->listener), curve, root, stage->folder);
    const yaml_text_t source = {
        .name = "/agent.yaml", .bytes = buffer_string(&text), .size = text.size};
    must(agent_config_parse(&source, NULL, &config, &err), &err);
    return config;
}

static void open_rooms(stage_t *stage) {
    agent_t *agent = &stage->agent;
    error_t err = {0};
    char path[PATH_SIZE];
    static const inventory_callbacks_t deaf;
    *agent = (agent_t){.loop = stage->server->loop, .config = make_config(stage)};
    agent->runs_end = &agent->runs;
    agent->sign_key = make_key(stage, "sign", KEY_AGENT);
    agent->curve_key = make_key(stage, "curve", KEY_CURVE);
    agent->cluster_count = agent_config_cluster_count(agent->config);
    agent->leases = calloc(agent->cluster_count, sizeof *agent->leases);
    must(journal_open(agent->config->state, &agent->journal, &err), &err);
    (void)snprintf(path, sizeof path, "%s/papers", stage->folder);
    must(notary_open(agent, path, &err), &err);
    (void)snprintf(path, sizeof path, "%s/bundles", stage->folder);
    must(bundles_new(path, agent->keeper, &agent->bundles, &err), &err);
    agent->shared.config = agent->config;
    crew_attach(agent);
    must(inventory_new(agent->config, agent->journal, &deaf, &agent->inventory, &err), &err);
    stage->key = curve_public_from(keyfile_curve_public(agent->curve_key));
}

int stage_up(void **state) {
    stage_t *stage = calloc(1, sizeof *stage);
    error_t err = {0};
    void *server = NULL;
    must(random_start(&err), &err);
    log_set_level(LOG_ERROR);
    (void)snprintf(stage->folder, sizeof stage->folder, "/tmp/drover-agent-XXXXXX");
    assert_non_null(mkdtemp(stage->folder));
    assert_int_equal(pair_start_server(&server), 0);
    stage->server = server;
    open_rooms(stage);
    keys_t keys = {.key = stage->key};
    const keys_t *who[] = {&keys};
    pair_enroll(stage->server, who, 1);
    must(link_start(&stage->agent, &err), &err);
    pair_await_count(stage->server, &stage->server->received, 1); /* its hello */
    *state = stage;
    return 0;
}

int stage_down(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    dialer_destroy(&agent->dialer);
    while (agent->runs != NULL) {
        run_t *run = agent->runs;
        agent->runs = run->next_run;
        run_destroy(&run);
    }
    inventory_destroy(&agent->inventory);
    bundles_destroy(&agent->bundles);
    notary_close(agent);
    journal_close(&agent->journal);
    book_clear(&agent->book);
    keyfile_destroy(&agent->sign_key);
    keyfile_destroy(&agent->curve_key);
    agent_config_destroy(&agent->config);
    free(agent->leases);
    void *server = stage->server;
    (void)pair_stop_server(&server);
    int answered = scratch_remove(stage->folder);
    free(stage);
    return answered;
}

void say(const stage_t *stage, const void *bytes, size_t size) {
    error_t err = {0};
    must(listener_send(stage->server->listener, &stage->key, bytes, size, &err), &err);
}

void seal(const stage_t *stage, Drover__Kind kind, const ProtobufCMessage *message,
          buffer_t *bytes) {
    error_t err = {0};
    must(codec_seal(kind, message, &stage->trust.coordinator_secret, bytes, &err), &err);
}

void say_unsigned(const stage_t *stage, Drover__Kind kind, const ProtobufCMessage *message) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    error_t err = {0};
    must(codec_seal(kind, message, NULL, &bytes, &err), &err);
    say(stage, bytes.data, bytes.size);
}
