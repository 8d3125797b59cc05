/*
 * bundles.c: bundles in and out, by the chunk. What an operator pushes is gathered in one file of
 * its own beside the bundles, one at a time per operator, and becomes a bundle only when every
 * digest in it is right and it continues what is known of its application.
 */
#include "common/wire/field.h"
#include "common/migration/bundle.h"
#include "coordinator/link/internal.h"
#include "coordinator/store/store_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UPLOADS_MOST = 64 };

struct upload {
    upload_t *next; /* newest first */
    curve_public_t key;
    digest_t digest;
    uint64_t total;
    uint64_t received;
    int fd;
    char *path;
};

/* ------------------------------------------------------------------ uploads */

static void upload_free(upload_t *upload) {
    if (upload->fd >= 0) {
        (void)close(upload->fd);
    }
    if (upload->path != NULL) {
        (void)unlink(upload->path);
    }
    free(upload->path);
    free(upload);
}

void bundles_free(hub_t *self) {
    while (self->uploads != NULL) {
        upload_t *upload = self->uploads;
        self->uploads = upload->next;
        upload_free(upload);
    }
}

static void drop(hub_t *self, upload_t *upload) {
    upload_t **link = &self->uploads;
    while (*link != upload) {
        INVARIANT(*link != NULL);
        link = &(*link)->next;
    }
    *link = upload->next;
    upload_free(upload);
}

/* The upload of this operator, or NULL; makes room for another one where there are too many. */
static upload_t *find_upload(hub_t *self, const curve_public_t *key) {
    int count = 0;
    upload_t *last = NULL;
    for (upload_t *upload = self->uploads; upload != NULL; upload = upload->next) {
        if (curve_public_equal(&upload->key, key)) {
            return upload;
        }
        last = upload;
        count++;
    }
    if (count >= UPLOADS_MOST) {
        drop(self, last);
    }
    return NULL;
}

static status_t begin_upload(hub_t *self, const curve_public_t *key, const Drover__BundlePut *put,
                             upload_t **ret_upload, error_t *err) {
    char name[CURVE_TEXT_SIZE];
    upload_t *upload = calloc(1, sizeof *upload);
    if (upload == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for an upload");
    }
    upload->fd = -1;
    if (asprintf(&upload->path, "%s/%s.upload", self->options.config->bundles,
                 curve_public_text(key, name)) < 0) {
        upload->path = NULL;
        upload_free(upload);
        return error_set(err, ERROR_NO_MEMORY, "out of memory for an upload");
    }
    upload->fd = open(upload->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (upload->fd < 0) {
        int number = errno;
        (void)error_set(err, number == ENOSPC ? ERROR_DISK_FULL : ERROR_IO,
                        "cannot create '%s': %s", upload->path, strerror(number));
        upload_free(upload);
        return STATUS_ERROR;
    }
    upload->key = *key;
    upload->digest = field_digest(put->digest);
    upload->total = put->total;
    upload->next = self->uploads;
    self->uploads = upload;
    *ret_upload = upload;
    return STATUS_OK;
}

static status_t write_chunk(upload_t *upload, const Drover__BundlePut *put, error_t *err) {
    for (size_t done = 0; done < put->data.len;) {
        ssize_t wrote = pwrite(upload->fd, put->data.data + done, put->data.len - done,
                               (off_t)(upload->received + done));
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            int number = errno;
            return error_set(err, number == ENOSPC || number == EDQUOT ? ERROR_DISK_FULL : ERROR_IO,
                             "cannot write '%s': %s", upload->path, strerror(number));
        }
        done += (size_t)wrote;
    }
    upload->received += put->data.len;
    return STATUS_OK;
}

static status_t check_put(const Drover__BundlePut *put, error_t *err) {
    if (put->total > LIMIT_BUNDLE_BYTES) {
        return error_set(err, ERROR_BOUND, "a bundle of %" PRIu64 " bytes, more than %d",
                         put->total, LIMIT_BUNDLE_BYTES);
    }
    if (put->total == 0 || put->offset > put->total || put->data.len > put->total - put->offset ||
        (put->data.len == 0 && put->offset < put->total)) {
        return error_set(err, ERROR_INVALID,
                         "a chunk of %zu bytes at %" PRIu64 " of a bundle of %" PRIu64,
                         put->data.len, put->offset, put->total);
    }
    return STATUS_OK;
}

/* ------------------------------------------------------------------ a bundle that is whole */

typedef struct newest {
    bool found;
    digest_t digest;
    int64_t size_bytes;
} newest_t;

static status_t note_newest(void *context, const bundle_row_t *row, error_t *err) {
    (void)err;
    newest_t *newest = context;
    if (!newest->found) {
        *newest = (newest_t){.found = true, .digest = row->digest, .size_bytes = row->size_bytes};
    }
    return STATUS_OK;
}

static status_t open_stored(hub_t *self, const newest_t *newest, bundle_t **ret_bundle,
                            error_t *err) {
    CLEANUP(free_p) uint8_t *bytes = malloc((size_t)newest->size_bytes + 1);
    if (bytes == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a bundle");
    }
    bundle_part_t part = {
        .digest = newest->digest, .buffer = bytes, .room = (size_t)newest->size_bytes};
    bundle_part_read_t read = {0};
    TRY(store_bundle_read(self->options.store, &part, &read, err));
    return bundle_read(bytes, read.size, ret_bundle, err);
}

/* An applied file never changes: the longer of the two must hold all of the shorter one. */
static status_t check_continues(hub_t *self, const bundle_t *bundle, error_t *err) {
    newest_t newest = {0};
    TRY(store_bundle_each(self->options.store, bundle_application(bundle), note_newest, &newest,
                          err));
    if (!newest.found || digest_equal(&newest.digest, bundle_digest(bundle))) {
        return STATUS_OK;
    }
    CLEANUP(bundle_destroy_p) bundle_t *known = NULL;
    TRY(open_stored(self, &newest, &known, err));
    return bundle_count(known) <= bundle_count(bundle) ? bundle_compare(known, bundle, err)
                                                       : bundle_compare(bundle, known, err);
}

static status_t audit_push(hub_t *self, const listener_message_t *from, const bundle_row_t *row,
                           error_t *err) {
    char digest[DIGEST_TEXT_SIZE];
    char detail[512];
    (void)snprintf(detail, sizeof detail, "%.128s@%.128s, %" PRIu32 " migrations, digest %s",
                   row->application, row->head, row->migrations, digest_text(&row->digest, digest));
    audit_row_t audit = {.actor = from->peer->name,
                         .origin = from->address,
                         .action = "bundle.push",
                         .result = "ok",
                         .detail = detail};
    return hub_audit(self, &audit, err);
}

static status_t accept_bundle(hub_t *self, const listener_message_t *from, const upload_t *upload,
                              error_t *err) {
    CLEANUP(bundle_destroy_p) bundle_t *bundle = NULL;
    TRY(bundle_open(upload->path, &bundle, err));
    if (!digest_equal(bundle_digest(bundle), &upload->digest)) {
        return error_set(err, ERROR_BUNDLE_INVALID,
                         "the bundle that came in has another digest than was said");
    }
    TRY(check_continues(self, bundle, err));
    size_t count = bundle_count(bundle);
    text_span_t bytes = bundle_bytes(bundle);
    bundle_row_t row = {.digest = upload->digest,
                        .application = bundle_application(bundle),
                        .head = count > 0 ? bundle_migration(bundle, count - 1)->version : "",
                        .migrations = (uint32_t)count,
                        .size_bytes = (int64_t)bytes.size,
                        .signatures = (uint32_t)bundle_signer_count(bundle),
                        .pushed_by = from->peer->name,
                        .pushed_us = self->now_us};
    bool is_new = false;
    TRY(hub_begin(self, err));
    TRY(store_bundle_put(self->options.store, &row, bytes.bytes, &is_new, err));
    return audit_push(self, from, &row, err);
}

/* ------------------------------------------------------------------ messages */

static void answer_put(hub_t *self, const listener_message_t *from, uint32_t number,
                       uint64_t received, bool complete) {
    char document[96];
    (void)snprintf(document, sizeof document, "{\"received\": %" PRIu64 ", \"complete\": %s}",
                   received, complete ? "true" : "false");
    Drover__Answer answer = DROVER__ANSWER__INIT;
    answer.number = number;
    answer.document = document;
    hub_reply(self, from, DROVER__KIND__KIND_ANSWER, &answer.base, number);
}

/* Take a chunk; ret_received says how far the upload is, ret_complete that it is a bundle now. */
static status_t put_chunk(hub_t *self, const listener_message_t *from, const Drover__BundlePut *put,
                          uint64_t *ret_received, bool *ret_complete, error_t *err) {
    TRY(check_put(put, err));
    digest_t digest = field_digest(put->digest);
    upload_t *upload = find_upload(self, &from->peer->key);
    if (upload != NULL &&
        (!digest_equal(&upload->digest, &digest) || upload->total != put->total)) {
        drop(self, upload);
        upload = NULL;
    }
    if (upload == NULL) {
        TRY(begin_upload(self, &from->peer->key, put, &upload, err));
    }
    if (put->offset == upload->received && write_chunk(upload, put, err) != STATUS_OK) {
        drop(self, upload);
        return STATUS_ERROR;
    }
    *ret_received = upload->received;
    *ret_complete = false;
    if (upload->received == upload->total) {
        status_t status = accept_bundle(self, from, upload, err);
        drop(self, upload);
        *ret_complete = status == STATUS_OK;
        return status;
    }
    return STATUS_OK;
}

status_t bundles_put(hub_t *self, const listener_message_t *from, const Drover__BundlePut *put,
                     error_t *err) {
    (void)err;
    uint64_t received = 0;
    bool complete = false;
    error_t refusal = {0};
    if (put_chunk(self, from, put, &received, &complete, &refusal) == STATUS_OK) {
        answer_put(self, from, put->number, received, complete);
        return STATUS_OK;
    }
    /* a write that failed has spoiled the transaction, and its commit says so */
    log_warning("bundle refused", "actor", from->peer->name, "code", error_code_text(refusal.code),
                "reason", refusal.message);
    questions_fail(self, from, put->number, &refusal);
    return STATUS_OK;
}

status_t bundles_want(hub_t *self, const listener_message_t *from, const Drover__BundleWant *want,
                      error_t *err) {
    CLEANUP(free_p) uint8_t *data = malloc(LIMIT_CHUNK_BYTES);
    if (data == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a chunk");
    }
    bundle_part_t part = {.digest = field_digest(want->digest),
                          .offset = want->offset,
                          .buffer = data,
                          .room = LIMIT_CHUNK_BYTES};
    bundle_part_read_t read = {0};
    error_t problem = {0};
    if (store_bundle_read(self->options.store, &part, &read, &problem) != STATUS_OK) {
        log_warning("bundle not read", "peer", from->peer->name, "code",
                    error_code_text(problem.code), "reason", problem.message);
    }
    Drover__BundleChunk chunk = DROVER__BUNDLE_CHUNK__INIT;
    chunk.digest = want->digest;
    chunk.offset = want->offset;
    chunk.total = read.total; /* 0: there is no such bundle here */
    chunk.data = field_of_bytes(data, read.size);
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(codec_seal(DROVER__KIND__KIND_BUNDLE_CHUNK, &chunk.base, NULL, &bytes, err));
    /* depends on nothing that is still to be committed: bundles' files never change */
    (void)hub_send_now(self, &from->peer->key, &bytes);
    return STATUS_OK;
}
