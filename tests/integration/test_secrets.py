# SPDX-License-Identifier: Apache-2.0
"""What a config holds in confidence is on no page of the admin port, in no bundle and in no line of the log: a marker stands in each place that may have a secret."""
import base64
import json
import os
import subprocess
import tarfile

import pytest

import env
import reloads

pytestmark = pytest.mark.proxy_only
MARK = "s3cr3t"
WRONG = "m1splac3d"    # a secret where none belongs
SHOWN = "op3nly"    # what must stay readable


def mark(n):
    return "%s%02d" % (MARK, n)


def secrets():
    """Filters of two listeners, the first route of one, keys of a pool: a secret in each place that may have one."""
    key = base64.urlsafe_b64encode(b"k" * 32).decode().rstrip("=")
    jwk = {"keys": [{"kty": "oct", "alg": "HS256", "kid": mark(1), "k": key}]}
    call = {"x-api-key": mark(2), "authorization": {"prefix": "Bearer " + mark(3)},
            "cookie": {"regex": "sid=" + mark(4)}, "x-session-token": {"oneOf": [mark(5), mark(6)]},
            "x-version": SHOWN}
    policy = {"name": "p", "allow_rules": [{"name": "r", "request": {"headers": [{"key": "x-any", "values": [mark(7)]}]}}]}
    filters = [
        {"type": "jwt", "issuer": SHOWN, "audiences": ["a"], "algorithms": ["HS256"], "jwks": json.dumps(jwk)},
        {"type": "rbac", "rules": [{"name": "n", "action": "deny", "headers": {"x-api-key": mark(9)},
                                    "claims": {"client_secret": mark(10)}}]},
        {"type": "headers", "request": {"set": {"x-partner": mark(11), "x-user": "%{san}"}, "add": {"x-more": "b " + mark(12)}},
         "response": {"set": {"x-served-by": SHOWN, "set-cookie": mark(13)}}},
        {"type": "extAuthz", "pool": "app", "contextExtensions": {"environment": mark(14)}},
        {"type": "globalRateLimit", "domain": "d", "descriptors": [{"entries": ["method"], "rate": "5/s"}],
         "redis": {"address": "127.0.0.1:1", "user": SHOWN, "password": mark(15)}},
        {"type": "apiKey", "keys": [{"client": SHOWN, "sha256": "5ec2e7" + "0" * 58}]}]
    route = {"match": {"headers": call}, "to": "app",
             "requestHeaders": {"set": {"x-upstream": mark(16), "authorization": "Basic " + mark(17)}, "add": {"x-two": mark(18)}},
             "responseTrailers": {"add": {"x-by": SHOWN, "x-auth-token": mark(19)}}}
    health = {"type": "grpc", "metadata": {"x-tenant": mark(20), "authorization": mark(21)}}
    others = [{"type": "jwt", "issuer": SHOWN, "audiences": ["a"], 
               "jwks": "https://joe:%s@127.0.0.1:1/%s?key=%s" % (mark(22), SHOWN, mark(8))},
              {"type": "rbac", "policy": policy}]
    return filters, others, route, {"healthCheck": health}


COUNT = 22


@pytest.fixture(scope="module")
def proxy():
    filters, others, route, pool = secrets()
    address = env.free_address()
    listeners = [{"name": "in", "listen": address, "filters": filters, "routes": [route, {"to": "app"}]},
                 {"name": "other", "listen": env.free_address(), "filters": others, "routes": [{"to": "app"}]}]
    with env.Proxy([env.free_address()], pool=pool, listen=address, top={"log": {"level": "debug"}, "listeners": listeners}) as p:
        text = json.dumps(p.config)
        assert all(mark(i + 1) in text for i in range(COUNT))
        yield p


def pages(proxy):
    """All that a GET finds, from the port's own list."""
    said = reloads.ask(proxy, "GET", "/help")[1]
    words = {w.strip("(),") for line in said.splitlines() for w in line.split() if not line.startswith("POST ")}
    return sorted(w for w in words if w.startswith("/") and w not in ("/events", "/tail"))


CALL = "?listener=in&method=/a.B/C&header=x-api-key%3Dx&header=x-version%3D" + SHOWN


def test_no_page_has_a_secret(proxy):
    seen = {path: reloads.ask(proxy, "GET", path) for path in pages(proxy) + ["/explain-call" + CALL, "/explain-call.json" + CALL, "/?plain"]}
    assert len(seen) > 20 and "/config" in seen and "/routes.json" in seen and "/config_dump" in seen
    for path, (_, text) in seen.items():
        assert MARK not in text, (path, text[max(0, text.index(MARK) - 200):][:300])
        assert "5ec2e7" not in text, path
    config = seen["/config"][1]
    json.loads(config)
    for shown in ('"user": "%s"' % SHOWN, '"x-served-by": "%s"' % SHOWN, '"x-user": "%{san}"', "https://(redacted)@127.0.0.1:1/%s?(redacted)" % SHOWN,
                  '"x-by": "%s"' % SHOWN):
        assert shown in config, shown
    assert '"exact": "%s"' % SHOWN in seen["/routes.json"][1]    # of a header whose name is no secret's
    why = seen["/explain-call" + CALL][1]
    assert "x-api-key" in why and "hidden" in why


def test_a_route_that_is_taken_is_explained_without_its_secrets(proxy):
    headers = ["x-api-key=" + mark(2), "authorization=Bearer " + mark(3), "cookie=sid=" + mark(4), "x-session-token=" + mark(5), "x-version=" + SHOWN]
    query = "?listener=in&method=/a.B/C" + "".join("&header=" + h.replace("=", "%3D").replace(" ", "+") for h in headers)
    status, text = reloads.ask(proxy, "GET", "/explain-call" + query)
    assert status == 200 and "requestHeaders: set authorization: (redacted), x-upstream: (redacted); add x-two: (redacted)" in text
    assert MARK not in text and "x-by: " + SHOWN in text
    assert MARK not in reloads.ask(proxy, "GET", "/explain-call.json" + query)[1]


def test_the_bundle_has_none(proxy, tmp_path):
    path = tmp_path / "b.tar"
    ctl = os.path.join(os.path.dirname(env.OUTRIGGER), "outriggerctl")
    subprocess.run([ctl, "bundle", "-a", proxy.admin, "-o", str(path)], check=True, timeout=60, capture_output=True)
    assert MARK.encode() not in path.read_bytes()
    with tarfile.open(path) as tar:
        names = [n.rsplit("/", 1)[1] for n in tar.getnames()]
    assert "config.json" in names and "routes.txt" in names


def test_reloads_good_and_bad_write_none_to_the_log(proxy):
    config = reloads.changed(proxy, drain={"delay": "1s", "timeout": "2s"})
    reloads.reload(proxy, config)
    # What is wrong stands in one line with a secret, and in the value that has one.
    bad = json.dumps(dict(config, drain={"delay": 5, "timeout": "2s"}))
    assert "\n" not in bad
    reloads.reload(proxy, bad.encode(), expect=422)
    config["listeners"][0]["routes"][0]["requestHeaders"]["set"]["x-upstream"] = "%{nothing}" + mark(16)
    said = reloads.reload(proxy, config, expect=422)
    assert "x-upstream" in said
    for path in ("/config/status", "/config/status.json", "/stats.json"):
        text = reloads.ask(proxy, "GET", path)[1]
        assert MARK not in text and "x-upstream" in text
    reloads.reload(proxy, proxy.config)
    proxy.wait_line(lambda t: "https://(redacted)@127.0.0.1:1/" + SHOWN in t, "err")
    log = "\n".join(proxy.lines())
    assert "why the reload was refused" in log and "delay" in log
    assert "https://(redacted)@127.0.0.1:1/" + SHOWN in log    # whose keys cannot be read
    assert MARK not in log


@pytest.mark.parametrize("wrong", [
    lambda c: c.update(tracing={"otlp": "http://joe:%s@otel.example:4318/v1?token=%s" % (MARK, MARK)}),
    lambda c: c.update(metrics={"push": {"otlp": "https://joe:%s@otel.example" % MARK}}),
    lambda c: c["listeners"][1].update(filters=[{"type": "apiKey", "keys": [{"client": "a", "sha256": MARK}]}])])
def test_a_value_that_cannot_be_is_told_without_its_secrets(proxy, wrong):
    """A URL with a password, or a key in the place of its hash: what a refused reload says goes to the log, the page and bundles."""
    config = json.loads(json.dumps(proxy.config))
    wrong(config)
    said = reloads.reload(proxy, config, expect=422)
    assert "cannot be" in said and MARK not in said
    for path in ("/config/status", "/config/status.json", "/stats.json", "/?plain"):
        text = reloads.ask(proxy, "GET", path)[1]
        assert MARK not in text and "cannot be" in text, path
    reloads.reload(proxy, proxy.config)
    assert MARK not in "\n".join(proxy.lines())


@pytest.mark.parametrize("wrong", [
    lambda c: c["listeners"][1].update(filters=[{"type": "apiKey", "keys": [WRONG]}]),
    lambda c: c["listeners"][1].update(filters=[{"type": "apiKey", "keys": {WRONG: "joe"}}]),
    lambda c: c["listeners"][1].update(filters=[{"type": "jwt", "issuer": "i", "audiences": ["a"], "algorithms": ["HS256"],
                                                 "jwks": json.dumps({"keys": [{"kty": "oct", "k": WRONG}]})}]),
    lambda c: c["pools"][0].update(endpoints=["dns:///joe:%s@app.example" % WRONG]),
    lambda c: c["pools"][0].update(endpoints=[{"target": "joe:%s@app.example:443" % WRONG}])], ids=["keys", "map", "jwks", "target", "bare"])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_secret_that_stands_in_a_wrong_place_has_stars(proxy, tmp_path, wrong, indent):
    """A key where an object with its hash belongs, a password in a target: in one line, and with each value in a line of its own."""
    config = json.loads(json.dumps(proxy.config))
    wrong(config)
    text = json.dumps(config, indent=indent)
    path = tmp_path / "c.json"
    path.write_text(text)
    got = subprocess.run([env.OUTRIGGER, "-t", "-c", str(path)], capture_output=True, text=True, timeout=20 * env.SLOW, check=False)
    assert got.returncode == 1 and "error" in got.stderr and WRONG not in got.stdout + got.stderr
    assert WRONG not in reloads.reload(proxy, text.encode(), expect=422)
    for page in ("/config/status", "/config/status.json", "/stats.json", "/?plain"):
        assert WRONG not in reloads.ask(proxy, "GET", page)[1], page
    reloads.reload(proxy, proxy.config)
    assert WRONG not in "\n".join(proxy.lines())


@pytest.mark.parametrize("name, text", [
    ("c.json", '{ "version": 1, "x-note": { "password": "%s", "x-api-key": { "exact": "%s" } }, "listenrs": [] }'),
    ("c.yaml", 'version: 1\nlistenrs: { password: "%s", cookie: [%s] }\n'),
    ("c.yaml", 'version: 1\nlistenrs: []\nlisteners:\n  - listen: 127.0.0.1:0\n    filters:\n      - type: apiKey\n        keys:\n'
               '          - %s\n          - client: joe\n            key: %s\n')])
def test_a_line_that_is_shown_has_stars(tmp_path, name, text):
    """A check in a CI job and a start that fails show the line, too."""
    path = tmp_path / name
    path.write_text(text % (MARK, MARK))
    for words in (["-t", "-c", str(path)], ["-c", str(path)], ["-t", "--format=json", "-c", str(path)]):
        got = subprocess.run([env.OUTRIGGER, *words], capture_output=True, text=True, timeout=20 * env.SLOW, check=False)
        said = got.stdout + got.stderr
        assert got.returncode == 1 and "listenrs" in said and MARK not in said
        assert "******" in said or "--format=json" in words
