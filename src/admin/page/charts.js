// SPDX-License-Identifier: Apache-2.0
// Lines of the last minute: one value a second, the newest at the right end, the scale from zero.
const SECONDS = 60;

function peak(line) { return line.reduce((a, b) => Math.max(a, b || 0), 0); }

// The next round number, so that the line fills most of the height.
function roundUp(v) {
  if (v <= 0) return 1;
  const ten = 10 ** Math.floor(Math.log10(v));
  return ten * [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((m) => m * ten >= v);
}

function points(line, wide, high, top) {
  const step = wide / (SECONDS - 1), first = SECONDS - line.length;
  return line.map((v, i) => [(first + i) * step, high - (v || 0) / top * high]);
}

function path(dots) { return dots.map(([x, y], i) => (i ? "L" : "M") + x.toFixed(1) + " " + y.toFixed(1)).join(""); }

function under(dots, high) {
  return dots.length ? path(dots) + "L" + dots[dots.length - 1][0].toFixed(1) + " " + high + "L" + dots[0][0].toFixed(1) + " " + high + "Z" : "";
}

function lineWords(line) {
  if (!line.length) return "no values yet";
  const low = line.reduce((a, b) => Math.min(a, b || 0), Infinity);
  return "calls a second in the last minute: " + rate(low)[0] + " to " + rate(peak(line))[0] + ", now " + rate(line[line.length - 1])[0];
}

// The small line of a row.
function spark(cell, line) {
  const W = 120, H = 26;
  if (!cell.svg) {
    cell.svg = draw("svg", { class: "spark", viewBox: "0 -2 " + W + " " + (H + 3), role: "img", preserveAspectRatio: "none" }, cell);
    draw("path", { class: "grid", d: "M0 " + H + "H" + W }, cell.svg);
    cell.area = draw("path", { class: "area" }, cell.svg);
    cell.line = draw("path", { class: "line" }, cell.svg);
  }
  const dots = points(line, W, H, Math.max(peak(line), 1) * 1.05);
  attr(cell.line, "d", path(dots));
  attr(cell.area, "d", under(dots, H));
  attr(cell.svg, "aria-label", lineWords(line));
}

// The large one: a grid, words at the corners, and the value under the pointer.
function chart(box, line) {
  const W = 600, H = 100;
  if (!box.svg) {
    box.svg = draw("svg", { viewBox: "0 0 " + W + " " + H, role: "img", preserveAspectRatio: "none" }, box);
    draw("path", { class: "grid", d: "M0 0H600M0 50H600M0 100H600" }, box.svg);
    box.area = draw("path", { class: "area" }, box.svg);
    box.line = draw("path", { class: "line" }, box.svg);
    box.none = el("span", "none", box, "No calls in the last minute");
    box.top = el("span", "mark-top", box);
    el("span", "mark-from", box, "60 s ago");
    el("span", "mark-to", box, "now");
    box.aim = el("span", "aim", box);
    box.aim.text = el("span", "", box.aim);
    box.aim.hidden = true;
    box.addEventListener("pointermove", (e) => { box.x = e.clientX; aim(box); });
    box.addEventListener("pointerleave", () => { box.x = undefined; aim(box); });
  }
  const top = roundUp(peak(line) * 1.04), dots = points(line, W, H, top);
  box.values = line;
  attr(box.line, "d", path(dots));
  attr(box.area, "d", under(dots, H));
  attr(box.svg, "aria-label", lineWords(line));
  put(box.top, rate(top)[0].replace(/\.0$/, ""));
  show(box.none, !peak(line));
  show(box.top, peak(line) > 0);
  aim(box);
}

function aim(box) {
  const at = box.getBoundingClientRect(), share = (box.x - at.left) / at.width;
  const back = Math.round((1 - share) * (SECONDS - 1)), v = box.values[box.values.length - 1 - back];
  show(box.aim, known(v));
  if (!known(v)) return;
  box.aim.style.left = (1 - back / (SECONDS - 1)) * 100 + "%";
  cls(box.aim, share > 0.7 ? "aim left" : "aim");
  put(box.aim.text, rate(v)[0] + (back ? ", " + back + " s ago" : " now"));
}

// A bar that is full at 1; mark: a second share, as a stroke across it.
function meter(node, share, mark) {
  if (!node.bar) {
    node.bar = el("span", "", node);
    node.mark = el("em", "", node);
    attr(node, "aria-hidden", "true");
  }
  node.bar.style.width = Math.max(0, Math.min(1, share || 0)) * 100 + "%";
  show(node.mark, known(mark));
  if (known(mark)) node.mark.style.left = Math.min(1, mark) * 100 + "%";
}
