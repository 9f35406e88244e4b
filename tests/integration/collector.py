# SPDX-License-Identifier: Apache-2.0
"""A collector of traces: takes OTLP over gRPC or HTTP and keeps the spans. Its messages are made from our own .proto file, whose field numbers are the public ones."""
import concurrent.futures
import http.server
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import env
import richerr

PROTO = os.path.join(os.environ.get("top_srcdir", os.path.join(env.HERE, "../..")),
                     "src/grpc/proto/otlp_part.proto")
TRACES = "opentelemetry.proto.collector.trace.v1.TraceService"
METRICS = "opentelemetry.proto.collector.metrics.v1.MetricsService"


def _load():
    pool = descriptor_pool.DescriptorPool()
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, "set.pb")
        protoc = shutil.which("protoc")
        cmd = [protoc] if protoc else [sys.executable, "-m", "grpc_tools.protoc"]
        subprocess.run(cmd + ["-I" + os.path.dirname(PROTO), "--descriptor_set_out=" + out,
                              PROTO], check=True)
        with open(out, "rb") as f:
            for fd in descriptor_pb2.FileDescriptorSet.FromString(f.read()).file:
                pool.Add(fd)
    factory = message_factory.MessageFactory(pool)
    return {name: factory.GetPrototype(pool.FindMessageTypeByName("outrigger.otlp_part." + name))
            for name in ("Request", "Response", "Span", "Metric", "NumberPoint", "HistogramPoint")}


_TYPES = _load()


def _plain(attributes):
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}


ELSEWHERE = "somebody else"


def export(address, service, trace, span, parent="", kind=1):
    """A span as the SDK of a client or of a backend would send it, to a Collector at this address."""
    now = time.time_ns()
    one = _TYPES["Span"](trace_id=bytes.fromhex(trace), span_id=bytes.fromhex(span),
                         parent_span_id=bytes.fromhex(parent), name=service, kind=kind,
                         start_time_unix_nano=now, end_time_unix_nano=now)
    request = _TYPES["Request"]()
    part = request.resource_spans.add()
    part.resource.attributes.add(key="service.name").value.string_value = service
    scope = part.scope_spans.add()
    scope.scope.name = ELSEWHERE
    scope.spans.append(one.SerializeToString())
    with env.open_channel(address) as channel:
        channel.unary_unary("/%s/Export" % TRACES, _TYPES["Request"].SerializeToString,
                            _TYPES["Response"].FromString)(request, timeout=10)


class Span:
    """One span with plain values."""

    def __init__(self, raw, resource):
        m = _TYPES["Span"].FromString(raw)
        self.trace, self.id, self.parent = (b.hex() for b in (m.trace_id, m.span_id,
                                                              m.parent_span_id))
        self.name, self.kind, self.state, self.flags = m.name, m.kind, m.trace_state, m.flags
        self.start, self.end = m.start_time_unix_nano, m.end_time_unix_nano
        self.attributes = _plain(m.attributes)
        self.events = [(e.name, _plain(e.attributes)) for e in m.events]
        self.status, self.message = m.status.code, m.status.message
        self.resource = resource


class Point:
    """One point of a metric with plain values."""

    def __init__(self, metric, kind, raw, resource):
        m = _TYPES["HistogramPoint" if kind == "histogram" else "NumberPoint"].FromString(raw)
        self.name, self.unit, self.help, self.kind = (
            metric.name, metric.unit, metric.description, kind)
        self.labels, self.resource = _plain(m.attributes), resource
        self.key = (self.name, tuple(sorted(self.labels.items())))
        self.start, self.time = m.start_time_unix_nano, m.time_unix_nano
        if kind == "histogram":
            self.count, self.sum = m.count, m.sum
            self.buckets, self.bounds = list(m.bucket_counts), list(m.explicit_bounds)
        else:
            self.value = getattr(m, m.WhichOneof("value"))


def _points(raw, resource):
    metric = _TYPES["Metric"].FromString(raw)
    kind = metric.WhichOneof("data")
    data = getattr(metric, kind)
    assert (data.aggregation_temporality, data.is_monotonic) == {
        "gauge": (0, False), "sum": (2, True), "histogram": (2, False)}[kind]
    return [Point(metric, kind, raw, resource) for raw in data.data_points]


class _Spans:
    """What arrived."""

    def __init__(self, answers, rejected):
        self.batches, self.refused_at = [], []
        self._answers, self._rejected = list(answers), rejected
        self._lock = threading.Lock()

    def _take(self, request):
        """The answer, or an item of `answers` in its place."""
        with self._lock:
            if self._answers:
                self.refused_at.append(time.monotonic())
                return None, self._answers.pop(0)
            items = []
            for part in request.resource_spans:
                resource = _plain(part.resource.attributes)
                for scope in part.scope_spans:
                    assert scope.scope.name in ("outrigger", ELSEWHERE)
                    items += self._read(scope.spans, resource)
            self.batches.append(items)
        answer = _TYPES["Response"]()
        if self._rejected:
            answer.partial_success.rejected_spans = self._rejected
            answer.partial_success.error_message = "too old"
        return answer, None

    @staticmethod
    def _read(raws, resource):
        return [Span(raw, resource) for raw in raws]

    @property
    def refused(self):
        """How many requests got an item of `answers`."""
        return len(self.refused_at)

    @property
    def spans(self):
        with self._lock:
            return [s for batch in self.batches for s in batch]

    def wait(self, n, timeout=10):
        """At least n spans are there: all of them."""
        env.wait_until(lambda: len(self.spans) >= n, timeout, "%d spans" % n)
        return self.spans

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._stop()


class _Metrics(_Spans):
    """The same for metrics, whose requests and answers have the same shape."""

    @staticmethod
    def _read(raws, resource):
        return [point for raw in raws for point in _points(raw, resource)]

    @property
    def pushes(self):
        """How many have begun: each begins with the same series."""
        first = self.spans[0] if self.spans else None
        return sum(p.key == first.key for p in self.spans)

    def newest(self):
        """{(name, labels as a sorted tuple of pairs): point}"""
        return {p.key: p for p in self.spans}


class Collector(_Spans):
    """OTLP over gRPC. answers: what the first requests get instead of OK, a gRPC code each, or (code, seconds) with RetryInfo."""

    service = TRACES

    def __init__(self, answers=(), rejected=0, address=None):
        super().__init__(answers, rejected)
        self.address = address or env.free_address()
        handler = grpc.unary_unary_rpc_method_handler(
            self._export, request_deserializer=_TYPES["Request"].FromString,
            response_serializer=_TYPES["Response"].SerializeToString)
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(self.service, {"Export": handler}),))
        assert self._server.add_insecure_port(self.address)
        self._server.start()

    def _export(self, request, context):
        answer, refusal = self._take(request)
        if isinstance(refusal, tuple):
            refusal, seconds = refusal
            context.set_trailing_metadata(((richerr.TRAILER, richerr.retry_after(refusal.value[0], seconds)),))
        if refusal:
            context.abort(refusal, "not now")
        return answer

    def _stop(self):
        self._server.stop(None).wait(5)


class HttpCollector(_Spans):
    """OTLP over HTTP/1.1. answers: (status, headers) for the first requests; tls: (cert, key) files, client_ca: who may come."""

    def __init__(self, answers=(), rejected=0, tls=None, client_ca=None):
        super().__init__(answers, rejected)
        self.asked, self.connections = [], set()  # (path, headers) of each request; client addresses
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            if client_ca:
                context.load_verify_locations(client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = "%s://localhost:%d" % ("https" if tls else "http",
                                              self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _handler(self):
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.asked.append((self.path, dict(self.headers)))
                collector.connections.add(self.client_address)
                answer, refusal = collector._take(_TYPES["Request"].FromString(body))
                status, headers = refusal or (200, {"Content-Type": "application/x-protobuf"})
                body = answer.SerializeToString() if answer else b"not now"
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        return Handler

    def _stop(self):
        self._server.shutdown()
        self._server.server_close()


class MetricsCollector(_Metrics, Collector):
    service = METRICS


class HttpMetricsCollector(_Metrics, HttpCollector):
    pass
