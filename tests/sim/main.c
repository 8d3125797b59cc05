/*
 * main.c: the simulator's command line: one seed or many, replayed, shrunk, with a planted bug, or
 * against every planted bug and every row of the engines' tables. See --help.
 */
#include "tests/sim/crew.h"
#include "tests/sim/trials.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char HELP[] =
    "usage: tests/sim/run [options]\n"
    "  --seed S           one seed; what happened is printed where it fails\n"
    "  --seeds A-B        many seeds; exit code 1 where one fails\n"
    "  --jobs N           shared among N processes (default 2)\n"
    "  --trace            print what happens (one seed)\n"
    "  --shrink           with --seed: the shortest prefix of its faults that still fails\n"
    "  --keep N           with --seed: only the first N of its faults happen\n"
    "  --bug NAME         with this defect planted; --bug list names them\n"
    "  --bugs             every planted bug, each until the oracle catches it\n"
    "  --mutations        every row of every state table, changed, each until it is caught\n"
    "  --row MACHINE:ID   with --mutations: only that one\n"
    "  --coverage         print which rows of the state tables were taken; exit code 1: not all\n"
    "  --write            put the tables of --bugs and --mutations into docs/RELIABILITY.md\n"
    "  --limit N          seeds for each bug or mutation (default 1000)\n"
    "  --coordinators, --agents, --tenants, --faults N   the world (2, 8, 40, 200)\n"
    "  --big              one order or few over everything: 1,000 agents, 10,000 tenants\n"
    "  --help             this text\n";

typedef struct command {
    crew_plan_t plan;
    bool one;
    bool shrink;
    bool bugs;
    bool mutations;
    bool coverage;
    uint64_t limit;
    const char *row;
} command_t;

enum {
    OPTION_FIRST = 256,
    SEED,
    SEEDS,
    JOBS,
    TRACE,
    SHRINK,
    BUG,
    BUGS_ALL,
    MUTATIONS,
    ROW,
    COVERAGE,
    LIMIT,
    KEEP,
    COORDINATORS,
    AGENTS,
    TENANTS,
    FAULTS,
    BIG,
    HELP_TEXT
};

static const struct option OPTIONS[] = {
    {"seed", required_argument, NULL, SEED},
    {"seeds", required_argument, NULL, SEEDS},
    {"jobs", required_argument, NULL, JOBS},
    {"trace", no_argument, NULL, TRACE},
    {"shrink", no_argument, NULL, SHRINK},
    {"bug", required_argument, NULL, BUG},
    {"bugs", no_argument, NULL, BUGS_ALL},
    {"mutations", no_argument, NULL, MUTATIONS},
    {"row", required_argument, NULL, ROW},
    {"coverage", no_argument, NULL, COVERAGE},
    {"limit", required_argument, NULL, LIMIT},
    {"keep", required_argument, NULL, KEEP},
    {"coordinators", required_argument, NULL, COORDINATORS},
    {"agents", required_argument, NULL, AGENTS},
    {"tenants", required_argument, NULL, TENANTS},
    {"faults", required_argument, NULL, FAULTS},
    {"big", no_argument, NULL, BIG},
    {"help", no_argument, NULL, HELP_TEXT},
    {0},
};

static int wrong(const char *what) {
    (void)fprintf(stderr, "sim: %s\n%s", what, HELP);
    return 2;
}

static void list_bugs(void) {
    for (int i = 1; i < BUG_COUNT; i++) {
        (void)printf("%-22s %s\n", bugs_word((bug_t)i), bugs_what((bug_t)i));
    }
}

static uint64_t number(const char *text) {
    return strtoull(text, NULL, 10);
}

static void set_big(sim_options_t *world) {
    world->big = true;
    world->coordinators = 1;
    world->agents = 1000;
    world->tenants = 10000;
}

static void take_seeds(command_t *command, const char *text) {
    char *rest = NULL;
    command->plan.first = strtoull(text, &rest, 10);
    command->plan.last = *rest == '-' ? number(rest + 1) : command->plan.first;
}

/* A word of the command line; false where it makes no sense. */
static bool take(command_t *command, int option, const char *text) {
    sim_options_t *world = &command->plan.world;
    uint32_t value = text != NULL ? (uint32_t)number(text) : 0;
    switch (option) {
    case SEED:
        command->one = true;
        command->plan.first = command->plan.last = number(text);
        return true;
    case SEEDS:
        take_seeds(command, text);
        return true;
    case JOBS:
        command->plan.jobs = value;
        return value > 0;
    case TRACE:
        world->trace = true;
        return true;
    case SHRINK:
        command->shrink = true;
        return true;
    case BUG:
        world->bug = bugs_find(text);
        return world->bug != BUG_COUNT;
    case BUGS_ALL:
        command->bugs = true;
        return true;
    case MUTATIONS:
        command->mutations = true;
        return true;
    case ROW:
        command->row = text;
        return true;
    case COVERAGE:
        command->coverage = true;
        return true;
    case LIMIT:
        command->limit = value;
        return value > 0;
    case COORDINATORS:
        world->coordinators = value;
        return value > 0 && value <= SIM_COORDINATORS;
    case AGENTS:
        world->agents = value;
        return value > 0;
    case TENANTS:
        world->tenants = value;
        return value > 0;
    case FAULTS:
        world->faults = value;
        world->faults_kept = value;
        return true;
    case KEEP:
        world->faults_kept = value;
        return true;
    case BIG:
        set_big(world);
        return true;
    default:
        return false;
    }
}

int main(int argc, char **argv) {
    command_t command = {
        .limit = 1000,
        .plan = {
            .first = 1,
            .last = 100,
            .jobs = 2,
            .world = {
                .coordinators = 2, .agents = 8, .tenants = 40, .faults = 200, .faults_kept = 200}}};
    for (int option = 0; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        if (option == HELP_TEXT) {
            (void)fputs(HELP, stdout);
            return 0;
        }
        if (option == BUG && strcmp(optarg, "list") == 0) {
            list_bugs();
            return 0;
        }
        if (!take(&command, option, optarg)) {
            return wrong("that makes no sense");
        }
    }
    if (command.bugs || command.mutations) {
        trials_plan_t trials = {.limit = command.limit,
                                .jobs = command.plan.jobs,
                                .world = command.plan.world,
                                .only = command.row};
        return command.bugs ? trials_bugs(&trials) : trials_mutations(&trials);
    }
    if (command.one && command.shrink) {
        return crew_shrink(&command.plan);
    }
    if (command.one) {
        return crew_replay(&command.plan);
    }
    return crew_run(&command.plan, command.coverage);
}
