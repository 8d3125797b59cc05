/* order_check.c: see order_check.h. */
#include "cli/order_check.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static status_t differs(error_t *err, const char *format, ...) PRINTF_LIKE(2, 3);
static status_t differs(error_t *err, const char *format, ...) {
    char what[ERROR_TEXT_MAX / 2];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(what, sizeof what, format, values);
    va_end(values);
    return error_set(err, ERROR_ORDER_DIFFERS,
                     "the coordinator asks for a signature under something else than it shows: %s",
                     what);
}

#define SAME(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return differs(err, __VA_ARGS__);                                                      \
        }                                                                                          \
    } while (0)

/* --- whom: the rows -------------------------------------------------------------------------- */

/* A row that gets a job. */
typedef struct placed {
    int64_t wave;       /* of the plan; of the order where rows tell nothing else */
    int64_t order_wave; /* as the row says; -1: it says nothing */
    leaf_t leaf;
} placed_t;

typedef struct placed_list {
    placed_t *items;
    size_t count;
} placed_list_t;

static void placed_free(placed_list_t *list) {
    free(list->items);
    *list = (placed_list_t){0};
}

static const char *const PLACES[] = {"tenants", "looked_at"};
enum { PLACE_COUNT = sizeof PLACES / sizeof PLACES[0] };

/* A whole number of a row within its bounds, or the bound's negative. */
static bool number_of(const json_t *row, const char *name, int64_t most, int64_t *ret_number) {
    const json_t *value = json_object_get(row, name);
    int64_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || number > most) {
        return false;
    }
    *ret_number = number;
    return true;
}

/* A cluster's system identifier: digits alone, as the coordinator writes it. */
static bool cluster_of(const json_t *row, uint64_t *ret_cluster) {
    const char *text = document_text(row, "cluster_id");
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    *ret_cluster = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0;
}

/* Only what uses a backup names one. */
static bool reference_of(const json_t *row, order_kind_t kind, ident_t *ret_reference) {
    const char *text = document_text(row, "reference");
    bool uses = kind == ORDER_RESTORE || kind == ORDER_BACKUP;
    error_t why;
    return !uses || text[0] == '\0' || ident_parse(text, ret_reference, &why) == STATUS_OK;
}

static status_t read_row(const json_t *row, const order_t *order, placed_t *ret_placed,
                         error_t *err) {
    placed_t placed = {.order_wave = -1, .leaf = {.number = order->issued_us}};
    const char *name = document_text(row, "name");
    int64_t from = 0;
    int64_t to = 0;
    error_t why;
    SAME(ident_parse(document_text(row, "tenant"), &placed.leaf.tenant, &why) == STATUS_OK,
         "tenant '%.64s' has no id", name);
    SAME(cluster_of(row, &placed.leaf.cluster), "tenant '%.64s' is on no cluster", name);
    SAME(number_of(row, "from", UINT32_MAX, &from) && number_of(row, "to", UINT32_MAX, &to),
         "tenant '%.64s' has no way from a position to a position", name);
    SAME(reference_of(row, order->kind, &placed.leaf.reference),
         "the backup of tenant '%.64s' has no id", name);
    if (json_object_get(row, "order_wave") != NULL) {
        SAME(number_of(row, "order_wave", LIMIT_WAVES - 1, &placed.order_wave),
             "tenant '%.64s' is in no wave of the order", name);
        placed.wave = placed.order_wave;
    }
    if (placed.order_wave < 0 || json_is_integer(json_object_get(row, "wave"))) {
        SAME(number_of(row, "wave", LIMIT_WAVES - 1, &placed.wave), "tenant '%.64s' is in no wave",
             name);
    }
    placed.leaf.from_position = (uint32_t)from;
    placed.leaf.to_position = (uint32_t)to;
    *ret_placed = placed;
    return STATUS_OK;
}

static int by_place(const void *a, const void *b) {
    const placed_t *left = a;
    const placed_t *right = b;
    if (left->wave != right->wave) {
        return left->wave < right->wave ? -1 : 1;
    }
    return ident_compare(&left->leaf.tenant, &right->leaf.tenant);
}

/* All rows that get a job, by wave, then tenant. */
static status_t read_rows(const json_t *document, const order_t *order, placed_list_t *ret_list,
                          error_t *err) {
    CLEANUP(placed_free) placed_list_t list = {0};
    size_t room = 1;
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        room += document_count(document, PLACES[i]);
    }
    list.items = calloc(room, sizeof *list.items);
    if (list.items == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for %zu tenants", room);
    }
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        const json_t *row = NULL;
        size_t index = 0;
        json_array_foreach(document_at(document, PLACES[i]), index, row) {
            TRY(read_row(row, order, &list.items[list.count], err));
            list.count++;
        }
    }
    qsort(list.items, list.count, sizeof *list.items, by_place);
    *ret_list = list;
    list = (placed_list_t){0};
    return STATUS_OK;
}

/* One wave's tenants, which stand together from `first` on. */
typedef struct group {
    const placed_t *first;
    size_t count;
    uint32_t wave; /* of the order */
} group_t;

static status_t check_root(const order_t *order, const group_t *group, error_t *err) {
    const order_wave_t *wave = &order->waves[group->wave];
    CLEANUP(free_p) leaf_t *leaves = calloc(group->count, sizeof *leaves);
    CLEANUP(merkle_destroy_p) merkle_t *tree = NULL;
    if (leaves == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for %zu tenants", group->count);
    }
    for (size_t i = 0; i < group->count; i++) {
        const placed_t *placed = &group->first[i];
        SAME(placed->order_wave < 0 || placed->order_wave == group->wave,
             "a tenant of its wave %u is shown in wave %" PRId64, group->wave + 1,
             placed->order_wave + 1);
        SAME(order->kind != ORDER_ROLLOUT || placed->leaf.to_position == order->target_position,
             "a tenant is shown to go to position %u, the order goes to %u",
             placed->leaf.to_position, order->target_position);
        SAME(i == 0 || !ident_equal(&placed->leaf.tenant, &group->first[i - 1].leaf.tenant),
             "a tenant is shown twice in wave %u", group->wave + 1);
        leaves[i] = placed->leaf;
    }
    const leaves_t all = {.application = order->application,
                          .wave = group->wave,
                          .leaves = leaves,
                          .count = group->count};
    SAME(wave->count == group->count, "wave %u has %u tenants, %zu are shown", group->wave + 1,
         wave->count, group->count);
    TRY(leaves_tree(&all, &tree, err));
    const digest_t root = merkle_root(tree);
    SAME(digest_equal(&root, &wave->root), "wave %u has other tenants, or others' ways",
         group->wave + 1);
    return STATUS_OK;
}

/* What a wave may do, against the plan's wave of this number. */
static status_t check_rules(const json_t *document, int64_t number, const order_wave_t *wave,
                            error_t *err) {
    const json_t *shown = NULL;
    size_t index = 0;
    json_array_foreach(document_at(document, "waves"), index, shown) {
        if (document_number(shown, "number") == number) {
            break;
        }
    }
    SAME(shown != NULL && document_number(shown, "number") == number,
         "its wave %" PRId64 " is not among the waves", number + 1);
    const char *name = document_text(shown, "name");
    bool goes_on = strcmp(document_text(shown, "on_failure"), "continue") == 0;
    int64_t budget = goes_on ? wave->count : document_number(shown, "budget");
    SAME(order_wave_budget(wave) == budget,
         "wave '%.64s' may have %u failures, %" PRId64 " are shown", name, order_wave_budget(wave),
         budget);
    SAME(wave->soak_us == document_number(shown, "soak_us"), "wave '%.64s' soaks for another time",
         name);
    SAME(wave->needs_approval == document_flag(shown, "needs_approval"),
         "whether wave '%.64s' needs an approval", name);
    return STATUS_OK;
}

/* waves: the document has the plan's waves, too, to hold against. */
static status_t check_waves(const json_t *document, const order_t *order, bool waves,
                            error_t *err) {
    CLEANUP(placed_free) placed_list_t rows = {0};
    TRY(read_rows(document, order, &rows, err));
    uint32_t number = 0;
    for (size_t at = 0; at < rows.count;) { /* each turn takes a wave of one row or more */
        group_t group = {.first = &rows.items[at], .count = 1, .wave = number};
        while (at + group.count < rows.count &&
               group.first[group.count].wave == group.first->wave) {
            group.count++;
        }
        SAME(number < order->wave_count, "it has %zu waves, more are shown", order->wave_count);
        TRY(check_root(order, &group, err));
        if (waves) {
            TRY(check_rules(document, group.first->wave, &order->waves[number], err));
        }
        at += group.count;
        number++;
    }
    SAME(number == order->wave_count, "it has %zu waves, %u are shown", order->wave_count, number);
    return STATUS_OK;
}

/* It names nobody, so that no rows can be held against it. */
static status_t check_named(const order_t *order, error_t *err) {
    SAME(!order_is_standing(order), "it is a standing order for whoever matches '%.200s'",
         order->standing);
    return STATUS_OK;
}

status_t order_check_rows(const json_t *document, const order_t *order, error_t *err) {
    TRY(check_named(order, err));
    return check_waves(document, order, false, err);
}

bool order_check_empty(const json_t *document) {
    return document_count(document, PLACES[0]) + document_count(document, PLACES[1]) == 0;
}

bool order_check_wave(const json_t *document, int64_t wave, uint32_t *ret_wave) {
    bool seen[LIMIT_WAVES] = {false};
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        const json_t *row = NULL;
        size_t index = 0;
        json_array_foreach(document_at(document, PLACES[i]), index, row) {
            int64_t number = 0;
            if (number_of(row, "wave", LIMIT_WAVES - 1, &number)) {
                seen[number] = true;
            }
        }
    }
    if (wave < 0 || wave >= LIMIT_WAVES || !seen[wave]) {
        return false;
    }
    *ret_wave = 0;
    for (int64_t i = 0; i < wave; i++) {
        *ret_wave += seen[i];
    }
    return true;
}

/* --- who, when, under what ------------------------------------------------------------------- */

status_t order_check_pin(const trust_t *pin, const order_t *order, error_t *err) {
    if (pin == NULL) {
        return STATUS_OK;
    }
    if (!ident_equal(&pin->fleet, &order->fleet)) {
        return error_set(err, ERROR_TRUST_FLEET,
                         "the order is for another fleet than the trust file of drover.yaml");
    }
    if (order->trust_version < pin->version) {
        return error_set(err, ERROR_TRUST_ROLLBACK,
                         "the order goes by trust file %" PRId64 ", drover.yaml's is %" PRId64,
                         order->trust_version, pin->version);
    }
    return STATUS_OK;
}

typedef struct moment_bounds {
    int64_t asked_us;
    int64_t now_us;
} moment_bounds_t;

/* The leaves' numbers are the time of issue: one of tomorrow would supersede all that comes until
 * then. */
static status_t check_times(const order_t *order, moment_bounds_t bounds, error_t *err) {
    SAME(order->issued_us >= bounds.asked_us - TRUST_SKEW_US &&
             order->issued_us <= bounds.now_us + TRUST_SKEW_US,
         "it was not issued now, or the clocks differ by more than 5 minutes");
    SAME(order->not_before_us == order->issued_us, "it begins later than now");
    SAME(order->expires_us > bounds.now_us && order->expires_us <= order->issued_us + ORDER_LIFE_US,
         "it does not end within 92 days");
    return STATUS_OK;
}

/* --- what ------------------------------------------------------------------------------------ */

/* A digest of the order against one of the document; null is "". */
static bool is_digest(const digest_t *digest, const char *text) {
    char own[DIGEST_TEXT_SIZE];
    return strcmp(digest_is_null(digest) ? "" : digest_text(digest, own), text) == 0;
}

/* Whether the order's bundle may be what somebody wrote: a digest, its beginning, an application,
 * or application@version. */
static bool is_bundle(const order_t *order, const char *word) {
    char digest[DIGEST_TEXT_SIZE];
    size_t length = strcspn(word, "@");
    return (strlen(order->application) == length &&
            strncmp(order->application, word, length) == 0) ||
           strncmp(digest_text(&order->bundle, digest), word, strlen(word)) == 0;
}

/* What the operator's own spec says, which nobody need have read in the plan. */
static status_t check_spec(const rollout_spec_t *spec, const char *bundle, const order_t *order,
                           error_t *err) {
    const char *reason = spec->recovery_point.reason != NULL ? spec->recovery_point.reason : "";
    SAME(spec->application == NULL || strcmp(order->application, spec->application) == 0,
         "it is for application '%.64s', the spec for '%.64s'", order->application,
         spec->application);
    SAME(bundle[0] != '\0' || strchr(spec->bundle, '/') != NULL || is_bundle(order, spec->bundle),
         "it is for another bundle than the spec names");
    SAME(strcmp(order->recovery_kind, spec_recovery_text(spec->recovery_point.policy)) == 0 &&
             strcmp(order->recovery_reason, reason) == 0 &&
             strcmp(order->trial_restore, spec_trial_text(spec->recovery_point.trial_restore)) == 0,
         "the recovery point is not the spec's");
    for (size_t i = 0; i < order->wave_count; i++) {
        SAME(order->waves[i].silence_passes == (spec->unreachable == SPEC_UNREACHABLE_SKIP),
             "what it means that a tenant is out of reach is not as the spec says");
    }
    return STATUS_OK;
}

static status_t check_asked(const order_asked_t *asked, const json_t *document,
                            const order_t *order, error_t *err) {
    const char *application = document_text(asked->arguments, "application");
    const char *bundle = document_text(asked->arguments, "bundle");
    SAME(order->kind == asked->kind, "it is of kind %s, asked for was a %s",
         order_kind_text(order->kind), order_kind_text(asked->kind));
    SAME(strcmp(document_text(document, "kind"), asked->plan_kind) == 0,
         "the plan is of kind '%.32s', asked for was '%s'", document_text(document, "kind"),
         asked->plan_kind);
    SAME(application[0] == '\0' || strcmp(order->application, application) == 0,
         "it is for application '%.64s', asked for was '%.64s'", order->application, application);
    SAME(bundle[0] == '\0' || is_bundle(order, bundle),
         "it is for another bundle than was asked for");
    SAME(order->prune_keep_us == document_number(asked->arguments, "keep_us") &&
             order->prune_keep_count == document_number(asked->arguments, "keep_count"),
         "it keeps other backups than was asked for");
    bool loses =
        asked->kind == ORDER_RESTORE && document_flag(asked->arguments, "accept_data_loss");
    SAME(order->accept_data_loss == loses, "%s",
         loses ? "it does not accept that rows are lost"
               : "it accepts that rows are lost, which nobody asked for");
    return asked->spec != NULL ? check_spec(asked->spec, bundle, order, err) : STATUS_OK;
}

static status_t check_what(const json_t *document, const order_t *order, error_t *err) {
    SAME(strcmp(order->application, document_text(document, "application")) == 0,
         "it is for application '%.64s', '%.64s' is shown", order->application,
         document_text(document, "application"));
    SAME(digest_is_null(&order->bundle) ||
             is_digest(&order->bundle, document_text(document, "bundle")),
         "it is for another bundle");
    SAME(order->kind != ORDER_ROLLOUT ||
             order->target_position == document_number(document, "target"),
         "it goes to position %u, %" PRId64 " is shown", order->target_position,
         document_number(document, "target"));
    SAME(strcmp(order->recovery_kind, document_text(document, "recovery.kind")) == 0 &&
             strcmp(order->recovery_reason, document_text(document, "recovery.reason")) == 0 &&
             strcmp(order->trial_restore, document_text(document, "recovery.trial_restore")) == 0,
         "the recovery point is another");
    SAME(order->undo_authorized == (order->kind == ORDER_ROLLOUT),
         "whether it carries the authority for its own undo");
    SAME(digest_is_null(&order->subject) || document_text(document, "parent")[0] != '\0',
         "it takes back another order");
    return STATUS_OK;
}

/* --- all of it ------------------------------------------------------------------------------- */

status_t order_check_draft(const order_asked_t *asked, const order_shown_t *shown,
                           const order_t *order, error_t *err) {
    TRY(order_check_pin(asked->pin, order, err));
    TRY(check_named(order, err));
    SAME(sign_public_equal(&order->proposer, asked->key), "it names another key as the proposer's");
    TRY(check_times(order, (moment_bounds_t){asked->asked_us, asked->now_us}, err));
    SAME(is_digest(&order->digest, document_text(shown->answer, "draft_digest")),
         "its digest is another");
    SAME(!digest_is_null(&order->plan) &&
             is_digest(&order->plan, document_text(shown->document, "plan_digest")),
         "it is for another plan");
    TRY(check_asked(asked, shown->document, order, err));
    TRY(check_what(shown->document, order, err));
    return check_waves(shown->document, order, true, err);
}

status_t order_check_standing(const order_standing_t *asked, const order_t *order, error_t *err) {
    const rollout_spec_t *spec = asked->spec;
    const char *bundle = asked->bundle != NULL ? asked->bundle : "";
    const char *shown = document_text(asked->answer, "target_version");
    TRY(order_check_pin(asked->pin, order, err));
    SAME(order->kind == ORDER_ROLLOUT && order_is_standing(order), "it is no standing order");
    SAME(sign_public_equal(&order->proposer, asked->key), "it names another key as the proposer's");
    TRY(check_times(order, (moment_bounds_t){asked->asked_us, asked->now_us}, err));
    SAME(is_digest(&order->digest, document_text(asked->answer, "draft_digest")),
         "its digest is another");
    SAME(strcmp(order->standing, spec->select) == 0,
         "it is for whoever matches '%.200s', asked for was '%.200s'", order->standing,
         spec->select);
    SAME(order->expires_us == asked->until_us, "it ends at another time than was asked for");
    SAME(bundle[0] == '\0' || is_bundle(order, bundle),
         "it is for another bundle than was asked for");
    TRY(check_spec(spec, bundle, order, err));
    SAME(strcmp(spec->target, "latest") == 0 || strcmp(spec->target, shown) == 0,
         "it goes to %.64s, the spec to %.64s", shown, spec->target);
    SAME(order->target_position == document_number(asked->answer, "target") &&
             is_digest(&order->bundle, document_text(asked->answer, "bundle")),
         "its bundle or its target is not what is shown");
    SAME(digest_is_null(&order->subject) && digest_is_null(&order->plan),
         "it is about another order, or a plan");
    return STATUS_OK;
}

status_t order_check_blank(const order_blank_t *blank, const order_t *order, error_t *err) {
    TRY(order_check_pin(blank->pin, order, err));
    SAME(order->kind == blank->kind, "it is of kind %s, asked for was a %s",
         order_kind_text(order->kind), order_kind_text(blank->kind));
    if (blank->key != NULL) {
        SAME(sign_public_equal(&order->proposer, blank->key),
             "it names another key as the proposer's");
        TRY(check_times(order, (moment_bounds_t){blank->asked_us, blank->now_us}, err));
    }
    if (blank->subject == NULL) {
        const char *application = blank->application != NULL ? blank->application : "";
        SAME(digest_is_null(&order->subject), "it is about an order, the fleet was meant");
        SAME(strcmp(order->application, application) == 0,
             "it is for application '%.64s', asked for was '%.64s'", order->application,
             application);
        return STATUS_OK;
    }
    SAME(ident_equal(&order->fleet, &blank->subject->fleet), "it is for another fleet");
    SAME(digest_equal(&order->subject, &blank->subject->digest), "it is about another order");
    SAME(strcmp(order->application, blank->subject->application) == 0 &&
             strcmp(order->environment, blank->subject->environment) == 0,
         "it is for another application or environment");
    SAME(order->subject_wave == blank->wave, "it opens wave %u, asked for was wave %u",
         order->subject_wave + 1, blank->wave + 1);
    return STATUS_OK;
}
