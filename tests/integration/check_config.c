/*
 * check_config.c: reads one configuration file as the program that it is for would, for tests of
 * the documentation: check_config KIND FILE. Prints what is wrong with it and ends with 1.
 */
#include "common/config/agent_config.h"
#include "common/config/cli_config.h"
#include "common/config/coordinator_config.h"
#include "common/config/policy_config.h"
#include "common/config/rollout_spec.h"

#include <string.h>

static status_t load_coordinator(const char *path, problems_t *problems, error_t *err) {
    CLEANUP(coordinator_config_destroy_p) coordinator_config_t *config = NULL;
    return coordinator_config_load(path, problems, &config, err);
}

static status_t load_agent(const char *path, problems_t *problems, error_t *err) {
    CLEANUP(agent_config_destroy_p) agent_config_t *config = NULL;
    return agent_config_load(path, problems, &config, err);
}

static status_t load_drover(const char *path, problems_t *problems, error_t *err) {
    CLEANUP(cli_config_destroy_p) cli_config_t *config = NULL;
    return cli_config_load(path, problems, &config, err);
}

static status_t load_policy(const char *path, problems_t *problems, error_t *err) {
    CLEANUP(policy_config_destroy_p) policy_config_t *config = NULL;
    return policy_config_load(path, problems, &config, err);
}

static status_t load_rollout(const char *path, problems_t *problems, error_t *err) {
    CLEANUP(rollout_spec_destroy_p) rollout_spec_t *spec = NULL;
    return rollout_spec_load(path, problems, &spec, err);
}

static const struct {
    const char *kind;
    status_t (*load)(const char *path, problems_t *problems, error_t *err);
} LOADERS[] = {
    {"coordinator", load_coordinator}, {"agent", load_agent},   {"drover", load_drover},
    {"rollout", load_rollout},         {"policy", load_policy},
};

int main(int argc, char **argv) {
    static problems_t problems;
    error_t err = {0};
    for (size_t i = 0; argc == 3 && i < sizeof LOADERS / sizeof LOADERS[0]; i++) {
        if (strcmp(LOADERS[i].kind, argv[1]) != 0) {
            continue;
        }
        if (LOADERS[i].load(argv[2], &problems, &err) == STATUS_OK) {
            return 0;
        }
        problems_print(&problems, stderr);
        error_print(&err, "check_config");
        return 1;
    }
    (void)fputs("usage: check_config coordinator|agent|drover|rollout|policy FILE\n", stderr);
    return 2;
}
