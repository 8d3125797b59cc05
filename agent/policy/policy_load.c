/*
 * policy_load.c: the I/O of policy.h.
 *
 * The path is walked name by name and the rights of every folder on it are looked at, as sshd does
 * with its users' files: whoever can write a folder can put another file in the place of ours. In a
 * folder with the sticky bit (/tmp) nobody does that to a name of another's. Symbolic links are
 * followed, each where its owner and its folder are fit.
 * Sources: open(2), readlink(2), path_resolution(7), inode(7); OpenSSH's safe_path.
 */
#include "agent/policy/policy_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* Whether the owner is one of the two who may change what this host permits. */
static bool owner_is_fit(const struct stat *seen) {
    return seen->st_uid == 0 || seen->st_uid == geteuid();
}

static status_t unreadable(const char *path, error_t *err) {
    return error_set(err, ERROR_POLICY_FILE, "cannot read %.300s: %s", path, strerror(errno));
}

/* How far the path was walked. */
typedef struct walk {
    const char *file;    /* the whole, for messages */
    char at[PATH_MAX];   /* walked and fit: "" is the root */
    char rest[PATH_MAX]; /* to walk yet */
    int links;           /* followed so far */
} walk_t;

enum { LINKS_MAX = 40 }; /* as path_resolution(7) has it */

static status_t too_long(const walk_t *walk, error_t *err) {
    errno = ENAMETOOLONG;
    return unreadable(walk->file, err);
}

/* A link's rights are its folder's, which was looked at before; its owner is its own. */
static status_t check_rights(const walk_t *walk, const struct stat *seen, error_t *err) {
    bool is_sticky = S_ISDIR(seen->st_mode) && (seen->st_mode & S_ISVTX) != 0;
    const char *at = walk->at[0] != '\0' ? walk->at : "/";
    if (!owner_is_fit(seen)) {
        return error_set(err, ERROR_POLICY_FILE,
                         "%.200s: %.200s belongs to user %u: it must be root's or user %u's",
                         walk->file, at, (unsigned)seen->st_uid, (unsigned)geteuid());
    }
    if ((seen->st_mode & (S_IWGRP | S_IWOTH)) != 0 && !is_sticky && !S_ISLNK(seen->st_mode)) {
        return error_set(err, ERROR_POLICY_FILE,
                         "%.200s: %.200s has mode %04o: others than its owner can write it",
                         walk->file, at, (unsigned)(seen->st_mode & 07777));
    }
    return STATUS_OK;
}

/* Take the next name off the rest: "" at its end. */
static void next_name(walk_t *walk, char name[PATH_MAX]) {
    size_t skip = strspn(walk->rest, "/");
    size_t length = strcspn(walk->rest + skip, "/");
    memcpy(name, walk->rest + skip, length);
    name[length] = '\0';
    memmove(walk->rest, walk->rest + skip + length, strlen(walk->rest + skip + length) + 1);
}

/* Stand before the link at walk->at again, with what it says in front of the rest. */
static status_t follow(walk_t *walk, error_t *err) {
    char target[PATH_MAX], rest[PATH_MAX];
    ssize_t size = readlink(walk->at, target, sizeof target - 1);
    if (size < 0 || ++walk->links > LINKS_MAX) {
        errno = size < 0 ? errno : ELOOP;
        return unreadable(walk->file, err);
    }
    target[size] = '\0';
    int n = snprintf(rest, sizeof rest, "%s/%s", target, walk->rest);
    if (n < 0 || (size_t)n >= sizeof rest) {
        return too_long(walk, err);
    }
    memcpy(walk->rest, rest, (size_t)n + 1);
    *(target[0] == '/' ? walk->at : strrchr(walk->at, '/')) = '\0';
    return STATUS_OK;
}

/* One name further; *ret_seen is what stands at walk->at. */
static status_t step(walk_t *walk, const char *name, struct stat *ret_seen, error_t *err) {
    size_t length = strlen(walk->at);
    if (length + 1 + strlen(name) >= sizeof walk->at) {
        return too_long(walk, err);
    }
    walk->at[length] = '/';
    memcpy(walk->at + length + 1, name, strlen(name) + 1);
    if (lstat(walk->at, ret_seen) != 0) {
        return unreadable(walk->file, err);
    }
    return check_rights(walk, ret_seen, err);
}

/* Walk to the file itself: walk->at is then its path without any link. A ".." in it is a folder
 * like any other. */
static status_t walk_to_file(walk_t *walk, error_t *err) {
    struct stat seen;
    char name[PATH_MAX];
    if (lstat("/", &seen) != 0) {
        return unreadable(walk->file, err);
    }
    TRY(check_rights(walk, &seen, err));
    for (next_name(walk, name); name[0] != '\0'; next_name(walk, name)) {
        TRY(step(walk, name, &seen, err));
        if (S_ISLNK(seen.st_mode)) {
            TRY(follow(walk, err));
        }
    }
    return STATUS_OK;
}

/* Open it after all rights were found narrow enough. */
static status_t open_checked(const char *path, int *ret_fd, error_t *err) {
    struct stat seen;
    walk_t walk = {.file = path};
    if (path[0] != '/' || strlen(path) >= sizeof walk.rest) {
        return error_set(err, ERROR_POLICY_FILE, "%.300s: it is no absolute path", path);
    }
    memcpy(walk.rest, path, strlen(path) + 1);
    TRY(walk_to_file(&walk, err));
    /* Nonblocking: a pipe would keep us waiting for a writer. */
    CLEANUP(close_p)
    int fd = open(walk.at, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &seen) != 0) {
        return unreadable(path, err);
    }
    if (!S_ISREG(seen.st_mode)) {
        return error_set(err, ERROR_POLICY_FILE, "%.300s: it is no regular file", path);
    }
    TRY(check_rights(&walk, &seen, err));
    *ret_fd = fd;
    fd = -1;
    return STATUS_OK;
}

/* All of it, up to one byte more than the limit, so that too much shows. */
static status_t read_whole(const char *path, char **ret_bytes, size_t *ret_size, error_t *err) {
    CLEANUP(close_p) int fd = -1;
    TRY(open_checked(path, &fd, err));
    CLEANUP(free_p) char *bytes = malloc(POLICY_CONFIG_BYTES + 1);
    if (bytes == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for %.300s", path);
    }
    size_t size = 0;
    while (size <= POLICY_CONFIG_BYTES) { /* each turn reads a byte at least, or ends */
        ssize_t n = read(fd, bytes + size, POLICY_CONFIG_BYTES + 1 - size);
        if (n < 0 && errno != EINTR) {
            return unreadable(path, err);
        }
        if (n == 0) {
            break;
        }
        size += n > 0 ? (size_t)n : 0;
    }
    *ret_bytes = TAKE(bytes);
    *ret_size = size;
    return STATUS_OK;
}

/* Nothing of what stood there before stays in force. */
static void forget(policy_t *policy, const error_t *why) {
    policy_config_destroy(&policy->config);
    free(policy->bytes);
    policy->bytes = NULL;
    policy->size = 0;
    policy->problem = *why;
    problems_begin(&policy->problems, policy->path);
}

static status_t parse(policy_t *policy, error_t *err) {
    const yaml_text_t text = {.name = policy->path, .bytes = policy->bytes, .size = policy->size};
    policy_config_t *config = NULL;
    if (policy_config_parse(&text, &policy->problems, &config, err) != STATUS_OK) {
        policy->problem = *err;
        return STATUS_ERROR;
    }
    policy->config = config;
    return STATUS_OK;
}

status_t policy_load(const char *path, problems_t *problems, policy_t **ret_policy, error_t *err) {
    if (problems != NULL) {
        problems_begin(problems, path);
    }
    CLEANUP(policy_destroy_p) policy_t *policy = calloc(1, sizeof *policy);
    if (policy == NULL || (policy->path = strdup(path)) == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory for %.300s", path);
    }
    TRY(read_whole(path, &policy->bytes, &policy->size, err));
    if (parse(policy, err) != STATUS_OK) {
        if (problems != NULL) {
            *problems = policy->problems;
        }
        return STATUS_ERROR;
    }
    *ret_policy = TAKE(policy);
    return STATUS_OK;
}

bool policy_refresh(policy_t *policy) {
    error_t err = {0};
    char *bytes = NULL;
    size_t size = 0;
    if (policy == NULL || policy->path == NULL) {
        return false;
    }
    if (read_whole(policy->path, &bytes, &size, &err) != STATUS_OK) {
        bool is_news = policy->config != NULL || strcmp(policy->problem.message, err.message) != 0;
        forget(policy, &err);
        return is_news;
    }
    if (policy->bytes != NULL && policy->size == size && memcmp(policy->bytes, bytes, size) == 0) {
        free(bytes);
        return false;
    }
    forget(policy, &err);
    policy->bytes = bytes;
    policy->size = size;
    if (parse(policy, &err) != STATUS_OK && err.code == ERROR_NO_MEMORY) {
        forget(policy, &err); /* not the file's fault: parsed again when asked again */
    }
    return true;
}

bool policy_killed(const policy_t *policy) {
    struct stat seen;
    if (policy == NULL || policy->config == NULL || policy->config->kill_switch == NULL) {
        return false;
    }
    return lstat(policy->config->kill_switch, &seen) == 0 || errno != ENOENT;
}
