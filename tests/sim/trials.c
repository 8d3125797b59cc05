/* trials.c: see trials.h. */
#include "tests/sim/trials.h"

#include "tests/sim/crew.h"
#include "tests/sim/oracle.h"
#include "tests/sim/unseen.h"

#include <inttypes.h>
#include <stdio.h>

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
    (void)printf("\n%d bugs, %u not caught within %" PRIu64 " seeds\n", BUG_COUNT - 1, missed,
                 plan->limit);
    return missed == 0 ? 0 : 1;
}

/* Answers whether the mutation was missed and is not listed as one that cannot be seen. */
static bool try_row(const trials_plan_t *plan, const table_machine_t *machine,
                    const table_row_t *row, rows_change_t change) {
    crew_plan_t crew = {.first = 1,
                        .last = plan->limit,
                        .jobs = plan->jobs,
                        .world = plan->world,
                        .machine = machine,
                        .row = row->id,
                        .change = change};
    sim_result_t failed;
    const char *reason = unseen_reason(machine->name, row->id, change);
    if (reason != NULL) {
        (void)printf("| `%s:%u` | %s | cannot be seen: %s | |\n", machine->name, row->id,
                     rows_change_text(change), reason);
        return false;
    }
    (void)printf("| `%s:%u` | %s | ", machine->name, row->id, rows_change_text(change));
    uint64_t needed = crew_until(&crew, &failed);
    print_caught(needed, &failed);
    return needed == 0;
}

int trials_mutations(const trials_plan_t *plan) {
    unsigned missed = 0;
    unsigned tried = 0;
    (void)printf("| row | change | caught by | seeds needed |\n|---|---|---|---|\n");
    for (size_t m = 0; m < ROWS_MACHINES; m++) {
        const table_machine_t *machine = rows_machine(m);
        for (size_t i = 0; i < machine->row_count; i++) {
            for (int change = ROWS_DELETED; change < ROWS_CHANGE_COUNT; change++) {
                bool changes = rows_mutate(machine, machine->rows[i].id, (rows_change_t)change);
                (void)rows_mutate(NULL, 0, ROWS_UNCHANGED);
                if (changes) {
                    tried++;
                    missed += try_row(plan, machine, &machine->rows[i], (rows_change_t)change);
                }
            }
        }
    }
    (void)printf("\n%u mutations, %u not caught within %" PRIu64 " seeds and not listed\n", tried,
                 missed, plan->limit);
    return missed == 0 ? 0 : 1;
}
