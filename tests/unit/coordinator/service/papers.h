/*
 * papers.h: signed papers in questions: asking as somebody, drafting, signing, starting.
 */
#ifndef DROVER_TESTS_SERVICE_PAPERS_H
#define DROVER_TESTS_SERVICE_PAPERS_H

#include "tests/unit/coordinator/service/world.h"

/* Arguments of rollout.start: two waves; the second by approval only; one that is rolled back. */
#define SPEC                                                                                       \
    "{\"name\":\"first\",\"spec\":\"bundle: app\\ntarget: latest\\nselect: all\\n"                 \
    "waves: [{name: a, count: 2}, {name: b, rest: true}]\"}"
#define GATED                                                                                      \
    "{\"name\":\"first\",\"spec\":\"bundle: app\\ntarget: latest\\nselect: all\\n"                 \
    "waves: [{name: a, count: 2}, {name: b, rest: true, approval: true}]\"}"
#define TAKEN_BACK                                                                                 \
    "{\"name\":\"first\",\"spec\":\"bundle: app\\ntarget: latest\\nselect: all\\n"                 \
    "waves: [{name: a, rest: true, on_failure: rollback_wave}]\"}"

/* Ask as this person; as `ask` and `refused`. */
json_t *as(world_t *w, who_t who, const char *verb, const char *arguments);
void refused_as(world_t *w, who_t who, const char *code, const char *verb, const char *arguments);

/* The draft of a start, asked by w->asker; owned by the caller. */
char *draft_of(world_t *w, const char *verb, const char *arguments);

/* Arguments with a paper in them; owned by the caller. */
char *with(const char *arguments, const char *key, const char *paper);

/* A start with this order. */
json_t *start(world_t *w, const char *verb, const char *arguments, const char *order);
void start_refused(world_t *w, const char *code, const char *verb, const char *arguments,
                   const char *order);

/* A blank order that `who` proposes, signed by these, up to PEOPLE; owned by the caller. */
char *blank_by(world_t *w, who_t who, const char *arguments, const who_t *list);
#define BLANK(w, who, arguments, ...)                                                              \
    blank_by((w), (who), (arguments), (const who_t[]){__VA_ARGS__, PEOPLE})

/* Each wave's root, built anew from the rows that a person sees. */
void rows_fit(const json_t *document, const order_t *order);

/* How the rollout "first" and its second wave stand. */
void states_are(world_t *w, const char *rollout, const char *wave);

#endif
