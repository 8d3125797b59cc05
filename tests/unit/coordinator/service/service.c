/* service.c: orders are carried out once, every one leaves its trace, bad questions change nothing.
 */
#include "coordinator/service/service.h"
#include "coordinator/service/names.h"
#include "coordinator/service/verbs.h"
#include "tests/unit/coordinator/service/world.h"

#define START                                                                                      \
    "{\"name\":\"first\",\"spec\":\"bundle: app\\ntarget: latest\\nselect: all\\n"                 \
    "waves: [{name: a, rest: true}]\"}"

static service_question_t order_of(uint32_t n, const char *verb, const char *arguments) {
    return (service_question_t){.verb = verb,
                                .arguments = arguments,
                                .order = id_of(n),
                                .actor = "ada",
                                .origin = "10.0.0.1",
                                .key = signers_text(ADA),
                                .payload = arguments,
                                .payload_size = strlen(arguments),
                                .signature = "bb",
                                .now_us = 1000500000,
                                .boot_us = 1000500000};
}

static service_answer_t answer_to(world_t *w, const service_question_t *question) {
    service_answer_t answer = {0};
    OK(w, store_begin(w->store, &w->err));
    OK(w, service_answer(w->service, question, &answer, &w->effects, &w->err));
    OK(w, store_commit(w->store, &w->err));
    for (size_t i = 0; i < w->effects.count;
         i++) { /* a start writes its rows once, as they stand */
        assert_int_equal(w->effects.items[i].kind, EFFECT_AUDIT);
    }
    effects_clear(&w->effects);
    return answer;
}

static void an_order_is_carried_out_once(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 0);
    char *start = world_signed(w, "rollout.start", START);
    service_question_t question = order_of(1, "rollout.start", start);
    service_answer_t first = answer_to(w, &question);
    service_answer_t second = answer_to(w, &question);
    assert_non_null(first.document);
    assert_string_equal(first.document, second.document);
    assert_int_equal(engine_rollout_count(w->engine), 1);
    json_t *log = ask(w, "audit.list", "{\"action\":\"rollout.start\"}");
    assert_int_equal(size_of(log, "rows"), 1);
    assert_string_equal(text_of(log, "rows.0.actor"), "ada");
    assert_string_equal(text_of(log, "rows.0.origin"), "10.0.0.1");
    assert_string_equal(text_of(log, "rows.0.result"), "ok");
    assert_int_equal(strlen(text_of(log, "rows.0.rollout")), 36);
    assert_non_null(strstr(text_of(log, "rows.0.detail"), "3 to do"));
    service_answer_free(&first);
    service_answer_free(&second);
    /* other bytes under the same id, or another's signature */
    question.payload_size--;
    first = answer_to(w, &question);
    assert_int_equal(first.error.code, ERROR_INVALID);
    service_answer_free(&first);
    question.payload_size++;
    question.key = "cc";
    first = answer_to(w, &question);
    assert_int_equal(first.error.code, ERROR_INVALID);
    service_answer_free(&first);
    free(start);
}

/* Where nobody has anything to do it is over at its start, and no event ever touches it again. */
static void one_that_is_over_at_once_is_let_go(void **state) {
    world_t *w = *state;
    size_t saves = 0;
    service_question_t question = order_of(1, "rollout.start", START);
    service_answer_t answer = {0};
    world_put_many(w, 3, HEAD);
    OK(w, store_begin(w->store, &w->err));
    OK(w, service_answer(w->service, &question, &answer, &w->effects, &w->err));
    OK(w, store_commit(w->store, &w->err));
    assert_int_equal(answer.error.code, ERROR_NONE);
    for (size_t i = 0; i < w->effects.count; i++) {
        const effect_t *effect = &w->effects.items[i];
        saves +=
            effect->kind == EFFECT_SAVE_ROLLOUT && rollout_state_is_final(effect->rollout->state);
    }
    assert_int_equal(saves, 1); /* by which the hub lets it go */
    effects_clear(&w->effects);
    service_answer_free(&answer);
}

static void a_refused_order_stays_refused(void **state) {
    world_t *w = *state;
    service_question_t question = order_of(1, "rollout.start", START);
    service_answer_t first = answer_to(w, &question);
    assert_int_equal(first.error.code, ERROR_SELECTS_NOTHING);
    assert_null(first.document);
    world_put_many(w, 3, 0); /* it would work now, but the answer was given */
    service_answer_t second = answer_to(w, &question);
    assert_int_equal(second.error.code, ERROR_SELECTS_NOTHING);
    assert_string_equal(second.error.message, first.error.message);
    assert_int_equal(engine_rollout_count(w->engine), 0);
    json_t *log = ask(w, "audit.list", "{}");
    assert_int_equal(size_of(log, "rows"), 1);
    assert_string_equal(text_of(log, "rows.0.result"), "DRV-6005");
    service_answer_free(&first);
    service_answer_free(&second);
}

static void reading_leaves_no_trace(void **state) {
    world_t *w = *state;
    ask(w, "tenants.list", "{}");
    ask(w, "bundles.list", "{}");
    assert_int_equal(size_of(ask(w, "audit.list", "{}"), "rows"), 0);
}

static void bad_questions_are_refused(void **state) {
    world_t *w = *state;
    refused(w, "INVALID", "rollout.explode", "{}");
    refused(w, "INVALID", "tenants.list", "[]");
    refused(w, "INVALID", "tenants.list", "{\"select\":\"all\",\"select\":\"all\"}");
    refused(w, "INVALID", "tenants.list", "{\"selectt\":\"all\"}");
    assert_non_null(strstr(w->answer.error.message, "selectt"));
    refused(w, "INVALID", "tenants.list", "{\"select\":7}");
    refused(w, "INVALID", "tenants.list", "{\"select\":\"a\\u0000b\"}");
    refused(w, "SELECTOR", "tenants.list", "{\"select\":\"tier=(\"}");
    refused(w, "INVALID", "tenants.list", "{\"after\":\"nonsense\"}");
    refused(w, "INVALID", "tenants.list", "{\"limit\":0}");
    refused(w, "INVALID", "rollout.list", "{\"all\":1}");
    refused(w, "NOT_FOUND", "rollout.status", "{}");
    refused(w, "INVALID", "rollout.start", "not json");
    service_question_t question = order_of(1, "rollout.start", START);
    question.order = (ident_t){0};
    service_answer_t answer = answer_to(w, &question);
    assert_int_equal(answer.error.code, ERROR_INVALID);
    service_answer_free(&answer);
}

static void too_many_rollouts_are_refused(void **state) {
    world_t *w = *state;
    service_destroy(&w->service);
    w->service =
        service_new(w->store, &w->engine, &(service_options_t){.keeper = w->keeper, .rollouts = 1});
    world_put(w, &(world_tenant_t){.n = 1, .name = "a", .position = 0});
    world_put(w, &(world_tenant_t){.n = 2, .name = "b", .position = 3});
    ask(w, "backup.create", "{\"tenant\":\"a\"}");
    refused(w, "BOUND", "backup.create", "{\"tenant\":\"b\"}");
    assert_non_null(strstr(w->answer.error.message, "limits.rollouts"));
    ask(w, "rollback.start", "{\"select\":\"name=b\",\"to\":\"empty\"}"); /* the way back is open */
}

static void a_broken_catalog_is_no_refusal(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 0);
    char *start = world_signed(w, "rollout.start", START);
    catalog_exec(w, "DROP TABLE task");
    service_question_t question = order_of(1, "rollout.start", start);
    service_answer_t answer = {0};
    OK(w, store_begin(w->store, &w->err));
    assert_int_equal(service_answer(w->service, &question, &answer, &w->effects, &w->err),
                     STATUS_ERROR);
    assert_int_equal(w->err.code, ERROR_STORE);
    assert_null(answer.document);
    store_rollback(w->store);
    effects_clear(&w->effects);
    free(start);
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    size_t size = fread(text, 1, (1 << 20) - 1, file);
    assert_true(size > 0);
    (void)fclose(file);
    return text;
}

/* proto/PROTOCOL.md lists each verb, with its arguments, and no other. */
static void the_page_lists_the_verbs(void **state) {
    (void)state;
    char *page = read_file("proto/PROTOCOL.md");
    char *table = strstr(page, "## Verbs of Question");
    assert_non_null(table);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        char name[64];
        char names[256];
        (void)snprintf(name, sizeof name, "`%s`", VERBS[i].name);
        const char *row = strstr(table, name);
        if (row == NULL) {
            fail_msg("PROTOCOL.md lacks the verb %s", name);
        }
        (void)snprintf(names, sizeof names, "%s", VERBS[i].arguments);
        size_t length = strcspn(row, "\n");
        bool starts = strstr(VERBS[i].name, ".start") != NULL || VERBS[i].changes;
        for (char *word = strtok(names, " "); !starts && word != NULL; word = strtok(NULL, " ")) {
            char argument[64];
            (void)snprintf(argument, sizeof argument, "`%s", word);
            const char *at = strstr(row, argument);
            if (at == NULL || at > row + length) {
                fail_msg("PROTOCOL.md lacks %s of %s", word, VERBS[i].name);
            }
        }
    }
    free(page);
}

/* The words for steps and outcomes stand in the order of the wire's numbers. */
static void words_follow_the_wire(void **state) {
    (void)state;
    char *proto = read_file("proto/drover.proto");
    for (uint32_t i = 1; i < 32; i++) {
        char upper[64];
        char line[80];
        const char *words[] = {names_step(i), names_outcome(i)};
        const char *prefixes[] = {"STEP", "OUTCOME"};
        for (size_t k = 0; k < 2; k++) {
            (void)snprintf(upper, sizeof upper, "%s", words[k]);
            for (char *c = upper; *c != '\0'; c++) {
                *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
            }
            (void)snprintf(line, sizeof line, "%s_%s = %u;", prefixes[k], upper, i);
            assert_true((words[k][0] != '\0') == (i <= (k == 0 ? 10U : 9U)));
            assert_true(words[k][0] == '\0' || strstr(proto, line) != NULL);
        }
    }
    for (rollout_kind_t kind = KIND_FORWARD; kind < KIND_END; kind++) {
        assert_true(names_kind(kind)[0] != '\0');
    }
    free(proto);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(an_order_is_carried_out_once),   WORLD_TEST(one_that_is_over_at_once_is_let_go),
        WORLD_TEST(a_refused_order_stays_refused),  WORLD_TEST(reading_leaves_no_trace),
        WORLD_TEST(bad_questions_are_refused),      WORLD_TEST(too_many_rollouts_are_refused),
        WORLD_TEST(a_broken_catalog_is_no_refusal), cmocka_unit_test(the_page_lists_the_verbs),
        cmocka_unit_test(words_follow_the_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
