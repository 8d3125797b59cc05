/*
 * swarm.c: many agents in one process, with no database behind them: what the coordinator costs.
 *
 *     swarm AGENTS TENANTS POSITION COORDINATOR-ADDRESS COORDINATOR-CURVE COORDINATOR-SIGN FOLDER
 *
 * Each agent is a connection and an identity of its own, real to the coordinator: CURVE, hello,
 * leases, an inventory of TENANTS tenants that stand at POSITION, signed jobs that are verified,
 * signed reports. A job ends with one report, at once. Writes each agent's request to be enrolled
 * as FOLDER/NAME.request and prints "peer NAME", then waits for a line on its input (the requests
 * are accepted by then);
 * "online" when all are welcomed, again where all were lost between; "told" when all inventories
 * are acknowledged; "jobs N SECONDS" whenever no report has been outstanding for a second, N
 * counted since the first of them.
 */
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/crypto/keytext.h"
#include "common/crypto/random.h"
#include "common/trust/request.h"
#include "common/trust/trust_file.h"
#include "common/wire/bounds.h"
#include "common/wire/codec.h"
#include "common/wire/dialer.h"
#include "common/wire/field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BEAT_MS = 1000, ROOM = 16, NAME_SIZE = 32, APPLICATION_POSITION_SIZE = 16 };

typedef struct agent {
    char name[NAME_SIZE];
    curve_public_t curve;
    uint8_t curve_secret[CURVE_BYTES];
    sign_public_t sign;
    sign_secret_t sign_secret;
    ident_t state;
    ident_t snapshot;
    uint64_t system_identifier;
    uint32_t part;
    uint64_t report; /* last number given out */
    uint64_t acknowledged;
    dialer_t *dialer;
    bool welcomed;
    bool told;
} agent_t;

static agent_t *agents;
static int agent_count;
static int tenant_count; /* of each agent */
static uint32_t position;
static sign_public_t coordinator;
static int welcomed;
static int told;
static uint64_t jobs;
static int64_t first_us;
static int64_t last_us;
static bool printed = true;

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        error_print(err, "swarm");
        exit(1);
    }
}

static void send_kind(agent_t *agent, Drover__Kind kind, const ProtobufCMessage *message) {
    CLEANUP(buffer_free) buffer_t sealed = {0};
    error_t err = {0};
    const sign_secret_t *secret = kind == DROVER__KIND__KIND_REPORTS ? &agent->sign_secret : NULL;
    must(codec_seal(kind, message, secret, &sealed, &err), &err);
    must(dialer_send(agent->dialer, sealed.data, sealed.size, &err), &err);
}

static Drover__ClusterSeen cluster_of(const agent_t *agent) {
    Drover__ClusterSeen seen = DROVER__CLUSTER_SEEN__INIT;
    seen.name = field_of_text(agent->name);
    seen.system_identifier = agent->system_identifier;
    seen.writable = true;
    seen.server_version = 150000;
    seen.timeline = 1;
    seen.parallel = ROOM;
    return seen;
}

static void say_hello(agent_t *agent) {
    Drover__Hello hello = DROVER__HELLO__INIT;
    Drover__ClusterSeen seen = cluster_of(agent);
    Drover__ClusterSeen *clusters[] = {&seen};
    hello.protocol_min = WIRE_PROTOCOL_MIN;
    hello.protocol_max = WIRE_PROTOCOL_MAX;
    hello.software = field_of_text("swarm");
    hello.agent = field_of_text(agent->name);
    hello.state = field_of_ident(&agent->state);
    hello.wall_us = clock_wall_us();
    hello.ledger_schema = 1;
    hello.fingerprint_version = 1;
    hello.clusters = clusters;
    hello.n_clusters = 1;
    hello.last_report = agent->report;
    send_kind(agent, DROVER__KIND__KIND_HELLO, &hello.base);
}

static void say_beat(agent_t *agent) {
    Drover__AgentBeat beat = DROVER__AGENT_BEAT__INIT;
    Drover__ClusterSeen seen = cluster_of(agent);
    Drover__ClusterSeen *clusters[] = {&seen};
    beat.wall_us = clock_wall_us();
    beat.room = ROOM;
    beat.clusters = clusters;
    beat.n_clusters = 1;
    send_kind(agent, DROVER__KIND__KIND_AGENT_BEAT, &beat.base);
}

/* The next part of the inventory. Tenants' ids come from their numbers. */
static void tell_part(agent_t *agent) {
    enum { PART = 500 };
    static Drover__TenantSeen tenants[PART];
    static Drover__TenantSeen *pointers[PART];
    static Drover__ApplicationSeen applications[PART];
    static Drover__ApplicationSeen *application_of[PART];
    static char names[PART][NAME_SIZE * 2];
    static ident_t ids[PART];
    char version[APPLICATION_POSITION_SIZE];
    Drover__Inventory inventory = DROVER__INVENTORY__INIT;
    int from = (int)agent->part * PART;
    int count = tenant_count - from < PART ? tenant_count - from : PART;
    (void)snprintf(version, sizeof version, position == 0 ? "" : "V%03u", position);
    for (int i = 0; i < count; i++) {
        int64_t number = ((int64_t)(agent - agents) + 1) << 32 | (from + i + 1);
        memcpy(ids[i].bytes, &number, sizeof number);
        (void)snprintf(names[i], sizeof names[i], "%s-%d", agent->name, from + i);
        drover__application_seen__init(&applications[i]);
        applications[i].application = field_of_text("bench");
        applications[i].generation = 1;
        applications[i].position = position;
        applications[i].version = version;
        applications[i].ledger_sequence = 1 + position;
        applications[i].ledger_digest = field_of_bytes(agent->sign.bytes, 32);
        application_of[i] = &applications[i];
        drover__tenant_seen__init(&tenants[i]);
        tenants[i].tenant = field_of_ident(&ids[i]);
        tenants[i].stamped = true;
        tenants[i].name = names[i];
        tenants[i].system_identifier = agent->system_identifier;
        tenants[i].database = names[i];
        tenants[i].observed_us = clock_wall_us();
        tenants[i].applications = &application_of[i];
        tenants[i].n_applications = 1;
        pointers[i] = &tenants[i];
    }
    inventory.snapshot = field_of_ident(&agent->snapshot);
    inventory.part = agent->part++;
    inventory.last = from + count >= tenant_count;
    inventory.full = true;
    inventory.tenants = pointers;
    inventory.n_tenants = (size_t)count;
    send_kind(agent, DROVER__KIND__KIND_INVENTORY, &inventory.base);
}

static void on_ack(agent_t *agent) {
    enum { PART = 500 };
    if ((int)agent->part * PART < tenant_count) {
        tell_part(agent);
        return;
    }
    if (!agent->told) {
        agent->told = true;
        if (++told == agent_count) {
            (void)puts("told");
        }
    }
}

static void on_jobs(agent_t *agent, const Drover__JobBatch *batch) {
    Drover__Reports wire = DROVER__REPORTS__INIT;
    Drover__Report reports[WIRE_JOBS];
    Drover__Report *pointers[WIRE_JOBS];
    Drover__ApplicationSeen states[WIRE_JOBS];
    if (first_us == 0) {
        first_us = clock_boot_us();
    }
    for (size_t i = 0; i < batch->n_jobs; i++) {
        const Drover__Job *job = batch->jobs[i];
        const Drover__Terms *terms = batch->terms[job->terms];
        drover__application_seen__init(&states[i]);
        states[i].application = terms->application;
        states[i].generation = 1;
        states[i].position = terms->target_position;
        states[i].version = field_of_text("done");
        states[i].ledger_sequence = 1 + terms->target_position;
        states[i].ledger_digest = field_of_bytes(agent->sign.bytes, 32);
        drover__report__init(&reports[i]);
        reports[i].number = ++agent->report;
        reports[i].job = job->job;
        reports[i].attempt = job->attempt;
        reports[i].tenant = job->tenant;
        reports[i].step = DROVER__STEP__STEP_VERIFY;
        reports[i].outcome = DROVER__OUTCOME__OUTCOME_DONE;
        reports[i].final = true;
        reports[i].started_us = reports[i].finished_us = clock_wall_us();
        reports[i].state = &states[i];
        pointers[i] = &reports[i];
    }
    wire.state = field_of_ident(&agent->state);
    wire.reports = pointers;
    wire.n_reports = batch->n_jobs;
    jobs += batch->n_jobs;
    printed = false;
    send_kind(agent, DROVER__KIND__KIND_REPORTS, &wire.base);
    say_beat(agent);
}

static void on_receive(void *context, const void *bytes, size_t size) {
    agent_t *agent = context;
    error_t err = {0};
    envelope_t envelope;
    CLEANUP(message_destroy_p) message_t *message = NULL;
    must(codec_open(bytes, size, PARTY_COORDINATOR, &envelope, &err), &err);
    must(codec_unpack(&envelope, envelope.signature != NULL ? &coordinator : NULL, &message, &err),
         &err);
    if (message->kind == DROVER__KIND__KIND_WELCOME) {
        welcomed += agent->welcomed ? 0 : 1;
        agent->welcomed = true;
        say_beat(agent);
        if (welcomed == agent_count) {
            (void)puts("online");
        }
    } else if (message->kind == DROVER__KIND__KIND_INVENTORY_ACK) {
        on_ack(agent);
    } else if (message->kind == DROVER__KIND__KIND_JOBS) {
        on_jobs(agent, message->jobs);
    } else if (message->kind == DROVER__KIND__KIND_REPORTS_ACK) {
        agent->acknowledged = message->reports_ack->number;
        last_us = clock_boot_us();
    } else if (message->kind == DROVER__KIND__KIND_REFUSED) {
        (void)fprintf(stderr, "swarm: refused: %s %s\n", message->refused->code,
                      message->refused->message);
        exit(1);
    }
}

static void on_event(void *context, dialer_event_t event, const char *reason) {
    agent_t *agent = context;
    if (event == DIALER_CONNECTED) {
        say_hello(agent);
    } else {
        welcomed -= agent->welcomed ? 1 : 0; /* it says hello again once it is connected */
        agent->welcomed = false;
        (void)fprintf(stderr, "swarm: connection: %s\n", reason);
    }
}

static bool all_acknowledged(void) {
    for (int i = 0; i < agent_count; i++) {
        if (agents[i].acknowledged < agents[i].report) {
            return false;
        }
    }
    return true;
}

static int on_tick(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer, (void)context;
    for (int i = 0; i < agent_count; i++) {
        if (agents[i].welcomed) {
            say_beat(&agents[i]);
        }
    }
    if (!printed && clock_boot_us() - last_us > US_PER_S && all_acknowledged()) {
        (void)printf("jobs %llu %.6f\n", (unsigned long long)jobs,
                     (double)(last_us - first_us) / 1e6);
        printed = true;
        jobs = 0;
        first_us = 0;
    }
    return 0;
}

/* The coordinator knows us and has said so on our input: the inventories may begin. */
static int on_input(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    char line[16];
    (void)loop, (void)item, (void)context;
    if (fgets(line, sizeof line, stdin) == NULL) {
        return -1; /* whoever started us is gone */
    }
    for (int i = 0; i < agent_count; i++) {
        tell_part(&agents[i]);
    }
    return 0;
}

static void write_request(const agent_t *agent, const char *folder) {
    error_t err = {0};
    char path[4096];
    CLEANUP(document_destroy_p) document_t *document = NULL;
    request_t request = {.key = agent->sign, .name = agent->name, .issued_us = clock_wall_us()};
    memcpy(request.curve, agent->curve.bytes, sizeof request.curve);
    (void)snprintf(path, sizeof path, "%s/%s.request", folder, agent->name);
    must(request_write(&request, &document, &err), &err);
    must(document_sign(document, &agent->sign_secret, &err), &err);
    must(trust_file_write(document, path, &err), &err);
}

static void make_agents(const char *folder) {
    for (int i = 0; i < agent_count; i++) {
        agent_t *agent = &agents[i];
        (void)snprintf(agent->name, sizeof agent->name, "sim-%04d", i);
        curve_keypair(&agent->curve, agent->curve_secret);
        sign_keypair(&agent->sign, &agent->sign_secret);
        agent->state = random_ident();
        agent->snapshot = random_ident();
        agent->system_identifier = 7000000000000000000U + (uint64_t)i;
        write_request(agent, folder);
        (void)printf("peer %s\n", agent->name);
    }
}

int main(int argc, char **argv) {
    error_t err = {0};
    char line[16];
    if (argc != 8) {
        (void)fprintf(stderr, "usage: swarm AGENTS TENANTS POSITION ADDRESS CURVE SIGN FOLDER\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    agent_count = atoi(argv[1]);
    tenant_count = atoi(argv[2]);
    position = (uint32_t)atoi(argv[3]);
    agents = calloc((size_t)agent_count, sizeof *agents);
    must(random_start(&err), &err);
    must(transport_start(&err), &err);
    zsys_set_max_sockets(0); /* as many as there can be: an agent takes more than one of 1,024 */
    transport_options_t options = {.endpoint = argv[4]};
    must(keytext_public_parse(argv[5], KEY_CURVE, options.server.bytes, &err), &err);
    must(keytext_public_parse(argv[6], KEY_COORDINATOR, coordinator.bytes, &err), &err);
    make_agents(argv[7]);
    if (agents == NULL || fgets(line, sizeof line, stdin) == NULL) {
        return 1;
    }
    zloop_t *loop = zloop_new();
    for (int i = 0; i < agent_count; i++) {
        options.secret = agents[i].curve_secret;
        dialer_calls_t calls = {.context = &agents[i], .receive = on_receive, .event = on_event};
        must(dialer_new(loop, &options, &calls, &agents[i].dialer, &err), &err);
    }
    (void)zloop_timer(loop, BEAT_MS, 0, on_tick, NULL);
    zmq_pollitem_t input = {.fd = 0, .events = ZMQ_POLLIN};
    (void)zloop_poller(loop, &input, on_input, NULL);
    (void)zloop_start(loop);
    return 0;
}
