/* fuzz_bundle.c: any bytes are a bundle or refused; what is read is in bounds. Digests would stop
 * almost every input at the door, so each is tried once more under the digest that it needs. */
#include "common/migration/bundle_internal.h"

#include "common/crypto/hash.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_script(const bundle_script_t *script) {
    INVARIANT(script->text[script->size] == '\0' && strlen(script->text) == script->size);
    for (size_t i = 0; script->statements != NULL && i < script->statement_count; i++) {
        const bundle_statement_t *statement = &script->statements[i];
        INVARIANT(statement->length <= script->size - statement->offset);
        INVARIANT(statement->index_name != NULL && statement->table_name != NULL);
        (void)statement_kind_text(statement->kind);
    }
}

static void try_bytes(const char *bytes, size_t size) {
    bundle_t *bundle = NULL;
    error_t err;
    if (bundle_read(bytes, size, &bundle, &err) != STATUS_OK) {
        INVARIANT(err.code == ERROR_BUNDLE_INVALID && bundle == NULL);
        return;
    }
    INVARIANT(bundle_count(bundle) > 0);
    for (size_t i = 0; i < bundle_count(bundle); i++) {
        const bundle_migration_t *migration = bundle_migration(bundle, i);
        INVARIANT(bundle_position_of_version(bundle, migration->version) == i + 1);
        INVARIANT(migration->scripts[SCRIPT_UP] != NULL);
        for (int kind = 0; kind < SCRIPT_COUNT; kind++) {
            if (migration->scripts[kind] != NULL) {
                use_script(migration->scripts[kind]);
            }
        }
    }
    bundle_destroy(&bundle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 64 * 1024) {
        return 0;
    }
    char *bytes = malloc(size + 1);
    INVARIANT(bytes != NULL);
    memcpy(bytes, data, size);
    try_bytes(bytes, size);
    if (size >= BUNDLE_AT_MANIFEST) {
        size_t manifest = bundle_get_u32(bytes + BUNDLE_AT_MANIFEST_SIZE);
        if (manifest > size - BUNDLE_AT_MANIFEST) {
            manifest = size - BUNDLE_AT_MANIFEST;
        }
        digest_t digest = hash_of(HASH_BUNDLE, bytes + BUNDLE_AT_MANIFEST, manifest);
        memset(bytes, 0, BUNDLE_AT_MANIFEST);
        memcpy(bytes, BUNDLE_MAGIC, sizeof BUNDLE_MAGIC - 1);
        bundle_put_u32(bytes + BUNDLE_AT_FORMAT, BUNDLE_FORMAT);
        bundle_put_u32(bytes + BUNDLE_AT_MANIFEST_SIZE, (uint32_t)manifest);
        memcpy(bytes + BUNDLE_AT_DIGEST, digest.bytes, DIGEST_BYTES);
        try_bytes(bytes, size);
    }
    free(bytes);
    return 0;
}
