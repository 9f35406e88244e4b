# SPDX-License-Identifier: Apache-2.0
"""A small Kubernetes API server: EndpointSlices of one namespace, list and watch, HTTP/2 over TLS.

It keeps a log of events, as the real one does, so a watch may go on from any version that is not
compacted.  Flow control of the answers is left to python3-h2: bodies here stay below the windows, or
wait for them."""
import json
import os
import select
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

import h2.config
import h2.connection
import h2.events
import h2.exceptions


def make_ca(folder, name):
    """A key and a self-signed CA certificate: NAME.key, NAME.crt."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=" + name, "-keyout", path(folder, name, "key"), "-out", path(folder, name, "crt"))


def make_certificate(folder, name, ca, san):
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
            "-keyout", path(folder, name, "key"), "-out", path(folder, name, "csr"))
    with open(path(folder, name, "ext"), "w") as f:
        f.write("subjectAltName=%s\n" % san)
    openssl("x509", "-req", "-in", path(folder, name, "csr"), "-CA", path(folder, ca, "crt"),
            "-CAkey", path(folder, ca, "key"), "-CAcreateserial", "-days", "2", "-extfile",
            path(folder, name, "ext"), "-out", path(folder, name, "crt"))


def path(folder, name, end):
    return os.path.join(folder, name + "." + end)


def openssl(*args):
    done = subprocess.run(("openssl",) + args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    assert done.returncode == 0, done.stdout.decode()


def endpoint(ip, zone=None, hints=None, **conditions):
    e = {"addresses": [ip], "conditions": conditions}
    if zone:
        e["zone"] = zone
    if hints:
        e["hints"] = {"forZones": [{"name": z} for z in hints]}
    return e


def make_slice(name, endpoints, ports=(("grpc", 50051),), kind="IPv4"):
    return {"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": "app"}},
            "addressType": kind, "endpoints": endpoints,
            "ports": [{"name": n, "port": p, "protocol": "TCP"} for n, p in ports]}


class ApiServer:
    def __init__(self, folder, certificate, namespace="shop", token="secret-1", port=0, service="app"):
        self.service = service
        self.namespace, self.token = namespace, token
        self.lock = threading.Condition()
        self.slices, self.events, self.version, self.compacted = {}, [], 100, 100
        self.requests = []          # (path, query) of all that came
        self.forbidden = False      # answers 403
        self.expired_event = False  # the next watch ends with an ERROR event of 410
        self.junk = None            # bytes that the next watch sends instead of its first event
        self.piece = 0              # bodies are cut into DATA of so many bytes; 0: as they are
        self.page = 0               # most slices in one page; 0: as asked
        self.connections = []
        self.closed = False
        self.use_certificate(folder, certificate)
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.socket.listen(16)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def use_certificate(self, folder, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path(folder, name, "crt"), path(folder, name, "key"))
        context.set_alpn_protocols(["h2"])
        self.context = context

    # --- what the test does -------------------------------------------------------

    def put(self, one):
        with self.lock:
            self.version += 1
            one["metadata"]["resourceVersion"] = str(self.version)
            name = one["metadata"]["name"]
            self.events.append((self.version, "MODIFIED" if name in self.slices else "ADDED", one))
            self.slices[name] = one
            self.lock.notify_all()

    def delete(self, name):
        with self.lock:
            self.version += 1
            one = dict(self.slices.pop(name))
            one["metadata"] = dict(one["metadata"], resourceVersion=str(self.version))
            self.events.append((self.version, "DELETED", one))
            self.lock.notify_all()

    def bookmark(self):
        with self.lock:
            self.version += 1
            self.events.append((self.version, "BOOKMARK", {
                "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
                "metadata": {"resourceVersion": str(self.version)}}))
            self.lock.notify_all()

    def compact(self):
        """Everything so far is forgotten: a watch from an older version gets 410."""
        with self.lock:
            self.version += 1
            self.compacted = self.version
            self.events = []

    def end_watches(self):
        self._each(lambda c: c.end_watches())

    def drop_connections(self):
        self._each(lambda c: c.drop())

    def goaway(self):
        self._each(lambda c: c.goaway())

    def count(self, watch):
        with self.lock:
            return sum(("watch" in query) == watch for _, query in self.requests)

    def close(self):
        self.closed = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        self.drop_connections()

    # --- the server ----------------------------------------------------------------

    def _each(self, what):
        with self.lock:
            open_now = list(self.connections)
        for c in open_now:
            what(c)

    def _accept(self):
        while not self.closed:
            try:
                raw, _ = self.socket.accept()
            except OSError:
                return
            raw.settimeout(20)
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw):
        try:
            connection = _Connection(self, self.context.wrap_socket(raw, server_side=True))
        except (OSError, ssl.SSLError):
            raw.close()
            return
        with self.lock:
            self.connections.append(connection)
        try:
            connection.run()
        except (OSError, ssl.SSLError, h2.exceptions.ProtocolError):
            pass
        with self.lock:
            self.connections.remove(connection)
            self.lock.notify_all()
        connection.sock.close()


class _Connection:
    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.gone = False
        self.ending = set()
        self.watches = set()
        self.lock = threading.Condition()
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))

    def run(self):
        assert self.sock.selected_alpn_protocol() == "h2"
        with self.lock:
            self.h2.initiate_connection()
            self._flush()
        while not self.gone:
            data = self._recv()
            if not data:
                break
            with self.lock:
                for event in self.h2.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        self._request(event)
                    elif isinstance(event, h2.events.DataReceived):
                        self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, h2.events.StreamReset):
                        self.ending.add(event.stream_id)
                    elif isinstance(event, h2.events.ConnectionTerminated):
                        self.gone = True
                self._flush()
                self.lock.notify_all()
        self.drop()

    def _recv(self):
        """Never reads while another thread writes: one of the two would take the other's result for its own, since an
        SSL object remembers one."""
        while True:
            with self.lock:
                timeout = self.sock.gettimeout()
                self.sock.settimeout(0)
                try:
                    return self.sock.recv(65536)
                except ssl.SSLWantReadError:
                    pass
                finally:
                    self.sock.settimeout(timeout)
            if not select.select([self.sock], [], [], timeout)[0]:
                raise TimeoutError("no request within %s s" % timeout)

    def drop(self):
        self.gone = True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        with self.server.lock:
            self.server.lock.notify_all()

    def goaway(self):
        with self.lock:
            self.h2.close_connection(last_stream_id=self.h2.highest_inbound_stream_id)
            self._flush()
        time.sleep(0.05)
        self.drop()

    def end_watches(self):
        with self.server.lock:
            self.ending |= self.watches
            self.server.lock.notify_all()

    def _flush(self):
        data = self.h2.data_to_send()
        if data:
            self.sock.sendall(data)

    def _request(self, event):
        headers = {k.decode() if isinstance(k, bytes) else k: v.decode() if isinstance(v, bytes) else v
                   for k, v in event.headers}
        threading.Thread(target=self._answer, args=(event.stream_id, headers), daemon=True).start()

    def _answer(self, stream, headers):
        try:
            self._handle(stream, headers)
        except (OSError, ssl.SSLError, h2.exceptions.ProtocolError):
            self.gone = True

    def _handle(self, stream, headers):
        server = self.server
        url = urllib.parse.urlsplit(headers[":path"])
        query = dict(urllib.parse.parse_qsl(url.query))
        with server.lock:
            server.requests.append((url.path, query))
            expired = "watch" in query and server.expired_event     # who counts requests sets it for the next one
            if expired:
                server.expired_event = False
        assert headers[":scheme"] == "https" and headers[":method"] == "GET", headers
        if headers.get("authorization") != "Bearer " + server.token:
            return self._status(stream, 401, "Unauthorized", "Unauthorized")
        if server.forbidden:
            return self._status(stream, 403, "Forbidden", "endpointslices is forbidden: no RBAC")
        if url.path != "/apis/discovery.k8s.io/v1/namespaces/%s/endpointslices" % server.namespace or \
                query.get("labelSelector") != "kubernetes.io/service-name=" + server.service:
            return self._status(stream, 404, "NotFound", "not found: %s %s" % (url.path, query))
        if "watch" in query:
            return self._watch(stream, query, expired)
        return self._list(stream, query)

    def _status(self, stream, code, reason, message):
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason,
                "code": code}
        self._head(stream, code)
        self._body(stream, json.dumps(body).encode(), True)

    def _list(self, stream, query):
        server = self.server
        with server.lock:
            names = sorted(server.slices)
            start = int(query.get("continue", "+/0=").strip("+/="))
            limit = server.page or int(query.get("limit", "500"))
            part = names[start:start + limit]
            meta = {"resourceVersion": str(server.version)}
            if start + limit < len(names):
                meta["continue"] = "+/%d=" % (start + limit)     # must come back escaped
            body = {"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "metadata": meta,
                    "items": [server.slices[n] for n in part]}
        self._head(stream, 200)
        self._body(stream, json.dumps(body).encode(), True)

    def _watch(self, stream, query, expired):
        server = self.server
        at = int(query["resourceVersion"])
        with server.lock:
            too_old = at < server.compacted
            junk, server.junk = server.junk, None
        if too_old:
            return self._status(stream, 410, "Expired", "too old resource version")
        assert query["allowWatchBookmarks"] == "true" and int(query["timeoutSeconds"]) > 0
        self._head(stream, 200)
        self.watches.add(stream)
        if junk is not None:
            self._body(stream, junk, False)
        if expired:
            self._body(stream, json.dumps({"type": "ERROR", "object": {
                "kind": "Status", "code": 410, "reason": "Expired"}}).encode() + b"\n", True)
            return None
        while not self.gone:
            with server.lock:
                news = [e for e in server.events if e[0] > at]
                if not news and stream not in self.ending:
                    server.lock.wait(1)
                    continue
                ended = stream in self.ending
            text = b"".join(json.dumps({"type": t, "object": o}).encode() + b"\n" for _, t, o in news)
            if news:
                at = news[-1][0]
            self._body(stream, text, ended)
            if ended:
                self.watches.discard(stream)
                return None
        return None

    def _head(self, stream, code):
        with self.lock:
            self.h2.send_headers(stream, [(":status", str(code)), ("content-type", "application/json")])
            self._flush()

    def _body(self, stream, data, end):
        while data:
            with self.lock:
                n = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(data),
                        self.server.piece or len(data))
                if n == 0:
                    self.lock.wait(0.1)
                    if self.gone:
                        return
                    continue
                self.h2.send_data(stream, data[:n])
                self._flush()
                data = data[n:]
        if end:
            with self.lock:
                self.h2.end_stream(stream)
                self._flush()
