/* gen_errors.c: prints docs/ERRORS.md from errors.def on stdout. */
#include "common/base/error.h"

#include <stdio.h>
#include <string.h>

static const char *section_of(char digit) {
    switch (digit) {
    case '1':
        return "Programs, configuration and files";
    case '2':
        return "Migrations, bundles and lint";
    case '3':
        return "Tenants and their databases";
    case '4':
        return "Backups and restores";
    case '5':
        return "Wire and keys";
    case '6':
        return "Catalog and rollouts";
    case '7':
        return "Trust, orders and policy";
    default:
        return "Others";
    }
}

int main(void) {
    static const char *const RETRY[RETRY_COUNT] = {[RETRY_PERMANENT] = "permanent",
                                                   [RETRY_TRANSIENT] = "transient",
                                                   [RETRY_UNKNOWN] = "outcome unknown"};
    char section = '\0';
    (void)printf(
        "# Errors\n\nGenerated from `common/base/errors.def`; do not edit. A code never "
        "changes its meaning.\n\nAn error prints as its code, PostgreSQL's SQLSTATE in "
        "brackets where there is one, what was being\ndone, and what went wrong; then one "
        "`HINT:` line. *Transient* ones may pass by themselves,\n*permanent* ones need "
        "somebody. *Outcome unknown* means that nobody knows yet whether the change\nwas "
        "made: look at the tenant before anything else.\n\nExit codes: 1 error, 2 usage or "
        "configuration, 3 rollout failed, 4 paused or a yes is needed,\n5 timed out, 6 "
        "unreachable.\n");
    for (int code = ERROR_NONE + 1; code < ERROR_COUNT; code++) {
        const char *text = error_code_text((error_code_t)code);
        if (text[strlen("DRV-")] != section) {
            section = text[strlen("DRV-")];
            (void)printf("\n## %s\n\n| code | name | exit | kind | what to do |\n|---|---|---|---|"
                         "---|\n",
                         section_of(section));
        }
        (void)printf("| %s | %s | %d | %s | %s |\n", text, error_code_name((error_code_t)code),
                     error_code_exit((error_code_t)code),
                     RETRY[error_code_retry((error_code_t)code)],
                     error_code_hint((error_code_t)code));
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
