/* warrant.c: see warrant.h. */
#include "agent/trust/warrant.h"

#include <inttypes.h>
#include <string.h>

/* What leaves a tenant at another version than before: it has a number. */
static const unsigned CHANGES = ACTION_FORWARD | ACTION_UNDO | ACTION_RESTORE | ACTION_BASELINE;
static const unsigned FORWARD = ACTION_FORWARD | ACTION_BASELINE;

order_action_t warrant_action(job_kind_t kind) {
    static const order_action_t ACTIONS[JOB_KIND_COUNT] = {
        [JOB_KIND_FORWARD] = ACTION_FORWARD,     [JOB_KIND_UNDO] = ACTION_UNDO,
        [JOB_KIND_RESTORE] = ACTION_RESTORE,     [JOB_KIND_BASELINE] = ACTION_BASELINE,
        [JOB_KIND_BACKUP] = ACTION_BACKUP,       [JOB_KIND_LOOK] = ACTION_LOOK,
        [JOB_KIND_BACKUP_CHECK] = ACTION_BACKUP, [JOB_KIND_PRUNE] = ACTION_PRUNE,
    };
    INVARIANT(kind > JOB_KIND_NONE && kind < JOB_KIND_COUNT);
    return ACTIONS[kind];
}

bool warrant_is_forward(job_kind_t kind) {
    return (warrant_action(kind) & FORWARD) != 0;
}

bool warrant_needs_ticket(const order_t *order, job_kind_t kind) {
    order_action_t action = warrant_action(kind);
    bool own_undo = order->kind == ORDER_ROLLOUT && action == ACTION_UNDO;
    return action != ACTION_LOOK && !own_undo;
}

status_t warrant_named(const warrant_job_t *job, error_t *err) {
    if (digest_is_null(&job->order) || job->proof_size == 0) {
        return error_set(err, ERROR_ORDER_MISSING,
                         "the job names no signed order, or has no proof");
    }
    return STATUS_OK;
}

/* The action that an order is for. */
static unsigned main_action(const order_t *order) {
    switch (order->kind) {
    case ORDER_ROLLOUT:
        return ACTION_FORWARD;
    case ORDER_ROLLBACK:
        return ACTION_UNDO;
    case ORDER_BASELINE:
        return ACTION_BASELINE;
    case ORDER_BACKUP:
        return ACTION_BACKUP;
    case ORDER_RESTORE:
        return ACTION_RESTORE;
    case ORDER_PRUNE:
        return ACTION_PRUNE;
    case ORDER_LOOK:
        return ACTION_LOOK;
    case ORDER_STOP:
    case ORDER_HOLD:
    case ORDER_RELEASE_HOLD:
    case ORDER_RETRY:
    case ORDER_APPROVE_WAVE:
    case ORDER_TAKE_BACK:
    case ORDER_KIND_END:
        break;
    }
    return 0;
}

/* A planned change of the coordinator's key fails nobody's tenants: what the old one sent and was
 * not begun is given back, and the new one sends it again. */
static status_t check_coordinator(const warrant_case_t *question, error_t *err) {
    if (trust_coordinator(&question->authority->view, &question->job->coordinator, err) !=
        STATUS_OK) {
        err->retry = RETRY_TRANSIENT;
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

/* A job of our own: an undo that a signed take-back of the very order wants. */
static status_t check_take_back(const warrant_case_t *question, error_t *err) {
    const warrant_job_t *job = question->job;
    if (question->take_back == NULL ||
        !digest_equal(&question->take_back->order->digest, &job->take_back)) {
        return error_set(err, ERROR_ORDER_MISSING, "the job's take-back is not at hand");
    }
    if (job->kind != JOB_KIND_UNDO || !question->taken_back) {
        return error_set(err, ERROR_ORDER_SCOPE, "a take-back sets off undo alone, once accepted");
    }
    return order_taken_back(question->take_back, question->authority->order,
                            &question->facts->labels, err);
}

static status_t check_sender(const warrant_case_t *question, error_t *err) {
    return digest_is_null(&question->job->take_back) ? check_coordinator(question, err)
                                                     : check_take_back(question, err);
}

status_t warrant_stands(const warrant_case_t *question, error_t *err) {
    if (question->stopped) {
        return error_set(err, ERROR_CANCELLED, "a signed stop names the job's order");
    }
    if (question->taken_back && warrant_is_forward(question->job->kind)) {
        return error_set(err, ERROR_CANCELLED, "a signed take-back names the job's order");
    }
    if (question->held && warrant_is_forward(question->job->kind)) {
        return error_set(err, ERROR_FLEET_HELD, "a signed hold stands over application %s",
                         question->job->application);
    }
    return STATUS_OK;
}

static status_t differs(const char *what, const char *job, const char *order, error_t *err) {
    return error_set(err, ERROR_ORDER_SCOPE, "the job's %s is '%s', the order has '%s'", what, job,
                     order);
}

/* Looks and prunes take no recovery point. */
static status_t check_recovery(const warrant_job_t *job, const order_t *order, error_t *err) {
    if (job->kind == JOB_KIND_LOOK || job->kind == JOB_KIND_PRUNE) {
        return STATUS_OK;
    }
    if (strcmp(job->recovery_kind, order->recovery_kind) != 0) {
        return differs("recovery point", job->recovery_kind, order->recovery_kind, err);
    }
    if (strcmp(job->recovery_reason, order->recovery_reason) != 0) {
        return differs("reason for its recovery point", job->recovery_reason,
                       order->recovery_reason, err);
    }
    bool trial = job->kind == JOB_KIND_FORWARD && strcmp(order->trial_restore, "all") == 0 &&
                 strcmp(order->recovery_kind, "dump") == 0;
    if (trial && !job->trial_restore) {
        return error_set(err, ERROR_ORDER_SCOPE,
                         "the order has every backup restored in trial, the job has not");
    }
    return STATUS_OK;
}

static status_t check_terms(const warrant_job_t *job, const order_t *order, error_t *err) {
    if (strcmp(job->application, order->application) != 0) {
        return differs("application", job->application, order->application, err);
    }
    /* by its id the ledger tells what a standing order did from what others did */
    if (order_is_standing(order) && !ident_equal(&job->order_id, &order->id)) {
        return error_set(err, ERROR_ORDER_SCOPE,
                         "the job gives the standing order another id than its own");
    }
    if (job->accept_data_loss && !order->accept_data_loss) {
        return error_set(err, ERROR_ORDER_SCOPE,
                         "the job accepts the loss of rows, the order does not");
    }
    if (job->kind == JOB_KIND_PRUNE && (job->prune_keep_us != order->prune_keep_us ||
                                        job->prune_keep_count != order->prune_keep_count)) {
        return error_set(err, ERROR_ORDER_SCOPE,
                         "the job keeps backups for %" PRId64
                         " us and %u of them, the order %" PRId64 " us and %u",
                         job->prune_keep_us, job->prune_keep_count, order->prune_keep_us,
                         order->prune_keep_count);
    }
    return check_recovery(job, order, err);
}

/* The bundle that the order names, and no other, released by active keys for work forward; on the
 * way back retired keys count, whether this agent took the order before or not. */
static status_t check_bundle(const warrant_case_t *question, error_t *err) {
    const warrant_job_t *job = question->job;
    order_authority_t authority = *question->authority;
    if (digest_is_null(&authority.order->bundle)) {
        return digest_is_null(&job->bundle)
                   ? STATUS_OK
                   : error_set(err, ERROR_ORDER_BUNDLE,
                               "the order is for no bundle, the job has one");
    }
    if (question->facts->bundle == NULL) {
        return error_set(err, ERROR_ORDER_BUNDLE, "the order is for a bundle, the job has none");
    }
    authority.accepted = authority.accepted || !warrant_is_forward(job->kind);
    return order_takes_bundle(&authority, question->facts->bundle, err);
}

static status_t check_order(const warrant_case_t *question, proof_t *proof, error_t *err) {
    const warrant_job_t *job = question->job;
    const warrant_facts_t *facts = question->facts;
    order_deed_t deed = {
        .action = warrant_action(job->kind),
        .tenant = job->tenant,
        .cluster = facts->cluster,
        .environment = facts->environment,
        .target_position = job->target,
        .reference = job->reference,
        .open_wave = question->open_wave,
        .labels = &facts->labels,
        .accepted = question->accepted,
    };
    return order_admits(question->authority, &deed, proof, err);
}

static status_t check_policy(const warrant_case_t *question, error_t *err) {
    policy_deed_t deed = question->facts->deed;
    deed.kind = question->job->kind;
    deed.tenant = question->facts->labels;
    deed.now_us = question->facts->now_us;
    deed.recovery = question->authority->order->recovery_kind;
    return policy_judge(question->facts->policy, &deed, err);
}

status_t warrant_judge(const warrant_case_t *question, warrant_t *ret_warrant, error_t *err) {
    const warrant_job_t *job = question->job;
    const order_t *order = question->authority->order;
    proof_t proof;
    TRY(warrant_named(job, err));
    if (!digest_equal(&job->order, &order->digest)) {
        return error_set(err, ERROR_ORDER_SCOPE, "the order at hand is another than the job's");
    }
    TRY(check_sender(question, err));
    TRY(proof_decode(job->proof, job->proof_size, &proof, err));
    TRY(check_terms(job, order, err));
    TRY(check_bundle(question, err));
    TRY(check_order(question, &proof, err));
    TRY(warrant_stands(question, err));
    TRY(check_policy(question, err));
    order_action_t action = warrant_action(job->kind);
    *ret_warrant = (warrant_t){
        .number = (action & CHANGES) != 0 ? proof.leaf.number : 0,
        .wave = proof.wave,
        .main = main_action(order) == (unsigned)action && !order_is_standing(order),
        .standing = order_is_standing(order),
        .claimed_from = proof.leaf.from_position,
    };
    return STATUS_OK;
}
