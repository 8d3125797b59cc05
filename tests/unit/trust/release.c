/* A real bundle's signatures under a trust file, and the bundle's own checks before them. */
#include "common/trust/release.h"

#include "tests/unit/migration/fixture.h"
#include "tests/unit/trust/world.h"

static bundle_t *make_bundle(const char *table) {
    error_t err;
    fixture_t fixture;
    bundle_t *bundle = NULL;
    bundle_options_t options = {.application = "app"};
    fixture_open(&fixture);
    fixture_put_trio(&fixture, "V001__first", table);
    assert_int_equal(directory_load(fixture.path, NULL, &fixture.directory, &err), STATUS_OK);
    assert_int_equal(bundle_build(fixture.directory, &options, &bundle, &err), STATUS_OK);
    fixture_close(&fixture);
    return bundle;
}

static void test_release(void **state) {
    (void)state;
    error_t err;
    static world_t world;
    world_open(&world);
    CLEANUP(bundle_destroy_p) bundle_t *bundle = make_bundle("one");
    CLEANUP(bundle_destroy_p) bundle_t *other = make_bundle("two");
    world.plan_order.bundle = *bundle_digest(bundle);
    assert_int_equal(world_verify(&world, &err), STATUS_OK);
    release_t release;
    assert_int_equal(bundle_sign(bundle, world_secret(RELEASE_A), &err), STATUS_OK);
    release_of(bundle, &release);
    assert_int_equal(order_takes_bundle(&world.authority, &release.claim, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_THRESHOLD);
    assert_int_equal(bundle_sign(bundle, world_secret(RELEASE_B), &err), STATUS_OK);
    release_of(bundle, &release);
    assert_int_equal(release.claim.signer_count, 2);
    assert_int_equal(order_takes_bundle(&world.authority, &release.claim, &err), STATUS_OK);
    /* the same people's signatures do not fit another bundle, and a whole one is not this one */
    assert_int_equal(
        bundle_add_signature(other, world_public(RELEASE_A), bundle_signature(bundle, 0), &err),
        STATUS_ERROR);
    assert_int_equal(err.code, ERROR_SIGNATURE);
    assert_int_equal(bundle_sign(other, world_secret(RELEASE_A), &err), STATUS_OK);
    assert_int_equal(bundle_sign(other, world_secret(RELEASE_B), &err), STATUS_OK);
    release_of(other, &release);
    assert_int_equal(order_takes_bundle(&world.authority, &release.claim, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_ORDER_BUNDLE);
    world_close(&world);
}

int main(void) {
    world_keys();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_release)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
