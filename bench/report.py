# SPDX-License-Identifier: Apache-2.0
"""The README's tables, made from what `./dev bench --peers --json docs/measurements/peers-HOST.json` wrote; `./dev docs` puts them there."""
from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- made by ./dev docs from docs/measurements/peers-*.json -->\n", "<!-- end of what ./dev docs makes -->\n"
NAMES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}


def by_model(results: dict, wanted: str) -> dict[str, dict[str, dict]]:
    """The rows of one set of models: model, engine, row."""
    table: dict[str, dict[str, dict]] = {}
    for row in results["rows"]:
        if row["set"] == wanted:
            table.setdefault(row["model"], {})[row["engine"]] = row
    return table


def milliseconds(row: dict | None) -> str:
    if row is None or "failed" in row:
        return "–"
    value = row["median_seconds"] * 1e3
    return f"{value:.1f}" if value >= 1 else f"{value:.3f}"


def model_line(model: str, rows: dict[str, dict], peers: list[str]) -> str:
    ours = rows["tensorwright"]
    if "failed" in ours:
        return f"| {model} | failed |" + " |" * (len(peers) + 3)
    ratio = max((rows[peer]["ratio"] for peer in peers if "ratio" in rows.get(peer, {})), default=None)
    times = " | ".join(milliseconds(rows.get(peer)) for peer in peers)
    memory = " / ".join(f"{rows[name]['peak_bytes'] / 2**20:.0f}" if "peak_bytes" in rows.get(name, {}) else "–" for name in ["tensorwright", *peers])
    cached = f" / {ours['cached_compile_seconds']:.2f}" if "cached_compile_seconds" in ours else ""
    return (f"| {model} | {milliseconds(ours)} | {times} | {'–' if ratio is None else f'{ratio:.2f}'} | {ours['compile_seconds']:.2f}{cached} | {memory} |")


def table_of(results: dict, wanted: str) -> list[str]:
    rows = by_model(results, wanted)
    if not rows:
        return []
    peers = [name for name in NAMES if any(name in engines for engines in rows.values())]
    words = [NAMES[name] for name in peers]
    lines = [f"| model | ms | {' | '.join(words)} | ratio to the better | compile, s: cold / cached | peak MiB: ours / {' / '.join(words)} |",
             "| --- | ---: | " + "---: | " * len(peers) + "---: | ---: | ---: |"]
    lines += [model_line(model, engines, peers) for model, engines in rows.items()]
    means = [f"{mean['mean']:.2f} of the time of {NAMES.get(mean['of'], mean['of'])}, worst {mean['worst']:.2f}" for mean in results["geometric_means"] if mean["set"] == wanted]
    return [*lines, "", f"Geometric means over {len(rows)} models: {'; '.join(means)}.", ""]


def readme_block(folder: Path = ROOT / "docs" / "measurements") -> str:
    out: list[str] = []
    for path in sorted(folder.glob("peers-*.json")):
        results = json.loads(path.read_text())
        host = results["host"]
        out += [f"{host['name']}, {host['processor']}, {host['threads']} thread{'s' if host['threads'] > 1 else ''}, {host['date']}.", ""]
        out += table_of(results, "zoo")
        small = table_of(results, "small")
        if small:
            out += ["<details><summary>Small models</summary>", "", *small[:-2], "", "</details>", "", *small[-2:]]
    return BEGIN + "\n".join(out).rstrip() + "\n" + END


def with_block(readme: str) -> str:
    begin, end = readme.index(BEGIN), readme.index(END) + len(END)
    return readme[:begin] + readme_block() + readme[end:]
