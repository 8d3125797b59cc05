/* fleet.c: see fleet.h. */
#include "tests/unit/audit/fleet.h"
#include "common/crypto/hash.h"
#include "common/trust/trust_file.h"
#include "common/wire/codec.h"
#include "common/wire/field.h"
#include "coordinator/engine/engine.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

typedef struct keys {
    sign_public_t publics[WHO];
    sign_secret_t secrets[WHO];
} keys_t;

static keys_t KEYS;

enum { TENANTS = 3, CLUSTER = 42, FROM = 4, TO = 5, HEX = 2, PART_NOTES = 30, NOTE_BYTES = 15000 };
static const uint64_t CLUSTERS[] = {CLUSTER};
static const uint64_t ELSEWHERE[] = {CLUSTER + 1};

static int64_t at(int64_t seconds) {
    return FLEET_T0_US + seconds * FLEET_S_US;
}

static void make_keys(void) {
    for (int i = 0; i < WHO; i++) {
        unsigned char seed[crypto_sign_SEEDBYTES] = {(unsigned char)(i + 1)};
        assert_int_equal(
            crypto_sign_seed_keypair(KEYS.publics[i].bytes, KEYS.secrets[i].bytes, seed), 0);
    }
}

/* --- papers ---------------------------------------------------------------------------------- */

void fleet_sign(fleet_t *fleet, document_t *document, who_t who) {
    GOOD(fleet, document_sign(document, &KEYS.secrets[who], ERR(fleet)));
}

/* Version 1, or 2 where dave was taken out, or 3 where bob was as of an earlier day. */
static document_t *write_trust(fleet_t *fleet, int64_t version) {
    static const struct {
        const char *name;
        trust_use_t use;
        trust_role_t role;
    } PEOPLE[NAMED] = {{"holder", TRUST_ROOT, 0},
                       {"alice", TRUST_OPERATOR, ROLE_OPERATOR},
                       {"bob", TRUST_OPERATOR, ROLE_OPERATOR},
                       {"dave", TRUST_OPERATOR, ROLE_OPERATOR},
                       {"gina", TRUST_OPERATOR, ROLE_APPROVER},
                       {"carol", TRUST_OPERATOR, ROLE_ADMIN},
                       {"host-1", TRUST_COORDINATOR, 0}};
    static const trust_threshold_t LIMITS[] = {{ROLE_OPERATOR, 2, "", "", true},
                                               {ROLE_APPROVER, 1, "", "", true},
                                               {ROLE_ADMIN, 1, "", "", true}};
    trust_grant_t grants[NAMED];
    trust_key_t keys[NAMED];
    memset(keys, 0, sizeof keys);
    for (int i = 0; i < NAMED; i++) {
        grants[i] = (trust_grant_t){
            .role = PEOPLE[i].role, .application = "", .environment = "", .selector = ""};
        bool gone = (i == DAVE && version > 1) || (i == BOB && version > 2);
        keys[i] = (trust_key_t){.key = KEYS.publics[i],
                                .use = PEOPLE[i].use,
                                .name = PEOPLE[i].name,
                                .standing = gone ? TRUST_REVOKED : TRUST_ACTIVE,
                                .from_us = at(0),
                                .until_us = gone ? at(80) : 0,
                                .reason = gone ? "stolen" : "",
                                .grants = &grants[i],
                                .grant_count = PEOPLE[i].role != 0 ? 1 : 0};
    }
    /* somebody must be left to reach the threshold */
    if (version > 2) {
        keys[DAVE].standing = TRUST_ACTIVE;
        keys[DAVE].until_us = 0;
    }
    trust_t trust = {.fleet = id_of(1000),
                     .version = version,
                     .issued_us = version == 1 ? at(0) : at(90 * (version - 1)),
                     .expires_us = at(fleet->other_root ? 1 : 0) + 300 * TRUST_DAY_US,
                     .root_threshold = 1,
                     .keys = keys,
                     .key_count = NAMED,
                     .thresholds = LIMITS,
                     .threshold_count = 3};
    document_t *document = NULL;
    GOOD(fleet, trust_write(&trust, &document, ERR(fleet)));
    fleet_sign(fleet, document, ROOT);
    return document;
}

static leaf_t leaf_of(uint32_t tenant) {
    return (leaf_t){.tenant = id_of(tenant),
                    .cluster = CLUSTER,
                    .number = at(200),
                    .from_position = FROM,
                    .to_position = TO};
}

static digest_t root_of(fleet_t *fleet, uint32_t wave, const leaf_t *leaves, size_t count) {
    leaves_t all = {.application = "app", .wave = wave, .leaves = leaves, .count = count};
    CLEANUP(merkle_destroy_p) merkle_t *merkle = NULL;
    GOOD(fleet, leaves_tree(&all, &merkle, ERR(fleet)));
    return merkle_root(merkle);
}

order_t fleet_blank_order(uint32_t id, order_kind_t kind, int64_t issued_us, who_t proposer) {
    return (order_t){.fleet = id_of(1000),
                     .id = id_of(id),
                     .kind = kind,
                     .application = "app",
                     .environment = "",
                     .recovery_kind = "",
                     .recovery_reason = "",
                     .trial_restore = "",
                     .issued_us = issued_us,
                     .not_before_us = issued_us,
                     .expires_us = issued_us + 7 * TRUST_DAY_US,
                     .proposer = KEYS.publics[proposer],
                     .trust_version = 1};
}

static document_t *write_rollout_order(fleet_t *fleet) {
    leaf_t first[] = {leaf_of(1)};
    leaf_t second[] = {leaf_of(2), leaf_of(3)};
    order_wave_t waves[] = {{.count = 1, .root = root_of(fleet, 0, first, 1)},
                            {.count = 2, .root = root_of(fleet, 1, second, 2)}};
    order_t order = fleet_blank_order(1001, ORDER_ROLLOUT, at(200), ALICE);
    order.bundle = digest_of(7);
    order.target_position = TO;
    order.recovery_kind = "dump";
    order.trial_restore = "none";
    order.waves = waves;
    order.wave_count = 2;
    order.undo_authorized = true;
    document_t *document = NULL;
    GOOD(fleet, order_write(&order, &document, ERR(fleet)));
    fleet_sign(fleet, document, ALICE);
    if (fleet->flaw != FLAW_ONE_SHORT) {
        fleet_sign(fleet, document, fleet->flaw == FLAW_REVOKED_SIGNER ? DAVE : BOB);
    }
    return document;
}

static document_t *write_approval(fleet_t *fleet) {
    order_t order = fleet_blank_order(1002, ORDER_APPROVE_WAVE, at(240), GINA);
    order.subject = fleet->order->id;
    order.subject_wave = 1;
    document_t *document = NULL;
    GOOD(fleet, order_write(&order, &document, ERR(fleet)));
    fleet_sign(fleet, document, GINA);
    return document;
}

static document_t *write_card(fleet_t *fleet) {
    bool elsewhere = fleet->flaw == FLAW_OTHER_CLUSTER;
    card_t card = {.fleet = id_of(1000),
                   .key = KEYS.publics[AGENT],
                   .name = "east-1",
                   .clusters = elsewhere ? ELSEWHERE : CLUSTERS,
                   .cluster_count = 1,
                   .issued_us = at(110),
                   .serial = 1};
    agent_key_t curve = key_of(1);
    memcpy(card.curve, curve.bytes, sizeof card.curve);
    document_t *document = NULL;
    GOOD(fleet, card_write(&card, &document, ERR(fleet)));
    fleet_sign(fleet, document, fleet->flaw == FLAW_STRANGER_CARD ? OTHER : CAROL);
    return document;
}

static document_t *write_revocation(fleet_t *fleet, who_t who, int64_t at_us) {
    revocation_t revocation = {
        .fleet = id_of(1000), .key = KEYS.publics[who], .at_us = at_us, .reason = "lost"};
    document_t *document = NULL;
    GOOD(fleet, revocation_write(&revocation, &document, ERR(fleet)));
    fleet_sign(fleet, document, CAROL);
    return document;
}

/* --- rows ------------------------------------------------------------------------------------ */

static void hex(buffer_t *sql, const void *bytes, size_t size) {
    char *text = malloc(HEX * size + 1);
    assert_non_null(text);
    buffer_format(sql, "x'%s'", hex_text(bytes, size, text));
    free(text);
}

static void hex_document(fleet_t *fleet, buffer_t *sql, const document_t *document) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    GOOD(fleet, document_encode(document, &bytes, ERR(fleet)));
    hex(sql, bytes.data, bytes.size);
}

static void run(fleet_t *fleet, const buffer_t *sql) {
    GOOD(fleet, buffer_check(sql, ERR(fleet)));
    fixture_exec(fleet->fixture, buffer_string(sql));
}

static void put_order(fleet_t *fleet, const document_t *document, order_kind_t kind,
                      int64_t accepted_us) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    char digest[DIGEST_TEXT_SIZE];
    buffer_format(&sql,
                  "INSERT INTO signed_order (digest, order_id, kind, document, accepted_us, "
                  "expires_us, received_us) VALUES ('%s', 'x', %d, ",
                  digest_text(&document->id, digest), (int)kind);
    hex_document(fleet, &sql, document);
    buffer_format(&sql, ", %" PRId64 ", 0, %" PRId64 ")", accepted_us, accepted_us - FLEET_S_US);
    run(fleet, &sql);
}

static void put_card(fleet_t *fleet) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(document_destroy_p) document_t *card = write_card(fleet);
    char key[2 * SIGN_PUBLIC_BYTES + 1];
    buffer_format(
        &sql,
        "INSERT INTO enrolment (sign_key, curve_key, name, state, request, fingerprint, "
        "asked_us, decided_us, draft, card) VALUES ('%s', '', 'east-1', 2, '', '', 1, %" PRId64
        ", x'', ",
        hex_text(KEYS.publics[AGENT].bytes, SIGN_PUBLIC_BYTES, key), at(120));
    hex_document(fleet, &sql, card);
    buffer_text(&sql, ")");
    run(fleet, &sql);
}

static void put_revocation(fleet_t *fleet, who_t who, int64_t received_us, int64_t at_us) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(document_destroy_p) document_t *document = write_revocation(fleet, who, at_us);
    char key[2 * SIGN_PUBLIC_BYTES + 1];
    buffer_format(&sql,
                  "INSERT INTO revocation (key, digest, received_us, document) VALUES ('%s', '', "
                  "%" PRId64 ", ",
                  hex_text(KEYS.publics[who].bytes, SIGN_PUBLIC_BYTES, key), received_us);
    hex_document(fleet, &sql, document);
    buffer_text(&sql, ")");
    run(fleet, &sql);
}

static void put_rollout(fleet_t *fleet, uint32_t id, rollout_kind_t kind, int64_t created_us) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    char rollout[IDENT_TEXT_SIZE];
    char order[DIGEST_TEXT_SIZE];
    char bundle[DIGEST_TEXT_SIZE];
    ident_t ident = id_of(id);
    digest_t digest = digest_of(7);
    buffer_format(&sql,
                  "INSERT INTO rollout (rollout_id, name, kind, application, bundle_digest, "
                  "target_position, target_version, state, current_wave, unreachable, attempts, "
                  "recovery_kind, trial_restore, sample_bp, task_timeout_us, accept_data_loss, "
                  "spec, plan_digest, order_id, actor, created_us, started_us, updated_us, "
                  "order_digest) VALUES ('%s', 'r', %d, 'app', '%s', %d, 'V005', 6, 0, 0, 3, '%s', "
                  "'none', 0, 0, 0, '{}', '', '', 'alice', %" PRId64 ", %" PRId64 ", 0, '%s')",
                  ident_text(&ident, rollout), (int)kind, digest_text(&digest, bundle),
                  kind == KIND_UNDO ? FROM : TO, kind == KIND_UNDO ? "none" : "dump", created_us,
                  created_us + FLEET_S_US, digest_text(&fleet->order->id, order));
    run(fleet, &sql);
}

typedef struct job {
    uint32_t job;
    uint32_t rollout;
    uint32_t wave;
    uint32_t tenant;
    bool undo;
} job_t;

static void put_task(fleet_t *fleet, const job_t *job) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    char texts[3][IDENT_TEXT_SIZE];
    ident_t ids[] = {id_of(job->job), id_of(job->rollout), id_of(job->tenant)};
    int back = fleet->flaw == FLAW_UNDO_ELSEWHERE ? FROM - 1 : FROM;
    buffer_format(&sql,
                  "INSERT INTO task (job_id, rollout_id, wave, ordinal, tenant_id, tenant_name, "
                  "system_identifier, database_name, state, attempts, from_position, position, "
                  "to_position, started_us, finished_us) VALUES ('%s', '%s', %u, %u, '%s', 't', "
                  "'%d', 't', 6, 1, %d, 5, %d, 5, 9)",
                  ident_text(&ids[0], texts[0]), ident_text(&ids[1], texts[1]), job->wave,
                  fleet->ordinals++, ident_text(&ids[2], texts[2]), CLUSTER, job->undo ? TO : FROM,
                  job->undo ? back : TO);
    run(fleet, &sql);
}

/* A tenant that the plan refused: in the rollout, but in no order. */
static void put_refused(fleet_t *fleet, int64_t created_us) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    char texts[3][IDENT_TEXT_SIZE];
    ident_t ids[] = {id_of(109), id_of(200), id_of(9)};
    buffer_format(&sql,
                  "INSERT INTO task (job_id, rollout_id, wave, ordinal, tenant_id, tenant_name, "
                  "system_identifier, database_name, state, from_position, position, "
                  "finished_us) VALUES ('%s', '%s', 1, %u, '%s', 't9', '%d', 't9', 9, 4, 4, "
                  "%" PRId64 ")",
                  ident_text(&ids[0], texts[0]), ident_text(&ids[1], texts[1]), fleet->ordinals++,
                  ident_text(&ids[2], texts[2]), CLUSTER, created_us);
    run(fleet, &sql);
}

/* --- what the agent signed ------------------------------------------------------------------- */

/* Reports that are being put together; what they point at lives as long. */
typedef struct batch {
    Drover__Report reports[8];
    Drover__Report *list[8];
    Drover__RecoveryPoint points[8];
    ident_t jobs[8];
    ident_t attempts[8];
    ident_t tenants[8];
    char references[8][16];
    digest_t sql;
    digest_t order;
    char *notes[PART_NOTES];
    size_t count;
} batch_t;

static Drover__Report *add_report(fleet_t *fleet, batch_t *batch, const job_t *job,
                                  Drover__Step step) {
    size_t i = batch->count++;
    Drover__Report *report = &batch->reports[i];
    drover__report__init(report);
    batch->list[i] = report;
    batch->jobs[i] = id_of(job->job);
    batch->attempts[i] = id_of(job->job + 300);
    batch->tenants[i] = id_of(job->tenant);
    report->number = ++fleet->reports;
    report->job = field_of_ident(&batch->jobs[i]);
    report->attempt = field_of_ident(&batch->attempts[i]);
    report->tenant = field_of_ident(&batch->tenants[i]);
    report->step = step;
    report->outcome = DROVER__OUTCOME__OUTCOME_DONE;
    report->started_us = at(260);
    report->finished_us = at(261);
    report->wave = job->undo ? 0 : job->wave + (fleet->flaw == FLAW_OTHER_WAVE ? 1 : 0);
    if (fleet->flaw != FLAW_NO_ORDER) {
        report->order = field_of_digest(&batch->order);
    }
    return report;
}

static void add_backup(fleet_t *fleet, batch_t *batch, const job_t *job) {
    Drover__Report *report = add_report(fleet, batch, job, DROVER__STEP__STEP_BACKUP);
    Drover__RecoveryPoint *point = &batch->points[batch->count - 1];
    char *reference = batch->references[batch->count - 1];
    drover__recovery_point__init(point);
    (void)snprintf(reference, 16, "point-%u", job->tenant);
    point->kind = field_of_text("dump");
    point->reference = reference;
    point->time_us = fleet->flaw == FLAW_LATE_RECOVERY ? at(4000) : at(250);
    report->recovery_point = point;
}

static void add_change(fleet_t *fleet, batch_t *batch, const job_t *job, Drover__Step step) {
    Drover__Report *report = add_report(fleet, batch, job, step);
    report->sql_digest = field_of_digest(&batch->sql);
    report->final = true;
}

void fleet_put_reports(fleet_t *fleet, Drover__Reports *reports, int64_t received_us) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    ident_t state = id_of(500);
    agent_key_t curve = key_of(1);
    reports->state = field_of_ident(&state);
    size_t size = drover__reports__get_packed_size(reports);
    CLEANUP(free_p) uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    (void)drover__reports__pack(reports, bytes);
    digest_t digest = hash_of(HASH_REPORT, bytes, size);
    signature_t signature = sign_bytes(&KEYS.secrets[AGENT], SIGN_REPORTS, bytes, size);
    char digest_hex[DIGEST_TEXT_SIZE];
    char key[2 * SIGN_PUBLIC_BYTES + 1];
    char agent[2 * sizeof curve.bytes + 1];
    char signature_hex[2 * SIGN_SIGNATURE_BYTES + 1];
    char state_text[IDENT_TEXT_SIZE];
    buffer_format(&sql,
                  "INSERT INTO report_batch (digest, agent_key, state_id, signing_key, signature, "
                  "received_us, payload) VALUES ('%s', '%s', '%s', '%s', '%s', %" PRId64 ", ",
                  digest_text(&digest, digest_hex),
                  hex_text(curve.bytes, sizeof curve.bytes, agent), ident_text(&state, state_text),
                  hex_text(KEYS.publics[AGENT].bytes, SIGN_PUBLIC_BYTES, key),
                  hex_text(signature.bytes, sizeof signature.bytes, signature_hex), received_us);
    hex(&sql, bytes, size);
    buffer_text(&sql, ")");
    run(fleet, &sql);
}

static void put_batch(fleet_t *fleet, batch_t *batch, int64_t received_us) {
    Drover__Reports reports = DROVER__REPORTS__INIT;
    reports.reports = batch->list;
    reports.n_reports = batch->count;
    fleet_put_reports(fleet, &reports, received_us);
}

static void put_result(fleet_t *fleet, uint32_t wave, const result_entry_t *entries, size_t count) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    char digest[DIGEST_TEXT_SIZE];
    result_t result = {.fleet = id_of(1000),
                       .order = fleet->order->id,
                       .wave = wave,
                       .issued_us = at(262),
                       .entries = entries,
                       .entry_count = count};
    GOOD(fleet, result_write(&result, &document, ERR(fleet)));
    fleet_sign(fleet, document, AGENT);
    buffer_format(&sql,
                  "INSERT INTO wave_result (digest, order_digest, wave, sign_key, received_us, "
                  "document) VALUES ('%s', '', %u, '', %" PRId64 ", ",
                  digest_text(&document->id, digest), wave, at(300));
    hex_document(fleet, &sql, document);
    buffer_text(&sql, ")");
    run(fleet, &sql);
}

static void put_point(fleet_t *fleet, uint32_t tenant, const char *reference) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    char text[IDENT_TEXT_SIZE];
    ident_t ident = id_of(tenant);
    buffer_format(&sql,
                  "INSERT INTO recovery_point (reference, tenant_id, agent_key, kind, lsn, "
                  "taken_us, verified, size_bytes, digest, rollout_id, position) VALUES ('%s', "
                  "'%s', '', 'dump', '0/1', %" PRId64 ", 'readable', 7, '', '', 4)",
                  reference, ident_text(&ident, text), at(250));
    run(fleet, &sql);
}

/* --- the whole ------------------------------------------------------------------------------- */

static const job_t JOBS[TENANTS] = {
    {101, 200, 0, 1, false}, {102, 200, 1, 2, false}, {103, 200, 1, 3, false}};
static const job_t UNDO = {111, 201, 0, 1, true};

static void put_work(fleet_t *fleet) {
    put_rollout(fleet, 200, KIND_FORWARD, at(210));
    for (int i = 0; i < TENANTS; i++) {
        put_task(fleet, &JOBS[i]);
    }
    put_refused(fleet, at(210));
    put_rollout(fleet, 201, KIND_UNDO, at(400));
    put_task(fleet, &UNDO);
    if (fleet->flaw == FLAW_SECOND_ROLLOUT) {
        put_rollout(fleet, 202, KIND_FORWARD, at(500));
    }
}

static void put_reports(fleet_t *fleet) {
    batch_t batch = {.sql = digest_of(77), .order = fleet->order->id};
    if (fleet->flaw == FLAW_OTHER_ORDER) {
        batch.order = digest_of(78);
    }
    for (int i = 0; i < TENANTS; i++) {
        if (fleet->flaw != FLAW_NO_RECOVERY) {
            add_backup(fleet, &batch, &JOBS[i]);
        }
        add_change(fleet, &batch, &JOBS[i], DROVER__STEP__STEP_APPLY);
    }
    put_batch(fleet, &batch, at(300));
    /* a batch that is too large for one message: the undo's report, with much to tell */
    batch_t large = {.sql = digest_of(79), .order = batch.order};
    CLEANUP(free_p) char *note = malloc(NOTE_BYTES + 1);
    assert_non_null(note);
    memset(note, 'n', NOTE_BYTES);
    note[NOTE_BYTES] = '\0';
    for (int i = 0; i < PART_NOTES; i++) {
        large.notes[i] = note;
    }
    job_t unknown = {999, 0, 0, 1, true};
    add_change(fleet, &large, fleet->flaw == FLAW_UNKNOWN_JOB ? &unknown : &UNDO,
               DROVER__STEP__STEP_UNDO);
    large.reports[0].notes = large.notes;
    large.reports[0].n_notes = PART_NOTES;
    put_batch(fleet, &large, at(420));
}

static void put_results(fleet_t *fleet) {
    result_entry_t first[] = {{id_of(1), RESULT_DONE}};
    result_entry_t second[] = {{id_of(2), RESULT_DONE}, {id_of(3), RESULT_DONE}};
    result_entry_t wrong[] = {{id_of(1), RESULT_DONE}};
    put_result(fleet, 0, first, 1);
    if (fleet->flaw == FLAW_OTHER_TENANT) {
        put_result(fleet, 1, wrong, 1);
    } else {
        put_result(fleet, 1, second, 2);
    }
    for (uint32_t tenant = 1; tenant <= TENANTS && fleet->flaw != FLAW_NO_RECOVERY; tenant++) {
        char reference[16];
        (void)snprintf(reference, sizeof reference, "point-%u", tenant);
        put_point(fleet, tenant, reference);
    }
    if (fleet->flaw == FLAW_UNREPORTED_POINT) {
        put_point(fleet, 1, "point-0");
    }
}

static void put_ticket(fleet_t *fleet) {
    CLEANUP(buffer_free) buffer_t sql = {0};
    char digest[DIGEST_TEXT_SIZE];
    buffer_format(&sql,
                  "INSERT INTO ticket (digest, order_digest, wave, bytes, made_us) VALUES "
                  "('00', '%s', 1, x'00', %" PRId64 "); UPDATE ticket SET digest = '%s'",
                  digest_text(&fleet->order->id, digest), at(310), digest);
    run(fleet, &sql);
}

/* Rows as an older program wrote them: the store finds them when it is opened. */
static void put_old_rows(fleet_t *fleet) {
    if (fleet->flaw == FLAW_OLD_ROWS) {
        fixture_exec(fleet->fixture,
                     "INSERT INTO audit (sequence, time_us, actor, origin, action, rollout_id, "
                     "tenant_id, sql_digest, result, detail) VALUES "
                     "(1, 5, 'ada', '', 'rollout.start', '', '', '', 'ok', ''), "
                     "(2, 6, 'ada', '', 'rollout.stop', '', '', '', 'ok', '')");
        fixture_close(fleet->fixture);
        fixture_open(fleet->fixture);
    }
}

static void publish(fleet_t *fleet, int64_t version, int64_t now_us) {
    CLEANUP(document_destroy_p) document_t *document = write_trust(fleet, version);
    bool known = false;
    keeper_paper_t paper = {.document = document, .by = "carol", .now_us = now_us};
    store_t *store = fleet->fixture->store;
    GOOD(fleet, store_begin(store, ERR(fleet)));
    GOOD(fleet, keeper_publish(fleet->keeper, &paper, &known, ERR(fleet)));
    GOOD(fleet, store_commit(store, ERR(fleet)));
}

static void open_trust(fleet_t *fleet) {
    store_t *store = fleet->fixture->store;
    fleet->root_document = write_trust(fleet, 1);
    (void)snprintf(fleet->root, sizeof fleet->root, "%s/v1.trust", fleet->fixture->folder);
    GOOD(fleet, trust_file_write(fleet->root_document, fleet->root, ERR(fleet)));
    keeper_options_t options = {
        .root = fleet->root, .environment = "", .order_life_us = TRUST_DAY_US};
    GOOD(fleet, store_begin(store, ERR(fleet)));
    GOOD(fleet, keeper_new(store, &options, at(1), &fleet->keeper, ERR(fleet)));
    GOOD(fleet, store_commit(store, ERR(fleet)));
    publish(fleet, 2, at(100));
    if (fleet->flaw == FLAW_GONE_LATER) {
        publish(fleet, 3, at(700));
    }
}

void fleet_open(fleet_t *fleet, fixture_t *fixture, fleet_flaw_t flaw) {
    make_keys();
    *fleet = (fleet_t){.fixture = fixture, .flaw = flaw};
    put_old_rows(fleet);
    who_t signer = flaw == FLAW_FOREIGN_HEAD ? OTHER : COORD;
    fleet->signer = (store_audit_signer_t){
        .secret = &KEYS.secrets[signer],
        .key = KEYS.publics[signer],
        .identity = {.id = id_of(600), .epoch = 3, .incarnation = id_of(601)}};
    store_audit_sign_with(fixture->store, &fleet->signer);
    open_trust(fleet);
    fleet->order = write_rollout_order(fleet);
    fleet->approval = write_approval(fleet);
    put_card(fleet);
    put_order(fleet, fleet->order, ORDER_ROLLOUT, at(209));
    /* an approval would show an order that does not hold, too */
    if (flaw != FLAW_ONE_SHORT && flaw != FLAW_REVOKED_SIGNER) {
        put_order(fleet, fleet->approval, ORDER_APPROVE_WAVE, at(245));
    }
    bool early = flaw == FLAW_AGENT_REVOKED;
    put_revocation(fleet, early ? AGENT : OTHER, early ? at(290) : at(500), at(280));
    put_work(fleet);
    put_reports(fleet);
    put_results(fleet);
    put_ticket(fleet);
    for (int i = 0; i < 5; i++) {
        fleet_audit(fleet, i % 2 == 0 ? "rollout.start" : "task:17");
    }
    fleet_serve(fleet);
    (void)hex_text(KEYS.publics[ALICE].bytes, SIGN_PUBLIC_BYTES, fleet->asker);
    if (flaw == FLAW_OTHER_ROOT) {
        fleet->other_root = true;
        document_destroy(&fleet->root_document);
        fleet->root_document = write_trust(fleet, 1);
    }
}
