/*
 * shim.c: faults at the durable writes and the sends of a program that is started with this library
 * in LD_PRELOAD. The programs themselves know nothing of it, so that what is tested is what ships.
 *
 *     FAULT_COUNTS=FILE      counters of all that passes, shared by the program and its children;
 *                            behind them a number: nothing counts or strikes while it is 0; and
 *                            behind that, where FAULT_AT is not given, a fault as four numbers
 *                            that may change while the program runs (PLACE and OP from 0, ACTION
 *                            as in the list below, from 1; 0 is none)
 *     FAULT_AT=PLACE:OP:N:ACTION
 *     FAULT_CHAOS=SEED:PERMILLE
 *
 * PLACE is catalog, journal, backup, paper, bundle (by the file's path) or wire; OP is write, sync,
 * rename or send. ACTION, at the Nth: kill-before, kill-after, stop-before, stop-after (SIGKILL,
 * SIGSTOP), eio, enospc (that one fails), full (it and all later ones fail with ENOSPC).
 * FAULT_CHAOS loses, doubles or holds back until the next but one so many of 1000 messages: from
 * outside nobody can, since CURVE drops a connection that was tampered with.
 *
 * Sources: ld.so(8), pwrite(2), zmq_send(3). SQLite calls pwrite64 and fdatasync.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zmq.h>

enum {
    PLACES = 6,
    OPS = 4,
    ARMED = PLACES * OPS,
    AIMED = ARMED + 1, /* place, op, number, action */
    WORDS = AIMED + 4,
    PATH_BYTES = 4096,
    HELD_BYTES = 1 << 20,
    ROUTE_BYTES = 256
};

static const char *const places[PLACES] = {"catalog", "journal", "backup",
                                           "paper",   "bundle",  "wire"};
static const char *const marks[PLACES - 1] = {"/catalog.sqlite", "/journal.sqlite", "/backups/",
                                              "/papers/", "/bundles/"};
static const char *const ops[OPS] = {"write", "sync", "rename", "send"};

typedef struct fault {
    int place;
    int op;
    uint64_t at;
    const char *action;
} fault_t;

typedef struct held {
    char route[ROUTE_BYTES];
    size_t route_size;
    char *bytes;
    size_t size;
    int wait; /* sends until it goes out; 0: nothing is held */
} held_t;

static _Atomic uint64_t *counters;
static fault_t given = {.place = -1};
static uint64_t chaos_state;
static unsigned chaos_permille;
static held_t held;

static int index_of(const char *const *names, int count, const char *word, size_t size) {
    for (int i = 0; i < count; i++) {
        if (strlen(names[i]) == size && strncmp(names[i], word, size) == 0) {
            return i;
        }
    }
    (void)fprintf(stderr, "shim: no '%.*s'\n", (int)size, word);
    _exit(99);
}

static const char *const actions[] = {"",           "kill-before", "kill-after", "stop-before",
                                      "stop-after", "eio",         "enospc",     "full"};

/* The one that was given, or the one that is aimed now. */
static fault_t current(void) {
    uint64_t action = atomic_load(&counters[AIMED + 3]);
    if (given.place >= 0 || action == 0 || action >= sizeof actions / sizeof actions[0]) {
        return given;
    }
    return (fault_t){.place = (int)atomic_load(&counters[AIMED]),
                     .op = (int)atomic_load(&counters[AIMED + 1]),
                     .at = atomic_load(&counters[AIMED + 2]),
                     .action = actions[action]};
}

static void read_fault(const char *text) {
    const char *op = strchr(text, ':') + 1;
    const char *number = strchr(op, ':') + 1;
    char *action = NULL;
    given.place = index_of(places, PLACES, text, (size_t)(op - 1 - text));
    given.op = index_of(ops, OPS, op, (size_t)(number - 1 - op));
    given.at = strtoull(number, &action, 10);
    given.action = action + 1;
}

__attribute__((constructor)) static void begin(void) {
    static _Atomic uint64_t own[WORDS];
    const char *path = getenv("FAULT_COUNTS");
    const char *at = getenv("FAULT_AT");
    const char *chaos = getenv("FAULT_CHAOS");
    counters = own;
    own[ARMED] = 1;
    if (path != NULL) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        void *seen = fd < 0 ? MAP_FAILED
                            : mmap(NULL, WORDS * sizeof(uint64_t), PROT_READ | PROT_WRITE,
                                   MAP_SHARED, fd, 0);
        if (seen != MAP_FAILED) {
            counters = seen;
        }
        (void)close(fd);
    }
    if (at != NULL) {
        read_fault(at);
    }
    if (chaos != NULL) {
        char *end = NULL;
        chaos_state = strtoull(chaos, &end, 10) * 2 + 1;
        chaos_permille = (unsigned)strtoul(end + 1, NULL, 10);
    }
}

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        _exit(98);
    }
    return found;
}

/* ---- the fault ---- */

static int place_of_path(const char *path) {
    for (int i = 0; i < PLACES - 1; i++) {
        if (strstr(path, marks[i]) != NULL) {
            return i;
        }
    }
    return -1;
}

static int place_of_file(int fd) {
    char link[64];
    char path[PATH_BYTES];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0 || path[0] != '/') {
        return -1;
    }
    path[size] = '\0';
    return place_of_path(path);
}

static void end_here(const fault_t *fault, int number) {
    char line[100];
    int size =
        snprintf(line, sizeof line, "fault %s:%s@%llu %s pid %d\n", places[fault->place],
                 ops[fault->op], (unsigned long long)fault->at, fault->action, (int)getpid());
    (void)syscall(SYS_write, 2, line, (size_t)size);
    (void)raise(number);
}

/* Counts; true where this one is to fail, with errno set. *ret_hit: what to do after it. */
static bool before(int place, int op, const char **ret_hit) {
    *ret_hit = NULL;
    if (place < 0 || atomic_load(&counters[ARMED]) == 0) {
        return false;
    }
    const fault_t fault = current();
    uint64_t number = atomic_fetch_add(&counters[place * OPS + op], 1) + 1;
    if (place != fault.place || op != fault.op || number < fault.at) {
        return false;
    }
    if (strcmp(fault.action, "full") == 0) {
        errno = ENOSPC;
        return true;
    }
    if (number != fault.at) {
        return false;
    }
    if (strcmp(fault.action, "eio") == 0 || strcmp(fault.action, "enospc") == 0) {
        errno = fault.action[1] == 'i' ? EIO : ENOSPC;
        return true;
    }
    if (strcmp(fault.action, "kill-before") == 0) {
        end_here(&fault, SIGKILL);
    } else if (strcmp(fault.action, "stop-before") == 0) {
        end_here(&fault, SIGSTOP);
    }
    *ret_hit = fault.action;
    return false;
}

static void after(const char *hit) {
    const fault_t fault = current();
    if (hit != NULL && strcmp(hit, "kill-after") == 0) {
        end_here(&fault, SIGKILL);
    } else if (hit != NULL && strcmp(hit, "stop-after") == 0) {
        end_here(&fault, SIGSTOP);
    }
}

/* ---- files ---- */

ssize_t write(int fd, const void *bytes, size_t size) {
    const char *hit = NULL;
    if (before(place_of_file(fd), 0, &hit)) {
        return -1;
    }
    ssize_t done = syscall(SYS_write, fd, bytes, size);
    int saved = errno;
    after(hit);
    errno = saved;
    return done;
}

static ssize_t write_at(int fd, const void *bytes, size_t size, off_t at) {
    const char *hit = NULL;
    if (before(place_of_file(fd), 0, &hit)) {
        return -1;
    }
    ssize_t done = syscall(SYS_pwrite64, fd, bytes, size, at);
    int saved = errno;
    after(hit);
    errno = saved;
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
    return write_at(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
    return write_at(fd, bytes, size, at);
}

static int sync_by(long number, int fd) {
    const char *hit = NULL;
    if (before(place_of_file(fd), 1, &hit)) {
        return -1;
    }
    int done = (int)syscall(number, fd);
    after(hit);
    return done;
}

int fsync(int fd) {
    return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd) {
    return sync_by(SYS_fdatasync, fd);
}

int rename(const char *from, const char *to) {
    const char *hit = NULL;
    if (before(place_of_path(to), 2, &hit)) {
        return -1;
    }
    int done = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0U);
    after(hit);
    return done;
}

/* ---- messages: one frame at a DEALER, route and frame at a ROUTER ---- */

typedef int (*send_t)(void *socket, const void *bytes, size_t size, int flags);

static unsigned draw(unsigned most) {
    chaos_state = chaos_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(chaos_state >> 33) % most;
}

static char route[ROUTE_BYTES];
static size_t route_size;

static int send_whole(send_t send, void *socket, const char *bytes, size_t size, int flags) {
    if (route_size > 0 && send(socket, route, route_size, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        return -1;
    }
    return send(socket, bytes, size, flags);
}

static void let_go(send_t send, void *socket, int flags) {
    if (held.wait == 0 || --held.wait > 0) {
        return;
    }
    bool sent = held.route_size == 0 ||
                send(socket, held.route, held.route_size, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0;
    if (sent) {
        (void)send(socket, held.bytes, held.size, flags);
    }
    free(held.bytes);
    held.bytes = NULL;
}

static void hold(const char *bytes, size_t size) {
    memcpy(held.route, route, route_size);
    held.route_size = route_size;
    held.bytes = malloc(size);
    if (held.bytes != NULL) {
        memcpy(held.bytes, bytes, size);
        held.size = size;
        held.wait = 2;
    }
}

static int send_in_chaos(send_t send, void *socket, const char *bytes, size_t size, int flags) {
    int done = (int)size;
    switch (draw(1000) < chaos_permille ? draw(3) : 3U) {
    case 0: /* lost */
        break;
    case 1:
        done = send_whole(send, socket, bytes, size, flags);
        (void)send_whole(send, socket, bytes, size, flags);
        break;
    case 2:
        if (held.wait == 0 && size < HELD_BYTES) {
            hold(bytes, size);
            return done;
        }
        done = send_whole(send, socket, bytes, size, flags);
        break;
    default:
        done = send_whole(send, socket, bytes, size, flags);
        break;
    }
    let_go(send, socket, flags);
    return done;
}

int zmq_send(void *socket, const void *bytes, size_t size, int flags) {
    static send_t send;
    int type = 0;
    size_t type_size = sizeof type;
    const char *hit = NULL;
    if (send == NULL) {
        void *found = next("zmq_send");
        memcpy(&send, &found, sizeof send);
    }
    (void)zmq_getsockopt(socket, ZMQ_TYPE, &type, &type_size);
    if (type != ZMQ_DEALER && type != ZMQ_ROUTER) {
        return send(socket, bytes, size, flags);
    }
    if ((flags & ZMQ_SNDMORE) != 0 && size <= ROUTE_BYTES && chaos_permille > 0) {
        memcpy(route, bytes, size); /* goes out with what follows it */
        route_size = size;
        return (int)size;
    }
    if ((flags & ZMQ_SNDMORE) != 0) {
        return send(socket, bytes, size, flags);
    }
    (void)before(PLACES - 1, 3, &hit);
    int done = chaos_permille > 0 ? send_in_chaos(send, socket, bytes, size, flags)
                                  : send(socket, bytes, size, flags);
    int saved = errno;
    after(hit);
    errno = saved;
    return done;
}
