/* remote.c: see remote.h. */
#include "cli/remote.h"
#include "cli/signer.h"
#include "cli/unlock.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/config/cli_config.h"
#include "common/config/find.h"
#include "common/crypto/keyfile.h"
#include "common/crypto/random.h"
#include "common/trust/trust_file.h"
#include "common/wire/asker.h"

#include <string.h>

enum {
    PAGES_MAX = 100000,  /* of one answer: more than any fleet fills */
    TRY_LEAST_MS = 50,   /* less is no time for a connection */
    STANDSTILLS_MAX = 4, /* answers in a row that a push did not get further by */
};

struct remote {
    cli_config_t *config;
    passphrase_t *passphrase;
    signer_t *sign;
    keyfile_t *curve;
    trust_t *pin; /* NULL: the configuration names none */
    asker_t *asker;
    output_t output;
    uint32_t number; /* of the last question */
};

static status_t load_config(const command_input_t *input, cli_config_t **ret_config, error_t *err) {
    CLEANUP(free_p) char *path = NULL;
    problems_t problems = {0};
    TRY(config_find(
        (config_search_t){.program = "drover", .explicit_path = command_text(input, "config")},
        &path, err));
    status_t status = cli_config_load(path, &problems, ret_config, err);
    if (status != STATUS_OK && problems.count > 0) {
        problems_print(&problems, stderr);
    }
    return status;
}

/* Open a key; the passphrase is asked for once and tried on both. */
static status_t open_key(remote_t *self, const command_input_t *input, keyfile_open_t what,
                         keyfile_t **ret_key, error_t *err) {
    char prompt[512];
    bool locked = false;
    TRY(keyfile_is_locked(what.path, &locked, err));
    if (locked && self->passphrase == NULL) {
        (void)snprintf(prompt, sizeof prompt, "passphrase of %.400s", what.path);
        const unlock_prompt_t ask = {.prompt = prompt,
                                     .timeout_us = self->config->command_timeout_us};
        TRY(unlock_passphrase(input, &ask, &self->passphrase, err));
    }
    what.passphrase = locked ? self->passphrase : NULL;
    return keyfile_open(&what, ret_key, err);
}

/* Whoever signs for the operator: the key file, or the command of keys.signer. */
static status_t open_signer(remote_t *self, const command_input_t *input, error_t *err) {
    CLEANUP(keyfile_destroy_p) keyfile_t *key = NULL;
    const cli_config_t *config = self->config;
    if (config->keys.signer == NULL) {
        TRY(open_key(self, input, (keyfile_open_t){.path = config->keys.sign, .kind = KEY_OPERATOR},
                     &key, err));
        return signer_of_key(&key, &self->sign, err);
    }
    const signer_from_t from = {
        .path = config->keys.sign,
        .kind = KEY_OPERATOR,
        .command = {.flag = "keys.signer",
                    .text = config->keys.signer,
                    .timeout_us =
                        command_duration_us(input, "command-timeout", config->command_timeout_us)}};
    return signer_open(input, &from, &self->sign, err);
}

static status_t open_pin(const char *path, trust_t **ret_pin, error_t *err) {
    CLEANUP(document_destroy_p) document_t *paper = NULL;
    if (path == NULL) {
        return STATUS_OK;
    }
    TRY(trust_file_read(path, &paper, err));
    return trust_pin(paper, ret_pin, err) == STATUS_OK
               ? STATUS_OK
               : error_context(err, "taking %.120s as the pin", path);
}

status_t remote_open(const command_input_t *input, remote_t **ret_remote, error_t *err) {
    CLEANUP(remote_destroy_p) remote_t *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a connection");
    }
    TRY(load_config(input, &self->config, err));
    self->output =
        output_choose(input, self->config->output == CLI_OUTPUT_JSON ? OUTPUT_JSON : OUTPUT_TABLE);
    TRY(open_signer(self, input, err));
    TRY(open_key(self, input, (keyfile_open_t){.path = self->config->keys.curve, .kind = KEY_CURVE},
                 &self->curve, err));
    TRY(open_pin(self->config->trust.root, &self->pin, err));
    TRY(transport_start(err));
    const transport_options_t options = {
        .endpoint = self->config->coordinator.address,
        .secret = keyfile_curve_secret(self->curve),
        .server = curve_public_from(self->config->coordinator.curve_key)};
    TRY(asker_new(&options, &self->asker, err));
    *ret_remote = TAKE(self);
    return STATUS_OK;
}

void remote_destroy(remote_t **self_p) {
    if (self_p == NULL || *self_p == NULL) {
        return;
    }
    remote_t *self = *self_p;
    asker_destroy(&self->asker);
    signer_destroy(&self->sign);
    keyfile_destroy(&self->curve);
    keyfile_passphrase_destroy(&self->passphrase);
    trust_destroy(&self->pin);
    if (self->config != NULL) {
        cli_config_destroy(&self->config);
    }
    free(self);
    *self_p = NULL;
}

output_t remote_output(const remote_t *self) {
    return self->output;
}

const sign_public_t *remote_key(const remote_t *self) {
    return signer_key(self->sign);
}

const char *remote_key_name(const remote_t *self) {
    return signer_name(self->sign);
}

const trust_t *remote_pin(const remote_t *self) {
    return self->pin;
}

const char *remote_address(const remote_t *self) {
    return self->config->coordinator.address;
}

const uint8_t *remote_curve(const remote_t *self) {
    return self->config->coordinator.curve_key;
}

status_t remote_sign(const remote_t *self, document_t *paper, error_t *err) {
    return signer_document(self->sign, paper, err);
}

FILE *remote_talk(const remote_t *self) {
    return self->output.form == OUTPUT_JSON ? stderr : stdout;
}

output_t remote_speech(const remote_t *self) {
    output_t speech = self->output;
    if (speech.form == OUTPUT_JSON) {
        speech.form = OUTPUT_TABLE;
        speech.colour = false;
        speech.live = false;
    }
    return speech;
}

/* An answer that is no success, as the error that it names. */
static status_t refusal(const Drover__Answer *answer, error_t *err) {
    error_code_t code = error_code_parse(answer->code);
    if (code == ERROR_NONE) { /* of a coordinator that is newer than this program */
        return error_set(err, ERROR_INVALID, "the coordinator refused (%.16s): %s", answer->code,
                         answer->message);
    }
    (void)error_set(err, code, "%s", answer->message);
    if (strcmp(answer->hint, error_code_hint(code)) != 0) {
        (void)snprintf(err->server_hint, sizeof err->server_hint, "%s", answer->hint);
    }
    return STATUS_ERROR;
}

/*
 * Send what is sealed until it is answered or its time is up; the id within makes that safe. Once
 * it was sent and not answered that is what is told in the end, whatever the tries after it came
 * to: it may have been obeyed.
 */
static status_t exchange(remote_t *self, const buffer_t *sealed, message_t **ret_answer,
                         error_t *err) {
    int64_t until_us = clock_boot_us() + self->config->timeout_us;
    int64_t left_ms = self->config->timeout_us / US_PER_MS;
    error_t unanswered = {0};
    do {
        CLEANUP(message_destroy_p) message_t *message = NULL;
        if (asker_ask(self->asker, sealed, self->number, (int)left_ms, &message, err) ==
            STATUS_OK) {
            TRY(message->answer->code[0] != '\0' ? refusal(message->answer, err) : STATUS_OK);
            *ret_answer = TAKE(message);
            return STATUS_OK;
        }
        if (err->code == ERROR_WIRE_TIMEOUT) {
            unanswered = *err;
        }
        left_ms = (until_us - clock_boot_us()) / US_PER_MS;
    } while (err->code == ERROR_WIRE_TIMEOUT && left_ms >= TRY_LEAST_MS);
    if (err->code == ERROR_WIRE_UNREACHABLE && unanswered.code != ERROR_NONE) {
        *err = unanswered;
    }
    return STATUS_ERROR;
}

static status_t read_document(const Drover__Answer *answer, json_t **ret_document, error_t *err) {
    json_error_t where;
    json_t *document = json_loads(answer->document, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(document)) {
        json_decref(document);
        return error_set(err, ERROR_WIRE_INVALID, "the coordinator's answer is no JSON object: %s",
                         where.text);
    }
    *ret_document = document;
    return STATUS_OK;
}

typedef struct page {
    json_t *document;
    char *next; /* NULL on the last one */
} page_t;

static void page_free(page_t *page) {
    json_decref(page->document);
    free(page->next);
}

static status_t sign_question(void *context, const digest_t *digest, signature_t *ret_signature,
                              error_t *err) {
    const signer_t *signer = context;
    return signer_sign(signer, digest, ret_signature, err);
}

static status_t ask_page(remote_t *self, const char *verb, const json_t *arguments,
                         page_t *ret_page, error_t *err) {
    CLEANUP(buffer_free) buffer_t sealed = {0};
    CLEANUP(message_destroy_p) message_t *answer = NULL;
    CLEANUP(free_p) char *text = json_dumps(arguments, JSON_COMPACT);
    char verb_copy[LIMIT_NAME_BYTES + 1];
    ident_t id = random_ident();
    Drover__Question question = DROVER__QUESTION__INIT;
    if (text == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a question");
    }
    (void)snprintf(verb_copy, sizeof verb_copy, "%s", verb);
    question.id = (ProtobufCBinaryData){.data = id.bytes, .len = sizeof id.bytes};
    question.number = ++self->number;
    question.verb = verb_copy;
    question.arguments = text;
    question.wall_us = clock_wall_us();
    const codec_signer_t signer = {
        .key = signer_key(self->sign), .sign = sign_question, .context = self->sign};
    TRY(codec_seal_by(DROVER__KIND__KIND_QUESTION, &question.base, &signer, &sealed, err));
    TRY(exchange(self, &sealed, &answer, err));
    page_t page = {0};
    TRY(read_document(answer->answer, &page.document, err));
    if (answer->answer->more) {
        page.next = strdup(answer->answer->next);
        if (page.next == NULL || page.next[0] == '\0') {
            page_free(&page);
            return error_set(err, ERROR_WIRE_INVALID,
                             "the coordinator said that there is more, "
                             "but not where");
        }
    }
    *ret_page = page;
    return STATUS_OK;
}

/* Ask for pages until all rows that are wanted are there. */
static status_t ask_pages(remote_t *self, const remote_list_t *list, json_t *arguments,
                          json_t **ret_document, error_t *err) {
    CLEANUP(document_release) json_t *whole = NULL;
    for (int i = 0; i < PAGES_MAX; i++) {
        CLEANUP(page_free) page_t page = {0};
        TRY(ask_page(self, list->verb, arguments, &page, err));
        bool stands_still =
            page.next != NULL && strcmp(page.next, document_text(arguments, "after")) == 0;
        if (whole == NULL) {
            whole = json_incref(page.document);
        } else {
            TRY(document_join(whole, page.document, err));
        }
        bool enough = list->most > 0 && page.next != NULL &&
                      document_count(whole, list->rows) >= (size_t)list->most;
        bool cut = list->most > 0 && document_cut(whole, list->rows, (size_t)list->most);
        if (enough || cut) {
            output_say("the first %lld rows; there are more: raise --limit", (long long)list->most);
        }
        if (enough || cut || page.next == NULL || list->head) {
            *ret_document = TAKE(whole);
            return STATUS_OK;
        }
        if (stands_still || json_object_set_new(arguments, "after", json_string(page.next)) != 0) {
            break;
        }
    }
    return error_set(err, ERROR_WIRE_INVALID, "%s: the answer's pages do not end", list->verb);
}

status_t remote_ask_list(remote_t *self, const remote_list_t *list, json_t *arguments,
                         json_t **ret_document, error_t *err) {
    CLEANUP(document_release) json_t *owned = NULL;
    TRY(document_made(arguments, &owned, err));
    if (list->most > 0 && json_object_set_new(owned, "limit", json_integer(list->most)) != 0) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a question");
    }
    return ask_pages(self, list, owned, ret_document, err);
}

status_t remote_ask(remote_t *self, const char *verb, json_t *arguments, json_t **ret_document,
                    error_t *err) {
    const remote_list_t all = {.verb = verb};
    return remote_ask_list(self, &all, arguments, ret_document, err);
}

status_t remote_ask_pages(remote_t *self, const char *verb, json_t *arguments, remote_page_fn *fn,
                          void *context, error_t *err) {
    CLEANUP(document_release) json_t *owned = NULL;
    TRY(document_made(arguments, &owned, err));
    for (int i = 0; i < PAGES_MAX; i++) {
        CLEANUP(page_free) page_t page = {0};
        TRY(ask_page(self, verb, owned, &page, err));
        TRY(fn(context, page.document, err));
        if (page.next == NULL) {
            return STATUS_OK;
        }
        bool stands_still = strcmp(page.next, document_text(owned, "after")) == 0;
        if (stands_still || json_object_set_new(owned, "after", json_string(page.next)) != 0) {
            break;
        }
    }
    return error_set(err, ERROR_WIRE_INVALID, "%s: the answer's pages do not end", verb);
}

status_t remote_order(remote_t *self, const char *verb, json_t *arguments, json_t **ret_document,
                      error_t *err) {
    status_t status = remote_ask(self, verb, arguments, ret_document, err);
    if (status != STATUS_OK && err->code == ERROR_WIRE_TIMEOUT) {
        output_say("this order may have been carried out all the same: look with 'drover rollout "
                   "list' before you give it again");
    }
    return status;
}

static status_t put_chunk(remote_t *self, const bundle_t *bundle, uint64_t offset,
                          json_t **ret_document, error_t *err) {
    CLEANUP(buffer_free) buffer_t sealed = {0};
    CLEANUP(message_destroy_p) message_t *answer = NULL;
    digest_t digest = *bundle_digest(bundle);
    text_span_t bytes = bundle_bytes(bundle);
    Drover__BundlePut put = DROVER__BUNDLE_PUT__INIT;
    size_t left = bytes.size - (size_t)offset;
    CLEANUP(free_p)
    uint8_t *chunk = malloc(left < LIMIT_CHUNK_BYTES ? left + 1 : (size_t)LIMIT_CHUNK_BYTES);
    if (chunk == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a part of the bundle");
    }
    put.data.len = left < LIMIT_CHUNK_BYTES ? left : (size_t)LIMIT_CHUNK_BYTES;
    memcpy(chunk, bytes.bytes + offset, put.data.len);
    put.data.data = chunk;
    put.number = ++self->number;
    put.digest = (ProtobufCBinaryData){.data = digest.bytes, .len = sizeof digest.bytes};
    put.offset = offset;
    put.total = bytes.size;
    TRY(codec_seal(DROVER__KIND__KIND_BUNDLE_PUT, &put.base, NULL, &sealed, err));
    TRY(exchange(self, &sealed, &answer, err));
    return read_document(answer->answer, ret_document, err);
}

status_t remote_push(remote_t *self, const bundle_t *bundle, json_t **ret_document, error_t *err) {
    uint64_t size = bundle_bytes(bundle).size;
    uint64_t offset = 0;
    uint64_t furthest = 0;
    for (int standstills = 0; standstills < STANDSTILLS_MAX;) {
        CLEANUP(document_release) json_t *answer = NULL;
        TRY(put_chunk(self, bundle, offset, &answer, err));
        if (document_flag(answer, "complete")) {
            *ret_document = TAKE(answer);
            return STATUS_OK;
        }
        int64_t received = document_number(answer, "received");
        if (received < 0 || (uint64_t)received >= size) {
            break;
        }
        standstills = (uint64_t)received > furthest ? 0 : standstills + 1;
        offset = (uint64_t)received;
        furthest = offset > furthest ? offset : furthest;
    }
    return error_set(err, ERROR_WIRE_INVALID,
                     "the coordinator took all of the bundle's %llu bytes and does not have it",
                     (unsigned long long)size);
}
