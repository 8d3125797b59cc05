/* court.c: see court.h. */
#include "agent/trust/court.h"

#include <string.h>

/* Judged anew after so long: much less than clocks may differ. */
enum { FRESH_US = 1000 * 1000 };

/* One order, as it was verified last. */
typedef struct brief {
    digest_t digest;
    order_t *order;
    order_authority_t authority; /* borrows the keeper's trust: good for this count of changes */
    uint64_t changes;
    int64_t verified_us;
    bool verified;
    bool opened[LIMIT_WAVES]; /* waves whose ticket was verified, as of changes */
    uint64_t used;            /* when it was used last, by count */
} brief_t;

struct court {
    court_rooms_t rooms;
    brief_t *briefs[COURT_ORDERS];
    uint64_t uses;
};

status_t court_new(const court_rooms_t *rooms, court_t **ret_court, error_t *err) {
    court_t *court = calloc(1, sizeof *court);
    if (court == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory");
    }
    court->rooms = *rooms;
    *ret_court = court;
    return STATUS_OK;
}

static void brief_destroy(brief_t **brief_p) {
    if (*brief_p != NULL) {
        order_destroy(&(*brief_p)->order);
        free(*brief_p);
        *brief_p = NULL;
    }
}

void court_destroy(court_t **court_p) {
    if (court_p == NULL || *court_p == NULL) {
        return;
    }
    for (size_t i = 0; i < COURT_ORDERS; i++) {
        brief_destroy(&(*court_p)->briefs[i]);
    }
    free(*court_p);
    *court_p = NULL;
}

/* ---- orders ---- */

static brief_t **find(court_t *court, const digest_t *digest) {
    for (size_t i = 0; i < COURT_ORDERS; i++) {
        brief_t *brief = court->briefs[i];
        if (brief != NULL && digest_equal(&brief->digest, digest)) {
            return &court->briefs[i];
        }
    }
    return NULL;
}

const order_t *court_order(court_t *court, const digest_t *digest) {
    brief_t **place = find(court, digest);
    return place != NULL ? (*place)->order : NULL;
}

/* An empty place, or that of the order that was not used for longest. */
static brief_t **make_place(court_t *court) {
    brief_t **oldest = &court->briefs[0];
    for (size_t i = 0; i < COURT_ORDERS; i++) {
        if (court->briefs[i] == NULL) {
            return &court->briefs[i];
        }
        if (court->briefs[i]->used < (*oldest)->used) {
            oldest = &court->briefs[i];
        }
    }
    brief_destroy(oldest);
    return oldest;
}

/* Verify, unless that was done just now under the same trust. */
static status_t verify(court_t *court, brief_t *brief, int64_t now_us, error_t *err) {
    uint64_t changes = keeper_changes(court->rooms.keeper);
    bool fresh = brief->verified && brief->changes == changes && now_us >= brief->verified_us &&
                 now_us - brief->verified_us < FRESH_US;
    if (fresh) {
        return STATUS_OK;
    }
    bool accepted = false;
    trust_view_t view = keeper_view(court->rooms.keeper, now_us);
    brief->verified = false;
    if (brief->changes != changes) { /* cards and approvals may count no more */
        memset(brief->opened, 0, sizeof brief->opened);
    }
    TRY(journal_order_known(court->rooms.journal, &brief->digest, &accepted, err));
    TRY(order_verify(&view, brief->order, accepted, &brief->authority, err));
    brief->changes = changes;
    brief->verified_us = now_us;
    brief->verified = true;
    return STATUS_OK;
}

/* From its bytes: who signed must be known before anything in it is read. */
static status_t open_brief(court_t *court, const digest_t *digest, const buffer_t *bytes,
                           const warrant_facts_t *facts, error_t *err) {
    trust_view_t view = keeper_view(court->rooms.keeper, facts->now_us);
    CLEANUP(document_destroy_p) document_t *document = NULL;
    CLEANUP(brief_destroy) brief_t *brief = calloc(1, sizeof *brief);
    if (brief == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for an order");
    }
    TRY(document_decode(bytes->data, bytes->size, &document, err));
    TRY(tally_knows(&view, document, err));
    TRY(order_read(document, &brief->order, err));
    brief->digest = *digest;
    TRY(verify(court, brief, facts->now_us, err));
    *make_place(court) = TAKE(brief);
    return STATUS_OK;
}

/* What time or a trust file mends, the paper is kept for: a host without its coordinator needs it
 * for the way back. Else the next job asks for it anew, and with it for the signatures that it may
 * have gathered since. */
static court_answer_t refuse_paper(court_t *court, const papers_name_t *name, const error_t *err) {
    bool mends = err->retry == RETRY_TRANSIENT || err->code == ERROR_TRUST_EXPIRED ||
                 err->code == ERROR_ORDER_EXPIRED;
    if (!mends) {
        papers_drop(court->rooms.papers, name);
    }
    return COURT_REFUSED;
}

static court_answer_t get_order(court_t *court, const digest_t *digest,
                                const warrant_facts_t *facts, brief_t **ret_brief, error_t *err) {
    papers_name_t name = {.kind = PAPERS_ORDER, .digest = *digest};
    brief_t **place = find(court, digest);
    if (place == NULL) {
        const buffer_t *bytes = NULL;
        papers_state_t state = papers_get(court->rooms.papers, &name, &bytes, err);
        if (state != PAPERS_HERE) {
            return state == PAPERS_COMING ? COURT_COMING : COURT_REFUSED;
        }
        if (open_brief(court, digest, bytes, facts, err) != STATUS_OK) {
            return refuse_paper(court, &name, err);
        }
        if (papers_keep(court->rooms.papers, &name, err) != STATUS_OK) {
            return COURT_REFUSED;
        }
        place = find(court, digest);
        INVARIANT(place != NULL);
    }
    (*place)->used = ++court->uses;
    if (verify(court, *place, facts->now_us, err) != STATUS_OK) {
        if (err->code == ERROR_TRUST_THRESHOLD) {
            brief_destroy(place);
        }
        return refuse_paper(court, &name, err);
    }
    *ret_brief = *place;
    return COURT_GRANTED;
}

/* ---- tickets ---- */

/* The wave of a later job is open once any ticket for it was verified: the order signs one set of
 * conditions a wave, whichever statements fulfil them. */
static court_answer_t open_wave(court_t *court, brief_t *brief, const warrant_job_t *job,
                                uint32_t wave, error_t *err) {
    if (wave == 0 || wave >= brief->order->wave_count || digest_is_null(&job->ticket) ||
        !warrant_needs_ticket(brief->order, job->kind) || brief->opened[wave]) {
        return COURT_GRANTED; /* what lacks its ticket the warrant refuses */
    }
    papers_name_t name = {.kind = PAPERS_TICKET, .digest = job->ticket};
    const buffer_t *bytes = NULL;
    papers_state_t state = papers_get(court->rooms.papers, &name, &bytes, err);
    if (state != PAPERS_HERE) {
        return state == PAPERS_COMING ? COURT_COMING : COURT_REFUSED;
    }
    ticket_claim_t claim = {.wave = wave, .bytes = bytes->data, .size = bytes->size};
    ticket_verdict_t verdict;
    if (ticket_verify(&brief->authority, &claim, &verdict, err) != STATUS_OK) {
        /* The paper is of no use to anybody any more. The coordinator hears of it, and sends the
         * job again under a ticket without that word. */
        if (ticket_has_lapsed(err->code)) {
            papers_drop(court->rooms.papers, &name);
            err->retry = RETRY_TRANSIENT;
            return COURT_REFUSED;
        }
        return refuse_paper(court, &name, err);
    }
    if (papers_keep(court->rooms.papers, &name, err) != STATUS_OK) {
        return COURT_REFUSED;
    }
    brief->opened[wave] = true;
    return COURT_GRANTED;
}

/* ---- judging ---- */

/* The order of a job, and of one of our own the take-back that wants it. */
typedef struct briefs {
    brief_t *order;
    brief_t *take_back; /* NULL: a coordinator's job */
} briefs_t;

/* A job of our own waits for no paper: they are here since its take-back was accepted, and there
 * may be nobody to ask. */
static court_answer_t get_briefs(court_t *court, const warrant_job_t *job,
                                 const warrant_facts_t *facts, briefs_t *ret_briefs, error_t *err) {
    bool own = !digest_is_null(&job->take_back);
    *ret_briefs = (briefs_t){0};
    court_answer_t answer = get_order(court, &job->order, facts, &ret_briefs->order, err);
    if (own && answer == COURT_GRANTED) { /* the other one was used last: its place is safe */
        answer = get_order(court, &job->take_back, facts, &ret_briefs->take_back, err);
    }
    if (own && answer == COURT_COMING) {
        (void)error_set(err, ERROR_ORDER_MISSING,
                        "the order that is taken back, or its take-back, is not at hand any more");
        return COURT_REFUSED;
    }
    return answer;
}

/* What is known of the order now, but for what its waves and the tenant's numbers say. Of a job of
 * our own a stop of its take-back counts: the order's own stop may be why it is taken back. */
static warrant_case_t case_of(const court_t *court, const briefs_t *briefs,
                              const warrant_job_t *job, const warrant_facts_t *facts) {
    const brief_t *brief = briefs->order;
    const brief_t *take_back = briefs->take_back;
    const order_t *order = brief->order;
    hold_scope_t scope = {.application = order->application, .environment = facts->environment};
    return (warrant_case_t){
        .job = job,
        .facts = facts,
        .authority = &brief->authority,
        .held = keeper_held(court->rooms.keeper, &scope),
        .stopped =
            keeper_stopped(court->rooms.keeper, take_back != NULL ? take_back->order : order),
        .taken_back = keeper_taken_back(court->rooms.keeper, order),
        .take_back = take_back != NULL ? &take_back->authority : NULL,
    };
}

static status_t ask_warrant(court_t *court, const brief_t *brief, const warrant_case_t *known,
                            uint32_t wave, warrant_t *ret_warrant, error_t *err) {
    const order_t *order = brief->order;
    warrant_case_t question = *known;
    journal_accepted_t accepted = {.tenant = known->job->tenant, .application = order->application};
    TRY(journal_find_accepted(court->rooms.journal, &accepted, err));
    question.accepted = (order_accepted_t){.number = accepted.number,
                                           .order = accepted.order,
                                           .moved = accepted.moved,
                                           .moved_order = accepted.moved_order};
    question.open_wave = wave < order->wave_count && brief->opened[wave] ? wave : 0;
    return warrant_judge(&question, ret_warrant, err);
}

status_t court_recheck(court_t *court, const warrant_job_t *job, const warrant_facts_t *facts,
                       error_t *err) {
    briefs_t briefs;
    court_answer_t answer = get_briefs(court, job, facts, &briefs, err);
    if (answer == COURT_COMING) {
        (void)error_set(err, ERROR_ORDER_MISSING, "the job's order is not at hand any more");
        err->retry = RETRY_TRANSIENT;
    }
    if (answer != COURT_GRANTED) {
        return STATUS_ERROR;
    }
    warrant_case_t question = case_of(court, &briefs, job, facts);
    return warrant_stands(&question, err);
}

court_answer_t court_judge(court_t *court, const warrant_job_t *job, const warrant_facts_t *facts,
                           warrant_t *ret_warrant, error_t *err) {
    proof_t proof;
    briefs_t briefs;
    if (warrant_named(job, err) != STATUS_OK ||
        proof_decode(job->proof, job->proof_size, &proof, err) != STATUS_OK) {
        return COURT_REFUSED;
    }
    court_answer_t answer = get_briefs(court, job, facts, &briefs, err);
    if (answer == COURT_GRANTED) {
        answer = open_wave(court, briefs.order, job, proof.wave, err);
    }
    if (answer != COURT_GRANTED) {
        return answer;
    }
    warrant_case_t known = case_of(court, &briefs, job, facts);
    return ask_warrant(court, briefs.order, &known, proof.wave, ret_warrant, err) == STATUS_OK
               ? COURT_GRANTED
               : COURT_REFUSED;
}

status_t court_accept(court_t *court, const warrant_job_t *job, const warrant_t *warrant,
                      error_t *err) {
    if (warrant->number == 0) {
        return STATUS_OK;
    }
    journal_accepted_t accepted = {.tenant = job->tenant, .application = job->application};
    TRY(journal_find_accepted(court->rooms.journal, &accepted, err));
    if (warrant->number >= accepted.number) { /* a standing order may be older than a baseline */
        accepted.number = warrant->number;
        accepted.order = job->order;
    }
    if (job->kind != JOB_KIND_BASELINE) {
        accepted.moved = warrant->number;
        accepted.moved_order = job->order;
    }
    return journal_set_accepted(court->rooms.journal, &accepted, err);
}
