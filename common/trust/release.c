/* release.c: see release.h. */
#include "common/trust/release.h"

_Static_assert((int)BUNDLE_SIGNATURES <= (int)DOCUMENT_SIGNATURES,
               "a tally counts as many signers as a bundle has");

void release_of(const bundle_t *bundle, release_t *release) {
    size_t count = bundle_signer_count(bundle);
    INVARIANT(count <= BUNDLE_SIGNATURES);
    for (size_t i = 0; i < count; i++) {
        release->keys[i] = *bundle_signer(bundle, i);
    }
    release->claim = (release_claim_t){
        .digest = *bundle_digest(bundle),
        .application = bundle_application(bundle),
        .signers = release->keys,
        .signer_count = count,
    };
}
