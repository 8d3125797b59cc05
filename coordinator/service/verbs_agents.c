/*
 * verbs_agents.c: who may be an agent, and the trust file that says who may sign what. Documents
 * travel as base64 (RFC 4648, with padding) of their bytes; each is verified before it is written.
 * sodium_base642bin(3).
 */
#include "common/trust/request.h"
#include "coordinator/service/orders.h"
#include "coordinator/service/verbs.h"
#include "coordinator/store/store_agent.h"
#include "coordinator/trust/enrolment.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

static keeper_t *keeper_of(const call_t *call) {
    return call->service->options.keeper;
}

/* --- documents in and out -------------------------------------------------------------------- */

/* The document of an argument; NULL where it is absent. */
static status_t take_paper(call_t *call, const char *key, document_kind_t kind,
                           document_t **ret_document, error_t *err) {
    const char *text = NULL;
    void *bytes = NULL;
    size_t size = 0;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(call_text(call, key, &text, err));
    if (text == NULL) {
        return STATUS_OK;
    }
    size_t room = strlen(text) / 4 * 3 + 3;
    TRY(arena_allocate(&call->arena, room, &bytes, err));
    if (sodium_base642bin(bytes, room, text, strlen(text), NULL, &size, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0) {
        return error_set(err, ERROR_TRUST_DOCUMENT, "argument '%s' is no base64", key);
    }
    TRY(document_decode(bytes, size, &document, err));
    if (document->kind != kind) {
        return error_set(err, ERROR_TRUST_KIND, "argument '%s' is a %s, no %s", key,
                         document_kind_text(document->kind), document_kind_text(kind));
    }
    *ret_document = TAKE(document);
    return STATUS_OK;
}

static status_t need_paper(call_t *call, const char *key, document_kind_t kind,
                           document_t **ret_document, error_t *err) {
    const char *text = NULL;
    TRY(call_need(call, key, &text, err));
    return take_paper(call, key, kind, ret_document, err);
}

/* An empty one is null. */
static void row_paper(row_t *row, const char *key, const store_paper_t *paper) {
    if (paper->size == 0) {
        row_text(row, key, NULL);
    } else {
        orders_row_bytes(row, key, paper->bytes, paper->size);
    }
}

static void row_key(row_t *row, const char *key, const sign_public_t *sign) {
    char text[SIGN_PUBLIC_TEXT_SIZE];
    row_text(row, key, hex_text(sign->bytes, sizeof sign->bytes, text));
}

static void row_signatures(row_t *row, const tally_t *tally) {
    orders_signatures_t signatures = {.needed = tally->needed, .have = (uint32_t)tally->count};
    for (size_t i = 0; i < tally->count; i++) {
        signatures.by[i] = tally->counted[i]->name;
    }
    orders_row_signatures(row, &signatures);
}

static keeper_paper_t brought(const call_t *call, const document_t *document) {
    return (keeper_paper_t){
        .document = document, .by = call->question->actor, .now_us = call->question->now_us};
}

/* --- the trust file -------------------------------------------------------------------------- */

const char *verbs_freshness(const trust_view_t *view) {
    switch (trust_freshness(view)) {
    case TRUST_FRESH:
        return "fresh";
    case TRUST_WARNING:
        return "expires soon";
    case TRUST_EXPIRED:
        break;
    }
    return "expired";
}

static void row_trust(row_t *row, const trust_view_t *view) {
    row_number(row, "version", view->trust->version);
    row_digest(row, "digest", &view->trust->digest);
    row_ident(row, "fleet", &view->trust->fleet);
    row_time(row, "issued", view->trust->issued_us);
    row_time(row, "expires", view->trust->expires_us);
    row_text(row, "freshness", verbs_freshness(view));
}

status_t verbs_trust_publish(call_t *call, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    bool known = false;
    TRY(need_paper(call, "document", DOCUMENT_TRUST, &document, err));
    keeper_paper_t paper = brought(call, document);
    TRY(keeper_publish(keeper_of(call), &paper, &known, err));
    call_changes(call);
    trust_view_t view = keeper_view(keeper_of(call), call->question->now_us);
    row_trust(&call->document, &view);
    row_flag(&call->document, "known", known);
    call->digest = document->id;
    buffer_format(&call->detail, "trust file %" PRId64 "%s", view.trust->version,
                  known ? ", known before" : "");
    return STATUS_OK;
}

/* The rows of the chain: what a host that knows an older file has to follow. */
typedef struct chain {
    call_t *call;
    int64_t last;
} chain_t;

static status_t add_file(void *context, const trust_file_row_t *file, error_t *err) {
    chain_t *chain = context;
    call_t *call = chain->call;
    if (call->more) {
        return STATUS_OK;
    }
    if (call_is_full(call)) {
        call_more(call, "%" PRId64 ":", chain->last);
        return STATUS_OK;
    }
    CLEANUP(row_free) row_t row = row_new();
    chain->last = file->version;
    row_number(&row, "version", file->version);
    row_digest(&row, "digest", &file->digest);
    row_text(&row, "by", file->published_by);
    row_time(&row, "published", file->published_us);
    row_paper(&row, "document", &file->document);
    return call_add(call, "files", &row, err);
}

/* The current file's bytes. */
static status_t show_current(void *context, const trust_file_row_t *file, error_t *err) {
    call_t *call = context;
    (void)err;
    row_paper(&call->document, "document", &file->document);
    return STATUS_OK;
}

status_t verbs_trust_show(call_t *call, error_t *err) {
    chain_t chain = {.call = call};
    const char *after = NULL;
    call_place_t place = {0};
    int64_t from = 0;
    trust_view_t view = keeper_view(keeper_of(call), call->question->now_us);
    TRY(call_number(call, &(call_number_t){.key = "from", .least = 1, .most = INT64_MAX / 2}, &from,
                    err));
    TRY(call_after(call, &after, err));
    if (after != NULL) {
        TRY(call_place(after, &place, err));
    }
    row_trust(&call->document, &view);
    row_text(&call->document, "environment", keeper_environment(keeper_of(call)));
    if (from == 0) {
        return store_trust_file_each(call->store, view.trust->version, show_current, call, err);
    }
    call_array(call, "files");
    chain.last = place.number;
    from = place.number >= from ? place.number + 1 : from;
    return store_trust_file_each(call->store, from, add_file, &chain, err);
}

/* --- keys that are taken out ----------------------------------------------------------------- */

static status_t take_out(call_t *call, const document_t *document, const char *whose,
                         error_t *err) {
    bool known = false;
    revocation_t revocation;
    keeper_paper_t paper = brought(call, document);
    TRY(keeper_revoke(keeper_of(call), &paper, &known, err));
    TRY(revocation_read(document, &revocation, err));
    call_changes(call);
    char text[SIGN_PUBLIC_TEXT_SIZE];
    row_key(&call->document, "key", &revocation.key);
    row_text(&call->document, "name", whose);
    row_text(&call->document, "state", "revoked");
    row_flag(&call->document, "known", known);
    call->digest = document->id;
    buffer_format(&call->detail, "%s, key %s: %s", whose,
                  hex_text(revocation.key.bytes, sizeof revocation.key.bytes, text),
                  revocation.reason);
    return STATUS_OK;
}

/* Whose the key is, as far as anybody here knows; "" where nobody does. */
static status_t owner_of(call_t *call, const sign_public_t *key, const char **ret_name,
                         error_t *err) {
    trust_view_t view = keeper_view(keeper_of(call), call->question->now_us);
    const trust_key_t *row = trust_find(view.trust, key);
    enrolment_row_t enrolment = {0};
    error_t why = {0};
    *ret_name = row != NULL ? row->name : "";
    if (row != NULL) {
        return STATUS_OK;
    }
    if (store_enrolment_get(call->store, key, &call->arena, &enrolment, &why) == STATUS_OK) {
        *ret_name = enrolment.name;
        return STATUS_OK;
    }
    if (why.code != ERROR_NOT_FOUND) {
        *err = why;
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

/* A revocation that the right people signed, and whose key it takes out; *ret_owner is "" where it
 * is nobody's that has enrolled. */
static status_t need_revocation(call_t *call, document_t **ret_document,
                                revocation_t *ret_revocation, const char **ret_owner,
                                error_t *err) {
    trust_view_t view = keeper_view(keeper_of(call), call->question->now_us);
    TRY(need_paper(call, "document", DOCUMENT_REVOCATION, ret_document, err));
    TRY(revocation_verify(&view, *ret_document, ret_revocation, err));
    return owner_of(call, &ret_revocation->key, ret_owner, err);
}

status_t verbs_trust_revoke(call_t *call, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    revocation_t revocation;
    const char *owner = "";
    TRY(need_revocation(call, &document, &revocation, &owner, err));
    return take_out(call, document, owner, err);
}

status_t verbs_agents_revoke(call_t *call, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    trust_view_t view = keeper_view(keeper_of(call), call->question->now_us);
    revocation_t revocation;
    const char *owner = "";
    TRY(need_revocation(call, &document, &revocation, &owner, err));
    if (*owner == '\0' || trust_find(view.trust, &revocation.key) != NULL) {
        return error_set(err, ERROR_ENROLMENT, "this revocation takes out no agent's key");
    }
    return take_out(call, document, owner, err);
}

/* --- invitations and requests ---------------------------------------------------------------- */

status_t verbs_agents_invite(call_t *call, error_t *err) {
    const char *name = NULL;
    const char *curve = NULL;
    int64_t valid_us = 0;
    int64_t now_us = call->question->now_us;
    error_t ignored = {0};
    invitation_row_t invitation = {.made_by = call->question->actor, .made_us = now_us};
    TRY(call_need(call, "name", &name, err));
    TRY(call_need(call, "curve", &curve, err));
    TRY(call_number(call, &(call_number_t){.key = "valid_us", .most = ENROLMENT_INVITATION_US},
                    &valid_us, err));
    TRY(call_number(
        call,
        &(call_number_t){.key = "expires_us", .most = INT64_MAX / 2, .missing = now_us + valid_us},
        &invitation.expires_us, err));
    if (hex_parse(curve, sizeof invitation.curve.bytes, invitation.curve.bytes, &ignored) !=
        STATUS_OK) {
        return error_set(err, ERROR_INVALID, "argument 'curve' is 64 hexadecimal digits");
    }
    invitation.name = name;
    TRY(enrolment_invite(keeper_of(call), &invitation, err));
    call_changes(call);
    row_text(&call->document, "name", name);
    row_agent_key(&call->document, "curve", &invitation.curve);
    row_time(&call->document, "expires", invitation.expires_us);
    buffer_format(&call->detail, "%s may ask until %s", name,
                  json_string_value(json_object_get(call->document.json, "expires")));
    return STATUS_OK;
}

static status_t add_request(void *context, const enrolment_row_t *enrolment, error_t *err) {
    call_t *call = context;
    tally_t tally = {0};
    CLEANUP(row_free) row_t row = row_new();
    TRY(enrolment_count(keeper_of(call), enrolment, call->question->now_us, &tally, err));
    row_text(&row, "name", enrolment->name);
    row_text(&row, "state", enrolment_state_text(enrolment->state));
    row_digest(&row, "fingerprint", &enrolment->fingerprint);
    row_time(&row, "asked", enrolment->asked_us);
    row_signatures(&row, &tally);
    return call_add(call, "agents", &row, err);
}

static status_t add_invitation(void *context, const invitation_row_t *invitation, error_t *err) {
    call_t *call = context;
    if (invitation->used_us != 0) {
        return STATUS_OK;
    }
    CLEANUP(row_free) row_t row = row_new();
    row_text(&row, "name", invitation->name);
    row_text(&row, "by", invitation->made_by);
    row_time(&row, "made", invitation->made_us);
    row_time(&row, "expires", invitation->expires_us);
    return call_add(call, "invitations", &row, err);
}

/* Both lists are bounded by ENROLMENT_PENDING_MOST and ENROLMENT_OPEN_MOST: no pages. */
status_t verbs_agents_pending(call_t *call, error_t *err) {
    call_array(call, "agents");
    call_array(call, "invitations");
    TRY(store_enrolment_each(call->store, ENROLMENT_PENDING, add_request, call, err));
    return store_invitation_each(call->store, call->question->now_us, add_invitation, call, err);
}

/* --- cards ----------------------------------------------------------------------------------- */

/* Who asked, by name or by the request itself; state 0 where nobody has with that request. */
static status_t find_asker(call_t *call, enrolment_row_t *ret_row, error_t *err) {
    const char *name = NULL;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(request_destroy_p) request_t *request = NULL;
    error_t why = {0};
    TRY(take_paper(call, "request", DOCUMENT_REQUEST, &document, err));
    if (document == NULL) {
        TRY(call_need(call, "name", &name, err));
        if (store_enrolment_by_name(call->store, name, &call->arena, ret_row, &why) == STATUS_OK) {
            return STATUS_OK;
        }
        *err = why;
        return why.code == ERROR_NOT_FOUND ? error_set(err, ERROR_ENROLMENT, "%s", why.message)
                                           : STATUS_ERROR;
    }
    TRY(request_verify(document, &request, err));
    *ret_row = (enrolment_row_t){0};
    if (store_enrolment_get(call->store, &request->key, &call->arena, ret_row, &why) != STATUS_OK &&
        why.code != ERROR_NOT_FOUND) {
        *err = why;
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

status_t verbs_agents_show(call_t *call, error_t *err) {
    enrolment_row_t row = {0};
    tally_t tally = {0};
    row_t *document = &call->document;
    int64_t now_us = call->question->now_us;
    trust_view_t view = keeper_view(keeper_of(call), now_us);
    TRY(find_asker(call, &row, err));
    TRY(enrolment_count(keeper_of(call), &row, now_us, &tally, err));
    row_ident(document, "fleet", &view.trust->fleet);
    row_number(document, "trust_version", view.trust->version);
    row_number(document, "serial", row.serial);
    row_text(document, "state", row.state != 0 ? enrolment_state_text(row.state) : NULL);
    row_signatures(document, &tally);
    if (row.state == 0) {
        return STATUS_OK;
    }
    row_text(document, "name", row.name);
    row_key(document, "key", &row.sign);
    row_agent_key(document, "curve", &row.curve);
    row_digest(document, "fingerprint", &row.fingerprint);
    row_paper(document, "request", &row.request);
    row_paper(document, "card", row.state == ENROLMENT_PENDING ? &row.draft : &row.card);
    row_paper(document, "draft", &row.draft);
    row_text(document, "reason", row.reason);
    row_time(document, "asked", row.asked_us);
    row_time(document, "decided", row.decided_us);
    row_time(document, "card_expires", row.expires_us);
    return STATUS_OK;
}

/* One that is enrolled anew is nobody to be looked at any more; whichever journal it comes with
 * next, people have just said that it is theirs. */
static status_t renew(call_t *call, const enrolment_row_t *row, error_t *err) {
    const agent_standing_t renewed = {.status = AGENT_RENEWED, .why = ""};
    return store_agent_set_status(call->store, &row->curve, &renewed, err);
}

status_t verbs_agents_accept(call_t *call, error_t *err) {
    CLEANUP(document_destroy_p) document_t *request = NULL;
    CLEANUP(document_destroy_p) document_t *card = NULL;
    enrolment_verdict_t verdict;
    enrolment_row_t row = {0};
    char text[DIGEST_TEXT_SIZE];
    TRY(take_paper(call, "request", DOCUMENT_REQUEST, &request, err));
    TRY(need_paper(call, "card", DOCUMENT_CARD, &card, err));
    enrolment_card_t brought_card = {
        .request = request, .card = card, .now_us = call->question->now_us};
    TRY(enrolment_accept(keeper_of(call), &brought_card, &verdict, err));
    call_changes(call);
    TRY(store_enrolment_get(call->store, &verdict.key, &call->arena, &row, err));
    row_text(&call->document, "name", row.name);
    row_key(&call->document, "key", &row.sign);
    row_text(&call->document, "state",
             row.draft.size > 0 ? "pending" : enrolment_state_text(verdict.state));
    row_digest(&call->document, "fingerprint", &row.fingerprint);
    row_number(&call->document, "serial", row.serial);
    row_signatures(&call->document, &verdict.tally);
    call->digest = card->id;
    buffer_format(&call->detail, "%s, fingerprint %s: %zu of %u signatures", row.name,
                  digest_text(&row.fingerprint, text), verdict.tally.count, verdict.tally.needed);
    return row.state == ENROLMENT_ACCEPTED && row.draft.size == 0 ? renew(call, &row, err)
                                                                  : STATUS_OK;
}

status_t verbs_agents_reject(call_t *call, error_t *err) {
    const char *reason = NULL;
    enrolment_refusal_t refusal = {.now_us = call->question->now_us};
    TRY(call_need(call, "name", &refusal.name, err));
    TRY(call_text(call, "reason", &reason, err));
    refusal.reason = reason != NULL ? reason : "";
    TRY(enrolment_reject(keeper_of(call), &refusal, err));
    call_changes(call);
    row_text(&call->document, "name", refusal.name);
    row_text(&call->document, "state", enrolment_state_text(ENROLMENT_REJECTED));
    buffer_format(&call->detail, "%s: %.200s", refusal.name, refusal.reason);
    return STATUS_OK;
}

/* --- one that lost its state ----------------------------------------------------------------- */

status_t verbs_agents_resume(call_t *call, error_t *err) {
    const char *name = NULL;
    const char *reason = NULL;
    enrolment_row_t enrolment = {0};
    agent_row_t agent = {0};
    error_t unknown = {0};
    const agent_standing_t known = {.status = AGENT_KNOWN, .why = ""};
    TRY(call_need(call, "name", &name, err));
    TRY(call_need(call, "reason", &reason, err));
    TRY(store_enrolment_by_name(call->store, name, &call->arena, &enrolment, err));
    if (store_agent_get(call->store, &enrolment.curve, &call->arena, &agent, &unknown) !=
            STATUS_OK ||
        agent.status != AGENT_SUSPENDED) {
        return error_set(err, ERROR_ENROLMENT, "agent '%.128s' is not suspended", name);
    }
    call_changes(call);
    TRY(store_agent_set_status(call->store, &enrolment.curve, &known, err));
    row_text(&call->document, "name", agent.name);
    row_text(&call->document, "state", "resumed");
    row_time(&call->document, "suspended_since", agent.suspended_us);
    buffer_format(&call->detail, "%s goes on, it %s: %.300s", agent.name, agent.suspended_why,
                  reason);
    return STATUS_OK;
}
