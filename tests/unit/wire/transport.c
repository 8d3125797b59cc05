/* Tests of common/wire/zap.c, listener.c, dialer.c and transport.c. */
#include "tests/unit/wire/pair.h"

#include "common/base/limits.h"

enum { BIG_BYTES = 64 * 1024 };

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

static void test_identity_on_every_message(void **state) {
    server_t *server = *state;
    client_t a = {0};
    client_t b = {0};
    pair_dial(server, &a, &agent_a);
    pair_dial(server, &b, &agent_b);
    pair_connect_and_say(server, &a, "from a");
    assert_string_equal(server->last_peer, "a");
    assert_string_equal(server->last_text, "from a");
    assert_string_equal(server->last_address, "127.0.0.1");
    assert_false(server->last_current);
    pair_connect_and_say(server, &b, "from b");
    assert_string_equal(server->last_peer, "b");
    pair_say(&a, "again");
    pair_await_count(server, &server->received, 3);
    assert_string_equal(server->last_peer, "a");
    assert_true(server->last_current);
    assert_true(server->drained > 0);

    error_t err = {0};
    assert_int_equal(listener_send(server->listener, &agent_b.key, "x", 1, &err), STATUS_OK);
    pair_await_count(server, &b.received, 1);
    assert_int_equal(a.received, 0);
    assert_int_equal(listener_send(server->listener, &stranger.key, "x", 1, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_PEER_UNKNOWN);
    dialer_destroy(&a.dialer);
    dialer_destroy(&b.dialer);
}

static void test_unknown_key_is_refused_until_enrolled(void **state) {
    server_t *server = *state;
    client_t client = {0};
    pair_dial(server, &client, &stranger);
    pair_await_count(server, &client.events[DIALER_REFUSED], 3); /* it tries again and again */
    assert_true(zap_refusals(server->zap) >= 3);
    assert_non_null(strstr(server->last_refusal, "CURVE key is not enrolled 127.0.0.1"));
    assert_int_equal(client.events[DIALER_CONNECTED], 0);
    error_t err = {0};
    assert_int_equal(dialer_send(client.dialer, "x", 1, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_WIRE_UNREACHABLE);
    assert_int_equal(server->received, 0);

    const keys_t *all[] = {&agent_a, &stranger};
    pair_enroll(server, all, 2);
    pair_connect_and_say(server, &client, "now");
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
            pair_dial(server, &client, &agent_b);
            pair_connect_and_say(server, &client, "honest");
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
    dialer_calls_t calls = pair_client_calls(&client);
    assert_int_equal(dialer_new(server->loop, &own, &calls, &client.dialer, &err), STATUS_OK);
    pair_await_count(server, &client.events[DIALER_UNANSWERED], 2);
    assert_int_equal(client.events[DIALER_CONNECTED], 0);
    dialer_destroy(&client.dialer);
    zsock_destroy(&router);
}

static void test_newest_connection_wins(void **state) {
    server_t *server = *state;
    client_t first = {0};
    client_t second = {0};
    pair_dial(server, &first, &agent_a);
    pair_connect_and_say(server, &first, "first");
    pair_dial(server, &second, &agent_a);
    pair_connect_and_say(server, &second, "second");
    error_t err = {0};
    assert_int_equal(listener_send(server->listener, &agent_a.key, "x", 1, &err), STATUS_OK);
    pair_await_count(server, &second.received, 1);
    assert_int_equal(first.received, 0);
    server->claims = false;
    pair_say(&first, "old");
    pair_await_count(server, &server->received, 3);
    assert_false(server->last_current); /* heard, but known to be the older one */
    assert_int_equal(listener_answer(server->listener, &server->last_route, "y", 1, &err),
                     STATUS_OK);
    pair_await_count(server, &first.received, 1);
    dialer_destroy(&first.dialer);
    dialer_destroy(&second.dialer);
}

static void test_removed_key_is_out_at_once(void **state) {
    server_t *server = *state;
    client_t a = {0};
    pair_dial(server, &a, &agent_a);
    pair_connect_and_say(server, &a, "hello");
    const keys_t *others[] = {&agent_b};
    pair_enroll(server, others, 1);
    pair_say(&a, "still here");
    pair_await_count(server, &server->events[LISTENER_REVOKED], 1);
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
    pair_dial(server, &b, &agent_b);
    pair_connect_and_say(server, &b, "hello");
    error_t err = {0};
    assert_int_equal(dialer_send(b.dialer, big, size, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    assert_int_equal(listener_send(server->listener, &agent_b.key, big, size, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);

    void *raw = raw_client(server, "CURVE", 4);
    assert_int_equal(zmq_send(raw, "small", 5, 0), 5);
    pair_await_count(server, &server->received, 2);
    assert_int_equal(zmq_send(raw, big, size, 0), (int)size);
    assert_int_equal(zmq_send(raw, "after", 5, 0), 5); /* lost with the connection, or sent anew */
    pair_say(&b, "fine");
    pair_await_count(server, &server->received, 3);
    /* the one that sent too much has lost its connection */
    bool gone = false;
    for (int64_t end = clock_boot_us() + DEADLINE_S * US_PER_S; !gone && clock_boot_us() < end;) {
        gone = listener_send(server->listener, &agent_a.key, "x", 1, &err) != STATUS_OK;
        size_t next = server->received + 1;
        pair_say(&b, "tick");
        pair_await_count(server, &server->received, next);
    }
    assert_true(gone);
    free(big);
    (void)zmq_close(raw);
    dialer_destroy(&b.dialer);
}

/* The bound itself still fits: what one side lets out the other takes in. */
static void test_largest(void **state) {
    server_t *server = *state;
    client_t a = {0};
    char *big = calloc(1, LIMIT_MESSAGE_BYTES);
    pair_dial(server, &a, &agent_a);
    pair_connect_and_say(server, &a, "hello");
    error_t err = {0};
    assert_int_equal(dialer_send(a.dialer, big, LIMIT_MESSAGE_BYTES, &err), STATUS_OK);
    pair_await_count(server, &server->received, 2);
    assert_int_equal(listener_send(server->listener, &agent_a.key, big, LIMIT_MESSAGE_BYTES, &err),
                     STATUS_OK);
    pair_await_count(server, &a.received, 1);
    assert_int_equal(a.events[DIALER_DISCONNECTED], 0);
    free(big);
    dialer_destroy(&a.dialer);
}

static void test_more_than_one_frame(void **state) {
    server_t *server = *state;
    void *raw = raw_client(server, "CURVE", 4);
    (void)zmq_send(raw, "one", 3, ZMQ_SNDMORE);
    (void)zmq_send(raw, "two", 3, ZMQ_SNDMORE);
    (void)zmq_send(raw, "three", 5, 0);
    (void)zmq_send(raw, "whole", 5, 0);
    pair_await_count(server, &server->received, 1);
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
    pair_await_count(server, &server->received, 1);
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
    pair_await(server, read_all, &reader);
    assert_int_equal(listener_queued(server->listener, &agent_a.key, &bytes), 0);
    assert_int_equal(bytes, 0);
    free(big);
    (void)zmq_close(raw);
}

static void test_gone_peer_is_noticed(void **state) {
    server_t *server = *state;
    client_t a = {0};
    client_t b = {0};
    pair_dial(server, &a, &agent_a);
    pair_dial(server, &b, &agent_b);
    pair_connect_and_say(server, &a, "hello");
    pair_connect_and_say(server, &b, "hello");
    dialer_destroy(&a.dialer);
    error_t err = {0};
    while (listener_send(server->listener, &agent_a.key, "x", 1, &err) == STATUS_OK) {
        size_t next = server->received + 1;
        assert_true(next < 10000);
        pair_say(&b, "tick");
        pair_await_count(server, &server->received, next);
    }
    assert_int_equal(err.code, ERROR_AGENT_UNREACHABLE);
    assert_int_equal(server->events[LISTENER_GONE], 1);
    assert_false(listener_connected(server->listener, &agent_a.key));
    dialer_destroy(&b.dialer);
}

static void test_comes_back_after_a_restart(void **state) {
    server_t *server = *state;
    client_t a = {0};
    pair_dial(server, &a, &agent_a);
    pair_connect_and_say(server, &a, "hello");
    char endpoint[128];
    (void)snprintf(endpoint, sizeof endpoint, "%s", listener_endpoint(server->listener));
    listener_destroy(&server->listener);
    pair_await_count(server, &a.events[DIALER_DISCONNECTED], 1);
    assert_false(dialer_connected(a.dialer));
    pair_listen_at(server, endpoint);
    pair_await_count(server, &a.events[DIALER_CONNECTED], 2);
    pair_say(&a, "hello again");
    pair_await_count(server, &server->received, 2);
    dialer_destroy(&a.dialer);
}

/* A connection that stands and is of no use is given up for another one. */
static void test_dials_anew(void **state) {
    server_t *server = *state;
    client_t a = {0};
    pair_dial(server, &a, &agent_a);
    dialer_redial(a.dialer, "nothing stands yet");
    assert_int_equal(a.events[DIALER_DISCONNECTED], 0);
    pair_connect_and_say(server, &a, "hello");
    dialer_redial(a.dialer, "silence");
    assert_int_equal(a.events[DIALER_DISCONNECTED], 1);
    assert_false(dialer_connected(a.dialer));
    dialer_redial(a.dialer, "once more");
    assert_int_equal(a.events[DIALER_DISCONNECTED], 1);
    pair_await_count(server, &a.events[DIALER_CONNECTED], 2);
    pair_say(&a, "hello again");
    pair_await_count(server, &server->received, 2);
    dialer_destroy(&a.dialer);
}

/* Pings that wait in a full connection end the one who reads them: nobody sends any. */
static void test_no_heartbeats(void **state) {
    const server_t *server = *state;
    static const int types[] = {ZMQ_DEALER, ZMQ_ROUTER};
    const transport_options_t options = {.endpoint = listener_endpoint(server->listener),
                                         .secret = agent_a.secret,
                                         .server = server->keys.key};
    const transport_options_t all = transport_defaults(&options);
    for (size_t i = 0; i < 2; i++) {
        zsock_t *socket = NULL;
        error_t err = {0};
        int every_ms = -1;
        size_t size = sizeof every_ms;
        assert_int_equal(transport_socket(types[i], &all, &socket, &err), STATUS_OK);
        assert_int_equal(types[i] == ZMQ_DEALER ? transport_call(socket, &all, &err)
                                                : transport_serve(socket, &all, &err),
                         STATUS_OK);
        (void)zmq_getsockopt(zsock_resolve(socket), ZMQ_HEARTBEAT_IVL, &every_ms, &size);
        assert_int_equal(every_ms, 0);
        zsock_destroy(&socket);
    }
}

static void test_addresses(void **state) {
    server_t *server = *state;
    listener_calls_t calls = pair_server_calls(server);
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
    pair_dial(server, &client, &agent_a);
    server->keys = right;
    pair_await_count(server, &client.events[DIALER_UNANSWERED], 2);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_identity_on_every_message),
        PAIR_TEST(test_unknown_key_is_refused_until_enrolled),
        PAIR_TEST(test_other_mechanisms_are_refused),
        PAIR_TEST(test_no_handler_no_entry),
        PAIR_TEST(test_newest_connection_wins),
        PAIR_TEST(test_removed_key_is_out_at_once),
        PAIR_TEST(test_oversize),
        PAIR_TEST(test_largest),
        PAIR_TEST(test_more_than_one_frame),
        PAIR_TEST(test_peer_that_does_not_read),
        PAIR_TEST(test_gone_peer_is_noticed),
        PAIR_TEST(test_comes_back_after_a_restart),
        PAIR_TEST(test_dials_anew),
        PAIR_TEST(test_no_heartbeats),
        PAIR_TEST(test_addresses),
        PAIR_TEST(test_wrong_server_key),
        PAIR_TEST(test_one_key_twice),
    };
    return cmocka_run_group_tests(tests, pair_start, pair_stop);
}
