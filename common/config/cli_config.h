/* cli_config.h: drover.yaml, the operator's own configuration. */
#ifndef DROVER_CONFIG_CLI_CONFIG_H
#define DROVER_CONFIG_CLI_CONFIG_H

#include "common/base/cleanup.h"
#include "common/config/yaml.h"

enum { CLI_CONFIG_KEY_BYTES = 32 };

typedef enum cli_output { CLI_OUTPUT_TABLE, CLI_OUTPUT_JSON, CLI_OUTPUT_COUNT } cli_output_t;

typedef struct cli_config {
    struct {
        char *address; /* "tcp://127.0.0.1:7707" */
        char *curve;   /* its CURVE public key, Z85 */
        uint8_t curve_key[CLI_CONFIG_KEY_BYTES];
    } coordinator;
    struct {
        char *sign;   /* path of the operator's Ed25519 key file */
        char *curve;  /* path of the operator's CURVE key file */
        char *signer; /* command that signs; NULL: the key file */
    } keys;
    struct {
        char *root;             /* path of a trust file; NULL: none */
    } trust;                    /* what orders are held against before they are signed */
    cli_output_t output;        /* default table */
    int64_t timeout_us;         /* of one request; default 10s */
    int64_t command_timeout_us; /* of one run of a command; default 60s */
} cli_config_t;

MUST_CHECK status_t cli_config_load(const char *path, problems_t *problems,
                                    cli_config_t **ret_config, error_t *err);
MUST_CHECK status_t cli_config_parse(const yaml_text_t *text, problems_t *problems,
                                     cli_config_t **ret_config, error_t *err);

void cli_config_destroy(cli_config_t **config);
DEFINE_CLEANUP(cli_config_t, cli_config_destroy)

#endif
