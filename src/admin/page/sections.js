// SPDX-License-Identifier: Apache-2.0
// Everything below the tiles but the pools. A section without items shows one sentence instead.
const ROUTES_SHOWN = 200, METHODS_SHOWN = 12, CERT_SOON = 14, CERT_URGENT = 3;

function section(id, items, words) {
  const at = byId(id);
  show(at.querySelector(".card"), items > 0);
  show(at.querySelector(".empty"), items === 0);
  put(at.querySelector(".count"), items ? words : "");
  return at;
}

// --- routes ----------------------------------------------------------------------------

function showRoutes(routes) {
  const shown = routes.slice(0, ROUTES_SHOWN);
  const at = section("s-routes", routes.length, (shown.length < routes.length ? shown.length + " of " : "") + many(routes.length, "route"));
  keyed(at.querySelector("tbody"), shown, (r) => r.listener + "\n" + r.name + "\n" + r.match, () => {
    const tr = row([["match", "", "wide"], ["to", "", "wide"], ["rate", "Calls/s", "n two"], ["hits", "Calls so far", "n two"]]);
    tr.match = el("span", "name", tr.c.match);
    tr.from = el("span", "sub", tr.c.match);
    return tr;
  }, (tr, r) => {
    put(tr.match, r.match || "any call");
    put(tr.from, (r.name ? r.name + ", " : "") + "on " + r.listener);
    figure(tr.c.rate, rate(r.hitsPerS));
    figure(tr.c.hits, count(r.hits));
    showSplit(tr.c.to, r.to || []);
  });
}

// The bar is what really went there, the stroke across it what was set.
function showSplit(cell, to) {
  const alone = to.length < 2;
  if (!to.length) to = [{ pool: "answered here", subset: "", setShare: null, realShare: null }];
  keyed(cell, to, (t) => t.pool + "\n" + t.subset + alone, () => {
    const node = el("div", alone ? "to one" : "to");
    node.name = el("span", "", node);
    if (!alone) {
      node.meter = el("div", "meter", node);
      node.shares = el("span", "shares", node);
      node.real = el("b", "", node.shares);
      node.set = el("span", "dim", node.shares);
    }
    return node;
  }, (node, t) => {
    put(node.name, t.pool + (t.subset ? " " + t.subset : ""));
    if (alone) return;
    meter(node.meter, t.realShare, t.setShare);
    put(node.real, known(t.realShare) ? portion(t.realShare).join("\u00a0") : "no calls");
    put(node.set, known(t.setShare) ? " of " + portion(t.setShare).join("\u00a0") + " set" : "");
  });
}

// --- calls -----------------------------------------------------------------------------

// Calls of one method that failed in one way are one item with the newest of them: the proxy counts those that came within a minute.
function failedKinds(failed) {
  const kinds = new Map();
  for (const f of failed) {
    const key = [f.method, f.code, f.reason, f.why, f.pool, f.endpoint].join("\n"), kind = kinds.get(key);
    if (kind) kind.times += f.count || 1;
    else kinds.set(key, { key, newest: f, times: f.count || 1 });
  }
  return [...kinds.values()];
}

function showFailed(failed) {
  const at = section("s-failed", failed.length, "newest first");
  show(at.querySelector(".more-link"), failed.length > 0);
  keyed(at.querySelector("ol"), failedKinds(failed), (kind) => kind.key, () => {
    const li = el("li"), left = el("span", "age", li);
    li.age = el("time", "", left);
    li.times = el("span", "sub", left);
    li.sentence = el("span", "sentence", li);
    li.code = el("span", "", li);
    li.meta = el("span", "meta", li);
    li.parts = ["mono", "", "", "mono", "", "mono"].map((c) => el("span", c, li.meta));
    return li;
  }, (li, { newest: f, times }) => {
    const parts = [f.method, f.reason, f.pool && "pool " + f.pool, f.endpoint, known(f.ms) ? "after " + millis(f.ms).join(" ") : "", f.traceId && "trace " + f.traceId];
    put(li.age, ago(f.ageMs));
    attr(li.age, "datetime", f.time);
    attr(li.age, "title", f.time);
    put(li.times, times > 1 ? "\u00d7 " + whole.format(times) : "");
    put(li.sentence, sentence(f.why || "the backend ended the call with " + f.code));
    state(li.code, "bad", f.code, "state code");
    li.parts.forEach((node, i) => { put(node, parts[i] || ""); show(node, !!parts[i]); });
  });
}

function showCodes(codes) {
  const bad = codes.filter((c) => c.code !== "OK"), most = peak(bad.map((c) => c.last5Minutes));
  const sum = bad.reduce((n, c) => n + c.last5Minutes, 0), list = [...bad].sort((a, b) => b.last5Minutes - a.last5Minutes);
  const at = section("s-codes", codes.length, sum ? many(sum, "call") + " failed in 5 minutes" : "none failed in 5 minutes");
  keyed(at.querySelector("tbody"), [...codes.filter((c) => c.code === "OK"), ...list], (c) => c.code, () => {
    const tr = row([["code", ""], ["bar", ""], ["one", "", "n"], ["five", "", "n"]]);
    tr.state = el("span", "state", tr.c.code);
    tr.meter = el("div", "meter", tr.c.bar);
    return tr;
  }, (tr, c) => {
    const ok = c.code === "OK";
    state(tr.state, ok ? "good" : c.last5Minutes ? "bad" : "idle", c.code);
    show(tr.meter, !ok);
    meter(tr.meter, most ? c.last5Minutes / most : 0);
    figure(tr.c.one, count(c.lastMinute));
    figure(tr.c.five, count(c.last5Minutes));
  });
}

function showMethods(methods) {
  const shown = methods.slice(0, METHODS_SHOWN);
  const at = section("s-methods", methods.length, shown.length < methods.length ? shown.length + " of the busiest " + methods.length : "");
  keyed(at.querySelector("tbody"), shown, (m) => m.method, () => {
    const tr = row([["name", "", "wide"], ["rate", "Calls/s", "n"], ["ok", "Succeeded", "n"], ["p50", "p50", "n"], ["p99", "p99", "n"]]);
    tr.method = el("span", "name", tr.c.name);
    tr.service = el("span", "sub", tr.c.name);
    return tr;
  }, (tr, m) => {
    const cut = m.method.lastIndexOf("/");
    put(tr.method, m.method.slice(cut + 1) || m.method);
    put(tr.service, m.method.slice(0, Math.max(cut, 0)).replace(/^\//, ""));
    figure(tr.c.rate, rate(m.callsPerS));
    share(tr.c.ok, m.okShare, "n");
    figure(tr.c.p50, millis(m.p50Ms));
    figure(tr.c.p99, millis(m.p99Ms));
  });
}

// --- listeners and certificates -----------------------------------------------------------

function showListeners(listeners, process) {
  const at = section("s-listeners", listeners.length, "");
  keyed(at.querySelector("tbody"), listeners, (l) => l.name + "\n" + l.address, () => {
    const tr = row([["name", "", "wide"], ["state", "State", "two"], ["direction", "Direction"], ["connections", "Conn.", "n"]]);
    tr.name = el("span", "name", tr.c.name);
    tr.addr = el("span", "sub mono", tr.c.name);
    tr.state = el("span", "state", tr.c.state);
    return tr;
  }, (tr, l) => {
    put(tr.name, l.name || l.address);
    put(tr.addr, l.name ? l.address : "");
    state(tr.state, l.ready ? "good" : "wait", l.ready ? "ready" : process.state === "ready" ? "not ready" : process.state);
    put(tr.c.direction, l.direction);
    figure(tr.c.connections, count(l.connections));
  });
}

function certState(days) {
  if (!known(days)) return ["idle", "unknown"];
  if (days < 0) return ["bad", "expired"];
  return days < CERT_URGENT ? ["bad", "expires now"] : days < CERT_SOON ? ["warn", "expires soon"] : ["good", "valid"];
}

function showCerts(certs) {
  const at = section("s-certs", certs.length, "");
  keyed(at.querySelector("tbody"), [...certs].sort((a, b) => a.daysLeft - b.daysLeft), (c) => c.file + "\n" + c.name, () => {
    const tr = row([["name", "", "wide"], ["state", "State", "two"], ["days", "Days left", "n two"]]);
    tr.name = el("span", "name", tr.c.name);
    tr.file = el("span", "sub mono", tr.c.name);
    tr.users = el("span", "sub", tr.c.name);
    tr.state = el("span", "state", tr.c.state);
    return tr;
  }, (tr, c) => {
    put(tr.name, c.name || c.file);
    put(tr.file, c.name ? c.file : "");
    put(tr.users, (c.usedBy || []).length ? "used by " + c.usedBy.join(", ") : "");
    state(tr.state, ...certState(c.daysLeft));
    figure(tr.c.days, count(c.daysLeft));
    attr(tr.c.days, "title", c.notAfter || "");
  });
}
