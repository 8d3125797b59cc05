/*
 * fixture.h: an inventory over a scratch cluster, driven by poll(2) on a clock that a test may put
 * forward while nothing is under way.
 */
#ifndef DROVER_TESTS_INVENTORY_FIXTURE_H
#define DROVER_TESTS_INVENTORY_FIXTURE_H

#include "agent/inventory/inventory.h"
#include "tests/unit/base/cmocka_all.h"
#include "tests/unit/postgres/scratch.h"

typedef struct bench {
    char folder[64]; /* the agent's state */
    agent_config_t *config;
    journal_t *journal;
    inventory_t *inventory;
    int64_t ahead_us;     /* how far the clocks were put forward */
    int64_t wrong_us;     /* how far the wall clock stands ahead beside that */
    size_t most_sessions; /* seen open at once */
    int cluster_changes;
    int tenant_changes;
} bench_t;

/* Begin with one cluster; text is what stands under its name in agent.yaml, lines indented by four.
 */
void bench_start(bench_t *bench, const char *cluster_yaml);
void bench_stop(bench_t *bench);
/* As if the agent was started again: what is in memory is lost, the journal is not. */
void bench_restart(bench_t *bench);

typedef bool bench_until_fn(bench_t *bench, void *context);
/* Run until that is true; fails the test after a patience that no working run needs. */
void bench_run(bench_t *bench, bench_until_fn *until, void *context);
/* Run until no session is open and nothing is due. */
void bench_settle(bench_t *bench);
/* Put the clock forward and settle. */
void bench_pass(bench_t *bench, int64_t seconds);

/* Connections begun so far. */
unsigned bench_connections(bench_t *bench);

/* The tenant in this database; the test fails where there is none. */
const inventory_tenant_t *bench_tenant(bench_t *bench, const char *database);

/* What was told of a database. */
typedef struct bench_said {
    int times;
    int gone;
    ident_t gone_id;
    ident_t id; /* of one that is not gone */
    bool stamped;
    char name[160];
    char labels[512]; /* "a=b c=d" */
    char problem_code[16];
    char problem[512];
    uint32_t position;
    int64_t sequence;
    size_t at; /* place in the order of telling */
} bench_said_t;
typedef struct bench_telling {
    bool full;
    size_t parts;
    size_t tenants;
    bench_said_t said; /* of the database asked for */
} bench_telling_t;
/* Tell to the end in parts of `most`, through the wire's codec. */
bench_telling_t bench_tell(bench_t *bench, bool everything, size_t most, const char *database);

#endif
