/*
 * damage.c: messages that were cut short or changed on their way, byte by byte, as the hub takes
 * them: each is refused and counted, none leaves a trace in the catalog, and the connection stays.
 */
#include "tests/unit/coordinator/link/world.h"

#include <sqlite3.h>

#define REFUSED DROVER__KIND__KIND_REFUSED

enum { WINDOW = 16 }; /* sent at once: the outgoing pipe holds some, and rounds cost */

/* A second connection to the catalog sees whether the first one committed anything.
 * Source: SQLite manual, "PRAGMA data_version". */
typedef struct witness {
    sqlite3 *connection;
    int64_t version;
} witness_t;

static int64_t data_version(sqlite3 *connection) {
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(connection, "PRAGMA data_version", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t version = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    return version;
}

static witness_t watch(const world_t *world) {
    witness_t witness = {0};
    assert_int_equal(
        sqlite3_open_v2(world->catalog, &witness.connection, SQLITE_OPEN_READONLY, NULL),
        SQLITE_OK);
    witness.version = data_version(witness.connection);
    return witness;
}

static void assert_nothing_written(witness_t *witness) {
    assert_true(data_version(witness->connection) == witness->version);
    assert_int_equal(sqlite3_close(witness->connection), SQLITE_OK);
}

static void seal(const actor_t *actor, Drover__Kind kind, const ProtobufCMessage *message,
                 buffer_t *bytes) {
    error_t err = {0};
    if (codec_seal(kind, message, &actor->secret, bytes, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
}

static void send_bytes(actor_t *actor, const void *bytes, size_t size) {
    error_t err = {0};
    if (dialer_send(actor->dialer, bytes, size, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
}

/* Send it damaged in every way, some at a time; answers how often that was. */
static size_t send_damaged(actor_t *actor, const buffer_t *whole) {
    static const unsigned char FLIPS[] = {0x01, 0x80, 0xFF};
    size_t before = actor->count[REFUSED];
    size_t sent = 0;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    for (size_t at = 0; at < whole->size; at++) {
        for (size_t flip = 0; flip < sizeof FLIPS; flip++) {
            buffer_clear(&bytes);
            buffer_append(&bytes, whole->data, whole->size);
            bytes.data[at] = (char)((unsigned char)bytes.data[at] ^ FLIPS[flip]);
            send_bytes(actor, bytes.data, bytes.size);
            sent++;
        }
        send_bytes(actor, whole->data, at); /* cut before this byte */
        sent++;
        if (sent % WINDOW == 0) {
            (void)await_message(actor, REFUSED, before + sent);
        }
    }
    (void)await_message(actor, REFUSED, before + sent);
    return sent;
}

static void test_reports(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    actor_dial(&world->operator);
    say_hello(&world->a);
    say_inventory(&world->a);
    assert_string_equal(ask(world, "start")->code, "");
    say_beat(&world->a, 3, 0);
    (void)await_message(&world->a, DROVER__KIND__KIND_JOBS, 1);
    Drover__Report report =
        report_of(&world->a, DROVER__STEP__STEP_VERIFY, DROVER__OUTCOME__OUTCOME_DONE, true);
    Drover__Report *list[] = {&report};
    Drover__Reports reports = DROVER__REPORTS__INIT;
    reports.state = field_of_ident(&world->a.state);
    reports.n_reports = 1;
    reports.reports = list;
    CLEANUP(buffer_free) buffer_t whole = {0};
    seal(&world->a, DROVER__KIND__KIND_REPORTS, &reports.base, &whole);

    witness_t witness = watch(world);
    size_t sent = send_damaged(&world->a, &whole);
    assert_true(sent >= 4 * 150);
    assert_true(hub_dropped(world->hub) == sent);
    assert_int_equal(report_count(world, 0), 0);
    assert_int_equal(world->a.count[DROVER__KIND__KIND_REPORTS_ACK], 0);
    assert_nothing_written(&witness);

    /* the same connection, the same words, undamaged */
    send_bytes(&world->a, whole.data, whole.size);
    (void)await_message(&world->a, DROVER__KIND__KIND_REPORTS_ACK, 1);
    assert_int_equal(report_count(world, 0), 1);
    assert_true(hub_dropped(world->hub) == sent);
    assert_int_equal(world->a.connected, 1);
}

static void test_question(void **state) {
    world_t *world = *state;
    actor_dial(&world->operator);
    Drover__Question question = DROVER__QUESTION__INIT;
    ident_t id = tenant_id(7);
    question.id = field_of_ident(&id);
    question.number = 1;
    question.verb = field_of_text("start");
    question.wall_us = clock_wall_us();
    CLEANUP(buffer_free) buffer_t whole = {0};
    seal(&world->operator, DROVER__KIND__KIND_QUESTION, &question.base, &whole);

    witness_t witness = watch(world);
    size_t sent = send_damaged(&world->operator, & whole);
    assert_true(hub_dropped(world->hub) == sent);
    assert_int_equal(engine_rollout_count(*hub_engine(world->hub)), 0);
    assert_int_equal(world->operator.count[DROVER__KIND__KIND_ANSWER], 0);
    assert_nothing_written(&witness);

    send_bytes(&world->operator, whole.data, whole.size);
    assert_string_equal(await_message(&world->operator, DROVER__KIND__KIND_ANSWER, 1)->answer->code,
                        "");
    assert_int_equal(engine_rollout_count(*hub_engine(world->hub)), 1);
    assert_int_equal(world->operator.connected, 1);
}

/* As long as the transport lets through, and no message: refused by its bound, not unpacked. */
static void test_no_message_of_any_size(void **state) {
    world_t *world = *state;
    actor_dial(&world->operator);
    witness_t witness = watch(world);
    CLEANUP(free_p) char *zeroes = calloc(1, LIMIT_MESSAGE_BYTES);
    assert_non_null(zeroes);
    static const size_t SIZES[] = {0, 1, 64, 4096, LIMIT_MESSAGE_BYTES};
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        send_bytes(&world->operator, zeroes, SIZES[i]);
        const Drover__Refused *refused = await_message(&world->operator, REFUSED, i + 1)->refused;
        assert_string_equal(refused->code, error_code_text(ERROR_WIRE_INVALID));
    }
    assert_true(hub_dropped(world->hub) == sizeof SIZES / sizeof SIZES[0]);
    assert_nothing_written(&witness);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_reports),
        TEST(test_question),
        TEST(test_no_message_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
