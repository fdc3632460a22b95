"""The objects in a file of R (.rda, .RData, .rds): unpacked and parsed within bounds.

Nothing in such a file is run. Functions, formulas and promises that R keeps beside data are parsed as
data, like everything else, and left lying: `rdata` holds no interpreter and calls nothing that a file
names. It has no bounds of its own; they are set here.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from rdata.parser import DEFAULT_ALTREP_MAP, RObject, RObjectInfo, RObjectType

# The classes behind rdata.parser.parse_data, which offers no place to count.
from rdata.parser._ascii import ParserASCII
from rdata.parser._binary import ParserBinary
from rdata.parser._parser import Parser
from rdata.parser._xdr import ParserXDR

from analysis.errors import DataError
from analysis.readers.excel import MAX_RATIO, RATIO_FROM
from analysis.readers.finding import shorten

# What a file unpacks to stands in memory more than once while it is read.
MAX_UNPACKED = 200_000_000
# An object that is neither number nor text takes 25 µs, a distinct text 400 bytes.
MAX_OBJECTS, MAX_TEXTS = 200_000, 1_000_000
# Numbers that R writes as "from 1 to n": a few bytes of file can stand for any number of them.
MAX_COUNTED = 10_000_000

_WORKSPACES = (b"RDX2\n", b"RDX3\n", b"RDA2\n", b"RDA3\n", b"RDB2\n", b"RDB3\n")
_FORMATS: tuple[tuple[bytes, str], ...] = (
    (b"X\n", "xdr"), (b"A\r\n", "ascii"), (b"A\n", "ascii"), (b"B\n", "binary"),
)  # fmt: skip
_FLAGS_AND_SIZE, _TEXT = struct.Struct(">ii"), RObjectType.CHAR.value
_TOO_LARGE = "Save the data frame alone, as CSV or Parquet."


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file of R holds.

    Attributes
    ----------
    objects : tuple of (str or None, RObject)
        The objects with the names that they had in R; an .rds file holds one without a name.
    encoding : str or None
        Of text that does not say its own, where the file says it.
    """

    objects: tuple[tuple[bytes | None, RObject], ...]
    encoding: str | None


class _TooLargeError(Exception):
    """The file holds more than is read."""


class _ForeignError(Exception):
    """The file holds something that only a package of R can read."""


def contents_of(path: Path) -> Contents:
    """Parse a file of R, compressed with gzip, bzip2 or xz or not at all.

    Raises
    ------
    DataError
        Not a file of R, a damaged one, or one that unpacks to more than is read.
    """
    raw = _unpacked(path)
    workspace = raw.startswith(_WORKSPACES)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parser = _parser_of(memoryview(raw)[5 if workspace else 0 :])
            parsed = parser.parse_all()
            parser.check_complete()
        found = tuple(_members(parsed.object)) if workspace else ((None, parsed.object),)
    except DataError:
        raise
    except _TooLargeError:
        raise DataError(f"the file holds more than is read of a file of R. {_TOO_LARGE}") from None
    except _ForeignError as error:
        raise DataError(
            f"the file holds a vector that a package of R keeps in a form of its own ({error}). Save "
            'the data as CSV in R: write.csv(NAME, "NAME.csv", row.names = FALSE).'
        ) from None
    except RecursionError:
        raise DataError(
            "the file holds more objects, or objects more deeply nested, than are read. Save the data "
            'frame alone in R: saveRDS(NAME, "NAME.rds").'
        ) from None
    except NotImplementedError:
        raise DataError(
            "the file holds an object of a kind that is not read, or is damaged. Save the data frame "
            'alone in R: saveRDS(NAME, "NAME.rds").'
        ) from None
    except Exception as error:  # a damaged file may say anything of itself
        raise DataError(
            f"the file is damaged, or is none of R ({type(error).__name__}). Save it again."
        ) from None
    return Contents(found, parsed.extra.encoding)


def attributes_of(thing: RObject) -> dict[str, RObject]:
    """Attributes of an object by their names: its class, names, levels, labels."""
    return {
        name.decode("utf-8", "replace"): value
        for name, value in _members(thing.attributes)
        if name is not None
    }


def _members(pairs: RObject | None) -> list[tuple[bytes | None, RObject]]:
    """Members of a pairlist with their tags."""
    found = []
    while pairs is not None and pairs.info.type is RObjectType.LIST:
        found.append((_symbol(pairs.tag), pairs.value[0]))
        pairs = pairs.value[1]
    return found


def _symbol(tag: RObject | None) -> bytes | None:
    while tag is not None and tag.info.type is RObjectType.REF:
        tag = tag.referenced_object
    return tag.value.value if tag is not None and tag.info.type is RObjectType.SYM else None


def _unpacked(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_UNPACKED:
        raise DataError(f"the file has {size:,} bytes, more than is read of a file of R. {_TOO_LARGE}")
    raw = path.read_bytes()
    opener: Any = None
    if raw.startswith(b"\x1f\x8b"):
        opener = zlib.decompressobj(wbits=31)
    elif raw.startswith(b"BZh"):
        opener = bz2.BZ2Decompressor()
    elif raw.startswith(b"\xfd7zXZ\x00"):
        opener = lzma.LZMADecompressor(memlimit=MAX_UNPACKED)
    if opener is None:
        return raw
    limit = min(MAX_UNPACKED, max(RATIO_FROM, MAX_RATIO * size))
    try:
        unpacked = opener.decompress(raw, limit + 1)
    except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError) as error:
        why = shorten(str(error)) or type(error).__name__
        raise DataError(f"the file is damaged and cannot be unpacked ({why}). Save it again.") from None
    if len(unpacked) > limit:
        raise DataError(f"the file unpacks to more than {limit:,} bytes. {_TOO_LARGE}")
    if not opener.eof:
        raise DataError("the file is cut off: its end is missing. Copy or save it again.")
    return unpacked


def _parser_of(view: memoryview) -> Any:
    kinds: dict[str, type[Any]] = {"xdr": _BoundedXDR, "ascii": _BoundedASCII, "binary": _BoundedBinary}
    for sign, name in _FORMATS:
        if view[: len(sign)] == sign:
            body = view[len(sign) :]
            left = _Left(len(body))
            parser = kinds[name](body, expand_altrep=True, altrep_constructor_dict=_Sequences(left))
            parser.left = left
            return parser
    raise DataError("the file is none of R. Save it again with save() or saveRDS().")


class _Left:
    """How much may still be read."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.objects, self.texts, self.counted = MAX_OBJECTS, MAX_TEXTS, MAX_COUNTED

    def spend(self, objects: int = 0, *, texts: int = 0, counted: int = 0) -> None:
        """Take from it."""
        self.objects -= objects
        self.texts -= texts
        self.counted -= counted
        if min(self.objects, self.texts, self.counted) < 0:
            raise _TooLargeError


class _Sequences(Mapping[bytes, Any]):
    """What becomes of vectors that R writes in short ("from 1 to n"), within bounds."""

    def __init__(self, left: _Left) -> None:
        self.left = left

    def __getitem__(self, name: bytes) -> Any:
        if name in (b"compact_intseq", b"compact_realseq"):
            return self._counted
        if name == b"deferred_string":
            return self._texts
        if name not in DEFAULT_ALTREP_MAP:
            raise _ForeignError(shorten(name.decode("utf-8", "replace")))
        return DEFAULT_ALTREP_MAP[name]

    def __iter__(self) -> Any:
        return iter(DEFAULT_ALTREP_MAP)

    def __len__(self) -> int:
        return len(DEFAULT_ALTREP_MAP)

    def _counted(self, state: RObject) -> tuple[RObjectInfo, NDArray[Any]]:
        n, start, step = (float(part) for part in state.value)
        if not 0 <= n <= MAX_COUNTED or not np.isfinite([start, step]).all():
            raise _TooLargeError
        self.left.spend(counted=int(n))
        info = RObjectInfo(RObjectType.REAL, object=False, attributes=False, tag=False, gp=0, reference=0)
        return info, start + step * np.arange(int(n))

    def _texts(self, state: RObject) -> tuple[RObjectInfo, Any]:
        numbers, digits = state.value
        # Written out one by one, each takes as long as several that stand in the file.
        self.left.spend(texts=4 * len(numbers.value))
        values = np.ma.filled(np.ma.asarray(numbers.value, dtype=np.float64), np.nan)
        plain = replace(state, value=(replace(numbers, value=values), digits))
        info, texts = DEFAULT_ALTREP_MAP[b"deferred_string"](plain)
        # A missing number is a missing text, and not the text "nan".
        return info, [
            replace(text, value=None) if missing else text
            for text, missing in zip(texts, np.isnan(values).tolist(), strict=True)
        ]


class _Bounded(Parser):
    """A parser of rdata that counts, and that takes no vector for whole that is cut off."""

    left: _Left
    file: Any

    def parse_R_object(self, *args: Any, **options: Any) -> RObject:
        self.left.spend(1)
        return super().parse_R_object(*args, **options)

    def parse_string(self, length: int) -> bytes:
        raw: bytes = super().parse_string(length)  # type: ignore[safe-super]
        if len(raw) != length:
            raise EOFError
        return raw

    def _parse_array(self, dtype: DTypeLike) -> NDArray[Any]:
        length = self._length()
        values = self._parse_array_values(dtype, length)
        if len(values) != length:
            raise EOFError
        return values

    def _parse_bytecode(self, references: Any, repeated: Any = None) -> Any:
        if repeated is None:
            # A list as long as the file says is made before anything of it is read.
            here = self.file.tell()
            self.left.spend(self._length())
            self.file.seek(here)
        return super()._parse_bytecode(references, repeated)

    def _length(self) -> int:
        """Length of a vector; none has fewer bytes than elements, whatever the format."""
        length = self.parse_int()
        if not 0 <= length <= self.left.size:
            raise ValueError(length)
        return length


class _BoundedASCII(_Bounded, ParserASCII):
    pass


class _BoundedBinary(_Bounded, ParserBinary):
    pass


class _BoundedXDR(_Bounded, ParserXDR):
    """The usual format, in which texts are read fast: the same text is one object."""

    def parse_int(self) -> int:
        return int(struct.unpack(">i", self.file.read(4))[0])

    def _parse_vector_value(self, *args: Any) -> list[RObject]:
        length, raw, here = self._length(), self.file.getbuffer(), self.file.tell()
        found: list[RObject] = []
        known: dict[int, dict[bytes | None, RObject]] = {}
        while len(found) < length:
            flags, size = _FLAGS_AND_SIZE.unpack_from(raw, here)
            # A text without attributes of its own (type 9), as all but the oddest are.
            if flags & 0x7FF != _TEXT:
                self.file.seek(here)
                found.append(self.parse_R_object(*args))
                here = self.file.tell()
                continue
            here += 8
            text = None if size < 0 else bytes(raw[here : here + size])
            if text is not None and len(text) != size:
                raise EOFError
            here += max(size, 0)
            same = known.setdefault(flags, {})
            if text not in same:
                self.left.spend(texts=1)
                same[text] = _text(flags, text)
            found.append(same[text])
        self.file.seek(here)
        return found


@lru_cache(maxsize=1000)
def _about_text(flags: int) -> RObjectInfo:
    return RObjectInfo(RObjectType.CHAR, object=False, attributes=False, tag=False,
                       gp=flags >> 12 & 0xFFFF, reference=0)  # fmt: skip


def _text(flags: int, text: bytes | None) -> RObject:
    return RObject(_about_text(flags), text, None)
