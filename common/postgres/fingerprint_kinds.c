/*
 * fingerprint_kinds.c: the catalogs and their columns; see fingerprint_kinds.h.
 *
 * Left out on purpose, because they say nothing about the schema or do not survive a dump: OIDs,
 * file nodes, statistics, attndims, attislocal and conislocal (they follow from inheritance),
 * collencoding (any becomes the database's own), collversion (the C library's), pg_attver
 * (Debian's 15.20 stamps it into attoptions when a column is made; pg_dump leaves it out and a
 * restore makes another), relispopulated, subenabled (a restored subscription is always disabled),
 * whatever depends on connection strings. Names are resolved on our side: a branch of one table
 * without a join costs the server about 40 µs to plan, a join three times that. Rows below OID
 * 16384 are initdb's. Source: PostgreSQL manual, "System Catalogs".
 */
#include "common/postgres/fingerprint_kinds.h"

#include <stddef.h>

#define FIELD static const fingerprint_field_t
#define END                                                                                        \
    { 0 }
#define ROLE(column) "pg_catalog.pg_get_userbyid(" column ")"
#define ACL(column, type, owner)                                                                   \
    {"grant", column, HOW_ACL, 0, 0, 0, 0}, {                                                      \
        "",                                                                                        \
            "CASE WHEN " column " IS NOT NULL THEN pg_catalog.acldefault('" type "', " owner       \
            ") END",                                                                               \
            HOW_ACL_DEFAULT, 0, 0, 0, 0                                                            \
    }
#define L(label, sql)                                                                              \
    { label, sql, HOW_LOGICAL, 0, "", 0, 0 }
#define LS(label, sql, skip)                                                                       \
    { label, sql, HOW_LOGICAL, 0, skip, 0, 0 }
#define OWNER(column)                                                                              \
    { "owner", ROLE(column), HOW_STRICT, 0, 0, 0, 0 }
#define OID(column)                                                                                \
    { "", column, HOW_OID, 0, 0, 0, 0 }
#define NAME(column)                                                                               \
    { "", column, HOW_NAME, 0, 0, 0, 0 }
#define SCHEMA(column)                                                                             \
    { "", column, HOW_SCHEMA, 0, 0, 0, 0 }
#define PARENT(column, class)                                                                      \
    { "", column, HOW_PARENT, class, 0, 0, 0 }
#define EXTENDS(column, class)                                                                     \
    { "", column, HOW_EXTENDS, class, 0, 0, 0 }
#define REF(label, column, class)                                                                  \
    { label, column, HOW_REFERENCE, class, 0, 0, 0 }
#define EXPR(label, sql)                                                                           \
    { label, sql, HOW_EXPRESSION, 0, 0, 0, 0 }
#define SET(label, sql)                                                                            \
    { label, sql, HOW_SET, 0, 0, 0, 0 }
#define OPTIONS(label, sql)                                                                        \
    { label, sql, HOW_OPTIONS, 0, 0, 0, 0 }
#define PROCEDURE(column) column "::pg_catalog.regprocedure"
#define TYPE(column) column "::pg_catalog.regtype"

// clang-format off
FIELD schema_fields[] = {OID("x.oid"), NAME("x.nspname"), OWNER("x.nspowner"),
    ACL("x.nspacl", "n", "x.nspowner"), END};

FIELD am_fields[] = {OID("x.oid"), NAME("x.amname"), L("type", "x.amtype"),
    L("handler", PROCEDURE("x.amhandler")), END};

FIELD tablespace_fields[] = {OID("x.oid"), NAME("x.spcname"), END};

FIELD language_fields[] = {OID("x.oid"), NAME("x.lanname"), LS("trusted", "x.lanpltrusted", "f"),
    LS("handler", PROCEDURE("x.lanplcallfoid"), "-"), LS("inline", PROCEDURE("x.laninline"), "-"),
    LS("validator", PROCEDURE("x.lanvalidator"), "-"), OWNER("x.lanowner"),
    ACL("x.lanacl", "l", "x.lanowner"), END};

FIELD relation_fields[] = {OID("x.oid"), {"", "x.relkind", HOW_CODE, 0, 0, 0, 0},
    {"", "x.reltoastrelid", HOW_CODE2, 0, 0, 0, 0}, NAME("x.relname"), SCHEMA("x.relnamespace"),
    LS("persistence", "x.relpersistence", "p"),
    REF("access method", "CASE WHEN x.relam NOT IN (0, 2, 403) AND x.relkind <> 't' THEN x.relam END", CLASS_AM),
    REF("tablespace", "NULLIF(x.reltablespace, 0)", CLASS_TABLESPACE),
    OPTIONS("option", "x.reloptions"), LS("row security", "x.relrowsecurity", "f"),
    LS("forced row security", "x.relforcerowsecurity", "f"),
    {"replica identity", "CASE WHEN x.relkind IN ('r', 'p', 'm') THEN x.relreplident END", HOW_LOGICAL, 0, "d", 0, 0},
    L("partitioned", "CASE WHEN x.relkind = 'p' THEN true END"),
    L("partition bound", "pg_catalog.pg_get_expr(x.relpartbound, x.oid)"),
    LS("of type", TYPE("NULLIF(x.reloftype, 0)"), "-"),
    {"definition", "CASE WHEN x.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(x.oid)"
     " WHEN x.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(x.oid) END", HOW_EXPRESSION, 0, 0, 0, 0},
    {"owner", "CASE WHEN x.relkind NOT IN ('i', 'I', 't') THEN " ROLE("x.relowner") " END", HOW_STRICT, 0, 0, 0, 0},
    {"grant", "x.relacl", HOW_ACL, 0, 0, 0, 0},
    {"", "CASE WHEN x.relacl IS NOT NULL THEN pg_catalog.acldefault(CASE x.relkind WHEN 'S' THEN 's' ELSE 'r' END::pg_catalog.\"char\", x.relowner) END", HOW_ACL_DEFAULT, 0, 0, 0, 0},
    END};

/* pg_get_indexdef costs 25 µs and more on a fresh connection: an index on plain columns with built-in
 * classes and collations is put together on our side. */
#define INDEX_PLAIN(column) "CASE WHEN NOT (" INDEX_SPECIAL ") THEN " column " END"
#define INDEX_SPECIAL "x.indexprs IS NOT NULL OR x.indpred IS NOT NULL OR '16384'::pg_catalog.oid <= ANY (x.indclass) OR '16384'::pg_catalog.oid <= ANY (x.indcollation)"
FIELD index_fields[] = {EXTENDS("x.indexrelid", CLASS_RELATION), PARENT("x.indrelid", CLASS_RELATION),
    REF("table", "x.indrelid", CLASS_RELATION), LS("unique", "x.indisunique", "f"),
    {"columns", INDEX_PLAIN("x.indkey"), HOW_COLUMNS, 0, 0, 0, 0},
    L("key columns | operator classes | collations | order",
      INDEX_PLAIN("pg_catalog.concat_ws(' | ', x.indnkeyatts, x.indclass, x.indcollation, x.indoption)")),
    {"nulls not distinct", "x.indnullsnotdistinct", HOW_LOGICAL, 0, "f", 15, 0},
    EXPR("definition", "CASE WHEN " INDEX_SPECIAL " THEN pg_catalog.pg_get_indexdef(x.indexrelid) END"),
    LS("primary", "x.indisprimary", "f"), LS("exclusion", "x.indisexclusion", "f"),
    LS("valid", "x.indisvalid", "t"), LS("ready", "x.indisready", "t"),
    LS("live", "x.indislive", "t"), LS("immediate", "x.indimmediate", "t"),
    LS("clustered", "x.indisclustered", "f"), LS("replica identity", "x.indisreplident", "f"), END};

FIELD inherits_fields[] = {EXTENDS("x.inhrelid", CLASS_RELATION),
    REF("inherits", "x.inhparent", CLASS_RELATION),
    {"detach pending", "x.inhdetachpending", HOW_LOGICAL, 0, "f", 14, 0}, END};

FIELD column_fields[] = {{"", "x.attnum", HOW_OID, 0, 0, 0, 0}, PARENT("x.attrelid", CLASS_RELATION),
    {"", "x.attislocal", HOW_CODE, 0, 0, 0, 0}, NAME("x.attname"),
    L("type", "pg_catalog.format_type(x.atttypid, x.atttypmod)"),
    L("collation", "NULLIF(x.attcollation, 100)::pg_catalog.regcollation"),
    LS("not null", "x.attnotnull", "f"), L("identity", "x.attidentity"),
    L("generated", "x.attgenerated"), L("storage", "x.attstorage"),
    {"compression", "x.attcompression", HOW_LOGICAL, 0, 0, 14, 0},
    LS("statistics target", "x.attstattarget", "-1"), {"option", "x.attoptions", HOW_OPTIONS, 0, "pg_attver", 0, 0},
    OPTIONS("foreign option", "x.attfdwoptions"),
    {"grant", "x.attacl", HOW_ACL, 0, 0, 0, 0}, {"", "NULL", HOW_ACL_DEFAULT, 0, 0, 0, 0}, END};

FIELD default_fields[] = {EXTENDS("x.adrelid", CLASS_RELATION),
    {"", "x.adnum", HOW_EXTENDS_SUB, 0, 0, 0, 0},
    EXPR("default", "pg_catalog.pg_get_expr(x.adbin, x.adrelid)"), END};

FIELD constraint_fields[] = {OID("x.oid"), PARENT("x.conrelid", CLASS_RELATION),
    PARENT("x.contypid", CLASS_TYPE), NAME("x.conname"),
    LS("deferrable", "x.condeferrable", "f"), LS("deferred", "x.condeferred", "f"),
    LS("validated", "x.convalidated", "t"),
    LS("no inherit", "x.connoinherit AND x.contype = 'c'", "f"),
    L("type", "x.contype"), {"columns", "CASE WHEN x.contype <> 'c' THEN x.conkey END", HOW_COLUMNS, 0, 0, 0, 0},
    REF("references", "NULLIF(x.confrelid, 0)", CLASS_RELATION),
    {"referenced columns", "x.confkey", HOW_FAR_COLUMNS, 0, 0, 0, 0},
    LS("on update", "CASE WHEN x.contype = 'f' THEN x.confupdtype END", "a"),
    LS("on delete", "CASE WHEN x.contype = 'f' THEN x.confdeltype END", "a"),
    LS("match", "CASE WHEN x.contype = 'f' THEN x.confmatchtype END", "s"),
    {"on delete columns", "x.confdelsetcols", HOW_COLUMNS, 0, 0, 15, 0},
    {"period", "x.conperiod", HOW_LOGICAL, 0, "f", 18, 0},
    {"enforced", "x.conenforced", HOW_LOGICAL, 0, "t", 18, 0},
    EXPR("definition", "CASE WHEN x.contype IN ('c', 'x') THEN pg_catalog.pg_get_constraintdef(x.oid) END"), END};

FIELD sequence_fields[] = {EXTENDS("x.seqrelid", CLASS_RELATION),
    L("type", TYPE("x.seqtypid")), L("start", "x.seqstart"), L("increment", "x.seqincrement"),
    L("minimum", "x.seqmin"), L("maximum", "x.seqmax"), L("cache", "x.seqcache"),
    LS("cycle", "x.seqcycle", "f"), END};

FIELD sequence_owner_fields[] = {EXTENDS("x.objid", CLASS_RELATION),
    REF("owned by", "x.refobjid", CLASS_RELATION),
    {"owned by column", "x.refobjsubid", HOW_FAR_COLUMNS, 0, 0, 0, 0}, END};

FIELD type_fields[] = {OID("x.oid"), {"", "x.typtype", HOW_CODE, 0, 0, 0, 0},
    {"", "x.typrelid", HOW_CODE2, 0, 0, 0, 0}, NAME("x.typname"), SCHEMA("x.typnamespace"),
    L("defined", "CASE WHEN NOT x.typisdefined THEN 'shell' END"),
    L("base", "CASE WHEN x.typtype = 'd' THEN pg_catalog.format_type(x.typbasetype, x.typtypmod) END"),
    LS("not null", "x.typnotnull", "f"),
    L("collation", "NULLIF(x.typcollation, 100)::pg_catalog.regcollation"),
    EXPR("default", "COALESCE(pg_catalog.pg_get_expr(x.typdefaultbin, 0), x.typdefault)"),
    L("functions", "CASE WHEN x.typtype = 'b' THEN pg_catalog.concat_ws(' ', x.typinput, x.typoutput, x.typreceive, x.typsend, x.typmodin, x.typmodout, x.typanalyze) END"),
    L("form", "CASE WHEN x.typtype = 'b' THEN pg_catalog.concat_ws(' ', x.typlen, x.typbyval, x.typalign, x.typstorage, x.typcategory, x.typispreferred, x.typdelim, " TYPE("x.typelem") ") END"),
    {"subscript", "CASE WHEN x.typtype = 'b' THEN x.typsubscript END", HOW_LOGICAL, 0, "-", 14, 0},
    OWNER("x.typowner"), ACL("x.typacl", "T", "x.typowner"), END};

FIELD enum_fields[] = {OID("x.oid"), PARENT("x.enumtypid", CLASS_TYPE), NAME("x.enumlabel"),
    {"", "x.enumsortorder", HOW_CODE, 0, 0, 0, 0}, END};

FIELD range_fields[] = {EXTENDS("x.rngtypid", CLASS_TYPE), L("subtype", TYPE("x.rngsubtype")),
    {"multirange", TYPE("x.rngmultitypid"), HOW_LOGICAL, 0, 0, 14, 0},
    L("range collation", "NULLIF(x.rngcollation, 0)::pg_catalog.regcollation"),
    LS("canonical", PROCEDURE("x.rngcanonical"), "-"), LS("difference", PROCEDURE("x.rngsubdiff"), "-"),
    REF("operator class", "CASE WHEN x.rngsubopc >= 16384 THEN x.rngsubopc END", CLASS_OPCLASS), END};

FIELD function_fields[] = {OID("x.oid"), {"", "x.prokind", HOW_CODE, 0, 0, 0, 0}, NAME("x.proname"),
    SCHEMA("x.pronamespace"),
    {"", "pg_catalog.array_to_string(x.proargtypes::pg_catalog.regtype[], ', ')", HOW_ARGUMENTS, 0, 0, 0, 0},
    L("returns", TYPE("x.prorettype")), LS("returns set", "x.proretset", "f"),
    REF("language", "x.prolang", CLASS_LANGUAGE), L("all arguments", "x.proallargtypes::pg_catalog.regtype[]"),
    L("argument modes", "x.proargmodes"), L("argument names", "x.proargnames"),
    LS("variadic", TYPE("x.provariadic"), "-"),
    EXPR("argument defaults", "pg_catalog.pg_get_expr(x.proargdefaults, 0)"),
    L("volatility", "x.provolatile"), LS("parallel", "x.proparallel", "u"),
    LS("security definer", "x.prosecdef", "f"), LS("leakproof", "x.proleakproof", "f"),
    LS("strict", "x.proisstrict", "f"), L("cost", "x.procost"), LS("rows", "x.prorows", "0"),
    LS("support", PROCEDURE("x.prosupport"), "-"), L("transforms", "x.protrftypes::pg_catalog.regtype[]"),
    OPTIONS("setting", "x.proconfig"), L("library", "x.probin"), L("body", "x.prosrc"),
    {"sql body", "CASE WHEN x.prosqlbody IS NOT NULL THEN pg_catalog.pg_get_function_sqlbody(x.oid) END", HOW_EXPRESSION, 0, 0, 14, 0},
    OWNER("x.proowner"), ACL("x.proacl", "f", "x.proowner"), END};

FIELD aggregate_fields[] = {EXTENDS("x.aggfnoid::pg_catalog.oid", CLASS_FUNCTION),
    L("aggregate kind", "x.aggkind"), LS("direct arguments", "x.aggnumdirectargs", "0"),
    L("state function", PROCEDURE("x.aggtransfn")), LS("final function", PROCEDURE("x.aggfinalfn"), "-"),
    LS("combine function", PROCEDURE("x.aggcombinefn"), "-"),
    LS("serial function", PROCEDURE("x.aggserialfn"), "-"),
    LS("deserial function", PROCEDURE("x.aggdeserialfn"), "-"),
    LS("moving state function", PROCEDURE("x.aggmtransfn"), "-"),
    LS("moving inverse function", PROCEDURE("x.aggminvtransfn"), "-"),
    LS("moving final function", PROCEDURE("x.aggmfinalfn"), "-"),
    L("final extra", "pg_catalog.concat_ws(' ', x.aggfinalextra, x.aggmfinalextra, x.aggfinalmodify, x.aggmfinalmodify)"),
    LS("sort operator", "x.aggsortop::pg_catalog.regoperator", "0"),
    L("state type", TYPE("x.aggtranstype")), LS("state space", "x.aggtransspace", "0"),
    LS("moving state type", TYPE("x.aggmtranstype"), "-"), LS("moving state space", "x.aggmtransspace", "0"),
    L("initial", "x.agginitval"), L("moving initial", "x.aggminitval"), END};

/* Internal triggers are their constraint's, except where ALTER TABLE … DISABLE TRIGGER ALL turned
 * them off: foreign keys are not enforced then, and a dump forgets it. */
FIELD trigger_fields[] = {OID("x.oid"), PARENT("x.tgrelid", CLASS_RELATION),
    NAME("CASE WHEN x.tgisinternal THEN pg_catalog.concat_ws(' of ', x.tgfoid::pg_catalog.regproc, pg_catalog.pg_get_constraintdef(x.tgconstraint)) ELSE x.tgname END"),
    LS("enabled", "x.tgenabled", "O"),
    EXPR("definition", "CASE WHEN NOT x.tgisinternal THEN pg_catalog.pg_get_triggerdef(x.oid) END"), END};

FIELD rule_fields[] = {OID("x.oid"), PARENT("x.ev_class", CLASS_RELATION), NAME("x.rulename"),
    LS("enabled", "x.ev_enabled", "O"), EXPR("definition", "pg_catalog.pg_get_ruledef(x.oid)"), END};

FIELD policy_fields[] = {OID("x.oid"), PARENT("x.polrelid", CLASS_RELATION), NAME("x.polname"),
    L("command", "x.polcmd"), L("permissive", "x.polpermissive"),
    SET("roles", "x.polroles::pg_catalog.regrole[]"),
    EXPR("using", "pg_catalog.pg_get_expr(x.polqual, x.polrelid)"),
    EXPR("check", "pg_catalog.pg_get_expr(x.polwithcheck, x.polrelid)"), END};

FIELD operator_fields[] = {OID("x.oid"), NAME("x.oprname"), SCHEMA("x.oprnamespace"),
    {"", "pg_catalog.concat_ws(', ', " TYPE("x.oprleft") ", " TYPE("x.oprright") ")", HOW_ARGUMENTS, 0, 0, 0, 0},
    L("result", TYPE("x.oprresult")), L("function", PROCEDURE("x.oprcode")),
    LS("commutator", "x.oprcom::pg_catalog.regoperator", "0"),
    LS("negator", "x.oprnegate::pg_catalog.regoperator", "0"),
    LS("restrict", PROCEDURE("x.oprrest"), "-"), LS("join", PROCEDURE("x.oprjoin"), "-"),
    LS("merges", "x.oprcanmerge", "f"), LS("hashes", "x.oprcanhash", "f"), OWNER("x.oprowner"), END};

FIELD opfamily_fields[] = {OID("x.oid"), NAME("x.opfname"), SCHEMA("x.opfnamespace"),
    REF("method", "x.opfmethod", CLASS_AM), OWNER("x.opfowner"), END};

FIELD opclass_fields[] = {OID("x.oid"), NAME("x.opcname"), SCHEMA("x.opcnamespace"),
    REF("method", "x.opcmethod", CLASS_AM), REF("family", "x.opcfamily", CLASS_OPFAMILY),
    L("input", TYPE("x.opcintype")), LS("default", "x.opcdefault", "f"),
    LS("key", TYPE("x.opckeytype"), "-"), OWNER("x.opcowner"), END};

FIELD amop_fields[] = {OID("x.oid"), PARENT("x.amopfamily", CLASS_OPFAMILY),
    NAME("pg_catalog.concat_ws(' ', x.amopstrategy, " TYPE("x.amoplefttype") ", " TYPE("x.amoprighttype") ", x.amoppurpose)"),
    L("operator", "x.amopopr::pg_catalog.regoperator"), REF("sort family", "NULLIF(x.amopsortfamily, 0)", CLASS_OPFAMILY), END};

FIELD amproc_fields[] = {OID("x.oid"), PARENT("x.amprocfamily", CLASS_OPFAMILY),
    NAME("pg_catalog.concat_ws(' ', x.amprocnum, " TYPE("x.amproclefttype") ", " TYPE("x.amprocrighttype") ")"),
    L("function", PROCEDURE("x.amproc")), END};

FIELD cast_fields[] = {OID("x.oid"),
    NAME("pg_catalog.concat_ws(' as ', " TYPE("x.castsource") ", " TYPE("x.casttarget") ")"),
    LS("function", PROCEDURE("x.castfunc"), "-"), L("context", "x.castcontext"), L("method", "x.castmethod"), END};

FIELD collation_fields[] = {OID("x.oid"), NAME("x.collname"), SCHEMA("x.collnamespace"),
    L("provider", "x.collprovider"), LS("deterministic", "x.collisdeterministic", "t"),
    L("collate", "x.collcollate"),
    L("ctype", "x.collctype"), {"icu locale", "x.colliculocale", HOW_LOGICAL, 0, 0, 15, 16},
    {"locale", "x.colllocale", HOW_LOGICAL, 0, 0, 17, 0}, {"icu rules", "x.collicurules", HOW_LOGICAL, 0, 0, 16, 0},
    OWNER("x.collowner"), END};

FIELD conversion_fields[] = {OID("x.oid"), NAME("x.conname"), SCHEMA("x.connamespace"),
    L("from", "pg_catalog.pg_encoding_to_char(x.conforencoding)"),
    L("to", "pg_catalog.pg_encoding_to_char(x.contoencoding)"), L("function", PROCEDURE("x.conproc")),
    LS("default", "x.condefault", "f"), OWNER("x.conowner"), END};

FIELD transform_fields[] = {OID("x.oid"), NAME(TYPE("x.trftype") "::pg_catalog.text"),
    REF("language", "x.trflang", CLASS_LANGUAGE), LS("from sql", PROCEDURE("x.trffromsql"), "-"),
    LS("to sql", PROCEDURE("x.trftosql"), "-"), END};

FIELD event_trigger_fields[] = {OID("x.oid"), NAME("x.evtname"), L("event", "x.evtevent"),
    L("function", PROCEDURE("x.evtfoid")), LS("enabled", "x.evtenabled", "O"), SET("tags", "x.evttags"),
    OWNER("x.evtowner"), END};

FIELD extension_fields[] = {OID("x.oid"), NAME("x.extname"), L("version", "x.extversion"),
    L("schema", "x.extnamespace::pg_catalog.regnamespace"), OWNER("x.extowner"), END};

FIELD statistics_fields[] = {OID("x.oid"), NAME("x.stxname"), SCHEMA("x.stxnamespace"),
    {"target", "NULLIF(x.stxstattarget, -1)", HOW_LOGICAL, 0, 0, 0, 0},
    EXPR("definition", "pg_catalog.pg_get_statisticsobjdef(x.oid)"), OWNER("x.stxowner"), END};

FIELD fdw_fields[] = {OID("x.oid"), NAME("x.fdwname"), LS("handler", PROCEDURE("x.fdwhandler"), "-"),
    LS("validator", PROCEDURE("x.fdwvalidator"), "-"), OPTIONS("option", "x.fdwoptions"),
    OWNER("x.fdwowner"), ACL("x.fdwacl", "F", "x.fdwowner"), END};

FIELD server_fields[] = {OID("x.oid"), NAME("x.srvname"), REF("wrapper", "x.srvfdw", CLASS_FDW),
    L("type", "x.srvtype"), L("version", "x.srvversion"), OPTIONS("option", "x.srvoptions"),
    OWNER("x.srvowner"), ACL("x.srvacl", "S", "x.srvowner"), END};

FIELD foreign_table_fields[] = {EXTENDS("x.ftrelid", CLASS_RELATION),
    REF("server", "x.ftserver", CLASS_SERVER), OPTIONS("foreign option", "x.ftoptions"), END};

/* Without options: who may see them depends on the reader's rights, and they are passwords. */
FIELD user_mapping_fields[] = {OID("x.umid"), PARENT("x.srvid", CLASS_SERVER), NAME("x.usename"),
    END};

FIELD publication_fields[] = {OID("x.oid"), NAME("x.pubname"), LS("all tables", "x.puballtables", "f"),
    L("publishes", "pg_catalog.concat_ws(' ', CASE WHEN x.pubinsert THEN 'insert' END, CASE WHEN x.pubupdate THEN 'update' END, CASE WHEN x.pubdelete THEN 'delete' END, CASE WHEN x.pubtruncate THEN 'truncate' END)"),
    LS("via root", "x.pubviaroot", "f"), OWNER("x.pubowner"), END};

FIELD publication_rel_fields[] = {OID("x.oid"), PARENT("x.prpubid", CLASS_PUBLICATION),
    {"", "x.prrelid", HOW_CODE, CLASS_RELATION, 0, 0, 0},
    {"where", "pg_catalog.pg_get_expr(x.prqual, x.prrelid)", HOW_EXPRESSION, 0, 0, 15, 0},
    {"columns", "(SELECT pg_catalog.array_agg(a.attname ORDER BY a.attname) FROM pg_catalog.pg_attribute a WHERE a.attrelid = x.prrelid AND a.attnum = ANY (x.prattrs))", HOW_LOGICAL, 0, 0, 15, 0}, END};

FIELD publication_schema_fields[] = {OID("x.oid"), PARENT("x.pnpubid", CLASS_PUBLICATION),
    {"", "x.pnnspid", HOW_CODE, CLASS_SCHEMA, 0, 0, 0}, END};

FIELD subscription_fields[] = {OID("x.oid"), NAME("x.subname"), SET("publications", "x.subpublications"),
    LS("binary", "x.subbinary", "f"), LS("synchronous commit", "x.subsynccommit", "off"),
    L("slot", "x.subslotname"), OWNER("x.subowner"), END};

FIELD ts_parser_fields[] = {OID("x.oid"), NAME("x.prsname"), SCHEMA("x.prsnamespace"),
    L("functions", "pg_catalog.concat_ws(' ', x.prsstart, x.prstoken, x.prsend, x.prsheadline, x.prslextype)"), END};
FIELD ts_template_fields[] = {OID("x.oid"), NAME("x.tmplname"), SCHEMA("x.tmplnamespace"),
    L("functions", "pg_catalog.concat_ws(' ', x.tmplinit, x.tmpllexize)"), END};
FIELD ts_dict_fields[] = {OID("x.oid"), NAME("x.dictname"), SCHEMA("x.dictnamespace"),
    L("template", "(SELECT pg_catalog.concat_ws('.', t.tmplnamespace::pg_catalog.regnamespace, t.tmplname) FROM pg_catalog.pg_ts_template t WHERE t.oid = x.dicttemplate)"),
    L("options", "x.dictinitoption"), OWNER("x.dictowner"), END};
FIELD ts_config_fields[] = {OID("x.oid"), NAME("x.cfgname"), SCHEMA("x.cfgnamespace"),
    L("parser", "(SELECT pg_catalog.concat_ws('.', p.prsnamespace::pg_catalog.regnamespace, p.prsname) FROM pg_catalog.pg_ts_parser p WHERE p.oid = x.cfgparser)"),
    OWNER("x.cfgowner"), END};
FIELD ts_map_fields[] = {EXTENDS("x.mapcfg", CLASS_TS_CONFIG),
    {"", "pg_catalog.concat_ws(' ', x.maptokentype, x.mapseqno)", HOW_LABEL, 0, 0, 0, 0},
    L("mapping", "x.mapdict::pg_catalog.regdictionary"), END};

FIELD default_acl_fields[] = {OID("x.oid"),
    NAME("pg_catalog.concat_ws(' ', " ROLE("x.defaclrole") ", NULLIF(x.defaclnamespace, 0)::pg_catalog.regnamespace, x.defaclobjtype)"),
    {"grant", "x.defaclacl", HOW_ACL, 0, 0, 0, 0},
    {"", "NULL", HOW_ACL_DEFAULT, 0, 0, 0, 0}, END};

FIELD comment_fields[] = {{"", "x.classoid", HOW_CLASS, 0, 0, 0, 0}, EXTENDS("x.objoid", 0),
    {"", "x.objsubid", HOW_EXTENDS_SUB, 0, 0, 0, 0},
    {"comment", "x.description", HOW_STRICT, 0, 0, 0, 0}, END};

FIELD label_fields[] = {{"", "x.classoid", HOW_CLASS, 0, 0, 0, 0}, EXTENDS("x.objoid", 0),
    {"", "x.objsubid", HOW_EXTENDS_SUB, 0, 0, 0, 0}, {"", "x.provider", HOW_LABEL, 0, 0, 0, 0},
    {"security label", "x.label", HOW_STRICT, 0, 0, 0, 0}, END};

FIELD database_fields[] = {OID("x.oid"),
    {"owner", ROLE("x.datdba"), HOW_DATABASE, 0, 0, 0, 0},
    {"encoding", "pg_catalog.pg_encoding_to_char(x.encoding)", HOW_DATABASE, 0, 0, 0, 0},
    {"collate", "x.datcollate", HOW_DATABASE, 0, 0, 0, 0},
    {"ctype", "x.datctype", HOW_DATABASE, 0, 0, 0, 0},
    {"connection limit", "x.datconnlimit", HOW_DATABASE, 0, "-1", 0, 0},
    {"template", "x.datistemplate", HOW_DATABASE, 0, "f", 0, 0},
    {"comment", "(SELECT d.description FROM pg_catalog.pg_shdescription d WHERE d.objoid = x.oid AND d.classoid = 1262)", HOW_DATABASE, 0, 0, 0, 0},
    {"grant", "x.datacl", HOW_ACL, CLASS_DATABASE, 0, 0, 0},
    {"", "CASE WHEN x.datacl IS NOT NULL THEN pg_catalog.acldefault('d', x.datdba) END", HOW_ACL_DEFAULT, 0, 0, 0, 0},
    END};

FIELD setting_fields[] = {EXTENDS("x.setdatabase", CLASS_DATABASE),
    {"", "CASE WHEN x.setrole = 0 THEN '' ELSE 'for ' || " ROLE("x.setrole") " END", HOW_LABEL, 0, 0, 0, 0},
    {"setting", "x.setconfig", HOW_OPTIONS, CLASS_DATABASE, 0, 0, 0}, END};

#define PG "pg_catalog.pg_"
#define OWN_DATABASE "(SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())"

const fingerprint_kind_t fingerprint_kinds[] = {
    /* parents stand before what is a part of them */
    {"schema", CLASS_SCHEMA, BIT_ALWAYS, PG "namespace", "x.nspname !~ '^pg_' AND x.nspname NOT IN ('information_schema', 'drover')", "x.oid", "x.nspowner", "x.nspacl", 0, false, schema_fields, NULL},
    {"access method", CLASS_AM, BIT_AM, PG "am", "true", "x.oid", NULL, NULL, 0, true, am_fields, NULL},
    {"tablespace", CLASS_TABLESPACE, BIT_ALWAYS, PG "tablespace", "x.oid >= 16384", NULL, NULL, NULL, 0, true, tablespace_fields, NULL},
    {"language", CLASS_LANGUAGE, BIT_ALWAYS, PG "language", "true", "x.oid", "x.lanowner", "x.lanacl", 0, true, language_fields, NULL},
    {"relation", CLASS_RELATION, BIT_ALWAYS, PG "class", "x.oid >= 16384 AND (x.relnamespace <> 99 OR (x.relkind = 't' AND x.reloptions IS NOT NULL)) AND x.relpersistence <> 't'", "x.oid", "x.relowner", "x.relacl", 0, false, relation_fields, NULL},
    {"index", 0, BIT_ALWAYS, PG "index", "x.indexrelid >= 16384", NULL, NULL, NULL, 0, false, index_fields, NULL},
    {"inherits", 0, BIT_INHERITS, PG "inherits", "x.inhrelid >= 16384", NULL, NULL, NULL, 0, false, inherits_fields, NULL},
    {"column", 0, BIT_ALWAYS, PG "attribute", "x.attrelid >= 16384 AND x.attnum > 0 AND NOT x.attisdropped", NULL, NULL, "x.attacl", 0, false, column_fields, NULL},
    {"default", 0, BIT_DEFAULT, PG "attrdef", "x.adrelid >= 16384", NULL, NULL, NULL, 0, false, default_fields, NULL},
    {"type", CLASS_TYPE, BIT_ALWAYS, PG "type", "x.oid >= 16384 AND x.typinput <> '750'::pg_catalog.oid", "x.oid", "x.typowner", "x.typacl", 0, false, type_fields, NULL},
    {"constraint", CLASS_CONSTRAINT, BIT_ALWAYS, PG "constraint", "x.oid >= 16384 AND x.contype NOT IN ('n', 't') AND (x.contype <> 'f' OR x.conparentid = 0)", NULL, NULL, NULL, 0, false, constraint_fields, NULL},
    {"sequence", 0, BIT_SEQUENCE, PG "sequence", "x.seqrelid >= 16384", NULL, NULL, NULL, 0, false, sequence_fields, NULL},
    {"sequence owner", 0, BIT_SEQUENCE, PG "depend", "x.classid = 1259 AND x.objid >= 16384 AND x.objsubid = 0 AND x.refclassid = 1259 AND x.refobjsubid > 0 AND x.deptype IN ('a', 'i')", NULL, NULL, NULL, 0, false, sequence_owner_fields, NULL},
    {"label", 0, BIT_ENUM, PG "enum", "x.oid >= 16384", NULL, NULL, NULL, 0, false, enum_fields, NULL},
    {"function", CLASS_FUNCTION, BIT_FUNCTION, PG "proc", "x.oid >= 16384", "x.oid", "x.proowner", "x.proacl", 0, false, function_fields, NULL},
    {"aggregate", 0, BIT_AGGREGATE, PG "aggregate", "x.aggfnoid >= '16384'::pg_catalog.oid", NULL, NULL, NULL, 0, false, aggregate_fields, NULL},
    {"trigger", CLASS_TRIGGER, BIT_TRIGGER, PG "trigger", "x.tgrelid >= 16384 AND (NOT x.tgisinternal OR x.tgenabled <> 'O')", NULL, NULL, NULL, 0, false, trigger_fields, NULL},
    {"rule", CLASS_RULE, BIT_ALWAYS, PG "rewrite", "x.ev_class >= 16384 AND x.rulename <> '_RETURN'", NULL, NULL, NULL, 0, false, rule_fields, NULL},
    {"policy", CLASS_POLICY, BIT_POLICY, PG "policy", "true", NULL, NULL, "x.polroles::pg_catalog.regrole[]", 0, false, policy_fields, NULL},
    {"operator", CLASS_OPERATOR, BIT_OPERATOR, PG "operator", "x.oid >= 16384", "x.oid", "x.oprowner", NULL, 0, false, operator_fields, NULL},
    {"operator family", CLASS_OPFAMILY, BIT_OPERATOR, PG "opfamily", "x.oid >= 16384", "x.oid", "x.opfowner", NULL, 0, false, opfamily_fields, NULL},
    {"operator class", CLASS_OPCLASS, BIT_OPERATOR, PG "opclass", "x.oid >= 16384", "x.oid", "x.opcowner", NULL, 0, false, opclass_fields, NULL},
    {"operator", CLASS_AMOP, BIT_OPERATOR, PG "amop", "x.oid >= 16384", NULL, NULL, NULL, 0, false, amop_fields, NULL},
    {"function", CLASS_AMPROC, BIT_OPERATOR, PG "amproc", "x.oid >= 16384", NULL, NULL, NULL, 0, false, amproc_fields, NULL},
    {"range", 0, BIT_RANGE, PG "range", "x.rngtypid >= 16384", NULL, NULL, NULL, 0, false, range_fields, NULL},
    {"cast", CLASS_CAST, BIT_CAST, PG "cast", "x.oid >= 16384", "x.oid", NULL, NULL, 0, false, cast_fields, NULL},
    {"collation", CLASS_COLLATION, BIT_COLLATION, PG "collation", "x.oid >= 16384", "x.oid", "x.collowner", NULL, 0, false, collation_fields, NULL},
    {"conversion", CLASS_CONVERSION, BIT_CONVERSION, PG "conversion", "x.oid >= 16384", "x.oid", "x.conowner", NULL, 0, false, conversion_fields, NULL},
    {"transform", CLASS_TRANSFORM, BIT_TRANSFORM, PG "transform", "true", "x.oid", NULL, NULL, 0, false, transform_fields, NULL},
    {"event trigger", CLASS_EVENT_TRIGGER, BIT_EVENT_TRIGGER, PG "event_trigger", "true", "x.oid", "x.evtowner", NULL, 0, false, event_trigger_fields, NULL},
    {"extension", CLASS_EXTENSION, BIT_ALWAYS, PG "extension", "true", NULL, "x.extowner", NULL, 0, false, extension_fields, NULL},
    {"statistics", CLASS_STATISTICS, BIT_STATISTICS, PG "statistic_ext", "true", "x.oid", "x.stxowner", NULL, 0, false, statistics_fields, NULL},
    {"foreign-data wrapper", CLASS_FDW, BIT_FOREIGN, PG "foreign_data_wrapper", "true", "x.oid", "x.fdwowner", "x.fdwacl", 0, false, fdw_fields, NULL},
    {"server", CLASS_SERVER, BIT_FOREIGN, PG "foreign_server", "true", "x.oid", "x.srvowner", "x.srvacl", 0, false, server_fields, NULL},
    {"foreign table", 0, BIT_FOREIGN, PG "foreign_table", "true", NULL, NULL, NULL, 0, false, foreign_table_fields, NULL},
    {"user mapping", CLASS_USER_MAPPING, BIT_FOREIGN, PG "user_mappings", "true", NULL, NULL, NULL, 0, false, user_mapping_fields, "pg_catalog.concat_ws(' ', x.umid, x.srvid, x.usename)"},
    {"publication", CLASS_PUBLICATION, BIT_PUBLICATION, PG "publication", "true", "x.oid", "x.pubowner", NULL, 0, false, publication_fields, NULL},
    {"publishes table", CLASS_PUBLICATION_REL, BIT_PUBLICATION, PG "publication_rel", "true", NULL, NULL, NULL, 0, false, publication_rel_fields, NULL},
    {"publishes schema", CLASS_PUBLICATION_SCHEMA, BIT_PUBLICATION, PG "publication_namespace", "true", NULL, NULL, NULL, 15, false, publication_schema_fields, NULL},
    {"subscription", CLASS_SUBSCRIPTION, BIT_SUBSCRIPTION, PG "subscription", "x.subdbid = " OWN_DATABASE, NULL, "x.subowner", NULL, 0, false, subscription_fields, "pg_catalog.concat_ws(' ', x.oid, x.subname, x.subpublications, x.subbinary, x.subsynccommit, x.subslotname)"},
    {"text search parser", CLASS_TS_PARSER, BIT_TEXT_SEARCH, PG "ts_parser", "x.oid >= 16384", "x.oid", NULL, NULL, 0, false, ts_parser_fields, NULL},
    {"text search template", CLASS_TS_TEMPLATE, BIT_TEXT_SEARCH, PG "ts_template", "x.oid >= 16384", "x.oid", NULL, NULL, 0, false, ts_template_fields, NULL},
    {"text search dictionary", CLASS_TS_DICT, BIT_TEXT_SEARCH, PG "ts_dict", "x.oid >= 16384", "x.oid", "x.dictowner", NULL, 0, false, ts_dict_fields, NULL},
    {"text search configuration", CLASS_TS_CONFIG, BIT_TEXT_SEARCH, PG "ts_config", "x.oid >= 16384", "x.oid", "x.cfgowner", NULL, 0, false, ts_config_fields, NULL},
    {"text search mapping", 0, BIT_TEXT_SEARCH, PG "ts_config_map", "x.mapcfg >= 16384", NULL, NULL, NULL, 0, false, ts_map_fields, NULL},
    {"default privileges", CLASS_DEFAULT_ACL, BIT_DEFAULT_ACL, PG "default_acl", "true", NULL, "x.defaclrole", "x.defaclacl", 0, false, default_acl_fields, NULL},
    {"database", CLASS_DATABASE, BIT_ALWAYS, PG "database", "x.datname = pg_catalog.current_database()", NULL, "x.datdba", "x.datacl", 0, false, database_fields, NULL},
    {"setting", 0, BIT_SETTING, PG "db_role_setting", "x.setdatabase = " OWN_DATABASE, NULL, "x.setrole", NULL, 0, false, setting_fields, NULL},
    {"comment", 0, BIT_ALWAYS, PG "description", "(x.objoid >= 16384 OR x.objoid = 2200)", NULL, NULL, NULL, 0, false, comment_fields, NULL},
    {"security label", 0, BIT_LABEL, PG "seclabel", "true", NULL, NULL, NULL, 0, false, label_fields, NULL},
};
const unsigned fingerprint_kind_count = sizeof fingerprint_kinds / sizeof fingerprint_kinds[0];

#define SOME(catalog, column) "EXISTS (SELECT FROM " PG catalog " x WHERE " column " >= '16384'::pg_catalog.oid)"

const char *const fingerprint_probes[BIT_COUNT] = {
    [BIT_AM] = SOME("am", "x.oid"),
    [BIT_CAST] = SOME("cast", "x.oid"),
};

const fingerprint_size_t fingerprint_sizes[] = {
    {2611, BIT_INHERITS}, /* pg_inherits */
    {2224, BIT_SEQUENCE}, /* pg_sequence */
    {3501, BIT_ENUM}, /* pg_enum */
    {2620, BIT_TRIGGER}, /* pg_trigger */
    {3256, BIT_POLICY}, /* pg_policy */
    {3576, BIT_TRANSFORM}, /* pg_transform */
    {3466, BIT_EVENT_TRIGGER}, /* pg_event_trigger */
    {3381, BIT_STATISTICS}, /* pg_statistic_ext */
    {2328, BIT_FOREIGN}, /* pg_foreign_data_wrapper */
    {6104, BIT_PUBLICATION}, /* pg_publication */
    {6100, BIT_SUBSCRIPTION}, /* pg_subscription */
    {826, BIT_DEFAULT_ACL}, /* pg_default_acl */
    {3596, BIT_LABEL}, /* pg_seclabel */
    {2964, BIT_SETTING}, /* pg_db_role_setting */
    {2604, BIT_DEFAULT}, /* pg_attrdef */
    {0},
};

#define BIT(name) (UINT64_C(1) << BIT_##name)

const fingerprint_depend_t fingerprint_depends[] = {
    {"x.refclassid = 3079 AND x.deptype = 'e'", BIT(MEMBERS)},
    {"x.classid = 1255", BIT(FUNCTION) | BIT(AGGREGATE)},
    {"x.classid = 1247", BIT(RANGE)},
    {"x.classid IN (2617, 2753, 2616)", BIT(OPERATOR) | BIT(AM)},
    {"x.classid = 3456", BIT(COLLATION)},
    {"x.classid = 2607", BIT(CONVERSION)},
    {"x.classid IN (3600, 3601, 3602, 3764)", BIT(TEXT_SEARCH)},
    {0},
};
// clang-format on
