"""The notebook of the pages runs, with pictures and a bar that is a widget."""

from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "notebook.ipynb"


@pytest.mark.slow
def test_the_notebook_shows_pictures_and_a_bar() -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("ipywidgets")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(notebook, resources={"metadata": {"path": NOTEBOOK.parent}})
    client.execute()
    cells = {cell.id: cell.get("outputs", []) for cell in notebook.cells}
    shown = {name: [output.get("data", {}) for output in cells[name]] for name in cells}
    assert any("application/vnd.jupyter.widget-view+json" in data for data in shown["picture"])
    assert "image/png" in shown["result"][0]
    assert ["image/png" in data for data in shown["strengths"]] == [True, True]
    assert cells["losses"][0].text.startswith("Losses(")
    streams = [output.get("name") for outputs in cells.values() for output in outputs]
    assert "stderr" not in streams
