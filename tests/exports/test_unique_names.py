"""Names in a smaller alphabet stay apart, and the name that needed no change stays as it is."""

from hypothesis import given
from hypothesis import strategies as st

from distgen.exports.unique_names import unique_names

TEXTS = st.text("ab.-_", max_size=6)


def spelled(keys):
    return {key: key.replace(".", "-").replace("_", "-") for key in keys}


@given(st.sets(TEXTS), st.sets(TEXTS), st.integers(66, 80))
def test_no_two_keys_share_a_name(keys, reserved, limit):
    names = unique_names(spelled(keys), keys, reserved, limit)
    assert names.keys() == keys
    assert len(set(names.values())) == len(keys)
    assert not reserved & set(names.values())
    assert max(map(len, names.values()), default=0) <= limit


@given(st.sets(TEXTS), TEXTS)
def test_what_needed_no_change_keeps_its_name_whatever_comes(keys, more):
    def names(present):
        spellings = spelled(present)
        return unique_names(spellings, {key for key in present if spellings[key] == key})

    before, after = names(keys), names({*keys, more})
    for key in keys:
        if spelled([key])[key] == key:
            assert before[key] == after[key] == key


def test_rivals_of_equal_rank_are_all_told_apart():
    names = unique_names({"a.b": "a-b", "a_b": "a-b"})
    assert sorted(names) == ["a.b", "a_b"]
    assert "a-b" not in names.values()


def test_a_long_name_is_cut_and_marked():
    names = unique_names({"x": "x" * 80}, {"x"}, limit=63)
    assert len(names["x"]) == 63
    assert names["x"].startswith("x" * 54 + "-")


def test_a_name_that_looks_like_a_mark_is_not_taken_twice():
    marked = unique_names({"a.b": "a-b", "a_b": "a-b"})["a.b"]
    names = unique_names({"a.b": "a-b", "a_b": "a-b", marked: marked}, {marked})
    assert names[marked] == marked
    assert len(set(names.values())) == 3
