/*
 * fleet.h: a catalog as the programs leave it behind one rollout of two waves over three tenants,
 * its approval, its reports and results, and the automatic undo of one tenant: all good as it
 * comes, or with one flaw that nobody could put in without the keys. And its export, line by line.
 */
#ifndef DROVER_TESTS_AUDIT_FLEET_H
#define DROVER_TESTS_AUDIT_FLEET_H

#include "common/audit/verify.h"
#include "coordinator/service/service.h"
#include "coordinator/store/store_audit.h"
#include "tests/unit/coordinator/store/fixture.h"
#include "proto/drover.pb-c.h"

#define FLEET_T0_US (INT64_C(1800000000) * 1000 * 1000)
#define FLEET_S_US (INT64_C(1000) * 1000)
/* When it is exported. */
#define FLEET_NOW_US (FLEET_T0_US + 20000 * FLEET_S_US)

/* Whose keys there are. */
typedef enum who {
    ROOT,
    ALICE,
    BOB,
    DAVE,
    GINA,
    CAROL,
    COORD,
    NAMED,
    AGENT = NAMED,
    OTHER,
    WHO
} who_t;

typedef enum fleet_flaw {
    FLAW_NONE,
    FLAW_ONE_SHORT,        /* accepted, but one signature short */
    FLAW_REVOKED_SIGNER,   /* one of two signers was taken out before */
    FLAW_STRANGER_CARD,    /* a card that no admin signed */
    FLAW_AGENT_REVOKED,    /* the agent was taken out before it reported */
    FLAW_OTHER_CLUSTER,    /* its card names another cluster */
    FLAW_UNKNOWN_JOB,      /* it changed a tenant by a job of no order */
    FLAW_NO_ORDER,         /* its report of a change names no order */
    FLAW_OTHER_ORDER,      /* its report names another order */
    FLAW_OTHER_WAVE,       /* its report names another wave */
    FLAW_NO_RECOVERY,      /* changed without a recovery point */
    FLAW_LATE_RECOVERY,    /* the recovery point came after the change */
    FLAW_UNREPORTED_POINT, /* a recovery point that nobody reported */
    FLAW_OTHER_TENANT,     /* a result of a tenant of another wave */
    FLAW_SECOND_ROLLOUT,   /* two rollouts under one order */
    FLAW_UNDO_ELSEWHERE,   /* the undo leads elsewhere than the order says */
    FLAW_FOREIGN_HEAD,     /* heads signed by a key that is no coordinator's */
    FLAW_OLD_ROWS,         /* none: rows from before there was a chain */
    FLAW_GONE_LATER,       /* none: a signer turned out to be gone as of an earlier day */
    FLAW_OTHER_ROOT,       /* the reader's trust file is another of that version */
    FLAW_COUNT
} fleet_flaw_t;

enum { FLEET_LINES = 64 };

typedef struct fleet {
    fixture_t *fixture;
    fleet_flaw_t flaw;
    char root[96]; /* the reader's trust file */
    document_t *root_document;
    trust_t *trust; /* the newest */
    document_t *order;
    document_t *approval;
    store_audit_signer_t signer;
    keeper_t *keeper;
    engine_t *engine;
    service_t *service;
    bool other_root;   /* trust files are written a little differently */
    uint32_t ordinals; /* of tasks */
    uint64_t reports;
    char asker[2 * SIGN_PUBLIC_BYTES + 1]; /* key of who asks for the export */
    char *lines[FLEET_LINES];              /* of the export, without line feeds */
    size_t count;
    uint32_t pages;              /* that it came in */
    const document_t *take_back; /* that the reader has; NULL: none */
} fleet_t;

/* Make the catalog in a fixture that is open; fleet_close leaves that open. */
void fleet_open(fleet_t *fleet, fixture_t *fixture, fleet_flaw_t flaw);
void fleet_close(fleet_t *fleet);

/* For tests that add to it: an order as all begin, a signature, a batch that the agent signed. */
order_t fleet_blank_order(uint32_t id, order_kind_t kind, int64_t issued_us, who_t proposer);
void fleet_sign(fleet_t *fleet, document_t *document, who_t who);
void fleet_put_reports(fleet_t *fleet, Drover__Reports *reports, int64_t received_us);

/* One more row of the audit log, in a commit of its own. */
void fleet_audit(fleet_t *fleet, const char *action);

/* Ask for the whole export, in pages of so many rows; 0: as it comes. */
void fleet_export(fleet_t *fleet, int64_t since_us, uint32_t page_rows);

/* The signed head, as the verb answers it. */
void fleet_head(fleet_t *fleet, audit_head_t *ret_head);

/* Index of the nth line of a type, from 0. */
size_t fleet_find(const fleet_t *fleet, const char *type, size_t nth);
/* Put another text in a line's place, or take it out. */
void fleet_replace(fleet_t *fleet, size_t index, char *text);
void fleet_remove(fleet_t *fleet, size_t index);

/* Feed all lines. */
typedef struct fleet_verdict {
    status_t status;
    error_t err;
    uint64_t line; /* that is broken, from 1 */
    audit_counts_t counts;
    audit_about_t about;
} fleet_verdict_t;
fleet_verdict_t fleet_verify(fleet_t *fleet, const audit_head_t *earlier);

/* Give it a service to ask. */
void fleet_serve(fleet_t *fleet);

/* Forget the lines. */
void fleet_forget(fleet_t *fleet);

/* A call that must succeed. */
#define GOOD(fleet, call) fixture_ok((fleet)->fixture, (call), #call, __LINE__)
#define ERR(fleet) (&(fleet)->fixture->err)

#endif
