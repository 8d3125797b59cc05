/*
 * release.h: a bundle's signatures under the trust file. Beside the pure room, because a bundle_t
 * comes with the parser.
 */
#ifndef DROVER_TRUST_RELEASE_H
#define DROVER_TRUST_RELEASE_H

#include "common/migration/bundle.h"
#include "common/trust/order.h"

typedef struct release {
    release_claim_t claim; /* borrows keys, and the bundle's application */
    sign_public_t keys[BUNDLE_SIGNATURES];
} release_t;

/* Fill release from a bundle, whose signatures were checked when it was read. */
void release_of(const bundle_t *bundle, release_t *release);

#endif
