/* connection_wait.c: connection.h over poll(2), for programs that have nothing else to do. */
#include "common/base/clock.h"
#include "common/postgres/connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

typedef struct waiter {
    bool finished;
    connection_answer_t answer;
} waiter_t;

static void keep_answer(connection_t *c, connection_answer_t *answer, void *context) {
    waiter_t *waiter = context;
    (void)c;
    waiter->answer = *answer;
    waiter->finished = true;
    answer->results = NULL;
    answer->count = 0;
}

static int wait_ms(const connection_t *c) {
    int64_t deadline_us = connection_deadline_us(c);
    if (deadline_us == 0) {
        return -1;
    }
    int64_t left_us = deadline_us - clock_boot_us();
    int64_t left_ms = left_us <= 0 ? 0 : left_us / US_PER_MS + 1;
    return left_ms > 60000 ? 60000 : (int)left_ms;
}

static status_t wait_for(connection_t *c, waiter_t *waiter, error_t *err) {
    while (!waiter->finished) { /* ends at the connection's own deadline */
        int wants = connection_wants(c);
        struct pollfd poller = {.fd = wants == 0 ? -1 : connection_fd(c)};
        poller.events = (short)(((wants & CONNECTION_READ) != 0 ? POLLIN : 0) |
                                ((wants & CONNECTION_WRITE) != 0 ? POLLOUT : 0));
        if (poll(&poller, 1, wait_ms(c)) < 0 && errno != EINTR) {
            return error_set(err, ERROR_IO, "poll: %s", strerror(errno));
        }
        connection_ready(c, clock_boot_us());
    }
    return STATUS_OK;
}

static int64_t deadline_after(int timeout_ms) {
    return timeout_ms <= 0 ? 0 : clock_boot_us() + timeout_ms * US_PER_MS;
}

status_t connection_open(const connection_options_t *options, int timeout_ms, connection_t **ret_c,
                         error_t *err) {
    connection_t *c = NULL;
    waiter_t waiter = {0};
    TRY(connection_new(options, &c, err));
    connection_start(c, deadline_after(timeout_ms), keep_answer, &waiter);
    status_t status = wait_for(c, &waiter, err);
    connection_answer_free(&waiter.answer);
    if (status == STATUS_OK && waiter.answer.error.code != ERROR_NONE) {
        *err = waiter.answer.error;
        status = STATUS_ERROR;
    }
    if (status != STATUS_OK) {
        connection_destroy(&c);
        return STATUS_ERROR;
    }
    *ret_c = c;
    return STATUS_OK;
}

status_t connection_run_request(connection_t *c, const connection_request_t *request,
                                connection_answer_t *ret_answer, error_t *err) {
    connection_request_t copy = *request;
    waiter_t waiter = {0};
    copy.done = keep_answer;
    copy.context = &waiter;
    connection_send(c, &copy);
    TRY(wait_for(c, &waiter, err));
    *ret_answer = waiter.answer;
    if (waiter.answer.error.code != ERROR_NONE) {
        *err = waiter.answer.error;
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

status_t connection_run(connection_t *c, const char *sql, int timeout_ms,
                        connection_answer_t *ret_answer, error_t *err) {
    return connection_run_request(
        c, &(connection_request_t){.sql = sql, .deadline_us = deadline_after(timeout_ms)},
        ret_answer, err);
}
