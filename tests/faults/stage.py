"""A fleet under the shim: start a program with a fault in it, see it strike, let all go on.

One server and one fleet are used for many rows. A row takes a tenant of its own.
"""
import json
import os
import re
import signal
import struct
import time
from contextlib import contextmanager

from lib import configs, effects, rollouts
from lib.fleet import Fleet, preload, program
from lib.process import Child, clean_environment

import oracle

COUNT = 4
OUTSIDE = (3,)
PLACES = ("catalog", "journal", "backup", "paper", "bundle", "wire")
OPS = ("write", "sync", "rename", "send")
ACTIONS = ("kill-before", "kill-after", "stop-before", "stop-after", "eio", "enospc", "full")
ARMED = 8 * len(PLACES) * len(OPS)  # where the shim's counters end
FAULT = r"^fault (\S+) (\S+) pid (\d+)"
DUMP = {"recovery_point": {"policy": "dump"}}
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
SILENCE = r"event=disconnected"  # what an agent says of a coordinator that sleeps
WAIT_S = 120  # a net for rows that hang
ALL = os.environ.get("FAULTS_ALL") == "1"


@contextmanager
def open_stage(folder, postgres, names, cluster=None, **changes):
    postgres.create_tenants(names)
    with Fleet(folder / "fleet", {"one": [cluster or configs.cluster(postgres, names)]},
               coordinator_changes={"lease": "2s", "unreachable_after": "2s",
                                    **changes.get("coordinator", {})},
               agent_changes=changes.get("agent", {})) as fleet:
        write = changes.get("write", effects.write)
        fleet.push_bundle(write(folder / "chain", COUNT, outside=OUTSIDE), "chain")
        rollouts.baseline(fleet, application="chain")
        yield Stage(fleet, postgres, names)


def note(fault, step, result):
    """One line of the table in docs/RELIABILITY.md (tests/faults/run gathers them)."""
    path = os.environ.get("FAULTS_RESULTS")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps([fault, step, result]) + "\n")


class Stage:
    def __init__(self, fleet, postgres, names):
        self.fleet = fleet
        self.postgres = postgres
        self.names = iter(names)
        self.shims = 0
        self.counts_path = None

    def shim(self, **words):
        """The environment of a program with the shim and counters of its own."""
        self.shims += 1
        self.counts_path = self.fleet.folder / f"counts.{self.shims}"
        self.counts_path.write_bytes(bytes(ARMED + 8 * 5))
        return {"LD_PRELOAD": preload(self.fleet.folder, "faultshim.so"),
                "FAULT_COUNTS": self.counts_path, **words}

    def arm(self):
        """Count, and strike, from now on: a start passes more the longer the fleet has lived."""
        with open(self.counts_path, "r+b", buffering=0) as file:
            file.seek(ARMED)
            file.write(struct.pack("Q", 1))

    def aim(self, place, op, number, action):
        """Count from the start, and strike the Nth, in a program that runs with counters alone."""
        at = (PLACES.index(place), OPS.index(op), number, 1 + ACTIONS.index(action))
        self._set(0, *at)
        self._set(1, *at)

    def hold_fire(self):
        """Nothing counts or strikes any more; what is full has room again."""
        self._set(0, 0, 0, 0, 0)

    def _set(self, armed, *aim):
        with open(self.counts_path, "r+b", buffering=0) as file:
            if not armed:
                file.seek(ARMED)
                file.write(struct.pack("Q", 0))
                if aim[-1]:
                    file.seek(0)
                    file.write(bytes(ARMED))
            file.seek(ARMED)
            file.write(struct.pack("5Q", armed, *aim))

    def counts(self):
        """How often what passed: {(place, op): number}."""
        numbers = struct.unpack_from(f"{ARMED // 8}Q", self.counts_path.read_bytes())
        return {(place, op): numbers[len(OPS) * i + j]
                for i, place in enumerate(PLACES) for j, op in enumerate(OPS)}

    def tenant(self):
        return next(self.names)

    def spec(self, *names, policy=None, **changes):
        return self.fleet.write_spec("chain", name=f"{names[0]}.yaml",
                                     select=f"name in ({','.join(names)})",
                                     **(policy or DUMP), **changes)

    def restart_agent(self, **env):
        self.fleet.agents["one"].stop()
        return self.start_agent(**env)

    def start_agent(self, **env):
        """Start it and see it online, so that what follows is the job's alone."""
        mark = self.fleet.coordinator.mark()
        agent = self.fleet.start_agent("one", ready=False, **env)
        self.fleet.coordinator.wait_for_line('event="agent online"', after=mark)
        return agent

    def await_tenants(self):
        """Until the agent has read all tenants again and sets none aside: what it found while a
        server was down is planned around."""
        await_true(lambda: not any(tenant["problem"] for tenant in
                                   self.fleet.ok("tenants", "-o", "json").json["tenants"]),
                   "tenants stay set aside")

    def struck(self, child, over, after=0):
        """The fault's line from `after` on, or None where `over` became true before it."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            for line in list(child.lines[after:]):
                found = re.search(FAULT, line)
                if found:
                    return found
            if over():
                return None
            time.sleep(0.05)  # two things are awaited, one of them in another program
        raise AssertionError(f"neither a fault nor an end\n{self.fleet.output()[-20000:]}")

    def resume(self, found):
        os.kill(int(found.group(3)), signal.SIGCONT)

    def resting(self, rollout):
        answer = self.fleet.drover("rollout", "status", rollout, "-o", "json")
        return answer.code == 0 and answer.json["state"] in rollouts.RESTING

    def finish(self, rollout):
        """To its good end, with an operator's retry where it rests before; what it took."""
        took = []
        for _ in range(4):
            last = rollouts.follow(self.fleet, rollout)
            if last["state"] == "succeeded":
                return took
            took.append(last["state"])
            self.fleet.ok("rollout", "retry", rollout, "--yes")
        raise AssertionError(f"{last}\n{self.fleet.output()[-20000:]}")

    def judge(self, *names, forgot=False):
        """With forgot the catalog is one that went back in time: it lacks orders of before."""
        world = oracle.World(self.postgres, self.fleet, names)
        found = [line for line in oracle.judge(world) if not (forgot and line.startswith("5 "))]
        if found:
            print(self.fleet.output()[-20000:])
        assert found == []
        for name in names:
            effects.assert_applied_once(self.postgres, name, COUNT)


class Operator:
    """`rollout start` by a process of its own: its coordinator may die of it."""

    def __init__(self, stage, *names, **changes):
        self.stage = stage
        self.name = names[0]
        self.spec = stage.spec(*names, **changes)
        self.child = Child("drover", [program("drover"), "--config",
                                      stage.fleet.folder / "drover.yaml", "rollout", "start",
                                      self.spec, "--yes", "-o", "json"], env=clean_environment())
        self.stage.fleet.children.append(self.child)

    def rollout(self):
        """Its rollout as the catalog has it, or None."""
        found = oracle.World(self.stage.postgres, self.stage.fleet, []).catalog(
            "SELECT r.rollout_id, r.finished_us FROM task AS t JOIN rollout AS r USING (rollout_id)"
            " WHERE t.tenant_name = ? AND r.kind = 1", self.name)
        return found[0] if found else None

    def is_over(self):
        """It was answered, and nothing goes on."""
        if self.child.is_running():
            return False
        found = self.rollout()
        return found is None or found[1] > 0 or self.stage.resting(found[0])

    def carry_through(self):
        """To the end of the command; where nothing came of it, once more. The rollout."""
        self.child.kill()
        found = self.rollout()
        if found is not None:
            return found[0]
        return rollouts.start(self.stage.fleet, self.spec)


def await_true(holds, what):
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.05)  # polling an event that only this question tells
    raise AssertionError(what)
