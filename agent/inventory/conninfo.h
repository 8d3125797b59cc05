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

#endif
