/*
 * agent_config.c: see agent_config.h. The file's fields as tables, then the checks of what the
 * tables cannot say, then the questions that the agent asks.
 */
#include "common/config/agent_config.h"
#include "common/base/limits.h"
#include "common/config/keys.h"
#include "common/config/quantity.h"

#include <fnmatch.h>
#include <regex.h>
#include <string.h>

#define PART(type, member) .offset = offsetof(type, member)
#define AT(member) .offset = offsetof(agent_config_t, member)
#define IN(type, member) .offset = offsetof(__typeof__(((agent_config_t *)0)->type), member)
#define ROLE(member) .offset = offsetof(__typeof__(((agent_config_cluster_t *)0)->roles), member)
#define SIZE_OF(member) sizeof(((agent_config_t *)0)->member)

#define REGEX_PREFIX "regex:"
#define NO_PASSWORD                                                                                \
    "passwords do not stand in this file: use a service file or a passfile "                       \
    "(docs/configuration.md)"
#define BY_TRUST(what)                                                                             \
    what " stand in the trust file that 'trust.root' names: take this key out "                    \
         "(docs/configuration.md)"

static const char *const LEVELS[] = {"debug", "info", "warning", "error", NULL};

static void check_tenant(const yaml_source_t *source, const node_t *node, void *object);
static void check_tenants(const yaml_source_t *source, const node_t *node, void *object);
static void release_tenants(void *object);
static void check_connection(const yaml_source_t *source, const node_t *node, void *object);
static void check_cluster(const yaml_source_t *source, const node_t *node, void *object);
static void check(const yaml_source_t *source, const node_t *node, void *object);
static void release(void *object);

/* clang-format off */
static const yaml_field_t TENANT_FIELDS[] = {
    {"name",     YAML_TEXT, PART(agent_config_tenant_t, name), .help = "the tenant's name; default its database"},
    {"database", YAML_TEXT, PART(agent_config_tenant_t, database), .required = true, .help = "the tenant's database"},
    {"owner",    YAML_TEXT, PART(agent_config_tenant_t, owner), .help = "role that migrations run as"},
    {"labels",   YAML_MAP,  PART(agent_config_tenant_t, labels), .max = LIMIT_LABELS, .help = "labels of this tenant"},
};
static const yaml_schema_t TENANT = {
    .name = "a tenant", .size = sizeof(agent_config_tenant_t), YAML_FIELDS(TENANT_FIELDS),
    .check = check_tenant};

static const yaml_field_t TENANTS_FIELDS[] = {
    {"pattern", YAML_TEXT,    PART(agent_config_tenants_t, pattern), .help = "glob over database names, or regex:…"},
    {"exclude", YAML_TEXTS,   PART(agent_config_tenants_t, exclude), .help = "globs of databases that are no tenants"},
    {"labels",  YAML_MAP,     PART(agent_config_tenants_t, labels), .max = LIMIT_LABELS, .help = "labels of all tenants here"},
    {"list",    YAML_STRUCTS, PART(agent_config_tenants_t, list), .max = LIMIT_TENANTS, .inner = &TENANT, .help = "tenants one by one"},
};
static const yaml_schema_t TENANTS = {
    .name = "tenants", .size = sizeof(agent_config_tenants_t), YAML_FIELDS(TENANTS_FIELDS),
    .check = check_tenants, .release = release_tenants};

static const yaml_field_t CONNECTION_FIELDS[] = {
    {"host",        YAML_TEXT,    PART(agent_config_connection_t, host), .help = "host, or folder of the socket"},
    {"port",        YAML_INTEGER, PART(agent_config_connection_t, port), .min = 1, .max = 65535, .help = "port"},
    {"user",        YAML_TEXT,    PART(agent_config_connection_t, user), .help = "login role"},
    {"dbname",      YAML_TEXT,    PART(agent_config_connection_t, dbname), .default_text = "postgres", .help = "maintenance database"},
    {"sslmode",     YAML_TEXT,    PART(agent_config_connection_t, sslmode), .help = "as libpq takes it"},
    {"sslrootcert", YAML_PATH,    PART(agent_config_connection_t, sslrootcert), .help = "certificates that are trusted"},
    {"passfile",    YAML_PATH,    PART(agent_config_connection_t, passfile), .help = "libpq password file, mode 0600"},
    {"password",    YAML_REFUSED, 0, .default_text = NO_PASSWORD},
};
static const yaml_schema_t CONNECTION = {
    .name = "connection", .size = sizeof(agent_config_connection_t), YAML_FIELDS(CONNECTION_FIELDS),
    .check = check_connection};

static const yaml_field_t ROLES_FIELDS[] = {
    {"owner",   YAML_TEXT, ROLE(owner), .help = "role that migrations run as; default each database's owner"},
    {"backup",  YAML_TEXT, ROLE(backup), .help = "role that sees all rows, for pg_dump"},
    {"restore", YAML_TEXT, ROLE(restore), .help = "role that may create databases"},
};
static const yaml_schema_t ROLES = {
    .name = "roles", .size = sizeof(((agent_config_cluster_t *)0)->roles), YAML_FIELDS(ROLES_FIELDS)};

static const yaml_field_t CLUSTER_FIELDS[] = {
    {"name",       YAML_TEXT,    PART(agent_config_cluster_t, name), .required = true, .help = "the cluster's name, unique here"},
    {"service",    YAML_TEXT,    PART(agent_config_cluster_t, service), .help = "entry of pg_service.conf"},
    {"connection", YAML_STRUCT,  PART(agent_config_cluster_t, connection), .inner = &CONNECTION, .help = "instead of a service"},
    {"roles",      YAML_STRUCT,  PART(agent_config_cluster_t, roles), .inner = &ROLES, .help = "roles in its databases"},
    {"tenants",    YAML_STRUCT,  PART(agent_config_cluster_t, tenants), .required = true, .inner = &TENANTS, .help = "which databases are tenants"},
    {"allow_superuser", YAML_BOOL, PART(agent_config_cluster_t, allow_superuser), .default_text = "false", .help = "accept a login that is a superuser"},
    {"parallel",   YAML_INTEGER, PART(agent_config_cluster_t, parallel), .min = 1, .max = 1024, .help = "jobs at once here; default the agent's"},
    {"password",   YAML_REFUSED, 0, .default_text = NO_PASSWORD},
};
static const yaml_schema_t CLUSTER = {
    .name = "a cluster", .size = sizeof(agent_config_cluster_t), YAML_FIELDS(CLUSTER_FIELDS),
    .check = check_cluster};

static const yaml_field_t COORDINATOR_FIELDS[] = {
    {"address", YAML_TEXT, IN(coordinator, address), .required = true, .help = "where the coordinator listens"},
    {"curve",   YAML_TEXT, IN(coordinator, curve), .required = true, .help = "its CURVE public key"},
    {"sign",    YAML_REFUSED, 0, .default_text = BY_TRUST("coordinators' signing keys")},
};
static const yaml_schema_t COORDINATOR = {
    .name = "coordinator", .size = SIZE_OF(coordinator), YAML_FIELDS(COORDINATOR_FIELDS)};

static const yaml_field_t TRUST_FIELDS[] = {
    {"root",   YAML_PATH, IN(trust, root), .required = true, .help = "the fleet's trust file, given to this host by hand"},
    {"policy", YAML_PATH, IN(trust, policy), .help = "what this host permits, whatever was signed"},
};
static const yaml_schema_t TRUST = {
    .name = "trust", .size = SIZE_OF(trust), YAML_FIELDS(TRUST_FIELDS)};

static const yaml_field_t KEYS_FIELDS[] = {
    {"sign",   YAML_PATH, IN(keys, sign), .required = true, .help = "the agent's key that signs reports"},
    {"curve",  YAML_PATH, IN(keys, curve), .required = true, .help = "the agent's CURVE key"},
    {"backup", YAML_PATH, IN(keys, backup), .help = "the agent's key that opens its own backups"},
};
static const yaml_schema_t KEYS = {
    .name = "keys", .size = SIZE_OF(keys), YAML_FIELDS(KEYS_FIELDS)};

static const yaml_field_t EXTERNAL_FIELDS[] = {
    {"command", YAML_TEXTS,    IN(backup.external, command), .max = 64, .required = true, .help = "program and arguments"},
    {"timeout", YAML_DURATION, IN(backup.external, timeout_us), .min = QUANTITY_SECOND, .max = 7 * QUANTITY_DAY,
     .default_text = "1h", .help = "longest run of the command"},
};
static const yaml_schema_t EXTERNAL = {
    .name = "external", .size = SIZE_OF(backup.external), YAML_FIELDS(EXTERNAL_FIELDS)};

static const yaml_field_t BACKUP_FIELDS[] = {
    {"directory",  YAML_PATH,     IN(backup, directory), .help = "folder of the dumps"},
    {"keep",       YAML_DURATION, IN(backup, keep_us), .min = 0, .max = 3650 * QUANTITY_DAY, .default_text = "7d", .help = "younger backups stay"},
    {"keep_count", YAML_INTEGER,  IN(backup, keep_count), .min = 1, .max = 1000, .default_text = "2", .help = "newest per tenant that stay"},
    {"recovery_keys", YAML_TEXTS, IN(backup, recovery_keys), .max = 16, .help = "public keys of the offline keepers"},
    {"min_free",   YAML_SIZE,     IN(backup, min_free_bytes), .min = 0, .max = INT64_C(1) << 50, .default_text = "1GiB", .help = "room that a backup must leave"},
    {"external",   YAML_STRUCT,   IN(backup, external), .inner = &EXTERNAL, .help = "command that makes a recovery point elsewhere"},
};
static const yaml_schema_t BACKUP = {
    .name = "backup", .size = SIZE_OF(backup), YAML_FIELDS(BACKUP_FIELDS)};

static const yaml_field_t FIELDS[] = {
    {"name",        YAML_TEXT,   AT(name), .required = true, .help = "the agent's name, as on its card"},
    {"coordinator", YAML_STRUCT, AT(coordinator), .required = true, .inner = &COORDINATOR, .help = "whom to obey"},
    {"keys",        YAML_STRUCT, AT(keys), .required = true, .inner = &KEYS, .help = "the agent's own keys"},
    {"trust",       YAML_STRUCT, AT(trust), .required = true, .inner = &TRUST, .help = "whose signatures count"},
    {"environment", YAML_TEXT,   AT(environment), .help = "orders of this environment alone are obeyed"},
    {"release_keys", YAML_REFUSED, 0, .default_text = BY_TRUST("release keys")},
    {"release_threshold", YAML_REFUSED, 0, .default_text = BY_TRUST("thresholds")},
    {"state",       YAML_PATH,   AT(state), .required = true, .help = "folder of the journal and of bundles"},
    {"log_level",   YAML_ENUM,   AT(log_level), .names = LEVELS, .default_text = "info", .help = "least important line that is logged"},
    {"parallel",    YAML_INTEGER, AT(parallel), .min = 1, .max = 1024, .default_text = "2", .help = "jobs at once per cluster"},
    {"heartbeat",   YAML_DURATION, AT(heartbeat_us), .min = QUANTITY_SECOND / 10, .max = QUANTITY_MINUTE, .default_text = "2s", .help = "time between signs of life"},
    {"reconnect_max", YAML_DURATION, AT(reconnect_max_us), .min = QUANTITY_SECOND / 10, .max = QUANTITY_HOUR, .default_text = "30s", .help = "longest wait between connects"},
    {"inventory_refresh", YAML_DURATION, AT(inventory_refresh_us), .min = QUANTITY_SECOND, .max = QUANTITY_DAY, .default_text = "1min", .help = "how often tenants are looked at"},
    {"connect_timeout", YAML_DURATION, AT(connect_timeout_us), .min = QUANTITY_SECOND / 10, .max = 10 * QUANTITY_MINUTE, .default_text = "10s", .help = "longest wait for a connection"},
    {"lock_timeout", YAML_DURATION, AT(lock_timeout_us), .min = QUANTITY_SECOND / 100, .max = QUANTITY_HOUR, .default_text = "1s", .help = "where a script says nothing"},
    {"lock_retries", YAML_INTEGER, AT(lock_retries), .min = 0, .max = 1000, .default_text = "8", .help = "tries again after a lock_timeout"},
    {"statement_timeout", YAML_DURATION, AT(statement_timeout_us), .min = 0, .max = 30 * QUANTITY_DAY, .default_text = "5min", .help = "where a script says nothing; 0 is none"},
    {"tools",       YAML_MAP,    AT(tools), .max = 32, .help = "PostgreSQL major to the folder of its programs"},
    {"backup",      YAML_STRUCT, AT(backup), .inner = &BACKUP, .help = "recovery points"},
    {"clusters",    YAML_STRUCTS, AT(clusters), .required = true, .max = LIMIT_CLUSTERS_PER_AGENT, .inner = &CLUSTER, .help = "the clusters that this agent serves"},
};
/* clang-format on */

static const yaml_schema_t SCHEMA = {.name = "the agent's configuration",
                                     .size = sizeof(agent_config_t),
                                     YAML_FIELDS(FIELDS),
                                     .check = check,
                                     .release = release};

static void check_tenant(const yaml_source_t *source, const node_t *node, void *object) {
    agent_config_tenant_t *tenant = object;
    if (tenant->name == NULL) {
        tenant->name = strdup(tenant->database);
        if (tenant->name == NULL) {
            yaml_complain(source, node, NULL, "no memory for a name");
            return;
        }
    }
    if (strlen(tenant->name) > LIMIT_NAME_BYTES) {
        yaml_complain(source, node, "name", "'name' is longer than %d bytes", LIMIT_NAME_BYTES);
    }
    config_check_labels(source, node, "labels", &tenant->labels);
}

static void check_pattern(const yaml_source_t *source, const node_t *node,
                          agent_config_tenants_t *tenants) {
    size_t prefix = strlen(REGEX_PREFIX);
    if (strncmp(tenants->pattern, REGEX_PREFIX, prefix) != 0) {
        return;
    }
    regex_t *regex = calloc(1, sizeof *regex);
    if (regex == NULL) {
        yaml_complain(source, node, "pattern", "no memory for a pattern");
        return;
    }
    int result = regcomp(regex, tenants->pattern + prefix, REG_EXTENDED | REG_NOSUB);
    if (result != 0) {
        char why[128];
        (void)regerror(result, regex, why, sizeof why);
        yaml_complain(source, node, "pattern", "'pattern' is no regular expression: %s", why);
        free(regex);
        return;
    }
    tenants->regex = regex;
}

static int compare_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A database or a name that stands in the list twice would be two tenants in one place. */
static void check_listed_once(const yaml_source_t *source, const node_t *node,
                              const yaml_list_t *list, const char *key) {
    const agent_config_tenant_t *items = list->items;
    CLEANUP(free_p) const char **texts = calloc(list->count + 1, sizeof(*texts));
    if (texts == NULL) {
        yaml_complain(source, node, "list", "no memory for tenants");
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        texts[i] = strcmp(key, "name") == 0 ? items[i].name : items[i].database;
    }
    qsort(texts, list->count, sizeof(*texts), compare_text);
    for (size_t i = 1; i < list->count; i++) {
        if (strcmp(texts[i - 1], texts[i]) == 0) {
            yaml_complain(source, node, "list", "two tenants have the %s '%.64s'", key, texts[i]);
        }
    }
}

static void check_tenants(const yaml_source_t *source, const node_t *node, void *object) {
    agent_config_tenants_t *tenants = object;
    if (tenants->pattern == NULL && tenants->list.count == 0) {
        yaml_complain(source, node, NULL, "'tenants' needs a 'pattern' or a 'list'");
    }
    if (tenants->pattern != NULL) {
        check_pattern(source, node, tenants);
    }
    config_check_labels(source, node, "labels", &tenants->labels);
    check_listed_once(source, node, &tenants->list, "name");
    check_listed_once(source, node, &tenants->list, "database");
}

static void release_tenants(void *object) {
    agent_config_tenants_t *tenants = object;
    if (tenants->regex != NULL) {
        regfree(tenants->regex);
        free(tenants->regex);
    }
}

static void check_connection(const yaml_source_t *source, const node_t *node, void *object) {
    static const char *const MODES[] = {"disable", "allow",     "prefer",
                                        "require", "verify-ca", "verify-full"};
    const agent_config_connection_t *connection = object;
    for (size_t i = 0; connection->sslmode != NULL; i++) {
        if (i == sizeof MODES / sizeof MODES[0]) {
            yaml_complain(source, node, "sslmode", "'%.32s' is no sslmode that libpq knows",
                          connection->sslmode);
            return;
        }
        if (strcmp(MODES[i], connection->sslmode) == 0) {
            return;
        }
    }
}

static void check_cluster(const yaml_source_t *source, const node_t *node, void *object) {
    const agent_config_cluster_t *cluster = object;
    const node_t *connection = node_get(node, "connection");
    config_check_name(source, node, "name", cluster->name);
    if (cluster->service != NULL && connection != NULL) {
        yaml_complain(source, node, "connection",
                      "cluster '%s' has both 'service' and 'connection': one of them",
                      cluster->name);
    }
    if (cluster->service == NULL && connection == NULL) {
        yaml_complain(source, node, NULL, "cluster '%s' needs 'service' or 'connection'",
                      cluster->name);
    }
}

static void check_tools(const yaml_source_t *source, const node_t *node,
                        const agent_config_t *config) {
    for (size_t i = 0; i < config->tools.count; i++) {
        const yaml_pair_t *tool = &config->tools.items[i];
        error_t why;
        int64_t major = 0;
        if (quantity_integer(tool->key, &major, &why) != STATUS_OK || major < 10 || major > 99 ||
            strlen(tool->key) != 2) {
            yaml_complain(source, node_get(node, "tools"), tool->key,
                          "'%.32s' is no PostgreSQL major: two digits are expected, as in 15",
                          tool->key);
        }
        if (tool->value[0] != '/') {
            yaml_complain(source, node_get(node, "tools"), tool->key,
                          "the folder of major %s must be an absolute path", tool->key);
        }
    }
}

static void check_clusters(const yaml_source_t *source, const node_t *node,
                           const agent_config_t *config) {
    if (config->clusters.count == 0) {
        yaml_complain(source, node, "clusters", "at least one cluster is needed");
    }
    for (size_t i = 0; i < config->clusters.count; i++) { /* at most 256 of them */
        for (size_t j = 0; j < i; j++) {
            if (strcmp(agent_config_cluster(config, i)->name,
                       agent_config_cluster(config, j)->name) == 0) {
                yaml_complain(source, node, "clusters", "two clusters have the name '%s'",
                              agent_config_cluster(config, i)->name);
            }
        }
    }
}

static void check(const yaml_source_t *source, const node_t *node, void *object) {
    agent_config_t *config = object;
    const node_t *coordinator = node_get(node, "coordinator");
    const node_t *backup = node_get(node, "backup");
    config_check_name(source, node, "name", config->name);
    config_check_address(source, coordinator, "address", config->coordinator.address);
    (void)config_key_curve(source, coordinator, "curve", config->coordinator.curve,
                           config->coordinator.curve_key);
    if (config->environment != NULL) {
        config_check_name(source, node, "environment", config->environment);
    } else if ((config->environment = strdup("")) == NULL) {
        yaml_complain(source, node, NULL, "no memory for a name");
    }
    if (backup != NULL) {
        config->backup.recovery_key_bytes = config_key_hex_list(
            source, node_get(backup, "recovery_keys"), &config->backup.recovery_keys);
        if (config->backup.directory != NULL && config->backup.recovery_keys.count == 0 &&
            config->keys.backup == NULL) {
            yaml_complain(source, backup, "directory",
                          "backups need a key: 'recovery_keys' here, or 'keys.backup'");
        }
    }
    check_tools(source, node, config);
    check_clusters(source, node, config);
}

static void release(void *object) {
    agent_config_t *config = object;
    free(config->backup.recovery_key_bytes);
}

static yaml_request_t request_of(problems_t *problems) {
    return (yaml_request_t){.schema = &SCHEMA,
                            .code = ERROR_CONFIG_INVALID,
                            .limit_bytes = LIMIT_CONFIG_BYTES,
                            .problems = problems};
}

status_t agent_config_load(const char *path, problems_t *problems, agent_config_t **ret_config,
                           error_t *err) {
    const yaml_request_t request = request_of(problems);
    void *object = NULL;
    TRY(yaml_load_file(&request, path, &object, err));
    *ret_config = object;
    return STATUS_OK;
}

status_t agent_config_parse(const yaml_text_t *text, problems_t *problems,
                            agent_config_t **ret_config, error_t *err) {
    const yaml_request_t request = request_of(problems);
    void *object = NULL;
    TRY(yaml_load_text(&request, text, &object, err));
    *ret_config = object;
    return STATUS_OK;
}

size_t agent_config_cluster_count(const agent_config_t *config) {
    return config->clusters.count;
}

const agent_config_cluster_t *agent_config_cluster(const agent_config_t *config, size_t index) {
    INVARIANT(index < config->clusters.count);
    return (const agent_config_cluster_t *)config->clusters.items + index;
}

size_t agent_config_tenant_count(const agent_config_cluster_t *cluster) {
    return cluster->tenants.list.count;
}

const agent_config_tenant_t *agent_config_tenant(const agent_config_cluster_t *cluster,
                                                 size_t index) {
    INVARIANT(index < cluster->tenants.list.count);
    return (const agent_config_tenant_t *)cluster->tenants.list.items + index;
}

const char *agent_config_tools(const agent_config_t *config, int major) {
    char key[16];
    (void)snprintf(key, sizeof key, "%d", major);
    return yaml_map_get(&config->tools, key);
}

int64_t agent_config_parallel(const agent_config_t *config, const agent_config_cluster_t *cluster) {
    return cluster->parallel > 0 ? cluster->parallel : config->parallel;
}

static bool excluded(const agent_config_cluster_t *cluster, const char *database) {
    static const char *const NEVER[] = {"template0", "template1", "postgres"};
    const agent_config_tenants_t *tenants = &cluster->tenants;
    for (size_t i = 0; i < sizeof NEVER / sizeof NEVER[0]; i++) {
        if (strcmp(NEVER[i], database) == 0) {
            return true;
        }
    }
    if (cluster->connection.dbname != NULL && strcmp(cluster->connection.dbname, database) == 0) {
        return true;
    }
    for (size_t i = 0; i < tenants->exclude.count; i++) {
        if (fnmatch(tenants->exclude.items[i], database, 0) == 0) {
            return true;
        }
    }
    return false;
}

bool agent_config_admits(const agent_config_cluster_t *cluster, const char *database,
                         const agent_config_tenant_t **ret_listed) {
    const agent_config_tenants_t *tenants = &cluster->tenants;
    const agent_config_tenant_t *listed = NULL;
    for (size_t i = 0; i < tenants->list.count && listed == NULL; i++) {
        const agent_config_tenant_t *tenant = agent_config_tenant(cluster, i);
        listed = strcmp(tenant->database, database) == 0 ? tenant : NULL;
    }
    if (ret_listed != NULL) {
        *ret_listed = listed;
    }
    if (listed != NULL) {
        return true;
    }
    if (tenants->pattern == NULL || excluded(cluster, database)) {
        return false;
    }
    if (tenants->regex != NULL) {
        return regexec(tenants->regex, database, 0, NULL, 0) == 0;
    }
    return fnmatch(tenants->pattern, database, 0) == 0;
}

void agent_config_destroy(agent_config_t **config) {
    yaml_release(&SCHEMA, *config);
    *config = NULL;
}
