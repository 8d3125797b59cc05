/* keyfile.c: files are private, whole, never replaced, of the kind asked for; halves belong. */
#include "common/crypto/keyfile.h"
#include "common/crypto/random.h"
#include "tests/unit/base/cmocka_all.h"

#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <sys/stat.h>

static char folder[] = "/tmp/drover-keyfile-XXXXXX";

static int set_up(void **state) {
    (void)state;
    error_t err;
    return random_start(&err) == STATUS_OK && mkdtemp(folder) != NULL ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    char command[PATH_MAX];
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static const char *at(const char *name) {
    static char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void create(const char *name, key_kind_t kind, const passphrase_t *passphrase) {
    error_t err;
    keyfile_new_t what = {.path = at(name), .kind = kind, .name = "x", .passphrase = passphrase};
    assert_int_equal(keyfile_create(&what, NULL, &err), STATUS_OK);
}

static keyfile_t *opened(const char *name, key_kind_t kind, const passphrase_t *passphrase) {
    error_t err;
    keyfile_t *key = NULL;
    keyfile_open_t what = {.path = at(name), .kind = kind, .passphrase = passphrase};
    assert_int_equal(keyfile_open(&what, &key, &err), STATUS_OK);
    return key;
}

static void refuse(const char *name, key_kind_t kind, const passphrase_t *passphrase,
                   const char *part) {
    error_t err;
    keyfile_t *key = NULL;
    keyfile_open_t what = {.path = at(name), .kind = kind, .passphrase = passphrase};
    assert_int_equal(keyfile_open(&what, &key, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_KEY_FILE);
    if (strstr(err.message, part) == NULL) {
        fail_msg("'%s' does not say '%s'", err.message, part);
    }
    assert_null(key);
}

static passphrase_t *said(const char *text) {
    int ends[2];
    error_t err;
    passphrase_t *passphrase = NULL;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
    (void)close(ends[1]);
    assert_int_equal(keyfile_read_passphrase_fd(ends[0], &passphrase, &err), STATUS_OK);
    (void)close(ends[0]);
    return passphrase;
}

static void test_sign_key(void **state) {
    (void)state;
    create("agent", KEY_AGENT, NULL);
    CLEANUP(keyfile_destroy_p) keyfile_t *key = opened("agent", KEY_AGENT, NULL);
    signature_t signature = sign_bytes(keyfile_sign_secret(key), SIGN_REPORTS, "x", 1);
    assert_true(sign_verify(keyfile_sign_public(key), SIGN_REPORTS, "x", 1, &signature));
    key_public_t twin;
    error_t err;
    assert_int_equal(keyfile_open_public(at("agent.pub"), KEY_AGENT, &twin, &err), STATUS_OK);
    assert_memory_equal(&twin, keyfile_public(key), sizeof twin);
    assert_memory_equal(twin.bytes, keyfile_sign_public(key)->bytes, SIGN_PUBLIC_BYTES);
    struct stat about;
    assert_int_equal(stat(at("agent"), &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    refuse("agent", KEY_RELEASE, NULL, "agent:1: agent key, but release is needed");
    refuse("agent.pub", KEY_AGENT, NULL, "a public key, but the secret one is needed");
}

static void test_seal_and_curve_keys(void **state) {
    (void)state;
    create("recovery", KEY_RECOVERY, NULL);
    create("curve", KEY_CURVE, NULL);
    CLEANUP(keyfile_destroy_p) keyfile_t *seal = opened("recovery", KEY_RECOVERY, NULL);
    CLEANUP(keyfile_destroy_p) keyfile_t *curve = opened("curve", KEY_CURVE, NULL);
    uint8_t derived[32];
    assert_int_equal(crypto_scalarmult_base(derived, keyfile_seal_secret(seal)->bytes), 0);
    assert_memory_equal(derived, keyfile_seal_public(seal)->bytes, 32);
    assert_int_equal(crypto_scalarmult_base(derived, keyfile_curve_secret(curve)), 0);
    assert_memory_equal(derived, keyfile_curve_public(curve), 32);
    char text[KEYTEXT_PUBLIC_SIZE];
    assert_int_equal(strlen(keytext_public_text(keyfile_public(curve), text)), 40);
}

static void test_never_replaced(void **state) {
    (void)state;
    error_t err;
    create("once", KEY_AGENT, NULL);
    keyfile_new_t what = {.path = at("once"), .kind = KEY_AGENT, .name = "x"};
    assert_int_equal(keyfile_create(&what, NULL, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_KEY_FILE);
    assert_non_null(strstr(err.message, "never overwritten"));
    assert_int_equal(unlink(at("once.pub")), 0);
    what.path = at("once");
    assert_int_equal(keyfile_create(&what, NULL, &err), STATUS_ERROR);
    assert_int_equal(access(at("once.pub"), F_OK), -1);
    what.path = at("nowhere/key");
    assert_int_equal(keyfile_create(&what, NULL, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_IO);
    what.path = at("named");
    what.name = "no spaces";
    assert_int_equal(keyfile_create(&what, NULL, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_KEY_FILE);
}

static void test_rights(void **state) {
    (void)state;
    create("open", KEY_AGENT, NULL);
    static const mode_t WIDE[] = {0640, 0620, 0604, 0601, 0660, 0644};
    for (size_t i = 0; i < sizeof WIDE / sizeof WIDE[0]; i++) {
        assert_int_equal(chmod(at("open"), WIDE[i]), 0);
        refuse("open", KEY_AGENT, NULL, "may be used by its group or by others");
    }
    assert_int_equal(chmod(at("open"), 0400), 0);
    CLEANUP(keyfile_destroy_p) keyfile_t *key = opened("open", KEY_AGENT, NULL);
    assert_non_null(key);
    refuse("missing", KEY_AGENT, NULL, "cannot open");
    if (geteuid() == 0) {
        assert_int_equal(chown(at("open"), 12345, 0), 0);
        refuse("open", KEY_AGENT, NULL, "belongs to another user");
    }
}

static void test_halves_belong(void **state) {
    (void)state;
    char text[KEYTEXT_MAX];
    create("mixed", KEY_AGENT, NULL);
    int fd = open(at("mixed"), O_RDWR);
    ssize_t size = read(fd, text, sizeof text);
    assert_true(size > 0);
    char *digit = strstr(text, "public: ") + 8;
    *digit = *digit == '0' ? '1' : '0';
    assert_int_equal(pwrite(fd, text, (size_t)size, 0), size);
    (void)close(fd);
    refuse("mixed", KEY_AGENT, NULL, "do not belong together");
}

static void test_passphrase(void **state) {
    (void)state;
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *right = said("correct horse\nrest");
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *same = said("correct horse");
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *wrong = said("correct horsf");
    assert_true(keyfile_passphrase_equal(right, same));
    assert_false(keyfile_passphrase_equal(right, wrong));
    create("locked", KEY_OPERATOR, right);
    bool locked = false;
    error_t err;
    assert_int_equal(keyfile_is_locked(at("locked"), &locked, &err), STATUS_OK);
    assert_true(locked);
    refuse("locked", KEY_OPERATOR, NULL, "a passphrase is needed");
    refuse("locked", KEY_OPERATOR, wrong, "does not open the key");
    CLEANUP(keyfile_destroy_p) keyfile_t *key = opened("locked", KEY_OPERATOR, same);
    key_public_t twin;
    assert_int_equal(keyfile_open_public(at("locked"), KEY_OPERATOR, &twin, &err), STATUS_OK);
    assert_memory_equal(twin.bytes, keyfile_public(key)->bytes, sizeof twin.bytes);
}

/* A forged file must not make us spend the host's memory. */
static void test_costs_are_bounded(void **state) {
    (void)state;
    keytext_t text;
    char bytes[KEYTEXT_MAX];
    memset(&text, 0, sizeof text);
    text.key.kind = KEY_AGENT;
    (void)snprintf(text.key.name, sizeof text.key.name, "x");
    text.secret = KEYTEXT_LOCKED;
    text.ops = 3;
    text.memory_bytes = UINT64_C(1) << 40;
    size_t size = keytext_format(&text, bytes);
    int fd = open(at("greedy"), O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    (void)close(fd);
    CLEANUP(keyfile_passphrase_destroy_p) passphrase_t *any = said("x");
    refuse("greedy", KEY_AGENT, any, "out of bounds");
}

static void test_bad_passphrases(void **state) {
    (void)state;
    error_t err;
    passphrase_t *passphrase = NULL;
    int ends[2];
    static char longer[KEYFILE_PASSPHRASE_MAX + 2];
    memset(longer, 'x', sizeof longer);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], longer, sizeof longer), (ssize_t)sizeof longer);
    assert_int_equal(keyfile_read_passphrase_fd(ends[0], &passphrase, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    (void)close(ends[1]);
    assert_int_equal(keyfile_read_passphrase_fd(ends[0], &passphrase, &err), STATUS_OK);
    keyfile_passphrase_destroy(&passphrase);
    assert_int_equal(keyfile_read_passphrase_fd(ends[0], &passphrase, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVALID);
    (void)close(ends[0]);
    assert_int_equal(keyfile_read_passphrase_fd(-1, &passphrase, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sign_key),          cmocka_unit_test(test_seal_and_curve_keys),
        cmocka_unit_test(test_never_replaced),    cmocka_unit_test(test_rights),
        cmocka_unit_test(test_halves_belong),     cmocka_unit_test(test_passphrase),
        cmocka_unit_test(test_costs_are_bounded), cmocka_unit_test(test_bad_passphrases),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
