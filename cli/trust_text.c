/* trust_text.c: see trust_text.h. */
#include "cli/trust_text.h"
#include "cli/document.h"
#include "cli/output.h"
#include "common/base/clock.h"
#include "common/config/quantity.h"
#include "common/crypto/keytext.h"
#include "common/trust/text.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

const char *trust_text_freshness(const trust_t *trust, int64_t now_us) {
    const trust_view_t view = {.trust = trust, .now_us = now_us};
    switch (trust_freshness(&view)) {
    case TRUST_FRESH:
        return "fresh";
    case TRUST_WARNING:
        return "warning";
    case TRUST_EXPIRED:
        return "expired";
    }
    INVARIANT(false);
}

/* --- lines ----------------------------------------------------------------------------------- */

static void add_scope(const char *what, const char *of, buffer_t *out) {
    buffer_format(out, ", %s ", what);
    if (of[0] == '\0') {
        buffer_text(out, "any");
    } else {
        output_escape(of, out);
    }
}

static void add_key(const trust_key_t *key, buffer_t *out) {
    char text[DIGEST_TEXT_SIZE];
    char time[CLOCK_TEXT_SIZE];
    const char *use = trust_use_text(key->use);
    const char *hex = hex_text(key->key.bytes, SIGN_PUBLIC_BYTES, text);
    buffer_format(out, "key %s %s of %s: %s from %s", use, hex, key->name,
                  trust_standing_text(key->standing), clock_text(key->from_us, time));
    if (key->until_us != 0) {
        buffer_format(out, " until %s", clock_text(key->until_us, time));
    }
    if (key->reason[0] != '\0') {
        buffer_text(out, ", because: ");
        output_escape(key->reason, out);
    }
    buffer_char(out, '\n');
    if (!sodium_is_zero(key->curve, sizeof key->curve)) {
        char z85[Z85_KEY_SIZE];
        buffer_format(out, "transport key of %s (%.16s…): %s\n", key->name, hex,
                      keytext_z85(key->curve, z85));
    }
    for (size_t i = 0; i < key->grant_count; i++) {
        const trust_grant_t *grant = &key->grants[i];
        buffer_format(out, "role %s for %s (%.16s…)", trust_role_text(grant->role), key->name, hex);
        add_scope("application", grant->application, out);
        add_scope("environment", grant->environment, out);
        add_scope("tenants", grant->selector, out);
        buffer_char(out, '\n');
    }
}

static void add_threshold(const trust_threshold_t *row, buffer_t *out) {
    buffer_format(out, "threshold for %s: %u", trust_role_text(row->role), row->count);
    add_scope("application", row->application, out);
    add_scope("environment", row->environment, out);
    buffer_format(out, "; who proposed it %s\n",
                  row->proposer_counts ? "counts" : "does not count");
}

void trust_text_lines(const trust_t *trust, buffer_t *out) {
    char text[DIGEST_TEXT_SIZE];
    char time[CLOCK_TEXT_SIZE];
    char grace[QUANTITY_TEXT_SIZE];
    buffer_format(out, "fleet %s\n", ident_text(&trust->fleet, text));
    buffer_format(out, "version %" PRId64 "\n", trust->version);
    buffer_format(out, "issued %s\n", clock_text(trust->issued_us, time));
    buffer_format(out, "expires %s\n", clock_text(trust->expires_us, time));
    buffer_format(out, "undo goes on for %s past that\n",
                  quantity_duration_text(trust->undo_grace_us, grace));
    buffer_format(out, "threshold for root: %u\n", trust->root_threshold);
    for (size_t i = 0; i < trust->threshold_count; i++) {
        add_threshold(&trust->thresholds[i], out);
    }
    for (size_t i = 0; i < trust->key_count; i++) {
        add_key(&trust->keys[i], out);
    }
    for (size_t i = 0; i < trust->revoked_agent_count; i++) {
        buffer_format(out, "revoked agent key %s\n",
                      hex_text(trust->revoked_agents[i].bytes, SIGN_PUBLIC_BYTES, text));
    }
}

/* --- what differs ---------------------------------------------------------------------------- */

/* A text cut into its lines, and the same sorted. */
typedef struct lines {
    buffer_t text;
    char **items;
    char **sorted;
    size_t count;
} lines_t;

static void lines_free(lines_t *lines) {
    buffer_free(&lines->text);
    free(lines->items);
    free(lines->sorted);
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static status_t lines_of(const trust_t *trust, lines_t *lines, error_t *err) {
    size_t count = 0;
    trust_text_lines(trust, &lines->text);
    TRY(buffer_check(&lines->text, err));
    for (size_t i = 0; i < lines->text.size; i++) {
        count += lines->text.data[i] == '\n';
    }
    lines->items = calloc(count + 1, sizeof *lines->items);
    lines->sorted = calloc(count + 1, sizeof *lines->sorted);
    if (lines->items == NULL || lines->sorted == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory to compare two trust files");
    }
    char *rest = NULL;
    for (char *line = strtok_r(lines->text.data, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        lines->items[lines->count++] = line;
    }
    memcpy(lines->sorted, lines->items, lines->count * sizeof *lines->items);
    qsort(lines->sorted, lines->count, sizeof *lines->sorted, compare);
    return STATUS_OK;
}

static void only_in(const lines_t *these, const lines_t *those, const char *mark, buffer_t *out) {
    for (size_t i = 0; i < these->count; i++) {
        if (bsearch(&these->items[i], those->sorted, those->count, sizeof *those->sorted,
                    compare) == NULL) {
            buffer_format(out, "%s %s\n", mark, these->items[i]);
        }
    }
}

status_t trust_text_diff(const trust_text_change_t *change, buffer_t *out, error_t *err) {
    CLEANUP(lines_free) lines_t before = {0};
    CLEANUP(lines_free) lines_t after = {0};
    TRY(lines_of(change->before, &before, err));
    TRY(lines_of(change->after, &after, err));
    only_in(&before, &after, "-", out);
    only_in(&after, &before, "+", out);
    return buffer_check(out, err);
}

/* --- signatures ------------------------------------------------------------------------------ */

/* The root key's row in either file; NULL: neither knows it as one. */
static const trust_key_t *root_of(const trust_paper_t *paper, const trust_paper_t *previous,
                                  const sign_public_t *key) {
    const trust_key_t *row = trust_find(paper->trust, key);
    if ((row == NULL || row->use != TRUST_ROOT) && previous->trust != NULL) {
        row = trust_find(previous->trust, key);
    }
    return row != NULL && row->use == TRUST_ROOT ? row : NULL;
}

/* Whether a person signed with any active root key of this trust. */
static bool person_signed(const trust_t *roots, const document_t *document, const char *name) {
    for (size_t i = 0; i < roots->key_count; i++) {
        const trust_key_t *key = &roots->keys[i];
        if (key->use == TRUST_ROOT && key->standing == TRUST_ACTIVE &&
            text_same_person(key->name, name) && document_signed_by(document, &key->key)) {
            return true;
        }
    }
    return false;
}

static void add_missing(const trust_t *roots, const document_t *document, buffer_t *out) {
    trust_paper_count_t count = trust_paper_count(roots, document);
    buffer_format(out, "root keys of version %" PRId64 ": %zu of %u", roots->version,
                  count.signed_by, count.needed);
    const char *between = count.signed_by < count.needed ? "; not yet: " : "; not needed: ";
    for (size_t i = 0; i < roots->key_count; i++) {
        const trust_key_t *key = &roots->keys[i];
        if (key->use == TRUST_ROOT && key->standing == TRUST_ACTIVE &&
            !person_signed(roots, document, key->name)) {
            buffer_format(out, "%s%s", between, key->name);
            between = ", ";
        }
    }
    buffer_char(out, '\n');
}

void trust_text_signatures(const trust_paper_t *paper, const trust_paper_t *previous,
                           buffer_t *out) {
    const document_t *document = paper->document;
    char text[DIGEST_TEXT_SIZE];
    for (size_t i = 0; i < document->signature_count; i++) {
        const trust_key_t *row = root_of(paper, previous, &document->keys[i]);
        buffer_format(out, "signed by %s (%.16s…)\n",
                      row != NULL ? row->name : "a key that is no root key here",
                      hex_text(document->keys[i].bytes, SIGN_PUBLIC_BYTES, text));
    }
    if (previous->trust != NULL) {
        add_missing(previous->trust, document, out);
    }
    add_missing(paper->trust, document, out);
    if (previous->trust == NULL && paper->trust->version > 1) {
        buffer_format(out,
                      "--previous FILE tells whether the roots of version %" PRId64 " signed\n",
                      paper->trust->version - 1);
    } else {
        buffer_format(out, "%s\n",
                      trust_paper_complete(paper, previous) ? "complete" : "not complete");
    }
}

/* --- JSON ------------------------------------------------------------------------------------ */

static json_t *grants_json(const trust_key_t *key) {
    json_t *grants = json_array();
    for (size_t i = 0; i < key->grant_count; i++) {
        const trust_grant_t *grant = &key->grants[i];
        (void)json_array_append_new(
            grants, json_pack("{s:s,s:s,s:s,s:s}", "role", trust_role_text(grant->role),
                              "application", grant->application, "environment", grant->environment,
                              "selector", grant->selector));
    }
    return grants;
}

static json_t *keys_json(const trust_t *trust) {
    json_t *keys = json_array();
    for (size_t i = 0; i < trust->key_count; i++) {
        const trust_key_t *key = &trust->keys[i];
        char text[DIGEST_TEXT_SIZE];
        char z85[Z85_KEY_SIZE] = "";
        if (!sodium_is_zero(key->curve, sizeof key->curve)) {
            (void)keytext_z85(key->curve, z85);
        }
        (void)json_array_append_new(
            keys, json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:s,s:o}", "name", key->name, "use",
                            trust_use_text(key->use), "key",
                            hex_text(key->key.bytes, SIGN_PUBLIC_BYTES, text), "curve", z85,
                            "standing", trust_standing_text(key->standing), "from",
                            (json_int_t)key->from_us, "until", (json_int_t)key->until_us, "reason",
                            key->reason, "grants", grants_json(key)));
    }
    return keys;
}

static json_t *thresholds_json(const trust_t *trust) {
    json_t *rows = json_array();
    for (size_t i = 0; i < trust->threshold_count; i++) {
        const trust_threshold_t *row = &trust->thresholds[i];
        (void)json_array_append_new(
            rows, json_pack("{s:s,s:I,s:s,s:s,s:b}", "role", trust_role_text(row->role), "count",
                            (json_int_t)row->count, "application", row->application, "environment",
                            row->environment, "proposer_counts", (int)row->proposer_counts));
    }
    return rows;
}

static json_t *agents_json(const trust_t *trust) {
    json_t *agents = json_array();
    for (size_t i = 0; i < trust->revoked_agent_count; i++) {
        char text[DIGEST_TEXT_SIZE];
        (void)json_array_append_new(
            agents, json_string(hex_text(trust->revoked_agents[i].bytes, SIGN_PUBLIC_BYTES, text)));
    }
    return agents;
}

static json_t *signatures_json(const trust_paper_t *paper, const trust_paper_t *previous) {
    json_t *rows = json_array();
    for (size_t i = 0; i < paper->document->signature_count; i++) {
        const sign_public_t *key = &paper->document->keys[i];
        const trust_key_t *row = root_of(paper, previous, key);
        char text[DIGEST_TEXT_SIZE];
        (void)json_array_append_new(rows, json_pack("{s:s,s:s}", "name",
                                                    row != NULL ? row->name : "", "key",
                                                    hex_text(key->bytes, SIGN_PUBLIC_BYTES, text)));
    }
    return rows;
}

static json_t *roots_json(const trust_t *roots, const document_t *document) {
    trust_paper_count_t count = trust_paper_count(roots, document);
    json_t *missing = json_array();
    for (size_t i = 0; i < roots->key_count; i++) {
        const trust_key_t *key = &roots->keys[i];
        if (key->use == TRUST_ROOT && key->standing == TRUST_ACTIVE &&
            !person_signed(roots, document, key->name)) {
            (void)json_array_append_new(missing, json_string(key->name));
        }
    }
    return json_pack("{s:I,s:I,s:I,s:o}", "version", (json_int_t)roots->version, "signed",
                     (json_int_t)count.signed_by, "needed", (json_int_t)count.needed, "missing",
                     missing);
}

status_t trust_text_json(const trust_paper_t *paper, const trust_paper_t *previous, int64_t now_us,
                         json_t **ret_document, error_t *err) {
    const trust_t *trust = paper->trust;
    char fleet[IDENT_TEXT_SIZE];
    char digest[DIGEST_TEXT_SIZE];
    json_t *roots = json_array();
    if (previous->trust != NULL) {
        (void)json_array_append_new(roots, roots_json(previous->trust, paper->document));
    }
    (void)json_array_append_new(roots, roots_json(trust, paper->document));
    json_t *document = json_pack(
        "{s:s,s:I,s:s,s:I,s:I,s:s,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:b}", "fleet",
        ident_text(&trust->fleet, fleet), "version", (json_int_t)trust->version, "digest",
        digest_text(&trust->digest, digest), "issued", (json_int_t)trust->issued_us, "expires",
        (json_int_t)trust->expires_us, "freshness", trust_text_freshness(trust, now_us),
        "undo_grace", (json_int_t)trust->undo_grace_us, "root_threshold",
        (json_int_t)trust->root_threshold, "keys", keys_json(trust), "thresholds",
        thresholds_json(trust), "revoked_agents", agents_json(trust), "signatures",
        signatures_json(paper, previous), "roots", roots, "complete",
        (int)trust_paper_complete(paper, previous));
    return document_made(document, ret_document, err);
}
