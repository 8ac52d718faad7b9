"""Static files through WhiteNoise, under an address that names their content.

1. The address holds a digest over all files, so browsers may keep them for ever and never mix two
   releases (test_static_files_are_immutable_and_compressed).
2. Only names found in the folder at start are served; a path is a dictionary key and never reaches
   the disk (test_no_path_leaves_the_static_folder).
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import django
from whitenoise.base import WhiteNoise  # type: ignore[import-untyped]  # ships no types
from whitenoise.compress import Compressor  # type: ignore[import-untyped]  # likewise

ROOT = Path(__file__).parent / "static"
# What Django brings for the operator's tables, but for what they do not use.
TABLES = Path(django.__file__).parent / "contrib/admin/static"
UNUSED = ("select2", "jquery.js", "xregexp.js")


def _digest() -> str:
    total = hashlib.blake2b(digest_size=6)
    for root in (ROOT, TABLES):
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            body = path.read_bytes()
            total.update(f"{path.relative_to(root)}:{len(body)}:".encode())
            total.update(body)
    return total.hexdigest()


URL = f"/static/{_digest()}/"


class Assets:
    """The ASGI application for everything below `/static/`, from a compressed copy that it keeps as
    long as it lives.
    """

    def __init__(self) -> None:
        self._copy = tempfile.TemporaryDirectory(prefix="fieldstation-static-")
        shutil.copytree(ROOT, self._copy.name, dirs_exist_ok=True)
        unused = shutil.ignore_patterns(*UNUSED)
        shutil.copytree(TABLES, self._copy.name, ignore=unused, dirs_exist_ok=True)
        compressor = Compressor(use_brotli=False, quiet=True)
        for path in [path for path in Path(self._copy.name).rglob("*") if path.is_file()]:
            compressor.compress(str(path))
        self._files = WhiteNoise(
            None,
            self._copy.name,
            URL,
            allow_all_origins=False,
            immutable_file_test=lambda path, url: True,
        ).files

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        file = self._files.get(scope["path"])
        if file is None:
            await _send(send, 404, [("content-type", "text/plain")], GONE)
            return
        answer = file.get_response(scope["method"], _environ(scope["headers"]))
        body = b""
        if answer.file is not None:
            with answer.file:
                body = answer.file.read()
        await _send(send, answer.status, answer.headers, body)

    def close(self) -> None:
        """Remove the copy."""
        self._copy.cleanup()


GONE = b"This file is not part of the running release; reload the page.\n"


def _environ(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Request headers under the names that WSGI gives them."""
    return {
        "HTTP_" + name.decode("latin-1").upper().replace("-", "_"): value.decode("latin-1")
        for name, value in headers
    }


async def _send(send: Any, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    rows = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    rows.append((b"x-content-type-options", b"nosniff"))
    await send({"type": "http.response.start", "status": int(status), "headers": rows})
    await send({"type": "http.response.body", "body": body})
