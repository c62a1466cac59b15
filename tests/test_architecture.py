"""Who may import whom. A lower row never imports a higher one; a new edge fails here, to be removed or argued for.

cli, commands, recipes, and what puts the parts together (pretraining, evaluation, loading, reporting ...)
  |
engine    evaluate <- visualise
  |
methods             data
  |                   |
tools: sampler, augment, clip_statistics, views, backbones, heads, recurrent, losses, bank, queue, momentum, frozen,
       meta, recompute, encoder, synced_batch_norm
  |
contracts: errors, settings, batch, distributed
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "kinema"

CONTRACTS = {"errors", "settings", "batch", "distributed"}
FILES = {"archive", "atomic", "json_file"}
TOOLS = {
    "sampler",
    "clip_statistics",
    "augment",
    "views",
    "backbones",
    "heads",
    "losses",
    "bank",
    "meta",
    "recompute",
    "encoder",
    "momentum",
    "queue",
    "recurrent",
    "frozen",
    "synced_batch_norm",
}

ALLOWED = {
    "errors": set(),
    "ranges": {"errors"},
    "settings": {"errors", "ranges"},
    "distributed": {"errors"},
    "batch": {"distributed"},  # which may be a part of what many processes read
    "limits": set(),
    "machine": {"errors", "distributed", "limits"},
    "precision": {"errors", "backbones"},
    "memory": set(),
    "atomic": {"errors"},
    "archive": set(),
    "json_file": set(),
    "recipes": {"settings", "errors"},
    "published": {"errors"},
    **dict.fromkeys(TOOLS, CONTRACTS),
    "backbones": CONTRACTS | {"recompute"},  # what is between a network's blocks can be had twice instead of kept
    "meta": CONTRACTS | {"recompute"},  # so can the graph of the inner step
    "bank": CONTRACTS | {"losses"},  # a bank is one way to get the scores that a loss is made of
    "queue": CONTRACTS,
    "momentum": CONTRACTS | {"meta"},  # a copy keeps batch norm statistics of its own
    "frozen": CONTRACTS | {"meta"},  # which says what the state of a module is
    "encoder": CONTRACTS | {"views", "meta"},  # what a trained backbone is shown is part of what it is
    "methods": CONTRACTS | TOOLS,
    "data": CONTRACTS
    | {"sampler", "memory", "archive", "atomic", "json_file"},  # a method's `draw` arrives as a function
    "engine": CONTRACTS | FILES | {"machine", "precision", "methods", "data"},
    "evaluate": CONTRACTS
    | {"machine", "precision", "ranges", "archive", "atomic", "json_file"},  # it is handed an encoder and clips
    "visualise": CONTRACTS
    | {"encoder", "views", "evaluate", "atomic"},  # it draws features and results, which evaluate defines
}
"""Each part and the parts it may import, besides itself. Parts that are not named here are the uppermost row."""

NO_TORCH = [
    "kinema",
    "kinema.errors",
    "kinema.settings",
    "kinema.recipes",
    "kinema.published",
    "kinema.published.peers",
    "kinema.tables.definition",
    "kinema.conversion.families",
    "kinema.cli",
    "kinema.methods",
    "kinema.backbones",
    "kinema.evaluate.settings",
]
OPTIONAL = {"cv2", "lancedb", "torchcodec", "matplotlib", "ray", "sklearn", "tensorboard", "torchvision"}
OPTIONAL |= {"huggingface_hub", "onnx", "onnxruntime", "onnxscript", "pyarrow", "safetensors"}


def module_of(path):
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


def imported(node):
    """The full names that an import statement asks for."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def edges(text, own):
    """The parts of kinema that a module's text imports anywhere, the part it belongs to left out."""
    names = [name for node in ast.walk(ast.parse(text)) for name in imported(node)]
    parts = {name.split(".")[1] for name in names if name.startswith("kinema.")}
    return parts - {own, "__version__"}


def part_of(module):
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("module", [module for module in MODULES if part_of(module) in ALLOWED])
def test_module_imports_only_what_its_row_may(module):
    part = part_of(module)
    forbidden = edges(MODULES[module].read_text(), part) - ALLOWED[part]
    assert not forbidden, f"{module} imports {sorted(forbidden)}; kinema.{part} may import {sorted(ALLOWED[part])}"


def test_every_part_that_has_a_row_exists():
    assert set(ALLOWED) <= {part_of(module) for module in MODULES}


def test_rows_have_no_circle():
    above = {part: set(below) for part, below in ALLOWED.items()}
    while above:
        free = {part for part, below in above.items() if not below & set(above)}
        assert free, f"these import one another: {sorted(above)}"
        above = {part: below for part, below in above.items() if part not in free}


def test_an_import_is_found_wherever_it_stands():
    text = """
from kinema import bank, losses
from kinema.engine.train import train
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from kinema.methods.base import Method
def f():
    import kinema.data.loader
    from kinema import __version__
"""
    assert edges(text, "bank") == {"losses", "engine", "methods", "data"}


def top_level(text):
    """The packages that importing a module imports, other than inside its functions or for type checkers."""
    found, waiting = set(), list(ast.parse(text).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        found |= {name.split(".")[0] for name in imported(node)}
        waiting += list(ast.iter_child_nodes(node))
    return found


@pytest.mark.parametrize("module", MODULES)
def test_optional_packages_are_imported_inside_the_function_that_needs_them(module):
    assert not top_level(MODULES[module].read_text()) & OPTIONAL


def test_names_that_say_nothing_are_not_used():
    words = {word for module in MODULES for name in module.split(".") for word in name.split("_")}
    assert not words & {"utils", "util", "common", "misc", "helpers", "helper"}


def loaded_by(*modules):
    """What a fresh interpreter holds after importing some modules."""
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_what_help_needs_imports_no_torch():
    assert not loaded_by(*NO_TORCH) & {"torch", "numpy", "av"}


def test_a_loss_brings_no_data_set_with_it():
    loaded = loaded_by("kinema.losses")
    assert {name for name in loaded if name.startswith("kinema")} == {"kinema", "kinema.losses"}
    assert not loaded & {"av", "matplotlib"}
