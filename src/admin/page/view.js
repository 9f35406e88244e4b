// SPDX-License-Identifier: Apache-2.0
// One object of stats.json on the page: the bar, what needs a look, the tiles, and then each section.
const PROCESS_KINDS = { ready: "good", starting: "wait", draining: "wait", stopping: "wait" };
const OK_ENOUGH = 0.99, OK_BAD = 0.9, LAG_MS = 100, SAID_MAX = 5000;
const said = new Map();     // what the live region was told last, by thing
let news = [];

// Tells a screen reader of a change, not of what was there from the start.
function announce(thing, value, words) {
  if (said.has(thing) && said.get(thing) !== value) news.push(words);
  if (said.size > SAID_MAX) said.clear();   // endpoints come and go for weeks
  said.set(thing, value);
}

function tell() {
  if (news.length) put(byId("said"), news.slice(0, 5).join(". "));
  news = [];
}

function showBar(p) {
  const who = [p.service, p.node].filter(Boolean).join(" on ");
  put(byId("who"), who);
  state(byId("state"), p.state === "ready" && p.stateWhy ? "warn" : PROCESS_KINDS[p.state] || "warn", p.state, "pill");
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
  if (p.drain) list.push(["wait", "Draining" + (known(p.drain.leftMs) ? ", " + Math.ceil(p.drain.leftMs / 1000) + " s left." : "."),
    sentence(p.stateWhy) || many(p.drain.connections, "connection") + " and " + many(p.drain.calls, "call") + " are open.", ""]);
  else if (p.stateWhy && p.state === "ready") list.push(["warn", "New clients are kept away.", sentence(p.stateWhy), ""]);
  else if (p.stateWhy) list.push(["wait", "Not ready.", sentence(p.stateWhy), ""]);
  return list;
}

function showStrips(p, late) {
  const list = strips(p, late), about = (s) => s[1].split(/[ ,.]/, 3).join(" ").replace(/\d+/g, "");   // not the seconds
  announce("strips", list.map(about).join("\n"), list.map((s) => s[1] + " " + s[2]).join(" ") || "All is well again.");
  keyed(byId("strips"), list, about, (s) => {
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
  tell();
}

// What needs a look, in the order of how bad it is; one good sentence when nothing does.
function notes(s) {
  const list = [], add = (kind, text, to) => list.push({ kind, text, to });
  for (const p of s.pools) {
    const [kind, word] = poolState(p);
    if (kind !== "good") add(kind, "Pool " + p.name + ": " + word, "pool-" + p.name);
    else if (known(p.okShare) && p.okShare < OK_BAD && p.callsPerS > 0 && s.pools.length > 1) {
      add("bad", "Pool " + p.name + ": " + percent(1 - p.okShare).join(" ") + " of its calls fail", "pool-" + p.name);
    }
  }
  if (known(s.now.okShare) && s.now.callsPerS > 0 && s.now.okShare < OK_ENOUGH) {
    add(s.now.okShare < OK_BAD ? "bad" : "warn", percent(1 - s.now.okShare).join(" ") + " of calls fail", s.failed.length ? "s-failed" : "s-codes");
  }
  for (const c of s.certificates) {
    const [kind, word] = certState(c.daysLeft);
    if (kind !== "good" && kind !== "idle") add(kind, "Certificate of " + (c.name || c.file) + " " + (c.daysLeft < 0 ? "has expired" : c.daysLeft < 1 ? "expires today" : "expires in " + many(c.daysLeft, "day")), "s-certs", word);
  }
  if (s.process.state === "ready") for (const l of s.listeners) if (!l.ready) add("warn", "Listener " + (l.name || l.address) + " is not ready", "s-listeners");
  if (s.now.loopLagMs > LAG_MS) add("warn", "Workers are late by " + millis(s.now.loopLagMs).join(" "), "");
  const weight = { bad: 2, warn: 1 };
  list.sort((a, b) => (weight[b.kind] || 0) - (weight[a.kind] || 0));
  if (!list.length && s.process.state === "ready" && !s.process.stateWhy && s.process.reload.ok) add("good", "Nothing needs a look: every pool has all its endpoints" + (s.now.callsPerS > 0 ? ", " + percent(s.now.okShare).join(" ") + " of calls succeed" : "; no calls in the last 10 seconds"), "");
  return list.length > 8 ? [...list.slice(0, 7), { kind: "warn", text: "and " + (list.length - 7) + " more", to: "s-pools" }] : list;
}

function showNotes(list) {
  keyed(byId("notes"), list, (n) => n.kind + n.text.split(":")[0].replace(/[\d.,]+/g, "") + !!n.to, (n) => {
    const li = el("li", "k-" + n.kind);
    li.append(icon(n.kind));
    li.text = el(n.to ? "a" : "span", "", li);
    return li;
  }, (li, n) => { put(li.text, n.text); if (n.to) attr(li.text, "href", "#" + encodeURIComponent(n.to)); });
}

function three(id, rows) {
  keyed(byId(id), rows, (r) => r[0], (r) => {
    const div = el("div");
    el("dt", "", div, r[0]);
    el("dd", "", div);
    return div;
  }, (div, r) => { figure(div.lastChild, r[1]); cls(div.lastChild, r[1][0].length > 6 ? "small" : ""); });
}

function showTiles(n) {
  put(byId("calls"), rate(n.callsPerS)[0]);
  share(byId("ok"), n.okShare, "");
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
}
