/* chain.c: see chain.h. */
#include "common/audit/chain.h"

#include "common/crypto/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

digest_t audit_record_digest(const audit_record_t *record) {
    hash_t hash;
    hash_begin(&hash, HASH_AUDIT);
    hash_add_number(&hash, record->sequence);
    hash_add_number(&hash, record->time_us);
    hash_add_text(&hash, record->actor);
    hash_add_text(&hash, record->origin);
    hash_add_text(&hash, record->action);
    hash_add(&hash, record->rollout.bytes, sizeof record->rollout.bytes);
    hash_add(&hash, record->tenant.bytes, sizeof record->tenant.bytes);
    hash_add(&hash, record->sql_digest.bytes, sizeof record->sql_digest.bytes);
    hash_add_text(&hash, record->result);
    hash_add_text(&hash, record->detail);
    hash_add(&hash, record->previous.bytes, sizeof record->previous.bytes);
    return hash_end(&hash);
}

/* What is signed: every field but the key, which its signature binds. */
static digest_t head_digest(const audit_head_t *head) {
    hash_t hash;
    hash_begin(&hash, HASH_AUDIT_HEAD);
    hash_add_number(&hash, head->sequence);
    hash_add(&hash, head->digest.bytes, sizeof head->digest.bytes);
    hash_add_number(&hash, head->time_us);
    hash_add(&hash, head->catalog.bytes, sizeof head->catalog.bytes);
    hash_add_number(&hash, (int64_t)head->epoch);
    hash_add(&hash, head->incarnation.bytes, sizeof head->incarnation.bytes);
    return hash_end(&hash);
}

void audit_head_sign(audit_head_t *head, const sign_secret_t *secret) {
    digest_t digest = head_digest(head);
    head->signature = sign_bytes(secret, SIGN_AUDIT_HEAD, digest.bytes, sizeof digest.bytes);
}

bool audit_head_holds(const audit_head_t *head) {
    digest_t digest = head_digest(head);
    return sign_verify(&head->key, SIGN_AUDIT_HEAD, digest.bytes, sizeof digest.bytes,
                       &head->signature);
}

/* --- as text: time, epoch, incarnation, catalog, key, signature ------------------------------- */

enum { WORDS = 6, NUMBER_DIGITS = 20 };

const char *audit_head_text(const audit_head_t *head, char buffer[AUDIT_HEAD_TEXT_SIZE]) {
    char incarnation[IDENT_TEXT_SIZE];
    char catalog[IDENT_TEXT_SIZE];
    char key[2 * SIGN_PUBLIC_BYTES + 1];
    char signature[2 * SIGN_SIGNATURE_BYTES + 1];
    (void)snprintf(buffer, AUDIT_HEAD_TEXT_SIZE, "%" PRId64 " %" PRIu64 " %s %s %s %s",
                   head->time_us, head->epoch, ident_text(&head->incarnation, incarnation),
                   ident_text(&head->catalog, catalog),
                   hex_text(head->key.bytes, sizeof head->key.bytes, key),
                   hex_text(head->signature.bytes, sizeof head->signature.bytes, signature));
    return buffer;
}

/* Decimal digits alone, no sign and no blanks. */
static status_t parse_number(const char *text, int64_t *ret_number, error_t *err) {
    size_t digits = strspn(text, "0123456789");
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (digits == 0 || digits > NUMBER_DIGITS || text[digits] != '\0' || errno != 0) {
        return error_set(err, ERROR_INVALID, "a signed head has '%.32s' where a number belongs",
                         text);
    }
    *ret_number = number;
    return STATUS_OK;
}

/* Split a copy at single blanks into exactly WORDS words. */
static status_t split(char *text, char *words[WORDS], error_t *err) {
    size_t count = 0;
    char *rest = text;
    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
        if (count == WORDS) {
            count++;
            break;
        }
        words[count++] = word;
    }
    return count == WORDS ? STATUS_OK
                          : error_set(err, ERROR_INVALID, "a signed head has %d words", (int)WORDS);
}

status_t audit_head_parse(const char *text, audit_head_t *head, error_t *err) {
    char copy[AUDIT_HEAD_TEXT_SIZE];
    char *words[WORDS];
    audit_head_t read = {.sequence = head->sequence, .digest = head->digest};
    int64_t epoch = 0;
    if (snprintf(copy, sizeof copy, "%s", text) >= (int)sizeof copy) {
        return error_set(err, ERROR_INVALID, "a signed head of %zu characters", strlen(text));
    }
    TRY(split(copy, words, err));
    TRY(parse_number(words[0], &read.time_us, err));
    TRY(parse_number(words[1], &epoch, err));
    read.epoch = (uint64_t)epoch;
    TRY(ident_parse(words[2], &read.incarnation, err));
    TRY(ident_parse(words[3], &read.catalog, err));
    TRY(hex_parse(words[4], sizeof read.key.bytes, read.key.bytes, err));
    TRY(hex_parse(words[5], sizeof read.signature.bytes, read.signature.bytes, err));
    *head = read;
    return STATUS_OK;
}
