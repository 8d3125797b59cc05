/* own.c: jobs that agents made themselves: what proves them, and each lie about them is named. */
#include "common/wire/field.h"
#include "tests/unit/audit/fleet.h"

#include <inttypes.h>
#include <string.h>

enum { JOB = 150, TENANT = 2, FOUND_AT = 4, SIGNED_S = 450, BEGUN_S = 460, HEARD_S = 9000 };

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

/* What the agent says of its job, and what is brought as its take-back. */
typedef struct story {
    uint32_t job;
    uint32_t tenant;
    Drover__Step step;
    uint32_t position;
    int64_t begun_s;
    int64_t life_s;         /* of the take-back */
    who_t second;           /* beside alice; ALICE: nobody */
    bool other_subject;     /* the take-back is of another order */
    bool under_approval;    /* the job is under an order that authorizes no undo */
    bool under_unknown;     /* the job is under no order at all */
    bool without;           /* the take-back stands not beside it */
    bool beside_is_another; /* an order of another kind does */
} story_t;

static const story_t GOOD_STORY = {
    .job = JOB,
    .tenant = TENANT,
    .step = DROVER__STEP__STEP_UNDO,
    .position = FOUND_AT,
    .begun_s = BEGUN_S,
    .life_s = 3600,
    .second = BOB,
};

static document_t *write_take_back(fleet_t *fleet, const story_t *story) {
    document_t *document = NULL;
    error_t err = {0};
    order_t order =
        fleet_blank_order(1003, ORDER_TAKE_BACK, FLEET_T0_US + SIGNED_S * FLEET_S_US, ALICE);
    order.subject = story->other_subject    ? digest_of(5)
                    : story->under_approval ? fleet->approval->id
                                            : fleet->order->id;
    order.expires_us = order.issued_us + story->life_s * FLEET_S_US;
    if (order_write(&order, &document, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    fleet_sign(fleet, document, ALICE);
    if (story->second != ALICE) {
        fleet_sign(fleet, document, story->second);
    }
    return document;
}

/* The batch that tells it; the take-back is the caller's. */
static document_t *tell(fleet_t *fleet, const story_t *story) {
    document_t *paper = write_take_back(fleet, story);
    const document_t *beside = story->beside_is_another ? fleet->approval : paper;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    error_t err = {0};
    ident_t ids[] = {id_of(story->job), id_of(story->job + 300), id_of(story->tenant)};
    digest_t sql = digest_of(77);
    digest_t order = story->under_unknown    ? digest_of(6)
                     : story->under_approval ? fleet->approval->id
                                             : fleet->order->id;
    assert_int_equal(document_encode(beside, &bytes, &err), STATUS_OK);
    ProtobufCBinaryData field = field_of_bytes(bytes.data, bytes.size);
    Drover__Reports reports = DROVER__REPORTS__INIT;
    Drover__Report report = DROVER__REPORT__INIT;
    Drover__ApplicationSeen seen = DROVER__APPLICATION_SEEN__INIT;
    Drover__Report *list = &report;
    seen.application = field_of_text("app");
    seen.position = story->position;
    report.number = ++fleet->reports;
    report.job = field_of_ident(&ids[0]);
    report.attempt = field_of_ident(&ids[1]);
    report.tenant = field_of_ident(&ids[2]);
    report.step = story->step;
    report.outcome = DROVER__OUTCOME__OUTCOME_STARTED;
    report.started_us = FLEET_T0_US + story->begun_s * FLEET_S_US;
    report.sql_digest = field_of_digest(&sql);
    report.order = field_of_digest(&order);
    report.take_back = field_of_digest(&paper->id);
    report.state = &seen;
    reports.reports = &list;
    reports.n_reports = 1;
    reports.take_backs = &field;
    reports.n_take_backs = story->without ? 0 : 1;
    fleet_put_reports(fleet, &reports, FLEET_T0_US + HEARD_S * FLEET_S_US);
    return paper;
}

/* A catalog with this story in it, exported. */
static document_t *make(fleet_t *fleet, fleet_flaw_t flaw, const story_t *story) {
    fleet_open(fleet, fleet->fixture, flaw);
    document_t *paper = tell(fleet, story);
    fleet_export(fleet, 0, 0);
    return paper;
}

static fleet_verdict_t holds(fleet_t *fleet) {
    fleet_verdict_t verdict = fleet_verify(fleet, NULL);
    if (verdict.status != STATUS_OK) {
        fail_msg("%s", verdict.err.message);
    }
    return verdict;
}

static void what_was_taken_back_is_proved(void **state) {
    fleet_t *fleet = *state;
    CLEANUP(document_destroy_p) document_t *paper = make(fleet, FLAW_NONE, &GOOD_STORY);
    fleet_verdict_t verdict = holds(fleet);
    assert_int_equal(verdict.counts.jobs_own, 1);
    assert_int_equal(verdict.counts.unproved, 0);
    assert_int_equal(verdict.counts.reports, 8);
    assert_int_equal(verdict.counts.reports_foreign, 0);
    assert_int_equal(verdict.counts.orders, 3);
    fleet_export(fleet, FLEET_T0_US + 5000 * FLEET_S_US, 0); /* the forward job is left out */
    assert_int_equal(holds(fleet).counts.jobs_own, 1);
}

typedef struct seen {
    size_t count;
    char persons[64];
    char gone[64];
} seen_t;

static status_t see(void *context, const audit_order_t *order, error_t *err) {
    seen_t *seen = context;
    (void)err;
    if (order->order->kind == ORDER_TAKE_BACK) {
        seen->count++;
        assert_int_equal(order->accepted_us, FLEET_T0_US + BEGUN_S * FLEET_S_US);
        (void)snprintf(seen->persons, sizeof seen->persons, "%s", order->persons);
        (void)snprintf(seen->gone, sizeof seen->gone, "%s", order->later_gone);
    }
    return STATUS_OK;
}

static void assert_persons(fleet_t *fleet, const char *gone) {
    CLEANUP(audit_verify_destroy_p) audit_verify_t *verify = NULL;
    audit_verify_options_t options = {.root = fleet->root_document};
    seen_t seen = {0};
    error_t err = {0};
    assert_int_equal(audit_verify_new(&options, &verify, &err), STATUS_OK);
    for (size_t i = 0; i < fleet->count; i++) {
        assert_int_equal(audit_verify_line(verify, fleet->lines[i], strlen(fleet->lines[i]), &err),
                         STATUS_OK);
    }
    assert_int_equal(audit_verify_each_order(verify, see, &seen, &err), STATUS_OK);
    assert_int_equal(seen.count, 1);
    assert_non_null(strstr(seen.persons, "alice"));
    assert_non_null(strstr(seen.persons, "bob"));
    assert_string_equal(seen.gone, gone);
}

static void who_signed_it_is_said(void **state) {
    fleet_t *fleet = *state;
    CLEANUP(document_destroy_p) document_t *paper = make(fleet, FLAW_NONE, &GOOD_STORY);
    assert_persons(fleet, "");
}

/* The coordinator heard of it when bob's key was gone: it held when the agent began. */
static void who_was_gone_later_is_said(void **state) {
    fleet_t *fleet = *state;
    CLEANUP(document_destroy_p) document_t *paper = make(fleet, FLAW_GONE_LATER, &GOOD_STORY);
    (void)holds(fleet);
    assert_persons(fleet, "bob");
}

/* --- a take-back that nobody brought --------------------------------------------------------- */

static void what_lacks_its_take_back_is_no_broken_link(void **state) {
    fleet_t *fleet = *state;
    story_t story = GOOD_STORY;
    char digest[DIGEST_TEXT_SIZE];
    story.without = true;
    CLEANUP(document_destroy_p) document_t *paper = make(fleet, FLAW_NONE, &story);
    fleet_verdict_t verdict = fleet_verify(fleet, NULL);
    assert_int_equal(verdict.status, STATUS_ERROR);
    assert_int_equal(verdict.err.code, ERROR_AUDIT_UNPROVED);
    assert_non_null(strstr(verdict.err.message, digest_text(&paper->id, digest)));
    assert_int_equal(verdict.counts.unproved, 1);
    assert_int_equal(verdict.counts.lines, fleet->count); /* all the rest was looked at */
    fleet->take_back = paper;
    assert_int_equal(holds(fleet).counts.jobs_own, 1);
    fleet->take_back = NULL;
    fleet_remove(fleet, fleet->count - 1); /* a broken link is said first */
    assert_int_equal(fleet_verify(fleet, NULL).err.code, ERROR_AUDIT_BROKEN);
}

static void the_readers_take_back_must_be_one(void **state) {
    fleet_t *fleet = *state;
    CLEANUP(document_destroy_p) document_t *paper = make(fleet, FLAW_NONE, &GOOD_STORY);
    CLEANUP(audit_verify_destroy_p) audit_verify_t *verify = NULL;
    const document_t *given = fleet->approval;
    audit_verify_options_t options = {
        .root = fleet->root_document, .take_backs = &given, .take_back_count = 1};
    error_t err = {0};
    assert_int_equal(audit_verify_new(&options, &verify, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TRUST_KIND);
}

/* One with too few signatures does not stand in the way of the same with enough. */
static void a_better_signed_copy_counts(void **state) {
    fleet_t *fleet = *state;
    story_t story = GOOD_STORY;
    story.second = ALICE;
    CLEANUP(document_destroy_p) document_t *paper = make(fleet, FLAW_NONE, &story);
    assert_int_equal(fleet_verify(fleet, NULL).err.code, ERROR_AUDIT_BROKEN);
    CLEANUP(document_destroy_p) document_t *whole = write_take_back(fleet, &GOOD_STORY);
    fleet->take_back = whole;
    assert_int_equal(holds(fleet).counts.jobs_own, 1);
    fleet->take_back = NULL;
}

/* --- lies ------------------------------------------------------------------------------------ */

typedef struct lie {
    const char *words;
    story_t story;
} lie_t;

/* clang-format off */
#define STORY(...) {.job = JOB, .tenant = TENANT, .step = DROVER__STEP__STEP_UNDO,                 \
                    .position = FOUND_AT, .begun_s = BEGUN_S, .life_s = 3600, .second = BOB,       \
                    __VA_ARGS__}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const lie_t LIES[] = {
    {"verifying an order of kind take_back", STORY(.second = ALICE)}, /* one is missing */
    {"verifying an order of kind take_back", STORY(.second = DAVE)},  /* revoked */
    {"verifying an order of kind take_back", STORY(.second = OTHER)}, /* a stranger */
    {"the order has ended", STORY(.begun_s = SIGNED_S + 7200)},
    {"the order has not begun", STORY(.begun_s = SIGNED_S - 400)},
    {"the take-back is of another order", STORY(.other_subject = true)},
    {"which authorizes no undo", STORY(.under_approval = true)},
    {"which the export has not", STORY(.under_unknown = true)},
    {"does not name", STORY(.tenant = 9)},
    {"was led to position 3, and the order found it at 4", STORY(.position = FOUND_AT - 1)},
    {"did other than undo", STORY(.step = DROVER__STEP__STEP_APPLY)},
    {"is the coordinator's", STORY(.job = 102)},
    {"instead of a take-back", STORY(.beside_is_another = true)},
};
#pragma GCC diagnostic pop
/* clang-format on */

static void lies_are_named(void **state) {
    fleet_t *fleet = *state;
    for (size_t i = 0; i < sizeof LIES / sizeof LIES[0]; i++) {
        CLEANUP(document_destroy_p) document_t *paper = make(fleet, FLAW_NONE, &LIES[i].story);
        fleet_verdict_t verdict = fleet_verify(fleet, NULL);
        assert_int_equal(verdict.status, STATUS_ERROR);
        if (verdict.err.code != ERROR_AUDIT_BROKEN ||
            strstr(verdict.err.message, LIES[i].words) == NULL) {
            fail_msg("expected '%s' in '%s'", LIES[i].words, verdict.err.message);
        }
        assert_true(verdict.line > 0);
        void *fixture = fleet->fixture;
        fleet_close(fleet);
        assert_int_equal(fixture_tear_down(&fixture), 0);
        assert_int_equal(fixture_set_up(&fixture), 0);
        fleet->fixture = fixture;
    }
    fleet_open(fleet, fleet->fixture, FLAW_NONE);
}

#define FLEET_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        FLEET_TEST(what_was_taken_back_is_proved),
        FLEET_TEST(who_signed_it_is_said),
        FLEET_TEST(who_was_gone_later_is_said),
        FLEET_TEST(what_lacks_its_take_back_is_no_broken_link),
        FLEET_TEST(the_readers_take_back_must_be_one),
        FLEET_TEST(a_better_signed_copy_counts),
        FLEET_TEST(lies_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
