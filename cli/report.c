/* report.c: see report.h. Tables as in GitHub Flavored Markdown, which change trackers read. */
#include "cli/report.h"
#include "common/base/cleanup.h"

#include <inttypes.h>
#include <string.h>

/* A text within a cell: what means something to Markdown is escaped. */
static void put_cell(const char *text, buffer_t *out) {
    for (const char *c = text; *c != '\0'; c++) {
        if (strchr("|\\`*_<>[]", *c) != NULL) {
            buffer_char(out, '\\');
        }
        buffer_char(out, *c);
    }
}

static status_t put_row(const output_t *output, const output_view_t *view, const json_t *row,
                        buffer_t *out, error_t *err) {
    for (size_t i = 0; i < view->count; i++) {
        CLEANUP(buffer_free) buffer_t cell = {0};
        output_cell(output, view->columns[i].kind, document_at(row, view->columns[i].path), &cell);
        TRY(buffer_check(&cell, err));
        buffer_text(out, "| ");
        put_cell(buffer_string(&cell), out);
        buffer_text(out, " ");
    }
    buffer_text(out, "|\n");
    return STATUS_OK;
}

static status_t put_table(const output_t *output, const output_view_t *view, const json_t *document,
                          buffer_t *out, error_t *err) {
    const json_t *rows = document_at(document, view->rows);
    size_t index = 0;
    const json_t *row = NULL;
    if (json_array_size(rows) == 0) {
        buffer_text(out, "None.\n");
        return STATUS_OK;
    }
    for (size_t i = 0; i < view->count; i++) {
        buffer_format(out, "| %s ", view->columns[i].title);
    }
    buffer_text(out, "|\n");
    for (size_t i = 0; i < view->count; i++) {
        buffer_text(out, "|---");
    }
    buffer_text(out, "|\n");
    json_array_foreach(rows, index, row) {
        TRY(put_row(output, view, row, out, err));
    }
    return STATUS_OK;
}

static void put_head(const output_t *output, const json_t *report, buffer_t *out) {
    static const output_column_t PAIRS[] = {{"Id", "rollout", COLUMN_TEXT},
                                            {"Kind", "kind", COLUMN_TEXT},
                                            {"Application", "application", COLUMN_TEXT},
                                            {"Target", "target_version", COLUMN_TEXT},
                                            {"Bundle", "bundle", COLUMN_TEXT},
                                            {"State", "state", COLUMN_TEXT},
                                            {"Reason", "reason", COLUMN_TEXT},
                                            {"Ordered by", "actor", COLUMN_TEXT},
                                            {"Order", "order", COLUMN_TEXT},
                                            {"Plan digest", "plan_digest", COLUMN_TEXT},
                                            {"Selector", "select", COLUMN_TEXT},
                                            {"Recovery point", "recovery_kind", COLUMN_TEXT},
                                            {"Why none", "recovery_reason", COLUMN_TEXT},
                                            {"Takes back", "parent", COLUMN_TEXT},
                                            {"Tenants", "task_count", COLUMN_NUMBER},
                                            {"Touched", "touched", COLUMN_NUMBER},
                                            {"Not at target", "not_at_target", COLUMN_NUMBER},
                                            {"Created", "created_us", COLUMN_TIME},
                                            {"Started", "started_us", COLUMN_TIME},
                                            {"Finished", "finished_us", COLUMN_TIME}};
    buffer_text(out, "# Rollout ");
    put_cell(document_text(report, "name"), out);
    buffer_text(out, "\n\n| | |\n|---|---|\n");
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
        CLEANUP(buffer_free) buffer_t cell = {0};
        const json_t *value = document_at(report, PAIRS[i].path);
        if (value == NULL || json_is_null(value)) {
            continue;
        }
        output_cell(output, PAIRS[i].kind, value, &cell);
        buffer_format(out, "| %s | ", PAIRS[i].title);
        put_cell(buffer_string(&cell), out);
        buffer_text(out, " |\n");
    }
    const char *key = NULL;
    json_t *count = NULL;
    json_object_foreach((json_t *)(uintptr_t)document_at(report, "counts"), key, count) {
        if (json_integer_value(count) > 0) {
            buffer_text(out, "| Tenants ");
            put_cell(key, out);
            buffer_format(out, " | %" PRId64 " |\n", (int64_t)json_integer_value(count));
        }
    }
}

/* What the agents noted, tenant by tenant: lists of lines, which a table's cell cannot hold. */
static void put_notes(const json_t *report, buffer_t *out) {
    bool any = false;
    size_t index = 0;
    const json_t *task = NULL;
    json_array_foreach(document_at(report, "tasks"), index, task) {
        const char *notes = document_text(task, "notes");
        if (notes[0] == '\0') {
            continue;
        }
        buffer_text(out, any ? "" : "\n## Notes\n");
        buffer_text(out, "\n### ");
        put_cell(document_text(task, "name"), out);
        buffer_text(out, "\n\n    ");
        output_lines(notes, "    ", out);
        any = true;
    }
}

/* The spec as it was ordered, fenced by more backquotes than it has in a row. */
static void put_spec(const json_t *report, buffer_t *out) {
    const char *spec = document_text(report, "spec");
    size_t most = 2;
    size_t run = 0;
    if (spec[0] == '\0') {
        return;
    }
    for (const char *c = spec; *c != '\0'; c++) {
        run = *c == '`' ? run + 1 : 0;
        most = run > most ? run : most;
    }
    buffer_text(out, "\n## Spec\n\n");
    for (size_t i = 0; i <= most; i++) {
        buffer_char(out, '`');
    }
    buffer_format(out, "\n%s%s", spec, spec[strlen(spec) - 1] == '\n' ? "" : "\n");
    for (size_t i = 0; i <= most; i++) {
        buffer_char(out, '`');
    }
    buffer_text(out, "\n");
}

status_t report_markdown(const output_t *output, const json_t *report, buffer_t *out,
                         error_t *err) {
    static const output_column_t WAVES[] = {
        {"Wave", "name", COLUMN_TEXT},        {"State", "state", COLUMN_TEXT},
        {"Tenants", "tasks", COLUMN_NUMBER},  {"Settled", "settled", COLUMN_NUMBER},
        {"Failed", "failed", COLUMN_NUMBER},  {"Budget", "budget", COLUMN_NUMBER},
        {"Opened", "opened_us", COLUMN_TIME}, {"Finished", "finished_us", COLUMN_TIME}};
    static const output_column_t FAILURES[] = {{"Tenants", "count", COLUMN_NUMBER},
                                               {"As in", "tenant", COLUMN_TEXT},
                                               {"Code", "code", COLUMN_TEXT},
                                               {"SQLSTATE", "sqlstate", COLUMN_TEXT},
                                               {"Error", "error", COLUMN_TEXT}};
    static const output_column_t TASKS[] = {{"Tenant", "name", COLUMN_TEXT},
                                            {"Cluster", "cluster", COLUMN_TEXT},
                                            {"Database", "database", COLUMN_TEXT},
                                            {"Wave", "wave_name", COLUMN_TEXT},
                                            {"State", "state", COLUMN_TEXT},
                                            {"From", "from_version", COLUMN_TEXT},
                                            {"At", "version", COLUMN_TEXT},
                                            {"Known by", "evidence", COLUMN_TEXT},
                                            {"Seen", "evidence_at_us", COLUMN_TIME},
                                            {"Tries", "attempts", COLUMN_NUMBER},
                                            {"SQLSTATE", "sqlstate", COLUMN_TEXT},
                                            {"Error", "error", COLUMN_TEXT},
                                            {"Recovery point", "reference", COLUMN_TEXT},
                                            {"Started", "started_us", COLUMN_TIME},
                                            {"Finished", "finished_us", COLUMN_TIME}};
    static const output_column_t EVENTS[] = {
        {"Time", "time_us", COLUMN_TIME},  {"Who", "actor", COLUMN_TEXT},
        {"From", "origin", COLUMN_TEXT},   {"What", "action", COLUMN_TEXT},
        {"Result", "result", COLUMN_TEXT}, {"Detail", "detail", COLUMN_TEXT}};
    static const struct {
        const char *title;
        output_view_t view;
    } PARTS[] = {{"Waves", {OUTPUT_COLUMNS(WAVES), .rows = "waves"}},
                 {"Failures", {OUTPUT_COLUMNS(FAILURES), .rows = "failures"}},
                 {"Tenants", {OUTPUT_COLUMNS(TASKS), .rows = "tasks"}},
                 {"Events", {OUTPUT_COLUMNS(EVENTS), .rows = "events"}}};
    put_head(output, report, out);
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        buffer_format(out, "\n## %s\n\n", PARTS[i].title);
        TRY(put_table(output, &PARTS[i].view, report, out, err));
    }
    put_notes(report, out);
    put_spec(report, out);
    return buffer_check(out, err);
}
