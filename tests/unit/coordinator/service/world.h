/*
 * world.h: a coordinator without sockets: catalog, engine, service, the example's bundle and
 * tenants, and a loop that commits and carries out effects as the program's does.
 */
#ifndef DROVER_TESTS_SERVICE_WORLD_H
#define DROVER_TESTS_SERVICE_WORLD_H

#include "coordinator/engine/engine.h"
#include "coordinator/service/service.h"
#include "coordinator/store/store_rollout.h"
#include "coordinator/store/store_tenant.h"
#include "tests/unit/base/cmocka_all.h"
#include "tests/unit/coordinator/service/signers.h"

#include <jansson.h>

/* What agents call the backups that they take: ids. */
#define DUMP_1 "00000000-0000-4000-8000-0000000000d1"
#define DUMP_2 "00000000-0000-4000-8000-0000000000d2"
#define DUMP_3 "00000000-0000-4000-8000-0000000000d3"

enum { CLUSTER = 42, OTHER_CLUSTER = 43, HEAD = 10 };

typedef struct world {
    void *fixture;   /* of tests/unit/coordinator/store */
    char folder[32]; /* removed in the end with all that is in it */
    store_t *store;
    error_t err;
    engine_t *engine;
    service_t *service;
    keeper_t *keeper;
    who_t asker;  /* who signs the questions, and the drafts of starts; ADA */
    bool by_hand; /* starts are asked as they are: nobody drafts and signs for them */
    const service_presence_t *presence; /* who is connected, and what was found; NULL: not known */
    bool tickets_wait;                  /* a later wave opens by an approval only */
    uint32_t ticket_asked;              /* so often */
    effects_t effects;
    int64_t now_us;
    uint32_t orders; /* given out so far */
    uint32_t attempts;
    service_answer_t answer; /* of the last question */
    json_t *document;        /* the same, parsed; NULL where it was refused */
} world_t;

/* The store's own fixture, and SQL past its functions; see catalog.c. */
int catalog_set_up(world_t *w);
int catalog_tear_down(world_t *w);
void catalog_exec(world_t *w, const char *sql);
ident_t id_of(uint32_t n);
agent_key_t key_of(uint32_t n);
digest_t digest_of(uint32_t n);

/* A call that must succeed; its error is printed where it does not. */
#define OK(w, call) world_ok(w, call, #call, __LINE__)
void world_ok(const world_t *w, status_t status, const char *call, int line);

/* A trust file by other rules takes the place of the one at hand; the service begins anew. */
void world_rules(world_t *w, const signers_rules_t *rules);

int world_set_up(void **state);
int world_tear_down(void **state);

#define WORLD_TEST(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

/* The agent key_of(n) has a card. */
void world_card(world_t *w, uint32_t n, const char *name);

/* The agent key_of(1), host1, lost its state at that time, as the hub would write it. */
void world_suspend(world_t *w, int64_t since_us);

/* Push a bundle of a folder; its digest. */
digest_t world_push(world_t *w, const char *folder, const char *application);

/* A tenant on CLUSTER; position -1 is without ledger. label "key=value" or NULL. */
typedef struct world_tenant {
    uint32_t n;
    const char *name;
    int position;
    const char *label;
    uint64_t cluster; /* 0: CLUSTER */
    const char *problem_code;
    const char *application; /* NULL: "app" */
} world_tenant_t;
void world_put(world_t *w, const world_tenant_t *tenant);

/* count tenants named prefix0000 …, all at a position. */
void world_put_many(world_t *w, uint32_t count, int position);

/* The arguments of a start with the order that was drafted for them and signed by the asker; as
 * they are where nothing can be drafted. Owned by the caller. */
char *world_signed(world_t *w, const char *verb, const char *arguments);

/* Ask and expect an answer; starts are drafted and signed first. The document is borrowed until the
 * next question. */
json_t *ask(world_t *w, const char *verb, const char *format, ...) PRINTF_LIKE(3, 4);

/* Ask and expect a refusal by the code's name ("PLAN_STALE"). */
void refused(world_t *w, const char *code, const char *verb, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* Every page joined, as PROTOCOL.md says; owned by the caller (json_decref). Counts pages. */
json_t *ask_all(world_t *w, const char *verb, json_t *arguments, int *ret_pages);

/* Members of a document that must be there. */
const char *text_of(const json_t *object, const char *path);
int64_t number_of(const json_t *object, const char *path);
size_t size_of(const json_t *object, const char *path);

/* The rollout of the last answer. */
rollout_t *world_rollout(world_t *w);

/* Agents take what they can and report it: done with the target as position, or as said. */
typedef struct world_outcome {
    const char *tenant; /* whom it is about; NULL ends a list */
    task_event_t event;
    int position;
    bool touched;
    error_code_t code;
} world_outcome_t;
void world_work(world_t *w, const world_outcome_t *outcomes);

/* The same without reports: tasks stay in hand. */
uint32_t world_dispatch(world_t *w);

/* Look at the standing orders, as the hub does from time to time. */
void world_sweep(world_t *w);

/* Throw the engine away and build it again from the catalog, as after a restart. */
void world_restart(world_t *w);

/* Store and engine tell the same of every rollout. */
void world_check(world_t *w);

#endif
