/* Tests of cli/remote_approve.c, remote_turn.c and order_at.c: signatures under what others began,
 * and the turns that are signed along. */
#include "common/base/clock.h"
#include "common/crypto/keyfile.h"
#include "common/trust/trust_file.h"
#include "tests/unit/cli/fake.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RUN(fake, ...) fake_run(fake, (const char *const[FAKE_WORDS]){__VA_ARGS__})

static void has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("no '%s' in:\n%s", part, text);
    }
}

/* A coordinator, and a colleague whose key is not its operator's. */
typedef struct stage {
    fake_t *fake;
    keyfile_t *colleague;
    document_t *order; /* that the rollout stands under, signed by the colleague */
    digest_t id;
} stage_t;

static void stage_end(stage_t *stage) {
    keyfile_destroy(&stage->colleague);
    document_destroy(&stage->order);
    fake_stop(&stage->fake);
}

static stage_t stage_begin(const fake_reply_t *replies, size_t count) {
    stage_t stage = {.fake = fake_start(&(fake_options_t){0}, replies, count)};
    char path[256];
    error_t err;
    const keyfile_new_t made = {
        .path = fake_path(stage.fake, "colleague.key", path), .kind = KEY_OPERATOR, .name = "carl"};
    assert_int_equal(keyfile_create(&made, NULL, &err), STATUS_OK);
    const keyfile_open_t what = {.path = path, .kind = KEY_OPERATOR};
    assert_int_equal(keyfile_open(&what, &stage.colleague, &err), STATUS_OK);
    return stage;
}

static void add_paper(json_t *answer, const char *name, const document_t *paper) {
    buffer_t bytes = {0};
    error_t err;
    assert_int_equal(document_encode(paper, &bytes, &err), STATUS_OK);
    char *text = drafts_base64(bytes.data, bytes.size);
    assert_int_equal(json_object_set_new(answer, name, json_string(text)), 0);
    free(text);
    buffer_free(&bytes);
}

/* What order.show answers: the colleague's order of the plan, as it is or with a lie in a row. */
static json_t *shown(stage_t *stage, bool lies) {
    json_t *answer = drafts_plan("forward");
    drafts_order_t draft;
    error_t err;
    drafts_fill(answer, ORDER_ROLLOUT, clock_wall_us(), &draft);
    draft.order.proposer = *keyfile_sign_public(stage->colleague);
    document_destroy(&stage->order);
    stage->order = drafts_write(&draft);
    assert_int_equal(document_sign(stage->order, keyfile_sign_secret(stage->colleague), &err),
                     STATUS_OK);
    stage->id = stage->order->id;
    add_paper(answer, "order", stage->order);
    if (lies) {
        json_t *row = json_array_get(json_object_get(answer, "tenants"), 1);
        (void)json_object_set_new(row, "from", json_integer(1));
    }
    return answer;
}

static void show(stage_t *stage, bool lies) {
    json_t *answer = shown(stage, lies);
    fake_add(stage->fake,
             &(fake_reply_t){.verb = "order.show", .document = fake_keep(stage->fake, answer)});
}

/* What order.blank answers. */
typedef struct blank {
    order_kind_t kind;
    uint32_t wave;
    bool astray;             /* about another order, or of another proposer */
    const char *application; /* of a hold; NULL: all */
} blank_t;

static document_t *blank_paper(const stage_t *stage, const blank_t *blank,
                               const sign_public_t *proposer) {
    int64_t now_us = clock_wall_us();
    bool fleet = blank->kind == ORDER_HOLD || blank->kind == ORDER_RELEASE_HOLD;
    const char *all = blank->application != NULL ? blank->application : "";
    drafts_order_t draft = {.order = {.fleet = {{1}},
                                      .id = {{3}},
                                      .kind = blank->kind,
                                      .application = fleet ? all : "app",
                                      .environment = fleet ? "" : "prod",
                                      .recovery_kind = "",
                                      .recovery_reason = "",
                                      .trial_restore = "",
                                      .issued_us = now_us,
                                      .not_before_us = now_us,
                                      .expires_us = now_us + TRUST_DAY_US,
                                      .proposer = *proposer,
                                      .subject_wave = blank->wave,
                                      .trust_version = 3}};
    if (!fleet) {
        draft.order.subject = stage->id;
        draft.order.subject.bytes[0] ^= blank->astray ? 1 : 0;
    } else if (blank->astray) {
        draft.order.proposer.bytes[0] ^= 1;
    }
    return drafts_write(&draft);
}

static void add_blank(stage_t *stage, const blank_t *blank) {
    json_t *answer = json_object();
    document_t *paper = blank_paper(stage, blank, fake_operator(stage->fake));
    drafts_add(answer, paper);
    document_destroy(&paper);
    fake_add(stage->fake,
             &(fake_reply_t){.verb = "order.blank", .document = fake_keep(stage->fake, answer)});
}

/* The document of an argument: of this kind, with so many signatures, ours among them. */
static void sent(stage_t *stage, const char *verb, const char *argument, order_kind_t kind,
                 size_t signatures) {
    document_t *paper = fake_paper(stage->fake, verb, argument);
    order_t *order = NULL;
    error_t err;
    assert_non_null(paper);
    assert_int_equal(order_read(paper, &order, &err), STATUS_OK);
    assert_int_equal(order->kind, kind);
    assert_int_equal(paper->signature_count, signatures);
    assert_true(document_signed_by(paper, fake_operator(stage->fake)));
    order_destroy(&order);
    document_destroy(&paper);
}

/* --- approve --------------------------------------------------------------------------------- */

#define APPROVED(state, have)                                                                      \
    "{\"rollout\":\"1f3a22c4-0000\",\"name\":\"app V042\",\"state\":\"" state                      \
    "\",\"signatures\":{\"needed\":2,\"have\":" have ",\"by\":[\"carl\",\"olga\"]}}"

static void test_approve(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "rollout.approve", .document = APPROVED("running", "2")},
        {.verb = "rollout.approve", .document = APPROVED("planned", "1")}};
    stage_t stage = stage_begin(replies, 2);
    (void)state;
    show(&stage, false);
    fake_run_t run = RUN(stage.fake, "rollout", "approve", "1f3a");
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    has(run.err.message, "sign this rollout of 4 tenants as olga?");
    has(run.out, "order           rollout of app in environment prod\n");
    has(run.out, "target          position 42 of the bundle\n");
    has(run.out, "tenants with work: 3\n");
    has(run.out, "tenants that are looked at: 1\n");
    has(run.out, "aaaaaaaa-0000-4000-8000-000000000001");
    assert_null(strstr(fake_asked(stage.fake), "rollout.approve {"));
    fake_run_free(&run);
    run = RUN(stage.fake, "rollout", "approve", "1f3a", "-y");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "rollout app V042 (1f3a22c4) is running\n");
    sent(&stage, "rollout.approve", "order", ORDER_ROLLOUT, 2);
    fake_run_free(&run);
    run = RUN(stage.fake, "rollout", "approve", "1f3a", "-y", "-o", "json");
    assert_int_equal(run.err.code, ERROR_ORDER_WAITS);
    assert_int_equal(run.exit_code, 4);
    json_t *document = json_loads(run.out, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(document, "tenants")), 3);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(document, "order"), "tenants")), 4);
    assert_string_equal(json_string_value(json_object_get(document, "state")), "planned");
    json_decref(document);
    fake_run_free(&run);
    stage_end(&stage);
}

/* A row that the order does not have, one's own signature a second time, and a word of the
 * coordinator's in place of a document. */
static void test_approve_refused(void **state) {
    stage_t stage = stage_begin(NULL, 0);
    error_t err;
    (void)state;
    show(&stage, true);
    fake_run_t run = RUN(stage.fake, "rollout", "approve", "1f3a", "-y");
    assert_int_equal(run.err.code, ERROR_ORDER_DIFFERS);
    fake_run_free(&run);
    stage_end(&stage);

    stage = stage_begin(NULL, 0);
    json_t *answer = shown(&stage, false);
    char path[256];
    keyfile_t *own = NULL;
    const keyfile_open_t what = {.path = fake_path(stage.fake, "operator.key", path),
                                 .kind = KEY_OPERATOR};
    assert_int_equal(keyfile_open(&what, &own, &err), STATUS_OK);
    assert_int_equal(document_sign(stage.order, keyfile_sign_secret(own), &err), STATUS_OK);
    keyfile_destroy(&own);
    add_paper(answer, "order", stage.order);
    fake_add(stage.fake,
             &(fake_reply_t){.verb = "order.show", .document = fake_keep(stage.fake, answer)});
    run = RUN(stage.fake, "rollout", "approve", "1f3a", "-y");
    assert_int_equal(run.err.code, ERROR_TRUST_SIGNED);
    assert_string_equal(run.out, ""); /* before anything is shown or asked */
    fake_run_free(&run);
    stage_end(&stage);

    const fake_reply_t words[] = {{.verb = "order.show", .document = "{\"order\":\"trust me\"}"},
                                  {.verb = "order.show", .document = "{}"}};
    stage = stage_begin(words, 2);
    for (int i = 0; i < 2; i++) {
        run = RUN(stage.fake, "rollout", "approve", "1f3a", "-y");
        assert_int_equal(run.err.code, ERROR_WIRE_INVALID);
        fake_run_free(&run);
    }
    assert_null(strstr(fake_asked(stage.fake), "rollout.approve {"));
    stage_end(&stage);
}

/* An order that waits for nobody, and one that this person has signed with another key. */
static void test_approve_in_vain(void **state) {
    static const struct {
        const char *state;
        const char *by;
        error_code_t code;
    } WRONG[] = {{"running", "alan", ERROR_ROLLOUT_STATE},
                 {"stopped", "alan", ERROR_ROLLOUT_STATE},
                 {"planned", "OLGA", ERROR_PERSON_COUNTED}};
    (void)state;
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        stage_t stage = stage_begin(NULL, 0);
        json_t *answer = shown(&stage, false);
        (void)json_object_set_new(answer, "state", json_string(WRONG[i].state));
        (void)json_object_set_new(answer, "signatures", json_pack("{s:[s]}", "by", WRONG[i].by));
        fake_add(stage.fake,
                 &(fake_reply_t){.verb = "order.show", .document = fake_keep(stage.fake, answer)});
        fake_run_t run = RUN(stage.fake, "rollout", "approve", "1f3a", "-y");
        assert_int_equal(run.err.code, WRONG[i].code);
        assert_string_equal(run.out, "");
        assert_null(strstr(fake_asked(stage.fake), "rollout.approve {"));
        fake_run_free(&run);
        stage_end(&stage);
    }
}

#define STATUS(state, wave)                                                                        \
    "{\"rollout\":\"1f3a22c4-0000\",\"name\":\"app V042\",\"kind\":\"forward\",\"state\":\"" state \
    "\",\"current_wave\":0,\"waves\":[{\"number\":0,\"name\":\"canary\",\"state\":\"" wave         \
    "\"},{\"number\":1,\"name\":\"idle\",\"state\":\"pending\"},{\"number\":2,\"name\":\"rest\","  \
    "\"state\":\"pending\"}]}"

static void test_approve_wave(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "rollout.status", .document = STATUS("running", "passed")},
        {.verb = "rollout.approve", .document = APPROVED("running", "2")},
        {.verb = "rollout.approve", .document = APPROVED("running", "1")}};
    stage_t stage = stage_begin(replies, 3);
    (void)state;
    json_t *answer = shown(&stage, false);
    const fake_reply_t order = {.verb = "order.show", .document = fake_keep(stage.fake, answer)};
    const fake_reply_t none = {.verb = "order.show", .code = "DRV-1005", .message = "nobody has"};
    for (int i = 0; i < 3; i++) {
        fake_add(stage.fake, &order);
        fake_add(stage.fake, &none);
    }
    add_blank(&stage, &(blank_t){.kind = ORDER_APPROVE_WAVE, .wave = 1});
    add_blank(&stage, &(blank_t){.kind = ORDER_APPROVE_WAVE, .wave = 1});
    add_blank(&stage, &(blank_t){.kind = ORDER_APPROVE_WAVE, .wave = 2});
    fake_run_t run = RUN(stage.fake, "rollout", "approve", "1f3a", "--wave", "rest", "-y");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "the order that the rollout stands under\norder           rollout of app");
    has(run.out, "to be signed\norder           approve_wave of app in environment prod\n");
    has(run.out, "opens wave      2 of that order\n");
    sent(&stage, "rollout.approve", "approval", ORDER_APPROVE_WAVE, 1);
    has(fake_asked(stage.fake), "order.blank {\"kind\":\"approve_wave\",\"rollout\":"
                                "\"1f3a22c4-0000\",\"wave\":2}\n"
                                "rollout.approve {\"rollout\":\"1f3a22c4-0000\",\"wave\":2,");
    fake_run_free(&run);
    run = RUN(stage.fake, "rollout", "approve", "1f3a", "--wave", "3", "-y");
    assert_int_equal(run.err.code, ERROR_ORDER_WAITS);
    has(run.errors, "drover rollout approve 1f3a22c4 --wave '3'");
    fake_run_free(&run);
    run = RUN(stage.fake, "rollout", "approve", "1f3a", "--wave", "rest", "-y");
    assert_int_equal(run.err.code, ERROR_ORDER_DIFFERS); /* of another wave than was meant */
    fake_run_free(&run);
    run = RUN(stage.fake, "rollout", "approve", "1f3a", "--wave", "last", "-y");
    assert_int_equal(run.err.code, ERROR_NOT_FOUND);
    fake_run_free(&run);
    stage_end(&stage);
}

/* Where a colleague has signed an approval that lacks signatures, that one is signed. */
static void test_approve_wave_together(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "rollout.status", .document = STATUS("running", "passed")},
        {.verb = "rollout.approve", .document = APPROVED("running", "2")}};
    stage_t stage = stage_begin(replies, 2);
    error_t err;
    (void)state;
    show(&stage, false);
    document_t *paper = blank_paper(&stage, &(blank_t){.kind = ORDER_APPROVE_WAVE, .wave = 1},
                                    keyfile_sign_public(stage.colleague));
    assert_int_equal(document_sign(paper, keyfile_sign_secret(stage.colleague), &err), STATUS_OK);
    json_t *pending = json_pack("{s:{s:i,s:i}}", "signatures", "needed", 2, "have", 1);
    add_paper(pending, "approval", paper);
    document_destroy(&paper);
    fake_add(stage.fake,
             &(fake_reply_t){.verb = "order.show", .document = fake_keep(stage.fake, pending)});
    fake_run_t run = RUN(stage.fake, "rollout", "approve", "1f3a", "--wave", "rest", "-y");
    assert_int_equal(run.exit_code, 0);
    assert_null(strstr(fake_asked(stage.fake), "order.blank"));
    sent(&stage, "rollout.approve", "approval", ORDER_APPROVE_WAVE, 2);
    fake_run_free(&run);
    stage_end(&stage);
}

/* --- turns ----------------------------------------------------------------------------------- */

#define TURNED                                                                                     \
    "{\"rollout\":\"1f3a22c4-0\",\"name\":\"n\",\"state\":\"paused\",\"reason\":\"asked\","        \
    "\"in_flight\":2,\"retried\":3}"

static void test_turns(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "rollout.pause", .document = TURNED},
        {.verb = "rollout.resume", .document = TURNED},
        {.verb = "rollout.status", .document = STATUS("paused", "open")},
        {.verb = "rollout.retry", .document = TURNED}};
    static const char *const TURNS[] = {"pause", "resume"};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 4);
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        fake_run_t run = RUN(fake, "rollout", TURNS[i], "1f3a", "-m", "lunch");
        assert_int_equal(run.exit_code, 0);
        has(run.out, "rollout n (1f3a22c4) is paused: asked");
        has(run.out, "2 jobs are in hand");
        fake_run_free(&run);
    }
    fake_run_t run = RUN(fake, "rollout", "retry", "1f3a", "-t", "a", "-t", "b");
    has(run.out, "3 tenants are tried again");
    fake_run_free(&run);
    run = RUN(fake, "rollout", "retry", "1f3a", "-o", "json");
    has(run.out, "\"retried\": 3");
    fake_run_free(&run);
    assert_string_equal(fake_asked(fake),
                        "rollout.pause {\"rollout\":\"1f3a\",\"reason\":\"lunch\"}\n"
                        "rollout.status {\"rollout\":\"1f3a\"}\n"
                        "rollout.resume {\"rollout\":\"1f3a\",\"reason\":\"lunch\"}\n"
                        "rollout.retry {\"rollout\":\"1f3a\",\"tenants\":[\"a\",\"b\"]}\n"
                        "rollout.retry {\"rollout\":\"1f3a\"}\n");
    fake_stop(&fake);
}

/* Past a spent budget the next wave that has tenants is approved along; by whose key may not, the
 * rollout is resumed all the same; a draft of something else is no reason to go on. */
static void test_resume_past_budget(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "rollout.status", .document = STATUS("paused", "failed")},
        {.verb = "rollout.resume", .document = TURNED}};
    stage_t stage = stage_begin(replies, 2);
    (void)state;
    show(&stage, false);
    add_blank(&stage, &(blank_t){.kind = ORDER_APPROVE_WAVE, .wave = 1});
    fake_add(stage.fake, &(fake_reply_t){.verb = "order.blank",
                                         .code = "DRV-7015",
                                         .message = "your key approves nothing"});
    add_blank(&stage, &(blank_t){.kind = ORDER_APPROVE_WAVE, .wave = 1, .astray = true});
    fake_run_t run = RUN(stage.fake, "rollout", "resume", "1f3a");
    assert_int_equal(run.exit_code, 0);
    has(run.errors, "signed as olga: the approval of wave 3 'rest'");
    sent(&stage, "rollout.resume", "approval", ORDER_APPROVE_WAVE, 1);
    fake_run_free(&run);
    run = RUN(stage.fake, "rollout", "resume", "1f3a");
    assert_int_equal(run.exit_code, 0);
    has(run.errors, "without an approval of the next wave: your key approves nothing\n"
                    "  drover rollout approve 1f3a22c4 --wave WAVE");
    assert_null(fake_paper(stage.fake, "rollout.resume", "approval"));
    fake_run_free(&run);
    run = RUN(stage.fake, "rollout", "resume", "1f3a");
    assert_int_equal(run.err.code, ERROR_ORDER_DIFFERS);
    assert_int_equal(run.exit_code, 1);
    fake_run_free(&run);
    stage_end(&stage);
}

/* A stop goes out signed, and goes out unsigned rather than not at all. */
static void test_stop(void **state) {
    const fake_reply_t replies[] = {{.verb = "rollout.stop", .document = TURNED}};
    stage_t stage = stage_begin(replies, 1);
    (void)state;
    show(&stage, true); /* the order alone is looked at, not its rows */
    add_blank(&stage, &(blank_t){.kind = ORDER_STOP});
    add_blank(&stage, &(blank_t){.kind = ORDER_STOP, .astray = true});
    fake_run_t run = RUN(stage.fake, "rollout", "stop", "1f3a", "-m", "lunch");
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(run.errors, "");
    sent(&stage, "rollout.stop", "order", ORDER_STOP, 1);
    fake_run_free(&run);
    run = RUN(stage.fake, "rollout", "stop", "1f3a");
    assert_int_equal(run.exit_code, 0);
    has(run.errors, "stopped by the coordinator alone, without an order to the agents: ");
    assert_null(fake_paper(stage.fake, "rollout.stop", "order"));
    fake_run_free(&run);
    stage_end(&stage);
}

/* An order without an answer may have been obeyed: that is said, and it is the same order again. */
static void test_unanswered_order(void **state) {
    const fake_reply_t replies[] = {{.verb = "rollout.pause", .silent = true}};
    fake_t *fake = fake_start(&(fake_options_t){.timeout = "200ms"}, replies, 1);
    (void)state;
    fake_run_t run = RUN(fake, "rollout", "pause", "1f3a");
    assert_int_equal(run.err.code, ERROR_WIRE_TIMEOUT);
    assert_int_equal(run.exit_code, 5);
    has(run.errors, "may have been carried out");
    assert_int_equal(fake_ids(fake), 1);
    fake_run_free(&run);
    fake_stop(&fake);
}

/* --- the fleet ------------------------------------------------------------------------------- */

static void test_hold(void **state) {
    const fake_reply_t replies[] = {{.verb = "fleet.hold",
                                     .document = "{\"held\":true,\"signatures\":{\"needed\":1,"
                                                 "\"have\":1}}"}};
    stage_t stage = stage_begin(replies, 1);
    (void)state;
    add_blank(&stage, &(blank_t){.kind = ORDER_HOLD});
    add_blank(&stage, &(blank_t){.kind = ORDER_HOLD});
    add_blank(&stage, &(blank_t){.kind = ORDER_RELEASE_HOLD});
    add_blank(&stage, &(blank_t){.kind = ORDER_HOLD, .astray = true});
    fake_run_t run = RUN(stage.fake, "fleet", "hold");
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    fake_run_free(&run);
    run = RUN(stage.fake, "fleet", "hold", "-y");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "to be signed\norder           hold\n");
    has(run.errors, "the fleet is held");
    sent(&stage, "fleet.hold", "order", ORDER_HOLD, 1);
    fake_run_free(&run);
    for (int i = 0; i < 2; i++) { /* the release of a hold, and another's order */
        run = RUN(stage.fake, "fleet", "hold", "-y");
        assert_int_equal(run.err.code, ERROR_ORDER_DIFFERS);
        fake_run_free(&run);
    }
    stage_end(&stage);
}

/* One application is held, and nothing but what was asked for is signed: a narrower hold would let
 * the rest go on. */
static void test_hold_of_an_application(void **state) {
    const fake_reply_t replies[] = {{.verb = "fleet.hold",
                                     .document = "{\"held\":true,\"signatures\":{\"needed\":1,"
                                                 "\"have\":1}}"}};
    stage_t stage = stage_begin(replies, 1);
    (void)state;
    add_blank(&stage, &(blank_t){.kind = ORDER_HOLD, .application = "shop"});
    fake_run_t run = RUN(stage.fake, "fleet", "hold", "-y", "--application", "shop");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "shop");
    has(run.errors, "application shop is held");
    has(fake_asked(stage.fake), "order.blank {\"kind\":\"hold\",\"application\":\"shop\"}");
    fake_run_free(&run);
    static const char *const WANTED[] = {"app", "shop"};
    for (size_t i = 0; i < 2; i++) {
        add_blank(&stage, &(blank_t){.kind = ORDER_HOLD, .application = i == 0 ? "shop" : NULL});
        run = RUN(stage.fake, "fleet", "hold", "-y", "--application", WANTED[i]);
        assert_int_equal(run.err.code, ERROR_ORDER_DIFFERS);
        fake_run_free(&run);
    }
    add_blank(&stage, &(blank_t){.kind = ORDER_HOLD, .application = "shop"});
    run = RUN(stage.fake, "fleet", "hold", "-y");
    assert_int_equal(run.err.code, ERROR_ORDER_DIFFERS);
    has(run.err.message, "it is for application 'shop', asked for was ''");
    fake_run_free(&run);
    stage_end(&stage);
}

/* Two people release the fleet: the first one's file is signed by the second. */
static void test_release_together(void **state) {
    const fake_reply_t replies[] = {{.verb = "fleet.release",
                                     .document = "{\"held\":true,\"signatures\":{\"needed\":2,"
                                                 "\"have\":1}}"},
                                    {.verb = "fleet.release",
                                     .document = "{\"held\":false,\"signatures\":{\"needed\":2,"
                                                 "\"have\":2}}"}};
    stage_t stage = stage_begin(replies, 2);
    char path[256];
    document_t *paper = NULL;
    error_t err;
    (void)state;
    paper = blank_paper(&stage, &(blank_t){.kind = ORDER_RELEASE_HOLD},
                        keyfile_sign_public(stage.colleague));
    assert_int_equal(document_sign(paper, keyfile_sign_secret(stage.colleague), &err), STATUS_OK);
    assert_int_equal(trust_file_write(paper, fake_path(stage.fake, "release", path), &err),
                     STATUS_OK);
    document_destroy(&paper);
    fake_run_t run = RUN(stage.fake, "fleet", "release", "-y", "--order", "@release");
    assert_int_equal(run.err.code, ERROR_ORDER_WAITS);
    assert_int_equal(run.exit_code, 4);
    sent(&stage, "fleet.release", "order", ORDER_RELEASE_HOLD, 2);
    fake_run_free(&run);
    assert_int_equal(trust_file_read(path, &paper, &err), STATUS_OK);
    assert_int_equal(paper->signature_count, 2);
    document_destroy(&paper);
    run = RUN(stage.fake, "fleet", "release", "-y", "--order", "@release");
    assert_int_equal(run.err.code, ERROR_TRUST_SIGNED);
    fake_run_free(&run);
    run = RUN(stage.fake, "fleet", "hold", "-y", "--order", "@release");
    assert_int_equal(run.err.code, ERROR_ORDER_DIFFERS);
    fake_run_free(&run);
    stage_end(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_approve),
        cmocka_unit_test(test_approve_refused),
        cmocka_unit_test(test_approve_in_vain),
        cmocka_unit_test(test_approve_wave),
        cmocka_unit_test(test_approve_wave_together),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_resume_past_budget),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_unanswered_order),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_hold_of_an_application),
        cmocka_unit_test(test_release_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
