"""The judge is judged: whatever it is to find is put there by hand, and it finds it.

A fleet at rest, two tenants in two waves, brought forward with recovery points: nothing is found.
Then one thing at a time is made wrong in a database, in the catalog or beside them.
"""
import contextlib
import sqlite3

import pytest

import oracle
import stage as stages
from lib import rollouts

TWO_WAVES = [{"name": "first", "count": 1}, {"name": "rest", "rest": True}]
NO_GUARD = "ALTER TABLE drover.history DISABLE TRIGGER USER;"
GUARD = "; ALTER TABLE drover.history ENABLE ALWAYS TRIGGER append_only"


@pytest.fixture(scope="module")
def stage(folder, postgres):
    with stages.open_stage(folder, postgres, ["o1", "o2"]) as stage:
        rollouts.assert_ends(stage.fleet, rollouts.start(
            stage.fleet, stage.spec("o1", "o2", waves=TWO_WAVES)), "succeeded")
        yield stage


def judge(stage):
    return oracle.judge(oracle.World(stage.postgres, stage.fleet, ["o1", "o2"]))


def edit(what):
    return f"{NO_GUARD} UPDATE drover.history SET {what}{GUARD}"


IN_A_TENANT = [
    ("1", "INSERT INTO public.trace (version, direction) VALUES ('V002', 'apply')",
     "DELETE FROM public.trace WHERE ctid = (SELECT max(ctid) FROM public.trace)"),
    ("1", "ALTER TABLE public.t2 RENAME TO elsewhere", "ALTER TABLE public.elsewhere RENAME TO t2"),
    ("1", "UPDATE public.trace SET version = 'V009' WHERE version = 'V004'",
     "UPDATE public.trace SET version = 'V004' WHERE version = 'V009'"),
    ("2", edit("position = 3 WHERE version = 'V002'"), edit("position = 2 WHERE version = 'V002'")),
    ("2", edit("seq = 9 WHERE seq = 5"), edit("seq = 5 WHERE seq = 9")),
    ("2", edit("previous_digest = row_digest WHERE seq = 3"),
     edit("previous_digest = (SELECT row_digest FROM drover.history WHERE seq = 2) WHERE seq = 3")),
    ("4", edit("started_us = 1 WHERE version = 'V001'"),
     edit("started_us = finished_us WHERE version = 'V001'")),
    ("5", edit("order_id = gen_random_uuid() WHERE seq = 3"),
     edit("order_id = (SELECT order_id FROM drover.history WHERE seq = 2) WHERE seq = 3")),
    ("6", edit("epoch = epoch + 1 WHERE seq = 3"), edit("epoch = epoch - 1 WHERE seq = 3")),
    ("6", edit("incarnation = gen_random_uuid() WHERE seq = 3"),
     edit("incarnation = (SELECT incarnation FROM drover.history WHERE seq = 2) WHERE seq = 3")),
    ("12", "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.t3_v'::regclass",
     "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'public.t3_v'::regclass"),
]


@pytest.mark.parametrize("invariant, wrong, right", IN_A_TENANT)
def test_found_in_a_tenant(stage, postgres, monkeypatch, invariant, wrong, right):
    monkeypatch.setattr(oracle, "GONE_S", 0)
    assert judge(stage) == []
    postgres.run(wrong, "o2")
    found = judge(stage)
    postgres.run(right, "o2")
    assert any(line.startswith(f"{invariant} ") for line in found), found
    assert judge(stage) == []


IN_THE_CATALOG = [
    ("3", "DELETE FROM recovery_point"),
    ("3", "UPDATE recovery_point SET taken_us = taken_us + 3600000000"),
    ("8", "UPDATE task SET state = 3 WHERE tenant_name = 'o2' AND touched = 1"),
    ("10", "DELETE FROM report WHERE number = 2"),
    ("11", "UPDATE task SET position = 3 WHERE tenant_name = 'o2' AND touched = 1"),
]


@pytest.mark.parametrize("invariant, wrong", IN_THE_CATALOG)
def test_found_in_the_catalog(stage, monkeypatch, tmp_path, invariant, wrong):
    """In a copy: the coordinator has the catalog to itself."""
    with contextlib.closing(sqlite3.connect(stage.fleet.folder / "catalog.sqlite")) as source, \
            contextlib.closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as target:
        source.backup(target)
        target.execute(wrong)
        target.commit()
    with monkeypatch.context() as patch:
        patch.setattr(oracle.World, "catalog", lambda _, question, *values: ask(
            tmp_path / "catalog.sqlite", question, values))
        found = judge(stage)
    assert any(line.startswith(f"{invariant} ") for line in found), found


def ask(path, question, values):
    with contextlib.closing(sqlite3.connect(path)) as file:
        return file.execute(question, values).fetchall()


def test_found_beside(stage, postgres, monkeypatch):
    monkeypatch.setattr(oracle, "GONE_S", 0)
    postgres.run("CREATE DATABASE drover_trial_left")
    partial = stage.fleet.folder / "one" / "backups" / "left.partial"
    partial.write_bytes(b"")
    held = postgres.connect("o1", user="drover")
    with held.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1)")
        cursor.execute("BEGIN")
        found = judge(stage)
    held.close()
    partial.unlink()
    postgres.run("DROP DATABASE drover_trial_left")
    assert {line.split(":")[0] for line in found} == \
        {"12 database drover_trial_left", "12 left.partial", "12 o1"}
    assert sum(line.startswith("12 o1") for line in found) == 2
