"""Make the tables of docs/results.md from the JSON files in this folder: `make results`.

`results/RUN/*.json` are the result files of a run's folder, as `kinema retrieve`, `knn`, `linear` and `finetune` wrote
them. A table for each set that was pre-trained on; random init, which every run measures again, is shown once.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from kinema.evaluate.protocol import Result, read
from kinema.evaluate.table import overview, row_name, title

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "results.md"
BEGIN, END = "<!-- results: made by `make results` -->", "<!-- end of results -->"
TASKS = ("retrieval", "knn", "linear", "finetune", "hard_positives", "motion_share")


def main() -> None:
    """Replace what stands between the two marks of the page."""
    runs: dict[str, list[Result]] = defaultdict(list)
    for folder in sorted({path.parent for path in HERE.glob("*/*.json")}):
        found = [read(path) for path in sorted(folder.glob("*.json"))]
        trained_on = {result.subject.pretrain_data for result in found} - {None}
        runs[" and ".join(sorted(str(name) for name in trained_on))] += found
    before, rest = PAGE.read_text().split(BEGIN)
    after = rest.split(END)[1]
    tables = "\n".join(table(data, results) for data, results in runs.items())
    PAGE.write_text(f"{before}{BEGIN}\n{tables}{END}{after}")


def table(data: str, results: list[Result]) -> str:
    """The headline figures of everything that was pre-trained on one set, and how each column was measured."""
    unique: dict[tuple[str, str], Result] = {}
    for result in results:
        if "against" in result.protocol.settings:  # a paired difference is no figure of one network
            continue
        unique.setdefault((row_name(result.subject), title(result.protocol)), result)
    ordered = sorted(unique.values(), key=lambda result: (result.protocol.data, TASKS.index(result.protocol.task)))
    how = sorted({title(result.protocol).removesuffix("; percent [95 % interval]") for result in ordered})
    return f"Pre-trained on {data}:\n\n{overview(ordered).turned().markdown()}\n" + "".join(
        f"- {line}\n" for line in how
    )


if __name__ == "__main__":
    main()
