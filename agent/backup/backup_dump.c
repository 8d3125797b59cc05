/*
 * backup_dump.c: one backup, from pg_dump to the signed manifest.
 *
 * Order of processes and threads: the reader (backup_readback.h) and pg_dump are forked first;
 * then zstd gets two threads of its own: about as much as one pg_dump can feed, where cores are
 * idle, while this one seals and writes. Same bytes come out whatever the timing.
 *
 * TAG_FINAL is written only after pg_dump has exited with 0: a dump that broke off can never be
 * read as a whole one. On any error the partial files are removed; on a kill they stay, with the
 * suffix that backup_sweep looks for. Source: zstd manual, "Advanced compression API".
 */
#include "agent/backup/backup_file.h"
#include "agent/backup/backup_pour.h"
#include "agent/backup/backup_readback.h"
#include "agent/backup/backup_rights.h"
#include "agent/backup/backup_steps.h"
#include "agent/backup/backup_store.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <zstd.h>

enum {
    READ_BYTES = 1024 * 1024,
    COMPRESSED_BYTES = 1024 * 1024,
    COMPRESSORS = 2,
    FLUSH_BYTES = 2 * 1024 * 1024, /* writeback starts this early: the reader waits for it */
};

typedef struct dump {
    const backup_order_t *order;
    backup_paths_t paths;
    backup_manifest_t manifest;
    int fd;
    bool finished; /* the final names stand: nothing to remove */
    uint64_t written;
    uint64_t flushed;
    sealed_writer_t *writer;
    ZSTD_CCtx *zstd;
    char *plain;
    char *compressed;
    buffer_t sealed;
    uint64_t plain_bytes;
    backup_process_t pg_dump;
    backup_readback_t readback;
    char options[3][512];
} dump_t;

static void dump_free(dump_t *dump) {
    backup_tool_drop(&dump->pg_dump);
    backup_readback_drop(&dump->readback);
    sealed_writer_destroy(&dump->writer);
    (void)ZSTD_freeCCtx(dump->zstd);
    buffer_free(&dump->sealed);
    free(dump->plain);
    free(dump->compressed);
    if (dump->fd >= 0) {
        if (!dump->finished) {
            /* The manifest first: without it the rest is plainly unfinished. */
            (void)unlink(dump->paths.manifest_partial);
            (void)unlink(dump->paths.manifest);
            (void)unlink(dump->paths.data_partial);
        }
        (void)close(dump->fd);
    }
}

/* --- making ready ---------------------------------------------------------------------------- */

static status_t open_file(dump_t *dump, error_t *err) {
    const backup_order_t *order = dump->order;
    TRY(backup_paths_make(order->dir, &dump->manifest, &dump->paths, err));
    if (order->room_bytes > 0) {
        TRY(backup_room(order->dir, order->room_bytes, err));
    }
    TRY(backup_file_make_folder(dump->paths.folder, err));
    (void)snprintf(dump->manifest.file, sizeof dump->manifest.file, "%s",
                   strrchr(dump->paths.data, '/') + 1);
    dump->fd = open(dump->paths.data_partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (dump->fd < 0) {
        return backup_file_error(err, "create", dump->paths.data_partial);
    }
    /* Held for as long as we live: the sweep passes over it. */
    if (flock(dump->fd, LOCK_EX | LOCK_NB) != 0) {
        return backup_file_error(err, "lock", dump->paths.data_partial);
    }
    return STATUS_OK;
}

static status_t make_zstd(dump_t *dump, error_t *err) {
    int level = dump->order->level != 0 ? (int)dump->order->level : BACKUP_LEVEL;
    dump->zstd = ZSTD_createCCtx();
    dump->plain = malloc(READ_BYTES);
    dump->compressed = malloc(COMPRESSED_BYTES);
    if (dump->zstd == NULL || dump->plain == NULL || dump->compressed == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a backup");
    }
    if (ZSTD_isError(ZSTD_CCtx_setParameter(dump->zstd, ZSTD_c_compressionLevel, level)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(dump->zstd, ZSTD_c_checksumFlag, 1))) {
        return error_set(err, ERROR_INTERNAL, "zstd takes no level %d", level);
    }
    /* A zstd without threads refuses this one, and works all the same. */
    (void)ZSTD_CCtx_setParameter(dump->zstd, ZSTD_c_nbWorkers, COMPRESSORS);
    return STATUS_OK;
}

static status_t start_readback(dump_t *dump, error_t *err) {
    const backup_order_t *order = dump->order;
    sealed_reader_t *reader = NULL;
    sealed_ids_t ids = {.backup = dump->manifest.backup_id, .tenant = dump->manifest.tenant_id};
    sealed_opening_t opening = {
        .expect = &ids, .key = &order->seal_public, .secret = &order->secrets->seal};
    /* With the agent's own key the header's sealed box is tried too. */
    if (order->has_seal) {
        TRY(sealed_reader_new(&opening, &reader, err));
    } else {
        TRY(sealed_reader_of_writer(dump->writer, &reader, err));
    }
    backup_readback_source_t source = {
        .path = dump->paths.data_partial, .programs = &order->programs, .reader_p = &reader};
    status_t status = backup_readback_start(&source, &dump->readback, err);
    sealed_reader_destroy(&reader);
    return status;
}

static status_t start_pg_dump(dump_t *dump, error_t *err) {
    const backup_order_t *order = dump->order;
    char path[PATH_MAX];
    CLEANUP(free_p) char *database = NULL;
    (void)snprintf(path, sizeof path, "%s/pg_dump", order->programs.bin_dir);
    if (asprintf(&database, "--dbname=%s", order->connection.conninfo) < 0) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a backup");
    }
    backup_tool_t tool = {
        .path = path,
        .argv = {path, "--format=custom", "--compress=0", "--no-password", "--no-sync", database},
        .connection = &order->connection,
        .output = BACKUP_OUTPUT_PIPE};
    size_t count = 6;
    if (order->connection.role != NULL) {
        (void)snprintf(dump->options[0], sizeof dump->options[0], "--role=%s",
                       order->connection.role);
        tool.argv[count++] = dump->options[0];
    }
    if (order->lock_wait_ms > 0) {
        (void)snprintf(dump->options[1], sizeof dump->options[1], "--lock-wait-timeout=%" PRId64,
                       order->lock_wait_ms);
        tool.argv[count++] = dump->options[1];
    }
    return backup_tool_start(&tool, &dump->pg_dump, err);
}

static status_t prepare(dump_t *dump, error_t *err) {
    TRY(backup_tool_check(&dump->order->programs, "pg_dump", dump->manifest.tool_version, err));
    TRY(open_file(dump, err));
    sealed_target_t target = {
        .ids = {.backup = dump->manifest.backup_id, .tenant = dump->manifest.tenant_id},
        .recipients = dump->manifest.recipients,
        .recipient_count = (size_t)dump->manifest.recipient_count,
    };
    TRY(sealed_writer_new(&target, &dump->writer, err));
    TRY(make_zstd(dump, err));
    TRY(start_readback(dump, err));
    return start_pg_dump(dump, err);
}

/* --- the stream ------------------------------------------------------------------------------ */

/* Put what was sealed into the file, and tell the reader. */
static status_t put_sealed(dump_t *dump, error_t *err) {
    if (dump->sealed.size == 0) {
        return STATUS_OK;
    }
    backup_write_t what = {.fd = dump->fd,
                           .path = dump->paths.data_partial,
                           .bytes = dump->sealed.data,
                           .size = dump->sealed.size};
    TRY(backup_file_write(&what, err));
    dump->written += dump->sealed.size;
    buffer_clear(&dump->sealed);
    if (dump->written - dump->flushed >= FLUSH_BYTES) {
        (void)sync_file_range(dump->fd, (off_t)dump->flushed,
                              (off_t)(dump->written - dump->flushed), SYNC_FILE_RANGE_WRITE);
        dump->flushed = dump->written;
    }
    backup_readback_tell(&dump->readback, dump->written);
    return STATUS_OK;
}

/* Give zstd size bytes of dump->plain; at the end of the dump, all of its output is taken. */
static status_t compress(dump_t *dump, size_t size, ZSTD_EndDirective end, error_t *err) {
    ZSTD_inBuffer in = {.src = dump->plain, .size = size, .pos = 0};
    size_t left = 1;
    while (in.pos < in.size || (end == ZSTD_e_end && left != 0)) {
        ZSTD_outBuffer out = {.dst = dump->compressed, .size = COMPRESSED_BYTES, .pos = 0};
        left = ZSTD_compressStream2(dump->zstd, &out, &in, end);
        if (ZSTD_isError(left)) {
            return error_set(err, ERROR_BACKUP_FAILED, "zstd failed: %s", ZSTD_getErrorName(left));
        }
        TRY(sealed_write(dump->writer, dump->compressed, out.pos, &dump->sealed, err));
        TRY(put_sealed(dump, err));
    }
    return STATUS_OK;
}

/* Fill dump->plain as far as it goes without waiting for more than the first byte. */
static status_t read_some(dump_t *dump, size_t *ret_size, error_t *err) {
    for (;;) {
        ssize_t n = read(dump->pg_dump.out, dump->plain, READ_BYTES);
        if (n >= 0) {
            *ret_size = (size_t)n;
            return STATUS_OK;
        }
        if (errno != EINTR) {
            return backup_file_error(err, "read from", "pg_dump");
        }
    }
}

static status_t take_dump(dump_t *dump, error_t *err) {
    for (;;) {
        size_t size = 0;
        TRY(read_some(dump, &size, err));
        if (size == 0) {
            return STATUS_OK;
        }
        TRY(compress(dump, size, ZSTD_e_continue, err));
        dump->plain_bytes += size;
    }
}

/* Whether it failed for lack of rights, so that no other try can end otherwise: as a server says it
 * that speaks English, or as its catalogs have it, whatever it speaks. */
static bool is_denied(const dump_t *dump, const char *complaint) {
    return strstr(complaint, "permission denied") != NULL ||
           strstr(complaint, "row-level security policy") != NULL ||
           backup_rights_lack(&dump->order->connection);
}

static status_t check_pg_dump(dump_t *dump, error_t *err) {
    char complaint[ERROR_FIELD_MAX];
    int code = backup_tool_wait(&dump->pg_dump);
    if (code == 0 && dump->plain_bytes > 0) {
        return STATUS_OK;
    }
    backup_tool_complaint(&dump->pg_dump, "pg_dump", complaint, sizeof complaint);
    return error_set(err, is_denied(dump, complaint) ? ERROR_BACKUP_DENIED : ERROR_BACKUP_FAILED,
                     "pg_dump ended with %d: %s", code,
                     complaint[0] != '\0' ? complaint : "no message");
}

/* --- the end --------------------------------------------------------------------------------- */

static status_t seal_end(dump_t *dump, backup_layers_t *ret_layers, error_t *err) {
    sealed_totals_t totals;
    TRY(compress(dump, 0, ZSTD_e_end, err));
    TRY(sealed_write_end(dump->writer, &dump->sealed, &totals, err));
    TRY(put_sealed(dump, err));
    FAILPOINT("agent.backup.written");
    if (fsync(dump->fd) != 0) {
        return backup_file_error(err, "sync", dump->paths.data_partial);
    }
    FAILPOINT("agent.backup.synced");
    *ret_layers = (backup_layers_t){
        .plain_bytes = dump->plain_bytes,
        .compressed_bytes = totals.plain_bytes,
        .sealed_bytes = totals.sealed_bytes,
        .sealed = totals.sealed,
    };
    return STATUS_OK;
}

static status_t write_manifest(dump_t *dump, error_t *err) {
    CLEANUP(buffer_free) buffer_t file = {0};
    const char *path = dump->paths.manifest_partial;
    backup_signer_t signer = {.key = &dump->order->sign_public,
                              .secret = &dump->order->secrets->sign};
    TRY(backup_manifest_seal(&dump->manifest, &signer, &file, err));
    CLEANUP(close_p) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return backup_file_error(err, "create", path);
    }
    backup_write_t what = {.fd = fd, .path = path, .bytes = file.data, .size = file.size};
    TRY(backup_file_write(&what, err));
    return fsync(fd) == 0 ? STATUS_OK : backup_file_error(err, "sync", path);
}

/* Manifest first, then data, with a sync between: see backup_store.h. */
static status_t publish(dump_t *dump, error_t *err) {
    const backup_paths_t *paths = &dump->paths;
    TRY(write_manifest(dump, err));
    FAILPOINT("agent.backup.manifest-written");
    if (rename(paths->manifest_partial, paths->manifest) != 0) {
        return backup_file_error(err, "rename", paths->manifest_partial);
    }
    TRY(backup_file_sync_folder(paths->folder, err));
    FAILPOINT("agent.backup.manifest-named");
    if (rename(paths->data_partial, paths->data) != 0) {
        return backup_file_error(err, "rename", paths->data_partial);
    }
    dump->finished = true;
    return backup_file_sync_folder(paths->folder, err);
}

static void note_layers(backup_manifest_t *manifest, const backup_layers_t *layers) {
    manifest->plain_bytes = layers->plain_bytes;
    manifest->compressed_bytes = layers->compressed_bytes;
    manifest->sealed_bytes = layers->sealed_bytes;
    manifest->sealed = layers->sealed;
}

static status_t run(dump_t *dump, backup_result_t *result, error_t *err) {
    backup_layers_t written;
    backup_layers_t found;
    TRY(prepare(dump, err));
    FAILPOINT("agent.backup.begun");
    TRY(take_dump(dump, err));
    TRY(check_pg_dump(dump, err));
    TRY(seal_end(dump, &written, err));
    TRY(backup_readback_end(&dump->readback, &found, &result->list_entries, err));
    TRY(backup_layers_compare(&written, &found, err));
    FAILPOINT("agent.backup.read-back");
    note_layers(&dump->manifest, &written);
    dump->manifest.finished_us = clock_wall_us();
    TRY(publish(dump, err));
    FAILPOINT("agent.backup.published");
    result->manifest = dump->manifest;
    (void)snprintf(result->path, sizeof result->path, "%s", dump->paths.manifest);
    return STATUS_OK;
}

status_t backup_dump_run(const backup_order_t *order, backup_result_t *result, error_t *err) {
    CLEANUP(free_p) dump_t *dump = calloc(1, sizeof *dump);
    if (dump == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a backup");
    }
    dump->order = order;
    dump->manifest = order->facts;
    dump->fd = -1;
    dump->pg_dump = BACKUP_PROCESS_NONE;
    dump->readback = BACKUP_READBACK_NONE;
    status_t status = run(dump, result, err);
    dump_free(dump);
    return status;
}
