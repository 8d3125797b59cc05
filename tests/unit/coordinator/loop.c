/*
 * loop.c: the coordinator's loop with a trust file and nobody enrolled: hosts become agents and
 * cease to be, operators come and go, and the table of keys follows each time. The loop runs on a
 * thread; the test asks it as people and hosts do.
 */
#include "coordinator/loop.h"
#include "agent/enroll.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"
#include "common/wire/asker.h"
#include "common/wire/field.h"
#include "tests/unit/coordinator/trust/office.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>

enum { ASK_MS = 20000 };

typedef struct house {
    office_t *office;
    char folder[64];
    char paths[5][96];
    coordinator_config_t config;
    uint8_t curve[CURVE_BYTES]; /* public */
    loop_t *loop;
    char endpoint[128];
    pthread_t thread;
    status_t ended;
    error_t err; /* of the last question */
    json_t *answer;
} house_t;

static void *run(void *context) {
    house_t *h = context;
    error_t err = {0};
    h->ended = loop_run(h->loop, &err);
    return NULL;
}

static char *path_of(house_t *h, int n, const char *name) {
    (void)snprintf(h->paths[n], sizeof h->paths[n], "%s/%s", h->folder, name);
    return h->paths[n];
}

static void make_config(house_t *h) {
    error_t err = {0};
    key_public_t made;
    h->config = (coordinator_config_t){
        .catalog = path_of(h, 0, "loop.db"),
        .bundles = path_of(h, 1, "loop-bundles"),
        .keys = {.sign = path_of(h, 2, "sign.key"), .curve = path_of(h, 3, "curve.key")},
        .environment = path_of(h, 4, "") + strlen(h->folder) + 1,
        .order_life_us = DAY_US,
        .heartbeat_us = US_PER_S,
        .lease_us = 20 * US_PER_S,
        .unreachable_after_us = 10 * US_PER_S,
        .clock_skew_max_us = 60 * US_PER_S,
        .inventory_stale_us = 60 * US_PER_S,
        .timeouts = {.offer_us = 60 * US_PER_S, .drain_us = US_PER_S},
        .limits = {.agents = 10,
                   .jobs_per_agent = 8,
                   .commit_batch = 64,
                   .rollouts = 4,
                   .questions_per_second = 1000,
                   .questions_waiting = 32,
                   .queue_messages = 100},
    };
    static char listen[] = "tcp://127.0.0.1:*";
    h->config.listen = listen;
    h->config.trust.root = h->office->pin;
    keyfile_new_t sign = {.path = h->config.keys.sign, .kind = KEY_COORDINATOR, .name = "c"};
    keyfile_new_t curve = {.path = h->config.keys.curve, .kind = KEY_CURVE, .name = "c"};
    GOOD(h, keyfile_create(&sign, NULL, &err));
    GOOD(h, keyfile_create(&curve, &made, &err));
    memcpy(h->curve, made.bytes, sizeof h->curve);
}

static void begin(house_t *h) {
    GOOD(h, loop_open(&(loop_options_t){.config = &h->config}, &h->loop, &h->err));
    (void)snprintf(h->endpoint, sizeof h->endpoint, "%s", loop_endpoint(h->loop));
    assert_int_equal(pthread_create(&h->thread, NULL, run, h), 0);
}

static void end(house_t *h) {
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(pthread_join(h->thread, NULL), 0);
    assert_int_equal(h->ended, STATUS_OK);
    loop_close(&h->loop);
}

static int set_up(void **state) {
    house_t *h = calloc(1, sizeof *h);
    void *office = NULL;
    assert_non_null(h);
    office_now_us = clock_wall_us();
    assert_int_equal(office_set_up(&office), 0);
    h->office = office;
    (void)snprintf(h->folder, sizeof h->folder, "%s", h->office->fixture->folder);
    log_set_level(getenv("TEST_LOG") != NULL ? LOG_DEBUG : LOG_ERROR);
    make_config(h);
    begin(h);
    *state = h;
    return 0;
}

static int tear_down(void **state) {
    house_t *h = *state;
    void *office = h->office;
    end(h);
    json_decref(h->answer);
    int result = office_tear_down(&office);
    free(h);
    return result;
}

/* ------------------------------------------------------------------ asking */

static transport_options_t options_of(const house_t *h, const uint8_t *secret) {
    return (transport_options_t){
        .endpoint = h->endpoint, .secret = secret, .server = curve_public_from(h->curve)};
}

static status_t ask_over(house_t *h, asker_t *asker, staff_t who, const char *verb,
                         const char *arguments, int timeout_ms) {
    static uint32_t number;
    ident_t id = random_ident();
    Drover__Question question = DROVER__QUESTION__INIT;
    CLEANUP(buffer_free) buffer_t sealed = {0};
    CLEANUP(message_destroy_p) message_t *answer = NULL;
    error_clear(&h->err);
    question.id = field_of_bytes(id.bytes, sizeof id.bytes);
    question.number = ++number;
    question.verb = field_of_text(verb);
    question.arguments = field_of_text(arguments);
    question.wall_us = clock_wall_us();
    TRY(codec_seal(DROVER__KIND__KIND_QUESTION, &question.base, &h->office->secrets[who], &sealed,
                   &h->err));
    TRY(asker_ask(asker, &sealed, number, timeout_ms, &answer, &h->err));
    if (*answer->answer->code != '\0') {
        return error_set(&h->err, error_code_parse(answer->answer->code), "%s",
                         answer->answer->message);
    }
    json_decref(h->answer);
    h->answer = json_loads(answer->answer->document, 0, NULL);
    assert_non_null(h->answer);
    return STATUS_OK;
}

/* On a connection of its own. */
static status_t ask(house_t *h, staff_t who, const char *verb, const char *arguments) {
    transport_options_t options = options_of(h, h->office->curve_secrets[who]);
    CLEANUP(asker_destroy_p) asker_t *asker = NULL;
    TRY(asker_new(&options, &asker, &h->err));
    return ask_over(h, asker, who, verb, arguments, ASK_MS);
}

static const char *text_of(const house_t *h, const char *key) {
    const char *text = json_string_value(json_object_get(h->answer, key));
    return text != NULL ? text : "";
}

static const char *first_of(const house_t *h, const char *list, const char *key) {
    json_t *row = json_array_get(json_object_get(h->answer, list), 0);
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "";
}

/* {"key": base64 of the document}, which is destroyed; the caller frees. */
static char *with_paper(const char *key, document_t *document) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    error_t err = {0};
    assert_int_equal(document_encode(document, &bytes, &err), STATUS_OK);
    size_t room = sodium_base64_encoded_len(bytes.size, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(room + 64);
    char *coded = malloc(room);
    assert_non_null(text);
    assert_non_null(coded);
    (void)sodium_bin2base64(coded, room, (const unsigned char *)bytes.data, bytes.size,
                            sodium_base64_VARIANT_ORIGINAL);
    (void)snprintf(text, room + 64, "{\"%s\":\"%s\"}", key, coded);
    free(coded);
    document_destroy(&document);
    return text;
}

static status_t bring(house_t *h, staff_t who, const char *verb, const char *key,
                      document_t *document) {
    CLEANUP(free_p) char *arguments = with_paper(key, document);
    return ask(h, who, verb, arguments);
}

/* How the door answers a host's transport key: PEER_UNKNOWN is shut, WIRE_INVALID is an agent whose
 * words make no sense, ENROLMENT and NONE are a newcomer's. */
static error_code_t knock(house_t *h, const uint8_t *secret) {
    transport_options_t options = options_of(h, secret);
    Drover__Enroll enroll = DROVER__ENROLL__INIT;
    CLEANUP(buffer_free) buffer_t sealed = {0};
    CLEANUP(asker_destroy_p) asker_t *asker = NULL;
    CLEANUP(message_destroy_p) message_t *answer = NULL;
    error_t err = {0};
    enroll.request = field_of_bytes("x", 1);
    GOOD(h, codec_seal(DROVER__KIND__KIND_ENROLL, &enroll.base, NULL, &sealed, &err));
    GOOD(h, asker_new(&options, &asker, &err));
    return asker_ask(asker, &sealed, ASKER_ENROLLED, ASK_MS, &answer, &err) == STATUS_OK
               ? ERROR_NONE
               : err.code;
}

static invitation_t *invite(house_t *h, const char *name) {
    invitation_terms_t terms = {.expires_us = clock_wall_us() + DAY_US};
    invitation_t *invitation = NULL;
    char curve[CURVE_TEXT_SIZE];
    char arguments[256];
    (void)snprintf(terms.coordinator, sizeof terms.coordinator, "%s", h->endpoint);
    (void)snprintf(terms.name, sizeof terms.name, "%s", name);
    memcpy(terms.curve, h->curve, sizeof terms.curve);
    GOOD(h, invitation_new(&terms, &invitation, &h->err));
    (void)snprintf(arguments, sizeof arguments,
                   "{\"name\":\"%s\",\"curve\":\"%s\",\"valid_us\":3600000000}", name,
                   hex_text(invitation_public(invitation), INVITATION_KEY_BYTES, curve));
    GOOD(h, ask(h, ADA, "agents.invite", arguments));
    return invitation;
}

static status_t enroll(house_t *h, const invitation_t *invitation, document_t *request,
                       const char *name, char *ret_state) {
    enroll_call_t call = {.invitation = invitation,
                          .request = request,
                          .name = name,
                          .now_us = clock_wall_us(),
                          .timeout_ms = ASK_MS};
    error_clear(&h->err);
    status_t status = enroll_send(&call, ret_state, &h->err);
    document_destroy(&request);
    return status;
}

/* ------------------------------------------------------------------ the cases */

static void host_becomes_agent_and_ceases(void **state) {
    house_t *h = *state;
    office_t *o = h->office;
    char stands[LIMIT_NAME_BYTES + 1];
    assert_int_equal(knock(h, o->host.curve_secret), ERROR_PEER_UNKNOWN);
    CLEANUP(invitation_destroy_p) invitation_t *invitation = invite(h, "agent-1");
    assert_int_equal(knock(h, invitation_secret(invitation)), ERROR_TRUST_DOCUMENT);
    GOOD(h, enroll(h, invitation, office_request(&o->host, 5), "agent-1", stands));
    assert_string_equal(stands, "pending");
    GOOD(h, enroll(h, invitation, office_request(&o->host, 5), "agent-1", stands));
    assert_string_equal(stands, "pending");
    GOOD(h, enroll(h, invitation, office_request(&o->host, 6), "agent-1", stands));
    assert_string_equal(stands, "pending"); /* by its newest request: it may have lost its state */
    assert_int_equal(knock(h, o->host.curve_secret), ERROR_PEER_UNKNOWN);
    GOOD(h, ask(h, OLGA, "agents.pending", "{}"));
    assert_string_equal(first_of(h, "agents", "name"), "agent-1");
    assert_int_equal(json_array_size(json_object_get(h->answer, "invitations")), 0);
    GOOD(h, bring(h, ADA, "agents.accept", "card",
                  office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA))));
    assert_string_equal(text_of(h, "state"), "accepted");
    GOOD(h, enroll(h, invitation, office_request(&o->host, 5), "agent-1", stands));
    assert_string_equal(stands, "accepted");
    assert_int_equal(knock(h, o->host.curve_secret), ERROR_WIRE_INVALID);
    GOOD(h, ask(h, OLGA, "agents.list", "{}"));
    assert_string_equal(first_of(h, "agents", "name"), "agent-1");
    assert_string_equal(first_of(h, "agents", "problem"), "has a card, but never connected");
    GOOD(h,
         bring(h, ADA, "agents.revoke", "document", office_revocation(o, &o->host.key, BY(ADA))));
    assert_string_equal(text_of(h, "state"), "revoked");
    assert_int_equal(knock(h, o->host.curve_secret), ERROR_PEER_UNKNOWN);
    end(h);
    begin(h); /* and so it stays */
    assert_int_equal(knock(h, o->host.curve_secret), ERROR_PEER_UNKNOWN);
}

static void operators_come_and_go(void **state) {
    house_t *h = *state;
    office_t *o = h->office;
    transport_options_t options = options_of(h, o->curve_secrets[OLGA]);
    CLEANUP(asker_destroy_p) asker_t *olga = NULL;
    GOOD(h, asker_new(&options, &olga, &h->err));
    GOOD(h, ask_over(h, olga, OLGA, "coordinator.show", "{}", ASK_MS));
    json_t *trust = json_object_get(h->answer, "trust");
    assert_int_equal(json_integer_value(json_object_get(trust, "version")), 1);
    assert_string_equal(json_string_value(json_object_get(trust, "freshness")), "fresh");
    /* whoever brings it, the document speaks for itself */
    BAD(h, TRUST_THRESHOLD,
        bring(h, OLGA, "trust.publish", "document",
              office_trust(o, &(plan_t){.version = 2, .olga_retired = true}, BY(ROOT_ONE))));
    GOOD(h, bring(h, OLGA, "trust.publish", "document",
                  office_trust(o, &(plan_t){.version = 2, .olga_retired = true}, ROOTS)));
    /* the live connection is deaf at once, a new one is not let in */
    BAD(h, WIRE_TIMEOUT, ask_over(h, olga, OLGA, "coordinator.show", "{}", 300));
    BAD(h, PEER_UNKNOWN, ask(h, OLGA, "coordinator.show", "{}"));
    GOOD(h, ask(h, ADA, "trust.show", "{}"));
    assert_int_equal(json_integer_value(json_object_get(h->answer, "version")), 2);
}

static void pin_is_read_at_sighup(void **state) {
    house_t *h = *state;
    int64_t until_us = clock_boot_us() + ASK_MS * US_PER_MS;
    json_int_t version = 1;
    office_pin(h->office, &(plan_t){.version = 2});
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    while (version != 2 && clock_boot_us() < until_us) { /* each turn asks */
        GOOD(h, ask(h, ADA, "trust.show", "{}"));
        version = json_integer_value(json_object_get(h->answer, "version"));
    }
    assert_int_equal(version, 2);
    office_pin(h->office, &(plan_t){.version = 3, .other_fleet = true});
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    GOOD(h, ask(h, ADA, "trust.show", "{\"from\":1}"));
    assert_int_equal(json_integer_value(json_object_get(h->answer, "version")), 2);
    assert_int_equal(json_array_size(json_object_get(h->answer, "files")), 2);
}

static void only_admins_let_in(void **state) {
    house_t *h = *state;
    office_t *o = h->office;
    BAD(h, TRUST_KEY,
        ask(h, OLGA, "agents.invite", "{\"name\":\"a\",\"curve\":\"00\",\"valid_us\":1}"));
    BAD(h, TRUST_KEY,
        bring(h, OLGA, "agents.accept", "card",
              office_card(o, &o->host, &(card_plan_t){.serial = 1}, BY(ADA))));
    BAD(h, TRUST_KEY,
        bring(h, OLGA, "trust.revoke", "document", office_revocation(o, &o->keys[ALAN], BY(ADA))));
    BAD(h, TRUST_KEY, ask(h, OLGA, "agents.reject", "{\"name\":\"a\"}"));
    /* an admin alone signs what only the threshold may: OLGA's signature is none */
    BAD(h, TRUST_THRESHOLD,
        bring(h, ADA, "trust.revoke", "document", office_revocation(o, &o->keys[ALAN], BY(OLGA))));
    GOOD(h,
         bring(h, ADA, "trust.revoke", "document", office_revocation(o, &o->keys[OLGA], BY(ADA))));
    assert_string_equal(text_of(h, "name"), "olga");
    BAD(h, PEER_UNKNOWN, ask(h, OLGA, "coordinator.show", "{}"));
    GOOD(h, ask(h, ADA, "audit.list", "{\"action\":\"trust.revoke\"}"));
    assert_string_equal(first_of(h, "rows", "actor"), "ada");
    BAD(h, ENROLMENT,
        bring(h, ADA, "agents.revoke", "document", office_revocation(o, &o->keys[ALAN], BY(ADA))));
}

/* Two admins are wanted for a card: the first one's waits for the second one's. */
static void cards_wait_for_all_admins(void **state) {
    house_t *h = *state;
    office_t *o = h->office;
    card_plan_t plan = {.serial = 1};
    CLEANUP(invitation_destroy_p) invitation_t *invitation = invite(h, "agent-1");
    char stands[LIMIT_NAME_BYTES + 1];
    GOOD(h, bring(h, ADA, "trust.publish", "document",
                  office_trust(o, &(plan_t){.version = 2, .admins = 2}, ROOTS)));
    GOOD(h, enroll(h, invitation, office_request(&o->host, 5), "agent-1", stands));
    BAD(h, TRUST_THRESHOLD,
        bring(h, ADA, "agents.accept", "card", office_card(o, &o->host, &plan, BY(OLGA))));
    GOOD(h, bring(h, ADA, "agents.accept", "card", office_card(o, &o->host, &plan, BY(ADA))));
    assert_string_equal(text_of(h, "state"), "pending");
    json_t *signatures = json_object_get(h->answer, "signatures");
    assert_int_equal(json_integer_value(json_object_get(signatures, "needed")), 2);
    assert_int_equal(json_integer_value(json_object_get(signatures, "have")), 1);
    assert_int_equal(knock(h, o->host.curve_secret), ERROR_PEER_UNKNOWN);
    GOOD(h, ask(h, OLGA, "agents.show", "{\"name\":\"agent-1\"}"));
    assert_string_equal(text_of(h, "state"), "pending");
    assert_true(strlen(text_of(h, "card")) > 0);
    assert_int_equal(json_integer_value(json_object_get(h->answer, "serial")), 0);
    GOOD(h, bring(h, OLGA, "agents.show", "request", office_request(&o->other, 5)));
    assert_string_equal(text_of(h, "state"), "");
    assert_string_equal(text_of(h, "fleet"), "01000000-0000-0000-0000-000000000000");
    GOOD(h, bring(h, ADA, "agents.accept", "card", office_card(o, &o->host, &plan, BY(ALAN))));
    assert_string_equal(text_of(h, "state"), "accepted");
    assert_int_equal(knock(h, o->host.curve_secret), ERROR_WIRE_INVALID);
    GOOD(h, ask(h, OLGA, "agents.show", "{\"name\":\"agent-1\"}"));
    assert_int_equal(json_integer_value(json_object_get(h->answer, "serial")), 1);
    BAD(h, ENROLMENT, ask(h, ADA, "agents.reject", "{\"name\":\"agent-1\"}"));
}

/* Lines of the log that tell of a refused connection. */
static size_t refusals_logged(const char *path) {
    char line[4096];
    size_t count = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        bool refusal = strstr(line, "event=\"connection refused\"") != NULL;
        assert_true(!refusal || strstr(line, "address=127.0.0.1") != NULL);
        count += refusal;
    }
    assert_int_equal(fclose(file), 0);
    return count;
}

/* One address that knocks on and on has its share of the log, however often that is. */
static void refused_connections_are_told_by_address(void **state) {
    house_t *h = *state;
    enum { KNOCKS = 33, TOLD = 16 };
    char path[160];
    uint8_t secret[CURVE_BYTES];
    curve_public_t key;
    (void)snprintf(path, sizeof path, "%s/log", h->folder);
    int before = dup(STDERR_FILENO);
    int log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(before >= 0 && log >= 0);
    assert_true(dup2(log, STDERR_FILENO) >= 0);
    log_set_level(LOG_WARNING);
    error_code_t said = ERROR_NONE;
    for (int i = 0; i < KNOCKS; i++) {
        curve_keypair(&key, secret);
        said = knock(h, secret) == ERROR_PEER_UNKNOWN ? said : ERROR_INTERNAL;
    }
    log_set_level(LOG_ERROR);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    assert_int_equal(close(before), 0);
    assert_int_equal(close(log), 0);
    assert_int_equal(said, ERROR_NONE);
    assert_int_equal(refusals_logged(path), TOLD);
}

static void nonsense_is_refused(void **state) {
    house_t *h = *state;
    office_t *o = h->office;
    BAD(h, INVALID, ask(h, ADA, "agents.invite", "{\"name\":\"a\",\"curve\":\"00\"}"));
    BAD(h, INVALID, ask(h, ADA, "agents.invite", "{\"name\":\"a\"}"));
    BAD(h, INVALID, ask(h, ADA, "agents.accept", "{}"));
    BAD(h, TRUST_DOCUMENT, ask(h, ADA, "agents.accept", "{\"card\":\"?\"}"));
    BAD(h, TRUST_DOCUMENT, ask(h, ADA, "trust.publish", "{\"document\":\"AAAA\"}"));
    BAD(h, TRUST_KIND, bring(h, ADA, "agents.accept", "card", office_request(&o->host, 5)));
    BAD(h, TRUST_KIND,
        bring(h, ADA, "trust.publish", "document", office_revocation(o, &o->keys[OLGA], BY(ADA))));
    BAD(h, ENROLMENT, ask(h, ADA, "agents.show", "{\"name\":\"nobody\"}"));
    BAD(h, ENROLMENT, ask(h, ADA, "agents.reject", "{\"name\":\"nobody\"}"));
    GOOD(h, ask(h, ADA, "trust.show", "{}")); /* nothing of it hurt */
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(host_becomes_agent_and_ceases),
        CASE(operators_come_and_go),
        CASE(pin_is_read_at_sighup),
        CASE(only_admins_let_in),
        CASE(cards_wait_for_all_admins),
        CASE(nonsense_is_refused),
        CASE(refused_connections_are_told_by_address),
    };
    error_t err = {0};
    if (random_start(&err) != STATUS_OK || loop_block_signals(&err) != STATUS_OK ||
        transport_start(&err) != STATUS_OK) {
        error_print(&err, "loop");
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
