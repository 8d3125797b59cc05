/* keys.h: public keys that stand in configuration, decoded with words that fit there. */
#ifndef DROVER_CONFIG_KEYS_H
#define DROVER_CONFIG_KEYS_H

#include "common/config/yaml.h"

enum { CONFIG_KEY_BYTES = 32 };

/* Decode 40 characters of Z85; else complain at node's key and answer false. */
bool config_key_curve(const yaml_source_t *source, const node_t *node, const char *key,
                      const char *text, uint8_t ret_bytes[CONFIG_KEY_BYTES]);

/* Decode 64 hexadecimal digits; else complain at node's key and answer false. */
bool config_key_hex(const yaml_source_t *source, const node_t *node, const char *key,
                    const char *text, uint8_t ret_bytes[CONFIG_KEY_BYTES]);

/* Decode a list of such, without repetition, into a fresh array (NULL where the list is empty). */
uint8_t (*config_key_hex_list(const yaml_source_t *source, const node_t *list,
                              const yaml_texts_t *texts))[CONFIG_KEY_BYTES];

/* Complain where an address is no tcp://host:port (or ipc://path). */
void config_check_address(const yaml_source_t *source, const node_t *node, const char *key,
                          const char *text);

/* Complain where a name has other characters than names have, or is too long. */
void config_check_name(const yaml_source_t *source, const node_t *node, const char *key,
                       const char *text);

/* Complain about labels that a selector could not speak of. */
void config_check_labels(const yaml_source_t *source, const node_t *node, const char *key,
                         const yaml_map_t *labels);

#endif
