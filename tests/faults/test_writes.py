"""Killed, stopped past the lease, or refused by the disk at durable writes and at sends.

A first rollout counts them in each program. A row then strikes at one of them; where and how is
data. What must follow: nothing is done twice, nothing is lost, and the rollout comes to its end,
by itself or, where a task failed and said so, by an operator's retry. The programs run on from row
to row, as far as a fault lets them.
"""
import os

import pytest

import stage as stages

END = {"kill-before": "dies", "kill-after": "dies", "stop-before": "sleeps", "stop-after": "sleeps",
       "eio": "is refused", "enospc": "is refused", "full": "is refused from then on"}
FILES = ("kill-before", "kill-after", "stop-before", "eio", "enospc", "full")
SENDS = ("kill-before", "kill-after", "stop-before", "stop-after")
AGENT = {("journal", "write"): FILES, ("journal", "sync"): FILES, ("paper", "write"): FILES,
         ("paper", "sync"): FILES, ("paper", "rename"): FILES, ("backup", "write"): FILES,
         ("backup", "sync"): FILES, ("backup", "rename"): FILES, ("wire", "send"): SENDS}
COORDINATOR = {("catalog", "write"): FILES, ("catalog", "sync"): FILES, ("wire", "send"): SENDS}
TRIES = 3  # that a coordinator without room makes before it has room again
# In the suite each place is struck in every fourth way, once, spread over what a rollout passes.
# The long run refuses every write, sync and rename, and spreads the other ways over each place;
# it takes them in many parts, each with a server and tenants of its own: an agent that is started
# again reads them all.
PART, PARTS = (int(word) for word in os.environ.get("FAULTS_PART", "0/1").split("/"))
ROWS = 90 if stages.ALL else 28
MOST = {("catalog", "write"): 320, ("journal", "write"): 100}  # more than a rollout passes
ELSE = 30
SPREAD = 6  # strikes of one other way at one place


@pytest.fixture(scope="module")
def stage(folder, postgres):
    with stages.open_stage(folder, postgres, [f"w{n:03d}" for n in range(ROWS)]) as stage:
        stage.shims_of = {}
        stage.passes = {who: count(stage, who) for who in ("agent", "coordinator")}
        yield stage


def start(stage, who):
    """Start it under its shim, and see that the two have each other."""
    if who == "agent":
        return stage.start_agent(**stage.shims_of[who])
    coordinator = stage.fleet.start_coordinator(**stage.shims_of[who])
    coordinator.wait_for_line('event="agent online"')
    return coordinator


def child_of(stage, who):
    return stage.fleet.agents["one"] if who == "agent" else stage.fleet.coordinator


def count(stage, who):
    """How often a rollout passes each place and op at it."""
    name = stage.tenant()
    child_of(stage, who).stop()
    stage.shims_of[who] = stage.shim()
    start(stage, who)
    stage.arm()
    stages.rollouts.assert_ends(stage.fleet, stages.rollouts.start(stage.fleet, stage.spec(name)),
                                "succeeded")
    passed = stage.counts()
    stage.hold_fire()
    stage.judge(name)
    return passed


def turns(place, op, action):
    if not stages.ALL:
        return (0,)
    most = MOST.get((place, op), ELSE) if action in ("eio", "enospc") else SPREAD
    return range(most)


def cases(places):
    """The rows of this part."""
    return list(all_cases(places))[PART::PARTS]


def all_cases(places):
    for row, ((place, op), actions) in enumerate(places.items()):
        for index, action in enumerate(actions):
            if stages.ALL or (row + index) % 4 == 0:
                for turn in turns(place, op, action):
                    yield pytest.param(place, op, action, index + len(actions) * turn,
                                       len(actions), id=f"{place}-{op}-{action}-{turn}")


def choose(stage, program, place, op, action, turn, step):
    """The number that this row strikes: rows of one place spread over what a rollout passes."""
    room = stage.passes[program][place, op]
    assert room > 0, f"a rollout passes no {place}:{op} at the {program}"
    if not stages.ALL:
        return 1 + room * turn // step // 2
    at = turn // step
    every = action in ("eio", "enospc") or room <= SPREAD
    if every and at >= room:
        pytest.skip("no more of them")
    return 1 + (at if every else at * room // SPREAD)


def strike(stage, program, where, number):
    """One row; where this rollout passed fewer, the same nearer to its begin: a row that did not
    strike proves nothing."""
    strike_once = strike_agent if program == "agent" else strike_coordinator
    place, op, action = where
    for _ in range(4):
        result = strike_once(stage, place, op, action, number)
        if result:
            stages.note(f"{place} {op} {action}", program, result)
            return
        if stages.ALL:
            pytest.skip("this rollout passed fewer")
        number = (number + 1) // 2
    raise AssertionError(f"{place}:{op} is not passed {number} times")


def aim(stage, who, place, op, action, number):
    stage.counts_path = stage.shims_of[who]["FAULT_COUNTS"]
    stage.aim(place, op, number, action)
    return child_of(stage, who).mark()


def is_struck(stage, found, place, op, number):
    """Those that kill and stop say so; a refusal leaves its number behind."""
    return bool(found) or (op != "send" and stage.counts()[place, op] >= number)


def strike_agent(stage, place, op, action, number):
    """What came of it, or None where the rollout passed fewer."""
    name = stage.tenant()
    agent = stage.fleet.agents["one"]
    mark = stage.fleet.coordinator.mark()
    line = aim(stage, "agent", place, op, action, number)
    rollout = stages.rollouts.start(stage.fleet, stage.spec(name))
    found = stage.struck(agent, lambda: not agent.is_running() or stage.resting(rollout), line)
    struck = is_struck(stage, found, place, op, number)
    result = END[action]
    if found and int(found.group(3)) != agent.pid:
        result = f"its worker {result}"
    if found and action.startswith("stop"):
        if int(found.group(3)) == agent.pid:
            stage.fleet.coordinator.wait_for_line('event="agent (offline|silent)"', after=mark)
        stage.resume(found)
    own = found and action.startswith("kill") and int(found.group(3)) == agent.pid
    if own or not agent.is_running():
        agent.wait()
        stage.hold_fire()
        start(stage, "agent")
        result += ", is started again"
    elif action == "full":
        stage.hold_fire()
        result += ", has room again"
    took = stage.finish(rollout)
    stage.hold_fire()
    if not stage.fleet.agents["one"].is_running():  # what failed once may stop it later
        start(stage, "agent")
    stage.judge(name)
    return result + after(took) if struck else None


def after(took):
    return f"; {', '.join(took)}, retried, succeeded" if took else "; succeeded"


def strike_coordinator(stage, place, op, action, number):
    name = stage.tenant()
    coordinator = stage.fleet.coordinator
    mark = stage.fleet.agents["one"].mark()
    line = aim(stage, "coordinator", place, op, action, number)
    operator = stages.Operator(stage, name)
    found = stage.struck(coordinator, lambda: not coordinator.is_running() or
                         (action == "full" and stage.counts()[place, op] > number + TRIES) or
                         operator.is_over(), line)
    struck = is_struck(stage, found, place, op, number)
    result = END[action]
    if found and action.startswith("stop"):
        stage.fleet.agents["one"].wait_for_line(stages.SILENCE, after=mark)
        stage.resume(found)
        stages.await_true(lambda: not coordinator.is_running() or operator.is_over(),
                          "nothing goes on after the sleep")
        assert coordinator.is_running(), coordinator.output()
    stage.hold_fire()
    if (found and action.startswith("kill")) or not coordinator.is_running():
        coordinator.wait()
        start(stage, "coordinator")
        result += ", is started again"
    elif action == "full":
        result += ", has room again"
    took = stage.finish(operator.carry_through())
    stage.judge(name)
    return result + after(took) if struck else None


@pytest.mark.parametrize("place,op,action,turn,step", cases(AGENT))
def test_agent(stage, place, op, action, turn, step):
    strike(stage, "agent", (place, op, action),
           choose(stage, "agent", place, op, action, turn, step))


@pytest.mark.parametrize("place,op,action,turn,step", cases(COORDINATOR))
def test_coordinator(stage, place, op, action, turn, step):
    strike(stage, "coordinator", (place, op, action),
           choose(stage, "coordinator", place, op, action, turn, step))
