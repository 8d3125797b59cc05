/* connection_new.c: making and ending a connection_t, and its parameters; see connection.h. */
#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/crypto/random.h"
#include "common/postgres/connection_internal.h"
#include "common/postgres/session.h"

#include <stdlib.h>
#include <string.h>

enum { PARAMETERS_MOST = 64 }; /* connection parameters: libpq's 40 and ours */

static char *copy_or_null(const char *text) {
    return text == NULL ? NULL : strdup(text);
}

static const char *parsed_value(const connection_t *c, const char *keyword) {
    for (const PQconninfoOption *o = c->parsed; o != NULL && o->keyword != NULL; o++) {
        if (strcmp(o->keyword, keyword) == 0) {
            return o->val;
        }
    }
    return NULL;
}

static status_t make_startup(connection_t *c, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    int idle_ms = c->options.idle_in_transaction_ms;
    const char *given = parsed_value(c, "options");
    buffer_text(&text, given == NULL ? "" : given);
    c->token = random_u64();
    session_options(&text, &(session_pins_t){c->token, idle_ms == 0 ? 60000 : idle_ms});
    TRY(buffer_check(&text, err));
    c->startup = buffer_take(&text);
    return STATUS_OK;
}

status_t connection_new(const connection_options_t *options, connection_t **ret_c, error_t *err) {
    connection_t *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a connection");
    }
    c->options = *options;
    char *words = NULL;
    c->parsed = PQconninfoParse(options->conninfo == NULL ? "" : options->conninfo, &words);
    PQfreemem(words);
    if (c->parsed == NULL) {
        connection_destroy(&c);
        return error_set(err, ERROR_INVALID,
                         "the connection string cannot be parsed (not shown: it may hold a "
                         "password)");
    }
    c->database = copy_or_null(options->database);
    c->application_name =
        strdup(options->application_name == NULL ? "drover" : options->application_name);
    if (c->application_name == NULL || (options->database != NULL && c->database == NULL)) {
        connection_destroy(&c);
        return error_set(err, ERROR_NO_MEMORY, "no memory for a connection");
    }
    if (make_startup(c, err) != STATUS_OK) {
        connection_destroy(&c);
        return STATUS_ERROR;
    }
    *ret_c = c;
    return STATUS_OK;
}

void connection_results_clear(connection_t *c) {
    for (size_t i = 0; i < c->count; i++) {
        PQclear(c->results[i]);
    }
    free(c->results);
    c->results = NULL;
    c->count = c->room = c->dropped = 0;
}

void connection_destroy(connection_t **c_p) {
    connection_t *c = c_p == NULL ? NULL : *c_p;
    if (c == NULL) {
        return;
    }
    *c_p = NULL;
    connection_results_clear(c);
    connection_cancel_release(&c->cancel);
    PQfinish(c->conn);
    for (PQconninfoOption *o = c->parsed; o != NULL && o->keyword != NULL; o++) {
        if (o->val != NULL) {
            explicit_bzero(o->val, strlen(o->val)); /* one of them may be a password */
        }
    }
    PQconninfoFree(c->parsed);
    free(c->database);
    free(c->application_name);
    free(c->startup);
    free(c);
}

void connection_clear_environment(const char *service_file) {
    /* Start over after each removal: unsetenv moves the array. Bounded by its length. */
    for (size_t i = 0; environ != NULL && environ[i] != NULL;) {
        const char *end = strchr(environ[i], '=');
        char name[128];
        size_t length = end == NULL ? 0 : (size_t)(end - environ[i]);
        if (strncmp(environ[i], "PG", 2) != 0 || length == 0 || length >= sizeof name) {
            i++;
            continue;
        }
        memcpy(name, environ[i], length);
        name[length] = '\0';
        (void)unsetenv(name);
    }
    if (service_file != NULL) {
        (void)setenv("PGSERVICEFILE", service_file, 1);
    }
}

PGconn *connection_start_libpq(connection_t *c) {
    const char *keys[PARAMETERS_MOST + 1] = {0};
    const char *values[PARAMETERS_MOST + 1] = {0};
    size_t count = 0;
    for (const PQconninfoOption *o = c->parsed; o->keyword != NULL; o++) {
        if (o->val != NULL && count < PARAMETERS_MOST - 4) {
            keys[count] = o->keyword;
            values[count++] = o->val;
        }
    }
    /* Of a keyword given twice libpq takes the last. */
    const char *ours[][2] = {{"dbname", c->database},
                             {"application_name", c->application_name},
                             {"client_encoding", "UTF8"},
                             {"options", c->options.unpinned ? NULL : c->startup}};
    for (size_t i = 0; i < 4; i++) {
        if (ours[i][1] != NULL) {
            keys[count] = ours[i][0];
            values[count++] = ours[i][1];
        }
    }
    return PQconnectStartParams(keys, values, 0);
}
