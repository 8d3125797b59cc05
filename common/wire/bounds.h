/*
 * bounds.h: the numbers of the protocol. proto/PROTOCOL.md lists them for the reader; a test holds
 * the two together. Units stand in the names; what has none is a count.
 */
#ifndef DROVER_WIRE_BOUNDS_H
#define DROVER_WIRE_BOUNDS_H

#include "common/base/limits.h"

enum {
    /* Versions of the conversation that this program speaks. */
    WIRE_PROTOCOL_MIN = 1,
    WIRE_PROTOCOL_MAX = 1,

    /* Shape of one message, checked before anything is unpacked. */
    WIRE_DEPTH = 4,                     /* payload, and three messages inside each other */
    WIRE_FIELDS = 65536,                /* fields in a whole payload */
    WIRE_MEMORY_FACTOR = 16,            /* unpacked at most so many times the payload … */
    WIRE_MEMORY_BASE_BYTES = 64 * 1024, /* … and this much beside it */
    WIRE_TEXT_BYTES = 16 * 1024,        /* one text; names and labels have less, documents more */
    WIRE_CLUSTERS = LIMIT_CLUSTERS_PER_AGENT,
    WIRE_ATTEMPTS = 4096,          /* in a hello, a welcome or a cancel */
    WIRE_TENANTS = 1000,           /* in one part of an inventory */
    WIRE_APPLICATIONS = 32,        /* of one tenant */
    WIRE_LEFTOVERS = 16,           /* of one tenant, and of one cluster */
    WIRE_REPORTS = 256,            /* in one batch */
    WIRE_CONTEXTS = 8,             /* of one failure */
    WIRE_NOTES = 64,               /* of one report */
    WIRE_TERMS = 64,               /* in one batch of jobs */
    WIRE_JOBS = 256,               /* in one batch */
    WIRE_RESULTS = 32,             /* signed results beside one batch of reports */
    WIRE_TAKE_BACKS = 8,           /* take-backs beside one batch of reports */
    WIRE_PAPERS = 64,              /* documents in one message */
    WIRE_PAPER_BYTES = 520 * 1024, /* one document in a message */
    WIRE_PROOF_BYTES = 1024,       /* a tenant's proof */

    /* Sockets. */
    WIRE_HANDSHAKE_MS = 5000,
    WIRE_KEEPALIVE_S = 5,      /* of TCP: idle before a probe, and between two */
    WIRE_KEEPALIVE_PROBES = 2, /* without an answer */
    WIRE_UNHEARD_MS = 15000,   /* what was sent and is not acknowledged by the peer's kernel */
    WIRE_RECONNECT_MS = 200,
    WIRE_RECONNECT_MAX_MS = 10000,
    WIRE_PIPE_MESSAGES = 64,    /* high-water mark of a connection, each way */
    WIRE_QUEUE_MESSAGES = 1024, /* our own queue for one peer that reads too slowly */
    WIRE_QUEUE_BYTES = 8 * 1024 * 1024,
    WIRE_RETRY_MS = 10,      /* between two tries to empty such a queue */
    WIRE_WAKE_MESSAGES = 64, /* read at most so many before the loop goes on */
    WIRE_LINGER_MS = 250,    /* for a last word after a dialer's or asker's end */
    WIRE_CONNECT_MS = 5000,  /* an asker waits so long for a connection */
    WIRE_BACKLOG = 1024,
};

#endif
