"""Samplexes: programs for random numbers that twirl a circuit, drawn from when a body is opened.

Only what was drawn goes on, as arrays: whoever runs the job needs neither the library nor
the stranger's samplex.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs import qpy_scan
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.limits import DEFAULT
from markaz.quantum.runtime import tensors
from markaz.quantum.runtime.body import (
    Inflater,
    mapping,
    parse,
    sequence,
    too_large,
    tree,
    whole,
)

VERSIONS: Final = (1, 4)  # of the samplex format
MAX_DRAWN: Final = 16_000_000  # numbers that one item draws
MAX_NODES: Final = 200_000
Arrays = dict[str, NDArray[Any]]


def prepare() -> None:
    """Import the library, and let it draw without threads, which a confined child has not."""
    import samplomatic.serialization  # noqa: F401 - what reading takes
    from samplomatic.samplex import samplex

    samplex.ThreadPoolExecutor = _Here


class _Here(Executor):
    """Runs what is submitted at once, in the calling thread."""

    def __init__(self, max_workers: int | None = None) -> None:
        del max_workers

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def drawn(
    item: Mapping[str, Any],
    shape: Sequence[int],
    inflater: Inflater,
    rng: np.random.Generator,
    *,
    compressed: bool,
) -> Arrays:
    """What the samplex of an item draws: arrays by name, each of ``shape`` and the size of
    one draw; ``parameter_values`` is for the circuit. Raises ProgramError."""
    prepare()
    samplex = _read(mapping(item.get("samplex"), "samplex"))
    try:
        arguments = samplex.inputs().make_broadcastable()
        given = mapping(item.get("samplex_arguments"), "samplex_arguments")
        for name, value in given.items():
            arguments[name] = _argument(value, inflater, compressed)
        _check_size(samplex, shape)
        return _broadcast(samplex.finalize(), arguments, tuple(shape), rng)
    except (ProgramError, MemoryError):
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ProgramError("parse", f"the samplex cannot be drawn from: {reason}") from None


def _read(given: Mapping[str, Any]) -> Any:
    """A samplex, written anew from what was checked, so that the library reads just that."""
    from samplomatic.serialization import samplex_from_json

    version = whole(given.get("ssv"), "ssv", *VERSIONS)
    text = given.get("samplex_json")
    if not isinstance(text, str):
        parse("samplex_json must be text")
    document = tree(text.encode("utf-8", "surrogatepass"))
    attributes = mapping(document.get("attrs"), "attrs of the samplex")
    if attributes.get("ssv") != str(version):
        parse("the samplex is of another version than its item says")
    for part in ("nodes", "links"):
        sequence(document.get(part, []), f"{part} of the samplex", MAX_NODES)
    _check_table(attributes)
    try:
        return samplex_from_json(json.dumps(document))
    except MemoryError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ProgramError("parse", f"the samplex cannot be read: {reason}") from None


def _check_table(attributes: Mapping[str, Any]) -> None:
    """The parameters of a samplex come in a QPY file of their own."""
    text = attributes.get("param_table")
    if not isinstance(text, str):
        parse("param_table must be text")
    table = tree(text.encode("utf-8", "surrogatepass"))
    qpy_scan.scan(Inflater().plain(table.get("circuit_base64")), DEFAULT)


def _argument(value: Any, inflater: Inflater, compressed: bool) -> Any:
    if isinstance(value, bool | int):
        return value
    given = mapping(value, "an argument of a samplex")
    if "sparse_terms" not in given:
        return tensors.tensor(given, inflater, compressed=compressed)
    from qiskit.quantum_info import PauliLindbladMap

    qubits = whole(given.get("num_qubits"), "num_qubits", 0, DEFAULT.qubits)
    terms = sequence(given["sparse_terms"], "sparse_terms", MAX_NODES)
    return PauliLindbladMap.from_sparse_list([tuple(t) for t in terms], qubits)


def _check_size(samplex: Any, shape: Sequence[int]) -> None:
    """Refuse what would draw too many numbers, before any is drawn."""
    count = math.prod(shape)
    for spec in samplex.outputs().specs:
        inner = [n for n in getattr(spec, "shape", ()) if isinstance(n, int)]
        if count * math.prod(inner) > MAX_DRAWN:
            too_large(f"an item would draw more than {MAX_DRAWN} numbers")


def _broadcast(
    samplex: Any, arguments: Any, shape: tuple[int, ...], rng: np.random.Generator
) -> Arrays:
    """Draws for each set of arguments: an axis along which they are one is an axis of
    randomizations."""
    given = tuple(arguments.shape)
    padded = (1,) * (len(shape) - len(given)) + given
    if len(padded) != len(shape) or any(
        p not in (1, n) for p, n in zip(padded, shape, strict=True)
    ):
        parse(f"arguments of shape {given} do not go into an item of shape {shape}")
    varied = [axis for axis, size in enumerate(padded) if size > 1]
    drawn_axes = [axis for axis in range(len(shape)) if axis not in varied]
    lengths = [shape[axis] for axis in drawn_axes]
    found: Arrays = {}
    for index in np.ndindex(*[shape[axis] for axis in varied]):
        at = dict(zip(varied, index, strict=True))
        offset = len(shape) - len(given)
        chosen = tuple(at.get(axis + offset, 0) for axis in range(len(given)))
        draw = samplex.sample(arguments[chosen], num_randomizations=math.prod(lengths), rng=rng)
        place = tuple(at.get(axis, slice(None)) for axis in range(len(shape)))
        for name, values in dict(draw).items():
            if name not in found:
                found[name] = np.empty((*shape, *values.shape[1:]), values.dtype)
            found[name][place] = values.reshape(*lengths, *values.shape[1:])
    return found
