/*
 * book.c: what an agent says again: the coordinator, which keeps of it only what no later document
 * covers, knows every tenant's latest word from a few documents, and no tenant is signed too often.
 */
#include "agent/book.h"
#include "agent/results.h"
#include "common/crypto/random.h"
#include "common/trust/card.h"
#include "common/wire/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { MANY = 2000, BATCH = 4 };

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        char line[1024];
        fail_msg("%s", error_line(err, line, sizeof line));
    }
}

static ident_t tenant_of(uint32_t number) {
    ident_t tenant = {{0}};
    for (size_t i = 0; i < sizeof number; i++) { /* ascend as numbers do */
        tenant.bytes[i] = (uint8_t)(number >> (8 * (sizeof number - 1 - i)));
    }
    return tenant;
}

typedef struct batch {
    uint32_t wave;
    uint32_t first;
    uint32_t count;
    result_outcome_t outcome;
    int64_t newest_us;
} batch_t;

static const book_pile_t *add(book_t *book, const batch_t *batch) {
    result_entry_t entries[256];
    const book_pile_t *again = NULL;
    error_t err = {0};
    for (uint32_t i = 0; i < batch->count; i++) {
        entries[i] =
            (result_entry_t){.tenant = tenant_of(batch->first + i), .outcome = batch->outcome};
    }
    book_words_t words = {.wave = batch->wave,
                          .newest_us = batch->newest_us,
                          .entries = entries,
                          .count = batch->count};
    must(book_add(book, &words, &again, &err), &err);
    return again;
}

static void assert_pile(const book_pile_t *pile, uint32_t first, size_t count) {
    assert_non_null(pile);
    assert_int_equal(pile->count, count);
    for (uint32_t i = 0; i < count; i++) {
        ident_t wanted = tenant_of(first + i);
        assert_true(ident_equal(&pile->entries[i].tenant, &wanted));
    }
}

static void test_four_are_said_as_one(void **state) {
    (void)state;
    book_t book = {0};
    for (uint32_t i = 0; i < 64; i++) {
        /* the last first: they ascend all the same */
        const book_pile_t *again = add(
            &book,
            &(batch_t){.first = 63 - i, .count = 1, .outcome = RESULT_DONE, .newest_us = 100 + i});
        uint32_t said = (i + 1) % 64 == 0 ? 64 : (i + 1) % 16 == 0 ? 16 : 4;
        if ((i + 1) % 4 != 0) {
            assert_null(again);
            continue;
        }
        assert_pile(again, 63 - i, said);
        assert_int_equal(again->newest_us, 100 + i);
    }
    book_clear(&book);
}

static void test_the_newer_word_stands(void **state) {
    (void)state;
    book_t book = {0};
    const book_pile_t *again = NULL;
    for (uint32_t i = 0; i < 4; i++) {
        again = add(&book, &(batch_t){.first = 7,
                                      .count = 1,
                                      .outcome = i < 3 ? RESULT_FAILED : RESULT_DONE,
                                      .newest_us = 500 - i}); /* a clock that was set back */
    }
    assert_pile(again, 7, 1);
    assert_int_equal(again->entries[0].outcome, RESULT_DONE);
    assert_int_equal(again->newest_us, 500);
    book_clear(&book);
}

static void test_waves_are_apart(void **state) {
    (void)state;
    book_t book = {0};
    batch_t batch = {.count = 1, .outcome = RESULT_DONE};
    for (uint32_t round = 0; round < 3; round++) {
        for (batch.wave = 0; batch.wave < BOOK_WAVES; batch.wave++) {
            assert_null(add(&book, &batch));
        }
    }
    batch.wave = BOOK_WAVES; /* one too many: the first one is forgotten, and begins anew */
    assert_null(add(&book, &batch));
    batch.wave = 1;
    assert_non_null(add(&book, &batch));
    batch.wave = 0;
    assert_null(add(&book, &batch));
    book_clear(&book);
    batch.wave = 2; /* three batches of it were sent before */
    assert_null(add(&book, &batch));
    book_clear(&book);
}

static void test_a_document_ends_somewhere(void **state) {
    (void)state;
    book_t book = {0};
    uint32_t largest = 0;
    for (uint32_t i = 0; i < 600; i++) {
        const book_pile_t *again =
            add(&book, &(batch_t){.first = i * 128, .count = 128, .outcome = RESULT_DONE});
        assert_true(again == NULL || again->count <= RESULT_OUTCOMES);
        largest = again != NULL && again->count > largest ? (uint32_t)again->count : largest;
    }
    assert_int_equal(largest, 128 * 64);
    book_clear(&book);
}

/* --- what that makes of a ticket ------------------------------------------------------------- */

typedef struct pile_of_papers {
    ticket_statement_t statements[2 * MANY];
    document_t *documents[2 * MANY];
    size_t count;
    size_t deltas; /* what is new, said once */
    ticket_statement_t once[MANY];
    size_t signed_tenants;
    leaf_t leaves[MANY];
    document_t *card;
    sign_public_t key;
    sign_secret_t secret;
} pile_of_papers_t;

static void take(pile_of_papers_t *papers, ProtobufCBinaryData field, bool again) {
    error_t err = {0};
    CLEANUP(result_destroy_p) result_t *result = NULL;
    document_t *document = NULL;
    must(document_decode(field.data, field.len, &document, &err), &err);
    must(result_read(document, &result, &err), &err);
    papers->signed_tenants += result->entry_count;
    papers->documents[papers->count] = document;
    papers->statements[papers->count] =
        (ticket_statement_t){.card = papers->card, .result = document};
    if (!again) {
        papers->once[papers->deltas++] = papers->statements[papers->count];
    }
    papers->count++;
}

static void say(pile_of_papers_t *papers, book_t *book, uint32_t first) {
    error_t err = {0};
    results_t results = {0};
    ProtobufCBinaryData fields[WIRE_RESULTS];
    size_t count = 0;
    digest_t order = {{1}};
    for (uint32_t i = first; i < first + BATCH; i++) {
        bool fits = false;
        ident_t tenant = tenant_of(i);
        Drover__Report report = DROVER__REPORT__INIT;
        report.order = field_of_digest(&order);
        report.tenant = field_of_ident(&tenant);
        report.finished_us = 1000 + i;
        must(results_add(&results, &report, RESULT_DONE, &fits, &err), &err);
    }
    results_signer_t signer = {.secret = &papers->secret, .book = book};
    must(results_sign(&results, &signer, fields, &count, &err), &err);
    for (size_t i = 0; i < count; i++) {
        take(papers, fields[i], i > 0);
    }
    results_free(&results);
}

static size_t ticket_size(const pile_of_papers_t *papers, const ticket_statement_t *statements,
                          size_t count) {
    error_t err = {0};
    CLEANUP(buffer_free) buffer_t bytes = {0};
    ticket_parts_t parts = {.order = {{1}},
                            .wave = 1,
                            .leaves = papers->leaves,
                            .leaf_count = MANY,
                            .statements = statements,
                            .statement_count = count};
    must(ticket_encode(&parts, &bytes, &err), &err);
    return bytes.size;
}

/* A wave of 2,000 tenants on one agent, four to a batch. */
static void test_a_ticket_holds_a_few(void **state) {
    (void)state;
    error_t err = {0};
    book_t book = {0};
    CLEANUP(free_p) pile_of_papers_t *papers = calloc(1, sizeof *papers);
    assert_non_null(papers);
    sign_keypair(&papers->key, &papers->secret);
    card_t card = {.key = papers->key, .name = "one", .issued_us = 1, .serial = 1};
    must(card_write(&card, &papers->card, &err), &err);
    must(document_sign(papers->card, &papers->secret, &err), &err);
    for (uint32_t i = 0; i < MANY; i++) {
        papers->leaves[i].tenant = tenant_of(i);
    }
    for (uint32_t i = 0; i < MANY; i += BATCH) {
        say(papers, &book, i);
    }
    size_t needed = 0;
    leaves_t leaves = {.leaves = papers->leaves, .count = MANY};
    size_t before = ticket_size(papers, papers->once, papers->deltas);
    must(ticket_thin(&leaves, papers->statements, papers->count, &needed, &err), &err);
    size_t after = ticket_size(papers, papers->statements, needed);
    (void)printf("%d tenants: %zu statements and %zu bytes before, %zu and %zu now; leaves %d;"
                 " %zu tenants signed\n",
                 (int)MANY, papers->deltas, before, needed, after, (int)MANY * 56,
                 papers->signed_tenants);
    assert_int_equal(papers->deltas, MANY / BATCH);
    assert_int_equal(needed, 8); /* 500 batches: 1 of 256, 3 of 64, 3 of 16, 1 of 4 */
    assert_true(after < before / 2);
    assert_true(papers->signed_tenants < 6 * MANY);
    for (size_t i = 0; i < papers->count; i++) {
        document_destroy(&papers->documents[i]);
    }
    document_destroy(&papers->card);
    book_clear(&book);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_four_are_said_as_one),
        cmocka_unit_test(test_the_newer_word_stands),
        cmocka_unit_test(test_waves_are_apart),
        cmocka_unit_test(test_a_document_ends_somewhere),
        cmocka_unit_test(test_a_ticket_holds_a_few),
    };
    error_t err = {0};
    if (random_start(&err) != STATUS_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
