"""A real Slurm runs the script of the how-to page against a centre."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.clients import slurm
from tests.clients.conftest import DEVICE, SECOND_PROJECT
from tests.clients.guests import ROOT, Place, fresh, python_of
from tests.running_centre import MARKAZ

SECONDS = 240


@pytest.mark.nightly
@pytest.mark.timeout(SECONDS + 120)
def test_the_script_of_the_page_is_a_slurm_job(place: Place, tmp_path: Path) -> None:
    slurm.needed()
    programs = f"{python_of('newest').parent}:{Path(MARKAZ[1]).parent}"
    own = {"MARKAZ_URL": place.url, "MARKAZ_KEY": place.key, "MARKAZ_PROJECT": SECOND_PROJECT}
    person = fresh(tmp_path, **own)
    person["PATH"] = f"{programs}:{person['PATH']}"
    before = {one["job"] for one in place.look("/jobs")["items"]}
    output = tmp_path / "bell.out"
    with slurm.cluster() as variables:
        command = ["sbatch", "--wait", f"--output={output}", "examples/clients/qrmi_slurm.sh"]
        done = subprocess.run(
            command, cwd=ROOT, env={**person, **variables}, capture_output=True, text=True,
            check=False, timeout=SECONDS,
        )  # fmt: skip
    said = output.read_text() if output.exists() else ""
    assert done.returncode == 0, done.stderr + said
    page = (ROOT / "docs/how-to/slurm-qrmi.md").read_text()
    line = said.splitlines()[-1]
    assert line.startswith(f"{DEVICE}: {{'00': ")
    assert f"```\n{line}\n```" in page
    [job] = [one for one in place.look("/jobs")["items"] if one["job"] not in before]
    session = place.look(f"/sessions/{job['session']}")
    assert (job["state"], session["state"]) == ("completed", "closed")  # given back
