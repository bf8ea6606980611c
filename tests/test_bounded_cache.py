from stylecli.bounded_cache import BoundedCache


def test_entries_used_last_are_kept() -> None:
    cache: BoundedCache[str, int] = BoundedCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)
    assert len(cache) == 2


def test_an_entry_is_made_once_while_it_is_kept() -> None:
    cache: BoundedCache[int, int] = BoundedCache(2)
    made: list[int] = []

    def make(key: int) -> int:
        made.append(key)
        return 10 * key

    for key in (1, 2, 1, 3, 1, 2):
        assert cache.get_or_make(key, lambda key=key: make(key)) == 10 * key  # type: ignore[misc]
    assert made == [1, 2, 3, 2]


def test_a_value_is_replaced() -> None:
    cache: BoundedCache[str, int] = BoundedCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.put("a", 3)
    cache.put("c", 4)
    assert (cache.get("a"), cache.get("b"), len(cache)) == (3, None, 2)


def test_entries_that_are_weighed() -> None:
    cache: BoundedCache[str, str] = BoundedCache(5, len)
    for key in ("aa", "bbb"):
        cache.put(key, key)
    assert len(cache) == 2
    cache.put("c", "c")
    assert cache.get("aa") is None and len(cache) == 2
    cache.put("heavy", "heavier")  # the newest one is kept
    assert cache.get("heavy") == "heavier" and len(cache) == 1
