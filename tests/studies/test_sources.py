"""Files of a study: where they are looked for, and what is refused."""

from __future__ import annotations

import hashlib

import pooch
import pytest

from analysis.errors import StudyError
from analysis.studies.load import read_study
from analysis.studies.sources import locate

CONTENT = b"id,arm,visit,pain,age\n1,U,baseline,7,44\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
URL = "https://data.invalid/massage.csv"
OPEN = ("massage.csv", f"massage.csv\n  url: {URL}\n  sha256: {SHA256}\n  licence: CC0 1.0")


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """Neither real data nor this machine's cache."""
    monkeypatch.delenv("PAIN_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)


@pytest.fixture
def downloads(monkeypatch):
    """What was asked of the web; each request is answered by a file with the right content."""
    asked = []

    def retrieve(url, known_hash, fname, path, progressbar):
        asked.append((url, known_hash))
        path.mkdir(parents=True)
        (path / fname).write_bytes(CONTENT)

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    return asked


def find(path, **options):
    study = read_study(path)
    return locate(study, path, study.data.outcomes, **options)


def test_a_file_beside_the_study_file_is_found(tmp_path, changed):
    (tmp_path / "massage.csv").write_bytes(CONTENT)
    assert find(changed()) == (tmp_path / "massage.csv").resolve()


def test_a_file_that_is_not_there_is_named(changed):
    with pytest.raises(StudyError, match=r"names the data file 'massage\.csv', which is not there"):
        find(changed(), download=True)


def test_a_link_out_of_the_folder_is_refused(tmp_path, example):
    folder = tmp_path / "study"
    folder.mkdir()
    (tmp_path / "secret.csv").write_bytes(CONTENT)
    (folder / "massage.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "study.yml").write_text(example, encoding="utf-8")
    with pytest.raises(StudyError, match="lies outside the study file's folder"):
        find(folder / "study.yml")


def test_a_private_file_is_not_looked_for_in_the_data_folder(tmp_path, changed, monkeypatch):
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "massage.csv").write_bytes(CONTENT)
    monkeypatch.setenv("PAIN_DATA", str(other))
    with pytest.raises(StudyError, match="which is not there"):
        find(changed())


@pytest.mark.parametrize("folder", ["", "trials", "trials/original", "reference", "own"])
def test_open_data_are_found_in_the_data_folder(tmp_path, changed, monkeypatch, folder):
    place = tmp_path / "elsewhere" / folder
    place.mkdir(parents=True)
    (place / "massage.csv").write_bytes(CONTENT)
    monkeypatch.setenv("PAIN_DATA", str(tmp_path / "elsewhere"))
    assert find(changed(OPEN)) == place / "massage.csv"


def test_open_data_with_another_content_are_refused(tmp_path, changed):
    (tmp_path / "massage.csv").write_bytes(CONTENT + b"2,M,baseline,6,50\n")
    with pytest.raises(StudyError, match=f"its sha256 is .*, the study file says {SHA256}"):
        find(changed(OPEN))


def test_open_data_are_not_downloaded_unasked(changed, downloads):
    with pytest.raises(StudyError) as error:
        find(changed(OPEN))
    for part in ("--download", "PAIN_DATA", URL, "CC0 1.0"):
        assert part in str(error.value)
    assert downloads == []


def test_open_data_are_downloaded_once_when_asked_for(changed, downloads):
    path = changed(OPEN)
    first = find(path, download=True)
    assert first.read_bytes() == CONTENT
    assert find(path) == find(path, download=True) == first
    assert downloads == [(URL, f"sha256:{SHA256}")]


def test_a_failed_download_says_what_to_do(changed, monkeypatch):
    def fail(**_options):
        raise OSError("no route to host\nand more")

    monkeypatch.setattr(pooch, "retrieve", fail)
    with pytest.raises(StudyError, match=r"could not be downloaded: no route to host\. Check the"):
        find(changed(OPEN), download=True)


def test_data_without_an_address_say_how_to_get_them(changed, downloads):
    new = f"massage.csv\n  sha256: {SHA256}\n  licence: CC0 1.0\n  obtain: ask the authors"
    with pytest.raises(StudyError) as error:
        find(changed(("massage.csv", new)), download=True)
    assert "get it by hand: ask the authors" in str(error.value)
    assert "--download" not in str(error.value)
    assert downloads == []
