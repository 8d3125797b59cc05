/* Tests of common/wire/codec.c, scan.c, rules.c and kind.c. */
#include "tests/unit/wire/samples.h"
#include "common/wire/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static sign_public_t key;
static sign_secret_t secret;

/* Open and unpack as the receiver of this kind does. */
static status_t receive(const kind_t *kind, const void *bytes, size_t size, message_t **ret_message,
                        error_t *err) {
    return codec_receive(bytes, size, kind->sender, kind->domain == NULL ? NULL : &key, ret_message,
                         err);
}

/* Seal a payload that codec_seal would refuse. */
static void wrap(const char *name, const buffer_t *payload, buffer_t *bytes) {
    size_t count = 0;
    const kind_t *kinds = kind_list(&count);
    error_t err;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            envelope_t envelope = {.kind = &kinds[i],
                                   .payload = (const uint8_t *)buffer_string(payload),
                                   .payload_size = payload->size,
                                   .key = key.bytes};
            signature_t signature;
            if (kinds[i].domain != NULL) {
                signature = sign_bytes(&secret, kinds[i].domain, envelope.payload, payload->size);
            }
            envelope.signature = signature.bytes;
            assert_int_equal(codec_wrap(&envelope, bytes, &err), STATUS_OK);
            return;
        }
    }
    fail();
}

/* The payload is refused with this code, and the message names this. */
static void assert_refused(const char *name, const buffer_t *payload, error_code_t code,
                           const char *names) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    wrap(name, payload, &bytes);
    uint64_t number = (uint8_t)bytes.data[1];
    message_t *message = NULL;
    error_t err = {0};
    assert_int_equal(receive(kind_find((int64_t)number), bytes.data, bytes.size, &message, &err),
                     STATUS_ERROR);
    assert_null(message);
    if (err.code != code || strstr(err.message, names) == NULL) {
        fail_msg("%s: %s", error_code_name(err.code), err.message);
    }
}

static void put(buffer_t *buffer, unsigned field, const void *bytes, size_t size) {
    buffer_char(buffer, (char)(field << 3 | SCAN_BYTES));
    size_t left = size;
    for (; left >= 0x80; left >>= 7) {
        buffer_char(buffer, (char)((left & 0x7f) | 0x80));
    }
    buffer_char(buffer, (char)left);
    buffer_append(buffer, bytes, size);
}

static void put_number(buffer_t *buffer, unsigned field, unsigned value) {
    buffer_char(buffer, (char)(field << 3));
    buffer_char(buffer, (char)value);
}

static void test_every_kind_comes_back(void **state) {
    (void)state;
    size_t count = 0;
    const kind_t *kinds = kind_list(&count);
    assert_int_equal(count + 1, drover__kind__descriptor.n_values); /* NONE is no message */
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buffer_free) buffer_t bytes = {0};
        CLEANUP(message_destroy_p) message_t *message = NULL;
        error_t err = {0};
        sample_seal(&kinds[i], &bytes);
        if (receive(&kinds[i], bytes.data, bytes.size, &message, &err) != STATUS_OK) {
            fail_msg("%s: %s", kinds[i].name, err.message);
        }
        assert_int_equal(message->kind, kinds[i].kind);
        CLEANUP(buffer_free) buffer_t again = {0};
        assert_int_equal(codec_seal(kinds[i].kind, message->base,
                                    kinds[i].domain == NULL ? NULL : &secret, &again, &err),
                         STATUS_OK);
        assert_int_equal(again.size, bytes.size);
        assert_memory_equal(again.data, bytes.data, bytes.size);
    }
}

static void test_rules_cover_every_field(void **state) {
    (void)state;
    size_t count = 0;
    const scan_message_t *messages = scan_messages(&count);
    for (size_t i = 0; i < count; i++) {
        const ProtobufCMessageDescriptor *message = messages[i].descriptor;
        for (unsigned f = 0; f < message->n_fields; f++) {
            const ProtobufCFieldDescriptor *field = &message->fields[f];
            const scan_rule_t *rule = scan_rule(message, field->name);
            if (field->type == PROTOBUF_C_TYPE_BYTES && (rule == NULL || rule->bytes == 0)) {
                fail_msg("%s.%s has no size", message->short_name, field->name);
            }
            if (field->label == PROTOBUF_C_LABEL_REPEATED && (rule == NULL || rule->count == 0)) {
                fail_msg("%s.%s has no bound", message->short_name, field->name);
            }
            bool list = field->label == PROTOBUF_C_LABEL_REPEATED;
            bool delimited = field->type == PROTOBUF_C_TYPE_STRING ||
                             field->type == PROTOBUF_C_TYPE_BYTES ||
                             field->type == PROTOBUF_C_TYPE_MESSAGE;
            assert_true(!list || delimited); /* the scan knows no packed numbers */
        }
    }
}

static void test_senders(void **state) {
    (void)state;
    size_t count = 0;
    const kind_t *kinds = kind_list(&count);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buffer_free) buffer_t bytes = {0};
        sample_seal(&kinds[i], &bytes);
        for (party_t party = 0; party < PARTY_COUNT; party++) {
            envelope_t envelope;
            error_t err = {0};
            status_t status = codec_open(bytes.data, bytes.size, party, &envelope, &err);
            assert_int_equal(status, party == kinds[i].sender ? STATUS_OK : STATUS_ERROR);
        }
    }
}

static void test_truncated(void **state) {
    (void)state;
    size_t count = 0;
    const kind_t *kinds = kind_list(&count);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buffer_free) buffer_t bytes = {0};
        sample_seal(&kinds[i], &bytes);
        for (size_t size = 0; size < bytes.size; size++) {
            uint8_t *exact = malloc(size + 1); /* so that a read past the end is seen */
            memcpy(exact, bytes.data, size);
            CLEANUP(message_destroy_p) message_t *message = NULL;
            error_t err = {0};
            status_t status = receive(&kinds[i], exact, size, &message, &err);
            free(exact);
            /* two bytes are an envelope without payload, which is a message where nothing is needed
             */
            if (status == STATUS_OK && (size != 2 || kinds[i].domain != NULL)) {
                fail_msg("%s cut to %zu bytes was taken", kinds[i].name, size);
            }
        }
    }
}

/* Flip one byte in all ways: a signed message is refused, another is refused or well-formed. */
static void test_every_byte_flipped(void **state) {
    (void)state;
    size_t count = 0;
    const kind_t *kinds = kind_list(&count);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buffer_free) buffer_t bytes = {0};
        sample_seal(&kinds[i], &bytes);
        bool is_signed = kinds[i].domain != NULL;
        for (size_t at = 0; at < bytes.size; at++) {
            for (unsigned flip = 1; flip < 256; flip++) {
                bool one_bit = (flip & (flip - 1)) == 0;
                if (is_signed && !one_bit && flip != 255) {
                    continue; /* verifying costs: single bits and all of them */
                }
                bytes.data[at] = (char)((unsigned char)bytes.data[at] ^ flip);
                CLEANUP(message_destroy_p) message_t *message = NULL;
                error_t err = {0};
                status_t status = receive(&kinds[i], bytes.data, bytes.size, &message, &err);
                if (is_signed && status == STATUS_OK) {
                    fail_msg("%s with byte %zu flipped by %u was taken", kinds[i].name, at, flip);
                }
                bytes.data[at] = (char)((unsigned char)bytes.data[at] ^ flip);
            }
        }
    }
}

static void test_signatures(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    const kind_t *jobs = kind_find(DROVER__KIND__KIND_JOBS);
    sample_seal(jobs, &bytes);
    message_t *message = NULL;
    error_t err = {0};
    sign_public_t other = key;
    other.bytes[0] ^= 1;
    assert_int_equal(codec_receive(bytes.data, bytes.size, PARTY_COORDINATOR, NULL, &message, &err),
                     STATUS_ERROR);
    assert_int_equal(err.code, ERROR_SIGNATURE);
    assert_int_equal(
        codec_receive(bytes.data, bytes.size, PARTY_COORDINATOR, &other, &message, &err),
        STATUS_ERROR);
    assert_int_equal(err.code, ERROR_SIGNATURE);

    /* a batch of jobs relabelled as a cancel, key and signature untouched */
    bytes.data[1] = (char)DROVER__KIND__KIND_CANCEL;
    assert_int_equal(codec_receive(bytes.data, bytes.size, PARTY_COORDINATOR, &key, &message, &err),
                     STATUS_ERROR);
    assert_int_equal(err.code, ERROR_SIGNATURE);
    assert_null(message);
}

static void test_signature_comes_before_the_payload(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t nonsense = {0};
    CLEANUP(buffer_free) buffer_t bytes = {0};
    buffer_text(&nonsense, "\x07 no payload at all");
    wrap("REPORTS", &nonsense, &bytes);
    bytes.data[bytes.size - SIGN_PUBLIC_BYTES - 3] ^= 1; /* in the signature */
    message_t *message = NULL;
    error_t err = {0};
    assert_int_equal(codec_receive(bytes.data, bytes.size, PARTY_AGENT, &key, &message, &err),
                     STATUS_ERROR);
    assert_int_equal(err.code, ERROR_SIGNATURE);
    assert_refused("REPORTS", &nonsense, ERROR_WIRE_INVALID, "Reports");
}

static void test_signature_where_none_belongs(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    sample_seal(kind_find(DROVER__KIND__KIND_GOODBYE), &bytes);
    put(&bytes, 3, sample_bytes, SIGN_SIGNATURE_BYTES);
    envelope_t envelope;
    error_t err = {0};
    assert_int_equal(codec_open(bytes.data, bytes.size, PARTY_AGENT, &envelope, &err),
                     STATUS_ERROR);
    assert_int_equal(err.code, ERROR_WIRE_INVALID);
    assert_non_null(strstr(err.message, "never signed"));
}

static void test_envelope_is_closed(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",                 /* nothing */
        "\x08\x63",         /* an unknown kind */
        "\x08\x06\x08\x06", /* the kind twice */
        "\x08\x06\x28\x01", /* an unknown field */
        "\x0a\x01\x06",     /* the kind as bytes */
        "\x0b",             /* a group */
        "\x12\x00",         /* no kind */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        envelope_t envelope;
        error_t err = {0};
        size_t size = i == 6 ? 2 : strlen(bad[i]);
        assert_int_equal(codec_open(bad[i], size, PARTY_AGENT, &envelope, &err), STATUS_ERROR);
        assert_int_equal(err.code, ERROR_WIRE_INVALID);
    }
}

static void test_too_long(void **state) {
    (void)state;
    uint8_t *bytes = calloc(1, LIMIT_MESSAGE_BYTES + 1);
    envelope_t envelope;
    error_t err = {0};
    assert_int_equal(codec_open(bytes, LIMIT_MESSAGE_BYTES + 1, PARTY_AGENT, &envelope, &err),
                     STATUS_ERROR);
    assert_int_equal(err.code, ERROR_BOUND);
    free(bytes);
}

static void test_text(void **state) {
    (void)state;
    static const char *const bad[] = {"\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xff",
                                      "a\xc3",    "\xe0\x80\x80", "\xf4\x90\x80\x80", "\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CLEANUP(buffer_free) buffer_t payload = {0};
        put(&payload, 1, bad[i], strlen(bad[i]));
        assert_refused("GOODBYE", &payload, ERROR_WIRE_INVALID, "Goodbye.reason");
    }
    CLEANUP(buffer_free) buffer_t nul = {0};
    put(&nul, 1, "a\0b", 3);
    assert_refused("GOODBYE", &nul, ERROR_WIRE_INVALID, "Goodbye.reason");
    assert_true(scan_text((const uint8_t *)"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x91", 9));
}

static void test_sizes_and_counts(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t digest = {0};
    put(&digest, 1, sample_bytes, 31);
    assert_refused("BUNDLE_WANT", &digest, ERROR_WIRE_INVALID, "BundleWant.digest");

    CLEANUP(buffer_free) buffer_t twice = {0};
    put(&twice, 1, sample_bytes, 32);
    put(&twice, 1, sample_bytes, 32);
    assert_refused("BUNDLE_WANT", &twice, ERROR_WIRE_INVALID, "twice");

    CLEANUP(buffer_free) buffer_t missing = {0};
    put_number(&missing, 2, 1);
    assert_refused("BUNDLE_WANT", &missing, ERROR_WIRE_INVALID, "missing");

    CLEANUP(buffer_free) buffer_t typed = {0};
    put_number(&typed, 1, 1);
    assert_refused("BUNDLE_WANT", &typed, ERROR_WIRE_INVALID, "another type");

    CLEANUP(buffer_free) buffer_t long_text = {0};
    CLEANUP(free_p) char *text = malloc(WIRE_TEXT_BYTES + 1);
    memset(text, 'x', WIRE_TEXT_BYTES + 1);
    put(&long_text, 1, text, WIRE_TEXT_BYTES + 1);
    assert_refused("GOODBYE", &long_text, ERROR_BOUND, "Goodbye.reason");

    CLEANUP(buffer_free) buffer_t leases = {0};
    for (int i = 0; i <= WIRE_CLUSTERS; i++) {
        put(&leases, 2, "\x08\x01", 2);
    }
    assert_refused("COORDINATOR_BEAT", &leases, ERROR_BOUND, "CoordinatorBeat.leases");
}

static void test_numbers(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t inner = {0};
    CLEANUP(buffer_free) buffer_t reports = {0};
    put_number(&inner, 1, 1);
    put(&inner, 2, sample_bytes, 16);
    put(&inner, 3, sample_bytes, 16);
    put_number(&inner, 6, 99); /* no such outcome */
    put(&reports, 1, sample_bytes, 16);
    put(&reports, 2, inner.data, inner.size);
    assert_refused("REPORTS", &reports, ERROR_WIRE_INVALID, "Report.outcome");

    CLEANUP(buffer_free) buffer_t room = {0};
    buffer_text(&room, "\x10\xff\xff\xff\xff\x1f"); /* AgentBeat.room past 32 bits */
    assert_refused("AGENT_BEAT", &room, ERROR_WIRE_INVALID, "AgentBeat.room");
}

static void test_terms_are_in_range(void **state) {
    (void)state;
    sample_pool_t *pool = calloc(1, sizeof *pool);
    Drover__JobBatch *batch = (Drover__JobBatch *)sample_fill(&drover__job_batch__descriptor, pool);
    batch->jobs[0]->terms = 1;
    CLEANUP(buffer_free) buffer_t bytes = {0};
    error_t err = {0};
    assert_int_equal(codec_seal(DROVER__KIND__KIND_JOBS, &batch->base, &secret, &bytes, &err),
                     STATUS_ERROR);
    assert_non_null(strstr(err.message, "Job.terms"));
    CLEANUP(buffer_free) buffer_t payload = {0};
    size_t size = protobuf_c_message_get_packed_size(&batch->base);
    uint8_t *packed = malloc(size);
    (void)protobuf_c_message_pack(&batch->base, packed);
    buffer_append(&payload, packed, size);
    free(packed);
    free(pool);
    assert_refused("JOBS", &payload, ERROR_WIRE_INVALID, "Job.terms");
}

/* Two bytes on the wire, dozens unpacked: empty messages, fields that nobody knows. */
static void test_amplification(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t unknown = {0};
    for (int i = 0; i < 60000; i++) {
        buffer_append(&unknown, "\x78\x00", 2);
    }
    assert_refused("GOODBYE", &unknown, ERROR_BOUND, "bytes unpacked");
    for (int i = 0; i < 10000; i++) {
        buffer_append(&unknown, "\x78\x00", 2);
    }
    buffer_t padded = {0};
    CLEANUP(free_p) char *text = calloc(1, 900000); /* memory enough, yet too many fields */
    put(&padded, 15, text, 900000);
    buffer_append(&padded, unknown.data, unknown.size);
    assert_refused("GOODBYE", &padded, ERROR_BOUND, "fields");
    buffer_free(&padded);

    CLEANUP(buffer_free) buffer_t tenant = {0};
    put(&tenant, 3, "t", 1);
    for (int i = 0; i < LIMIT_LABELS; i++) {
        put(&tenant, 7, "\x0a\x01k", 3);
    }
    for (int i = 0; i < WIRE_APPLICATIONS; i++) {
        put(&tenant, 9, "\x0a\x01p", 3);
    }
    CLEANUP(buffer_free) buffer_t inventory = {0};
    put(&inventory, 1, sample_bytes, 16);
    for (int i = 0; i < 900; i++) {
        put(&inventory, 5, tenant.data, tenant.size);
    }
    assert_true(inventory.size < LIMIT_MESSAGE_BYTES - 128);
    assert_refused("INVENTORY", &inventory, ERROR_BOUND, "");
}

/* Nesting in fields that nobody knows costs nothing: they are passed over unread. */
static void test_nesting(void **state) {
    (void)state;
    CLEANUP(buffer_free) buffer_t nest = {0};
    for (int i = 0; i < 200; i++) {
        CLEANUP(buffer_free) buffer_t outer = {0};
        put(&outer, 15, buffer_string(&nest), nest.size);
        buffer_clear(&nest);
        buffer_append(&nest, outer.data, outer.size);
    }
    CLEANUP(buffer_free) buffer_t bytes = {0};
    wrap("GOODBYE", &nest, &bytes);
    CLEANUP(message_destroy_p) message_t *message = NULL;
    error_t err = {0};
    assert_int_equal(codec_receive(bytes.data, bytes.size, PARTY_AGENT, NULL, &message, &err),
                     STATUS_OK);
    assert_int_equal(message->base->n_unknown_fields, 1);

    CLEANUP(buffer_free) buffer_t groups = {0};
    for (int i = 0; i < 30000; i++) {
        buffer_char(&groups, 0x0b);
    }
    assert_refused("GOODBYE", &groups, ERROR_WIRE_INVALID, "Goodbye");
}

static int start(void **state) {
    (void)state;
    if (sodium_init() < 0) {
        return -1;
    }
    sample_key(&key, &secret);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_comes_back),
        cmocka_unit_test(test_rules_cover_every_field),
        cmocka_unit_test(test_senders),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_every_byte_flipped),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_signature_comes_before_the_payload),
        cmocka_unit_test(test_signature_where_none_belongs),
        cmocka_unit_test(test_envelope_is_closed),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_sizes_and_counts),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_terms_are_in_range),
        cmocka_unit_test(test_amplification),
        cmocka_unit_test(test_nesting),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
