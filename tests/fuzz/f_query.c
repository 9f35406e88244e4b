/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the words of a URL at the admin port, and JSON that is shown without its secrets. Words end within what was given, no decoded one is longer than its text, and what a
 * secret key held is in neither output. */
#include <stdlib.h>
#include <string.h>

#include "admin/query.h"
#include "base/strbuf.h"
#include "conf/mask.h"
#include "conf/redact.h"
#include "fuzz.h"

enum { MOST = 4096 };

static void
read_words(const char *text)
{
    const char *key, *value, *why = NULL;
    enum query_step step = QUERY_END;
    struct query q;
    size_t words = 0;

    if (query_begin(&q, text, &why)) {
        while ((step = query_next(&q, &key, &value, &why)) == QUERY_WORD) {
            FUZZ_CHECK(strlen(key) + strlen(value) < strlen(text));
            FUZZ_CHECK(query_code(value) < 17);
            FUZZ_CHECK(++words <= QUERY_MAX);
        }
    }
    FUZZ_CHECK(step != QUERY_BAD || (why && why[0]));
}

static void
hide(const char *text)
{
    struct strbuf json, out;

    strbuf_init(&json, 2 * MOST);
    strbuf_init(&out, 16 * MOST);
    strbuf_puts(&out, "");
    conf_redact(text, &out);
    out.len = 0;
    strbuf_puts(&json, "{\"password\": \"hunter2\", \"rest\": ");
    strbuf_puts(&json, text);
    conf_redact(json.s, &out);
    FUZZ_CHECK(strncmp(out.s, "{\"password\": \"" CONF_REDACTED "\", \"rest\": ", 30) ==
               0);
    strbuf_done(&out);
    strbuf_done(&json);
}

/* Whatever the lines above say, a password of its own line is hidden. */
static void
mask(const uint8_t *bytes, size_t n)
{
    static const char line[] = "\n\"password\":\"hunter2\"";
    size_t all = n + sizeof(line) - 1;
    char *text = malloc(all);
    bool *hide = calloc(all, sizeof(*hide));

    FUZZ_CHECK(text && hide);
    memcpy(text, bytes, n);
    memcpy(text + n, line, sizeof(line) - 1);
    conf_mask_text(text, all, hide);
    for (size_t i = all - 8; i < all - 1; i++)
        FUZZ_CHECK(hide[i]);
    free(hide);
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char text[MOST + 1];

    n = n < MOST ? n : MOST;
    memcpy(text, bytes, n);
    text[n] = '\0';
    read_words(text);
    hide(text);
    mask(bytes, n);
    return 0;
}
