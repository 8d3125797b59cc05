"""Rollouts from a test's side: start one, follow it to where it rests, read what it did."""
import time

RESTING = {"paused", "stopped", "succeeded", "incomplete", "failed"}
FOLLOW_S = 120  # a net for rollouts that hang


def start(fleet, spec, *args):
    """Start a rollout; its id."""
    return fleet.ok("rollout", "start", spec, "--yes", "-o", "json", *args).json["rollout"]


def status(fleet, rollout):
    return fleet.ok("rollout", "status", rollout, "-o", "json").json


def follow(fleet, rollout, until=RESTING):
    """Ask until the rollout rests; its last status. A coordinator that is away is waited for."""
    end = time.monotonic() + FOLLOW_S
    last = None
    while time.monotonic() < end:
        answer = fleet.drover("rollout", "status", rollout, "-o", "json")
        if answer.code == 0:
            last = answer.json
            if last["state"] in until:
                return last
        time.sleep(0.05)  # polling an event that only this command tells
    raise AssertionError(f"rollout {rollout} does not rest: {last}\n{fleet.output()}")


def baseline(fleet, select="all", at="empty", application="shop"):
    return fleet.ok("baseline", "--select", select, "--at", at, "--application", application,
                    "--yes", "--wait")


def assert_ends(fleet, rollout, state):
    """Follow a rollout to its rest; where that is another one, show why."""
    last = follow(fleet, rollout)
    if last["state"] != state:
        failures = fleet.ok("rollout", "failures", rollout).out
        raise AssertionError(f"{last['state']}, not {state}: {last['reason']}\n{failures}\n"
                             f"{fleet.output()[-20000:]}")
    return last


def await_status(fleet, rollout, holds):
    """Ask until `holds` is true of the rollout's status; that status."""
    end = time.monotonic() + FOLLOW_S
    last = None
    while time.monotonic() < end:
        answer = fleet.drover("rollout", "status", rollout, "-o", "json")
        if answer.code == 0:
            last = answer.json
            if holds(last):
                return last
        time.sleep(0.05)  # polling an event that only this command tells
    raise AssertionError(f"rollout {rollout} does not come there: {last}\n{fleet.output()}")


def tasks(fleet, rollout):
    """A rollout's tasks by their tenant's name."""
    report = fleet.ok("rollout", "report", rollout, "-o", "json").json
    return {task["name"]: task for task in report["tasks"]}
