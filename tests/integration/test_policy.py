"""What one host permits, whatever was signed: the agent's policy file, as real programs meet it."""
import os
import re
import subprocess
import time

import pytest

from lib import configs, effects, rollouts
from lib.fleet import COMMAND_S, Fleet, program
from lib.process import clean_environment

NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
TENANTS = ["one", "two"]
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Permitted(Fleet):
    """A fleet whose agents have the policy file of this path."""

    def __init__(self, folder, agents, policy):
        super().__init__(folder, agents)
        self.policy = policy

    def write_agent(self, name, **changes):
        super().write_agent(name, **changes)
        path = self.folder / f"{name}.yaml"
        path.write_text(path.read_text().replace("trust:\n", f"trust:\n  policy: {self.policy}\n",
                                                 1))


class World:
    def __init__(self, fleet, postgres, path):
        self.fleet = fleet
        self.postgres = postgres
        self.path = path
        self.position = 1

    def permit(self, text):
        """Replace the policy whole, as its documentation asks."""
        beside = self.path.with_suffix(".new")
        beside.write_text(text)
        beside.chmod(0o600)
        os.replace(beside, self.path)

    def begin(self, version):
        spec = self.fleet.write_spec("chain", target=f"V{version:03d}", select="name=one",
                                     **NO_POINT)
        return rollouts.start(self.fleet, spec)

    def await_refusal(self, rollout, code):
        """Until the tenant's task waits for this reason."""
        rollouts.await_status(self.fleet, rollout,
                              lambda _: rollouts.tasks(self.fleet, rollout)["one"]["code"] == code)
        task = rollouts.tasks(self.fleet, rollout)["one"]
        assert str(self.path) in task["error"], task
        return task


@pytest.fixture(scope="module")
def world(folder, postgres):
    postgres.create_tenants(TENANTS)
    path = folder / "policy.yaml"
    path.write_text("tenants: all\n")
    path.chmod(0o600)
    agents = {"agent": [configs.cluster(postgres, TENANTS)]}
    with Permitted(folder / "fleet", agents, path) as fleet:
        fleet.push_bundle(effects.write(folder / "chain", 9), "chain")
        rollouts.baseline(fleet, application="chain")
        world = World(fleet, postgres, path)
        rollouts.assert_ends(fleet, world.begin(1), "succeeded")
        yield world


# At the start of the agent, which needs nobody else for it.


@pytest.fixture(scope="module")
def alone(folder, postgres):
    """An agent's files, and the path of its policy."""
    path = folder / "alone" / "policy.yaml"
    agents = {"agent": [configs.cluster(postgres, ["one"])]}
    return Permitted(folder / "alone", agents, path).make_files(), path


BAD = {  # name: (contents, mode, code, what is said)
    "writable": ("tenants: all\n", 0o666, "DRV-7052",
                 "has mode 0666: others than its owner can write it"),
    "by_group": ("tenants: all\n", 0o660, "DRV-7052", "has mode 0660"),
    "missing": (None, 0, "DRV-7052", "No such file or directory"),
    "empty": ("", 0o600, "DRV-1009", "policy.yaml"),
    "unknown_key": ("tenant: all\n", 0o600, "DRV-1009", "did you mean 'tenants'?"),
    "no_kinds": ("kinds: []\n", 0o600, "DRV-1009", "'kinds' is empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_refused_at_the_start(alone, name):
    fleet, path = alone
    contents, mode, code, says = BAD[name]
    path.unlink(missing_ok=True)
    if contents is not None:
        path.write_text(contents)
        path.chmod(mode)
    done = subprocess.run([program("drover-agent"), "--config", str(fleet.folder / "agent.yaml")],
                          env=clean_environment(), capture_output=True, text=True,
                          timeout=COMMAND_S, check=False)
    assert done.returncode == 2, done
    said = done.stdout + done.stderr
    assert code in said and says in said and str(path) in said, said
    assert len(re.findall(r"HINT: |\bhint=", said)) == 1, said


def test_every_mistake_is_shown(alone):
    """As of any other YAML file: with its line and column, not the first one alone."""
    fleet, path = alone
    path.unlink(missing_ok=True)
    path.write_text("tenant: all\nallow_superuser: perhaps\ntenants_per_hour: many\n")
    path.chmod(0o600)
    done = subprocess.run([program("drover-agent"), "--config", str(fleet.folder / "agent.yaml")],
                          env=clean_environment(), capture_output=True, text=True,
                          timeout=COMMAND_S, check=False)
    assert done.returncode == 2, done
    said = done.stdout + done.stderr
    for line, mistake in enumerate(("did you mean 'tenants'?", "'perhaps' is neither",
                                    "'many' is no whole number"), start=1):
        assert re.search(rf"{re.escape(str(path))}:{line}:\d+: .*{re.escape(mistake)}", said), \
            said


# While it runs.


def test_another_kind(world):
    world.permit("kinds: [look, undo]\n")
    before = effects.contents(world.postgres, "one")
    rollout = world.begin(2)
    rollouts.assert_ends(world.fleet, rollout, "paused")
    task = rollouts.tasks(world.fleet, rollout)["one"]
    assert (task["state"], task["code"]) == ("refused", "DRV-7037"), task
    assert f"{world.path}:1: 'kinds' does not list forward" in task["error"], task
    assert effects.contents(world.postgres, "one") == before
    world.fleet.ok("rollout", "stop", rollout, "--yes")


def test_another_tenant(world):
    world.permit("tenants: name=two\n")
    before = effects.contents(world.postgres, "one")
    rollout = world.begin(2)
    rollouts.assert_ends(world.fleet, rollout, "paused")
    task = rollouts.tasks(world.fleet, rollout)["one"]
    assert (task["state"], task["code"]) == ("refused", "DRV-7038"), task
    assert effects.contents(world.postgres, "one") == before
    world.fleet.ok("rollout", "stop", rollout, "--yes")


def day_after_tomorrow():
    return DAYS[time.gmtime(time.time() + 2 * 86400).tm_wday]


PASSING = {  # name: (the policy while it waits, its code)
    "window": (f"windows: [{{days: [{day_after_tomorrow()}]}}]\n", "DRV-7039"),
    "killed": ("kill_switch: STOP\n", "DRV-7043"),
    "broken": ("kinds: [forward\n", "DRV-7052"),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_waited_for(world, name):
    """Nothing starts meanwhile; once the file is mended the job goes on by itself."""
    policy, code = PASSING[name]
    stop = world.path.with_name("STOP")
    stop.touch()
    world.permit(policy)
    before = effects.contents(world.postgres, "one")
    rollout = world.begin(world.position + 1)
    task = world.await_refusal(rollout, code)
    assert task["state"] in ("waiting", "ready", "dispatched", "running"), task
    assert effects.contents(world.postgres, "one") == before
    stop.unlink()
    if name != "killed":
        world.permit("tenants: all\n")
    rollouts.assert_ends(world.fleet, rollout, "succeeded")
    world.position += 1
    effects.assert_applied_once(world.postgres, "one", world.position)
