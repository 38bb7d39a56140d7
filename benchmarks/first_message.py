"""Code one message after the start of the package, then again: ``first_message.py PRIOR FILE``.

A process of its own for each measurement; prints the seconds of the first time and the median of
later ones. The import itself is not counted.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import lmcodec

_TIMES = 201


def main(choice: str, path: str) -> None:
    """Measure and print."""
    message = Path(path).read_bytes()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    codec = lmcodec.MessageCodec(prior=choice)
    coded = codec.encode(message)
    first = {"wall_s": time.perf_counter() - wall_s, "cpu_s": time.process_time() - cpu_s}
    encode: list[float] = []
    decode: list[float] = []
    for _ in range(_TIMES):
        start_s = time.perf_counter()
        codec.encode(message)
        middle_s = time.perf_counter()
        decoded = codec.decode(coded)
        decode.append(time.perf_counter() - middle_s)
        encode.append(middle_s - start_s)
    if decoded != message:
        raise SystemExit("decoded bytes differ")
    later = {"encode_s": statistics.median(encode), "decode_s": statistics.median(decode)}
    print(json.dumps({**first, **later, "coded_bytes": len(coded), "peak_bytes": peak_bytes()}))


def peak_bytes() -> int | None:
    """Return the largest resident memory of this program, None where the system does not tell.

    Of the whole process Linux tells another figure: there it starts at that of its parent.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
