/* coordinator_config.h: coordinator.yaml as a struct. Paths are absolute after loading. */
#ifndef DROVER_CONFIG_COORDINATOR_CONFIG_H
#define DROVER_CONFIG_COORDINATOR_CONFIG_H

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/config/yaml.h"

/* What an agent is that comes back with another journal than before. */
typedef enum lost_state {
    LOST_STATE_SUSPEND, /* suspended, until a person has looked */
    LOST_STATE_NOTE,    /* told in log and audit log, and given work as before */
    LOST_STATE_COUNT
} lost_state_t;

typedef struct coordinator_config {
    char *listen;  /* "tcp://127.0.0.1:7707" */
    char *catalog; /* path of the SQLite file */
    struct {
        char *sign;  /* path of the Ed25519 key file */
        char *curve; /* path of the CURVE key file */
    } keys;
    struct {
        char *root; /* path of the trust file that was given to this host by hand */
    } trust;
    char *environment;         /* of orders drafted here; "" in a fleet without */
    int64_t order_life_us;     /* how long they hold; default 7d */
    int64_t standing_sweep_us; /* between two looks at who matches a standing order; default 1min */
    char *bundles;             /* folder of bundles */
    struct {
        char *heads; /* file that signed heads are added to; NULL: none */
    } audit;
    log_level_t log_level;        /* default info */
    int64_t heartbeat_us;         /* what agents are told to keep; default 2s */
    int64_t lease_us;             /* of a cluster; default 30s; at least three heartbeats */
    int64_t unreachable_after_us; /* silence that makes an agent unreachable; default 15s */
    int64_t clock_skew_max_us;    /* agents further apart are refused; default 1min */
    lost_state_t on_lost_state;   /* default suspend */
    int64_t inventory_stale_us;   /* older inventory is shown as stale; default 15min */
    struct {
        int64_t offer_us; /* a job that its agent does not acknowledge is offered again; 30s */
        int64_t drain_us; /* SIGTERM: at most this long for what is in hand; default 30s */
    } timeouts;
    struct {
        int64_t agents;               /* connected at once; another is refused; default 10000 */
        int64_t queue_messages;       /* per peer; default 1000 */
        int64_t jobs_per_agent;       /* in flight; default 64 */
        int64_t rollouts;             /* open at once; another is refused; default 64 */
        int64_t commit_batch;         /* events in one commit at most; default 512 */
        int64_t questions_waiting;    /* of one operator's key; one more is refused; default 32 */
        int64_t questions_per_second; /* of one operator's key; more wait; default 200 */
    } limits;
} coordinator_config_t;

/* Read the file; problems may be NULL. CONFIG_MISSING, CONFIG_INVALID, NO_MEMORY. */
MUST_CHECK status_t coordinator_config_load(const char *path, problems_t *problems,
                                            coordinator_config_t **ret_config, error_t *err);

/* The same from memory, for tests; text->name gives the folder that paths start from. */
MUST_CHECK status_t coordinator_config_parse(const yaml_text_t *text, problems_t *problems,
                                             coordinator_config_t **ret_config, error_t *err);

void coordinator_config_destroy(coordinator_config_t **config);
DEFINE_CLEANUP(coordinator_config_t, coordinator_config_destroy)

#endif
