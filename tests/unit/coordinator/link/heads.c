/*
 * heads.c: which word on a ledger's head counts, by whatever clocks it was noted: a failover that
 * lost a row is believed at once, and what comes late takes nothing back.
 */
#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "tests/unit/coordinator/link/world.h"

#define HOUR (3600 * US_PER_S)

static void good(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        char line[1024];
        fail_msg("%s", error_line(err, line, sizeof line));
    }
}

static digest_t digest_of_row(int64_t sequence) {
    return hash_of(HASH_FINGERPRINT, &sequence, sizeof sequence);
}

/* Row `sequence` of tenant 0, which brought that position. */
static Drover__ApplicationSeen head_at(int64_t sequence) {
    static digest_t digest;
    Drover__ApplicationSeen head = DROVER__APPLICATION_SEEN__INIT;
    digest = digest_of_row(sequence);
    head.application = field_of_text("shop");
    head.version = field_of_text("V001");
    head.generation = 1;
    head.position = (uint32_t)sequence;
    head.ledger_sequence = sequence;
    head.ledger_digest = field_of_digest(&digest);
    return head;
}

/* Tenant 0, as it was read at observed_us. */
static void tell(actor_t *actor, int64_t sequence, int64_t observed_us) {
    Drover__Inventory inventory = DROVER__INVENTORY__INIT;
    Drover__TenantSeen tenant = DROVER__TENANT_SEEN__INIT;
    Drover__TenantSeen *tenants[] = {&tenant};
    Drover__ApplicationSeen head = head_at(sequence);
    Drover__ApplicationSeen *heads[] = {&head};
    ident_t id = tenant_id(0);
    ident_t snapshot = random_ident();
    tenant.tenant = field_of_ident(&id);
    tenant.name = field_of_text("tenant0");
    tenant.database = field_of_text("tenant0");
    tenant.system_identifier = CLUSTER;
    tenant.observed_us = observed_us;
    tenant.applications = heads;
    tenant.n_applications = 1;
    inventory.snapshot = field_of_ident(&snapshot);
    inventory.last = true;
    inventory.tenants = tenants;
    inventory.n_tenants = 1;
    size_t before = actor->count[DROVER__KIND__KIND_INVENTORY_ACK];
    actor_send(actor, DROVER__KIND__KIND_INVENTORY, &inventory.base);
    (void)await_message(actor, DROVER__KIND__KIND_INVENTORY_ACK, before + 1);
}

/* Made now, by a clock that may stand ahead; said when the test likes. */
static Drover__Report applied(actor_t *actor, int64_t ahead_us) {
    Drover__Report report =
        report_of(actor, DROVER__STEP__STEP_APPLY, DROVER__OUTCOME__OUTCOME_DONE, false);
    report.finished_us += ahead_us;
    return report;
}

static void say_applied(actor_t *actor, const Drover__Report *report, int64_t sequence) {
    Drover__ApplicationSeen head = head_at(sequence);
    Drover__Report told = *report;
    told.state = &head;
    say_report(actor, &told);
}

static void reconnect(actor_t *actor) {
    actor_hang_up(actor);
    actor_dial(actor);
    say_hello(actor);
}

static int64_t sequence_of(world_t *world) {
    arena_t arena = {0};
    error_t err = {0};
    tenant_row_t row = {0};
    good(store_tenant_get(world->store, "tenant0", &arena, &row, &err), &err);
    int64_t sequence = row.application_count > 0 ? row.applications[0].ledger_sequence : 0;
    arena_free(&arena);
    return sequence;
}

/* What a coordinator whose clock stood an hour ahead left in the catalog: the head and the tenant's
 * own row, noted then. */
static void note_ahead(world_t *world, int64_t sequence) {
    error_t err = {0};
    tenant_change_t change;
    int64_t now_us = clock_wall_us() + HOUR;
    application_row_t application = {.application = "shop",
                                     .generation = 1,
                                     .position = (uint32_t)sequence,
                                     .version = "V001",
                                     .ledger_sequence = sequence,
                                     .ledger_digest = digest_of_row(sequence),
                                     .observed_us = now_us};
    tenant_row_t row = {.id = tenant_id(0),
                        .name = "tenant0",
                        .system_identifier = CLUSTER,
                        .database = "tenant0",
                        .schema = "",
                        .problem_code = "",
                        .problem = "",
                        .observed_us = now_us,
                        .applications = &application,
                        .application_count = 1};
    memcpy(row.agent.bytes, world->a.key.bytes, sizeof row.agent.bytes);
    good(store_begin(world->store, &err), &err);
    good(store_tenant_put(world->store, &row, now_us, &change, &err), &err);
    good(store_commit(world->store, &err), &err);
}

static void test_failover_behind_a_clock_that_stood_ahead(void **state) {
    world_t *world = *state;
    actor_t *a = &world->a;
    get_going(world);
    note_ahead(world, 5);
    tell(a, 4, clock_wall_us());
    assert_int_equal(sequence_of(world), 4);
    assert_int_equal(audit_count(world, "tenant.regressed"), 1);
    /* it is noted by the clock as it stands: what was read before that is late again */
    tell(a, 3, clock_wall_us() - US_PER_S);
    assert_int_equal(sequence_of(world), 4);
    /* the same by a report of the job that found it */
    note_ahead(world, 5);
    Drover__Report report = applied(a, 0);
    say_applied(a, &report, 4);
    assert_int_equal(sequence_of(world), 4);
    assert_int_equal(audit_count(world, "tenant.regressed"), 2);
}

/* Whatever clock it was made by, and however the note that it meets was made. */
static void test_report_from_before_the_hello_takes_nothing_back(void **state) {
    world_t *world = *state;
    actor_t *a = &world->a;
    get_going(world);
    Drover__Report first = applied(a, HOUR);
    Drover__Report second = applied(a, HOUR);
    Drover__Report third = applied(a, HOUR);
    reconnect(a);
    tell(a, 5, clock_wall_us());
    say_applied(a, &first, 4);
    assert_int_equal(sequence_of(world), 5);
    note_ahead(world, 5);
    say_applied(a, &second, 4);
    assert_int_equal(sequence_of(world), 5);
    assert_int_equal(audit_count(world, "tenant.regressed"), 0);
    /* but what it did is news, whenever it comes */
    say_applied(a, &third, 6);
    assert_int_equal(sequence_of(world), 6);
    /* and what a job finds after the hello counts both ways */
    Drover__Report found = applied(a, 0);
    say_applied(a, &found, 5);
    assert_int_equal(sequence_of(world), 5);
    assert_int_equal(audit_count(world, "tenant.regressed"), 1);
}

/* The second agent read before the first one's job was done, and says so behind it. */
static void test_two_agents_of_one_cluster(void **state) {
    world_t *world = *state;
    get_going(world);
    int64_t read_us = clock_wall_us();
    Drover__Report report = applied(&world->a, 0);
    report.finished_us = read_us + 1;
    say_applied(&world->a, &report, 5);
    actor_dial(&world->b);
    say_hello(&world->b);
    tell(&world->b, 4, read_us);
    assert_int_equal(sequence_of(world), 5);
    assert_int_equal(audit_count(world, "tenant.regressed"), 0);
    /* what it read later counts as much as the first one's word */
    tell(&world->b, 4, clock_wall_us());
    assert_int_equal(sequence_of(world), 4);
    assert_int_equal(audit_count(world, "tenant.regressed"), 1);
}

/* Its numbers begin anew, and so does what is late. */
static void test_agent_that_lost_its_state(void **state) {
    world_t *world = *state;
    actor_t *a = &world->a;
    get_going(world);
    for (int64_t i = 1; i <= 5; i++) {
        Drover__Report report = applied(a, 0);
        say_applied(a, &report, i);
    }
    reconnect(a); /* report 5 was the last before it */
    a->state.bytes[0] ^= 0x5a;
    a->reported = 0;
    reconnect(a);
    assert_int_equal(sequence_of(world), 5);
    Drover__Report report = applied(a, 0);
    assert_int_equal(report.number, 1);
    say_applied(a, &report, 4);
    assert_int_equal(sequence_of(world), 4);
    tell(a, 3, clock_wall_us());
    assert_int_equal(sequence_of(world), 3);
    assert_int_equal(audit_count(world, "tenant.regressed"), 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_failover_behind_a_clock_that_stood_ahead),
        TEST(test_report_from_before_the_hello_takes_nothing_back),
        TEST(test_two_agents_of_one_cluster),
        TEST(test_agent_that_lost_its_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
