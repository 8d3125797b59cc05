"""A rollout is stopped where nobody hears of the job in hand: its agent is dead, was away, or lost
its connection. The stop comes to its end all the same, and late word still counts.
"""
import pytest

from lib import rollouts, scenes

TENANTS = [f"s{n:02d}" for n in range(8)]


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    with scenes.open_fleet(folder, postgres, TENANTS) as fleet:
        yield fleet


@pytest.fixture
def scene(fleet, postgres):
    if not fleet.agents["one"].is_running():  # after a test that failed
        fleet.start_agent("one")
    scene = scenes.Scene(fleet, postgres)
    yield scene
    scene.gates.open_all()


def test_stop_again_gives_up_what_nobody_knows_of(scene):
    """The agent is dead: a second stop ends the rollout, and late word still counts."""
    rollout = scenes.stopping(scene)
    scene.fleet.agents["one"].kill()
    scene.kill_coordinator()
    scene.fleet.start_coordinator()
    rollouts.await_status(scene.fleet, rollout, lambda s: s["counts"]["unknown"] == 1)
    scene.order(rollout, "stop")
    assert rollouts.status(scene.fleet, rollout)["state"] == "stopped"
    scene.kill_coordinator()
    scene.fleet.start_coordinator()
    assert rollouts.tasks(scene.fleet, rollout)[scene.a]["state"] == "outstanding"
    scene.gates.open_all()
    scene.fleet.start_agent("one")
    rollouts.await_status(scene.fleet, rollout, lambda s: s["counts"]["outstanding"] == 0)
    assert rollouts.status(scene.fleet, rollout)["state"] == "stopped"
    scene.assert_stories("V001 V002", scenes.FIRST)
    scene.give_back()


def test_stop_counts_for_an_agent_that_was_away(scene):
    """It never heard of the stop, which was given up on it: it still halts."""
    scene.gates.shut(scene.a)
    rollout = scene.start(scenes.ONE_BY_ONE)
    scene.gates.await_somebody(scene.a)
    scene.fleet.agents["one"].kill()
    scene.order(rollout, "stop")
    rollouts.await_status(scene.fleet, rollout, lambda s: s["counts"]["unknown"] == 1)
    scene.order(rollout, "stop")
    scene.wait(rollout, "stopped")
    scene.gates.open_all()
    scene.fleet.start_agent("one")
    rollouts.await_status(scene.fleet, rollout, lambda s: s["counts"]["outstanding"] == 0)
    scene.assert_stories("V001 V002", scenes.FIRST)
    scene.give_back()


def test_connection_lost_while_stopping(scene):
    """A job that fails for a passing reason is not tried again, and does not wait for ever."""
    rollout = scenes.stopping(scene)
    scene.postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                       " WHERE datname = %s AND usename = 'drover' AND wait_event = 'PgSleep'",
                       values=(scene.a,))
    rollouts.assert_ends(scene.fleet, rollout, "stopped")
    assert rollouts.tasks(scene.fleet, rollout)[scene.a]["state"] == "failed"
    scene.assert_stories("V001 V002", scenes.FIRST)
    scene.give_back()
