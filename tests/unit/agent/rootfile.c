/* rootfile.c: see rootfile.h. */
#include "tests/unit/agent/rootfile.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"
#include "common/trust/trust_file.h"

enum { ROOT, OPERATOR, RELEASE, COORDINATOR_ROW, ROWS };

static void make(rootfile_t *file, document_t **ret_document) {
    static const trust_role_t ROLES[] = {ROLE_OPERATOR, ROLE_ROLLBACK, ROLE_APPROVER, ROLE_ADMIN};
    enum { ROLE_COUNT = sizeof ROLES / sizeof ROLES[0] };
    trust_grant_t grants[ROLE_COUNT];
    trust_grant_t release = {
        .role = ROLE_RELEASE, .application = "", .environment = "", .selector = ""};
    trust_threshold_t thresholds[ROLE_COUNT + 1];
    int64_t now_us = clock_wall_us();
    error_t err = {0};
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        grants[i] =
            (trust_grant_t){.role = ROLES[i], .application = "", .environment = "", .selector = ""};
    }
    for (size_t i = 0; i <= ROLE_COUNT; i++) {
        thresholds[i] = (trust_threshold_t){.role = i < ROLE_COUNT ? ROLES[i] : ROLE_RELEASE,
                                            .count = 1,
                                            .application = "",
                                            .environment = "",
                                            .proposer_counts = true};
    }
    trust_key_t keys[ROWS] = {
        [ROOT] = {.use = TRUST_ROOT, .name = "root", .key = file->keys[ROOT]},
        [OPERATOR] = {.use = TRUST_OPERATOR,
                      .name = "operator",
                      .key = file->keys[OPERATOR],
                      .grants = grants,
                      .grant_count = ROLE_COUNT},
        [RELEASE] = {.use = TRUST_RELEASE,
                     .name = "release",
                     .key = file->keys[RELEASE],
                     .grants = &release,
                     .grant_count = 1},
        [COORDINATOR_ROW] = {.use = TRUST_COORDINATOR, .name = "host", .key = file->coordinator},
    };
    for (size_t i = 0; i < ROWS; i++) {
        keys[i].standing = TRUST_ACTIVE;
        keys[i].from_us = now_us - TRUST_DAY_US;
        keys[i].reason = "";
    }
    trust_t trust = {.fleet = file->fleet,
                     .version = file->version,
                     .issued_us = now_us - TRUST_DAY_US + file->version,
                     .expires_us = now_us + 30 * TRUST_DAY_US,
                     .root_threshold = 1,
                     .keys = keys,
                     .key_count = ROWS,
                     .thresholds = thresholds,
                     .threshold_count = ROLE_COUNT + 1,
                     .undo_grace_us = TRUST_DAY_US};
    INVARIANT(trust_write(&trust, ret_document, &err) == STATUS_OK);
    INVARIANT(document_sign(*ret_document, &file->root, &err) == STATUS_OK);
}

void rootfile_make(rootfile_t *file, const char *path) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    error_t err = {0};
    sign_keypair(&file->coordinator, &file->coordinator_secret);
    sign_keypair(&file->keys[ROOT], &file->root);
    sign_keypair(&file->keys[OPERATOR], &file->operator);
    sign_keypair(&file->keys[RELEASE], &file->release);
    file->fleet = random_ident();
    file->version = 1;
    make(file, &document);
    INVARIANT(trust_file_write(document, path, &err) == STATUS_OK);
}

void rootfile_next(rootfile_t *file, const sign_public_t *coordinator, document_t **ret_document) {
    file->coordinator = *coordinator;
    file->version++;
    make(file, ret_document);
}
