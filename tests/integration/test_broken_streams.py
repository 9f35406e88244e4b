# SPDX-License-Identifier: Apache-2.0
"""Backends that break one stream: resets in each phase, bad headers, missing status.

The backend does what the method name says. Every call must end with the right status, at
once, and the connection to the backend must stay usable for the neighbours.
"""
import time

import grpc
import pytest

import env
import h2raw

pytestmark = pytest.mark.proxy_only
OK, CANCELLED, UNKNOWN, PERMISSION_DENIED, RESOURCE_EXHAUSTED = 0, 1, 2, 7, 8
UNIMPLEMENTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 12, 13, 14, 16
MESSAGE = h2raw.make_message(b"0123456789")
HALF = MESSAGE[:9]
GOOD = h2raw.RESPONSE_FIELDS
END = [("grpc-status", "0")]

# Section 2.1 of the digest; where it says nothing, grpc-go's choice.
RST_STATUS = {h2raw.CANCEL: {CANCELLED}, h2raw.REFUSED_STREAM: {UNAVAILABLE},
              h2raw.ENHANCE_YOUR_CALM: {RESOURCE_EXHAUSTED}, 12: {PERMISSION_DENIED},
              5: {INTERNAL, UNKNOWN}, 13: {INTERNAL, UNKNOWN}}


def headers(fields, end=False):
    return lambda sid: h2raw.make_headers(sid, fields, end)


def data(body, end=False):
    return lambda sid: h2raw.make_data(sid, body, end)


def rst(code):
    return lambda sid: h2raw.make_rst(sid, code)


PHASES = {"before-headers": [], "after-headers": [headers(GOOD)],
          "mid-message": [headers(GOOD), data(HALF)],
          "after-message": [headers(GOOD), data(MESSAGE)]}


def html(status, content_type="text/html", extra=()):
    return [headers([(":status", str(status)), ("content-type", content_type)] + list(extra)),
            data(b"<html>sorry</html>", True)]


def early_hints(count):
    return [headers([(":status", "103"), ("link", "</x>")])] * count


# name -> (what the backend sends, the statuses that are right)
ANSWERS = {
    "no-status-field": ([headers([("content-type", "application/grpc")]),
                         headers(END, True)], {INTERNAL}),
    "status-two-digits": ([headers([(":status", "20")] + GOOD[1:]), headers(END, True)],
                          {INTERNAL}),
    "status-101": ([headers([(":status", "101")] + GOOD[1:]), headers(END, True)], {INTERNAL}),
    "status-twice": ([headers([(":status", "200")] + GOOD), headers(END, True)], {INTERNAL}),
    "upper-case-name": ([headers(GOOD + [("X-Upper", "1")]), headers(END, True)], {INTERNAL}),
    "connection-header": ([headers(GOOD + [("connection", "close")]), headers(END, True)],
                          {INTERNAL}),
    "newline-in-value": ([headers(GOOD + [("x-a", "1\r\nx-b: 2")]), headers(END, True)],
                         {INTERNAL}),
    "pseudo-in-trailers": ([headers(GOOD), data(MESSAGE), headers([(":status", "200")] + END,
                                                                  True)], {INTERNAL}),
    "trailers-without-end": ([headers(GOOD), data(MESSAGE), headers(END, False)], {INTERNAL}),
    "headers-twice": ([headers(GOOD), headers(GOOD), headers(END, True)], {INTERNAL}),
    "content-length-lie": ([headers(GOOD + [("content-length", "3")]), data(MESSAGE),
                            headers(END, True)], {INTERNAL}),
    "content-length-short": ([headers(GOOD + [("content-length", "99")]), data(MESSAGE),
                              headers(END, True)], {INTERNAL}),
    "content-length-alone": ([headers(GOOD + [("content-length", "5")] + END, True)], {INTERNAL}),
    "early-hints-with-end": ([headers([(":status", "103")], True)], {INTERNAL}),
    "only-headers": ([headers(GOOD, True)], {UNKNOWN}),
    "data-ends": ([headers(GOOD), data(MESSAGE, True)], {UNKNOWN}),
    "empty-data-ends": ([headers(GOOD), data(b"", True)], {UNKNOWN}),
    "trailers-without-status": ([headers(GOOD), data(MESSAGE), headers([("x-a", "1")], True)],
                                {UNKNOWN}),
    "html-200": (html(200), {UNKNOWN}), "html-500": (html(500), {UNKNOWN}),
    "html-302": (html(302), {UNKNOWN}), "html-400": (html(400), {INTERNAL}),
    "html-401": (html(401), {UNAUTHENTICATED}), "html-403": (html(403), {PERMISSION_DENIED}),
    "html-404": (html(404), {UNIMPLEMENTED}), "html-429": (html(429), {UNAVAILABLE}),
    "html-431": (html(431), {INTERNAL}), "html-502": (html(502), {UNAVAILABLE}),
    "html-503": (html(503), {UNAVAILABLE}), "html-504": (html(504), {UNAVAILABLE}),
    "grpc-type-502": (html(502, "application/grpc"), {UNAVAILABLE}),
    "no-type": ([headers([(":status", "200")]), data(MESSAGE), headers(END, True)], {UNKNOWN}),
    "no-body-502": ([headers([(":status", "502")], True)], {UNAVAILABLE}),
    "status-wins-over-502": ([headers([(":status", "502"), ("content-type", "application/grpc"),
                                       ("grpc-status", "5")], True)], {5}),
    "three-early-hints": (early_hints(3) + PHASES["after-message"] + [headers(END, True)], {OK}),
    "early-hints-flood": (early_hints(2000), {INTERNAL, RESOURCE_EXHAUSTED, UNAVAILABLE,
                                              UNKNOWN}),
    "rst-no-error-behind-trailers": (PHASES["after-message"] + [headers(END, True), rst(0)],
                                     {OK}),
    "empty-data-frames": (PHASES["after-message"] + [data(b"")] * 200 + [headers(END, True)],
                        {OK, INTERNAL, RESOURCE_EXHAUSTED, UNAVAILABLE}),
    "huge-headers": ([headers(GOOD + [("x-big", "v" * 200000)]), headers(END, True)],
                     {INTERNAL, RESOURCE_EXHAUSTED, UNAVAILABLE}),
}


def script_of(path):
    method = path.rsplit("/", 1)[1]
    if method in ANSWERS:
        return ANSWERS[method][0]
    phase, code = method.rsplit(".", 1)
    return PHASES[phase] + [rst(int(code))]


def play(request):
    for make in script_of(request.path):
        request.conn.send(make(request.sid))


@pytest.fixture(scope="module")
def broken(backend):
    """A proxy with the broken backend, and a good one for the TestService."""
    routes = [{"match": {"service": "grpc.testing.TestService"}, "to": "good"}, {"to": "bad"}]
    with h2raw.RawBackend(lambda c: h2raw.serve(c, on_end=play)) as raw, env.Proxy(
            {"bad": [raw.address], "good": [backend.address]}, routes) as proxy, \
            env.Neighbour(proxy.address):
        yield proxy


@pytest.fixture
def client(broken):
    with h2raw.Client(broken.address) as c:
        yield c


def timed_call(client, path):
    start = time.monotonic()
    got = client.call(path, timeout=5)
    took = time.monotonic() - start
    assert took < 2 * env.SLOW, "the answer took %.1f s" % took
    return got


@pytest.mark.parametrize("code", range(14))
@pytest.mark.parametrize("phase", ["before-headers", "after-headers", "after-message"])
def test_reset_between_messages(client, phase, code):
    """The mapped status: in one frame when nothing went out yet, else as trailers."""
    got = timed_call(client, "/bad.Svc/%s.%d" % (phase, code))
    assert got.rst is None and got.status in RST_STATUS.get(code, {INTERNAL}), (got.status, got.rst)
    if phase == "before-headers":
        assert got.trailers_only
        assert got.get(":status") == "200" and got.get("content-type") == "application/grpc"
    assert got.get("grpc-message")
    assert got.data == (MESSAGE if phase == "after-message" else b"")


@pytest.mark.parametrize("code", range(14))
def test_reset_in_the_middle_of_a_message(client, code):
    """No trailers may follow half a message; REFUSED_STREAM would invite a second try."""
    got = timed_call(client, "/bad.Svc/mid-message.%d" % code)
    assert not got.ended and got.status is None
    assert got.rst == (code if code in (h2raw.CANCEL, h2raw.ENHANCE_YOUR_CALM)
                       else h2raw.INTERNAL_ERROR)
    assert HALF.startswith(got.data)


@pytest.mark.parametrize("code", range(14))
@pytest.mark.parametrize("phase", sorted(PHASES))
def test_reset_as_a_real_client_sees_it(broken, phase, code):
    with broken.open_channel(grpc__enable_retries=0) as channel:
        with pytest.raises(grpc.RpcError) as e:
            channel.unary_unary("/bad.Svc/%s.%d" % (phase, code))(b"", timeout=5 * env.SLOW)
    allowed = RST_STATUS.get(code, {INTERNAL})
    if phase == "mid-message":
        allowed = allowed | {INTERNAL}
    assert e.value.code().value[0] in allowed, e.value.details()


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_answer(client, name):
    got = timed_call(client, "/bad.Svc/" + name)
    assert got.status in ANSWERS[name][1], (got.status, got.rst, got.get("grpc-message"))
    assert b"html" not in got.data
    if got.status != OK and name != "status-wins-over-502":
        assert got.get(":status") == "200" and got.get("grpc-message")
        assert len(got.get_all("grpc-status")) == 1
    if name == "no-type":
        assert "without a content-type" in got.get("grpc-message")
    if name.startswith(("html", "only", "no-body", "no-status", "early-hints-flood")):
        assert got.trailers_only
    client.ping()


def test_half_message_and_then_the_end(client):
    """END_STREAM inside a message: clean trailers would make a whole message of it."""
    ANSWERS["half-then-end"] = ([headers(GOOD), data(HALF, True)], ())
    got = timed_call(client, "/bad.Svc/half-then-end")
    assert got.status != OK and (got.rst is not None or got.status in (INTERNAL, UNKNOWN))


@pytest.mark.parametrize("value", ["abc", "", "99", "-1", "007"])
def test_strange_grpc_status(broken, value):
    """The library maps what it cannot read to UNKNOWN; the proxy must not make it OK."""
    ANSWERS["strange"] = ([headers(GOOD + [("grpc-status", value)], True)], ())
    with broken.open_channel(grpc__enable_retries=0) as channel:
        with pytest.raises(grpc.RpcError) as e:
            channel.unary_unary("/bad.Svc/strange")(b"", timeout=5 * env.SLOW)
    assert e.value.code() in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL) or (
        value == "007" and e.value.code() == grpc.StatusCode.PERMISSION_DENIED)


def test_strange_flag_and_length_pass(client):
    """The proxy counts messages, it does not judge them."""
    body = b"\x07\x00\x00\x00\x03abc" + h2raw.make_message(b"")
    ANSWERS["flags"] = ([headers(GOOD), data(body), headers(END, True)], ())
    got = timed_call(client, "/bad.Svc/flags")
    assert got.status == OK and got.data == body


def test_response_headers_keep_order_and_repeats(client):
    fields = [("x-a", "1"), ("x-b-bin", "AQ, not base64!"), ("x-a", "2"), ("x-a", "1")]
    ANSWERS["order"] = ([headers(GOOD + fields), data(MESSAGE),
                         headers(END + fields + [("grpc-message", "")], True)], ())
    got = timed_call(client, "/bad.Svc/order")
    assert got.status == OK and len(got.blocks) == 2
    for block in got.blocks:
        assert [v for n, v in block if n == "x-a"] == ["1", "2", "1"]
        assert [v for n, v in block if n == "x-b-bin"] == ["AQ, not base64!"]


def long_answer(count, size):
    """Headers and trailers of `count` fields and about three times `size` bytes more."""
    fields = [("x-n", str(i)) for i in range(count)] + [("x-big", "v" * size)] * 3
    return fields, [headers(GOOD + fields), data(MESSAGE), headers(END + fields, True)]


def test_long_headers_of_an_answer_pass_whole(client):
    """As gRPC servers send them with rich errors: far more than a client may send."""
    fields, script = long_answer(240, 16000)
    ANSWERS["long"] = (script, ())
    got = timed_call(client, "/bad.Svc/long")
    assert got.status == OK and len(got.blocks) == 2
    for block in got.blocks:
        assert [f for f in block if f[0] in ("x-n", "x-big")] == fields


@pytest.mark.parametrize("limits, count, size, passes", [
    ({"maxHeaderCount": 1000}, 900, 10, True), ({"maxHeaderCount": 100}, 120, 10, False),
    ({"maxHeaderBytes": "200KiB"}, 10, 60000, True), ({"maxHeaderBytes": "8KiB"}, 10, 3000, False)])
def test_limits_of_an_answers_headers(limits, count, size, passes):
    fields, script = long_answer(count, size)
    ANSWERS["limits"] = (script, ())
    with h2raw.RawBackend(lambda c: h2raw.serve(c, on_end=play)) as raw, env.Proxy(
            {"bad": [raw.address]}, pool={"limits": limits}) as proxy, h2raw.Client(proxy.address) as client:
        got = timed_call(client, "/bad.Svc/limits")
        if passes:
            assert got.status == OK
            assert [[f for f in b if f[0] in ("x-n", "x-big")] for b in got.blocks] == [fields] * 2
        else:
            assert got.status == RESOURCE_EXHAUSTED and next(iter(limits)) in got.get("grpc-message")
        client.ping()
