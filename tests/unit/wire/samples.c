/* samples.c: see samples.h. */
#include "tests/unit/wire/samples.h"
#include "common/wire/scan.h"

size_t sample_field_bytes(const ProtobufCMessageDescriptor *message, const char *field) {
    const scan_rule_t *rule = scan_rule(message, field);
    INVARIANT(rule != NULL);
    return rule->fixed ? rule->bytes : SAMPLE_DIGEST_SIZE;
}

static void fill_value(const ProtobufCMessageDescriptor *message,
                       const ProtobufCFieldDescriptor *field, void *at, sample_pool_t *pool) {
    int64_t number = 1;
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        *(char **)at = field_of_text("né");
    } else if (field->type == PROTOBUF_C_TYPE_BYTES) {
        *(ProtobufCBinaryData *)at = sample_field(sample_field_bytes(message, field->name));
    } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        *(ProtobufCMessage **)at = sample_fill(field->descriptor, pool);
    } else if (field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_UINT64) {
        memcpy(at, &number, 8);
    } else if (strcmp(field->name, "terms") != 0) { /* an index: 0 */
        memcpy(at, &number, 4);                     /* little-endian or not, only non-zero counts */
    }
}

ProtobufCMessage *sample_fill(const ProtobufCMessageDescriptor *descriptor, sample_pool_t *pool) {
    ProtobufCMessage *message = sample_take(pool, descriptor->sizeof_message);
    protobuf_c_message_init(descriptor, message);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        uint8_t *at = (uint8_t *)message + field->offset;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t one = 1;
            void *element = sample_take(pool, sizeof(ProtobufCBinaryData));
            fill_value(descriptor, field, element, pool);
            memcpy((uint8_t *)message + field->quantifier_offset, &one, sizeof one);
            memcpy(at, &element, sizeof element);
        } else {
            fill_value(descriptor, field, at, pool);
        }
    }
    return message;
}

void sample_seal(const kind_t *kind, buffer_t *buffer) {
    static sample_pool_t pool;
    pool.used = 0;
    sign_public_t key;
    sign_secret_t secret;
    sample_key(&key, &secret);
    error_t err;
    const ProtobufCMessage *message = sample_fill(kind->descriptor, &pool);
    INVARIANT(codec_seal(kind->kind, message, kind->domain == NULL ? NULL : &secret, buffer,
                         &err) == STATUS_OK);
}
