"""The coordinator is killed in every state that a rollout and a wave can be in, and goes on.

Each case brings a rollout into a state by orders and by failures (lib/gates.py), kills the
coordinator there, sees that nothing was lost and that the rollout comes to its right end. What ran
in the tenants is judged by what the migrations left (lib/effects.py).
"""
import re
from dataclasses import dataclass
from typing import Callable

import pytest

from lib import effects, gates, migrations, rollouts, scenes
from lib.fleet import program
from lib.process import Child, clean_environment

DONE = scenes.DONE
BACK = f"{DONE} -V004 -V003 -V002"
TENANTS = [f"s{n:02d}" for n in range(8)]
FRESH = [f"fresh{n}" for n in range(6)]


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    with scenes.open_fleet(folder, postgres, TENANTS, FRESH) as fleet:
        fleet.fresh = list(FRESH)
        yield fleet


@pytest.fixture
def scene(fleet, postgres):
    if not fleet.agents["one"].is_running():  # after a test that failed
        fleet.start_agent("one")
    scene = scenes.Scene(fleet, postgres)
    yield scene
    scene.gates.open_all()


# What is done then, and what must come of it.


def goes_on(scene, rollout):
    scene.gates.open_all()
    rollouts.assert_ends(scene.fleet, rollout, "succeeded")
    scene.assert_stories(DONE, DONE)


def resumed(scene, rollout):
    scene.gates.open_all()
    scene.order(rollout, "resume")
    goes_on(scene, rollout)


def resumed_over_the_failure(scene, rollout):
    scene.order(rollout, "resume")
    rollouts.assert_ends(scene.fleet, rollout, "incomplete")
    scene.assert_stories("V001 V002", DONE)


def retried(scene, rollout):
    scene.gates.open_all()
    scene.order(rollout, "retry")
    goes_on(scene, rollout)


def halts(scene, rollout):
    """A stop that was asked before: the change in hand ends, and no other begins."""
    scene.gates.open_all()
    rollouts.assert_ends(scene.fleet, rollout, "stopped")
    scene.assert_halted(scenes.FIRST)


def is_stopped(scene, rollout):
    scene.order(rollout, "stop")
    rollouts.assert_ends(scene.fleet, rollout, "stopped")
    scene.assert_stories(DONE, scenes.FIRST)


def stays_stopped(scene, rollout):
    rollouts.assert_ends(scene.fleet, rollout, "stopped")
    scene.assert_stories(DONE, scenes.FIRST)


def stands_and_is_rolled_back(scene, rollout):
    scene.assert_stories("V001 V002 V003", scenes.FIRST)
    is_rolled_back(scene, rollout)


def is_rolled_back(scene, rollout):
    scene.gates.open_all()
    rollouts.assert_ends(scene.fleet, scene.roll_back(rollout), "succeeded")
    for tenant in (scene.a, scene.b):
        before = [step for step in effects.traces(scene.postgres, tenant) if step[1] == "apply"]
        undone = [f"-{version}" for version, _ in reversed(before[1:])]
        effects.assert_story(scene.postgres, tenant,
                             " ".join([version for version, _ in before] + undone))


def reverts(scene, rollout):
    """The job in hand ends, then the wave is taken back."""
    scene.gates.open_all()
    rollouts.assert_ends(scene.fleet, rollout, "failed")
    rollouts.assert_ends(scene.fleet, scene.child(rollout), "succeeded")
    scene.assert_halted("V001 V002 -V002", "-V003 -V002")


def is_stopped_while_reverting(scene, rollout):
    scene.order(rollout, "stop")
    scene.gates.open_all()
    rollouts.assert_ends(scene.fleet, rollout, "stopped")
    assert rollouts.status(scene.fleet, rollout)["children"] == []
    scene.assert_halted("V001 V002")


def goes_back(scene, rollout):
    """The rollback goes on; the failed ones' was ordered by nobody."""
    scene.gates.open_all()
    rollouts.assert_ends(scene.fleet, rollout, "succeeded")
    scene.assert_stories(BACK, BACK)


def goes_back_by_itself(scene, rollout):
    """It was ordered while the coordinator was well, so that the job halted where it was asked."""
    scene.gates.open_all()
    rollouts.assert_ends(scene.fleet, rollout, "succeeded")
    scene.assert_stories("V001 V002 V003 -V003 -V002", "V001 V002 -V002")


def goes_back_when_retried(scene, rollout):
    scene.gates.open_all()
    scene.order(rollout, "retry")
    goes_back(scene, rollout)


def halts_and_is_rolled_back_again(scene, rollout):
    scene.gates.open_all()
    rollouts.assert_ends(scene.fleet, rollout, "stopped")
    parent = rollouts.status(scene.fleet, rollout)["parent"]
    goes_back(scene, scene.roll_back(parent))


def child_goes_back(scene, rollout):
    goes_back_by_itself(scene, scene.child(rollout))


# What the agent does while there is no coordinator: it ends the job in hand and owes the reports.


def ends_its_job(scene):
    scene.gates.open_all()
    scene.await_story(scene.a, DONE)


def ends_its_change(scene):
    scene.gates.open_all()
    scene.await_story(scene.a, "V001 V002 V003")


def ends_its_undo(scene):
    scene.gates.open_all()
    scene.await_story(scene.a, BACK)


@dataclass(frozen=True)
class Case:
    state: str
    waves: tuple
    reach: Callable
    then: Callable
    meanwhile: Callable = None

    def __str__(self):
        return "-".join(part.__name__ for part in (self.reach, self.meanwhile, self.then) if part)


CASES = [
    Case("running", ("open", "pending"), scenes.running, goes_on),
    Case("running", ("open", "pending"), scenes.running, goes_on, ends_its_job),
    Case("running", ("passed", "open"), scenes.running_second_wave, goes_on),
    Case("running", ("soaking", "pending"), scenes.soaking, is_stopped),
    Case("paused", ("open",), scenes.paused_with_job, resumed),
    Case("paused", ("open",), scenes.paused_with_job, resumed, ends_its_job),
    Case("paused", ("open",), scenes.paused_by_order, resumed),
    Case("paused", ("open",), scenes.paused_by_order, is_rolled_back),
    Case("paused", ("failed", "pending"), scenes.paused_by_failure, resumed_over_the_failure),
    Case("paused", ("failed", "pending"), scenes.paused_by_failure, retried),
    Case("paused", ("failed", "pending"), scenes.paused_by_failure, is_rolled_back),
    Case("stopping", ("cancelled",), scenes.stopping, halts),
    Case("stopping", ("cancelled",), scenes.stopping, halts, ends_its_change),
    Case("stopped", ("cancelled",), scenes.stopped, stands_and_is_rolled_back),
    Case("reverting", ("failed",), scenes.reverting, reverts),
    Case("reverting", ("failed",), scenes.reverting, reverts, ends_its_change),
    Case("reverting", ("failed",), scenes.reverting, is_stopped_while_reverting),
    Case("failed", ("cancelled",), scenes.failed, child_goes_back),
    Case("succeeded", ("passed", "passed"), scenes.succeeded, is_rolled_back),
    Case("incomplete", ("passed", "passed"), scenes.incomplete, retried),
    Case("running", ("open",), scenes.rollback_running, goes_back),
    Case("running", ("open",), scenes.rollback_running, goes_back, ends_its_undo),
    Case("running", ("open",), scenes.rollback_by_itself, goes_back_by_itself),
    Case("incomplete", ("passed",), scenes.rollback_incomplete, goes_back_when_retried),
    Case("stopping", ("cancelled",), scenes.rollback_stopping, halts_and_is_rolled_back_again),
]
UNSEEN = {"planned"}  # made and started in one commit: test_killed_in_the_commits_of_a_start


@pytest.mark.parametrize("case", CASES, ids=str)
def test_coordinator_killed(scene, case):
    rollout = case.reach(scene)
    shown = rollouts.status(scene.fleet, rollout)
    assert shown["state"] == case.state
    assert tuple(wave["state"] for wave in shown["waves"]) == case.waves
    before = scene.standing(rollout)
    scene.kill_coordinator()
    if case.meanwhile is not None:
        case.meanwhile(scene)
    scene.fleet.start_coordinator()
    if case.meanwhile is None:
        assert scene.standing(rollout) == before
    case.then(scene, rollout)
    scene.give_back()


def states_of(machine):
    """The states that docs/STATES.md names for a machine."""
    text = (migrations.ROOT / "docs" / "STATES.md").read_text()
    diagram = re.search(rf"^## {machine}$.*?```mermaid\n(.*?)```", text, re.DOTALL | re.MULTILINE)
    return {state for pair in re.findall(r"^ +(\S+) --> (\S+)", diagram.group(1), re.MULTILINE)
            for state in pair if state != "[*]"}


def test_every_state_has_its_case():
    assert {case.state for case in CASES} == states_of("rollout") - UNSEEN
    assert {wave for case in CASES for wave in case.waves} == states_of("wave")


# Killed in every commit of an order. No agent runs, so that nothing else is committed.

BEFORE = "coordinator.before-commit"
COMMITTED = "coordinator.after-commit"
COMMITS = 9  # more than any order has


def send_agent_home(scene):
    mark = scene.fleet.coordinator.mark()
    scene.fleet.agents["one"].stop()
    scene.fleet.coordinator.wait_for_line('event="agent offline"', after=mark)
    scene.fleet.ok("agents")  # answered once the farewell is committed


def dies_over(scene, point, words):
    """Give an order to a coordinator with this failpoint and start it again; whether it died."""
    scene.kill_coordinator()
    coordinator = scene.fleet.start_coordinator(DROVER_FAILPOINT=point)
    operator = Child("drover", [program("drover"), "--config", scene.fleet.folder / "drover.yaml",
                                *words], env=clean_environment())
    try:
        gates.await_true(lambda: not (coordinator.is_running() and operator.is_running()),
                         "neither an answer nor an end")
        died = not coordinator.is_running()
        assert died or operator.wait() == 0, operator.output()
    finally:
        coordinator.kill()
        operator.kill()  # it awaits an answer that never comes
        scene.fleet.start_coordinator()
    return died


def order_and_die(scene, where, is_taken, words):
    """Let the coordinator die at each commit of an order in turn, until the order is taken.

    One that died before its commit took nothing; it is taken when there is no commit left to die
    at. One that died after its commit kept it, though nobody was answered.
    """
    assert not is_taken()
    for commit in range(1, COMMITS):
        died = dies_over(scene, f"{where}@{commit}", words)
        assert not (died and where == BEFORE and is_taken())
        if is_taken():
            assert died == (where == COMMITTED)
            assert commit > 1 or where == COMMITTED
            return
    raise AssertionError(f"{words} was never taken")


@pytest.mark.parametrize("where", [BEFORE, COMMITTED])
def test_killed_in_the_commits_of_a_start(scene, where):
    """A rollout is made and started in one commit: nobody ever finds one that is planned only."""
    spec = scene.write_spec(scenes.TWO_WAVES)
    send_agent_home(scene)
    known = scene.rollouts()
    order_and_die(scene, where, lambda: scene.rollouts() != known,
                  ["rollout", "start", spec, "--yes"])
    rollout, = scene.rollouts() - known
    assert rollouts.status(scene.fleet, rollout)["state"] == "running"
    scene.fleet.start_agent("one")
    goes_on(scene, rollout)
    scene.give_back()


@dataclass(frozen=True)
class Order:
    reach: Callable
    verb: str
    state: str  # that it leads to
    then: Callable

    def __str__(self):
        return f"{self.reach.__name__}-{self.verb}"


ORDERS = [
    Order(scenes.paused_by_order, "resume", "running", goes_on),
    Order(scenes.paused_by_order, "stop", "stopped", stays_stopped),
    Order(scenes.paused_by_failure, "retry", "running", goes_on),
]


@pytest.mark.parametrize("where", [BEFORE, COMMITTED])
@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_killed_in_the_commits_of_an_order(scene, order, where):
    rollout = order.reach(scene)
    scene.gates.open_all()
    send_agent_home(scene)
    order_and_die(scene, where,
                  lambda: rollouts.status(scene.fleet, rollout)["state"] == order.state,
                  ["rollout", order.verb, rollout])
    scene.fleet.start_agent("one")
    order.then(scene, rollout)
    scene.give_back()


@pytest.mark.parametrize("where", [BEFORE, COMMITTED])
def test_killed_in_the_commits_of_a_rollback(scene, where):
    rollout = scenes.succeeded(scene)
    send_agent_home(scene)
    order_and_die(scene, where, lambda: rollouts.status(scene.fleet, rollout)["children"] != [],
                  ["rollback", rollout, "--yes"])
    scene.fleet.start_agent("one")
    goes_back(scene, scene.child(rollout))
    scene.give_back()


@pytest.mark.parametrize("point", ["coordinator.before-commit@1", "coordinator.before-commit@2",
                                   "coordinator.after-commit@2", "coordinator.sent@3"])
def test_killed_while_a_wave_is_taken_back(scene, point):
    """The last job's report and the rollback that follows from it are one commit."""
    rollout = scenes.reverting(scene)
    scene.kill_coordinator()
    ends_its_change(scene)
    coordinator = scene.fleet.start_coordinator(DROVER_FAILPOINT=point)
    coordinator.wait_for_line("^failpoint ")
    coordinator.wait()
    scene.fleet.start_coordinator()
    reverts(scene, rollout)
    scene.give_back()


# The agent is killed while it takes a tenant back, and while it takes one on.

UNDO_POINTS = [
    "agent.step.check", "agent.step.protect", "agent.step.work", "agent.step.verify",
    "agent.change.begin", "agent.change.scripted", "agent.change.recorded",
    "agent.change.recorded@3", "agent.change.committed", "agent.change.committed@6",
    "agent.piecewise.started", "agent.piecewise.executed", "agent.piecewise.done",
    "agent.journal.before-commit@2", "agent.journal.after-commit@2", "agent.reports.sent",
]


def kill_agent(scene, point, order):
    """Give an order to an agent that dies at this point; what the order answered."""
    scene.fleet.agents["one"].stop()
    agent = scene.fleet.start_agent("one", DROVER_FAILPOINT=point)
    answer = order()
    agent.wait_for_line("^failpoint ")
    agent.wait()
    return answer


@pytest.mark.parametrize("point", UNDO_POINTS)
def test_agent_killed_in_undo(scene, point):
    rollout = scenes.succeeded(scene)
    back = kill_agent(scene, point, lambda: scene.roll_back(rollout))
    scene.fleet.start_agent("one")
    goes_back(scene, back)
    scene.give_back()


def test_agent_killed_while_it_settles_an_undo(scene):
    rollout = scenes.succeeded(scene)
    back = kill_agent(scene, "agent.change.recorded@2", lambda: scene.roll_back(rollout))
    again = scene.fleet.start_agent("one", DROVER_FAILPOINT="agent.step.settle")
    again.wait_for_line("^failpoint ")
    again.wait()
    scene.fleet.start_agent("one")
    goes_back(scene, back)
    scene.give_back()


def test_both_killed_in_an_undo(scene):
    back = scenes.rollback_running(scene)
    scene.fleet.agents["one"].kill()
    scene.kill_coordinator()
    scene.gates.open_all()
    scene.fleet.start_coordinator()
    scene.fleet.start_agent("one")
    goes_back(scene, back)
    scene.give_back()


BASELINE_POINTS = ["agent.step.check", "agent.step.work", "agent.baseline.recorded",
                   "agent.journal.before-commit@2", "agent.journal.after-commit@2",
                   "agent.reports.sent"]


@pytest.mark.parametrize("point", BASELINE_POINTS)
def test_agent_killed_in_baseline(scene, point):
    """One row of the ledger vouches for the tenant, and its migrations take effect once."""
    fresh = scene.fleet.fresh.pop()
    taken_on = kill_agent(scene, point, lambda: scene.fleet.ok(
        "baseline", "--select", f"name={fresh}", "--at", "empty", "--application", "chain",
        "--yes", "-o", "json").json["rollout"])
    scene.fleet.start_agent("one")
    rollouts.assert_ends(scene.fleet, taken_on, "succeeded")
    assert scene.postgres.value("SELECT count(*) FROM drover.history", fresh) == 1
    spec = scene.fleet.write_spec("chain", name=f"{fresh}.yaml", select=f"name={fresh}",
                                  **scenes.NO_POINT)
    rollouts.assert_ends(scene.fleet, rollouts.start(scene.fleet, spec), "succeeded")
    effects.assert_story(scene.postgres, fresh, DONE)
    scene.give_back()


# Stopping, where nobody hears of the job in hand.


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
