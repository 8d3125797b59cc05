/* Tenants are found, read, kept and told; nobody is connected to without a reason. */
#include "common/base/clock.h"
#include "common/crypto/hash.h"
#include "tests/unit/agent/inventory/fixture.h"
#include "tests/unit/postgres/tenant.h"

enum { MANY = 40 };

static scratch_t scratch;
static connection_t *super;

static int set_up(void **state) {
    (void)state;
    scratch_start(&scratch);
    super = scratch_connect(&scratch, (scratch_who_t){"postgres", "postgres"});
    /* nothing here is about a crash, and a hundred databases are made */
    (void)scratch_run(super, "ALTER SYSTEM SET fsync = off");
    (void)scratch_run(super, "SELECT pg_reload_conf()");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    connection_destroy(&super);
    scratch_stop(&scratch);
    return 0;
}

static void start(bench_t *bench, const char *rest) {
    CLEANUP(buffer_free) buffer_t yaml = {0};
    buffer_format(&yaml, "    connection: {host: %s, user: drover}\n%s", scratch.folder, rest);
    bench_start(bench, buffer_string(&yaml));
}

static ident_t stamp(const char *database, tenant_t *tenant) {
    connection_t *c = scratch_connect(&scratch, (scratch_who_t){database, "drover"});
    tenant_baseline(tenant, c);
    connection_destroy(&c);
    return tenant->id;
}

static void count_tenant(const inventory_tenant_t *tenant, void *context) {
    (void)tenant;
    ++*(size_t *)context;
}

static size_t tenants_of(bench_t *bench) {
    size_t count = 0;
    inventory_each(bench->inventory, count_tenant, &count);
    return count;
}

static void test_discovery(void **state) {
    (void)state;
    bench_t bench;
    scratch_database(&scratch, "shop_a");
    scratch_database(&scratch, "shop_b");
    scratch_database(&scratch, "shop_tmp");
    scratch_database(&scratch, "shop_closed");
    scratch_database(&scratch, "odd one's");
    scratch_database(&scratch, "drover_trial_1");
    (void)scratch_run(super, "ALTER DATABASE shop_closed ALLOW_CONNECTIONS false");
    start(&bench, "    tenants:\n      pattern: \"*_*\"\n      exclude: [\"*tmp\"]\n"
                  "      labels: {tier: gold, region: eu}\n      list:\n"
                  "        - {database: \"odd one's\", name: odd, owner: drover,"
                  " labels: {tier: silver, beta: \"1\"}}\n"
                  "        - {database: not_there}\n");
    assert_false(inventory_is_complete(bench.inventory));
    bench_settle(&bench);
    const inventory_cluster_t *cluster = inventory_cluster(bench.inventory, 0);
    assert_true(cluster->writable && cluster->system_identifier != 0 && cluster->timeline == 1);
    assert_int_equal(cluster->server_version, connection_server_version(super));
    assert_true(bench.cluster_changes == 1 && cluster->last_seen_us > 0);
    assert_int_equal(tenants_of(&bench), 3);
    assert_true(inventory_is_complete(bench.inventory));
    assert_true(inventory_has_news(bench.inventory));
    bench_telling_t told = bench_tell(&bench, true, 500, "odd one's");
    assert_true(told.full && told.parts == 1 && told.tenants == 3);
    assert_string_equal(told.said.name, "odd");
    assert_string_equal(told.said.labels, "beta=1 region=eu tier=silver");
    assert_string_equal(told.said.problem_code, "");
    assert_false(told.said.stamped);
    assert_string_equal(bench_tenant(&bench, "odd one's")->owner, "drover");
    assert_string_equal(bench_tenant(&bench, "shop_a")->owner, "owner");
    assert_string_equal(bench_tell(&bench, true, 500, "shop_a").said.labels, "region=eu tier=gold");
    assert_true(bench_tenant(&bench, "shop_a")->size_bytes > 1000000);
    assert_false(inventory_has_news(bench.inventory));
    Drover__ClusterSeen seen;
    inventory_cluster_seen(bench.inventory, 0, &seen);
    assert_true(seen.writable && seen.parallel == 2);
    assert_string_equal(seen.problem, "");
    bench_stop(&bench);
}

static void test_ids(void **state) {
    (void)state;
    bench_t bench;
    tenant_t tenant = {0};
    scratch_database(&scratch, "id_bare");
    scratch_database(&scratch, "id_stamped");
    ident_t stamped = stamp("id_stamped", &tenant);
    start(&bench, "    tenants: {pattern: id_*}\n");
    bench_settle(&bench);
    ident_t bare = bench_tenant(&bench, "id_bare")->tenant;
    assert_false(ident_is_null(&bare));
    assert_false(bench_tenant(&bench, "id_bare")->stamped);
    const inventory_tenant_t *seen = bench_tenant(&bench, "id_stamped");
    assert_true(seen->stamped && ident_equal(&seen->tenant, &stamped));
    assert_int_equal(seen->application_count, 1);
    assert_string_equal(seen->applications[0].application, "shop");
    assert_int_equal(seen->applications[0].standing.seq, 1);
    assert_true(digest_equal(&seen->applications[0].standing.head, &tenant.head.digest));
    assert_ptr_equal(inventory_find_id(bench.inventory, seen->system_identifier, &stamped), seen);
    assert_null(inventory_find_id(bench.inventory, seen->system_identifier + 1, &stamped));
    assert_null(inventory_find_id(bench.inventory, seen->system_identifier, &tenant.token.attempt));
    bench_restart(&bench);
    bench_settle(&bench);
    assert_true(ident_equal(&bench_tenant(&bench, "id_bare")->tenant, &bare));
    /* somebody stamps it */
    tenant = (tenant_t){0};
    (void)stamp("id_bare", &tenant);
    bench_pass(&bench, 601);
    bench_telling_t told = bench_tell(&bench, false, 500, "id_bare");
    assert_true(told.said.stamped && ident_equal(&told.said.id, &tenant.id));
    assert_int_equal(told.said.position, 0);
    assert_int_equal(told.said.sequence, 1);
    bench_stop(&bench);
}

/* An id that was told and is another now is gone from its place. */
static void test_comes_and_goes(void **state) {
    (void)state;
    bench_t bench;
    tenant_t tenant = {0};
    scratch_database(&scratch, "go_a");
    ident_t first = stamp("go_a", &tenant);
    start(&bench, "    tenants: {pattern: go_*}\n");
    bench_settle(&bench);
    assert_int_equal(bench_tell(&bench, true, 500, "go_a").said.times, 1);
    scratch_database(&scratch, "go_b");
    bench_pass(&bench, 61);
    bench_telling_t told = bench_tell(&bench, false, 500, "go_b");
    assert_true(told.tenants == 1 && told.said.times == 1 && !told.full);
    ident_t second = told.said.id;
    (void)scratch_run(super, "DROP DATABASE go_b");
    bench_pass(&bench, 61);
    told = bench_tell(&bench, false, 500, "go_b");
    assert_true(told.tenants == 1 && told.said.gone == 1);
    assert_true(ident_equal(&told.said.gone_id, &second));
    assert_int_equal(tenants_of(&bench), 1);
    bench_pass(&bench, 61);
    assert_int_equal(bench_tell(&bench, false, 500, "go_b").tenants, 0);
    bench_pass(&bench, 700);
    assert_int_equal(bench_tell(&bench, true, 500, "go_b").said.times, 0);
    (void)scratch_run(super, "DROP DATABASE go_a");
    scratch_database(&scratch, "go_a");
    bench_pass(&bench, 61);
    told = bench_tell(&bench, false, 500, "go_a");
    assert_true(told.said.gone == 1 && told.said.times == 2);
    assert_true(ident_equal(&told.said.gone_id, &first));
    assert_false(told.said.stamped || ident_equal(&told.said.id, &first));
    bench_stop(&bench);
}

/* A rename is a move: gone from the old place, there at the new one, in this order. */
static void test_rename(void **state) {
    (void)state;
    bench_t bench;
    tenant_t tenant = {0};
    scratch_database(&scratch, "mv_z");
    ident_t id = stamp("mv_z", &tenant);
    start(&bench, "    tenants: {pattern: mv_*}\n");
    bench_settle(&bench);
    (void)bench_tell(&bench, true, 500, "");
    (void)scratch_run(super, "ALTER DATABASE mv_z RENAME TO mv_a");
    bench_pass(&bench, 61);
    bench_telling_t told = bench_tell(&bench, true, 500, "mv_a");
    assert_true(told.tenants == 2 && told.said.at == 2);
    assert_true(ident_equal(&told.said.id, &id));
    assert_string_equal(told.said.problem_code, "");
    /* and back again: it is not gone from where it stands */
    (void)scratch_run(super, "ALTER DATABASE mv_a RENAME TO mv_z");
    bench_pass(&bench, 61);
    told = bench_tell(&bench, true, 500, "mv_z");
    assert_true(told.said.times == 1 && told.said.gone == 0);
    bench_stop(&bench);
}

static bool has_begun(bench_t *bench, void *context) {
    return bench_connections(bench) >= *(unsigned *)context;
}

static void test_note(void **state) {
    (void)state;
    bench_t bench;
    tenant_t tenant = {0};
    scratch_database(&scratch, "note_a");
    ident_t id = stamp("note_a", &tenant);
    start(&bench, "    tenants: {pattern: note_*}\n");
    bench_settle(&bench);
    (void)bench_tell(&bench, true, 500, "");
    const inventory_tenant_t *seen = bench_tenant(&bench, "note_a");
    ledger_standing_t standing = seen->applications[0].standing;
    unsigned connections = bench_connections(&bench);
    standing.seq = 5;
    standing.position = 4;
    inventory_facts_t facts = {.tenant = id,
                               .application = "shop",
                               .standing = &standing,
                               .strict = hash_of(HASH_FINGERPRINT, "x", 1),
                               .observed = {.boot_us = seen->observed_boot_us - 1}};
    inventory_note(bench.inventory, seen->system_identifier, "note_a", &facts);
    assert_false(inventory_has_news(bench.inventory)); /* older than what is known */
    facts.observed.boot_us = seen->observed_boot_us + 5 * US_PER_S;
    inventory_note(bench.inventory, seen->system_identifier, "note_a", &facts);
    facts.application = "blog";
    inventory_note(bench.inventory, seen->system_identifier, "note_a", &facts);
    assert_int_equal(seen->application_count, 2);
    assert_string_equal(seen->applications[0].application, "blog");
    bench_telling_t told = bench_tell(&bench, false, 500, "note_a");
    assert_true(told.said.position == 4 && told.said.sequence == 5);
    bench_settle(&bench);
    assert_int_equal(bench_connections(&bench), connections);
    inventory_note(bench.inventory, seen->system_identifier, "unheard_of", &facts);
    assert_false(inventory_has_news(bench.inventory));
    /* a job that ends while a reading is under way knows better */
    bench.ahead_us += 601 * US_PER_S;
    connections += 2;
    bench_run(&bench, has_begun, &connections);
    facts.observed.boot_us += 700 * US_PER_S;
    facts.application = "shop";
    standing.seq = 6;
    inventory_note(bench.inventory, seen->system_identifier, "note_a", &facts);
    bench_settle(&bench);
    assert_int_equal(seen->application_count, 2);
    assert_int_equal(seen->applications[1].standing.seq, 6);
    /* the next reading says what is true */
    bench_pass(&bench, 601);
    assert_int_equal(bench_tell(&bench, false, 500, "note_a").said.sequence, 1);
    bench_stop(&bench);
}

/* The wall clock stood an hour ahead and is set right: what is read and noted from then on counts
 * at once, not only when that hour has passed. */
static void test_clock_set_back(void **state) {
    (void)state;
    bench_t bench;
    tenant_t tenant = {0};
    scratch_database(&scratch, "clock_a");
    ident_t id = stamp("clock_a", &tenant);
    start(&bench, "    tenants: {pattern: clock_*}\n");
    bench.wrong_us = 3600 * US_PER_S;
    bench_settle(&bench);
    (void)bench_tell(&bench, true, 500, "");
    const inventory_tenant_t *seen = bench_tenant(&bench, "clock_a");
    assert_true(seen->observed_us > clock_wall_us() + 3000 * US_PER_S);
    bench.wrong_us = 0;
    ledger_standing_t standing = seen->applications[0].standing;
    standing.seq = 5;
    inventory_facts_t facts = {
        .tenant = id,
        .application = "shop",
        .standing = &standing,
        .strict = hash_of(HASH_FINGERPRINT, "x", 1),
        .observed = {.boot_us = clock_boot_us(), .wall_us = clock_wall_us()}};
    inventory_note(bench.inventory, seen->system_identifier, "clock_a", &facts);
    assert_int_equal(bench_tell(&bench, false, 500, "clock_a").said.sequence, 5);
    assert_int_equal(seen->observed_us, facts.observed.wall_us); /* what is told */
    /* nor does a reading lose against what was noted, or read, while it stood ahead */
    facts.observed.boot_us = clock_boot_us();
    facts.observed.wall_us = clock_wall_us() + 3600 * US_PER_S;
    standing.seq = 6;
    inventory_note(bench.inventory, seen->system_identifier, "clock_a", &facts);
    assert_int_equal(bench_tell(&bench, false, 500, "clock_a").said.sequence, 6);
    bench_pass(&bench, 601);
    assert_int_equal(bench_tell(&bench, false, 500, "clock_a").said.sequence, 1);
    bench_stop(&bench);
}

static bool is_half_read(bench_t *bench, void *context) {
    (void)context;
    return bench->tenant_changes > MANY / 2;
}

static void test_many(void **state) {
    (void)state;
    bench_t bench;
    for (int i = 0; i < MANY; i++) {
        char sql[64];
        (void)snprintf(sql, sizeof sql, "CREATE DATABASE many_%03d OWNER owner", i);
        (void)scratch_run(super, sql);
    }
    start(&bench, "    parallel: 3\n    tenants: {pattern: \"regex:^many_[0-9]+$\"}\n");
    bench_run(&bench, is_half_read, NULL);
    assert_false(inventory_is_complete(bench.inventory));
    assert_int_equal(bench.most_sessions, 3);
    inventory_set_busy(bench.inventory, 0, true);
    bench_telling_t told = bench_tell(&bench, true, 500, "");
    assert_false(told.full);
    assert_in_range(told.tenants, MANY / 2, MANY - 1);
    bench_settle(&bench);
    assert_int_equal(tenants_of(&bench), MANY);
    assert_int_equal(bench_connections(&bench), 1 + MANY);
    told = bench_tell(&bench, true, 12, "many_032");
    assert_true(told.full && told.parts == 4 && told.tenants == MANY && told.said.times == 1);
    /* who is known is left alone; then read again, now one at a time */
    bench_pass(&bench, 61);
    assert_int_equal(bench_connections(&bench), 1 + MANY + 1);
    bench.most_sessions = 0;
    bench_pass(&bench, 601);
    assert_int_equal(bench_connections(&bench), 1 + MANY + 2 + MANY);
    assert_int_equal(bench.most_sessions, 1);
    assert_int_equal(bench_tell(&bench, false, 500, "").tenants, MANY);
    bench_stop(&bench);
}

/* What was not told to its end is told again. */
static void test_interrupted_telling(void **state) {
    (void)state;
    bench_t bench;
    error_t err = {0};
    inventory_part_t part = {0};
    start(&bench, "    tenants: {pattern: shop_a}\n");
    bench_settle(&bench);
    inventory_reading_t *reading = NULL;
    assert_int_equal(inventory_reading_new(bench.inventory, false, &reading, &err), STATUS_OK);
    assert_int_equal(inventory_reading_part(reading, 10, &part, &err), STATUS_OK);
    assert_true(part.last && part.count == 1);
    inventory_reading_destroy(&reading);
    assert_true(inventory_has_news(bench.inventory));
    assert_int_equal(bench_tell(&bench, false, 10, "").tenants, 1);
    bench_stop(&bench);
}

static void test_too_many_labels(void **state) {
    (void)state;
    error_t err = {0};
    yaml_pair_t own[20];
    yaml_pair_t common[20];
    for (size_t i = 0; i < 20; i++) {
        static char keys[40][8];
        (void)snprintf(keys[i], sizeof keys[i], "k%zu", i);
        (void)snprintf(keys[20 + i], sizeof keys[20 + i], "k%zu", i + 10);
        own[i] = (yaml_pair_t){keys[i], keys[i]};
        common[i] = (yaml_pair_t){keys[20 + i], keys[i]};
    }
    char name[] = "t";
    char cluster_name[] = "one";
    agent_config_tenant_t listed = {name, name, NULL, {own, 20}};
    agent_config_cluster_t cluster = {.name = cluster_name,
                                      .tenants = {.list = {&listed, 1}, .labels = {common, 20}}};
    agent_config_t config = {.parallel = 2, .clusters = {&cluster, 1}};
    inventory_callbacks_t callbacks = {0};
    inventory_t *inventory = NULL;
    assert_int_equal(inventory_new(&config, NULL, &callbacks, &inventory, &err), STATUS_OK);
    inventory_destroy(&inventory);
    common[19].key = common[18].key = name; /* 20 + 12 still fit, 20 + 13 do not */
    own[0].key = cluster_name;
    own[10].key = cluster_name;
    own[11].key = cluster_name;
    own[12].key = cluster_name;
    assert_int_equal(inventory_new(&config, NULL, &callbacks, &inventory, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    assert_null(inventory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_discovery),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_comes_and_goes),
        cmocka_unit_test(test_rename),
        cmocka_unit_test(test_note),
        cmocka_unit_test(test_clock_set_back),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_interrupted_telling),
        cmocka_unit_test(test_too_many_labels),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
