/*
 * results.c: what an agent signs of a batch of final reports: one document for each order and wave,
 * as old as its newest report, its tenants ascending, the last word about each.
 */
#include "agent/results.h"
#include "common/crypto/random.h"
#include "common/wire/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        char line[1024];
        fail_msg("%s", error_line(err, line, sizeof line));
    }
}

/* One report, as the journal has it. */
typedef struct said {
    uint8_t order; /* first byte of its digest; 0: none */
    uint32_t wave;
    uint8_t tenant;
    int64_t finished_us;
    uint32_t outcome;
} said_t;

static bool add(results_t *results, const said_t *said) {
    Drover__Report report = DROVER__REPORT__INIT;
    digest_t order = {{said->order}};
    ident_t tenant = {{said->tenant}};
    bool fits = false;
    error_t err = {0};
    report.order = field_of_digest(&order);
    report.tenant = field_of_ident(&tenant);
    report.wave = said->wave;
    report.finished_us = said->finished_us;
    must(results_add(results, &report, said->outcome, &fits, &err), &err);
    return fits;
}

static result_t *sign_and_read(results_t *results, size_t index) {
    ProtobufCBinaryData fields[WIRE_RESULTS];
    CLEANUP(document_destroy_p) document_t *document = NULL;
    result_t *result = NULL;
    error_t err = {0};
    sign_public_t key;
    sign_secret_t secret;
    ident_t fleet = {{0xf1}};
    sign_keypair(&key, &secret);
    for (size_t i = 0; i < results->count; i++) {
        buffer_free(&results->groups[i]->document);
    }
    book_t book = {0};
    size_t count = 0;
    results_signer_t signer = {.fleet = fleet, .secret = &secret, .book = &book};
    must(results_sign(results, &signer, fields, &count, &err), &err);
    assert_int_equal(count, results->count);
    book_clear(&book);
    must(document_decode(fields[index].data, fields[index].len, &document, &err), &err);
    assert_int_equal(document->signature_count, 1);
    assert_true(document_signed_by(document, &key));
    must(result_read(document, &result, &err), &err);
    assert_true(ident_equal(&result->fleet, &fleet));
    return result;
}

static void test_one_document_for_each_wave(void **state) {
    static const said_t SAID[] = {
        {1, 0, 9, 500, RESULT_DONE},
        {1, 0, 3, 700, RESULT_FAILED},
        {1, 1, 3, 900, RESULT_DONE},
        {2, 0, 3, 100, RESULT_NOT_NEEDED},
        {0, 0, 4, 100, RESULT_FAILED}, /* under no order */
        {1, 0, 5, 999, 0},             /* says nothing */
    };
    (void)state;
    results_t results = {0};
    for (size_t i = 0; i < sizeof SAID / sizeof SAID[0]; i++) {
        assert_true(add(&results, &SAID[i]));
    }
    assert_int_equal(results.count, 3);
    result_t *first = sign_and_read(&results, 0);
    assert_int_equal(first->order.bytes[0], 1);
    assert_int_equal(first->wave, 0);
    assert_int_equal(first->issued_us, 700);
    assert_int_equal(first->entry_count, 2);
    assert_int_equal(first->entries[0].tenant.bytes[0], 3);
    assert_int_equal(first->entries[0].outcome, RESULT_FAILED);
    assert_int_equal(first->entries[1].outcome, RESULT_DONE);
    result_destroy(&first);
    result_t *last = sign_and_read(&results, 2);
    assert_int_equal(last->order.bytes[0], 2);
    assert_int_equal(last->entries[0].outcome, RESULT_NOT_NEEDED);
    result_destroy(&last);
    results_free(&results);
}

static void test_the_last_word_counts(void **state) {
    (void)state;
    results_t results = {0};
    assert_true(add(&results, &(said_t){1, 0, 3, 500, RESULT_FAILED}));
    assert_true(add(&results, &(said_t){1, 0, 3, 600, RESULT_DONE}));
    result_t *result = sign_and_read(&results, 0);
    assert_int_equal(result->entry_count, 1);
    assert_int_equal(result->entries[0].outcome, RESULT_DONE);
    result_destroy(&result);
    results_free(&results);
}

static void test_a_message_has_room_for_so_many(void **state) {
    (void)state;
    results_t results = {0};
    for (uint32_t wave = 0; wave < WIRE_RESULTS; wave++) {
        assert_true(add(&results, &(said_t){1, wave, 3, 500, RESULT_DONE}));
    }
    assert_false(add(&results, &(said_t){1, WIRE_RESULTS, 3, 500, RESULT_DONE}));
    assert_true(add(&results, &(said_t){1, 0, 4, 500, RESULT_DONE}));
    assert_true(add(&results, &(said_t){1, WIRE_RESULTS, 3, 500, 0}));
    results_free(&results);
}

/* A passing fault and a doubt are no word; what ended otherwise than well is a failure. */
static void test_outcomes(void **state) {
    static const uint32_t MEANS[JOB_OUTCOME_COUNT] = {
        [JOB_OUTCOME_DONE] = RESULT_DONE,       [JOB_OUTCOME_NOT_NEEDED] = RESULT_NOT_NEEDED,
        [JOB_OUTCOME_GONE] = RESULT_NOT_NEEDED, [JOB_OUTCOME_REFUSED] = RESULT_FAILED,
        [JOB_OUTCOME_FAILED] = RESULT_FAILED,   [JOB_OUTCOME_CANCELLED] = RESULT_FAILED,
    };
    (void)state;
    for (int i = 0; i < JOB_OUTCOME_COUNT; i++) {
        assert_int_equal(results_outcome((job_outcome_t)i), MEANS[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_document_for_each_wave),
        cmocka_unit_test(test_the_last_word_counts),
        cmocka_unit_test(test_a_message_has_room_for_so_many),
        cmocka_unit_test(test_outcomes),
    };
    error_t err = {0};
    if (random_start(&err) != STATUS_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
