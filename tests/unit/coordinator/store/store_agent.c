/* store_agent.c: agents and clusters, round trip. */
#include "coordinator/store/store_agent.h"
#include "tests/unit/coordinator/store/fixture.h"

static agent_row_t agent_of(uint32_t n, const char *name) {
    return (agent_row_t){.key = key_of(n),
                         .name = name,
                         .state = id_of(n),
                         .software = "0.1.0",
                         .protocol = 1,
                         .last_seen_us = 100};
}

static agent_row_t get(fixture_t *f, uint32_t n, arena_t *arena) {
    agent_key_t key = key_of(n);
    agent_row_t row;
    OK(f, store_agent_get(f->store, &key, arena, &row, &f->err));
    return row;
}

static void hello_round_trip(void **state) {
    fixture_t *f = *state;
    arena_t arena = {0};
    agent_row_t agent = agent_of(1, "a");
    agent_hello_t hello;
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_agent_hello(f->store, &agent, &hello, &f->err));
    assert_false(hello.known);
    OK(f, store_agent_set_acknowledged(f->store, &agent.key, 9, &f->err));
    OK(f, store_agent_set_acknowledged(f->store, &agent.key, 5, &f->err)); /* never back */
    OK(f, store_agent_touch(f->store, &agent.key, 200, &f->err));
    const agent_standing_t standing = {
        .status = AGENT_SUSPENDED, .since_us = 150, .why = "lost its state"};
    OK(f, store_agent_set_status(f->store, &agent.key, &standing, &f->err));
    agent_row_t read = get(f, 1, &arena);
    assert_string_equal(read.name, "a");
    assert_string_equal(read.software, "0.1.0");
    assert_int_equal(read.protocol, 1);
    assert_true(ident_equal(&read.state, &agent.state));
    assert_int_equal(read.acknowledged, 9);
    assert_int_equal(read.status, AGENT_SUSPENDED);
    assert_int_equal(read.suspended_us, 150);
    assert_string_equal(read.suspended_why, "lost its state");
    assert_int_equal(read.first_seen_us, 100);
    assert_int_equal(read.last_seen_us, 200);

    agent.last_seen_us = 300;
    OK(f, store_agent_hello(f->store, &agent, &hello, &f->err));
    assert_true(hello.known);
    assert_false(hello.state_changed);
    assert_int_equal(hello.acknowledged, 9);
    assert_int_equal(hello.status, AGENT_SUSPENDED);
    assert_int_equal(get(f, 1, &arena).first_seen_us, 100);

    agent.state = id_of(77); /* lost its journal */
    OK(f, store_agent_hello(f->store, &agent, &hello, &f->err));
    assert_true(hello.state_changed);
    assert_int_equal(hello.acknowledged, 0);
    assert_int_equal(get(f, 1, &arena).acknowledged, 0);
    OK(f, store_commit(f->store, &f->err));
    arena_free(&arena);
}

static status_t count(void *context, const agent_row_t *agent, error_t *err) {
    (void)agent;
    (void)err;
    (*(int *)context)++;
    return STATUS_OK;
}

static void taken_name_is_refused(void **state) {
    fixture_t *f = *state;
    agent_hello_t hello;
    agent_row_t first = agent_of(1, "a");
    agent_row_t second = agent_of(2, "a");
    agent_row_t other = agent_of(3, "b");
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_agent_hello(f->store, &first, &hello, &f->err));
    FAILS(f, PEER_NOT_ALLOWED, store_agent_hello(f->store, &second, &hello, &f->err));
    OK(f, store_agent_hello(f->store, &other, &hello, &f->err));
    OK(f, store_commit(f->store, &f->err)); /* the transaction stayed good */
    int agents = 0;
    OK(f, store_agent_each(f->store, count, &agents, &f->err));
    assert_int_equal(agents, 2);
    arena_t arena = {0};
    FAILS(f, NOT_FOUND, store_agent_get(f->store, &second.key, &arena, &second, &f->err));
    arena_free(&arena);
}

static status_t check_cluster(void *context, const cluster_row_t *cluster, error_t *err) {
    (void)err;
    const cluster_row_t *want = context;
    assert_true(cluster->system_identifier == want->system_identifier);
    assert_string_equal(cluster->name, want->name);
    assert_int_equal(cluster->server_version, want->server_version);
    assert_int_equal(cluster->timeline, want->timeline);
    assert_int_equal(cluster->parallel, want->parallel);
    assert_memory_equal(&cluster->agent, &want->agent, sizeof want->agent);
    assert_int_equal(cluster->lease_until_us, want->lease_until_us);
    assert_string_equal(cluster->problem, want->problem);
    assert_int_equal(cluster->last_seen_us, want->last_seen_us);
    return STATUS_OK;
}

static void cluster_round_trip(void **state) {
    fixture_t *f = *state;
    cluster_row_t cluster = {.system_identifier = UINT64_MAX, /* beyond int64 */
                             .name = "east",
                             .server_version = 150004,
                             .timeline = 3,
                             .parallel = 4,
                             .problem = "",
                             .agent = key_of(4),
                             .lease_until_us = 55,
                             .last_seen_us = 10};
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_cluster_put(f->store, &cluster, &f->err));
    OK(f, store_cluster_set_lease(f->store, &cluster, &f->err));
    OK(f, store_cluster_each(f->store, check_cluster, &cluster, &f->err));
    /* unreachable: what could not be read keeps its last value, and so does the lease */
    cluster_row_t silent = {
        .system_identifier = UINT64_MAX, .name = "east", .problem = "refused", .last_seen_us = 20};
    OK(f, store_cluster_put(f->store, &silent, &f->err));
    cluster.problem = "refused";
    cluster.last_seen_us = 20;
    OK(f, store_cluster_each(f->store, check_cluster, &cluster, &f->err));
    silent.system_identifier = 0;
    FAILS(f, INVALID, store_cluster_put(f->store, &silent, &f->err));
    OK(f, store_commit(f->store, &f->err));
}

/* A host comes back under its name with another key. */
static void revoked_agents_free_their_names(void **state) {
    fixture_t *f = *state;
    CLEANUP(arena_free) arena_t arena = {0};
    agent_row_t agent = {.key = key_of(1), .name = "a", .software = "x", .protocol = 1};
    agent_hello_t hello;
    agent_row_t read;
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_agent_hello(f->store, &agent, &hello, &f->err));
    agent.key = key_of(2);
    FAILS(f, PEER_NOT_ALLOWED, store_agent_hello(f->store, &agent, &hello, &f->err));
    agent_key_t first = key_of(1);
    OK(f, store_agent_release_name(f->store, &first, &f->err));
    OK(f, store_agent_release_name(f->store, &first, &f->err)); /* once suffices */
    OK(f, store_agent_hello(f->store, &agent, &hello, &f->err));
    assert_false(hello.known);
    OK(f, store_commit(f->store, &f->err));
    OK(f, store_agent_get(f->store, &first, &arena, &read, &f->err));
    char digits[9];
    char name[32];
    (void)snprintf(name, sizeof name, "a (revoked %s)", hex_text(first.bytes, 4, digits));
    assert_string_equal(read.name, name);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_OF(revoked_agents_free_their_names),
                                       TEST_OF(hello_round_trip), TEST_OF(taken_name_is_refused),
                                       TEST_OF(cluster_round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
