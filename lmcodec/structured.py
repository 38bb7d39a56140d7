"""Log lines taken apart: the fields and the event of each line, as JSON lines.

Loghub publishes a table beside each of its sets of 2000 lines: the fields that the format of the
log has, the rest as Content, and the event whose template Content is an instance of. Everything in
such a table follows from the lines and the list of templates. JSON lines made here have the columns
of the table as strings, in its order, without blanks, and end in a line feed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from lmcodec.errors import CorruptError

__all__ = ["hdfs_json"]

_WILDCARD = "<*>"
_HDFS_LINE = re.compile(
    r"(?P<Date>\d+) (?P<Time>\d+) (?P<Pid>\d+) (?P<Level>\w+) (?P<Component>[^ ]+): (?P<Content>.*)"
)
# Events E1 to E14 of loghub's HDFS_2k.
_HDFS_EVENTS = (
    "<*>:<*> Served block blk_<*> to /<*>",
    "<*>:<*> Starting thread to transfer block blk_<*> to <*>:<*>",
    "<*>:<*>:Got exception while serving blk_<*> to /<*>:",
    "BLOCK* ask <*>:<*> to delete  blk_<*>",
    "BLOCK* ask <*>:<*> to replicate blk_<*> to datanode(s) <*>:<*>",
    "BLOCK* NameSystem.addStoredBlock: blockMap updated: <*>:<*> is added to blk_<*> size <*>",
    "BLOCK* NameSystem.allocateBlock: /<*>/part-<*>. blk_<*>",
    "BLOCK* NameSystem.delete: blk_<*> is added to invalidSet of <*>:<*>",
    "Deleting block blk_<*> file /<*>/blk_<*>",
    "PacketResponder <*> for block blk_<*> terminating",
    "Received block blk_<*> of size <*> from /<*>",
    "Received block blk_<*> src: /<*>:<*> dest: /<*>:<*> of size <*>",
    "Receiving block blk_<*> src: /<*>:<*> dest: /<*>:<*>",
    "Verification succeeded for blk_<*>",
)


def hdfs_json(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a JSON line for each line of a log of HDFS.

    Raises:
        CorruptError: A line has another form, or is an instance of no event.
    """
    for number, line in enumerate(lines, 1):
        fields = _HDFS_LINE.fullmatch(line.decode("utf-8", "replace").rstrip("\r\n"))
        event = fields and _event(fields["Content"], _HDFS_EVENTS)
        if fields is None or event is None:
            raise CorruptError(f"line of the log has another form: line {number}")
        names = {"EventId": f"E{event + 1}", "EventTemplate": _HDFS_EVENTS[event]}
        row = {"LineId": str(number), **fields.groupdict(), **names}
        yield json.dumps(row, separators=(",", ":")).encode() + b"\n"


def _event(content: str, templates: Iterable[str]) -> int | None:
    """Return the number of the first template that a text is an instance of."""
    for number, template in enumerate(templates):
        parts = map(re.escape, template.split(_WILDCARD))
        if re.fullmatch(".+?".join(parts), content):
            return number
    return None
