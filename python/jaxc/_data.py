"""Writes and reads .safetensors files: an eight-byte header length, a JSON header, the bytes."""

import json
import struct

import numpy

_NAMES = {
    "bool": "BOOL", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64",
    "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64",
    "float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64",
    "complex64": "C64", "complex128": "C128",
    "int2": "I8", "int4": "I8", "uint2": "U8", "uint4": "U8",
    "float8_e4m3fn": "F8_E4M3", "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2": "F8_E5M2",
    "float8_e5m2fnuz": "F8_E5M2FNUZ", "float8_e8m0fnu": "F8_E8M0",
}
_NARROW = {"int2": "int8", "int4": "int8", "uint2": "uint8", "uint4": "uint8"}


def can_store(dtype):
    """Whether the format has a name for this dtype."""
    return numpy.dtype(dtype).name in _NAMES


def save(path, arrays, metadata):
    """Writes named arrays and a dictionary of strings; wide elements come first, so that all are aligned."""
    header = {"__metadata__": metadata}
    offset = 0
    chunks = []
    arrays = {name: numpy.asarray(array) for name, array in arrays.items()}
    for name, array in sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize):
        stored = _NAMES[array.dtype.name]
        narrow = _NARROW.get(array.dtype.name)
        chunk = array.astype(narrow or array.dtype.newbyteorder("<"), copy=False).tobytes()
        header[name] = {
            "dtype": stored,
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(chunk)],
        }
        offset += len(chunk)
        chunks.append(chunk)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def load(path):
    """The named arrays and the metadata of a file."""
    import ml_dtypes

    with open(path, "rb") as file:
        data = file.read()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    dtypes = {stored: name for name, stored in _NAMES.items() if name not in _NARROW}
    arrays = {}
    for name, entry in header.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        dtype = dtypes[entry["dtype"]]
        dtype = numpy.dtype(getattr(ml_dtypes, dtype, dtype))
        arrays[name] = numpy.frombuffer(data[begin:end], dtype).reshape(entry["shape"])
    return arrays, metadata
