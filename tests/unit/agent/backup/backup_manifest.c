/* backup_manifest.c: signed before parsed, strict, and every changed byte is seen. */
#include "tests/unit/agent/backup/fixture.h"

static status_t open_bytes(const void *bytes, size_t size, backup_manifest_t *manifest,
                           error_t *err) {
    backup_trust_t trust = fixture_trust();
    backup_bytes_t file = {.data = bytes, .size = size};
    return backup_manifest_open(file, &trust, manifest, err);
}

static void test_round_trip(void **state) {
    (void)state;
    error_t err;
    CLEANUP(buffer_free) buffer_t file = {0};
    backup_signer_t signer = fixture_signer();
    backup_manifest_t manifest = fixture_manifest();
    backup_manifest_t back;
    manifest.plain_bytes = INT64_MAX;
    manifest.sealed.bytes[3] = 7;
    manifest.job_id = random_ident();
    (void)snprintf(manifest.database, sizeof manifest.database, "ac\"me \xc3\xa4");
    assert_int_equal(backup_manifest_seal(&manifest, &signer, &file, &err), STATUS_OK);
    assert_int_equal(open_bytes(file.data, file.size, &back, &err), STATUS_OK);
    assert_memory_equal(&back, &manifest, sizeof manifest);
}

static void test_every_bit_changed(void **state) {
    (void)state;
    error_t err;
    CLEANUP(buffer_free) buffer_t file = {0};
    backup_signer_t signer = fixture_signer();
    backup_manifest_t manifest = fixture_manifest();
    assert_int_equal(backup_manifest_seal(&manifest, &signer, &file, &err), STATUS_OK);
    for (size_t bit = 0; bit < 8 * file.size; bit++) {
        char whole = file.data[bit / 8];
        file.data[bit / 8] = (char)(whole ^ (1 << bit % 8));
        assert_int_equal(open_bytes(file.data, file.size, &manifest, &err), STATUS_ERROR);
        assert_true(err.code == ERROR_SIGNATURE || err.code == ERROR_BACKUP_CORRUPT);
        file.data[bit / 8] = whole;
    }
    for (size_t size = 0; size < file.size; size++) {
        assert_int_equal(open_bytes(file.data, size, &manifest, &err), STATUS_ERROR);
    }
}

static void test_untrusted_key(void **state) {
    (void)state;
    error_t err;
    CLEANUP(buffer_free) buffer_t file = {0};
    sign_public_t key;
    sign_secret_t secret;
    sign_keypair(&key, &secret);
    backup_signer_t stranger = {.key = &key, .secret = &secret};
    backup_manifest_t manifest = fixture_manifest();
    assert_int_equal(backup_manifest_seal(&manifest, &stranger, &file, &err), STATUS_OK);
    assert_int_equal(open_bytes(file.data, file.size, &manifest, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_SIGNATURE);
    assert_string_equal(err.message, "the manifest is signed by a key that is not trusted");
}

/* A signed manifest that is not what this program writes is refused field by field. */
static void refuse_json(const char *from, const char *to, const char *message) {
    error_t err;
    CLEANUP(buffer_free) buffer_t json = {0};
    backup_manifest_t manifest = fixture_manifest();
    assert_int_equal(backup_manifest_encode(&manifest, &json, &err), STATUS_OK);
    const char *found = strstr(json.data, from);
    assert_non_null(found);
    CLEANUP(buffer_free) buffer_t changed = {0};
    buffer_append(&changed, json.data, (size_t)(found - json.data));
    buffer_text(&changed, to);
    buffer_text(&changed, found + strlen(from));
    backup_bytes_t bytes = {.data = changed.data, .size = changed.size};
    assert_int_equal(backup_manifest_decode(bytes, &manifest, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BACKUP_CORRUPT);
    assert_string_equal(err.message, message);
}

static void test_strict(void **state) {
    (void)state;
    refuse_json("\"lsn\"", "\"l\"", "the manifest's lsn is missing or wrong");
    refuse_json("150020", "\"150020\"", "the manifest's server_version is missing or wrong");
    refuse_json("150020", "-1", "the manifest's server_version is missing or wrong");
    refuse_json("sealed 1", "sealed 2",
                "the manifest is of another format than this program reads");
    refuse_json("\"file\": \"\"", "\"file\": \"../x\"",
                "the manifest names a file in another folder");
    refuse_json("\"file\"", "\"more\": 1, \"file\"",
                "the manifest has a field that this program does not know");
    refuse_json("\"recipients\": [", "\"recipients\": [\"00\",",
                "the manifest has a wrong list of recipients");
    error_t err;
    backup_manifest_t manifest = fixture_manifest();
    CLEANUP(buffer_free) buffer_t json = {0};
    (void)snprintf(manifest.owner, sizeof manifest.owner, "\xff");
    assert_int_equal(backup_manifest_encode(&manifest, &json, &err), STATUS_ERROR);
    assert_string_equal(err.message, "the manifest's owner is no UTF-8");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_bit_changed),
        cmocka_unit_test(test_untrusted_key),
        cmocka_unit_test(test_strict),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
