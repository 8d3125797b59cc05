/* refusals.c: who is not let in, and what it is told. */
#include "tests/unit/coordinator/link/world.h"

#define REFUSED DROVER__KIND__KIND_REFUSED

static void refused_as(actor_t *actor, const Drover__Hello *hello, error_code_t code) {
    actor_send(actor, DROVER__KIND__KIND_HELLO, &hello->base);
    const Drover__Refused *refused = await_message(actor, REFUSED, 1)->refused;
    assert_string_equal(refused->code, error_code_text(code));
    assert_int_equal(actor->count[DROVER__KIND__KIND_WELCOME], 0);
}

static void test_version(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    Drover__Hello hello = hello_of(&world->a);
    hello.protocol_min = WIRE_PROTOCOL_MAX + 1;
    hello.protocol_max = WIRE_PROTOCOL_MAX + 2;
    refused_as(&world->a, &hello, ERROR_WIRE_VERSION);
}

static void test_wider_range_is_welcome(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    Drover__Hello hello = hello_of(&world->a);
    hello.protocol_max = WIRE_PROTOCOL_MAX + 5;
    actor_send(&world->a, DROVER__KIND__KIND_HELLO, &hello.base);
    const Drover__Welcome *welcome =
        await_message(&world->a, DROVER__KIND__KIND_WELCOME, 1)->welcome;
    assert_int_equal(welcome->protocol, WIRE_PROTOCOL_MAX);
}

static void test_clocks_apart(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    Drover__Hello hello = hello_of(&world->a);
    hello.wall_us += 600 * US_PER_S;
    refused_as(&world->a, &hello, ERROR_CLOCK_SKEW);
    assert_non_null(strstr(world->a.last[REFUSED]->refused->message, "60 s apart"));
}

static void test_clock_of_nonsense(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    Drover__Hello hello = hello_of(&world->a);
    hello.wall_us = INT64_MIN;
    refused_as(&world->a, &hello, ERROR_CLOCK_SKEW);
}

static void test_anothers_name(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    Drover__Hello hello = hello_of(&world->a);
    hello.agent = field_of_text("b");
    refused_as(&world->a, &hello, ERROR_PEER_NOT_ALLOWED);
}

static bool nobody_holds_the_cluster(world_t *world) {
    agent_key_t holder;
    return !engine_holder(*hub_engine(world->hub), CLUSTER, &holder);
}

/* One that is there already may say hello again; another has to wait until one leaves. */
static void test_one_agent_too_many(void **state) {
    world_t *world = *state;
    world->config.limits.agents = 1;
    actor_dial(&world->a);
    actor_dial(&world->b);
    say_hello(&world->a);
    say_hello(&world->a);
    Drover__Hello hello = hello_of(&world->b);
    refused_as(&world->b, &hello, ERROR_BOUND);
    assert_string_equal(world->b.last[REFUSED]->refused->message,
                        "1 agents are connected, at most 1 (limits.agents)");
    Drover__Goodbye goodbye = DROVER__GOODBYE__INIT;
    actor_send(&world->a, DROVER__KIND__KIND_GOODBYE, &goodbye.base);
    await_condition(world, nobody_holds_the_cluster);
    say_hello(&world->b);
}

/* What no run of ours can have left is refused, and nothing is made of it. */
static void test_marks_that_nobody_can_have(void **state) {
    world_t *world = *state;
    static const struct {
        uint64_t ahead; /* of our epoch */
        uint64_t acknowledged;
        uint64_t first;
        uint64_t last;
        error_code_t code;
    } CASES[] = {{UINT32_MAX, 0, 0, 0, ERROR_FENCED},
                 {INT64_MAX, 0, 0, 0, ERROR_FENCED},
                 {0, 5, 1, 4, ERROR_WIRE_INVALID},
                 {0, 0, 7, 5, ERROR_WIRE_INVALID},
                 {0, 0, UINT64_MAX, 5, ERROR_WIRE_INVALID}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        actor_dial(&world->a);
        size_t before = world->a.count[REFUSED];
        Drover__Hello hello = hello_of(&world->a);
        ident_t own = world->identity.incarnation;
        hello.epoch_seen = world->identity.epoch + CASES[i].ahead;
        hello.incarnation_seen = field_of_ident(&own);
        hello.acknowledged_seen = CASES[i].acknowledged;
        hello.first_report = CASES[i].first;
        hello.last_report = CASES[i].last;
        actor_send(&world->a, DROVER__KIND__KIND_HELLO, &hello.base);
        assert_string_equal(await_message(&world->a, REFUSED, before + 1)->refused->code,
                            error_code_text(CASES[i].code));
        actor_hang_up(&world->a);
    }
    assert_int_equal(audit_count(world, "recovery.begin"), 0);
}

static void test_own_run_is_no_copy(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    Drover__Hello hello = hello_of(&world->a);
    hello.epoch_seen = world->identity.epoch;
    hello.incarnation_seen = field_of_ident(&world->identity.incarnation);
    actor_send(&world->a, DROVER__KIND__KIND_HELLO, &hello.base);
    (void)await_message(&world->a, DROVER__KIND__KIND_WELCOME, 1);
}

static void test_journal_that_went_back(void **state) {
    world_t *world = *state;
    error_t err = {0};
    actor_dial(&world->a);
    say_hello(&world->a);
    assert_int_equal(store_begin(world->store, &err), STATUS_OK);
    agent_key_t key;
    memcpy(key.bytes, world->a.key.bytes, sizeof key.bytes);
    assert_int_equal(store_agent_set_acknowledged(world->store, &key, 5, &err), STATUS_OK);
    assert_int_equal(store_commit(world->store, &err), STATUS_OK);
    actor_hang_up(&world->a);
    actor_dial(&world->a);
    Drover__Hello hello = hello_of(&world->a);
    hello.last_report = 4;
    refused_as(&world->a, &hello, ERROR_JOURNAL_OLD);
    /* a new journal begins at nothing, and is noted */
    world->a.state = tenant_id(99);
    say_hello(&world->a);
    assert_int_equal(world->a.last[DROVER__KIND__KIND_WELCOME]->welcome->acknowledged, 0);
    assert_int_equal(audit_count(world, "agent.state"), 1);
}

static bool was_unheard(world_t *world) {
    return audit_count(world, "peer.unheard") > 0;
}

/* Its key leaves while it is connected: what it goes on saying is dropped, and told once. */
static void test_messages_of_a_key_that_left_are_told(void **state) {
    world_t *world = *state;
    error_t err = {0};
    actor_dial(&world->a);
    say_hello(&world->a);
    world_enroll(world, 1); /* the operator alone */
    hub_peers_changed(world->hub, world->zap);
    say_beat(&world->a, 3, 0);
    await_condition(world, was_unheard);
    for (int i = 0; i < 5; i++) {
        say_beat(&world->a, 3, 0);
    }
    world_enroll(world, 3);
    hub_peers_changed(world->hub, world->zap);
    Drover__Hello hello = hello_of(&world->a);
    actor_send(&world->a, DROVER__KIND__KIND_HELLO, &hello.base);
    (void)await_message(&world->a, DROVER__KIND__KIND_WELCOME, 2); /* behind all of them */
    assert_int_equal(audit_count(world, "peer.unheard"), 1);
    assert_false(hub_is_broken(world->hub, &err));
}

static void test_nothing_before_hello(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    say_beat(&world->a, 1, 0);
    assert_string_equal(await_message(&world->a, REFUSED, 1)->refused->code,
                        error_code_text(ERROR_HELLO_FIRST));
}

static void test_reports_of_another_journal(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    say_hello(&world->a);
    Drover__Reports reports = DROVER__REPORTS__INIT;
    ident_t other = tenant_id(8);
    reports.state = field_of_ident(&other);
    actor_send(&world->a, DROVER__KIND__KIND_REPORTS, &reports.base);
    assert_string_equal(await_message(&world->a, REFUSED, 1)->refused->code,
                        error_code_text(ERROR_HELLO_FIRST));
}

static void test_reports_that_another_key_signed(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    say_hello(&world->a);
    world->a.secret = world->b.secret;
    Drover__Reports reports = DROVER__REPORTS__INIT;
    reports.state = field_of_ident(&world->a.state);
    actor_send(&world->a, DROVER__KIND__KIND_REPORTS, &reports.base);
    assert_string_equal(await_message(&world->a, REFUSED, 1)->refused->code,
                        error_code_text(ERROR_SIGNATURE));
}

static void test_question_of_yesterday(void **state) {
    world_t *world = *state;
    actor_dial(&world->operator);
    Drover__Question question = DROVER__QUESTION__INIT;
    ident_t id = tenant_id(3);
    question.id = field_of_ident(&id);
    question.number = 7;
    question.verb = field_of_text("start");
    question.wall_us = clock_wall_us() - 301 * US_PER_S;
    actor_send(&world->operator, DROVER__KIND__KIND_QUESTION, &question.base);
    const Drover__Answer *answer =
        await_message(&world->operator, DROVER__KIND__KIND_ANSWER, 1)->answer;
    assert_int_equal(answer->number, 7);
    assert_string_equal(answer->code, error_code_text(ERROR_CLOCK_SKEW));
    assert_int_equal(engine_rollout_count(*hub_engine(world->hub)), 0);
}

#define ANSWER DROVER__KIND__KIND_ANSWER

static void send_question(world_t *world, uint32_t number) {
    Drover__Question question = DROVER__QUESTION__INIT;
    ident_t id = tenant_id(100 + number);
    question.id = field_of_ident(&id);
    question.number = number;
    question.verb = field_of_text("refuse");
    question.wall_us = clock_wall_us();
    actor_send(&world->operator, DROVER__KIND__KIND_QUESTION, &question.base);
}

static void assert_answered(world_t *world, size_t count, uint32_t number, const char *code) {
    const Drover__Answer *answer = await_message(&world->operator, ANSWER, count)->answer;
    assert_int_equal(answer->number, number);
    if (code != NULL) {
        assert_string_equal(answer->code, code);
    }
}

/* A key past its rate waits, within a bound, and keeps no agent waiting. */
static void test_a_key_that_asks_too_often(void **state) {
    world_t *world = *state;
    world->config.limits.questions_per_second = 1;
    world->config.limits.questions_waiting = 2;
    actor_dial(&world->operator);
    actor_dial(&world->a);
    say_hello(&world->a);
    for (uint32_t number = 1; number <= 4; number++) {
        send_question(world, number);
    }
    assert_answered(world, 2, 4, error_code_text(ERROR_ASKED_TOO_OFTEN)); /* behind the first */
    size_t beats = world->a.count[DROVER__KIND__KIND_COORDINATOR_BEAT];
    say_beat(&world->a, 3, 0);
    (void)await_message(&world->a, DROVER__KIND__KIND_COORDINATOR_BEAT, beats + 1);
    world->config.limits.questions_per_second = 1000; /* as if time had passed */
    (void)await_message(&world->operator, ANSWER, 4);
    assert_int_equal(world->operator.last[ANSWER]->answer->number, 3); /* in their order */
    assert_string_not_equal(world->operator.last[ANSWER]->answer->code,
                            error_code_text(ERROR_ASKED_TOO_OFTEN));
}

/* Who is no operator any more is not answered from the queue either. */
static void test_what_waits_goes_with_its_key(void **state) {
    world_t *world = *state;
    error_t err = {0};
    world->config.limits.questions_per_second = 1;
    world->config.limits.questions_waiting = 2;
    actor_dial(&world->operator);
    actor_dial(&world->a);
    say_hello(&world->a);
    for (uint32_t number = 1; number <= 4; number++) {
        send_question(world, number);
    }
    assert_answered(world, 2, 4, error_code_text(ERROR_ASKED_TOO_OFTEN)); /* behind the first */
    const zap_peer_t nobody = {.name = "nobody"};
    assert_int_equal(zap_set_peers(world->zap, &nobody, 1, &err), STATUS_OK);
    hub_peers_changed(world->hub, world->zap);
    world_enroll(world, 3);
    hub_peers_changed(world->hub, world->zap);
    world->config.limits.questions_per_second = 1000;
    hub_tick(world->hub);
    send_question(world, 5);
    assert_answered(world, 3, 5, NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_version),
        TEST(test_wider_range_is_welcome),
        TEST(test_clocks_apart),
        TEST(test_clock_of_nonsense),
        TEST(test_anothers_name),
        TEST(test_one_agent_too_many),
        TEST(test_own_run_is_no_copy),
        TEST(test_marks_that_nobody_can_have),
        TEST(test_journal_that_went_back),
        TEST(test_messages_of_a_key_that_left_are_told),
        TEST(test_nothing_before_hello),
        TEST(test_reports_of_another_journal),
        TEST(test_reports_that_another_key_signed),
        TEST(test_a_key_that_asks_too_often),
        TEST(test_what_waits_goes_with_its_key),
        TEST(test_question_of_yesterday),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
