/* drafts.c: see drafts.h. */
#include "tests/unit/cli/drafts.h"
#include "common/base/cleanup.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BUNDLE "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0"
#define DIGEST "d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1"

/* Not by id, as a plan's rows are by name. */
static const struct {
    const char *name;
    const char *id;
    const char *array;
    int wave;
} TENANTS[] = {{"acme", "aaaaaaaa-0000-4000-8000-000000000003", "tenants", 0},
               {"beta", "aaaaaaaa-0000-4000-8000-000000000002", "tenants", 2},
               {"cove", "aaaaaaaa-0000-4000-8000-000000000001", "looked_at", 2},
               {"dora", "aaaaaaaa-0000-4000-8000-000000000005", "tenants", 2},
               {"echo", "aaaaaaaa-0000-4000-8000-000000000004", "passed_over", 1}};
enum { COUNT = sizeof TENANTS / sizeof TENANTS[0] };

static json_t *wave(int number, const char *name, const char *on_failure) {
    return json_pack("{s:i,s:s,s:i,s:i,s:s,s:i,s:I,s:b}", "number", number, "name", name, "tenants",
                     3, "work", 2, "on_failure", on_failure, "budget", number, "soak_us",
                     (json_int_t)(number * 1000000), "needs_approval", number == 2);
}

json_t *drafts_plan(const char *kind) {
    bool forward = strcmp(kind, "forward") == 0;
    bool back = strcmp(kind, "undo") == 0 || strcmp(kind, "restore") == 0;
    bool uses = strcmp(kind, "restore") == 0 || strcmp(kind, "backup_check") == 0;
    bool still = strcmp(kind, "backup") == 0 || strcmp(kind, "backup_check") == 0 ||
                 strcmp(kind, "prune") == 0;
    json_t *plan = json_pack(
        "{s:s,s:s,s:s,s:s?,s:i,s:s,s:s?,s:{s:s,s:s?,s:s},s:[o,o,o],s:{s:i,s:i,s:i,s:i},s:[],s:[],"
        "s:[],s:[]}",
        "plan_digest", DIGEST, "kind", kind, "application", "app", "bundle", still ? NULL : BUNDLE,
        "target", forward ? 42 : 0, "target_version", forward ? "V042" : "V041", "parent",
        back ? "1f3a22c4-0000-4000-8000-000000000000" : NULL, "recovery", "kind",
        forward ? "dump" : "none", "reason", forward ? NULL : "it says why", "trial_restore",
        forward ? "canary" : "never", "waves", wave(0, "canary", "pause"), wave(1, "idle", "pause"),
        wave(2, "rest", forward ? "pause" : "continue"), "totals", "selected", 5, "work", 3, "look",
        1, "steps", 3, "tenants", "looked_at", "passed_over", "refused");
    assert_non_null(plan);
    for (int i = 0; i < COUNT; i++) {
        json_t *row = json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:s?}", "tenant", TENANTS[i].id, "name",
                                TENANTS[i].name, "cluster_id", "7300000000000000001", "wave",
                                TENANTS[i].wave, "from", forward ? 41 - i % 2 : 42, "to",
                                forward ? 42
                                : back  ? 41
                                        : 42,
                                "reference", uses ? TENANTS[i].id : NULL);
        assert_int_equal(json_array_append_new(json_object_get(plan, TENANTS[i].array), row), 0);
    }
    return plan;
}

static int64_t number_at(const json_t *row, const char *name) {
    return (int64_t)json_integer_value(json_object_get(row, name));
}

static const char *text_at(const json_t *row, const char *name) {
    const char *text = json_string_value(json_object_get(row, name));
    return text != NULL ? text : "";
}

static int by_tenant(const void *a, const void *b) {
    return ident_compare(&((const leaf_t *)a)->tenant, &((const leaf_t *)b)->tenant);
}

/* The leaves of one of the plan's waves; answers how many. */
static size_t leaves_of(const json_t *plan, int number, const leaf_t *like, leaf_t *leaves) {
    size_t count = 0;
    error_t err;
    for (int i = 0; i < 2; i++) {
        const json_t *rows = json_object_get(plan, i == 0 ? "tenants" : "looked_at");
        size_t index = 0;
        const json_t *row = NULL;
        json_array_foreach(rows, index, row) {
            if (number_at(row, "wave") != number) {
                continue;
            }
            leaf_t leaf = {.cluster = strtoull(text_at(row, "cluster_id"), NULL, 10),
                           .number = like->number,
                           .from_position = (uint32_t)number_at(row, "from"),
                           .to_position = (uint32_t)number_at(row, "to")};
            assert_int_equal(ident_parse(text_at(row, "tenant"), &leaf.tenant, &err), STATUS_OK);
            if (text_at(row, "reference")[0] != '\0') {
                assert_int_equal(ident_parse(text_at(row, "reference"), &leaf.reference, &err),
                                 STATUS_OK);
            }
            leaves[count++] = leaf;
        }
    }
    qsort(leaves, count, sizeof *leaves, by_tenant);
    return count;
}

void drafts_roots(const json_t *plan, int64_t number, drafts_order_t *into) {
    const leaf_t like = {.number = number};
    uint32_t next = 0;
    error_t err;
    for (int i = 0; i < 3; i++) {
        leaf_t leaves[COUNT];
        leaves_t all = {.application = into->order.application, .wave = next, .leaves = leaves};
        CLEANUP(merkle_destroy_p) merkle_t *tree = NULL;
        all.count = leaves_of(plan, i, &like, leaves);
        if (all.count > 0) {
            assert_int_equal(leaves_tree(&all, &tree, &err), STATUS_OK);
            into->waves[next++].root = merkle_root(tree);
        }
    }
}

static void digest_at(const json_t *plan, const char *name, digest_t *ret_digest) {
    error_t err;
    if (text_at(plan, name)[0] != '\0') {
        assert_int_equal(digest_parse(text_at(plan, name), ret_digest, &err), STATUS_OK);
    }
}

void drafts_fill(const json_t *plan, order_kind_t kind, int64_t issued_us, drafts_order_t *into) {
    const json_t *recovery = json_object_get(plan, "recovery");
    *into = (drafts_order_t){.order = {.fleet = {{1}},
                                       .id = {{2}},
                                       .kind = kind,
                                       .application = "app",
                                       .environment = "prod",
                                       .target_position = kind == ORDER_ROLLOUT ? 42 : 0,
                                       .recovery_kind = text_at(recovery, "kind"),
                                       .recovery_reason = text_at(recovery, "reason"),
                                       .trial_restore = text_at(recovery, "trial_restore"),
                                       .issued_us = issued_us,
                                       .not_before_us = issued_us,
                                       .expires_us = issued_us + 7 * TRUST_DAY_US,
                                       .undo_authorized = kind == ORDER_ROLLOUT,
                                       .trust_version = 3}};
    digest_at(plan, "bundle", &into->order.bundle);
    digest_at(plan, "plan_digest", &into->order.plan);
    for (int i = 0; i < 3; i++) {
        leaf_t leaves[COUNT];
        const json_t *from = json_array_get(json_object_get(plan, "waves"), (size_t)i);
        uint32_t count = (uint32_t)leaves_of(plan, i, &(leaf_t){.number = 1}, leaves);
        bool goes_on = strcmp(text_at(from, "on_failure"), "continue") == 0;
        if (count > 0) {
            into->waves[into->order.wave_count++] = (order_wave_t){
                .count = count,
                .budget_count = goes_on ? count : (uint32_t)number_at(from, "budget"),
                .needs_approval = json_is_true(json_object_get(from, "needs_approval")),
                .soak_us = number_at(from, "soak_us")};
        }
    }
    drafts_roots(plan, issued_us, into);
}

document_t *drafts_write(const drafts_order_t *from) {
    document_t *paper = NULL;
    error_t err;
    order_t order = from->order;
    order.waves = from->waves;
    if (order_write(&order, &paper, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    return paper;
}

char *drafts_base64(const void *bytes, size_t size) {
    size_t room = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(room);
    assert_non_null(text);
    return sodium_bin2base64(text, room, bytes, size, sodium_base64_VARIANT_ORIGINAL);
}

void drafts_add(json_t *plan, const document_t *paper) {
    char digest[DIGEST_TEXT_SIZE];
    char *text = drafts_base64(paper->body, paper->body_size);
    assert_int_equal(json_object_set_new(plan, "draft", json_string(text)), 0);
    assert_int_equal(
        json_object_set_new(plan, "draft_digest", json_string(digest_text(&paper->id, digest))), 0);
    assert_int_equal(json_object_set_new(plan, "signatures_needed", json_integer(1)), 0);
    free(text);
}
