/* restore_fixture.c: see restore_fixture.h. */
#include "tests/unit/agent/steps/restore_fixture.h"
#include "agent/steps/load.h"
#include "agent/steps/protect.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"
#include "tests/unit/base/cmocka_all.h"
#include "tests/unit/postgres/scratch.h"
#include "tests/unit/postgres/tenant.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

room_t room;

static scratch_t scratch;
static tenant_t tenant;
static seal_public_t seal_public;
static seal_secret_t seal_secret;

struct tenant *room_tenant(void) {
    return &tenant;
}

connection_t *room_connect(const char *database, const char *user) {
    return scratch_connect(&scratch, (scratch_who_t){database, user});
}

static const char *sql_as(const char *database, const char *user, const char *sql) {
    connection_t *c = room_connect(database, user);
    const char *text = scratch_run(c, sql);
    connection_destroy(&c);
    return text;
}

const char *room_sql(const char *database, const char *sql) {
    return sql_as(database, "postgres", sql);
}

const char *room_login_sql(const char *database, const char *sql) {
    return sql_as(database, "drover", sql);
}

static void on_report(void *context, run_t *run, const run_report_t *report) {
    (void)context;
    (void)run;
    told_t *told = &room.told;
    told->count++;
    told->step = report->step;
    told->has_state = report->has_state;
#define TAKE_TEXT(field, from)                                                                     \
    (void)snprintf(told->field, sizeof told->field, "%s", (from) != NULL ? (from) : "")
    TAKE_TEXT(kind, report->recovery_kind);
    TAKE_TEXT(reference, report->recovery_reference);
    TAKE_TEXT(lsn, report->recovery_lsn);
    TAKE_TEXT(verified, report->recovery_verified);
    TAKE_TEXT(notes, report->notes);
#undef TAKE_TEXT
    told->size_bytes = report->recovery_size_bytes;
}

static void on_over(void *context, run_t *run, job_event_t event) {
    (void)context;
    (void)run;
    (void)event;
}

static bool on_held(const backup_manifest_t *manifest, void *context) {
    (void)manifest;
    (void)context;
    return room.held;
}

/* The agent's configuration; texts are literals, nothing of it is released. */
static void configure(void) {
    static char name[] = "agent-1", user[] = "drover", owner[] = "owner";
    static char backup[] = "drover_backup", restore[] = "drover_restore";
    room.config = (agent_config_t){.name = name,
                                   .connect_timeout_us = 10 * US_PER_S,
                                   .lock_timeout_us = US_PER_S,
                                   .statement_timeout_us = 60 * US_PER_S};
    room.config.backup.directory = room.store;
    room.config.backup.keep_us = 7 * INT64_C(86400) * US_PER_S;
    room.config.backup.keep_count = 2;
    room.config.backup.min_free_bytes = 1024;
    room.config.backup.external.timeout_us = 20 * US_PER_S;
    room.cluster = (agent_config_cluster_t){.name = name};
    room.cluster.connection.host = scratch.folder;
    room.cluster.connection.user = user;
    room.cluster.roles.owner = owner;
    room.cluster.roles.backup = backup;
    room.cluster.roles.restore = restore;
    room.shared = (run_shared_t){.config = &room.config,
                                 .signer = {.key = &tenant.key, .secret = &tenant.secret},
                                 .backup_keys = {.sign_public = &tenant.key,
                                                 .sign_secret = &tenant.secret,
                                                 .seal_public = &seal_public,
                                                 .seal_secret = &seal_secret},
                                 .texts_dir = room.folder,
                                 .report = on_report,
                                 .over = on_over,
                                 .held = on_held};
    room.held = false;
    memset(&room.told, 0, sizeof room.told);
}

int room_set_up(void **state) {
    (void)state;
    error_t err = {0};
    (void)snprintf(room.folder, sizeof room.folder, "/tmp/drover-steps-XXXXXX");
    if (random_start(&err) != STATUS_OK || mkdtemp(room.folder) == NULL) {
        return -1;
    }
    (void)snprintf(room.store, sizeof room.store, "%s/store", room.folder);
    seal_keypair(&seal_public, &seal_secret);
    scratch_start(&scratch);
    (void)room_sql("postgres", "CREATE ROLE app LOGIN;"
                               "CREATE ROLE drover_backup BYPASSRLS IN ROLE owner;"
                               "CREATE ROLE drover_restore CREATEDB IN ROLE owner;"
                               "GRANT drover_backup, drover_restore TO drover");
    return 0;
}

int room_tear_down(void **state) {
    (void)state;
    char command[128];
    scratch_stop(&scratch);
    (void)snprintf(command, sizeof command, "rm -rf %s", room.folder);
    return system(command);
}

/* All databases of earlier tests go: those of the tenant, and what was built beside it. */
static void drop_databases(void) {
    char sql[160];
    for (;;) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s",
                       room_sql("postgres", "SELECT datname FROM pg_database WHERE datname NOT IN "
                                            "('postgres', 'template0', 'template1') LIMIT 1"));
        if (name[0] == '\0') {
            return;
        }
        (void)snprintf(sql, sizeof sql, "DROP DATABASE \"%s\" WITH (FORCE)", name);
        (void)room_sql("postgres", sql);
    }
}

int room_fresh(void **state) {
    (void)state;
    char command[256];
    drop_databases();
    (void)snprintf(command, sizeof command, "rm -rf %s && mkdir %s", room.store, room.store);
    if (system(command) != 0) {
        return -1;
    }
    scratch_database(&scratch, "acme");
    connection_t *c = room_connect("acme", "drover");
    memset(&tenant, 0, sizeof tenant);
    tenant_baseline(&tenant, c);
    connection_destroy(&c);
    configure();
    room.system_identifier = strtoull(
        room_sql("postgres", "SELECT system_identifier FROM pg_control_system()"), NULL, 10);
    room_migrate("CREATE TABLE public.orders (id int PRIMARY KEY, note text CHECK (note <> ''));"
                 "INSERT INTO public.orders SELECT g, 'n' || g FROM generate_series(1, 500) AS g;"
                 "ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY;"
                 "ALTER TABLE public.orders FORCE ROW LEVEL SECURITY;"
                 "CREATE POLICY few ON public.orders USING (id = 1);"
                 "GRANT SELECT ON public.orders TO app;"
                 "CREATE VIEW public.notes AS SELECT note FROM public.orders WHERE id > 2");
    return 0;
}

void room_migrate(const char *script) {
    error_t err = {0};
    connection_t *c = room_connect("acme", "drover");
    if (tenant_migrate(&tenant, c, script, &err) != STATUS_OK) {
        error_print(&err, "room");
        abort();
    }
    connection_destroy(&c);
}

run_t *room_run(job_kind_t kind) {
    run_t *run = calloc(1, sizeof *run);
    assert_non_null(run);
    run->what = (run_job_t){.job = random_ident(),
                            .attempt = random_ident(),
                            .tenant = tenant.id,
                            .kind = kind,
                            .system_identifier = room.system_identifier,
                            .tenant_name = strdup("acme"),
                            .database = strdup("acme"),
                            .application = strdup("shop"),
                            .recovery_kind = strdup("dump"),
                            .recovery_reason = strdup(""),
                            .token = tenant.token};
    run->machine = (job_machine_t){.kind = kind, .protects = true};
    run->shared = &room.shared;
    run->cluster = &room.cluster;
    run->size_bytes = -1;
    run->step_started_us = clock_wall_us();
    return run;
}

static void poll_once(run_t *run) {
    struct pollfd fds[2] = {{.fd = -1}, {.fd = -1}};
    if (run->connection != NULL) {
        int wants = connection_wants(run->connection);
        fds[0].fd = connection_fd(run->connection);
        fds[0].events = (short)(((wants & CONNECTION_READ) != 0 ? POLLIN : 0) |
                                ((wants & CONNECTION_WRITE) != 0 ? POLLOUT : 0));
    }
    if (run->backup != NULL) {
        fds[1] = (struct pollfd){.fd = backup_fd(run->backup), .events = POLLIN};
    }
    if (poll(fds, 2, 60000) <= 0) {
        fail_msg("nothing came for a minute");
    }
    if (run->backup != NULL && backup_ready(run->backup)) {
        run->backup_over(run);
    } else if (run->connection != NULL) {
        connection_ready(run->connection, clock_boot_us());
    }
}

bool room_drive(run_t *run, int most) {
    for (int i = 0; !run->over && (most < 0 || i < most); i++) {
        poll_once(run);
    }
    return run->over;
}

void room_expect(run_t *run, job_event_t event) {
    char line[1024];
    assert_true(room_drive(run, -1));
    if (run->over_event != event) {
        fail_msg("event %d, not %d: %s\n%s", (int)run->over_event, (int)event,
                 error_line(&run->error, line, sizeof line), run->notes != NULL ? run->notes : "");
    }
}

ident_t room_backup(bool trial) {
    error_t err = {0};
    ident_t id;
    run_t *run = room_run(JOB_KIND_BACKUP);
    run->what.trial_restore = trial;
    load_begin(run, protect_begin);
    room_expect(run, JOB_EVENT_DONE);
    run_destroy(&run);
    assert_int_equal(ident_parse(room.told.reference, &id, &err), STATUS_OK);
    return id;
}
