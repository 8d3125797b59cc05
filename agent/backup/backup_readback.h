/*
 * backup_readback.h: a second process that reads a backup's file again while it is being written,
 * so that what was written is known to open, decompress and list before the backup counts.
 *
 * It opens the file by its name and reads only from it; the writer tells how far it has come. Each
 * piece is read once the disk has it and the cache has let go of it, so that what is proven is what
 * the disk gives back (its own cache aside), while the dump is still being written. It compares all
 * that backup_pour.h names. Internal to this room.
 */
#ifndef DROVER_AGENT_BACKUP_READBACK_H
#define DROVER_AGENT_BACKUP_READBACK_H

#include "agent/backup/backup_pour.h"
#include "agent/backup/backup_tool.h"

typedef struct backup_readback {
    pid_t pid;
    int progress; /* to it: how many bytes stand in the file */
    int answer;   /* from it */
} backup_readback_t;

#define BACKUP_READBACK_NONE                                                                       \
    (backup_readback_t) {                                                                          \
        .pid = -1, .progress = -1, .answer = -1                                                    \
    }

/* Forks; reader is what opens the stream, and stays the caller's. */
typedef struct backup_readback_source {
    const char *path;
    const backup_programs_t *programs;
    sealed_reader_t **reader_p; /* consumed in the child alone; the caller destroys its own */
} backup_readback_source_t;
MUST_CHECK status_t backup_readback_start(const backup_readback_source_t *source,
                                          backup_readback_t *ret_readback, error_t *err);

/* This many bytes stand in the file now. A reader that has failed already is no error here. */
void backup_readback_tell(const backup_readback_t *readback, uint64_t written);

/* No more will come; wait for its verdict. */
MUST_CHECK status_t backup_readback_end(backup_readback_t *readback, backup_layers_t *ret_layers,
                                        int64_t *ret_entries, error_t *err);

/* Kill where it still runs. A cleaner. */
void backup_readback_drop(backup_readback_t *readback);

#endif
