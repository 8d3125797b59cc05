/* fixture.c: see fixture.h. */
#include "tests/unit/coordinator/store/fixture.h"
#include "common/crypto/random.h"
#include "tests/unit/scratch.h"

int fixture_set_up(void **state) {
    fixture_t *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL || random_start(&fixture->err) != STATUS_OK) {
        return -1;
    }
    (void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/drover-store-XXXXXX");
    if (mkdtemp(fixture->folder) == NULL) {
        return -1;
    }
    (void)snprintf(fixture->catalog, sizeof fixture->catalog, "%s/catalog.db", fixture->folder);
    (void)snprintf(fixture->bundles, sizeof fixture->bundles, "%s/bundles", fixture->folder);
    fixture_open(fixture);
    *state = fixture;
    return 0;
}

int fixture_tear_down(void **state) {
    fixture_t *fixture = *state;
    fixture_close(fixture);
    int answer = scratch_remove(fixture->folder);
    free(fixture);
    return answer;
}

store_options_t fixture_options(const fixture_t *fixture) {
    return (store_options_t){.catalog = fixture->catalog,
                             .bundles = fixture->bundles,
                             .software = "test",
                             .now_us = 1000};
}

void fixture_open(fixture_t *fixture) {
    store_options_t options = fixture_options(fixture);
    OK(fixture, store_open(&options, &fixture->store, &fixture->err));
}

void fixture_close(fixture_t *fixture) {
    store_destroy(&fixture->store);
}

void fixture_exec(fixture_t *fixture, const char *sql) {
    driver_t *driver = fixture->store->driver;
    OK(fixture, driver->ops->exec(driver, sql, &fixture->err));
}

ident_t id_of(uint32_t n) {
    uint8_t bytes[IDENT_BYTES] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                                  (uint8_t)n, 7};
    return ident_from_bytes(bytes);
}

agent_key_t key_of(uint32_t n) {
    return (agent_key_t){.bytes = {(uint8_t)(n >> 8), (uint8_t)n, 0xa0}};
}

digest_t digest_of(uint32_t n) {
    return (digest_t){.bytes = {(uint8_t)(n >> 8), (uint8_t)n, 0xd0}};
}

void fixture_ok(const fixture_t *fixture, status_t status, const char *call, int line) {
    if (status != STATUS_OK) {
        char text[1024];
        print_error("line %d: %s: %s\n", line, call, error_line(&fixture->err, text, sizeof text));
        fail();
    }
}
