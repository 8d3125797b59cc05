/* main.c: drover-coordinator: read the line, read the configuration, serve until told to stop. */
#include "common/config/find.h"
#include "common/crypto/random.h"
#include "common/wire/transport.h"
#include "coordinator/loop.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char HELP[] =
    "usage: drover-coordinator [--config FILE]\n"
    "\n"
    "Plans rollouts over the fleet, hands signed jobs to agents and keeps the catalog.\n"
    "\n"
    "  --config FILE  coordinator.yaml; else $DROVER_CONFIG,\n"
    "                 $XDG_CONFIG_HOME/drover/coordinator.yaml, /etc/drover/coordinator.yaml\n"
    "  --help         this text\n"
    "  --version      the version\n"
    "\n"
    "SIGTERM and SIGINT drain: nothing new is dispatched, what is committed is sent; a second one\n"
    "stops at once. SIGHUP reads the trust file again.\n";

typedef struct line {
    const char *config;
    bool help;
    bool version;
} line_t;

static status_t parse_line(int argc, char **argv, line_t *ret_line, error_t *err) {
    static const struct option OPTIONS[] = {
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    line_t line = {0};
    opterr = 0;
    for (int option = 0; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        if (option == 'c') {
            line.config = optarg;
        } else if (option == 'h') {
            line.help = true;
        } else if (option == 'v') {
            line.version = true;
        } else {
            return error_set(err, ERROR_USAGE, "'%s' is no option, or lacks its value",
                             argv[optind - 1]);
        }
    }
    if (optind < argc) {
        return error_set(err, ERROR_USAGE, "'%s' is one argument too many", argv[optind]);
    }
    *ret_line = line;
    return STATUS_OK;
}

static status_t load_config(const char *explicit_path, coordinator_config_t **ret_config,
                            error_t *err) {
    CLEANUP(free_p) char *path = NULL;
    problems_t problems = {0};
    config_search_t search = {.program = "coordinator", .explicit_path = explicit_path};
    TRY(config_find(search, &path, err));
    if (coordinator_config_load(path, &problems, ret_config, err) != STATUS_OK) {
        problems_print(&problems, stderr);
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

static status_t serve(const line_t *line, error_t *err) {
    CLEANUP(coordinator_config_destroy_p) coordinator_config_t *config = NULL;
    CLEANUP(loop_close_p) loop_t *loop = NULL;
    TRY(load_config(line->config, &config, err));
    log_set_level(config->log_level);
    TRY(random_start(err));
    TRY(loop_block_signals(err));
    TRY(transport_start(err));
    loop_options_t options = {.config = config};
    TRY(loop_open(&options, &loop, err));
    return loop_run(loop, err);
}

int main(int argc, char **argv) {
    error_t err = {0};
    line_t line = {0};
    status_t status = parse_line(argc, argv, &line, &err);
    if (status == STATUS_OK && line.help) {
        return fputs(HELP, stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
    }
    if (status == STATUS_OK && line.version) {
        return printf("drover-coordinator %s\n", DROVER_VERSION) > 0 && fflush(stdout) == 0 ? 0 : 1;
    }
    if (status == STATUS_OK) {
        status = serve(&line, &err);
    }
    if (status == STATUS_OK) {
        return 0;
    }
    error_print(&err, "drover-coordinator");
    return error_code_exit(err.code);
}
