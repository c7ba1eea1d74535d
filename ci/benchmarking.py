"""What the benchmarks beside this file share: commands that must end, and how figures are told."""

import argparse
import datetime
import os
import platform
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target/release/chaos"
# Whatever other programs and libraries are installed for a comparison.
TOOLS = ROOT / "target/benchmark"
LONGEST_SECONDS = 1800


def say(*words, codes=(0,)):
    """What a command says; it must end well, in bounded time."""
    try:
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                              timeout=LONGEST_SECONDS)
    except FileNotFoundError:
        raise SystemExit(f"{words[0]} is not there; ours is built by cargo build --release")
    if done.returncode not in codes:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def run(scenario, target, out, *more):
    """Makes a quick run; the folder that it leaves."""
    say(PROGRAM, "run", scenario, "--target", target, "--profile", "quick", "--quiet", "--exit-zero",
        "--out", out, *more)
    return next(Path(out).glob("runs/**/journal.jsonl")).parent


def spread(values, form):
    """Median (lowest–highest), of what could be measured."""
    values = [value for value in values if value is not None and value == value]
    if not values:
        return "–"
    low, middle, high = form(min(values)), form(statistics.median(values)), form(max(values))
    return middle if low == high else f"{middle} ({low}–{high})"


def row(cells):
    return "| " + " | ".join(cells) + " |"


def head(names):
    """The first two lines of a table whose first column names things and whose others count them."""
    return [row(names), "|---|" + "---:|" * (len(names) - 1)]


def arguments(document, repeats):
    """The arguments that every benchmark takes."""
    parser = argparse.ArgumentParser(description=document.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--out", help="file that the Markdown goes to as well")
    return parser


def publish(asked, remarks, lines):
    """Prints the table below what it was measured on."""
    machine = f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"
    text = "\n".join([f"{machine}; {asked.repeats} repeats: median (lowest–highest). {remarks}".strip(),
                      "", *lines, ""])
    print(text)
    if asked.out:
        Path(asked.out).write_text(text)
