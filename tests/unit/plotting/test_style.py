import matplotlib
import matplotlib.pyplot as plt
import pytest

from tltk.plotting.style import COLORS, lecture_style, new_figure


def test_figures_leave_no_trace_in_pyplot():
    @lecture_style
    def plot():
        figure, axes = new_figure(3, 2)
        axes[0, 0].set_title("costs $5 or $6")
        return figure

    before = dict(matplotlib.rcParams)
    figure = plot()
    assert plt.get_fignums() == []
    assert dict(matplotlib.rcParams) == before
    assert figure.get_size_inches().tolist() == [3, 2]
    assert figure.axes[0].title.get_fontsize() == 13
    assert not figure.axes[0].title.get_parse_math()


def test_settings_are_given_back_after_an_error():
    @lecture_style
    def plot():
        new_figure(3, 2)
        raise RuntimeError("half drawn")

    before = dict(matplotlib.rcParams)
    with pytest.raises(RuntimeError, match="half drawn"):
        plot()
    assert plt.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_settings_that_a_backend_makes_when_it_is_loaded_stay(tmp_path, monkeypatch):
    """Jupyter's switches to interactive, without which it shows no figure."""
    source = "import matplotlib\nfrom matplotlib.backends.backend_agg import *\n"
    (tmp_path / "notebook_backend.py").write_text(f"{source}matplotlib.interactive(True)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plt, "_backend_mod", None)
    for setting, value in {"backend": "module://notebook_backend", "interactive": False}.items():
        monkeypatch.setitem(matplotlib.rcParams, setting, value)
    lecture_style(lambda: new_figure(3, 2))()
    assert matplotlib.is_interactive()


def test_colors_differ_in_lightness_or_hue_even_without_red_and_green():
    """Seen by a deuteranope: the red and green channels merge (Viénot 1999, simplified)."""
    rgb = [[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in COLORS]
    seen = [(0.3 * r + 0.6 * g, b) for r, g, b in rgb]
    distances = [abs(a[0] - b[0]) + abs(a[1] - b[1]) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(distances) > 25
