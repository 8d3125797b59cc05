/* card.c: agents' cards. See card.h. */
#include "common/trust/card.h"

#include "common/crypto/keytext.h"
#include "common/trust/bodies.h"
#include "common/trust/checks.h"

#include <string.h>

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
    body_clusters_t clusters;
    TRY(body_read_clusters(&holder->arena, body->clusters, &clusters, err));
    TRUST_REQUIRE(CARD_CLUSTERS_ASCEND, clusters.ascend, err, "a card's clusters do not ascend");
    card->clusters = clusters.list;
    card->cluster_count = clusters.count;
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
    CLEANUP(buffer_free) buffer_t bytes = {0};
    body_clusters_t clusters = {.list = card->clusters, .count = card->cluster_count};
    Drover__Trust__CardBody body;
    drover__trust__card_body__init(&body);
    body.format = CARD_FORMAT;
    body.fleet = body_bytes(card->fleet.bytes, IDENT_BYTES);
    body.key = body_bytes(card->key.bytes, SIGN_PUBLIC_BYTES);
    body.curve = body_bytes(card->curve, sizeof card->curve);
    body.name = body_text(card->name);
    TRY(body_put_clusters(&clusters, &bytes, &body.clusters, err));
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
    if (tally_admins(view, document, card->issued_us, err) != STATUS_OK) {
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
