/*
 * trust_internal.h: what the files of trust.h share.
 */
#ifndef DROVER_TRUST_TRUST_INTERNAL_H
#define DROVER_TRUST_TRUST_INTERNAL_H

#include "common/trust/trust.h"

/* Whether a trust file makes sense by itself: text, dates, uniqueness, thresholds (trust_rules.c).
 * ERROR_TRUST_RULES. */
MUST_CHECK status_t trust_check_rules(const trust_t *trust, error_t *err);

#endif
