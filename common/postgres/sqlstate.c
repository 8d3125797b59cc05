/* sqlstate.c: see sqlstate.h. */
#include "common/postgres/sqlstate.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
/* Whole states stand before their class: the first row that fits is taken. */
static const sqlstate_class_t classes[] = {
    {"08007", ERROR_DB_OUTCOME_UNKNOWN,   RETRY_UNKNOWN},
    {"08P01", ERROR_DB_SQL,               RETRY_PERMANENT},
    {"08",    ERROR_DB_CONNECTION_LOST,   RETRY_TRANSIENT},
    {"25006", ERROR_DB_READ_ONLY,         RETRY_TRANSIENT},
    {"25P03", ERROR_DB_CONNECTION_LOST,   RETRY_TRANSIENT}, /* idle in transaction too long */
    {"25P04", ERROR_DB_STATEMENT_TIMEOUT, RETRY_PERMANENT}, /* transaction_timeout, 17 and later */
    {"28",    ERROR_DB_AUTH,              RETRY_PERMANENT},
    {"2D000", ERROR_TRANSACTION_ESCAPED,  RETRY_PERMANENT}, /* COMMIT in a DO block or procedure */
    {"3D000", ERROR_DB_NO_DATABASE,       RETRY_PERMANENT},
    {"40001", ERROR_DB_SQL,               RETRY_TRANSIENT}, /* serialization */
    {"40003", ERROR_DB_OUTCOME_UNKNOWN,   RETRY_UNKNOWN},
    {"40P01", ERROR_DB_SQL,               RETRY_TRANSIENT}, /* deadlock */
    {"42501", ERROR_DB_RIGHTS,            RETRY_PERMANENT},
    {"53300", ERROR_DB_UNREACHABLE,       RETRY_TRANSIENT}, /* too many connections */
    {"53",    ERROR_DB_SQL,               RETRY_TRANSIENT}, /* disk, memory */
    {"55006", ERROR_DB_SQL,               RETRY_TRANSIENT}, /* object in use */
    {"55P03", ERROR_DB_LOCK_TIMEOUT,      RETRY_TRANSIENT},
    {"57014", ERROR_DB_STATEMENT_TIMEOUT, RETRY_PERMANENT},
    {"57P01", ERROR_DB_CONNECTION_LOST,   RETRY_TRANSIENT}, /* shutdown, or pg_terminate_backend */
    {"57P02", ERROR_DB_CONNECTION_LOST,   RETRY_TRANSIENT},
    {"57P03", ERROR_DB_UNREACHABLE,       RETRY_TRANSIENT}, /* starting up or shutting down */
    {"57P04", ERROR_DB_NO_DATABASE,       RETRY_PERMANENT},
    {"57P05", ERROR_DB_CONNECTION_LOST,   RETRY_TRANSIENT}, /* idle session */
    {"",      ERROR_DB_SQL,               RETRY_PERMANENT},
};

/* What libpq says by itself, without a SQLSTATE. */
static const struct {
    const char *words;
    error_code_t code;
} connect_words[] = {
    {"unsupported startup parameter",  ERROR_DB_POOLER},
    {"no password supplied",           ERROR_DB_AUTH},
    {"certificate",                    ERROR_DB_AUTH},
    {"channel binding",                ERROR_DB_AUTH},
    {"definition of service",          ERROR_CONFIG_INVALID},
    {"service file",                   ERROR_CONFIG_INVALID},
    {"invalid connection option",      ERROR_CONFIG_INVALID},
    {"session is read-only",           ERROR_DB_READ_ONLY},
    {"server is in hot standby mode",  ERROR_DB_READ_ONLY},
};

/* States whose details name objects or processes, never rows. */
static const char *const plain_details[] = {"0A", "2BP01", "40P01", "42", "53", "55"};
/* clang-format on */

enum {
    CLASS_COUNT = sizeof classes / sizeof classes[0],
    WORD_COUNT = sizeof connect_words / sizeof connect_words[0],
    PLAIN_COUNT = sizeof plain_details / sizeof plain_details[0],
};

static bool starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

const sqlstate_class_t *sqlstate_find(const char *state) {
    const char *text = state == NULL ? "" : state;
    for (size_t i = 0; i + 1 < CLASS_COUNT; i++) {
        if (starts_with(text, classes[i].prefix)) {
            return &classes[i];
        }
    }
    return &classes[CLASS_COUNT - 1];
}

/* Copy what fits, whole characters only: what stands behind a cut must still be UTF-8. */
static void copy_text(char *to, size_t size, const char *from) {
    size_t length = from == NULL ? 0 : strlen(from);
    if (length >= size) {
        length = size - 1;
        while (length > 0 && ((unsigned char)from[length] & 0xC0) == 0x80) {
            length--;
        }
    }
    memcpy(to, length == 0 ? "" : from, length);
    to[length] = '\0';
}

static const char *field(const PGresult *result, int code) {
    const char *text = PQresultErrorField(result, code);
    return text == NULL ? "" : text;
}

/* "constraint c on public.users", "public.users.email", "public.users" or "type public.mood". */
static void name_object(const PGresult *result, char *to, size_t size) {
    const char *schema = field(result, PG_DIAG_SCHEMA_NAME);
    const char *table = field(result, PG_DIAG_TABLE_NAME);
    const char *column = field(result, PG_DIAG_COLUMN_NAME);
    const char *constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
    const char *type = field(result, PG_DIAG_DATATYPE_NAME);
    char text[2 * ERROR_FIELD_MAX];
    if (*constraint != '\0' && *table != '\0') {
        (void)snprintf(text, sizeof text, "constraint %s on %s.%s", constraint, schema, table);
    } else if (*constraint != '\0') {
        (void)snprintf(text, sizeof text, "constraint %s", constraint);
    } else if (*column != '\0') {
        (void)snprintf(text, sizeof text, "%s.%s.%s", schema, table, column);
    } else if (*table != '\0') {
        (void)snprintf(text, sizeof text, "%s.%s", schema, table);
    } else if (*type != '\0') {
        (void)snprintf(text, sizeof text, "type %s.%s", schema, type);
    } else {
        text[0] = '\0';
    }
    copy_text(to, size, text);
}

/*
 * Whether the server's last word leaves open what became of a COMMIT. A session that is ended while
 * it waits for a synchronous standby has committed already and says FATAL all the same.
 */
static bool leaves_open(const PGresult *result, sqlstate_phase_t phase, error_code_t code) {
    const char *severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return phase == SQLSTATE_COMMITTING &&
           (code == ERROR_DB_CONNECTION_LOST || strcmp(severity, "FATAL") == 0 ||
            strcmp(severity, "PANIC") == 0);
}

/* Stands in for the DETAIL of a text that a program in the tenant composed: it is never shown. */
static const char RAISED[] = "raised by a program in the database";

/* PL/pgSQL's RAISE and ASSERT, whatever SQLSTATE they were told to bear, and other languages. */
static bool is_raised(const PGresult *result) {
    const char *function = field(result, PG_DIAG_SOURCE_FUNCTION);
    const char *state = field(result, PG_DIAG_SQLSTATE);
    return strcmp(function, "exec_stmt_raise") == 0 || strcmp(function, "exec_stmt_assert") == 0 ||
           starts_with(state, "P0001") || starts_with(state, "P0004") || starts_with(state, "38");
}

status_t sqlstate_result(const PGresult *result, sqlstate_phase_t phase, error_t *err) {
    const char *state = field(result, PG_DIAG_SQLSTATE);
    const char *message = field(result, PG_DIAG_MESSAGE_PRIMARY);
    if (*state == '\0') {
        /* libpq made this result itself: the connection broke. */
        return sqlstate_connection_text(PQresultErrorMessage(result), phase, err);
    }
    const sqlstate_class_t *class = sqlstate_find(state);
    (void)error_set(err, class->code, "%s", "");
    copy_text(err->message, sizeof err->message, message);
    err->retry = class->retry;
    if (leaves_open(result, phase, class->code)) {
        err->code = ERROR_DB_OUTCOME_UNKNOWN;
        err->retry = RETRY_UNKNOWN;
    }
    copy_text(err->sqlstate, sizeof err->sqlstate, state);
    copy_text(err->detail, sizeof err->detail, field(result, PG_DIAG_MESSAGE_DETAIL));
    if (is_raised(result)) {
        copy_text(err->detail, sizeof err->detail, RAISED);
    }
    copy_text(err->server_hint, sizeof err->server_hint, field(result, PG_DIAG_MESSAGE_HINT));
    name_object(result, err->constraint, sizeof err->constraint);
    return STATUS_ERROR;
}

/* Find ":  28P01: words" as libpq writes it at verbosity VERBOSE; the last one wins, because with
 * several hosts it is the last that was tried. NULL where there is none. */
static const char *find_state(const char *text) {
    const char *found = NULL;
    for (const char *at = strstr(text, ":  "); at != NULL; at = strstr(at + 1, ":  ")) {
        size_t length = strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        if (length == 5 && starts_with(at + 8, ": ")) {
            found = at + 3;
        }
    }
    return found;
}

/* One line of what libpq wrote over several. */
static void copy_line(char *to, size_t size, const char *from, const char *until) {
    size_t used = 0;
    for (const char *c = from; c < until && used + 1 < size; c++) {
        char byte = *c == '\n' || *c == '\t' ? ' ' : *c;
        if (byte == ' ' && (used == 0 || to[used - 1] == ' ')) {
            continue;
        }
        to[used++] = byte;
    }
    while (used > 0 && to[used - 1] == ' ') {
        used--;
    }
    to[used] = '\0';
}

static error_code_t code_of_words(const char *text) {
    for (size_t i = 0; i < WORD_COUNT; i++) {
        if (strstr(text, connect_words[i].words) != NULL) {
            return connect_words[i].code;
        }
    }
    return ERROR_DB_UNREACHABLE;
}

static status_t connecting_text(const char *text, error_t *err) {
    const char *state = find_state(text);
    char line[ERROR_TEXT_MAX];
    if (state == NULL) {
        copy_line(line, sizeof line, text, text + strlen(text));
        return error_set(err, code_of_words(text), "%s", line);
    }
    char copy[6];
    memcpy(copy, state, 5);
    copy[5] = '\0';
    const char *words = state + 7;
    size_t length = strcspn(words, "\n");
    copy_line(line, sizeof line, words, words + length);
    const sqlstate_class_t *class = sqlstate_find(copy);
    bool pooler = strstr(line, "unsupported startup parameter") != NULL;
    (void)error_set(err, pooler ? ERROR_DB_POOLER : class->code, "%s", line);
    err->retry = pooler ? RETRY_PERMANENT : class->retry;
    memcpy(err->sqlstate, copy, sizeof copy);
    return STATUS_ERROR;
}

status_t sqlstate_connection_text(const char *text, sqlstate_phase_t phase, error_t *err) {
    char line[ERROR_TEXT_MAX];
    copy_line(line, sizeof line, text, text + strlen(text));
    switch (phase) {
    case SQLSTATE_CONNECTING:
        return connecting_text(text, err);
    case SQLSTATE_RUNNING:
        return error_set(err, ERROR_DB_CONNECTION_LOST, "the connection was lost: %s", line);
    case SQLSTATE_COMMITTING:
        return error_set(err, ERROR_DB_OUTCOME_UNKNOWN, "the connection was lost at COMMIT: %s",
                         line);
    case SQLSTATE_PHASE_COUNT:
        break;
    }
    INVARIANT(phase < SQLSTATE_PHASE_COUNT);
    return STATUS_ERROR;
}

status_t sqlstate_connection(const PGconn *conn, sqlstate_phase_t phase, error_t *err) {
    return sqlstate_connection_text(conn == NULL ? "out of memory" : PQerrorMessage(conn), phase,
                                    err);
}

/* Opening quotes of the server's languages; lc_messages is not ours to set. */
static const char *const quotes[] = {"\"", "„", "“", "«", "»", "「", "『"};

/*
 * Replace the quoted part: from the first quote to the last `"` where it opened with one (a value
 * may hold quotes of its own), else to the end; there too where the closing one was cut off.
 */
static void redact_quoted(char *message) {
    char *first = NULL;
    for (size_t i = 0; i < sizeof quotes / sizeof quotes[0]; i++) {
        char *found = strstr(message, quotes[i]);
        first = found != NULL && (first == NULL || found < first) ? found : first;
    }
    if (first == NULL) {
        return;
    }
    char *last = *first == '"' ? strrchr(message, '"') : first;
    char rest[ERROR_TEXT_MAX] = "";
    if (last != first) {
        copy_text(rest, sizeof rest, last + 1);
    }
    size_t room = ERROR_TEXT_MAX - (size_t)(first - message);
    (void)snprintf(first, room, "\"…\"%s", rest);
}

/* Bytes that could not be read as text are shown as 0x…: "invalid byte sequence …: 0xff 0x41". */
static void redact_bytes(char *message) {
    char *first = strstr(message, "0x");
    if (first != NULL) {
        (void)snprintf(first, ERROR_TEXT_MAX - (size_t)(first - message), "0x…");
    }
}

bool sqlstate_raised(const error_t *err) {
    return strcmp(err->detail, RAISED) == 0;
}

void sqlstate_vouch(error_t *err) {
    err->detail[0] = '\0';
    err->server_hint[0] = '\0';
    err->constraint[0] = '\0';
}

void sqlstate_redact(error_t *err) {
    if (sqlstate_raised(err)) {
        sqlstate_vouch(err);
        (void)snprintf(err->message, sizeof err->message,
                       "a program in the database raised an error; its text may hold rows and is "
                       "not shown");
        return;
    }
    bool plain = false;
    for (size_t i = 0; i < PLAIN_COUNT; i++) {
        plain = plain || starts_with(err->sqlstate, plain_details[i]);
    }
    if (!plain) {
        err->detail[0] = '\0';
    }
    if (starts_with(err->sqlstate, "22")) {
        redact_bytes(err->message);
        redact_quoted(err->message);
    }
    /* A syntax error names the word it stands at: SQL, unless that is a literal. Other messages of
     * this state come from parsers of values (tsquery). */
    static const char at_word[] = "syntax error at or near \"";
    bool names_word =
        starts_with(err->message, at_word) && err->message[sizeof at_word - 1] != '\'';
    if (starts_with(err->sqlstate, "42601") && !names_word) {
        redact_quoted(err->message);
    }
}
