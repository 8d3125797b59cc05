/* proof.c: see proof.h. */
#include "agent/steps/proof.h"
#include "common/postgres/quote.h"

#include <string.h>

/* One row of a query: a boolean, with a name before it where there are two columns. */
static status_t judge_row(const PGresult *result, int row, size_t query, error_code_t failure,
                          const char *version, error_t *err) {
    int columns = PQnfields(result);
    const char *value = PQgetvalue(result, row, columns - 1);
    bool null = PQgetisnull(result, row, columns - 1) == 1;
    if (!null && strcmp(value, "t") == 0) {
        return STATUS_OK;
    }
    const char *name =
        columns == 2 && !PQgetisnull(result, row, 0) ? PQgetvalue(result, row, 0) : "";
    return error_set(err, failure, "%s: query %zu%s%.120s is %s, not true", version, query,
                     name[0] != '\0' ? ", " : "", name, null ? "NULL" : "false");
}

static status_t judge_query(const PGresult *result, size_t query, error_code_t failure,
                            const char *version, error_t *err) {
    enum { BOOL_OID = 16 };
    int columns = PQnfields(result);
    if (columns < 1 || columns > 2 || PQftype(result, columns - 1) != BOOL_OID) {
        return error_set(err, failure,
                         "%s: query %zu must answer one boolean, or a name and a boolean", version,
                         query);
    }
    if (PQntuples(result) == 0) {
        return error_set(err, failure, "%s: query %zu answered no row", version, query);
    }
    for (int row = 0; row < PQntuples(result); row++) {
        TRY(judge_row(result, row, query, failure, version, err));
    }
    return STATUS_OK;
}

status_t proof_judge(proof_results_t results, error_code_t failure, const char *version,
                     error_t *err) {
    size_t queries = 0;
    for (size_t i = 0; i < results.count; i++) {
        if (PQresultStatus(results.results[i]) == PGRES_TUPLES_OK) {
            TRY(judge_query(results.results[i], ++queries, failure, version, err));
        } else {
            return error_set(err, failure, "%s: statement %zu answers no rows; only queries prove",
                             version, i + 1);
        }
    }
    if (queries == 0) {
        return error_set(err, failure, "%s: the script asks nothing", version);
    }
    return STATUS_OK;
}

/* Commands of ours around the script's queries. */
enum { OPENING_INSIDE = 2, CLOSING_INSIDE = 2, OPENING_ALONE = 4, CLOSING_ALONE = 1 };

static void on_results(run_t *run, connection_answer_t *answer) {
    error_t err = answer->error;
    bool inside = run->proof_options.in_transaction;
    size_t opening = inside ? OPENING_INSIDE : OPENING_ALONE;
    size_t closing = inside ? CLOSING_INSIDE : CLOSING_ALONE;
    proof_results_t results = {0};
    if (err.code == ERROR_NONE && answer->count >= opening + closing) {
        results.results = answer->results + opening;
        results.count = answer->count - opening - closing;
    }
    if (err.code != ERROR_NONE) {
        (void)error_context(&err, "%s: proving", run->proof_options.version);
        run_roll_back(run, &err);
        return;
    }
    if (proof_judge(results, run->proof_options.failure, run->proof_options.version, &err) !=
        STATUS_OK) {
        run_roll_back(run, &err);
        return;
    }
    run_next_fn *next = run->proved;
    run->proved = NULL;
    next(run);
}

/* The path is quoted: it is a text of the tenant's, whose names may hold anything. */
static void open_alone(const run_t *run, const proof_t *proof, buffer_t *sql) {
    buffer_text(sql, "BEGIN READ ONLY;\nSELECT pg_catalog.set_config('search_path', ");
    quote_text(sql, run->identity.search_path);
    buffer_text(sql, ", true);\nSET LOCAL ROLE ");
    if (run_role(run) != NULL) {
        quote_name(sql, run_role(run));
    } else {
        buffer_text(sql, "NONE");
    }
    buffer_format(sql, ";\nSET LOCAL statement_timeout = %lld;\n",
                  (long long)run_statement_timeout_ms(run, proof->script));
}

void proof_begin(run_t *run, const proof_t *proof) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    run->proof_options.in_transaction = proof->in_transaction;
    run->proof_options.failure = proof->failure;
    (void)snprintf(run->proof_options.version, sizeof run->proof_options.version, "%s",
                   proof->version);
    run->proved = proof->next;
    if (proof->in_transaction) {
        buffer_text(&sql, "SAVEPOINT drover_proof;\nSET LOCAL transaction_read_only = on;\n");
    } else {
        open_alone(run, proof, &sql);
    }
    buffer_append(&sql, proof->script->text, proof->script->size);
    buffer_text(&sql, proof->in_transaction ? "\n;\nROLLBACK TO SAVEPOINT drover_proof;\n"
                                              "RELEASE SAVEPOINT drover_proof"
                                            : "\n;\nROLLBACK");
    run_send(run, &sql, &(run_request_t){0}, on_results);
}
