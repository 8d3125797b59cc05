/* book.c: see book.h. */
#include "agent/book.h"

#include <stdlib.h>
#include <string.h>

static status_t no_memory(error_t *err) {
    return error_set(err, ERROR_NO_MEMORY, "out of memory for results that are said again");
}

static void forget_piles(book_wave_t *wave) {
    for (size_t i = 0; i < wave->count; i++) {
        free(wave->piles[i].entries);
    }
    wave->count = 0;
}

static void forget_wave(book_wave_t **wave_p) {
    if (*wave_p != NULL) {
        forget_piles(*wave_p);
        free(*wave_p);
        *wave_p = NULL;
    }
}

void book_clear(book_t *book) {
    for (size_t i = 0; i < BOOK_WAVES; i++) {
        forget_wave(&book->waves[i]);
    }
}

/* The wave's place: its own, an empty one, or that of the wave not spoken of for longest. */
static book_wave_t **find_place(book_t *book, const book_words_t *words) {
    book_wave_t **place = &book->waves[0];
    for (size_t i = 0; i < BOOK_WAVES; i++) {
        book_wave_t *wave = book->waves[i];
        if (wave != NULL && wave->wave == words->wave &&
            digest_equal(&wave->order, &words->order)) {
            return &book->waves[i];
        }
        if (*place != NULL && (wave == NULL || wave->used < (*place)->used)) {
            place = &book->waves[i];
        }
    }
    forget_wave(place);
    return place;
}

static status_t find_wave(book_t *book, const book_words_t *words, book_wave_t **ret_wave,
                          error_t *err) {
    book_wave_t **place = find_place(book, words);
    if (*place == NULL) {
        *place = calloc(1, sizeof **place);
        if (*place == NULL) {
            return no_memory(err);
        }
        (*place)->order = words->order;
        (*place)->wave = words->wave;
    }
    (*place)->used = ++book->uses;
    *ret_wave = *place;
    return STATUS_OK;
}

static status_t push(book_wave_t *wave, const book_words_t *words, error_t *err) {
    INVARIANT(wave->count < BOOK_PILES);
    result_entry_t *entries = calloc(words->count + 1, sizeof *entries);
    if (entries == NULL) {
        return no_memory(err);
    }
    memcpy(entries, words->entries, words->count * sizeof *entries);
    wave->piles[wave->count++] =
        (book_pile_t){.newest_us = words->newest_us, .entries = entries, .count = words->count};
    return STATUS_OK;
}

/* Of a tenant that both speak of the newer word stands. */
static size_t merge(const book_pile_t *older, const book_pile_t *newer, result_entry_t *out) {
    size_t o = 0;
    size_t n = 0;
    size_t count = 0;
    while (o < older->count || n < newer->count) {
        int order = o == older->count ? 1
                    : n == newer->count
                        ? -1
                        : ident_compare(&older->entries[o].tenant, &newer->entries[n].tenant);
        o += order <= 0;
        if (order >= 0) {
            out[count++] = newer->entries[n++];
        } else {
            out[count++] = older->entries[o - 1];
        }
    }
    return count;
}

static status_t join(book_pile_t *older, const book_pile_t *newer, error_t *err) {
    result_entry_t *entries = calloc(older->count + newer->count + 1, sizeof *entries);
    if (entries == NULL) {
        return no_memory(err);
    }
    older->count = merge(older, newer, entries);
    free(older->entries);
    older->entries = entries;
    if (newer->newest_us > older->newest_us) {
        older->newest_us = newer->newest_us;
    }
    return STATUS_OK;
}

/* Whether the last BOOK_FAN piles are of one level. */
static bool is_due(const book_wave_t *wave) {
    return wave->count >= BOOK_FAN &&
           wave->piles[wave->count - BOOK_FAN].level == wave->piles[wave->count - 1].level;
}

/* What became of those is as large as a document gets: the next begins, and these stand as said. */
static bool is_too_large(const book_wave_t *wave) {
    size_t sum = 0;
    for (size_t i = wave->count - BOOK_FAN; i < wave->count; i++) {
        sum += wave->piles[i].count;
    }
    return sum > RESULT_OUTCOMES;
}

static status_t join_last(book_wave_t *wave, error_t *err) {
    book_pile_t *first = &wave->piles[wave->count - BOOK_FAN];
    for (size_t i = 1; i < BOOK_FAN; i++) {
        TRY(join(first, first + i, err));
        free(first[i].entries);
        first[i] = (book_pile_t){0};
    }
    first->level++;
    wave->count -= BOOK_FAN - 1;
    return STATUS_OK;
}

status_t book_add(book_t *book, const book_words_t *words, const book_pile_t **ret_again,
                  error_t *err) {
    book_wave_t *wave = NULL;
    *ret_again = NULL;
    TRY(find_wave(book, words, &wave, err));
    TRY(push(wave, words, err));
    while (is_due(wave)) { /* each turn takes piles away */
        if (is_too_large(wave)) {
            forget_piles(wave);
            *ret_again = NULL;
            return STATUS_OK;
        }
        TRY(join_last(wave, err));
        *ret_again = &wave->piles[wave->count - 1];
    }
    return STATUS_OK;
}
