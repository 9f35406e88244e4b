# SPDX-License-Identifier: Apache-2.0
"""Every block of README.md does what it says there. Commands run as they stand, in a folder that looks like a built source tree; only the
addresses are others, since tests share a machine. Commands that install packages, push images or ask for a cluster are looked at as closely as is possible without.

A block is told by a line of it; one that no test takes fails test_no_block_is_left_out."""
import json
import os
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

import env
import named

pytestmark = pytest.mark.proxy_only
TOP = os.path.abspath(os.path.join(env.HERE, "..", ".."))
FILES_OF_OTHERS = {"E0250", "E0347", "E0372"}      # certificates and keys that an example names
taken = set()


def blocks():
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as f:
        return re.findall(r"^```(\w*)\n(.*?)^```$", f.read(), re.S | re.M)


def block(part, kind="sh"):
    """The one block of this kind that has this text."""
    found = [b for b in blocks() if b[0] == kind and part in b[1]]
    assert len(found) == 1, "%d blocks have: %s" % (len(found), part)
    taken.add(found[0])
    return found[0][1]


class Tree:
    """A folder with what a built source tree has, and other addresses."""

    def __init__(self, folder):
        self.folder, self.ports, self.running = folder, {}, []
        self.admin = self.here("127.0.0.1:9901")
        for name in "contrib", "README.md":
            os.symlink(os.path.join(TOP, name), str(folder / name))
        (folder / "conf").mkdir()
        for name in os.listdir(os.path.join(TOP, "conf")):
            with open(os.path.join(TOP, "conf", name), encoding="utf-8") as f:
                (folder / "conf" / name).write_text(self.here(f.read()))
        # The admin port is the default one in README.md.
        self.wrap("outrigger", 'case " $* " in *" -t "*) exec %s "$@";; esac; exec %s --admin %s "$@"'
                  % (env.OUTRIGGER, env.OUTRIGGER, self.admin))
        self.wrap("outriggerctl", 'exec %s "$@" -a %s' % (env.OUTRIGGER + "ctl", self.admin))

    def wrap(self, name, line):
        path = self.folder / name
        path.write_text("#!/bin/sh\n%s\n" % line)
        path.chmod(0o755)

    def here(self, text):
        """With a free port for each one on loopback; always the same for the same."""
        def other(found):
            return "127.0.0.1:%d" % self.ports.setdefault(found.group(1), env.free_port())
        return re.sub(r"127\.0\.0\.1:(\d+)", other, text)

    def backend(self, address, name):
        server = named.Named(name, address=self.here(address)).server
        self.running.append(lambda: server.stop(None).wait(5))

    def start(self, command, ready=r"\bready\b"):
        process = env.Process(["bash", "-c", "exec " + self.here(command)], cwd=str(self.folder))
        self.running.append(process.kill)
        process.wait_line(lambda line: re.search(ready, line), "err")
        return process

    def run(self, command, status=0, shell="bash"):
        done = subprocess.run([shell, "-ec", self.here(command)], cwd=str(self.folder), capture_output=True, text=True,
                              check=False, timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode == status, "%s\n%s%s" % (command, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def ask(self, address="127.0.0.1:8080"):
        answer = named.ask(self.here(address), "/any.Service/Get")
        assert answer.name, (answer.code, answer.text)
        return answer.name

    def close(self):
        for close in reversed(self.running):
            close()


def end(process, now=False):
    """SIGTERM, as README.md says; now: a second one."""
    process.proc.send_signal(signal.SIGTERM)
    if now:
        process.wait_line(lambda line: "shutdown asked for" in line, "err")
        process.proc.send_signal(signal.SIGTERM)
    assert process.wait_exit(20) == 0


@pytest.fixture
def tree(tmp_path):
    made = Tree(tmp_path)
    try:
        yield made
    finally:
        made.close()


def lines(text):
    return [line for line in text.split("\n") if line.strip()]


def check_config(text, tmp_path, name="outrigger.json"):
    path = tmp_path / name
    path.write_text(text)
    done = subprocess.run([env.OUTRIGGER, "-t", "-c", str(path)], capture_output=True, text=True, check=False, timeout=30)
    others = set(re.findall(r" error: .*\[(E\d+)\]", done.stdout + done.stderr)) - FILES_OF_OTHERS
    assert done.returncode in (0, 1) and not others, done.stdout + done.stderr


# --- the first five minutes --------------------------------------------------------------------


def test_the_two_first_commands_exist_and_name_packages(tree):
    """What they install is not installed here; test_demo.py has what they run then."""
    for line in lines(block("contrib/quickstart  ")):
        command = line.split("#")[0].split()
        assert len(command) == 1 and os.access(os.path.join(TOP, command[0]), os.X_OK)
        assert tree.run(command[0] + " --help").startswith("usage: " + command[0])
        tree.run("bash -n " + command[0])
    listed = tree.run(". contrib/common.sh; echo $BUILD_PACKAGES $TEST_PACKAGES").split()
    assert len(listed) > 20 and all(re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", name) for name in listed)


def test_an_application_without_a_file(tree):
    for port in 50051, 50052:
        tree.backend("127.0.0.1:%d" % port, str(port))
    line, = lines(block("./outrigger --listen"))
    process = tree.start(line)
    assert {tree.ask() for _ in range(20 * env.WORKERS)} == {"50051", "50052"}
    end(process, now=True)


def shape(text):
    """Lines without what differs from run to run."""
    text = re.sub(r"file://\S+(?=:)", "FILE", re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", text))
    return [re.sub(r"\d+", "N", line).split() for line in lines(text)]


def test_what_outriggerctl_pools_prints_is_what_is_shown(tree):
    shown = block("pool shop (least_request)", "")
    members = []
    for address, weight, zone, version in re.findall(
            r"^ +(127\S+) +ready +\S+ +(\d+) .*\n.*\n +zone (\S+), version=(\S+)$", shown, re.M):
        tree.backend(address, version)
        members.append({"target": tree.here(address), "weight": int(weight), "zone": zone, "labels": {"version": version}})
    assert len(members) == 2
    (tree.folder / "endpoints.json").write_text(json.dumps({"endpoints": members}))
    (tree.folder / "outrigger.json").write_text(json.dumps({
        "version": 1, "listeners": [{"listen": tree.here("127.0.0.1:8080"), "routes": [{"to": "shop"}]}],
        "pools": [{"name": "shop", "balance": "least_request", "healthCheck": {"type": "grpc", "interval": "100ms"},
                   "endpoints": ["file://%s/endpoints.json" % tree.folder,
                                 {"target": tree.here("127.0.0.1:50053"), "priority": 1}]}]}))
    tree.start("./outrigger -c outrigger.json")
    assert tree.ask() in ("v1", "v2")
    env.wait_until(lambda: shape(tree.run("./outriggerctl pools")) == shape(shown), 20)


def test_the_same_as_a_file(tree):
    (tree.folder / "outrigger.json").write_text(tree.here(block('"listen": "127.0.0.1:8080", "routes": [{ "to": "app" }] }],', "jsonc")))
    check, run = lines(block("./outrigger -t -c outrigger.json"))
    assert "is good" in tree.run(check)
    tree.backend("127.0.0.1:50051", "app")
    process = tree.start(run)
    assert tree.ask() == "app"
    end(process)
    (tree.folder / "outrigger.json").write_text('{ "version": 1, "listners": [] }')
    assert 'outrigger.json:1:17: error: unknown key "listners"; did you mean "listeners"' in tree.run(check, status=1)


def test_the_same_as_yaml(tree):
    if "libyaml" not in tree.run("./outrigger -t -VV"):
        pytest.skip("this build has no libyaml")
    (tree.folder / "outrigger.yaml").write_text(tree.here(block("version: 1", "yaml")))
    tree.backend("127.0.0.1:50051", "app")
    process = tree.start("./outrigger -c outrigger.yaml")
    assert tree.ask() == "app"
    end(process, now=True)


# --- to Kubernetes and elsewhere ----------------------------------------------------------------


def test_the_way_into_kubernetes(tree):
    """contrib/docker/check-image builds this image, test_kubernetes.py knows more of the manifests."""
    build, push, apply = lines(block("kubectl apply -k"))
    assert re.fullmatch(r"docker build -f (\S+) -t (\S+) \.", build) and push == "docker push " + build.split()[-2]
    dockerfile, image = build.split()[3], build.split()[5]
    with open(os.path.join(TOP, dockerfile), encoding="utf-8") as f:
        copied = re.findall(r"^COPY (?!--from)(\S+)", f.read(), re.M)
    assert copied and all(os.path.exists(os.path.join(TOP, path)) for path in copied)
    folder = apply.split()[-1]
    with open(os.path.join(TOP, folder, "kustomization.yaml"), encoding="utf-8") as f:
        text = f.read()
    name, tag = image.rsplit(":", 1)
    assert 'name: outrigger, newName: %s, newTag: "%s"' % (name, tag) in text
    if shutil.which("kubectl"):
        assert "image: " + image in tree.run("kubectl kustomize " + folder)


def test_the_way_to_systemd(tree):
    """contrib/lint/check-install.sh knows what make install puts."""
    install, config, *rest = [line.split("#")[0].split() for line in lines(block("systemctl enable"))]
    assert all(words[0] == "sudo" for words in (install, config, *rest))
    assert install[1:] == ["make", "install", "prefix=/usr"]
    with open(os.path.join(TOP, "contrib/systemd/outrigger.service"), encoding="utf-8") as f:
        unit = f.read()
    assert "-c " + config[-1] in unit and "ExecStart=/usr/sbin/outrigger" in unit
    destination = tree.folder / "etc" / "outrigger.json"
    (tree.folder / "outrigger.json").write_text("{}")
    tree.run(" ".join(config[1:-1] + [str(destination)]))
    assert destination.read_text() == "{}"


def test_the_check_of_alerts_and_dashboard(tree):
    """test_monitoring.py runs all of it; here it must find the target that README.md names."""
    command, = lines(block("check_expressions.py"))
    command = command.split("#")[0]
    assert "--target" in command and "--target" in tree.run(command.split("--target")[0] + "--help")
    assert "127.0.0.1:9901" in command


def status_of(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        return e.code


def test_the_probe_port(tree):
    """test_probe.py knows more of it."""
    text, probe = tree.here(block("readyWhen", "jsonc")), env.free_address()
    for port, address in ((":9902", probe), (":8080", tree.here("127.0.0.1:8080"))):
        assert '"%s"' % port in text
        text = text.replace('"%s"' % port, '"%s"' % address)
    (tree.folder / "outrigger.json").write_text(text)
    tree.start("./outrigger -c outrigger.json")
    assert status_of("http://%s/livez" % probe) == 200
    assert status_of("http://%s/readyz" % probe) == 503       # no backend yet


# --- version routing -----------------------------------------------------------------------------


def test_version_routing(tree):
    *backends, proxy = lines(block("contrib/try-routing.py serve"))
    for line in backends:
        process = env.Process(["bash", "-c", "exec " + tree.here(line.rstrip(" &"))], cwd=str(tree.folder))
        tree.running.append(process.kill)
        process.wait_line(lambda text: "answers on" in text, "out", 20)
    tree.start(proxy.rstrip(" &"))
    *asks, explain, stop = lines(block("contrib/try-routing.py ask"))
    assert stop == "kill %%1 %%2 %%%d" % (len(backends) + 1)
    for line in asks:
        command, promise = line.split("#")
        got = {name: int(n) for n, name in re.findall(r"^\s*(\d+)  (\S+)$", tree.run(command), re.M)}
        about = re.match(r" about (\d+)  v1, (\d+)  v2$", promise)
        if about:
            for name, want in zip(("v1", "v2"), map(int, about.groups())):
                assert abs(got[name] - want) < 60, (line, got)
        elif "of one version" in promise:
            assert list(got.values()) == [int(promise.split()[0])], (line, got)
        else:
            n, name = promise.split()
            assert got == {name: int(n)}, (line, got)
    told = tree.run(explain.split("#")[0])
    assert "canary" in told and tree.here("127.0.0.1:50051") in told


# --- TLS -------------------------------------------------------------------------------------------


def test_certificates_and_mtls(tree):
    tree.run(block("make_cert()"))
    made = sorted(os.listdir(tree.folder / "certs"))
    assert {"ca.crt", "tls.crt", "tls.key", "web.crt", "web.key"} <= set(made)
    proxy, client, ctl = lines(block("openssl s_client"))
    with open(str(tree.folder / "certs" / "tls.key"), "rb") as key, open(str(tree.folder / "certs" / "tls.crt"), "rb") as cert:
        with open(str(tree.folder / "certs" / "ca.crt"), "rb") as ca:
            credentials = named.grpc.ssl_server_credentials([(key.read(), cert.read())], ca.read(), True)
    server = named.Named("app", address=tree.here("127.0.0.1:50051"), credentials=credentials).server
    tree.running.append(lambda: server.stop(None).wait(5))
    process = env.Process(["bash", "-c", tree.here(proxy).replace("./outrigger", "exec ./outrigger")], cwd=str(tree.folder))
    tree.running.append(process.kill)
    process.wait_line(lambda line: re.search(r"\bready\b", line), "err")
    said = tree.run(client)
    assert "Verify return code: 0 (ok)" in said and "ALPN protocol: h2" in said, said
    listed = tree.run(ctl)
    assert "certs/tls.crt" in listed and "listener in" in listed
    # A call all the way, as the client web, with certificates on both sides.
    with open(str(tree.folder / "certs" / "web.key"), "rb") as key, open(str(tree.folder / "certs" / "web.crt"), "rb") as cert:
        with open(str(tree.folder / "certs" / "ca.crt"), "rb") as ca:
            client = named.grpc.ssl_channel_credentials(ca.read(), key.read(), cert.read())
    answer = named.ask(tree.here("127.0.0.1:8443"), "/any.Service/Get", host="app.shop.example", credentials=client)
    assert answer.name == "app", answer.text
    check_config('{ "version": 1, "listeners": [{ "listen": "127.0.0.1:1", %s "routes": [{ "to": "a" }] }],'
                 ' "pools": [{ "name": "a", "endpoints": ["127.0.0.1:2"] }] }' % block('"clientCa"', "js"), tree.folder)


# --- parts of configs ---------------------------------------------------------------------------

POOL = '"pools": [{ "name": "app", "endpoints": ["127.0.0.1:2"] }, { "name": "authz", "endpoints": ["127.0.0.1:3"] }]'
LISTENER = '{ "version": 1, "listeners": [{ "listen": "127.0.0.1:1", %s, "routes": [{ "to": "app" }] }], ' + POOL + " }"
PARTS = {
    '"type": "rateLimit"': LISTENER,
    '"type": "apiKey"': LISTENER,
    '"type": "jwt"': LISTENER.replace("%s", '"filters": [%s]'),
    '"type": "extAuthz"': LISTENER,
    '"otlp"': '{ "version": 1, %s "listeners": [{ "listen": "127.0.0.1:1", "routes": [{ "to": "app" }] }], ' + POOL + " }",
}


@pytest.mark.parametrize("part", PARTS)
def test_parts_of_configs_are_good(part, tmp_path):
    text = block(part, "js").strip()
    check_config(PARTS[part] % (text if part == '"otlp"' else text.rstrip(",")), tmp_path)


def test_each_policy_for_retries_is_good(tmp_path):
    retry, hedge = re.split(r'(?="hedgingPolicy")', block('"hedgingPolicy"', "js"))
    for policy in retry, hedge:
        check_config('{ "version": 1, "listeners": [{ "listen": "127.0.0.1:1", "routes": [{ "to": "app", %s }] }], %s }'
                     % (policy, POOL), tmp_path)


def test_whole_configs_are_good(tmp_path):
    pool = block('"outlierDetection"', "jsonc")
    check_config('{ "version": 1, "listeners": [{ "listen": "127.0.0.1:1", "routes": [{ "to": "shop" }] }], "pools": [%s] }'
                 % pool, tmp_path)
    check_config(block("unix:/run/outrigger/in.sock", "jsonc"), tmp_path)
    endpoints = tmp_path / "endpoints.json"
    endpoints.write_text(block('{ "endpoints"', "json"))
    assert json.loads(endpoints.read_text())
    check_config('{ "version": 1, "listeners": [{ "listen": "127.0.0.1:1", "routes": [{ "to": "app" }] }],'
                 '"pools": [{ "name": "app", "endpoints": ["file://%s"] }] }' % endpoints, tmp_path)


# --- all of it ------------------------------------------------------------------------------------


def test_links_lead_somewhere():
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as f:
        text = f.read()
    titles = {re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in re.findall(r"^#+ (.*)$", text, re.M)}
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if link.startswith("#"):
            assert link[1:] in titles, link
        elif "://" not in link:
            assert os.path.exists(os.path.join(TOP, link)), link


def test_no_block_is_left_out(request):
    """The last one: what the tests above have not taken."""
    if len(request.session.items) < 15:
        pytest.skip("only with the tests before it")
    assert [b[1] for b in blocks() if b not in taken] == []
