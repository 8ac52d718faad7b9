"""Static files, served from memory under an address that names their content.

1. The address holds a digest over all files, so browsers may keep them for ever and never mix two
   releases (test_static_files_are_immutable_and_compressed).
2. Only names found in the folder at start are served; a path is a dictionary key and never reaches
   the disk (test_no_path_leaves_the_static_folder).
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent / "static"
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
# Below this size the gzip header costs more than it saves.
SMALLEST_TO_COMPRESS = 500

Headers = list[tuple[bytes, bytes]]


def _load() -> dict[str, bytes]:
    paths = sorted(path for path in ROOT.rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths}


def _digest(files: dict[str, bytes]) -> str:
    total = hashlib.blake2b(digest_size=6)
    for name, body in files.items():
        total.update(f"{name}:{len(body)}:".encode())
        total.update(body)
    return total.hexdigest()


_FILES = _load()
URL = f"/static/{_digest(_FILES)}/"


def _headers(name: str, length: int) -> Headers:
    suffix = Path(name).suffix
    kind = TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    text = "; charset=utf-8" if kind.startswith("text/") else ""
    return [
        (b"content-type", f"{kind}{text}".encode()),
        (b"content-length", str(length).encode()),
        (b"cache-control", b"public, max-age=31536000, immutable"),
        (b"vary", b"accept-encoding"),
        (b"x-content-type-options", b"nosniff"),
    ]


def _answer(name: str, accepts_gzip: bool) -> tuple[int, Headers, bytes]:
    body = _FILES.get(name)
    if body is None:
        gone = b"This file is not part of the running release; reload the page.\n"
        return 404, [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")], gone
    if accepts_gzip and len(body) > SMALLEST_TO_COMPRESS:
        packed = gzip.compress(body, mtime=0)
        return 200, [*_headers(name, len(packed)), (b"content-encoding", b"gzip")], packed
    return 200, _headers(name, len(body)), body


async def serve(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application for everything below `/static/`."""
    encodings = dict(scope["headers"]).get(b"accept-encoding", b"")
    name = scope["path"].removeprefix(URL) if scope["path"].startswith(URL) else ""
    status, headers, body = _answer(name, b"gzip" in encodings)
    body = b"" if scope["method"] == "HEAD" else body
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
