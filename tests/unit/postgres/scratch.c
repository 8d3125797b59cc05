/* scratch.c: see scratch.h. */
#include "tests/unit/postgres/scratch.h"
#include "common/base/cleanup.h"

#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000 };

static void shell(const char *format, ...) PRINTF_LIKE(1, 2);
static void shell(const char *format, ...) {
    char command[2048];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(command, sizeof command, format, values);
    va_end(values);
    if (system(command) != 0) {
        (void)fprintf(stderr, "scratch cluster: failed: %s\n", command);
        abort();
    }
}

/* The newest PostgreSQL of the distribution. */
static void find_bin(scratch_t *scratch) {
    glob_t found = {0};
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) != 0) {
        (void)fprintf(stderr, "scratch cluster: no PostgreSQL server is installed\n");
        abort();
    }
    const char *path = found.gl_pathv[found.gl_pathc - 1];
    (void)snprintf(scratch->bin, sizeof scratch->bin, "%.*s", (int)(strrchr(path, '/') - path),
                   path);
    globfree(&found);
}

/* initdb and the server refuse root. */
static const char *as_other(void) {
    if (geteuid() != 0) {
        return "";
    }
    return getpwnam("postgres") != NULL ? "setpriv --reuid=postgres --regid=postgres --clear-groups"
                                        : "setpriv --reuid=nobody --regid=nogroup --clear-groups";
}

void scratch_control(const scratch_t *scratch, const char *words) {
    shell("cd / && %s %s/pg_ctl -s -w -t 60 -D %s/data -l %s/log -o \"-k %s -h ''\" %s >/dev/null",
          as_other(), scratch->bin, scratch->folder, scratch->folder, scratch->folder, words);
}

/* A child that waits for our end, however it comes, and then cleans up. */
static void start_keeper(scratch_t *scratch) {
    int ends[2];
    char byte;
    if (pipe2(ends, O_CLOEXEC) != 0 || (scratch->keeper_pid = fork()) < 0) {
        abort();
    }
    if (scratch->keeper_pid == 0) {
        (void)setsid(); /* what ends the test's process group is not for the keeper */
        (void)close(ends[1]);
        while (read(ends[0], &byte, 1) > 0) { /* nothing is ever written */
        }
        scratch_control(scratch, "stop -m immediate");
        shell("rm -rf %s", scratch->folder);
        _exit(0);
    }
    (void)close(ends[0]);
    scratch->keeper = ends[1];
}

void scratch_start(scratch_t *scratch) {
    *scratch = (scratch_t){.folder = "/tmp/drover-pg-XXXXXX"};
    find_bin(scratch);
    if (mkdtemp(scratch->folder) == NULL || chmod(scratch->folder, 0777) != 0) {
        abort();
    }
    shell("cd / && %s %s/initdb -N -D %s/data -A trust -U postgres -E UTF8 --no-locale >/dev/null",
          as_other(), scratch->bin, scratch->folder);
    scratch_control(scratch, "start");
    start_keeper(scratch);
    connection_t *c = scratch_connect(scratch, (scratch_who_t){"postgres", "postgres"});
    (void)scratch_run(c, "CREATE ROLE owner; CREATE ROLE drover LOGIN IN ROLE owner");
    connection_destroy(&c);
}

void scratch_stop(scratch_t *scratch) {
    (void)close(scratch->keeper);
    (void)waitpid(scratch->keeper_pid, NULL, 0);
}

void scratch_database(const scratch_t *scratch, const char *name) {
    char sql[256];
    connection_t *c = scratch_connect(scratch, (scratch_who_t){"postgres", "postgres"});
    (void)snprintf(sql, sizeof sql, "CREATE DATABASE \"%s\" OWNER owner", name);
    (void)scratch_run(c, sql);
    (void)snprintf(sql, sizeof sql, "GRANT CREATE ON DATABASE \"%s\" TO drover", name);
    (void)scratch_run(c, sql);
    connection_destroy(&c);
}

const char *scratch_conninfo(const scratch_t *scratch, scratch_who_t who, char buffer[256]) {
    (void)snprintf(buffer, 256, "host=%s dbname=%s user=%s", scratch->folder, who.database,
                   who.user);
    return buffer;
}

connection_t *scratch_connect(const scratch_t *scratch, scratch_who_t who) {
    char conninfo[256];
    connection_t *c = NULL;
    error_t err = {0};
    connection_options_t options = {.conninfo = scratch_conninfo(scratch, who, conninfo)};
    if (connection_open(&options, PATIENCE_MS, &c, &err) != STATUS_OK) {
        error_print(&err, "scratch cluster");
        abort();
    }
    return c;
}

const char *scratch_run(connection_t *c, const char *sql) {
    static char text[8192];
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    if (connection_run(c, sql, PATIENCE_MS, &answer, &err) != STATUS_OK) {
        error_print(&err, "scratch cluster");
        (void)fprintf(stderr, "in: %s\n", sql);
        abort();
    }
    const PGresult *last = answer.count == 0 ? NULL : answer.results[answer.count - 1];
    bool value = last != NULL && PQntuples(last) > 0 && PQnfields(last) > 0;
    (void)snprintf(text, sizeof text, "%s", value ? PQgetvalue(last, 0, 0) : "");
    return text;
}

const char *scratch_state(connection_t *c, const char *sql) {
    static char state[6];
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    (void)snprintf(state, sizeof state, "%s",
                   connection_run(c, sql, PATIENCE_MS, &answer, &err) == STATUS_OK ? ""
                                                                                   : err.sqlstate);
    return state;
}
