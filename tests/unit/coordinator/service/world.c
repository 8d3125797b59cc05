/* world.c: see world.h. */
#include "tests/unit/coordinator/service/world.h"
#include "common/migration/bundle.h"
#include "coordinator/service/orders.h"
#include "coordinator/service/start.h"
#include "coordinator/store/store_agent.h"
#include "coordinator/store/store_audit.h"
#include "coordinator/store/store_bundle.h"
#include "coordinator/store/store_trust.h"

enum { ROOM = 256 };

static void begin(world_t *w) {
    OK(w, store_begin(w->store, &w->err));
}

static void commit(world_t *w) {
    OK(w, store_commit(w->store, &w->err));
}

void world_ok(const world_t *w, status_t status, const char *call, int line) {
    if (status != STATUS_OK) {
        char text[1024];
        print_error("line %d: %s: %s\n", line, call, error_line(&w->err, text, sizeof text));
        fail();
    }
}

static void enroll(world_t *w) {
    cluster_row_t clusters[] = {{.system_identifier = CLUSTER, .name = "east"},
                                {.system_identifier = OTHER_CLUSTER, .name = "west"}};
    agent_row_t agent = {.key = key_of(1), .name = "host1", .last_seen_us = w->now_us};
    agent_hello_t hello;
    begin(w);
    OK(w, store_agent_hello(w->store, &agent, &hello, &w->err));
    OK(w, store_cluster_put(w->store, &clusters[0], &w->err));
    OK(w, store_cluster_put(w->store, &clusters[1], &w->err));
    commit(w);
}

void world_card(world_t *w, uint32_t n, const char *name) {
    enrolment_row_t row = {.name = name,
                           .state = ENROLMENT_ACCEPTED,
                           .curve = key_of(n),
                           .serial = 1,
                           .reason = "",
                           .asked_us = 1,
                           .decided_us = 1};
    memcpy(row.sign.bytes, row.curve.bytes, sizeof row.sign.bytes);
    begin(w);
    OK(w, store_enrolment_put(w->store, &row, &w->err));
    commit(w);
}

void world_suspend(world_t *w, int64_t since_us) {
    const agent_key_t key = key_of(1);
    const agent_standing_t standing = {
        .status = AGENT_SUSPENDED, .since_us = since_us, .why = "lost its state"};
    begin(w);
    OK(w, store_agent_set_status(w->store, &key, &standing, &w->err));
    commit(w);
}

static const engine_options_t OPTIONS = {
    .lease_us = 30000000, .unreachable_us = 15000000, .retry = {.first_ms = 100, .most_ms = 1000}};

void world_rules(world_t *w, const signers_rules_t *rules) {
    service_destroy(&w->service);
    keeper_destroy(&w->keeper);
    catalog_exec(w, "DELETE FROM trust_file");
    w->keeper = signers_keeper(w->store, w->folder, rules);
    w->service = service_new(w->store, &w->engine, &(service_options_t){.keeper = w->keeper});
}

void world_restart(world_t *w) {
    rollout_list_t open = {0};
    engine_destroy(&w->engine);
    w->engine = engine_new(&OPTIONS);
    OK(w, store_rollout_load_open(w->store, &open, &w->err));
    for (size_t i = 0; i < open.count; i++) {
        assert_non_null(engine_adopt(w->engine, &open.rollouts[i]));
    }
    store_rollout_list_free(&open);
}

int world_set_up(void **state) {
    world_t *w = calloc(1, sizeof *w);
    if (w == NULL || catalog_set_up(w) != 0) {
        free(w);
        return -1;
    }
    w->now_us = 1000000000;
    w->engine = engine_new(&OPTIONS);
    w->asker = ADA;
    world_rules(w, &(signers_rules_t){0});
    enroll(w);
    (void)world_push(w, "migrations/example", "app");
    *state = w;
    return 0;
}

static void forget_answer(world_t *w) {
    json_decref(w->document);
    w->document = NULL;
    service_answer_free(&w->answer);
}

int world_tear_down(void **state) {
    world_t *w = *state;
    forget_answer(w);
    effects_free(&w->effects);
    service_destroy(&w->service);
    keeper_destroy(&w->keeper);
    engine_destroy(&w->engine);
    int answer = catalog_tear_down(w);
    free(w);
    return answer;
}

digest_t world_push(world_t *w, const char *folder, const char *application) {
    CLEANUP(directory_destroy_p) directory_t *directory = NULL;
    CLEANUP(bundle_destroy_p) bundle_t *bundle = NULL;
    bundle_options_t about = {.application = application};
    OK(w, directory_load(folder, NULL, &directory, &w->err));
    OK(w, bundle_build(directory, &about, &bundle, &w->err));
    text_span_t bytes = bundle_bytes(bundle);
    size_t count = bundle_count(bundle);
    bundle_row_t row = {.digest = *bundle_digest(bundle),
                        .application = application,
                        .head = bundle_migration(bundle, count - 1)->version,
                        .migrations = (uint32_t)count,
                        .size_bytes = (int64_t)bytes.size,
                        .pushed_by = "ada",
                        .pushed_us = w->now_us++};
    bool fresh = false;
    begin(w);
    OK(w, store_bundle_put(w->store, &row, bytes.bytes, &fresh, &w->err));
    commit(w);
    return row.digest;
}

static void put(world_t *w, const world_tenant_t *from) {
    char key[32] = "";
    char version[16] = "";
    label_row_t label = {.key = key, .value = ""};
    if (from->label != NULL) {
        const char *equals = strchr(from->label, '=');
        (void)snprintf(key, sizeof key, "%.*s", (int)(equals - from->label), from->label);
        label.value = equals + 1;
    }
    if (from->position > 0) {
        (void)snprintf(version, sizeof version, "V%03d", from->position);
    }
    application_row_t application = {
        .application = from->application != NULL ? from->application : "app",
        .generation = 1,
        .position = (uint32_t)(from->position > 0 ? from->position : 0),
        .version = version,
        .ledger_sequence = w->now_us,
        .ledger_digest = digest_of((uint32_t)w->now_us),
        .observed_us = w->now_us};
    tenant_row_t row = {.id = id_of(from->n),
                        .name = from->name,
                        .system_identifier = from->cluster != 0 ? from->cluster : CLUSTER,
                        .database = from->name,
                        .schema = "",
                        .agent = key_of(1),
                        .stamped = from->position >= 0,
                        .problem_code = from->problem_code,
                        .problem = from->problem_code != NULL ? "somebody should look" : "",
                        .observed_us = w->now_us++,
                        .snapshot = id_of(900),
                        .labels = &label,
                        .label_count = from->label != NULL ? 1 : 0,
                        .applications = &application,
                        .application_count = from->position >= 0 ? 1 : 0};
    tenant_change_t change;
    OK(w, store_tenant_put(w->store, &row, row.observed_us, &change, &w->err));
}

void world_put(world_t *w, const world_tenant_t *tenant) {
    begin(w);
    put(w, tenant);
    commit(w);
}

void world_put_many(world_t *w, uint32_t count, int position) {
    begin(w);
    for (uint32_t i = 0; i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "tenant%05u", i);
        put(w, &(world_tenant_t){.n = i + 1,
                                 .name = name,
                                 .position = position,
                                 .cluster = i % 2 == 0 ? CLUSTER : OTHER_CLUSTER});
    }
    commit(w);
}

static void roll_back(world_t *w, const effect_t *effect) {
    service_way_back_t way = {0};
    OK(w, service_roll_back_wave(w->service, effect->rollout, effect->wave,
                                 &(service_moment_t){w->now_us, w->now_us}, &way, &w->effects,
                                 &w->err));
    bool done = way.why.code == ERROR_NONE;
    event_t event = {.kind = done ? EVENT_REVERTED : EVENT_UNREVERTED,
                     .rollout = effect->rollout->id,
                     .words = done ? NULL : way.why.message,
                     .now_us = w->now_us,
                     .boot_us = w->now_us};
    engine_step(w->engine, &event, &w->effects);
}

static status_t note_accepted(void *context, const signed_order_row_t *row, error_t *err) {
    bool *accepted = context;
    (void)err;
    *accepted = *accepted || row->accepted_us != 0;
    return STATUS_OK;
}

/* What agents said of the wave before opens the next one, but where an approval is wanted. */
static void find_ticket(world_t *w, const effect_t *effect) {
    const rollout_t *rollout = effect->rollout;
    signed_order_about_t about = {.subject = rollout->order_digest, .kind = ORDER_APPROVE_WAVE};
    bool wanted = w->tickets_wait || rollout->waves[effect->wave].needs_approval;
    bool opens = !wanted || orders_wave(rollout, effect->wave, &about.wave, &w->err) != STATUS_OK;
    if (!opens) {
        OK(w, store_signed_order_about(w->store, &about, note_accepted, &opens, &w->err));
    }
    event_t event = {.kind = opens ? EVENT_TICKET : EVENT_UNTICKETED,
                     .rollout = rollout->id,
                     .wave = effect->wave,
                     .words = opens ? NULL : "nobody approved it",
                     .now_us = w->now_us,
                     .boot_us = w->now_us};
    w->ticket_asked++;
    engine_step(w->engine, &event, &w->effects);
}

/* What the program's loop does with effects. */
static void carry_out(world_t *w) {
    for (size_t i = 0; i < w->effects.count; i++) {
        effect_t effect = w->effects.items[i];
        switch (effect.kind) {
        case EFFECT_SAVE_ROLLOUT:
            OK(w, store_rollout_save(w->store, effect.rollout, &w->err));
            effect.rollout->dirty = false;
            break;
        case EFFECT_SAVE_WAVE:
            OK(w, store_rollout_save_wave(w->store, effect.rollout, effect.wave, &w->err));
            effect.rollout->waves[effect.wave].dirty = false;
            break;
        case EFFECT_SAVE_TASK:
            OK(w, store_rollout_save_task(w->store, &effect.rollout->tasks[effect.task], &w->err));
            effect.rollout->tasks[effect.task].dirty = false;
            break;
        case EFFECT_ROLL_BACK:
            roll_back(w, &effect);
            break;
        case EFFECT_TICKET:
            find_ticket(w, &effect);
            break;
        case EFFECT_AUDIT:
        case EFFECT_SEND_JOB:
        case EFFECT_SEND_CANCEL:
        case EFFECT_LEASE:
        case EFFECT_KIND_COUNT:
            break;
        }
    }
    assert_false(w->effects.failed);
    effects_clear(&w->effects);
}

void world_sweep(world_t *w) {
    begin(w);
    OK(w,
       service_sweep(w->service, &(service_moment_t){w->now_us, w->now_us}, &w->effects, &w->err));
    carry_out(w);
    commit(w);
}

void world_check(world_t *w) {
    for (size_t i = 0; i < engine_rollout_count(w->engine); i++) {
        const rollout_t *have = engine_rollout_at(w->engine, i);
        rollout_t *stored = NULL;
        OK(w, store_rollout_load(w->store, &have->id, &stored, &w->err));
        assert_int_equal(stored->state, have->state);
        assert_int_equal(stored->current_wave, have->current_wave);
        assert_int_equal(stored->finished_us, have->finished_us);
        assert_int_equal(stored->wave_count, have->wave_count);
        assert_int_equal(stored->task_count, have->task_count);
        assert_false(have->dirty);
        for (uint32_t k = 0; k < have->wave_count; k++) {
            assert_int_equal(stored->waves[k].state, have->waves[k].state);
            assert_int_equal(stored->waves[k].forgiven, have->waves[k].forgiven);
            assert_false(have->waves[k].dirty);
        }
        for (uint32_t k = 0; k < have->task_count; k++) {
            assert_int_equal(stored->tasks[k].state, have->tasks[k].state);
            assert_false(have->tasks[k].dirty);
        }
        rollout_destroy(&stored);
    }
}

static void put_question(world_t *w, const char *verb, const char *given) {
    char *arguments = w->by_hand ? NULL : world_signed(w, verb, given);
    arguments = arguments != NULL ? arguments : strdup(given);
    assert_non_null(arguments);
    ident_t order = id_of(50000 + ++w->orders);
    service_question_t question = {.verb = verb,
                                   .arguments = arguments,
                                   .order = order,
                                   .actor = signers_name(w->asker),
                                   .origin = "127.0.0.1",
                                   .key = signers_text(w->asker),
                                   .payload = arguments,
                                   .payload_size = strlen(arguments),
                                   .signature = "bb",
                                   .now_us = w->now_us++,
                                   .boot_us = w->now_us,
                                   .presence = w->presence};
    forget_answer(w);
    begin(w);
    OK(w, service_answer(w->service, &question, &w->answer, &w->effects, &w->err));
    carry_out(w);
    commit(w);
    world_check(w);
    if (w->answer.document != NULL) {
        w->document = json_loads(w->answer.document, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(w->document);
    }
    free(arguments);
}

char *world_signed(world_t *w, const char *verb, const char *arguments) {
    json_t *inner = start_verb_find(verb) != NULL ? json_loads(arguments, 0, NULL) : NULL;
    char *order = NULL;
    bool by_hand = w->by_hand;
    if (!json_is_object(inner) || json_object_get(inner, "order") != NULL) {
        json_decref(inner);
        return strdup(arguments);
    }
    json_t *question = json_pack("{s:s,s:O}", "verb", verb, "arguments", inner);
    char *text = json_dumps(question, JSON_COMPACT);
    w->by_hand = true;
    put_question(w, "order.draft", text);
    w->by_hand = by_hand;
    free(text);
    const char *draft = json_string_value(json_object_get(w->document, "draft"));
    if (draft != NULL && draft[0] != '\0') {
        order = SIGNED(draft, w->asker);
        json_object_set_new(inner, "order", json_string(order));
        free(order);
    }
    text = json_dumps(inner, JSON_COMPACT);
    json_decref(question);
    json_decref(inner);
    return text;
}

static char *formatted(const char *format, va_list values) {
    char *text = NULL;
    assert_true(vasprintf(&text, format, values) >= 0);
    return text;
}

json_t *ask(world_t *w, const char *verb, const char *format, ...) {
    va_list values;
    va_start(values, format);
    char *arguments = formatted(format, values);
    va_end(values);
    put_question(w, verb, arguments);
    if (w->answer.error.code != ERROR_NONE) {
        fail_msg("%s %s: %s", verb, arguments, w->answer.error.message);
    }
    free(arguments);
    return w->document;
}

void refused(world_t *w, const char *code, const char *verb, const char *format, ...) {
    va_list values;
    va_start(values, format);
    char *arguments = formatted(format, values);
    va_end(values);
    size_t rollouts = engine_rollout_count(w->engine);
    put_question(w, verb, arguments);
    assert_null(w->document);
    assert_string_equal(error_code_name(w->answer.error.code), code);
    assert_true(w->answer.error.message[0] != '\0');
    assert_int_equal(engine_rollout_count(w->engine), rollouts);
    free(arguments);
}

static void join(json_t *all, json_t *page) {
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(page, key, value) {
        assert_true(json_is_array(value)); /* the rest stands in the first page alone */
        json_t *list = json_object_get(all, key);
        if (list == NULL) {
            json_object_set(all, key, value);
        } else {
            json_array_extend(list, value);
        }
    }
}

json_t *ask_all(world_t *w, const char *verb, json_t *arguments, int *ret_pages) {
    json_t *all = NULL;
    int pages = 0;
    do { /* the fleet ends */
        char *text = json_dumps(arguments, JSON_COMPACT);
        json_t *page = ask(w, verb, "%s", text);
        free(text);
        pages++;
        if (all == NULL) {
            all = json_incref(page);
        } else {
            join(all, page);
        }
        if (w->answer.more) {
            json_object_set_new(arguments, "after", json_string(w->answer.next));
        }
    } while (w->answer.more);
    json_decref(arguments);
    if (ret_pages != NULL) {
        *ret_pages = pages;
    }
    return all;
}

/* "a.b.0.c" */
static const json_t *at_path(const json_t *object, const char *path) {
    const json_t *at = object;
    char copy[128];
    char *rest = NULL;
    (void)snprintf(copy, sizeof copy, "%s", path);
    for (char *word = strtok_r(copy, ".", &rest); word != NULL; word = strtok_r(NULL, ".", &rest)) {
        at = json_is_array(at) ? json_array_get(at, strtoul(word, NULL, 10))
                               : json_object_get(at, word);
        if (at == NULL) {
            fail_msg("the document has no %s", path);
        }
    }
    return at;
}

const char *text_of(const json_t *object, const char *path) {
    const json_t *at = at_path(object, path);
    assert_true(json_is_string(at));
    return json_string_value(at);
}

int64_t number_of(const json_t *object, const char *path) {
    const json_t *at = at_path(object, path);
    assert_true(json_is_integer(at) || json_is_boolean(at));
    return json_is_boolean(at) ? json_is_true(at) : json_integer_value(at);
}

size_t size_of(const json_t *object, const char *path) {
    const json_t *at = at_path(object, path);
    assert_true(json_is_array(at));
    return json_array_size(at);
}

rollout_t *world_rollout(world_t *w) {
    ident_t id;
    OK(w, ident_parse(text_of(w->document, "rollout"), &id, &w->err));
    rollout_t *rollout = engine_rollout(w->engine, &id);
    assert_non_null(rollout);
    return rollout;
}

static void step(world_t *w, event_t event) {
    event.now_us = event.boot_us = w->now_us++;
    event.chance = 7;
    engine_step(w->engine, &event, &w->effects);
}

uint32_t world_dispatch(world_t *w) {
    ident_t fresh[ROOM];
    uint32_t sent = 0;
    for (uint32_t i = 0; i < ROOM; i++) {
        fresh[i] = id_of(1000000 + ++w->attempts);
    }
    begin(w);
    for (uint64_t cluster = CLUSTER; cluster <= OTHER_CLUSTER; cluster++) {
        step(w, (event_t){.kind = EVENT_SEEN,
                          .agent = key_of(1),
                          .cluster = cluster,
                          .writable = true,
                          .parallel = 4});
    }
    step(w, (event_t){.kind = EVENT_ROOM,
                      .agent = key_of(1),
                      .room = ROOM,
                      .fresh = fresh,
                      .fresh_count = ROOM});
    for (size_t i = 0; i < w->effects.count; i++) {
        sent += w->effects.items[i].kind == EFFECT_SEND_JOB;
    }
    carry_out(w);
    commit(w);
    return sent;
}

/* What inventory learns from a report's state. */
static void report_tenant(world_t *w, const task_t *task, const char *application) {
    char version[16] = "";
    head_verdict_t verdict;
    if (task->position > 0) {
        (void)snprintf(version, sizeof version, "V%03u", task->position);
    }
    application_row_t row = {.application = application,
                             .generation = 1,
                             .position = task->position,
                             .version = version,
                             .ledger_sequence = w->now_us,
                             .ledger_digest = digest_of((uint32_t)w->now_us),
                             .observed_us = w->now_us};
    tenant_report_t report = {
        .tenant = task->tenant, .application = &row, .sighting = {.now_us = w->now_us}};
    OK(w, store_tenant_reported(w->store, &report, &verdict, &w->err));
}

static void report(world_t *w, rollout_t *rollout, task_t *task, const world_outcome_t *outcomes) {
    uint32_t own = rollout->waves[task->wave].target_position;
    bool moves = rollout->kind <= KIND_BASELINE;
    uint32_t target = !moves ? task->from_position : own != 0 ? own : rollout->target_position;
    report_facts_t facts = {.job = task->job,
                            .attempt = task->attempt,
                            .event = TASK_EVENT_DONE,
                            .has_position = true,
                            .position = target,
                            .touched = moves,
                            .reference = rollout->kind == KIND_FORWARD ? DUMP_1 : NULL};
    for (const world_outcome_t *o = outcomes; o != NULL && o->tenant != NULL; o++) {
        if (strcmp(o->tenant, task->tenant_name) == 0) {
            facts.event = o->event;
            facts.position = (uint32_t)o->position;
            facts.touched = o->touched;
            facts.unspent = o->code == ERROR_FLEET_HELD; /* given back unbegun */
            facts.error_code = o->code;
            facts.error = o->code != ERROR_NONE ? "what went wrong" : NULL;
        }
    }
    step(w, (event_t){.kind = EVENT_REPORT, .agent = key_of(1), .report = &facts});
    report_tenant(w, task, rollout->application);
}

static uint32_t report_all(world_t *w, const world_outcome_t *outcomes) {
    uint32_t reported = 0;
    begin(w);
    for (size_t i = 0; i < engine_rollout_count(w->engine); i++) {
        rollout_t *rollout = engine_rollout_at(w->engine, i);
        for (uint32_t t = 0; t < rollout->task_count; t++) {
            task_t *task = &rollout->tasks[t];
            if (task->state == TASK_DISPATCHED || task->state == TASK_RUNNING) {
                report(w, rollout, task, outcomes);
                reported++;
            }
        }
    }
    carry_out(w);
    commit(w);
    return reported;
}

void world_work(world_t *w, const world_outcome_t *outcomes) {
    do { /* each round settles what it dispatched */
        (void)world_dispatch(w);
    } while (report_all(w, outcomes) > 0);
    world_check(w);
}
