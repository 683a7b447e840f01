#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tensorwright beside other engines on the same models: latency, compile time, memory.

Each engine runs in a process of its own; rounds go round-robin (A B C, A B C, …), so that the machine's drift hits all alike. What counts is the
ratio: in each round Tensorwright's median time over the peer's, and of these the median over the rounds. Outputs are compared with those of the
first peer. Compile times are from the file to something that runs, imports not counted, without Tensorwright's on-disk cache; "cached" is a second compile
with it. Peak memory is that of the engine's process, with Python. The last two lines are the geometric means over the two sets of models.
"""
from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import engines
import models
from machine import hide_avx512, physical_cores, processor

HERE = Path(__file__).resolve().parent
FASTER = "the faster peer"


def say(text: str) -> None:
    print(text, flush=True)


class Worker:
    """An engine's process on one model."""

    def __init__(self, name: str, model: Path, threads: int, scratch: Path):
        self.name, self.log, self.outputs = name, scratch / f"{name}.log", scratch / f"{name}.npz"
        self.medians: list[float] = []
        self.best = math.inf
        self.peak_bytes = 0
        command = [sys.executable, HERE / "engines.py", name, model, str(threads), scratch / "feeds.npz", self.outputs]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                            env=os.environ | {"TENSORWRIGHT_CACHE": "off"})
        self.start = self._answer()

    def _answer(self) -> dict | None:
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def round(self, seconds: float) -> bool:
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        answer = self._answer()
        if answer is None:
            return False
        self.medians.append(statistics.median(answer["seconds"]))
        self.best = min(self.best, *answer["seconds"])
        self.peak_bytes = answer["peak_bytes"]
        return True

    def failure(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"ended with status {self.process.wait()} and said nothing"

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def difference(mine: Path, other: Path) -> float:
    """The largest difference over the largest magnitude, of the worst output."""
    import numpy

    worst = 0.0
    with numpy.load(mine) as a, numpy.load(other) as b:
        for key in a.files:
            x, y = a[key].astype(numpy.float64), b[key].astype(numpy.float64)
            if x.size:
                worst = max(worst, float(numpy.max(numpy.abs(x - y)) / (numpy.max(numpy.abs(y)) + 1e-12)))
    return worst


def cached_compile_seconds(model: Path, threads: int, scratch: Path) -> float:
    """Of a new process that finds everything which another one has left on disk."""
    command = [sys.executable, HERE / "engines.py", "compile", "tensorwright", model, str(threads)]
    environment = os.environ | {"TENSORWRIGHT_CACHE": str(scratch / "cache")}
    for _ in range(2):
        answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, check=True).stdout
    return json.loads(answer)


def measure(model: Path, names: list[str], arguments: argparse.Namespace, scratch: Path) -> list[dict]:
    subprocess.run([sys.executable, HERE / "engines.py", "feeds", model, scratch / "feeds.npz"], check=True)
    workers = [Worker(name, model, arguments.threads, scratch) for name in names]
    failed = {w.name: w.failure() for w in workers if w.start is None}
    for _ in range(arguments.rounds):
        for w in workers:
            if w.name not in failed and not w.round(arguments.seconds):
                failed[w.name] = w.failure()
    rows = []
    ours = next((w for w in workers if w.name == "tensorwright" and w.name not in failed), None)
    oracle = next((w for w in workers if w.name != "tensorwright" and w.name not in failed), None)
    for w in workers:
        w.close()
    for w in workers:
        row = {"model": models.label(model), "engine": w.name, "threads": arguments.threads, "weights_bytes": model.stat().st_size}
        if w.name in failed:
            rows.append(row | {"failed": failed[w.name]})
            continue
        row |= w.start | {"median_seconds": statistics.median(w.medians), "best_seconds": w.best, "peak_bytes": w.peak_bytes}
        if ours and w is not ours:
            row["ratio"] = statistics.median(mine / theirs for mine, theirs in zip(ours.medians, w.medians))
        if oracle and w is not oracle:
            row["difference"] = difference(w.outputs, oracle.outputs)
        if w is ours:
            row["cached_compile_seconds"] = cached_compile_seconds(model, arguments.threads, scratch)
        rows.append(row)
    return rows


def text_of(row: dict) -> str:
    head = f"{row['model'][:22]:22s} {row['engine']:13s}"
    if "failed" in row:
        return f"{head} failed: {row['failed']}"
    ratio = f"{row['ratio']:6.2f}" if "ratio" in row else f"{'':6s}"
    difference = f"{row['difference']:8.1e}" if "difference" in row else f"{'':8s}"
    cached = f"{row['cached_compile_seconds']:6.2f}" if "cached_compile_seconds" in row else f"{'':6s}"
    return (f"{head} {row['median_seconds'] * 1e3:9.2f} {row['best_seconds'] * 1e3:9.2f} {ratio} {row['compile_seconds']:9.2f} {cached} "
            f"{row['first_seconds'] * 1e3:9.1f} {row['peak_bytes'] / 2**20:8.0f} {difference}")


HEADINGS = (f"{'model':22s} {'engine':13s} {'median ms':>9s} {'best ms':>9s} {'ratio':>6s} {'compile s':>9s} {'cached':>6s} {'first ms':>9s} {'peak MiB':>8s} "
            f"{'error':>8s}")


def geometric_means(rows: list[dict]) -> list[dict]:
    """For each set of models: Tensorwright's time over each peer's, and over the faster peer's of each model."""
    means = []
    for name in dict.fromkeys(row["set"] for row in rows):
        ratios: dict[str, list[float]] = {}
        best: dict[str, float] = {}
        for row in rows:
            if row["set"] == name and "ratio" in row:
                ratios.setdefault(row["engine"], []).append(row["ratio"])
                best[row["model"]] = max(best.get(row["model"], 0), row["ratio"])
        ratios[FASTER] = list(best.values())
        means += [{"set": name, "of": peer, "models": len(values), "mean": statistics.geometric_mean(values), "worst": max(values)}
                  for peer, values in ratios.items() if values]
    return means


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=[], metavar="MODEL", help="zoo, small, files, or names of models (default: zoo and small)")
    every = ",".join(name for name in engines.ENGINES if name != "tensorwright")
    parser.add_argument("--peers", nargs="?", default=every, const=every, metavar="LIST",
                        help="stand beside other engines; which ones, with commas (default: %(const)s)")
    parser.add_argument("--threads", type=int, default=physical_cores(), help="of every engine (default: one for each core, %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each engine in each round (default: %(default)s)")
    parser.add_argument("--hide-avx512", action="store_true", help="all engines see a processor that ends at AVX2 (Linux on x86-64 whose CPUID can fault)")
    parser.add_argument("--host", default="This machine", metavar="WORDS", help="what the results call it, e.g. \"Two-core AVX-512 server under KVM\"")
    parser.add_argument("--json", metavar="FILE", help="write the results there as well")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    peers = [name for name in arguments.peers.split(",") if name]
    for name in peers:
        if name not in engines.ENGINES or name == "tensorwright":
            sys.exit(f"bench: there is no peer '{name}': expected some of {', '.join(n for n in engines.ENGINES if n != 'tensorwright')}")
        if not engines.installed(name):
            say(f"{name} is left out, because it is not installed in .venv/ (pip install {engines.ENGINES[name].package})")
    if not engines.installed("tensorwright"):
        sys.exit("bench: tensorwright is not installed for this Python: start it as ./dev bench, or put python/ on PYTHONPATH")
    names = [name for name in peers if engines.installed(name)] + ["tensorwright"]
    if arguments.hide_avx512:
        hide_avx512()
    chosen = models.chosen_models(arguments.models, say)
    host = {"name": arguments.host, "processor": processor() + (", AVX-512 hidden" if arguments.hide_avx512 else ""), "threads": arguments.threads, "date": time.strftime("%Y-%m-%d")}
    say(f"{host['processor']}, {host['threads']} threads, {host['date']}; ratio: Tensorwright's time over the engine's\n\n{HEADINGS}")
    rows: list[dict] = []
    start = time.monotonic()
    for number, model in enumerate(chosen):
        left = f", about {(time.monotonic() - start) / number * (len(chosen) - number) / 60:.0f} min left" if number else ""
        print(f"[{number + 1}/{len(chosen)}] {models.label(model)}{left}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            fresh = [row | {"set": chosen[model]} for row in measure(model, names, arguments, Path(scratch))]
        for row in fresh:
            say(text_of(row))
        rows += fresh
    means = geometric_means(rows)
    say("")
    for mean in sorted(means, key=lambda mean: mean["of"] == FASTER):  # the last lines are what counts
        say(f"{mean['set']:6s} geometric mean of {mean['models']:2d} models: {mean['mean']:.3f} of the time of {mean['of']}; worst {mean['worst']:.2f}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"host": host, "rows": rows, "geometric_means": means}, indent=1) + "\n")
    return 1 if any("failed" in row and row["engine"] == "tensorwright" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
