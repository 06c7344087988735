"""The site, built by `make docs` from these pages, README.md, CHANGES.md and the docstrings."""

import os
import runpy
from importlib import import_module
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import stringify_annotation

import tltk

PAGES = runpy.run_path(str(Path(__file__).with_name("reference_pages.py")))
AREAS = PAGES["areas"]()

project, author, release = "tltk", "the tltk authors", tltk.__version__
project_copyright = author
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "myst_parser",
]
exclude_patterns = []
html_theme = "sphinx_book_theme"
html_title = f"tltk {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navbar_persistent": [],
    "show_toc_level": 1,
    "home_page_in_toc": False,
}

autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False  # what Keras and scikit-learn say of their methods stays there
autosummary_generate = False  # tables alone: each page holds its docstrings itself
add_module_names = False
python_maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_use_ivar = True
napoleon_custom_sections = [("Reference", "References")]
highlight_language = "none"  # formulas; examples are known by their prompt
default_role = "literal"  # docstrings write code in single backticks, as Markdown does
myst_heading_anchors = 3
nitpick_ignore_regex = [("py:.*", r"(?!tltk\b).*")]  # types of other packages: no network is asked


def public_paths() -> dict[str, str]:
    """Where each public name is described: by its full name, and by its own where that is one."""
    paths = {area: area for area in AREAS}
    for area in reversed(AREAS):  # tltk's own last: it gives no short names
        for name in import_module(area).__all__:
            paths[f"{area}.{name}"] = f"{area}.{name}"
            paths.setdefault(name, f"{area}.{name}")
    return paths


PATHS = public_paths()


class Area(SphinxDirective):
    """`.. area:: tltk.tuning` stands for everything that `reference_pages.py` says of an area."""

    required_arguments = 1

    def run(self):
        return self.parse_text_to_nodes(PAGES["area_page"](self.arguments[0]))


class LinkNames(SphinxTransform):
    """Make a public name in code type, and a type of ours in a signature, a link to its page."""

    default_priority = 500

    def apply(self, **kwargs):
        for node in list(self.document.findall(nodes.literal)):
            path = PATHS.get(node.astext().removesuffix("()"))
            within = (nodes.title, nodes.reference, addnodes.pending_xref, addnodes.desc_signature)
            if path is None or any(isinstance(up, within) for up in ancestors(node)):
                continue
            link = addnodes.pending_xref(
                "", refdomain="py", reftype="obj", reftarget=path, refexplicit=True, refwarn=True
            )
            node.replace_self(link)
            link += node
        for node in self.document.findall(addnodes.pending_xref):
            parts = node["reftarget"].split(".")  # a type of ours, called by its module
            node["reftarget"] = PATHS.get(".".join([*parts[:2], parts[-1]]), node["reftarget"])


def ancestors(node):
    while node := node.parent:
        yield node


def leave_plain(app, env, node, contnode):
    """The type of a result that has no public name is described by the function that returns it."""
    ours = node.get("reftype") == "class" and node.get("reftarget", "").startswith("tltk.")
    return contnode if ours else None


def read_docstring(app, what, name, obj, options, lines):
    """Before napoleon does: formulas are shown as they stand, data say what stands below them."""
    text = PAGES["data_docstring"](name) if what == "data" else "\n".join(lines)
    lines[:] = PAGES["for_napoleon"](text).split("\n")


def skip_member(app, what, name, obj, skip, options):
    """Leave out fields of named tuples, which their class tells of, and what others wrote."""
    function = getattr(obj, "fget", None) or getattr(obj, "__func__", obj)
    module = getattr(function, "__module__", None) or ""
    foreign = what == "class" and not module.startswith("tltk")
    return True if foreign or type(obj).__name__ == "_tuplegetter" else None


def name_data(app, what, name, obj, options, signature, returned):
    """What counts as data has a page of its own: signatures name it, without all of its forms."""
    forms = stringify_annotation(tltk.inputs.Data, "smart")
    return signature and signature.replace(forms, "~tltk.inputs.Data"), returned


def setup(app):
    app.add_directive("area", Area)
    app.add_transform(LinkNames)
    app.connect("missing-reference", leave_plain)
    app.connect("autodoc-process-docstring", read_docstring, priority=400)
    app.connect("autodoc-process-signature", name_data)
    app.connect("autodoc-skip-member", skip_member)
