/*
 * The matrix: each line of fingerprint_changes.txt is one change, made and rolled back over the
 * schema of fingerprint_rich.sql. L must change strict and logical, S strict alone, D the
 * database's digest alone, = none; whatever changes a digest must change the stamp. Then every
 * field of fingerprint_kinds must have been seen in a line that some change touched, or stand in a
 * list.
 */
#include "common/base/cleanup.h"
#include "common/crypto/random.h"
#include "common/postgres/fingerprint_kinds.h"
#include "tests/unit/postgres/print.h"
#include "tests/unit/postgres/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { CHANGES_LEAST = 240 };

static PGconn *rich(scratch_t *scratch) {
    char info[256];
    scratch_database(scratch, "rich");
    PGconn *conn =
        PQconnectdb(scratch_conninfo(scratch, (scratch_who_t){"rich", "postgres"}, info));
    CLEANUP(free_p) char *sql = print_file("fingerprint_rich.sql");
    PQclear(print_run(conn, "SET client_min_messages = error"));
    PQclear(print_run(conn, "CREATE ROLE fp_owner; CREATE ROLE fp_reader"));
    PQclear(print_run(conn, sql));
    return conn;
}

/* What the line promises and what came; answers 1 where they differ. */
static int judge(char class, const char *sql, const print_t *before, const print_t *after) {
    const bool strict = !digest_equal(&before->digests.strict, &after->digests.strict);
    const bool logical = !digest_equal(&before->digests.logical, &after->digests.logical);
    const bool database = !digest_equal(&before->digests.database, &after->digests.database);
    const bool stamp = strcmp(before->stamp.text, after->stamp.text) != 0;
    const bool right = strict == (class == 'L' || class == 'S') && logical == (class == 'L') &&
                       database == (class == 'D') && (stamp || class == '=');
    if (!right) {
        CLEANUP(buffer_free) buffer_t lines = {0};
        error_t err = {0};
        (void)!fingerprint_diff(before->text, after->text, NULL, &lines, &err);
        print_message("%c %s\n  strict %d logical %d database %d stamp %d\n%s", class, sql, strict,
                      logical, database, stamp, buffer_string(&lines));
    }
    return right ? 0 : 1;
}

enum { KINDS_MOST = 64 };
static bool touched[KINDS_MOST][FINGERPRINT_FIELDS_MAX];

/* Whether a line's object can be of this kind: some kinds only say more about others' objects. */
static bool fits(const fingerprint_kind_t *kind, const char *line) {
    const char *part = strchr(line, '\t') + 1;
    const char *object = *part == '\t' ? line : part;
    if (kind->fields[0].how == HOW_EXTENDS || kind->fields[0].how == HOW_CLASS ||
        kind->class_oid == CLASS_RELATION || kind->class_oid == CLASS_TYPE ||
        kind->class_oid == CLASS_FUNCTION) {
        return true;
    }
    return strncmp(object, kind->name, strlen(kind->name)) == 0;
}

static void touch(const char *line) {
    const char *attribute = strchr(strchr(line, '\t') + 1, '\t') + 1;
    for (unsigned k = 0; k < fingerprint_kind_count; k++) {
        const fingerprint_kind_t *kind = &fingerprint_kinds[k];
        for (unsigned f = 0; fits(kind, line) && kind->fields[f].sql != NULL; f++) {
            const size_t size = strlen(kind->fields[f].label);
            if (size > 0 && strncmp(attribute, kind->fields[f].label, size) == 0 &&
                (attribute[size] == '\t' || attribute[size] == ' ')) {
                touched[k][f] = true;
            }
        }
    }
}

/* Lines of one text that the other lacks. An object that comes or goes as a whole shows nothing
 * about its fields: lines count only where the other text knows the object. */
static void touch_lines(const char *text, const char *other) {
    CLEANUP(free_p) char *copy = strdup(text);
    char *rest = copy;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        char key[4096];
        const char *attribute = strchr(strchr(line, '\t') + 1, '\t');
        (void)snprintf(key, sizeof key, "%.*s\t", (int)(attribute - line), line);
        char whole[8192];
        (void)snprintf(whole, sizeof whole, "%s\n", line);
        if (strstr(other, whole) == NULL && strstr(other, key) != NULL) {
            touch(line);
        }
    }
}

static int count_untouched(void) {
    CLEANUP(free_p) char *listed = print_file("fingerprint_untouched.txt");
    int wrong = 0;
    for (unsigned k = 0; k < fingerprint_kind_count; k++) {
        const fingerprint_field_t *fields = fingerprint_kinds[k].fields;
        for (unsigned f = 0; fields[f].sql != NULL; f++) {
            char line[256];
            (void)snprintf(line, sizeof line, "%s: %s\n", fingerprint_kinds[k].name,
                           fields[f].label);
            if (*fields[f].label != '\0' && !touched[k][f] && strstr(listed, line) == NULL) {
                print_message("no change touches %s", line);
                wrong++;
            }
        }
    }
    return wrong;
}

static int change(PGconn *conn, char class, const char *sql, const print_t *before) {
    PQclear(print_run(conn, "BEGIN"));
    PGresult *result = PQexec(conn, sql);
    const ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    int wrong = 1;
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        print_t after = print_take(conn, NULL);
        wrong = judge(class, sql, before, &after);
        touch_lines(before->text, after.text);
        touch_lines(after.text, before->text);
        free(after.text);
    } else {
        print_message("%s\n  %s", sql, PQerrorMessage(conn));
    }
    PQclear(print_run(conn, "ROLLBACK"));
    return wrong;
}

static void replace_database(char *sql, size_t size, const char *line) {
    const char *at = strstr(line, ":db");
    if (at == NULL) {
        (void)snprintf(sql, size, "%s", line);
        return;
    }
    (void)snprintf(sql, size, "%.*srich%s", (int)(at - line), line, at + 3);
}

static void every_change_changes_its_digests(void **state) {
    (void)state;
    scratch_t scratch = {0};
    scratch_start(&scratch);
    PGconn *conn = rich(&scratch);
    PQclear(print_run(conn, "BEGIN"));
    print_t before = print_take(conn, NULL);
    print_t again = print_take_everything(conn);
    PQclear(print_run(conn, "ROLLBACK"));
    assert_string_equal(before.text, again.text);
    CLEANUP(free_p) char *changes = print_file("fingerprint_changes.txt");
    int wrong = 0, count = 0;
    char *rest = changes;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0'; count++) {
        char sql[1024];
        replace_database(sql, sizeof sql, line + 2);
        wrong += change(conn, line[0], sql, &before);
    }
    free(before.text);
    free(again.text);
    PQfinish(conn);
    scratch_stop(&scratch);
    assert_int_equal(wrong, 0);
    assert_int_equal(count_untouched(), 0);
    assert_true(count >= CHANGES_LEAST);
}

int main(void) {
    error_t err = {0};
    if (random_start(&err) != STATUS_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_change_changes_its_digests)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
