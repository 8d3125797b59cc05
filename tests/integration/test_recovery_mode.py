"""A catalog restored from an older copy: recognised, filled again from agents' kept reports, and only
then at work again.

Judged by what stands in the tenants (lib/effects.py) and by what an operator is shown.
"""
import shutil
import sqlite3
import time

import pytest

from lib import configs, effects, gates, rollouts
from lib.fleet import Fleet
from lib.postgres import Postgres

COUNT = 3
GATED = 2
RECOVERING = "DRV-6030"
WAITS = 4  # exit code
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
WAVES = [{"name": "first", "count": 1}, {"name": "rest", "rest": True}]
AWAIT_S = 60


@pytest.fixture(scope="module")
def other(folder):
    """A second cluster, for the agent that is waited for."""
    with Postgres(folder, "other") as server:
        server.create_roles()
        yield server


@pytest.fixture(scope="module")
def fleet(folder, postgres, other):
    here = [f"a{n}" for n in range(8)]
    there = [f"b{n}" for n in range(8)]
    postgres.create_tenants(here)
    other.create_tenants(there)
    agents = {"one": [configs.cluster(postgres, here)], "two": [configs.cluster(other, there)]}
    with Fleet(folder / "fleet", agents, coordinator_changes={"lease": "3s", "heartbeat": "100ms"},
               agent_changes={"heartbeat": "100ms", "reconnect_max": "100ms"}) as fleet:
        fleet.push_bundle(gates.write(folder / "chain", COUNT, gated=(GATED,)), "chain")
        rollouts.baseline(fleet, application="chain")
        yield fleet


def catalog(fleet):
    return fleet.folder / "catalog.sqlite"


def copy_now(fleet):
    """A copy of the catalog as it stands, made while the coordinator runs."""
    path = fleet.folder / "catalog.copy"
    path.unlink(missing_ok=True)
    with sqlite3.connect(catalog(fleet)) as source, sqlite3.connect(path) as copy:
        source.backup(copy)
    return path


def restore(fleet, copy, **env):
    """End the coordinator and start it on the copy."""
    fleet.coordinator.stop()
    for ending in ("", "-wal", "-shm"):
        path = catalog(fleet).with_name(catalog(fleet).name + ending)
        path.unlink(missing_ok=True)
    shutil.copy(copy, catalog(fleet))
    return fleet.start_coordinator(**env)


def recovery(fleet):
    return fleet.ok("coordinator", "recovery", "-o", "json").json


def await_recovery(fleet, holds):
    """Until what 'coordinator recovery' shows is so."""
    end = time.monotonic() + AWAIT_S
    while not holds(last := recovery(fleet)):
        assert time.monotonic() < end, f"{last}\n{fleet.output()[-15000:]}"
        time.sleep(0.05)  # polling an event that only this command tells
    return last


def standing(fleet):
    return {row["name"]: row["standing"] for row in recovery(fleet)["agents"]}


def start(fleet, select, **changes):
    spec = fleet.write_spec("chain", select=select, **{"waves": WAVES, **NO_POINT, **changes})
    return rollouts.start(fleet, spec)


def go_on(fleet, rollout):
    """Resume it where it waits for a person, and see it to its end."""
    if rollouts.status(fleet, rollout)["state"] == "paused":
        fleet.ok("rollout", "resume", rollout)
    rollouts.assert_ends(fleet, rollout, "succeeded")


@pytest.fixture
def held(postgres):
    opened = gates.Gates(postgres)
    yield opened
    opened.open_all()


def test_settled_from_reports_before_anything_is_dispatched(fleet, postgres, other, held):
    """The copy has the rollout at its very beginning; the fleet has long done it. With an agent away,
    nothing is dispatched, and everybody is told whom it waits for."""
    held.shut("a0")
    rollout = start(fleet, "name in (a0,a1,b0)")
    held.await_somebody("a0")
    copy = copy_now(fleet)
    held.open_all()
    rollouts.assert_ends(fleet, rollout, "succeeded")
    before = len(traces := effects.traces(postgres, "a0")) + len(effects.traces(postgres, "a1"))
    assert len(traces) == COUNT
    fleet.agents["two"].stop()
    restore(fleet, copy)
    fleet.coordinator.wait_for_line(r'event="catalog went back in time"')
    shown = await_recovery(fleet, lambda r: r["recovering"] and r["waits_for"] == 1)
    assert {row["name"]: row["standing"] for row in shown["agents"]} == {"one": "done",
                                                                         "two": "awaited"}
    # visible wherever an operator looks
    assert "two (awaited)" in fleet.coordinator.output()
    for words in (("coordinator",), ("rollout", "list"), ("rollout", "status", rollout)):
        assert "went back in time and dispatches nothing" in fleet.ok(*words).err
    # settled from what agent one kept, though the catalog had them in hand and pending
    states = {name: task["state"] for name, task in rollouts.tasks(fleet, rollout).items()}
    assert states["a0"] == states["a1"] == "succeeded", states
    assert states["b0"] != "succeeded"
    # nothing begins on what nobody knows
    spec = fleet.write_spec("chain", select="name=a7", **NO_POINT)
    refused = fleet.drover("rollout", "start", spec, "--yes")
    assert refused.code == WAITS and RECOVERING in refused.err, refused
    # a restart in the middle forgets nothing
    fleet.coordinator.stop()
    fleet.start_coordinator()
    assert recovery(fleet)["recovering"]
    fleet.start_agent("two")
    await_recovery(fleet, lambda r: not r["recovering"])
    go_on(fleet, rollout)
    assert len(effects.traces(postgres, "a0")) + len(effects.traces(postgres, "a1")) == before
    for server, name in ((postgres, "a0"), (postgres, "a1"), (other, "b0")):
        effects.assert_applied_once(server, name, COUNT)
    jobs = [row["attempts"] for row in rollouts.tasks(fleet, rollout).values()]
    assert jobs == [1, 1, 1], "a task was dispatched again"
    actions = [row["action"] for row in fleet.ok("audit", "log", "-o", "json").json["rows"]]
    assert actions.count("recovery.begin") == actions.count("recovery.end") == 1


def epochs(fleet):
    return int(recovery(fleet)["epoch"])


def test_rollouts_that_only_agents_know(fleet, postgres, other):
    """The copy is of before the rollout: agents' reports name it, and where its order is kept."""
    copy = copy_now(fleet)
    rollout = start(fleet, "name in (a2,b2)")
    rollouts.assert_ends(fleet, rollout, "succeeded")
    order = rollouts.status(fleet, rollout)["order_digest"]
    seen = epochs(fleet)
    restore(fleet, copy)
    shown = await_recovery(fleet, lambda r: r["since_us"] > 0 and not r["recovering"]
                           and r["unknown_rollouts"])
    assert epochs(fleet) > seen
    row, = [row for row in shown["unknown_rollouts"] if row["rollout"] == rollout]
    assert row["order_digest"] == order and row["application"] == "chain" and row["jobs"] == 2
    assert f"papers/{order}" in row["words"] and not row["order_here"]
    agent = row["agent"]
    assert list((fleet.folder / agent / "state").glob(f"papers/{order}*")), row
    text = fleet.ok("coordinator", "recovery").out
    assert rollout in text and order in text
    # where its tenants stand comes with their inventory, and the next rollout finds it so
    again = start(fleet, "name in (a2,b2)", look=True)
    rollouts.assert_ends(fleet, again, "succeeded")
    for server, name in ((postgres, "a2"), (other, "b2")):
        effects.assert_applied_once(server, name, COUNT)


def test_an_operator_goes_on_without_an_agent(fleet, postgres, other):
    """What the agent knew comes in when it is back, beside the work."""
    copy = copy_now(fleet)
    rollout = start(fleet, "name in (a3,b3)")
    rollouts.assert_ends(fleet, rollout, "succeeded")
    fleet.agents["two"].stop()
    restore(fleet, copy)
    await_recovery(fleet, lambda r: r["recovering"] and r["waits_for"] == 1)
    unknown = fleet.drover("coordinator", "recovered", "--without", "nobody", "--reason", "x",
                           "--yes")
    assert unknown.code == 1, unknown
    done = fleet.drover("coordinator", "recovered", "--without", "one", "--reason", "x", "--yes")
    assert done.code == 1 and "handed over everything" in done.err
    unasked = fleet.drover("coordinator", "recovered", "--without", "two", "--reason", "gone")
    assert unasked.code == WAITS and "not known here" in unasked.out + unasked.err
    fleet.ok("coordinator", "recovered", "--without", "two", "--reason", "host burnt", "--yes")
    await_recovery(fleet, lambda r: not r["recovering"])
    assert standing(fleet)["two"] == "without"
    rows = fleet.ok("audit", "log", "--action", "coordinator.recovered", "-o", "json").json["rows"]
    assert "host burnt" in rows[0]["detail"] and rows[0]["result"] == "ok"
    fleet.start_agent("two")
    await_recovery(fleet, lambda r: standing(fleet)["two"] == "done")
    assert not recovery(fleet)["recovering"], "it recovers again"
    names = {row["rollout"] for row in recovery(fleet)["unknown_rollouts"]}
    assert rollout in names
    effects.assert_applied_once(other, "b3", COUNT)


def test_what_people_ordered_meanwhile_is_not_known(fleet, postgres, held):
    """A stop that the copy never heard of is not undone by it: what goes forward waits."""
    held.shut("a4")
    rollout = start(fleet, "name in (a4,a5)", waves=[{"name": "all", "rest": True,
                                                      "max_parallel": 1}])
    held.await_somebody("a4")
    copy = copy_now(fleet)
    fleet.ok("rollout", "pause", rollout)
    held.open_all()
    rollouts.await_status(fleet, rollout, lambda s: s["in_flight"] == 0)
    since = recovery(fleet)["since_us"]
    restore(fleet, copy)
    await_recovery(fleet, lambda r: r["since_us"] > since and not r["recovering"])
    shown = rollouts.status(fleet, rollout)
    assert shown["state"] == "paused" and "drover rollout resume" in shown["reason"]
    assert effects.traces(postgres, "a5") == []
    go_on(fleet, rollout)
    effects.assert_applied_once(postgres, "a4", COUNT)
    effects.assert_applied_once(postgres, "a5", COUNT)


def test_no_recovery_without_a_reason(fleet):
    """An ordinary restart is none, and nothing waits."""
    since = recovery(fleet)["since_us"]
    fleet.coordinator.stop()
    fleet.start_coordinator()
    refused = fleet.drover("coordinator", "recovered", "--without", "two", "--reason", "x", "--yes")
    assert refused.code == 1 and "not recovering" in refused.err
    assert recovery(fleet)["since_us"] == since


def test_copies_are_said(fleet):
    fleet.ok("coordinator", "saved")
    shown = recovery(fleet)
    assert shown["saved_us"] > 0
    refused = fleet.drover("coordinator", "saved", "--at", "2h")
    assert refused.code == 1 and "later copy" in refused.err
