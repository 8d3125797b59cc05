/*
 * fake.h: a coordinator of the test's own, on loopback in a thread: real CURVE, real signatures,
 * canned answers; and a way to run a command against it as main does, with its output caught.
 */
#ifndef DROVER_TESTS_CLI_FAKE_H
#define DROVER_TESTS_CLI_FAKE_H

#include "cli/handlers.h"
#include "tests/unit/cli/drafts.h"

enum { FAKE_WORDS = 16 };

/* One answer. Those of a verb are used in turn, the last one again and again. */
typedef struct fake_reply {
    const char *verb;     /* "bundle.put" answers chunks */
    const char *document; /* NULL: {} */
    const char *next;     /* there is more after this place */
    const char *code;     /* refused with this */
    const char *message;
    const char *hint;
    bool silent;    /* no answer at all */
    bool interrupt; /* raise SIGINT before answering */
} fake_reply_t;

typedef struct fake fake_t;

/* A folder with configuration and keys, and a coordinator; strangers' keys are not enrolled. */
typedef struct fake_options {
    const char *timeout; /* of one answer; NULL: 10s */
    bool stranger;       /* the operator's key is not enrolled */
    bool absent;         /* nothing listens there */
} fake_options_t;

fake_t *fake_start(const fake_options_t *options, const fake_reply_t *replies, size_t count);
void fake_stop(fake_t **self_p);

/*
 * Another answer; the texts of what the fake makes itself live as long as it does. A command must
 * not be running.
 */
void fake_add(fake_t *self, const fake_reply_t *reply);

/* Answer order.draft with this plan and the order that belongs to it, proposed by the operator of
 * the folder. The plan is taken over. */
void fake_draft(fake_t *self, json_t *plan, order_kind_t kind);

/* The same with a lie; tell may be NULL. */
typedef void fake_lie_t(drafts_order_t *draft);
void fake_draft_lie(fake_t *self, json_t *plan, order_kind_t kind, fake_lie_t *tell);

/* Keep a document of a test's own for the answers; consumes it. */
const char *fake_keep(fake_t *self, json_t *document);

/* The operator's signing key. */
const sign_public_t *fake_operator(const fake_t *self);

/* The document in the argument of this name in the last question of a verb, decoded; the caller
 * destroys it. NULL where there is none. */
document_t *fake_paper(fake_t *self, const char *verb, const char *argument);

/* "verb arguments" of each question, a line each; borrowed until the next call. */
const char *fake_asked(fake_t *self);

/* How many different ids the questions had. */
size_t fake_ids(fake_t *self);

/* Path of a file in its folder. */
const char *fake_path(fake_t *self, const char *name, char buffer[256]);
void fake_write(fake_t *self, const char *name, const char *text);
char *fake_read(fake_t *self, const char *name); /* freed by the caller; NULL: no such file */

/* What a command did. */
typedef struct fake_run {
    int exit_code;
    error_t err;
    char *out;    /* stdout, or all of the terminal */
    char *errors; /* stderr, the error's line not included */
} fake_run_t;

/* Run a line; "@x" is x in the folder. Freed by fake_run_free. */
fake_run_t fake_run(fake_t *self, const char *const words[FAKE_WORDS]);

/* The same on a terminal, on which `typed` is typed beforehand. */
fake_run_t fake_run_on_terminal(fake_t *self, const char *typed,
                                const char *const words[FAKE_WORDS]);
void fake_run_free(fake_run_t *run);

#endif
