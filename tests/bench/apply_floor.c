/*
 * apply_floor.c: what it costs at least to bring tenants forward: libpq and nothing else.
 *
 *     apply_floor MODE CONNECTIONS CONNINFO DIRECTORY < databases
 *
 * MODE is apply, undo=N or look. DIRECTORY holds V001__words.sql and their .undo.sql. CONNECTIONS
 * tenants are in hand at once, over non-blocking connections of one process. A migration is one
 * string and so one round trip: BEGIN, an advisory lock of the transaction, the script, a row of
 * floor_history (removed by an undo), COMMIT. look connects and asks for the highest position.
 * Prints seconds for all tenants, and milliseconds a tenant.
 */
#include <glob.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONNECTIONS_MAX = 256, STEPS_MAX = 1024, TENANTS_MAX = 100000, NAME_SIZE = 64 };

typedef struct slot {
    PGconn *conn; /* NULL: free */
    bool connected;
    short events;
    int step; /* of `steps`, under way */
} slot_t;

static char *steps[STEPS_MAX];
static int step_count;
static char (*tenants)[NAME_SIZE];
static int tenant_count;
static int tenant_next;

static void die(const char *what, const char *detail) {
    (void)fprintf(stderr, "apply_floor: %s: %s\n", what, detail);
    exit(1);
}

static double now_s(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static char *read_file(const char *path) {
    static char text[1 << 20];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        die("cannot open", path);
    }
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    return strdup(text);
}

static char *make_step(const char *path, int position, bool undo) {
    static char step[2 << 20];
    char *script = read_file(path);
    const char *name = strrchr(path, '/') + 1;
    int length =
        snprintf(step, sizeof step, "BEGIN;\nSELECT pg_advisory_xact_lock(4711);\n%s;\n", script);
    if (undo) {
        (void)snprintf(step + length, sizeof step - (size_t)length,
                       "DELETE FROM floor_history WHERE position = %d;\nCOMMIT", position);
    } else {
        (void)snprintf(step + length, sizeof step - (size_t)length,
                       "INSERT INTO floor_history (position, name, digest) VALUES (%d, '%.40s', "
                       "'\\x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff');\n"
                       "COMMIT",
                       position, name);
    }
    free(script);
    return strdup(step);
}

/* The forward scripts in order, or so many undo scripts from the last one back. */
static void make_steps(const char *directory, int undo) {
    char pattern[4096];
    glob_t found = {0};
    (void)snprintf(pattern, sizeof pattern, "%s/V*%s.sql", directory, undo > 0 ? ".undo" : "");
    if (glob(pattern, 0, NULL, &found) != 0) {
        die("no migrations", directory);
    }
    int total = 0;
    char *paths[STEPS_MAX];
    for (size_t i = 0; i < found.gl_pathc && total < STEPS_MAX; i++) {
        const char *name = strrchr(found.gl_pathv[i], '/');
        bool aside = strstr(name, ".verify.") != NULL || strstr(name, ".check.") != NULL ||
                     (undo == 0 && strstr(name, ".undo.") != NULL);
        if (!aside) {
            paths[total++] = found.gl_pathv[i];
        }
    }
    for (int i = 0; i < (undo > 0 ? undo : total); i++) {
        int at = undo > 0 ? total - 1 - i : i;
        steps[step_count++] = make_step(paths[at], at + 1, undo > 0);
    }
    globfree(&found);
}

static void read_tenants(void) {
    tenants = calloc(TENANTS_MAX, NAME_SIZE);
    char line[NAME_SIZE];
    while (tenants != NULL && tenant_count < TENANTS_MAX &&
           fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        memcpy(tenants[tenant_count++], line, sizeof line);
    }
}

static void send_step(slot_t *slot) {
    if (PQsendQuery(slot->conn, steps[slot->step]) != 1) {
        die("sending", PQerrorMessage(slot->conn));
    }
    slot->events = PQflush(slot->conn) == 1 ? POLLIN | POLLOUT : POLLIN;
}

/* The next tenant's connection, if there is one. */
static bool open_next(slot_t *slot, const char *conninfo) {
    if (tenant_next >= tenant_count) {
        return false;
    }
    const char *keys[] = {"dbname", "dbname", NULL};
    const char *values[] = {conninfo, tenants[tenant_next++], NULL};
    *slot = (slot_t){.conn = PQconnectStartParams(keys, values, 1), .events = POLLOUT};
    if (slot->conn == NULL || PQstatus(slot->conn) == CONNECTION_BAD) {
        die("connecting", PQerrorMessage(slot->conn));
    }
    return true;
}

static void connect_more(slot_t *slot) {
    switch (PQconnectPoll(slot->conn)) {
    case PGRES_POLLING_READING:
        slot->events = POLLIN;
        return;
    case PGRES_POLLING_WRITING:
        slot->events = POLLOUT;
        return;
    case PGRES_POLLING_OK:
        slot->connected = true;
        (void)PQsetnonblocking(slot->conn, 1);
        send_step(slot);
        return;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE:
        break;
    }
    die("connecting", PQerrorMessage(slot->conn));
}

/* True when the tenant is through. */
static bool serve(slot_t *slot) {
    if (!slot->connected) {
        connect_more(slot);
        return false;
    }
    if (PQconsumeInput(slot->conn) != 1 || PQflush(slot->conn) < 0) {
        die("reading", PQerrorMessage(slot->conn));
    }
    slot->events = POLLIN;
    while (PQisBusy(slot->conn) == 0) {
        PGresult *result = PQgetResult(slot->conn);
        if (result == NULL) {
            slot->step++;
            if (slot->step == step_count) {
                PQfinish(slot->conn);
                slot->conn = NULL;
                return true;
            }
            send_step(slot);
            return false;
        }
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            die(PQdb(slot->conn), PQresultErrorMessage(result));
        }
        PQclear(result);
    }
    return false;
}

static void run(int connections, const char *conninfo) {
    static slot_t slots[CONNECTIONS_MAX];
    struct pollfd polls[CONNECTIONS_MAX];
    int open = 0;
    for (int i = 0; i < connections; i++) {
        open += open_next(&slots[i], conninfo) ? 1 : 0;
    }
    while (open > 0) {
        for (int i = 0; i < connections; i++) {
            polls[i] = (struct pollfd){.fd = slots[i].conn == NULL ? -1 : PQsocket(slots[i].conn),
                                       .events = slots[i].events};
        }
        if (poll(polls, (nfds_t)connections, -1) < 0) {
            continue;
        }
        for (int i = 0; i < connections; i++) {
            if (polls[i].revents != 0 && serve(&slots[i]) && !open_next(&slots[i], conninfo)) {
                open--;
            }
        }
    }
}

int main(int argc, char **argv) {
    int connections = argc == 5 ? atoi(argv[2]) : 0;
    if (connections < 1 || connections > CONNECTIONS_MAX) {
        (void)fprintf(stderr, "usage: apply_floor apply|undo=N|look CONNECTIONS CONNINFO "
                              "DIRECTORY < databases\n");
        return 2;
    }
    if (strcmp(argv[1], "look") == 0) {
        steps[step_count++] = strdup("SELECT max(position) FROM floor_history");
    } else {
        make_steps(argv[4], strncmp(argv[1], "undo=", 5) == 0 ? atoi(argv[1] + 5) : 0);
    }
    read_tenants();
    double begin_s = now_s();
    run(connections, argv[3]);
    double took_s = now_s() - begin_s;
    (void)printf("%.6f %.4f\n", took_s, took_s * 1000 / (tenant_count > 0 ? tenant_count : 1));
    return 0;
}
