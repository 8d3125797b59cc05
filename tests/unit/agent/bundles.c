/*
 * bundles.c: which bundles an agent believes: those that the release keys of its trust file signed,
 * and that are what was asked for; as they come in, and as they are read back.
 */
#include "agent/bundles.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypto/random.h"
#include "common/migration/directory.h"
#include "tests/unit/agent/rootfile.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_SIZE = 128 };

typedef struct stage {
    char folder[32];
    rootfile_t trust;
    journal_t *journal;
    keeper_t *keeper;
    bundles_t *bundles;
    bundle_t *bundle; /* nobody signed it yet */
} stage_t;

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        char line[1024];
        fail_msg("%s", error_line(err, line, sizeof line));
    }
}

static void path_of(const stage_t *stage, const char *name, char path[PATH_SIZE]) {
    (void)snprintf(path, PATH_SIZE, "%s/%s", stage->folder, name);
}

static void open_bundles(stage_t *stage) {
    char path[PATH_SIZE];
    error_t err = {0};
    bundles_destroy(&stage->bundles);
    path_of(stage, "bundles", path);
    must(bundles_new(path, stage->keeper, &stage->bundles, &err), &err);
}

static int stage_up(void **state) {
    stage_t *stage = calloc(1, sizeof *stage);
    char path[PATH_SIZE];
    directory_t *directory = NULL;
    error_t err = {0};
    bundle_options_t options = {.application = "shop"};
    must(random_start(&err), &err);
    (void)snprintf(stage->folder, sizeof stage->folder, "/tmp/drover-bundles-XXXXXX");
    assert_non_null(mkdtemp(stage->folder));
    path_of(stage, "trust.root", path);
    rootfile_make(&stage->trust, path);
    must(journal_open(stage->folder, &stage->journal, &err), &err);
    must(keeper_open(path, stage->journal, &stage->keeper, &err), &err);
    open_bundles(stage);
    must(directory_load("migrations/example", NULL, &directory, &err), &err);
    must(bundle_build(directory, &options, &stage->bundle, &err), &err);
    directory_destroy(&directory);
    *state = stage;
    return 0;
}

static int stage_down(void **state) {
    stage_t *stage = *state;
    bundles_destroy(&stage->bundles);
    bundle_destroy(&stage->bundle);
    keeper_destroy(&stage->keeper);
    journal_close(&stage->journal);
    int answered = scratch_remove(stage->folder);
    free(stage);
    return answered;
}

static bundles_state_t get(stage_t *stage, const digest_t *digest, error_t *err) {
    const bundle_t *found = NULL;
    bundles_state_t state = bundles_get(stage->bundles, digest, &found, err);
    if (state == BUNDLES_HERE) {
        assert_true(digest_equal(bundle_digest(found), digest));
    }
    return state;
}

/* Hand out the bundle under this digest. */
static void give(stage_t *stage, const digest_t *digest) {
    char path[PATH_SIZE];
    static char bytes[1024 * 1024];
    error_t err = {0};
    path_of(stage, "given", path);
    must(bundle_write(stage->bundle, path, &err), &err);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    assert_int_equal(fclose(file), 0);
    assert_true(size > 0 && size < sizeof bytes);
    bundles_chunk_t chunk = {.digest = *digest, .total = size, .data = bytes, .size = size};
    assert_true(bundles_take(stage->bundles, &chunk));
}

static void test_a_released_bundle(void **state) {
    stage_t *stage = *state;
    const digest_t *digest = bundle_digest(stage->bundle);
    error_t err = {0};
    must(bundle_sign(stage->bundle, &stage->trust.release, &err), &err);
    assert_int_equal(get(stage, digest, &err), BUNDLES_COMING);
    give(stage, digest);
    assert_int_equal(get(stage, digest, &err), BUNDLES_HERE);
    open_bundles(stage); /* as after a restart */
    assert_int_equal(get(stage, digest, &err), BUNDLES_HERE);
}

static void revoke_release_key(stage_t *stage) {
    error_t err = {0};
    document_t *document = NULL;
    buffer_t bytes = {0};
    keeper_news_t news = KEEPER_KNOWN;
    const revocation_t revocation = {.fleet = stage->trust.fleet,
                                     .key = stage->trust.keys[2],
                                     .at_us = clock_wall_us(),
                                     .reason = "lost"};
    must(revocation_write(&revocation, &document, &err), &err);
    must(document_sign(document, &stage->trust.operator, & err), &err);
    must(document_encode(document, &bytes, &err), &err);
    const keeper_paper_t paper = {
        .bytes = bytes.data, .size = bytes.size, .now_us = clock_wall_us()};
    must(keeper_take(stage->keeper, &paper, &news, &err), &err);
    assert_int_equal(news, KEEPER_REVOKED);
    document_destroy(&document);
    buffer_free(&bytes);
}

/* What was kept is believed no longer, and is fetched anew: another key may have signed it since.
 */
static void test_a_kept_one_whose_signer_was_revoked(void **state) {
    stage_t *stage = *state;
    const digest_t *digest = bundle_digest(stage->bundle);
    error_t err = {0};
    must(bundle_sign(stage->bundle, &stage->trust.release, &err), &err);
    assert_int_equal(get(stage, digest, &err), BUNDLES_COMING);
    give(stage, digest);
    assert_int_equal(get(stage, digest, &err), BUNDLES_HERE);
    revoke_release_key(stage);
    open_bundles(stage); /* as after a restart */
    assert_int_equal(get(stage, digest, &err), BUNDLES_COMING);
    give(stage, digest); /* as it was */
    assert_int_equal(get(stage, digest, &err), BUNDLES_REFUSED);
    assert_int_equal(err.code, ERROR_TRUST_THRESHOLD);
}

static void test_a_bundle_that_others_signed(void **state) {
    stage_t *stage = *state;
    const digest_t *digest = bundle_digest(stage->bundle);
    error_t err = {0};
    must(bundle_sign(stage->bundle, &stage->trust.operator, & err), &err); /* an operator's key */
    assert_int_equal(get(stage, digest, &err), BUNDLES_COMING);
    give(stage, digest);
    assert_int_equal(get(stage, digest, &err), BUNDLES_REFUSED);
    assert_int_equal(err.code, ERROR_TRUST_THRESHOLD);
    assert_int_equal(get(stage, digest, &err), BUNDLES_COMING); /* it may be signed meanwhile */
}

static void test_another_bundle_than_was_asked_for(void **state) {
    stage_t *stage = *state;
    digest_t other = *bundle_digest(stage->bundle);
    error_t err = {0};
    other.bytes[0] ^= 1;
    must(bundle_sign(stage->bundle, &stage->trust.release, &err), &err);
    assert_int_equal(get(stage, &other, &err), BUNDLES_COMING);
    give(stage, &other);
    assert_int_equal(get(stage, &other, &err), BUNDLES_REFUSED);
    assert_int_equal(err.code, ERROR_BUNDLE_INVALID);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, stage_up, stage_down)

static bool is_used(const void *context, const bundle_t *bundle) {
    (void)bundle;
    return *(const bool *)context;
}

/* The agent runs on: what it holds in memory is judged by the trust of now. A job that has it in
 * hand does not lose it under its feet. */
static void test_one_in_memory_whose_signer_was_revoked(void **state) {
    stage_t *stage = *state;
    const digest_t *digest = bundle_digest(stage->bundle);
    const bundle_t *held = NULL;
    char name[DIGEST_TEXT_SIZE];
    char path[PATH_SIZE];
    char file[2 * PATH_SIZE];
    bool in_hand = true;
    error_t err = {0};
    must(bundle_sign(stage->bundle, &stage->trust.release, &err), &err);
    assert_int_equal(get(stage, digest, &err), BUNDLES_COMING);
    give(stage, digest);
    assert_int_equal(bundles_get(stage->bundles, digest, &held, &err), BUNDLES_HERE);
    path_of(stage, "bundles", path);
    (void)snprintf(file, sizeof file, "%s/%s.bundle", path, digest_text(digest, name));
    assert_int_equal(access(file, F_OK), 0);
    revoke_release_key(stage);
    bundles_sweep(stage->bundles, is_used, &in_hand);
    assert_true(digest_equal(bundle_digest(held), digest));
    assert_int_equal(access(file, F_OK), -1);
    assert_int_equal(get(stage, digest, &err), BUNDLES_COMING);
    give(stage, digest); /* the same bytes again */
    assert_int_equal(get(stage, digest, &err), BUNDLES_REFUSED);
    assert_int_equal(err.code, ERROR_TRUST_THRESHOLD);
    in_hand = false;
    bundles_sweep(stage->bundles, is_used, &in_hand);
}

/* What trust still covers stays as it is: nobody fetches it again. */
static void test_one_in_memory_stays_while_it_is_believed(void **state) {
    stage_t *stage = *state;
    const digest_t *digest = bundle_digest(stage->bundle);
    const bundle_t *held = NULL;
    error_t err = {0};
    must(bundle_sign(stage->bundle, &stage->trust.release, &err), &err);
    assert_int_equal(get(stage, digest, &err), BUNDLES_COMING);
    give(stage, digest);
    assert_int_equal(bundles_get(stage->bundles, digest, &held, &err), BUNDLES_HERE);
    bundles_sweep(stage->bundles, NULL, NULL);
    assert_int_equal(get(stage, digest, &err), BUNDLES_HERE);
    assert_true(digest_equal(bundle_digest(held), digest));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_released_bundle),
        TEST(test_a_kept_one_whose_signer_was_revoked),
        TEST(test_one_in_memory_whose_signer_was_revoked),
        TEST(test_one_in_memory_stays_while_it_is_believed),
        TEST(test_a_bundle_that_others_signed),
        TEST(test_another_bundle_than_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
