/*
 * leases.c: a lease runs from the moment when what its grant answers was sent, and no grant revives
 * what was given back after that.
 */
#include "agent/leases.h"
#include "agent/inventory/inventory_internal.h"
#include "common/base/clock.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PATH_SIZE = 64, CLUSTER = 77, OTHER = 78, VALID_MS = 15000 };

#define VALID_US (VALID_MS * US_PER_MS)

/* An agent of one cluster, whose identity it has read. */
typedef struct stage {
    char folder[PATH_SIZE];
    agent_t agent;
    agent_lease_t lease;
} stage_t;

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        char line[1024];
        fail_msg("%s", error_line(err, line, sizeof line));
    }
}

static void make_config(stage_t *stage) {
    CLEANUP(buffer_free) buffer_t text = {0};
    error_t err = {0};
    buffer_format(&text,
                  "name: one\n"
                  "coordinator: {address: \"tcp://127.0.0.1:1\",\n"
                  "  curve: \"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\"}\n"
                  "keys: {sign: a, curve: b}\n"
                  "trust: {root: c}\n"
                  "state: %s\n"
                  "clusters: [{name: main, connection: {host: 127.0.0.1, port: 1},\n"
                  "            roles: {owner: o}, tenants: {list: [{database: d}]}}]\n",
                  stage->folder);
    const yaml_text_t source = {
        .name = "/agent.yaml", .bytes = buffer_string(&text), .size = text.size};
    must(agent_config_parse(&source, NULL, &stage->agent.config, &err), &err);
}

static int stage_up(void **state) {
    static const inventory_callbacks_t deaf;
    stage_t *stage = calloc(1, sizeof *stage);
    agent_t *agent = &stage->agent;
    error_t err = {0};
    (void)snprintf(stage->folder, sizeof stage->folder, "/tmp/drover-leases-XXXXXX");
    assert_non_null(mkdtemp(stage->folder));
    make_config(stage);
    agent->cluster_count = 1;
    agent->leases = &stage->lease;
    must(journal_open(agent->config->state, &agent->journal, &err), &err);
    must(inventory_new(agent->config, agent->journal, &deaf, &agent->inventory, &err), &err);
    agent->inventory->sites[0].seen.system_identifier = CLUSTER;
    *state = stage;
    return 0;
}

static int stage_down(void **state) {
    stage_t *stage = *state;
    inventory_destroy(&stage->agent.inventory);
    journal_close(&stage->agent.journal);
    agent_config_destroy(&stage->agent.config);
    int answered = scratch_remove(stage->folder);
    free(stage);
    return answered;
}

/* The coordinator's word about one cluster. */
static void hear(stage_t *stage, uint64_t cluster, int64_t valid_ms, uint64_t answers) {
    Drover__Lease lease = DROVER__LEASE__INIT;
    Drover__Lease *list[] = {&lease};
    lease.system_identifier = cluster;
    lease.valid_ms = valid_ms;
    leases_take(&stage->agent, &(leases_word_t){.leases = list, .count = 1, .answers = answers});
}

/* What the agent says of its cluster with its next hello or beat. */
static uint64_t say_seen(stage_t *stage, bool writable, const char *problem) {
    Drover__ClusterSeen seen = DROVER__CLUSTER_SEEN__INIT;
    Drover__ClusterSeen *list[] = {&seen};
    char text[PATH_SIZE];
    uint64_t number = leases_number(&stage->agent);
    (void)snprintf(text, sizeof text, "%s", problem);
    seen.writable = writable;
    seen.problem = text;
    leases_give_back(&stage->agent, list, 1);
    return number;
}

static void test_numbers_are_moments_and_grow(void **state) {
    stage_t *stage = *state;
    uint64_t before = (uint64_t)clock_boot_us();
    uint64_t first = leases_number(&stage->agent);
    assert_true(first >= before && first <= (uint64_t)clock_boot_us());
    stage->agent.said = first + US_PER_S; /* as after many within a microsecond */
    assert_true(leases_number(&stage->agent) == first + US_PER_S + 1);
}

static void test_a_lease_runs_from_what_it_answers(void **state) {
    stage_t *stage = *state;
    uint64_t number = leases_number(&stage->agent);
    hear(stage, CLUSTER, VALID_MS, number);
    assert_true(stage->lease.until_boot_us == (int64_t)number + VALID_US);
    assert_false(stage->lease.denied);
    hear(stage, OTHER, 0, number);
    assert_true(stage->lease.until_boot_us > 0); /* about a cluster that is none of ours */
    hear(stage, CLUSTER, 0, number);
    assert_true(stage->lease.until_boot_us == 0 && stage->lease.denied);
}

/* The grant lay in a socket while its process was stopped: it grants nothing any more. */
static void test_a_grant_that_lay_too_long(void **state) {
    stage_t *stage = *state;
    uint64_t number = leases_number(&stage->agent) - 2 * VALID_US;
    hear(stage, CLUSTER, VALID_MS, number);
    assert_true(stage->lease.until_boot_us == (int64_t)number + VALID_US);
    assert_true(stage->lease.until_boot_us < clock_boot_us());
}

/* It was on its way when the cluster was given back. */
static void test_a_grant_from_before_a_give_back(void **state) {
    stage_t *stage = *state;
    uint64_t before = say_seen(stage, true, "");
    hear(stage, CLUSTER, VALID_MS, before);
    uint64_t given = say_seen(stage, false, "");
    assert_true(stage->lease.until_boot_us == 0);
    hear(stage, CLUSTER, VALID_MS, before);
    assert_true(stage->lease.until_boot_us == 0);
    hear(stage, CLUSTER, 0, given);
    uint64_t again = say_seen(stage, true, "");
    hear(stage, CLUSTER, VALID_MS, again);
    assert_true(stage->lease.until_boot_us == (int64_t)again + VALID_US);
    (void)say_seen(stage, true, "out of reach"); /* what it cannot reach it cannot act on */
    hear(stage, CLUSTER, VALID_MS, again);
    assert_true(stage->lease.until_boot_us == 0);
}

/* Words that overtook each other: the one that answers what was said later counts. */
static void test_an_older_word_changes_nothing(void **state) {
    stage_t *stage = *state;
    uint64_t older = leases_number(&stage->agent);
    uint64_t newer = leases_number(&stage->agent);
    hear(stage, CLUSTER, VALID_MS, newer);
    hear(stage, CLUSTER, 0, older);
    assert_true(stage->lease.until_boot_us == (int64_t)newer + VALID_US);
    assert_false(stage->lease.denied);
    hear(stage, CLUSTER, 0, newer + 1); /* answers what was never said */
    assert_true(stage->lease.until_boot_us == (int64_t)newer + VALID_US);
}

/* An older coordinator names nothing: from the receipt, as it was. */
static void test_a_word_without_a_number(void **state) {
    stage_t *stage = *state;
    (void)leases_number(&stage->agent);
    int64_t before = clock_boot_us();
    hear(stage, CLUSTER, VALID_MS, 0);
    assert_true(stage->lease.until_boot_us >= before + VALID_US);
    assert_true(stage->lease.until_boot_us <= clock_boot_us() + VALID_US);
}

static void test_nobody_grants_for_ever(void **state) {
    stage_t *stage = *state;
    uint64_t number = leases_number(&stage->agent);
    hear(stage, CLUSTER, INT64_MAX, number);
    assert_true(stage->lease.until_boot_us == (int64_t)number + INT64_C(3600) * US_PER_S);
    hear(stage, CLUSTER, INT64_MIN, number);
    assert_true(stage->lease.until_boot_us == 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, stage_up, stage_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_numbers_are_moments_and_grow),  TEST(test_a_lease_runs_from_what_it_answers),
        TEST(test_a_grant_that_lay_too_long),     TEST(test_a_grant_from_before_a_give_back),
        TEST(test_an_older_word_changes_nothing), TEST(test_a_word_without_a_number),
        TEST(test_nobody_grants_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
