/* backup_left.c: see backup_left.h. Names tell most: manifests are read only of a tenant that has
 * more backups than are kept, the oldest of them past its age. */
#include "agent/backup/backup_left.h"
#include "agent/backup/backup_file.h"
#include "common/base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { PARTIALS_MOST = 3, ORPHANS_MOST = 2 };

struct backup_left {
    DIR *folders;
    size_t partials;
    size_t orphans;
    size_t old;
    size_t old_tenants;
    int64_t oldest_us;
    size_t count;
    backup_left_item_t items[BACKUP_LEFT_MOST];
};

status_t backup_left_new(const char *dir, backup_left_t **ret_left, error_t *err) {
    CLEANUP(backup_left_destroy_p) backup_left_t *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory to look at the backups");
    }
    self->folders = opendir(dir);
    if (self->folders == NULL) {
        return backup_file_error(err, "list", dir);
    }
    *ret_left = TAKE(self);
    return STATUS_OK;
}

void backup_left_destroy(backup_left_t **self_p) {
    if (self_p != NULL && *self_p != NULL) {
        if ((*self_p)->folders != NULL) {
            (void)closedir((*self_p)->folders);
        }
        free(*self_p);
        *self_p = NULL;
    }
}

static void closedir_p(DIR **folder) {
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

static bool has_suffix(const char *name, const char *suffix) {
    size_t size = strlen(name);
    size_t tail = strlen(suffix);
    return size > tail && strcmp(name + size - tail, suffix) == 0;
}

static void add(backup_left_t *self, const backup_left_item_t *item) {
    if (self->count < BACKUP_LEFT_MOST) {
        self->items[self->count++] = *item;
    }
}

/* Something that stands below the folder; its place travels where it is short enough. */
static backup_left_item_t item_in(const char *kind, const char *dir) {
    backup_left_item_t item = {.kind = ""};
    (void)snprintf(item.kind, sizeof item.kind, "%s", kind);
    (void)snprintf(item.detail, sizeof item.detail, "%s",
                   strlen(dir) < sizeof item.detail ? dir : "");
    return item;
}

/* Whether a living worker holds the data file that this partial file is, or is beside. */
static bool is_held(int folder, const char *partial) {
    char data[NAME_MAX + 1];
    const char *tail = BACKUP_MANIFEST_SUFFIX BACKUP_PARTIAL_SUFFIX;
    (void)snprintf(data, sizeof data, "%s", partial);
    if (has_suffix(partial, tail)) {
        size_t stem = strlen(partial) - strlen(tail);
        if (stem + strlen(BACKUP_DATA_SUFFIX BACKUP_PARTIAL_SUFFIX) >= sizeof data) {
            return false;
        }
        (void)snprintf(data + stem, sizeof data - stem, "%s",
                       BACKUP_DATA_SUFFIX BACKUP_PARTIAL_SUFFIX);
    }
    CLEANUP(close_p) int fd = openat(folder, data, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;
}

static void take_partial(backup_left_t *self, const char *dir, const char *tenant,
                         const char *file) {
    backup_left_item_t item = item_in("backup_partial", dir);
    int length = snprintf(item.name, sizeof item.name, "%s/%s", tenant, file);
    if (length > 0 && (size_t)length < sizeof item.name && self->partials++ < PARTIALS_MOST) {
        add(self, &item);
    }
}

/* When a backup was begun, as the names of its files begin with it; 0: it is no such name. */
static int64_t begun_us(const char *file) {
    struct tm day = {0};
    const char *end = strptime(file, "%Y%m%dT%H%M%SZ-", &day);
    return end != NULL ? (int64_t)timegm(&day) * US_PER_S : 0;
}

/* What names tell of a tenant's folder. */
typedef struct folder_sum {
    int64_t backups;
    int64_t oldest_us; /* 0: none */
} folder_sum_t;

static folder_sum_t sum_folder(backup_left_t *self, const char *dir, const char *tenant) {
    folder_sum_t sum = {0};
    char path[PATH_MAX];
    CLEANUP(closedir_p) DIR *files = NULL;
    if (snprintf(path, sizeof path, "%s/%s", dir, tenant) < PATH_MAX) {
        files = opendir(path);
    }
    for (struct dirent *file = files != NULL ? readdir(files) : NULL; file != NULL;
         file = readdir(files)) {
        if (has_suffix(file->d_name, BACKUP_PARTIAL_SUFFIX) &&
            !is_held(dirfd(files), file->d_name)) {
            take_partial(self, dir, tenant, file->d_name);
        }
        int64_t at_us =
            has_suffix(file->d_name, BACKUP_MANIFEST_SUFFIX) ? begun_us(file->d_name) : 0;
        if (at_us != 0) {
            sum.backups++;
            sum.oldest_us = sum.oldest_us == 0 || at_us < sum.oldest_us ? at_us : sum.oldest_us;
        }
    }
    return sum;
}

static int by_id(const void *a, const void *b) {
    return ident_compare(a, b);
}

/* The retention of a while ago, and how many of a list's backups there were then: it is ordered
 * oldest first. Whether an open rollout may need one is known of now only. */
static backup_retention_t retention_then(const backup_retention_t *retention, backup_list_t *list) {
    backup_retention_t then = *retention;
    then.now_us -= BACKUP_LEFT_GRACE_US;
    while (list->count > 0 && list->entries[list->count - 1].manifest.started_us > then.now_us) {
        list->count--;
    }
    return then;
}

/* Those that pruning would have removed already before the grace, and that it would remove now. */
static void take_old(backup_left_t *self, const backup_left_rules_t *rules, const ident_t *tenant) {
    CLEANUP(backup_list_free) backup_list_t list = {0};
    error_t unread = {0};
    size_t before = self->old;
    if (backup_list_read(rules->dir, tenant, &rules->trust, &list, &unread) != STATUS_OK) {
        return;
    }
    CLEANUP(free_p) backup_verdict_t *verdicts = calloc(list.count + 1, sizeof *verdicts);
    backup_list_t earlier = list; /* borrows */
    const backup_retention_t then = retention_then(&rules->retention, &earlier);
    if (verdicts == NULL || earlier.count == 0 ||
        backup_retention_plan(&earlier, &then, verdicts, &unread) != STATUS_OK) {
        return;
    }
    for (size_t i = 0; i < earlier.count; i++) {
        int64_t at_us = list.entries[i].manifest.started_us;
        if (verdicts[i] == BACKUP_PRUNE) {
            self->old++;
            self->oldest_us =
                self->oldest_us == 0 || at_us < self->oldest_us ? at_us : self->oldest_us;
        }
    }
    self->old_tenants += self->old > before;
}

static void look_at(backup_left_t *self, const backup_left_rules_t *rules, const char *name) {
    ident_t tenant;
    error_t ignored = {0};
    if (ident_parse(name, &tenant, &ignored) != STATUS_OK) {
        return; /* not ours */
    }
    folder_sum_t sum = sum_folder(self, rules->dir, name);
    bool nobodys = rules->tenants != NULL && bsearch(&tenant, rules->tenants, rules->tenant_count,
                                                     sizeof tenant, by_id) == NULL;
    if (nobodys && sum.backups > 0) {
        backup_left_item_t item = item_in("backup_orphan", rules->dir);
        (void)snprintf(item.name, sizeof item.name, "%s", name);
        if (self->orphans++ < ORPHANS_MOST) {
            add(self, &item);
        }
    } else if (sum.backups > rules->retention.keep_count &&
               sum.oldest_us <
                   rules->retention.now_us - BACKUP_LEFT_GRACE_US - rules->retention.keep_age_us) {
        take_old(self, rules, &tenant);
    }
}

static void tell_old(backup_left_t *self) {
    backup_left_item_t item = {.kind = "backup_old"};
    char at[CLOCK_TEXT_SIZE];
    if (self->old > 0) {
        (void)snprintf(item.name, sizeof item.name, "%zu backups", self->old);
        (void)snprintf(item.detail, sizeof item.detail, "of %zu tenants, the oldest of %s",
                       self->old_tenants, clock_text(self->oldest_us, at));
        add(self, &item);
    }
}

bool backup_left_step(backup_left_t *self, const backup_left_rules_t *rules, size_t folders) {
    for (size_t i = 0; i < folders; i++) {
        struct dirent *name = readdir(self->folders);
        if (name == NULL) {
            tell_old(self);
            return true;
        }
        look_at(self, rules, name->d_name);
    }
    return false;
}

const backup_left_item_t *backup_left_items(const backup_left_t *self, size_t *ret_count) {
    *ret_count = self->count;
    return self->items;
}
