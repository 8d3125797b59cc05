/* papers.c: see papers.h. */
#include "tests/unit/coordinator/service/papers.h"
#include "common/trust/merkle.h"

/* The draft of a start, asked by w->asker; owned by the caller. */
char *draft_of(world_t *w, const char *verb, const char *arguments) {
    ask(w, "order.draft", "{\"verb\":\"%s\",\"arguments\":%s}", verb, arguments);
    return strdup(text_of(w->document, "draft"));
}

/* Arguments with an order in them; owned by the caller. */
char *with(const char *arguments, const char *key, const char *paper) {
    json_t *object = json_loads(arguments, 0, NULL);
    assert_non_null(object);
    json_object_set_new(object, key, json_string(paper));
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

json_t *start(world_t *w, const char *verb, const char *arguments, const char *order) {
    char *text = with(arguments, "order", order);
    json_t *document = ask(w, verb, "%s", text);
    free(text);
    return document;
}

void start_refused(world_t *w, const char *code, const char *verb, const char *arguments,
                   const char *order) {
    char *text = with(arguments, "order", order);
    refused(w, code, verb, "%s", text);
    free(text);
}

json_t *as(world_t *w, who_t who, const char *verb, const char *arguments) {
    who_t before = w->asker;
    w->asker = who;
    json_t *document = ask(w, verb, "%s", arguments);
    w->asker = before;
    return document;
}

void refused_as(world_t *w, who_t who, const char *code, const char *verb, const char *arguments) {
    who_t before = w->asker;
    w->asker = who;
    refused(w, code, verb, "%s", arguments);
    w->asker = before;
}

/* A blank order that `who` proposes, signed by these. */
char *blank_by(world_t *w, who_t who, const char *arguments, const who_t *list) {
    char *draft = strdup(text_of(as(w, who, "order.blank", arguments), "draft"));
    char *paper = signers_sign(draft, list);
    free(draft);
    return paper;
}
void states_are(world_t *w, const char *rollout, const char *wave) {
    json_t *status = ask(w, "rollout.status", "{\"rollout\":\"first\"}");
    assert_string_equal(text_of(status, "state"), rollout);
    assert_string_equal(text_of(status, "waves.1.state"), wave);
}

typedef struct rows {
    leaf_t leaves[64];
    size_t count;
} rows_t;

static int by_tenant(const void *a, const void *b) {
    return ident_compare(&((const leaf_t *)a)->tenant, &((const leaf_t *)b)->tenant);
}

static void add_rows(const json_t *document, const char *array, int64_t wave, int64_t number,
                     rows_t *into) {
    const json_t *row = NULL;
    size_t index = 0;
    json_array_foreach(json_object_get(document, array), index, row) {
        error_t err = {0};
        leaf_t *leaf = &into->leaves[into->count];
        if (number_of(row, "order_wave") != wave) {
            continue;
        }
        *leaf = (leaf_t){.cluster = strtoull(text_of(row, "cluster_id"), NULL, 10),
                         .number = number,
                         .from_position = (uint32_t)number_of(row, "from"),
                         .to_position = (uint32_t)number_of(row, "to")};
        assert_int_equal(ident_parse(text_of(row, "tenant"), &leaf->tenant, &err), STATUS_OK);
        const char *reference = json_string_value(json_object_get(row, "reference"));
        if (reference != NULL && reference[0] != '\0') {
            assert_int_equal(ident_parse(reference, &leaf->reference, &err), STATUS_OK);
        }
        into->count++;
    }
}

/* Each wave's root, built anew from the rows that a person sees. */
void rows_fit(const json_t *document, const order_t *order) {
    size_t all = 0;
    for (uint32_t w = 0; w < order->wave_count; w++) {
        rows_t rows = {.count = 0};
        merkle_t *tree = NULL;
        error_t err = {0};
        add_rows(document, "tenants", w, order->issued_us, &rows);
        add_rows(document, "looked_at", w, order->issued_us, &rows);
        qsort(rows.leaves, rows.count, sizeof rows.leaves[0], by_tenant);
        leaves_t leaves = {.application = order->application,
                           .wave = w,
                           .leaves = rows.leaves,
                           .count = rows.count};
        assert_int_equal(rows.count, order->waves[w].count);
        assert_int_equal(leaves_tree(&leaves, &tree, &err), STATUS_OK);
        digest_t root = merkle_root(tree);
        assert_true(digest_equal(&root, &order->waves[w].root));
        merkle_destroy(&tree);
        all += rows.count;
    }
    assert_int_equal(all, order->tenants_total);
}
