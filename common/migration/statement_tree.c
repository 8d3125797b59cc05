/*
 * statement_tree.c: from a script to its statements, in this process. Classification reads the
 * parse tree only; which kinds may run where stands in statement_kind.c.
 */
#include "common/migration/statement_internal.h"

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/migration/finding.h"

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
#include <stddef.h>
#include <string.h>

/* Names inside a parse tree, borrowed from it. */
typedef struct named {
    const char *index_schema;
    const char *index_name;
    const char *table_schema;
    const char *table_name;
} named_t;

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

/* Whether an option of this name is on, written bare or with a value. */
static bool option_is_on(PgQuery__Node *const *options, size_t count, const char *name) {
    bool on = false;
    for (size_t i = 0; i < count; i++) {
        if (options[i]->node_case != PG_QUERY__NODE__NODE_DEF_ELEM ||
            strcmp(or_empty(options[i]->def_elem->defname), name) != 0) {
            continue;
        }
        const PgQuery__Node *value = options[i]->def_elem->arg;
        if (value == NULL) {
            on = true;
        } else if (value->node_case == PG_QUERY__NODE__NODE_STRING) {
            const char *text = or_empty(value->string->sval);
            on = strcasecmp(text, "false") != 0 && strcasecmp(text, "off") != 0;
        } else if (value->node_case == PG_QUERY__NODE__NODE_INTEGER) {
            on = value->integer->ival != 0;
        } else {
            on = true; /* whatever it is, careful */
        }
    }
    return on;
}

static bool has_option(PgQuery__Node *const *options, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (options[i]->node_case == PG_QUERY__NODE__NODE_DEF_ELEM &&
            strcmp(or_empty(options[i]->def_elem->defname), name) == 0) {
            return true;
        }
    }
    return false;
}

static statement_kind_t of_index(const PgQuery__IndexStmt *stmt, named_t *names) {
    if (!stmt->concurrent) {
        return STATEMENT_ORDINARY;
    }
    names->index_name = or_empty(stmt->idxname);
    if (stmt->relation != NULL) {
        /* an index stands in its table's schema */
        names->index_schema = or_empty(stmt->relation->schemaname);
        names->table_schema = names->index_schema;
        names->table_name = or_empty(stmt->relation->relname);
    }
    return STATEMENT_CREATE_INDEX_CONCURRENTLY;
}

static statement_kind_t of_drop(const PgQuery__DropStmt *stmt, named_t *names) {
    if (!stmt->concurrent) {
        return STATEMENT_ORDINARY;
    }
    /* the server takes one object only; its name is a list of strings, the last one the index */
    if (stmt->n_objects == 1 && stmt->objects[0]->node_case == PG_QUERY__NODE__NODE_LIST) {
        const PgQuery__List *list = stmt->objects[0]->list;
        size_t n = list->n_items;
        if (n >= 1 && list->items[n - 1]->node_case == PG_QUERY__NODE__NODE_STRING) {
            names->index_name = or_empty(list->items[n - 1]->string->sval);
        }
        if (n >= 2 && list->items[n - 2]->node_case == PG_QUERY__NODE__NODE_STRING) {
            names->index_schema = or_empty(list->items[n - 2]->string->sval);
        }
    }
    return STATEMENT_DROP_INDEX_CONCURRENTLY;
}

static statement_kind_t of_reindex(const PgQuery__ReindexStmt *stmt, named_t *names) {
    bool index = stmt->kind == PG_QUERY__REINDEX_OBJECT_TYPE__REINDEX_OBJECT_INDEX;
    bool table = stmt->kind == PG_QUERY__REINDEX_OBJECT_TYPE__REINDEX_OBJECT_TABLE;
    if (stmt->relation != NULL && index) {
        names->index_schema = or_empty(stmt->relation->schemaname);
        names->index_name = or_empty(stmt->relation->relname);
    } else if (stmt->relation != NULL && table) {
        names->table_schema = or_empty(stmt->relation->schemaname);
        names->table_name = or_empty(stmt->relation->relname);
    }
    if (option_is_on(stmt->params, stmt->n_params, "concurrently")) {
        return STATEMENT_REINDEX_CONCURRENTLY;
    }
    *names = (named_t){"", "", "", ""};
    return index || table ? STATEMENT_ORDINARY : STATEMENT_REINDEX_MANY;
}

static statement_kind_t of_alter_table(const PgQuery__AlterTableStmt *stmt, named_t *names) {
    for (size_t i = 0; i < stmt->n_cmds; i++) {
        const PgQuery__Node *node = stmt->cmds[i];
        if (node->node_case != PG_QUERY__NODE__NODE_ALTER_TABLE_CMD) {
            continue;
        }
        const PgQuery__Node *part = node->alter_table_cmd->def;
        if (part != NULL && part->node_case == PG_QUERY__NODE__NODE_PARTITION_CMD &&
            part->partition_cmd->concurrent) {
            if (stmt->relation != NULL) {
                names->table_schema = or_empty(stmt->relation->schemaname);
                names->table_name = or_empty(stmt->relation->relname);
            }
            return STATEMENT_DETACH_CONCURRENTLY;
        }
    }
    return STATEMENT_ORDINARY;
}

static statement_kind_t of_copy(const PgQuery__CopyStmt *stmt) {
    bool client = or_empty(stmt->filename)[0] == '\0' && !stmt->is_program;
    return client ? STATEMENT_COPY_CLIENT : STATEMENT_ORDINARY;
}

static statement_kind_t of_select(const PgQuery__SelectStmt *stmt) {
    /* INTO stands at the leftmost branch of a set operation; the chain is as long as the text */
    for (; stmt != NULL; stmt = stmt->larg) {
        if (stmt->into_clause != NULL) {
            return STATEMENT_ORDINARY;
        }
    }
    return STATEMENT_QUERY;
}

/* A slot is made unless told otherwise, and making one needs to be outside. */
static statement_kind_t of_create_subscription(const PgQuery__CreateSubscriptionStmt *stmt) {
    bool slot = has_option(stmt->options, stmt->n_options, "create_slot")
                    ? option_is_on(stmt->options, stmt->n_options, "create_slot")
                    : !has_option(stmt->options, stmt->n_options, "connect") ||
                          option_is_on(stmt->options, stmt->n_options, "connect");
    return slot ? STATEMENT_CREATE_SUBSCRIPTION : STATEMENT_ORDINARY;
}

static statement_kind_t of_alter_subscription(const PgQuery__AlterSubscriptionStmt *stmt) {
    bool may_refresh =
        stmt->kind == PG_QUERY__ALTER_SUBSCRIPTION_TYPE__ALTER_SUBSCRIPTION_SET_PUBLICATION ||
        stmt->kind == PG_QUERY__ALTER_SUBSCRIPTION_TYPE__ALTER_SUBSCRIPTION_ADD_PUBLICATION ||
        stmt->kind == PG_QUERY__ALTER_SUBSCRIPTION_TYPE__ALTER_SUBSCRIPTION_DROP_PUBLICATION;
    bool refresh = !has_option(stmt->options, stmt->n_options, "refresh") ||
                   option_is_on(stmt->options, stmt->n_options, "refresh");
    bool asked = stmt->kind == PG_QUERY__ALTER_SUBSCRIPTION_TYPE__ALTER_SUBSCRIPTION_REFRESH;
    return asked || (may_refresh && refresh) ? STATEMENT_ALTER_SUBSCRIPTION : STATEMENT_ORDINARY;
}

/* The kinds that a word or two decide; the rest is classify's. */
static statement_kind_t of_rest(const PgQuery__Node *node) {
    switch ((int)node->node_case) { /* of hundreds of foreign cases, those that we know */
    case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
        return STATEMENT_TRANSACTION;
    case PG_QUERY__NODE__NODE_VACUUM_STMT:
        return node->vacuum_stmt->is_vacuumcmd ? STATEMENT_VACUUM : STATEMENT_ORDINARY;
    case PG_QUERY__NODE__NODE_CLUSTER_STMT:
        return node->cluster_stmt->relation == NULL ? STATEMENT_CLUSTER_ALL : STATEMENT_ORDINARY;
    case PG_QUERY__NODE__NODE_CREATEDB_STMT:
        return STATEMENT_CREATE_DATABASE;
    case PG_QUERY__NODE__NODE_DROPDB_STMT:
        return STATEMENT_DROP_DATABASE;
    case PG_QUERY__NODE__NODE_ALTER_DATABASE_STMT:
        return has_option(node->alter_database_stmt->options, node->alter_database_stmt->n_options,
                          "tablespace")
                   ? STATEMENT_MOVE_DATABASE
                   : STATEMENT_ORDINARY;
    case PG_QUERY__NODE__NODE_CREATE_TABLE_SPACE_STMT:
        return STATEMENT_CREATE_TABLESPACE;
    case PG_QUERY__NODE__NODE_DROP_TABLE_SPACE_STMT:
        return STATEMENT_DROP_TABLESPACE;
    case PG_QUERY__NODE__NODE_ALTER_SYSTEM_STMT:
        return STATEMENT_ALTER_SYSTEM;
    case PG_QUERY__NODE__NODE_DROP_SUBSCRIPTION_STMT:
        return STATEMENT_DROP_SUBSCRIPTION;
    case PG_QUERY__NODE__NODE_DISCARD_STMT:
        return node->discard_stmt->target == PG_QUERY__DISCARD_MODE__DISCARD_ALL
                   ? STATEMENT_DISCARD_ALL
                   : STATEMENT_ORDINARY;
    case PG_QUERY__NODE__NODE_LOCK_STMT:
        return STATEMENT_LOCK_TABLE;
    default:
        return STATEMENT_ORDINARY;
    }
}

static statement_kind_t classify(const PgQuery__Node *node, named_t *names) {
    *names = (named_t){"", "", "", ""};
    switch ((int)node->node_case) { /* as above */
    case PG_QUERY__NODE__NODE_INDEX_STMT:
        return of_index(node->index_stmt, names);
    case PG_QUERY__NODE__NODE_DROP_STMT:
        return of_drop(node->drop_stmt, names);
    case PG_QUERY__NODE__NODE_REINDEX_STMT:
        return of_reindex(node->reindex_stmt, names);
    case PG_QUERY__NODE__NODE_ALTER_TABLE_STMT:
        return of_alter_table(node->alter_table_stmt, names);
    case PG_QUERY__NODE__NODE_COPY_STMT:
        return of_copy(node->copy_stmt);
    case PG_QUERY__NODE__NODE_SELECT_STMT:
        return of_select(node->select_stmt);
    case PG_QUERY__NODE__NODE_CREATE_SUBSCRIPTION_STMT:
        return of_create_subscription(node->create_subscription_stmt);
    case PG_QUERY__NODE__NODE_ALTER_SUBSCRIPTION_STMT:
        return of_alter_subscription(node->alter_subscription_stmt);
    default:
        return of_rest(node);
    }
}

/* The parse tree's word for a statement. */
static const char *node_word(const PgQuery__Node *node) {
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(
        &pg_query__node__descriptor, (unsigned)node->node_case);
    return field != NULL ? field->name : "";
}

/* Where a statement stands without the blanks and comments around it. */
static void place(text_span_t script, const PgQuery__RawStmt *raw, statement_t *statement) {
    size_t start = raw->stmt_location > 0 ? (size_t)raw->stmt_location : 0;
    if (start > script.size) {
        start = script.size;
    }
    size_t end = script.size;
    if (raw->stmt_len > 0 && (size_t)raw->stmt_len < script.size - start) {
        end = start + (size_t)raw->stmt_len;
    }
    text_span_t within = {.bytes = script.bytes, .size = end};
    start = text_skip_blank(within, start);
    while (end > start && strchr(" \t\r\n\f\v;", script.bytes[end - 1]) != NULL) {
        end--;
    }
    statement->offset = start;
    statement->length = end - start;
}

static bool fill(text_span_t script, const PgQuery__RawStmt *raw, statement_t *statement) {
    named_t names = {"", "", "", ""};
    place(script, raw, statement);
    if (raw->stmt == NULL) {
        return false;
    }
    statement->kind = classify(raw->stmt, &names);
    statement->node = strdup(node_word(raw->stmt));
    statement->index_schema = strdup(names.index_schema);
    statement->index_name = strdup(names.index_name);
    statement->table_schema = strdup(names.table_schema);
    statement->table_name = strdup(names.table_name);
    return statement->node != NULL && statement->index_schema != NULL &&
           statement->index_name != NULL && statement->table_schema != NULL &&
           statement->table_name != NULL;
}

/* Lines of all statements in one pass. */
static void number_lines(text_span_t script, statement_list_t *list) {
    int line = 1;
    size_t at = 0;
    for (size_t i = 0; i < list->count; i++) {
        for (; at < list->items[i].offset; at++) {
            line += script.bytes[at] == '\n';
        }
        list->items[i].line = line;
    }
}

static void too_complex(statement_problem_t *problem, const char *what) {
    problem->rule = RULE_PARSES;
    problem->offset = 0;
    (void)error_set(&problem->error, ERROR_SQL_TOO_COMPLEX, "too complex to parse: %s", what);
}

static void collect(text_span_t script, const PgQuery__ParseResult *tree,
                    statement_result_t *result) {
    if (tree->n_stmts == 0) {
        return;
    }
    result->list.items = calloc(tree->n_stmts, sizeof *result->list.items);
    if (result->list.items == NULL) {
        too_complex(&result->problem, "out of memory");
        return;
    }
    result->list.count = tree->n_stmts;
    for (size_t i = 0; i < tree->n_stmts; i++) {
        if (!fill(script, tree->stmts[i], &result->list.items[i])) {
            statement_result_free(result);
            too_complex(&result->problem, "out of memory");
            return;
        }
    }
    number_lines(script, &result->list);
}

/*
 * Memory of one tree, given back at once: freeing a tree node by node costs as much as reading it.
 * Blocks grow with what was taken, so that a script of one line takes little.
 */
typedef struct block {
    struct block *next;
    size_t size;
    size_t used;
    _Alignas(max_align_t) char bytes[];
} block_t;

enum { BLOCK_FIRST = 16 * 1024, BLOCK_MOST = 4 * 1024 * 1024 };

static void *arena_take(void *context, size_t size) {
    block_t **newest = context;
    size_t step = _Alignof(max_align_t);
    size = (size + step - 1) / step * step;
    if (*newest == NULL || (*newest)->size - (*newest)->used < size) {
        size_t room = *newest == NULL ? BLOCK_FIRST : (*newest)->size * 2;
        room = room > BLOCK_MOST ? BLOCK_MOST : room;
        room = room < size ? size : room;
        block_t *block = malloc(sizeof *block + room);
        if (block == NULL) {
            return NULL;
        }
        *block = (block_t){.next = *newest, .size = room};
        *newest = block;
    }
    void *memory = (*newest)->bytes + (*newest)->used;
    (*newest)->used += size;
    return memory;
}

static void arena_leave(void *context, void *memory) {
    (void)context;
    (void)memory;
}

static void arena_free(block_t **newest) {
    while (*newest != NULL) {
        block_t *block = *newest;
        *newest = block->next;
        free(block);
    }
}

/* What the parser refused, given to explain; NULL: only that it was refused. */
typedef void explain_t(text_span_t script, statement_complaint_t complaint,
                       statement_problem_t *ret_problem);

static void parse(text_span_t script, explain_t *explain, statement_result_t *ret_result) {
    statement_problem_t *problem = &ret_result->problem;
    PgQueryProtobufParseResult parsed = pg_query_parse_protobuf(script.bytes);
    if (parsed.error != NULL) {
        statement_complaint_t complaint = {.message = or_empty(parsed.error->message),
                                           .cursor = parsed.error->cursorpos};
        explain(script, complaint, problem);
    } else {
        CLEANUP(arena_free) block_t *arena = NULL;
        ProtobufCAllocator allocator = {
            .alloc = arena_take, .free = arena_leave, .allocator_data = &arena};
        PgQuery__ParseResult *tree = pg_query__parse_result__unpack(
            &allocator, parsed.parse_tree.len, (const uint8_t *)parsed.parse_tree.data);
        if (tree == NULL) {
            too_complex(problem, "out of memory");
        } else {
            collect(script, tree, ret_result);
        }
    }
    pg_query_free_protobuf_parse_result(parsed);
}

static void explain_nothing(text_span_t script, statement_complaint_t complaint,
                            statement_problem_t *ret_problem) {
    (void)script;
    (void)complaint;
    (void)error_set(&ret_problem->error, ERROR_SQL_SYNTAX, "refused");
}

bool statement_ends_with_copy(text_span_t script, size_t *ret_offset) {
    CLEANUP(statement_result_free) statement_result_t result = {0};
    parse(script, explain_nothing, &result);
    size_t count = result.list.count;
    if (count == 0 || result.list.items[count - 1].kind != STATEMENT_COPY_CLIENT) {
        return false;
    }
    *ret_offset = result.list.items[count - 1].offset;
    return true;
}

void statement_parse_here(text_span_t script, statement_result_t *ret_result) {
    memset(ret_result, 0, sizeof *ret_result);
    statement_problem_t *problem = &ret_result->problem;
    if (text_check(script, &problem->offset, &problem->error) != STATUS_OK) {
        problem->rule = script.size > LIMIT_SCRIPT_BYTES ? RULE_SIZE : RULE_ENCODING;
        return;
    }
    if (script.size > 0) {
        parse(script, statement_explain, ret_result);
    }
}

void statement_result_free(statement_result_t *result) {
    for (size_t i = 0; i < result->list.count; i++) {
        statement_t *statement = &result->list.items[i];
        free(statement->node);
        free(statement->index_schema);
        free(statement->index_name);
        free(statement->table_schema);
        free(statement->table_name);
    }
    free(result->list.items);
    memset(result, 0, sizeof *result);
}
