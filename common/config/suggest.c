/* suggest.c: see suggest.h. */
#include "common/config/suggest.h"

#include <stdbool.h>
#include <string.h>

enum { WORD_MAX = 48 };

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Optimal string alignment distance of two words of at most WORD_MAX letters. */
static size_t distance(const char *a, const char *b) {
    size_t rows[3][WORD_MAX + 1];
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = least(change, least(above[j] + 1, row[j - 1] + 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], above2[j - 2] + 1);
            }
        }
    }
    return rows[a_length % 3][b_length];
}

const char *suggest(const char *word, const char *const *words, size_t count) {
    size_t length = strlen(word);
    const char *best = NULL;
    size_t best_distance = 0;
    if (length == 0 || length > WORD_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (words[i] == NULL || words[i][0] == '\0' || strlen(words[i]) > WORD_MAX) {
            continue;
        }
        size_t d = distance(word, words[i]);
        size_t longer = length > strlen(words[i]) ? length : strlen(words[i]);
        if (d <= (longer + 2) / 3 && d < longer && (best == NULL || d < best_distance)) {
            best = words[i];
            best_distance = d;
        }
    }
    return best;
}
