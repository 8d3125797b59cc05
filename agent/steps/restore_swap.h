/*
 * restore_swap.h: the restored database takes the tenant's name, in one transaction.
 *
 * In order: the tenant is closed to new connections, its sessions are ended and waited for, ledger
 * and fence are read once more under the tenant's lock, the lock's session leaves, both databases
 * are renamed. Whatever fails before the commit opens the tenant again.
 */
#ifndef DROVER_AGENT_STEPS_RESTORE_SWAP_H
#define DROVER_AGENT_STEPS_RESTORE_SWAP_H

#include "agent/steps/restore_side.h"

/* The tenant's session is in hand, the new database ready. Calls next after the commit, with some
 * other session in hand; else ends the step. */
void restore_swap_begin(run_t *run, run_next_fn *next);

/* Statements that open the tenant's database again, as they are before the swap. */
void restore_swap_sql_open(const run_t *run, int64_t limit, buffer_t *sql);

/* A database of the cluster that is nobody's tenant. */
const char *restore_swap_maintenance(const run_t *run);

#endif
