// SPDX-License-Identifier: Apache-2.0
// One object of stats.json on the page: the bar, what needs a look, the tiles, and then each section.
const PROCESS_KINDS = { ready: "good", starting: "wait", draining: "wait", stopping: "wait" };
const OK_ENOUGH = 0.99, LAG_MS = 100, SAID_MAX = 5000;
const said = new Map();     // what the live region was told last, by thing
let news = [];

// Tells a screen reader of a change, not of what was there from the start.
function announce(thing, value, words) {
  if (said.has(thing) && said.get(thing) !== value) news.push(words);
  if (said.size > SAID_MAX) said.clear();   // endpoints come and go for weeks
  said.set(thing, value);
}

function showBar(p) {
  const who = [p.service, p.node].filter(Boolean).join(" on ");
  put(byId("who"), who);
  state(byId("state"), PROCESS_KINDS[p.state] || "warn", p.state, "pill");
  attr(byId("state"), "title", p.stateWhy || "");
  document.title = p.state + (who ? " \u00b7 " + who : "") + " \u00b7 outrigger";
  const facts = [["version", p.version], ["up", span(p.uptimeMs)], ["workers", p.workers], ["config", p.config.hash + ", " + span(p.config.ageMs) + " old"]];
  keyed(byId("facts"), facts, (f) => f[0], (f) => { const li = el("li", "", null, f[0] + " "); el("b", "", li); return li; }, (li, f) => put(li.lastChild, f[1]));
  attr(byId("facts"), "title", p.config.source || "");
  announce("process", p.state, "outrigger is " + p.state);
}

function strips(p, late) {
  const list = [];
  if (late) list.push(["bad", "No answer from the proxy for " + late + ".", "The figures below are old. It is asked again by itself.", ""]);
  if (!p) return list;
  if (!p.reload.ok) list.push(["bad", "The last reload was refused" + (known(p.reload.ageMs) ? " " + ago(p.reload.ageMs) : "") + ".",
    "The config of before is in use.", p.reload.error]);
  if (p.drain) list.push(["wait", "Draining: " + p.drain.phase + ", " + (known(p.drain.leftMs) ? Math.ceil(p.drain.leftMs / 1000) + " s left." : "no limit."),
    many(p.drain.connections, "connection") + " and " + many(p.drain.calls, "call") + " are open.", ""]);
  else if (p.stateWhy && p.state !== "ready") list.push(["wait", "Not ready:", p.stateWhy, ""]);
  return list;
}

function showStrips(p, late) {
  keyed(byId("strips"), strips(p, late), (s) => s[0] + s[1].slice(0, 12), (s) => {
    const node = el("div", "strip k-" + s[0]);
    node.append(icon(s[0]));
    const text = el("div", "", node);
    node.head = el("b", "", text);
    text.append(" ");
    node.rest = el("span", "", text);
    node.code = el("span", "mono", text);
    return node;
  }, (node, s) => {
    put(node.head, s[1]);
    put(node.rest, s[2]);
    put(node.code, s[3]);
    show(node.code, !!s[3]);
  });
}

// What needs a look, in the order of how bad it is; one good sentence when nothing does.
function notes(s) {
  const list = [], add = (kind, text, to) => list.push({ kind, text, to });
  for (const p of s.pools) {
    const [kind, word] = poolState(p);
    if (kind !== "good") add(kind, "Pool " + p.name + ": " + word, "s-pools");
  }
  if (known(s.now.okShare) && s.now.callsPerS > 0 && s.now.okShare < OK_ENOUGH) {
    add(s.now.okShare < 0.9 ? "bad" : "warn", percent(1 - s.now.okShare).join(" ") + " of calls fail", s.failed.length ? "s-failed" : "s-codes");
  }
  for (const c of s.certificates) {
    const [kind, word] = certState(c.daysLeft);
    if (kind !== "good" && kind !== "idle") add(kind, "Certificate of " + (c.name || c.file) + " " + (c.daysLeft < 0 ? "has expired" : "expires in " + many(c.daysLeft, "day")), "s-certs", word);
  }
  if (s.process.state === "ready") for (const l of s.listeners) if (!l.ready) add("warn", "Listener " + (l.name || l.address) + " is not ready", "s-listeners");
  if (s.now.loopLagMs > LAG_MS) add("warn", "Workers are late by " + millis(s.now.loopLagMs).join(" "), "");
  list.sort((a, b) => (b.kind === "bad") - (a.kind === "bad"));
  if (!list.length && s.process.state === "ready") add("good", "Nothing needs a look: every pool has all its endpoints" + (s.now.callsPerS > 0 ? ", " + percent(s.now.okShare).join(" ") + " of calls succeed" : "; no calls in the last 10 seconds"), "");
  return list.length > 8 ? [...list.slice(0, 7), { kind: "warn", text: "and " + (list.length - 7) + " more", to: "s-pools" }] : list;
}

function showNotes(list) {
  keyed(byId("notes"), list, (n) => n.kind + n.text.split(":")[0].replace(/[\d.,]+/g, "") + !!n.to, (n) => {
    const li = el("li", "k-" + n.kind);
    li.append(icon(n.kind));
    li.text = el(n.to ? "a" : "span", "", li);
    if (n.to) li.text.href = "#" + n.to;
    return li;
  }, (li, n) => put(li.text, n.text));
}

function three(id, rows) {
  keyed(byId(id), rows, (r) => r[0], (r) => {
    const div = el("div");
    el("dt", "", div, r[0]);
    el("dd", "", div);
    return div;
  }, (div, r) => figure(div.lastChild, r[1]));
}

function showTiles(n) {
  put(byId("calls"), rate(n.callsPerS)[0]);
  put(byId("ok"), percent(n.okShare)[0]);
  put(byId("ok-unit"), percent(n.okShare)[1]);
  chart(byId("chart"), n.line);
  three("t-latency", [["p50", millis(n.p50Ms)], ["p95", millis(n.p95Ms)], ["p99", millis(n.p99Ms)]]);
  three("t-open", [["calls", count(n.inFlight)], ["conn. in", count(n.connectionsIn)], ["conn. out", count(n.connectionsOut)]]);
  three("t-refused", [["retried", rate(n.retriesPerS)], ["limited", rate(n.limitedPerS)], ["denied", rate(n.deniedPerS)]]);
  three("t-process", [["CPU", portion(n.cpuShare)], ["memory", bytes(n.rssBytes)], ["loop delay", millis(n.loopLagMs)]]);
}

function showAll(s) {
  show(byId("main"), true);
  showBar(s.process);
  showNotes(notes(s));
  showTiles(s.now);
  showPools(s.pools);
  showRoutes(s.routes);
  showFailed(s.failed);
  showCodes(s.codes);
  showMethods(s.methods);
  showListeners(s.listeners, s.process);
  showCerts(s.certificates);
  put(byId("asof"), clock(s.time));
  attr(byId("asof"), "datetime", s.time);
  if (news.length) put(byId("said"), news.slice(0, 5).join(". "));
  news = [];
}
