/*
 * hello.c: an agent arrives, beats, leaves. A lease is told as a duration from the moment when the
 * agent sent what is answered, so that it ends for the agent before it ends here, whatever becomes
 * of messages; and shorter than the engine's own by a quarter of a lease, in which clocks may
 * differ, and what an agent sent right before the end of its lease comes to its end.
 */
#include "common/wire/field.h"
#include "coordinator/link/internal.h"
#include "coordinator/store/store_agent.h"
#include "coordinator/store/store_refill.h"
#include "coordinator/store/store_report.h"
#include "coordinator/store/store_rollout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ may it come in */

static status_t check_version(const Drover__Hello *hello, uint32_t *ret_protocol, error_t *err) {
    uint32_t most =
        hello->protocol_max < WIRE_PROTOCOL_MAX ? hello->protocol_max : WIRE_PROTOCOL_MAX;
    if (most < WIRE_PROTOCOL_MIN || most < hello->protocol_min) {
        return error_set(
            err, ERROR_WIRE_VERSION,
            "the agent speaks protocol %" PRIu32 " to %" PRIu32 ", this coordinator %d to %d",
            hello->protocol_min, hello->protocol_max, WIRE_PROTOCOL_MIN, WIRE_PROTOCOL_MAX);
    }
    *ret_protocol = most;
    return STATUS_OK;
}

static status_t check_clock(const hub_t *self, const Drover__Hello *hello, error_t *err) {
    int64_t most = self->options.config->clock_skew_max_us;
    /* compared without a difference that a hostile number could overflow */
    if (hello->wall_us > self->now_us + most || hello->wall_us < self->now_us - most) {
        char theirs[CLOCK_TEXT_SIZE];
        char ours[CLOCK_TEXT_SIZE];
        bool readable = hello->wall_us > 0 && hello->wall_us < 2 * self->now_us;
        return error_set(err, ERROR_CLOCK_SKEW,
                         "the agent's clock says %s, the coordinator's %s: more than %" PRId64
                         " s apart",
                         readable ? clock_text(hello->wall_us, theirs) : "nonsense",
                         clock_text(self->now_us, ours), most / US_PER_S);
    }
    return STATUS_OK;
}

/* Marks that no run of ours can have left are nobody's to go by: an agent that was broken into must
 * not use up the epochs, nor the numbers of its reports. */
static status_t check_marks(const hub_t *self, const Drover__Hello *hello, error_t *err) {
    uint64_t epoch = self->options.identity.epoch;
    if (!refill_is_plausible(self, hello->epoch_seen)) {
        return error_set(err, ERROR_FENCED,
                         "the agent claims to have seen epoch %" PRIu64
                         ", this catalog is at %" PRIu64 ": no run of it was ever so late",
                         hello->epoch_seen, epoch);
    }
    if (hello->acknowledged_seen > hello->last_report ||
        (hello->first_report != 0 && hello->first_report - 1 > hello->last_report)) {
        return error_set(err, ERROR_WIRE_INVALID,
                         "the hello's marks contradict each other: reports from %" PRIu64
                         " to %" PRIu64 ", acknowledged up to %" PRIu64,
                         hello->first_report, hello->last_report, hello->acknowledged_seen);
    }
    return STATUS_OK;
}

/* One agent too many. Sessions outlive their connections, so that only those online count; where
 * even all of them are few enough nobody has to be counted. 0 is no bound. */
static status_t check_agents(const hub_t *self, const listener_message_t *from, error_t *err) {
    int64_t most = self->options.config->limits.agents;
    int64_t online = 0;
    if (most == 0 || (int64_t)HASH_COUNT(self->sessions) < most) {
        return STATUS_OK;
    }
    for (const session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        online += session->online && !curve_public_equal(&session->key, &from->peer->key);
    }
    if (online >= most) {
        return error_set(err, ERROR_BOUND,
                         "%" PRId64 " agents are connected, at most %" PRId64 " (limits.agents)",
                         online, most);
    }
    return STATUS_OK;
}

static status_t check_hello(hub_t *self, const listener_message_t *from, const Drover__Hello *hello,
                            uint32_t *ret_protocol, error_t *err) {
    TRY(check_version(hello, ret_protocol, err));
    TRY(check_clock(self, hello, err));
    if (strcmp(hello->agent, from->peer->name) != 0) {
        return error_set(err, ERROR_PEER_NOT_ALLOWED,
                         "the key is enrolled as '%s', the agent calls itself '%s'",
                         from->peer->name, hello->agent);
    }
    TRY(check_marks(self, hello, err));
    return check_agents(self, from, err);
}

/* ------------------------------------------------------------------ clusters and leases */

/* A cluster by its name, among those that an agent held last. */
typedef struct named_cluster {
    const char *name;
    agent_key_t agent;
    uint64_t system_identifier; /* 0: none */
    int64_t last_seen_us;
} named_cluster_t;

static status_t match_name(void *context, const cluster_row_t *cluster, error_t *err) {
    (void)err;
    named_cluster_t *wanted = context;
    if (strcmp(cluster->name, wanted->name) == 0 &&
        memcmp(&cluster->agent, &wanted->agent, sizeof wanted->agent) == 0) {
        wanted->system_identifier = cluster->system_identifier;
        wanted->last_seen_us = cluster->last_seen_us;
    }
    return STATUS_OK;
}

/* A cluster that could not be read since its agent's start: the one that the agent held under that
 * name is meant. Of one that nobody knows the agent's own row tells. */
static status_t see_unread(hub_t *self, session_t *session, const Drover__ClusterSeen *seen,
                           error_t *err) {
    named_cluster_t known = {.name = seen->name, .agent = session_agent(&session->key)};
    if (*seen->problem == '\0') {
        return STATUS_OK; /* not tried yet */
    }
    log_warning("cluster not read by its agent", "agent", session->name, "cluster", seen->name,
                "problem", seen->problem);
    (void)snprintf(session->problem, sizeof session->problem, "cluster '%s': %s", seen->name,
                   seen->problem);
    TRY(store_cluster_each(self->options.store, match_name, &known, err));
    if (known.system_identifier == 0) {
        return STATUS_OK;
    }
    cluster_row_t row = {.system_identifier = known.system_identifier,
                         .name = seen->name,
                         .problem = seen->problem,
                         .last_seen_us = known.last_seen_us};
    TRY(store_cluster_put(self->options.store, &row, err));
    event_t event = hub_event(self, EVENT_SEEN, &session->key);
    event.cluster = known.system_identifier;
    hub_step(self, &event);
    return STATUS_OK;
}

static status_t see_cluster(hub_t *self, session_t *session, const Drover__ClusterSeen *seen,
                            error_t *err) {
    if (seen->system_identifier == 0) { /* could not be read */
        return see_unread(self, session, seen, err);
    }
    cluster_row_t row = {.system_identifier = seen->system_identifier,
                         .name = seen->name,
                         .server_version = seen->server_version,
                         .timeline = seen->timeline,
                         .parallel = seen->parallel,
                         .problem = seen->problem,
                         .last_seen_us = self->now_us};
    TRY(store_cluster_put(self->options.store, &row, err));
    session_cluster_t cluster = {.system_identifier = seen->system_identifier,
                                 .writable = seen->writable && *seen->problem == '\0',
                                 .standby = !seen->writable && *seen->problem == '\0',
                                 .parallel = seen->parallel};
    TRY(session_see(session, &cluster, err));
    leftover_place_t place = {.system_identifier = seen->system_identifier,
                              .seen_us = self->now_us};
    leftovers_put(&session->left, &place, seen->leftovers, seen->n_leftovers);
    event_t event = hub_event(self, EVENT_SEEN, &session->key);
    event.cluster = cluster.system_identifier;
    event.writable =
        cluster.writable && !suspended_yields(self, session, cluster.system_identifier);
    event.parallel = cluster.parallel;
    hub_step(self, &event);
    return STATUS_OK;
}

static status_t see_clusters(hub_t *self, session_t *session, Drover__ClusterSeen **clusters,
                             size_t count, error_t *err) {
    if (count > 0) {
        TRY(hub_begin(self, err));
        session->problem[0] = '\0';
    }
    for (size_t i = 0; i < count; i++) {
        TRY(see_cluster(self, session, clusters[i], err));
    }
    return STATUS_OK;
}

/* Clusters that nobody holds (any more) and this agent could: beats repeat only what changed. */
static void claim_free(hub_t *self, session_t *session) {
    for (uint32_t i = 0; i < session->cluster_count; i++) {
        const session_cluster_t *cluster = &session->clusters[i];
        agent_key_t holder;
        if (!cluster->writable ||
            engine_holder(self->engine, cluster->system_identifier, &holder) ||
            suspended_yields(self, session, cluster->system_identifier)) {
            continue;
        }
        event_t event = hub_event(self, EVENT_SEEN, &session->key);
        event.cluster = cluster->system_identifier;
        event.writable = true;
        event.parallel = cluster->parallel;
        hub_step(self, &event);
    }
}

typedef struct lease_list {
    Drover__Lease items[LIMIT_CLUSTERS_PER_AGENT];
    Drover__Lease *pointers[LIMIT_CLUSTERS_PER_AGENT];
    size_t count;
} lease_list_t;

static void list_leases(hub_t *self, const session_t *session, lease_list_t *ret_list) {
    agent_key_t agent = session_agent(&session->key);
    int64_t margin_us = self->options.config->lease_us / 4;
    /* who gives no number counts from the receipt */
    int64_t passed_us = session->said != 0 ? self->boot_us - session->said_boot_us : 0;
    ret_list->count = session->cluster_count;
    for (uint32_t i = 0; i < session->cluster_count; i++) {
        int64_t left_us = engine_lease_left_us(self->engine, session->clusters[i].system_identifier,
                                               &agent, self->boot_us);
        Drover__Lease *lease = &ret_list->items[i];
        drover__lease__init(lease);
        lease->system_identifier = session->clusters[i].system_identifier;
        lease->valid_ms = left_us > margin_us ? (left_us + passed_us - margin_us) / US_PER_MS : 0;
        ret_list->pointers[i] = lease;
    }
}

void hello_tell_leases(hub_t *self, session_t *session) {
    lease_list_t list;
    list_leases(self, session, &list);
    Drover__CoordinatorBeat beat = DROVER__COORDINATOR_BEAT__INIT;
    beat.wall_us = self->now_us;
    beat.n_leases = list.count;
    beat.leases = list.pointers;
    beat.keep_since_us = self->keep_since_us;
    beat.answers = session->said;
    beat.suspended = suspended_word(session);
    beat.tells_suspended = true;
    hub_say(self, &session->key, DROVER__KIND__KIND_COORDINATOR_BEAT, &beat.base);
}

/* ------------------------------------------------------------------ hello */

/* Write that the agent is there; false where the catalog refuses it and it was told so. */
static status_t write_hello(hub_t *self, const listener_message_t *from, const Drover__Hello *hello,
                            uint32_t protocol, agent_hello_t *ret_known, error_t *err) {
    agent_row_t row = {.key = session_agent(&from->peer->key),
                       .name = from->peer->name,
                       .state = field_ident(hello->state),
                       .software = hello->software,
                       .protocol = protocol,
                       .last_seen_us = self->now_us};
    TRY(hub_begin(self, err));
    TRY(store_agent_hello(self->options.store, &row, ret_known, err));
    if (ret_known->known && !ret_known->state_changed &&
        hello->last_report < ret_known->acknowledged) {
        return error_set(err, ERROR_JOURNAL_OLD,
                         "the agent's journal went back in time: it knows reports up to %" PRIu64
                         ", %" PRIu64 " were acknowledged: it is an older copy",
                         hello->last_report, ret_known->acknowledged);
    }
    return suspended_hello(self, from, ret_known, err);
}

/* Whether its task waits for this very try: an operator may have asked for another one while nobody
 * had word of it. A catalog that is filled again cannot tell. */
static bool is_waited_for(const hub_t *self, const session_t *session,
                          const session_attempt_t *entry) {
    const task_t *task = engine_task(self->engine, &entry->job);
    bool own = task != NULL && task->state != TASK_PENDING && task->state != TASK_READY &&
               ident_equal(&task->attempt, &entry->attempt);
    return own || session->refills;
}

static status_t note_child(void *context, const rollout_child_t *child, error_t *err) {
    (void)child;
    (void)err;
    *(bool *)context = true;
    return STATUS_OK;
}

/* Note that an attempt in hand is to stop: its rollout ends, or ended without it, or waits for
 * another try; or it was waited for no longer, and the rollout was taken back meanwhile. */
static status_t judge_in_hand(hub_t *self, const session_t *session, session_attempt_t *entry,
                              error_t *err) {
    const rollout_t *rollout = engine_rollout_of(self->engine, &entry->job);
    if (rollout == NULL || entry->cancel) {
        return STATUS_OK;
    }
    bool taken_back = false;
    if (engine_task(self->engine, &entry->job)->state == TASK_OUTSTANDING) {
        TRY(store_rollout_children(self->options.store, &rollout->id, note_child, &taken_back,
                                   err));
    }
    entry->cancel = taken_back || rollout_state_is_called_off(rollout->state) ||
                    !is_waited_for(self, session, entry);
    return STATUS_OK;
}

/* Attempts that it has; those that nobody waits for are cancelled again. */
static status_t take_in_hand(hub_t *self, session_t *session, const Drover__Hello *hello,
                             error_t *err) {
    session_clear_attempts(session);
    free(session->in_hand);
    session->in_hand = calloc(hello->n_in_hand + 1, sizeof *session->in_hand);
    session->in_hand_count = 0;
    if (session->in_hand == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for jobs in hand");
    }
    for (size_t i = 0; i < hello->n_in_hand; i++) {
        ident_t job = field_ident(hello->in_hand[i]->job);
        ident_t attempt = field_ident(hello->in_hand[i]->attempt);
        session->in_hand[session->in_hand_count++] = attempt;
        TRY(reports_recall(self, &job, err));
        session_attempt_t *entry = session_add_attempt(session, &attempt, &job);
        if (entry != NULL) {
            entry->heard = true;
            entry->sent_boot_us = self->boot_us;
            entry->cancel = false;
            TRY(judge_in_hand(self, session, entry, err));
        }
    }
    session->in_hand_said = session->in_hand_count;
    return STATUS_OK;
}

status_t hello_settle(hub_t *self, session_t *session, error_t *err) {
    (void)err;
    event_t event = hub_event(self, EVENT_IN_HAND, &session->key);
    event.fresh = session->in_hand;
    event.fresh_count = session->in_hand_count;
    event.forgetful = session->forgetful;
    event.held = session->suspended ? suspended_held(self, session) : (held_t){0};
    hub_step(self, &event);
    free(session->in_hand);
    session->in_hand = NULL;
    session->in_hand_count = 0;
    session->settled = true;
    session->forgetful = false;
    session->offer = true;
    return STATUS_OK;
}

static void welcome(hub_t *self, session_t *session, uint32_t protocol) {
    const store_identity_t *identity = &self->options.identity;
    lease_list_t list;
    list_leases(self, session, &list);
    Drover__Welcome welcome = DROVER__WELCOME__INIT;
    welcome.protocol = protocol;
    welcome.software = field_of_text("drover-coordinator " DROVER_VERSION);
    welcome.coordinator = field_of_bytes(identity->id.bytes, sizeof identity->id.bytes);
    welcome.epoch = identity->epoch;
    welcome.incarnation =
        field_of_bytes(identity->incarnation.bytes, sizeof identity->incarnation.bytes);
    welcome.wall_us = self->now_us;
    welcome.heartbeat_ms = self->options.config->heartbeat_us / US_PER_MS;
    welcome.n_leases = list.count;
    welcome.leases = list.pointers;
    welcome.acknowledged = session->acknowledged;
    welcome.send_again_from = session->refills ? session->acknowledged + 1 : 0;
    welcome.keep_since_us = self->keep_since_us;
    welcome.answers = session->said;
    welcome.suspended = suspended_word(session);
    welcome.tells_suspended = true;
    /* the second half of libsodium's Ed25519 secret is the public key */
    const uint8_t *sign = self->options.sign->bytes + SIGN_SECRET_BYTES - SIGN_PUBLIC_BYTES;
    welcome.sign_key = field_of_bytes(sign, SIGN_PUBLIC_BYTES);
    hub_say(self, &session->key, DROVER__KIND__KIND_WELCOME, &welcome.base);
}

/* Fill the session anew. */
static void begin_session(hub_t *self, session_t *session, const listener_message_t *from,
                          const Drover__Hello *hello, const agent_hello_t *known) {
    (void)snprintf(session->name, sizeof session->name, "%s", from->peer->name);
    session->state = field_ident(hello->state);
    session->online = true;
    session->silent = false;
    session->problem[0] = '\0';
    session->suspended = known->status == AGENT_SUSPENDED;
    session->acknowledged = known->acknowledged;
    session->last_report = hello->last_report;
    session->said = hello->number;
    session->said_boot_us = self->boot_us;
    session->trust_version = hello->trust_version;
    session->heard_boot_us = session->progress_boot_us = self->boot_us;
    session->touched_us = self->now_us;
    session->capacity = 0;
    session->settled = false;
    session->forgetful = session->forgetful || known->state_changed;
    session->cluster_count = 0;
    leftovers_free(&session->left); /* it tells all of it again */
    session->snapshot = (ident_t){{0}};
}

/* Since when agents have to keep their reports: those of rollouts that are open, or closed after
 * the catalog was last copied to a safe place. Where nobody says that it is copied, a copy is taken
 * to be a month old at most. Looked up once an hour. */
static status_t look_keep(hub_t *self, error_t *err) {
    enum { LOOK_S = 3600, KEEP_DAYS = 30 };
    int64_t saved_us = 0;
    int64_t since_us = 0;
    if (self->keep_since_us != 0 && self->boot_us - self->keep_boot_us < LOOK_S * US_PER_S) {
        return STATUS_OK;
    }
    TRY(store_refill_saved_get(self->options.store, &saved_us, err));
    saved_us = saved_us != 0 ? saved_us : self->now_us - KEEP_DAYS * INT64_C(86400) * US_PER_S;
    TRY(store_report_keep_since(self->options.store, saved_us, &since_us, err));
    since_us = since_us != 0 ? since_us : self->now_us;
    /* made by clocks that may run behind */
    self->keep_since_us = since_us - self->options.config->clock_skew_max_us;
    self->keep_boot_us = self->boot_us;
    return STATUS_OK;
}

static status_t accept_hello(hub_t *self, const listener_message_t *from,
                             const Drover__Hello *hello, uint32_t protocol,
                             const agent_hello_t *known, error_t *err) {
    session_t *session = NULL;
    TRY(listener_claim(self->listener, &from->peer->key, &from->route, err));
    TRY(session_get(&self->sessions, &from->peer->key, &session, err));
    begin_session(self, session, from, hello, known);
    TRY(refill_begin(self, session, err));
    TRY(look_keep(self, err));
    TRY(take_in_hand(self, session, hello, err));
    TRY(see_clusters(self, session, hello->clusters, hello->n_clusters, err));
    event_t alive = hub_event(self, EVENT_ALIVE, &session->key);
    hub_step(self, &alive);
    /* what it did meanwhile stands in reports that are still to come: first those, then what it
     * lacks */
    if (session->acknowledged >= session->last_report && !self->refilling) {
        TRY(hello_settle(self, session, err));
    }
    welcome(self, session, protocol);
    TRY(news_tell(self, session, err));
    log_info("agent online", "agent", session->name, "address", from->address, "software",
             hello->software, "clusters", LOG_NUMBER(session->cluster_count), "in_hand",
             LOG_NUMBER(hello->n_in_hand));
    return STATUS_OK;
}

status_t hello_take(hub_t *self, const listener_message_t *from, const Drover__Hello *hello,
                    error_t *err) {
    uint32_t protocol = 0;
    error_t refusal = {0};
    if (check_hello(self, from, hello, &protocol, &refusal) != STATUS_OK) {
        hub_refuse(self, from, &refusal);
        return STATUS_OK;
    }
    agent_hello_t known = {0};
    if (write_hello(self, from, hello, protocol, &known, err) != STATUS_OK) {
        if (err->code != ERROR_PEER_NOT_ALLOWED && err->code != ERROR_JOURNAL_OLD) {
            return STATUS_ERROR;
        }
        hub_refuse(self, from, err);
        error_clear(err);
        return STATUS_OK;
    }
    TRY(refill_hello(self, from, hello, &known, err));
    return accept_hello(self, from, hello, protocol, &known, err);
}

/* ------------------------------------------------------------------ beats and goodbye */

static status_t touch(hub_t *self, session_t *session, error_t *err) {
    /* the catalog's last_seen is for the reader: as fine as what silence means is fine enough */
    if (self->now_us - session->touched_us < self->options.config->unreachable_after_us / 3) {
        return STATUS_OK;
    }
    agent_key_t agent = session_agent(&session->key);
    session->touched_us = self->now_us;
    TRY(hub_begin(self, err));
    TRY(store_agent_touch(self->options.store, &agent, self->now_us, err));
    for (uint32_t i = 0; i < session->cluster_count; i++) {
        int64_t left_us = engine_lease_left_us(self->engine, session->clusters[i].system_identifier,
                                               &agent, self->boot_us);
        cluster_row_t row = {.system_identifier = session->clusters[i].system_identifier,
                             .agent = agent,
                             .lease_until_us = self->now_us + left_us};
        if (left_us > 0) {
            TRY(store_cluster_set_lease(self->options.store, &row, err));
        }
    }
    return STATUS_OK;
}

/* Ask again for what was to be cancelled and has not ended, and for what nobody waits for since.
 * One of those that was never mentioned is asked for once: what was lost on its way ends with that.
 */
static status_t repeat_cancels(hub_t *self, session_t *session, error_t *err) {
    ident_t attempts[64];
    size_t count = 0;
    session_attempt_t *next = NULL;
    for (session_attempt_t *entry = session->attempts;
         entry != NULL && count < sizeof attempts / sizeof attempts[0]; entry = next) {
        next = entry->hh.next;
        TRY(judge_in_hand(self, session, entry, err));
        if (entry->cancel) {
            attempts[count++] = entry->attempt;
        }
        if (!entry->heard && !is_waited_for(self, session, entry)) {
            session_remove_attempt(session, &entry->attempt);
        }
    }
    if (count > 0) {
        jobs_cancel(self, &session->key, attempts, count);
    }
    return STATUS_OK;
}

status_t hello_beat(hub_t *self, session_t *session, const Drover__AgentBeat *beat, error_t *err) {
    if (beat->number < session->said) {
        return STATUS_OK; /* overtaken: what it says of clusters and room is old */
    }
    session->said = beat->number;
    session->said_boot_us = self->boot_us;
    TRY(see_clusters(self, session, beat->clusters, beat->n_clusters, err));
    event_t alive = hub_event(self, EVENT_ALIVE, &session->key);
    hub_step(self, &alive);
    suspended_beat(self, session);
    claim_free(self, session);
    TRY(touch(self, session, err));
    TRY(look_keep(self, err));
    /* not its room: jobs on their way were not known to it when it said that, and one that ends
     * makes room before the next beat says so */
    session->capacity = (beat->room < WIRE_ATTEMPTS ? beat->room : WIRE_ATTEMPTS) +
                        (beat->in_hand < WIRE_ATTEMPTS ? beat->in_hand : WIRE_ATTEMPTS);
    session->in_hand_said = beat->in_hand;
    session->offer = true;
    TRY(repeat_cancels(self, session, err));
    hello_tell_leases(self, session);
    session->tell_leases = false;
    return STATUS_OK;
}

status_t hello_goodbye(hub_t *self, session_t *session, const Drover__Goodbye *goodbye,
                       error_t *err) {
    event_t event = hub_event(self, EVENT_GOODBYE, &session->key);
    TRY(hub_begin(self, err));
    hub_step(self, &event);
    session->online = false;
    session->capacity = 0;
    (void)snprintf(session->problem, sizeof session->problem, "%s", goodbye->reason);
    log_info("agent offline", "agent", session->name, "reason",
             *goodbye->reason != '\0' ? goodbye->reason : "said goodbye");
    listener_release(self->listener, &session->key);
    return STATUS_OK;
}
