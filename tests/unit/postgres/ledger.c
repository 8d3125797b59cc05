/* The chain, its signatures and the fold: every field counts, every edit is named. */
#include "common/postgres/ledger.h"
#include "common/crypto/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { ROWS = 6 };

static ledger_row_t chain[ROWS];
static sign_public_t key;
static sign_secret_t secret;

static ledger_row_t make(int64_t seq, ledger_kind_t kind, int32_t position) {
    ledger_row_t row = {.seq = seq, .kind = kind, .position = position, .generation = 1};
    (void)snprintf(row.application, sizeof row.application, "shop");
    (void)snprintf(row.version, sizeof row.version, "V%03d", position);
    (void)snprintf(row.actor, sizeof row.actor, "someone");
    row.epoch = 3;
    row.started_us = 1000 + seq;
    row.finished_us = 2000 + seq;
    return row;
}

static int set_up(void **state) {
    (void)state;
    error_t err = {0};
    if (random_start(&err) != STATUS_OK) {
        return -1;
    }
    sign_keypair(&key, &secret);
    static const ledger_kind_t kinds[ROWS] = {LEDGER_BASELINE, LEDGER_APPLY,      LEDGER_APPLY,
                                              LEDGER_UNDO,     LEDGER_REPEATABLE, LEDGER_APPLY};
    static const int32_t positions[ROWS] = {4, 5, 6, 6, 5, 6};
    for (int i = 0; i < ROWS; i++) {
        chain[i] = make(i + 1, kinds[i], positions[i]);
        if (i > 0) {
            chain[i].previous = chain[i - 1].digest;
        }
        ledger_seal(&chain[i], &(ledger_signer_t){&key, &secret});
    }
    return 0;
}

static error_code_t verify(const ledger_row_t *rows, size_t count, size_t *ret_bad) {
    error_t err = {0};
    ledger_rows_t given = {rows, count};
    return ledger_verify_chain(given, NULL, NULL, ret_bad, &err) == STATUS_OK ? ERROR_NONE
                                                                              : err.code;
}

static void whole_chain_and_its_end_verify(void **state) {
    (void)state;
    assert_int_equal(verify(chain, ROWS, NULL), ERROR_NONE);
    assert_int_equal(verify(chain + 3, ROWS - 3, NULL), ERROR_NONE);
    assert_int_equal(verify(chain, 0, NULL), ERROR_NONE);
}

static void every_byte_of_a_field_counts(void **state) {
    (void)state;
    digest_t digest = ledger_digest(&chain[2]);
#define COUNTS(member)                                                                             \
    do {                                                                                           \
        ledger_row_t row = chain[2];                                                               \
        uint8_t *byte = (uint8_t *)&row.member;                                                    \
        *byte ^= 1;                                                                                \
        digest_t other = ledger_digest(&row);                                                      \
        assert_false(digest_equal(&digest, &other));                                               \
    } while (0)
    COUNTS(tenant);
    COUNTS(application);
    COUNTS(seq);
    COUNTS(generation);
    COUNTS(kind);
    COUNTS(position);
    COUNTS(version);
    COUNTS(script);
    COUNTS(undo);
    COUNTS(bundle);
    COUNTS(order);
    COUNTS(rollout);
    COUNTS(job);
    COUNTS(attempt);
    COUNTS(epoch);
    COUNTS(incarnation);
    COUNTS(started_us);
    COUNTS(finished_us);
    COUNTS(actor);
    COUNTS(strict);
    COUNTS(logical);
    COUNTS(stamp);
    COUNTS(cites);
    COUNTS(previous);
#undef COUNTS
}

static void first_bad_row_is_named(void **state) {
    (void)state;
    ledger_row_t copy[ROWS];
    size_t bad = 99;
    memcpy(copy, chain, sizeof copy);
    copy[2].actor[0] = 'X'; /* edited */
    assert_int_equal(verify(copy, ROWS, &bad), ERROR_LEDGER_EDITED);
    assert_int_equal(bad, 2);
    copy[2].digest = ledger_digest(&copy[2]); /* digest made to fit, without the key */
    assert_int_equal(verify(copy, ROWS, &bad), ERROR_LEDGER_EDITED);
    assert_int_equal(bad, 2);
    ledger_seal(&copy[2], &(ledger_signer_t){&key, &secret}); /* with the key: the next row tells */
    assert_int_equal(verify(copy, ROWS, &bad), ERROR_LEDGER_EDITED);
    assert_int_equal(bad, 3);
    memcpy(copy, chain, sizeof copy);
    memmove(&copy[1], &copy[2], (ROWS - 2) * sizeof copy[0]); /* taken out */
    assert_int_equal(verify(copy, ROWS - 1, &bad), ERROR_LEDGER_EDITED);
    assert_int_equal(bad, 1);
    memcpy(copy, chain, sizeof copy);
    copy[4].signature.bytes[5] ^= 1;
    assert_int_equal(verify(copy, ROWS, &bad), ERROR_LEDGER_EDITED);
    assert_int_equal(bad, 4);
}

static bool trusts_none(const sign_public_t *agent, void *context) {
    (void)agent;
    (void)context;
    return false;
}

static void strange_keys_are_refused(void **state) {
    (void)state;
    error_t err = {0};
    ledger_rows_t given = {chain, ROWS};
    assert_int_equal(ledger_verify_chain(given, trusts_none, NULL, NULL, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_LEDGER_EDITED);
}

static void fold_gives_the_standing(void **state) {
    (void)state;
    static const int32_t positions[ROWS + 1] = {0, 4, 5, 6, 5, 5, 6};
    static const char *const versions[ROWS + 1] = {"",     "V004", "V005", "V006",
                                                   "V005", "V005", "V006"};
    for (size_t count = 0; count <= ROWS; count++) {
        ledger_standing_t standing;
        error_t err = {0};
        assert_int_equal(ledger_fold((ledger_rows_t){chain, count}, &standing, &err), STATUS_OK);
        assert_int_equal(standing.position, positions[count]);
        assert_string_equal(standing.version, versions[count]);
        assert_int_equal(standing.seq, count);
    }
}

static void misfits_are_refused(void **state) {
    (void)state;
    static const struct {
        ledger_kind_t kind;
        int32_t position;
        int32_t generation;
        bool fits;
    } cases[] = {
        {LEDGER_APPLY, 7, 1, true},       {LEDGER_APPLY, 6, 1, false},
        {LEDGER_APPLY, 8, 1, false},      {LEDGER_APPLY, 7, 2, false},
        {LEDGER_UNDO, 6, 1, true},        {LEDGER_UNDO, 5, 1, false},
        {LEDGER_UNDO, 7, 1, false},       {LEDGER_UNDO, 6, 2, false},
        {LEDGER_RESTORE, 2, 2, true},     {LEDGER_RESTORE, 2, 1, false},
        {LEDGER_RESTORE, 2, 3, false},    {LEDGER_ADOPT, 9, 2, true},
        {LEDGER_ADOPT, 9, 1, false},      {LEDGER_BASELINE, 9, 1, true},
        {LEDGER_BASELINE, 9, 2, false},   {LEDGER_PATCH, 6, 1, true},
        {LEDGER_PATCH, 7, 1, false},      {LEDGER_REPEATABLE, 6, 1, true},
        {LEDGER_REPEATABLE, 5, 1, false},
    };
    ledger_standing_t at;
    error_t err = {0};
    assert_int_equal(ledger_fold((ledger_rows_t){chain, ROWS}, &at, &err), STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ledger_standing_t standing = at;
        ledger_row_t row = make(ROWS + 1, cases[i].kind, cases[i].position);
        row.generation = cases[i].generation;
        assert_int_equal(ledger_step(&standing, &row, &err) == STATUS_OK, cases[i].fits);
        row.seq++; /* a gap never fits */
        standing = at;
        assert_int_equal(ledger_step(&standing, &row, &err), STATUS_ERROR);
    }
    ledger_standing_t empty = {0};
    ledger_row_t first = make(1, LEDGER_APPLY, 1); /* nothing comes before a baseline */
    assert_int_equal(ledger_step(&empty, &first, &err), STATUS_ERROR);
}

static void kinds_have_their_words(void **state) {
    (void)state;
    error_t err = {0};
    for (int kind = 0; kind < LEDGER_KIND_COUNT; kind++) {
        ledger_kind_t back;
        assert_int_equal(ledger_kind_parse(ledger_kind_text((ledger_kind_t)kind), &back, &err),
                         STATUS_OK);
        assert_int_equal(back, kind);
    }
    ledger_kind_t kind;
    assert_int_equal(ledger_kind_parse("Apply", &kind, &err), STATUS_ERROR);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_chain_and_its_end_verify),
        cmocka_unit_test(every_byte_of_a_field_counts),
        cmocka_unit_test(first_bad_row_is_named),
        cmocka_unit_test(strange_keys_are_refused),
        cmocka_unit_test(fold_gives_the_standing),
        cmocka_unit_test(misfits_are_refused),
        cmocka_unit_test(kinds_have_their_words),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
