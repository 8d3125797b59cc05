/* doctor.c: each finding says where, how bad, and the command that mends it. */
#include "tests/unit/coordinator/service/world.h"

/* What agents found, and whether they are there; of one test. */
static struct {
    service_leftover_t items[16];
    size_t count;
    bool away;
} found;

static bool agent_presence(void *context, const agent_key_t *agent, const char **ret_problem) {
    (void)context;
    (void)agent;
    *ret_problem = found.away ? "stopped" : "";
    return !found.away;
}

static bool sees_standby(void *context, uint64_t cluster) {
    (void)context;
    (void)cluster;
    return false;
}

static void each_leftover(void *context, service_leftover_fn *fn, void *fn_context) {
    (void)context;
    for (size_t i = 0; i < found.count; i++) {
        fn(fn_context, &found.items[i]);
    }
}

static const service_presence_t PRESENCE = {
    .agent = agent_presence, .standby = sees_standby, .leftovers = each_leftover};

static int set_up(void **state) {
    int answer = world_set_up(state);
    found.count = 0;
    found.away = false;
    if (answer == 0) {
        ((world_t *)*state)->presence = &PRESENCE;
    }
    return answer;
}

/* A fleet in which nothing is wrong: its agent holds both clusters. */
static void get_well(world_t *w) {
    world_card(w, 1, "host1");
    world_put(w, &(world_tenant_t){.n = 1, .name = "acme", .position = 3});
    (void)world_dispatch(w);
}

static json_t *findings(world_t *w, size_t count) {
    json_t *document = ask(w, "fleet.doctor", "{}");
    assert_int_equal(size_of(document, "findings"), count);
    assert_int_equal(number_of(document, "found"), count);
    return document;
}

/* An agent found this; the answer is about it alone. */
static json_t *leave(world_t *w, const char *kind, const char *name, const char *detail) {
    found.count = 1;
    found.items[0] = (service_leftover_t){.system_identifier = CLUSTER,
                                          .agent = key_of(1),
                                          .tenant = id_of(1),
                                          .seen_us = 5,
                                          .kind = kind,
                                          .name = name,
                                          .detail = detail};
    json_t *document = findings(w, 1);
    assert_string_equal(text_of(document, "findings.0.kind"), kind);
    assert_int_equal(number_of(document, "findings.0.seen_us"), 5);
    return document;
}

static void a_clean_fleet(void **state) {
    world_t *w = *state;
    get_well(w);
    json_t *document = findings(w, 0);
    assert_int_equal(number_of(document, "agents"), 1);
    assert_int_equal(number_of(document, "clusters"), 2);
    assert_int_equal(number_of(document, "tenants"), 1);
    assert_int_equal(number_of(document, "cut"), false);
}

static void leftovers_are_mended_by_their_names(void **state) {
    static const struct {
        const char *kind;
        const char *name;
        const char *detail;
        const char *severity;
        const char *command;
    } CASES[] = {
        {"backend", "acme", "pid 7", "error",
         "psql -d postgres -c \"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
         "datname = 'acme' AND application_name = 'drover agent'\""},
        {"tool", "acme", "pid 7", "error",
         "psql -d postgres -c \"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
         "datname = 'acme' AND application_name = 'drover tool of host1'\""},
        {"trial_database", "drover_trial_1", "", "warning",
         "psql -d postgres -c 'DROP DATABASE \"drover_trial_1\"'"},
        {"restore_database", "acme_drover_new_1", "", "warning",
         "psql -d postgres -c 'DROP DATABASE \"acme_drover_new_1\"'"},
        {"kept_database", "acme_drover_old_1", "", "note",
         "psql -d postgres -c 'DROP DATABASE \"acme_drover_old_1\"'"},
        {"invalid_index", "public.bad", "on public.t", "error",
         "psql -d 'acme' -c 'REINDEX INDEX CONCURRENTLY public.bad'"},
        {"statement", "app", "statement 2", "error", "drover rollout retry ROLLOUT --tenant acme"},
        {"lock", "4711", "application app", "error",
         "psql -d 'acme' -c 'SELECT pg_terminate_backend(4711)'"},
        {"backup_partial", "T/x.partial", "/var/b", "warning", "rm -- '/var/b/T/x.partial'"},
        {"backup_orphan", "T", "/var/b", "note",
         "mkdir -p -m 700 -- '/var/b/quarantine' && mv -n -- '/var/b/T' '/var/b/quarantine/'"},
        {"backup_old", "3 backups", "of 2 tenants", "note",
         "drover backup prune --select 'agent=host1'"},
    };
    world_t *w = *state;
    get_well(w);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        json_t *document = leave(w, CASES[i].kind, CASES[i].name, CASES[i].detail);
        assert_string_equal(text_of(document, "findings.0.command"), CASES[i].command);
        assert_string_equal(text_of(document, "findings.0.severity"), CASES[i].severity);
        assert_non_null(strstr(text_of(document, "findings.0.what"), CASES[i].name));
        assert_non_null(strstr(text_of(document, "findings.0.what"), CASES[i].detail));
        bool folder = strncmp(CASES[i].kind, "backup_", 7) == 0;
        assert_string_equal(text_of(document, "findings.0.cluster"), folder ? "" : "east");
        assert_true(folder ==
                    (strstr(text_of(document, "findings.0.what"), "agent 'host1'") != NULL));
    }
}

/* No command line is made of what could be more than a name. */
static void names_that_are_none(void **state) {
    world_t *w = *state;
    get_well(w);
    static const char *const BAD[] = {"a'; DROP TABLE x; --", "$(reboot)", "`reboot`", "a\"b",
                                      "a\nb"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        json_t *document = leave(w, "trial_database", BAD[i], "");
        assert_string_equal(text_of(document, "findings.0.command"),
                            "its name has quotes in it: mend it by hand");
        document = leave(w, "backup_partial", BAD[i], "/var/b");
        assert_null(strstr(text_of(document, "findings.0.command"), "rm"));
    }
    json_t *document = leave(w, "backup_orphan", "../../etc", "/var/b");
    assert_null(strstr(text_of(document, "findings.0.command"), "mv"));
    document = leave(w, "backup_orphan", "T", "/var/b'; reboot; '");
    assert_string_equal(text_of(document, "findings.0.command"),
                        "its name has quotes in it: mend it by hand");
    document = leave(w, "backup_partial", "T/x.partial", ""); /* too long to travel */
    assert_non_null(strstr(text_of(document, "findings.0.command"), "restart drover-agent"));
    found.items[0].kind = "of a newer agent";
    (void)findings(w, 0);
}

/* Backups of nobody may be all that is left of somebody: who that is, as far as the catalog knows.
 */
static void whose_backups_they_are(void **state) {
    world_t *w = *state;
    char id[IDENT_TEXT_SIZE];
    const ident_t acme = id_of(1);
    const ident_t unknown = id_of(4711);
    get_well(w);
    json_t *document = leave(w, "backup_orphan", ident_text(&acme, id), "/var/b");
    assert_string_equal(text_of(document, "findings.0.tenant"), "acme");
    assert_non_null(strstr(text_of(document, "findings.0.what"), "it is tenant 'acme'"));
    assert_non_null(strstr(text_of(document, "findings.0.what"), "'drover tenant show "));
    assert_string_equal(text_of(document, "findings.0.database"), "");
    document = leave(w, "backup_orphan", ident_text(&unknown, id), "/var/b");
    assert_string_equal(text_of(document, "findings.0.tenant"), "");
    assert_non_null(strstr(text_of(document, "findings.0.what"), "no tenant of the catalog"));
    assert_null(strstr(text_of(document, "findings.0.command"), "rm "));
}

static void agents_and_clusters(void **state) {
    world_t *w = *state;
    get_well(w);
    found.away = true;
    json_t *document = findings(w, 3);
    assert_string_equal(text_of(document, "findings.0.kind"), "agent_silent");
    assert_string_equal(text_of(document, "findings.1.kind"), "cluster_out_of_reach");
    assert_string_equal(text_of(document, "findings.1.cluster"), "east");
    found.away = false;
    world_suspend(w, 77);
    document = findings(w, 1);
    assert_string_equal(text_of(document, "findings.0.kind"), "agent_suspended");
    assert_int_equal(number_of(document, "findings.0.seen_us"), 77);
    assert_non_null(strstr(text_of(document, "findings.0.command"), "drover agents resume host1"));
    world_card(w, 2, "host2");
    document = findings(w, 1 + 0); /* found.away is about both: it is there */
    found.away = true;
    document = findings(w, 5);
    assert_non_null(strstr(text_of(document, "findings.2.what"), "never connected"));
}

static void tenants_set_aside(void **state) {
    world_t *w = *state;
    get_well(w);
    world_put(w,
              &(world_tenant_t){.n = 2, .name = "beta", .position = 3, .problem_code = "DRV-3026"});
    world_put(w,
              &(world_tenant_t){.n = 1, .name = "acme", .position = 3, .cluster = OTHER_CLUSTER});
    json_t *document = findings(w, 2);
    assert_string_equal(text_of(document, "findings.0.kind"), "quarantined");
    assert_string_equal(text_of(document, "findings.0.tenant"), "beta");
    assert_string_equal(text_of(document, "findings.0.command"),
                        error_code_hint(ERROR_LEDGER_EDITED));
    assert_string_equal(text_of(document, "findings.1.kind"), "clone");
    assert_string_equal(text_of(document, "findings.1.cluster"), "west");
}

/* A task in doubt: asked again where its ledger can be read, ruled on where nobody can. */
static void tasks_in_doubt(void **state) {
    world_t *w = *state;
    get_well(w);
    ask(w, "rollout.start",
        "{\"name\":\"first\",\"spec\":\"bundle: app\\ntarget: latest\\nselect: all\\n"
        "waves: [{name: a, rest: true}]\"}");
    rollout_t *rollout = world_rollout(w);
    OK(w, store_begin(w->store, &w->err));
    rollout->tasks[0].state = TASK_UNKNOWN;
    OK(w, store_rollout_save_task(w->store, &rollout->tasks[0], &w->err));
    OK(w, store_commit(w->store, &w->err));
    json_t *document = findings(w, 1);
    assert_string_equal(text_of(document, "findings.0.kind"), "task_in_doubt");
    assert_non_null(strstr(text_of(document, "findings.0.command"), "drover rollout retry "));
    found.away = true;
    document = findings(w, 4);
    assert_string_equal(text_of(document, "findings.3.kind"), "task_in_doubt");
    assert_non_null(
        strstr(text_of(document, "findings.3.command"), "--as applied|not-applied|gone"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, world_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_clean_fleet),       TEST(leftovers_are_mended_by_their_names),
        TEST(names_that_are_none), TEST(whose_backups_they_are),
        TEST(agents_and_clusters), TEST(tenants_set_aside),
        TEST(tasks_in_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
