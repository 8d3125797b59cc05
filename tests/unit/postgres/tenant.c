/* tenant.c: see tenant.h. */
#include "tests/unit/postgres/tenant.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "common/postgres/identity.h"
#include "common/postgres/schema.h"
#include "tests/unit/postgres/scratch.h"

#include <stdio.h>
#include <string.h>

enum { PATIENCE_MS = 30000 };

ledger_row_t tenant_next(const tenant_t *tenant, ledger_kind_t kind) {
    ledger_row_t row = {.tenant = tenant->id, .kind = kind, .started_us = clock_wall_us()};
    const ledger_row_t *head = &tenant->head;
    (void)snprintf(row.application, sizeof row.application, "%s", tenant->application);
    (void)snprintf(row.actor, sizeof row.actor, "o'perator \\ tester");
    row.seq = head->seq + 1;
    row.generation = head->generation == 0 ? 1 : head->generation;
    row.position = kind == LEDGER_APPLY ? head->position + 1 : head->position;
    (void)snprintf(row.version, sizeof row.version, "V%03d", row.position);
    row.script = hash_of(HASH_SCRIPT, row.version, strlen(row.version));
    row.attempt = tenant->token.attempt;
    row.job = random_ident();
    row.epoch = tenant->token.epoch;
    row.incarnation = tenant->token.incarnation;
    row.finished_us = row.started_us + 1;
    row.previous = head->digest;
    ledger_signer_t signer = {&tenant->key, &tenant->secret};
    ledger_seal(&row, &signer);
    return row;
}

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        error_print(err, "tenant");
        abort();
    }
}

void tenant_baseline(tenant_t *tenant, connection_t *c) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    error_t err = {0};
    must(random_start(&err), &err);
    tenant->id = random_ident();
    tenant->application = "shop";
    tenant->token = (fence_token_t){1, random_ident(), random_ident()};
    tenant->login = "drover";
    tenant->owner = "owner";
    sign_keypair(&tenant->key, &tenant->secret);
    buffer_text(&sql, "BEGIN;");
    schema_sql_install(&sql, 0);
    identity_sql_stamp(&sql, &(identity_stamp_t){tenant->id, "acme", clock_wall_us()});
    buffer_text(&sql, ";");
    fence_key_t key = {tenant->id, tenant->application};
    fence_sql_establish(&sql, &key, &tenant->token);
    ledger_row_t row = tenant_next(tenant, LEDGER_BASELINE);
    buffer_format(&sql, ";INSERT INTO drover.history (%s) VALUES (", LEDGER_COLUMNS);
    ledger_sql_values(&sql, &row);
    buffer_text(&sql, ");COMMIT");
    must(connection_run(c, buffer_string(&sql), PATIENCE_MS, &answer, &err), &err);
    tenant->head = row;
}

static transaction_way_t way_of(const tenant_t *tenant) {
    if (!tenant->chain) {
        return TRANSACTION_PLAIN;
    }
    bool same = ident_equal(&tenant->prepared_token.incarnation, &tenant->token.incarnation) &&
                tenant->prepared_token.epoch == tenant->token.epoch;
    return tenant->prepared && same ? TRANSACTION_PREPARED : TRANSACTION_PREPARES;
}

static status_t open_and_run(tenant_t *tenant, connection_t *c, const char *script,
                             tenant_run_t *run) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    transaction_begin_t begin = {.key = {tenant->id, tenant->application},
                                 .token = tenant->token,
                                 .head_seq = tenant->head.seq,
                                 .role = tenant->owner,
                                 .search_path = "\"$user\", public",
                                 .lock_timeout_ms = 2000,
                                 .reset_session = true,
                                 .server_version = connection_server_version(c),
                                 .way = way_of(tenant),
                                 .login = tenant->login};
    transaction_opened_t opened = {0};
    transaction_sql_open(&sql, &begin);
    tenant->prepared = false; /* until a record has seen them */
    buffer_text(&sql, script);
    transaction_sql_settle(&sql);
    connection_request_t request = {.sql = buffer_string(&sql),
                                    .discard_rows = true,
                                    .keep_first = transaction_open_statements(&begin),
                                    .deadline_us = clock_boot_us() + PATIENCE_MS * US_PER_MS};
    status_t ran = connection_run_request(c, &request, &answer, &run->err);
    error_t unread = {0};
    if (transaction_read_open(answer.results, answer.count, &opened,
                              ran == STATUS_OK ? &run->err : &unread) == STATUS_OK) {
        memcpy(run->xid, opened.xid, sizeof run->xid);
        run->opened = true;
    }
    if (ran != STATUS_OK) {
        transaction_explain(&run->err);
    }
    return run->opened ? ran : STATUS_ERROR;
}

static status_t record(tenant_t *tenant, connection_t *c, const ledger_row_t *row,
                       tenant_run_t *run) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    transaction_record_t what = {row, run->xid, tenant->owner, tenant->login, tenant->chain};
    transaction_sql_record(&sql, &what);
    transaction_sql_guard(&sql);
    status_t ran = connection_run(c, buffer_string(&sql), PATIENCE_MS, &answer, &run->err);
    if (ran != STATUS_OK && answer.lost) {
        return STATUS_ERROR;
    }
    TRY(transaction_read_record(answer.results, answer.count, &what, &run->err));
    run->recorded = true;
    tenant->prepared = tenant->chain && transaction_still_prepared(answer.results, answer.count);
    tenant->prepared_token = tenant->token;
    return STATUS_OK;
}

tenant_run_t tenant_apply(tenant_t *tenant, connection_t *c, const char *script,
                          ledger_row_t *row) {
    tenant_run_t run = {0};
    *row = tenant_next(tenant, LEDGER_APPLY);
    bool well = open_and_run(tenant, c, script, &run) == STATUS_OK &&
                record(tenant, c, row, &run) == STATUS_OK;
    if (!well && connection_state(c) == CONNECTION_IDLE) {
        (void)scratch_state(c, "ROLLBACK");
    }
    return run;
}

status_t tenant_migrate(tenant_t *tenant, connection_t *c, const char *script, error_t *err) {
    CLEANUP(connection_answer_free) connection_answer_t answer = {0};
    ledger_row_t row;
    tenant_run_t run = tenant_apply(tenant, c, script, &row);
    if (!run.recorded) {
        *err = run.err;
        return STATUS_ERROR;
    }
    connection_request_t commit = {.sql = "COMMIT",
                                   .phase = SQLSTATE_COMMITTING,
                                   .deadline_us = clock_boot_us() + PATIENCE_MS * US_PER_MS};
    TRY(connection_run_request(c, &commit, &answer, err));
    TRY(transaction_read_commit(answer.results, answer.count, err));
    tenant->head = row;
    return STATUS_OK;
}
