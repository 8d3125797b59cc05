/* bundles.c: pushing in chunks, wanting in chunks, and an edited file under an old number. */
#include "common/migration/bundle.h"
#include "coordinator/store/store_bundle.h"
#include "tests/unit/coordinator/link/world.h"

#include <sys/stat.h>

enum { CHUNK = 1000, LARGE_CHUNK = 512 * 1024, LARGE = 5 * 1024 * 1024 };

static void write_file(const char *folder, const char *name, const char *text) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static bundle_t *build(const char *folder) {
    error_t err = {0};
    CLEANUP(directory_destroy_p) directory_t *directory = NULL;
    bundle_t *bundle = NULL;
    bundle_options_t options = {.application = "shop"};
    assert_int_equal(directory_load(folder, &(statement_options_t){0}, &directory, &err),
                     STATUS_OK);
    if (bundle_build(directory, &options, &bundle, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    return bundle;
}

/* A bundle of one migration, or two, whose first makes a table of this name. */
static bundle_t *make_bundle(world_t *world, const char *table, bool two) {
    char folder[128];
    char text[128];
    (void)snprintf(folder, sizeof folder, "%s/m-%s-%d", world->folder, table, two);
    assert_int_equal(mkdir(folder, 0700), 0);
    (void)snprintf(text, sizeof text, "CREATE TABLE %s (id int);\n", table);
    write_file(folder, "V001__one.sql", text);
    (void)snprintf(text, sizeof text, "DROP TABLE %s;\n", table);
    write_file(folder, "V001__one.undo.sql", text);
    if (two) {
        write_file(folder, "V002__two.sql", "CREATE TABLE two (id int);\n");
        write_file(folder, "V002__two.undo.sql", "DROP TABLE two;\n");
    }
    return build(folder);
}

/* One whose first migration is past what is proved on the loop. */
static bundle_t *make_large_bundle(world_t *world, char letter) {
    char folder[128];
    (void)snprintf(folder, sizeof folder, "%s/large-%c", world->folder, letter);
    assert_int_equal(mkdir(folder, 0700), 0);
    CLEANUP(free_p) char *text = malloc(LARGE + 1);
    assert_non_null(text);
    memset(text, letter, LARGE);
    memcpy(text, "SELECT '", 8);
    memcpy(text + LARGE - 3, "';\n", 4);
    write_file(folder, "V001__one.sql", text);
    write_file(folder, "V001__one.undo.sql", "SELECT 1;\n");
    return build(folder);
}
static const Drover__Answer *put(world_t *world, const bundle_t *bundle, uint64_t offset,
                                 size_t size) {
    static uint32_t number = 100;
    text_span_t bytes = bundle_bytes(bundle);
    Drover__BundlePut message = DROVER__BUNDLE_PUT__INIT;
    message.number = ++number;
    message.digest = field_of_digest(bundle_digest(bundle));
    message.offset = offset;
    message.total = bytes.size;
    message.data = field_of_bytes(bytes.bytes + offset, size);
    size_t before = world->operator.count[DROVER__KIND__KIND_ANSWER];
    actor_send(&world->operator, DROVER__KIND__KIND_BUNDLE_PUT, &message.base);
    const Drover__Answer *answer =
        await_message(&world->operator, DROVER__KIND__KIND_ANSWER, before + 1)->answer;
    assert_int_equal(answer->number, number);
    return answer;
}

/* Push it whole; the last answer. */
static const Drover__Answer *push(world_t *world, const bundle_t *bundle) {
    size_t total = bundle_bytes(bundle).size;
    size_t chunk = total > LARGE ? LARGE_CHUNK : CHUNK;
    const Drover__Answer *answer = NULL;
    for (size_t at = 0; at < total; at += chunk) {
        answer = put(world, bundle, at, total - at < chunk ? total - at : chunk);
    }
    return answer;
}

static bool is_known(world_t *world, const bundle_t *bundle) {
    error_t err = {0};
    char text[DIGEST_TEXT_SIZE];
    CLEANUP(arena_free) arena_t arena = {0};
    bundle_row_t row;
    return store_bundle_find(world->store, digest_text(bundle_digest(bundle), text), &arena, &row,
                             &err) == STATUS_OK;
}

static void test_push_and_want(void **state) {
    world_t *world = *state;
    CLEANUP(bundle_destroy_p) bundle_t *bundle = make_bundle(world, "one", true);
    text_span_t bytes = bundle_bytes(bundle);
    actor_dial(&world->operator);
    const Drover__Answer *answer = put(world, bundle, 0, CHUNK);
    assert_string_equal(answer->code, "");
    assert_string_equal(answer->document, "{\"received\": 1000, \"complete\": false}");
    /* the same again, and one that skips: both are told where to go on */
    assert_string_equal(put(world, bundle, 0, CHUNK)->document,
                        "{\"received\": 1000, \"complete\": false}");
    assert_string_equal(put(world, bundle, 2 * CHUNK, 10)->document,
                        "{\"received\": 1000, \"complete\": false}");
    assert_false(is_known(world, bundle));
    answer = put(world, bundle, CHUNK, bytes.size - CHUNK);
    assert_string_equal(answer->code, "");
    assert_non_null(strstr(answer->document, "\"complete\": true"));
    assert_true(is_known(world, bundle));
    assert_int_equal(audit_count(world, "bundle.push"), 1);

    actor_dial(&world->a);
    say_hello(&world->a);
    Drover__BundleWant want = DROVER__BUNDLE_WANT__INIT;
    want.digest = field_of_digest(bundle_digest(bundle));
    want.offset = 7;
    actor_send(&world->a, DROVER__KIND__KIND_BUNDLE_WANT, &want.base);
    const Drover__BundleChunk *chunk =
        await_message(&world->a, DROVER__KIND__KIND_BUNDLE_CHUNK, 1)->bundle_chunk;
    assert_int_equal(chunk->total, bytes.size);
    assert_int_equal(chunk->offset, 7);
    assert_int_equal(chunk->data.len, bytes.size - 7);
    assert_memory_equal(chunk->data.data, bytes.bytes + 7, bytes.size - 7);
}

/* Its proof runs beside the loop; what it says is the same. */
static void test_large_ones(void **state) {
    world_t *world = *state;
    CLEANUP(bundle_destroy_p) bundle_t *first = make_large_bundle(world, 'a');
    CLEANUP(bundle_destroy_p) bundle_t *edited = make_large_bundle(world, 'b');
    actor_dial(&world->operator);
    const Drover__Answer *answer = push(world, first);
    assert_string_equal(answer->code, "");
    assert_non_null(strstr(answer->document, "\"complete\": true"));
    assert_true(is_known(world, first));
    assert_int_equal(audit_count(world, "bundle.push"), 1);
    answer = push(world, edited);
    assert_string_equal(answer->code, error_code_text(ERROR_BUNDLE_CHANGED));
    assert_false(is_known(world, edited));
    /* the same again is no news, and leaves nothing behind */
    answer = push(world, first);
    assert_string_equal(answer->code, "");
    char command[256];
    (void)snprintf(command, sizeof command, "test $(ls %s | wc -l) = 1", world->bundles);
    assert_int_equal(system(command), 0);
}

static void test_unknown_bundle_is_told_so(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    say_hello(&world->a);
    digest_t digest = {{4}};
    Drover__BundleWant want = DROVER__BUNDLE_WANT__INIT;
    want.digest = field_of_digest(&digest);
    actor_send(&world->a, DROVER__KIND__KIND_BUNDLE_WANT, &want.base);
    assert_int_equal(
        await_message(&world->a, DROVER__KIND__KIND_BUNDLE_CHUNK, 1)->bundle_chunk->total, 0);
}

static void test_edited_file_is_refused_with_both_digests(void **state) {
    world_t *world = *state;
    CLEANUP(bundle_destroy_p) bundle_t *first = make_bundle(world, "one", false);
    CLEANUP(bundle_destroy_p) bundle_t *edited = make_bundle(world, "other", true);
    CLEANUP(bundle_destroy_p) bundle_t *next = make_bundle(world, "one", true);
    actor_dial(&world->operator);
    assert_string_equal(push(world, first)->code, "");
    const Drover__Answer *answer = push(world, edited);
    assert_string_equal(answer->code, error_code_text(ERROR_BUNDLE_CHANGED));
    char text[DIGEST_TEXT_SIZE];
    const bundle_t *both[] = {first, edited};
    for (size_t i = 0; i < 2; i++) {
        const bundle_script_t *up = bundle_migration(both[i], 0)->scripts[SCRIPT_UP];
        assert_non_null(strstr(answer->message, digest_text(&up->digest, text)));
    }
    assert_false(is_known(world, edited));
    assert_string_equal(push(world, next)->code, "");
    assert_true(is_known(world, next));
    /* the shorter one again is no change */
    assert_string_equal(push(world, first)->code, "");
}

static void test_wrong_bytes_are_refused(void **state) {
    world_t *world = *state;
    CLEANUP(bundle_destroy_p) bundle_t *bundle = make_bundle(world, "one", false);
    text_span_t bytes = bundle_bytes(bundle);
    CLEANUP(free_p) char *bad = malloc(bytes.size);
    memcpy(bad, bytes.bytes, bytes.size);
    bad[bytes.size - 3] ^= 1;
    actor_dial(&world->operator);
    Drover__BundlePut message = DROVER__BUNDLE_PUT__INIT;
    message.number = 1;
    message.digest = field_of_digest(bundle_digest(bundle));
    message.total = bytes.size;
    message.data = field_of_bytes(bad, bytes.size);
    actor_send(&world->operator, DROVER__KIND__KIND_BUNDLE_PUT, &message.base);
    const Drover__Answer *answer =
        await_message(&world->operator, DROVER__KIND__KIND_ANSWER, 1)->answer;
    assert_string_equal(answer->code, error_code_text(ERROR_BUNDLE_INVALID));
    assert_false(is_known(world, bundle));
}

static void test_chunk_past_its_total_is_refused(void **state) {
    world_t *world = *state;
    actor_dial(&world->operator);
    digest_t digest = {{4}};
    uint8_t data[8] = {0};
    Drover__BundlePut message = DROVER__BUNDLE_PUT__INIT;
    message.number = 1;
    message.digest = field_of_digest(&digest);
    message.total = 4;
    message.data = field_of_bytes(data, sizeof data);
    actor_send(&world->operator, DROVER__KIND__KIND_BUNDLE_PUT, &message.base);
    assert_string_equal(await_message(&world->operator, DROVER__KIND__KIND_ANSWER, 1)->answer->code,
                        error_code_text(ERROR_INVALID));
    message.total = (uint64_t)LIMIT_BUNDLE_BYTES + 1;
    actor_send(&world->operator, DROVER__KIND__KIND_BUNDLE_PUT, &message.base);
    assert_string_equal(await_message(&world->operator, DROVER__KIND__KIND_ANSWER, 2)->answer->code,
                        error_code_text(ERROR_BOUND));
}

/* Whoever only reads, or has another application, puts nothing on the coordinator's disk. */
static void test_who_may_push(void **state) {
    static const trust_grant_t VIEWER = {ROLE_VIEWER, "", "", "", NULL};
    static const trust_grant_t OTHER = {ROLE_OPERATOR, "other", "", "", NULL};
    world_t *world = *state;
    CLEANUP(bundle_destroy_p) bundle_t *bundle = make_bundle(world, "one", false);
    char command[256];
    actor_dial(&world->operator);
    world->fleet.operator_grant = &VIEWER;
    fleet_publish(world);
    const Drover__Answer *answer = put(world, bundle, 0, 10);
    assert_string_equal(answer->code, error_code_text(ERROR_TRUST_KEY));
    assert_non_null(strstr(answer->message, "needs the role operator"));
    (void)snprintf(command, sizeof command, "test -z \"$(ls %s)\"", world->bundles);
    assert_int_equal(system(command), 0);
    assert_int_equal(audit_count(world, "bundle.push"), 0);
    world->fleet.operator_grant = &OTHER;
    fleet_publish(world);
    answer = push(world, bundle);
    assert_string_equal(answer->code, error_code_text(ERROR_TRUST_KEY));
    assert_non_null(strstr(answer->message, "for application shop"));
    assert_false(is_known(world, bundle));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_push_and_want),
        TEST(test_large_ones),
        TEST(test_unknown_bundle_is_told_so),
        TEST(test_edited_file_is_refused_with_both_digests),
        TEST(test_wrong_bytes_are_refused),
        TEST(test_chunk_past_its_total_is_refused),
        TEST(test_who_may_push),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
