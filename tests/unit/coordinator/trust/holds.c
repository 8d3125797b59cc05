/* holds.c: of which applications a hold stands here, what agents must hear, and what comes too
 * late. */
#include "coordinator/trust/holds.h"
#include "coordinator/store/store_signed_order.h"
#include "tests/unit/coordinator/trust/office.h"

typedef struct said {
    order_kind_t kind;
    const char *application;
    const char *environment;
    int64_t issued_us;
} said_t;

/* Accepted now; the number is its digest's. */
static void say(office_t *o, uint32_t number, const said_t *said) {
    static int64_t accepted_us = 1000000;
    accepted_us++;
    signed_order_row_t row = {.digest = digest_of(number),
                              .order_id = id_of(number),
                              .kind = said->kind,
                              .application = said->application,
                              .environment = said->environment,
                              .issued_us = said->issued_us,
                              .document = "body",
                              .document_size = 4,
                              .accepted_us = accepted_us,
                              .expires_us = 1};
    fixture_t *f = o->fixture;
    OK(f, store_begin(f->store, &f->err));
    OK(f, store_signed_order_put(f->store, &row, &f->err));
    OK(f, store_commit(f->store, &f->err));
}

/* The applications that are held, one after the other, each with a comma; and how many words say
 * something still. */
static size_t stand(office_t *o, char text[64]) {
    CLEANUP(holds_free) holds_t holds = {0};
    GOOD(o, holds_read(o->keeper, &holds, &o->err));
    text[0] = '\0';
    for (size_t i = 0; i < holds.held.count; i++) {
        (void)snprintf(text + strlen(text), 64 - strlen(text), "%s,", holds.held.applications[i]);
    }
    return holds.count;
}

#define ASSERT_STAND(o, words, names)                                                              \
    do {                                                                                           \
        char text_[64];                                                                            \
        assert_int_equal(stand(o, text_), words);                                                  \
        assert_string_equal(text_, names);                                                         \
    } while (0)

static void each_hold_ends_by_its_own_release(void **state) {
    office_t *o = *state;
    GOOD(o, office_open(o));
    const char *here = keeper_environment(o->keeper);
    ASSERT_STAND(o, 0, "");
    say(o, 1, &(said_t){ORDER_HOLD, "shop", here, 10});
    say(o, 2, &(said_t){ORDER_HOLD, "app", "", 20});
    ASSERT_STAND(o, 2, "shop,app,");
    say(o, 3, &(said_t){ORDER_RELEASE_HOLD, "app", "", 30});
    ASSERT_STAND(o, 2, "shop,"); /* agents hear of the release */
    say(o, 4, &(said_t){ORDER_HOLD, "", "", 40});
    ASSERT_STAND(o, 3, "shop,,");
    say(o, 5, &(said_t){ORDER_RELEASE_HOLD, "shop", "", 50}); /* not of the fleet's hold */
    ASSERT_STAND(o, 3, ",");
    say(o, 6, &(said_t){ORDER_RELEASE_HOLD, "", "", 60}); /* all that was ever said, in one */
    ASSERT_STAND(o, 1, "");
}

/* Which was accepted first says nothing: agents do not know. */
static void moments_decide(void **state) {
    office_t *o = *state;
    GOOD(o, office_open(o));
    say(o, 1, &(said_t){ORDER_RELEASE_HOLD, "", "", 30});
    say(o, 2, &(said_t){ORDER_HOLD, "shop", "", 20});
    say(o, 3, &(said_t){ORDER_RELEASE_HOLD, "shop", "", 25});
    ASSERT_STAND(o, 1, "");
    say(o, 4, &(said_t){ORDER_HOLD, "shop", "", 31});
    say(o, 5, &(said_t){ORDER_RELEASE_HOLD, "shop", "", 29});
    ASSERT_STAND(o, 2, "shop,");
    say(o, 6, &(said_t){ORDER_RELEASE_HOLD, "", "", 31}); /* of the same moment: later */
    ASSERT_STAND(o, 1, "");
}

static void holds_of_another_environment_are_not_ours(void **state) {
    office_t *o = *state;
    GOOD(o, office_open(o));
    say(o, 1, &(said_t){ORDER_HOLD, "", "elsewhere", 10});
    ASSERT_STAND(o, 1, ""); /* agents hear of it and judge by themselves */
}

static void check(office_t *o, const said_t *said, bool fits) {
    CLEANUP(holds_free) holds_t holds = {0};
    const order_t order = {.kind = said->kind,
                           .application = said->application,
                           .environment = said->environment,
                           .issued_us = said->issued_us};
    GOOD(o, holds_read(o->keeper, &holds, &o->err));
    if (fits) {
        GOOD(o, holds_check(&holds, &order, &o->err));
    } else {
        BAD(o, ORDER_SUPERSEDED, holds_check(&holds, &order, &o->err));
    }
}

static void what_comes_too_late_is_refused(void **state) {
    office_t *o = *state;
    GOOD(o, office_open(o));
    check(o, &(said_t){ORDER_RELEASE_HOLD, "", "", 1}, true); /* where nothing was ever held */
    say(o, 1, &(said_t){ORDER_HOLD, "shop", "", 20});
    say(o, 2, &(said_t){ORDER_HOLD, "app", "", 40});
    check(o, &(said_t){ORDER_RELEASE_HOLD, "", "", 30}, true); /* ends one of them */
    check(o, &(said_t){ORDER_RELEASE_HOLD, "app", "", 30}, false);
    check(o, &(said_t){ORDER_RELEASE_HOLD, "", "", 10}, false);
    check(o, &(said_t){ORDER_RELEASE_HOLD, "other", "", 10}, true); /* nothing there stands */
    check(o, &(said_t){ORDER_HOLD, "app", "", 30}, true);
    say(o, 3, &(said_t){ORDER_RELEASE_HOLD, "app", "", 50});
    check(o, &(said_t){ORDER_HOLD, "app", "", 45}, false);
    check(o, &(said_t){ORDER_HOLD, "", "", 45}, true); /* is wider than the release */
    check(o, &(said_t){ORDER_HOLD, "app", "", 51}, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {OFFICE_TEST(each_hold_ends_by_its_own_release),
                                       OFFICE_TEST(moments_decide),
                                       OFFICE_TEST(holds_of_another_environment_are_not_ours),
                                       OFFICE_TEST(what_comes_too_late_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
