/* rules.c: the table of rules. A new rule is a row here and a check in checks.c. */
#include "common/lint/rules.h"

// clang-format off
static const lint_rule_t rules[] = {
    {RULE_FILE_NAME, "names", FINDING_ERROR, false, check_loaded,
     "name regular files V001__what_it_does.sql, .undo.sql, .verify.sql, .check.sql",
     "a file's name is none of the four that a migration has, or what has one is no regular file"},
    {RULE_VERSION_GAP, "no gap", FINDING_ERROR, false, check_loaded,
     "versions start at 1 and have no gap: renumber, or restore the missing file",
     "a number between two versions is missing"},
    {RULE_VERSION_DUPLICATE, "no duplicate", FINDING_ERROR, false, check_loaded,
     "give one of the two files the next free number",
     "two files are the same script of the same version"},
    {RULE_UP_EXISTS, "complete", FINDING_ERROR, false, check_loaded,
     "add the script that applies it, or delete the others",
     "an undo, verify or check script stands alone"},
    {RULE_DESCRIPTION, "one description", FINDING_ERROR, false, check_loaded,
     "give all files of a version the same description",
     "the files of one version have different descriptions"},
    {RULE_SIZE, "size", FINDING_ERROR, false, check_loaded,
     "split the script; load rows by other means",
     "a script has more than 16 MiB"},
    {RULE_ENCODING, "encoding", FINDING_ERROR, false, check_loaded,
     "save the file as UTF-8 without a byte-order mark",
     "a script begins with a byte-order mark, or holds a NUL or what is no UTF-8"},
    {RULE_DIRECTIVE, "directives", FINDING_ERROR, false, check_loaded,
     "docs/writing-migrations.md lists the directives",
     "a directive is unknown, doubled, misspelt or has a wrong value"},
    {RULE_PARSES, "parses", FINDING_ERROR, false, check_parses,
     "correct the statement, or split it: PostgreSQL's own parser refuses it",
     "a statement is no SQL of PostgreSQL 15, whose grammar judges"},
    {RULE_PSQL_COMMAND, "no psql commands", FINDING_ERROR, false, check_loaded,
     "write SQL: meta-commands and :variables are psql's, and no psql runs here",
     "a script holds a meta-command or a variable of psql"},
    {RULE_COPY_STDIN, "no COPY from the client", FINDING_ERROR, false, check_loaded,
     "write INSERT … VALUES instead",
     "a COPY from stdin or to stdout has nobody at its other end"},
    {RULE_UNDO_EXISTS, "undo", FINDING_ERROR, false, check_loaded,
     "write the .undo.sql, or say '-- drover: irreversible=\"reason\"', never both",
     "a migration has neither an undo script nor a reason why there is none"},
    {RULE_NON_TRANSACTIONAL, "outside a transaction", FINDING_ERROR, false, check_loaded,
     "move the statement into a migration of its own that says '-- drover: transaction=none'",
     "a statement that cannot run in a transaction block stands in a transactional file, or one "
     "that needs a block in a file without"},
    {RULE_OWN_TRANSACTION, "no transaction control", FINDING_ERROR, false, check_loaded,
     "delete it: Drover opens and commits the transaction, with the ledger row in it",
     "a script holds BEGIN, COMMIT, ROLLBACK, SAVEPOINT or their kin, or DISCARD ALL, which takes "
     "the session and with it the tenant's lock from Drover"},
    {RULE_QUERIES, "queries only", FINDING_ERROR, false, check_loaded,
     "write queries that answer rows of one boolean, or of a name and a boolean",
     "a verify or check script holds no query, or something else"},
    {"allow", "known exceptions", FINDING_ERROR, false, check_allow,
     "docs/RULES.md lists the rules, and which of them may be allowed",
     "an allow directive names a rule that there is not, or that cannot be allowed"},
    {"late-directive", "directives at the head", FINDING_ERROR, true, check_late_directive,
     "move the directive above the first statement",
     "a line that reads like a directive stands after the first statement, where it means nothing"},
    {"index-name", "named indexes", FINDING_ERROR, true, check_index_name,
     "name the index: an unnamed one that failed cannot be found again",
     "CREATE INDEX CONCURRENTLY leaves the name to the server"},
    {"empty", "not empty", FINDING_WARNING, true, check_empty,
     "write the statement, or delete the file",
     "a script that applies or undoes a migration holds no statement"},
    {"verify-exists", "verify", FINDING_WARNING, true, check_verify_exists,
     "write a .verify.sql: it is run in the migration's own transaction",
     "a migration has no verify script"},
};
// clang-format on

size_t lint_rule_count(void) {
    return sizeof rules / sizeof rules[0];
}

const lint_rule_t *lint_rule(size_t index) {
    INVARIANT(index < lint_rule_count());
    return &rules[index];
}
