"""Routes about credits: balances, statements, grants, prices."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from markaz.interfaces.rest_api.fields import (
    MAX_AMOUNT,
    Amount,
    Answer,
    Body,
    Label,
    Micros,
    Query,
    Reason,
    described,
)
from markaz.interfaces.rest_api.routes import Route, Who

_RATE: Final = 10**12


class Allocation(Answer):
    """Credits for one project over dates; amounts in micro-credits."""

    allocation: str = described("Identifier.")
    project: str = described("Identifier of the project.")
    state: str = described("active, expired or revoked.")
    starts_at: int = described("When it begins.")
    ends_at: int = described("When it ends.")
    granted: int = described("What it was given.")
    reserved: int = described("Set aside for jobs that have not ended.")
    charged: int = described("What jobs cost, less refunds.")
    free: int = described("What is left for new jobs.")
    created_at: int = described("When it was made.")


class Notice(Answer):
    """A notice that an allocation is nearly used up."""

    allocation: str = described("Identifier of the allocation.")
    percent: int = described("80 or 100.")
    at: int = described("When it was reached.")


class Balance(Answer):
    """A project's credits; the sums are over the allocations in force."""

    project: str = described("Identifier of the project.")
    granted: int = described("What was given.")
    reserved: int = described("Set aside for jobs that have not ended.")
    charged: int = described("What jobs cost, less refunds.")
    free: int = described("What is left for new jobs.")
    allocations: list[Allocation] = described("All allocations.")
    notices: list[Notice] = described("Notices so far.")


class Entry(Answer):
    """A ledger entry."""

    entry: int = described("Number.")
    allocation: str = described("Identifier of the allocation.")
    kind: str = described("grant, reserve, charge, release, refund, transfer, expiry …")
    amount: int = described("What it adds to the free balance, micro-credits.")
    job: str | None = described("The job that it is for.")
    at: int = described("When.")
    actor: str = described("Identifier of who did it.")
    reason: str = described("Why.")


class Statement(Answer):
    """A part of the ledger, the newest first."""

    items: list[Entry] = described("Entries.")
    next: int | None = described("Pass it as `after` for older ones; null: no more.")


class Point(Answer):
    """Sums up to a time."""

    at: int = described("The time.")
    granted: int = described("Given until then.")
    charged: int = described("Charged until then.")
    free: int = described("Free then.")


class BurnDown(Answer):
    """How credits went."""

    project: str = described("Identifier of the project.")
    series: list[Point] = described("Sums at equal steps.")


class Transferred(Answer):
    """Both allocations after a transfer."""

    source: Allocation = Field(alias="from", description="Where the credits came from.")
    to: Allocation = described("Where they went.")


class Price(Answer):
    """A price, micro-credits."""

    per_second: int = described("For a second of run time.")
    per_shot: int = described("For a shot.")
    per_job: int = described("For a job.")


class DatedPrice(Price):
    """A price and when it begins."""

    starts_at: int = described("When it begins.")


class DevicePrice(DatedPrice):
    """A device's price."""

    device: str = described("Name of the device.")


class Prices(Answer):
    """A device's prices."""

    device: str = described("Name of the device.")
    now: Price = described("The price in force.")
    items: list[DatedPrice] = described("All prices, the newest first.")


class Estimate(Answer):
    """What a job would cost."""

    device: str = described("Name of the device.")
    rate: Price = described("The price in force.")
    seconds: float = described("Predicted run time; the time limit where none is predicted.")
    shots: int = described("Shots.")
    cost: int = described("Cost if the prediction is right, micro-credits.")
    reserve: int = described("Set aside at submission; the most that it can cost.")
    free: int | None = described("Free credits of the project.")
    enough: bool | None = described("Whether they are enough.")


class StatementQuery(Query):
    """Which part of the ledger."""

    limit: int = Field(50, ge=1, le=500, description="At most this many entries.")
    after: int | None = Field(None, ge=0, le=2**62, description="The `next` of the page before.")


class Period(Query):
    """A span of time."""

    since: Micros = described("Its beginning.")
    until: Micros = described("Its end.")
    points: int = Field(30, ge=1, le=366, description="Steps.")


class Grant(Body):
    """Credits to give."""

    amount: Amount = described("Micro-credits.")
    starts_at: Micros = described("From when they may be used.")
    ends_at: Micros = described("When they lapse.")
    reason: str = Field("", max_length=1000, description="Why.")


class Transfer(Body):
    """Credits to move."""

    to: Label = described("Identifier of the other allocation.")
    amount: Amount = described("Micro-credits.")
    reason: Reason = described("Why.")


class Adjustment(Body):
    """A correction."""

    amount: int = Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT, description="Micro-credits, of any sign.")
    reason: Reason = described("Why.")


class Revocation(Body):
    """A reason."""

    reason: Reason = described("Why.")


class Refund(Body):
    """Credits to give back for a job."""

    amount: Amount = described("Micro-credits.")
    reason: Reason = described("Why.")


class PriceToSet(Body):
    """A price."""

    per_second: int = Field(0, ge=0, le=_RATE, description="Micro-credits for a second.")
    per_shot: int = Field(0, ge=0, le=_RATE, description="Micro-credits for a shot.")
    per_job: int = Field(0, ge=0, le=_RATE, description="Micro-credits for a job.")
    starts_at: Micros | None = described("From when; null: from now on.", None)


class EstimateQuery(Query):
    """A job that is thought of."""

    seconds: float = Field(ge=0, le=1e7, description="Predicted run time.")
    shots: int = Field(ge=0, le=10**12, description="Shots.")
    limit_seconds: float | None = Field(None, gt=0, le=1e7, description="Its time limit.")
    project: Label | None = described("The project that would pay.", None)


_PROJECT: Final = "/v1/projects/{project}"
_ALLOCATION: Final = "/v1/allocations/{allocation}"
ROUTES: Final = (
    Route("GET", f"{_PROJECT}/credits", "ledger.balance", Who.ACCOUNT, "Credits of a project.",
          Balance),
    Route("GET", f"{_PROJECT}/credits/statement", "ledger.statement", Who.ACCOUNT,
          "Its ledger.", Statement, query=StatementQuery),
    Route("GET", f"{_PROJECT}/credits/burn-down", "ledger.burn_down", Who.ACCOUNT,
          "How its credits went.", BurnDown, query=Period),
    Route("POST", f"{_PROJECT}/credits/grants", "ledger.grant", Who.ALLOCATOR,
          "Give a project credits.", Allocation, 201, Grant),
    Route("POST", f"{_ALLOCATION}/transfers", "ledger.transfer", Who.ALLOCATOR,
          "Move credits to another allocation.", Transferred, 201, Transfer),
    Route("POST", f"{_ALLOCATION}/adjustments", "ledger.adjust", Who.ALLOCATOR,
          "Correct an allocation.", Allocation, 201, Adjustment),
    Route("POST", f"{_ALLOCATION}/revoke", "ledger.revoke", Who.ALLOCATOR,
          "End an allocation before its time.", Allocation, body=Revocation),
    Route("POST", "/v1/jobs/{job}/refunds", "ledger.refund", Who.ALLOCATOR,
          "Give a job's charge back.", Allocation, 201, Refund),
    Route("GET", "/v1/devices/{device}/rates", "ledger.rates", Who.PERSON, "A device's prices.",
          Prices),
    Route("POST", "/v1/devices/{device}/rates", "ledger.set_rate", Who.OPERATOR,
          "Set a device's price from a time on.", DevicePrice, 201, PriceToSet),
    Route("GET", "/v1/devices/{device}/estimate", "ledger.estimate", Who.PERSON,
          "What a job would cost.", Estimate, query=EstimateQuery),
)  # fmt: skip
