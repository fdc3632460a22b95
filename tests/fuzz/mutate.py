"""Mutants of sound studies: the n-th is the same on every machine."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml
from seed_studies import ARMS, Files, seed_studies

# Of 20 mutants so many come from each seed; files of statistics packages are slow to refuse, since
# each is tried in a process of its own (but for those of R).
SHARES = {"long": 6, "events": 5, "wide": 3, "dated": 2, "one group": 1, "excel": 2, "parquet": 1}
PACKAGES = ("spss", "r", "stata", "r", "sas", "r")
PACKAGE_EVERY = 25
# Most mutants have one mutation, so that each is seen alone; some have several.
MUTATIONS = (1, 1, 1, 2, 3)
NASTY: tuple[str, ...] = (
    "", " ", "NA", "NaN", "nan", "inf", "-inf", "1e308", "-1e308", "1e999", "9" * 400, "-0", "0x1f",
    "1_000", "1,5", "1.234,5", "½", "∞", "३", "٣", "−4", "5 ", "five", "True", "None", "null",
    "=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "\x1b[31mred\x1b[0m", "\u202egnp.exe", "\u200b", "\x00",
    "\x07", "\ufeff", "<script>alert(1)</script>", "{{7*7}}", "{__class__}", "%s%n", "$x_1$", "\\",
    "../../etc/passwd", "/dev/zero", "CON", "a" * 5000, "\n", "\r\n", '"', "'", ";", "\t", "日本語",
    "ß", "é\u0301", "\U0001f600", "2024-02-30", "31/12/2023", "2024-13-01", "0000-00-00", "99", "-1",
    "11", "1e-320", "P00", "start", "Usual care", "Massage", "~", "[]", "{}", "!!python/none",
)  # fmt: skip
MILD: tuple[str, ...] = (*map(str, range(11)), "", "NA", "2.5", "7.0", "99", "f", "m", *ARMS)
SCALARS: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 1e308, 10**30, 0.5, [], {}, [[]], [1, 2], {"a": 1}, "long",
    "wide", "adam", "date", "day", "week", "label", "worst", "baseline", "id", "pain", "age", "arm",
    "visit", "value ~ baseline + therapy * visit", "value ~ __import__('os')", "composite",
    "hypothetical", "reference_based", "while_on_treatment", "JR", "us", "cs", "VAS", "utf-16",
    "rot13", "age >= 40", "sex == 'female'", "study.yml", "pain.csv", ".", "week 8", "short",
)  # fmt: skip
# The same in C where PyYAML has it: mutants are made faster.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp1252", "latin-1", "utf-7", "cp037", "shift_jis")


@dataclass(frozen=True)
class Mutant:
    """A spoilt study: where it came from, what was done to it, and its files."""

    seed: str
    done: tuple[str, ...]
    files: Files


def mutant(number: int) -> Mutant:
    """The mutant of that number."""
    rng = random.Random(number)
    if number % PACKAGE_EVERY == 0:
        seed = PACKAGES[number // PACKAGE_EVERY % len(PACKAGES)]
    else:
        seed = rng.choices(list(SHARES), list(SHARES.values()))[0]
    files = dict(seed_studies()[seed])
    done = []
    for _ in range(rng.choice(MUTATIONS)):
        name = rng.choice(["study.yml", *[name for name in files if name != "study.yml"] * 2])
        kinds = YAML_KINDS if name == "study.yml" else TEXT_KINDS if name.endswith(".csv") else (spoil_bytes,)
        change = rng.choice(kinds)
        files[name] = change(rng, files[name])
        done.append(f"{change.__name__} {name}")
    return Mutant(seed, tuple(done), files)


def spoil_bytes(rng: random.Random, raw: bytes) -> bytes:
    """Flip, cut, repeat or insert bytes in a few places."""
    spoilt = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 8))):
        place, size = rng.randrange(len(spoilt) + 1), rng.choice((1, 1, 4, 40, 400))
        how = rng.randrange(5)
        if how == 0 and place < len(spoilt):
            spoilt[place] ^= 1 << rng.randrange(8)
        elif how == 1:
            del spoilt[place : place + size]
        elif how == 2:
            spoilt[place:place] = spoilt[place : place + size]
        elif how == 3:
            spoilt[place:place] = rng.randbytes(min(size, 40))
        elif how == 4 and rng.random() < 0.3:
            del spoilt[place:]
    return bytes(spoilt)


def spoil_encoding(rng: random.Random, raw: bytes) -> bytes:
    """The same text in another encoding, with other line ends, or with a foreign letter."""
    text = raw.decode("utf-8", "replace")
    if rng.random() < 0.5:
        text = text.replace("Massage", rng.choice(("Thérapie", "針", "Massa\u0308ge", "\x85", "\xa0")))
    if rng.random() < 0.5:
        text = text.replace("\n", rng.choice(("\r\n", "\r", "\n\n", "\u2028", "\x0b")))
    return text.encode(rng.choice(ENCODINGS), "replace")


def _records(raw: bytes) -> list[list[str]]:
    text = raw.decode("utf-8", "replace").replace("\x00", "")
    return list(csv.reader(io.StringIO(text, newline=""))) or [[""]]


def _text(records: list[list[str]], rng: random.Random) -> bytes:
    made = io.StringIO()
    csv.writer(made, delimiter=rng.choice(",,,,;\t|"), lineterminator="\n").writerows(records)
    return made.getvalue().encode("utf-8", "replace")


def spoil_columns(rng: random.Random, raw: bytes) -> bytes:
    """Drop, repeat, rename, move, empty or add columns."""
    records = _records(raw)
    width = len(records[0])
    place, other = rng.randrange(max(width, 1)), rng.randrange(max(width, 1))
    how = rng.randrange(7)
    for number, record in enumerate(records):
        if place >= len(record) or other >= len(record):
            continue
        if how == 0:
            del record[place]
        elif how == 1:
            record.insert(other, record[place])
        elif how == 2:
            record[place], record[other] = record[other], record[place]
        elif how == 3 and number:
            record[place] = ""
        elif how == 4 and number:
            record[place] = record[other]
        elif how == 5:
            record += [f"x{k}" if not number else "" for k in range(rng.choice((1, 5, 200)))]
        elif how == 6 and not number:
            record[place] = rng.choice((*NASTY, record[other], record[place].upper()))
    return _text(records, rng)


def spoil_values(rng: random.Random, raw: bytes) -> bytes:
    """Put unkind text into a few cells, or into all of a column."""
    records = _records(raw)
    if len(records) < 2:
        return raw
    pool = NASTY if rng.random() < 0.5 else MILD
    whole, column = rng.random() < 0.25, rng.randrange(max(len(records[0]), 1))
    chosen = range(1, len(records)) if whole else rng.sample(range(1, len(records)), min(3, len(records) - 1))
    text = rng.choice(pool)
    for row in chosen:
        if not whole:
            column, text = rng.randrange(max(len(records[row]), 1)), rng.choice(pool)
        if column < len(records[row]):
            records[row][column] = text
    return _text(records, rng)


def spoil_rows(rng: random.Random, raw: bytes) -> bytes:
    """Repeat, drop, cut or shuffle records; leave out all that share a value."""
    head, *body = _records(raw)
    how = rng.randrange(6)
    if how == 0:
        body += body[: rng.choice((1, 3, len(body)))]
    elif how == 1:
        body = body[: rng.choice((0, 1, 2, 4, 8, 12))]
    elif how == 2:
        body = [record for record in body if rng.random() < rng.choice((0.2, 0.5, 0.9))]
    elif how == 3:
        rng.shuffle(body)
    elif how == 4 and body:
        value = rng.choice(rng.choice(body) or [""])
        body = [record for record in body if value not in record]
    elif body:
        value = rng.choice(rng.choice(body) or [""])
        body = [record for record in body if value in record]
    return _text([head, *body], rng)


def spoil_key(rng: random.Random, raw: bytes) -> bytes:
    """Take away, repeat or replace one part of a study file, or add one that is unknown."""
    try:
        content = yaml.load(raw, LOADER)
    except (yaml.YAMLError, ValueError, UnicodeDecodeError):
        return raw
    places: list[tuple[Any, Any]] = []
    _walk(content, places)
    if not places:
        return raw
    holder, key = rng.choice(places)
    how = rng.randrange(6)
    if how == 0:
        del holder[key]
    elif how == 1:
        holder[key] = rng.choice(NASTY)
    elif how in (2, 3):
        holder[key] = rng.choice(SCALARS)
    elif how == 4 and isinstance(holder, list):
        holder.append(holder[key])
    elif how == 4:
        holder[str(key)[:-1] + rng.choice("xsé")] = holder[key]
    else:
        other, at = rng.choice(places)
        # Only plain values change places: a part inside itself would have no end.
        if not isinstance(other[at], dict | list) and not isinstance(holder[key], dict | list):
            holder[key] = other[at]
    return yaml.dump(content, Dumper=DUMPER, sort_keys=False, allow_unicode=True).encode("utf-8", "replace")


def _walk(part: Any, places: list[tuple[Any, Any]]) -> None:
    keys = list(part) if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ()
    for key in keys:
        places.append((part, key))
        _walk(part[key], places)


def spoil_text(rng: random.Random, raw: bytes) -> bytes:
    """Put unkind text into a line of a study file, or move, cut and repeat lines."""
    lines = raw.decode("utf-8", "replace").split("\n")
    place, how = rng.randrange(len(lines)), rng.randrange(5)
    if how == 0:
        lines[place] = lines[place] + rng.choice(NASTY)
    elif how == 1:
        lines[place] = rng.choice((" ", "\t", "- ", "&a ", "*a ", "!!set ", "? ")) + lines[place]
    elif how == 2:
        lines.insert(rng.randrange(len(lines)), lines[place])
    elif how == 3:
        del lines[place]
    else:
        key = lines[place].split(":")[0]
        lines[place] = f"{key}: {rng.choice(NASTY)}"
    return "\n".join(lines).encode("utf-8", "replace")


Change = Callable[[random.Random, bytes], bytes]
TEXT_KINDS: tuple[Change, ...] = (
    spoil_bytes, spoil_encoding, spoil_columns, spoil_columns, spoil_values, spoil_values,
    spoil_values, spoil_rows, spoil_rows,
)  # fmt: skip
YAML_KINDS: tuple[Change, ...] = (spoil_bytes, spoil_key, spoil_key, spoil_key, spoil_text, spoil_encoding)
