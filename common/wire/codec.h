/*
 * codec.h: messages to bytes and back, with bounds.
 *
 * What arrives goes one way: codec_open reads the envelope and nothing else; codec_unpack verifies
 * the signature where the kind demands one, then scans the payload (scan.h: depth, counts, sizes,
 * text, enums, memory), and only then unpacks it into memory whose size the scan has computed.
 * There is no way to the parsed content of a signed kind without the key that must have signed it.
 *
 * The envelope is closed: an unknown field, a field twice, or a signature where none belongs is
 * refused. Payloads ignore unknown fields, so that versions N and N-1 understand each other.
 */
#ifndef DROVER_WIRE_CODEC_H
#define DROVER_WIRE_CODEC_H

#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/wire/bounds.h"
#include "common/wire/kind.h"

/* An envelope as it arrived; all pointers are borrowed from the bytes given to codec_open. */
typedef struct envelope {
    const kind_t *kind;
    const uint8_t *payload; /* unparsed; may be kept as evidence */
    size_t payload_size;
    const uint8_t *signature; /* SIGN_SIGNATURE_BYTES, NULL for unsigned kinds */
    const uint8_t *key;       /* SIGN_PUBLIC_BYTES, claimed, not yet believed; NULL likewise */
} envelope_t;

/* A message that passed all checks. Exactly the member that kind names is set. */
typedef struct message {
    Drover__Kind kind;
    union {
        const ProtobufCMessage *base;
        const Drover__Hello *hello;
        const Drover__AgentBeat *agent_beat;
        const Drover__Inventory *inventory;
        const Drover__Reports *reports;
        const Drover__BundleWant *bundle_want;
        const Drover__Goodbye *goodbye;
        const Drover__Welcome *welcome;
        const Drover__CoordinatorBeat *coordinator_beat;
        const Drover__InventoryAck *inventory_ack;
        const Drover__ReportsAck *reports_ack;
        const Drover__BundleChunk *bundle_chunk;
        const Drover__JobBatch *jobs;
        const Drover__Cancel *cancel;
        const Drover__Refused *refused;
        const Drover__Question *question;
        const Drover__Answer *answer;
        const Drover__BundlePut *bundle_put;
        const Drover__PaperWant *paper_want;
        const Drover__PaperChunk *paper_chunk;
        const Drover__Trust *trust;
        const Drover__Enroll *enroll;
        const Drover__Enrolled *enrolled;
    };
} message_t;

/*
 * Read an envelope that came from this party.
 * ERROR_BOUND: longer than LIMIT_MESSAGE_BYTES. ERROR_WIRE_INVALID: no envelope, an unknown kind, a
 * kind that this party never sends, a signature missing or out of place.
 */
MUST_CHECK status_t codec_open(const void *bytes, size_t size, party_t sender,
                               envelope_t *ret_envelope, error_t *err);

/*
 * Verify, check and unpack. signer is the key that must have signed it, NULL for an unsigned kind.
 * ERROR_SIGNATURE: a signed kind without signer, another key, or a signature that is not its.
 * ERROR_WIRE_INVALID or ERROR_BOUND: the payload breaks a rule, which the message names by field.
 */
MUST_CHECK status_t codec_unpack(const envelope_t *envelope, const sign_public_t *signer,
                                 message_t **ret_message, error_t *err);

/* codec_open and codec_unpack in one, where the key is known beforehand. */
MUST_CHECK status_t codec_receive(const void *bytes, size_t size, party_t sender,
                                  const sign_public_t *signer, message_t **ret_message,
                                  error_t *err);

void message_destroy(message_t **self_p);
DEFINE_CLEANUP(message_t, message_destroy)

/*
 * Pack a message into an envelope, appended to *buffer, which must be empty. Signs it where the
 * kind is a signed one: secret is then needed, else it must be NULL. What the receiver would refuse
 * is refused here already, with the same errors.
 */
MUST_CHECK status_t codec_seal(Drover__Kind kind, const ProtobufCMessage *message,
                               const sign_secret_t *secret, buffer_t *buffer, error_t *err);

/*
 * The same of a signed kind, by whoever holds the key: here or elsewhere. What is signed is
 * hash(domain of the kind, payload), for a key here as for one elsewhere. Its errors come back;
 * that the signature is the key's is for it to see to.
 */
typedef struct codec_signer {
    const sign_public_t *key;
    status_t (*sign)(void *context, const digest_t *digest, signature_t *ret_signature,
                     error_t *err);
    void *context;
} codec_signer_t;

MUST_CHECK status_t codec_seal_by(Drover__Kind kind, const ProtobufCMessage *message,
                                  const codec_signer_t *signer, buffer_t *buffer, error_t *err);

/* Seal again bytes that were signed before (an order kept in the catalog or in a file). */
MUST_CHECK status_t codec_wrap(const envelope_t *envelope, buffer_t *buffer, error_t *err);

#endif
