/*
 * sealed.c: see sealed.h. The reader holds back one chunk's worth of bytes: whether a chunk is the
 * last is told by its tag, and a stream that stops early shows only at the end.
 */
#include "common/crypto/sealed.h"
#include "common/base/cleanup.h"
#include "common/crypto/hash.h"

#include <string.h>

enum {
    MAGIC_BYTES = 8,
    FIXED_BYTES = MAGIC_BYTES + 4 + 2 * IDENT_BYTES + 4 + 2,
    BOX_BYTES = crypto_secretstream_xchacha20poly1305_KEYBYTES + crypto_box_SEALBYTES,
    RECIPIENT_BYTES = SEAL_KEY_BYTES + BOX_BYTES,
    STREAM_HEADER_BYTES = crypto_secretstream_xchacha20poly1305_HEADERBYTES,
    HEADER_MOST = FIXED_BYTES + SEALED_RECIPIENTS_MAX * RECIPIENT_BYTES + STREAM_HEADER_BYTES,
    BOUND_BYTES = DIGEST_BYTES + 2 * IDENT_BYTES + 8,
};

_Static_assert(SEALED_CHUNK_OVERHEAD == crypto_secretstream_xchacha20poly1305_ABYTES,
               "the overhead is libsodium's");
_Static_assert(SEAL_KEY_BYTES == crypto_box_PUBLICKEYBYTES &&
                   SEAL_KEY_BYTES == crypto_box_SECRETKEYBYTES,
               "recipients are X25519 keys");

static const char MAGIC[MAGIC_BYTES] = {'D', 'R', 'O', 'V', 'E', 'R', 'B', 'K'};

/* What both ends keep where it is guarded. */
typedef struct stream_secret {
    uint8_t key[crypto_secretstream_xchacha20poly1305_KEYBYTES];
    crypto_secretstream_xchacha20poly1305_state state;
} stream_secret_t;

/* What each chunk is bound to; the number is put in before every use. */
typedef struct stream_binding {
    uint8_t bytes[BOUND_BYTES];
} stream_binding_t;

struct sealed_writer {
    stream_secret_t *secret;
    stream_binding_t binding;
    sealed_header_t about;
    hash_t sealed_hash;
    sealed_totals_t totals;
    uint8_t header[HEADER_MOST];
    bool header_sent;
    bool ended;
    uint8_t *chunk; /* content that waits for a whole chunk */
    size_t chunk_used;
    uint8_t *cipher;
};

struct sealed_reader {
    stream_secret_t *secret;
    stream_binding_t binding;
    sealed_header_t about;
    hash_t sealed_hash;
    sealed_totals_t totals;
    bool expects;
    sealed_ids_t expect;
    seal_public_t key;
    const seal_secret_t *opener; /* borrowed; NULL where the stream key is known */
    bool key_known;
    uint8_t header[HEADER_MOST];
    size_t header_used;
    bool header_read;
    bool final_seen;
    uint8_t *cipher; /* sealed bytes that wait for a whole chunk */
    size_t cipher_used;
    uint8_t *plain;
};

void seal_keypair(seal_public_t *ret_public, seal_secret_t *ret_secret) {
    INVARIANT(crypto_box_keypair(ret_public->bytes, ret_secret->bytes) == 0);
}

static uint8_t *put_number(uint8_t *at, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
    return at + size;
}

static uint64_t get_number(const uint8_t *at, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t size) {
    memcpy(at, bytes, size);
    return at + size;
}

static stream_binding_t bind_to(const uint8_t *header, const sealed_header_t *about) {
    stream_binding_t binding = {0};
    digest_t digest = hash_of(HASH_BACKUP, header, about->header_bytes);
    uint8_t *at = put_bytes(binding.bytes, digest.bytes, DIGEST_BYTES);
    at = put_bytes(at, about->ids.tenant.bytes, IDENT_BYTES);
    (void)put_bytes(at, about->ids.backup.bytes, IDENT_BYTES);
    return binding;
}

static const uint8_t *bind_chunk(stream_binding_t *binding, uint64_t number) {
    (void)put_number(binding->bytes + BOUND_BYTES - 8, number, 8);
    return binding->bytes;
}

/* --- writing --------------------------------------------------------------------------------- */

static status_t check_target(const sealed_target_t *target, error_t *err) {
    if (target->recipient_count == 0) {
        return error_set(err, ERROR_INVALID, "a sealed stream needs at least one recipient");
    }
    if (target->recipient_count > SEALED_RECIPIENTS_MAX) {
        return error_set(err, ERROR_BOUND, "%zu recipients, at most %d", target->recipient_count,
                         (int)SEALED_RECIPIENTS_MAX);
    }
    for (size_t i = 0; i < target->recipient_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (memcmp(&target->recipients[i], &target->recipients[j], SEAL_KEY_BYTES) == 0) {
                return error_set(err, ERROR_INVALID, "recipient %zu is the same as %zu", i + 1,
                                 j + 1);
            }
        }
    }
    uint32_t chunk = target->chunk_bytes;
    if (chunk != 0 && (chunk < SEALED_CHUNK_LEAST || chunk > SEALED_CHUNK_MOST)) {
        return error_set(err, ERROR_BOUND, "a chunk of %u bytes is not within %d and %d", chunk,
                         (int)SEALED_CHUNK_LEAST, (int)SEALED_CHUNK_MOST);
    }
    return STATUS_OK;
}

/* Write the header and start the stream. */
static status_t begin_stream(sealed_writer_t *writer, const sealed_target_t *target, error_t *err) {
    crypto_secretstream_xchacha20poly1305_keygen(writer->secret->key);
    uint8_t *at = put_bytes(writer->header, MAGIC, MAGIC_BYTES);
    at = put_number(at, SEALED_VERSION, 4);
    at = put_bytes(at, target->ids.backup.bytes, IDENT_BYTES);
    at = put_bytes(at, target->ids.tenant.bytes, IDENT_BYTES);
    at = put_number(at, writer->about.chunk_bytes, 4);
    at = put_number(at, target->recipient_count, 2);
    for (size_t i = 0; i < target->recipient_count; i++) {
        writer->about.recipients[i] = target->recipients[i];
        at = put_bytes(at, target->recipients[i].bytes, SEAL_KEY_BYTES);
        if (crypto_box_seal(at, writer->secret->key, sizeof writer->secret->key,
                            target->recipients[i].bytes) != 0) {
            return error_set(err, ERROR_INVALID, "recipient %zu is no usable public key", i + 1);
        }
        at += BOX_BYTES;
    }
    INVARIANT(crypto_secretstream_xchacha20poly1305_init_push(&writer->secret->state, at,
                                                              writer->secret->key) == 0);
    at += STREAM_HEADER_BYTES;
    writer->about.header_bytes = (size_t)(at - writer->header);
    writer->binding = bind_to(writer->header, &writer->about);
    return STATUS_OK;
}

DEFINE_CLEANUP(sealed_writer_t, sealed_writer_destroy)
DEFINE_CLEANUP(sealed_reader_t, sealed_reader_destroy)

status_t sealed_writer_new(const sealed_target_t *target, sealed_writer_t **ret_writer,
                           error_t *err) {
    TRY(check_target(target, err));
    CLEANUP(sealed_writer_destroy_p) sealed_writer_t *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a sealed stream");
    }
    writer->about.ids = target->ids;
    writer->about.chunk_bytes = target->chunk_bytes != 0 ? target->chunk_bytes : SEALED_CHUNK_BYTES;
    writer->about.recipient_count = target->recipient_count;
    writer->secret = sodium_malloc(sizeof *writer->secret);
    writer->chunk = malloc(writer->about.chunk_bytes);
    writer->cipher = malloc(writer->about.chunk_bytes + SEALED_CHUNK_OVERHEAD);
    if (writer->secret == NULL || writer->chunk == NULL || writer->cipher == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a sealed stream");
    }
    hash_begin(&writer->sealed_hash, HASH_BACKUP);
    TRY(begin_stream(writer, target, err));
    *ret_writer = TAKE(writer);
    return STATUS_OK;
}

static void emit(sealed_writer_t *writer, const uint8_t *bytes, size_t size, buffer_t *out) {
    hash_add(&writer->sealed_hash, bytes, size);
    writer->totals.sealed_bytes += size;
    buffer_append(out, bytes, size);
}

static void emit_header(sealed_writer_t *writer, buffer_t *out) {
    if (!writer->header_sent) {
        writer->header_sent = true;
        emit(writer, writer->header, writer->about.header_bytes, out);
    }
}

/* Seal size bytes of content as the next chunk. */
static void emit_chunk(sealed_writer_t *writer, const uint8_t *bytes, size_t size, uint8_t tag,
                       buffer_t *out) {
    unsigned long long sealed_size = 0;
    const uint8_t *bound = bind_chunk(&writer->binding, writer->totals.chunks);
    INVARIANT(crypto_secretstream_xchacha20poly1305_push(&writer->secret->state, writer->cipher,
                                                         &sealed_size, bytes, size, bound,
                                                         BOUND_BYTES, tag) == 0);
    writer->totals.chunks++;
    writer->totals.plain_bytes += size;
    emit(writer, writer->cipher, (size_t)sealed_size, out);
}

status_t sealed_write(sealed_writer_t *writer, const void *bytes, size_t size, buffer_t *out,
                      error_t *err) {
    INVARIANT(!writer->ended);
    const uint8_t *at = bytes;
    emit_header(writer, out);
    size_t chunk_bytes = writer->about.chunk_bytes;
    /* A full chunk goes out only when more follows: the last one must carry TAG_FINAL. */
    while (size > 0) {
        if (writer->chunk_used == chunk_bytes) {
            emit_chunk(writer, writer->chunk, chunk_bytes, 0, out);
            writer->chunk_used = 0;
        }
        size_t room = chunk_bytes - writer->chunk_used;
        size_t taken = size < room ? size : room;
        memcpy(writer->chunk + writer->chunk_used, at, taken);
        writer->chunk_used += taken;
        at += taken;
        size -= taken;
    }
    return buffer_check(out, err);
}

status_t sealed_write_end(sealed_writer_t *writer, buffer_t *out, sealed_totals_t *ret_totals,
                          error_t *err) {
    INVARIANT(!writer->ended);
    emit_header(writer, out);
    emit_chunk(writer, writer->chunk, writer->chunk_used,
               crypto_secretstream_xchacha20poly1305_TAG_FINAL, out);
    TRY(buffer_check(out, err));
    writer->ended = true;
    writer->totals.sealed = hash_end(&writer->sealed_hash);
    *ret_totals = writer->totals;
    return STATUS_OK;
}

void sealed_writer_destroy(sealed_writer_t **writer_p) {
    sealed_writer_t *writer = TAKE(*writer_p);
    if (writer != NULL) {
        sodium_free(writer->secret);
        free(writer->chunk);
        free(writer->cipher);
        free(writer);
    }
}

/* --- reading --------------------------------------------------------------------------------- */

static status_t corrupt(error_t *err, const char *what) {
    return error_set(err, ERROR_BACKUP_CORRUPT, "%s", what);
}

/* Bytes that the header takes, or 0 while the fixed part is not whole. */
static size_t header_size(const uint8_t *bytes, size_t size) {
    if (size < FIXED_BYTES) {
        return 0;
    }
    size_t count = (size_t)get_number(bytes + FIXED_BYTES - 2, 2);
    return FIXED_BYTES + count * RECIPIENT_BYTES + STREAM_HEADER_BYTES;
}

static status_t parse_fixed(const uint8_t *bytes, sealed_header_t *header, error_t *err) {
    if (memcmp(bytes, MAGIC, MAGIC_BYTES) != 0) {
        return corrupt(err, "this is no sealed backup: it does not begin as one");
    }
    uint64_t version = get_number(bytes + MAGIC_BYTES, 4);
    if (version != SEALED_VERSION) {
        return error_set(err, ERROR_BACKUP_CORRUPT, "sealed format %llu, this program reads %d",
                         (unsigned long long)version, (int)SEALED_VERSION);
    }
    const uint8_t *at = bytes + MAGIC_BYTES + 4;
    memcpy(header->ids.backup.bytes, at, IDENT_BYTES);
    memcpy(header->ids.tenant.bytes, at + IDENT_BYTES, IDENT_BYTES);
    at += 2 * IDENT_BYTES;
    header->chunk_bytes = (uint32_t)get_number(at, 4);
    header->recipient_count = (size_t)get_number(at + 4, 2);
    if (header->chunk_bytes < SEALED_CHUNK_LEAST || header->chunk_bytes > SEALED_CHUNK_MOST) {
        return corrupt(err, "the header's chunk size is out of bounds");
    }
    if (header->recipient_count == 0 || header->recipient_count > SEALED_RECIPIENTS_MAX) {
        return corrupt(err, "the header's number of recipients is out of bounds");
    }
    return STATUS_OK;
}

status_t sealed_header_parse(const void *bytes, size_t size, sealed_header_t *ret_header,
                             error_t *err) {
    sealed_header_t header = {0};
    if (size < FIXED_BYTES) {
        return corrupt(err, "the file ends within its header");
    }
    TRY(parse_fixed(bytes, &header, err));
    header.header_bytes = header_size(bytes, size);
    if (size < header.header_bytes) {
        return corrupt(err, "the file ends within its header");
    }
    const uint8_t *at = (const uint8_t *)bytes + FIXED_BYTES;
    for (size_t i = 0; i < header.recipient_count; i++, at += RECIPIENT_BYTES) {
        memcpy(header.recipients[i].bytes, at, SEAL_KEY_BYTES);
    }
    *ret_header = header;
    return STATUS_OK;
}

static status_t reader_make(sealed_reader_t **ret_reader, error_t *err) {
    CLEANUP(sealed_reader_destroy_p) sealed_reader_t *reader = calloc(1, sizeof *reader);
    if (reader == NULL || (reader->secret = sodium_malloc(sizeof *reader->secret)) == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a sealed stream");
    }
    hash_begin(&reader->sealed_hash, HASH_BACKUP);
    *ret_reader = TAKE(reader);
    return STATUS_OK;
}

status_t sealed_reader_new(const sealed_opening_t *opening, sealed_reader_t **ret_reader,
                           error_t *err) {
    sealed_reader_t *reader = NULL;
    TRY(reader_make(&reader, err));
    if (opening->expect != NULL) {
        reader->expects = true;
        reader->expect = *opening->expect;
    }
    reader->key = *opening->key;
    reader->opener = opening->secret;
    *ret_reader = reader;
    return STATUS_OK;
}

status_t sealed_reader_of_writer(const sealed_writer_t *writer, sealed_reader_t **ret_reader,
                                 error_t *err) {
    sealed_reader_t *reader = NULL;
    TRY(reader_make(&reader, err));
    reader->expects = true;
    reader->expect = writer->about.ids;
    memcpy(reader->secret->key, writer->secret->key, sizeof reader->secret->key);
    reader->key_known = true;
    *ret_reader = reader;
    return STATUS_OK;
}

/* Find our sealed box in the header and open it into the stream key. */
static status_t unseal_key(sealed_reader_t *reader, error_t *err) {
    const uint8_t *at = reader->header + FIXED_BYTES;
    for (size_t i = 0; i < reader->about.recipient_count; i++, at += RECIPIENT_BYTES) {
        if (memcmp(at, reader->key.bytes, SEAL_KEY_BYTES) != 0) {
            continue;
        }
        if (crypto_box_seal_open(reader->secret->key, at + SEAL_KEY_BYTES, BOX_BYTES,
                                 reader->key.bytes, reader->opener->bytes) != 0) {
            return corrupt(err, "the header's sealed key does not open: header or key is wrong");
        }
        return STATUS_OK;
    }
    return error_set(err, ERROR_SIGNATURE, "this key is no recipient of the backup");
}

/* The header is whole: believe it as far as it can be, and get ready for chunks. */
static status_t open_header(sealed_reader_t *reader, error_t *err) {
    TRY(sealed_header_parse(reader->header, reader->header_used, &reader->about, err));
    if (reader->expects && (!ident_equal(&reader->expect.backup, &reader->about.ids.backup) ||
                            !ident_equal(&reader->expect.tenant, &reader->about.ids.tenant))) {
        return corrupt(err, "the header names another backup or tenant than the manifest");
    }
    if (!reader->key_known) {
        TRY(unseal_key(reader, err));
    }
    reader->cipher = malloc(reader->about.chunk_bytes + SEALED_CHUNK_OVERHEAD);
    reader->plain = malloc(reader->about.chunk_bytes);
    if (reader->cipher == NULL || reader->plain == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a sealed stream");
    }
    const uint8_t *start = reader->header + reader->about.header_bytes - STREAM_HEADER_BYTES;
    INVARIANT(crypto_secretstream_xchacha20poly1305_init_pull(&reader->secret->state, start,
                                                              reader->secret->key) == 0);
    reader->binding = bind_to(reader->header, &reader->about);
    reader->opener = NULL;
    reader->header_read = true;
    return STATUS_OK;
}

static status_t open_chunk(sealed_reader_t *reader, buffer_t *out, error_t *err) {
    unsigned long long size = 0;
    unsigned char tag = 0;
    uint64_t number = reader->totals.chunks;
    const uint8_t *bound = bind_chunk(&reader->binding, number);
    if (reader->cipher_used < SEALED_CHUNK_OVERHEAD ||
        crypto_secretstream_xchacha20poly1305_pull(&reader->secret->state, reader->plain, &size,
                                                   &tag, reader->cipher, reader->cipher_used, bound,
                                                   BOUND_BYTES) != 0) {
        return error_set(err, ERROR_BACKUP_CORRUPT,
                         "chunk %llu does not open: it was changed, moved or cut",
                         (unsigned long long)number);
    }
    reader->cipher_used = 0;
    reader->totals.chunks++;
    reader->totals.plain_bytes += size;
    reader->final_seen = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
    buffer_append(out, reader->plain, (size_t)size);
    return buffer_check(out, err);
}

/* Take header bytes until it is whole; answers how many were taken. */
static status_t take_header(sealed_reader_t *reader, const uint8_t *at, size_t size,
                            size_t *ret_taken, error_t *err) {
    size_t want = FIXED_BYTES;
    if (reader->header_used >= FIXED_BYTES) {
        want = header_size(reader->header, reader->header_used);
    }
    size_t taken = size < want - reader->header_used ? size : want - reader->header_used;
    memcpy(reader->header + reader->header_used, at, taken);
    reader->header_used += taken;
    *ret_taken = taken;
    if (reader->header_used < want) {
        return STATUS_OK;
    }
    if (want == FIXED_BYTES) {
        /* Bounds the number of recipients before room for them is counted on. */
        sealed_header_t fixed = {0};
        return parse_fixed(reader->header, &fixed, err);
    }
    return open_header(reader, err);
}

status_t sealed_read(sealed_reader_t *reader, const void *bytes, size_t size, buffer_t *out,
                     error_t *err) {
    const uint8_t *at = bytes;
    hash_add(&reader->sealed_hash, bytes, size);
    reader->totals.sealed_bytes += size;
    while (size > 0) {
        size_t taken = 0;
        if (!reader->header_read) {
            TRY(take_header(reader, at, size, &taken, err));
        } else if (reader->final_seen) {
            return corrupt(err, "bytes follow the last chunk");
        } else {
            size_t whole = reader->about.chunk_bytes + SEALED_CHUNK_OVERHEAD;
            size_t room = whole - reader->cipher_used;
            taken = size < room ? size : room;
            memcpy(reader->cipher + reader->cipher_used, at, taken);
            reader->cipher_used += taken;
            if (reader->cipher_used == whole) {
                TRY(open_chunk(reader, out, err));
            }
        }
        at += taken;
        size -= taken;
    }
    return STATUS_OK;
}

status_t sealed_read_end(sealed_reader_t *reader, buffer_t *out, sealed_totals_t *ret_totals,
                         error_t *err) {
    if (!reader->header_read) {
        return corrupt(err, "the file ends within its header");
    }
    if (reader->cipher_used > 0) {
        TRY(open_chunk(reader, out, err));
    }
    if (!reader->final_seen) {
        return corrupt(err, "the file ends before its last chunk");
    }
    reader->totals.sealed = hash_end(&reader->sealed_hash);
    *ret_totals = reader->totals;
    return STATUS_OK;
}

void sealed_reader_destroy(sealed_reader_t **reader_p) {
    sealed_reader_t *reader = TAKE(*reader_p);
    if (reader != NULL) {
        sodium_free(reader->secret);
        free(reader->cipher);
        free(reader->plain);
        free(reader);
    }
}
