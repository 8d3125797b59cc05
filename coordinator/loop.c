/*
 * loop.c: see loop.h. Wires the rooms together: poll → messages in → engine → commit → effects out.
 * All that decides is elsewhere.
 */
#include "coordinator/loop.h"
#include "common/base/clock.h"
#include "common/base/throttle.h"
#include "common/crypto/keyfile.h"
#include "common/crypto/keytext.h"
#include "common/wire/listener.h"
#include "coordinator/heads.h"
#include "coordinator/link/hub.h"
#include "coordinator/service/service.h"
#include "coordinator/store/store_audit.h"
#include "coordinator/trust/roster.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

enum {
    TICK_MS = 200,
    REFUSALS_EACH = 16, /* refused handshakes of one address that are logged in a minute */
    REFUSALS_ALL = 256, /* and of all addresses together */
    REFUSAL_TEXT = 192,
};

struct loop {
    const coordinator_config_t *config;
    keyfile_t *sign;
    keyfile_t *curve;
    zloop_t *zloop;
    zap_t *zap;
    throttle_t *refusals; /* by address: one that is noisy hides no other */
    store_t *store;
    store_identity_t identity;
    store_audit_signer_t audit_signer; /* borrowed by the store */
    int64_t head_kept;                 /* sequence of the signed head that was kept last */
    keeper_t *keeper;
    uint64_t changes;        /* keeper_changes, as the table of keys has them */
    int64_t roster_until_us; /* when somebody in that table ends or begins */
    int64_t told_expiry_us;  /* boot clock: when the trust file's end was last logged; 0: never */
    hub_t *hub;
    service_t *service;
    listener_t *listener;
    int signals;
    int timer;
    int64_t drain_until_us; /* boot clock; 0: not draining */
    bool ended;
};

/* ------------------------------------------------------------------ who may connect */

static status_t set_peers(loop_t *self, error_t *err) {
    roster_t roster = {0};
    uint64_t changes = keeper_changes(self->keeper);
    TRY(roster_read(self->keeper, clock_wall_us(), &roster, err));
    status_t status = zap_set_peers(self->zap, roster.peers, roster.count, err);
    if (status == STATUS_OK) {
        self->changes = changes;
        self->roster_until_us = roster.until_us;
        log_info("keys admitted", "operators", LOG_NUMBER(roster.operators), "agents",
                 LOG_NUMBER(roster.agents), "invitations", LOG_NUMBER(roster.newcomers), "left_out",
                 LOG_NUMBER(roster.left_out));
    }
    roster_free(&roster);
    return status;
}

/* Where trust file, cards or invitations changed, or somebody's time came: who left is out at once.
 * Called with everything committed. */
static void follow_trust(loop_t *self) {
    error_t err = {0};
    if (self->changes == keeper_changes(self->keeper) && clock_wall_us() < self->roster_until_us) {
        return;
    }
    if (hub_is_broken(self->hub, &err)) {
        return;
    }
    if (set_peers(self, &err) != STATUS_OK) {
        log_error("keys not admitted anew", &err); /* tried again at the next tick */
        return;
    }
    hub_peers_changed(self->hub, self->zap);
}

/* Signed heads of the audit log name the run; where the hub raised its epoch, so do they. */
static void follow_identity(loop_t *self) {
    const store_identity_t *identity = hub_identity(self->hub);
    if (identity->epoch != self->identity.epoch) {
        self->identity = *identity;
        self->audit_signer.identity = *identity;
    }
}

/* An alarm from a week before the trust file's end, once a day. */
static void watch_expiry(loop_t *self) {
    int64_t boot_us = clock_boot_us();
    trust_view_t view = keeper_view(self->keeper, clock_wall_us());
    trust_freshness_t freshness = trust_freshness(&view);
    if (freshness == TRUST_FRESH) {
        self->told_expiry_us = 0;
        return;
    }
    if (self->told_expiry_us != 0 && boot_us - self->told_expiry_us < TRUST_DAY_US) {
        return;
    }
    char text[CLOCK_TEXT_SIZE];
    self->told_expiry_us = boot_us;
    log_warning(
        freshness == TRUST_EXPIRED ? "trust file expired" : "trust file expires soon", "code",
        error_code_text(ERROR_TRUST_EXPIRED), "version", LOG_NUMBER(view.trust->version), "expires",
        clock_text(view.trust->expires_us, text), "hint", error_code_hint(ERROR_TRUST_EXPIRED));
}

/* text: the key as in the peer's key file and in its own log, "-" for none; a blank; the reason. */
static void log_refusals(const throttle_word_t *word) {
    const char *reason = strchr(word->text, ' ');
    char z85[Z85_KEY_SIZE] = "";
    INVARIANT(reason != NULL);
    if (word->text[0] != '-' || reason - word->text > 1) {
        (void)snprintf(z85, sizeof z85, "%.*s", (int)(reason - word->text), word->text);
    }
    log_warning("connection refused", "code", error_code_text(ERROR_PEER_UNKNOWN), "address",
                word->key, "key", z85, "reason", reason + 1, "refusals",
                LOG_NUMBER((int64_t)word->total), "since_told", LOG_NUMBER((int64_t)word->count),
                "hint", error_code_hint(ERROR_PEER_UNKNOWN));
}

static void on_refused(void *context, const zap_refusal_t *refusal) {
    loop_t *self = context;
    curve_public_t key;
    error_t none = {0};
    throttle_word_t word;
    char z85[Z85_KEY_SIZE] = "-";
    char text[REFUSAL_TEXT];
    if (*refusal->key != '\0' && curve_public_parse(refusal->key, &key, &none) == STATUS_OK) {
        (void)keytext_z85(key.bytes, z85);
    }
    (void)snprintf(text, sizeof text, "%s %s", z85, refusal->reason);
    throttle_hit_t hit = {.key = refusal->address, .text = text, .now_us = clock_boot_us()};
    if (throttle_take(self->refusals, &hit, &word)) {
        log_refusals(&word);
    }
}

/* What was counted and not logged while an address was noisy. */
static void tell_refusals(loop_t *self) {
    throttle_word_t word;
    while (throttle_next(self->refusals, clock_boot_us(), &word)) { /* bounded by REFUSALS_ALL */
        log_refusals(&word);
    }
}

/* ------------------------------------------------------------------ what the loop calls */

/* End the zloop where there is no more to do; its handlers answer -1 for that. */
static int go_on(loop_t *self) {
    error_t err = {0};
    bool drained = self->drain_until_us != 0 &&
                   (hub_is_idle(self->hub) || clock_boot_us() >= self->drain_until_us);
    self->ended = self->ended || drained || hub_is_broken(self->hub, &err);
    return self->ended ? -1 : 0;
}

static void on_message(void *context, const listener_message_t *message) {
    loop_t *self = context;
    hub_receive(self->hub, message);
}

static void on_drained(void *context) {
    loop_t *self = context;
    hub_settle(self->hub);
    follow_identity(self);
    follow_trust(self);
}

static void on_notice(void *context, listener_event_t event, const curve_public_t *key) {
    loop_t *self = context;
    hub_notice(self->hub, event, key);
}

/* Where a head was signed since the last time and its row is committed, keep one elsewhere, too. */
static void keep_head(loop_t *self) {
    error_t err = {0};
    audit_head_t head;
    const char *path = self->config->audit.heads;
    if (path == NULL || store_in_transaction(self->store) ||
        store_audit_signed(self->store) == self->head_kept) {
        return;
    }
    self->head_kept = store_audit_signed(self->store); /* a failure is told once */
    if (store_audit_head(self->store, clock_wall_us(), &head, &err) != STATUS_OK ||
        heads_append(path, &head, &err) != STATUS_OK) {
        log_error("signed head of the audit log not kept", &err);
    }
}

/* Sign the audit log's last row: what this run wrote cannot be cut off unseen. */
static void seal_audit(loop_t *self) {
    error_t err = {0};
    hub_settle(self->hub);
    if (hub_is_broken(self->hub, &err) || store_in_transaction(self->store)) {
        return;
    }
    if (store_begin(self->store, &err) != STATUS_OK ||
        store_audit_seal(self->store, clock_wall_us(), &err) != STATUS_OK ||
        store_commit(self->store, &err) != STATUS_OK) {
        store_rollback(self->store);
        log_error("audit log not signed at its end", &err);
        return;
    }
    keep_head(self);
}

static int on_tick(zloop_t *zloop, int timer, void *context) {
    (void)zloop;
    (void)timer;
    loop_t *self = context;
    hub_tick(self->hub);
    follow_trust(self);
    watch_expiry(self);
    keep_head(self);
    tell_refusals(self);
    return go_on(self);
}

static void begin_drain(loop_t *self, const char *why) {
    if (self->drain_until_us != 0) {
        self->ended = true;
        log_info("stopping", "reason", why);
        return;
    }
    int64_t drain_us = self->config->timeouts.drain_us;
    self->drain_until_us = clock_boot_us() + (drain_us > 0 ? drain_us : 1);
    hub_drain(self->hub);
    hub_settle(self->hub);
    log_info("draining", "reason", why);
}

/* Keep a newer pin, if there is one. */
static status_t repin(loop_t *self, error_t *err) {
    TRY(store_begin(self->store, err));
    TRY(keeper_repin(self->keeper, clock_wall_us(), err));
    return store_commit(self->store, err);
}

static void reload(loop_t *self) {
    error_t err = {0};
    hub_settle(self->hub);
    if (hub_is_broken(self->hub, &err)) {
        return;
    }
    if (repin(self, &err) != STATUS_OK) {
        error_t fault = {0};
        log_error("trust file not read again", &err);
        store_rollback(self->store);
        if (keeper_reload(self->keeper, &fault) != STATUS_OK) {
            log_error("trust file unreadable", &fault);
        }
    } else {
        trust_view_t view = keeper_view(self->keeper, clock_wall_us());
        log_info("trust file read again", "file", self->config->trust.root, "version",
                 LOG_NUMBER(view.trust->version));
    }
    hub_settle(self->hub);
    follow_trust(self);
}

static int on_signal(zloop_t *zloop, zmq_pollitem_t *item, void *context) {
    (void)zloop;
    loop_t *self = context;
    struct signalfd_siginfo info;
    while (read(item->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            reload(self);
        } else {
            begin_drain(self, info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
        }
    }
    return go_on(self);
}

/* ------------------------------------------------------------------ the service, as the hub sees
 * it */

static status_t answer(void *context, const service_question_t *question,
                       service_answer_t *ret_answer, effects_t *effects, error_t *err) {
    loop_t *self = context;
    return service_answer(self->service, question, ret_answer, effects, err);
}

static status_t roll_back(void *context, const rollout_t *rollout, uint32_t wave,
                          const service_moment_t *moment, service_way_back_t *ret_way,
                          effects_t *effects, error_t *err) {
    loop_t *self = context;
    return service_roll_back_wave(self->service, rollout, wave, moment, ret_way, effects, err);
}

static status_t sweep(void *context, const service_moment_t *moment, effects_t *effects,
                      error_t *err) {
    loop_t *self = context;
    return service_sweep(self->service, moment, effects, err);
}

/* ------------------------------------------------------------------ opening and closing */

static sigset_t signal_set(void) {
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    return set;
}

status_t loop_block_signals(error_t *err) {
    sigset_t set = signal_set();
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || sigaction(SIGPIPE, &ignore, NULL) != 0) {
        return error_set(err, ERROR_INTERNAL, "signals cannot be set up: %m");
    }
    return STATUS_OK;
}

static status_t open_keys(loop_t *self, error_t *err) {
    keyfile_open_t sign = {.path = self->config->keys.sign, .kind = KEY_COORDINATOR};
    keyfile_open_t curve = {.path = self->config->keys.curve, .kind = KEY_CURVE};
    TRY(keyfile_open(&sign, &self->sign, err));
    return keyfile_open(&curve, &self->curve, err);
}

static status_t open_keeper(loop_t *self, error_t *err) {
    keeper_options_t options = {.root = self->config->trust.root,
                                .environment = self->config->environment,
                                .order_life_us = self->config->order_life_us};
    TRY(store_begin(self->store, err));
    TRY(keeper_new(self->store, &options, clock_wall_us(), &self->keeper, err));
    TRY(store_commit(self->store, err));
    trust_view_t view = keeper_view(self->keeper, clock_wall_us());
    char fleet[IDENT_TEXT_SIZE];
    log_info("trust file loaded", "file", self->config->trust.root, "fleet",
             ident_text(&view.trust->fleet, fleet), "version", LOG_NUMBER(view.trust->version));
    watch_expiry(self);
    return STATUS_OK;
}

/* Heads are signed from here on; a file for them that cannot be written is told at once. */
static status_t open_audit(loop_t *self, error_t *err) {
    audit_head_t head;
    const char *path = self->config->audit.heads;
    self->audit_signer = (store_audit_signer_t){.secret = keyfile_sign_secret(self->sign),
                                                .key = *keyfile_sign_public(self->sign),
                                                .identity = self->identity};
    store_audit_sign_with(self->store, &self->audit_signer);
    TRY(store_audit_head(self->store, clock_wall_us(), &head, err));
    if (path != NULL && heads_append(path, &head, err) != STATUS_OK) {
        return error_context(err, "keeping the audit log's head");
    }
    return STATUS_OK;
}

static status_t open_catalog(loop_t *self, error_t *err) {
    store_options_t options = {.catalog = self->config->catalog,
                               .bundles = self->config->bundles,
                               .software = "drover-coordinator " DROVER_VERSION,
                               .now_us = clock_wall_us()};
    TRY(store_open(&options, &self->store, err));
    TRY(store_start(self->store, &self->identity, err));
    TRY(open_audit(self, err));
    TRY(open_keeper(self, err));
    hub_options_t hub = {.config = self->config,
                         .store = self->store,
                         .identity = self->identity,
                         .sign = keyfile_sign_secret(self->sign),
                         .keeper = self->keeper};
    return hub_new(&hub, &self->hub, err);
}

static status_t open_service(loop_t *self, error_t *err) {
    service_options_t options = {.keeper = self->keeper,
                                 .inventory_late_us = self->config->inventory_stale_us,
                                 .rollouts = (uint32_t)self->config->limits.rollouts};
    self->service = service_new(self->store, hub_engine(self->hub), &options);
    if (self->service == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for the service");
    }
    hub_service_t service = {.context = self,
                             .answer = answer,
                             .free_answer = service_answer_free,
                             .roll_back = roll_back,
                             .sweep = sweep};
    hub_set_service(self->hub, &service);
    return STATUS_OK;
}

static status_t open_listener(loop_t *self, error_t *err) {
    transport_options_t options = {
        .endpoint = self->config->listen,
        .secret = keyfile_curve_secret(self->curve),
        .queue_messages = (size_t)self->config->limits.queue_messages,
    };
    listener_calls_t calls = {
        .context = self, .receive = on_message, .drained = on_drained, .event = on_notice};
    TRY(listener_new(self->zloop, self->zap, &options, &calls, &self->listener, err));
    hub_set_listener(self->hub, self->listener);
    return STATUS_OK;
}

static status_t open_signals(loop_t *self, error_t *err) {
    sigset_t set = signal_set();
    self->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (self->signals < 0) {
        return error_set(err, ERROR_INTERNAL, "no signal descriptor: %m");
    }
    zmq_pollitem_t item = {.fd = self->signals, .events = ZMQ_POLLIN};
    self->timer = zloop_timer(self->zloop, TICK_MS, 0, on_tick, self);
    if (zloop_poller(self->zloop, &item, on_signal, self) != 0 || self->timer < 0) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory in the loop");
    }
    zloop_poller_set_tolerant(self->zloop, &item);
    return STATUS_OK;
}

status_t loop_open(const loop_options_t *options, loop_t **ret_loop, error_t *err) {
    CLEANUP(loop_close_p) loop_t *self = calloc(1, sizeof *self);
    if (self == NULL || (self->zloop = zloop_new()) == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for the loop");
    }
    self->config = options->config;
    self->signals = -1;
    self->refusals = throttle_new(&(throttle_options_t){
        .interval_us = 60 * US_PER_S, .each = REFUSALS_EACH, .all = REFUSALS_ALL});
    if (self->refusals == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for the loop");
    }
    TRY(open_keys(self, err));
    TRY(zap_new(self->zloop, on_refused, self, &self->zap, err));
    TRY(open_catalog(self, err));
    TRY(open_service(self, err));
    TRY(set_peers(self, err));
    TRY(open_listener(self, err));
    TRY(open_signals(self, err));
    *ret_loop = TAKE(self);
    return STATUS_OK;
}

void loop_close(loop_t **self_p) {
    if (self_p == NULL || *self_p == NULL) {
        return;
    }
    loop_t *self = *self_p;
    listener_destroy(&self->listener);
    service_destroy(&self->service);
    hub_destroy(&self->hub);
    keeper_destroy(&self->keeper);
    store_destroy(&self->store);
    zap_destroy(&self->zap);
    throttle_destroy(&self->refusals);
    zloop_destroy(&self->zloop);
    keyfile_destroy(&self->sign);
    keyfile_destroy(&self->curve);
    if (self->signals >= 0) {
        (void)close(self->signals);
    }
    free(self);
    *self_p = NULL;
}

const char *loop_endpoint(const loop_t *self) {
    return listener_endpoint(self->listener);
}

status_t loop_run(loop_t *self, error_t *err) {
    char id[IDENT_TEXT_SIZE];
    log_info("ready", "endpoint", loop_endpoint(self), "catalog", self->config->catalog, "epoch",
             LOG_NUMBER(self->identity.epoch), "coordinator", ident_text(&self->identity.id, id));
    while (!self->ended) {
        if (zloop_start(self->zloop) == 0) {
            break; /* interrupted: the context is ending */
        }
        (void)go_on(self);
    }
    seal_audit(self);
    log_info("stopped", "endpoint", loop_endpoint(self));
    return hub_is_broken(self->hub, err) ? STATUS_ERROR : STATUS_OK;
}
