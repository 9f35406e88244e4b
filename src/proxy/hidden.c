/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/hidden.c - finds routes that can never be taken. */
#include <stdlib.h>
#include <string.h>

#include "base/compat.h"
#include "base/xalloc.h"
#include "conf/check.h"
#include "proxy/route_conf.h"

struct route_key {
    const char *service, *method; /* "": any */
    size_t i;
};

static int
route_key_compare(const void *a, const void *b)
{
    const struct route_key *x = a, *y = b;
    int order = strcmp(x->service, y->service);

    if (order == 0)
        order = strcmp(x->method, y->method);
    return order ? order : (x->i > y->i) - (x->i < y->i);
}

/* The first route with exactly this match among the sorted keys; n: none. */
static size_t
route_first(const struct route_key *keys, size_t n, const char *service,
            const char *method)
{
    const struct route_key want = { .service = service, .method = method };
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (route_key_compare(&keys[middle], &want) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < n && strcmp(keys[low].service, service) == 0 &&
        strcmp(keys[low].method, method) == 0)
        return keys[low].i;
    return n;
}

/* Warns of each route that can never be taken: an earlier one matches all of its calls.
 * Sorted, since there may be 10,000. */
void
routes_check_hidden(const struct conf_list *routes, struct conf_place *place)
{
    const struct route_conf *r = routes->items;
    struct route_key *keys = xcalloc(routes->n + 1, sizeof *keys);
    size_t n = routes->n;

    for (size_t i = 0; i < n; i++)
        keys[i] =
            (struct route_key){ .service = r[i].match.service ? r[i].match.service : "",
                                .method = r[i].match.method ? r[i].match.method : "",
                                .i = i };
    qsort(keys, n, sizeof *keys, route_key_compare);
    for (size_t i = 0; i < n; i++) {
        const char *service = r[i].match.service ? r[i].match.service : "";
        const char *method = r[i].match.method ? r[i].match.method : "";
        size_t hidden_by = n;
        const char *const wider[][2] = {
            { "", "" }, { service, "" }, { "", method }, { service, method }
        };

        for (size_t k = 0; k < ARRAY_LEN(wider); k++) {
            size_t first = route_first(keys, n, wider[k][0], wider[k][1]);

            if (first < hidden_by)
                hidden_by = first;
        }
        if (hidden_by < i)
            conf_warning_item(place, "routes", i, NULL, "W0301",
                              "this route is never taken: routes[%zu] comes first and "
                              "matches all of its calls",
                              hidden_by);
    }
    xfree(keys);
}
