/* main.c: drover-agent: reads its configuration, opens what it needs, runs the loop. */
#include "agent/agent.h"
#include "agent/backup/backup_store.h"
#include "agent/backup/backup_worker.h"
#include "agent/bundles.h"
#include "agent/crew.h"
#include "agent/enroll.h"
#include "agent/folder.h"
#include "agent/link.h"
#include "agent/loop.h"
#include "agent/notary.h"
#include "agent/orders.h"
#include "agent/orders_list.h"
#include "common/base/log.h"
#include "common/config/find.h"
#include "common/crypto/random.h"
#include "common/wire/transport.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { SHAPES = 4096, PATH_SIZE = 4096 };

static const char USAGE[] =
    "usage: drover-agent [--config FILE]\n"
    "       drover-agent enroll --request FILE | --token FILE [--config FILE]\n"
    "       drover-agent orders [--config FILE]\n"
    "\n"
    "Runs beside the databases: does the jobs that the coordinator signs. 'enroll' asks to become\n"
    "an agent: 'drover-agent enroll --help'. 'orders' lists the orders that the agent's journal\n"
    "holds, whether it runs or not.\n"
    "\n"
    "  --config FILE  configuration; else $DROVER_CONFIG, $XDG_CONFIG_HOME/drover/agent.yaml,\n"
    "                 /etc/drover/agent.yaml\n"
    "  --help         this text\n"
    "  --version      the version\n";

static void agent_release(agent_t *agent) {
    while (agent->runs != NULL) {
        run_t *run = agent->runs;
        agent->runs = run->next_run;
        run_destroy(&run);
    }
    book_clear(&agent->book);
    inventory_reading_destroy(&agent->reading);
    inventory_destroy(&agent->inventory);
    folder_destroy(&agent->folder);
    dialer_destroy(&agent->dialer);
    zloop_destroy(&agent->loop);
    bundles_destroy(&agent->bundles);
    orders_close(agent);
    notary_close(agent);
    shape_destroy(&agent->shared.shapes);
    journal_close(&agent->journal);
    keyfile_destroy(&agent->sign_key);
    keyfile_destroy(&agent->curve_key);
    keyfile_destroy(&agent->backup_key);
    agent_config_destroy(&agent->config);
    free(agent->leases);
    free(agent->texts_dir);
}

static status_t open_keys(agent_t *agent, error_t *err) {
    const agent_config_t *config = agent->config;
    TRY(keyfile_open(&(keyfile_open_t){.path = config->keys.sign, .kind = KEY_AGENT},
                     &agent->sign_key, err));
    TRY(keyfile_open(&(keyfile_open_t){.path = config->keys.curve, .kind = KEY_CURVE},
                     &agent->curve_key, err));
    if (config->keys.backup != NULL) {
        TRY(keyfile_open(&(keyfile_open_t){.path = config->keys.backup, .kind = KEY_BACKUP},
                         &agent->backup_key, err));
    }
    agent->shared.signer = (ledger_signer_t){.key = keyfile_sign_public(agent->sign_key),
                                             .secret = keyfile_sign_secret(agent->sign_key)};
    agent->shared.backup_keys = (backup_keys_t){
        .sign_public = agent->shared.signer.key,
        .sign_secret = agent->shared.signer.secret,
        .seal_public = agent->backup_key != NULL ? keyfile_seal_public(agent->backup_key) : NULL,
        .seal_secret = agent->backup_key != NULL ? keyfile_seal_secret(agent->backup_key) : NULL};
    return STATUS_OK;
}

/* A folder below the state folder, made where missing. The caller frees it. */
static status_t make_folder(const agent_t *agent, const char *name, char **ret_path, error_t *err) {
    char path[PATH_SIZE];
    int n = snprintf(path, sizeof path, "%s/%s", agent->config->state, name);
    if (n < 0 || (size_t)n >= sizeof path) {
        return error_set(err, ERROR_BOUND, "the path of 'state' is too long");
    }
    struct stat about;
    if (mkdir(path, 0700) != 0 && stat(path, &about) != 0) {
        return error_set(err, ERROR_IO, "%s: %m", path);
    }
    *ret_path = strdup(path);
    return *ret_path != NULL ? STATUS_OK : error_set(err, ERROR_NO_MEMORY, "out of memory");
}

/* Where a cluster was never read, nobody else can say so: its identity is not known. */
static void log_cluster(const inventory_cluster_t *cluster) {
    if (cluster->problem_code != ERROR_NONE) {
        log_warning("cluster not read", "cluster", cluster->name, "code",
                    error_code_text(cluster->problem_code), "problem", cluster->problem, "hint",
                    error_code_hint(cluster->problem_code));
        return;
    }
    if (!cluster->writable) {
        log_warning("cluster is a standby", "cluster", cluster->name, "code",
                    error_code_text(ERROR_DB_READ_ONLY), "effect", "its tenants are not read",
                    "hint", error_code_hint(ERROR_DB_READ_ONLY));
        return;
    }
    log_info("cluster read", "cluster", cluster->name);
}

static void on_clusters(void *context, size_t cluster) {
    agent_t *agent = context;
    log_cluster(inventory_cluster(agent->inventory, cluster));
    agent->clusters_changed = true;
    agent->beat_due_boot_us = 0;
}

static void on_tenants(void *context) {
    agent_t *agent = context;
    agent->must_commit = true; /* ids of databases that are not stamped yet */
}

static void on_missing(void *context, size_t cluster, const agent_config_tenant_t *listed) {
    const agent_t *agent = context;
    log_warning("listed database not found", "cluster",
                inventory_cluster(agent->inventory, cluster)->name, "database", listed->database,
                "tenant", listed->name, "hint",
                "make the database, or correct tenants.list in agent.yaml");
}

static status_t open_rooms(agent_t *agent, error_t *err) {
    CLEANUP(free_p) char *bundle_dir = NULL;
    CLEANUP(free_p) char *papers_dir = NULL;
    CLEANUP(free_p) char *orders_dir = NULL;
    agent->cluster_count = agent_config_cluster_count(agent->config);
    agent->leases = calloc(agent->cluster_count, sizeof *agent->leases);
    agent->loop = zloop_new();
    agent->shared.shapes = shape_new(SHAPES);
    if (agent->leases == NULL || agent->loop == NULL || agent->shared.shapes == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory");
    }
    TRY(journal_open(agent->config->state, &agent->journal, err));
    TRY(make_folder(agent, "shapes", &agent->texts_dir, err));
    TRY(make_folder(agent, "bundles", &bundle_dir, err));
    TRY(make_folder(agent, "papers", &papers_dir, err));
    TRY(make_folder(agent, "orders", &orders_dir, err));
    TRY(notary_open(agent, papers_dir, err));
    TRY(orders_open(agent, orders_dir, err));
    TRY(bundles_new(bundle_dir, agent->keeper, &agent->bundles, err));
    agent->shared.config = agent->config;
    agent->shared.texts_dir = agent->texts_dir;
    crew_attach(agent);
    inventory_callbacks_t calls = {.context = agent,
                                   .cluster_changed = on_clusters,
                                   .tenants_changed = on_tenants,
                                   .database_missing = on_missing};
    TRY(inventory_new(agent->config, agent->journal, &calls, &agent->inventory, err));
    if (agent->config->backup.directory != NULL) {
        TRY(backup_sweep(agent->config->backup.directory, NULL, err));
    }
    return STATUS_OK;
}

static status_t serve(const char *config_path, error_t *err) {
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(agent_release) agent_t agent = {0};
    agent.runs_end = &agent.runs;
    static problems_t problems;
    TRY(random_start(err));
    TRY(config_find((config_search_t){.program = "agent", .explicit_path = config_path}, &path,
                    err));
    if (agent_config_load(path, &problems, &agent.config, err) != STATUS_OK) {
        problems_print(&problems, stderr);
        return STATUS_ERROR;
    }
    log_set_level(agent.config->log_level);
    connection_clear_environment(getenv("PGSERVICEFILE"));
    TRY(transport_start(err));
    TRY(open_keys(&agent, err));
    agent.problems = &problems;
    if (open_rooms(&agent, err) != STATUS_OK) {
        problems_print(&problems, stderr); /* of the policy */
        return STATUS_ERROR;
    }
    TRY(crew_resume(&agent, err));
    TRY(link_start(&agent, err));
    log_info("ready", "agent", agent.config->name, "jobs", LOG_NUMBER(crew_count(&agent)));
    return loop_run(&agent, err);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], BACKUP_WORKER_WORD) == 0) {
        return backup_worker_main();
    }
    if (argc > 1 && strcmp(argv[1], "enroll") == 0) {
        return enroll_main(argc - 2, argv + 2);
    }
    if (argc > 1 && strcmp(argv[1], "orders") == 0) {
        return orders_list_main(argc - 2, argv + 2);
    }
    const char *config_path = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            (void)fputs(USAGE, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            (void)puts("drover-agent " DROVER_VERSION);
            return 0;
        }
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            config_path = argv[++i];
            continue;
        }
        (void)fprintf(stderr, "drover-agent: '%s' is not understood\n%s", argv[i], USAGE);
        return 2;
    }
    error_t err = {0};
    if (serve(config_path, &err) != STATUS_OK) {
        error_print(&err, "drover-agent");
        return error_code_exit(err.code);
    }
    return 0;
}
