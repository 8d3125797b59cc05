/*
 * local_audit.c: drover audit verify: an export is held against one trust file, without a
 * coordinator. All that judges is in common/audit; here files are read and results shown.
 */
#include "cli/handlers.h"
#include "cli/output.h"
#include "common/audit/verify.h"
#include "common/trust/trust_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- lines of a file ------------------------------------------------------------------------- */

typedef struct lines {
    const char *path;
    FILE *in;
    char *text;
    size_t room;
} lines_t;

static void lines_free(lines_t *lines) {
    if (lines->in != NULL && lines->in != stdin) {
        (void)fclose(lines->in);
    }
    free(lines->text);
}

static status_t lines_open(const char *path, lines_t *lines, error_t *err) {
    lines->path = path;
    lines->in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (lines->in == NULL) {
        return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO,
                         "cannot read %.300s: %s", path, strerror(errno));
    }
    lines->text = malloc(AUDIT_LINE_BYTES + 2);
    return lines->text != NULL ? STATUS_OK
                               : error_set(err, ERROR_NO_MEMORY, "no memory for an export");
}

/* The next line without its line feed; *ret_size is SIZE_MAX at the end. One that is too long is
 * cut at a length that the reader refuses. */
static status_t lines_next(lines_t *lines, size_t *ret_size, error_t *err) {
    size_t size = 0;
    int c = 0;
    while ((c = getc_unlocked(lines->in)) != EOF && c != '\n') {
        if (size > AUDIT_LINE_BYTES) {
            break;
        }
        lines->text[size++] = (char)c;
    }
    if (ferror(lines->in)) {
        return error_set(err, ERROR_IO, "cannot read %.300s: %s", lines->path, strerror(errno));
    }
    *ret_size = c == EOF && size == 0 ? SIZE_MAX : size;
    return STATUS_OK;
}

/* --- a head from before ---------------------------------------------------------------------- */

/* The last head of a file: of heads, or of an export. A line that a crash cut short is told. */
static status_t read_earlier(const char *path, audit_head_t *ret_head, error_t *err) {
    CLEANUP(lines_free) lines_t lines = {0};
    bool found = false;
    size_t size = 0;
    TRY(lines_open(path, &lines, err));
    for (uint64_t number = 1;; number++) { /* ends with the file */
        CLEANUP(audit_line_free) audit_line_t line = {0};
        error_t why = {0};
        TRY(lines_next(&lines, &size, err));
        if (size == SIZE_MAX) {
            break;
        }
        if (audit_line_read(lines.text, size, &line, &why) != STATUS_OK) {
            output_say("%s, line %" PRIu64 ": passed over: %s", path, number, why.message);
        } else if (strcmp(line.type, "head") == 0) {
            TRY(audit_line_head(&line, ret_head, err));
            found = true;
        }
    }
    return found ? STATUS_OK
                 : error_set(err, ERROR_AUDIT_LINE, "%.300s holds no signed head", path);
}

/* --- take-backs ------------------------------------------------------------------------------ */

enum { TAKE_BACKS = 256 };

typedef struct take_backs {
    document_t *list[TAKE_BACKS];
    size_t count;
} take_backs_t;

static void take_backs_free(take_backs_t *take_backs) {
    for (size_t i = 0; i < take_backs->count; i++) {
        document_destroy(&take_backs->list[i]);
    }
}

static status_t read_take_backs(const command_input_t *input, take_backs_t *take_backs,
                                error_t *err) {
    const char *path = NULL;
    for (size_t n = 0; (path = command_nth(input, "order", n)) != NULL; n++) {
        if (n == TAKE_BACKS) {
            return error_set(err, ERROR_BOUND, "more than %d files of --order", (int)TAKE_BACKS);
        }
        TRY(trust_file_read(path, &take_backs->list[n], err));
        take_backs->count++;
    }
    return STATUS_OK;
}

/* --- what came out --------------------------------------------------------------------------- */

typedef struct count {
    const char *key;
    uint64_t number;
} count_t;

static status_t add_counts(const audit_counts_t *counts, json_t *document, error_t *err) {
    const count_t list[] = {
        {"lines", counts->lines},
        {"trust_files", counts->trust_files},
        {"revocations", counts->revocations},
        {"cards", counts->cards},
        {"orders_held", counts->orders},
        {"orders_waiting", counts->orders_waiting},
        {"tickets", counts->tickets},
        {"rollouts", counts->rollouts},
        {"jobs", counts->jobs},
        {"batches", counts->batches},
        {"reports", counts->reports},
        {"reports_foreign", counts->reports_foreign},
        {"jobs_own", counts->jobs_own},
        {"unproved", counts->unproved},
        {"results", counts->results},
        {"recovery_points", counts->recovery_points},
        {"changes_protected", counts->changes_protected},
        {"audit_rows", counts->audit_rows},
        {"audit_rows_before", counts->audit_rows_before},
        {"heads", counts->heads},
        {"outside", counts->outside},
    };
    bool good = true;
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        good = good && json_object_set_new(document, list[i].key,
                                           json_integer((json_int_t)list[i].number)) == 0;
    }
    return good ? STATUS_OK : error_set(err, ERROR_NO_MEMORY, "no memory for a summary");
}

static status_t add_order(void *context, const audit_order_t *order, error_t *err) {
    json_t *orders = context;
    char digest[DIGEST_TEXT_SIZE];
    CLEANUP(document_release) json_t *row = NULL;
    TRY(document_made(json_pack("{s:I,s:s,s:s,s:s,s:I,s:s,s:s}", "line", (json_int_t)order->line,
                                "order", digest_text(&order->order->digest, digest), "kind",
                                order_kind_text(order->order->kind), "application",
                                order->order->application, "accepted_us",
                                (json_int_t)order->accepted_us, "signed_by", order->persons,
                                "gone_since", order->later_gone),
                      &row, err));
    return json_array_append(orders, row) == 0
               ? STATUS_OK
               : error_set(err, ERROR_NO_MEMORY, "no memory for a summary");
}

static status_t add_about(const audit_verify_t *verify, json_t *document, error_t *err) {
    const audit_about_t about = audit_verify_about(verify);
    char fleet[IDENT_TEXT_SIZE];
    char digest[DIGEST_TEXT_SIZE];
    CLEANUP(document_release) json_t *members = NULL;
    TRY(document_made(
        json_pack("{s:s,s:I,s:I,s:I,s:I,s:{s:I,s:s,s:I,s:I,s:s}}", "fleet",
                  ident_text(&about.fleet, fleet), "trust_version", (json_int_t)about.trust_version,
                  "exported_us", (json_int_t)about.exported_us, "since_us",
                  (json_int_t)about.since_us, "chain_begins", (json_int_t)about.chain_begins,
                  "head", "sequence", (json_int_t)about.head.sequence, "digest",
                  digest_text(&about.head.digest, digest), "time_us",
                  (json_int_t)about.head.time_us, "epoch", (json_int_t)about.head.epoch,
                  "signed_by", about.signed_by),
        &members, err));
    return json_object_update(document, members) == 0
               ? STATUS_OK
               : error_set(err, ERROR_NO_MEMORY, "no memory for a summary");
}

/* What was found, and what was not where `why` says so. */
static status_t summarize(const audit_verify_t *verify, const error_t *why, json_t **ret_document,
                          error_t *err) {
    bool holds = why->code == ERROR_NONE;
    CLEANUP(document_release) json_t *document = NULL;
    TRY(document_made(json_pack("{s:b,s:[]}", "holds", holds ? 1 : 0, "orders"), &document, err));
    if (!holds) {
        CLEANUP(document_release) json_t *broken = NULL;
        TRY(document_made(json_pack("{s:I,s:s,s:s}", "line",
                                    (json_int_t)audit_verify_broken_line(verify), "code",
                                    error_code_text(why->code), "message", why->message),
                          &broken, err));
        if (json_object_set(document, "broken", broken) != 0) {
            return error_set(err, ERROR_NO_MEMORY, "no memory for a summary");
        }
    }
    TRY(add_counts(audit_verify_counts(verify), document, err));
    TRY(add_about(verify, document, err));
    TRY(audit_verify_each_order(verify, add_order, json_object_get(document, "orders"), err));
    *ret_document = TAKE(document);
    return STATUS_OK;
}

static status_t show(const output_t *output, const json_t *document, error_t *err) {
    static const output_column_t PAIRS[] = {
        {"fleet", "fleet", COLUMN_TEXT},
        {"exported", "exported_us", COLUMN_TIME},
        {"newest trust file", "trust_version", COLUMN_NUMBER},
        {"orders waiting", "orders_waiting", COLUMN_NUMBER},
        {"jobs under an order", "jobs", COLUMN_NUMBER},
        {"agents' own jobs", "jobs_own", COLUMN_NUMBER},
        {"signed reports", "reports", COLUMN_NUMBER},
        {"signed results", "results", COLUMN_NUMBER},
        {"audit rows", "audit_rows", COLUMN_NUMBER},
        {"before the chain", "audit_rows_before", COLUMN_NUMBER},
        {"signed heads", "heads", COLUMN_NUMBER},
        {"head", "head.sequence", COLUMN_NUMBER},
        {"head's digest", "head.digest", COLUMN_TEXT},
        {"head signed by", "head.signed_by", COLUMN_TEXT},
        {"outside", "outside", COLUMN_NUMBER}};
    static const output_column_t COLUMNS[] = {{"LINE", "line", COLUMN_NUMBER},
                                              {"ACCEPTED", "accepted_us", COLUMN_TIME},
                                              {"KIND", "kind", COLUMN_TEXT},
                                              {"APPLICATION", "application", COLUMN_TEXT},
                                              {"ORDER", "order", COLUMN_ID},
                                              {"SIGNED BY", "signed_by", COLUMN_TEXT},
                                              {"GONE SINCE", "gone_since", COLUMN_TEXT}};
    const output_view_t pairs = {OUTPUT_COLUMNS(PAIRS), .rows = ""};
    const output_view_t orders = {OUTPUT_COLUMNS(COLUMNS), .rows = "orders"};
    CLEANUP(buffer_free) buffer_t text = {0};
    if (output->form == OUTPUT_JSON) {
        return output_write(output, NULL, document, stdout, err);
    }
    output_pairs(output, &pairs, document, &text);
    buffer_char(&text, '\n');
    TRY(output_table(output, &orders, document, &text, err));
    return output_flush(&text, stdout, err);
}

/* --- verifying ------------------------------------------------------------------------------- */

static status_t feed(audit_verify_t *verify, lines_t *lines, error_t *err) {
    size_t size = 0;
    for (;;) { /* ends with the file */
        TRY(lines_next(lines, &size, err));
        if (size == SIZE_MAX) {
            return audit_verify_end(verify, err);
        }
        TRY(audit_verify_line(verify, lines->text, size, err));
    }
}

status_t handle_audit_verify(const command_input_t *input, error_t *err) {
    const char *earlier_path = command_text(input, "since-head");
    const output_t output = output_choose(input, OUTPUT_TABLE);
    CLEANUP(document_destroy_p) document_t *root = NULL;
    CLEANUP(audit_verify_destroy_p) audit_verify_t *verify = NULL;
    CLEANUP(lines_free) lines_t lines = {0};
    CLEANUP(take_backs_free) take_backs_t take_backs = {0};
    CLEANUP(document_release) json_t *document = NULL;
    audit_head_t earlier = {0};
    error_t why = {0};
    TRY(trust_file_read(command_text(input, "root"), &root, err));
    if (earlier_path != NULL) {
        TRY(read_earlier(earlier_path, &earlier, err));
    }
    TRY(read_take_backs(input, &take_backs, err));
    const audit_verify_options_t options = {.root = root,
                                            .earlier = earlier_path != NULL ? &earlier : NULL,
                                            .take_backs =
                                                (const document_t *const *)take_backs.list,
                                            .take_back_count = take_backs.count};
    if (audit_verify_new(&options, &verify, err) != STATUS_OK) {
        return error_context(err, "taking %.120s as the root", command_text(input, "root"));
    }
    TRY(lines_open(command_argument(input, 0), &lines, err));
    status_t status = feed(verify, &lines, &why);
    if (status == STATUS_OK || output.form == OUTPUT_JSON) {
        TRY(summarize(verify, &why, &document, err));
        TRY(show(&output, document, err));
    }
    if (status != STATUS_OK) {
        *err = why;
        return STATUS_ERROR;
    }
    output_say("every link holds, from the root file to the head");
    return STATUS_OK;
}
