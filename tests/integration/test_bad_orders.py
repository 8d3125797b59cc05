"""Orders that cannot be meant: whom they select, how their waves are cut, what they name.

Each is refused by field and hint, and the catalog has no row more than before.
"""
import pytest

from lib import configs, migrations, rollouts, unchanged
from lib.fleet import Fleet

TENANTS = ["shop_0", "shop_1"]
OTHER = {"V001__other.sql": "CREATE SCHEMA other CREATE TABLE t (n int);\n",
         "V001__other.undo.sql": "DROP SCHEMA other CASCADE;\n",
         "V001__other.verify.sql": "SELECT to_regclass('other.t') IS NOT NULL;\n"}


@pytest.fixture(scope="module")
def fleet(folder, postgres):
    postgres.create_tenants(TENANTS)
    with Fleet(folder / "fleet", {"one": [configs.cluster(postgres, TENANTS)]}) as fleet:
        fleet.push_bundle(migrations.EXAMPLE)
        rollouts.baseline(fleet)
        yield fleet


def refused(fleet, code, *line, says=(), **options):
    """Refused with this exit code, one hint and these words; nothing in the catalog has changed."""
    with unchanged.catalog(fleet):
        answer = fleet.drover(*line, **options)
    assert answer.code == code, answer
    assert answer.err.count("HINT: ") == 1, answer
    for text in says:
        assert text in answer.err, answer
    return answer


# Selectors.

SELECTORS = {
    "tier=gold,,b": (11, "a label's name is expected"),
    "tier in (": (10, "a value is expected"),
    "tier in (a, b": (9, "a '(' that is never closed"),
    "tier==": (7, "a value is expected"),
    "\u00e9=1": (1, "a label's name is expected"),
    "tier gold": (6, "',' or the end is expected here"),
}


@pytest.mark.parametrize("selector", SELECTORS)
@pytest.mark.parametrize("line", [
    ("tenants",), ("rollback", "--to", "V001"), ("baseline", "--at", "V001"),
    ("backup", "create"), ("backup", "list"), ("backup", "prune", "--yes")],
    ids=lambda line: " ".join(line[:2]))
def test_selector_shows_the_place(fleet, line, selector):
    column, says = SELECTORS[selector]
    refused(fleet, 1, *line, "--select", selector, says=[
        f"DRV-6004 selector, column {column}: {says}\n  {selector}\n  {' ' * (column - 1)}^\n",
        "HINT: selectors read like: tier=gold,region in (eu,us),!legacy"])


@pytest.mark.parametrize("selector", SELECTORS)
def test_selector_of_a_spec_shows_the_place(fleet, selector):
    column, says = SELECTORS[selector]
    spec = fleet.write_spec("shop", name="selector.yaml")
    text = spec.read_text().replace("select: all", f"select: \"{selector}\"")
    spec.write_text(text)
    at = len("select: \"") + column
    for verb in ("plan", "start"):
        refused(fleet, 1, "rollout", verb, spec, says=[
            f"{spec}:3:{at}: error: selector, column {column}: {says}\n",
            f"  | select: \"{selector}\"\n  | {' ' * (at - 1)}^\n", "DRV-6006"])


def test_escapes_of_a_selector_do_not_reach_the_terminal(fleet):
    answer = refused(fleet, 1, "tenants", "--select", "tier=\x1b[2J\n", says=[
        r"DRV-6004 selector, column 6: a value is expected"])
    assert "\x1b" not in answer.err


@pytest.mark.parametrize("line", [
    ("rollback", "--to", "V001"), ("baseline", "--at", "V001"), ("backup", "create"),
    ("backup", "prune", "--yes")], ids=lambda line: " ".join(line[:2]))
def test_selector_matches_nothing(fleet, line):
    refused(fleet, 1, *line, "--select", "tier=nope", says=[
        "DRV-6005 the selector 'tier=nope' matches none of 2 tenants\n",
        "HINT: 'drover tenants --select \u2026' shows what a selector matches"])


def test_spec_matches_nothing(fleet):
    spec = fleet.write_spec("shop", name="nobody.yaml", select="nmae=shop_0")
    for verb in ("plan", "start"):
        refused(fleet, 1, "rollout", verb, spec, says=[
            "DRV-6005 the selector 'nmae=shop_0' matches none of 2 tenants\n"])


def test_empty_words_reach_nobody(fleet):
    """A variable that a script never set must not become everybody, or the newest."""
    for line in (("tenants", "--select", ""), ("rollback", "--select", "", "--to", "V001"),
                 ("rollback", "--select", "all", "--to", ""), ("rollback", ""),
                 ("rollout", "stop", ""), ("rollout", "status", ""), ("backup", "list", ""),
                 ("tenant", "show", ""), ("backup", "create", "--tenant=")):
        refused(fleet, 2, *line, says=["DRV-1001 drover ", " is empty", "\nusage: drover "])


# Waves.

def waves(fleet, *lines):
    spec = fleet.write_spec("shop", name="waves.yaml")
    head = spec.read_text().split("waves:")[0]
    spec.write_text(head + "waves:\n" + "".join(f"  - {{{line}}}\n" for line in lines))
    return spec


WAVES = {
    "past 100 %": (["name: a, percent: 60%", "name: b, percent: 60%"], 6, 24,
                   "the waves come to 120% with this one, past 100%"),
    "one past 100 %": (["name: a, percent: 160%"], 5, 24, "'160%' is no percentage"),
    "zero": (["name: a, count: 0"], 5, 22, "'count' is 0, outside 1 to 1000000"),
    "negative": (["name: a, count: -1"], 5, 22, "'count' is -1, outside 1 to 1000000"),
    "zero percent": (["name: a, percent: 0%"], 5, 24, "'percent' is 0%, outside 0.01% to 100%"),
    "negative percent": (["name: a, percent: -5%"], 5, 24, "'-5%' is no percentage"),
    "rest first": (["name: a, rest: true", "name: b, count: 1"], 5, 21,
                   "only the last wave can take the rest"),
    "none at once": (["name: a, count: 1, max_parallel: 0"], 5, 39,
                     "'max_parallel' is 0, outside 1 to "),
    "same name": (["name: a, count: 1", "name: a, rest: true"], 6, 12, "two waves have the name"),
}


@pytest.mark.parametrize("case", WAVES)
def test_waves(fleet, case):
    lines, line, column, says = WAVES[case]
    spec = waves(fleet, *lines)
    for verb in ("plan", "start"):
        refused(fleet, 1, "rollout", verb, spec, says=[
            f"{spec}:{line}:{column}: error: {says}", "DRV-6006", "HINT: correct the line shown"])


@pytest.mark.parametrize("line, left", [
    ("name: a, count: 1", "1 tenant is selected but in no wave"),
    ("name: a, percent: 50%", "1 tenant is selected but in no wave"),
    ("name: a, select: tier=x", "2 tenants are selected but in no wave")])
def test_waves_that_do_not_cover_all(fleet, line, left):
    """A canary alone is a fair wish: the plan says who is left out, by count and by name."""
    spec = waves(fleet, line)
    says = f"WARNING: {left}: a last wave with 'rest: true' takes them\n"
    with unchanged.catalog(fleet):
        plan = fleet.ok("rollout", "plan", spec)
        document = fleet.ok("rollout", "plan", spec, "-o", "json").json
        asked = fleet.drover("rollout", "start", spec)
    assert says in plan.out
    assert TENANTS[1] in plan.out.split("left out: selected, but in no wave")[1]
    assert says.split(": ", 1)[1].strip() in document["warnings"]
    assert len(document["left_out"]) == int(left[0])
    if len(document["left_out"]) == len(TENANTS):  # nothing that anybody could sign
        assert (asked.code, "no wave takes any of the 2 tenants" in asked.err) == (1, True), asked
    else:
        assert says in asked.out + asked.err
        assert asked.code == 4, asked


def test_empty_wave_is_named(fleet):
    spec = waves(fleet, "name: a, select: tier=x", "name: b, rest: true")
    says = "WARNING: wave 'a' is empty: it matches none of those that earlier waves left\n"
    assert says in fleet.ok("rollout", "plan", spec).out


# Names of things that there are not.

NAMES = {
    ("rollout", "plan", "spec.yaml", "--bundle", "nope"): (
        "DRV-2012 no bundle is called 'nope': an application, application@version, or 8 digits",
        "HINT: push it with 'drover bundle push'"),
    ("rollout", "plan", "spec.yaml", "--bundle", "shop@V099"): ("DRV-2012", "'shop@V099'"),
    ("rollout", "status", "nope"): ("DRV-1005 no rollout has id or name 'nope'",),
    ("rollout", "failures", "nope"): ("DRV-1005 no rollout has id or name 'nope'",),
    ("rollout", "report", "nope"): ("DRV-1005 no rollout has id or name 'nope'",),
    ("rollout", "watch", "nope"): ("DRV-1005 no rollout has id or name 'nope'",),
    ("rollout", "pause", "nope"): ("DRV-1005 no rollout has id or name 'nope'",),
    ("rollout", "resume", "nope"): ("DRV-1005 no rollout has id or name 'nope'",),
    ("rollout", "stop", "nope"): ("DRV-1005 no rollout has id or name 'nope'",),
    ("rollout", "retry", "nope"): ("DRV-1005 no rollout has id or name 'nope'",),
    ("rollback", "nope"): ("DRV-1005 no rollout has id or name 'nope'",),
    ("rollback", "--select", "all", "--to", "V099"): (
        "DRV-1006 the bundle of 'shop' has no version 'V099', its last is V010",),
    ("rollback", "--select", "all", "--to", "V001", "--application", "nope"): (
        "DRV-2012 no bundle is called 'nope'",),
    ("rollback", "--select", "all", "--to", "V001", "--application", "nope", "--bundle", "shop"): (
        "DRV-1006 bundle 'shop' is of 'shop', not of 'nope': leave out one",),
    ("baseline", "--select", "all", "--at", "V099"): ("DRV-1006", "no version 'V099'"),
    ("baseline", "--select", "all", "--at", "V001", "--bundle", "nope"): ("DRV-2012", "'nope'"),
    ("tenant", "show", "nope"): ("DRV-1005 no tenant is called 'nope'",),
    ("history", "nope"): ("DRV-1005 no tenant is called 'nope'",),
    ("backup", "create", "--tenant", "nope"): ("DRV-1005 no tenant has the name or id 'nope'",),
    ("backup", "create", "--tenant", "shop_0", "--application", "nope"): (
        "DRV-3022", "'shop_0' first: has no ledger of 'nope'"),
    ("backup", "list", "nope"): ("DRV-1005 no tenant is called 'nope'",),
    ("backup", "show", "nope"): ("DRV-1005 no backup is called 'nope'",),
    ("backup", "check", "nope"): ("DRV-1005 no backup is called 'nope'",),
    ("backup", "restore", "nope"): ("DRV-1005 no backup is called 'nope'",),
    ("audit", "log", "--tenant", "nope"): ("DRV-1005 no tenant is called 'nope'",),
    ("audit", "log", "--rollout", "nope"): ("DRV-1005 no rollout has id or name 'nope'",),
    ("audit", "log", "--since", "some day"): ("DRV-1006 --since 'some day': expected a time",),
    ("audit", "log", "--zone", "No/Where"): ("DRV-1006 --zone 'No/Where': this host knows no",),
}


@pytest.mark.parametrize("line", NAMES, ids=" ".join)
def test_unknown_name(fleet, line):
    fleet.write_spec("shop")
    refused(fleet, 1, *line, says=NAMES[line])


def test_unknown_name_of_a_list_is_an_empty_list(fleet):
    for line in (("tenants", "--select", "tier=nope"), ("tenants", "--application", "nope"),
                 ("bundle", "list", "--application", "nope"), ("audit", "log", "--actor", "nope")):
        answer = fleet.ok(*line)
        assert answer.out == ""
        assert answer.err.startswith("drover: ") and answer.err.count("\n") == 1


# Where several applications share the tenants.

@pytest.fixture(scope="module")
def two(fleet):
    source = fleet.folder / "other"
    source.mkdir()
    for name, text in OTHER.items():
        (source / name).write_text(text)
    fleet.push_bundle(source, "other")
    rollouts.baseline(fleet, application="other")
    spec = fleet.write_spec("other", name="other.yaml",
                            recovery_point={"policy": "none", "reason": "throwaway data"})
    rollouts.assert_ends(fleet, rollouts.start(fleet, spec), "succeeded")
    return fleet


def versions(fleet, *line):
    return [(app["application"], app["version"])
            for tenant in fleet.ok("tenants", "-o", "json", *line).json["tenants"]
            for app in tenant["applications"]]


def test_which_application(two):
    for line in (("backup", "create", "--tenant", TENANTS[0]),
                 ("rollback", "--select", "all", "--to", "empty"),
                 ("backup", "prune", "--yes")):
        refused(two, 1, *line, says=["DRV-1006 the tenants have several applications ('other', "
                                     "'shop'): name one with --application"])
    refused(two, 2, "baseline", "--select", "all", "--at", "empty", says=[
        "bundles of 'other' and 'shop' were pushed: name one with --application or --bundle"])


def test_tenants_of_one_application(two):
    assert versions(two, "--application", "other") == [("other", "V001")] * 2
    shown = two.ok("tenants", "--application", "other").out
    assert " shop " not in shown and shown.count(" other ") == 2
    assert len(versions(two)) == 4


def test_backup_of_one_application(two):
    two.ok("backup", "create", "--tenant", TENANTS[0], "--application", "other", "--wait")
    newest = two.ok("rollout", "list", "--all", "-o", "json").json["rollouts"][0]
    assert (newest["kind"], newest["application"], newest["state"]) == (
        "backup", "other", "succeeded")
    assert [row["name"] for row in two.ok("backup", "list", "-o", "json").json["backups"]] == [
        TENANTS[0]]


def test_rollback_of_one_application(two, postgres):
    two.ok("rollback", "--select", "all", "--to", "empty", "--application", "other", "--yes",
           "--wait")
    for tenant in TENANTS:
        assert postgres.value("SELECT to_regclass('other.t') IS NULL", tenant)
    assert versions(two, "--application", "other") == [("other", "")] * 2
    assert versions(two, "--application", "shop") == [("shop", "")] * 2
