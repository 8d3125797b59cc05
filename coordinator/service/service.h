/*
 * service.h: what operators may ask, and how it is answered.
 *
 * A question is a verb with JSON arguments; its answer is a JSON document, in pages where it is
 * large (proto/PROTOCOL.md, "Verbs of Question"). The caller is the loop: it has verified the
 * signature, looked the key up and checked the age; it has an open store transaction and the
 * engine that fits it. A verb that changes something writes its order, changes the engine, appends
 * what the engine wants done and leaves an audit row, all within that transaction.
 *
 * Two ways to fail are told apart:
 *  - STATUS_OK with ret->error.code set: the question is refused. Nothing was changed but the order
 *    and its audit row; the transaction is good and is to be committed.
 *  - STATUS_ERROR: the transaction is to be rolled back, and the engine built again from the store:
 *    it may have been changed. err goes to the operator.
 */
#ifndef DROVER_SERVICE_SERVICE_H
#define DROVER_SERVICE_SERVICE_H

#include "coordinator/engine/engine.h"
#include "coordinator/store/store.h"
#include "coordinator/trust/keeper.h"

typedef struct service service_t;

typedef struct service_options {
    keeper_t *keeper;          /* who may ask and sign; borrowed, must outlive the service */
    uint32_t page_rows;        /* most rows of an answer's page; 0: 500 */
    uint32_t page_bytes;       /* most bytes of rows in a page; 0: 262144 */
    uint32_t attempts;         /* tries per task of a rollback, baseline or backup; 0: 3 */
    uint32_t rollouts;         /* open at once at most, undos aside; 0: no bound */
    int64_t inventory_late_us; /* inventory older than this is marked late; 0: 15 minutes */
} service_options_t;

/* Something that was left behind, as an agent found it. Texts are borrowed for the call. */
typedef struct service_leftover {
    uint64_t system_identifier;
    agent_key_t agent; /* who found it */
    ident_t tenant;    /* null: of the cluster */
    int64_t seen_us;
    const char *kind; /* Leftover.kind of the wire */
    const char *name;
    const char *detail;
} service_leftover_t;

typedef void service_leftover_fn(void *context, const service_leftover_t *leftover);

/* What the conversation knows of agents and the catalog does not. Texts are borrowed. */
typedef struct service_presence {
    void *context;
    /* Whether the agent is connected; its own trouble where it told one, else "". */
    bool (*agent)(void *context, const agent_key_t *agent, const char **ret_problem);
    /* Whether a connected agent sees the cluster as a standby. */
    bool (*standby)(void *context, uint64_t system_identifier);
    /* Everything that agents found left behind; sessions of a cluster from its holder alone. NULL:
     * nothing is known. */
    void (*leftovers)(void *context, service_leftover_fn *fn, void *fn_context);
} service_presence_t;

/* All borrowed for the call. */
typedef struct service_question {
    const char *verb;
    const char *arguments; /* a JSON object; NULL or "" is {} */
    ident_t order;         /* Question.id */
    const char *actor;     /* name of the key's owner, as enrolled */
    const char *origin;    /* address, for the audit log */
    const char *key;       /* hexadecimal of the key that signed */
    const void *payload;   /* the signed bytes of the Question */
    size_t payload_size;
    const char *signature; /* hexadecimal */
    int64_t now_us;
    int64_t boot_us;
    const service_presence_t *presence; /* NULL: nothing is known */
} service_question_t;

/* Released by service_answer_free; zeroed is empty. */
typedef struct service_answer {
    error_t error;  /* ERROR_NONE, or why the question is refused */
    char *document; /* JSON object; NULL where refused */
    bool more;
    char *next; /* arguments.after of the next page; NULL where there is none */
} service_answer_t;

void service_answer_free(service_answer_t *answer);

/*
 * engine_p points at the loop's engine pointer, which may change when the engine is built again;
 * both must outlive the service. NULL when memory ran out.
 */
service_t *service_new(store_t *store, engine_t **engine_p, const service_options_t *options);
void service_destroy(service_t **self);
DEFINE_CLEANUP(service_t, service_destroy)

/* Whether the verb changes something, so that its Question is an order. False for unknown ones. */
bool service_verb_changes(const char *verb);

/*
 * Answer one question. Called between store_begin and store_commit, for reading verbs too. An order
 * that was answered before gets the same answer again and changes nothing. An unknown verb is
 * refused with ERROR_INVALID.
 */
MUST_CHECK status_t service_answer(service_t *service, const service_question_t *question,
                                   service_answer_t *ret_answer, effects_t *effects, error_t *err);

/* When and by whose wish something happens that no question asked for. */
typedef struct service_moment {
    int64_t now_us;
    int64_t boot_us;
} service_moment_t;

/* How the rollback of a wave went. */
typedef struct service_way_back {
    ident_t
        rollout; /* what was started; null where the wave touched nothing, or nothing could be */
    error_t why; /* ERROR_NONE, or why nothing could be started: an operator has to order it */
} service_way_back_t;

/*
 * Carry out EFFECT_ROLL_BACK: make and start the rollback of what the wave touched. Called within
 * the transaction that stores the rollout's failure; appends the engine's effects. The caller tells
 * the engine how it went: EVENT_REVERTED, or EVENT_UNREVERTED. STATUS_ERROR: as for service_answer.
 */
MUST_CHECK status_t service_roll_back_wave(service_t *service, const rollout_t *rollout,
                                           uint32_t wave, const service_moment_t *moment,
                                           service_way_back_t *ret_way, effects_t *effects,
                                           error_t *err);

/*
 * Make the rollouts that are due under standing orders: see standing.h. Called within a
 * transaction; appends the engine's effects. What cannot be made stands with its standing order.
 * STATUS_ERROR: as for service_answer.
 */
MUST_CHECK status_t service_sweep(service_t *service, const service_moment_t *moment,
                                  effects_t *effects, error_t *err);

#endif
