/* world.c: see world.h. */
#include "tests/unit/coordinator/link/world.h"
#include "common/crypto/random.h"
#include "tests/unit/scratch.h"

#include <sys/stat.h>

enum { DEADLINE_S = 30, POLL_MS = 2, TICK_MS = 50 };

/* ------------------------------------------------------------------ a service of the test's own */

static void fill_waves(const world_t *world, rollout_t *rollout) {
    uint32_t each = TENANTS / rollout->wave_count;
    for (uint32_t w = 0; w < rollout->wave_count; w++) {
        rollout->waves[w] = (wave_t){.name = strdup(w == 0 ? "all" : "rest"),
                                     .first = w * each,
                                     .count = each,
                                     .canary = true,
                                     .on_failure = ON_FAILURE_ROLLBACK_WAVE,
                                     .budget = world->fleet.budget,
                                     .needs_approval = w > 0 && world->fleet.needs_approval,
                                     .max_parallel = 1};
    }
}

static rollout_t *make_rollout(world_t *world, rollout_kind_t kind) {
    bool back = kind == KIND_UNDO;
    rollout_t *rollout = calloc(1, sizeof *rollout);
    *rollout = (rollout_t){.id = random_ident(),
                           .name = strdup("release"),
                           .kind = kind,
                           .application = strdup("shop"),
                           .target_position = back ? 1 : 2,
                           .target_version = strdup("V002"),
                           .state = ROLLOUT_PLANNED,
                           .attempts = 2,
                           .recovery_kind = strdup("dump"),
                           .trial_restore = strdup("canary"),
                           .spec = strdup("{}"),
                           .actor = strdup("op"),
                           .created_us = clock_wall_us(),
                           .wave_count = world->waves != 0 ? world->waves : 1,
                           .task_count = TENANTS};
    rollout->waves = calloc(rollout->wave_count, sizeof *rollout->waves);
    rollout->tasks = calloc(TENANTS, sizeof *rollout->tasks);
    fill_waves(world, rollout);
    for (uint32_t i = 0; i < TENANTS; i++) {
        rollout->tasks[i] = (task_t){.job = random_ident(),
                                     .tenant = tenant_id(world->backwards ? TENANTS - 1 - i : i),
                                     .tenant_name = strdup("acme"),
                                     .system_identifier = CLUSTER,
                                     .database = strdup("db"),
                                     .wave = i / rollout->waves[0].count,
                                     .ordinal = i,
                                     .from_position = back ? 2 : 1,
                                     .to_position = back ? 1 : 2,
                                     .position = back ? 2 : 1};
        if ((world->passed_over >> i & 1) != 0) {
            rollout->tasks[i].state = TASK_NOT_NEEDED;
            rollout->tasks[i].finished_us = rollout->created_us;
        }
    }
    return rollout;
}

/* As the service takes a failed wave back: under the order that the rollout had. */
static status_t start(world_t *world, rollout_kind_t kind, error_t *err) {
    rollout_t *rollout = make_rollout(world, kind);
    if (kind == KIND_UNDO) {
        rollout->parent = world->rollout;
        rollout->order_digest = world->fleet.order;
    } else {
        fleet_order(world, rollout);
    }
    world->rollout = rollout->id;
    TRY(store_rollout_insert(world->store, rollout, err));
    assert_non_null(engine_adopt(*hub_engine(world->hub), &rollout));
    return STATUS_OK;
}

static status_t ask_engine(world_t *world, event_kind_t kind, const service_question_t *question,
                           effects_t *effects) {
    event_t event = {.kind = kind,
                     .now_us = question->now_us,
                     .boot_us = question->boot_us,
                     .rollout = world->rollout,
                     .job = kind == EVENT_RETRY ? world->again : (ident_t){{0}}};
    engine_step(*hub_engine(world->hub), &event, effects);
    return STATUS_OK;
}

static status_t answer(void *context, const service_question_t *question,
                       service_answer_t *ret_answer, effects_t *effects, error_t *err) {
    world_t *world = context;
    ret_answer->document = strdup("{\"ok\": true}");
    static const struct {
        const char *verb;
        event_kind_t event;
    } ASKED[] = {{"start", EVENT_START},      {"undo", EVENT_START},    {"stop", EVENT_STOP},
                 {"approve", EVENT_EVIDENCE}, {"resume", EVENT_RESUME}, {"retry", EVENT_RETRY}};
    for (size_t i = 0; i < sizeof ASKED / sizeof ASKED[0]; i++) {
        if (strcmp(question->verb, ASKED[i].verb) == 0) {
            if (ASKED[i].event == EVENT_START) {
                TRY(start(world, i == 0 ? KIND_FORWARD : KIND_UNDO, err));
            }
            return ask_engine(world, ASKED[i].event, question, effects);
        }
    }
    if (strcmp(question->verb, "break") == 0) {
        (void)ask_engine(world, EVENT_STOP, question, effects);
        fleet_publish(world);
        free(ret_answer->document);
        ret_answer->document = NULL;
        return error_set(err, ERROR_STORE, "broken on purpose");
    }
    (void)error_set(&ret_answer->error, ERROR_INVALID, "no such verb");
    return STATUS_OK;
}

static void free_answer(service_answer_t *given) {
    free(given->document);
    free(given->next);
}

static status_t roll_back(void *context, const rollout_t *rollout, uint32_t wave,
                          const service_moment_t *moment, service_way_back_t *ret_way,
                          effects_t *effects, error_t *err) {
    world_t *world = context;
    (void)rollout;
    (void)wave;
    (void)moment;
    (void)effects;
    world->rollbacks++;
    if (world->rollbacks_break) {
        return error_set(err, ERROR_STORE, "broken on purpose");
    }
    *ret_way = (service_way_back_t){0};
    if (world->rollbacks_refused) {
        (void)error_set(&ret_way->why, ERROR_IRREVERSIBLE, "V002 has no undo");
    }
    return STATUS_OK;
}

/* ------------------------------------------------------------------ the coordinator */

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        char line[1024];
        fail_msg("%s", error_line(err, line, sizeof line));
    }
}

static void on_message(void *context, const listener_message_t *message) {
    hub_receive(((world_t *)context)->hub, message);
}

static void on_drained(void *context) {
    hub_settle(((world_t *)context)->hub);
}

static void on_notice(void *context, listener_event_t event, const curve_public_t *key) {
    hub_notice(((world_t *)context)->hub, event, key);
}

static int on_tick(zloop_t *loop, int timer, void *context) {
    (void)loop;
    (void)timer;
    hub_tick(((world_t *)context)->hub);
    return 0;
}

void world_enroll(world_t *world, size_t count) {
    zap_peer_t peers[3] = {0};
    const actor_t *actors[] = {&world->operator, & world->a, &world->b};
    for (size_t i = 0; i < count; i++) {
        peers[i].key = actors[i]->key;
        peers[i].sign = actors[i]->sign;
        peers[i].party = actors[i]->party;
        (void)snprintf(peers[i].name, sizeof peers[i].name, "%s", actors[i]->name);
    }
    error_t err = {0};
    must(zap_set_peers(world->zap, peers, count, &err), &err);
}

/* The address of before: libzmq closes a socket behind our back, so that it may be taken yet. */
static void listen_at(world_t *world, const transport_options_t *options,
                      const listener_calls_t *calls) {
    error_t err = {0};
    int64_t until_us = clock_boot_us() + DEADLINE_S * US_PER_S;
    while (listener_new(world->loop, world->zap, options, calls, &world->listener, &err) !=
           STATUS_OK) {
        if (err.code != ERROR_ADDRESS_IN_USE || clock_boot_us() > until_us) {
            must(STATUS_ERROR, &err);
        }
        error_clear(&err);
        zclock_sleep(POLL_MS);
    }
}

void world_start(world_t *world) {
    error_t err = {0};
    store_options_t store = {.catalog = world->catalog,
                             .bundles = world->bundles,
                             .software = "test",
                             .now_us = clock_wall_us()};
    must(store_open(&store, &world->store, &err), &err);
    must(store_start(world->store, &world->identity, &err), &err);
    keeper_options_t keeper = {
        .root = world->fleet.pin, .environment = "", .order_life_us = TRUST_DAY_US};
    must(store_begin(world->store, &err), &err);
    must(keeper_new(world->store, &keeper, clock_wall_us(), &world->keeper, &err), &err);
    must(store_commit(world->store, &err), &err);
    hub_options_t hub = {.config = &world->config,
                         .store = world->store,
                         .identity = world->identity,
                         .sign = &world->secret,
                         .keeper = world->keeper};
    must(hub_new(&hub, &world->hub, &err), &err);
    hub_service_t service = {
        .context = world, .answer = answer, .free_answer = free_answer, .roll_back = roll_back};
    hub_set_service(world->hub, &service);
    transport_options_t options = {.endpoint = world->endpoint, .secret = world->curve};
    listener_calls_t calls = {
        .context = world, .receive = on_message, .drained = on_drained, .event = on_notice};
    listen_at(world, &options, &calls);
    (void)snprintf(world->endpoint, sizeof world->endpoint, "%s",
                   listener_endpoint(world->listener));
    hub_set_listener(world->hub, world->listener);
    world->timer = zloop_timer(world->loop, TICK_MS, 0, on_tick, world);
}

void world_stop(world_t *world) {
    (void)zloop_timer_end(world->loop, world->timer);
    listener_destroy(&world->listener);
    hub_destroy(&world->hub);
    keeper_destroy(&world->keeper);
    store_destroy(&world->store);
}

void world_restart(world_t *world) {
    actor_hang_up(&world->a);
    actor_hang_up(&world->operator);
    world_stop(world);
    world_start(world);
    actor_dial(&world->a);
}

static void make_actor(world_t *world, actor_t *actor, const char *name, party_t party) {
    *actor = (actor_t){.world = world, .name = name, .party = party, .state = random_ident()};
    curve_keypair(&actor->key, actor->curve);
    sign_keypair(&actor->sign, &actor->secret);
}

int world_set_up(void **state) {
    error_t err = {0};
    world_t *world = calloc(1, sizeof *world);
    must(random_start(&err), &err);
    must(transport_start(&err), &err);
    log_set_level(getenv("TEST_LOG") != NULL ? LOG_DEBUG : LOG_ERROR);
    (void)snprintf(world->folder, sizeof world->folder, "/tmp/drover-link-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    (void)snprintf(world->catalog, sizeof world->catalog, "%s/catalog.db", world->folder);
    (void)snprintf(world->bundles, sizeof world->bundles, "%s/bundles", world->folder);
    (void)snprintf(world->endpoint, sizeof world->endpoint, "tcp://127.0.0.1:*");
    world->config = (coordinator_config_t){
        .bundles = world->bundles,
        .heartbeat_us = US_PER_S,
        .lease_us = 20 * US_PER_S,
        .unreachable_after_us = US_PER_S,
        .clock_skew_max_us = 60 * US_PER_S,
        .timeouts = {.offer_us = 60 * US_PER_S, .drain_us = US_PER_S},
        .limits = {.jobs_per_agent = 8,
                   .commit_batch = 64,
                   .questions_per_second = 1000,
                   .questions_waiting = 4},
    };
    curve_keypair(&world->key, world->curve);
    sign_keypair(&world->sign, &world->secret);
    make_actor(world, &world->a, "a", PARTY_AGENT);
    make_actor(world, &world->b, "b", PARTY_AGENT);
    make_actor(world, &world->operator, "op", PARTY_OPERATOR);
    world->loop = zloop_new();
    must(zap_new(world->loop, NULL, NULL, &world->zap, &err), &err);
    world_enroll(world, 3);
    fleet_open(world);
    world_start(world);
    fleet_card(world, &world->a, ENROLMENT_ACCEPTED);
    fleet_card(world, &world->b, ENROLMENT_ACCEPTED);
    *state = world;
    return 0;
}

int world_tear_down(void **state) {
    world_t *world = *state;
    actor_hang_up(&world->a);
    actor_hang_up(&world->b);
    actor_hang_up(&world->operator);
    world_stop(world);
    zap_destroy(&world->zap);
    zloop_destroy(&world->loop);
    fleet_close(world);
    int answered = scratch_remove(world->folder);
    free(world);
    return answered;
}

/* ------------------------------------------------------------------ waiting */

typedef struct wait {
    world_t *world;
    condition_fn *condition;
    actor_t *actor; /* else: this many of a kind, or of connections where kind is KIND_NONE */
    Drover__Kind kind;
    size_t least;
    int64_t until_us;
    bool met;
} wait_t;

static int on_poll(zloop_t *loop, int timer, void *context) {
    (void)loop;
    (void)timer;
    wait_t *wait = context;
    if (wait->condition != NULL) {
        wait->met = wait->condition(wait->world);
    } else {
        size_t have = wait->kind == DROVER__KIND__KIND_NONE ? wait->actor->connected
                                                            : wait->actor->count[wait->kind];
        wait->met = have >= wait->least;
    }
    return wait->met || clock_boot_us() > wait->until_us ? -1 : 0;
}

static void await(wait_t *wait) {
    wait->until_us = clock_boot_us() + DEADLINE_S * US_PER_S;
    int timer = zloop_timer(wait->world->loop, POLL_MS, 0, on_poll, wait);
    (void)zloop_start(wait->world->loop);
    (void)zloop_timer_end(wait->world->loop, timer);
    if (!wait->met) {
        const actor_t *actor = wait->actor;
        const message_t *refused = actor != NULL ? actor->last[DROVER__KIND__KIND_REFUSED] : NULL;
        fail_msg("waited in vain for %zu of kind %d; last refusal: %s", wait->least,
                 (int)wait->kind, refused != NULL ? refused->refused->message : "none");
    }
}

const message_t *await_message(actor_t *actor, Drover__Kind kind, size_t count) {
    wait_t wait = {.world = actor->world, .actor = actor, .kind = kind, .least = count};
    await(&wait);
    return actor->last[kind];
}

void await_condition(world_t *world, condition_fn *condition) {
    wait_t wait = {.world = world, .condition = condition};
    await(&wait);
}

/* ------------------------------------------------------------------ actors */

static void on_bytes(void *context, const void *bytes, size_t size) {
    actor_t *actor = context;
    error_t err = {0};
    envelope_t envelope;
    message_t *message = NULL;
    must(codec_open(bytes, size, PARTY_COORDINATOR, &envelope, &err), &err);
    must(codec_unpack(&envelope, envelope.signature != NULL ? &actor->world->sign : NULL, &message,
                      &err),
         &err);
    message_destroy(&actor->last[message->kind]);
    actor->last[message->kind] = message;
    actor->count[message->kind]++;
    if (message->kind == DROVER__KIND__KIND_JOBS) {
        actor->job = field_ident(message->jobs->jobs[0]->job);
        actor->attempt = field_ident(message->jobs->jobs[0]->attempt);
    }
}

static void on_event(void *context, dialer_event_t event, const char *reason) {
    (void)reason;
    ((actor_t *)context)->connected += event == DIALER_CONNECTED;
}

void actor_dial(actor_t *actor) {
    error_t err = {0};
    transport_options_t options = {
        .endpoint = actor->world->endpoint, .secret = actor->curve, .server = actor->world->key};
    dialer_calls_t calls = {.context = actor, .receive = on_bytes, .event = on_event};
    actor->connected = 0;
    must(dialer_new(actor->world->loop, &options, &calls, &actor->dialer, &err), &err);
    wait_t wait = {.world = actor->world, .actor = actor, .least = 1};
    await(&wait);
}

void actor_hang_up(actor_t *actor) {
    dialer_destroy(&actor->dialer);
    for (size_t i = 0; i < KINDS; i++) {
        message_destroy(&actor->last[i]);
        actor->count[i] = 0;
    }
}

void actor_send(actor_t *actor, Drover__Kind kind, const ProtobufCMessage *message) {
    error_t err = {0};
    CLEANUP(buffer_free) buffer_t bytes = {0};
    bool is_signed = kind_find(kind)->domain != NULL;
    must(codec_seal(kind, message, is_signed ? &actor->secret : NULL, &bytes, &err), &err);
    must(dialer_send(actor->dialer, bytes.data, bytes.size, &err), &err);
}

Drover__Hello hello_of(actor_t *actor) {
    Drover__Hello hello = DROVER__HELLO__INIT;
    hello.protocol_min = WIRE_PROTOCOL_MIN;
    hello.protocol_max = WIRE_PROTOCOL_MAX;
    hello.software = field_of_text("test");
    hello.agent = field_of_text(actor->name);
    hello.state = field_of_ident(&actor->state);
    hello.wall_us = clock_wall_us();
    hello.last_report = actor->reported;
    hello.trust_version = actor->trust_version;
    return hello;
}

void say_hello(actor_t *actor) {
    Drover__Hello hello = hello_of(actor);
    Drover__ClusterSeen seen = DROVER__CLUSTER_SEEN__INIT;
    Drover__ClusterSeen *clusters[] = {&seen};
    seen.name = field_of_text("main");
    seen.system_identifier = CLUSTER;
    seen.writable = true;
    seen.parallel = 4;
    hello.n_clusters = 1;
    hello.clusters = clusters;
    size_t before = actor->count[DROVER__KIND__KIND_WELCOME];
    actor_send(actor, DROVER__KIND__KIND_HELLO, &hello.base);
    (void)await_message(actor, DROVER__KIND__KIND_WELCOME, before + 1);
}

void say_hello_in_hand(actor_t *actor, bool has_it) {
    Drover__Hello hello = hello_of(actor);
    Drover__JobInHand in_hand = DROVER__JOB_IN_HAND__INIT;
    Drover__JobInHand *list[] = {&in_hand};
    in_hand.job = field_of_ident(&actor->job);
    in_hand.attempt = field_of_ident(&actor->attempt);
    hello.n_in_hand = has_it ? 1 : 0;
    hello.in_hand = list;
    actor_send(actor, DROVER__KIND__KIND_HELLO, &hello.base);
    (void)await_message(actor, DROVER__KIND__KIND_WELCOME, 1);
}

void say_beat(actor_t *actor, uint32_t room, uint32_t in_hand) {
    Drover__AgentBeat beat = DROVER__AGENT_BEAT__INIT;
    beat.wall_us = clock_wall_us();
    beat.room = room;
    beat.in_hand = in_hand;
    actor_send(actor, DROVER__KIND__KIND_AGENT_BEAT, &beat.base);
}

void say_inventory(actor_t *actor) {
    Drover__Inventory inventory = DROVER__INVENTORY__INIT;
    Drover__TenantSeen tenants[TENANTS];
    Drover__TenantSeen *list[TENANTS];
    ident_t ids[TENANTS];
    ident_t snapshot = random_ident();
    char names[TENANTS][16];
    for (uint32_t i = 0; i < TENANTS; i++) {
        ids[i] = tenant_id(i);
        (void)snprintf(names[i], sizeof names[i], "tenant%u", i);
        drover__tenant_seen__init(&tenants[i]);
        tenants[i].tenant = field_of_ident(&ids[i]);
        tenants[i].name = names[i];
        tenants[i].database = names[i];
        tenants[i].system_identifier = CLUSTER;
        tenants[i].observed_us = clock_wall_us();
        list[i] = &tenants[i];
    }
    inventory.snapshot = field_of_ident(&snapshot);
    inventory.last = inventory.full = true;
    inventory.n_tenants = TENANTS;
    inventory.tenants = list;
    size_t before = actor->count[DROVER__KIND__KIND_INVENTORY_ACK];
    actor_send(actor, DROVER__KIND__KIND_INVENTORY, &inventory.base);
    (void)await_message(actor, DROVER__KIND__KIND_INVENTORY_ACK, before + 1);
}

Drover__Report report_of(actor_t *actor, Drover__Step step, Drover__Outcome outcome, bool final) {
    Drover__Report report = DROVER__REPORT__INIT;
    report.number = ++actor->reported;
    report.job = field_of_ident(&actor->job);
    report.attempt = field_of_ident(&actor->attempt);
    report.step = step;
    report.outcome = outcome;
    report.final = final;
    report.started_us = report.finished_us = clock_wall_us();
    return report;
}

void say_report(actor_t *actor, Drover__Report *report) {
    say_report_and_result(actor, report, NULL);
}

void say_report_and_result(actor_t *actor, Drover__Report *report, const buffer_t *result) {
    Drover__Reports reports = DROVER__REPORTS__INIT;
    ProtobufCBinaryData results[1];
    reports.state = field_of_ident(&actor->state);
    reports.n_reports = 1;
    reports.reports = &report;
    if (result != NULL) {
        results[0] = field_of_bytes(result->data, result->size);
        reports.n_results = 1;
        reports.results = results;
    }
    size_t before = actor->count[DROVER__KIND__KIND_REPORTS_ACK];
    actor_send(actor, DROVER__KIND__KIND_REPORTS, &reports.base);
    (void)await_message(actor, DROVER__KIND__KIND_REPORTS_ACK, before + 1);
}

const Drover__Answer *ask(world_t *world, const char *verb) {
    static uint32_t number;
    ident_t id = random_ident();
    Drover__Question question = DROVER__QUESTION__INIT;
    question.id = field_of_ident(&id);
    question.number = ++number;
    question.verb = field_of_text(verb);
    question.wall_us = clock_wall_us();
    size_t before = world->operator.count[DROVER__KIND__KIND_ANSWER];
    actor_send(&world->operator, DROVER__KIND__KIND_QUESTION, &question.base);
    const Drover__Answer *given =
        await_message(&world->operator, DROVER__KIND__KIND_ANSWER, before + 1)->answer;
    assert_int_equal(given->number, number);
    return given;
}

/* ------------------------------------------------------------------ the catalog */

ident_t tenant_id(uint32_t n) {
    uint8_t bytes[IDENT_BYTES] = {1, 2, 3, (uint8_t)n};
    return ident_from_bytes(bytes);
}

rollout_t *stored_rollout(world_t *world) {
    error_t err = {0};
    rollout_t *rollout = NULL;
    must(store_rollout_load(world->store, &world->rollout, &rollout, &err), &err);
    return rollout;
}

static status_t count_audit(void *context, const audit_row_t *row, error_t *err) {
    (void)row;
    (void)err;
    ++*(size_t *)context;
    return STATUS_OK;
}

size_t audit_count(world_t *world, const char *action) {
    error_t err = {0};
    size_t count = 0;
    audit_page_t page = {.action = action, .limit = 1000};
    must(store_audit_each(world->store, &page, count_audit, &count, &err), &err);
    return count;
}

static status_t count_report(void *context, const report_row_t *row, error_t *err) {
    (void)row;
    (void)err;
    ++*(size_t *)context;
    return STATUS_OK;
}

size_t report_count(world_t *world, uint32_t tenant) {
    error_t err = {0};
    size_t count = 0;
    report_page_t page = {.tenant = tenant_id(tenant), .limit = 1000};
    must(store_report_each(world->store, &page, count_report, &count, &err), &err);
    return count;
}

void get_going(world_t *world) {
    actor_dial(&world->a);
    actor_dial(&world->operator);
    say_hello(&world->a);
    say_inventory(&world->a);
    assert_string_equal(ask(world, "start")->code, "");
    say_beat(&world->a, 3, 0);
    (void)await_message(&world->a, DROVER__KIND__KIND_JOBS, 1);
}

const Drover__PaperChunk *ask_paper(actor_t *actor, const digest_t *digest, uint64_t offset) {
    Drover__PaperWant message = DROVER__PAPER_WANT__INIT;
    message.digest = field_of_digest(digest);
    message.offset = offset;
    size_t before = actor->count[DROVER__KIND__KIND_PAPER_CHUNK];
    actor_send(actor, DROVER__KIND__KIND_PAPER_WANT, &message.base);
    return await_message(actor, DROVER__KIND__KIND_PAPER_CHUNK, before + 1)->paper_chunk;
}
