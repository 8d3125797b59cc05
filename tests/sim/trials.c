/* trials.c: see trials.h. */
#include "tests/sim/trials.h"

#include "tests/sim/crew.h"
#include "tests/sim/oracle.h"
#include "tests/sim/unseen.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_caught(uint64_t needed, const sim_result_t *failed) {
    if (needed == 0) {
        (void)printf("not caught | |\n");
    } else if (failed->invariant == 0) {
        (void)printf("an assertion | %" PRIu64 " |\n", needed);
    } else {
        (void)printf("%u: %s | %" PRIu64 " |\n", failed->invariant,
                     oracle_sentence(failed->invariant), needed);
    }
    (void)fflush(stdout);
}

int trials_bugs(const trials_plan_t *plan) {
    unsigned missed = 0;
    (void)printf("| bug | what it does | caught by | seeds needed |\n|---|---|---|---|\n");
    for (int bug = 1; bug < BUG_COUNT; bug++) {
        crew_plan_t crew = {
            .first = 1, .last = plan->limit, .jobs = plan->jobs, .world = plan->world};
        sim_result_t failed;
        crew.world.bug = (bug_t)bug;
        (void)printf("| `%s` | %s | ", bugs_word((bug_t)bug), bugs_what((bug_t)bug));
        uint64_t needed = crew_until(&crew, &failed);
        print_caught(needed, &failed);
        missed += needed == 0;
    }
    (void)printf("\n%d bugs, %u of them not caught within %" PRIu64 " seeds.\n", BUG_COUNT - 1,
                 missed, plan->limit);
    return missed == 0 ? 0 : 1;
}

/* ---- rows ---- */

typedef struct tally {
    unsigned tried;
    unsigned listed;
    unsigned missed;
    uint64_t most; /* seeds that one needed */
} tally_t;

static void print_cell(tally_t *tally, const sim_result_t *failed, uint64_t needed) {
    tally->missed += needed == 0;
    tally->most = needed > tally->most ? needed : tally->most;
    if (needed == 0) {
        (void)printf(" not caught |");
    } else if (failed->invariant == 0) {
        (void)printf(" assertion, %" PRIu64 " |", needed);
    } else {
        (void)printf(" %u, %" PRIu64 " |", failed->invariant, needed);
    }
    (void)fflush(stdout);
}

static void try_change(const trials_plan_t *plan, const table_machine_t *machine, uint16_t row,
                       rows_change_t change, tally_t *tally) {
    crew_plan_t crew = {.first = 1,
                        .last = plan->limit,
                        .jobs = plan->jobs,
                        .world = plan->world,
                        .machine = machine,
                        .row = row,
                        .change = change};
    sim_result_t failed;
    bool changes = rows_mutate(machine, row, change);
    (void)rows_mutate(NULL, 0, ROWS_UNCHANGED);
    if (!changes) {
        (void)printf(" |");
        return;
    }
    tally->tried++;
    if (unseen_reason(machine->name, row, change) != NULL) {
        tally->listed++;
        (void)printf(" cannot be seen |");
        return;
    }
    uint64_t needed = crew_until(&crew, &failed);
    print_cell(tally, &failed, needed);
}

static bool is_wanted(const trials_plan_t *plan, const table_machine_t *machine, uint16_t row) {
    char name[32];
    (void)snprintf(name, sizeof name, "%s:%u", machine->name, row);
    return plan->only == NULL || strcmp(plan->only, name) == 0;
}

int trials_mutations(const trials_plan_t *plan) {
    tally_t tally = {0};
    (void)printf("| row | deleted | its state stays | without its effects |\n|---|---|---|---|\n");
    for (size_t m = 0; m < ROWS_MACHINES; m++) {
        const table_machine_t *machine = rows_machine(m);
        for (size_t i = 0; i < machine->row_count; i++) {
            if (!is_wanted(plan, machine, machine->rows[i].id)) {
                continue;
            }
            (void)printf("| `%s:%u` |", machine->name, machine->rows[i].id);
            for (int change = ROWS_DELETED; change < ROWS_CHANGE_COUNT; change++) {
                try_change(plan, machine, machine->rows[i].id, (rows_change_t)change, &tally);
            }
            (void)printf("\n");
        }
    }
    (void)printf("\n%u changes were tried: %u were caught, within %" PRIu64
                 " seeds at most; %u cannot be seen; %u were not caught.\n",
                 tally.tried, tally.tried - tally.listed - tally.missed, tally.most, tally.listed,
                 tally.missed);
    unseen_print();
    return tally.missed == 0 && tally.tried > 0 ? 0 : 1;
}
