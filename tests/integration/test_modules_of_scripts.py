"""Modules that an operator allows work whole in restricted scripts; figures are PNG."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.servers import Server, serving

MODULES = "nest, numpy, pandas, matplotlib.pyplot"


@pytest.fixture(scope="module")
def drawing() -> Iterator[Server]:
    """A server whose restricted scripts may draw."""
    yield from serving({"NEST_SERVER_MODULES": MODULES})


SPIKES = """
import nest
import nest.raster_plot
n = nest.Create("iaf_psc_alpha", 3, {"I_e": 500.0})
r = nest.Create("spike_recorder")
nest.Connect(n, r)
nest.Simulate(100.0)
nest.raster_plot.from_device(r, hist=True)
import matplotlib.pyplot as plt
x = plt.gcf()
"""

FIGURES = {
    "plot": "import matplotlib.pyplot as plt\nx, ax = plt.subplots()\nax.plot([1, 2])",
    "fonts": (
        "import matplotlib.pyplot as plt\nplt.rcParams['font.family'] = 'serif'\n"
        "x = plt.figure(figsize=(3, 2))\nplt.title(r'$\\frac{a}{b}$', weight='bold')\n"
        "plt.semilogx([1, 10], label='$V_m$')\nplt.legend()\nplt.xlabel('t (ms)', size=17)\n"
        "plt.tight_layout()"
    ),
    "three dimensions": (
        "import matplotlib.pyplot as plt\nplt.figure()\n"
        "x = plt.subplot(projection='3d')\nx.scatter([1], [2], [3])"
    ),
    "pandas": (
        "import pandas as pd\nd = pd.DataFrame({'a': [1.0, 2.0]})\nx = d.plot()\nx.set_title('a')"
    ),
    "raster_plot": SPIKES,
}


@pytest.mark.parametrize("what", FIGURES)
def test_figure_is_returned_as_png(drawing: Server, what: str) -> None:
    drawing.call("ResetKernel")
    reply = drawing.post("/exec", {"source": FIGURES[what], "return": "x"})
    assert reply.status_code == 200, reply.text
    data: Any = reply.json()["data"]
    image = base64.b64decode(data["$bytes"])
    assert image.startswith(b"\x89PNG\r\n")
    assert len(image) > 2000


def test_pandas_prints(drawing: Server) -> None:
    source = """
import pandas as pd
d = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})
print(d)
print(d.describe().loc["mean"], d.groupby("b").a.mean().to_string())
x = d.to_html()
"""
    reply = drawing.post("/exec", {"source": source, "return": "x"})
    assert reply.status_code == 200, reply.text
    assert reply.json()["stdout"].startswith("     a  b\n0  1.5  x\n1  2.5  y\n")
    assert "<table" in reply.json()["data"]


def test_files_are_refused_all_the_same(drawing: Server) -> None:
    source = "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.savefig('/tmp/figure.png')"
    reply = drawing.post("/exec", {"source": source})
    assert (reply.status_code, reply.json()["error"]) == (400, "PermissionError")
