/* report.h: everything about a rollout as one page of Markdown, for the ticket of the change. */
#ifndef DROVER_CLI_REPORT_H
#define DROVER_CLI_REPORT_H

#include "cli/output.h"

/* Append the page of a document of rollout.report. Text from elsewhere cannot break out of its
 * table cell or code block. ERROR_NO_MEMORY. */
MUST_CHECK status_t report_markdown(const output_t *output, const json_t *report, buffer_t *out,
                                    error_t *err);

#endif
