/* fixture.c: see fixture.h. */
#include "tests/unit/agent/inventory/fixture.h"
#include "common/base/clock.h"
#include "common/crypto/random.h"
#include "common/wire/codec.h"
#include "common/wire/field.h"
#include "tests/unit/config/config_cases.h"

#include <poll.h>

enum { PATIENCE_US = 60 * 1000000, POLLS_MOST = 256 };

static void must(status_t status, const error_t *err) {
    if (status != STATUS_OK) {
        error_print(err, "inventory");
        fail();
    }
}

static void on_cluster(void *context, size_t cluster) {
    (void)cluster;
    ((bench_t *)context)->cluster_changes++;
}

static void on_tenants(void *context) {
    ((bench_t *)context)->tenant_changes++;
}

static void begin(bench_t *bench) {
    error_t err = {0};
    inventory_callbacks_t callbacks = {
        .context = bench, .cluster_changed = on_cluster, .tenants_changed = on_tenants};
    must(journal_open(bench->folder, &bench->journal, &err), &err);
    must(inventory_new(bench->config, bench->journal, &callbacks, &bench->inventory, &err), &err);
}

void bench_start(bench_t *bench, const char *cluster_yaml) {
    error_t err = {0};
    CLEANUP(buffer_free) buffer_t yaml = {0};
    *bench = (bench_t){.folder = "/tmp/drover-inventory-XXXXXX"};
    must(random_start(&err), &err);
    assert_non_null(mkdtemp(bench->folder));
    buffer_format(&yaml,
                  "name: agent\ncoordinator:\n  address: tcp://coordinator:7707\n"
                  "  curve: \"%s\"\nkeys: {sign: a.key, curve: c.key}\n"
                  "trust: {root: r}\nstate: %s\ninventory_refresh: 60s\nclusters:\n"
                  "  - name: one\n%s",
                  CURVE_A, bench->folder, cluster_yaml);
    yaml_text_t text = text_of(buffer_string(&yaml));
    must(agent_config_parse(&text, NULL, &bench->config, &err), &err);
    begin(bench);
}

static void end(bench_t *bench) {
    error_t err = {0};
    must(journal_commit(bench->journal, &err), &err);
    inventory_destroy(&bench->inventory);
    journal_close(&bench->journal);
}

void bench_restart(bench_t *bench) {
    end(bench);
    begin(bench);
}

void bench_stop(bench_t *bench) {
    char command[128];
    end(bench);
    agent_config_destroy(&bench->config);
    (void)snprintf(command, sizeof command, "rm -rf %s", bench->folder);
    assert_int_equal(system(command), 0);
}

/* ---- running ---- */

static inventory_now_t now_of(const bench_t *bench) {
    return (inventory_now_t){.boot_us = clock_boot_us() + bench->ahead_us,
                             .wall_us = clock_wall_us() + bench->ahead_us + bench->wrong_us};
}

static size_t gather(bench_t *bench, struct pollfd *polls, size_t *ret_sessions) {
    size_t count = 0;
    for (size_t i = 0; i < inventory_session_count(bench->inventory); i++) {
        const inventory_session_t *session = inventory_session(bench->inventory, i);
        int wants = inventory_session_wants(session);
        if (inventory_session_fd(session) >= 0) {
            assert_in_range(count, 0, POLLS_MOST - 1);
            ret_sessions[count] = i;
            polls[count++] =
                (struct pollfd){.fd = inventory_session_fd(session),
                                .events = (short)(((wants & CONNECTION_READ) != 0 ? POLLIN : 0) |
                                                  ((wants & CONNECTION_WRITE) != 0 ? POLLOUT : 0))};
        }
    }
    bench->most_sessions = count > bench->most_sessions ? count : bench->most_sessions;
    return count;
}

static void turn(bench_t *bench) {
    struct pollfd polls[POLLS_MOST];
    size_t sessions[POLLS_MOST];
    inventory_now_t now = now_of(bench);
    inventory_tick(bench->inventory, &now);
    size_t count = gather(bench, polls, sessions);
    int64_t wait_us = inventory_due_us(bench->inventory) - now.boot_us;
    int wait_ms = wait_us > 100 * US_PER_MS ? 100 : (int)(wait_us / US_PER_MS) + 1;
    if (poll(polls, (nfds_t)count, wait_us < 0 ? 0 : wait_ms) <= 0) {
        return;
    }
    now = now_of(bench);
    for (size_t i = 0; i < count; i++) {
        if (polls[i].revents != 0) {
            inventory_ready(bench->inventory, inventory_session(bench->inventory, sessions[i]),
                            &now);
        }
    }
}

void bench_run(bench_t *bench, bench_until_fn *until, void *context) {
    int64_t end_us = clock_boot_us() + PATIENCE_US;
    do {
        turn(bench);
        assert_true(clock_boot_us() < end_us);
    } while (!until(bench, context));
}

static bool is_settled(bench_t *bench, void *context) {
    (void)context;
    bool idle = inventory_due_us(bench->inventory) > now_of(bench).boot_us;
    for (size_t i = 0; i < inventory_session_count(bench->inventory); i++) {
        idle = idle && inventory_session_fd(inventory_session(bench->inventory, i)) < 0;
    }
    return idle;
}

void bench_settle(bench_t *bench) {
    bench_run(bench, is_settled, NULL);
}

void bench_pass(bench_t *bench, int64_t seconds) {
    bench->ahead_us += seconds * US_PER_S;
    bench_settle(bench);
}

unsigned bench_connections(bench_t *bench) {
    unsigned sum = 0;
    for (size_t i = 0; i < inventory_session_count(bench->inventory); i++) {
        sum += inventory_session_generation(inventory_session(bench->inventory, i)) >> 16;
    }
    return sum;
}

const inventory_tenant_t *bench_tenant(bench_t *bench, const char *database) {
    uint64_t cluster = inventory_cluster(bench->inventory, 0)->system_identifier;
    const inventory_tenant_t *tenant = inventory_find(bench->inventory, cluster, database);
    if (tenant == NULL) {
        fail_msg("no tenant in database %s", database);
    }
    return tenant;
}

/* ---- telling ---- */

static void hear(const Drover__TenantSeen *seen, size_t at, bench_said_t *said) {
    said->times++;
    said->gone += seen->gone;
    if (seen->gone) {
        said->gone_id = field_ident(seen->tenant);
        return;
    }
    said->at = at;
    said->id = field_ident(seen->tenant);
    said->stamped = seen->stamped;
    (void)snprintf(said->name, sizeof said->name, "%s", seen->name);
    (void)snprintf(said->problem_code, sizeof said->problem_code, "%s", seen->problem_code);
    (void)snprintf(said->problem, sizeof said->problem, "%s", seen->problem);
    said->labels[0] = '\0';
    for (size_t i = 0; i < seen->n_labels; i++) {
        size_t used = strlen(said->labels);
        (void)snprintf(said->labels + used, sizeof said->labels - used, "%s%s=%s", i > 0 ? " " : "",
                       seen->labels[i]->key, seen->labels[i]->value);
    }
    if (seen->n_applications > 0) {
        said->position = seen->applications[0]->position;
        said->sequence = seen->applications[0]->ledger_sequence;
    }
}

/* Through the codec, which refuses what a coordinator would refuse. */
static void send_part(const inventory_part_t *part, const char *database,
                      bench_telling_t *telling) {
    error_t err = {0};
    ident_t snapshot = random_ident();
    CLEANUP(buffer_free) buffer_t bytes = {0};
    CLEANUP(message_destroy_p) message_t *message = NULL;
    Drover__Inventory inventory;
    drover__inventory__init(&inventory);
    inventory.snapshot = field_of_ident(&snapshot);
    inventory.last = part->last;
    inventory.tenants = part->tenants;
    inventory.n_tenants = part->count;
    must(codec_seal(DROVER__KIND__KIND_INVENTORY, &inventory.base, NULL, &bytes, &err), &err);
    must(codec_receive(bytes.data, bytes.size, PARTY_AGENT, NULL, &message, &err), &err);
    assert_int_equal(message->inventory->n_tenants, part->count);
    for (size_t i = 0; i < message->inventory->n_tenants; i++) {
        const Drover__TenantSeen *seen = message->inventory->tenants[i];
        telling->tenants++;
        if (strcmp(seen->database, database) == 0) {
            hear(seen, telling->tenants, &telling->said);
        }
    }
}

bench_telling_t bench_tell(bench_t *bench, bool everything, size_t most, const char *database) {
    error_t err = {0};
    bench_telling_t telling = {0};
    inventory_reading_t *reading = NULL;
    inventory_part_t part = {0};
    must(inventory_reading_new(bench->inventory, everything, &reading, &err), &err);
    telling.full = inventory_reading_is_full(reading);
    do {
        must(inventory_reading_part(reading, most, &part, &err), &err);
        assert_in_range(part.count, 0, most);
        send_part(&part, database, &telling);
        telling.parts++;
    } while (!part.last);
    inventory_reading_told(&reading);
    assert_null(reading);
    return telling;
}
