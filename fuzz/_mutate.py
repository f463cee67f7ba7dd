"""Spoil files of formats that are known: values, keys and lengths where they are, so that most files get far."""

from __future__ import annotations

import io
import json
import pickletools
import struct
import zipfile
import zlib
from collections.abc import Sequence
from random import Random
from typing import Any

from ._target import Mutator
from ._watch import SECRET, TRAP

NUMBERS = (
    *(0, 1, -1, 2, 7, 127, 128, 255, 256, 4096, 65535, 65536, 10**6, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1),
    *(2**63, 2**64, -(2**31), -(2**63), 10**30, 0.5, -0.0, 1e-320, 1e308, float("nan"), float("inf"), float("-inf")),
)
WORDS = (
    *(
        "",
        "a",
        ".",
        "..",
        "/",
        f"../{SECRET}",
        f"../../{SECRET}",
        "/etc/passwd",
        "a" * 3000,
        "\0",
        "\n",
        "é",
        "\ud800",
        "%s",
    ),
    *("__class__", "__dict__", "__init__", "forward", "training", f"{TRAP}", f"{TRAP}:run", f"{TRAP}.run", "os:system"),
    *(
        "module:callable",
        "http://localhost/a",
        "timm:resnet18",
        "antialias:TinyResNet",
        "[",
        "{}",
        "null",
        "NaN",
        "1e999",
    ),
)
MAGIC = tuple(
    number.to_bytes(size, order) for number in (0, 1, 127, 255) for size in (1, 4, 8) for order in ("little", "big")
)
ENDS = tuple(
    struct.pack(f"<{kind}", value) for kind, value in (("I", 2**31), ("I", 2**32 - 1), ("Q", 2**63), ("Q", 2**40))
)


def bytes_of(content: bytes, random: Random) -> bytes:
    """Change bytes wherever they are: flip, cut, repeat, insert, move."""
    spoilt = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 4, 16))):
        at, length = random.randrange(len(spoilt) + 1), min(random.choice((1, 1, 2, 4, 8, 64, 512)), len(spoilt))
        piece = bytes(spoilt[at : at + length])
        match random.randrange(8):
            case 0 if at < len(spoilt):
                spoilt[at] ^= 1 << random.randrange(8)
            case 1:
                del spoilt[at : at + length]
            case 2:
                spoilt[at:at] = piece * random.choice((1, 2, 100))
            case 3:
                spoilt[at : at + length] = random.randbytes(length)
            case 4:
                spoilt[at : at + 8] = random.choice(MAGIC + ENDS)
            case 5:
                spoilt[at:at] = random.choice(WORDS).encode("utf-8", "surrogatepass")[:64]
            case 6 if random.random() < 0.3:
                del spoilt[at:]
            case _:
                spoilt[at : at + len(piece)] = spoilt[(other := random.randrange(len(spoilt) + 1)) : other + len(piece)]
    return bytes(spoilt)


def value(random: Random, deep: int = 2) -> Any:
    """Return a value that JSON can say and nobody expects."""
    match random.randrange(7 if deep else 3):
        case 0:
            return random.choice((None, True, False))
        case 1:
            return random.choice(NUMBERS)
        case 2:
            return random.choice(WORDS)
        case 3:
            return [value(random, deep - 1) for _ in range(random.randrange(4))]
        case 4:
            return {random.choice(WORDS)[:20]: value(random, deep - 1) for _ in range(random.randrange(3))}
        case 5:
            nested: Any = 1
            for _ in range(random.choice((3, 40, 70, 900))):
                nested = [nested] if random.random() < 0.5 else {"a": nested}
            return nested
        case _:
            return [random.choice(NUMBERS)] * random.choice((1, 2, 3, 4, 100))


def json_values(values: Any, random: Random) -> Any:
    """Change a few values or keys of what JSON says, which is changed in place."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = [(holder, key) for holder in _holders(values) for key in _keys(holder)]
        if not places:
            return value(random)
        holder, key = random.choice(places)
        other, from_ = random.choice(places)
        match random.randrange(9):
            case 0 | 1:
                holder[key] = value(random)
            case 2:
                holder[key] = _near(holder[key], random)
            case 3:
                del holder[key]
            case 4 if isinstance(holder, dict):
                holder[random.choice((*WORDS[:20], str(key).upper(), f"{key}_"))] = holder.pop(key)
            case 5 if isinstance(holder, list):
                holder[:] = holder[:3] * random.choice((0, 2, 3, 50))
            case 6:
                holder[key] = json.loads(json.dumps(other[from_]))
            case 7 if isinstance(holder, dict):
                holder[random.choice(WORDS[:20])] = value(random)
            case _:
                holder[key] = random.choice(NUMBERS)
    return values


def _near(old: Any, random: Random) -> Any:
    """Return a value that is almost the old one."""
    if isinstance(old, bool):
        return not old
    if isinstance(old, (int, float)):
        return random.choice((old + 1, old - 1, -old, old * 2, float(old), str(old), [old]))
    if isinstance(old, str):
        at = random.randrange(len(old) + 1)
        return random.choice((old[:at], old[:at] + random.choice(WORDS)[:40] + old[at:], old * 2, old.upper(), [old]))
    if isinstance(old, list):
        return random.choice((old[::-1], old[1:], old + old[:1], {str(n): each for n, each in enumerate(old)}))
    return [old] if isinstance(old, dict) else value(random)


def _holders(values: Any) -> list[Any]:
    found, waiting = [], [values]
    while waiting:
        each = waiting.pop()
        if isinstance(each, (dict, list)):
            found.append(each)
            waiting += each.values() if isinstance(each, dict) else each
    return found


def _keys(holder: Any) -> Sequence[Any]:
    return list(holder) if isinstance(holder, dict) else range(len(holder))


def json_text(content: bytes, random: Random) -> bytes:
    """Change a JSON text: its values, or where it cannot be read its bytes."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return bytes_of(content, random)
    text = json.dumps(json_values(values, random), ensure_ascii=random.random() < 0.8)
    return text.encode("utf-8", "surrogatepass")


def safetensors(content: bytes, random: Random) -> bytes:
    """Change the header of a file of safetensors, what its metadata say as JSON, or its bytes.

    The length in front of the header is made right again half of the time.
    """
    length = int.from_bytes(content[:8], "little")
    header, rest = content[8 : 8 + length], content[8 + length :]
    try:
        values = json.loads(header)
        words = values.get("__metadata__")
    except (ValueError, RecursionError, AttributeError):
        return bytes_of(content, random)
    if isinstance(words, dict) and words and random.random() < 0.6:
        name = random.choice([*words])
        words[name] = json_text(str(words[name]).encode("utf-8", "replace"), random).decode("utf-8", "replace")
    elif random.random() < 0.8:
        values = json_values(values, random)
    else:
        header = bytes_of(header, random)
        values = None
    if values is not None:
        header = json.dumps(values, ensure_ascii=random.random() < 0.9).encode("utf-8", "surrogatepass")
    if random.random() < 0.5:
        header, length = header.ljust(-(-len(header) // 8) * 8), -(-len(header) // 8) * 8
    elif random.random() < 0.3:
        length = random.choice((0, 1, 7, 2**31, 2**62, 2**63, 2**64 - 1, 10**8, length + 8))
    return length.to_bytes(8, "little") + header + rest


GLOBALS = (
    *(b"os\nsystem\n", b"builtins\neval\n", b"builtins\nexec\n", b"posix\nsystem\n", b"subprocess\nPopen\n"),
    *(TRAP.encode() + b"\nrun\n", b"torch\nload\n", b"torch._utils\n_rebuild_tensor_v2\n", b"torch\nFloatStorage\n"),
    *(b"collections\nOrderedDict\n", b"argparse\nNamespace\n", b"numpy\ndtype\n", b"a" * 3000 + b"\nb\n"),
)


def pickle(content: bytes, random: Random) -> bytes:
    """Change the operations of a pickle: leave out, repeat, move, and give other arguments."""
    try:
        starts = [position for _, _, position in pickletools.genops(content) if position is not None]
    except Exception:  # what is spoilt already
        return bytes_of(content, random)
    ops = [content[start:end] for start, end in zip(starts, [*starts[1:], len(content)], strict=True)]
    for _ in range(random.choice((1, 1, 2, 3))):
        at = random.randrange(len(ops))
        match random.randrange(9):
            case 0:
                del ops[at : at + 1]
            case 1:
                ops.insert(at, random.choice(ops or [b"."]))
            case 2:
                ops.insert(at, b"c" + random.choice(GLOBALS) + random.choice((b"", b")R", b"X\x01\0\0\0a\x85R")))
            case 3:
                ops.insert(at, b"X" + struct.pack("<I", size := random.choice((1, 30, 3000))) + b"a" * size)
            case 4:
                number = random.choice((0, 1, 2**31 - 1, -1, -(2**31), 512))
                ops[at : at + 1] = [b"J" + struct.pack("<i", number)]
            case 5:
                ops[at : at + 1] = [b"\x8a\x08" + struct.pack("<q", random.choice((2**62, -(2**62), 2**40)))]
            case 6:
                ops.insert(
                    at,
                    random.choice((b"]", b"}", b")", b"N", b"(", b"0", b"2", b"\x85", b"\x86", b"R", b"b", b"Q", b"u")),
                )
            case 7:
                ops.insert(at, b"(" * random.choice((1, 50, 2000)) + b"t" * random.choice((0, 50, 2000)))
            case _:
                ops[at : at + 1] = [bytes_of(b"".join(ops[at : at + 1]), random)]
        ops = ops or [b"N."]
    return b"".join(ops)


def archive(content: bytes, random: Random) -> bytes:
    """Change a zip file, as `torch.save` writes: its members, their names, compression and sizes, or its bytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as old:
            members = {name: old.read(name) for name in old.namelist()}
    except Exception:
        return bytes_of(content, random)
    if not members or random.random() < 0.15:
        return bytes_of(content, random)
    name = random.choice([*members, *(each for each in members if each.endswith(".pkl"))])
    folder = name.partition("/")[0]
    compression = zipfile.ZIP_STORED
    match random.randrange(8):
        case 0:
            del members[name]
        case 1:
            members[random.choice((f"../{SECRET}", f"{folder}/../{SECRET}", "/a", folder, ""))] = members[name]
        case 2:
            members[f"{folder}/constants.pkl"] = members[name]
        case 3:
            members[name] = bytes(random.choice((0, 1, 10**6)))
            compression = zipfile.ZIP_DEFLATED
        case _:
            members[name] = (pickle if name.endswith(".pkl") else bytes_of)(members[name], random)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", compression) as new:
        for each, inner in members.items():
            new.writestr(zipfile.ZipInfo(each), inner, compression)
    result = bytearray(written.getvalue())
    if random.random() < 0.2 and (entry := result.rfind(b"PK\x01\x02")) >= 0:  # what the directory says of a member
        at = entry + random.choice((8, 10, 16, 20, 24, 28, 42))
        result[at : at + 4] = random.choice((b"\xff" * 4, b"\0" * 4, struct.pack("<I", 2**31)))
    return bytes(result)


def compressed(size: int) -> bytes:
    """Return what `size` zeros are when they are deflated, without making them all."""
    squeezer, zeros = zlib.compressobj(9, zlib.DEFLATED, -15), bytes(2**20)
    return b"".join(squeezer.compress(zeros) for _ in range(size >> 20)) + squeezer.flush()


def lines(content: bytes, random: Random) -> bytes:
    """Change a text of lines, such as TOML: leave out, repeat, swap, and give other values behind the equals sign."""
    rows = content.splitlines() or [b""]
    at, other = random.randrange(len(rows)), random.randrange(len(rows))
    match random.randrange(6):
        case 0:
            del rows[at]
        case 1:
            rows.insert(other, rows[at])
        case 2:
            rows[at], rows[other] = rows[other], rows[at]
        case 3 | 4:
            name, _, _ = rows[at].partition(b"=")
            rows[at] = name + b"= " + json.dumps(value(random)).encode()
        case _:
            rows[at] = bytes_of(rows[at], random)
    return b"\n".join(rows) + b"\n"


def spoil(mutator: Mutator, content: bytes, random: Random) -> bytes:
    """Change a file by its mutator, or by its bytes where that cannot: what is spoilt already may be of no format."""
    try:
        return mutator(content, random)
    except (RecursionError, ValueError, TypeError, IndexError, KeyError, OverflowError):
        return bytes_of(content, random)


def some_of(*mutators: Mutator) -> Mutator:
    """Return a mutator that is one of several each time."""
    return lambda content, random: random.choice(mutators)(content, random)
