"""PostgreSQL goes down in a commit, a standby without the last commits takes over, COMMITs are cut.

A COMMIT that waits for a standby that does not exist is committed on disk and not answered: a crash
then makes its outcome unknown at the agent, and committed in truth.
"""
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import stage as stages
from lib import account, configs, effects, rollouts
from lib.process import clean_environment

TRIALS = 2000 if stages.ALL else 50
ROWS = 12
POINTS = ["agent.change.scripted", "agent.change.recorded", "agent.change.recorded@3",
          "agent.piecewise.started", "agent.piecewise.executed"]
STOP = "=stop"


@pytest.fixture(scope="module")
def stage(folder, postgres):
    names = [f"s{number:02d}" for number in range(ROWS)]
    with stages.open_stage(folder, postgres, names) as stage:
        yield stage


def restart_agent(stage, point=None):
    """Its tenants are read again: the last row left the server crashed, and its agent saw it."""
    agent = stage.restart_agent(**({"DROVER_FAILPOINT": point} if point else {}))
    stage.await_tenants()
    return agent


def crash(postgres):
    """An immediate stop, and a start on the same port."""
    postgres.crash()
    postgres.start()


def set_standby(postgres, name):
    """COMMITs wait for a standby of this name from now on; "" for none."""
    postgres.run(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
    postgres.run("SELECT pg_reload_conf()")
    stages.await_true(lambda: postgres.value("SHOW synchronous_standby_names") == name,
                      "the server does not read its settings")


@pytest.mark.parametrize("migration", [1, 2, 4] if stages.ALL else [2, 4])
def test_crash_after_the_commit(stage, postgres, migration):
    """The change is durable, its COMMIT was never answered."""
    name = stage.tenant()
    point = f"agent.change.recorded@{migration if migration < 3 else 3}{STOP}"
    agent = restart_agent(stage, point)
    rollout = rollouts.start(stage.fleet, stage.spec(name, policy=stages.NO_POINT))
    agent.wait_for_line("^failpoint ")
    set_standby(postgres, "nobody")
    agent.send(signal.SIGCONT)
    stages.await_true(lambda: postgres.value(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = %s",
        values=(name,)) > 0, "no COMMIT waits")
    postgres.crash()
    postgres._write_server_file("postgresql.auto.conf", "")
    postgres.start()
    took = stage.finish(rollout)
    stage.judge(name)
    stages.note("PostgreSQL crashes after a commit, its reply lost", f"change {migration}",
                "settled from the ledger" + "".join(f"; {s}, retried" for s in took) +
                "; succeeded")


@pytest.mark.parametrize("point", POINTS if stages.ALL else POINTS[::2])
def test_crash_before_the_commit(stage, postgres, point):
    """The agent sends its next word into a connection that is dead, and its transaction is gone."""
    name = stage.tenant()
    agent = restart_agent(stage, point + STOP)
    rollout = rollouts.start(stage.fleet, stage.spec(name, policy=stages.NO_POINT))
    agent.wait_for_line("^failpoint ")
    crash(postgres)
    agent.send(signal.SIGCONT)
    took = stage.finish(rollout)
    stage.judge(name)
    stages.note("PostgreSQL crashes in a change", point.removeprefix("agent."),
                "".join(f"{s}, retried; " for s in took) + "succeeded")


# A standby that lacks the last commits is promoted. The server's files as they were at a time are
# just that: what was committed since is lost, and a new timeline begins.


def base_backup(postgres, folder):
    copy = account.make_server_folder(folder)
    os.chmod(copy, 0o700)
    done = subprocess.run(account.as_server_user(
        [str(postgres.programs / "pg_basebackup"), "-D", str(copy), "-X", "stream", "-c", "fast",
         "-h", str(postgres.socket_folder), "-p", str(postgres.port), "-U", "postgres"]),
        env=clean_environment(), cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return copy


def fail_over(postgres, copy):
    """The primary is gone; the copy takes its place and port as a promoted standby."""
    postgres.crash()
    account.remove_folder(postgres.data)
    shutil.move(str(copy), str(postgres.data))
    postgres._write_server_file("standby.signal", "")
    argv = account.as_server_user([str(postgres.programs / "pg_ctl"), "-D", str(postgres.data),
                                   "promote", "-w"])
    start_and_promote(postgres, argv)


def start_and_promote(postgres, argv):
    """A standby says other words once it may be asked."""
    words = postgres._is_up
    postgres._is_up = lambda: bool(postgres.server.wait_for_line(
        "database system is ready to accept"))
    try:
        postgres.start()
    finally:
        postgres._is_up = words
    done = subprocess.run(argv, env=clean_environment(), cwd="/", capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not postgres.value("SELECT pg_is_in_recovery()")


def incarnation(stage, name):
    shown = stage.fleet.ok("tenant", "show", name, "-o", "json").json["tenant"]
    return shown["incarnation"]


def lost_commits(stage, name):
    """Until the fleet has noticed that the tenant went back in time."""
    before = incarnation(stage, name)
    return lambda: incarnation(stage, name) > before


def test_failover_at_rest(stage, postgres, folder):
    """All of a rollout is lost after it had succeeded: it is said, and another rollout applies it
    once more, once."""
    name = stage.tenant()
    restart_agent(stage)
    rollouts.assert_ends(stage.fleet, rollouts.start(
        stage.fleet, stage.spec(name, policy=stages.NO_POINT, target="V002")), "succeeded")
    copy = base_backup(postgres, folder / "copy1")
    rollouts.assert_ends(stage.fleet, rollouts.start(
        stage.fleet, stage.spec(name, policy=stages.NO_POINT)), "succeeded")
    noticed = lost_commits(stage, name)
    fail_over(postgres, copy)
    assert effects.traces(postgres, name) == [("V001", "apply"), ("V002", "apply")]
    stages.await_true(noticed, "nobody notices that the tenant went back in time")
    stage.await_tenants()
    took = stage.finish(rollouts.start(stage.fleet, stage.spec(name, policy=stages.NO_POINT)))
    stage.judge(name)
    stages.note("a standby without the last commits is promoted", "after a rollout",
                "noticed, planned again" + "".join(f"; {s}, retried" for s in took) +
                "; succeeded")


def test_failover_in_a_job(stage, postgres, folder):
    """Two of four changes are lost while the agent sleeps between two of them."""
    name = stage.tenant()
    agent = restart_agent(stage, "agent.change.committed@2" + STOP)
    copy = base_backup(postgres, folder / "copy2")
    rollout = rollouts.start(stage.fleet, stage.spec(name, policy=stages.NO_POINT))
    agent.wait_for_line("^failpoint ")
    fail_over(postgres, copy)
    assert effects.traces(postgres, name) == []
    agent.send(signal.SIGCONT)
    last = rollouts.follow(stage.fleet, rollout)
    took = [last["state"]]
    for _ in range(4):
        if last["state"] == "succeeded" and len(effects.traces(postgres, name)) == stages.COUNT:
            break
        stage.await_tenants()
        rollout = rollouts.start(stage.fleet, stage.spec(name, policy=stages.NO_POINT))
        last = rollouts.follow(stage.fleet, rollout)
        took.append(last["state"])
    stage.judge(name)
    stages.note("a standby without the last commits is promoted", "between two changes",
                "; planned again: ".join(took))


def test_commits_lost():
    """COMMIT's request or only its reply is lost (tests/integration/proxy), none misjudged."""
    build = Path(os.environ["DROVER_BIN_DIR"]).parent
    (program,) = build.rglob("integration_commit")
    done = subprocess.run([program, str(TRIALS)], env=clean_environment(), cwd=build,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    stages.note("COMMIT's request or reply cut", f"{TRIALS} trials", "none misjudged")
