/* rollout_spec_words.h: the words of a spec's enums, for reading and for printing; config only. */
#ifndef DROVER_CONFIG_ROLLOUT_SPEC_WORDS_H
#define DROVER_CONFIG_ROLLOUT_SPEC_WORDS_H

#include "common/config/rollout_spec.h"

/* Indexed by the enum, ended by NULL. */
extern const char *const SPEC_ON_FAILURE_WORDS[SPEC_ON_FAILURE_COUNT + 1];
extern const char *const SPEC_UNREACHABLE_WORDS[SPEC_UNREACHABLE_COUNT + 1];
extern const char *const SPEC_RECOVERY_WORDS[SPEC_RECOVERY_COUNT + 1];
extern const char *const SPEC_TRIAL_WORDS[SPEC_TRIAL_COUNT + 1];

#endif
