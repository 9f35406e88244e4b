#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""seeds-h2.py FOLDER - writes the examples of the fuzz targets h2in and h2up: FOLDER/h2in/*, FOLDER/h2up/*.
Each is one conversation in plain frames; the two bytes in front choose limits and the start (see f_h2in.c)."""
import os
import struct
import sys

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END, ACK, END_HEADERS, PADDED = 1, 1, 4, 8


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


def stored(name, value):
    return bytes([0x40, len(name)]) + name + bytes([len(value)]) + value


CALL = (literal(b":method", b"POST") + literal(b":scheme", b"http") + literal(b":path", b"/a.B/C")
        + literal(b":authority", b"x") + literal(b"content-type", b"application/grpc") + literal(b"te", b"trailers"))
ANSWER = literal(b":status", b"200") + literal(b"content-type", b"application/grpc")
TRAILERS = literal(b"grpc-status", b"0")
MESSAGE = b"\0\0\0\0\5hello"


def call(stream, flags=END | END_HEADERS):
    return frame(HEADERS, flags, stream, CALL)


def clients():
    yield "call", b"".join(call(i) for i in (1, 3, 5, 7, 9, 11, 13, 15))
    yield "body", b"".join(call(i, END_HEADERS) + frame(DATA, 0, i, MESSAGE) + frame(DATA, END, i, MESSAGE) for i in (1, 3, 5, 15, 19))
    yield "trailers", call(1, END_HEADERS) + frame(DATA, 0, 1, MESSAGE) + frame(HEADERS, END | END_HEADERS, 1, TRAILERS)
    yield "resets", b"".join(call(i, END_HEADERS) + frame(RST, 0, i, b"\0\0\0\x08") for i in range(1, 40, 2))
    yield "continuation", frame(HEADERS, END, 1, CALL[:9]) + frame(CONTINUATION, 0, 1, CALL[9:30]) + frame(CONTINUATION, END_HEADERS, 1, CALL[30:])
    yield "bomb", frame(HEADERS, END | END_HEADERS, 1, CALL + stored(b"x-bomb", b"v" * 120) + b"\xbe" * 900)
    yield "padding", call(1, END_HEADERS) + frame(DATA, PADDED, 1, b"\x20" + MESSAGE + bytes(32)) + frame(DATA, END | PADDED, 1, b"\5" + bytes(5))
    yield "windows", call(1) + frame(SETTINGS, 0, 0, b"\0\4\0\0\0\0") + frame(WINDOW, 0, 1, b"\0\0\1\0") + frame(WINDOW, 0, 1, b"\x7f\xff\xff\xff")
    yield "settings", frame(SETTINGS, 0, 0, b"\0\1\0\0\0\0\0\5\0\1\0\0") + frame(SETTINGS, ACK, 0) + call(1)
    yield "pings", b"".join(frame(PING, 0, 0, b"12345678") for _ in range(30)) + frame(PING, ACK, 0, b"drain\0\0\1") + frame(PING, ACK, 0, b"bdp\0\0\0\0\1")
    yield "goaway", call(1, END_HEADERS) + frame(GOAWAY, 0, 0, bytes(8) + b"bye") + frame(DATA, END, 1, b"x")
    yield "odd", frame(0x2a, 7, 1, b"abc") + frame(PRIORITY, 0, 5, b"\0\0\0\1\5") + call(2) + frame(DATA, 0, 9, b"x")
    yield "late", call(3, END_HEADERS) + frame(DATA, 0, 3, MESSAGE * 20) + frame(HEADERS, END | END_HEADERS, 3, TRAILERS) + call(1)
    yield "invalid", frame(HEADERS, END | END_HEADERS, 1, CALL + literal(b"x-bad", b"a\nb")) + frame(HEADERS, END | END_HEADERS, 3, literal(b"Upper", b"v"))


def backends():
    whole = lambda i: frame(HEADERS, END_HEADERS, i, ANSWER) + frame(DATA, 0, i, MESSAGE) + frame(HEADERS, END | END_HEADERS, i, TRAILERS)
    yield "answers", b"".join(whole(i) for i in range(1, 17, 2))
    yield "trailers-only", b"".join(frame(HEADERS, END | END_HEADERS, i, ANSWER + TRAILERS) for i in range(1, 17, 2))
    yield "interim", frame(HEADERS, END_HEADERS, 1, literal(b":status", b"100")) * 10 + whole(3)
    yield "resets", b"".join(frame(RST, 0, i, struct.pack(">I", i % 14)) for i in range(1, 17, 2))
    yield "early", frame(HEADERS, END | END_HEADERS, 3, ANSWER + TRAILERS) + frame(RST, 0, 3, bytes(4)) + frame(RST, 0, 7, bytes(4))
    yield "goaway", frame(GOAWAY, 0, 0, struct.pack(">II", 5, 0) + b"bye") + whole(1) + whole(3) + whole(5)
    yield "goaway-twice", frame(GOAWAY, 0, 0, struct.pack(">II", 0x7fffffff, 0)) + frame(GOAWAY, 0, 0, struct.pack(">II", 1, 11) + b"x" * 200)
    yield "limit", frame(SETTINGS, 0, 0, b"\0\3\0\0\0\0") + whole(1) + frame(SETTINGS, 0, 0, b"\0\3\0\0\0\7")
    yield "push", frame(PUSH, END_HEADERS, 1, struct.pack(">I", 2) + CALL) + frame(HEADERS, END_HEADERS, 2, ANSWER)
    yield "windows", frame(WINDOW, 0, 0, b"\0\1\0\0") + frame(WINDOW, 0, 3, b"\0\1\0\0") + frame(SETTINGS, 0, 0, b"\0\4\0\0\0\1")
    yield "http1", b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"
    yield "early-data", frame(DATA, 0, 1, MESSAGE) + whole(3)
    yield "big-trailers", frame(HEADERS, END_HEADERS, 1, ANSWER) + frame(HEADERS, END | END_HEADERS, 1, TRAILERS + stored(b"x-bomb", b"v" * 120) + b"\xbe" * 900)
    yield "continuation", frame(HEADERS, 0, 1, ANSWER[:7]) + frame(CONTINUATION, END_HEADERS, 1, ANSWER[7:])


def write(folder, examples, start):
    os.makedirs(folder, exist_ok=True)
    for number, (name, data) in enumerate(examples):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(bytes([0, 0]) + data)
        with open(os.path.join(folder, name + "-cut"), "wb") as f:
            f.write(bytes([1 + (number * 37 & 0xfe), 0]) + data)
    with open(os.path.join(folder, "bare"), "wb") as f:
        f.write(b"\1\1" + start)


def main():
    write(os.path.join(sys.argv[1], "h2in"), clients(), PREFACE + frame(SETTINGS, 0, 0) + call(1))
    write(os.path.join(sys.argv[1], "h2up"), backends(), frame(SETTINGS, 0, 0, b"\0\3\0\0\0\1") + frame(SETTINGS, ACK, 0))


main()
