/*
 * backup_steps.h: the four things a worker can do; each runs to its end in the worker's process.
 * Internal to this room.
 */
#ifndef DROVER_AGENT_BACKUP_STEPS_H
#define DROVER_AGENT_BACKUP_STEPS_H

#include "agent/backup/backup_message.h"

/* pg_dump → zstd → sealed file, read back, with its signed manifest. */
MUST_CHECK status_t backup_dump_run(const backup_order_t *order, backup_result_t *result,
                                    error_t *err);

/* Sealed file → zstd → pg_restore into an empty database. */
MUST_CHECK status_t backup_restore_run(const backup_order_t *order, backup_result_t *result,
                                       error_t *err);

/* Read a backup from end to end and compare it with its manifest. */
MUST_CHECK status_t backup_check_run(const backup_order_t *order, backup_result_t *result,
                                     error_t *err);

/* A command of the agent's configuration that makes a recovery point. */
MUST_CHECK status_t backup_external_run(const backup_order_t *order, backup_result_t *result,
                                        error_t *err);

#endif
