/* audit.c: an export is written whole or not at all, and verified without a coordinator. */
#include "cli/document.h"
#include "tests/unit/audit/fleet.h"
#include "tests/unit/cli/fake.h"

#include <string.h>

#define RUN(fake, ...) fake_run((fake), (const char *const[FAKE_WORDS]){__VA_ARGS__})

/* --- asking ---------------------------------------------------------------------------------- */

static const fake_reply_t PAGES[] = {
    {.verb = "audit.export",
     .document = "{\"lines\":[{\"type\":\"header\",\"format\":1},{\"type\":\"batch\",\"payload\":"
                 "\"QUJD\",\"more\":true}]}",
     .next = "7:7:00+3"},
    {.verb = "audit.export",
     .document = "{\"lines\":[{\"type\":\"more\",\"payload\":\"REVG\",\"more\":true}]}",
     .next = "7:7:00+6"},
    {.verb = "audit.export",
     .document = "{\"lines\":[{\"type\":\"more\",\"payload\":\"R0g=\",\"more\":false},{\"type\":"
                 "\"head\"}]}"},
};

static const char WHOLE[] = "{\"type\":\"header\",\"format\":1}\n"
                            "{\"type\":\"batch\",\"payload\":\"QUJDREVGR0g=\"}\n"
                            "{\"type\":\"head\"}\n";

static void an_export_is_written_line_by_line(void **state) {
    (void)state;
    fake_t *fake = fake_start(&(fake_options_t){0}, PAGES, 3);
    fake_run_t run = RUN(fake, "audit", "export", "--out", "@fleet.audit");
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(run.out, "");
    assert_non_null(strstr(run.errors, "3 lines written to "));
    char *written = fake_read(fake, "fleet.audit");
    assert_string_equal(written, WHOLE);
    assert_string_equal(fake_asked(fake), "audit.export {\"since_us\":0}\n"
                                          "audit.export {\"since_us\":0,\"after\":\"7:7:00+3\"}\n"
                                          "audit.export {\"since_us\":0,\"after\":\"7:7:00+6\"}\n");
    free(written);
    fake_run_free(&run);
    fake_stop(&fake);
}

static void an_export_goes_to_stdout(void **state) {
    (void)state;
    fake_t *fake = fake_start(&(fake_options_t){0}, PAGES, 3);
    fake_run_t run = RUN(fake, "audit", "export", "--since", "2026-03-01T03:00Z");
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(run.out, WHOLE);
    assert_non_null(strstr(fake_asked(fake), "{\"since_us\":1772334000000000}"));
    fake_run_free(&run);
    fake_stop(&fake);
}

/* What was there before stays where an export does not come to its end. */
static void an_export_that_fails_leaves_the_old_one(void **state) {
    static const fake_reply_t BAD[][2] = {
        {PAGES[0], {.verb = "audit.export", .code = "DRV-6001", .message = "the disk is gone"}},
        {PAGES[0], {.verb = "audit.export", .document = "{\"lines\":[{\"type\":\"head\"}]}"}},
        {PAGES[0], {.verb = "audit.export", .document = "{\"lines\":[]}"}},
        {{.verb = "audit.export", .document = "{\"lines\":[{\"type\":\"more\"}]}"}, {0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        fake_t *fake = fake_start(&(fake_options_t){0}, BAD[i], BAD[i][1].verb != NULL ? 2 : 1);
        fake_write(fake, "fleet.audit", "old");
        fake_run_t run = RUN(fake, "audit", "export", "--out", "@fleet.audit");
        assert_int_equal(run.exit_code, 1);
        char *kept = fake_read(fake, "fleet.audit");
        assert_string_equal(kept, "old");
        free(kept);
        fake_run_free(&run);
        fake_stop(&fake);
    }
}

static void a_folder_that_is_not_there_is_named(void **state) {
    (void)state;
    fake_t *fake = fake_start(&(fake_options_t){0}, PAGES, 3);
    fake_run_t run = RUN(fake, "audit", "export", "--out", "@no/fleet.audit");
    assert_int_equal(run.err.code, ERROR_NOT_FOUND);
    assert_non_null(strstr(run.err.message, "no/fleet.audit"));
    assert_string_equal(fake_asked(fake), "");
    fake_run_free(&run);
    run = RUN(fake, "audit", "export", "--since", "soon");
    assert_int_equal(run.err.code, ERROR_INVALID);
    fake_run_free(&run);
    fake_stop(&fake);
}

static void a_head_is_one_line(void **state) {
    static const fake_reply_t HEAD = {.verb = "audit.head",
                                      .document = "{\"type\":\"head\",\"sequence\":7}"};
    (void)state;
    fake_t *fake = fake_start(&(fake_options_t){0}, &HEAD, 1);
    fake_run_t run = RUN(fake, "audit", "head");
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(run.out, "{\"type\":\"head\",\"sequence\":7}\n");
    fake_run_free(&run);
    fake_stop(&fake);
}

/* --- verifying ------------------------------------------------------------------------------- */

/* A fleet's export as a file of a folder. */
typedef struct place {
    void *fixture;
    fleet_t fleet;
    fake_t *fake;
} place_t;

static void write_lines(place_t *place, const char *name) {
    CLEANUP(buffer_free) buffer_t text = {0};
    for (size_t i = 0; i < place->fleet.count; i++) {
        buffer_format(&text, "%s\n", place->fleet.lines[i]);
    }
    fake_write(place->fake, name, buffer_string(&text));
}

static int set_up(void **state) {
    place_t *place = calloc(1, sizeof *place);
    if (place == NULL || fixture_set_up(&place->fixture) != 0) {
        return -1;
    }
    place->fake = fake_start(&(fake_options_t){0}, NULL, 0);
    fleet_open(&place->fleet, place->fixture, FLAW_NONE);
    fleet_export(&place->fleet, 0, 0);
    write_lines(place, "good.audit");
    *state = place;
    return 0;
}

static int tear_down(void **state) {
    place_t *place = *state;
    fleet_close(&place->fleet);
    fake_stop(&place->fake);
    int answer = fixture_tear_down(&place->fixture);
    free(place);
    return answer;
}

static void a_good_export_verifies(void **state) {
    place_t *place = *state;
    fake_run_t run =
        RUN(place->fake, "audit", "verify", "@good.audit", "--root", place->fleet.root);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.out, "jobs under an order"));
    assert_non_null(strstr(run.out, "alice, bob"));
    assert_non_null(strstr(run.out, "host-1"));
    assert_non_null(strstr(run.errors, "every link holds"));
    assert_string_equal(fake_asked(place->fake), "");
    fake_run_free(&run);
    run = RUN(place->fake, "audit", "verify", "@good.audit", "--root", place->fleet.root, "-o",
              "json", "--since-head", "@good.audit");
    assert_int_equal(run.exit_code, 0);
    json_t *summary = json_loads(run.out, 0, NULL);
    assert_true(json_is_true(json_object_get(summary, "holds")));
    assert_int_equal(document_number(summary, "jobs"), 4);
    assert_int_equal(document_number(summary, "audit_rows"), 5);
    assert_int_equal(document_number(summary, "head.sequence"), 5);
    assert_int_equal(document_count(summary, "orders"), 2);
    json_decref(summary);
    fake_run_free(&run);
}

static void the_broken_line_is_told(void **state) {
    place_t *place = *state;
    size_t index = fleet_find(&place->fleet, "audit", 2);
    char words[32];
    fleet_remove(&place->fleet, index);
    write_lines(place, "bad.audit");
    (void)snprintf(words, sizeof words, "line %zu: ", index + 1);
    fake_run_t run = RUN(place->fake, "audit", "verify", "@bad.audit", "--root", place->fleet.root);
    assert_int_equal(run.exit_code, 1);
    assert_int_equal(run.err.code, ERROR_AUDIT_BROKEN);
    assert_non_null(strstr(run.err.message, words));
    assert_string_equal(run.out, "");
    fake_run_free(&run);
    run = RUN(place->fake, "audit", "verify", "@bad.audit", "--root", place->fleet.root, "-o",
              "json");
    assert_int_equal(run.exit_code, 1);
    json_t *summary = json_loads(run.out, 0, NULL);
    assert_true(json_is_false(json_object_get(summary, "holds")));
    assert_int_equal(document_number(summary, "broken.line"), index + 1);
    assert_string_equal(document_text(summary, "broken.code"), error_code_text(ERROR_AUDIT_BROKEN));
    json_decref(summary);
    fake_run_free(&run);
}

/* Two heads in a file: the last one counts, and one that a crash cut short is told. */
static void a_cut_tail_is_told(void **state) {
    place_t *place = *state;
    char *first = strdup(place->fleet.lines[place->fleet.count - 1]);
    fleet_audit(&place->fleet, "rollout.stop");
    fleet_export(&place->fleet, 0, 0);
    CLEANUP(buffer_free) buffer_t heads = {0};
    buffer_format(&heads, "%s\n{\"type\":\"he\n%s\n", first,
                  place->fleet.lines[place->fleet.count - 1]);
    fake_write(place->fake, "heads", buffer_string(&heads));
    fake_run_t run = RUN(place->fake, "audit", "verify", "@good.audit", "--root", place->fleet.root,
                         "--since-head", "@heads");
    assert_int_equal(run.err.code, ERROR_AUDIT_BROKEN);
    assert_non_null(strstr(run.err.message, "its end was cut off"));
    assert_non_null(strstr(run.errors, "heads, line 2: passed over"));
    fake_run_free(&run);
    write_lines(place, "longer.audit");
    run = RUN(place->fake, "audit", "verify", "@longer.audit", "--root", place->fleet.root,
              "--since-head", "@heads");
    assert_int_equal(run.exit_code, 0);
    fake_run_free(&run);
    free(first);
}

static void files_that_are_none_are_named(void **state) {
    place_t *place = *state;
    const char *root = place->fleet.root;
    fake_write(place->fake, "empty", "");
    fake_write(place->fake, "words", "what is this\n");
    fake_run_t run = RUN(place->fake, "audit", "verify", "@no.audit", "--root", root);
    assert_int_equal(run.err.code, ERROR_NOT_FOUND);
    fake_run_free(&run);
    run = RUN(place->fake, "audit", "verify", "@empty", "--root", root);
    assert_int_equal(run.err.code, ERROR_AUDIT_BROKEN);
    fake_run_free(&run);
    run = RUN(place->fake, "audit", "verify", "@words", "--root", root);
    assert_int_equal(run.err.code, ERROR_AUDIT_LINE);
    assert_non_null(strstr(run.err.message, "line 1: "));
    fake_run_free(&run);
    run = RUN(place->fake, "audit", "verify", "@good.audit", "--root", "@words");
    assert_int_equal(run.err.code, ERROR_TRUST_DOCUMENT);
    fake_run_free(&run);
    run = RUN(place->fake, "audit", "verify", "@good.audit", "--root", root, "--since-head",
              "@empty");
    assert_int_equal(run.err.code, ERROR_AUDIT_LINE);
    assert_non_null(strstr(run.err.message, "holds no signed head"));
    fake_run_free(&run);
    run = RUN(place->fake, "audit", "verify", "@good.audit");
    assert_int_equal(run.err.code, ERROR_USAGE);
    fake_run_free(&run);
}

/* A line without end is refused, not read into memory. */
static void a_line_without_end_is_refused(void **state) {
    place_t *place = *state;
    char *text = malloc(AUDIT_LINE_BYTES + 100);
    assert_non_null(text);
    memset(text, '{', AUDIT_LINE_BYTES + 99);
    text[AUDIT_LINE_BYTES + 99] = '\0';
    fake_write(place->fake, "long", text);
    fake_run_t run = RUN(place->fake, "audit", "verify", "@long", "--root", place->fleet.root);
    assert_int_equal(run.err.code, ERROR_AUDIT_LINE);
    assert_non_null(strstr(run.err.message, "at most 2097152"));
    fake_run_free(&run);
    free(text);
}

#define PLACE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_export_is_written_line_by_line),
        cmocka_unit_test(an_export_goes_to_stdout),
        cmocka_unit_test(an_export_that_fails_leaves_the_old_one),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
        cmocka_unit_test(a_head_is_one_line),
        PLACE_TEST(a_good_export_verifies),
        PLACE_TEST(the_broken_line_is_told),
        PLACE_TEST(a_cut_tail_is_told),
        PLACE_TEST(files_that_are_none_are_named),
        PLACE_TEST(a_line_without_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
