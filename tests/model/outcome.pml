/*
 * outcome.pml: lease, lock, fence and outcome of the migrations of one tenant, for spin.
 *
 * Claims, for all interleavings of the faults in BUDGETS:
 *  - a migration commits at most once in its generation, and in order;
 *  - nothing commits with a token that the tenant's fence has left behind;
 *  - what a task calls succeeded or not needed is committed exactly once;
 *  - a job's final report says no less than it committed, and nothing of it can still commit
 *    (but with LOCK_LOST);
 *  - what was acknowledged stands in the catalog;
 *  - once faults end, each task has ended or is shown as unknown or outstanding, every report has
 *    been taken in, and no session or lock is left (the process `last`).
 *
 * How it speaks: a state is named `machine_state` as in docs/STATES.md, and each change of state is
 * a line JOB(), TASK() or LEASE() with the row's id, from and to: test_model.py holds them against
 * that page. States that are left out, and why:
 *  leaves out job: protecting (reads only), refused, cancelled (as for a lost lease), gone
 *  leaves out task: running (as dispatched), refused, skipped, gone
 *
 * What is simpler here: one tenant, two migrations, one generation. A poll is a wait for what it
 * polls for. Two coordinators are two runs on copies of one catalog. The catalog's commit is one
 * step: a crash before it changes nothing, a crash after it loses what was to be sent. The ledger's
 * primary key, which would hold as well, is left out.
 *
 * With LOCK_LOST the lock excludes nobody once a script runs (worse than PostgreSQL, where a
 * transaction's own lock cannot be let go): fence and recheck must do without it.
 *
 * A variant is planted by -D: FENCE_BY_SELECT, NO_RECHECK, BLIND_RETRY, ACK_FIRST, EQUAL_EPOCHS,
 * NO_SETTLE.
 */

/* BUDGETS */
#ifndef FAULTS
#define FAULTS 2   /* kills, lost messages, lost connections, a crash of the server */
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 3 /* of both coordinators together */
#endif
#define TARGET 2   /* the bundle's head: so many migrations */
#define SLOTS 4    /* sessions at the server, those of dead clients included */

#define NONE 15

#ifdef NO_RECHECK
#define recheck true
#else
#define recheck (head == seen)
#endif

mtype = {
    task_pending, task_ready, task_dispatched, task_waiting, task_unknown, task_succeeded,
    task_not_needed, task_failed, task_outstanding,
    lease_free, lease_held,
    job_accepted, job_checking, job_working, job_verifying, job_waiting, job_settling, job_done,
    job_not_needed, job_failed, job_transient,
    /* what a session is at the server */
    session_none, session_idle, session_open, session_recorded, session_committing,
    session_committed, session_orphan, session_dead
};

/* A token is epoch * 8 + incarnation (fence_passes in common/postgres/fence.c). */
#ifdef EQUAL_EPOCHS
#define passes(stands, token) ((stands) / 8 <= (token) / 8)
#else
#define passes(stands, token) ((stands) / 8 < (token) / 8 || (stands) == (token))
#endif

/* A conditional UPDATE waits for the fence's row, and keeps it; a SELECT does neither. */
#ifdef FENCE_BY_SELECT
#define row_is_free true
#define keep_row(slot) skip
#else
#define row_is_free (row_lock == 0)
#define keep_row(slot) row_lock = slot + 1
#endif

byte faults = FAULTS;
byte left = ATTEMPTS;

/* The tenant's database. */
byte fence = 0;      /* as committed */
byte head = 0;       /* the ledger's, as committed */
byte lock = 0;       /* slot + 1 */
byte row_lock = 0;   /* on the fence's row: slot + 1 */
mtype session[SLOTS] = session_none;
bit gone[SLOTS];     /* its client is */
byte using[SLOTS];   /* its token */
byte whose[SLOTS];   /* its attempt */
byte change[SLOTS];  /* the migration in its transaction */

/* Ghosts: only looked at. */
byte commits[TARGET + 1]; /* of each migration */
byte own[ATTEMPTS];        /* how far an attempt itself came */

/* Attempts: as the agent's journal and the wire have them. */
byte next_attempt = 0;
byte owner[ATTEMPTS];    /* its coordinator */
byte agent[ATTEMPTS];
byte token[ATTEMPTS];
bit wire[ATTEMPTS];      /* a job is on its way */
mtype job[ATTEMPTS];     /* in memory */
mtype kept[ATTEMPTS];    /* in the journal */
byte said[ATTEMPTS];     /* how far it came, as the agent has read or written */
bit doubt[ATTEMPTS];     /* a report "unknown" that is not acknowledged */
bit told[ATTEMPTS];      /* the final report is acknowledged */

/* Coordinators: what the catalog holds. */
byte life[2];             /* token of this start */
byte starts = 2;
mtype task[2] = task_pending;
byte attempt[2] = NONE;
bit taken[ATTEMPTS];     /* the final report is in the catalog */
mtype lease[2] = lease_free;
byte holder[2];
byte serves;             /* the coordinator that agent 1 is connected to; agent 0 is to the first */

#define JOB(row, from, to) assert(job[t] == from); job[t] = to
#define TASK(row, from, to) assert(task[c] == from); task[c] = to
#define LEASE(row, from, to) assert(lease[c] == from); lease[c] = to

#define is_over(state) \
    (state == job_done || state == job_not_needed || state == job_failed || state == job_transient)
#define leaseless \
    (lease[owner[t]] == lease_free || holder[owner[t]] != agent[t])

/* ---- sessions ---- */

inline release(slot) {
    if :: lock == slot + 1 -> lock = 0 :: else fi;
    if :: row_lock == slot + 1 -> row_lock = 0 :: else fi;
    gone[slot] = 0;
    using[slot] = 0;
    whose[slot] = 0;
    change[slot] = 0;
    session[slot] = session_none
}

/* The client ends it, or is ended: what was sent before is still done. */
inline leave(slot) {
    if
    :: slot == NONE
    :: slot != NONE && (session[slot] == session_open || session[slot] == session_recorded) ->
        session[slot] = session_orphan
    :: slot != NONE && session[slot] == session_committing -> gone[slot] = 1
    :: else -> release(slot)
    fi;
    slot = NONE
}

inline connect(slot) {
    if
    :: session[0] == session_none -> slot = 0
    :: else ->
        if
        :: session[1] == session_none -> slot = 1
        :: else ->
            if :: session[2] == session_none -> slot = 2 :: else -> slot = 3 fi
        fi
    fi;
    assert(session[slot] == session_none);
    session[slot] = session_idle;
    whose[slot] = t
}

#define at_commit(slot, t) (session[slot] == session_committing && whose[slot] == t)

#define room \
    (session[0] == session_none || session[1] == session_none || session[2] == session_none || \
     session[3] == session_none)

/* What goes on at the server whether or not its client lives. */
proctype server() {
    byte i;
end:
    do
    :: atomic {
        session[0] == session_committing || session[1] == session_committing ||
        session[2] == session_committing || session[3] == session_committing ->
        if
        :: session[0] == session_committing -> i = 0
        :: session[1] == session_committing -> i = 1
        :: session[2] == session_committing -> i = 2
        :: session[3] == session_committing -> i = 3
        fi;
        assert(fence / 8 < using[i] / 8 || fence == using[i]); /* no stale token writes */
        fence = using[i];
        head = change[i];
        own[whose[i]] = change[i];
        commits[change[i]]++;
        assert(commits[change[i]] <= 1);
        assert(head == 1 || commits[head - 1] == 1); /* in order, without a gap */
        if :: row_lock == i + 1 -> row_lock = 0 :: else fi;
        if
        :: gone[i] -> release(i)
        :: else -> session[i] = session_committed
        fi;
        i = 0
       }
    :: atomic { session[0] == session_orphan -> release(0) }
    :: atomic { session[1] == session_orphan -> release(1) }
    :: atomic { session[2] == session_orphan -> release(2) }
    :: atomic { session[3] == session_orphan -> release(3) }
    :: atomic { /* it crashes: what was not committed is lost, and nobody is told */
        faults > 0 && (session[0] == session_committing || session[1] == session_committing ||
                       session[2] == session_committing || session[3] == session_committing) ->
        faults--;
        for (i : 0 .. SLOTS - 1) {
            if
            :: session[i] == session_none || session[i] == session_dead
            :: session[i] == session_orphan || (session[i] == session_committing && gone[i]) ->
                release(i)
            :: else ->
                release(i);
                session[i] = session_dead
            fi
        }
        i = 0
       }
    od
}

/* ---- one attempt at its agent ---- */

proctype worker(byte t) {
    byte slot = NONE;   /* its session */
    byte doubted = NONE; /* the session whose COMMIT nobody knows of: its transaction's id */
    byte seen = 0;      /* the ledger's head as read */
    bit opened = 0;     /* the opening's snapshot is taken, the fence is not passed */
    bit unsettled = 0;
    bit begun = 0;
    bit blind = 0;      /* planted: goes on from what it believes */
end:
    do
    :: atomic { wire[t] && kept[t] == 0 ->
        wire[t] = 0;
        job[t] = job_accepted;
        kept[t] = job_accepted
       }
    :: atomic { wire[t] && kept[t] != 0 -> wire[t] = 0 } /* known by its attempt */

    /* accepted, checking */
    :: atomic { job[t] == job_accepted && !leaseless -> JOB(1, job_accepted, job_checking) }
    :: atomic { job[t] == job_accepted && leaseless -> JOB(4, job_accepted, job_transient) }
    :: atomic { job[t] == job_checking && leaseless -> JOB(15, job_checking, job_transient) }
    :: atomic { job[t] == job_checking && lock != 0 && !leaseless ->
        JOB(18, job_checking, job_waiting)
       }
    :: atomic { job[t] == job_checking && faults > 0 ->
        faults--;
        JOB(20, job_checking, job_transient)
       }
    :: atomic { job[t] == job_checking && lock == 0 && room && !leaseless ->
        connect(slot);
        lock = slot + 1;
        seen = head;
        said[t] = head;
        if
        :: seen == TARGET ->
            leave(slot);
            JOB(16, job_checking, job_not_needed)
        :: else ->
            JOB(11, job_checking, job_working);
            kept[t] = job_working; /* the intent, before the work */
            begun = 1
        fi
       }

    /* waiting: a poll is a wait for what it polls for */
    :: atomic { job[t] == job_waiting && !unsettled && leaseless ->
        JOB(84, job_waiting, job_transient)
       }
    :: atomic { job[t] == job_waiting && lock == 0 && !unsettled && !begun && !leaseless ->
        JOB(81, job_waiting, job_checking)
       }
    :: atomic { job[t] == job_waiting && lock == 0 && !unsettled && begun && !leaseless ->
        JOB(82, job_waiting, job_working)
       }
    :: atomic { job[t] == job_waiting && unsettled && lock == 0 &&
                (doubted == NONE || session[doubted] == session_none || whose[doubted] != t) ->
        JOB(80, job_waiting, job_settling)
       }

    /* working */
    :: atomic { job[t] == job_working && slot == NONE && lock != 0 ->
        JOB(45, job_working, job_waiting)
       }
    :: atomic { job[t] == job_working && slot == NONE && lock == 0 && room && seen < TARGET ->
        connect(slot);
        lock = slot + 1;
        seen = head;
        said[t] = head
       }
    :: atomic { job[t] == job_working && seen == TARGET && !opened &&
                (slot == NONE || session[slot] == session_idle) ->
        JOB(40, job_working, job_verifying) /* the ledger says that nothing is left */
       }
    :: atomic { job[t] == job_working && leaseless && slot != NONE &&
                session[slot] == session_idle && seen < TARGET && !opened ->
        leave(slot);
        JOB(48, job_working, job_transient)
       }
    :: atomic { job[t] == job_working && slot != NONE && session[slot] == session_idle &&
                seen < TARGET && !opened ->
        /* BEGIN, and the opening's snapshot: another one's commit may follow it */
        if
        :: head != seen && !blind ->
            seen = 0;
            leave(slot);
            JOB(45, job_working, job_waiting)
        :: else -> opened = 1
        fi
       }
    :: atomic { job[t] == job_working && opened && slot != NONE && session[slot] == session_idle &&
                row_is_free ->
        opened = 0;
        if
        :: passes(fence, token[t]) ->
            using[slot] = token[t];
            change[slot] = seen + 1;
            keep_row(slot);
            session[slot] = session_open
        :: else ->
            leave(slot);
            JOB(44, job_working, job_failed) /* fenced */
        fi
       }
#ifdef LOCK_LOST
    :: atomic { slot != NONE && session[slot] == session_open && lock == slot + 1 ->
        lock = 0
       }
#endif
    :: atomic { job[t] == job_working && slot != NONE && session[slot] == session_open ->
        /* the record: one INSERT whose conditions are the recheck */
        if
        :: recheck || blind -> session[slot] = session_recorded
        :: else ->
            leave(slot);
            JOB(45, job_working, job_waiting)
        fi
       }
    :: atomic { job[t] == job_working && slot != NONE && session[slot] == session_recorded ->
        session[slot] = session_committing
       }
    :: atomic { job[t] == job_working && slot != NONE && session[slot] == session_committed ->
        session[slot] = session_idle;
        seen++;
        said[t] = seen /* the next one, or the end: row 40 */
       }
    :: atomic { job[t] == job_working && slot != NONE && faults > 0 &&
                session[slot] == session_open ->
        faults--;
        leave(slot);
        JOB(49, job_working, job_transient) /* lost before COMMIT: nothing is committed */
       }
    :: atomic { job[t] == job_working && slot != NONE && session[slot] == session_dead && !opened ->
        goto lost
       }
    :: atomic { job[t] == job_working && slot != NONE && session[slot] == session_dead && opened ->
        opened = 0;
        goto lost
       }
    :: atomic { job[t] == job_working && slot != NONE && faults > 0 &&
                (session[slot] == session_recorded || session[slot] == session_committing) ->
        faults--; /* COMMIT's request is lost with the connection, or only its reply */
        goto lost
       }

    /* settling */
    :: atomic { job[t] == job_settling && lock != 0 -> JOB(63, job_settling, job_waiting) }
    :: atomic { job[t] == job_settling && lock == 0 && room ->
        connect(slot);
        lock = slot + 1;
        if
        :: doubted != NONE && session[doubted] != session_none && whose[doubted] == t &&
           doubted != slot ->
            leave(slot); /* its transaction is still in progress */
            JOB(63, job_settling, job_waiting)
        :: else ->
            doubted = NONE;
            unsettled = 0;
            seen = head;
            said[t] = head;
            if
            :: leaseless ->
                leave(slot);
                JOB(62, job_settling, job_transient)
            :: else -> JOB(60, job_settling, job_working)
            fi
        fi
       }

    /* verifying, and the end */
    :: atomic { job[t] == job_verifying ->
        assert(head == TARGET);
        leave(slot);
        JOB(70, job_verifying, job_done)
       }
    :: atomic { is_over(job[t]) && kept[t] != job[t] ->
        kept[t] = job[t];
        seen = 0;
        begun = 0
       }

    /* its agent is killed, and comes back with what the journal holds */
    :: atomic { faults > 0 && job[t] != 0 && !is_over(job[t]) ->
        faults--;
        goto killed
       }
    :: atomic { faults > 0 && is_over(job[t]) && kept[t] != job[t] ->
        faults--;
        goto killed
       }
    od;

lost:
    atomic {
        doubted = slot;
        if :: session[slot] == session_dead -> doubted = NONE :: else fi;
        leave(slot);
#ifdef BLIND_RETRY
        doubted = NONE;
        blind = 1;
#else
#ifdef NO_SETTLE
        JOB(44, job_working, job_failed); /* planted: silence for a failure */
#else
        JOB(50, job_working, job_settling);
        kept[t] = job_settling;
        unsettled = 1;
        doubt[t] = 1;
        seen = 0;
#endif
#endif
        goto end
    }

killed:
    atomic {
        leave(slot);
        doubted = NONE;
        seen = 0;
        opened = 0;
        unsettled = 0;
        begun = 0;
        job[t] = kept[t];
        if
        :: job[t] == job_accepted
        :: job[t] == job_working ->
            JOB(93, job_working, job_settling)
        :: job[t] == job_settling ->
            JOB(93, job_settling, job_settling)
        fi;
        if
        :: job[t] == job_settling ->
            kept[t] = job_settling;
            begun = 1;
            unsettled = 1;
            doubt[t] = 1
        :: else
        fi;
        goto end
    }
}

/* ---- a coordinator ---- */

#define in_hand(c) (task[c] == task_dispatched || task[c] == task_unknown)

/* The final word of the attempt that the task is about; others are taken in and change nothing. */
inline take_in(t) {
    taken[t] = 1;
#ifndef LOCK_LOST
    assert(own[t] <= said[t] && !at_commit(0, t) && !at_commit(1, t) && !at_commit(2, t) &&
           !at_commit(3, t)); /* what is final is known */
#endif
    if
    :: attempt[c] != t || !(task[c] == task_dispatched || task[c] == task_unknown ||
                            task[c] == task_outstanding)
    :: else ->
        if
        :: kept[t] == job_done ->
            assert(commits[1] == 1 && commits[TARGET] == 1);
            if
            :: task[c] == task_dispatched -> TASK(4, task_dispatched, task_succeeded)
            :: task[c] == task_unknown -> TASK(4, task_unknown, task_succeeded)
            :: task[c] == task_outstanding -> TASK(4, task_outstanding, task_succeeded)
            fi
        :: kept[t] == job_not_needed ->
            assert(commits[1] == 1 && commits[TARGET] == 1);
            if
            :: task[c] == task_dispatched -> TASK(6, task_dispatched, task_not_needed)
            :: task[c] == task_unknown -> TASK(6, task_unknown, task_not_needed)
            :: task[c] == task_outstanding -> TASK(6, task_outstanding, task_not_needed)
            fi
        :: kept[t] == job_failed ->
            if
            :: task[c] == task_dispatched -> TASK(8, task_dispatched, task_failed)
            :: task[c] == task_unknown -> TASK(8, task_unknown, task_failed)
            :: task[c] == task_outstanding -> TASK(8, task_outstanding, task_failed)
            fi
        :: kept[t] == job_transient ->
            if
            :: task[c] == task_outstanding -> TASK(11, task_outstanding, task_failed)
            :: task[c] == task_dispatched && left > 0 ->
                left--;
                TASK(9, task_dispatched, task_waiting)
            :: task[c] == task_unknown && left > 0 ->
                left--;
                TASK(9, task_unknown, task_waiting)
            :: task[c] == task_dispatched && left == 0 -> TASK(10, task_dispatched, task_failed)
            :: task[c] == task_unknown && left == 0 -> TASK(10, task_unknown, task_failed)
            fi
        fi
    fi
}

#define report_due(t) \
    (t < next_attempt && owner[t] == c && is_over(kept[t]) && !told[t] && !doubt[t])

inline hear(t) {
#ifdef ACK_FIRST
    told[t] = 1;
    if
    :: faults > 0 -> faults-- /* killed between the two */
    :: take_in(t)
    fi;
    assert(taken[t])
#else
    if :: !taken[t] -> take_in(t) :: else fi;
    if
    :: told[t] = 1
    :: faults > 0 -> faults-- /* the acknowledgement is lost, the report is said again */
    fi;
    assert(taken[t])
#endif
}

inline hear_doubt(t) {
    doubt[t] = 0;
    if
    :: attempt[c] == t && task[c] == task_dispatched -> TASK(12, task_dispatched, task_unknown)
    :: else
    fi
}

/* Committed before it is sent: a loss on the way is a loss of the message alone. */
inline send() {
    if
    :: wire[attempt[c]] = 1
    :: faults > 0 -> faults--
    fi
}

proctype coordinator(byte c) {
    bit asked = 0;
end:
    do
    :: atomic { task[c] == task_pending && left > 0 ->
        left--;
        TASK(1, task_pending, task_ready)
       }
    :: atomic { task[c] == task_ready && lease[c] == lease_held ->
        attempt[c] = next_attempt;
        next_attempt++;
        owner[attempt[c]] = c;
        agent[attempt[c]] = holder[c];
        token[attempt[c]] = life[c];
        TASK(2, task_ready, task_dispatched);
        send()
       }
    /* the agent says hello, and neither has the attempt nor owes a report of it */
    :: atomic { in_hand(c) && kept[attempt[c]] == 0 && !wire[attempt[c]] &&
                lease[c] == lease_held && holder[c] == agent[attempt[c]] ->
        if
        :: task[c] == task_dispatched -> TASK(18, task_dispatched, task_dispatched)
        :: task[c] == task_unknown -> TASK(18, task_unknown, task_dispatched)
        fi;
        token[attempt[c]] = life[c];
        send()
       }
    :: atomic { 0 < next_attempt && owner[0] == c && doubt[0] -> hear_doubt(0) }
    :: atomic { 1 < next_attempt && owner[1] == c && doubt[1] -> hear_doubt(1) }
#if ATTEMPTS > 2
    :: atomic { 2 < next_attempt && owner[2] == c && doubt[2] -> hear_doubt(2) }
#endif
    :: atomic { report_due(0) -> hear(0) }
    :: atomic { report_due(1) -> hear(1) }
#if ATTEMPTS > 2
    :: atomic { report_due(2) -> hear(2) }
#endif
    :: atomic { task[c] == task_waiting -> TASK(19, task_waiting, task_ready) }
    :: atomic { lease[c] == lease_free ->
        LEASE(1, lease_free, lease_held);
        if
        :: c == 0 -> holder[c] = 0
        :: serves == c -> holder[c] = 1
        fi
       }
    :: atomic { lease[c] == lease_held && faults > 0 ->
        faults--; /* the holder is silent for a lease: it sleeps, or nobody hears it */
        LEASE(8, lease_held, lease_free);
        if
        :: task[c] == task_dispatched -> TASK(17, task_dispatched, task_unknown)
        :: else
        fi
       }
    :: atomic { task[c] == task_unknown && left > 0 && !asked -> /* an operator's orders */
        asked = 1;
        left--;
        TASK(28, task_unknown, task_ready)
       }
    :: atomic { task[c] == task_failed && left > 0 && !asked ->
        asked = 1;
        left--;
        TASK(28, task_failed, task_ready)
       }
    :: atomic { task[c] == task_unknown && !asked ->
        asked = 1;
        TASK(24, task_unknown, task_outstanding)
       }
    :: atomic { faults > 0 && starts < 4 -> /* killed and started: the next epoch, another run */
        faults--;
        life[c] = (life[c] / 8 + 1) * 8 + starts;
        starts++
       }
    od
}

/* Nothing more can happen: is all that was begun at its end? */
proctype last() {
    byte c;
    byte t;
    timeout ->
    atomic {
        for (c : 0 .. serves) {
            assert(task[c] == task_succeeded || task[c] == task_not_needed ||
                   task[c] == task_failed || task[c] == task_unknown ||
                   task[c] == task_outstanding || (task[c] == task_pending && left == 0))
        }
        for (t : 0 .. ATTEMPTS - 1) {
            assert(kept[t] == 0 || (is_over(kept[t]) && told[t] && taken[t]));
            assert(!doubt[t])
        }
        for (t : 0 .. SLOTS - 1) {
            assert(session[t] == session_none)
        }
        assert(lock == 0 && row_lock == 0)
    }
}

init {
    atomic {
        life[0] = 8;
        if
        :: serves = 0             /* two agents of one coordinator */
        :: serves = 1; life[1] = 9 /* a copy of its catalog, at the same epoch */
        :: serves = 1; life[1] = 17 /* or at the next one */
        fi;
        run server();
        run worker(0);
        run worker(1);
#if ATTEMPTS > 2
        run worker(2);
#endif
        run coordinator(0);
        if
        :: serves == 1 -> run coordinator(1)
        :: else
        fi;
        run last()
    }
}
