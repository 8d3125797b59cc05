/*
 * agent.h: what the agent's rooms share: one struct, owned by main, passed around by pointer.
 *
 * Handlers (a message, a ready descriptor, a timer) only change memory and gather writes to the
 * journal; loop_settle then commits once, starts what the commit allows, and sends what it
 * explains.
 */
#ifndef DROVER_AGENT_AGENT_H
#define DROVER_AGENT_AGENT_H

#include "agent/book.h"
#include "agent/inventory/inventory.h"
#include "agent/journal/journal.h"
#include "agent/steps/run.h"
#include "agent/trust/court.h"
#include "common/crypto/keyfile.h"
#include "common/wire/dialer.h"

typedef struct bundles bundles_t;
typedef struct orders orders_t;
typedef struct folder folder_t; /* folder.h */

/* What is known of a cluster beside its inventory. */
typedef struct agent_lease {
    int64_t until_boot_us; /* we may act on it so long */
    bool denied;           /* the coordinator said last that it is not ours */
    uint64_t since;        /* no word about it counts that answers an older number (leases.h) */
    uint32_t queued;       /* jobs accepted, not begun */
    uint32_t running;      /* jobs begun, not over */
} agent_lease_t;

typedef struct agent {
    agent_config_t *config;
    keyfile_t *sign_key;
    keyfile_t *curve_key;
    keyfile_t *backup_key; /* NULL where none is configured */
    journal_t *journal;
    inventory_t *inventory;
    keeper_t *keeper;
    papers_t *papers;
    court_t *court;
    policy_t *policy;     /* NULL where none is configured */
    problems_t *problems; /* of files that are read at the start; NULL in tests */
    bundles_t *bundles;
    orders_t *orders; /* that come as files; NULL in tests of other rooms */
    folder_t *folder; /* what stands in the folder of backups; NULL: not looked at yet */
    dialer_t *dialer;
    zloop_t *loop;
    char *texts_dir;
    run_shared_t shared;

    agent_lease_t *leases; /* by cluster index of the configuration */
    size_t cluster_count;
    run_t *runs; /* every job in hand, in the order of acceptance */
    run_t **runs_end;

    bool welcomed;                /* the coordinator has answered our hello */
    sign_public_t coordinator;    /* its signing key, as its welcome had it */
    int64_t stranger_due_boot_us; /* our trust file does not name that key: we wait so long for a
                                     newer one; 0: it does */
    bool estranged;               /* none came: we left */
    bool suspended;               /* it gives us nothing forward, as it said last */
    trust_freshness_t freshness_told;
    error_code_t policy_told;   /* what is wrong with the policy, as it was logged last */
    int64_t policy_due_boot_us; /* when it is next looked at */
    uint64_t sent_report;       /* highest number sent on this connection */
    uint64_t acknowledged;      /* highest number that the coordinator committed */
    book_t book;                /* results that were sent on this connection */
    int64_t keep_since_us;      /* reports made since then stay; 0: the coordinator says nothing */
    int64_t mark_due_boot_us;   /* when the journal's mark is written next; 0: it is */
    uint32_t room_told;         /* room that the last beat told */
    uint64_t said;              /* number of the last hello or beat; 0: none */
    int64_t heartbeat_us;
    int64_t beat_due_boot_us;
    int64_t hello_due_boot_us; /* say hello again where no welcome came */
    bool must_commit;          /* something waits for the journal */
    int64_t tell_due_boot_us;  /* reports wait so long to be told; 0: none waits */
    uint32_t ended_untold;     /* jobs that ended and whose end was not sent yet */
    bool draining;
    bool stopped;
    bool settling;                /* loop_settle is at work */
    bool clusters_changed;        /* to be told with the next beat */
    bool told_all;                /* a full inventory was acknowledged on this connection */
    inventory_reading_t *reading; /* inventory on its way to the coordinator; NULL: none */
    ident_t snapshot;             /* its id */
    uint32_t part;                /* number of its next part */
    bool last_part;               /* the part that was sent last is its last */
    int64_t forget_due_boot_us;   /* when the journal is next looked through for what is old */
    int64_t heard_boot_us;        /* last message of the coordinator, or when it was connected */
    int64_t silence_boot_us; /* when it was last logged that none comes; 0: not since one did */
    int64_t watched_boot_us; /* when that was last looked at */
    int64_t owed_boot_us;    /* since when what was sent is not acknowledged */
    uint64_t owed_from;      /* agent->acknowledged and agent->part then */
    uint32_t owed_part;
    uint64_t dropped; /* messages that broke a rule of the protocol */
    error_t failed;   /* why it stopped by itself */
} agent_t;

#endif
