/* SPDX-License-Identifier: Apache-2.0 */
/* filter/api_key_conf.c - the rows of API keys, and the set that file and rows make. */
#include "filter/api_key_conf.h"

#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/check.h"
#include "filter/edit.h"
#include "filter/key_set.h"
#include "filter/pattern.h"

enum { HEADERS_MAX = 8, ENTRIES_MAX = 10000, METHODS_MAX = 1000, WHY_MAX = 2048 };

/* --- the set ------------------------------------------------------------------------ */

static int
entries_add(struct key_set *s, const struct conf_list *entries)
{
    const struct api_key_entry_conf *e = entries->items;

    for (size_t i = 0; i < entries->n; i++) {
        uint8_t hash[SHA256_LEN];
        int rv;

        if (!key_hash_read(slice_of(e[i].sha256), hash))
            return ERR_SYNTAX;
        rv = key_set_add(s, hash, slice_of(e[i].client));
        if (rv != ERR_OK)
            return rv;
    }
    return ERR_OK;
}

static void *
keys_read(const char *path, const char *text, size_t n, const void *arg,
          struct strbuf *why)
{
    const struct api_key_conf *c = arg;
    struct key_set *s = key_set_new();
    size_t from_file;

    if (entries_add(s, &c->keys) != ERR_OK)
        strbuf_puts(why,
                    "the entries of \"keys\" are not good"); /* never after the check */
    else if (key_set_read(s, text, n, why) == ERR_OK) {
        from_file = key_set_count(s) - c->keys.n;
        if (!path || from_file > 0)
            return s;
        strbuf_puts(why, "it has no keys; is it complete?");
    }
    key_set_free(s);
    return NULL;
}

static void
keys_free(void *object)
{
    key_set_free(object);
}

static size_t
keys_count(const void *object)
{
    return key_set_count(object);
}

const struct watched_kind api_key_file = {
    .what = "API keys",
    .max = KEY_FILE_MAX,
    .read = keys_read,
    .free = keys_free,
    .count = keys_count,
};

/* --- headers ------------------------------------------------------------------------ */

static int
header_valid(const char *text, const char **ret_why)
{
    size_t n = strlen(text);

    *ret_why = edit_name_refuse(text);
    if (!*ret_why && n > 4 && strcmp(text + n - 4, "-bin") == 0)
        *ret_why = "a -bin header can be written in more than one way; take another name";
    return *ret_why ? ERR_SYNTAX : ERR_OK;
}

static const struct conf_field header_fields[] = {
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct api_key_header_conf, name),
      .required = true,
      .valid = header_valid,
      .code = "E0280",
      .example = "\"x-api-key\"",
      .help =
          "Name of a header in lower case. A bare string in headers means the same." },
    { .key = "prefix",
      .type = CONF_STRING,
      .at = offsetof(struct api_key_header_conf, prefix),
      .hide = CONF_SHOW,
      .example = "\"ApiKey \"",
      .help = "What stands before the key, in upper or lower case. A header without it "
              "has no key." },
    { .key = NULL },
};

static const struct conf_struct header_struct = {
    .name = "header of a key",
    .size = sizeof(struct api_key_header_conf),
    .fields = header_fields,
    .short_key = "name",
};

/* --- entries ------------------------------------------------------------------------ */

static int
client_valid(const char *text, const char **ret_why)
{
    *ret_why = key_client_refuse(slice_of(text));
    return *ret_why ? ERR_SYNTAX : ERR_OK;
}

static int
hash_valid(const char *text, const char **ret_why)
{
    uint8_t hash[SHA256_LEN];

    if (key_hash_read(slice_of(text), hash))
        return ERR_OK;
    *ret_why = "it must be the SHA-256 of the key as 64 hex digits; printf %s KEY | "
               "sha256sum writes them";
    return ERR_SYNTAX;
}

static const struct conf_field entry_fields[] = {
    { .key = "client",
      .type = CONF_STRING,
      .at = offsetof(struct api_key_entry_conf, client),
      .required = true,
      .valid = client_valid,
      .code = "E0370",
      .example = "\"mobile\"",
      .help = "Whose key it is. A client may have several." },
    { .key = "sha256",
      .type = CONF_STRING,
      .at = offsetof(struct api_key_entry_conf, sha256),
      .hide = CONF_HIDE,
      .required = true,
      .valid = hash_valid,
      .code = "E0370",
      .example = "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"",
      .help = "SHA-256 of the key, 64 hex digits; the key itself does not belong into a "
              "config." },
    { .key = NULL },
};

static const struct conf_struct entry_struct = {
    .name = "API key",
    .size = sizeof(struct api_key_entry_conf),
    .fields = entry_fields,
};

/* --- the filter --------------------------------------------------------------------- */

/* The same hash may be written in upper and in lower case. False: some entry was refused by its rows, or is here. */
static bool
entries_check(const struct conf_list *entries, struct conf_place *place)
{
    const struct api_key_entry_conf *e = entries->items;
    struct key_set *s = key_set_new();
    bool good = true;

    for (size_t i = 0; i < entries->n; i++) {
        uint8_t hash[SHA256_LEN];

        if (!e[i].client || !key_hash_read(slice_of(e[i].sha256), hash)) {
            good = false;
        } else if (key_set_add(s, hash, slice_of(e[i].client)) != ERR_OK) {
            conf_problem_item(place, "keys", i, "sha256", "E0202",
                              "this key stands in the list for the second time");
            good = false;
        }
    }
    key_set_free(s);
    return good;
}

static void
api_key_check(void *obj, struct conf_place *place)
{
    struct api_key_conf *c = obj;
    struct strbuf why;

    if (!conf_place_clean(place))
        return;
    if (!c->file && c->keys.n == 0) {
        conf_problem(place, NULL, "E0372",
                     "there are no keys; give a file of them with \"file\", or \"keys\"");
        return;
    }
    conf_check_unique(place, "headers", &c->headers, sizeof(struct api_key_header_conf),
                      offsetof(struct api_key_header_conf, name), "name", NULL);
    if (!entries_check(&c->keys, place))
        return;
    strbuf_init(&why, WHY_MAX);
    if (c->file && watched_check(&api_key_file, c->file, c, &why) != ERR_OK)
        conf_problem(place, "file", "E0372", "%s", why.s);
    strbuf_done(&why);
}

static const struct conf_field api_key_fields[] = {
    { .key = "headers",
      .type = CONF_LIST,
      .at = offsetof(struct api_key_conf, headers),
      .max = HEADERS_MAX,
      .one_ok = true,
      .sub = &header_struct,
      .example =
          "[\"x-api-key\", { \"name\": \"authorization\", \"prefix\": \"ApiKey \" }]",
      .help =
          "Headers that may have the key, the first one that is there counts; "
          "without this key x-api-key. A call that has one of them twice is refused." },
    { .key = "file",
      .type = CONF_STRING,
      .at = offsetof(struct api_key_conf, file),
      .hide = CONF_SHOW,
      .example = "\"/etc/outrigger/api-keys\"",
      .help = "A file with one key per line: its SHA-256 as 64 hex digits, a space, the "
              "name of the client; # begins a comment. It is watched; when it becomes "
              "bad, the keys that it had stay. At most 4 MiB and 100000 keys." },
    { .key = "keys",
      .type = CONF_LIST,
      .at = offsetof(struct api_key_conf, keys),
      .max = ENTRIES_MAX,
      .sub = &entry_struct,
      .example =
          "[{ \"client\": \"mobile\", \"sha256\": "
          "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\" }]",
      .help = "Keys in the config itself, beside those of the file." },
    { .key = "forward",
      .type = CONF_BOOL,
      .at = offsetof(struct api_key_conf, forward),
      .def = "false",
      .example = "true",
      .help = "The backend gets the key, too. Else its header is taken out." },
    { .key = "clientHeader",
      .type = CONF_STRING,
      .at = offsetof(struct api_key_conf, client_header),
      .valid = header_valid,
      .code = "E0280",
      .example = "\"x-client\"",
      .help = "A header for the backend with the name of the client. What a client sends "
              "under this name is taken out." },
    { .key = "exceptMethods",
      .type = CONF_LIST,
      .at = offsetof(struct api_key_conf, except_methods),
      .max = METHODS_MAX,
      .one_ok = true,
      .sub = &pattern_method_struct,
      .example = "[\"grpc.health.v1.Health/*\"]",
      .help = "Methods that need no key; it is not looked at." },
    { .key = NULL },
};

const struct conf_struct api_key_conf_struct = {
    .name = "apiKey",
    .size = sizeof(struct api_key_conf),
    .fields = api_key_fields,
    .check = api_key_check,
};
