"""The agent's memory on disk: what it holds, what it handed to the device, what came back.

A folder with a journal for each attempt of a job, lines of JSON that are only ever added and
are on the disk before anything follows from them:

- the assignment, once its circuit is stored (``<name>.wire``);
- ``run``: the n-th program of the job is about to be handed to the device;
- ``key``: by what the device knows it;
- ``counts``: its outcome;
- ``outcome``: how the job ended, once its result is stored (``<name>.result``).

A journal goes when the centre has the outcome on record. Calibration sheets wait in a folder
of their own. One agent has the spool at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from markaz.centre.workers.messages import Assign, Finished

_NAME: Final = re.compile(r"([A-Za-z0-9_-]{1,64})\.(\d{1,9})\.journal")
_SHEET: Final = re.compile(r"sha256-[0-9a-f]{64}\.json")


class SpoolError(Exception):
    """The folder cannot be the spool of this agent."""


@dataclass(slots=True)
class Run:
    """A program of a job that was, or was about to be, handed to the device.

    ``what`` is the hash of text and shots; ``at`` microseconds UTC on the agent's clock.
    """

    what: str
    at: int
    key: str | None = None
    counts: dict[str, int] | None = None
    seconds: float = 0.0


@dataclass(slots=True)
class Entry:
    """One attempt of a job; change it by the spool alone."""

    job: Assign
    runs: list[Run] = field(default_factory=list)
    outcome: Finished | None = None

    @property
    def name(self) -> str:
        """What it is called in the spool, and at devices."""
        return f"{self.job.job}.{self.job.attempt}"

    @property
    def seconds(self) -> float:
        """For which the device was taken so far."""
        return sum(run.seconds for run in self.runs)


class Spool:
    """Opens ``folder``, and makes it if it is not there; thread-safe.

    Raises SpoolError if another agent has it, or it belongs to another device.
    """

    def __init__(self, folder: Path, device: str) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "sheets").mkdir(mode=0o700, exist_ok=True)
        self._held = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._held)
            raise SpoolError(f"another agent works with {folder}") from None
        self._own(device)
        self.entries = {entry.name: entry for entry in self._read()}

    def close(self) -> None:
        """Let another agent have it."""
        os.close(self._held)

    # Who this is.

    def _own(self, device: str) -> None:
        owner = self._document("device.json")
        if owner is None:
            self._write("device.json", json.dumps(device).encode())
        elif owner != device:
            raise SpoolError(f"{self._folder} is the spool of device {owner}, not of {device}")

    @property
    def worker(self) -> str:
        """The id that the centre knows this agent by; empty before it ever came."""
        found = self._document("worker.json")
        return found if isinstance(found, str) else ""

    def note_worker(self, worker: str) -> None:
        """Remember the id."""
        if worker != self.worker:
            self._write("worker.json", json.dumps(worker).encode())

    def _document(self, name: str) -> Any:
        try:
            return json.loads((self._folder / name).read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            raise SpoolError(f"{self._folder / name} is damaged") from None

    # Jobs.

    def take(self, job: Assign) -> Entry:
        """Keep an assignment. Raises OSError if it cannot be kept."""
        entry = Entry(job)
        self._write(f"{entry.name}.wire", job.blob)
        self._write(f"{entry.name}.journal", _line({"assign": _plain(job)}))
        with self._lock:
            self.entries[entry.name] = entry
        return entry

    def note_run(self, entry: Entry, what: str, at: int) -> Run:
        """The next program is about to be handed over."""
        run = Run(what, at)
        self._add(entry, {"run": {"what": what, "at": at}})
        entry.runs.append(run)
        return run

    def note_key(self, entry: Entry, run: Run, key: str) -> None:
        """The device knows the program by ``key``."""
        self._add(entry, {"key": {"n": entry.runs.index(run), "key": key}})
        run.key = key

    def note_counts(self, entry: Entry, run: Run, counts: dict[str, int], seconds: float) -> None:
        """The device has run it."""
        row = {"n": entry.runs.index(run), "counts": counts, "seconds": seconds}
        self._add(entry, {"counts": row})
        run.counts, run.seconds = counts, seconds

    def note_outcome(self, entry: Entry, outcome: Finished) -> None:
        """The job has ended."""
        if outcome.blob:
            self._write(f"{entry.name}.result", outcome.blob)
        self._add(entry, {"outcome": {**_plain(outcome), "blob": bool(outcome.blob)}})
        entry.outcome = outcome

    def drop(self, entry: Entry) -> None:
        """The centre has its outcome, or wants it no more."""
        with self._lock:
            self.entries.pop(entry.name, None)
        for suffix in ("journal", "wire", "result"):  # the journal first: it says that it is there
            (self._folder / f"{entry.name}.{suffix}").unlink(missing_ok=True)
        self._sync_folder(self._folder)

    def _read(self) -> Iterator[Entry]:
        known = set()
        for path in sorted(self._folder.glob("*.journal")):
            match = _NAME.fullmatch(path.name)
            entry = self._entry(path) if match else None
            if entry is not None:
                known.add(entry.name)
                yield entry
        for path in [*self._folder.glob("*.wire"), *self._folder.glob("*.result")]:
            if path.stem not in known:
                path.unlink()
        for path in self._folder.glob("**/*.new"):
            path.unlink()

    def _entry(self, path: Path) -> Entry | None:
        """What a journal says, up to a line that was not written whole."""
        entry: Entry | None = None
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):  # power went while this was written
            os.truncate(path, whole)
        for line in data[:whole].splitlines():
            try:
                row = json.loads(line)
                entry = self._followed(entry, row, path)
            except (ValueError, KeyError, TypeError, IndexError):
                raise SpoolError(f"{path} is damaged: {line[:80]!r}") from None
        return entry

    def _followed(self, entry: Entry | None, row: dict[str, Any], path: Path) -> Entry:
        if entry is None:
            return Entry(Assign(**row["assign"], blob=path.with_suffix(".wire").read_bytes()))
        ((kind, said),) = row.items()
        if kind == "run":
            entry.runs.append(Run(**said))
        elif kind == "key":
            entry.runs[said["n"]].key = said["key"]
        elif kind == "counts":
            run = entry.runs[said["n"]]
            run.counts, run.seconds = said["counts"], said["seconds"]
        else:
            stored = said.pop("blob")
            blob = path.with_suffix(".result").read_bytes() if stored else b""
            entry.outcome = Finished(**said, blob=blob)
        return entry

    # Calibration sheets.

    def take_sheet(self, identity: str, text: str) -> None:
        """Keep a sheet until the centre has it."""
        self._write(f"sheets/{identity.replace(':', '-')}.json", text.encode())

    def sheets(self) -> dict[str, bytes]:
        """Sheets that the centre does not have yet, the oldest first, by their ids."""
        found = [p for p in (self._folder / "sheets").iterdir() if _SHEET.fullmatch(p.name)]
        found.sort(key=lambda p: (p.stat().st_mtime_ns, p.name))
        return {path.stem.replace("-", ":", 1): path.read_bytes() for path in found}

    def drop_sheet(self, identity: str) -> None:
        """The centre has it."""
        name = f"{identity.replace(':', '-')}.json"
        if _SHEET.fullmatch(name):
            (self._folder / "sheets" / name).unlink(missing_ok=True)

    # Disk.

    def _write(self, name: str, data: bytes) -> None:
        """A whole file, there after a power cut or not at all."""
        path = self._folder / name
        fresh = path.with_name(path.name + ".new")
        with open(fresh, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        self._sync_folder(path.parent)

    def _add(self, entry: Entry, row: dict[str, Any]) -> None:
        path = self._folder / f"{entry.name}.journal"
        with open(path, "rb+") as file:
            size = file.seek(0, os.SEEK_END)
            try:
                file.write(_line(row))
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    os.truncate(path, size)  # so that what follows is not part of this line
                raise

    def _sync_folder(self, folder: Path) -> None:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def _plain(message: Assign | Finished) -> dict[str, Any]:
    """The message without its blob."""
    return {f.name: getattr(message, f.name) for f in fields(message) if f.name != "blob"}
