/* document.c: see document.h. */
#include "common/trust/document.h"

#include "common/crypto/hash.h"
#include "common/trust/checks.h"
#include "common/trust/walk.h"

#include <string.h>

/* Field numbers of Document and of Signature. */
enum { FIELD_KIND = 1, FIELD_BODY = 2, FIELD_SIGNATURE = 3 };
enum { FIELD_KEY = 1, FIELD_BYTES = 2 };

typedef struct kind_row {
    const char *text;
    const char *id_domain;
    const char *sign_domain;
} kind_row_t;

static const kind_row_t KINDS[DOCUMENT_KIND_END] = {
    [DOCUMENT_TRUST] = {"trust file", HASH_TRUST_DOCUMENT, SIGN_TRUST_DOCUMENT},
    [DOCUMENT_ORDER] = {"order", HASH_ORDER_DOCUMENT, SIGN_ORDER_DOCUMENT},
    [DOCUMENT_CARD] = {"card", HASH_CARD_DOCUMENT, SIGN_CARD_DOCUMENT},
    [DOCUMENT_REVOCATION] = {"revocation", HASH_REVOCATION_DOCUMENT, SIGN_REVOCATION_DOCUMENT},
    [DOCUMENT_RESULT] = {"result", HASH_RESULT_DOCUMENT, SIGN_RESULT_DOCUMENT},
    [DOCUMENT_REQUEST] = {"request", HASH_REQUEST_DOCUMENT, SIGN_REQUEST_DOCUMENT},
};

const char *document_kind_text(document_kind_t kind) {
    INVARIANT(kind >= DOCUMENT_TRUST && kind < DOCUMENT_KIND_END);
    return KINDS[kind].text;
}

/* document_t with its body behind it. */
typedef struct holder {
    document_t document; /* first: document_destroy frees the holder through it */
    uint8_t body[];
} holder_t;

status_t document_new(const document_body_t *body, document_t **ret_document, error_t *err) {
    INVARIANT(body->kind >= DOCUMENT_TRUST && body->kind < DOCUMENT_KIND_END);
    if (body->size == 0 || body->size > DOCUMENT_BODY_BYTES) {
        return error_set(err, ERROR_BOUND, "%s of %zu bytes: there are 1 to %d",
                         KINDS[body->kind].text, body->size, (int)DOCUMENT_BODY_BYTES);
    }
    holder_t *holder = calloc(1, sizeof *holder + body->size);
    if (holder == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for this %s", KINDS[body->kind].text);
    }
    memcpy(holder->body, body->bytes, body->size);
    document_t *document = &holder->document;
    document->kind = body->kind;
    document->body = holder->body;
    document->body_size = body->size;
    document->id = hash_of(KINDS[body->kind].id_domain, body->bytes, body->size);
    *ret_document = document;
    return STATUS_OK;
}

digest_t document_to_sign(const document_t *document) {
    return hash_of(KINDS[document->kind].sign_domain, document->body, document->body_size);
}

/* Where a key stands among the signers, or would. */
static size_t place_of(const document_t *document, const sign_public_t *key) {
    size_t place = 0;
    while (place < document->signature_count &&
           memcmp(document->keys[place].bytes, key->bytes, SIGN_PUBLIC_BYTES) < 0) {
        place++;
    }
    return place;
}

bool document_signed_by(const document_t *document, const sign_public_t *key) {
    size_t place = place_of(document, key);
    return place < document->signature_count && sign_public_equal(&document->keys[place], key);
}

static void insert(document_t *document, const sign_public_t *key, const signature_t *signature) {
    INVARIANT(document->signature_count < DOCUMENT_SIGNATURES);
    size_t place = place_of(document, key);
    size_t after = document->signature_count - place;
    memmove(&document->keys[place + 1], &document->keys[place], after * sizeof *key);
    memmove(&document->signatures[place + 1], &document->signatures[place],
            after * sizeof *signature);
    document->keys[place] = *key;
    document->signatures[place] = *signature;
    document->signature_count++;
}

static status_t too_many(error_t *err) {
    return error_set(err, ERROR_BOUND, "more than %d signatures under one document",
                     (int)DOCUMENT_SIGNATURES);
}

status_t document_add(document_t *document, const sign_public_t *key, const signature_t *signature,
                      error_t *err) {
    const kind_row_t *kind = &KINDS[document->kind];
    char text[DIGEST_TEXT_SIZE];
    TRUST_REQUIRE(SIGNED_ONCE, !document_signed_by(document, key), err,
                  "key %s has signed this %s already", hex_text(key->bytes, 8, text), kind->text);
    if (document->signature_count == DOCUMENT_SIGNATURES) {
        return too_many(err);
    }
    TRUST_REQUIRE(
        SIGNATURE,
        sign_verify(key, kind->sign_domain, document->body, document->body_size, signature), err,
        "key %s did not sign this %s: the signature is not its own", hex_text(key->bytes, 8, text),
        kind->text);
    insert(document, key, signature);
    return STATUS_OK;
}

status_t document_sign(document_t *document, const sign_secret_t *secret, error_t *err) {
    sign_public_t key;
    /* an Ed25519 secret is its seed followed by the public key */
    memcpy(key.bytes, secret->bytes + SIGN_SECRET_BYTES - SIGN_PUBLIC_BYTES, SIGN_PUBLIC_BYTES);
    signature_t signature =
        sign_bytes(secret, KINDS[document->kind].sign_domain, document->body, document->body_size);
    return document_add(document, &key, &signature, err);
}

status_t document_merge(document_t *document, const document_t *other, error_t *err) {
    TRUST_REQUIRE(MERGE_SAME,
                  document->kind == other->kind && digest_equal(&document->id, &other->id), err,
                  "approvals of this %s cannot be merged with those of another %s",
                  KINDS[document->kind].text, KINDS[other->kind].text);
    size_t more = 0;
    for (size_t i = 0; i < other->signature_count; i++) {
        more += !document_signed_by(document, &other->keys[i]);
    }
    if (document->signature_count + more > DOCUMENT_SIGNATURES) {
        return too_many(err);
    }
    for (size_t i = 0; i < other->signature_count; i++) {
        if (!document_signed_by(document, &other->keys[i])) {
            insert(document, &other->keys[i], &other->signatures[i]);
        }
    }
    return STATUS_OK;
}

status_t document_encode(const document_t *document, buffer_t *out, error_t *err) {
    if (document->signature_count == 0) {
        return error_set(err, ERROR_TRUST_DOCUMENT, "nobody has signed this %s yet",
                         KINDS[document->kind].text);
    }
    walk_put_number(out, FIELD_KIND, (uint64_t)document->kind);
    walk_put_bytes(out, FIELD_BODY, document->body, document->body_size);
    for (size_t i = 0; i < document->signature_count; i++) {
        CLEANUP(buffer_free) buffer_t inner = {0};
        walk_put_bytes(&inner, FIELD_KEY, document->keys[i].bytes, SIGN_PUBLIC_BYTES);
        walk_put_bytes(&inner, FIELD_BYTES, document->signatures[i].bytes, SIGN_SIGNATURE_BYTES);
        TRY(buffer_check(&inner, err));
        walk_put_bytes(out, FIELD_SIGNATURE, inner.data, inner.size);
    }
    return buffer_check(out, err);
}

status_t document_encode_file(const document_t *document, buffer_t *out, error_t *err) {
    buffer_append(out, DOCUMENT_MAGIC, DOCUMENT_MAGIC_BYTES);
    return document_encode(document, out, err);
}

static status_t malformed(error_t *err, const char *what) {
    return error_set(err, ERROR_TRUST_DOCUMENT, "no document: %s", what);
}

/* One Signature, checked over the document's body. */
static status_t take_signature(document_t *document, const scan_field_t *field, error_t *err) {
    walk_t walk = {.at = field->bytes, .left = field->size, .most = 2, .what = "signature"};
    scan_field_t parts[FIELD_BYTES + 1] = {0};
    for (bool more = true; more;) {
        scan_field_t part;
        TRY(walk_next(&walk, &part, &more, err));
        if (more) {
            parts[part.number] = part;
        }
    }
    const scan_field_t *key = &parts[FIELD_KEY];
    const scan_field_t *bytes = &parts[FIELD_BYTES];
    if (key->type != SCAN_BYTES || key->size != SIGN_PUBLIC_BYTES || bytes->type != SCAN_BYTES ||
        bytes->size != SIGN_SIGNATURE_BYTES) {
        return malformed(err, "a signature without its key, or of another size");
    }
    sign_public_t signer;
    signature_t signature;
    memcpy(signer.bytes, key->bytes, sizeof signer.bytes);
    memcpy(signature.bytes, bytes->bytes, sizeof signature.bytes);
    size_t count = document->signature_count;
    if (count == DOCUMENT_SIGNATURES) {
        return too_many(err);
    }
    TRUST_REQUIRE(KEYS_ASCEND,
                  count == 0 ||
                      memcmp(document->keys[count - 1].bytes, signer.bytes, SIGN_PUBLIC_BYTES) < 0,
                  err, "no document: its signatures do not ascend by key, each once");
    char text[DIGEST_TEXT_SIZE];
    TRUST_REQUIRE(SIGNATURE,
                  sign_verify(&signer, KINDS[document->kind].sign_domain, document->body,
                              document->body_size, &signature),
                  err, "this %s was changed, or key %s did not sign it", KINDS[document->kind].text,
                  hex_text(signer.bytes, 8, text));
    document->keys[count] = signer;
    document->signatures[count] = signature;
    document->signature_count++;
    return STATUS_OK;
}

/* Kind and body, which come first; each field is there once because the walk goes forward and the
 * third kind of field ends it. */
static status_t take_body(walk_t *walk, document_t **ret_document, error_t *err) {
    scan_field_t kind = {0};
    scan_field_t body = {0};
    bool more = false;
    TRY(walk_next(walk, &kind, &more, err));
    if (!more || kind.number != FIELD_KIND || kind.type != SCAN_VARINT || kind.value == 0 ||
        kind.value >= DOCUMENT_KIND_END) {
        return malformed(err, "it does not begin with a kind that is known");
    }
    TRY(walk_next(walk, &body, &more, err));
    if (!more || body.number != FIELD_BODY || body.type != SCAN_BYTES) {
        return malformed(err, "it has no body");
    }
    document_body_t found = {
        .kind = (document_kind_t)kind.value, .bytes = body.bytes, .size = body.size};
    return document_new(&found, ret_document, err);
}

status_t document_decode(const void *bytes, size_t size, document_t **ret_document, error_t *err) {
    if (size > DOCUMENT_BYTES) {
        return error_set(err, ERROR_BOUND, "a document of %zu bytes, more than %d", size,
                         (int)DOCUMENT_BYTES);
    }
    walk_t walk = {.at = bytes,
                   .left = size,
                   .most = FIELD_SIGNATURE,
                   .many = FIELD_SIGNATURE,
                   .what = "document"};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(take_body(&walk, &document, err));
    for (bool more = true; more;) {
        scan_field_t field;
        TRY(walk_next(&walk, &field, &more, err));
        if (more && (field.number != FIELD_SIGNATURE || field.type != SCAN_BYTES)) {
            return malformed(err, "two bodies in one");
        }
        if (more) {
            TRY(take_signature(document, &field, err));
        }
    }
    if (document->signature_count == 0) {
        return malformed(err, "nobody signed it");
    }
    *ret_document = TAKE(document);
    return STATUS_OK;
}

status_t document_decode_file(const void *bytes, size_t size, document_t **ret_document,
                              error_t *err) {
    if (size < DOCUMENT_MAGIC_BYTES) {
        return malformed(err, "the file is too short");
    }
    TRUST_REQUIRE(MAGIC, memcmp(bytes, DOCUMENT_MAGIC, DOCUMENT_MAGIC_BYTES) == 0, err,
                  "no document: the file does not begin with 'drover document'");
    return document_decode((const uint8_t *)bytes + DOCUMENT_MAGIC_BYTES,
                           size - DOCUMENT_MAGIC_BYTES, ret_document, err);
}

void document_destroy(document_t **document_p) {
    if (document_p != NULL && *document_p != NULL) {
        free(*document_p);
        *document_p = NULL;
    }
}
