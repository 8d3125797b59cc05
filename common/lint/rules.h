/* rules.h: the checks that rules.c puts into its table; for lint's own files. */
#ifndef DROVER_LINT_RULES_H
#define DROVER_LINT_RULES_H

#include "common/lint/lint.h"

/* Each adds the findings of context->rule to context->findings. */
void check_loaded(const lint_context_t *context); /* what loading the directory found */
void check_parses(const lint_context_t *context);
void check_allow(const lint_context_t *context);
void check_late_directive(const lint_context_t *context);
void check_empty(const lint_context_t *context);
void check_verify_exists(const lint_context_t *context);
void check_index_name(const lint_context_t *context);

#endif
