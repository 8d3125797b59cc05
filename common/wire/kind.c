/* kind.c: see kind.h. */
#include "common/wire/kind.h"

#define ROW(NAME, type, party, sign)                                                               \
    {                                                                                              \
        .kind = DROVER__KIND__KIND_##NAME, .name = #NAME,                                          \
        .descriptor = &drover__##type##__descriptor, .sender = PARTY_##party, .domain = (sign)     \
    }

static const kind_t kinds[] = {
    // clang-format off
    ROW(HELLO,            hello,            AGENT,       NULL),
    ROW(AGENT_BEAT,       agent_beat,       AGENT,       NULL),
    ROW(INVENTORY,        inventory,        AGENT,       NULL),
    ROW(REPORTS,          reports,          AGENT,       SIGN_REPORTS),
    ROW(BUNDLE_WANT,      bundle_want,      AGENT,       NULL),
    ROW(PAPER_WANT,       paper_want,       AGENT,       NULL),
    ROW(ENROLL,           enroll,           NEWCOMER,    NULL),
    ROW(GOODBYE,          goodbye,          AGENT,       NULL),
    ROW(WELCOME,          welcome,          COORDINATOR, NULL),
    ROW(COORDINATOR_BEAT, coordinator_beat, COORDINATOR, NULL),
    ROW(INVENTORY_ACK,    inventory_ack,    COORDINATOR, NULL),
    ROW(REPORTS_ACK,      reports_ack,      COORDINATOR, NULL),
    ROW(BUNDLE_CHUNK,     bundle_chunk,     COORDINATOR, NULL),
    ROW(JOBS,             job_batch,        COORDINATOR, SIGN_JOB),
    ROW(CANCEL,           cancel,           COORDINATOR, SIGN_CANCEL),
    ROW(REFUSED,          refused,          COORDINATOR, NULL),
    ROW(TRUST,            trust,            COORDINATOR, NULL),
    ROW(PAPER_CHUNK,      paper_chunk,      COORDINATOR, NULL),
    ROW(ENROLLED,         enrolled,         COORDINATOR, NULL),
    ROW(QUESTION,         question,         OPERATOR,    SIGN_ORDER),
    ROW(ANSWER,           answer,           COORDINATOR, NULL),
    ROW(BUNDLE_PUT,       bundle_put,       OPERATOR,    NULL),
    // clang-format on
};

enum { KIND_ROWS = sizeof kinds / sizeof kinds[0] };

const kind_t *kind_find(int64_t number) {
    for (size_t i = 0; i < KIND_ROWS; i++) {
        if ((int64_t)kinds[i].kind == number) {
            return &kinds[i];
        }
    }
    return NULL;
}

const kind_t *kind_list(size_t *ret_count) {
    *ret_count = KIND_ROWS;
    return kinds;
}
