"""All agents come back at once after a restart of the coordinator, and are all taken in."""
import subprocess
from pathlib import Path

import pytest

import os
import stage as stages
from lib import rollouts
from lib.fleet import Fleet

AGENTS = 1000 if stages.ALL else 200
TENANTS = 2  # each


def swarm(fleet):
    keys = fleet.keys["coordinator"]
    process = subprocess.Popen(
        [Path(os.environ["DROVER_BIN_DIR"]) / "swarm", str(AGENTS), str(TENANTS), "0",
         fleet.address, keys["curve"].public, keys["sign"].public, fleet.folder],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    for _ in range(AGENTS):
        _, name = process.stdout.readline().split()
        fleet.ok("agents", "accept", "--request", fleet.folder / f"{name}.request", "--yes")
    return process


def say(process, awaited):
    process.stdin.write("go\n")
    process.stdin.flush()
    assert any(line.startswith(awaited) for line in process.stdout), awaited


def online(coordinator):
    return len({line.split("agent=")[1].split()[0] for line in coordinator.lines
                if 'event="agent online"' in line})


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_all_reconnect(folder, how):
    fleet = Fleet(folder / how, {}, coordinator_changes={
        "heartbeat": "1s", "lease": "20s", "unreachable_after": "30s"})
    fleet.make_files()
    fleet.start_coordinator()
    process = swarm(fleet)
    try:
        say(process, "online")
        say(process, "told")
        if how == "stopped":
            fleet.coordinator.stop()
        else:
            fleet.coordinator.kill()
        fleet.start_coordinator()
        stages.await_true(lambda: online(fleet.coordinator) == AGENTS,
                          f"{online(fleet.coordinator)} of {AGENTS} are back")
        fleet.push_bundle(stages.effects.write(folder / f"chain-{how}", stages.COUNT), "bench")
        rollout = rollouts.start(fleet, fleet.write_spec("bench", **stages.NO_POINT))
        last = rollouts.follow(fleet, rollout)
        assert last["state"] == "succeeded", (last, fleet.output()[-5000:])
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        fleet.stop()
    stages.note(f"coordinator {how}, all agents reconnect", f"{AGENTS} agents",
                "all taken in; a rollout over all of them succeeds")
