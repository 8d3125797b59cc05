/* rogue_cases.c: see rogue.h. Each case is one function over an honest beginning. */
#include "common/crypto/random.h"
#include "common/trust/trust_file.h"
#include "common/wire/field.h"
#include "tests/integration/rogue/rogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 4096, KEYS = 16 };
#define HOUR_US (INT64_C(3600) * 1000000)

void rogue_must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        error_print(err, "rogue");
        exit(1);
    }
}

const keyfile_t *rogue_key(const rogue_facts_t *facts, const char *file, key_kind_t kind) {
    static keyfile_t *kept[KEYS];
    static const char *names[KEYS];
    static size_t count;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], file) == 0) {
            return kept[i];
        }
    }
    char path[PATH_SIZE];
    error_t err = {0};
    (void)snprintf(path, sizeof path, "%s/%s", facts->folder, file);
    const keyfile_open_t open = {.path = path, .kind = kind};
    INVARIANT(count < KEYS);
    rogue_must(keyfile_open(&open, &kept[count], &err), &err);
    names[count] = file;
    return kept[count++];
}

/* ---- the honest beginning ---- */

static void begin(const rogue_facts_t *facts, rogue_case_t *made) {
    static const rogue_signer_t OPERATOR = {"trust/operator.key", KEY_OPERATOR};
    *made = (rogue_case_t){
        .facts = facts,
        .fleet_of = "trust",
        .signers = {OPERATOR},
        .batch_key = "trust/coordinator.key",
        .order = {.kind = ORDER_ROLLOUT,
                  .id = random_ident(),
                  .application = facts->application,
                  .environment = "",
                  .bundle = facts->bundle,
                  .target_position = facts->position + 1,
                  .recovery_kind = "none",
                  .recovery_reason = "throwaway data",
                  .trial_restore = "never",
                  .wave_count = 1,
                  .issued_us = facts->now_us,
                  .not_before_us = facts->now_us,
                  .expires_us = facts->now_us + HOUR_US,
                  .undo_authorized = true,
                  .trust_version = 1},
        .leaves = {{.tenant = facts->tenant,
                    .cluster = facts->system_identifier,
                    .number = facts->now_us,
                    .from_position = facts->position,
                    .to_position = facts->position + 1}},
    };
    drover__terms__init(&made->terms);
    drover__job__init(&made->job);
    made->terms.kind = DROVER__JOB_KIND__JOB_FORWARD;
    made->terms.target_position = facts->position + 1;
    made->terms.recovery_kind = field_of_text("none");
    made->terms.recovery_reason = field_of_text("throwaway data");
    made->terms.trial_restore = field_of_text("none");
}

static ident_t fleet_id(const rogue_facts_t *facts, const char *folder, int64_t *ret_version) {
    char path[PATH_SIZE];
    error_t err = {0};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(trust_destroy_p) trust_t *trust = NULL;
    (void)snprintf(path, sizeof path, "%s/%s/fleet.trust", facts->folder, folder);
    rogue_must(trust_file_read(path, &document, &err), &err);
    rogue_must(trust_pin(document, &trust, &err), &err);
    *ret_version = trust->version;
    return trust->fleet;
}

static void sign_all(const rogue_case_t *made, const rogue_signer_t *signers,
                     document_t *document) {
    error_t err = {0};
    for (size_t i = 0; signers[i].file != NULL; i++) {
        const keyfile_t *key = rogue_key(made->facts, signers[i].file, signers[i].kind);
        rogue_must(document_sign(document, keyfile_sign_secret(key), &err), &err);
    }
}

static void serve(rogue_case_t *made, const digest_t *digest, const document_t *document) {
    error_t err = {0};
    INVARIANT(made->paper_count < ROGUE_PAPERS);
    rogue_paper_t *paper = &made->papers[made->paper_count++];
    paper->digest = *digest;
    rogue_must(document_encode(document, &paper->bytes, &err), &err);
}

/* Roots over the leaves as they stand now, and the proof of the job's. A standing order has neither
 * wave nor root: the leaf is all that a job claims. */
static void grow_trees(rogue_case_t *made) {
    error_t err = {0};
    if (made->order.wave_count == 0) {
        made->proof.leaf = made->leaves[0];
    }
    for (uint32_t i = 0; i < made->order.wave_count; i++) {
        CLEANUP(merkle_destroy_p) merkle_t *merkle = NULL;
        const leaves_t leaves = {.application = made->order.application,
                                 .wave = i,
                                 .leaves = &made->leaves[i],
                                 .count = 1};
        rogue_must(leaves_tree(&leaves, &merkle, &err), &err);
        made->waves[i].count = 1;
        made->waves[i].root = merkle_root(merkle);
        if (i == made->proof.wave) {
            made->proof.leaf = made->leaves[i];
            merkle_path(merkle, 0, &made->proof.path);
        }
    }
    made->order.waves = made->waves;
}

static document_t *signed_order(rogue_case_t *made, const order_t *order,
                                const rogue_signer_t *signers) {
    error_t err = {0};
    document_t *document = NULL;
    rogue_must(order_write(order, &document, &err), &err);
    sign_all(made, signers, document);
    return document;
}

static order_t control_order(const rogue_case_t *made, order_kind_t kind,
                             const rogue_signer_t *signer) {
    const keyfile_t *key = rogue_key(made->facts, signer->file, signer->kind);
    return (order_t){.kind = kind,
                     .id = random_ident(),
                     .fleet = made->order.fleet,
                     .application = kind == ORDER_HOLD ? "" : made->order.application,
                     .environment = "",
                     .recovery_kind = "",
                     .recovery_reason = "",
                     .trial_restore = "",
                     .issued_us = made->facts->now_us,
                     .not_before_us = made->facts->now_us,
                     .expires_us = made->facts->now_us + HOUR_US,
                     .proposer = *keyfile_sign_public(key),
                     .trust_version = 1};
}

/* The evidence that a thief would forge: an approval, or results that nobody signed. */
static void forge_ticket(rogue_case_t *made) {
    error_t err = {0};
    CLEANUP(document_destroy_p) document_t *approval = NULL;
    ticket_parts_t parts = {.order = made->order_digest, .wave = 1};
    if (made->approve) {
        order_t order = control_order(made, ORDER_APPROVE_WAVE, &made->approvers[0]);
        order.subject = made->order_digest;
        order.subject_wave = 1;
        approval = signed_order(made, &order, made->approvers);
        parts.approval = approval;
    } else {
        parts.leaves = made->leaves;
        parts.leaf_count = 1;
    }
    rogue_paper_t *paper = &made->papers[made->paper_count++];
    rogue_must(ticket_encode(&parts, &paper->bytes, &err), &err);
    paper->digest = ticket_digest(paper->bytes.data, paper->bytes.size);
    made->ticket_digest = paper->digest;
}

/* The very order that another case left in the folder, or this one for another case. */
static document_t *kept_order(rogue_case_t *made) {
    char path[PATH_SIZE];
    error_t err = {0};
    document_t *document = NULL;
    (void)snprintf(path, sizeof path, "%s/kept.order", made->facts->folder);
    if (made->kept_order) {
        CLEANUP(order_destroy_p) order_t *order = NULL;
        rogue_must(trust_file_read(path, &document, &err), &err);
        rogue_must(order_read(document, &order, &err), &err);
        made->leaves[0].number = made->proof.leaf.number = order->issued_us;
        made->order.id = order->id;
        return document;
    }
    document = signed_order(made, &made->order, made->signers);
    if (made->keep_order) {
        rogue_must(trust_file_write(document, path, &err), &err);
    }
    return document;
}

static void finish_order(rogue_case_t *made) {
    int64_t version = 0;
    made->order.fleet = fleet_id(made->facts, made->fleet_of, &version);
    made->order.proposer =
        *keyfile_sign_public(rogue_key(made->facts, made->signers[0].file, made->signers[0].kind));
    grow_trees(made);
    CLEANUP(document_destroy_p) document_t *document = kept_order(made);
    made->order_digest = document->id;
    if (made->swap_paper) {
        order_t other = made->order;
        other.id = random_ident();
        CLEANUP(document_destroy_p) document_t *swapped = signed_order(made, &other, made->signers);
        serve(made, &made->order_digest, swapped);
    } else {
        serve(made, &made->order_digest, document);
    }
}

static void finish(rogue_case_t *made) {
    CLEANUP(buffer_free) buffer_t proof = {0};
    finish_order(made);
    if (made->with_ticket) {
        forge_ticket(made);
        made->terms.ticket = field_of_digest(&made->ticket_digest);
    }
    if (made->held) {
        order_t hold = control_order(made, ORDER_HOLD, &made->signers[0]);
        made->hold = signed_order(made, &hold, made->signers);
    }
    proof_encode(&made->proof, &proof);
    memcpy(made->proof_bytes, proof.data, proof.size);
    made->proof_size = proof.size;
    if (made->spoil_proof) {
        made->proof_bytes[proof.size / 2] ^= 1;
    }
    if (order_is_standing(&made->order) && made->terms.order.len == 0) {
        made->terms.order = field_of_ident(&made->order.id);
    }
    if (!made->without_order) {
        made->terms.order_digest = field_of_digest(&made->order_digest);
    }
    if (!made->without_proof) {
        made->job.proof = field_of_bytes(made->proof_bytes, made->proof_size);
    }
}

/* ---- the twists ---- */

typedef void twist_fn(rogue_case_t *made);

static void no_order(rogue_case_t *made) {
    made->without_order = true;
}

static void no_proof(rogue_case_t *made) {
    made->without_proof = true;
}

static void spoilt_proof(rogue_case_t *made) {
    made->spoil_proof = true;
}

static void own_signature(rogue_case_t *made) {
    made->signers[0] = (rogue_signer_t){"trust/coordinator.key", KEY_COORDINATOR};
}

static void release_signature(rogue_case_t *made) {
    made->signers[0] = (rogue_signer_t){"trust/release.key", KEY_RELEASE};
}

static void stranger(rogue_case_t *made) {
    made->signers[0] = (rogue_signer_t){"elsewhere/operator.key", KEY_OPERATOR};
}

static void other_fleet(rogue_case_t *made) {
    made->fleet_of = "elsewhere";
}

static void other_tenant(rogue_case_t *made) {
    made->leaves[0].tenant = made->facts->other_tenant;
}

static void other_cluster(rogue_case_t *made) {
    made->leaves[0].cluster++;
}

static void other_environment(rogue_case_t *made) {
    made->order.environment = "test";
}

static void other_bundle(rogue_case_t *made) {
    made->order.bundle = made->facts->other_bundle;
}

static void arbitrary_sql(rogue_case_t *made) { /* a bundle that nobody released */
    static digest_t unsigned_bundle;
    unsigned_bundle = made->facts->other_bundle;
    made->order.bundle = unsigned_bundle;
    made->terms.bundle = field_of_digest(&unsigned_bundle);
}

static void backup_order(rogue_case_t *made) {
    made->order.kind = ORDER_BACKUP;
    made->order.bundle = (digest_t){{0}};
    made->order.target_position = 0;
    made->order.undo_authorized = false;
    made->leaves[0].to_position = made->leaves[0].from_position;
}

static void restore_job(rogue_case_t *made) {
    made->terms.kind = DROVER__JOB_KIND__JOB_RESTORE;
    made->terms.accept_data_loss = true;
}

static void baseline_job(rogue_case_t *made) {
    made->terms.kind = DROVER__JOB_KIND__JOB_BASELINE;
}

static void undo_too_far(rogue_case_t *made) {
    made->terms.kind = DROVER__JOB_KIND__JOB_UNDO;
    made->terms.target_position = 0;
}

static void undo_forbidden(rogue_case_t *made) {
    made->terms.kind = DROVER__JOB_KIND__JOB_UNDO;
    made->terms.target_position = made->facts->position;
    made->order.undo_authorized = false;
}

static void past_the_target(rogue_case_t *made) {
    made->terms.target_position = made->facts->position + 2;
}

static void other_recovery(rogue_case_t *made) {
    made->order.recovery_kind = "dump";
    made->order.recovery_reason = "";
}

static void expired(rogue_case_t *made) {
    made->order.issued_us -= 48 * HOUR_US;
    made->order.not_before_us = made->order.issued_us;
    made->order.expires_us = made->order.issued_us + HOUR_US;
    made->leaves[0].number = made->order.issued_us;
}

static void early(rogue_case_t *made) {
    made->order.not_before_us += 24 * HOUR_US;
    made->order.expires_us += 48 * HOUR_US;
}

static void superseded(rogue_case_t *made) { /* older than the one that brought the tenant here */
    made->order.issued_us -= 12 * HOUR_US;
    made->order.not_before_us = made->order.issued_us;
    made->leaves[0].number = made->order.issued_us;
}

static void newer_trust(rogue_case_t *made) {
    made->order.trust_version = 7;
}

/* The tenant's leaf stands in the second wave; another tenant's fills the first. */
static void second_wave(rogue_case_t *made) {
    made->leaves[1] = made->leaves[0];
    made->leaves[0].tenant = made->facts->other_tenant;
    made->order.wave_count = 2;
    made->proof.wave = 1;
    made->terms.wave = 1;
}

static void no_results(rogue_case_t *made) {
    second_wave(made);
    made->with_ticket = true;
}

static void own_approval(rogue_case_t *made) {
    no_results(made);
    made->approve = true;
    made->approvers[0] = (rogue_signer_t){"trust/coordinator.key", KEY_COORDINATOR};
}

static void strange_approval(rogue_case_t *made) {
    no_results(made);
    made->approve = true;
    made->approvers[0] = (rogue_signer_t){"elsewhere/operator.key", KEY_OPERATOR};
}

static void swapped_paper(rogue_case_t *made) {
    made->swap_paper = true;
}

static void strange_batch(rogue_case_t *made) {
    made->batch_key = "elsewhere/coordinator.key";
    made->silent = true;
}

/* ---- and about standing orders ---- */

static void standing(rogue_case_t *made) {
    made->order.standing = "all";
    made->order.wave_count = 0;
}

static void standing_honest(rogue_case_t *made) {
    standing(made);
    made->keep_order = true;
}

static void standing_stranger(rogue_case_t *made) {
    standing(made);
    stranger(made);
}

static void standing_no_match(rogue_case_t *made) {
    standing(made);
    made->order.standing = "name=nobody";
}

static void standing_other_tenant(rogue_case_t *made) {
    standing(made);
    other_tenant(made);
}

static void standing_other_cluster(rogue_case_t *made) {
    standing(made);
    other_cluster(made);
}

static void standing_other_target(rogue_case_t *made) { /* the leaf says so, the order does not */
    standing(made);
    past_the_target(made);
    made->leaves[0].to_position++;
}

static void standing_past_the_target(rogue_case_t *made) {
    standing(made);
    past_the_target(made);
}

static void standing_past_its_end(rogue_case_t *made) {
    standing(made);
    expired(made);
}

static void standing_other_number(rogue_case_t *made) {
    standing(made);
    made->leaves[0].number--;
}

static void standing_other_start(rogue_case_t *made) { /* further back than the ledger tells */
    standing(made);
    made->leaves[0].from_position = 0;
}

static void standing_other_id(rogue_case_t *made) { /* that ledger rows would bear */
    static ident_t other;
    other = random_ident();
    standing(made);
    made->terms.order = field_of_ident(&other);
}

static void standing_wave(rogue_case_t *made) {
    standing(made);
    made->proof.wave = 1;
    made->terms.wave = 1;
}

static void standing_ticket(rogue_case_t *made) {
    standing_wave(made);
    made->with_ticket = true;
}

static void standing_root(rogue_case_t *made) {
    standing(made);
    made->proof.path.size = 1;
}

static void standing_undo(rogue_case_t *made) { /* of what others did */
    standing(made);
    undo_too_far(made);
    made->leaves[0].from_position = 0;
}

/* Of the very order that moved the tenant, but further than it did. */
static void standing_deep_undo(rogue_case_t *made) {
    standing_undo(made);
    made->kept_order = true;
}

static void held(rogue_case_t *made) {
    made->held = true;
}

static void honest(rogue_case_t *made) {
    (void)made;
}

static const struct {
    const char *name;
    twist_fn *twist;
} TWISTS[] = {
    {"no-order", no_order},
    {"no-proof", no_proof},
    {"spoilt-proof", spoilt_proof},
    {"own-signature", own_signature},
    {"release-signature", release_signature},
    {"stranger", stranger},
    {"other-fleet", other_fleet},
    {"other-tenant", other_tenant},
    {"other-cluster", other_cluster},
    {"other-environment", other_environment},
    {"other-bundle", other_bundle},
    {"arbitrary-sql", arbitrary_sql},
    {"backup-order", backup_order},
    {"restore-job", restore_job},
    {"baseline-job", baseline_job},
    {"undo-too-far", undo_too_far},
    {"undo-forbidden", undo_forbidden},
    {"past-the-target", past_the_target},
    {"other-recovery", other_recovery},
    {"expired", expired},
    {"early", early},
    {"superseded", superseded},
    {"newer-trust", newer_trust},
    {"no-ticket", second_wave},
    {"no-results", no_results},
    {"own-approval", own_approval},
    {"strange-approval", strange_approval},
    {"swapped-paper", swapped_paper},
    {"strange-batch", strange_batch},
    {"standing-stranger", standing_stranger},
    {"standing-no-match", standing_no_match},
    {"standing-other-tenant", standing_other_tenant},
    {"standing-other-cluster", standing_other_cluster},
    {"standing-other-target", standing_other_target},
    {"standing-past-the-target", standing_past_the_target},
    {"standing-past-its-end", standing_past_its_end},
    {"standing-other-number", standing_other_number},
    {"standing-other-start", standing_other_start},
    {"standing-other-id", standing_other_id},
    {"standing-wave", standing_wave},
    {"standing-ticket", standing_ticket},
    {"standing-root", standing_root},
    {"standing-undo", standing_undo},
    {"standing-deep-undo", standing_deep_undo},
    {"standing-honest", standing_honest},
    {"held", held},
    {"honest", honest},
};

enum { TWIST_COUNT = sizeof TWISTS / sizeof TWISTS[0] };

bool rogue_make(const rogue_facts_t *facts, const char *name, rogue_case_t *ret_case) {
    for (size_t i = 0; i < TWIST_COUNT; i++) {
        if (strcmp(TWISTS[i].name, name) == 0) {
            begin(facts, ret_case);
            ret_case->terms.bundle = field_of_digest(&facts->bundle);
            TWISTS[i].twist(ret_case);
            finish(ret_case);
            return true;
        }
    }
    return false;
}

void rogue_make_look(const rogue_facts_t *facts, rogue_case_t *ret_case) {
    begin(facts, ret_case);
    ret_case->order.kind = ORDER_LOOK;
    ret_case->order.bundle = (digest_t){{0}};
    ret_case->order.target_position = 0;
    ret_case->order.undo_authorized = false;
    ret_case->leaves[0].to_position = facts->position;
    ret_case->terms.kind = DROVER__JOB_KIND__JOB_LOOK;
    ret_case->terms.bundle = field_of_digest(&facts->bundle);
    ret_case->terms.target_position = facts->position;
    finish(ret_case);
}

void rogue_case_free(rogue_case_t *made) {
    for (size_t i = 0; i < made->paper_count; i++) {
        buffer_free(&made->papers[i].bytes);
    }
    document_destroy(&made->hold);
}

void rogue_list(void) {
    for (size_t i = 0; i < TWIST_COUNT; i++) {
        (void)puts(TWISTS[i].name);
    }
}
