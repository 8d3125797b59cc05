/* bundle_file.c: bundles on disk. A reader sees a whole old file or a whole new one, never half. */
#include "common/migration/bundle_internal.h"

#include "common/base/limits.h"
#include "common/base/whole.h"

status_t bundle_open(const char *path, bundle_t **ret_bundle, error_t *err) {
    whole_source_t source = {.path = path, .most_bytes = LIMIT_BUNDLE_BYTES, .what = "a bundle"};
    char *bytes = NULL;
    size_t size = 0;
    TRY(whole_read(&source, &bytes, &size, err));
    if (bundle_adopt(bytes, size, ret_bundle, err) != STATUS_OK) {
        return error_context(err, "reading %s", path);
    }
    return STATUS_OK;
}

status_t bundle_write(const bundle_t *bundle, const char *path, error_t *err) {
    return whole_replace(&(whole_target_t){.path = path, .mode = 0666}, bundle->bytes, bundle->size,
                         err);
}
