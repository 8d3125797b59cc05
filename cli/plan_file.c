/* plan_file.c: plans and specs at rest; see plan.h. */
#include "cli/file.h"
#include "cli/plan.h"
#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/config/rollout_spec.h"
#include "common/migration/bundle.h"

#include <string.h>

/* A plan of a million tenants; a spec has a bound of its own within it. */
#define PLAN_BYTES ((size_t)1 << 30)

status_t plan_save(const json_t *plan, const char *path, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    CLEANUP(free_p) char *json = json_dumps(plan, JSON_INDENT(1) | JSON_SORT_KEYS);
    if (json == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for the plan");
    }
    buffer_format(&text, "%s\n", json);
    return file_replace(path, &text, err);
}

void plan_source_free(plan_source_t *source) {
    free(source->spec);
    free(source->bundle);
    if (source->read != NULL) {
        rollout_spec_destroy(&source->read);
    }
    json_decref(source->plan);
    *source = (plan_source_t){0};
}

static status_t copy_text(const char *text, char **ret_copy, error_t *err) {
    char *copy = strdup(text);
    if (copy == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a spec");
    }
    *ret_copy = copy;
    return STATUS_OK;
}

/* Its problems are printed with their lines. */
static status_t read_spec(const yaml_text_t *text, plan_source_t *source, error_t *err) {
    problems_t problems = {0};
    if (rollout_spec_parse(text, &problems, &source->read, err) != STATUS_OK) {
        if (problems.count > 0) {
            problems_print(&problems, stderr);
        }
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

static status_t take_plan(const char *path, json_t *plan, plan_source_t *ret_source, error_t *err) {
    const char *spec = document_text(plan, "spec");
    const char *bundle = document_text(plan, "bundle");
    if (document_text(plan, "plan_digest")[0] == '\0' || spec[0] == '\0') {
        return error_set(err, ERROR_INVALID, "%.300s: neither a spec nor the plan of a rollout",
                         path);
    }
    TRY(copy_text(spec, &ret_source->spec, err));
    TRY(bundle[0] != '\0' ? copy_text(bundle, &ret_source->bundle, err) : STATUS_OK);
    const yaml_text_t text = {.name = path, .bytes = spec, .size = strlen(spec)};
    TRY(read_spec(&text, ret_source, err));
    ret_source->plan = json_incref(plan);
    return STATUS_OK;
}

/* A bundle that is named by its path is asked for by its digest: the coordinator has it, or not. */
static status_t bundle_of_path(const char *path, char **ret_digest, error_t *err) {
    CLEANUP(bundle_destroy_p) bundle_t *bundle = NULL;
    char text[DIGEST_TEXT_SIZE];
    TRY(bundle_open(path, &bundle, err));
    return copy_text(digest_text(bundle_digest(bundle), text), ret_digest, err);
}

static status_t take_spec(const char *path, const buffer_t *bytes, plan_source_t *ret_source,
                          error_t *err) {
    const yaml_text_t text = {.name = path, .bytes = buffer_string(bytes), .size = bytes->size};
    TRY(read_spec(&text, ret_source, err));
    TRY(copy_text(buffer_string(bytes), &ret_source->spec, err));
    return strchr(ret_source->read->bundle, '/') != NULL
               ? bundle_of_path(ret_source->read->bundle, &ret_source->bundle, err)
               : STATUS_OK;
}

status_t plan_open(const char *path, plan_source_t *ret_source, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {.limit = PLAN_BYTES};
    CLEANUP(plan_source_free) plan_source_t source = {0};
    TRY(file_read(path, &bytes, err));
    CLEANUP(document_release)
    json_t *plan = json_loadb(buffer_string(&bytes), bytes.size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(plan)) {
        TRY(take_plan(path, plan, &source, err));
    } else {
        TRY(take_spec(path, &bytes, &source, err));
    }
    *ret_source = source;
    source = (plan_source_t){0};
    return STATUS_OK;
}
