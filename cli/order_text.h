/*
 * order_text.h: what an order says, for those who sign it: nothing that agents go by is left out.
 */
#ifndef DROVER_CLI_ORDER_TEXT_H
#define DROVER_CLI_ORDER_TEXT_H

#include "cli/output.h"
#include "common/trust/order.h"

/* Append it line by line. The pin, which may be NULL, gives keys their names. */
void order_text(const output_t *output, const order_t *order, const trust_t *pin, buffer_t *out);

/* The same as one document. */
MUST_CHECK status_t order_text_json(const order_t *order, json_t **ret_document, error_t *err);

#endif
