/* backup_worker.c: see backup_worker.h. */
#include "agent/backup/backup_worker.h"
#include "agent/backup/backup_file.h"
#include "agent/backup/backup_steps.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Nothing of this process may be written where others can read it. */
static void harden(void) {
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)fcntl(BACKUP_ORDER_FD, F_SETFD, FD_CLOEXEC);
    (void)fcntl(BACKUP_ANSWER_FD, F_SETFD, FD_CLOEXEC);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
}

/* Die with the loop that started us, even where it died before this line. */
static status_t tie_to(int64_t parent, error_t *err) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || (int64_t)getppid() != parent) {
        return error_set(err, ERROR_CANCELLED, "the program that asked for this is gone");
    }
    return STATUS_OK;
}

static status_t do_order(const backup_order_t *order, backup_result_t *result, error_t *err) {
    result->kind = order->kind;
    switch (order->kind) {
    case BACKUP_DUMP:
        return backup_dump_run(order, result, err);
    case BACKUP_RESTORE:
        return backup_restore_run(order, result, err);
    case BACKUP_CHECK:
        return backup_check_run(order, result, err);
    case BACKUP_EXTERNAL:
        return backup_external_run(order, result, err);
    case BACKUP_KIND_COUNT:
        break;
    }
    return error_set(err, ERROR_INTERNAL, "the worker's order is of no known kind");
}

static status_t work(backup_result_t *result, error_t *err) {
    backup_order_t order;
    TRY(random_start(err));
    status_t status = backup_order_receive(BACKUP_ORDER_FD, &order, err);
    if (status == STATUS_OK) {
        status = tie_to(order.parent, err);
    }
    if (status == STATUS_OK) {
        status = do_order(&order, result, err);
    }
    backup_order_free(&order);
    return status;
}

int backup_worker_main(void) {
    CLEANUP(buffer_free) buffer_t answer = {0};
    CLEANUP(free_p) backup_result_t *result = calloc(1, sizeof *result);
    error_t err;
    int64_t started_us = clock_boot_us();
    if (result == NULL) {
        return 1;
    }
    harden();
    status_t status = work(result, &err);
    result->elapsed_us = clock_boot_us() - started_us;
    backup_answer_encode(result, status == STATUS_OK ? NULL : &err, &answer);
    backup_write_t what = {
        .fd = BACKUP_ANSWER_FD, .path = "the answer", .bytes = answer.data, .size = answer.size};
    if (answer.size == 0 || backup_file_write(&what, &err) != STATUS_OK) {
        return 1;
    }
    return status == STATUS_OK ? 0 : 1;
}
