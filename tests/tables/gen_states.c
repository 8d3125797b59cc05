/*
 * gen_states.c: prints docs/STATES.md from the decision tables of both engines on stdout. It
 * belongs to neither program, so that it may know both.
 */
#include "tests/tables/machines.h"

#include <stdio.h>
#include <string.h>

typedef struct chapter {
    const table_machine_t *machine;
    const char *source;
    const char *purpose;
} chapter_t;

static const chapter_t CHAPTERS[MACHINES] = {
    {&ROLLOUT_MACHINE, "coordinator/engine/rollout_table.c",
     "A rollout takes its waves one after the other. Pausing starts nothing new; stopping waits "
     "for\n"
     "the jobs in hand. A wave that fails pauses the rollout or, where its spec says so, has it\n"
     "rolled back by a rollout of its own."},
    {&WAVE_MACHINE, "coordinator/engine/wave_table.c",
     "A wave opens, is judged whenever one of its tasks ends, soaks, and passes; or its error "
     "budget\n"
     "is spent. A resume accepts the failures so far, a retry opens it again. After the first one "
     "a\n"
     "wave of a signed order is *awaiting* until its ticket is there: agents' signed results of "
     "the\n"
     "wave before, within its budget, or an approval."},
    {&TASK_MACHINE, "coordinator/engine/task_table.c",
     "A task is one tenant's part in a rollout. Silence is *unknown*, never success and never\n"
     "failure; a task that nobody waits for any more is *outstanding*, and word that comes late\n"
     "still counts."},
    {&LEASE_MACHINE, "coordinator/engine/lease_table.c",
     "One agent at a time may act on a cluster: the one that sees the writable primary. A lease "
     "runs\n"
     "out on the boot clock when its holder falls silent."},
    {&JOB_MACHINE, "agent/engine/job_table.c",
     "A job is one attempt at one tenant, as its agent sees it. A kind of job has some of the "
     "steps:\n"
     "a backup has no work, a restore no check. A restart goes on from what the journal and the\n"
     "tenant's ledger say."},
};

/* A state's name as an identifier of Mermaid. */
static void print_node(const char *name) {
    for (; *name != '\0'; name++) {
        (void)putchar(*name == ' ' ? '_' : *name);
    }
}

static void print_edge(const table_machine_t *machine, uint8_t from, uint8_t to) {
    uint32_t events = 0;
    for (size_t i = 0; i < machine->row_count; i++) {
        const table_row_t *row = &machine->rows[i];
        if ((row->states & IN(from)) != 0 && row->next == to) {
            events |= row->events;
        }
    }
    if (events == 0 || from == to) {
        return;
    }
    (void)printf("    ");
    print_node(machine->states[from]);
    (void)printf(" --> ");
    print_node(machine->states[to]);
    const char *between = " : ";
    for (uint8_t e = 0; e < machine->event_count; e++) {
        if ((events & IN(e)) != 0) {
            (void)printf("%s%s", between, machine->events[e]);
            between = ", ";
        }
    }
    (void)putchar('\n');
}

static void print_diagram(const table_machine_t *machine) {
    (void)printf("```mermaid\nstateDiagram-v2\n");
    for (uint8_t s = 0; s < machine->state_count; s++) {
        if (strchr(machine->states[s], ' ') != NULL) {
            (void)printf("    state \"%s\" as ", machine->states[s]);
            print_node(machine->states[s]);
            (void)putchar('\n');
        }
    }
    (void)printf("    [*] --> ");
    print_node(machine->states[0]);
    (void)putchar('\n');
    for (uint8_t from = 0; from < machine->state_count; from++) {
        for (uint8_t to = 0; to < machine->state_count; to++) {
            print_edge(machine, from, to);
        }
        if ((machine->final_states & IN(from)) != 0) {
            (void)printf("    ");
            print_node(machine->states[from]);
            (void)printf(" --> [*]\n");
        }
    }
    (void)printf("```\n");
}

/* The names of a set's elements; "any" where it is everything. */
static void print_set(uint32_t set, const char *const *names, size_t count) {
    if (set == IN(count) - 1) {
        (void)printf("any");
        return;
    }
    const char *between = "";
    for (size_t i = 0; i < count; i++) {
        if ((set & IN(i)) != 0) {
            (void)printf("%s%s", between, names[i]);
            between = ", ";
        }
    }
}

static void print_conditions(const table_machine_t *machine, const table_row_t *row) {
    const char *between = "";
    for (size_t i = 0; i < machine->condition_count; i++) {
        if ((row->mask & IN(i)) != 0) {
            (void)printf("%s%s%s", between, (row->value & IN(i)) != 0 ? "" : "not ",
                         machine->conditions[i]);
            between = ", ";
        }
    }
}

static void print_row(const table_machine_t *machine, const table_row_t *row) {
    (void)printf("| %d | ", row->id);
    print_set(row->states, machine->states, machine->state_count);
    (void)printf(" | ");
    print_set(row->events, machine->events, machine->event_count);
    (void)printf(" | ");
    print_conditions(machine, row);
    (void)printf(" | %s | ", row->next == TABLE_SAME ? "" : machine->states[row->next]);
    for (size_t i = 0; i < TABLE_EFFECTS && row->effects[i] != 0; i++) {
        (void)printf("%s%s", i > 0 ? ", " : "", machine->effects[row->effects[i]]);
    }
    (void)printf(" | %s |\n", row->why);
}

static void print_chapter(const chapter_t *chapter) {
    const table_machine_t *machine = chapter->machine;
    (void)printf("\n## %s\n\n%s\n\nSource: `%s`. Ends in: ", machine->name, chapter->purpose,
                 chapter->source);
    if (machine->final_states == 0) {
        (void)printf("nothing, it goes on");
    } else {
        print_set(machine->final_states, machine->states, machine->state_count);
    }
    (void)printf(".\n\n");
    print_diagram(machine);
    (void)printf(
        "\n| id | from | event | when | to | effects | why |\n|---|---|---|---|---|---|---|"
        "\n");
    for (size_t i = 0; i < machine->row_count; i++) {
        print_row(machine, &machine->rows[i]);
    }
}

int main(void) {
    (void)printf("# States\n\nGenerated from the decision tables of the engines; do not edit. "
                 "Exactly one row "
                 "matches any\nstate, event and set of conditions that can come about: a test "
                 "walks them all, "
                 "and another sees\nthe behaviour tests fail when any one row is deleted. Ids are "
                 "stable and "
                 "land in the audit log;\n*why* is the line that an operator reads. An empty *to* "
                 "leaves the "
                 "state as it is. The diagrams\nleave conditions out, the tables have them.\n");
    for (size_t i = 0; i < MACHINES; i++) {
        print_chapter(&CHAPTERS[i]);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
