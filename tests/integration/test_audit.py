"""The proof chain over a fleet that really worked: a backup, waves, an undo, an agent killed in the
middle; exported, and verified with nothing but the root file. Then one line after another is changed.
"""
import base64
import json

import pytest

from lib import configs, effects, rollouts, unchanged
from lib.fleet import Fleet, run_drover

TENANTS = [f"kept_{n}" for n in range(5)]
WAVES = [{"name": "canary", "count": 1}, {"name": "rest", "rest": True}]
DUMP = {"recovery_point": {"policy": "dump", "trial_restore": "never"}}


class Export:
    """An export's lines, verified away from the fleet."""

    def __init__(self, fleet, folder):
        self.fleet = fleet
        self.folder = folder
        self.root = folder / "pinned.trust"
        self.root.write_bytes((fleet.folder / "trust" / "fleet.trust").read_bytes())
        fleet.ok("audit", "export", "--out", folder / "whole.audit")
        self.text = (folder / "whole.audit").read_text().splitlines()

    def verify(self, lines, *more):
        path = self.folder / "changed.audit"
        path.write_text("".join(f"{line}\n" for line in lines))
        return run_drover("audit", "verify", path, "--root", self.root, *more)

    def numbers(self, kind):
        return [i for i, line in enumerate(self.text) if json.loads(line)["type"] == kind]

    def with_line(self, number, **changes):
        lines = list(self.text)
        lines[number] = json.dumps({**json.loads(lines[number]), **changes})
        return lines

    def without(self, number):
        return self.text[:number] + self.text[number + 1:]


@pytest.fixture(scope="module")
def export(folder, postgres):
    postgres.create_tenants(TENANTS)
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, TENANTS)]}) as fleet:
        fleet.push_bundle(effects.write(folder / "chain", 3), "chain")
        rollouts.baseline(fleet, application="chain")
        first = rollouts.start(fleet, fleet.write_spec("chain", target="V002", waves=WAVES, **DUMP))
        rollouts.assert_ends(fleet, first, "succeeded")
        second = rollouts.start(fleet, fleet.write_spec("chain", waves=WAVES, **DUMP))
        fleet.agents["one"].kill()
        fleet.start_agent("one")
        rollouts.assert_ends(fleet, second, "succeeded")
        fleet.ok("rollback", second, "--yes", "--wait")
        fleet.ok("backup", "create", "--tenant", TENANTS[0], "--application", "chain", "--yes",
                 "--wait")
        yield Export(fleet, folder)


def test_the_whole_holds(export):
    answer = export.verify(export.text, "-o", "json")
    assert answer.code == 0, answer
    told = answer.json
    assert told["holds"] and told["chain_begins"] == 1
    assert told["rollouts"] == 5 and told["orders_held"] == 5, told
    assert told["reports_foreign"] == 0 and told["results"] > 0 and told["tickets"] > 0, told
    assert told["changes_protected"] >= 2 * len(TENANTS), told
    assert {order["kind"] for order in told["orders"]} == {"baseline", "rollout", "rollback",
                                                           "backup"}
    assert {order["signed_by"] for order in told["orders"]} == {"operator"}, told


def test_verifying_asks_nobody(export):
    """No configuration, no coordinator, no key: the file and the root are all."""
    answer = run_drover("audit", "verify", export.folder / "whole.audit", "--root", export.root,
                        env={"HOME": "/nonexistent"})
    assert answer.code == 0, answer
    with unchanged.catalog(export.fleet):
        assert export.verify(export.text).code == 0


def assert_broken(answer, number):
    assert (answer.code, answer.out) == (1, ""), answer
    assert answer.err.startswith("DRV-7060") or "DRV-706" in answer.err or "DRV-70" in answer.err
    if number is not None:
        assert f"line {number + 1}:" in answer.err, answer


@pytest.mark.parametrize("kind, member, value", [
    ("audit", "detail", "nothing happened"),
    ("audit", "actor", "somebody"),
    ("audit", "time_us", 1),
    ("task", "tenant", "00000000-0000-4000-8000-000000000001"),
    ("task", "from", 7),
])
def test_a_changed_line_is_named(export, kind, member, value):
    number = export.numbers(kind)[1]
    assert member in json.loads(export.text[number]), export.text[number]
    # a row of the log is told by the one that cites it
    assert_broken(export.verify(export.with_line(number, **{member: value})),
                  number + 1 if kind == "audit" else None)


@pytest.mark.parametrize("kind", ["order", "card", "task", "audit"])
def test_a_missing_line_shows(export, kind):
    numbers = export.numbers(kind)
    assert numbers, {json.loads(line)["type"] for line in export.text}
    assert_broken(export.verify(export.without(numbers[len(numbers) // 2])), None)


def test_missing_reports_show(export):
    """Agents number them: of two batches at most one is the last, which only its job misses."""
    first, second = export.numbers("batch")[:2]
    lines = [line for i, line in enumerate(export.text) if i not in (first, second)]
    answer = export.verify(lines)
    assert_broken(answer, None)
    assert "a batch is missing" in answer.err, answer


@pytest.mark.parametrize("kind", ["order", "card", "result", "batch"])
def test_a_flipped_bit_of_what_was_signed_shows(export, kind):
    number = export.numbers(kind)[0]
    line = json.loads(export.text[number])
    member = next(name for name in ("document", "payload") if name in line)
    whole = bytearray(base64.b64decode(line[member]))
    whole[len(whole) // 2] ^= 4
    assert_broken(export.verify(export.with_line(
        number, **{member: base64.b64encode(whole).decode()})), number)


def test_another_root_vouches_for_nothing(export):
    run_drover("trust", "init", "--solo", "--no-passphrase", "--out", export.folder / "elsewhere")
    answer = run_drover("audit", "verify", export.folder / "whole.audit", "--root",
                        export.folder / "elsewhere" / "fleet.trust")
    assert_broken(answer, None)


def test_a_cut_tail_shows(export):
    """Whoever owns the coordinator can sign a shorter log: not past a head that lies elsewhere."""
    fleet = export.fleet
    fleet.ok("backup", "create", "--tenant", TENANTS[1], "--application", "chain", "--yes", "--wait")
    earlier = export.folder / "earlier.head"
    earlier.write_text(fleet.ok("audit", "head").out)
    later = export.folder / "later.audit"
    fleet.ok("audit", "export", "--out", later)
    assert run_drover("audit", "verify", later, "--root", export.root, "--since-head",
                      earlier).code == 0
    answer = run_drover("audit", "verify", export.folder / "whole.audit", "--root", export.root,
                        "--since-head", earlier)
    assert (answer.code, answer.out) == (1, ""), answer
