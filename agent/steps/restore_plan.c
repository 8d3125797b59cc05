/* restore_plan.c: see restore_plan.h. */
#include "agent/steps/restore_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOB_CHARACTERS = 16 };

static const char *const PHASES[RESTORE_PHASE_COUNT] = {
    [RESTORE_NEW] = "new", [RESTORE_READY] = "ready", [RESTORE_KEPT] = "kept"};

/* "word" is _drover_new_ or _drover_old_; the database's name is cut before a character. */
static void make_name(const restore_names_t *names, const char *word,
                      char name[IDENTITY_NAME_SIZE]) {
    char id[IDENT_TEXT_SIZE];
    char job[IDENT_TEXT_SIZE];
    size_t used = 0;
    (void)ident_text(names->job, id);
    for (const char *c = id; *c != '\0' && used < JOB_CHARACTERS; c++) {
        if (*c != '-') {
            job[used++] = *c;
        }
    }
    job[used] = '\0';
    size_t room = IDENTITY_NAME_SIZE - 1 - strlen(word) - used;
    size_t length = strlen(names->database);
    if (length > room) {
        length = room;
        while (length > 0 && ((unsigned char)names->database[length] & 0xC0) == 0x80) {
            length--;
        }
    }
    (void)snprintf(name, IDENTITY_NAME_SIZE, "%.*s%s%s", (int)length, names->database, word, job);
}

status_t restore_plan_new(const restore_names_t *names, restore_plan_t **ret_plan, error_t *err) {
    restore_plan_t *plan = calloc(1, sizeof *plan);
    if (plan == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a restore");
    }
    make_name(names, "_drover_new_", plan->built);
    make_name(names, "_drover_old_", plan->kept);
    *ret_plan = plan;
    return STATUS_OK;
}

void restore_plan_destroy(restore_plan_t **plan_p) {
    restore_plan_t *plan = *plan_p;
    if (plan == NULL) {
        return;
    }
    for (size_t i = 0; i < plan->carried_count; i++) {
        free(plan->carried[i]);
    }
    free(plan->carried);
    free(plan->rows);
    free(plan);
    *plan_p = NULL;
}

void restore_marker_start(const ident_t *tenant, buffer_t *out) {
    char id[IDENT_TEXT_SIZE];
    buffer_format(out, "{\"drover\":\"restore\",\"tenant\":\"%s\"", ident_text(tenant, id));
}

void restore_marker_text(const restore_marker_t *marker, buffer_t *out) {
    char job[IDENT_TEXT_SIZE];
    restore_marker_start(&marker->tenant, out);
    buffer_format(out, ",\"job\":\"%s\",\"phase\":\"%s\",\"limit\":%" PRId64 "}",
                  ident_text(&marker->job, job), PHASES[marker->phase], marker->limit);
}

/* We wrote it, in one order and without a space. */
bool restore_marker_parse(const char *text, restore_marker_t *ret_marker) {
    char tenant[IDENT_TEXT_SIZE];
    char job[IDENT_TEXT_SIZE];
    char phase[8];
    restore_marker_t marker = {0};
    error_t ignored;
    int end = 0;
    int found = sscanf(text,
                       "{\"drover\":\"restore\",\"tenant\":\"%36[^\"]\",\"job\":\"%36[^\"]\","
                       "\"phase\":\"%7[a-z]\",\"limit\":%" SCNd64 "}%n",
                       tenant, job, phase, &marker.limit, &end);
    if (found != 4 || end == 0 || text[end] != '\0' ||
        ident_parse(tenant, &marker.tenant, &ignored) != STATUS_OK ||
        ident_parse(job, &marker.job, &ignored) != STATUS_OK) {
        return false;
    }
    for (int i = 0; i < RESTORE_PHASE_COUNT; i++) {
        if (strcmp(phase, PHASES[i]) == 0) {
            marker.phase = (restore_phase_t)i;
            *ret_marker = marker;
            return true;
        }
    }
    return false;
}
