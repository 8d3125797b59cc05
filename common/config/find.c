/* find.c: see find.h. */
#include "common/config/find.h"
#include "common/base/buffer.h"
#include "common/base/cleanup.h"

#include <string.h>

/* The first two places are a wish: what is named there must be readable. */
static status_t demand(const char *path, const char *who, char **ret_path, error_t *err) {
    if (access(path, R_OK) != 0) {
        return error_set(err, ERROR_CONFIG_MISSING, "cannot read %.300s, which %s names: %m", path,
                         who);
    }
    char *copy = strdup(path);
    if (copy == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for a path");
    }
    *ret_path = copy;
    return STATUS_OK;
}

/* $XDG_CONFIG_HOME, relative ones being ignored as the XDG base directory specification says. */
static void personal_path(const char *program, buffer_t *out) {
    const char *xdg = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (xdg != NULL && xdg[0] == '/') {
        buffer_format(out, "%s/drover/%s.yaml", xdg, program);
    } else if (home != NULL && home[0] == '/') {
        buffer_format(out, "%s/.config/drover/%s.yaml", home, program);
    }
}

status_t config_find(config_search_t search, char **ret_path, error_t *err) {
    const char *environment = getenv("DROVER_CONFIG");
    if (search.explicit_path != NULL) {
        return demand(search.explicit_path, "--config", ret_path, err);
    }
    if (environment != NULL && environment[0] != '\0') {
        return demand(environment, "DROVER_CONFIG", ret_path, err);
    }
    CLEANUP(buffer_free) buffer_t personal = {0};
    CLEANUP(buffer_free) buffer_t common = {0};
    personal_path(search.program, &personal);
    buffer_format(&common, "/etc/drover/%s.yaml", search.program);
    TRY(buffer_check(&personal, err));
    TRY(buffer_check(&common, err));
    if (personal.size > 0 && access(personal.data, F_OK) == 0) {
        return demand(personal.data, "the search order", ret_path, err);
    }
    if (access(common.data, F_OK) == 0) {
        return demand(common.data, "the search order", ret_path, err);
    }
    return error_set(err, ERROR_CONFIG_MISSING,
                     "no configuration found: looked at --config (not given), DROVER_CONFIG (not "
                     "set), %s%s%s",
                     buffer_string(&personal), personal.size > 0 ? ", " : "", common.data);
}
