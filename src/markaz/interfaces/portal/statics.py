"""Style sheet, modules and faces, under an address that changes with their contents."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from markaz.interfaces.portal.guard import HEADERS

FOLDER: Final = Path(__file__).parent / "static"
MEDIA: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_COMPRESSED: Final = frozenset({".css", ".js", ".svg", ".webmanifest"})
KEPT: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class File:
    """A file's bytes, as they are and compressed."""

    data: bytes
    packed: bytes | None
    media: str


class Statics:
    """All files, read once. One address for the whole set, since modules import each other."""

    def __init__(self, folder: Path = FOLDER) -> None:
        paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in MEDIA)
        self.files = {p.relative_to(folder).as_posix(): _read(p) for p in paths}
        digest = hashlib.sha256()
        for name, file in self.files.items():
            digest.update(hashlib.sha256(file.data).digest() + name.encode())
        self.version = digest.hexdigest()[:12]

    def address(self, name: str) -> str:
        """Where a browser finds ``name``. Raises KeyError if there is none."""
        assert name in self.files, name
        return f"/static/{self.version}/{name}"

    async def serve(self, request: Request) -> Response:
        """One file; an address of an earlier version gets today's, not to be kept."""
        file = self.files.get(request.path_params["name"])
        if file is None:
            return Response("", 404, HEADERS)
        current = request.path_params["version"] == self.version
        headers = HEADERS | {"Cache-Control": KEPT if current else "no-cache"}
        headers["Vary"] = "Accept-Encoding"
        data = file.data
        if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            data, headers["Content-Encoding"] = file.packed, "gzip"
        return Response(data, 200, headers, file.media)


def _read(path: Path) -> File:
    data = path.read_bytes()
    packed = gzip.compress(data, 9, mtime=0) if path.suffix in _COMPRESSED else None
    return File(data, packed, MEDIA[path.suffix])
