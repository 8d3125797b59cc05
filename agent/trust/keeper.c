/* keeper.c: see keeper.h. */
#include "agent/trust/keeper.h"

#include "common/trust/trust_file.h"

#include <inttypes.h>
#include <string.h>

/* A hold, release, stop or take-back. */
typedef struct standing {
    digest_t digest; /* of the document */
    digest_t subject;
    int64_t issued_us;
    char *application; /* owned */
    char *environment; /* owned */
    struct standing *next;
} standing_t;

/* In the sequence of journal_paper_kind_t, from JOURNAL_HOLD. */
enum { LIST_HOLD, LIST_RELEASE, LIST_STOP, LIST_TAKE_BACK, LIST_COUNT };

struct keeper {
    journal_t *journal;
    trust_t *trust;
    digest_t *chain; /* trust files that were seen, from the pin on */
    size_t chain_count;
    revoked_t revoked;
    standing_t *lists[LIST_COUNT];
    size_t counts[LIST_COUNT];
    uint64_t changes;
};

/* ---- memory ---- */

static void standing_free(standing_t *standing) {
    if (standing != NULL) {
        free(standing->application);
        free(standing->environment);
        free(standing);
    }
}

static void standing_cleanup(standing_t **standing) {
    standing_free(*standing);
}

void keeper_destroy(keeper_t **keeper_p) {
    if (keeper_p == NULL || *keeper_p == NULL) {
        return;
    }
    keeper_t *keeper = *keeper_p;
    for (int i = 0; i < LIST_COUNT; i++) {
        standing_t *next = NULL;
        for (standing_t *at = keeper->lists[i]; at != NULL; at = next) {
            next = at->next;
            standing_free(at);
        }
    }
    trust_destroy(&keeper->trust);
    revoked_free(&keeper->revoked);
    free(keeper->chain);
    free(keeper);
    *keeper_p = NULL;
}

static status_t no_memory(error_t *err) {
    return error_set(err, ERROR_NO_MEMORY, "out of memory for what was signed");
}

/* Room for one more trust file in the chain, so that taking it cannot fail after the commit. */
static status_t reserve_chain(keeper_t *keeper, error_t *err) {
    digest_t *chain = realloc(keeper->chain, (keeper->chain_count + 1) * sizeof *chain);
    if (chain == NULL) {
        return no_memory(err);
    }
    keeper->chain = chain;
    return STATUS_OK;
}

static void set_trust(keeper_t *keeper, trust_t **trust_p) {
    trust_destroy(&keeper->trust);
    keeper->trust = *trust_p;
    *trust_p = NULL;
    keeper->chain[keeper->chain_count++] = keeper->trust->digest;
    keeper->changes++;
}

static bool in_chain(const keeper_t *keeper, const digest_t *digest) {
    for (size_t i = 0; i < keeper->chain_count; i++) {
        if (digest_equal(&keeper->chain[i], digest)) {
            return true;
        }
    }
    return false;
}

static status_t make_standing(const order_t *order, standing_t **ret_standing, error_t *err) {
    CLEANUP(standing_cleanup) standing_t *standing = calloc(1, sizeof *standing);
    if (standing == NULL) {
        return no_memory(err);
    }
    standing->digest = order->digest;
    standing->subject = order->subject;
    standing->issued_us = order->issued_us;
    standing->application = strdup(order->application);
    standing->environment = strdup(order->environment);
    if (standing->application == NULL || standing->environment == NULL) {
        return no_memory(err);
    }
    *ret_standing = TAKE(standing);
    return STATUS_OK;
}

static void add_standing(keeper_t *keeper, int list, standing_t *standing) {
    standing->next = keeper->lists[list];
    keeper->lists[list] = standing;
    keeper->counts[list]++;
    keeper->changes++;
}

static bool has_standing(const keeper_t *keeper, const digest_t *digest) {
    for (int i = 0; i < LIST_COUNT; i++) {
        for (const standing_t *at = keeper->lists[i]; at != NULL; at = at->next) {
            if (digest_equal(&at->digest, digest)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- asking ---- */

trust_view_t keeper_view(const keeper_t *keeper, int64_t now_us) {
    return (trust_view_t){.trust = keeper->trust, .revoked = &keeper->revoked, .now_us = now_us};
}

uint64_t keeper_changes(const keeper_t *keeper) {
    return keeper->changes;
}

static hold_word_t word_of(const standing_t *standing) {
    return (hold_word_t){
        .scope = {.application = standing->application, .environment = standing->environment},
        .issued_us = standing->issued_us};
}

static bool is_released(const keeper_t *keeper, const standing_t *standing) {
    hold_word_t hold = word_of(standing);
    for (const standing_t *at = keeper->lists[LIST_RELEASE]; at != NULL; at = at->next) {
        hold_word_t release = word_of(at);
        if (hold_ends(&release, &hold)) {
            return true;
        }
    }
    return false;
}

bool keeper_held(const keeper_t *keeper, const hold_scope_t *scope) {
    for (const standing_t *at = keeper->lists[LIST_HOLD]; at != NULL; at = at->next) {
        hold_word_t hold = word_of(at);
        if ((scope == NULL || hold_covers(&hold.scope, scope)) && !is_released(keeper, at)) {
            return true;
        }
    }
    return false;
}

static bool names(const keeper_t *keeper, int list, const order_t *order) {
    for (const standing_t *at = keeper->lists[list]; at != NULL; at = at->next) {
        /* its scope is whose signatures were counted: of another one it says nothing */
        if (digest_equal(&at->subject, &order->digest) &&
            strcmp(at->application, order->application) == 0 &&
            strcmp(at->environment, order->environment) == 0) {
            return true;
        }
    }
    return false;
}

bool keeper_stopped(const keeper_t *keeper, const order_t *order) {
    return names(keeper, LIST_STOP, order);
}

bool keeper_taken_back(const keeper_t *keeper, const order_t *order) {
    return names(keeper, LIST_TAKE_BACK, order);
}

bool keeper_knows(const keeper_t *keeper, const digest_t *digest) {
    return has_standing(keeper, digest);
}

const char *keeper_news_text(keeper_news_t news) {
    static const char *const TEXTS[KEEPER_NEWS_COUNT] = {
        [KEEPER_KNOWN] = "nothing new",
        [KEEPER_TRUST] = "a newer trust file",
        [KEEPER_REVOKED] = "a key was revoked",
        [KEEPER_HELD] = "a hold",
        [KEEPER_RELEASED] = "a hold's release",
        [KEEPER_STOPPED] = "an order was stopped",
        [KEEPER_TAKEN_BACK] = "an order is taken back",
    };
    INVARIANT(news < KEEPER_NEWS_COUNT);
    return TEXTS[news];
}

/* ---- taking ---- */

typedef struct entry {
    const keeper_paper_t *paper;
    const document_t *document;
    journal_paper_kind_t kind;
    int64_t sequence;
} entry_t;

/* From here on it survives a power cut. */
static status_t persist(keeper_t *keeper, const entry_t *entry, error_t *err) {
    TRY(journal_keep_paper(keeper->journal,
                           &(journal_paper_t){.digest = entry->document->id,
                                              .kind = entry->kind,
                                              .sequence = entry->sequence,
                                              .bytes = entry->paper->bytes,
                                              .size = entry->paper->size},
                           err));
    return journal_commit(keeper->journal, err);
}

static status_t take_trust(keeper_t *keeper, const entry_t *entry, keeper_news_t *ret_news,
                           error_t *err) {
    const document_t *document = entry->document;
    trust_view_t view = keeper_view(keeper, entry->paper->now_us);
    CLEANUP(trust_destroy_p) trust_t *next = NULL;
    if (in_chain(keeper, &document->id)) {
        *ret_news = KEEPER_KNOWN;
        return STATUS_OK;
    }
    TRY(tally_knows(&view, document, err)); /* a stranger's bytes reach no parser */
    TRY(trust_read(document, &next, err));
    trust_seen_t seen = {.version = keeper->trust->version, .digest = keeper->trust->digest};
    TRY(trust_check_seen(next, &seen, err));
    trust_destroy(&next);
    TRY(trust_follow(
        &(trust_step_t){.current = keeper->trust, .next = document, .now_us = entry->paper->now_us},
        &next, err));
    TRY(reserve_chain(keeper, err));
    entry_t kept = *entry;
    kept.kind = JOURNAL_TRUST;
    kept.sequence = next->version;
    TRY(persist(keeper, &kept, err));
    set_trust(keeper, &next);
    *ret_news = KEEPER_TRUST;
    return STATUS_OK;
}

static status_t take_revocation(keeper_t *keeper, const entry_t *entry, keeper_news_t *ret_news,
                                error_t *err) {
    trust_view_t view = keeper_view(keeper, entry->paper->now_us);
    revocation_t revocation;
    TRY(tally_knows(&view, entry->document, err));
    TRY(revocation_read(entry->document, &revocation, err));
    if (revoked_has(&keeper->revoked, &revocation.key)) {
        *ret_news = KEEPER_KNOWN; /* whoever signed: it changes nothing */
        return STATUS_OK;
    }
    TRY(revocation_verify(&view, entry->document, &revocation, err));
    entry_t kept = *entry;
    kept.kind = JOURNAL_REVOCATION;
    kept.sequence = revocation.at_us;
    /* first, so that nothing can fail after the commit; nobody judges in between */
    TRY(revoked_add(&keeper->revoked, &revocation.key, err));
    TRY(persist(keeper, &kept, err));
    keeper->changes++;
    *ret_news = KEEPER_REVOKED;
    return STATUS_OK;
}

/* Which list an order stands in; -1: none, it is no word to all agents. */
static int list_of(order_kind_t kind) {
    switch (kind) {
    case ORDER_HOLD:
        return LIST_HOLD;
    case ORDER_RELEASE_HOLD:
        return LIST_RELEASE;
    case ORDER_STOP:
        return LIST_STOP;
    case ORDER_TAKE_BACK:
        return LIST_TAKE_BACK;
    case ORDER_ROLLOUT:
    case ORDER_ROLLBACK:
    case ORDER_BASELINE:
    case ORDER_BACKUP:
    case ORDER_RESTORE:
    case ORDER_PRUNE:
    case ORDER_LOOK:
    case ORDER_RETRY:
    case ORDER_APPROVE_WAVE:
    case ORDER_KIND_END:
        break;
    }
    return -1;
}

/* A take-back is work on this host: it comes by the hand of who may write into the agent's folder,
 * and names the environment that this host stands in. */
static status_t check_take_back(const keeper_paper_t *paper, const order_t *order, error_t *err) {
    if (paper->environment == NULL) {
        return error_set(err, ERROR_TRUST_KIND, "a take-back is taken from a file only");
    }
    if (strcmp(paper->environment, order->environment) != 0) {
        return error_set(err, ERROR_ORDER_SCOPE,
                         "the take-back is for environment '%s', this agent's is '%s'",
                         order->environment, paper->environment);
    }
    return STATUS_OK;
}

static status_t take_standing(keeper_t *keeper, const entry_t *entry, keeper_news_t *ret_news,
                              error_t *err) {
    trust_view_t view = keeper_view(keeper, entry->paper->now_us);
    order_source_t source = {.document = entry->document};
    order_authority_t authority;
    CLEANUP(order_destroy_p) order_t *order = NULL;
    CLEANUP(standing_cleanup) standing_t *standing = NULL;
    if (has_standing(keeper, &entry->document->id)) {
        *ret_news = KEEPER_KNOWN;
        return STATUS_OK;
    }
    TRY(order_open(&view, &source, &order, &authority, err));
    int list = list_of(order->kind);
    if (list < 0) {
        return error_set(err, ERROR_TRUST_KIND, "an order of kind %s is not for every agent",
                         order_kind_text(order->kind));
    }
    if (list == LIST_TAKE_BACK) {
        TRY(check_take_back(entry->paper, order, err));
    }
    if (keeper->counts[list] >= KEEPER_STANDING) {
        return error_set(err, ERROR_BOUND, "more than %d holds, releases, stops or take-backs",
                         (int)KEEPER_STANDING);
    }
    TRY(make_standing(order, &standing, err));
    entry_t kept = *entry;
    kept.kind = (journal_paper_kind_t)(JOURNAL_HOLD + list);
    kept.sequence = order->issued_us;
    TRY(persist(keeper, &kept, err));
    add_standing(keeper, list, TAKE(standing));
    *ret_news = (keeper_news_t)(KEEPER_HELD + list);
    return STATUS_OK;
}

_Static_assert(JOURNAL_RELEASE - JOURNAL_HOLD == LIST_RELEASE &&
                   JOURNAL_STOP - JOURNAL_HOLD == LIST_STOP &&
                   JOURNAL_TAKE_BACK - JOURNAL_HOLD == LIST_TAKE_BACK &&
                   KEEPER_TAKEN_BACK - KEEPER_HELD == LIST_TAKE_BACK &&
                   KEEPER_RELEASED - KEEPER_HELD == LIST_RELEASE &&
                   KEEPER_STOPPED - KEEPER_HELD == LIST_STOP,
               "lists, their kinds in the journal and their news stand in one sequence");

status_t keeper_take(keeper_t *keeper, const keeper_paper_t *paper, keeper_news_t *ret_news,
                     error_t *err) {
    CLEANUP(document_destroy_p) document_t *document = NULL;
    TRY(document_decode(paper->bytes, paper->size, &document, err));
    entry_t entry = {.paper = paper, .document = document};
    switch (document->kind) {
    case DOCUMENT_TRUST:
        return take_trust(keeper, &entry, ret_news, err);
    case DOCUMENT_REVOCATION:
        return take_revocation(keeper, &entry, ret_news, err);
    case DOCUMENT_ORDER:
        return take_standing(keeper, &entry, ret_news, err);
    case DOCUMENT_CARD:
    case DOCUMENT_RESULT:
    case DOCUMENT_REQUEST:
    case DOCUMENT_KIND_END:
        break;
    }
    return error_set(err, ERROR_TRUST_KIND, "a document of kind %s is not for every agent",
                     document_kind_text(document->kind));
}

/* ---- what the journal holds ---- */

static status_t follow_kept(keeper_t *keeper, const document_t *document, error_t *err) {
    CLEANUP(trust_destroy_p) trust_t *read = NULL;
    TRY(trust_read(document, &read, err));
    if (!ident_equal(&read->fleet, &keeper->trust->fleet)) {
        return error_set(err, ERROR_TRUST_FLEET,
                         "the pin is of another fleet than the journal's trust files");
    }
    TRY(reserve_chain(keeper, err));
    if (read->version < keeper->trust->version) {
        keeper->chain[keeper->chain_count++] = read->digest; /* seen; the pin has passed it */
        return STATUS_OK;
    }
    if (read->version == keeper->trust->version) {
        trust_seen_t seen = {.version = read->version, .digest = read->digest};
        return trust_check_seen(keeper->trust, &seen, err);
    }
    if (read->version > keeper->trust->version + 1) {
        return error_set(err, ERROR_TRUST_ROLLBACK,
                         "the journal has seen trust file %" PRId64 ", the pin leads to %" PRId64
                         " only",
                         read->version, keeper->trust->version);
    }
    trust_destroy(&read);
    TRY(trust_follow(&(trust_step_t){.current = keeper->trust,
                                     .next = document,
                                     .now_us = INT64_MAX - TRUST_SKEW_US},
                     &read, err));
    set_trust(keeper, &read);
    return STATUS_OK;
}

/* Verified when it came in: its signers may have lost their rights since, and it still counts. */
static status_t load_standing(keeper_t *keeper, const document_t *document, error_t *err) {
    CLEANUP(order_destroy_p) order_t *order = NULL;
    CLEANUP(standing_cleanup) standing_t *standing = NULL;
    TRY(order_read(document, &order, err));
    int list = list_of(order->kind);
    if (list < 0) {
        return error_set(err, ERROR_TRUST_KIND, "an order of kind %s among holds and stops",
                         order_kind_text(order->kind));
    }
    TRY(make_standing(order, &standing, err));
    add_standing(keeper, list, TAKE(standing));
    return STATUS_OK;
}

static status_t load(const journal_paper_t *paper, void *context, error_t *err) {
    keeper_t *keeper = context;
    CLEANUP(document_destroy_p) document_t *document = NULL;
    revocation_t revocation;
    TRY(document_decode(paper->bytes, paper->size, &document, err));
    switch (paper->kind) {
    case JOURNAL_TRUST:
        return follow_kept(keeper, document, err);
    case JOURNAL_REVOCATION:
        TRY(revocation_read(document, &revocation, err));
        return revoked_add(&keeper->revoked, &revocation.key, err);
    case JOURNAL_HOLD:
    case JOURNAL_RELEASE:
    case JOURNAL_STOP:
    case JOURNAL_TAKE_BACK:
        return load_standing(keeper, document, err);
    case JOURNAL_PAPER_KIND_END:
        break;
    }
    return error_set(err, ERROR_STORE_VERSION, "the journal holds a paper of kind %d",
                     (int)paper->kind);
}

/* The pin counts as seen from now on. */
static status_t keep_pin(keeper_t *keeper, const document_t *pin, error_t *err) {
    CLEANUP(buffer_free) buffer_t bytes = {0};
    TRY(document_encode(pin, &bytes, err));
    TRY(journal_keep_paper(keeper->journal,
                           &(journal_paper_t){.digest = pin->id,
                                              .kind = JOURNAL_TRUST,
                                              .sequence = keeper->trust->version,
                                              .bytes = bytes.data,
                                              .size = bytes.size},
                           err));
    return journal_commit(keeper->journal, err);
}

status_t keeper_open(const char *root, journal_t *journal, keeper_t **ret_keeper, error_t *err) {
    CLEANUP(document_destroy_p) document_t *pin = NULL;
    CLEANUP(trust_destroy_p) trust_t *trust = NULL;
    CLEANUP(keeper_destroy_p) keeper_t *keeper = calloc(1, sizeof *keeper);
    if (keeper == NULL) {
        return no_memory(err);
    }
    keeper->journal = journal;
    TRY(trust_file_read(root, &pin, err));
    if (trust_pin(pin, &trust, err) != STATUS_OK) {
        return error_context(err, "reading the pin %s", root);
    }
    TRY(reserve_chain(keeper, err));
    set_trust(keeper, &trust);
    if (journal_papers(journal, load, keeper, err) != STATUS_OK) {
        return error_context(err, "following the trust files in the journal from %s", root);
    }
    if (digest_equal(&keeper->trust->digest, &pin->id)) {
        TRY(keep_pin(keeper, pin, err));
    }
    *ret_keeper = TAKE(keeper);
    return STATUS_OK;
}

/* ---- forgetting ---- */

static status_t forget_list(keeper_t *keeper, int list, int64_t before_us, error_t *err) {
    standing_t **link = &keeper->lists[list];
    while (*link != NULL) {
        standing_t *at = *link;
        bool over = list == LIST_HOLD ? is_released(keeper, at) : true;
        if (at->issued_us >= before_us || !over) {
            link = &at->next;
            continue;
        }
        TRY(journal_drop_paper(keeper->journal, &at->digest, err));
        *link = at->next;
        keeper->counts[list]--;
        standing_free(at);
    }
    return STATUS_OK;
}

/* No order outlives ORDER_LIFE_US: past that, with the skew twice and a day for good measure, a
 * hold that was released cannot be sent again, nor an order that was stopped. */
status_t keeper_forget(keeper_t *keeper, int64_t now_us, error_t *err) {
    int64_t before_us = now_us - ORDER_LIFE_US - 2 * TRUST_SKEW_US - TRUST_DAY_US;
    TRY(forget_list(keeper, LIST_HOLD, before_us, err)); /* before the releases that end them */
    TRY(forget_list(keeper, LIST_RELEASE, before_us, err));
    TRY(forget_list(keeper, LIST_TAKE_BACK, before_us, err));
    return forget_list(keeper, LIST_STOP, before_us, err);
}
