/*
 * host.h: an agent's trust rooms over the world of tests/unit/trust: a pin, a journal, papers, and
 * one job of the world's order that is good as it comes. A coordinator is played by handing out
 * what host_serve was given.
 */
#ifndef DROVER_TESTS_AGENT_TRUST_HOST_H
#define DROVER_TESTS_AGENT_TRUST_HOST_H

#include "agent/trust/court.h"
#include "tests/unit/trust/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { HOST_PAPERS = 8, HOST_PATH = 128 };

typedef struct host {
    world_t world;
    char folder[32];
    journal_t *journal;
    keeper_t *keeper;
    papers_t *papers;
    court_t *court;

    struct {
        digest_t digest;
        buffer_t bytes;
    } served[HOST_PAPERS];
    size_t served_count;
    size_t asked; /* chunks that were asked for */

    warrant_job_t job;
    warrant_facts_t facts;
    release_claim_t claim;
    sign_public_t releasers[2];
    buffer_t proof;
    warrant_t warrant;
} host_t;

void host_must(status_t status, const error_t *err);
#define MUST(call) host_must((call), &err)

/* The world, open to change; then host_start writes the pin and opens the rooms. */
void host_open(host_t *host);
void host_start(host_t *host);
/* Close the rooms and open them again from what is on the disk. */
status_t host_restart(host_t *host, error_t *err);
void host_close(host_t *host);

void host_path(const host_t *host, const char *name, char path[HOST_PATH]);
/* Write the trust file as the world plans it now, as the pin. */
void host_write_pin(host_t *host);

/* Sign the world's order, serve it, and fill the job with its proof for the tenant at wave, index.
 */
void host_order(host_t *host);
void host_aim(host_t *host, uint32_t wave, uint32_t index);
void host_serve(host_t *host, const digest_t *digest, const buffer_t *bytes);
/* The ticket of the world for its second wave. */
void host_ticket(host_t *host);

/* Hand a document to the keeper. */
status_t host_take(host_t *host, document_t *document, keeper_news_t *ret_news, error_t *err);
/* Sign an order without tenants (hold, release, stop) by these and hand it over. */
status_t host_word(host_t *host, order_kind_t kind, const signers_t *signers, error_t *err);

/* Judge the job, fetching what is wanted. */
court_answer_t host_judge(host_t *host, error_t *err);
/* Judge, and keep what it is bound to. */
void host_grant(host_t *host);
/* It must be refused with this code. */
void host_refuses(host_t *host, error_code_t code);

#endif
