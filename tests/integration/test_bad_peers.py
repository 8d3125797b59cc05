"""Programs that do not know each other, whose clocks differ, or that want what another one holds:
what each side says, with which exit code, and that whoever was there first goes on unharmed.
"""
import contextlib
import os
import re
import shutil

import pytest

from lib import configs, effects, rollouts, unchanged
from lib.fleet import READY, Fleet, preload, program, run_drover
from lib.postgres import free_port
from lib.gates import await_true
from lib.process import Child, clean_environment

NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
TENANT = "alone"
SKEW_S = 600  # skew.c


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    postgres.create_tenants([TENANT])
    # other programs come with this agent's key, each with a journal of its own
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, [TENANT])]},
               coordinator_changes={"on_lost_state": "note"}) as fleet:
        fleet.push_bundle(effects.write(folder / "chain", 2), "chain")
        rollouts.baseline(fleet, application="chain")
        start(fleet, "V001")
        fleet.stranger = {kind: fleet._key("stranger", kind)  # nobody has enrolled these
                          for kind in ("agent", "operator", "curve", "coordinator")}
        yield fleet


def start(fleet, target):
    spec = fleet.write_spec("chain", target=target, **NO_POINT)
    rollouts.assert_ends(fleet, rollouts.start(fleet, spec), "succeeded")


def says(line, *words):
    for word in words:
        assert word in line, line


@contextlib.contextmanager
def agent_with(fleet, env=None, **changes):
    """Another agent in the place of the fleet's own, which comes back afterwards unharmed."""
    fleet.agents["one"].stop()
    folder = fleet.folder / "other"
    shutil.rmtree(folder, ignore_errors=True)  # a journal goes by one fleet's trust file for good
    for inner in (folder, folder / "state", folder / "backups"):
        inner.mkdir(mode=0o700, exist_ok=True)
    trust = {"address": fleet.address, "coordinator": fleet.keys["coordinator"],
             "root": changes.pop("root", fleet.folder / "trust" / "fleet.trust"),
             "recovery": [fleet.keys["recovery"]["seal"].public]}
    keys = {**fleet.keys["one"], **changes.pop("keys", {})}
    trust["coordinator"] = {**trust["coordinator"], **changes.pop("coordinator", {})}
    config = fleet.folder / "other.yaml"
    config.write_text(configs.yaml(configs.agent(folder, changes.pop("name", "one"), keys, trust,
                                                 fleet.agent_clusters["one"])))
    agent = Child("other", [program("drover-agent"), "--config", str(config)],
                  env=clean_environment(**(env or {})), cwd=fleet.folder)
    fleet.children.append(agent)
    try:
        agent.wait_for_line(READY)
        yield agent
        assert agent.stop() == 0  # it waits and tries again: no reason to end
    finally:
        agent.kill()
        mark = fleet.coordinator.mark()
        fleet.start_agent("one")
        fleet.coordinator.wait_for_line(r"event=\"agent online\"", after=mark)


def agents_row(fleet):
    return fleet.ok("agents", "-o", "json").json["agents"][0]


def contents(postgres):
    return effects.contents(postgres, TENANT)


# Keys.


def test_agent_unknown(fleet, postgres):
    before = contents(postgres)
    mark = fleet.coordinator.mark()
    curve = fleet.stranger["curve"]
    with unchanged.catalog(fleet), agent_with(fleet, keys={"curve": curve}) as agent:
        line = agent.wait_for_line(r"event=\"the coordinator does not know our key\".*").group()
        says(line, "code=DRV-5006", fleet.address, curve.public,
             "hint=", "'drover agents'")
        line = fleet.coordinator.wait_for_line(r"event=\"connection refused\".*",
                                               after=mark).group()
        says(line, "code=DRV-5006", "address=127.0.0.1", "reason=\"key is not enrolled\"", "hint=",
             curve.public)  # as the key file and the agent's log write it
    assert contents(postgres) == before


def test_coordinator_unknown(fleet, postgres):
    """The agent expects another server key than the one that answers."""
    before = contents(postgres)
    with unchanged.catalog(fleet), \
            agent_with(fleet, coordinator={"curve": fleet.stranger["curve"]}) as agent:
        line = agent.wait_for_line(r"event=\"the coordinator does not answer\".*").group()
        says(line, "code=DRV-5003", fleet.address, "is the server's key the right one?", "hint=",
             "both public keys")
    assert contents(postgres) == before


def test_coordinator_signs_with_another_key(fleet, postgres):
    """The agent goes by another fleet's trust file, and sees at the welcome that it could obey
    nothing: it says so once, to both sides, leaves, and gets no job."""
    before = contents(postgres)
    run_drover("trust", "init", "--solo", "--no-passphrase", "--out", fleet.folder / "elsewhere")
    with agent_with(fleet, root=fleet.folder / "elsewhere" / "fleet.trust") as agent:
        event = r"event=\"the coordinator signs with another key\".*"
        line = agent.wait_for_line(event).group()
        says(line, "code=DRV-7015", f"signs_with={fleet.keys['coordinator']['sign'].public}",
             "hint=")
        await_true(lambda: "DRV-7015" in agents_row(fleet)["problem"], "agents tells nothing")
        assert not agents_row(fleet)["online"]
        says(fleet.ok("agents").out, "PROBLEM", "DRV-7015")
        spec = fleet.write_spec("chain", target="V002", **NO_POINT)
        rollout = rollouts.start(fleet, spec)
        says(fleet.ok("rollout", "status", rollout).out, "1 tenant waits: DRV-6013",
             "its agent 'one' is not connected", "DRV-7015")
        assert fleet.ok("rollout", "stop", rollout).code == 0
        rollouts.assert_ends(fleet, rollout, "stopped")
        says(fleet.ok("clusters").out, "PROBLEM", "DRV-7015")
    assert len(re.findall(event, agent.output())) == 1
    assert "event=\"a message was dropped\"" not in agent.output()
    assert contents(postgres) == before


def test_agent_under_another_name(fleet):
    with unchanged.catalog(fleet), agent_with(fleet, name="two") as agent:
        line = agent.wait_for_line(r"event=\"refused by the coordinator\".*").group()
        says(line, "code=DRV-5007", "the key is enrolled as 'one', the agent calls itself 'two'",
             "hint=")


def operator_with(fleet, name, **changes):
    keys = {**fleet.keys["operator"], **changes.pop("keys", {})}
    coordinator = {**fleet.keys["coordinator"], **changes.pop("coordinator", {})}
    path = fleet.folder / f"{name}.yaml"
    path.write_text(configs.yaml(configs.operator(fleet.address, coordinator, keys)))
    return path


def assert_refused(answer, code, *words):
    assert (answer.code, answer.out) == (code, ""), answer
    assert answer.err.startswith("DRV-") and answer.err.count("\nHINT: ") == 1, answer
    says(answer.err, *words)


def test_operator_unknown(fleet):
    config = operator_with(fleet, "unknown", keys={"curve": fleet.stranger["curve"]})
    with unchanged.catalog(fleet):
        assert_refused(run_drover("tenants", config=config), 1, "DRV-5006", fleet.address,
                       "'drover trust show'")


def test_operator_signs_with_another_key(fleet):
    config = operator_with(fleet, "forger", keys={"sign": fleet.stranger["operator"]})
    with unchanged.catalog(fleet):
        assert_refused(run_drover("tenants", config=config, timeout_s=60), 1, "DRV-5005")


def test_operator_expects_another_coordinator(fleet):
    config = operator_with(fleet, "lost", coordinator={"curve": fleet.stranger["curve"]})
    assert_refused(run_drover("tenants", config=config), 6, "DRV-5003", fleet.address,
                   "its key is not the configured one", "both public keys")


def test_an_agent_gives_no_orders(fleet):
    config = operator_with(fleet, "usurper", keys={"curve": fleet.keys["one"]["curve"]})
    with unchanged.catalog(fleet):
        assert_refused(run_drover("rollout", "list", config=config, timeout_s=60), 1, "DRV-5")


# Clocks.


def skewed(fleet):
    """It may come before a sanitizer's own library, which wants to be the first."""
    options = [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]
    return {"LD_PRELOAD": preload(fleet.folder, "libskew.so"),
            "ASAN_OPTIONS": ":".join(filter(None, options))}


def test_agent_ten_minutes_fast(fleet, postgres):
    before = contents(postgres)
    mark = fleet.coordinator.mark()
    with unchanged.catalog(fleet), agent_with(fleet, env=skewed(fleet)) as agent:
        for child, event, after in ((agent, "refused by the coordinator", 0),
                                    (fleet.coordinator, "peer refused", mark)):
            line = child.wait_for_line(rf"event=\"{event}\".*", after=after).group()
            says(line, "code=DRV-5008", "more than 60 s apart")
            theirs, ours = re.findall(r"\d{4}-\d\d-\d\dT(\d\d):(\d\d):\d\d\.\d+Z", line)[-2:]
            apart = (int(theirs[0]) - int(ours[0])) * 60 + int(theirs[1]) - int(ours[1])
            assert apart % (24 * 60) in (9, 10), line
        says(agent.wait_for_line(r"event=\"refused by the coordinator\".*").group(),
             "hint=\"set the clocks of both hosts")
    assert contents(postgres) == before


def test_operator_ten_minutes_fast(fleet):
    spec = fleet.write_spec("chain", **NO_POINT)
    with unchanged.catalog(fleet):
        for line in (["tenants"], ["rollout", "start", spec, "--yes"]):
            assert_refused(fleet.drover(*line, env=skewed(fleet)), 1, "DRV-5008",
                           "from the coordinator's time", "set the clocks of both hosts")


# What another one holds.


def second_coordinator(fleet, name, **changes):
    """A coordinator that must end by itself: its exit code and what it said."""
    config = fleet.folder / f"{name}.yaml"
    address = changes.pop("address", f"tcp://127.0.0.1:{free_port()}")
    config.write_text(configs.yaml(configs.coordinator(
        fleet.folder, fleet.keys["coordinator"], address, **changes)))
    child = Child(name, [program("drover-coordinator"), "--config", str(config)],
                  env=clean_environment(), cwd=fleet.folder)
    fleet.children.append(child)
    return child.wait(), "\n".join(child.lines)


def assert_first_goes_on(fleet, postgres, pid):
    assert fleet.coordinator.pid == pid and fleet.coordinator.is_running()
    assert postgres.value("SELECT count(*) FROM drover.history", TENANT) == 2
    listed = fleet.ok("agents", "-o", "json").json["agents"]
    assert [row["name"] for row in listed] == ["one"]


def test_port_in_use(fleet, postgres):
    pid = fleet.coordinator.pid
    status, said = second_coordinator(fleet, "port", address=fleet.address,
                                      catalog=fleet.folder / "second.sqlite",
                                      bundles=fleet.folder / "bundles")
    assert status == 1
    says(said, "drover-coordinator: DRV-1011 cannot listen on ", fleet.address, "already in use",
         "HINT: another process holds the port: stop it, or change 'listen'")
    assert "event=ready" not in said
    assert_first_goes_on(fleet, postgres, pid)


def test_second_coordinator(fleet, postgres):
    pid = fleet.coordinator.pid
    with unchanged.catalog(fleet):
        status, said = second_coordinator(fleet, "second")
    assert status == 1
    says(said, "drover-coordinator: DRV-6002 ", str(fleet.folder / "catalog.sqlite"),
         f"is held by process {pid}", "HINT: ", "stop that one first")
    assert "event=ready" not in said
    assert_first_goes_on(fleet, postgres, pid)


def test_second_agent(fleet):
    """On the state folder of one that runs."""
    first = fleet.agents["one"]
    child = Child("twin", [program("drover-agent"), "--config", str(fleet.folder / "one.yaml")],
                  env=clean_environment(), cwd=fleet.folder)
    fleet.children.append(child)
    assert child.wait() == 1
    says("\n".join(child.lines), "drover-agent: DRV-6002 another agent runs on ",
         str(fleet.folder / "one" / "state"), "HINT: ", "stop that one first")
    assert first.is_running()


def test_all_goes_on_after_that(fleet, postgres):
    """Last: whatever came and went, the fleet still does its work, once."""
    start(fleet, "V002")
    effects.assert_applied_once(postgres, TENANT, 2)
