/* progress.c: see progress.h. Control sequences: ECMA-48 CUU, EL, ED and SGR. */
#include "cli/progress.h"

enum { PARTS = 4, WIDTH_MAX = 400 };

typedef struct part {
    int64_t count;
    char mark;
    const char *colour;
} part_t;

/* Characters per part: at least one where there is something, and exactly width in all. */
static void share_out(const part_t parts[PARTS], int64_t total, int width, int ret_widths[PARTS]) {
    int used = 0;
    for (int i = 0; i < PARTS; i++) {
        int share = total > 0 ? (int)((double)parts[i].count / (double)total * width) : 0;
        ret_widths[i] = parts[i].count > 0 && share == 0 ? 1 : share;
        used += ret_widths[i];
    }
    while (used != width) { /* at most PARTS + 1 turns' worth of rounding */
        int widest = 0;
        for (int i = 1; i < PARTS; i++) {
            widest = ret_widths[i] > ret_widths[widest] ? i : widest;
        }
        ret_widths[widest] += used < width ? 1 : -1;
        used += used < width ? 1 : -1;
    }
}

void progress_bar(const progress_parts_t *parts, progress_look_t look, buffer_t *out) {
    INVARIANT(look.width >= PARTS && look.width <= WIDTH_MAX);
    int64_t left = parts->total - parts->done - parts->failed - parts->running;
    const part_t all[PARTS] = {{parts->done, '#', "\033[32m"},
                               {parts->failed, '!', "\033[31m"},
                               {parts->running, '>', "\033[36m"},
                               {left > 0 ? left : 0, '.', "\033[2m"}};
    int widths[PARTS];
    if (parts->total <= 0) {
        for (int i = 0; i < look.width; i++) {
            buffer_char(out, '.');
        }
        return;
    }
    share_out(all, parts->total, look.width, widths);
    for (int i = 0; i < PARTS; i++) {
        if (widths[i] > 0 && look.colour) {
            buffer_text(out, all[i].colour);
        }
        for (int j = 0; j < widths[i]; j++) {
            buffer_char(out, all[i].mark);
        }
        if (widths[i] > 0 && look.colour) {
            buffer_text(out, "\033[0m");
        }
    }
}

void progress_draw(progress_block_t *block, const char *text, FILE *out) {
    int lines = 0;
    if (block->lines > 0) {
        (void)fprintf(out, "\033[%dA", block->lines);
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n') {
            lines++;
            (void)fputs("\033[K", out); /* what is left of a longer line before */
        }
        (void)fputc(*c, out);
    }
    (void)fputs("\033[J", out);
    (void)fflush(out);
    block->lines = lines;
}
