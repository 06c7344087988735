"""The package's shape, read from its source: what a module may import and touch."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tltk"
AREAS = (
    "inputs datasets backbones tuning adaptation few_labels evaluation plotting shipping".split()
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HEAVY = set(PROJECT["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-module-level-imports"])
DISTRIBUTIONS = {
    "PIL": "pillow",
    "jupyter_client": "nbclient",
    "nbformat": "nbclient",
    "ot": "pot",
    "sklearn": "scikit_learn",
}  # the name on the package index, or of the package that brings it along
# keras.ops does not differentiate, and meta-learning differentiates twice: the loop alone does
TENSORFLOW_ALLOWED = (
    "inputs",
    "datasets",
    "backbones/hub.py",
    "backbones/text.py",
    "tuning/_loop.py",
    "shipping",
)
PRIVATE_KERAS = {
    "_compile_metrics", "_flatten_layers", "_functional", "_get_variable_index", "_inputs_struct",
    "_keras_history", "_nodes_by_depth", "_outputs_struct", "_seed_generators", "_tracker",
    "_track_variable", "_trainable_variables", "_untrack_variable", "_user_metrics", "src",
}  # fmt: skip
MODULES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.relative_to(PACKAGE).parts[0] not in ("data", "notebooks")
}


def imported_names(nodes) -> list[str]:
    """Dotted names of everything that the given statements import."""
    names = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full: from tltk.inputs import ..."
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def test_data_flows_one_way(tmp_path):
    """The contract stands in pyproject.toml; here it is kept, and seen to fail where it is not."""
    command = [
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports; \
        sys.exit(lint_imports(cache_dir=None))",
    ]
    kept = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert kept.returncode == 0, kept.stdout
    copy = tmp_path / "tltk"
    for module in MODULES:
        (copy / module).parent.mkdir(parents=True, exist_ok=True)
        (copy / module).write_text((PACKAGE / module).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    with open(copy / "inputs" / "images.py", "a", encoding="utf-8") as file:
        file.write(
            "\n\ndef later():\n    from tltk.tuning import fine_tune\n    return fine_tune\n"
        )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": path}
    broken = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert broken.returncode == 1
    assert "tltk.inputs.images -> tltk.tuning" in broken.stdout


def test_every_package_used_is_asked_for():
    """Each import is Python's own, ours, or of a distribution that the project file names."""
    project = PROJECT["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    asked = {re.split(r"[<>=]", line)[0] for line in [*project["dependencies"], *extras]}
    asked = {name.lower().replace("-", "_") for name in asked}
    for module, tree in MODULES.items():
        for name in imported_names(ast.walk(tree)):
            package = name.split(".")[0]
            if package not in sys.stdlib_module_names and package != "tltk":
                assert DISTRIBUTIONS.get(package, package) in asked, f"{module} imports {package}"


def test_tensorflow_stays_at_the_edges():
    """Elsewhere only `tf.data` is touched: the rest is `keras.ops`."""
    for module, tree in MODULES.items():
        if module.startswith(TENSORFLOW_ALLOWED):
            continue
        for node in ast.walk(tree):
            of_tensorflow = isinstance(node, ast.Attribute) and ast.unparse(node.value) == "tf"
            assert not of_tensorflow or node.attr == "data", f"{module}: tf.{node.attr}"


def test_private_keras_stays_behind_one_wall():
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            private = isinstance(node, ast.Attribute) and node.attr in PRIVATE_KERAS
            assert not private or module == "_keras.py", f"{module}: {ast.unparse(node)}"


def test_a_module_without_a_public_name_has_an_underscore():
    for area in AREAS:
        door = MODULES[f"{area}/__init__.py"]
        public = {node.module for node in door.body if isinstance(node, ast.ImportFrom)}
        for path in (PACKAGE / area).glob("[a-z_]*.py"):
            if path.name != "__init__.py":
                named = f"tltk.{area}.{path.stem}" in public
                assert path.name.startswith("_") != named, f"{path.name} of {area}"


def test_tests_mirror_the_areas():
    areas = {path.name for path in (ROOT / "tests" / "unit").iterdir() if path.is_dir()}
    assert areas - {"__pycache__"} == {*AREAS, "_cache"}


def test_importing_tltk_loads_nothing_heavy_that_keras_does_not():
    """Import time follows from the modules loaded; a stopwatch would only add noise."""
    script = f"import sys, keras; a = set(sys.modules); import tltk; tltk.fine_tune; \
        b = set(sys.modules) - a; print(sorted({{m.split('.')[0] for m in b}} & {HEAVY!r}))"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "[]"
