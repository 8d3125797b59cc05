/* ledger_sql.c: drover.history to rows and back; see ledger.h. */
#include "common/postgres/ledger.h"
#include "common/postgres/quote.h"
#include "common/postgres/result.h"

#include <inttypes.h>
#include <stdio.h>

const char LEDGER_COLUMNS[] =
    "tenant_id, application, seq, generation, kind, position, version, script_digest, "
    "undo_digest, bundle_digest, order_id, rollout_id, job_id, attempt_id, epoch, incarnation, "
    "started_us, finished_us, actor, fingerprint_strict, fingerprint_logical, stamp, "
    "cites_digest, previous_digest, row_digest, agent_key, signature";

const char LEDGER_TYPES[] =
    "uuid, text, bigint, integer, text, integer, text, bytea, bytea, bytea, uuid, uuid, uuid, "
    "uuid, bigint, uuid, bigint, bigint, text, bytea, bytea, text, bytea, bytea, bytea, bytea, "
    "bytea";

static void next(buffer_t *sql) {
    buffer_text(sql, ", ");
}

static void values_what(buffer_t *sql, const ledger_row_t *row, const char *seq) {
    quote_ident(sql, &row->tenant), next(sql);
    quote_text(sql, row->application), next(sql);
    buffer_text(sql, seq), next(sql);
    quote_number(sql, row->generation), next(sql);
    quote_text(sql, ledger_kind_text(row->kind)), next(sql);
    quote_number(sql, row->position), next(sql);
    quote_text(sql, row->version), next(sql);
    quote_digest(sql, &row->script), next(sql);
    quote_digest(sql, &row->undo), next(sql);
    quote_digest(sql, &row->bundle), next(sql);
}

void ledger_sql_values_with(buffer_t *sql, const ledger_row_t *row, const char *seq) {
    values_what(sql, row, seq);
    quote_ident(sql, &row->order), next(sql);
    quote_ident(sql, &row->rollout), next(sql);
    quote_ident(sql, &row->job), next(sql);
    quote_ident(sql, &row->attempt), next(sql);
    quote_number(sql, row->epoch), next(sql);
    quote_ident(sql, &row->incarnation), next(sql);
    quote_number(sql, row->started_us), next(sql);
    quote_number(sql, row->finished_us), next(sql);
    quote_text(sql, row->actor), next(sql);
    quote_digest(sql, &row->strict), next(sql);
    quote_digest(sql, &row->logical), next(sql);
    quote_text(sql, row->stamp[0] == '\0' ? NULL : row->stamp), next(sql);
    quote_digest(sql, &row->cites), next(sql);
    quote_digest(sql, &row->previous), next(sql);
    quote_bytes(sql, row->digest.bytes, DIGEST_BYTES), next(sql);
    quote_bytes(sql, row->agent.bytes, SIGN_PUBLIC_BYTES), next(sql);
    quote_bytes(sql, row->signature.bytes, SIGN_SIGNATURE_BYTES);
}

void ledger_sql_values(buffer_t *sql, const ledger_row_t *row) {
    char seq[24];
    (void)snprintf(seq, sizeof seq, "%" PRId64, row->seq);
    ledger_sql_values_with(sql, row, seq);
}

static void select_rows(buffer_t *sql, const fence_key_t *key) {
    buffer_format(sql, "SELECT %s FROM drover.history WHERE ", LEDGER_COLUMNS);
    fence_sql_key(sql, key);
}

void ledger_sql_read(buffer_t *sql, const fence_key_t *key, ledger_range_t range) {
    select_rows(sql, key);
    buffer_text(sql, " AND seq > ");
    quote_number(sql, range.after_seq);
    buffer_format(sql, " ORDER BY seq LIMIT %d", range.most);
}

void ledger_sql_read_attempt(buffer_t *sql, const fence_key_t *key, const ident_t *attempt) {
    select_rows(sql, key);
    buffer_text(sql, " AND attempt_id = ");
    quote_ident(sql, attempt);
    buffer_text(sql, " ORDER BY seq");
}

void ledger_sql_read_job(buffer_t *sql, const fence_key_t *key, const ident_t *job) {
    select_rows(sql, key);
    buffer_text(sql, " AND job_id = ");
    quote_ident(sql, job);
    buffer_text(sql, " ORDER BY seq");
}

static status_t read_int32(result_row_t row, const char *column, int32_t *ret_number,
                           error_t *err) {
    int64_t number = 0;
    TRY(result_number(row, column, &number, err));
    *ret_number = (int32_t)number; /* the column is an integer */
    return STATUS_OK;
}

static status_t read_what(result_row_t from, ledger_row_t *row, error_t *err) {
    char kind[LEDGER_TEXT_SIZE];
    TRY(result_ident(from, "tenant_id", &row->tenant, err));
    TRY(result_copy(from, "application", row->application, sizeof row->application, err));
    TRY(result_number(from, "seq", &row->seq, err));
    TRY(read_int32(from, "generation", &row->generation, err));
    TRY(result_copy(from, "kind", kind, sizeof kind, err));
    TRY(ledger_kind_parse(kind, &row->kind, err));
    TRY(read_int32(from, "position", &row->position, err));
    TRY(result_copy(from, "version", row->version, sizeof row->version, err));
    TRY(result_digest(from, "script_digest", &row->script, err));
    TRY(result_digest(from, "undo_digest", &row->undo, err));
    TRY(result_digest(from, "bundle_digest", &row->bundle, err));
    return STATUS_OK;
}

static status_t read_who(result_row_t from, ledger_row_t *row, error_t *err) {
    TRY(result_ident(from, "order_id", &row->order, err));
    TRY(result_ident(from, "rollout_id", &row->rollout, err));
    TRY(result_ident(from, "job_id", &row->job, err));
    TRY(result_ident(from, "attempt_id", &row->attempt, err));
    TRY(result_number(from, "epoch", &row->epoch, err));
    TRY(result_ident(from, "incarnation", &row->incarnation, err));
    TRY(result_number(from, "started_us", &row->started_us, err));
    TRY(result_number(from, "finished_us", &row->finished_us, err));
    TRY(result_copy(from, "actor", row->actor, sizeof row->actor, err));
    return STATUS_OK;
}

static status_t read_proof(result_row_t from, ledger_row_t *row, error_t *err) {
    TRY(result_digest(from, "fingerprint_strict", &row->strict, err));
    TRY(result_digest(from, "fingerprint_logical", &row->logical, err));
    TRY(result_copy(from, "stamp", row->stamp, sizeof row->stamp, err));
    TRY(result_digest(from, "cites_digest", &row->cites, err));
    TRY(result_digest(from, "previous_digest", &row->previous, err));
    TRY(result_digest(from, "row_digest", &row->digest, err));
    TRY(result_bytea(from, "agent_key", (result_bytes_t){row->agent.bytes, SIGN_PUBLIC_BYTES, NULL},
                     err));
    TRY(result_bytea(from, "signature",
                     (result_bytes_t){row->signature.bytes, SIGN_SIGNATURE_BYTES, NULL}, err));
    return STATUS_OK;
}

status_t ledger_read(const PGresult *result, int index, ledger_row_t *ret_row, error_t *err) {
    result_row_t from = {result, index};
    ledger_row_t row = {0};
    if (read_what(from, &row, err) != STATUS_OK || read_who(from, &row, err) != STATUS_OK ||
        read_proof(from, &row, err) != STATUS_OK) {
        return error_context(err, "reading row %d of the ledger's answer", index + 1);
    }
    *ret_row = row;
    return STATUS_OK;
}
