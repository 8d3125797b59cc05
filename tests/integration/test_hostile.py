"""A tenant's owner who means harm, and names that do: the owner may do what they like with their
own database, and must not thereby change the ledger, another database or the host, nor what anybody
reads. Each case is refused with its stable code, or has no effect at all.

What scripts may try against Drover's transaction by themselves stands in test_bad_scripts.py.
"""
import json
import os
import re
import socket

import psycopg2
import pytest
from psycopg2 import sql

from lib import configs, effects, rollouts, unchanged
from lib.fleet import Fleet

NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
DUMP = {"recovery_point": {"policy": "dump", "trial_restore": "all"}}
ESCAPED = "DRV-3029"
EDITED = "DRV-3026"
RIGHTS = "DRV-3012"
SOON_S = 5  # what is promised of an agent among idle connections


def block(body):
    return f"DO $do$ BEGIN {body} END $do$;\n"


def as_login(*statements):
    """A block that runs these as Drover's own login, and then sets the role back."""
    words = ["RESET ROLE", *statements, "SET ROLE tenant_owner"]
    return block(" ".join(f"EXECUTE $$ {word} $$;" for word in words))


def late(*statements):
    """A deferred trigger that runs these at the COMMIT, if it is let."""
    body = " ".join(f"EXECUTE $$ {statement} $$;" for statement in statements)
    return ("CREATE TABLE public.late (n int);\n"
            "CREATE FUNCTION public.late() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN "
            f"{body} RETURN NULL; END $f$;\n"
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON public.late DEFERRABLE INITIALLY"
            " DEFERRED FOR EACH ROW EXECUTE FUNCTION public.late();\n"
            "INSERT INTO public.late VALUES (1);\n")


FORGED = block("""EXECUTE 'RESET ROLE'; EXECUTE (SELECT format('INSERT INTO drover.history (%s)
 SELECT %s FROM drover.history ORDER BY seq DESC LIMIT 1', string_agg(attname, ', '),
 string_agg(CASE attname WHEN 'seq' THEN 'seq + 1' ELSE attname END, ', ')) FROM pg_attribute WHERE
 attrelid = 'drover.history'::regclass AND attnum > 0 AND attgenerated = '');
 EXECUTE 'SET ROLE tenant_owner';""")
OFF = "ALTER TABLE drover.history DISABLE TRIGGER append_only"
EMPTY_BODY = ("CREATE OR REPLACE FUNCTION drover.history_is_append_only() RETURNS trigger LANGUAGE"
              " plpgsql AS $e$ BEGIN RETURN NULL; END $e$")
DRESSED = "the script put a rule, a trigger, row security or a child on a table of schema drover"
GUARD = "the trigger that keeps drover.history append-only is gone or disabled"
NO_RIGHT = "permission denied"
SERVER = "must be superuser or have privileges of the pg_"
SCRIPTS = {  # name: (the script, its code, what is said)
    # Triggers.
    "late_role": (late("RESET ROLE"), ESCAPED, "the script changed the role to 'drover'"),
    "late_ledger": (late("RESET ROLE", OFF, "DELETE FROM drover.history", "SET ROLE tenant_owner"),
                    EDITED, "the ledger's rows are not those that were read"),
    "late_fence": (late("RESET ROLE", "DELETE FROM drover.fence", "SET ROLE tenant_owner"), ESCAPED,
                   "the script changed drover.fence"),
    "late_append": (late("DELETE FROM drover.history"), ESCAPED, "schema drover"),
    "trigger_role": (late("RESET ROLE").replace("INITIALLY DEFERRED", "INITIALLY IMMEDIATE"),
                     ESCAPED, "the script changed the role to 'drover'"),
    # The ledger and its tables.
    "forged_row": (FORGED, EDITED, "the ledger's rows are not those that were read"),
    "rule": (as_login("CREATE RULE r AS ON INSERT TO drover.fence DO ALSO NOTHING"), ESCAPED,
             DRESSED),
    "rule_update": (as_login("CREATE RULE r AS ON UPDATE TO drover.history DO INSTEAD NOTHING"),
                    ESCAPED, DRESSED),
    "rule_insert": (as_login("CREATE RULE r AS ON INSERT TO drover.history DO INSTEAD NOTHING"),
                    "DRV-", "V002"),
    "row_security": (as_login("ALTER TABLE drover.history ENABLE ROW LEVEL SECURITY"), ESCAPED,
                     DRESSED),
    "row_security_forced": (as_login("ALTER TABLE drover.history ENABLE ROW LEVEL SECURITY",
                                     "ALTER TABLE drover.history FORCE ROW LEVEL SECURITY"),
                            "DRV-", "V002"),
    "view": (as_login("ALTER TABLE drover.history RENAME TO h",
                      "CREATE VIEW drover.history AS SELECT * FROM drover.h"), ESCAPED, GUARD),
    "empty_body": (as_login(EMPTY_BODY), ESCAPED, GUARD),
    "trigger_on_ledger": (
        "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RETURN NULL;"
        " END $f$;\n" + as_login("CREATE TRIGGER t AFTER INSERT ON drover.history FOR EACH ROW"
                                 " EXECUTE FUNCTION public.f()"), ESCAPED, DRESSED),
    "child": (as_login("CREATE TABLE drover.more () INHERITS (drover.history)"), ESCAPED, DRESSED),
    "no_schema": (as_login("DROP SCHEMA drover CASCADE"), "DRV-", "V002"),
    "renamed_schema": (as_login("ALTER SCHEMA drover RENAME TO gone"), "DRV-", "V002"),
    # The host and the cluster.
    "program": (block("EXECUTE 'COPY (SELECT 1) TO PRO' || 'GRAM ''touch {canary}''';"), RIGHTS,
                SERVER),
    "program_as_login": (as_login("COPY (SELECT 1) TO PROGRAM 'touch {canary}'"), RIGHTS, SERVER),
    "program_late": (late("RESET ROLE", "COPY (SELECT 1) TO PROGRAM 'touch {canary}'"), RIGHTS,
                     SERVER),
    "file": (block("EXECUTE 'COPY (SELECT 1) TO ''{canary}''';"), RIGHTS, SERVER),
    "read_file": (block("PERFORM pg_read_file('/etc/passwd');"), RIGHTS, NO_RIGHT),
    "large_object": (block("PERFORM lo_export(lo_from_bytea(0, 'x'), '{canary}');"), RIGHTS,
                     NO_RIGHT),
    "c_function": ("CREATE FUNCTION public.f() RETURNS int LANGUAGE c AS '{canary}', 'f';\n",
                   RIGHTS, NO_RIGHT),
    "event_trigger": (
        "CREATE FUNCTION public.f() RETURNS event_trigger LANGUAGE plpgsql AS $f$ BEGIN END $f$;\n"
        "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION public.f();\n", RIGHTS,
        NO_RIGHT),
    "settings_of_all": (as_login("ALTER ROLE ALL SET search_path = public"), RIGHTS,
                        "alter settings globally"),
    "superuser": (as_login("ALTER ROLE drover SUPERUSER"), RIGHTS, "must be superuser"),
    "other_role": (as_login("SET ROLE postgres"), RIGHTS, NO_RIGHT),
    "catalog": (as_login("UPDATE pg_catalog.pg_proc SET prosrc = ''"), RIGHTS, NO_RIGHT),
}
# What a tenant's owner stores in the database beforehand; every session of ours meets it.
SETTINGS = """
SET search_path = 'public"; DROP TABLE public.keep; --', '$user', public, pg_catalog;
ALTER DATABASE {name} SET search_path FROM CURRENT;
RESET search_path;
ALTER DATABASE {name} SET role = 'none';
ALTER DATABASE {name} SET statement_timeout = 1;
ALTER DATABASE {name} SET lock_timeout = 1;
ALTER DATABASE {name} SET idle_in_transaction_session_timeout = 1;
ALTER DATABASE {name} SET default_transaction_read_only = on;
ALTER DATABASE {name} SET default_transaction_isolation = 'serializable';
ALTER DATABASE {name} SET default_transaction_deferrable = on;
ALTER DATABASE {name} SET standard_conforming_strings = off;
ALTER DATABASE {name} SET backslash_quote = on;
ALTER DATABASE {name} SET escape_string_warning = off;
ALTER DATABASE {name} SET synchronous_commit = off;
ALTER DATABASE {name} SET row_security = off;
ALTER DATABASE {name} SET client_encoding = 'LATIN1';
ALTER DATABASE {name} SET "DateStyle" = 'German';
ALTER DATABASE {name} SET "IntervalStyle" = 'sql_standard';
ALTER DATABASE {name} SET "TimeZone" = 'Asia/Tokyo';
ALTER DATABASE {name} SET bytea_output = 'escape';
ALTER DATABASE {name} SET extra_float_digits = -15;
ALTER DATABASE {name} SET transform_null_equals = on;
ALTER DATABASE {name} SET array_nulls = off;
ALTER DATABASE {name} SET quote_all_identifiers = on;
ALTER DATABASE {name} SET client_min_messages = 'error';
ALTER DATABASE {name} SET check_function_bodies = off;
ALTER DATABASE {name} SET xmloption = 'document';
"""
# Built-in names that Drover's statements use, in the schema that its owner put first. Each raises.
SHADOWED = [
    "now()", "lower(text)", "upper(text)", "md5(text)", "left(text, int)", "substr(text, int)",
    "reverse(text)", "split_part(text, text, int)", "starts_with(text, text)", "quote_ident(text)",
    "quote_literal(text)", "current_setting(text)", "current_setting(text, boolean)",
    "set_config(text, text, boolean)", "to_regclass(text)", "to_regrole(text)",
    "pg_current_xact_id()", "pg_current_xact_id_if_assigned()", "pg_backend_pid()",
    "pg_try_advisory_lock(bigint)", "pg_try_advisory_xact_lock(bigint)",
    "pg_advisory_unlock(bigint)", "pg_is_in_recovery()", "pg_database_size(name)",
    "pg_get_userbyid(oid)", "pg_get_constraintdef(oid)", "pg_get_viewdef(oid)",
    "pg_get_indexdef(oid)", "has_schema_privilege(oid, text)", "pg_has_role(name, name, text)",
    "hashtextextended(text, bigint)", "format(text, text)", "coalesce_(text)", "concat(text)",
    "array_to_string(text[], text)", "encode(bytea, text)", "sha256(bytea)", "length(text)",
    "pg_xact_status(xid8)", "obj_description(oid, text)", "shobj_description(oid, name)",
]
OPERATORS = {"=": ("text", "text"), "<>": ("text", "text"), "||": ("text", "text"),
             "~": ("text", "text"), "+": ("bigint", "integer"), "<": ("bigint", "bigint")}


def shadows():
    """SQL that puts a trap behind each of these names."""
    said = "RAISE EXCEPTION 'a shadow was called';"
    texts = [f"CREATE FUNCTION public.{name} RETURNS boolean LANGUAGE plpgsql AS"
             f" $f$ BEGIN {said} END $f$;\n" for name in SHADOWED]
    texts.append("CREATE AGGREGATE public.max(bigint) (sfunc = int8larger, stype = bigint,"
                 " initcond = '666');\n"
                 "CREATE AGGREGATE public.count(*) (sfunc = int8inc, stype = bigint, initcond ="
                 " '666');\n")
    for number, (operator, (left, right)) in enumerate(OPERATORS.items()):
        texts.append(f"CREATE FUNCTION public.trap{number}(a {left}, b {right}) RETURNS boolean"
                     f" LANGUAGE plpgsql AS $f$ BEGIN {said} END $f$;\n"
                     f"CREATE OPERATOR public.{operator} (LEFTARG = {left}, RIGHTARG = {right},"
                     f" FUNCTION = public.trap{number});\n")
    # Tables with names of the catalog's, and types: one row less than nothing.
    texts += [f"CREATE VIEW public.{table} AS SELECT * FROM pg_catalog.{table} WHERE false;\n"
              for table in ("pg_class", "pg_namespace", "pg_trigger", "pg_proc", "pg_roles",
                            "pg_prepared_statements")]
    texts.append("CREATE DOMAIN public.uuid AS pg_catalog.text CHECK (VALUE IS NULL);\n"
                 "CREATE DOMAIN public.int8 AS pg_catalog.int4 CHECK (VALUE IS NULL);\n")
    return "".join(texts)


NAMES = [  # of databases; a tenant has another name
    'quo"te', "quo'te", '";DROP DATABASE bystander;--', "../../../../escaped", "/absolute", "..",
    "new\nline", "esc\x1b[31mape", "back\\slash", "%s%n%d", "-rf", "--help", "dbname=bystander",
    "host=127.0.0.1 dbname=bystander", "postgresql://127.0.0.1/bystander", "$(touch x)", "`x`",
    "x" * 63, "ü" * 31, " ", "name with: colon", "*", "#", "null", "{}",
]


class World:
    def __init__(self, fleet, postgres, canary):
        self.fleet = fleet
        self.postgres = postgres
        self.canary = canary
        self.tenant_of = {name: f"n{number}" for number, name in enumerate(NAMES)}

    def spec(self, name, bundle="chain", **changes):
        return self.fleet.write_spec(bundle, name=f"{name}.yaml", select=f"name={name}",
                                     **{**NO_POINT, **changes})

    def own(self, name, text):
        """As the tenant's owner would, in a session of their own."""
        self.postgres.run("SET ROLE tenant_owner;" + text, name)

    def prepare(self, name):
        """V001 stands."""
        rollouts.baseline(self.fleet, f"name={name}", application="chain")
        first = rollouts.start(self.fleet, self.spec(name, target="V001"))
        rollouts.assert_ends(self.fleet, first, "succeeded")


def plain_chain(folder):
    """A chain whose own scripts call nothing that could be shadowed; V003 runs outside."""
    folder.mkdir()
    for number in range(1, 5):
        stem = f"V{number:03d}__step_{number}"
        table = f"CREATE TABLE public.t{number} (id integer PRIMARY KEY, v integer);\n"
        after = ""
        if number == 3:
            table = "-- drover: transaction=none\n" + table
            after = "CREATE INDEX CONCURRENTLY t3_v ON public.t3 (v);\n"
        (folder / f"{stem}.sql").write_text(table + after)
        (folder / f"{stem}.undo.sql").write_text(f"DROP TABLE public.t{number};\n")
        (folder / f"{stem}.verify.sql").write_text(
            f"SELECT NOT EXISTS (SELECT FROM public.t{number});\n")
    return folder


ALL = ["settings", "shadows", "ddl_watch", "ddl_role", "direct", "inside"]


@pytest.fixture(scope="module")
def world(folder, postgres):
    canary = postgres.folder / "s" / "canary"  # where the server may write
    postgres.create_tenants([*ALL, *SCRIPTS, "bystander"])
    postgres.create_tenants(NAMES)
    numbered = [{"database": name, "name": f"n{number}"} for number, name in enumerate(NAMES)]
    listed = [*({"database": name} for name in [*ALL, *SCRIPTS]), *numbered]
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, listed)]}) as fleet:
        fleet.push_bundle(plain_chain(folder / "chain"), "chain")
        yield World(fleet, postgres, canary)


# Scripts.


@pytest.fixture(scope="module")
def attacked(world, folder):
    """One rollout over all of them: its V002 runs what each tenant's owner put into a table, which
    is how a script comes to run what nobody signed. What was there, and what is said of each."""
    chain = folder / "attack"
    chain.mkdir()
    (chain / "V001__step_1.sql").write_text("CREATE TABLE public.t1 (id integer);\n")
    (chain / "V001__step_1.undo.sql").write_text("DROP TABLE public.t1;\n")
    (chain / "V002__bad.sql").write_text(
        "CREATE TABLE public.extra (n int);\n"
        + block("EXECUTE (SELECT a.body FROM public.attack AS a);"))
    (chain / "V002__bad.undo.sql").write_text("DROP TABLE public.extra;\n")
    for name, (script, _, _) in SCRIPTS.items():
        world.own(name, "CREATE TABLE public.attack AS SELECT $body$"
                  + script.replace("{canary}", str(world.canary)) + "$body$::text AS body")
    fleet = world.fleet
    fleet.push_bundle(chain, "attack")
    select = f"name in ({','.join(SCRIPTS)})"
    rollouts.baseline(fleet, select, application="attack")
    spec = {"name": "attack.yaml", "select": select, **NO_POINT}
    first = rollouts.start(fleet, fleet.write_spec("attack", target="V001", **spec))
    rollouts.assert_ends(fleet, first, "succeeded")
    before = {name: effects.contents(world.postgres, name) for name in [*SCRIPTS, "bystander"]}
    second = rollouts.start(fleet, fleet.write_spec("attack", on_failure="continue", **spec))
    rollouts.assert_ends(fleet, second, "incomplete")
    shown = fleet.ok("rollout", "failures", second).out
    said = {name: re.search(rf"^{name} \(cluster.*\n(?:  .*\n?)*", shown, re.MULTILINE).group()
            for name in SCRIPTS}
    return before, said


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(world, attacked, name):
    before, said = attacked
    _, code, says = SCRIPTS[name]
    shown = said[name]
    for words in (f"{name} (cluster main, database {name}): failed in step apply", "stands at V001",
                  f"\n  {code}", "V002", says, "\n  HINT: "):
        assert words in shown, shown
    assert re.search(r"\n  DRV-\d{4} ", shown), shown
    assert effects.contents(world.postgres, name) == before[name]
    effects.assert_nothing_left(world.postgres, name)


def test_nobody_else_noticed(world, attacked):
    assert effects.contents(world.postgres, "bystander") == attacked[0]["bystander"]
    assert not world.canary.exists()
    assert world.postgres.value("SELECT count(*) FROM pg_roles WHERE rolsuper") == 1


# What the owner stored beforehand.


def forth_and_back(world, name):
    """Forward with a recovery point that is restored in trial, and back by undo."""
    fleet = world.fleet
    rollouts.baseline(fleet, f"name={name}", application="chain")
    rollout = rollouts.start(fleet, world.spec(name, **DUMP))
    rollouts.assert_ends(fleet, rollout, "succeeded")
    assert effects.tables(world.postgres, name) == {"t1", "t2", "t3", "t4"}
    back = fleet.ok("rollback", rollout, "--yes", "-o", "json").json["rollout"]
    rollouts.assert_ends(fleet, back, "succeeded")
    assert effects.tables(world.postgres, name) == set()
    kinds = world.postgres.run("SELECT kind FROM drover.history ORDER BY seq", name)
    assert [kind for (kind,) in kinds] == ["baseline", *["apply"] * 4, *["undo"] * 4]
    shown = fleet.ok("tenant", "show", name, "-o", "json").json["tenant"]
    assert shown["problem_code"] == "", shown


def test_settings(world):
    world.own("settings", "CREATE TABLE public.keep (n int);"
              + SETTINGS.format(name="settings"))
    world.postgres.run("ALTER ROLE postgres IN DATABASE settings SET statement_timeout = 0")  # us
    forth_and_back(world, "settings")
    assert world.postgres.value("SELECT to_regclass('public.keep') IS NOT NULL", "settings")
    effects.assert_nothing_left(world.postgres, "settings")


def test_shadows(world):
    """Nothing of ours is looked up where the owner may put it."""
    world.own("shadows", shadows() +
              "ALTER DATABASE shadows SET search_path = public, pg_catalog")
    forth_and_back(world, "shadows")
    # The traps are live: who looks names up along the owner's path falls into them.
    with pytest.raises(psycopg2.errors.RaiseException, match="a shadow was called"):
        world.postgres.run("SELECT now()", "shadows", user="drover")
    world.postgres.server.wait_for_line("ERROR:  a shadow was called")
    assert world.postgres.server.output().count("ERROR:  a shadow was called") == 1


EVENTS = {
    "ddl_watch": ("EXECUTE 'DROP TABLE IF EXISTS public.kept';", ""),
    "ddl_role": ("IF current_user = 'tenant_owner' THEN EXECUTE 'RESET ROLE'; END IF;",
                 "the script changed the role to 'drover'"),
}


@pytest.mark.parametrize("name", EVENTS)
def test_event_trigger(world, name):
    """One that a superuser put there: what it does to our DDL and to scripts is seen."""
    body, says = EVENTS[name]
    world.prepare(name)
    world.postgres.run(
        "CREATE TABLE public.log (tag text); CREATE FUNCTION public.e() RETURNS event_trigger"
        f" LANGUAGE plpgsql AS $f$ BEGIN {body} END $f$;"
        "CREATE EVENT TRIGGER e ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION"
        " public.e()", name)
    standing = effects.contents(world.postgres, name)
    rollout = rollouts.start(world.fleet, world.spec(name))
    rollouts.assert_ends(world.fleet, rollout, "paused")
    shown = world.fleet.ok("rollout", "failures", rollout).out
    # Whoever looks first: the schema is no longer what the ledger left.
    assert "\n  DRV-3025 " in shown, shown
    assert effects.contents(world.postgres, name) == standing
    world.fleet.ok("rollout", "stop", rollout)


def test_owner_has_no_way_into_the_ledger(world):
    """Outside of every job, with all rights that owning the database gives."""
    world.prepare("direct")
    before = effects.contents(world.postgres, "direct")
    for text in ("INSERT INTO drover.history DEFAULT VALUES", "DELETE FROM drover.history",
                 "SELECT * FROM drover.history", "CREATE RULE r AS ON INSERT TO drover.history DO"
                 " INSTEAD NOTHING", "ALTER TABLE drover.history ENABLE ROW LEVEL SECURITY",
                 "DROP SCHEMA drover CASCADE", "ALTER SCHEMA drover OWNER TO tenant_owner",
                 "GRANT ALL ON SCHEMA drover TO PUBLIC", "CREATE TABLE drover.mine (n int)",
                 "CREATE OR REPLACE FUNCTION drover.history_is_append_only() RETURNS trigger"
                 " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            world.own("direct", text)
    assert effects.contents(world.postgres, "direct") == before


# Names.


def plain(text):
    """Nothing in a terminal's or a line's way."""
    return not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)


def test_names_are_told_as_they_are(world):
    """JSON carries every byte of a name; tables and logs carry none that steers a terminal."""
    listed = world.fleet.ok("tenants", "-o", "json")
    assert plain(listed.out)
    rows = {row["name"]: row for row in listed.json["tenants"]}
    for name, tenant in world.tenant_of.items():
        assert rows[tenant]["database"] == name
        shown = world.fleet.ok("tenant", "show", tenant)
        assert plain(shown.out), shown
        assert json.loads(world.fleet.ok("tenant", "show", tenant, "-o", "json").out)
    table = world.fleet.ok("tenants").out
    assert plain(table)
    assert len(table.splitlines()) <= len(rows) + 3  # a newline in a name makes no line


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_names_go_forth_and_back(world, folder):
    """Backup with a trial restore, apply, undo: each in its own database; files nowhere else."""
    fleet = world.fleet
    bystander = effects.contents(world.postgres, "bystander")
    outside = {name for name in os.listdir(folder)}
    select = f"name in ({','.join(world.tenant_of.values())})"
    rollouts.baseline(fleet, select, application="chain")
    spec = fleet.write_spec("chain", name="names.yaml", select=select, **DUMP)
    rollout = rollouts.start(fleet, spec)
    rollouts.assert_ends(fleet, rollout, "succeeded")
    for name in NAMES:
        tables = {row[0] for row in world.postgres.run(
            sql.SQL("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"), name)}
        assert tables == {"t1", "t2", "t3", "t4"}, name
    back = fleet.ok("rollback", rollout, "--yes", "-o", "json").json["rollout"]
    rollouts.assert_ends(fleet, back, "succeeded")
    assert effects.contents(world.postgres, "bystander") == bystander
    assert {name for name in os.listdir(folder)} == outside
    store = fleet.folder / "one" / "backups"
    assert all(re.fullmatch(r"[0-9a-f-]{36}(/[0-9A-Za-z_.-]+)?", path) for path in files(store)), \
        files(store)
    assert plain(fleet.output())
    assert plain(fleet.ok("rollout", "list", "--all").out)
    assert plain(fleet.ok("audit", "log").out)


RESTORED = ['";DROP DATABASE bystander;--', "../../../../escaped", "new\nline",
            "host=127.0.0.1 dbname=bystander", "x" * 63]


@pytest.mark.parametrize("name", RESTORED)
def test_names_are_restored(world, name):
    """Under its own name, and no other; the old one is kept beside it."""
    fleet = world.fleet
    tenant = world.tenant_of[name]
    others = set(world.postgres.databases()) - {name}
    bystander = effects.contents(world.postgres, "bystander")
    points = fleet.ok("backup", "list", tenant, "-o", "json").json["backups"]
    was = world.postgres.value("SELECT oid::int8 FROM pg_database WHERE datname = %s",
                               values=(name,))
    fleet.ok("backup", "restore", points[0]["backup"], "--accept-data-loss", "--yes", "--wait")
    now = world.postgres.value("SELECT oid::int8 FROM pg_database WHERE datname = %s",
                               values=(name,))
    assert now != was
    new = set(world.postgres.databases()) - {name} - others
    assert len(new) == 1 and "_drover_old_" in new.pop()
    assert effects.contents(world.postgres, "bystander") == bystander
    assert plain(fleet.output())


# The network.


def test_idle_connections(world):
    """500 that say nothing starve nobody: an agent that starts then is served at once."""
    fleet = world.fleet
    port = int(fleet.address.rsplit(":", 1)[1])
    idle = []
    try:
        for _ in range(500):
            connection = socket.socket()
            connection.settimeout(20)
            idle.append(connection)
            connection.connect(("127.0.0.1", port))
        fleet.agents["one"].stop()
        mark = fleet.coordinator.mark()
        fleet.start_agent("one")
        fleet.coordinator.wait_for_line(r'event="agent online"', after=mark, timeout_s=SOON_S)
        assert fleet.ok("agents", "-o", "json").json["agents"][0]["name"] == "one"
    finally:
        for connection in idle:
            connection.close()


def greeting(mechanism):
    """ZMTP 3.0 (rfc.zeromq.org/spec/23): signature, version, mechanism, not a server."""
    return (b"\xff" + bytes(8) + b"\x7f\x03\x00" + mechanism.ljust(20, b"\0") + bytes(32))


@pytest.mark.parametrize("mechanism", [b"NULL", b"PLAIN", b"GSSAPI", b"none"])
def test_other_mechanisms(world, mechanism):
    """Without CURVE nobody is let in: the connection ends, and no message was taken."""
    port = int(world.fleet.address.rsplit(":", 1)[1])
    ready = b"\x04\x26\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x00"
    with unchanged.catalog(world.fleet), socket.create_connection(("127.0.0.1", port), 20) as peer:
        peer.sendall(greeting(mechanism) + ready)
        said = b""
        while True:
            try:
                part = peer.recv(4096)
            except ConnectionError:
                break
            if not part:
                break
            said += part
    assert b"READY" not in said, said
    assert world.fleet.coordinator.is_running()


INSIDE = ['quo"te', "quo'te", "new\nline", "esc\x1b[31mape", "%s%n", "'); DROP TABLE keep; --",
          "\\", "$do$", "/*", "x" * 63]


def test_names_inside_a_tenant(world):
    """Of schemas, tables, columns, types and comments: read, dumped, restored, compared."""
    database = world.postgres.connect("inside")
    with database.cursor() as cursor:
        cursor.execute("SET ROLE tenant_owner; CREATE TABLE public.keep (n int)")
        for name in INSIDE:
            cursor.execute(sql.SQL(
                "CREATE SCHEMA {n}; CREATE TYPE {n}.mood AS ENUM ({t}); CREATE TABLE {n}.{n} ({n}"
                " int DEFAULT 1 CONSTRAINT {n} CHECK ({n} > 0)); COMMENT ON TABLE {n}.{n} IS {t};"
                "CREATE FUNCTION {n}.{n}() RETURNS text LANGUAGE sql AS {body}").format(
                    n=sql.Identifier(name), t=sql.Literal(name),
                    body=sql.Literal(sql.SQL("SELECT {}").format(sql.Literal(name)).as_string(
                        cursor))))
    database.close()
    forth_and_back(world, "inside")
    assert world.postgres.value("SELECT to_regclass('public.keep') IS NOT NULL", "inside")
    # What drifts is told by name, in one line each and with nothing that steers a terminal.
    world.own("inside", 'ALTER TABLE "esc\x1b[31mape"."esc\x1b[31mape" ADD COLUMN "new\nline" int')
    rollout = rollouts.start(world.fleet, world.spec("inside", **NO_POINT))
    rollouts.assert_ends(world.fleet, rollout, "paused")
    for answer in (world.fleet.ok("rollout", "failures", rollout),
                   world.fleet.ok("rollout", "report", rollout),
                   world.fleet.ok("rollout", "failures", rollout, "-o", "json")):
        assert plain(answer.out) and "DRV-3025" in answer.out, answer
    assert plain(world.fleet.output())
    world.fleet.ok("rollout", "stop", rollout)


def test_names_that_are_asked_for(world):
    """What an operator, or a script of theirs, hands in as a name."""
    for name in ("../../etc/passwd", "a\nb", "\x1b[31m", "%s%n", "'; DROP TABLE tenant; --"):
        with unchanged.catalog(world.fleet):
            answer = world.fleet.drover("tenant", "show", name)
        assert answer.code != 0 and answer.err.startswith("DRV-") and plain(answer.err), answer
