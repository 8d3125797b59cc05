/* conninfo.c: see conninfo.h. */
#include "agent/inventory/conninfo.h"

#include <inttypes.h>
#include <stdio.h>

/* One keyword, its value quoted; NULL leaves libpq's default. */
static void add(buffer_t *out, const char *keyword, const char *value) {
    if (value == NULL) {
        return;
    }
    buffer_format(out, "%s%s='", out->size > 0 ? " " : "", keyword);
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\'' || *c == '\\') {
            buffer_char(out, '\\');
        }
        buffer_char(out, *c);
    }
    buffer_char(out, '\'');
}

const char *conninfo_tool_name(const char *agent, char name[CONNINFO_TOOL_BYTES]) {
    (void)snprintf(name, CONNINFO_TOOL_BYTES, CONNINFO_TOOL "%.*s",
                   (int)(CONNINFO_TOOL_BYTES - sizeof CONNINFO_TOOL), agent);
    return name;
}

void conninfo_add_tool(const char *agent, buffer_t *conninfo) {
    char name[CONNINFO_TOOL_BYTES];
    add(conninfo, "application_name", conninfo_tool_name(agent, name));
}

status_t conninfo_of_cluster(const agent_config_cluster_t *cluster, buffer_t *ret_conninfo,
                             error_t *err) {
    const agent_config_connection_t *parts = &cluster->connection;
    char port[24] = "";
    if (parts->port > 0) {
        (void)snprintf(port, sizeof port, "%" PRId64, parts->port);
    }
    add(ret_conninfo, "service", cluster->service);
    add(ret_conninfo, "host", parts->host);
    add(ret_conninfo, "port", port[0] != '\0' ? port : NULL);
    add(ret_conninfo, "user", parts->user);
    add(ret_conninfo, "sslmode", parts->sslmode);
    add(ret_conninfo, "sslrootcert", parts->sslrootcert);
    add(ret_conninfo, "passfile", parts->passfile);
    return buffer_check(ret_conninfo, err);
}
