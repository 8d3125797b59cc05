/* handlers.h: what the commands do; one function a command, found from the tree. */
#ifndef DROVER_CLI_HANDLERS_H
#define DROVER_CLI_HANDLERS_H

#include "cli/command.h"

/* The tree of drover; tree.c. */
extern const command_t CLI_TREE;

/* Commands that need no coordinator; local.c, local_migration.c, local_key.c. */
status_t handle_version(const command_input_t *input, error_t *err);
status_t handle_new(const command_input_t *input, error_t *err);
status_t handle_lint(const command_input_t *input, error_t *err);
status_t handle_bundle_build(const command_input_t *input, error_t *err);
status_t handle_bundle_sign(const command_input_t *input, error_t *err);
status_t handle_bundle_show(const command_input_t *input, error_t *err);
status_t handle_key_new(const command_input_t *input, error_t *err);
status_t handle_key_show(const command_input_t *input, error_t *err);
status_t handle_doc(const command_input_t *input, error_t *err);

/* Commands that ask the coordinator. Fails with ERROR_NOT_BUILT. */
status_t handle_remote(const command_input_t *input, error_t *err);

#endif
