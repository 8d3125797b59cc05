"""A COMMIT whose request or only whose reply is lost: each migration still takes effect once.

The agent reaches PostgreSQL through a proxy that strikes COMMITs (tests/integration/proxy).
"""
import os
import socket
from pathlib import Path

import pytest

from lib import configs, effects, rollouts
from lib.fleet import Fleet
from lib.process import Child, clean_environment

COUNT = 6
ROUNDS = 6
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}


class Proxy:
    """faultproxy in front of a cluster."""

    def __init__(self, folder, postgres):
        self.control = str(Path(folder) / "proxy.control")
        self.child = Child("proxy", [str(Path(os.environ["DROVER_BIN_DIR"]) / "faultproxy"),
                                     "--upstream", f"127.0.0.1:{postgres.port}",
                                     "--listen", "0", "--control", self.control],
                           env=clean_environment())
        ready = self.child.wait_for_line(r"^ready (\d+)")
        self.port = int(ready.group(1))

    def say(self, words):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(self.control)
            control.sendall(f"{words}\n".encode())
            return control.recv(200).decode().strip()


def struck(proxy):
    return int(proxy.say("stats").split()[3])


@pytest.fixture(scope="module")
def world(folder, postgres):
    names = [f"c{n:02d}" for n in range(2 * ROUNDS)]
    postgres.create_tenants(names)
    proxy = Proxy(folder, postgres)
    postgres.passfile.write_text(postgres.passfile.read_text() +
                                 f"127.0.0.1:{proxy.port}:*:drover:drover-login\n")
    cluster = configs.cluster(postgres, names, connection={"port": proxy.port})
    try:
        with Fleet(folder / "fleet", {"one": [cluster]}) as fleet:
            fleet.push_bundle(effects.write(folder / "chain", COUNT, outside=(4,)), "chain")
            rollouts.baseline(fleet, application="chain")
            yield fleet, proxy, names
    finally:
        proxy.child.kill()


@pytest.mark.parametrize("mode", ["cut-request", "cut-reply"])
def test_commit_lost(world, postgres, mode):
    fleet, proxy, names = world
    mine = names[:ROUNDS] if mode == "cut-request" else names[ROUNDS:]
    for number, name in enumerate(mine, start=1):
        spec = fleet.write_spec("chain", name=f"{name}.yaml", select=f"name={name}", **NO_POINT)
        before = struck(proxy)
        proxy.say(f"mode {mode} {number}")
        rollout = rollouts.start(fleet, spec)
        rollouts.assert_ends(fleet, rollout, "succeeded")
        assert struck(proxy) > before, name
        proxy.say("mode pass")
        effects.assert_applied_once(postgres, name, COUNT)
        effects.assert_nothing_left(postgres, name)
