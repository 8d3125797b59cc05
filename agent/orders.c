/* orders.c: see orders.h. Source: scandir(3), rename(2). */
#include "agent/orders.h"
#include "agent/notary.h"
#include "agent/takeback.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/whole.h"
#include "common/trust/trust_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096, LOOK_S = 1, NAME_MOST = 200 /* without its ending */ };

#define FRESH ".order"
#define ACCEPTED ".accepted"
#define REFUSED ".refused"
#define ACCOUNT ".txt"

/* A take-back that is not over. */
typedef struct open_order {
    takeback_t *takeback;
    char name[NAME_MOST + 1];
    struct open_order *next;
} open_order_t;

struct orders {
    char folder[PATH_SIZE];
    int64_t due_boot_us;
    open_order_t *open;
};

/* ---- files ---- */

static void path_of(const orders_t *orders, const char *name, const char *ending,
                    char path[PATH_SIZE + 256]) {
    (void)snprintf(path, PATH_SIZE + 256, "%s/%s%s", orders->folder, name, ending);
}

/* Whether a file's name has this ending; *ret_name is it without. */
static bool ends_with(const char *file, const char *ending, char ret_name[NAME_MOST + 1]) {
    size_t length = strlen(file);
    size_t tail = strlen(ending);
    if (file[0] == '.' || length <= tail || length - tail > NAME_MOST ||
        strcmp(file + length - tail, ending) != 0) {
        return false;
    }
    memcpy(ret_name, file, length - tail);
    ret_name[length - tail] = '\0';
    return true;
}

static int is_fresh(const struct dirent *item) {
    char name[NAME_MOST + 1];
    return ends_with(item->d_name, FRESH, name);
}

static int is_accepted(const struct dirent *item) {
    char name[NAME_MOST + 1];
    return ends_with(item->d_name, ACCEPTED, name);
}

/* Nothing but a plain file is opened: a pipe would hold the agent up. */
static status_t read_file(const char *path, document_t **ret_document, error_t *err) {
    struct stat about;
    if (lstat(path, &about) != 0) {
        return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "%s: %s", path,
                         strerror(errno));
    }
    if (!S_ISREG(about.st_mode)) {
        return error_set(err, ERROR_INVALID, "%s is no plain file", path);
    }
    return trust_file_read(path, ret_document, err);
}

static void write_account(const orders_t *orders, const char *name, const buffer_t *text) {
    char path[PATH_SIZE + 256];
    error_t err = {0};
    path_of(orders, name, ACCOUNT, path);
    if (whole_replace(&(whole_target_t){.path = path, .mode = 0600}, text->data, text->size,
                      &err) != STATUS_OK) {
        log_error("what came of an order could not be written", &err);
    }
}

static void rename_to(const orders_t *orders, const char *name, const char *ending) {
    char from[PATH_SIZE + 256];
    char to[PATH_SIZE + 256];
    path_of(orders, name, FRESH, from);
    path_of(orders, name, ending, to);
    if (rename(from, to) != 0) {
        error_t err = {0};
        (void)error_set(&err, ERROR_IO, "%s: %s", from, strerror(errno));
        log_error("an order's file could not be renamed", &err);
    }
}

/* ---- take-backs ---- */

static open_order_t *find_open(const orders_t *orders, const digest_t *digest) {
    for (open_order_t *open = orders->open; open != NULL; open = open->next) {
        if (digest_equal(takeback_digest(open->takeback), digest)) {
            return open;
        }
    }
    return NULL;
}

/* Its paper stands beside those of other orders from now on, where its jobs are judged by it. */
static status_t open_takeback(agent_t *agent, const char *name, const document_t *document,
                              const order_t *order, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    papers_name_t paper = {.kind = PAPERS_ORDER, .digest = document->id};
    if (find_open(agent->orders, &document->id) != NULL) {
        return STATUS_OK;
    }
    TRY(document_encode(document, &bytes, err));
    TRY(papers_bring(agent->papers, &paper, &bytes, err));
    open_order_t *open = calloc(1, sizeof *open);
    if (open == NULL || takeback_new(order, &open->takeback, err) != STATUS_OK) {
        free(open);
        return error_set(err, ERROR_NO_MEMORY, "out of memory for an order");
    }
    (void)snprintf(open->name, sizeof open->name, "%s", name);
    open->next = agent->orders->open;
    agent->orders->open = open;
    return STATUS_OK;
}

/* An order that the journal knows; every other document has had its effect by being taken. */
static status_t follow(agent_t *agent, const char *name, const document_t *document,
                       bool *ret_is_takeback, error_t *err) {
    CLEANUP(order_destroy_p) order_t *order = NULL;
    *ret_is_takeback = false;
    if (document->kind != DOCUMENT_ORDER || !keeper_knows(agent->keeper, &document->id)) {
        return STATUS_OK;
    }
    TRY(order_read(document, &order, err));
    *ret_is_takeback = order->kind == ORDER_TAKE_BACK;
    return *ret_is_takeback ? open_takeback(agent, name, document, order, err) : STATUS_OK;
}

static void look_at_open(agent_t *agent) {
    open_order_t **link = &agent->orders->open;
    while (*link != NULL && !agent->stopped) {
        open_order_t *open = *link;
        CLEANUP(buffer_free) buffer_t account = {0};
        takeback_state_t state = TAKEBACK_AT_WORK;
        error_t err = {0};
        if (takeback_look(agent, open->takeback, &state, &account, &err) != STATUS_OK) {
            log_error("a take-back could not go on", &err);
        }
        if (state != TAKEBACK_OVER) {
            link = &open->next;
            continue;
        }
        write_account(agent->orders, open->name, &account);
        log_info("a take-back is over", "file", open->name);
        *link = open->next;
        takeback_destroy(&open->takeback);
        free(open);
    }
}

/* ---- what is new ---- */

/* Told first, then renamed, here and where one is taken: a crash between leaves it fresh, so that
 * it is told again. Who waits for both waits for the name. */
static void refuse(agent_t *agent, const char *name, const error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    char line[2048];
    buffer_format(&text, "refused: %s\n", error_line(err, line, sizeof line));
    buffer_format(&text, "hint: %s\n", error_code_hint(err->code));
    log_error("an order's file was refused", err);
    write_account(agent->orders, name, &text);
    rename_to(agent->orders, name, REFUSED);
}

static status_t take(agent_t *agent, const char *name, const document_t *document, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    bool is_takeback = false;
    TRY(document_encode(document, &bytes, err));
    TRY(notary_take_file(agent, bytes.data, bytes.size, err));
    TRY(follow(agent, name, document, &is_takeback, err));
    if (!is_takeback) {
        buffer_clear(&bytes);
        buffer_format(&bytes, "accepted: %s\n", document_kind_text(document->kind));
        write_account(agent->orders, name, &bytes);
    }
    log_info("an order's file was accepted", "file", name);
    rename_to(agent->orders, name, ACCEPTED);
    return STATUS_OK;
}

static void look_at(agent_t *agent, const char *file, bool orders) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    char name[NAME_MOST + 1];
    char path[PATH_SIZE + 256];
    error_t err = {0};
    if (!ends_with(file, FRESH, name)) {
        return;
    }
    path_of(agent->orders, name, FRESH, path);
    status_t status = read_file(path, &document, &err);
    if (status == STATUS_OK && (document->kind == DOCUMENT_ORDER) != orders) {
        return; /* its turn is the other one */
    }
    if (status == STATUS_OK) {
        status = take(agent, name, document, &err);
    }
    if (status != STATUS_OK && !agent->stopped && err.code != ERROR_NOT_FOUND &&
        err.code != ERROR_NO_MEMORY) {
        refuse(agent, name, &err);
    }
}

/* By their names. Trust files and revocations come first: an order may need them. */
static void look_at_fresh(agent_t *agent) {
    struct dirent **items = NULL;
    int count = scandir(agent->orders->folder, &items, is_fresh, alphasort);
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < count && !agent->stopped; i++) {
            look_at(agent, items[i]->d_name, turn == 1);
        }
    }
    for (int i = 0; i < count; i++) {
        free(items[i]);
    }
    free(items);
}

void orders_tick(agent_t *agent) {
    int64_t boot_us = clock_boot_us();
    if (agent->orders == NULL || agent->stopped || agent->draining ||
        boot_us < agent->orders->due_boot_us) {
        return;
    }
    agent->orders->due_boot_us = boot_us + LOOK_S * US_PER_S;
    look_at_fresh(agent);
    look_at_open(agent);
}

/* ---- opening ---- */

/* Accepted, and its account was not written: a take-back that a restart interrupted. */
static void take_up(agent_t *agent, const char *file) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    char name[NAME_MOST + 1];
    char path[PATH_SIZE + 256];
    struct stat about;
    bool is_takeback = false;
    error_t err = {0};
    if (!ends_with(file, ACCEPTED, name)) {
        return;
    }
    path_of(agent->orders, name, ACCOUNT, path);
    if (lstat(path, &about) == 0) {
        return;
    }
    path_of(agent->orders, name, ACCEPTED, path);
    if (read_file(path, &document, &err) != STATUS_OK ||
        follow(agent, name, document, &is_takeback, &err) != STATUS_OK) {
        log_error("an accepted order could not be taken up again", &err);
    }
}

status_t orders_open(agent_t *agent, const char *folder, error_t *err) {
    struct dirent **items = NULL;
    agent->orders = calloc(1, sizeof *agent->orders);
    if (agent->orders == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory");
    }
    if (strlen(folder) >= sizeof agent->orders->folder) {
        return error_set(err, ERROR_BOUND, "the path of 'state' is too long");
    }
    (void)snprintf(agent->orders->folder, sizeof agent->orders->folder, "%s", folder);
    int count = scandir(folder, &items, is_accepted, alphasort);
    if (count < 0) {
        return error_set(err, ERROR_IO, "%s: %s", folder, strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        take_up(agent, items[i]->d_name);
        free(items[i]);
    }
    free(items);
    return STATUS_OK;
}

void orders_close(agent_t *agent) {
    orders_t *orders = agent->orders;
    if (orders == NULL) {
        return;
    }
    while (orders->open != NULL) {
        open_order_t *open = orders->open;
        orders->open = open->next;
        takeback_destroy(&open->takeback);
        free(open);
    }
    free(orders);
    agent->orders = NULL;
}
