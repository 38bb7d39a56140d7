"""Lossless compression by named probability models."""

from lmcodec._core import __version__
from lmcodec.api import compress, decompress, decompress_into
from lmcodec.array_file import ArrayFile, open_array
from lmcodec.errors import (
    CorruptError,
    FormatError,
    LimitError,
    LmcodecError,
    ModelError,
    NotReproducibleError,
    TruncatedError,
    UnsupportedError,
    WeightsError,
)
from lmcodec.file import LmcodecFile, open
from lmcodec.incremental import LmcodecCompressor, LmcodecDecompressor
from lmcodec.info import Info, info
from lmcodec.message import MessageCodec
from lmcodec.network import Network
from lmcodec.options import CompressionParameter
from lmcodec.prior import Prior
from lmcodec.recover import Recovered, recover
from lmcodec.table_file import TableFile, open_table
from lmcodec.train import train_prior
from lmcodec.tune import train_network
from lmcodec.windows import Windows, detokenize, tokenize

__all__ = [
    "ArrayFile",
    "CompressionParameter",
    "CorruptError",
    "FormatError",
    "Info",
    "LimitError",
    "LmcodecCompressor",
    "LmcodecDecompressor",
    "LmcodecError",
    "LmcodecFile",
    "MessageCodec",
    "ModelError",
    "Network",
    "NotReproducibleError",
    "Prior",
    "Recovered",
    "TableFile",
    "TruncatedError",
    "UnsupportedError",
    "WeightsError",
    "Windows",
    "__version__",
    "compress",
    "decompress",
    "decompress_into",
    "detokenize",
    "info",
    "open",
    "open_array",
    "open_table",
    "recover",
    "tokenize",
    "train_network",
    "train_prior",
]
