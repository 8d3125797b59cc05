/* orders.c: nothing works on a tenant without an order that says exactly what the plan says. */
#include "coordinator/store/store_recovery.h"
#include "tests/unit/coordinator/service/papers.h"

/* --- what is drafted is what is shown -------------------------------------------------------- */

static void a_draft_is_what_is_shown(void **state) {
    world_t *w = *state;
    char text[DIGEST_TEXT_SIZE];
    world_put_many(w, 5, 0);
    world_put(w, &(world_tenant_t){.n = 91, .name = "aaa", .position = HEAD}); /* passed over */
    int64_t before = w->now_us;
    char *draft = draft_of(w, "rollout.start", SPEC);
    order_t *order = signers_read(draft);
    assert_string_equal(text_of(w->document, "draft_digest"), digest_text(&order->digest, text));
    assert_string_equal(text_of(w->document, "plan_digest"), digest_text(&order->plan, text));
    assert_int_equal(number_of(w->document, "signatures_needed"), 1);
    assert_int_equal(order->kind, ORDER_ROLLOUT);
    assert_int_equal(order->wave_count, 2);
    assert_int_equal(order->tenants_total, 5);
    assert_int_equal(order->target_position, HEAD);
    assert_int_equal(order->issued_us, before);
    assert_int_equal(order->not_before_us, before);
    assert_int_equal(order->expires_us, before + 7 * TRUST_DAY_US);
    assert_int_equal(order->trust_version, 1);
    assert_true(order->undo_authorized);
    assert_string_equal(order->environment, FLEET_ENVIRONMENT);
    assert_true(sign_public_equal(&order->proposer, signers_key(ADA)));
    assert_int_equal(number_of(w->document, "passed_over.0.order_wave"), -1);
    rows_fit(w->document, order);
    /* nobody released the world's bundle: that is told before anybody signs */
    assert_non_null(strstr(text_of(w->document, "warnings.0"), "agents will refuse the bundle"));
    order_destroy(&order);
    free(draft);
}

/* Waves of the plan in which nobody gets a job are none of the order's. */
static void empty_waves_are_left_out(void **state) {
    static const char SPARSE[] =
        "{\"spec\":\"bundle: app\\nselect: all\\nlook: true\\nwaves: [{name: none, select: "
        "name=zz}, "
        "{name: there, select: name=aaa, approval: true}, {name: past, select: name=bbb}, "
        "{name: c, rest: true, soak: 2h, approval: true, on_failure: continue}]\\n"
        "unreachable: skip\\nerror_budget: {count: 2}\\ntarget: V003\"}";
    world_t *w = *state;
    world_put_many(w, 3, 0);
    world_put(w, &(world_tenant_t){.n = 91, .name = "aaa", .position = 3}); /* looked at */
    world_put(w, &(world_tenant_t){.n = 92, .name = "bbb", .position = 5}); /* past it */
    char *draft = draft_of(w, "rollout.start", SPARSE);
    order_t *order = signers_read(draft);
    assert_int_equal(order->wave_count, 2);
    rows_fit(w->document, order);
    assert_string_equal(text_of(w->document, "looked_at.0.name"), "aaa");
    assert_string_equal(text_of(w->document, "passed_over.0.name"), "bbb");
    assert_int_equal(number_of(w->document, "looked_at.0.order_wave"), 0);
    assert_int_equal(number_of(w->document, "tenants.0.order_wave"), 1);
    assert_int_equal(number_of(w->document, "tenants.0.wave"), 3);
    /* the first of the order opens by its own signatures, whatever the spec says of it */
    assert_false(order->waves[0].needs_approval);
    assert_true(order->waves[1].needs_approval);
    assert_int_equal(number_of(w->document, "waves.1.needs_approval"), 0);
    assert_int_equal(number_of(w->document, "waves.3.needs_approval"), 1);
    assert_int_equal(order->waves[0].budget_count, 2);
    assert_int_equal(order->waves[1].budget_count, 3); /* all of them: it goes on */
    assert_int_equal(order->waves[1].soak_us, 2 * 60 * TRUST_MINUTE_US);
    assert_true(order->waves[0].silence_passes);
    assert_int_equal(order->expires_us - order->issued_us,
                     7 * TRUST_DAY_US + 2 * 60 * TRUST_MINUTE_US);
    order_destroy(&order);
    free(draft);
}

static void every_start_has_a_draft(void **state) {
    static const struct {
        const char *verb;
        const char *arguments;
        order_kind_t kind;
    } CASES[] = {
        {"rollback.start", "{\"select\":\"all\",\"to\":\"V001\"}", ORDER_ROLLBACK},
        {"baseline.start", "{\"select\":\"all\",\"at\":\"V002\",\"bundle\":\"app\"}",
         ORDER_BASELINE},
        {"backup.create", "{\"select\":\"all\"}", ORDER_BACKUP},
        {"backup.prune", "{\"select\":\"all\",\"keep_us\":7,\"keep_count\":2}", ORDER_PRUNE},
    };
    world_t *w = *state;
    world_put_many(w, 3, 3);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char *draft = draft_of(w, CASES[i].verb, CASES[i].arguments);
        order_t *order = signers_read(draft);
        assert_int_equal(order->kind, CASES[i].kind);
        assert_int_equal(order->tenants_total, 3);
        assert_int_equal(order->prune_keep_us, order->kind == ORDER_PRUNE ? 7 : 0);
        assert_int_equal(order->prune_keep_count, order->kind == ORDER_PRUNE ? 2 : 0);
        rows_fit(w->document, order);
        order_destroy(&order);
        free(draft);
    }
    refused(w, "INVALID", "order.draft", "{\"verb\":\"rollout.pause\"}");
    refused(w, "INVALID", "order.draft", "{\"verb\":\"rollout.start\",\"arguments\":[]}");
    refused(w, "INVALID", "order.draft",
            "{\"verb\":\"backup.create\",\"arguments\":{\"to\":\"x\"}}");
    refused(w, "SELECTS_NOTHING", "order.draft",
            "{\"verb\":\"backup.create\",\"arguments\":{\"select\":\"name=zz\"}}");
}

static void nobody_to_visit_needs_no_order(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, HEAD);
    char *draft = draft_of(w, "rollout.start", SPEC);
    assert_string_equal(draft, "");
    assert_true(json_is_null(json_object_get(w->document, "draft_digest")));
    assert_int_equal(number_of(w->document, "signatures_needed"), 0);
    w->by_hand = true;
    ask(w, "rollout.start", SPEC);
    assert_string_equal(text_of(w->document, "state"), "succeeded");
    free(draft);
}

static void pages_follow_the_first(void **state) {
    world_t *w = *state;
    int pages = 0;
    world_put_many(w, 1200, 0);
    json_t *question =
        json_pack("{s:s,s:o}", "verb", "rollout.start", "arguments", json_loads(SPEC, 0, NULL));
    json_t *all = ask_all(w, "order.draft", question, &pages);
    assert_true(pages > 2);
    assert_int_equal(size_of(all, "tenants"), 1200);
    assert_true(text_of(all, "draft")[0] != '\0');
    json_decref(all);
}

/* --- what comes back ------------------------------------------------------------------------- */

static void without_an_order_nothing_starts(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 0);
    w->by_hand = true;
    refused(w, "ORDER_UNSIGNED", "rollout.start", SPEC);
    start_refused(w, "TRUST_DOCUMENT", "rollout.start", SPEC, "no base64!");
    start_refused(w, "TRUST_DOCUMENT", "rollout.start", SPEC, "AAAA");
    char *draft = draft_of(w, "rollout.start", SPEC);
    start_refused(w, "TRUST_DOCUMENT", "rollout.start", SPEC, draft); /* nobody signed it */
    char *order = SIGNED(draft, STRANGER);
    start_refused(w, "TRUST_THRESHOLD", "rollout.start", SPEC, order);
    free(order);
    order = SIGNED("AAAA", STRANGER); /* nobody looks into a stranger's body */
    start_refused(w, "TRUST_THRESHOLD", "rollout.start", SPEC, order);
    free(order);
    order = SIGNED("AAAA", ADA);
    start_refused(w, "TRUST_DOCUMENT", "rollout.start", SPEC, order);
    free(order);
    order = SIGNED(draft, BEN); /* who proposed it has to */
    start_refused(w, "TRUST_THRESHOLD", "rollout.start", SPEC, order);
    free(order);
    order = SIGNED(draft, ADA);
    char *near_end = order + strlen(order) - 8; /* in the signature */
    *near_end = *near_end == 'A' ? 'B' : 'A';
    start_refused(w, "TRUST_SIGNATURE", "rollout.start", SPEC, order);
    free(order);
    order = SIGNED(draft, ADA);
    json_t *answer = start(w, "rollout.start", SPEC, order);
    assert_string_equal(text_of(answer, "state"), "running");
    assert_int_equal(number_of(answer, "signatures.needed"), 1);
    assert_int_equal(number_of(answer, "signatures.have"), 1);
    assert_string_equal(text_of(answer, "signatures.by.0"), "ada");
    free(order);
    free(draft);
}

/* An order starts one rollout: what it was for may be over, and the order is not good again. */
static void an_order_is_used_once(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 3);
    w->by_hand = true;
    char *draft = draft_of(w, "backup.create", "{\"select\":\"all\"}");
    char *order = SIGNED(draft, ADA);
    start(w, "backup.create", "{\"select\":\"all\"}", order);
    start_refused(w, "ORDER_INVALID", "backup.create", "{\"select\":\"all\"}", order);
    free(order);
    free(draft);
}

static void another_plan_is_stale(void **state) {
    world_t *w = *state;
    world_put_many(w, 3, 0);
    w->by_hand = true;
    char *draft = draft_of(w, "rollout.start", SPEC);
    char *order = SIGNED(draft, ADA);
    world_put(w, &(world_tenant_t){.n = 77, .name = "late", .position = 2});
    start_refused(w, "PLAN_STALE", "rollout.start", SPEC, order);
    for (uint32_t n = 1; n <= 3; n++) {
        char name[16];
        (void)snprintf(name, sizeof name, "tenant%05u", n - 1);
        world_put(w, &(world_tenant_t){.n = n, .name = name, .position = HEAD});
    }
    world_put(w, &(world_tenant_t){.n = 77, .name = "late", .position = HEAD});
    start_refused(w, "PLAN_STALE", "rollout.start", SPEC, order); /* there is nothing left to do */
    /* the same tenants by another verb */
    start_refused(w, "ORDER_INVALID", "baseline.start",
                  "{\"select\":\"all\",\"at\":\"V001\",\"bundle\":\"app\"}", order);
    free(order);
    free(draft);
}

typedef void spoil_fn(order_t *order, order_wave_t *waves);

#define SPOILS(name, statement)                                                                    \
    static void name(order_t *order, order_wave_t *waves) {                                        \
        (void)order;                                                                               \
        (void)waves;                                                                               \
        statement;                                                                                 \
    }
SPOILS(spoil_fleet, order->fleet.bytes[0] ^= 1)
SPOILS(spoil_application, order->application = "apx")
SPOILS(spoil_environment, order->environment = "test")
SPOILS(spoil_bundle, order->bundle.bytes[0] ^= 1)
SPOILS(spoil_target, order->target_position--)
SPOILS(spoil_recovery, order->recovery_kind = "none")
SPOILS(spoil_reason, order->recovery_reason = "because")
SPOILS(spoil_trial, order->trial_restore = "never")
SPOILS(spoil_count, waves[0].count++)
SPOILS(spoil_root, waves[0].root.bytes[0] ^= 1)
SPOILS(spoil_budget, waves[1].budget_count++)
SPOILS(spoil_share, waves[1].budget_percent_bp = 100)
SPOILS(spoil_approval, waves[1].needs_approval = !waves[1].needs_approval)
SPOILS(spoil_soak, waves[0].soak_us++)
SPOILS(spoil_silence, waves[1].silence_passes = !waves[1].silence_passes)
SPOILS(spoil_wave, order->wave_count--)
SPOILS(spoil_issued, order->issued_us--)
SPOILS(spoil_begin, order->not_before_us++)
SPOILS(spoil_end, order->expires_us++)
SPOILS(spoil_proposer, order->proposer = *signers_key(BEN))
SPOILS(spoil_undo, order->undo_authorized = false)
SPOILS(spoil_version, order->trust_version = 2)
SPOILS(spoil_plan, order->plan.bytes[0] ^= 1)
SPOILS(spoil_id, order->id.bytes[0] ^= 1)

/* Whoever signs something else than the draft gets it refused, field by field; but for the id,
 * which is the proposer's to choose. */
static void every_field_of_a_draft_counts(void **state) {
    static const struct {
        const char *code; /* NULL: it starts */
        spoil_fn *spoil;
    } CASES[] = {
        {"ORDER_INVALID", spoil_fleet},       {"ORDER_INVALID", spoil_application},
        {"ORDER_INVALID", spoil_environment}, {"ORDER_INVALID", spoil_bundle},
        {"ORDER_INVALID", spoil_target},      {"ORDER_INVALID", spoil_recovery},
        {"ORDER_INVALID", spoil_reason},      {"ORDER_INVALID", spoil_trial},
        {"PLAN_STALE", spoil_count},          {"PLAN_STALE", spoil_root},
        {"ORDER_INVALID", spoil_budget},      {"ORDER_INVALID", spoil_share},
        {"ORDER_INVALID", spoil_approval},    {"ORDER_INVALID", spoil_soak},
        {"ORDER_INVALID", spoil_silence},     {"PLAN_STALE", spoil_wave},
        {"PLAN_STALE", spoil_issued},         {"ORDER_INVALID", spoil_begin},
        {"ORDER_INVALID", spoil_end},         {"ORDER_INVALID", spoil_proposer},
        {"ORDER_INVALID", spoil_undo},        {"ORDER_INVALID", spoil_version},
        {"PLAN_STALE", spoil_plan},           {NULL, spoil_id},
    };
    world_t *w = *state;
    world_put_many(w, 5, 0);
    w->by_hand = true;
    char *draft = draft_of(w, "rollout.start", SPEC);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        order_wave_t waves[2];
        order_t *order = signers_read(draft);
        order_t changed = *order;
        memcpy(waves, order->waves, sizeof waves);
        changed.waves = waves;
        CASES[i].spoil(&changed, waves);
        char *spoilt = signers_draft(&changed);
        char *paper = SIGNED(spoilt, ADA, BEN);
        if (CASES[i].code != NULL) {
            start_refused(w, CASES[i].code, "rollout.start", SPEC, paper);
        } else {
            start(w, "rollout.start", SPEC, paper);
        }
        free(paper);
        free(spoilt);
        order_destroy(&order);
    }
    free(draft);
}

static void put_backup(world_t *w, const char *name, uint32_t tenant, uint32_t position) {
    recovery_row_t point = {.reference = name,
                            .tenant = id_of(tenant),
                            .kind = "dump",
                            .lsn = "",
                            .verified = "verified",
                            .position = position,
                            .taken_us = w->now_us};
    OK(w, store_begin(w->store, &w->err));
    OK(w, store_recovery_put(w->store, &point, &w->err));
    OK(w, store_commit(w->store, &w->err));
}

#define RESTORE "{\"backup\":\"" DUMP_1 "\",\"application\":\"app\",\"accept_data_loss\":true}"

/* A backup may stand further on than its tenant, which was taken back since; or nobody knows where
 * the tenant stands. */
static void a_restore_leads_anywhere(void **state) {
    static const int STANDS[] = {3, -1};
    world_t *w = *state;
    put_backup(w, DUMP_1, 1, 4);
    put_backup(w, DUMP_2, 2, 4);
    for (uint32_t i = 0; i < 2; i++) {
        world_put(w,
                  &(world_tenant_t){.n = i + 1, .name = i == 0 ? "a" : "b", .position = STANDS[i]});
        ask(w, "backup.restore",
            "{\"backup\":\"%s\",\"application\":\"app\",\"accept_data_loss\":true}",
            i == 0 ? DUMP_1 : DUMP_2);
        const task_t *task = &world_rollout(w)->tasks[0];
        assert_int_equal(task->from_position, i == 0 ? 3 : 0);
        assert_int_equal(task->to_position, 4);
    }
}

static void losing_rows_is_part_of_what_is_signed(void **state) {
    world_t *w = *state;
    put_backup(w, DUMP_1, 1, 2);
    world_put(w, &(world_tenant_t){.n = 1, .name = "a", .position = 3});
    w->by_hand = true;
    refused(w, "RESTORE_REFUSED", "order.draft",
            "{\"verb\":\"backup.restore\",\"arguments\":{\"backup\":\"" DUMP_1 "\"}}");
    char *draft = draft_of(w, "backup.restore", RESTORE);
    order_t *order = signers_read(draft);
    assert_int_equal(order->kind, ORDER_RESTORE);
    assert_true(order->accept_data_loss);
    assert_false(digest_is_null(&order->bundle));
    rows_fit(w->document, order); /* with the backup's id */
    order_t changed = *order;
    changed.accept_data_loss = false;
    char *spoilt = signers_draft(&changed);
    char *paper = SIGNED(spoilt, ADA);
    start_refused(w, "ORDER_INVALID", "backup.restore", RESTORE, paper);
    free(paper);
    paper = SIGNED(draft, ADA);
    start(w, "backup.restore", RESTORE, paper);
    free(paper);
    free(spoilt);
    order_destroy(&order);
    free(draft);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_draft_is_what_is_shown),
        WORLD_TEST(empty_waves_are_left_out),
        WORLD_TEST(every_start_has_a_draft),
        WORLD_TEST(nobody_to_visit_needs_no_order),
        WORLD_TEST(pages_follow_the_first),
        WORLD_TEST(without_an_order_nothing_starts),
        WORLD_TEST(an_order_is_used_once),
        WORLD_TEST(another_plan_is_stale),
        WORLD_TEST(every_field_of_a_draft_counts),
        WORLD_TEST(a_restore_leads_anywhere),
        WORLD_TEST(losing_rows_is_part_of_what_is_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
