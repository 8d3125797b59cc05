/* Tests of common/config/peers.c. */
#include "common/config/peers.h"
#include "common/base/digest.h"
#include "common/crypto/keytext.h"
#include "tests/unit/config/config_cases.h"

DEFINE_REFUSES(peers_parse, peers_t, peers_destroy, ERROR_CONFIG_INVALID)

static const char BASE[] = "peers:\n"
                           "  - name: agent-1\n"
                           "    kind: agent\n"
                           "    curve: \"" CURVE_A "\"\n"
                           "    sign: " HEX_A "\n"
                           "  - name: alice@example\n"
                           "    kind: operator\n"
                           "    curve: \"" CURVE_B "\"\n"
                           "    sign: " HEX_B "\n";

static void test_good(void **state) {
    const yaml_text_t text = text_of(BASE);
    error_t err = {0};
    peers_t *peers = NULL;
    (void)state;
    if (peers_parse(&text, NULL, &peers, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(peers_count(peers), 2);
    const peer_t *alice = peers_by_curve_text(peers, CURVE_B);
    assert_non_null(alice);
    assert_string_equal(alice->name, "alice@example");
    assert_int_equal(alice->kind, PEER_OPERATOR);
    assert_ptr_equal(peers_by_curve(peers, alice->curve), alice);
    assert_ptr_equal(peers_by_name(peers, "agent-1"), peers_at(peers, 0));
    assert_null(peers_by_name(peers, "agent-2"));
    assert_null(peers_by_curve_text(peers, "nonsense"));
    const uint8_t none[PEER_KEY_BYTES] = {0};
    assert_null(peers_by_curve(peers, none));
    peers_destroy(&peers);
}

static void test_bad(void **state) {
    static const edit_case_t CASES[] = {
        {"alice@example", "agent-1", ":6:11: peer 'agent-1' has the same 'name' as 'agent-1'"},
        {CURVE_B, CURVE_A, ":8:12: peer 'alice@example' has the same 'curve' as 'agent-1'"},
        {HEX_B, HEX_A, ":9:11: peer 'alice@example' has the same 'sign' as 'agent-1'"},
        {"kind: operator", "kind: operatr", "did you mean 'operator'?"},
        {HEX_A, "0011", ":5:11: 'sign' is no public key: 64 hexadecimal digits"},
        {CURVE_A, "xx", ":4:12: 'curve' is no CURVE public key"},
        {"agent-1", "agent 1", "'agent 1' is no name"},
        {"    kind: agent\n", "", ":2:5: a peer lacks the key 'kind'"},
    };
    (void)state;
    refuses(BASE, CASES, sizeof CASES / sizeof CASES[0]);
}

static void test_nobody(void **state) {
    const yaml_text_t text = text_of("peers: []\n");
    error_t err = {0};
    peers_t *peers = NULL;
    (void)state;
    assert_int_equal(peers_parse(&text, NULL, &peers, &err), STATUS_OK);
    assert_int_equal(peers_count(peers), 0);
    assert_null(peers_by_curve_text(peers, CURVE_A));
    peers_destroy(&peers);
}

/* Many peers: every one is found again by its key. */
static void test_many(void **state) {
    enum { MANY = 3000 };
    buffer_t text = {0};
    error_t err = {0};
    peers_t *peers = NULL;
    (void)state;
    buffer_text(&text, "peers:\n");
    for (uint32_t i = 0; i < MANY; i++) {
        uint8_t key[PEER_KEY_BYTES] = {0};
        uint32_t mixed = i * 2654435761u;
        memcpy(key, &mixed, sizeof mixed);
        char curve[Z85_KEY_SIZE];
        char sign[65];
        buffer_format(&text, "  - {name: a%u, kind: agent, curve: \"%s\", sign: \"%s\"}\n", i,
                      keytext_z85(key, curve), hex_text(key, sizeof key, sign));
    }
    const yaml_text_t source = text_of(buffer_string(&text));
    assert_int_equal(peers_parse(&source, NULL, &peers, &err), STATUS_OK);
    for (size_t i = 0; i < MANY; i++) {
        const peer_t *peer = peers_at(peers, i);
        assert_ptr_equal(peers_by_curve(peers, peer->curve), peer);
        assert_ptr_equal(peers_by_name(peers, peer->name), peer);
    }
    peers_destroy(&peers);
    buffer_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
                                       cmocka_unit_test(test_nobody), cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
