"""The coordinator is killed in every state that a rollout and a wave can be in, and goes on.

Each case brings a rollout into a state by orders and by failures (lib/gates.py), kills the
coordinator there, sees that nothing was lost and that the rollout comes to its right end. What ran
in the tenants is judged by what the migrations left (lib/effects.py).
"""
import re
from dataclasses import dataclass
from typing import Callable

import pytest

from lib import effects, gates, migrations, rollouts, scenes, team
from lib.fleet import program
from lib.process import Child, clean_environment

DONE = scenes.DONE
BACK = f"{DONE} -V004 -V003 -V002"
TENANTS = [f"s{n:02d}" for n in range(8)]
FRESH = [f"fresh{n}" for n in range(6)]
PAIR = [f"p{n:02d}" for n in range(6)]


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
    scene.let_evidence_go()


@pytest.fixture(scope="module")
def pair_fleet(folder, postgres):
    """A fleet whose rollouts two people sign, the operator and bob."""
    with scenes.open_fleet(folder / "pair", postgres, PAIR) as fleet:
        fleet.bob = team.Person(fleet, "bob")
        second = team.Chain(fleet).publish(fleet.bob.added("operator", "approver"),
                                           ["threshold", "operator", "--count", 2])
        fleet.bob.write_config(pin=second)
        yield fleet


@pytest.fixture
def pair(pair_fleet, postgres):
    """The same as `scene`, in that fleet."""
    if not pair_fleet.agents["one"].is_running():
        pair_fleet.start_agent("one")
    yield scenes.Scene(pair_fleet, postgres)


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


def waits(scene, rollout):
    """The agent is there and has room: nothing of it starts."""
    scene.fleet.coordinator.wait_for_line('event="agent online"')
    scene.fleet.ok("agents")  # answered once what followed from that is committed
    assert rollouts.status(scene.fleet, rollout)["in_flight"] == 0
    assert rollouts.tasks(scene.fleet, rollout)[scene.b]["attempts"] == 0


def waits_for_its_approval(scene, rollout):
    waits(scene, rollout)
    scene.assert_stories(DONE, scenes.FIRST)
    assert f"drover rollout approve {rollout[:8]} --wave 'rest'" in \
        rollouts.status(scene.fleet, rollout)["reason"]
    scene.approve(rollout)
    goes_on(scene, rollout)


def waits_and_is_stopped(scene, rollout):
    waits(scene, rollout)
    is_stopped(scene, rollout)


def waits_for_its_signature(scene, rollout):
    waits(scene, rollout)
    scene.assert_stories(scenes.FIRST, scenes.FIRST)
    scene.fleet.bob.ok("rollout", "approve", rollout, "--yes")
    goes_on(scene, rollout)


def is_stopped_unbegun(scene, rollout):
    waits(scene, rollout)
    scene.order(rollout, "stop")
    rollouts.assert_ends(scene.fleet, rollout, "stopped")
    scene.assert_stories(scenes.FIRST, scenes.FIRST)
    late = scene.fleet.bob.drover("rollout", "approve", rollout, "--yes")
    assert late.code == 1, late
    rollouts.assert_ends(scene.fleet, rollout, "stopped")
    scene.assert_stories(scenes.FIRST, scenes.FIRST)


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


def evidence_comes(scene):
    """What the agent signed was on its way, and is found at the start."""
    scene.let_evidence_go()


@dataclass(frozen=True)
class Case:
    state: str
    waves: tuple
    reach: Callable
    then: Callable
    meanwhile: Callable = None
    where: str = "scene"

    def __str__(self):
        return "-".join(part.__name__ for part in (self.reach, self.meanwhile, self.then) if part)


CASES = [
    Case("running", ("open", "pending"), scenes.running, goes_on),
    Case("running", ("open", "pending"), scenes.running, goes_on, ends_its_job),
    Case("running", ("passed", "open"), scenes.running_second_wave, goes_on),
    Case("running", ("soaking", "pending"), scenes.soaking, is_stopped),
    Case("running", ("passed", "awaiting"), scenes.awaiting_approval, waits_for_its_approval),
    Case("running", ("passed", "awaiting"), scenes.awaiting_approval, waits_and_is_stopped),
    Case("running", ("passed", "awaiting"), scenes.awaiting_evidence, waits_for_its_approval),
    Case("running", ("passed", "awaiting"), scenes.awaiting_evidence, goes_on, evidence_comes),
    Case("planned", ("pending", "pending"), scenes.proposed, waits_for_its_signature, where="pair"),
    Case("planned", ("pending", "pending"), scenes.proposed, is_stopped_unbegun, where="pair"),
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


@pytest.mark.parametrize("case", CASES, ids=str)
def test_coordinator_killed(request, case):
    scene = request.getfixturevalue(case.where)
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
    assert {case.state for case in CASES} == states_of("rollout")
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


def dies_over(scene, point, words, who="drover", answers=0):
    """Give an order to a coordinator with this failpoint and start it again; whether it died."""
    scene.kill_coordinator()
    coordinator = scene.fleet.start_coordinator(DROVER_FAILPOINT=point)
    operator = Child("drover", [program("drover"), "--config", scene.fleet.folder / f"{who}.yaml",
                                *words], env=clean_environment())
    try:
        gates.await_true(lambda: not (coordinator.is_running() and operator.is_running()),
                         "neither an answer nor an end")
        died = not coordinator.is_running()
        if not died and operator.wait() != answers:
            coordinator.wait()  # a process that is killed closes its connections before it is over
            died = True
    finally:
        coordinator.kill()
        operator.kill()  # it awaits an answer that never comes
        scene.fleet.start_coordinator()
    return died


def order_and_die(scene, where, is_taken, words, **signer):
    """Let the coordinator die at each commit of an order in turn, until the order is taken.

    One that died before its commit took nothing; it is taken when there is no commit left to die
    at. One that died after its commit kept it, though nobody was answered.
    """
    assert not is_taken()
    for commit in range(1, COMMITS):
        died = dies_over(scene, f"{where}@{commit}", words, **signer)
        assert not (died and where == BEFORE and is_taken())
        if is_taken():
            assert died == (where == COMMITTED)
            assert commit > 1 or where == COMMITTED
            return
    raise AssertionError(f"{words} was never taken")


@pytest.mark.parametrize("where", [BEFORE, COMMITTED])
def test_killed_in_the_commits_of_a_start(scene, where):
    """Where one signature is enough a rollout is made and started in one commit."""
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


# What is signed: proposals, signatures, approvals, results, and the tickets made of these.


@pytest.mark.parametrize("where", [BEFORE, COMMITTED])
def test_killed_in_the_commits_of_a_proposal(pair, where):
    """What one of two has signed is kept, and starts nothing, whoever dies."""
    spec = pair.write_spec(scenes.TWO_WAVES)
    send_agent_home(pair)
    known = pair.rollouts()
    order_and_die(pair, where, lambda: pair.rollouts() != known,
                  ["rollout", "start", spec, "--yes"], answers=scenes.SIGNATURE_MISSING)
    rollout, = pair.rollouts() - known
    pair.fleet.start_agent("one")
    waits_for_its_signature(pair, rollout)
    pair.give_back()


@pytest.mark.parametrize("where", [BEFORE, COMMITTED])
def test_killed_in_the_commits_of_a_signature(pair, where):
    """The second signature and the start that it permits are one commit."""
    rollout = scenes.proposed(pair)
    send_agent_home(pair)
    order_and_die(pair, where,
                  lambda: rollouts.status(pair.fleet, rollout)["state"] != "planned",
                  ["rollout", "approve", rollout, "--yes"], who="bob")
    shown = rollouts.status(pair.fleet, rollout)
    assert (shown["state"], shown["waves"][0]["state"]) == ("running", "open")
    pair.fleet.start_agent("one")
    goes_on(pair, rollout)
    pair.give_back()


@pytest.mark.parametrize("where", [BEFORE, COMMITTED])
@pytest.mark.parametrize("reach", [scenes.awaiting_approval, scenes.awaiting_evidence],
                         ids=lambda reach: reach.__name__)
def test_killed_in_the_commits_of_an_approval(scene, reach, where):
    """An approval, the ticket made of it and the wave that it opens are one commit."""
    rollout = reach(scene)
    results = scene.papers(rollout)[1]
    send_agent_home(scene)

    def is_taken():
        found = scene.papers(rollout)
        assert found in ((0, results, 0, ("passed", "awaiting")),
                         (1, results, 1, ("passed", "open"))), found
        return found[0] == 1

    order_and_die(scene, where, is_taken,
                  ["rollout", "approve", rollout, "--wave", "rest", "--yes"])
    scene.fleet.start_agent("one")
    goes_on(scene, rollout)
    scene.give_back()


@pytest.mark.parametrize("where", [BEFORE, COMMITTED])
def test_killed_in_the_commit_of_results(scene, where):
    """The last word of a wave, what the agent signed of it, the ticket made of that and the next
    wave's opening are one commit: a death before it leaves nothing of them, one after it all."""
    scene.gates.shut(scene.a)
    scene.gates.shut(scene.b)
    rollout = scene.start(scenes.TWO_WAVES)
    scene.gates.await_somebody(scene.a)
    scene.kill_coordinator()
    scene.gates.open(scene.a)
    scene.await_story(scene.a, DONE)
    seen = []

    def is_told():
        found = scene.papers(rollout)
        assert found in ((0, 0, 0, ("open", "pending")), (0, 1, 1, ("passed", "open"))), found
        return found[1] == 1

    for commit in range(1, COMMITS):
        coordinator = scene.fleet.start_coordinator(ready=False,
                                                    DROVER_FAILPOINT=f"{where}@{commit}")
        gates.await_true(lambda: is_told() or not coordinator.is_running(), coordinator.output())
        if is_told() and where == COMMITTED:
            coordinator.wait()  # it committed, and dies of that or of the next one
        coordinator.kill()
        seen.append(is_told())
        if seen[-1]:
            break
    assert len(seen) > 1 and seen == [False] * (len(seen) - 1) + [True], seen
    scene.fleet.start_coordinator()
    goes_on(scene, rollout)
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
