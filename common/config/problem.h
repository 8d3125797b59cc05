/*
 * problem.h: what is wrong with a text that somebody wrote, several findings a pass, each with its
 * place, so that a file is corrected in one go. Bounded: past PROBLEM_MAX the rest is counted only.
 */
#ifndef DROVER_CONFIG_PROBLEM_H
#define DROVER_CONFIG_PROBLEM_H

#include "common/base/error.h"

#include <stdio.h>

enum {
    PROBLEM_MAX = 32,
    PROBLEM_TEXT_MAX = 320,
    PROBLEM_LINE_MAX = 160,
};

typedef struct problem {
    int line;                       /* from 1; 0 is the file as a whole */
    int column;                     /* from 1, in characters; 0 is the line as a whole */
    int caret;                      /* characters before the caret in source; -1 is no caret */
    char message[PROBLEM_TEXT_MAX]; /* lower case, no full stop */
    char source[PROBLEM_LINE_MAX];  /* the line, cut and without control bytes; "" where unknown */
} problem_t;

typedef struct problems {
    char file[PROBLEM_TEXT_MAX];
    size_t count; /* kept in items */
    size_t more;  /* found beyond those */
    problem_t items[PROBLEM_MAX];
} problems_t;

/* Forget what was found and name the file that the next ones belong to. */
void problems_begin(problems_t *problems, const char *file);

/* Note one; text is the file's whole text (NULL: no source line is shown). */
typedef struct problem_place {
    int line;
    int column;
} problem_place_t;
void problems_add(problems_t *problems, const char *text, problem_place_t place, const char *format,
                  ...) PRINTF_LIKE(4, 5);

/*
 * STATUS_OK where nothing was found; else err gets code and "file:line:column: message", with the
 * number of further ones.
 */
MUST_CHECK status_t problems_check(const problems_t *problems, error_code_t code, error_t *err);

/* Print all as a compiler would: file:line:column, message, source line, caret. */
void problems_print(const problems_t *problems, FILE *out);

#endif
