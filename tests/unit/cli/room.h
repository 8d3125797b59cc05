/* room.h: a folder of a test's own, and lines of drover that run in it without a coordinator. */
#ifndef DROVER_TESTS_CLI_ROOM_H
#define DROVER_TESTS_CLI_ROOM_H

#include "common/base/error.h"

enum { ROOM_WORDS = 20, ROOM_PATH = 256 };

/* As cmocka's group set-up and tear-down: the folder goes with all that stands in it. */
int room_set_up(void **state);
int room_tear_down(void **state);

/* Path of a file in it. */
const char *room_path(const char *name, char buffer[ROOM_PATH]);
void room_write(const char *name, const char *text);
void room_folder(const char *name);
bool room_has(const char *name);

/* Run a line of words; "@x" is x in the folder. */
status_t room_run(const char *const words[ROOM_WORDS], error_t *err);

/* Fail with the message unless the status is OK. */
void room_must(status_t status, const error_t *err);

#define ROOM_OK(...)                                                                               \
    do {                                                                                           \
        error_t err_;                                                                              \
        room_must(room_run((const char *const[ROOM_WORDS]){__VA_ARGS__}, &err_), &err_);           \
    } while (0)
#define ROOM_REFUSED(wanted, ...)                                                                  \
    do {                                                                                           \
        error_t err_;                                                                              \
        assert_int_equal(room_run((const char *const[ROOM_WORDS]){__VA_ARGS__}, &err_),            \
                         STATUS_ERROR);                                                            \
        if (err_.code != (wanted)) {                                                               \
            fail_msg("%s: %s", error_code_text(err_.code), err_.message);                          \
        }                                                                                          \
    } while (0)

#endif
