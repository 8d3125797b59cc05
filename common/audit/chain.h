/*
 * chain.h: the audit log as a chain of digests, and its signed head. Pure.
 *
 * A row's digest covers all its fields and the digest of the row before it, so an edit, an
 * insertion or a removal shows in every digest after it. A chain cannot show that its tail was cut:
 * that shows against a head which the coordinator signed earlier and somebody kept elsewhere.
 * The first row of a chain cites zeros. A catalog may hold older rows that are in no chain.
 */
#ifndef DROVER_AUDIT_CHAIN_H
#define DROVER_AUDIT_CHAIN_H

#include "common/base/ident.h"
#include "common/crypto/sign.h"

/* A row of the audit log; texts are borrowed. */
typedef struct audit_record {
    int64_t sequence;
    int64_t time_us;
    const char *actor;
    const char *origin;
    const char *action;
    ident_t rollout;     /* or null */
    ident_t tenant;      /* or null */
    digest_t sql_digest; /* or null */
    const char *result;
    const char *detail;
    digest_t previous; /* of the row before; null in the first row of the chain */
} audit_record_t;

digest_t audit_record_digest(const audit_record_t *record);

/* How far the log had come at a moment, by the coordinator's word. */
typedef struct audit_head {
    int64_t sequence; /* of the last row; 0: there is none */
    digest_t digest;  /* of that row; null where it is in no chain */
    int64_t time_us;  /* when it was signed */
    ident_t catalog;  /* the catalog's id */
    uint64_t epoch;
    ident_t incarnation;
    sign_public_t key; /* the coordinator's */
    signature_t signature;
} audit_head_t;

/* Fill the signature of a head that is otherwise complete; the secret is its key's. */
void audit_head_sign(audit_head_t *head, const sign_secret_t *secret);

/* Whether the signature is the key's. Whether the key is a coordinator's is not asked here. */
bool audit_head_holds(const audit_head_t *head);

/* All but sequence and digest as text, which is kept beside the row that has those; answers buffer.
 * And back: ERROR_INVALID; sequence and digest stay as they are. */
enum { AUDIT_HEAD_TEXT_SIZE = 384 };
const char *audit_head_text(const audit_head_t *head, char buffer[AUDIT_HEAD_TEXT_SIZE]);
MUST_CHECK status_t audit_head_parse(const char *text, audit_head_t *head, error_t *err);

#endif
