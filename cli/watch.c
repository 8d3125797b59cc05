/* watch.c: see watch.h. Interrupts: signal(7); the size of a terminal: TIOCGWINSZ, ioctl_tty(2). */
#include "cli/watch.h"
#include "cli/progress.h"
#include "cli/standing.h"
#include "common/base/clock.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define POLL_FIRST_US (200 * US_PER_MS)
#define POLL_MOST_US US_PER_S
#define POLL_TENANT_US 100 /* an answer costs by the tenant: pauses grow with them */
#define PATIENCE_US (60 * US_PER_S)

enum { WIDTH_LEAST = 20, WIDTH_FALLBACK = 80, LINES_FALLBACK = 24 };

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
    (void)number;
    interrupted = 1;
}

typedef struct watch {
    remote_t *remote;
    const char *rollout;
    watch_options_t options;
    int64_t until_us;
    int64_t silent_since_us; /* 0: it answers */
    int64_t pause_us;
    json_t *status; /* the last one */
    standing_told_t told;
    progress_block_t block;
    struct sigaction before;
} watch_t;

static void watch_end(watch_t *watch) {
    (void)sigaction(SIGINT, &watch->before, NULL);
    json_decref(watch->status);
}

static void watch_begin(watch_t *watch) {
    /* once: a second interrupt ends the program at once, whatever it waits for */
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    interrupted = 0;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, &watch->before);
    watch->pause_us = POLL_FIRST_US;
    watch->until_us =
        watch->options.timeout_us > 0 ? clock_boot_us() + watch->options.timeout_us : INT64_MAX;
    if (watch->options.patience_us == 0) {
        watch->options.patience_us = PATIENCE_US;
    }
}

static standing_room_t room_of_terminal(void) {
    struct winsize size = {0};
    standing_room_t room = {.width = WIDTH_FALLBACK, .lines = LINES_FALLBACK};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= WIDTH_LEAST) {
        room = (standing_room_t){.width = size.ws_col - 1, .lines = size.ws_row};
    }
    return room;
}

static status_t draw(watch_t *watch, error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {0};
    const output_t speech = remote_speech(watch->remote);
    FILE *talk = remote_talk(watch->remote);
    if (speech.live) {
        standing_block(&speech, watch->status, room_of_terminal(), &text);
        TRY(buffer_check(&text, err));
        progress_draw(&watch->block, buffer_string(&text), talk);
        return STATUS_OK;
    }
    standing_changes(watch->status, &watch->told, &text);
    return output_flush(&text, talk, err);
}

/* Ask how it stands. Silence is borne for a while. */
static status_t look(watch_t *watch, error_t *err) {
    json_t *status = NULL;
    json_t *arguments = json_pack("{s:s}", "rollout", watch->rollout);
    if (remote_ask(watch->remote, "rollout.status", arguments, &status, err) == STATUS_OK) {
        if (watch->silent_since_us != 0) {
            output_say("the coordinator answers again");
        }
        watch->silent_since_us = 0;
        json_decref(watch->status);
        watch->status = status;
        return draw(watch, err);
    }
    bool silent = err->code == ERROR_WIRE_UNREACHABLE || err->code == ERROR_WIRE_TIMEOUT;
    int64_t now_us = clock_boot_us();
    if (!silent || (watch->silent_since_us != 0 &&
                    now_us - watch->silent_since_us >= watch->options.patience_us)) {
        return error_context(err, "watching rollout %.40s", watch->rollout);
    }
    if (watch->silent_since_us == 0) {
        output_say("%s; the rollout does not depend on it, trying again", err->message);
        watch->silent_since_us = now_us;
    }
    return STATUS_OK;
}

/* The longest pause: while jobs are in hand a small rollout's end is near. */
static int64_t most_of(const watch_t *watch) {
    int64_t by_size = document_number(watch->status, "tasks") * POLL_TENANT_US;
    bool at_work = watch->status != NULL && document_number(watch->status, "in_flight") > 0;
    return !at_work || by_size > POLL_MOST_US ? POLL_MOST_US
           : by_size > POLL_FIRST_US          ? by_size
                                              : POLL_FIRST_US;
}

static void rest(watch_t *watch) {
    watch->pause_us = watch->pause_us < most_of(watch) ? watch->pause_us : most_of(watch);
    int64_t left_us = watch->until_us - clock_boot_us();
    int64_t wait_us = watch->pause_us < left_us ? watch->pause_us : left_us;
    if (wait_us > 0 && interrupted == 0) {
        const struct timespec pause = {.tv_sec = (time_t)(wait_us / US_PER_S),
                                       .tv_nsec = (long)(wait_us % US_PER_S) * 1000};
        (void)nanosleep(&pause, NULL); /* an interrupt ends it */
    }
    watch->pause_us = watch->pause_us * 5 / 4;
    watch->pause_us = watch->pause_us < POLL_MOST_US ? watch->pause_us : POLL_MOST_US;
}

/* The rollback of a failed wave that runs by itself, or NULL. */
static const char *child_at_work(const json_t *status) {
    size_t index = 0;
    const json_t *child = NULL;
    json_array_foreach(document_at(status, "children"), index, child) {
        const char *state = document_text(child, "state");
        if (strcmp(state, "planned") == 0 || strcmp(state, "running") == 0 ||
            strcmp(state, "stopping") == 0 || strcmp(state, "reverting") == 0) {
            return document_text(child, "rollout");
        }
    }
    return NULL;
}

static status_t leave(watch_t *watch, error_t *err) {
    char id[OUTPUT_ID_SIZE];
    (void)output_id(watch->rollout, id);
    if (interrupted != 0) {
        output_say("rollout %s goes on without this watch:", id);
        (void)fprintf(stderr,
                      "  drover rollout watch %s    follow it again\n"
                      "  drover rollout pause %s    start nothing more until it is resumed\n"
                      "  drover rollout stop %s     finish the steps in hand and end it\n",
                      id, id, id);
        return error_set(err, ERROR_WATCH_ENDED, "rollout %s: no longer watched", id);
    }
    return error_set(err, ERROR_ROLLOUT_TIMEOUT, "rollout %s is still %s", id,
                     document_text(watch->status, "state"));
}

/* Follow it to its end; watch->status is then how it ended. */
static status_t follow(watch_t *watch, error_t *err) {
    for (;;) { /* until it ends, or the time does */
        TRY(look(watch, err));
        if (watch->status != NULL && watch->silent_since_us == 0 &&
            standing_end(watch->status) != STANDING_AT_WORK) {
            return STATUS_OK;
        }
        if (interrupted == 0 && clock_boot_us() < watch->until_us) {
            rest(watch);
        }
        if (interrupted != 0 || clock_boot_us() >= watch->until_us) {
            return leave(watch, err);
        }
    }
}

/* How it ended, whole, in place of the block. */
static status_t show_end(watch_t *watch, error_t *err) {
    const output_t speech = remote_speech(watch->remote);
    CLEANUP(buffer_free) buffer_t text = {0};
    if (speech.live) {
        progress_draw(&watch->block, "", remote_talk(watch->remote));
    } else {
        buffer_text(&text, "\n");
    }
    TRY(standing_show(&speech, watch->status, &text, err));
    return output_flush(&text, remote_talk(watch->remote), err);
}

/* Follow the rollback of a wave; how that ends is shown, and does not change what failed. */
static status_t follow_child(const watch_t *parent, const char *rollout, error_t *err) {
    CLEANUP(watch_end)
    watch_t watch = {.remote = parent->remote, .rollout = rollout, .options = parent->options};
    char id[OUTPUT_ID_SIZE];
    output_say("its failed wave is rolled back by rollout %s", output_id(rollout, id));
    watch_begin(&watch);
    watch.until_us = parent->until_us;
    TRY(follow(&watch, err));
    return show_end(&watch, err);
}

static status_t verdict(const json_t *status, error_t *err) {
    char id[OUTPUT_ID_SIZE];
    const char *reason = document_text(status, "reason");
    standing_end_t end = standing_end(status);
    CLEANUP(buffer_free) buffer_t advice = {0};
    if (end == STANDING_SUCCEEDED) {
        return STATUS_OK;
    }
    standing_advice(status, &advice);
    if (advice.size > 0) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "\nNext:\n%s\n", buffer_string(&advice));
    }
    return error_set(err, end == STANDING_PAUSED ? ERROR_ROLLOUT_PAUSED : ERROR_ROLLOUT_FAILED,
                     "rollout %.64s (%s) is %s%s%.200s", document_text(status, "name"),
                     standing_id(status, id), document_text(status, "state"),
                     reason[0] != '\0' ? ": " : "", reason);
}

status_t watch_rollout(remote_t *remote, const char *rollout, const watch_options_t *options,
                       error_t *err) {
    CLEANUP(watch_end) watch_t watch = {.remote = remote, .rollout = rollout, .options = *options};
    const output_t output = remote_output(remote);
    watch_begin(&watch);
    TRY(follow(&watch, err));
    TRY(show_end(&watch, err));
    const char *child = child_at_work(watch.status);
    if (standing_end(watch.status) == STANDING_FAILED && child != NULL) {
        TRY(follow_child(&watch, child, err));
    }
    if (output.form == OUTPUT_JSON) {
        TRY(output_write(&output, NULL, watch.status, stdout, err));
    }
    return verdict(watch.status, err);
}

status_t watch_options_of(const command_input_t *input, watch_options_t *ret_options,
                          error_t *err) {
    watch_options_t options = {.timeout_us = command_duration_us(input, "timeout", 0)};
    if (options.timeout_us > 0 && !command_switch(input, "wait")) {
        return error_set(err, ERROR_USAGE, "--timeout bounds --wait, which is not given");
    }
    *ret_options = options;
    return STATUS_OK;
}
