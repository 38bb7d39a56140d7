"""Steps of messages over one row of edges, with all sums in vectors of the processor.

Written as instructions for LLVM, in which vectors are a type: from loops over arrays that might
overlap, the compiler makes code that takes three times as long. Any processor that numba knows will
do.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES, VECTORS = 8, 8
# Samples in a row of a message: as many sums as fit into the registers.
BLOCK = LANES * VECTORS
_FLOAT, _INT, _LONG = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_FAST = ("fast",)


class _Emitter:
    """Writes the instructions of one step."""

    def __init__(self, context, builder, signature, arguments):
        self.builder = builder
        self._context = context
        self._kinds = signature.args
        self._arguments = arguments

    def data(self, number):
        """Return the address of what an array, the argument of that number, holds."""
        kind = self._kinds[number]
        array = self._context.make_array(kind)(self._context, self.builder, self._arguments[number])
        return array.data

    def integer(self, number):
        """Return an argument as an integer of 64 bits."""
        return self._context.cast(
            self.builder, self._arguments[number], self._kinds[number], types.int64
        )

    def row(self, base, number):
        """Return the addresses of the vectors of a row of a message."""
        first = self.builder.mul(number, _LONG(BLOCK))
        places = (self.builder.add(first, _LONG(LANES * at)) for at in range(VECTORS))
        return [
            self.builder.bitcast(self.builder.gep(base, [place]), _VECTOR.as_pointer())
            for place in places
        ]

    def load(self, address):
        """Return the vector at an address, which need not be a multiple of its size."""
        return self.builder.load(address, align=4)

    def store(self, vector, address):
        """Store a vector."""
        self.builder.store(vector, address, align=4)

    def spread(self, number):
        """Return a vector whose parts are all one number."""
        one = self.builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, _INT(0))
        zeros = ir.Constant(ir.VectorType(_INT, LANES), [0] * LANES)
        return self.builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), zeros)

    def multiply_add(self, first, second, sums):
        """Return first * second + sums."""
        return self.builder.fadd(self.builder.fmul(first, second, flags=_FAST), sums, flags=_FAST)

    def total(self, vector):
        """Return the sum of the parts of a vector."""
        while vector.type.count > 1:
            half = vector.type.count // 2
            undefined = ir.Constant(vector.type, ir.Undefined)
            low, high = (
                self.builder.shuffle_vector(
                    vector,
                    undefined,
                    ir.Constant(ir.VectorType(_INT, half), list(range(at, at + half))),
                )
                for at in (0, half)
            )
            vector = self.builder.fadd(low, high, flags=_FAST)
        return self.builder.extract_element(vector, _INT(0))


@intrinsic
def combine(typingctx, out, row, messages, targets, transitions, begin, end):  # noqa: ARG001
    """Set a row of out to the sum over edges of transition times the target's message.

    Args:
        typingctx: Of numba.
        out: float32 [rows, BLOCK].
        row: Which of them.
        messages: float32 [states, BLOCK].
        targets: int32 [edges], rows of the messages.
        transitions: float32 [edges].
        begin: The first edge.
        end: Where they end.
    """
    signature = types.void(out, row, messages, targets, transitions, begin, end)

    def codegen(context, builder, signature, arguments):
        emit = _Emitter(context, builder, signature, arguments)
        below, ways, shares = emit.data(2), emit.data(3), emit.data(4)
        sums = [cgutils.alloca_once(builder, _VECTOR) for _ in range(VECTORS)]
        for place in sums:
            builder.store(ir.Constant(_VECTOR, [0.0] * LANES), place)
        span = builder.sub(emit.integer(6), emit.integer(5))
        with cgutils.for_range(builder, span) as loop:
            edge = builder.add(emit.integer(5), loop.index)
            target = builder.sext(builder.load(builder.gep(ways, [edge])), _LONG)
            share = emit.spread(builder.load(builder.gep(shares, [edge])))
            for place, address in zip(sums, emit.row(below, target), strict=True):
                builder.store(
                    emit.multiply_add(share, emit.load(address), builder.load(place)), place
                )
        for place, address in zip(sums, emit.row(emit.data(0), emit.integer(1)), strict=True):
            emit.store(builder.load(place), address)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def spread_back(
    typingctx,  # noqa: ARG001
    ratios,
    row,
    messages,
    sums,
    targets,
    transitions,
    begin,
    end,
    flows,
):
    """Add a row of ratios to its edges: to the sums of their targets, and to their flows.

    Args:
        typingctx: Of numba.
        ratios: float32 [rows, BLOCK].
        row: Which of them.
        messages: float32 [states, BLOCK].
        sums: float32 [states, BLOCK]; transition times ratio is added.
        targets: int32 [edges], rows of messages and sums.
        transitions: float32 [edges].
        begin: The first edge.
        end: Where they end.
        flows: float32 [edges]; transition times ratio times message is added.
    """
    signature = types.void(ratios, row, messages, sums, targets, transitions, begin, end, flows)

    def codegen(context, builder, signature, arguments):
        emit = _Emitter(context, builder, signature, arguments)
        below, above = emit.data(2), emit.data(3)
        ways, shares, counts = emit.data(4), emit.data(5), emit.data(8)
        parts = [emit.load(address) for address in emit.row(emit.data(0), emit.integer(1))]
        span = builder.sub(emit.integer(7), emit.integer(6))
        with cgutils.for_range(builder, span) as loop:
            edge = builder.add(emit.integer(6), loop.index)
            target = builder.sext(builder.load(builder.gep(ways, [edge])), _LONG)
            number = builder.load(builder.gep(shares, [edge]))
            share = emit.spread(number)
            halves = [ir.Constant(_VECTOR, [0.0] * LANES)] * 2
            places = zip(parts, emit.row(below, target), emit.row(above, target), strict=True)
            for at, (part, message, total) in enumerate(places):
                halves[at % 2] = emit.multiply_add(part, emit.load(message), halves[at % 2])
                emit.store(emit.multiply_add(share, part, emit.load(total)), total)
            flow = emit.total(builder.fadd(*halves, flags=_FAST))
            count = builder.gep(counts, [edge])
            builder.store(builder.fadd(builder.load(count), builder.fmul(number, flow)), count)
        return context.get_dummy_value()

    return signature, codegen
