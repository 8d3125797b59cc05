/*
 * texts.h: canonical schema texts by their strict digest, so that a later difference can be told
 * line by line. One file a shape, not a tenant. Losing one costs words, never truth: nothing here
 * can fail a step.
 */
#ifndef DROVER_AGENT_STEPS_TEXTS_H
#define DROVER_AGENT_STEPS_TEXTS_H

#include "common/base/buffer.h"
#include "common/base/digest.h"

/* Keep a text under its digest, where none is there yet. */
void texts_keep(const char *folder, const digest_t *strict, const buffer_t *text);

/* Append the text kept under this digest; false where there is none, or it cannot be read. */
bool texts_find(const char *folder, const digest_t *strict, buffer_t *text);

#endif
