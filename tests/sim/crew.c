/* crew.c: see crew.h. Source: fork(2), mmap(2), waitpid(2). */
#include "tests/sim/crew.h"

#include "tests/sim/oracle.h"
#include "tests/sim/unseen.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_JOBS = 64, TOLD = 20, RERUN = 100 };

static crew_sum_t *share(void) {
    void *at =
        mmap(NULL, sizeof(crew_sum_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    INVARIANT(at != MAP_FAILED);
    return at;
}

/* The processes count in the same place, one at a time. */
static void lock(crew_sum_t *sum) {
    while (__atomic_test_and_set(&sum->locked, __ATOMIC_ACQUIRE)) {
        (void)sched_yield(); /* held for a few additions */
    }
}

static void unlock(crew_sum_t *sum) {
    __atomic_clear(&sum->locked, __ATOMIC_RELEASE);
}

static void note_failure(crew_sum_t *sum, uint64_t seed, const sim_result_t *result) {
    if (sum->failures++ == 0 || seed < sum->failed_seed) {
        sum->failed_seed = seed;
        sum->failed = *result;
    }
}

static void run_one(const crew_plan_t *plan, crew_sum_t *sum, uint64_t seed, bool quiet) {
    sim_options_t options = plan->world;
    sim_result_t result;
    options.seed = seed;
    sim_run(&options, &result);
    bool reruns = seed % RERUN == 0 && plan->machine == NULL;
    sim_result_t again = result;
    if (reruns) {
        sim_run(&options, &again);
    }
    lock(sum);
    sum->seeds++;
    sum->events += result.events;
    sum->virtual_s += (uint64_t)(result.virtual_us / SIM_S);
    sum->reruns += reruns;
    sum->differing += again.hash != result.hash;
    if (result.failed) {
        note_failure(sum, seed, &result);
        if (!quiet && sum->failures <= TOLD) {
            (void)printf("seed %" PRIu64 ": invariant %u: %s\n", seed, result.invariant,
                         result.why);
            (void)fflush(stdout);
        }
    }
    unlock(sum);
}

static void take_rows(crew_sum_t *sum) {
    for (size_t m = 0; m < ROWS_MACHINES; m++) {
        for (size_t i = 0; i < rows_machine(m)->row_count; i++) {
            for (int by = 0; by < ROWS_TAKERS; by++) {
                sum->taken[by][m][i] += rows_taken((rows_taker_t)by, rows_machine(m), i);
            }
        }
    }
}

/* One process: every jobs-th seed from here on. */
static void work(const crew_plan_t *plan, crew_sum_t *sum, uint32_t job, uint64_t from,
                 bool until) {
    const struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    if (plan->machine != NULL) {
        (void)rows_mutate(plan->machine, plan->row, plan->change);
    }
    if (until) {
        (void)freopen("/dev/null", "w", stderr);
    }
    for (uint64_t seed = from; seed <= plan->last; seed += plan->jobs) {
        if (until && sum->failures > 0 && sum->failed_seed < seed) {
            break;
        }
        sum->current[job] = seed;
        run_one(plan, sum, seed, until);
        if (until && sum->failures > 0) {
            break;
        }
    }
    lock(sum);
    take_rows(sum);
    unlock(sum);
    sum->current[job] = UINT64_MAX;
    _exit(0);
}

static pid_t employ(const crew_plan_t *plan, crew_sum_t *sum, uint32_t job, uint64_t from,
                    bool until) {
    (void)fflush(stdout);
    pid_t child = fork();
    INVARIANT(child >= 0);
    if (child == 0) {
        work(plan, sum, job, from, until);
    }
    return child;
}

/* An assertion ended the process: its seed failed, and the next one's turn comes. */
static uint64_t bury(crew_sum_t *sum, uint32_t job, int status, bool until) {
    uint64_t seed = sum->current[job];
    sim_result_t result = {.failed = true};
    (void)snprintf(result.why, sizeof result.why, "%s",
                   WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT
                       ? "an assertion of the engines or the shells"
                       : "the process died");
    lock(sum);
    note_failure(sum, seed, &result);
    unlock(sum);
    if (!until && sum->failures <= TOLD) {
        (void)printf("seed %" PRIu64 ": %s\n", seed, result.why);
    }
    return seed;
}

static void employ_all(const crew_plan_t *plan, crew_sum_t *sum, bool until) {
    pid_t children[MAX_JOBS];
    uint32_t jobs = plan->jobs < MAX_JOBS ? plan->jobs : MAX_JOBS;
    uint32_t alive = jobs;
    for (uint32_t job = 0; job < jobs; job++) {
        children[job] = employ(plan, sum, job, plan->first + job, until);
    }
    while (alive > 0) {
        int status = 0;
        pid_t gone = waitpid(-1, &status, 0);
        uint32_t job = 0;
        while (job < jobs && children[job] != gone) {
            job++;
        }
        if (job == jobs) {
            continue;
        }
        alive--;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
            continue;
        }
        uint64_t seed = bury(sum, job, status, until);
        if (!until && seed + plan->jobs <= plan->last && sum->failures < TOLD) {
            children[job] = employ(plan, sum, job, seed + plan->jobs, until);
            alive++;
        }
    }
}

uint64_t crew_until(const crew_plan_t *plan, sim_result_t *ret_failed) {
    crew_sum_t *sum = share();
    employ_all(plan, sum, true);
    uint64_t needed = sum->failures > 0 ? sum->failed_seed - plan->first + 1 : 0;
    *ret_failed = sum->failed;
    (void)munmap(sum, sizeof *sum);
    return needed;
}

/* ---- many seeds ---- */

/* How many rows nobody took, but for those that nobody can take; one of those that was taken counts
 * too, for it should not be called so. */
static size_t print_coverage(const crew_sum_t *sum) {
    size_t missing = 0;
    size_t rows = 0;
    size_t by_fleet = 0;
    (void)printf("%-12s %12s %12s\n", "row", "the fleet", "copies");
    for (size_t m = 0; m < ROWS_MACHINES; m++) {
        const table_machine_t *machine = rows_machine(m);
        for (size_t i = 0; i < machine->row_count; i++, rows++) {
            uint64_t fleet = sum->taken[ROWS_FLEET][m][i];
            uint64_t probes = sum->taken[ROWS_PROBES][m][i];
            (void)printf("%s:%-4u %12" PRIu64 " %12" PRIu64 "  %s\n", machine->name,
                         machine->rows[i].id, fleet, probes, machine->rows[i].why);
            bool takeable = !unseen_is_out_of_reach(machine->name, machine->rows[i].id);
            missing += takeable != (fleet + probes > 0);
            by_fleet += fleet != 0;
        }
    }
    (void)printf("%zu rows; %zu were taken by the fleet, the others on copies; %zu are missing\n",
                 rows, by_fleet, missing);
    return missing;
}

static double now_s(void) {
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

int crew_run(const crew_plan_t *plan, bool coverage) {
    crew_sum_t *sum = share();
    double began = now_s();
    employ_all(plan, sum, false);
    double took = now_s() - began;
    size_t missing = coverage ? print_coverage(sum) : 0;
    (void)printf("%" PRIu64 " seeds, %" PRIu64 " events, %.0f hours of virtual time in %.1f s: "
                 "%.1f seeds a second; %" PRIu64 " run twice, %" PRIu64 " hashes differ; "
                 "%" PRIu64 " failed\n",
                 sum->seeds, sum->events, (double)sum->virtual_s / 3600, took,
                 (double)sum->seeds / took, sum->reruns, sum->differing, sum->failures);
    bool good = sum->failures == 0 && sum->differing == 0 && sum->seeds > 0 && missing == 0;
    (void)munmap(sum, sizeof *sum);
    return good ? 0 : 1;
}

/* ---- one seed ---- */

static void print_result(const sim_options_t *options, const sim_result_t *result) {
    if (result->failed) {
        (void)printf("seed %" PRIu64 " with %u faults: invariant %u, %s\n  %s\n", options->seed,
                     options->faults_kept, result->invariant, oracle_sentence(result->invariant),
                     result->why);
    } else {
        (void)printf("seed %" PRIu64 ": clean; %" PRIu64 " events, %.0f s of virtual time, "
                     "hash %016" PRIx64 "\n",
                     options->seed, result->events, (double)result->virtual_us / 1e6, result->hash);
    }
}

int crew_replay(const crew_plan_t *plan) {
    sim_options_t options = plan->world;
    sim_result_t result;
    options.seed = plan->first;
    sim_run(&options, &result);
    if (result.failed && !options.trace) {
        options.trace = true;
        sim_run(&options, &result);
    }
    print_result(&options, &result);
    return result.failed ? 1 : 0;
}

static bool fails(const crew_plan_t *plan, uint32_t kept, sim_result_t *ret_failed) {
    crew_plan_t one = *plan;
    one.jobs = 1;
    one.world.trace = false;
    one.world.faults_kept = kept;
    return crew_until(&one, ret_failed) != 0;
}

/* A longer prefix may heal what a shorter one breaks, so each length is tried, shortest first. */
int crew_shrink(const crew_plan_t *plan) {
    sim_result_t result;
    if (!fails(plan, plan->world.faults, &result)) {
        (void)printf("seed %" PRIu64 " is clean\n", plan->first);
        return 0;
    }
    for (uint32_t kept = 0; kept <= plan->world.faults; kept++) {
        if (fails(plan, kept, &result)) {
            sim_options_t options = plan->world;
            options.seed = plan->first;
            options.faults_kept = kept;
            print_result(&options, &result);
            (void)printf("replay: tests/sim/run --seed %" PRIu64 " --faults %u --keep %u\n",
                         plan->first, plan->world.faults, kept);
            break;
        }
    }
    return 1;
}
