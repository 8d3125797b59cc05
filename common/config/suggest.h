/*
 * suggest.h: the word that somebody probably meant. Pure.
 *
 * Distance counts one for a letter put in, left out, changed, or swapped with its neighbour.
 * Source: F. Damerau, "A technique for computer detection and correction of spelling errors", 1964.
 */
#ifndef DROVER_CONFIG_SUGGEST_H
#define DROVER_CONFIG_SUGGEST_H

#include <stddef.h>

/*
 * The nearest of count words to a word, if it is near enough to be worth saying (a third of its
 * letters at most), else NULL. NULL words are passed over; the first of equals wins.
 */
const char *suggest(const char *word, const char *const *words, size_t count);

#endif
