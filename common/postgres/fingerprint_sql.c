/*
 * fingerprint_sql.c: the queries of a fingerprint, generated from fingerprint_kinds.
 *
 * One statement, so one snapshot: a UNION ALL of one branch a catalog, each of three columns, the
 * number of the kind, the row as a composite's text (its quoting keeps fields apart whatever they
 * hold) and the hash of the row's version, of which the stamp is the sum. Planning is most of the
 * cost, so no branch joins, and branches of catalogs that hold nothing are left out by the mask.
 * The first row repeats the mask and the settings, for fingerprint_from_result to check.
 */
#include "common/postgres/fingerprint.h"
#include "common/postgres/fingerprint_kinds.h"

enum { OLDEST_MAJOR = 13 };

/* The text is some 12 kB of many small pieces, and made anew for every look: no formats. */
static void add_number(buffer_t *text, uint64_t number) {
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + (int)(number % 10));
        number /= 10;
    } while (number != 0);
    buffer_append(text, digits + at, sizeof digits - at);
}

const char *fingerprint_session_sql(void) {
    return "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), "
           "pg_catalog.set_config('TimeZone', 'UTC', true), "
           "pg_catalog.set_config('DateStyle', 'ISO, YMD', true), "
           "pg_catalog.set_config('IntervalStyle', 'postgres', true), "
           "pg_catalog.set_config('extra_float_digits', '1', true), "
           "pg_catalog.set_config('bytea_output', 'hex', true), "
           "pg_catalog.set_config('lc_monetary', 'C', true), "
           "pg_catalog.set_config('quote_all_identifiers', 'off', true), "
           "pg_catalog.set_config('client_encoding', 'UTF8', true), "
           "pg_catalog.set_config('jit', 'off', true), "
           "pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)";
}

static status_t check_version(int server_version_num, int *ret_major, error_t *err) {
    *ret_major = server_version_num / 10000;
    if (*ret_major < OLDEST_MAJOR) {
        return error_set(err, ERROR_DB_TOO_OLD, "server version %d is older than %d",
                         server_version_num, OLDEST_MAJOR);
    }
    return STATUS_OK;
}

/* Bits of the catalogs that have a size at all. */
static void add_sizes(buffer_t *text) {
    const char *separator = "";
    buffer_text(text, " | (SELECT COALESCE(pg_catalog.bit_or(m.b), 0) FROM ROWS FROM "
                      "(pg_catalog.unnest('{");
    for (const fingerprint_size_t *size = fingerprint_sizes; size->catalog != 0; size++) {
        buffer_text(text, separator);
        add_number(text, size->catalog);
        separator = ",";
    }
    buffer_text(text, "}'::pg_catalog.oid[]), pg_catalog.unnest('{");
    separator = "";
    for (const fingerprint_size_t *size = fingerprint_sizes; size->catalog != 0; size++) {
        buffer_text(text, separator);
        add_number(text, UINT64_C(1) << size->bit);
        separator = ",";
    }
    buffer_text(text, "}'::pg_catalog.int8[])) AS m (o, b) WHERE pg_catalog.pg_relation_size(m.o) "
                      "> 0)");
}

/* The bits whose catalogs hold anything, as one bigint. */
static void add_mask(buffer_t *text) {
    buffer_text(text, "(0::pg_catalog.int8");
    for (int bit = BIT_ALWAYS + 1; bit < BIT_COUNT; bit++) {
        if (fingerprint_probes[bit] == NULL) {
            continue;
        }
        buffer_text(text, " | CASE WHEN ");
        buffer_text(text, fingerprint_probes[bit]);
        buffer_text(text, " THEN ");
        add_number(text, UINT64_C(1) << bit);
        buffer_text(text, "::pg_catalog.int8 ELSE 0 END");
    }
    add_sizes(text);
    buffer_text(text, " | (SELECT COALESCE(pg_catalog.bit_or(CASE");
    for (const fingerprint_depend_t *depend = fingerprint_depends; depend->condition != NULL;
         depend++) {
        buffer_text(text, " WHEN ");
        buffer_text(text, depend->condition);
        buffer_text(text, " THEN ");
        add_number(text, depend->bits);
        buffer_text(text, "::pg_catalog.int8");
    }
    buffer_text(text, " ELSE 0 END), 0) FROM pg_catalog.pg_depend x WHERE x.refclassid IN (2615, "
                      "3079) AND (x.refobjid = 2200 OR x.refobjid >= 16384) AND x.refobjid IS "
                      "DISTINCT FROM pg_catalog.to_regnamespace('drover')::pg_catalog.oid))");
}

static bool covers(uint64_t mask, fingerprint_bit_t bit) {
    return bit == BIT_ALWAYS || (mask & (UINT64_C(1) << bit)) != 0;
}

bool fingerprint_kind_wanted(const fingerprint_kind_t *kind, const fingerprint_scope_t *scope) {
    return covers(scope->mask, kind->bit) && scope->server_version_num / 10000 >= kind->since;
}

/* What stands for a row's version: where it is and who wrote it, and names that live elsewhere. */
static void add_version(unsigned number, buffer_t *text) {
    const fingerprint_kind_t *kind = &fingerprint_kinds[number];
    buffer_text(text, "pg_catalog.concat_ws(' ', ");
    add_number(text, number);
    buffer_text(text, ", ");
    buffer_text(text, kind->stamp != NULL ? kind->stamp : "x.ctid, x.xmin");
    if (kind->owner != NULL) {
        buffer_text(text, ", pg_catalog.pg_get_userbyid(");
        buffer_text(text, kind->owner);
        buffer_text(text, ")");
    }
    if (kind->acl != NULL) {
        buffer_text(text, ", ");
        buffer_text(text, kind->acl);
    }
    buffer_text(text, ")");
}

static void add_fields(const fingerprint_kind_t *kind, int major, buffer_t *text) {
    const char *separator = "";
    for (const fingerprint_field_t *field = kind->fields; field->sql != NULL; field++) {
        const bool there = major >= field->since && (field->until == 0 || major <= field->until);
        buffer_text(text, separator);
        buffer_text(text, there ? field->sql : "NULL");
        separator = ", ";
    }
}

static void add_from(const fingerprint_kind_t *kind, buffer_t *text) {
    buffer_text(text, " FROM ");
    buffer_text(text, kind->from);
    buffer_text(text, " x WHERE ");
    buffer_text(text, kind->where);
}

/* Before a row: an extension's member is NULL. The stamp counts it, the fingerprint does not. */
static void add_member_test(const fingerprint_kind_t *kind, buffer_t *text) {
    buffer_text(text, "CASE WHEN ");
    buffer_text(text, kind->member);
    buffer_text(text, " NOT IN (SELECT e.objid FROM pg_catalog.pg_depend e WHERE e.refclassid = "
                      "3079 AND e.deptype = 'e' AND e.classid = '");
    buffer_text(text, kind->from);
    buffer_text(text, "'::pg_catalog.regclass) THEN ");
}

static void add_branch(unsigned number, const fingerprint_scope_t *scope, int major,
                       buffer_t *text) {
    const fingerprint_kind_t *kind = &fingerprint_kinds[number];
    bool members = kind->member != NULL && covers(scope->mask, BIT_MEMBERS);
    buffer_text(text, "\nUNION ALL SELECT ");
    add_number(text, number);
    buffer_text(text, ", ");
    if (members) {
        add_member_test(kind, text);
    }
    buffer_text(text, "ROW(");
    add_fields(kind, major, text);
    buffer_text(text, members ? ")::pg_catalog.text END" : ")::pg_catalog.text");
    buffer_text(text, ", pg_catalog.hashtextextended(");
    add_version(number, text);
    buffer_text(text, ", 0)");
    add_from(kind, text);
}

status_t fingerprint_sql(const fingerprint_scope_t *scope, buffer_t *text, error_t *err) {
    int major = 0;
    TRY(check_version(scope->server_version_num, &major, err));
    buffer_text(text, "SELECT -1, ROW(");
    add_mask(text);
    buffer_text(text, ", pg_catalog.concat_ws('|', pg_catalog.current_setting('search_path')"
                      ", pg_catalog.current_setting('TimeZone')"
                      ", pg_catalog.current_setting('DateStyle')"
                      ", pg_catalog.current_setting('IntervalStyle')"
                      ", pg_catalog.current_setting('extra_float_digits')"
                      ", pg_catalog.current_setting('bytea_output')"
                      ", pg_catalog.current_setting('lc_monetary')"
                      ", pg_catalog.current_setting('quote_all_identifiers')))"
                      "::pg_catalog.text, 0::pg_catalog.int8");
    for (unsigned number = 0; number < fingerprint_kind_count; number++) {
        if (fingerprint_kind_wanted(&fingerprint_kinds[number], scope)) {
            add_branch(number, scope, major, text);
        }
    }
    return buffer_check(text, err);
}

status_t fingerprint_probe_sql(int server_version_num, buffer_t *text, error_t *err) {
    int major = 0;
    TRY(check_version(server_version_num, &major, err));
    buffer_text(text, "SELECT ");
    add_mask(text);
    return buffer_check(text, err);
}

static void add_stamp_branch(unsigned number, buffer_t *text) {
    const fingerprint_kind_t *kind = &fingerprint_kinds[number];
    buffer_text(text, number == 0 ? "SELECT " : "\nUNION ALL SELECT ");
    add_version(number, text);
    buffer_text(text, " AS t");
    add_from(kind, text);
}

status_t fingerprint_stamp_sql(const fingerprint_scope_t *scope, buffer_t *text, error_t *err) {
    int major = 0;
    TRY(check_version(scope->server_version_num, &major, err));
    buffer_text(text, "SELECT pg_catalog.concat_ws('.', ");
    add_mask(text);
    buffer_format(text,
                  ", %d, pg_catalog.count(*), "
                  "COALESCE(pg_catalog.sum(pg_catalog.hashtextextended(t, 0)), 0)) FROM (",
                  FINGERPRINT_ALGORITHM);
    for (unsigned number = 0; number < fingerprint_kind_count; number++) {
        if (fingerprint_kind_wanted(&fingerprint_kinds[number], scope)) {
            add_stamp_branch(number, text);
        }
    }
    buffer_text(text, ") s");
    return buffer_check(text, err);
}
