/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/check_call.c - Watch and Check of grpc.health.v1.Health on a connection of one
 * check (gRFC A17, grpc-spec.md 7).
 *
 * The server's own grpc-status is told apart from the loss of a stream: the first is the
 * backend's word (not ready at once), the second a failed probe. Beside a Watch a Check
 * goes out every interval. It proves that the host still lives, which a silent stream
 * does not; a PING would be cheaper, but gRPC servers answer more than one in five minutes
 * with GOAWAY too_many_pings. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "grpc/path.h"
#include "loop/loop.h"
#include "upstream/backend.h"
#include "upstream/check.h"
#include "upstream/hub_int.h"

enum { REQUEST_MAX = 64 * 1024, ANSWER_MAX = 4096, REASON_MAX = 80 };

static const char *
status_word(enum health_status status)
{
    static const char *const words[] = { "UNKNOWN", "SERVING", "NOT_SERVING",
                                         "SERVICE_UNKNOWN" };

    return words[status];
}

/* "UNAVAILABLE: text", the peer's text cut short and decoded. */
static void
end_text(char out[CHECK_TEXT_MAX], enum grpc_code code, struct slice text)
{
    char plain[REASON_MAX];
    size_t n = grpc_message_decode(text, plain, sizeof(plain));

    snprintf(out, CHECK_TEXT_MAX, "%s%s%.*s", grpc_code_name(code), n ? ": " : "", (int)n,
             plain);
}

static bool
status_is_own(const struct grpc_client_call *call)
{
    return grpc_client_metadata(call, "grpc-status").p != NULL;
}

static bool
decode(struct slice message, enum health_status *ret)
{
    return message.n <= ANSWER_MAX && health_response_decode(message, ret) == 0;
}

/* ERR_OK: the request is on its way. */
static int
call_begin(struct check *c, const char *path, int64_t timeout_us,
           const struct grpc_client_ops *ops, struct grpc_client_call **ret)
{
    struct strbuf request;
    int rv = grpc_client_start(c->client, path, timeout_us, ops, c, ret);

    if (rv != ERR_OK)
        return rv;
    strbuf_init(&request, REQUEST_MAX);
    health_request_encode(slice_of(c->health->conf->service), &request);
    grpc_client_send(*ret, slice_make(request.s, request.len));
    grpc_client_half_close(*ret);
    strbuf_done(&request);
    return ERR_OK;
}

/* --- Check ------------------------------------------------------------------------- */

static void
probe_on_message(struct grpc_client_call *call, void *arg, struct slice message)
{
    struct check *c = arg;

    (void)call;
    c->messages++;
    c->readable = decode(message, &c->status);
}

/* Beside a Watch: its status is the backend's word, anything else but silence is life. */
static void
heartbeat_ended(struct check *c, enum grpc_code code, const char *text)
{
    bool whole = code == GRPC_OK && c->messages == 1 && c->readable;

    if (whole)
        check_word(c, "Check", c->status == HEALTH_SERVING, text);
    else if (code == GRPC_NOT_FOUND)
        check_word(c, "Check", false, text);
    else if (code != GRPC_UNIMPLEMENTED)
        check_probed(c, "Check", false, text);
}

static bool
answer_is_grpc(const struct grpc_client_call *call)
{
    return slice_eq(grpc_client_metadata(call, ":status"), slice_of("200")) &&
           content_type_is_grpc(grpc_client_metadata(call, "content-type"));
}

static void
probe_text(const struct check *c, char out[CHECK_TEXT_MAX], enum grpc_code code,
           struct slice text)
{
    if (code != GRPC_OK)
        end_text(out, code, text);
    else if (c->messages != 1)
        snprintf(out, CHECK_TEXT_MAX, "%u messages instead of one", c->messages);
    else
        snprintf(out, CHECK_TEXT_MAX, "%s",
                 c->readable ? status_word(c->status) : "an answer that cannot be read");
}

static void
probe_on_end(struct grpc_client_call *call, void *arg, enum grpc_code code,
             struct slice text)
{
    struct check *c = arg;
    bool own = status_is_own(call), good;
    char words[CHECK_TEXT_MAX];

    c->probe = NULL;
    if (grpc_client_unseen(call))
        return; /* what the GOAWAY means is said by its own event */
    probe_text(c, words, code, text);
    if (own && !answer_is_grpc(call)) {
        code = GRPC_UNKNOWN;
        snprintf(words, sizeof(words), "the answer is not gRPC");
    }
    good =
        code == GRPC_OK && c->messages == 1 && c->readable && c->status == HEALTH_SERVING;
    if (code == GRPC_UNIMPLEMENTED && c->health->conf->unimplemented_is_healthy)
        good = true;
    c->answered = c->answered || own;
    if (own && c->watch && c->told)
        heartbeat_ended(c, code, words);
    else
        check_probed(c, "Check", good, words);
    if (!own) {
        /* Silence: nothing on this connection is to be trusted, the Watch neither. */
        check_forget_calls(c);
        grpc_client_disconnect(c->client);
    }
    check_wait(c);
}

static void
probe_begin(struct check *c)
{
    static const struct grpc_client_ops ops = { .on_message = probe_on_message,
                                                .on_end = probe_on_end };
    int rv;

    if (c->probe)
        return;
    c->messages = 0;
    c->readable = false;
    rv = call_begin(c, "/grpc.health.v1.Health/Check", c->health->conf->timeout_ms * 1000,
                    &ops, &c->probe);
    if (rv == ERR_OK)
        return;
    c->probe = NULL;
    /* A server that allows one stream has given it to the Watch: that is no failure. */
    if (rv != ERR_LIMIT || !c->watch)
        check_probed(c, "Check", false, err_text(rv));
    check_wait(c);
}

/* --- Watch ------------------------------------------------------------------------- */

static void
watch_on_message(struct grpc_client_call *call, void *arg, struct slice message)
{
    struct check *c = arg;
    enum health_status status;
    bool first = !c->told;

    timer_stop(c->health->loop, &c->deadline);
    c->answered = c->told = true;
    if (!decode(message, &status)) {
        check_word(c, "Watch", false, "an answer that cannot be read");
        grpc_client_forget(call);
        c->watch = NULL;
        check_wait_again(c, false);
        return;
    }
    check_word(c, "Watch", status == HEALTH_SERVING, status_word(status));
    if (first)
        check_wait(c); /* for the first heartbeat */
}

static void
watch_unimplemented(struct check *c)
{
    struct health *h = c->health;

    if (!h->told_unimplemented)
        log_at(NULL, LOG_WARN,
               "a backend does not implement Watch of grpc.health.v1.Health: asking with "
               "Check",
               LS("pool", h->hub->conf->name), LS("endpoint", c->backend->name));
    h->told_unimplemented = true;
    c->no_watch = true;
    c->answered = true;
    probe_begin(c);
}

static void
watch_on_end(struct grpc_client_call *call, void *arg, enum grpc_code code,
             struct slice text)
{
    struct check *c = arg;
    bool own = status_is_own(call);
    char words[CHECK_TEXT_MAX];

    c->watch = NULL;
    timer_stop(c->health->loop, &c->deadline);
    if (grpc_client_unseen(call))
        return;
    if (own && code == GRPC_UNIMPLEMENTED) {
        watch_unimplemented(c);
        return;
    }
    end_text(words, code, text);
    if (own)
        check_word(c, "Watch", false, words);
    else
        check_probed(c, "Watch", false, words);
    if (!c->probe)
        check_wait_again(c, c->told);
}

static void
watch_begin(struct check *c)
{
    static const struct grpc_client_ops ops = { .on_message = watch_on_message,
                                                .on_end = watch_on_end };
    int rv = call_begin(c, "/grpc.health.v1.Health/Watch", 0, &ops, &c->watch);

    c->told = false;
    if (rv == ERR_OK) {
        timer_start(c->health->loop, &c->deadline, c->health->conf->timeout_ms * 1000);
        return;
    }
    c->watch = NULL;
    check_probed(c, "Watch", false, err_text(rv));
    check_wait_again(c, false);
}

void
check_ask(struct check *c)
{
    if (c->no_watch || c->watch)
        probe_begin(c);
    else
        watch_begin(c);
}

void
check_forget_calls(struct check *c)
{
    if (c->watch)
        grpc_client_forget(c->watch);
    if (c->probe)
        grpc_client_forget(c->probe);
    c->watch = c->probe = NULL;
}
