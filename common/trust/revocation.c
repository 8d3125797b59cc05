/* revocation.c: revocations, and the set of keys that they took out. See card.h. */
#include "common/trust/card.h"

#include "common/trust/bodies.h"
#include "common/trust/checks.h"
#include "common/trust/text.h"

#include <stdio.h>
#include <string.h>

status_t revocation_read(const document_t *document, revocation_t *ret_revocation, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    const void *message = NULL;
    TRY(body_unpack(document, DOCUMENT_REVOCATION, &arena, &message, err));
    const Drover__Trust__RevocationBody *body = message;
    TRUST_REQUIRE(REVOCATION_TEXT, text_plain_ok(body->reason), err,
                  "a revocation's reason holds control characters");
    revocation_t revocation = {
        .fleet = body_ident(body->fleet),
        .key = body_key(body->key),
        .at_us = body->at_us,
    };
    (void)snprintf(revocation.reason, sizeof revocation.reason, "%s", body->reason);
    *ret_revocation = revocation;
    return STATUS_OK;
}

status_t revocation_write(const revocation_t *revocation, document_t **ret_document, error_t *err) {
    Drover__Trust__RevocationBody body;
    drover__trust__revocation_body__init(&body);
    body.format = REVOCATION_FORMAT;
    body.fleet = body_bytes(revocation->fleet.bytes, IDENT_BYTES);
    body.key = body_bytes(revocation->key.bytes, SIGN_PUBLIC_BYTES);
    body.at_us = revocation->at_us;
    body.reason = body_text(revocation->reason);
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(body_pack(DOCUMENT_REVOCATION, &body.base, &document, err));
    revocation_t back;
    TRY(revocation_read(document, &back, err));
    *ret_document = TAKE(document);
    return STATUS_OK;
}

status_t revocation_verify(const trust_view_t *view, const document_t *document,
                           revocation_t *ret_revocation, error_t *err) {
    revocation_t revocation;
    TRY(tally_knows(view, document, err));
    TRY(revocation_read(document, &revocation, err));
    TRUST_REQUIRE(FLEET_REVOCATION, ident_equal(&revocation.fleet, &view->trust->fleet), err,
                  "the revocation is of another fleet");
    const trust_key_t *row = trust_find(view->trust, &revocation.key);
    TRUST_REQUIRE(REVOCATION_NO_ROOT, row == NULL || row->use != TRUST_ROOT, err,
                  "a root key is revoked by the next trust file only");
    if (tally_admins(view, document, revocation.at_us, err) != STATUS_OK) {
        return error_context(err, "verifying a revocation");
    }
    *ret_revocation = revocation;
    return STATUS_OK;
}

/* --- the set --------------------------------------------------------------------------------- */

/* Where a key stands, or would. */
static size_t place_of(const revoked_t *revoked, const sign_public_t *key) {
    size_t low = 0;
    size_t high = revoked->count;
    while (low < high) { /* halves each turn */
        size_t middle = low + (high - low) / 2;
        bool above = memcmp(revoked->keys[middle].bytes, key->bytes, SIGN_PUBLIC_BYTES) < 0;
        low = above ? middle + 1 : low;
        high = above ? high : middle;
    }
    return low;
}

bool revoked_has(const revoked_t *revoked, const sign_public_t *key) {
    size_t place = place_of(revoked, key);
    return place < revoked->count && sign_public_equal(&revoked->keys[place], key);
}

status_t revoked_add(revoked_t *revoked, const sign_public_t *key, error_t *err) {
    if (revoked_has(revoked, key)) {
        return STATUS_OK;
    }
    if (revoked->count == revoked->room) {
        size_t room = revoked->room == 0 ? 16 : 2 * revoked->room;
        sign_public_t *keys = realloc(revoked->keys, room * sizeof *keys);
        if (keys == NULL) {
            return arena_empty(err);
        }
        revoked->keys = keys;
        revoked->room = room;
    }
    size_t place = place_of(revoked, key);
    memmove(&revoked->keys[place + 1], &revoked->keys[place],
            (revoked->count - place) * sizeof *key);
    revoked->keys[place] = *key;
    revoked->count++;
    return STATUS_OK;
}

void revoked_free(revoked_t *revoked) {
    free(revoked->keys);
    *revoked = (revoked_t){0};
}
