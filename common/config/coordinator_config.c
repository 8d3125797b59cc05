/* coordinator_config.c: see coordinator_config.h. The fields, their bounds and their defaults. */
#include "common/config/coordinator_config.h"
#include "common/base/limits.h"
#include "common/config/keys.h"
#include "common/config/quantity.h"

#include <string.h>

#define AT(member) .offset = offsetof(coordinator_config_t, member)
#define IN(type, member) .offset = offsetof(__typeof__(((coordinator_config_t *)0)->type), member)

static const char *const LEVELS[] = {"debug", "info", "warning", "error", NULL};
static const char *const LOST_STATES[] = {"suspend", "note", NULL};

/* clang-format off */
static const yaml_field_t KEYS_FIELDS[] = {
    {"sign",  YAML_PATH, IN(keys, sign),  .required = true, .help = "the Ed25519 key that signs jobs"},
    {"curve", YAML_PATH, IN(keys, curve), .required = true, .help = "the CURVE key of the socket"},
};
static const yaml_schema_t KEYS = {
    .name = "keys", .size = sizeof(((coordinator_config_t *)0)->keys), YAML_FIELDS(KEYS_FIELDS)};

static const yaml_field_t TRUST_FIELDS[] = {
    {"root", YAML_PATH, IN(trust, root), .required = true, .help = "the fleet's trust file, given to this host by hand"},
};
static const yaml_schema_t TRUST = {
    .name = "trust", .size = sizeof(((coordinator_config_t *)0)->trust), YAML_FIELDS(TRUST_FIELDS)};

static const yaml_field_t AUDIT_FIELDS[] = {
    {"export", YAML_PATH, IN(audit, heads), .help = "file to which signed heads of the audit log are added"},
};
static const yaml_schema_t AUDIT = {
    .name = "audit", .size = sizeof(((coordinator_config_t *)0)->audit), YAML_FIELDS(AUDIT_FIELDS)};

static const yaml_field_t TIMEOUTS_FIELDS[] = {
    {"offer", YAML_DURATION, IN(timeouts, offer_us), .min = QUANTITY_SECOND, .max = QUANTITY_HOUR,
     .default_text = "30s", .help = "an unacknowledged job is offered again after"},
    {"drain", YAML_DURATION, IN(timeouts, drain_us), .min = 0, .max = QUANTITY_HOUR,
     .default_text = "30s", .help = "longest wait for work in hand at SIGTERM"},
};
static const yaml_schema_t TIMEOUTS = {
    .name = "timeouts", .size = sizeof(((coordinator_config_t *)0)->timeouts),
    YAML_FIELDS(TIMEOUTS_FIELDS)};

static const yaml_field_t LIMITS_FIELDS[] = {
    {"agents", YAML_INTEGER, IN(limits, agents), .min = 1, .max = LIMIT_AGENTS,
     .default_text = "10000", .help = "agents connected at once; another is refused"},
    {"queue_messages", YAML_INTEGER, IN(limits, queue_messages), .min = 16, .max = 1000000,
     .default_text = "1000", .help = "messages queued for one peer"},
    {"jobs_per_agent", YAML_INTEGER, IN(limits, jobs_per_agent), .min = 1, .max = 10000,
     .default_text = "64", .help = "jobs in flight at one agent"},
    {"rollouts", YAML_INTEGER, IN(limits, rollouts), .min = 1, .max = 10000,
     .default_text = "64", .help = "rollouts open at once; another is refused"},
    {"commit_batch", YAML_INTEGER, IN(limits, commit_batch), .min = 1, .max = 100000,
     .default_text = "512", .help = "events in one commit of the catalog, at most"},
    {"questions_waiting", YAML_INTEGER, IN(limits, questions_waiting), .min = 1, .max = 1000,
     .default_text = "32", .help = "questions of one operator's key that wait; another is refused"},
    {"questions_per_second", YAML_INTEGER, IN(limits, questions_per_second), .min = 1, .max = 100000,
     .default_text = "200", .help = "questions of one operator's key; more wait"},
};
static const yaml_schema_t LIMITS = {
    .name = "limits", .size = sizeof(((coordinator_config_t *)0)->limits),
    YAML_FIELDS(LIMITS_FIELDS)};

static const yaml_field_t FIELDS[] = {
    {"listen", YAML_TEXT, AT(listen), .default_text = "tcp://127.0.0.1:7707",
     .help = "address of the socket for agents and operators"},
    {"catalog", YAML_PATH, AT(catalog), .required = true, .help = "the catalog's SQLite file"},
    {"keys", YAML_STRUCT, AT(keys), .required = true, .inner = &KEYS, .help = "the coordinator's own keys"},
    {"trust", YAML_STRUCT, AT(trust), .required = true, .inner = &TRUST, .help = "whose signatures count"},
    {"environment", YAML_TEXT, AT(environment), .help = "orders drafted here are for this environment"},
    {"order_life", YAML_DURATION, AT(order_life_us), .min = QUANTITY_HOUR, .max = 92 * QUANTITY_DAY,
     .default_text = "7d", .help = "how long an order drafted here holds"},
    {"standing_sweep", YAML_DURATION, AT(standing_sweep_us), .min = QUANTITY_SECOND, .max = QUANTITY_HOUR,
     .default_text = "1min", .help = "least time between two sweeps of standing orders"},
    {"peers", YAML_REFUSED, 0, .default_text = "operators stand in the trust file that 'trust.root' "
     "names, agents are enrolled: take this key out (docs/configuration.md)"},
    {"bundles", YAML_PATH, AT(bundles), .required = true, .help = "folder of the bundles"},
    {"audit", YAML_STRUCT, AT(audit), .inner = &AUDIT, .help = "what is kept of the audit log elsewhere"},
    {"log_level", YAML_ENUM, AT(log_level), .names = LEVELS, .default_text = "info", .help = "least important line that is logged"},
    {"heartbeat", YAML_DURATION, AT(heartbeat_us), .min = QUANTITY_SECOND / 10, .max = QUANTITY_MINUTE,
     .default_text = "2s", .help = "time between signs of life, both ways"},
    {"lease", YAML_DURATION, AT(lease_us), .min = QUANTITY_SECOND, .max = QUANTITY_HOUR,
     .default_text = "30s", .help = "how long a cluster's lease lasts without renewal"},
    {"unreachable_after", YAML_DURATION, AT(unreachable_after_us), .min = QUANTITY_SECOND, .max = QUANTITY_HOUR,
     .default_text = "15s", .help = "silence that makes an agent unreachable"},
    {"clock_skew_max", YAML_DURATION, AT(clock_skew_max_us), .min = QUANTITY_SECOND, .max = QUANTITY_HOUR,
     .default_text = "1min", .help = "agents with clocks further apart are refused"},
    {"on_lost_state", YAML_ENUM, AT(on_lost_state), .names = LOST_STATES, .default_text = "suspend",
     .help = "what an agent is that comes back with another journal than before"},
    {"inventory_stale", YAML_DURATION, AT(inventory_stale_us), .min = QUANTITY_SECOND, .max = 30 * QUANTITY_DAY,
     .default_text = "15min", .help = "older inventory is shown as stale"},
    {"timeouts", YAML_STRUCT, AT(timeouts), .inner = &TIMEOUTS, .help = "waits of the engine"},
    {"limits", YAML_STRUCT, AT(limits), .inner = &LIMITS, .help = "bounds on what is held at once"},
};
/* clang-format on */

/* Times that contradict each other would end leases of agents that are well. */
static void check(const yaml_source_t *source, const node_t *node, void *object) {
    coordinator_config_t *config = object;
    config_check_address(source, node, "listen", config->listen);
    if (config->environment != NULL) {
        config_check_name(source, node, "environment", config->environment);
    } else if ((config->environment = strdup("")) == NULL) {
        yaml_complain(source, node, NULL, "no memory for a name");
    }
    if (config->lease_us < 3 * config->heartbeat_us) {
        yaml_complain(source, node, "lease", "'lease' must be at least three heartbeats");
    }
    if (config->unreachable_after_us < 2 * config->heartbeat_us) {
        yaml_complain(source, node, "unreachable_after",
                      "'unreachable_after' must be at least two heartbeats");
    }
}

static const yaml_schema_t SCHEMA = {.name = "the coordinator's configuration",
                                     .size = sizeof(coordinator_config_t),
                                     YAML_FIELDS(FIELDS),
                                     .check = check};

static yaml_request_t request_of(problems_t *problems) {
    return (yaml_request_t){.schema = &SCHEMA,
                            .code = ERROR_CONFIG_INVALID,
                            .limit_bytes = LIMIT_CONFIG_BYTES,
                            .problems = problems};
}

status_t coordinator_config_load(const char *path, problems_t *problems,
                                 coordinator_config_t **ret_config, error_t *err) {
    const yaml_request_t request = request_of(problems);
    void *object = NULL;
    TRY(yaml_load_file(&request, path, &object, err));
    *ret_config = object;
    return STATUS_OK;
}

status_t coordinator_config_parse(const yaml_text_t *text, problems_t *problems,
                                  coordinator_config_t **ret_config, error_t *err) {
    const yaml_request_t request = request_of(problems);
    void *object = NULL;
    TRY(yaml_load_text(&request, text, &object, err));
    *ret_config = object;
    return STATUS_OK;
}

void coordinator_config_destroy(coordinator_config_t **config) {
    yaml_release(&SCHEMA, *config);
    *config = NULL;
}
