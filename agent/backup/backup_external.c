/*
 * backup_external.c: a recovery point that somebody else makes: a command of the agent's own
 * configuration, without a shell. It gets the facts as JSON on stdin and answers one JSON object
 * {"reference": text, "lsn": text} on stdout; anything else is no recovery point.
 */
#include "agent/backup/backup_file.h"
#include "agent/backup/backup_steps.h"
#include "agent/backup/backup_tool.h"
#include "common/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER_MOST = 64 * 1024 };

static void json_free_p(json_t **json) {
    json_decref(*json);
}

static status_t start(const backup_order_t *order, backup_process_t *ret_process, error_t *err) {
    char id[IDENT_TEXT_SIZE];
    char tenant[80];
    char backup[80];
    (void)snprintf(tenant, sizeof tenant, "DROVER_TENANT_ID=%s", ident_text(&order->tenant_id, id));
    (void)snprintf(backup, sizeof backup, "DROVER_BACKUP_ID=%s", ident_text(&order->backup_id, id));
    backup_tool_t tool = {.path = order->argv[0],
                          .variables = {tenant, backup},
                          .feed = true,
                          .output = BACKUP_OUTPUT_PIPE};
    for (size_t i = 0; order->argv[i] != NULL; i++) {
        tool.argv[i] = order->argv[i];
    }
    return backup_tool_start(&tool, ret_process, err);
}

/* A command that does not read its stdin is fine. */
static status_t give_facts(backup_process_t *process, const char *facts, error_t *err) {
    backup_write_t what = {.fd = process->in,
                           .path = "the external command's stdin",
                           .bytes = facts,
                           .size = strlen(facts)};
    error_t inner;
    if (backup_file_write(&what, &inner) != STATUS_OK && errno != EPIPE) {
        *err = inner;
        return STATUS_ERROR;
    }
    backup_tool_end_input(process);
    return STATUS_OK;
}

static status_t read_answer(const backup_process_t *process, int64_t deadline_us, buffer_t *answer,
                            error_t *err) {
    char bytes[4096];
    while (answer->size <= ANSWER_MOST) {
        int64_t left_ms = (deadline_us - clock_boot_us()) / US_PER_MS;
        struct pollfd poll_out = {.fd = process->out, .events = POLLIN};
        int ready = left_ms > 0 ? poll(&poll_out, 1, (int)left_ms) : 0;
        if (ready == 0) {
            return error_set(err, ERROR_BACKUP_FAILED, "the external command timed out");
        }
        ssize_t n = ready > 0 ? read(process->out, bytes, sizeof bytes) : -1;
        if (n == 0) {
            return buffer_check(answer, err);
        }
        if (n < 0 && errno != EINTR) {
            return backup_file_error(err, "read", "the external command's answer");
        }
        buffer_append(answer, bytes, n > 0 ? (size_t)n : 0);
    }
    return error_set(err, ERROR_BACKUP_FAILED, "the external command answers more than %d bytes",
                     (int)ANSWER_MOST);
}

static status_t take_text(const json_t *root, const char *name, char *to, size_t room,
                          error_t *err) {
    const char *text = json_string_value(json_object_get(root, name));
    if (text == NULL || text[0] == '\0' || strlen(text) >= room) {
        return error_set(err, ERROR_BACKUP_FAILED,
                         "the external command's answer has no usable '%s'", name);
    }
    memcpy(to, text, strlen(text) + 1);
    return STATUS_OK;
}

static status_t parse_answer(const buffer_t *answer, backup_result_t *result, error_t *err) {
    json_error_t where;
    CLEANUP(json_free_p)
    json_t *root = json_loadb(buffer_string(answer), answer->size, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(root)) {
        return error_set(err, ERROR_BACKUP_FAILED, "the external command answered no JSON object");
    }
    TRY(take_text(root, "reference", result->reference, sizeof result->reference, err));
    return take_text(root, "lsn", result->lsn, sizeof result->lsn, err);
}

status_t backup_external_run(const backup_order_t *order, backup_result_t *result, error_t *err) {
    CLEANUP(backup_tool_drop) backup_process_t process = BACKUP_PROCESS_NONE;
    CLEANUP(buffer_free) buffer_t answer = {0};
    char complaint[ERROR_FIELD_MAX];
    int64_t deadline_us = clock_boot_us() + order->timeout_ms * US_PER_MS;
    TRY(start(order, &process, err));
    TRY(give_facts(&process, order->facts_json, err));
    TRY(read_answer(&process, deadline_us, &answer, err));
    int code = backup_tool_wait(&process);
    if (code != 0) {
        backup_tool_complaint(&process, "", complaint, sizeof complaint);
        return error_set(err, ERROR_BACKUP_FAILED, "the external command ended with %d: %s", code,
                         complaint);
    }
    return parse_answer(&answer, result, err);
}
