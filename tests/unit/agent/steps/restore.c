/*
 * restore.c: restores on a real PostgreSQL, as roles that are no superuser: what comes back, what
 * is refused, who is thrown out, what is carried over, and a restore killed anywhere and begun
 * again.
 */
#include "agent/steps/restore.h"
#include "agent/steps/load.h"
#include "agent/steps/restore_plan.h"
#include "agent/steps/settle.h"
#include "agent/steps/verify.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"
#include "tests/unit/agent/steps/restore_fixture.h"
#include "tests/unit/base/cmocka_all.h"
#include "tests/unit/postgres/scratch.h"
#include "tests/unit/postgres/tenant.h"

#include <stdio.h>
#include <string.h>

static run_t *restore_run(const ident_t *backup) {
    run_t *run = room_run(JOB_KIND_RESTORE);
    run->what.recovery_reference = *backup;
    run->what.accept_data_loss = true;
    return run;
}

static void restore(const ident_t *backup) {
    run_t *run = restore_run(backup);
    restore_begin(run);
    room_expect(run, JOB_EVENT_DONE);
    run_destroy(&run);
}

/* A last write that the restore must lose. */
static void write_since(void) {
    (void)room_sql("acme", "INSERT INTO public.orders VALUES (9999, 'since the backup')");
}

static void assert_restored(int generation) {
    char expected[16];
    (void)snprintf(expected, sizeof expected, "%d", generation);
    assert_string_equal(room_sql("acme", "SELECT count(*) FROM public.orders"), "500");
    assert_string_equal(
        room_login_sql("acme", "SELECT generation FROM drover.history ORDER BY seq DESC LIMIT 1"),
        expected);
    assert_string_equal(room_login_sql("acme", "SELECT kind FROM drover.history ORDER BY seq DESC "
                                               "LIMIT 1"),
                        "restore");
    assert_string_equal(room_sql("postgres", "SELECT datallowconn AND datconnlimit <> 0 FROM "
                                             "pg_database WHERE datname = 'acme'"),
                        "t");
    assert_string_equal(room_sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE "
                                             "'acme\\_drover\\_new\\_%'"),
                        "0");
}

static const char *kept(void) {
    static char name[64];
    (void)snprintf(name, sizeof name, "%s",
                   room_sql("postgres", "SELECT datname FROM pg_database WHERE datname LIKE "
                                        "'acme\\_drover\\_old\\_%' AND NOT datallowconn"));
    return name;
}

static void test_round_trip(void **state) {
    (void)state;
    char sql[256];
    ident_t backup = room_backup(false);
    room_migrate("ALTER TABLE public.orders ADD COLUMN later int");
    write_since();
    room_tenant()->token.epoch = 5; /* a newer coordinator's token than the backup's fence has */
    run_t *run = restore_run(&backup);
    restore_begin(run);
    room_expect(run, JOB_EVENT_DONE);
    assert_int_equal(run->standing.generation, 2);
    assert_int_equal(run->standing.position, 1);
    assert_string_equal(run->standing.version, "V001");
    const ledger_row_t *row = &run->rows[run->row_count - 1];
    assert_true(digest_equal(&row->cites, &room_tenant()->head.digest));
    assert_non_null(strstr(run->notes, "is kept as"));
    /* the machine's next step finds a session, a lock and a ledger that it may judge */
    run->over = false;
    verify_begin(run);
    room_expect(run, JOB_EVENT_DONE);
    run_destroy(&run);
    assert_restored(2);
    assert_string_equal(room_login_sql("acme", "SELECT epoch FROM drover.fence"), "5");
    assert_string_equal(room_sql("acme", "SELECT relforcerowsecurity FROM pg_class WHERE relname = "
                                         "'orders'"),
                        "t");
    assert_string_equal(room_sql("acme", "SELECT has_table_privilege('app', 'public.orders', "
                                         "'select')"),
                        "t");
    assert_string_equal(room_sql("acme", "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE "
                                         "relname = 'orders'"),
                        "owner");
    /* the old one is kept, whole */
    (void)snprintf(sql, sizeof sql, "ALTER DATABASE \"%s\" ALLOW_CONNECTIONS true", kept());
    char name[64];
    (void)snprintf(name, sizeof name, "%s", kept());
    assert_true(name[0] != '\0');
    (void)room_sql("postgres", sql);
    assert_string_equal(room_sql(name, "SELECT count(*) FROM public.orders"), "501");
    /* and the tenant can be worked on and backed up as ever */
    (void)room_backup(true);
    assert_string_equal(room.told.verified, "verified");
}

/* From a backup older than the last restore: the new generation is higher than any seen. */
static void test_twice_from_one_backup(void **state) {
    (void)state;
    ident_t backup = room_backup(false);
    write_since();
    restore(&backup);
    char earlier[64];
    (void)snprintf(earlier, sizeof earlier, "%s", kept());
    assert_true(earlier[0] != '\0');
    write_since();
    run_t *run = restore_run(&backup);
    run->what.generation_floor = 2;
    run->what.sequence_floor = 3;
    restore_begin(run);
    room_expect(run, JOB_EVENT_DONE);
    assert_int_equal(run->standing.generation, 3);
    assert_non_null(strstr(run->notes, "1 kept by earlier restores of this tenant"));
    assert_non_null(strstr(run->notes, earlier));
    run_destroy(&run);
    assert_restored(3);
}

static void test_refused(void **state) {
    (void)state;
    ident_t backup = room_backup(false);
    write_since();
    run_t *run = restore_run(&backup);
    run->what.accept_data_loss = false;
    restore_begin(run);
    room_expect(run, JOB_EVENT_REFUSED);
    assert_int_equal(run->error.code, ERROR_RESTORE_REFUSED);
    assert_non_null(strstr(run->error.message, "would be lost"));
    run_destroy(&run);
    assert_string_equal(room_sql("acme", "SELECT count(*) FROM public.orders"), "501");

    room.shared.backup_keys.seal_secret = NULL;
    run = restore_run(&backup);
    restore_begin(run);
    room_expect(run, JOB_EVENT_FAILED);
    assert_int_equal(run->error.code, ERROR_KEY_FILE);
    run_destroy(&run);

    ident_t unknown = random_ident();
    run = restore_run(&unknown);
    restore_begin(run);
    room_expect(run, JOB_EVENT_FAILED);
    assert_int_equal(run->error.code, ERROR_NOT_FOUND);
    run_destroy(&run);
    assert_string_equal(room_sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE "
                                             "'acme%'"),
                        "1");
}

/* Nothing was written on the whole server since: the tenant is what its backup holds. The server
 * writes of its own accord now and then, so it may take a second try. */
static void test_unchanged(void **state) {
    (void)state;
    job_event_t event = JOB_EVENT_COUNT;
    for (int i = 0; i < 5 && event != JOB_EVENT_NOT_NEEDED; i++) {
        ident_t backup = room_backup(false); /* the first one grants the backup role its rights */
        run_t *run = restore_run(&backup);
        run->what.accept_data_loss = false;
        restore_begin(run);
        assert_true(room_drive(run, -1));
        event = run->over_event;
        run_destroy(&run);
    }
    assert_int_equal(event, JOB_EVENT_NOT_NEEDED);
}

/* A type of a foreign owner cannot be given back: the tenant stays, nothing is left beside it. */
static void test_restore_fails(void **state) {
    (void)state;
    (void)room_sql("acme", "CREATE TYPE public.mood AS ENUM ('merry')");
    ident_t backup = room_backup(false);
    write_since();
    run_t *run = restore_run(&backup);
    restore_begin(run);
    room_expect(run, JOB_EVENT_FAILED);
    assert_int_equal(run->error.code, ERROR_RESTORE_FAILED);
    run_destroy(&run);
    assert_string_equal(room_sql("acme", "SELECT count(*) FROM public.orders"), "501");
    assert_string_equal(room_sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE "
                                             "'acme%'"),
                        "1");
}

/* Asked to stop: at the next seam, the tenant as it was; the next attempt takes up what is ready.
 */
static void test_halted(void **state) {
    (void)state;
    ident_t backup = room_backup(false);
    write_since();
    run_t *run = restore_run(&backup);
    ident_t job = run->what.job;
    restore_begin(run);
    while (run->backup == NULL) {
        assert_false(room_drive(run, 1));
    }
    run->machine.cancelled = true;
    room_expect(run, JOB_EVENT_HALTED);
    run_destroy(&run);
    assert_string_equal(room_sql("acme", "SELECT count(*) FROM public.orders"), "501");
    assert_string_equal(room_sql("postgres", "SELECT shobj_description(oid, 'pg_database') LIKE "
                                             "'%\"ready\"%' FROM pg_database WHERE datname LIKE "
                                             "'acme\\_drover\\_new%'"),
                        "t");
    (void)room_sql("postgres", ROOM_ALONE);
    run = restore_run(&backup);
    run->what.job = job;
    restore_begin(run);
    bool filled_again = false;
    while (!room_drive(run, 1)) {
        filled_again = filled_again || run->backup != NULL;
    }
    room_expect(run, JOB_EVENT_DONE);
    assert_false(filled_again);
    run_destroy(&run);
    assert_restored(2);
}

/* The ledger moved after one was ready: that one cites an old head, and is built again. */
static void test_ready_one_is_outdated(void **state) {
    (void)state;
    ident_t backup = room_backup(false);
    run_t *run = restore_run(&backup);
    ident_t job = run->what.job;
    restore_begin(run);
    while (run->backup == NULL) {
        assert_false(room_drive(run, 1));
    }
    run->machine.cancelled = true;
    room_expect(run, JOB_EVENT_HALTED);
    run_destroy(&run);
    (void)room_sql("postgres", ROOM_ALONE);
    room_migrate("ALTER TABLE public.orders ADD COLUMN moved int");
    run = restore_run(&backup);
    run->what.job = job;
    restore_begin(run);
    room_expect(run, JOB_EVENT_DONE);
    const ledger_row_t *row = &run->rows[run->row_count - 1];
    assert_true(digest_equal(&row->cites, &room_tenant()->head.digest));
    run_destroy(&run);
    assert_restored(2);
}

static void test_fenced(void **state) {
    (void)state;
    ident_t backup = room_backup(false);
    (void)room_login_sql("acme", "UPDATE drover.fence SET epoch = 9");
    run_t *run = restore_run(&backup);
    restore_begin(run);
    room_expect(run, JOB_EVENT_FAILED);
    assert_int_equal(run->error.code, ERROR_FENCED);
    run_destroy(&run);
    assert_string_equal(room_sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE "
                                             "'acme%'"),
                        "1");
}

/* Sessions that we may end are ended; one that is not ours to end stops the swap, and the tenant is
 * open again. */
static void test_connected_users(void **state) {
    (void)state;
    ident_t backup = room_backup(false);
    write_since();
    connection_t *app = room_connect("acme", "app");
    run_t *run = restore_run(&backup);
    restore_begin(run);
    room_expect(run, JOB_EVENT_FAILED);
    assert_int_equal(run->error.code, ERROR_DB_RIGHTS);
    assert_non_null(strstr(run->error.message, "role app"));
    run_destroy(&run);
    assert_string_equal(scratch_run(app, "SELECT 1"), "1");
    assert_string_equal(room_sql("postgres", "SELECT datallowconn AND datconnlimit = -1 FROM "
                                             "pg_database WHERE datname = 'acme'"),
                        "t");
    assert_string_equal(room_sql("acme", "SELECT count(*) FROM public.orders"), "501");

    (void)room_sql("postgres", "GRANT pg_signal_backend TO drover");
    restore(&backup); /* another job: what the first had built is dropped */
    (void)room_sql("postgres", "REVOKE pg_signal_backend FROM drover");
    assert_string_not_equal(scratch_state(app, "SELECT 1"), "");
    connection_destroy(&app);
    assert_restored(2);
}

static void test_carried_over(void **state) {
    (void)state;
    (void)room_sql("postgres",
                   "ALTER DATABASE acme SET work_mem = '7MB';"
                   "ALTER DATABASE acme SET search_path = \"$user\", public, \"Odd Schema\";"
                   "ALTER DATABASE acme SET app.tenant = 'o''acme';"
                   "ALTER DATABASE acme SET \"DateStyle\" = 'ISO, DMY';"
                   "ALTER ROLE owner IN DATABASE acme SET statement_timeout = '9s';"
                   "ALTER ROLE app IN DATABASE acme SET statement_timeout = '8s';"
                   "COMMENT ON DATABASE acme IS 'the road runner''s';"
                   "REVOKE ALL ON DATABASE acme FROM PUBLIC;"
                   "GRANT CONNECT ON DATABASE acme TO app WITH GRANT OPTION;"
                   "ALTER DATABASE acme CONNECTION LIMIT 17");
    static const char facts[] =
        "SELECT d.datconnlimit || ' ' || shobj_description(d.oid, 'pg_database') || ' ' || "
        "array_to_string(ARRAY(SELECT e FROM unnest(datacl::text[]) AS e ORDER BY e COLLATE \"C\"),"
        " ' ') || ' ' || (SELECT string_agg(setrole::regrole || ':' || c, ' ' ORDER BY "
        "setrole::regrole::text COLLATE \"C\", c COLLATE \"C\") FROM pg_db_role_setting, "
        "unnest(setconfig) AS c WHERE setdatabase = d.oid AND setrole <> 'app'::regrole AND c NOT "
        "LIKE 'app.%') FROM "
        "pg_database AS d WHERE datname = 'acme'";
    char before[1024];
    (void)snprintf(before, sizeof before, "%s", room_sql("postgres", facts));
    ident_t backup = room_backup(false);
    run_t *run = restore_run(&backup);
    restore_begin(run);
    room_expect(run, JOB_EVENT_DONE);
    assert_string_equal(room_sql("postgres", facts), before);
    assert_non_null(strstr(run->notes, "setting statement_timeout of role app = 8s"));
    assert_non_null(strstr(run->notes, "setting app.tenant = o'acme")); /* only a superuser may */
    assert_null(strstr(run->notes, "work_mem"));
    assert_null(strstr(run->notes, "grant of"));
    run_destroy(&run);
    assert_restored(2);
}

/* As the machine goes on: after a restart it settles, then works again, as long as it is told to.
 */
static bool go_on(const ident_t *backup, const ident_t *job, bool settle) {
    run_t *run = restore_run(backup);
    run->what.job = *job;
    if (settle) {
        settle_begin(run);
    } else {
        restore_begin(run);
    }
    for (int tries = 0; tries < 100; tries++) {
        assert_true(room_drive(run, -1));
        bool passing = run->over_event == JOB_EVENT_LOCKED ||
                       run->over_event == JOB_EVENT_TRANSIENT ||
                       run->over_event == JOB_EVENT_UNKNOWN;
        bool doubts = run->over_event == JOB_EVENT_UNKNOWN; /* a dead agent's statement goes on */
        if (passing) {
            (void)room_sql("postgres", "SELECT pg_sleep(0.1)"); /* the machine's wait */
        } else if (!settle || run->over_event != JOB_EVENT_DONE) {
            break;
        }
        run->over = false;
        settle = doubts;
        (doubts ? settle_begin : restore_begin)(run);
    }
    room_expect(run, JOB_EVENT_DONE);
    assert_int_equal(run->standing.generation, 2);
    run_destroy(&run);
    return true;
}

static void test_killed_anywhere(void **state) {
    (void)state;
    int kills = 0;
    bool over = false;
    for (int most = 1; !over; most += 6) {
        assert_int_equal(room_fresh(NULL), 0);
        ident_t backup = room_backup(false);
        ident_t job = random_ident();
        write_since();
        run_t *run = restore_run(&backup);
        run->what.job = job;
        restore_begin(run);
        over = room_drive(run, most);
        run_destroy(&run);
        kills++;
        assert_true(go_on(&backup, &job, true));
        assert_restored(2);
        assert_true(kept()[0] != '\0');
    }
    assert_true(kills > 6);
}

/* A tenant that was left closed by a dead agent is opened by whoever looks next. */
static void test_left_closed(void **state) {
    (void)state;
    char sql[512];
    char id[IDENT_TEXT_SIZE];
    ident_t backup = room_backup(false);
    (void)snprintf(sql, sizeof sql,
                   "COMMENT ON DATABASE elsewhere IS '{\"drover\":\"restore\",\"tenant\":\"%s\","
                   "\"job\":\"%s\",\"phase\":\"ready\",\"limit\":23}'",
                   ident_text(&room_tenant()->id, id), id);
    (void)room_sql("postgres", "CREATE DATABASE elsewhere OWNER owner");
    (void)room_sql("postgres", sql);
    (void)room_sql("postgres", "ALTER DATABASE acme ALLOW_CONNECTIONS false CONNECTION LIMIT 0");
    run_t *run = restore_run(&backup);
    settle_begin(run);
    room_expect(run, JOB_EVENT_DONE);
    run_destroy(&run);
    assert_string_equal(room_sql("postgres", "SELECT datallowconn AND datconnlimit = 23 FROM "
                                             "pg_database WHERE datname = 'acme'"),
                        "t");
    restore(&backup);
    assert_restored(2);
    assert_string_equal(
        room_sql("postgres", "SELECT count(*) FROM pg_database WHERE datname = 'elsewhere'"), "0");
}

static void test_gone(void **state) {
    (void)state;
    ident_t backup = room_backup(false);
    (void)room_sql("postgres", "DROP DATABASE acme");
    run_t *run = restore_run(&backup);
    restore_begin(run);
    room_expect(run, JOB_EVENT_GONE);
    run_destroy(&run);
}

static void test_names(void **state) {
    (void)state;
    restore_plan_t *plan = NULL;
    error_t err = {0};
    ident_t job = random_ident();
    restore_names_t names = {.database = "a23456789a123456789a123456789a12345é789a123456789a123",
                             .job = &job};
    assert_int_equal(restore_plan_new(&names, &plan, &err), STATUS_OK);
    assert_true(strlen(plan->built) <= 63);
    assert_memory_equal(plan->built, "a23456789a123456789a123456789a12345_drover_new_", 47);
    restore_plan_destroy(&plan);
    restore_marker_t marker = {
        .tenant = random_ident(), .job = job, .phase = RESTORE_READY, .limit = -1};
    restore_marker_t read;
    CLEANUP(buffer_free) buffer_t text = {0};
    restore_marker_text(&marker, &text);
    assert_true(restore_marker_parse(buffer_string(&text), &read));
    assert_true(ident_equal(&read.job, &job) && ident_equal(&read.tenant, &marker.tenant));
    assert_int_equal(read.phase, RESTORE_READY);
    assert_int_equal(read.limit, -1);
    buffer_char(&text, ' ');
    assert_false(restore_marker_parse(buffer_string(&text), &read));
    assert_false(restore_marker_parse("our production database", &read));
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], BACKUP_WORKER_WORD) == 0) {
        return backup_worker_main();
    }
#define TEST(name) cmocka_unit_test_setup(name, room_fresh)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        TEST(test_round_trip),
        TEST(test_twice_from_one_backup),
        TEST(test_refused),
        TEST(test_unchanged),
        TEST(test_fenced),
        TEST(test_restore_fails),
        TEST(test_halted),
        TEST(test_ready_one_is_outdated),
        TEST(test_connected_users),
        TEST(test_carried_over),
        TEST(test_left_closed),
        TEST(test_gone),
        TEST(test_killed_anywhere),
    };
    return cmocka_run_group_tests(tests, room_set_up, room_tear_down);
}
