/* peers.c: see peers.h. */
#include "common/config/peers.h"
#include "common/base/digest.h"
#include "common/base/limits.h"
#include "common/config/keys.h"
#include "common/crypto/keytext.h"

#include <string.h>

enum { PEERS_FILE_BYTES = 32 * 1024 * 1024 }; /* 100,000 peers of about 250 bytes */

struct peers {
    yaml_list_t list;        /* of peer_t */
    const peer_t **by_curve; /* sorted by curve; derived */
    const peer_t **by_name;  /* sorted by name; derived */
};

static const char *const KINDS[] = {"agent", "operator", NULL};

/* clang-format off */
static const yaml_field_t PEER_FIELDS[] = {
    {"name",  YAML_TEXT, offsetof(peer_t, name), .required = true, .help = "who it is, unique"},
    {"kind",  YAML_ENUM, offsetof(peer_t, kind), .required = true, .names = KINDS, .help = "what it may ask"},
    {"curve", YAML_TEXT, offsetof(peer_t, curve_text), .required = true, .help = "its CURVE public key"},
    {"sign",  YAML_TEXT, offsetof(peer_t, sign_text), .required = true, .help = "its Ed25519 public key"},
};
/* clang-format on */

static void check_peer(const yaml_source_t *source, const node_t *node, void *object) {
    peer_t *peer = object;
    config_check_name(source, node, "name", peer->name);
    (void)config_key_curve(source, node, "curve", peer->curve_text, peer->curve);
    if (config_key_hex(source, node, "sign", peer->sign_text, peer->sign)) {
        (void)hex_text(peer->sign, PEER_KEY_BYTES, peer->sign_text); /* one spelling */
    }
}

static const yaml_schema_t PEER = {
    .name = "a peer", .size = sizeof(peer_t), YAML_FIELDS(PEER_FIELDS), .check = check_peer};

static const yaml_field_t FIELDS[] = {
    {"peers", YAML_STRUCTS, offsetof(peers_t, list), .required = true, .max = LIMIT_AGENTS,
     .inner = &PEER, .help = "who may talk to the coordinator"},
};

static int compare_curve(const void *a, const void *b) {
    const peer_t *x = *(const peer_t *const *)a;
    const peer_t *y = *(const peer_t *const *)b;
    int order = memcmp(x->curve, y->curve, PEER_KEY_BYTES);
    return order != 0 ? order : (x > y) - (x < y);
}

static int compare_sign(const void *a, const void *b) {
    const peer_t *x = *(const peer_t *const *)a;
    const peer_t *y = *(const peer_t *const *)b;
    int order = memcmp(x->sign, y->sign, PEER_KEY_BYTES);
    return order != 0 ? order : (x > y) - (x < y);
}

static int compare_name(const void *a, const void *b) {
    const peer_t *x = *(const peer_t *const *)a;
    const peer_t *y = *(const peer_t *const *)b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x > y) - (x < y);
}

/* What must differ between any two peers. */
typedef struct uniqueness {
    const char *key;
    int (*compare)(const void *a, const void *b);
    size_t offset; /* of the compared bytes */
} uniqueness_t;

static bool same(const peer_t *a, const peer_t *b, const uniqueness_t *what) {
    if (what->compare == compare_name) {
        return strcmp(a->name, b->name) == 0;
    }
    return memcmp((const char *)a + what->offset, (const char *)b + what->offset, PEER_KEY_BYTES) ==
           0;
}

/* Node of the peer at an index; walked from the front, which only happens for a problem. */
static const node_t *node_at(const node_t *list, size_t index) {
    const node_t *item = list->first;
    for (size_t i = 0; i < index; i++) {
        item = item->next;
    }
    return item;
}

/* Sort all peers by one of their values into a fresh index; a value that two have is a problem. */
static const peer_t **sort_unique(const yaml_source_t *source, const node_t *list,
                                  const peers_t *peers, const uniqueness_t *what) {
    const peer_t *items = peers->list.items;
    const peer_t **sorted = calloc(peers->list.count + 1, sizeof(*sorted));
    if (sorted == NULL) {
        yaml_complain(source, list, NULL, "no memory for %zu peers", peers->list.count);
        return NULL;
    }
    for (size_t i = 0; i < peers->list.count; i++) {
        sorted[i] = &items[i];
    }
    qsort(sorted, peers->list.count, sizeof(*sorted), what->compare);
    for (size_t i = 1; i < peers->list.count; i++) {
        if (same(sorted[i - 1], sorted[i], what)) {
            yaml_complain(source, node_at(list, (size_t)(sorted[i] - items)), what->key,
                          "peer '%s' has the same '%s' as '%s'", sorted[i]->name, what->key,
                          sorted[i - 1]->name);
        }
    }
    return sorted;
}

static void check(const yaml_source_t *source, const node_t *node, void *object) {
    static const uniqueness_t NAME = {"name", compare_name, 0};
    static const uniqueness_t CURVE = {"curve", compare_curve, offsetof(peer_t, curve)};
    static const uniqueness_t SIGN = {"sign", compare_sign, offsetof(peer_t, sign)};
    peers_t *peers = object;
    const node_t *list = node_get(node, "peers");
    peers->by_name = sort_unique(source, list, peers, &NAME);
    peers->by_curve = sort_unique(source, list, peers, &CURVE);
    free(sort_unique(source, list, peers, &SIGN)); /* nobody looks a peer up by it */
}

static void release(void *object) {
    peers_t *peers = object;
    free(peers->by_curve);
    free(peers->by_name);
}

static const yaml_schema_t SCHEMA = {.name = "the peers file",
                                     .size = sizeof(peers_t),
                                     YAML_FIELDS(FIELDS),
                                     .check = check,
                                     .release = release};

static yaml_request_t request_of(problems_t *problems) {
    return (yaml_request_t){.schema = &SCHEMA,
                            .code = ERROR_CONFIG_INVALID,
                            .limit_bytes = PEERS_FILE_BYTES,
                            .problems = problems};
}

status_t peers_load(const char *path, problems_t *problems, peers_t **ret_peers, error_t *err) {
    const yaml_request_t request = request_of(problems);
    void *object = NULL;
    TRY(yaml_load_file(&request, path, &object, err));
    *ret_peers = object;
    return STATUS_OK;
}

status_t peers_parse(const yaml_text_t *text, problems_t *problems, peers_t **ret_peers,
                     error_t *err) {
    const yaml_request_t request = request_of(problems);
    void *object = NULL;
    TRY(yaml_load_text(&request, text, &object, err));
    *ret_peers = object;
    return STATUS_OK;
}

size_t peers_count(const peers_t *peers) {
    return peers->list.count;
}

const peer_t *peers_at(const peers_t *peers, size_t index) {
    INVARIANT(index < peers->list.count);
    return (const peer_t *)peers->list.items + index;
}

const peer_t *peers_by_curve(const peers_t *peers, const uint8_t key[PEER_KEY_BYTES]) {
    size_t low = 0;
    size_t high = peers->list.count;
    while (low < high) { /* halves each turn */
        size_t middle = low + (high - low) / 2;
        int order = memcmp(peers->by_curve[middle]->curve, key, PEER_KEY_BYTES);
        if (order == 0) {
            return peers->by_curve[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const peer_t *peers_by_curve_text(const peers_t *peers, const char *z85) {
    uint8_t key[PEER_KEY_BYTES];
    error_t why;
    return keytext_z85_parse(z85, key, &why) == STATUS_OK ? peers_by_curve(peers, key) : NULL;
}

const peer_t *peers_by_name(const peers_t *peers, const char *name) {
    size_t low = 0;
    size_t high = peers->list.count;
    while (low < high) { /* halves each turn */
        size_t middle = low + (high - low) / 2;
        int order = strcmp(peers->by_name[middle]->name, name);
        if (order == 0) {
            return peers->by_name[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const char *peer_kind_text(peer_kind_t kind) {
    INVARIANT((int)kind >= 0 && kind < PEER_KIND_COUNT);
    return KINDS[kind];
}

void peers_destroy(peers_t **peers) {
    yaml_release(&SCHEMA, *peers);
    *peers = NULL;
}
