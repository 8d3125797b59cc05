/* checks.c: what each rule looks at. Severity, hint and exceptions are lint.c's. */
#include "common/lint/rules.h"

#include <string.h>

static finding_at_t at(const script_t *script, size_t offset) {
    return (finding_at_t){.file = script->name, .text = script_text(script), .offset = offset};
}

void check_loaded(const lint_context_t *context) {
    const finding_list_t *found = &context->directory->findings;
    for (size_t i = 0; i < found->count; i++) {
        if (strcmp(found->items[i].rule, context->rule->id) == 0) {
            finding_copy(context->findings, &found->items[i]);
        }
    }
}

/* As check_loaded; a bundle for a newer server may be right where our grammar is too old. */
void check_parses(const lint_context_t *context) {
    uint32_t newest = context->options->newest_major;
    const finding_list_t *found = &context->directory->findings;
    for (size_t i = 0; i < found->count; i++) {
        if (strcmp(found->items[i].rule, context->rule->id) != 0) {
            continue;
        }
        finding_t finding = found->items[i];
        CLEANUP(buffer_free) buffer_t message = {0};
        buffer_text(&message, finding.message);
        if (newest > STATEMENT_GRAMMAR_MAJOR) {
            buffer_format(&message,
                          " (the parser knows PostgreSQL %d; these scripts are for up to %u)",
                          STATEMENT_GRAMMAR_MAJOR, newest);
        }
        if (message.failed) {
            context->findings->failed = true;
            return;
        }
        finding.message = message.data;
        finding_copy(context->findings, &finding);
    }
}

/* Every script of the directory, through a callback: rules differ in what they look at. */
static void each_script(const lint_context_t *context,
                        void (*look)(const lint_context_t *context, const script_t *script)) {
    for (size_t i = 0; i < context->directory->count; i++) {
        for (int kind = 0; kind < SCRIPT_COUNT; kind++) {
            const script_t *script = context->directory->items[i].scripts[kind];
            if (script != NULL) {
                look(context, script);
            }
        }
    }
}

static void look_at_allows(const lint_context_t *context, const script_t *script) {
    for (size_t i = 0; i < script->directives.allow_count; i++) {
        const directive_allow_t *allow = &script->directives.allows[i];
        const lint_rule_t *rule = lint_rule_find(allow->rule);
        if (rule == NULL) {
            finding_add(context->findings, at(script, allow->offset), context->rule->id,
                        "allows '%s', and there is no such rule", allow->rule);
        } else if (!rule->allowable) {
            finding_add(context->findings, at(script, allow->offset), context->rule->id,
                        "allows '%s', which cannot be allowed", allow->rule);
        }
    }
}

void check_allow(const lint_context_t *context) {
    each_script(context, look_at_allows);
}

/* Whether a line reads "-- drover:", as a directive would. */
static bool reads_like_directive(const char *line, const char *end) {
    static const char word[] = "drover:";
    while (line < end && (*line == ' ' || *line == '\t')) {
        line++;
    }
    if (end - line < 2 || line[0] != '-' || line[1] != '-') {
        return false;
    }
    for (line += 2; line < end && (*line == ' ' || *line == '\t');) {
        line++;
    }
    return (size_t)(end - line) >= sizeof word - 1 && strncasecmp(line, word, sizeof word - 1) == 0;
}

static void look_for_late(const lint_context_t *context, const script_t *script) {
    if (!script->readable || script->parsed.list.count == 0) {
        return;
    }
    const char *end = script->text + script->size;
    const char *line = script->text + script->parsed.list.items[0].offset;
    while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        line++;
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        if (reads_like_directive(line, newline != NULL ? newline : end)) {
            finding_add(context->findings, at(script, (size_t)(line - script->text)),
                        context->rule->id, "a directive after the first statement means nothing");
        }
    }
}

void check_late_directive(const lint_context_t *context) {
    each_script(context, look_for_late);
}

static void look_for_statements(const lint_context_t *context, const script_t *script) {
    script_kind_t kind = script->filename.kind;
    if ((kind == SCRIPT_UP || kind == SCRIPT_UNDO) && script->readable &&
        script->parsed.problem.error.code == ERROR_NONE && script->parsed.list.count == 0) {
        finding_add(context->findings, (finding_at_t){.file = script->name}, context->rule->id,
                    "no statement in it");
    }
}

void check_empty(const lint_context_t *context) {
    each_script(context, look_for_statements);
}

void check_verify_exists(const lint_context_t *context) {
    for (size_t i = 0; i < context->directory->count; i++) {
        const migration_t *migration = &context->directory->items[i];
        const script_t *up = migration->scripts[SCRIPT_UP];
        if (up != NULL && migration->scripts[SCRIPT_VERIFY] == NULL) {
            finding_add(context->findings, (finding_at_t){.file = up->name}, context->rule->id,
                        "%s has no verify script", migration->version);
        }
    }
}

static void look_for_names(const lint_context_t *context, const script_t *script) {
    for (size_t i = 0; i < script->parsed.list.count; i++) {
        const statement_t *statement = &script->parsed.list.items[i];
        if (statement->kind == STATEMENT_CREATE_INDEX_CONCURRENTLY &&
            statement->index_name[0] == '\0') {
            finding_add(context->findings, at(script, statement->offset), context->rule->id,
                        "CREATE INDEX CONCURRENTLY without a name");
        }
    }
}

void check_index_name(const lint_context_t *context) {
    each_script(context, look_for_names);
}
