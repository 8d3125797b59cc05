/*
 * bundle_proof.h: whether a file that an operator pushed is a bundle that may be taken in: every
 * digest in it is right, and it continues what is known of its application.
 *
 * A bundle of 64 MiB keeps a core busy for the better part of a second: a large one is proved on a
 * thread of its own, which touches nothing but the files and its own copy of the task.
 */
#ifndef DROVER_COORDINATOR_LINK_BUNDLE_PROOF_H
#define DROVER_COORDINATOR_LINK_BUNDLE_PROOF_H

#include "common/base/cleanup.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/limits.h"

/* The newest bundle of an application. */
typedef struct bundle_proof_known {
    char application[LIMIT_NAME_BYTES + 1];
    digest_t digest;
} bundle_proof_known_t;

typedef struct bundle_proof_task {
    char *path;      /* what came in */
    char *folder;    /* where the known ones are, named by their digests */
    digest_t digest; /* what it was said to be */
    bundle_proof_known_t *known;
    size_t known_count;
} bundle_proof_task_t;

typedef struct bundle_proof {
    error_t
        problem; /* ERROR_NONE: it may be taken in; else BUNDLE_INVALID, BUNDLE_CHANGED, IO, … */
    char application[LIMIT_NAME_BYTES + 1];
    char head[LIMIT_NAME_BYTES + 1]; /* version of the last migration */
    uint32_t migrations;
    uint32_t signatures;
    int64_t size_bytes;
    digest_t compared; /* the known one that it continues; null where there is none */
} bundle_proof_t;

void bundle_proof_task_free(bundle_proof_task_t *task);

/* Prove it here and now; the file is on disk afterwards. */
void bundle_proof_make(const bundle_proof_task_t *task, bundle_proof_t *ret_proof);

typedef struct bundle_prover bundle_prover_t;

/* Begin on a thread; the task is taken over, whatever comes of it. NO_MEMORY, INTERNAL. */
MUST_CHECK status_t bundle_prover_start(bundle_proof_task_t *task, bundle_prover_t **ret_prover,
                                        error_t *err);

/* Whether it is through; then ret_proof is filled. Never waits. */
bool bundle_prover_done(const bundle_prover_t *self, bundle_proof_t *ret_proof);

/* Waits where it is not through. */
void bundle_prover_destroy(bundle_prover_t **self_p);

#endif
