/* verify.c: an export of a good catalog verifies, and every broken link is named by its line. */
#include "tests/unit/audit/fleet.h"

#include <inttypes.h>
#include <string.h>

static int set_up(void **state) {
    void *fixture = NULL;
    fleet_t *fleet = calloc(1, sizeof *fleet);
    if (fleet == NULL || fixture_set_up(&fixture) != 0) {
        return -1;
    }
    fleet->fixture = fixture;
    *state = fleet;
    return 0;
}

static int tear_down(void **state) {
    fleet_t *fleet = *state;
    void *fixture = fleet->fixture;
    fleet_close(fleet);
    free(fleet);
    return fixture_tear_down(&fixture);
}

static void make(fleet_t *fleet, fleet_flaw_t flaw) {
    fleet_open(fleet, fleet->fixture, flaw);
    fleet_export(fleet, 0, 0);
}

static void holds(fleet_t *fleet, const audit_head_t *earlier) {
    fleet_verdict_t verdict = fleet_verify(fleet, earlier);
    if (verdict.status != STATUS_OK) {
        fail_msg("%s", verdict.err.message);
    }
}

/* Fails at this line (from 0) with words that name what it is. */
static void breaks(fleet_t *fleet, const audit_head_t *earlier, size_t index, const char *words) {
    fleet_verdict_t verdict = fleet_verify(fleet, earlier);
    assert_int_equal(verdict.status, STATUS_ERROR);
    if (strstr(verdict.err.message, words) == NULL) {
        fail_msg("expected '%s' in '%s'", words, verdict.err.message);
    }
    if (verdict.line != index + 1) {
        fail_msg("expected line %zu: '%s'", index + 1, verdict.err.message);
    }
}

/* --- what holds ------------------------------------------------------------------------------ */

static void a_good_catalog_verifies(void **state) {
    fleet_t *fleet = *state;
    make(fleet, FLAW_NONE);
    fleet_verdict_t verdict = fleet_verify(fleet, NULL);
    holds(fleet, NULL);
    assert_int_equal(verdict.counts.lines, fleet->count);
    assert_int_equal(verdict.counts.trust_files, 2);
    assert_int_equal(verdict.counts.revocations, 1);
    assert_int_equal(verdict.counts.cards, 1);
    assert_int_equal(verdict.counts.orders, 2);
    assert_int_equal(verdict.counts.tickets, 1);
    assert_int_equal(verdict.counts.rollouts, 2);
    assert_int_equal(verdict.counts.jobs, 4);
    assert_int_equal(verdict.counts.batches, 2);
    assert_int_equal(verdict.counts.reports, 7);
    assert_int_equal(verdict.counts.results, 2);
    assert_int_equal(verdict.counts.recovery_points, 3);
    assert_int_equal(verdict.counts.changes_protected, 3);
    assert_int_equal(verdict.counts.audit_rows, 5);
    assert_int_equal(verdict.counts.heads, 2); /* the first row's and the last line's */
    assert_int_equal(verdict.counts.outside, 0);
    assert_int_equal(verdict.about.trust_version, 2);
    assert_int_equal(verdict.about.chain_begins, 1);
    assert_int_equal(verdict.about.head.sequence, 5);
    assert_int_equal(verdict.about.head.epoch, 3);
}

/* The same lines, however small the pages, and a payload in parts is whole again. */
static void pages_make_no_difference(void **state) {
    fleet_t *fleet = *state;
    make(fleet, FLAW_NONE);
    char *whole[FLEET_LINES];
    size_t count = fleet->count;
    for (size_t i = 0; i < count; i++) {
        whole[i] = strdup(fleet->lines[i]);
    }
    for (uint32_t rows = 1; rows <= 7; rows += 3) {
        fleet_export(fleet, 0, rows);
        assert_true(fleet->pages > count / rows / 2);
        assert_int_equal(fleet->count, count);
        for (size_t i = 0; i < count; i++) {
            assert_string_equal(fleet->lines[i], whole[i]);
        }
        holds(fleet, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        free(whole[i]);
    }
}

static void rows_from_before_the_chain_are_said(void **state) {
    fleet_t *fleet = *state;
    make(fleet, FLAW_OLD_ROWS);
    holds(fleet, NULL);
    fleet_verdict_t verdict = fleet_verify(fleet, NULL);
    assert_int_equal(verdict.counts.audit_rows_before, 2);
    assert_int_equal(verdict.counts.audit_rows, 5);
    assert_int_equal(verdict.about.chain_begins, 3);
}

/* From a late day on: the papers are all there, links to what is left out are counted. */
static void a_part_verifies(void **state) {
    fleet_t *fleet = *state;
    make(fleet, FLAW_NONE);
    fleet_export(fleet, FLEET_T0_US + 350 * FLEET_S_US, 0);
    holds(fleet, NULL);
    fleet_verdict_t verdict = fleet_verify(fleet, NULL);
    assert_int_equal(verdict.counts.orders, 2);
    assert_int_equal(verdict.counts.rollouts, 1);
    assert_int_equal(verdict.counts.batches, 1);
    assert_true(verdict.counts.outside > 0);
    fleet_export(fleet, FLEET_T0_US + 600 * FLEET_S_US + 3, 0);
    holds(fleet, NULL);
    verdict = fleet_verify(fleet, NULL);
    assert_int_equal(verdict.about.chain_begins, 3);
    assert_int_equal(verdict.counts.audit_rows, 3);
    fleet_export(fleet, FLEET_NOW_US, 0);
    holds(fleet, NULL);
    assert_int_equal(fleet_verify(fleet, NULL).counts.audit_rows, 0);
}

/* --- persons --------------------------------------------------------------------------------- */

typedef struct seen {
    char persons[64];
    char gone[64];
} seen_t;

static status_t see(void *context, const audit_order_t *order, error_t *err) {
    seen_t *seen = context;
    (void)err;
    if (order->order->kind == ORDER_ROLLOUT) {
        (void)snprintf(seen->persons, sizeof seen->persons, "%s", order->persons);
        (void)snprintf(seen->gone, sizeof seen->gone, "%s", order->later_gone);
    }
    return STATUS_OK;
}

static seen_t persons_of(fleet_t *fleet) {
    seen_t seen = {0};
    error_t err;
    CLEANUP(audit_verify_destroy_p) audit_verify_t *verify = NULL;
    audit_verify_options_t options = {.root = fleet->root_document};
    assert_int_equal(audit_verify_new(&options, &verify, &err), STATUS_OK);
    for (size_t i = 0; i < fleet->count; i++) {
        assert_int_equal(audit_verify_line(verify, fleet->lines[i], strlen(fleet->lines[i]), &err),
                         STATUS_OK);
    }
    assert_int_equal(audit_verify_each_order(verify, see, &seen, &err), STATUS_OK);
    return seen;
}

static void keys_are_persons_of_their_day(void **state) {
    fleet_t *fleet = *state;
    make(fleet, FLAW_NONE);
    seen_t seen = persons_of(fleet);
    assert_non_null(strstr(seen.persons, "alice"));
    assert_non_null(strstr(seen.persons, "bob"));
    assert_string_equal(seen.gone, "");
}

/* It held on its day; that bob's key was stolen before is said. */
static void who_was_gone_later_is_said(void **state) {
    fleet_t *fleet = *state;
    make(fleet, FLAW_GONE_LATER);
    seen_t seen = persons_of(fleet);
    assert_non_null(strstr(seen.persons, "bob"));
    assert_string_equal(seen.gone, "bob");
}

/* --- flaws that need keys -------------------------------------------------------------------- */

typedef struct flaw {
    fleet_flaw_t flaw;
    const char *type; /* of the line that is named */
    size_t nth;
    const char *words;
} flaw_t;

static const flaw_t FLAWS[] = {
    {FLAW_STRANGER_CARD, "card", 0, "signed by strangers only"},
    {FLAW_AGENT_REVOKED, "batch", 0, "key of agent east-1 was revoked"},
    {FLAW_OTHER_CLUSTER, "batch", 0, "cluster 42, which its card does not name"},
    {FLAW_SECOND_ROLLOUT, "rollout", 2, "a second rollout under the order of line"},
    {FLAW_UNDO_ELSEWHERE, "task", 4, "to position 3, which its rollout's order does not authorize"},
    {FLAW_NO_RECOVERY, "task", 0, "expected a recovery point of kind dump before it, got none"},
    {FLAW_LATE_RECOVERY, "task", 0, "expected a recovery point of kind dump before it, got one at"},
    {FLAW_UNREPORTED_POINT, "recovery", 0, "which no signed report names"},
    {FLAW_FOREIGN_HEAD, "audit", 0, "is in no trust file"},
    {FLAW_OTHER_ROOT, "trust", 0, "as in the root file, got"},
};

static void flaws_are_named(void **state) {
    fleet_t *fleet = *state;
    for (size_t i = 0; i < sizeof FLAWS / sizeof FLAWS[0]; i++) {
        make(fleet, FLAWS[i].flaw);
        breaks(fleet, NULL, fleet_find(fleet, FLAWS[i].type, FLAWS[i].nth), FLAWS[i].words);
        void *fixture = fleet->fixture;
        fleet_close(fleet);
        assert_int_equal(fixture_tear_down(&fixture), 0);
        assert_int_equal(fixture_set_up(&fixture), 0);
        fleet->fixture = fixture;
    }
}

/* Those whose line depends on digests, by their words alone. */
static const flaw_t ELSEWHERE[] = {
    {FLAW_ONE_SHORT, "order", 0, "1 of 2 signatures as operator"},
    {FLAW_REVOKED_SIGNER, "order", 0, "dave: key is revoked"},
    {FLAW_UNKNOWN_JOB, "batch", 0, "which no order in the export names"},
    {FLAW_NO_ORDER, "batch", 0, "a report of a change that names no order"},
    {FLAW_OTHER_ORDER, "batch", 0, "the agent worked under order"},
    {FLAW_OTHER_WAVE, "batch", 0, "the agent worked in wave 2, the job is in 1"},
    {FLAW_OTHER_TENANT, "result", 0, "which is not in wave 2 or not on a cluster of its card"},
};

static void flaws_are_found(void **state) {
    fleet_t *fleet = *state;
    for (size_t i = 0; i < sizeof ELSEWHERE / sizeof ELSEWHERE[0]; i++) {
        make(fleet, ELSEWHERE[i].flaw);
        fleet_verdict_t verdict = fleet_verify(fleet, NULL);
        size_t first = fleet_find(fleet, ELSEWHERE[i].type, 0) + 1;
        assert_int_equal(verdict.status, STATUS_ERROR);
        if (strstr(verdict.err.message, ELSEWHERE[i].words) == NULL) {
            fail_msg("expected '%s' in '%s'", ELSEWHERE[i].words, verdict.err.message);
        }
        assert_true(verdict.line == first || verdict.line == first + 1);
        void *fixture = fleet->fixture;
        fleet_close(fleet);
        assert_int_equal(fixture_tear_down(&fixture), 0);
        assert_int_equal(fixture_set_up(&fixture), 0);
        fleet->fixture = fixture;
    }
}

/* --- lines that were changed ----------------------------------------------------------------- */

/* A member of a line set to another value; json NULL takes it out. */
typedef struct change {
    const char *type;
    size_t nth;
    const char *member;
    const char *json;
    const char *named; /* type of the line that is named; NULL: the same line */
    size_t named_nth;
    const char *words;
} change_t;

#define ZEROS "\"0000000000000000000000000000000000000000000000000000000000000000\""

/* clang-format off */
static const change_t CHANGES[] = {
    {"header", 0, "fleet", "\"00000000-0000-4000-8000-000000000001\"", NULL, 0, "the export is of fleet"},
    {"header", 0, "format", "2", NULL, 0, "an export of format 2"},
    {"trust", 0, "document", "\"AAAA\"", NULL, 0, "document"},
    {"trust", 1, "published_us", "5", NULL, 0, "before it was issued"},
    {"revocation", 0, "received_us", "5", NULL, 0, "give the one that was pinned first"},
    {"card", 0, "document", "\"!\"", NULL, 0, "'document' is no base64"},
    {"rollout", 0, "order", "null", "task", 0, "under no order"},
    {"rollout", 0, "order", ZEROS, "task", 0, "under no order"},
    {"rollout", 0, "kind", "\"restore\"", NULL, 0, "a rollout of kind restore under an order of kind rollout"},
    {"rollout", 0, "kind", "\"strange\"", NULL, 0, "a rollout of kind 'strange'"},
    {"rollout", 0, "application", "\"shop\"", NULL, 0, "its order signed 'app'"},
    {"rollout", 0, "bundle", "null", NULL, 0, "its order signed"},
    {"rollout", 0, "target", "6", NULL, 0, "its order signed 5 with 'dump'"},
    {"rollout", 0, "recovery_kind", "\"none\"", NULL, 0, "with recovery point 'none'"},
    {"rollout", 0, "started_us", "5", NULL, 0, "a rollout that started at 5"},
    {"rollout", 1, "rollout", "\"00000000-0000-4000-8000-000000000001\"", "task", 4, "a job of rollout"},
    {"task", 0, "tenant", "\"00000000-0000-4000-8000-000000000001\"", "rollout", 0, "wave 1: expected the 1 tenants of root"},
    {"task", 0, "cluster", "\"43\"", "rollout", 0, "wave 1: expected the 1 tenants of root"},
    {"task", 1, "from", "3", "rollout", 0, "wave 2: expected the 2 tenants of root"},
    {"task", 1, "to", "6", "rollout", 0, "wave 2: expected the 2 tenants of root"},
    {"task", 1, "wave", "0", "rollout", 0, "wave 1: expected the 1 tenants of root"},
    {"task", 2, "wave", "2", "rollout", 0, "wave 2: expected the 2 tenants of root"},
    {"task", 1, "leaf", "false", NULL, 0, "under no order"},
    {"task", 3, "leaf", "true", "rollout", 0, "wave 2: expected the 2 tenants of root"},
    {"task", 1, "job", "\"00000000-0000-4000-8000-000000000001\"", "batch", 0, "which no order in the export names"},
    {"task", 4, "tenant", "\"00000000-0000-4000-8000-000000000001\"", NULL, 0, "does not authorize"},
    {"ticket", 0, "wave", "0", NULL, 0, "a ticket that opens wave 1"},
    {"ticket", 0, "wave", "2", NULL, 0, "a ticket that opens wave 3"},
    {"ticket", 0, "order", ZEROS, NULL, 0, "which the export has not"},
    {"batch", 0, "digest", ZEROS, NULL, 0, "expected reports of digest 000"},
    {"batch", 0, "key", ZEROS, NULL, 0, "of which the export has no card"},
    {"batch", 0, "agent", ZEROS, NULL, 0, "over another one's connection"},
    {"batch", 0, "payload", "\"AAAA\"", NULL, 0, "expected reports of digest"},
    {"batch", 0, "signature", "\"00\"", NULL, 0, "'signature' is no run of hexadecimal digits"},
    {"recovery", 0, "digest", "\"0000000000000000000000000000000000000000000000000000000000000001\"", NULL, 0, "another digest than its agent reported"},
    {"recovery", 0, "reference", "\"point-9\"", NULL, 0, "which no signed report names"},
    {"audit", 2, "sequence", "7", NULL, 0, "expected sequence 3, got 7"},
    {"audit", 2, "time_us", "7", "audit", 3, "audit row 4: expected to follow digest"},
    {"audit", 2, "actor", "\"bob\"", "audit", 3, "audit row 4: expected to follow digest"},
    {"audit", 2, "origin", "\"\"", "audit", 3, "audit row 4: expected to follow digest"},
    {"audit", 2, "action", "\"rollout.stop\"", "audit", 3, "audit row 4: expected to follow digest"},
    {"audit", 2, "rollout", "null", "audit", 3, "audit row 4: expected to follow digest"},
    {"audit", 2, "tenant", "null", "audit", 3, "audit row 4: expected to follow digest"},
    {"audit", 2, "sql_digest", "null", "audit", 3, "audit row 4: expected to follow digest"},
    {"audit", 2, "result", "\"DRV-1003\"", "audit", 3, "audit row 4: expected to follow digest"},
    {"audit", 2, "detail", "\"\"", "audit", 3, "audit row 4: expected to follow digest"},
    {"audit", 2, "previous", ZEROS, NULL, 0, "audit row 3: expected to follow digest"},
    {"audit", 2, "previous", "null", NULL, 0, "audit row 3 is in no chain, which had begun"},
    {"audit", 4, "actor", "\"bob\"", "head", 0, "the audit log's head: expected row 5"},
    {"audit", 0, "signature", "\"1 2 3\"", NULL, 0, "a signed head has 6 words"},
    {"head", 0, "sequence", "4", NULL, 0, "its signature is not its key's"},
    {"head", 0, "digest", ZEROS, NULL, 0, "its signature is not its key's"},
    {"head", 0, "time_us", "4", NULL, 0, "its signature is not its key's"},
    {"head", 0, "epoch", "4", NULL, 0, "its signature is not its key's"},
    {"head", 0, "incarnation", "null", NULL, 0, "its signature is not its key's"},
    {"head", 0, "catalog", "null", NULL, 0, "its signature is not its key's"},
    {"head", 0, "type", "\"strange\"", NULL, 0, "a line of type 'strange', which is unknown"},
    {"audit", 0, "type", "\"card\"", NULL, 0, "a line of type card after one of type recovery"},
};
/* clang-format on */

static void change(fleet_t *fleet, const change_t *change) {
    size_t index = fleet_find(fleet, change->type, change->nth);
    json_t *line = json_loads(fleet->lines[index], 0, NULL);
    json_t *value = json_loads(change->json, JSON_DECODE_ANY, NULL);
    assert_non_null(json_object_get(line, change->member));
    assert_int_equal(json_object_set_new(line, change->member, value), 0);
    fleet_replace(fleet, index, json_dumps(line, JSON_COMPACT));
    json_decref(line);
}

static void every_changed_member_is_named(void **state) {
    fleet_t *fleet = *state;
    make(fleet, FLAW_NONE);
    for (size_t i = 0; i < sizeof CHANGES / sizeof CHANGES[0]; i++) {
        const change_t *row = &CHANGES[i];
        size_t index = row->named != NULL ? fleet_find(fleet, row->named, row->named_nth)
                                          : fleet_find(fleet, row->type, row->nth);
        change(fleet, row);
        fleet_verdict_t verdict = fleet_verify(fleet, NULL);
        if (verdict.status == STATUS_OK || strstr(verdict.err.message, row->words) == NULL) {
            fail_msg("%s %zu, %s: expected '%s' in '%s'", row->type, row->nth, row->member,
                     row->words, verdict.err.message);
        }
        /* batches stand by their digests, so that either may be the first that shows it */
        bool batch = row->named != NULL && strcmp(row->named, "batch") == 0;
        if (verdict.line != index + 1 && !(batch && verdict.line == index + 2)) {
            fail_msg("%s %zu, %s: expected line %zu: '%s'", row->type, row->nth, row->member,
                     index + 1, verdict.err.message);
        }
        fleet_export(fleet, 0, 0);
    }
    holds(fleet, NULL);
}

/* Lines that nothing may be without. */
static void missing_lines_are_named(void **state) {
    static const struct {
        const char *type;
        size_t nth;
        const char *words;
    } MISSING[] = {
        {"header", 0, "an export begins with its header"},
        {"trust", 1, "is revoked"}, /* see below: orders are of version 2's day */
        {"card", 0, "of which the export has no card"},
        {"rollout", 0, "which the export has not"},
        {"task", 1, "wave 2: expected the 2 tenants"},
        {"task", 4, "which no order in the export names"},
        {"audit", 0, "expected sequence 1, got 2"},
        {"audit", 2, "expected sequence 3, got 4"},
        {"audit", 4, "the audit log's head: expected row 5"},
        {"head", 0, "without the audit log's signed head: its end was cut off"},
    };
    fleet_t *fleet = *state;
    make(fleet, FLAW_NONE);
    for (size_t i = 0; i < sizeof MISSING / sizeof MISSING[0]; i++) {
        fleet_remove(fleet, fleet_find(fleet, MISSING[i].type, MISSING[i].nth));
        fleet_verdict_t verdict = fleet_verify(fleet, NULL);
        bool version = strcmp(MISSING[i].type, "trust") == 0;
        /* without version 2 dave is active still: nothing of this catalog depends on it */
        assert_int_equal(verdict.status, version ? STATUS_OK : STATUS_ERROR);
        if (!version && strstr(verdict.err.message, MISSING[i].words) == NULL) {
            fail_msg("%s: expected '%s' in '%s'", MISSING[i].type, MISSING[i].words,
                     verdict.err.message);
        }
        fleet_export(fleet, 0, 0);
    }
}

static void swapped_rows_are_named(void **state) {
    fleet_t *fleet = *state;
    make(fleet, FLAW_NONE);
    size_t index = fleet_find(fleet, "audit", 1);
    char *first = fleet->lines[index];
    fleet->lines[index] = fleet->lines[index + 1];
    fleet->lines[index + 1] = first;
    breaks(fleet, NULL, index, "expected sequence 2, got 3");
}

/* A later trust file that does not follow: a version is missing between. */
static void a_gap_in_the_trust_files_is_named(void **state) {
    fleet_t *fleet = *state;
    make(fleet, FLAW_GONE_LATER);
    size_t index = fleet_find(fleet, "trust", 1);
    fleet_remove(fleet, index);
    breaks(fleet, NULL, index, "trust file 3 does not follow 1");
}

static void what_is_no_line_is_named(void **state) {
    static const char *const LINES[] = {"",
                                        "[]",
                                        "7",
                                        "{\"type\":7}",
                                        "{\"type\":\"audit\"}",
                                        "{\"type\":\"audit\",\"type\":\"audit\"}",
                                        "{",
                                        "\xff"};
    fleet_t *fleet = *state;
    make(fleet, FLAW_NONE);
    size_t index = fleet_find(fleet, "audit", 0);
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
        fleet_replace(fleet, index, strdup(LINES[i]));
        fleet_verdict_t verdict = fleet_verify(fleet, NULL);
        assert_int_equal(verdict.err.code, ERROR_AUDIT_LINE);
        assert_int_equal(verdict.line, index + 1);
    }
}

/* --- a tail that was cut --------------------------------------------------------------------- */

static void a_cut_tail_shows_against_an_earlier_head(void **state) {
    fleet_t *fleet = *state;
    make(fleet, FLAW_NONE);
    audit_head_t earlier;
    fleet_head(fleet, &earlier);
    holds(fleet, &earlier);
    fleet_audit(fleet, "rollout.stop");
    fleet_audit(fleet, "rollout.retry");
    fleet_export(fleet, 0, 0);
    holds(fleet, &earlier);
    /* whoever owns the coordinator cuts two rows and signs a new head */
    fleet_head(fleet, &earlier);
    fixture_exec(fleet->fixture, "DELETE FROM audit WHERE sequence > 5");
    error_t err;
    store_t *store = fleet->fixture->store;
    assert_int_equal(store_audit_find_end(store, &store->audit, &err), STATUS_OK);
    fleet_export(fleet, 0, 0);
    holds(fleet, NULL);
    breaks(fleet, &earlier, fleet->count - 1,
           "ends with row 5, but a head from before was signed"
           " at row 7: its end was cut off");
    /* and writes others in their place */
    fleet_audit(fleet, "agents.list");
    fleet_audit(fleet, "agents.list");
    fleet_audit(fleet, "agents.list");
    fleet_export(fleet, 0, 0);
    holds(fleet, NULL);
    breaks(fleet, &earlier, fleet_find(fleet, "audit", 6), "as the head from before has it");
}

static void a_forged_earlier_head_is_named(void **state) {
    fleet_t *fleet = *state;
    make(fleet, FLAW_NONE);
    audit_head_t earlier;
    fleet_head(fleet, &earlier);
    earlier.epoch++;
    breaks(fleet, &earlier, fleet_find(fleet, "audit", 4), "the head from before: its signature");
}

/* --- the root -------------------------------------------------------------------------------- */

static void another_root_opens_nothing(void **state) {
    fleet_t *fleet = *state;
    make(fleet, FLAW_NONE);
    error_t err;
    CLEANUP(audit_verify_destroy_p) audit_verify_t *verify = NULL;
    audit_verify_options_t options = {.root = fleet->order};
    assert_int_equal(audit_verify_new(&options, &verify, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_KIND);
}

#define FLEET_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        FLEET_TEST(a_good_catalog_verifies),
        FLEET_TEST(pages_make_no_difference),
        FLEET_TEST(rows_from_before_the_chain_are_said),
        FLEET_TEST(a_part_verifies),
        FLEET_TEST(keys_are_persons_of_their_day),
        FLEET_TEST(who_was_gone_later_is_said),
        FLEET_TEST(flaws_are_named),
        FLEET_TEST(flaws_are_found),
        FLEET_TEST(every_changed_member_is_named),
        FLEET_TEST(missing_lines_are_named),
        FLEET_TEST(swapped_rows_are_named),
        FLEET_TEST(a_gap_in_the_trust_files_is_named),
        FLEET_TEST(what_is_no_line_is_named),
        FLEET_TEST(a_cut_tail_shows_against_an_earlier_head),
        FLEET_TEST(a_forged_earlier_head_is_named),
        FLEET_TEST(another_root_opens_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
