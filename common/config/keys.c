/* keys.c: see keys.h. */
#include "common/config/keys.h"
#include "common/base/digest.h"
#include "common/base/limits.h"
#include "common/config/quantity.h"
#include "common/crypto/keytext.h"
#include "common/selector/selector.h"

#include <string.h>

bool config_key_curve(const yaml_source_t *source, const node_t *node, const char *key,
                      const char *text, uint8_t ret_bytes[CONFIG_KEY_BYTES]) {
    error_t why;
    if (keytext_z85_parse(text, ret_bytes, &why) == STATUS_OK) {
        return true;
    }
    yaml_complain(source, node, key,
                  "'%s' is no CURVE public key: 40 characters of Z85 are expected", key);
    return false;
}

bool config_key_hex(const yaml_source_t *source, const node_t *node, const char *key,
                    const char *text, uint8_t ret_bytes[CONFIG_KEY_BYTES]) {
    error_t why;
    if (strlen(text) == 2 * CONFIG_KEY_BYTES &&
        hex_parse(text, CONFIG_KEY_BYTES, ret_bytes, &why) == STATUS_OK) {
        return true;
    }
    yaml_complain(source, node, key, "'%s' is no public key: 64 hexadecimal digits are expected",
                  key != NULL ? key : "the list's item");
    return false;
}

uint8_t (*config_key_hex_list(const yaml_source_t *source, const node_t *list,
                              const yaml_texts_t *texts))[CONFIG_KEY_BYTES] {
    uint8_t(*keys)[CONFIG_KEY_BYTES] = NULL;
    if (list == NULL || texts->count == 0) {
        return NULL;
    }
    keys = calloc(texts->count, sizeof(*keys));
    if (keys == NULL) {
        yaml_complain(source, list, NULL, "no memory for keys");
        return NULL;
    }
    const node_t *item = list->first;
    for (size_t i = 0; i < texts->count; i++, item = item->next) {
        if (!config_key_hex(source, item, NULL, texts->items[i], keys[i])) {
            continue;
        }
        for (size_t j = 0; j < i; j++) {
            if (memcmp(keys[i], keys[j], CONFIG_KEY_BYTES) == 0) {
                yaml_complain(source, item, NULL, "this key stands in the list twice");
                break;
            }
        }
    }
    return keys;
}

static bool port_valid(const char *text) {
    error_t why;
    int64_t port = 0;
    return text[0] != '-' && quantity_integer(text, &port, &why) == STATUS_OK && port >= 1 &&
           port <= 65535;
}

void config_check_address(const yaml_source_t *source, const node_t *node, const char *key,
                          const char *text) {
    const char *host = text + strlen("tcp://");
    if (strncmp(text, "ipc://", 6) == 0 && text[6] != '\0') {
        return;
    }
    if (strncmp(text, "tcp://", 6) == 0) {
        const char *colon = strrchr(host, ':');
        if (colon != NULL && colon > host && port_valid(colon + 1) &&
            strpbrk(host, " /;") == NULL) {
            return;
        }
    }
    yaml_complain(source, node, key,
                  "'%.64s' is no address: tcp://HOST:PORT is expected, as in tcp://127.0.0.1:7707",
                  text);
}

void config_check_name(const yaml_source_t *source, const node_t *node, const char *key,
                       const char *text) {
    if (strlen(text) > LIMIT_NAME_BYTES) {
        yaml_complain(source, node, key, "'%s' is longer than %d bytes", key, LIMIT_NAME_BYTES);
    } else if (!keytext_name_ok(text)) {
        yaml_complain(source, node, key,
                      "'%.64s' is no name: letters, digits and . _ @ + - are allowed", text);
    }
}

void config_check_labels(const yaml_source_t *source, const node_t *node, const char *key,
                         const yaml_map_t *labels) {
    if (labels->count > LIMIT_LABELS) {
        yaml_complain(source, node, key, "%zu labels, more than %d", labels->count, LIMIT_LABELS);
    }
    const node_t *map = node_get(node, key);
    for (size_t i = 0; i < labels->count; i++) {
        if (selector_key_reserved(labels->items[i].key)) {
            yaml_complain(source, map, labels->items[i].key,
                          "label '%s' is reserved: selectors use it for the tenant's own",
                          labels->items[i].key);
        } else if (!selector_key_valid(labels->items[i].key)) {
            yaml_complain(source, map, labels->items[i].key,
                          "'%.64s' cannot name a label: letters, digits and _-./:@+, at most %d",
                          labels->items[i].key, LIMIT_LABEL_BYTES);
        }
        if (!selector_value_valid(labels->items[i].value)) {
            yaml_complain(source, map, labels->items[i].key,
                          "label '%.64s' has a value with quotes or control characters, or longer "
                          "than %d bytes",
                          labels->items[i].key, LIMIT_LABEL_BYTES);
        }
    }
}
