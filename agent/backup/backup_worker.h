/*
 * backup_worker.h: the worker's side of backup.h: the process that does one job and ends.
 *
 * main of every program that starts jobs begins with
 *
 *     if (argc == 2 && strcmp(argv[1], BACKUP_WORKER_WORD) == 0) { return backup_worker_main(); }
 *
 * before it opens anything or starts a thread: the worker forks.
 */
#ifndef DROVER_AGENT_BACKUP_WORKER_H
#define DROVER_AGENT_BACKUP_WORKER_H

#define BACKUP_WORKER_WORD "backup-worker"

/* Do the job that stands in descriptor 3, answer on descriptor 4, and return the exit code. */
int backup_worker_main(void);

#endif
