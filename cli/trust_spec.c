/* trust_spec.c: see trust_spec.h. */
#include "cli/trust_spec.h"
#include "common/config/quantity.h"
#include "common/config/yaml.h"
#include "common/crypto/keyfile.h"

#include <string.h>

enum { SPEC_BYTES = 1024 * 1024 };

typedef struct spec_role {
    int role; /* index into ROLES */
    char *application;
    char *environment;
    char *selector;
} spec_role_t;

typedef struct spec_key {
    char *file;
    char *curve;
    yaml_list_t roles; /* of spec_role_t */
} spec_key_t;

typedef struct spec_threshold {
    int role;
    int64_t count;
    char *application;
    char *environment;
    bool proposer_counts;
} spec_threshold_t;

struct trust_spec {
    int64_t expires_us;
    int64_t undo_grace_us;
    int64_t root_threshold;
    yaml_list_t keys;       /* of spec_key_t */
    yaml_list_t thresholds; /* of spec_threshold_t */
};

/* In the order of trust_role_t, from ROLE_VIEWER. */
static const char *const ROLES[] = {"viewer",   "operator", "approver", "admin",
                                    "rollback", "release",  NULL};
_Static_assert(sizeof ROLES / sizeof ROLES[0] == ROLE_END, "every role has its word");

/* clang-format off */
static const yaml_field_t ROLE_FIELDS[] = {
    {"role",        YAML_ENUM, offsetof(spec_role_t, role), .required = true, .names = ROLES, .help = "what the key may sign"},
    {"application", YAML_TEXT, offsetof(spec_role_t, application), .help = "of this application only"},
    {"environment", YAML_TEXT, offsetof(spec_role_t, environment), .help = "in this environment only"},
    {"selector",    YAML_TEXT, offsetof(spec_role_t, selector), .help = "for these tenants only"},
};
static const yaml_schema_t ROLE = {.name = "a role", .size = sizeof(spec_role_t), YAML_FIELDS(ROLE_FIELDS)};

static const yaml_field_t KEY_FIELDS[] = {
    {"file",  YAML_PATH, offsetof(spec_key_t, file), .required = true, .help = "public key file"},
    {"curve", YAML_PATH, offsetof(spec_key_t, curve), .help = "its holder's transport key"},
    {"roles", YAML_STRUCTS, offsetof(spec_key_t, roles), .max = TRUST_GRANTS, .inner = &ROLE, .help = "what it may sign; none for root and coordinator keys"},
};
static const yaml_schema_t KEY = {.name = "a key", .size = sizeof(spec_key_t), YAML_FIELDS(KEY_FIELDS)};

static const yaml_field_t THRESHOLD_FIELDS[] = {
    {"role",            YAML_ENUM, offsetof(spec_threshold_t, role), .required = true, .names = ROLES, .help = "whose signatures are counted"},
    {"count",           YAML_INTEGER, offsetof(spec_threshold_t, count), .required = true, .min = 1, .max = DOCUMENT_SIGNATURES, .help = "how many people must sign"},
    {"application",     YAML_TEXT, offsetof(spec_threshold_t, application), .help = "of this application only"},
    {"environment",     YAML_TEXT, offsetof(spec_threshold_t, environment), .help = "in this environment only"},
    {"proposer_counts", YAML_BOOL, offsetof(spec_threshold_t, proposer_counts), .default_text = "true", .help = "whether who proposed a thing is one of those who approve it"},
};
static const yaml_schema_t THRESHOLD = {.name = "a threshold", .size = sizeof(spec_threshold_t), YAML_FIELDS(THRESHOLD_FIELDS)};

static const yaml_field_t FIELDS[] = {
    {"expires",        YAML_DURATION, offsetof(trust_spec_t, expires_us), .required = true, .min = TRUST_DAY_US, .max = TRUST_LIFE_US, .help = "how long the file holds"},
    {"undo_grace",     YAML_DURATION, offsetof(trust_spec_t, undo_grace_us), .min = 0, .max = TRUST_GRACE_US, .default_text = "7d", .help = "undo goes on so long past that"},
    {"root_threshold", YAML_INTEGER, offsetof(trust_spec_t, root_threshold), .required = true, .min = 1, .max = DOCUMENT_SIGNATURES, .help = "how many root holders sign the next file"},
    {"keys",           YAML_STRUCTS, offsetof(trust_spec_t, keys), .required = true, .max = TRUST_KEYS, .inner = &KEY, .help = "everybody's keys"},
    {"thresholds",     YAML_STRUCTS, offsetof(trust_spec_t, thresholds), .max = TRUST_THRESHOLDS, .inner = &THRESHOLD, .help = "how many people must sign what"},
};
static const yaml_schema_t SCHEMA = {.name = "the trust spec", .size = sizeof(trust_spec_t), YAML_FIELDS(FIELDS)};
/* clang-format on */

status_t trust_spec_load(const char *path, trust_spec_t **ret_spec, error_t *err) {
    const yaml_request_t request = {
        .schema = &SCHEMA, .code = ERROR_TRUST_SPEC, .limit_bytes = SPEC_BYTES};
    void *object = NULL;
    TRY(yaml_load_file(&request, path, &object, err));
    *ret_spec = object;
    return STATUS_OK;
}

void trust_spec_destroy(trust_spec_t **spec_p) {
    yaml_release(&SCHEMA, *spec_p);
    *spec_p = NULL;
}

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

status_t trust_spec_curve(const char *path, trust_key_t *key, error_t *err) {
    key_public_t curve;
    TRY(keyfile_open_public(path, KEY_CURVE, &curve, err));
    memcpy(key->curve, curve.bytes, sizeof key->curve);
    return STATUS_OK;
}

static status_t fill_key(const spec_key_t *from, trust_draft_t *draft, error_t *err) {
    key_public_t public;
    trust_key_t *key = NULL;
    size_t before = draft->trust.key_count;
    TRY(keyfile_peek(from->file, &public, err));
    TRY(trust_draft_key(draft, &public, &key, err));
    if (draft->trust.key_count == before) {
        return error_set(err, ERROR_TRUST_SPEC, "%.300s is listed twice under keys", from->file);
    }
    if (from->curve != NULL) {
        TRY(trust_spec_curve(from->curve, key, err));
    }
    const spec_role_t *roles = from->roles.items;
    for (size_t i = 0; i < from->roles.count; i++) {
        const trust_grant_t grant = {.role = (trust_role_t)(roles[i].role + ROLE_VIEWER),
                                     .application = or_empty(roles[i].application),
                                     .environment = or_empty(roles[i].environment),
                                     .selector = or_empty(roles[i].selector)};
        TRY(trust_draft_grant(draft, key, &grant, err));
    }
    return STATUS_OK;
}

status_t trust_spec_fill(const trust_spec_t *spec, trust_draft_t *draft, error_t *err) {
    const spec_key_t *keys = spec->keys.items;
    const spec_threshold_t *rows = spec->thresholds.items;
    draft->trust.expires_us = draft->trust.issued_us + spec->expires_us;
    draft->trust.undo_grace_us = spec->undo_grace_us;
    draft->trust.root_threshold = (uint32_t)spec->root_threshold;
    for (size_t i = 0; i < spec->keys.count; i++) {
        TRY(fill_key(&keys[i], draft, err));
    }
    for (size_t i = 0; i < spec->thresholds.count; i++) {
        const trust_threshold_t row = {.role = (trust_role_t)(rows[i].role + ROLE_VIEWER),
                                       .count = (uint32_t)rows[i].count,
                                       .application = or_empty(rows[i].application),
                                       .environment = or_empty(rows[i].environment),
                                       .proposer_counts = rows[i].proposer_counts};
        size_t before = draft->trust.threshold_count;
        TRY(trust_draft_threshold(draft, &row, err));
        if (draft->trust.threshold_count == before) {
            return error_set(err, ERROR_TRUST_SPEC,
                             "thresholds[%zu]: %s has a threshold for this scope already", i,
                             trust_role_text(row.role));
        }
    }
    return STATUS_OK;
}
