/* papers.c: see papers.h. Few are under way at a time: a list is enough. */
#include "agent/trust/papers.h"

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/whole.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096, ASK_AGAIN_S = 5, IDLE_S = 60 };

static const char *const ENDINGS[PAPERS_KIND_COUNT] = {
    [PAPERS_ORDER] = "order", [PAPERS_TICKET] = "ticket"};
static const size_t MOST[PAPERS_KIND_COUNT] = {
    [PAPERS_ORDER] = DOCUMENT_BYTES, [PAPERS_TICKET] = TICKET_BYTES};

typedef struct entry {
    papers_name_t name;
    buffer_t bytes; /* chunks so far, or all of it */
    bool whole;
    error_t why; /* why it was refused; ERROR_NONE while it may come */
    int64_t asked_boot_us;
    int64_t idle_boot_us; /* since when it is here and nobody takes it; 0: not noticed yet */
    struct entry *next;
} entry_t;

struct papers {
    char folder[PATH_SIZE];
    entry_t *entries;
    size_t count;
    buffer_t read; /* a file, as it was last read */
};

status_t papers_new(const char *folder, papers_t **ret_papers, error_t *err) {
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return error_set(err, ERROR_IO, "%s: %s", folder, strerror(errno));
    }
    papers_t *papers = calloc(1, sizeof *papers);
    if (papers == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory");
    }
    (void)snprintf(papers->folder, sizeof papers->folder, "%s", folder);
    *ret_papers = papers;
    return STATUS_OK;
}

/* The link that leads to an entry, so that it can be taken out; *link is NULL where there is none.
 */
static entry_t **find(papers_t *papers, const papers_name_t *name) {
    entry_t **link = &papers->entries;
    while (*link != NULL && ((*link)->name.kind != name->kind ||
                             !digest_equal(&(*link)->name.digest, &name->digest))) {
        link = &(*link)->next;
    }
    return link;
}

static void take_out(papers_t *papers, entry_t **link) {
    entry_t *entry = *link;
    *link = entry->next;
    papers->count--;
    buffer_free(&entry->bytes);
    free(entry);
}

void papers_destroy(papers_t **papers_p) {
    if (papers_p == NULL || *papers_p == NULL) {
        return;
    }
    papers_t *papers = *papers_p;
    while (papers->entries != NULL) {
        take_out(papers, &papers->entries);
    }
    buffer_free(&papers->read);
    free(papers);
    *papers_p = NULL;
}

/* ---- files ---- */

static void path_of(const papers_t *papers, const papers_name_t *name, char path[2 * PATH_SIZE]) {
    char text[DIGEST_TEXT_SIZE];
    (void)snprintf(path, 2 * PATH_SIZE, "%s/%s.%s", papers->folder,
                   digest_text(&name->digest, text), ENDINGS[name->kind]);
}

/* Whether these bytes are what the name says. */
static status_t check_digest(const papers_name_t *name, const buffer_t *bytes, error_t *err) {
    if (name->kind == PAPERS_TICKET) {
        digest_t found = ticket_digest(bytes->data, bytes->size);
        return digest_equal(&found, &name->digest)
                   ? STATUS_OK
                   : error_set(err, ERROR_TICKET_INVALID,
                               "the ticket is another than the one asked for");
    }
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(document_decode(bytes->data, bytes->size, &document, err));
    if (document->kind != DOCUMENT_ORDER || !digest_equal(&document->id, &name->digest)) {
        return error_set(err, ERROR_TRUST_DOCUMENT, "the order is another than the one asked for");
    }
    return STATUS_OK;
}

/* Anything wrong with the file means: fetch it again. */
static bool read_kept(papers_t *papers, const papers_name_t *name) {
    char path[2 * PATH_SIZE];
    error_t ignored = {0};
    CLEANUP(free_p) char *bytes = NULL;
    size_t size = 0;
    path_of(papers, name, path);
    whole_source_t source = {.path = path, .most_bytes = MOST[name->kind], .what = "a paper"};
    if (whole_read(&source, &bytes, &size, &ignored) != STATUS_OK) {
        return false;
    }
    buffer_free(&papers->read);
    papers->read.limit = MOST[name->kind];
    buffer_append(&papers->read, bytes, size);
    return !papers->read.failed && check_digest(name, &papers->read, &ignored) == STATUS_OK;
}

status_t papers_keep(papers_t *papers, const papers_name_t *name, error_t *err) {
    entry_t **link = find(papers, name);
    char path[2 * PATH_SIZE];
    if (*link == NULL || !(*link)->whole) {
        return STATUS_OK; /* it came from its file */
    }
    path_of(papers, name, path);
    FAILPOINT("agent.paper.verified"); /* in memory only */
    TRY(whole_replace(&(whole_target_t){.path = path, .mode = 0600}, (*link)->bytes.data,
                      (*link)->bytes.size, err));
    FAILPOINT("agent.paper.kept");
    take_out(papers, link);
    return STATUS_OK;
}

status_t papers_bring(papers_t *papers, const papers_name_t *name, const buffer_t *bytes,
                      error_t *err) {
    entry_t **link = find(papers, name);
    char path[2 * PATH_SIZE];
    path_of(papers, name, path);
    TRY(whole_replace(&(whole_target_t){.path = path, .mode = 0600}, bytes->data, bytes->size,
                      err));
    if (*link != NULL) { /* asked for before: nothing waits for it any more */
        take_out(papers, link);
    }
    return STATUS_OK;
}

void papers_drop(papers_t *papers, const papers_name_t *name) {
    entry_t **link = find(papers, name);
    char path[2 * PATH_SIZE];
    if (*link != NULL) {
        take_out(papers, link);
    }
    path_of(papers, name, path);
    (void)unlink(path);
}

void papers_forget(papers_t *papers, int64_t before_us) {
    DIR *folder = opendir(papers->folder);
    const struct dirent *item = NULL;
    while (folder != NULL && (item = readdir(folder)) != NULL) {
        char path[2 * PATH_SIZE];
        struct stat about;
        (void)snprintf(path, sizeof path, "%s/%s", papers->folder, item->d_name);
        if (item->d_name[0] != '.' && lstat(path, &about) == 0 && S_ISREG(about.st_mode) &&
            (int64_t)about.st_mtime * US_PER_S < before_us) {
            (void)unlink(path);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
}

/* ---- fetching ---- */

/* The oldest one that came and that nobody verified: its job ended before. */
static void make_room(papers_t *papers) {
    entry_t **oldest = NULL;
    for (entry_t **link = &papers->entries; *link != NULL; link = &(*link)->next) {
        bool idle = (*link)->whole || (*link)->why.code != ERROR_NONE;
        oldest = idle ? link : oldest;
    }
    if (oldest != NULL) {
        take_out(papers, oldest);
    }
}

static papers_state_t begin_fetch(papers_t *papers, const papers_name_t *name, error_t *err) {
    if (papers->count >= PAPERS_MOST) {
        make_room(papers);
    }
    if (papers->count >= PAPERS_MOST) {
        (void)error_set(err, ERROR_BOUND, "more than %d orders and tickets under way",
                        (int)PAPERS_MOST);
        err->retry = RETRY_TRANSIENT; /* others will have come by then */
        return PAPERS_REFUSED;
    }
    entry_t *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        (void)error_set(err, ERROR_NO_MEMORY, "out of memory");
        return PAPERS_REFUSED;
    }
    entry->name = *name;
    entry->bytes.limit = MOST[name->kind];
    entry->next = papers->entries;
    papers->entries = entry;
    papers->count++;
    return PAPERS_COMING;
}

papers_state_t papers_get(papers_t *papers, const papers_name_t *name, const buffer_t **ret_bytes,
                          error_t *err) {
    entry_t **link = find(papers, name);
    entry_t *entry = *link;
    if (entry == NULL && read_kept(papers, name)) {
        *ret_bytes = &papers->read;
        return PAPERS_HERE;
    }
    if (entry == NULL) {
        return begin_fetch(papers, name, err);
    }
    if (entry->whole) {
        entry->idle_boot_us = 0;
        *ret_bytes = &entry->bytes;
        return PAPERS_HERE;
    }
    if (entry->why.code == ERROR_NONE) {
        return PAPERS_COMING;
    }
    *err = entry->why;
    take_out(papers, link); /* another job may ask anew */
    return PAPERS_REFUSED;
}

const buffer_t *papers_kept(papers_t *papers, const papers_name_t *name) {
    return read_kept(papers, name) ? &papers->read : NULL;
}

/* What came, or was refused, after its job had ended: nobody would ever take it out. */
static void let_go(papers_t *papers, int64_t boot_us) {
    for (entry_t **link = &papers->entries; *link != NULL;) {
        entry_t *entry = *link;
        bool idle = entry->whole || entry->why.code != ERROR_NONE;
        if (idle && entry->idle_boot_us == 0) {
            entry->idle_boot_us = boot_us;
        }
        if (idle && boot_us - entry->idle_boot_us > IDLE_S * US_PER_S) {
            take_out(papers, link);
        } else {
            link = &entry->next;
        }
    }
}

bool papers_want(papers_t *papers, int64_t boot_us, papers_want_t *ret_want) {
    let_go(papers, boot_us);
    for (entry_t *entry = papers->entries; entry != NULL; entry = entry->next) {
        bool due =
            entry->asked_boot_us == 0 || boot_us - entry->asked_boot_us > ASK_AGAIN_S * US_PER_S;
        if (!entry->whole && entry->why.code == ERROR_NONE && due) {
            entry->asked_boot_us = boot_us;
            *ret_want = (papers_want_t){.digest = entry->name.digest, .offset = entry->bytes.size};
            return true;
        }
    }
    return false;
}

void papers_reconnect(papers_t *papers) {
    for (entry_t *entry = papers->entries; entry != NULL; entry = entry->next) {
        entry->asked_boot_us = 0;
    }
}

static size_t bytes_held(const papers_t *papers) {
    size_t held = 0;
    for (const entry_t *entry = papers->entries; entry != NULL; entry = entry->next) {
        held += entry->bytes.size;
    }
    return held;
}

static void take_chunk(papers_t *papers, entry_t *entry, const papers_chunk_t *chunk) {
    if (chunk->total == 0 || chunk->size == 0) {
        (void)error_set(&entry->why, ERROR_ORDER_MISSING, "the coordinator does not have the %s",
                        ENDINGS[entry->name.kind]);
        return;
    }
    if (chunk->total > MOST[entry->name.kind] || chunk->total < entry->bytes.size ||
        chunk->size > chunk->total - entry->bytes.size) {
        (void)error_set(&entry->why, ERROR_BOUND,
                        "the %s is larger than %zu bytes, or than it said",
                        ENDINGS[entry->name.kind], MOST[entry->name.kind]);
        return;
    }
    if (bytes_held(papers) + chunk->size > PAPERS_BYTES) {
        (void)error_set(&entry->why, ERROR_BOUND, "more than %d bytes of orders and tickets",
                        (int)PAPERS_BYTES);
        entry->why.retry = RETRY_TRANSIENT;
        return;
    }
    buffer_append(&entry->bytes, chunk->data, chunk->size);
    entry->asked_boot_us = 0;
    if (buffer_check(&entry->bytes, &entry->why) != STATUS_OK || entry->bytes.size < chunk->total) {
        return;
    }
    entry->whole = check_digest(&entry->name, &entry->bytes, &entry->why) == STATUS_OK;
    FAILPOINT("agent.paper.fetched");
}

void papers_take(papers_t *papers, const papers_chunk_t *chunk) {
    for (entry_t *entry = papers->entries; entry != NULL; entry = entry->next) {
        if (!entry->whole && entry->why.code == ERROR_NONE &&
            digest_equal(&entry->name.digest, &chunk->digest) &&
            chunk->offset == entry->bytes.size) {
            take_chunk(papers, entry, chunk);
            if (entry->why.code != ERROR_NONE) {
                buffer_free(&entry->bytes);
            }
        }
    }
}
