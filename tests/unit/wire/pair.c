/* pair.c: see pair.h. */
#include "tests/unit/wire/pair.h"

#include <sodium.h>

enum { TICK_MS = 2 };

keys_t agent_a, agent_b, stranger;

static void note(char *buffer, size_t room, const void *bytes, size_t size) {
    size_t length = size < room - 1 ? size : room - 1;
    memcpy(buffer, bytes, length);
    buffer[length] = '\0';
}

void pair_on_message(void *context, const listener_message_t *message) {
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
    envelope_t envelope;
    if (server->keep != DROVER__KIND__KIND_NONE &&
        codec_open(message->bytes, message->size, PARTY_AGENT, &envelope, &err) == STATUS_OK &&
        envelope.kind->kind == server->keep) {
        buffer_clear(&server->kept);
        buffer_append(&server->kept, message->bytes, message->size);
    }
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

void pair_enroll(server_t *server, const keys_t *const *who, size_t count) {
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

listener_calls_t pair_server_calls(server_t *server) {
    return (listener_calls_t){.context = server,
                              .receive = pair_on_message,
                              .drained = on_drained,
                              .event = on_server_event};
}

void pair_listen_at(server_t *server, const char *endpoint) {
    transport_options_t options = {.endpoint = endpoint,
                                   .secret = server->keys.secret,
                                   .pipe_messages = 4,
                                   .queue_messages = 16};
    listener_calls_t calls = pair_server_calls(server);
    error_t err = {0};
    if (listener_new(server->loop, server->zap, &options, &calls, &server->listener, &err) !=
        STATUS_OK) {
        fail_msg("%s", err.message);
    }
}

int pair_start_server(void **state) {
    server_t *server = calloc(1, sizeof *server);
    error_t err;
    server->loop = zloop_new();
    server->claims = true;
    curve_keypair(&server->keys.key, server->keys.secret);
    assert_int_equal(zap_new(server->loop, on_refused, server, &server->zap, &err), STATUS_OK);
    const keys_t *both[] = {&agent_a, &agent_b};
    pair_enroll(server, both, 2);
    pair_listen_at(server, "tcp://127.0.0.1:*");
    *state = server;
    return 0;
}

int pair_stop_server(void **state) {
    server_t *server = *state;
    listener_destroy(&server->listener);
    zap_destroy(&server->zap);
    zloop_destroy(&server->loop);
    buffer_free(&server->kept);
    free(server);
    return 0;
}

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
void pair_await(server_t *server, condition_fn *condition, void *context) {
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

void pair_await_count(server_t *server, const size_t *counter, size_t least) {
    const size_t *pair[] = {counter, &least};
    pair_await(server, reached, pair);
}

static void on_bytes(void *context, const void *bytes, size_t size) {
    (void)bytes;
    (void)size;
    ((client_t *)context)->received++;
}

static void on_client_event(void *context, dialer_event_t event, const char *reason) {
    assert_true(reason[0] != '\0');
    ((client_t *)context)->events[event]++;
}

dialer_calls_t pair_client_calls(client_t *client) {
    return (dialer_calls_t){.context = client, .receive = on_bytes, .event = on_client_event};
}

void pair_dial(server_t *server, client_t *client, const keys_t *keys) {
    client->keys = *keys;
    transport_options_t options = {.endpoint = listener_endpoint(server->listener),
                                   .secret = client->keys.secret,
                                   .server = server->keys.key,
                                   .reconnect_ms = 10,
                                   .reconnect_max_ms = 40};
    dialer_calls_t calls = pair_client_calls(client);
    error_t err = {0};
    if (dialer_new(server->loop, &options, &calls, &client->dialer, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
}

void pair_say(client_t *client, const char *text) {
    error_t err = {0};
    if (dialer_send(client->dialer, text, strlen(text), &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
}

void pair_connect_and_say(server_t *server, client_t *client, const char *text) {
    size_t before = server->received;
    pair_await_count(server, &client->events[DIALER_CONNECTED], 1);
    pair_say(client, text);
    pair_await_count(server, &server->received, before + 1);
}

int pair_start(void **state) {
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

int pair_stop(void **state) {
    (void)state;
    zsys_shutdown();
    return 0;
}
