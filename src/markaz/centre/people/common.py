"""Passwords that are guessed first: a few words of our own and the ways people vary them.

A list of thousands has mostly such variations in it. What is refused: one of the words, or
two, with any digits and signs around them and letters written as digits; runs on a keyboard
or in the alphabet; a short piece again and again; short numbers.
"""

from __future__ import annotations

import re
from typing import Final

_LISTED: Final = """
password passwort passwd pass passcode secret geheim login logon welcome willkommen hello
hallo admin administrator root user guest test testing tester demo sample example default
change changeme letmein access enter open sesame master boss system server windows linux
ubuntu debian python java google facebook apple samsung nokia iphone android internet
computer laptop keyboard network wifi router qwerty qwertz azerty asdf zxcv love lover
iloveyou loveyou loveme baby angel princess prince queen king lovely sweet sweetheart
honey sunshine sunny flower rose jasmine butterfly rainbow star superstar moon heaven
god allah jesus bismillah muhammad mohammad ahmed ali hassan hussain fatima ayesha
pakistan islamabad karachi lahore punjab sindh khan malik india china america england
dragon monkey tiger lion shadow eagle falcon panther wolf bear horse dog cat kitty puppy
football cricket hockey soccer baseball basketball liverpool arsenal chelsea barcelona
madrid manchester united juventus yankees cowboys michael jordan jennifer jessica daniel
thomas robert charlie george andrew joshua matthew anthony william david maria anna
nicole ashley amanda michelle superman batman spiderman pokemon naruto starwars matrix
hunter killer ninja samurai warrior soldier ranger harley ferrari mercedes porsche
mustang corvette yamaha honda toyota whatever nothing freedom trustno nobody someone
money dollar bitcoin gold silver diamond platinum summer winter spring autumn monday
friday sunday january february march april june july august september october november
december blue black white green orange purple yellow pink cheese cookie chocolate coffee
banana pepper ginger peanut happy lucky smile crazy cool awesome amazing magic power
energy forever always family mother father mummy daddy brother sister friend friends
school student teacher college university science physics quantum qubit photon markaz
centre center doctor engineer research researcher operator director project account
private public please thankyou goodluck passme mypassword newpassword temporary temp
"""
WORDS: Final = frozenset(_LISTED.split())
_WALKS: Final = tuple(
    walk
    for line in (
        "abcdefghijklmnopqrstuvwxyz",
        "01234567890",
        "qwertyuiop",
        "qwertzuiop",
        "azertyuiop",
        "asdfghjkl",
        "zxcvbnm",
        "yxcvbnm",
        "1q2w3e4r5t6y7u8i9o0p",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
        "qazwsxedcrfvtgbyhnujmikolp",
        "q1w2e3r4t5y6u7i8o9p0",
        "147258369",
        "!@#$%^&*()",
    )
    for walk in (line, line[::-1])
)
_LOOKALIKES: Final = str.maketrans("0134578@$!|+", "oieastbasiit")
_DISTINCT_LEAST: Final = 5
_NUMBER_LEAST: Final = 16
_PIECES_MOST: Final = 4


def is_common(password: str) -> bool:
    """Whether ``password`` is a word, a run, a repetition or a number that is guessed first."""
    text = password.casefold()
    return (
        len(set(text)) < _DISTINCT_LEAST
        or (text.isdecimal() and len(text) < _NUMBER_LEAST)
        or re.fullmatch(r"(.{1,5})\1+.{0,2}", text, re.S) is not None
        or _is_walk(text)
        or any(_is_word(form) for form in _forms(text))
    )


def _forms(text: str) -> set[str]:
    """``text`` without what stands around a word, read with and without digits as letters."""
    bare = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)
    read = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text.translate(_LOOKALIKES))
    inner = bare.translate(_LOOKALIKES)
    return {re.sub(r"[\W_]", "", form) for form in (bare, read, inner)}


def _is_word(text: str) -> bool:
    """Whether ``text`` is one of the words or two of them joined."""
    halves = range(3, len(text) - 2)
    return text in WORDS or any(text[:i] in WORDS and text[i:] in WORDS for i in halves)


def _is_walk(text: str) -> bool:
    """Whether ``text`` falls into a few runs of three or more neighbours."""
    pieces, at = 0, 0
    while at < len(text):
        length = _run(text, at)
        if length < 3 or pieces == _PIECES_MOST:
            return False
        pieces, at = pieces + 1, at + length
    return True


def _run(text: str, at: int) -> int:
    """The length of the longest run that starts ``at``."""
    length = 0
    while at + length < len(text) and any(text[at : at + length + 1] in walk for walk in _WALKS):
        length += 1
    return length
