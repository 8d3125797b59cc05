/* order_text.c: see order_text.h. Text from elsewhere is escaped. */
#include "cli/order_text.h"
#include "common/base/cleanup.h"

#include <inttypes.h>

/* "bundle            1f3a…" */
static void put_digest(const char *title, const digest_t *digest, buffer_t *out) {
    char text[DIGEST_TEXT_SIZE];
    if (!digest_is_null(digest)) {
        buffer_format(out, "%-16s%s\n", title, digest_text(digest, text));
    }
}

static void put_time(const output_t *output, const char *title, int64_t us, buffer_t *out) {
    CLEANUP(document_release) json_t *value = json_integer(us);
    buffer_format(out, "%-16s", title);
    output_cell(output, COLUMN_TIME, value, out);
    buffer_text(out, "\n");
}

static void put_key(const char *title, const sign_public_t *key, const trust_t *pin,
                    buffer_t *out) {
    char text[2 * SIGN_PUBLIC_BYTES + 1];
    const trust_key_t *row = pin != NULL ? trust_find(pin, key) : NULL;
    buffer_format(out, "%-16s%s", title, hex_text(key->bytes, sizeof key->bytes, text));
    if (row != NULL) {
        buffer_text(out, " of ");
        output_escape(row->name, out);
    }
    buffer_text(out, "\n");
}

static void put_head(const order_t *order, buffer_t *out) {
    buffer_format(out, "%-16s%s", "order", order_kind_text(order->kind));
    buffer_text(out, order->application[0] != '\0' ? " of " : "");
    output_escape(order->application, out);
    if (order->environment[0] != '\0') {
        buffer_text(out, " in environment ");
        output_escape(order->environment, out);
    }
    buffer_text(out, "\n");
    put_digest("bundle", &order->bundle, out);
    if (order->target_position > 0) {
        buffer_format(out, "%-16sposition %u of the bundle\n", "target", order->target_position);
    }
    if (order->recovery_kind[0] != '\0') {
        buffer_format(out, "%-16s%s", "recovery point", order->recovery_kind);
        buffer_text(out, order->recovery_reason[0] != '\0' ? ", because: " : "");
        output_escape(order->recovery_reason, out);
        buffer_format(out, "%s%s\n", order->trial_restore[0] != '\0' ? "; trial restore: " : "",
                      order->trial_restore);
    }
    if (order->accept_data_loss) {
        buffer_format(out, "%-16sACCEPTED: rows that were written since the backups are lost\n",
                      "data loss");
    }
    if (order->undo_authorized) {
        buffer_format(out, "%-16sauthorized: a wave may be rolled back without another order\n",
                      "its undo");
    }
}

static void put_keep(const output_t *output, const order_t *order, buffer_t *out) {
    if (order->kind != ORDER_PRUNE) {
        return;
    }
    buffer_format(out, "%-16s", "keeps");
    if (order->prune_keep_us == 0 && order->prune_keep_count == 0) {
        buffer_text(out, "what each agent's own retention says");
    }
    if (order->prune_keep_us > 0) {
        CLEANUP(document_release) json_t *value = json_integer(order->prune_keep_us);
        buffer_text(out, "backups younger than ");
        output_cell(output, COLUMN_DURATION, value, out);
    }
    if (order->prune_keep_count > 0) {
        buffer_format(out, "%sthe newest %u of each tenant", order->prune_keep_us > 0 ? ", " : "",
                      order->prune_keep_count);
    }
    buffer_text(out, "\n");
}

static void put_wave(const output_t *output, const order_wave_t *wave, size_t index,
                     buffer_t *out) {
    CLEANUP(document_release) json_t *soak = json_integer(wave->soak_us);
    uint32_t budget = order_wave_budget(wave);
    buffer_format(out, "%-16s%zu: %u tenant%s, ", index == 0 ? "waves" : "", index + 1, wave->count,
                  wave->count == 1 ? "" : "s");
    if (budget >= wave->count) {
        buffer_text(out, "goes on whatever fails");
    } else {
        buffer_format(out, "at most %u failure%s", budget, budget == 1 ? "" : "s");
    }
    if (wave->silence_passes) {
        buffer_text(out, ", those out of reach are no failures");
    }
    if (wave->soak_us > 0) {
        buffer_text(out, ", soaks ");
        output_cell(output, COLUMN_DURATION, soak, out);
    }
    buffer_text(out, wave->needs_approval ? ", opens by an approval\n" : "\n");
}

void order_text(const output_t *output, const order_t *order, const trust_t *pin, buffer_t *out) {
    char fleet[IDENT_TEXT_SIZE];
    put_head(order, out);
    put_keep(output, order, out);
    for (size_t i = 0; i < order->wave_count; i++) {
        put_wave(output, &order->waves[i], i, out);
    }
    if (order->wave_count > 0) {
        buffer_format(out, "%-16s%u\n", "tenants", order->tenants_total);
    }
    if (order_is_standing(order)) {
        buffer_format(out, "%-16swhoever matches ", "tenants");
        output_escape(order->standing, out);
        buffer_format(out, "\n%-16sthose that are there today, and those to come until it ends\n",
                      "");
    }
    put_digest("about order", &order->subject, out);
    if (order->kind == ORDER_APPROVE_WAVE) {
        buffer_format(out, "%-16s%u of that order\n", "opens wave", order->subject_wave + 1);
    }
    put_time(output, "issued", order->issued_us, out);
    put_time(output, "ends", order->expires_us, out);
    put_key("proposed by", &order->proposer, pin, out);
    for (size_t i = 0; i < order->signer_count; i++) {
        put_key("signed by", &order->signers[i], pin, out);
    }
    buffer_format(out, "%-16s%s, trust file %" PRId64 "\n", "fleet",
                  ident_text(&order->fleet, fleet), order->trust_version);
    put_digest("plan", &order->plan, out);
    put_digest("digest", &order->digest, out);
}

/* --- as JSON --------------------------------------------------------------------------------- */

static json_t *digest_json(const digest_t *digest) {
    char text[DIGEST_TEXT_SIZE];
    return digest_is_null(digest) ? json_null() : json_string(digest_text(digest, text));
}

static json_t *key_json(const sign_public_t *key) {
    char text[2 * SIGN_PUBLIC_BYTES + 1];
    return json_string(hex_text(key->bytes, sizeof key->bytes, text));
}

static json_t *waves_json(const order_t *order) {
    json_t *list = json_array();
    for (size_t i = 0; i < order->wave_count; i++) {
        const order_wave_t *wave = &order->waves[i];
        (void)json_array_append_new(
            list, json_pack("{s:I,s:o,s:I,s:b,s:b,s:I}", "tenants", (json_int_t)wave->count, "root",
                            digest_json(&wave->root), "budget", (json_int_t)order_wave_budget(wave),
                            "needs_approval", (int)wave->needs_approval, "silence_passes",
                            (int)wave->silence_passes, "soak_us", (json_int_t)wave->soak_us));
    }
    return list;
}

static json_t *signers_json(const order_t *order) {
    json_t *list = json_array();
    for (size_t i = 0; i < order->signer_count; i++) {
        (void)json_array_append_new(list, key_json(&order->signers[i]));
    }
    return list;
}

status_t order_text_json(const order_t *order, json_t **ret_document, error_t *err) {
    char fleet[IDENT_TEXT_SIZE];
    return document_made(
        json_pack(
            "{s:s,s:s,s:s,s:o,s:I,s:s,s:s,s:s,s:b,s:b,s:I,s:I,s:o,s:I,s:o,s:I,s:I,s:I,s:o,"
            "s:o,s:s,s:I,s:o,s:o,s:s}",
            "kind", order_kind_text(order->kind), "application", order->application, "environment",
            order->environment, "bundle", digest_json(&order->bundle), "target",
            (json_int_t)order->target_position, "recovery_kind", order->recovery_kind,
            "recovery_reason", order->recovery_reason, "trial_restore", order->trial_restore,
            "accept_data_loss", (int)order->accept_data_loss, "undo_authorized",
            (int)order->undo_authorized, "keep_us", (json_int_t)order->prune_keep_us, "keep_count",
            (json_int_t)order->prune_keep_count, "waves", waves_json(order), "tenants",
            (json_int_t)order->tenants_total, "subject", digest_json(&order->subject),
            "subject_wave", (json_int_t)order->subject_wave, "issued_us",
            (json_int_t)order->issued_us, "expires_us", (json_int_t)order->expires_us, "proposer",
            key_json(&order->proposer), "signers", signers_json(order), "fleet",
            ident_text(&order->fleet, fleet), "trust_version", (json_int_t)order->trust_version,
            "plan", digest_json(&order->plan), "digest", digest_json(&order->digest),
            "standing_selector", order->standing != NULL ? order->standing : ""),
        ret_document, err);
}
