/* main.c: drover, the operator's program: parse, do, print the error once, answer its exit code. */
#include "cli/handlers.h"
#include "cli/output.h"
#include "common/base/cleanup.h"
#include "common/base/utf8.h"
#include "common/crypto/random.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void show_help(const command_input_t *input, FILE *out) {
    CLEANUP(buffer_free) buffer_t text = {0};
    command_help((command_path_t){.items = input->path, .depth = input->depth}, &text);
    (void)fputs(buffer_string(&text), out);
}

/* The usage line of what was chosen, so that a wrong line is corrected without another call. */
static void show_usage(const command_input_t *input) {
    CLEANUP(buffer_free) buffer_t text = {0};
    command_usage((command_path_t){.items = input->path, .depth = input->depth}, &text);
    (void)fprintf(stderr, "usage: %s\n", buffer_string(&text));
}

int main(int argc, char **argv) {
    static command_input_t input;
    error_t err = {0};
    (void)setlocale(LC_ALL, "");
    (void)signal(SIGPIPE,
                 SIG_IGN); /* a reader that went away is a write error, which is reported */
    status_t status =
        command_parse(&CLI_TREE, (command_line_t){.argc = argc, .argv = argv}, &input, &err);
    if (status == STATUS_OK && input.help) {
        show_help(&input, stdout);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (argc == 1) {
        show_help(&input, stderr);
        return error_code_exit(ERROR_USAGE);
    }
    if (status == STATUS_OK) {
        status = random_start(&err);
    }
    if (status == STATUS_OK) {
        status = command_chosen(&input)->run(&input, &err);
    }
    if (status == STATUS_OK && fflush(stdout) != 0) {
        status = error_set(&err, ERROR_IO, "cannot write to standard output: %m");
    }
    if (status == STATUS_OK) {
        return 0;
    }
    error_print(&err, NULL);
    if (err.server_hint[0] != '\0') { /* the coordinator, or PostgreSQL, knew more */
        CLEANUP(buffer_free) buffer_t hint = {0};
        utf8_escape(err.server_hint, strlen(err.server_hint), &hint);
        (void)fprintf(stderr, "HINT: %s\n", buffer_string(&hint));
    }
    if (err.code == ERROR_USAGE) {
        show_usage(&input);
    }
    return error_code_exit(err.code);
}
