/* store_trust.c: trust files, revocations, enrolments and invitations come back as they went in. */
#include "coordinator/store/store_trust.h"
#include "tests/unit/coordinator/store/fixture.h"

#include <string.h>

static sign_public_t sign_of(uint8_t n) {
    sign_public_t key;
    memset(key.bytes, n, sizeof key.bytes);
    return key;
}

static store_paper_t paper_of(const char *text) {
    return (store_paper_t){.bytes = text, .size = strlen(text)};
}

static bool paper_is(const store_paper_t *paper, const char *text) {
    return paper->size == strlen(text) &&
           (paper->size == 0 || memcmp(paper->bytes, text, paper->size) == 0);
}

typedef struct seen {
    char text[256];
} seen_t;

static void add(seen_t *seen, const char *text) {
    size_t used = strlen(seen->text);
    (void)snprintf(seen->text + used, sizeof seen->text - used, "%s;", text);
}

static status_t see_file(void *context, const trust_file_row_t *file, error_t *err) {
    char line[64];
    (void)err;
    assert_true(paper_is(&file->document, file->version == 2 ? "two" : "three"));
    assert_string_equal(file->published_by, "ada");
    assert_int_equal(file->published_us, 5);
    (void)snprintf(line, sizeof line, "%d", (int)file->version);
    add(context, line);
    return STATUS_OK;
}

static void trust_files_ascend(void **state) {
    fixture_t *f = *state;
    bool fresh = false;
    trust_file_row_t file = {.version = 3,
                             .digest = digest_of(3),
                             .document = paper_of("three"),
                             .published_by = "ada",
                             .published_us = 5};
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_trust_file_insert(f->store, &file, &fresh, &f->err));
    assert_true(fresh);
    file.version = 2;
    file.document = paper_of("two");
    OK(f, store_trust_file_insert(f->store, &file, &fresh, &f->err));
    file.document = paper_of("other");
    OK(f, store_trust_file_insert(f->store, &file, &fresh, &f->err));
    assert_false(fresh); /* the first one stays */
    OK(f, store_commit(f->store, &f->err));
    seen_t seen = {{0}};
    OK(f, store_trust_file_each(f->store, 0, see_file, &seen, &f->err));
    assert_string_equal(seen.text, "2;3;");
    seen = (seen_t){{0}};
    OK(f, store_trust_file_each(f->store, 3, see_file, &seen, &f->err));
    assert_string_equal(seen.text, "3;");
}

static status_t see_revocation(void *context, const revocation_row_t *revocation, error_t *err) {
    char line[64];
    (void)err;
    assert_true(paper_is(&revocation->document, "gone"));
    (void)snprintf(line, sizeof line, "%d at %d", revocation->key.bytes[31],
                   (int)revocation->received_us);
    add(context, line);
    return STATUS_OK;
}

static void revocations_are_kept_once(void **state) {
    fixture_t *f = *state;
    bool fresh = false;
    revocation_row_t row = {
        .key = sign_of(9), .digest = digest_of(1), .document = paper_of("gone"), .received_us = 7};
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_revocation_insert(f->store, &row, &fresh, &f->err));
    assert_true(fresh);
    row.received_us = 8;
    OK(f, store_revocation_insert(f->store, &row, &fresh, &f->err));
    assert_false(fresh);
    row.key = sign_of(1);
    OK(f, store_revocation_insert(f->store, &row, &fresh, &f->err));
    OK(f, store_commit(f->store, &f->err));
    seen_t seen = {{0}};
    OK(f, store_revocation_each(f->store, see_revocation, &seen, &f->err));
    assert_string_equal(seen.text, "9 at 7;1 at 8;"); /* oldest first */
}

static enrolment_row_t enrolment_of(uint8_t n, const char *name, enrolment_state_t state) {
    return (enrolment_row_t){.sign = sign_of(n),
                             .curve = key_of(n),
                             .name = name,
                             .state = state,
                             .request = paper_of("request"),
                             .fingerprint = digest_of(n),
                             .card = paper_of("card"),
                             .draft = paper_of("draft"),
                             .serial = 4,
                             .expires_us = 5,
                             .reason = "why",
                             .asked_us = n,
                             .decided_us = 7};
}

static void put(fixture_t *f, enrolment_row_t row) {
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_enrolment_put(f->store, &row, &f->err));
    OK(f, store_commit(f->store, &f->err));
}

static void enrolments_come_back(void **state) {
    fixture_t *f = *state;
    CLEANUP(arena_free) arena_t arena = {0};
    enrolment_row_t row;
    sign_public_t unknown = sign_of(2);
    put(f, enrolment_of(1, "a", ENROLMENT_PENDING));
    sign_public_t key = sign_of(1);
    OK(f, store_enrolment_get(f->store, &key, &arena, &row, &f->err));
    assert_true(sign_public_equal(&row.sign, &key));
    agent_key_t curve = key_of(1);
    assert_memory_equal(row.curve.bytes, curve.bytes, sizeof curve.bytes);
    assert_string_equal(row.name, "a");
    assert_int_equal(row.state, ENROLMENT_PENDING);
    assert_true(paper_is(&row.request, "request"));
    digest_t digest = digest_of(1);
    assert_true(digest_equal(&row.fingerprint, &digest));
    assert_true(paper_is(&row.card, "card"));
    assert_true(paper_is(&row.draft, "draft"));
    assert_int_equal(row.serial, 4);
    assert_int_equal(row.expires_us, 5);
    assert_string_equal(row.reason, "why");
    assert_int_equal(row.asked_us, 1);
    assert_int_equal(row.decided_us, 7);
    enrolment_row_t anew = row;
    anew.name = "b";
    anew.state = ENROLMENT_ACCEPTED;
    anew.draft = (store_paper_t){0};
    put(f, anew);
    OK(f, store_enrolment_get(f->store, &key, &arena, &row, &f->err));
    assert_string_equal(row.name, "b");
    assert_int_equal(row.state, ENROLMENT_ACCEPTED);
    assert_int_equal(row.draft.size, 0);
    FAILS(f, NOT_FOUND, store_enrolment_get(f->store, &unknown, &arena, &row, &f->err));
}

static status_t see_enrolment(void *context, const enrolment_row_t *row, error_t *err) {
    (void)err;
    assert_true(paper_is(&row->card, "card"));
    add(context, row->name);
    return STATUS_OK;
}

static void names_find_the_living(void **state) {
    fixture_t *f = *state;
    CLEANUP(arena_free) arena_t arena = {0};
    enrolment_row_t row;
    int64_t count = 0;
    seen_t seen = {{0}};
    put(f, enrolment_of(3, "z", ENROLMENT_REJECTED));
    put(f, enrolment_of(1, "z", ENROLMENT_ACCEPTED));
    put(f, enrolment_of(4, "z", ENROLMENT_REVOKED));
    put(f, enrolment_of(2, "a", ENROLMENT_ACCEPTED));
    put(f, enrolment_of(5, "y", ENROLMENT_REJECTED));
    put(f, enrolment_of(6, "y", ENROLMENT_REVOKED));
    OK(f, store_enrolment_by_name(f->store, "z", &arena, &row, &f->err));
    assert_int_equal(row.asked_us, 1);
    OK(f, store_enrolment_by_name(f->store, "y", &arena, &row, &f->err));
    assert_int_equal(row.asked_us, 6);
    FAILS(f, NOT_FOUND, store_enrolment_by_name(f->store, "b", &arena, &row, &f->err));
    OK(f, store_enrolment_each(f->store, ENROLMENT_ACCEPTED, see_enrolment, &seen, &f->err));
    assert_string_equal(seen.text, "a;z;");
    OK(f, store_enrolment_count(f->store, ENROLMENT_ACCEPTED, &count, &f->err));
    assert_int_equal(count, 2);
    OK(f, store_enrolment_count(f->store, ENROLMENT_PENDING, &count, &f->err));
    assert_int_equal(count, 0);
    fixture_exec(f, "UPDATE enrolment SET state = 9");
    sign_public_t key = sign_of(1);
    FAILS(f, STORE, store_enrolment_get(f->store, &key, &arena, &row, &f->err));
}

static status_t see_invitation(void *context, const invitation_row_t *row, error_t *err) {
    (void)err;
    add(context, row->name);
    return STATUS_OK;
}

static void invitations_are_used_once(void **state) {
    fixture_t *f = *state;
    CLEANUP(arena_free) arena_t arena = {0};
    invitation_row_t row = {
        .curve = key_of(1), .name = "b", .made_by = "ada", .made_us = 5, .expires_us = 50};
    invitation_use_t use = {.curve = key_of(1), .used_us = 20};
    bool first = false;
    seen_t seen = {{0}};
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_invitation_insert(f->store, &row, &f->err));
    FAILS(f, INVALID, store_invitation_insert(f->store, &row, &f->err));
    row.curve = key_of(2);
    row.name = "a";
    row.expires_us = 60;
    OK(f, store_invitation_insert(f->store, &row, &f->err));
    OK(f, store_invitation_use(f->store, &use, &first, &f->err));
    assert_true(first);
    use.used_us = 21;
    OK(f, store_invitation_use(f->store, &use, &first, &f->err));
    assert_false(first);
    OK(f, store_commit(f->store, &f->err));
    OK(f, store_invitation_get(f->store, &use.curve, &arena, &row, &f->err));
    assert_string_equal(row.name, "b");
    assert_string_equal(row.made_by, "ada");
    assert_int_equal(row.made_us, 5);
    assert_int_equal(row.expires_us, 50);
    assert_int_equal(row.used_us, 20);
    use.curve = key_of(3);
    FAILS(f, NOT_FOUND, store_invitation_get(f->store, &use.curve, &arena, &row, &f->err));
    OK(f, store_invitation_each(f->store, 49, see_invitation, &seen, &f->err));
    assert_string_equal(seen.text, "a;b;");
    seen = (seen_t){{0}};
    OK(f, store_invitation_each(f->store, 50, see_invitation, &seen, &f->err));
    assert_string_equal(seen.text, "a;");
}

static void states_have_words(void **state) {
    (void)state;
    assert_string_equal(enrolment_state_text(ENROLMENT_PENDING), "pending");
    assert_string_equal(enrolment_state_text(ENROLMENT_ACCEPTED), "accepted");
    assert_string_equal(enrolment_state_text(ENROLMENT_REJECTED), "rejected");
    assert_string_equal(enrolment_state_text(ENROLMENT_REVOKED), "revoked");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_OF(trust_files_ascend),        TEST_OF(revocations_are_kept_once),
        TEST_OF(enrolments_come_back),      TEST_OF(names_find_the_living),
        TEST_OF(invitations_are_used_once), TEST_OF(states_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
