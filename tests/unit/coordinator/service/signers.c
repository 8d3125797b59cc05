/* signers.c: see signers.h. */
#include "tests/unit/coordinator/service/signers.h"
#include "common/trust/trust_file.h"
#include "tests/unit/base/cmocka_all.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { VARIANT = sodium_base64_VARIANT_ORIGINAL };

typedef struct pair {
    sign_public_t open;
    sign_secret_t secret;
    char text[2 * SIGN_PUBLIC_BYTES + 1];
} pair_t;

static pair_t pairs[PEOPLE];

static const char *const NAMES[PEOPLE] = {
    [ROOT] = "root",         [ADA] = "ada",     [BEN] = "ben",           [GATE] = "gate",
    [GATE_TWO] = "gate-two", [NIGHT] = "night", [EYE] = "eye",           [DESK] = "desk",
    [SHOP] = "shop",         [STAGE] = "stage", [STRANGER] = "stranger",
};

static const trust_grant_t GRANTS[PEOPLE] = {
    [ADA] = {ROLE_OPERATOR, "", "", "", NULL},       [BEN] = {ROLE_OPERATOR, "", "", "", NULL},
    [GATE] = {ROLE_APPROVER, "", "", "", NULL},      [GATE_TWO] = {ROLE_APPROVER, "", "", "", NULL},
    [NIGHT] = {ROLE_ROLLBACK, "", "", "", NULL},     [EYE] = {ROLE_VIEWER, "", "", "", NULL},
    [DESK] = {ROLE_ADMIN, "", "", "", NULL},         [SHOP] = {ROLE_OPERATOR, "shop", "", "", NULL},
    [STAGE] = {ROLE_OPERATOR, "", "test", "", NULL},
};

static void make_pairs(void) {
    for (int i = 0; i < PEOPLE && pairs[0].text[0] == '\0'; i++) {
        unsigned char seed[crypto_sign_SEEDBYTES] = {0};
        seed[0] = (unsigned char)(i + 101);
        pair_t *pair = &pairs[PEOPLE - 1 - i];
        assert_int_equal(crypto_sign_seed_keypair(pair->open.bytes, pair->secret.bytes, seed), 0);
        (void)hex_text(pair->open.bytes, sizeof pair->open.bytes, pair->text);
    }
}

const sign_public_t *signers_key(who_t who) {
    make_pairs();
    return &pairs[who].open;
}

const char *signers_text(who_t who) {
    make_pairs();
    return pairs[who].text;
}

const char *signers_name(who_t who) {
    return NAMES[who];
}

static void good(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        fail_msg("%s", err->message);
    }
}

static document_t *trust_document(const signers_rules_t *rules) {
    trust_key_t keys[PEOPLE - 1] = {{.name = NULL}};
    trust_threshold_t thresholds[] = {
        {ROLE_OPERATOR, rules->operators > 0 ? rules->operators : 1, "", "",
         !rules->proposer_apart},
        {ROLE_APPROVER, rules->approvers > 0 ? rules->approvers : 1, "", "",
         !rules->proposer_apart},
        {ROLE_ROLLBACK, 1, "", "", true},
        {ROLE_ADMIN, 1, "", "", true},
    };
    for (int i = 0; i < STRANGER; i++) {
        keys[i] = (trust_key_t){.key = *signers_key((who_t)i),
                                .use = i == ROOT ? TRUST_ROOT : TRUST_OPERATOR,
                                .name = NAMES[i],
                                .standing = TRUST_ACTIVE,
                                .from_us = 1,
                                .reason = "",
                                .grants = &GRANTS[i],
                                .grant_count = i == ROOT ? 0 : 1};
    }
    trust_t trust = {.fleet = {.bytes = {0xf1}},
                     .version = 1,
                     .issued_us = 1,
                     .expires_us = rules->expires_us > 0 ? rules->expires_us : 365 * TRUST_DAY_US,
                     .root_threshold = 1,
                     .keys = keys,
                     .key_count = STRANGER,
                     .thresholds = thresholds,
                     .threshold_count = sizeof thresholds / sizeof thresholds[0]};
    document_t *document = NULL;
    error_t err = {0};
    good(trust_write(&trust, &document, &err), &err);
    good(document_sign(document, &pairs[ROOT].secret, &err), &err);
    return document;
}

keeper_t *signers_keeper(store_t *store, const char *folder, const signers_rules_t *rules) {
    char path[128];
    error_t err = {0};
    keeper_t *keeper = NULL;
    document_t *document = trust_document(rules);
    (void)snprintf(path, sizeof path, "%s/fleet.trust", folder);
    good(trust_file_write(document, path, &err), &err);
    keeper_options_t options = {
        .root = path, .environment = FLEET_ENVIRONMENT, .order_life_us = 7 * TRUST_DAY_US};
    good(keeper_new(store, &options, 1000, &keeper, &err), &err);
    document_destroy(&document);
    return keeper;
}

static char *to_base64(const void *bytes, size_t size) {
    size_t room = sodium_base64_encoded_len(size, VARIANT);
    char *text = malloc(room);
    assert_non_null(text);
    return sodium_bin2base64(text, room, bytes, size, VARIANT);
}

static document_t *document_of(const char *draft) {
    size_t room = strlen(draft) + 1;
    size_t size = 0;
    uint8_t *bytes = malloc(room);
    document_t *document = NULL;
    error_t err = {0};
    assert_non_null(bytes);
    assert_int_equal(
        sodium_base642bin(bytes, room, draft, strlen(draft), NULL, &size, NULL, VARIANT), 0);
    document_body_t body = {.kind = DOCUMENT_ORDER, .bytes = bytes, .size = size};
    good(document_new(&body, &document, &err), &err);
    free(bytes);
    return document;
}

char *signers_sign(const char *draft, const who_t *list) {
    document_t *document = document_of(draft);
    buffer_t bytes = {0};
    error_t err = {0};
    make_pairs();
    for (; *list != PEOPLE; list++) {
        good(document_sign(document, &pairs[*list].secret, &err), &err);
    }
    good(document_encode(document, &bytes, &err), &err);
    char *text = to_base64(bytes.data, bytes.size);
    document_destroy(&document);
    buffer_free(&bytes);
    return text;
}

order_t *signers_read(const char *draft) {
    document_t *document = document_of(draft);
    order_t *order = NULL;
    error_t err = {0};
    good(order_read(document, &order, &err), &err);
    document_destroy(&document);
    return order;
}

char *signers_draft(const order_t *order) {
    document_t *document = NULL;
    error_t err = {0};
    good(order_write(order, &document, &err), &err);
    char *text = to_base64(document->body, document->body_size);
    document_destroy(&document);
    return text;
}
