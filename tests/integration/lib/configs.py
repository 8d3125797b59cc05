"""The programs' configuration files, written in this one place. Keys: common/config/*.h."""
import json
import re
from pathlib import Path

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"}


def _scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


def _block(value, indent):
    pad = "  " * indent
    if isinstance(value, dict):
        return "".join(f"{pad}{_scalar(key)}:{_inner(item, indent)}" for key, item in value.items()
                       if item is not None)
    return "".join(f"{pad}-{_inner(item, indent)}" for item in value)


def _inner(value, indent):
    if isinstance(value, (dict, list, tuple)):
        if not value:
            return " {}\n" if isinstance(value, dict) else " []\n"
        return "\n" + _block(value, indent + 1)
    return f" {_scalar(value)}\n"


def yaml(value):
    """A tree of dicts, lists and scalars as block YAML; None leaves its key out."""
    return _block(value, 0)


def merge(base, changes):
    """base with changes laid over it, dicts key by key; a None in changes removes the key."""
    merged = dict(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


class Key:
    """A key file made with `drover key new`, and its public half."""

    def __init__(self, path):
        self.path = Path(path)
        self.public = re.search(r"^public: (\S+)$", Path(f"{path}.pub").read_text(),
                                re.MULTILINE).group(1)


KEY_NEW = ("key", "new")  # drover key new --kind KIND --name NAME FILE


def key_arguments(kind, name, path):
    return [*KEY_NEW, "--kind", kind, "--name", name, str(path)]


def coordinator(folder, keys, address, **changes):
    return merge({
        "listen": address,
        "catalog": folder / "catalog.sqlite",
        "keys": {"sign": keys["sign"].path, "curve": keys["curve"].path},
        "trust": {"root": folder / "trust" / "fleet.trust"},
        "bundles": folder / "bundles",
        "heartbeat": "200ms",
        "lease": "5s",
        "unreachable_after": "2s",
        "timeouts": {"offer": "2s"},
    }, changes)


def cluster(postgres, tenants, **changes):
    """tenants: a list of databases, or of dicts as agent.yaml has them."""
    listed = [t if isinstance(t, dict) else {"database": t} for t in tenants]
    return merge({
        "name": postgres.name,
        "connection": {"host": "127.0.0.1", "port": postgres.port, "user": "drover",
                       "dbname": "postgres", "sslmode": "disable", "passfile": postgres.passfile},
        "roles": {"owner": "tenant_owner", "backup": "drover_backup", "restore": "drover_restore"},
        "tenants": {"list": listed},
    }, changes)


def agent(folder, name, keys, trust, clusters, **changes):
    """trust: address, the coordinator's keys, the root file, recovery keys (public)."""
    return merge({
        "name": name,
        "coordinator": {"address": trust["address"], "curve": trust["coordinator"]["curve"].public},
        "keys": {"sign": keys["sign"].path, "curve": keys["curve"].path,
                 "backup": keys["backup"].path},
        "trust": {"root": trust["root"]},
        "state": folder / "state",
        "heartbeat": "200ms",
        "reconnect_max": "500ms",
        "inventory_refresh": "1s",
        "backup": {"directory": folder / "backups", "recovery_keys": trust["recovery"],
                   "min_free": "1MiB"},
        "clusters": clusters,
    }, changes)


def operator(address, coordinator_keys, keys):
    return {"coordinator": {"address": address, "curve": coordinator_keys["curve"].public},
            "keys": {"sign": keys["sign"].path, "curve": keys["curve"].path}}


def spec(bundle, waves=None, **changes):
    return merge({
        "bundle": bundle,
        "target": "latest",
        "select": "all",
        "waves": waves or [{"name": "all", "rest": True}],
    }, changes)
