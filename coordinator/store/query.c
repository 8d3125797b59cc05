/* query.c: see query.h. */
#include "coordinator/store/query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const statement_text_t STATEMENTS[STATEMENT_COUNT] = {
#define X(name_, kind_, text_)                                                                     \
    [STATEMENT_##name_] = {.name = #name_, .kind = STATEMENT_##kind_, .sql = text_},
#include "coordinator/store/statements.def"
#undef X
};

static status_t prepare(store_t *store, statement_id_t id, error_t *err) {
    if (store->statements[id] != NULL) {
        return STATUS_OK;
    }
    return store->driver->ops->prepare(store->driver, STATEMENTS[id].sql, &store->statements[id],
                                       err);
}

query_t query_begin(store_t *store, statement_id_t id, error_t *err) {
    query_t query = {.store = store, .id = id, .ops = store->driver->ops, .err = err};
    INVARIANT(!store->in_use[id]);
    INVARIANT(STATEMENTS[id].kind == STATEMENT_READ || store->in_transaction);
    if (prepare(store, id, err) != STATUS_OK) {
        query.failed = true;
        store->spoiled = store->in_transaction;
        return query;
    }
    query.statement = store->statements[id];
    store->in_use[id] = true;
    return query;
}

void query_end(query_t *query) {
    if (query->statement != NULL) {
        query->ops->reset(query->statement);
        query->store->in_use[query->id] = false;
        query->statement = NULL;
    }
}

/* Keep the first failure; a write's spoils its transaction. */
static void note(query_t *query, status_t status) {
    if (status != STATUS_OK) {
        query->failed = true;
        if (STATEMENTS[query->id].kind == STATEMENT_WRITE) {
            query->store->spoiled = true;
        }
    }
}

void query_number(query_t *query, int n, int64_t value) {
    if (!query->failed) {
        note(query, query->ops->bind_number(query->statement, n, value, query->err));
    }
}

void query_flag(query_t *query, int n, bool value) {
    query_number(query, n, value ? 1 : 0);
}

void query_text(query_t *query, int n, const char *text) {
    if (!query->failed) {
        note(query,
             query->ops->bind_text(query->statement, n, text != NULL ? text : "", query->err));
    }
}

static void bind_copy(query_t *query, int n, const char *text) {
    if (!query->failed) {
        note(query, query->ops->bind_copy(query->statement, n, text, query->err));
    }
}

void query_bytes(query_t *query, int n, driver_bytes_t bytes) {
    if (!query->failed) {
        note(query, query->ops->bind_bytes(query->statement, n, bytes, query->err));
    }
}

void query_ident(query_t *query, int n, const ident_t *id) {
    char text[IDENT_TEXT_SIZE] = "";
    if (!ident_is_null(id)) {
        (void)ident_text(id, text);
    }
    bind_copy(query, n, text);
}

void query_digest(query_t *query, int n, const digest_t *digest) {
    char text[DIGEST_TEXT_SIZE] = "";
    if (!digest_is_null(digest)) {
        (void)digest_text(digest, text);
    }
    bind_copy(query, n, text);
}

void query_key(query_t *query, int n, const agent_key_t *key) {
    static const agent_key_t none;
    char text[2 * sizeof key->bytes + 1] = "";
    if (memcmp(key, &none, sizeof none) != 0) {
        (void)hex_text(key->bytes, sizeof key->bytes, text);
    }
    bind_copy(query, n, text);
}

void query_unsigned(query_t *query, int n, uint64_t value) {
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    bind_copy(query, n, text);
}

void query_error_code(query_t *query, int n, error_code_t code) {
    query_text(query, n, code == ERROR_NONE ? "" : error_code_text(code));
}

status_t query_check(const query_t *query) {
    return query->failed ? STATUS_ERROR : STATUS_OK;
}

status_t query_run(query_t *query, int64_t *ret_changed) {
    TRY(query_check(query));
    bool row = false;
    note(query, query->ops->step(query->statement, &row, query->err));
    int64_t changed = query->failed ? 0 : query->ops->changed(query->statement);
    query->ops->reset(query->statement);
    TRY(query_check(query));
    if (ret_changed != NULL) {
        *ret_changed = changed;
    }
    return STATUS_OK;
}

status_t query_next(query_t *query, bool *ret_row) {
    TRY(query_check(query));
    bool row = false;
    note(query, query->ops->step(query->statement, &row, query->err));
    TRY(query_check(query));
    *ret_row = row;
    return STATUS_OK;
}

int64_t query_number_at(query_t *query, int column) {
    return query->ops->column_number(query->statement, column);
}

bool query_flag_at(query_t *query, int column) {
    return query_number_at(query, column) != 0;
}

/* A value that we never write: somebody edited the catalog, or its file is damaged. */
static void refuse(query_t *query, int column, const char *what) {
    if (query->failed) {
        return;
    }
    note(query, error_set(query->err, ERROR_STORE, "catalog holds %s in column %d of %s", what,
                          column + 1, STATEMENTS[query->id].name));
    query->err->retry = RETRY_PERMANENT;
}

uint32_t query_enum_at(query_t *query, int column, uint32_t count) {
    int64_t value = query_number_at(query, column);
    if (value < 0 || value >= (int64_t)count) {
        refuse(query, column, "a number out of range");
        return 0;
    }
    return (uint32_t)value;
}

uint32_t query_u32_at(query_t *query, int column) {
    int64_t value = query_number_at(query, column);
    if (value < 0 || value > (int64_t)UINT32_MAX) {
        refuse(query, column, "a number out of range");
        return 0;
    }
    return (uint32_t)value;
}

const char *query_text_at(query_t *query, int column) {
    size_t size = 0;
    return query->ops->column_text(query->statement, column, &size);
}

driver_bytes_t query_bytes_at(query_t *query, int column) {
    return query->ops->column_bytes(query->statement, column);
}

ident_t query_ident_at(query_t *query, int column) {
    ident_t id = {0};
    const char *text = query_text_at(query, column);
    error_t ignored;
    if (*text != '\0' && ident_parse(text, &id, &ignored) != STATUS_OK) {
        refuse(query, column, "what is no id");
    }
    return id;
}

digest_t query_digest_at(query_t *query, int column) {
    digest_t digest = {0};
    const char *text = query_text_at(query, column);
    error_t ignored;
    if (*text != '\0' && digest_parse(text, &digest, &ignored) != STATUS_OK) {
        refuse(query, column, "what is no digest");
    }
    return digest;
}

agent_key_t query_key_at(query_t *query, int column) {
    agent_key_t key = {0};
    const char *text = query_text_at(query, column);
    error_t ignored;
    if (*text != '\0' && hex_parse(text, sizeof key.bytes, key.bytes, &ignored) != STATUS_OK) {
        refuse(query, column, "what is no key");
    }
    return key;
}

uint64_t query_unsigned_at(query_t *query, int column) {
    const char *text = query_text_at(query, column);
    char *end = NULL;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno != 0 || *text < '0' || *text > '9' || *end != '\0') {
        refuse(query, column, "what is no number");
        return 0;
    }
    return value;
}

error_code_t query_error_code_at(query_t *query, int column) {
    /* an unknown code is a newer program's: it stays an error, without its name */
    const char *text = query_text_at(query, column);
    error_code_t code = *text != '\0' ? error_code_parse(text) : ERROR_NONE;
    return *text != '\0' && code == ERROR_NONE ? ERROR_INTERNAL : code;
}

const char *query_keep_at(query_t *query, int column, arena_t *arena) {
    size_t size = 0;
    const char *text = query->ops->column_text(query->statement, column, &size);
    const char *kept = "";
    if (!query->failed) {
        note(query, arena_text(arena, text, size, &kept, query->err));
    }
    return kept;
}

static status_t own(const char *text, size_t size, arena_t *arena, char **ret_copy, error_t *err) {
    char *copy = NULL;
    if (arena != NULL) {
        TRY(arena_allocate(arena, size + 1, &copy, err));
    } else {
        copy = malloc(size + 1);
    }
    if (copy == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a row of the catalog");
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    *ret_copy = copy;
    return STATUS_OK;
}

driver_bytes_t query_keep_bytes_at(query_t *query, int column, arena_t *arena) {
    driver_bytes_t bytes = query_bytes_at(query, column);
    char *copy = NULL;
    if (!query->failed) {
        note(query,
             own(bytes.data != NULL ? bytes.data : "", bytes.size, arena, &copy, query->err));
    }
    return (driver_bytes_t){.data = copy, .size = copy != NULL ? bytes.size : 0};
}

char *query_own_at(query_t *query, int column, arena_t *arena) {
    size_t size = 0;
    const char *text = query->ops->column_text(query->statement, column, &size);
    char *copy = NULL;
    if (!query->failed) {
        note(query, own(text, size, arena, &copy, query->err));
    }
    return copy;
}

char *query_own_or_null_at(query_t *query, int column, arena_t *arena) {
    return *query_text_at(query, column) != '\0' ? query_own_at(query, column, arena) : NULL;
}

int64_t query_newest(int64_t before) {
    return before > 0 ? before : INT64_MAX;
}

status_t query_prepare_all(store_t *store, error_t *err) {
    for (int id = 0; id < STATEMENT_COUNT; id++) {
        if (prepare(store, (statement_id_t)id, err) != STATUS_OK) {
            return error_context(err, "statement %s", STATEMENTS[id].name);
        }
    }
    return STATUS_OK;
}
