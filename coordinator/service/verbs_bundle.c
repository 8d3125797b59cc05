/* verbs_bundle.c: the bundles that the coordinator has. */
#include "coordinator/service/names.h"
#include "coordinator/service/verbs.h"

#include <string.h>

enum { SQL_MAX = 64 * 1024 };

typedef struct bundles {
    call_t *call;
    int64_t skip; /* rows of the pages before */
    int64_t seen;
    const digest_t *only; /* bundle.show: the one row that is wanted */
    bool found;
} bundles_t;

static status_t list_bundle(void *context, const bundle_row_t *bundle, error_t *err) {
    bundles_t *into = context;
    if (into->seen++ < into->skip || into->call->more) {
        return STATUS_OK;
    }
    if (call_is_full(into->call)) {
        call_more(into->call, "%lld:", (long long)(into->seen - 1));
        return STATUS_OK;
    }
    CLEANUP(row_free) row_t row = names_bundle(bundle);
    return call_add(into->call, "bundles", &row, err);
}

status_t verbs_bundles_list(call_t *call, error_t *err) {
    bundles_t into = {.call = call};
    const char *application = NULL;
    const char *after = NULL;
    call_place_t place = {0};
    TRY(call_text(call, "application", &application, err));
    TRY(call_after(call, &after, err));
    if (after != NULL) {
        TRY(call_place(after, &place, err));
    }
    into.skip = place.number;
    call_array(call, "bundles");
    return store_bundle_each(call->store, application, list_bundle, &into, err);
}

static status_t write_migration(call_t *call, const bundle_migration_t *migration, bool sql,
                                error_t *err) {
    CLEANUP(row_free) row_t row = row_new();
    CLEANUP(row_free) row_t scripts = row_list();
    row_number(&row, "position", migration->position);
    row_text(&row, "version", migration->version);
    row_text(&row, "description", migration->description);
    row_text(&row, "phase", names_phase(migration->phase));
    row_text(&row, "irreversible", migration->irreversible);
    for (script_kind_t kind = 0; kind < SCRIPT_COUNT; kind++) {
        const bundle_script_t *script = migration->scripts[kind];
        if (script == NULL) {
            continue;
        }
        row_t inner = row_new();
        row_text(&inner, "kind", names_script(kind));
        row_digest(&inner, "digest", &script->digest);
        row_number(&inner, "size_bytes", (int64_t)script->size);
        row_flag(&inner, "transactional", script->transactional);
        if (sql) {
            names_sql(&inner, script->text, SQL_MAX);
        }
        row_append(&scripts, &inner);
        row_free(&inner);
    }
    row_take(&row, "scripts", &scripts);
    return call_add(call, "migrations", &row, err);
}

static void write_signers(const bundle_t *bundle, row_t *into) {
    row_t list = row_list();
    for (size_t i = 0; i < bundle_signer_count(bundle); i++) {
        char key[2 * SIGN_PUBLIC_BYTES + 1];
        char signature[2 * SIGN_SIGNATURE_BYTES + 1];
        row_t row = row_new();
        row_text(&row, "key", hex_text(bundle_signer(bundle, i)->bytes, SIGN_PUBLIC_BYTES, key));
        row_text(&row, "signature",
                 hex_text(bundle_signature(bundle, i)->bytes, SIGN_SIGNATURE_BYTES, signature));
        row_append(&list, &row);
        row_free(&row);
    }
    row_take(into, "signers", &list);
    row_free(&list);
}

static status_t write_head(call_t *call, const bundle_t *bundle, error_t *err) {
    char digest[DIGEST_TEXT_SIZE];
    bundle_row_t found = {0};
    TRY(store_bundle_find(call->store, digest_text(bundle_digest(bundle), digest), &call->arena,
                          &found, err));
    row_t row = names_bundle(&found);
    row_take(&call->document, "bundle", &row);
    row_free(&row);
    row_t majors = row_list();
    for (size_t i = 0; i < bundle_major_count(bundle) && !majors.failed; i++) {
        majors.failed =
            json_array_append_new(majors.json, json_integer(bundle_major(bundle, i))) != 0;
    }
    row_take(&call->document, "majors", &majors);
    row_free(&majors);
    write_signers(bundle, &call->document);
    return STATUS_OK;
}

status_t verbs_bundle_show(call_t *call, error_t *err) {
    const char *name = NULL;
    const char *after = NULL;
    const bundle_t *bundle = NULL;
    call_place_t place = {0};
    bool sql = false;
    TRY(call_need(call, "bundle", &name, err));
    TRY(call_flag(call, "sql", false, &sql, err));
    TRY(call_after(call, &after, err));
    if (after != NULL) {
        TRY(call_place(after, &place, err));
        name = place.text; /* the digest: a newer bundle may have taken the name */
    }
    TRY(call_bundle(call, name, &bundle, err));
    if (after == NULL) {
        TRY(write_head(call, bundle, err));
    }
    call_array(call, "migrations");
    for (size_t i = place.number > 0 ? (size_t)place.number : 0; i < bundle_count(bundle); i++) {
        if (call_is_full(call)) {
            char text[DIGEST_TEXT_SIZE];
            call_more(call, "%zu:%s", i, digest_text(bundle_digest(bundle), text));
            return STATUS_OK;
        }
        TRY(write_migration(call, bundle_migration(bundle, i), sql, err));
    }
    return STATUS_OK;
}
