"""All agents come back at once after a restart of the coordinator, and are all taken in."""
import os
import subprocess
from pathlib import Path

import stage as stages
from lib import rollouts
from lib.fleet import Fleet

AGENTS = 1000 if stages.ALL else 100
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


def await_line(process, awaited):
    assert any(line.startswith(awaited) for line in process.stdout), f"the swarm ended: {awaited}"


def test_all_reconnect(folder):
    fleet = Fleet(folder / "fleet", {}, coordinator_changes={
        "heartbeat": "1s", "lease": "20s", "unreachable_after": "30s"})
    fleet.make_files()
    fleet.start_coordinator()
    process = swarm(fleet)
    try:
        for awaited in ("online", "told"):
            process.stdin.write("go\n")
            process.stdin.flush()
            await_line(process, awaited)
        fleet.push_bundle(stages.effects.write(folder / "chain", stages.COUNT), "bench")
        for end in ("stop", "kill"):
            getattr(fleet.coordinator, end)()
            fleet.start_coordinator()
            await_line(process, "online")
        last = rollouts.follow(fleet, rollouts.start(fleet, fleet.write_spec("bench",
                                                                             **stages.NO_POINT)))
        assert last["state"] == "succeeded", (last, fleet.output()[-5000:])
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
        fleet.stop()
    stages.note("coordinator stopped, then killed; all agents reconnect", f"{AGENTS} agents",
                "all welcomed; a rollout over all of them succeeds")
