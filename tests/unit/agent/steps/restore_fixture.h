/*
 * restore_fixture.h: a tenant on a cluster of its own with the roles of docs/spikes/3-roles.md, an
 * agent's configuration, and a small loop that drives one run as the agent's loop would.
 */
#ifndef DROVER_TESTS_RESTORE_FIXTURE_H
#define DROVER_TESTS_RESTORE_FIXTURE_H

#include "agent/backup/backup_store.h"
#include "agent/backup/backup_worker.h"
#include "agent/steps/run.h"

/* The last of everything that was told. */
typedef struct told {
    int count;
    job_step_t step;
    bool has_state;
    char kind[16];
    char reference[128];
    char lsn[32];
    char verified[16];
    char notes[256];
    int64_t size_bytes;
} told_t;

typedef struct room {
    agent_config_t config;
    agent_config_cluster_t cluster;
    run_shared_t shared;
    char folder[64]; /* scratch files */
    char store[80];  /* backups */
    uint64_t system_identifier;
    told_t told;
    bool held; /* what the held predicate answers */
} room_t;

extern room_t room;

/* A cluster, its roles, keys, folders; and their end. For cmocka's group. */
int room_set_up(void **state);
int room_tear_down(void **state);

/* A fresh tenant in database acme: the old ones and all backups go. For each test. */
int room_fresh(void **state);

/* A run of this kind on it, with an attempt of its own. Released with run_destroy. */
run_t *room_run(job_kind_t kind);

/* Drive it until it is over; `most` rounds at most (negative: until it is). False: not over yet. */
bool room_drive(run_t *run, int most);

/* The same, and its event must be this one. */
void room_expect(run_t *run, job_event_t event);

/* Take a backup of the tenant as it is; answers its id. */
ident_t room_backup(bool trial);

/* SQL as the superuser or as the login; the first value comes back. */
const char *room_sql(const char *database, const char *sql);
const char *room_login_sql(const char *database, const char *sql);

/* Apply one migration to the tenant. */
void room_migrate(const char *script);

/* What the tenant's harness knows: its head and token may be changed by tests. */
struct tenant *room_tenant(void);

/* Waits until nobody but the asker is in a session of the login's. */
#define ROOM_ALONE                                                                                 \
    "DO $$ BEGIN WHILE EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'drover') LOOP "       \
    "PERFORM pg_sleep(0.02); PERFORM pg_stat_clear_snapshot(); END LOOP; END $$"

/* A connection that a test leaves open. */
connection_t *room_connect(const char *database, const char *user);

#endif
