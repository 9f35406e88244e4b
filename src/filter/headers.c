/* SPDX-License-Identifier: Apache-2.0 */
/* filter/headers.c - the filter "headers": edits with variables, as routes have them (edit.h), at a place in the chain. All values are written when the request comes,
 * before its own edits: later its headers and the connection may be gone. Headers that it gives to the answer also come with statuses of our own; what it takes out,
 * and its edits of trailers, are about the backend's. */
#include "base/arena.h"
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "conf/check.h"
#include "filter/edit.h"
#include "filter/edit_conf.h"
#include "filter/kinds.h"
#include "filter/template.h"
#include "net/addr.h"

struct headers_conf {
    struct edit_conf request, response, trailers;
    bool rematch;
};

struct headers {
    struct filter f;
    struct edit *request, *response, *trailers; /* NULL: nothing to do */
    unsigned wants;
};

struct headers_call {
    const struct slice *response, *trailers; /* values */
};

/* --- rows --------------------------------------------------------------------------- */

static void
check_pool(struct conf_place *place, const char *key, const struct conf_map *map)
{
    for (size_t i = 0; i < map->n; i++) {
        struct template *t = template_new(map->items[i].value);
        unsigned wants = template_wants(t);

        template_free(t);
        if (wants & 1u << TEMPLATE_POOL)
            conf_problem(
                place, key, "E0378",
                "\"%.80s\": the pool is not chosen when a filter edits; write it "
                "into the header edits of a route",
                map->items[i].key);
    }
}

static void
headers_check(void *obj, struct conf_place *place)
{
    const struct headers_conf *c = obj;

    check_pool(place, "request", &c->request.set);
    check_pool(place, "request", &c->request.add);
    check_pool(place, "response", &c->response.set);
    check_pool(place, "response", &c->response.add);
    check_pool(place, "trailers", &c->trailers.set);
    check_pool(place, "trailers", &c->trailers.add);
    if (conf_place_clean(place) && !c->request.on && !c->response.on && !c->trailers.on)
        conf_problem(place, NULL, "E0378",
                     "it does nothing; write \"request\", \"response\" or \"trailers\"");
    else if (c->rematch && !c->request.on)
        conf_problem(place, "rematch", "E0378",
                     "without edits in \"request\" no other route can fit");
}

static const struct conf_field headers_fields[] = {
    { .key = "request",
      .type = CONF_OBJECT,
      .at = offsetof(struct headers_conf, request),
      .sub = &edit_conf_struct,
      .example =
          "{ \"set\": { \"x-user\": \"%{claim:sub}\" }, \"remove\": [\"x-debug\"] }",
      .help = "Edits of the request. Later filters and the backend see what is left." },
    { .key = "response",
      .type = CONF_OBJECT,
      .at = offsetof(struct headers_conf, response),
      .sub = &edit_conf_struct,
      .hide = CONF_SHOW,
      .example = "{ \"set\": { \"x-served-by\": \"%{listener}\" } }",
      .help = "Edits of the answer's headers. set and add are also for answers that the "
              "proxy makes itself." },
    { .key = "trailers",
      .type = CONF_OBJECT,
      .at = offsetof(struct headers_conf, trailers),
      .sub = &edit_conf_struct,
      .hide = CONF_SHOW,
      .example = "{ \"remove\": [\"x-internal\"] }",
      .help = "Edits of the backend's trailers." },
    { .key = "rematch",
      .type = CONF_BOOL,
      .at = offsetof(struct headers_conf, rematch),
      .def = "false",
      .example = "true",
      .help =
          "After the last filter the route is looked for once more, by the request as "
          "it is then. The filters are not asked again." },
    { .key = NULL },
};

const struct conf_struct headers_conf_struct = {
    .name = "headers filter",
    .size = sizeof(struct headers_conf),
    .fields = headers_fields,
    .check = headers_check,
};

/* --- variables ---------------------------------------------------------------------- */

static struct slice
keep(struct filter_call *fc, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    void *kept = n ? arena_copy(fc->arena, text, n) : NULL;

    return kept ? slice_make(kept, n) : (struct slice){ 0 };
}

static void
values_get(struct filter_call *fc, unsigned wants, struct template_values *v)
{
    char address[ADDR_TEXT_MAX];

    *v = (struct template_values){ .headers = fc->request, .claims = fc->claims };
    v->v[TEMPLATE_ROUTE] = slice_of(fc->route);
    v->v[TEMPLATE_LISTENER] = slice_of(fc->listener);
    v->v[TEMPLATE_SERVICE] = fc->service;
    v->v[TEMPLATE_METHOD] = fc->method;
    v->v[TEMPLATE_CLIENT] = fc->client;
    v->v[TEMPLATE_REQUEST_ID] = fc->request_id;
    if (wants & 1u << TEMPLATE_PEER)
        v->v[TEMPLATE_PEER] = keep(fc, addr_print(fc->address, address));
    if (wants & 1u << TEMPLATE_SAN)
        v->v[TEMPLATE_SAN] = keep(fc, filter_identity(fc));
}

/* --- slots -------------------------------------------------------------------------- */

/* e NULL: nothing. */
static int
values_write(struct filter_call *fc, const struct edit *e,
             const struct template_values *v, const struct slice **ret)
{
    return e ? edit_values(e, v, fc->arena, ret) : ERR_OK;
}

/* For an answer of our own. Of two filters that give it the same header the first one has the last word, as with an answer of a backend. */
static bool
answer_give(struct filter_call *fc, const struct edit *e, const struct slice *values)
{
    /* The list of the answer is written from its end. */
    for (size_t i = edit_adds(e); i-- > 0;) {
        struct slice name, value;

        if (edit_added(e, values, i, &name, &value) && !filter_answer_taken(fc, name) &&
            !filter_answer_header(fc, name, value))
            return false;
    }
    return true;
}

static enum filter_verdict
on_request(struct filter_call *fc, void *state)
{
    struct headers_call *s = state;
    const struct headers *h = CONTAINER_OF(filter_self(fc), struct headers, f);
    const struct headers_conf *c = h->f.conf;
    const struct slice *request = NULL;
    struct template_values v;

    values_get(fc, h->wants, &v);
    if (values_write(fc, h->request, &v, &request) != ERR_OK ||
        values_write(fc, h->response, &v, &s->response) != ERR_OK ||
        values_write(fc, h->trailers, &v, &s->trailers) != ERR_OK)
        return filter_fail(fc, "makes too many bytes of header values for this call");
    if (h->response && !answer_give(fc, h->response, s->response))
        return filter_fail(fc, "had no memory for headers of the answer");
    if (!h->request)
        return FILTER_NEXT;
    if (edit_apply_block(h->request, request, fc->request, fc->slab) != ERR_OK)
        return filter_fail(fc, "makes too many headers of the request");
    if (c->rematch)
        filter_ask_match(fc);
    return FILTER_NEXT;
}

static enum filter_verdict
on_response(struct filter_call *fc, void *state, struct h2_headers *block, bool end)
{
    const struct headers_call *s = state;
    const struct headers *h = CONTAINER_OF(filter_self(fc), struct headers, f);

    (void)end;
    if (!h->response)
        return FILTER_NEXT;
    filter_answer_take_back(fc);
    if (edit_apply_block(h->response, s->response, block, fc->slab) != ERR_OK)
        return filter_fail(fc, "makes too many headers of the answer");
    return FILTER_NEXT;
}

static enum filter_verdict
on_trailers(struct filter_call *fc, void *state, struct h2_headers *block)
{
    const struct headers_call *s = state;
    const struct headers *h = CONTAINER_OF(filter_self(fc), struct headers, f);

    if (h->trailers &&
        edit_apply_block(h->trailers, s->trailers, block, fc->slab) != ERR_OK)
        return filter_fail(fc, "makes too many trailers");
    return FILTER_NEXT;
}

/* --- life --------------------------------------------------------------------------- */

static struct edit *
edit_open(const struct edit_conf *c)
{
    return c->on ? edit_new(c) : NULL;
}

static void
headers_open(struct filter *f, const struct filter_env *env)
{
    struct headers *h = CONTAINER_OF(f, struct headers, f);
    const struct headers_conf *c = f->conf;

    (void)env;
    h->request = edit_open(&c->request);
    h->response = edit_open(&c->response);
    h->trailers = edit_open(&c->trailers);
    h->wants = edit_wants(h->request) | edit_wants(h->response) | edit_wants(h->trailers);
}

static void
headers_close(struct filter *f)
{
    struct headers *h = CONTAINER_OF(f, struct headers, f);

    edit_free(h->request);
    edit_free(h->response);
    edit_free(h->trailers);
}

const struct filter_kind filter_headers = {
    .name = "headers",
    .conf = &headers_conf_struct,
    .size = sizeof(struct headers),
    .call_size = sizeof(struct headers_call),
    .open = headers_open,
    .close = headers_close,
    .on_request = on_request,
    .on_response = on_response,
    .on_trailers = on_trailers,
};
