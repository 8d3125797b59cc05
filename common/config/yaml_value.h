/*
 * yaml_value.h: one YAML value into one member, by the field's kind. Inside config only; yaml.h is
 * what others use.
 */
#ifndef DROVER_CONFIG_YAML_VALUE_H
#define DROVER_CONFIG_YAML_VALUE_H

#include "common/config/yaml.h"

typedef struct yaml_decoder {
    yaml_source_t source;
    error_t *err;
    bool failed; /* out of memory: err is filled */
} yaml_decoder_t;

/* Decode a node that is there; what is wrong is noted and leaves the member zero. */
void yaml_value_decode(yaml_decoder_t *decoder, const yaml_field_t *field, const node_t *node,
                       char *object);

/* Put the field's default into its member. */
void yaml_value_default(yaml_decoder_t *decoder, const yaml_field_t *field, char *object);

/* A map into a struct; yaml.c. */
void yaml_struct_decode(yaml_decoder_t *decoder, const yaml_schema_t *schema, const node_t *node,
                        char *object);
void yaml_struct_default(yaml_decoder_t *decoder, const yaml_schema_t *schema, char *object);

#endif
