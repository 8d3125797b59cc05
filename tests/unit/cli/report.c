/* Tests of cli/report.c. */
#include "cli/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_markdown(void **state) {
    const output_t output = {.utc = true};
    error_t err = {0};
    buffer_t text = {0};
    json_t *report = json_loads(
        "{\"rollout\":\"1f3a\",\"name\":\"app *V042*\",\"state\":\"failed\",\"task_count\":2,"
        "\"counts\":{\"failed\":1,\"gone\":0},\"started_us\":1772334000000000,"
        "\"spec\":\"select: all\\n```\\nbreak\","
        "\"tasks\":[{\"name\":\"t_1\",\"notes\":\"a *\\n- b\\n\"},{\"name\":\"t2\"}],"
        "\"waves\":[{\"name\":\"all\",\"state\":\"failed\",\"tasks\":2}],"
        "\"events\":[{\"time_us\":1772334000000000,\"actor\":\"a|b\",\"action\":\"x\\ny\"}]}",
        0, NULL);
    (void)state;
    assert_non_null(report);
    assert_int_equal(report_markdown(&output, report, &text, &err), STATUS_OK);
    const char *page = buffer_string(&text);
    assert_non_null(strstr(page, "# Rollout app \\*V042\\*\n"));
    assert_non_null(strstr(page, "| Started | 2026-03-01 03:00:00Z |"));
    assert_non_null(strstr(page, "| Tenants failed | 1 |"));
    assert_non_null(strstr(page, "| Tenants | 2 |"));
    assert_null(strstr(page, "Tenants gone"));
    assert_non_null(strstr(page, "| all | failed | 2 |"));
    assert_non_null(strstr(page, "| a\\|b | - | x\\\\x0ay |"));
    assert_non_null(strstr(page, "\n## Failures\n\nNone.\n"));
    assert_non_null(strstr(page, "\n## Notes\n\n### t\\_1\n\n    a *\n    - b\n\n## Spec\n"));
    assert_null(strstr(page, "### t2"));
    assert_non_null(strstr(page, "\n````\nselect: all\n```\nbreak\n````\n"));
    buffer_free(&text);
    json_decref(report);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_markdown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
