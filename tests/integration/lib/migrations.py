"""Migration folders as tests read them: independent of Drover's own reader, on purpose."""
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "migrations" / "example"
EXAMPLE_NEXT = ROOT / "migrations" / "example-next"  # what the release after it adds
SHOP_DATA = ROOT / "deploy" / "lib" / "shop-data.sql"


def write_next(folder):
    """The example's directory as it stands one release later; answers the folder."""
    folder.mkdir()
    for source in (EXAMPLE, EXAMPLE_NEXT):
        shutil.copytree(source, folder, dirs_exist_ok=True)
    return folder


class Migration:
    """One version's scripts."""

    def __init__(self, path):
        self.version, self.name = re.fullmatch(r"(V\d+)__(\w+)", path.stem).groups()
        self.apply = path.read_text()
        self.undo = path.with_name(path.stem + ".undo.sql").read_text()
        self.verify = path.with_name(path.stem + ".verify.sql").read_text()
        check = path.with_name(path.stem + ".check.sql")
        self.check = check.read_text() if check.exists() else None

    def __repr__(self):
        return self.version


def read_chain(folder):
    """The folder's migrations in order."""
    return [Migration(path) for path in sorted(Path(folder).glob("V*.sql"))
            if "." not in path.stem]


def is_transactional(script):
    return "-- drover: transaction=none" not in script


def split(script):
    """Statements of a script that holds no dollar quotes: good for verify and CONCURRENTLY files."""
    if "$" in script.replace("]{2}$'", ""):
        raise ValueError("too clever a script for this split")
    bare = re.sub(r"--[^\n]*", "", script)
    return [part.strip() for part in re.split(r";\s*(?:\n|$)", bare) if part.strip()]


def run_script(connection, script):
    """Apply a script as an agent would: whole in one transaction, or one statement at a time."""
    with connection.cursor() as cursor:
        if is_transactional(script):
            cursor.execute("BEGIN")
            try:
                cursor.execute(script)
                cursor.execute("COMMIT")
            except Exception:
                cursor.execute("ROLLBACK")
                raise
        else:
            for statement in split(script):
                cursor.execute(statement)


def untrue_rows(connection, script):
    """Rows of a verify or check script that are not true; a query without rows counts as one."""
    bad = []
    with connection.cursor() as cursor:
        for statement in split(script):
            cursor.execute(statement)
            rows = cursor.fetchall()
            bad += [row for row in rows if row[-1] is not True]
            if not rows:
                bad.append((statement, None))
    return bad
