"""The disk for backups is full: a small tmpfs of the agent's own, real to all that it calls.

The mount stands in a mount namespace that the agent is started in (unshare(1)), and goes with it.
Where the tests' account may make none, the shim answers ENOSPC instead, and the table says so.
"""
import os
import signal
import subprocess
from pathlib import Path

import pytest

import oracle
import stage as stages
from lib import effects, rollouts
from lib.fleet import program
from lib.process import Child, clean_environment

MIB = 1 << 20
MOUNT = 'mount -t tmpfs -o "size=$1,mode=0700" tmpfs "$2" && shift 2 && exec "$@"'
UNSHARE = ["unshare", "--mount", "--propagation", "private", "sh", "-c", MOUNT, "sh"]
WRITTEN = "agent.backup.written"  # and its manifest is not


@pytest.fixture(scope="module")
def stage(folder, postgres):
    with stages.open_stage(folder, postgres, ["d1", "d2"]) as stage:
        yield stage


def may_mount(folder):
    folder.mkdir()
    argv = [*UNSHARE, str(MIB), str(folder), "true"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def start_in_small_room(stage, size, **env):
    """The agent, its backups' folder a tmpfs of so many bytes."""
    fleet = stage.fleet
    fleet.agents["one"].stop()
    mark = fleet.coordinator.mark()
    agent = Child("one", [*UNSHARE, str(size), str(fleet.folder / "one" / "backups"),
                          program("drover-agent"), "--config", str(fleet.folder / "one.yaml")],
                  env=clean_environment(**env), cwd=fleet.folder)
    fleet.children.append(agent)
    fleet.agents["one"] = agent
    fleet.coordinator.wait_for_line('event="agent online"', after=mark)
    return agent


def start_by_shim(stage):
    agent = stage.restart_agent(**stage.shim(FAULT_AT="backup:write:1:full"))
    stage.arm()
    return agent


def fill(stage, agent):
    """Another file takes all room that is left while the backup is written; then it goes on."""
    agent.wait_for_line(f"^failpoint {WRITTEN}")
    room = f"/proc/{agent.pid}/root{stage.fleet.folder}/one/backups"
    with open(f"{room}/another.file", "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(MIB))
    for child in Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGCONT)


@pytest.mark.parametrize("when", ["from the start", "while a backup is written"])
def test_backup_disk_full(stage, postgres, folder, when):
    """No room, no recovery point; no recovery point, no change. With room it is done by a retry."""
    name = stage.tenant()
    mounts = may_mount(folder / name)
    full = when == "from the start"
    if not mounts:
        agent = start_by_shim(stage)
    elif full:
        agent = start_in_small_room(stage, 4 * MIB)
    else:
        agent = start_in_small_room(stage, 64 * MIB, DROVER_FAILPOINT=WRITTEN + "=stop")
    rollout = rollouts.start(stage.fleet, stage.spec(name))
    if mounts and not full:
        fill(stage, agent)
    rollouts.assert_ends(stage.fleet, rollout, "paused")
    assert effects.traces(postgres, name) == []
    last = rollouts.tasks(stage.fleet, rollout)[name]["error"]
    assert not mounts or "MiB free" in last
    said = oracle.World(postgres, stage.fleet, []).catalog("SELECT message FROM report")
    assert any("No space left on device" in text for text, in said) == (not mounts or not full), said
    stage.restart_agent()
    took = stage.finish(rollout)
    stage.judge(name)
    assert took == ["paused"]
    stages.note("the backups' disk is full" + ("" if mounts else " (ENOSPC by the shim)"), when,
                "nothing applied; paused, retried with room, succeeded")
