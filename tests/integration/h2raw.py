# SPDX-License-Identifier: Apache-2.0
"""Raw HTTP/2 peers on blocking sockets: a client, and a server with a thread per connection.

They keep the rules as long as the test lets them. The names of h2frames are here as well.
All limits of time are stretched under a sanitizer (env.SLOW), as those of env are.
"""
import collections
import socket
import struct
import threading
import time

import env
from h2frames import *      # noqa: F401,F403
from h2frames import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS,
                      MAX_WINDOW, PADDED, PING, PREFACE, RESPONSE_FIELDS, RST_STREAM, SETTINGS,
                      Frame, Inflater, make_data, make_headers, make_message, make_ping,
                      make_settings, make_window, request_fields)


class Conn:
    """One side of an HTTP/2 connection on a blocking socket.

    read_frame() answers nothing by itself; serve()/Client below add the polite part.
    """

    def __init__(self, sock):
        self.sock = sock
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.inflater = Inflater()
        self._in = b""
        self._finished = False

    def send(self, data):
        if not self._finished:
            self.sock.sendall(data)

    def finish(self):
        """Nothing more will be sent: what comes later is dropped without an error, so that reading goes on. A
        close with unread input resets the connection, and the reset overtakes what still waits in our queue."""
        self.sock.shutdown(socket.SHUT_WR)
        self._finished = True

    def close(self):
        # shutdown first: it also wakes a thread that is blocked in recv on this socket.
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def _fill(self, count):
        """Wait until `count` bytes are there; False at the end of the connection. A timeout
        loses nothing, the bytes so far stay for the next try."""
        while len(self._in) < count:
            try:
                more = self.sock.recv(262144)
            except socket.timeout:
                raise
            except OSError:
                return False
            if not more:
                return False
            self._in += more
        return True

    def read_bytes(self, count):
        """Exactly `count` bytes, or None at the end of the connection."""
        if not self._fill(count):
            return None
        out, self._in = self._in[:count], self._in[count:]
        return out

    def read_frame(self):
        """The next frame, or None at the end of the connection."""
        if not self._fill(9):
            return None
        size = struct.unpack(">I", b"\0" + self._in[:3])[0]
        ftype, flags, sid = struct.unpack(">BBI", self._in[3:9])
        if not self._fill(9 + size):
            return None
        body, self._in = self._in[9:9 + size], self._in[9 + size:]
        return Frame(ftype, flags, sid & MAX_WINDOW, body)

    def read_header_block(self, first):
        """The decoded fields of a HEADERS frame and the CONTINUATION frames behind it."""
        block, frame = first.payload, first
        if frame.flags & PADDED:
            block = block[1:len(block) - block[0]]
        if frame.flags & 0x20:
            block = block[5:]
        while not frame.flags & END_HEADERS:
            frame = self.read_frame()
            if frame is None or frame.type != CONTINUATION:
                raise ValueError("HEADERS without their CONTINUATION")
            block += frame.payload
        return self.inflater.decode_block(block)


class Answer:
    """What one stream of a Client has got so far."""

    def __init__(self):
        self.blocks = []        # header blocks, as lists of (name, value)
        self.data = b""
        self.data_frames = 0
        self.ended = False      # END_STREAM seen
        self.end_on = None      # the frame type that carried it
        self.rst = None         # code of RST_STREAM, if one came
        self.after_end = []     # codes of RST_STREAM behind END_STREAM

    def get(self, name):
        """The last value of a field over all blocks, or None."""
        found = [v for block in self.blocks for n, v in block if n == name]
        return found[-1] if found else None

    def get_all(self, name):
        return [v for block in self.blocks for n, v in block if n == name]

    @property
    def status(self):
        code = self.get("grpc-status")
        return None if code is None else int(code)

    @property
    def trailers_only(self):
        """One HEADERS block with END_STREAM and nothing else."""
        return (len(self.blocks) == 1 and self.ended and self.end_on == HEADERS
                and self.data_frames == 0)


class Client:
    """A raw HTTP/2 client. Frames are read in the caller's thread, on demand."""

    def __init__(self, address, settings=None, connection_window=0, timeout=10,
                 rcvbuf=None):
        self.answers = collections.defaultdict(Answer)
        self.goaway = None      # (last stream id, code, debug data)
        self.closed = False
        self.sid = -1
        self.pongs = []         # payloads of PING acks
        self.credit = True      # give window back for every DATA frame
        sock = open_socket(address, timeout, rcvbuf)
        self.conn = Conn(sock)
        self.conn.send(PREFACE + make_settings(settings or {}))
        if connection_window:
            self.conn.send(make_window(0, connection_window))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.conn.close()

    def next_sid(self):
        self.sid += 2
        return self.sid

    def send(self, data):
        try:
            self.conn.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass    # what the peer had to say before it closed is still to be read

    def start_call(self, path, fields=None, end=False, **kw):
        sid = self.next_sid()
        self.send(make_headers(sid, fields or request_fields(path, **kw), end))
        return sid

    def call(self, path, body=b"", fields=None, timeout=10, **kw):
        """A unary call with one message; returns its Answer when it has ended."""
        sid = self.start_call(path, fields, **kw)
        self.send(make_data(sid, make_message(body), end=True))
        return self.wait_end(sid, timeout)

    def step(self, timeout):
        """Read and handle one frame. False at the end of the connection."""
        self.conn.sock.settimeout(max(timeout, 0.001))
        frame = self.conn.read_frame()
        if frame is None:
            self.closed = True
            return False
        a = self.answers[frame.sid] if frame.sid else None
        if frame.type == SETTINGS and not frame.flags & ACK:
            self.send(make_settings(ack=True))
        elif frame.type == PING and not frame.flags & ACK:
            self.send(make_ping(frame.payload, ack=True))
        elif frame.type == PING:
            self.pongs.append(frame.payload)
        elif frame.type == GOAWAY:
            last, code = struct.unpack(">II", frame.payload[:8])
            self.goaway = (last & MAX_WINDOW, code, frame.payload[8:])
        elif frame.type == HEADERS:
            a.blocks.append(self.conn.read_header_block(frame))
        elif frame.type == DATA:
            a.data += frame.payload
            a.data_frames += 1
            if self.credit and frame.payload:
                self.send(make_window(0, len(frame.payload))
                          + make_window(frame.sid, len(frame.payload)))
        elif frame.type == RST_STREAM:
            code = struct.unpack(">I", frame.payload)[0]
            if a.ended:
                a.after_end.append(code)
            elif a.rst is None:
                a.rst = code
        if frame.type in (HEADERS, DATA) and frame.flags & END_STREAM:
            a.ended, a.end_on = True, frame.type
        return True

    def wait_for(self, ready, timeout=10):
        """Read frames until ready() or the end of the connection. Raises on timeout."""
        end = time.monotonic() + timeout * env.SLOW
        while not ready():
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("no such frame within %s s" % timeout)
            try:
                if not self.step(left):
                    return ready()
            except socket.timeout:
                continue
        return True

    def wait_end(self, sid, timeout=10):
        a = self.answers[sid]
        self.wait_for(lambda: a.ended or a.rst is not None, timeout)
        return a

    def ping(self, timeout=10):
        """A PING round trip: what the peer sent before the ack has then been read."""
        body = struct.pack(">Q", int(time.monotonic() * 1e6))
        self.send(make_ping(body))
        return self.wait_for(lambda: body in self.pongs, timeout)


def open_socket(address, timeout=10, rcvbuf=None):
    """Connect to "host:port" or "unix:path"."""
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        target = address[5:]
    else:
        host, port = address.rsplit(":", 1)
        sock = socket.socket(socket.AF_INET)
        target = (host, int(port))
    if rcvbuf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    sock.settimeout(timeout * env.SLOW)
    sock.connect(target)
    return sock


class RawBackend:
    """A TCP server on a free loopback port; handler(conn) runs in a thread per connection."""

    def __init__(self, handler, port=0):
        self._handler = handler
        self._conns, self._threads = [], []
        self._lock = threading.Lock()
        self._stop = False
        self.errors = []
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(128)
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    @property
    def accepted(self):
        """How many connections came in since the start."""
        with self._lock:
            return len(self._conns)

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._stop:
                    sock.close()
                    return
                conn = Conn(sock)
                self._conns.append(conn)
                thread = threading.Thread(target=self._run, args=(conn,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _run(self, conn):
        try:
            self._handler(conn)
        except (ConnectionError, OSError, socket.timeout):
            pass    # the other side may leave at any time
        except Exception as e:   # a fault of the test itself must not look like a broken backend
            self.errors.append(e)
        finally:
            conn.close()

    def stop(self):
        with self._lock:
            self._stop = True
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        for conn in self._conns:
            conn.close()
        for thread in self._threads:
            thread.join(5 * env.SLOW)
        assert not self.errors, "the raw backend itself failed: %r" % self.errors


class Request:
    """A request as a raw server sees it."""

    def __init__(self, conn, sid, fields):
        self.conn, self.sid, self.fields = conn, sid, fields
        self.data = b""
        self.ended = False
        self.rst = None

    def get(self, name):
        found = [v for n, v in self.fields if n == name]
        return found[-1] if found else None

    def get_all(self, name):
        return [v for n, v in self.fields if n == name]

    @property
    def path(self):
        return self.get(":path")


def serve(conn, on_request=None, on_end=None, on_frame=None, settings=None, on_rst=None):
    """Read frames politely until the connection ends.

    on_request(request) at HEADERS, on_end(request) at END_STREAM, on_rst(request) at
    RST_STREAM, on_frame(frame) before all of them. Any of them may return False to end.
    """
    if conn.read_bytes(len(PREFACE)) != PREFACE:
        return
    conn.send(make_settings(settings or {}) + make_window(0, 2 ** 24))
    requests = {}
    while True:
        frame = conn.read_frame()
        if frame is None:
            return
        if on_frame and on_frame(frame) is False:
            return
        if frame.type == SETTINGS and not frame.flags & ACK:
            conn.send(make_settings(ack=True))
        elif frame.type == PING and not frame.flags & ACK:
            conn.send(make_ping(frame.payload, ack=True))
        elif frame.type == HEADERS:
            request = Request(conn, frame.sid, conn.read_header_block(frame))
            requests[frame.sid] = request
            if on_request and on_request(request) is False:
                return
        elif frame.type == DATA and frame.sid in requests:
            requests[frame.sid].data += frame.payload
            if frame.payload and not frame.flags & END_STREAM:
                conn.send(make_window(0, len(frame.payload))
                          + make_window(frame.sid, len(frame.payload)))
            elif frame.payload:
                conn.send(make_window(0, len(frame.payload)))
        elif frame.type == RST_STREAM and frame.sid in requests:
            requests[frame.sid].rst = struct.unpack(">I", frame.payload)[0]
            if on_rst and on_rst(requests[frame.sid]) is False:
                return
        if (frame.type in (HEADERS, DATA) and frame.flags & END_STREAM
                and frame.sid in requests):
            requests[frame.sid].ended = True
            if on_end and on_end(requests[frame.sid]) is False:
                return


def send_ok(request, body=b"", trailers=()):
    """A good unary answer."""
    request.conn.send(make_headers(request.sid, RESPONSE_FIELDS)
                      + make_data(request.sid, make_message(body))
                      + make_headers(request.sid, [("grpc-status", "0")] + list(trailers), True))
