"""Adding to two neighbours in an array at once, which compiled code does not come to by itself."""

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

_PAIR = ir.VectorType(ir.DoubleType(), 2)


@intrinsic  # type: ignore[untyped-decorator]
def add_pair(_typing: Any, pairs: Any, at: Any, first: Any, second: Any) -> Any:
    """`pairs[at] += first, second`, in compiled code only: one load, one addition and one store.

    Args:
        pairs: contiguous, shape (n, 2); float64, as are `first` and `second`.
        at: from 0 to n - 1; nobody looks whether it is.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        into, row, *numbers = arguments
        start = context.make_array(signature.args[0])(context, builder, into).data
        row = context.cast(builder, row, signature.args[1], types.intp)
        place = builder.gep(builder.bitcast(start, _PAIR.as_pointer()), [row])
        more = ir.Constant(_PAIR, ir.Undefined)
        for lane, number in enumerate(numbers):
            more = builder.insert_element(more, number, ir.Constant(ir.IntType(32), lane))
        builder.store(builder.fadd(builder.load(place, align=8), more), place, align=8)
        return context.get_dummy_value()

    return types.void(pairs, at, first, second), emit
