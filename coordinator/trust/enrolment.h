/*
 * enrolment.h: from a host that asks to an agent with a card.
 *
 * A host asks with a request that its own key signed: over the wire on the one-time key of an
 * invitation, or in a file that an admin carries. Nothing but a card with the ADMIN threshold's
 * signatures makes it an agent. Invariant: of one name, and of one transport key, at most one
 * enrolment is pending or accepted, so that a name always means one host.
 *
 * Every function that changes something is called within a transaction, writes only what it has
 * checked, and where it refuses has written nothing.
 */
#ifndef DROVER_COORDINATOR_TRUST_ENROLMENT_H
#define DROVER_COORDINATOR_TRUST_ENROLMENT_H

#include "coordinator/store/store_trust.h"
#include "coordinator/trust/keeper.h"

enum {
    ENROLMENT_PENDING_MOST = 1000, /* requests that wait for a person */
    ENROLMENT_OPEN_MOST = 1000,    /* invitations that have not ended */
};

/* Longest life of an invitation. */
#define ENROLMENT_INVITATION_US (31 * TRUST_DAY_US)

/* Let a one-time key in, for a name. ERROR_INVALID where name, key or end are none; ENROLMENT
 * where the name is an agent's, the key is another's, or too many invitations are open. Refusals
 * name the command that helps: what an agent that lost its state needs is no invitation. */
MUST_CHECK status_t enrolment_invite(keeper_t *keeper, const invitation_row_t *invitation,
                                     error_t *err);

/* A request that came on the key of an invitation. */
typedef struct enrolment_ask {
    const document_t *request;
    agent_key_t invited; /* the one-time key */
    int64_t now_us;
} enrolment_ask_t;

/* Take it in, once. The same host asking again, by the same request or, since it lost that one, by
 * another of its keys and name, hears how it stands now, and nobody new comes in by it: a host that
 * waits is known by its newest request from then on, an agent stays what it is, suspended or not.
 * ERROR_ENROLMENT where the invitation is unknown, has ended, was used by another host or is for
 * another name, or the name or a key is another's; CARD_REVOKED; else as request_verify. */
MUST_CHECK status_t enrolment_ask(keeper_t *keeper, const enrolment_ask_t *ask,
                                  enrolment_state_t *ret_state, error_t *err);

/* A card that somebody signed, with the request it is for where an admin carried that. */
typedef struct enrolment_card {
    const document_t *request; /* NULL: it was taken in before */
    const document_t *card;
    int64_t now_us;
} enrolment_card_t;

/* How far a card has come. Names are borrowed from the trust file. */
typedef struct enrolment_verdict {
    enrolment_state_t state; /* ACCEPTED once the threshold is reached */
    sign_public_t key;
    tally_t tally;
} enrolment_verdict_t;

/* Take a card's signatures. Below the ADMIN threshold it is kept as a draft with what others signed
 * already. An agent's own newer request, with the keys and the name that it has, is renewed as by
 * its old one. ERROR_ENROLMENT where nobody has asked with that key, it says otherwise than its
 * request, is not newer than the card at hand, or the name or a key is another's;
 * TRUST_THRESHOLD where no admin signed; else as card_verify and request_verify. */
MUST_CHECK status_t enrolment_accept(keeper_t *keeper, const enrolment_card_t *card,
                                     enrolment_verdict_t *ret_verdict, error_t *err);

/* Turn a pending one down. ERROR_ENROLMENT where nobody of that name waits. */
typedef struct enrolment_refusal {
    const char *name;
    const char *reason;
    int64_t now_us;
} enrolment_refusal_t;

MUST_CHECK status_t enrolment_reject(keeper_t *keeper, const enrolment_refusal_t *refusal,
                                     error_t *err);

/* Who signed the draft so far, and how many it takes. needed is set without a draft, too.
 * ERROR_STORE where the draft cannot be read. */
MUST_CHECK status_t enrolment_count(const keeper_t *keeper, const enrolment_row_t *enrolment,
                                    int64_t now_us, tally_t *ret_tally, error_t *err);

#endif
