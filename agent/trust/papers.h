/*
 * papers.h: orders and tickets by their digest: asked from the coordinator in chunks, held in
 * memory until somebody has verified them, then kept as files, whose digest is computed again when
 * they are read back.
 *
 * What a digest names cannot be exchanged; whether it is to be believed is the caller's to find
 * out (court.h). Only what was believed reaches the disk, so that a coordinator cannot fill it.
 */
#ifndef DROVER_AGENT_TRUST_PAPERS_H
#define DROVER_AGENT_TRUST_PAPERS_H

#include "common/base/buffer.h"
#include "common/trust/ticket.h"

typedef struct papers papers_t;

enum {
    PAPERS_MOST = 256,                /* on their way or waiting to be verified */
    PAPERS_BYTES = 160 * 1024 * 1024, /* in memory, of all of them */
};

/* folder is made where missing. ERROR_IO, NO_MEMORY. */
MUST_CHECK status_t papers_new(const char *folder, papers_t **ret_papers, error_t *err);
void papers_destroy(papers_t **papers_p);
DEFINE_CLEANUP(papers_t, papers_destroy)

typedef enum papers_kind { PAPERS_ORDER, PAPERS_TICKET, PAPERS_KIND_COUNT } papers_kind_t;

typedef struct papers_name {
    papers_kind_t kind;
    digest_t digest; /* an order's id as a document, a ticket's digest */
} papers_name_t;

typedef enum papers_state {
    PAPERS_HERE,    /* *ret_bytes is it */
    PAPERS_COMING,  /* chunks are on their way */
    PAPERS_REFUSED, /* err says why: ORDER_MISSING, TRUST_DOCUMENT, BOUND, NO_MEMORY */
} papers_state_t;

/* Have a paper, or begin to fetch it. Borrowed until the next call of anything here. */
papers_state_t papers_get(papers_t *papers, const papers_name_t *name, const buffer_t **ret_bytes,
                          error_t *err);

/* A paper that is kept as a file, without asking anybody for it; NULL: none is. Borrowed until the
 * next call of anything here. */
const buffer_t *papers_kept(papers_t *papers, const papers_name_t *name);

/* It was verified: keep it as a file. Once its file is there it leaves memory. ERROR_IO, DISK_FULL.
 */
MUST_CHECK status_t papers_keep(papers_t *papers, const papers_name_t *name, error_t *err);

/* Keep a paper that came as a file of another folder and was verified. ERROR_IO, DISK_FULL. */
MUST_CHECK status_t papers_bring(papers_t *papers, const papers_name_t *name, const buffer_t *bytes,
                                 error_t *err);

/* It is not what it should be: forget it. Another job may ask for it anew. */
void papers_drop(papers_t *papers, const papers_name_t *name);

/* The next chunk to ask for; false where nothing is to be asked now. Lets go of what came and was
 * not asked for in a minute: its job ended before, and another would fetch it anew. */
typedef struct papers_want {
    digest_t digest;
    uint64_t offset;
} papers_want_t;
bool papers_want(papers_t *papers, int64_t boot_us, papers_want_t *ret_want);

/* A new connection: ask again for what was under way. */
void papers_reconnect(papers_t *papers);

/* Take a chunk in; one that was not asked for is passed over. */
typedef struct papers_chunk {
    digest_t digest;
    uint64_t offset;
    uint64_t total; /* 0: the coordinator does not have it */
    const void *data;
    size_t size;
} papers_chunk_t;
void papers_take(papers_t *papers, const papers_chunk_t *chunk);

/* Remove files that were last written before a time: no order lives longer than ORDER_LIFE_US, and
 * a ticket no longer than its order. */
void papers_forget(papers_t *papers, int64_t before_us);

#endif
