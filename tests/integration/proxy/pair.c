/* pair.c: see pair.h. */
#include "tests/integration/proxy/pair.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    SEEN_MOST = 1024 * 1024, /* longer messages go through unseen: no COMMIT is that long */
    CODE_SSL = 80877103,
    CODE_GSS = 80877104,
    CODE_CANCEL = 80877102,
};

static const char *const fault_words[FAULT_COUNT] = {
    [FAULT_PASS] = "pass",           [FAULT_CUT_REQUEST] = "cut-request",
    [FAULT_CUT_REPLY] = "cut-reply", [FAULT_CUT_RACE] = "cut-race",
    [FAULT_POOLER] = "pooler",
};

fault_t fault_parse(const char *word) {
    int fault = 0;
    while (fault < FAULT_COUNT && strcmp(word, fault_words[fault]) != 0) {
        fault++;
    }
    return (fault_t)fault;
}

const char *fault_text(fault_t fault) {
    return fault_words[fault];
}

bool stream_add(stream_t *stream, const uint8_t *bytes, size_t size) {
    if (stream->size + size > stream->room) {
        size_t room = 2 * (stream->size + size);
        uint8_t *grown = realloc(stream->bytes, room);
        if (grown == NULL) {
            return false;
        }
        stream->bytes = grown;
        stream->room = room;
    }
    memcpy(stream->bytes + stream->size, bytes, size);
    stream->size += size;
    return true;
}

void stream_drop(stream_t *stream, size_t size) {
    memmove(stream->bytes, stream->bytes + size, stream->size - size);
    stream->size -= size;
}

void stream_free(stream_t *stream) {
    free(stream->bytes);
    *stream = (stream_t){0};
}

static uint32_t number_at(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Size of the message at `at` with its type byte, or 0 where its header is not there yet. */
static uint64_t message_size(const stream_t *stream, size_t at) {
    return stream->size - at < 5 ? 0 : 1 + (uint64_t)number_at(stream->bytes + at + 1);
}

static bool is_commit(const uint8_t *message, size_t size) {
    const char *text = (const char *)message + 5;
    const char *end = (const char *)message + size;
    if (message[0] == 'P') {
        text += strnlen(text, (size_t)(end - text)) + 1; /* the statement's name */
    } else if (message[0] != 'Q') {
        return false;
    }
    return end - text >= 6 && strncasecmp(text, "COMMIT", 6) == 0;
}

static bool strikes(plan_t *plan) {
    bool cuts = plan->fault == FAULT_CUT_REQUEST || plan->fault == FAULT_CUT_REPLY ||
                plan->fault == FAULT_CUT_RACE;
    plan->commits++;
    bool hit = cuts && (plan->every ? plan->commits % plan->nth == 0 : plan->commits == plan->nth);
    plan->struck += hit ? 1 : 0;
    return hit;
}

/* Start-up packets have no type byte. Answers how many bytes of the front are one, or 0. */
static size_t startup_size(pair_t *pair) {
    if (pair->up.size < 8) {
        return 0;
    }
    uint32_t size = number_at(pair->up.bytes);
    uint32_t code = number_at(pair->up.bytes + 4);
    if (pair->up.size < size) {
        return 0;
    }
    pair->started = code != CODE_SSL && code != CODE_GSS && code != CODE_CANCEL;
    return size;
}

/* Bytes of a long message that are known to go through. */
static size_t pass_on(stream_t *stream, size_t at) {
    uint64_t there = stream->size - at;
    size_t size = (size_t)(there < stream->passing ? there : stream->passing);
    stream->passing -= size;
    return size;
}

verdict_t pair_up(pair_t *pair, plan_t *plan, size_t *ret_size) {
    stream_t *up = &pair->up;
    *ret_size = pair->started ? 0 : startup_size(pair);
    if (!pair->started) {
        return VERDICT_GO_ON; /* what follows a start-up packet waits for its answer */
    }
    size_t at = *ret_size;
    for (;;) { /* each turn takes bytes, or ends */
        at += pass_on(up, at);
        *ret_size = at;
        uint64_t size = message_size(up, at);
        if (up->passing > 0 || size == 0) {
            return VERDICT_GO_ON;
        }
        if (size > SEEN_MOST) {
            up->passing = size;
            continue;
        }
        if (up->size - at < size) {
            return VERDICT_GO_ON;
        }
        if (is_commit(up->bytes + at, (size_t)size) && strikes(plan)) {
            if (plan->fault == FAULT_CUT_REQUEST) {
                return VERDICT_CUT;
            }
            *ret_size = at + (size_t)size;
            pair->swallow = true;
            return plan->fault == FAULT_CUT_RACE ? VERDICT_CUT : VERDICT_GO_ON;
        }
        at += (size_t)size;
    }
}

/* BackendKeyData: 'K', 12, process id, secret. */
static void change_key(pair_t *pair, size_t at) {
    if (pair->down.bytes[at] == 'K') {
        pair->down.bytes[at + 8] ^= 0x55;
        pair->keyed = true;
    }
}

verdict_t pair_down(pair_t *pair, plan_t *plan, size_t *ret_size) {
    stream_t *down = &pair->down;
    *ret_size = 0;
    if (pair->swallow) {
        return VERDICT_CUT;
    }
    if (plan->fault != FAULT_POOLER || pair->keyed || !pair->started) {
        *ret_size = down->size;
        return VERDICT_GO_ON;
    }
    for (;;) { /* each turn takes a message, or ends */
        uint64_t size = message_size(down, *ret_size);
        if (size == 0 || down->size - *ret_size < size) {
            return VERDICT_GO_ON;
        }
        change_key(pair, *ret_size);
        *ret_size += (size_t)size;
    }
}
