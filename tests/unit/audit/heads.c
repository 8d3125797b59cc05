/* heads.c: signed heads are added line by line, and read as they were signed. */
#include "coordinator/heads.h"
#include "common/audit/line.h"
#include "tests/unit/base/cmocka_all.h"

#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct place {
    char folder[32];
    char path[64];
} place_t;

static int set_up(void **state) {
    place_t *place = calloc(1, sizeof *place);
    (void)snprintf(place->folder, sizeof place->folder, "/tmp/drover-heads-XXXXXX");
    if (mkdtemp(place->folder) == NULL) {
        return -1;
    }
    (void)snprintf(place->path, sizeof place->path, "%s/heads", place->folder);
    *state = place;
    return 0;
}

static int tear_down(void **state) {
    place_t *place = *state;
    (void)unlink(place->path);
    int answer = rmdir(place->folder);
    free(place);
    return answer;
}

static audit_head_t head_of(int64_t sequence) {
    sign_secret_t secret;
    audit_head_t head = {.sequence = sequence,
                         .digest = {{5}},
                         .time_us = 1000,
                         .catalog = {{6}},
                         .epoch = 3,
                         .incarnation = {{7}}};
    sign_keypair(&head.key, &secret);
    audit_head_sign(&head, &secret);
    return head;
}

static void add(const place_t *place, int64_t sequence) {
    error_t err;
    audit_head_t head = head_of(sequence);
    assert_int_equal(heads_append(place->path, &head, &err), STATUS_OK);
}

/* How many lines hold a good head; the last one's sequence. */
static int count(const place_t *place, int64_t *ret_last) {
    FILE *file = fopen(place->path, "r");
    char *text = NULL;
    size_t room = 0;
    ssize_t size = 0;
    int good = 0;
    assert_non_null(file);
    while ((size = getline(&text, &room, file)) > 0) {
        error_t err;
        audit_line_t line = {0};
        audit_head_t head;
        assert_int_equal(text[size - 1], '\n');
        if (audit_line_read(text, (size_t)size - 1, &line, &err) == STATUS_OK) {
            assert_int_equal(audit_line_head(&line, &head, &err), STATUS_OK);
            assert_true(audit_head_holds(&head));
            *ret_last = head.sequence;
            good++;
        }
        audit_line_free(&line);
    }
    free(text);
    (void)fclose(file);
    return good;
}

static void heads_are_added(void **state) {
    const place_t *place = *state;
    struct stat about;
    int64_t last = 0;
    for (int64_t n = 1; n <= 3; n++) {
        add(place, n);
    }
    assert_int_equal(count(place, &last), 3);
    assert_int_equal(last, 3);
    assert_int_equal(stat(place->path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

/* What a crash cut short spoils no later line. */
static void a_torn_line_stands_alone(void **state) {
    const place_t *place = *state;
    int64_t last = 0;
    struct stat about;
    add(place, 1);
    add(place, 2);
    assert_int_equal(stat(place->path, &about), 0);
    assert_int_equal(truncate(place->path, about.st_size - 20), 0);
    add(place, 3);
    assert_int_equal(count(place, &last), 2);
    assert_int_equal(last, 3);
}

static void a_place_that_is_none_is_named(void **state) {
    (void)state;
    error_t err;
    audit_head_t head = head_of(1);
    assert_int_equal(heads_append("/nowhere/at/all", &head, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "/nowhere/at/all"));
    assert_int_equal(heads_append("/dev/full", &head, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_DISK_FULL);
}

#define PLACE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        PLACE_TEST(heads_are_added),
        PLACE_TEST(a_torn_line_stands_alone),
        cmocka_unit_test(a_place_that_is_none_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
