"""How a host becomes an agent, and how it does not: tokens, requests, fingerprints, cards, and keys
that were taken out, with real programs. What nobody accepted reaches no tenant.
"""
import re
import shutil
import stat
import subprocess

import pytest

from lib import configs, effects, rollouts, team
from lib.fleet import COMMAND_S, ONLINE, Answer, Fleet, program
from lib.process import clean_environment

TENANT = "shop_0"
NO_POINT = {"recovery_point": {"policy": "none", "reason": "throwaway data"}}
FINGERPRINT = re.compile(r"[0-9a-f]{64}\n")
UNKNOWN = r"event=\"the coordinator does not know our key\" code=DRV-5006 .*hint="


class Hosts:
    """A fleet in which nobody is an agent yet, and hosts that would be."""

    def __init__(self, folder, postgres):
        self.postgres = postgres
        self.fleet = Fleet(folder / "fleet", {})
        self.fleet.make_files()
        self.fleet.start_coordinator()

    def new(self, name, file=None):
        """A host with keys of its own, which calls itself by that name."""
        file = file or name
        self.fleet.agent_clusters[file] = [configs.cluster(self.postgres, [TENANT])]
        self.fleet.enrolled.add(file)  # not by the fleet itself
        self.fleet.keys[file] = {kind: self.fleet._key(file, word) for kind, word in (
            ("sign", "agent"), ("curve", "curve"), ("backup", "backup"))}
        self.fleet.write_agent(file)
        config = self.fleet.folder / f"{file}.yaml"
        config.write_text(re.sub(r"^name: .*$", f"name: {name}", config.read_text(), count=1,
                                 flags=re.MULTILINE))
        if file != "one":
            del self.fleet.agent_clusters[file]  # whose tenants nobody waits for
        return file

    def token(self, name, *args):
        path = self.fleet.folder / f"{name}.token"
        path.unlink(missing_ok=True)
        self.fleet.ok("agents", "invite", name, "--out", path, *args)
        return path

    def enroll(self, host, *line, **env):
        argv = [program("drover-agent"), "enroll", *map(str, line), "--config",
                str(self.fleet.folder / f"{host}.yaml")]
        done = subprocess.run(argv, env=clean_environment(**env), cwd=self.fleet.folder,
                              capture_output=True, text=True, timeout=COMMAND_S, check=False)
        return Answer(argv, done)

    def asked(self, host, *line, **env):
        """The fingerprint of a request that was written, or sent."""
        answer = self.enroll(host, *line, **env)
        assert answer.code == 0 and FINGERPRINT.fullmatch(answer.out), answer
        return answer.out.strip()

    def request(self, host):
        path = self.fleet.folder / f"{host}.request"
        path.unlink(missing_ok=True)
        return path, self.asked(host, "--request", path)

    def pending(self):
        """Names to fingerprints of those who ask."""
        rows = self.fleet.ok("agents", "pending", "-o", "json").json["agents"]
        return {row["name"]: row["fingerprint"] for row in rows}

    def invited(self):
        rows = self.fleet.ok("agents", "pending", "-o", "json").json["invitations"]
        return [row["name"] for row in rows]

    def agents(self):
        return {row["name"]: row["online"]
                for row in self.fleet.ok("agents", "-o", "json").json["agents"]}

    def start(self, host, refused=False):
        """The agent; `refused` once it was told that nobody knows it."""
        agent = self.fleet.start_agent(host, ready=False)
        if refused:
            agent.wait_for_line(UNKNOWN)
        return agent

    def stop(self, host):
        self.fleet.agents.pop(host).stop()


def refused(answer, code, *words, exit_code=1):
    assert answer.code == exit_code and code in answer.err, answer
    assert answer.err.count("HINT: ") == 1, answer
    for word in words:
        assert word in answer.err, answer
    return answer


@pytest.fixture(scope="module")
def hosts(folder, postgres):
    postgres.create_tenants([TENANT])
    hosts = Hosts(folder, postgres)
    failed = True
    try:
        yield hosts
        failed = False
    finally:
        hosts.fleet.stop()
        if failed:
            print(hosts.fleet.output())
    assert hosts.fleet.sanitizer_findings() == []


def await_online(hosts, name, mark):
    hosts.fleet.coordinator.wait_for_line(rf"{ONLINE}.*\bagent={name}\b", after=mark)


# In.


def test_by_a_token(hosts):
    """Invited, asked, compared, accepted: not before the last of these does it connect."""
    fleet = hosts.fleet
    before = effects.contents(hosts.postgres, TENANT)
    host = hosts.new("one")
    token = hosts.token("one")
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert hosts.invited() == ["one"] and hosts.pending() == {}
    fingerprint = hosts.asked(host, "--token", token)
    assert hosts.pending() == {"one": fingerprint} and hosts.invited() == []
    assert fingerprint in fleet.ok("agents", "pending").out
    mark = fleet.coordinator.mark()
    agent = hosts.start(host, refused=True)
    assert "one" not in hosts.agents()
    shown = refused(fleet.drover("agents", "accept", "one"), "DRV-1014", exit_code=4)
    assert fingerprint in shown.out
    assert hosts.pending() == {"one": fingerprint}

    fleet.ok("agents", "accept", "one", "--fingerprint", fingerprint, "--yes")
    await_online(hosts, "one", mark)
    assert agent.is_running() and hosts.pending() == {}
    assert effects.contents(hosts.postgres, TENANT) == before


def test_it_works(hosts, folder):
    fleet = hosts.fleet
    fleet.wait_for_tenants()
    fleet.push_bundle(effects.write(folder / "chain", 3), "chain")
    rollouts.baseline(fleet, application="chain")
    spec = fleet.write_spec("chain", target="V001", **NO_POINT)
    rollouts.assert_ends(fleet, rollouts.start(fleet, spec), "succeeded")
    effects.assert_applied_once(hosts.postgres, TENANT, 1)


def test_the_token_again(hosts):
    """Its host may ask again and is told how it stands; nobody else may, nor under another name."""
    token = hosts.fleet.folder / "one.token"
    again = hosts.enroll("one", "--token", token)
    assert again.code == 0 and "'one' is accepted" in again.err, again
    thief = hosts.new("one", file="thief")
    refused(hosts.enroll(thief, "--token", token), "DRV-7051", "the invitation was used",
            "'drover agents revoke one --reason TEXT'")
    other = hosts.new("other")
    refused(hosts.enroll(other, "--token", token), "DRV-7050", "is for 'one'")
    assert hosts.pending() == {} and hosts.agents() == {"one": True}


def test_by_a_file(hosts):
    host = hosts.new("filed")
    path, fingerprint = hosts.request(host)
    assert hosts.pending() == {}
    hosts.fleet.ok("agents", "accept", "--request", path, "--fingerprint", fingerprint.upper(),
                   "--yes")
    state = hosts.fleet.ok("agents", "accept", "--request", path, "--yes", "-o", "json").json
    assert (state["state"], state["serial"]) == ("accepted", 2)  # a newer card of the same host


def suspended(hosts):
    rows = hosts.fleet.ok("agents", "-o", "json").json["agents"]
    return {row["name"] for row in rows if row["suspended"]}


def lose_state(hosts, host):
    hosts.stop(host)
    shutil.rmtree(hosts.fleet.folder / host / "state")
    hosts.fleet.write_agent(host)


RESUME = "'drover agents resume one --reason TEXT'"


def test_one_that_lost_its_state_asks_again(hosts):
    """It has its keys and its name, and so it is the agent that it was: it asks, as often as it
    likes, and hears that, and which command helps. It stays suspended until people have looked."""
    before = hosts.fleet.ok("agents", "-o", "json").json["agents"]
    lose_state(hosts, "one")
    asked = hosts.enroll("one", "--token", hosts.fleet.folder / "one.token")
    assert asked.code == 0 and "'one' is accepted" in asked.err and RESUME in asked.err, asked
    mark = hosts.fleet.coordinator.mark()
    agent = hosts.start("one")
    await_online(hosts, "one", mark)
    agent.wait_for_line(r"event=suspended why=\"said hello with another journal than before: it lost "
                        r"its state\" .*resume=\"drover agents resume one --reason TEXT\" "
                        r"code=DRV-6080")
    assert suspended(hosts) == {"one"}
    for _ in range(2):
        again = hosts.enroll("one", "--token", hosts.fleet.folder / "one.token")
        assert again.code == 0 and again.out == asked.out, again
    assert suspended(hosts) == {"one"} and hosts.pending() == {}
    refused(hosts.fleet.drover("agents", "invite", "one", "--out", hosts.fleet.folder / "z.token"),
            "DRV-7051", "suspended since it lost its state", RESUME)
    refused(hosts.enroll("thief", "--token", hosts.fleet.folder / "one.token"), "DRV-7051",
            "'drover agents revoke one --reason TEXT'")
    mark = agent.mark()
    hosts.fleet.ok("agents", "resume", "one", "--reason", "a test", "--yes")
    agent.wait_for_line(r"event=resumed", after=mark)
    assert suspended(hosts) == set()
    assert len(hosts.fleet.ok("agents", "-o", "json").json["agents"]) == len(before)


def test_one_that_lost_its_state_is_enrolled_anew(hosts):
    """A new card says that the journal that it comes with is its own, whether it is back already or
    not; and that once. By which request it is made is all the same where keys and name are."""
    lose_state(hosts, "one")
    mark = hosts.fleet.coordinator.mark()
    hosts.start("one")
    await_online(hosts, "one", mark)
    assert suspended(hosts) == {"one"}
    path, fingerprint = hosts.request("one")
    hosts.fleet.ok("agents", "accept", "--request", path, "--fingerprint", fingerprint, "--yes")
    assert suspended(hosts) == set()

    lose_state(hosts, "one")
    hosts.fleet.ok("agents", "accept", "one", "--fingerprint", fingerprint, "--yes")
    for left in (set(), {"one"}):
        mark = hosts.fleet.coordinator.mark()
        hosts.start("one")
        await_online(hosts, "one", mark)
        assert suspended(hosts) == left
        lose_state(hosts, "one")
    mark = hosts.fleet.coordinator.mark()
    hosts.start("one")
    await_online(hosts, "one", mark)
    path, _ = hosts.request("one")
    hosts.fleet.ok("agents", "accept", "--request", path, "--yes")
    assert suspended(hosts) == set()


# Not in.


def test_nobody_accepts_a_stranger(hosts):
    stranger = hosts.new("stranger")
    mark = hosts.fleet.coordinator.mark()
    hosts.start(stranger, refused=True)
    key = re.escape(hosts.fleet.keys[stranger]["curve"].public)
    hosts.fleet.coordinator.wait_for_line(
        rf"event=\"connection refused\" code=DRV-5006 .*key=\"?{key}", after=mark)
    assert "stranger" not in hosts.agents() and hosts.pending() == {}
    hosts.stop(stranger)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_token_that_others_can_read(hosts, mode):
    token = hosts.token("stranger")
    token.chmod(mode)
    refused(hosts.enroll("stranger", "--token", token), "DRV-7050")
    assert hosts.pending() == {}


@pytest.mark.parametrize("spoil", [
    lambda text: text[:len(text) // 2], lambda text: "", lambda text: text + "x: 1\n",
    lambda text: text.replace("stranger", "strangler", 1), lambda text: "\0" * 4096])
def test_a_spoilt_token(hosts, spoil):
    token = hosts.token("stranger")
    text = token.read_text()
    token.write_text(spoil(text))
    refused(hosts.enroll("stranger", "--token", token), "DRV-7050")
    assert hosts.pending() == {}


def test_a_token_of_another_coordinator(hosts):
    other = hosts.fleet.folder / "elsewhere.yaml"
    strange = hosts.fleet._key("elsewhere", "curve")
    other.write_text((hosts.fleet.folder / "stranger.yaml").read_text().replace(
        hosts.fleet.keys["coordinator"]["curve"].public, strange.public))
    answer = hosts.enroll("elsewhere", "--token", hosts.token("stranger"))
    refused(answer, "DRV-7050", "'coordinator.curve'")


def test_an_expired_token(hosts):
    """By the host's own clock; and by the coordinator's, whatever the host's says."""
    fleet = hosts.fleet
    late = hosts.token("stranger")
    refused(hosts.enroll("stranger", "--token", late, **team.skewed(fleet, 2 * 86400)), "DRV-7050",
            "the invitation ended at ")
    mark = fleet.coordinator.mark()
    token = hosts.token("brief", "--valid", "1s")
    assert "brief" in hosts.invited()
    admitted = fleet.coordinator.wait_for_line(
        r"event=\"keys admitted\".*invitations=(\d+)", after=mark)
    fewer = int(admitted.group(1)) - 1
    fleet.coordinator.wait_for_line(rf"event=\"keys admitted\".*invitations={fewer}\b", after=mark)
    assert "brief" not in hosts.invited()
    brief = hosts.new("brief")
    refused(hosts.enroll(brief, "--token", token, **team.skewed(fleet, -3600)), "DRV-5006")
    assert hosts.pending() == {}
    refused(fleet.drover("agents", "invite", "brief", "--out", fleet.folder / "never.token",
                         "--valid", "60d"), "DRV-1006")
    assert not (fleet.folder / "never.token").exists()


def test_another_fingerprint(hosts):
    path, fingerprint = hosts.request("stranger")
    hosts.asked("stranger", "--token", hosts.token("stranger"))
    assert hosts.pending() == {"stranger": fingerprint}  # one request, however it travels
    wrong = fingerprint[:-1] + ("0" if fingerprint[-1] != "0" else "1")
    for who in (["stranger"], ["--request", path]):
        for said in (wrong, fingerprint[:12]):
            refused(hosts.fleet.drover("agents", "accept", *who, "--fingerprint", said, "--yes"),
                    "DRV-7036", fingerprint)
    assert hosts.pending() == {"stranger": fingerprint}
    # a name that somebody else asked under first is not free
    path, _ = hosts.request(hosts.new("stranger", file="namesake"))
    refused(hosts.fleet.drover("agents", "accept", "--request", path, "--yes"), "DRV-7051")
    refused(hosts.fleet.drover("agents", "invite", "stranger", "--out",
                               hosts.fleet.folder / "x.token"), "DRV-7051")


def test_a_rejection(hosts):
    fleet = hosts.fleet
    refused(fleet.drover("agents", "reject", "nobody"), "DRV-7051")
    refused(fleet.drover("agents", "reject", "one"), "DRV-7051")  # an agent is revoked
    fleet.ok("agents", "reject", "stranger", "--reason", "nobody knows it")
    assert hosts.pending() == {}
    hosts.start("stranger", refused=True)
    hosts.stop("stranger")
    refused(hosts.enroll("stranger", "--token", fleet.folder / "stranger.token"), "DRV-7051",
            "'stranger' was rejected")
    assert hosts.pending() == {} and "stranger" not in hosts.agents()
    # an administrator may think again; the host itself need not ask anew
    mark = fleet.coordinator.mark()
    fleet.ok("agents", "accept", "stranger", "--yes")
    hosts.start("stranger")
    await_online(hosts, "stranger", mark)
    hosts.stop("stranger")


def test_a_name_that_is_taken(hosts):
    """A second host of an agent's name comes in by no way, and changes nothing for the first."""
    fleet = hosts.fleet
    path, _ = hosts.request("thief")
    refused(fleet.drover("agents", "accept", "--request", path, "--yes"), "DRV-7051",
            "'one' is another host's name")
    refused(fleet.drover("agents", "invite", "one", "--out", fleet.folder / "y.token"), "DRV-7051")
    assert not (fleet.folder / "y.token").exists()
    assert hosts.pending() == {} and hosts.agents()["one"]


def test_a_changed_request(hosts):
    """Nobody can put a name or keys of their own into what a host signed."""
    path, _ = hosts.request(hosts.new("honest"))
    whole = path.read_bytes()
    for spoilt in (whole.replace(b"honest", b"hostle", 1), whole[:-1], whole + b"\0", b"",
                   bytes([*whole[:60], whole[60] ^ 1, *whole[61:]])):
        path.write_bytes(spoilt)
        answer = hosts.fleet.drover("agents", "accept", "--request", path, "--yes")
        assert answer.code == 1 and re.search(r"DRV-70(01|03|36)", answer.err), answer
    assert "honest" not in hosts.agents() and hosts.pending() == {}


HOSTILE = ["", " ", "a b", "../../etc/passwd", "a\nb", "a\x1b[2Jb", "\u00e4", "\u202ex", "%s%n",
           "a;b", "a'b", "x" * 129, "x" * 100000]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name(hosts, name):
    out = hosts.fleet.folder / "hostile.token"
    answer = hosts.fleet.drover("agents", "invite", name, "--out", out)
    assert answer.code in (1, 2) and re.search(r"DRV-(10|70)", answer.err), answer
    assert not out.exists() and name not in hosts.invited()
    assert "\x1b" not in answer.out + answer.err
    for line in (["accept", name, "--yes"], ["reject", name], ["revoke", name, "--reason", "x",
                                                               "--yes"]):
        answer = hosts.fleet.drover("agents", *line)
        assert answer.code in (1, 2) and answer.err.startswith("DRV-"), answer
        assert "\x1b" not in answer.out + answer.err


def test_who_may_invite(hosts):
    """Neither who orders nor who reads says who is an agent."""
    fleet = hosts.fleet
    hosts.chain = team.Chain(fleet)
    hosts.ada, bob, vera = (team.Person(fleet, name) for name in ("ada", "bob", "vera"))
    hosts.chain.publish(bob.added("operator", "approver", "rollback"), vera.added("viewer"),
                        hosts.ada.added("admin"))
    path, _ = hosts.request("honest")
    for who in (bob, vera):
        refused(who.drover("agents", "invite", "new", "--out", fleet.folder / "z.token"),
                "DRV-7015")
        refused(who.drover("agents", "accept", "--request", path, "--yes"), "DRV-7015")
        refused(who.drover("agents", "revoke", "one", "--reason", "x", "--yes"), "DRV-7015")
        refused(who.drover("agents", "reject", "one"), "DRV-7015")
        assert who.ok("agents", "-o", "json").json["agents"]
    assert not (fleet.folder / "z.token").exists()
    assert hosts.agents()["one"] and hosts.pending() == {}


def test_two_administrators(hosts):
    """What one of them signs waits; a card of before that lacks the second's signature holds no
    more, and is signed anew."""
    fleet = hosts.fleet
    mark = fleet.coordinator.mark()
    hosts.chain.publish(["threshold", "admin", "--count", 2])
    fleet.coordinator.wait_for_line(r"event=\"agent dropped\" agent=one", after=mark)
    path, fingerprint = hosts.request("honest")
    first = fleet.drover("agents", "accept", "--request", path, "--yes")
    refused(first, "DRV-7062", "1 of 2", exit_code=4)
    assert hosts.pending() == {"honest": fingerprint}
    hosts.start("honest", refused=True)
    refused(fleet.drover("agents", "accept", "honest", "--yes"), "DRV-7004")
    mark = fleet.coordinator.mark()
    hosts.ada.ok("agents", "accept", "honest", "--fingerprint", fingerprint, "--yes")
    await_online(hosts, "honest", mark)

    mark = fleet.coordinator.mark()
    refused(hosts.ada.drover("agents", "accept", "one", "--yes"), "DRV-7062", exit_code=4)
    assert not hosts.agents()["one"]
    fleet.ok("agents", "accept", "one", "--yes")
    await_online(hosts, "one", mark)

    paper = fleet.folder / "honest.revocation"
    line = ["agents", "revoke", "honest", "--revocation", paper, "--yes"]
    refused(fleet.drover(*line, "--reason", "lost"), "DRV-70", exit_code=4)
    assert hosts.agents()["honest"]  # one of two takes nobody out
    mark = fleet.coordinator.mark()
    hosts.ada.ok(*line)
    fleet.coordinator.wait_for_line(r"event=\"agent dropped\" agent=honest", after=mark)
    hosts.stop("honest")
    hosts.chain.publish(["threshold", "admin", "--count", 1])
    assert hosts.agents()["one"]


# Out.


def test_a_revoked_key_never_comes_back(hosts, folder):
    fleet = hosts.fleet
    old, _ = hosts.request("one")
    kept = folder / "old.request"
    shutil.copyfile(old, kept)
    mark = fleet.coordinator.mark()
    unsure = refused(fleet.drover("agents", "revoke", "one", "--reason", "stolen"), "DRV-1014",
                     exit_code=4)
    assert "for good?" in unsure.err
    assert hosts.agents()["one"]
    fleet.ok("agents", "revoke", "one", "--reason", "stolen", "--yes")
    fleet.coordinator.wait_for_line(r"event=\"agent dropped\" agent=one", after=mark)
    assert not hosts.agents().get("one", False)
    hosts.stop("one")
    hosts.start("one", refused=True)

    # the old request, a new one of the same key, and a new invitation of the same name
    refused(fleet.drover("agents", "accept", "--request", kept, "--yes"), "DRV-7051", "revoked")
    refused(fleet.drover("agents", "accept", "one", "--yes"), "DRV-7051")
    (fleet.folder / "one" / "state" / "enrolment.request").unlink()
    fresh, _ = hosts.request("one")
    assert fresh.read_bytes() != kept.read_bytes()
    refused(fleet.drover("agents", "accept", "--request", fresh, "--yes"), "DRV-7026")
    refused(hosts.enroll("one", "--token", hosts.token("one")), "DRV-7026")
    assert hosts.pending() == {} and not hosts.agents().get("one", False)
    again = fleet.drover("agents", "revoke", "one", "--reason", "stolen", "--yes")
    assert again.code in (0, 1), again


def test_new_keys_come_in(hosts):
    """Under the name of the one that was taken out; and the work goes on."""
    fleet = hosts.fleet
    hosts.stop("one")
    mark = fleet.coordinator.mark()
    hosts.asked("thief", "--token", fleet.folder / "one.token")
    fingerprint = hosts.pending()["one"]
    fleet.ok("agents", "accept", "one", "--fingerprint", fingerprint, "--yes")
    hosts.start("thief")
    await_online(hosts, "one", mark)
    spec = fleet.write_spec("chain", target="V002", **NO_POINT)
    rollouts.assert_ends(fleet, rollouts.start(fleet, spec), "succeeded")
    effects.assert_applied_once(hosts.postgres, TENANT, 2)
