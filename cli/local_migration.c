/* local_migration.c: drover new, lint and bundle build|sign|show, over common/migration and lint.
 */
#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/signer.h"
#include "common/base/cleanup.h"
#include "common/crypto/keyfile.h"
#include "common/lint/lint.h"
#include "common/migration/bundle.h"
#include "common/migration/create.h"

#include <string.h>

static void release_json(json_t **document) {
    json_decref(*document);
}

status_t handle_new(const command_input_t *input, error_t *err) {
    static const output_column_t COLUMNS[] = {{"VERSION", "version", COLUMN_TEXT},
                                              {"FILE", "file", COLUMN_TEXT}};
    const output_view_t view = {.columns = COLUMNS, .count = 2, .rows = "files"};
    const output_t output = output_choose(input, OUTPUT_TABLE);
    create_paths_t paths;
    TRY(create_migration(command_text(input, "dir"), command_argument(input, 0), &paths, err));
    CLEANUP(release_json)
    json_t *document =
        json_pack("{s:[{s:s,s:s},{s:s,s:s},{s:s,s:s}]}", "files", "version", paths.version, "file",
                  paths.path[0], "version", paths.version, "file", paths.path[1], "version",
                  paths.version, "file", paths.path[2]);
    if (document == NULL) {
        return error_set(err, ERROR_INVALID, "a path that is no UTF-8");
    }
    return output_write(&output, &view, document, stdout, err);
}

/* Findings as JSON for programs. */
static json_t *findings_json(const finding_list_t *findings) {
    json_t *rows = json_array();
    for (size_t i = 0; i < findings->count; i++) {
        const finding_t *finding = &findings->items[i];
        json_t *row = json_pack("{s:s,s:i,s:i,s:s,s:s,s:s,s:s?}", "file", finding->file, "line",
                                finding->place.line, "column", finding->place.column, "severity",
                                finding_severity_text(finding->severity), "rule", finding->rule,
                                "message", finding->message, "hint", finding->hint);
        if (row != NULL) {
            (void)json_array_append_new(rows, row);
        }
    }
    return json_pack("{s:o,s:I,s:I}", "findings", rows, "errors", (json_int_t)findings->errors,
                     "not_shown", (json_int_t)findings->dropped);
}

/* Findings in the compilers' form, on stdout for lint itself, on stderr where they are a refusal.
 */
static status_t show_findings(const finding_list_t *findings, FILE *out, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    for (size_t i = 0; i < findings->count; i++) {
        finding_print(&findings->items[i], &text);
    }
    if (findings->dropped > 0) {
        buffer_format(&text, "%zu more not shown\n", findings->dropped);
    }
    TRY(buffer_check(&text, err));
    (void)fputs(buffer_string(&text), out);
    return STATUS_OK;
}

static status_t lint_directory(const char *path, const lint_options_t *options,
                               directory_t **ret_directory, finding_list_t *ret_findings,
                               error_t *err) {
    CLEANUP(directory_destroy_p) directory_t *directory = NULL;
    TRY(directory_load(path, NULL, &directory, err));
    TRY(lint_run(directory, options, ret_findings, err));
    *ret_directory = TAKE(directory);
    return STATUS_OK;
}

status_t handle_lint(const command_input_t *input, error_t *err) {
    const char *path = command_argument(input, 0);
    const output_t output = output_choose(input, OUTPUT_TABLE);
    const int64_t newest = command_number(input, "newest-major", 0);
    const lint_options_t options = {.newest_major = (uint32_t)newest};
    CLEANUP(directory_destroy_p) directory_t *directory = NULL;
    CLEANUP(finding_list_free) finding_list_t findings = {0};
    if (command_text(input, "newest-major") != NULL && (newest < 10 || newest > 99)) {
        return error_set(err, ERROR_USAGE,
                         "drover lint: --newest-major takes two digits as in 17, not '%.16s'",
                         command_text(input, "newest-major"));
    }
    TRY(lint_directory(path != NULL ? path : "migrations", &options, &directory, &findings, err));
    if (output.form == OUTPUT_JSON) {
        CLEANUP(release_json) json_t *document = findings_json(&findings);
        if (document == NULL) {
            return error_set(err, ERROR_NO_MEMORY, "no memory for the findings");
        }
        TRY(output_write(&output, NULL, document, stdout, err));
    } else {
        TRY(show_findings(&findings, stdout, err));
    }
    TRY(finding_list_refuse(&findings, err));
    output_say("%zu %s, %zu %s, no errors", directory->count,
               directory->count == 1 ? "migration" : "migrations", findings.count,
               findings.count == 1 ? "warning" : "warnings");
    return STATUS_OK;
}

/* What a bundle holds, as one document. */
static json_t *bundle_json(const bundle_t *bundle) {
    char digest[DIGEST_TEXT_SIZE];
    json_t *signers = json_array();
    json_t *majors = json_array();
    json_t *migrations = json_array();
    for (size_t i = 0; i < bundle_signer_count(bundle); i++) {
        char key[SIGN_PUBLIC_TEXT_SIZE];
        (void)json_array_append_new(signers, json_string(hex_text(bundle_signer(bundle, i)->bytes,
                                                                  SIGN_PUBLIC_BYTES, key)));
    }
    for (size_t i = 0; i < bundle_major_count(bundle); i++) {
        (void)json_array_append_new(majors, json_integer(bundle_major(bundle, i)));
    }
    for (size_t i = 0; i < bundle_count(bundle); i++) {
        const bundle_migration_t *migration = bundle_migration(bundle, i);
        const bundle_script_t *up = migration->scripts[SCRIPT_UP];
        char script[DIGEST_TEXT_SIZE];
        (void)json_array_append_new(
            migrations,
            json_pack("{s:s,s:s,s:s,s:b,s:b,s:b,s:b,s:I,s:s}", "version", migration->version,
                      "description", migration->description, "phase", phase_text(migration->phase),
                      "transaction", up->transactional, "undo",
                      migration->scripts[SCRIPT_UNDO] != NULL, "verify",
                      migration->scripts[SCRIPT_VERIFY] != NULL, "check",
                      migration->scripts[SCRIPT_CHECK] != NULL, "size", (json_int_t)up->size,
                      "digest", digest_text(&up->digest, script)));
    }
    return json_pack("{s:s,s:s,s:o,s:o,s:o}", "application", bundle_application(bundle), "digest",
                     digest_text(bundle_digest(bundle), digest), "majors", majors, "signers",
                     signers, "migrations", migrations);
}

static status_t show_bundle(const command_input_t *input, const bundle_t *bundle, error_t *err) {
    static const output_column_t COLUMNS[] = {
        {"VERSION", "version", COLUMN_TEXT}, {"DESCRIPTION", "description", COLUMN_TEXT},
        {"PHASE", "phase", COLUMN_TEXT},     {"TRANSACTION", "transaction", COLUMN_YES},
        {"UNDO", "undo", COLUMN_YES},        {"VERIFY", "verify", COLUMN_YES},
        {"CHECK", "check", COLUMN_YES},      {"SIZE", "size", COLUMN_BYTES}};
    const output_view_t view = {.columns = COLUMNS,
                                .count = sizeof COLUMNS / sizeof COLUMNS[0],
                                .rows = "migrations",
                                .empty = "the bundle holds no migration"};
    const output_t output = output_choose(input, OUTPUT_TABLE);
    CLEANUP(release_json) json_t *document = bundle_json(bundle);
    if (document == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for the bundle's description");
    }
    if (output.form == OUTPUT_TABLE) {
        char digest[DIGEST_TEXT_SIZE];
        (void)printf("application  %s\ndigest       %s\n", bundle_application(bundle),
                     digest_text(bundle_digest(bundle), digest));
        for (size_t i = 0; i < bundle_signer_count(bundle); i++) {
            char key[SIGN_PUBLIC_TEXT_SIZE];
            (void)printf("signed by    %s\n",
                         hex_text(bundle_signer(bundle, i)->bytes, SIGN_PUBLIC_BYTES, key));
        }
        (void)printf("%s\n", bundle_signer_count(bundle) == 0 ? "not signed\n" : "");
    }
    return output_write(&output, &view, document, stdout, err);
}

/* The majors of --major, ascending. ERROR_USAGE where one is out of range or given twice. */
static status_t read_majors(const command_input_t *input, uint32_t *majors, size_t *ret_count,
                            error_t *err) {
    size_t count = 0;
    for (const char *text = NULL; (text = command_nth(input, "major", count)) != NULL; count++) {
        unsigned long major = strtoul(text, NULL, 10);
        if (count == BUNDLE_MAJORS || major < 10 || major > 99) {
            return error_set(err, ERROR_USAGE,
                             "drover bundle build: --major takes two digits as in 15, at most %d "
                             "times, not '%.16s'",
                             BUNDLE_MAJORS, text);
        }
        size_t place = count;
        for (; place > 0 && majors[place - 1] > major; place--) {
            majors[place] = majors[place - 1];
        }
        if (place > 0 && majors[place - 1] == major) {
            return error_set(err, ERROR_USAGE, "drover bundle build: --major %lu is given twice",
                             major);
        }
        majors[place] = (uint32_t)major;
    }
    *ret_count = count;
    return STATUS_OK;
}

status_t handle_bundle_build(const command_input_t *input, error_t *err) {
    uint32_t majors[BUNDLE_MAJORS] = {0};
    bundle_options_t options = {.application = command_text(input, "application"),
                                .majors = majors};
    TRY(read_majors(input, majors, &options.major_count, err));
    const lint_options_t lint_options = {
        .newest_major = options.major_count > 0 ? majors[options.major_count - 1] : 0};
    CLEANUP(directory_destroy_p) directory_t *directory = NULL;
    CLEANUP(finding_list_free) finding_list_t findings = {0};
    CLEANUP(bundle_destroy_p) bundle_t *bundle = NULL;
    TRY(bundle_check_application(options.application, err));
    TRY(lint_directory(command_argument(input, 0), &lint_options, &directory, &findings, err));
    TRY(show_findings(&findings, stderr, err));
    TRY(finding_list_refuse(&findings, err));
    if (command_text(input, "previous") != NULL) {
        CLEANUP(bundle_destroy_p) bundle_t *previous = NULL;
        TRY(bundle_open(command_text(input, "previous"), &previous, err));
        TRY(bundle_compare_with_directory(previous, directory, err));
    }
    TRY(bundle_build(directory, &options, &bundle, err));
    TRY(bundle_write(bundle, command_text(input, "out"), err));
    return show_bundle(input, bundle, err);
}

status_t handle_bundle_sign(const command_input_t *input, error_t *err) {
    const char *path = command_argument(input, 0);
    CLEANUP(bundle_destroy_p) bundle_t *bundle = NULL;
    CLEANUP(signer_destroy_p) signer_t *signer = NULL;
    const signer_from_t from = {
        .path = command_text(input, "key"), .kind = KEY_RELEASE, .command = signer_flag(input)};
    TRY(bundle_open(path, &bundle, err));
    TRY(signer_open(input, &from, &signer, err));
    TRY(signer_bundle(signer, bundle, err));
    TRY(bundle_write(bundle, path, err));
    return show_bundle(input, bundle, err);
}

status_t handle_bundle_show(const command_input_t *input, error_t *err) {
    CLEANUP(bundle_destroy_p) bundle_t *bundle = NULL;
    TRY(bundle_open(command_argument(input, 0), &bundle, err));
    return show_bundle(input, bundle, err);
}
