/* Attacks on the container: changed, moved, doubled, disguised. */
#include "common/crypto/hash.h"
#include "tests/unit/trust/attack.h"

/* The order's bytes as they travel, in a buffer of the caller's. */
static status_t order_bytes(world_t *world, buffer_t *out, error_t *err) {
    TRY(world_write_order(world, err));
    return document_encode(world->order_document, out, err);
}

static status_t decode(const buffer_t *bytes, error_t *err) {
    document_t *document = NULL;
    status_t status = document_decode(bytes->data, bytes->size, &document, err);
    document_destroy(&document);
    return status;
}

static status_t another_magic(world_t *world, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(world_write_order(world, err));
    TRY(document_encode_file(world->order_document, &bytes, err));
    bytes.data[3] = 'b';
    document_t *document = NULL;
    status_t status = document_decode_file(bytes.data, bytes.size, &document, err);
    document_destroy(&document);
    return status;
}

static status_t unknown_field(world_t *world, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(order_bytes(world, &bytes, err));
    buffer_append(&bytes, "\x48\x01", 2); /* field 9 */
    return decode(&bytes, err);
}

static status_t long_number(world_t *world, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    CLEANUP(buffer_free) buffer_t longer = {0};
    TRY(order_bytes(world, &bytes, err));
    buffer_append(&longer, "\x08\x82\x00", 3); /* kind 2 in two bytes */
    buffer_append(&longer, bytes.data + 2, bytes.size - 2);
    return decode(&longer, err);
}

static status_t unknown_in_signature(world_t *world, error_t *err) {
    TRY(world_write_order(world, err));
    const document_t *from = world->order_document;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(from, &bytes, err));
    /* the last signature: tag, length 100, key, signature; make it 102 with a field 3 */
    size_t last = bytes.size - 102;
    INVARIANT((unsigned char)bytes.data[last] == 0x1a && bytes.data[last + 1] == 100);
    bytes.data[last + 1] = 102;
    buffer_append(&bytes, "\x18\x01", 2);
    return decode(&bytes, err);
}

/* A body of another order under the signatures of the one that was signed. */
static status_t another_body(world_t *world, error_t *err) {
    TRY(world_write_order(world, err));
    document_t forged = *world->order_document;
    uint8_t body[4096];
    INVARIANT(forged.body_size < sizeof body);
    memcpy(body, forged.body, forged.body_size);
    body[forged.body_size - 1] ^= 1;
    forged.body = body;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(&forged, &bytes, err));
    return decode(&bytes, err);
}

static status_t foreign_signature(world_t *world, error_t *err) {
    TRY(world_write_order(world, err));
    document_t *order = world->order_document;
    order->signatures[0] = order->signatures[1];
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(order, &bytes, err));
    return decode(&bytes, err);
}

/* Signed as a card, sent as an order: the domain of the signature is another. */
static status_t another_domain(world_t *world, error_t *err) {
    TRY(world_write_order(world, err));
    document_body_t body = {.kind = DOCUMENT_CARD,
                            .bytes = world->order_document->body,
                            .size = world->order_document->body_size};
    CLEANUP(document_destroy_p) document_t *card = NULL;
    TRY(document_new(&body, &card, err));
    TRY(world_sign(card, &world->signers, err));
    card->kind = DOCUMENT_ORDER;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(card, &bytes, err));
    return decode(&bytes, err);
}

/* A question of the wire is signed under SIGN_ORDER, an order under another domain. */
static status_t question_domain(world_t *world, error_t *err) {
    TRY(world_write_order(world, err));
    document_t *order = world->order_document;
    for (size_t i = 0; i < order->signature_count; i++) {
        which_t key = sign_public_equal(&order->keys[i], world_public(OP_A)) ? OP_A : OP_B;
        order->signatures[i] =
            sign_bytes(world_secret(key), SIGN_ORDER, order->body, order->body_size);
    }
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(order, &bytes, err));
    return decode(&bytes, err);
}

static status_t added_forgery(world_t *world, error_t *err) {
    TRY(world_write_order(world, err));
    signature_t forged = world->order_document->signatures[0];
    return document_add(world->order_document, world_public(OP_C), &forged, err);
}

static status_t listed_twice(world_t *world, error_t *err) {
    TRY(world_write_order(world, err));
    document_t *order = world->order_document;
    order->keys[2] = order->keys[1];
    order->signatures[2] = order->signatures[1];
    order->signature_count = 3;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(order, &bytes, err));
    return decode(&bytes, err);
}

static status_t signed_twice(world_t *world, error_t *err) {
    TRY(world_write_order(world, err));
    return document_sign(world->order_document, world_secret(OP_A), err);
}

static status_t moved_approval(world_t *world, error_t *err) {
    TRY(world_write_order(world, err));
    CLEANUP(document_destroy_p) document_t *other = NULL;
    world->plan_order.target_position = 6;
    TRY(order_write(&world->plan_order, &other, err));
    TRY(document_sign(other, world_secret(OP_C), err));
    return document_merge(other, world->order_document, err);
}

static status_t card_as_order(world_t *world, error_t *err) {
    TRY(world_write_order(world, err));
    document_body_t body = {.kind = DOCUMENT_CARD,
                            .bytes = world->order_document->body,
                            .size = world->order_document->body_size};
    CLEANUP(document_destroy_p) document_t *card = NULL;
    TRY(document_new(&body, &card, err));
    TRY(world_sign(card, &world->signers, err));
    TRY(world_travel(&card, err));
    order_t *order = NULL;
    status_t status = order_read(card, &order, err);
    order_destroy(&order);
    return status;
}

static status_t order_as_trust(world_t *world, error_t *err) {
    CLEANUP(document_destroy_p) document_t *good = NULL;
    TRY(world_write_trust(world, &good, err));
    document_body_t body = {.kind = DOCUMENT_ORDER, .bytes = good->body, .size = good->body_size};
    CLEANUP(document_destroy_p) document_t *order = NULL;
    TRY(document_new(&body, &order, err));
    TRY(world_sign(order, &world->roots, err));
    return trust_pin(order, &world->trust, err);
}

/* Write the order's body with change, sign and verify it. */
static status_t verify_changed(world_t *world, const void *more, size_t size, bool format,
                               error_t *err) {
    TRY(world_pin(world, err));
    CLEANUP(document_destroy_p) document_t *draft = NULL;
    TRY(world_write_order(world, err));
    order_destroy(&world->order);
    CLEANUP(buffer_free) buffer_t bytes = {0};
    buffer_append(&bytes, world->order_document->body, world->order_document->body_size);
    buffer_append(&bytes, more, size);
    if (format) {
        INVARIANT(bytes.data[0] == 0x08 && bytes.data[1] == 1);
        bytes.data[1] = 2;
    }
    document_body_t body = {.kind = DOCUMENT_ORDER, .bytes = bytes.data, .size = bytes.size};
    TRY(document_new(&body, &draft, err));
    TRY(world_sign(draft, &world->signers, err));
    TRY(order_read(draft, &world->order, err));
    return world_verify(world, err);
}

static status_t unknown_restriction(world_t *world, error_t *err) {
    return verify_changed(world, "\xf0\x01\x01", 3, false, err); /* field 30 */
}

static status_t later_format(world_t *world, error_t *err) {
    return verify_changed(world, "", 0, true, err);
}

static const attack_t LIST[] = {
    {CHECK_MAGIC, "a file that begins otherwise", another_magic},
    {CHECK_CANONICAL, "an unknown field behind the signatures", unknown_field},
    {CHECK_CANONICAL, "a number written at length", long_number},
    {CHECK_CANONICAL, "an unknown field in a signature", unknown_in_signature},
    {CHECK_SIGNATURE, "another body under good signatures", another_body},
    {CHECK_SIGNATURE, "another key's signature", foreign_signature},
    {CHECK_SIGNATURE, "a card's signatures under an order", another_domain},
    {CHECK_SIGNATURE, "a wire question's signatures under an order", question_domain},
    {CHECK_SIGNATURE, "a forged approval added by hand", added_forgery},
    {CHECK_KEYS_ASCEND, "one signature listed twice", listed_twice},
    {CHECK_SIGNED_ONCE, "one key signs twice", signed_twice},
    {CHECK_MERGE_SAME, "approvals moved under another order", moved_approval},
    {CHECK_KIND, "an order's body signed as a card", card_as_order},
    {CHECK_KIND, "a trust file's body signed as an order", order_as_trust},
    {CHECK_CLOSED, "a restriction that is passed over", unknown_restriction},
    {CHECK_FORMAT, "a later format", later_format},
};

attacks_t attacks_documents(void) {
    return ATTACKS(LIST);
}
