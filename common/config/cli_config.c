/* cli_config.c: see cli_config.h. */
#include "common/config/cli_config.h"
#include "common/base/limits.h"
#include "common/config/keys.h"
#include "common/config/quantity.h"

#define AT(member) .offset = offsetof(cli_config_t, member)
#define IN(type, member) .offset = offsetof(__typeof__(((cli_config_t *)0)->type), member)

static const char *const OUTPUTS[] = {"table", "json", NULL};

/* clang-format off */
static const yaml_field_t COORDINATOR_FIELDS[] = {
    {"address", YAML_TEXT, IN(coordinator, address), .required = true, .help = "where the coordinator listens"},
    {"curve",   YAML_TEXT, IN(coordinator, curve),   .required = true, .help = "its CURVE public key"},
};
static const yaml_schema_t COORDINATOR = {
    .name = "coordinator", .size = sizeof(((cli_config_t *)0)->coordinator),
    YAML_FIELDS(COORDINATOR_FIELDS)};

static const yaml_field_t KEYS_FIELDS[] = {
    {"sign",  YAML_PATH, IN(keys, sign),  .required = true, .help = "the operator's key that signs orders"},
    {"curve", YAML_PATH, IN(keys, curve), .required = true, .help = "the operator's CURVE key"},
    {"signer", YAML_TEXT, IN(keys, signer), .help = "a command that signs in place of the key file: sign then needs its public half only"},
};
static const yaml_schema_t KEYS = {
    .name = "keys", .size = sizeof(((cli_config_t *)0)->keys), YAML_FIELDS(KEYS_FIELDS)};

static const yaml_field_t TRUST_FIELDS[] = {
    {"root", YAML_PATH, IN(trust, root), .required = true, .help = "a trust file: orders of another fleet, or older ones than it, are not signed"},
};
static const yaml_schema_t TRUST = {
    .name = "trust", .size = sizeof(((cli_config_t *)0)->trust), YAML_FIELDS(TRUST_FIELDS)};

static const yaml_field_t FIELDS[] = {
    {"coordinator", YAML_STRUCT, AT(coordinator), .required = true, .inner = &COORDINATOR, .help = "whom to ask"},
    {"keys", YAML_STRUCT, AT(keys), .required = true, .inner = &KEYS, .help = "the operator's own keys"},
    {"trust", YAML_STRUCT, AT(trust), .inner = &TRUST, .help = "what orders are held against before they are signed"},
    {"output", YAML_ENUM, AT(output), .names = OUTPUTS, .default_text = "table", .help = "how answers are shown"},
    {"timeout", YAML_DURATION, AT(timeout_us), .min = QUANTITY_SECOND / 10, .max = QUANTITY_HOUR,
     .default_text = "10s", .help = "longest wait for one answer"},
    {"command_timeout", YAML_DURATION, AT(command_timeout_us), .min = QUANTITY_SECOND / 10, .max = QUANTITY_HOUR,
     .default_text = "60s", .help = "longest wait for a command that signs or tells a passphrase"},
};
/* clang-format on */

static void check(const yaml_source_t *source, const node_t *node, void *object) {
    cli_config_t *config = object;
    const node_t *coordinator = node_get(node, "coordinator");
    config_check_address(source, coordinator, "address", config->coordinator.address);
    (void)config_key_curve(source, coordinator, "curve", config->coordinator.curve,
                           config->coordinator.curve_key);
}

static const yaml_schema_t SCHEMA = {.name = "the operator's configuration",
                                     .size = sizeof(cli_config_t),
                                     YAML_FIELDS(FIELDS),
                                     .check = check};

static yaml_request_t request_of(problems_t *problems) {
    return (yaml_request_t){.schema = &SCHEMA,
                            .code = ERROR_CONFIG_INVALID,
                            .limit_bytes = LIMIT_CONFIG_BYTES,
                            .problems = problems};
}

status_t cli_config_load(const char *path, problems_t *problems, cli_config_t **ret_config,
                         error_t *err) {
    const yaml_request_t request = request_of(problems);
    void *object = NULL;
    TRY(yaml_load_file(&request, path, &object, err));
    *ret_config = object;
    return STATUS_OK;
}

status_t cli_config_parse(const yaml_text_t *text, problems_t *problems, cli_config_t **ret_config,
                          error_t *err) {
    const yaml_request_t request = request_of(problems);
    void *object = NULL;
    TRY(yaml_load_text(&request, text, &object, err));
    *ret_config = object;
    return STATUS_OK;
}

void cli_config_destroy(cli_config_t **config) {
    yaml_release(&SCHEMA, *config);
    *config = NULL;
}
