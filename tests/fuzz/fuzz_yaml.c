/* fuzz_yaml.c: any bytes as each of the configuration files; a refusal always names a problem. */
#include "common/config/agent_config.h"
#include "common/config/cli_config.h"
#include "common/config/coordinator_config.h"
#include "common/config/policy_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static problems_t problems;
    const yaml_text_t text = {.name = "/f.yaml", .bytes = (const char *)data, .size = size};
    error_t err = {0};
    coordinator_config_t *coordinator = NULL;
    agent_config_t *agent = NULL;
    cli_config_t *cli = NULL;
    policy_config_t *policy = NULL;
    if (coordinator_config_parse(&text, &problems, &coordinator, &err) != STATUS_OK) {
        INVARIANT(problems.count > 0 || err.code != ERROR_CONFIG_INVALID);
    }
    if (agent_config_parse(&text, NULL, &agent, &err) == STATUS_OK) {
        (void)agent_config_admits(agent_config_cluster(agent, 0), "app_1", NULL);
    }
    if (cli_config_parse(&text, NULL, &cli, &err) == STATUS_OK) {
        cli_config_destroy(&cli);
    }
    if (policy_config_parse(&text, NULL, &policy, &err) == STATUS_OK) {
        for (size_t i = 0; i < policy_config_window_count(policy); i++) {
            const policy_window_t *window = policy_config_window(policy, i);
            INVARIANT(window->days != 0 && window->from != window->to);
            INVARIANT(window->from >= 0 && window->from < POLICY_DAY_MINUTES);
            INVARIANT(window->to > 0 && window->to <= POLICY_DAY_MINUTES);
        }
        INVARIANT(policy->kinds != 0 && policy->selector != NULL);
        policy_config_destroy(&policy);
    }
    coordinator_config_destroy(&coordinator);
    agent_config_destroy(&agent);
    return 0;
}
