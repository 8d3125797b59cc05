/*
 * fingerprint_lines.c: resolved rows become lines "top TAB part TAB attribute TAB class TAB value".
 * An empty value makes no line; an object that has no logical line gets one that says it exists.
 */
#include "common/postgres/fingerprint_read.h"
#include "common/postgres/normalise.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef fingerprint_reader_t reader_t;
typedef fingerprint_row_t row_t;

enum { ARRAY_MAX = 65536, FIRST_LINES = 1024 };

/* Escape what would break lines or their order: control characters and the backslash. */
static void escape(buffer_t *out, const char *text) {
    for (const char *run = text;; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c != '\\') {
            continue;
        }
        buffer_append(out, run, (size_t)(text - run));
        run = text + 1;
        if (c == '\0') {
            return;
        }
        if (c == '\n' || c == '\t' || c == '\r' || c == '\\') {
            buffer_char(out, '\\');
            buffer_char(out, c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' : '\\');
        } else {
            buffer_format(out, "\\x%02x", c);
        }
    }
}

typedef struct fact {
    const char *attribute;
    const char *label; /* behind the attribute's name, or NULL */
    char class;
    const char *value;
    const char *skip; /* of options: a key that makes no line, or NULL */
} fact_t;

static void keep_line(reader_t *self, char class) {
    if (self->line_count == self->line_room) {
        const size_t room = self->line_room == 0 ? FIRST_LINES : self->line_room * 2;
        fingerprint_line_t *lines = realloc(self->lines, room * sizeof *lines);
        if (lines == NULL) {
            self->objects.failed = true;
            return;
        }
        self->lines = lines;
        self->line_room = room;
    }
    const size_t size = self->work.size;
    self->bytes += size + 1;
    const char *text = objects_text(&self->objects, buffer_string(&self->work), size);
    if (text == NULL || self->bytes >= FINGERPRINT_TEXT_MAX) {
        self->objects.failed = true;
        return;
    }
    self->lines[self->line_count++] = (fingerprint_line_t){text, size, class};
}

static void tell(reader_t *self, object_t *object, const fact_t *fact) {
    buffer_t *out = &self->work;
    buffer_clear(out);
    if (object->begin == NULL) {
        escape(out, object->top);
        buffer_char(out, '\t');
        escape(out, object->part);
        buffer_char(out, '\t');
        object->begin_size = out->size;
        object->begin = objects_text(&self->objects, buffer_string(out), out->size);
    } else {
        buffer_append(out, object->begin, object->begin_size);
    }
    buffer_text(out, fact->attribute); /* our own words: nothing to escape */
    if (fact->label != NULL && *fact->label != '\0') {
        buffer_char(out, ' ');
        escape(out, fact->label);
    }
    const char class[] = {'\t', fact->class, '\t'};
    buffer_append(out, class, sizeof class);
    escape(out, fact->value);
    object->told = object->told || fact->class == LINE_LOGICAL;
    keep_line(self, fact->class);
}

static void tell_text(reader_t *self, object_t *object, const char *attribute, char class,
                      const char *value) {
    if (value != NULL && *value != '\0') {
        tell(self, object, &(fact_t){attribute, NULL, class, value, NULL});
    }
}

typedef struct items {
    char **list;
    size_t count;
} items_t;

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Split a one-dimensional array's text, {a,"b \"c\""}, and sort it. Source: PostgreSQL manual,
 * "Array Input and Output Syntax". */
static items_t split_array(reader_t *self, const char *text) {
    items_t items = {0};
    if (text == NULL || text[0] != '{' || text[1] == '}') {
        return items;
    }
    const size_t size = strlen(text);
    char *copy = objects_text(&self->objects, text, size);
    size_t most = 1;
    for (const char *at = text; *at != '\0'; at++) {
        most += *at == ',' ? 1 : 0;
    }
    items.list = objects_memory(&self->objects, most * sizeof *items.list);
    if (copy == NULL || items.list == NULL || most > ARRAY_MAX) {
        self->objects.failed = self->objects.failed || most > ARRAY_MAX;
        return (items_t){0};
    }
    char *to = copy;
    const char *from = text + 1;
    bool quoted = false;
    items.list[items.count++] = to;
    for (; *from != '\0' && (quoted || *from != '}'); from++) {
        if (*from == '"') {
            quoted = !quoted;
        } else if (*from == ',' && !quoted) {
            *to++ = '\0';
            items.list[items.count++] = to;
        } else {
            from += *from == '\\' && from[1] != '\0' ? 1 : 0;
            *to++ = *from;
        }
    }
    *to = '\0';
    qsort(items.list, items.count, sizeof *items.list, compare_texts);
    return items;
}

static bool secret(const char *key) {
    static const char *const words[] = {"pass", "secret", "token", "credential", "sslkey"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasestr(key, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static void tell_options(reader_t *self, object_t *object, const fact_t *fact) {
    const items_t items = split_array(self, fact->value);
    for (size_t i = 0; i < items.count; i++) {
        char *equals = strchr(items.list[i], '=');
        if (equals != NULL) {
            *equals = '\0';
        }
        const char *key = items.list[i];
        if (fact->skip != NULL && strcmp(key, fact->skip) == 0) {
            continue;
        }
        if (fact->label != NULL && *fact->label != '\0') {
            buffer_clear(&self->work);
            buffer_format(&self->work, "%s %s", fact->label, items.list[i]);
            key = objects_text(&self->objects, buffer_string(&self->work), self->work.size);
        }
        const char *value = equals == NULL ? "" : equals + 1;
        if (key != NULL) {
            tell(self, object,
                 &(fact_t){fact->attribute, key, fact->class, secret(key) ? "***" : value, NULL});
        }
    }
}

static void tell_set(reader_t *self, object_t *object, const char *attribute, const char *value) {
    const items_t items = split_array(self, value);
    buffer_t joined = {.limit = FINGERPRINT_TEXT_MAX};
    for (size_t i = 0; i < items.count; i++) {
        buffer_format(&joined, "%s%s", i == 0 ? "" : ", ", items.list[i]);
    }
    tell_text(self, object, attribute, LINE_LOGICAL, buffer_string(&joined));
    buffer_free(&joined);
}

/* The "=" of an aclitem, grantee=privileges/grantor: the first outside of quotes. */
static char *acl_equals(char *item) {
    bool quoted = false;
    for (; *item != '\0'; item++) {
        if (*item == '"') {
            quoted = !quoted;
        } else if (*item == '=' && !quoted) {
            return item;
        }
    }
    return NULL;
}

/* Privileges, a line a grantee and grantor; none where they are the default, as after a restore
 * there is no telling an explicit default from none. */
static void tell_acl(reader_t *self, object_t *object, const char *acl, const char *standard,
                     char class) {
    const items_t items = split_array(self, acl);
    const items_t defaults = split_array(self, standard);
    bool same = items.count == defaults.count;
    for (size_t i = 0; same && i < items.count; i++) {
        same = strcmp(items.list[i], defaults.list[i]) == 0;
    }
    if (acl == NULL || same) {
        return;
    }
    if (items.count == 0) {
        tell(self, object, &(fact_t){"grant", NULL, class, "none", NULL});
    }
    for (size_t i = 0; i < items.count; i++) {
        char *equals = acl_equals(items.list[i]);
        if (equals != NULL) {
            *equals = '\0';
            const char *grantee = *items.list[i] == '\0' ? "public" : items.list[i];
            tell(self, object, &(fact_t){"grant", grantee, class, equals + 1, NULL});
        }
    }
}

/* Access methods of PostgreSQL itself: fixed OIDs (pg_am.dat). */
static const char *builtin_name(int class_oid, uint32_t oid) {
    static const struct {
        uint32_t oid;
        const char *name;
    } methods[] = {{2, "heap"},   {403, "btree"},   {405, "hash"}, {783, "gist"},
                   {2742, "gin"}, {4000, "spgist"}, {3580, "brin"}};
    for (size_t i = 0; class_oid == CLASS_AM && i < sizeof methods / sizeof methods[0]; i++) {
        if (methods[i].oid == oid) {
            return methods[i].name;
        }
    }
    return "(not shown)"; /* a member of an extension, or a system object */
}

static const char *column_name(const reader_t *self, uint32_t relation, int number) {
    if (number == 0) {
        return "(expression)";
    }
    const object_key_t key = {CLASS_RELATION, relation, number};
    const object_t *column = objects_find(&self->objects, &key);
    return column == NULL ? "(not shown)" : column->name;
}

/* Column numbers, "1 2" or "{1,2}", as names. */
static void tell_columns(reader_t *self, object_t *object, const fact_t *fact, uint32_t relation) {
    buffer_t names = {.limit = FINGERPRINT_TEXT_MAX};
    const char *at = fact->value;
    while (at != NULL && *at != '\0') {
        char *end = NULL;
        const long number = strtol(at, &end, 10);
        if (end == at) {
            at++;
            continue;
        }
        buffer_text(&names, names.size == 0 ? "" : ", ");
        buffer_text(&names, column_name(self, relation, (int)number));
        at = end;
    }
    tell_text(self, object, fact->attribute, fact->class, buffer_string(&names));
    buffer_free(&names);
}

static void tell_expression(reader_t *self, object_t *object, const char *attribute,
                            const char *value) {
    if (value == NULL) {
        return;
    }
    buffer_t text = {.limit = FINGERPRINT_TEXT_MAX};
    normalise_expression(value, strlen(value), &text);
    self->objects.failed = self->objects.failed || text.failed;
    tell_text(self, object, attribute, LINE_LOGICAL, buffer_string(&text));
    buffer_free(&text);
}

/* What the fields before told: attributes' labels, and relations that column numbers belong to. */
typedef struct state {
    const char *label;
    uint32_t near, far;
} state_t;

static void tell_reference(reader_t *self, object_t *object, const fingerprint_field_t *field,
                           const char *value, state_t *state) {
    if (value == NULL) {
        return;
    }
    const object_key_t key = {field->ref, fingerprint_oid(value), 0};
    const object_t *found = objects_find(&self->objects, &key);
    state->far = key.oid;
    tell_text(self, object, field->label, LINE_LOGICAL,
              found != NULL ? found->name : builtin_name(field->ref, key.oid));
}

static void tell_field(reader_t *self, object_t *object, const fingerprint_field_t *field,
                       const char *const *value, state_t *state) {
    const bool says = *value != NULL && (field->skip == NULL || strcmp(*value, field->skip) != 0);
    const char database = field->ref == CLASS_DATABASE ? LINE_DATABASE : '\0';
    const fact_t fact = {field->label, state->label, database != '\0' ? database : LINE_LOGICAL,
                         *value, field->skip};
    switch (field->how) {
    case HOW_LABEL:
        state->label = *value;
        break;
    case HOW_PARENT:
        state->near = fingerprint_oid(*value) != 0 && field->ref == CLASS_RELATION
                          ? fingerprint_oid(*value)
                          : state->near;
        break;
    case HOW_LOGICAL:
        if (says && **value != '\0') {
            tell(self, object, &fact);
        }
        break;
    case HOW_STRICT:
    case HOW_DATABASE:
        if (says && **value != '\0') {
            const char class = field->how == HOW_STRICT ? LINE_STRICT : LINE_DATABASE;
            tell(self, object, &(fact_t){field->label, state->label, class, *value, NULL});
        }
        break;
    case HOW_EXPRESSION:
        tell_expression(self, object, field->label, *value);
        break;
    case HOW_REFERENCE:
        tell_reference(self, object, field, *value, state);
        break;
    case HOW_COLUMNS:
        tell_columns(self, object, &fact, state->near);
        break;
    case HOW_FAR_COLUMNS:
        tell_columns(self, object, &fact, state->far);
        break;
    case HOW_SET:
        tell_set(self, object, field->label, *value);
        break;
    case HOW_OPTIONS:
        tell_options(self, object, &fact);
        break;
    case HOW_ACL: /* its default is the next field's value */
        tell_acl(self, object, value[0], value[1], database != '\0' ? database : LINE_STRICT);
        break;
    case HOW_OID:
    case HOW_CODE:
    case HOW_CODE2:
    case HOW_NAME:
    case HOW_ARGUMENTS:
    case HOW_SCHEMA:
    case HOW_EXTENDS:
    case HOW_EXTENDS_SUB:
    case HOW_CLASS:
    case HOW_ACL_DEFAULT:
    case HOW_COUNT:
        break;
    }
}

static bool column_of(const object_t *object, const char *kinds) {
    return object->parent != NULL && object->key.class_oid == CLASS_RELATION &&
           object->parent->code != '\0' && strchr(kinds, object->parent->code) != NULL;
}

/* Rows that make no lines of their own: composite types' in pg_class, columns of sequences. */
static bool silent(const row_t *row) {
    const object_t *object = row->object;
    return object == NULL || !object->kept ||
           (row->kind->class_oid == CLASS_RELATION &&
            (object->code == 'c' || object->code == 't')) ||
           column_of(object, "St") ||
           (strcmp(row->kind->name, "sequence owner") == 0 && object->code != 'S');
}

/* A table's TOAST options stand in the row of its TOAST table. */
static void tell_toast(reader_t *self, const row_t *row) {
    const fingerprint_field_t *fields = row->kind->fields;
    for (unsigned i = 0; fields[i].sql != NULL; i++) {
        if (fields[i].how != HOW_CODE2) {
            continue;
        }
        const object_key_t key = {CLASS_RELATION, fingerprint_oid(row->values[i]), 0};
        const object_t *toast = key.oid == 0 ? NULL : objects_find(&self->objects, &key);
        for (unsigned f = 0; toast != NULL && fields[f].sql != NULL; f++) {
            if (fields[f].how == HOW_OPTIONS) {
                tell_options(self, row->object,
                             &(fact_t){"toast option", NULL, LINE_LOGICAL, toast->values[f], NULL});
            }
        }
    }
}

static void tell_row(reader_t *self, row_t *row) {
    object_t *object = row->object;
    state_t state = {0};
    const bool index_column = column_of(object, "iI");
    for (unsigned i = 0; row->kind->fields[i].sql != NULL; i++) {
        const fingerprint_field_t *field = &row->kind->fields[i];
        if (!index_column || strcmp(field->label, "statistics target") == 0) {
            tell_field(self, object, field, &row->values[i], &state);
        }
    }
    if (row->kind->class_oid == CLASS_RELATION) {
        tell_toast(self, row);
    }
    const bool defines = row->kind->class_oid != 0 || row->kind->fields[0].how == HOW_OID;
    if (defines && !object->told && !index_column && row->kind->class_oid != CLASS_DATABASE) {
        const char class = row->kind->class_oid == CLASS_DEFAULT_ACL ? LINE_STRICT : LINE_LOGICAL;
        tell(self, object, &(fact_t){"exists", NULL, class, "yes", NULL});
    }
}

static int compare_order(const void *a, const void *b) {
    const object_t *x = *(object_t *const *)a, *y = *(object_t *const *)b;
    if (x->parent != y->parent) {
        return (uintptr_t)x->parent < (uintptr_t)y->parent ? -1 : 1;
    }
    return (x->order > y->order) - (x->order < y->order);
}

/* The decimal text of a place, 1 and up. */
static void print_place(char number[16], int place) {
    char digits[16];
    size_t count = 0;
    for (; place > 0 && count < sizeof digits - 1; place /= 10) {
        digits[count++] = (char)('0' + place % 10);
    }
    for (size_t i = 0; i < count; i++) {
        number[i] = digits[count - 1 - i];
    }
    number[count] = '\0';
}

static bool partition(const object_t *relation) {
    for (unsigned i = 0; relation->kind->fields[i].sql != NULL; i++) {
        if (strcmp(relation->kind->fields[i].label, "partition bound") == 0) {
            return relation->values[i] != NULL;
        }
    }
    return false;
}

/* Places of columns and enum labels among their like. Numbers have gaps where columns were dropped;
 * a dump closes them. It also puts inherited columns first: a child's own ones alone are counted.
 */
static void tell_positions(reader_t *self) {
    objects_t *objects = &self->objects;
    object_t **list = objects_memory(objects, (objects->count + 1) * sizeof *list);
    size_t count = 0;
    for (size_t i = 0; list != NULL && i < objects->count; i++) {
        object_t *object = objects->list[i];
        const bool column = column_of(object, "rpfcvm");
        const bool label = object->key.class_oid == -1 && object->kept;
        const bool inherited =
            column && object->parent->inherits && !partition(object->parent) && object->code != 't';
        if (label || (column && object->kept && !inherited)) {
            list[count++] = object;
        }
    }
    qsort(list, count, sizeof(object_t *), compare_order);
    int place = 0;
    for (size_t i = 0; i < count; i++) {
        place = i > 0 && list[i]->parent == list[i - 1]->parent ? place + 1 : 1;
        char number[16];
        print_place(number, place);
        const bool logical = list[i]->key.class_oid == -1 || list[i]->parent->code == 'c';
        tell_text(self, list[i], "position", logical ? LINE_LOGICAL : LINE_STRICT, number);
    }
}

void fingerprint_make_lines(reader_t *self) {
    for (size_t i = 0; i < self->row_count; i++) {
        const row_t *row = &self->rows[i];
        if (row->object != NULL && strcmp(row->kind->name, "inherits") == 0) {
            row->object->inherits = true;
        }
    }
    tell_positions(self);
    for (size_t i = 0; i < self->row_count && !self->objects.failed; i++) {
        if (!silent(&self->rows[i])) {
            tell_row(self, &self->rows[i]);
        }
    }
}
