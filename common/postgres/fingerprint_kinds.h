/*
 * fingerprint_kinds.h: what a fingerprint looks at, as data. One row a catalog: where it is read,
 * which columns, and what each column means. The SQL is generated from it (fingerprint_sql.c) and
 * the result is read by it (fingerprint_read.c), so the two cannot disagree.
 */
#ifndef DROVER_POSTGRES_FINGERPRINT_KINDS_H
#define DROVER_POSTGRES_FINGERPRINT_KINDS_H

#include "common/postgres/fingerprint.h"

#include <stdbool.h>
#include <stdint.h>

/* OIDs of catalogs: fixed by PostgreSQL's sources (pg_*.h, CATALOG). */
enum {
    CLASS_RELATION = 1259,
    CLASS_TYPE = 1247,
    CLASS_FUNCTION = 1255,
    CLASS_SCHEMA = 2615,
    CLASS_CONSTRAINT = 2606,
    CLASS_AM = 2601,
    CLASS_TABLESPACE = 1213,
    CLASS_LANGUAGE = 2612,
    CLASS_OPERATOR = 2617,
    CLASS_OPFAMILY = 2753,
    CLASS_OPCLASS = 2616,
    CLASS_AMOP = 2602,
    CLASS_AMPROC = 2603,
    CLASS_CAST = 2605,
    CLASS_COLLATION = 3456,
    CLASS_CONVERSION = 2607,
    CLASS_TRANSFORM = 3576,
    CLASS_EVENT_TRIGGER = 3466,
    CLASS_EXTENSION = 3079,
    CLASS_STATISTICS = 3381,
    CLASS_FDW = 2328,
    CLASS_SERVER = 1417,
    CLASS_USER_MAPPING = 1418,
    CLASS_PUBLICATION = 6104,
    CLASS_PUBLICATION_REL = 6106,
    CLASS_PUBLICATION_SCHEMA = 6237,
    CLASS_SUBSCRIPTION = 6100,
    CLASS_TS_PARSER = 3601,
    CLASS_TS_TEMPLATE = 3764,
    CLASS_TS_DICT = 3600,
    CLASS_TS_CONFIG = 3602,
    CLASS_DEFAULT_ACL = 826,
    CLASS_TRIGGER = 2620,
    CLASS_RULE = 2618,
    CLASS_POLICY = 3256,
    CLASS_DATABASE = 1262,
};

typedef enum fingerprint_how {
    HOW_OID,         /* the object's own OID */
    HOW_CODE,        /* relkind, typtype, prokind: decides the object's kind */
    HOW_CODE2,       /* a second fact that the reader needs */
    HOW_NAME,        /* the object's name */
    HOW_ARGUMENTS,   /* goes into the identity, in brackets */
    HOW_SCHEMA,      /* OID of the schema; an object of an unknown one is left out */
    HOW_PARENT,      /* OID of what it is a part of, of catalog `ref`; 0 is none */
    HOW_EXTENDS,     /* OID of the object of catalog `ref` that the row only says more about */
    HOW_EXTENDS_SUB, /* its column number */
    HOW_CLASS,       /* OID of the catalog that HOW_EXTENDS speaks of */
    HOW_LABEL,       /* goes behind the attribute's name */
    HOW_LOGICAL,     /* a value that programs can notice */
    HOW_STRICT,      /* a value of the strict digest only */
    HOW_DATABASE,    /* a value of the database digest only */
    HOW_EXPRESSION,  /* logical, normalised */
    HOW_REFERENCE,   /* logical: OID of an object of catalog `ref`, shown by its identity */
    HOW_COLUMNS,     /* logical: column numbers of the parent */
    HOW_FAR_COLUMNS, /* logical: column numbers of the HOW_REFERENCE before */
    HOW_SET,         /* logical: an array whose order means nothing */
    HOW_OPTIONS,     /* logical: an array of key=value, a line each, secrets masked */
    HOW_ACL,         /* strict: privileges; the next field is their default */
    HOW_ACL_DEFAULT,
    HOW_COUNT
} fingerprint_how_t;

typedef struct fingerprint_field {
    const char *label;
    const char *sql;
    fingerprint_how_t how;
    int ref;          /* a CLASS_… */
    const char *skip; /* the value (of HOW_OPTIONS: the key) that says nothing: no line; NULL and
                         "" never make one */
    int since;        /* first server major that has it; 0 is all */
    int until;        /* last one; 0 is all */
} fingerprint_field_t;

/* Presence bits of rare catalogs; a kind without one is always read. */
typedef enum fingerprint_bit {
    BIT_ALWAYS = 0,
    BIT_FUNCTION,
    BIT_AM,
    BIT_MEMBERS, /* an extension has members of its own: they must be kept out */
    BIT_INHERITS,
    BIT_SEQUENCE,
    BIT_ENUM,
    BIT_RANGE,
    BIT_AGGREGATE,
    BIT_TRIGGER,
    BIT_POLICY,
    BIT_OPERATOR,
    BIT_CAST,
    BIT_COLLATION,
    BIT_CONVERSION,
    BIT_TRANSFORM,
    BIT_EVENT_TRIGGER,
    BIT_STATISTICS,
    BIT_FOREIGN,
    BIT_PUBLICATION,
    BIT_SUBSCRIPTION,
    BIT_TEXT_SEARCH,
    BIT_DEFAULT_ACL,
    BIT_LABEL,
    BIT_SETTING,
    BIT_DEFAULT,
    BIT_COUNT
} fingerprint_bit_t;

enum { FINGERPRINT_FIELDS_MAX = 40 };

typedef struct fingerprint_kind {
    const char *name;
    int class_oid; /* CLASS_… whose OIDs HOW_OID gives; 0 where there is none */
    fingerprint_bit_t bit;
    const char *from;
    const char *where;
    const char *member; /* column to compare with the members of extensions, or NULL */
    const char *owner;  /* column with an owner's OID, for the stamp, or NULL */
    const char *acl;    /* column with privileges, for the stamp, or NULL */
    int since;          /* first server major that has the catalog; 0 is all */
    bool quiet;         /* rows of the system (OID below 16384) are known by name, make no line */
    const fingerprint_field_t *fields; /* ends with a NULL sql */
    const char *stamp; /* what stands for a row's version where ctid and xmin cannot be read */
} fingerprint_kind_t;

extern const fingerprint_kind_t fingerprint_kinds[];
extern const unsigned fingerprint_kind_count;

/* Whether a query of this scope has a branch for the kind. */
bool fingerprint_kind_wanted(const fingerprint_kind_t *kind, const fingerprint_scope_t *scope);

/* SQL truth values: whether the catalogs of a bit hold anything. NULL where the next one says it.
 */
extern const char *const fingerprint_probes[BIT_COUNT];

/* Catalogs that initdb leaves empty, by OID: asked for their size, all in one scan of an array.
 * That needs neither a plan for each nor a look at their names. Ends with a zero. */
typedef struct fingerprint_size {
    unsigned catalog;
    fingerprint_bit_t bit;
} fingerprint_size_t;
extern const fingerprint_size_t fingerprint_sizes[];

/* Catalogs whose objects live in schemas or belong to extensions: one look at pg_depend (alias x)
 * tells of all of them. Ends with a NULL condition. */
typedef struct fingerprint_depend {
    const char *condition;
    uint64_t bits;
} fingerprint_depend_t;
extern const fingerprint_depend_t fingerprint_depends[];

#endif
