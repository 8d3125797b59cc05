"""The judge is judged: whatever it is to find is put there by hand, and it finds it.

A fleet at rest, two tenants in two waves, brought forward with recovery points, and a third one
that was brought back: nothing is found. Then one thing at a time is made wrong in a database, in
the catalog, in the agent's journal or beside them. What only looks wrong is not found.
"""
import contextlib
import re
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
    with stages.open_stage(folder, postgres, ["o1", "o2", "o3"]) as stage:
        fleet = stage.fleet
        rollouts.assert_ends(fleet, rollouts.start(
            fleet, stage.spec("o1", "o2", waves=TWO_WAVES)), "succeeded")
        for target in ("V001", "V004"):  # the trace is V001's own table
            there = rollouts.start(fleet, stage.spec("o3", policy=stages.NO_POINT, target=target))
            rollouts.assert_ends(fleet, there, "succeeded")
        back = fleet.ok("rollback", there, "--yes", "-o", "json").json["rollout"]
        rollouts.assert_ends(fleet, back, "succeeded")
        assert judge(stage) == []
        fleet.agents["one"].stop()  # whose own looking round would be a session at work
        yield stage


@pytest.fixture(autouse=True)
def at_once(stage, monkeypatch):
    """What is wrong here does not mend itself."""
    monkeypatch.setattr(oracle, "GONE_S", 0)


def judge(stage):
    return oracle.judge(oracle.World(stage.postgres, stage.fleet, ["o1", "o2", "o3"]))


def assert_found(found, words):
    """A line that begins with the invariant's number and says these words in this order."""
    assert any(re.match(words + r"\b", line) for line in found), found


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


@pytest.mark.parametrize("words, wrong, right", IN_A_TENANT)
def test_found_in_a_tenant(stage, postgres, words, wrong, right):
    postgres.run(wrong, "o2")
    found = judge(stage)
    postgres.run(right, "o2")
    assert_found(found, words)
    assert judge(stage) == []


JOB = "(SELECT job_id FROM drover.history WHERE version = 'V004' AND kind = '{}')"
LAST = "seq = (SELECT max(seq) FROM drover.history)"  # V002 is undone by it
TAKEN_BACK = [
    ("9 o3: row [0-9]+ was begun after its rollback was",
     edit("started_us = started_us + 3600000000 WHERE version = 'V004' AND kind = 'apply'"),
     edit("started_us = started_us - 3600000000 WHERE version = 'V004' AND kind = 'apply'")),
    ("9 o3: row [0-9]+ is of a job that was taken back",
     edit(f"kind = 'apply', job_id = {JOB.format('apply')} WHERE {LAST}"),
     edit(f"kind = 'undo', job_id = {JOB.format('undo')} WHERE {LAST}")),
]


@pytest.mark.parametrize("words, wrong, right", TAKEN_BACK)
def test_found_after_a_rollback(stage, postgres, words, wrong, right):
    postgres.run(wrong, "o3")
    found = judge(stage)
    postgres.run(right, "o3")
    assert_found(found, words)
    assert judge(stage) == []


# Two that fail in one wave, o2 behind o1: which of them the fleet visited first is chance.
ONE_WAVE = ("UPDATE task SET wave = 1, state = 8, started_us = 1 + 2 * (tenant_name = 'o2'),"
            " finished_us = 2 + 2 * (tenant_name = 'o2')"
            " WHERE tenant_name IN ('o1', 'o2') AND touched = 1")
RUNNING = "UPDATE rollout SET state = 1, finished_us = 0, reason = '' WHERE kind = 1;"
UNDONE = "UPDATE task SET state = 3 WHERE tenant_name = 'o2' AND touched = 1;"
HOLD = ("INSERT INTO signed_order (digest, order_id, kind, document, issued_us, accepted_us,"
        " expires_us, received_us) VALUES ('{0}', '{0}', {1}, x'', {2}, 1, 1, 1);")

IN_THE_CATALOG = [
    ("4 o2: failed in wave 1", ONE_WAVE),
    ("9 o3: report [0-9]+ is of a step", "UPDATE report SET started_us = started_us + 3600000000"
     " WHERE step = 3 AND job_id IN (SELECT job_id FROM task WHERE tenant_name = 'o3')"),
    ("13 o2: state 3 in", RUNNING + UNDONE),
    ("13 o2: state 3 in", RUNNING + UNDONE + HOLD.format("h", 9, 5) + HOLD.format("r", 10, 6)),
    ("13 [0-9a-f-]+: state 1, and every tenant", RUNNING),
    ("13 [0-9a-f-]+: state 2, and every tenant", RUNNING.replace("state = 1", "state = 2")),
    ("3", "DELETE FROM recovery_point"),
    ("3", "UPDATE recovery_point SET taken_us = taken_us + 3600000000"),
    ("8", "UPDATE task SET state = 3 WHERE tenant_name = 'o2' AND touched = 1"),
    ("10", "DELETE FROM report WHERE number = 2"),
    ("11", "UPDATE task SET position = 3 WHERE tenant_name = 'o2' AND touched = 1"),
]


def change_copy(source, target, wrong):
    """In a copy: the programs have their files to themselves."""
    with contextlib.closing(sqlite3.connect(source)) as source, \
            contextlib.closing(sqlite3.connect(target)) as target:
        source.backup(target)
        target.executescript(wrong)
        target.commit()


def judge_catalog(stage, monkeypatch, tmp_path, wrong):
    change_copy(stage.fleet.folder / "catalog.sqlite", tmp_path / "catalog.sqlite", wrong)
    with monkeypatch.context() as patch:
        patch.setattr(oracle.World, "catalog", lambda _, question, *values: oracle.ask(
            tmp_path / "catalog.sqlite", question, values))
        return judge(stage)


@pytest.mark.parametrize("words, wrong", IN_THE_CATALOG)
def test_found_in_the_catalog(stage, monkeypatch, tmp_path, words, wrong):
    assert_found(judge_catalog(stage, monkeypatch, tmp_path, wrong), words)


PAUSED = RUNNING.replace("state = 1", "state = 2").replace("reason = ''", "reason = 'the budget'")
RIGHT = [
    ("4", "one failure is in the budget", ONE_WAVE + "; UPDATE wave SET budget = 1"),
    ("4", "an operator accepted it", ONE_WAVE + "; UPDATE wave SET forgiven = 1"),
    ("4", "the wave keeps no budget", ONE_WAVE + "; UPDATE wave SET on_failure = 2"),
    ("4", "it was in flight", ONE_WAVE + "; UPDATE task SET started_us = 1"),
    ("13", "paused, and says why", PAUSED + UNDONE),
    ("13", "a hold", RUNNING + UNDONE + HOLD.format("h", 9, 5)),
    ("13", "a wave waits", RUNNING.replace("reason = ''", "reason = 'no ticket'") + UNDONE +
     "UPDATE wave SET state = 6"),
    ("13", "its cluster is out of reach", "UPDATE rollout SET state = 1 WHERE rollout_id ="
     " (SELECT rollout_id FROM task WHERE tenant_name = 'o2' AND touched = 1);" + UNDONE +
     "UPDATE cluster SET problem = 'no route to host'"),
]


@pytest.mark.parametrize("number, why, right", RIGHT)
def test_not_found(stage, monkeypatch, tmp_path, number, why, right):
    found = judge_catalog(stage, monkeypatch, tmp_path, right)
    assert [line for line in found if line.startswith(f"{number} ")] == [], why


IN_THE_JOURNAL = [("13 o[123]: one has a job of it in hand", "UPDATE job SET finished = 0"),
                  ("10 one: reports", "INSERT INTO report SELECT 9999, attempt, kept_us, payload,"
                   " result FROM report LIMIT 1")]


@pytest.mark.parametrize("words, wrong", IN_THE_JOURNAL)
def test_found_in_the_journal(stage, monkeypatch, tmp_path, words, wrong):
    change_copy(stage.fleet.folder / "one" / "state" / "journal.sqlite",
                tmp_path / "journal.sqlite", wrong)
    monkeypatch.setattr(oracle.World, "journal", lambda _, agent, question, *values: oracle.ask(
        tmp_path / "journal.sqlite", question, values))
    assert_found(judge(stage), words)


def test_found_beside(stage, postgres):
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
