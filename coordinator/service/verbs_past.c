/* verbs_past.c: what happened: a tenant's history, and the audit log. */
#include "coordinator/service/lookup.h"
#include "coordinator/service/names.h"
#include "coordinator/service/verbs.h"
#include "coordinator/store/store_report.h"

#include <string.h>

/* A page of one of the two streams that make a history. */
typedef struct event_row {
    row_t row;
    int64_t time_us;
    uint64_t number; /* report number, or audit sequence */
    bool echo;       /* an audit row of what a report says: told once, as the report */
} event_row_t;

typedef struct stream {
    call_t *call;
    const fleet_t *fleet;
    event_row_t *items; /* room for the page's rows, newest first */
    uint32_t count;
    bool cut;           /* the store has more than this */
    rollout_t *rollout; /* of the last report, without waves and tasks */
} stream_t;

static void stream_free(stream_t *stream) {
    for (uint32_t i = 0; i < stream->count; i++) {
        row_free(&stream->items[i].row);
    }
    rollout_destroy(&stream->rollout);
}

/* Reports of one rollout stand together: it is read once for all of them. */
static status_t use_rollout(stream_t *stream, const ident_t *id, error_t *err) {
    if (stream->rollout != NULL && ident_equal(&stream->rollout->id, id)) {
        return STATUS_OK;
    }
    rollout_destroy(&stream->rollout);
    return store_rollout_load_head(stream->call->store, id, &stream->rollout, err);
}

/* Who ordered the job that a report is about. One that is not known any more is told as it came. */
static status_t add_rollout(stream_t *stream, const report_row_t *report, row_t *row,
                            error_t *err) {
    call_t *call = stream->call;
    error_t inner = {0};
    task_t task = {0};
    ident_t id = {0};
    const bundle_t *bundle = NULL;
    if (store_task_get(call->store, &report->job, &call->arena, &task, &id, &inner) != STATUS_OK) {
        bool unknown = inner.code == ERROR_NOT_FOUND;
        *err = unknown ? *err : inner;
        return unknown ? STATUS_OK : STATUS_ERROR;
    }
    TRY(use_rollout(stream, &id, err));
    const rollout_t *rollout = stream->rollout;
    if (!digest_is_null(&rollout->bundle) &&
        call_bundle_by_digest(call, &rollout->bundle, &bundle, &inner) != STATUS_OK) {
        bundle = NULL; /* a history is told without the bundle too */
    }
    row_text(row, "actor", rollout->actor);
    row_text(row, "action", names_kind(rollout->kind));
    row_ident(row, "rollout", &rollout->id);
    row_text(row, "rollout_name", rollout->name);
    row_text(row, "application", rollout->application);
    row_text(row, "version", names_version(bundle, report->position));
    return STATUS_OK;
}

static status_t take_report(void *context, const report_row_t *report, error_t *err) {
    stream_t *stream = context;
    event_row_t *event = &stream->items[stream->count++];
    *event =
        (event_row_t){.row = row_new(), .time_us = report->finished_us, .number = report->number};
    row_t *row = &event->row;
    row_time(row, "time", report->finished_us);
    row_text(row, "kind", "report");
    row_text(row, "agent", fleet_agent_name(stream->fleet, &report->agent));
    row_text(row, "step", names_step(report->step));
    row_text(row, "outcome", names_outcome(report->outcome));
    row_flag(row, "final", report->final);
    row_number(row, "position", report->position);
    row_digest(row, "sql_digest", &report->sql_digest);
    row_text(row, "code", report->error_code);
    row_text(row, "sqlstate", report->sqlstate);
    row_text(row, "message", report->message);
    row_ident(row, "job", &report->job);
    row_ident(row, "attempt", &report->attempt);
    row_time(row, "started", report->started_us);
    return add_rollout(stream, report, row, err);
}

/* The audit log has a row of each script that a report brought (link/reports.c): by the step's
 * name, where every other action has a dot or a colon in its own. */
static bool is_echo(const audit_row_t *audit) {
    for (uint32_t step = 1; names_step(step)[0] != '\0'; step++) {
        if (strcmp(audit->action, names_step(step)) == 0) {
            return true;
        }
    }
    return false;
}

static status_t take_audit(void *context, const audit_row_t *audit, error_t *err) {
    (void)err;
    stream_t *stream = context;
    event_row_t *event = &stream->items[stream->count++];
    *event = (event_row_t){.row = row_new(),
                           .time_us = audit->time_us,
                           .number = (uint64_t)audit->sequence,
                           .echo = is_echo(audit)};
    row_t *row = &event->row;
    row_time(row, "time", audit->time_us);
    row_text(row, "kind", "audit");
    row_text(row, "actor", audit->actor);
    row_text(row, "action", audit->action);
    row_ident(row, "rollout", &audit->rollout);
    row_digest(row, "sql_digest", &audit->sql_digest);
    row_text(row, "code", strcmp(audit->result, "ok") == 0 ? "" : audit->result);
    row_text(row, "message", audit->detail);
    return STATUS_OK;
}

static status_t stream_room(stream_t *stream, call_t *call, error_t *err) {
    stream->call = call;
    return arena_allocate(&call->arena, (call->row_limit + 1) * sizeof *stream->items,
                          &stream->items, err);
}

/* Where both streams stand: "time:number:sequence"; 0 is the newest. */
typedef struct history_place {
    int64_t before_us;
    uint64_t before_number;
    int64_t before_sequence;
} history_place_t;

static status_t read_place(call_t *call, history_place_t *place, error_t *err) {
    const char *after = NULL;
    TRY(call_after(call, &after, err));
    long long us = 0;
    unsigned long long number = 0;
    long long sequence = 0;
    int end = 0;
    if (after != NULL && (sscanf(after, "%lld:%llu:%lld%n", &us, &number, &sequence, &end) != 3 ||
                          after[end] != '\0')) {
        return error_set(err, ERROR_INVALID, "argument 'after' is not what an answer said");
    }
    *place = (history_place_t){us, number, sequence};
    return STATUS_OK;
}

static bool is_newer(const stream_t *reports, uint32_t r, const stream_t *audits, uint32_t a) {
    return a >= audits->count ||
           (r < reports->count && reports->items[r].time_us >= audits->items[a].time_us);
}

/* Merge, newest first, until the page is full, or until one stream has more that is not here: what
 * the other one has next may be older than that. */
static status_t merge(call_t *call, stream_t *reports, stream_t *audits, history_place_t place,
                      error_t *err) {
    uint32_t r = 0;
    uint32_t a = 0;
    while (r < reports->count || a < audits->count) {
        bool short_of =
            (a >= audits->count && audits->cut) || (r >= reports->count && reports->cut);
        if (call_is_full(call) || short_of) {
            call_more(call, "%lld:%llu:%lld", (long long)place.before_us,
                      (unsigned long long)place.before_number, (long long)place.before_sequence);
            return STATUS_OK;
        }
        bool report = is_newer(reports, r, audits, a);
        event_row_t *event = report ? &reports->items[r++] : &audits->items[a++];
        if (report) {
            place.before_us = event->time_us;
            place.before_number = event->number;
        } else {
            place.before_sequence = (int64_t)event->number;
        }
        TRY(event->echo ? STATUS_OK : call_add(call, "events", &event->row, err));
    }
    if (audits->cut) { /* all that was read were echoes */
        call_more(call, "%lld:%llu:%lld", (long long)place.before_us,
                  (unsigned long long)place.before_number, (long long)place.before_sequence);
    }
    return STATUS_OK;
}

status_t verbs_history(call_t *call, error_t *err) {
    CLEANUP(stream_free) stream_t reports = {0};
    CLEANUP(stream_free) stream_t audits = {0};
    const char *name = NULL;
    tenant_row_t tenant = {0};
    fleet_t fleet = {0};
    history_place_t place = {0};
    TRY(call_limit(call, err));
    TRY(call_need(call, "tenant", &name, err));
    TRY(read_place(call, &place, err));
    TRY(store_tenant_get(call->store, name, &call->arena, &tenant, err));
    TRY(fleet_load(call, &fleet, err));
    TRY(stream_room(&reports, call, err));
    TRY(stream_room(&audits, call, err));
    reports.fleet = audits.fleet = &fleet;
    report_page_t report_page = {.tenant = tenant.id,
                                 .before_us = place.before_us,
                                 .before_number = place.before_number,
                                 .limit = call->row_limit + 1};
    audit_page_t audit_page = {
        .tenant = tenant.id, .before = place.before_sequence, .limit = call->row_limit + 1};
    TRY(store_report_each(call->store, &report_page, take_report, &reports, err));
    TRY(store_audit_each(call->store, &audit_page, take_audit, &audits, err));
    reports.cut = reports.count > call->row_limit;
    audits.cut = audits.count > call->row_limit;
    if (place.before_us == 0 && place.before_sequence == 0) { /* the first page */
        row_text(&call->document, "tenant", tenant.name);
        row_ident(&call->document, "tenant_id", &tenant.id);
    }
    call_array(call, "events");
    return merge(call, &reports, &audits, place, err);
}

static status_t list_audit(void *context, const audit_row_t *audit, error_t *err) {
    call_t *call = context;
    if (call->more) {
        return STATUS_OK;
    }
    if (call_is_full(call)) {
        call_more(call, "%lld:", (long long)audit->sequence + 1);
        return STATUS_OK;
    }
    CLEANUP(row_free) row_t row = names_audit(audit);
    return call_add(call, "rows", &row, err);
}

/* The conditions that are ids by what an operator calls them. */
static status_t read_about(call_t *call, audit_page_t *page, error_t *err) {
    const char *tenant = NULL;
    lookup_wish_t rollout = {0};
    TRY(call_text(call, "tenant", &tenant, err));
    TRY(call_text(call, "rollout", &rollout.text, err));
    if (tenant != NULL) {
        tenant_row_t row = {0};
        TRY(store_tenant_get(call->store, tenant, &call->arena, &row, err));
        page->tenant = row.id;
    }
    return rollout.text != NULL ? lookup_rollout_id(call, &rollout, &page->rollout, err)
                                : STATUS_OK;
}

status_t verbs_audit_list(call_t *call, error_t *err) {
    audit_page_t page = {0};
    const char *after = NULL;
    call_place_t place = {0};
    TRY(call_limit(call, err));
    TRY(read_about(call, &page, err));
    TRY(call_text(call, "actor", &page.actor, err));
    TRY(call_text(call, "action", &page.action, err));
    TRY(call_number(call, &(call_number_t){.key = "since_us", .most = INT64_MAX}, &page.since_us,
                    err));
    TRY(call_number(call, &(call_number_t){.key = "until_us", .most = INT64_MAX}, &page.until_us,
                    err));
    TRY(call_after(call, &after, err));
    if (after != NULL) {
        TRY(call_place(after, &place, err));
    }
    page.before = place.number;
    page.limit = call->row_limit + 1;
    call_array(call, "rows");
    return store_audit_each(call->store, &page, list_audit, call, err);
}
