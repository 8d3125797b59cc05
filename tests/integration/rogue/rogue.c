/*
 * rogue.c: a coordinator in the hands of a thief: the fleet's address and online keys, an agent
 * that believes them, and a job that the right people did not sign.
 *
 *     rogue CASE ADDRESS FOLDER EPOCH APPLICATION TENANT NAME SYSTEM-IDENTIFIER DATABASE POSITION
 *           BUNDLE OTHER-TENANT OTHER-BUNDLE
 *     rogue --list
 *
 * FOLDER holds trust and elsewhere (drover trust init --solo) and the agent's agent.sign.pub and
 * agent.curve.pub. Prints "ready", then one line about the job: "OUTCOME CODE MESSAGE" as the agent
 * reported it, or "silence" where the agent dropped it and did something honest afterwards.
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypto/random.h"
#include "common/wire/field.h"
#include "common/wire/listener.h"
#include "tests/integration/rogue/rogue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS = 14, PATIENCE_MS = 30000, LEASE_MS = 60000, BATCH_LIFE_S = 60 };

typedef struct rogue {
    rogue_facts_t facts;
    rogue_case_t evil;
    rogue_case_t look;
    ident_t incarnation;
    zloop_t *loop;
    zap_t *zap;
    listener_t *listener;
    zap_peer_t agent;
    bool sent;
    bool over;
} rogue_t;

static void send_to_agent(rogue_t *self, Drover__Kind kind, const ProtobufCMessage *message,
                          const char *key) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    error_t err = {0};
    const sign_secret_t *secret =
        key != NULL ? keyfile_sign_secret(rogue_key(&self->facts, key, KEY_COORDINATOR)) : NULL;
    rogue_must(codec_seal(kind, message, secret, &bytes, &err), &err);
    rogue_must(listener_send(self->listener, &self->agent.key, bytes.data, bytes.size, &err), &err);
}

static void tell_hold(rogue_t *self) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    error_t err = {0};
    Drover__Trust trust = DROVER__TRUST__INIT;
    rogue_must(document_encode(self->evil.hold, &bytes, &err), &err);
    ProtobufCBinaryData document = field_of_bytes(bytes.data, bytes.size);
    trust.documents = &document;
    trust.n_documents = 1;
    send_to_agent(self, DROVER__KIND__KIND_TRUST, &trust.base, NULL);
}

static void send_job(rogue_t *self, rogue_case_t *made, ident_t *job, ident_t *attempt) {
    Drover__JobBatch batch = DROVER__JOB_BATCH__INIT;
    Drover__Terms *terms = &made->terms;
    Drover__Job *item = &made->job;
    ident_t rollout = random_ident();
    *job = random_ident();
    *attempt = random_ident();
    terms->rollout = field_of_ident(&rollout);
    terms->application = field_of_text(self->facts.application);
    item->job = field_of_ident(job);
    item->attempt = field_of_ident(attempt);
    item->tenant = field_of_ident(&self->facts.tenant);
    item->tenant_name = field_of_text(self->facts.tenant_name);
    item->system_identifier = self->facts.system_identifier;
    item->database = field_of_text(self->facts.database);
    batch.agent_key = field_of_curve(&self->agent.key);
    batch.epoch = self->facts.epoch;
    batch.incarnation = field_of_ident(&self->incarnation);
    batch.issued_us = clock_wall_us();
    batch.expires_us = batch.issued_us + BATCH_LIFE_S * US_PER_S;
    batch.terms = &terms;
    batch.n_terms = 1;
    batch.jobs = &item;
    batch.n_jobs = 1;
    send_to_agent(self, DROVER__KIND__KIND_JOBS, &batch.base, made->batch_key);
}

static ident_t evil_attempt;
static ident_t look_attempt;

static void on_hello(rogue_t *self, const listener_message_t *from, const Drover__Hello *hello) {
    error_t err = {0};
    Drover__Welcome welcome = DROVER__WELCOME__INIT;
    Drover__Lease leases[WIRE_CLUSTERS];
    Drover__Lease *list[WIRE_CLUSTERS];
    ident_t catalog = random_ident();
    const keyfile_t *sign = rogue_key(&self->facts, "trust/coordinator.key", KEY_COORDINATOR);
    rogue_must(listener_claim(self->listener, &from->peer->key, &from->route, &err), &err);
    for (size_t i = 0; i < hello->n_clusters; i++) {
        drover__lease__init(&leases[i]);
        leases[i].system_identifier = hello->clusters[i]->system_identifier;
        leases[i].valid_ms = LEASE_MS;
        list[i] = &leases[i];
    }
    welcome.protocol = WIRE_PROTOCOL_MAX;
    welcome.software = field_of_text("rogue");
    welcome.coordinator = field_of_ident(&catalog);
    welcome.epoch = self->facts.epoch;
    welcome.incarnation = field_of_ident(&self->incarnation);
    welcome.wall_us = clock_wall_us();
    welcome.heartbeat_ms = 200;
    welcome.leases = list;
    welcome.n_leases = hello->n_clusters;
    welcome.acknowledged = hello->last_report;
    welcome.sign_key = field_of_bytes(keyfile_sign_public(sign)->bytes, SIGN_PUBLIC_BYTES);
    send_to_agent(self, DROVER__KIND__KIND_WELCOME, &welcome.base, NULL);
}

/* Leases for what the agent sees, then once the job: an agent without a lease starts nothing. */
static void on_beat(rogue_t *self, const Drover__AgentBeat *beat) {
    Drover__CoordinatorBeat answer = DROVER__COORDINATOR_BEAT__INIT;
    Drover__Lease lease = DROVER__LEASE__INIT;
    Drover__Lease *list = &lease;
    ident_t job;
    lease.system_identifier = self->facts.system_identifier;
    lease.valid_ms = LEASE_MS;
    answer.wall_us = clock_wall_us();
    answer.leases = &list;
    answer.n_leases = 1;
    send_to_agent(self, DROVER__KIND__KIND_COORDINATOR_BEAT, &answer.base, NULL);
    if (self->sent || beat->room == 0) {
        return;
    }
    self->sent = true;
    if (self->evil.hold != NULL) {
        tell_hold(self);
    }
    send_job(self, &self->evil, &job, &evil_attempt);
    if (self->evil.silent) {
        send_job(self, &self->look, &job, &look_attempt);
    }
}

static const rogue_paper_t *find_paper(const rogue_case_t *made, const digest_t *digest) {
    for (size_t i = 0; i < made->paper_count; i++) {
        if (digest_equal(&made->papers[i].digest, digest)) {
            return &made->papers[i];
        }
    }
    return NULL;
}

static void on_paper_want(rogue_t *self, const Drover__PaperWant *want) {
    Drover__PaperChunk chunk = DROVER__PAPER_CHUNK__INIT;
    digest_t digest = field_digest(want->digest);
    const rogue_paper_t *paper = find_paper(&self->evil, &digest);
    paper = paper != NULL ? paper : find_paper(&self->look, &digest);
    chunk.digest = want->digest;
    chunk.offset = want->offset;
    if (paper != NULL && want->offset <= paper->bytes.size) {
        size_t left = paper->bytes.size - (size_t)want->offset;
        chunk.total = paper->bytes.size;
        chunk.data = field_of_bytes((const uint8_t *)paper->bytes.data + want->offset,
                                    left < LIMIT_CHUNK_BYTES ? left : LIMIT_CHUNK_BYTES);
    }
    send_to_agent(self, DROVER__KIND__KIND_PAPER_CHUNK, &chunk.base, NULL);
}

static void on_bundle_want(rogue_t *self, const Drover__BundleWant *want) {
    static FILE *file; /* of the other bundle: unsigned, or released, as the test made it */
    Drover__BundleChunk chunk = DROVER__BUNDLE_CHUNK__INIT;
    static uint8_t data[LIMIT_CHUNK_BYTES];
    char path[4096];
    chunk.digest = want->digest;
    chunk.offset = want->offset;
    (void)snprintf(path, sizeof path, "%s/other.bundle", self->facts.folder);
    file = file != NULL ? file : fopen(path, "rb");
    if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
        chunk.total = (uint64_t)ftell(file);
        (void)fseek(file, (long)want->offset, SEEK_SET);
        chunk.data = field_of_bytes(data, fread(data, 1, sizeof data, file));
    }
    send_to_agent(self, DROVER__KIND__KIND_BUNDLE_CHUNK, &chunk.base, NULL);
}

static void on_inventory(rogue_t *self, const Drover__Inventory *inventory) {
    Drover__InventoryAck ack = DROVER__INVENTORY_ACK__INIT;
    ack.snapshot = inventory->snapshot;
    ack.part = inventory->part;
    send_to_agent(self, DROVER__KIND__KIND_INVENTORY_ACK, &ack.base, NULL);
}

static const char *outcome_word(Drover__Outcome outcome) {
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&drover__outcome__descriptor, (int)outcome);
    return value != NULL ? value->name : "?";
}

static void judge(rogue_t *self, const Drover__Report *report) {
    ident_t attempt = field_ident(report->attempt);
    if (!report->final) {
        return;
    }
    if (ident_equal(&attempt, &evil_attempt)) {
        (void)printf("%s %s %s\n", outcome_word(report->outcome),
                     report->failure != NULL ? report->failure->code : "-",
                     report->failure != NULL ? report->failure->message : "");
        self->over = true;
    } else if (ident_equal(&attempt, &look_attempt)) {
        (void)puts("silence");
        self->over = true;
    }
}

static void on_reports(rogue_t *self, const Drover__Reports *reports) {
    Drover__ReportsAck ack = DROVER__REPORTS_ACK__INIT;
    for (size_t i = 0; i < reports->n_reports; i++) {
        judge(self, reports->reports[i]);
        ack.number = reports->reports[i]->number;
    }
    send_to_agent(self, DROVER__KIND__KIND_REPORTS_ACK, &ack.base, NULL);
}

static void dispatch(rogue_t *self, const listener_message_t *from, const message_t *message) {
    switch (message->kind) {
    case DROVER__KIND__KIND_HELLO:
        on_hello(self, from, message->hello);
        return;
    case DROVER__KIND__KIND_AGENT_BEAT:
        on_beat(self, message->agent_beat);
        return;
    case DROVER__KIND__KIND_PAPER_WANT:
        on_paper_want(self, message->paper_want);
        return;
    case DROVER__KIND__KIND_BUNDLE_WANT:
        on_bundle_want(self, message->bundle_want);
        return;
    case DROVER__KIND__KIND_INVENTORY:
        on_inventory(self, message->inventory);
        return;
    case DROVER__KIND__KIND_REPORTS:
        on_reports(self, message->reports);
        return;
    default: /* a goodbye, an enrolment: nothing to do */
        return;
    }
}

static void on_receive(void *context, const listener_message_t *from) {
    rogue_t *self = context;
    error_t err = {0};
    envelope_t envelope;
    CLEANUP(message_destroy_p) message_t *message = NULL;
    rogue_must(codec_open(from->bytes, from->size, PARTY_AGENT, &envelope, &err), &err);
    rogue_must(codec_unpack(&envelope, envelope.signature != NULL ? &self->agent.sign : NULL,
                            &message, &err),
               &err);
    dispatch(self, from, message);
}

static int on_tick(zloop_t *loop, int timer, void *context) {
    (void)loop;
    (void)timer;
    const rogue_t *self = context;
    return self->over ? -1 : 0;
}

static int on_patience(zloop_t *loop, int timer, void *context) {
    (void)loop;
    (void)timer;
    (void)context;
    (void)puts("nothing was heard");
    return -1;
}

static void read_facts(char **argv, rogue_facts_t *facts) {
    error_t err = {0};
    *facts = (rogue_facts_t){.folder = argv[3],
                             .epoch = strtoull(argv[4], NULL, 10),
                             .application = argv[5],
                             .tenant_name = argv[7],
                             .system_identifier = strtoull(argv[8], NULL, 10),
                             .database = argv[9],
                             .position = (uint32_t)strtoul(argv[10], NULL, 10),
                             .now_us = clock_wall_us()};
    rogue_must(ident_parse(argv[6], &facts->tenant, &err), &err);
    rogue_must(digest_parse(argv[11], &facts->bundle, &err), &err);
    rogue_must(ident_parse(argv[12], &facts->other_tenant, &err), &err);
    rogue_must(digest_parse(argv[13], &facts->other_bundle, &err), &err);
}

static void know_agent(rogue_t *self) {
    char path[4096];
    key_public_t key;
    error_t err = {0};
    self->agent.party = PARTY_AGENT;
    (void)snprintf(self->agent.name, sizeof self->agent.name, "agent");
    (void)snprintf(path, sizeof path, "%s/agent.sign.pub", self->facts.folder);
    rogue_must(keyfile_open_public(path, KEY_AGENT, &key, &err), &err);
    memcpy(self->agent.sign.bytes, key.bytes, SIGN_PUBLIC_BYTES);
    (void)snprintf(path, sizeof path, "%s/agent.curve.pub", self->facts.folder);
    rogue_must(keyfile_open_public(path, KEY_CURVE, &key, &err), &err);
    memcpy(self->agent.key.bytes, key.bytes, CURVE_BYTES);
    rogue_must(zap_set_peers(self->zap, &self->agent, 1, &err), &err);
}

static void listen_at(rogue_t *self, const char *address) {
    error_t err = {0};
    self->loop = zloop_new();
    const transport_options_t options = {.endpoint = address,
                                         .secret = keyfile_curve_secret(rogue_key(
                                             &self->facts, "trust/coordinator.curve", KEY_CURVE))};
    const listener_calls_t calls = {.context = self, .receive = on_receive};
    rogue_must(zap_new(self->loop, NULL, NULL, &self->zap, &err), &err);
    know_agent(self);
    rogue_must(listener_new(self->loop, self->zap, &options, &calls, &self->listener, &err), &err);
    (void)zloop_timer(self->loop, 20, 0, on_tick, self);
    (void)zloop_timer(self->loop, PATIENCE_MS, 1, on_patience, self);
}

int main(int argc, char **argv) {
    static rogue_t self;
    error_t err = {0};
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        rogue_list();
        return 0;
    }
    if (argc != ARGUMENTS) {
        (void)fputs("usage: rogue CASE ADDRESS FOLDER EPOCH APPLICATION TENANT NAME "
                    "SYSTEM-IDENTIFIER DATABASE POSITION BUNDLE OTHER-TENANT OTHER-BUNDLE\n",
                    stderr);
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    rogue_must(random_start(&err), &err);
    rogue_must(transport_start(&err), &err);
    read_facts(argv, &self.facts);
    self.incarnation = random_ident();
    if (!rogue_make(&self.facts, argv[1], &self.evil)) {
        (void)fprintf(stderr, "there is no case '%s'\n", argv[1]);
        return 2;
    }
    rogue_make_look(&self.facts, &self.look);
    listen_at(&self, argv[2]);
    (void)puts("ready");
    (void)zloop_start(self.loop);
    listener_destroy(&self.listener);
    zap_destroy(&self.zap);
    zloop_destroy(&self.loop);
    rogue_case_free(&self.evil);
    rogue_case_free(&self.look);
    return self.over ? 0 : 1;
}
