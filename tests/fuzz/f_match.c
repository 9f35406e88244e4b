/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: matches from a config, and a call. The bytes are the matches as JSON, an empty
 * line, then lines: the host, the path, and "name value" for each header.
 * What is found fits, nothing before it does, and each of them has a sentence that says why. */
#include <string.h>

#include "base/strbuf.h"
#include "fuzz.h"
#include "matchrig.h"

enum { TEXT_MAX = 8192, WHY_MAX = 8192 };

/* Cuts the next line off; NULL: no more. */
static char *
next_line(char **at)
{
    char *line = *at, *end;

    if (!line)
        return NULL;
    end = strchr(line, '\n');
    *at = end ? end + 1 : NULL;
    if (end)
        *end = '\0';
    return line;
}

static void
read_call(struct rig_call *c, char *text)
{
    char *authority = next_line(&text), *path = next_line(&text), *line;

    rig_call_set(c, authority, path ? path : "/");
    while ((line = next_line(&text)) && c->headers.n < RIG_HEADERS_MAX) {
        char *value = strchr(line, ' ');

        if (value)
            *value++ = '\0';
        rig_call_add(c, line, slice_of(value ? value : ""));
    }
}

static bool
fits(const struct rig *r, size_t i, struct rig_call *c)
{
    struct strbuf why;
    bool not ;

    strbuf_init(&why, WHY_MAX);
    not = matcher_why_not(r->matcher, i, &c->in, &why);
    FUZZ_CHECK(not == (why.len > 0));
    for (size_t k = 0; k < why.len; k++)
        FUZZ_CHECK((unsigned char)why.s[k] >= 0x20);
    strbuf_done(&why);
    return !not ;
}

static void
check(const struct rig *r, struct rig_call *c)
{
    int found = matcher_find(r->matcher, &c->in);

    FUZZ_CHECK(found >= -1 && found < (int)r->count);
    if (c->in.gave_up)
        return; /* an allowance that all share */
    FUZZ_CHECK(found < 0 || fits(r, (size_t)found, c));
    for (size_t i = 0; i < r->count && (found < 0 || i < (size_t)found); i++)
        FUZZ_CHECK(!fits(r, i, c));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char text[TEXT_MAX + 1], *call;
    struct strbuf problems;
    struct rig_call c;
    struct rig r;

    if (n > TEXT_MAX)
        return 0;
    memcpy(text, bytes, n);
    text[n] = '\0';
    call = strstr(text, "\n\n");
    if (!call)
        return 0;
    *call = '\0';
    strbuf_init(&problems, 1 << 20);
    if (rig_open(&r, text, &problems)) {
        read_call(&c, call + 2);
        check(&r, &c);
        rig_close(&r);
    }
    strbuf_done(&problems);
    return 0;
}
