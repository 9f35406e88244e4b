# SPDX-License-Identifier: Apache-2.0
"""contrib/kubernetes: what kustomize makes of it fits together and fits the program. No cluster is needed; kubectl (or kustomize) and
python3-yaml are."""
import http.client
import json
import os
import re
import shutil
import subprocess

import grpc
import pytest

import env
import k8s_server
import named
import protos

yaml = pytest.importorskip("yaml", reason="needs python3-yaml")
FOLDER = os.path.abspath(os.path.join(env.HERE, "..", "..", "contrib", "kubernetes"))
OVERLAYS = sorted(os.listdir(os.path.join(FOLDER, "overlays")))
TOOL = next(([shutil.which(t), *more] for t, more in (("kustomize", ["build"]), ("kubectl", ["kustomize"]))
             if shutil.which(t)), None)
CTL = os.path.join(os.path.dirname(env.OUTRIGGER), "outriggerctl")
pytestmark = [pytest.mark.proxy_only,
              pytest.mark.skipif(not TOOL, reason="needs kubectl or kustomize: apt-get install kubernetes-client")]


class Overlay:
    def __init__(self, name):
        done = subprocess.run([*TOOL, os.path.join(FOLDER, "overlays", name)], capture_output=True, text=True,
                              check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        self.objects = list(yaml.safe_load_all(done.stdout))
        self.deployment = self.one("Deployment")
        self.pod = self.deployment["spec"]["template"]["spec"]
        every = self.pod.get("initContainers", []) + self.pod["containers"]
        self.proxy = [c for c in every if c["name"] == "outrigger"][0]
        self.text = self.one("ConfigMap")["data"]["outrigger.json"]

    def one(self, kind):
        found = [o for o in self.objects if o["kind"] == kind]
        assert len(found) == 1, "%d objects of kind %s" % (len(found), kind)
        return found[0]

    def config(self, tmp_path):
        """Everything that is in force, with all defaults."""
        path = tmp_path / "outrigger.json"
        path.write_text(self.text)
        done = subprocess.run([env.OUTRIGGER, "--check=strict", "-c", str(path)], capture_output=True, text=True,
                              check=False, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr
        return subprocess.run([env.OUTRIGGER, "--print-config", "-c", str(path)], capture_output=True, text=True,
                              check=True, timeout=30).stdout


@pytest.fixture(params=OVERLAYS)
def overlay(request):
    return Overlay(request.param)


def seconds(text, key):
    value, unit = re.search(r'"%s": "([\d.]+)(s|m)"' % key, text).groups()
    return float(value) * {"s": 1, "m": 60}[unit]


def test_all_objects_are_in_one_namespace_and_name_each_other(overlay):
    assert {o["metadata"]["namespace"] for o in overlay.objects} == {"shop"}
    account = overlay.one("ServiceAccount")["metadata"]["name"]
    assert overlay.pod["serviceAccountName"] == account
    binding = overlay.one("RoleBinding")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": "shop"}]
    assert binding["roleRef"]["name"] == overlay.one("Role")["metadata"]["name"]
    labels = overlay.deployment["spec"]["template"]["metadata"]["labels"]
    assert overlay.deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    service = overlay.one("Service")["spec"]
    assert service["selector"].items() <= labels.items()
    ports = {p["name"]: p["containerPort"] for p in overlay.proxy["ports"]}
    assert service["ports"][0]["targetPort"] in ports
    mounts = {m["name"]: m for m in overlay.proxy["volumeMounts"]}
    volume = [v for v in overlay.pod["volumes"] if v["name"] in mounts][0]
    assert volume["configMap"]["name"] == overlay.one("ConfigMap")["metadata"]["name"]
    assert mounts[volume["name"]]["mountPath"] == "/etc/outrigger" and "subPath" not in mounts[volume["name"]]


def test_the_account_may_do_what_the_resolver_does(overlay):
    """As k8s_resolver asks: list and watch of EndpointSlices."""
    assert "k8s:///" in overlay.text
    assert overlay.one("Role")["rules"] == [
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]}]
    assert overlay.pod.get("automountServiceAccountToken", True)


def test_the_proxy_is_confined_and_sized(overlay):
    may = overlay.proxy["securityContext"]
    assert may["runAsNonRoot"] and may["runAsUser"] == 65532 and may["readOnlyRootFilesystem"]
    assert may["allowPrivilegeEscalation"] is False and may["capabilities"] == {"drop": ["ALL"]}
    assert may["seccompProfile"] == {"type": "RuntimeDefault"}
    assert overlay.proxy["resources"]["requests"] == {"cpu": "100m", "memory": "128Mi"}
    assert overlay.proxy["resources"]["limits"] == {"memory": "128Mi"}
    with open(os.path.join(FOLDER, "..", "docker", "Dockerfile"), encoding="utf-8") as f:
        assert "USER %d:" % may["runAsUser"] in f.read()


def test_the_config_is_good_and_fits_the_pod(overlay, tmp_path):
    text = overlay.config(tmp_path)
    drain = re.search(r'"drain": \{(.*?)\n  \}', text, re.S).group(1)
    assert seconds(drain, "delay") + seconds(drain, "timeout") < overlay.pod["terminationGracePeriodSeconds"]
    ports = {p["name"]: p["containerPort"] for p in overlay.proxy["ports"]}
    assert '"listen": ":%d"' % ports["grpc"] in text
    probe = re.search(r'"probe": \{(.*?)\n  \}', text, re.S).group(1)
    assert '"listen": ":%d"' % ports["probe"] in probe
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = overlay.proxy[name].get("grpc") or overlay.proxy[name]["httpGet"]
        assert asked["port"] == ports["probe"]
    annotations = overlay.deployment["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(ports["probe"])
    for name in set(re.findall(r"\$\{(\w+)", overlay.text)):
        assert name in {e["name"] for e in overlay.proxy["env"]}


def test_the_sidecar_starts_first_and_ends_last():
    sidecar = Overlay("sidecar")
    assert sidecar.proxy in sidecar.pod["initContainers"]
    assert sidecar.proxy["restartPolicy"] == "Always" and "startupProbe" in sidecar.proxy
    app = [c for c in sidecar.pod["containers"] if c["name"] == "app"][0]
    assert app["env"][0]["value"] in sidecar.text


def test_the_operator_of_prometheus_finds_the_pods(tmp_path):
    """With the component, as its comment says."""
    name = os.path.relpath(os.path.join(FOLDER, "overlays", "sidecar"), tmp_path)
    monitoring = os.path.relpath(os.path.join(FOLDER, "components", "monitoring"), tmp_path)
    (tmp_path / "kustomization.yaml").write_text("resources: [%s]\ncomponents: [%s]\n" % (name, monitoring))
    overlay = Overlay(str(tmp_path))
    monitor = overlay.one("PodMonitor")["spec"]
    labels = overlay.deployment["spec"]["template"]["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    assert monitor["podMetricsEndpoints"][0]["port"] in {p["name"] for p in overlay.proxy["ports"]}


@pytest.fixture
def running(overlay, tmp_path):
    """The proxy of the overlay, with its ports and targets replaced, and nothing else."""
    text, replace, closers, service = overlay.text, {}, [], env.free_address()
    overlay.grpc, overlay.probe, overlay.admin = (env.free_address() for _ in range(3))
    replace['":8080"'], replace['":9902"'] = '"%s"' % overlay.grpc, '"%s"' % overlay.probe
    replace['"version": 1,'] = '"version": 1, "admin": { "listen": "%s" },' % overlay.admin
    if "127.0.0.1:50051" in text:
        replace["127.0.0.1:50051"] = service
        replace["127.0.0.1:15001"] = env.free_address()
    keys = str(tmp_path)
    k8s_server.make_ca(keys, "ca")
    k8s_server.make_certificate(keys, "api", "ca", "IP:127.0.0.1")
    (tmp_path / "token").write_text("secret-1\n")
    api = k8s_server.ApiServer(keys, "api", namespace="shop", service="stock")
    closers.append(api.close)

    def backends_come():
        server = named.Named("app", address=service).server
        closers.append(lambda: server.stop(None).wait(5))
        api.put(k8s_server.make_slice("stock-1", [k8s_server.endpoint("127.0.0.1")],
                                      ports=(("grpc", int(service.split(":")[1])),)))
    overlay.backends_come = backends_come
    replace['"endpoints": ["k8s:///stock.shop:grpc"]'] = '"endpoints": ["k8s:///stock.shop:grpc"], "k8s": %s' % json.dumps(
        {"apiServer": "https://127.0.0.1:%d" % api.port, "tokenFile": str(tmp_path / "token"),
         "caFile": os.path.join(keys, "ca.crt")})
    replace['"healthCheck": "grpc"'] = '"healthCheck": { "type": "grpc", "interval": "200ms" }'
    for old, new in replace.items():
        assert old in text, old
        text = text.replace(old, new)
    path = tmp_path / "running.json"
    path.write_text(text)
    proxy = env.Process([env.OUTRIGGER, "-c", str(path)])
    closers.insert(0, proxy.kill)
    try:
        proxy.wait_line(lambda line: '"ready"' in line, "err")
        yield overlay
    finally:
        for close in closers:
            close()


def serving(probe, service):
    with env.open_channel(probe) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check",
                                    request_serializer=protos.message("grpc.health.v1.HealthCheckRequest").SerializeToString,
                                    response_deserializer=protos.message("grpc.health.v1.HealthCheckResponse").FromString)
        try:
            return check(protos.message("grpc.health.v1.HealthCheckRequest")(service=service), timeout=5).status == 1
        except grpc.RpcError:
            return False


def http_status(address, path):
    asked = http.client.HTTPConnection(address, timeout=5)
    try:
        asked.request("GET", path)
        return asked.getresponse().status
    finally:
        asked.close()


def test_probes_hook_and_scrapes_of_the_manifest_get_their_answers(running):
    """What kubelet and Prometheus would ask, word by word, of a running proxy."""
    spec = running.proxy
    # Before any pool has an endpoint: the sidecar's application is only started when this has passed.
    assert serving(running.probe, spec["startupProbe"]["grpc"]["service"])
    running.backends_come()
    ready = spec["readinessProbe"]["grpc"]["service"]
    env.wait_until(lambda: serving(running.probe, ready), 15, "readiness")
    assert http_status(running.probe, spec["livenessProbe"]["httpGet"]["path"]) == 200
    assert http_status(running.probe, "/metrics") == 200
    assert named.ask(running.grpc, "/shop.Cart/Get").name == "app"
    hook = spec.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
    if hook:
        assert hook[0] == "/usr/bin/outriggerctl"
        done = subprocess.run([CTL, *hook[1:], "-a", running.admin], capture_output=True, text=True, check=False,
                              timeout=20)
        assert done.returncode == 0, done.stdout + done.stderr
        env.wait_until(lambda: not serving(running.probe, ready), 10, "not ready while it drains")
        assert http_status(running.probe, spec["livenessProbe"]["httpGet"]["path"]) == 200
