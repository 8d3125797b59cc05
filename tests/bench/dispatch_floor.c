/*
 * dispatch_floor.c: raw ROUTER/DEALER round trips under CURVE, with no protocol of ours: the floor
 * that dispatch is measured against.
 *
 *     dispatch_floor [peers [depth [seconds [bytes]]]]     100 1 2 256
 *
 * A child process holds the peers, each a DEALER with `depth` messages on their way; the parent's
 * ROUTER echoes. Prints one number: round trips a second over all peers.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { PEERS_MAX = 4096, BYTES_MAX = 65536, KEY_SIZE = 41, WAKE_MESSAGES = 512 };

typedef struct options {
    int peers;
    int depth;
    int seconds;
    size_t bytes;
} options_t;

typedef struct keys {
    char server_public[KEY_SIZE];
    char server_secret[KEY_SIZE];
} keys_t;

static void check(int condition, const char *what) {
    if (!condition) {
        (void)fprintf(stderr, "dispatch_floor: %s: %s\n", what, zmq_strerror(zmq_errno()));
        exit(1);
    }
}

static int64_t now_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void set_int(void *socket, int option, int value) {
    check(zmq_setsockopt(socket, option, &value, sizeof value) == 0, "option");
}

static void *connect_peer(void *context, const keys_t *keys, const char *endpoint) {
    char own_public[KEY_SIZE];
    char own_secret[KEY_SIZE];
    void *socket = zmq_socket(context, ZMQ_DEALER);
    check(socket != NULL && zmq_curve_keypair(own_public, own_secret) == 0, "peer");
    set_int(socket, ZMQ_LINGER, 0);
    (void)zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, keys->server_public, KEY_SIZE - 1);
    (void)zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, own_public, KEY_SIZE - 1);
    (void)zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, own_secret, KEY_SIZE - 1);
    check(zmq_connect(socket, endpoint) == 0, "connect");
    return socket;
}

/* The peers: send `depth` each, then one for each that comes back. Ends when the parent kills it.
 */
static void run_peers(const options_t *options, const keys_t *keys, const char *endpoint) {
    void *context = zmq_ctx_new();
    static char message[BYTES_MAX];
    zmq_pollitem_t *items = calloc((size_t)options->peers, sizeof *items);
    check(items != NULL, "memory");
    (void)zmq_ctx_set(context, ZMQ_MAX_SOCKETS, options->peers + 16);
    for (int i = 0; i < options->peers; i++) {
        items[i].socket = connect_peer(context, keys, endpoint);
        items[i].events = ZMQ_POLLIN;
        for (int sent = 0; sent < options->depth; sent++) {
            check(zmq_send(items[i].socket, message, options->bytes, 0) >= 0, "send");
        }
    }
    while (zmq_poll(items, options->peers, -1) > 0) {
        for (int i = 0; i < options->peers; i++) {
            if ((items[i].revents & ZMQ_POLLIN) == 0) {
                continue;
            }
            while (zmq_recv(items[i].socket, message, sizeof message, ZMQ_DONTWAIT) >= 0) {
                check(zmq_send(items[i].socket, message, options->bytes, 0) >= 0, "send");
            }
        }
    }
}

/* Echo what is there; answers how many. */
static int64_t echo(void *router) {
    int64_t count = 0;
    zmq_msg_t frame;
    (void)zmq_msg_init(&frame);
    while (count < WAKE_MESSAGES && zmq_msg_recv(&frame, router, ZMQ_DONTWAIT) >= 0) {
        check(zmq_msg_send(&frame, router, ZMQ_SNDMORE) >= 0, "echo");
        check(zmq_msg_recv(&frame, router, 0) >= 0, "receive");
        check(zmq_msg_send(&frame, router, 0) >= 0, "echo");
        count++;
    }
    (void)zmq_msg_close(&frame);
    return count;
}

static double measure(void *router, int seconds) {
    int64_t count = 0;
    int64_t begin_us = 0;
    int64_t warm_us = now_us() + 1000000; /* handshakes and the first messages are not counted */
    zmq_pollitem_t item = {.socket = router, .events = ZMQ_POLLIN};
    for (;;) {
        check(zmq_poll(&item, 1, 10000) > 0, "no peer came");
        int64_t echoed = echo(router);
        int64_t now = now_us();
        if (begin_us == 0 && now < warm_us) {
            continue;
        }
        if (begin_us == 0) {
            begin_us = now;
        }
        count += echoed;
        if (now - begin_us >= (int64_t)seconds * 1000000) {
            return (double)count * 1e6 / (double)(now - begin_us);
        }
    }
}

int main(int argc, char **argv) {
    options_t options = {
        .peers = argc > 1 ? atoi(argv[1]) : 100,
        .depth = argc > 2 ? atoi(argv[2]) : 1,
        .seconds = argc > 3 ? atoi(argv[3]) : 2,
        .bytes = argc > 4 ? (size_t)atoi(argv[4]) : 256,
    };
    if (options.peers < 1 || options.peers > PEERS_MAX || options.depth < 1 ||
        options.seconds < 1 || options.bytes > BYTES_MAX) {
        (void)fprintf(stderr, "usage: dispatch_floor [peers [depth [seconds [bytes]]]]\n");
        return 2;
    }
    keys_t keys;
    check(zmq_curve_keypair(keys.server_public, keys.server_secret) == 0, "keys");
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) {
        perror("pipe");
        return 1;
    }
    pid_t child = fork(); /* before libzmq starts its threads */
    if (child == 0) {
        char endpoint[256] = {0};
        if (read(pipe_ends[0], endpoint, sizeof endpoint - 1) > 0) {
            run_peers(&options, &keys, endpoint);
        }
        _exit(1);
    }
    void *context = zmq_ctx_new();
    void *router = zmq_socket(context, ZMQ_ROUTER);
    check(router != NULL, "socket");
    set_int(router, ZMQ_CURVE_SERVER, 1);
    set_int(router, ZMQ_LINGER, 0);
    (void)zmq_setsockopt(router, ZMQ_CURVE_SECRETKEY, keys.server_secret, KEY_SIZE - 1);
    check(zmq_bind(router, "tcp://127.0.0.1:*") == 0, "bind");
    char endpoint[256];
    size_t size = sizeof endpoint;
    check(zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0, "endpoint");
    check(write(pipe_ends[1], endpoint, size) == (ssize_t)size, "pipe");
    double rate = measure(router, options.seconds);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    (void)zmq_close(router);
    (void)zmq_ctx_term(context);
    (void)printf("%.0f\n", rate);
    return 0;
}
