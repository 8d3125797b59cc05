/* enroll.c: a host's request is made once and is of the keys that it has; where it goes is checked.
 * The answers over the wire stand in tests/unit/coordinator/loop.c. */
#include "agent/enroll.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"
#include "common/trust/trust_file.h"
#include "tests/unit/base/cmocka_all.h"
#include "tests/unit/scratch.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct place {
    char folder[64];
    char state[80];
    char kept[112];
    keyfile_t *sign;
    keyfile_t *curve;
    keyfile_t *other; /* another transport key */
    error_t err;
} place_t;

static void good(place_t *p, status_t status) {
    if (status != STATUS_OK) {
        fail_msg("%s", p->err.message);
    }
}

static keyfile_t *make_key(place_t *p, const char *name, key_kind_t kind) {
    char path[96];
    keyfile_t *key = NULL;
    (void)snprintf(path, sizeof path, "%s/%s", p->folder, name);
    good(p,
         keyfile_create(&(keyfile_new_t){.path = path, .kind = kind, .name = name}, NULL, &p->err));
    good(p, keyfile_open(&(keyfile_open_t){.path = path, .kind = kind}, &key, &p->err));
    return key;
}

static int set_up(void **state) {
    place_t *p = calloc(1, sizeof *p);
    assert_non_null(p);
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/drover-enroll-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->state, sizeof p->state, "%s/state", p->folder);
    (void)snprintf(p->kept, sizeof p->kept, "%s/enrolment.request", p->state);
    p->sign = make_key(p, "sign.key", KEY_AGENT);
    p->curve = make_key(p, "curve.key", KEY_CURVE);
    p->other = make_key(p, "other.key", KEY_CURVE);
    *state = p;
    return 0;
}

static int tear_down(void **state) {
    place_t *p = *state;
    keyfile_destroy(&p->sign);
    keyfile_destroy(&p->curve);
    keyfile_destroy(&p->other);
    int result = scratch_remove(p->folder);
    free(p);
    return result;
}

static document_t *request_of(place_t *p, const char *name, const keyfile_t *curve,
                              int64_t now_us) {
    document_t *document = NULL;
    enroll_host_t host = {
        .name = name, .sign = p->sign, .curve = curve, .folder = p->state, .now_us = now_us};
    good(p, enroll_request(&host, &document, &p->err));
    return document;
}

static void request_is_of_this_host(void **state) {
    place_t *p = *state;
    CLEANUP(document_destroy_p) document_t *document = request_of(p, "agent-1", p->curve, 7);
    CLEANUP(request_destroy_p) request_t *request = NULL;
    good(p, request_verify(document, &request, &p->err));
    assert_string_equal(request->name, "agent-1");
    assert_true(sign_public_equal(&request->key, keyfile_sign_public(p->sign)));
    assert_memory_equal(request->curve, keyfile_curve_public(p->curve), sizeof request->curve);
    assert_int_equal(request->cluster_count, 0);
    assert_int_equal(request->issued_us, 7);
}

/* Asked again at another time, the host shows the same fingerprint. */
static void request_is_made_once(void **state) {
    place_t *p = *state;
    CLEANUP(document_destroy_p) document_t *first = request_of(p, "agent-1", p->curve, 7);
    CLEANUP(document_destroy_p) document_t *again = request_of(p, "agent-1", p->curve, 8);
    assert_true(digest_equal(&first->id, &again->id));
    CLEANUP(document_destroy_p) document_t *renamed = request_of(p, "agent-2", p->curve, 9);
    assert_false(digest_equal(&first->id, &renamed->id));
    CLEANUP(document_destroy_p) document_t *other = request_of(p, "agent-2", p->other, 9);
    assert_false(digest_equal(&renamed->id, &other->id));
    CLEANUP(document_destroy_p) document_t *kept = NULL;
    good(p, trust_file_read(p->kept, &kept, &p->err));
    assert_true(digest_equal(&kept->id, &other->id));
}

/* A damaged one is not passed over: somebody should know. */
static void damage_is_told(void **state) {
    place_t *p = *state;
    CLEANUP(document_destroy_p) document_t *first = request_of(p, "agent-1", p->curve, 7);
    document_t *document = NULL;
    enroll_host_t host = {
        .name = "agent-1", .sign = p->sign, .curve = p->curve, .folder = p->state, .now_us = 8};
    assert_int_equal(truncate(p->kept, 40), 0);
    assert_int_equal(enroll_request(&host, &document, &p->err), STATUS_ERROR);
    assert_int_equal(p->err.code, ERROR_TRUST_DOCUMENT);
    host.folder = "/nowhere/at/all";
    assert_int_equal(enroll_request(&host, &document, &p->err), STATUS_ERROR);
    assert_int_equal(p->err.code, ERROR_IO);
}

static void invitation_must_fit(void **state) {
    place_t *p = *state;
    char stands[LIMIT_NAME_BYTES + 1];
    invitation_terms_t terms = {
        .coordinator = "tcp://127.0.0.1:1", .curve = {1}, .name = "agent-1", .expires_us = 100};
    CLEANUP(invitation_destroy_p) invitation_t *invitation = NULL;
    CLEANUP(document_destroy_p) document_t *request = request_of(p, "agent-1", p->curve, 7);
    good(p, invitation_new(&terms, &invitation, &p->err));
    enroll_call_t call = {
        .invitation = invitation, .request = request, .name = "agent-2", .now_us = 99};
    assert_int_equal(enroll_send(&call, stands, &p->err), STATUS_ERROR);
    assert_int_equal(p->err.code, ERROR_INVITATION);
    call.name = "agent-1";
    call.now_us = 100;
    assert_int_equal(enroll_send(&call, stands, &p->err), STATUS_ERROR);
    assert_int_equal(p->err.code, ERROR_INVITATION);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {CASE(request_is_of_this_host), CASE(request_is_made_once),
                                       CASE(damage_is_told), CASE(invitation_must_fit)};
    error_t err = {0};
    if (random_start(&err) != STATUS_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
