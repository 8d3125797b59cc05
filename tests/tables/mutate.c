/*
 * mutate.c: every row matters. The behaviour cases of both engines run once as they are and must
 * pass, then once for each row of each table with that row hidden, and must fail. Each run is a
 * child process, since a hidden row ends in an abort. DROVER_HIDE_ROW=task:12 runs the cases with
 * that row hidden in the open, to see what fails.
 */
#include "tests/tables/machines.h"
#include "tests/unit/agent/engine/cases_job.h"
#include "tests/unit/coordinator/engine/stage.h"

#include <fcntl.h>
#include <sys/resource.h>

static void run_cases(const struct CMUnitTest *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        void *state = NULL;
        cases[i].test_func(&state);
    }
}

/* Outside of a cmocka group a failed assertion ends the process. */
static void run_suite(const table_machine_t *machine) {
    if (machine == &JOB_MACHINE) {
        size_t count = 0;
        const struct CMUnitTest *cases = cases_job(&count);
        run_cases(cases, count);
        return;
    }
    size_t lists = 0;
    case_list_fn *const *list = stage_case_lists(&lists);
    for (size_t i = 0; i < lists; i++) {
        run_cases(list[i]().items, list[i]().count);
    }
}

/* Whether the machine's suite passes without this row; 0 hides none. */
static bool passes_without(const table_machine_t *machine, uint16_t id) {
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGABRT, SIG_DFL);
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (nowhere < 0 || dup2(nowhere, STDERR_FILENO) < 0 || dup2(nowhere, STDOUT_FILENO) < 0) {
            _exit(0); /* counts as survival, so that it is noticed */
        }
        table_hide_row(machine, id);
        run_suite(machine);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(void) {
    const char *wanted = getenv("DROVER_HIDE_ROW");
    int survivors = 0;
    size_t rows = 0;
    for (size_t m = 0; m < MACHINES; m++) {
        const table_machine_t *machine = ALL_MACHINES[m];
        size_t name = strlen(machine->name);
        if (wanted != NULL && strncmp(wanted, machine->name, name) == 0 && wanted[name] == ':') {
            table_hide_row(machine, (uint16_t)strtoul(wanted + name + 1, NULL, 10));
            run_suite(machine);
            (void)printf("the cases pass without %s\n", wanted);
            return 1;
        }
        if (wanted == NULL && !passes_without(machine, 0)) {
            (void)printf("%s: the cases fail with every row in place\n", machine->name);
            survivors++;
        }
        for (size_t i = 0; wanted == NULL && i < machine->row_count; i++, rows++) {
            if (passes_without(machine, machine->rows[i].id)) {
                (void)printf("%s:%d can be deleted and no case fails: %s\n", machine->name,
                             machine->rows[i].id, machine->rows[i].why);
                survivors++;
            }
        }
    }
    (void)printf("%zu rows, %d survivors\n", rows, survivors);
    return survivors == 0 && rows > 0 ? 0 : 1;
}
