/*
 * bundles.c: bundles in and out, by the chunk. What an operator pushes is gathered in one file of
 * its own beside the bundles, one at a time per operator, and becomes a bundle only when its proof
 * (bundle_proof.h) says so: here and now for a small one, on a thread for a large one, one at a
 * time.
 */
#include "common/wire/field.h"
#include "coordinator/link/bundle_proof.h"
#include "coordinator/link/internal.h"
#include "coordinator/store/store_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    UPLOADS_MOST = 64,
    PROOF_HERE_BYTES = 4 * 1024 * 1024, /* some 20 ms of the loop's time */
    ADDRESS_SIZE = 64,
};

/* Whoever waits for the answer to a last chunk. */
typedef struct pusher {
    zap_peer_t peer;
    route_t route;
    char address[ADDRESS_SIZE];
    uint32_t number;
} pusher_t;

struct upload {
    upload_t *next; /* newest first */
    curve_public_t key;
    digest_t digest;
    uint64_t total;
    uint64_t received;
    int fd;
    char *path;
    bool whole;      /* its proof is awaited */
    pusher_t pusher; /* where it is */
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
    bundle_prover_destroy(&self->prover);
    self->proving = NULL;
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
    if (self->proving == upload) {
        self->proving = NULL; /* what its proof says is of no interest any more */
    }
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

static listener_message_t asked_by(const pusher_t *pusher) {
    return (listener_message_t){
        .peer = &pusher->peer, .route = pusher->route, .address = pusher->address};
}

static status_t note_known(void *context, const bundle_row_t *row, error_t *err) {
    bundle_proof_task_t *task = context;
    for (size_t i = 0; i < task->known_count; i++) {
        if (strcmp(task->known[i].application, row->application) == 0) {
            return STATUS_OK; /* the newest came first */
        }
    }
    bundle_proof_known_t *known =
        realloc(task->known, (task->known_count + 1) * sizeof *task->known);
    if (known == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for the applications");
    }
    task->known = known;
    known[task->known_count] = (bundle_proof_known_t){.digest = row->digest};
    (void)snprintf(known[task->known_count].application, sizeof known->application, "%s",
                   row->application);
    task->known_count++;
    return STATUS_OK;
}

static status_t make_task(hub_t *self, const upload_t *upload, bundle_proof_task_t *task,
                          error_t *err) {
    task->digest = upload->digest;
    task->path = strdup(upload->path);
    task->folder = strdup(self->options.config->bundles);
    if (task->path == NULL || task->folder == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a path");
    }
    return store_bundle_each(self->options.store, NULL, note_known, task, err);
}

/* Whether another bundle of the application was taken in while this one was proved. */
static status_t is_overtaken(hub_t *self, const bundle_proof_t *proof, bool *ret_overtaken,
                             error_t *err) {
    CLEANUP(bundle_proof_task_free) bundle_proof_task_t now = {0};
    digest_t newest = {{0}};
    TRY(store_bundle_each(self->options.store, proof->application, note_known, &now, err));
    if (now.known_count > 0) {
        newest = now.known[0].digest;
    }
    *ret_overtaken = !digest_equal(&newest, &proof->compared);
    return STATUS_OK;
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

/* Agents ask for the release keys' threshold, whoever pushed; but who may order nothing of an
 * application has no say in what stands here as its newest. "": of any. */
static status_t allow(hub_t *self, const zap_peer_t *peer, const char *application, error_t *err) {
    const unsigned may = 1U << ROLE_OPERATOR | 1U << ROLE_RELEASE;
    keeper_t *keeper = self->options.keeper;
    trust_view_t view = keeper_view(keeper, self->now_us);
    tally_scope_t scope = {.application = application, .environment = keeper_environment(keeper)};
    if ((tally_grants(&view, &peer->sign, &scope) & may) != 0) {
        return STATUS_OK;
    }
    return error_set(err, ERROR_TRUST_KEY,
                     "bundle.push needs the role operator or release%s%s, which this key has not",
                     application[0] != '\0' ? " for application " : "", application);
}

static status_t take_in(hub_t *self, const upload_t *upload, const bundle_proof_t *proof,
                        error_t *err) {
    listener_message_t from = asked_by(&upload->pusher);
    bundle_row_t row = {.digest = upload->digest,
                        .application = proof->application,
                        .head = proof->head,
                        .migrations = proof->migrations,
                        .size_bytes = proof->size_bytes,
                        .signatures = proof->signatures,
                        .pushed_by = from.peer->name,
                        .pushed_us = self->now_us};
    bool is_new = false;
    TRY(allow(self, from.peer, proof->application, err));
    TRY(hub_begin(self, err));
    TRY(store_bundle_adopt(self->options.store, &row, upload->path, &is_new, err));
    return audit_push(self, &from, &row, err);
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

/* A write that failed has spoiled the transaction, and its commit says so. */
static void refuse(hub_t *self, const listener_message_t *from, uint32_t number,
                   const error_t *refusal) {
    log_warning("bundle refused", "actor", from->peer->name, "code", error_code_text(refusal->code),
                "reason", refusal->message);
    questions_fail(self, from, number, refusal);
}

/* The proof is there: whoever waits is told, and the upload is over. */
static void finish(hub_t *self, upload_t *upload, const bundle_proof_t *proof) {
    listener_message_t from = asked_by(&upload->pusher);
    error_t refusal = proof->problem;
    if (refusal.code == ERROR_NONE && take_in(self, upload, proof, &refusal) == STATUS_OK) {
        answer_put(self, &from, upload->pusher.number, upload->received, true);
    } else {
        refuse(self, &from, upload->pusher.number, &refusal);
    }
    drop(self, upload);
}

static status_t prove(hub_t *self, upload_t *upload, error_t *err) {
    CLEANUP(bundle_proof_task_free) bundle_proof_task_t task = {0};
    TRY(make_task(self, upload, &task, err));
    if (upload->total > PROOF_HERE_BYTES) {
        self->proving = upload;
        return bundle_prover_start(&task, &self->prover, err);
    }
    bundle_proof_t proof = {0};
    bundle_proof_make(&task, &proof);
    finish(self, upload, &proof);
    return STATUS_OK;
}

/* Begin the next proof; a large one waits while another is under way. */
static void prove_next(hub_t *self) {
    upload_t *next = NULL;
    for (upload_t *upload = self->uploads; upload != NULL; upload = upload->next) {
        bool may = upload->whole && (upload->total <= PROOF_HERE_BYTES || self->prover == NULL);
        next = may ? upload : next; /* the oldest */
    }
    error_t refusal = {0};
    if (next == NULL) {
        return;
    }
    if (prove(self, next, &refusal) != STATUS_OK) {
        finish(self, next, &(bundle_proof_t){.problem = refusal});
    }
}

void bundles_tick(hub_t *self) {
    bundle_proof_t proof = {0};
    if (self->prover == NULL || !bundle_prover_done(self->prover, &proof)) {
        return;
    }
    bool overtaken = false;
    error_t problem = {0};
    bundle_prover_destroy(&self->prover);
    if (proof.problem.code == ERROR_NONE &&
        is_overtaken(self, &proof, &overtaken, &problem) != STATUS_OK) {
        proof.problem = problem;
    }
    if (self->proving != NULL && !overtaken) {
        finish(self, self->proving, &proof);
    }
    self->proving = NULL;
    prove_next(self); /* an overtaken one again */
}

/* Take a chunk; ret_upload is where it went. */
static status_t put_chunk(hub_t *self, const listener_message_t *from, const Drover__BundlePut *put,
                          upload_t **ret_upload, error_t *err) {
    TRY(check_put(put, err));
    TRY(allow(self, from->peer, "", err));
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
    *ret_upload = upload;
    return STATUS_OK;
}

status_t bundles_put(hub_t *self, const listener_message_t *from, const Drover__BundlePut *put,
                     error_t *err) {
    (void)err;
    upload_t *upload = NULL;
    error_t refusal = {0};
    if (put_chunk(self, from, put, &upload, &refusal) != STATUS_OK) {
        refuse(self, from, put->number, &refusal);
        return STATUS_OK;
    }
    if (upload->received < upload->total) {
        answer_put(self, from, put->number, upload->received, false);
        return STATUS_OK;
    }
    upload->whole = true;
    upload->pusher = (pusher_t){.peer = *from->peer, .route = from->route, .number = put->number};
    (void)snprintf(upload->pusher.address, sizeof upload->pusher.address, "%s", from->address);
    prove_next(self);
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
