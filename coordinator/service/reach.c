/*
 * reach.c: see reach.h. The engine knows who holds a cluster, the catalog what agents said of it,
 * the conversation who is there.
 */
#include "coordinator/service/reach.h"

#include <string.h>

bool reach_agent(const call_t *call, const agent_key_t *agent, const char **ret_problem) {
    const service_presence_t *presence = call->question->presence;
    *ret_problem = "";
    return presence == NULL || presence->agent(presence->context, agent, ret_problem);
}

static bool is_standby(const call_t *call, uint64_t cluster) {
    const service_presence_t *presence = call->question->presence;
    return presence != NULL && presence->standby(presence->context, cluster);
}

/* The agent that holds it or held it last, and is away; what it said when it left. */
static void put_absence(const agent_row_t *agent, const char *problem, buffer_t *out) {
    char seen[CLOCK_TEXT_SIZE];
    buffer_format(out, "its agent '%s' is not connected, last seen %s%s%s", agent->name,
                  clock_text(agent->last_seen_us, seen), *problem != '\0' ? ": " : "", problem);
}

void reach_suspension(const agent_row_t *agent, buffer_t *out) {
    char since[CLOCK_TEXT_SIZE];
    if (agent == NULL || agent->status != AGENT_SUSPENDED) {
        return;
    }
    buffer_format(out,
                  "agent '%s' is suspended since %s: it %s. Nothing forward is given to it until "
                  "'drover agents resume %s --reason TEXT'",
                  agent->name, clock_text(agent->suspended_us, since), agent->suspended_why,
                  agent->name);
}

const agent_row_t *reach_suspended(const call_t *call, const fleet_t *fleet, uint64_t cluster) {
    agent_key_t key;
    const agent_row_t *agent =
        engine_holder(call->engine, cluster, &key) ? fleet_agent(fleet, &key) : NULL;
    return agent != NULL && agent->status == AGENT_SUSPENDED ? agent : NULL;
}

void reach_blocker(const call_t *call, const fleet_t *fleet, uint64_t cluster, buffer_t *out) {
    const cluster_row_t *row = fleet_cluster(fleet, cluster);
    agent_key_t key = row != NULL ? row->agent : (agent_key_t){0};
    const char *problem = "";
    bool held = engine_holder(call->engine, cluster, &key);
    const agent_row_t *agent = fleet_agent(fleet, &key);
    bool online = agent != NULL && reach_agent(call, &key, &problem);
    if (held && online) {
        return;
    }
    if (is_standby(call, cluster)) {
        buffer_text(out, "standby: agents act on a primary only");
    } else if (agent != NULL && !online) {
        put_absence(agent, problem, out);
    } else if (row != NULL && *row->problem != '\0') {
        buffer_format(out, "its agent cannot read it: %s", row->problem);
    } else if (agent == NULL) {
        buffer_text(out, "no agent has ever acted on it");
    } else {
        buffer_format(out, "its agent '%s' %s", agent->name,
                      agent->status == AGENT_SUSPENDED ? "is suspended"
                                                       : "is connected and has no lease yet");
    }
}
