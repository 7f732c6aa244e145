"""As much of S3 as the store uses, over HTTP on loopback, in memory."""

from __future__ import annotations

import base64
import hashlib
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 2  # keys in one answer, so that listing takes several


class S3Server(ThreadingHTTPServer):
    """Buckets appear when something is put. ``failing``: a status to answer everything with."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, bytes] = {}
        self.failing = 0
        self.requests: list[tuple[str, str]] = []
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: S3Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _error(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code></Error>".encode())

    def _key(self) -> str:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        self.server.requests.append((self.command, path))
        return path

    def _refused(self) -> bool:
        if "AWS4-HMAC-SHA256 Credential=the-key/" not in self.headers.get("Authorization", ""):
            self._error(403, "AccessDenied")
            return True
        if self.server.failing:
            self._error(self.server.failing, "SlowDown")
            return True
        return False

    def do_PUT(self) -> None:
        key, body = self._key(), self._body()
        if self._refused():
            return
        wanted = self.headers.get("x-amz-checksum-sha256")
        if wanted != base64.b64encode(hashlib.sha256(body).digest()).decode():
            self._error(400, "BadDigest")
            return
        self.server.objects[key] = body
        self._answer(200, ETag='"x"')

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return body
        data = b""
        while body:
            head, _, body = body.partition(b"\r\n")
            size = int(head.partition(b";")[0], 16)
            data, body = data + body[:size], body[size + 2 :]
            if size == 0:
                break
        return data

    def do_GET(self) -> None:
        key = self._key()
        if self._refused():
            return
        query = parse_qs(urlsplit(self.path).query)
        if "list-type" in query:
            self._list(key.strip("/"), query)
        elif key in self.server.objects:
            self._answer(200, self.server.objects[key], ETag='"x"')
        else:
            self._error(404, "NoSuchKey")

    def do_DELETE(self) -> None:
        key = self._key()
        if not self._refused():
            self.server.objects.pop(key, None)
            self._answer(204)

    def _list(self, bucket: str, query: dict[str, list[str]]) -> None:
        prefix = query.get("prefix", [""])[0]
        after = query.get("continuation-token", [""])[0]
        names = sorted(k.removeprefix(f"{bucket}/") for k in self.server.objects)
        names = [n for n in names if n.startswith(prefix) and n > after]
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        items = "".join(
            f"<Contents><Key>{escape(n)}</Key><LastModified>{at}</LastModified></Contents>"
            for n in names[:PAGE]
        )
        more = len(names) > PAGE
        token = f"<NextContinuationToken>{names[PAGE - 1]}</NextContinuationToken>" if more else ""
        body = (
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{items}"
            "</ListBucketResult>"
        )
        self._answer(200, body.encode(), Content_Type="application/xml")
