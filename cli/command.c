/* command.c: see command.h. Parsing and what handlers ask; help is command_help.c's. */
#include "cli/command.h"
#include "common/config/quantity.h"
#include "common/config/suggest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 96 };

static const char *const OUTPUTS[] = {"table", "json", NULL};

/* clang-format off */
const command_flag_t COMMAND_GLOBAL_FLAGS[] = {
    {.name = "config", .kind = FLAG_TEXT, .value = "FILE", .help = "configuration to read"},
    {.name = "output", .letter = 'o', .kind = FLAG_CHOICE, .value = "FORM", .choices = OUTPUTS, .help = "how results are shown: table or json; default from the configuration"},
    {.name = "yes", .letter = 'y', .kind = FLAG_SWITCH, .help = "answer yes to every question"},
    {.name = "passphrase-fd", .kind = FLAG_NUMBER, .value = "FD", .help = "read the passphrase of a locked key from this file descriptor"},
    {.name = "passphrase-command", .kind = FLAG_TEXT, .value = "COMMAND", .help = "run this, without a shell; the first line it writes is the passphrase"},
    {.name = "command-timeout", .kind = FLAG_DURATION, .value = "TIME", .help = "how long a command that signs or tells a passphrase may take; default 60s, or the configuration's"},
    {.name = "no-color", .kind = FLAG_SWITCH, .help = "no colours; so does NO_COLOR in the environment"},
    {.name = "help", .letter = 'h', .kind = FLAG_SWITCH, .help = "show this help"},
};
/* clang-format on */
const size_t COMMAND_GLOBAL_FLAG_COUNT = sizeof COMMAND_GLOBAL_FLAGS / sizeof(command_flag_t);

typedef struct parser {
    command_line_t line;
    int at; /* next word */
    command_input_t *input;
    error_t *err;
} parser_t;

const command_t *command_chosen(const command_input_t *input) {
    INVARIANT(input->depth > 0);
    return input->path[input->depth - 1];
}

/* "drover rollout plan", for messages. */
static const char *path_text(const command_input_t *input, char *buffer, size_t size) {
    size_t used = 0;
    buffer[0] = '\0';
    for (size_t i = 0; i < input->depth; i++) {
        int n =
            snprintf(buffer + used, size - used, "%s%s", i > 0 ? " " : "", input->path[i]->name);
        INVARIANT(n > 0 && (size_t)n < size - used);
        used += (size_t)n;
    }
    return buffer;
}

static status_t refuse(const parser_t *parser, const char *near, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* ERROR_USAGE in the chosen command's name; near (may be NULL) is what was probably meant. */
static status_t refuse(const parser_t *parser, const char *near, const char *format, ...) {
    char path[128];
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return error_set(
        parser->err, ERROR_USAGE, "%s: %s%s%s%s", path_text(parser->input, path, sizeof path), what,
        near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
}

/* The flags that the chosen command takes: its own, then the ones of all. */
static const command_flag_t *flag_at(const command_input_t *input, size_t index) {
    const command_t *command = command_chosen(input);
    if (index < command->flag_count) {
        return &command->flags[index];
    }
    index -= command->flag_count;
    return index < COMMAND_GLOBAL_FLAG_COUNT ? &COMMAND_GLOBAL_FLAGS[index] : NULL;
}

static const command_flag_t *find_flag(const command_input_t *input, const char *name,
                                       size_t length) {
    const command_flag_t *flag = NULL;
    for (size_t i = 0; (flag = flag_at(input, i)) != NULL; i++) {
        if (strlen(flag->name) == length && memcmp(flag->name, name, length) == 0) {
            return flag;
        }
    }
    return NULL;
}

static status_t unknown_flag(const parser_t *parser, const char *word) {
    const char *words[WORDS_MAX];
    char name[64];
    size_t count = 0;
    const command_flag_t *flag = NULL;
    for (size_t i = 0; (flag = flag_at(parser->input, i)) != NULL && count < WORDS_MAX; i++) {
        words[count++] = flag->name;
    }
    const char *start = word + strspn(word, "-");
    size_t length = strcspn(start, "=");
    (void)snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), start);
    const char *near = suggest(name, words, count);
    char text[80];
    (void)snprintf(text, sizeof text, "--%s", near != NULL ? near : "");
    return refuse(parser, near != NULL ? text : NULL, "unknown flag '%.100s'", word);
}

static status_t unknown_command(const parser_t *parser, const char *word) {
    const command_t *command = command_chosen(parser->input);
    const char *words[WORDS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < command->child_count && count < WORDS_MAX; i++) {
        words[count++] = command->children[i].hidden ? NULL : command->children[i].name;
    }
    return refuse(parser, suggest(word, words, count), "unknown command '%.100s'", word);
}

static status_t unknown_choice(const parser_t *parser, const command_flag_t *flag, const char *text,
                               size_t count) {
    char list[160] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        int n =
            snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", flag->choices[i]);
        INVARIANT(n > 0 && (size_t)n < sizeof list - used);
        used += (size_t)n;
    }
    return refuse(parser, suggest(text, flag->choices, count), "--%s is one of %s, not '%.64s'",
                  flag->name, list, text);
}

/* Whether a text is what the flag takes. */
static status_t check_value(const parser_t *parser, const command_flag_t *flag, const char *text) {
    int64_t number = 0;
    size_t count = 0;
    error_t why;
    switch (flag->kind) {
    case FLAG_NUMBER:
        return quantity_integer(text, &number, &why) == STATUS_OK && number >= 0
                   ? STATUS_OK
                   : refuse(parser, NULL, "--%s takes a whole number, not '%.64s'", flag->name,
                            text);
    case FLAG_DURATION:
        return quantity_duration(text, &number, &why) == STATUS_OK
                   ? STATUS_OK
                   : refuse(parser, NULL, "--%s takes a duration as in 30s, not '%.64s'",
                            flag->name, text);
    case FLAG_CHOICE:
        for (; flag->choices[count] != NULL; count++) {
            if (strcmp(flag->choices[count], text) == 0) {
                return STATUS_OK;
            }
        }
        return unknown_choice(parser, flag, text, count);
    case FLAG_TEXT:
        /* most of all a variable of a script that was never set: nothing good follows from it */
        return text[0] != '\0' ? STATUS_OK
                               : refuse(parser, NULL, "--%s is empty: give %s, or leave it out",
                                        flag->name, flag->value);
    case FLAG_SWITCH:
    case FLAG_KIND_COUNT:
        return STATUS_OK;
    }
    return STATUS_OK;
}

static status_t keep_value(parser_t *parser, const command_flag_t *flag, const char *text) {
    command_input_t *input = parser->input;
    for (size_t i = 0; i < input->value_count && !flag->repeats; i++) {
        if (input->values[i].flag == flag) {
            return refuse(parser, NULL, "--%s is given twice", flag->name);
        }
    }
    if (input->value_count == COMMAND_VALUES) {
        return refuse(parser, NULL, "too many flags at --%s", flag->name);
    }
    if (text != NULL) {
        TRY(check_value(parser, flag, text));
    }
    input->values[input->value_count++] = (command_value_t){.flag = flag, .text = text};
    return STATUS_OK;
}

/* A flag's value that was not attached: the next word. */
static status_t next_value(parser_t *parser, const command_flag_t *flag) {
    if (parser->at >= parser->line.argc) {
        return refuse(parser, NULL, "--%s needs a value", flag->name);
    }
    return keep_value(parser, flag, parser->line.argv[parser->at++]);
}

static status_t parse_long(parser_t *parser, const char *word) {
    const char *name = word + 2;
    size_t length = strcspn(name, "=");
    const command_flag_t *flag = find_flag(parser->input, name, length);
    if (flag == NULL) {
        return unknown_flag(parser, word);
    }
    if (flag->kind == FLAG_SWITCH) {
        return name[length] == '=' ? refuse(parser, NULL, "--%s takes no value", flag->name)
                                   : keep_value(parser, flag, NULL);
    }
    return name[length] == '=' ? keep_value(parser, flag, name + length + 1)
                               : next_value(parser, flag);
}

/* -o json, -ojson, -y; one letter a word. */
static status_t parse_short(parser_t *parser, const char *word) {
    const command_flag_t *flag = NULL;
    for (size_t i = 0; (flag = flag_at(parser->input, i)) != NULL; i++) {
        if (flag->letter != '\0' && flag->letter == word[1]) {
            break;
        }
    }
    if (flag == NULL || (flag->kind == FLAG_SWITCH && word[2] != '\0')) {
        return unknown_flag(parser, word);
    }
    if (flag->kind == FLAG_SWITCH) {
        return keep_value(parser, flag, NULL);
    }
    return word[2] != '\0' ? keep_value(parser, flag, word + 2) : next_value(parser, flag);
}

static status_t parse_word(parser_t *parser, const char *word) {
    command_input_t *input = parser->input;
    const command_t *command = command_chosen(input);
    if (command->child_count > 0) {
        for (size_t i = 0; i < command->child_count; i++) {
            if (strcmp(command->children[i].name, word) == 0) {
                INVARIANT(input->depth < COMMAND_DEPTH);
                input->path[input->depth++] = &command->children[i];
                return STATUS_OK;
            }
        }
        return unknown_command(parser, word);
    }
    if (input->argument_count == COMMAND_VALUES) {
        return refuse(parser, NULL, "too many arguments at '%.100s'", word);
    }
    input->arguments[input->argument_count++] = word;
    return STATUS_OK;
}

/* Once all words are read: nothing missing, nothing left over. */
static status_t check_complete(const parser_t *parser) {
    const command_input_t *input = parser->input;
    const command_t *command = command_chosen(input);
    if (command->run == NULL) {
        return refuse(parser, NULL, "a command is expected");
    }
    for (size_t i = 0; i < command->argument_count; i++) {
        if (i >= input->argument_count && !command->arguments[i].optional) {
            return refuse(parser, NULL, "the argument %s is missing", command->arguments[i].name);
        }
        if (i < input->argument_count && input->arguments[i][0] == '\0') {
            return refuse(parser, NULL, "the argument %s is empty", command->arguments[i].name);
        }
    }
    bool open =
        command->argument_count > 0 && command->arguments[command->argument_count - 1].repeats;
    if (input->argument_count > command->argument_count && !open) {
        return refuse(parser, NULL, "one argument too many: '%.100s'",
                      input->arguments[command->argument_count]);
    }
    for (size_t i = 0; i < command->flag_count; i++) {
        if (command->flags[i].required && command_text(input, command->flags[i].name) == NULL) {
            return refuse(parser, NULL, "--%s is missing", command->flags[i].name);
        }
    }
    return STATUS_OK;
}

status_t command_parse(const command_t *root, command_line_t line, command_input_t *ret_input,
                       error_t *err) {
    parser_t parser = {.line = line, .at = 1, .input = ret_input, .err = err};
    bool flags = true; /* until "--" */
    *ret_input = (command_input_t){.path = {root}, .depth = 1};
    for (int i = 1; i < line.argc && strcmp(line.argv[i], "--") != 0; i++) {
        ret_input->help = ret_input->help || strcmp(line.argv[i], "--help") == 0 ||
                          strcmp(line.argv[i], "-h") == 0;
    }
    while (parser.at < line.argc) { /* each turn reads a word */
        const char *word = line.argv[parser.at++];
        status_t status = STATUS_OK;
        if (flags && strcmp(word, "--") == 0) {
            flags = false;
        } else if (flags && word[0] == '-' && word[1] == '-') {
            status = parse_long(&parser, word);
        } else if (flags && word[0] == '-' && word[1] != '\0') {
            status = parse_short(&parser, word);
        } else {
            status = parse_word(&parser, word);
        }
        if (status != STATUS_OK && !ret_input->help) {
            return STATUS_ERROR;
        }
    }
    return ret_input->help ? STATUS_OK : check_complete(&parser);
}

static const command_flag_t *demand_flag(const command_input_t *input, const char *name) {
    const command_flag_t *flag = find_flag(input, name, strlen(name));
    INVARIANT(flag != NULL);
    return flag;
}

const char *command_text(const command_input_t *input, const char *flag) {
    const command_flag_t *known = demand_flag(input, flag);
    for (size_t i = input->value_count; i > 0; i--) {
        if (input->values[i - 1].flag == known) {
            return input->values[i - 1].text;
        }
    }
    return known->default_text;
}

bool command_switch(const command_input_t *input, const char *flag) {
    const command_flag_t *known = demand_flag(input, flag);
    for (size_t i = 0; i < input->value_count; i++) {
        if (input->values[i].flag == known) {
            return true;
        }
    }
    return false;
}

int64_t command_number(const command_input_t *input, const char *flag, int64_t fallback) {
    const char *text = command_text(input, flag);
    error_t why;
    int64_t number = fallback;
    return text == NULL || quantity_integer(text, &number, &why) != STATUS_OK ? fallback : number;
}

int64_t command_duration_us(const command_input_t *input, const char *flag, int64_t fallback_us) {
    const char *text = command_text(input, flag);
    error_t why;
    int64_t us = fallback_us;
    return text == NULL || quantity_duration(text, &us, &why) != STATUS_OK ? fallback_us : us;
}

const char *command_nth(const command_input_t *input, const char *flag, size_t n) {
    const command_flag_t *known = demand_flag(input, flag);
    for (size_t i = 0; i < input->value_count; i++) {
        if (input->values[i].flag == known && n-- == 0) {
            return input->values[i].text;
        }
    }
    return NULL;
}

const char *command_argument(const command_input_t *input, size_t n) {
    return n < input->argument_count ? input->arguments[n] : NULL;
}
