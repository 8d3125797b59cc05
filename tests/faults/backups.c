/*
 * backups.c: backups that were changed, cut, swapped or never finished, a thousand of them by a
 * seed: each is seen before anything relies on it. What reads them is what a check, a trial and a
 * restore read them with: the manifests' list and the pour.
 */
#include "agent/backup/backup_file.h"
#include "agent/backup/backup_pour.h"
#include "agent/backup/backup_store.h"
#include "common/base/clock.h"
#include "common/crypto/hash.h"
#include "tests/unit/agent/backup/fixture.h"

#include <stdlib.h>
#include <zstd.h>

enum { CONTENT = 60000, FILE_MOST = 2 * CONTENT, PIECE = 4096, TRIALS = 1000 };

/* What is done to a backup; each keeps the file's size where it can, so that only the content
 * tells. */
typedef enum damage {
    DAMAGE_NONE,
    DAMAGE_BIT,          /* one bit of the data */
    DAMAGE_CUT,          /* the end is gone */
    DAMAGE_CUT_FILLED,   /* the end is zeros */
    DAMAGE_APPENDED,     /* bytes behind the end */
    DAMAGE_BLOCKS,       /* two blocks have changed places */
    DAMAGE_NO_FINAL_TAG, /* the writer died: chunks without the last one, and a manifest of it */
    DAMAGE_SWAPPED,      /* another backup's data under this manifest */
    DAMAGE_SWAPPED_BOTH, /* another backup's data and manifest under this name */
    DAMAGE_OTHER_TENANT, /* another tenant's data */
    DAMAGE_MANIFEST_BIT, /* one bit of the manifest */
    DAMAGE_MANIFEST_CUT, /* the manifest's end is gone */
    DAMAGE_GONE,         /* the data is gone */
    DAMAGE_COUNT
} damage_t;

typedef struct made {
    backup_manifest_t manifest;
    backup_paths_t paths;
} made_t;

static char content[CONTENT];
static char frame[FILE_MOST];
static size_t frame_size;
static uint64_t seed;

static size_t draw(size_t most) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(seed >> 33) % most;
}

static size_t read_file(const char *path, char *bytes) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, FILE_MOST, file);
    (void)fclose(file);
    return size;
}

static void compress(void) {
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    (void)ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    frame_size = ZSTD_compress2(zstd, frame, sizeof frame, content, CONTENT);
    (void)ZSTD_freeCCtx(zstd);
    assert_false(ZSTD_isError(frame_size));
}

/* Seal the frame and sign its manifest. A writer that dies has sealed some of it, and whoever signs
 * for it says what stands in the file. */
static made_t make(ident_t tenant, bool dies) {
    error_t err;
    made_t made = {.manifest = fixture_manifest()};
    CLEANUP(buffer_free) buffer_t sealed = {0};
    CLEANUP(buffer_free) buffer_t file = {0};
    sealed_totals_t totals;
    sealed_writer_t *writer = NULL;
    backup_signer_t signer = fixture_signer();
    made.manifest.tenant_id = tenant;
    sealed_target_t target = {.ids = {made.manifest.backup_id, tenant},
                              .recipients = &fixture.seal_public,
                              .recipient_count = 1,
                              .chunk_bytes = SEALED_CHUNK_LEAST};
    assert_int_equal(sealed_writer_new(&target, &writer, &err), STATUS_OK);
    assert_int_equal(sealed_write(writer, frame, frame_size, &sealed, &err), STATUS_OK);
    size_t standing = sealed.size;
    assert_int_equal(sealed_write_end(writer, &sealed, &totals, &err), STATUS_OK);
    sealed_writer_destroy(&writer);
    made.manifest.plain_bytes = CONTENT;
    made.manifest.compressed_bytes = frame_size;
    made.manifest.sealed_bytes = dies ? standing : sealed.size;
    made.manifest.sealed = dies ? hash_of(HASH_BACKUP, sealed.data, standing) : totals.sealed;
    assert_int_equal(backup_paths_make(fixture.folder, &made.manifest, &made.paths, &err),
                     STATUS_OK);
    (void)snprintf(made.manifest.file, sizeof made.manifest.file, "%s",
                   strrchr(made.paths.data, '/') + 1);
    assert_int_equal(backup_file_make_folder(made.paths.folder, &err), STATUS_OK);
    assert_int_equal(backup_manifest_seal(&made.manifest, &signer, &file, &err), STATUS_OK);
    fixture_write(made.paths.manifest, file.data, file.size);
    fixture_write(made.paths.data, sealed.data, dies ? standing : sealed.size);
    return made;
}

static void swap_blocks(char *bytes, size_t size) {
    size_t blocks = size / PIECE;
    size_t one = draw(blocks);
    size_t two = (one + 1 + draw(blocks - 1)) % blocks;
    char aside[PIECE];
    memcpy(aside, bytes + one * PIECE, PIECE);
    memcpy(bytes + one * PIECE, bytes + two * PIECE, PIECE);
    memcpy(bytes + two * PIECE, aside, PIECE);
}

static void change_file(const char *path, damage_t damage) {
    static char bytes[FILE_MOST + PIECE];
    size_t size = read_file(path, bytes);
    size_t at = draw(size);
    switch (damage) {
    case DAMAGE_BIT:
    case DAMAGE_MANIFEST_BIT:
        bytes[at] = (char)(bytes[at] ^ (1 << draw(8)));
        break;
    case DAMAGE_CUT:
    case DAMAGE_MANIFEST_CUT:
        size = at;
        break;
    case DAMAGE_CUT_FILLED:
        memset(bytes + at, 0, size - at);
        break;
    case DAMAGE_APPENDED:
        size += 1 + draw(PIECE);
        break;
    case DAMAGE_BLOCKS:
        swap_blocks(bytes, size);
        break;
    case DAMAGE_NONE:
    case DAMAGE_NO_FINAL_TAG:
    case DAMAGE_SWAPPED:
    case DAMAGE_SWAPPED_BOTH:
    case DAMAGE_OTHER_TENANT:
    case DAMAGE_GONE:
    case DAMAGE_COUNT:
        fail();
    }
    fixture_write(path, bytes, size);
}

static void put_in_place(const char *from, const char *to) {
    static char bytes[FILE_MOST];
    size_t size = read_file(from, bytes);
    fixture_write(to, bytes, size);
}

static void damage_it(const made_t *made, damage_t damage) {
    switch (damage) {
    case DAMAGE_BIT:
    case DAMAGE_CUT:
    case DAMAGE_CUT_FILLED:
    case DAMAGE_APPENDED:
    case DAMAGE_BLOCKS:
        change_file(made->paths.data, damage);
        break;
    case DAMAGE_MANIFEST_BIT:
    case DAMAGE_MANIFEST_CUT:
        change_file(made->paths.manifest, damage);
        break;
    case DAMAGE_SWAPPED:
    case DAMAGE_SWAPPED_BOTH:
    case DAMAGE_OTHER_TENANT: {
        made_t other = make(damage == DAMAGE_OTHER_TENANT ? random_ident() : fixture.tenant, false);
        put_in_place(other.paths.data, made->paths.data);
        if (damage == DAMAGE_SWAPPED_BOTH) {
            put_in_place(other.paths.manifest, made->paths.manifest);
        }
        assert_int_equal(unlink(other.paths.data), 0);
        assert_int_equal(unlink(other.paths.manifest), 0);
        break;
    }
    case DAMAGE_GONE:
        assert_int_equal(unlink(made->paths.data), 0);
        break;
    case DAMAGE_NONE:
    case DAMAGE_NO_FINAL_TAG: /* it was made so */
    case DAMAGE_COUNT:
        break;
    }
}

static status_t take(void *context, const void *bytes, size_t size, error_t *err) {
    (void)context, (void)bytes, (void)size, (void)err;
    return STATUS_OK;
}

static status_t pour(const made_t *made, error_t *err) {
    static char bytes[FILE_MOST + PIECE];
    sealed_reader_t *reader = NULL;
    backup_pour_t *poured = NULL;
    backup_layers_t found;
    backup_layers_t expected = backup_layers_of(&made->manifest);
    backup_outlet_t outlet = {.sink = take};
    sealed_ids_t ids = {made->manifest.backup_id, made->manifest.tenant_id};
    sealed_opening_t opening = {
        .expect = &ids, .key = &fixture.seal_public, .secret = &fixture.seal_secret};
    size_t size = read_file(made->paths.data, bytes);
    assert_int_equal(sealed_reader_new(&opening, &reader, err), STATUS_OK);
    assert_int_equal(backup_pour_new(&reader, &outlet, &poured, err), STATUS_OK);
    status_t status = STATUS_OK;
    for (size_t at = 0; status == STATUS_OK && at < size; at += PIECE) {
        status = backup_pour(poured, bytes + at, size - at < PIECE ? size - at : PIECE, err);
    }
    if (status == STATUS_OK) {
        status = backup_pour_end(poured, &found, err);
    }
    backup_pour_destroy(&poured);
    return status != STATUS_OK ? status : backup_layers_compare(&expected, &found, err);
}

/* Whether a whole backup of this name is found, and it can be read from end to end. */
static bool is_relied_on(const made_t *made) {
    error_t err = {0};
    backup_trust_t trust = fixture_trust();
    CLEANUP(backup_list_free) backup_list_t list = {0};
    assert_int_equal(backup_list_read(fixture.folder, &fixture.tenant, &trust, &list, &err),
                     STATUS_OK);
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.entries[i].path, made->paths.manifest) == 0 &&
            list.entries[i].state == BACKUP_PRESENT) {
            return pour(made, &err) == STATUS_OK;
        }
    }
    return false;
}

static void try_one(damage_t damage) {
    made_t made = make(fixture.tenant, damage == DAMAGE_NO_FINAL_TAG);
    damage_it(&made, damage);
    if (is_relied_on(&made) != (damage == DAMAGE_NONE)) {
        fail_msg("damage %d, seed %llu: %s", damage, (unsigned long long)seed,
                 damage == DAMAGE_NONE ? "a whole backup is refused" : "it is relied on");
    }
    (void)unlink(made.paths.data);
    (void)unlink(made.paths.manifest);
}

static void test_damaged(void **state) {
    (void)state;
    seed = (uint64_t)clock_wall_us();
    print_message("seed %llu\n", (unsigned long long)seed);
    for (size_t i = 0; i < CONTENT; i++) {
        content[i] = (char)draw(256);
    }
    compress();
    try_one(DAMAGE_NONE);
    for (int trial = 0; trial < TRIALS; trial++) {
        try_one((damage_t)(1 + trial % (DAMAGE_COUNT - 1)));
    }
    try_one(DAMAGE_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_damaged)};
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
