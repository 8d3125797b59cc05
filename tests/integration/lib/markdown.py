"""Markdown as far as the documentation's tests need it: fenced blocks, links, headings, tables."""
import re
from dataclasses import dataclass

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.*?)\s*$", re.MULTILINE)
CODE = re.compile(r"`[^`\n]+`")


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int


def blocks(text):
    return [Block(m.group(1), m.group(2), text.count("\n", 0, m.start()) + 1)
            for m in FENCE.finditer(text)]


def prose(text):
    """The text without its fenced blocks."""
    return FENCE.sub("", text)


def links(text):
    """Targets of links; what stands in code is none."""
    return LINK.findall(CODE.sub("", prose(text)))


def code(text):
    """What stands in backquotes in the prose."""
    return [span[1:-1] for span in CODE.findall(prose(text))]


def anchors(text):
    """Names that headings get, as GitHub makes them."""
    seen = {}
    names = []
    for title in HEADING.findall(prose(text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "")
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        count = seen.get(name, 0)
        seen[name] = count + 1
        names.append(name if count == 0 else f"{name}-{count}")
    return set(names)


def section(text, title):
    """From the heading of this title to the next one of its level or above, without blocks."""
    text = prose(text)
    found = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    rest = text[found.end():]
    end = re.search(rf"^#{{1,{len(found.group(1))}}} ", rest, re.MULTILINE)
    return rest[:end.start()] if end else rest


def rows(text):
    """Cells of every table row."""
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
            for line in prose(text).split("\n") if line.startswith("|")]
