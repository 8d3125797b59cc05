/* bundle_proof.c: see bundle_proof.h. */
#include "coordinator/link/bundle_proof.h"
#include "common/migration/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bundle_prover {
    pthread_t thread;
    atomic_bool done;
    bundle_proof_task_t task;
    bundle_proof_t proof;
};

void bundle_proof_task_free(bundle_proof_task_t *task) {
    free(task->path);
    free(task->folder);
    free(task->known);
    *task = (bundle_proof_task_t){0};
}

/* ------------------------------------------------------------------ the proof */

static const digest_t *find_known(const bundle_proof_task_t *task, const char *application) {
    for (size_t i = 0; i < task->known_count; i++) {
        if (strcmp(task->known[i].application, application) == 0) {
            return &task->known[i].digest;
        }
    }
    return NULL;
}

/* An applied file never changes: the longer of the two must hold all of the shorter one. */
static status_t check_continues(const bundle_proof_task_t *task, const bundle_t *bundle,
                                bundle_proof_t *proof, error_t *err) {
    const digest_t *newest = find_known(task, bundle_application(bundle));
    char text[DIGEST_TEXT_SIZE];
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(bundle_destroy_p) bundle_t *known = NULL;
    if (newest == NULL) {
        return STATUS_OK;
    }
    proof->compared = *newest;
    if (digest_equal(newest, bundle_digest(bundle))) {
        return STATUS_OK;
    }
    if (asprintf(&path, "%s/%s", task->folder, digest_text(newest, text)) < 0) {
        path = NULL;
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a path");
    }
    TRY(bundle_open(path, &known, err));
    return bundle_count(known) <= bundle_count(bundle) ? bundle_compare(known, bundle, err)
                                                       : bundle_compare(bundle, known, err);
}

/* A row that names it must never outlive it. */
static status_t sync_file(const char *path, error_t *err) {
    CLEANUP(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        int number = errno;
        return error_set(err, number == ENOSPC ? ERROR_DISK_FULL : ERROR_IO, "cannot sync '%s': %s",
                         path, strerror(number));
    }
    return STATUS_OK;
}

static status_t prove(const bundle_proof_task_t *task, bundle_proof_t *proof, error_t *err) {
    CLEANUP(bundle_destroy_p) bundle_t *bundle = NULL;
    TRY(bundle_open(task->path, &bundle, err));
    if (!digest_equal(bundle_digest(bundle), &task->digest)) {
        return error_set(err, ERROR_BUNDLE_INVALID,
                         "the bundle that came in has another digest than was said");
    }
    TRY(check_continues(task, bundle, proof, err));
    size_t count = bundle_count(bundle);
    const char *head = count > 0 ? bundle_migration(bundle, count - 1)->version : "";
    if (strlen(head) >= sizeof proof->head) {
        return error_set(err, ERROR_BOUND, "a version of %zu bytes, at most %d (LIMIT_NAME_BYTES)",
                         strlen(head), (int)LIMIT_NAME_BYTES);
    }
    (void)snprintf(proof->application, sizeof proof->application, "%s", bundle_application(bundle));
    (void)snprintf(proof->head, sizeof proof->head, "%s", head);
    proof->migrations = (uint32_t)count;
    proof->signatures = (uint32_t)bundle_signer_count(bundle);
    proof->size_bytes = (int64_t)bundle_bytes(bundle).size;
    return sync_file(task->path, err);
}

void bundle_proof_make(const bundle_proof_task_t *task, bundle_proof_t *ret_proof) {
    bundle_proof_t proof = {0};
    error_t err = {0};
    if (prove(task, &proof, &err) != STATUS_OK) {
        proof.problem = err;
    }
    *ret_proof = proof;
}

/* ------------------------------------------------------------------ on a thread */

static void *run(void *context) {
    bundle_prover_t *self = context;
    bundle_proof_make(&self->task, &self->proof);
    atomic_store_explicit(&self->done, true, memory_order_release);
    return NULL;
}

status_t bundle_prover_start(bundle_proof_task_t *task, bundle_prover_t **ret_prover,
                             error_t *err) {
    bundle_prover_t *self = calloc(1, sizeof *self);
    if (self == NULL) {
        bundle_proof_task_free(task);
        return error_set(err, ERROR_NO_MEMORY, "out of memory for the proof of a bundle");
    }
    self->task = *task;
    *task = (bundle_proof_task_t){0};
    atomic_init(&self->done, false);
    int number = pthread_create(&self->thread, NULL, run, self);
    if (number != 0) {
        bundle_proof_task_free(&self->task);
        free(self);
        return error_set(err, ERROR_INTERNAL, "no thread for the proof of a bundle: %s",
                         strerror(number));
    }
    *ret_prover = self;
    return STATUS_OK;
}

bool bundle_prover_done(const bundle_prover_t *self, bundle_proof_t *ret_proof) {
    if (!atomic_load_explicit(&self->done, memory_order_acquire)) {
        return false;
    }
    *ret_proof = self->proof;
    return true;
}

void bundle_prover_destroy(bundle_prover_t **self_p) {
    if (self_p == NULL || *self_p == NULL) {
        return;
    }
    bundle_prover_t *self = *self_p;
    (void)pthread_join(self->thread, NULL);
    bundle_proof_task_free(&self->task);
    free(self);
    *self_p = NULL;
}
