/* backup_message.c: see backup_message.h. Both ends are one program: the JSON is no public format.
 */
#include "agent/backup/backup_message.h"
#include "agent/backup/backup_file.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void json_free_p(json_t **json) {
    json_decref(*json);
}

static void put_hex(json_t *object, const char *name, const void *bytes, size_t size) {
    char hex[2 * SIGN_SIGNATURE_BYTES + 1];
    (void)json_object_set_new(object, name, json_string(hex_text(bytes, size, hex)));
}

static void put_text(json_t *object, const char *name, const char *text) {
    if (text != NULL) {
        (void)json_object_set_new(object, name, json_string(text));
    }
}

static void put_number(json_t *object, const char *name, int64_t number) {
    (void)json_object_set_new(object, name, json_integer(number));
}

static const char *get_text(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static int64_t get_number(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

static bool get_hex(const json_t *object, const char *name, size_t size, void *ret_bytes) {
    error_t ignored;
    const char *hex = get_text(object, name);
    return hex != NULL && strlen(hex) == 2 * size &&
           hex_parse(hex, size, ret_bytes, &ignored) == STATUS_OK;
}

/* --- order ----------------------------------------------------------------------------------- */

static void put_lists(json_t *root, const backup_order_t *order) {
    json_t *trusted = json_array();
    json_t *argv = json_array();
    char hex[SIGN_PUBLIC_TEXT_SIZE];
    for (size_t i = 0; i < order->trusted_count; i++) {
        (void)json_array_append_new(
            trusted, json_string(hex_text(order->trusted[i].bytes, SIGN_PUBLIC_BYTES, hex)));
    }
    for (size_t i = 0; i < BACKUP_ARGUMENTS_MAX && order->argv[i] != NULL; i++) {
        (void)json_array_append_new(argv, json_string(order->argv[i]));
    }
    (void)json_object_set_new(root, "trusted", trusted);
    (void)json_object_set_new(root, "argv", argv);
}

static status_t order_json(const backup_order_t *order, json_t *root, error_t *err) {
    CLEANUP(buffer_free) buffer_t facts = {0};
    TRY(backup_manifest_encode(&order->facts, &facts, err));
    put_text(root, "facts", buffer_string(&facts));
    put_number(root, "kind", order->kind);
    put_number(root, "parent", order->parent);
    put_text(root, "conninfo", order->connection.conninfo);
    put_text(root, "role", order->connection.role);
    put_text(root, "passfile", order->connection.passfile);
    put_text(root, "service_file", order->connection.service_file);
    put_text(root, "bin_dir", order->programs.bin_dir);
    put_number(root, "server_version", order->programs.server_version);
    put_number(root, "allow_known_faulty", order->programs.allow_known_faulty);
    put_text(root, "dir", order->dir);
    put_text(root, "manifest_path", order->manifest_path);
    put_number(root, "room_bytes", (int64_t)order->room_bytes);
    put_number(root, "lock_wait_ms", order->lock_wait_ms);
    put_number(root, "level", order->level);
    put_number(root, "owner_is_role", order->owner_is_role);
    put_number(root, "no_privileges", order->no_privileges);
    put_number(root, "has_seal", order->has_seal);
    put_hex(root, "tenant_id", order->tenant_id.bytes, IDENT_BYTES);
    put_hex(root, "backup_id", order->backup_id.bytes, IDENT_BYTES);
    put_hex(root, "sign_public", order->sign_public.bytes, SIGN_PUBLIC_BYTES);
    put_hex(root, "seal_public", order->seal_public.bytes, SEAL_KEY_BYTES);
    put_text(root, "facts_json", order->facts_json);
    put_number(root, "timeout_ms", order->timeout_ms);
    put_lists(root, order);
    return STATUS_OK;
}

static status_t write_secrets(int fd, const backup_keys_t *keys, error_t *err) {
    backup_secrets_t *secrets = sodium_malloc(sizeof *secrets);
    if (secrets == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no guarded memory for a key");
    }
    memset(secrets, 0, sizeof *secrets);
    if (keys->sign_secret != NULL) {
        memcpy(&secrets->sign, keys->sign_secret, sizeof secrets->sign);
    }
    if (keys->seal_secret != NULL) {
        memcpy(&secrets->seal, keys->seal_secret, sizeof secrets->seal);
    }
    backup_write_t what = {
        .fd = fd, .path = "the worker's order", .bytes = secrets, .size = sizeof *secrets};
    status_t status = backup_file_write(&what, err);
    sodium_free(secrets);
    return status;
}

status_t backup_order_send(const backup_order_t *order, const backup_keys_t *keys, int *ret_fd,
                           error_t *err) {
    CLEANUP(json_free_p) json_t *root = json_object();
    TRY(order_json(order, root, err));
    CLEANUP(free_p) char *text = json_dumps(root, JSON_COMPACT);
    if (text == NULL || strlen(text) > BACKUP_ORDER_MAX) {
        return error_set(err, ERROR_BOUND,
                         "the backup's order is larger than %d bytes, or no UTF-8",
                         (int)BACKUP_ORDER_MAX);
    }
    CLEANUP(close_p) int fd = memfd_create("drover-backup-order", MFD_CLOEXEC);
    if (fd < 0) {
        return backup_file_error(err, "make", "the worker's order");
    }
    TRY(write_secrets(fd, keys, err));
    backup_write_t what = {
        .fd = fd, .path = "the worker's order", .bytes = text, .size = strlen(text)};
    TRY(backup_file_write(&what, err));
    *ret_fd = fd;
    fd = -1;
    return STATUS_OK;
}

static status_t pull(int fd, void *bytes, size_t size, off_t at, error_t *err) {
    char *to = bytes;
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(fd, to + done, size - done, at + (off_t)done);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return error_set(err, ERROR_INTERNAL, "the worker's order cannot be read");
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return STATUS_OK;
}

static status_t read_parts(int fd, backup_order_t *order, error_t *err) {
    struct stat about;
    if (fstat(fd, &about) != 0 || about.st_size <= (off_t)sizeof(backup_secrets_t) ||
        about.st_size > (off_t)sizeof(backup_secrets_t) + BACKUP_ORDER_MAX) {
        return error_set(err, ERROR_INTERNAL, "the worker's order has a wrong size");
    }
    size_t size = (size_t)about.st_size - sizeof(backup_secrets_t);
    CLEANUP(free_p) char *text = malloc(size);
    order->secrets = sodium_malloc(sizeof *order->secrets);
    if (text == NULL || order->secrets == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for the worker's order");
    }
    TRY(pull(fd, order->secrets, sizeof *order->secrets, 0, err));
    TRY(pull(fd, text, size, sizeof *order->secrets, err));
    static const uint8_t ZEROS[sizeof(backup_secrets_t)];
    if (pwrite(fd, ZEROS, sizeof ZEROS, 0) != (ssize_t)sizeof ZEROS) {
        return error_set(err, ERROR_INTERNAL, "the worker's order cannot be wiped");
    }
    json_error_t where;
    order->root = json_loadb(text, size, 0, &where);
    if (order->root == NULL) {
        return error_set(err, ERROR_INTERNAL, "the worker's order is no JSON: %s", where.text);
    }
    return STATUS_OK;
}

static status_t read_lists(backup_order_t *order, error_t *err) {
    const json_t *trusted = json_object_get(order->root, "trusted");
    const json_t *argv = json_object_get(order->root, "argv");
    order->trusted_count = json_array_size(trusted);
    if (order->trusted_count > BACKUP_TRUST_MAX || json_array_size(argv) > BACKUP_ARGUMENTS_MAX) {
        return error_set(err, ERROR_INTERNAL, "a list in the worker's order is too long");
    }
    for (size_t i = 0; i < order->trusted_count; i++) {
        TRY(hex_parse(json_string_value(json_array_get(trusted, i)), SIGN_PUBLIC_BYTES,
                      order->trusted[i].bytes, err));
    }
    for (size_t i = 0; i < json_array_size(argv); i++) {
        order->argv[i] = json_string_value(json_array_get(argv, i));
    }
    return STATUS_OK;
}

static status_t read_fields(backup_order_t *order, error_t *err) {
    const json_t *root = order->root;
    const char *facts = get_text(root, "facts");
    if (facts == NULL || !get_hex(root, "tenant_id", IDENT_BYTES, order->tenant_id.bytes) ||
        !get_hex(root, "backup_id", IDENT_BYTES, order->backup_id.bytes) ||
        !get_hex(root, "sign_public", SIGN_PUBLIC_BYTES, order->sign_public.bytes) ||
        !get_hex(root, "seal_public", SEAL_KEY_BYTES, order->seal_public.bytes)) {
        return error_set(err, ERROR_INTERNAL, "the worker's order lacks a field");
    }
    backup_bytes_t json = {.data = facts, .size = strlen(facts)};
    TRY(backup_manifest_decode(json, &order->facts, err));
    order->kind = (backup_kind_t)get_number(root, "kind");
    order->parent = get_number(root, "parent");
    order->connection.conninfo = get_text(root, "conninfo");
    order->connection.role = get_text(root, "role");
    order->connection.passfile = get_text(root, "passfile");
    order->connection.service_file = get_text(root, "service_file");
    order->programs.bin_dir = get_text(root, "bin_dir");
    order->programs.server_version = get_number(root, "server_version");
    order->programs.allow_known_faulty = get_number(root, "allow_known_faulty") != 0;
    order->dir = get_text(root, "dir");
    order->manifest_path = get_text(root, "manifest_path");
    order->room_bytes = (uint64_t)get_number(root, "room_bytes");
    order->lock_wait_ms = get_number(root, "lock_wait_ms");
    order->level = get_number(root, "level");
    order->owner_is_role = get_number(root, "owner_is_role") != 0;
    order->no_privileges = get_number(root, "no_privileges") != 0;
    order->has_seal = get_number(root, "has_seal") != 0;
    order->facts_json = get_text(root, "facts_json");
    order->timeout_ms = get_number(root, "timeout_ms");
    return read_lists(order, err);
}

status_t backup_order_receive(int fd, backup_order_t *ret_order, error_t *err) {
    memset(ret_order, 0, sizeof *ret_order);
    TRY(read_parts(fd, ret_order, err));
    return read_fields(ret_order, err);
}

void backup_order_free(backup_order_t *order) {
    json_decref(order->root);
    sodium_free(order->secrets);
    order->root = NULL;
    order->secrets = NULL;
}

/* --- answer ---------------------------------------------------------------------------------- */

static void failure_json(json_t *root, const error_t *failure) {
    json_t *contexts = json_array();
    put_text(root, "code", error_code_text(failure->code));
    put_number(root, "retry", failure->retry);
    put_text(root, "message", failure->message);
    put_text(root, "sqlstate", failure->sqlstate);
    for (int i = 0; i < failure->context_count; i++) {
        (void)json_array_append_new(contexts, json_string(failure->context[i]));
    }
    (void)json_object_set_new(root, "contexts", contexts);
}

static void result_json(json_t *root, const backup_result_t *result) {
    error_t ignored;
    CLEANUP(buffer_free) buffer_t manifest = {0};
    if (backup_manifest_encode(&result->manifest, &manifest, &ignored) == STATUS_OK) {
        put_text(root, "manifest", buffer_string(&manifest));
    }
    put_number(root, "kind", result->kind);
    put_text(root, "path", result->path);
    put_number(root, "list_entries", result->list_entries);
    put_text(root, "reference", result->reference);
    put_text(root, "lsn", result->lsn);
    put_number(root, "elapsed_us", result->elapsed_us);
}

void backup_answer_encode(const backup_result_t *result, const error_t *failure, buffer_t *out) {
    CLEANUP(json_free_p) json_t *root = json_object();
    if (failure != NULL) {
        failure_json(root, failure);
    } else {
        result_json(root, result);
    }
    CLEANUP(free_p) char *text = json_dumps(root, JSON_COMPACT);
    if (text != NULL && strlen(text) <= BACKUP_ANSWER_MAX) {
        buffer_text(out, text);
    }
}

static status_t decode_failure(const json_t *root, error_t *err) {
    error_code_t code = error_code_parse(get_text(root, "code"));
    const char *message = get_text(root, "message");
    const char *sqlstate = get_text(root, "sqlstate");
    (void)error_set(err, code != ERROR_NONE ? code : ERROR_INTERNAL, "%s",
                    message != NULL ? message : "");
    err->retry = (retry_class_t)get_number(root, "retry");
    (void)snprintf(err->sqlstate, sizeof err->sqlstate, "%s", sqlstate != NULL ? sqlstate : "");
    const json_t *contexts = json_object_get(root, "contexts");
    for (size_t i = 0; i < json_array_size(contexts); i++) {
        const char *context = json_string_value(json_array_get(contexts, i));
        (void)error_context(err, "%s", context != NULL ? context : "");
    }
    return STATUS_ERROR;
}

static void copy_text(const json_t *root, const char *name, char *to, size_t room) {
    const char *text = get_text(root, name);
    (void)snprintf(to, room, "%s", text != NULL ? text : "");
}

status_t backup_answer_decode(backup_bytes_t answer, backup_result_t *ret_result, error_t *err) {
    json_error_t where;
    CLEANUP(json_free_p) json_t *root = json_loadb(answer.data, answer.size, 0, &where);
    if (root == NULL) {
        return error_set(err, ERROR_BACKUP_FAILED, "the backup worker ended without an answer");
    }
    if (get_text(root, "code") != NULL) {
        return decode_failure(root, err);
    }
    backup_result_t result = {.kind = (backup_kind_t)get_number(root, "kind")};
    const char *manifest = get_text(root, "manifest");
    if (manifest == NULL) {
        return error_set(err, ERROR_INTERNAL, "the backup worker's answer lacks its manifest");
    }
    backup_bytes_t json = {.data = manifest, .size = strlen(manifest)};
    TRY(backup_manifest_decode(json, &result.manifest, err));
    copy_text(root, "path", result.path, sizeof result.path);
    copy_text(root, "reference", result.reference, sizeof result.reference);
    copy_text(root, "lsn", result.lsn, sizeof result.lsn);
    result.list_entries = get_number(root, "list_entries");
    result.elapsed_us = get_number(root, "elapsed_us");
    *ret_result = result;
    return STATUS_OK;
}
