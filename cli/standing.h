/*
 * standing.h: where a rollout stands, drawn from the document of rollout.status: whole, as a block
 * that is redrawn, or as the lines of what changed. Pure: no clock, no terminal.
 */
#ifndef DROVER_CLI_STANDING_H
#define DROVER_CLI_STANDING_H

#include "cli/output.h"

/* What an operator is to know of its state. */
typedef enum standing_end {
    STANDING_AT_WORK,
    STANDING_SUCCEEDED,
    STANDING_FAILED, /* failed, incomplete or stopped: over, and not everybody is at the target */
    STANDING_PAUSED, /* and nothing is in hand any more */
    STANDING_END_COUNT
} standing_end_t;

standing_end_t standing_end(const json_t *status);

/* Its short id, as commands take it; answers buffer. */
const char *standing_id(const json_t *status, char buffer[OUTPUT_ID_SIZE]);

/* Append all of it: head, waves, failures. ERROR_NO_MEMORY. */
MUST_CHECK status_t standing_show(const output_t *output, const json_t *status, buffer_t *out,
                                  error_t *err);

/* Append the clusters that nobody acts on while work lies there, each with why, and what helps. */
void standing_blockers(const json_t *status, buffer_t *out);

/* Append the failures, grouped, each with its hint; at most so many groups, 0 being all. */
void standing_failures(const json_t *status, size_t most, buffer_t *out);

/* Append what to type next, one command a line; nothing where all is well. */
void standing_advice(const json_t *status, buffer_t *out);

/* Append a block of at most `lines` lines, none wider than `width` columns. */
typedef struct standing_room {
    int width;
    int lines;
} standing_room_t;

void standing_block(const output_t *output, const json_t *status, standing_room_t room,
                    buffer_t *out);

/* What was told last; zeroed is nothing yet. */
enum { STANDING_WAVES = 256, STANDING_STATE_SIZE = 16, STANDING_REASON_SIZE = 1024 };

typedef struct standing_told {
    char state[STANDING_STATE_SIZE];
    char reason[STANDING_REASON_SIZE];
    struct {
        char state[STANDING_STATE_SIZE];
        int64_t failed;
        int64_t step; /* of twentieths */
    } waves[STANDING_WAVES];
} standing_told_t;

/*
 * Append a line for each thing that changed since: a state, a wave's, a failure, a twentieth of a
 * wave. So that a log of a large rollout stays readable.
 */
void standing_changes(const json_t *status, standing_told_t *told, buffer_t *out);

#endif
