"""Files of the web are fetched by https alone, and not without end."""

from __future__ import annotations

import io
import urllib.error
import urllib.request

import pytest

from edgerun.errors import InputError
from edgerun.media import download, images, sources

ADDRESS = "https://example.org/a%20b/street.jpg?size=1"


@pytest.fixture
def web(monkeypatch):
    """Answers every address with some bytes, or raises."""

    def answers(content):
        def opened(address):
            if isinstance(content, Exception):
                raise content
            return io.BytesIO(content)

        monkeypatch.setattr(download, "_open", opened)

    return answers


def test_a_file_is_fetched_under_its_own_name(web, tmp_path):
    web(b"bytes")
    first, second = download.fetch(ADDRESS, tmp_path, 0), download.fetch(ADDRESS, tmp_path, 1)
    assert first.name == second.name == "street.jpg"
    assert first != second
    assert first.read_bytes() == b"bytes"


@pytest.mark.parametrize("name", ["..", "../../passwd", "%2e%2e/x", ".hidden", "a b:c.jpg", ""])
def test_a_name_leads_nowhere_else(web, tmp_path, name):
    web(b"bytes")
    place = download.fetch(f"https://example.org/{name}", tmp_path)
    assert place.resolve().parent == tmp_path / "0"


def test_what_is_too_large_is_refused(web, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MOST_BYTES", 4)
    web(b"12345")
    with pytest.raises(InputError, match="is larger than"):
        download.fetch(ADDRESS, tmp_path)


@pytest.mark.parametrize(
    "trouble", [urllib.error.URLError("no such host"), TimeoutError("timed out"), ValueError("bad address")]
)
def test_what_does_not_answer_is_said(web, tmp_path, trouble):
    web(trouble)
    with pytest.raises(InputError, match=r"cannot be downloaded: (no such host|timed out|bad address)\."):
        download.fetch(ADDRESS, tmp_path)


@pytest.mark.parametrize("address", ["http://example.org/a.jpg", "ftp://example.org/a.jpg", "file:///etc/passwd"])
def test_other_schemes_are_refused(tmp_path, address):
    with pytest.raises(InputError, match="is not https"):
        download.fetch(address, tmp_path)


def test_an_answer_may_not_lead_away_from_https():
    request = urllib.request.Request("https://example.org/a.jpg")
    handler = download._StaysSecure()
    with pytest.raises(InputError, match="which is not https"):
        handler.redirect_request(request, io.BytesIO(), 302, "", {}, "http://example.org/a.jpg")
    followed = handler.redirect_request(request, io.BytesIO(), 302, "", {}, "https://example.org/b.jpg")
    assert followed.full_url == "https://example.org/b.jpg"


def test_an_image_elsewhere_needs_leave(web, tmp_path):
    web(b"bytes")
    with pytest.raises(InputError, match="is an image elsewhere") as refusal:
        sources.expand([ADDRESS])
    assert "--allow-download" in refusal.value.hint
    (source,) = sources.expand([ADDRESS], downloads=tmp_path)
    assert (source.kind, source.name, source.stem) == ("picture", ADDRESS, "street")
    assert not download.is_file_elsewhere("rtsp://camera/a.jpg", images.SUFFIXES)
