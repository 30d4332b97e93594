"""Images that are made when they are asked for: once for all who ask, and then held alone."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from distgen.model.stored import LateItems, StoredItems


class Text(str):
    """A text that tells whether anybody holds it; plain ones cannot."""

    __slots__ = ("__weakref__",)


def test_a_text_is_let_go_with_its_value():
    made = []

    def make(number, text):
        made.append((number, len(text)))
        return object()

    items = StoredItems(["a", "b"], [Text("x" * 9), Text("y" * 99)], make)
    held = [weakref.ref(text) for text in items._texts]
    assert [*items] == ["a", "b"] and len(items) == 2 and "b" in items and "c" not in items
    assert made == []
    value = items["b"]
    gc.collect()
    assert [text() is None for text in held] == [False, True]
    assert items["b"] is value and made == [(1, 99)]
    with pytest.raises(KeyError):
        items["c"]


def test_a_value_that_cannot_be_made_is_tried_again():
    faults = [ValueError("no"), None]

    def make(number, text):
        if fault := faults.pop(0):
            raise fault
        return text.upper()

    items = StoredItems(["a"], ["x"], make)
    with pytest.raises(ValueError, match="no"):
        items["a"]
    assert items["a"] == "X"


def test_threads_get_the_same_value():
    both = threading.Barrier(2, timeout=60)

    def make(number, text):
        both.wait()  # each is in the middle of it
        return object()

    items = StoredItems(["a"], ["x"], make)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(items.__getitem__, "aa")
    assert first is second is items["a"]


def test_a_value_that_another_thread_made_meanwhile_is_taken():
    items = StoredItems(["a"], ["x"], lambda number, text: object())

    class Numbers(dict):
        """Lets another thread make the value between two looks."""

        def __getitem__(self, key):
            items._numbers = {"a": 0}
            self.value = items["a"]
            return 0

    numbers = items._numbers = Numbers(a=0)
    assert items["a"] is numbers.value


def test_late_items_are_loaded_once_and_only_for_a_value():
    loads = []

    def load():
        loads.append(1)
        return {"a": "x", "b": "y"}

    items = LateItems(["a", "b"], load)
    assert [*items] == ["a", "b"] and len(items) == 2 and "b" in items and "c" not in items
    assert items.get("c") is None and loads == []
    assert {**items} == {"a": "x", "b": "y"} and loads == [1]
