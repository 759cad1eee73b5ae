"""Values as hypothesis makes them: every kind, every array type, any nesting."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from protocol.wire.values import ARRAY_TYPES, INT_MAX, INT_MIN, Expression, Reference, Text

texts = st.text(max_size=12)
names = st.text(min_size=1, max_size=12)
shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)

arrays = st.sampled_from(sorted(ARRAY_TYPES)).flatmap(
    lambda dtype: hnp.arrays(np.dtype(dtype), shapes)
)
ids = hnp.arrays(np.int64, hnp.array_shapes(min_dims=1, max_dims=1, min_side=0, max_side=5))

atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(INT_MIN, INT_MAX),
    st.floats(),
    st.complex_numbers(),
    texts,
    st.binary(max_size=12),
)
references = st.builds(Reference, names, st.integers(0, 2**40), names, st.one_of(st.none(), ids))
text_values = st.builds(Text, st.lists(texts, max_size=3).map(tuple))


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=4)
    dicts = st.dictionaries(texts, inner, max_size=4)
    return st.one_of(lists, dicts, st.builds(Expression, names, lists, dicts))


#: What a kernel may answer.
values = st.recursive(st.one_of(atoms, arrays, references), _containers, max_leaves=6)
#: What a message may carry: also text that is not yet typed.
sent_values = st.recursive(
    st.one_of(atoms, arrays, references, text_values), _containers, max_leaves=6
)
#: What PyNEST's callers send and get: also tuples.
exact_values = st.recursive(
    st.one_of(atoms, arrays, references),
    lambda inner: st.one_of(_containers(inner), st.lists(inner, max_size=4).map(tuple)),
    max_leaves=6,
)


def same(one: Any, other: Any) -> bool:
    """Equality that knows arrays, NaN and the difference between 1, 1.0 and True."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return (
            one.dtype == other.dtype
            and one.shape == other.shape
            and one.tobytes() == other.tobytes()
        )
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, Expression):
        return same([one.call, one.args, one.kwargs], [other.call, other.args, other.kwargs])
    if isinstance(one, Reference):
        return one == other and same(one.ids, other.ids)
    if isinstance(one, (float, complex)):
        return repr(one) == repr(other)
    return bool(one == other)
