import os
import unicodedata
from pathlib import Path

import pytest

from datapipe.errors import EnvironmentProblem
from datapipe.formats.paths import Found, Lookup, Problem, walk


def touch(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_the_exact_name_is_found_with_its_size(tmp_path):
    file = touch(tmp_path / "images" / "a.jpg", b"12345")
    assert Lookup(tmp_path).find("images/a.jpg", str(tmp_path)) == Found(str(file), 5, False)


def test_an_absolute_path_inside_the_source_is_fine(tmp_path):
    file = touch(tmp_path / "a.jpg")
    assert Lookup(tmp_path).find(str(file), str(tmp_path)) == Found(str(file), 1, False)


def test_backslashes_are_read_as_slashes_and_called_a_repair(tmp_path):
    file = touch(tmp_path / "images" / "a.jpg")
    assert Lookup(tmp_path).find("images\\a.jpg", str(tmp_path)) == Found(str(file), 1, True)


def test_a_name_with_a_real_backslash_wins_over_the_repair(tmp_path):
    touch(tmp_path / "images" / "a.jpg")
    file = touch(tmp_path / "images\\a.jpg")
    assert Lookup(tmp_path).find("images\\a.jpg", str(tmp_path)) == Found(str(file), 1, False)


@pytest.mark.parametrize("asked", ["IMAGES/A.JPG", "images/A.jpg", "Images/a.JPG"])
def test_case_is_ignored_when_only_one_name_matches(tmp_path, asked):
    file = touch(tmp_path / "images" / "a.jpg")
    assert Lookup(tmp_path).find(asked, str(tmp_path)) == Found(str(file), 1, True)


def test_case_is_not_guessed_between_two_names(tmp_path):
    touch(tmp_path / "a.jpg")
    touch(tmp_path / "A.jpg")
    assert Lookup(tmp_path).find("a.JPG", str(tmp_path)) == Problem("DP201", "a.JPG")


def test_unicode_forms_of_one_name_match(tmp_path):
    file = touch(tmp_path / unicodedata.normalize("NFD", "größe.jpg"))
    assert Lookup(tmp_path).find("größe.jpg", str(tmp_path)) == Found(str(file), 1, True)


@pytest.mark.parametrize("asked", ["../secret.jpg", "images/../../secret.jpg", "..\\secret.jpg"])
def test_dots_do_not_lead_out_of_the_source(tmp_path, asked):
    touch(tmp_path / "secret.jpg")
    touch(tmp_path / "source" / "images" / "a.jpg")
    found = Lookup(tmp_path / "source").find(asked, str(tmp_path / "source"))
    assert isinstance(found, Problem) and found.code == "DP213"


def test_an_absolute_path_outside_is_refused_whether_it_exists_or_not(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    secret = touch(tmp_path / "secret.jpg")
    for asked in (str(secret), str(tmp_path / "nothing.jpg"), "/etc/passwd"):
        found = Lookup(source).find(asked, str(source))
        assert isinstance(found, Problem) and found.code == "DP213"


def test_a_sibling_whose_name_begins_like_the_source_is_outside(tmp_path):
    (tmp_path / "source").mkdir()
    secret = touch(tmp_path / "source2" / "a.jpg")
    found = Lookup(tmp_path / "source").find(str(secret), str(tmp_path / "source"))
    assert isinstance(found, Problem) and found.code == "DP213"


def test_a_link_out_of_the_source_is_refused_and_one_inside_is_followed(tmp_path):
    source = tmp_path / "source"
    file = touch(source / "real.jpg")
    (source / "in.jpg").symlink_to("real.jpg")
    (source / "out.jpg").symlink_to(touch(tmp_path / "secret.jpg"))
    (source / "folder").symlink_to(tmp_path)
    lookup = Lookup(source)
    assert lookup.find("in.jpg", str(source)) == Found(str(file), 1, False)
    assert lookup.find("out.jpg", str(source)) == Problem("DP213", "out.jpg")
    through = lookup.find("folder/secret.jpg", str(source))
    assert isinstance(through, Problem) and through.code == "DP213"


def test_a_folder_the_user_named_may_lie_outside(tmp_path):
    (tmp_path / "source").mkdir()
    file = touch(tmp_path / "pictures" / "a.jpg")
    lookup = Lookup(tmp_path / "source", tmp_path / "pictures")
    assert lookup.find("a.jpg", str(tmp_path / "pictures")) == Found(str(file), 1, False)


def test_a_source_reached_through_a_link_is_not_outside_itself(tmp_path):
    file = touch(tmp_path / "real" / "a.jpg")
    (tmp_path / "link").symlink_to("real")
    lookup = Lookup(tmp_path / "link")
    assert lookup.find("A.JPG", str(tmp_path / "link")) == Found(str(file), 1, True)
    assert lookup.find("b.jpg", str(tmp_path / "link")) == Problem("DP201", "b.jpg")


def test_folders_pipes_and_loops_are_no_files(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    lookup = Lookup(tmp_path)
    assert lookup.find("folder.jpg", str(tmp_path)) == Problem("DP204", "folder.jpg")
    assert lookup.find("pipe.jpg", str(tmp_path)) == Problem("DP204", "pipe.jpg")
    assert lookup.find("loop.jpg", str(tmp_path)) == Problem("DP201", "loop.jpg")


@pytest.mark.parametrize("asked", ["", "  ", "a\0.jpg"])
def test_no_name_is_said_to_be_none(tmp_path, asked):
    assert Lookup(tmp_path).find(asked, str(tmp_path)) == Problem("DP212", repr(asked))


def test_a_url_is_never_fetched(tmp_path):
    url = "http://example.org/a.jpg"
    assert Lookup(tmp_path).find(url, str(tmp_path)) == Problem("DP213", url)


def test_a_name_longer_than_any_file_system_allows_is_a_finding_only(tmp_path):
    found = Lookup(tmp_path).find("a" * 5000 + "/b.jpg", str(tmp_path))
    assert isinstance(found, Problem)


def test_walk_is_sorted_passes_over_clutter_and_ends_in_a_loop(tmp_path):
    for name in ("b/2.jpg", "b/1.jpg", "a/3.jpg", ".git/config", "Thumbs.db", "._x.jpg", "y.cache"):
        touch(tmp_path / name)
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    seen = [(os.path.relpath(f, tmp_path), files) for f, _, files in walk(str(tmp_path))]
    assert seen == [(".", ["self"]), ("a", ["3.jpg"]), ("b", ["1.jpg", "2.jpg"])]


def test_walk_stays_inside(tmp_path):
    touch(tmp_path / "outside" / "secret.jpg")
    touch(tmp_path / "source" / "a.jpg")
    (tmp_path / "source" / "link").symlink_to(tmp_path / "outside")
    assert [files for _, _, files in walk(str(tmp_path / "source"))] == [["a.jpg"]]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_walk_does_not_pass_over_a_forbidden_folder_in_silence(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o000)
    with pytest.raises(EnvironmentProblem, match="closed: permission to list the folder"):
        list(walk(str(tmp_path)))
