/* holds.c: see holds.h. */
#include "coordinator/trust/holds.h"
#include "coordinator/store/store_signed_order.h"

#include <stdlib.h>
#include <string.h>

void holds_free(holds_t *holds) {
    free(holds->words);
    arena_free(&holds->arena);
    *holds = (holds_t){0};
}

/* A release that ends this word, or says all that it says. */
static const holds_word_t *release_over(const holds_t *holds, const hold_word_t *word) {
    for (size_t i = 0; i < holds->count; i++) {
        if (holds->words[i].releases && hold_ends(&holds->words[i].word, word)) {
            return &holds->words[i];
        }
    }
    return NULL;
}

static void drop_ended(holds_t *holds, const hold_word_t *release) {
    size_t kept = 0;
    for (size_t i = 0; i < holds->count; i++) {
        if (!hold_ends(release, &holds->words[i].word)) {
            holds->words[kept++] = holds->words[i];
        }
    }
    holds->count = kept;
}

static status_t keep(holds_t *holds, const holds_word_t *word, error_t *err) {
    holds_word_t *words = realloc(holds->words, (holds->count + 1) * sizeof *words);
    if (words == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for holds");
    }
    holds->words = words;
    holds_word_t *copy = &words[holds->count];
    *copy = *word;
    const hold_scope_t *scope = &word->word.scope;
    TRY(arena_text(&holds->arena, scope->application, strlen(scope->application),
                   &copy->word.scope.application, err));
    TRY(arena_text(&holds->arena, scope->environment, strlen(scope->environment),
                   &copy->word.scope.environment, err));
    holds->count++;
    return STATUS_OK;
}

static status_t add(void *context, const signed_order_row_t *row, error_t *err) {
    holds_t *holds = context;
    holds_word_t word = {
        .word = {.scope = {row->application, row->environment}, .issued_us = row->issued_us},
        .digest = row->digest,
        .expires_us = row->expires_us,
        .releases = row->kind == ORDER_RELEASE_HOLD};
    if (release_over(holds, &word.word) != NULL) {
        return STATUS_OK;
    }
    if (word.releases) {
        drop_ended(holds, &word.word);
    }
    return keep(holds, &word, err);
}

/* The applications that stand held where the keeper's fleet is. */
static status_t name_held(holds_t *holds, const char *environment, error_t *err) {
    const char **applications = NULL;
    TRY(arena_allocate(&holds->arena, (holds->count + 1) * sizeof *applications, &applications,
                       err));
    size_t count = 0;
    for (size_t i = 0; i < holds->count; i++) {
        const holds_word_t *word = &holds->words[i];
        const hold_scope_t *scope = &word->word.scope;
        const hold_scope_t here = {.application = scope->application, .environment = environment};
        if (!word->releases && hold_covers(scope, &here)) {
            applications[count++] = scope->application;
        }
    }
    holds->held = (held_t){.applications = applications, .count = count};
    return STATUS_OK;
}

status_t holds_read(const keeper_t *keeper, holds_t *ret_holds, error_t *err) {
    *ret_holds = (holds_t){0};
    TRY(store_signed_order_holds(keeper_store(keeper), add, ret_holds, err));
    return name_held(ret_holds, keeper_environment(keeper), err);
}

static status_t superseded(order_kind_t by, const order_t *order, error_t *err) {
    return error_set(err, ERROR_ORDER_SUPERSEDED,
                     "a %s that was issued later was accepted before this %s", order_kind_text(by),
                     order_kind_text(order->kind));
}

status_t holds_check(const holds_t *holds, const order_t *order, error_t *err) {
    const hold_word_t word = {.scope = {order->application, order->environment},
                              .issued_us = order->issued_us};
    const holds_word_t *over = release_over(holds, &word);
    size_t covered = 0;
    size_t ended = 0;
    if (over != NULL) {
        return digest_equal(&over->digest, &order->digest)
                   ? STATUS_OK
                   : superseded(ORDER_RELEASE_HOLD, order, err);
    }
    for (size_t i = 0; order->kind == ORDER_RELEASE_HOLD && i < holds->count; i++) {
        const holds_word_t *hold = &holds->words[i];
        if (!hold->releases && hold_covers(&word.scope, &hold->word.scope)) {
            covered++;
            ended += hold_ends(&word, &hold->word);
        }
    }
    return covered > 0 && ended == 0 ? superseded(ORDER_HOLD, order, err) : STATUS_OK;
}
