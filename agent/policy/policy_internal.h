/* policy_internal.h: what the files of policy.h share. */
#ifndef DROVER_AGENT_POLICY_POLICY_INTERNAL_H
#define DROVER_AGENT_POLICY_POLICY_INTERNAL_H

#include "agent/policy/policy.h"

struct policy {
    char *path;  /* as configured; NULL: policy_new made it */
    char *bytes; /* of the file, that config or problem came from; NULL: unreadable */
    size_t size;
    policy_config_t *config; /* NULL: the file is not usable, and problem says why */
    error_t problem;
    problems_t problems; /* every mistake of the file, where problem is one of them */
};

#endif
