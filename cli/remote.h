/*
 * remote.h: a command's conversation with the coordinator: configuration, the operator's keys, one
 * connection, questions and their answers.
 *
 * A question is signed once and keeps its id: where the connection is lost before the answer it is
 * asked again within its time, and a coordinator that had obeyed it answers alike (PROTOCOL.md,
 * "Lost, doubled, late"). An answer of several pages comes back as one document. What the
 * coordinator refuses comes back as the error that it names, so that the exit code is right.
 */
#ifndef DROVER_CLI_REMOTE_H
#define DROVER_CLI_REMOTE_H

#include "cli/output.h"
#include "common/base/cleanup.h"
#include "common/crypto/keytext.h"
#include "common/migration/bundle.h"
#include "common/trust/trust.h"

typedef struct remote remote_t;

/*
 * Read the configuration (find.h), open both keys, asking for a passphrase where one is locked.
 * Connects when first asked. ERROR_CONFIG_MISSING, ERROR_CONFIG_INVALID, ERROR_KEY_FILE; of the
 * trust file that the configuration pins: as trust_file_read and trust_pin.
 */
MUST_CHECK status_t remote_open(const command_input_t *input, remote_t **ret_remote, error_t *err);
void remote_destroy(remote_t **self_p);
DEFINE_CLEANUP(remote_t, remote_destroy)

/* How results are shown. */
output_t remote_output(const remote_t *self);

/* Where words for people go: stdout, but stderr where stdout is to hold nothing but JSON. */
FILE *remote_talk(const remote_t *self);
/* The form of such words: a table, in colours only where talk is a coloured stdout. */
output_t remote_speech(const remote_t *self);

/*
 * Ask, and wait. arguments is an object whose reference is taken over in every case, NULL (memory,
 * or a text that is no UTF-8) being an error. The caller releases the document.
 * ERROR_WIRE_UNREACHABLE, ERROR_WIRE_TIMEOUT, ERROR_PEER_UNKNOWN, else what the coordinator says.
 */
MUST_CHECK status_t remote_ask(remote_t *self, const char *verb, json_t *arguments,
                               json_t **ret_document, error_t *err);

/* The same for a verb that changes something: where no answer comes, what to look at is said. */
MUST_CHECK status_t remote_order(remote_t *self, const char *verb, json_t *arguments,
                                 json_t **ret_document, error_t *err);

/* Say on stderr where an answer tells that the catalog is not filled again. */
void remote_warn_recovering(const json_t *document);

/* The same as remote_ask for a list of which at most `most` rows are wanted; 0 is all. */
typedef struct remote_list {
    const char *verb;
    const char *rows; /* name of the document's array */
    int64_t most;
    bool head; /* the first page alone, whatever follows it */
} remote_list_t;

MUST_CHECK status_t remote_ask_list(remote_t *self, const remote_list_t *list, json_t *arguments,
                                    json_t **ret_document, error_t *err);

/* The same page by page, for answers that are too large to be held at once. */
typedef status_t remote_page_fn(void *context, const json_t *page, error_t *err);
MUST_CHECK status_t remote_ask_pages(remote_t *self, const char *verb, json_t *arguments,
                                     remote_page_fn *fn, void *context, error_t *err);

/* The operator's key, and the trust file that the configuration pins; NULL: none. Borrowed. */
const sign_public_t *remote_key(const remote_t *self);
const char *remote_key_name(const remote_t *self);
const trust_t *remote_pin(const remote_t *self);

/* Where the coordinator listens, and its transport key: what an invitation tells a new host. */
const char *remote_address(const remote_t *self);
const uint8_t *remote_curve(const remote_t *self);

/* Sign as the operator. As document_sign. */
MUST_CHECK status_t remote_sign(const remote_t *self, document_t *paper, error_t *err);

/* Send a bundle in chunks, from where the coordinator says that it stands, until it is complete. */
MUST_CHECK status_t remote_push(remote_t *self, const bundle_t *bundle, json_t **ret_document,
                                error_t *err);

#endif
