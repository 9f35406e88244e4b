/* SPDX-License-Identifier: Apache-2.0 */
/* conf/redact.c - one pass over the text; only strings are looked at. */
#include "conf/redact.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "conf/print.h"

enum { KEY_MAX = 256, URL_MAX = 64 * 1024 };

bool
conf_key_is_secret(const char *key)
{
    static const char *const within[] = { "password",      "passwd",  "secret",
                                          "authorization", "cookie",  "api-key",
                                          "apikey",        "api_key", "credential",
                                          "passphrase" };
    static const char *const behind[] = { "token", "-key", "-auth" };
    char low[KEY_MAX];
    size_t n = 0;

    for (; key[n] && n + 1 < sizeof(low); n++)
        low[n] = (char)tolower((unsigned char)key[n]);
    low[n] = '\0';
    if (n >= 4 && strcmp(low + n - 4, "file") == 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(within); i++) {
        if (strstr(low, within[i]))
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(behind); i++) {
        size_t k = strlen(behind[i]);

        if (n >= k && strcmp(low + n - k, behind[i]) == 0)
            return true;
    }
    return strcmp(low, "sha256") == 0;
}

const char *
conf_header_shown(const char *name, const char *value, bool told)
{
    bool variable =
        strncmp(value, "%{", 2) == 0 && strcspn(value, "}") + 1 == strlen(value);
    bool shown = variable || (told && !conf_key_is_secret(name));

    return shown ? value : CONF_REDACTED;
}

void
conf_redact_url_text(const char *url, struct strbuf *out)
{
    const char *host = strstr(url, "://"), *at;
    size_t from, keep = strcspn(url, "?#");

    if (url[strspn(url, " \t\r\n")] == '{') {
        strbuf_puts(out, CONF_REDACTED);
        return;
    }
    if (host && (size_t)(host - url) > keep) /* of a URL inside the query */
        host = NULL;
    from = host ? (size_t)(host + 3 - url) : 0;
    at = host ? memrchr(host + 3, '@', strcspn(host + 3, "/?#")) : NULL;
    strbuf_add(out, url, at ? from : keep);
    if (at)
        strbuf_printf(out, CONF_REDACTED "@%.*s", (int)(url + keep - (at + 1)), at + 1);
}

void
conf_redact_url(const char *url, struct strbuf *out)
{
    size_t keep = strcspn(url, "?#");
    struct strbuf shown;

    strbuf_init(&shown, URL_MAX);
    conf_redact_url_text(url, &shown);
    if (url[keep] && url[strspn(url, " \t\r\n")] != '{')
        strbuf_printf(&shown, "%c" CONF_REDACTED, url[keep]);
    conf_put_string(out, shown.s ? shown.s : "");
    strbuf_done(&shown);
}

/* Behind the string that begins at s. */
static const char *
string_end(const char *s)
{
    for (s++; *s && *s != '"'; s++) {
        if (*s == '\\' && s[1])
            s++;
    }
    return *s ? s + 1 : s;
}

static bool
is_key(const char *behind)
{
    while (*behind == ' ' || *behind == '\n' || *behind == '\t' || *behind == '\r')
        behind++;
    return *behind == ':';
}

static bool
key_hides(const char *s, const char *end)
{
    char key[KEY_MAX];
    size_t n = (size_t)(end - s) - 2; /* without its quotes */

    n = n < sizeof(key) ? n : sizeof(key) - 1;
    memcpy(key, s + 1, n);
    key[n] = '\0';
    return conf_key_is_secret(key);
}

void
conf_redact(const char *json, struct strbuf *out)
{
    size_t depth = 0, hidden_at = 0; /* depth of the value that is hidden; 0: none */
    bool hide = false;               /* the next value */
    const char *s = json;

    while (*s) {
        const char *end = *s == '"' ? string_end(s) : s + 1;

        if (*s == '"' && is_key(end)) {
            hide = key_hides(s, end);
            strbuf_add(out, s, (size_t)(end - s));
        } else if (*s == '"') {
            if (hide || hidden_at)
                strbuf_puts(out, "\"" CONF_REDACTED "\"");
            else
                strbuf_add(out, s, (size_t)(end - s));
            hide = false;
        } else {
            if (*s == '{' || *s == '[') {
                depth++;
                if (hide && !hidden_at)
                    hidden_at = depth;
            } else if (*s == '}' || *s == ']') {
                if (depth == hidden_at)
                    hidden_at = 0;
                depth -= depth > 0;
            }
            if (!strchr(" :\n\t\r", *s))
                hide = false;
            strbuf_add(out, s, 1);
        }
        s = end;
    }
}
