/* backup_pour.c: see backup_pour.h. */
#include "agent/backup/backup_pour.h"
#include "common/base/cleanup.h"

#include <zstd.h>

struct backup_pour {
    sealed_reader_t *reader;
    backup_outlet_t outlet;
    ZSTD_DStream *zstd;
    buffer_t compressed; /* opened, not yet decompressed */
    char *plain;
    size_t plain_room;
    uint64_t plain_bytes;
    bool frame_begun;
    bool frame_ended;
};

DEFINE_CLEANUP(backup_pour_t, backup_pour_destroy)
DEFINE_CLEANUP(sealed_reader_t, sealed_reader_destroy)

status_t backup_pour_new(sealed_reader_t **reader_p, const backup_outlet_t *outlet,
                         backup_pour_t **ret_pour, error_t *err) {
    CLEANUP(sealed_reader_destroy_p) sealed_reader_t *reader = TAKE(*reader_p);
    CLEANUP(backup_pour_destroy_p) backup_pour_t *pour = calloc(1, sizeof *pour);
    if (pour == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory to read a backup");
    }
    pour->outlet = *outlet;
    pour->plain_room = ZSTD_DStreamOutSize();
    pour->plain = malloc(pour->plain_room);
    pour->zstd = ZSTD_createDStream();
    if (pour->plain == NULL || pour->zstd == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory to read a backup");
    }
    pour->reader = TAKE(reader);
    *ret_pour = TAKE(pour);
    return STATUS_OK;
}

static status_t drain_plain(backup_pour_t *pour, size_t size, error_t *err) {
    pour->plain_bytes += size;
    return size > 0 ? pour->outlet.sink(pour->outlet.context, pour->plain, size, err) : STATUS_OK;
}

/* The frame must carry a checksum of its content. Source: RFC 8878, 3.1.1.1.1. */
static status_t begin_frame(backup_pour_t *pour, error_t *err) {
    enum { DESCRIPTOR_AT = 4, HAS_CHECKSUM = 1 << 2 };
    bool whole = pour->compressed.size > DESCRIPTOR_AT;
    if (!whole || ((unsigned char)pour->compressed.data[DESCRIPTOR_AT] & HAS_CHECKSUM) == 0) {
        return error_set(err, ERROR_BACKUP_CORRUPT, "the compressed content carries no checksum");
    }
    pour->frame_begun = true;
    return STATUS_OK;
}

/* Decompress what was opened so far. */
static status_t inflate(backup_pour_t *pour, error_t *err) {
    ZSTD_inBuffer in = {.src = pour->compressed.data, .size = pour->compressed.size, .pos = 0};
    if (!pour->frame_begun && in.size > 0) {
        TRY(begin_frame(pour, err));
    }
    bool full = false; /* the last call filled its room: more may wait inside */
    while (in.pos < in.size || full) {
        if (pour->frame_ended) {
            return error_set(err, ERROR_BACKUP_CORRUPT, "bytes follow the compressed content");
        }
        ZSTD_outBuffer out = {.dst = pour->plain, .size = pour->plain_room, .pos = 0};
        size_t left = ZSTD_decompressStream(pour->zstd, &out, &in);
        if (ZSTD_isError(left)) {
            return error_set(err, ERROR_BACKUP_CORRUPT, "the content does not decompress: %s",
                             ZSTD_getErrorName(left));
        }
        pour->frame_ended = left == 0;
        full = out.pos == out.size && !pour->frame_ended;
        TRY(drain_plain(pour, out.pos, err));
    }
    buffer_clear(&pour->compressed);
    return STATUS_OK;
}

status_t backup_pour(backup_pour_t *pour, const void *bytes, size_t size, error_t *err) {
    TRY(sealed_read(pour->reader, bytes, size, &pour->compressed, err));
    return inflate(pour, err);
}

status_t backup_pour_end(backup_pour_t *pour, backup_layers_t *ret_layers, error_t *err) {
    sealed_totals_t totals;
    TRY(sealed_read_end(pour->reader, &pour->compressed, &totals, err));
    TRY(inflate(pour, err));
    if (!pour->frame_ended) {
        return error_set(err, ERROR_BACKUP_CORRUPT, "the compressed content is not whole");
    }
    *ret_layers = (backup_layers_t){
        .plain_bytes = pour->plain_bytes,
        .compressed_bytes = totals.plain_bytes,
        .sealed_bytes = totals.sealed_bytes,
        .sealed = totals.sealed,
    };
    return STATUS_OK;
}

void backup_pour_destroy(backup_pour_t **pour_p) {
    backup_pour_t *pour = TAKE(*pour_p);
    if (pour != NULL) {
        sealed_reader_destroy(&pour->reader);
        (void)ZSTD_freeDStream(pour->zstd);
        buffer_free(&pour->compressed);
        free(pour->plain);
        free(pour);
    }
}

backup_layers_t backup_layers_of(const backup_manifest_t *manifest) {
    return (backup_layers_t){
        .plain_bytes = manifest->plain_bytes,
        .compressed_bytes = manifest->compressed_bytes,
        .sealed_bytes = manifest->sealed_bytes,
        .sealed = manifest->sealed,
    };
}

status_t backup_layers_compare(const backup_layers_t *expected, const backup_layers_t *found,
                               error_t *err) {
    const char *layer = NULL;
    if (expected->plain_bytes != found->plain_bytes) {
        layer = "dump";
    }
    if (expected->compressed_bytes != found->compressed_bytes) {
        layer = "compressed content";
    }
    if (expected->sealed_bytes != found->sealed_bytes ||
        !digest_equal(&expected->sealed, &found->sealed)) {
        layer = "sealed file";
    }
    if (layer != NULL) {
        return error_set(err, ERROR_BACKUP_CORRUPT,
                         "the %s differs in size or digest from what was written", layer);
    }
    return STATUS_OK;
}
