/* ticket.c: whether a ticket opens its wave. See ticket.h. */
#include "common/trust/ticket.h"

#include "common/trust/checks.h"
#include "common/trust/ticket_parts.h"

#include <string.h>

/* What statements have said of a tenant; bits. */
enum { SAID_WELL = 1, SAID_FAILED = 2 };

/* What is known of a tenant: one agent's latest word, which a later one of its takes back, and what
 * agents before it said. */
typedef struct word {
    uint32_t agent; /* evidence_t.agent; 0: none yet */
    uint8_t latest;
    uint8_t others;
    int64_t said_us; /* of the latest */
} word_t;

/* The wave before, as the statements are gone through. */
typedef struct evidence {
    const order_authority_t *authority;
    leaves_t leaves;
    word_t *words;     /* one per leaf */
    int64_t newest_us; /* of the results that counted; the order's own time before them */
    uint32_t agent;    /* whose statements are gone through: 1, 2, … */
    card_t *card;      /* of the last statement: an agent's results follow each other */
    const uint8_t *card_bytes;
    size_t card_size;
} evidence_t;

static void evidence_free(evidence_t *evidence) {
    free(evidence->words);
    card_destroy(&evidence->card);
}

/* --- approvals ------------------------------------------------------------------------------- */

status_t ticket_approval(const order_authority_t *authority, uint32_t wave,
                         const document_t *approval, error_t *err) {
    const order_t *order = authority->order;
    CLEANUP(order_destroy_p) order_t *said = NULL;
    TRY(tally_knows(&authority->view, approval, err));
    TRY(order_read(approval, &said, err));
    TRUST_REQUIRE(APPROVAL_ORDER, digest_equal(&said->subject, &order->digest), err,
                  "the approval is of another order");
    TRUST_REQUIRE(APPROVAL_WAVE, said->kind == ORDER_APPROVE_WAVE && said->subject_wave == wave,
                  err, "an order of kind %s for wave %u is no approval of wave %u",
                  order_kind_text(said->kind), said->subject_wave + 1, wave + 1);
    TRUST_REQUIRE(APPROVAL_SCOPE,
                  strcmp(said->application, order->application) == 0 &&
                      strcmp(said->environment, order->environment) == 0,
                  err, "the approval is for application '%s', environment '%s'", said->application,
                  said->environment);
    order_authority_t found;
    TRY(order_verify(&authority->view, said, false, &found, err));
    tally_question_t question = {
        .role = found.role,
        .application = said->application,
        .environment = said->environment,
        .signers = said->signers,
        .signer_count = said->signer_count,
        .left_out = &order->proposer,
        .signed_us = TALLY_ACTIVE_ONLY,
    };
    tally_t tally;
    return tally_reach(&authority->view, &question, &tally, err);
}

/* --- results --------------------------------------------------------------------------------- */

/* Whether a result is of this fleet, order and wave. */
static status_t check_result(const evidence_t *evidence, const result_t *result, error_t *err) {
    const order_authority_t *authority = evidence->authority;
    const card_t *card = evidence->card;
    TRUST_REQUIRE(FLEET_RESULT, ident_equal(&result->fleet, &authority->view.trust->fleet), err,
                  "the result of %s is of another fleet", card->name);
    TRUST_REQUIRE(RESULT_ORDER, digest_equal(&result->order, &authority->order->digest), err,
                  "the result of %s is of another order", card->name);
    TRUST_REQUIRE(RESULT_WAVE, result->wave == evidence->leaves.wave, err,
                  "the result of %s is of wave %u, not of wave %u", card->name, result->wave + 1,
                  evidence->leaves.wave + 1);
    TRUST_REQUIRE(RESULT_PAST,
                  result->issued_us <= authority->view.now_us + TRUST_SKEW_US &&
                      result->issued_us >= authority->order->issued_us - TRUST_SKEW_US,
                  err, "the result of %s is from the future, or from before the order", card->name);
    return STATUS_OK;
}

static void take_word(word_t *word, const word_t *next) {
    if (word->agent != next->agent) {
        uint8_t others = word->others | word->latest;
        *word = *next;
        word->others = others;
    } else if (next->said_us == word->said_us) {
        word->latest |= next->latest; /* both at once: neither takes the other back */
    } else if (TRUST_CHECK(RESULT_LATEST, next->said_us > word->said_us)) {
        word->latest = next->latest;
        word->said_us = next->said_us;
    }
}

static void count_result(evidence_t *evidence, const result_t *result) {
    for (size_t i = 0; i < result->entry_count; i++) {
        const leaf_t *leaf = leaves_find(&evidence->leaves, &result->entries[i].tenant);
        if (leaf == NULL ||
            !TRUST_CHECK(RESULT_CLUSTER,
                         leaf->cluster == 0 || card_speaks_for(evidence->card, leaf->cluster))) {
            continue; /* not its tenant to speak of */
        }
        bool failed = result->entries[i].outcome == RESULT_FAILED;
        word_t next = {
            .agent = evidence->agent,
            .latest = failed ? SAID_FAILED : SAID_WELL,
            .said_us = result->issued_us,
        };
        take_word(&evidence->words[leaf - evidence->leaves.leaves], &next);
        if (result->issued_us > evidence->newest_us) {
            evidence->newest_us = result->issued_us;
        }
    }
}

static status_t take_card(evidence_t *evidence, const statement_t *statement, error_t *err) {
    if (evidence->card != NULL && evidence->card_size == statement->card_size &&
        memcmp(evidence->card_bytes, statement->card, statement->card_size) == 0) {
        return STATUS_OK;
    }
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(card_destroy_p) card_t *card = NULL;
    TRY(document_decode(statement->card, statement->card_size, &document, err));
    TRY(card_verify(&evidence->authority->view, document, &card, err));
    if (evidence->card == NULL || !sign_public_equal(&evidence->card->key, &card->key)) {
        evidence->agent++;
    }
    card_destroy(&evidence->card);
    evidence->card = TAKE(card);
    evidence->card_bytes = statement->card;
    evidence->card_size = statement->card_size;
    return STATUS_OK;
}

static status_t take_statement(evidence_t *evidence, const statement_t *statement, error_t *err) {
    TRY(take_card(evidence, statement, err));
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(result_destroy_p) result_t *result = NULL;
    TRY(document_decode(statement->result, statement->result_size, &document, err));
    TRUST_REQUIRE(RESULT_SIGNER,
                  document->signature_count == 1 &&
                      sign_public_equal(&document->keys[0], &evidence->card->key),
                  err, "the result beside the card of %s is not signed by that agent alone",
                  evidence->card->name);
    TRY(result_read(document, &result, err));
    TRY(check_result(evidence, result, err));
    count_result(evidence, result);
    return STATUS_OK;
}

/* Whether the ticket's tenants are those that the order signed for the wave. */
static status_t check_leaves(const evidence_t *evidence, const order_wave_t *wave, error_t *err) {
    CLEANUP(merkle_destroy_p) merkle_t *merkle = NULL;
    TRY(leaves_tree(&evidence->leaves, &merkle, err));
    digest_t root = merkle_root(merkle);
    TRUST_REQUIRE(TICKET_LEAVES,
                  evidence->leaves.count == wave->count && digest_equal(&root, &wave->root), err,
                  "the ticket's %zu tenants are not those of wave %u in the order",
                  evidence->leaves.count, evidence->leaves.wave + 1);
    return STATUS_OK;
}

static bool is_well(const word_t *word, const order_wave_t *wave) {
    if (word->agent == 0) {
        return TRUST_CHECK(RESULT_SILENCE, wave->silence_passes);
    }
    unsigned said = word->latest | word->others;
    return (said & SAID_WELL) != 0 && TRUST_CHECK(RESULT_CONFLICT, (said & SAID_FAILED) == 0);
}

static uint32_t count_failures(const evidence_t *evidence, const order_wave_t *wave) {
    uint32_t failures = 0;
    for (size_t i = 0; i < evidence->leaves.count; i++) {
        failures += is_well(&evidence->words[i], wave) ? 0 : 1;
    }
    return failures;
}

static status_t check_results(evidence_t *evidence, parts_t *parts, const order_wave_t *wave,
                              ticket_verdict_t *verdict, error_t *err) {
    TRY(check_leaves(evidence, wave, err));
    evidence->newest_us = evidence->authority->order->issued_us;
    evidence->words = calloc(evidence->leaves.count + 1, sizeof *evidence->words);
    if (evidence->words == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a ticket");
    }
    statement_t statement;
    bool more = false;
    TRY(parts_next(parts, &statement, &more, err));
    while (more) { /* at most TICKET_STATEMENTS */
        TRY(take_statement(evidence, &statement, err));
        TRY(parts_next(parts, &statement, &more, err));
    }
    *verdict = (ticket_verdict_t){
        .tenants = wave->count,
        .failures = count_failures(evidence, wave),
        .budget = order_wave_budget(wave),
    };
    TRUST_REQUIRE(TICKET_BUDGET, verdict->failures <= verdict->budget, err,
                  "wave %u: %u of %u tenants are not proved well, its budget is %u",
                  evidence->leaves.wave + 1, verdict->failures, verdict->tenants, verdict->budget);
    int64_t now_us = evidence->authority->view.now_us;
    TRUST_REQUIRE(TICKET_SOAK, evidence->newest_us + wave->soak_us <= now_us + TRUST_SKEW_US, err,
                  "wave %u soaks for another %lld seconds", evidence->leaves.wave + 1,
                  (long long)((evidence->newest_us + wave->soak_us - now_us) / 1000000));
    return STATUS_OK;
}

/* --- both ------------------------------------------------------------------------------------ */

static status_t verify_parts(const order_authority_t *authority, uint32_t wave, parts_t *parts,
                             ticket_verdict_t *verdict, error_t *err) {
    const order_t *order = authority->order;
    TRUST_REQUIRE(TICKET_ORDER, digest_equal(&parts->order, &order->digest), err,
                  "the ticket is of another order");
    TRUST_REQUIRE(TICKET_WAVE, parts->wave == wave, err, "the ticket opens wave %u, not wave %u",
                  parts->wave + 1, wave + 1);
    if (wave == 0 || wave >= order->wave_count) {
        return error_set(err, ERROR_TICKET_ORDER, "the order has no wave %u that a ticket opens",
                         wave + 1);
    }
    if (parts->approval != NULL) {
        CLEANUP(document_destroy_p) document_t *approval = NULL;
        TRY(document_decode(parts->approval, parts->approval_size, &approval, err));
        TRY(ticket_approval(authority, wave, approval, err));
        *verdict = (ticket_verdict_t){.approved = true};
        return STATUS_OK;
    }
    TRUST_REQUIRE(TICKET_NEEDS_APPROVAL, !order->waves[wave].needs_approval, err,
                  "wave %u opens by an approval only", wave + 1);
    CLEANUP(evidence_free)
    evidence_t evidence = {
        .authority = authority,
        .leaves = {.application = order->application,
                   .wave = wave - 1,
                   .leaves = parts->leaves,
                   .count = parts->leaf_count},
    };
    return check_results(&evidence, parts, &order->waves[wave - 1], verdict, err);
}

status_t ticket_verify(const order_authority_t *authority, const ticket_claim_t *claim,
                       ticket_verdict_t *ret_verdict, error_t *err) {
    CLEANUP(parts_free) parts_t parts = {0};
    ticket_verdict_t verdict;
    TRY(parts_read(claim->bytes, claim->size, &parts, err));
    if (verify_parts(authority, claim->wave, &parts, &verdict, err) != STATUS_OK) {
        return error_context(err, "verifying the ticket of wave %u", claim->wave + 1);
    }
    *ret_verdict = verdict;
    return STATUS_OK;
}

bool ticket_has_lapsed(error_code_t code) {
    return code == ERROR_CARD_REVOKED || code == ERROR_CARD_TIME || code == ERROR_TRUST_THRESHOLD ||
           code == ERROR_ORDER_EXPIRED;
}
