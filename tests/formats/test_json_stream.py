"""The stream must agree with json.loads about every document, however it is cut into blocks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datapipe.errors import InputError
from datapipe.formats.coco import json_exact, json_scan
from datapipe.formats.coco.json_stream import entries, read_span, root_lists

KEYS = ("images", "annotations")
BLOCKS = (1, 2, 3, 7, 64, 1 << 20)
FILE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def write(folder: Path, text: str | bytes) -> str:
    path = folder / "x.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def remembering(pairs: list[list[tuple[str, Any]]]) -> Any:
    def hook(found: list[tuple[str, Any]]) -> dict[str, Any]:
        pairs.append(found)
        return dict(found)

    return hook


def read(path: str, block: int = 1 << 20, keys: tuple[str, ...] = KEYS) -> dict[str, list[Any]]:
    """Every entry parsed, by key; checks the batches' own claims on the way."""
    lists: dict[str, list[Any]] = {key: [] for key in keys}
    for batch in entries(path, "x.json", keys, block=block):
        assert batch.first == len(lists[batch.key])
        for i in range(len(batch.starts)):
            text = batch.entry(i)
            assert read_span(path, batch.offset + int(batch.starts[i]), len(text)) == text
            pairs: list[list[tuple[str, Any]]] = []
            value = json.loads(text, object_pairs_hook=remembering(pairs))
            assert batch.colons[i] == (len(pairs[-1]) if isinstance(value, dict) else -1)
            lists[batch.key].append(value)
    return lists


def error(folder: Path, text: str | bytes) -> str:
    """The message, which must not depend on the size of the blocks."""
    path = write(folder, text)
    messages = set()
    for block in BLOCKS:
        with pytest.raises(InputError) as caught:
            read(path, block)
        messages.add(str(caught.value))
    (message,) = messages
    assert "\n" not in message
    assert message.startswith("x.json: ")
    return message


def test_entries_come_with_index_offset_and_number_of_keys(tmp_path: Path) -> None:
    text = '{"info": {"a": [1]}, "images": [{"id": 1, "x": {"y": 2}}, {}], "annotations": []}'
    path = write(tmp_path, text)
    (batch,) = entries(path, "x.json", KEYS)
    assert (batch.key, batch.first) == ("images", 0)
    assert [batch.entry(0), batch.entry(1)] == [b'{"id": 1, "x": {"y": 2}}', b"{}"]
    assert batch.colons.tolist() == [2, 0]
    assert batch.offset + batch.starts[0] == text.index('{"id"')


@pytest.mark.parametrize("block", BLOCKS)
def test_root_keys_may_come_in_any_order(tmp_path: Path, block: int) -> None:
    path = write(tmp_path, '{"annotations":[{"a":1}],"z":"]}","images":[{"b":2},\n {"c":3}]}')
    assert read(path, block) == {"annotations": [{"a": 1}], "images": [{"b": 2}, {"c": 3}]}


@pytest.mark.parametrize("block", BLOCKS)
def test_entries_that_are_no_objects_keep_their_index(tmp_path: Path, block: int) -> None:
    items: list[Any] = [5, {"a": "}"}, None, "x,]", [1, [2]], {"b": {}}, -1.5e3, True]
    path = write(tmp_path, json.dumps({"images": items, "annotations": [1]}))
    assert read(path, block) == {"images": items, "annotations": [1]}


@pytest.mark.parametrize("block", BLOCKS)
def test_quotes_backslashes_and_brackets_in_texts_are_no_structure(tmp_path: Path, block: int) -> None:
    items = [{'a\\"b': '\\\\"[{:'}, {"\\": "\\\\"}, {"é𝄞": '"'}]
    for ascii_only in (True, False):
        text = json.dumps({'q"\\': 1, "images": items, "annotations": []}, ensure_ascii=ascii_only)
        assert read(write(tmp_path, text), block)["images"] == items


def test_a_root_key_written_with_escapes_is_the_same_key(tmp_path: Path) -> None:
    path = write(tmp_path, r'{"\u0069mages": [{"a": 1}], "annotations" : []}')
    assert read(path)["images"] == [{"a": 1}]
    message = error(tmp_path, r'{"images": [], "\u0069mages": [], "annotations": []}')
    assert "the root has the key 'images' twice" in message


def test_nan_and_infinity_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, '{"images": [NaN, {"a": -Infinity}], "annotations": [], "v": NaN}')
    assert str(read(path)["images"]) == "[nan, {'a': -inf}]"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_understood_and_spans_fit(tmp_path: Path, encoding: str) -> None:
    text = '{"images": [{"name": "é𝄞"}, 3], "annotations": []}'
    path = write(tmp_path, text.encode(encoding))
    for block in BLOCKS:
        assert read(path, block)["images"] == [{"name": "é𝄞"}, 3]


@pytest.mark.parametrize("text", [b"", b" \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_an_error(tmp_path: Path, text: bytes) -> None:
    assert "the file is empty" in error(tmp_path, text)


def test_duplicate_root_key_is_an_error_that_names_it(tmp_path: Path) -> None:
    assert "key 'images' twice" in error(tmp_path, '{"images":[{}],"annotations":[],"images":[]}')
    assert "key 'info' twice" in error(tmp_path, '{"info":1,"images":[],"annotations":[],"info":1}')


@pytest.mark.parametrize(("text", "shown"), [("[1]", "a list"), ("5", "5"), ('"x"', '"x"'), ("null", "null")])
def test_a_root_that_is_no_object_is_an_error(tmp_path: Path, text: str, shown: str) -> None:
    assert f"the root is {shown}, not an object" in error(tmp_path, text)


@pytest.mark.parametrize("value", ["null", "{}", '"x"', "3", '{"a": [{}]}'])
def test_a_wanted_value_that_is_no_list_is_an_error(tmp_path: Path, value: str) -> None:
    message = error(tmp_path, f'{{"images": {value}, "annotations": []}}')
    assert "'images' is " in message
    assert "not a list" in message


def test_a_missing_list_is_an_error_that_names_it(tmp_path: Path) -> None:
    assert "the root has no key 'annotations'" in error(tmp_path, '{"images": []}')


def test_nesting_beyond_100_levels_is_an_error(tmp_path: Path) -> None:
    def deep(n: int) -> str:
        return '{"annotations": [], "images": [' + "[" * n + "]" * n + "]}"

    assert len(read(write(tmp_path, deep(98)))["images"]) == 1
    assert "deeper than 100 levels" in error(tmp_path, deep(99))
    assert "deeper than 100 levels" in error(tmp_path, '{"images":' + "[" * 100_000)


@pytest.mark.parametrize("tail", ["x", "{}", ",", "]", "[]", '"a"', "5"])
def test_text_after_the_end_is_an_error(tmp_path: Path, tail: str) -> None:
    message = error(tmp_path, '{"images":[],"annotations":[]}' + tail)
    assert "line 1, column 31 (byte 30): the json does not parse" in message


def test_every_truncation_is_an_error(tmp_path: Path) -> None:
    text = '{"images": [{"a": "x"}, 5], "annotations": [{"b": [1]}], "c": 1}'
    for length in range(1, len(text)):
        path = write(tmp_path, text[:length])
        with pytest.raises(InputError, match="cut off|does not parse"):
            read(path, 7)


@pytest.mark.parametrize(
    "inside",
    ["1,", ",1", ",", "{},", ",{}", "{} {}", "{},,{}", "{}1,{}", "{},1{}", "nul", "{},x,{}", "1 2", "01"],
)
def test_garbage_between_entries_is_an_error_with_its_place(tmp_path: Path, inside: str) -> None:
    assert "line 2, column " in error(tmp_path, '{"annotations":[],\n"images":[' + inside + "]}")


def test_brackets_that_do_not_match_in_the_root_are_an_error(tmp_path: Path) -> None:
    assert "'}' closes the list 'images'" in error(tmp_path, '{"images":[{}}')
    assert "never opened" in error(tmp_path, '{"images":[]}}')


@pytest.mark.parametrize("text", ['{"images":[{"a":"\\xff"}]}', '{"\\xc3":1}', '{"images":[]} \\xe2\\x82'])
def test_bytes_that_are_not_utf8_are_an_error_with_their_place(tmp_path: Path, text: str) -> None:
    raw = text.encode().decode("unicode_escape").encode("latin-1")
    assert "is not UTF-8" in error(tmp_path, raw)


def test_broken_other_values_are_an_error(tmp_path: Path) -> None:
    text = '{"images": [],\n "annotations": [{}, {}],\n "info": {"a": tru}}'
    assert f"line 3, column 16 (byte {text.index('tru')})" in error(tmp_path, text)


def test_a_large_other_value_is_not_kept_but_its_neighbours_are_checked(tmp_path: Path) -> None:
    big = '{"big": [' + ",".join(["[1]"] * 2_000_000) + '], "images": [{"a": 1}], "annotations": []}'
    assert read(write(tmp_path, big))["images"] == [{"a": 1}]
    with pytest.raises(InputError, match="Expecting"):
        read(write(tmp_path, big.replace('"images"', "images")))


def test_a_pipe_or_a_folder_is_an_error_not_a_hang(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a regular file"):
        list(entries(str(tmp_path), "x.json", KEYS))
    with pytest.raises(InputError, match="cannot be read"):
        list(entries(str(tmp_path / "none.json"), "x.json", KEYS))


def test_a_span_of_a_file_that_shrank_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="shorter than when it was read"):
        read_span(write(tmp_path, "{}"), 0, 10)


def test_progress_adds_up_to_the_megabytes(tmp_path: Path) -> None:
    told: list[int] = []
    path = write(tmp_path, json.dumps({"images": [{"a": "x" * 1000}] * 2500, "annotations": []}))
    list(entries(path, "x.json", KEYS, advance=told.append))
    assert sum(told) == Path(path).stat().st_size // 1_000_000


def test_root_lists_sees_lists_only(tmp_path: Path) -> None:
    path = write(tmp_path, '{"a": {"images": []}, "images": [], "annotations": {}}')
    assert root_lists(path, "x.json", KEYS) == {"images"}


def test_a_list_cut_into_blocks_is_read_in_linear_time(tmp_path: Path) -> None:
    path = write(tmp_path, '{"annotations": [], "images": [{"a": "' + "x" * 3_000_000 + '"}]}')
    assert len(read(path, 1000)["images"]) == 1


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text('a"\\[]{}:,é\n 😀'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"\\:'), inner, max_size=3),
    max_leaves=12,
)


@FILE
@given(
    st.lists(VALUES, max_size=6),
    st.lists(VALUES, max_size=3),
    VALUES,
    st.integers(1, 40),
    st.sampled_from([None, 0, 2]),
    st.booleans(),
)
def test_any_document_is_read_as_json_reads_it(
    tmp_path: Path,
    images: list[Any],
    others: list[Any],
    info: Any,
    block: int,
    indent: int | None,
    ascii_: bool,
) -> None:
    document = {"info": info, "images": images, "between": info, "annotations": others}
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_)
    assert read(write(tmp_path, text), block) == {"images": images, "annotations": others}


@FILE
@given(st.text('{}[]",:\\ 1aimges"', max_size=40), st.integers(0, 60), st.integers(1, 9))
def test_a_mangled_document_is_an_error_exactly_where_json_says_so(
    tmp_path: Path, noise: str, at: int, block: int
) -> None:
    text = '{"images": [{"a": [1, "b"]}, 3], "annotations": [{}], "c": {"d": "e"}}'
    mangled = text[:at] + noise + text[at + len(noise) // 2 :]
    path = write(tmp_path, mangled)
    try:
        pairs: list[Any] = []
        json.loads(mangled, object_pairs_hook=remembering(pairs))
        keys = [key for key, _ in pairs[-1]]
        root = dict(pairs[-1])
        usable = len(set(keys)) == len(keys) and all(isinstance(root.get(key), list) for key in KEYS)
    except ValueError:
        usable = False
    if usable:
        assert read(path, block) == {key: root[key] for key in KEYS}
    else:
        # Inside an entry the caller's parser finds it (ValueError), outside of one the stream does.
        with pytest.raises((InputError, ValueError)):
            read(path, block)


@given(
    st.binary(max_size=60).map(lambda raw: bytes(b'{}[]:"\\ x'[byte % 9] for byte in raw)), st.integers(1, 9)
)
def test_the_scan_does_not_depend_on_the_blocks(raw: bytes, size: int) -> None:
    def tokens(step: int) -> list[tuple[int, int, int]]:
        found, carry = [], json_scan.Carry()
        for at in range(0, len(raw), step):
            part, carry = json_scan.scan(raw[at : at + step], carry)
            rows = zip(part.pos.tolist(), part.kind.tolist(), part.depth.tolist(), strict=True)
            found += [(at + pos, kind, depth) for pos, kind, depth in rows]
        return found

    assert tokens(size) == tokens(max(len(raw), 1)) == tokens(1)


def test_ids_are_exact() -> None:
    ids = [
        json_exact.identifier(json_exact.loads(text)) for text in ("9007199254740993.0", "1e3", "0.0", '"7"')
    ]
    assert ids == [9007199254740993, 1000, 0, "7"]
    none = ("1.5", "NaN", "Infinity", "1e999999999", "true", "null", '" "', '"\\ud800"', "[]", "9" * 5000)
    assert [json_exact.identifier(json_exact.loads(text)) for text in none] == [None] * len(none)


def test_compact_shows_numbers_as_they_were_written() -> None:
    assert json_exact.compact(json_exact.loads('[1.50, 1e400, NaN, {"a" : "é"}, null]')) == (
        '[1.50,1e400,NaN,{"a":"é"},null]'
    )
