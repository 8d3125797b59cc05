/*
 * connection_cancel.c: PQcancel without blocking the loop.
 *
 * libpq 15 cancels by connecting, sending and waiting for the server to close, all blocking; the
 * key that this needs is libpq's secret. So a short-lived thread does it on a PGcancel of its own,
 * which libpq says is safe. The server closes that connection only after it has signalled the
 * backend: once the thread is through, a later statement cannot be hit. The job is shared by
 * connection and thread and freed by the last one.
 * Source: PostgreSQL manual, libpq "Canceling Queries in Progress", "Behavior in Threaded
 * Programs".
 */
#include "common/postgres/connection_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { CANCEL_THREADS_MOST = 64, CANCEL_STACK_BYTES = 256 * 1024 };

struct connection_cancel_job {
    PGcancel *cancel;
    atomic_bool finished;
    atomic_int holders; /* connection and thread */
};

static atomic_int threads;

static void job_drop(connection_cancel_job_t *job) {
    if (atomic_fetch_sub(&job->holders, 1) == 1) {
        PQfreeCancel(job->cancel);
        free(job);
    }
}

static void *job_run(void *argument) {
    connection_cancel_job_t *job = argument;
    char text[256];
    /* A failure needs no word: what does not drain is given up as lost. */
    (void)PQcancel(job->cancel, text, sizeof text);
    atomic_store(&job->finished, true);
    job_drop(job);
    atomic_fetch_sub(&threads, 1);
    return NULL;
}

static bool thread_start(connection_cancel_job_t *job) {
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    bool started = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
                   pthread_attr_setstacksize(&attributes, CANCEL_STACK_BYTES) == 0 &&
                   pthread_create(&thread, &attributes, job_run, job) == 0;
    (void)pthread_attr_destroy(&attributes);
    return started;
}

connection_cancel_job_t *connection_cancel_start(PGconn *conn) {
    connection_cancel_job_t *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return NULL;
    }
    job->cancel = PQgetCancel(conn);
    atomic_init(&job->holders, 2);
    atomic_init(&job->finished, false);
    bool room = atomic_fetch_add(&threads, 1) < CANCEL_THREADS_MOST;
    if (job->cancel == NULL || !room || !thread_start(job)) {
        atomic_fetch_sub(&threads, 1);
        PQfreeCancel(job->cancel);
        free(job);
        return NULL;
    }
    return job;
}

bool connection_cancel_finished(connection_cancel_job_t *job) {
    return atomic_load(&job->finished);
}

void connection_cancel_release(connection_cancel_job_t **job_p) {
    if (*job_p != NULL) {
        job_drop(*job_p);
        *job_p = NULL;
    }
}
