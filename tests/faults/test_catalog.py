"""The catalog is put back to what it was at every fifth commit of a rollout.

Whatever copy it is, nothing is migrated twice: a coordinator that runs on a copy older than what
its agent has seen says so, dispatches nothing until the agent has filled it again, and lets what
goes forward wait for a person. Then the rollout, or the same one ordered anew where the copy does
not know it, comes to its end.
"""
import contextlib
import sqlite3
import time

import pytest

import oracle
import stage as stages
from lib import rollouts

EACH = 2
ROUNDS = 3 if stages.ALL else 1
FIFTH = 5
BEHIND = 'event="catalog went back in time"'
AWAIT_S = 60
MOST = 1000 if stages.ALL else 5  # copies that are tried, spread over all


@pytest.fixture(scope="module")
def stage(folder, postgres):
    names = [f"k{number:02d}" for number in range(2 * EACH * ROUNDS)]
    with stages.open_stage(folder, postgres, names) as stage:
        yield stage


def copy(stage, to):
    """A whole copy with what its log holds (sqlite.org/backup.html)."""
    with contextlib.closing(sqlite3.connect(stage.fleet.folder / "catalog.sqlite")) as source, \
            contextlib.closing(sqlite3.connect(to)) as target:
        source.backup(target)


def copies_of_a_rollout(stage, names, folder):
    """Run it, and keep a copy whenever the catalog has been committed to; every fifth of them."""
    folder.mkdir()
    kept = []
    with contextlib.closing(sqlite3.connect(stage.fleet.folder / "catalog.sqlite")) as watch:
        operator = stages.Operator(stage, *names, policy=stages.NO_POINT)
        seen = None
        while not operator.is_over():
            version = watch.execute("PRAGMA data_version").fetchone()[0]
            if version != seen:
                seen = version
                kept.append(folder / f"copy.{len(kept)}")
                copy(stage, kept[-1])
    operator.child.wait()
    return kept[::FIFTH] if stages.ALL else kept[::max(1, len(kept) // MOST)]


def put_back(stage, path):
    stage.fleet.agents["one"].stop()
    stage.fleet.coordinator.stop()
    catalog = stage.fleet.folder / "catalog.sqlite"
    for ending in ("-wal", "-shm"):
        catalog.with_name(catalog.name + ending).unlink(missing_ok=True)
    catalog.write_bytes(path.read_bytes())


def recover(stage):
    """Start it, until its agent has handed over what it lacks; whether it said that it is older."""
    coordinator = stage.fleet.start_coordinator()
    agent = stage.fleet.start_agent("one")
    agent.wait_for_line("event=welcomed")
    end = time.monotonic() + AWAIT_S
    while stage.fleet.ok("coordinator", "recovery", "-o", "json").json["recovering"]:
        assert time.monotonic() < end, stage.fleet.output()[-20000:]
        time.sleep(0.05)  # polling an event that only this command tells
    return any(BEHIND in line for line in coordinator.lines)


def resume(stage, rollout):
    if rollouts.status(stage.fleet, rollout)["state"] == "paused":
        stage.fleet.ok("rollout", "resume", rollout, "--yes")


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_older_catalog(stage, folder, round_):
    names = [stage.tenant() for _ in range(EACH)]
    kept = copies_of_a_rollout(stage, names, folder / f"copies{round_}")
    said = 0
    for path in kept:
        put_back(stage, path)
        said += recover(stage)
        world = oracle.World(stage.postgres, stage.fleet, names)
        known = world.catalog(
            "SELECT r.rollout_id FROM rollout AS r JOIN task AS t USING (rollout_id)"
            " WHERE r.kind = 1 AND t.tenant_name = ?", names[0])
        rollout = known[0][0] if known else rollouts.start(
            stage.fleet, stage.spec(*names, policy=stages.NO_POINT))
        resume(stage, rollout)
        stage.finish(rollout)
        stage.judge(*names, forgot=True)
    assert said > 0  # all but the first copy are older than what the agent has seen
    stages.note(f"catalog put back to {len(kept)} earlier commits", "rollout",
                f"said {said} times that it is behind; nothing twice; succeeded")
