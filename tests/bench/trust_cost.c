/*
 * trust_cost.c: what signatures, trees and proofs cost a rollout, without anything else.
 *
 *     trust_cost TENANTS
 *
 * One rollout of two waves, a tenth of the tenants first, as its coordinator and its agent do it:
 * the order is verified at both ends, each tenant's leaf hashed and proved, jobs and reports signed
 * and verified by batches of BATCH, results signed and checked, the ticket put together and
 * verified at both ends, the bundle's release verified. Prints the milliseconds that both ends
 * spend together.
 */
#include "common/base/clock.h"
#include "common/crypto/random.h"
#include "common/trust/ticket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 4, JOB_BYTES = 900, REPORT_BYTES = 700, REPORTS_A_JOB = 4, WAVES = 2 };
#define HOUR_US (INT64_C(3600) * 1000000)

typedef struct pair {
    sign_public_t public;
    sign_secret_t secret;
} pair_t;

typedef struct bench {
    pair_t root;
    pair_t release;
    pair_t person;
    pair_t agent;
    trust_t *trust;
    int64_t now_us;
    uint32_t tenants;
    uint32_t first_wave;
    leaf_t *leaves;
    order_wave_t waves[WAVES];
    merkle_t *trees[WAVES];
    document_t *order;
    document_t *card;
} bench_t;

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        error_print(err, "trust_cost");
        exit(1);
    }
}

static trust_key_t key_row(const pair_t *pair, trust_use_t use, const char *name) {
    return (trust_key_t){.key = pair->public,
                         .use = use,
                         .name = name,
                         .standing = TRUST_ACTIVE,
                         .from_us = 1,
                         .reason = ""};
}

static void make_trust(bench_t *bench) {
    error_t err = {0};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    static trust_grant_t roles[] = {{.role = ROLE_OPERATOR}, {.role = ROLE_ADMIN}};
    static trust_grant_t releases[] = {{.role = ROLE_RELEASE}};
    static trust_threshold_t thresholds[] = {{.role = ROLE_OPERATOR, .count = 1},
                                             {.role = ROLE_ADMIN, .count = 1},
                                             {.role = ROLE_RELEASE, .count = 1}};
    for (size_t i = 0; i < 2; i++) {
        roles[i].application = roles[i].environment = roles[i].selector = "";
    }
    releases[0].application = releases[0].environment = releases[0].selector = "";
    for (size_t i = 0; i < 3; i++) {
        thresholds[i].application = thresholds[i].environment = "";
        thresholds[i].proposer_counts = true;
    }
    trust_key_t keys[] = {key_row(&bench->root, TRUST_ROOT, "root"),
                          key_row(&bench->release, TRUST_RELEASE, "release"),
                          key_row(&bench->person, TRUST_OPERATOR, "operator")};
    keys[1].grants = releases;
    keys[1].grant_count = 1;
    keys[2].grants = roles;
    keys[2].grant_count = 2;
    const trust_t trust = {.fleet = random_ident(),
                           .version = 1,
                           .issued_us = bench->now_us - HOUR_US,
                           .expires_us = bench->now_us + 24 * HOUR_US,
                           .root_threshold = 1,
                           .keys = keys,
                           .key_count = 3,
                           .thresholds = thresholds,
                           .threshold_count = 3,
                           .undo_grace_us = HOUR_US};
    must(trust_write(&trust, &document, &err), &err);
    must(document_sign(document, &bench->root.secret, &err), &err);
    must(trust_pin(document, &bench->trust, &err), &err);
}

static leaves_t leaves_of(const bench_t *bench, uint32_t wave) {
    uint32_t first = wave == 0 ? 0 : bench->first_wave;
    uint32_t end = wave == 0 ? bench->first_wave : bench->tenants;
    return (leaves_t){.application = "bench",
                      .wave = wave,
                      .leaves = bench->leaves + first,
                      .count = end - first};
}

static int compare_leaves(const void *a, const void *b) {
    return ident_compare(&((const leaf_t *)a)->tenant, &((const leaf_t *)b)->tenant);
}

static void grow(bench_t *bench) {
    error_t err = {0};
    for (uint32_t i = 0; i < WAVES; i++) {
        const leaves_t leaves = leaves_of(bench, i);
        merkle_destroy(&bench->trees[i]);
        must(leaves_tree(&leaves, &bench->trees[i], &err), &err);
        bench->waves[i].count = (uint32_t)leaves.count;
        bench->waves[i].root = merkle_root(bench->trees[i]);
    }
}

static void make_order(bench_t *bench) {
    error_t err = {0};
    for (uint32_t i = 0; i < bench->tenants; i++) {
        bench->leaves[i] = (leaf_t){
            .tenant = random_ident(), .cluster = 1, .number = bench->now_us, .to_position = 10};
    }
    for (uint32_t i = 0; i < WAVES; i++) {
        const leaves_t leaves = leaves_of(bench, i);
        qsort((void *)(uintptr_t)leaves.leaves, leaves.count, sizeof(leaf_t), compare_leaves);
    }
    grow(bench);
    order_t order = {.fleet = bench->trust->fleet,
                     .id = random_ident(),
                     .kind = ORDER_ROLLOUT,
                     .application = "bench",
                     .environment = "",
                     .target_position = 10,
                     .recovery_kind = "dump",
                     .recovery_reason = "",
                     .trial_restore = "canary",
                     .waves = bench->waves,
                     .wave_count = WAVES,
                     .issued_us = bench->now_us,
                     .not_before_us = bench->now_us,
                     .expires_us = bench->now_us + HOUR_US,
                     .proposer = bench->person.public,
                     .undo_authorized = true,
                     .trust_version = 1};
    memset(order.bundle.bytes, 7, sizeof order.bundle.bytes);
    must(order_write(&order, &bench->order, &err), &err);
    must(document_sign(bench->order, &bench->person.secret, &err), &err);
}

static void make_card(bench_t *bench) {
    error_t err = {0};
    card_t card = {.fleet = bench->trust->fleet,
                   .key = bench->agent.public,
                   .name = "agent",
                   .issued_us = bench->now_us,
                   .serial = 1};
    memset(card.curve, 9, sizeof card.curve);
    must(card_write(&card, &bench->card, &err), &err);
    must(document_sign(bench->card, &bench->person.secret, &err), &err);
}

/* ---- what is measured ---- */

static void sign_and_verify(const pair_t *pair, const char *domain, size_t size) {
    static uint8_t bytes[64 * 1024];
    signature_t signature = sign_bytes(&pair->secret, domain, bytes, size);
    if (!sign_verify(&pair->public, domain, bytes, size, &signature)) {
        exit(1);
    }
}

/* The order from its bytes, as whoever gets it. */
static order_t *open_order(const bench_t *bench, order_authority_t *authority,
                           const trust_view_t *view) {
    error_t err = {0};
    CLEANUP(buffer_free) buffer_t bytes = {0};
    CLEANUP(document_destroy_p) document_t *document = NULL;
    order_t *order = NULL;
    must(document_encode(bench->order, &bytes, &err), &err);
    must(document_decode(bytes.data, bytes.size, &document, &err), &err);
    const order_source_t source = {.document = document};
    must(order_open(view, &source, &order, authority, &err), &err);
    return order;
}

/* A wave's results, each over one batch, and the ticket that they make, verified. */
static void open_wave(const bench_t *bench, const order_authority_t *authority) {
    error_t err = {0};
    const leaves_t leaves = leaves_of(bench, 0);
    size_t count = (leaves.count + BATCH - 1) / BATCH;
    ticket_statement_t *statements = calloc(count, sizeof *statements);
    document_t **results = calloc(count, sizeof(document_t *));
    CLEANUP(buffer_free) buffer_t ticket = {0};
    for (size_t i = 0; i < count; i++) {
        result_entry_t entries[BATCH];
        size_t have = 0;
        for (size_t k = i * BATCH; k < leaves.count && have < BATCH; k++) {
            entries[have++] =
                (result_entry_t){.tenant = leaves.leaves[k].tenant, .outcome = RESULT_DONE};
        }
        const result_t result = {.fleet = bench->trust->fleet,
                                 .order = authority->order->digest,
                                 .issued_us = bench->now_us,
                                 .entries = entries,
                                 .entry_count = have};
        must(result_write(&result, &results[i], &err), &err);
        must(document_sign(results[i], &bench->agent.secret, &err), &err);
        statements[i] = (ticket_statement_t){.card = bench->card, .result = results[i]};
    }
    const ticket_parts_t parts = {.order = authority->order->digest,
                                  .wave = 1,
                                  .leaves = leaves.leaves,
                                  .leaf_count = leaves.count,
                                  .statements = statements,
                                  .statement_count = count};
    must(ticket_encode(&parts, &ticket, &err), &err);
    const ticket_claim_t claim = {.wave = 1, .bytes = ticket.data, .size = ticket.size};
    ticket_verdict_t verdict;
    for (int end = 0; end < 2; end++) { /* the coordinator, then the agent */
        must(ticket_verify(authority, &claim, &verdict, &err), &err);
    }
    for (size_t i = 0; i < count; i++) {
        document_destroy(&results[i]);
    }
    free(results);
    free(statements);
}

static void admit(const bench_t *bench, const order_authority_t *authority, uint32_t wave) {
    error_t err = {0};
    const leaves_t leaves = leaves_of(bench, wave);
    const selector_subject_t labels = {.name = "tenant", .cluster = "main"};
    for (size_t i = 0; i < leaves.count; i++) {
        CLEANUP(buffer_free) buffer_t bytes = {0};
        proof_t proof = {.leaf = leaves.leaves[i], .wave = wave};
        merkle_path(bench->trees[wave], (uint32_t)i, &proof.path);
        proof_encode(&proof, &bytes);
        must(proof_decode(bytes.data, bytes.size, &proof, &err), &err);
        const order_deed_t deed = {.action = ACTION_FORWARD,
                                   .tenant = leaves.leaves[i].tenant,
                                   .cluster = 1,
                                   .environment = "",
                                   .target_position = 10,
                                   .open_wave = wave,
                                   .labels = &labels};
        must(order_admits(authority, &deed, &proof, &err), &err);
    }
}

static void verify_release(const bench_t *bench, const order_authority_t *authority) {
    error_t err = {0};
    const release_claim_t claim = {.digest = authority->order->bundle,
                                   .application = "bench",
                                   .signers = &bench->release.public,
                                   .signer_count = 1};
    must(order_takes_bundle(authority, &claim, &err), &err);
}

static void roll_out(bench_t *bench) {
    const trust_view_t view = {.trust = bench->trust, .now_us = bench->now_us};
    order_authority_t here;
    order_authority_t there;
    CLEANUP(order_destroy_p) order_t *at_coordinator = open_order(bench, &here, &view);
    CLEANUP(order_destroy_p) order_t *at_agent = open_order(bench, &there, &view);
    grow(bench);
    verify_release(bench, &there);
    open_wave(bench, &there);
    for (uint32_t wave = 0; wave < WAVES; wave++) {
        admit(bench, &there, wave);
    }
    for (uint32_t i = 0; i < bench->tenants; i += BATCH) {
        sign_and_verify(&bench->person, SIGN_JOB, (size_t)BATCH * JOB_BYTES);
        sign_and_verify(&bench->agent, SIGN_REPORTS, (size_t)BATCH * REPORTS_A_JOB * REPORT_BYTES);
    }
}

int main(int argc, char **argv) {
    enum { ROUNDS = 5 };
    static bench_t bench;
    error_t err = {0};
    bench.tenants = argc == 2 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
    if (bench.tenants < WAVES || bench.tenants > MERKLE_LEAVES) {
        (void)fputs("usage: trust_cost TENANTS\n", stderr);
        return 2;
    }
    must(random_start(&err), &err);
    bench.now_us = clock_wall_us();
    bench.first_wave = (bench.tenants + 9) / 10;
    bench.leaves = calloc(bench.tenants, sizeof *bench.leaves);
    pair_t *pairs[] = {&bench.root, &bench.release, &bench.person, &bench.agent};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        sign_keypair(&pairs[i]->public, &pairs[i]->secret);
    }
    make_trust(&bench);
    make_order(&bench);
    make_card(&bench);
    int64_t best_us = INT64_MAX;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t begin_us = clock_boot_us();
        roll_out(&bench);
        int64_t took_us = clock_boot_us() - begin_us;
        best_us = took_us < best_us ? took_us : best_us;
    }
    (void)printf("%.3f\n", (double)best_us / 1000);
    return 0;
}
