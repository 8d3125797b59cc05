/* plan_page.c: see plan_page.h. */
#include "coordinator/service/plan_page.h"
#include "common/crypto/hash.h"
#include "common/trust/release.h"
#include "coordinator/service/fleet.h"
#include "coordinator/service/names.h"
#include "coordinator/service/order_draft.h"

#include <string.h>

enum { SQL_MAX = 64 * 1024 }; /* bytes of a script's text in a document */

static const char *const ARRAYS[PLAN_OUTCOME_COUNT] = {
    [PLAN_WORK] = "tenants", [PLAN_NOT_NEEDED] = "passed_over", [PLAN_REFUSED] = "refused",
    [PLAN_GONE] = "refused", [PLAN_LEFT_OUT] = "left_out",      [PLAN_LOOK] = "looked_at",
};

void plan_page_totals(const plan_t *plan, row_t *into) {
    row_t totals = row_new();
    row_number(&totals, "selected", plan->count);
    row_number(&totals, "work", plan->by_outcome[PLAN_WORK]);
    row_number(&totals, "look", plan->by_outcome[PLAN_LOOK]);
    row_number(&totals, "not_needed", plan->by_outcome[PLAN_NOT_NEEDED]);
    row_number(&totals, "refused", plan->by_outcome[PLAN_REFUSED]);
    row_number(&totals, "gone", plan->by_outcome[PLAN_GONE]);
    row_number(&totals, "left_out", plan->by_outcome[PLAN_LEFT_OUT]);
    row_number(&totals, "steps", (int64_t)plan->steps);
    row_take(into, "totals", &totals);
    row_free(&totals);
}

static void add_wave(const plan_t *plan, uint32_t number, row_t *list) {
    const plan_wave_t *wave = &plan->waves[number];
    row_t row = row_new();
    row_number(&row, "number", number);
    row_text(&row, "name", wave->name);
    row_flag(&row, "canary", wave->canary);
    row_number(&row, "tenants", wave->count);
    row_number(&row, "work", wave->by_outcome[PLAN_WORK]);
    row_number(&row, "look", wave->by_outcome[PLAN_LOOK]);
    row_number(&row, "not_needed", wave->by_outcome[PLAN_NOT_NEEDED]);
    row_number(&row, "refused", wave->by_outcome[PLAN_REFUSED]);
    row_number(&row, "gone", wave->by_outcome[PLAN_GONE]);
    row_number(&row, "target", wave->target);
    row_text(&row, "target_version", plan_version(plan, wave->target));
    row_number(&row, "max_parallel", wave->max_parallel);
    row_number(&row, "max_parallel_per_cluster", wave->max_parallel_per_cluster);
    row_number(&row, "soak_us", wave->soak_us);
    row_text(&row, "on_failure", names_on_failure(wave->on_failure));
    row_number(&row, "budget", wave->budget);
    row_flag(&row, "needs_approval", wave->needs_approval);
    row_append(list, &row);
    row_free(&row);
}

static bool is_late(const call_t *call, const plan_t *plan) {
    return plan->oldest_us != 0 &&
           call->question->now_us - plan->oldest_us > call->service->options.inventory_late_us;
}

static void add_inventory(const call_t *call, const plan_t *plan, row_t *into) {
    row_t row = row_new();
    row_time(&row, "oldest", plan->oldest_us);
    row_time(&row, "newest", plan->newest_us);
    row_number(&row, "age_us", plan->oldest_us != 0 ? call->question->now_us - plan->oldest_us : 0);
    row_flag(&row, "late", is_late(call, plan));
    row_take(into, "inventory", &row);
    row_free(&row);
}

static void warn(row_t *list, const char *format, ...) PRINTF_LIKE(2, 3);
static void warn(row_t *list, const char *format, ...) {
    char text[ERROR_TEXT_MAX];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(text, sizeof text, format, values);
    va_end(values);
    row_append_text(list, text);
}

/* Agents would refuse every job: better known before anybody signs. */
static void warn_unreleased(call_t *call, const plan_t *plan, row_t *list) {
    const bundle_t *bundle = NULL;
    release_t release;
    error_t why = {0};
    trust_view_t view = keeper_view(call->service->options.keeper, call->question->now_us);
    bool forward = plan->kind == KIND_FORWARD || plan->kind == KIND_BASELINE;
    if (!order_draft_needed(plan) || digest_is_null(&plan->bundle) ||
        call_bundle_by_digest(call, &plan->bundle, &bundle, &why) != STATUS_OK) {
        return;
    }
    release_of(bundle, &release);
    if (release_verify(&view, &release.claim, forward, &why) != STATUS_OK) {
        warn(list, "agents will refuse the bundle: %s", why.message);
    }
}

static void add_warnings(call_t *call, const plan_t *plan, row_t *into) {
    row_t list = row_list();
    if (plan->by_outcome[PLAN_LEFT_OUT] > 0) {
        warn(&list, "%u %s selected but in no wave: a last wave with 'rest: true' takes them",
             plan->by_outcome[PLAN_LEFT_OUT],
             plan->by_outcome[PLAN_LEFT_OUT] == 1 ? "tenant is" : "tenants are");
    }
    if (is_late(call, plan)) {
        warn(&list, "part of the inventory is old: some tenants may stand elsewhere by now");
    }
    for (uint32_t i = 0; i < plan->wave_count; i++) {
        if (plan->waves[i].count == 0) {
            warn(&list, "wave '%s' is empty: it matches none of those that earlier waves left",
                 plan->waves[i].name);
        } else if (plan->kind == KIND_FORWARD && plan->waves[i].canary &&
                   plan->waves[i].by_outcome[PLAN_WORK] == 0 && plan->by_outcome[PLAN_WORK] > 0) {
            warn(&list,
                 "the first wave has no work: it will show nothing before the next one opens");
        }
    }
    warn_unreleased(call, plan, &list);
    row_take(into, "warnings", &list);
    row_free(&list);
}

static void add_recovery(const plan_t *plan, row_t *into) {
    row_t row = row_new();
    row_text(&row, "kind", plan->recovery_kind);
    row_text(&row, "reason", plan->recovery_reason);
    row_text(&row, "trial_restore", plan->trial_restore);
    row_number(&row, "sample_bp", plan->sample_bp);
    row_take(into, "recovery", &row);
    row_free(&row);
}

static void add_way_back(const plan_t *plan, row_t *into) {
    row_ident(into, "parent", &plan->parent);
    row_text(into, "method", plan->kind == KIND_RESTORE ? "restore" : "undo");
    if (plan->kind == KIND_RESTORE) {
        row_t row = row_new();
        row_time(&row, "oldest", plan->loss_oldest_us);
        row_time(&row, "newest", plan->loss_newest_us);
        row_take(into, "data_loss", &row);
        row_free(&row);
    }
}

/* What stands in the first page alone. */
static void write_head(call_t *call, const plan_t *plan) {
    row_t *into = &call->document;
    row_t waves = row_list();
    row_digest(into, "plan_digest", &plan->digest);
    row_text(into, "kind", names_kind(plan->kind));
    row_text(into, "name", plan->name);
    row_text(into, "application", plan->application);
    row_digest(into, "bundle", &plan->bundle);
    row_number(into, "target", plan->target);
    row_text(into, "target_version", plan_version(plan, plan->target));
    row_text(into, "spec", plan->spec);
    add_recovery(plan, into);
    for (uint32_t i = 0; i < plan->wave_count; i++) {
        add_wave(plan, i, &waves);
    }
    row_take(into, "waves", &waves);
    row_free(&waves);
    plan_page_totals(plan, into);
    add_inventory(call, plan, into);
    add_warnings(call, plan, into);
    if (plan->kind == KIND_UNDO || plan->kind == KIND_RESTORE) {
        add_way_back(plan, into);
    }
    static const char *const EVERY[] = {"tenants", "looked_at", "passed_over",
                                        "refused", "left_out",  "scripts"};
    for (size_t i = 0; i < sizeof EVERY / sizeof EVERY[0]; i++) {
        call_array(call, EVERY[i]);
    }
}

/* -1 where nothing is signed for the tenant. */
static int64_t order_wave(const plan_t *plan, const plan_row_t *row) {
    bool ordered = row->outcome == PLAN_WORK || row->outcome == PLAN_LOOK;
    return ordered ? (int64_t)order_draft_wave(plan, row->wave) : -1;
}

static status_t write_row(call_t *call, const plan_t *plan, const plan_row_t *from, error_t *err) {
    CLEANUP(row_free) row_t row = row_new();
    bool placed = from->wave != PLAN_NO_WAVE;
    const char *version = from->from_version != NULL && from->from_version[0] != '\0'
                              ? from->from_version
                              : plan_version(plan, from->from);
    row_ident(&row, "tenant", &from->tenant);
    row_text(&row, "name", from->name);
    row_text(&row, "cluster", from->subject.cluster != NULL ? from->subject.cluster : "");
    row_cluster(&row, "cluster_id", from->system_identifier);
    row_text(&row, "database", from->database);
    row_number(&row, "wave", placed ? (int64_t)from->wave : -1);
    row_text(&row, "wave_name", placed ? plan->waves[from->wave].name : NULL);
    row_number(&row, "order_wave", order_wave(plan, from));
    row_number(&row, "from", from->from);
    row_text(&row, "from_version", version);
    row_number(&row, "to", from->to);
    row_text(&row, "to_version", plan_version(plan, from->to));
    bool work = from->outcome == PLAN_WORK;
    uint32_t way = from->to > from->from ? from->to - from->from : from->from - from->to;
    row_number(&row, "steps", work ? way : 0);
    row_text(&row, "reason", from->reason);
    if (from->outcome == PLAN_REFUSED || from->outcome == PLAN_GONE) {
        row_text(&row, "code", error_code_text(from->code));
        row_text(&row, "hint", error_code_hint(from->code));
    }
    row_text(&row, "reference", from->reference);
    row_time(&row, "observed", from->observed_us);
    return call_add(call, ARRAYS[from->outcome], &row, err);
}

/* Positions whose scripts run for anybody, from the lowest on. */
typedef struct span {
    uint32_t first;
    uint32_t last; /* 0: none */
} span_t;

static span_t span_of(const plan_t *plan) {
    span_t span = {0};
    bool moves = plan->kind == KIND_FORWARD || plan->kind == KIND_UNDO;
    for (uint32_t i = 0; moves && i < plan->count; i++) {
        const plan_row_t *row = &plan->rows[i];
        uint32_t low = row->from < row->to ? row->from : row->to;
        uint32_t high = row->from < row->to ? row->to : row->from;
        if (row->outcome != PLAN_WORK || low == high) {
            continue;
        }
        span.first = span.last == 0 || low + 1 < span.first ? low + 1 : span.first;
        span.last = high > span.last ? high : span.last;
    }
    return span;
}

static status_t write_script(call_t *call, const bundle_migration_t *migration, script_kind_t kind,
                             bool sql, error_t *err) {
    const bundle_script_t *script = migration->scripts[kind];
    CLEANUP(row_free) row_t row = row_new();
    row_number(&row, "position", migration->position);
    row_text(&row, "version", migration->version);
    row_text(&row, "description", migration->description);
    row_text(&row, "kind", names_script(kind));
    row_digest(&row, "digest", &script->digest);
    row_flag(&row, "transactional", script->transactional);
    row_number(&row, "size_bytes", (int64_t)script->size);
    if (sql) {
        names_sql(&row, script->text, SQL_MAX);
    }
    return call_add(call, "scripts", &row, err);
}

/* The scripts, a way back from the last one on. */
static status_t write_scripts(call_t *call, const plan_t *plan, uint32_t skip, bool sql,
                              error_t *err) {
    span_t span = span_of(plan);
    uint32_t count = span.last > 0 ? span.last - span.first + 1 : 0;
    bool back = plan->kind == KIND_UNDO;
    const bundle_t *bundle = NULL;
    if (count == 0) {
        return STATUS_OK;
    }
    TRY(call_bundle_by_digest(call, &plan->bundle, &bundle, err));
    for (uint32_t i = skip; i < count; i++) {
        uint32_t position = back ? span.last - i : span.first + i;
        const bundle_migration_t *migration = bundle_migration(bundle, position - 1);
        script_kind_t kind = back ? SCRIPT_UNDO : SCRIPT_UP;
        if (call_is_full(call)) {
            char text[DIGEST_TEXT_SIZE];
            call_more(call, "%u:%s", plan->count + i, digest_text(&plan->digest, text));
            return STATUS_OK;
        }
        if (migration->scripts[kind] != NULL) {
            TRY(write_script(call, migration, kind, sql, err));
        }
    }
    return STATUS_OK;
}

static status_t write_page(call_t *call, const plan_t *plan, uint32_t skip, error_t *err) {
    bool sql = true;
    TRY(call_flag(call, "sql", true, &sql, err));
    for (uint32_t i = skip; i < plan->count; i++) {
        if (call_is_full(call)) {
            char text[DIGEST_TEXT_SIZE];
            call_more(call, "%u:%s", i, digest_text(&plan->digest, text));
            return STATUS_OK;
        }
        TRY(write_row(call, plan, &plan->rows[i], err));
    }
    return write_scripts(call, plan, skip > plan->count ? skip - plan->count : 0, sql, err);
}

/* The question without its page. */
static digest_t digest_of_question(const call_t *call) {
    hash_t hash;
    hash_begin(&hash, HASH_ORDER);
    hash_add_text(&hash, call->question->verb);
    json_t *copy = json_copy(call->arguments);
    (void)json_object_del(copy, "after");
    char *text = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
    hash_add_text(&hash, text != NULL ? text : "");
    free(text);
    json_decref(copy);
    return hash_end(&hash);
}

/* The kept plan where it is the one asked for, else a fresh one. */
static status_t take_plan(call_t *call, planner_fn *make, const char *wanted, plan_t **ret_plan,
                          error_t *err) {
    service_t *service = call->service;
    char text[DIGEST_TEXT_SIZE];
    CLEANUP(plan_destroy_p) plan_t *plan = TAKE(service->plan);
    digest_t asked = digest_of_question(call);
    bool kept = plan != NULL && wanted != NULL && digest_equal(&asked, &service->plan_asked) &&
                strcmp(digest_text(&plan->digest, text), wanted) == 0;
    if (!kept) {
        plan_destroy(&plan);
        TRY(make(call, &plan, err));
    }
    if (wanted != NULL && strcmp(digest_text(&plan->digest, text), wanted) != 0) {
        return error_set(err, ERROR_PLAN_STALE, "the plan changed while its pages were read");
    }
    service->plan_asked = asked;
    *ret_plan = TAKE(plan);
    return STATUS_OK;
}

status_t plan_page_with(call_t *call, planner_fn *make, plan_page_fn *first, error_t *err) {
    const char *after = NULL;
    call_place_t place = {0};
    CLEANUP(plan_destroy_p) plan_t *plan = NULL;
    TRY(call_after(call, &after, err));
    if (after != NULL) {
        TRY(call_place(after, &place, err));
    }
    if (place.number < 0 || place.number > UINT32_MAX) {
        return error_set(err, ERROR_INVALID, "argument 'after' is not what an answer said");
    }
    TRY(take_plan(call, make, place.text, &plan, err));
    if (after == NULL) {
        write_head(call, plan);
        TRY(first != NULL ? first(call, plan, err) : STATUS_OK);
    }
    TRY(write_page(call, plan, (uint32_t)place.number, err));
    if (call->more) {
        call->service->plan = TAKE(plan);
    }
    return STATUS_OK;
}

status_t plan_page_answer(call_t *call, planner_fn *make, error_t *err) {
    return plan_page_with(call, make, NULL, err);
}
