"""Migrations that leave a trace each time they run, and the judge that counts the traces.

Exactly-once is judged from these side effects alone: no ledger, no catalog, no report is asked.
"""
import os
import subprocess

from lib import account
from lib.process import clean_environment

TRACE = "INSERT INTO public.trace (version, direction) VALUES ('{version}', '{direction}');\n"


def write(folder, count=4, outside=()):
    """A chain of `count` migrations; those in `outside` run outside a transaction."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        version = f"V{number:03d}"
        apply = undo = ""
        if number == 1:
            apply = ("CREATE TABLE public.trace (version text, direction text,"
                     " at xid8 DEFAULT pg_current_xact_id());\n")
        apply += f"CREATE TABLE public.t{number} (id int PRIMARY KEY, v int);\n"
        undo += f"DROP TABLE public.t{number};\n"
        apply += TRACE.format(version=version, direction="apply")
        undo += TRACE.format(version=version, direction="undo") if number > 1 else \
            "DROP TABLE public.trace;\n"
        if number in outside:
            apply = ("-- drover: transaction=none\n"
                     f"CREATE TABLE public.t{number} (id int PRIMARY KEY, v int);\n"
                     + TRACE.format(version=version, direction="apply") +
                     f"CREATE INDEX CONCURRENTLY t{number}_v ON public.t{number} (v);\n")
        (folder / f"{version}__step_{number}.sql").write_text(apply)
        (folder / f"{version}__step_{number}.undo.sql").write_text(undo)
        (folder / f"{version}__step_{number}.verify.sql").write_text(
            f"SELECT to_regclass('public.t{number}') IS NOT NULL;\n")
    return folder


def traces(postgres, database):
    """[(version, direction), …] as they were committed."""
    if not postgres.value("SELECT to_regclass('public.trace') IS NOT NULL", database):
        return []
    return [tuple(row) for row in postgres.run(
        "SELECT version, direction FROM public.trace ORDER BY at, version", database)]


def assert_applied_once(postgres, database, count):
    expected = [(f"V{number:03d}", "apply") for number in range(1, count + 1)]
    assert traces(postgres, database) == expected, database


def assert_nothing_left(postgres, database):
    """No INVALID index, no lock of ours, no session of ours in a transaction."""
    assert postgres.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid", database) == 0
    assert postgres.value(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename = 'drover'"
        " AND state LIKE 'idle in transaction%%'", database, values=(database,)) == 0


def undo_outside(folder, number):
    """Let the undo of a version that applies outside a transaction run outside one, too."""
    version = f"V{number:03d}"
    (folder / f"{version}__step_{number}.undo.sql").write_text(
        "-- drover: transaction=none\n"
        f"DROP INDEX CONCURRENTLY public.t{number}_v;\n"
        f"DROP TABLE public.t{number};\n" + TRACE.format(version=version, direction="undo"))


def tables(postgres, database):
    """Names of the tables of the chain's migrations that stand there."""
    return {row[0] for row in postgres.run(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename ~ '^t[0-9]+$'",
        database)}


def assert_story(postgres, database, story):
    """What was committed, in order: "V001 V002 -V002" is two applied, the second one undone.

    The tables that stand there are those of the versions that were not undone, and nothing else
    is left over.
    """
    steps = story.split()
    expected = [(step.lstrip("-"), "undo" if step.startswith("-") else "apply") for step in steps]
    assert traces(postgres, database) == expected, database
    standing = {step for step, direction in expected if direction == "apply"}
    standing -= {step for step, direction in expected if direction == "undo"}
    assert tables(postgres, database) == {f"t{int(version[1:])}" for version in standing}, database
    assert_nothing_left(postgres, database)


def forget(postgres, database, story):
    """Let a tenant's traces be these: rows are no schema, and the next test reads its own."""
    postgres.run("TRUNCATE public.trace", database)
    for version in story.split():
        postgres.run(TRACE.format(version=version, direction="apply"), database)


def contents(postgres, database):
    """All that stands in a database, schema, rows and ledger, as pg_dump writes it: two that are
    equal mean that nothing changed."""
    argv = [str(postgres.programs / "pg_dump"), "-h", str(postgres.socket_folder), "-p",
            str(postgres.port), "-U", "postgres", "-d", database]
    done = subprocess.run(account.as_server_user(argv), env=clean_environment(), cwd=os.sep,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Newer minor releases write a random word into two lines.
    return [line for line in done.stdout.splitlines()
            if not line.startswith(("\\restrict", "\\unrestrict"))]
