"""The soak's own parts: a plan is its seed's, and each judgement that a soak adds can fail."""
import sqlite3
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

import gauge as gauges
import judge as judges
import plan

LONG_S = 1200
SCHEMA = sorted((Path(__file__).resolve().parents[2] / "migrations" / "catalog").glob("*.sql"))


def test_a_plan_is_its_seed_s():
    assert plan.draw("7", LONG_S) == plan.draw("7", LONG_S)
    assert plan.draw("7", LONG_S) != plan.draw("8", LONG_S)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_measured_is_not_restarted(seed):
    _, faults = plan.draw(str(seed), LONG_S)
    late = [event for event in faults if event.at_s >= plan.SETTLE * LONG_S]
    assert {"kill_agent", "stop_agent", "stop_coordinator", "cut", "postgres", "disk_coordinator"} \
        <= {event.kind for event in late}
    assert not {"kill_coordinator", "put_back", "copy"} & {event.kind for event in late}
    killed = {plan.target(event) for event in late if event.kind == "kill_agent"}
    assert killed == {"two"}


def gauge(**growth):
    """Six readings at each of five stops; growth: by how much a program's last two are larger."""
    made = gauges.Gauge(None, None)
    for name in gauges.MEASURED:
        for stop in range(5):
            used = 1000000 * (growth.get(name, 1) if stop > 2 else 1)
            made.rests[name] += [
                gauges.Sample(stop, 1, used + 5000 * reading, 0, 0, 0, Counter(), 0)
                for reading in range(6)]
    return made


def test_memory_that_grows_is_found():
    assert gauge().judge() == []
    assert gauge(coordinator=1.019, one=0.5).judge() == []
    (found,) = gauge(three=1.021).judge()
    assert found.startswith("memory: three had 1000000 bytes in use, then 1021000")


def test_a_program_that_was_restarted_is_found():
    made = gauge()
    made.rests["one"][-1].pid = 2
    assert made.judge() == ["memory: one did not live through the second half"]


def test_sqlite_past_its_bound_is_found():
    made = gauge()
    made.rests["one"][3].sqlite = gauges.SQLITE_MOST + 1
    assert made.judge() == ["memory: SQLite's cache in one is past its bound"]


def test_descriptors_that_stay_are_found():
    before = {"one": Counter(socket=3, file=9)}
    assert gauge().judge_descriptors(before, {"one": Counter(socket=3, file=8)}) == []
    assert gauge().judge_descriptors(before, {"one": Counter(socket=4, file=9, pipe=1)}) == [
        "descriptors: one had 3 of socket, now 4", "descriptors: one had 0 of pipe, now 1"]


@pytest.mark.parametrize("link,kind", [("socket:[12]", "socket"), ("pipe:[3]", "pipe"),
                                       ("anon_inode:[eventfd]", "eventfd"), ("/a:b", "file")])
def test_kinds_of_descriptors(link, kind):
    assert gauges.kind_of(link) == kind


@pytest.fixture
def world():
    """A catalog with one rollout under dumps that is over, and its only task."""
    file = sqlite3.connect(":memory:")
    for path in SCHEMA:
        file.executescript(path.read_text())
    fill(file, "rollout", rollout_id="r", name="n", kind=1, recovery_kind="dump", finished_us=9)
    fill(file, "task", job_id="j", rollout_id="r", tenant_id="t", tenant_name="acme", state=6,
         touched=1)
    fill(file, "recovery_point", tenant_id="t", rollout_id="r", position=1, taken_us=5)
    row = {"job": "j", "kind": "apply", "version": "V002", "position": 2, "finished_us": 7}
    return SimpleNamespace(tenants=["acme"], rows={"acme": [row]}, file=file,
                           catalog=lambda text, *values: file.execute(text, values).fetchall())


def fill(file, table, **values):
    """A row whose other columns are empty."""
    for _, name, kind, needed, default, _ in file.execute(f"PRAGMA table_info({table})"):
        if needed and default is None:
            values.setdefault(name, "" if kind == "TEXT" else 0)
    file.execute(f"INSERT INTO {table} ({','.join(values)}) VALUES"
                 f" ({','.join('?' * len(values))})", list(values.values()))


def test_all_is_well(world):
    assert judges.judge_points(world) == [] and judges.judge_end(world) == []


@pytest.mark.parametrize("wrong", ["position = 2", "taken_us = 8", "tenant_id = 'u'",
                                   "rollout_id = 's'"])
def test_a_point_of_another_time_or_place_is_none(world, wrong):
    world.file.execute(f"UPDATE recovery_point SET {wrong}")
    (found,) = judges.judge_points(world)
    assert found.startswith("3 acme: applied V002")


def test_a_report_that_is_nowhere_is_found(world):
    fill(world.file, "agent", agent_key="k", name="one", acknowledged=3)
    fill(world.file, "report", agent_key="k", number=1)
    fill(world.file, "audit", sequence=1, action="report.foreign", actor="one",
         detail="report 2 is about job j, which this agent was not given: apply")
    assert judges.judge_acknowledged(world) == ["10 one: acknowledged up to 3 without [3]"]
    fill(world.file, "report", agent_key="k", number=3)
    assert judges.judge_acknowledged(world) == []


def test_what_stays_open_is_found(world):
    world.file.execute("UPDATE rollout SET finished_us = 0")
    (found,) = judges.judge_end(world)
    assert found.startswith("13 n: a rollout in state 0")


def test_a_failure_without_a_reason_is_found(world):
    world.file.execute("UPDATE task SET state = 8")
    assert judges.judge_end(world) == ["13 acme: ended in state 8 without a reason"]


def test_what_no_doctor_names_is_found(monkeypatch):
    left = ["12 database a_drover_new_1", "12 database a_drover_new_2"]
    monkeypatch.setattr(judges.oracle, "beside", lambda _: left)
    said = r'{"command": "psql -d postgres -c \'DROP DATABASE \"a_drover_new_1\"\'"}'
    fleet = SimpleNamespace(drover=lambda *_: SimpleNamespace(out=said))
    assert judges.beside(SimpleNamespace(fleet=fleet)) == left[1:]
