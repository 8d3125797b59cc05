/*
 * lint.c: see lint.h. The table stands in rules.c; here it is run, its findings are given severity
 * and hint, and what scripts allow is left out.
 */
#include "common/lint/rules.h"

#include <string.h>

const lint_rule_t *lint_rule_find(const char *id) {
    for (size_t i = 0; i < lint_rule_count(); i++) {
        if (strcmp(lint_rule(i)->id, id) == 0) {
            return lint_rule(i);
        }
    }
    return NULL;
}

/* The migration that a file belongs to, and its script there; NULL where it has no place. */
static const migration_t *owner(const directory_t *directory, const char *file,
                                const script_t **ret_script) {
    for (size_t i = 0; i < directory->count; i++) {
        for (int kind = 0; kind < SCRIPT_COUNT; kind++) {
            const script_t *script = directory->items[i].scripts[kind];
            if (script != NULL && strcmp(script->name, file) == 0) {
                *ret_script = script;
                return &directory->items[i];
            }
        }
    }
    return NULL;
}

/* What the script itself allows, or the migration's own script for all of its files. */
static bool is_allowed(const lint_context_t *context, const finding_t *finding) {
    const script_t *script = NULL;
    const migration_t *migration = owner(context->directory, finding->file, &script);
    if (!context->rule->allowable || migration == NULL) {
        return false;
    }
    const script_t *up = migration->scripts[SCRIPT_UP];
    return directive_allows(&script->directives, finding->rule) ||
           (up != NULL && directive_allows(&up->directives, finding->rule));
}

static status_t run_rule(const lint_context_t *given, finding_list_t *all, error_t *err) {
    CLEANUP(finding_list_free) finding_list_t own = {0};
    lint_context_t context = *given;
    context.findings = &own;
    context.rule->check(&context);
    for (size_t i = 0; i < own.count; i++) {
        if (!is_allowed(&context, &own.items[i])) {
            own.items[i].severity = context.rule->severity;
            own.items[i].hint = context.rule->hint;
            finding_copy(all, &own.items[i]);
        }
    }
    all->dropped += own.dropped;
    if (context.rule->severity == FINDING_ERROR) {
        all->errors += own.dropped;
    }
    return finding_list_check(&own, err);
}

status_t lint_run(const directory_t *directory, const lint_options_t *options,
                  finding_list_t *ret_findings, error_t *err) {
    static const lint_options_t defaults;
    CLEANUP(finding_list_free) finding_list_t all = {0};
    for (size_t i = 0; i < lint_rule_count(); i++) {
        lint_context_t context = {.directory = directory,
                                  .options = options != NULL ? options : &defaults,
                                  .rule = lint_rule(i)};
        TRY(run_rule(&context, &all, err));
    }
    TRY(finding_list_check(&all, err));
    finding_list_sort(&all);
    *ret_findings = all;
    memset(&all, 0, sizeof all);
    return STATUS_OK;
}

void lint_print_rules(buffer_t *out) {
    buffer_text(out, "# Lint rules\n\n"
                     "Printed from the table in `common/lint/rules.c`; a test keeps it current.\n\n"
                     "A rule that may be allowed is allowed by a directive in the script, with a "
                     "reason:\n`-- drover: allow=rule:\"reason\"`. In the script that applies a "
                     "migration it counts for all of\nthe migration's files.\n\n"
                     "| rule | severity | may be allowed | what it finds | what to do |\n"
                     "|---|---|---|---|---|\n");
    for (size_t i = 0; i < lint_rule_count(); i++) {
        const lint_rule_t *rule = lint_rule(i);
        buffer_format(out, "| `%s` | %s | %s | %s: %s | %s |\n", rule->id,
                      finding_severity_text(rule->severity), rule->allowable ? "yes" : "no",
                      rule->name, rule->doc, rule->hint);
    }
}
