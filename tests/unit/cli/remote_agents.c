/* Tests of cli/remote_agents.c and remote_trust.c: cards, revocations, invitations, trust files. */
#include "common/base/clock.h"
#include "common/trust/invitation.h"
#include "common/trust/request.h"
#include "common/trust/trust_file.h"
#include "tests/unit/cli/fake.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RUN(fake, ...) fake_run(fake, (const char *const[FAKE_WORDS]){__VA_ARGS__})
#define FLEET "aaaaaaaa-0000-4000-8000-00000000f1ee"
#define ACCEPTED                                                                                   \
    "{\"name\":\"db7\",\"state\":\"accepted\",\"signatures\":{\"needed\":1,\"have\":1}}"

static void has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("no '%s' in:\n%s", part, text);
    }
}

/* A host that asks to be the agent db7. */
typedef struct host {
    sign_public_t key;
    sign_secret_t secret;
    document_t *request;
    char fingerprint[DIGEST_TEXT_SIZE];
} host_t;

static host_t make_host(const char *name) {
    static const uint64_t CLUSTERS[] = {7, UINT64_C(7300000000000000001)};
    host_t host = {0};
    error_t err;
    sign_keypair(&host.key, &host.secret);
    const request_t request = {.key = host.key,
                               .curve = {5, 5},
                               .name = name,
                               .clusters = CLUSTERS,
                               .cluster_count = 2,
                               .issued_us = clock_wall_us()};
    assert_int_equal(request_write(&request, &host.request, &err), STATUS_OK);
    assert_int_equal(document_sign(host.request, &host.secret, &err), STATUS_OK);
    (void)digest_text(&host.request->id, host.fingerprint);
    return host;
}

static void put_paper(json_t *answer, const char *name, const document_t *paper) {
    buffer_t bytes = {0};
    error_t err;
    assert_int_equal(document_encode(paper, &bytes, &err), STATUS_OK);
    char *text = drafts_base64(bytes.data, bytes.size);
    assert_int_equal(json_object_set_new(answer, name, json_string(text)), 0);
    free(text);
    buffer_free(&bytes);
}

/* agents.show of a host in a state; draft is a card that waits, or NULL. */
static void show_as(fake_t *fake, const host_t *host, const document_t *draft,
                    const char *standing) {
    json_t *answer = json_pack("{s:s,s:i,s:s}", "fleet", FLEET, "serial", 4, "state", standing);
    put_paper(answer, "request", host->request);
    if (draft != NULL) {
        put_paper(answer, "draft", draft);
    }
    fake_add(fake, &(fake_reply_t){.verb = "agents.show", .document = fake_keep(fake, answer)});
}

static void show(fake_t *fake, const host_t *host, const document_t *draft) {
    show_as(fake, host, draft, "pending");
}

/* The card that was sent: of that host's request, and signed by us. */
static card_t *sent_card(fake_t *fake, const host_t *host, size_t signatures) {
    document_t *paper = fake_paper(fake, "agents.accept", "card");
    document_t *request = fake_paper(fake, "agents.accept", "request");
    card_t *card = NULL;
    char fleet[IDENT_TEXT_SIZE];
    error_t err;
    assert_non_null(paper);
    assert_non_null(request);
    assert_true(digest_equal(&request->id, &host->request->id));
    assert_int_equal(paper->signature_count, signatures);
    assert_true(document_signed_by(paper, fake_operator(fake)));
    assert_int_equal(card_read(paper, &card, &err), STATUS_OK);
    assert_true(sign_public_equal(&card->key, &host->key));
    assert_int_equal(card->curve[1], 5);
    assert_string_equal(card->name, "db7");
    assert_int_equal(card->cluster_count, 2);
    assert_string_equal(ident_text(&card->fleet, fleet), FLEET);
    document_destroy(&paper);
    document_destroy(&request);
    return card;
}

static void test_accept(void **state) {
    const fake_reply_t replies[] = {{.verb = "agents.accept", .document = ACCEPTED}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 1);
    host_t host = make_host("db7");
    (void)state;
    show(fake, &host, NULL);
    fake_run_t run = RUN(fake, "agents", "accept", "db7");
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    has(run.out, host.fingerprint);
    has(run.out, "clusters        7, 7300000000000000001\n");
    has(run.out, "card ends       never\n");
    assert_null(strstr(fake_asked(fake), "agents.accept {"));
    fake_run_free(&run);
    run = RUN(fake, "agents", "accept", "db7", "-y", "--fingerprint", host.fingerprint, "--valid",
              "30d");
    assert_int_equal(run.exit_code, 0);
    has(run.errors, "db7 is an agent");
    fake_run_free(&run);
    card_t *card = sent_card(fake, &host, 1);
    assert_int_equal(card->serial, 5);
    assert_true(card->expires_us - card->issued_us == 30 * TRUST_DAY_US);
    card_destroy(&card);
    run = RUN(fake, "agents", "accept", "db7", "-y", "--fingerprint", "00ff");
    assert_int_equal(run.err.code, ERROR_REQUEST_INVALID);
    has(run.err.message, host.fingerprint);
    fake_run_free(&run);
    run = RUN(fake, "agents", "accept");
    assert_int_equal(run.err.code, ERROR_USAGE);
    fake_run_free(&run);
    document_destroy(&host.request);
    fake_stop(&fake);
}

/* What the coordinator answers is not taken for what was asked for. */
static void test_accept_other(void **state) {
    fake_t *fake = fake_start(&(fake_options_t){0}, NULL, 0);
    host_t other = make_host("db8");
    host_t host = make_host("db7");
    card_t card = {.fleet = {{1}}, .key = other.key, .name = "db7", .issued_us = 1, .serial = 1};
    document_t *paper = NULL;
    error_t err;
    (void)state;
    card.curve[0] = 5;
    show(fake, &other, NULL);
    assert_int_equal(card_write(&card, &paper, &err), STATUS_OK);
    assert_int_equal(document_sign(paper, &other.secret, &err), STATUS_OK);
    show(fake, &host, paper); /* a card of another key waits under this name */
    for (int i = 0; i < 2; i++) {
        fake_run_t run = RUN(fake, "agents", "accept", "db7", "-y");
        assert_int_equal(run.err.code, ERROR_ORDER_DIFFERS);
        assert_null(strstr(fake_asked(fake), "agents.accept {"));
        fake_run_free(&run);
    }
    document_destroy(&paper);
    document_destroy(&other.request);
    document_destroy(&host.request);
    fake_stop(&fake);
}

/* A second administrator signs the card that the first one made: of a host that asks, or of an
 * agent whose card is renewed. */
static void accept_together(const char *standing) {
    const fake_reply_t replies[] = {
        {.verb = "agents.accept",
         .document =
             "{\"name\":\"db7\",\"state\":\"pending\",\"signatures\":{\"needed\":3,\"have\":2}}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 1);
    host_t host = make_host("db7");
    host_t first = make_host("db9");
    request_t *request = NULL;
    document_t *paper = NULL;
    card_t card = {.issued_us = clock_wall_us(), .serial = 9};
    error_t err;
    assert_int_equal(request_read(host.request, &request, &err), STATUS_OK);
    assert_int_equal(ident_parse(FLEET, &card.fleet, &err), STATUS_OK);
    card.key = request->key;
    memcpy(card.curve, request->curve, sizeof card.curve);
    card.name = request->name;
    card.clusters = request->clusters;
    card.cluster_count = request->cluster_count;
    assert_int_equal(card_write(&card, &paper, &err), STATUS_OK);
    assert_int_equal(document_sign(paper, &first.secret, &err), STATUS_OK);
    show_as(fake, &host, paper, standing);
    fake_run_t run = RUN(fake, "agents", "accept", "db7", "-y");
    assert_int_equal(run.err.code, ERROR_CARD_WAITS);
    assert_int_equal(run.exit_code, 4);
    has(run.err.message, "has 2 of 3 signatures");
    fake_run_free(&run);
    card_t *sent = sent_card(fake, &host, 2);
    assert_int_equal(sent->serial, 9);
    card_destroy(&sent);
    document_destroy(&paper);
    request_destroy(&request);
    document_destroy(&host.request);
    document_destroy(&first.request);
    fake_stop(&fake);
}

static void test_accept_together(void **state) {
    (void)state;
    accept_together("pending");
}

static void test_accept_renewed(void **state) {
    (void)state;
    accept_together("accepted");
}

static void test_accept_file(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "agents.accept", .document = ACCEPTED},
        {.verb = "agents.show", .document = "{\"fleet\":\"" FLEET "\",\"serial\":0}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 2);
    host_t host = make_host("db7");
    char path[256];
    error_t err;
    (void)state;
    assert_int_equal(trust_file_write(host.request, fake_path(fake, "request", path), &err),
                     STATUS_OK);
    fake_run_t run = RUN(fake, "agents", "accept", "--request", "@request", "-y");
    assert_int_equal(run.exit_code, 0);
    fake_run_free(&run);
    card_t *card = sent_card(fake, &host, 1);
    assert_int_equal(card->serial, 1);
    assert_int_equal(card->expires_us, 0);
    card_destroy(&card);
    run = RUN(fake, "agents", "accept", "db7", "--request", "@request", "-y");
    assert_int_equal(run.err.code, ERROR_USAGE);
    fake_run_free(&run);
    document_destroy(&host.request);
    fake_stop(&fake);
}

static void test_turned_down(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "agents.reject", .document = "{\"name\":\"db7\",\"state\":\"rejected\"}"},
        {.verb = "agents.revoke", .document = "{\"name\":\"db7\",\"state\":\"revoked\"}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 2);
    host_t host = make_host("db7");
    revocation_t revocation;
    error_t err;
    (void)state;
    show(fake, &host, NULL);
    fake_run_t run = RUN(fake, "agents", "reject", "db7", "-m", "who is that?");
    assert_int_equal(run.exit_code, 0);
    has(run.errors, "db7 is rejected");
    has(fake_asked(fake), "agents.reject {\"name\":\"db7\",\"reason\":\"who is that?\"}\n");
    fake_run_free(&run);
    run = RUN(fake, "agents", "revoke", "db7", "-m", "stolen");
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    has(run.out, host.fingerprint);
    fake_run_free(&run);
    run = RUN(fake, "agents", "revoke", "db7", "-m", "stolen", "-y");
    assert_int_equal(run.exit_code, 0);
    has(run.errors, "db7 is revoked");
    fake_run_free(&run);
    document_t *paper = fake_paper(fake, "agents.revoke", "document");
    assert_non_null(paper);
    assert_int_equal(revocation_read(paper, &revocation, &err), STATUS_OK);
    assert_true(sign_public_equal(&revocation.key, &host.key));
    assert_string_equal(revocation.reason, "stolen");
    assert_true(document_signed_by(paper, fake_operator(fake)));
    document_destroy(&paper);
    document_destroy(&host.request);
    fake_stop(&fake);
}

/* One that lost its state: what resuming means is shown, and an answer is wanted. */
static void test_resume(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "agents.list",
         .document = "{\"agents\":[{\"name\":\"db6\",\"problem\":\"not connected\"},"
                     "{\"name\":\"db7\",\"problem\":\"agent 'db7' is suspended since noon\"}]}"},
        {.verb = "agents.resume", .document = "{\"name\":\"db7\",\"state\":\"resumed\"}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 2);
    (void)state;
    fake_run_t run = RUN(fake, "agents", "resume", "db7");
    assert_int_equal(run.err.code, ERROR_USAGE); /* why is wanted */
    fake_run_free(&run);
    run = RUN(fake, "agents", "resume", "db7", "-m", "new disk");
    assert_int_equal(run.err.code, ERROR_CONFIRMATION);
    has(run.out, "agent 'db7' is suspended since noon\n");
    has(run.out, "settled from the tenants' ledgers");
    assert_null(strstr(run.out, "not connected"));
    assert_null(strstr(fake_asked(fake), "agents.resume"));
    fake_run_free(&run);
    run = RUN(fake, "agents", "resume", "db7", "-m", "new disk", "-y");
    assert_int_equal(run.exit_code, 0);
    has(run.errors, "db7 is resumed");
    has(fake_asked(fake), "agents.resume {\"name\":\"db7\",\"reason\":\"new disk\"}\n");
    fake_run_free(&run);
    fake_stop(&fake);
}

/* Two administrators take an agent out: the first one's file is signed by the second. A file about
 * another host is not signed. */
static void test_revoke_together(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "agents.revoke", .code = "DRV-7011", .message = "1 of 2 signatures"},
        {.verb = "agents.revoke", .code = "DRV-7011", .message = "1 of 2 signatures"},
        {.verb = "agents.revoke", .document = "{\"name\":\"db7\",\"state\":\"revoked\"}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 3);
    host_t host = make_host("db7");
    host_t other = make_host("db7");
    host_t first = make_host("alan");
    char path[256];
    document_t *paper = NULL;
    revocation_t revocation = {.key = host.key, .at_us = clock_wall_us(), .reason = "stolen"};
    error_t err;
    (void)state;
    show(fake, &host, NULL);
    fake_run_t run = RUN(fake, "agents", "revoke", "db7", "-y");
    assert_int_equal(run.err.code, ERROR_USAGE);
    fake_run_free(&run);
    run = RUN(fake, "agents", "revoke", "db7", "-y", "-m", "stolen", "--revocation", "@mine");
    assert_int_equal(run.err.code, ERROR_ORDER_WAITS);
    assert_int_equal(run.exit_code, 4);
    has(run.err.message, "it has 1 signature (1 of 2 signatures): the next administrator signs");
    fake_run_free(&run);
    assert_int_equal(trust_file_read(fake_path(fake, "mine", path), &paper, &err), STATUS_OK);
    assert_true(document_signed_by(paper, fake_operator(fake)));
    document_destroy(&paper);
    run = RUN(fake, "agents", "revoke", "db7", "-y", "--revocation", "@mine");
    assert_int_equal(run.err.code, ERROR_TRUST_SIGNED);
    fake_run_free(&run);

    assert_int_equal(ident_parse(FLEET, &revocation.fleet, &err), STATUS_OK);
    assert_int_equal(revocation_write(&revocation, &paper, &err), STATUS_OK);
    assert_int_equal(document_sign(paper, &first.secret, &err), STATUS_OK);
    assert_int_equal(trust_file_write(paper, fake_path(fake, "alans", path), &err), STATUS_OK);
    document_destroy(&paper);
    run = RUN(fake, "agents", "revoke", "db7", "-y", "--revocation", "@alans");
    assert_int_equal(run.exit_code, 0);
    has(run.out, "reason          stolen\n");
    fake_run_free(&run);
    paper = fake_paper(fake, "agents.revoke", "document");
    assert_int_equal(paper->signature_count, 2);
    document_destroy(&paper);
    show(fake, &other, NULL);
    run = RUN(fake, "agents", "revoke", "db7", "-y", "--revocation", "@alans");
    assert_int_equal(run.err.code, ERROR_ORDER_DIFFERS);
    fake_run_free(&run);
    document_destroy(&first.request);
    document_destroy(&other.request);
    document_destroy(&host.request);
    fake_stop(&fake);
}

static void test_invite(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "agents.invite", .document = "{\"name\":\"db7\"}"},
        {.verb = "agents.invite", .code = "DRV-7015", .message = "no administrator"},
        {.verb = "agents.pending",
         .document = "{\"agents\":[{\"name\":\"db7\",\"fingerprint\":\"f00d\",\"signatures\":{"
                     "\"needed\":2,\"have\":1}}],\"invitations\":[{\"name\":\"db9\"}]}"},
        {.verb = "agents.pending", .document = "{\"agents\":[],\"invitations\":[]}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 4);
    invitation_t *invitation = NULL;
    char path[256];
    char key[2 * INVITATION_KEY_BYTES + 1];
    error_t err;
    (void)state;
    fake_run_t run = RUN(fake, "agents", "invite", "db7", "--out", "@token", "--valid", "1h");
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(run.out, "");
    fake_run_free(&run);
    assert_int_equal(invitation_read(fake_path(fake, "token", path), &invitation, &err), STATUS_OK);
    assert_string_equal(invitation_terms(invitation)->name, "db7");
    has(fake_asked(fake), hex_text(invitation_public(invitation), INVITATION_KEY_BYTES, key));
    (void)hex_text(invitation_secret(invitation), INVITATION_KEY_BYTES, key);
    assert_null(strstr(fake_asked(fake), key)); /* the secret stays on this host */
    invitation_destroy(&invitation);
    run = RUN(fake, "agents", "invite", "db7", "--out", "@other");
    assert_int_equal(run.err.code, ERROR_TRUST_KEY);
    assert_null(fake_read(fake, "other"));
    fake_run_free(&run);
    run = RUN(fake, "agents", "pending");
    has(run.out, "db7");
    has(run.out, "f00d");
    has(run.out, "db9");
    fake_run_free(&run);
    run = RUN(fake, "agents", "pending");
    assert_string_equal(run.out, "");
    has(run.errors, "nobody asks to be an agent");
    fake_run_free(&run);
    fake_stop(&fake);
}

/* order.show of another fleet's order, which a stranger has signed. */
static void show_order(fake_t *fake, const host_t *stranger) {
    json_t *answer = drafts_plan("forward");
    drafts_order_t draft;
    error_t err;
    drafts_fill(answer, ORDER_ROLLOUT, clock_wall_us(), &draft);
    draft.order.proposer = stranger->key;
    document_t *paper = drafts_write(&draft);
    assert_int_equal(document_sign(paper, &stranger->secret, &err), STATUS_OK);
    put_paper(answer, "order", paper);
    document_destroy(&paper);
    fake_add(fake, &(fake_reply_t){.verb = "order.show", .document = fake_keep(fake, answer)});
}

/* A chain of trust files is handed over one by one; a draft is none; what the coordinator goes by
 * is shown like a file. And the pin of drover.yaml stands against another fleet. */
static void test_trust(void **state) {
    const fake_reply_t replies[] = {
        {.verb = "trust.publish", .document = "{\"version\":1,\"known\":true,\"digest\":\"d\"}"},
        {.verb = "rollout.stop", .document = "{\"name\":\"n\"}"}};
    fake_t *fake = fake_start(&(fake_options_t){0}, replies, 2);
    host_t host = make_host("db7");
    char path[256];
    document_t *paper = NULL;
    json_t *answer = json_object();
    error_t err;
    (void)state;
    fake_run_t run = RUN(fake, "trust", "init", "--solo", "--no-passphrase", "--out", "@t");
    assert_int_equal(run.exit_code, 0);
    fake_run_free(&run);
    assert_int_equal(trust_file_read(fake_path(fake, "t/fleet.trust", path), &paper, &err),
                     STATUS_OK);
    put_paper(answer, "document", paper);
    fake_add(fake, &(fake_reply_t){.verb = "trust.show", .document = fake_keep(fake, answer)});
    run = RUN(fake, "trust", "renew", "@t/fleet.trust", "--out", "@draft");
    fake_run_free(&run);
    run = RUN(fake, "trust", "publish", "@t/fleet.trust", "@draft");
    assert_int_equal(run.err.code, ERROR_TRUST_INCOMPLETE);
    fake_run_free(&run);
    document_t *sent = fake_paper(fake, "trust.publish", "document");
    assert_true(digest_equal(&sent->id, &paper->id));
    document_destroy(&sent);
    run = RUN(fake, "trust", "show");
    assert_int_equal(run.exit_code, 0);
    char digest[DIGEST_TEXT_SIZE];
    has(run.out, digest_text(&paper->id, digest));
    fake_run_free(&run);

    char *config = fake_read(fake, "drover.yaml");
    buffer_t pinned = {0};
    buffer_format(&pinned, "%strust: {root: t/fleet.trust}\n", config);
    fake_write(fake, "drover.yaml", buffer_string(&pinned));
    free(config);
    buffer_free(&pinned);
    fake_draft(fake, drafts_plan("undo"), ORDER_ROLLBACK);
    run = RUN(fake, "rollback", "1f3a", "-y");
    assert_int_equal(run.err.code, ERROR_TRUST_FLEET);
    fake_run_free(&run);
    show_order(fake, &host);
    run = RUN(fake, "rollout", "approve", "1f3a", "-y");
    assert_int_equal(run.err.code, ERROR_TRUST_FLEET);
    fake_run_free(&run);
    show(fake, &host, NULL);
    run = RUN(fake, "agents", "accept", "db7", "-y");
    assert_int_equal(run.err.code, ERROR_TRUST_FLEET);
    fake_run_free(&run);
    fake_write(fake, "drover.yaml", "trust: {}\n");
    run = RUN(fake, "agents");
    assert_int_equal(run.err.code, ERROR_CONFIG_INVALID);
    fake_run_free(&run);
    document_destroy(&paper);
    document_destroy(&host.request);
    fake_stop(&fake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),          cmocka_unit_test(test_accept_other),
        cmocka_unit_test(test_accept_together), cmocka_unit_test(test_accept_file),
        cmocka_unit_test(test_turned_down),     cmocka_unit_test(test_invite),
        cmocka_unit_test(test_revoke_together), cmocka_unit_test(test_accept_renewed),
        cmocka_unit_test(test_trust),           cmocka_unit_test(test_resume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
