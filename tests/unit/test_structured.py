"""Log lines taken apart."""

from __future__ import annotations

import json

import pytest

from lmcodec import corpora
from lmcodec.errors import CorruptError
from lmcodec.structured import hdfs_json

LINES = [
    b"081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_38 "
    b"terminating\r\n",
    b"081109 214043 2561 WARN dfs.DataNode$DataXceiver: 10.251.30.85:50010:Got exception while "
    b"serving blk_-29 to /10.251.90.64:\r\n",
    b"081111 3 19 INFO dfs.FSNamesystem: BLOCK* ask 10.250.14.38:50010 to delete  blk_1 blk_2",
]


def test_lines_become_objects() -> None:
    rows = list(hdfs_json(LINES))
    assert rows[0] == (
        b'{"LineId":"1","Date":"081109","Time":"203615","Pid":"148","Level":"INFO",'
        b'"Component":"dfs.DataNode$PacketResponder",'
        b'"Content":"PacketResponder 1 for block blk_38 terminating","EventId":"E10",'
        b'"EventTemplate":"PacketResponder <*> for block blk_<*> terminating"}\n'
    )
    assert [json.loads(row)["EventId"] for row in rows] == ["E10", "E3", "E4"]
    assert json.loads(rows[2])["Content"] == "BLOCK* ask 10.250.14.38:50010 to delete  blk_1 blk_2"


@pytest.mark.parametrize(
    "line",
    [b"", b"081109 203615 148 INFO\n", b"081109 203615 148 INFO dfs.X: never seen\n", b"\xff\n"],
    ids=["empty", "short", "no event", "no text"],
)
def test_other_lines_are_refused(line: bytes) -> None:
    with pytest.raises(CorruptError, match=r"line 4$"):
        list(hdfs_json([*LINES, line]))


def test_every_event_of_the_log_occurs() -> None:
    parent = corpora.locate(corpora.find("HDFS_2k.log"))
    if parent is None:
        pytest.skip("the log is not on this machine")
    rows = [json.loads(line) for line in corpora.load("hdfs_2k.jsonl").splitlines()]
    assert len(rows) == 2000
    assert {row["EventId"] for row in rows} == {f"E{number}" for number in range(1, 15)}
