"""Files of the web, where the user has said that they may be fetched: by https alone, and not without end."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any

from edgerun.errors import InputError

__all__ = ["MOST_BYTES", "fetch", "is_file_elsewhere"]

MOST_BYTES = 256 << 20
"""Of one file."""
PATIENCE = 30.0
"""Seconds without an answer."""
SAFE_NAME = re.compile(r"[^\w.-]+")


class _StaysSecure(urllib.request.HTTPRedirectHandler):
    """Follows an address to another of https alone."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not newurl.startswith("https://"):
            raise InputError(f"{req.full_url} leads to {newurl}, which is not https.", hint="download it yourself")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def is_file_elsewhere(address: str, suffixes: frozenset[str]) -> bool:
    """Whether an address of the web ends like a file of one of these kinds."""
    is_web = address.lower().startswith(("http://", "https://"))
    return is_web and Path(address.partition("?")[0].partition("#")[0]).suffix.lower() in suffixes


def fetch(address: str, folder: Path, number: int = 0) -> Path:
    """Download a file into a folder.

    Args:
        address: of https.
        folder: that exists.
        number: put before its name, so that two of one name do not meet.

    Raises:
        InputError: another scheme, no answer, or larger than `MOST_BYTES`.
    """
    if not address.lower().startswith("https://"):
        raise InputError(f"{address} is not https.", hint="give an address of https, or download it yourself")
    name = SAFE_NAME.sub("_", address.partition("?")[0].partition("#")[0].rpartition("/")[2]).lstrip(".") or "file"
    place = folder / f"{number}" / name
    place.parent.mkdir(exist_ok=True)
    try:
        with _open(address) as answer, place.open("wb") as file:
            left = MOST_BYTES
            while block := answer.read(1 << 20):
                left -= len(block)
                if left < 0:
                    message = f"{address} is larger than {MOST_BYTES >> 20} MiB."
                    raise InputError(message, hint="download it yourself and give its path")
                file.write(block)
    except (OSError, http.client.HTTPException, ValueError) as cause:  # URLError is an OSError
        hint = "check the address and the connection, or download it yourself"
        raise InputError(f"{address} cannot be downloaded: {_reason(cause)}.", hint=hint) from cause
    return place


def _open(address: str) -> Any:
    opener = urllib.request.build_opener(_StaysSecure())
    return opener.open(address, timeout=PATIENCE)


def _reason(cause: Exception) -> str:
    reason = getattr(cause, "reason", None) or cause
    return str(reason).strip().rstrip(".") or type(cause).__name__
