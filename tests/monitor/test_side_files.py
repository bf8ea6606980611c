"""Side files of a run, as a checkpoint names them."""

from pathlib import Path
from typing import Any

import pytest

from stylecli.monitor.side_files import SideFiles


def test_a_forged_checkpoint_names_no_file_elsewhere(tmp_path: Path) -> None:
    values: dict[str, Any] = {"every": 1, "frames": "../f", "preview": "/etc/p.jpg"}
    values |= {"recipe": None, "plot": ["a/../../b.csv", "c.csv"]}
    files, elsewhere = SideFiles.from_dict(values, tmp_path)
    assert files.paths == (tmp_path / "c.csv",) and files.folder is None
    assert elsewhere == ("../f", "/etc/p.jpg", "a/../../b.csv")
    for change in ({"every": 0}, {"plot": [3]}, {"preview": "a\0b"}):
        with pytest.raises(ValueError, match="make no sense"):
            SideFiles.from_dict({**values, **change}, tmp_path)
