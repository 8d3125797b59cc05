/*
 * backup_rights.h: whether a role may read all that a dump reads. Asked once pg_dump has failed:
 * what pg_dump says of it is in the language of the server (lc_messages), and carries no SQLSTATE.
 * Internal to this room.
 */
#ifndef DROVER_AGENT_BACKUP_RIGHTS_H
#define DROVER_AGENT_BACKUP_RIGHTS_H

#include "agent/backup/backup.h"

/* Whether the database has a table, view with rows or sequence that the role cannot read, or of
 * which row security hides rows from it. False, too, where the database cannot be asked: then
 * something else is wrong. Only in a worker: it sets its environment. */
bool backup_rights_lack(const backup_connection_t *connection);

#endif
