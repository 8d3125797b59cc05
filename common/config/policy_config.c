/*
 * policy_config.c: see policy_config.h. A list that is there and empty is refused where an absent
 * one means everything: who wrote `kinds: []` did not mean all.
 */
#include "common/config/policy_config.h"
#include "common/base/limits.h"
#include "common/config/suggest.h"

#include <string.h>

#define AT(member) .offset = offsetof(policy_config_t, member)
#define PART(type, member) .offset = offsetof(type, member)

static const char *const RECOVERIES[] = {
    [POLICY_RECOVERY_NONE] = "none",
    [POLICY_RECOVERY_EXTERNAL] = "external",
    [POLICY_RECOVERY_DUMP] = "dump",
    [POLICY_RECOVERY_COUNT] = NULL,
};

static const char *const KINDS[POLICY_KIND_COUNT] = {
    [POLICY_FORWARD] = "forward",   [POLICY_UNDO] = "undo",     [POLICY_RESTORE] = "restore",
    [POLICY_BASELINE] = "baseline", [POLICY_BACKUP] = "backup", [POLICY_PRUNE] = "prune",
    [POLICY_LOOK] = "look",
};

static const char *const DAYS[POLICY_DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static const char *const KEYS[POLICY_KEY_COUNT] = {
    [POLICY_KEY_TENANTS] = "tenants",
    [POLICY_KEY_KINDS] = "kinds",
    [POLICY_KEY_WINDOWS] = "windows",
    [POLICY_KEY_TENANTS_PER_HOUR] = "tenants_per_hour",
    [POLICY_KEY_ALLOW_SUPERUSER] = "allow_superuser",
    [POLICY_KEY_ALLOW_UNPARSED] = "allow_unparsed",
    [POLICY_KEY_KILL_SWITCH] = "kill_switch",
    [POLICY_KEY_MINIMUM_RECOVERY] = "minimum_recovery",
};

static void check_window(const yaml_source_t *source, const node_t *node, void *object);
static void check(const yaml_source_t *source, const node_t *node, void *object);
static void release(void *object);

/* clang-format off */
static const yaml_field_t WINDOW_FIELDS[] = {
    {"days", YAML_TEXTS, PART(policy_window_t, day_texts), .max = POLICY_DAYS, .help = "days on which it begins"},
    {"from", YAML_TEXT,  PART(policy_window_t, from_text), .default_text = "00:00", .help = "time of day, UTC"},
    {"to",   YAML_TEXT,  PART(policy_window_t, to_text),   .default_text = "24:00", .help = "time of day, UTC"},
};
static const yaml_schema_t WINDOW = {
    .name = "a window", .size = sizeof(policy_window_t), YAML_FIELDS(WINDOW_FIELDS),
    .check = check_window};

static const yaml_field_t FIELDS[] = {
    {"tenants",  YAML_TEXT,    AT(tenants), .default_text = "all", .help = "selector of the tenants that may be touched"},
    {"kinds",    YAML_TEXTS,   AT(kind_texts), .max = POLICY_KIND_COUNT, .help = "kinds of work that may be done"},
    {"windows",  YAML_STRUCTS, AT(windows), .max = POLICY_WINDOWS_MAX, .inner = &WINDOW, .help = "when forward work may begin"},
    {"windows_bind_undo", YAML_BOOL, AT(windows_bind_undo), .default_text = "false", .help = "undo and restore keep to the windows, too"},
    {"tenants_per_hour", YAML_INTEGER, AT(tenants_per_hour), .min = 0, .max = LIMIT_TENANTS, .default_text = "0", .help = "forward work begins at so many at most; 0 is any"},
    {"allow_superuser", YAML_BOOL, AT(allow_superuser), .default_text = "false", .help = "accept roles that are superusers"},
    {"allow_unparsed",  YAML_BOOL, AT(allow_unparsed), .default_text = "false", .help = "accept statements that no parser read"},
    {"kill_switch",     YAML_PATH, AT(kill_switch), .help = "while this file exists nothing starts"},
    {"minimum_recovery", YAML_ENUM, AT(minimum_recovery), .names = RECOVERIES, .default_text = "none", .help = "weakest recovery point of forward work"},
};
/* clang-format on */

static const yaml_schema_t SCHEMA = {.name = "the policy",
                                     .size = sizeof(policy_config_t),
                                     YAML_FIELDS(FIELDS),
                                     .check = check,
                                     .release = release};

/* The value's node of the index-th item under key. */
static const node_t *item_of(const node_t *node, const char *key, size_t index) {
    const node_t *item = node_get(node, key)->first;
    for (size_t i = 0; i < index; i++) {
        item = item->next;
    }
    return item;
}

typedef struct words {
    const char *key;         /* whose list it is */
    const char *what;        /* "a kind of work" */
    const char *const *list; /* at most 32 */
    size_t count;
} words_t;

static size_t word_index(const words_t *words, const char *text) {
    size_t i = 0;
    while (i < words->count && strcmp(words->list[i], text) != 0) {
        i++;
    }
    return i;
}

/* The bits of the words in a list; all of them where the key is absent. */
static uint32_t read_words(const yaml_source_t *source, const node_t *node, const words_t *words,
                           const yaml_texts_t *texts) {
    if (node_get(node, words->key) == NULL) {
        return (UINT32_C(1) << words->count) - 1;
    }
    if (texts->count == 0) {
        yaml_complain(source, node, words->key, "'%s' is empty: leave it out for all", words->key);
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < texts->count; i++) {
        const char *text = texts->items[i];
        const node_t *item = item_of(node, words->key, i);
        size_t index = word_index(words, text);
        if (index == words->count) {
            const char *near = suggest(text, words->list, words->count);
            yaml_complain(source, item, NULL, "'%.64s' is no %s%s%s%s", text, words->what,
                          near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                          near != NULL ? "'?" : "");
        } else if ((bits & (UINT32_C(1) << index)) != 0) {
            yaml_complain(source, item, NULL, "'%s' stands in the list twice", text);
        } else {
            bits |= UINT32_C(1) << index;
        }
    }
    return bits;
}

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

/* Minutes from midnight of "HH:MM", 00:00 to 24:00; -1 for anything else. */
static int minutes_of(const char *text) {
    if (strlen(text) != 5 || !is_digit(text[0]) || !is_digit(text[1]) || text[2] != ':' ||
        !is_digit(text[3]) || !is_digit(text[4])) {
        return -1;
    }
    int hours = (text[0] - '0') * 10 + text[1] - '0';
    int minutes = (text[3] - '0') * 10 + text[4] - '0';
    int all = hours * 60 + minutes;
    return minutes < 60 && all <= POLICY_DAY_MINUTES ? all : -1;
}

static void check_window(const yaml_source_t *source, const node_t *node, void *object) {
    static const words_t WORDS = {.key = "days", .what = "day", .list = DAYS, .count = POLICY_DAYS};
    policy_window_t *window = object;
    window->days = read_words(source, node, &WORDS, &window->day_texts);
    window->from = minutes_of(window->from_text);
    window->to = minutes_of(window->to_text);
    if (window->from < 0 || window->from == POLICY_DAY_MINUTES) {
        yaml_complain(source, node, "from", "'%.32s' is no time from \"00:00\" to \"23:59\"",
                      window->from_text);
    } else if (window->to < 0) {
        yaml_complain(source, node, "to", "'%.32s' is no time from \"00:00\" to \"24:00\"",
                      window->to_text);
    } else if (window->from == window->to) {
        yaml_complain(source, node, "to",
                      "a window ends when it begins: leave out 'from' and 'to' "
                      "for a whole day");
    } else if (window->to == 0) {
        window->to = POLICY_DAY_MINUTES; /* midnight that ends the day */
    }
}

/* At its own column, and without the text that the line shows anyway. */
static void check_tenants(const yaml_source_t *source, const node_t *node,
                          policy_config_t *config) {
    size_t column = 1;
    error_t why = {0};
    if (selector_parse(config->tenants, &column, &config->selector, &why) == STATUS_OK) {
        return;
    }
    const node_t *value = node_get(node, "tenants");
    why.message[strcspn(why.message, "\n")] = '\0';
    if (value == NULL) { /* no memory for `all` */
        yaml_complain(source, node, NULL, "%s", why.message);
        return;
    }
    problem_place_t place = value->place;
    place.column += (int)column - 1 + (value->quoted ? 1 : 0);
    problems_add(source->problems, node_source(source->document), place, "%s", why.message);
}

static void check(const yaml_source_t *source, const node_t *node, void *object) {
    static const words_t WORDS = {
        .key = "kinds", .what = "kind of work", .list = KINDS, .count = POLICY_KIND_COUNT};
    policy_config_t *config = object;
    config->kinds = read_words(source, node, &WORDS, &config->kind_texts);
    check_tenants(source, node, config);
    for (int key = 0; key < POLICY_KEY_COUNT; key++) {
        const node_t *value = node_get(node, KEYS[key]);
        config->lines[key] = value != NULL ? value->key_place.line : 0;
    }
}

static void release(void *object) {
    policy_config_t *config = object;
    selector_destroy(&config->selector);
}

static yaml_request_t request_of(problems_t *problems) {
    return (yaml_request_t){.schema = &SCHEMA,
                            .code = ERROR_CONFIG_INVALID,
                            .limit_bytes = POLICY_CONFIG_BYTES,
                            .problems = problems};
}

status_t policy_config_load(const char *path, problems_t *problems, policy_config_t **ret_config,
                            error_t *err) {
    const yaml_request_t request = request_of(problems);
    void *object = NULL;
    TRY(yaml_load_file(&request, path, &object, err));
    *ret_config = object;
    return STATUS_OK;
}

status_t policy_config_parse(const yaml_text_t *text, problems_t *problems,
                             policy_config_t **ret_config, error_t *err) {
    const yaml_request_t request = request_of(problems);
    void *object = NULL;
    TRY(yaml_load_text(&request, text, &object, err));
    *ret_config = object;
    return STATUS_OK;
}

size_t policy_config_window_count(const policy_config_t *config) {
    return config->windows.count;
}

const policy_window_t *policy_config_window(const policy_config_t *config, size_t index) {
    INVARIANT(index < config->windows.count);
    return (const policy_window_t *)config->windows.items + index;
}

const char *policy_kind_text(policy_kind_t kind) {
    INVARIANT((int)kind >= 0 && kind < POLICY_KIND_COUNT);
    return KINDS[kind];
}

const char *policy_key_text(policy_key_t key) {
    INVARIANT((int)key >= 0 && key < POLICY_KEY_COUNT);
    return KEYS[key];
}

const char *policy_day_text(int day) {
    INVARIANT(day >= 0 && day < POLICY_DAYS);
    return DAYS[day];
}

const char *policy_recovery_text(policy_recovery_t recovery) {
    INVARIANT((int)recovery >= 0 && recovery < POLICY_RECOVERY_COUNT);
    return RECOVERIES[recovery];
}

void policy_config_destroy(policy_config_t **config) {
    yaml_release(&SCHEMA, *config);
    *config = NULL;
}
