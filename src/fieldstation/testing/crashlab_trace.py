"""What a program did to the files of one folder, call by call, as strace saw it.

1. Every call that can change a file is either understood or an error: a call that the model leaves
   out would make the proof say more than it knows.
2. Files are told apart by inode, not by name, since names are moved and used again.
3. The memory that SQLite's processes share (`-shm`) is left out: it is no part of what is durable.
4. What the program says on its standard output stands among its calls, in order.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fieldstation.errors import CodecError


@dataclass(frozen=True, slots=True)
class Create:
    """The name comes to stand for a new, empty inode."""

    name: str
    inode: int


@dataclass(frozen=True, slots=True)
class Rename:
    """`old` becomes `new`; what `new` was is gone."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Link:
    """The inode of `old` gets the name `new` as well."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Unlink:
    """The name is gone."""

    name: str


@dataclass(frozen=True, slots=True)
class Write:
    """`data` from byte `offset` of the inode on."""

    inode: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resize:
    """The inode has `size` bytes; with `grow` only if it had fewer."""

    inode: int
    size: int
    grow: bool = False


@dataclass(frozen=True, slots=True)
class Sync:
    """What was written to the inode is on the disk; inode 0 is the folder."""

    inode: int


@dataclass(frozen=True, slots=True)
class Said:
    """The program wrote a line to its standard output."""

    text: str


Naming = Create | Rename | Link | Unlink
Change = Write | Resize
Step = Naming | Change | Sync | Said

FOLDER = 0
_CALLS = (
    "open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,truncate,ftruncate,fallocate,"
    "sendfile,copy_file_range,splice,link,linkat,symlink,symlinkat,fsync,fdatasync,sync,syncfs,"
    "sync_file_range,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,lseek,mmap"
)
# A call longer than this is cut by strace, which the reader notices.
_MOST_BYTES = 1 << 22
_SHARED_MEMORY = "-shm"

_LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\w+)")
_HALF = re.compile(r"(\d+) +(.*?) <unfinished \.\.\.>$")
_REST = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)$")
_HANDLE = re.compile(r"(\d+|AT_FDCWD)<([^>]*)>(\(deleted\))?")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


def record(command: Sequence[str], trace: Path, *, timeout_s: float = 300.0) -> None:
    """Run `command` under strace until it ends and write what it did to the file `trace`.

    Raises CalledProcessError when it fails.
    """
    watch = ["strace", "-f", "-y", "-xx", "-s", str(_MOST_BYTES), "-e", f"trace={_CALLS}"]
    subprocess.run(
        [*watch, "-e", "signal=none", "-o", str(trace), *command],
        stdout=subprocess.DEVNULL,
        timeout=timeout_s,
        check=True,
    )


def steps(trace: Path, folder: Path, present: Sequence[str] = ()) -> list[Step]:
    """The steps in `folder`, whose files were `present` at the start: these have the inodes 1, 2
    and so on, in that order. Raises CodecError for a call that is not understood.
    """
    reader = _Reader(folder, present)
    with trace.open(encoding="ascii", errors="replace") as lines:
        for pid, call, arguments, result in _calls(lines):
            reader.take(pid, call, arguments, result)
    return reader.steps


def _calls(lines: Iterator[str]) -> Iterator[tuple[int, str, str, int]]:
    """Calls that succeeded, in the order in which they came back."""
    halves: dict[str, str] = {}
    for line in lines:
        text = line.rstrip("\n")
        if half := _HALF.match(text):
            halves[half[1]] = half[0].removesuffix(" <unfinished ...>")
            continue
        if rest := _REST.match(text):
            text = halves.pop(rest[1], f"{rest[1]} ") + rest[2]
        whole = _LINE.match(text)
        if whole is None or whole[4] in ("-1", "?"):
            continue
        yield int(whole[1]), whole[2], whole[3], int(whole[4], 0)


class _Reader:
    def __init__(self, folder: Path, present: Sequence[str]) -> None:
        self.steps: list[Step] = []
        self._folder = str(folder.resolve())
        self._names = {name: number for number, name in enumerate(present, 1)}
        self._newest = len(present)
        self._places: dict[str, int] = {}  # where the next `write` of a descriptor goes

    def take(self, pid: int, call: str, arguments: str, result: int) -> None:
        """Add what one call did, if it concerns the folder."""
        if call == "write" and arguments.startswith("1<"):
            self._say(arguments, result)
            return
        handle = _HANDLE.match(arguments)
        if call in ("open", "openat", "creat"):
            self._open(arguments, result)
        elif call in ("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat"):
            self._rename(call, arguments)
        elif handle is not None and not handle[3]:
            self._on_handle(call, handle, arguments, result)
        elif any(self._inside(_plain(found)) for found, _ in _TEXT.findall(arguments)):
            raise CodecError("unknown_call", f"{call}({arguments[:200]}) is not in the model")

    def _say(self, arguments: str, result: int) -> None:
        said = _payload(arguments)[:result].decode()
        self.steps += [Said(line) for line in said.splitlines()]

    def _open(self, arguments: str, result: int) -> None:
        path = _TEXT.search(arguments)
        name = self._inside(_plain(path[1])) if path else None
        if not name:
            return
        flags = arguments[path.end() :] if path else ""
        if name not in self._names:
            self._newest += 1
            self._names[name] = self._newest
            self.steps.append(Create(name, self._newest))
        elif "O_TRUNC" in flags:
            self.steps.append(Resize(self._names[name], 0))
        if "O_APPEND" in flags:
            raise CodecError("unknown_call", f"{name} is opened with O_APPEND")
        self._places[f"{result}:{name}"] = 0

    def _rename(self, call: str, arguments: str) -> None:
        paths = [self._inside(_plain(found)) for found, _ in _TEXT.findall(arguments)]
        if not any(paths):
            return
        old, new = paths[0], paths[-1]
        if not old or not new or "AT_REMOVEDIR" in arguments:
            raise CodecError("unknown_call", f"{call} across the folder's border")
        inode = self._names.get(old)
        if inode is None:
            raise CodecError("unknown_call", f"{call} of {old}, which the trace never made")
        if call.startswith("link"):
            self._names[new] = inode
            self.steps.append(Link(old, new))
            return
        del self._names[old]
        if call.startswith("unlink"):
            self.steps.append(Unlink(old))
        else:
            self._names[new] = inode
            self.steps.append(Rename(old, new))

    def _on_handle(self, call: str, handle: re.Match[str], arguments: str, result: int) -> None:
        path = _plain(handle[2])
        if path == self._folder and call in ("fsync", "fdatasync"):
            self.steps.append(Sync(FOLDER))
        name = self._inside(path)
        if not name:
            return
        inode = self._names.get(name)
        if inode is None:
            raise CodecError("unknown_call", f"{call} on {name}, which the trace never made")
        place = f"{handle[1]}:{name}"
        numbers = [part.strip() for part in _TEXT.sub("", arguments).split(",")]
        match call:
            case "fsync" | "fdatasync":
                self.steps.append(Sync(inode))
            case "pwrite64":
                self._write(inode, int(numbers[-1]), _payload(arguments)[:result])
            case "write":
                self._write(inode, self._places[place], _payload(arguments)[:result])
                self._places[place] += result
            case "lseek":
                self._places[place] = result
            case "ftruncate":
                self.steps.append(Resize(inode, int(numbers[-1])))
            case "fallocate":
                self.steps.append(Resize(inode, int(numbers[-2]) + int(numbers[-1]), grow=True))
            case "mmap" | "openat" if "PROT_WRITE" not in arguments:
                pass
            case _:
                raise CodecError("unknown_call", f"{call} on {name} is not in the model")

    def _write(self, inode: int, offset: int, data: bytes) -> None:
        self.steps.append(Write(inode, offset, data))

    def _inside(self, path: str) -> str:
        """The name of a file in the folder; nothing for what lies elsewhere or does not count."""
        folder, name = os.path.split(path)
        return "" if folder != self._folder or name.endswith(_SHARED_MEMORY) else name


def _plain(text: str) -> str:
    return bytes.fromhex(text.replace("\\x", "")).decode(errors="surrogateescape")


def _payload(arguments: str) -> bytes:
    found = _TEXT.search(arguments)
    if found is None or found[2]:
        raise CodecError("too_long", f"a call's bytes are not in the trace: {arguments[:80]}")
    return bytes.fromhex(found[1].replace("\\x", ""))
