/*
 * results.c: what agents signed about their tenants of a wave, kept for the ticket of the next one.
 * A result is kept only as its own agent's word about tenants that it was given under an order that
 * is at work; any other is told and dropped, and the reports beside it count as they are. An agent
 * says again, in a larger document, what it said before: of a tenant that another agent was given
 * since, only what is kept of it already.
 */
#include "common/trust/ticket.h"
#include "coordinator/link/internal.h"
#include "coordinator/store/store_ticket.h"

#include <stdio.h>
#include <string.h>

/* One result with what was found out about it. */
typedef struct said {
    document_t *document;
    result_t *result;
    proofs_t *proofs;
    ident_t rollout;
} said_t;

static void said_free(said_t *said) {
    result_destroy(&said->result);
    document_destroy(&said->document);
}

static status_t refuse(error_t *err, const char *what) {
    return error_set(err, ERROR_PEER_NOT_ALLOWED, "%s", what);
}

/* Verify before anything of it is parsed: signed by this very peer, and by nobody else. */
static status_t open_result(const listener_message_t *from, ProtobufCBinaryData bytes, said_t *said,
                            error_t *err) {
    TRY(document_decode(bytes.data, bytes.len, &said->document, err));
    const document_t *document = said->document;
    if (document->signature_count != 1 ||
        !sign_public_equal(&document->keys[0], &from->peer->sign)) {
        return refuse(err, "it is not signed by that agent alone");
    }
    return result_read(document, &said->result, err);
}

/* The rollout that the order started, which its jobs' reports have brought back where it was over.
 */
static status_t find_rollout(hub_t *self, const digest_t *order, const rollout_t **ret_rollout,
                             error_t *err) {
    *ret_rollout = NULL;
    for (size_t i = 0; i < engine_rollout_count(self->engine); i++) {
        const rollout_t *rollout = engine_rollout_at(self->engine, i);
        proofs_t *proofs = NULL;
        if (digest_equal(&rollout->order_digest, order)) {
            TRY(proofs_find(self, rollout, &proofs, err));
            *ret_rollout = engine_rollout(self->engine, &proofs->owner);
            return STATUS_OK;
        }
    }
    return STATUS_OK;
}

/* Whether the agent was given the tenant, and nobody after it. */
static bool is_its_own(const session_t *session, const rollout_t *rollout, const said_t *said,
                       const result_entry_t *entry) {
    uint32_t ordinal = 0;
    agent_key_t agent = session_agent(&session->key);
    return proofs_task(said->proofs, said->result->wave, &entry->tenant, &ordinal) &&
           memcmp(&rollout->tasks[ordinal].agent, &agent, sizeof agent) == 0;
}

/* What is kept of one agent about one tenant. */
typedef struct kept {
    const sign_public_t *key;
    const result_entry_t *entry;
    bool found; /* the same word */
} kept_t;

static status_t look_at_kept(void *context, const wave_result_row_t *row, error_t *err) {
    kept_t *kept = context;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(result_destroy_p) result_t *result = NULL;
    if (kept->found || !sign_public_equal(&row->key, kept->key)) {
        return STATUS_OK;
    }
    TRY(document_decode(row->document, row->document_size, &document, err));
    TRY(result_read(document, &result, err));
    for (size_t i = 0; i < result->entry_count && !kept->found; i++) {
        kept->found = ident_equal(&result->entries[i].tenant, &kept->entry->tenant) &&
                      result->entries[i].outcome == kept->entry->outcome;
    }
    return STATUS_OK;
}

static status_t check_said_before(hub_t *self, const said_t *said, const result_entry_t *entry,
                                  error_t *err) {
    kept_t kept = {.key = &said->document->keys[0], .entry = entry};
    order_wave_id_t wave = {.order = said->result->order, .wave = said->result->wave};
    TRY(store_wave_result_each(self->options.store, &wave, look_at_kept, &kept, err));
    if (!kept.found) {
        char tenant[IDENT_TEXT_SIZE];
        return error_set(err, ERROR_PEER_NOT_ALLOWED,
                         "it speaks of tenant %s, which that agent was not given in wave %u",
                         ident_text(&entry->tenant, tenant), said->result->wave + 1);
    }
    return STATUS_OK;
}

static status_t check_tenants(hub_t *self, const session_t *session, const rollout_t *rollout,
                              const said_t *said, error_t *err) {
    for (size_t i = 0; i < said->result->entry_count; i++) {
        const result_entry_t *entry = &said->result->entries[i];
        if (!is_its_own(session, rollout, said, entry)) {
            TRY(check_said_before(self, said, entry, err));
        }
    }
    return STATUS_OK;
}

static status_t check_result(hub_t *self, const session_t *session, said_t *said, error_t *err) {
    const result_t *result = said->result;
    trust_view_t view = keeper_view(self->options.keeper, self->now_us);
    if (!ident_equal(&result->fleet, &view.trust->fleet)) {
        return refuse(err, "it is of another fleet");
    }
    const rollout_t *rollout = NULL;
    TRY(find_rollout(self, &result->order, &rollout, err));
    said->proofs = proofs_known(self, &result->order);
    if (rollout == NULL || said->proofs == NULL) {
        return refuse(err, "no rollout is at work under its order");
    }
    said->rollout = rollout->id;
    /* as the ticket will be judged: one from another time would spoil it */
    if (result->issued_us > self->now_us + TRUST_SKEW_US ||
        result->issued_us < said->proofs->order->issued_us - TRUST_SKEW_US) {
        return refuse(err, "it is from the future, or from before its order");
    }
    return check_tenants(self, session, rollout, said, err);
}

static status_t tell_foreign(hub_t *self, const listener_message_t *from, const said_t *said,
                             const error_t *why, error_t *err) {
    char detail[ERROR_TEXT_MAX + 64];
    (void)snprintf(detail, sizeof detail, "a signed result was not kept: %s", why->message);
    log_warning("result not kept", "agent", from->peer->name, "reason", why->message);
    audit_row_t row = {.actor = from->peer->name,
                       .origin = from->address,
                       .action = "result.foreign",
                       .rollout = said->rollout,
                       .result = error_code_text(why->code),
                       .detail = detail};
    return hub_audit(self, &row, err);
}

static status_t keep(hub_t *self, const said_t *said, ProtobufCBinaryData bytes, error_t *err) {
    bool is_new = false;
    wave_result_row_t row = {.digest = said->document->id,
                             .order = said->result->order,
                             .wave = said->result->wave,
                             .key = said->document->keys[0],
                             .document = bytes.data,
                             .document_size = bytes.len,
                             .received_us = self->now_us};
    TRY(store_wave_result_insert(self->options.store, &row, &is_new, err));
    said->proofs->evidence = said->proofs->evidence || is_new;
    return STATUS_OK;
}

/* Whether the catalog or memory failed, rather than that the result is bad: it is said again. */
static bool is_ours(const error_t *err) {
    return err->code == ERROR_STORE || err->code == ERROR_DISK_FULL || err->code == ERROR_IO ||
           err->code == ERROR_NO_MEMORY;
}

static status_t take_one(hub_t *self, const listener_message_t *from, const session_t *session,
                         ProtobufCBinaryData bytes, error_t *err) {
    CLEANUP(said_free) said_t said = {0};
    error_t why = {0};
    if (open_result(from, bytes, &said, &why) == STATUS_OK &&
        check_result(self, session, &said, &why) == STATUS_OK) {
        return keep(self, &said, bytes, err);
    }
    if (is_ours(&why)) {
        *err = why;
        return STATUS_ERROR;
    }
    return tell_foreign(self, from, &said, &why, err);
}

status_t results_take(hub_t *self, const listener_message_t *from, const session_t *session,
                      const Drover__Reports *reports, error_t *err) {
    for (size_t i = 0; i < reports->n_results; i++) {
        TRY(hub_begin(self, err));
        TRY(take_one(self, from, session, reports->results[i], err));
    }
    return STATUS_OK;
}
