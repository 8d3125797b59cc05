/*
 * book.h: what this agent said of each wave since it was welcomed, so that it can say it again in
 * fewer and larger documents: a later wave's ticket then holds a few statements of an agent, and
 * not one for each batch of reports.
 *
 * Each batch says what is new in a small document. Four of one size are said again as one, four of
 * those as one again, up to RESULT_OUTCOMES tenants. So a tenant is signed anew as often as its
 * wave's batches can be divided by four, half a dozen times in a wave of 10,000, and at most three
 * documents of each size are not covered by a larger one. Nobody has to ask, and nothing is kept
 * over a restart or a new connection: what was said before stands as it was said, and reports that
 * are sent again must not stand behind later words.
 */
#ifndef DROVER_AGENT_BOOK_H
#define DROVER_AGENT_BOOK_H

#include "common/trust/ticket.h"

enum {
    BOOK_WAVES = 16, /* that are known at a time; the one that was not spoken of for longest goes */
    BOOK_FAN = 4,
    BOOK_PILES = 40, /* more than fit: BOOK_FAN of each size, RESULT_OUTCOMES in the largest */
};

/* What one document says. */
typedef struct book_pile {
    uint32_t level; /* made of BOOK_FAN of the level below */
    int64_t newest_us;
    result_entry_t *entries; /* ascending by tenant; owned by the book */
    size_t count;
} book_pile_t;

typedef struct book_wave {
    digest_t order;
    uint32_t wave;
    book_pile_t piles[BOOK_PILES]; /* the oldest first, levels never grow */
    size_t count;
    uint64_t used;
} book_wave_t;

/* Zeroed is empty. */
typedef struct book {
    book_wave_t *waves[BOOK_WAVES];
    uint64_t uses;
} book_t;

/* What a batch says of one wave; its entries are copied. */
typedef struct book_words {
    digest_t order;
    uint32_t wave;
    int64_t newest_us;
    const result_entry_t *entries; /* ascending by tenant */
    size_t count;
} book_words_t;

/* Add them. *ret_again is what should be said again with them, or NULL; borrowed until the next
 * call. ERROR_NO_MEMORY. */
MUST_CHECK status_t book_add(book_t *book, const book_words_t *words, const book_pile_t **ret_again,
                             error_t *err);

/* Forget everything. */
void book_clear(book_t *book);

#endif
