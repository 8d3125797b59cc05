/* conninfo.h: how a cluster of agent.yaml is reached, as libpq's connection string. */
#ifndef DROVER_AGENT_INVENTORY_CONNINFO_H
#define DROVER_AGENT_INVENTORY_CONNINFO_H

#include "common/base/buffer.h"
#include "common/config/agent_config.h"

/*
 * Append the connection string of this cluster, without database and without any password: libpq
 * finds that in its service file or passfile. ERROR_NO_MEMORY where the buffer failed.
 * Source: PostgreSQL manual, libpq "Keyword/Value Connection Strings".
 */
MUST_CHECK status_t conninfo_of_cluster(const agent_config_cluster_t *cluster,
                                        buffer_t *ret_conninfo, error_t *err);

/* What pg_dump and pg_restore call themselves at the server, application_name there: whose they
 * are, cut to what a server keeps of it (NAMEDATALEN). By it the agent knows those again that a
 * former run of it left behind. Source: PostgreSQL manual, "application_name". */
enum { CONNINFO_TOOL_BYTES = 64 };
#define CONNINFO_TOOL "drover tool of "

/* Answers name. */
const char *conninfo_tool_name(const char *agent, char name[CONNINFO_TOOL_BYTES]);

/* Append it to a connection string. */
void conninfo_add_tool(const char *agent, buffer_t *conninfo);

#endif
