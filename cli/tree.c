/*
 * tree.c: every command of drover, as data; see command.h. What a command is called, takes and
 * shows stands here and nowhere else.
 */
#include "cli/handlers.h"

/* clang-format off */
static const char *const METHODS[] = {"undo", "restore", NULL};
static const char *const KINDS[] = {"release", "operator", "coordinator", "agent", "curve", "backup", "recovery", "root", NULL};
static const char *const ROLES[] = {"viewer", "operator", "approver", "admin", "rollback", "release", NULL};

#define WAIT {.name = "wait", .letter = 'w', .kind = FLAG_SWITCH, .help = "stay until it is over; the exit code tells how"}
#define TIMEOUT {.name = "timeout", .kind = FLAG_DURATION, .value = "TIME", .help = "with --wait: give up watching after this, exit code 5"}
#define SELECT {.name = "select", .letter = 'l', .kind = FLAG_TEXT, .value = "SELECTOR", .help = "only tenants that the selector matches"}
#define LIMIT {.name = "limit", .kind = FLAG_NUMBER, .value = "N", .default_text = "1000", .help = "at most so many rows; 0 is all"}
#define ROLLOUT_ARGUMENT {.name = "ROLLOUT", .help = "id of the rollout, a prefix of it, or its name"}
#define REASON {.name = "reason", .letter = 'm', .kind = FLAG_TEXT, .value = "TEXT", .help = "why, for the audit log"}
#define NAME {.name = "name", .kind = FLAG_TEXT, .value = "NAME", .help = "what to call it; default what it does"}
#define APPLICATION {.name = "application", .letter = 'a', .kind = FLAG_TEXT, .value = "NAME", .help = "only of this application"}
#define LOOK {.name = "look", .kind = FLAG_SWITCH, .help = "visit tenants that inventory has at the target, too"}
#define NO_SQL {.name = "no-sql", .kind = FLAG_SWITCH, .help = "leave out the scripts"}
#define OF_TENANT {.name = "tenant", .letter = 't', .kind = FLAG_TEXT, .value = "TENANT", .help = "whose backup, where the prefix alone is not clear"}
#define REVOCATION "--reason is required where --revocation names no file that is there. Where several administrators\nmust sign, the first one gives --revocation FILE and hands FILE on: each of the others signs it with the\nsame command, the last one's carries it out. Ends with exit code 4 until then."
#define SIGNER {.name = "signer", .kind = FLAG_TEXT, .value = "COMMAND", .help = "have this sign, without a shell: a digest in hexadecimal on stdin, the signature on stdout"}
#define WAITS "With --wait the exit code tells the end: 0 succeeded, 3 failed, incomplete or stopped, 4 paused,\n" \
    "5 timed out. A line is printed for each change, a live table where stdout is a terminal. Ctrl-C ends\n" \
    "the watch with exit code 1; the rollout goes on."

static const command_argument_t NEW_ARGUMENTS[] = {{.name = "WORDS", .help = "what the migration does, in a few words"}};
static const command_flag_t NEW_FLAGS[] = {
    {.name = "dir", .letter = 'd', .kind = FLAG_TEXT, .value = "DIR", .default_text = "migrations", .help = "folder of the migrations"}};
static const command_example_t NEW_EXAMPLES[] = {{"drover new \"add email\"", "Make the next three files, such as V042__add_email.sql with .undo.sql and .verify.sql"}};

static const command_argument_t LINT_ARGUMENTS[] = {{.name = "DIR", .help = "folder of the migrations; default migrations", .optional = true}};
static const command_flag_t LINT_FLAGS[] = {
    {.name = "newest-major", .kind = FLAG_NUMBER, .value = "N", .help = "newest PostgreSQL that the scripts are for"}};

static const command_argument_t BUILD_ARGUMENTS[] = {{.name = "DIR", .help = "folder of the migrations"}};
static const command_flag_t BUILD_FLAGS[] = {
    {.name = "application", .letter = 'a', .kind = FLAG_TEXT, .value = "NAME", .required = true, .help = "application that the migrations belong to"},
    {.name = "out", .kind = FLAG_TEXT, .value = "FILE", .required = true, .help = "file to write"},
    {.name = "major", .kind = FLAG_NUMBER, .value = "N", .repeats = true, .help = "PostgreSQL major that it is for; default any"},
    {.name = "previous", .kind = FLAG_TEXT, .value = "FILE", .help = "refuse if a migration of this older bundle was changed"}};
static const command_example_t BUILD_EXAMPLES[] = {{"drover bundle build migrations --application app --out app.bundle", "Freeze the folder; it is linted first"}};
static const command_argument_t BUNDLE_FILE[] = {{.name = "BUNDLE", .help = "bundle file"}};
static const command_flag_t SIGN_FLAGS[] = {
    {.name = "key", .letter = 'k', .kind = FLAG_TEXT, .value = "FILE", .required = true, .help = "release key; with --signer its public half"}, SIGNER};
static const command_flag_t BUNDLE_LIST_FLAGS[] = {APPLICATION};
static const command_t BUNDLE_COMMANDS[] = {
    {.name = "build", .summary = "freeze a folder of migrations into a bundle", COMMAND_ARGUMENTS(BUILD_ARGUMENTS), COMMAND_FLAGS(BUILD_FLAGS), COMMAND_EXAMPLES(BUILD_EXAMPLES), .run = handle_bundle_build},
    {.name = "sign", .summary = "add a release key's signature to a bundle", COMMAND_ARGUMENTS(BUNDLE_FILE), COMMAND_FLAGS(SIGN_FLAGS), .run = handle_bundle_sign},
    {.name = "show", .summary = "show what a bundle holds and who signed it", COMMAND_ARGUMENTS(BUNDLE_FILE), .run = handle_bundle_show},
    {.name = "list", .summary = "list the bundles that the coordinator has", COMMAND_FLAGS(BUNDLE_LIST_FLAGS), .run = handle_bundle_list},
    {.name = "push", .summary = "send a bundle to the coordinator", COMMAND_ARGUMENTS(BUNDLE_FILE), .run = handle_bundle_push},
};

static const command_flag_t REVOKE_FLAGS[] = {
    {.name = "reason", .letter = 'm', .kind = FLAG_TEXT, .value = "TEXT", .help = "why; agents and the audit log keep it"},
    {.name = "revocation", .kind = FLAG_TEXT, .value = "FILE", .help = "keep the signed revocation here; if it is there, add a signature to it"}};
static const command_argument_t KEY_FILE_ARGUMENT[] = {{.name = "FILE", .help = "key file; its public half is FILE.pub"}};
static const command_flag_t KEY_FLAGS[] = {
    {.name = "kind", .kind = FLAG_CHOICE, .value = "KIND", .choices = KINDS, .required = true, .help = "release, operator, coordinator, agent, curve, backup, recovery or root"},
    {.name = "name", .kind = FLAG_TEXT, .value = "NAME", .required = true, .help = "whose key it is"},
    {.name = "passphrase", .kind = FLAG_SWITCH, .help = "ask for a passphrase and lock the key with it"},
    {.name = "no-passphrase", .kind = FLAG_SWITCH, .help = "leave the key unlocked, which a root key is not by default"}};
static const command_flag_t KEY_SHOW_FLAGS[] = {
    {.name = "kind", .kind = FLAG_CHOICE, .value = "KIND", .choices = KINDS, .help = "refuse a key of another kind"}};
static const command_flag_t KEY_CHANGE_FLAGS[] = {
    {.name = "new-passphrase-fd", .kind = FLAG_NUMBER, .value = "FD", .help = "read the new passphrase from this file descriptor"},
    {.name = "new-passphrase-command", .kind = FLAG_TEXT, .value = "COMMAND", .help = "run this; the first line it writes is the new passphrase"},
    {.name = "no-passphrase", .kind = FLAG_SWITCH, .help = "leave the key unlocked"}};
static const command_argument_t KEY_WHO_ARGUMENT[] = {{.name = "WHO", .help = "a name, where it has one key, or how the key begins, 8 digits at least"}};
static const command_example_t KEY_REVOKE_EXAMPLES[] = {{"drover key revoke bob --reason \"laptop stolen\"", "Take bob's key out of the whole fleet, now"}};
static const command_example_t KEY_EXAMPLES[] = {{"drover key new release.key --kind release --name ci", "Make a key that signs bundles; hand out release.key.pub"}};
static const command_t KEY_COMMANDS[] = {
    {.name = "new", .summary = "make a key pair", COMMAND_ARGUMENTS(KEY_FILE_ARGUMENT), COMMAND_FLAGS(KEY_FLAGS), COMMAND_EXAMPLES(KEY_EXAMPLES), .run = handle_key_new},
    {.name = "show", .summary = "show a key's public half", COMMAND_ARGUMENTS(KEY_FILE_ARGUMENT), COMMAND_FLAGS(KEY_SHOW_FLAGS), .run = handle_key_show},
    {.name = "change-passphrase", .summary = "lock a key with another passphrase", COMMAND_ARGUMENTS(KEY_FILE_ARGUMENT), COMMAND_FLAGS(KEY_CHANGE_FLAGS), .run = handle_key_change_passphrase,
     .text = "The file is replaced whole. Copies of it that were made before keep the old passphrase. The old one\nis asked for, or comes from --passphrase-fd or --passphrase-command."},
    {.name = "revoke", .summary = "take a key out of the fleet at once, by the administrators alone", COMMAND_ARGUMENTS(KEY_WHO_ARGUMENT), COMMAND_FLAGS(REVOKE_FLAGS), COMMAND_EXAMPLES(KEY_REVOKE_EXAMPLES), .run = handle_key_revoke,
     .text = "An operator's, a release or a coordinator's key of the trust file. It takes effect at once, on live\nconnections too, and never ends; 'drover trust revoke' writes it into the next trust file, too. A root\nkey is taken out by a trust file only. Shows whose key it is and what it can no longer do, and asks.\n" REVOCATION},
};

static const command_argument_t TRUST_SPEC_ARGUMENT[] = {{.name = "SPEC", .help = "trust spec, a YAML file; none with --solo", .optional = true}};
static const command_argument_t TRUST_FILE[] = {{.name = "FILE", .help = "trust file, signed or not"}};
static const command_argument_t TRUST_SHOW_ARGUMENT[] = {{.name = "FILE", .help = "trust file, signed or not; default the one that the coordinator goes by", .optional = true}};
static const command_argument_t TRUST_PUBLISH_ARGUMENT[] = {{.name = "FILE", .help = "complete trust files, by ascending version", .repeats = true}};
static const command_argument_t TRUST_KEY_ARGUMENTS[] = {{.name = "FILE", .help = "trust file, signed or not"}, {.name = "KEY", .help = "public key file; its kind and name are taken from it"}};
static const command_argument_t TRUST_WHO_ARGUMENTS[] = {{.name = "FILE", .help = "trust file, signed or not"}, {.name = "WHO", .help = "a name, for all its keys, or how one key begins, 8 digits at least"}};
static const command_argument_t TRUST_ROLE_ARGUMENTS[] = {{.name = "FILE", .help = "trust file, signed or not"}, {.name = "ROLE", .help = "viewer, operator, approver, admin, rollback or release"}};
static const command_argument_t TRUST_NEXT_ARGUMENTS[] = {{.name = "NEW", .help = "trust files that follow the pin, in turn", .optional = true, .repeats = true}};
#define NEXT_OUT {.name = "out", .kind = FLAG_TEXT, .value = "FILE", .help = "file of the next version; a draft is amended in place without it"}
#define EXPIRES {.name = "expires", .kind = FLAG_DURATION, .value = "TIME", .help = "how long the next version holds; default as long as the one before"}
#define OF_ENVIRONMENT {.name = "environment", .letter = 'e', .kind = FLAG_TEXT, .value = "NAME", .help = "only in this environment"}
#define PREVIOUS {.name = "previous", .kind = FLAG_TEXT, .value = "OLD", .help = "the trust file that this one follows"}
#define AMENDS "Writes the next version as an unsigned draft and shows what differs. FILE stays as it is where\nsomebody signed it; a draft is amended in place."
static const command_flag_t TRUST_INIT_FLAGS[] = {
    {.name = "out", .kind = FLAG_TEXT, .value = "FILE", .required = true, .help = "file to write; with --solo the folder to make"},
    {.name = "solo", .kind = FLAG_SWITCH, .help = "make the keys, too, for one person who holds every role"},
    {.name = "name", .kind = FLAG_TEXT, .value = "NAME", .help = "with --solo: who that is; default me"},
    {.name = "expires", .kind = FLAG_DURATION, .value = "TIME", .help = "with --solo: how long it holds; default 365d"},
    {.name = "no-passphrase", .kind = FLAG_SWITCH, .help = "with --solo: leave the root key unlocked"}};
static const command_flag_t TRUST_SHOW_FLAGS[] = {PREVIOUS};
static const command_flag_t TRUST_SIGN_FLAGS[] = {
    {.name = "key", .letter = 'k', .kind = FLAG_TEXT, .value = "KEY", .required = true, .help = "root key; with --signer its public half"},
    SIGNER,
    PREVIOUS};
static const command_argument_t TRUST_MERGE_ARGUMENT[] = {{.name = "FILE", .help = "copies of one trust file, two at least", .repeats = true}};
static const command_flag_t TRUST_MERGE_FLAGS[] = {
    {.name = "out", .kind = FLAG_TEXT, .value = "FILE", .required = true, .help = "file to write; may be one of the copies, or one more of them"}, PREVIOUS};
static const command_example_t TRUST_MERGE_EXAMPLES[] = {{"drover trust merge alice/v2.trust bob/v2.trust --out v2.trust", "One file with both signatures"}};
static const command_flag_t TRUST_ADD_FLAGS[] = {
    {.name = "role", .kind = FLAG_CHOICE, .value = "ROLE", .choices = ROLES, .repeats = true, .help = "what it may sign"},
    APPLICATION, OF_ENVIRONMENT, SELECT,
    {.name = "curve", .kind = FLAG_TEXT, .value = "FILE", .help = "public half of its holder's transport key"}, EXPIRES, NEXT_OUT};
static const command_flag_t TRUST_REVOKE_FLAGS[] = {
    {.name = "reason", .letter = 'm', .kind = FLAG_TEXT, .value = "TEXT", .required = true, .help = "why; it stands in the trust file"},
    {.name = "retire", .kind = FLAG_SWITCH, .help = "retire instead: what it signed before keeps its weight"},
    {.name = "agent", .kind = FLAG_SWITCH, .help = "WHO is an agent's signing key: 64 digits, or its public file"}, EXPIRES, NEXT_OUT};
static const command_flag_t TRUST_THRESHOLD_FLAGS[] = {
    {.name = "count", .kind = FLAG_NUMBER, .value = "N", .required = true, .help = "how many people must sign; 0 takes the row out"},
    APPLICATION, OF_ENVIRONMENT,
    {.name = "proposer-apart", .kind = FLAG_SWITCH, .help = "who proposed a thing does not count among them"}, EXPIRES, NEXT_OUT};
static const command_flag_t TRUST_ROTATE_FLAGS[] = {
    {.name = "add", .kind = FLAG_TEXT, .value = "FILE", .repeats = true, .help = "public half of a new root key"},
    {.name = "retire", .kind = FLAG_TEXT, .value = "WHO", .repeats = true, .help = "root key that is replaced: a name, or how the key begins"},
    {.name = "revoke", .kind = FLAG_TEXT, .value = "WHO", .repeats = true, .help = "root key that was lost or stolen"},
    {.name = "threshold", .kind = FLAG_NUMBER, .value = "N", .help = "how many root holders sign from then on"}, REASON, EXPIRES, NEXT_OUT};
static const command_flag_t TRUST_RENEW_FLAGS[] = {EXPIRES, NEXT_OUT};
static const command_flag_t TRUST_VERIFY_FLAGS[] = {
    {.name = "pin", .kind = FLAG_TEXT, .value = "OLD", .required = true, .help = "trust file that is trusted already"}};
static const command_example_t TRUST_INIT_EXAMPLES[] = {
    {"drover trust init trust.yaml --out v1.trust", "Write version 1 of a team's trust file, for the root holders to sign"},
    {"drover trust init --solo --name alice --out trust", "Keys and a signed trust file for one person, in the folder trust"}};
static const command_example_t TRUST_SIGN_EXAMPLES[] = {
    {"drover trust sign v1.trust --key alice.root", "Show version 1 in full, ask, and sign it"},
    {"drover trust sign v2.trust --previous v1.trust --key alice.root.pub --signer \"hsm-sign --slot 3\"", "Have a hardware module sign version 2"}};
static const command_example_t TRUST_ADD_EXAMPLES[] = {{"drover trust add v1.trust bob.operator.pub --role operator --environment test --out v2.trust", "Let bob order rollouts in test"}};
static const command_example_t TRUST_REVOKE_EXAMPLES[] = {{"drover trust revoke v1.trust bob --reason \"laptop stolen\" --out v2.trust", "Take all of bob's keys out"}};
static const command_example_t TRUST_ROTATE_EXAMPLES[] = {{"drover trust rotate v1.trust --revoke carol --add carol2.root.pub --reason \"key lost\" --out v2.trust", "Replace a root key that was lost"}};
static const command_example_t TRUST_VERIFY_EXAMPLES[] = {{"drover trust verify --pin v1.trust v2.trust v3.trust", "Follow the chain from the pin to version 3"}};
static const command_example_t TRUST_PUBLISH_EXAMPLES[] = {{"drover trust publish v2.trust v3.trust", "Bring a fleet that goes by version 1 to version 3"}};
static const command_t TRUST_COMMANDS[] = {
    {.name = "init", .summary = "write the first trust file of a fleet", COMMAND_ARGUMENTS(TRUST_SPEC_ARGUMENT), COMMAND_FLAGS(TRUST_INIT_FLAGS), COMMAND_EXAMPLES(TRUST_INIT_EXAMPLES), .run = handle_trust_init,
     .text = "From a SPEC the file is an unsigned draft. With --solo it is signed by the new root key."},
    {.name = "show", .summary = "show who may sign what, until when, and who signed the file", COMMAND_ARGUMENTS(TRUST_SHOW_ARGUMENT), COMMAND_FLAGS(TRUST_SHOW_FLAGS), .run = handle_trust_show},
    {.name = "sign", .summary = "add a root key's signature to a trust file", COMMAND_ARGUMENTS(TRUST_FILE), COMMAND_FLAGS(TRUST_SIGN_FLAGS), COMMAND_EXAMPLES(TRUST_SIGN_EXAMPLES), .run = handle_trust_sign,
     .text = "Shows exactly what is being signed, and asks. From version 2 on --previous is needed: what changes is\nshown, and both files' root holders sign."},
    {.name = "merge", .summary = "join the signatures of copies of one trust file", COMMAND_ARGUMENTS(TRUST_MERGE_ARGUMENT), COMMAND_FLAGS(TRUST_MERGE_FLAGS), COMMAND_EXAMPLES(TRUST_MERGE_EXAMPLES), .run = handle_trust_merge,
     .text = "For root holders who signed at the same time, each a copy of their own. Files that say different\nthings are refused, and their digests shown. It signs nothing and takes nothing away."},
    {.name = "add", .summary = "add a key, or give one more roles", COMMAND_ARGUMENTS(TRUST_KEY_ARGUMENTS), COMMAND_FLAGS(TRUST_ADD_FLAGS), COMMAND_EXAMPLES(TRUST_ADD_EXAMPLES), .run = handle_trust_add, .text = AMENDS},
    {.name = "revoke", .summary = "take keys out", COMMAND_ARGUMENTS(TRUST_WHO_ARGUMENTS), COMMAND_FLAGS(TRUST_REVOKE_FLAGS), COMMAND_EXAMPLES(TRUST_REVOKE_EXAMPLES), .run = handle_trust_revoke, .text = AMENDS},
    {.name = "threshold", .summary = "set how many people must sign what", COMMAND_ARGUMENTS(TRUST_ROLE_ARGUMENTS), COMMAND_FLAGS(TRUST_THRESHOLD_FLAGS), .run = handle_trust_threshold, .text = AMENDS},
    {.name = "rotate", .summary = "replace root keys, or change their threshold", COMMAND_ARGUMENTS(TRUST_FILE), COMMAND_FLAGS(TRUST_ROTATE_FLAGS), COMMAND_EXAMPLES(TRUST_ROTATE_EXAMPLES), .run = handle_trust_rotate, .text = AMENDS},
    {.name = "renew", .summary = "write the next version with a later end", COMMAND_ARGUMENTS(TRUST_FILE), COMMAND_FLAGS(TRUST_RENEW_FLAGS), .run = handle_trust_renew, .text = AMENDS},
    {.name = "verify", .summary = "follow a chain of trust files from a pin", COMMAND_ARGUMENTS(TRUST_NEXT_ARGUMENTS), COMMAND_FLAGS(TRUST_VERIFY_FLAGS), COMMAND_EXAMPLES(TRUST_VERIFY_EXAMPLES), .run = handle_trust_verify,
     .text = "Checks each file as an agent would: fleet, version, dates, and the root signatures of both files.\nFails where the newest has expired."},
    {.name = "publish", .summary = "hand trust files to the coordinator, and so to the agents", COMMAND_ARGUMENTS(TRUST_PUBLISH_ARGUMENT), COMMAND_EXAMPLES(TRUST_PUBLISH_EXAMPLES), .run = handle_trust_publish,
     .text = "Each must follow the one that the coordinator goes by, and be signed by the root thresholds of both.\nIt takes effect at once: connections of keys that it takes out end."},
};

static const command_argument_t SPEC_ARGUMENT[] = {{.name = "SPEC", .help = "rollout spec, a YAML file"}};
static const command_argument_t PLAN_ARGUMENT[] = {{.name = "SPEC", .help = "rollout spec, or a plan that 'rollout plan --out' saved"}};
static const command_argument_t ONE_ROLLOUT[] = {ROLLOUT_ARGUMENT};
static const command_argument_t MAYBE_ROLLOUT[] = {{.name = "ROLLOUT", .help = "id of the rollout, a prefix of it, or its name; default the newest", .optional = true}};
static const command_flag_t PLAN_FLAGS[] = {
    {.name = "out", .kind = FLAG_TEXT, .value = "FILE", .help = "save the plan here; 'rollout start' takes it in place of the spec"}, NO_SQL,
    {.name = "bundle", .kind = FLAG_TEXT, .value = "BUNDLE", .help = "this bundle in place of the spec's"}, LOOK};
static const command_flag_t START_FLAGS[] = {
    {.name = "bundle", .kind = FLAG_TEXT, .value = "BUNDLE", .help = "this bundle in place of the spec's"}, LOOK, NAME, REASON, WAIT, TIMEOUT};
static const command_flag_t WATCH_FLAGS[] = {
    {.name = "timeout", .kind = FLAG_DURATION, .value = "TIME", .help = "give up watching after this, exit code 5"}};
static const command_flag_t LIST_FLAGS[] = {
    {.name = "all", .letter = 'a', .kind = FLAG_SWITCH, .help = "closed ones too"}, LIMIT};
static const command_flag_t FAILURES_FLAGS[] = {LIMIT};
static const command_flag_t REASON_FLAGS[] = {REASON};
static const command_flag_t RESUME_FLAGS[] = {REASON, WAIT, TIMEOUT};
static const command_flag_t RETRY_FLAGS[] = {
    {.name = "tenant", .letter = 't', .kind = FLAG_TEXT, .value = "TENANT", .repeats = true, .help = "only this tenant; default all that failed"}, REASON, WAIT, TIMEOUT};
static const command_flag_t REPORT_FLAGS[] = {
    {.name = "out", .kind = FLAG_TEXT, .value = "FILE", .help = "write it here rather than to stdout"}};
static const command_example_t PLAN_EXAMPLES[] = {{"drover rollout plan rollout.yaml --out rollout.plan", "Show the plan, and keep it for those who approve"}};
static const command_example_t START_EXAMPLES[] = {
    {"drover rollout start rollout.yaml --wait", "Plan, confirm, start, and watch to the end"},
    {"drover rollout start rollout.yaml --look --wait", "The same, and see that those at the target really are"},
    {"drover rollout start rollout.plan --wait --timeout 1h --yes", "Start exactly what was approved, from CI"}};
static const command_example_t RETRY_EXAMPLES[] = {{"drover rollout retry 1f3a --tenant acme --wait", "Try one tenant again once its data is mended"}};
static const command_flag_t APPROVE_FLAGS[] = {
    {.name = "wave", .kind = FLAG_TEXT, .value = "WAVE", .help = "open this wave, by its name or number, rather than sign the order"}};
static const command_example_t APPROVE_EXAMPLES[] = {
    {"drover rollout approve 1f3a", "Show the order that waits for signatures, ask, and add one"},
    {"drover rollout approve 1f3a --wave rest", "Open a wave that waits for an approval"}};
static const command_t ROLLOUT_COMMANDS[] = {
    {.name = "plan", .summary = "show what a spec would do to whom", COMMAND_ARGUMENTS(SPEC_ARGUMENT), COMMAND_FLAGS(PLAN_FLAGS), COMMAND_EXAMPLES(PLAN_EXAMPLES), .run = handle_rollout_plan,
     .text = "Shows each wave, each tenant from which version to which, the scripts, and what would be refused.\nNothing is changed. Tenants are passed over by inventory, whose age is shown: they are not\nlooked at unless --look or the spec's look says so."},
    {.name = "start", .summary = "sign and start a rollout", COMMAND_ARGUMENTS(PLAN_ARGUMENT), COMMAND_FLAGS(START_FLAGS), COMMAND_EXAMPLES(START_EXAMPLES), .run = handle_rollout_start,
     .text = "Shows the plan's summary and asks first, then signs the order with the operator's key. The plan that\nwas shown is the one that is started. Where the trust file wants more people to sign, the rollout is\nkept, the command ends with exit code 4, and 'rollout approve' adds their signatures.\nWith --look, tenants that inventory has at the target are visited too: their identity, ledger and\nschema are compared; one that stands elsewhere is brought to the target, one that drifted is refused.\n" WAITS},
    {.name = "approve", .summary = "add a signature to a rollout's order, or open one of its waves", COMMAND_ARGUMENTS(ONE_ROLLOUT), COMMAND_FLAGS(APPROVE_FLAGS), COMMAND_EXAMPLES(APPROVE_EXAMPLES), .run = handle_rollout_approve,
     .text = "Shows exactly what is being signed, and asks; with -o json all tenants stand there. Ends with exit\ncode 4 while more signatures are wanted."},
    {.name = "watch", .summary = "follow a rollout until it ends or is paused", COMMAND_ARGUMENTS(MAYBE_ROLLOUT), COMMAND_FLAGS(WATCH_FLAGS), .run = handle_rollout_watch,
     .text = "Exit codes are those of 'rollout start --wait'. Ctrl-C ends the watch with exit code 1; the rollout\ngoes on."},
    {.name = "status", .summary = "show where a rollout stands", COMMAND_ARGUMENTS(MAYBE_ROLLOUT), .run = handle_rollout_status},
    {.name = "list", .summary = "list rollouts", COMMAND_FLAGS(LIST_FLAGS), .run = handle_rollout_list},
    {.name = "failures", .summary = "show what failed, where and why", COMMAND_ARGUMENTS(MAYBE_ROLLOUT), COMMAND_FLAGS(FAILURES_FLAGS), .run = handle_rollout_failures},
    {.name = "pause", .summary = "start nothing more until it is resumed", COMMAND_ARGUMENTS(ONE_ROLLOUT), COMMAND_FLAGS(REASON_FLAGS), .run = handle_rollout_pause},
    {.name = "resume", .summary = "go on with a paused rollout, accepting what failed so far", COMMAND_ARGUMENTS(ONE_ROLLOUT), COMMAND_FLAGS(RESUME_FLAGS), .run = handle_rollout_resume,
     .text = "Past a spent error budget the next wave opens by an approval only: it is signed along, where the\noperator's key may approve waves."},
    {.name = "stop", .summary = "finish the steps in hand and start nothing more", COMMAND_ARGUMENTS(ONE_ROLLOUT), COMMAND_FLAGS(REASON_FLAGS), .run = handle_rollout_stop,
     .text = "The stop is signed: agents obey it whatever the coordinator does. Where no order can be had it goes\nout all the same, by the coordinator alone."},
    {.name = "retry", .summary = "try failed tenants again", COMMAND_ARGUMENTS(ONE_ROLLOUT), COMMAND_FLAGS(RETRY_FLAGS), COMMAND_EXAMPLES(RETRY_EXAMPLES), .run = handle_rollout_retry},
    {.name = "report", .summary = "print a rollout's full record", COMMAND_ARGUMENTS(MAYBE_ROLLOUT), COMMAND_FLAGS(REPORT_FLAGS), .run = handle_rollout_report,
     .text = "Markdown, with times in UTC, for the ticket of the change; with -o json everything as JSON."},
};

static const command_argument_t ROLLBACK_ARGUMENT[] = {{.name = "ROLLOUT", .help = "id of the rollout, a prefix of it, or its name; else --select and --to", .optional = true}};
static const command_flag_t ROLLBACK_FLAGS[] = {
    SELECT,
    {.name = "to", .kind = FLAG_TEXT, .value = "VERSION", .help = "with --select: version to go back to, or empty"},
    {.name = "method", .kind = FLAG_CHOICE, .value = "METHOD", .choices = METHODS, .default_text = "undo", .help = "undo runs the undo scripts, restore brings the backup back"},
    {.name = "accept-data-loss", .kind = FLAG_SWITCH, .help = "with restore: agree to lose rows written since the backup"},
    {.name = "application", .letter = 'a', .kind = FLAG_TEXT, .value = "NAME", .help = "with --select: application to take back"},
    {.name = "bundle", .kind = FLAG_TEXT, .value = "BUNDLE", .help = "with --select: bundle that has the undo scripts"},
    NO_SQL, NAME, REASON, WAIT, TIMEOUT};
static const command_example_t ROLLBACK_EXAMPLES[] = {
    {"drover rollback 1f3a --wait", "Bring every tenant that the rollout touched back"},
    {"drover rollback --select tier=gold --to V041", "Bring chosen tenants back to a version"}};

static const command_flag_t BASELINE_FLAGS[] = {
    {.name = "select", .letter = 'l', .kind = FLAG_TEXT, .value = "SELECTOR", .required = true, .help = "tenants to take on"},
    {.name = "at", .kind = FLAG_TEXT, .value = "VERSION", .required = true, .help = "version that they are at, or empty"},
    {.name = "bundle", .kind = FLAG_TEXT, .value = "BUNDLE", .help = "bundle that the version belongs to; default the newest of the application"},
    {.name = "application", .letter = 'a', .kind = FLAG_TEXT, .value = "NAME", .help = "application that they are of; default the only one that bundles were pushed of"},
    NAME, REASON, WAIT, TIMEOUT};
static const command_flag_t TENANTS_FLAGS[] = {SELECT, APPLICATION,
    {.name = "gone", .kind = FLAG_SWITCH, .help = "those that are no more, too"}, LIMIT};
static const command_argument_t TENANT_ARGUMENT[] = {{.name = "TENANT", .help = "name or id of the tenant"}};
static const command_argument_t MAYBE_TENANT[] = {{.name = "TENANT", .help = "name or id of the tenant; default all", .optional = true}};
static const command_t TENANT_COMMANDS[] = {
    {.name = "show", .summary = "show one tenant: place, version, ledger, backups", COMMAND_ARGUMENTS(TENANT_ARGUMENT), .run = handle_tenant_show},
};
static const command_flag_t HISTORY_FLAGS[] = {LIMIT};

static const command_argument_t BACKUP_ARGUMENT[] = {{.name = "BACKUP", .help = "reference of the backup, or a prefix of it"}};
static const command_flag_t BACKUP_CREATE_FLAGS[] = {
    {.name = "select", .letter = 'l', .kind = FLAG_TEXT, .value = "SELECTOR", .help = "tenants to back up"},
    {.name = "tenant", .letter = 't', .kind = FLAG_TEXT, .value = "TENANT", .help = "the one tenant to back up"},
    APPLICATION, REASON, WAIT, TIMEOUT};
static const command_flag_t BACKUP_LIST_FLAGS[] = {SELECT,
    {.name = "rollout", .kind = FLAG_TEXT, .value = "ROLLOUT", .help = "only those that this rollout took"},
    {.name = "pruned", .kind = FLAG_SWITCH, .help = "those that are removed, too"}, LIMIT};
static const command_flag_t BACKUP_SHOW_FLAGS[] = {OF_TENANT};
static const command_flag_t BACKUP_CHECK_FLAGS[] = {OF_TENANT, REASON, WAIT, TIMEOUT};
static const command_flag_t BACKUP_RESTORE_FLAGS[] = {
    {.name = "accept-data-loss", .kind = FLAG_SWITCH, .help = "agree to lose rows written since the backup"}, OF_TENANT, REASON, WAIT, TIMEOUT};
static const command_flag_t BACKUP_PRUNE_FLAGS[] = {
    SELECT, APPLICATION,
    {.name = "keep", .kind = FLAG_DURATION, .value = "TIME", .help = "keep what is younger; default each agent's own retention"},
    {.name = "keep-count", .kind = FLAG_NUMBER, .value = "N", .help = "keep so many of each tenant; default each agent's own retention"},
    {.name = "dry-run", .kind = FLAG_SWITCH, .help = "show what --keep and --keep-count would remove, and remove nothing"}, REASON, WAIT, TIMEOUT};
static const command_example_t BACKUP_CREATE_EXAMPLES[] = {{"drover backup create --tenant acme --wait", "Back one tenant up now"}};
static const command_example_t BACKUP_PRUNE_EXAMPLES[] = {{"drover backup prune --keep 14d --keep-count 3 --dry-run", "Show what is older than two weeks and not among the last three"}};
static const command_t BACKUP_COMMANDS[] = {
    {.name = "create", .summary = "back tenants up now", COMMAND_FLAGS(BACKUP_CREATE_FLAGS), COMMAND_EXAMPLES(BACKUP_CREATE_EXAMPLES), .run = handle_backup_create},
    {.name = "list", .summary = "list backups", COMMAND_ARGUMENTS(MAYBE_TENANT), COMMAND_FLAGS(BACKUP_LIST_FLAGS), .run = handle_backup_list},
    {.name = "show", .summary = "show one backup", COMMAND_ARGUMENTS(BACKUP_ARGUMENT), COMMAND_FLAGS(BACKUP_SHOW_FLAGS), .run = handle_backup_show},
    {.name = "check", .summary = "read a backup whole and compare its digests", COMMAND_ARGUMENTS(BACKUP_ARGUMENT), COMMAND_FLAGS(BACKUP_CHECK_FLAGS), .run = handle_backup_check},
    {.name = "restore", .summary = "bring a tenant back from a backup", COMMAND_ARGUMENTS(BACKUP_ARGUMENT), COMMAND_FLAGS(BACKUP_RESTORE_FLAGS), .run = handle_backup_restore,
     .text = "Builds a database beside the tenant, checks it, and swaps the names; the old one is kept. Asks first."},
    {.name = "prune", .summary = "remove backups that retention no longer keeps", COMMAND_FLAGS(BACKUP_PRUNE_FLAGS), COMMAND_EXAMPLES(BACKUP_PRUNE_EXAMPLES), .run = handle_backup_prune,
     .text = "Shows what would go and asks first. What an open rollout may need is kept in every case."},
};

static const command_flag_t AUDIT_FLAGS[] = {
    {.name = "tenant", .letter = 't', .kind = FLAG_TEXT, .value = "TENANT", .help = "only this tenant"},
    {.name = "actor", .kind = FLAG_TEXT, .value = "NAME", .help = "only what this key's owner did"},
    {.name = "action", .kind = FLAG_TEXT, .value = "VERB", .help = "only this, as in rollout.start"},
    {.name = "rollout", .kind = FLAG_TEXT, .value = "ROLLOUT", .help = "only this rollout"},
    {.name = "since", .kind = FLAG_TEXT, .value = "TIME", .help = "from this time on: 2026-03-01, 2026-03-01T03:00Z, yesterday, or 2h for two hours ago"},
    {.name = "until", .kind = FLAG_TEXT, .value = "TIME", .help = "before this time"},
    {.name = "zone", .kind = FLAG_TEXT, .value = "ZONE", .default_text = "local", .help = "zone of the times, given and shown: local, UTC, or a name as in Europe/Lisbon"}, LIMIT};
static const command_example_t AUDIT_EXAMPLES[] = {{"drover audit log --tenant acme --since 2h --zone UTC", "What was done to a tenant in the last two hours"}};
static const command_flag_t AUDIT_EXPORT_FLAGS[] = {
    {.name = "since", .kind = FLAG_TEXT, .value = "TIME", .help = "leave out what began before, but no trust file, card or order; as for 'audit log'"},
    {.name = "out", .kind = FLAG_TEXT, .value = "FILE", .help = "write it here rather than to stdout"}};
static const command_argument_t AUDIT_FILE_ARGUMENT[] = {{.name = "FILE", .help = "an export; - is stdin"}};
static const command_flag_t AUDIT_VERIFY_FLAGS[] = {
    {.name = "root", .kind = FLAG_TEXT, .value = "TRUSTFILE", .required = true, .help = "the trust file that was pinned first: all that is taken on trust"},
    {.name = "since-head", .kind = FLAG_TEXT, .value = "FILE", .help = "a head or an export from before; its last head must be in the log still"},
    {.name = "order", .kind = FLAG_TEXT, .value = "FILE", .repeats = true, .help = "a signed take-back that the export lacks; may be given again"}};
static const command_example_t AUDIT_EXPORT_EXAMPLES[] = {{"drover audit export --out fleet.audit", "Everything that proves what was done, by whose order"}};
static const command_example_t AUDIT_VERIFY_EXAMPLES[] = {
    {"drover audit verify fleet.audit --root v1.trust", "Check it on a host that has neither key nor network"},
    {"drover audit verify fleet.audit --root v1.trust --since-head monday.head", "And that nothing was cut off since monday"}};
static const command_t AUDIT_COMMANDS[] = {
    {.name = "log", .summary = "show who did what, when, from where, with what result", COMMAND_FLAGS(AUDIT_FLAGS), COMMAND_EXAMPLES(AUDIT_EXAMPLES), .run = handle_audit_log},
    {.name = "export", .summary = "write out what proves what was done", COMMAND_FLAGS(AUDIT_EXPORT_FLAGS), COMMAND_EXAMPLES(AUDIT_EXPORT_EXAMPLES), .run = handle_audit_export,
     .text = "JSON lines: trust files, cards, orders, jobs, reports, results, recovery points and the audit log,\nas they were signed. docs/audit.md says what each holds."},
    {.name = "head", .summary = "print the audit log's signed head", .run = handle_audit_head,
     .text = "One line of JSON. Kept where the coordinator cannot reach it, it shows later whether the log's end\nwas cut off: see 'drover audit verify --since-head'."},
    {.name = "verify", .summary = "check an export, offline", COMMAND_ARGUMENTS(AUDIT_FILE_ARGUMENT), COMMAND_FLAGS(AUDIT_VERIFY_FLAGS), COMMAND_EXAMPLES(AUDIT_VERIFY_EXAMPLES), .run = handle_audit_verify,
     .text = "Names the first link that does not hold, by its line, and fails. Asks no coordinator."},
};

static const command_flag_t FLEET_FLAGS[] = {
    {.name = "application", .kind = FLAG_TEXT, .value = "NAME", .help = "of this application alone; default all"},
    {.name = "order", .kind = FLAG_TEXT, .value = "FILE", .help = "keep the signed order here; if it is there, add a signature to it"}};
#define SEVERAL "Where several people must sign, the first one gives --order FILE and hands FILE on: each of the\nothers signs it with the same command, the last one's carries it out."
static const command_t FLEET_COMMANDS[] = {
    {.name = "hold", .summary = "start nothing forward anywhere, by a signed order", COMMAND_FLAGS(FLEET_FLAGS), .run = handle_fleet_hold,
     .text = "What is in hand finishes, and what takes back may still run. Asks first. Only a release of the same\nscope or of all ends it.\n" SEVERAL},
    {.name = "release", .summary = "end a hold", COMMAND_FLAGS(FLEET_FLAGS), .run = handle_fleet_release, .text = "Asks first.\n" SEVERAL},
};

static const command_argument_t STANDING_SPEC[] = {{.name = "SPEC", .help = "a rollout's spec with one wave, of the rest"}};
static const command_argument_t STANDING_ARGUMENT[] = {{.name = "NAME", .help = "of the standing order, or 8 digits of its order's digest"}};
static const command_flag_t STANDING_FLAGS[] = {
    {.name = "until", .kind = FLAG_TEXT, .value = "TIME", .help = "when it ends: a date, or a date with a time; within 92 days"},
    {.name = "for", .kind = FLAG_DURATION, .value = "TIME", .help = "instead: how long it holds"},
    {.name = "bundle", .letter = 'b', .kind = FLAG_TEXT, .value = "BUNDLE", .help = "instead of the spec's"},
    NAME, REASON};
static const command_flag_t STANDING_LIST_FLAGS[] = {
    {.name = "all", .kind = FLAG_SWITCH, .help = "those that were ended, too"}};
static const command_example_t STANDING_EXAMPLES[] = {{"drover standing start new-shops.yaml --for 30d", "Move on every tenant that matches, those to come included"}};
static const command_t STANDING_COMMANDS[] = {
    {.name = "start", .summary = "sign for whoever matches, tenants to come included", COMMAND_ARGUMENTS(STANDING_SPEC), COMMAND_FLAGS(STANDING_FLAGS), COMMAND_EXAMPLES(STANDING_EXAMPLES), .run = handle_standing_start,
     .text = "Shows what is to be signed, and asks. Until its end the coordinator moves on whoever matches the\nspec's selector and stands below its target, in ordinary rollouts. Ends with exit code 4 while others\nmust sign, too."},
    {.name = "approve", .summary = "add another person's signature", COMMAND_ARGUMENTS(STANDING_ARGUMENT), .run = handle_standing_approve, .text = "Shows what is signed, and asks."},
    {.name = "list", .summary = "show standing orders, and what keeps them", COMMAND_FLAGS(STANDING_LIST_FLAGS), .run = handle_standing_list},
    {.name = "resume", .summary = "go on after a sweep that ended badly", COMMAND_ARGUMENTS(STANDING_ARGUMENT), COMMAND_FLAGS(REASON_FLAGS), .run = handle_standing_resume,
     .text = "A sweep that is paused is resumed itself: 'drover rollout resume'."},
    {.name = "end", .summary = "end a standing order for good, by a signed stop", COMMAND_ARGUMENTS(STANDING_ARGUMENT), COMMAND_FLAGS(REASON_FLAGS), .run = handle_standing_end,
     .text = "Asks first. Agents that hear of it start nothing more under the order, its undo included: what it did\nis taken back by 'drover rollback'."},
};

static const command_argument_t ORDER_ARGUMENT[] = {{.name = "DIGEST", .help = "of the rollout's order, as 'drover-agent orders' on a host lists it"}};
#define OFFLINE_FLAGS \
    OF_ENVIRONMENT, \
    {.name = "trust", .kind = FLAG_TEXT, .value = "FILE", .help = "trust file that the agents go by; default the one of drover.yaml"}, \
    {.name = "key", .letter = 'k', .kind = FLAG_TEXT, .value = "FILE", .help = "operator key, with --signer its public half; default the one of drover.yaml"}, \
    SIGNER, \
    {.name = "expires", .kind = FLAG_DURATION, .value = "TIME", .default_text = "1d", .help = "how long agents take it"}, \
    {.name = "out", .kind = FLAG_TEXT, .value = "FILE", .required = true, .help = "file to write; if it is there, add a signature to it"}
static const command_flag_t ORDER_FLAGS[] = {
    {.name = "application", .letter = 'a', .kind = FLAG_TEXT, .value = "NAME", .required = true, .help = "application of that order"}, OFFLINE_FLAGS};
static const command_flag_t ORDER_FLEET_FLAGS[] = {APPLICATION, OFFLINE_FLAGS};
#define CARRY "Asks no coordinator. The file is carried to the agent's host and renamed into the folder orders of its\nstate, as NAME.order. Ends with exit code 4 while others must sign, too."
static const command_example_t TAKE_BACK_EXAMPLES[] = {{"drover order take-back 9f3c… --application shop --out shop.order", "Have the agents that get the file undo what they did under that order"}};
static const command_t ORDER_COMMANDS[] = {
    {.name = "take-back", .summary = "have agents undo what they did under a rollout's order", COMMAND_ARGUMENTS(ORDER_ARGUMENT), COMMAND_FLAGS(ORDER_FLAGS), COMMAND_EXAMPLES(TAKE_BACK_EXAMPLES), .run = handle_order_take_back, .text = CARRY},
    {.name = "stop", .summary = "have agents stop a rollout's order, or a take-back", COMMAND_ARGUMENTS(ORDER_ARGUMENT), COMMAND_FLAGS(ORDER_FLAGS), .run = handle_order_stop, .text = CARRY},
    {.name = "hold", .summary = "have agents start nothing forward", COMMAND_FLAGS(ORDER_FLEET_FLAGS), .run = handle_order_hold, .text = CARRY},
    {.name = "release", .summary = "end a hold", COMMAND_FLAGS(ORDER_FLEET_FLAGS), .run = handle_order_release, .text = CARRY},
};

static const command_argument_t AGENT_ARGUMENT[] = {{.name = "NAME", .help = "name of the agent"}};
static const command_argument_t MAYBE_AGENT[] = {{.name = "NAME", .help = "name of the agent; or --request", .optional = true}};
static const command_flag_t INVITE_FLAGS[] = {
    {.name = "out", .kind = FLAG_TEXT, .value = "FILE", .required = true, .help = "token to write; a secret: for that host alone"},
    {.name = "valid", .kind = FLAG_DURATION, .value = "TIME", .default_text = "1d", .help = "how long it may be used, once"}};
static const command_flag_t ACCEPT_FLAGS[] = {
    {.name = "request", .kind = FLAG_TEXT, .value = "FILE", .help = "what 'drover-agent enroll --request' wrote"},
    {.name = "fingerprint", .kind = FLAG_TEXT, .value = "FINGERPRINT", .help = "what the agent's host shows: refuse any other request"},
    {.name = "valid", .kind = FLAG_DURATION, .value = "TIME", .help = "how long the card holds; default without end"}};
static const command_example_t INVITE_EXAMPLES[] = {{"drover agents invite db7 --out db7.token", "Let the host db7 ask to be an agent, within a day"}};
static const command_example_t ACCEPT_EXAMPLES[] = {
    {"drover agents accept db7", "Show who asks under the name db7, ask, and sign its card"},
    {"drover agents accept --request db7.request --valid 365d", "The same for a request that came as a file"}};
static const command_flag_t AGENT_RESUME_FLAGS[] = {
    {.name = "reason", .letter = 'm', .kind = FLAG_TEXT, .value = "TEXT", .required = true, .help = "what became of its state, for the audit log"}};
static const command_example_t AGENT_RESUME_EXAMPLES[] = {{"drover agents resume db7 --reason \"disk replaced, ticket 4711\"", "Let the agent db7 go on, whose state was lost with its disk"}};
static const command_t AGENT_COMMANDS[] = {
    {.name = "invite", .summary = "make a one-time token with which a host asks to be an agent", COMMAND_ARGUMENTS(AGENT_ARGUMENT), COMMAND_FLAGS(INVITE_FLAGS), COMMAND_EXAMPLES(INVITE_EXAMPLES), .run = handle_agents_invite},
    {.name = "pending", .summary = "list the hosts that ask to be agents", .run = handle_agents_pending},
    {.name = "accept", .summary = "sign an agent's card", COMMAND_ARGUMENTS(MAYBE_AGENT), COMMAND_FLAGS(ACCEPT_FLAGS), COMMAND_EXAMPLES(ACCEPT_EXAMPLES), .run = handle_agents_accept,
     .text = "Compare the fingerprint with what the host itself shows, by telephone say: the name alone proves\nnothing. Ends with exit code 4 while more administrators must sign."},
    {.name = "reject", .summary = "turn a host's request down", COMMAND_ARGUMENTS(AGENT_ARGUMENT), COMMAND_FLAGS(REASON_FLAGS), .run = handle_agents_reject},
    {.name = "revoke", .summary = "take an agent's key out", COMMAND_ARGUMENTS(AGENT_ARGUMENT), COMMAND_FLAGS(REVOKE_FLAGS), .run = handle_agents_revoke,
     .text = "Takes effect at once, on live connections too, and never ends: that host needs a new key to be an\nagent again. Asks first.\n" REVOCATION},
    {.name = "resume", .summary = "let an agent go on that lost its state", COMMAND_ARGUMENTS(AGENT_ARGUMENT), COMMAND_FLAGS(AGENT_RESUME_FLAGS), COMMAND_EXAMPLES(AGENT_RESUME_EXAMPLES), .run = handle_agents_resume,
     .text = "An agent that comes back with another journal than before is suspended: it is heard, and takes tenants\nback, but nothing forward is given to it. Look first at what happened on that host. What it had in hand\nis then settled from the tenants' ledgers. Asks first; an administrator's order, kept in the audit log."},
};

static const command_flag_t RECOVERED_FLAGS[] = {
    {.name = "without", .kind = FLAG_TEXT, .value = "AGENT", .required = true, .help = "agent that is waited for no longer"},
    {.name = "reason", .letter = 'm', .kind = FLAG_TEXT, .value = "TEXT", .required = true, .help = "why, for the audit log"}};
static const command_flag_t SAVED_FLAGS[] = {
    {.name = "at", .kind = FLAG_TEXT, .value = "WHEN", .help = "when the copy was made: 2026-03-01T03:00Z, or 2h for two hours ago; default now"}};
static const command_example_t RECOVERED_EXAMPLES[] = {{"drover coordinator recovered --without db7 --reason \"host burnt down\"", "Go on though the agent db7 will not come back"}};
static const command_t COORDINATOR_COMMANDS[] = {
    {.name = "recovery", .summary = "show how far a catalog that went back in time is filled again", .run = handle_coordinator_recovery,
     .text = "A coordinator whose catalog was restored from an older copy dispatches nothing until every agent has\nhanded over what the copy lacks. Shows which agents it waits for, and rollouts that only agents know."},
    {.name = "recovered", .summary = "go on without an agent that does not come back", COMMAND_FLAGS(RECOVERED_FLAGS), COMMAND_EXAMPLES(RECOVERED_EXAMPLES), .run = handle_coordinator_recovered,
     .text = "What that agent did since the copy was made stays unknown until it is back: its tasks are not settled\nby its reports. Tenants are kept from harm by their own ledger and fence. Asks first; an administrator's\norder, kept in the audit log."},
    {.name = "saved", .summary = "say that the catalog was copied to a safe place", COMMAND_FLAGS(SAVED_FLAGS), .run = handle_coordinator_saved,
     .text = "Agents keep their reports until the rollout is closed and the catalog copied since, so that a restored\ncopy can be filled again from them. Where nobody ever says so, for 30 days after the close."},
};

static const char *const RULINGS[] = {"applied", "not-applied", "gone", NULL};
static const command_flag_t RESOLVE_FLAGS[] = {
    {.name = "rollout", .kind = FLAG_TEXT, .value = "ROLLOUT", .required = true, .help = "in which its outcome is in doubt"},
    {.name = "as", .kind = FLAG_CHOICE, .value = "OUTCOME", .choices = RULINGS, .required = true, .help = "applied, not-applied or gone"},
    {.name = "reason", .letter = 'm', .kind = FLAG_TEXT, .value = "TEXT", .required = true, .help = "how you know, for the audit log"}};
static const command_example_t RESOLVE_EXAMPLES[] = {{"drover resolve acme --rollout 1f3a --as gone --reason \"host burnt down, ticket 4711\"", "Settle a tenant whose database will not come back"}};

static const command_argument_t DOC_ARGUMENT[] = {{.name = "WHAT", .help = "cli, completion or rules"}};

static const command_t COMMANDS[] = {
    {.name = "new", .summary = "make the files of the next migration", COMMAND_ARGUMENTS(NEW_ARGUMENTS), COMMAND_FLAGS(NEW_FLAGS), COMMAND_EXAMPLES(NEW_EXAMPLES), .run = handle_new},
    {.name = "lint", .summary = "check a folder of migrations", COMMAND_ARGUMENTS(LINT_ARGUMENTS), COMMAND_FLAGS(LINT_FLAGS), .run = handle_lint},
    {.name = "bundle", .summary = "build, sign and hand over bundles", COMMAND_CHILDREN(BUNDLE_COMMANDS)},
    {.name = "key", .summary = "make and show keys", COMMAND_CHILDREN(KEY_COMMANDS)},
    {.name = "trust", .summary = "say who may sign what, in signed files", COMMAND_CHILDREN(TRUST_COMMANDS)},
    {.name = "rollout", .summary = "plan, start and follow rollouts", COMMAND_CHILDREN(ROLLOUT_COMMANDS)},
    {.name = "rollback", .summary = "bring tenants back", COMMAND_ARGUMENTS(ROLLBACK_ARGUMENT), COMMAND_FLAGS(ROLLBACK_FLAGS), COMMAND_EXAMPLES(ROLLBACK_EXAMPLES), .run = handle_rollback,
     .text = "Takes back what a ROLLOUT touched, or brings the tenants of --select back --to a version. Shows its\nplan and asks first, and ends with every named tenant accounted for. A restore that loses rows needs\n--accept-data-loss; --yes does not stand for that.\n" WAITS},
    {.name = "baseline", .summary = "take on tenants that already have a schema", COMMAND_FLAGS(BASELINE_FLAGS), .text = "Writes the ledger of databases that were made without Drover, or are empty. Shows its plan and asks\nfirst.", .run = handle_baseline},
    {.name = "order", .summary = "sign orders that agents take from a file", COMMAND_CHILDREN(ORDER_COMMANDS)},
    {.name = "standing", .summary = "orders that stand open for tenants to come", COMMAND_CHILDREN(STANDING_COMMANDS)},
    {.name = "fleet", .summary = "hold the whole fleet, and release it", COMMAND_CHILDREN(FLEET_COMMANDS)},
    {.name = "coordinator", .summary = "show the coordinator, its trust file, and what is held", COMMAND_CHILDREN(COORDINATOR_COMMANDS), .run = handle_coordinator},
    {.name = "tenants", .summary = "list tenants from inventory", COMMAND_FLAGS(TENANTS_FLAGS), .run = handle_tenants},
    {.name = "tenant", .summary = "look at one tenant", COMMAND_CHILDREN(TENANT_COMMANDS)},
    {.name = "agents", .summary = "list agents; invite, accept, revoke and resume them", COMMAND_CHILDREN(AGENT_COMMANDS), .run = handle_agents},
    {.name = "clusters", .summary = "list clusters", .run = handle_clusters},
    {.name = "doctor", .summary = "look for what was left behind, and say how to mend it", .run = handle_doctor,
     .text = "Changes nothing. Agents look while no job runs in a cluster: what they say is as old as their last\nreading. Ends with exit code 1 where anything was found."},
    {.name = "history", .summary = "show what ran in a tenant, when, by whose order", COMMAND_ARGUMENTS(TENANT_ARGUMENT), COMMAND_FLAGS(HISTORY_FLAGS), .run = handle_history},
    {.name = "resolve", .summary = "rule on an outcome that nobody can read any more", COMMAND_ARGUMENTS(TENANT_ARGUMENT), COMMAND_FLAGS(RESOLVE_FLAGS), COMMAND_EXAMPLES(RESOLVE_EXAMPLES), .run = handle_resolve,
     .text = "For a task that is unknown or outstanding while its agent or its database is gone for good. Shows what\nthe ledger last said and what the ruling means, and asks first. Refused where an agent can still read\nthe ledger. Should the agent come back after all, what it reports outweighs not-applied, and is told in\nthe audit log in every case."},
    {.name = "backup", .summary = "make, check and use backups", COMMAND_CHILDREN(BACKUP_COMMANDS)},
    {.name = "audit", .summary = "read, export and verify the audit log", COMMAND_CHILDREN(AUDIT_COMMANDS)},
    {.name = "version", .summary = "print the version", .run = handle_version},
    {.name = "doc", .summary = "print generated documents", COMMAND_ARGUMENTS(DOC_ARGUMENT), .run = handle_doc, .hidden = true},
};
/* clang-format on */

const command_t CLI_TREE = {.name = "drover",
                            .summary = "moves fleets of tenant databases to their next schema",
                            COMMAND_CHILDREN(COMMANDS)};
