// SPDX-License-Identifier: Apache-2.0
// Numbers and times as people read them. Each gives [figure, unit]; what is not known is a dash.
"use strict";
const NONE = ["\u2013", ""];
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

function known(v) { return typeof v === "number" && isFinite(v); }

function count(v) { return known(v) ? [whole.format(v), ""] : NONE; }

function rate(v) {
  if (!known(v)) return NONE;
  if (v === 0) return ["0", ""];
  if (v < 0.1) return [v < 0.005 ? "<0.01" : v.toFixed(2), ""];
  return [v < 99.95 ? v.toFixed(1) : whole.format(v), ""];
}

function millis(v) {
  if (!known(v)) return NONE;
  if (v === 0) return ["0", "ms"];
  if (v < 0.995) return [v < 0.005 ? "<0.01" : v.toFixed(2), "ms"];
  if (v < 99.95) return [v.toFixed(1), "ms"];
  return v < 9999.5 ? [whole.format(v), "ms"] : [(v / 1000).toFixed(1), "s"];
}

// Never rounded up: 100 means all of them.
function percent(share) {
  if (!known(share)) return NONE;
  const p = share * 100;
  if (p >= 100 || p <= 0) return [p <= 0 ? "0" : "100", "%"];
  const digits = p >= 99 ? 2 : 1, scale = 10 ** digits;
  return [(Math.floor(p * scale + 1e-6) / scale).toFixed(digits), "%"];
}

// A share that somebody set: 95, 33.3
function portion(share) {
  return known(share) ? [String(Math.round(share * 1000) / 10), "%"] : NONE;
}

function bytes(v) {
  if (!known(v)) return NONE;
  const mib = v / 1048576;
  if (mib < 1024) return [mib < 99.95 ? mib.toFixed(1) : whole.format(mib), "MiB"];
  return [(mib / 1024).toFixed(1), "GiB"];
}

function span(ms) {
  if (!known(ms)) return "\u2013";
  const s = Math.floor(ms / 1000);
  if (s < 1) return "under 1 s";
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min";
  if (s < 172800) return Math.floor(s / 3600) + " h" + (s < 36000 && s % 3600 >= 60 ? " " + Math.floor(s % 3600 / 60) + " min" : "");
  return Math.floor(s / 86400) + " d" + (s % 86400 >= 3600 ? " " + Math.floor(s % 86400 / 3600) + " h" : "");
}

function ago(ms) { return !known(ms) ? "\u2013" : ms < 1000 ? "just now" : span(ms) + " ago"; }

function clock(iso) {
  const t = new Date(iso);
  return isNaN(t) ? String(iso || "\u2013") : t.toISOString().slice(11, 19) + " UTC";
}

function many(n, one, more) { return whole.format(n) + " " + (n === 1 ? one : more || one + "s"); }
