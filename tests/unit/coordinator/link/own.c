/*
 * own.c: reports of jobs that an agent made itself. Those that bring a take-back which people
 * signed are told as that; all others, whatever they claim, as words that nobody asked for.
 */
#include "common/crypto/random.h"
#include "coordinator/link/internal.h"
#include "tests/unit/coordinator/link/world.h"

/* Agent a says that it undid tenant 0 by a job of its own: by the take-back with this digest, of
 * which it brings these bytes. */
static void say_undone(world_t *world, const digest_t *take_back, const buffer_t *bytes) {
    actor_t *a = &world->a;
    ident_t tenant = tenant_id(0);
    a->job = random_ident();
    a->attempt = random_ident();
    Drover__Report report =
        report_of(a, DROVER__STEP__STEP_UNDO, DROVER__OUTCOME__OUTCOME_DONE, true);
    report.tenant = field_of_ident(&tenant);
    report.order = field_of_digest(&world->fleet.order);
    report.take_back = field_of_digest(take_back);
    Drover__Report *list[] = {&report};
    Drover__Reports reports = DROVER__REPORTS__INIT;
    ProtobufCBinaryData paper = field_of_bytes(bytes->data, bytes->size);
    reports.state = field_of_ident(&a->state);
    reports.reports = list;
    reports.n_reports = 1;
    reports.take_backs = &paper;
    reports.n_take_backs = bytes->size > 0 ? 1 : 0;
    size_t before = a->count[DROVER__KIND__KIND_REPORTS_ACK];
    actor_send(a, DROVER__KIND__KIND_REPORTS, &reports.base);
    (void)await_message(a, DROVER__KIND__KIND_REPORTS_ACK, before + 1);
}

static void told(world_t *world, size_t own, size_t foreign) {
    assert_int_equal(audit_count(world, "report.own"), own);
    assert_int_equal(audit_count(world, "report.foreign"), foreign);
    assert_int_equal(report_count(world, 0), own + foreign); /* kept, either way */
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->tasks[0].state, TASK_DISPATCHED); /* and not applied */
    rollout_destroy(&rollout);
}

static void test_a_take_back_that_people_signed(void **state) {
    world_t *world = *state;
    CLEANUP(buffer_free) buffer_t paper = {0};
    get_going(world);
    fleet_back_t back = {.subject = world->fleet.order};
    digest_t digest = fleet_take_back(world, &back, &paper);
    say_undone(world, &digest, &paper);
    told(world, 1, 0);
}

static void test_what_nobody_signed(void **state) {
    world_t *world = *state;
    static const buffer_t NOTHING;
    CLEANUP(buffer_free) buffer_t paper = {0};
    CLEANUP(buffer_free) buffer_t of_another = {0};
    CLEANUP(buffer_free) buffer_t by_approver = {0};
    get_going(world);
    fleet_back_t back = {.subject = world->fleet.order};
    digest_t digest = fleet_take_back(world, &back, &paper);
    digest_t wrong = digest;
    wrong.bytes[0] ^= 1;
    say_undone(world, &digest, &NOTHING);
    told(world, 0, 1);
    say_undone(world, &wrong, &paper); /* it names another one than it brings */
    told(world, 0, 2);
    back.subject.bytes[0] ^= 1;
    digest = fleet_take_back(world, &back, &of_another);
    say_undone(world, &digest, &of_another); /* of another order than it worked under */
    told(world, 0, 3);
    back = (fleet_back_t){.subject = world->fleet.order, .by_approver = true};
    digest = fleet_take_back(world, &back, &by_approver);
    say_undone(world, &digest, &by_approver);
    told(world, 0, 4);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_take_back_that_people_signed),
        TEST(test_what_nobody_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
