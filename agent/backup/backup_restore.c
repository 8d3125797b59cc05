/*
 * backup_restore.c: reading a backup that stands: into pg_restore, or only to see that it is whole.
 *
 * A restore goes into an empty database that the caller made and drops where this fails: pg_restore
 * is fed before the last chunk is proven, so nothing that it did counts until STATUS_OK.
 */
#include "agent/backup/backup_file.h"
#include "agent/backup/backup_listing.h"
#include "agent/backup/backup_pour.h"
#include "agent/backup/backup_steps.h"
#include "agent/backup/backup_store.h"
#include "common/base/failpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { READ_BYTES = 1024 * 1024 };

DEFINE_CLEANUP(backup_pour_t, backup_pour_destroy)

static void listing_drop(backup_listing_t *listing) {
    backup_tool_drop(&listing->process);
}

/* The manifest, verified, and the file that it is about. */
typedef struct source {
    backup_manifest_t manifest;
    char path[PATH_MAX];
} source_t;

static status_t find_source(const backup_order_t *order, source_t *source, error_t *err) {
    backup_trust_t trust = {.keys = order->trusted, .count = order->trusted_count};
    TRY(backup_manifest_read(order->manifest_path, &trust, &source->manifest, err));
    TRY(backup_data_path(order->manifest_path, source->path, err));
    const char *slash = strrchr(source->path, '/');
    if (slash == NULL || strcmp(slash + 1, source->manifest.file) != 0) {
        return error_set(err, ERROR_BACKUP_CORRUPT, "%s is the manifest of another file",
                         order->manifest_path);
    }
    return STATUS_OK;
}

/* Pour the whole file into a sink and compare it with the manifest. */
static status_t pour_source(const backup_order_t *order, const source_t *source, backup_sink_t sink,
                            void *context, error_t *err) {
    CLEANUP(backup_pour_destroy_p) backup_pour_t *pour = NULL;
    CLEANUP(close_p) int fd = open(source->path, O_RDONLY | O_CLOEXEC);
    CLEANUP(free_p) char *bytes = malloc(READ_BYTES);
    if (fd < 0) {
        return backup_file_error(err, "open", source->path);
    }
    if (bytes == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory to read a backup");
    }
    sealed_reader_t *reader = NULL;
    sealed_ids_t ids = {.backup = source->manifest.backup_id, .tenant = source->manifest.tenant_id};
    sealed_opening_t opening = {
        .expect = &ids, .key = &order->seal_public, .secret = &order->secrets->seal};
    TRY(sealed_reader_new(&opening, &reader, err));
    backup_outlet_t outlet = {.sink = sink, .context = context};
    TRY(backup_pour_new(&reader, &outlet, &pour, err));
    for (;;) {
        ssize_t n = read(fd, bytes, READ_BYTES);
        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            return backup_file_error(err, "read", source->path);
        }
        if (n > 0) {
            TRY(backup_pour(pour, bytes, (size_t)n, err));
        }
    }
    backup_layers_t found;
    backup_layers_t expected = backup_layers_of(&source->manifest);
    TRY(backup_pour_end(pour, &found, err));
    return backup_layers_compare(&expected, &found, err);
}

status_t backup_check_run(const backup_order_t *order, backup_result_t *result, error_t *err) {
    CLEANUP(free_p) source_t *source = calloc(1, sizeof *source);
    CLEANUP(listing_drop) backup_listing_t listing = {.process = BACKUP_PROCESS_NONE};
    if (source == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory to read a backup");
    }
    TRY(find_source(order, source, err));
    TRY(backup_listing_start(&order->programs, &listing, err));
    if (pour_source(order, source, backup_listing_feed, &listing, err) != STATUS_OK) {
        return error_context(err, "reading %s", source->manifest.file);
    }
    TRY(backup_listing_end(&listing, &result->list_entries, err));
    result->manifest = source->manifest;
    return STATUS_OK;
}

/* --- restore --------------------------------------------------------------------------------- */

typedef struct restoring {
    backup_process_t process;
    bool refused; /* pg_restore takes no more: it has all it wants, or it failed */
} restoring_t;

static void restoring_drop(restoring_t *restoring) {
    backup_tool_drop(&restoring->process);
}

static status_t feed_restore(void *context, const void *bytes, size_t size, error_t *err) {
    restoring_t *restoring = context;
    const char *at = bytes;
    while (size > 0 && !restoring->refused) {
        ssize_t n = write(restoring->process.in, at, size);
        if (n < 0 && errno == EPIPE) {
            restoring->refused = true;
        } else if (n < 0 && errno != EINTR) {
            return error_set(err, ERROR_IO, "cannot feed pg_restore: %s", strerror(errno));
        } else if (n > 0) {
            at += n;
            size -= (size_t)n;
        }
    }
    return STATUS_OK;
}

static status_t start_pg_restore(const backup_order_t *order, restoring_t *restoring,
                                 error_t *err) {
    char path[PATH_MAX];
    char role[512];
    CLEANUP(free_p) char *database = NULL;
    (void)snprintf(path, sizeof path, "%s/pg_restore", order->programs.bin_dir);
    if (asprintf(&database, "--dbname=%s", order->connection.conninfo) < 0) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a restore");
    }
    backup_tool_t tool = {
        .path = path,
        .argv = {path, "--format=custom", "--exit-on-error", "--no-password", database},
        .connection = &order->connection,
        .feed = true,
        .output = BACKUP_OUTPUT_KEPT};
    size_t count = 5;
    if (order->connection.role != NULL) {
        (void)snprintf(role, sizeof role, "--role=%s", order->connection.role);
        tool.argv[count++] = role;
    }
    if (order->owner_is_role) {
        tool.argv[count++] = "--no-owner";
    }
    if (order->no_privileges) {
        tool.argv[count++] = "--no-privileges";
    }
    return backup_tool_start(&tool, &restoring->process, err);
}

/* pg_restore's own failure says more than what it did to our pipe. */
static status_t end_pg_restore(restoring_t *restoring, error_t *err) {
    char complaint[ERROR_FIELD_MAX];
    backup_tool_end_input(&restoring->process);
    int code = backup_tool_wait(&restoring->process);
    if (code == 0) {
        return STATUS_OK;
    }
    backup_tool_complaint(&restoring->process, "pg_restore", complaint, sizeof complaint);
    return error_set(err, ERROR_RESTORE_FAILED, "pg_restore ended with %d: %s", code,
                     complaint[0] != '\0' ? complaint : "no message");
}

status_t backup_restore_run(const backup_order_t *order, backup_result_t *result, error_t *err) {
    char version[BACKUP_TEXT_MAX];
    CLEANUP(free_p) source_t *source = calloc(1, sizeof *source);
    CLEANUP(restoring_drop) restoring_t restoring = {.process = BACKUP_PROCESS_NONE};
    if (source == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory to read a backup");
    }
    TRY(find_source(order, source, err));
    if (!ident_equal(&source->manifest.tenant_id, &order->tenant_id)) {
        return error_set(err, ERROR_TENANT_MISMATCH, "%s is a backup of another tenant (%s)",
                         source->manifest.file, source->manifest.tenant_name);
    }
    TRY(backup_tool_check(&order->programs, "pg_restore", version, err));
    TRY(start_pg_restore(order, &restoring, err));
    FAILPOINT("agent.backup.restoring");
    if (pour_source(order, source, feed_restore, &restoring, err) != STATUS_OK) {
        return error_context(err, "reading %s", source->manifest.file);
    }
    TRY(end_pg_restore(&restoring, err));
    result->manifest = source->manifest;
    return STATUS_OK;
}
