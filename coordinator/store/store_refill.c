/*
 * store_refill.c: see store_refill.h. Facts are lines of numbers, then a text to the end: read back
 * by the same program, or a newer one that only adds keys.
 */
#include "coordinator/store/store_refill.h"
#include "coordinator/store/query.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { KEY_BYTES = 160, VALUE_BYTES = 1536 };

#define AGENT_PREFIX "refill.agent."
#define LOST_PREFIX "refill.lost."
#define LOST_END "refill.lost/" /* the next character after the point */

const char *refill_standing_text(refill_standing_t standing) {
    static const char *const TEXTS[REFILL_STANDING_COUNT] = {
        [REFILL_AWAITED] = "awaited",
        [REFILL_HANDING] = "handing over",
        [REFILL_DONE] = "done",
        [REFILL_WITHOUT] = "without",
    };
    INVARIANT(standing < REFILL_STANDING_COUNT);
    return TEXTS[standing];
}

/* NULL where there is none. */
static status_t find(store_t *store, const char *key, arena_t *arena, const char **ret_value,
                     error_t *err) {
    *ret_value = NULL;
    if (store_meta_get(store, key, arena, ret_value, err) == STATUS_OK) {
        return STATUS_OK;
    }
    if (err->code != ERROR_NOT_FOUND) {
        return STATUS_ERROR;
    }
    error_clear(err);
    return STATUS_OK;
}

static status_t broken(const char *key, error_t *err) {
    return error_set(err, ERROR_STORE, "the catalog's '%s' cannot be read", key);
}

status_t store_refill_get(store_t *store, arena_t *arena, refill_row_t *ret_row, error_t *err) {
    const char *value = NULL;
    refill_row_t row = {.reason = ""};
    int open = 0;
    int at = 0;
    TRY(find(store, "refill", arena, &value, err));
    if (value == NULL) {
        *ret_row = row;
        return STATUS_OK;
    }
    if (sscanf(value, "%d %" SCNd64 " %" SCNd64 " %n", &open, &row.since_us, &row.ended_us, &at) !=
            3 ||
        at == 0) {
        return broken("refill", err);
    }
    row.open = open != 0;
    row.reason = value + at;
    *ret_row = row;
    return STATUS_OK;
}

status_t store_refill_put(store_t *store, const refill_row_t *row, error_t *err) {
    char value[VALUE_BYTES];
    (void)snprintf(value, sizeof value, "%d %" PRId64 " %" PRId64 " %s", row->open, row->since_us,
                   row->ended_us, row->reason);
    store_meta_t meta = {.key = "refill", .value = value};
    return store_meta_put(store, &meta, err);
}

static const char *agent_fact(const agent_key_t *key, char text[KEY_BYTES]) {
    char hex[2 * sizeof key->bytes + 1];
    (void)snprintf(text, KEY_BYTES, AGENT_PREFIX "%s",
                   hex_text(key->bytes, sizeof key->bytes, hex));
    return text;
}

status_t store_refill_agent_get(store_t *store, const agent_key_t *key, int64_t since_us,
                                arena_t *arena, refill_agent_t *ret_agent, error_t *err) {
    char fact[KEY_BYTES];
    const char *value = NULL;
    refill_agent_t agent = {.key = *key, .since_us = since_us, .words = ""};
    int64_t since = 0;
    unsigned standing = 0;
    uint64_t number = 0;
    int at = 0;
    TRY(find(store, agent_fact(key, fact), arena, &value, err));
    if (value != NULL) {
        if (sscanf(value, "%" SCNd64 " %u %" SCNu64 " %n", &since, &standing, &number, &at) != 3 ||
            at == 0 || standing >= REFILL_STANDING_COUNT) {
            return broken(fact, err);
        }
        if (since == since_us) {
            agent.standing = (refill_standing_t)standing;
            agent.number = number;
            agent.words = value + at;
        }
    }
    *ret_agent = agent;
    return STATUS_OK;
}

status_t store_refill_agent_put(store_t *store, const refill_agent_t *agent, error_t *err) {
    char fact[KEY_BYTES];
    char value[VALUE_BYTES];
    (void)snprintf(value, sizeof value, "%" PRId64 " %u %" PRIu64 " %s", agent->since_us,
                   (unsigned)agent->standing, agent->number, agent->words);
    store_meta_t meta = {.key = agent_fact(&agent->key, fact), .value = value};
    return store_meta_put(store, &meta, err);
}

static const char *lost_fact(const refill_lost_t *lost, char text[KEY_BYTES]) {
    char order[DIGEST_TEXT_SIZE];
    char rollout[IDENT_TEXT_SIZE];
    (void)snprintf(text, KEY_BYTES, LOST_PREFIX "%s.%s", digest_text(&lost->order, order),
                   ident_text(&lost->rollout, rollout));
    return text;
}

/* The value of a fact whose name was read already. */
static status_t parse_lost(const char *value, refill_lost_t *lost, error_t *err) {
    char agent[2 * sizeof lost->agent.bytes + 1] = "";
    int at = 0;
    if (sscanf(value, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %64s %n", &lost->since_us,
               &lost->jobs, &lost->first_us, &lost->last_us, agent, &at) != 5 ||
        at == 0) {
        return broken(LOST_PREFIX, err);
    }
    TRY(hex_parse(agent, sizeof lost->agent.bytes, lost->agent.bytes, err));
    lost->application = value + at;
    return STATUS_OK;
}

status_t store_refill_lost_get(store_t *store, refill_lost_t *lost, arena_t *arena, error_t *err) {
    char fact[KEY_BYTES];
    const char *value = NULL;
    refill_lost_t known = *lost;
    known.jobs = 0;
    known.first_us = known.last_us = 0;
    known.application = "";
    TRY(find(store, lost_fact(lost, fact), arena, &value, err));
    if (value != NULL) {
        TRY(parse_lost(value, &known, err));
        if (known.since_us != lost->since_us) {
            known = (refill_lost_t){.order = lost->order,
                                    .rollout = lost->rollout,
                                    .since_us = lost->since_us,
                                    .application = ""};
        }
    }
    *lost = known;
    return STATUS_OK;
}

status_t store_refill_lost_put(store_t *store, const refill_lost_t *lost, error_t *err) {
    char fact[KEY_BYTES];
    char value[VALUE_BYTES];
    char agent[2 * sizeof lost->agent.bytes + 1];
    (void)snprintf(value, sizeof value, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %s %.*s",
                   lost->since_us, lost->jobs, lost->first_us, lost->last_us,
                   hex_text(lost->agent.bytes, sizeof lost->agent.bytes, agent), LIMIT_NAME_BYTES,
                   lost->application);
    store_meta_t meta = {.key = lost_fact(lost, fact), .value = value};
    return store_meta_put(store, &meta, err);
}

static status_t read_lost(const char *key, const char *value, refill_lost_t *ret_lost,
                          error_t *err) {
    char order[DIGEST_TEXT_SIZE] = "";
    refill_lost_t lost = {0};
    const char *names = key + sizeof LOST_PREFIX - 1;
    const char *rollout = strchr(names, '.');
    if (rollout == NULL || (size_t)(rollout - names) >= sizeof order) {
        return broken(key, err);
    }
    memcpy(order, names, (size_t)(rollout - names));
    TRY(digest_parse(order, &lost.order, err));
    TRY(ident_parse(rollout + 1, &lost.rollout, err));
    TRY(parse_lost(value, &lost, err));
    *ret_lost = lost;
    return STATUS_OK;
}

status_t store_refill_lost_each(store_t *store, int64_t since_us, store_refill_lost_fn *fn,
                                void *context, error_t *err) {
    CLEANUP(query_end) query_t query = query_begin(store, STATEMENT_META_LIST, err);
    query_text(&query, 1, LOST_PREFIX);
    query_text(&query, 2, LOST_END);
    for (;;) { /* ends with the rows */
        bool row = false;
        refill_lost_t lost = {0};
        TRY(query_next(&query, &row));
        if (!row) {
            return STATUS_OK;
        }
        TRY(read_lost(query_text_at(&query, 0), query_text_at(&query, 1), &lost, err));
        TRY(query_check(&query));
        if (lost.since_us == since_us) {
            TRY(fn(context, &lost, err));
        }
    }
}

status_t store_refill_saved_get(store_t *store, int64_t *ret_saved_us, error_t *err) {
    CLEANUP(arena_free) arena_t arena = {0};
    const char *value = NULL;
    int64_t saved_us = 0;
    TRY(find(store, "refill.saved", &arena, &value, err));
    if (value != NULL && sscanf(value, "%" SCNd64, &saved_us) != 1) {
        return broken("refill.saved", err);
    }
    *ret_saved_us = saved_us;
    return STATUS_OK;
}

status_t store_refill_saved_put(store_t *store, int64_t saved_us, error_t *err) {
    char value[24];
    (void)snprintf(value, sizeof value, "%" PRId64, saved_us);
    store_meta_t meta = {.key = "refill.saved", .value = value};
    return store_meta_put(store, &meta, err);
}
