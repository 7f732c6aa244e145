"""What the compiled reader works on: where things lie in its two arrays.

Everything whole lies in one int64 array, called ``m``, everything real in one float64
array, called ``f``: compiled functions hand few arrays on cheaply and many dearly. Names
in capitals are places of ``m``; those that end in ``_AT`` hold where a part begins, those in
``_ROOM`` for how many rows it has room. Rows are known by their place.

The reader takes a statement wholly or not at all: the first ``SAVED`` places go back to
their value from before it.
"""

from __future__ import annotations

from typing import Final

# The state of reading: position, then how much of each part is used.
AT, ROWS, POOL, CONDITIONS, REFERENCES, SPENT, DEPTH, GATES, LINES, WIRES, LOGGED = range(11)
CODES, CONSTANTS = range(11, 13)
SAVED: Final = 13
STATUS, NAME_START, NAME_STOP, STAMP, DEFINED = range(13, 18)
COUNT, TIMES, INDEXED, BASE, SIZE, STEP = range(18, 24)  # operands just read
VERSION, MOST, DONE, POOL_DONE, EXPRS_DONE, QUBITS, NESTING, DEFINITIONS, FREE = range(24, 33)
FORMULA, HEIGHT, WAITING, WHOLE = range(33, 37)  # the formula that is being read
COPY: Final = 37  # the saved values
NAMES_AT, REGISTERS_AT, GATES_AT, LINES_AT, WIRES_AT, CODE_AT, SEEN_AT = range(50, 57)
OPERANDS_AT, ON_AT, FORMAL_AT, CONDITIONS_AT, REFERENCES_AT, LOG_AT, ROWS_AT, POOL_AT = range(
    57, 65
)
NAMES_ROOM, REGISTERS_ROOM, GATES_ROOM, LINES_ROOM, WIRES_ROOM = range(65, 70)
CONDITIONS_ROOM, REFERENCES_ROOM, LOG_ROOM, ROWS_ROOM, POOL_ROOM = range(70, 75)
NUMBERS_AT, CONSTANTS_AT, ANGLES_AT, PHASES_AT = range(75, 79)  # parts of ``f``
MODELS_AT: Final = 79
ELSE: Final = 80  # by depth: 1 in an else branch
DEEPEST: Final = 32
OPERATORS: Final = ELSE + DEEPEST + 2  # of a formula, that wait for their second operand
MOST_WAITING: Final = 16
STATES: Final = OPERATORS + MOST_WAITING
CODE_ROOM: Final = 1024  # steps of all formulas, and constants in them

# STATUS: at the end; at a statement for the parser; no room; a gate of unknown name.
FINISHED, STOPPED, FULL, UNKNOWN = 0, 1, 2, 3

# A table of names: the name or its hash, where it stands, its characters (0: free), and
# the place of a gate or register, or one of the words below.
KEY, START, LENGTH, VALUE = 0, 1, 2, 3
NAME_COLUMNS: Final = 4
OTHER, MEASURE, RESET, BARRIER, IF, GATE = -1, -2, -3, -4, -5, -6
PENDING: Final = -7  # a gate that has to be looked up first

# A register: 0 for qubits and 1 for bits, the first one, how many, 1 for a single one.
SORT, FIRST, SPAN, SINGLE = 0, 1, 2, 3
REGISTER_COLUMNS: Final = 4

# A gate. KIND: one operation, the lines of a body, X or phase under any number of controls.
# OWN: whether the program defines it. COST: work to expand it, due once unless PAID.
# MODEL: from MODELS_AT on, where the first body stands that a program may define it by.
KIND, OP, PARAMS, WIDTH, FROM, TO, WEIGHT, LEVEL, COST, PAID, OWN, PHASE, MODEL = range(13)
GATE_COLUMNS: Final = 13
PLAIN, BODY, MANY_X, MANY_PHASE = 0, 1, 2, 3
# A model: the next one for this name, the gate that it is, calls; then for each call the
# gate, wires, and for each parameter own one (or -1), constant, characters.
MODEL_NEXT, MODEL_GATE, MODEL_CALLS = 0, 1, 2
MODEL_COLUMNS: Final = 3
# A line: operation, first wire, wires, then what each of four parameters is: FIXED (its
# value lies in ``f``), a parameter of the gate, or below that the formula -2 - value.
LINE_OP, LINE_WIRE, LINE_COUNT, LINE_PARAM = 0, 1, 2, 3
LINE_COLUMNS: Final = 7
FIXED: Final = -1
# Steps of a formula: a constant or parameter, whose number follows, or an operation.
CONSTANT, PARAMETER, ADD, SUBTRACT, MULTIPLY, DIVIDE, NEGATE = range(7)

# An operation: code, three qubits, auxiliary number; its four angles lie in ``f``.
ROW_COLUMNS: Final = 5
# An operand: first qubit or bit, step. An argument of a definition: start, end, key.
OPERAND_COLUMNS: Final = 2
FORMAL_COLUMNS: Final = 3
# A condition: comparison (0 none, 1 ==, 2 !=), negated, joined by, first of the
# references, how many, the number compared with. A reference: first bit, how many.
CONDITION_COLUMNS: Final = 6

MOST_OPERANDS: Final = 256
MOST_PARAMS: Final = 16
# Places of ``f``: the phase so far, the parameters of the call, the stack of a formula.
TOTAL_PHASE: Final = 0
CALLED: Final = 1
STACK: Final = CALLED + MOST_PARAMS
STACK_ROOM: Final = 8
REALS: Final = STACK + STACK_ROOM
