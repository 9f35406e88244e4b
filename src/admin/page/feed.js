// SPDX-License-Identifier: Apache-2.0
// Where the figures come from: the stream of /events, or a fetch of /stats.json each two seconds when there is none (too many viewers, a proxy that
// does not stream). Nothing is asked while nobody looks.
const POLL_MS = 2000, LATE_MS = 5000, AGAIN_MS = 30000;
let source = null, timer = {}, lastAt = 0, last = null, started = 0;

function feedWord(kind, word) { state(byId("feed"), kind, word, "feed"); }

function take(text, word) {
  last = JSON.parse(text);
  lastAt = Date.now();
  showAll(last);
  feedWord("good", word);
  watch();
}

// Draws what depends on the time since the last answer; once a second.
function watch() {
  const since = Date.now() - (lastAt || started), late = since > LATE_MS ? span(since) : "";
  document.body.classList.toggle("old", late !== "");
  if (late) feedWord("bad", "no answer");
  showStrips(last && last.process, late);
}

function listen() {
  if (!window.EventSource) return poll();
  source = new EventSource("events");
  source.addEventListener("stats", (e) => take(e.data, "live"));
  source.onerror = () => {
    // A broken connection is opened again by the browser; a refused one is not.
    if (source && source.readyState === EventSource.CLOSED) { hush(); poll(); timer.again = setTimeout(restart, AGAIN_MS); }
  };
}

function poll() {
  const mine = timer = { run: setInterval(ask, POLL_MS) };
  ask();
  function ask() {
    fetch("stats.json", { cache: "no-store", signal: AbortSignal.timeout(LATE_MS) })
      .then((r) => r.ok ? r.text() : Promise.reject(r.status))
      .then((text) => { if (timer === mine) take(text, "every 2 s"); })
      .catch(() => {});   // watch() tells
  }
}

function hush() {
  if (source) source.close();
  source = null;
  clearInterval(timer.run);
  clearTimeout(timer.again);
  timer = {};
}

function restart() {
  hush();
  clearInterval(restart.watch);
  if (document.hidden) return feedWord("idle", "paused");
  started = Date.now();
  lastAt = 0;
  restart.watch = setInterval(watch, 1000);
  listen();
}

document.addEventListener("visibilitychange", restart);
feedWord("wait", "connecting");
restart();
