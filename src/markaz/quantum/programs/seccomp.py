"""The system calls that a parsing child may make, as a classic BPF program.

An allow list: memory, signals to itself, clocks, locks, reading and writing descriptors it
already has, and leaving. Everything else (files, sockets, processes, tracing, …) returns
EPERM, and so does memory that is to be executable. Numbers are from the kernel's tables
(``arch/x86/entry/syscalls/syscall_64.tbl``, ``include/uapi/asm-generic/unistd.h``); the
program's form is described in ``Documentation/userspace-api/seccomp_filter.rst``.
"""

from __future__ import annotations

import ctypes
import errno
import struct
import sys
from dataclasses import dataclass
from typing import Final

_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2
_RETURN_ALLOW: Final = 0x7FFF0000
_RETURN_EPERM: Final = 0x00050000 | errno.EPERM
_PROT_EXEC: Final = 4

# struct seccomp_data: int nr; u32 arch; u64 instruction_pointer; u64 args[6]
_NR, _ARCH, _ARG0, _ARG2 = 0, 4, 16, 32
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06


@dataclass(frozen=True, slots=True)
class _Abi:
    """Numbers of one architecture; ``mapping`` may make memory executable, ``tgkill``
    signals a thread."""

    audit: int
    allowed: tuple[int, ...]
    mapping: tuple[int, ...]
    tgkill: int


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in text.split())


_ABIS: Final = {
    "x86_64": _Abi(
        0xC000003E,
        # read write close fstat lseek munmap brk rt_sigaction rt_sigprocmask rt_sigreturn
        # writev sched_yield mremap madvise nanosleep getpid exit gettimeofday sigaltstack
        # gettid futex sched_getaffinity restart_syscall clock_gettime clock_getres
        # clock_nanosleep exit_group set_robust_list getrandom rseq
        _numbers(
            "0 1 3 5 8 11 12 13 14 15 20 24 25 28 35 39 60 96 131"
            " 186 202 204 219 228 229 230 231 273 318 334"
        ),
        (9, 10),  # mmap mprotect
        234,
    ),
    "aarch64": _Abi(
        0xC00000B7,
        # the same calls in the same order
        _numbers(
            "63 64 57 80 62 215 214 134 135 139 66 124 216 233 101 172 93 169 132"
            " 178 98 123 128 113 114 115 94 99 278 293"
        ),
        (222, 226),
        131,
    ),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _machine() -> str:
    """The machine's architecture; ``platform`` would start a process to find out."""
    import os  # noqa: PLC0415 - os.uname exists on POSIX only, where this is called

    return os.uname().machine


def supported() -> bool:
    """Whether the filter is known for this machine."""
    return sys.platform == "linux" and _machine() in _ABIS


def program(machine: str, pid: int) -> bytes:
    """The filter for a single-threaded process ``pid`` on ``machine`` (x86_64, aarch64)."""
    abi = _ABIS[machine]
    code = [
        _instruction(_LOAD, _ARCH),
        _instruction(_EQUAL, abi.audit, 1, 0),
        _instruction(_RETURN, _RETURN_EPERM),
        _instruction(_LOAD, _NR),
    ]
    for number in abi.allowed:
        code += [_instruction(_EQUAL, number, 0, 1), _instruction(_RETURN, _RETURN_ALLOW)]
    for number in abi.mapping:
        code += [
            _instruction(_EQUAL, number, 0, 4),
            _instruction(_LOAD, _ARG2),
            _instruction(_ANY_BIT, _PROT_EXEC, 0, 1),
            _instruction(_RETURN, _RETURN_EPERM),
            _instruction(_RETURN, _RETURN_ALLOW),
        ]
    code += [  # abort() signals the own thread; other processes stay out of reach
        _instruction(_EQUAL, abi.tgkill, 0, 3),
        _instruction(_LOAD, _ARG0),
        _instruction(_EQUAL, pid, 0, 1),
        _instruction(_RETURN, _RETURN_ALLOW),
        _instruction(_RETURN, _RETURN_EPERM),
    ]
    return b"".join(code)


def _instruction(code: int, k: int, yes: int = 0, no: int = 0) -> bytes:
    """struct sock_filter: u16 code; u8 jt; u8 jf; u32 k."""
    return struct.pack("=HBBI", code, yes, no, k)


def install(libc: ctypes.CDLL, pid: int) -> bool:
    """Confine the calling thread for good; False where the kernel has no such filter.

    ``PR_SET_NO_NEW_PRIVS`` must be set before.
    """
    if not supported():
        return False
    code = program(_machine(), pid)
    spec = _Program(len(code) // 8, code)
    done: int = libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(spec), 0, 0)
    return done == 0
