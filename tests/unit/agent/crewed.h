/*
 * crewed.h: an agent whose loop is turned by hand: what it has in hand, what was signed, and what
 * it reports. No coordinator is there, and its database takes connections and says nothing.
 */
#ifndef DROVER_TESTS_AGENT_CREWED_H
#define DROVER_TESTS_AGENT_CREWED_H

#include "agent/agent.h"
#include "common/migration/bundle.h"
#include "tests/unit/agent/rootfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { PATH_SIZE = 128, ROUNDS = 20 };

/* An agent of one cluster that it holds, with a pin, and an order to look at one tenant. */
typedef struct stage {
    char folder[32];
    rootfile_t trust;
    agent_t agent;
    document_t *order;
    buffer_t proof;
    ident_t tenant;
    digest_t bundle; /* that its orders are for; zero: none */
    int door;        /* where its database would be: connections come in, and nobody answers */
    uint16_t port;
} stage_t;

/* Fails the test where the call did. */
void must(status_t status, const error_t *err);

/* cmocka's set-up and tear-down: *state is a stage_t. */
int stage_up(void **state);
int stage_down(void **state);

/* An order of the operator's, with one tenant or none; the subject may be NULL. */
document_t *sign_order(stage_t *stage, order_kind_t kind, const digest_t *subject);

/* A job in hand, as agent/recruit.c makes it; and its order, whose papers come by themselves. */
run_t *recruit(stage_t *stage, job_kind_t kind);
void give_order(stage_t *stage, run_t *run);
void give_papers(stage_t *stage);

/* A released bundle, in the agent's folder: orders that are signed from then on are for it. */
void give_bundle(stage_t *stage);

/* Rounds of the loop, until nothing happens; connections are not waited for. */
void settle(stage_t *stage);

/* The step that a run's connection was opened for comes back so. */
void come_back(run_t *run, job_event_t event);

/* The last report, and how many there are. */
typedef struct last {
    Drover__Outcome outcome;
    char code[16];
    bool final;
    bool held_back;
    digest_t order;
    uint32_t result;
    int count;
} last_t;
last_t last_report(stage_t *stage);

/* Settle: the only job is over, and its only report says so. */
void ended(stage_t *stage, Drover__Outcome outcome, error_code_t code);

#endif
