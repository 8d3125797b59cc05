/*
 * tickets.c: what opens a later wave of an order, put together from what others signed: an
 * approval, or the results that agents signed beside their cards. It is verified as agents will
 * verify it before it is stored, so that a wave never opens whose jobs every agent would refuse.
 * Nothing of this authorizes anything by itself.
 *
 * What opened a wave may open it no longer: an agent's or an approver's key is taken out, a card or
 * an approval ends. So the ticket of each open wave is verified again when trust changes, when a
 * wave opens anew, at the start, and as time passes; where it fails, the wave asks for another one
 * within the same transaction, and nothing of it leaves before that.
 */
#include "common/trust/ticket.h"
#include "coordinator/link/internal.h"
#include "coordinator/store/store_signed_order.h"
#include "coordinator/store/store_ticket.h"
#include "coordinator/store/store_trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two clocks take part in a soak: where only time is missing it is asked for again so soon. */
#define ASK_AGAIN_US US_PER_S

/* Cards and approvals end without a word from anybody. */
#define JUDGE_AGAIN_US (60 * US_PER_S)

/* ------------------------------------------------------------------ an order as it stands now */

typedef struct standing {
    hub_t *hub;
    const rollout_t *rollout;
    proofs_t *proofs;
    uint32_t wave; /* of the order */
    order_t *order;
    order_authority_t authority; /* by today's trust file */
} standing_t;

static void standing_free(standing_t *standing) {
    order_destroy(&standing->order);
}

/* The order was accepted when its rollout began: its signers may have retired since. */
static status_t open_order(standing_t *standing, error_t *err) {
    hub_t *self = standing->hub;
    trust_view_t view = keeper_view(self->options.keeper, self->now_us);
    order_source_t source = {.document = standing->proofs->document, .accepted = true};
    return order_open(&view, &source, &standing->order, &standing->authority, err);
}

/* ------------------------------------------------------------------ by an approval */

typedef struct approvals {
    const standing_t *standing;
    document_t *found; /* one that opens the wave */
    error_t why;       /* what was wrong with the last one that does not */
} approvals_t;

static status_t try_approval(void *context, const signed_order_row_t *row, error_t *err) {
    (void)err;
    approvals_t *approvals = context;
    const standing_t *standing = approvals->standing;
    if (approvals->found != NULL) {
        return STATUS_OK;
    }
    CLEANUP(document_destroy_p) document_t *document = NULL;
    error_clear(&approvals->why);
    if (document_decode(row->document, row->document_size, &document, &approvals->why) ==
            STATUS_OK &&
        ticket_approval(&standing->authority, standing->wave, document, &approvals->why) ==
            STATUS_OK) {
        approvals->found = TAKE(document);
    }
    return STATUS_OK;
}

static status_t find_approval(const standing_t *standing, document_t **ret_document,
                              error_t *ret_why, error_t *err) {
    approvals_t approvals = {.standing = standing};
    signed_order_about_t about = {
        .subject = standing->proofs->digest, .kind = ORDER_APPROVE_WAVE, .wave = standing->wave};
    TRY(store_signed_order_about(standing->hub->options.store, &about, try_approval, &approvals,
                                 err));
    *ret_document = approvals.found;
    *ret_why = approvals.why;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ by results */

/* An agent's card, or that it has none that holds. Agents make few and sign many results. */
typedef struct holder {
    sign_public_t key;
    document_t *card; /* NULL: its word does not count */
    UT_hash_handle hh;
} holder_t;

typedef struct evidence {
    const standing_t *standing;
    holder_t *holders;
    ticket_statement_t *statements;
    document_t **results; /* of the statements: owned */
    size_t count;
    size_t room;
} evidence_t;

static void evidence_free(evidence_t *evidence) {
    holder_t *holder = NULL;
    holder_t *next = NULL;
    HASH_ITER(hh, evidence->holders, holder, next) {
        HASH_DEL(evidence->holders, holder);
        document_destroy(&holder->card);
        free(holder);
    }
    for (size_t i = 0; i < evidence->count; i++) {
        document_destroy(&evidence->results[i]);
    }
    free(evidence->results);
    free(evidence->statements);
}

static status_t no_memory(error_t *err) {
    return error_set(err, ERROR_NO_MEMORY, "out of memory for a ticket");
}

/* The card of an agent, if it is accepted and holds today: a statement beside another one would
 * spoil the whole ticket. */
static status_t read_card(const standing_t *standing, const sign_public_t *key,
                          document_t **ret_card, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    CLEANUP(card_destroy_p) card_t *card = NULL;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    enrolment_row_t row;
    error_t ignored = {0};
    if (store_enrolment_get(standing->hub->options.store, key, &arena, &row, err) != STATUS_OK) {
        if (err->code != ERROR_NOT_FOUND) {
            return STATUS_ERROR;
        }
        error_clear(err);
        return STATUS_OK;
    }
    if (row.state == ENROLMENT_ACCEPTED &&
        document_decode(row.card.bytes, row.card.size, &document, &ignored) == STATUS_OK &&
        card_verify(&standing->authority.view, document, &card, &ignored) == STATUS_OK &&
        sign_public_equal(&card->key, key)) {
        *ret_card = TAKE(document);
    }
    return STATUS_OK;
}

static status_t find_holder(evidence_t *evidence, const sign_public_t *key, holder_t **ret_holder,
                            error_t *err) {
    HASH_FIND(hh, evidence->holders, key, sizeof *key, *ret_holder);
    if (*ret_holder != NULL) {
        return STATUS_OK;
    }
    holder_t *holder = calloc(1, sizeof *holder);
    if (holder == NULL) {
        return no_memory(err);
    }
    holder->key = *key;
    HASH_ADD(hh, evidence->holders, key, sizeof holder->key, holder);
    *ret_holder = holder;
    return read_card(evidence->standing, key, &holder->card, err);
}

static status_t make_room(evidence_t *evidence, error_t *err) {
    if (evidence->count < evidence->room) {
        return STATUS_OK;
    }
    size_t room = evidence->room == 0 ? 64 : 2 * evidence->room;
    ticket_statement_t *statements =
        realloc(evidence->statements, room * sizeof *evidence->statements);
    if (statements == NULL) {
        return no_memory(err);
    }
    evidence->statements = statements;
    document_t **results = realloc(evidence->results, room * sizeof *evidence->results);
    if (results == NULL) {
        return no_memory(err);
    }
    evidence->results = results;
    evidence->room = room;
    return STATUS_OK;
}

static status_t add_result(void *context, const wave_result_row_t *row, error_t *err) {
    evidence_t *evidence = context;
    holder_t *holder = NULL;
    TRY(find_holder(evidence, &row->key, &holder, err));
    if (holder->card == NULL) {
        return STATUS_OK;
    }
    TRY(make_room(evidence, err));
    document_t *result = NULL;
    TRY(document_decode(row->document, row->document_size, &result, err));
    evidence->results[evidence->count] = result;
    evidence->statements[evidence->count++] =
        (ticket_statement_t){.card = holder->card, .result = result};
    return STATUS_OK;
}

/* Agents say in larger documents what they said in small ones, which are not needed any more. */
static status_t forget_said_again(const evidence_t *evidence, size_t needed, error_t *err) {
    for (size_t i = needed; i < evidence->count; i++) {
        TRY(store_wave_result_delete(evidence->standing->hub->options.store,
                                     &evidence->statements[i].result->id, err));
    }
    return STATUS_OK;
}

/* *ret_needed: how many of the statements, the first ones, a ticket is made of. */
static status_t gather(evidence_t *evidence, size_t *ret_needed, error_t *err) {
    const standing_t *standing = evidence->standing;
    const leaves_t *leaves = &standing->proofs->waves[standing->wave - 1].leaves;
    order_wave_id_t before = {.order = standing->proofs->digest, .wave = standing->wave - 1};
    size_t needed = 0;
    TRY(store_wave_result_each(standing->hub->options.store, &before, add_result, evidence, err));
    TRY(ticket_thin(leaves, evidence->statements, evidence->count, &needed, err));
    TRY(forget_said_again(evidence, needed, err));
    *ret_needed = needed;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ the ticket */

static status_t audit_ticket(const standing_t *standing, const ticket_row_t *ticket,
                             const ticket_verdict_t *verdict, error_t *err) {
    char digest[DIGEST_TEXT_SIZE];
    char how[128] = "an approval";
    char detail[512];
    if (!verdict->approved) {
        (void)snprintf(how, sizeof how, "results: %u of %u tenants not proved well, budget %u",
                       verdict->failures, verdict->tenants, verdict->budget);
    }
    (void)snprintf(detail, sizeof detail, "wave %u of the order, ticket %s, by %s",
                   standing->wave + 1, digest_text(&ticket->digest, digest), how);
    audit_row_t row = {.actor = "coordinator",
                       .origin = "engine",
                       .action = "wave.ticket",
                       .rollout = standing->rollout->id,
                       .result = "ok",
                       .detail = detail};
    return hub_audit(standing->hub, &row, err);
}

/* The wave's ticket holds as trust stands now. */
static void note_judged(standing_t *standing) {
    proofs_wave_t *wave = &standing->proofs->waves[standing->wave];
    wave->judged = keeper_changes(standing->hub->options.keeper);
    wave->judged_us = standing->hub->now_us;
}

static status_t keep_ticket(standing_t *standing, const ticket_parts_t *parts, error_t *err) {
    hub_t *self = standing->hub;
    CLEANUP(buffer_free) buffer_t bytes = {.limit = TICKET_BYTES};
    ticket_verdict_t verdict;
    TRY(ticket_encode(parts, &bytes, err));
    ticket_claim_t claim = {.wave = standing->wave, .bytes = bytes.data, .size = bytes.size};
    TRY(ticket_verify(&standing->authority, &claim, &verdict, err));
    ticket_row_t row = {.digest = ticket_digest(bytes.data, bytes.size),
                        .wave = {.order = standing->proofs->digest, .wave = standing->wave},
                        .bytes = bytes.data,
                        .size = bytes.size,
                        .made_us = self->now_us};
    TRY(store_ticket_insert(self->options.store, &row, err));
    standing->proofs->waves[standing->wave].ticket = row.digest;
    note_judged(standing);
    return audit_ticket(standing, &row, &verdict, err);
}

static status_t make_by_results(standing_t *standing, error_t *err) {
    CLEANUP(evidence_free) evidence_t evidence = {.standing = standing};
    size_t needed = 0;
    TRY(gather(&evidence, &needed, err));
    const leaves_t *leaves = &standing->proofs->waves[standing->wave - 1].leaves;
    ticket_parts_t parts = {.order = standing->proofs->digest,
                            .wave = standing->wave,
                            .leaves = leaves->leaves,
                            .leaf_count = leaves->count,
                            .statements = evidence.statements,
                            .statement_count = needed};
    return keep_ticket(standing, &parts, err);
}

static status_t make_by_approval(standing_t *standing, const document_t *approval, error_t *err) {
    ticket_parts_t parts = {
        .order = standing->proofs->digest, .wave = standing->wave, .approval = approval};
    return keep_ticket(standing, &parts, err);
}

static status_t make(standing_t *standing, error_t *err) {
    CLEANUP(document_destroy_p) document_t *approval = NULL;
    error_t why = {0};
    TRY(open_order(standing, err));
    TRY(find_approval(standing, &approval, &why, err));
    if (approval != NULL) {
        return make_by_approval(standing, approval, err);
    }
    if (!standing->order->waves[standing->wave].needs_approval) {
        return make_by_results(standing, err);
    }
    if (why.code != ERROR_NONE) { /* one came, and does not suffice */
        *err = why;
        return STATUS_ERROR;
    }
    return error_set(err, ERROR_TICKET_APPROVAL, "it opens by an approval only");
}

/* ------------------------------------------------------------------ what is told */

/* Whether the wave has anything to wait for, and make what it waits for. */
static status_t open_wave(hub_t *self, const effect_t *effect, proofs_t **ret_proofs,
                          error_t *err) {
    CLEANUP(standing_free)
    standing_t standing = {.hub = self, .rollout = effect->rollout};
    TRY(proofs_find(self, effect->rollout, &standing.proofs, err));
    *ret_proofs = standing.proofs;
    standing.wave = proofs_wave_of(standing.proofs, effect->wave);
    /* nobody in it gets a job; or it is the order's first, which the order's own signatures open:
     * no approval of it can be written, and no agent would ask for one */
    bool waits = standing.wave != PROOFS_NO_WAVE && standing.wave > 0;
    return waits ? make(&standing, err) : STATUS_OK;
}

static void explain(const effect_t *effect, const error_t *why, char *words, size_t size) {
    char id[IDENT_TEXT_SIZE];
    (void)snprintf(words, size, "%s; to open it: drover rollout approve %.8s --wave '%.128s'",
                   why->message, ident_text(&effect->rollout->id, id),
                   effect->rollout->waves[effect->wave].name);
}

void tickets_ask(hub_t *self, const effect_t *effect) {
    error_t why = {0};
    char words[ERROR_TEXT_MAX + 256];
    proofs_t *proofs = NULL;
    if (effect->rollout->waves[effect->wave].state != WAVE_AWAITING) {
        return; /* answered within this transaction */
    }
    event_t event = hub_event(self, EVENT_TICKET, NULL);
    event.rollout = effect->rollout->id;
    event.wave = effect->wave;
    /* a write that failed has spoiled the transaction, and its commit says so */
    status_t status = open_wave(self, effect, &proofs, &why);
    if (proofs != NULL) { /* of what passes nobody brings word */
        bool passes = status != STATUS_OK && why.retry == RETRY_TRANSIENT;
        proofs->ask_again_us = passes ? self->now_us + ASK_AGAIN_US : 0;
    }
    if (status != STATUS_OK) {
        explain(effect, &why, words, sizeof words);
        event.kind = EVENT_UNTICKETED;
        event.words = words;
    }
    hub_step(self, &event);
    self->offer_all = true;
}

/* ------------------------------------------------------------------ what opened it before */

static status_t verify_stored(const standing_t *standing, ticket_verdict_t *ret_verdict,
                              error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    ticket_part_read_t read = {0};
    ticket_part_t part = {.room = TICKET_BYTES};
    TRY(tickets_of(standing->hub, standing->proofs, standing->wave, &part.digest, err));
    TRY(store_ticket_read(standing->hub->options.store, &part, &arena, &read, err));
    ticket_claim_t claim = {.wave = standing->wave, .bytes = read.bytes, .size = read.size};
    return ticket_verify(&standing->authority, &claim, ret_verdict, err);
}

static bool is_fresh(const standing_t *standing) {
    const hub_t *self = standing->hub;
    const proofs_wave_t *wave = &standing->proofs->waves[standing->wave];
    return wave->judged == keeper_changes(self->options.keeper) &&
           self->now_us >= wave->judged_us && self->now_us - wave->judged_us < JUDGE_AGAIN_US;
}

/* Whether the ticket of an open wave fails, and with it every job of the wave that is not begun.
 * Where the order itself does not stand another ticket would not help. */
static bool has_lapsed(standing_t *standing, error_t *why) {
    error_t ignored = {0};
    ticket_verdict_t verdict;
    if (is_fresh(standing) || open_order(standing, &ignored) != STATUS_OK) {
        return false;
    }
    if (verify_stored(standing, &verdict, why) == STATUS_OK) {
        note_judged(standing);
        return false;
    }
    return why->code != ERROR_STORE && why->code != ERROR_NO_MEMORY;
}

static void judge_open(hub_t *self, const rollout_t *rollout, uint32_t number) {
    CLEANUP(standing_free) standing_t standing = {.hub = self, .rollout = rollout};
    error_t why = {0};
    if (!rollout->ticketed || rollout->waves[number].state != WAVE_OPEN ||
        proofs_find(self, rollout, &standing.proofs, &why) != STATUS_OK) {
        return; /* without proofs no job of it leaves */
    }
    standing.wave = proofs_wave_of(standing.proofs, number);
    if (standing.wave == PROOFS_NO_WAVE || standing.wave == 0 || !has_lapsed(&standing, &why)) {
        return;
    }
    log_warning("ticket lapsed", "rollout", rollout->name, "wave", rollout->waves[number].name,
                "code", error_code_text(why.code), "reason", why.message);
    event_t event = hub_event(self, EVENT_LAPSED, NULL);
    event.rollout = rollout->id;
    event.wave = number;
    hub_step(self, &event);
}

static void judge_all(hub_t *self) {
    for (size_t i = 0; i < engine_rollout_count(self->engine); i++) {
        const rollout_t *rollout = engine_rollout_at(self->engine, i);
        for (uint32_t w = 0; w < rollout->wave_count; w++) {
            judge_open(self, rollout, w);
        }
    }
    self->judge_due_us = self->now_us + JUDGE_AGAIN_US;
}

/* A retry or a resume opened waves within this transaction whose tickets are of another day. */
static void judge_opened(hub_t *self) {
    size_t count = self->effects.count; /* what follows from them is seen to by what opens them */
    for (size_t i = self->carried; i < count; i++) {
        effect_t effect = self->effects.items[i];
        if (effect.kind == EFFECT_SAVE_WAVE) {
            judge_open(self, effect.rollout, effect.wave);
        }
    }
}

/* ------------------------------------------------------------------ when it is asked again */

static void ask_again(hub_t *self, const ident_t *rollout) {
    event_t event = hub_event(self, EVENT_EVIDENCE, NULL);
    event.rollout = *rollout;
    hub_step(self, &event);
}

void tickets_look(hub_t *self) {
    proofs_t *proofs = NULL;
    proofs_t *next = NULL;
    if (self->ask_all || self->now_us >= self->judge_due_us) {
        judge_all(self);
    } else {
        judge_opened(self);
    }
    for (size_t i = 0; self->ask_all && i < engine_rollout_count(self->engine); i++) {
        ask_again(self, &engine_rollout_at(self->engine, i)->id);
    }
    HASH_ITER(hh, self->proofs, proofs, next) {
        bool due = proofs->ask_again_us != 0 && self->now_us >= proofs->ask_again_us;
        bool again = !self->ask_all && (proofs->evidence || due) &&
                     engine_rollout(self->engine, &proofs->owner) != NULL;
        proofs->evidence = false;
        if (again) {
            ask_again(self, &proofs->owner);
        }
    }
    self->ask_all = false;
}

status_t tickets_of(hub_t *self, proofs_t *proofs, uint32_t wave, digest_t *ret_ticket,
                    error_t *err) {
    proofs_wave_t *opened = &proofs->waves[wave];
    if (digest_is_null(&opened->ticket)) {
        order_wave_id_t id = {.order = proofs->digest, .wave = wave};
        TRY(store_ticket_of(self->options.store, &id, &opened->ticket, err));
    }
    if (digest_is_null(&opened->ticket)) {
        return error_set(err, ERROR_TICKET_ORDER, "no ticket opened wave %u of the order",
                         wave + 1);
    }
    *ret_ticket = opened->ticket;
    return STATUS_OK;
}
