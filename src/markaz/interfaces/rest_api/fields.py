"""Types of fields that many requests share, and the bases of all request and answer models.

They bound types and sizes; what a text may hold is checked by the verb, for every front
door alike.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

MAX_AMOUNT: Final = 10**15  # micro-credits: a milliard credits
LATEST: Final = 2**53  # microseconds: the year 2255, and exact in JSON

Name = Annotated[str, Field(min_length=1, max_length=200)]
Label = Annotated[str, Field(min_length=1, max_length=100)]
Text = Annotated[str, Field(max_length=10_000)]
Reason = Annotated[str, Field(min_length=1, max_length=500)]
Email = Annotated[str, Field(min_length=3, max_length=254)]
Login = Annotated[str, Field(min_length=1, max_length=64)]
Password = Annotated[str, Field(min_length=1, max_length=1024)]
Secret = Annotated[str, Field(min_length=1, max_length=200)]
Micros = Annotated[int, Field(ge=0, le=LATEST)]
Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
Shares = Annotated[int, Field(ge=0, le=1_000_000)]
Cursor = Annotated[str, Field(min_length=1, max_length=100)]


class Body(BaseModel):
    """A request's body: unknown fields are refused, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Query(Body):
    """Parameters of an address."""


class Listing(Query):
    """Parameters of every list."""

    limit: int = Field(50, ge=1, le=500, description="At most this many items.")
    after: Cursor | None = Field(None, description="The `next` of the page before.")


class Answer(BaseModel):
    """An answer's document."""

    model_config = ConfigDict(extra="forbid")


Item = TypeVar("Item")


class Page(Answer, Generic[Item]):
    """A part of a list."""

    items: list[Item] = Field(description="The items, in the list's order.")
    next: str | None = Field(description="Pass it as `after` to get what follows; null: no more.")


def described(text: str, default: Any = ...) -> Any:
    """A field of a model with its meaning."""
    return Field(default, description=text)
