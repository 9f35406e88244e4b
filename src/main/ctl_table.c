/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_table.c - the rows. */
#include "main/ctl_table.h"

#include <string.h>

#include "main/ctl_bundle.h"
#include "main/ctl_check.h"
#include "main/ctl_complete.h"
#include "main/ctl_endpoint.h"
#include "main/ctl_explain.h"
#include "main/ctl_health.h"
#include "main/ctl_health_args.h"
#include "main/ctl_page.h"
#include "main/ctl_status.h"
#include "main/ctl_tail.h"
#include "main/ctl_top.h"
#include "main/ctl_why.h"

#define JSON_ROW                                                \
    {                                                           \
        .name = "json", .help = "the same as JSON, for scripts" \
    }

const struct ctl_option ctl_common_options[] = {
    { .name = "admin",
      .letter = 'a',
      .arg = "ADDRESS",
      .help = "admin port of the running outrigger: IP:PORT or unix:/path "
              "(default " CTL_DEFAULT_ADDRESS ")" },
    { .name = "help", .letter = 'h', .help = "print what it does and its options" },
    { .name = "version", .letter = 'V', .help = "print the version" },
    { 0 },
};

static const struct ctl_option json_only[] = { JSON_ROW, { 0 } };

static const struct ctl_option check_options[] = {
    { .name = "strict", .help = "a warning is bad too" },
    { .name = "json", .help = "as JSON, for editors and CI jobs" },
    { 0 },
};

static const struct ctl_option explain_options[] = {
    { .name = "method",
      .arg = "METHOD",
      .help = "what the call calls, as /pkg.Service/Method" },
    { .name = "listener",
      .arg = "NAME",
      .help = "the listener; not needed when there is only one" },
    { .name = "authority", .arg = "HOST", .help = "host that the client calls" },
    { .name = "header",
      .arg = "NAME=VALUE",
      .help = "a header of the call; may be given often",
      .many = true },
    { .name = "san",
      .arg = "NAME",
      .help = "a name in the client's verified certificate: a URI, an email address or a "
              "DNS name; may be given often",
      .many = true },
    JSON_ROW,
    { 0 },
};

static const struct ctl_option top_options[] = {
    { .name = "once", .help = "print it one time and end, with all rows" },
    { .name = "endpoints", .help = "begin with endpoints" },
    { .name = "methods", .help = "begin with methods" },
    { .name = "json", .help = "print the object of /stats.json one time, for scripts" },
    { 0 },
};

static const struct ctl_option drain_options[] = {
    { .name = "wait",
      .help = "until no inbound connection is left, or drain.delay and drain.timeout are "
              "over (default)" },
    { .name = "no-wait", .help = "only ask for it, for example in a preStop hook" },
    { 0 },
};

/* Which calls: of why and tail. */
#define CALL_ROWS                                                                      \
    { .name = "method", .arg = "TEXT", .help = "calls whose path has this in it" },    \
        { .name = "code",                                                              \
          .arg = "CODE",                                                               \
          .help = "calls that ended with this code: Unavailable, UNAVAILABLE or 14" }, \
        { .name = "reason",                                                            \
          .arg = "WORD",                                                               \
          .help = "calls that the proxy refused for this reason, as NO_ROUTE" },       \
        { .name = "pool", .arg = "NAME", .help = "calls to this pool" },               \
        { .name = "endpoint", .arg = "ADDRESS", .help = "calls to this endpoint" },    \
    {                                                                                  \
        .name = "listener", .arg = "NAME", .help = "calls of this listener"            \
    }

static const struct ctl_option why_options[] = {
    CALL_ROWS,
    { .name = "lines",
      .letter = 'n',
      .arg = "N",
      .help = "so many kinds of calls at most, from 1 to 1000 (default 20)" },
    JSON_ROW,
    { 0 },
};

static const struct ctl_option tail_options[] = {
    CALL_ROWS,
    { .name = "slow",
      .arg = "TIME",
      .help = "calls that took so long at least, for example 500ms" },
    { .name = "lines", .letter = 'n', .arg = "N", .help = "end after so many lines" },
    { 0 },
};

static const struct ctl_option log_level_options[] = {
    { .name = "for",
      .arg = "TIME",
      .help = "go back by itself after this time, from 1s to 24h" },
    { 0 },
};

static const struct ctl_option config_options[] = {
    { .name = "print", .help = "print the configuration in force itself" },
    JSON_ROW,
    { 0 },
};

static const struct ctl_option bundle_options[] = {
    { .name = "output",
      .letter = 'o',
      .arg = "FILE",
      .help =
          "write it there; - is standard output (default outrigger-bundle-TIME.tar in "
          "this folder)" },
    { 0 },
};

const struct ctl_command ctl_commands[] = {
    { .name = "status",
      .help = "one screen: whether all is well, and what is not",
      .about = "State and why, the configuration in force and what became of the last "
               "reload, calls and load of the last ten seconds, and pools of which some "
               "endpoints get no calls, with the reasons.\n"
               "Exit code: 0 all is well; 3 it is not: the process or its probe port "
               "says that "
               "it is not ready, its last reload was refused, or a pool has no usable "
               "endpoint or is in panic; 1 no "
               "answer; 2 wrong use.\n",
      .options = json_only,
      .asks = true,
      .run = ctl_status },
    { .name = "top",
      .help = "what happens now, live: rates, times, pools, endpoints, methods",
      .about =
          "Rates and times are of the last ten seconds, times in milliseconds; 60s is "
          "the last minute, each row by its own measure. Endpoints that get no calls "
          "stand below their pool with the reason. On a narrow screen columns are left "
          "out.\n"
          "Keys: q quit, p pools, e endpoints, m methods, s sort (as given, most "
          "calls, worst success, slowest), / filter by name, escape all rows again, "
          "space pause, j and k or the arrows scroll.\n"
          "Colours are left out when NO_COLOR is set.\n",
      .options = top_options,
      .asks = true,
      .run = ctl_top },
    { .name = "pools",
      .help = "pools, their endpoints and why each gets calls or not",
      .about =
          "For each pool: its balancing policy, how many endpoints are usable, whether "
          "it is in panic, and what each target said last. For each endpoint: address, "
          "state and since when, weight, priority, connections, calls in flight, calls "
          "and failed calls so far, the time for which its source's answer is still "
          "good, why it gets no calls, the last check, zone and labels.\n",
      .options = json_only,
      .asks = true,
      .run = ctl_page_run,
      .page = "/pools",
      .json_page = "/pools.json" },
    { .name = "routes",
      .help = "routes of each listener and the pools they lead to",
      .about =
          "The routes of each listener in their order: what a call must have (headers "
          "by their names only; --json has all), and the pools they lead to with "
          "labels and shares.\n",
      .options = json_only,
      .asks = true,
      .run = ctl_page_run,
      .page = "/routes",
      .json_page = "/routes.json" },
    { .name = "explain-call",
      .help = "which route and endpoints a call would get, and why",
      .about =
          "Where such a call would go now, without making one: the listener, the route "
          "that takes it, and why each route before it does not (of many routes the "
          "nearest 20); the route's time limits, its filters, the entry of "
          "methodConfig, header edits, mirror and limits; of several targets the "
          "shares, or with splitBy the one that this header gets; and of each pool "
          "that the call may reach every endpoint with yes or no and the reason: "
          "labels, health, ejection, a failed connect, priority, zone, random subset, "
          "draining.\n"
          "The value of a header whose name ends in -bin is base64. Without "
          "--authority the call names no host. What gRPC always sends (content-type, "
          "te) is there by itself, a user-agent is not.\n",
      .options = explain_options,
      .asks = true,
      .run = ctl_explain },
    { .name = "why",
      .help = "the last calls that failed, each with the reason in a sentence",
      .about =
          "Newest first: when, code and reason, method; what the client was told, with "
          "the address of the backend; what to do about it; pool, endpoint, listener, "
          "route, client, trace and how long it took. Calls that failed for the same "
          "reason in the same way, with less than a minute between them, are told "
          "once, by the newest, with their number: x 1,200 in 42.1 s. The proxy keeps 64 "
          "kinds of calls that it refused and 64 that backends or clients ended, per "
          "worker; what fails all the time never pushes out the rest.\n",
      .options = why_options,
      .asks = true,
      .run = ctl_why },
    { .name = "tail",
      .help = "calls as they end, one JSON object per line",
      .about =
          "Lines are as in the access log, without the headers of the request, and the "
          "configured log does not change. It ends when it is interrupted, or with the "
          "proxy. With --code error all calls that failed. A line with "
          "\"event\":\"dropped\" says how many were left out because they came too "
          "fast.\n",
      .options = tail_options,
      .asks = true,
      .run = ctl_tail },
    { .name = "certs",
      .help = "certificates, who uses them and when they expire",
      .about =
          "The certificates that are used: days left, when they end, the file, and "
          "which listeners and pools use it. Files that changed and cannot be used are "
          "shown with the reason; what was read before them stays in use.\n",
      .options = json_only,
      .asks = true,
      .run = ctl_page_run,
      .page = "/certs",
      .json_page = "/certs.json" },
    { .name = "config",
      .help = "which config is in force, and what the last reload said",
      .about =
          "A number that counts up, a hash of what the configuration means and one of "
          "the "
          "bytes of its file (which status, top and the page show), since when it is in "
          "force, whether it is guarded, and what the last reload said. With --print the "
          "whole of it: every key, those that were left out with their "
          "defaults, and (redacted) in place of secrets.\n",
      .options = config_options,
      .asks = true,
      .run = ctl_page_run,
      .page = "/config/status",
      .json_page = "/config/status.json",
      .print_page = "/config" },
    { .name = "log-level",
      .help = "how much is logged, and another level for a while",
      .about =
          "Without LEVEL it prints the one in force. Without --for a level holds until "
          "the next reload.\n",
      .options = log_level_options,
      .operands = "error|warn|info|debug",
      .min_operands = 0,
      .max_operands = 1,
      .asks = true,
      .run = ctl_log_level },
    { .name = "bundle",
      .help = "all of it as one tar file for a bug report, without secrets",
      .about =
          "State, counters, failed calls, pools, routes, certificates, the "
          "configuration, metrics and versions. What the configuration calls a "
          "password, token, key or other secret is replaced; addresses and names are "
          "in it. The list of what is in it is printed and is its README.txt. An "
          "existing file is never overwritten.\n",
      .options = bundle_options,
      .asks = true,
      .run = ctl_bundle },
    { .name = "check",
      .help = "everything that is wrong with a config file, without a running proxy",
      .about =
          "FILE - is standard input. It is outrigger --check in other words, and runs "
          "that program: the one in its own folder, else the installed one. Exit code: "
          "0 good, 1 bad, 2 wrong use.\n",
      .options = check_options,
      .operands = "FILE",
      .min_operands = 1,
      .max_operands = 1,
      .run = ctl_check },
    { .name = "reload",
      .help = "load the config again; prints what changed, or why not",
      .about =
          "Prints one line of what changed, with warnings, if any, before it. When the "
          "configuration is bad nothing changes: all problems are printed to standard "
          "error and the exit status is 1. It waits while another reload is being "
          "applied.\n",
      .asks = true,
      .run = ctl_page_run,
      .page = "/reload",
      .post = true },
    { .name = "drain",
      .help = "send the clients of inbound listeners elsewhere; the process stays",
      .about =
          "The clients of inbound listeners get GOAWAY after drain.delay, spread over "
          "drain.spread, and the proxy is not ready any more. The process stays, its "
          "listeners too: who connects meanwhile is served, and told to go after 1 to "
          "2 s. Outbound listeners are left alone. Open calls are never cut by this "
          "command.\n"
          "It waits until no inbound connection is left (exit code 0), or until "
          "drain.delay and drain.timeout are over (exit code 1).\n",
      .options = drain_options,
      .asks = true,
      .run = ctl_page_run,
      .page = "/drain",
      .post = true,
      .wait = true },
    { .name = "undrain",
      .help = "take that back",
      .about = "The proxy is ready, new connections stay. Clients that were told to go "
               "already come back by themselves. Refused when the process is ending.\n",
      .asks = true,
      .run = ctl_page_run,
      .page = "/undrain",
      .post = true },
    { .name = "endpoint",
      .help = "take one endpoint out of its pool, or put it back",
      .about =
          "ADDRESS is as outriggerctl pools shows it. A disabled endpoint gets no new "
          "calls, also when the pool is in panic; open calls end as they began, and "
          "shares are worked out as if it was not there. It stays disabled when its "
          "source names it anew and through reloads, until it is enabled or the "
          "process ends.\n",
      .operands = "disable|enable POOL ADDRESS",
      .min_operands = 3,
      .max_operands = 3,
      .asks = true,
      .run = ctl_endpoint },
    { .name = "health",
      .help = "ask a gRPC server whether it serves, as grpc_health_probe does",
      .about =
          "Asks any server with grpc.health.v1, by default the probe port of outrigger "
          "on this host, for probes that run a command. Flags and exit codes are those "
          "of grpc_health_probe (without -gzip, -alts and -spiffe); one dash is as good "
          "as two, and a value may stand behind an equals sign.\n"
          "Exit code: 0 serving, 1 wrong use, 2 no connection, 3 no answer, 4 not "
          "serving.\n",
      .options = health_options,
      .run_words = ctl_health },
    { .name = "completion",
      .help = "print the completions of a shell for outriggerctl and outrigger",
      .about = "make install puts them where the shells look. For one session of bash or "
               "zsh: source <(outriggerctl completion bash); of fish: outriggerctl "
               "completion fish | source.\n",
      .operands = "bash|zsh|fish",
      .min_operands = 1,
      .max_operands = 1,
      .run = ctl_complete },
};

const size_t ctl_n_commands = ARRAY_LEN(ctl_commands);

const struct ctl_command *
ctl_command_find(const char *name)
{
    for (size_t i = 0; i < ctl_n_commands; i++) {
        if (strcmp(name, ctl_commands[i].name) == 0)
            return &ctl_commands[i];
    }
    return NULL;
}
