/*
 * rules.c: what each field of each message may hold, beyond its type. A test walks the descriptors
 * and fails where a bytes field or a repeated one has no rule, or where a rule names no field.
 */
#include "common/wire/bounds.h"
#include "common/wire/curve.h"
#include "common/wire/kind.h"
#include "common/wire/scan_rules.h"

#define TEXTS(name, most)                                                                          \
    { .field = (name), .count = (most), .bytes = WIRE_TEXT_BYTES }
#define PAPERS(name, most)                                                                         \
    { .field = (name), .count = (most), .bytes = WIRE_PAPER_BYTES }

_Static_assert((int)SCAN_KEY_BYTES == (int)CURVE_BYTES, "keys on the wire are CURVE keys");

// clang-format off
static const scan_rule_t leftover[] = {NAME_NEEDED("kind"), NAME("name"), END};
static const scan_rule_t cluster_seen[] = {
    NAME_NEEDED("name"), MANY("leftovers", WIRE_LEFTOVERS), END};
static const scan_rule_t job_in_hand[] = {IDENT_NEEDED("job"), IDENT_NEEDED("attempt"), END};
static const scan_rule_t hello[] = {
    NEEDED("protocol_min"), NEEDED("protocol_max"), NAME("software"), NAME_NEEDED("agent"),
    IDENT_NEEDED("state"), MANY("clusters", WIRE_CLUSTERS), MANY("in_hand", WIRE_ATTEMPTS),
    IDENT("incarnation_seen"), END};
static const scan_rule_t agent_beat[] = {MANY("clusters", WIRE_CLUSTERS), END};
static const scan_rule_t application_seen[] = {
    NAME_NEEDED("application"), NAME("version"), DIGEST("ledger_digest"),
    DIGEST("fingerprint_strict"), DIGEST("fingerprint_logical"), END};
static const scan_rule_t label[] = {
    {.field = "key", .bytes = LIMIT_LABEL_BYTES, .needed = true},
    UP_TO("value", LIMIT_LABEL_BYTES), END};
static const scan_rule_t tenant_seen[] = {
    IDENT("tenant"), NAME_NEEDED("name"), NAME("database"), NAME("schema"),
    MANY("labels", LIMIT_LABELS), MANY("applications", WIRE_APPLICATIONS), NAME("problem_code"),
    IDENT("fence_incarnation"), MANY("leftovers", WIRE_LEFTOVERS), END};
static const scan_rule_t inventory[] = {
    IDENT_NEEDED("snapshot"), MANY("tenants", WIRE_TENANTS), END};
static const scan_rule_t failure[] = {
    NAME("code"), UP_TO("sqlstate", 5), TEXTS("contexts", WIRE_CONTEXTS), NAME("version"), END};
static const scan_rule_t recovery_point[] = {DIGEST("manifest_digest"), END};
static const scan_rule_t report[] = {
    NEEDED("number"), IDENT_NEEDED("job"), IDENT_NEEDED("attempt"), IDENT("tenant"),
    NEEDED("outcome"), TEXTS("notes", WIRE_NOTES), DIGEST("sql_digest"), DIGEST("order"),
    IDENT("rollout"), DIGEST("take_back"), END};
static const scan_rule_t reports[] = {
    IDENT_NEEDED("state"), MANY("reports", WIRE_REPORTS),
    PAPERS("results", WIRE_RESULTS), PAPERS("take_backs", WIRE_TAKE_BACKS), END};
static const scan_rule_t paper_want[] = {DIGEST_NEEDED("digest"), END};
static const scan_rule_t enroll[] = {
    {.field = "request", .bytes = WIRE_PAPER_BYTES, .needed = true}, END};
static const scan_rule_t bundle_want[] = {DIGEST_NEEDED("digest"), END};
static const scan_rule_t goodbye[] = {END};
static const scan_rule_t lease[] = {END};
static const scan_rule_t welcome[] = {
    NEEDED("protocol"), NAME("software"), IDENT_NEEDED("coordinator"), IDENT_NEEDED("incarnation"),
    MANY("leases", WIRE_CLUSTERS), IDENTS("resend", WIRE_ATTEMPTS), KEY("sign_key"), END};
static const scan_rule_t coordinator_beat[] = {MANY("leases", WIRE_CLUSTERS), END};
static const scan_rule_t inventory_ack[] = {IDENT_NEEDED("snapshot"), END};
static const scan_rule_t reports_ack[] = {END};
static const scan_rule_t bundle_chunk[] = {
    DIGEST_NEEDED("digest"), UP_TO("data", LIMIT_CHUNK_BYTES), END};
static const scan_rule_t terms[] = {
    IDENT("rollout"), NEEDED("kind"), NAME("application"), DIGEST("bundle"), IDENT("order"),
    DIGEST("order_digest"), DIGEST("ticket"), END};
static const scan_rule_t job[] = {
    IDENT_NEEDED("job"), IDENT_NEEDED("attempt"), IDENT("tenant"), NAME("tenant_name"),
    NAME("database"), IDENT("recovery_reference"), UP_TO("proof", WIRE_PROOF_BYTES), END};
static const scan_rule_t job_batch[] = {
    KEY_NEEDED("agent_key"), NEEDED("epoch"), IDENT_NEEDED("incarnation"), NEEDED("issued_us"),
    NEEDED("expires_us"), MANY("terms", WIRE_TERMS), MANY("jobs", WIRE_JOBS), END};
static const scan_rule_t cancel[] = {
    KEY_NEEDED("agent_key"), NEEDED("epoch"), IDENT_NEEDED("incarnation"), NEEDED("issued_us"),
    IDENTS("attempts", WIRE_ATTEMPTS), END};
static const scan_rule_t refused[] = {NAME_NEEDED("code"), END};
static const scan_rule_t trust[] = {PAPERS("documents", WIRE_PAPERS), END};
static const scan_rule_t paper_chunk[] = {
    DIGEST_NEEDED("digest"), UP_TO("data", LIMIT_CHUNK_BYTES), END};
static const scan_rule_t enrolled[] = {NAME_NEEDED("state"), END};
static const scan_rule_t question[] = {
    IDENT_NEEDED("id"), NAME_NEEDED("verb"), UP_TO("arguments", LIMIT_MESSAGE_BYTES),
    IDENT("coordinator"), END};
static const scan_rule_t answer[] = {NAME("code"), UP_TO("document", LIMIT_MESSAGE_BYTES), END};
static const scan_rule_t bundle_put[] = {
    DIGEST_NEEDED("digest"), UP_TO("data", LIMIT_CHUNK_BYTES), END};

#define MESSAGE(name) {.descriptor = &drover__##name##__descriptor, .rules = name}

static const scan_message_t messages[] = {
    MESSAGE(leftover), MESSAGE(cluster_seen), MESSAGE(job_in_hand), MESSAGE(hello), MESSAGE(agent_beat),
    MESSAGE(application_seen), MESSAGE(label), MESSAGE(tenant_seen), MESSAGE(inventory),
    MESSAGE(failure), MESSAGE(recovery_point), MESSAGE(report), MESSAGE(reports),
    MESSAGE(bundle_want), MESSAGE(goodbye), MESSAGE(lease), MESSAGE(welcome),
    MESSAGE(coordinator_beat), MESSAGE(inventory_ack), MESSAGE(reports_ack), MESSAGE(bundle_chunk),
    MESSAGE(terms), MESSAGE(job), MESSAGE(job_batch), MESSAGE(cancel), MESSAGE(refused),
    MESSAGE(question), MESSAGE(answer), MESSAGE(bundle_put), MESSAGE(paper_want),
    MESSAGE(paper_chunk), MESSAGE(trust), MESSAGE(enroll), MESSAGE(enrolled),
};
// clang-format on

static scan_table_t table = SCAN_TABLE(messages);

const scan_message_t *scan_messages(size_t *ret_count) {
    *ret_count = table.count;
    return messages;
}

status_t scan_payload(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
                      size_t size, size_t *ret_memory, error_t *err) {
    scan_found_t found;
    TRY(scan_with(&table, descriptor, bytes, size, &found, err));
    *ret_memory = found.memory;
    return STATUS_OK;
}

const scan_rule_t *scan_rule(const ProtobufCMessageDescriptor *descriptor, const char *field) {
    return scan_rule_of(&table, descriptor, field);
}
