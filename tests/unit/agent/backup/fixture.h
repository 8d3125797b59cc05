/* fixture.h: keys, ids, a temporary folder, and a manifest to start from, for this room's tests. */
#ifndef DROVER_TESTS_BACKUP_FIXTURE_H
#define DROVER_TESTS_BACKUP_FIXTURE_H

#include "agent/backup/backup_store.h"
#include "common/base/cleanup.h"
#include "common/crypto/random.h"
#include "tests/unit/base/cmocka_all.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

typedef struct fixture {
    char folder[64];
    sign_public_t sign_public;
    sign_secret_t sign_secret;
    seal_public_t seal_public;
    seal_secret_t seal_secret;
    ident_t tenant;
} fixture_t;

static fixture_t fixture;

static inline int fixture_set_up(void **state) {
    (void)state;
    error_t err;
    (void)snprintf(fixture.folder, sizeof fixture.folder, "/tmp/drover-backup-XXXXXX");
    if (random_start(&err) != STATUS_OK || mkdtemp(fixture.folder) == NULL) {
        return -1;
    }
    sign_keypair(&fixture.sign_public, &fixture.sign_secret);
    seal_keypair(&fixture.seal_public, &fixture.seal_secret);
    fixture.tenant = random_ident();
    return 0;
}

static inline int fixture_tear_down(void **state) {
    (void)state;
    char command[PATH_MAX];
    (void)snprintf(command, sizeof command, "rm -rf %s", fixture.folder);
    return system(command);
}

static inline backup_trust_t fixture_trust(void) {
    return (backup_trust_t){.keys = &fixture.sign_public, .count = 1};
}

static inline backup_signer_t fixture_signer(void) {
    return (backup_signer_t){.key = &fixture.sign_public, .secret = &fixture.sign_secret};
}

static inline backup_manifest_t fixture_manifest(void) {
    backup_manifest_t manifest;
    memset(&manifest, 0, sizeof manifest);
    manifest.backup_id = random_ident();
    manifest.tenant_id = fixture.tenant;
    manifest.server_version = 150020;
    manifest.started_us = INT64_C(1767225600000000); /* 2026-01-01 */
    manifest.recipient_count = 1;
    manifest.recipients[0] = fixture.seal_public;
    (void)snprintf(manifest.tenant_name, sizeof manifest.tenant_name, "acme");
    (void)snprintf(manifest.lsn, sizeof manifest.lsn, "0/16B3748");
    return manifest;
}

static inline void fixture_write(const char *path, const void *bytes, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    (void)close(fd);
}

#endif
