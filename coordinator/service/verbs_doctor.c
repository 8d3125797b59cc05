/*
 * verbs_doctor.c: what a fleet is left with after bad days: what agents found behind in clusters
 * and tenants, and what the catalog itself knows to be not as it should be. Only read; each finding
 * says where, how bad, and which command mends it.
 */
#include "coordinator/service/lookup.h"
#include "coordinator/service/names.h"
#include "coordinator/service/reach.h"
#include "coordinator/service/verbs.h"
#include "coordinator/store/store_refill.h"
#include "coordinator/store/store_trust.h"

#include <string.h>

/* A server keeps 63 bytes of "drover tool of NAME". */
enum { WORDS_BYTES = 768, PAGE_TENANTS = 500, TOOL_AGENT_BYTES = 48 };

typedef enum severity {
    SEVERITY_NOTE,
    SEVERITY_WARNING,
    SEVERITY_ERROR,
    SEVERITY_COUNT
} severity_t;

typedef struct doctor {
    call_t *call;
    fleet_t fleet;
    int64_t found;
    int64_t tenants;
    bool cut; /* more than a page holds */
    error_t failed;
    const char *last_name;
    ident_t last_id;
    uint32_t read;
} doctor_t;

typedef struct ailment {
    const char *kind;
    severity_t severity;
    const char *what;
    uint64_t cluster; /* 0: none */
    const char *database;
    const char *tenant;
    int64_t seen_us;
    const char *command;
} ailment_t;

static void add(doctor_t *doctor, const ailment_t *ailment) {
    static const char *const SEVERITIES[SEVERITY_COUNT] = {"note", "warning", "error"};
    call_t *call = doctor->call;
    doctor->found++;
    if (doctor->failed.code != ERROR_NONE || call_is_full(call)) {
        doctor->cut = true;
        return;
    }
    CLEANUP(row_free) row_t row = row_new();
    row_text(&row, "kind", ailment->kind);
    row_text(&row, "severity", SEVERITIES[ailment->severity]);
    row_text(&row, "what", ailment->what);
    row_text(&row, "cluster",
             ailment->cluster != 0 ? fleet_cluster_name(&doctor->fleet, ailment->cluster) : "");
    row_text(&row, "database", ailment->database != NULL ? ailment->database : "");
    row_text(&row, "tenant", ailment->tenant != NULL ? ailment->tenant : "");
    row_time(&row, "seen", ailment->seen_us);
    row_text(&row, "command", ailment->command);
    if (call_add(call, "findings", &row, &doctor->failed) != STATUS_OK) {
        doctor->cut = true; /* told at the end */
    }
}

/* --- what agents found ----------------------------------------------------------------------- */

/* How a kind of leftover reads and is mended. In the command %s is its name or its path, quoted, %d
 * the folder that it stands in, %a the agent's name as its tools bear it at the server. */
typedef struct remedy {
    const char *kind;
    severity_t severity;
    const char *what;
    const char *command;
    bool in_tenant; /* the command is for the tenant's own database */
    bool on_host;   /* the command is for the agent's host, %s the path */
} remedy_t;

static const remedy_t REMEDIES[] = {
    {"backend", SEVERITY_ERROR, "a session of Drover's that no job owns",
     "psql -d postgres -c \"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
     "'%s' AND application_name = 'drover agent'\"",
     false, false},
    {"tool", SEVERITY_ERROR, "a session of pg_dump or pg_restore that no job of its agent owns",
     "psql -d postgres -c \"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
     "'%s' AND application_name = 'drover tool of %a'\"",
     false, false},
    {"trial_database", SEVERITY_WARNING, "the database of a trial restore that was not dropped",
     "psql -d postgres -c 'DROP DATABASE \"%s\"'", false, false},
    {"restore_database", SEVERITY_WARNING, "a restore that did not come to its end",
     "psql -d postgres -c 'DROP DATABASE \"%s\"'", false, false},
    {"kept_database", SEVERITY_NOTE, "a tenant's database as it was before a restore",
     "psql -d postgres -c 'DROP DATABASE \"%s\"'", false, false},
    {"invalid_index", SEVERITY_ERROR, "an index that is not valid", "REINDEX INDEX CONCURRENTLY %s",
     true, false},
    {"lock", SEVERITY_ERROR, "Drover's lock on the tenant, held by a session that is not Drover's",
     "SELECT pg_terminate_backend(%s)", true, false},
    {"backup_partial", SEVERITY_WARNING, "a partial backup that no worker writes", "rm -- '%s'",
     false, true},
    /* nothing is removed by a line that somebody copies: a folder moved is moved back */
    {"backup_orphan", SEVERITY_NOTE,
     "backups of a tenant that its agent no longer has: nobody prunes them, and they may be all "
     "that is left of it",
     "mkdir -p -m 700 -- '%d/quarantine' && mv -n -- '%s' '%d/quarantine/'", false, true},
    {"backup_old", SEVERITY_NOTE, "backups long past their retention, which pruning passes over",
     "drover backup prune --select 'agent=%s'", false, false},
    {"statement", SEVERITY_ERROR, "a script outside a transaction that stopped half way",
     "drover rollout retry ROLLOUT --tenant %s", true, false},
};

static const remedy_t *find_remedy(const char *kind) {
    for (size_t i = 0; i < sizeof REMEDIES / sizeof REMEDIES[0]; i++) {
        if (strcmp(REMEDIES[i].kind, kind) == 0) {
            return &REMEDIES[i];
        }
    }
    return NULL;
}

/* The tenant's name and database; empty where the leftover is the cluster's, or inventory lost it.
 */
static tenant_row_t tenant_of(doctor_t *doctor, const ident_t *id) {
    char text[IDENT_TEXT_SIZE];
    tenant_row_t tenant = {.name = "", .database = ""};
    error_t unknown = {0};
    call_t *call = doctor->call;
    if (ident_is_null(id) || store_tenant_get(call->store, ident_text(id, text), &call->arena,
                                              &tenant, &unknown) != STATUS_OK) {
        return (tenant_row_t){.name = "", .database = ""};
    }
    return tenant;
}

/* Names with quotes in them are nothing that a command line may be made of. */
static bool is_plain(const char *name) {
    return strpbrk(name, "'\"\\`$;\n") == NULL;
}

/* What the command is about: a name, or a path on the agent's host; "" where that did not travel
 * whole, or leads elsewhere. */
static void put_subject(const doctor_t *doctor, const remedy_t *remedy,
                        const service_leftover_t *left, const tenant_row_t *tenant, buffer_t *out) {
    if (strcmp(remedy->kind, "statement") == 0) {
        buffer_text(out, tenant->name);
    } else if (strcmp(remedy->kind, "backup_old") == 0) {
        buffer_text(out, fleet_agent_name(&doctor->fleet, &left->agent));
    } else if (!remedy->on_host) {
        buffer_text(out, left->name);
    } else if (left->detail[0] == '/' && strstr(left->name, "..") == NULL) {
        buffer_format(out, "%s/%s", left->detail, left->name);
    }
}

/* What stands in a command's places. */
typedef struct filling {
    const char *subject;
    const char *folder;
    const char *agent;
} filling_t;

static void put_filled(const char *form, const filling_t *filling, buffer_t *out) {
    for (const char *at = form; *at != '\0'; at++) {
        char place = at[0] == '%' ? at[1] : '\0';
        if (place == 's' || place == 'd') {
            buffer_text(out, place == 's' ? filling->subject : filling->folder);
            at++;
        } else if (place == 'a') {
            buffer_format(out, "%.*s", TOOL_AGENT_BYTES, filling->agent);
            at++;
        } else {
            buffer_char(out, *at);
        }
    }
}

static void put_command(const doctor_t *doctor, const remedy_t *remedy,
                        const service_leftover_t *left, const tenant_row_t *tenant, buffer_t *out) {
    CLEANUP(buffer_free) buffer_t subject = {0};
    put_subject(doctor, remedy, left, tenant, &subject);
    if (subject.size == 0) {
        buffer_text(out, "systemctl restart drover-agent (on its host), which removes partial "
                         "backups; else by hand in its backup.directory");
        return;
    }
    const filling_t filling = {.subject = buffer_string(&subject),
                               .folder = left->detail,
                               .agent = fleet_agent_name(&doctor->fleet, &left->agent)};
    if (!is_plain(filling.subject) || !is_plain(tenant->database) || !is_plain(filling.agent)) {
        buffer_text(out, "its name has quotes in it: mend it by hand");
        return;
    }
    bool sql = remedy->in_tenant && strcmp(remedy->kind, "statement") != 0;
    if (sql) {
        buffer_format(out, "psql -d '%s' -c '", tenant->database);
    }
    put_filled(remedy->command, &filling, out);
    buffer_text(out, sql ? "'" : "");
}

/* Whose backups they are, and what to see first: a tenant that moved to another agent may be served
 * there and its old backups be of use, one that is gone may be wanted back. */
static void put_owner(const service_leftover_t *left, const tenant_row_t *tenant, buffer_t *out) {
    if (tenant->name[0] == '\0') {
        buffer_text(out, "; no tenant of the catalog has that id. Ask whose it was before you let "
                         "go of them");
        return;
    }
    buffer_format(
        out,
        "; it is tenant '%s' of the catalog, database %s. See 'drover tenant show %s' for "
        "who has it now",
        tenant->name, tenant->database, left->name);
}

static void add_leftover(void *context, const service_leftover_t *left) {
    doctor_t *doctor = context;
    const remedy_t *remedy = find_remedy(left->kind);
    CLEANUP(buffer_free) buffer_t command = {0};
    CLEANUP(buffer_free) buffer_t what = {0};
    if (remedy == NULL) {
        return; /* of an agent that is newer: it is told by a newer coordinator */
    }
    bool folder = strncmp(left->kind, "backup_", strlen("backup_")) == 0;
    bool orphan = strcmp(left->kind, "backup_orphan") == 0;
    ident_t of = left->tenant;
    error_t no_id = {0};
    if (orphan && ident_parse(left->name, &of, &no_id) != STATUS_OK) {
        of = (ident_t){{0}};
    }
    tenant_row_t tenant = tenant_of(doctor, &of);
    put_command(doctor, remedy, left, &tenant, &command);
    buffer_format(&what, "%s: %s%s%s", remedy->what, left->name,
                  left->detail[0] != '\0' ? ", " : "", left->detail);
    if (folder) { /* the agent's own, and no cluster's */
        buffer_format(&what, ", on the host of agent '%s'",
                      fleet_agent_name(&doctor->fleet, &left->agent));
    }
    if (orphan) {
        put_owner(left, &tenant, &what);
    }
    add(doctor, &(ailment_t){.kind = left->kind,
                             .severity = remedy->severity,
                             .what = buffer_string(&what),
                             .cluster = folder ? 0 : left->system_identifier,
                             .database = remedy->in_tenant ? tenant.database
                                         : folder          ? ""
                                                           : left->name,
                             .tenant = tenant.name,
                             .seen_us = left->seen_us,
                             .command = buffer_string(&command)});
}

/* --- what the catalog knows ------------------------------------------------------------------ */

static void add_tenant(doctor_t *doctor, const tenant_row_t *tenant, bool clone) {
    char what[WORDS_BYTES];
    char command[WORDS_BYTES];
    if (!clone && (tenant->problem_code == NULL || tenant->problem_code[0] == '\0')) {
        return;
    }
    error_code_t code = error_code_parse(tenant->problem_code);
    (void)snprintf(what, sizeof what, "%s: %s %.500s", clone ? "a clone" : "quarantined",
                   tenant->problem_code, tenant->problem);
    (void)snprintf(command, sizeof command, "%s",
                   code != ERROR_NONE ? error_code_hint(code) : "drover tenants");
    add(doctor, &(ailment_t){.kind = clone ? "clone" : "quarantined",
                             .severity = SEVERITY_WARNING,
                             .what = what,
                             .cluster = tenant->system_identifier,
                             .database = tenant->database,
                             .tenant = tenant->name,
                             .seen_us = tenant->observed_us,
                             .command = command});
}

static status_t take_tenant(void *context, const tenant_row_t *tenant, error_t *err) {
    doctor_t *doctor = context;
    doctor->read++;
    doctor->tenants++;
    doctor->last_id = tenant->id;
    add_tenant(doctor, tenant, false);
    return arena_text(&doctor->call->arena, tenant->name, strlen(tenant->name), &doctor->last_name,
                      err);
}

static status_t take_clone(void *context, const tenant_row_t *tenant, error_t *err) {
    (void)err;
    add_tenant(context, tenant, true);
    return STATUS_OK;
}

static status_t look_at_tenants(doctor_t *doctor, error_t *err) {
    tenant_page_t page = {.limit = PAGE_TENANTS};
    do { /* ends with the fleet */
        doctor->read = 0;
        TRY(store_tenant_each(doctor->call->store, &page, take_tenant, doctor, err));
        page.after_name = doctor->last_name;
        page.after_id = doctor->last_id;
    } while (doctor->read == page.limit);
    return store_tenant_each_clone(doctor->call->store, take_clone, doctor, err);
}

static void add_suspended(doctor_t *doctor, const agent_row_t *agent) {
    char command[WORDS_BYTES];
    CLEANUP(buffer_free) buffer_t what = {0};
    reach_suspension(agent, &what);
    if (what.size == 0) {
        return;
    }
    (void)snprintf(command, sizeof command,
                   "drover agents resume %.128s --reason TEXT; revoke it and enrol its host with "
                   "new keys, where those may be lost, too",
                   agent->name);
    add(doctor, &(ailment_t){.kind = "agent_suspended",
                             .severity = SEVERITY_ERROR,
                             .what = buffer_string(&what),
                             .seen_us = agent->suspended_us,
                             .command = command});
}

static status_t take_agent(void *context, const enrolment_row_t *enrolment, error_t *err) {
    doctor_t *doctor = context;
    char what[WORDS_BYTES];
    const char *problem = "";
    const agent_row_t *agent = fleet_agent(&doctor->fleet, &enrolment->curve);
    (void)err;
    add_suspended(doctor, agent);
    if (reach_agent(doctor->call, &enrolment->curve, &problem)) {
        return STATUS_OK;
    }
    (void)snprintf(what, sizeof what, "agent '%.128s' %s%s%.300s", enrolment->name,
                   agent != NULL ? "is not connected" : "has a card, but never connected",
                   problem[0] != '\0' ? ": " : "", problem);
    add(doctor, &(ailment_t){.kind = "agent_silent",
                             .severity = SEVERITY_ERROR,
                             .what = what,
                             .seen_us = agent != NULL ? agent->last_seen_us : 0,
                             .command = "systemctl start drover-agent (on its host); drover agents "
                                        "revoke, where it will not come back"});
    return STATUS_OK;
}

static void look_at_clusters(doctor_t *doctor) {
    for (size_t i = 0; i < doctor->fleet.cluster_count; i++) {
        const cluster_row_t *cluster = &doctor->fleet.clusters[i];
        CLEANUP(buffer_free) buffer_t why = {0};
        reach_blocker(doctor->call, &doctor->fleet, cluster->system_identifier, &why);
        if (why.size > 0) {
            add(doctor, &(ailment_t){.kind = "cluster_out_of_reach",
                                     .severity = SEVERITY_ERROR,
                                     .what = buffer_string(&why),
                                     .cluster = cluster->system_identifier,
                                     .seen_us = cluster->last_seen_us,
                                     .command = "drover clusters"});
        }
    }
}

/* --- rollouts -------------------------------------------------------------------------------- */

static void add_doubt(doctor_t *doctor, const rollout_t *rollout, const task_t *task) {
    char id[IDENT_TEXT_SIZE];
    char what[WORDS_BYTES];
    char command[WORDS_BYTES];
    char state[NAMES_STATE_MAX];
    agent_key_t holder;
    const char *problem = "";
    bool readable = engine_holder(doctor->call->engine, task->system_identifier, &holder) &&
                    reach_agent(doctor->call, &holder, &problem);
    (void)snprintf(what, sizeof what,
                   "its task in rollout '%.128s' is %s: nobody has told how it "
                   "ended",
                   rollout->name, names_task_state(task->state, state));
    (void)ident_text(&rollout->id, id);
    if (readable) {
        (void)snprintf(command, sizeof command, "drover rollout retry %.8s --tenant %.128s", id,
                       task->tenant_name);
    } else {
        (void)snprintf(command, sizeof command,
                       "drover resolve %.128s --rollout %.8s --as applied|not-applied|gone "
                       "--reason TEXT",
                       task->tenant_name, id);
    }
    add(doctor, &(ailment_t){.kind = "task_in_doubt",
                             .severity = SEVERITY_ERROR,
                             .what = what,
                             .cluster = task->system_identifier,
                             .database = task->database,
                             .tenant = task->tenant_name,
                             .seen_us = task->started_us,
                             .command = command});
}

/* A task that ended well while the ledger, read later, says otherwise. */
static void compare_ledger(doctor_t *doctor, const rollout_t *rollout, const task_t *task) {
    bool moves = rollout->kind == KIND_FORWARD || rollout->kind == KIND_UNDO;
    char what[WORDS_BYTES];
    if (!moves || task->state != TASK_SUCCEEDED) {
        return;
    }
    tenant_row_t tenant = tenant_of(doctor, &task->tenant);
    const application_row_t *known = fleet_application(&tenant, rollout->application);
    if (known == NULL || known->observed_us <= task->finished_us ||
        known->position == task->position) {
        return;
    }
    (void)snprintf(what, sizeof what,
                   "rollout '%.128s' left it at position %u, its ledger, read later, says %u",
                   rollout->name, task->position, known->position);
    add(doctor, &(ailment_t){.kind = "ledger_differs",
                             .severity = SEVERITY_ERROR,
                             .what = what,
                             .cluster = task->system_identifier,
                             .database = task->database,
                             .tenant = task->tenant_name,
                             .seen_us = known->observed_us,
                             .command = "drover history TENANT"});
}

static void look_at_rollouts(doctor_t *doctor) {
    for (size_t i = 0; i < engine_rollout_count(doctor->call->engine); i++) {
        const rollout_t *rollout = engine_rollout_at(doctor->call->engine, i);
        for (uint32_t t = 0; t < rollout->task_count; t++) {
            const task_t *task = &rollout->tasks[t];
            if (task->state == TASK_UNKNOWN || task->state == TASK_OUTSTANDING) {
                add_doubt(doctor, rollout, task);
            }
            compare_ledger(doctor, rollout, task);
        }
    }
}

static status_t look_at_catalog(doctor_t *doctor, error_t *err) {
    refill_row_t refill = {0};
    TRY(store_refill_get(doctor->call->store, &doctor->call->arena, &refill, err));
    if (refill.open) {
        add(doctor, &(ailment_t){.kind = "catalog_recovering",
                                 .severity = SEVERITY_ERROR,
                                 .what = refill.reason,
                                 .seen_us = refill.since_us,
                                 .command = "drover coordinator recovery"});
    }
    return STATUS_OK;
}

status_t verbs_fleet_doctor(call_t *call, error_t *err) {
    doctor_t doctor = {.call = call};
    const service_presence_t *presence = call->question->presence;
    TRY(fleet_load(call, &doctor.fleet, err));
    call_array(call, "findings");
    TRY(look_at_catalog(&doctor, err));
    TRY(store_enrolment_each(call->store, ENROLMENT_ACCEPTED, take_agent, &doctor, err));
    look_at_clusters(&doctor);
    look_at_rollouts(&doctor);
    if (presence != NULL && presence->leftovers != NULL) {
        presence->leftovers(presence->context, add_leftover, &doctor);
    }
    TRY(look_at_tenants(&doctor, err));
    if (doctor.failed.code != ERROR_NONE) {
        *err = doctor.failed;
        return STATUS_ERROR;
    }
    row_number(&call->document, "found", doctor.found);
    row_flag(&call->document, "cut", doctor.cut);
    row_number(&call->document, "agents", (int64_t)doctor.fleet.agent_count);
    row_number(&call->document, "clusters", (int64_t)doctor.fleet.cluster_count);
    row_number(&call->document, "tenants", doctor.tenants);
    return STATUS_OK;
}
