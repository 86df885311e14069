"""Words of the command line."""

from __future__ import annotations

import pytest

from datapipe import words
from datapipe.errors import UsageError


@pytest.mark.parametrize(
    "text, nbytes",
    [
        ("256MiB", 256 << 20),
        ("100MB", 100_000_000),
        ("1 GiB", 1 << 30),
        ("1.5k", 1500),
        ("7", 7),
        (" 7b ", 7),
        ("2Ki", 2048),
    ],
)
def test_a_size_is_read_in_decimal_and_binary_units(text, nbytes):
    assert words.size(text) == nbytes


@pytest.mark.parametrize("text", ["", "0", "0.4", "MiB", "-5", "5 TB", "1e9", "nan", "5 5"])
def test_what_is_no_size_is_refused_with_examples(text):
    with pytest.raises(UsageError, match=r"is not a size \(like 256MiB, 100MB or 1GiB\)"):
        words.size(text)


def test_a_size_beyond_all_disks_means_no_limit():
    assert words.size("9" * 400) == 10**15


def test_a_limit_is_a_number_of_items_or_a_share():
    assert words.limit("5") == 5 and isinstance(words.limit("5"), int)
    assert words.limit("0") == 0 and words.limit("1 %") == 0.01 and words.limit("100%") == 1.0
    assert isinstance(words.limit("0%"), float)


@pytest.mark.parametrize("text", ["", "%", "-1", "0.5", "101%", "five"])
def test_what_is_no_limit_is_refused_with_examples(text):
    with pytest.raises(UsageError, match=r"give a number of items \(5\) or a share of all \(1%\)"):
        words.limit(text)


def test_one_of_names_the_nearest_word():
    assert words.one_of("coco", ["coco", "voc"]) == "coco"
    with pytest.raises(UsageError, match="no 'coc': did you mean 'coco'?"):
        words.one_of("coc", ["coco", "voc"])


def test_a_list_is_cut_at_commas_and_stripped():
    assert words.listed(" a, b c ,,d,") == ("a", "b c", "d")
    assert words.listed("") == ()


def test_an_input_size_is_a_side_or_height_by_width():
    assert words.input_size("608") == (608, 608)
    assert words.input_size("480x640") == (480, 640)
    with pytest.raises(UsageError, match="--input-size '0': give the side"):
        words.input_size("0")
    with pytest.raises(UsageError, match="'big'"):
        words.input_size("big")
