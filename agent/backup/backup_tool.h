/*
 * backup_tool.h: child processes of the worker: pg_dump, pg_restore, an external command.
 *
 * A child gets a clean environment, /dev/null or a pipe as stdin, a pipe or a file as stdout, and
 * its stderr is kept in memory. It ends when the worker ends. Only a worker, which has no threads
 * at that time, may start one: it forks. Internal to this room.
 */
#ifndef DROVER_AGENT_BACKUP_TOOL_H
#define DROVER_AGENT_BACKUP_TOOL_H

#include "agent/backup/backup.h"

#include <sys/types.h>

enum { BACKUP_TOOL_ARGUMENTS = 64, BACKUP_TOOL_VARIABLES = 24 };

typedef enum backup_output {
    BACKUP_OUTPUT_PIPE, /* read from process.out */
    BACKUP_OUTPUT_KEPT, /* in memory, see backup_tool_output */
} backup_output_t;

typedef struct backup_tool {
    const char *path;
    const char *argv[BACKUP_TOOL_ARGUMENTS + 1];
    const backup_connection_t *connection; /* for the environment; NULL none */
    const char *variables[4];              /* further NAME=VALUE, NULL-ended */
    bool feed;                             /* stdin is a pipe: process.in */
    backup_output_t output;
} backup_tool_t;

typedef struct backup_process {
    pid_t pid;
    int in;     /* write end, or -1 */
    int out;    /* read end or memory file */
    int errors; /* memory file */
} backup_process_t;

#define BACKUP_PROCESS_NONE                                                                        \
    (backup_process_t) {                                                                           \
        .pid = -1, .in = -1, .out = -1, .errors = -1                                               \
    }

/* Start it. ERROR_BACKUP_TOOL where it cannot be executed, naming the path. */
MUST_CHECK status_t backup_tool_start(const backup_tool_t *tool, backup_process_t *ret_process,
                                      error_t *err);

/* Close its stdin: the end of what it is fed. */
void backup_tool_end_input(backup_process_t *process);

/* Wait for its end. Answers its exit code, or 128 + signal. */
int backup_tool_wait(backup_process_t *process);

/* Kill where it still runs, wait, close. A cleaner. */
void backup_tool_drop(backup_process_t *process);

/*
 * The tool's own complaint, in one line: only lines that begin with its name, so that no server
 * DETAIL, CONTEXT or statement with rows in it travels. Writes "" where there is none.
 */
void backup_tool_complaint(const backup_process_t *process, const char *name, char *buffer,
                           size_t size);

/* What a tool with BACKUP_OUTPUT_KEPT wrote, up to most bytes. */
MUST_CHECK status_t backup_tool_output(const backup_process_t *process, size_t most,
                                       buffer_t *ret_text, error_t *err);

/*
 * See that pg_dump or pg_restore is there, at least of the server's major, and no minor known to
 * let a dump run code (unless allowed). ret_version gets its --version line, BACKUP_TEXT_MAX bytes.
 */
MUST_CHECK status_t backup_tool_check(const backup_programs_t *programs, const char *name,
                                      char *ret_version, error_t *err);

/* Number of a version line, as server_version_num; 0 where it is none. Pure. */
int64_t backup_tool_version(const char *line);

/* Whether this minor is older than the first repaired one of its major. Pure. */
bool backup_tool_is_faulty(int64_t version);

#endif
