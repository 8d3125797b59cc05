"""The keys of a configuration file as the program's own tables have them (common/config/*.c).

Reads the tables' source, so that a key that is added there and nowhere else is noticed.
"""
import re
from dataclasses import dataclass

FIELD = re.compile(r'\{"([a-z_]+)",\s*YAML_([A-Z]+)([^{}]*)\}')
ARRAY = re.compile(r"static const yaml_field_t (\w+)\[\] = \{(.*?)\n\};", re.DOTALL)
SCHEMA = re.compile(r"static const yaml_schema_t (\w+) = \{(.*?)\};", re.DOTALL)
WORDS = {"TEXT": "text", "PATH": "path", "BOOL": "true or false", "INTEGER": "number",
         "DURATION": "duration", "SIZE": "size", "PERCENT": "percent", "ENUM": "word",
         "TEXTS": "list of texts", "PATHS": "list of paths", "MAP": "map of texts"}
SECOND = 1000000
NAMES = {"QUANTITY_SECOND": SECOND, "QUANTITY_MINUTE": 60 * SECOND, "QUANTITY_HOUR": 3600 * SECOND,
         "QUANTITY_DAY": 86400 * SECOND}
DURATIONS = (("d", 86400 * SECOND), ("h", 3600 * SECOND), ("min", 60 * SECOND), ("s", SECOND),
             ("ms", 1000), ("us", 1))
SIZES = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1))


@dataclass(frozen=True)
class Key:
    path: str
    kind: str  # a word of WORDS
    bounds: str  # "1s to 1h", or ""
    default: str  # "required", a text in backquotes, or ""


def _limits(text):
    found = dict(re.findall(r"(LIMIT_\w+) = ([0-9* ]+)", text))
    return {name: _number(value, {}) for name, value in found.items()}


def _number(text, names):
    """An integer expression of C: products, quotients, shifts and named numbers."""
    text = re.sub(r"INT64_C\((\d+)\)", r"\1", text)
    text = re.sub(r"[A-Z]\w+", lambda m: str(names[m.group()]), text)
    if not re.fullmatch(r"[0-9 */<]+", text):
        raise ValueError(f"no number: {text}")
    shift = re.fullmatch(r"\s*(\d+) << (\d+)\s*", text)
    if shift:
        return int(shift.group(1)) << int(shift.group(2))
    result = 1
    for sign, digits in re.findall(r"([*/]?)\s*(\d+)", text):
        result = result // int(digits) if sign == "/" else result * int(digits)
    return result


def _quantity(kind, number):
    if kind == "PERCENT":
        return f"{number / 100:g}%"
    if kind not in ("DURATION", "SIZE"):
        return str(number)
    units = DURATIONS if kind == "DURATION" else SIZES
    return next((f"{number // size}{unit}" for unit, size in units if number and number % size == 0),
                "0")


def _bounds(kind, rest, names):
    low = re.search(r"\.min = ([^,]+)", rest)
    high = re.search(r"\.max = ([^,]+)", rest)
    if kind not in ("INTEGER", "DURATION", "SIZE", "PERCENT") or not (low or high):
        return ""
    low = _number(low.group(1), names) if low else 0
    return f"{_quantity(kind, low)} to {_quantity(kind, _number(high.group(1), names))}"


def _default(rest):
    if ".required = true" in rest:
        return "required"
    found = re.search(r'\.default_text = "([^"]*)"', rest)
    return f"`{found.group(1)}`" if found else ""


def read(source, limits, root="SCHEMA"):
    """Every key that a person may write, as {path: Key}. Lists have [] behind their key."""
    names = {**NAMES, **_limits(limits)}
    names.update((name, int(value)) for name, value in re.findall(r"\b([A-Z_]+) = (\d+)\b", source))
    arrays = dict(ARRAY.findall(source))
    fields = {name: re.search(r"YAML_FIELDS\((\w+)\)", body).group(1)
              for name, body in SCHEMA.findall(source)}
    keys = {}

    def walk(schema, prefix):
        for name, kind, rest in FIELD.findall(arrays[fields[schema]]):
            inner = re.search(r"\.inner = &(\w+)", rest)
            if inner:
                walk(inner.group(1), f"{prefix}{name}{'[]' if kind == 'STRUCTS' else ''}.")
            elif kind != "REFUSED":
                keys[prefix + name] = Key(prefix + name, WORDS[kind],
                                          _bounds(kind, rest, names), _default(rest))

    walk(root, "")
    return keys
