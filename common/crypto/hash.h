/*
 * hash.h: BLAKE2b-256 over bytes, always under a domain, so that a digest of one kind of thing can
 * never stand for another. Source: libsodium "Generic hashing", RFC 7693.
 */
#ifndef DROVER_CRYPTO_HASH_H
#define DROVER_CRYPTO_HASH_H

#include "common/base/digest.h"

#include <sodium.h>

/* What is being digested; the text is the domain and part of the format. */
#define HASH_SCRIPT "drover/script/1"
#define HASH_MANIFEST "drover/manifest/1"
#define HASH_BUNDLE "drover/bundle/1"
#define HASH_FINGERPRINT "drover/fingerprint/1"
#define HASH_LEDGER "drover/ledger/1"
#define HASH_BACKUP "drover/backup/1"
#define HASH_ORDER "drover/order/1"
#define HASH_PLAN "drover/plan/1"
#define HASH_REPORT "drover/report/1"
#define HASH_AUDIT "drover/audit/1"
#define HASH_AUDIT_HEAD "drover/audit-head/1"
/* Ids of documents, by kind (common/trust). */
#define HASH_TRUST_DOCUMENT "drover/document/trust/1"
#define HASH_ORDER_DOCUMENT "drover/document/order/1"
#define HASH_CARD_DOCUMENT "drover/document/card/1"
#define HASH_REVOCATION_DOCUMENT "drover/document/revocation/1"
#define HASH_RESULT_DOCUMENT "drover/document/result/1"
#define HASH_REQUEST_DOCUMENT "drover/document/request/1"
#define HASH_TICKET "drover/ticket/1"
/* Trees over an order's tenants and waves. */
#define HASH_LEAF "drover/leaf/1"
#define HASH_WAVE "drover/wave/1"
#define HASH_MERKLE_LEAF "drover/merkle-leaf/1"
#define HASH_MERKLE_NODE "drover/merkle-node/1"

typedef struct hash {
    crypto_generichash_state state;
} hash_t;

/* Begin a digest under a domain (at most 64 characters). */
void hash_begin(hash_t *hash, const char *domain);
void hash_add(hash_t *hash, const void *bytes, size_t size);
/* Add a text with its length in front, so that adjacent fields cannot run into each other. */
void hash_add_text(hash_t *hash, const char *text);
void hash_add_number(hash_t *hash, int64_t number);
digest_t hash_end(hash_t *hash);

/* The digest of one run of bytes. (Not hash_bytes: libpg_query exports PostgreSQL's own of that
 * name.) */
digest_t hash_of(const char *domain, const void *bytes, size_t size);

#endif
