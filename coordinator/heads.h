/*
 * heads.h: signed heads of the audit log in a file of the team's choosing: one line of JSON each,
 * as 'drover audit head' prints it. What stands there shows later whether the catalog's log was cut
 * off behind it.
 */
#ifndef DROVER_COORDINATOR_HEADS_H
#define DROVER_COORDINATOR_HEADS_H

#include "common/audit/chain.h"

/* Add a line; on disk when STATUS_OK comes back. The file is made where it is missing, 0600, and is
 * only ever added to: a last line that a crash cut short stays as it is, with a line feed behind
 * it. ERROR_IO, DISK_FULL, NOT_FOUND. */
MUST_CHECK status_t heads_append(const char *path, const audit_head_t *head, error_t *err);

#endif
