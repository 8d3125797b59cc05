/*
 * questions.c: what operators ask. The signature was verified with their enrolled key before a word
 * of it was read; the age is checked here; everything else is the service's. A question stands in a
 * transaction of its own start, so that one that fails gives up nobody else's work.
 */
#include "common/wire/field.h"
#include "coordinator/link/internal.h"

#include <inttypes.h>
#include <string.h>

/* An order may lie in an operator's hands for a while, and two clocks take part. */
enum { AGE_SKEWS = 5 };

void questions_fail(hub_t *self, const listener_message_t *to, uint32_t number,
                    const error_t *err) {
    CLEANUP(buffer_free) buffer_t text = {.limit = WIRE_TEXT_BYTES};
    for (int i = err->context_count; i > 0; i--) {
        buffer_format(&text, "%s: ", err->context[i - 1]);
    }
    buffer_text(&text, err->message);
    Drover__Answer answer = DROVER__ANSWER__INIT;
    answer.number = number;
    answer.code = field_of_text(error_code_text(err->code));
    answer.message = field_of_text(buffer_string(&text));
    answer.hint = field_of_text(error_code_hint(err->code));
    hub_reply(self, to, DROVER__KIND__KIND_ANSWER, &answer.base, number);
}

static status_t check_age(const hub_t *self, const Drover__Question *question, error_t *err) {
    int64_t most = self->options.config->clock_skew_max_us * AGE_SKEWS;
    if (question->wall_us < self->now_us - most || question->wall_us > self->now_us + most) {
        return error_set(err, ERROR_CLOCK_SKEW,
                         "the question was signed more than %" PRId64
                         " s away from the coordinator's time",
                         most / US_PER_S);
    }
    return STATUS_OK;
}

static void reply(hub_t *self, const listener_message_t *from, uint32_t number,
                  const service_answer_t *given) {
    if (given->error.code != ERROR_NONE) {
        questions_fail(self, from, number, &given->error);
        return;
    }
    Drover__Answer answer = DROVER__ANSWER__INIT;
    answer.number = number;
    answer.document = field_of_text(given->document != NULL ? given->document : "");
    answer.more = given->more;
    answer.next = field_of_text(given->next != NULL ? given->next : "");
    hub_reply(self, from, DROVER__KIND__KIND_ANSWER, &answer.base, number);
}

/* ------------------------------------------------------------------ who is there */

static bool agent_presence(void *context, const agent_key_t *agent, const char **ret_problem) {
    const hub_t *self = context;
    curve_public_t key = session_key(agent);
    const session_t *session = session_find(self->sessions, &key);
    *ret_problem = session != NULL ? session->problem : "";
    return session != NULL && session->online;
}

static bool sees_standby(void *context, uint64_t system_identifier) {
    const hub_t *self = context;
    for (const session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        for (uint32_t i = 0; session->online && i < session->cluster_count; i++) {
            const session_cluster_t *cluster = &session->clusters[i];
            if (cluster->system_identifier == system_identifier && cluster->standby) {
                return true;
            }
        }
    }
    return false;
}

/* Whoever does not hold a cluster takes the holder's sessions for somebody's who is gone. */
typedef struct teller {
    const hub_t *hub;
    agent_key_t agent;
    service_leftover_fn *fn;
    void *context;
} teller_t;

static void tell_leftover(void *context, const service_leftover_t *leftover) {
    const teller_t *teller = context;
    agent_key_t holder;
    bool own = strncmp(leftover->kind, "backup_", strlen("backup_")) == 0; /* its folder's */
    bool holds = engine_holder(teller->hub->engine, leftover->system_identifier, &holder) &&
                 memcmp(&holder, &teller->agent, sizeof holder) == 0;
    if (holds || own) {
        service_leftover_t told = *leftover;
        told.agent = teller->agent;
        teller->fn(teller->context, &told);
    }
}

static void each_leftover(void *context, service_leftover_fn *fn, void *fn_context) {
    const hub_t *self = context;
    for (const session_t *session = self->sessions; session != NULL; session = session->hh.next) {
        teller_t teller = {
            .hub = self, .agent = session_agent(&session->key), .fn = fn, .context = fn_context};
        leftovers_each(session->left, tell_leftover, &teller);
    }
}

static status_t ask(hub_t *self, const listener_message_t *from, const envelope_t *envelope,
                    const Drover__Question *question, error_t *err) {
    char key[2 * SIGN_PUBLIC_BYTES + 1];
    char signature[2 * SIGN_SIGNATURE_BYTES + 1];
    const service_presence_t presence = {.context = self,
                                         .agent = agent_presence,
                                         .standby = sees_standby,
                                         .leftovers = each_leftover};
    service_question_t asked = {
        .verb = question->verb,
        .arguments = question->arguments,
        .order = field_ident(question->id),
        .actor = from->peer->name,
        .origin = from->address,
        .key = hex_text(envelope->key, SIGN_PUBLIC_BYTES, key),
        .payload = envelope->payload,
        .payload_size = envelope->payload_size,
        .signature = hex_text(envelope->signature, SIGN_SIGNATURE_BYTES, signature),
        .now_us = self->now_us,
        .boot_us = self->boot_us,
        .presence = &presence,
    };
    service_answer_t given = {0};
    TRY(hub_begin(self, err));
    TRY(self->service.answer(self->service.context, &asked, &given, &self->effects, err));
    reply(self, from, question->number, &given);
    self->service.free_answer(&given);
    self->offer_all = true;
    self->refill_look = true;
    self->suspended_look = true;
    self->look = true; /* it may have been a hold, a release or a stop */
    return STATUS_OK;
}

status_t questions_take(hub_t *self, const listener_message_t *from, const envelope_t *envelope,
                        const Drover__Question *question, error_t *err) {
    error_t refusal = {0};
    if (check_age(self, question, &refusal) != STATUS_OK) {
        log_warning("question refused", "actor", from->peer->name, "verb", question->verb, "reason",
                    refusal.message);
        questions_fail(self, from, question->number, &refusal);
        return STATUS_OK;
    }
    hub_settle(self);
    if (self->broken) {
        return STATUS_OK;
    }
    if (ask(self, from, envelope, question, err) != STATUS_OK) {
        /* told with the others whose answers are given up */
        questions_fail(self, from, question->number, err);
        return error_context(err, "answering '%.64s' of %.64s", question->verb, from->peer->name);
    }
    return STATUS_OK;
}
