/* backup_readback.c: see backup_readback.h. */
#include "agent/backup/backup_readback.h"
#include "agent/backup/backup_file.h"
#include "agent/backup/backup_listing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum {
    READ_BYTES = 1024 * 1024,
    PIECE_BYTES = 4 * 1024 * 1024, /* settled and dropped from the cache at once; whole pages */
};

/* What the reader answers; both ends are the same process image, so it travels as it is. */
typedef struct verdict {
    status_t status;
    error_t err;
    backup_layers_t layers;
    int64_t entries;
} verdict_t;

_Static_assert(sizeof(verdict_t) <= 4096, "one write to a pipe is whole up to PIPE_BUF");

DEFINE_CLEANUP(backup_pour_t, backup_pour_destroy)

static void listing_drop(backup_listing_t *listing) {
    backup_tool_drop(&listing->process);
}

/* Read the file from *at up to end and pour it. */
static status_t pour_file(int fd, uint64_t *at, uint64_t end, backup_pour_t *pour, char *bytes,
                          error_t *err) {
    while (*at < end) {
        size_t want = end - *at < READ_BYTES ? (size_t)(end - *at) : READ_BYTES;
        ssize_t n = pread(fd, bytes, want, (off_t)*at);
        if (n < 0 && errno != EINTR) {
            return backup_file_error(err, "read back", "the backup");
        }
        if (n == 0) {
            return error_set(err, ERROR_BACKUP_CORRUPT,
                             "the file is shorter than what was written");
        }
        if (n > 0) {
            TRY(backup_pour(pour, bytes, (size_t)n, err));
            *at += (uint64_t)n;
        }
    }
    return STATUS_OK;
}

/*
 * Wait until the disk has this piece, and let go of the copy in memory, so that it is read from the
 * disk. Advice: a file system that keeps its pages (tmpfs) answers from memory. What the disk could
 * not take is told by the writer's fsync. Sources: sync_file_range(2), posix_fadvise(2).
 */
static void settle(int fd, uint64_t at, uint64_t end) {
    const unsigned all =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    (void)sync_file_range(fd, (off_t)at, (off_t)(end - at), all);
    (void)posix_fadvise(fd, (off_t)at, (off_t)(end - at), POSIX_FADV_DONTNEED);
}

static status_t follow(int fd, int progress, backup_pour_t *pour, error_t *err) {
    CLEANUP(free_p) char *bytes = malloc(READ_BYTES);
    if (bytes == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory to read a backup");
    }
    uint64_t at = 0;
    uint64_t written = 0;
    bool over = false; /* the writer said all it had to, and has synced */
    while (!over) {
        uint64_t told = 0;
        ssize_t n = read(progress, &told, sizeof told);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        over = n != (ssize_t)sizeof told;
        written = over ? written : told;
        while (written - at >= PIECE_BYTES || (over && at < written)) {
            uint64_t end = written - at >= PIECE_BYTES ? at + PIECE_BYTES : written;
            settle(fd, at, end);
            TRY(pour_file(fd, &at, end, pour, bytes, err));
        }
    }
    if (lseek(fd, 0, SEEK_END) != (off_t)at) {
        return error_set(err, ERROR_BACKUP_CORRUPT, "the file is longer than what was written");
    }
    return STATUS_OK;
}

static status_t read_back(const backup_readback_source_t *source, int progress, verdict_t *verdict,
                          error_t *err) {
    CLEANUP(backup_pour_destroy_p) backup_pour_t *pour = NULL;
    CLEANUP(listing_drop) backup_listing_t listing = {.process = BACKUP_PROCESS_NONE};
    CLEANUP(close_p) int fd = open(source->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return backup_file_error(err, "read back", source->path);
    }
    TRY(backup_listing_start(source->programs, &listing, err));
    backup_outlet_t outlet = {.sink = backup_listing_feed, .context = &listing};
    TRY(backup_pour_new(source->reader_p, &outlet, &pour, err));
    TRY(follow(fd, progress, pour, err));
    TRY(backup_pour_end(pour, &verdict->layers, err));
    return backup_listing_end(&listing, &verdict->entries, err);
}

/* The reading process, from its first line to its last. */
static _Noreturn void run(const backup_readback_source_t *source, pid_t parent, int progress,
                          int answer) {
    verdict_t verdict;
    memset(&verdict, 0, sizeof verdict);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent) {
        verdict.status = read_back(source, progress, &verdict, &verdict.err);
        (void)!write(answer, &verdict, sizeof verdict);
    }
    _exit(0);
}

status_t backup_readback_start(const backup_readback_source_t *source,
                               backup_readback_t *ret_readback, error_t *err) {
    int progress[2] = {-1, -1};
    int answer[2] = {-1, -1};
    pid_t parent = getpid();
    if (pipe2(progress, O_CLOEXEC) != 0 || pipe2(answer, O_CLOEXEC) != 0) {
        close_p(&progress[0]);
        close_p(&progress[1]);
        return backup_file_error(err, "make pipes for", "reading back");
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(progress[1]);
        (void)close(answer[0]);
        run(source, parent, progress[0], answer[1]);
    }
    (void)close(progress[0]);
    (void)close(answer[1]);
    *ret_readback = (backup_readback_t){.pid = pid, .progress = progress[1], .answer = answer[0]};
    if (pid < 0) {
        backup_readback_drop(ret_readback);
        return backup_file_error(err, "start", "reading back");
    }
    return STATUS_OK;
}

void backup_readback_tell(const backup_readback_t *readback, uint64_t written) {
    (void)!write(readback->progress, &written, sizeof written);
}

status_t backup_readback_end(backup_readback_t *readback, backup_layers_t *ret_layers,
                             int64_t *ret_entries, error_t *err) {
    verdict_t verdict;
    close_p(&readback->progress);
    readback->progress = -1;
    ssize_t n = 0;
    do {
        n = read(readback->answer, &verdict, sizeof verdict);
    } while (n < 0 && errno == EINTR);
    backup_readback_drop(readback);
    if (n != (ssize_t)sizeof verdict) {
        return error_set(err, ERROR_BACKUP_FAILED, "the process that reads back died");
    }
    if (verdict.status != STATUS_OK) {
        *err = verdict.err;
        return error_context(err, "reading the backup back");
    }
    *ret_layers = verdict.layers;
    *ret_entries = verdict.entries;
    return STATUS_OK;
}

void backup_readback_drop(backup_readback_t *readback) {
    close_p(&readback->progress);
    close_p(&readback->answer);
    if (readback->pid > 0) {
        (void)kill(readback->pid, SIGKILL);
        while (waitpid(readback->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    *readback = BACKUP_READBACK_NONE;
}
