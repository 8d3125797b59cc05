/*
 * fuzz_audit.c: any lines as an export. The first byte says whether signatures are checked; the
 * first line holds the reader's trust file. What is refused is named by a line that was read.
 */
#include "common/audit/verify.h"
#include "common/trust/checks.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next line from *at on; false at the end. */
static bool next_line(const char **at, const char *end, const char **ret_line, size_t *ret_size) {
    if (*at >= end) {
        return false;
    }
    const char *feed = memchr(*at, '\n', (size_t)(end - *at));
    *ret_line = *at;
    *ret_size = (size_t)((feed != NULL ? feed : end) - *at);
    *at = feed != NULL ? feed + 1 : end;
    return true;
}

static status_t take_order(void *context, const audit_order_t *order, error_t *err) {
    size_t *persons = context;
    (void)err;
    *persons += strlen(order->persons) + strlen(order->later_gone);
    INVARIANT(order->accepted_us != 0 || order->persons[0] == '\0');
    return STATUS_OK;
}

/* Feed lines until one is refused; whatever came, what was found can be asked. */
static void verify(const document_t *root, const char *at, const char *end) {
    CLEANUP(audit_verify_destroy_p) audit_verify_t *self = NULL;
    audit_verify_options_t options = {.root = root};
    error_t err = {0};
    const char *line = NULL;
    size_t size = 0;
    uint64_t lines = 0;
    size_t persons = 0;
    status_t status = audit_verify_new(&options, &self, &err);
    if (status != STATUS_OK) {
        return;
    }
    while (status == STATUS_OK && next_line(&at, end, &line, &size)) {
        status = audit_verify_line(self, line, size, &err);
        lines++;
    }
    if (status == STATUS_OK) {
        status = audit_verify_end(self, &err);
    }
    INVARIANT(status == STATUS_OK || err.message[0] != '\0');
    INVARIANT(audit_verify_broken_line(self) <= lines);
    INVARIANT(audit_verify_counts(self)->lines <= lines);
    (void)audit_verify_about(self);
    INVARIANT(audit_verify_each_order(self, take_order, &persons, &err) == STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *at = (const char *)data + 1;
    const char *end = (const char *)data + size;
    const char *first = NULL;
    size_t length = 0;
    error_t err = {0};
    CLEANUP(audit_line_free) audit_line_t line = {0};
    CLEANUP(document_destroy_p) document_t *root = NULL;
    if (size < 2 || !next_line(&at, end, &first, &length)) {
        return 0;
    }
    trust_check_remove(CHECK_COUNT);
    trust_check_remove(data[0] % 2 == 1 ? CHECK_SIGNATURE : CHECK_COUNT);
    if (audit_line_read(first, length, &line, &err) == STATUS_OK &&
        audit_line_document(&line, &root, &err) == STATUS_OK) {
        verify(root, at, end);
    }
    return 0;
}
