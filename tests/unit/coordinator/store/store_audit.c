/* store_audit.c: the log counts without gaps, over restarts and rollbacks, and is filtered; its
 * rows are a chain whose head is signed. */
#include "coordinator/store/store_audit.h"
#include "tests/unit/coordinator/store/fixture.h"

static audit_row_t row_of(uint32_t n) {
    static const ident_t none;
    return (audit_row_t){.time_us = 1000 + n,
                         .actor = n % 2 == 0 ? "ada" : "coordinator",
                         .origin = "tcp://here",
                         .action = n % 3 == 0 ? "rollout.start" : "task.7",
                         .rollout = n % 4 == 0 ? id_of(7) : none,
                         .tenant = n % 5 == 0 ? id_of(8) : none,
                         .sql_digest = digest_of(n),
                         .result = "ok",
                         .detail = "why"};
}

static void append(fixture_t *f, uint32_t from, uint32_t to) {
    OK(f, store_begin(f->store, &f->err));
    for (uint32_t n = from; n <= to; n++) {
        audit_row_t row = row_of(n);
        OK(f, store_audit_append(f->store, &row, &f->err));
    }
    OK(f, store_commit(f->store, &f->err));
}

typedef struct walk {
    audit_page_t page;
    uint32_t seen;
} walk_t;

static status_t step(void *context, const audit_row_t *row, error_t *err) {
    walk_t *walk = context;
    (void)err;
    audit_row_t want = row_of((uint32_t)row->sequence);
    assert_true(walk->page.before == 0 || row->sequence < walk->page.before);
    assert_int_equal(row->time_us, want.time_us);
    assert_string_equal(row->actor, want.actor);
    assert_string_equal(row->origin, want.origin);
    assert_string_equal(row->action, want.action);
    assert_true(ident_equal(&row->rollout, &want.rollout));
    assert_true(ident_equal(&row->tenant, &want.tenant));
    assert_true(digest_equal(&row->sql_digest, &want.sql_digest));
    assert_string_equal(row->result, "ok");
    assert_string_equal(row->detail, "why");
    walk->page.before = row->sequence;
    walk->seen++;
    return STATUS_OK;
}

static uint32_t count(fixture_t *f, audit_page_t page) {
    walk_t walk = {.page = page};
    walk.page.limit = 7;
    uint32_t before = UINT32_MAX;
    while (before != walk.seen) {
        before = walk.seen;
        audit_page_t asked = walk.page;
        OK(f, store_audit_each(f->store, &asked, step, &walk, &f->err));
    }
    return walk.seen;
}

static void filters_hold_together(void **state) {
    fixture_t *f = *state;
    append(f, 1, 60);
    assert_int_equal(count(f, (audit_page_t){0}), 60);
    assert_int_equal(count(f, (audit_page_t){.actor = "ada"}), 30);
    assert_int_equal(count(f, (audit_page_t){.action = "rollout.start"}), 20);
    assert_int_equal(count(f, (audit_page_t){.actor = "ada", .action = "rollout.start"}), 10);
    assert_int_equal(count(f, (audit_page_t){.rollout = id_of(7)}), 15);
    assert_int_equal(count(f, (audit_page_t){.tenant = id_of(8)}), 12);
    assert_int_equal(count(f, (audit_page_t){.tenant = id_of(8), .rollout = id_of(7)}), 3);
    assert_int_equal(count(f, (audit_page_t){.tenant = id_of(8), .actor = "ada"}), 6);
    assert_int_equal(count(f, (audit_page_t){.since_us = 1011, .until_us = 1021}), 10);
    assert_int_equal(count(f, (audit_page_t){.rollout = id_of(7), .since_us = 1041}), 5);
    assert_int_equal(count(f, (audit_page_t){.actor = "nobody"}), 0);
}

static void sequence_has_no_gaps(void **state) {
    fixture_t *f = *state;
    append(f, 1, 3);
    audit_row_t lost = row_of(4);
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_audit_append(f->store, &lost, &f->err));
    store_rollback(f->store);
    append(f, 4, 5);
    fixture_close(f);
    fixture_open(f);
    append(f, 6, 7);
    assert_int_equal(count(f, (audit_page_t){0}), 7);
}

/* --- the chain ------------------------------------------------------------------------------- */

typedef struct chain {
    digest_t digests[64];
    char signatures[64][AUDIT_HEAD_TEXT_SIZE];
    digest_t previous[64];
    bool chained[64];
    char details[64][16];
    int64_t newest;
} chain_t;

static status_t take_link(void *context, const audit_row_t *row, error_t *err) {
    chain_t *chain = context;
    (void)err;
    audit_record_t record = {.sequence = row->sequence,
                             .time_us = row->time_us,
                             .actor = row->actor,
                             .origin = row->origin,
                             .action = row->action,
                             .rollout = row->rollout,
                             .tenant = row->tenant,
                             .sql_digest = row->sql_digest,
                             .result = row->result,
                             .detail = row->detail,
                             .previous = row->previous};
    chain->digests[row->sequence] = audit_record_digest(&record);
    chain->previous[row->sequence] = row->previous;
    chain->chained[row->sequence] = row->chained;
    (void)snprintf(chain->signatures[row->sequence], AUDIT_HEAD_TEXT_SIZE, "%s", row->signature);
    (void)snprintf(chain->details[row->sequence], sizeof chain->details[0], "%s", row->detail);
    chain->newest = row->sequence > chain->newest ? row->sequence : chain->newest;
    return STATUS_OK;
}

static chain_t read_chain(fixture_t *f) {
    chain_t chain = {0};
    audit_page_t page = {.limit = 63};
    OK(f, store_audit_each(f->store, &page, take_link, &chain, &f->err));
    return chain;
}

/* Each row from a first one on cites the one before, that one zeros. */
static void check_chain(const chain_t *chain, int64_t first) {
    for (int64_t n = 1; n <= chain->newest; n++) {
        assert_int_equal(chain->chained[n], n >= first);
        if (n > first) {
            assert_true(digest_equal(&chain->previous[n], &chain->digests[n - 1]));
        } else {
            assert_true(digest_is_null(&chain->previous[n]));
        }
    }
}

static void rows_cite_the_one_before(void **state) {
    fixture_t *f = *state;
    append(f, 1, 3);
    /* rows that are given up are no link */
    audit_row_t lost = row_of(9);
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_audit_append(f->store, &lost, &f->err));
    OK(f, store_audit_append(f->store, &lost, &f->err));
    store_rollback(f->store);
    append(f, 4, 5);
    fixture_close(f);
    fixture_open(f);
    append(f, 6, 7);
    chain_t chain = read_chain(f);
    assert_int_equal(chain.newest, 7);
    check_chain(&chain, 1);
}

static void the_chain_begins_behind_older_rows(void **state) {
    fixture_t *f = *state;
    fixture_exec(f, "INSERT INTO audit (sequence, time_us, actor, origin, action, rollout_id, "
                    "tenant_id, sql_digest, result, detail) VALUES "
                    "(1, 1001, 'ada', '', 'x', '', '', '', 'ok', ''), "
                    "(2, 1002, 'ada', '', 'x', '', '', '', 'ok', '')");
    fixture_close(f);
    fixture_open(f);
    append(f, 3, 5);
    chain_t chain = read_chain(f);
    check_chain(&chain, 3);
}

/* What no reader could read as it stands is not written. */
static void texts_are_clean(void **state) {
    fixture_t *f = *state;
    audit_row_t row = row_of(1);
    row.detail = "\xc3\xa9 and \xc3";
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_audit_append(f->store, &row, &f->err));
    row.detail = "\xff\xfe\xc3\xa9";
    OK(f, store_audit_append(f->store, &row, &f->err));
    OK(f, store_commit(f->store, &f->err));
    chain_t chain = read_chain(f);
    assert_string_equal(chain.details[1], "\xc3\xa9 and ?");
    assert_string_equal(chain.details[2], "??\xc3\xa9");
    check_chain(&chain, 1);
}

/* --- heads ----------------------------------------------------------------------------------- */

static sign_secret_t secret;

static store_audit_signer_t signer_of(void) {
    store_audit_signer_t signer = {
        .secret = &secret, .identity = {.id = id_of(1), .epoch = 7, .incarnation = id_of(2)}};
    sign_keypair(&signer.key, &secret);
    return signer;
}

static void is_signed(const chain_t *chain, int64_t sequence) {
    error_t err;
    audit_head_t head = {.sequence = sequence, .digest = chain->digests[sequence]};
    assert_int_equal(audit_head_parse(chain->signatures[sequence], &head, &err), STATUS_OK);
    assert_true(audit_head_holds(&head));
    assert_int_equal(head.epoch, 7);
}

static void heads_are_signed_now_and_then(void **state) {
    fixture_t *f = *state;
    store_audit_signer_t signer = signer_of();
    append(f, 1, 2); /* nobody signs yet */
    store_audit_sign_with(f->store, &signer);
    append(f, 3, 5);
    /* ten minutes later */
    audit_row_t late = row_of(6);
    late.time_us += AUDIT_HEAD_US;
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_audit_append(f->store, &late, &f->err));
    OK(f, store_audit_append(f->store, &late, &f->err));
    OK(f, store_commit(f->store, &f->err));
    chain_t chain = read_chain(f);
    check_chain(&chain, 1);
    for (int64_t n = 1; n <= 7; n++) {
        if (n == 3 || n == 6) {
            is_signed(&chain, n);
        } else {
            assert_string_equal(chain.signatures[n], "");
        }
    }
    /* and before the program ends */
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_audit_seal(f->store, 5000, &f->err));
    OK(f, store_audit_seal(f->store, 6000, &f->err));
    OK(f, store_commit(f->store, &f->err));
    chain = read_chain(f);
    is_signed(&chain, 7);
}

static status_t count_signed(void *context, const audit_row_t *row, error_t *err) {
    (void)err;
    *(int *)context += *row->signature != '\0' ? 1 : 0;
    return STATUS_OK;
}

static void many_rows_are_signed_once_a_thousand(void **state) {
    fixture_t *f = *state;
    store_audit_signer_t signer = signer_of();
    int heads = 0;
    store_audit_sign_with(f->store, &signer);
    OK(f, store_begin(f->store, &f->err));
    for (int i = 0; i < 2 * AUDIT_HEAD_ROWS + 1; i++) {
        audit_row_t row = row_of(1);
        OK(f, store_audit_append(f->store, &row, &f->err));
    }
    OK(f, store_commit(f->store, &f->err));
    audit_page_t page = {.limit = 3 * AUDIT_HEAD_ROWS};
    OK(f, store_audit_each(f->store, &page, count_signed, &heads, &f->err));
    assert_int_equal(heads, 3);
}

static void the_head_is_answered_signed(void **state) {
    fixture_t *f = *state;
    audit_head_t head;
    FAILS(f, INTERNAL, store_audit_head(f->store, 9, &head, &f->err));
    store_audit_signer_t signer = signer_of();
    store_audit_sign_with(f->store, &signer);
    OK(f, store_audit_head(f->store, 9, &head, &f->err));
    assert_int_equal(head.sequence, 0);
    assert_true(audit_head_holds(&head));
    append(f, 1, 4);
    OK(f, store_audit_head(f->store, 10, &head, &f->err));
    chain_t chain = read_chain(f);
    assert_int_equal(head.sequence, 4);
    assert_int_equal(head.time_us, 10);
    assert_true(digest_equal(&head.digest, &chain.digests[4]));
    assert_true(audit_head_holds(&head));
    assert_true(ident_equal(&head.catalog, &signer.identity.id));
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_OF(filters_hold_together),
                                       TEST_OF(sequence_has_no_gaps),
                                       TEST_OF(rows_cite_the_one_before),
                                       TEST_OF(the_chain_begins_behind_older_rows),
                                       TEST_OF(texts_are_clean),
                                       TEST_OF(heads_are_signed_now_and_then),
                                       TEST_OF(many_rows_are_signed_once_a_thousand),
                                       TEST_OF(the_head_is_answered_signed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
