/*
 * journal.h: what an agent must not forget: jobs it accepted, how far each came, and reports that
 * the coordinator has not committed; and what signed documents it goes by. SQLite, WAL,
 * synchronous=FULL: what journal_commit answered survives a power cut. Many changes, one commit.
 *
 * Reports keep their numbers for ever (the catalog knows the highest it has); acknowledged ones
 * stay until journal_forget, so that a catalog that went back in time can be filled again. Sources:
 * SQLite manual, "Write-Ahead Logging", "PRAGMA synchronous".
 */
#ifndef DROVER_AGENT_JOURNAL_JOURNAL_H
#define DROVER_AGENT_JOURNAL_JOURNAL_H

#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/base/digest.h"
#include "common/base/ident.h"
#include "common/crypto/sign.h"

typedef struct journal journal_t;

/*
 * Open or make the journal in a folder (made 0700 where missing). STORE_LOCKED where another agent
 * has it, STORE where it cannot be read or written, STORE_VERSION where a newer program wrote it.
 */
MUST_CHECK status_t journal_open(const char *folder, journal_t **ret_journal, error_t *err);

/* Open a journal to look at it, whether an agent runs on it or not; nothing may be changed.
 * ERROR_NOT_FOUND where there is none, STORE, STORE_VERSION where an older or newer program wrote
 * it. */
MUST_CHECK status_t journal_open_reading(const char *folder, journal_t **ret_journal, error_t *err);
void journal_close(journal_t **journal_p);
DEFINE_CLEANUP(journal_t, journal_close)

/* Random id of this journal: another one means that the agent lost its state. */
const ident_t *journal_state(const journal_t *journal);

/* Changes are gathered in one transaction, begun by the first. ERROR_STORE, ERROR_DISK_FULL:
 * nothing of it was kept. */
MUST_CHECK status_t journal_commit(journal_t *journal, error_t *err);
bool journal_is_dirty(const journal_t *journal);

/* ---- the coordinator that was seen ---- */

typedef struct journal_epoch {
    uint64_t epoch;
    ident_t incarnation;
} journal_epoch_t;

/* Highest ever accepted; zeroes before the first. */
journal_epoch_t journal_epoch(const journal_t *journal);
MUST_CHECK status_t journal_set_epoch(journal_t *journal, const journal_epoch_t *epoch,
                                      error_t *err);

/* The highest report number that any coordinator ever acknowledged, as far as this journal was
 * told. A mark, not a promise: it is written along with the next change, or by journal_keep_mark,
 * and a crash may take back what was told last. */
uint64_t journal_mark(const journal_t *journal);
void journal_raise_mark(journal_t *journal, uint64_t acknowledged);
/* Gather the mark where it is not written yet; otherwise nothing happens. */
MUST_CHECK status_t journal_keep_mark(journal_t *journal, error_t *err);

/* ---- jobs ---- */

typedef struct journal_job {
    ident_t attempt;
    ident_t job;
    ident_t tenant;
    ident_t rollout;
    int64_t accepted_us;
    uint32_t state; /* job_state_t */
    uint32_t tries;
    bool cancelled;
    bool finished;
    bool keep_open;       /* backups of its rollout may not be pruned */
    digest_t order;       /* of the signed batch that it came in */
    sign_public_t signer; /* coordinator's key that signed that batch; zero: not known */
    uint32_t index;       /* in that batch */
    const void *payload;  /* the batch's bytes; borrowed during the callback, copied on insert */
    size_t payload_size;
} journal_job_t;

/* Keep a job. *ret_known says that this attempt was accepted before: nothing was changed then. The
 * batch's bytes are kept once for all its jobs. */
MUST_CHECK status_t journal_accept(journal_t *journal, const journal_job_t *job, bool *ret_known,
                                   error_t *err);

typedef struct journal_progress {
    ident_t attempt;
    uint32_t state;
    uint32_t tries;
    bool cancelled;
    bool finished;
} journal_progress_t;
MUST_CHECK status_t journal_progress(journal_t *journal, const journal_progress_t *progress,
                                     error_t *err);

typedef status_t journal_job_fn(const journal_job_t *job, void *context, error_t *err);

/* Every job that is not finished, in the order of acceptance. */
MUST_CHECK status_t journal_jobs(journal_t *journal, journal_job_fn *take, void *context,
                                 error_t *err);

/* Every job that was not forgotten, finished ones too, in the order of acceptance; those of one
 * batch follow each other. Not to be called from within a callback of either. */
MUST_CHECK status_t journal_history(journal_t *journal, journal_job_fn *take, void *context,
                                    error_t *err);

/* Whether an attempt was accepted before and is finished. */
MUST_CHECK status_t journal_is_finished(journal_t *journal, const ident_t *attempt,
                                        bool *ret_finished, error_t *err);

/* ---- reports ---- */

/* Keep a report's bytes (Report of the wire, its number already in it); number is journal_next. */
uint64_t journal_next(const journal_t *journal);
typedef struct journal_report {
    uint64_t number;
    ident_t attempt;
    const void *bytes; /* borrowed */
    size_t size;
    uint32_t result; /* what it means for its order's wave: result_outcome_t, 0: nothing */
} journal_report_t;
MUST_CHECK status_t journal_report(journal_t *journal, const journal_report_t *report,
                                   error_t *err);

/* Reports after a number, at most so many, oldest first. Only committed ones may be sent: call it
 * with nothing gathered. */
typedef status_t journal_report_fn(const journal_report_t *report, void *context, error_t *err);
typedef struct journal_range {
    uint64_t after;
    int most;
} journal_range_t;
MUST_CHECK status_t journal_reports(journal_t *journal, journal_range_t range,
                                    journal_report_fn *take, void *context, error_t *err);

/* The final report of a finished attempt is to be sent again: its number, or 0. */
MUST_CHECK status_t journal_last_report(journal_t *journal, const ident_t *attempt,
                                        uint64_t *ret_number, error_t *err);

/* The oldest report that was not forgotten; journal_next where there is none. */
MUST_CHECK status_t journal_first(journal_t *journal, uint64_t *ret_number, error_t *err);

/* Drop finished jobs and reports up to a number that are older than a time. */
MUST_CHECK status_t journal_forget(journal_t *journal, uint64_t acknowledged, int64_t before_us,
                                   error_t *err);

/* ---- trust ---- */

/* Numbers stand in the file: append only. */
typedef enum journal_paper_kind {
    JOURNAL_TRUST = 1,
    JOURNAL_REVOCATION,
    JOURNAL_HOLD,
    JOURNAL_RELEASE,
    JOURNAL_STOP,
    JOURNAL_TAKE_BACK,
    JOURNAL_PAPER_KIND_END
} journal_paper_kind_t;

typedef struct journal_paper {
    digest_t digest;
    journal_paper_kind_t kind;
    int64_t sequence;  /* within its kind: a trust file's version, else when it was issued */
    const void *bytes; /* borrowed */
    size_t size;
} journal_paper_t;

/* Keep a document; one that is there stays as it is. */
MUST_CHECK status_t journal_keep_paper(journal_t *journal, const journal_paper_t *paper,
                                       error_t *err);
MUST_CHECK status_t journal_drop_paper(journal_t *journal, const digest_t *digest, error_t *err);

/* Every one, by kind and sequence. */
typedef status_t journal_paper_fn(const journal_paper_t *paper, void *context, error_t *err);
MUST_CHECK status_t journal_papers(journal_t *journal, journal_paper_fn *take, void *context,
                                   error_t *err);

/* The highest order number that was accepted for a tenant and application, and the highest of an
 * order that was no baseline: see order_accepted_t. Both are written as they are given. */
typedef struct journal_accepted {
    ident_t tenant;
    const char *application; /* borrowed */
    int64_t number;          /* 0: none yet */
    digest_t order;
    int64_t moved; /* 0: none yet */
    digest_t moved_order;
} journal_accepted_t;
MUST_CHECK status_t journal_set_accepted(journal_t *journal, const journal_accepted_t *accepted,
                                         error_t *err);
/* Fill in numbers and orders; sees what is gathered, too. */
MUST_CHECK status_t journal_find_accepted(journal_t *journal, journal_accepted_t *accepted,
                                          error_t *err);

/* Whether this order is the accepted one of some tenant. */
MUST_CHECK status_t journal_order_known(journal_t *journal, const digest_t *order, bool *ret_known,
                                        error_t *err);

/* Forward work began on a tenant; how many others it began on after a time. */
MUST_CHECK status_t journal_set_begun(journal_t *journal, const ident_t *tenant, int64_t begun_us,
                                      error_t *err);
MUST_CHECK status_t journal_count_begun(journal_t *journal, const ident_t *but, int64_t after_us,
                                        int64_t *ret_count, error_t *err);

/* ---- which tenant a database is ---- */

typedef struct journal_place {
    uint64_t system_identifier;
    uint32_t database_oid;
} journal_place_t;

/* A database was read, and this id is stamped in it: after a restart it is known by it, though it
 * be out of reach then. Writes only where it was not known so. */
MUST_CHECK status_t journal_stamped(journal_t *journal, const journal_place_t *place,
                                    const ident_t *tenant, error_t *err);

/* The id that a database will be stamped with, or was; a fresh one is kept where there is none. */
MUST_CHECK status_t journal_provisional(journal_t *journal, const journal_place_t *place,
                                        ident_t *ret_tenant, error_t *err);

#endif
