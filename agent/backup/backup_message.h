/*
 * backup_message.h: what the loop and its worker tell each other, once each way. Internal to this
 * room.
 *
 * The order is one JSON object behind a fixed block of secrets, in a memfd that the worker
 * overwrites after reading; the answer is one JSON object of at most BACKUP_ANSWER_MAX bytes, which
 * fits a pipe unread.
 */
#ifndef DROVER_AGENT_BACKUP_MESSAGE_H
#define DROVER_AGENT_BACKUP_MESSAGE_H

#include "agent/backup/backup.h"
#include "common/base/cleanup.h"

#include <jansson.h>

enum {
    BACKUP_ORDER_FD = 3,
    BACKUP_ANSWER_FD = 4,
    BACKUP_ORDER_MAX = 512 * 1024,
    BACKUP_ANSWER_MAX = 48 * 1024,
    BACKUP_TRUST_MAX = 16,
    BACKUP_ARGUMENTS_MAX = 63,
};

/* Fixed block at the start of the memfd; unused halves are zero. */
typedef struct backup_secrets {
    sign_secret_t sign;
    seal_secret_t seal;
} backup_secrets_t;

/* An order as the worker holds it. Texts belong to root. */
typedef struct backup_order {
    backup_kind_t kind;
    json_t *root;
    backup_secrets_t *secrets; /* guarded */
    bool has_seal;
    int64_t parent; /* the loop's process */
    backup_connection_t connection;
    backup_programs_t programs;
    const char *dir;
    const char *manifest_path;
    backup_manifest_t facts;
    uint64_t room_bytes;
    int64_t lock_wait_ms;
    int64_t level;
    bool owner_is_role;
    bool no_privileges;
    ident_t tenant_id;
    ident_t backup_id;
    sign_public_t sign_public;
    seal_public_t seal_public;
    sign_public_t trusted[BACKUP_TRUST_MAX];
    size_t trusted_count;
    const char *argv[BACKUP_ARGUMENTS_MAX + 1];
    const char *facts_json;
    int64_t timeout_ms;
} backup_order_t;

/* Write an order into a new memfd, which the caller closes. */
MUST_CHECK status_t backup_order_send(const backup_order_t *order, const backup_keys_t *keys,
                                      int *ret_fd, error_t *err);

/* Read it and wipe the memfd. */
MUST_CHECK status_t backup_order_receive(int fd, backup_order_t *ret_order, error_t *err);
void backup_order_free(backup_order_t *order);

/* The answer's text, either a result or an error. */
void backup_answer_encode(const backup_result_t *result, const error_t *failure, buffer_t *out);

/* Read it: STATUS_OK and a result, or the worker's error in err. */
MUST_CHECK status_t backup_answer_decode(backup_bytes_t answer, backup_result_t *ret_result,
                                         error_t *err);

#endif
