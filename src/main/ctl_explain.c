/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_explain.c - from options to the query of /explain-call. */
#include "main/ctl_explain.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "main/ctl_http.h"
#include "net/addr.h"

enum { BAD_USAGE = 2, TEXT_MAX = 128 << 20, PATH_MAX_BYTES = 8000 };

#define PAGE            "/explain-call?"
#define DEFAULT_ADDRESS "127.0.0.1:9901"

struct question {
    const char *address;
    struct strbuf path;
};

static const char help[] =
    "usage: outriggerctl explain-call --method /pkg.Service/Method [options]\n"
    "\n"
    "Shows which route such a call takes and why not an earlier one, what the route\n"
    "does, its filters, and which endpoints may get the call. No call is made.\n"
    "\n"
    "  --listener NAME      the listener; not needed when there is only one\n"
    "  --authority HOST     host that the client calls\n"
    "  --header NAME=VALUE  a header of the call; may be given often\n"
    "  --san NAME           a name in the client's verified certificate: a URI, an\n"
    "                       email address or a DNS name; may be given often\n"
    "  --json               the same as JSON, for scripts\n"
    "  -a, --admin ADDRESS  admin port of the running outrigger: IP:PORT or\n"
    "                       unix:/path (default " DEFAULT_ADDRESS ")\n";

static int
explain_usage(const char *what, const char *arg)
{
    fprintf(stderr, "outriggerctl explain-call: %s%s%s; see --help\n", what,
            arg[0] ? " " : "", arg);
    return BAD_USAGE;
}

static void
add_word(struct strbuf *path, const char *key, const char *value)
{
    strbuf_printf(path, "%s%s=", path->len > strlen(PAGE) ? "&" : "", key);
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        if (isalnum(*p) || strchr("-._", *p))
            strbuf_printf(path, "%c", *p);
        else
            strbuf_printf(path, "%%%02X", *p);
    }
}

/* -1: go on; else the exit code. */
static int
explain_options(struct question *q, int argc, char **argv)
{
    static const struct option longs[] = {
        { "method", required_argument, NULL, 'm' },
        { "listener", required_argument, NULL, 'w' },
        { "authority", required_argument, NULL, 'w' },
        { "header", required_argument, NULL, 'w' },
        { "san", required_argument, NULL, 'w' },
        { "json", no_argument, NULL, 'j' },
        { "admin", required_argument, NULL, 'a' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    bool method = false;
    int opt, at = 0;

    opterr = 0;
    while ((opt = getopt_long(argc, argv, ":a:h", longs, &at)) != -1) {
        switch (opt) {
        case 'm':
        case 'w':
            method |= opt == 'm';
            add_word(&q->path, longs[at].name, optarg);
            break;
        case 'j':
            add_word(&q->path, "format", "json");
            break;
        case 'a':
            q->address = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            return EXIT_SUCCESS;
        case ':':
            return explain_usage("a value is missing after", argv[optind - 1]);
        default:
            return explain_usage("unknown option", argv[optind - 1]);
        }
    }
    if (optind < argc)
        return explain_usage("what is", argv[optind]);
    if (!method)
        return explain_usage("say which method: --method /pkg.Service/Method", "");
    return q->path.cut ? explain_usage("that is too much for one call", "") : -1;
}

static int
explain_ask(const struct question *q)
{
    const char *why = "";
    struct strbuf body;
    struct addr to;
    int status = 0, rv;

    if (addr_parse(q->address, false, &to, &why) != ERR_OK) {
        fprintf(stderr, "outriggerctl: the address \"%.100s\": %s\n", q->address, why);
        return BAD_USAGE;
    }
    strbuf_init(&body, TEXT_MAX);
    rv = ctl_http_ask(&to, q->path.s, &status, &body, &why);
    if (rv != ERR_OK)
        fprintf(
            stderr,
            "outriggerctl: the admin port at %s: %s. Is outrigger running, and is this "
            "its \"admin\": { \"listen\": ... }? Give that with -a\n",
            q->address, why);
    else if (status != 200)
        fprintf(stderr, "outriggerctl explain-call: %s", body.s ? body.s : "\n");
    else
        fputs(body.s ? body.s : "", stdout);
    strbuf_done(&body);
    if (rv != ERR_OK)
        return EXIT_FAILURE;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("outriggerctl: the output could not be written\n", stderr);
        return EXIT_FAILURE;
    }
    return status == 200 ? EXIT_SUCCESS : BAD_USAGE;
}

int
ctl_explain(int argc, char **argv)
{
    struct question q = { .address = DEFAULT_ADDRESS };
    int rv;

    strbuf_init(&q.path, PATH_MAX_BYTES);
    strbuf_puts(&q.path, PAGE);
    rv = explain_options(&q, argc, argv);
    if (rv < 0)
        rv = explain_ask(&q);
    strbuf_done(&q.path);
    return rv;
}
