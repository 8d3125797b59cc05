/*
 * sealed.h: a stream of bytes that only named recipients can read, and that cannot be changed, cut,
 * reordered or passed off as another backup without the reader noticing.
 *
 * A random key per stream is sealed to every recipient's X25519 key and stands in the header; the
 * content follows in chunks of fixed size under XChaCha20-Poly1305. Each chunk carries as
 * additional data the digest of the whole header, the tenant, the backup and its own number; the
 * last one carries TAG_FINAL, which the reader demands, and nothing may follow it.
 *
 * Anybody who knows the recipients' public keys can make such a stream: who made it is the signed
 * manifest's to say, which holds the digest of the sealed bytes.
 *
 * Nothing here reads or writes files: bytes go in, bytes come out in a buffer_t of the caller, who
 * clears it between calls. Layout (numbers big-endian):
 *
 *     "DROVERBK" | u32 version 1 | backup id 16 | tenant id 16 | u32 chunk bytes | u16 recipients
 *     recipients x (public key 32 | sealed key 80) | secretstream header 24 | chunks
 *
 * Sources: libsodium "Sealed boxes", "Encrypting a stream (secretstream)".
 */
#ifndef DROVER_CRYPTO_SEALED_H
#define DROVER_CRYPTO_SEALED_H

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/ident.h"

enum {
    SEAL_KEY_BYTES = 32,
    SEAL_KEY_TEXT_SIZE = 65,
    SEALED_VERSION = 1,
    SEALED_RECIPIENTS_MAX = 16,
    SEALED_CHUNK_BYTES = 256 * 1024,
    SEALED_CHUNK_LEAST = 4 * 1024,
    SEALED_CHUNK_MOST = 1024 * 1024,
    SEALED_CHUNK_OVERHEAD = 17, /* tag byte and authenticator */
};

typedef struct seal_public {
    uint8_t bytes[SEAL_KEY_BYTES];
} seal_public_t;

/* Held in guarded memory by its owner (see keyfile.h); never copied, never printed. */
typedef struct seal_secret {
    uint8_t bytes[SEAL_KEY_BYTES];
} seal_secret_t;

/* What a stream is bound to. */
typedef struct sealed_ids {
    ident_t backup;
    ident_t tenant;
} sealed_ids_t;

/* What the first bytes of a stream say; nothing in it is proven before a chunk was opened. */
typedef struct sealed_header {
    sealed_ids_t ids;
    uint32_t chunk_bytes;
    size_t recipient_count;
    seal_public_t recipients[SEALED_RECIPIENTS_MAX];
    size_t header_bytes; /* where the chunks begin */
} sealed_header_t;

/* What went through, known at the end. */
typedef struct sealed_totals {
    uint64_t chunks;
    uint64_t plain_bytes;
    uint64_t sealed_bytes;
    digest_t sealed; /* HASH_BACKUP over header and chunks: with the key it fixes the content too */
} sealed_totals_t;

typedef struct sealed_writer sealed_writer_t;
typedef struct sealed_reader sealed_reader_t;

/* Make a recipient's key pair from the system's randomness. */
void seal_keypair(seal_public_t *ret_public, seal_secret_t *ret_secret);

/*
 * Begin a stream to 1..SEALED_RECIPIENTS_MAX recipients. ERROR_INVALID where there is none, one
 * stands there twice or a key is no point of the curve; ERROR_NO_MEMORY. The caller destroys it.
 */
typedef struct sealed_target {
    sealed_ids_t ids;
    const seal_public_t *recipients;
    size_t recipient_count;
    uint32_t chunk_bytes; /* 0: SEALED_CHUNK_BYTES */
} sealed_target_t;

MUST_CHECK status_t sealed_writer_new(const sealed_target_t *target, sealed_writer_t **ret_writer,
                                      error_t *err);

/* Take size bytes; whole chunks that became ready are appended to out. */
MUST_CHECK status_t sealed_write(sealed_writer_t *writer, const void *bytes, size_t size,
                                 buffer_t *out, error_t *err);

/*
 * Append the last chunk with TAG_FINAL. Called only once all of the source is known to be good: a
 * stream without it is refused by every reader.
 */
MUST_CHECK status_t sealed_write_end(sealed_writer_t *writer, buffer_t *out,
                                     sealed_totals_t *ret_totals, error_t *err);

/* Wipe and release; safe on NULL. */
void sealed_writer_destroy(sealed_writer_t **writer_p);

/*
 * Read the header at the start of bytes. ERROR_BACKUP_CORRUPT where it is none, or too short. What
 * it says is unproven. Pure, for `backup show` and the fuzzer.
 */
MUST_CHECK status_t sealed_header_parse(const void *bytes, size_t size, sealed_header_t *ret_header,
                                        error_t *err);

/* How a stream is to be opened. */
typedef struct sealed_opening {
    const sealed_ids_t *expect;  /* refuse a stream of other ids; NULL takes any */
    const seal_public_t *key;    /* the recipient that reads */
    const seal_secret_t *secret; /* its secret; borrowed until the first chunk was opened */
} sealed_opening_t;

MUST_CHECK status_t sealed_reader_new(const sealed_opening_t *opening, sealed_reader_t **ret_reader,
                                      error_t *err);

/*
 * A reader of what this writer writes, without a recipient's secret: for reading back at once where
 * only offline recovery keys are recipients. It checks all but the sealed boxes of the header.
 */
MUST_CHECK status_t sealed_reader_of_writer(const sealed_writer_t *writer,
                                            sealed_reader_t **ret_reader, error_t *err);

/*
 * Take size sealed bytes; the content of chunks that could be opened is appended to out.
 * ERROR_BACKUP_CORRUPT names the chunk that was changed, moved or follows the last one;
 * ERROR_SIGNATURE where this key is no recipient.
 */
MUST_CHECK status_t sealed_read(sealed_reader_t *reader, const void *bytes, size_t size,
                                buffer_t *out, error_t *err);

/* The source ended: open what is left and demand TAG_FINAL. ERROR_BACKUP_CORRUPT where it lacks. */
MUST_CHECK status_t sealed_read_end(sealed_reader_t *reader, buffer_t *out,
                                    sealed_totals_t *ret_totals, error_t *err);

/* Wipe and release; safe on NULL. */
void sealed_reader_destroy(sealed_reader_t **reader_p);

#endif
