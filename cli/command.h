/*
 * command.h: the command line as data: a tree of commands with their flags, arguments and examples.
 *
 * Parsing, --help, docs/CLI.md and shell completion all read the same tree, so none of them can
 * differ from another. A parsed input borrows argv and the tree.
 */
#ifndef DROVER_CLI_COMMAND_H
#define DROVER_CLI_COMMAND_H

#include "common/base/buffer.h"

#include <stdint.h>

typedef enum flag_kind {
    FLAG_SWITCH,   /* there or not */
    FLAG_TEXT,     /* --name VALUE or --name=VALUE */
    FLAG_NUMBER,   /* a whole number, 0 or more */
    FLAG_DURATION, /* 30s, 5min */
    FLAG_CHOICE,   /* one of choices */
    FLAG_KIND_COUNT
} flag_kind_t;

typedef struct command_flag {
    const char *name; /* without the dashes */
    char letter;      /* short form, or 0 */
    flag_kind_t kind;
    const char *value; /* "FILE", in usage; NULL for a switch */
    const char *help;
    const char *default_text;   /* NULL: none */
    const char *const *choices; /* ended by NULL */
    bool repeats;               /* may be given several times */
    bool required;
} command_flag_t;

typedef struct command_argument {
    const char *name; /* "TENANT" */
    const char *help;
    bool optional;
    bool repeats; /* takes all that follow; only the last */
} command_argument_t;

typedef struct command_example {
    const char *line;
    const char *what;
} command_example_t;

typedef struct command command_t;
typedef struct command_input command_input_t;

/* What a command does. Results go to stdout, all else to stderr; the error is printed by main. */
typedef status_t (*command_run_t)(const command_input_t *input, error_t *err);

struct command {
    const char *name;
    const char *summary; /* one line, lower case, no full stop */
    const char *text;    /* more, for --help and the reference; NULL: nothing */
    const command_flag_t *flags;
    size_t flag_count;
    const command_argument_t *arguments;
    size_t argument_count;
    const command_example_t *examples;
    size_t example_count;
    const command_t *children;
    size_t child_count;
    command_run_t run; /* NULL where one of its children must be named */
    bool hidden;       /* not in help, reference or completion */
};

#define COMMAND_FLAGS(array) .flags = (array), .flag_count = sizeof(array) / sizeof(array)[0]
#define COMMAND_ARGUMENTS(array)                                                                   \
    .arguments = (array), .argument_count = sizeof(array) / sizeof(array)[0]
#define COMMAND_EXAMPLES(array)                                                                    \
    .examples = (array), .example_count = sizeof(array) / sizeof(array)[0]
#define COMMAND_CHILDREN(array) .children = (array), .child_count = sizeof(array) / sizeof(array)[0]

enum {
    COMMAND_DEPTH = 4,
    COMMAND_VALUES = 256, /* flags and arguments in one line */
};

typedef struct command_value {
    const command_flag_t *flag;
    const char *text; /* NULL for a switch */
} command_value_t;

struct command_input {
    const command_t *path[COMMAND_DEPTH]; /* from the root to the chosen command */
    size_t depth;
    command_value_t values[COMMAND_VALUES];
    size_t value_count;
    const char *arguments[COMMAND_VALUES];
    size_t argument_count;
    bool help; /* --help was among them: nothing else was checked */
};

/*
 * Parse a line. ERROR_USAGE says what was not understood, what was probably meant, and the usage.
 * ret_input is filled as far as parsing came, so that its help can be shown.
 */
typedef struct command_line {
    int argc;
    char *const *argv;
} command_line_t;

MUST_CHECK status_t command_parse(const command_t *root, command_line_t line,
                                  command_input_t *ret_input, error_t *err);

/* The command that was chosen. */
const command_t *command_chosen(const command_input_t *input);

/* A flag's last text, its default, or NULL. An unknown name aborts: the tree and the code differ.
 */
const char *command_text(const command_input_t *input, const char *flag);
bool command_switch(const command_input_t *input, const char *flag);
/* A flag's number; fallback where it was not given and has no default. */
int64_t command_number(const command_input_t *input, const char *flag, int64_t fallback);
/* A flag's duration in microseconds. */
int64_t command_duration_us(const command_input_t *input, const char *flag, int64_t fallback_us);
/* The nth text of a flag that repeats, or NULL past the last. */
const char *command_nth(const command_input_t *input, const char *flag, size_t n);
/* The nth argument, or NULL. */
const char *command_argument(const command_input_t *input, size_t n);

/* The flags that every command takes; command.c. */
extern const command_flag_t COMMAND_GLOBAL_FLAGS[];
extern const size_t COMMAND_GLOBAL_FLAG_COUNT;

/* Append "drover rollout plan SPEC [--out FILE]", and the whole help of a path. */
typedef struct command_path {
    const command_t *const *items;
    size_t depth;
} command_path_t;

void command_usage(command_path_t path, buffer_t *out);
void command_help(command_path_t path, buffer_t *out);

/* Append docs/CLI.md, and a completion script for bash. */
void command_reference(const command_t *root, buffer_t *out);
void command_completion(const command_t *root, buffer_t *out);

#endif
