"""Names that are no settings are told with their place and the nearest one that is."""

from __future__ import annotations

from pathlib import Path

import pytest

from markaz.centre import settings
from markaz.centre.errors import CentreError
from markaz.interfaces.cli import serve


def test_a_wrong_name_in_the_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('databse_url = "postgresql://x/y"\n')
    with pytest.raises(CentreError) as caught:
        settings.load({"data": str(tmp_path)}, {})
    assert caught.value.message == (
        f"{tmp_path / 'settings.toml'}: there is no setting 'databse_url';"
        " did you mean database_url?"
    )
    (tmp_path / "settings.toml").write_text("zzz = 1\n")
    with pytest.raises(CentreError, match=r"settings\.toml: there is no setting 'zzz'$"):
        settings.load({"data": str(tmp_path)}, {})


def test_variables_that_mean_nothing() -> None:
    given = {
        "MARKAZ_DATABSE_URL": "x",
        "MARKAZ_QQQQ": "x",
        "MARKAZ_DATA": "x",
        "MARKAZ_URL": "x",
        "MARKAZ_TEST_POSTGRESQL": "x",
        "OTHER": "x",
    }
    assert settings.unknown_variables(given) == [
        "the variable MARKAZ_DATABSE_URL means nothing; did you mean MARKAZ_DATABASE_URL?",
        "the variable MARKAZ_QQQQ means nothing",
    ]


@pytest.mark.parametrize(("parent", "lines"), [(None, 1), ("1", 0)])
def test_a_server_says_so_once_when_it_starts(
    parent: str | None,
    lines: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MARKAZ_WORKRES", "3")
    if parent is None:
        monkeypatch.delenv("MARKAZ_WORKER_PARENT", raising=False)
    else:
        monkeypatch.setenv("MARKAZ_WORKER_PARENT", parent)
    monkeypatch.setattr("markaz.interfaces.logs.set_up", lambda *_: None)
    monkeypatch.setattr("os.umask", lambda _: 0)
    serve.settings_of({"data": str(tmp_path), "database": None})
    said = "markaz: the variable MARKAZ_WORKRES means nothing; did you mean MARKAZ_WORKERS?"
    assert capsys.readouterr().err.splitlines().count(said) == lines
