/*
 * ticket_thin.c: what a ticket need not hold. See ticket.h. An agent signs what it saw in small
 * documents as it goes, and again in larger ones: each agent's statements are gone through from its
 * latest on, and one that says nothing new stays behind. What counts of a ticket is the same with
 * and without it.
 */
#include "common/trust/ticket.h"

#include <string.h>

/* A statement as it is gone through. */
typedef struct turn {
    ticket_statement_t statement;
    result_t *result;
    bool needed;
} turn_t;

/* One agent's latest word about a tenant; at one time it may say both. */
typedef struct word {
    size_t agent; /* turn_t of its first statement, from 1; 0: none */
    int64_t said_us;
    unsigned said; /* bits of 1U << outcome */
} word_t;

typedef struct thin {
    turn_t *turns;
    size_t count;
    word_t *words; /* one per leaf */
} thin_t;

static void thin_free(thin_t *thin) {
    for (size_t i = 0; thin->turns != NULL && i < thin->count; i++) {
        result_destroy(&thin->turns[i].result);
    }
    free(thin->turns);
    free(thin->words);
}

static int compare_keys(const turn_t *a, const turn_t *b) {
    return memcmp(a->statement.result->keys[0].bytes, b->statement.result->keys[0].bytes,
                  SIGN_PUBLIC_BYTES);
}

/* By agent; its latest first, of one time the largest. */
static int compare_turns(const void *left, const void *right) {
    const turn_t *a = left;
    const turn_t *b = right;
    int order = compare_keys(a, b);
    if (order == 0) {
        order = (a->result->issued_us < b->result->issued_us) -
                (a->result->issued_us > b->result->issued_us);
    }
    return order != 0 ? order
                      : (a->result->entry_count < b->result->entry_count) -
                            (a->result->entry_count > b->result->entry_count);
}

/* Take the words of one statement that no later one of its agent takes back; whether there are
 * any. */
static bool take_words(thin_t *thin, const leaves_t *leaves, size_t agent, const result_t *result) {
    bool any = false;
    for (size_t i = 0; i < result->entry_count; i++) {
        const leaf_t *leaf = leaves_find(leaves, &result->entries[i].tenant);
        if (leaf == NULL) {
            continue; /* counts nowhere */
        }
        word_t *word = &thin->words[leaf - leaves->leaves];
        unsigned said = 1U << result->entries[i].outcome;
        if (word->agent != agent) {
            *word = (word_t){.agent = agent, .said_us = result->issued_us};
        }
        if (word->said_us == result->issued_us && (word->said & said) == 0) {
            word->said |= said;
            any = true;
        }
    }
    return any;
}

static status_t fill(thin_t *thin, const leaves_t *leaves, const ticket_statement_t *statements,
                     size_t count, error_t *err) {
    thin->turns = calloc(count + 1, sizeof *thin->turns);
    thin->words = calloc(leaves->count + 1, sizeof *thin->words);
    if (thin->turns == NULL || thin->words == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for %zu statements", count);
    }
    for (thin->count = 0; thin->count < count; thin->count++) {
        turn_t *turn = &thin->turns[thin->count];
        turn->statement = statements[thin->count];
        INVARIANT(turn->statement.result->signature_count == 1);
        TRY(result_read(turn->statement.result, &turn->result, err));
    }
    return STATUS_OK;
}

status_t ticket_thin(const leaves_t *leaves, ticket_statement_t *statements, size_t count,
                     size_t *ret_needed, error_t *err) {
    CLEANUP(thin_free) thin_t thin = {0};
    TRY(fill(&thin, leaves, statements, count, err));
    qsort(thin.turns, count, sizeof *thin.turns, compare_turns);
    size_t agent = 0;
    size_t needed = 0;
    for (size_t i = 0; i < count; i++) {
        turn_t *turn = &thin.turns[i];
        agent = i == 0 || compare_keys(turn - 1, turn) != 0 ? i + 1 : agent;
        turn->needed = take_words(&thin, leaves, agent, turn->result);
        needed += turn->needed;
    }
    size_t front = 0;
    size_t behind = needed;
    for (size_t i = 0; i < count; i++) {
        statements[thin.turns[i].needed ? front++ : behind++] = thin.turns[i].statement;
    }
    *ret_needed = needed;
    return STATUS_OK;
}
