/*
 * local_order.c: drover order: orders without tenants, made and signed here without a coordinator,
 * for a host's agent to take from a file: its coordinator is dead, or cannot be reached from where
 * people sign. Fleet and version come from the trust file. Nothing is sent: the file is carried.
 */
#include "cli/confirm.h"
#include "cli/handlers.h"
#include "cli/order_text.h"
#include "cli/signer.h"
#include "cli/trust_paper.h"
#include "common/base/clock.h"
#include "common/config/cli_config.h"
#include "common/config/find.h"
#include "common/crypto/random.h"
#include "common/trust/trust_file.h"

#include <string.h>

/* What is signed, by whom, under which trust file. */
typedef struct stand {
    trust_paper_t trust;
    char *key_path;            /* owned */
    char *signer_text;         /* owned; of drover.yaml, where its key signs; NULL: none */
    outside_command_t command; /* that signs; no text: the key file does */
    key_public_t key;
    sign_public_t signer;
    document_t *paper;
    order_t *order;
    bool there; /* the file was there: others may have signed */
} stand_t;

static void stand_free(stand_t *stand) {
    trust_paper_free(&stand->trust);
    free(stand->key_path);
    free(stand->signer_text);
    order_destroy(&stand->order);
    document_destroy(&stand->paper);
}

/* A path from its flag, else from drover.yaml. */
static status_t copy_path(const char *flag, const char *configured, const char *what, char **ret,
                          error_t *err) {
    const char *path = flag != NULL ? flag : configured;
    if (path == NULL) {
        return error_set(err, ERROR_USAGE, "give --%s, or name it in drover.yaml", what);
    }
    *ret = strdup(path);
    return *ret != NULL ? STATUS_OK : error_set(err, ERROR_NO_MEMORY, "out of memory");
}

/* --signer, else what drover.yaml says signs with its own key. */
static status_t choose_signer(const command_input_t *input, const cli_config_t *config,
                              stand_t *stand, error_t *err) {
    stand->command = signer_flag(input);
    if (stand->command.text != NULL || command_text(input, "key") != NULL || config == NULL ||
        config->keys.signer == NULL) {
        return STATUS_OK;
    }
    TRY(copy_path(config->keys.signer, NULL, "signer", &stand->signer_text, err));
    stand->command = (outside_command_t){
        .flag = "keys.signer",
        .text = stand->signer_text,
        .timeout_us = command_duration_us(input, "command-timeout", config->command_timeout_us)};
    return STATUS_OK;
}

/* Where both files are named no configuration is needed: on a host of its own, say. */
static status_t open_stand(const command_input_t *input, stand_t *stand, error_t *err) {
    const char *trust = command_text(input, "trust");
    const char *key = command_text(input, "key");
    CLEANUP(cli_config_destroy_p) cli_config_t *config = NULL;
    CLEANUP(free_p) char *trust_path = NULL;
    if (trust == NULL || key == NULL) {
        CLEANUP(free_p) char *path = NULL;
        problems_t problems = {0};
        const config_search_t search = {.program = "drover",
                                        .explicit_path = command_text(input, "config")};
        TRY(config_find(search, &path, err));
        if (cli_config_load(path, &problems, &config, err) != STATUS_OK) {
            problems_print(&problems, stderr);
            return STATUS_ERROR;
        }
    }
    TRY(copy_path(trust, config != NULL ? config->trust.root : NULL, "trust", &trust_path, err));
    TRY(copy_path(key, config != NULL ? config->keys.sign : NULL, "key", &stand->key_path, err));
    TRY(choose_signer(input, config, stand, err));
    TRY(trust_paper_load_signed(trust_path, &stand->trust, err));
    TRY(keyfile_open_public(stand->key_path, KEY_OPERATOR, &stand->key, err));
    memcpy(stand->signer.bytes, stand->key.bytes, sizeof stand->signer.bytes);
    return STATUS_OK;
}

static trust_view_t view_of(const stand_t *stand) {
    return (trust_view_t){.trust = stand->trust.trust, .now_us = clock_wall_us()};
}

/* The order that the line asks for. */
static status_t plan(const command_input_t *input, const stand_t *stand, order_kind_t kind,
                     order_t *ret_order, error_t *err) {
    int64_t now_us = clock_wall_us();
    const char *application = command_text(input, "application");
    const char *environment = command_text(input, "environment");
    *ret_order = (order_t){
        .fleet = stand->trust.trust->fleet,
        .id = random_ident(),
        .kind = kind,
        .application = application != NULL ? application : "",
        .environment = environment != NULL ? environment : "",
        .recovery_kind = "",
        .recovery_reason = "",
        .trial_restore = "",
        .issued_us = now_us,
        .not_before_us = now_us,
        .expires_us = now_us + command_duration_us(input, "expires", TRUST_DAY_US),
        .proposer = stand->signer,
        .trust_version = stand->trust.trust->version,
    };
    if (kind != ORDER_TAKE_BACK && kind != ORDER_STOP) {
        return STATUS_OK;
    }
    if (digest_parse(command_argument(input, 0), &ret_order->subject, err) != STATUS_OK) {
        return error_context(err, "reading the digest of the order that is meant");
    }
    return STATUS_OK;
}

/* What differs from what is asked for in a file that is there; NULL: nothing. */
static const char *difference(const order_t *there, const order_t *asked) {
    if (there->kind != asked->kind) {
        return "kind";
    }
    if (!digest_equal(&there->subject, &asked->subject)) {
        return "order that it is about";
    }
    if (strcmp(there->application, asked->application) != 0) {
        return "application";
    }
    if (strcmp(there->environment, asked->environment) != 0) {
        return "environment";
    }
    return ident_equal(&there->fleet, &asked->fleet) ? NULL : "fleet";
}

/* The file that another person has signed, or a new order. */
static status_t make_paper(const command_input_t *input, order_kind_t kind, stand_t *stand,
                           error_t *err) {
    const char *out = command_text(input, "out");
    order_t asked;
    error_t why = {0};
    TRY(plan(input, stand, kind, &asked, err));
    stand->there = trust_file_read(out, &stand->paper, &why) == STATUS_OK;
    if (!stand->there && why.code != ERROR_NOT_FOUND) {
        *err = why;
        return STATUS_ERROR;
    }
    if (!stand->there) {
        TRY(order_write(&asked, &stand->paper, err));
    }
    TRY(order_read(stand->paper, &stand->order, err));
    const char *differs = stand->there ? difference(stand->order, &asked) : NULL;
    if (differs != NULL) {
        return error_set(err, ERROR_ORDER_DIFFERS, "%.200s is another order: its %s differs", out,
                         differs);
    }
    if (stand->order->expires_us <= asked.issued_us) {
        return error_set(err, ERROR_ORDER_EXPIRED, "the order in %.200s has ended", out);
    }
    return STATUS_OK;
}

static status_t check_signer(const stand_t *stand, error_t *err) {
    trust_view_t view = view_of(stand);
    const tally_scope_t scope = {.application = stand->order->application,
                                 .environment = stand->order->environment};
    if (document_signed_by(stand->paper, &stand->signer)) {
        return error_set(err, ERROR_TRUST_SIGNED, "%s has signed this order already",
                         stand->key.name);
    }
    if ((tally_grants(&view, &stand->signer, &scope) & order_kind_roles(stand->order->kind)) == 0) {
        return error_set(err, ERROR_TRUST_KEY,
                         "trust file %lld does not let the key of %s sign an order of kind %s here",
                         (long long)view.trust->version, stand->key.name,
                         order_kind_text(stand->order->kind));
    }
    return STATUS_OK;
}

static status_t sign(const command_input_t *input, stand_t *stand, error_t *err) {
    CLEANUP(signer_destroy_p) signer_t *signer = NULL;
    const signer_from_t from = {
        .path = stand->key_path, .kind = KEY_OPERATOR, .command = stand->command};
    TRY(signer_open(input, &from, &signer, err));
    return signer_document(signer, stand->paper, err);
}

static status_t show(const stand_t *stand, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    const output_t speech = {.form = OUTPUT_TABLE};
    buffer_text(&text, "to be signed\n");
    order_text(&speech, stand->order, stand->trust.trust, &text);
    buffer_text(&text, "\n");
    return output_flush(&text, stderr, err);
}

/* The order as it stands now, and how many must still sign. */
static status_t tell(const command_input_t *input, stand_t *stand, error_t *err) {
    const output_t output = output_choose(input, OUTPUT_TABLE);
    const char *out = command_text(input, "out");
    order_destroy(&stand->order);
    TRY(order_read(stand->paper, &stand->order, err));
    if (output.form == OUTPUT_JSON) {
        CLEANUP(document_release) json_t *document = NULL;
        TRY(order_text_json(stand->order, &document, err));
        TRY(output_write(&output, NULL, document, stdout, err));
    } else {
        char digest[DIGEST_TEXT_SIZE];
        (void)printf("%s\n", digest_text(&stand->order->digest, digest));
    }
    trust_view_t view = view_of(stand);
    order_count_t count = order_count(&view, stand->order, NULL);
    if (count.role == 0 || count.tally.count < count.tally.needed) {
        output_say("%s has %zu of %u signatures: each of the others signs it with the same command",
                   out, count.tally.count, count.tally.needed);
        return error_set(err, ERROR_ORDER_WAITS, "the order in %.200s waits for %zu more", out,
                         (size_t)count.tally.needed - count.tally.count);
    }
    output_say("%s is complete: rename it into the folder 'orders' of an agent's state, as "
               "NAME.order",
               out);
    return STATUS_OK;
}

static status_t order(const command_input_t *input, order_kind_t kind, error_t *err) {
    const confirm_streams_t streams = confirm_terminal();
    CLEANUP(stand_free) stand_t stand = {0};
    char question[2 * LIMIT_NAME_BYTES + 64];
    TRY(random_start(err));
    TRY(open_stand(input, &stand, err));
    TRY(make_paper(input, kind, &stand, err));
    TRY(check_signer(&stand, err));
    TRY(show(&stand, err));
    (void)snprintf(question, sizeof question, "sign this %s as %s?", order_kind_text(kind),
                   stand.key.name);
    TRY(confirm(input, &streams, question, err));
    TRY(sign(input, &stand, err));
    TRY(trust_file_write(stand.paper, command_text(input, "out"), err));
    return tell(input, &stand, err);
}

status_t handle_order_take_back(const command_input_t *input, error_t *err) {
    return order(input, ORDER_TAKE_BACK, err);
}

status_t handle_order_stop(const command_input_t *input, error_t *err) {
    return order(input, ORDER_STOP, err);
}

status_t handle_order_hold(const command_input_t *input, error_t *err) {
    return order(input, ORDER_HOLD, err);
}

status_t handle_order_release(const command_input_t *input, error_t *err) {
    return order(input, ORDER_RELEASE_HOLD, err);
}
