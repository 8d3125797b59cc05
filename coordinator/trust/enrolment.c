/* enrolment.c: see enrolment.h. */
#include "coordinator/trust/enrolment.h"
#include "common/crypto/keytext.h"
#include "common/trust/request.h"
#include "coordinator/store/store_agent.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

/* ------------------------------------------------------------------ whose a name or a key is */

/* A living enrolment that stands in the way of a name or a transport key. */
typedef struct search {
    const char *name;             /* NULL: not looked for */
    const agent_key_t *curve;     /* NULL: likewise */
    const sign_public_t *asker;   /* whose own enrolment is in nobody's way; NULL: none is */
    enrolment_state_t name_taken; /* how whoever has the name stands; 0: it is free */
    agent_key_t holder;           /* its transport key */
    bool curve_taken;
} search_t;

static status_t look_at(void *context, const enrolment_row_t *row, error_t *err) {
    (void)err;
    search_t *search = context;
    if (search->asker != NULL && sign_public_equal(search->asker, &row->sign)) {
        return STATUS_OK;
    }
    bool same_curve = search->curve != NULL &&
                      memcmp(search->curve->bytes, row->curve.bytes, sizeof row->curve.bytes) == 0;
    if (search->name != NULL && strcmp(search->name, row->name) == 0) {
        search->name_taken = row->state;
        search->holder = row->curve;
    }
    search->curve_taken = search->curve_taken || same_curve;
    return STATUS_OK;
}

/* Whatever its standing: a key that was once an operator's is no agent's. */
static bool is_in_trust_file(const trust_t *trust, const agent_key_t *curve) {
    for (size_t i = 0; i < trust->key_count; i++) {
        if (memcmp(trust->keys[i].curve, curve->bytes, sizeof curve->bytes) == 0) {
            return true;
        }
    }
    return false;
}

static status_t find_holders(store_t *store, search_t *search, error_t *err) {
    TRY(store_enrolment_each(store, ENROLMENT_PENDING, look_at, search, err));
    return store_enrolment_each(store, ENROLMENT_ACCEPTED, look_at, search, err);
}

/* Whose name it is, and the command that frees it. before: what was to be said first, or "". */
static status_t refuse_name(const search_t *search, const char *before, error_t *err) {
    return search->name_taken == ENROLMENT_PENDING
               ? error_set(err, ERROR_ENROLMENT,
                           "%s'%s' is another host's name, which waits for a card: 'drover agents "
                           "reject %s' turns that one down",
                           before, search->name, search->name)
               : error_set(err, ERROR_ENROLMENT,
                           "%s'%s' is another host's name, an agent with other keys: put those "
                           "keys back, or 'drover agents revoke %s --reason TEXT' frees the name",
                           before, search->name, search->name);
}

/* A name and a transport key that are nobody else's. */
static status_t check_free(const keeper_t *keeper, search_t *search, error_t *err) {
    TRY(find_holders(keeper_store(keeper), search, err));
    if (search->name_taken != 0) {
        return refuse_name(search, "", err);
    }
    if (search->curve_taken || is_in_trust_file(keeper_view(keeper, 0).trust, search->curve)) {
        return error_set(err, ERROR_ENROLMENT, "the transport key of '%s' is another's",
                         search->name);
    }
    return STATUS_OK;
}

/* ------------------------------------------------------------------ invitations */

typedef struct open_count {
    size_t count;
} open_count_t;

static status_t count_open(void *context, const invitation_row_t *invitation, error_t *err) {
    open_count_t *open = context;
    (void)err;
    (void)invitation;
    open->count++;
    return STATUS_OK;
}

/* Who invites an agent's name has a host before them that lost something: what it takes depends on
 * whether its keys are there still, which an invitation does not say. */
static status_t refuse_agent(store_t *store, const search_t *search, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    agent_row_t agent = {0};
    error_t never_came = {0};
    bool suspended =
        store_agent_get(store, &search->holder, &arena, &agent, &never_came) == STATUS_OK &&
        agent.status == AGENT_SUSPENDED;
    return suspended
               ? error_set(err, ERROR_ENROLMENT,
                           "'%s' is an agent already, suspended since it lost its state; with the "
                           "keys that it has it needs no invitation: 'drover agents resume %s "
                           "--reason TEXT' lets it go on",
                           search->name, search->name)
               : error_set(err, ERROR_ENROLMENT,
                           "'%s' is an agent already: with the keys that it has it needs no "
                           "invitation; for new ones, 'drover agents revoke %s --reason TEXT' "
                           "comes first",
                           search->name, search->name);
}

status_t enrolment_invite(keeper_t *keeper, const invitation_row_t *invitation, error_t *err) {
    store_t *store = keeper_store(keeper);
    open_count_t open = {0};
    search_t search = {.name = invitation->name, .curve = &invitation->curve};
    int64_t life_us = invitation->expires_us - invitation->made_us;
    if (!keytext_name_ok(invitation->name)) {
        return error_set(err, ERROR_INVALID, "a name has 1 to %d letters, digits and ._@+-",
                         (int)LIMIT_NAME_BYTES);
    }
    if (sodium_is_zero(invitation->curve.bytes, sizeof invitation->curve.bytes)) {
        return error_set(err, ERROR_INVALID, "an invitation needs a key");
    }
    if (life_us <= 0 || life_us > ENROLMENT_INVITATION_US) {
        return error_set(err, ERROR_INVALID, "an invitation ends within %d days",
                         (int)(ENROLMENT_INVITATION_US / TRUST_DAY_US));
    }
    TRY(find_holders(store, &search, err));
    if (search.name_taken == ENROLMENT_ACCEPTED) {
        return refuse_agent(store, &search, err);
    }
    TRY(check_free(keeper, &search, err));
    TRY(store_invitation_each(store, invitation->made_us, count_open, &open, err));
    if (open.count >= ENROLMENT_OPEN_MOST) {
        return error_set(err, ERROR_ENROLMENT, "%zu invitations are open: wait until some end",
                         open.count);
    }
    TRY(store_invitation_insert(store, invitation, err));
    keeper_changed(keeper);
    return STATUS_OK;
}

/* ------------------------------------------------------------------ requests */

/* A key that was taken out comes in no more, and nobody is an agent on an operator's key. */
static status_t check_key(const keeper_t *keeper, const request_t *request, int64_t now_us,
                          error_t *err) {
    trust_view_t view = keeper_view(keeper, now_us);
    if (trust_is_revoked(&view, &request->key)) {
        return error_set(err, ERROR_CARD_REVOKED, "the key of '%s' was revoked", request->name);
    }
    if (trust_find(view.trust, &request->key) != NULL) {
        return error_set(err, ERROR_ENROLMENT, "the signing key of '%s' stands in the trust file",
                         request->name);
    }
    return STATUS_OK;
}

/* What is known of the asking key; state PENDING and asked_us 0 where nothing is. */
static status_t known_of(store_t *store, const sign_public_t *key, arena_t *arena,
                         enrolment_row_t *ret_row, error_t *err) {
    error_t why = {0};
    *ret_row = (enrolment_row_t){.state = ENROLMENT_PENDING};
    if (store_enrolment_get(store, key, arena, ret_row, &why) == STATUS_OK ||
        why.code == ERROR_NOT_FOUND) {
        return STATUS_OK;
    }
    *err = why;
    return STATUS_ERROR;
}

static status_t check_room(store_t *store, error_t *err) {
    int64_t pending = 0;
    TRY(store_enrolment_count(store, ENROLMENT_PENDING, &pending, err));
    if (pending >= ENROLMENT_PENDING_MOST) {
        return error_set(err, ERROR_ENROLMENT,
                         "%" PRId64 " hosts wait already: accept or reject some", pending);
    }
    return STATUS_OK;
}

/* A request as it is taken in; the row borrows from it. */
typedef struct intake {
    const document_t *document;
    const request_t *request;
    int64_t now_us;
} intake_t;

/* Check that the host may wait for a card, and give its row; known is what stood there before. */
static status_t admit(const keeper_t *keeper, const intake_t *intake, const enrolment_row_t *known,
                      enrolment_row_t *ret_row, error_t *err) {
    const request_t *request = intake->request;
    enrolment_row_t row = {.sign = request->key,
                           .name = request->name,
                           .state = ENROLMENT_PENDING,
                           .fingerprint = request->digest,
                           .serial = known->serial,
                           .asked_us = intake->now_us};
    memcpy(row.curve.bytes, request->curve, sizeof row.curve.bytes);
    search_t search = {.name = request->name, .curve = &row.curve, .asker = &request->key};
    if (known->asked_us != 0 && known->state == ENROLMENT_ACCEPTED) {
        return error_set(err, ERROR_ENROLMENT,
                         "the key of '%s' is that of agent '%s', whose name or transport key is "
                         "another: put those back, or 'drover agents revoke %s --reason TEXT' and "
                         "make new keys",
                         request->name, known->name, known->name);
    }
    TRY(check_key(keeper, request, intake->now_us, err));
    TRY(check_free(keeper, &search, err));
    TRY(check_room(keeper_store(keeper), err));
    *ret_row = row;
    return STATUS_OK;
}

static status_t put_request(store_t *store, const enrolment_row_t *row, const document_t *request,
                            error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(request, &bytes, err));
    enrolment_row_t stored = *row;
    stored.request = (store_paper_t){.bytes = bytes.data, .size = bytes.size};
    return store_enrolment_put(store, &stored, err);
}

/* Whether this very request was taken in before. */
static bool is_known(const enrolment_row_t *known, const request_t *request) {
    return known->asked_us != 0 && digest_equal(&known->fingerprint, &request->digest);
}

/* Whether the same host asked before, if by another request: one that lost its state folder makes
 * a new one, at another time. Keys and name are all that a card is for. */
static bool is_same_host(const enrolment_row_t *known, const request_t *request) {
    return known->asked_us != 0 && strcmp(known->name, request->name) == 0 &&
           memcmp(known->curve.bytes, request->curve, sizeof known->curve.bytes) == 0;
}

/* Whether a request is of a later time than the one that is known: no old one comes back. */
static status_t is_newer(const enrolment_row_t *known, const request_t *request, bool *ret_newer,
                         error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(request_destroy_p) request_t *before = NULL;
    error_t why = {0};
    if (document_decode(known->request.bytes, known->request.size, &document, &why) != STATUS_OK ||
        request_verify(document, &before, &why) != STATUS_OK) {
        return error_set(err, ERROR_STORE, "the request of '%s' in the catalog is unreadable",
                         known->name);
    }
    *ret_newer = request->issued_us > before->issued_us;
    return STATUS_OK;
}

static status_t refuse_used(store_t *store, const request_t *request, error_t *err) {
    search_t search = {.name = request->name, .asker = &request->key};
    TRY(find_holders(store, &search, err));
    if (search.name_taken != 0) {
        return refuse_name(&search, "the invitation was used: ", err);
    }
    return error_set(err, ERROR_ENROLMENT,
                     "the invitation was used: 'drover agents invite %s --out FILE' makes another",
                     request->name);
}

/* same: the host asked before. What it hears then lets nobody in, so a used invitation will do. */
static status_t check_invitation(store_t *store, const enrolment_ask_t *ask,
                                 const request_t *request, bool same, bool *ret_used,
                                 error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    invitation_row_t invitation = {0};
    error_t why = {0};
    if (store_invitation_get(store, &ask->invited, &arena, &invitation, &why) != STATUS_OK) {
        *err = why;
        return why.code == ERROR_NOT_FOUND
                   ? error_set(err, ERROR_ENROLMENT, "no invitation has this key")
                   : STATUS_ERROR;
    }
    if (invitation.expires_us <= ask->now_us) {
        return error_set(err, ERROR_ENROLMENT, "the invitation of '%s' has ended", invitation.name);
    }
    if (strcmp(invitation.name, request->name) != 0) {
        return error_set(err, ERROR_ENROLMENT, "the invitation is for '%s', not for '%s'",
                         invitation.name, request->name);
    }
    *ret_used = invitation.used_us != 0;
    return *ret_used && !same ? refuse_used(store, request, err) : STATUS_OK;
}

/* A host that waits and lost its request is compared by its new one from now on: signatures that
 * were given by the old one are gathered anew. */
static status_t take_newer(keeper_t *keeper, const intake_t *intake, const enrolment_row_t *known,
                           error_t *err) {
    bool newer = false;
    enrolment_row_t row;
    TRY(is_newer(known, intake->request, &newer, err));
    if (!newer) {
        return STATUS_OK;
    }
    TRY(admit(keeper, intake, known, &row, err));
    TRY(put_request(keeper_store(keeper), &row, intake->document, err));
    keeper_changed(keeper);
    return STATUS_OK;
}

status_t enrolment_ask(keeper_t *keeper, const enrolment_ask_t *ask, enrolment_state_t *ret_state,
                       error_t *err) {
    store_t *store = keeper_store(keeper);
    CLEANUP(arena_free) arena_t arena = {0};
    CLEANUP(request_destroy_p) request_t *request = NULL;
    enrolment_row_t known;
    enrolment_row_t row;
    TRY(request_verify(ask->request, &request, err));
    TRY(known_of(store, &request->key, &arena, &known, err));
    intake_t intake = {.document = ask->request, .request = request, .now_us = ask->now_us};
    bool again = is_known(&known, request);
    bool same = is_same_host(&known, request);
    bool used = false;
    TRY(check_invitation(store, ask, request, same, &used, err));
    if (again || (same && (used || known.state == ENROLMENT_ACCEPTED))) {
        *ret_state = known.state;
        return again || known.state != ENROLMENT_PENDING ? STATUS_OK
                                                         : take_newer(keeper, &intake, &known, err);
    }
    invitation_use_t use = {.curve = ask->invited, .used_us = ask->now_us};
    bool first = false;
    TRY(admit(keeper, &intake, &known, &row, err));
    TRY(store_invitation_use(store, &use, &first, err));
    if (!first) {
        return error_set(err, ERROR_STORE, "an invitation was used and was not");
    }
    TRY(put_request(store, &row, ask->request, err));
    keeper_changed(keeper);
    *ret_state = ENROLMENT_PENDING;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ cards */

static tally_t count_admins(const trust_view_t *view, const document_t *card, int64_t issued_us) {
    tally_question_t question = {.role = ROLE_ADMIN,
                                 .application = "",
                                 .environment = "",
                                 .signers = card != NULL ? card->keys : NULL,
                                 .signer_count = card != NULL ? card->signature_count : 0,
                                 .signed_us = issued_us};
    return tally_count(view, &question);
}

/* The same agent with another request, as one that lost its state folder has: a card by that is a
 * newer card as any other, and the newer request is what it is known by. */
static status_t renew_request(const request_t *request, enrolment_row_t *known, error_t *err) {
    bool newer = false;
    TRY(is_newer(known, request, &newer, err));
    if (newer) {
        known->fingerprint = request->digest;
        known->request = (store_paper_t){0}; /* put_card writes the one at hand */
    }
    return STATUS_OK;
}

/* The request that a card is for: the one that came with it, or the one that waits. */
static status_t find_request(keeper_t *keeper, const enrolment_card_t *card,
                             const sign_public_t *key, arena_t *arena, enrolment_row_t *ret_row,
                             error_t *err) {
    enrolment_row_t known;
    TRY(known_of(keeper_store(keeper), key, arena, &known, err));
    if (card->request != NULL) {
        CLEANUP(request_destroy_p) request_t *request = NULL;
        TRY(request_verify(card->request, &request, err));
        if (!sign_public_equal(&request->key, key)) {
            return error_set(err, ERROR_ENROLMENT, "the card is for another key than the request");
        }
        intake_t intake = {.document = card->request, .request = request, .now_us = card->now_us};
        if (known.state == ENROLMENT_ACCEPTED && is_same_host(&known, request)) {
            TRY(renew_request(request, &known, err));
        } else if (!is_known(&known, request) || known.state == ENROLMENT_REJECTED) {
            TRY(admit(keeper, &intake, &known, &known, err));
            TRY(arena_text(arena, request->name, strlen(request->name), &known.name, err));
        }
    }
    if (known.asked_us == 0 ||
        (known.state != ENROLMENT_PENDING && known.state != ENROLMENT_ACCEPTED)) {
        return error_set(err, ERROR_ENROLMENT, "no host waits for a card with that key%s%s",
                         known.asked_us != 0 ? ": it is " : "",
                         known.asked_us != 0 ? enrolment_state_text(known.state) : "");
    }
    *ret_row = known;
    return STATUS_OK;
}

/* A card says of key, transport key and name what the host asked for; clusters are the admins'. */
static status_t check_card(const trust_view_t *view, const card_t *card, const enrolment_row_t *row,
                           error_t *err) {
    if (!ident_equal(&card->fleet, &view->trust->fleet)) {
        return error_set(err, ERROR_TRUST_FLEET, "the card of %s is of another fleet", card->name);
    }
    if (strcmp(card->name, row->name) != 0 ||
        memcmp(card->curve, row->curve.bytes, sizeof card->curve) != 0) {
        return error_set(err, ERROR_ENROLMENT,
                         "the card of '%s' says otherwise than the request of '%s'", card->name,
                         row->name);
    }
    if (card->serial <= row->serial) {
        return error_set(err, ERROR_ENROLMENT,
                         "card %" PRId64 " of '%s' is not newer than card %" PRId64, card->serial,
                         card->name, row->serial);
    }
    return STATUS_OK;
}

/* The card with all signatures there are: those of a draft of the same body, too. */
static status_t gather(const document_t *card, const enrolment_row_t *row,
                       document_t **ret_document, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    CLEANUP(document_destroy_p) document_t *whole = NULL;
    CLEANUP(document_destroy_p) document_t *draft = NULL;
    TRY(document_encode(card, &bytes, err));
    TRY(document_decode(bytes.data, bytes.size, &whole, err));
    if (row->draft.size > 0) {
        TRY(document_decode(row->draft.bytes, row->draft.size, &draft, err));
        if (digest_equal(&draft->id, &whole->id)) {
            TRY(document_merge(whole, draft, err));
        }
    }
    *ret_document = TAKE(whole);
    return STATUS_OK;
}

static status_t put_card(store_t *store, const enrolment_card_t *card, const card_t *said,
                         const document_t *whole, enrolment_row_t *row, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    CLEANUP(buffer_free) buffer_t request = {0};
    TRY(document_encode(whole, &bytes, err));
    store_paper_t paper = {.bytes = bytes.data, .size = bytes.size};
    if (row->request.size == 0) {
        TRY(document_encode(card->request, &request, err));
        row->request = (store_paper_t){.bytes = request.data, .size = request.size};
    }
    if (said != NULL) {
        row->card = paper;
        row->draft = (store_paper_t){0};
        row->state = ENROLMENT_ACCEPTED;
        row->serial = said->serial;
        row->expires_us = said->expires_us;
        row->decided_us = card->now_us;
    } else {
        row->draft = paper;
    }
    return store_enrolment_put(store, row, err);
}

/* Whether the threshold is reached; *ret_card is the card then, else NULL. Anything else that is
 * wrong with it is an error. */
static status_t judge(const trust_view_t *view, const document_t *whole, const tally_t *tally,
                      card_t **ret_card, error_t *err) {
    error_t why = {0};
    if (card_verify(view, whole, ret_card, &why) == STATUS_OK) {
        return STATUS_OK;
    }
    bool short_of = why.code == ERROR_TRUST_THRESHOLD && tally->needed > 0 && tally->count > 0 &&
                    tally->count < tally->needed;
    if (!short_of) {
        *err = why;
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

status_t enrolment_accept(keeper_t *keeper, const enrolment_card_t *card,
                          enrolment_verdict_t *ret_verdict, error_t *err) {
    trust_view_t view = keeper_view(keeper, card->now_us);
    CLEANUP(arena_free) arena_t arena = {0};
    CLEANUP(card_destroy_p) card_t *draft = NULL;
    CLEANUP(card_destroy_p) card_t *verified = NULL;
    CLEANUP(document_destroy_p) document_t *whole = NULL;
    enrolment_row_t row;
    TRY(tally_knows(&view, card->card, err));
    TRY(card_read(card->card, &draft, err));
    TRY(find_request(keeper, card, &draft->key, &arena, &row, err));
    TRY(check_card(&view, draft, &row, err));
    TRY(gather(card->card, &row, &whole, err));
    tally_t tally = count_admins(&view, whole, draft->issued_us);
    TRY(judge(&view, whole, &tally, &verified, err));
    TRY(put_card(keeper_store(keeper), card, verified, whole, &row, err));
    keeper_changed(keeper);
    *ret_verdict = (enrolment_verdict_t){.state = row.state, .key = row.sign, .tally = tally};
    return STATUS_OK;
}

status_t enrolment_reject(keeper_t *keeper, const enrolment_refusal_t *refusal, error_t *err) {
    store_t *store = keeper_store(keeper);
    CLEANUP(arena_free) arena_t arena = {0};
    enrolment_row_t row = {0};
    error_t why = {0};
    if (store_enrolment_by_name(store, refusal->name, &arena, &row, &why) != STATUS_OK &&
        why.code != ERROR_NOT_FOUND) {
        *err = why;
        return STATUS_ERROR;
    }
    if (row.state != ENROLMENT_PENDING) {
        return error_set(err, ERROR_ENROLMENT, "no host waits under the name '%s'%s%s",
                         refusal->name, row.state != 0 ? ": it is " : "",
                         row.state != 0 ? enrolment_state_text(row.state) : "");
    }
    row.state = ENROLMENT_REJECTED;
    row.reason = refusal->reason;
    row.decided_us = refusal->now_us;
    row.draft = (store_paper_t){0};
    TRY(store_enrolment_put(store, &row, err));
    keeper_changed(keeper);
    return STATUS_OK;
}

status_t enrolment_count(const keeper_t *keeper, const enrolment_row_t *enrolment, int64_t now_us,
                         tally_t *ret_tally, error_t *err) {
    trust_view_t view = keeper_view(keeper, now_us);
    CLEANUP(document_destroy_p) document_t *draft = NULL;
    CLEANUP(card_destroy_p) card_t *card = NULL;
    if (enrolment->draft.size > 0 &&
        (document_decode(enrolment->draft.bytes, enrolment->draft.size, &draft, err) != STATUS_OK ||
         card_read(draft, &card, err) != STATUS_OK)) {
        return error_set(err, ERROR_STORE, "the card of '%s' in the catalog is unreadable",
                         enrolment->name);
    }
    *ret_tally = count_admins(&view, draft, card != NULL ? card->issued_us : 0);
    return STATUS_OK;
}
