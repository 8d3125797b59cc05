/* enroll.c: see enroll.h. */
#include "agent/enroll.h"
#include "common/base/clock.h"
#include "common/config/find.h"
#include "common/crypto/random.h"
#include "common/trust/trust_file.h"
#include "common/wire/asker.h"
#include "common/wire/field.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { TIMEOUT_MS = 30 * 1000 };

#define KEPT_AS "enrolment.request"

static const char USAGE[] =
    "usage: drover-agent enroll --request FILE [--config FILE]\n"
    "       drover-agent enroll --token FILE [--config FILE]\n"
    "\n"
    "Asks that this host become an agent, and prints the fingerprint by which an admin knows it.\n"
    "\n"
    "  --request FILE  write the request to a file, for 'drover agents accept --request'\n"
    "  --token FILE    send it with the invitation that 'drover agents invite' made\n"
    "  --config FILE   as for drover-agent\n";

/* ------------------------------------------------------------------ the request */

/* Whether the request that is kept is of this host as it is configured now. */
static bool is_of(const request_t *request, const enroll_host_t *host) {
    return sign_public_equal(&request->key, keyfile_sign_public(host->sign)) &&
           memcmp(request->curve, keyfile_curve_public(host->curve), sizeof request->curve) == 0 &&
           strcmp(request->name, host->name) == 0;
}

/* The kept one; *ret_request stays NULL where there is none that still holds. */
static status_t read_kept(const enroll_host_t *host, const char *path, document_t **ret_request,
                          error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(request_destroy_p) request_t *request = NULL;
    error_t why = {0};
    if (trust_file_read(path, &document, &why) != STATUS_OK) {
        if (why.code == ERROR_NOT_FOUND) {
            return STATUS_OK;
        }
        *err = why;
        return STATUS_ERROR;
    }
    TRY(request_verify(document, &request, err));
    if (is_of(request, host)) {
        *ret_request = TAKE(document);
    }
    return STATUS_OK;
}

static status_t make_request(const enroll_host_t *host, document_t **ret_request, error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    request_t request = {
        .key = *keyfile_sign_public(host->sign), .name = host->name, .issued_us = host->now_us};
    memcpy(request.curve, keyfile_curve_public(host->curve), sizeof request.curve);
    TRY(request_write(&request, &document, err));
    TRY(document_sign(document, keyfile_sign_secret(host->sign), err));
    *ret_request = TAKE(document);
    return STATUS_OK;
}

status_t enroll_request(const enroll_host_t *host, document_t **ret_request, error_t *err) {
    CLEANUP(document_destroy_p) document_t *request = NULL;
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/" KEPT_AS, host->folder);
    if (size < 0 || (size_t)size >= sizeof path) {
        return error_set(err, ERROR_BOUND, "the path of 'state' is too long");
    }
    if (mkdir(host->folder, 0700) != 0 && errno != EEXIST) {
        return error_set(err, ERROR_IO, "cannot make the folder %s: %m", host->folder);
    }
    TRY(read_kept(host, path, &request, err));
    if (request == NULL) {
        TRY(make_request(host, &request, err));
        TRY(trust_file_write(request, path, err));
    }
    *ret_request = TAKE(request);
    return STATUS_OK;
}

/* ------------------------------------------------------------------ sending it */

static status_t check_invitation(const enroll_call_t *call, error_t *err) {
    const invitation_terms_t *terms = invitation_terms(call->invitation);
    if (strcmp(terms->name, call->name) != 0) {
        return error_set(err, ERROR_INVITATION,
                         "the invitation is for '%s', but agent.yaml calls this host '%s'",
                         terms->name, call->name);
    }
    if (terms->expires_us <= call->now_us) {
        char text[CLOCK_TEXT_SIZE];
        return error_set(err, ERROR_INVITATION, "the invitation ended at %s",
                         clock_text(terms->expires_us, text));
    }
    return STATUS_OK;
}

status_t enroll_send(const enroll_call_t *call, char ret_state[LIMIT_NAME_BYTES + 1],
                     error_t *err) {
    const invitation_terms_t *terms = invitation_terms(call->invitation);
    CLEANUP(buffer_free) buffer_t document = {0};
    CLEANUP(buffer_free) buffer_t sealed = {0};
    CLEANUP(asker_destroy_p) asker_t *asker = NULL;
    CLEANUP(message_destroy_p) message_t *answer = NULL;
    TRY(check_invitation(call, err));
    TRY(document_encode(call->request, &document, err));
    Drover__Enroll enroll = DROVER__ENROLL__INIT;
    enroll.request = field_of_bytes(document.data, document.size);
    TRY(codec_seal(DROVER__KIND__KIND_ENROLL, &enroll.base, NULL, &sealed, err));
    transport_options_t options = {.endpoint = terms->coordinator,
                                   .secret = invitation_secret(call->invitation),
                                   .server = curve_public_from(terms->curve)};
    TRY(asker_new(&options, &asker, err));
    TRY(asker_ask(asker, &sealed, ASKER_ENROLLED, call->timeout_ms, &answer, err));
    (void)snprintf(ret_state, LIMIT_NAME_BYTES + 1, "%s", answer->enrolled->state);
    return STATUS_OK;
}

/* ------------------------------------------------------------------ the command */

typedef struct line {
    const char *request;
    const char *token;
    const char *config;
    bool help;
} line_t;

static status_t parse_line(int argc, char **argv, line_t *ret_line, error_t *err) {
    line_t line = {0};
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            line.help = true;
            continue;
        }
        const char **value = strcmp(argv[i], "--request") == 0  ? &line.request
                             : strcmp(argv[i], "--token") == 0  ? &line.token
                             : strcmp(argv[i], "--config") == 0 ? &line.config
                                                                : NULL;
        if (value == NULL || i + 1 == argc) {
            return error_set(err, ERROR_USAGE, "'%s' is no option, or lacks its value", argv[i]);
        }
        *value = argv[++i];
    }
    if (!line.help && (line.request == NULL) == (line.token == NULL)) {
        return error_set(err, ERROR_USAGE, "one of --request and --token is wanted");
    }
    *ret_line = line;
    return STATUS_OK;
}

static status_t load_config(const char *explicit_path, agent_config_t **ret_config, error_t *err) {
    static problems_t problems;
    CLEANUP(free_p) char *path = NULL;
    TRY(config_find((config_search_t){.program = "agent", .explicit_path = explicit_path}, &path,
                    err));
    if (agent_config_load(path, &problems, ret_config, err) != STATUS_OK) {
        problems_print(&problems, stderr);
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

/* An invitation that leads elsewhere than agent.yaml says is a mistake, or worse. */
static status_t deliver(const agent_config_t *config, const char *path, const document_t *request,
                        error_t *err) {
    char state[LIMIT_NAME_BYTES + 1];
    CLEANUP(invitation_destroy_p) invitation_t *invitation = NULL;
    TRY(invitation_read(path, &invitation, err));
    if (memcmp(invitation_terms(invitation)->curve, config->coordinator.curve_key,
               INVITATION_KEY_BYTES) != 0) {
        return error_set(err, ERROR_INVITATION,
                         "the invitation is of another coordinator than agent.yaml's "
                         "'coordinator.curve'");
    }
    enroll_call_t call = {.invitation = invitation,
                          .request = request,
                          .name = config->name,
                          .now_us = clock_wall_us(),
                          .timeout_ms = TIMEOUT_MS};
    TRY(transport_start(err));
    TRY(enroll_send(&call, state, err));
    if (strcmp(state, "pending") != 0 && strcmp(state, "accepted") != 0) {
        return error_set(err, ERROR_ENROLMENT, "'%s' was %s", config->name, state);
    }
    (void)fprintf(stderr, "drover-agent: '%s' is %s%s", config->name, state,
                  strcmp(state, "accepted") != 0 ? "\n" : "");
    if (strcmp(state, "accepted") == 0) {
        (void)fprintf(
            stderr,
            ": start drover-agent. Where it lost its state, it is suspended until 'drover "
            "agents resume %s --reason TEXT'\n",
            config->name);
    }
    return STATUS_OK;
}

static status_t run(const line_t *line, error_t *err) {
    CLEANUP(agent_config_destroy_p) agent_config_t *config = NULL;
    CLEANUP(keyfile_destroy_p) keyfile_t *sign = NULL;
    CLEANUP(keyfile_destroy_p) keyfile_t *curve = NULL;
    CLEANUP(document_destroy_p) document_t *request = NULL;
    char text[DIGEST_TEXT_SIZE];
    TRY(random_start(err));
    TRY(load_config(line->config, &config, err));
    TRY(keyfile_open(&(keyfile_open_t){.path = config->keys.sign, .kind = KEY_AGENT}, &sign, err));
    TRY(keyfile_open(&(keyfile_open_t){.path = config->keys.curve, .kind = KEY_CURVE}, &curve,
                     err));
    enroll_host_t host = {.name = config->name,
                          .sign = sign,
                          .curve = curve,
                          .folder = config->state,
                          .now_us = clock_wall_us()};
    TRY(enroll_request(&host, &request, err));
    /* before it is sent: whoever compares it can do so whatever comes of that */
    if (printf("%s\n", digest_text(&request->id, text)) < 0 || fflush(stdout) != 0) {
        return error_set(err, ERROR_IO, "cannot write the fingerprint: %m");
    }
    return line->request != NULL ? trust_file_write(request, line->request, err)
                                 : deliver(config, line->token, request, err);
}

int enroll_main(int argc, char **argv) {
    error_t err = {0};
    line_t line = {0};
    if (parse_line(argc, argv, &line, &err) == STATUS_OK) {
        if (line.help) {
            return fputs(USAGE, stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
        }
        if (run(&line, &err) == STATUS_OK) {
            return 0;
        }
    }
    error_print(&err, "drover-agent enroll");
    return error_code_exit(err.code);
}
