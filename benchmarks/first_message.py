"""Code one message after the start of the package, then again: ``first_message.py CHOICE FILE``.

The choice is a prior, or `bytelm` for the network beside the contexts of level 9. A process of its
own for each measurement; prints the seconds of the first time, those of the process until then, and
the median of later ones. The import itself does not count as part of the first time.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import lmcodec

_TIMES = 201
_NETWORK = "bytelm"


def main(choice: str, path: str) -> None:
    """Measure and print."""
    message = Path(path).read_bytes()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    networked = choice == _NETWORK
    codec = lmcodec.MessageCodec(choice) if networked else lmcodec.MessageCodec(prior=choice)
    coded = codec.encode(message)
    first = {"wall_s": time.perf_counter() - wall_s, "cpu_s": time.process_time() - cpu_s}
    first["process_cpu_s"] = time.process_time()
    # Later ones may leave more in the hands of the allocator, which is not the prior's.
    peak = peak_bytes()
    later = {
        "encode": median_s(lambda: codec.encode(message)),
        "decode": median_s(lambda: codec.decode(coded)),
    }
    if codec.decode(coded) != message:
        raise SystemExit("decoded bytes differ")
    about = {"coded_bytes": len(coded), "peak_bytes": peak}
    print(json.dumps({"first": first, **later, **about}))


def median_s(work: Callable[[], object]) -> dict[str, float]:
    """Return the median of the elapsed and of the CPU seconds of many calls."""
    wall: list[float] = []
    cpu: list[float] = []
    for _ in range(_TIMES):
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        work()
        cpu.append(time.process_time() - cpu_s)
        wall.append(time.perf_counter() - wall_s)
    return {"wall_s": statistics.median(wall), "cpu_s": statistics.median(cpu)}


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
