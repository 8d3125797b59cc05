/* orders_list.c: see orders_list.h. */
#include "agent/orders_list.h"
#include "agent/engine/job.h"
#include "agent/journal/journal.h"
#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/base/whole.h"
#include "common/config/agent_config.h"
#include "common/config/find.h"
#include "common/trust/order.h"
#include "common/wire/field.h"
#include "proto/drover.pb-c.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PATH_SIZE = 4096, CELL = 64 };

static const char USAGE[] = "usage: drover-agent orders [--config FILE]\n"
                            "\n"
                            "Lists the orders that this agent's journal holds jobs of, the newest "
                            "first. Reads the journal\n"
                            "only; the agent may run meanwhile.\n"
                            "\n"
                            "  --config FILE  as for drover-agent\n";

/* One job of the journal's. */
typedef struct entry {
    digest_t order;
    ident_t tenant;
    int64_t accepted_us;
    uint32_t from;
    uint32_t to;
    bool finished;
    char application[LIMIT_NAME_BYTES + 1];
} entry_t;

typedef struct entries {
    entry_t *list;
    size_t count;
    size_t room;
} entries_t;

/* What is told of one order. */
typedef struct row {
    const entry_t *first;
    uint32_t from[2]; /* lowest, highest */
    uint32_t to[2];
    size_t tenants;
    size_t unfinished;
    int64_t last_us;
} row_t;

static void entries_free(entries_t *entries) {
    free(entries->list);
}

static status_t make_room(entries_t *entries, error_t *err) {
    if (entries->count < entries->room) {
        return STATUS_OK;
    }
    size_t room = entries->room == 0 ? 256 : 2 * entries->room;
    entry_t *list = realloc(entries->list, room * sizeof *list);
    if (list == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for %zu jobs", room);
    }
    entries->list = list;
    entries->room = room;
    return STATUS_OK;
}

static void fill(const Drover__Terms *terms, const Drover__Job *wire, entry_t *entry) {
    proof_t proof;
    error_t ignored = {0};
    entry->order = field_digest(terms->order_digest);
    (void)snprintf(entry->application, sizeof entry->application, "%s", terms->application);
    if (proof_decode(wire->proof.data, wire->proof.len, &proof, &ignored) == STATUS_OK) {
        entry->from = proof.leaf.from_position;
        entry->to = proof.leaf.to_position;
    }
}

static status_t take_job(const journal_job_t *job, void *context, error_t *err) {
    entries_t *entries = context;
    Drover__JobBatch *batch = drover__job_batch__unpack(NULL, job->payload_size, job->payload);
    if (batch == NULL || job->index >= batch->n_jobs ||
        batch->jobs[job->index]->terms >= batch->n_terms) {
        drover__job_batch__free_unpacked(batch, NULL);
        return error_set(err, ERROR_STORE, "a job in the journal cannot be read");
    }
    entry_t entry = {
        .tenant = job->tenant, .accepted_us = job->accepted_us, .finished = job->finished};
    const Drover__Job *wire = batch->jobs[job->index];
    fill(batch->terms[wire->terms], wire, &entry);
    drover__job_batch__free_unpacked(batch, NULL);
    TRY(make_room(entries, err));
    entries->list[entries->count++] = entry;
    return STATUS_OK;
}

static int by_order(const void *left, const void *right) {
    const entry_t *a = left;
    const entry_t *b = right;
    int orders = memcmp(a->order.bytes, b->order.bytes, DIGEST_BYTES);
    return orders != 0 ? orders : ident_compare(&a->tenant, &b->tenant);
}

static int by_time(const void *left, const void *right) {
    const row_t *a = left;
    const row_t *b = right;
    return (a->last_us < b->last_us) - (a->last_us > b->last_us);
}

static void widen(uint32_t range[2], uint32_t value) {
    range[0] = value < range[0] ? value : range[0];
    range[1] = value > range[1] ? value : range[1];
}

/* The row of the order whose entries begin at *at, which moves past them. */
static row_t next_row(const entries_t *entries, size_t *at) {
    const entry_t *first = &entries->list[*at];
    row_t row = {.first = first, .from = {first->from, first->from}, .to = {first->to, first->to}};
    const entry_t *before = NULL;
    for (; *at < entries->count; (*at)++) {
        const entry_t *entry = &entries->list[*at];
        if (!digest_equal(&entry->order, &first->order)) {
            break;
        }
        widen(row.from, entry->from);
        widen(row.to, entry->to);
        row.tenants += before == NULL || !ident_equal(&before->tenant, &entry->tenant);
        row.unfinished += !entry->finished;
        row.last_us = entry->accepted_us > row.last_us ? entry->accepted_us : row.last_us;
        before = entry;
    }
    return row;
}

/* ---- telling ---- */

/* What kind the order's paper says it is; "-" where the paper is not there. */
static void kind_of(const char *state, const digest_t *order, char text[CELL]) {
    char path[PATH_SIZE];
    char digest[DIGEST_TEXT_SIZE];
    CLEANUP(free_p) char *bytes = NULL;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(order_destroy_p) order_t *read = NULL;
    size_t size = 0;
    error_t ignored = {0};
    (void)snprintf(path, sizeof path, "%s/papers/%s.order", state, digest_text(order, digest));
    (void)snprintf(text, CELL, "-");
    whole_source_t source = {.path = path, .most_bytes = DOCUMENT_BYTES, .what = "an order"};
    if (whole_read(&source, &bytes, &size, &ignored) == STATUS_OK &&
        document_decode(bytes, size, &document, &ignored) == STATUS_OK &&
        digest_equal(&document->id, order) && order_read(document, &read, &ignored) == STATUS_OK) {
        (void)snprintf(text, CELL, "%s", order_kind_text(read->kind));
    }
}

static void range_of(const uint32_t range[2], char text[CELL]) {
    if (range[0] == range[1]) {
        (void)snprintf(text, CELL, "%u", range[0]);
    } else {
        (void)snprintf(text, CELL, "%u-%u", range[0], range[1]);
    }
}

static void time_of(int64_t us, char text[CELL]) {
    time_t seconds = (time_t)(us / US_PER_S);
    struct tm broken;
    if (gmtime_r(&seconds, &broken) == NULL ||
        strftime(text, CELL, "%Y-%m-%dT%H:%M:%SZ", &broken) == 0) {
        (void)snprintf(text, CELL, "-");
    }
}

static void put_row(const char *state, const row_t *row, buffer_t *out) {
    char digest[DIGEST_TEXT_SIZE];
    char kind[CELL];
    char from[CELL];
    char to[CELL];
    char last[CELL];
    CLEANUP(buffer_free) buffer_t application = {0};
    kind_of(state, &row->first->order, kind);
    range_of(row->from, from);
    range_of(row->to, to);
    time_of(row->last_us, last);
    utf8_escape(row->first->application, strlen(row->first->application), &application);
    buffer_format(out, "%s  %-10s  %-16s  %7s  %7s  %7zu  %10zu  %s\n",
                  digest_text(&row->first->order, digest), kind, buffer_string(&application), from,
                  to, row->tenants, row->unfinished, last);
}

static status_t tell(const char *state, entries_t *entries, error_t *err) {
    CLEANUP(buffer_free) buffer_t out = {0};
    CLEANUP(free_p) row_t *rows = calloc(entries->count + 1, sizeof *rows);
    size_t count = 0;
    if (rows == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a list");
    }
    if (entries->count > 0) {
        qsort(entries->list, entries->count, sizeof entries->list[0], by_order);
    }
    for (size_t at = 0; at < entries->count;) {
        row_t row = next_row(entries, &at);
        if (!digest_is_null(&row.first->order)) {
            rows[count++] = row;
        }
    }
    qsort(rows, count, sizeof rows[0], by_time);
    buffer_format(&out, "%-64s  %-10s  %-16s  %7s  %7s  %7s  %10s  %s\n", "ORDER", "KIND",
                  "APPLICATION", "FROM", "TO", "TENANTS", "UNFINISHED", "LAST JOB");
    for (size_t i = 0; i < count; i++) {
        put_row(state, &rows[i], &out);
    }
    TRY(buffer_check(&out, err));
    return fputs(buffer_string(&out), stdout) >= 0 && fflush(stdout) == 0
               ? STATUS_OK
               : error_set(err, ERROR_IO, "cannot write the list: %m");
}

static status_t list(const char *config_path, error_t *err) {
    static problems_t problems;
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(agent_config_destroy_p) agent_config_t *config = NULL;
    CLEANUP(journal_close_p) journal_t *journal = NULL;
    CLEANUP(entries_free) entries_t entries = {0};
    TRY(config_find((config_search_t){.program = "agent", .explicit_path = config_path}, &path,
                    err));
    if (agent_config_load(path, &problems, &config, err) != STATUS_OK) {
        problems_print(&problems, stderr);
        return STATUS_ERROR;
    }
    TRY(journal_open_reading(config->state, &journal, err));
    TRY(journal_history(journal, take_job, &entries, err));
    return tell(config->state, &entries, err);
}

int orders_list_main(int argc, char **argv) {
    const char *config_path = NULL;
    error_t err = {0};
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            return fputs(USAGE, stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
        }
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            config_path = argv[++i];
            continue;
        }
        (void)fprintf(stderr, "drover-agent orders: '%s' is not understood\n%s", argv[i], USAGE);
        return 2;
    }
    if (list(config_path, &err) != STATUS_OK) {
        error_print(&err, "drover-agent orders");
        return error_code_exit(err.code);
    }
    return 0;
}
