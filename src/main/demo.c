/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo.c - wires the demo: the proxy in it is the real one, started from a config
 * text by the normal path. */
#include "main/demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "conf/env.h"
#include "conf/print.h"
#include "conf/snapshot.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "main/config.h"
#include "main/demo_backend.h"
#include "main/demo_load.h"
#include "main/options.h"
#include "main/process.h"
#include "net/addr.h"
#include "net/listener.h"

enum {
    DEMO_PORT = 8080,
    DEMO_ADMIN_PORT = 9901,
    DEMO_PORT_TRIES = 100,
};

struct demo {
    const struct options *options;
    char listen[ADDR_TEXT_MAX], admin[ADDR_TEXT_MAX];
    struct demo_backends *backends;
    struct conf_snapshot *snapshot;
    struct process *process;
    struct timer end;
};

static void
demo_no_client(void *arg, int fd, const struct addr *peer)
{
    (void)arg, (void)fd, (void)peer; /* the listener is never started */
}

/* The first port from `port` on that can be bound on loopback. */
static void
demo_find_port(unsigned port, char out[ADDR_TEXT_MAX])
{
    struct loop *loop = loop_new(NULL);

    for (unsigned i = 0; i < DEMO_PORT_TRIES; i++) {
        struct listener *listener = NULL;
        const char *why;
        struct addr at;

        snprintf(out, ADDR_TEXT_MAX, "127.0.0.1:%u", port + i);
        if (addr_parse(out, true, &at, &why) == 0 &&
            listener_open(loop, &at, demo_no_client, NULL, &listener, &why) == 0) {
            listener_close(listener);
            break;
        }
    }
    loop_free(loop);
}

/* The demo is for this machine: its backends say anything to anybody. */
static bool
demo_check_local(const char *option, const char *text)
{
    const char *why = "";
    struct addr at;

    if (addr_parse(text, true, &at, &why) != 0) {
        fprintf(stderr, "outrigger: %s %s: %s\n", option, text, why);
        return false;
    }
    if (!addr_is_local(&at)) {
        fprintf(
            stderr,
            "outrigger: %s %s: the demo listens on loopback only; give an address like "
            "127.0.0.1:8080\n",
            option, text);
        return false;
    }
    return true;
}

static bool
demo_choose_addresses(struct demo *d)
{
    const struct options *o = d->options;

    if (o->listen && !demo_check_local("--listen", o->listen))
        return false;
    if (o->admin && strcmp(o->admin, "off") != 0 &&
        !demo_check_local("--admin", o->admin))
        return false;
    if (o->listen)
        snprintf(d->listen, sizeof(d->listen), "%s", o->listen);
    else
        demo_find_port(DEMO_PORT, d->listen);
    if (o->admin)
        snprintf(d->admin, sizeof(d->admin), "%s", o->admin);
    else
        demo_find_port(DEMO_ADMIN_PORT, d->admin);
    return true;
}

/* A JSON string; the address of a unix socket may hold anything. */
static void
demo_put_address(const char *address, struct strbuf *out)
{
    struct strbuf plain;

    strbuf_init(&plain, 4 * ADDR_TEXT_MAX);
    env_escape(address, &plain);
    conf_put_string(out, plain.s ? plain.s : "");
    strbuf_done(&plain);
}

static void
demo_write_config(const struct demo *d, struct strbuf *out)
{
    char text[ADDR_TEXT_MAX];

    strbuf_puts(out, "{\n  \"version\": 1,\n");
    strbuf_puts(out, "  \"admin\": { \"listen\": ");
    demo_put_address(d->admin, out);
    strbuf_puts(out, " },\n  \"drain\": { \"delay\": \"0s\", \"timeout\": \"5s\" },\n");
    strbuf_puts(out, "  \"listeners\": [{ \"name\": \"demo\", \"listen\": ");
    demo_put_address(d->listen, out);
    strbuf_puts(out, ",\n    \"routes\": [{ \"name\": \"all\", \"to\": \"demo\" }] }],\n"
                     "  \"pools\": [{ \"name\": \"demo\", \"balance\": \"round_robin\",\n"
                     "    \"endpoints\": [");
    for (unsigned i = 0; i < DEMO_BACKENDS; i++)
        strbuf_printf(out, "%s\"%s\"", i ? ", " : "",
                      addr_print(demo_backend_addr(d->backends, i), text));
    strbuf_puts(out, "] }]\n}\n");
}

static int
demo_load_config(struct demo *d, struct strbuf *problems)
{
    struct strbuf text;
    int err;

    strbuf_init(&text, 64 * 1024);
    demo_write_config(d, &text);
    err =
        options_load_text(d->options, "<demo>", text.s, text.len, problems, &d->snapshot);
    strbuf_done(&text);
    return err;
}

static bool
demo_start_proxy(struct demo *d)
{
    struct strbuf problems;
    const struct config *conf;
    int err;

    strbuf_init(&problems, 64 * 1024);
    err = demo_load_config(d, &problems);
    if (problems.len > 0)
        fputs(problems.s, stderr);
    strbuf_done(&problems);
    if (err != 0)
        return false;
    conf = conf_root(d->snapshot);
    log_setup((enum log_level)conf->log.level, (enum log_format)conf->log.format);
    d->process = process_start(d->snapshot, NULL, d->options->admin != NULL);
    return d->process != NULL;
}

static void
demo_tell_places(const struct demo *d, const char *proxy)
{
    char text[ADDR_TEXT_MAX];

    puts("\noutrigger demo: all of this runs in this process, on loopback only\n");
    for (unsigned i = 0; i < DEMO_BACKENDS; i++) {
        printf("  backend %s  %s", demo_backend_name(d->backends, i),
               addr_print(demo_backend_addr(d->backends, i), text));
        if (i == DEMO_BACKENDS - 1)
            printf("  (fails one call in %u with UNAVAILABLE, on purpose)",
                   DEMO_FAIL_ONE_IN);
        putchar('\n');
    }
    printf("  proxy           %s  (round_robin over the three)\n", proxy);
    if (strcmp(d->admin, "off") != 0 && strncmp(d->admin, "unix:", 5) != 0)
        printf("  live page       http://%s/  (open it in a browser)\n", d->admin);
    if (strcmp(d->admin, "off") != 0)
        printf("  metrics         %s%s/metrics\n",
               strncmp(d->admin, "unix:", 5) ? "http://" : "", d->admin);
    printf("  load            %u calls a second through the proxy, unary and streaming\n",
           DEMO_LOAD_RATE);
}

static void
demo_tell_clients(const char *proxy, bool is_unix)
{
    puts("\ncall it yourself from another terminal; reflection tells the services:\n");
    printf(
        "  grpcurl -plaintext%s -d '{\"name\":\"you\"}' %s helloworld.Greeter/SayHello\n",
        is_unix ? " -unix" : "", is_unix ? proxy + strlen("unix:") : proxy);
    puts("\nor with Debian's python3-grpcio:\n");
    printf(
        "  /usr/bin/python3 -c 'import grpc; print(grpc.insecure_channel(\"%s\")"
        ".unary_unary(\"/helloworld.Greeter/SayHello\")(b\"\\n\\3you\")[2:].decode())'\n",
        proxy);
    puts("\nor with curl alone:\n");
    printf("  printf '\\0\\0\\0\\0\\5\\n\\3you' | curl -s --http2-prior-knowledge -H "
           "'content-type: application/grpc' -H 'te: trailers' --data-binary @- %s%s%s"
           "http://%s/helloworld.Greeter/SayHello | tail -c +8; echo\n\n",
           is_unix ? "--unix-socket " : "", is_unix ? proxy + strlen("unix:") : "",
           is_unix ? " " : "", is_unix ? "demo" : proxy);
}

static void
demo_on_end(struct timer *t)
{
    process_drain(CONTAINER_OF(t, struct demo, end)->process);
}

/* The proxy runs on this thread until it was told to end; then the load goes, then the
 * backends. */
static int
demo_serve(struct demo *d)
{
    const struct addr *proxy = process_listen_addr(d->process, 0);
    char text[ADDR_TEXT_MAX];
    struct demo_load *load;
    int rv;

    demo_tell_places(d, addr_print(proxy, text));
    demo_tell_clients(text, addr_is_unix(proxy));
    fflush(stdout);
    load = demo_load_start(proxy);
    timer_init(&d->end, demo_on_end);
    if (d->options->demo_for_ms > 0)
        timer_start(process_loop(d->process), &d->end, d->options->demo_for_ms * 1000);
    rv = process_run(d->process);
    demo_load_stop(load);
    return rv;
}

/* EXIT_GOOD, or another code when the demo cannot be. */
static int
demo_open(struct demo *d)
{
    const char *why = "";

    if (!demo_choose_addresses(d))
        return EXIT_BAD_USAGE;
    if (demo_backends_start(&d->backends, &why) == 0)
        return EXIT_GOOD;
    fprintf(stderr, "outrigger: cannot start the demo's backends: %s\n", why);
    return EXIT_FAILURE;
}

static void
demo_close(struct demo *d)
{
    demo_backends_stop(d->backends);
    if (d->snapshot)
        conf_drop(d->snapshot);
}

int
demo_run(const struct options *o)
{
    struct demo d = { .options = o };
    int rv = demo_open(&d);

    if (rv != EXIT_GOOD)
        return rv;
    rv = demo_start_proxy(&d) ? demo_serve(&d) : EXIT_FAILURE;
    demo_close(&d);
    return rv;
}

int
demo_print_config(const struct options *o, struct strbuf *out, struct strbuf *problems)
{
    struct demo d = { .options = o };
    int rv = demo_open(&d);

    if (rv != EXIT_GOOD)
        return rv;
    if (demo_load_config(&d, problems) == ERR_OK)
        conf_print(&config_struct, conf_root(d.snapshot), out);
    else
        rv = EXIT_BAD_CONFIG;
    demo_close(&d);
    return rv;
}
