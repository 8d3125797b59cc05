/*
 * progress.h: what a live view draws: a bar of parts, and a block that is redrawn in place. Nothing
 * here is used where stdout is no terminal.
 */
#ifndef DROVER_CLI_PROGRESS_H
#define DROVER_CLI_PROGRESS_H

#include "common/base/buffer.h"

#include <stdint.h>
#include <stdio.h>

typedef struct progress_parts {
    int64_t total;
    int64_t done;
    int64_t failed;
    int64_t running;
} progress_parts_t;

/*
 * Append a bar of width characters: '#' done, '!' failed, '>' running, '.' left, coloured if
 * wanted. A part that is not zero is at least one character wide, so that one failure of 100,000
 * shows.
 */
typedef struct progress_look {
    int width;
    bool colour;
} progress_look_t;

void progress_bar(const progress_parts_t *parts, progress_look_t look, buffer_t *out);

/* A block of lines; zeroed is a fresh one. */
typedef struct progress_block {
    int lines; /* drawn last time */
} progress_block_t;

/* Draw text (whole lines) over what was drawn before. */
void progress_draw(progress_block_t *block, const char *text, FILE *out);

#endif
