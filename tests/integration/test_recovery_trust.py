"""What an agent remembers of trust is half written when it dies, damaged, or an older copy: the
numbers that it accepted, papers (orders, tickets), trust files. Nothing that was not signed runs,
and nothing that was runs twice.
"""
import contextlib
import shutil
import sqlite3
import subprocess

import pytest

from lib import effects, gates, rollouts, scenes, team
from lib.fleet import COMMAND_S, program
from lib.process import clean_environment

TENANTS = [f"r{n:02d}" for n in range(12)]
TRUST_PAPER = 1  # of journal_paper_kind_t
STARTS = 9  # more than a job has commits before its work begins
REFUSED_START = 1


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    with scenes.open_fleet(folder, postgres, TENANTS) as fleet:
        fleet.chain = team.Chain(fleet)
        yield fleet


@pytest.fixture
def scene(fleet, postgres):
    if not fleet.agents["one"].is_running():  # after a test that failed
        fleet.start_agent("one")
    scene = scenes.Scene(fleet, postgres)
    yield scene
    scene.gates.open_all()


def papers(scene):
    return scene.fleet.folder / "one" / "state" / "papers"


def journal(scene):
    return scene.fleet.folder / "one" / "state" / "journal.sqlite"


def remembered(scene, question, *values):
    """What a dead agent's journal answers."""
    with contextlib.closing(sqlite3.connect(journal(scene))) as file:
        return file.execute(question, values).fetchall()


def scribble(scene, script, *values):
    with contextlib.closing(sqlite3.connect(journal(scene))) as file, file:
        file.execute(script, values)


def trust_versions(scene):
    return [row[0] for row in remembered(
        scene, "SELECT sequence FROM paper WHERE kind = ? ORDER BY sequence", TRUST_PAPER)]


def order_of(scene, rollout):
    """Digest and time of a rollout's order, as the coordinator has them."""
    with contextlib.closing(sqlite3.connect(scene.catalog)) as catalog:
        return catalog.execute("SELECT o.digest, o.issued_us FROM signed_order AS o JOIN rollout AS r"
                               " ON r.order_digest = o.digest WHERE r.rollout_id = ?",
                               (rollout,)).fetchone()


def dies_at(scene, point):
    agent = scene.fleet.start_agent("one", DROVER_FAILPOINT=point)
    agent.wait_for_line("^failpoint ")
    agent.wait()


def restart(scene):
    return scene.fleet.start_agent("one")


# Accepted numbers.


def test_killed_once_the_number_is_accepted(scene):
    """It is in the journal before anything is done, and binds the agent that starts again."""
    scene.fleet.agents["one"].stop()
    rollout = scene.start(scenes.ONE_BY_ONE)
    digest, issued = order_of(scene, rollout)
    numbers = "SELECT number, lower(hex(signed)) FROM accepted WHERE number >= ?"
    for commit in range(1, STARTS):
        dies_at(scene, f"agent.journal.after-commit@{commit}")
        scene.assert_stories(scenes.FIRST, scenes.FIRST)
        if remembered(scene, numbers, issued):
            break
    assert remembered(scene, numbers, issued) == [(issued, digest)]
    restart(scene)
    rollouts.assert_ends(scene.fleet, rollout, "succeeded")
    scene.assert_stories(scenes.DONE, scenes.DONE)
    scene.give_back()


def test_killed_where_the_work_begins(scene):
    scene.fleet.agents["one"].stop()
    rollout = scene.start(scenes.ONE_BY_ONE)
    dies_at(scene, "agent.step.work")
    digest, issued = order_of(scene, rollout)
    assert remembered(scene, "SELECT lower(hex(signed)) FROM accepted WHERE number = ?",
                      issued) == [(digest,)]
    scene.assert_stories(scenes.FIRST, scenes.FIRST)
    restart(scene)
    rollouts.assert_ends(scene.fleet, rollout, "succeeded")
    scene.assert_stories(scenes.DONE, scenes.DONE)
    scene.give_back()


# Papers.


@pytest.mark.parametrize("point, kept", [
    ("agent.paper.fetched", []), ("agent.paper.verified", []), ("agent.paper.kept", [".order"]),
    ("agent.paper.fetched@2", [".order"]), ("agent.paper.verified@2", [".order"]),
    ("agent.paper.kept@2", [".order", ".ticket"])])
def test_killed_while_a_paper_is_kept(scene, point, kept):
    """A whole file or none: what came and was not kept is fetched again."""
    scene.fleet.agents["one"].stop()
    before = set(papers(scene).iterdir())
    rollout = scene.start(scenes.TWO_WAVES)
    dies_at(scene, point)
    new = set(papers(scene).iterdir()) - before
    assert sorted(path.suffix for path in new) == kept
    restart(scene)
    rollouts.assert_ends(scene.fleet, rollout, "succeeded")
    scene.assert_stories(scenes.DONE, scenes.DONE)
    new = set(papers(scene).iterdir()) - before
    assert sorted(path.suffix for path in new) == [".order", ".ticket"]
    scene.give_back()


def flip(at):
    def flipped(path, _):
        content = bytearray(path.read_bytes())
        content[int(at * (len(content) - 1))] ^= 1
        path.write_bytes(content)
    flipped.__name__ = f"flip_{at}"
    return flipped


def cut(path, _):
    path.write_bytes(path.read_bytes()[:-1])


def empty(path, _):
    path.write_bytes(b"")


def swap(path, others):
    """Whole, signed and accepted once: another order's, or another wave's."""
    path.write_bytes(others[0].read_bytes())


def remove(path, _):
    path.unlink()


DAMAGES = [flip(0), flip(0.3), flip(0.5), flip(1), cut, empty, swap, remove]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("kind", ["order", "ticket"])
def test_paper_damaged(scene, kind, damage):
    """Killed with the job in hand; the paper that permitted it is not what it was."""
    tenant = {"order": scene.a, "ticket": scene.b}[kind]
    before = set(papers(scene).iterdir())
    scene.gates.shut(tenant)
    rollout = scene.start(scenes.TWO_WAVES)
    scene.gates.await_somebody(tenant)
    scene.fleet.agents["one"].kill()
    path, = [path for path in set(papers(scene).iterdir()) - before if path.suffix == f".{kind}"]
    whole = path.read_bytes()
    damage(path, [path for path in before if path.suffix == f".{kind}"])
    scene.gates.open_all()
    restart(scene)
    if rollouts.follow(scene.fleet, rollout)["state"] == "paused":
        task = rollouts.tasks(scene.fleet, rollout)[tenant]
        assert task["code"].startswith("DRV-70"), task
        assert effects.tables(scene.postgres, tenant) == {"t1", "t2"}  # as when it died
        scene.order(rollout, "retry")
    rollouts.assert_ends(scene.fleet, rollout, "succeeded")
    scene.assert_stories(scenes.DONE, scenes.DONE)
    if kind == "order":
        assert path.read_bytes() == whole
    scene.give_back()


# The journal.


def put_back(scene, copy):
    for path in journal(scene).parent.glob("journal.sqlite*"):
        path.unlink()
    shutil.copy(copy, journal(scene))


def copied(scene, name="journal.old"):
    """A copy of a stopped or dead agent's journal, as a backup of its host would have it."""
    copy = scene.fleet.folder / name
    remembered(scene, "PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(journal(scene), copy)
    return copy


def test_an_older_journal_with_a_job_in_hand(scene):
    """The job was done since, and taken back. The coordinator sees that the journal knows fewer
    reports than were acknowledged, and gives that agent no lease: nothing is done twice."""
    scene.gates.shut(scene.a)
    rollout = scene.start(scenes.ONE_BY_ONE)
    scene.gates.await_somebody(scene.a)
    scene.fleet.agents["one"].kill()
    scene.gates.open_all()
    copy = copied(scene)
    restart(scene)
    rollouts.assert_ends(scene.fleet, rollout, "succeeded")
    back = scene.roll_back(rollout)
    rollouts.assert_ends(scene.fleet, back, "succeeded")
    story = f"{scenes.DONE} -V004 -V003 -V002"
    scene.assert_stories(story, story)
    scene.fleet.agents["one"].stop()
    put_back(scene, copy)
    agent = restart(scene)
    agent.wait_for_line("event=ready agent=one jobs=1")
    agent.wait_for_line('code=DRV-5032 message="the agent\'s journal went back in time.*'
                        'hint="put the newest copy.*move journal.sqlite')
    agent.wait_for_line('event="cluster read"')
    agent.stop()
    scene.assert_stories(story, story)
    assert remembered(scene, "SELECT count(*) FROM job WHERE finished = 0") == [(1,)]

    for path in journal(scene).parent.glob("journal.sqlite*"):  # as it was told
        path.unlink()
    for tenant in (scene.a, scene.b):
        effects.forget(scene.postgres, tenant, scenes.FIRST)
    restart(scene).wait_for_line("event=welcomed")
    scene.fleet.ok("agents", "resume", "one", "--reason", "its journal was an older copy", "--yes")
    again = scene.start(scenes.ONE_BY_ONE)
    rollouts.assert_ends(scene.fleet, again, "succeeded")
    scene.assert_stories(scenes.DONE, scenes.DONE)
    scene.give_back()


def test_an_older_journal_forgets_a_trust_file(scene):
    """The highest version seen is lost with it. The coordinator tells it again; where that one is
    not to be trusted, a pin that was made anew does not let it fall behind."""
    fleet = scene.fleet
    fleet.agents["one"].stop()
    assert trust_versions(scene) == [1]
    copy = copied(scene)
    restart(scene)
    fleet.coordinator.wait_for_line('event="agent online"')
    newer = fleet.chain.publish(team.Person(fleet, "bob").added("viewer"))
    fleet.agents["one"].stop()
    assert trust_versions(scene) == [1, 2]

    put_back(scene, copy)
    agent = restart(scene)
    agent.wait_for_line(team.NEWER.format(version=2))
    rollout = scene.start(scenes.ONE_BY_ONE)  # its order asks for version 2
    rollouts.assert_ends(fleet, rollout, "succeeded")
    agent.stop()
    assert trust_versions(scene) == [1, 2]

    newest = copied(scene, "journal.new")
    put_back(scene, copy)
    config = fleet.folder / "one.yaml"
    first = str(fleet.folder / "trust" / "fleet.trust")
    assert first in config.read_text()
    config.write_text(config.read_text().replace(first, str(newer)))
    fleet.coordinator.stop()
    agent = restart(scene)  # nobody tells it anything
    agent.stop()
    assert trust_versions(scene) == [1, 2]
    fleet.write_agent("one")
    put_back(scene, newest)  # for the older one knows too few reports
    fleet.start_coordinator()
    restart(scene)
    scene.assert_stories(scenes.DONE, scenes.DONE)
    scene.give_back()


def refuses_to_start(scene):
    done = subprocess.run([program("drover-agent"), "--config", scene.fleet.folder / "one.yaml"],
                          env=clean_environment(), cwd=scene.fleet.folder, capture_output=True,
                          text=True, timeout=COMMAND_S, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == REFUSED_START and "event=ready" not in said, said
    assert "in the journal" in said and "HINT: " in said, said
    return said


@pytest.mark.parametrize("damage, code", [
    ("DELETE FROM paper WHERE kind = 1 AND sequence = 2", "DRV-7009"),
    ("UPDATE paper SET payload = (SELECT payload FROM paper WHERE kind = 1 AND sequence = 1)"
     " WHERE kind = 1 AND sequence = 2", "DRV-70"),
    ("UPDATE paper SET payload = substr(payload, 1, length(payload) - 1) || x'ff'"
     " WHERE kind = 1 AND sequence = 2", "DRV-70"),
    ("UPDATE paper SET payload = x'' WHERE kind = 1 AND sequence = 2", "DRV-70"),
])
def test_trust_files_damaged_in_the_journal(scene, damage, code):
    """A link of the chain is gone or spoilt: the agent says so and does not start."""
    fleet = scene.fleet
    while fleet.chain.version < 3:
        fleet.chain.publish(team.Person(fleet, f"p{fleet.chain.version}").added("viewer"))
    fleet.agents["one"].stop()
    assert trust_versions(scene) == [1, 2, 3]
    copy = copied(scene)
    scribble(scene, damage)
    try:
        said = refuses_to_start(scene)
    finally:
        put_back(scene, copy)
    assert code in said, said
    scene.assert_stories(scenes.FIRST, scenes.FIRST)
    restart(scene)
    scene.give_back()
