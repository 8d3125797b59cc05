/* backup_manifest.c: see backup_manifest.h. One table of fields drives writing and reading. */
#include "agent/backup/backup_manifest.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

typedef enum field_type {
    FIELD_IDENT,
    FIELD_TEXT,
    FIELD_NUMBER,
    FIELD_SIZE,
    FIELD_DIGEST
} field_type_t;

typedef struct field {
    const char *name;
    field_type_t type;
    size_t offset;
    size_t room; /* of a text, with its terminator */
} field_t;

#define AT(member) offsetof(backup_manifest_t, member)
#define TEXT(member)                                                                               \
    { #member, FIELD_TEXT, AT(member), sizeof(((backup_manifest_t *)NULL)->member) }

/* clang-format off */
static const field_t FIELDS[] = {
    {"backup_id", FIELD_IDENT, AT(backup_id), 0},
    {"tenant_id", FIELD_IDENT, AT(tenant_id), 0},
    {"rollout_id", FIELD_IDENT, AT(rollout_id), 0},
    {"job_id", FIELD_IDENT, AT(job_id), 0},
    TEXT(tenant_name),
    TEXT(application),
    TEXT(cluster),
    TEXT(database),
    TEXT(owner),
    TEXT(ledger_version),
    {"server_version", FIELD_NUMBER, AT(server_version), 0},
    TEXT(lsn),
    {"fingerprint_strict", FIELD_DIGEST, AT(fingerprint_strict), 0},
    {"fingerprint_logical", FIELD_DIGEST, AT(fingerprint_logical), 0},
    {"ledger_head", FIELD_DIGEST, AT(ledger_head), 0},
    TEXT(tool_version),
    TEXT(file),
    {"started_us", FIELD_NUMBER, AT(started_us), 0},
    {"finished_us", FIELD_NUMBER, AT(finished_us), 0},
    {"plain_bytes", FIELD_SIZE, AT(plain_bytes), 0},
    {"compressed_bytes", FIELD_SIZE, AT(compressed_bytes), 0},
    {"sealed_bytes", FIELD_SIZE, AT(sealed_bytes), 0},
    {"sealed", FIELD_DIGEST, AT(sealed), 0},
};
/* clang-format on */

enum { FIELD_TOTAL = sizeof FIELDS / sizeof FIELDS[0], OTHER_FIELDS = 2 };

static const char TITLE[] = "drover backup manifest 1\nkey: ";
static const char SIGNATURE_LABEL[] = "\nsignature: ";

static void json_free_p(json_t **json) {
    json_decref(*json);
}

static status_t corrupt(error_t *err, const char *what) {
    return error_set(err, ERROR_BACKUP_CORRUPT, "the manifest %s", what);
}

/* --- writing --------------------------------------------------------------------------------- */

static json_t *digest_json(const digest_t *digest) {
    char text[DIGEST_TEXT_SIZE];
    return digest_is_null(digest) ? json_null() : json_string(digest_text(digest, text));
}

static json_t *ident_json(const ident_t *id) {
    char text[IDENT_TEXT_SIZE];
    return ident_is_null(id) ? json_null() : json_string(ident_text(id, text));
}

static json_t *field_json(const backup_manifest_t *manifest, const field_t *field) {
    const char *at = (const char *)manifest + field->offset;
    int64_t number = 0;
    ident_t id;
    digest_t digest;
    switch (field->type) {
    case FIELD_IDENT:
        memcpy(&id, at, sizeof id);
        return ident_json(&id);
    case FIELD_TEXT:
        return json_string(at); /* NULL where it is no UTF-8 */
    case FIELD_NUMBER:
    case FIELD_SIZE:
        memcpy(&number, at, sizeof number);
        return json_integer(number);
    case FIELD_DIGEST:
        memcpy(&digest, at, sizeof digest);
        return digest_json(&digest);
    }
    return NULL;
}

static status_t recipients_json(const backup_manifest_t *manifest, json_t *object, error_t *err) {
    json_t *list = json_array();
    char text[SEAL_KEY_TEXT_SIZE];
    for (int32_t i = 0; i < manifest->recipient_count; i++) {
        (void)json_array_append_new(
            list, json_string(hex_text(manifest->recipients[i].bytes, SEAL_KEY_BYTES, text)));
    }
    if (json_object_set_new(object, "recipients", list) != 0) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a backup manifest");
    }
    return STATUS_OK;
}

status_t backup_manifest_encode(const backup_manifest_t *manifest, buffer_t *ret_json,
                                error_t *err) {
    INVARIANT(manifest->recipient_count >= 0 && manifest->recipient_count <= SEALED_RECIPIENTS_MAX);
    CLEANUP(json_free_p) json_t *object = json_object();
    if (object == NULL || json_object_set_new(object, "format", json_string(BACKUP_FORMAT)) != 0) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a backup manifest");
    }
    for (size_t i = 0; i < FIELD_TOTAL; i++) {
        if (json_object_set_new(object, FIELDS[i].name, field_json(manifest, &FIELDS[i])) != 0) {
            return error_set(err, ERROR_INVALID, "the manifest's %s is no UTF-8", FIELDS[i].name);
        }
    }
    TRY(recipients_json(manifest, object, err));
    CLEANUP(free_p) char *text = json_dumps(object, JSON_INDENT(2));
    if (text == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a backup manifest");
    }
    buffer_text(ret_json, text);
    buffer_char(ret_json, '\n');
    return buffer_check(ret_json, err);
}

/* --- reading --------------------------------------------------------------------------------- */

static bool read_digest(const json_t *value, digest_t *ret_digest) {
    error_t ignored;
    memset(ret_digest, 0, sizeof *ret_digest);
    return json_is_null(value) ||
           (json_is_string(value) &&
            digest_parse(json_string_value(value), ret_digest, &ignored) == STATUS_OK);
}

static bool read_ident(const json_t *value, ident_t *ret_id) {
    error_t ignored;
    memset(ret_id, 0, sizeof *ret_id);
    return json_is_null(value) ||
           (json_is_string(value) &&
            ident_parse(json_string_value(value), ret_id, &ignored) == STATUS_OK);
}

static bool read_field(const json_t *value, const field_t *field, backup_manifest_t *manifest) {
    char *at = (char *)manifest + field->offset;
    int64_t number = 0;
    ident_t id;
    digest_t digest;
    switch (field->type) {
    case FIELD_IDENT:
        if (!read_ident(value, &id)) {
            return false;
        }
        memcpy(at, &id, sizeof id);
        return true;
    case FIELD_TEXT:
        if (!json_is_string(value) || json_string_length(value) >= field->room) {
            return false;
        }
        memcpy(at, json_string_value(value), json_string_length(value) + 1);
        return true;
    case FIELD_NUMBER:
    case FIELD_SIZE:
        if (!json_is_integer(value) || json_integer_value(value) < 0) {
            return false;
        }
        number = json_integer_value(value);
        memcpy(at, &number, sizeof number);
        return true;
    case FIELD_DIGEST:
        if (!read_digest(value, &digest)) {
            return false;
        }
        memcpy(at, &digest, sizeof digest);
        return true;
    }
    return false;
}

static bool read_recipients(const json_t *list, backup_manifest_t *manifest) {
    error_t ignored;
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > SEALED_RECIPIENTS_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_string(item) || json_string_length(item) != 2 * (size_t)SEAL_KEY_BYTES ||
            hex_parse(json_string_value(item), SEAL_KEY_BYTES, manifest->recipients[i].bytes,
                      &ignored) != STATUS_OK) {
            return false;
        }
    }
    manifest->recipient_count = (int32_t)count;
    return true;
}

status_t backup_manifest_decode(backup_bytes_t json, backup_manifest_t *ret_manifest,
                                error_t *err) {
    json_error_t where;
    backup_manifest_t manifest = {0};
    CLEANUP(json_free_p)
    json_t *object = json_loadb(json.data, json.size, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(object)) {
        return error_set(err, ERROR_BACKUP_CORRUPT, "the manifest is no JSON object: line %d: %s",
                         where.line, where.text);
    }
    const json_t *format = json_object_get(object, "format");
    if (!json_is_string(format) || strcmp(json_string_value(format), BACKUP_FORMAT) != 0) {
        return corrupt(err, "is of another format than this program reads");
    }
    for (size_t i = 0; i < FIELD_TOTAL; i++) {
        if (!read_field(json_object_get(object, FIELDS[i].name), &FIELDS[i], &manifest)) {
            return error_set(err, ERROR_BACKUP_CORRUPT, "the manifest's %s is missing or wrong",
                             FIELDS[i].name);
        }
    }
    if (!read_recipients(json_object_get(object, "recipients"), &manifest)) {
        return corrupt(err, "has a wrong list of recipients");
    }
    if (json_object_size(object) != FIELD_TOTAL + OTHER_FIELDS) {
        return corrupt(err, "has a field that this program does not know");
    }
    if (strchr(manifest.file, '/') != NULL) {
        return corrupt(err, "names a file in another folder");
    }
    *ret_manifest = manifest;
    return STATUS_OK;
}

/* --- signed files ---------------------------------------------------------------------------- */

status_t backup_manifest_seal(const backup_manifest_t *manifest, const backup_signer_t *signer,
                              buffer_t *ret_file, error_t *err) {
    CLEANUP(buffer_free) buffer_t json = {0};
    char key[SIGN_PUBLIC_TEXT_SIZE];
    char hex[2 * SIGN_SIGNATURE_BYTES + 1];
    TRY(backup_manifest_encode(manifest, &json, err));
    signature_t signature = sign_bytes(signer->secret, SIGN_BACKUP, json.data, json.size);
    buffer_text(ret_file, TITLE);
    buffer_text(ret_file, hex_text(signer->key->bytes, SIGN_PUBLIC_BYTES, key));
    buffer_text(ret_file, SIGNATURE_LABEL);
    buffer_text(ret_file, hex_text(signature.bytes, SIGN_SIGNATURE_BYTES, hex));
    buffer_text(ret_file, "\n\n");
    buffer_append(ret_file, json.data, json.size);
    return buffer_check(ret_file, err);
}

/* Take the text that must stand next; false where something else stands there. */
static bool take_text(backup_bytes_t *left, const char *text) {
    size_t size = strlen(text);
    if (left->size < size || memcmp(left->data, text, size) != 0) {
        return false;
    }
    left->data = (const char *)left->data + size;
    left->size -= size;
    return true;
}

static bool take_hex(backup_bytes_t *left, size_t size, uint8_t *ret_bytes) {
    char hex[2 * SIGN_SIGNATURE_BYTES + 1];
    error_t ignored;
    if (left->size < 2 * size) {
        return false;
    }
    memcpy(hex, left->data, 2 * size);
    hex[2 * size] = '\0';
    left->data = (const char *)left->data + 2 * size;
    left->size -= 2 * size;
    char again[2 * SIGN_SIGNATURE_BYTES + 1];
    return strlen(hex) == 2 * size && hex_parse(hex, size, ret_bytes, &ignored) == STATUS_OK &&
           strcmp(hex_text(ret_bytes, size, again), hex) == 0; /* one spelling, and no other */
}

static bool is_trusted(const backup_trust_t *trust, const sign_public_t *key) {
    for (size_t i = 0; i < trust->count; i++) {
        if (sign_public_equal(&trust->keys[i], key)) {
            return true;
        }
    }
    return false;
}

status_t backup_manifest_open(backup_bytes_t file, const backup_trust_t *trust,
                              backup_manifest_t *ret_manifest, error_t *err) {
    sign_public_t key;
    signature_t signature;
    if (file.size > BACKUP_MANIFEST_MAX) {
        return error_set(err, ERROR_BOUND, "the manifest is larger than %d bytes",
                         (int)BACKUP_MANIFEST_MAX);
    }
    if (!take_text(&file, TITLE) || !take_hex(&file, SIGN_PUBLIC_BYTES, key.bytes) ||
        !take_text(&file, SIGNATURE_LABEL) ||
        !take_hex(&file, SIGN_SIGNATURE_BYTES, signature.bytes) || !take_text(&file, "\n\n")) {
        return corrupt(err, "does not begin with its title, key and signature");
    }
    if (!is_trusted(trust, &key)) {
        return error_set(err, ERROR_SIGNATURE,
                         "the manifest is signed by a key that is not trusted");
    }
    if (!sign_verify(&key, SIGN_BACKUP, file.data, file.size, &signature)) {
        return error_set(err, ERROR_SIGNATURE, "the manifest was changed after it was signed");
    }
    return backup_manifest_decode(file, ret_manifest, err);
}

status_t backup_manifest_read(const char *path, const backup_trust_t *trust,
                              backup_manifest_t *ret_manifest, error_t *err) {
    CLEANUP(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    CLEANUP(free_p) char *bytes = malloc(BACKUP_MANIFEST_MAX + 1);
    if (fd < 0) {
        return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "cannot open %s: %s",
                         path, strerror(errno));
    }
    if (bytes == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a backup manifest");
    }
    size_t size = 0;
    ssize_t n = 1;
    while (n != 0 && size <= BACKUP_MANIFEST_MAX) {
        n = read(fd, bytes + size, BACKUP_MANIFEST_MAX + 1 - size);
        if (n < 0 && errno != EINTR) {
            return error_set(err, ERROR_IO, "cannot read %s: %s", path, strerror(errno));
        }
        size += n > 0 ? (size_t)n : 0;
    }
    backup_bytes_t file = {.data = bytes, .size = size};
    if (backup_manifest_open(file, trust, ret_manifest, err) != STATUS_OK) {
        return error_context(err, "reading %s", path);
    }
    return STATUS_OK;
}
