/*
 * pair.h: one client's connection through the proxy, as bytes and decisions; no I/O.
 *
 * Understands of the protocol what it takes to see a COMMIT pass: the framing of messages from both
 * sides, start-up packets, simple Query and Parse. Source: PostgreSQL manual, "Message Formats".
 */
#ifndef DROVER_TESTS_PROXY_PAIR_H
#define DROVER_TESTS_PROXY_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum fault {
    FAULT_PASS,        /* nothing */
    FAULT_CUT_REQUEST, /* the COMMIT does not reach the server; both sides are cut */
    FAULT_CUT_REPLY,   /* it does; when the reply arrives, both sides are cut instead */
    FAULT_CUT_RACE,    /* it does, and both sides are cut at once */
    FAULT_POOLER,      /* no cut: the server's process id is another in the cancel key */
    FAULT_COUNT
} fault_t;

typedef struct stream {
    uint8_t *bytes; /* held until a whole message is there */
    size_t size;
    size_t room;
    uint64_t passing; /* bytes of a long message that go through unseen */
} stream_t;

typedef struct pair {
    int client;
    int server;
    stream_t up;   /* client to server, not yet judged */
    stream_t down; /* server to client, not yet judged */
    bool started;  /* the StartupMessage is through */
    bool keyed;    /* BackendKeyData is through */
    bool swallow;  /* the next reply is the one to drop */
} pair_t;

/* Which COMMITs are struck: the nth from now (once), or every nth. */
typedef struct plan {
    fault_t fault;
    uint64_t nth;
    bool every;
    uint64_t commits; /* seen since the plan was set */
    uint64_t struck;
} plan_t;

typedef enum verdict { VERDICT_GO_ON, VERDICT_CUT, VERDICT_COUNT } verdict_t;

/* Take bytes in; false where there is no memory. */
bool stream_add(stream_t *stream, const uint8_t *bytes, size_t size);
void stream_free(stream_t *stream);

/*
 * Judge what has come from one side. *ret_size bytes at the front are to be sent on (call
 * stream_drop after that); CUT says that both sides are to be closed once they are sent.
 */
verdict_t pair_up(pair_t *pair, plan_t *plan, size_t *ret_size);
verdict_t pair_down(pair_t *pair, plan_t *plan, size_t *ret_size);
void stream_drop(stream_t *stream, size_t size);

/* "pass", "cut-request" …; FAULT_COUNT where the word is none. */
fault_t fault_parse(const char *word);
const char *fault_text(fault_t fault);

#endif
