/* roster.c: see roster.h. */
#include "coordinator/trust/roster.h"
#include "coordinator/store/store_trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A roster while it grows. */
typedef struct draft {
    roster_t roster;
    size_t room;
    trust_view_t view;
} draft_t;

void roster_free(roster_t *roster) {
    free(roster->peers);
    *roster = (roster_t){0};
}

/* It changes then, if not before. */
static void ends_at(draft_t *draft, int64_t at_us) {
    if (at_us > draft->view.now_us && at_us < draft->roster.until_us) {
        draft->roster.until_us = at_us;
    }
}

static status_t add(draft_t *draft, const zap_peer_t *peer, size_t *of_party, error_t *err) {
    roster_t *roster = &draft->roster;
    if (roster->count == draft->room) {
        size_t room = draft->room == 0 ? 64 : 2 * draft->room;
        zap_peer_t *peers = realloc(roster->peers, room * sizeof *peers);
        if (peers == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "out of memory for %zu peers", room);
        }
        roster->peers = peers;
        draft->room = room;
    }
    roster->peers[roster->count++] = *peer;
    ++*of_party;
    return STATUS_OK;
}

static zap_peer_t peer_of(party_t party, const uint8_t curve[CURVE_BYTES], const char *name) {
    zap_peer_t peer = {.party = party, .key = curve_public_from(curve)};
    (void)snprintf(peer.name, sizeof peer.name, "%s", name);
    return peer;
}

static status_t add_operators(draft_t *draft, error_t *err) {
    const trust_t *trust = draft->view.trust;
    for (size_t i = 0; i < trust->key_count; i++) {
        const trust_key_t *key = &trust->keys[i];
        if (key->use != TRUST_OPERATOR) {
            continue;
        }
        ends_at(draft, key->from_us - TRUST_SKEW_US);
        /* the one rule for whose a transport key is: active, begun, not taken out */
        if (trust_find_curve(&draft->view, key->curve) == key) {
            zap_peer_t peer = peer_of(PARTY_OPERATOR, key->curve, key->name);
            peer.sign = key->key;
            TRY(add(draft, &peer, &draft->roster.operators, err));
        }
    }
    return STATUS_OK;
}

static status_t add_agent(void *context, const enrolment_row_t *row, error_t *err) {
    draft_t *draft = context;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(card_destroy_p) card_t *card = NULL;
    error_t why = {0};
    if (document_decode(row->card.bytes, row->card.size, &document, &why) != STATUS_OK ||
        card_verify(&draft->view, document, &card, &why) != STATUS_OK) {
        draft->roster.left_out++;
        return why.code == ERROR_NO_MEMORY ? error_set(err, ERROR_NO_MEMORY, "%s", why.message)
                                           : STATUS_OK;
    }
    if (card->expires_us != 0) {
        ends_at(draft, card->expires_us + TRUST_SKEW_US + 1);
    }
    zap_peer_t peer = peer_of(PARTY_AGENT, card->curve, card->name);
    peer.sign = card->key;
    return add(draft, &peer, &draft->roster.agents, err);
}

static status_t add_newcomer(void *context, const invitation_row_t *row, error_t *err) {
    draft_t *draft = context;
    ends_at(draft, row->expires_us);
    zap_peer_t peer = peer_of(PARTY_NEWCOMER, row->curve.bytes, row->name);
    return add(draft, &peer, &draft->roster.newcomers, err);
}

static int by_key(const void *a, const void *b) {
    const zap_peer_t *left = a;
    const zap_peer_t *right = b;
    static const int PLACE[PARTY_COUNT] = {
        [PARTY_OPERATOR] = 0, [PARTY_COORDINATOR] = 1, [PARTY_AGENT] = 2, [PARTY_NEWCOMER] = 3};
    int order = curve_public_compare(&left->key, &right->key);
    return order != 0 ? order : PLACE[left->party] - PLACE[right->party];
}

static size_t *count_of(roster_t *roster, party_t party) {
    switch (party) {
    case PARTY_OPERATOR:
        return &roster->operators;
    case PARTY_AGENT:
        return &roster->agents;
    case PARTY_NEWCOMER:
        return &roster->newcomers;
    case PARTY_COORDINATOR:
    case PARTY_COUNT:
        break;
    }
    INVARIANT(false);
    return NULL;
}

/* Of each key the first in order stays. */
static void leave_out_doubles(roster_t *roster) {
    size_t kept = 0;
    if (roster->count == 0) {
        return;
    }
    qsort(roster->peers, roster->count, sizeof *roster->peers, by_key);
    for (size_t i = 0; i < roster->count; i++) {
        const zap_peer_t *peer = &roster->peers[i];
        if (kept > 0 && curve_public_equal(&roster->peers[kept - 1].key, &peer->key)) {
            --*count_of(roster, peer->party);
            roster->left_out++;
            continue;
        }
        roster->peers[kept++] = *peer;
    }
    roster->count = kept;
}

status_t roster_read(const keeper_t *keeper, int64_t now_us, roster_t *ret_roster, error_t *err) {
    draft_t draft = {.roster.until_us = INT64_MAX, .view = keeper_view(keeper, now_us)};
    store_t *store = keeper_store(keeper);
    if (add_operators(&draft, err) != STATUS_OK ||
        store_enrolment_each(store, ENROLMENT_ACCEPTED, add_agent, &draft, err) != STATUS_OK ||
        store_invitation_each(store, now_us, add_newcomer, &draft, err) != STATUS_OK) {
        roster_free(&draft.roster);
        return STATUS_ERROR;
    }
    leave_out_doubles(&draft.roster);
    *ret_roster = draft.roster;
    return STATUS_OK;
}
