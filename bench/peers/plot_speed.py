"""Draws the tables of docs/benchmarks.md that set fettle beside PyTorch + PEFT: docs/speed.png.

    python bench/peers/plot_speed.py

One row of panels a table: tokens per second and peak memory, medians as bars, lowest and highest as whiskers where a table
has them. What is drawn is what the page says.
"""

import pathlib
import re

import matplotlib
import matplotlib.pyplot

import plots

matplotlib.use("agg")

DOCS = pathlib.Path(__file__).parents[2] / "docs"
COLUMNS = ("tokens/s", "peak memory, MiB")
NUMBER = r"([\d.]+)(?: \(([\d.]+) – ([\d.]+)\))?"
OURS, OTHERS = "#1f6f54", "#9aa5b1"


def tables(section: str) -> list[tuple[str, list[tuple[str, list[tuple[float, float, float]]]]]]:
    """(what is measured, [(program, [(median, lowest, highest) of each column])])"""
    found = []
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|") or len(cells) != 1 + len(COLUMNS):
            continue
        numbers = [re.fullmatch(NUMBER, cell) for cell in cells[1:]]
        if all(numbers):
            values = [tuple(float(m[i] or m[1]) for i in (1, 2, 3)) for m in numbers]
            found[-1][1].append((cells[0].removeprefix("PyTorch + PEFT, "), values))
        elif not line.startswith("|-"):
            found.append((cells[0], []))
    return found


def draw(axes, rows, column: int, title: str) -> None:
    rows = rows[::-1]  # the first on top
    values = [numbers[column] for _, numbers in rows]
    medians = [v[0] for v in values]
    spread = [[v[0] - v[1] for v in values], [v[2] - v[0] for v in values]]
    axes.barh([name for name, _ in rows], medians, xerr=spread, color=[OURS if name == "fettle" else OTHERS for name, _ in rows],
              height=0.6, error_kw=dict(elinewidth=1, capsize=2, ecolor="#444444"))
    for y, v in enumerate(values):
        axes.annotate(f"{v[0]:.0f}", (max(v), y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_title(title, fontsize=9)
    axes.set_xlim(0, 1.15 * max(max(v) for v in values))
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    page = (DOCS / "benchmarks.md").read_text()
    found = tables(page.split("## Beside PyTorch + PEFT", 1)[1].split("\n## ", 1)[0])
    heights = [0.6 + 0.3 * len(rows) for _, rows in found]
    figure, axes = matplotlib.pyplot.subplots(len(found), 2, figsize=(9, sum(heights) + 0.4), squeeze=False,
                                              height_ratios=heights)
    for (what, rows), pair in zip(found, axes):
        for column, name in enumerate(COLUMNS):
            draw(pair[column], rows, column, f"{what}: {name}")
        pair[1].set_yticklabels([])
    figure.tight_layout()
    plots.save(figure, DOCS / "speed.png")


if __name__ == "__main__":
    main()
