"""What rows noted (stage.note) as a table: table.py RESULTS [PAGE].

With a page, the table takes the place of the one between its two marks.
"""
import json
import re
import sys
from collections import Counter

BEGIN = "<!-- fault matrix: written by tests/faults/run --write -->"
END = "<!-- end of the fault matrix -->"


def table(lines):
    rows = Counter(tuple(json.loads(line)) for line in lines)
    text = f"{sum(rows.values())} rows, all of one run on one tree, all passed:\n\n"
    text += "| fault | step | result | rows |\n|---|---|---|---|\n"
    for (fault, step, result), count in rows.items():
        text += f"| {fault} | {step} | {result} | {count} |\n"
    return text


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        made = table(file)
    if len(sys.argv) < 3:
        print(made)
        return
    with open(sys.argv[2], encoding="utf-8") as file:
        page = file.read()
    whole = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    assert whole.search(page), f"{sys.argv[2]} lacks its marks"
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(whole.sub(lambda _: f"{BEGIN}\n\n{made}\n{END}", page))


main()
