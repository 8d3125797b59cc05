/*
 * faultproxy.c: a proxy that loses a COMMIT's request or its reply, for tests.
 *
 *   faultproxy --upstream PATH|HOST:PORT [--listen PORT|PATH] [--control PATH]
 *              [--mode pass|cut-request|cut-reply|cut-race|pooler] [--nth N] [--every]
 *
 * Listens on 127.0.0.1 (port 0: a free one) or on a Unix socket, and says "ready PORT" or "ready
 * PATH" on stdout. A --listen or --upstream with a slash is a socket's path. The control socket
 * takes one line a connection and answers one:
 *   mode WORD [N [every]]   a new plan: strike the Nth COMMIT from now once, or every Nth
 *   stats                   "commits N struck N mode WORD"
 *   drop                    cut every connection now
 * No TLS passes (a client must not insist on it). SIGTERM ends it.
 */
#include "tests/integration/proxy/pair.h"

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PAIRS_MOST = 256, CHUNK = 65536, POLLS = 2 + 2 * PAIRS_MOST };

static pair_t pairs[PAIRS_MOST]; /* client 0: free */
static plan_t plan = {.nth = 1};
static const char *upstream;
static volatile sig_atomic_t ending;

static void on_term(int signal_number) {
    (void)signal_number;
    ending = 1;
}

static void die(const char *what) {
    (void)fprintf(stderr, "faultproxy: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- sockets ---- */

static struct sockaddr_un unix_address(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        die(path);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    return address;
}

static int listen_unix(const char *path) {
    struct sockaddr_un address = unix_address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, 64) != 0) {
        die(path);
    }
    return fd;
}

static int listen_tcp(const char *port, uint16_t *ret_port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(port)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        die("listen");
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static int connect_tcp(void) {
    char host[256];
    const char *colon = strrchr(upstream, ':');
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (colon == NULL || (size_t)(colon - upstream) >= sizeof host) {
        return -1;
    }
    memcpy(host, upstream, (size_t)(colon - upstream));
    host[colon - upstream] = '\0';
    if (getaddrinfo(host, colon + 1, &wanted, &found) != 0) {
        return -1;
    }
    int one = 1;
    int fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        (void)close(fd);
        fd = -1;
    }
    if (fd >= 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    freeaddrinfo(found);
    return fd;
}

static int connect_upstream(void) {
    if (strchr(upstream, '/') == NULL) {
        return connect_tcp();
    }
    struct sockaddr_un address = unix_address(upstream);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* The proxy's writes block: the tests' messages are small and their readers alive. */
static bool send_all(int fd, const uint8_t *bytes, size_t size) {
    while (size > 0) { /* each turn sends bytes, or ends */
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* ---- pairs ---- */

static void pair_close(pair_t *pair) {
    if (pair->client > 0) {
        (void)close(pair->client);
        (void)close(pair->server);
        stream_free(&pair->up);
        stream_free(&pair->down);
        *pair = (pair_t){0};
    }
}

static void pair_accept(int listener) {
    int one = 1;
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    int server = client < 0 ? -1 : connect_upstream();
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    for (int i = 0; server >= 0 && i < PAIRS_MOST; i++) {
        if (pairs[i].client == 0) {
            pairs[i].client = client;
            pairs[i].server = server;
            return;
        }
    }
    if (client >= 0) {
        (void)close(client);
    }
    if (server >= 0) {
        (void)close(server);
    }
}

/* Read what one side says, judge it, send on what may go. */
static void pair_move(pair_t *pair, bool upwards) {
    static uint8_t chunk[CHUNK];
    stream_t *stream = upwards ? &pair->up : &pair->down;
    ssize_t got = recv(upwards ? pair->client : pair->server, chunk, sizeof chunk, 0);
    if (got <= 0 || !stream_add(stream, chunk, (size_t)got)) {
        pair_close(pair);
        return;
    }
    size_t size = 0;
    verdict_t verdict = upwards ? pair_up(pair, &plan, &size) : pair_down(pair, &plan, &size);
    bool sent = send_all(upwards ? pair->server : pair->client, stream->bytes, size);
    stream_drop(stream, size);
    if (verdict == VERDICT_CUT || !sent) {
        pair_close(pair);
    }
}

/* ---- control ---- */

static void control_line(const char *line, char *answer, size_t size) {
    char word[32] = "";
    char every[8] = "";
    unsigned long long nth = 1;
    if (sscanf(line, "mode %31s %llu %7s", word, &nth, every) >= 1 &&
        fault_parse(word) != FAULT_COUNT && nth > 0) {
        plan = (plan_t){.fault = fault_parse(word), .nth = nth, .every = every[0] != '\0'};
        (void)snprintf(answer, size, "ok\n");
    } else if (strncmp(line, "stats", 5) == 0) {
        (void)snprintf(answer, size, "commits %llu struck %llu mode %s\n",
                       (unsigned long long)plan.commits, (unsigned long long)plan.struck,
                       fault_text(plan.fault));
    } else if (strncmp(line, "drop", 4) == 0) {
        for (int i = 0; i < PAIRS_MOST; i++) {
            pair_close(&pairs[i]);
        }
        (void)snprintf(answer, size, "ok\n");
    } else {
        (void)snprintf(answer, size, "error: mode WORD [N [every]] | stats | drop\n");
    }
}

static void control_accept(int listener) {
    char line[128];
    char answer[128];
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    ssize_t got = recv(fd, line, sizeof line - 1, 0);
    line[got < 0 ? 0 : got] = '\0';
    control_line(line, answer, sizeof answer);
    (void)send_all(fd, (const uint8_t *)answer, strlen(answer));
    (void)close(fd);
}

/* ---- loop ---- */

static void turn(int listener, int control) {
    struct pollfd polls[POLLS];
    for (int i = 0; i < PAIRS_MOST; i++) {
        bool used = pairs[i].client > 0;
        polls[2 * i] = (struct pollfd){.fd = used ? pairs[i].client : -1, .events = POLLIN};
        polls[2 * i + 1] = (struct pollfd){.fd = used ? pairs[i].server : -1, .events = POLLIN};
    }
    polls[2 * PAIRS_MOST] = (struct pollfd){.fd = listener, .events = POLLIN};
    polls[2 * PAIRS_MOST + 1] = (struct pollfd){.fd = control, .events = POLLIN};
    if (poll(polls, POLLS, -1) <= 0) {
        return;
    }
    /* The server first: what it said before a client left is the client's. */
    for (int i = 0; i < PAIRS_MOST; i++) {
        if (polls[2 * i + 1].revents != 0) {
            pair_move(&pairs[i], false);
        }
        if (polls[2 * i].revents != 0 && pairs[i].client == polls[2 * i].fd) {
            pair_move(&pairs[i], true);
        }
    }
    if (polls[2 * PAIRS_MOST].revents != 0) {
        pair_accept(listener);
    }
    if (polls[2 * PAIRS_MOST + 1].revents != 0) {
        control_accept(control);
    }
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"upstream", required_argument, NULL, 'u'},
        {"listen", required_argument, NULL, 'l'},
        {"control", required_argument, NULL, 'c'},
        {"mode", required_argument, NULL, 'm'},
        {"nth", required_argument, NULL, 'n'},
        {"every", no_argument, NULL, 'e'},
        {NULL, 0, NULL, 0},
    };
    const char *listen_at = "0";
    int control = -1;
    int option = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'u':
            upstream = optarg;
            break;
        case 'l':
            listen_at = optarg;
            break;
        case 'c':
            control = listen_unix(optarg);
            break;
        case 'm':
            plan.fault = fault_parse(optarg);
            break;
        case 'n':
            plan.nth = strtoull(optarg, NULL, 10);
            break;
        case 'e':
            plan.every = true;
            break;
        default:
            return 2;
        }
    }
    if (upstream == NULL || plan.fault == FAULT_COUNT || plan.nth == 0) {
        (void)fprintf(stderr, "faultproxy: see the head of faultproxy.c\n");
        return 2;
    }
    struct sigaction term = {.sa_handler = on_term};
    (void)sigaction(SIGTERM, &term, NULL);
    uint16_t port = 0;
    bool at_path = strchr(listen_at, '/') != NULL;
    int listener = at_path ? listen_unix(listen_at) : listen_tcp(listen_at, &port);
    (void)(at_path ? printf("ready %s\n", listen_at) : printf("ready %u\n", port));
    (void)fflush(stdout);
    while (!ending) {
        turn(listener, control);
    }
    return 0;
}
