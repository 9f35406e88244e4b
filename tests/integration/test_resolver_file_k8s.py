# SPDX-License-Identifier: Apache-2.0
"""Resolvers that watch: an endpoints file, and EndpointSlices of an API server.

A small program (tests/lib/resolve_probe.c) runs one resolver and prints what it tells."""
import os
import threading
import time

import pytest

import env
import resolve_probe

k8s_server = pytest.importorskip("k8s_server", reason="install python3-h2")

pytestmark = [pytest.mark.proxy_only,
              pytest.mark.skipif(not os.path.exists(resolve_probe.PROBE),
                                 reason="make check builds tests/lib/resolve_probe")]


def line_of(event):
    """The event as a line that is easy to compare: "list 127.0.0.1:1 weight=2 zone=a", "error why"."""
    if "error" in event:
        return "error " + event["error"]
    words = ["list"]
    for address, weight, priority, *more in event["list"]:
        words.append(address)
        words += ["weight=%d" % weight] if weight != 1 else []
        words += ["priority=%d" % priority] if priority != 0 else []
        words += ["%s=%s" % pair for pair in (more[0] if more else {}).items()]
    return " ".join(words)


class Probe(resolve_probe.Probe):
    """k8s: what a pool has as "k8s"."""

    def __init__(self, target, environment=None, **k8s):
        super().__init__(target, {"k8s": {key: str(value) for key, value in k8s.items()}},
                         environment=environment)

    @property
    def seen(self):
        return [line_of(event) for event in self.events()]

    def next(self, timeout=10, what=None):
        return line_of(super().next(timeout, what))

    def expect(self, want, timeout=10):
        """Reads on until a line that is, or contains, this."""
        end = time.monotonic() + timeout * env.SLOW
        while True:
            event = self.next_or_none(max(0.01, end - time.monotonic()) / env.SLOW)
            assert event, "no %r; it said: %s" % (want, self.seen[-5:])
            line = line_of(event)
            if line == want or want.startswith("error ") and want[6:] in line:
                return line

    def quiet(self, seconds):
        event = self.next_or_none(seconds)
        assert event is None, "unexpected: %s" % line_of(event)


# --- files -------------------------------------------------------------------------


def text_of(port):
    return '{ "endpoints": [ { "target": "127.0.0.1:%d", "weight": 2 } ] } // one\n' % port


def flip_rename(folder, n):
    with open(os.path.join(folder, "new"), "w") as f:
        f.write(text_of(n))
    os.rename(os.path.join(folder, "new"), os.path.join(folder, "endpoints.json"))


def flip_in_place(folder, n):
    with open(os.path.join(folder, "endpoints.json"), "w") as f:
        f.write(text_of(n))


def flip_data(folder, n):
    """What a kubelet does with a ConfigMap."""
    version = "..2026_%d" % n
    os.mkdir(os.path.join(folder, version))
    with open(os.path.join(folder, version, "endpoints.json"), "w") as f:
        f.write(text_of(n))
    link = os.path.join(folder, "endpoints.json")
    if not os.path.islink(link):
        os.symlink("..data/endpoints.json", link)
    old = os.readlink(os.path.join(folder, "..data")) if n > 1 else None
    os.symlink(version, os.path.join(folder, "..data_tmp"))
    os.rename(os.path.join(folder, "..data_tmp"), os.path.join(folder, "..data"))
    if old:
        os.unlink(os.path.join(folder, old, "endpoints.json"))
        os.rmdir(os.path.join(folder, old))


FLIPS = 67


def test_each_of_200_changes_is_seen(tmp_path):
    """The three ways at the same time, as each change may wait half a second for the pause."""
    failures = []

    def run(flip):
        folder = tmp_path / flip.__name__
        folder.mkdir()
        try:
            flip(str(folder), 1)
            with Probe("file://%s/endpoints.json" % folder) as probe:
                for n in range(1, FLIPS + 1):
                    if n > 1:
                        flip(str(folder), n)
                    line = probe.next(timeout=5)
                    assert line == "list 127.0.0.1:%d weight=2" % n, line
        except BaseException as e:
            failures.append("%s: %r" % (flip.__name__, e))

    threads = [threading.Thread(target=run, args=(f,)) for f in (flip_rename, flip_in_place, flip_data)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, failures


def test_a_bad_file_keeps_the_list_and_says_where(tmp_path):
    flip_in_place(str(tmp_path), 1)
    with Probe("file://%s/endpoints.json" % tmp_path) as probe:
        probe.expect("list 127.0.0.1:1 weight=2")
        (tmp_path / "endpoints.json").write_text('[ "127.0.0.1:7",\n  "127.0')
        assert "endpoints.json: line 2, column" in probe.expect("error this is not JSON")
        (tmp_path / "endpoints.json").write_text('[ "127.0.0.1:7",\n  { "target": "app:1" } ]')
        assert "line 2, column 15" in probe.expect("error names are not looked up")
        probe.quiet(1)
        flip_rename(str(tmp_path), 2)
        assert probe.next() == "list 127.0.0.1:2 weight=2"


# --- Kubernetes ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("keys"))
    k8s_server.make_ca(folder, "ca")
    k8s_server.make_ca(folder, "other")
    k8s_server.make_certificate(folder, "good", "ca", "IP:127.0.0.1,DNS:kubernetes.default.svc")
    k8s_server.make_certificate(folder, "foreign", "other", "IP:127.0.0.1")
    k8s_server.make_certificate(folder, "elsewhere", "ca", "IP:10.96.0.1,DNS:kubernetes.default.svc")
    return folder


class Cluster:
    def __init__(self, keys, tmp_path):
        self.keys, self.token_file = keys, tmp_path / "token"
        self.token_file.write_text("secret-1\n")
        self.server = k8s_server.ApiServer(keys, "good")

    def probe(self, target="k8s:///app.shop:grpc", **conf):
        args = dict(apiServer="https://127.0.0.1:%d" % self.server.port, tokenFile=self.token_file,
                    caFile=os.path.join(self.keys, "ca.crt"))
        args.update(conf)
        return Probe(target, **args)


@pytest.fixture
def cluster(keys, tmp_path):
    c = Cluster(keys, tmp_path)
    c.server.put(k8s_server.make_slice("app-1", [k8s_server.endpoint("10.1.0.1", ready=True)]))
    yield c
    c.server.close()


def wait_for_watch(server, n=1):
    env.wait_until(lambda: server.count(True) >= n, what="watch %d" % n)


def test_list_then_changes(cluster):
    s = cluster.server
    with cluster.probe() as probe:
        assert probe.next() == "list 10.1.0.1:50051"
        s.put(k8s_server.make_slice("app-2", [
            k8s_server.endpoint("10.1.0.2", zone="a", hints=["a", "b"]),        # no conditions: ready
            k8s_server.endpoint("10.1.0.3", ready=False, serving=True, terminating=True),
            k8s_server.endpoint("10.1.0.1", ready=True)]))                       # also in the first slice
        assert probe.next() == "list 10.1.0.1:50051 10.1.0.2:50051 zone=a hint-zone=a,b"
        s.delete("app-1")
        assert probe.next() == "list 10.1.0.2:50051 zone=a hint-zone=a,b 10.1.0.1:50051"
        s.bookmark()
        s.put(k8s_server.make_slice("app-2", [
            k8s_server.endpoint("10.1.0.2", ready=False, serving=False, terminating=True),
            k8s_server.endpoint("10.1.0.3", ready=False, serving=True, terminating=True)]))
        assert probe.next() == "list 10.1.0.3:50051"       # nothing is ready: what still serves
        s.delete("app-2")
        probe.expect("error has no EndpointSlice")
        s.put(k8s_server.make_slice("app-3", [k8s_server.endpoint("fd00::3")], kind="IPv6"))
        assert probe.next() == "list [fd00::3]:50051"
        assert s.count(False) == 1 and s.count(True) == 1


def test_port_by_number_and_by_a_name_that_is_not_there(cluster):
    with cluster.probe("k8s:///app.shop:8080") as probe:
        assert probe.next() == "list 10.1.0.1:8080"
    with cluster.probe("k8s:///app.shop:metrics") as probe:
        probe.expect('error no TCP port named "metrics"')
    with cluster.probe("k8s:///app:grpc", namespace="shop") as probe:
        assert probe.next() == "list 10.1.0.1:50051"


def test_the_environment_names_the_server(cluster):
    with Probe("k8s:///app.shop:grpc", {"KUBERNETES_SERVICE_HOST": "127.0.0.1",
                                        "KUBERNETES_SERVICE_PORT": str(cluster.server.port)},
               tokenFile=cluster.token_file, caFile=os.path.join(cluster.keys, "ca.crt")) as probe:
        assert probe.next() == "list 10.1.0.1:50051"


def test_pages_and_bytes_in_pieces(cluster):
    s = cluster.server
    for i in range(2, 40):
        s.put(k8s_server.make_slice("app-%02d" % i, [k8s_server.endpoint("10.1.%d.%d" % (i, k))
                                                      for k in range(1, 51)]))
    s.page = 7
    with cluster.probe() as probe:
        line = probe.next(30)
        assert line.count(" ") == 1 + 38 * 50
        pages = s.count(False)
        assert pages == 6
        s.piece = 3
        s.put(k8s_server.make_slice("app-99", [k8s_server.endpoint("10.1.99.1")]))
        assert probe.next(30).endswith(" 10.1.99.1:50051")


def test_a_watch_goes_on_from_where_it_was(cluster):
    s = cluster.server
    with cluster.probe() as probe:
        assert probe.next() == "list 10.1.0.1:50051"
        wait_for_watch(s)
        time.sleep(1.1)         # one that lived for a second is asked for again at once
        s.end_watches()
        wait_for_watch(s, 2)
        s.put(k8s_server.make_slice("app-1", [k8s_server.endpoint("10.1.0.2")]))
        assert probe.next() == "list 10.1.0.2:50051"
        for lose in (s.drop_connections, s.goaway):
            n = s.count(True)
            lose()
            s.put(k8s_server.make_slice("app-1", [k8s_server.endpoint("10.2.0.%d" % n)]))
            assert probe.next() == "list 10.2.0.%d:50051" % n       # and no error
            wait_for_watch(s, n + 1)
        assert s.count(False) == 1      # no second list


def test_too_old_a_version_means_a_new_list(cluster):
    s = cluster.server
    with cluster.probe() as probe:
        assert probe.next() == "list 10.1.0.1:50051"
        wait_for_watch(s)
        time.sleep(1.1)
        s.put(k8s_server.make_slice("app-2", [k8s_server.endpoint("10.1.0.2")]))
        assert probe.next() == "list 10.1.0.1:50051 10.1.0.2:50051"
        s.compact()             # HTTP 410 to the next watch
        s.slices.pop("app-1")
        s.drop_connections()
        probe.expect("list 10.1.0.2:50051")
        assert s.count(False) == 2
        wait_for_watch(s, 3)
        s.expired_event = True  # and as an event in the stream
        s.slices.pop("app-2")
        s.put(k8s_server.make_slice("app-4", [k8s_server.endpoint("10.1.0.4")]))
        s.drop_connections()
        probe.expect("list 10.1.0.4:50051")
        assert s.count(False) == 3


def test_junk_in_a_watch_means_a_new_list(cluster):
    s = cluster.server
    s.junk = b'{"type":"ADDED","object":{"metadata":{}}\n'
    with cluster.probe() as probe:
        assert probe.next() == "list 10.1.0.1:50051"
        probe.expect("error cannot be read")
        assert probe.next() == "list 10.1.0.1:50051"
        assert s.count(False) == 2
        s.put(k8s_server.make_slice("app-1", [k8s_server.endpoint("10.1.0.9")]))
        assert probe.next() == "list 10.1.0.9:50051"


def test_a_token_that_was_changed_is_read_again(cluster):
    s = cluster.server
    with cluster.probe() as probe:
        assert probe.next() == "list 10.1.0.1:50051"
        wait_for_watch(s)
        s.token = "secret-2"
        s.drop_connections()
        probe.expect("error does not accept the token")
        cluster.token_file.write_text("secret-2")
        s.put(k8s_server.make_slice("app-1", [k8s_server.endpoint("10.1.0.2")]))
        probe.expect("list 10.1.0.2:50051", 15)


def test_what_is_wrong_is_said(cluster, tmp_path):
    s, keys = cluster.server, cluster.keys
    s.forbidden = True
    with cluster.probe() as probe:
        line = probe.expect("error verbs list and watch for endpointslices")
        assert "namespace shop" in line and "no RBAC" in line
        s.forbidden = False
        probe.expect("list 10.1.0.1:50051")
    with cluster.probe(tokenFile=tmp_path / "none") as probe:
        probe.expect("error none cannot be used: No such file")
    with cluster.probe(caFile=tmp_path / "token") as probe:
        probe.expect("error has no certificate in PEM form")
    with cluster.probe(caFile=os.path.join(keys, "other.crt")) as probe:
        probe.expect("error is not signed by a CA in %s" % os.path.join(keys, "other.crt"))
    with cluster.probe(apiServer="https://127.0.0.1:%d" % env.free_port()) as probe:
        probe.expect("error connecting failed: Connection refused")
    s.use_certificate(keys, "elsewhere")
    with cluster.probe() as probe:
        probe.expect("error the server's certificate is not for 127.0.0.1; it is for 10.96.0.1, kubernetes")
    assert s.count(True) <= 1


def test_a_certificate_that_is_replaced(cluster):
    """A CA and a certificate that are exchanged while it runs: only new connections see them."""
    s, keys = cluster.server, cluster.keys
    with cluster.probe() as probe:
        assert probe.next() == "list 10.1.0.1:50051"
        wait_for_watch(s)
        s.use_certificate(keys, "foreign")
        s.drop_connections()
        probe.expect("error is not signed by a CA")
        s.use_certificate(keys, "good")
        s.put(k8s_server.make_slice("app-1", [k8s_server.endpoint("10.1.0.2")]))
        probe.expect("list 10.1.0.2:50051", 15)


def test_200_changes_through_ends_of_watches(cluster):
    """No change is lost while watches and connections come and go."""
    s = cluster.server
    with cluster.probe() as probe:
        assert probe.next() == "list 10.1.0.1:50051"
        for i in range(200):
            s.put(k8s_server.make_slice("app-%d" % (i % 3), [k8s_server.endpoint("10.3.0.%d" % (i % 250 + 1))]))
            if i % 50 == 25:
                s.end_watches()
            if i % 50 == 40:
                s.drop_connections()
        want = {"10.3.0.%d:50051" % (i + 1) for i in (197, 198, 199)}
        end = time.monotonic() + 15 * env.SLOW
        while set(probe.next().split()[1:]) != want:
            assert time.monotonic() < end, probe.seen[-3:]
        assert s.count(False) == 1
