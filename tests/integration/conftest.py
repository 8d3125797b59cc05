"""What tests of this folder are given. Each file has servers of its own, gone when it ends."""
import pytest

from lib import account
from lib.postgres import Postgres


@pytest.fixture(scope="module")
def folder():
    path = account.make_folder()
    yield path
    account.remove_folder(path)


@pytest.fixture(scope="module")
def postgres(folder):
    """A running cluster with the tests' roles."""
    server = Postgres(folder)
    try:
        server.start()
        server.create_roles()
        yield server
    finally:
        server.remove()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the servers that it used had to say."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            server = getattr(value, "server", None)
            if server is not None:
                report.sections.append((f"log of {value.name}", server.output()))
