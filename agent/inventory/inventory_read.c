/*
 * inventory_read.c: one tenant, read over a connection of its own; see inventory.h.
 *
 * A database that is not known to have a ledger is asked whether it has one first: two round trips,
 * and no error line in its server's log.
 */
#include "agent/inventory/inventory_internal.h"
#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"

#include <string.h>

enum {
    RETRY_FIRST_MS = 1000,
    QUIET_FAILURES = 1, /* a tenant that was read before is not set aside by one lost connection */
};

/* ---- readings that failed ---- */

static int64_t wait_after(const inventory_t *inventory, const entry_t *entry, retry_class_t retry) {
    int64_t refresh_us = inventory->config->inventory_refresh_us;
    if (retry == RETRY_PERMANENT) {
        return refresh_us; /* somebody has to mend something */
    }
    backoff_t backoff = {.first_ms = RETRY_FIRST_MS, .most_ms = refresh_us / US_PER_MS};
    return backoff_wait_ms(&backoff, entry->failures, random_u32()) * US_PER_MS;
}

/* Set the tenant aside with this error. One that was never read gets the id that it would be
 * stamped with: it may be somebody's, which is why the inventory is not complete with it. */
static void set_aside(inventory_t *inventory, entry_t *entry, const error_t *err) {
    error_t failed = {0};
    bool news = cache_set_problem(inventory, entry, err);
    if (ident_is_null(&entry->seen.tenant)) {
        cache_set_observed(entry, &inventory->now);
        if (cache_set_provisional(inventory, entry, &failed) != STATUS_OK) {
            return; /* the journal's trouble is its owner's to tell; the next reading tries again */
        }
    }
    if (news) {
        cache_changed(inventory, entry);
    }
}

/* Ends the session. */
static void read_failed(inventory_session_t *session, const error_t *cause) {
    inventory_t *inventory = session->inventory;
    site_t *site = session->site;
    entry_t *entry = session->entry;
    error_t err = *cause;
    sqlstate_redact(&err);
    session_close(session);
    if (entry->failures < INT16_MAX) {
        entry->failures++;
    }
    bool quiet = entry->seen.read && err.retry != RETRY_PERMANENT &&
                 entry->failures <= QUIET_FAILURES && entry->seen.problem_code == ERROR_NONE;
    bool vanished = err.code == ERROR_DB_NO_DATABASE;
    if (!quiet && !vanished && !entry->seen.gone) {
        set_aside(inventory, entry, &err);
    }
    cache_due_in(inventory, site, entry, wait_after(inventory, entry, err.retry));
    if (vanished || err.retry != RETRY_PERMANENT) {
        site_probe_soon(inventory, site); /* the cluster itself may be the reason */
    }
}

/* What was read is not about the database that the entry is: ask the cluster again. */
static void read_elsewhere(inventory_session_t *session) {
    inventory_t *inventory = session->inventory;
    site_t *site = session->site;
    entry_t *entry = session->entry;
    session_close(session);
    cache_due_in(inventory, site, entry, inventory->config->inventory_refresh_us);
    site_probe_soon(inventory, site);
}

/* ---- readings that succeeded ---- */

static status_t take_heads(entry_t *entry, const identity_t *identity, error_t *err) {
    cache_clear_applications(entry);
    entry->seen.fence = (fence_token_t){0};
    for (int i = 0; i < identity->head_count; i++) {
        const identity_head_t *head = &identity->heads[i];
        const ledger_row_t *row = &head->row;
        if (head->fence.epoch > entry->seen.fence.epoch) {
            entry->seen.fence = head->fence;
        }
        if (!head->has_row || !ident_equal(&row->tenant, &identity->tenant)) {
            continue;
        }
        inventory_application_t application = {.standing = {.seq = row->seq,
                                                            .generation = row->generation,
                                                            .position = head->position,
                                                            .head = row->digest},
                                               .strict = row->strict,
                                               .logical = row->logical};
        memcpy(application.application, row->application, sizeof application.application);
        memcpy(application.standing.version, head->version, sizeof application.standing.version);
        TRY(cache_set_application(entry, &application, err));
    }
    return STATUS_OK;
}

/* What sets the tenant aside, though it could be read. */
static status_t judge(const inventory_session_t *session, error_t *err) {
    const identity_t *identity = &session->identity;
    identity_rules_t rules = {.writable = true,
                              .allow_superuser = session->site->config->allow_superuser,
                              .owner = session->entry->seen.owner};
    TRY(identity_judge(identity, &rules, err));
    if (identity->tenant_count > 1) {
        return error_set(err, ERROR_NOT_BUILT,
                         "database '%s' holds %d tenants; one a database is served",
                         identity->database, identity->tenant_count);
    }
    return STATUS_OK;
}

/* Whether the ledger's part was to be read: it is there, and made by our login. */
static bool may_read_ledger(const identity_t *identity) {
    return identity->has_schema && strcmp(identity->schema_owner, identity->login) == 0;
}

static status_t take(inventory_session_t *session, error_t *err) {
    inventory_t *inventory = session->inventory;
    entry_t *entry = session->entry;
    const identity_t *identity = &session->identity;
    bool stamped = !ident_is_null(&identity->tenant);
    bool known = !identity->has_schema || may_read_ledger(identity);
    entry->has_ledger = may_read_ledger(identity);
    if (known) {
        TRY(stamped ? cache_set_stamped(inventory, entry, &identity->tenant, err)
                    : cache_set_provisional(inventory, entry, err));
        TRY(take_heads(entry, identity, err));
        entry->seen.stamped = stamped;
        entry->seen.read = true;
    } else if (ident_is_null(&entry->seen.tenant)) {
        TRY(cache_set_provisional(inventory, entry, err));
    }
    entry->seen.size_bytes = identity->size_bytes;
    cache_set_observed(entry, &session->observed);
    return STATUS_OK;
}

static void on_leftovers(connection_t *c, connection_answer_t *answer, void *context);

/* What was left behind is asked last, where no job is at work: an answer that does not come is not
 * missed. */
static void look_behind(inventory_session_t *session) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    leftovers_sql_tenant(&sql, &session->entry->seen, session->entry->has_ledger);
    session_ask(session, &sql, on_leftovers);
}

static void read_succeeded(inventory_session_t *session) {
    inventory_t *inventory = session->inventory;
    site_t *site = session->site;
    entry_t *entry = session->entry;
    const identity_t *identity = &session->identity;
    int64_t refresh_us = inventory->config->inventory_refresh_us;
    error_t err = {0};
    if ((uint64_t)identity->system_identifier != entry->seen.system_identifier ||
        identity->database_oid != entry->seen.database_oid || identity->in_recovery ||
        entry->seen.gone) {
        read_elsewhere(session);
        return;
    }
    if (entry->seen.read && entry->seen.observed_boot_us > session->observed.boot_us) {
        session_close(session); /* a job was faster: what it left is newer than this */
        cache_due_in(inventory, site, entry, refresh_us);
        return;
    }
    if (take(session, &err) != STATUS_OK) {
        read_failed(session, &err);
        return;
    }
    entry->failures = 0;
    bool fine = judge(session, &err) == STATUS_OK;
    sqlstate_redact(&err);
    (void)cache_set_problem(inventory, entry, fine ? NULL : &err);
    cache_due_in(inventory, site, entry, fine ? STALE_REFRESHES * refresh_us : refresh_us);
    cache_changed(inventory, entry);
    if (site->busy) {
        session_close(session);
    } else {
        look_behind(session);
    }
}

static void on_leftovers(connection_t *c, connection_answer_t *answer, void *context) {
    (void)c;
    inventory_session_t *session = context;
    bool there = !answer->lost && answer->error.code == ERROR_NONE && answer->count == 1;
    if (there && !session->site->busy &&
        leftovers_take(&session->entry->seen.left, answer->results[0])) {
        cache_changed(session->inventory, session->entry);
    }
    session_close(session);
}

/* ---- questions ---- */

static void on_ledger(connection_t *c, connection_answer_t *answer, void *context) {
    (void)c;
    inventory_session_t *session = context;
    error_t err = {0};
    status_t status =
        identity_read_ledger(answer->results, answer->count, &session->identity, &err);
    if (answer->lost || status != STATUS_OK) {
        err = answer->error.code != ERROR_NONE ? answer->error : err;
        read_failed(session, &err);
        return;
    }
    read_succeeded(session);
}

static void on_identity(connection_t *c, connection_answer_t *answer, void *context) {
    (void)c;
    inventory_session_t *session = context;
    CLEANUP(buffer_free) buffer_t sql = {0};
    error_t err = {0};
    /* an error may only say that the ledger is not there any more: identity_read knows */
    status_t status = answer->lost
                          ? STATUS_ERROR
                          : identity_read(answer->results, answer->count, &session->identity, &err);
    if (status != STATUS_OK) {
        err = answer->error.code != ERROR_NONE ? answer->error : err;
        read_failed(session, &err);
        return;
    }
    if (session->entry->has_ledger || !may_read_ledger(&session->identity)) {
        read_succeeded(session);
        return;
    }
    identity_sql_ledger(&sql, NULL);
    session_ask(session, &sql, on_ledger);
}

static void on_connected(connection_t *c, connection_answer_t *answer, void *context) {
    (void)c;
    inventory_session_t *session = context;
    const entry_t *entry = session->entry;
    CLEANUP(buffer_free) buffer_t sql = {0};
    if (answer->error.code != ERROR_NONE) {
        error_t err = answer->error;
        read_failed(session, &err);
        return;
    }
    identity_ask_t ask = {.owner = entry->seen.owner, .size = true, .ledger = entry->has_ledger};
    session->identity = (identity_t){0};
    session->observed = session->inventory->now;
    identity_sql(&sql, &ask);
    session_ask(session, &sql, on_identity);
}

void read_start(inventory_session_t *session) {
    session_connect(session, session->entry->seen.database, on_connected);
}
