/*
 * Tests of common/wire/zap.c, listener.c, dialer.c, transport.c and asker.c, over loopback TCP on
 * one loop. Every wait is for an event, with a deadline that only a defect reaches.
 * Longer than other files: one server and one client stand behind all of these tests.
 */
#include "tests/unit/wire/samples.h"
#include "common/base/clock.h"
#include "common/wire/asker.h"
#include "common/wire/dialer.h"
#include "common/wire/listener.h"

#include <pthread.h>
#include <stdatomic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DEADLINE_S = 20, TICK_MS = 2, BIG_BYTES = 64 * 1024 };

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
    bool claims; /* claim the connection of each message, as on a hello */
    bool mute;   /* answer nothing */
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

static keys_t agent_a, agent_b, stranger;

static void note(char *buffer, size_t room, const void *bytes, size_t size) {
    size_t length = size < room - 1 ? size : room - 1;
    memcpy(buffer, bytes, length);
    buffer[length] = '\0';
}

static void on_message(void *context, const listener_message_t *message) {
    server_t *server = context;
    server->received++;
    note(server->last_peer, sizeof server->last_peer, message->peer->name,
         strlen(message->peer->name));
    note(server->last_text, sizeof server->last_text, message->bytes, message->size);
    note(server->last_address, sizeof server->last_address, message->address,
         strlen(message->address));
    server->last_current = message->current;
    server->last_route = message->route;
    error_t err;
    if (server->claims) {
        assert_int_equal(
            listener_claim(server->listener, &message->peer->key, &message->route, &err),
            STATUS_OK);
    }
}

static void on_drained(void *context) {
    ((server_t *)context)->drained++;
}

static void on_server_event(void *context, listener_event_t event, const curve_public_t *key) {
    (void)key;
    ((server_t *)context)->events[event]++;
}

static void on_refused(void *context, const zap_refusal_t *refusal) {
    server_t *server = context;
    (void)snprintf(server->last_refusal, sizeof server->last_refusal, "%s %s %s",
                   refusal->mechanism, refusal->reason, refusal->address);
}

static void enroll(server_t *server, const keys_t *const *who, size_t count) {
    zap_peer_t peers[4] = {0};
    static const char *const names[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < count; i++) {
        peers[i].key = who[i]->key;
        peers[i].party = PARTY_AGENT;
        (void)strcpy(peers[i].name, names[i]);
    }
    error_t err;
    assert_int_equal(zap_set_peers(server->zap, peers, count, &err), STATUS_OK);
}

static listener_calls_t server_calls(server_t *server) {
    return (listener_calls_t){
        .context = server, .receive = on_message, .drained = on_drained, .event = on_server_event};
}

static void listen_at(server_t *server, const char *endpoint) {
    transport_options_t options = {.endpoint = endpoint,
                                   .secret = server->keys.secret,
                                   .pipe_messages = 4,
                                   .queue_messages = 16};
    listener_calls_t calls = server_calls(server);
    error_t err = {0};
    if (listener_new(server->loop, server->zap, &options, &calls, &server->listener, &err) !=
        STATUS_OK) {
        fail_msg("%s", err.message);
    }
}

static int start_server(void **state) {
    server_t *server = calloc(1, sizeof *server);
    error_t err;
    server->loop = zloop_new();
    server->claims = true;
    curve_keypair(&server->keys.key, server->keys.secret);
    assert_int_equal(zap_new(server->loop, on_refused, server, &server->zap, &err), STATUS_OK);
    const keys_t *both[] = {&agent_a, &agent_b};
    enroll(server, both, 2);
    listen_at(server, "tcp://127.0.0.1:*");
    *state = server;
    return 0;
}

static int stop_server(void **state) {
    server_t *server = *state;
    listener_destroy(&server->listener);
    zap_destroy(&server->zap);
    zloop_destroy(&server->loop);
    free(server);
    return 0;
}

/* ------------------------------------------------------------------ waiting */

typedef bool condition_fn(void *context);

typedef struct wait {
    condition_fn *condition;
    void *context;
    int64_t until_us;
    bool met;
} wait_t;

static int on_tick(zloop_t *loop, int timer, void *context) {
    (void)loop;
    (void)timer;
    wait_t *wait = context;
    wait->met = wait->condition(wait->context);
    return wait->met || clock_boot_us() > wait->until_us ? -1 : 0;
}

/* Run the loop until the condition holds. */
static void await(server_t *server, condition_fn *condition, void *context) {
    wait_t wait = {.condition = condition,
                   .context = context,
                   .until_us = clock_boot_us() + DEADLINE_S * US_PER_S};
    int timer = zloop_timer(server->loop, TICK_MS, 0, on_tick, &wait);
    (void)zloop_start(server->loop);
    (void)zloop_timer_end(server->loop, timer);
    if (!wait.met) {
        fail_msg("waited in vain; last refusal: %s", server->last_refusal);
    }
}

static bool reached(void *context) {
    const size_t *const *pair = context; /* a counter and the least it must be */
    return *pair[0] >= *pair[1];
}

static void await_count(server_t *server, const size_t *counter, size_t least) {
    const size_t *pair[] = {counter, &least};
    await(server, reached, pair);
}

/* ------------------------------------------------------------------ clients */

static void on_bytes(void *context, const void *bytes, size_t size) {
    (void)bytes;
    (void)size;
    ((client_t *)context)->received++;
}

static void on_client_event(void *context, dialer_event_t event, const char *reason) {
    assert_true(reason[0] != '\0');
    ((client_t *)context)->events[event]++;
}

static void dial(server_t *server, client_t *client, const keys_t *keys) {
    client->keys = *keys;
    transport_options_t options = {.endpoint = listener_endpoint(server->listener),
                                   .secret = client->keys.secret,
                                   .server = server->keys.key,
                                   .reconnect_ms = 10,
                                   .reconnect_max_ms = 40};
    dialer_calls_t calls = {.context = client, .receive = on_bytes, .event = on_client_event};
    error_t err = {0};
    if (dialer_new(server->loop, &options, &calls, &client->dialer, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
}

static void say(client_t *client, const char *text) {
    error_t err = {0};
    if (dialer_send(client->dialer, text, strlen(text), &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
}

static void connect_and_say(server_t *server, client_t *client, const char *text) {
    size_t before = server->received;
    await_count(server, &client->events[DIALER_CONNECTED], 1);
    say(client, text);
    await_count(server, &server->received, before + 1);
}

/* A client made by hand, for what a dialer never does. mechanism: "CURVE", "PLAIN" or "NULL". */
static void *raw_client(server_t *server, const char *mechanism, int pipe) {
    void *socket = zmq_socket(zsys_init(), ZMQ_DEALER);
    int zero = 0;
    (void)zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    (void)zmq_setsockopt(socket, ZMQ_RCVHWM, &pipe, sizeof pipe);
    if (strcmp(mechanism, "CURVE") == 0) {
        (void)zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server->keys.key.bytes, 32);
        (void)zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, agent_a.key.bytes, 32);
        (void)zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, agent_a.secret, 32);
    } else if (strcmp(mechanism, "PLAIN") == 0) {
        (void)zmq_setsockopt(socket, ZMQ_PLAIN_USERNAME, "admin", 5);
        (void)zmq_setsockopt(socket, ZMQ_PLAIN_PASSWORD, "admin", 5);
    }
    assert_int_equal(zmq_connect(socket, listener_endpoint(server->listener)), 0);
    return socket;
}

/* ------------------------------------------------------------------ tests */

static void test_identity_on_every_message(void **state) {
    server_t *server = *state;
    client_t a = {0};
    client_t b = {0};
    dial(server, &a, &agent_a);
    dial(server, &b, &agent_b);
    connect_and_say(server, &a, "from a");
    assert_string_equal(server->last_peer, "a");
    assert_string_equal(server->last_text, "from a");
    assert_string_equal(server->last_address, "127.0.0.1");
    assert_false(server->last_current);
    connect_and_say(server, &b, "from b");
    assert_string_equal(server->last_peer, "b");
    say(&a, "again");
    await_count(server, &server->received, 3);
    assert_string_equal(server->last_peer, "a");
    assert_true(server->last_current);
    assert_true(server->drained > 0);

    error_t err = {0};
    assert_int_equal(listener_send(server->listener, &agent_b.key, "x", 1, &err), STATUS_OK);
    await_count(server, &b.received, 1);
    assert_int_equal(a.received, 0);
    assert_int_equal(listener_send(server->listener, &stranger.key, "x", 1, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_PEER_UNKNOWN);
    dialer_destroy(&a.dialer);
    dialer_destroy(&b.dialer);
}

static void test_unknown_key_is_refused_until_enrolled(void **state) {
    server_t *server = *state;
    client_t client = {0};
    dial(server, &client, &stranger);
    await_count(server, &client.events[DIALER_REFUSED], 3); /* it tries again and again */
    assert_true(zap_refusals(server->zap) >= 3);
    assert_non_null(strstr(server->last_refusal, "CURVE key is not enrolled 127.0.0.1"));
    assert_int_equal(client.events[DIALER_CONNECTED], 0);
    error_t err = {0};
    assert_int_equal(dialer_send(client.dialer, "x", 1, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_WIRE_UNREACHABLE);
    assert_int_equal(server->received, 0);

    const keys_t *all[] = {&agent_a, &stranger};
    enroll(server, all, 2);
    connect_and_say(server, &client, "now");
    dialer_destroy(&client.dialer);
}

static void test_other_mechanisms_are_refused(void **state) {
    server_t *server = *state;
    static const char *const mechanisms[] = {"NULL", "PLAIN"};
    for (size_t i = 0; i < 2; i++) {
        void *raw = raw_client(server, mechanisms[i], 1);
        (void)zmq_send(raw, "intruder", 8, ZMQ_DONTWAIT);
        /* what comes later arrives: then the intruder had its time */
        for (int round = 0; round < 3; round++) {
            client_t client = {0};
            dial(server, &client, &agent_b);
            connect_and_say(server, &client, "honest");
            assert_string_equal(server->last_text, "honest");
            dialer_destroy(&client.dialer);
        }
        (void)zmq_close(raw);
    }
    assert_int_equal(server->received, 6);
}

/* Without a handler nobody gets in: the domain is enforced. */
static void test_no_handler_no_entry(void **state) {
    server_t *server = *state;
    zsock_t *router = NULL;
    error_t err = {0};
    transport_options_t options = {.endpoint = "tcp://127.0.0.1:*", .secret = server->keys.secret};
    options = transport_defaults(&options);
    listener_destroy(&server->listener);
    zap_destroy(&server->zap);
    assert_int_equal(transport_socket(ZMQ_ROUTER, &options, &router, &err), STATUS_OK);
    assert_int_equal(transport_serve(router, &options, &err), STATUS_OK);
    assert_true(zsock_bind(router, "%s", options.endpoint) > 0);

    client_t client = {.keys = agent_a};
    transport_options_t own = {.endpoint = zsock_endpoint(router),
                               .secret = client.keys.secret,
                               .server = server->keys.key,
                               .reconnect_ms = 10,
                               .reconnect_max_ms = 20};
    dialer_calls_t calls = {.context = &client, .receive = on_bytes, .event = on_client_event};
    assert_int_equal(dialer_new(server->loop, &own, &calls, &client.dialer, &err), STATUS_OK);
    await_count(server, &client.events[DIALER_UNANSWERED], 2);
    assert_int_equal(client.events[DIALER_CONNECTED], 0);
    dialer_destroy(&client.dialer);
    zsock_destroy(&router);
}

static void test_newest_connection_wins(void **state) {
    server_t *server = *state;
    client_t first = {0};
    client_t second = {0};
    dial(server, &first, &agent_a);
    connect_and_say(server, &first, "first");
    dial(server, &second, &agent_a);
    connect_and_say(server, &second, "second");
    error_t err = {0};
    assert_int_equal(listener_send(server->listener, &agent_a.key, "x", 1, &err), STATUS_OK);
    await_count(server, &second.received, 1);
    assert_int_equal(first.received, 0);
    server->claims = false;
    say(&first, "old");
    await_count(server, &server->received, 3);
    assert_false(server->last_current); /* heard, but known to be the older one */
    assert_int_equal(listener_answer(server->listener, &server->last_route, "y", 1, &err),
                     STATUS_OK);
    await_count(server, &first.received, 1);
    dialer_destroy(&first.dialer);
    dialer_destroy(&second.dialer);
}

static void test_removed_key_is_out_at_once(void **state) {
    server_t *server = *state;
    client_t a = {0};
    dial(server, &a, &agent_a);
    connect_and_say(server, &a, "hello");
    const keys_t *others[] = {&agent_b};
    enroll(server, others, 1);
    say(&a, "still here");
    await_count(server, &server->events[LISTENER_REVOKED], 1);
    assert_int_equal(server->received, 1);
    assert_false(listener_connected(server->listener, &agent_a.key));
    error_t err = {0};
    assert_int_equal(listener_send(server->listener, &agent_a.key, "x", 1, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_PEER_UNKNOWN);
    dialer_destroy(&a.dialer);
}

static void test_oversize(void **state) {
    server_t *server = *state;
    client_t b = {0};
    size_t size = LIMIT_MESSAGE_BYTES + 4096;
    char *big = calloc(1, size);
    dial(server, &b, &agent_b);
    connect_and_say(server, &b, "hello");
    error_t err = {0};
    assert_int_equal(dialer_send(b.dialer, big, size, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    assert_int_equal(listener_send(server->listener, &agent_b.key, big, size, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);

    void *raw = raw_client(server, "CURVE", 4);
    assert_int_equal(zmq_send(raw, "small", 5, 0), 5);
    await_count(server, &server->received, 2);
    assert_int_equal(zmq_send(raw, big, size, 0), (int)size);
    assert_int_equal(zmq_send(raw, "after", 5, 0), 5); /* lost with the connection, or sent anew */
    say(&b, "fine");
    await_count(server, &server->received, 3);
    /* the one that sent too much has lost its connection */
    bool gone = false;
    for (int64_t end = clock_boot_us() + DEADLINE_S * US_PER_S; !gone && clock_boot_us() < end;) {
        gone = listener_send(server->listener, &agent_a.key, "x", 1, &err) != STATUS_OK;
        size_t next = server->received + 1;
        say(&b, "tick");
        await_count(server, &server->received, next);
    }
    assert_true(gone);
    free(big);
    (void)zmq_close(raw);
    dialer_destroy(&b.dialer);
}

static void test_more_than_one_frame(void **state) {
    server_t *server = *state;
    void *raw = raw_client(server, "CURVE", 4);
    (void)zmq_send(raw, "one", 3, ZMQ_SNDMORE);
    (void)zmq_send(raw, "two", 3, ZMQ_SNDMORE);
    (void)zmq_send(raw, "three", 5, 0);
    (void)zmq_send(raw, "whole", 5, 0);
    await_count(server, &server->received, 1);
    assert_int_equal(server->events[LISTENER_MALFORMED], 1);
    assert_string_equal(server->last_text, "whole");
    (void)zmq_close(raw);
}

/* A client that reads what waits for it and checks the order. */
typedef struct reader {
    void *socket;
    char *buffer;
    size_t read;
    size_t expected;
} reader_t;

static bool read_all(void *context) {
    reader_t *reader = context;
    while (zmq_recv(reader->socket, reader->buffer, BIG_BYTES, ZMQ_DONTWAIT) == BIG_BYTES) {
        size_t number = 0;
        memcpy(&number, reader->buffer, sizeof number);
        assert_int_equal(number, reader->read);
        reader->read++;
    }
    return reader->read == reader->expected;
}

static void test_peer_that_does_not_read(void **state) {
    server_t *server = *state;
    void *raw = raw_client(server, "CURVE", 1);
    (void)zmq_send(raw, "hello", 5, 0);
    await_count(server, &server->received, 1);
    char *big = calloc(1, BIG_BYTES);
    size_t sent = 0;
    error_t err = {0};
    while (listener_send(server->listener, &agent_a.key, big, BIG_BYTES, &err) == STATUS_OK) {
        sent++;
        assert_true(sent < 5000); /* kernel buffers and pipes hold some, never this much */
        memcpy(big, &sent, sizeof sent);
    }
    assert_int_equal(err.code, ERROR_WIRE_BUSY);
    size_t bytes = 0;
    assert_int_equal(listener_queued(server->listener, &agent_a.key, &bytes), 16);
    assert_int_equal(bytes, 16 * BIG_BYTES);

    reader_t reader = {.socket = raw, .buffer = big, .expected = sent};
    await(server, read_all, &reader);
    assert_int_equal(listener_queued(server->listener, &agent_a.key, &bytes), 0);
    assert_int_equal(bytes, 0);
    free(big);
    (void)zmq_close(raw);
}

static void test_gone_peer_is_noticed(void **state) {
    server_t *server = *state;
    client_t a = {0};
    client_t b = {0};
    dial(server, &a, &agent_a);
    dial(server, &b, &agent_b);
    connect_and_say(server, &a, "hello");
    connect_and_say(server, &b, "hello");
    dialer_destroy(&a.dialer);
    error_t err = {0};
    while (listener_send(server->listener, &agent_a.key, "x", 1, &err) == STATUS_OK) {
        size_t next = server->received + 1;
        assert_true(next < 10000);
        say(&b, "tick");
        await_count(server, &server->received, next);
    }
    assert_int_equal(err.code, ERROR_AGENT_UNREACHABLE);
    assert_int_equal(server->events[LISTENER_GONE], 1);
    assert_false(listener_connected(server->listener, &agent_a.key));
    dialer_destroy(&b.dialer);
}

static void test_comes_back_after_a_restart(void **state) {
    server_t *server = *state;
    client_t a = {0};
    dial(server, &a, &agent_a);
    connect_and_say(server, &a, "hello");
    char endpoint[128];
    (void)snprintf(endpoint, sizeof endpoint, "%s", listener_endpoint(server->listener));
    listener_destroy(&server->listener);
    await_count(server, &a.events[DIALER_DISCONNECTED], 1);
    assert_false(dialer_connected(a.dialer));
    listen_at(server, endpoint);
    await_count(server, &a.events[DIALER_CONNECTED], 2);
    say(&a, "hello again");
    await_count(server, &server->received, 2);
    dialer_destroy(&a.dialer);
}

static void test_addresses(void **state) {
    server_t *server = *state;
    listener_calls_t calls = server_calls(server);
    listener_t *other = NULL;
    error_t err = {0};
    transport_options_t options = {.endpoint = listener_endpoint(server->listener),
                                   .secret = server->keys.secret};
    assert_int_equal(listener_new(server->loop, server->zap, &options, &calls, &other, &err),
                     STATUS_ERROR);
    assert_int_equal(err.code, ERROR_ADDRESS_IN_USE);
    assert_non_null(strstr(err.message, options.endpoint));
    options.endpoint = "tcp://nowhere";
    assert_int_equal(listener_new(server->loop, server->zap, &options, &calls, &other, &err),
                     STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVALID);
    zap_t *second = NULL;
    assert_int_equal(zap_new(server->loop, NULL, NULL, &second, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_ADDRESS_IN_USE);
}

static void test_wrong_server_key(void **state) {
    server_t *server = *state;
    client_t client = {0};
    keys_t right = server->keys;
    server->keys = stranger; /* what the client is told */
    dial(server, &client, &agent_a);
    server->keys = right;
    await_count(server, &client.events[DIALER_UNANSWERED], 2);
    assert_int_equal(client.events[DIALER_CONNECTED], 0);
    dialer_destroy(&client.dialer);
}

static void test_one_key_twice(void **state) {
    server_t *server = *state;
    zap_peer_t peers[2] = {{.key = agent_a.key, .name = "x"}, {.key = agent_a.key, .name = "y"}};
    error_t err = {0};
    assert_int_equal(zap_set_peers(server->zap, peers, 2, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_string_equal(zap_find(server->zap, &agent_b.key)->name, "b"); /* the table stayed */
}

/* ------------------------------------------------------------------ questions */

typedef struct asking {
    transport_options_t options;
    int timeout_ms;
    pthread_t thread;
    atomic_bool done;
    status_t status;
    error_t err;
    char document[64];
} asking_t;

static void *ask(void *context) {
    asking_t *asking = context;
    CLEANUP(buffer_free) buffer_t sealed = {0};
    CLEANUP(asker_destroy_p) asker_t *asker = NULL;
    CLEANUP(message_destroy_p) message_t *answer = NULL;
    sample_seal(kind_find(DROVER__KIND__KIND_QUESTION), &sealed);
    asking->status = asker_new(&asking->options, &asker, &asking->err);
    if (asking->status == STATUS_OK) {
        asking->status = asker_ask(asker, &sealed, 1, asking->timeout_ms, &answer, &asking->err);
    }
    if (answer != NULL) {
        (void)snprintf(asking->document, sizeof asking->document, "%s", answer->answer->document);
    }
    asking->done = true;
    return NULL;
}

static bool is_done(void *context) {
    return ((asking_t *)context)->done;
}

/* Answer as the coordinator does, with two that are not meant before the one that is. */
static void on_question(void *context, const listener_message_t *message) {
    server_t *server = context;
    on_message(context, message);
    for (uint32_t number = 3; number > 0 && !server->mute; number--) {
        Drover__Answer answer = DROVER__ANSWER__INIT;
        CLEANUP(buffer_free) buffer_t bytes = {0};
        error_t err;
        answer.number = number;
        answer.document = field_of_text(number == 1 ? "{\"right\":1}" : "{}");
        assert_int_equal(codec_seal(DROVER__KIND__KIND_ANSWER, &answer.base, NULL, &bytes, &err),
                         STATUS_OK);
        assert_int_equal(
            listener_answer(server->listener, &message->route, bytes.data, bytes.size, &err),
            STATUS_OK);
    }
}

/* Ask with this key and serve until the answer, or its error, is there. */
static void run_question(server_t *server, const keys_t *keys, asking_t *asking) {
    listener_calls_t calls = server_calls(server);
    calls.receive = on_question;
    transport_options_t options = {.endpoint = "tcp://127.0.0.1:*", .secret = server->keys.secret};
    error_t err;
    listener_destroy(&server->listener);
    assert_int_equal(
        listener_new(server->loop, server->zap, &options, &calls, &server->listener, &err),
        STATUS_OK);
    asking->options.endpoint = listener_endpoint(server->listener);
    asking->options.secret = keys->secret;
    asking->options.server = server->keys.key;
    assert_int_equal(pthread_create(&asking->thread, NULL, ask, asking), 0);
    await(server, is_done, asking);
    assert_int_equal(pthread_join(asking->thread, NULL), 0);
}

static void test_question_and_answer(void **state) {
    server_t *server = *state;
    server->claims = false;
    asking_t asking = {.timeout_ms = DEADLINE_S * 1000};
    run_question(server, &agent_a, &asking);
    if (asking.status != STATUS_OK) {
        fail_msg("%s", asking.err.message);
    }
    assert_string_equal(asking.document, "{\"right\":1}");
}

static void test_question_with_unknown_key(void **state) {
    server_t *server = *state;
    asking_t asking = {.timeout_ms = DEADLINE_S * 1000};
    run_question(server, &stranger, &asking);
    assert_int_equal(asking.status, STATUS_ERROR);
    assert_int_equal(asking.err.code, ERROR_PEER_UNKNOWN);
}

static void test_question_without_answer(void **state) {
    server_t *server = *state;
    server->claims = false;
    server->mute = true;
    asking_t asking = {.timeout_ms = 500};
    run_question(server, &agent_a, &asking);
    assert_int_equal(asking.status, STATUS_ERROR);
    assert_int_equal(asking.err.code, ERROR_WIRE_TIMEOUT);
}

static void test_question_to_nobody(void **state) {
    server_t *server = *state;
    char endpoint[128];
    (void)snprintf(endpoint, sizeof endpoint, "%s", listener_endpoint(server->listener));
    listener_destroy(&server->listener);
    asking_t asking = {
        .timeout_ms = 300,
        .options = {.endpoint = endpoint, .secret = agent_a.secret, .server = server->keys.key}};
    (void)ask(&asking);
    assert_int_equal(asking.status, STATUS_ERROR);
    assert_int_equal(asking.err.code, ERROR_WIRE_UNREACHABLE);
    assert_non_null(strstr(asking.err.message, "does not take connections"));
}

static int start(void **state) {
    (void)state;
    error_t err;
    if (sodium_init() < 0 || transport_start(&err) != STATUS_OK) {
        return -1;
    }
    curve_keypair(&agent_a.key, agent_a.secret);
    curve_keypair(&agent_b.key, agent_b.secret);
    curve_keypair(&stranger.key, stranger.secret);
    return 0;
}

static int stop(void **state) {
    (void)state;
    zsys_shutdown();
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_server, stop_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_identity_on_every_message),
        TEST(test_unknown_key_is_refused_until_enrolled),
        TEST(test_other_mechanisms_are_refused),
        TEST(test_no_handler_no_entry),
        TEST(test_newest_connection_wins),
        TEST(test_removed_key_is_out_at_once),
        TEST(test_oversize),
        TEST(test_more_than_one_frame),
        TEST(test_peer_that_does_not_read),
        TEST(test_gone_peer_is_noticed),
        TEST(test_comes_back_after_a_restart),
        TEST(test_addresses),
        TEST(test_wrong_server_key),
        TEST(test_one_key_twice),
        TEST(test_question_and_answer),
        TEST(test_question_with_unknown_key),
        TEST(test_question_without_answer),
        TEST(test_question_to_nobody),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
