/*
 * trust_spec.h: the first trust file of a fleet as YAML, which a team reviews before anyone signs.
 *
 *     expires: 365d
 *     undo_grace: 7d
 *     root_threshold: 2
 *     keys:
 *       - file: alice.root.pub          # kind and person stand in the key file
 *       - file: alice.operator.pub
 *         curve: alice.curve.pub
 *         roles:
 *           - role: operator
 *             application: shop
 *             environment: prod
 *             selector: tier=gold
 *     thresholds:
 *       - role: operator
 *         count: 2
 *         environment: prod
 *         proposer_counts: true
 *
 * Strict as all of Drover's YAML (common/config/yaml.h). Paths are relative to the file's folder.
 */
#ifndef DROVER_CLI_TRUST_SPEC_H
#define DROVER_CLI_TRUST_SPEC_H

#include "cli/trust_draft.h"

typedef struct trust_spec trust_spec_t;

/* Read it. ERROR_CONFIG_MISSING, ERROR_TRUST_SPEC with file, line and column. */
MUST_CHECK status_t trust_spec_load(const char *path, trust_spec_t **ret_spec, error_t *err);

/* Fill a draft whose issued_us stands: expiry, thresholds, and every key from its file. The draft
 * borrows from the spec. ERROR_KEY_FILE, TRUST_CHOICE, TRUST_SPEC. */
MUST_CHECK status_t trust_spec_fill(const trust_spec_t *spec, trust_draft_t *draft, error_t *err);

void trust_spec_destroy(trust_spec_t **spec_p);
DEFINE_CLEANUP(trust_spec_t, trust_spec_destroy)

/* Read the public half of a transport key. ERROR_KEY_FILE. */
MUST_CHECK status_t trust_spec_curve(const char *path, trust_key_t *key, error_t *err);

#endif
