/*
 * fingerprint_read.c: rows are split, the objects they define are found each other by OID, and what
 * is left out is marked: objects of unknown schemas (system, temporary, drover's), parts of such,
 * and named exceptions. Lines are made by fingerprint_lines.c.
 */
#include "common/postgres/fingerprint_read.h"

#include <ctype.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef fingerprint_reader_t reader_t;
typedef fingerprint_row_t row_t;

static unsigned field_count(const fingerprint_kind_t *kind) {
    unsigned count = 0;
    while (kind->fields[count].sql != NULL) {
        count++;
    }
    return count;
}

/* What a field without quotes ends at, or is none at. */
static const bool ends_plain[UCHAR_MAX + 1] = {
    ['\0'] = true, [','] = true, [')'] = true, ['"'] = true, ['\\'] = true};

/* The end of the field at `at`, its quotes undone in place; terminates it in *ret_to, which may
 * stand before the end. */
static char *unquote(char *at, char **ret_to) {
    char *to = at;
    bool quoted = false;
    while (*at != '\0' && (quoted || (*at != ',' && *at != ')'))) {
        if (*at == '"' && quoted && at[1] == '"') {
            *to++ = '"';
            at += 2;
        } else if (*at == '"') {
            quoted = !quoted;
            at++;
        } else {
            at += *at == '\\' && at[1] != '\0' ? 1 : 0;
            *to++ = *at++;
        }
    }
    *ret_to = to;
    return at;
}

/* Split a composite's text, (a,"b ""c""",,d), in place of a copy. False where it is none, or has
 * another number of fields. Most fields have no quotes and are left as they stand. Source:
 * PostgreSQL manual, "Composite Type Input and Output Syntax". */
static bool split_record(char *at, const char **values, unsigned count) {
    if (*at++ != '(') {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        char *const value = at;
        while (!ends_plain[(unsigned char)*at]) {
            at++;
        }
        char *to = at;
        if (*at == '"' || *at == '\\') {
            at = unquote(at, &to);
        }
        const char separator = *at;
        values[i] = at > value ? value : NULL;
        at += separator != '\0' ? 1 : 0;
        *to = '\0';
        if (separator != (i + 1 == count ? ')' : ',')) {
            return false;
        }
    }
    return *at == '\0';
}

static status_t read_row(reader_t *self, const PGresult *result, int number, error_t *err) {
    const long kind_number = strtol(PQgetvalue(result, number, 0), NULL, 10);
    if (kind_number < 0 || kind_number >= (long)fingerprint_kind_count) {
        return error_set(err, ERROR_INVALID, "row %d is none of a fingerprint", number);
    }
    row_t *row = &self->rows[self->row_count];
    row->kind = &fingerprint_kinds[kind_number];
    const unsigned count = field_count(row->kind);
    const char **values = objects_memory(&self->objects, count * sizeof *values);
    char *copy = objects_text(&self->objects, PQgetvalue(result, number, 1),
                              (size_t)PQgetlength(result, number, 1));
    if (values == NULL || copy == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory reading a fingerprint");
    }
    if (!split_record(copy, values, count)) {
        return error_set(err, ERROR_INVALID, "row %d of a fingerprint (%s) has another form",
                         number, row->kind->name);
    }
    row->values = values;
    self->row_count++;
    return STATUS_OK;
}

/* They come as they were asked for; a server that reads in parallel would mix them. */
static bool rows_in_order(const reader_t *self) {
    for (size_t i = 1; i < self->row_count; i++) {
        if (self->rows[i - 1].kind > self->rows[i].kind) {
            return false;
        }
    }
    return true;
}

static int compare_rows(const void *a, const void *b) {
    const row_t *x = a, *y = b;
    return (x->kind > y->kind) - (x->kind < y->kind);
}

static const char *relation_kind(char code) {
    switch (code) {
    case 'v':
        return "view";
    case 'm':
        return "materialized view";
    case 'f':
        return "foreign table";
    case 'S':
        return "sequence";
    case 'i':
    case 'I':
        return "index";
    case 'c':
        return "type";
    case 't':
        return "toast";
    default:
        return "table";
    }
}

static const char *function_kind(char code) {
    return code == 'p' ? "procedure" : code == 'a' ? "aggregate" : "function";
}

static const char *kind_name(const object_t *object) {
    switch (object->kind->class_oid) {
    case CLASS_RELATION:
        return relation_kind(object->code);
    case CLASS_FUNCTION:
        return function_kind(object->code);
    case CLASS_TYPE:
        return object->code == 'd' ? "domain" : "type";
    default:
        return object->kind->name;
    }
}

/* Quote a name where SQL would have to. */
static void add_name(buffer_t *out, const char *name, bool raw) {
    bool plain = raw || islower((unsigned char)name[0]) || name[0] == '_';
    for (const char *at = name; plain && !raw && *at != '\0'; at++) {
        plain = islower((unsigned char)*at) || isdigit((unsigned char)*at) || *at == '_';
    }
    if (plain) {
        buffer_text(out, name);
        return;
    }
    buffer_char(out, '"');
    for (const char *at = name; *at != '\0'; at++) {
        if (*at == '"') {
            buffer_char(out, '"');
        }
        buffer_char(out, *at);
    }
    buffer_char(out, '"');
}

typedef struct naming {
    const char *name, *arguments;
    const object_t *schema;
    bool raw; /* the name is made of several words already */
} naming_t;

/* Write kind and name into top or part. */
static void give_name(reader_t *self, object_t *object, const naming_t *naming) {
    buffer_t *work = &self->work;
    buffer_clear(work);
    buffer_text(work, kind_name(object));
    size_t name_at = work->size;
    if (naming->name != NULL) {
        buffer_char(work, ' ');
        name_at = work->size;
        if (naming->schema != NULL) {
            buffer_text(work, naming->schema->name);
            buffer_char(work, '.');
        }
        add_name(work, naming->name, naming->raw);
        if (naming->arguments != NULL) {
            buffer_format(work, "(%s)", naming->arguments);
        }
    }
    const char *text = objects_text(&self->objects, buffer_string(work), work->size);
    if (text == NULL) {
        return;
    }
    object->top = object->parent != NULL ? object->parent->top : text;
    object->part = object->parent != NULL ? text : "";
    object->name = text + name_at;
}

static bool excepted(reader_t *self, const object_t *object) {
    const fingerprint_exceptions_t *exceptions = self->exceptions;
    if (exceptions == NULL || exceptions->count == 0) {
        return false;
    }
    buffer_clear(&self->work);
    buffer_format(&self->work, "%s%s%s", object->top, *object->part != '\0' ? " " : "",
                  object->part);
    for (size_t i = 0; i < exceptions->count; i++) {
        if (fnmatch(exceptions->patterns[i], buffer_string(&self->work), 0) == 0) {
            return true;
        }
    }
    return false;
}

uint32_t fingerprint_oid(const char *cell) {
    uint32_t number = 0;
    for (const char *at = cell; at != NULL && *at >= '0' && *at <= '9'; at++) {
        number = number * 10 + (uint32_t)(*at - '0');
    }
    return number;
}

static object_t *find(const reader_t *self, int class_oid, uint32_t oid, int sub) {
    const object_key_t key = {class_oid, oid, sub};
    return objects_find(&self->objects, &key);
}

/* What a row says about which object it is. */
typedef struct target {
    naming_t naming;
    object_key_t key;
    object_t *parent, *schema, *extends;
    const char *code;
    bool defines, missing; /* missing: it hangs on something that is left out */
} target_t;

static void look_up(const reader_t *self, const fingerprint_field_t *field, const char *value,
                    target_t *target) {
    uint32_t oid = 0;
    object_t *found = NULL;
    switch (field->how) {
    case HOW_OID:
        target->key.oid = fingerprint_oid(value);
        target->defines = true;
        break;
    case HOW_NAME:
        target->naming.name = value == NULL ? "" : value;
        break;
    case HOW_ARGUMENTS:
        target->naming.arguments = value == NULL ? "" : value;
        break;
    case HOW_SCHEMA:
        target->naming.schema = find(self, CLASS_SCHEMA, fingerprint_oid(value), 0);
        target->missing = target->missing || target->naming.schema == NULL;
        break;
    case HOW_PARENT:
        oid = fingerprint_oid(value);
        if (oid != 0) {
            target->parent = find(self, field->ref, oid, 0);
            target->missing = target->missing || target->parent == NULL;
        }
        break;
    case HOW_CODE:
        target->code = value;
        if (field->ref != 0) {
            found = find(self, field->ref, fingerprint_oid(value), 0);
            target->naming.name = found == NULL ? "" : found->name;
            target->missing = target->missing || found == NULL;
        }
        break;
    case HOW_EXTENDS:
        target->key.class_oid = field->ref != 0 ? field->ref : target->key.class_oid;
        target->key.oid = fingerprint_oid(value);
        break;
    case HOW_EXTENDS_SUB:
        target->key.sub = (int)fingerprint_oid(value);
        break;
    case HOW_CLASS:
        target->key.class_oid = (int)fingerprint_oid(value);
        break;
    default: /* the others are values, not names */
        break;
    }
}

/* Names that are made of several words, or of types that are quoted already. */
static bool raw_name(const fingerprint_kind_t *kind, const char *code) {
    switch (kind->class_oid) {
    case CLASS_AMOP:
    case CLASS_AMPROC:
    case CLASS_CAST:
    case CLASS_TRANSFORM:
    case CLASS_DEFAULT_ACL:
    case CLASS_OPERATOR:
    case CLASS_PUBLICATION_REL:
    case CLASS_PUBLICATION_SCHEMA:
        return true;
    default:
        return code == NULL && kind->class_oid == 0;
    }
}

static void define(reader_t *self, row_t *row, target_t *target) {
    const bool column = row->kind->class_oid == 0 && target->parent != NULL &&
                        target->parent->key.class_oid == CLASS_RELATION;
    target->key.class_oid = row->kind->class_oid;
    if (column) { /* its number stands where others have an OID */
        target->key = (object_key_t){CLASS_RELATION, target->parent->key.oid, (int)target->key.oid};
    } else if (row->kind->class_oid == 0) { /* enum labels have OIDs that nothing refers to */
        target->key.class_oid = -1;
    }
    object_t *object = objects_add(&self->objects, &target->key);
    if (object == NULL) {
        return;
    }
    object->kind = row->kind;
    object->values = row->values;
    object->parent = target->parent;
    object->code = target->code == NULL ? '\0' : target->code[0];
    object->order =
        column ? target->key.sub : strtod(target->code == NULL ? "0" : target->code, NULL);
    char number[16];
    if (column && (target->parent->code == 'i' || target->parent->code == 'I')) {
        (void)snprintf(number, sizeof number, "%d", target->key.sub);
        target->naming = (naming_t){.name = number, .raw = true};
    }
    target->naming.raw = target->naming.raw || raw_name(row->kind, target->code);
    give_name(self, object, &target->naming);
    object->kept = object->top != NULL && !target->missing &&
                   (object->parent == NULL || object->parent->kept) &&
                   !(row->kind->quiet && target->key.oid < 16384) && !excepted(self, object);
    row->object = object;
}

static void resolve(reader_t *self, row_t *row) {
    target_t target = {0};
    for (unsigned i = 0; row->kind->fields[i].sql != NULL; i++) {
        look_up(self, &row->kind->fields[i], row->values[i], &target);
    }
    if (row->kind->class_oid == CLASS_RELATION && target.code != NULL && target.code[0] == 't') {
        define(self, row, &target); /* TOAST: its options are told by its table */
        return;
    }
    if (target.missing && target.defines) {
        return;
    }
    if (target.defines) {
        define(self, row, &target);
        return;
    }
    row->object = objects_find(&self->objects, &target.key);
    if (row->object != NULL && target.missing) { /* an index whose table is left out */
        row->object->kept = false;
    }
}

/* A table's row type is no type of its own; a composite type's rows in pg_class and pg_type are one
 * object. An index or owned sequence goes with its table. */
static void drop_shadows(reader_t *self) {
    for (size_t i = 0; i < self->row_count; i++) {
        row_t *row = &self->rows[i];
        if (row->object == NULL) {
            continue;
        }
        const fingerprint_field_t *fields = row->kind->fields;
        for (unsigned f = 0; fields[f].sql != NULL; f++) {
            if (row->kind->class_oid == CLASS_TYPE && fields[f].how == HOW_CODE2) {
                const object_t *relation =
                    find(self, CLASS_RELATION, fingerprint_oid(row->values[f]), 0);
                row->object->kept =
                    row->object->kept &&
                    (row->object->code != 'c' || (relation != NULL && relation->code == 'c'));
            } else if (row->kind->class_oid == 0 && fields[f].how == HOW_PARENT &&
                       row->object->code != '\0' && fields[0].how == HOW_EXTENDS) {
                const object_t *table =
                    find(self, CLASS_RELATION, fingerprint_oid(row->values[f]), 0);
                row->object->kept = row->object->kept && table != NULL && table->kept;
            } else if (row->object->code == 'S' && fields[f].how == HOW_REFERENCE &&
                       fields[0].how == HOW_EXTENDS) {
                const object_t *table =
                    find(self, CLASS_RELATION, fingerprint_oid(row->values[f]), 0);
                row->object->kept = row->object->kept && (table == NULL || table->kept);
            }
        }
    }
}

static int compare_lines(const void *a, const void *b) {
    const fingerprint_line_t *x = a, *y = b;
    return strcmp(x->text, y->text);
}

status_t fingerprint_read(reader_t *self, const PGresult *result, error_t *err) {
    const int count = PQntuples(result);
    self->work.limit = FINGERPRINT_TEXT_MAX;
    self->rows = calloc((size_t)count + 1, sizeof *self->rows);
    if (self->rows == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "out of memory reading a fingerprint");
    }
    for (int i = 1; i < count; i++) {
        if (!PQgetisnull(result, i, 1)) { /* an extension's member */
            TRY(read_row(self, result, i, err));
        }
    }
    if (!rows_in_order(self)) {
        qsort(self->rows, self->row_count, sizeof *self->rows, compare_rows);
    }
    for (size_t i = 0; i < self->row_count; i++) {
        resolve(self, &self->rows[i]);
    }
    drop_shadows(self);
    fingerprint_make_lines(self);
    if (self->objects.failed || self->work.failed) {
        return error_set(err, self->bytes >= FINGERPRINT_TEXT_MAX ? ERROR_BOUND : ERROR_NO_MEMORY,
                         "a fingerprint of more than %d bytes, or out of memory",
                         FINGERPRINT_TEXT_MAX);
    }
    qsort(self->lines, self->line_count, sizeof *self->lines, compare_lines);
    return STATUS_OK;
}

void fingerprint_reader_free(reader_t *self) {
    objects_free(&self->objects);
    free(self->rows);
    free(self->lines);
    buffer_free(&self->work);
}
