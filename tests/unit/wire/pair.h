/*
 * pair.h: a server (the coordinator's side) and clients on one loop, over loopback TCP, for the
 * tests of the transport. Every wait is for an event, with a deadline that only a defect reaches.
 */
#ifndef DROVER_TESTS_WIRE_PAIR_H
#define DROVER_TESTS_WIRE_PAIR_H

#include "common/base/clock.h"
#include "common/wire/codec.h"
#include "common/wire/dialer.h"
#include "common/wire/listener.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DEADLINE_S = 20 };

typedef struct keys {
    curve_public_t key;
    uint8_t secret[CURVE_BYTES];
} keys_t;

/* The coordinator's side and what it saw. */
typedef struct server {
    zloop_t *loop;
    zap_t *zap;
    listener_t *listener;
    keys_t keys;
    bool claims;       /* claim the connection of each message, as on a hello */
    bool mute;         /* answer nothing */
    Drover__Kind keep; /* kind of messages of which the last one is kept; NONE: none is */
    buffer_t kept;
    size_t received;
    size_t drained;
    size_t events[LISTENER_EVENT_COUNT];
    char last_peer[LIMIT_NAME_BYTES + 1];
    char last_text[64];
    char last_address[64];
    char last_refusal[128];
    bool last_current;
    route_t last_route;
} server_t;

/* An agent's side. */
typedef struct client {
    dialer_t *dialer;
    keys_t keys;
    size_t received;
    size_t events[DIALER_EVENT_COUNT];
} client_t;

/* Two that pair_start_server enrols as "a" and "b", and one that it does not. */
extern keys_t agent_a, agent_b, stranger;

/* The group's and each test's set-up and tear-down; the state of a test is its server. */
int pair_start(void **state);
int pair_stop(void **state);
int pair_start_server(void **state);
int pair_stop_server(void **state);

#define PAIR_TEST(name) cmocka_unit_test_setup_teardown(name, pair_start_server, pair_stop_server)

/* These keys, at most four, are enrolled as agents "a", "b", … and no others. */
void pair_enroll(server_t *server, const keys_t *const *who, size_t count);

/* What the server's listener calls; receive notes a message as the last_ members say. */
listener_calls_t pair_server_calls(server_t *server);
void pair_on_message(void *context, const listener_message_t *message);
void pair_listen_at(server_t *server, const char *endpoint);

typedef bool condition_fn(void *context);

/* Run the loop until the condition holds; until a counter is at least so much. */
void pair_await(server_t *server, condition_fn *condition, void *context);
void pair_await_count(server_t *server, const size_t *counter, size_t least);

/* A client with these keys; what it is told, and what it hears, is counted. */
dialer_calls_t pair_client_calls(client_t *client);
void pair_dial(server_t *server, client_t *client, const keys_t *keys);
void pair_say(client_t *client, const char *text);
void pair_connect_and_say(server_t *server, client_t *client, const char *text);

#endif
