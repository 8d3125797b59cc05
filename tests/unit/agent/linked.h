/*
 * linked.h: an agent with a state folder of its own, dialling the server of wire/pair.h, and what
 * that server says as its coordinator.
 */
#ifndef DROVER_TESTS_AGENT_LINKED_H
#define DROVER_TESTS_AGENT_LINKED_H

#include "tests/unit/wire/pair.h"

#include "agent/agent.h"
#include "tests/unit/agent/rootfile.h"

enum { EPOCH = 5, PATH_SIZE = 128 };

typedef struct stage {
    server_t *server;
    char folder[32];
    agent_t agent;
    rootfile_t trust;   /* the agent's pin; its coordinator signs jobs */
    curve_public_t key; /* the agent's */
} stage_t;

/* Fails the test where the call did. */
void must(status_t status, const error_t *err);

/* cmocka's set-up and tear-down, within pair_start and pair_stop: *state is a stage_t whose agent
 * has said hello, and was not welcomed. */
int stage_up(void **state);
int stage_down(void **state);

/* Bytes, or a message, from the coordinator to the agent; seal signs with the coordinator's key. */
void say(const stage_t *stage, const void *bytes, size_t size);
void seal(const stage_t *stage, Drover__Kind kind, const ProtobufCMessage *message,
          buffer_t *bytes);
void say_unsigned(const stage_t *stage, Drover__Kind kind, const ProtobufCMessage *message);

#endif
