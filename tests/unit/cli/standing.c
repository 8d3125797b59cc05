/* Tests of cli/standing.c. */
#include "cli/standing.h"
#include "common/base/cleanup.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define STATUS                                                                                     \
    "{\"rollout\":\"1f3a22c4-0000-4000-8000-000000000000\",\"name\":\"app V042\","                 \
    "\"kind\":\"forward\",\"application\":\"app\",\"target_version\":\"V042\",\"state\":\"%s\","   \
    "\"over\":%s,\"reason\":\"because\",\"actor\":\"olga\",\"tasks\":10,\"touched\":3,"            \
    "\"counts\":{\"succeeded\":2,\"not_needed\":1,\"failed\":1,\"pending\":6,\"running\":%d},"     \
    "\"rate_per_minute\":12,\"current_wave\":1,\"started_us\":1000000,\"now_us\":76000000,"        \
    "\"failures\":[{\"code\":\"DRV-3004\",\"sqlstate\":\"23505\",\"count\":1,\"tenant\":"          \
    "\"a\\u001b[2Jb\",\"error\":\"duplicate key\",\"hint\":\"look\"}],"                            \
    "\"waves\":[{\"number\":0,\"name\":\"canary\",\"state\":\"passed\",\"tasks\":2,\"settled\":2," \
    "\"failed\":0,\"in_flight\":0,\"budget\":0},{\"number\":1,\"name\":\"rest\",\"state\":"        \
    "\"open\",\"tasks\":8,\"settled\":%d,\"failed\":1,\"in_flight\":1,\"budget\":2}]}"

static json_t *status_of(const char *state, bool over, int running, int settled) {
    char text[2048];
    (void)snprintf(text, sizeof text, STATUS, state, over ? "true" : "false", running, settled);
    json_t *document = json_loads(text, 0, NULL);
    assert_non_null(document);
    return document;
}

static standing_end_t end_of(const char *state, bool over, int running) {
    json_t *status = status_of(state, over, running, 2);
    standing_end_t end = standing_end(status);
    json_decref(status);
    return end;
}

static void test_ends(void **state) {
    (void)state;
    assert_int_equal(end_of("planned", false, 0), STANDING_AT_WORK);
    assert_int_equal(end_of("running", false, 0), STANDING_AT_WORK);
    assert_int_equal(end_of("stopping", false, 0), STANDING_AT_WORK);
    assert_int_equal(end_of("reverting", false, 0), STANDING_AT_WORK);
    assert_int_equal(end_of("paused", false, 1), STANDING_AT_WORK); /* jobs are in hand */
    assert_int_equal(end_of("paused", false, 0), STANDING_PAUSED);
    assert_int_equal(end_of("succeeded", true, 0), STANDING_SUCCEEDED);
    assert_int_equal(end_of("incomplete", true, 0), STANDING_FAILED);
    assert_int_equal(end_of("failed", true, 0), STANDING_FAILED);
    assert_int_equal(end_of("stopped", true, 0), STANDING_FAILED);
}

static void has(const buffer_t *text, const char *part) {
    if (strstr(buffer_string(text), part) == NULL) {
        fail_msg("no '%s' in:\n%s", part, buffer_string(text));
    }
}

static void test_show(void **state) {
    const output_t plain = {0};
    error_t err;
    json_t *status = status_of("paused", false, 0, 3);
    buffer_t text = {0};
    (void)state;
    assert_int_equal(json_object_set_new(status, "order_digest", json_string("0d3a17")), 0);
    assert_int_equal(standing_show(&plain, status, &text, &err), STATUS_OK);
    has(&text, "app V042 1f3a22c4-0000");
    has(&text, "forward of app to V042");
    has(&text, "10: 2 succeeded, 1 not needed, 6 pending, 1 failed");
    has(&text, "because");
    has(&text, "order       0d3a17\n");
    has(&text, "canary");
    has(&text, "1 tenant, as a\\x1b[2Jb: DRV-3004 [23505] duplicate key\n  HINT: look\n");
    assert_null(strchr(buffer_string(&text), '\x1b'));
    buffer_clear(&text);
    standing_advice(status, &text);
    has(&text, "drover rollout failures 1f3a22c4");
    has(&text, "drover rollout resume 1f3a22c4");
    has(&text, "drover rollout retry 1f3a22c4");
    has(&text, "drover rollback 1f3a22c4");
    buffer_free(&text);
    json_decref(status);
}

static void test_whose_word_it_is(void **state) {
    const output_t plain = {0};
    error_t err;
    buffer_t text = {0};
    (void)state;
    json_t *status = json_loads("{\"rollout\":\"1f3a22c4\",\"counts\":{},\"evidence\":"
                                "{\"verified\":2,\"inventory\":7,\"age_us\":120000000}}",
                                0, NULL);
    assert_int_equal(standing_show(&plain, status, &text, &err), STATUS_OK);
    has(&text, "at target   2 verified, 7 from inventory (age 2m 0s at most)\n");
    buffer_free(&text);
    json_decref(status);
}

static void test_advice_of_a_success(void **state) {
    json_t *status = json_pack("{s:s,s:s,s:s,s:i}", "rollout", "1f3a22c4", "kind", "forward",
                               "state", "succeeded", "touched", 3);
    buffer_t text = {0};
    (void)state;
    standing_advice(status, &text);
    assert_string_equal(buffer_string(&text), "");
    buffer_free(&text);
    json_decref(status);
}

/* No line of the block is wider than the terminal, in columns; nor are there too many. */
static void check_block(const char *text, int width, int lines) {
    int used = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\033') {
            c = strchr(c, 'm');
            assert_non_null(c);
        } else if (*c == '\n') {
            assert_true(used <= width);
            used = 0;
            lines--;
        } else if (((unsigned char)*c & 0xC0) != 0x80) {
            used++;
        }
    }
    assert_true(lines >= 0);
}

static void test_block(void **state) {
    json_t *status = status_of("running", false, 1, 3);
    (void)state;
    for (int width = 20; width < 130; width++) {
        for (int colour = 0; colour < 2; colour++) {
            const output_t output = {.colour = colour == 1};
            buffer_t text = {0};
            standing_block(&output, status, (standing_room_t){.width = width, .lines = 24}, &text);
            check_block(buffer_string(&text), width, 24);
            buffer_free(&text);
        }
    }
    const output_t plain = {0};
    buffer_t text = {0};
    standing_block(&plain, status, (standing_room_t){.width = 120, .lines = 24}, &text);
    has(&text, "1f3a22c4 app V042  forward of app to V042  running  1m 15s  12 a minute\n");
    has(&text, "  rest             ######!!!>>>............ 3/8  open, 1 failed (budget 2)\n");
    buffer_free(&text);
    json_decref(status);
}

static void test_block_of_many_waves(void **state) {
    const output_t plain = {0};
    json_t *waves = json_array();
    (void)state;
    for (int i = 0; i < 256; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "w%d", i);
        assert_int_equal(json_array_append_new(waves, json_pack("{s:s,s:s,s:i}", "name", name,
                                                                "state", "pending", "tasks", 9)),
                         0);
    }
    json_t *status =
        json_pack("{s:s,s:i,s:o}", "state", "running", "current_wave", 100, "waves", waves);
    buffer_t text = {0};
    standing_block(&plain, status, (standing_room_t){.width = 80, .lines = 24}, &text);
    check_block(buffer_string(&text), 80, 24);
    has(&text, "  w100 ");
    has(&text, "  w99 ");
    assert_null(strstr(buffer_string(&text), "  w1 "));
    buffer_free(&text);
    json_decref(status);
}

static void test_changes(void **state) {
    standing_told_t *told = calloc(1, sizeof *told);
    buffer_t text = {0};
    json_t *first = status_of("running", false, 1, 3);
    json_t *later = status_of("running", false, 1, 4);
    json_t *end = status_of("paused", false, 0, 4);
    (void)state;
    assert_non_null(told);
    standing_changes(first, told, &text);
    assert_string_equal(buffer_string(&text),
                        "wave 1 of 2 'canary' passed: 2 of 2 settled, 0 failed, 0 at work\n"
                        "wave 2 of 2 'rest' open: 3 of 8 settled, 1 failed, 1 at work\n"
                        "rollout app V042 (1f3a22c4) running: because\n");
    buffer_clear(&text);
    standing_changes(first, told, &text);
    assert_string_equal(buffer_string(&text), "");
    standing_changes(later, told, &text);
    assert_string_equal(buffer_string(&text),
                        "wave 2 of 2 'rest' open: 4 of 8 settled, 1 failed, 1 at work\n");
    buffer_clear(&text);
    standing_changes(end, told, &text);
    assert_string_equal(buffer_string(&text), "rollout app V042 (1f3a22c4) paused: because\n");
    buffer_free(&text);
    json_decref(first);
    json_decref(later);
    json_decref(end);
    free(told);
}

/* A wave that nothing opens yet: why is told, anew where it changes, and who can open it. */
static void test_waits(void **state) {
    standing_told_t *told = calloc(1, sizeof *told);
    const output_t output = {0};
    buffer_t text = {0};
    json_t *status = status_of("running", false, 0, 0);
    json_t *wave = json_array_get(json_object_get(status, "waves"), 1);
    (void)state;
    assert_non_null(told);
    (void)json_object_set_new(wave, "state", json_string("awaiting"));
    (void)json_object_set_new(status, "reason", json_string("2 results are missing"));
    standing_changes(status, told, &text);
    buffer_clear(&text);
    standing_changes(status, told, &text);
    assert_string_equal(buffer_string(&text), "");
    (void)json_object_set_new(status, "reason", json_string("1 result is missing"));
    standing_changes(status, told, &text);
    assert_string_equal(buffer_string(&text),
                        "rollout app V042 (1f3a22c4) running: 1 result is missing\n");
    buffer_clear(&text);
    standing_advice(status, &text);
    assert_non_null(
        strstr(buffer_string(&text), "  drover rollout approve 1f3a22c4 --wave 'rest'    open"));
    buffer_clear(&text);
    standing_block(&output, status, (standing_room_t){.width = 80, .lines = 24}, &text);
    assert_non_null(strstr(buffer_string(&text), "\nwaits: 1 result is missing\n"));
    (void)json_object_set_new(status, "state", json_string("planned"));
    buffer_clear(&text);
    standing_advice(status, &text);
    assert_non_null(strstr(buffer_string(&text), "  drover rollout approve 1f3a22c4     show"));
    assert_int_equal(standing_end(status), STANDING_AT_WORK);
    buffer_free(&text);
    json_decref(status);
    free(told);
}

/* What keeps all of it back stands where a person reads it; signatures that are wanted do not. */
static void test_a_hold(void **state) {
    const output_t output = {0};
    error_t err;
    buffer_t text = {0};
    json_t *status = status_of("running", false, 0, 0);
    (void)state;
    (void)json_object_set_new(status, "awaits",
                              json_pack("[{s:s,s:s,s:s},{s:s,s:s,s:s}]", "kind", "evidence",
                                        "reason", "no word yet", "command",
                                        "drover rollout approve", "kind", "release", "reason",
                                        "the fleet is held", "command", "drover fleet release"));
    assert_int_equal(standing_show(&output, status, &text, &err), STATUS_OK);
    has(&text, "\nwaits: the fleet is held\n  HINT: drover fleet release\n");
    assert_null(strstr(buffer_string(&text), "no word yet"));
    buffer_free(&text);
    json_decref(status);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_show),
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_block_of_many_waves),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_a_hold),
        cmocka_unit_test(test_whose_word_it_is),
        cmocka_unit_test(test_advice_of_a_success),
    };
    (void)setlocale(LC_ALL, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
