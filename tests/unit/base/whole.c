/* whole.c: what is read is whole and bounded; what is replaced is the old or the new, alone. */
#include "common/base/whole.h"
#include "common/base/cleanup.h"
#include "tests/unit/base/cmocka_all.h"

#include <dirent.h>
#include <sys/stat.h>

static char folder[64];
static char path[128];

static int set_up(void **state) {
    (void)state;
    (void)strcpy(folder, "/tmp/drover-whole-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/it", folder);
    return 0;
}

static int tear_down(void **state) {
    char command[128];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static int entries(void) {
    int count = 0;
    DIR *open_folder = opendir(folder);
    assert_non_null(open_folder);
    for (struct dirent *entry = readdir(open_folder); entry != NULL; entry = readdir(open_folder)) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    assert_int_equal(closedir(open_folder), 0);
    return count;
}

static status_t replace(const char *text, error_t *err) {
    return whole_replace(&(whole_target_t){.path = path, .mode = 0640}, text, strlen(text), err);
}

static status_t take(size_t most, char **ret_bytes, size_t *ret_size, error_t *err) {
    return whole_read(&(whole_source_t){.path = path, .most_bytes = most, .what = "a thing"},
                      ret_bytes, ret_size, err);
}

static void expect(const char *text) {
    CLEANUP(free_p) char *bytes = NULL;
    size_t size = 0;
    error_t err = {0};
    assert_int_equal(take(100, &bytes, &size, &err), STATUS_OK);
    assert_int_equal(size, strlen(text));
    assert_string_equal(bytes, text);
}

static void test_replaces(void **state) {
    struct stat about;
    error_t err = {0};
    (void)state;
    mode_t mask = umask(022);
    assert_int_equal(replace("old", &err), STATUS_OK);
    expect("old");
    assert_int_equal(replace("new and longer", &err), STATUS_OK);
    expect("new and longer");
    assert_int_equal(replace("", &err), STATUS_OK);
    expect("");
    (void)umask(mask);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0640);
    assert_int_equal(entries(), 1);
}

/* What a killed process of the same number left beside it stands in nobody's way. */
static void test_leftover(void **state) {
    char beside[192];
    error_t err = {0};
    (void)state;
    (void)snprintf(beside, sizeof beside, "%s.%ld.new", path, (long)getpid());
    FILE *file = fopen(beside, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(replace("new", &err), STATUS_OK);
    expect("new");
    assert_int_equal(entries(), 1);
}

static void test_failed_replacement_leaves_nothing(void **state) {
    error_t err = {0};
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(replace("new", &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(entries(), 1);
    assert_int_equal(rmdir(path), 0);
    (void)snprintf(path, sizeof path, "%s/none/it", folder);
    error_clear(&err);
    assert_int_equal(replace("new", &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_int_equal(entries(), 0);
}

static void expect_unread(size_t most, error_code_t code, const char *words) {
    char *bytes = NULL;
    size_t size = 0;
    error_t err = {0};
    assert_int_equal(take(most, &bytes, &size, &err), STATUS_ERROR);
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, words));
    assert_null(bytes);
}

static void test_unfit_sources(void **state) {
    error_t err = {0};
    (void)state;
    expect_unread(10, ERROR_NOT_FOUND, "No such file");
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_unread(10, ERROR_IO, "no regular file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(replace("0123456789", &err), STATUS_OK);
    expect_unread(9, ERROR_BOUND, "10 bytes, a thing has at most 9");
    expect("0123456789");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_replaces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leftover, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failed_replacement_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unfit_sources, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
