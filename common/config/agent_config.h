/*
 * agent_config.h: agent.yaml as a struct. Paths are absolute after loading, keys are decoded.
 * No password can stand here: libpq's service file, passfile or peer authentication hold it.
 */
#ifndef DROVER_CONFIG_AGENT_CONFIG_H
#define DROVER_CONFIG_AGENT_CONFIG_H

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/config/yaml.h"

enum { AGENT_CONFIG_KEY_BYTES = 32 };

/* A tenant that is listed by hand. */
typedef struct agent_tenant {
    char *name; /* default: the database's name */
    char *database;
    char *owner;       /* role that migrations run as; NULL: the cluster's roles.owner */
    yaml_map_t labels; /* over the pattern's labels */
} agent_config_tenant_t;

/* Which databases of a cluster are tenants: a pattern, a list, or both (the list wins). */
typedef struct agent_tenants {
    char *pattern;        /* glob over database names ("app_*"), or "regex:^app_[0-9]+$"; NULL */
    yaml_texts_t exclude; /* globs; template0, template1 and the maintenance database always */
    yaml_map_t labels;    /* given to every tenant of this cluster */
    yaml_list_t list;     /* of agent_config_tenant_t */
    void *regex;          /* the compiled pattern where it is one; derived */
} agent_config_tenants_t;

/* Connection parts where no service is named; NULL or 0 leaves libpq's default. */
typedef struct agent_connection {
    char *host; /* name, address or socket folder; a comma-separated list as libpq takes it */
    int64_t port;
    char *user;
    char *dbname;  /* the maintenance database; default postgres */
    char *sslmode; /* one of libpq's words */
    char *sslrootcert;
    char *passfile;
} agent_config_connection_t;

typedef struct agent_cluster {
    char *name;
    char *service; /* of pg_service.conf; excludes connection */
    agent_config_connection_t connection;
    struct {
        char *owner;   /* SET ROLE for scripts; NULL: each database's owner */
        char *backup;  /* SET ROLE of pg_dump (--role); NULL: the login */
        char *restore; /* may create databases; NULL: the login */
    } roles;
    agent_config_tenants_t tenants;
    bool allow_superuser; /* default false */
    int64_t parallel;     /* jobs at once here; 0: the agent's own */
} agent_config_cluster_t;

typedef struct agent_config {
    char *name;
    struct {
        char *address;                             /* "tcp://coordinator.example:7707" */
        char *curve;                               /* its CURVE public key, Z85 */
        uint8_t curve_key[AGENT_CONFIG_KEY_BYTES]; /* the same, decoded */
    } coordinator;
    struct {
        char *root;   /* path of the trust file that was given to this host by hand */
        char *policy; /* path of what this host permits; NULL: whatever is signed */
    } trust;
    char *environment; /* orders of another one are refused; "" in a fleet without */
    struct {
        char *sign; /* paths of key files */
        char *curve;
        char *backup; /* the agent's own backup key; NULL: no unattended restore */
    } keys;
    char *state;                  /* folder of journal and bundle cache */
    log_level_t log_level;        /* default info */
    int64_t parallel;             /* jobs at once per cluster; default 2 */
    int64_t heartbeat_us;         /* default 2s */
    int64_t reconnect_max_us;     /* longest wait between connects; default 30s */
    int64_t inventory_refresh_us; /* default 1min */
    int64_t connect_timeout_us;   /* default 10s */
    int64_t lock_timeout_us;      /* where a script says nothing; default 1s */
    int64_t lock_retries;         /* tries after a lock_timeout; default 8 */
    int64_t statement_timeout_us; /* where a script says nothing; default 5min; 0: none */
    yaml_map_t tools;             /* PostgreSQL major to folder of its programs */
    struct {
        char *directory;            /* NULL: no dumps are taken here */
        int64_t keep_us;            /* backups younger stay; default 7d */
        int64_t keep_count;         /* newest per tenant that stay; default 2 */
        yaml_texts_t recovery_keys; /* X25519 public keys, hexadecimal, of the offline keepers */
        uint8_t (*recovery_key_bytes)[AGENT_CONFIG_KEY_BYTES];
        int64_t min_free_bytes; /* room that a backup must leave; default 1GiB */
        struct {
            yaml_texts_t command; /* argv of the external recovery point; empty: none */
            int64_t timeout_us;   /* default 1h */
        } external;
    } backup;
    yaml_list_t clusters; /* of agent_config_cluster_t, at least one */
} agent_config_t;

MUST_CHECK status_t agent_config_load(const char *path, problems_t *problems,
                                      agent_config_t **ret_config, error_t *err);
MUST_CHECK status_t agent_config_parse(const yaml_text_t *text, problems_t *problems,
                                       agent_config_t **ret_config, error_t *err);

size_t agent_config_cluster_count(const agent_config_t *config);
const agent_config_cluster_t *agent_config_cluster(const agent_config_t *config, size_t index);
size_t agent_config_tenant_count(const agent_config_cluster_t *cluster);
const agent_config_tenant_t *agent_config_tenant(const agent_config_cluster_t *cluster,
                                                 size_t index);

/* The folder configured for a major ("15" of tools), or NULL. */
const char *agent_config_tools(const agent_config_t *config, int major);

/* Jobs at once in this cluster. */
int64_t agent_config_parallel(const agent_config_t *config, const agent_config_cluster_t *cluster);

/*
 * Whether a database of this cluster is a tenant: listed, or matching the pattern and no exclude.
 * ret_listed (may be NULL) gets its entry where it is listed, else NULL.
 */
bool agent_config_admits(const agent_config_cluster_t *cluster, const char *database,
                         const agent_config_tenant_t **ret_listed);

void agent_config_destroy(agent_config_t **config);
DEFINE_CLEANUP(agent_config_t, agent_config_destroy)

#endif
