"""What must be as before: the files of a folder, and what an order would write into the catalog."""
import contextlib
import sqlite3
from pathlib import Path

# Inventory and leases come and go by themselves; of orders each is kept, with what it was answered,
# and a refused one stands in the audit log with its code: neither changes anything.
ORDERED = ("bundle", "rollout", "wave", "task", "report", "recovery_point")


def tree(folder):
    """Every path below a folder, with its bytes; links as where they point to."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = path.readlink()
        elif path.is_file():
            found[name] = path.read_bytes()
        else:
            found[name] = None
    return found


def orders(catalog):
    """Rows of the catalog that orders write; read beside the running coordinator (WAL)."""
    with contextlib.closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)) as connection:
        found = {table: sorted(map(repr, connection.execute(f"SELECT * FROM {table}")))
                 for table in ORDERED}
        found["audit"] = connection.execute(
            "SELECT sequence, action FROM audit WHERE result = 'ok' ORDER BY sequence").fetchall()
        return found


@contextlib.contextmanager
def files(folder):
    before = tree(folder)
    yield
    assert tree(folder) == before


@contextlib.contextmanager
def catalog(fleet):
    path = fleet.folder / "catalog.sqlite"
    before = orders(path)
    yield
    assert orders(path) == before
