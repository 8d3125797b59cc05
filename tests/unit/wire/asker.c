/* Tests of common/wire/asker.c: the one asking thread, and a server on the loop that answers. */
#include "tests/unit/wire/pair.h"

#include "common/wire/asker.h"
#include "tests/unit/wire/samples.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

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
    pair_on_message(context, message);
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
    listener_calls_t calls = pair_server_calls(server);
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
    pair_await(server, is_done, asking);
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

/* A port that is bound and not listened on: it refuses, and nobody else gets it meanwhile. */
static int take_silent_port(char *ret_endpoint, size_t size) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(ret_endpoint, size, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
    return fd;
}

static void test_question_to_nobody(void **state) {
    server_t *server = *state;
    char endpoint[128];
    int fd = take_silent_port(endpoint, sizeof endpoint);
    asking_t asking = {
        .timeout_ms = 300,
        .options = {.endpoint = endpoint, .secret = agent_a.secret, .server = server->keys.key}};
    (void)ask(&asking);
    assert_int_equal(asking.status, STATUS_ERROR);
    assert_int_equal(asking.err.code, ERROR_WIRE_UNREACHABLE);
    assert_non_null(strstr(asking.err.message, "does not take connections"));
    assert_int_equal(close(fd), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_question_and_answer),
        PAIR_TEST(test_question_with_unknown_key),
        PAIR_TEST(test_question_without_answer),
        PAIR_TEST(test_question_to_nobody),
    };
    return cmocka_run_group_tests(tests, pair_start, pair_stop);
}
