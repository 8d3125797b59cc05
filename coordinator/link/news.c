/*
 * news.c: what agents must know before they believe anything else: trust files, revocations, holds
 * and their releases, stops. They are told after the welcome, and again whenever one is added; each
 * document speaks for itself, so that telling one twice, or to an agent that has it, does no harm.
 */
#include "common/wire/field.h"
#include "coordinator/link/internal.h"
#include "coordinator/store/store_signed_order.h"
#include "coordinator/store/store_trust.h"

#include "common/crypto/hash.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NEWS "drover/news/1"

/* What the documents of one message may take; the rest of the bound is for the envelope. */
enum { NEWS_BYTES = LIMIT_MESSAGE_BYTES - 64 * 1024 };

_Static_assert(NEWS_BYTES >= (int)WIRE_PAPER_BYTES, "any one document fits into a message");

/* Documents on their way into messages, or into a digest where there is no session. */
typedef struct news {
    hub_t *hub;
    session_t *session;
    hash_t hash;
    ProtobufCBinaryData documents[WIRE_PAPERS];
    size_t count;
    size_t bytes;
    int64_t version; /* of the newest trust file among them */
} news_t;

static void forget(news_t *news) {
    for (size_t i = 0; i < news->count; i++) {
        free(news->documents[i].data);
    }
    news->count = 0;
    news->bytes = 0;
}

static void flush(news_t *news) {
    if (news->count > 0) {
        Drover__Trust message = DROVER__TRUST__INIT;
        message.n_documents = news->count;
        message.documents = news->documents;
        hub_say(news->hub, &news->session->key, DROVER__KIND__KIND_TRUST, &message.base);
    }
    forget(news);
}

/* Rows lend their documents for the call only. */
static status_t add(news_t *news, const void *bytes, size_t size, error_t *err) {
    if (news->count == WIRE_PAPERS || news->bytes + size > NEWS_BYTES) {
        flush(news);
    }
    uint8_t *copy = malloc(size + 1);
    if (copy == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory for a trust file");
    }
    memcpy(copy, bytes, size);
    news->documents[news->count++] = (ProtobufCBinaryData){.data = copy, .len = size};
    news->bytes += size;
    return STATUS_OK;
}

static status_t add_file(void *context, const trust_file_row_t *file, error_t *err) {
    news_t *news = context;
    news->version = file->version;
    if (news->session == NULL) {
        hash_add(&news->hash, file->digest.bytes, sizeof file->digest.bytes);
        return STATUS_OK;
    }
    return add(news, file->document.bytes, file->document.size, err);
}

static status_t add_revocation(void *context, const revocation_row_t *revocation, error_t *err) {
    news_t *news = context;
    if (news->session == NULL) {
        hash_add(&news->hash, revocation->digest.bytes, sizeof revocation->digest.bytes);
        return STATUS_OK;
    }
    return add(news, revocation->document.bytes, revocation->document.size, err);
}

static status_t add_order(void *context, const signed_order_row_t *order, error_t *err) {
    news_t *news = context;
    if (news->session == NULL) {
        hash_add(&news->hash, order->digest.bytes, sizeof order->digest.bytes);
        return STATUS_OK;
    }
    return add(news, order->document, order->document_size, err);
}

/* A hold stands until it is released, past its own end; a release that has ended is of no use. */
static status_t add_holds(news_t *news, const holds_t *holds, error_t *err) {
    for (size_t i = 0; i < holds->count; i++) {
        const holds_word_t *word = &holds->words[i];
        CLEANUP(arena_free) arena_t arena = {0};
        signed_order_row_t row;
        if (word->releases && word->expires_us <= news->hub->now_us) {
            continue;
        }
        TRY(store_signed_order_get(news->hub->options.store, &word->digest, &arena, &row, err));
        TRY(add_order(news, &row, err));
    }
    return STATUS_OK;
}

/* Everything from a trust file's version on; the holds are read on the way. */
static status_t gather(news_t *news, int64_t from, holds_t *holds, error_t *err) {
    hub_t *self = news->hub;
    store_t *store = self->options.store;
    TRY(store_trust_file_each(store, from, add_file, news, err));
    TRY(store_revocation_each(store, add_revocation, news, err));
    TRY(store_signed_order_stops(store, self->now_us, add_order, news, err));
    TRY(holds_read(self->options.keeper, holds, err));
    return add_holds(news, holds, err);
}

status_t news_tell(hub_t *self, session_t *session, error_t *err) {
    CLEANUP(forget) news_t news = {.hub = self, .session = session};
    CLEANUP(holds_free) holds_t holds = {0};
    TRY(gather(&news, session->trust_version + 1, &holds, err));
    flush(&news);
    if (news.version > session->trust_version) {
        session->trust_version = news.version;
    }
    return STATUS_OK;
}

/* Read how it stands; *ret_moved says whether agents would be told something else than before. */
static status_t look(hub_t *self, bool *ret_moved, error_t *err) {
    news_t news = {.hub = self};
    CLEANUP(holds_free) holds_t holds = {0};
    int64_t version = keeper_view(self->options.keeper, self->now_us).trust->version;
    hash_begin(&news.hash, HASH_NEWS);
    TRY(gather(&news, version, &holds, err));
    digest_t now = hash_end(&news.hash);
    *ret_moved = !digest_equal(&now, &self->news);
    self->news = now;
    holds_free(&self->holds);
    self->holds = holds;
    holds = (holds_t){0};
    self->trust_seen = keeper_changes(self->options.keeper);
    self->look = false;
    return STATUS_OK;
}

status_t news_begin(hub_t *self, error_t *err) {
    bool moved = false;
    return look(self, &moved, err);
}

status_t news_look(hub_t *self, error_t *err) {
    bool moved = false;
    bool trust = keeper_changes(self->options.keeper) != self->trust_seen;
    if (!self->look && !trust) {
        return STATUS_OK;
    }
    TRY(look(self, &moved, err));
    self->ask_all = self->ask_all || trust; /* a card or a signer may count now, or no longer */
    for (session_t *session = self->sessions; moved && session != NULL;
         session = session->hh.next) {
        if (session->online) {
            TRY(news_tell(self, session, err));
        }
    }
    return STATUS_OK;
}
