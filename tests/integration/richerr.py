# SPDX-License-Identifier: Apache-2.0
"""Rich errors as a client reads them: grpc-status-details-bin is a google.rpc.Status, and its
details are messages of google/rpc/error_details.proto. Debian has no package with these files, so
the few messages are described here."""
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

TRAILER = "grpc-status-details-bin"
_FIELD = descriptor_pb2.FieldDescriptorProto
_KINDS = {"string": _FIELD.TYPE_STRING, "bytes": _FIELD.TYPE_BYTES, "int32": _FIELD.TYPE_INT32,
          "int64": _FIELD.TYPE_INT64}
# Each message: its fields by number, as (name, type, repeated).
_MESSAGES = {
    "Any": [("type_url", "string", False), ("value", "bytes", False)],
    "Duration": [("seconds", "int64", False), ("nanos", "int32", False)],
    "Status": [("code", "int32", False), ("message", "string", False), ("details", "Any", True)],
    "Pair": [("key", "string", False), ("value", "string", False)],
    "ErrorInfo": [("reason", "string", False), ("domain", "string", False),
                  ("metadata", "Pair", True)],
    "RetryInfo": [("retry_delay", "Duration", False)],
    "Violation": [("subject", "string", False), ("description", "string", False)],
    "QuotaFailure": [("violations", "Violation", True)],
}


def _load():
    file = descriptor_pb2.FileDescriptorProto(name="richerr.proto", package="rich", syntax="proto3")
    for name, fields in _MESSAGES.items():
        m = file.message_type.add(name=name)
        for number, (key, kind, repeated) in enumerate(fields, 1):
            f = m.field.add(name=key, number=number,
                            label=_FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL)
            if kind in _KINDS:
                f.type = _KINDS[kind]
            else:
                f.type, f.type_name = _FIELD.TYPE_MESSAGE, ".rich." + kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return {name: factory.GetPrototype(pool.FindMessageTypeByName("rich." + name))
            for name in _MESSAGES}


_classes = _load()


def retry_after(code, seconds):
    """A Status with RetryInfo."""
    info = _classes["RetryInfo"](retry_delay=_classes["Duration"](seconds=seconds))
    detail = _classes["Any"](type_url="type.googleapis.com/google.rpc.RetryInfo", value=info.SerializeToString())
    return _classes["Status"](code=code, details=[detail]).SerializeToString()


class Rich:
    """reason, domain, metadata of ErrorInfo; retry_s of RetryInfo; quota: subjects of QuotaFailure.
    What is not there is None."""

    def __init__(self, raw):
        status = _classes["Status"].FromString(raw)
        self.code, self.message = status.code, status.message
        self.reason = self.domain = self.metadata = self.retry_s = self.quota = None
        for any_ in status.details:
            kind = any_.type_url.rpartition("/google.rpc.")[2]
            m = _classes[kind].FromString(any_.value)
            if kind == "ErrorInfo":
                self.reason, self.domain = m.reason, m.domain
                self.metadata = {p.key: p.value for p in m.metadata}
            elif kind == "RetryInfo":
                self.retry_s = m.retry_delay.seconds + m.retry_delay.nanos / 1e9
            elif kind == "QuotaFailure":
                self.quota = [v.subject for v in m.violations]


def of(trailers):
    """Of the trailers of a call, as a dict; None: there are no details."""
    raw = trailers.get(TRAILER)
    return None if raw is None else Rich(raw)
