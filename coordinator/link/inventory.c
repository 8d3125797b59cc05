/*
 * inventory.c: tenants as an agent sees them, part by part. Writing a part twice changes nothing;
 * who is gone is decided only by a full reading of which every part came in over one connection.
 */
#include "common/wire/field.h"
#include "coordinator/link/internal.h"
#include "coordinator/store/store_tenant.h"

#include <string.h>

application_row_t inventory_application(const Drover__ApplicationSeen *seen, int64_t observed_us) {
    return (application_row_t){
        .application = seen->application,
        .generation = seen->generation,
        .position = seen->position,
        .version = seen->version,
        .ledger_sequence = seen->ledger_sequence,
        .ledger_digest = field_digest(seen->ledger_digest),
        .fingerprint_strict = field_digest(seen->fingerprint_strict),
        .fingerprint_logical = field_digest(seen->fingerprint_logical),
        .observed_us = observed_us,
    };
}

static status_t tell_change(hub_t *self, const session_t *session, const tenant_row_t *tenant,
                            const tenant_change_t *change, error_t *err) {
    if (change->place != TENANT_MOVED && !change->regressed) {
        return STATUS_OK;
    }
    log_warning(change->regressed ? "tenant went back in time" : "tenant moved", "tenant",
                tenant->name, "database", tenant->database, "agent", session->name);
    audit_row_t row = {.actor = session->name,
                       .origin = "inventory",
                       .action = change->regressed ? "tenant.regressed" : "tenant.moved",
                       .tenant = tenant->id,
                       .result = "ok",
                       .detail = change->regressed
                                     ? "its ledger is older than one that was known before"
                                     : "found at another place, the one before is gone"};
    return hub_audit(self, &row, err);
}

static status_t put_tenant(hub_t *self, session_t *session, const Drover__TenantSeen *seen,
                           error_t *err) {
    label_row_t labels[LIMIT_LABELS];
    application_row_t applications[WIRE_APPLICATIONS];
    /* the agent's clock may stand ahead, and must not make later readings look late; so may ours:
     * what is noted now outweighs nothing once it is set right (store_tenant.h) */
    int64_t observed_us = seen->observed_us < self->now_us ? seen->observed_us : self->now_us;
    for (size_t i = 0; i < seen->n_labels; i++) {
        labels[i] = (label_row_t){.key = seen->labels[i]->key, .value = seen->labels[i]->value};
    }
    for (size_t i = 0; i < seen->n_applications; i++) {
        applications[i] = inventory_application(seen->applications[i], observed_us);
    }
    tenant_row_t row = {
        .id = field_ident(seen->tenant),
        .name = seen->name,
        .system_identifier = seen->system_identifier,
        .database = seen->database,
        .schema = seen->schema,
        .agent = session_agent(&session->key),
        .stamped = seen->stamped,
        .size_bytes = seen->size_bytes,
        .problem_code = seen->problem_code,
        .problem = seen->problem,
        .gone = seen->gone,
        .observed_us = observed_us,
        .snapshot = session->snapshot,
        .labels = labels,
        .label_count = seen->n_labels,
        .applications = applications,
        .application_count = seen->n_applications,
    };
    if (ident_is_null(&row.id) || row.system_identifier == 0) {
        log_debug("tenant without identity passed over", "agent", session->name, "tenant",
                  seen->name);
        return STATUS_OK;
    }
    TRY(refill_fence(self, session, seen, err));
    leftover_place_t place = {
        .system_identifier = row.system_identifier, .tenant = row.id, .seen_us = observed_us};
    leftovers_put(&session->left, &place, seen->leftovers, seen->gone ? 0 : seen->n_leftovers);
    tenant_change_t change = {0};
    TRY(store_tenant_put(self->options.store, &row, self->now_us, &change, err));
    return tell_change(self, session, &row, &change, err);
}

/* Follow the parts: whether all of them came in, in order. */
static void follow(session_t *session, const Drover__Inventory *inventory) {
    ident_t snapshot = field_ident(inventory->snapshot);
    if (!ident_equal(&snapshot, &session->snapshot)) {
        session->snapshot = snapshot;
        session->next_part = 0;
        session->snapshot_whole = true;
    }
    if (inventory->part == session->next_part) {
        session->next_part++;
    } else if (inventory->part > session->next_part) {
        session->snapshot_whole = false; /* an earlier part was never seen here */
        session->next_part = inventory->part + 1;
    }
}

static status_t finish(hub_t *self, const session_t *session, error_t *err) {
    tenant_snapshot_t snapshot = {.agent = session_agent(&session->key),
                                  .snapshot = session->snapshot,
                                  .now_us = self->now_us};
    uint32_t gone = 0;
    TRY(store_tenant_finish_snapshot(self->options.store, &snapshot, &gone, err));
    if (gone > 0) {
        log_warning("tenants gone", "agent", session->name, "tenants", LOG_NUMBER(gone));
    }
    return STATUS_OK;
}

status_t inventory_take(hub_t *self, session_t *session, const Drover__Inventory *inventory,
                        error_t *err) {
    TRY(hub_begin(self, err));
    follow(session, inventory);
    for (size_t i = 0; i < inventory->n_tenants; i++) {
        TRY(put_tenant(self, session, inventory->tenants[i], err));
    }
    if (inventory->last && inventory->full && session->snapshot_whole) {
        TRY(finish(self, session, err));
    }
    Drover__InventoryAck ack = DROVER__INVENTORY_ACK__INIT;
    ack.snapshot = inventory->snapshot;
    ack.part = inventory->part;
    hub_say(self, &session->key, DROVER__KIND__KIND_INVENTORY_ACK, &ack.base);
    return STATUS_OK;
}
