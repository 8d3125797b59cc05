"""Standing orders with real programs: who comes after the signing is moved on without anybody
typing, and nobody else is; what pauses, ends or outlives one stops it, restarts included.
"""
import json
import signal
import time

import pytest

from lib import configs, migrations, rollouts
from lib.fleet import Fleet

WAIT_S = 90  # a net: what is waited for is an event


def shop(postgres):
    """Every database shop_… is a tenant, those to come included."""
    made = configs.cluster(postgres, [])
    made["tenants"] = {"pattern": "shop_*"}
    return made


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    postgres.create_tenants(["shop_0", "shop_1"])
    with Fleet(folder / "fleet", {"one": [shop(postgres)]},
               coordinator_changes={"standing_sweep": "1s"}) as made:
        made.push_bundle(migrations.EXAMPLE)
        await_true(made, lambda: len(versions(made)) == 2)
        rollouts.baseline(made)
        yield made


def versions(fleet):
    """Where each tenant stands: None without a ledger, "" where nothing is applied."""
    rows = fleet.ok("tenants", "-o", "json").json["tenants"]
    return {row["name"]: (row["applications"][0]["version"] or "") if row["applications"] else None
            for row in rows}


def await_true(fleet, holds):
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.1)  # polling an event that only commands tell
    raise AssertionError(f"it does not come to that: {versions(fleet)}\n{listed(fleet)}\n"
                         f"{fleet.output()[-20000:]}")


def await_version(fleet, tenant, version="V010"):
    await_true(fleet, lambda: versions(fleet).get(tenant) == version)


def listed(fleet, *args):
    rows = fleet.ok("standing", "list", "-o", "json", *args).json["standing"]
    return {row["name"]: row for row in rows}


def provision(fleet, postgres, *names, spoil=None):
    """What a provisioning program does: databases, and a baseline of each."""
    postgres.create_tenants(names)
    for name in names:
        if spoil is not None:
            postgres.run(spoil, database=name)
    await_true(fleet, lambda: set(names) <= set(versions(fleet)))
    for name in names:
        rollouts.baseline(fleet, select=f"name={name}")


def start(fleet, name, select, *end):
    spec = fleet.write_spec("shop", name=f"{name}.yaml", select=select, recovery_point={
        "policy": "none", "reason": "throwaway data"})
    return fleet.drover("standing", "start", spec, "--name", name, *(end or ("--for", "2d")),
                        "--yes")


def swept(fleet):
    rows = fleet.ok("rollout", "list", "--all", "-o", "json").json["rollouts"]
    return [row for row in rows if " sweep " in row["name"]]


def test_what_is_signed_is_shown(fleet):
    spec = fleet.write_spec("shop", name="shown.yaml", select="name notin (shop_out, shop_far)",
                            recovery_point={"policy": "none", "reason": "throwaway data"})
    unsigned = fleet.drover("standing", "start", spec, "--for", "30d")
    assert unsigned.code == 4 and "sign for whoever matches" in unsigned.err, unsigned
    for line in ("2 tenants match", "shop_0, shop_1", "whoever matches later is moved, too",
                 "tenants         whoever matches name notin (shop_far,shop_out)\n",
                 "order           rollout of shop\n",
                 "target          position 10 of the bundle\n"):
        assert line in unsigned.out, unsigned
    assert listed(fleet) == {}
    endless = fleet.drover("standing", "start", spec, "--for", "100d", "--yes")
    assert endless.code == 1 and "within 92 days" in endless.err, endless
    nothing = fleet.drover("standing", "start", spec, "--yes")
    assert nothing.code == 2 and "--until TIME, or --for TIME" in nothing.err, nothing
    waves = fleet.write_spec("shop", name="waves.yaml", waves=[
        {"name": "canary", "count": 1}, {"name": "rest", "rest": True}])
    two = fleet.drover("standing", "start", waves, "--for", "1d", "--yes")
    assert two.code == 1 and "has one wave" in two.err, two


def test_those_of_today_are_moved(fleet):
    answer = start(fleet, "shops", "name notin (shop_out,shop_late,shop_brief)")
    assert answer.code == 0 and "standing order 'shops' is active" in answer.out, answer
    for tenant in ("shop_0", "shop_1"):
        await_version(fleet, tenant)
    row = listed(fleet)["shops"]
    assert row["sweeps"] >= 1 and row["target_version"] == "V010"
    again = start(fleet, "shops", "all")
    assert again.code == 1 and "DRV-6034" in again.err, again


def test_those_to_come_are_moved_and_no_others(fleet, postgres):
    provision(fleet, postgres, "shop_out")
    provision(fleet, postgres, "shop_2")
    await_version(fleet, "shop_2")
    assert versions(fleet)["shop_out"] == ""
    names = [row["name"] for row in swept(fleet)]
    assert all(name.startswith("shops sweep ") for name in names) and len(names) >= 2, names


def test_a_restarted_coordinator_goes_on(fleet, postgres):
    fleet.coordinator.stop(signal.SIGKILL)
    fleet.start_coordinator()
    provision(fleet, postgres, "shop_3")
    await_version(fleet, "shop_3")


def test_a_hold_is_respected(fleet, postgres):
    fleet.ok("fleet", "hold", "--yes")
    assert listed(fleet)["shops"]["state"] == "held"
    fleet.ok("fleet", "release", "--yes")
    assert listed(fleet)["shops"]["state"] == "active"


def test_what_a_newer_order_took_back_stays_back(fleet, postgres):
    fleet.ok("rollback", "--select", "name=shop_3", "--to", "V007", "--application", "shop",
             "--yes", "--wait")
    provision(fleet, postgres, "shop_4")
    await_version(fleet, "shop_4")
    assert versions(fleet)["shop_3"] == "V007"


def test_a_sweep_that_fails_stops_the_others(fleet, postgres):
    provision(fleet, postgres, "shop_bad", spoil="SET ROLE tenant_owner; "
              "CREATE TABLE customers (nothing int)")
    await_true(fleet, lambda: listed(fleet)["shops"]["state"] == "suspended")
    row = listed(fleet)["shops"]
    sweep = row["command"].split("'")[1]
    assert row["command"] == f"drover rollout resume '{sweep}'" and "is paused" in row["reason"]
    stopped = fleet.drover("rollout", "stop", sweep, "--yes")
    assert stopped.code == 0 and "DRV-6034" not in stopped.out, stopped
    assert "'drover standing end' stops it" in stopped.err, stopped
    rollouts.follow(fleet, sweep)
    row = listed(fleet)["shops"]
    assert row["state"] == "suspended"
    assert row["command"] == "drover standing resume 'shops'", row
    provision(fleet, postgres, "shop_5")
    fleet.coordinator.stop(signal.SIGKILL)
    fleet.start_coordinator()
    assert listed(fleet)["shops"]["state"] == "suspended"
    assert versions(fleet)["shop_5"] == ""
    postgres.run("DROP DATABASE shop_bad WITH (FORCE)")
    await_true(fleet, lambda: "shop_bad" not in versions(fleet))
    fleet.ok("standing", "resume", "shops")
    await_version(fleet, "shop_5")


def test_after_its_end_nothing_starts(fleet, postgres):
    assert start(fleet, "brief", "name=shop_brief", "--for", "2s").code == 0
    await_true(fleet, lambda: listed(fleet)["brief"]["state"] == "expired")
    provision(fleet, postgres, "shop_brief", "shop_6")
    await_version(fleet, "shop_6")  # the sweeps went by
    assert versions(fleet)["shop_brief"] == ""


def test_once_ended_nothing_starts(fleet, postgres):
    assert start(fleet, "others", "name in (shop_late)").code == 0
    unread = fleet.drover("standing", "end", "shops")
    assert unread.code == 4, unread
    ended = fleet.ok("standing", "end", "shops", "--yes", "--reason", "enough")
    assert "standing order 'shops' is ended" in ended.out, ended
    assert "shops" not in listed(fleet) and listed(fleet, "--all")["shops"]["state"] == "ended"
    fleet.coordinator.stop(signal.SIGKILL)
    fleet.start_coordinator()
    provision(fleet, postgres, "shop_7", "shop_late")
    await_version(fleet, "shop_late")  # the sweeps went by
    assert versions(fleet)["shop_7"] == ""
    again = fleet.drover("standing", "resume", "shops")
    assert again.code == 1 and "DRV-6034" in again.err, again


def test_the_past_is_proved(fleet):
    export = fleet.folder / "fleet.audit"
    fleet.ok("audit", "export", "--out", export)
    root = fleet.folder / "trust" / "fleet.trust"
    fleet.ok("audit", "verify", export, "--root", root)
    orders = {row["order_digest"]: row["expires_us"] for row in listed(fleet, "--all").values()}
    lines = [json.loads(line) for line in export.read_text().splitlines()]
    sweeps = {line["rollout"]: line for line in lines
              if line["type"] == "rollout" and line["order"] in orders}
    task = next(line for line in lines if line["type"] == "task" and line["rollout"] in sweeps
                and line["leaf"])
    sweep = sweeps[task["rollout"]]
    for line, key, lie, word in (
            (task, "to", 9, "under a standing order to 10"),
            (sweep, "started_us", orders[sweep["order"]] + 10**10, "its standing order ended at")):
        truth, line[key] = line[key], lie
        export.write_text("".join(json.dumps(each) + "\n" for each in lines))
        broken = fleet.drover("audit", "verify", export, "--root", root)
        assert broken.code == 1 and word in broken.err, broken
        line[key] = truth


def test_a_take_back_undoes_what_it_did_and_no_more(fleet, postgres):
    """shop_half was at V003 before; what the standing order did is undone without a coordinator."""
    provision(fleet, postgres, "shop_half")
    half = fleet.write_spec("shop", name="half.yaml", select="name=shop_half", target="V003",
                            recovery_point={"policy": "none", "reason": "throwaway data"})
    fleet.ok("rollout", "start", half, "--yes", "--wait")
    assert start(fleet, "spare", "name=shop_half").code == 0
    await_version(fleet, "shop_half")
    digest = listed(fleet)["spare"]["order_digest"]
    fleet.ok("standing", "end", "spare", "--yes")
    paper = fleet.folder / "back.order"
    trust = fleet.folder / "trust"
    fleet.ok("order", "take-back", digest, "--application", "shop", "--trust",
             trust / "fleet.trust", "--key", trust / "operator.key", "--out", paper, "--yes")
    orders = fleet.folder / "one" / "state" / "orders"
    paper.rename(orders / "back.new")
    (orders / "back.new").rename(orders / "back.order")
    await_version(fleet, "shop_half", "V003")
    export = fleet.folder / "back.audit"
    fleet.ok("audit", "export", "--out", export)
    said = fleet.ok("audit", "verify", export, "--root", trust / "fleet.trust", "-o", "json").json
    assert said["holds"] and said["jobs_own"] >= 1, said
