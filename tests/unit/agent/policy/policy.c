/*
 * policy.c: what a policy permits, deed by deed. Nothing here is read from a disk or a clock.
 */
#include "agent/policy/policy.h"
#include "common/base/clock.h"

#include "tests/unit/config/config_cases.h"

/* 2026-03-02 was a Monday. */
#define MONDAY INT64_C(1772409600000000)
#define HOUR (3600 * US_PER_S)
#define DAY (24 * HOUR)

static policy_t *policy_of(const char *bytes) {
    const yaml_text_t text = text_of(bytes);
    error_t err = {0};
    policy_config_t *config = NULL;
    if (policy_config_parse(&text, NULL, &config, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    policy_t *policy = policy_new(&config);
    assert_non_null(policy);
    assert_null(config);
    return policy;
}

static const selector_label_t EU = {.key = "region", .value = "eu"};

static policy_deed_t deed_of(job_kind_t kind) {
    return (policy_deed_t){.kind = kind,
                           .tenant = {.name = "acme",
                                      .cluster = "main",
                                      .database = "app_acme",
                                      .labels = &EU,
                                      .label_count = 1},
                           .now_us = MONDAY + 12 * HOUR,
                           .recovery = "dump"};
}

static error_code_t judged(const policy_t *policy, const policy_deed_t *deed, error_t *err) {
    error_clear(err);
    return policy_judge(policy, deed, err) == STATUS_OK ? ERROR_NONE : err->code;
}

/* The code for one deed under one text; the message must say so and so. */
static void expect(const char *text, const policy_deed_t *deed, error_code_t code,
                   const char *says) {
    CLEANUP(policy_destroy_p) policy_t *policy = policy_of(text);
    error_t err;
    error_code_t got = judged(policy, deed, &err);
    if (got != code) {
        fail_msg("%s\nis judged %s (%s), not %s", text, error_code_name(got), err.message,
                 error_code_name(code));
    }
    if (code != ERROR_NONE && strstr(err.message, says) == NULL) {
        fail_msg("%s\nsays: %s\nnot:  %s", text, err.message, says);
    }
}

static const job_kind_t ALL_KINDS[] = {JOB_KIND_FORWARD,      JOB_KIND_UNDO,   JOB_KIND_RESTORE,
                                       JOB_KIND_BASELINE,     JOB_KIND_BACKUP, JOB_KIND_LOOK,
                                       JOB_KIND_BACKUP_CHECK, JOB_KIND_PRUNE};
enum { ALL_KINDS_COUNT = sizeof ALL_KINDS / sizeof ALL_KINDS[0] };

static void test_none(void **state) {
    error_t err;
    (void)state;
    for (size_t i = 0; i < ALL_KINDS_COUNT; i++) {
        policy_deed_t deed = deed_of(ALL_KINDS[i]);
        deed.login_superuser = true;
        deed.recovery = NULL;
        assert_int_equal(judged(NULL, &deed, &err), ERROR_NONE);
        deed.login_superuser = false;
        expect("kill_switch: /nowhere/STOP", &deed, ERROR_NONE, NULL);
    }
    assert_true(policy_allows_superuser(NULL));
    assert_null(policy_problem(NULL));
    assert_false(policy_killed(NULL));
    assert_false(policy_refresh(NULL));
}

static void test_kinds(void **state) {
    static const char *const WORDS[ALL_KINDS_COUNT] = {"forward", "undo", "restore", "baseline",
                                                       "backup",  "look", "backup",  "prune"};
    (void)state;
    for (size_t word = 0; word < ALL_KINDS_COUNT; word++) {
        char text[64], says[64];
        (void)snprintf(text, sizeof text, "kinds: [%s]", WORDS[word]);
        for (size_t kind = 0; kind < ALL_KINDS_COUNT; kind++) {
            policy_deed_t deed = deed_of(ALL_KINDS[kind]);
            bool is_same = strcmp(WORDS[word], WORDS[kind]) == 0;
            (void)snprintf(says, sizeof says, "the policy:1: 'kinds' does not list %s",
                           WORDS[kind]);
            expect(text, &deed, is_same ? ERROR_NONE : ERROR_POLICY_KIND, says);
        }
    }
    /* A kind that this version does not know is in no list, not even in that of all. */
    policy_deed_t deed = deed_of(JOB_KIND_COUNT);
    expect("tenants: all", &deed, ERROR_POLICY_KIND, "this kind of work");
    deed.kind = JOB_KIND_NONE;
    expect("tenants: all", &deed, ERROR_POLICY_KIND, "this kind of work");
    deed.kind = (job_kind_t)99;
    expect("tenants: all", &deed, ERROR_POLICY_KIND, "this kind of work");
}

static void test_tenants(void **state) {
    (void)state;
    for (size_t kind = 0; kind < ALL_KINDS_COUNT; kind++) {
        policy_deed_t deed = deed_of(ALL_KINDS[kind]);
        expect("\ntenants: region=eu", &deed, ERROR_NONE, NULL);
        expect("tenants: database=app_acme", &deed, ERROR_NONE, NULL);
        expect("\ntenants: region=us", &deed, ERROR_POLICY_TENANT,
               "the policy:2: 'tenants' is region=us, which tenant 'acme' is not");
        expect("tenants: name notin (acme, other)", &deed, ERROR_POLICY_TENANT, "'acme'");
        deed.tenant.label_count = 0;
        expect("tenants: region=eu", &deed, ERROR_POLICY_TENANT, "'acme'");
    }
}

static void test_superuser(void **state) {
    policy_deed_t deed = deed_of(JOB_KIND_LOOK);
    (void)state;
    deed.login_superuser = true;
    expect("tenants: all", &deed, ERROR_POLICY_SUPERUSER,
           "the policy: 'allow_superuser' is false, and the login is a superuser");
    expect("allow_superuser: true", &deed, ERROR_NONE, NULL);
    deed.login_superuser = false;
    deed.owner_superuser = true;
    expect("allow_superuser: false", &deed, ERROR_POLICY_SUPERUSER,
           "the policy:1: 'allow_superuser' is false, and the role that scripts run as is");
    CLEANUP(policy_destroy_p) policy_t *strict = policy_of("tenants: all");
    CLEANUP(policy_destroy_p) policy_t *open = policy_of("allow_superuser: true");
    assert_false(policy_allows_superuser(strict));
    assert_true(policy_allows_superuser(open));
}

static void test_unparsed(void **state) {
    (void)state;
    for (size_t kind = 0; kind < ALL_KINDS_COUNT; kind++) {
        policy_deed_t deed = deed_of(ALL_KINDS[kind]);
        bool runs = deed.kind == JOB_KIND_FORWARD || deed.kind == JOB_KIND_UNDO;
        deed.unparsed = true;
        expect("tenants: all", &deed, runs ? ERROR_POLICY_UNPARSED : ERROR_NONE,
               "'allow_unparsed' is false");
        expect("allow_unparsed: true", &deed, ERROR_NONE, NULL);
    }
}

static void test_recovery(void **state) {
    static const char *const TEXTS[] = {NULL, "none", "external", "dump", "waiver"};
    static const int STRENGTH[] = {0, 0, 1, 2, 0}; /* an unknown word is the weakest */
    static const char *const LEAST[] = {"minimum_recovery: none", "minimum_recovery: external",
                                        "minimum_recovery: dump"};
    (void)state;
    for (int least = 0; least < 3; least++) {
        for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
            policy_deed_t deed = deed_of(JOB_KIND_FORWARD);
            deed.recovery = TEXTS[i];
            expect(LEAST[least], &deed, STRENGTH[i] >= least ? ERROR_NONE : ERROR_POLICY_RECOVERY,
                   "and the order's recovery point is");
            deed.kind = JOB_KIND_UNDO;
            expect(LEAST[least], &deed, ERROR_NONE, NULL);
        }
    }
}

/* Hours from Monday 00:00; a half is 30 minutes. */
typedef struct moment {
    double hours;
    bool open;
    const char *says;
} moment_t;

static void expect_open(const char *text, const moment_t *moments, size_t count) {
    for (size_t i = 0; i < count; i++) {
        policy_deed_t deed = deed_of(JOB_KIND_FORWARD);
        deed.now_us = MONDAY + (int64_t)(moments[i].hours * (double)HOUR);
        expect(text, &deed, moments[i].open ? ERROR_NONE : ERROR_POLICY_WINDOW, moments[i].says);
        deed.now_us -= 3000 * 7 * DAY; /* the same before 1970 */
        expect(text, &deed, moments[i].open ? ERROR_NONE : ERROR_POLICY_WINDOW, moments[i].says);
    }
}

static void test_windows(void **state) {
    static const moment_t NIGHTS[] = {
        {21.5, false, "'windows' opens next at mon 22:00 UTC, and it is mon 21:30 UTC"},
        {22, true, NULL},
        {28.5, true, NULL},
        {29, false, "opens next at sun 22:00 UTC, and it is tue 05:00 UTC"},
        {46, false, "opens next at sun 22:00 UTC, and it is tue 22:00 UTC"},
        {6 * 24 + 22, true, NULL},
        {7 * 24 + 4.5, true, NULL}, /* Sunday's window goes on into Monday */
        {4.5, true, NULL},
        {7 * 24 + 5, false, "opens next at mon 22:00 UTC, and it is mon 05:00 UTC"},
    };
    static const moment_t DAYS[] = {
        {8.5, false, "opens next at mon 09:00 UTC"}, {9, true, NULL},           {16.5, true, NULL},
        {17, false, "opens next at tue 09:00 UTC"},  {5 * 24 + 12, true, NULL},
    };
    static const moment_t WHOLE[] = {
        {0, false, "opens next at wed 00:00 UTC"},
        {48, true, NULL},
        {71.5, true, NULL},
        {72, false, "opens next at wed 00:00 UTC, and it is thu 00:00 UTC"},
    };
    static const moment_t ONCE[] = {
        {11, false, "opens next at mon 09:00 UTC, and it is mon 11:00"}};
    static const moment_t TWO[] = {{1, true, NULL}, {3, false, "at mon 06:00"}, {7, true, NULL}};
    (void)state;
    expect_open("windows: [{days: [mon, sun], from: \"22:00\", to: \"05:00\"}]", NIGHTS,
                sizeof NIGHTS / sizeof NIGHTS[0]);
    expect_open("windows: [{from: \"09:00\", to: \"17:00\"}]", DAYS, sizeof DAYS / sizeof DAYS[0]);
    expect_open("windows: [{days: [wed]}]", WHOLE, sizeof WHOLE / sizeof WHOLE[0]);
    expect_open("windows: [{days: [mon], from: \"09:00\", to: \"10:00\"}]", ONCE, 1);
    expect_open("windows: [{from: \"06:00\", to: \"08:00\"}, {from: \"00:00\", to: \"02:00\"}]",
                TWO, sizeof TWO / sizeof TWO[0]);
}

/* A window ends to the microsecond, and one of the last minute of a day is seen, too. */
static void test_window_edges(void **state) {
    static const char TEXT[] = "windows: [{days: [mon], from: \"23:59\", to: \"24:00\"}]";
    policy_deed_t deed = deed_of(JOB_KIND_FORWARD);
    (void)state;
    deed.now_us = MONDAY + DAY - 60 * US_PER_S;
    expect(TEXT, &deed, ERROR_NONE, NULL);
    deed.now_us -= 1;
    expect(TEXT, &deed, ERROR_POLICY_WINDOW, "at mon 23:59 UTC, and it is mon 23:58 UTC");
    deed.now_us = MONDAY + DAY - 1;
    expect(TEXT, &deed, ERROR_NONE, NULL);
    deed.now_us += 1;
    expect(TEXT, &deed, ERROR_POLICY_WINDOW, "at mon 23:59 UTC, and it is tue 00:00 UTC");
}

static void test_windows_bind(void **state) {
    static const char TEXT[] = "windows: [{days: [tue]}]";
    static const char UNDO[] = "windows: [{days: [tue]}]\nwindows_bind_undo: true";
    (void)state;
    for (size_t i = 0; i < ALL_KINDS_COUNT; i++) {
        policy_deed_t deed = deed_of(ALL_KINDS[i]);
        bool forward = deed.kind == JOB_KIND_FORWARD;
        bool back = deed.kind == JOB_KIND_UNDO || deed.kind == JOB_KIND_RESTORE;
        expect(TEXT, &deed, forward ? ERROR_POLICY_WINDOW : ERROR_NONE, "tue 00:00");
        expect(UNDO, &deed, forward || back ? ERROR_POLICY_WINDOW : ERROR_NONE, "tue 00:00");
    }
}

static void test_rate(void **state) {
    static const char TEXT[] = "tenants_per_hour: 3";
    (void)state;
    for (size_t i = 0; i < ALL_KINDS_COUNT; i++) {
        policy_deed_t deed = deed_of(ALL_KINDS[i]);
        deed.begun_last_hour = 2;
        expect(TEXT, &deed, ERROR_NONE, NULL);
        deed.begun_last_hour = 3;
        expect(TEXT, &deed, deed.kind == JOB_KIND_FORWARD ? ERROR_POLICY_RATE : ERROR_NONE,
               "the policy:1: 'tenants_per_hour' is 3, and forward work began at 3 tenants");
        expect("tenants_per_hour: 0", &deed, ERROR_NONE, NULL);
    }
}

static void test_killed(void **state) {
    (void)state;
    for (size_t i = 0; i < ALL_KINDS_COUNT; i++) {
        policy_deed_t deed = deed_of(ALL_KINDS[i]);
        deed.killed = true;
        expect("kinds: [look]\nkill_switch: /nowhere/STOP", &deed, ERROR_POLICY_KILLED,
               "the policy:2: 'kill_switch': /nowhere/STOP is there");
    }
}

/* What can never run is told before what may run later. */
static void test_order(void **state) {
    static const char TEXT[] = "kinds: [forward]\ntenants: region=eu\nwindows: [{days: [tue]}]\n"
                               "tenants_per_hour: 1\nminimum_recovery: dump\n";
    policy_deed_t deed = deed_of(JOB_KIND_FORWARD);
    (void)state;
    deed.begun_last_hour = 1;
    expect(TEXT, &deed, ERROR_POLICY_WINDOW, "");
    deed.recovery = "none";
    expect(TEXT, &deed, ERROR_POLICY_RECOVERY, "");
    deed.unparsed = true;
    expect(TEXT, &deed, ERROR_POLICY_UNPARSED, "");
    deed.owner_superuser = true;
    expect(TEXT, &deed, ERROR_POLICY_SUPERUSER, "");
    deed.tenant.labels = NULL;
    deed.tenant.label_count = 0;
    expect(TEXT, &deed, ERROR_POLICY_TENANT, "");
    deed.kind = JOB_KIND_BACKUP;
    expect(TEXT, &deed, ERROR_POLICY_KIND, "");
}

/* What may be tried again is what passes by itself. */
static void test_retries(void **state) {
    static const error_code_t PASSING[] = {ERROR_POLICY_FILE, ERROR_POLICY_WINDOW,
                                           ERROR_POLICY_RATE, ERROR_POLICY_KILLED};
    static const error_code_t LASTING[] = {ERROR_POLICY_KIND, ERROR_POLICY_TENANT,
                                           ERROR_POLICY_SUPERUSER, ERROR_POLICY_UNPARSED,
                                           ERROR_POLICY_RECOVERY};
    (void)state;
    for (size_t i = 0; i < sizeof PASSING / sizeof PASSING[0]; i++) {
        assert_int_equal(error_code_retry(PASSING[i]), RETRY_TRANSIENT);
    }
    for (size_t i = 0; i < sizeof LASTING / sizeof LASTING[0]; i++) {
        assert_int_equal(error_code_retry(LASTING[i]), RETRY_PERMANENT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),         cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_tenants),      cmocka_unit_test(test_superuser),
        cmocka_unit_test(test_unparsed),     cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_windows),      cmocka_unit_test(test_window_edges),
        cmocka_unit_test(test_windows_bind), cmocka_unit_test(test_rate),
        cmocka_unit_test(test_killed),       cmocka_unit_test(test_order),
        cmocka_unit_test(test_retries)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
