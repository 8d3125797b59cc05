/*
 * codec.c: see codec.h. Unpacked messages live in one block with their memory behind them: the scan
 * has computed how much that is, and protobuf-c gets it from there piece by piece, so that nothing
 * is freed singly and no message can take more than was granted.
 */
#include "common/wire/codec.h"
#include "common/crypto/hash.h"
#include "common/wire/scan.h"

#include <stdlib.h>
#include <string.h>

enum {
    ALIGNMENT = 16,     /* as scan.c counts */
    ENVELOPE_MORE = 128 /* bytes of an envelope beside its payload, at most */
};

/* Field numbers of Envelope. */
enum { FIELD_KIND = 1, FIELD_PAYLOAD = 2, FIELD_SIGNATURE = 3, FIELD_KEY = 4 };

typedef struct block {
    message_t message; /* first: message_destroy frees the block through it */
    size_t size;       /* bytes at memory */
    size_t used;
    _Alignas(ALIGNMENT) uint8_t memory[];
} block_t;

static void *arena_take(void *context, size_t size) {
    block_t *block = context;
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded < size || rounded > block->size - block->used) {
        return NULL;
    }
    void *memory = block->memory + block->used;
    block->used += rounded;
    return memory;
}

/* Everything goes with the block. */
static void arena_release(void *context, void *memory) {
    (void)context;
    (void)memory;
}

/* Put one field into the envelope; false where it stands there twice, or has another type. */
static bool take_field(const scan_field_t *field, scan_field_t *fields) {
    if (field->number < FIELD_KIND || field->number > FIELD_KEY ||
        fields[field->number].number != 0) {
        return false;
    }
    fields[field->number] = *field;
    return field->type == (field->number == FIELD_KIND ? SCAN_VARINT : SCAN_BYTES);
}

/* A signature and a key of the right sizes for signed kinds, neither for others. */
static status_t check_signature_fields(const kind_t *kind, const scan_field_t *fields,
                                       error_t *err) {
    size_t signature = fields[FIELD_SIGNATURE].size;
    size_t key = fields[FIELD_KEY].size;
    if (kind->domain == NULL) {
        if (fields[FIELD_SIGNATURE].number != 0 || fields[FIELD_KEY].number != 0) {
            return error_set(err, ERROR_WIRE_INVALID, "%s is never signed, but this one is",
                             kind->name);
        }
        return STATUS_OK;
    }
    if (signature != SIGN_SIGNATURE_BYTES || key != SIGN_PUBLIC_BYTES) {
        return error_set(err, ERROR_WIRE_INVALID,
                         "%s without a signature and its key (%zu and %zu bytes)", kind->name,
                         signature, key);
    }
    return STATUS_OK;
}

status_t codec_open(const void *bytes, size_t size, party_t sender, envelope_t *ret_envelope,
                    error_t *err) {
    if (size > LIMIT_MESSAGE_BYTES) {
        return error_set(err, ERROR_BOUND, "a message of %zu bytes, more than %d", size,
                         LIMIT_MESSAGE_BYTES);
    }
    scan_field_t fields[FIELD_KEY + 1] = {0};
    const uint8_t *at = bytes;
    for (size_t left = size; left > 0;) {
        scan_field_t field;
        size_t length = scan_field(at, left, &field);
        if (length == 0 || !take_field(&field, fields)) {
            return error_set(err, ERROR_WIRE_INVALID, "not an envelope, at byte %zu of %zu",
                             size - left, size);
        }
        at += length;
        left -= length;
    }
    uint64_t number = fields[FIELD_KIND].value;
    const kind_t *kind = number > INT32_MAX ? NULL : kind_find((int64_t)number);
    if (kind == NULL) {
        return error_set(err, ERROR_WIRE_INVALID, "a message of unknown kind %llu",
                         (unsigned long long)number);
    }
    if (kind->sender != sender) {
        return error_set(err, ERROR_WIRE_INVALID, "%s came from an %s, which never sends it",
                         kind->name, party_name(sender));
    }
    TRY(check_signature_fields(kind, fields, err));
    *ret_envelope = (envelope_t){
        .kind = kind,
        .payload = fields[FIELD_PAYLOAD].bytes,
        .payload_size = fields[FIELD_PAYLOAD].size,
        .signature = fields[FIELD_SIGNATURE].bytes,
        .key = fields[FIELD_KEY].bytes,
    };
    return STATUS_OK;
}

static status_t verify(const envelope_t *envelope, const sign_public_t *signer, error_t *err) {
    const kind_t *kind = envelope->kind;
    if (kind->domain == NULL) {
        return STATUS_OK;
    }
    if (signer == NULL) {
        return error_set(err, ERROR_SIGNATURE,
                         "%s must be signed, and no key is known for its sender", kind->name);
    }
    sign_public_t key;
    signature_t signature;
    INVARIANT(envelope->key != NULL && envelope->signature != NULL);
    memcpy(key.bytes, envelope->key, sizeof key.bytes);
    memcpy(signature.bytes, envelope->signature, sizeof signature.bytes);
    if (!sign_public_equal(&key, signer)) {
        return error_set(err, ERROR_SIGNATURE, "%s is signed by another key than its sender's",
                         kind->name);
    }
    if (!sign_verify(signer, kind->domain, envelope->payload, envelope->payload_size, &signature)) {
        return error_set(err, ERROR_SIGNATURE, "%s does not bear its key's signature", kind->name);
    }
    return STATUS_OK;
}

/* Rules that span fields: each job's terms exist. */
static status_t check_references(const kind_t *kind, const ProtobufCMessage *message,
                                 error_t *err) {
    if (kind->kind != DROVER__KIND__KIND_JOBS) {
        return STATUS_OK;
    }
    const Drover__JobBatch *batch = (const Drover__JobBatch *)message;
    for (size_t i = 0; i < batch->n_jobs; i++) {
        if (batch->jobs[i]->terms >= batch->n_terms) {
            return error_set(err, ERROR_WIRE_INVALID, "Job.terms: %u of %zu", batch->jobs[i]->terms,
                             batch->n_terms);
        }
    }
    return STATUS_OK;
}

status_t codec_unpack(const envelope_t *envelope, const sign_public_t *signer,
                      message_t **ret_message, error_t *err) {
    const kind_t *kind = envelope->kind;
    TRY(verify(envelope, signer, err));
    size_t memory = 0;
    TRY(scan_payload(kind->descriptor, envelope->payload, envelope->payload_size, &memory, err));
    block_t *block = aligned_alloc(_Alignof(block_t), sizeof *block + memory);
    if (block == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a message of %zu bytes", memory);
    }
    memset(block, 0, sizeof *block + memory);
    block->size = memory;
    ProtobufCAllocator allocator = {
        .alloc = arena_take, .free = arena_release, .allocator_data = block};
    block->message.kind = kind->kind;
    block->message.base = protobuf_c_message_unpack(kind->descriptor, &allocator,
                                                    envelope->payload_size, envelope->payload);
    CLEANUP(message_destroy_p) message_t *message = &block->message;
    if (message->base == NULL) {
        return error_set(err, ERROR_WIRE_INVALID, "%s cannot be unpacked", kind->name);
    }
    TRY(check_references(kind, message->base, err));
    *ret_message = TAKE(message);
    return STATUS_OK;
}

status_t codec_receive(const void *bytes, size_t size, party_t sender, const sign_public_t *signer,
                       message_t **ret_message, error_t *err) {
    envelope_t envelope;
    TRY(codec_open(bytes, size, sender, &envelope, err));
    return codec_unpack(&envelope, signer, ret_message, err);
}

void message_destroy(message_t **self_p) {
    if (self_p != NULL && *self_p != NULL) {
        free(*self_p);
        *self_p = NULL;
    }
}

static void put_varint(buffer_t *buffer, uint64_t value) {
    while (value >= 0x80) {
        buffer_char(buffer, (char)((value & 0x7f) | 0x80));
        value >>= 7;
    }
    buffer_char(buffer, (char)value);
}

static void put_bytes(buffer_t *buffer, unsigned field, const void *bytes, size_t size) {
    put_varint(buffer, field << 3 | SCAN_BYTES);
    put_varint(buffer, size);
    buffer_append(buffer, bytes, size);
}

status_t codec_wrap(const envelope_t *envelope, buffer_t *buffer, error_t *err) {
    INVARIANT(buffer->size == 0);
    if (envelope->payload_size > LIMIT_MESSAGE_BYTES - ENVELOPE_MORE) {
        return error_set(err, ERROR_BOUND, "%s of %zu bytes, more than %d", envelope->kind->name,
                         envelope->payload_size, LIMIT_MESSAGE_BYTES - ENVELOPE_MORE);
    }
    put_varint(buffer, FIELD_KIND << 3 | SCAN_VARINT);
    put_varint(buffer, (uint64_t)envelope->kind->kind);
    if (envelope->payload_size > 0) {
        put_bytes(buffer, FIELD_PAYLOAD, envelope->payload, envelope->payload_size);
    }
    if (envelope->kind->domain != NULL) {
        put_bytes(buffer, FIELD_SIGNATURE, envelope->signature, SIGN_SIGNATURE_BYTES);
        put_bytes(buffer, FIELD_KEY, envelope->key, SIGN_PUBLIC_BYTES);
    }
    return buffer_check(buffer, err);
}

/* The bytes of a message that the receiver would take. */
static status_t pack(const kind_t *kind, const ProtobufCMessage *message, uint8_t **ret_payload,
                     size_t *ret_size, error_t *err) {
    INVARIANT(kind != NULL && message->descriptor == kind->descriptor);
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size > LIMIT_MESSAGE_BYTES) {
        return error_set(err, ERROR_BOUND, "%s of %zu bytes, more than %d", kind->name, size,
                         LIMIT_MESSAGE_BYTES);
    }
    CLEANUP(free_p) uint8_t *payload = malloc(size + 1);
    if (payload == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for %zu bytes of %s", size,
                         kind->name);
    }
    (void)protobuf_c_message_pack(message, payload);
    size_t memory = 0;
    if (scan_payload(kind->descriptor, payload, size, &memory, err) != STATUS_OK ||
        check_references(kind, message, err) != STATUS_OK) {
        return error_context(err, "sealing %s", kind->name);
    }
    *ret_payload = TAKE(payload);
    *ret_size = size;
    return STATUS_OK;
}

/* signer is NULL for an unsigned kind. */
static status_t seal(const kind_t *kind, const ProtobufCMessage *message,
                     const codec_signer_t *signer, buffer_t *buffer, error_t *err) {
    CLEANUP(free_p) uint8_t *payload = NULL;
    size_t size = 0;
    signature_t signature;
    TRY(pack(kind, message, &payload, &size, err));
    envelope_t envelope = {.kind = kind, .payload = payload, .payload_size = size};
    if (signer != NULL) {
        const digest_t digest = hash_of(kind->domain, payload, size);
        TRY(signer->sign(signer->context, &digest, &signature, err));
        envelope.signature = signature.bytes;
        envelope.key = signer->key->bytes;
    }
    return codec_wrap(&envelope, buffer, err);
}

status_t codec_seal_by(Drover__Kind number, const ProtobufCMessage *message,
                       const codec_signer_t *signer, buffer_t *buffer, error_t *err) {
    const kind_t *kind = kind_find((int64_t)number);
    INVARIANT(kind != NULL && kind->domain != NULL);
    return seal(kind, message, signer, buffer, err);
}

/* A key that is here. */
static status_t sign_here(void *context, const digest_t *digest, signature_t *ret_signature,
                          error_t *err) {
    const sign_secret_t *const *secret = context;
    (void)err;
    *ret_signature = sign_digest(*secret, digest);
    return STATUS_OK;
}

status_t codec_seal(Drover__Kind number, const ProtobufCMessage *message,
                    const sign_secret_t *secret, buffer_t *buffer, error_t *err) {
    const kind_t *kind = kind_find((int64_t)number);
    INVARIANT(kind != NULL && (kind->domain != NULL) == (secret != NULL));
    sign_public_t key;
    if (secret == NULL) {
        return seal(kind, message, NULL, buffer, err);
    }
    /* an Ed25519 secret is its seed followed by the public key */
    memcpy(key.bytes, secret->bytes + SIGN_SECRET_BYTES - SIGN_PUBLIC_BYTES, sizeof key.bytes);
    const codec_signer_t signer = {.key = &key, .sign = sign_here, .context = &secret};
    return seal(kind, message, &signer, buffer, err);
}
