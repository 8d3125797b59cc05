/* fuzz_invitation.c: bytes that may be an invitation. What is read is written back byte for byte.
 */
#include "common/trust/invitation.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP(invitation_destroy_p) invitation_t *invitation = NULL;
    error_t err = {0};
    char back[INVITATION_BYTES];
    invitation_source_t source = {.path = "i", .bytes = (const char *)data, .size = size};
    if (invitation_parse(&source, &invitation, &err) != STATUS_OK) {
        INVARIANT(err.code == ERROR_INVITATION && invitation == NULL);
        return 0;
    }
    if (invitation_format(invitation, back) != size || memcmp(back, data, size) != 0) {
        abort();
    }
    return 0;
}
