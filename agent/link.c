/* link.c: see link.h. */
#include "agent/link.h"
#include "agent/bundles.h"
#include "agent/crew.h"
#include "agent/folder.h"
#include "agent/leases.h"
#include "agent/link_watch.h"
#include "agent/loop.h"
#include "agent/notary.h"
#include "agent/reports.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypto/random.h"
#include "common/postgres/schema.h"
#include "common/wire/bounds.h"
#include "common/wire/codec.h"
#include "common/wire/field.h"

#include <string.h>

enum {
    HELLO_AGAIN_S = 5,
    HELLO_ESTRANGED_S = 60,
    STRANGER_S = 2, /* less than HELLO_AGAIN_S */
    ESTRANGED_TEXT_BYTES = 320,
    INVENTORY_PART = 500,
    LEFTOVERS_TOLD = 512
};

/* Seal and send an unsigned message. What cannot be sent is sent again by whoever wanted it. */
static bool send_message(agent_t *agent, Drover__Kind kind, const ProtobufCMessage *message) {
    CLEANUP(buffer_free) buffer_t sealed = {0};
    error_t err = {0};
    if (codec_seal(kind, message, NULL, &sealed, &err) != STATUS_OK ||
        dialer_send(agent->dialer, sealed.data, sealed.size, &err) != STATUS_OK) {
        log_error("a message was not sent", &err);
        return false;
    }
    return true;
}

/* ---- hello ---- */

/* Clusters as the wire has them; the texts are borrowed from the inventory. */
static size_t fill_clusters(agent_t *agent, Drover__ClusterSeen *seen,
                            Drover__ClusterSeen **pointers) {
    size_t left = 0; /* of all clusters: the message has a bound */
    bool told = false;
    for (size_t i = 0; i < agent->cluster_count; i++) {
        drover__cluster_seen__init(&seen[i]);
        inventory_cluster_seen(agent->inventory, i, &seen[i]);
        if (!told && seen[i].system_identifier != 0) { /* the folder is no cluster's */
            folder_tell(agent, &seen[i]);
            told = true;
        }
        left += seen[i].n_leftovers;
        seen[i].n_leftovers = left <= LEFTOVERS_TOLD ? seen[i].n_leftovers : 0;
        pointers[i] = &seen[i];
    }
    leases_give_back(agent, pointers, agent->cluster_count);
    return agent->cluster_count;
}

/* The hello names the last report's number: one that a crash takes back would make the coordinator
 * think that this journal went back in time. So what is gathered is committed first. */
static void say_hello(agent_t *agent) {
    agent->must_commit = true;
    loop_settle(agent);
    if (agent->stopped) {
        return;
    }
    Drover__Hello hello = DROVER__HELLO__INIT;
    Drover__ClusterSeen seen[LIMIT_CLUSTERS_PER_AGENT];
    Drover__ClusterSeen *clusters[LIMIT_CLUSTERS_PER_AGENT];
    size_t count = crew_count(agent);
    CLEANUP(free_p) Drover__JobInHand *in_hand = calloc(count + 1, sizeof *in_hand);
    CLEANUP(free_p) Drover__JobInHand **pointers = calloc(count + 1, sizeof *pointers);
    if (in_hand == NULL || pointers == NULL) {
        return; /* said again when due */
    }
    for (run_t *run = agent->runs; run != NULL && hello.n_in_hand < WIRE_ATTEMPTS;
         run = run->next_run) {
        Drover__JobInHand *job = &in_hand[hello.n_in_hand];
        if (crew_is_own(run)) {
            continue; /* nothing of the coordinator's */
        }
        drover__job_in_hand__init(job);
        job->job = field_of_ident(&run->what.job);
        job->attempt = field_of_ident(&run->what.attempt);
        pointers[hello.n_in_hand++] = job;
    }
    error_t err = {0};
    if (journal_first(agent->journal, &hello.first_report, &err) != STATUS_OK) {
        log_error("oldest report not found", &err); /* not said, as an older agent does not */
    }
    hello.acknowledged_seen = journal_mark(agent->journal);
    journal_epoch_t epoch = journal_epoch(agent->journal);
    hello.protocol_min = WIRE_PROTOCOL_MIN;
    hello.protocol_max = WIRE_PROTOCOL_MAX;
    hello.software = field_of_text(DROVER_VERSION);
    hello.agent = agent->config->name;
    hello.state = field_of_ident(journal_state(agent->journal));
    hello.wall_us = clock_wall_us();
    hello.number = leases_number(agent); /* before its clusters: they give back by it */
    hello.ledger_schema = (uint32_t)schema_version();
    hello.fingerprint_version = FINGERPRINT_ALGORITHM;
    hello.n_clusters = fill_clusters(agent, seen, clusters);
    hello.clusters = clusters;
    hello.in_hand = pointers;
    hello.last_report = journal_next(agent->journal) - 1;
    hello.epoch_seen = epoch.epoch;
    hello.incarnation_seen = field_of_ident(&epoch.incarnation);
    hello.trust_version = keeper_view(agent->keeper, 0).trust->version;
    hello.held = keeper_held(agent->keeper, NULL);
    (void)send_message(agent, DROVER__KIND__KIND_HELLO, &hello.base);
    agent->hello_due_boot_us = clock_boot_us() + HELLO_AGAIN_S * US_PER_S;
}

static bool say_beat(agent_t *agent, bool with_clusters) {
    Drover__AgentBeat beat = DROVER__AGENT_BEAT__INIT;
    Drover__ClusterSeen seen[LIMIT_CLUSTERS_PER_AGENT];
    Drover__ClusterSeen *clusters[LIMIT_CLUSTERS_PER_AGENT];
    beat.wall_us = clock_wall_us();
    beat.number = leases_number(agent);
    beat.room = crew_room(agent);
    beat.in_hand = (uint32_t)crew_count(agent);
    beat.clusters = clusters;
    beat.n_clusters = with_clusters ? fill_clusters(agent, seen, clusters) : 0;
    agent->room_told = beat.room;
    agent->beat_due_boot_us = clock_boot_us() + agent->heartbeat_us;
    return send_message(agent, DROVER__KIND__KIND_AGENT_BEAT, &beat.base);
}

static void on_inventory_ack(agent_t *agent, const Drover__InventoryAck *ack);
static void drop_reading(agent_t *agent);

/* ---- what comes in ---- */

/* Whether this token may command us: never one that is older than one that was seen, nor a copy of
 * the catalog that reached the same epoch. */
static bool may_command(agent_t *agent, uint64_t epoch, ident_t incarnation) {
    journal_epoch_t seen = journal_epoch(agent->journal);
    bool known = epoch == seen.epoch && ident_equal(&incarnation, &seen.incarnation);
    if (known) {
        return true;
    }
    error_t err = {0};
    if (epoch <= seen.epoch) {
        log_warning("coordinator refused", "reason",
                    "its epoch is not newer than one that was seen", "epoch", LOG_NUMBER(epoch),
                    "seen", LOG_NUMBER(seen.epoch));
        return false;
    }
    journal_epoch_t newer = {.epoch = epoch, .incarnation = incarnation};
    if (journal_set_epoch(agent->journal, &newer, &err) != STATUS_OK) {
        log_error("epoch not kept", &err);
        return false;
    }
    agent->must_commit = true;
    return true;
}

/* The coordinator has its CURVE key, and signs with a key that our trust file does not name:
 * nothing that it sends could ever be obeyed. Say so once, here and there, leave, and look again
 * later. */
static void leave_estranged(agent_t *agent) {
    char key[2 * SIGN_PUBLIC_BYTES + 1];
    char reason[ESTRANGED_TEXT_BYTES];
    trust_view_t view = keeper_view(agent->keeper, 0);
    (void)hex_text(agent->coordinator.bytes, SIGN_PUBLIC_BYTES, key);
    (void)snprintf(reason, sizeof reason,
                   "%s: the coordinator signs with %s, which is no active coordinator's key in its "
                   "trust file (version %lld)",
                   error_code_text(ERROR_TRUST_KEY), key, (long long)view.trust->version);
    if (!agent->estranged) {
        log_warning("the coordinator signs with another key", "code",
                    error_code_text(ERROR_TRUST_KEY), "signs_with", key, "trust_version",
                    LOG_NUMBER(view.trust->version), "hint",
                    "name that key as a coordinator's in the next trust file, or see whose it is");
    }
    agent->welcomed = true; /* it did welcome us: it is to hear why we leave */
    link_goodbye(agent, reason);
    agent->estranged = true;
    agent->stranger_due_boot_us = 0;
    agent->hello_due_boot_us = clock_boot_us() + HELLO_ESTRANGED_S * US_PER_S;
}

/* The trust file that names the key may follow the welcome: wait for it a little, once. */
static bool is_strange(agent_t *agent, const Drover__Welcome *welcome) {
    error_t ignored = {0};
    memset(&agent->coordinator, 0, sizeof agent->coordinator);
    if (welcome->sign_key.len == SIGN_PUBLIC_BYTES) {
        memcpy(agent->coordinator.bytes, welcome->sign_key.data, SIGN_PUBLIC_BYTES);
    }
    if (notary_knows(agent, &agent->coordinator, &ignored) == STATUS_OK) {
        agent->stranger_due_boot_us = 0;
        return false;
    }
    agent->welcomed = false;
    if (agent->estranged) {
        leave_estranged(agent);
    } else if (agent->stranger_due_boot_us == 0) {
        agent->stranger_due_boot_us = clock_boot_us() + STRANGER_S * US_PER_S;
    }
    return true;
}

void link_judge_coordinator(agent_t *agent) {
    error_t ignored = {0};
    bool known = notary_knows(agent, &agent->coordinator, &ignored) == STATUS_OK;
    bool strange = agent->estranged || agent->stranger_due_boot_us != 0;
    if (known && strange) {
        agent->hello_due_boot_us = 0; /* the newest trust file names it: be welcomed again */
    } else if (!known && agent->welcomed) {
        leave_estranged(agent);
    }
}

/* The catalog went back in time: what it had acknowledged before is said again, too. */
static void send_again(agent_t *agent, uint64_t from) {
    if (from == 0 || from > journal_next(agent->journal)) {
        return;
    }
    if (from - 1 < agent->sent_report) {
        agent->sent_report = agent->acknowledged = from - 1;
    }
    log_warning("the coordinator's catalog went back in time", "reports_again_from",
                LOG_NUMBER(from), "acknowledged_before", LOG_NUMBER(journal_mark(agent->journal)));
}

/* What the coordinator says of us, with the welcome and each beat; why is "" where it does not
 * suspend us. Logged when it changes: a fleet that stands still for this host says so there, too.
 */
static void hear_suspended(agent_t *agent, const char *why) {
    char resume[LIMIT_NAME_BYTES + 64];
    bool suspended = why[0] != '\0';
    if (suspended == agent->suspended) {
        return;
    }
    agent->suspended = suspended;
    if (!suspended) {
        log_info("resumed", "effect", "work that goes forward is given to this agent again");
        return;
    }
    (void)snprintf(resume, sizeof resume, "drover agents resume %.*s --reason TEXT",
                   (int)LIMIT_NAME_BYTES, agent->config->name);
    log_warning("suspended", "why", why, "effect",
                "nothing forward is given to this agent; it takes back, looks and backs up",
                "resume", resume, "code", error_code_text(ERROR_AGENT_SUSPENDED), "hint",
                error_code_hint(ERROR_AGENT_SUSPENDED));
}

static void on_welcome(agent_t *agent, const Drover__Welcome *welcome) {
    if (is_strange(agent, welcome)) {
        return;
    }
    agent->estranged = false;
    if (!may_command(agent, welcome->epoch, field_ident(welcome->incarnation))) {
        return;
    }
    agent->welcomed = true;
    agent->acknowledged = welcome->acknowledged;
    agent->sent_report = welcome->acknowledged;
    book_clear(&agent->book);
    agent->keep_since_us = welcome->keep_since_us;
    send_again(agent, welcome->send_again_from);
    reports_acknowledged(agent, welcome->acknowledged);
    reports_hurry(agent);
    if (welcome->heartbeat_ms > 0) {
        agent->heartbeat_us = welcome->heartbeat_ms * US_PER_MS;
    }
    leases_take(agent, &(leases_word_t){.leases = welcome->leases,
                                        .count = welcome->n_leases,
                                        .answers = welcome->answers});
    log_info("welcomed", "epoch", LOG_NUMBER(welcome->epoch), "acknowledged",
             LOG_NUMBER(welcome->acknowledged));
    if (welcome->tells_suspended) {
        hear_suspended(agent, welcome->suspended);
    }
    agent->told_all = false;
    drop_reading(agent);
    bundles_reconnect(agent->bundles);
    papers_reconnect(agent->papers);
    (void)say_beat(agent, true);
}

static void on_beat(agent_t *agent, const Drover__CoordinatorBeat *beat) {
    leases_take(agent, &(leases_word_t){.leases = beat->leases,
                                        .count = beat->n_leases,
                                        .answers = beat->answers});
    agent->keep_since_us = beat->keep_since_us;
    if (beat->tells_suspended) {
        hear_suspended(agent, beat->suspended);
    }
}

static void on_jobs(agent_t *agent, const envelope_t *envelope, const Drover__JobBatch *batch) {
    error_t err = {0};
    curve_public_t own = curve_public_from(keyfile_curve_public(agent->curve_key));
    curve_public_t meant = field_curve(batch->agent_key);
    if (!curve_public_equal(&own, &meant)) {
        (void)error_set(&err, ERROR_SIGNATURE, "jobs that were signed for another agent");
        log_error("jobs refused", &err);
        return;
    }
    if (!may_command(agent, batch->epoch, field_ident(batch->incarnation))) {
        return;
    }
    crew_batch_t taken = {.batch = batch,
                          .payload = envelope->payload,
                          .payload_size = envelope->payload_size,
                          .expired = batch->expires_us < clock_wall_us()};
    if (taken.expired) {
        log_warning("jobs came too late", "jobs", LOG_NUMBER(batch->n_jobs), "code",
                    error_code_text(ERROR_JOB_EXPIRED), "hint", error_code_hint(ERROR_JOB_EXPIRED));
    }
    memcpy(taken.signer.bytes, envelope->key, SIGN_PUBLIC_BYTES);
    if (crew_accept(agent, &taken, &err) != STATUS_OK) {
        log_error("jobs not accepted", &err);
    }
}

static void on_cancel(agent_t *agent, const Drover__Cancel *cancel) {
    curve_public_t own = curve_public_from(keyfile_curve_public(agent->curve_key));
    curve_public_t meant = field_curve(cancel->agent_key);
    if (curve_public_equal(&own, &meant) &&
        may_command(agent, cancel->epoch, field_ident(cancel->incarnation))) {
        crew_cancel(agent, cancel);
    }
}

static void on_chunk(agent_t *agent, const Drover__BundleChunk *chunk) {
    bundles_chunk_t taken = {.digest = field_digest(chunk->digest),
                             .offset = chunk->offset,
                             .total = chunk->total,
                             .data = chunk->data.data,
                             .size = chunk->data.len};
    (void)bundles_take(agent->bundles, &taken);
}

static void on_refused(agent_t *agent, const Drover__Refused *refused) {
    log_warning("refused by the coordinator", "code", refused->code, "message", refused->message,
                "hint", error_code_hint(error_code_parse(refused->code)));
    agent->welcomed = false;
}

static void dispatch(agent_t *agent, const envelope_t *envelope, const message_t *message) {
    switch (message->kind) {
    case DROVER__KIND__KIND_WELCOME:
        on_welcome(agent, message->welcome);
        return;
    case DROVER__KIND__KIND_COORDINATOR_BEAT:
        on_beat(agent, message->coordinator_beat);
        return;
    case DROVER__KIND__KIND_INVENTORY_ACK:
        on_inventory_ack(agent, message->inventory_ack);
        return;
    case DROVER__KIND__KIND_REPORTS_ACK:
        reports_acknowledged(agent, message->reports_ack->number);
        return;
    case DROVER__KIND__KIND_BUNDLE_CHUNK:
        on_chunk(agent, message->bundle_chunk);
        return;
    case DROVER__KIND__KIND_JOBS:
        on_jobs(agent, envelope, message->jobs);
        return;
    case DROVER__KIND__KIND_CANCEL:
        on_cancel(agent, message->cancel);
        return;
    case DROVER__KIND__KIND_TRUST:
        notary_take_trust(agent, message->trust);
        return;
    case DROVER__KIND__KIND_PAPER_CHUNK:
        notary_take_chunk(agent, message->paper_chunk);
        return;
    case DROVER__KIND__KIND_REFUSED:
        on_refused(agent, message->refused);
        return;
    default: /* codec_open lets no kind through that a coordinator never sends */
        return;
    }
}

/* What is signed is signed by a key that the trust file names as an active coordinator's. */
static status_t unpack(const agent_t *agent, const envelope_t *envelope, message_t **ret_message,
                       error_t *err) {
    sign_public_t key;
    if (envelope->signature == NULL) {
        return codec_unpack(envelope, NULL, ret_message, err);
    }
    memcpy(key.bytes, envelope->key, SIGN_PUBLIC_BYTES);
    TRY(notary_knows(agent, &key, err));
    return codec_unpack(envelope, &key, ret_message, err);
}

static void on_receive(void *context, const void *bytes, size_t size) {
    agent_t *agent = context;
    error_t err = {0};
    envelope_t envelope;
    CLEANUP(message_destroy_p) message_t *message = NULL;
    link_watch_heard(agent);
    if (codec_open(bytes, size, PARTY_COORDINATOR, &envelope, &err) != STATUS_OK ||
        unpack(agent, &envelope, &message, &err) != STATUS_OK) {
        agent->dropped++;
        if (!agent->estranged) { /* else what was on its way when we left */
            log_error("a message was dropped", &err);
        }
        return;
    }
    dispatch(agent, &envelope, message);
}

static void on_drained(void *context) {
    loop_settle(context);
}

/* Refused: the other side says that our key is none of its peers'. Else nothing is known. */
static void log_unheard(const agent_t *agent, bool refused, const char *reason) {
    error_code_t code = refused ? ERROR_PEER_UNKNOWN : ERROR_WIRE_UNREACHABLE;
    char key[KEYTEXT_PUBLIC_SIZE];
    log_warning(
        refused ? "the coordinator does not know our key" : "the coordinator does not answer",
        "code", error_code_text(code), "reason", reason, "coordinator",
        agent->config->coordinator.address, "key",
        keytext_public_text(keyfile_public(agent->curve_key), key), "hint", error_code_hint(code));
}

static void on_event(void *context, dialer_event_t event, const char *reason) {
    agent_t *agent = context;
    switch (event) {
    case DIALER_CONNECTED:
        log_info("connected", "coordinator", agent->config->coordinator.address);
        agent->heard_boot_us = clock_boot_us(); /* and that it was silent is told once */
        say_hello(agent);
        return;
    case DIALER_DISCONNECTED:
        log_warning("disconnected", "reason", reason);
        agent->welcomed = false;
        drop_reading(agent);
        return;
    case DIALER_REFUSED:
    case DIALER_UNANSWERED:
        log_unheard(agent, event == DIALER_REFUSED, reason);
        return;
    case DIALER_EVENT_COUNT:
        return;
    }
}

status_t link_start(agent_t *agent, error_t *err) {
    transport_options_t options = {
        .endpoint = agent->config->coordinator.address,
        .secret = keyfile_curve_secret(agent->curve_key),
        .server = curve_public_from(agent->config->coordinator.curve_key),
        .reconnect_max_ms = (int)(agent->config->reconnect_max_us / US_PER_MS),
    };
    dialer_calls_t calls = {
        .context = agent, .receive = on_receive, .drained = on_drained, .event = on_event};
    agent->heartbeat_us = agent->config->heartbeat_us;
    return dialer_new(agent->loop, &options, &calls, &agent->dialer, err);
}

/* ---- what goes out ---- */

static void send_wants(agent_t *agent) {
    bundles_want_t want;
    papers_want_t paper;
    while (agent->welcomed && papers_want(agent->papers, clock_boot_us(), &paper)) {
        Drover__PaperWant wire = DROVER__PAPER_WANT__INIT;
        wire.digest = field_of_digest(&paper.digest);
        wire.offset = paper.offset;
        (void)send_message(agent, DROVER__KIND__KIND_PAPER_WANT, &wire.base);
    }
    while (agent->welcomed && bundles_want(agent->bundles, clock_boot_us(), &want)) {
        Drover__BundleWant wire = DROVER__BUNDLE_WANT__INIT;
        wire.digest = field_of_digest(&want.digest);
        wire.offset = want.offset;
        (void)send_message(agent, DROVER__KIND__KIND_BUNDLE_WANT, &wire.base);
    }
}

void link_send_due(agent_t *agent) {
    error_t err = {0};
    if (!agent->welcomed || !dialer_connected(agent->dialer)) {
        return;
    }
    if (reports_due(agent) && reports_send(agent, &err) != STATUS_OK &&
        err.code != ERROR_WIRE_BUSY && err.code != ERROR_WIRE_UNREACHABLE) {
        log_error("reports not sent", &err);
    }
    send_wants(agent);
    if (crew_room(agent) > agent->room_told) {
        (void)say_beat(agent, false);
    }
}

static void drop_reading(agent_t *agent) {
    inventory_reading_destroy(&agent->reading);
}

/* One part at a time: the next one follows the acknowledgement. */
static void send_part(agent_t *agent) {
    Drover__Inventory wire = DROVER__INVENTORY__INIT;
    inventory_part_t part;
    error_t err = {0};
    if (inventory_reading_part(agent->reading, INVENTORY_PART, &part, &err) != STATUS_OK) {
        log_error("inventory not told", &err);
        drop_reading(agent);
        return;
    }
    wire.snapshot = field_of_ident(&agent->snapshot);
    wire.part = agent->part++;
    wire.last = part.last;
    wire.full = inventory_reading_is_full(agent->reading);
    wire.tenants = part.tenants;
    wire.n_tenants = part.count;
    agent->last_part = part.last;
    (void)send_message(agent, DROVER__KIND__KIND_INVENTORY, &wire.base);
}

static void on_inventory_ack(agent_t *agent, const Drover__InventoryAck *ack) {
    ident_t snapshot = field_ident(ack->snapshot);
    if (agent->reading == NULL || !ident_equal(&snapshot, &agent->snapshot) ||
        ack->part + 1 != agent->part) {
        return; /* of an earlier reading, or doubled */
    }
    if (!agent->last_part) {
        send_part(agent);
        return;
    }
    agent->told_all = agent->told_all || inventory_reading_is_full(agent->reading);
    inventory_reading_told(&agent->reading);
}

void link_send_inventory(agent_t *agent) {
    bool everything = !agent->told_all && inventory_is_complete(agent->inventory);
    bool wanted = everything || inventory_has_news(agent->inventory);
    error_t err = {0};
    if (!agent->welcomed || agent->reading != NULL || !wanted ||
        journal_is_dirty(agent->journal)) { /* ids that are not committed may not be told */
        return;
    }
    if (inventory_reading_new(agent->inventory, everything, &agent->reading, &err) != STATUS_OK) {
        log_error("inventory not read", &err);
        return;
    }
    agent->snapshot = random_ident();
    agent->part = 0;
    send_part(agent);
}

void link_tick(agent_t *agent) {
    int64_t now = clock_boot_us();
    if (!dialer_connected(agent->dialer)) {
        return;
    }
    link_watch(agent, now);
    if (!dialer_connected(agent->dialer)) {
        return;
    }
    if (!agent->welcomed) {
        if (agent->stranger_due_boot_us != 0 && now >= agent->stranger_due_boot_us) {
            leave_estranged(agent);
        } else if (now >= agent->hello_due_boot_us) {
            say_hello(agent);
        }
        return;
    }
    if (now >= agent->beat_due_boot_us) {
        bool told = say_beat(agent, agent->clusters_changed);
        agent->clusters_changed = agent->clusters_changed && !told;
    }
    link_send_inventory(agent);
}

void link_goodbye(agent_t *agent, const char *reason) {
    Drover__Goodbye goodbye = DROVER__GOODBYE__INIT;
    goodbye.reason = field_of_text(reason);
    if (agent->welcomed && dialer_connected(agent->dialer)) {
        (void)send_message(agent, DROVER__KIND__KIND_GOODBYE, &goodbye.base);
    }
    agent->welcomed = false;
}
