"""Bounded cache (LRU): of the entries, those used last are kept."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """Least recently used cache; not for several threads.

    The `weigh`ts of its entries, 1 each unless given, add up to at most `capacity`; the newest one
    is kept, whatever it weighs.
    """

    def __init__(self, capacity: int, weigh: Callable[[V], int] | None = None) -> None:
        self.capacity = capacity
        self._weigh = weigh or _one
        self._entries: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The entry of a key, which counts as a use, or `None`."""
        if key in self._entries:
            self._entries.move_to_end(key)
        return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        """Add or replace an entry; those that were not used for longest may have to go."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        while len(self._entries) > 1 and self._weight() > self.capacity:
            self._entries.popitem(last=False)

    def _weight(self) -> int:
        return sum(map(self._weigh, self._entries.values()))

    def get_or_make(self, key: K, make: Callable[[], V]) -> V:
        """The entry of a key, made and added where there is none."""
        if key not in self._entries:
            self.put(key, make())
        self._entries.move_to_end(key)
        return self._entries[key]


def _one(_: object) -> int:
    """Weight of an entry where entries are counted."""
    return 1
