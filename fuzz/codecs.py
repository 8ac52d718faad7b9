"""Any bytes give values or one of the project's own errors: for libFuzzer, through Atheris.

Usage: `python -m fuzz.codecs KIND [option of libFuzzer]…`, see README.md beside this file. What is
found is written below `var/fuzz/KIND`.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

from fieldstation.instruments import registry
from fieldstation.testing.conformance import Folder, feed

FOUND = Path("var/fuzz")


class Subject:
    """The codec of one kind: `names` of the frames that it knows, good ones with their names as
    `samples`.
    """

    def __init__(self, kind: str) -> None:
        folder = Folder(kind)
        frames = folder.good_frames()
        self._codec = folder.codec
        self.samples = frames
        self.names = sorted({name for name, _ in (*folder.codec.FRAMES, *frames)})

    def feed(self, name: str, data: bytes) -> None:
        """Raises what no codec may raise."""
        feed(self._codec, name, data)


def spoiled(subject: Subject, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Endless frames, most of them under their own name: good ones with flipped, lost, added,
    doubled or swapped pieces, and noise.
    """
    while True:
        name, sample = chance.choice(subject.samples)
        if chance.random() < 0.1:
            sample = chance.randbytes(chance.randint(0, 300))
        data = bytearray(sample)
        for _ in range(chance.randint(1, 3)):
            _spoil(data, chance, subject)
        yield (name if chance.random() < 0.8 else chance.choice(subject.names)), bytes(data)


def _spoil(data: bytearray, chance: random.Random, subject: Subject) -> None:
    start = chance.randint(0, len(data))
    end = chance.randint(start, min(len(data), start + 8))
    match chance.randrange(6):
        case 0:
            data[start:end] = chance.randbytes(chance.randint(0, 12))
        case 1:
            data[start:end] = bytes(chance.choices(b"0123456789.-+ ,()", k=end - start))
        case 2:
            del data[start:end]
        case 3:
            data[start:start] = data[start:end]
        case 4 if data:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case _:
            data[start:] = chance.choice(subject.samples)[1][start:]


def main(arguments: list[str]) -> None:
    """Fuzz one kind until something is found or libFuzzer is told to stop."""
    try:
        import atheris
    except ModuleNotFoundError:
        raise SystemExit("the fuzzer is not installed; type: pip install atheris") from None
    if not arguments or arguments[0] not in registry.kinds():
        raise SystemExit(f"name an instrument; there are {', '.join(registry.kinds())}")
    kind = arguments[0]
    with atheris.instrument_imports(include=[registry.package(kind), "fieldstation.protocol"]):
        subject = Subject(kind)

    def one_input(data: bytes) -> None:
        if data:
            subject.feed(subject.names[data[0] % len(subject.names)], data[1:])

    corpus = FOUND / kind
    corpus.mkdir(parents=True, exist_ok=True)
    for number, (name, sample) in enumerate(subject.samples):
        (corpus / f"sample-{number}").write_bytes(bytes([subject.names.index(name)]) + sample)
    atheris.Setup(
        [sys.argv[0], *arguments[1:], f"-artifact_prefix={corpus}/", str(corpus)], one_input
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
