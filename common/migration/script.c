/* script.c: see script.h. */
#include "common/migration/script.h"

#include "common/base/limits.h"
#include "common/crypto/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

text_span_t script_text(const script_t *script) {
    return (text_span_t){.bytes = script->text, .size = script->size};
}

static finding_at_t at(const script_t *script, size_t offset) {
    return (finding_at_t){.file = script->name, .text = script_text(script), .offset = offset};
}

/* Read at most size bytes, fewer where the file ends sooner. */
static status_t read_bytes(int fd, const char *name, char *bytes, size_t *size, error_t *err) {
    size_t got = 0;
    while (got < *size) {
        ssize_t more = read(fd, bytes + got, *size - got);
        if (more < 0 && errno == EINTR) {
            continue;
        }
        if (more < 0) {
            return error_set(err, ERROR_IO, "cannot read %s: %s", name, strerror(errno));
        }
        if (more == 0) {
            break;
        }
        got += (size_t)more;
    }
    *size = got;
    return STATUS_OK;
}

/* Fill the script's text; a file that is no regular one or too large is a finding. */
static status_t read_text(int directory_fd, script_t *script, finding_list_t *findings,
                          error_t *err) {
    CLEANUP(close_p)
    int fd = openat(directory_fd, script->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) {
        return error_set(err, ERROR_IO, "cannot read %s: %s", script->name, strerror(errno));
    }
    bool regular = S_ISREG(about.st_mode);
    bool fits = about.st_size <= LIMIT_SCRIPT_BYTES;
    if (!regular || !fits) {
        finding_at_t nowhere = {.file = script->name};
        if (!regular) {
            finding_add(findings, nowhere, RULE_FILE_NAME,
                        "is %s: a script is a regular file, nothing else may have its name",
                        S_ISDIR(about.st_mode) ? "a directory" : "no regular file");
        } else {
            finding_add(findings, nowhere, RULE_SIZE, "%lld bytes: a script has at most %d",
                        (long long)about.st_size, LIMIT_SCRIPT_BYTES);
        }
        script->text = strdup("");
        return script->text != NULL ? STATUS_OK : error_set(err, ERROR_NO_MEMORY, "out of memory");
    }
    size_t size = (size_t)about.st_size;
    script->text = malloc(size + 1);
    if (script->text == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for %zu bytes of %s", size,
                         script->name);
    }
    TRY(read_bytes(fd, script->name, script->text, &size, err));
    script->text[size] = '\0';
    script->size = size;
    script->readable = true;
    return STATUS_OK;
}

status_t script_load(int directory_fd, const char *name, const filename_t *filename,
                     finding_list_t *findings, script_t **ret_script, error_t *err) {
    CLEANUP(script_destroy_p) script_t *script = calloc(1, sizeof *script);
    if (script == NULL || (script->name = strdup(name)) == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for %s", name);
    }
    script->filename = *filename;
    TRY(read_text(directory_fd, script, findings, err));
    script->digest = hash_of(HASH_SCRIPT, script->text, script->size);
    directive_source_t source = {
        .file = script->name, .kind = filename->kind, .text = script_text(script)};
    size_t offset = 0;
    error_t problem;
    error_clear(&problem);
    if (script->readable && text_check(source.text, &offset, &problem) != STATUS_OK) {
        finding_add(findings, at(script, offset), RULE_ENCODING, "%s", problem.message);
        script->readable = false;
    }
    if (!script->readable) {
        source.text = (text_span_t){.bytes = "", .size = 0};
    }
    directive_parse(source, &script->directives, findings);
    *ret_script = TAKE(script);
    return STATUS_OK;
}

static bool is_query_script(const script_t *script) {
    return script->filename.kind == SCRIPT_VERIFY || script->filename.kind == SCRIPT_CHECK;
}

static void judge_statement(const script_t *script, const statement_t *statement,
                            finding_list_t *findings) {
    const char *text = statement_kind_text(statement->kind);
    finding_at_t place = at(script, statement->offset);
    bool none = script->directives.transaction_none;
    if (statement->kind == STATEMENT_TRANSACTION) {
        finding_add(
            findings, place, RULE_OWN_TRANSACTION,
            "transaction control in a script: it would part the change from its ledger row");
    } else if (statement->kind == STATEMENT_COPY_CLIENT) {
        finding_add(findings, place, RULE_COPY_STDIN,
                    "COPY from stdin or to stdout: there is nobody at the other end");
    } else if (statement->kind == STATEMENT_DISCARD_ALL) {
        finding_add(findings, place, RULE_OWN_TRANSACTION,
                    "DISCARD ALL in a script: the server refuses it in a transaction, and outside "
                    "of one it lets go of the tenant's lock; name what is to be reset, as in "
                    "RESET ALL or DISCARD TEMP");
    } else if (is_query_script(script)) {
        if (statement->kind != STATEMENT_QUERY) {
            finding_add(findings, place, RULE_QUERIES,
                        "a %s script holds queries only, each answering rows of one boolean or of "
                        "a name and a boolean",
                        script_kind_text(script->filename.kind));
        }
    } else if (statement_kind_where(statement->kind) == STATEMENT_OUTSIDE_ONLY && !none) {
        finding_add(findings, place, RULE_NON_TRANSACTIONAL,
                    "%s cannot run in a transaction block: put it into a file of its own with "
                    "'-- drover: transaction=none'",
                    text);
    } else if (statement_kind_where(statement->kind) == STATEMENT_INSIDE_ONLY && none) {
        finding_add(findings, place, RULE_NON_TRANSACTIONAL,
                    "%s runs only in a transaction block, and this file says transaction=none",
                    text);
    }
}

void script_judge(const script_t *script, finding_list_t *findings) {
    const statement_problem_t *problem = &script->parsed.problem;
    if (!script->readable) {
        return;
    }
    if (problem->error.code != ERROR_NONE) {
        finding_add(findings, at(script, problem->offset), problem->rule, "%s",
                    problem->error.message);
        return;
    }
    for (size_t i = 0; i < script->parsed.list.count; i++) {
        judge_statement(script, &script->parsed.list.items[i], findings);
    }
    if (is_query_script(script) && script->parsed.list.count == 0) {
        finding_add(findings, at(script, 0), RULE_QUERIES,
                    "a %s script without a query proves nothing",
                    script_kind_text(script->filename.kind));
    }
}

void script_destroy(script_t **script_p) {
    script_t *script = *script_p;
    if (script == NULL) {
        return;
    }
    free(script->name);
    free(script->text);
    statement_result_free(&script->parsed);
    free(script);
    *script_p = NULL;
}
