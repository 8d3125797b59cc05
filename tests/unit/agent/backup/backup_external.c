/* backup_external.c: a recovery point made by somebody's command: what it is told, what it answers.
 */
#include "agent/backup/backup.h"
#include "agent/backup/backup_worker.h"
#include "tests/unit/agent/backup/fixture.h"

#include <poll.h>

static status_t finish(backup_job_t *job, backup_result_t *result, error_t *err) {
    struct pollfd ended = {.fd = backup_fd(job), .events = POLLIN};
    assert_int_equal(poll(&ended, 1, 60000), 1);
    status_t status = backup_result(job, result, err);
    backup_destroy(&job);
    return status;
}

static status_t external(const char *script, int64_t timeout_ms, backup_result_t *result,
                         error_t *err) {
    static const char FACTS[] = "{\"tenant\": \"acme\"}";
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    ident_t backup = random_ident();
    backup_job_t *job = NULL;
    backup_external_request_t request = {.argv = argv,
                                         .facts_json = FACTS,
                                         .tenant_id = &fixture.tenant,
                                         .backup_id = &backup,
                                         .timeout_ms = timeout_ms};
    TRY(backup_external_start(&request, &job, err));
    return finish(job, result, err);
}

static void test_external(void **state) {
    (void)state;
    error_t err;
    backup_result_t result;
    const char *good = "grep -q '\"acme\"' && [ -n \"$DROVER_BACKUP_ID\" ] && "
                       "printf '{\"reference\": \"snap-%s\", \"lsn\": \"0/1\"}' $DROVER_TENANT_ID";
    char id[IDENT_TEXT_SIZE];
    char reference[64];
    (void)snprintf(reference, sizeof reference, "snap-%s", ident_text(&fixture.tenant, id));
    assert_int_equal(external(good, 30000, &result, &err), STATUS_OK);
    assert_string_equal(result.reference, reference);
    assert_string_equal(result.lsn, "0/1");
    static const struct {
        const char *script;
        const char *part;
    } BAD[] = {
        {"exit 3", "ended with 3"},
        {"echo no room >&2; exit 3", "no room"},
        {"echo done", "no JSON object"},
        {"echo '{\"reference\": \"x\"}'", "no usable 'lsn'"},
        {"echo '{\"reference\": 5, \"lsn\": \"0/1\"}'", "no usable 'reference'"},
        {"head -c 100000 /dev/zero", "answers more than"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_int_equal(external(BAD[i].script, 30000, &result, &err), STATUS_ERROR);
        assert_int_equal(err.code, ERROR_BACKUP_FAILED);
        if (strstr(err.message, BAD[i].part) == NULL) {
            fail_msg("'%s' does not say '%s'", err.message, BAD[i].part);
        }
    }
    assert_int_equal(external("exec sleep 1000", 50, &result, &err), STATUS_ERROR);
    assert_string_equal(err.message, "the external command timed out");
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], BACKUP_WORKER_WORD) == 0) {
        return backup_worker_main();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_external),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
