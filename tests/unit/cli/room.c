/* room.c: see room.h. */
#include "tests/unit/cli/room.h"
#include "cli/handlers.h"
#include "common/crypto/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

int room_set_up(void **state) {
    error_t err;
    (void)state;
    (void)strcpy(folder, "/tmp/drover_room_XXXXXX");
    return mkdtemp(folder) == NULL || random_start(&err) != STATUS_OK ? -1 : 0;
}

int room_tear_down(void **state) {
    char command[128];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

const char *room_path(const char *name, char buffer[ROOM_PATH]) {
    (void)snprintf(buffer, ROOM_PATH, "%s/%s", folder, name);
    return buffer;
}

void room_write(const char *name, const char *text) {
    char path[ROOM_PATH];
    FILE *file = fopen(room_path(name, path), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void room_folder(const char *name) {
    char path[ROOM_PATH];
    assert_int_equal(mkdir(room_path(name, path), 0700), 0);
}

bool room_has(const char *name) {
    char path[ROOM_PATH];
    return access(room_path(name, path), F_OK) == 0;
}

status_t room_run(const char *const words[ROOM_WORDS], error_t *err) {
    static command_input_t input;
    static char copies[ROOM_WORDS][ROOM_PATH];
    char *argv[ROOM_WORDS + 1] = {(char[]){"drover"}};
    int argc = 1;
    for (int i = 0; i < ROOM_WORDS && words[i] != NULL; i++) {
        (void)snprintf(copies[i], sizeof copies[i], "%s%s%s", words[i][0] == '@' ? folder : "",
                       words[i][0] == '@' ? "/" : "", words[i] + (words[i][0] == '@' ? 1 : 0));
        argv[argc++] = copies[i];
    }
    *err = (error_t){0};
    if (command_parse(&CLI_TREE, (command_line_t){.argc = argc, .argv = argv}, &input, err) !=
        STATUS_OK) {
        return STATUS_ERROR;
    }
    return command_chosen(&input)->run(&input, err);
}

void room_must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        fail_msg("%s", err->message);
    }
}
