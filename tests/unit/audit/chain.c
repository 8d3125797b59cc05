/* chain.c: every field of a row and of a head counts, and a head's text is read as it was written.
 */
#include "common/audit/chain.h"
#include "tests/unit/base/cmocka_all.h"

#include <sodium.h>
#include <string.h>

static audit_record_t record_of(void) {
    return (audit_record_t){.sequence = 7,
                            .time_us = 1000,
                            .actor = "alice",
                            .origin = "here",
                            .action = "rollout.start",
                            .rollout = {{1}},
                            .tenant = {{2}},
                            .sql_digest = {{3}},
                            .result = "ok",
                            .detail = "why",
                            .previous = {{4}}};
}

static void every_field_of_a_row_counts(void **state) {
    (void)state;
    audit_record_t rows[13];
    for (size_t i = 0; i < 13; i++) {
        rows[i] = record_of();
    }
    rows[1].sequence = 8;
    rows[2].time_us = 1001;
    rows[3].actor = "alicf";
    rows[4].origin = "there";
    rows[5].action = "rollout.stop";
    rows[6].rollout.bytes[15] = 1;
    rows[7].tenant.bytes[15] = 1;
    rows[8].sql_digest.bytes[31] = 1;
    rows[9].result = "no";
    rows[10].detail = "";
    rows[11].previous.bytes[31] = 1;
    /* the same letters, parted elsewhere */
    rows[12].actor = "aliceh";
    rows[12].origin = "ere";
    for (size_t i = 0; i < 13; i++) {
        for (size_t k = 0; k < i; k++) {
            digest_t one = audit_record_digest(&rows[i]);
            digest_t two = audit_record_digest(&rows[k]);
            assert_false(digest_equal(&one, &two));
        }
    }
    audit_record_t same = record_of();
    digest_t one = audit_record_digest(&same);
    digest_t two = audit_record_digest(&rows[0]);
    assert_true(digest_equal(&one, &two));
}

static audit_head_t head_of(sign_secret_t *secret) {
    audit_head_t head = {.sequence = 7,
                         .digest = {{5}},
                         .time_us = 1000,
                         .catalog = {{6}},
                         .epoch = 3,
                         .incarnation = {{7}}};
    sign_keypair(&head.key, secret);
    audit_head_sign(&head, secret);
    return head;
}

static void every_field_of_a_head_is_signed(void **state) {
    (void)state;
    sign_secret_t secret;
    audit_head_t head = head_of(&secret);
    assert_true(audit_head_holds(&head));
    audit_head_t heads[8];
    for (size_t i = 0; i < 8; i++) {
        heads[i] = head;
    }
    heads[0].sequence++;
    heads[1].digest.bytes[0]++;
    heads[2].time_us++;
    heads[3].catalog.bytes[0]++;
    heads[4].epoch++;
    heads[5].incarnation.bytes[0]++;
    heads[6].key.bytes[0]++;
    heads[7].signature.bytes[0]++;
    for (size_t i = 0; i < 8; i++) {
        assert_false(audit_head_holds(&heads[i]));
    }
    /* a signature of the same bytes under another domain is none */
    digest_t zero = {{0}};
    head.signature = sign_bytes(&secret, SIGN_LEDGER, zero.bytes, sizeof zero.bytes);
    assert_false(audit_head_holds(&head));
}

static void the_text_of_a_head_is_read_as_written(void **state) {
    (void)state;
    sign_secret_t secret;
    char text[AUDIT_HEAD_TEXT_SIZE];
    error_t err;
    audit_head_t head = head_of(&secret);
    audit_head_t read = {.sequence = head.sequence, .digest = head.digest};
    assert_int_equal(audit_head_parse(audit_head_text(&head, text), &read, &err), STATUS_OK);
    assert_true(audit_head_holds(&read));
    assert_int_equal(read.epoch, head.epoch);
    /* cut anywhere it is none */
    char cut[AUDIT_HEAD_TEXT_SIZE + 2];
    for (size_t size = strlen(text); size-- > 0;) {
        (void)snprintf(cut, sizeof cut, "%.*s", (int)size, text);
        assert_int_equal(audit_head_parse(cut, &read, &err), STATUS_ERROR);
        assert_int_equal(err.code, ERROR_INVALID);
    }
    static const char *const FRONTS[] = {"-1", "+1", " 1", "1x", "99999999999999999999", ""};
    for (size_t i = 0; i < sizeof FRONTS / sizeof FRONTS[0]; i++) {
        (void)snprintf(cut, sizeof cut, "%s%s", FRONTS[i], strchr(text, ' '));
        assert_int_equal(audit_head_parse(cut, &read, &err), STATUS_ERROR);
    }
    (void)snprintf(cut, sizeof cut, "%s ", text);
    assert_int_equal(audit_head_parse(cut, &read, &err), STATUS_ERROR);
}

int main(void) {
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_a_row_counts),
        cmocka_unit_test(every_field_of_a_head_is_signed),
        cmocka_unit_test(the_text_of_a_head_is_read_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
