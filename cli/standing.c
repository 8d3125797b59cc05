/* standing.c: see standing.h. */
#include "cli/standing.h"
#include "cli/progress.h"
#include "common/base/cleanup.h"

#include <inttypes.h>
#include <string.h>
#include <wchar.h>

enum { BAR = 24, BAR_LEAST = 8, NAME_COLUMNS = 16, GROUPS = 5, TWENTIETHS = 20 };

standing_end_t standing_end(const json_t *status) {
    const char *state = document_text(status, "state");
    int64_t at_work =
        document_number(status, "counts.dispatched") + document_number(status, "counts.running");
    if (strcmp(state, "succeeded") == 0) {
        return STANDING_SUCCEEDED;
    }
    if (document_flag(status, "over")) {
        return STANDING_FAILED;
    }
    return strcmp(state, "paused") == 0 && at_work == 0 ? STANDING_PAUSED : STANDING_AT_WORK;
}

const char *standing_id(const json_t *status, char buffer[OUTPUT_ID_SIZE]) {
    return output_id(document_text(status, "rollout"), buffer);
}

static const char *plural(int64_t count) {
    return count == 1 ? "" : "s";
}

/* "12 succeeded, 2 running": the states that tasks are in, in the document's order of names. */
static void put_counts(const json_t *counts, buffer_t *out) {
    static const char *const ORDER[] = {
        "succeeded", "not_needed", "running", "dispatched", "waiting",     "ready", "pending",
        "failed",    "refused",    "unknown", "skipped",    "outstanding", "gone"};
    bool first = true;
    for (size_t i = 0; i < sizeof ORDER / sizeof ORDER[0]; i++) {
        int64_t count = document_number(counts, ORDER[i]);
        if (count > 0) {
            char word[32];
            (void)snprintf(word, sizeof word, "%s", ORDER[i]);
            for (char *c = word; *c != '\0'; c++) {
                *c = *c == '_' ? ' ' : *c;
            }
            buffer_format(out, "%s%" PRId64 " %s", first ? "" : ", ", count, word);
            first = false;
        }
    }
    if (first) {
        buffer_text(out, "none");
    }
}

/* "forward: app to V042" */
static void put_what(const json_t *status, buffer_t *out) {
    output_escape(document_text(status, "kind"), out);
    const char *application = document_text(status, "application");
    const char *version = document_text(status, "target_version");
    if (application[0] != '\0') {
        buffer_text(out, " of ");
        output_escape(application, out);
    }
    if (version[0] != '\0') {
        buffer_text(out, " to ");
        output_escape(version, out);
    }
}

/* Whose word it is that tenants stand at the target: inventory's is never called verified. */
static void put_evidence(const output_t *output, const json_t *status, buffer_t *out) {
    int64_t verified = document_number(status, "evidence.verified");
    int64_t inventory = document_number(status, "evidence.inventory");
    if (verified + inventory == 0) {
        return;
    }
    buffer_format(out, "at target   %" PRId64 " verified", verified);
    if (inventory > 0) {
        buffer_format(out, ", %" PRId64 " from inventory (age ", inventory);
        output_cell(output, COLUMN_AGE, document_at(status, "evidence.age_us"), out);
        buffer_text(out, inventory > 1 ? " at most)" : ")");
    }
    buffer_text(out, "\n");
}

static void put_head(const output_t *output, const json_t *status, buffer_t *out) {
    static const output_column_t PAIRS[] = {
        {"reason", "reason", COLUMN_TEXT},      {"bundle", "bundle", COLUMN_ID},
        {"order", "order_digest", COLUMN_TEXT}, {"by", "actor", COLUMN_TEXT},
        {"takes back", "parent", COLUMN_ID},    {"created", "created_us", COLUMN_TIME},
        {"started", "started_us", COLUMN_TIME}, {"finished", "finished_us", COLUMN_TIME}};
    const output_view_t view = {OUTPUT_COLUMNS(PAIRS)};
    buffer_text(out, "rollout     ");
    output_escape(document_text(status, "name"), out);
    buffer_text(out, " ");
    output_escape(document_text(status, "rollout"), out);
    buffer_text(out, "\nwhat        ");
    put_what(status, out);
    buffer_text(out, "\nstate       ");
    output_state(output, document_text(status, "state"), out);
    buffer_format(out, "\ntenants     %" PRId64 ": ", document_number(status, "tasks"));
    put_counts(document_at(status, "counts"), out);
    buffer_text(out, "\n");
    put_evidence(output, status, out);
    output_pairs(output, &view, status, out);
}

/* Rollbacks that were started of it. */
static void put_children(const output_t *output, const json_t *status, buffer_t *out) {
    size_t index = 0;
    const json_t *child = NULL;
    json_array_foreach(document_at(status, "children"), index, child) {
        char id[OUTPUT_ID_SIZE];
        buffer_format(out, "%-10s  %s ", document_text(child, "kind"),
                      output_id(document_text(child, "rollout"), id));
        output_escape(document_text(child, "name"), out);
        buffer_text(out, ", ");
        output_state(output, document_text(child, "state"), out);
        buffer_text(out, "\n");
    }
}

void standing_failures(const json_t *status, size_t most, buffer_t *out) {
    const json_t *groups = document_at(status, "failures");
    size_t index = 0;
    const json_t *group = NULL;
    json_array_foreach(groups, index, group) {
        if (most > 0 && index == most) {
            buffer_format(out, "and %zu kinds of failure more\n", json_array_size(groups) - most);
            return;
        }
        int64_t count = document_number(group, "count");
        const char *sqlstate = document_text(group, "sqlstate");
        const char *hint = document_text(group, "hint");
        buffer_format(out, "%" PRId64 " tenant%s, as ", count, plural(count));
        output_escape(document_text(group, "tenant"), out);
        buffer_text(out, ": ");
        output_escape(document_text(group, "code"), out);
        if (sqlstate[0] != '\0') {
            buffer_text(out, " [");
            output_escape(sqlstate, out);
            buffer_text(out, "]");
        }
        buffer_text(out, " ");
        output_escape(document_text(group, "error"), out);
        buffer_text(out, "\n");
        if (hint[0] != '\0') {
            buffer_text(out, "  HINT: ");
            output_escape(hint, out);
            buffer_text(out, "\n");
        }
    }
}

/* What keeps the rollout back: a hold, an order past its end, a tenant in doubt. Of signatures that
 * are wanted the advice tells. */
static void put_awaits(const json_t *status, buffer_t *out) {
    size_t index = 0;
    const json_t *await = NULL;
    json_array_foreach(document_at(status, "awaits"), index, await) {
        const char *kind = document_text(await, "kind");
        if (strcmp(kind, "release") != 0 && strcmp(kind, "order") != 0 &&
            strcmp(kind, "retry") != 0) {
            continue;
        }
        buffer_text(out, "waits: ");
        output_escape(document_text(await, "reason"), out);
        buffer_text(out, "\n  HINT: ");
        output_escape(document_text(await, "command"), out);
        buffer_text(out, "\n");
    }
}

void standing_blockers(const json_t *status, buffer_t *out) {
    const char *hint = "";
    size_t index = 0;
    const json_t *cluster = NULL;
    put_awaits(status, out);
    json_array_foreach(document_at(status, "clusters"), index, cluster) {
        int64_t back = document_number(cluster, "given_back");
        int64_t waiting =
            back > 0 ? back
                     : document_number(cluster, "ready") + document_number(cluster, "in_flight");
        if (document_text(cluster, "blocker")[0] == '\0') {
            continue;
        }
        buffer_text(out, "cluster ");
        output_escape(document_text(cluster, "cluster"), out);
        buffer_format(out, ": %" PRId64 " tenant%s wait%s", waiting, plural(waiting),
                      waiting == 1 ? "s" : "");
        buffer_text(out, ": ");
        output_escape(document_text(cluster, "code"), out);
        buffer_text(out, " ");
        output_escape(document_text(cluster, "blocker"), out);
        buffer_text(out, "\n");
        hint = document_text(cluster, "hint");
    }
    if (hint[0] != '\0') {
        buffer_text(out, "  HINT: ");
        output_escape(hint, out);
        buffer_text(out, "\n");
    }
}

status_t standing_show(const output_t *output, const json_t *status, buffer_t *out, error_t *err) {
    static const output_column_t WAVES[] = {{"WAVE", "name", COLUMN_TEXT},
                                            {"STATE", "state", COLUMN_STATE},
                                            {"TENANTS", "tasks", COLUMN_NUMBER},
                                            {"SETTLED", "settled", COLUMN_NUMBER},
                                            {"FAILED", "failed", COLUMN_NUMBER},
                                            {"AT WORK", "in_flight", COLUMN_NUMBER},
                                            {"BUDGET", "budget", COLUMN_NUMBER},
                                            {"TARGET", "target_version", COLUMN_TEXT},
                                            {"SOAKS FOR", "soak_left_us", COLUMN_AGE}};
    const output_view_t view = {OUTPUT_COLUMNS(WAVES), .rows = "waves"};
    put_head(output, status, out);
    put_children(output, status, out);
    if (document_count(status, "waves") > 0) {
        buffer_text(out, "\n");
        TRY(output_table(output, &view, status, out, err));
    }
    if (document_count(status, "failures") > 0) {
        buffer_text(out, "\n");
        standing_failures(status, 0, out);
    }
    CLEANUP(buffer_free) buffer_t blockers = {0};
    standing_blockers(status, &blockers);
    if (blockers.size > 0) {
        buffer_text(out, "\n");
        buffer_append(out, blockers.data, blockers.size);
    }
    return buffer_check(out, err);
}

/* The wave whose turn has come and that nothing opens yet, or NULL. */
static const json_t *awaiting(const json_t *status) {
    size_t index = 0;
    const json_t *wave = NULL;
    json_array_foreach(document_at(status, "waves"), index, wave) {
        if (strcmp(document_text(wave, "state"), "awaiting") == 0) {
            return wave;
        }
    }
    return NULL;
}

/* Whose signature is wanted. */
static void put_signing(const json_t *status, const char *id, buffer_t *out) {
    const json_t *wave = awaiting(status);
    if (strcmp(document_text(status, "state"), "planned") == 0) {
        buffer_format(out, "  drover rollout approve %s     show its order, and sign it, too\n",
                      id);
    }
    if (wave != NULL) {
        buffer_format(out, "  drover rollout approve %s --wave '", id);
        output_escape(document_text(wave, "name"), out);
        buffer_text(out, "'    open that wave by an approval\n");
    }
}

void standing_advice(const json_t *status, buffer_t *out) {
    const char *state = document_text(status, "state");
    char id[OUTPUT_ID_SIZE];
    (void)standing_id(status, id);
    bool failures = document_count(status, "failures") > 0;
    bool forward = strcmp(document_text(status, "kind"), "forward") == 0;
    bool touched = document_number(status, "touched") > 0;
    put_signing(status, id, out);
    if (failures) {
        buffer_format(out, "  drover rollout failures %s    what failed, tenant by tenant\n", id);
    }
    if (strcmp(state, "paused") == 0) {
        buffer_format(out, "  drover rollout resume %s      accept what failed and go on\n", id);
    }
    if (failures && (strcmp(state, "paused") == 0 || strcmp(state, "incomplete") == 0)) {
        buffer_format(out, "  drover rollout retry %s       try the failed ones again\n", id);
    }
    if (forward && touched && strcmp(state, "succeeded") != 0) {
        buffer_format(out, "  drover rollback %s            take back what it touched\n", id);
    }
}

/* ------------------------------------------------------------------ the block */

/* Append a line cut to so many columns; colour sequences take none. */
static void put_fitting(const char *line, int width, buffer_t *out) {
    mbstate_t shift = {0};
    int used = 0;
    size_t left = strlen(line);
    for (const char *c = line; left > 0;) {
        wchar_t wide = 0;
        size_t size = *c == '\033' ? strcspn(c, "m") + 1 : mbrtowc(&wide, c, left, &shift);
        if (size == 0 || size > left) { /* no character of this locale: a byte is a column */
            shift = (mbstate_t){0};
            size = 1;
            wide = L'?';
        }
        int columns = *c == '\033' ? 0 : wcwidth(wide);
        used += columns > 0 ? columns : 0;
        if (used > width) {
            buffer_text(out, strchr(line, '\033') != NULL ? "\033[0m" : "");
            break;
        }
        buffer_append(out, c, size);
        c += size;
        left -= size;
    }
    buffer_text(out, "\n");
}

static void put_wave(const output_t *output, const json_t *wave, int width, buffer_t *out) {
    int64_t tasks = document_number(wave, "tasks");
    int64_t failed = document_number(wave, "failed");
    int64_t settled = document_number(wave, "settled");
    int bar = width > 2 * BAR + NAME_COLUMNS ? BAR : BAR_LEAST;
    const progress_parts_t parts = {.total = tasks,
                                    .done = settled - failed,
                                    .failed = failed,
                                    .running = document_number(wave, "in_flight")};
    CLEANUP(buffer_free) buffer_t name = {0};
    output_escape(document_text(wave, "name"), &name);
    buffer_format(out, "  %-*.*s ", NAME_COLUMNS, NAME_COLUMNS, buffer_string(&name));
    progress_bar(&parts, (progress_look_t){.width = bar, .colour = output->colour}, out);
    buffer_format(out, " %" PRId64 "/%" PRId64 "  ", settled, tasks);
    output_state(output, document_text(wave, "state"), out);
    if (failed > 0) {
        buffer_format(out, ", %" PRId64 " failed (budget %" PRId64 ")", failed,
                      document_number(wave, "budget"));
    }
    int64_t soak_left_us = document_number(wave, "soak_left_us");
    if (soak_left_us > 0) {
        buffer_text(out, ", ");
        CLEANUP(document_release) json_t *left = json_integer(soak_left_us);
        output_cell(output, COLUMN_DURATION, left, out);
        buffer_text(out, " left");
    }
}

/* Speed and time since the start. */
static void put_pace(const output_t *output, const json_t *status, buffer_t *out) {
    int64_t started_us = document_number(status, "started_us");
    int64_t until_us = document_number(status, "finished_us");
    const json_t *rate = document_at(status, "rate_per_minute");
    until_us = until_us > 0 ? until_us : document_number(status, "now_us");
    if (started_us > 0 && until_us >= started_us) {
        CLEANUP(document_release) json_t *taken = json_integer(until_us - started_us);
        buffer_text(out, "  ");
        output_cell(output, COLUMN_DURATION, taken, out);
    }
    if (json_number_value(rate) > 0) {
        buffer_format(out, "  %.0f a minute", json_number_value(rate));
    }
}

static void put_title(const output_t *output, const json_t *status, buffer_t *out) {
    char id[OUTPUT_ID_SIZE];
    buffer_format(out, "%s ", standing_id(status, id));
    output_escape(document_text(status, "name"), out);
    buffer_text(out, "  ");
    put_what(status, out);
    buffer_text(out, "  ");
    output_state(output, document_text(status, "state"), out);
    put_pace(output, status, out);
}

void standing_block(const output_t *output, const json_t *status, standing_room_t room,
                    buffer_t *out) {
    const json_t *waves = document_at(status, "waves");
    size_t count = json_array_size(waves);
    size_t shown = room.lines > 8 ? (size_t)room.lines - 6 : 2; /* the rest is title and failures */
    size_t current = (size_t)document_number(status, "current_wave");
    size_t first = count > shown && current > 1 ? current - 1 : 0;
    CLEANUP(buffer_free) buffer_t line = {0};
    first = first + shown > count ? (count > shown ? count - shown : 0) : first;
    put_title(output, status, &line);
    put_fitting(buffer_string(&line), room.width, out);
    for (size_t i = first; i < count && i < first + shown; i++) {
        buffer_clear(&line);
        put_wave(output, json_array_get(waves, i), room.width, &line);
        put_fitting(buffer_string(&line), room.width, out);
    }
    CLEANUP(buffer_free) buffer_t failures = {0};
    if (awaiting(status) != NULL) {
        buffer_text(&failures, "waits: ");
        output_escape(document_text(status, "reason"), &failures);
        buffer_text(&failures, "\n");
    }
    standing_blockers(status, &failures);
    standing_failures(status, GROUPS - 1, &failures);
    int left = room.lines > 8 ? GROUPS - 1 : 1;
    char *rest = NULL;
    for (char *text = failures.data; text != NULL && left > 0; left--) {
        text = strtok_r(text, "\n", &rest);
        if (text != NULL) {
            put_fitting(text, room.width, out);
            text = rest;
        }
    }
}

/* ------------------------------------------------------------------ the lines */

static void tell_wave(const json_t *status, size_t index, standing_told_t *told, buffer_t *out) {
    const json_t *wave = json_array_get(document_at(status, "waves"), index);
    const char *state = document_text(wave, "state");
    int64_t tasks = document_number(wave, "tasks");
    int64_t settled = document_number(wave, "settled");
    int64_t failed = document_number(wave, "failed");
    int64_t step = tasks > 0 ? settled * TWENTIETHS / tasks : 0;
    bool untold = told->waves[index].state[0] == '\0' && strcmp(state, "pending") == 0;
    if (untold || (strcmp(told->waves[index].state, state) == 0 &&
                   told->waves[index].failed == failed && told->waves[index].step == step)) {
        return;
    }
    (void)snprintf(told->waves[index].state, STANDING_STATE_SIZE, "%s", state);
    told->waves[index].failed = failed;
    told->waves[index].step = step;
    buffer_format(out, "wave %zu of %zu '", index + 1, document_count(status, "waves"));
    output_escape(document_text(wave, "name"), out);
    buffer_text(out, "' ");
    output_escape(state, out);
    buffer_format(out,
                  ": %" PRId64 " of %" PRId64 " settled, %" PRId64 " failed, %" PRId64 " at work\n",
                  settled, tasks, failed, document_number(wave, "in_flight"));
}

void standing_changes(const json_t *status, standing_told_t *told, buffer_t *out) {
    const char *state = document_text(status, "state");
    const char *reason = document_text(status, "reason");
    size_t waves = document_count(status, "waves");
    for (size_t i = 0; i < waves && i < STANDING_WAVES; i++) {
        tell_wave(status, i, told, out);
    }
    bool waits = awaiting(status) != NULL;
    /* why a wave waits may change while nothing else does */
    if (strcmp(told->state, state) != 0 ||
        (waits && strncmp(told->reason, reason, sizeof told->reason - 1) != 0)) {
        char id[OUTPUT_ID_SIZE];
        (void)snprintf(told->state, sizeof told->state, "%s", state);
        (void)snprintf(told->reason, sizeof told->reason, "%s", reason);
        buffer_text(out, "rollout ");
        output_escape(document_text(status, "name"), out);
        buffer_format(out, " (%s) ", standing_id(status, id));
        output_escape(state, out);
        buffer_text(out, reason[0] != '\0' ? ": " : "");
        output_escape(reason, out);
        buffer_text(out, "\n");
    }
}
