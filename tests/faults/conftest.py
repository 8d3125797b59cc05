"""The same servers and folders as in tests/integration."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from lib import account  # noqa: E402
from lib.postgres import Postgres  # noqa: E402

import pytest  # noqa: E402


@pytest.fixture(scope="module")
def folder():
    path = account.make_folder()
    yield path
    account.remove_folder(path)


@pytest.fixture(scope="module")
def postgres(folder):
    server = Postgres(folder)
    try:
        server.start()
        server.create_roles()
        yield server
    finally:
        server.remove()
