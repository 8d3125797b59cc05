/* party.c: see party.h. */
#include "common/wire/party.h"
#include "common/base/status.h"

const char *party_name(party_t party) {
    static const char *const names[PARTY_COUNT] = {
        [PARTY_AGENT] = "agent",
        [PARTY_COORDINATOR] = "coordinator",
        [PARTY_OPERATOR] = "operator",
        [PARTY_NEWCOMER] = "newcomer",
    };
    INVARIANT(party < PARTY_COUNT);
    return names[party];
}
