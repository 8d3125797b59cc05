/* command_help.c: usage, --help, docs/CLI.md and completion, all from the tree; see command.h. */
#include "cli/command.h"

#include <string.h>

enum { COLUMN = 30 };

static const command_t *last_of(command_path_t path) {
    INVARIANT(path.depth > 0);
    return path.items[path.depth - 1];
}

static void print_path(command_path_t path, buffer_t *out) {
    for (size_t i = 0; i < path.depth; i++) {
        buffer_format(out, "%s%s", i > 0 ? " " : "", path.items[i]->name);
    }
}

void command_usage(command_path_t path, buffer_t *out) {
    const command_t *command = last_of(path);
    print_path(path, out);
    if (command->child_count > 0) {
        buffer_text(out, command->run == NULL ? " COMMAND" : " [COMMAND]");
    }
    for (size_t i = 0; i < command->argument_count; i++) {
        const command_argument_t *argument = &command->arguments[i];
        buffer_format(out, " %s%s%s%s", argument->optional ? "[" : "", argument->name,
                      argument->repeats ? "…" : "", argument->optional ? "]" : "");
    }
    for (size_t i = 0; i < command->flag_count; i++) {
        const command_flag_t *flag = &command->flags[i];
        buffer_format(out, " %s--%s%s%s%s%s", flag->required ? "" : "[", flag->name,
                      flag->value != NULL ? " " : "", flag->value != NULL ? flag->value : "",
                      flag->required ? "" : "]", flag->repeats ? "…" : "");
    }
}

/* One line of two columns; a first column that is too wide gets a line of its own. */
static void print_row(const char *left, const char *right, buffer_t *out) {
    int width = (int)strlen(left);
    if (width >= COLUMN - 2) {
        buffer_format(out, "  %s\n  %*s%s\n", left, COLUMN, "", right);
    } else {
        buffer_format(out, "  %s%*s%s\n", left, COLUMN - width, "", right);
    }
}

static void flag_text(const command_flag_t *flag, buffer_t *out) {
    buffer_clear(out);
    if (flag->letter != '\0') {
        buffer_format(out, "-%c, ", flag->letter);
    }
    buffer_format(out, "--%s%s%s", flag->name, flag->value != NULL ? " " : "",
                  flag->value != NULL ? flag->value : "");
}

static void print_flags(const command_flag_t *flags, size_t count, buffer_t *out) {
    buffer_t left = {0};
    buffer_t right = {0};
    for (size_t i = 0; i < count; i++) {
        flag_text(&flags[i], &left);
        buffer_clear(&right);
        buffer_text(&right, flags[i].help);
        if (flags[i].default_text != NULL) {
            buffer_format(&right, " (default %s)", flags[i].default_text);
        }
        print_row(buffer_string(&left), buffer_string(&right), out);
    }
    buffer_free(&left);
    buffer_free(&right);
}

void command_help(command_path_t path, buffer_t *out) {
    const command_t *command = last_of(path);
    buffer_format(out, "%s: %s\n\nUsage: ", command->name, command->summary);
    command_usage(path, out);
    buffer_text(out, "\n");
    if (command->text != NULL) {
        buffer_format(out, "\n%s\n", command->text);
    }
    if (command->child_count > 0) {
        buffer_text(out, "\nCommands:\n");
        for (size_t i = 0; i < command->child_count; i++) {
            if (!command->children[i].hidden) {
                print_row(command->children[i].name, command->children[i].summary, out);
            }
        }
    }
    if (command->argument_count > 0) {
        buffer_text(out, "\nArguments:\n");
        for (size_t i = 0; i < command->argument_count; i++) {
            print_row(command->arguments[i].name, command->arguments[i].help, out);
        }
    }
    if (command->flag_count > 0) {
        buffer_text(out, "\nFlags:\n");
        print_flags(command->flags, command->flag_count, out);
    }
    buffer_text(out, "\nFlags of all commands:\n");
    print_flags(COMMAND_GLOBAL_FLAGS, COMMAND_GLOBAL_FLAG_COUNT, out);
    for (size_t i = 0; i < command->example_count; i++) {
        buffer_format(out, "%s  %s\n      %s\n", i == 0 ? "\nExamples:\n" : "",
                      command->examples[i].line, command->examples[i].what);
    }
    if (path.depth == 1) {
        buffer_text(out, "\nExit codes: 0 done, 1 error, 2 usage, 3 rollout failed, 4 paused, or a "
                         "yes or a signature\nis needed, 5 timed out, 6 unreachable.\n");
    }
}

/* A command line as a name in a link: blanks become dashes, as Markdown viewers do. */
static void print_anchor(command_path_t path, buffer_t *out) {
    for (size_t i = 0; i < path.depth; i++) {
        buffer_format(out, "%s%s", i > 0 ? "-" : "", path.items[i]->name);
    }
}

static void reference_table(const command_t *command, buffer_t *out) {
    buffer_t left = {0};
    if (command->argument_count + command->flag_count > 0) {
        buffer_text(out, "\n| argument or flag | what it does |\n|---|---|\n");
    }
    for (size_t i = 0; i < command->argument_count; i++) {
        buffer_format(out, "| `%s` | %s%s |\n", command->arguments[i].name,
                      command->arguments[i].help,
                      command->arguments[i].optional ? "; optional" : "");
    }
    for (size_t i = 0; i < command->flag_count; i++) {
        const command_flag_t *flag = &command->flags[i];
        flag_text(flag, &left);
        buffer_format(out, "| `%s` | %s", buffer_string(&left), flag->help);
        if (flag->default_text != NULL) {
            buffer_format(out, "; default `%s`", flag->default_text);
        }
        buffer_format(out, "%s%s |\n", flag->required ? "; required" : "",
                      flag->repeats ? "; may be repeated" : "");
    }
    buffer_free(&left);
}

/* Depth is bounded by COMMAND_DEPTH. */
static void reference_command(command_path_t path, buffer_t *out) {
    const command_t *command = last_of(path);
    if (command->hidden) {
        return;
    }
    buffer_text(out, path.depth <= 2 ? "\n## " : "\n### ");
    print_path(path, out);
    buffer_format(out, "\n\n%c%s.\n\n```\n", command->summary[0] - 'a' + 'A', command->summary + 1);
    command_usage(path, out);
    buffer_text(out, "\n```\n");
    if (command->text != NULL) {
        buffer_format(out, "\n%s\n", command->text);
    }
    reference_table(command, out);
    for (size_t i = 0; i < command->example_count; i++) {
        buffer_format(out, "%s```\n%s\n```\n\n%s.\n", i == 0 ? "\nFor example:\n\n" : "\n",
                      command->examples[i].line, command->examples[i].what);
    }
    for (size_t i = 0; i < command->child_count; i++) {
        const command_t *deeper[COMMAND_DEPTH];
        INVARIANT(path.depth < COMMAND_DEPTH);
        memcpy(deeper, path.items, path.depth * sizeof(deeper[0]));
        deeper[path.depth] = &command->children[i];
        reference_command((command_path_t){.items = deeper, .depth = path.depth + 1}, out);
    }
}

void command_reference(const command_t *root, buffer_t *out) {
    buffer_format(out,
                  "# Command reference\n\nGenerated from the command tree; do not edit. `%s "
                  "COMMAND --help` shows the same.\nResults go to standard output, messages to "
                  "standard error.\n\n",
                  root->name);
    for (size_t i = 0; i < root->child_count; i++) {
        const command_t *items[] = {root, &root->children[i]};
        if (!root->children[i].hidden) {
            buffer_text(out, "- [");
            print_path((command_path_t){.items = items, .depth = 2}, out);
            buffer_text(out, "](#");
            print_anchor((command_path_t){.items = items, .depth = 2}, out);
            buffer_format(out, "): %s\n", root->children[i].summary);
        }
    }
    buffer_text(out, "\n## Flags of all commands\n\n| flag | what it does |\n|---|---|\n");
    buffer_t left = {0};
    for (size_t i = 0; i < COMMAND_GLOBAL_FLAG_COUNT; i++) {
        flag_text(&COMMAND_GLOBAL_FLAGS[i], &left);
        buffer_format(out, "| `%s` | %s |\n", buffer_string(&left), COMMAND_GLOBAL_FLAGS[i].help);
    }
    buffer_free(&left);
    buffer_text(out,
                "\n## Exit codes\n\n| code | meaning |\n|---|---|\n| 0 | done |\n| 1 | error |\n"
                "| 2 | usage or configuration |\n| 3 | the rollout failed |\n| 4 | paused, or a "
                "yes or a signature is needed |\n| 5 | timed out |\n| 6 | unreachable |\n");
    for (size_t i = 0; i < root->child_count; i++) {
        const command_t *items[] = {root, &root->children[i]};
        reference_command((command_path_t){.items = items, .depth = 2}, out);
    }
}

/* One case of the completion: after these words, these can follow. */
static void completion_case(command_path_t path, buffer_t *out) {
    const command_t *command = last_of(path);
    buffer_text(out, "    \"");
    print_path(path, out);
    buffer_text(out, "\") words=\"");
    for (size_t i = 0; i < command->child_count; i++) {
        if (!command->children[i].hidden) {
            buffer_format(out, "%s ", command->children[i].name);
        }
    }
    for (size_t i = 0; i < command->flag_count; i++) {
        buffer_format(out, "--%s ", command->flags[i].name);
    }
    for (size_t i = 0; i < COMMAND_GLOBAL_FLAG_COUNT; i++) {
        buffer_format(out, "--%s%s", COMMAND_GLOBAL_FLAGS[i].name,
                      i + 1 < COMMAND_GLOBAL_FLAG_COUNT ? " " : "\" ;;\n");
    }
    for (size_t i = 0; i < command->child_count; i++) {
        const command_t *deeper[COMMAND_DEPTH];
        INVARIANT(path.depth < COMMAND_DEPTH);
        memcpy(deeper, path.items, path.depth * sizeof(deeper[0]));
        deeper[path.depth] = &command->children[i];
        if (!command->children[i].hidden) {
            completion_case((command_path_t){.items = deeper, .depth = path.depth + 1}, out);
        }
    }
}

void command_completion(const command_t *root, buffer_t *out) {
    const command_t *items[] = {root};
    buffer_format(out,
                  "# Completion of %s for bash; generated from the command tree.\n_%s() {\n"
                  "  local path=%s word words i\n"
                  "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                  "    word=${COMP_WORDS[i]}\n"
                  "    case $word in -*) ;; *) path=\"$path $word\" ;; esac\n"
                  "  done\n  case $path in\n",
                  root->name, root->name, root->name);
    completion_case((command_path_t){.items = items, .depth = 1}, out);
    buffer_format(out,
                  "    *) COMPREPLY=($(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\")); return ;;\n"
                  "  esac\n"
                  "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
                  "}\ncomplete -F _%s %s\n",
                  root->name, root->name);
}
