/*
 * link.c: what an agent makes of a coordinator's words that were cut short or changed on their way:
 * they are dropped and counted, nothing of them reaches the journal, and the connection stays. And
 * of a coordinator whose key its trust file does not name.
 */
#include "tests/unit/agent/linked.h"
#include "tests/unit/wire/samples.h"

#include "agent/bundles.h"
#include "agent/inventory/inventory_internal.h"
#include "agent/crew.h"
#include "agent/link.h"
#include "agent/loop.h"
#include "agent/notary.h"
#include "agent/reports.h"
#include "common/base/log.h"
#include "common/crypto/random.h"

#include <sqlite3.h>
#include <stdio.h>

enum { WINDOW = 16 };

/* What the journal's file holds, and whether anything was committed to it since a second connection
 * looked. Source: SQLite manual, "PRAGMA data_version". */
static int64_t journal_number(sqlite3 *connection, const char *sql) {
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(connection, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    return number;
}

static sqlite3 *look_into_journal(const stage_t *stage) {
    char path[PATH_SIZE];
    sqlite3 *connection = NULL;
    (void)snprintf(path, sizeof path, "%s/journal.sqlite", stage->agent.config->state);
    assert_int_equal(sqlite3_open_v2(path, &connection, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    return connection;
}

static bool heard_all(void *context) {
    const uint64_t *const *pair = context; /* how many were dropped, and should be */
    return *pair[0] >= *pair[1];
}

static void await_dropped(stage_t *stage, uint64_t count) {
    const uint64_t *pair[] = {&stage->agent.dropped, &count};
    pair_await(stage->server, heard_all, pair);
}

/* Say it damaged in every way; answers how often that was. */
static uint64_t say_damaged(stage_t *stage, const buffer_t *whole) {
    static const unsigned char FLIPS[] = {0x01, 0x80, 0xFF};
    uint64_t said = 0;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    for (size_t at = 0; at < whole->size; at++) {
        for (size_t flip = 0; flip < sizeof FLIPS; flip++) {
            buffer_clear(&bytes);
            buffer_append(&bytes, whole->data, whole->size);
            bytes.data[at] = (char)((unsigned char)bytes.data[at] ^ FLIPS[flip]);
            say(stage, bytes.data, bytes.size);
            said++;
        }
        say(stage, whole->data, at); /* cut before this byte */
        said++;
        if (at % (WINDOW / 4) == 0) {
            await_dropped(stage, said);
        }
    }
    await_dropped(stage, said);
    return said;
}

/* It obeys, and has written down whom. */
static bool has_taken(void *context) {
    const agent_t *agent = &((const stage_t *)context)->agent;
    return journal_epoch(agent->journal).epoch == EPOCH && !journal_is_dirty(agent->journal);
}

/* Damaged, nothing; whole, the agent takes it. */
static void damaged_then_whole(stage_t *stage, const buffer_t *whole, size_t jobs) {
    agent_t *agent = &stage->agent;
    sqlite3 *journal = look_into_journal(stage);
    int64_t version = journal_number(journal, "PRAGMA data_version");
    uint64_t said = say_damaged(stage, whole);
    assert_true(agent->dropped == said);
    assert_int_equal(crew_count(agent), 0);
    assert_true(journal_epoch(agent->journal).epoch == 0);
    assert_false(journal_is_dirty(agent->journal));
    assert_true(journal_number(journal, "PRAGMA data_version") == version);
    assert_int_equal(stage->server->received, 1); /* it did not dial anew: that begins with hello */

    say(stage, whole->data, whole->size);
    pair_await(stage->server, has_taken, stage);
    assert_true(agent->dropped == said);
    assert_true(journal_number(journal, "SELECT count(*) FROM job") == (int64_t)jobs);
    assert_int_equal(sqlite3_close(journal), SQLITE_OK);
}

/* What the journal says of the jobs in hand. */
static void restart_crew(stage_t *stage) {
    agent_t *agent = &stage->agent;
    error_t err = {0};
    while (agent->runs != NULL) {
        run_t *run = agent->runs;
        agent->runs = run->next_run;
        run_destroy(&run);
    }
    agent->runs_end = &agent->runs;
    must(crew_resume(agent, &err), &err);
}

static void test_jobs(void **state) {
    stage_t *stage = *state;
    sample_pool_t *pool = calloc(1, sizeof *pool);
    Drover__JobBatch *batch = (Drover__JobBatch *)sample_fill(&drover__job_batch__descriptor, pool);
    batch->agent_key = field_of_curve(&stage->key);
    batch->epoch = EPOCH;
    batch->expires_us = INT64_MAX;
    CLEANUP(buffer_free) buffer_t whole = {0};
    seal(stage, DROVER__KIND__KIND_JOBS, &batch->base, &whole);
    free(pool);
    damaged_then_whole(stage, &whole, 1);
    const run_t *run = stage->agent.runs; /* with what it will be judged by */
    assert_non_null(run);
    assert_false(digest_is_null(&run->what.order_digest));
    assert_false(digest_is_null(&run->what.ticket));
    assert_true(run->what.proof_size > 0);
    assert_true(sign_public_equal(&run->what.coordinator, &stage->trust.coordinator));
    restart_crew(stage); /* after a restart, too */
    run = stage->agent.runs;
    assert_non_null(run);
    assert_true(run->what.proof_size > 0);
    assert_true(sign_public_equal(&run->what.coordinator, &stage->trust.coordinator));
}

static void test_cancel(void **state) {
    stage_t *stage = *state;
    sample_pool_t *pool = calloc(1, sizeof *pool);
    Drover__Cancel *cancel = (Drover__Cancel *)sample_fill(&drover__cancel__descriptor, pool);
    cancel->agent_key = field_of_curve(&stage->key);
    cancel->epoch = EPOCH;
    CLEANUP(buffer_free) buffer_t whole = {0};
    seal(stage, DROVER__KIND__KIND_CANCEL, &cancel->base, &whole);
    free(pool);
    damaged_then_whole(stage, &whole, 0);
}

/* ---- whose key counts ---- */

/* With a lease where leases is not NULL; answers is the hello's number. */
static void fill_and_say(const stage_t *stage, const sign_public_t *key, Drover__Welcome welcome) {
    ident_t incarnation = {{1}};
    ident_t catalog = {{2}};
    welcome.protocol = WIRE_PROTOCOL_MAX;
    welcome.coordinator = field_of_ident(&catalog);
    welcome.epoch = EPOCH;
    welcome.incarnation = field_of_ident(&incarnation);
    welcome.sign_key = field_of_bytes(key->bytes, SIGN_PUBLIC_BYTES);
    say_unsigned(stage, DROVER__KIND__KIND_WELCOME, &welcome.base);
}

static void say_welcome_with(const stage_t *stage, const sign_public_t *key, Drover__Lease **leases,
                             uint64_t answers) {
    Drover__Welcome welcome = DROVER__WELCOME__INIT;
    welcome.leases = leases;
    welcome.n_leases = leases != NULL ? 1 : 0;
    welcome.answers = answers;
    fill_and_say(stage, key, welcome);
}

static void say_welcome(const stage_t *stage, const sign_public_t *key) {
    say_welcome_with(stage, key, NULL, 0);
}

/* The next trust file, in which this key is the coordinator's. */
static void say_next_trust(stage_t *stage, const sign_public_t *key) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    Drover__Trust trust = DROVER__TRUST__INIT;
    error_t err = {0};
    rootfile_next(&stage->trust, key, &document);
    must(document_encode(document, &bytes, &err), &err);
    ProtobufCBinaryData field = field_of_bytes(bytes.data, bytes.size);
    trust.documents = &field;
    trust.n_documents = 1;
    say_unsigned(stage, DROVER__KIND__KIND_TRUST, &trust.base);
}

static bool is_welcomed(void *context) {
    return ((const stage_t *)context)->agent.welcomed;
}

static bool waits_for_trust(void *context) {
    return ((const stage_t *)context)->agent.stranger_due_boot_us != 0;
}

static bool has_next_trust(void *context) {
    return keeper_view(((const stage_t *)context)->agent.keeper, 0).trust->version == 2;
}

static bool is_suspended(void *context) {
    return ((const stage_t *)context)->agent.suspended;
}

static bool goes_on(void *context) {
    return !is_suspended(context);
}

static void say_beat(stage_t *stage, bool tells, char *why, int64_t keep_since_us) {
    Drover__CoordinatorBeat beat = DROVER__COORDINATOR_BEAT__INIT;
    beat.tells_suspended = tells;
    beat.suspended = why;
    beat.keep_since_us = keep_since_us; /* by which the test knows that it was heard */
    say_unsigned(stage, DROVER__KIND__KIND_COORDINATOR_BEAT, &beat.base);
}

static bool has_heard_beat(void *context) {
    return ((const stage_t *)context)->agent.keep_since_us == 77;
}

/* It learns by welcome and beats that it is suspended, and that it goes on; a coordinator that does
 * not know how to say so says nothing. */
static void test_suspended(void **state) {
    stage_t *stage = *state;
    say_welcome(stage, &stage->trust.coordinator);
    pair_await(stage->server, is_welcomed, stage);
    assert_false(stage->agent.suspended);
    Drover__Welcome welcome = DROVER__WELCOME__INIT;
    welcome.tells_suspended = true;
    welcome.suspended = field_of_text("it lost its state");
    fill_and_say(stage, &stage->trust.coordinator, welcome);
    pair_await(stage->server, is_suspended, stage);
    say_beat(stage, false, field_of_text(""), 77);
    pair_await(stage->server, has_heard_beat, stage);
    assert_true(stage->agent.suspended);
    say_beat(stage, true, field_of_text(""), 0);
    pair_await(stage->server, goes_on, stage);
    say_beat(stage, true, field_of_text("it lost its state"), 0);
    pair_await(stage->server, is_suspended, stage);
}

/* A coordinator with a new key: the trust file that names it comes right behind the welcome. */
static void test_a_new_key_and_its_trust_file(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    sign_public_t next;
    sign_secret_t secret;
    sign_keypair(&next, &secret);
    say_welcome(stage, &next);
    pair_await(stage->server, waits_for_trust, stage);
    assert_false(agent->welcomed);
    assert_int_equal(stage->server->received, 1); /* it has not left */
    stage->server->keep = DROVER__KIND__KIND_HELLO;
    say_next_trust(stage, &next);
    pair_await(stage->server, has_next_trust, stage);
    link_tick(agent); /* says hello again at once */
    pair_await_count(stage->server, &stage->server->received, 2);
    CLEANUP(message_destroy_p) message_t *hello = NULL;
    error_t err = {0};
    must(codec_receive(stage->server->kept.data, stage->server->kept.size, PARTY_AGENT, NULL,
                       &hello, &err),
         &err);
    assert_int_equal(hello->hello->trust_version, 2);
    assert_false(hello->hello->held);
    say_welcome(stage, &next);
    pair_await(stage->server, is_welcomed, stage);
    assert_int_equal(agent->stranger_due_boot_us, 0);
}

/* None comes: it says why, and leaves. */
static void test_a_strange_key(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    sign_public_t other;
    sign_secret_t secret;
    sign_keypair(&other, &secret);
    say_welcome(stage, &other);
    pair_await(stage->server, waits_for_trust, stage);
    agent->stranger_due_boot_us = 1; /* the wait is over */
    link_tick(agent);
    assert_true(agent->estranged);
    assert_false(agent->welcomed);
    pair_await_count(stage->server, &stage->server->received, 2); /* its goodbye */
}

static bool is_estranged(void *context) {
    return ((const stage_t *)context)->agent.estranged;
}

static bool has_dropped(void *context) {
    return ((const stage_t *)context)->agent.dropped > 0;
}

/* A trust file takes the key away on a live connection: at once nothing that it signs is heard. */
static void test_a_key_that_is_taken_away(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    sign_secret_t former = stage->trust.coordinator_secret;
    sign_public_t next;
    sign_secret_t secret;
    sign_keypair(&next, &secret);
    say_welcome(stage, &stage->trust.coordinator);
    pair_await(stage->server, is_welcomed, stage);
    say_next_trust(stage, &next);
    pair_await(stage->server, is_estranged, stage);
    assert_false(agent->welcomed);
    sample_pool_t *pool = calloc(1, sizeof *pool);
    Drover__Cancel *cancel = (Drover__Cancel *)sample_fill(&drover__cancel__descriptor, pool);
    cancel->agent_key = field_of_curve(&stage->key);
    cancel->epoch = EPOCH + 1;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    stage->trust.coordinator_secret = former;
    seal(stage, DROVER__KIND__KIND_CANCEL, &cancel->base, &bytes);
    free(pool);
    say(stage, bytes.data, bytes.size);
    pair_await(stage->server, has_dropped, stage);
    assert_true(journal_epoch(agent->journal).epoch == EPOCH);
}

static bool is_heard(void *context) {
    return ((const stage_t *)context)->agent.silence_boot_us == 0;
}

static bool has_dialed_again(void *context) {
    const stage_t *stage = context;
    return dialer_connected(stage->agent.dialer) && stage->server->received == 2;
}

/* Connected, and nobody answers: said once after a while, the connection is given up for another
 * one, and word that comes over that is told, too. */
static void test_silence_is_told(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    link_tick(agent);
    assert_int_equal(agent->silence_boot_us, 0);
    agent->heard_boot_us -= INT64_C(3600) * US_PER_S;
    link_tick(agent);
    int64_t told = agent->silence_boot_us;
    assert_true(told != 0);
    assert_false(dialer_connected(agent->dialer));
    link_tick(agent);
    pair_await(stage->server, has_dialed_again, stage); /* and has said hello */
    agent->heard_boot_us -= INT64_C(3600) * US_PER_S;
    link_tick(agent);
    assert_true(agent->silence_boot_us == told); /* not with every tick, nor every connection */
    pair_await_count(stage->server, &stage->server->received, 3);
    say_welcome(stage, &stage->trust.coordinator);
    pair_await(stage->server, is_heard, stage);
    link_tick(agent);
    assert_int_equal(agent->silence_boot_us, 0);
    /* who slept heard nothing, and has not looked yet */
    agent->heard_boot_us -= INT64_C(3600) * US_PER_S;
    agent->watched_boot_us -= INT64_C(3600) * US_PER_S;
    link_tick(agent);
    assert_int_equal(agent->silence_boot_us, 0);
    assert_true(dialer_connected(agent->dialer));
    /* what left by itself waits for nobody */
    agent->estranged = true;
    agent->heard_boot_us -= INT64_C(3600) * US_PER_S;
    link_tick(agent);
    assert_int_equal(agent->silence_boot_us, 0);
}

/* Answered, but what was sent is never acknowledged: another connection begins anew. */
static void test_what_is_owed(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    say_welcome(stage, &stage->trust.coordinator);
    pair_await(stage->server, is_welcomed, stage);
    link_tick(agent);
    agent->owed_boot_us -= INT64_C(3600) * US_PER_S;
    link_tick(agent);
    assert_true(dialer_connected(agent->dialer)); /* nothing is owed */
    agent->sent_report = 7;
    agent->acknowledged = 5;
    link_tick(agent);
    agent->owed_boot_us -= INT64_C(3600) * US_PER_S;
    agent->acknowledged = 6;
    link_tick(agent);
    assert_true(dialer_connected(agent->dialer)); /* it comes, if slowly */
    agent->owed_boot_us -= INT64_C(3600) * US_PER_S;
    link_tick(agent);
    assert_false(dialer_connected(agent->dialer));
    agent->sent_report = agent->acknowledged;
}

/* ---- jobs that are late ---- */

static bool has_let_go(void *context) {
    const agent_t *agent = &((const stage_t *)context)->agent;
    return journal_next(agent->journal) > 1 && agent->runs == NULL &&
           !journal_is_dirty(agent->journal);
}

static status_t on_report(const journal_report_t *report, void *context, error_t *err) {
    Drover__Report *wire = drover__report__unpack(NULL, report->size, report->bytes);
    size_t *count = context;
    (void)err;
    assert_non_null(wire);
    assert_true(wire->final && wire->held_back);
    assert_int_equal(wire->outcome, DROVER__OUTCOME__OUTCOME_TRANSIENT);
    assert_string_equal(wire->failure->code, error_code_text(ERROR_JOB_EXPIRED));
    drover__report__free_unpacked(wire, NULL);
    ++*count;
    return STATUS_OK;
}

/* Jobs that came after their end: none begins, and each is given back with a report. */
static void test_jobs_that_come_too_late(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    sample_pool_t *pool = calloc(1, sizeof *pool);
    Drover__JobBatch *batch = (Drover__JobBatch *)sample_fill(&drover__job_batch__descriptor, pool);
    batch->agent_key = field_of_curve(&stage->key);
    batch->epoch = EPOCH;
    batch->expires_us = clock_wall_us() - 1;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    seal(stage, DROVER__KIND__KIND_JOBS, &batch->base, &bytes);
    say(stage, bytes.data, bytes.size);
    pair_await(stage->server, has_let_go, stage);
    size_t reports = 0;
    size_t jobs = batch->n_jobs;
    free(pool);
    error_t err = {0};
    must(journal_reports(agent->journal, (journal_range_t){.most = 100}, on_report, &reports, &err),
         &err);
    assert_int_equal(reports, jobs);
    say(stage, bytes.data, bytes.size); /* the same again: known, and said once */
    say_next_trust(stage, &stage->trust.coordinator);
    pair_await(stage->server, has_next_trust, stage); /* behind it */
    assert_int_equal(journal_next(agent->journal), jobs + 1);
}

/* ---- leases ---- */

enum { CLUSTER = 77, VALID_MS = 15000 };

static bool has_kept(void *context) {
    return ((const stage_t *)context)->server->kept.size > 0;
}

/* The number of the hello or beat that was kept. */
static uint64_t kept_number(const stage_t *stage) {
    CLEANUP(message_destroy_p) message_t *message = NULL;
    error_t err = {0};
    must(codec_receive(stage->server->kept.data, stage->server->kept.size, PARTY_AGENT, NULL,
                       &message, &err),
         &err);
    return message->kind == DROVER__KIND__KIND_HELLO ? message->hello->number
                                                     : message->agent_beat->number;
}

static bool is_granted(void *context) {
    return ((const stage_t *)context)->agent.leases[0].until_boot_us != 0;
}

/* What the coordinator grants is counted from the hello or beat that it names. */
static void test_leases_run_from_what_was_said(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    Drover__Lease lease = DROVER__LEASE__INIT;
    Drover__Lease *list[] = {&lease};
    lease.system_identifier = CLUSTER;
    lease.valid_ms = VALID_MS;
    agent->inventory->sites[0].seen.system_identifier = CLUSTER;
    agent->inventory->sites[0].seen.writable = true;
    agent->hello_due_boot_us = 0;
    stage->server->keep = DROVER__KIND__KIND_HELLO;
    link_tick(agent);
    pair_await(stage->server, has_kept, stage);
    uint64_t hello = kept_number(stage);
    assert_true(hello != 0 && hello == agent->said);
    stage->server->keep = DROVER__KIND__KIND_AGENT_BEAT;
    buffer_clear(&stage->server->kept);
    say_welcome_with(stage, &stage->trust.coordinator, list, hello);
    pair_await(stage->server, is_granted, stage);
    assert_true(agent->leases[0].until_boot_us == (int64_t)hello + VALID_MS * US_PER_MS);

    pair_await(stage->server, has_kept, stage); /* a beat follows on the welcome */
    uint64_t number = kept_number(stage);
    assert_true(number > hello && number == agent->said);
    Drover__CoordinatorBeat beat = DROVER__COORDINATOR_BEAT__INIT;
    beat.leases = list;
    beat.n_leases = 1;
    beat.answers = number;
    agent->leases[0].until_boot_us = 0;
    say_unsigned(stage, DROVER__KIND__KIND_COORDINATOR_BEAT, &beat.base);
    pair_await(stage->server, is_granted, stage);
    assert_true(agent->leases[0].until_boot_us == (int64_t)number + VALID_MS * US_PER_MS);
}

/* Whoever says that a cluster is not writable, or was not read, acts on no lease of it: from the
 * hello or beat on that says so. */
static void test_what_is_said_to_be_out_of_reach_is_given_back(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    agent->leases[0].until_boot_us = INT64_MAX;
    agent->hello_due_boot_us = 0;
    link_tick(agent); /* says hello */
    assert_true(agent->leases[0].until_boot_us == 0);

    say_welcome(stage, &stage->trust.coordinator);
    pair_await(stage->server, is_welcomed, stage);
    agent->leases[0].until_boot_us = INT64_MAX;
    agent->beat_due_boot_us = 0;
    agent->clusters_changed = false;
    link_tick(agent); /* a beat that says nothing of clusters */
    assert_true(agent->leases[0].until_boot_us == INT64_MAX);
    agent->beat_due_boot_us = 0;
    agent->clusters_changed = true;
    link_tick(agent);
    assert_true(agent->leases[0].until_boot_us == 0);
    assert_false(agent->clusters_changed);
}

/* ---- what reports bring ---- */

static bool has_sent_again(void *context) {
    return ((const stage_t *)context)->agent.book.uses == 2;
}

/* Final reports bring what they mean for their wave, signed by the agent; others bring nothing. */
static void test_reports_bring_results(void **state) {
    stage_t *stage = *state;
    agent_t *agent = &stage->agent;
    run_t run = {.shared = &agent->shared,
                 .what = {.attempt = {{1}},
                          .job = {{2}},
                          .tenant = {{3}},
                          .order_digest = {{4}},
                          .order_wave = 5},
                 .main_action = true};
    run_report_t report = {
        .step = JOB_STEP_APPLY, .outcome = JOB_OUTCOME_DONE, .finished_us = EPOCH};
    error_t err = {0};
    say_welcome(stage, &stage->trust.coordinator);
    pair_await(stage->server, is_welcomed, stage);
    stage->server->keep = DROVER__KIND__KIND_REPORTS;
    must(reports_add(agent, &run, &report, false, &err), &err);
    must(reports_add(agent, &run, &report, true, &err), &err);
    must(journal_commit(agent->journal, &err), &err);
    must(reports_send(agent, &err), &err);
    pair_await(stage->server, has_kept, stage);
    envelope_t envelope;
    CLEANUP(message_destroy_p) message_t *message = NULL;
    must(codec_open(stage->server->kept.data, stage->server->kept.size, PARTY_AGENT, &envelope,
                    &err),
         &err);
    must(codec_unpack(&envelope, keyfile_sign_public(agent->sign_key), &message, &err), &err);
    assert_int_equal(message->reports->n_reports, 2);
    assert_int_equal(message->reports->n_results, 1);
    ProtobufCBinaryData field = message->reports->results[0];
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(result_destroy_p) result_t *result = NULL;
    must(document_decode(field.data, field.len, &document, &err), &err);
    assert_true(document_signed_by(document, keyfile_sign_public(agent->sign_key)));
    must(result_read(document, &result, &err), &err);
    assert_true(ident_equal(&result->fleet, &stage->trust.fleet));
    assert_true(digest_equal(&result->order, &run.what.order_digest));
    assert_int_equal(result->wave, 5);
    assert_int_equal(result->entry_count, 1);
    assert_int_equal(result->entries[0].outcome, RESULT_DONE);
    /* on a new connection they come again, and must not stand behind themselves */
    assert_int_equal(agent->book.uses, 1);
    say_welcome(stage, &stage->trust.coordinator);
    pair_await(stage->server, has_sent_again, stage);
    assert_int_equal(agent->book.waves[0]->count, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, stage_up, stage_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_jobs),
        TEST(test_jobs_that_come_too_late),
        TEST(test_cancel),
        TEST(test_leases_run_from_what_was_said),
        TEST(test_what_is_said_to_be_out_of_reach_is_given_back),
        TEST(test_reports_bring_results),
        TEST(test_suspended),
        TEST(test_a_new_key_and_its_trust_file),
        TEST(test_silence_is_told),
        TEST(test_what_is_owed),
        TEST(test_a_strange_key),
        TEST(test_a_key_that_is_taken_away),
    };
    return cmocka_run_group_tests(tests, pair_start, pair_stop);
}
