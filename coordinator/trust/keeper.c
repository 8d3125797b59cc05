/*
 * keeper.c: see keeper.h.
 *
 * Trust files are verified again each time they are read: from the pin upwards, each by the one
 * before. Revocations were verified when they came; one stays in force even where the trust file no
 * longer names who signed it, for a key that was taken out must not come back by itself.
 */
#include "coordinator/trust/keeper.h"
#include "common/trust/trust_file.h"
#include "coordinator/store/store_agent.h"
#include "coordinator/store/store_trust.h"

#include <inttypes.h>
#include <string.h>

struct keeper {
    store_t *store;
    char *root;
    char *environment;
    int64_t order_life_us;
    int64_t now_us;  /* the latest that it was told */
    document_t *pin; /* as last read from root */
    trust_t *trust;
    revoked_t revoked;
    uint64_t changes;
};

void keeper_destroy(keeper_t **keeper_p) {
    if (keeper_p == NULL || *keeper_p == NULL) {
        return;
    }
    keeper_t *keeper = *keeper_p;
    free(keeper->root);
    free(keeper->environment);
    document_destroy(&keeper->pin);
    trust_destroy(&keeper->trust);
    revoked_free(&keeper->revoked);
    free(keeper);
    *keeper_p = NULL;
}

trust_view_t keeper_view(const keeper_t *keeper, int64_t now_us) {
    return (trust_view_t){.trust = keeper->trust, .revoked = &keeper->revoked, .now_us = now_us};
}

store_t *keeper_store(const keeper_t *keeper) {
    return keeper->store;
}

const char *keeper_environment(const keeper_t *keeper) {
    return keeper->environment;
}

int64_t keeper_order_life_us(const keeper_t *keeper) {
    return keeper->order_life_us;
}

uint64_t keeper_changes(const keeper_t *keeper) {
    return keeper->changes;
}

void keeper_changed(keeper_t *keeper) {
    keeper->changes++;
}

/* ------------------------------------------------------------------ reading the catalog */

/* From the pin to the newest trust file. */
typedef struct chain {
    int64_t now_us;
    trust_t *trust;     /* as far as it was followed */
    bool pin_is_stored; /* the catalog has the pin, or what came after it */
} chain_t;

static status_t follow_row(void *context, const trust_file_row_t *row, error_t *err) {
    chain_t *chain = context;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    if (document_decode(row->document.bytes, row->document.size, &document, err) != STATUS_OK) {
        return error_context(err, "reading trust file %" PRId64 " of the catalog", row->version);
    }
    chain->pin_is_stored = true;
    if (row->version == chain->trust->version) { /* the pin itself */
        trust_seen_t seen = {.version = row->version, .digest = document->id};
        return trust_check_seen(chain->trust, &seen, err);
    }
    trust_step_t step = {.current = chain->trust, .next = document, .now_us = chain->now_us};
    trust_t *next = NULL;
    if (trust_follow(&step, &next, err) != STATUS_OK) {
        return error_context(err,
                             "following the catalog's trust files from %" PRId64 " to %" PRId64,
                             chain->trust->version, row->version);
    }
    trust_destroy(&chain->trust);
    chain->trust = next;
    return STATUS_OK;
}

/* A pin may skip what the catalog has, but not leave its fleet. */
static status_t check_fleet(void *context, const trust_file_row_t *row, error_t *err) {
    const chain_t *chain = context;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(trust_destroy_p) trust_t *stored = NULL;
    TRY(document_decode(row->document.bytes, row->document.size, &document, err));
    TRY(trust_read(document, &stored, err));
    if (!ident_equal(&stored->fleet, &chain->trust->fleet)) {
        return error_set(err, ERROR_TRUST_FLEET,
                         "the pin is of another fleet than trust file %" PRId64 " of the catalog",
                         row->version);
    }
    return STATUS_OK;
}

static status_t insert_file(store_t *store, const trust_t *trust, const keeper_paper_t *paper,
                            error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(paper->document, &bytes, err));
    trust_file_row_t row = {.version = trust->version,
                            .digest = trust->digest,
                            .document = {.bytes = bytes.data, .size = bytes.size},
                            .published_by = paper->by,
                            .published_us = paper->now_us};
    bool fresh = false;
    TRY(store_trust_file_insert(store, &row, &fresh, err));
    if (!fresh) {
        return error_set(err, ERROR_TRUST_FORK, "the catalog has another trust file %" PRId64,
                         trust->version);
    }
    return STATUS_OK;
}

/* Keep a pin that the catalog lacks, in a commit of its own where none is open. */
static status_t save_pin(store_t *store, const trust_t *trust, const keeper_paper_t *paper,
                         error_t *err) {
    if (store_in_transaction(store)) {
        return insert_file(store, trust, paper, err);
    }
    TRY(store_begin(store, err));
    if (insert_file(store, trust, paper, err) != STATUS_OK) {
        store_rollback(store);
        return STATUS_ERROR;
    }
    return store_commit(store, err);
}

static status_t read_trust(store_t *store, const document_t *pin, int64_t now_us,
                           trust_t **ret_trust, error_t *err) {
    chain_t chain = {.now_us = now_us};
    TRY(trust_pin(pin, &chain.trust, err));
    keeper_paper_t paper = {.document = pin, .by = "the pin", .now_us = now_us};
    status_t status = store_trust_file_each(store, chain.trust->version, follow_row, &chain, err);
    if (status == STATUS_OK && !chain.pin_is_stored) {
        status = store_trust_file_each(store, 0, check_fleet, &chain, err);
        status = status == STATUS_OK ? save_pin(store, chain.trust, &paper, err) : status;
    }
    if (status != STATUS_OK) {
        trust_destroy(&chain.trust);
        return STATUS_ERROR;
    }
    *ret_trust = chain.trust;
    return STATUS_OK;
}

/* What the catalog's revocations took out. */
typedef struct taken_out {
    const trust_t *trust;
    revoked_t revoked;
} taken_out_t;

static status_t add_revocation(void *context, const revocation_row_t *row, error_t *err) {
    taken_out_t *taken_out = context;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    revocation_t revocation;
    if (document_decode(row->document.bytes, row->document.size, &document, err) != STATUS_OK ||
        revocation_read(document, &revocation, err) != STATUS_OK) {
        return error_context(err, "reading a revocation of the catalog");
    }
    if (!ident_equal(&revocation.fleet, &taken_out->trust->fleet)) {
        return error_set(err, ERROR_TRUST_FLEET, "a revocation of the catalog is of another fleet");
    }
    return revoked_add(&taken_out->revoked, &revocation.key, err);
}

static status_t load(keeper_t *keeper, const document_t *pin, error_t *err) {
    CLEANUP(trust_destroy_p) trust_t *trust = NULL;
    TRY(read_trust(keeper->store, pin, keeper->now_us, &trust, err));
    taken_out_t taken_out = {.trust = trust};
    if (store_revocation_each(keeper->store, add_revocation, &taken_out, err) != STATUS_OK) {
        revoked_free(&taken_out.revoked);
        return STATUS_ERROR;
    }
    trust_destroy(&keeper->trust);
    revoked_free(&keeper->revoked);
    keeper->trust = TAKE(trust);
    keeper->revoked = taken_out.revoked;
    keeper->changes++;
    return STATUS_OK;
}

static void hear_time(keeper_t *keeper, int64_t now_us) {
    keeper->now_us = now_us > keeper->now_us ? now_us : keeper->now_us;
}

status_t keeper_reload(keeper_t *keeper, error_t *err) {
    return load(keeper, keeper->pin, err);
}

status_t keeper_repin(keeper_t *keeper, int64_t now_us, error_t *err) {
    CLEANUP(document_destroy_p) document_t *pin = NULL;
    hear_time(keeper, now_us);
    TRY(trust_file_read(keeper->root, &pin, err));
    if (load(keeper, pin, err) != STATUS_OK) {
        return error_context(err, "following the pin %s", keeper->root);
    }
    document_destroy(&keeper->pin);
    keeper->pin = TAKE(pin);
    return STATUS_OK;
}

status_t keeper_new(store_t *store, const keeper_options_t *options, int64_t now_us,
                    keeper_t **ret_keeper, error_t *err) {
    CLEANUP(keeper_destroy_p) keeper_t *keeper = calloc(1, sizeof *keeper);
    if (keeper == NULL || (keeper->root = strdup(options->root)) == NULL ||
        (keeper->environment = strdup(options->environment)) == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for the trust file");
    }
    keeper->store = store;
    keeper->order_life_us = options->order_life_us;
    TRY(keeper_repin(keeper, now_us, err));
    *ret_keeper = TAKE(keeper);
    return STATUS_OK;
}

/* ------------------------------------------------------------------ taking what is new */

/* Enrolments whose key is taken out are over; who connects is told by the key, not by this. */
typedef struct ending {
    keeper_t *keeper;
    const char *reason;
    int64_t now_us;
} ending_t;

static status_t end_enrolment(void *context, const enrolment_row_t *enrolment, error_t *err) {
    const ending_t *ending = context;
    trust_view_t view = keeper_view(ending->keeper, ending->now_us);
    if (!trust_is_revoked(&view, &enrolment->sign)) {
        return STATUS_OK;
    }
    enrolment_row_t ended = *enrolment;
    ended.state = ENROLMENT_REVOKED;
    ended.reason = ending->reason;
    ended.decided_us = ending->now_us;
    TRY(store_agent_release_name(ending->keeper->store, &enrolment->curve, err));
    return store_enrolment_put(ending->keeper->store, &ended, err);
}

static status_t end_enrolments(ending_t *ending, error_t *err) {
    store_t *store = ending->keeper->store;
    TRY(store_enrolment_each(store, ENROLMENT_ACCEPTED, end_enrolment, ending, err));
    return store_enrolment_each(store, ENROLMENT_PENDING, end_enrolment, ending, err);
}

/* "Not the next one" says too little where an older file, or another of a version, was brought. */
static status_t explain_version(const keeper_t *keeper, const document_t *document, error_t *err) {
    CLEANUP(trust_destroy_p) trust_t *trust = NULL;
    error_t closer = {0};
    trust_seen_t seen = {.version = keeper->trust->version, .digest = keeper->trust->digest};
    if (err->code == ERROR_TRUST_VERSION && trust_read(document, &trust, &closer) == STATUS_OK &&
        trust_check_seen(trust, &seen, &closer) != STATUS_OK) {
        *err = closer;
    }
    return STATUS_ERROR;
}

status_t keeper_publish(keeper_t *keeper, const keeper_paper_t *paper, bool *ret_known,
                        error_t *err) {
    const document_t *document = paper->document;
    hear_time(keeper, paper->now_us);
    if (document->kind == DOCUMENT_TRUST && digest_equal(&document->id, &keeper->trust->digest)) {
        *ret_known = true;
        return STATUS_OK;
    }
    CLEANUP(trust_destroy_p) trust_t *next = NULL;
    trust_step_t step = {.current = keeper->trust, .next = document, .now_us = paper->now_us};
    if (trust_follow(&step, &next, err) != STATUS_OK) {
        return explain_version(keeper, document, err);
    }
    TRY(insert_file(keeper->store, next, paper, err));
    trust_destroy(&keeper->trust);
    keeper->trust = TAKE(next);
    keeper->changes++;
    *ret_known = false;
    ending_t ending = {
        .keeper = keeper, .reason = "revoked by the trust file", .now_us = paper->now_us};
    return end_enrolments(&ending, err);
}

status_t keeper_revoke(keeper_t *keeper, const keeper_paper_t *paper, bool *ret_known,
                       error_t *err) {
    hear_time(keeper, paper->now_us);
    trust_view_t view = keeper_view(keeper, paper->now_us);
    revocation_t revocation;
    TRY(revocation_verify(&view, paper->document, &revocation, err));
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(paper->document, &bytes, err));
    revocation_row_t row = {.key = revocation.key,
                            .digest = paper->document->id,
                            .document = {.bytes = bytes.data, .size = bytes.size},
                            .received_us = paper->now_us};
    bool fresh = false;
    TRY(store_revocation_insert(keeper->store, &row, &fresh, err));
    *ret_known = !fresh;
    if (!fresh) {
        return STATUS_OK;
    }
    TRY(revoked_add(&keeper->revoked, &revocation.key, err));
    keeper->changes++;
    ending_t ending = {.keeper = keeper, .reason = revocation.reason, .now_us = paper->now_us};
    return end_enrolments(&ending, err);
}
