/* fleet_export.c: see fleet.h. What is asked of a fleet's catalog, and done with its lines. */
#include "common/audit/join.h"
#include "coordinator/engine/engine.h"
#include "tests/unit/audit/fleet.h"

#include <string.h>

void fleet_forget(fleet_t *fleet) {
    for (size_t i = 0; i < fleet->count; i++) {
        free(fleet->lines[i]);
    }
    fleet->count = 0;
    fleet->pages = 0;
}

void fleet_serve(fleet_t *fleet) {
    static const engine_options_t OPTIONS = {.lease_us = 30000000, .unreachable_us = 15000000};
    fleet->engine = engine_new(&OPTIONS);
    service_options_t options = {.keeper = fleet->keeper};
    fleet->service = service_new(fleet->fixture->store, &fleet->engine, &options);
    assert_non_null(fleet->service);
}

void fleet_close(fleet_t *fleet) {
    fleet_forget(fleet);
    service_destroy(&fleet->service);
    engine_destroy(&fleet->engine);
    keeper_destroy(&fleet->keeper);
    document_destroy(&fleet->root_document);
    document_destroy(&fleet->order);
    document_destroy(&fleet->approval);
}

void fleet_audit(fleet_t *fleet, const char *action) {
    audit_row_t row = {.time_us =
                           FLEET_T0_US + 600 * FLEET_S_US + fleet->fixture->store->audit.next,
                       .actor = "alice",
                       .origin = "tcp://192.0.2.7",
                       .action = action,
                       .rollout = id_of(200),
                       .tenant = id_of(1),
                       .sql_digest = digest_of(77),
                       .result = "ok",
                       .detail = "from \"here\"\nto th\xc3\xa9re, cut in a letter \xc3"};
    store_t *store = fleet->fixture->store;
    GOOD(fleet, store_begin(store, ERR(fleet)));
    GOOD(fleet, store_audit_append(store, &row, ERR(fleet)));
    GOOD(fleet, store_commit(store, ERR(fleet)));
}

/* --- the export ------------------------------------------------------------------------------ */

/* One question; the document is the caller's. */
static json_t *ask(fleet_t *fleet, const char *verb, json_t *arguments, char **ret_next) {
    char *text = json_dumps(arguments, 0);
    effects_t effects = {0};
    service_answer_t answer = {0};
    store_t *store = fleet->fixture->store;
    service_question_t question = {.verb = verb,
                                   .arguments = text,
                                   .order = id_of(700),
                                   .actor = "alice",
                                   .origin = "",
                                   .key = fleet->asker,
                                   .payload = "",
                                   .signature = "",
                                   .now_us = FLEET_NOW_US};
    GOOD(fleet, store_begin(store, ERR(fleet)));
    GOOD(fleet, service_answer(fleet->service, &question, &answer, &effects, ERR(fleet)));
    GOOD(fleet, store_commit(store, ERR(fleet)));
    assert_string_equal(answer.error.message, "");
    json_t *document = json_loads(answer.document, 0, NULL);
    assert_non_null(document);
    assert_true(strlen(answer.document) < LIMIT_MESSAGE_BYTES);
    *ret_next = answer.more ? strdup(answer.next) : NULL;
    service_answer_free(&answer);
    effects_free(&effects);
    free(text);
    json_decref(arguments);
    return document;
}

static void take_page(fleet_t *fleet, audit_join_t *join, const json_t *document) {
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach(json_object_get(document, "lines"), i, row) {
        CLEANUP(buffer_free) buffer_t line = {0};
        GOOD(fleet, audit_join_row(join, row, &line, ERR(fleet)));
        if (line.size > 0) {
            assert_true(fleet->count < FLEET_LINES);
            assert_int_equal(line.data[line.size - 1], '\n');
            line.data[line.size - 1] = '\0';
            fleet->lines[fleet->count++] = buffer_take(&line);
        }
    }
}

void fleet_export(fleet_t *fleet, int64_t since_us, uint32_t page_rows) {
    CLEANUP(audit_join_free) audit_join_t join = {0};
    char *after = NULL;
    fleet_forget(fleet);
    service_destroy(&fleet->service);
    service_options_t options = {.keeper = fleet->keeper, .page_rows = page_rows};
    fleet->service = service_new(fleet->fixture->store, &fleet->engine, &options);
    do { /* as many pages as there are rows, at most */
        char *next = NULL;
        json_t *document =
            ask(fleet, "audit.export",
                json_pack("{s:I,s:s*}", "since_us", (json_int_t)since_us, "after", after), &next);
        take_page(fleet, &join, document);
        json_decref(document);
        free(after);
        after = next;
        fleet->pages++;
    } while (after != NULL);
    GOOD(fleet, audit_join_end(&join, ERR(fleet)));
}

void fleet_head(fleet_t *fleet, audit_head_t *ret_head) {
    char *next = NULL;
    audit_line_t line = {.json = ask(fleet, "audit.head", json_object(), &next)};
    line.type = json_string_value(json_object_get(line.json, "type"));
    GOOD(fleet, audit_line_head(&line, ret_head, ERR(fleet)));
    audit_line_free(&line);
}

size_t fleet_find(const fleet_t *fleet, const char *type, size_t nth) {
    for (size_t i = 0; i < fleet->count; i++) {
        error_t err;
        audit_line_t line = {0};
        assert_int_equal(audit_line_read(fleet->lines[i], strlen(fleet->lines[i]), &line, &err),
                         STATUS_OK);
        bool found = strcmp(line.type, type) == 0 && nth-- == 0;
        audit_line_free(&line);
        if (found) {
            return i;
        }
    }
    fail_msg("no line of type %s", type);
    return 0;
}

void fleet_replace(fleet_t *fleet, size_t index, char *text) {
    free(fleet->lines[index]);
    fleet->lines[index] = text;
}

void fleet_remove(fleet_t *fleet, size_t index) {
    free(fleet->lines[index]);
    memmove(&fleet->lines[index], &fleet->lines[index + 1],
            (fleet->count - index - 1) * sizeof fleet->lines[0]);
    fleet->count--;
}

fleet_verdict_t fleet_verify(fleet_t *fleet, const audit_head_t *earlier) {
    fleet_verdict_t verdict = {0};
    CLEANUP(audit_verify_destroy_p) audit_verify_t *verify = NULL;
    audit_verify_options_t options = {.root = fleet->root_document,
                                      .earlier = earlier,
                                      .take_backs = &fleet->take_back,
                                      .take_back_count = fleet->take_back != NULL ? 1 : 0};
    GOOD(fleet, audit_verify_new(&options, &verify, ERR(fleet)));
    for (size_t i = 0; i < fleet->count && verdict.status == STATUS_OK; i++) {
        verdict.status =
            audit_verify_line(verify, fleet->lines[i], strlen(fleet->lines[i]), &verdict.err);
    }
    if (verdict.status == STATUS_OK) {
        verdict.status = audit_verify_end(verify, &verdict.err);
    }
    verdict.line = audit_verify_broken_line(verify);
    verdict.counts = *audit_verify_counts(verify);
    verdict.about = audit_verify_about(verify);
    verdict.about.signed_by = NULL;
    return verdict;
}
