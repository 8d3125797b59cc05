/* invitation.c: the file comes back as it was written, nothing else is one, and no message shows a
 * secret. */
#include "common/trust/invitation.h"
#include "common/base/digest.h"
#include "tests/unit/base/cmocka_all.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CURVE "HelloWorldHelloWorldHelloWorldHelloWorld"
#define SECRET "770102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static const char GOOD[] = "drover invitation\n"
                           "version: 1\n"
                           "coordinator: tcp://203.0.113.7:7707\n"
                           "curve: " CURVE "\n"
                           "name: agent-eu-1\n"
                           "expires: 1800000000000000\n"
                           "secret: " SECRET "\n";

static status_t parse(const char *text, size_t size, invitation_t **ret_invitation, error_t *err) {
    invitation_source_t source = {.path = "i", .bytes = text, .size = size};
    return invitation_parse(&source, ret_invitation, err);
}

static void text_comes_back(void **state) {
    CLEANUP(invitation_destroy_p) invitation_t *invitation = NULL;
    error_t err = {0};
    char text[INVITATION_BYTES];
    uint8_t public_key[INVITATION_KEY_BYTES];
    (void)state;
    assert_int_equal(parse(GOOD, strlen(GOOD), &invitation, &err), STATUS_OK);
    const invitation_terms_t *terms = invitation_terms(invitation);
    assert_string_equal(terms->coordinator, "tcp://203.0.113.7:7707");
    assert_string_equal(terms->name, "agent-eu-1");
    assert_int_equal(terms->expires_us, INT64_C(1800000000000000));
    assert_int_equal(terms->curve[0], 0x86);
    assert_int_equal(invitation_secret(invitation)[0], 0x77);
    assert_int_equal(crypto_scalarmult_base(public_key, invitation_secret(invitation)), 0);
    assert_memory_equal(invitation_public(invitation), public_key, sizeof public_key);
    assert_int_equal(invitation_format(invitation, text), strlen(GOOD));
    assert_string_equal(text, GOOD);
}

/* GOOD with one text in place of another. */
static void refuse(const char *from, const char *to, const char *message) {
    invitation_t *invitation = NULL;
    error_t err = {0};
    char text[2048];
    const char *at = strstr(GOOD, from);
    assert_non_null(at);
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - GOOD), GOOD, to, at + strlen(from));
    assert_int_equal(parse(text, strlen(text), &invitation, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVITATION);
    assert_string_equal(err.message, message);
    assert_null(invitation);
}

static void other_texts_are_none(void **state) {
    (void)state;
    refuse("drover inv", "other inv", "i:1: a line 'drover invitation…' is wanted here");
    refuse("drover invitation\n", "drover invitations\n",
           "i:1: the value is too long, or holds a zero byte");
    refuse("version: 1", "version: 2",
           "i:2: a newer Drover wrote this: only version 1 is known here");
    refuse("version: 1", "version: 01", "i:2: a number is wanted here, without leading zeros");
    refuse("tcp://203", "udp://203", "i:7: the coordinator's address reads like tcp://HOST:PORT");
    refuse("203.0.113.7", "203 0", "i:7: the coordinator's address reads like tcp://HOST:PORT");
    refuse("HelloWorldH", "Hello~orldH", "i:4: a curve key is 40 characters of Z85");
    refuse(CURVE, "0000000000000000000000000000000000000000",
           "i:7: the coordinator's transport key is missing");
    refuse("curve: ", "name: ", "i:4: a line 'curve: …' is wanted here");
    refuse("agent-eu-1", "agent eu", "i:7: a name has 1 to 63 letters, digits and ._@+-");
    refuse("agent-eu-1", "", "i:7: a name has 1 to 63 letters, digits and ._@+-");
    refuse("1800000000000000", "", "i:6: a number is wanted here, without leading zeros");
    refuse("1800000000000000", "1800000000000000000",
           "i:6: a number is wanted here, without leading zeros");
    refuse("1800000000000000", "-5", "i:6: a number is wanted here, without leading zeros");
    refuse("1d1e1f\n", "1d1e1f\n\n", "i:7: something stands after the last line");
    refuse("1d1e1f\n", "1d1e1f", "i:7: a line 'secret: …' is wanted here");
    /* the values of these lines are secrets */
    refuse("1d1e1f\n", "1d1eXY\n", "i:7: a key is 64 hexadecimal digits in small letters");
    refuse("1d1e1f\n", "1D1E1F\n", "i:7: a key is 64 hexadecimal digits in small letters");
    refuse("1d1e1f\n", "1d1e1f00\n", "i:7: the value is too long, or holds a zero byte");
    refuse("1d1e1f\n", "1d1e\n", "i:7: a key is 64 hexadecimal digits in small letters");
}

static void every_cut_is_refused(void **state) {
    (void)state;
    for (size_t size = 0; size < strlen(GOOD); size++) {
        invitation_t *invitation = NULL;
        error_t err = {0};
        assert_int_equal(parse(GOOD, size, &invitation, &err), STATUS_ERROR);
        assert_int_equal(err.code, ERROR_INVITATION);
    }
}

static invitation_terms_t terms_of(void) {
    invitation_terms_t terms = {.expires_us = 7, .curve = {1}};
    (void)snprintf(terms.coordinator, sizeof terms.coordinator, "tcp://host.example:1");
    (void)snprintf(terms.name, sizeof terms.name, "a");
    return terms;
}

static void file_is_the_owners_alone(void **state) {
    char folder[] = "/tmp/drover-invitation-XXXXXX";
    char path[64];
    struct stat about;
    error_t err = {0};
    invitation_terms_t terms = terms_of();
    CLEANUP(invitation_destroy_p) invitation_t *made = NULL;
    CLEANUP(invitation_destroy_p) invitation_t *back = NULL;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/i", folder);
    assert_int_equal(invitation_new(&terms, &made, &err), STATUS_OK);
    assert_int_equal(invitation_write(made, path, &err), STATUS_OK);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(invitation_read(path, &back, &err), STATUS_OK);
    assert_memory_equal(invitation_secret(back), invitation_secret(made), INVITATION_KEY_BYTES);
    assert_memory_equal(invitation_public(back), invitation_public(made), INVITATION_KEY_BYTES);
    invitation_destroy(&back);
    assert_int_equal(invitation_write(made, path, &err), STATUS_ERROR); /* replaces nothing */
    assert_int_equal(err.code, ERROR_INVITATION);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(invitation_read(path, &back, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVITATION);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, INVITATION_BYTES + 1), 0);
    assert_int_equal(invitation_read(path, &back, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVITATION);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(invitation_read(path, &back, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_int_equal(invitation_read(folder, &back, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVITATION);
    assert_int_equal(rmdir(folder), 0);
}

static void terms_make_sense(void **state) {
    error_t err = {0};
    invitation_t *made = NULL;
    invitation_t *other = NULL;
    (void)state;
    invitation_terms_t terms = terms_of();
    assert_int_equal(invitation_new(&terms, &made, &err), STATUS_OK);
    assert_int_equal(invitation_new(&terms, &other, &err), STATUS_OK);
    /* each has a key of its own */
    assert_memory_not_equal(invitation_secret(made), invitation_secret(other),
                            INVITATION_KEY_BYTES);
    invitation_destroy(&made);
    invitation_destroy(&other);
    terms.expires_us = 0;
    assert_int_equal(invitation_new(&terms, &made, &err), STATUS_ERROR);
    terms = terms_of();
    terms.name[0] = ' ';
    assert_int_equal(invitation_new(&terms, &made, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_INVITATION);
    assert_null(made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_comes_back),          cmocka_unit_test(other_texts_are_none),
        cmocka_unit_test(every_cut_is_refused),     cmocka_unit_test(terms_make_sense),
        cmocka_unit_test(file_is_the_owners_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
