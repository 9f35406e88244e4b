/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/filter/example_filter.c - a whole filter, as HACKING.md explains it: { "type": "clientVersion", "min": 3 } refuses
 * clients that are too old, and tells the others which version will be asked for. */
#include <stdatomic.h>

#include "conf/values.h"
#include "example_filter.h"
#include "grpc/status.h"

/* 1. The settings: a struct, and one row per key. Parser, checks, schema and manual come from the rows. */
struct client_version_conf {
    uint32_t min;
};

static const struct conf_field fields[] = {
    { .key = "min",
      .type = CONF_UINT,
      .at = offsetof(struct client_version_conf, min),
      .required = true,
      .min = 1,
      .max = 1000000,
      .example = "3",
      .help = "The oldest version that is let in." },
    { .key = NULL },
};

const struct conf_struct client_version_conf_struct = {
    .name = "clientVersion filter",
    .size = sizeof(struct client_version_conf),
    .fields = fields,
};

/* 2. What all calls share, on all workers: begins with struct filter. Made zeroed; open and close (main thread) are for what needs more. */
struct client_version {
    struct filter f;
    _Atomic unsigned long old; /* calls that were refused */
};

/* 3. A slot. It runs on the call's worker, must not wait for anything, and says what happens next. state: .call_size bytes of this call, zeroed; here none. */
static enum filter_verdict
on_request(struct filter_call *fc, void *state)
{
    static const struct filter_refusal too_old = { .code = GRPC_FAILED_PRECONDITION,
                                                   .reason = "CLIENT_TOO_OLD" };
    struct client_version *v = CONTAINER_OF(filter_self(fc), struct client_version, f);
    const struct client_version_conf *conf = v->f.conf;
    struct slice value = filter_header(fc, slice_of("x-client-version"));
    char text[16], min[16];
    uint64_t version;

    (void)state;
    snprintf(text, sizeof(text), "%.*s", (int)value.n, (const char *)value.p);
    if (uint_parse(text, UINT32_MAX, &version) != 0 || version < conf->min) {
        atomic_fetch_add_explicit(&v->old, 1, memory_order_relaxed);
        return filter_refuse(
            fc, &too_old, "this client is too old; use version %u or newer", conf->min);
    }
    snprintf(min, sizeof(min), "%u", conf->min);
    if (!filter_answer_header(fc, slice_of("x-min-version"), slice_of(min)))
        return filter_fail(fc, "had no memory for its header");
    return FILTER_NEXT;
}

unsigned long
client_version_refused(const struct filter *f)
{
    return atomic_load(&CONTAINER_OF(f, struct client_version, f)->old);
}

/* 4. The kind: its row in registry.c and its line in kinds.h name it. Slots that are not here cost nothing. */
const struct filter_kind filter_client_version = {
    .name = "clientVersion",
    .conf = &client_version_conf_struct,
    .size = sizeof(struct client_version),
    .on_request = on_request,
};
