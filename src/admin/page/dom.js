// SPDX-License-Identifier: Apache-2.0
// The only place that makes or changes elements. Names come from configs and peers, so text is only ever textContent, and what did not change is left alone:
// focus, selection and screen readers stay where they are from one second to the next.
const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

function el(tag, cls, parent, text) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

function draw(tag, attrs, parent) {
  const node = document.createElementNS(SVG, tag);
  for (const name in attrs) node.setAttribute(name, attrs[name]);
  if (parent) parent.append(node);
  return node;
}

function put(node, text) {
  text = text === null || text === undefined ? "" : String(text);
  if (node.textContent !== text) node.textContent = text;
}

function attr(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

function show(node, on) { if (node.hidden === on) node.hidden = !on; }

function cls(node, name) { if (node.getAttribute("class") !== name) node.setAttribute("class", name); }

// A share of calls that went well; one that is too low stands out by weight, too.
function share(cell, v, base) {
  figure(cell, percent(v));
  cls(cell, (base + (!known(v) || v >= OK_ENOUGH ? "" : v < OK_BAD ? " some worst" : " some")).trim());
}

// "3.8 ms": figure and unit in nodes of their own.
function figure(node, [text, unit]) {
  if (!node.figure) {
    node.figure = document.createTextNode("");
    node.append(node.figure);
    node.unit = el("i", "unit", node);
    node.unit.before(" ");
  }
  if (node.figure.data !== text) node.figure.data = text;
  put(node.unit, unit);
  show(node.unit, unit !== "");
}

const SHAPES = {   // one outline per kind, so that no state is told by colour alone
  good: "M7 1a6 6 0 1 0 0 12A6 6 0 0 0 7 1zM4.2 7.3l2 2L9.9 5.2",
  warn: "M7 1.2L13.3 12.6H.7zM7 5.4v3.2M7 10.6v.1",
  bad: "M4.4 1h5.2L13 4.4v5.2L9.6 13H4.4L1 9.6V4.4zM4.9 4.9l4.2 4.2M9.1 4.9L4.9 9.1",
  idle: "M7 1.8a5.2 5.2 0 1 0 0 10.4A5.2 5.2 0 0 0 7 1.8z",
  wait: "M7 1.8a5.2 5.2 0 1 0 0 10.4A5.2 5.2 0 0 0 7 1.8zM7 4v3.2l2 1.3",
};

function icon(kind) {
  const solid = kind === "good" || kind === "bad" || kind === "warn";
  const parts = SHAPES[kind].split(/(?<=z)/);
  const at = draw("svg", { class: "icon", viewBox: "0 0 14 14", "aria-hidden": "true" });
  draw("path", solid ? { d: parts[0], fill: "currentColor" }
    : { d: parts[0], fill: "none", stroke: "currentColor", "stroke-width": 1.6 }, at);
  if (parts[1]) draw("path", { d: parts[1], fill: "none", stroke: solid ? "var(--card)" : "currentColor",
    "stroke-width": 1.6, "stroke-linecap": "round", "stroke-linejoin": "round" }, at);
  return at;
}

// Shape, colour and word of a state.
function state(node, kind, word, base = "state") {
  if (node.kind !== kind) {
    node.kind = kind;
    node.replaceChildren(icon(kind));
    node.word = el("span", "", node);
  }
  cls(node, base + " k-" + kind);
  put(node.word, word);
}

// Keeps one element per item, in the order of the items: make(item) gives it, fill(node, item) brings it up to date.
function keyed(parent, items, key, make, fill) {
  const old = parent.made || new Map(), now = new Map();
  let at = parent.keep ? parent.keep.nextSibling : parent.firstChild;
  items.forEach((item, i) => {
    let k = key(item, i);
    while (now.has(k)) k += "'";
    const node = old.get(k) || make(item);
    old.delete(k);
    now.set(k, node);
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
    fill(node, item);
  });
  for (const node of old.values()) node.remove();
  parent.made = now;
}

// A table row with named cells: [name, label, class] each.
function row(cells, tag = "tr") {
  const tr = el(tag, "row");
  attr(tr, "role", "row");
  tr.c = {};
  for (const [name, label, klass] of cells) {
    const td = tr.c[name] = el("td", klass || "", tr);
    attr(td, "role", "cell");
    if (label) attr(td, "data-l", label);
  }
  return tr;
}
