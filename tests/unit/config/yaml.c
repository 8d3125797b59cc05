/* Tests of common/config/{node,yaml,yaml_value,problem}.c: every kind, and every way to be wrong.
 */
#include "common/config/yaml.h"
#include "common/base/buffer.h"
#include "common/base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef enum colour { COLOUR_RED, COLOUR_GREEN } colour_t;

typedef struct leaf {
    char *name;
    int64_t weight;
} leaf_t;

typedef struct tree {
    char *text;
    char *path;
    bool flag;
    int64_t number;
    int64_t wait_us;
    int64_t size_bytes;
    int64_t share_bp;
    colour_t colour;
    yaml_texts_t texts;
    yaml_texts_t paths;
    yaml_map_t map;
    leaf_t leaf;
    yaml_list_t leaves;
} tree_t;

static const char *const COLOURS[] = {"red", "green", NULL};
static const yaml_field_t LEAF_FIELDS[] = {
    {"name", YAML_TEXT, offsetof(leaf_t, name), .required = true},
    {"weight", YAML_INTEGER, offsetof(leaf_t, weight), .default_text = "7"},
};
static void check_leaf(const yaml_source_t *source, const node_t *node, void *object) {
    const leaf_t *leaf = object;
    if (leaf->weight == 13) {
        yaml_complain(source, node, "weight", "an unlucky weight");
    }
}
static const yaml_schema_t LEAF = {
    .name = "a leaf", .size = sizeof(leaf_t), YAML_FIELDS(LEAF_FIELDS), .check = check_leaf};
static const yaml_field_t FIELDS[] = {
    {"text", YAML_TEXT, offsetof(tree_t, text), .required = true},
    {"path", YAML_PATH, offsetof(tree_t, path), .required = false},
    {"flag", YAML_BOOL, offsetof(tree_t, flag), .default_text = "true"},
    {"number", YAML_INTEGER, offsetof(tree_t, number), .min = 1, .max = 9, .default_text = "3"},
    {"wait", YAML_DURATION, offsetof(tree_t, wait_us), .min = 0, .max = 60000000},
    {"size", YAML_SIZE, offsetof(tree_t, size_bytes), .required = false},
    {"share", YAML_PERCENT, offsetof(tree_t, share_bp), .required = false},
    {"colour", YAML_ENUM, offsetof(tree_t, colour), .names = COLOURS, .default_text = "green"},
    {"texts", YAML_TEXTS, offsetof(tree_t, texts), .max = 3},
    {"paths", YAML_PATHS, offsetof(tree_t, paths), .required = false},
    {"map", YAML_MAP, offsetof(tree_t, map), .max = 2},
    {"leaf", YAML_STRUCT, offsetof(tree_t, leaf), .inner = &LEAF},
    {"leaves", YAML_STRUCTS, offsetof(tree_t, leaves), .max = 2, .inner = &LEAF},
    {"password", YAML_REFUSED, 0, .default_text = "no passwords here"},
};
static const yaml_schema_t TREE = {.name = "a tree", .size = sizeof(tree_t), YAML_FIELDS(FIELDS)};

static status_t load(const char *text, problems_t *problems, tree_t **ret_tree, error_t *err) {
    const yaml_request_t request = {
        .schema = &TREE, .code = ERROR_CONFIG_INVALID, .limit_bytes = 100000, .problems = problems};
    const yaml_text_t source = {.name = "/nowhere/t.yaml", .bytes = text, .size = strlen(text)};
    void *object = NULL;
    status_t status = yaml_load_text(&request, &source, &object, err);
    *ret_tree = object;
    return status;
}

static void test_every_kind(void **state) {
    error_t err = {0};
    tree_t *tree = NULL;
    (void)state;
    status_t status = load("text: no\npath: sub/x\nflag: false\nnumber: 9\nwait: 1min\nsize: 2KiB\n"
                           "share: 12.5%\ncolour: red\ntexts: [a, \"b c\"]\npaths: [/abs, rel]\n"
                           "map: {k: v, \"5\": \"true\"}\nleaf: {name: n, weight: 1}\n"
                           "leaves:\n  - name: one\n  - {name: two, weight: -5}\n",
                           NULL, &tree, &err);
    if (status != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(tree->text, "no"); /* plain words stay the text that they are */
    assert_string_equal(tree->path, "/nowhere/sub/x");
    assert_false(tree->flag);
    assert_int_equal(tree->number, 9);
    assert_int_equal(tree->wait_us, 60000000);
    assert_int_equal(tree->size_bytes, 2048);
    assert_int_equal(tree->share_bp, 1250);
    assert_int_equal(tree->colour, COLOUR_RED);
    assert_int_equal(tree->texts.count, 2);
    assert_string_equal(tree->texts.items[1], "b c");
    assert_string_equal(tree->paths.items[0], "/abs");
    assert_string_equal(tree->paths.items[1], "/nowhere/rel");
    assert_string_equal(yaml_map_get(&tree->map, "5"), "true");
    assert_null(yaml_map_get(&tree->map, "x"));
    assert_string_equal(tree->leaf.name, "n");
    assert_int_equal(tree->leaves.count, 2);
    assert_int_equal(((leaf_t *)tree->leaves.items)[0].weight, 7);
    assert_int_equal(((leaf_t *)tree->leaves.items)[1].weight, -5);
    yaml_release(&TREE, tree);
}

static void test_defaults(void **state) {
    error_t err = {0};
    tree_t *tree = NULL;
    (void)state;
    assert_int_equal(load("text: x\n", NULL, &tree, &err), STATUS_OK);
    assert_true(tree->flag);
    assert_int_equal(tree->number, 3);
    assert_int_equal(tree->colour, COLOUR_GREEN);
    assert_null(tree->path);
    assert_null(tree->leaf.name); /* an absent struct has its defaults; nothing is demanded of it */
    assert_int_equal(tree->leaf.weight, 7);
    assert_int_equal(tree->leaves.count, 0);
    yaml_release(&TREE, tree);
}

static void test_refuses(void **state) {
    static const char *const CASES[][2] = {
        {"", "t.yaml: the file is empty"},
        {"# nothing\n\n", "t.yaml: the file is empty"},
        {"---\n", "t.yaml: the file is empty"},
        {"text: x\ntxet: y\n", "t.yaml:2:1: unknown key 'txet' in a tree; did you mean 'text'?"},
        {"text: x\nzzzzzz: y\n", "t.yaml:2:1: unknown key 'zzzzzz' in a tree"},
        {"text: x\ntext: y\n", "t.yaml:2:1: key 'text' stands here twice, first in line 1"},
        {"text: x\nleaf: {name: a, name: b}\n", "t.yaml:2:17: key 'name' stands here twice"},
        {"flag: true\n", "t.yaml:1:1: a tree lacks the key 'text'"},
        {"- text\n", "t.yaml:1:1: a tree must be a map of key: value, not a list"},
        {"word\n", "t.yaml:1:1: a tree must be a map of key: value, not a single value"},
        {"text:\n", ": 'text' has no value: a text is expected"},
        {"text: ~\n", "t.yaml:1:7: 'text' has no value"},
        {"text: null\n", "t.yaml:1:7: 'text' has no value"},
        {"text: \"\"\n", "t.yaml:1:7: 'text' is empty"},
        {"text: [a]\n", "t.yaml:1:7: 'text' must be a text, not a list"},
        {"text: {a: b}\n", "t.yaml:1:7: 'text' must be a text, not a map"},
        {"text: x\nflag: yes\n", "t.yaml:2:7: 'yes' is neither true nor false"},
        {"text: x\nflag: True\n", "t.yaml:2:7: 'True' is neither true nor false"},
        {"text: x\nflag: \"true\"\n", "write it without quotes"},
        {"text: x\nnumber: 0\n", "t.yaml:2:9: 'number' is 0, outside 1 to 9"},
        {"text: x\nnumber: ten\n", "t.yaml:2:9: 'ten' is no whole number"},
        {"text: x\nnumber: \"5\"\n", "not a text in quotes"},
        {"text: x\nnumber: 1.5\n", "'1.5' is no whole number"},
        {"text: x\nwait: 5\n", "t.yaml:2:7: '5' is no duration"},
        {"text: x\nwait: 61s\n", "'wait' is 61s, outside 0s to 1min"},
        {"text: x\nsize: 5G\n", "'5G' is no size"},
        {"text: x\nshare: 120%\n", "'120%' is no percentage"},
        {"text: x\ncolour: gren\n", "'gren' is none of red, green; did you mean 'green'?"},
        {"text: x\ntexts: a\n", "t.yaml:2:8: 'texts' must be a list, not a single value"},
        {"text: x\ntexts: [a,b,c,d]\n", "'texts' has 4 items, more than 3"},
        {"text: x\ntexts: [a, [b]]\n", "t.yaml:2:12: 'the list's item' must be a text, not a list"},
        {"text: x\nmap: [a]\n", "'map' must be a map of key: value, not a list"},
        {"text: x\nmap: {a: b, c: d, e: f}\n", "'map' has 3 entries, more than 2"},
        {"text: x\nleaf: 5\n", "t.yaml:2:7: a leaf must be a map of key: value"},
        {"text: x\nleaf: {weight: 1}\n", "t.yaml:2:7: a leaf lacks the key 'name'"},
        {"text: x\nleaf: {name: n, weight: 13}\n", "t.yaml:2:25: an unlucky weight"},
        {"text: x\nleaves: [{name: a}, {nam: b}]\n", "t.yaml:2:22: unknown key 'nam' in a leaf"},
        {"text: x\npassword: hunter2\n", "t.yaml:2:11: no passwords here"},
        {"text: &a x\n", "anchors (&name) are not allowed"},
        {"text: x\nleaf: &l {name: n}\n", "anchors (&name) are not allowed"},
        {"text: *a\n", "aliases (*name) are not allowed"},
        {"text: !!str x\n", "tags (!name) are not allowed"},
        {"<<: {text: x}\n", "merge keys (<<) are not allowed"},
        {"? [a]\n: b\n", "a key must be plain text"},
        {"text: x\n---\ntext: y\n", "a second document"},
        {"text: \"a\\0b\"\n", "a NUL byte in a text"},
        {"text: [\n", "no valid YAML"},
        {"text: x\n  flag: true\n", "no valid YAML"},
        {"text: \"x\n", "no valid YAML"},
        {"text: \xff\xfe\n", "no valid YAML"},
        {"\ttext: x\n", "no valid YAML"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        error_t err = {0};
        tree_t *tree = NULL;
        if (load(CASES[i][0], NULL, &tree, &err) == STATUS_OK) {
            fail_msg("accepted: %s", CASES[i][0]);
        }
        assert_null(tree);
        assert_int_equal(err.code, ERROR_CONFIG_INVALID);
        if (strstr(err.message, CASES[i][1]) == NULL) {
            fail_msg("%s\nsays: %s\nnot:  %s", CASES[i][0], err.message, CASES[i][1]);
        }
    }
}

static void test_several_in_one_pass(void **state) {
    error_t err = {0};
    tree_t *tree = NULL;
    problems_t *problems = calloc(1, sizeof *problems);
    char *printed = NULL;
    size_t size = 0;
    (void)state;
    assert_non_null(problems);
    assert_int_equal(load("txet: x\nflag: yes\nnumber: 0\n", problems, &tree, &err), STATUS_ERROR);
    assert_int_equal(problems->count, 4);
    assert_string_equal(err.message, "/nowhere/t.yaml:1:1: unknown key 'txet' in a tree; did you "
                                     "mean 'text'? (and 3 more)");
    FILE *out = open_memstream(&printed, &size);
    assert_non_null(out);
    problems_print(problems, out);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(printed, "/nowhere/t.yaml:2:7: error: 'yes' is neither true nor false\n"
                                    "  | flag: yes\n"
                                    "  |       ^\n"));
    free(printed);
    free(problems);
}

static void test_problems_are_bounded(void **state) {
    error_t err = {0};
    tree_t *tree = NULL;
    problems_t *problems = calloc(1, sizeof *problems);
    buffer_t text = {0};
    (void)state;
    assert_non_null(problems);
    for (int i = 0; i < 100; i++) {
        buffer_format(&text, "unknown%d: x\n", i);
    }
    assert_int_equal(load(buffer_string(&text), problems, &tree, &err), STATUS_ERROR);
    assert_int_equal(problems->count, PROBLEM_MAX);
    assert_int_equal(problems->more, 101 - PROBLEM_MAX); /* one for the key that is missing */
    assert_non_null(strstr(err.message, "(and 100 more)"));
    buffer_free(&text);
    free(problems);
}

static void test_bounds_of_the_file(void **state) {
    error_t err = {0};
    tree_t *tree = NULL;
    buffer_t text = {0};
    (void)state;
    buffer_text(&text, "text: ");
    for (int i = 0; i < 20; i++) {
        buffer_char(&text, '[');
    }
    assert_int_equal(load(buffer_string(&text), NULL, &tree, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "nested too deep"));
    buffer_clear(&text);
    buffer_text(&text, "text: ");
    for (int i = 0; i < 100001; i++) {
        buffer_char(&text, 'x');
    }
    assert_int_equal(load(buffer_string(&text), NULL, &tree, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    text.data[70000] = '\0';
    assert_int_equal(load(buffer_string(&text), NULL, &tree, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "'text' is longer than 65536 bytes"));
    buffer_free(&text);
}

static void test_hostile_source_line(void **state) {
    error_t err = {0};
    tree_t *tree = NULL;
    problems_t *problems = calloc(1, sizeof *problems);
    (void)state;
    assert_non_null(problems);
    assert_int_equal(load("text: \"\\e[31m\"\n\"k\\ey\": 1 # \xc2\x9b\n", problems, &tree, &err),
                     STATUS_ERROR);
    for (size_t i = 0; i < problems->count; i++) {
        assert_null(strchr(problems->items[i].message, '\x1b'));
        assert_null(strstr(problems->items[i].source, "\xc2\x9b"));
    }
    free(problems);
}

static void test_missing_file(void **state) {
    const yaml_request_t request = {
        .schema = &TREE, .code = ERROR_CONFIG_INVALID, .limit_bytes = 100};
    error_t err = {0};
    void *object = NULL;
    (void)state;
    assert_int_equal(yaml_load_file(&request, "/nowhere/t.yaml", &object, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_CONFIG_MISSING);
    assert_string_equal(err.message, "cannot read /nowhere/t.yaml: No such file or directory");
    assert_int_equal(yaml_load_file(&request, "/", &object, &err), STATUS_ERROR);
    assert_int_equal(err.code, ERROR_CONFIG_MISSING);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_several_in_one_pass),
        cmocka_unit_test(test_problems_are_bounded),
        cmocka_unit_test(test_bounds_of_the_file),
        cmocka_unit_test(test_hostile_source_line),
        cmocka_unit_test(test_missing_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
