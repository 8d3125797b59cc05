/*
 * apply_sql.c: what our own SQL adds to a tenant's ten migrations, phase by phase, with no agent
 * and no coordinator around it.
 *
 *     apply_sql LOGIN-CONNINFO OWNER-CONNINFO DIRECTORY < databases
 *
 * Databases are taken in turn: one for the floor's way (one string a migration, see apply_floor.c),
 * the next for ours: session, identity, load, stamp, then for each script opening, record and
 * COMMIT, then the fingerprint.
 * One connection at a time, so that a phase's time is its cost. Prints a table of microseconds:
 * each phase's sum a tenant, its minimum and median over the tenants, and the same of the CPU that
 * the server's process took (schedstat), which a shared machine disturbs less; 0 where the server
 * is another's or elsewhere.
 */
#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"
#include "common/postgres/connection.h"
#include "common/postgres/fingerprint.h"
#include "common/postgres/identity.h"
#include "tests/unit/postgres/tenant.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_MS = 60000, SCRIPTS_MAX = 64, TENANTS_MAX = 1000, NAME_SIZE = 64 };

typedef enum phase {
    FLOOR_CONNECT,
    FLOOR_STEPS,
    CONNECT,
    IDENTITY,
    LOAD,
    SCRIPT,
    RECORD,
    COMMIT,
    STAMP,
    FINGERPRINT,
    PHASES,
} phase_t;

static const char *const names[PHASES] = {
    [FLOOR_CONNECT] = "floor: connect",
    [FLOOR_STEPS] = "floor: ten migrations",
    [CONNECT] = "connect, first statement",
    [IDENTITY] = "identity with ledger",
    [LOAD] = "lock, ledger's rows",
    [SCRIPT] = "openings with scripts",
    [RECORD] = "records",
    [COMMIT] = "commits",
    [STAMP] = "load's stamp",
    [FINGERPRINT] = "look at the end",
};

static char *scripts[SCRIPTS_MAX];
static size_t script_count;
static double took[PHASES][TENANTS_MAX];
static double cpu[PHASES][TENANTS_MAX];
static size_t taken[PHASES];
static int64_t phase_ns;
static int64_t phase_cpu_ns;
static int backend; /* pid of the server's process; 0 before a connection */

static int64_t now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* What the server's process has run so far; it sleeps now, so the figure stands. */
static int64_t cpu_ns(void) {
    char path[64];
    long long ran = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/schedstat", backend);
    FILE *file = backend == 0 ? NULL : fopen(path, "r");
    if (file != NULL) {
        (void)fscanf(file, "%lld", &ran);
        (void)fclose(file);
    }
    return ran;
}

static void begin(void) {
    phase_cpu_ns = cpu_ns();
    phase_ns = now_ns();
}

/* Add what passed since begin to the phase of the tenant in hand. */
static void end(phase_t phase, size_t tenant) {
    took[phase][tenant] += (double)(now_ns() - phase_ns) / 1000;
    cpu[phase][tenant] += (double)(cpu_ns() - phase_cpu_ns) / 1000;
    taken[phase] = tenant + 1;
}

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        error_print(err, "apply_sql");
        exit(1);
    }
}

static void ask(connection_t *c, const char *sql) {
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    must(connection_run(c, sql, PATIENCE_MS, &answer, &err), &err);
}

static void read_scripts(const char *directory) {
    static char text[1 << 20];
    char pattern[4096];
    glob_t found = {0};
    (void)snprintf(pattern, sizeof pattern, "%s/V*.sql", directory);
    (void)glob(pattern, 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc && script_count < SCRIPTS_MAX; i++) {
        const char *name = strrchr(found.gl_pathv[i], '/');
        FILE *file = fopen(found.gl_pathv[i], "r");
        if (file != NULL && strchr(name, '.') == strrchr(name, '.')) {
            text[fread(text, 1, sizeof text - 1, file)] = '\0';
            scripts[script_count++] = strdup(text);
        }
        if (file != NULL) {
            (void)fclose(file);
        }
    }
    globfree(&found);
}

static void floor_step(PGconn *conn, const char *script, size_t position) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    buffer_format(&sql,
                  "BEGIN;\nSELECT pg_advisory_xact_lock(4711);\n%s;\n"
                  "INSERT INTO floor_history (position, name, digest) VALUES (%zu, 'V%03zu', "
                  "'\\x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff');\n"
                  "COMMIT",
                  script, position, position);
    PGresult *result = PQexec(conn, buffer_string(&sql));
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        (void)fprintf(stderr, "apply_sql: %s\n", PQerrorMessage(conn));
        exit(1);
    }
    PQclear(result);
}

static void run_floor(const char *conninfo, const char *database, size_t tenant) {
    const char *keys[] = {"dbname", "dbname", NULL};
    const char *values[] = {conninfo, database, NULL};
    backend = 0;
    PQfinish(PQconnectdbParams(keys, values, 1)); /* the first session makes the catalogs' cache */
    begin();
    PGconn *conn = PQconnectdbParams(keys, values, 1);
    backend = PQbackendPID(conn);
    end(FLOOR_CONNECT, tenant);
    begin();
    for (size_t i = 0; i < script_count; i++) {
        floor_step(conn, scripts[i], i + 1);
    }
    end(FLOOR_STEPS, tenant);
    PQfinish(conn);
}

static connection_t *open_tenant(const char *conninfo, const char *database) {
    connection_options_t options = {.conninfo = conninfo, .database = database};
    connection_t *c = NULL;
    error_t err = {0};
    must(connection_open(&options, PATIENCE_MS, &c, &err), &err);
    return c;
}

static void load(connection_t *c, tenant_t *tenant, size_t at) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    identity_ask_t question = {.owner = tenant->owner, .ledger = true, .without_heads = true};
    begin();
    identity_sql(&sql, &question);
    ask(c, buffer_string(&sql));
    end(IDENTITY, at);
    buffer_clear(&sql);
    fence_key_t key = {tenant->id, tenant->application};
    begin();
    fence_sql_lock(&sql, &key);
    buffer_text(&sql, ";\n");
    ledger_sql_read(&sql, &key, (ledger_range_t){.most = 10000});
    ask(c, buffer_string(&sql));
    end(LOAD, at);
}

/* As the agent does it: prepared by the first of a chain, the last record sent plain. */
static transaction_way_t way_of(size_t index) {
    return index == 0 ? TRANSACTION_PREPARES : TRANSACTION_PREPARED;
}

static void migrate(connection_t *c, tenant_t *tenant, size_t index, size_t at) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    error_t err = {0};
    transaction_opened_t opened = {0};
    transaction_begin_t opening = {.key = {tenant->id, tenant->application},
                                   .token = tenant->token,
                                   .head_seq = tenant->head.seq,
                                   .role = tenant->owner,
                                   .search_path = "\"$user\", public",
                                   .lock_timeout_ms = 2000,
                                   .statement_timeout_ms = 60000,
                                   .reset_session = tenant->head.seq > 1,
                                   .server_version = connection_server_version(c),
                                   .way = way_of(index),
                                   .login = tenant->login};
    begin();
    transaction_sql_open(&sql, &opening);
    buffer_text(&sql, scripts[index]);
    {
        CLEANUP(connection_answer_free) connection_answer_t answer = {0};
        must(connection_run(c, buffer_string(&sql), PATIENCE_MS, &answer, &err), &err);
        must(transaction_read_open(answer.results, answer.count, &opened, &err), &err);
    }
    end(SCRIPT, at);
    begin();
    ledger_row_t row = tenant_next(tenant, LEDGER_APPLY);
    transaction_record_t record = {&row, opened.xid, tenant->owner, tenant->login,
                                   index + 1 < script_count};
    buffer_clear(&sql);
    transaction_sql_record(&sql, &record);
    if (!record.prepared) {
        transaction_sql_guard(&sql);
    }
    {
        CLEANUP(connection_answer_free) connection_answer_t answer = {0};
        must(connection_run(c, buffer_string(&sql), PATIENCE_MS, &answer, &err), &err);
        must(transaction_read_record(answer.results, answer.count, &record, &err), &err);
    }
    end(RECORD, at);
    begin();
    ask(c, "COMMIT");
    end(COMMIT, at);
    tenant->head = row;
}

/* Over the catalogs that the tenant before held, as an agent guesses. */
static void stamp(connection_t *c, size_t at) {
    static uint64_t mask;
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    fingerprint_scope_t scope = {connection_server_version(c), mask};
    fingerprint_stamp_t stamp = {0};
    begin();
    must(fingerprint_stamp_sql(&scope, &sql, &err), &err);
    must(connection_run(c, buffer_string(&sql), PATIENCE_MS, &answer, &err), &err);
    must(fingerprint_stamp_read(answer.results[0], &scope, &stamp, &err), &err);
    end(STAMP, at);
    mask = stamp.mask;
}

static void look(connection_t *c, size_t at) {
    static uint64_t mask = FINGERPRINT_EVERYTHING;
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    fingerprint_scope_t scope = {connection_server_version(c), mask};
    fingerprint_stamp_t stamp = {0};
    fingerprint_t print = {0};
    begin();
    buffer_text(&sql, "BEGIN READ ONLY;\n");
    buffer_text(&sql, fingerprint_session_sql());
    buffer_text(&sql, ";\n");
    must(fingerprint_sql(&scope, &sql, &err), &err);
    buffer_text(&sql, ";\nCOMMIT");
    must(connection_run(c, buffer_string(&sql), PATIENCE_MS, &answer, &err), &err);
    must(fingerprint_from_result(answer.results[2], &scope, NULL, &print, NULL, &err), &err);
    must(fingerprint_stamp_from_result(answer.results[2], &scope, &stamp, &err), &err);
    end(FINGERPRINT, at);
    mask = stamp.mask;
}

static void run_ours(const char *conninfo, const char *database, size_t at) {
    tenant_t tenant = {0};
    connection_t *c = open_tenant(conninfo, database);
    tenant_baseline(&tenant, c);
    tenant.owner = "tenant_owner";
    connection_destroy(&c);
    backend = 0;
    begin();
    c = open_tenant(conninfo, database);
    backend = connection_backend_pid(c);
    end(CONNECT, at);
    load(c, &tenant, at);
    stamp(c, at);
    for (size_t i = 0; i < script_count; i++) {
        migrate(c, &tenant, i, at);
    }
    look(c, at);
    connection_destroy(&c);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The table's last two columns: of one measure, the least and the median over the tenants. */
typedef struct figures {
    double least[PHASES];
    double median[PHASES];
} figures_t;

static void digest(double of[PHASES][TENANTS_MAX], figures_t *ret_figures) {
    for (int phase = 0; phase < PHASES; phase++) {
        qsort(of[phase], taken[phase], sizeof of[phase][0], by_value);
        ret_figures->least[phase] = of[phase][0];
        ret_figures->median[phase] = of[phase][taken[phase] / 2];
    }
}

static double sum(const double *of, phase_t first, phase_t last) {
    double total = 0;
    for (int phase = (int)first; phase <= (int)last; phase++) {
        total += of[phase];
    }
    return total;
}

static void print(void) {
    figures_t time;
    figures_t server;
    digest(took, &time);
    digest(cpu, &server);
    (void)printf("%-26s %8s %8s %8s %8s\n", "", "least", "median", "cpu", "cpu med");
    for (int phase = 0; phase < PHASES; phase++) {
        (void)printf("%-26s %8.0f %8.0f %8.0f %8.0f\n", names[phase], time.least[phase],
                     time.median[phase], server.least[phase], server.median[phase]);
    }
    const double *of[] = {time.least, time.median, server.least, server.median};
    double floors[4];
    double ours[4];
    for (int i = 0; i < 4; i++) {
        floors[i] = sum(of[i], FLOOR_CONNECT, FLOOR_STEPS);
        ours[i] = sum(of[i], CONNECT, COMMIT);
    }
    (void)printf("%-26s %8.3f %8.3f %8.3f %8.3f\n", "ours / floor", ours[0] / floors[0],
                 ours[1] / floors[1], ours[2] / floors[2], ours[3] / floors[3]);
    (void)printf("%-26s %8.0f %8.0f %8.0f %8.0f\n", "ours - floor", ours[0] - floors[0],
                 ours[1] - floors[1], ours[2] - floors[2], ours[3] - floors[3]);
}

int main(int argc, char **argv) {
    char line[NAME_SIZE];
    if (argc != 4) {
        (void)fprintf(stderr, "usage: apply_sql LOGIN-CONNINFO OWNER-CONNINFO DIRECTORY\n");
        return 2;
    }
    read_scripts(argv[3]);
    for (size_t i = 0; i / 2 < TENANTS_MAX && fgets(line, sizeof line, stdin) != NULL; i++) {
        line[strcspn(line, "\n")] = '\0';
        if (i % 2 == 0) {
            run_floor(argv[2], line, i / 2);
        } else {
            run_ours(argv[1], line, i / 2);
        }
    }
    print();
    return 0;
}
