/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl.c - outriggerctl: what a running outrigger has to say or shall do, for people and scripts.
 * It asks the admin port; each command is one row. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "main/ctl_check.h"
#include "main/ctl_drain.h"
#include "main/ctl_explain.h"
#include "main/ctl_health.h"
#include "main/ctl_http.h"
#include "net/addr.h"

enum {
    CTL_BAD_USAGE = 2,
    TEXT_MAX = 128 << 20,
    BUSY_TRIES = 100,
    BUSY_WAIT_US = 50 * 1000,
};

#define CTL_DEFAULT_ADDRESS "127.0.0.1:9901"

static const struct command {
    const char *name, *help;
    const char *page, *json_page; /* of the admin port */
    bool post;                    /* page is an action */
    bool wait;                    /* for the drain that it began */
} commands[] = {
    { "pools", "pools, their endpoints and why each gets calls or not", "/pools",
      "/pools.json", false },
    { "routes", "routes of each listener and the pools they lead to", "/routes",
      "/routes.json", false },
    { "certs", "certificates, who uses them and when they expire", "/certs",
      "/certs.json", false },
    { "reload", "load the config again; prints what changed, or why not", "/reload", NULL,
      true },
    { "config", "which config is in force, and what the last reload said",
      "/config/status", "/config/status.json", false },
    { "drain",
      "send the clients of inbound listeners elsewhere; the process stays. Waits until "
      "they are gone",
      "/drain", NULL, true, .wait = true },
    { "undrain", "take that back", "/undrain", NULL, true },
};

struct ctl {
    const char *address;
    bool json, wait, no_wait;
    const struct command *command;
};

static void
ctl_help(FILE *to)
{
    fputs("usage: outriggerctl COMMAND [-a ADDRESS] [--json]\n"
          "\n"
          "commands:\n",
          to);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].help);
    fputs("  check    everything that is wrong with a config file: check FILE\n"
          "  explain-call  which route and endpoints a call would get, and why:\n"
          "                explain-call --method /pkg.Svc/Method; --help says more\n"
          "  health   ask a gRPC server whether it serves, as grpc_health_probe does:\n"
          "                health -addr HOST:PORT; -help says more\n"
          "\n"
          "options:\n"
          "  -a, --admin ADDRESS  admin port of the running outrigger: IP:PORT or\n"
          "                       unix:/path (default " CTL_DEFAULT_ADDRESS ")\n"
          "      --json           the same as JSON, for scripts\n"
          "      --wait           drain: until no inbound connection is left, or\n"
          "                       drain.delay and drain.timeout are over (default)\n"
          "      --no-wait        drain: only ask for it\n"
          "  -h, --help           this text\n"
          "  -V, --version        the version\n",
          to);
}

static const struct command *
command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    }
    return NULL;
}

static int
ctl_usage(const char *what, const char *arg)
{
    fprintf(stderr, "outriggerctl: %s%s%s; run \"outriggerctl --help\"\n", what,
            arg[0] ? " " : "", arg);
    return CTL_BAD_USAGE;
}

/* The command stands before or between the options. */
static int
ctl_command(struct ctl *c, int n, char **names)
{
    char known[128] = "";

    if (n > 0)
        c->command = command_find(names[0]);
    if (n == 1 && c->command && c->json && !c->command->json_page)
        return ctl_usage("there is no JSON of", names[0]);
    if (n == 1 && c->command)
        return -1;
    if (n == 0)
        return ctl_usage("a command is missing", "");
    if (c->command)
        return ctl_usage("one command at a time; too much:", names[1]);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
                 i ? ", " : "", commands[i].name);
    fprintf(
        stderr,
        "outriggerctl: unknown command \"%.60s\"; there is: %s, check, explain-call, health\n",
        names[0], known);
    return CTL_BAD_USAGE;
}

/* Options that the command does not have. -1: none; else the exit code. */
static int
ctl_fit(const struct ctl *c)
{
    if (c->json && !c->command->json_page)
        return ctl_usage("--json is not for", c->command->name);
    if ((c->wait || c->no_wait) && !c->command->wait)
        return ctl_usage("--wait and --no-wait are not for", c->command->name);
    if (c->wait && c->no_wait)
        return ctl_usage("--wait and --no-wait exclude each other", "");
    return -1;
}

/* -1: go on; else the exit code. */
static int
ctl_options(struct ctl *c, int argc, char **argv)
{
    static const struct option longs[] = {
        { "admin", required_argument, NULL, 'a' },
        { "json", no_argument, NULL, 'j' },
        { "wait", no_argument, NULL, 'w' },
        { "no-wait", no_argument, NULL, 'n' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { 0 },
    };
    int opt;

    c->address = CTL_DEFAULT_ADDRESS;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, ":a:hV", longs, NULL)) != -1) {
        switch (opt) {
        case 'a':
            c->address = optarg;
            break;
        case 'j':
            c->json = true;
            break;
        case 'w':
            c->wait = true;
            break;
        case 'n':
            c->no_wait = true;
            break;
        case 'h':
            ctl_help(stdout);
            return EXIT_SUCCESS;
        case 'V':
            puts("outriggerctl " PACKAGE_VERSION);
            return EXIT_SUCCESS;
        case ':':
            return ctl_usage("an address is missing after", argv[optind - 1]);
        default:
            return ctl_usage("unknown option", argv[optind - 1]);
        }
    }
    opt = ctl_command(c, argc - optind, argv + optind);
    return opt < 0 ? ctl_fit(c) : opt;
}

/* Asks again while another action of the kind is on its way. */
static int
ctl_post(const struct ctl *c, const struct addr *to, struct strbuf *body,
         const char **ret_why, bool *ret_done)
{
    int status = 0, rv;

    for (int tries = 0;; tries++) {
        rv = ctl_http_post(to, c->command->page, &status, body, ret_why);
        if (rv != ERR_OK || status != 503 || tries == BUSY_TRIES)
            break;
        strbuf_done(body);
        strbuf_init(body, TEXT_MAX);
        ctl_http_wait(BUSY_WAIT_US);
    }
    *ret_done = rv == ERR_OK && status == 200;
    return rv;
}

static int
ctl_run(const struct ctl *c)
{
    bool done = true;
    const char *why = "";
    struct strbuf body;
    struct addr to;
    int rv;

    if (addr_parse(c->address, false, &to, &why) != ERR_OK) {
        fprintf(stderr, "outriggerctl: the address \"%.100s\": %s\n", c->address, why);
        return CTL_BAD_USAGE;
    }
    strbuf_init(&body, TEXT_MAX);
    if (c->command->post)
        rv = ctl_post(c, &to, &body, &why, &done);
    else
        rv = ctl_http_get(&to, c->json ? c->command->json_page : c->command->page, &body,
                          &why);
    if (rv == ERR_OK && done && c->command->wait && !c->no_wait)
        rv = ctl_drain_wait(&to, &body, &done, &why);
    if (rv == ERR_OK)
        fputs(body.s ? body.s : "", done ? stdout : stderr);
    else if (rv == ERR_CONNECT)
        fprintf(stderr,
                "outriggerctl: cannot reach the admin port at %s: %s. Is outrigger "
                "running? Its \"admin\": { \"listen\": ... } says where; give that with "
                "-a\n",
                c->address, why);
    else
        fprintf(stderr, "outriggerctl: the admin port at %s: %s\n", c->address, why);
    strbuf_done(&body);
    if (rv == ERR_OK && (fflush(stdout) != 0 || ferror(stdout))) {
        fputs("outriggerctl: the output could not be written\n", stderr);
        return EXIT_FAILURE;
    }
    return rv == ERR_OK && done ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
    struct ctl c = { 0 };
    int rv;

    if (argc > 1 && strcmp(argv[1], "check") == 0)
        return ctl_check(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "health") == 0)
        return ctl_health(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "explain-call") == 0)
        return ctl_explain(argc - 1, argv + 1);
    rv = ctl_options(&c, argc, argv);
    return rv >= 0 ? rv : ctl_run(&c);
}
