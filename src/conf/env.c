/* SPDX-License-Identifier: Apache-2.0 */
/* conf/env.c - environment variables in strings. */
#include "conf/env.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/scan.h"

static size_t
env_name_len(const char *s)
{
    static const char name_chars[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

    return *s >= '0' && *s <= '9' ? 0 : strspn(s, name_chars);
}

static int
is_utf8(const char *s)
{
    size_t n = strlen(s);

    for (size_t i = 0; i < n;) {
        size_t len = scan_char_len(s + i, n - i);

        if (len == 1 && (unsigned char)s[i] >= 0x80)
            return 0;
        i += len;
    }
    return 1;
}

/* At "${": adds the value. Returns the bytes read, 0 after a complaint. */
static size_t
env_put(const char *text, struct strbuf *out, struct strbuf *why)
{
    size_t name_len = env_name_len(text + 2);
    const char *name = text + 2, *after = name + name_len;
    const char *fallback = strncmp(after, ":-", 2) == 0 ? after + 2 : NULL;
    const char *close = strchr(fallback ? fallback : after, '}');
    char key[128];
    const char *value;

    if (!close) {
        strbuf_puts(why,
                    "${ has no closing }; write $${ for the two characters themselves");
        return 0;
    }
    if (name_len == 0 || name_len >= sizeof key || (!fallback && close != after)) {
        strbuf_printf(why,
                      "\"%.*s\" is not a variable; write ${NAME} or ${NAME:-default}",
                      (int)(close + 1 - text > 80 ? 80 : close + 1 - text), text);
        return 0;
    }
    memcpy(key, name, name_len);
    key[name_len] = '\0';
    value = getenv(key);
    if (value && !is_utf8(value)) {
        strbuf_printf(why, "the value of the environment variable %s is not UTF-8", key);
        return 0;
    }
    if (fallback && (!value || !*value))
        strbuf_add(out, fallback, (size_t)(close - fallback));
    else if (value)
        strbuf_puts(out, value);
    else
        strbuf_printf(
            why,
            "the environment variable %s is not set; set it, or write ${%s:-default}",
            key, key);
    return value || fallback ? (size_t)(close + 1 - text) : 0;
}

int
env_expand(const char *text, struct strbuf *out, struct strbuf *why)
{
    while (*text) {
        size_t plain = strcspn(text, "$");

        strbuf_add(out, text, plain);
        text += plain;
        if (strncmp(text, "$${", 3) == 0) {
            strbuf_puts(out, "${");
            text += 3;
        } else if (strncmp(text, "${", 2) == 0) {
            size_t len = env_put(text, out, why);

            if (len == 0)
                return ERR_SYNTAX;
            text += len;
        } else if (*text) {
            strbuf_add(out, text++, 1);
        }
    }
    if (out->cut) {
        strbuf_puts(why, "the text is too long with its variables put in");
        return ERR_SYNTAX;
    }
    return 0;
}

void
env_escape(const char *text, struct strbuf *out)
{
    for (const char *at; (at = strstr(text, "${")); text = at + 2) {
        strbuf_add(out, text, (size_t)(at - text));
        strbuf_puts(out, "$${");
    }
    strbuf_puts(out, text);
}
