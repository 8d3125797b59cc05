/* catalog.c: a throwaway catalog; apart from world.c because the store's query.h and migration's
 * statement.h name the same things. */
#include "tests/unit/coordinator/service/world.h"
#undef OK
#include "tests/unit/coordinator/store/fixture.h"

int catalog_set_up(world_t *w) {
    int answer = fixture_set_up(&w->fixture);
    if (answer == 0) {
        fixture_t *fixture = w->fixture;
        w->store = fixture->store;
        (void)snprintf(w->folder, sizeof w->folder, "%s", fixture->folder);
    }
    return answer;
}

int catalog_tear_down(world_t *w) {
    return fixture_tear_down(&w->fixture);
}

void catalog_exec(world_t *w, const char *sql) {
    fixture_exec(w->fixture, sql);
}
