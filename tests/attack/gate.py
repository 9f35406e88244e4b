# SPDX-License-Identifier: Apache-2.0
"""The neighbour gate: from the raw figures of one row to a verdict and one line of text."""
import re

P99_FLOOR_MS = 2.0    # a quiet p99 below this counts as this: two noisy cores cannot tell less
P99_FACTOR = 3.0
HOLD_MS = 2000        # closed, or no new stream at the backend, within this time; row["patience"] times that
WINDOW_MS = 2000      # latency under attack is taken over at least this long
EDGE_TOTAL = 2000     # backend streams per attacking connection with the edge reset limits
MORE_LOG_LINES = 3    # lines that may come beside one per closed connection


def explain(max_streams, patience):
    floor = f"{P99_FLOOR_MS:.0f} ms"
    return (f"# gate: honest 100 %; p99 <= {P99_FACTOR:.0f} x quiet (a quiet p99 below {floor}, or "
            f"below that of a client without the proxy in the same seconds, counts as that);\n"
            f"# RSS growth <= 16 MiB; live <= {max_streams} per attacking connection; "
            f"closed or held within {HOLD_MS * patience} ms")


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def read_calls(path):
    """(due_us, latency_ms, result) of each honest call."""
    with open(path, encoding="ascii") as f:
        return [(int(a), int(b) / 1000, int(c)) for a, b, c in map(str.split, f)]


def latency_figures(calls, quiet_from_us, attack):
    """Quiet: until the first attack frame. Under attack: until the last attacker is closed."""
    first = attack["first_us"]
    last = attack["stop_us"]
    if attack["closed"] == attack["attacked"] and attack["closed"]:
        last = first + attack["closed_ms_max"] * 1000
    last = max(last, first + WINDOW_MS * 1000)
    quiet = [ms for due, ms, _ in calls if quiet_from_us <= due < first]
    under = [ms for due, ms, _ in calls if first <= due < last]
    return {"calls": len(calls), "failed": sum(r != 0 for _, _, r in calls),
            "results": {str(r): sum(x == r for _, _, x in calls) for r in {c[2] for c in calls}},
            "quiet_calls": len(quiet), "attack_calls": len(under),
            "p99_quiet_ms": percentile(quiet, 0.99), "p99_attack_ms": percentile(under, 0.99)}


def log_figures(lines, ports):
    """Lines since the attack began, and those that name a connection of the attacker."""
    named = {p: sum(bool(re.search(rf"[:.]{p}\b", line)) for line in lines) for p in ports}
    return {"lines": len(lines), "named": sum(n > 0 for n in named.values()),
            "most": max(named.values(), default=0)}


def held_ms(row):
    """After which time the attacker was closed, or its last stream reached the backend."""
    attack = row["attack"]
    if attack["closed"] == attack["attacked"]:
        return "closed", attack["closed_ms_max"]
    last = row["backend"]["last_begin_us"]
    return "held", max(0.0, (last - attack["first_us"]) / 1000) if last else 0.0


def freed(row):
    """Closed, or the last stream of the attacker had left the backend before the attack ended."""
    zero_us = row["backend"]["live_zero_us"]
    return held_ms(row)[0] == "closed" or \
        row["attack"]["first_us"] < zero_us <= row["attack"]["stop_us"]


def p99_base(row):
    return max(row["p99_quiet_ms"], row["p99_control_ms"], P99_FLOOR_MS)


def p99_ratio(row):
    return row["p99_attack_ms"] / p99_base(row)


def log_problem(row):
    log, closed = row["log"], row["attack"]["closed"]
    if log["most"] > 1:
        return f"{log['most']} log lines for one closed attacker"
    if log["lines"] > closed + MORE_LOG_LINES:
        return f"{log['lines']} log lines for {closed} closed attackers"
    if closed and not log["lines"]:
        return "no log line for a closed attacker"
    return None


def judge(row):
    """The list of what is wrong; empty = pass."""
    bad = []
    how, ms = held_ms(row)
    hold = HOLD_MS * row["patience"]
    seen_ms = (row["attack"]["stop_us"] - row["attack"]["first_us"]) / 1000
    if row["failed"]:
        worst = {k: v for k, v in row["results"].items() if k != "0"}
        bad.append(f"{row['failed']} honest calls failed (result: count {worst})")
    if not row["quiet_calls"] or not row["attack_calls"]:
        bad.append("no honest calls to measure")
    if p99_ratio(row) > P99_FACTOR and not row["sanitized"]:
        bad.append(f"p99 is {p99_ratio(row):.1f} times the quiet one")
    if row["rss_max"] - row["rss_before"] > row["rss_gate"] and not row["sanitized"]:
        bad.append(f"RSS grew more than {row['rss_gate']:.0f} MiB")
    if row["backend"]["live_conn_max"] > row["max_streams"]:
        bad.append(f"{row['backend']['live_conn_max']} live backend streams of one attacker")
    if ms > hold:
        bad.append(f"attacker {how} after {ms:.0f} ms only")
    elif how == "held" and seen_ms < hold:
        bad.append(f"the row ran {seen_ms:.0f} ms, too short to see that the attacker is held")
    if row["must_close"] and how != "closed":
        bad.append("the attacker was not closed")
    if row["must_free"] and not freed(row):
        bad.append("the stalled streams were not ended")
    if row["edge"] and row["backend"]["total"] > EDGE_TOTAL * row["attack"]["attacked"]:
        bad.append(f"{row['backend']['total']} backend streams in total with the edge limits")
    if not row["alive"]:
        bad.append("the proxy died under attack")
    elif row["exit_code"] != row["exit_good"]:
        bad.append(f"the proxy ended with code {row['exit_code']} after SIGTERM")
    if row["log"] and log_problem(row):
        bad.append(log_problem(row))
    return bad


# All that a busy machine does as well: it lets honest calls wait, which then come all at once, and the attacker, which is nice,
# so that what it sends comes late, its whole attack is too short to judge, or it ends before it saw what closed it.
TIMES = ("p99 is", "attacker held after", "attacker closed after", "the row ran", "RSS grew", "the stalled streams",
         "the attacker was not closed")
UNSEEN = "closed attackers"


def only_late(row):
    """Only times miss."""
    return bool(row["problems"]) and all(p.startswith(TIMES) or p.endswith(UNSEEN) for p in row["problems"])


def line(row):
    """One line of figures."""
    attack, backend = row["attack"], row["backend"]
    how, ms = held_ms(row)
    codes = ",".join(f"{n}x{code}" for code, n in attack["goaway"].items()) or "none"
    share = 100.0 * (row["calls"] - row["failed"]) / max(row["calls"], 1)
    log = f" | log {row['log']['lines']}" if row["log"] else ""
    verdict = "PASS" if not row["problems"] else "FAIL: " + "; ".join(row["problems"])
    again = f" (try {row['tries']})" if row["tries"] > 1 else ""
    return (f"{row['name']:<18} honest {share:7.3f} % of {row['calls']} | p99 "
            f"{row['p99_quiet_ms']:.2f} -> {row['p99_attack_ms']:.2f} ms x{p99_ratio(row):.1f} "
            f"(no proxy {row['p99_control_ms']:.2f}) | "
            f"RSS {row['rss_before']:.1f} {row['rss_max'] - row['rss_before']:+.1f} "
            f"(after {row['rss_after'] - row['rss_before']:+.1f}) MiB | live "
            f"{backend['live_conn_max']}/conn {backend['live_max']} of {backend['total']} | "
            f"{how} {attack['closed']}/{attack['attacked']} at {ms:.0f} ms, sent "
            f"{attack['streams']}, GOAWAY {codes} | cpu {row['cpu_seconds']:.2f} s{log} | "
            f"{verdict}{again}")
