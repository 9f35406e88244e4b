/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/health_service.c - three methods over a function that knows the answer. */
#include "grpc/health_service.h"

#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "grpc/server.h"

enum { LIST_TEXT_MAX = 64 * 1024, REQUEST_TEXT_MAX = 4096 };

void
health_service_init(struct health_service *s, const struct health_service_ops *ops,
                    void *arg, size_t max_watchers)
{
    *s = (struct health_service){ .ops = ops, .arg = arg, .max_watchers = max_watchers };
    list_init(&s->watchers);
}

/* The name in a request. False: the call was ended. A name that nobody can have (too long, or with a NUL) becomes one that nobody has. */
static bool
health_read(struct grpc_call *call, struct slice message, char ret[HEALTH_NAME_MAX + 1],
            bool *ret_possible)
{
    struct strbuf name;
    bool good;

    strbuf_init(&name, REQUEST_TEXT_MAX);
    good = health_request_decode(message, &name) == ERR_OK;
    *ret_possible = good && !name.cut && name.len <= HEALTH_NAME_MAX &&
                    (name.len == 0 || !memchr(name.s, '\0', name.len));
    memset(ret, 0, HEALTH_NAME_MAX + 1);
    if (*ret_possible && name.len > 0)
        memcpy(ret, name.s, name.len);
    strbuf_done(&name);
    if (!good)
        grpc_call_finish(call, GRPC_INTERNAL,
                         "the request message is not a HealthCheckRequest");
    return good;
}

static void
health_send(struct grpc_call *call, enum health_status status)
{
    struct strbuf message;

    strbuf_init(&message, 64);
    strbuf_puts(&message, "");
    health_response_encode(status, &message);
    grpc_call_send(call, slice_make(message.s, message.len));
    strbuf_done(&message);
}

void
health_service_check(struct health_service *s, struct grpc_call *call,
                     struct slice message)
{
    enum health_status status = HEALTH_SERVICE_UNKNOWN;
    char name[HEALTH_NAME_MAX + 1];
    bool possible;

    if (!health_read(call, message, name, &possible))
        return;
    if (possible)
        status = s->ops->status(s->arg, name);
    if (status == HEALTH_SERVICE_UNKNOWN)
        grpc_call_finish(call, GRPC_NOT_FOUND,
                         "unknown service; the method List names those there are");
    else
        health_send(call, status);
}

struct list_text { /* of a List answer: too much for the stack */
    char names[HEALTH_LIST_MAX + 1][HEALTH_NAME_MAX + 1];
};

/* ERR_LIMIT: there are more than an answer may have. */
static int
list_encode(struct health_service *s, struct list_text *text, struct strbuf *message)
{
    struct health_entry entries[HEALTH_LIST_MAX];
    size_t n = 0;

    while (s->ops->name(s->arg, n, text->names[n])) {
        if (n == HEALTH_LIST_MAX)
            return ERR_LIMIT;
        entries[n] = (struct health_entry){ text->names[n],
                                            s->ops->status(s->arg, text->names[n]) };
        n++;
    }
    health_list_encode(entries, n, message);
    return message->cut ? ERR_LIMIT : ERR_OK;
}

void
health_service_list(struct health_service *s, struct grpc_call *call)
{
    struct list_text *text = xcalloc(1, sizeof(*text));
    struct strbuf message;

    strbuf_init(&message, LIST_TEXT_MAX);
    strbuf_puts(&message, "");
    if (list_encode(s, text, &message) == ERR_OK)
        grpc_call_send(call, slice_make(message.s, message.len));
    else
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED,
                         "there are more services than a list may have; ask for one with "
                         "Check");
    strbuf_done(&message);
    xfree(text);
}

static enum health_status
watch_status(const struct health_watch *w)
{
    if (w->impossible)
        return HEALTH_SERVICE_UNKNOWN;
    return w->service->ops->status(w->service->arg, w->name);
}

void
health_service_watch(struct health_service *s, struct health_watch *w,
                     struct grpc_call *call, struct slice message)
{
    bool possible;

    if (!health_read(call, message, w->name, &possible))
        return;
    w->impossible = !possible;
    if (s->max_watchers > 0 && s->watcher_count >= s->max_watchers) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED,
                         "too many clients watch; ask with Check");
        return;
    }
    w->call = call;
    w->service = s;
    w->told = watch_status(w);
    s->watcher_count++;
    list_append(&s->watchers, &w->link);
    health_send(call, w->told);
}

void
health_watch_done(struct health_watch *w)
{
    if (!w->service)
        return;
    w->service->watcher_count--;
    w->service = NULL;
    list_remove(&w->link);
}

static void
watch_tell(struct health_watch *w)
{
    enum health_status now = watch_status(w);

    if (now == w->told || grpc_call_queued(w->call) > 0)
        return;
    w->told = now;
    health_send(w->call, now);
}

void
health_service_tell(struct health_service *s)
{
    for (struct list *at = s->watchers.next, *next; at != &s->watchers; at = next) {
        next = at->next;
        watch_tell(CONTAINER_OF(at, struct health_watch, link));
    }
}

void
health_service_end(struct health_service *s, const char *text)
{
    struct list *at;

    health_service_tell(s);
    while ((at = list_pop(&s->watchers)))
        grpc_call_finish(CONTAINER_OF(at, struct health_watch, link)->call,
                         GRPC_UNAVAILABLE, text);
}
