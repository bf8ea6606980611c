"""Pickles of torch.save, interpreted instead of executed: tensors become descriptions.

A handful of operations is known, none calls anything, and each takes time and memory in
proportion to its own bytes.
"""

import io
import pickletools
import warnings
from typing import Any, Final, NamedTuple

import torch

_TYPES: Final = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
}


class Storage(NamedTuple):
    """A piece of a file with so many elements of one type."""

    dtype: torch.dtype
    key: str
    length: int


class View(NamedTuple):
    """A tensor as elements of a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class TorchPickle:
    """Interprets pickles that hold numbers, texts, dicts, lists, tuples and tensors, alone."""

    def __init__(self, stream: io.BytesIO) -> None:
        self.stream = stream
        self.storages: dict[str, Storage] = {}
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[Any, Any] = {}

    def interpret(self) -> Any:
        """The value of the next pickle. Raises `ValueError`, `LookupError` or `TypeError`."""
        self.stack, self.marks, self.memo = [], [], {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # an escape that is none, in a text
            for opcode, argument, _ in pickletools.genops(self.stream):
                if opcode.name == "STOP":
                    return self.stack.pop()
                self._step(opcode.name, argument)
        raise ValueError("it is truncated")

    def _step(self, name: str, argument: Any) -> None:
        stack = self.stack
        match name:
            case "PROTO":
                pass
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "GLOBAL":
                stack.append(argument if name != "GLOBAL" else _Name(argument))
            case "BINUNICODE" | "SHORT_BINSTRING" | "BINSTRING":
                stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]())
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self.memo[argument])
            case "MARK":
                self.marks.append(len(stack))
            case "TUPLE":
                stack.append(tuple(self._since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(name[-1])
                stack[-count:] = [tuple(stack[-count:])]
            case "APPEND" | "SETITEM":
                items = [stack.pop()] if name == "APPEND" else [stack.pop(-2), stack.pop()]
                _fill(stack[-1], items)
            case "APPENDS" | "SETITEMS":
                items = self._since_mark()
                _fill(stack[-1], items)
            case "BINPERSID":
                stack.append(self._storage(stack.pop()))
            case "REDUCE":
                arguments = stack.pop()
                stack.append(_call(stack.pop(), arguments))
            case "BUILD":
                stack.pop()  # attributes, such as the versions of a state dict
            case _:
                raise ValueError("it holds more than plain tensors")

    def _since_mark(self) -> list[Any]:
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def _storage(self, words: Any) -> Storage:
        _, kind, key, _, count, *view = words
        if view not in ([], [None]) or type(count) is not int or count < 0:
            raise ValueError("its storages make no sense")
        storage = Storage(_TYPES[kind.rpartition(" ")[2]], str(key), count)
        if self.storages.setdefault(storage.key, storage) != storage:
            raise ValueError("its storages make no sense")
        return storage


class _Name(str):
    """A name of Python's that a pickle holds, such as `torch FloatStorage`."""


def _fill(target: Any, items: list[Any]) -> None:
    if isinstance(target, list):
        target.extend(items)
    elif isinstance(target, dict):
        for name, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(name, str | int):  # nested tuples would be hashed without end
                raise ValueError("its names are no texts")
            target[name] = value
    else:
        raise ValueError("it holds more than plain tensors")


def _call(function: Any, arguments: Any) -> Any:
    """Result of one of the few known functions for its arguments."""
    match str(function) if isinstance(function, _Name) else "":
        case "collections OrderedDict":
            values: dict[Any, Any] = {}
            pairs = arguments[0] if arguments else []
            while pairs:  # taken out, so that no list can be copied again and again
                name, value = pairs.pop()
                _fill(values, [name, value])
            return values
        case "torch._utils _rebuild_tensor" | "torch._utils _rebuild_tensor_v2":
            storage, offset, shape, strides = arguments[:4]
            if not isinstance(storage, Storage):
                raise ValueError("its tensors have no storage")
            if not (isinstance(shape, tuple) and isinstance(strides, tuple)):
                raise ValueError("its shapes make no sense")
            return View(storage, offset, shape, strides)
        case "torch._utils _rebuild_parameter":
            return arguments[0]
        case _:
            raise ValueError("it holds more than plain tensors")
