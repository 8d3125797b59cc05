/* loop.c: see loop.h. Source: zloop(3), signalfd(2), pidfd_open(2). */
#include "agent/loop.h"
#include "agent/crew.h"
#include "agent/folder.h"
#include "agent/link.h"
#include "agent/notary.h"
#include "agent/orders.h"
#include "agent/reports.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"

#include <malloc.h>
#include <signal.h>
#include <sys/signalfd.h>

enum { TICK_MS = 50, ROUNDS_MOST = 100000, MEMORY_KEPT = 32 * 1024 * 1024 };

/* ---- descriptors of runs ---- */

/* The agent of a run that an answer came for. A process that was stopped wakes to answers, and its
 * timers are behind: leases are looked at before any of them lets a run go on. */
static agent_t *woken_by(const run_t *run) {
    agent_t *agent = run->shared->context;
    crew_watch_leases(agent);
    return agent;
}

static int on_session(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    (void)loop;
    (void)item;
    run_t *run = context;
    agent_t *agent = woken_by(run);
    if (run->connection != NULL) {
        connection_ready(run->connection, clock_boot_us());
    }
    loop_settle(agent);
    return 0;
}

static int on_child(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    (void)loop;
    (void)item;
    run_t *run = context;
    agent_t *agent = woken_by(run);
    if (run->backup != NULL && backup_ready(run->backup)) {
        run_next_fn *over = run->backup_over;
        run->backup_over = NULL;
        over(run);
    }
    loop_settle(agent);
    return 0;
}

static void unpoll(agent_t *agent, int *fd) {
    if (*fd >= 0) {
        zmq_pollitem_t item = {.fd = *fd};
        zloop_poller_end(agent->loop, &item);
        *fd = -1;
    }
}

static void poll_session(agent_t *agent, run_t *run) {
    int fd = run->connection != NULL ? connection_fd(run->connection) : -1;
    unsigned generation = run->connection != NULL ? connection_fd_generation(run->connection) : 0;
    int wants = run->connection != NULL ? connection_wants(run->connection) : 0;
    short events = (short)(((wants & CONNECTION_READ) != 0 ? ZMQ_POLLIN : 0) |
                           ((wants & CONNECTION_WRITE) != 0 ? ZMQ_POLLOUT : 0));
    if (fd == run->fd_polled && events == run->fd_events && generation == run->fd_generation) {
        return;
    }
    unpoll(agent, &run->fd_polled);
    if (fd >= 0 && events != 0) {
        zmq_pollitem_t item = {.fd = fd, .events = events};
        INVARIANT(zloop_poller(agent->loop, &item, on_session, run) == 0);
        zloop_poller_set_tolerant(agent->loop, &item);
        run->fd_polled = fd;
    }
    run->fd_events = events;
    run->fd_generation = generation;
}

static void poll_child(agent_t *agent, run_t *run) {
    int fd = run->backup != NULL ? backup_fd(run->backup) : -1;
    if (fd == run->child_polled) {
        return;
    }
    unpoll(agent, &run->child_polled);
    if (fd >= 0) {
        zmq_pollitem_t item = {.fd = fd, .events = ZMQ_POLLIN};
        INVARIANT(zloop_poller(agent->loop, &item, on_child, run) == 0);
        run->child_polled = fd;
    }
}

void loop_forget(agent_t *agent, run_t *run) {
    unpoll(agent, &run->fd_polled);
    unpoll(agent, &run->child_polled);
}

/* ---- descriptors of the inventory ---- */

static inventory_now_t read_clocks(void) {
    return (inventory_now_t){.boot_us = clock_boot_us(), .wall_us = clock_wall_us()};
}

static int on_inventory(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    (void)loop;
    agent_t *agent = context;
    inventory_now_t now = read_clocks();
    for (size_t i = 0; i < inventory_session_count(agent->inventory); i++) {
        inventory_session_t *session = inventory_session(agent->inventory, i);
        if (inventory_session_watch(session)->fd == item->fd) {
            inventory_ready(agent->inventory, session, &now);
            break;
        }
    }
    loop_settle(agent);
    return 0;
}

static void watch_session(agent_t *agent, inventory_session_t *session) {
    inventory_watch_t *watch = inventory_session_watch(session);
    inventory_watch_t wanted = {.fd = inventory_session_fd(session),
                                .generation = inventory_session_generation(session),
                                .events = inventory_session_wants(session)};
    if (watch->fd == wanted.fd && watch->generation == wanted.generation &&
        watch->events == wanted.events) {
        return;
    }
    unpoll(agent, &watch->fd);
    if (wanted.fd >= 0 && wanted.events != 0) {
        zmq_pollitem_t item = {
            .fd = wanted.fd,
            .events = (short)(((wanted.events & CONNECTION_READ) != 0 ? ZMQ_POLLIN : 0) |
                              ((wanted.events & CONNECTION_WRITE) != 0 ? ZMQ_POLLOUT : 0))};
        INVARIANT(zloop_poller(agent->loop, &item, on_inventory, agent) == 0);
    } else {
        wanted.fd = -1;
    }
    *watch = wanted;
}

static void watch_inventory(agent_t *agent) {
    for (size_t i = 0; i < agent->cluster_count; i++) {
        inventory_set_busy(agent->inventory, i, agent->leases[i].running > 0);
    }
    for (size_t i = 0; i < inventory_session_count(agent->inventory); i++) {
        watch_session(agent, inventory_session(agent->inventory, i));
    }
}

/* ---- settling ---- */

void loop_give_up(agent_t *agent, const error_t *err) {
    log_error("the journal cannot be written; stopping", err);
    agent->stopped = true;
    agent->failed = *err;
}

static status_t commit(agent_t *agent, error_t *err) {
    agent->must_commit = false;
    if (!journal_is_dirty(agent->journal)) {
        return STATUS_OK;
    }
    FAILPOINT("agent.journal.before-commit");
    TRY(journal_commit(agent->journal, err));
    FAILPOINT("agent.journal.after-commit");
    return STATUS_OK;
}

/* What happened is committed and told once for many jobs; see reports_due. The next steps are under
 * way by now: nobody waits for this commit. */
static void tell(agent_t *agent) {
    error_t err = {0};
    if (reports_due(agent) && commit(agent, &err) != STATUS_OK) {
        loop_give_up(agent, &err);
        return;
    }
    if (journal_is_dirty(agent->journal)) {
        reports_gather(agent);
    } else {
        link_send_due(agent);
    }
}

void loop_settle(agent_t *agent) {
    error_t err = {0};
    if (agent->settling || agent->stopped) {
        return;
    }
    agent->settling = true;
    bool again = true;
    for (int round = 0; again && !agent->stopped && round < ROUNDS_MOST; round++) {
        if (crew_take_events(agent, &err) != STATUS_OK ||
            (agent->must_commit && commit(agent, &err) != STATUS_OK)) {
            loop_give_up(agent, &err);
            break;
        }
        again = crew_carry_out(agent);
    }
    if (!agent->stopped) {
        tell(agent);
    }
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        poll_session(agent, run);
        poll_child(agent, run);
    }
    watch_inventory(agent);
    agent->settling = false;
}

/* ---- timers and signals ---- */

/* Deadlines of sessions whose descriptors are silent. */
static void wake_late_sessions(agent_t *agent) {
    int64_t now = clock_boot_us();
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        int64_t deadline = run->connection != NULL ? connection_deadline_us(run->connection) : 0;
        if (deadline != 0 && now >= deadline) {
            connection_ready(run->connection, now);
        }
    }
}

/* Finished jobs and acknowledged reports are kept for a month at least, and as long as the
 * coordinator says that a copy of its catalog from before them may come back (keep_since_us): of a
 * catalog that went back in time they are what it is filled from. A look a day. */
static void forget_old(agent_t *agent, int64_t boot_us) {
    enum { KEEP_DAYS = 30, LOOK_HOURS = 24 };
    error_t err = {0};
    if (boot_us < agent->forget_due_boot_us) {
        return;
    }
    agent->forget_due_boot_us = boot_us + LOOK_HOURS * INT64_C(3600) * US_PER_S;
    int64_t before_us = clock_wall_us() - KEEP_DAYS * INT64_C(86400) * US_PER_S;
    if (journal_forget(agent->journal, agent->acknowledged,
                       reports_forgettable_us(agent, before_us), &err) != STATUS_OK) {
        log_error("old reports not forgotten", &err);
    }
    if (notary_forget(agent, &err) != STATUS_OK) {
        log_error("old holds and stops not forgotten", &err);
    }
    agent->must_commit = true;
}

static bool drained(const agent_t *agent) {
    for (const run_t *run = agent->runs; run != NULL; run = run->next_run) {
        if (run->begun) {
            return false;
        }
    }
    return true;
}

static int on_tick(zloop_t *loop, int timer, void *context) {
    (void)loop;
    (void)timer;
    agent_t *agent = context;
    inventory_now_t now = read_clocks();
    inventory_tick(agent->inventory, &now);
    wake_late_sessions(agent);
    if (agent->welcomed) {
        forget_old(agent, now.boot_us);
    }
    reports_keep_mark(agent, now.boot_us);
    notary_tick(agent);
    orders_tick(agent);
    folder_tick(agent, now.boot_us);
    crew_tick(agent);
    loop_settle(agent);
    link_tick(agent);
    bool over = agent->stopped || (agent->draining && drained(agent));
    return over ? -1 : 0;
}

static int on_signal(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    (void)loop;
    agent_t *agent = context;
    struct signalfd_siginfo info;
    if (read(item->fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return 0;
    }
    if (agent->draining) {
        log_warning("stopping at once", "jobs", LOG_NUMBER(crew_count(agent)));
        agent->stopped = true;
        return -1;
    }
    log_info("draining", "jobs", LOG_NUMBER(crew_count(agent)));
    agent->draining = true;
    for (run_t *run = agent->runs; run != NULL; run = run->next_run) {
        run->machine.leaseless =
            true; /* stops at the next seam; the coordinator gives it out again */
    }
    return 0;
}

status_t loop_run(agent_t *agent, error_t *err) {
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    /* each schema that is read needs a few MiB and gives them back: to us, not to the system */
    (void)mallopt(M_TRIM_THRESHOLD, MEMORY_KEPT);
    (void)mallopt(M_MMAP_THRESHOLD, MEMORY_KEPT);
    CLEANUP(close_p) int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        return error_set(err, ERROR_IO, "signalfd: %m");
    }
    zmq_pollitem_t item = {.fd = fd, .events = ZMQ_POLLIN};
    INVARIANT(zloop_poller(agent->loop, &item, on_signal, agent) == 0);
    INVARIANT(zloop_timer(agent->loop, TICK_MS, 0, on_tick, agent) >= 0);
    loop_settle(agent);
    (void)zloop_start(agent->loop);
    reports_hurry(agent);
    if (agent->failed.code == ERROR_NONE) {
        tell(agent);
    }
    link_goodbye(agent, agent->failed.code != ERROR_NONE ? "its journal failed" : "stopped");
    if (agent->failed.code != ERROR_NONE) {
        *err = agent->failed;
        return STATUS_ERROR;
    }
    return STATUS_OK;
}
