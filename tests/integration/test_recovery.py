"""An agent is killed anywhere in a recovery point or a restore: it goes on, and leaves nothing.

Judged by what stands: lib/recovery.py, lib/effects.py.
"""
import signal

import pytest

from lib import effects, rollouts
from lib.recovery import (COUNT, DUMP, STOOD_AT, assert_nothing_beside, assert_one_point, failure,
                          files, go_on, ledger, listed, open_fleet)

# In the worker, which stops there so that the agent can be killed around it.
WORKER_POINTS = [f"agent.backup.{where}" for where in
                 ("begun", "written", "synced", "read-back", "manifest-written", "manifest-named",
                  "published", "restoring")]
PROTECT_POINTS = [f"agent.{where}" for where in
                  ("step.protect", "protect.dumped", "protect.trial-created",
                   "protect.trial-filled", "protect.tried")]
RESTORE_POINTS = [f"agent.restore.{where}" for where in
                  ("created", "filled", "sealed", "ready", "closed", "renamed", "swapped")]
BACKUP_FAILED = "DRV-4002"
FRESH = [f"fresh{n:02d}" for n in range(18)]
STOOD = [f"stood{n:02d}" for n in range(8)]


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    with open_fleet(folder, postgres, FRESH, STOOD) as fleet:
        yield fleet


@pytest.fixture(autouse=True)
def agent_is_back(fleet):
    """As it was, whatever a test that failed left."""
    yield
    if not fleet.agents["one"].is_running():
        fleet.start_agent("one")


def kill_at(fleet, point, order):
    """Give the order to an agent that is killed there; start it again. What the order answered."""
    worker = point.startswith("agent.backup.")
    fleet.agents["one"].stop()
    agent = fleet.start_agent("one", DROVER_FAILPOINT=f"{point}=stop" if worker else point)
    answer = order()
    agent.wait_for_line(r"^failpoint ")
    if worker:
        agent.send(signal.SIGKILL)
    agent.wait()
    fleet.start_agent("one")
    return answer


@pytest.mark.parametrize("point", [*WORKER_POINTS, *PROTECT_POINTS])
def test_killed_in_a_rollout(fleet, postgres, point):
    name = next(fleet.fresh)
    spec = fleet.write_spec("chain", select=f"name={name}", **DUMP)
    rollout = kill_at(fleet, point, lambda: rollouts.start(fleet, spec))
    rollouts.assert_ends(fleet, rollout, "succeeded")
    effects.assert_applied_once(postgres, name, COUNT)
    effects.assert_nothing_left(postgres, name)
    assert assert_one_point(fleet, postgres, name)["rollout"] == rollout


@pytest.mark.parametrize("point", ["agent.backup.synced", "agent.backup.published",
                                   "agent.protect.dumped"])
def test_killed_in_backup_create(fleet, postgres, point):
    name = next(fleet.fresh)
    rollout = kill_at(fleet, point, lambda: fleet.ok(
        "backup", "create", "--tenant", name, "--yes", "-o", "json").json["rollout"])
    rollouts.assert_ends(fleet, rollout, "succeeded")
    assert_one_point(fleet, postgres, name)
    assert effects.traces(postgres, name) == []


def test_only_the_worker_killed(fleet, postgres):
    """The agent lives and takes the dump again; what the dead worker left is gone."""
    name = next(fleet.fresh)
    spec = fleet.write_spec("chain", select=f"name={name}", attempts=1, **DUMP)
    fleet.agents["one"].stop()
    agent = fleet.start_agent("one", DROVER_FAILPOINT="agent.backup.manifest-named")
    rollout = rollouts.start(fleet, spec)
    rollouts.assert_ends(fleet, rollout, "paused")
    task = failure(fleet, rollout)
    assert task["code"] == BACKUP_FAILED
    assert "the backup worker died of signal 9" in task["error"]
    assert files(fleet, name) == [] and effects.traces(postgres, name) == []
    agent.stop()
    fleet.start_agent("one")
    go_on(fleet, rollout)
    effects.assert_applied_once(postgres, name, COUNT)
    assert_one_point(fleet, postgres, name)


@pytest.mark.parametrize("point", [*RESTORE_POINTS, "agent.backup.restoring"])
def test_killed_in_a_restore(fleet, postgres, point):
    name = next(fleet.stood)
    (backup,) = listed(fleet, name)
    rollout = kill_at(fleet, point, lambda: fleet.ok(
        "backup", "restore", backup["backup"], "--accept-data-loss", "--yes",
        "-o", "json").json["rollout"])
    rollouts.assert_ends(fleet, rollout, "succeeded")
    assert_restored(fleet, postgres, name)


def test_killed_in_a_rollback(fleet, postgres):
    """The same by `rollback --method restore`, from the dump that the rollout itself took."""
    name = next(fleet.fresh)
    spec = fleet.write_spec("chain", select=f"name={name}", **DUMP)
    forward = rollouts.start(fleet, spec)
    rollouts.assert_ends(fleet, forward, "succeeded")
    back = kill_at(fleet, "agent.restore.renamed", lambda: fleet.ok(
        "rollback", forward, "--method", "restore", "--accept-data-loss", "--yes",
        "-o", "json").json["rollout"])
    rollouts.assert_ends(fleet, back, "succeeded")
    assert effects.traces(postgres, name) == []
    assert [row[1] for row in ledger(postgres, name)] == ["baseline", "restore"]
    assert_nothing_beside(postgres, kept=[f"{name}_drover_old_"])


def assert_restored(fleet, postgres, name):
    """Back where it stood, once; as it was, the database is kept whole, and takes nobody."""
    effects.assert_applied_once(postgres, name, STOOD_AT)
    effects.assert_nothing_left(postgres, name)
    assert [row[1] for row in ledger(postgres, name)].count("restore") == 1
    assert_nothing_beside(postgres, kept=[f"{name}_drover_old_"])
    assert files(fleet, name) == [".dbk", ".manifest"]
    (old,) = [d for d in postgres.databases() if d.startswith(f"{name}_drover_old_")]
    assert not postgres.value("SELECT datallowconn FROM pg_database WHERE datname = %s",
                              values=(old,))
    postgres.run(f'ALTER DATABASE "{old}" ALLOW_CONNECTIONS true')
    effects.assert_applied_once(postgres, old, COUNT)
    postgres.run(f'ALTER DATABASE "{old}" ALLOW_CONNECTIONS false')
