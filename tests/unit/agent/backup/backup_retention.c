/* backup_retention.c: age, count, what is held, what is not trusted; and per tenant. */
#include "agent/backup/backup_retention.h"
#include "tests/unit/agent/backup/fixture.h"

enum { ENTRIES = 6 };

static backup_entry_t entries[ENTRIES];
static backup_list_t list = {.entries = entries, .count = ENTRIES};

/* Six backups of one tenant, at 10, 20, … 60 seconds. */
static int set_up_list(void **state) {
    (void)state;
    memset(entries, 0, sizeof entries);
    for (int i = 0; i < ENTRIES; i++) {
        entries[i].manifest = fixture_manifest();
        entries[i].manifest.started_us = (int64_t)(i + 1) * 10000000;
    }
    return 0;
}

static void expect(const backup_retention_t *retention, const char *verdicts) {
    static const char LETTERS[] = {[BACKUP_PRUNE] = 'x',
                                   [BACKUP_KEEP_COUNT] = 'c',
                                   [BACKUP_KEEP_AGE] = 'a',
                                   [BACKUP_KEEP_HELD] = 'h',
                                   [BACKUP_KEEP_UNTRUSTED] = 'u'};
    backup_verdict_t found[ENTRIES];
    char text[ENTRIES + 1] = {0};
    error_t err;
    assert_int_equal(backup_retention_plan(&list, retention, found, &err), STATUS_OK);
    for (int i = 0; i < ENTRIES; i++) {
        text[i] = LETTERS[found[i]];
    }
    assert_string_equal(text, verdicts);
}

static bool hold_second(const backup_manifest_t *manifest, void *context) {
    (void)context;
    return manifest->started_us == 20000000;
}

static void test_age_and_count(void **state) {
    (void)state;
    backup_retention_t retention = {.now_us = 70000000, .keep_age_us = 25000000, .keep_count = 3};
    expect(&retention, "xxxcaa");
    retention.keep_count = 0; /* the newest always stays */
    retention.keep_age_us = 0;
    expect(&retention, "xxxxxc");
    retention.keep_count = 100;
    expect(&retention, "cccccc");
    retention.keep_count = 1;
    retention.keep_age_us = INT64_C(1) << 40;
    expect(&retention, "aaaaaa");
    retention.now_us = 0; /* a clock that went back prunes nothing */
    retention.keep_age_us = 1;
    expect(&retention, "aaaaaa");
}

static void test_held_and_states(void **state) {
    (void)state;
    backup_retention_t retention = {.now_us = 70000000, .keep_count = 2, .held = hold_second};
    entries[0].state = BACKUP_UNTRUSTED;
    entries[4].state = BACKUP_MISSING;
    entries[5].state = BACKUP_SIZE_DIFFERS;
    /* Damaged ones do not count as the newest. */
    expect(&retention, "uhccxx");
}

static void test_tenants_apart(void **state) {
    (void)state;
    ident_t other = random_ident();
    for (int i = 0; i < ENTRIES; i += 2) {
        entries[i].manifest.tenant_id = other;
    }
    backup_retention_t retention = {.now_us = 70000000, .keep_count = 1};
    expect(&retention, "xxxxcc");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_age_and_count, set_up_list),
        cmocka_unit_test_setup(test_held_and_states, set_up_list),
        cmocka_unit_test_setup(test_tenants_apart, set_up_list),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
