"""Programs are killed at every durable write and every step; each migration still takes effect once.

The judge counts what the migrations themselves left (lib/effects.py).
"""
import pytest

from lib import configs, effects, rollouts
from lib.fleet import Fleet

COUNT = 4
AGENT_POINTS = [
    "agent.step.check", "agent.step.work", "agent.step.verify",
    "agent.change.begin", "agent.change.scripted", "agent.change.recorded",
    "agent.change.committed", "agent.change.committed@3",
    "agent.piecewise.started", "agent.piecewise.executed", "agent.piecewise.done",
    "agent.journal.before-commit", "agent.journal.after-commit", "agent.journal.before-commit@3",
    "agent.journal.after-commit@3", "agent.job.ended", "agent.reports.sent",
]
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    names = [f"t{n:02d}" for n in range(60)]
    postgres.create_tenants(names)
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, names)]},
               coordinator_changes={"lease": "2s"}) as fleet:
        fleet.names = iter(names)
        fleet.push_bundle(effects.write(folder / "chain", COUNT, outside=(3,)), "chain")
        yield fleet


def prepare(fleet):
    """A fresh tenant with its baseline, and a spec that names it alone."""
    name = next(fleet.names)
    rollouts.baseline(fleet, f"name={name}", application="chain")
    return name, fleet.write_spec("chain", name=f"{name}.yaml", select=f"name={name}", **NO_POINT)


@pytest.mark.parametrize("point", AGENT_POINTS)
def test_agent_killed(fleet, postgres, point):
    name, spec = prepare(fleet)
    fleet.agents["one"].stop()
    agent = fleet.start_agent("one", DROVER_FAILPOINT=point)
    rollout = rollouts.start(fleet, spec)
    agent.wait_for_line(r"^failpoint ")
    agent.wait()
    fleet.start_agent("one")
    rollouts.assert_ends(fleet, rollout, "succeeded")
    effects.assert_applied_once(postgres, name, COUNT)
    effects.assert_nothing_left(postgres, name)


@pytest.mark.parametrize("point", [f"coordinator.{where}@{pass_}"
                                   for where in ("before-commit", "after-commit", "sent")
                                   for pass_ in (1, 2, 3, 4, 5, 6)])
def test_coordinator_killed(fleet, postgres, point):
    name, spec = prepare(fleet)
    fleet.coordinator.stop()
    fleet.start_coordinator(DROVER_FAILPOINT=point)
    fleet.drover("rollout", "start", spec, "--yes", "-o", "json")  # its answer may be lost
    coordinator = fleet.coordinator
    coordinator.wait_for_line(r"^failpoint ", after=0)
    coordinator.wait()
    fleet.start_coordinator()
    started = [row for row in fleet.ok("rollout", "list", "-o", "json").json["rollouts"]
               if row["state"] != "succeeded" or row["tasks"] == 1]
    newest = max(started, key=lambda row: row["created_us"]) if started else None
    if newest is None or not tasks_of(fleet, newest["rollout"], name):
        newest = {"rollout": rollouts.start(fleet, spec)}
    rollouts.assert_ends(fleet, newest["rollout"], "succeeded")
    effects.assert_applied_once(postgres, name, COUNT)
    effects.assert_nothing_left(postgres, name)


def tasks_of(fleet, rollout, name):
    shown = fleet.ok("rollout", "report", rollout, "-o", "json").json
    return [task for task in shown["tasks"] if task["name"] == name]
