/* protect_trial.c: see protect_trial.h. */
#include "agent/steps/protect_trial.h"
#include "agent/steps/look.h"
#include "common/base/failpoint.h"
#include "common/postgres/quote.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void name_of(const run_t *run, char name[IDENTITY_NAME_SIZE]) {
    fence_key_t key = run_key(run);
    (void)snprintf(name, IDENTITY_NAME_SIZE, "drover_trial_%016" PRIx64,
                   (uint64_t)fence_lock_key(&key));
}

/* What the comment of every trial of this tenant begins with. */
static void marker_start(const run_t *run, buffer_t *marker) {
    char tenant[IDENT_TEXT_SIZE];
    buffer_format(marker, "{\"drover\":\"trial\",\"tenant\":\"%s\"",
                  ident_text(&run->what.tenant, tenant));
}

/* ---- what an earlier one left ---- */

static void after_clear(run_t *run) {
    restore_side_t *side = restore_side_of(run);
    if (side->err.code != ERROR_NONE) {
        run_fail(run, &side->err);
        return;
    }
    run_note(run, "dropped what an earlier trial restore of this tenant had left");
    restore_side_of(run)->then(run);
}

static void on_leftover(run_t *run, connection_answer_t *answer) {
    const PGresult *result = answer->results[0];
    char name[IDENTITY_NAME_SIZE];
    name_of(run, name);
    if (PQntuples(result) == 0) {
        restore_side_of(run)->then(run);
        return;
    }
    if (strcmp(PQgetvalue(result, 0, 0), "t") != 0) {
        error_t err = {0};
        (void)error_set(&err, ERROR_LEFT_OVER,
                        "database %s has the name of a trial restore, and its comment is not ours",
                        name);
        run_fail(run, &err);
        return;
    }
    restore_side_drop(run, name, after_clear);
}

/* One without a comment was left between its CREATE and its marker. */
void protect_trial_clear(run_t *run, run_next_fn *next) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(buffer_free) buffer_t marker = {0};
    char name[IDENTITY_NAME_SIZE];
    name_of(run, name);
    marker_start(run, &marker);
    restore_side_of(run)->then = next;
    buffer_text(&sql, "SELECT COALESCE(starts_with(shobj_description(oid, 'pg_database'), ");
    quote_text(&sql, buffer_string(&marker));
    buffer_text(&sql, "), true) FROM pg_database WHERE datname = ");
    quote_text(&sql, name);
    run_query(run, &sql, on_leftover);
}

/* ---- the trial ---- */

static void finish(run_t *run) {
    run_next_fn *next = restore_side_of(run)->then;
    next(run);
}

/* What it proved stands, whether its database could be dropped or not. */
static void after_drop(run_t *run) {
    restore_side_t *side = restore_side_of(run);
    if (side->err.code != ERROR_NONE) {
        char line[ERROR_TEXT_MAX];
        run_note(run, "the trial database %s stays until the next backup: %s", side->database,
                 error_line(&side->err, line, sizeof line));
    }
    side->err = run->pending;
    finish(run);
}

static void drop(run_t *run) {
    restore_side_t *side = restore_side_of(run);
    run->pending = side->err;
    restore_side_drop(run, side->database, after_drop);
}

/* The copy belongs to one owner and has no grants: what is compared is what programs notice. */
static void after_look(run_t *run) {
    restore_side_t *side = restore_side_of(run);
    if (!digest_equal(&side->fingerprint.logical, &run->fingerprint.logical)) {
        (void)look_note_differences(run, &side->fingerprint.strict,
                                    "the schema restored in trial differs from the tenant's");
        (void)error_set(&side->err, ERROR_BACKUP_CORRUPT,
                        "the backup restores to another schema than the tenant's");
    }
    run->fingerprint = side->fingerprint;
    memcpy(run->stamp, side->stamp, sizeof run->stamp);
    restore_side_unpark(run);
    drop(run);
}

static void after_connect(run_t *run) {
    look_begin(run, &(look_t){.next = after_look});
}

static void after_fill(run_t *run) {
    restore_side_t *side = restore_side_of(run);
    FAILPOINT("agent.protect.trial-filled");
    if (side->err.code != ERROR_NONE) {
        drop(run);
        return;
    }
    side->fingerprint = run->fingerprint;
    memcpy(side->stamp, run->stamp, sizeof side->stamp);
    restore_side_park(run);
    run_connect_to(run, side->database, after_connect);
}

static void after_create(run_t *run) {
    FAILPOINT("agent.protect.trial-created");
    if (restore_side_of(run)->err.code != ERROR_NONE) {
        finish(run);
        return;
    }
    restore_side_fill(run, true, after_fill);
}

static status_t name_it(run_t *run, error_t *err) {
    restore_side_t *side = restore_side_of(run);
    CLEANUP(buffer_free) buffer_t marker = {0};
    char job[IDENT_TEXT_SIZE];
    name_of(run, side->database);
    marker_start(run, &marker);
    buffer_format(&marker, ",\"job\":\"%s\"}", ident_text(&run->what.job, job));
    TRY(buffer_check(&marker, err));
    return restore_side_keep(&side->marker, buffer_string(&marker), err);
}

void protect_trial_begin(run_t *run, run_next_fn *next) {
    error_t err = {0};
    if (name_it(run, &err) != STATUS_OK) {
        run_fail(run, &err);
        return;
    }
    restore_side_of(run)->then = next;
    restore_side_create(run, after_create);
}
