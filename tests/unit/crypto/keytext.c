/* keytext.c: the text of key files, Z85 against the RFC's own example, and every way to be wrong.
 */
#include "common/crypto/keytext.h"
#include "tests/unit/base/cmocka_all.h"

#define HEX64 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static status_t parse(const char *text, keytext_t *ret_text, error_t *err) {
    keytext_source_t source = {.path = "k", .bytes = text, .size = strlen(text)};
    return keytext_parse(&source, ret_text, err);
}

static void refuse(const char *text, const char *message) {
    keytext_t got;
    error_t err;
    assert_int_equal(parse(text, &got, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_KEY_FILE);
    assert_string_equal(err.message, message);
}

/* ZeroMQ RFC 32's test case: 86 4F D2 6F B5 59 F7 5B is HelloWorld. */
static void test_z85(void **state) {
    (void)state;
    static const uint8_t HELLO[] = {0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B};
    uint8_t bytes[KEYTEXT_KEY_BYTES];
    uint8_t back[KEYTEXT_KEY_BYTES];
    char text[Z85_KEY_SIZE];
    error_t err;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = HELLO[i % sizeof HELLO];
    }
    assert_string_equal(keytext_z85(bytes, text), "HelloWorldHelloWorldHelloWorldHelloWorld");
    assert_int_equal(keytext_z85_parse(text, back, &err), STATUS_OK);
    assert_memory_equal(back, bytes, sizeof bytes);
    text[3] = '~';
    assert_int_equal(keytext_z85_parse(text, back, &err), STATUS_ERROR);
    /* "#####" is past 2^32 - 1. */
    assert_int_equal(keytext_z85_parse("#####WorldHelloWorldHelloWorldHelloWorld", back, &err),
                     STATUS_ERROR);
    assert_int_equal(keytext_z85_parse("HelloWorld", back, &err), STATUS_ERROR);
}

static void test_round_trips(void **state) {
    (void)state;
    for (int kind = 0; kind < KEY_KIND_COUNT; kind++) {
        for (int secret = KEYTEXT_NONE; secret <= KEYTEXT_LOCKED; secret++) {
            keytext_t text;
            keytext_t back;
            error_t err;
            char bytes[KEYTEXT_MAX];
            memset(&text, 0, sizeof text);
            text.key.kind = (key_kind_t)kind;
            text.secret = (keytext_secret_t)secret;
            (void)snprintf(text.key.name, sizeof text.key.name, "a.b_c@d+e-%d", kind);
            memset(text.key.bytes, 0x5a + kind, sizeof text.key.bytes);
            if (secret == KEYTEXT_PLAIN) {
                memset(text.plain, 0xc3, sizeof text.plain);
            }
            if (secret == KEYTEXT_LOCKED) {
                text.ops = 3;
                text.memory_bytes = 268435456;
                memset(text.box, 0xfe, sizeof text.box);
            }
            size_t size = keytext_format(&text, bytes);
            assert_int_equal(size, strlen(bytes));
            assert_int_equal(parse(bytes, &back, &err), STATUS_OK);
            assert_memory_equal(&back, &text, sizeof text);
        }
    }
}

static void test_refusals(void **state) {
    (void)state;
    refuse("", "k:1: the file ends where 'drover … key' should stand");
    refuse("drover agent key", "k:1: the line is not ended");
    refuse("drover big key\n", "k:1: this is no key file of drover's: it does not begin as one");
    refuse("drover agent key\nversion: 2\n", "k:2: version '2', this program reads 1");
    refuse("drover agent key\nname: x\n", "k:2: 'version: ' should stand here");
    refuse("drover agent key\nversion: 1\nname: a b\n",
           "k:3: a name is 1 to 128 letters, digits and ._@+-");
    refuse("drover agent key\r\nversion: 1\n", "k:1: a character outside printable ASCII");
    refuse("drover agent key\nversion: 1\nname: x\npublic: 12\n",
           "k:4: a key is 64 hexadecimal digits");
    refuse("drover curve key\nversion: 1\nname: x\npublic: " HEX64 "\n",
           "k:4: a curve key is 40 characters of Z85");
    refuse("drover agent key\nversion: 1\nname: x\npublic: " HEX64 "\n",
           "k:5: the file ends where 'secret' should stand");
    refuse("drover agent key\nversion: 1\nname: x\npublic: " HEX64 "\nextra: 1\n",
           "k:5: 'secret: ' or 'locked: ' should stand here");
    refuse("drover agent key\nversion: 1\nname: x\npublic: " HEX64 "\nlocked: argon2id 1 2\n",
           "k:5: 'locked' takes argon2id and its five values");
    refuse("drover agent public key\nversion: 1\nname: x\npublic: " HEX64 "\nsecret: " HEX64 "\n",
           "k:5: nothing may follow here");
}

/* What cannot be read must not be quoted: it may be a secret with a slip in it. */
static void test_no_secret_in_messages(void **state) {
    (void)state;
    keytext_t got;
    error_t err;
    assert_int_equal(parse("drover agent key\nversion: 1\nname: x\npublic: " HEX64
                           "\nsecret: deadbeef\n",
                           &got, &err),
                     STATUS_ERROR);
    assert_null(strstr(err.message, "deadbeef"));
    assert_non_null(strstr(err.message, "k:5"));
}

static void test_kinds(void **state) {
    (void)state;
    error_t err;
    for (int kind = 0; kind < KEY_KIND_COUNT; kind++) {
        key_kind_t back = KEY_KIND_COUNT;
        assert_int_equal(keytext_kind_parse(keytext_kind_text((key_kind_t)kind), &back, &err),
                         STATUS_OK);
        assert_int_equal(back, kind);
    }
    key_kind_t untouched = KEY_AGENT;
    assert_int_equal(keytext_kind_parse("roots", &untouched, &err), STATUS_ERROR);
    assert_int_equal(untouched, KEY_AGENT);
    /* what signs trust files; kinds are appended, since their numbers may be stored */
    assert_int_equal(KEY_ROOT, KEY_RECOVERY + 1);
    assert_int_equal(keytext_form(KEY_ROOT), KEY_FORM_SIGN);
    assert_string_equal(keytext_kind_text(KEY_ROOT), "root");
    assert_true(keytext_name_ok("a"));
    assert_false(keytext_name_ok(""));
    assert_false(keytext_name_ok("a/b"));
    assert_false(keytext_name_ok("\xc3\xa4"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_z85),      cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_no_secret_in_messages),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
