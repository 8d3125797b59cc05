/* engine.c: runs the cases of the coordinator's engine; they stand in cases_*.c. */
#include "tests/unit/coordinator/engine/stage.h"

int main(void) {
    size_t list_count = 0;
    case_list_fn *const *lists = stage_case_lists(&list_count);
    int failed = 0;
    for (size_t i = 0; i < list_count; i++) {
        case_list_t list = lists[i]();
        failed += _cmocka_run_group_tests("engine", list.items, list.count, NULL, NULL);
    }
    return failed;
}
