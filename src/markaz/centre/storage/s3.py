"""Contents in an S3-compatible store, through boto3 (extra ``markaz[s3]``)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Self, TypeVar

from markaz.centre.errors import CentreError
from markaz.centre.settings import Settings

T = TypeVar("T")
CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 60
TRIES: Final = 3
_GONE: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_DIGEST: Final = re.compile(r"[0-9a-f]{64}\Z")


class S3Store:
    """Objects named ``prefix/ab/cd/<SHA-256>`` in one bucket; ``put`` sends a checksum along.

    The service promises what durability it has once it has answered. Any failure is an
    OSError, which the centre reports as "not available now".
    """

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client, self._bucket = client, bucket
        self._prefix = f"{prefix}/" if prefix else ""

    @classmethod
    def open(cls, settings: Settings, *, bucket: str, prefix: str) -> Self:
        """Open with the settings ``s3_*``; without keys boto3 looks where it always does.

        Raises CentreError ``invalid`` if boto3 is not installed.
        """
        try:
            import boto3  # noqa: PLC0415 - optional, and slow to import
            from botocore.config import Config  # noqa: PLC0415 - as above
        except ImportError:
            message = "store_url names an S3 store: install markaz[s3]"
            raise CentreError("invalid", message, field="store_url") from None
        options = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"max_attempts": TRIES, "mode": "standard"},
        )
        client = boto3.client(
            "s3",
            endpoint_url=settings["s3_endpoint"] or None,
            aws_access_key_id=settings["s3_access_key"] or None,
            aws_secret_access_key=settings["s3_secret_key"] or None,
            region_name=settings["s3_region"] or None,
            config=options,
        )
        return cls(client, bucket, prefix)

    def put(self, digest: str, data: bytes) -> None:
        """Keep ``data``; the service refuses it if it arrives damaged."""
        checksum = _base64_of(digest)
        self._call(
            lambda: self._client.put_object(
                Bucket=self._bucket, Key=self._key(digest), Body=data, ChecksumSHA256=checksum
            )
        )

    def get(self, digest: str) -> bytes:
        """The contents. Raises KeyError if they are not there."""

        def fetch() -> bytes:
            found = self._client.get_object(Bucket=self._bucket, Key=self._key(digest))
            data: bytes = found["Body"].read()
            return data

        return self._call(fetch)

    def delete(self, digest: str) -> None:
        """Forget them; S3 answers alike when they are not there."""
        self._call(lambda: self._client.delete_object(Bucket=self._bucket, Key=self._key(digest)))

    def list(self) -> Iterator[tuple[str, float]]:
        """Every stored hash with the time it was written (seconds since 1970)."""
        page: dict[str, Any] = {"IsTruncated": True}
        while page.get("IsTruncated"):
            page = self._page_after(page.get("NextContinuationToken"))
            for item in page.get("Contents", ()):
                if found := _DIGEST.search(item["Key"]):
                    yield found[0], item["LastModified"].timestamp()

    def _page_after(self, token: str | None) -> dict[str, Any]:
        more = {"ContinuationToken": token} if token else {}
        place = {"Bucket": self._bucket, "Prefix": self._prefix}
        return self._call(lambda: self._client.list_objects_v2(**place, **more))

    def _key(self, digest: str) -> str:
        return f"{self._prefix}{digest[:2]}/{digest[2:4]}/{digest}"

    def _call(self, action: Callable[[], T]) -> T:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - optional

        try:
            return action()
        except ClientError as error:
            if error.response["Error"].get("Code") in _GONE:
                raise KeyError("not in the store") from None
            raise OSError(f"the object store refused: {error}") from error
        except BotoCoreError as error:
            raise OSError(f"the object store does not answer: {error}") from error


def _base64_of(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()
