/* card.c: agents' cards. See card.h. */
#include "common/trust/card.h"

#include "common/crypto/keytext.h"
#include "common/trust/bodies.h"
#include "common/trust/checks.h"
#include "common/trust/walk.h"

#include <string.h>

enum { CLUSTER_BYTES = 8 };

/* card_t with what it points to. */
typedef struct holder {
    card_t card; /* first: card_destroy frees the holder through it */
    arena_t arena;
} holder_t;

void card_destroy(card_t **card_p) {
    if (card_p != NULL && *card_p != NULL) {
        holder_t *holder = (holder_t *)*card_p;
        arena_free(&holder->arena);
        free(holder);
        *card_p = NULL;
    }
}

static status_t read_clusters(holder_t *holder, ProtobufCBinaryData bytes, error_t *err) {
    size_t count = bytes.len / CLUSTER_BYTES;
    if (bytes.len % CLUSTER_BYTES != 0) {
        return error_set(err, ERROR_CARD_INVALID, "%zu bytes of clusters", bytes.len);
    }
    uint64_t *clusters = arena_take(&holder->arena, count, sizeof *clusters);
    if (clusters == NULL) {
        return arena_empty(err);
    }
    for (size_t i = 0; i < count; i++) {
        clusters[i] = walk_u64(bytes.data + i * CLUSTER_BYTES);
        TRUST_REQUIRE(CARD_CLUSTERS_ASCEND,
                      clusters[i] > 0 && (i == 0 || clusters[i - 1] < clusters[i]), err,
                      "a card's clusters do not ascend");
    }
    holder->card.clusters = clusters;
    holder->card.cluster_count = count;
    return STATUS_OK;
}

status_t card_read(const document_t *document, card_t **ret_card, error_t *err) {
    holder_t *holder = calloc(1, sizeof *holder);
    if (holder == NULL) {
        return arena_empty(err);
    }
    CLEANUP(card_destroy_p) card_t *card = &holder->card;
    const void *message = NULL;
    TRY(body_unpack(document, DOCUMENT_CARD, &holder->arena, &message, err));
    const Drover__Trust__CardBody *body = message;
    *card = (card_t){
        .fleet = body_ident(body->fleet),
        .key = body_key(body->key),
        .name = body->name,
        .issued_us = body->issued_us,
        .expires_us = body->expires_us,
        .serial = body->serial,
        .digest = document->id,
    };
    memcpy(card->curve, body->curve.data, sizeof card->curve);
    TRY(read_clusters(holder, body->clusters, err));
    TRUST_REQUIRE(CARD_TEXT, keytext_name_ok(card->name), err,
                  "a card's name has 1 to %d letters, digits and ._@+-", (int)LIMIT_NAME_BYTES);
    TRUST_REQUIRE(CARD_DATES,
                  card->issued_us > 0 && card->serial >= 0 &&
                      (card->expires_us == 0 || card->expires_us > card->issued_us),
                  err, "the card of %s ends before it begins", card->name);
    *ret_card = TAKE(card);
    return STATUS_OK;
}

status_t card_write(const card_t *card, document_t **ret_document, error_t *err) {
    CLEANUP(buffer_free) buffer_t clusters = {0};
    for (size_t i = 0; i < card->cluster_count; i++) {
        walk_put_u64(&clusters, card->clusters[i]);
    }
    TRY(buffer_check(&clusters, err));
    Drover__Trust__CardBody body;
    drover__trust__card_body__init(&body);
    body.format = CARD_FORMAT;
    body.fleet = body_bytes(card->fleet.bytes, IDENT_BYTES);
    body.key = body_bytes(card->key.bytes, SIGN_PUBLIC_BYTES);
    body.curve = body_bytes(card->curve, sizeof card->curve);
    body.name = body_text(card->name);
    body.clusters = (ProtobufCBinaryData){.len = clusters.size, .data = (uint8_t *)clusters.data};
    body.issued_us = card->issued_us;
    body.expires_us = card->expires_us;
    body.serial = card->serial;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(body_pack(DOCUMENT_CARD, &body.base, &document, err));
    CLEANUP(card_destroy_p) card_t *back = NULL;
    TRY(card_read(document, &back, err));
    *ret_document = TAKE(document);
    return STATUS_OK;
}

status_t card_verify(const trust_view_t *view, const document_t *document, card_t **ret_card,
                     error_t *err) {
    CLEANUP(card_destroy_p) card_t *card = NULL;
    TRY(tally_knows(view, document, err));
    TRY(card_read(document, &card, err));
    TRUST_REQUIRE(FLEET_CARD, ident_equal(&card->fleet, &view->trust->fleet), err,
                  "the card of %s is of another fleet", card->name);
    TRUST_REQUIRE(CARD_BEGUN, card->issued_us <= view->now_us + TRUST_SKEW_US, err,
                  "the card of %s has not begun", card->name);
    TRUST_REQUIRE(CARD_NOT_ENDED,
                  card->expires_us == 0 || view->now_us <= card->expires_us + TRUST_SKEW_US, err,
                  "the card of %s has ended", card->name);
    TRUST_REQUIRE(CARD_NOT_REVOKED, !trust_is_revoked(view, &card->key), err,
                  "the key of %s was revoked", card->name);
    tally_question_t question = {
        .role = ROLE_ADMIN,
        .application = "",
        .environment = "",
        .signers = document->keys,
        .signer_count = document->signature_count,
        .signed_us = card->issued_us,
    };
    tally_t tally;
    if (tally_reach(view, &question, &tally, err) != STATUS_OK) {
        return error_context(err, "verifying the card of %s", card->name);
    }
    *ret_card = TAKE(card);
    return STATUS_OK;
}

bool card_speaks_for(const card_t *card, uint64_t cluster) {
    size_t low = 0;
    size_t high = card->cluster_count;
    while (low < high) { /* halves each turn */
        size_t middle = low + (high - low) / 2;
        if (card->clusters[middle] == cluster) {
            return true;
        }
        bool above = card->clusters[middle] < cluster;
        low = above ? middle + 1 : low;
        high = above ? high : middle;
    }
    return card->cluster_count == 0;
}
