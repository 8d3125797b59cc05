"""Killed, stopped past the lease, or refused by the disk at durable writes and at sends.

A first rollout counts them in each program. A row then strikes at one of them; where and how is
data. What must follow: nothing is done twice, nothing is lost, and the rollout comes to its end,
by itself or, where a task failed and said so, by an operator's retry.
"""
import os

import pytest

import stage as stages

END = {"kill-before": "dies", "kill-after": "dies", "stop-before": "sleeps", "stop-after": "sleeps",
       "eio": "is refused", "enospc": "is refused", "full": "is refused from then on"}
FILES = ("kill-before", "kill-after", "stop-before", "eio", "enospc", "full")
SENDS = ("kill-before", "kill-after", "stop-before", "stop-after")
AGENT = {("journal", "write"): FILES, ("journal", "sync"): FILES, ("paper", "write"): FILES,
         ("paper", "rename"): FILES, ("backup", "write"): FILES, ("backup", "sync"): FILES,
         ("backup", "rename"): FILES, ("wire", "send"): SENDS}
COORDINATOR = {("catalog", "write"): FILES, ("catalog", "sync"): FILES, ("wire", "send"): SENDS}
TRIES = 3  # that a coordinator without room makes before it has room again
# In the suite each place is struck in every other way, once, spread over what a rollout passes.
# The long run takes them in parts, each with a server and tenants of its own.
PART, PARTS = (int(word) for word in os.environ.get("FAULTS_PART", "0/1").split("/"))
ROWS = 200 if stages.ALL else 40
MOST = 60  # strikes at one place; a place that passes more often is struck evenly


@pytest.fixture(scope="module")
def stage(folder, postgres):
    with stages.open_stage(folder, postgres, [f"w{n:03d}" for n in range(ROWS)]) as stage:
        stage.passes = {"agent": count_agent(stage), "coordinator": count_coordinator(stage)}
        yield stage


def count_agent(stage):
    """How often a rollout passes each place and op at the agent."""
    name = stage.tenant()
    stage.restart_agent(**stage.shim())
    stage.arm()
    stages.rollouts.assert_ends(stage.fleet, stages.rollouts.start(stage.fleet, stage.spec(name)),
                                "succeeded")
    after = stage.counts()
    stage.restart_agent()
    stage.judge(name)
    return after


def count_coordinator(stage):
    name = stage.tenant()
    stage.fleet.coordinator.stop()
    stage.fleet.start_coordinator(**stage.shim())
    stage.fleet.coordinator.wait_for_line('event="agent online"')
    stage.arm()
    stages.rollouts.assert_ends(stage.fleet, stages.rollouts.start(stage.fleet, stage.spec(name)),
                                "succeeded")
    after = stage.counts()
    stage.fleet.coordinator.stop()
    stage.fleet.start_coordinator()
    stage.judge(name)
    return after


def cases(places):
    for row, ((place, op), actions) in enumerate(places.items()):
        for index, action in enumerate(actions):
            if not stages.ALL and (row + index) % 2:
                continue
            for turn in range(PART, MOST, PARTS) if stages.ALL else (0,):
                yield pytest.param(place, op, action, index + len(actions) * turn, len(actions),
                                   id=f"{place}-{op}-{action}-{turn}")


def choose(stage, program, place, op, turn, step):
    """The number that this row strikes: rows of one place spread over what a rollout passes."""
    room = stage.passes[program][place, op]
    assert room > 0, f"a rollout passes no {place}:{op} at the {program}"
    if stages.ALL:
        at = turn // step
        if at >= min(room, MOST):
            pytest.skip("no more of them")
        return 1 + at * max(room, MOST) // MOST
    return 1 + room * turn // step // 2  # a rollout may gather more in one write than another


@pytest.mark.parametrize("place,op,action,turn,step", cases(AGENT))
def test_agent(stage, place, op, action, turn, step):
    name = stage.tenant()
    number = choose(stage, "agent", place, op, turn, step)
    agent = stage.restart_agent(**stage.shim(FAULT_AT=f"{place}:{op}:{number}:{action}"))
    mark = stage.fleet.coordinator.mark()
    stage.arm()
    rollout = stages.rollouts.start(stage.fleet, stage.spec(name))
    found = stage.struck(agent, lambda: not agent.is_running() or
                         (place != "wire" and stage.resting(rollout)))
    result = said(stage, (place, op), number, action, found)
    if found and int(found.group(3)) != agent.pid:
        result = f"its worker {result}"
    if found and action.startswith("stop"):
        if int(found.group(3)) == agent.pid:
            stage.fleet.coordinator.wait_for_line('event="agent (offline|silent)"', after=mark)
        stage.resume(found)
    if not agent.is_running() or (found and action.startswith("kill") and
                                  int(found.group(3)) == agent.pid):
        agent.wait()
        stage.start_agent()
        result += ", is started again"
    elif action == "full":  # room again
        stage.restart_agent()
        result += ", is started again with room"
    took = stage.finish(rollout)
    if not stage.fleet.agents["one"].is_running():  # what failed once may stop it later
        stage.start_agent()
    stage.judge(name)
    stages.note(f"{place} {op} {action}", "agent", result + after(took))


def said(stage, key, number, action, found):
    """What the fault did; a row that did not strike proves nothing."""
    struck = bool(found) or (action not in SENDS and stage.counts()[key] >= number)
    if not struck and stages.ALL:
        pytest.skip("this rollout passed fewer")
    assert struck, f"{stage.counts()[key]} passed, {number} was to be struck"
    return END[action]


def after(took):
    return f"; {', '.join(took)}, retried, succeeded" if took else "; succeeded"


@pytest.mark.parametrize("place,op,action,turn,step", cases(COORDINATOR))
def test_coordinator(stage, place, op, action, turn, step):
    name = stage.tenant()
    number = choose(stage, "coordinator", place, op, turn, step)
    stage.fleet.coordinator.stop()
    stage.fleet.start_coordinator(**stage.shim(FAULT_AT=f"{place}:{op}:{number}:{action}"))
    coordinator = stage.fleet.coordinator
    coordinator.wait_for_line('event="agent online"')
    mark = stage.fleet.agents["one"].mark()
    stage.arm()
    operator = stages.Operator(stage, name)
    found = stage.struck(coordinator, lambda: not coordinator.is_running() or
                         (action == "full" and stage.counts()[place, op] > number + TRIES) or
                         (place != "wire" and operator.is_over()))
    result = said(stage, (place, op), number, action, found)
    if found and action.startswith("stop"):
        stage.fleet.agents["one"].wait_for_line(stages.SILENCE, after=mark)
        stage.resume(found)
        stages.await_true(lambda: not coordinator.is_running() or operator.is_over(),
                          "nothing goes on after the sleep")
        assert coordinator.is_running(), coordinator.output()
    if not coordinator.is_running() or action == "full" or \
            (found and action.startswith("kill")):
        coordinator.stop()
        stage.fleet.start_coordinator()
        result += ", is started again"
    took = stage.finish(operator.carry_through())
    stage.judge(name)
    stages.note(f"{place} {op} {action}", "coordinator", result + after(took))
