/*
 * askers.c: how often one operator's key is answered. A question past the key's rate waits in a
 * queue of the key's own and is taken up as time passes; one past that queue is refused. So a
 * script that runs away slows its own key, and neither agents nor other operators. A command asks
 * one question at a time: what waits is as many commands as the key has at work.
 */
#include "coordinator/link/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_SIZE = 128, FORGET_S = 60 };

typedef struct waiting {
    route_t route;
    char address[ADDRESS_SIZE];
    buffer_t bytes;
    struct waiting *next;
} waiting_t;

struct asker {
    curve_public_t key;
    zap_peer_t peer; /* as it was enrolled when it asked last */
    int64_t credit;  /* millionths of a question */
    int64_t seen_us; /* boot clock: when the credit was last counted */
    waiting_t *first;
    waiting_t **end;
    int64_t count;
    UT_hash_handle hh; /* by key */
};

static void drop_first(asker_t *asker) {
    waiting_t *first = asker->first;
    asker->first = first->next;
    asker->end = asker->first == NULL ? &asker->first : asker->end;
    asker->count--;
    buffer_free(&first->bytes);
    free(first);
}

static void forget(hub_t *self, asker_t *asker) {
    while (asker->first != NULL) {
        drop_first(asker);
    }
    HASH_DEL(self->askers, asker);
    free(asker);
}

void askers_free(hub_t *self) {
    asker_t *asker = NULL;
    asker_t *next = NULL;
    HASH_ITER(hh, self->askers, asker, next) {
        forget(self, asker);
    }
}

/* A second's worth at most: who was quiet may ask so much at once. */
static void earn(const hub_t *self, asker_t *asker) {
    int64_t rate = self->options.config->limits.questions_per_second;
    int64_t passed_us = self->boot_us - asker->seen_us;
    passed_us = passed_us < US_PER_S ? passed_us : US_PER_S;
    asker->credit += passed_us * rate;
    asker->credit = asker->credit < rate * US_PER_S ? asker->credit : rate * US_PER_S;
    asker->seen_us = self->boot_us;
}

static bool spend(asker_t *asker) {
    if (asker->credit < US_PER_S) {
        return false;
    }
    asker->credit -= US_PER_S;
    return true;
}

static asker_t *asker_of(hub_t *self, const zap_peer_t *peer) {
    asker_t *asker = NULL;
    HASH_FIND(hh, self->askers, &peer->key, sizeof peer->key, asker);
    if (asker == NULL && (asker = calloc(1, sizeof *asker)) != NULL) {
        asker->key = peer->key;
        asker->seen_us = self->boot_us - US_PER_S;
        asker->end = &asker->first;
        HASH_ADD(hh, self->askers, key, sizeof asker->key, asker);
    }
    if (asker != NULL) {
        asker->peer = *peer;
        earn(self, asker);
    }
    return asker;
}

static bool keep(asker_t *asker, const listener_message_t *from) {
    waiting_t *waiting = calloc(1, sizeof *waiting);
    if (waiting == NULL) {
        return false;
    }
    waiting->route = from->route;
    (void)snprintf(waiting->address, sizeof waiting->address, "%s", from->address);
    buffer_append(&waiting->bytes, from->bytes, from->size);
    if (waiting->bytes.failed) {
        buffer_free(&waiting->bytes);
        free(waiting);
        return false;
    }
    *asker->end = waiting;
    asker->end = &waiting->next;
    asker->count++;
    return true;
}

askers_verdict_t askers_admit(hub_t *self, const listener_message_t *from) {
    asker_t *asker = asker_of(self, from->peer);
    if (asker == NULL) {
        return ASKERS_REFUSED;
    }
    if (asker->first == NULL && spend(asker)) {
        return ASKERS_NOW;
    }
    return asker->count < self->options.config->limits.questions_waiting && keep(asker, from)
               ? ASKERS_LATER
               : ASKERS_REFUSED;
}

void askers_refuse(hub_t *self, const listener_message_t *from, uint32_t number) {
    error_t err = {0};
    (void)error_set(&err, ERROR_ASKED_TOO_OFTEN,
                    "%" PRId64 " questions of %.100s wait already, and it asks more than %" PRId64
                    " in a second",
                    self->options.config->limits.questions_waiting, from->peer->name,
                    self->options.config->limits.questions_per_second);
    questions_fail(self, from, number, &err);
}

/* One question of each key in turn, so that one that has many waiting is not ahead of another. */
static bool take_round(hub_t *self, askers_take_fn *take) {
    bool any = false;
    asker_t *asker = NULL;
    asker_t *next = NULL;
    HASH_ITER(hh, self->askers, asker, next) {
        if (asker->first == NULL) {
            continue;
        }
        earn(self, asker);
        if (!spend(asker)) {
            continue;
        }
        waiting_t *waiting = asker->first;
        listener_message_t message = {.peer = &asker->peer,
                                      .route = waiting->route,
                                      .address = waiting->address,
                                      .bytes = waiting->bytes.data,
                                      .size = waiting->bytes.size};
        take(self, &message);
        drop_first(asker);
        any = true;
    }
    return any;
}

void askers_tick(hub_t *self, askers_take_fn *take) {
    asker_t *asker = NULL;
    asker_t *next = NULL;
    while (take_round(self, take)) {
        /* ends: each round spends credit, of which time alone brings more */
    }
    HASH_ITER(hh, self->askers, asker, next) {
        if (asker->first == NULL && self->boot_us - asker->seen_us > FORGET_S * US_PER_S) {
            forget(self, asker);
        }
    }
}

void askers_peers_changed(hub_t *self, const zap_t *zap) {
    asker_t *asker = NULL;
    asker_t *next = NULL;
    HASH_ITER(hh, self->askers, asker, next) {
        const zap_peer_t *peer = zap_find(zap, &asker->key);
        if (peer == NULL || peer->party != PARTY_OPERATOR) {
            forget(self, asker);
        } else {
            asker->peer = *peer;
        }
    }
}
