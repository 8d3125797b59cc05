/*
 * orders.c: no job leaves without its order, its proof and, in a later wave, the ticket that opened
 * it; each is held against what an agent will accept. A later wave opens by results or by an
 * approval, and by nothing short of them.
 */
#include "coordinator/link/internal.h"
#include "coordinator/store/store_ticket.h"
#include "tests/unit/coordinator/link/world.h"

#define JOBS DROVER__KIND__KIND_JOBS

enum { EACH = TENANTS / 2 }; /* tenants of one of two waves */

/* The agent's answer to its job: done, or failed, beside a result where one is given. */
static void end_job(actor_t *actor, Drover__Outcome outcome, const buffer_t *result) {
    Drover__ApplicationSeen state = DROVER__APPLICATION_SEEN__INIT;
    Drover__Failure failure = DROVER__FAILURE__INIT;
    Drover__Report report = report_of(actor, DROVER__STEP__STEP_VERIFY, outcome, true);
    state.application = field_of_text("shop");
    state.version = field_of_text("V002");
    state.generation = 1;
    state.position = outcome == DROVER__OUTCOME__OUTCOME_DONE ? 2 : 1;
    state.ledger_sequence = 9;
    report.state = &state;
    if (outcome != DROVER__OUTCOME__OUTCOME_DONE) {
        failure.code = field_of_text("DRV-3004");
        failure.message = field_of_text("duplicate key");
        report.failure = &failure;
    }
    say_report_and_result(actor, &report, result);
}

/* The nth job is done, and its agent signs so where it is to. */
static void do_job(world_t *world, uint32_t n, bool say) {
    (void)await_message(&world->a, JOBS, n + 1);
    CLEANUP(buffer_free) buffer_t result = {0};
    fleet_words_t words = {.wave = n / EACH, .first = n, .count = 1, .outcome = RESULT_DONE};
    fleet_result(world, &world->a, &words, &result);
    end_job(&world->a, DROVER__OUTCOME__OUTCOME_DONE, say ? &result : NULL);
}

/* Something new from the agent, so that the result beside it is looked at. */
static void say_later(world_t *world, const buffer_t *result) {
    end_job(&world->a, DROVER__OUTCOME__OUTCOME_DONE, result);
}

static void say_result(world_t *world, const fleet_words_t *words) {
    CLEANUP(buffer_free) buffer_t result = {0};
    fleet_result(world, &world->a, words, &result);
    say_later(world, &result);
}

static void assert_awaits(world_t *world, const char *why) {
    char command[128];
    char id[IDENT_TEXT_SIZE];
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->state, ROLLOUT_RUNNING);
    assert_int_equal(rollout->waves[1].state, WAVE_AWAITING);
    assert_non_null(strstr(rollout->reason, why));
    (void)snprintf(command, sizeof command,
                   "; to open it: drover rollout approve %.8s --wave 'rest'",
                   ident_text(&rollout->id, id));
    assert_non_null(strstr(rollout->reason, command));
    rollout_destroy(&rollout);
}

static void assert_wave_state(world_t *world, wave_state_t state) {
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal((int)rollout->waves[1].state, (int)state);
    rollout_destroy(&rollout);
}

/* ------------------------------------------------------------------ orders and proofs */

static void test_job_carries_what_an_agent_admits(void **state) {
    world_t *world = *state;
    error_t err = {0};
    get_going(world);
    for (uint32_t i = 0; i < TENANTS; i++) {
        const Drover__JobBatch *batch = await_message(&world->a, JOBS, i + 1)->jobs;
        digest_t order = field_digest(batch->terms[0]->order_digest);
        assert_true(digest_equal(&order, &world->fleet.order));
        assert_int_equal(batch->terms[0]->ticket.len, 0);
        fleet_deed_t deed = {.tenant = field_ident(batch->jobs[0]->tenant),
                             .action = ACTION_FORWARD,
                             .target = batch->terms[0]->target_position};
        assert_int_equal(fleet_admits(world, &deed, batch->jobs[0]->proof, &err), STATUS_OK);
        deed.target = 3;
        assert_int_equal(fleet_admits(world, &deed, batch->jobs[0]->proof, &err), STATUS_ERROR);
        assert_int_equal(err.code, ERROR_ORDER_TENANT);
        deed.target = 2;
        deed.tenant = tenant_id(9);
        assert_int_equal(fleet_admits(world, &deed, batch->jobs[0]->proof, &err), STATUS_ERROR);
        end_job(&world->a, DROVER__OUTCOME__OUTCOME_DONE, NULL);
    }
}

static void assert_admitted(world_t *world, uint32_t open_wave) {
    error_t err = {0};
    const Drover__JobBatch *batch = world->a.last[JOBS]->jobs;
    fleet_deed_t deed = {.tenant = field_ident(batch->jobs[0]->tenant),
                         .action = ACTION_FORWARD,
                         .target = 2,
                         .open_wave = open_wave};
    if (fleet_admits(world, &deed, batch->jobs[0]->proof, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
}

/* A plan is ordered by names, an order by ids. */
static void test_leaves_ascend_where_tasks_do_not(void **state) {
    world_t *world = *state;
    world->backwards = true;
    get_going(world);
    assert_admitted(world, 0);
}

/* The plan's second wave is the order's first where nobody in the one before is named: the order's
 * own signatures open it. */
static void test_wave_without_work_is_none_of_the_order(void **state) {
    world_t *world = *state;
    world->waves = 2;
    world->fleet.needs_approval = true;
    world->passed_over = 3;
    get_going(world);
    const Drover__JobBatch *batch = world->a.last[JOBS]->jobs;
    assert_int_equal(batch->terms[0]->wave, 1);
    assert_int_equal(batch->terms[0]->ticket.len, 0);
    assert_admitted(world, 0);
}

/* Nor is a last wave in which there is nothing to do waited for. */
static void test_wave_without_work_needs_no_ticket(void **state) {
    world_t *world = *state;
    world->waves = 2;
    world->passed_over = 12;
    get_going(world);
    do_job(world, 0, false);
    do_job(world, 1, false);
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->state, ROLLOUT_SUCCEEDED);
    rollout_destroy(&rollout);
}

static void test_who_was_passed_over_is_not_waited_for(void **state) {
    world_t *world = *state;
    world->waves = 2;
    world->passed_over = 1;
    get_going(world);
    CLEANUP(buffer_free) buffer_t result = {0};
    fleet_result(world, &world->a, &(fleet_words_t){.first = 1, .count = 1, .outcome = RESULT_DONE},
                 &result);
    end_job(&world->a, DROVER__OUTCOME__OUTCOME_DONE, &result);
    (void)await_message(&world->a, JOBS, 2);
    assert_admitted(world, 1);
}

/* What the coordinator takes back by itself runs under the forward order, whose rollout may be over
 * and forgotten: the same proofs, and no ticket. */
static void test_way_back_has_the_forward_proofs(void **state) {
    world_t *world = *state;
    error_t err = {0};
    world->waves = 2;
    get_going(world);
    for (uint32_t i = 0; i < TENANTS; i++) {
        do_job(world, i, true);
    }
    assert_int_equal(engine_rollout_count(*hub_engine(world->hub)), 0);
    assert_null(world->hub->proofs);
    assert_string_equal(ask(world, "undo")->code, "");
    for (uint32_t i = 0; i < TENANTS; i++) {
        const Drover__JobBatch *batch = await_message(&world->a, JOBS, TENANTS + i + 1)->jobs;
        digest_t order = field_digest(batch->terms[0]->order_digest);
        assert_true(digest_equal(&order, &world->fleet.order));
        assert_int_equal(batch->terms[0]->kind, DROVER__JOB_KIND__JOB_UNDO);
        assert_int_equal(batch->terms[0]->ticket.len, 0);
        fleet_deed_t deed = {.tenant = field_ident(batch->jobs[0]->tenant),
                             .action = ACTION_UNDO,
                             .target = batch->terms[0]->target_position};
        assert_int_equal(fleet_admits(world, &deed, batch->jobs[0]->proof, &err), STATUS_OK);
        end_job(&world->a, DROVER__OUTCOME__OUTCOME_DONE, NULL);
    }
}

static void assert_no_job_leaves(world_t *world, size_t so_far) {
    for (size_t i = 0; i < 2; i++) {
        size_t beats = world->a.count[DROVER__KIND__KIND_COORDINATOR_BEAT];
        say_beat(&world->a, 3, 0);
        (void)await_message(&world->a, DROVER__KIND__KIND_COORDINATOR_BEAT, beats + 1);
    }
    assert_int_equal(world->a.count[JOBS], so_far);
}

/* A catalog that another hand changed: its tenants are not whom the operators signed for. */
static void test_no_job_leaves_without_a_proof(void **state) {
    world_t *world = *state;
    world->fleet.of_others = true;
    actor_dial(&world->a);
    actor_dial(&world->operator);
    say_hello(&world->a);
    assert_string_equal(ask(world, "start")->code, "");
    assert_no_job_leaves(world, 0);
}

static void test_no_job_leaves_without_an_order(void **state) {
    world_t *world = *state;
    actor_dial(&world->a);
    actor_dial(&world->operator);
    say_hello(&world->a);
    assert_string_equal(ask(world, "start")->code, "");
    engine_rollout_at(*hub_engine(world->hub), 0)->order_digest = (digest_t){{0}};
    assert_no_job_leaves(world, 0);
}

/* ------------------------------------------------------------------ a damaged copy of the order */

/* As another hand leaves the catalog while no coordinator runs: what was given out is known, and
 * the document that it is sent with cannot be read. */
static void lose_order(world_t *world) {
    actor_hang_up(&world->a);
    actor_hang_up(&world->operator);
    world_stop(world);
    world_start(world);
    engine_rollout_at(*hub_engine(world->hub), 0)->order_digest.bytes[0] ^= 1;
    actor_dial(&world->a);
    actor_dial(&world->operator);
}

static bool is_stopped(world_t *world) {
    rollout_t *rollout = stored_rollout(world);
    bool stopped = rollout->state == ROLLOUT_STOPPED;
    rollout_destroy(&rollout);
    return stopped;
}

/* The agent is back without the job, which cannot be sent again: the stop does not wait for it. */
static void test_stop_needs_no_order(void **state) {
    world_t *world = *state;
    get_going(world);
    lose_order(world);
    say_hello(&world->a);
    assert_no_job_leaves(world, 0);
    assert_string_equal(ask(world, "stop")->code, "");
    await_condition(world, is_stopped);
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->tasks[0].state, TASK_SKIPPED);
    assert_int_equal(rollout->tasks[0].error_code, ERROR_CANCELLED);
    assert_int_equal(rollout->in_flight, 0);
    rollout_destroy(&rollout);
}

/* The agent has the job: nobody but the agent says how it ended. */
static void test_stop_waits_for_what_is_in_hand(void **state) {
    world_t *world = *state;
    get_going(world);
    lose_order(world);
    Drover__Hello hello = hello_of(&world->a);
    Drover__JobInHand in_hand = DROVER__JOB_IN_HAND__INIT;
    Drover__JobInHand *list[] = {&in_hand};
    in_hand.job = field_of_ident(&world->a.job);
    in_hand.attempt = field_of_ident(&world->a.attempt);
    hello.n_in_hand = 1;
    hello.in_hand = list;
    actor_send(&world->a, DROVER__KIND__KIND_HELLO, &hello.base);
    (void)await_message(&world->a, DROVER__KIND__KIND_WELCOME, 1);
    assert_string_equal(ask(world, "stop")->code, "");
    (void)await_message(&world->a, DROVER__KIND__KIND_CANCEL, 1);
    assert_no_job_leaves(world, 0);
    assert_false(is_stopped(world));
    end_job(&world->a, DROVER__OUTCOME__OUTCOME_CANCELLED, NULL);
    assert_true(is_stopped(world));
}

/* A rollback of its own would run under that order: none is begun, and the command that helps is
 * named. */
static void test_no_way_back_under_a_damaged_order(void **state) {
    world_t *world = *state;
    get_going(world);
    engine_rollout_at(*hub_engine(world->hub), 0)->order_digest.bytes[0] ^= 1;
    end_job(&world->a, DROVER__OUTCOME__OUTCOME_FAILED, NULL);
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(world->rollbacks, 0);
    assert_int_equal(rollout->state, ROLLOUT_PAUSED);
    assert_non_null(strstr(rollout->reason, "order it with 'drover rollback "));
    rollout_destroy(&rollout);
}

/* ------------------------------------------------------------------ tickets */

static void test_second_wave_opens_by_results(void **state) {
    world_t *world = *state;
    error_t err = {0};
    world->waves = 2;
    get_going(world);
    do_job(world, 0, true);
    do_job(world, 1, true);
    const Drover__JobBatch *batch = await_message(&world->a, JOBS, EACH + 1)->jobs;
    digest_t ticket = field_digest(batch->terms[0]->ticket);
    const Drover__PaperChunk *chunk = ask_paper(&world->a, &ticket, 0);
    assert_int_equal(chunk->total, chunk->data.len);
    digest_t found = ticket_digest(chunk->data.data, chunk->data.len);
    assert_true(digest_equal(&found, &ticket));
    ticket_claim_t claim = {.wave = 1, .bytes = chunk->data.data, .size = chunk->data.len};
    ticket_verdict_t verdict;
    assert_int_equal(fleet_opens(world, &claim, &verdict, &err), STATUS_OK);
    assert_int_equal(verdict.tenants, EACH);
    assert_int_equal(verdict.failures, 0);
    assert_false(verdict.approved);
    batch = world->a.last[JOBS]->jobs;
    fleet_deed_t deed = {.tenant = field_ident(batch->jobs[0]->tenant),
                         .action = ACTION_FORWARD,
                         .target = 2,
                         .open_wave = 1};
    assert_int_equal(fleet_admits(world, &deed, batch->jobs[0]->proof, &err), STATUS_OK);
    deed.open_wave = 0;
    assert_int_equal(fleet_admits(world, &deed, batch->jobs[0]->proof, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_TICKET_ORDER);
    assert_int_equal(audit_count(world, "wave.ticket"), 1);
    do_job(world, 2, true);
    do_job(world, 3, true);
    rollout_t *rollout = stored_rollout(world);
    assert_int_equal(rollout->state, ROLLOUT_SUCCEEDED);
    rollout_destroy(&rollout);
}

/* The reports say that all is well; one tenant's agent has not signed it. */
static void test_one_result_short(void **state) {
    world_t *world = *state;
    world->waves = 2;
    get_going(world);
    do_job(world, 0, true);
    do_job(world, 1, false);
    assert_awaits(world, "1 of 2 tenants are not proved well");
    assert_no_job_leaves(world, EACH);
    say_result(world, &(fleet_words_t){.first = 0, .count = 1, .outcome = RESULT_DONE});
    assert_awaits(world, "1 of 2 tenants are not proved well"); /* the same tenant again */
    say_result(world, &(fleet_words_t){.first = 1, .count = 1, .outcome = RESULT_DONE});
    assert_wave_state(world, WAVE_OPEN);
    (void)await_message(&world->a, JOBS, EACH + 1);
}

static void test_failures_within_the_budget(void **state) {
    world_t *world = *state;
    world->waves = 2;
    world->fleet.budget = 1;
    get_going(world);
    do_job(world, 0, true);
    (void)await_message(&world->a, JOBS, 2);
    CLEANUP(buffer_free) buffer_t result = {0};
    fleet_result(world, &world->a,
                 &(fleet_words_t){.first = 1, .count = 1, .outcome = RESULT_FAILED}, &result);
    end_job(&world->a, DROVER__OUTCOME__OUTCOME_FAILED, &result);
    assert_wave_state(world, WAVE_OPEN);
    (void)await_message(&world->a, JOBS, EACH + 1);
}

/* An agent that was revoked meanwhile does not count, and does not spoil what others said. */
static void test_revoked_agents_word_counts_for_nothing(void **state) {
    world_t *world = *state;
    world->waves = 2;
    get_going(world);
    do_job(world, 0, true);
    fleet_revoke(world, &world->a);
    do_job(world, 1, true);
    assert_awaits(world, "2 of 2 tenants are not proved well");
}

/* A card that is accepted later lets count what was signed before. */
static void test_later_card_opens_the_wave(void **state) {
    world_t *world = *state;
    world->waves = 2;
    fleet_card(world, &world->a, ENROLMENT_PENDING);
    get_going(world);
    do_job(world, 0, true);
    do_job(world, 1, true);
    assert_awaits(world, "2 of 2 tenants are not proved well");
    fleet_card(world, &world->a, ENROLMENT_ACCEPTED);
    (void)await_message(&world->a, JOBS, EACH + 1);
}

/* An agent's clock is ahead, and the order's soak counts from what it signed: the wave opens by
 * itself when that is over. */
static void test_soak_is_waited_for(void **state) {
    world_t *world = *state;
    world->waves = 2;
    world->fleet.soak_us = 61 * US_PER_S;
    get_going(world);
    do_job(world, 0, true);
    (void)await_message(&world->a, JOBS, 2);
    CLEANUP(buffer_free) buffer_t result = {0};
    fleet_words_t words = {
        .first = 1, .count = 1, .outcome = RESULT_DONE, .later_us = TRUST_SKEW_US - 60 * US_PER_S};
    fleet_result(world, &world->a, &words, &result);
    end_job(&world->a, DROVER__OUTCOME__OUTCOME_DONE, &result);
    assert_awaits(world, "soaks for another");
    (void)await_message(&world->a, JOBS, EACH + 1);
}

static void test_second_wave_opens_by_an_approval(void **state) {
    world_t *world = *state;
    error_t err = {0};
    world->waves = 2;
    world->fleet.needs_approval = true;
    get_going(world);
    do_job(world, 0, true);
    do_job(world, 1, true);
    assert_awaits(world, "it opens by an approval only");
    fleet_approve(world, &(fleet_approval_t){.wave = 1, .by_proposer = true});
    assert_string_equal(ask(world, "approve")->code, "");
    assert_awaits(world, "approver"); /* who ordered it does not approve it */
    fleet_approve(world, &(fleet_approval_t){.wave = 1});
    assert_string_equal(ask(world, "approve")->code, "");
    const Drover__JobBatch *batch = await_message(&world->a, JOBS, EACH + 1)->jobs;
    digest_t ticket = field_digest(batch->terms[0]->ticket);
    const Drover__PaperChunk *chunk = ask_paper(&world->a, &ticket, 0);
    ticket_claim_t claim = {.wave = 1, .bytes = chunk->data.data, .size = chunk->data.len};
    ticket_verdict_t verdict;
    assert_int_equal(fleet_opens(world, &claim, &verdict, &err), STATUS_OK);
    assert_true(verdict.approved);
}

/* Evidence that came while nobody looked is found at the start. */
static void test_awaiting_wave_asks_again_at_the_start(void **state) {
    world_t *world = *state;
    world->waves = 2;
    get_going(world);
    do_job(world, 0, true);
    do_job(world, 1, false);
    assert_awaits(world, "1 of 2 tenants are not proved well");
    fleet_approve(world, &(fleet_approval_t){.wave = 1});
    actor_hang_up(&world->a);
    actor_hang_up(&world->operator);
    world_stop(world);
    world_start(world);
    actor_dial(&world->a);
    say_hello(&world->a);
    say_beat(&world->a, 3, 0);
    const Drover__JobBatch *batch = await_message(&world->a, JOBS, 1)->jobs;
    assert_int_equal(batch->terms[0]->wave, 1);
    assert_int_equal(batch->terms[0]->ticket.len, DIGEST_BYTES);
}

/* ------------------------------------------------------------------ results that are none */

static status_t note_result(void *context, const wave_result_row_t *row, error_t *err) {
    (void)row;
    (void)err;
    ++*(size_t *)context;
    return STATUS_OK;
}

static size_t results_kept(world_t *world) {
    error_t err = {0};
    size_t count = 0;
    for (uint32_t wave = 0; wave < 3; wave++) {
        order_wave_id_t id = {.order = world->fleet.order, .wave = wave};
        assert_int_equal(store_wave_result_each(world->store, &id, note_result, &count, &err),
                         STATUS_OK);
    }
    return count;
}

static void test_foreign_results_are_told_and_dropped(void **state) {
    world_t *world = *state;
    world->waves = 2;
    get_going(world);
    do_job(world, 0, false);
    (void)await_message(&world->a, JOBS, 2);
    const fleet_words_t good = {.first = 0, .count = 1, .outcome = RESULT_DONE};
    CLEANUP(buffer_free) buffer_t bytes = {0};

    fleet_result(world, &world->b, &good, &bytes); /* another agent's words */
    say_later(world, &bytes);
    assert_int_equal(audit_count(world, "result.foreign"), 1);
    /* a tenant of a wave that was not given to it, one of no wave, and a wave that is none */
    say_result(world, &(fleet_words_t){.wave = 1, .first = 2, .count = 1, .outcome = RESULT_DONE});
    say_result(world, &(fleet_words_t){.first = 9, .count = 1, .outcome = RESULT_DONE});
    say_result(world, &(fleet_words_t){.wave = 2, .first = 0, .count = 1, .outcome = RESULT_DONE});
    say_result(
        world,
        &(fleet_words_t){.first = 0, .count = 1, .outcome = RESULT_DONE, .later_us = TRUST_DAY_US});
    say_result(world,
               &(fleet_words_t){
                   .first = 0, .count = 1, .outcome = RESULT_DONE, .later_us = -TRUST_DAY_US});
    assert_int_equal(audit_count(world, "result.foreign"), 6);
    digest_t order = world->fleet.order;
    world->fleet.order.bytes[0] ^= 1;
    say_result(world, &good); /* an order that nobody knows */
    world->fleet.order = order;
    ident_t fleet = world->fleet.id;
    world->fleet.id.bytes[0] ^= 1;
    say_result(world, &good);
    world->fleet.id = fleet;
    buffer_clear(&bytes);
    fleet_result(world, &world->a, &good, &bytes);
    bytes.data[bytes.size - 1] = (char)(bytes.data[bytes.size - 1] ^ 1); /* its signature */
    say_later(world, &bytes);
    buffer_clear(&bytes);
    buffer_text(&bytes, "no document");
    say_later(world, &bytes);
    assert_int_equal(audit_count(world, "result.foreign"), 10);
    assert_int_equal(results_kept(world), 0);
    /* the reports beside them were taken as they are */
    assert_int_equal(world->a.last[DROVER__KIND__KIND_REPORTS_ACK]->reports_ack->number,
                     world->a.reported);
    say_result(world, &good);
    say_result(world, &good);
    assert_int_equal(audit_count(world, "result.foreign"), 10);
    assert_int_equal(results_kept(world), 1); /* the later one says as much as both */
}

/* An agent says in one document what it said in several: the ticket is made of that one, and the
 * others are forgotten with it. */
static void test_what_is_said_again_is_kept_once(void **state) {
    world_t *world = *state;
    error_t err = {0};
    world->waves = 2;
    get_going(world);
    do_job(world, 0, true);
    (void)await_message(&world->a, JOBS, 2);
    assert_int_equal(results_kept(world), 1);
    say_result(world, &(fleet_words_t){.first = 0, .count = 2, .outcome = RESULT_DONE});
    (void)await_message(&world->a, JOBS, EACH + 1);
    assert_int_equal(audit_count(world, "result.foreign"), 0);
    assert_int_equal(results_kept(world), 1);
    digest_t ticket = field_digest(world->a.last[JOBS]->jobs->terms[0]->ticket);
    const Drover__PaperChunk *chunk = ask_paper(&world->a, &ticket, 0);
    ticket_claim_t claim = {.wave = 1, .bytes = chunk->data.data, .size = chunk->data.len};
    ticket_verdict_t verdict;
    assert_int_equal(fleet_opens(world, &claim, &verdict, &err), STATUS_OK);
    assert_int_equal(verdict.failures, 0);
}

/* A tenant went to another agent since: the first one's word of it may be said again, beside new
 * ones of others, and not be changed. */
static void test_word_of_a_tenant_that_is_another_agents(void **state) {
    world_t *world = *state;
    world->waves = 2;
    world->fleet.needs_approval = true; /* nothing is forgotten meanwhile */
    get_going(world);
    do_job(world, 0, true);
    (void)await_message(&world->a, JOBS, 2);
    task_t *task = engine_task(*hub_engine(world->hub), &world->a.job);
    rollout_t *rollout = engine_rollout_of(*hub_engine(world->hub), &world->a.job);
    assert_int_equal(task->ordinal, 1);
    memset(&rollout->tasks[0].agent, 7, sizeof rollout->tasks[0].agent);
    say_result(world, &(fleet_words_t){.first = 0, .count = 2, .outcome = RESULT_DONE});
    assert_int_equal(audit_count(world, "result.foreign"), 0);
    assert_int_equal(results_kept(world), 2);
    say_result(world, &(fleet_words_t){.first = 0, .count = 2, .outcome = RESULT_FAILED});
    assert_int_equal(audit_count(world, "result.foreign"), 1);
    assert_int_equal(results_kept(world), 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_job_carries_what_an_agent_admits),
        TEST(test_leaves_ascend_where_tasks_do_not),
        TEST(test_wave_without_work_is_none_of_the_order),
        TEST(test_wave_without_work_needs_no_ticket),
        TEST(test_who_was_passed_over_is_not_waited_for),
        TEST(test_way_back_has_the_forward_proofs),
        TEST(test_no_job_leaves_without_a_proof),
        TEST(test_stop_needs_no_order),
        TEST(test_stop_waits_for_what_is_in_hand),
        TEST(test_no_way_back_under_a_damaged_order),
        TEST(test_no_job_leaves_without_an_order),
        TEST(test_second_wave_opens_by_results),
        TEST(test_one_result_short),
        TEST(test_failures_within_the_budget),
        TEST(test_revoked_agents_word_counts_for_nothing),
        TEST(test_later_card_opens_the_wave),
        TEST(test_soak_is_waited_for),
        TEST(test_second_wave_opens_by_an_approval),
        TEST(test_awaiting_wave_asks_again_at_the_start),
        TEST(test_foreign_results_are_told_and_dropped),
        TEST(test_what_is_said_again_is_kept_once),
        TEST(test_word_of_a_tenant_that_is_another_agents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
