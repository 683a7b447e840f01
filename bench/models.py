# SPDX-License-Identifier: Apache-2.0
"""Which models are measured: those of the project, and those that a zoo script beside the project builds with PyTorch."""
from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def zoo_script() -> Path | None:
    """The nearest shared/bench/zoo.py above the project: `zoo.py --list` prints names, `zoo.py FOLDER NAME` writes FOLDER/NAME.onnx."""
    for folder in ROOT.parents:
        script = folder / "shared" / "bench" / "zoo.py"
        if script.is_file():
            return script
    return None


def zoo_folder() -> Path:
    return Path(os.environ.get("TENSORWRIGHT_ZOO") or ROOT / "build" / "zoo")


def zoo_models(say) -> list[Path]:
    script, folder = zoo_script(), zoo_folder()
    if script is None:
        there = sorted(folder.glob("*.onnx"))
        if not there:
            say("no zoo.py stands in shared/bench above the project: only the models of examples/data are measured")
        return there
    names = subprocess.run([sys.executable, script, "--list"], capture_output=True, text=True).stderr.split()
    missing = [name for name in names if not (folder / f"{name}.onnx").exists()]
    needed = [package for package in ("torch", "torchvision", "transformers") if importlib.util.find_spec(package) is None]
    if missing and needed:
        say(f"skipped, because {', '.join(needed)} is not installed in .venv/ (pip install {' '.join(needed)}) and TENSORWRIGHT_ZOO names no "
            f"folder with them: {', '.join(missing)}")
    elif missing:
        say(f"building {', '.join(missing)} in {folder}")
        subprocess.run([sys.executable, script, folder, *missing], check=True, stdout=subprocess.DEVNULL)
    return [folder / f"{name}.onnx" for name in names if (folder / f"{name}.onnx").exists()]


def default_models(say) -> list[Path]:
    return sorted((ROOT / "examples" / "data").glob("*.onnx")) + zoo_models(say)


def chosen_models(names: list[str], say) -> list[Path]:
    """Paths, or names of the default models without their ending."""
    if not names:
        return default_models(say)
    paths = []
    for name in names:
        if Path(name).is_file():
            paths.append(Path(name))
            continue
        found = [path for path in default_models(lambda text: None) if path.stem == name]
        if not found:
            sys.exit(f"bench: there is no model '{name}': expected a file, or one of {', '.join(p.stem for p in default_models(say))}")
        paths += found
    return paths
