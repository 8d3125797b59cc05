/* look.c: see look.h. */
#include "agent/steps/look.h"
#include "agent/steps/texts.h"

#include <string.h>

enum { NOTED_LINES = 40 };

static void ask(run_t *run);

/* The fingerprint, with its stamp, is last but one: the closing statement comes after it. */
static status_t take(run_t *run, connection_answer_t *answer, bool *ret_again, error_t *err) {
    if (answer->count < 3) {
        return error_set(err, ERROR_INTERNAL, "%zu results where the schema was read",
                         answer->count);
    }
    fingerprint_scope_t scope = {.server_version_num = connection_server_version(run->connection),
                                 .mask = run->mask};
    fingerprint_stamp_t stamp = {0};
    size_t closing = run->look_in_transaction ? 2 : 1;
    const PGresult *full = answer->results[answer->count - 1 - closing];
    TRY(fingerprint_stamp_from_result(full, &scope, &stamp, err));
    run->shared->mask |= stamp.mask;
    *ret_again = !stamp.complete;
    if (!stamp.complete) {
        run->mask |= stamp.mask;
        return STATUS_OK;
    }
    CLEANUP(buffer_free) buffer_t text = {.limit = FINGERPRINT_TEXT_MAX};
    if (fingerprint_from_result(full, &scope, NULL, &run->fingerprint, &text, err) != STATUS_OK) {
        *ret_again = err->code == ERROR_CATALOG_MOVED && run->mask != FINGERPRINT_EVERYTHING;
        run->mask = FINGERPRINT_EVERYTHING;
        return *ret_again ? STATUS_OK : STATUS_ERROR;
    }
    (void)snprintf(run->stamp, sizeof run->stamp, "%s", stamp.text);
    texts_keep(run->shared->texts_dir, &run->fingerprint.strict, &text);
    return STATUS_OK;
}

static void on_schema(run_t *run, connection_answer_t *answer) {
    error_t err = {0};
    bool again = false;
    if (take(run, answer, &again, &err) != STATUS_OK) {
        run_roll_back(run, &err);
        return;
    }
    if (again) {
        ask(run);
        return;
    }
    run_next_fn *next = run->looked;
    run->looked = NULL;
    next(run);
}

static void ask(run_t *run) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    error_t err = {0};
    fingerprint_scope_t scope = {.server_version_num = connection_server_version(run->connection),
                                 .mask = run->mask};
    buffer_text(&sql, run->look_in_transaction ? "SAVEPOINT drover_look;\n" : "BEGIN READ ONLY;\n");
    buffer_text(&sql, fingerprint_session_sql());
    buffer_text(&sql, ";\n");
    if (fingerprint_sql(&scope, &sql, &err) != STATUS_OK) {
        run_roll_back(run, &err);
        return;
    }
    buffer_text(&sql, run->look_in_transaction
                          ? ";\nROLLBACK TO SAVEPOINT drover_look;\nRELEASE SAVEPOINT drover_look"
                          : ";\nCOMMIT");
    run_query(run, &sql, on_schema);
}

void look_begin(run_t *run, const look_t *look) {
    run->looked = look->next;
    run->look_in_transaction = look->in_transaction;
    run->mask = run->shared->mask;
    ask(run);
}

int look_note_differences(run_t *run, const digest_t *was, const char *title) {
    CLEANUP(buffer_free) buffer_t before = {.limit = FINGERPRINT_TEXT_MAX};
    CLEANUP(buffer_free) buffer_t after = {.limit = FINGERPRINT_TEXT_MAX};
    CLEANUP(buffer_free) buffer_t lines = {0};
    error_t err = {0};
    fingerprint_diff_options_t options = {.most = NOTED_LINES};
    if (!texts_find(run->shared->texts_dir, was, &before) ||
        !texts_find(run->shared->texts_dir, &run->fingerprint.strict, &after) ||
        fingerprint_diff(buffer_string(&before), buffer_string(&after), &options, &lines, &err) !=
            STATUS_OK) {
        run_note(run, "%s (what differs is not known: no text of the earlier schema is kept here)",
                 title);
        return -1;
    }
    int count = 0;
    for (const char *c = buffer_string(&lines); *c != '\0'; c++) {
        count += *c == '\n';
    }
    run_note(run, "%s:\n%s", title, buffer_string(&lines));
    return count;
}
