/* SPDX-License-Identifier: Apache-2.0 */
/* filter/edit_conf.c - the rows of header edits, and what may be edited. */
#include "filter/edit_conf.h"

#include <stdbool.h>
#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "conf/check.h"
#include "filter/edit.h"
#include "filter/template.h"

enum { NAME_MAX_BYTES = 256, VALUE_MAX_BYTES = 4096, PATH_MAX_BYTES = 512 };

/* --- names ------------------------------------------------------------------------ */

static const struct {
    const char *name, *why;
} untouchable[] = {
    { "te", "it belongs to the connection; the proxy sets it" },
    { "content-type",
      "it says that this is gRPC and how messages are written; the two ends "
      "agree on it" },
    { "content-length", "it belongs to the connection; gRPC calls have none" },
    { "grpc-timeout", "it is rewritten with the time that is left; use timeout or "
                      "grpcTimeoutMax of the route" },
    { "grpc-status", "it is the result of the call; use status of a route to answer with "
                     "another one" },
    { "grpc-message",
      "it is the result of the call; use status of a route to answer with "
      "another one" },
    { "grpc-encoding",
      "it says how the messages are compressed; the two ends agree on it" },
    { "connection", "it belongs to the connection; HTTP/2 forbids it" },
    { "proxy-connection", "it belongs to the connection; HTTP/2 forbids it" },
    { "keep-alive", "it belongs to the connection; HTTP/2 forbids it" },
    { "transfer-encoding", "it belongs to the connection; HTTP/2 forbids it" },
    { "upgrade", "it belongs to the connection; HTTP/2 forbids it" },
    { "http2-settings", "it belongs to the connection; HTTP/2 forbids it" },
    { "host", "it is :authority in HTTP/2, which is passed on as it is" },
};

const char *
edit_name_malformed(const char *name)
{
    size_t n = strlen(name);

    if (name[0] == ':')
        return "it is a pseudo header; only plain headers can stand here";
    if (n == 0 || n > NAME_MAX_BYTES)
        return "it must have 1 to 256 characters";
    if (strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        return "it must be written in lower case, as HTTP/2 sends it";
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.") != n)
        return "it is no name of gRPC metadata, which is made of a-z 0-9 _ - and .";
    return NULL;
}

const char *
edit_name_refuse(const char *name)
{
    const char *why = edit_name_malformed(name);

    if (why)
        return why;
    for (size_t i = 0; i < ARRAY_LEN(untouchable); i++) {
        if (strcmp(name, untouchable[i].name) == 0)
            return untouchable[i].why;
    }
    return NULL;
}

bool
edit_name_is_open(struct slice name)
{
    char text[NAME_MAX_BYTES + 1];

    if (name.n > NAME_MAX_BYTES || slice_starts(name, "grpc-"))
        return false;
    memcpy(text, name.n ? name.p : (const uint8_t *)"", name.n);
    text[name.n] = '\0';
    return strlen(text) == name.n && !edit_name_refuse(text);
}

static int
name_valid(const char *text, const char **ret_why)
{
    *ret_why = edit_name_refuse(text);
    return *ret_why ? ERR_SYNTAX : ERR_OK;
}

static const struct conf_field name_fields[] = {
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct edit_name_conf, name),
      .required = true,
      .valid = name_valid,
      .code = "E0280",
      .example = "\"x-debug\"",
      .help = "Name of a header in lower case. A bare string in remove means the same." },
    { .key = NULL },
};

static const struct conf_struct name_struct = {
    .name = "header",
    .size = sizeof(struct edit_name_conf),
    .fields = name_fields,
    .short_key = "name",
};

/* --- values ----------------------------------------------------------------------- */

static bool
is_bin(const char *name, size_t n)
{
    return n > 4 && memcmp(name + n - 4, "-bin", 4) == 0;
}

/* Standard alphabet, with or without padding (PROTOCOL-HTTP2: Binary-Header). */
static bool
is_base64(const char *text)
{
    size_t n = strlen(text);
    size_t letters =
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    size_t pad = strspn(text + letters, "=");

    return letters + pad == n && letters % 4 != 1 &&
           (pad == 0 || (pad <= 2 && n % 4 == 0));
}

static bool
is_printable(const char *text)
{
    for (; *text; text++) {
        if (*text < 0x20 || *text > 0x7e)
            return false;
    }
    return true;
}

/* A binary header takes bytes of the file, or those of another binary header. */
static const char *
bin_refuse(const char *text)
{
    struct template *t = template_new(text);
    struct slice name = template_only_header(t);
    bool copied = name.p && is_bin((const char *)name.p, name.n);
    bool plain = template_wants(t) == 0;

    template_free(t);
    if (copied || (plain && is_base64(text)))
        return NULL;
    return "the value of a -bin header is base64 text, like \"AAEC\", or just one "
           "%{header:NAME} of another -bin header";
}

static void
report(struct conf_place *place, const char *key, const char *name, const char *code,
       const char *why)
{
    struct strbuf path;

    strbuf_init(&path, PATH_MAX_BYTES);
    /* A dot would lead into an object that is not there. */
    if (strchr(name, '.'))
        strbuf_puts(&path, key);
    else
        strbuf_printf(&path, "%s.%s", key, name);
    conf_problem(place, path.s, code, "\"%.80s\": %s", name, why);
    strbuf_done(&path);
}

static void
check_map(struct conf_place *place, const char *key, const struct conf_map *map)
{
    for (size_t i = 0; i < map->n; i++) {
        const char *name = map->items[i].key, *text = map->items[i].value;
        const char *refused = edit_name_refuse(name);
        char why[TEMPLATE_WHY_MAX];

        if (refused)
            report(place, key, name, "E0280", refused);
        else if (template_check(text, why) != ERR_OK)
            report(place, key, name, "E0281", why);
        else if (!is_printable(text) || strlen(text) > VALUE_MAX_BYTES)
            report(place, key, name, "E0282",
                   "the value of a header has at most 4096 characters, and only those "
                   "from space to ~; a -bin header carries any byte as base64");
        else if (is_bin(name, strlen(name)) && (refused = bin_refuse(text)) != NULL)
            report(place, key, name, "E0282", refused);
    }
}

static void
edit_check(void *obj, struct conf_place *place)
{
    const struct edit_conf *c = obj;

    check_map(place, "set", &c->set);
    check_map(place, "add", &c->add);
    if (c->set.n + c->add.n > EDIT_ADDS_MAX)
        conf_problem(place, NULL, "E0283",
                     "set and add name %zu headers; they may name %d together",
                     c->set.n + c->add.n, EDIT_ADDS_MAX);
}

/* --- rows ------------------------------------------------------------------------- */

static const struct conf_field edit_fields[] = {
    { .key = "set",
      .type = CONF_MAP,
      .at = offsetof(struct edit_conf, set),
      .hide = CONF_HIDE_TEXT,
      .max = EDIT_ADDS_MAX,
      .example = "{ \"x-user\": \"%{san}\" }",
      .help = "Headers that get this value; what was there under the name is replaced. "
              "Values may have %{peer} %{san} %{client} %{claim:NAME} %{requestId} "
              "%{route} %{service} %{method} "
              "%{header:NAME} %{pool} %{listener} in them; a value that is empty "
              "because of them is not sent. %%{ stands for %{. The value of a -bin "
              "header is base64." },
    { .key = "add",
      .type = CONF_MAP,
      .at = offsetof(struct edit_conf, add),
      .hide = CONF_HIDE_TEXT,
      .max = EDIT_ADDS_MAX,
      .example = "{ \"x-forwarded-for\": \"%{peer}\" }",
      .help = "Headers that are added; what was there under the name stays. Values as "
              "in set." },
    { .key = "remove",
      .type = CONF_LIST,
      .at = offsetof(struct edit_conf, remove),
      .max = 64,
      .sub = &name_struct,
      .example = "[\"x-debug\"]",
      .help = "Headers that are taken out, all of each name. This happens first, then "
              "set, then add." },
    { .key = NULL },
};

const struct conf_struct edit_conf_struct = {
    .name = "header edits",
    .size = sizeof(struct edit_conf),
    .fields = edit_fields,
    .optional = true,
    .on_at = offsetof(struct edit_conf, on),
    .check = edit_check,
};
