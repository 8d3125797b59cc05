/*
 * kind.h: the kinds of message as a table: what each is called, how it unpacks, who may send it,
 * and under which domain it is signed.
 */
#ifndef DROVER_WIRE_KIND_H
#define DROVER_WIRE_KIND_H

#include "common/crypto/sign.h"
#include "common/wire/party.h"
#include "proto/drover.pb-c.h"

/* JOBS and CANCEL are signed by one key: each has a domain of its own, so that no batch of jobs can
 * be passed off as a cancel by whoever carries it. */
#define SIGN_CANCEL SIGN_JOB "/cancel"

typedef struct kind {
    Drover__Kind kind;
    const char *name; /* "REPORTS" */
    const ProtobufCMessageDescriptor *descriptor;
    party_t sender;     /* the only one who may send it */
    const char *domain; /* of its signature; NULL where it is not signed */
} kind_t;

/* The row of a kind, NULL where there is no such kind. number comes from outside. */
const kind_t *kind_find(int64_t number);

/* All rows, for tests and documents. */
const kind_t *kind_list(size_t *ret_count);

#endif
