// SPDX-License-Identifier: Apache-2.0
// Pools and, in a row that can be opened, their endpoints. A pool with trouble opens by itself until somebody closes it.
const ENDPOINTS_FEW = 12, ENDPOINTS_SHOWN = 100;
const opened = new Map();   // pool name to what somebody chose
const longer = new Set();   // pools of which somebody wants more than a few endpoints

const ENDPOINT_KINDS = { ready: "good", idle: "idle", unhealthy: "bad", ejected: "bad", tripped: "bad", "on trial": "warn", unchecked: "wait", disabled: "idle" };

function poolState(p) {
  const off = disabled(p);
  if (p.panic) return ["bad", "panic: all are used"];
  if (!p.total) return ["bad", "no endpoints"];
  if (off === p.total) return ["bad", off === 1 ? "disabled" : "all " + off + " disabled"];
  if (!p.usable) return ["bad", "none of " + p.total + " usable"];
  if (p.usable === p.total) return ["good", p.total === 1 ? "usable" : "all " + p.total + " usable"];
  // What an operator took out is no trouble, but not to be forgotten.
  return p.usable + off === p.total ? ["idle", p.usable + " usable, " + off + " disabled"] : ["warn", p.usable + " of " + p.total + " usable"];
}

function disabled(p) { return (p.endpoints || []).filter((e) => e.state === "disabled").length; }

function endpointKind(e) { return ENDPOINT_KINDS[e.state] || (e.usable ? "good" : "bad"); }

// Those that need a look come first, else they are as the proxy has them.
function troubledFirst(list) {
  const calm = (e) => e.usable && endpointKind(e) !== "warn";
  return [...list].sort((a, b) => calm(a) - calm(b));
}

function originWords(from) {
  return "from " + from.target + (known(from.ttlLeftMs) ? ", asked again in " + span(from.ttlLeftMs) : "");
}

function sentence(text) { return text && text[0].toUpperCase() + text.slice(1) + (text.endsWith(".") ? "" : "."); }

function poolIsOpen(p, all) {
  return opened.has(p.name) ? opened.get(p.name) : all.length === 1 || poolState(p)[0] !== "good";
}

function showPools(pools) {
  const at = section("s-pools", pools.length, many(pools.length, "pool") + ", " + many(pools.reduce((n, p) => n + p.total, 0), "endpoint"));
  const table = at.querySelector("table");
  table.keep = table.tHead;
  keyed(table, pools, (p) => p.name, makePool, (body, p) => fillPool(body, p, pools));
}

function makePool(p) {
  const body = el("tbody");
  attr(body, "role", "rowgroup");
  body.id = "pool-" + p.name;
  const tr = body.head = row([["name", "", "wide"], ["state", "", "two"], ["rate", "Calls/s", "n"], ["ok", "Succeeded", "n"],
    ["p50", "p50", "n"], ["p95", "p95", "n"], ["p99", "p99", "n"], ["flight", "In flight", "n"],
    ["pending", "Waiting", "n"], ["retries", "Retries/s", "n"], ["line", "", "n spark-cell"]]);
  const button = body.button = el("button", "opener", tr.c.name);
  button.type = "button";
  draw("path", { d: "M2 1l4 4-4 4" }, draw("svg", { viewBox: "0 0 8 10", "aria-hidden": "true" }, button));
  el("span", "", button, p.name);
  tr.sub = el("span", "sub", tr.c.name);
  tr.state = el("span", "state", tr.c.state);
  body.append(tr);
  button.onclick = () => {
    opened.set(p.name, button.getAttribute("aria-expanded") !== "true");
    fillPool(body, body.pool, body.all);
  };
  return body;
}

function fillPool(body, p, all) {
  const c = body.head.c, [kind, word] = poolState(p), open = poolIsOpen(p, all);
  body.pool = p;
  body.all = all;
  put(body.head.sub, [p.policy.replace(/_/g, " "), p.ejected && p.ejected + " ejected", disabled(p) && disabled(p) + " disabled"].filter(Boolean).join(", "));
  state(body.head.state, kind, word);
  attr(body.head.state, "title", p.state);
  figure(c.rate, rate(p.callsPerS));
  share(c.ok, p.okShare, "n");
  figure(c.p50, millis(p.p50Ms));
  figure(c.p95, millis(p.p95Ms));
  figure(c.p99, millis(p.p99Ms));
  figure(c.flight, [count(p.inFlight)[0], known(p.inFlightLimit) ? "/ " + whole.format(p.inFlightLimit) : ""]);
  figure(c.pending, count(p.pending));
  figure(c.retries, rate(p.retriesPerS));
  spark(c.line, p.line);
  attr(body.button, "aria-expanded", open);
  if (open && !body.more) openPool(body, p.name);
  if (!open && body.more) { body.more.remove(); body.more = null; }
  if (open) fillEndpoints(body.more, p);
}

function openPool(body, name) {
  const tr = body.more = el("tr", "more", body), td = el("td", "", tr);
  attr(tr, "role", "row");
  attr(td, "role", "cell");
  td.colSpan = 11;
  tr.about = el("p", "about", td);
  const table = tr.table = el("table", "rows", td), head = el("tr", "", el("thead", "", table));
  attr(table, "role", "table");
  for (const [text, klass] of [["Endpoint"], ["State"], ["Last check"], ["Conn.", "n"], ["In flight", "n"],
    ["Calls/s", "n"], ["Failures/s", "n"]]) attr(el("th", klass || "", head, text), "scope", "col");
  tr.list = el("tbody", "", table);
  tr.rest = el("p", "rest", td);
  tr.few = el("span", "", tr.rest);
  tr.rest.append(" ");
  tr.button = el("button", "link", tr.rest);
  tr.button.type = "button";
  tr.button.onclick = () => {
    if (!longer.delete(name)) longer.add(name);
    fillPool(body, body.pool, body.all);
  };
}

function fillEndpoints(tr, p) {
  const lost = (p.targets || []).filter((t) => !t.ok && t.error).map((t) => "asked " + t.target + ": " + t.error);
  const all = p.endpoints || [], many = all.length > ENDPOINTS_FEW, more = longer.has(p.name);
  const list = many ? troubledFirst(all).slice(0, more ? ENDPOINTS_SHOWN : ENDPOINTS_FEW) : all;
  const only = p.targets && p.targets.length === 1 && p.targets[0];   // said once instead of in each row
  const from = only && !lost.length && all.length && all[0].address !== only.target ? originWords(only) : "";
  put(tr.about, [sentence(p.state), from && sentence(from), ...lost.map(sentence)].filter(Boolean).join(" "));
  show(tr.table, all.length > 0);
  put(tr.few, list.length + " of " + whole.format(all.length) + " endpoints, those that need a look first." +
    (more && list.length < all.length ? " The page /pools has all." : ""));
  put(tr.button, more ? "Show fewer" : "Show " + (all.length > ENDPOINTS_SHOWN ? ENDPOINTS_SHOWN : "all"));
  show(tr.rest, many);
  keyed(tr.list, list, (e) => e.address, makeEndpoint, (node, e) => {
    fillEndpoint(node, e, !from);
    announce("endpoint " + p.name + " " + e.address, e.state, e.address + " of " + p.name + " is " + e.state);
  });
}

function makeEndpoint() {
  const tr = row([["at", "", "wide"], ["state", "", "wide"], ["check", "Last check", "wide check"], ["connections", "Conn.", "n"],
    ["flight", "In flight", "n"], ["rate", "Calls/s", "n"], ["failures", "Failures/s", "n"]]);
  tr.addr = el("span", "addr", tr.c.at);
  tr.from = el("span", "sub", tr.c.at);
  tr.tags = el("span", "", tr.c.at);
  tr.state = el("span", "state", tr.c.state);
  tr.why = el("span", "why", tr.c.state);
  tr.check = el("span", "", tr.c.check);
  tr.age = el("span", "sub", tr.c.check);
  return tr;
}

function fillEndpoint(tr, e, withOrigin) {
  const kind = endpointKind(e), back = e.outlier && e.outlier.leftMs;
  const tags = Object.entries(e.labels || {}).map(([k, v]) => k + "=" + v);
  if (e.zone) tags.push("zone " + e.zone);
  if (known(e.weight) && e.weight !== 1) tags.push("weight " + e.weight);
  if (e.priority) tags.push("priority " + e.priority);
  put(tr.addr, e.address);
  put(tr.from, !withOrigin || e.target === e.address ? "" : originWords(e));
  keyed(tr.tags, tags, (t) => t, (t) => el("span", "tag", null, t), put);
  state(tr.state, kind, e.state + (known(e.sinceMs) && e.state !== "ready" && e.state !== "idle" ? " for " + span(e.sinceMs) : ""));
  put(tr.why, (e.why || "") + (e.state === "ejected" && known(back) ? (e.why ? "; " : "") + "back in " + span(back) : ""));
  put(tr.check, !e.check ? "not checked" : !e.check.done ? "the first one runs" : e.check.text || (e.check.good ? "good" : "bad"));
  put(tr.age, e.check && e.check.done ? ago(e.check.ageMs) : "");
  figure(tr.c.connections, count(e.connections));
  figure(tr.c.flight, count(e.inFlight));
  figure(tr.c.rate, rate(e.callsPerS));
  figure(tr.c.failures, rate(e.failuresPerS));
  cls(tr.c.failures, e.failuresPerS > 0 ? "n some" : "n");
}
