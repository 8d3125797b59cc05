"""The account that servers run as, and a folder that it can reach.

PostgreSQL refuses to run as root. As root, servers run as an unprivileged user through setpriv;
else as ourselves. Folders stand where that user can walk to, and short enough for a socket's path
(107 bytes, unix(7)).
"""
import os
import pwd
import shutil
import tempfile
from pathlib import Path

SOCKET_PATH_MAX = 107
ROOM_FOR_NAMES = 60  # what tests append to the folder's own path


def server_user():
    """The unprivileged user's entry, or None where we are one already."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("neither 'postgres' nor 'nobody' exists to run servers as")


def as_server_user(argv):
    """The same command, run as the server user."""
    user = server_user()
    if user is None:
        return list(argv)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--",
            *argv]


def can_walk_to(folder):
    """Whether everybody may walk into this folder and all above it."""
    path = Path(folder).resolve()
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents))


def base_folder():
    for folder in (os.environ.get("TMPDIR"), "/tmp", "/var/tmp"):
        if not folder or not os.path.isdir(folder) or not os.access(folder, os.W_OK):
            continue
        if len(os.path.abspath(folder)) + ROOM_FOR_NAMES > SOCKET_PATH_MAX:
            continue
        if server_user() is None or can_walk_to(folder):
            return folder
    raise RuntimeError("no folder for temporary files that the server's user can reach")


def make_folder(prefix="drover-"):
    """A fresh folder of ours that the server user may walk through but not list."""
    folder = tempfile.mkdtemp(prefix=prefix, dir=base_folder())
    if server_user() is not None:
        os.chmod(folder, 0o711)
    return Path(folder)


def make_server_folder(path):
    """A folder that belongs to the server user."""
    os.mkdir(path, 0o700)
    user = server_user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)
    return path


def remove_folder(path):
    shutil.rmtree(path, ignore_errors=True)
