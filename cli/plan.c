/* plan.c: see plan.h. What is at the target by inventory is passed over and never called verified.
 */
#include "cli/plan.h"
#include "common/base/cleanup.h"

#include <inttypes.h>
#include <string.h>

enum { FEW = 20 }; /* rows of those that nothing happens to */

static const output_column_t TENANT_COLUMNS[] = {
    {"  TENANT", "name", COLUMN_TEXT},     {"CLUSTER", "cluster", COLUMN_TEXT},
    {"DATABASE", "database", COLUMN_TEXT}, {"FROM", "from_version", COLUMN_TEXT},
    {"TO", "to_version", COLUMN_TEXT},     {"STEPS", "steps", COLUMN_NUMBER},
    {"REMARK", "reason", COLUMN_TEXT}};
static const output_column_t REFUSED_COLUMNS[] = {{"  TENANT", "name", COLUMN_TEXT},
                                                  {"CLUSTER", "cluster", COLUMN_TEXT},
                                                  {"AT", "from_version", COLUMN_TEXT},
                                                  {"CODE", "code", COLUMN_TEXT},
                                                  {"WHY", "reason", COLUMN_TEXT}};
static const output_column_t IDLE_COLUMNS[] = {{"  TENANT", "name", COLUMN_TEXT},
                                               {"CLUSTER", "cluster", COLUMN_TEXT},
                                               {"AT", "from_version", COLUMN_TEXT},
                                               {"OBSERVED", "observed_us", COLUMN_TIME},
                                               {"REMARK", "reason", COLUMN_TEXT}};

static const output_column_t BACKUP_COLUMNS[] = {{"TENANT", "name", COLUMN_TEXT},
                                                 {"TAKEN", "taken_us", COLUMN_TIME},
                                                 {"SIZE", "size_bytes", COLUMN_BYTES},
                                                 {"BACKUP", "backup", COLUMN_TEXT}};
static const output_view_t BACKUPS = {OUTPUT_COLUMNS(BACKUP_COLUMNS), .rows = "backups"};

static const char *plural(int64_t count) {
    return count == 1 ? "" : "s";
}

static void put_number(const output_t *output, column_kind_t kind, const json_t *plan,
                       const char *path, buffer_t *out) {
    output_cell(output, kind, document_at(plan, path), out);
}

/* A row as the tables show it: indented, and nothing applied is said in words. */
static status_t dress(const json_t *row, json_t **ret_row, error_t *err) {
    static const char *const VERSIONS[] = {"from_version", "to_version"};
    CLEANUP(document_release) json_t *dressed = json_copy((json_t *)(uintptr_t)row);
    CLEANUP(buffer_free) buffer_t name = {0};
    buffer_format(&name, "  %s", document_text(row, "name"));
    TRY(buffer_check(&name, err));
    int failed = dressed == NULL ? 1 : json_object_set_new(dressed, "name", json_string(name.data));
    for (size_t i = 0; i < 2 && failed == 0; i++) {
        if (document_text(row, VERSIONS[i])[0] == '\0') {
            failed = json_object_set_new(dressed, VERSIONS[i], json_string("(empty)"));
        }
    }
    if (failed == 0 && document_text(row, "reason")[0] == '\0') {
        failed = json_object_set_new(dressed, "reason", json_string(""));
    }
    if (failed != 0) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for the plan's tables");
    }
    *ret_row = TAKE(dressed);
    return STATUS_OK;
}

/* Append rows of an array (all, or those of one wave) as a table; at most so many, 0 being all. */
typedef struct selection {
    const char *array;
    int64_t wave; /* -1: of any */
    size_t most;
} selection_t;

static status_t put_rows(const output_t *output, const json_t *plan, selection_t selection,
                         const output_view_t *view, buffer_t *out, error_t *err) {
    CLEANUP(document_release) json_t *rows = json_array();
    const json_t *all = document_at(plan, selection.array);
    size_t index = 0;
    size_t found = 0;
    const json_t *row = NULL;
    json_array_foreach(all, index, row) {
        if (selection.wave >= 0 && document_number(row, "wave") != selection.wave) {
            continue;
        }
        found++;
        if (selection.most == 0 || found <= selection.most) {
            json_t *dressed = NULL;
            TRY(dress(row, &dressed, err));
            if (json_array_append_new(rows, dressed) != 0) {
                return error_set(err, ERROR_NO_MEMORY, "no memory for the plan's tables");
            }
        }
    }
    TRY(output_table(output, view, rows, out, err));
    if (selection.most > 0 && found > selection.most) {
        buffer_format(out, "  and %zu more; -o json has them all\n", found - selection.most);
    }
    return STATUS_OK;
}

/* Those that are visited though inventory has them at the target; nothing where there are none. */
static void put_looked_at(const json_t *document, const char *path, const char *before,
                          const char *after, buffer_t *out) {
    int64_t count = document_number(document, path);
    if (count > 0) {
        buffer_format(out, "%s%" PRId64 " looked at%s", before, count, after);
    }
}

static void put_head(const output_t *output, const json_t *plan, buffer_t *out) {
    static const output_column_t PAIRS[] = {
        {"bundle", "bundle", COLUMN_TEXT},    {"takes back", "parent", COLUMN_TEXT},
        {"method", "method", COLUMN_TEXT},    {"recovery point", "recovery.kind", COLUMN_TEXT},
        {"", "recovery.reason", COLUMN_TEXT}, {"plan digest", "plan_digest", COLUMN_TEXT}};
    const output_view_t view = {OUTPUT_COLUMNS(PAIRS)};
    const char *version = document_text(plan, "target_version");
    buffer_text(out, "plan            ");
    output_escape(document_text(plan, "kind"), out);
    buffer_text(out, document_text(plan, "application")[0] != '\0' ? " of " : "");
    output_escape(document_text(plan, "application"), out);
    buffer_text(out, version[0] != '\0' ? " to " : "");
    output_escape(version, out);
    buffer_text(out, "\n");
    output_pairs(output, &view, plan, out);
    buffer_format(
        out, "selected        %" PRId64 " tenants: %" PRId64 " with work in %" PRId64 " steps, ",
        document_number(plan, "totals.selected"), document_number(plan, "totals.work"),
        document_number(plan, "totals.steps"));
    put_looked_at(plan, "totals.look", "", ", ", out);
    buffer_format(out, "%" PRId64 " passed over, %" PRId64 " refused, %" PRId64 " in no wave\n",
                  document_number(plan, "totals.not_needed"),
                  document_number(plan, "totals.refused") + document_number(plan, "totals.gone"),
                  document_number(plan, "totals.left_out"));
    if (document_number(plan, "inventory.oldest_us") > 0) {
        buffer_text(out, "inventory       ");
        put_number(output, COLUMN_AGE, plan, "inventory.age_us", out);
        buffer_text(out, " old at most, read from ");
        put_number(output, COLUMN_TIME, plan, "inventory.oldest_us", out);
        buffer_text(out, " to ");
        put_number(output, COLUMN_TIME, plan, "inventory.newest_us", out);
        buffer_text(out,
                    document_flag(plan, "inventory.late") ? "; LATE: an agent is silent\n" : "\n");
    }
}

static void put_warnings(const output_t *output, const json_t *plan, buffer_t *out) {
    size_t index = 0;
    const json_t *warning = NULL;
    json_array_foreach(document_at(plan, "warnings"), index, warning) {
        buffer_text(out, "WARNING: ");
        output_cell(output, COLUMN_TEXT, warning, out);
        buffer_text(out, "\n");
    }
    if (document_number(plan, "data_loss.oldest_us") > 0) {
        buffer_text(out, "DATA LOSS: rows written since ");
        put_number(output, COLUMN_TIME, plan, "data_loss.oldest_us", out);
        buffer_text(out, " (newest backup: ");
        put_number(output, COLUMN_TIME, plan, "data_loss.newest_us", out);
        buffer_text(out, ") are lost\n");
    }
}

static void put_wave_title(const output_t *output, const json_t *wave, buffer_t *out) {
    static const struct {
        const char *path;
        const char *words;
    } BOUNDS[] = {{"max_parallel", "at once"}, {"max_parallel_per_cluster", "at once a cluster"}};
    buffer_format(out, "\nwave %" PRId64 " '", document_number(wave, "number") + 1);
    output_escape(document_text(wave, "name"), out);
    buffer_format(out, "': %" PRId64 " of %" PRId64 " tenant%s with work",
                  document_number(wave, "work"), document_number(wave, "tenants"),
                  plural(document_number(wave, "tenants")));
    put_looked_at(wave, "look", ", ", "", out);
    buffer_text(out, document_flag(wave, "canary") ? ", canary" : "");
    for (size_t i = 0; i < sizeof BOUNDS / sizeof BOUNDS[0]; i++) {
        int64_t bound = document_number(wave, BOUNDS[i].path);
        if (bound > 0) {
            buffer_format(out, ", %" PRId64 " %s", bound, BOUNDS[i].words);
        }
    }
    if (document_number(wave, "soak_us") > 0) {
        buffer_text(out, ", then soaks for ");
        put_number(output, COLUMN_DURATION, wave, "soak_us", out);
    }
    buffer_format(out, "; more than %" PRId64 " failed: ", document_number(wave, "budget"));
    output_escape(document_text(wave, "on_failure"), out);
    buffer_text(out, "\n");
}

static status_t put_waves(const output_t *output, const json_t *plan, bool brief, buffer_t *out,
                          error_t *err) {
    const output_view_t view = {OUTPUT_COLUMNS(TENANT_COLUMNS), .rows = ""};
    size_t index = 0;
    const json_t *wave = NULL;
    json_array_foreach(document_at(plan, "waves"), index, wave) {
        put_wave_title(output, wave, out);
        if (!brief) {
            TRY(put_rows(output, plan,
                         (selection_t){.array = "tenants", .wave = document_number(wave, "number")},
                         &view, out, err));
        }
    }
    return STATUS_OK;
}

static status_t put_others(const output_t *output, const json_t *plan, buffer_t *out,
                           error_t *err) {
    const output_view_t refused = {OUTPUT_COLUMNS(REFUSED_COLUMNS), .rows = ""};
    const output_view_t idle = {OUTPUT_COLUMNS(IDLE_COLUMNS), .rows = ""};
    if (document_count(plan, "refused") > 0) {
        buffer_text(out, "\nrefused: nothing is done to them\n");
        TRY(put_rows(output, plan, (selection_t){.array = "refused", .wave = -1}, &refused, out,
                     err));
    }
    if (document_count(plan, "looked_at") > 0) {
        buffer_text(out, "\nlooked at: inventory says that nothing is to be done; their agents go "
                         "and see\n");
        TRY(put_rows(output, plan, (selection_t){.array = "looked_at", .wave = -1, .most = FEW},
                     &idle, out, err));
    }
    if (document_count(plan, "passed_over") > 0) {
        buffer_text(out, "\npassed over: inventory says that nothing is to be done; not looked at "
                         "since, at most ");
        put_number(output, COLUMN_AGE, plan, "inventory.age_us", out);
        buffer_text(out, " old\n");
        TRY(put_rows(output, plan, (selection_t){.array = "passed_over", .wave = -1, .most = FEW},
                     &idle, out, err));
    }
    if (document_count(plan, "left_out") > 0) {
        buffer_text(out, "\nleft out: selected, but in no wave\n");
        TRY(put_rows(output, plan, (selection_t){.array = "left_out", .wave = -1, .most = FEW},
                     &idle, out, err));
    }
    if (document_count(plan, "backups") > 0) {
        buffer_text(out, "\nbackups that would be removed\n");
        TRY(output_table(output, &BACKUPS, plan, out, err));
    }
    return STATUS_OK;
}

/* A script as it stands: its line ends and tabs are its own, other controls are escaped. */
static void put_sql(const char *sql, buffer_t *out) {
    CLEANUP(buffer_free) buffer_t line = {0};
    for (const char *c = sql; *c != '\0'; c++) {
        if (*c == '\n' || *c == '\t') {
            output_escape(buffer_string(&line), out);
            buffer_char(out, *c);
            buffer_clear(&line);
        } else if (*c != '\r') {
            buffer_char(&line, *c);
        }
    }
    output_escape(buffer_string(&line), out);
    buffer_text(out, out->size > 0 && out->data[out->size - 1] == '\n' ? "" : "\n");
}

static void put_scripts(const json_t *plan, buffer_t *out) {
    size_t index = 0;
    const json_t *script = NULL;
    json_array_foreach(document_at(plan, "scripts"), index, script) {
        char id[OUTPUT_ID_SIZE];
        const char *sql = document_text(script, "sql");
        if (document_at(script, "sql") == NULL) {
            continue;
        }
        buffer_text(out, "\n-- ");
        output_escape(document_text(script, "version"), out);
        buffer_text(out, " ");
        output_escape(document_text(script, "description"), out);
        buffer_format(out, ", %s, %s, digest %s\n", document_text(script, "kind"),
                      document_flag(script, "transactional") ? "in one transaction"
                                                             : "not in a transaction",
                      output_id(document_text(script, "digest"), id));
        put_sql(sql, out);
        if (document_flag(script, "cut")) {
            buffer_format(out, "-- cut here; %" PRId64 " bytes in all\n",
                          document_number(script, "size_bytes"));
        }
    }
}

status_t plan_show(const output_t *output, const json_t *plan, bool brief, buffer_t *out,
                   error_t *err) {
    put_head(output, plan, out);
    put_warnings(output, plan, out);
    TRY(put_waves(output, plan, brief, out, err));
    TRY(put_others(output, plan, out, err));
    if (!brief) {
        put_scripts(plan, out);
    }
    return buffer_check(out, err);
}

void plan_question(const json_t *plan, buffer_t *out) {
    int64_t work = document_number(plan, "totals.work") + document_number(plan, "totals.look");
    size_t waves = document_count(plan, "waves");
    const char *version = document_text(plan, "target_version");
    buffer_text(out, "start this ");
    output_escape(document_text(plan, "kind"), out);
    buffer_text(out, version[0] != '\0' ? " to " : "");
    output_escape(version, out);
    buffer_format(out, " on %" PRId64 " tenant%s in %zu wave%s?", work, plural(work), waves,
                  plural((int64_t)waves));
}
