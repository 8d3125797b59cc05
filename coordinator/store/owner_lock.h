/*
 * owner_lock.h: a file that says which process owns a catalog.
 *
 * The lock is the kernel's and ends with the process, however it ends; the file stays and holds the
 * owner's pid for the message. Source: fcntl(2), open file description locks.
 */
#ifndef DROVER_STORE_OWNER_LOCK_H
#define DROVER_STORE_OWNER_LOCK_H

#include "common/base/cleanup.h"
#include "common/base/error.h"

/* Take the lock beside a catalog (path.lock). The lock lasts until ret_fd is closed. STORE_LOCKED
 * names the process that holds it; IO. */
MUST_CHECK status_t owner_lock_take(const char *catalog, int *ret_fd, error_t *err);

#endif
