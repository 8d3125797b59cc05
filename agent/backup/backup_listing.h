/*
 * backup_listing.h: proof that pg_restore understands a dump: `pg_restore --list` fed from its
 * start until it has read the table of contents. Internal to this room.
 */
#ifndef DROVER_AGENT_BACKUP_LISTING_H
#define DROVER_AGENT_BACKUP_LISTING_H

#include "agent/backup/backup_tool.h"

typedef struct backup_listing {
    backup_process_t process;
    bool fed; /* it wants no more */
} backup_listing_t;

MUST_CHECK status_t backup_listing_start(const backup_programs_t *programs,
                                         backup_listing_t *ret_listing, error_t *err);

/* A backup_sink_t; context is the listing. */
status_t backup_listing_feed(void *listing, const void *bytes, size_t size, error_t *err);

/* Answers the number of entries. ERROR_BACKUP_CORRUPT where pg_restore refuses the dump. */
MUST_CHECK status_t backup_listing_end(backup_listing_t *listing, int64_t *ret_entries,
                                       error_t *err);

#endif
