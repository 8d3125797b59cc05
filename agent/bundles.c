/* bundles.c: see bundles.h. An agent works with few bundles: a list is enough. */
#include "agent/bundles.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/trust/release.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, ASK_AGAIN_S = 5 };

typedef struct entry {
    digest_t digest;
    bundle_t *bundle; /* NULL until it is here and believed */
    error_t why;      /* why it was refused; ERROR_NONE while it may come */
    buffer_t bytes;   /* chunks so far */
    int64_t asked_boot_us;
    struct entry *next;
} entry_t;

/* One that is believed no longer, while a job that began with it has it in hand. */
typedef struct outcast {
    bundle_t *bundle;
    struct outcast *next;
} outcast_t;

struct bundles {
    char folder[PATH_SIZE];
    const keeper_t *keeper;
    entry_t *entries;
    outcast_t *outcasts;
    uint64_t judged; /* keeper_changes by which the entries are believed */
};

status_t bundles_new(const char *folder, const keeper_t *keeper, bundles_t **ret_bundles,
                     error_t *err) {
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return error_set(err, ERROR_IO, "%s: %s", folder, strerror(errno));
    }
    bundles_t *bundles = calloc(1, sizeof *bundles);
    if (bundles == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory");
    }
    (void)snprintf(bundles->folder, sizeof bundles->folder, "%s", folder);
    bundles->keeper = keeper;
    bundles->judged = keeper_changes(keeper);
    *ret_bundles = bundles;
    return STATUS_OK;
}

static void release_outcasts(bundles_t *bundles, bundles_used_fn *used, const void *context) {
    outcast_t **link = &bundles->outcasts;
    while (*link != NULL) {
        outcast_t *outcast = *link;
        if (used != NULL && used(context, outcast->bundle)) {
            link = &outcast->next;
            continue;
        }
        *link = outcast->next;
        bundle_destroy(&outcast->bundle);
        free(outcast);
    }
}

void bundles_destroy(bundles_t **bundles_p) {
    if (bundles_p == NULL || *bundles_p == NULL) {
        return;
    }
    entry_t *next = NULL;
    for (entry_t *entry = (*bundles_p)->entries; entry != NULL; entry = next) {
        next = entry->next;
        bundle_destroy(&entry->bundle);
        buffer_free(&entry->bytes);
        free(entry);
    }
    release_outcasts(*bundles_p, NULL, NULL);
    free(*bundles_p);
    *bundles_p = NULL;
}

static void path_of(const bundles_t *bundles, const digest_t *digest, char path[2 * PATH_SIZE]) {
    char name[DIGEST_TEXT_SIZE];
    (void)snprintf(path, 2 * PATH_SIZE, "%s/%s.bundle", bundles->folder, digest_text(digest, name));
}

/* Whether it is the one asked for, and enough of the release keys signed it. */
static status_t believe(const bundles_t *bundles, const bundle_t *bundle, const digest_t *digest,
                        error_t *err) {
    trust_view_t view = keeper_view(bundles->keeper, clock_wall_us());
    release_t release;
    if (!digest_equal(bundle_digest(bundle), digest)) {
        return error_set(err, ERROR_BUNDLE_INVALID, "the bundle is another than the one asked for");
    }
    release_of(bundle, &release);
    return release_verify(&view, &release.claim, false, err);
}

/* Read back what an earlier fetch kept; anything wrong with it means: fetch it again. */
static void read_kept(bundles_t *bundles, entry_t *entry) {
    char path[2 * PATH_SIZE];
    error_t ignored = {0};
    bundle_t *bundle = NULL;
    path_of(bundles, &entry->digest, path);
    if (bundle_open(path, &bundle, &ignored) == STATUS_OK &&
        believe(bundles, bundle, &entry->digest, &ignored) == STATUS_OK) {
        entry->bundle = bundle;
        return;
    }
    bundle_destroy(&bundle);
}

static entry_t *find(bundles_t *bundles, const digest_t *digest) {
    for (entry_t *entry = bundles->entries; entry != NULL; entry = entry->next) {
        if (digest_equal(&entry->digest, digest)) {
            return entry;
        }
    }
    return NULL;
}

/* Believe it no longer: neither what is here nor the file counts, and it is fetched anew where a
 * job wants it, for others may have signed it since. */
static void cast_out(bundles_t *bundles, entry_t *entry) {
    char path[2 * PATH_SIZE];
    outcast_t *outcast = calloc(1, sizeof *outcast);
    if (outcast != NULL) { /* else its memory stays, and nobody gets it any more */
        *outcast = (outcast_t){.bundle = entry->bundle, .next = bundles->outcasts};
        bundles->outcasts = outcast;
    }
    entry->bundle = NULL;
    entry->asked_boot_us = 0;
    path_of(bundles, &entry->digest, path);
    (void)unlink(path);
}

/* Where trust changed since, every bundle that is kept is judged by it. */
static void judge_anew(bundles_t *bundles) {
    uint64_t changes = keeper_changes(bundles->keeper);
    error_t ignored = {0}; /* who asks for it next hears why */
    for (entry_t *entry = bundles->entries; changes != bundles->judged && entry != NULL;
         entry = entry->next) {
        if (entry->bundle != NULL &&
            believe(bundles, entry->bundle, &entry->digest, &ignored) != STATUS_OK) {
            cast_out(bundles, entry);
        }
    }
    bundles->judged = changes;
}

void bundles_sweep(bundles_t *bundles, bundles_used_fn *used, const void *context) {
    judge_anew(bundles);
    release_outcasts(bundles, used, context);
}

bundles_state_t bundles_get(bundles_t *bundles, const digest_t *digest, const bundle_t **ret_bundle,
                            error_t *err) {
    judge_anew(bundles);
    entry_t *entry = find(bundles, digest);
    if (entry == NULL) {
        entry = calloc(1, sizeof *entry);
        if (entry == NULL) {
            (void)error_set(err, ERROR_NO_MEMORY, "out of memory");
            return BUNDLES_REFUSED;
        }
        entry->digest = *digest;
        entry->bytes.limit = LIMIT_BUNDLE_BYTES;
        entry->next = bundles->entries;
        bundles->entries = entry;
        read_kept(bundles, entry);
    }
    if (entry->bundle != NULL) {
        *ret_bundle = entry->bundle;
        return BUNDLES_HERE;
    }
    if (entry->why.code == ERROR_NONE) {
        return BUNDLES_COMING;
    }
    *err = entry->why;
    error_clear(&entry->why); /* another job may ask anew: the bundle may have been signed since */
    buffer_clear(&entry->bytes);
    entry->asked_boot_us = 0;
    return BUNDLES_REFUSED;
}

bool bundles_want(bundles_t *bundles, int64_t boot_us, bundles_want_t *ret_want) {
    for (entry_t *entry = bundles->entries; entry != NULL; entry = entry->next) {
        bool due =
            entry->asked_boot_us == 0 || boot_us - entry->asked_boot_us > ASK_AGAIN_S * US_PER_S;
        if (entry->bundle == NULL && entry->why.code == ERROR_NONE && due) {
            entry->asked_boot_us = boot_us;
            *ret_want = (bundles_want_t){.digest = entry->digest, .offset = entry->bytes.size};
            return true;
        }
    }
    return false;
}

void bundles_reconnect(bundles_t *bundles) {
    for (entry_t *entry = bundles->entries; entry != NULL; entry = entry->next) {
        entry->asked_boot_us = 0;
    }
}

/* Every byte is here: read, believe, keep. */
static void complete(bundles_t *bundles, entry_t *entry) {
    char path[2 * PATH_SIZE];
    bundle_t *bundle = NULL;
    path_of(bundles, &entry->digest, path);
    if (bundle_read(entry->bytes.data, entry->bytes.size, &bundle, &entry->why) != STATUS_OK ||
        believe(bundles, bundle, &entry->digest, &entry->why) != STATUS_OK ||
        bundle_write(bundle, path, &entry->why) != STATUS_OK) {
        bundle_destroy(&bundle);
    }
    entry->bundle = bundle;
    buffer_free(&entry->bytes);
    entry->bytes.limit = LIMIT_BUNDLE_BYTES;
}

bool bundles_take(bundles_t *bundles, const bundles_chunk_t *chunk) {
    entry_t *entry = find(bundles, &chunk->digest);
    if (entry == NULL || entry->bundle != NULL || chunk->offset != entry->bytes.size) {
        return false;
    }
    if (chunk->total == 0 || chunk->total > LIMIT_BUNDLE_BYTES || chunk->size == 0) {
        (void)error_set(&entry->why, ERROR_BUNDLE_UNKNOWN,
                        "the coordinator does not have the bundle");
        return true;
    }
    buffer_append(&entry->bytes, chunk->data, chunk->size);
    entry->asked_boot_us = 0;
    if (entry->bytes.failed || entry->bytes.size > chunk->total) {
        (void)error_set(&entry->why, ERROR_BUNDLE_INVALID, "more bytes than the bundle has");
        return true;
    }
    if (entry->bytes.size == chunk->total) {
        complete(bundles, entry);
        return true;
    }
    return false;
}
