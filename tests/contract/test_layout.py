"""The package's shape, read from its source: what a module may import and touch."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tltk"
ORDER = """_ inputs backbones tuning adaptation few_labels evaluation viewing shipping
__main__""".split()
HEAVY = {
    "IPython", "ipykernel", "matplotlib", "nbclient", "nbconvert", "nbformat",
    "openvino", "pandas", "safetensors", "scipy", "sklearn", "soundfile", "tensorflow_datasets",
    "tensorflow_hub",
}  # fmt: skip
DISTRIBUTIONS = {
    "PIL": "pillow",
    "jupyter_client": "nbclient",
    "nbformat": "nbclient",
    "ot": "pot",
    "sklearn": "scikit_learn",
}  # the name on the package index, or of the package that brings it along
SCIKIT_LEARN_ALLOWED = ("adaptation/", "few_labels/")  # their classes are its estimators
# keras.ops does not differentiate, and meta-learning differentiates twice: gradients.py alone does
TENSORFLOW_ALLOWED = (
    "inputs",
    "backbones/hub.py",
    "backbones/text_normalization.py",
    "tuning/gradients.py",
    "shipping",
)
PRIVATE_KERAS = {
    "_compile_metrics", "_flatten_layers", "_functional", "_get_variable_index", "_inputs_struct",
    "_keras_history", "_nodes_by_depth", "_outputs_struct", "_seed_generators", "_tracker",
    "_track_variable", "_trainable_variables", "_untrack_variable", "_user_metrics", "src",
}  # fmt: skip
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
MODULES = [name for name in MODULES if not name.startswith(("data/", "notebooks/"))]
TESTS = sorted(path.relative_to(ROOT / "tests") for path in (ROOT / "tests").glob("*/test_*.py"))
TESTS = [path for path in TESTS if path.parts[0] != "contract"]  # across all modules


def tree_of(module: str) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


def folder_of(module: str) -> str:
    """A folder, the front door, or "_": the files at the bottom, which all may import."""
    name = module.split("/")[0].removesuffix(".py")
    return "_" if re.match("_[a-z]", name) else name


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


def statements_at_import(tree: ast.Module):
    """The statements that run when a module is imported, `if TYPE_CHECKING:` left out."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        guard = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if guard or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield node
        waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


def test_reading_imports_finds_forbidden_ones():
    source = "import a\nfrom b.c import d\ndef f():\n    import e\nclass G:\n    import h\n"
    tree = ast.parse(source)
    assert set(imported_names(statements_at_import(tree))) == {"a", "b.c.d", "h"}
    assert set(imported_names(ast.walk(tree))) == {"a", "b.c.d", "e", "h"}


@pytest.mark.parametrize("module", [m for m in MODULES if m != "__init__.py"])
def test_data_flows_one_way(module):
    own = ORDER.index(folder_of(module))
    for name in imported_names(ast.walk(tree_of(module))):
        parts = name.split(".")
        if parts[0] == "tltk":
            assert folder_of((*parts, "")[1]) in ORDER[: own + 1], f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_heavy_packages_are_imported_inside_functions(module):
    heavy = HEAVY - {"scipy", "sklearn"} if module.startswith(SCIKIT_LEARN_ALLOWED) else HEAVY
    for name in imported_names(statements_at_import(tree_of(module))):
        assert name.split(".")[0] not in heavy, f"{module} imports {name} at its top"


@pytest.mark.parametrize("module", MODULES)
def test_every_package_used_is_asked_for(module):
    """Each import is Python's own, ours, or of a distribution that the project file names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    asked = {re.split(r"[<>=]", line)[0] for line in [*project["dependencies"], *extras]}
    asked = {name.lower().replace("-", "_") for name in asked}
    for name in imported_names(ast.walk(tree_of(module))):
        package = name.split(".")[0]
        if package not in sys.stdlib_module_names and package != "tltk":
            assert DISTRIBUTIONS.get(package, package) in asked, f"{module} imports {package}"


@pytest.mark.parametrize("module", MODULES)
def test_tensorflow_stays_at_the_edges(module):
    """Elsewhere only `tf.data` is touched: the rest is `keras.ops`."""
    if module.startswith(TENSORFLOW_ALLOWED):
        return
    for node in ast.walk(tree_of(module)):
        of_tensorflow = isinstance(node, ast.Attribute) and ast.unparse(node.value) == "tf"
        assert not of_tensorflow or node.attr == "data", f"{module}: tf.{node.attr}"


@pytest.mark.parametrize("module", [m for m in MODULES if m.endswith("__init__.py")])
def test_every_folder_says_what_is_public(module):
    statements = tree_of(module).body
    assigned = [t for n in statements if isinstance(n, ast.Assign) for t in n.targets]
    assigned += [n.target for n in statements if isinstance(n, ast.AnnAssign)]
    assert "__all__" in [target.id for target in assigned]


@pytest.mark.parametrize("module", [m for m in MODULES if m != "_keras.py"])
def test_private_keras_stays_behind_one_wall(module):
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Attribute) and node.attr in PRIVATE_KERAS:
            raise AssertionError(f"{module}: {ast.unparse(node)}")


@pytest.mark.parametrize("test", TESTS, ids=str)
def test_tests_mirror_the_package(test):
    assert (PACKAGE / test.parent / test.name.removeprefix("test_")).is_file()


def test_importing_tltk_loads_nothing_heavy_that_keras_does_not():
    """Import time follows from the modules loaded; a stopwatch would only add noise."""
    script = f"import sys, keras; a = set(sys.modules); import tltk; b = set(sys.modules) - a; \
        print(sorted({{m.split('.')[0] for m in b}} & {HEAVY!r}))"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "[]"
