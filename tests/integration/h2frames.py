# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 frames by hand, for peers that must be able to break every rule.

Headers are written as HPACK literals without indexing and without Huffman. They are read
with nghttp2's inflater, since a well-behaved peer may use all of HPACK.
"""
import collections
import ctypes
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED = 0x1, 0x1, 0x4, 0x8
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 7, 8, 11
S_MAX_STREAMS, S_WINDOW, S_MAX_FRAME = 3, 4, 5
MAX_WINDOW = 2 ** 31 - 1

Frame = collections.namedtuple("Frame", "type flags sid payload")


def make_frame(ftype, flags=0, sid=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", ftype, flags, sid) + payload


def make_settings(values=None, ack=False):
    body = b"".join(struct.pack(">HI", k, v) for k, v in (values or {}).items())
    return make_frame(SETTINGS, ACK if ack else 0, 0, body)


def _hpack_int(value, prefix_bits):
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([value])
    out = [limit]
    value -= limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode("utf-8")


def make_block(fields):
    """HPACK literals without indexing. Nothing is checked or changed, on purpose."""
    out = b""
    for name, value in fields:
        name, value = _bytes(name), _bytes(value)
        out += b"\x00" + _hpack_int(len(name), 7) + name + _hpack_int(len(value), 7) + value
    return out


def make_headers(sid, fields, end=False, max_frame=16384):
    """HEADERS and as many CONTINUATION frames as the block needs."""
    block = make_block(fields)
    parts = [block[i:i + max_frame] for i in range(0, len(block), max_frame)] or [b""]
    out = b""
    for i, part in enumerate(parts):
        flags = (END_HEADERS if i == len(parts) - 1 else 0)
        if i == 0:
            out += make_frame(HEADERS, flags | (END_STREAM if end else 0), sid, part)
        else:
            out += make_frame(CONTINUATION, flags, sid, part)
    return out


def make_data(sid, body=b"", end=False, max_frame=16384):
    parts = [body[i:i + max_frame] for i in range(0, len(body), max_frame)] or [b""]
    return b"".join(make_frame(DATA, END_STREAM if end and i == len(parts) - 1 else 0, sid, p)
                    for i, p in enumerate(parts))


def make_rst(sid, code):
    return make_frame(RST_STREAM, 0, sid, struct.pack(">I", code))


def make_goaway(last, code=NO_ERROR, debug=b""):
    return make_frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + debug)


def make_window(sid, amount):
    return make_frame(WINDOW_UPDATE, 0, sid, struct.pack(">I", amount))


def make_ping(body=b"12345678", ack=False):
    return make_frame(PING, ACK if ack else 0, 0, body)


def make_message(body=b"", flag=0):
    """A length-prefixed gRPC message."""
    return struct.pack(">BI", flag, len(body)) + body


def split_messages(data):
    """[(flag, body), …] and what is left over after the last whole message."""
    out = []
    while len(data) >= 5:
        flag, size = struct.unpack(">BI", data[:5])
        if len(data) < 5 + size:
            break
        out.append((flag, data[5:5 + size]))
        data = data[5 + size:]
    return out, data


def request_fields(path, authority="test.local", extra=(), **change):
    """The header fields of a good gRPC request; a change to None drops that field."""
    base = {":method": "POST", ":scheme": "http", ":path": path, ":authority": authority,
            "te": "trailers", "content-type": "application/grpc"}
    for name, value in change.items():
        base[name.replace("__", ":").replace("_", "-")] = value
    return [(n, v) for n, v in base.items() if v is not None] + list(extra)


RESPONSE_FIELDS = [(":status", "200"), ("content-type", "application/grpc")]


class _NV(ctypes.Structure):
    _fields_ = [("name", ctypes.POINTER(ctypes.c_uint8)),
                ("value", ctypes.POINTER(ctypes.c_uint8)),
                ("namelen", ctypes.c_size_t), ("valuelen", ctypes.c_size_t),
                ("flags", ctypes.c_uint8)]


_lib = ctypes.CDLL("libnghttp2.so.14")
_lib.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
_lib.nghttp2_hd_inflate_hd2.argtypes = [
    ctypes.c_void_p, ctypes.POINTER(_NV), ctypes.POINTER(ctypes.c_int), ctypes.c_char_p,
    ctypes.c_size_t, ctypes.c_int]
_lib.nghttp2_hd_inflate_end_headers.argtypes = [ctypes.c_void_p]
_lib.nghttp2_hd_inflate_del.argtypes = [ctypes.c_void_p]


class Inflater:
    """HPACK decoder state of one connection."""

    def __init__(self):
        self._handle = ctypes.c_void_p()
        if _lib.nghttp2_hd_inflate_new(ctypes.byref(self._handle)) != 0:
            raise MemoryError("nghttp2_hd_inflate_new failed")

    def __del__(self):
        if self._handle:
            _lib.nghttp2_hd_inflate_del(self._handle)

    def decode_block(self, block):
        out, nv, flags = [], _NV(), ctypes.c_int()
        while True:
            flags.value = 0
            used = _lib.nghttp2_hd_inflate_hd2(self._handle, ctypes.byref(nv),
                                               ctypes.byref(flags), block, len(block), 1)
            if used < 0:
                raise ValueError("HPACK error %d" % used)
            block = block[used:]
            if flags.value & 0x02:
                out.append((ctypes.string_at(nv.name, nv.namelen).decode("latin-1"),
                            ctypes.string_at(nv.value, nv.valuelen).decode("latin-1")))
            if flags.value & 0x01:
                _lib.nghttp2_hd_inflate_end_headers(self._handle)
                return out
            if used == 0 and not block and not flags.value & 0x02:
                raise ValueError("HPACK block ends early")
