# SPDX-License-Identifier: Apache-2.0
"""test_schema.py - the JSON Schema agrees with the loader: it takes what loads, and refuses unknown,
missing and mistyped keys. The part of draft-07 that our schema uses is checked here, so that no package is
needed; a keyword that is not known here fails the test."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.environ.get("top_srcdir", ".")
OUTRIGGER = os.environ.get("OUTRIGGER", "./outrigger")
SAYS_NOTHING = {"$schema", "title", "description", "default", "examples"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
         "number": (int, float)}
# Files that are wrong in a way that a schema does not see: ranges of sizes, meaning, texts.
ONLY_THE_LOADER = re.compile(r"^(duration_(too_long|wrong_order)|size_(out_of_range|part_of_a_byte)"
                             r"|access_format|variable_|route_|pool_|listener_|endpoint_|balance_|listen_|admin_|place_in|drain_|upgrade_|syntax_|tls_no_key|tls_unix_"
                             r"|action_|probe_(on_admin|pool_missing)|filter_(same|route)_|key_missing_to|match_(header_(binary|names|options)|hidden|hosts_star|path_contradicts|regex)"
                             r"|method_config_(name_twice|wait_for_ready|without_service))")


FILTERS = ([], ["requestId"], ["${F}"], [{"type": "${F}", "any": 1}],
           [{"type": "requestId", "name": "a", "off": True, "x-note": 1}, {"type": "requestId", "echo": "${E}"}])
BAD_FILTERS = ("requestId", ["requestID"], [{}], [{"type": "nothing"}], [{"name": "requestId"}], [5],
               [{"type": "requestId", "ech": True}], [{"type": "requestId", "off": "yes"}],
               [{"type": "requestId", "header": 5}], [{"requestId": {}}])


def is_type(value, want):
    return isinstance(value, TYPES[want]) and not (want in ("integer", "number") and isinstance(value, bool))


def pointed(root, ref):
    """What a "#/..." stands for."""
    assert ref.startswith("#/"), ref
    for key in ref[2:].split("/"):
        root = root[key]
    return root


def faults(schema, value, path="$", root=None):
    """What is wrong with value; empty: nothing."""
    found, root = [], root or schema
    for keyword, want in schema.items():
        if keyword in SAYS_NOTHING or keyword in ("patternProperties", "additionalProperties"):
            continue
        if keyword == "type":
            if not any(is_type(value, one) for one in (want if isinstance(want, list) else [want])):
                return ["%s is no %s" % (path, want)]
        elif keyword == "required":
            found += ["%s has no %s" % (path, k) for k in want if k not in value]
        elif keyword == "properties":
            extra = [re.compile(p) for p in schema.get("patternProperties", {})]
            for key, item in value.items():
                if key in want:
                    found += faults(want[key], item, path + "." + key, root)
                elif schema.get("additionalProperties") is None:
                    continue  # a condition on this key only
                elif not any(p.search(key) for p in extra):
                    found.append("%s has an unknown key %s" % (path, key))
        elif keyword == "items":
            for i, item in enumerate(value):
                found += faults(want, item, "%s[%d]" % (path, i), root)
        elif keyword == "$ref":
            found += faults(pointed(root, want), value, path, root)
        elif keyword == "anyOf":
            if all(faults(one, value, path, root) for one in want):
                found.append("%s fits none of its forms" % path)
        elif keyword == "oneOf":
            fits = sum(not faults(one, value, path, root) for one in want)
            if fits != 1:
                found.append("%s fits %d of its forms" % (path, fits))
        elif keyword == "enum":
            found += [] if value in want else ["%s is not in the list" % path]
        elif keyword == "pattern":
            found += [] if re.search(want, value) else ["%s: %s" % (path, value)]
        elif keyword == "minimum":
            found += [] if value >= want else ["%s is too small" % path]
        elif keyword == "maximum":
            found += [] if value <= want else ["%s is too large" % path]
        elif keyword == "minProperties":
            found += [] if len(value) >= want else ["%s has too few keys" % path]
        elif keyword == "maxProperties":
            found += [] if len(value) <= want else ["%s has too many keys" % path]
        elif keyword == "minItems":
            found += [] if len(value) >= want else ["%s is too short" % path]
        elif keyword == "maxItems":
            found += [] if len(value) <= want else ["%s is too long" % path]
        else:
            raise AssertionError("keyword %s is not known to this test" % keyword)
    return found


def print_config(*options):
    return json.loads(subprocess.run([OUTRIGGER, "--print-config", *options], check=True, timeout=60,
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def make_files(folder):
    """What conf/mtls.json and conf/jwt-ratelimit.json need."""
    with open(os.path.join(folder, "jwks.json"), "w", encoding="utf-8") as f:
        json.dump({"keys": [{"kty": "EC", "crv": "P-256",
                             "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                             "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}, f)
    key, cert = os.path.join(folder, "tls.key"), os.path.join(folder, "tls.crt")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "90", "-subj", "/CN=test", "-keyout", key, "-out", cert],
                   check=True, timeout=60, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.chmod(key, 0o600)
    shutil.copy(cert, os.path.join(folder, "ca.crt"))
    os.environ["CERTS"] = os.environ["KEYS"] = folder


def main():
    with open(os.path.join(TOP, "contrib/outrigger.schema.json"), encoding="utf-8") as f:
        schema = json.load(f)
    wrong, good, bad = [], 0, 0
    certs = tempfile.TemporaryDirectory(prefix="outrigger-schema-")
    make_files(certs.name)

    for name in sorted(os.listdir(os.path.join(TOP, "conf"))):
        if not name.endswith(".json") or name == "endpoints.json":
            continue
        name = "conf/" + name
        good += 1
        wrong += ["%s: %s" % (name, x) for x in faults(schema, print_config("-c", os.path.join(TOP, name)))]
    smallest = {"version": 1, "listeners": [{"listen": ":8080", "routes": [{"to": "app"}]}],
                "pools": [{"name": "app", "endpoints": ["127.0.0.1:50051", {"target": "unix:/a"}]}]}
    for extra in ({}, {"$schema": 1}, {"x-note": None}, {"workers": 3}, {"workers": "${N}"}, {"admin": "off"},
                  {"drain": {"delay": "1m30s", "timeout": "1.5s"}}, {"drain": {"delay": "${D:-5s}"}},
                  {"limits": {"maxReplayBytes": "4MB", "maxBufferedBytes": "1.5GiB"}},
                  *[{"listeners": [{**smallest["listeners"][0], "filters": x}]} for x in FILTERS]):
        good += 1
        wrong += ["%s: %s" % (extra, x) for x in faults(schema, {**smallest, **extra})]

    for extra in BAD_FILTERS:
        bad += 2
        listener = smallest["listeners"][0]
        for one in ({"filters": extra}, {"routes": [{"to": "app", "filters": extra}]}):
            if not faults(schema, {**smallest, "listeners": [{**listener, **one}]}):
                wrong.append("%s is taken by the schema" % one)
    folder = os.path.join(TOP, "tests/unit/conf/golden")
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".json") or ONLY_THE_LOADER.match(name):
            continue
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                value = json.load(f)
        except ValueError:
            continue
        bad += 1
        if not faults(schema, value):
            wrong.append("%s is taken by the schema, but not by the loader" % name)

    print("\n".join(wrong))
    print("%d good and %d bad files, %d faults" % (good, bad, len(wrong)))
    sys.exit(1 if wrong or bad < 30 else 0)


if __name__ == "__main__":
    main()
