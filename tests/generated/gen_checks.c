/*
 * gen_checks.c: prints docs/CHECKS.md on stdout: the checks of common/trust as checks.def has them,
 * each with the attacks of tests/unit/trust that it alone refuses.
 */
#include "tests/unit/trust/attack.h"

#include <stdio.h>

typedef attacks_t (*group_t)(void);
static const group_t GROUPS[] = {attacks_documents, attacks_trust,  attacks_signers,
                                 attacks_orders,    attacks_agents, attacks_tickets,
                                 attacks_take_back};
enum { GROUP_COUNT = sizeof GROUPS / sizeof GROUPS[0] };

static size_t count_attacks(void) {
    size_t count = 0;
    for (size_t g = 0; g < GROUP_COUNT; g++) {
        count += GROUPS[g]().count;
    }
    return count;
}

static void print_attacks(trust_check_t check) {
    const char *before = "";
    for (size_t g = 0; g < GROUP_COUNT; g++) {
        attacks_t attacks = GROUPS[g]();
        for (size_t i = 0; i < attacks.count; i++) {
            if (attacks.list[i].check == check) {
                (void)printf("%s%s", before, attacks.list[i].name);
                before = "; ";
            }
        }
    }
}

int main(void) {
    (void)printf(
        "# Checks\n\nGenerated from `common/trust/checks.def` and the attacks of "
        "`tests/unit/trust`; do not edit. What they are for\nstands in "
        "[Security](SECURITY.md).\n\nEach row is one check between a signed document and what it "
        "permits, the code of its refusal, and the\nattacks that it alone refuses. "
        "`tests/unit/trust/without.c` runs every attack twice: with all checks in it is\nrefused "
        "with this code; with this one check taken out it is accepted. A check without an attack "
        "fails that\ntest, so none is idle. The switch that takes a check out is in no program.\n\n"
        "%d checks, %zu attacks.\n\n| check | code | what it stops | attacks "
        "|\n|---|---|---|---|\n",
        (int)CHECK_COUNT, count_attacks());
    for (int i = 0; i < CHECK_COUNT; i++) {
        trust_check_t check = (trust_check_t)i;
        error_code_t code = trust_check_code(check);
        (void)printf("| %s | %s %s | %s | ", trust_check_name(check), error_code_text(code),
                     error_code_name(code), trust_check_stops(check));
        print_attacks(check);
        (void)printf(" |\n");
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
