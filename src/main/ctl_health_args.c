/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_health_args.c - one row for each flag as it is told, and one as it is read. */
#include "main/ctl_health_args.h"

#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/near.h"
#include "conf/values.h"

enum { NAME_MAX_BYTES = 80 };
enum flag_kind { FLAG_TEXT, FLAG_SWITCH, FLAG_TIME, FLAG_HEADER };

const struct ctl_option health_options[] = {
    { .name = "addr",
      .arg = "ADDRESS",
      .help = "where to ask: HOST:PORT, :PORT for this host, unix:/path "
              "(default " HEALTH_DEFAULT_ADDRESS ")" },
    { .name = "service",
      .arg = "NAME",
      .help = "the service to ask for; at outrigger's probe port liveness, readiness, "
              "startup or pool/NAME (default: the whole server)" },
    { .name = "connect-timeout",
      .arg = "TIME",
      .help = "for the connection (default 1s)" },
    { .name = "rpc-timeout", .arg = "TIME", .help = "for the answer (default 1s)" },
    { .name = "rpc-header",
      .arg = "HEADER",
      .help = "a header of the call, as \"name: value\"; may be given often",
      .many = true },
    { .name = "user-agent",
      .arg = "TEXT",
      .help = "how the call names us (default outriggerctl)" },
    { .name = "tls", .help = "with TLS; the certificate is verified" },
    { .name = "tls-ca-cert",
      .arg = "FILE",
      .help = "the CAs that count (default: those of the system)" },
    { .name = "tls-client-cert", .arg = "FILE", .help = "our own certificate" },
    { .name = "tls-client-key", .arg = "FILE", .help = "its key" },
    { .name = "tls-server-name",
      .arg = "NAME",
      .help = "whom the certificate must be for (default: the host of --addr)" },
    { .name = "tls-no-verify", .help = "any certificate is good: for tests" },
    { .name = "v", .help = "tell what is done, and when" },
    { 0 },
};

static const struct flag {
    const char *name;
    enum flag_kind kind;
    size_t at; /* in struct health_args */
} flags[] = {
#define AT(field) offsetof(struct health_args, field)
    { "addr", FLAG_TEXT, AT(addr) },
    { "service", FLAG_TEXT, AT(service) },
    { "connect-timeout", FLAG_TIME, AT(connect_timeout_ms) },
    { "rpc-timeout", FLAG_TIME, AT(rpc_timeout_ms) },
    { "rpc-header", FLAG_HEADER, 0 },
    { "user-agent", FLAG_TEXT, AT(user_agent) },
    { "tls", FLAG_SWITCH, AT(tls) },
    { "tls-ca-cert", FLAG_TEXT, AT(ca_cert) },
    { "tls-client-cert", FLAG_TEXT, AT(client_cert) },
    { "tls-client-key", FLAG_TEXT, AT(client_key) },
    { "tls-server-name", FLAG_TEXT, AT(server_name) },
    { "tls-no-verify", FLAG_SWITCH, AT(tls_no_verify) },
    { "v", FLAG_SWITCH, AT(verbose) },
    { "version", FLAG_SWITCH, AT(version) },
    { "help", FLAG_SWITCH, AT(help) },
    { "h", FLAG_SWITCH, AT(help) },
};

static int fail(struct strbuf *why, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int
fail(struct strbuf *why, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    strbuf_vprintf(why, fmt, ap);
    va_end(ap);
    return ERR_SYNTAX;
}

static const struct flag *
flag_find(const char *name, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (strlen(flags[i].name) == n && memcmp(flags[i].name, name, n) == 0)
            return &flags[i];
    }
    return NULL;
}

/* What grpc_health_probe has and we do not is no typing mistake. */
static int
flag_unknown(const char *word, const char *name, struct strbuf *why)
{
    static const char *const missing[] = { "gzip", "alts", "spiffe" };
    const char *names[ARRAY_LEN(flags)];
    size_t n = strcspn(name, "="), before;
    struct strbuf bare;

    for (size_t i = 0; i < ARRAY_LEN(missing); i++) {
        if (strlen(missing[i]) == n && memcmp(missing[i], name, n) == 0)
            return fail(why,
                        "outriggerctl cannot do what -%s of grpc_health_probe does; "
                        "leave it out",
                        missing[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        names[i] = flags[i].name;
    strbuf_init(&bare, NAME_MAX_BYTES);
    strbuf_add(&bare, name, n);
    fail(why, "there is no flag \"%.60s\"", word);
    before = why->len;
    near_suggest(why, bare.s ? bare.s : "", names, ARRAY_LEN(names), NULL);
    strbuf_puts(why, why->len == before ? "; outriggerctl health -help has all" : "");
    strbuf_done(&bare);
    return ERR_SYNTAX;
}

static int
switch_set(bool *to, const char *name, const char *value, struct strbuf *why)
{
    /* As Go's package flag reads them. */
    static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" },
                             *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

    if (!value) {
        *to = true;
        return ERR_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
            *to = strcmp(value, yes[i]) == 0;
            return ERR_OK;
        }
    }
    return fail(why, "-%s is a switch: write -%s or -%s=false, not \"%.60s\"", name, name,
                name, value);
}

static int
time_set(int64_t *to, const char *name, const char *value, struct strbuf *why)
{
    struct value_note note;

    if (duration_parse(value, to, &note) != ERR_OK)
        return fail(why, "-%s=%.60s: it %s%s%s%s", name, value, note.why,
                    note.meant[0] ? "; did you mean " : "", note.meant,
                    note.meant[0] ? "?" : "");
    if (*to == 0)
        return fail(why, "-%s must be more than 0, as \"1s\"", name);
    return ERR_OK;
}

/* "name: value" (RFC 9110 5.6.2; gRPC allows lower case letters, digits, - _ .). */
static int
header_add(struct health_args *a, const char *text, struct strbuf *why)
{
    struct health_header *h = &a->headers[a->header_count];
    const char *colon = strchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;

    if (a->header_count == HEALTH_HEADERS_MAX)
        return fail(why, "there are more than %d -rpc-header", HEALTH_HEADERS_MAX);
    if (n == 0 || strlen(text) >= sizeof(h->text))
        return fail(why,
                    "-rpc-header \"%.60s\" is no header; write \"name: value\", at most "
                    "%d bytes",
                    text, HEALTH_FIELD_MAX - 1);
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
            return fail(why, "-rpc-header \"%.60s\": a name has letters, digits, - _ .",
                        text);
        h->text[i] = (char)tolower((unsigned char)text[i]);
    }
    h->text[n] = '\0';
    colon += 1 + strspn(colon + 1, " \t");
    for (const char *p = colon; *p; p++) {
        if (*p < ' ' || *p > '~')
            return fail(why, "-rpc-header %s: a value is printable ASCII", h->text);
    }
    memcpy(h->text + n + 1, colon,
           strlen(colon) + 1); /* no longer than text, which fits */
    h->value = h->text + n + 1;
    if (strncmp(h->text, "grpc-", 5) == 0)
        return fail(why, "-rpc-header %s: names with grpc- belong to gRPC itself",
                    h->text);
    a->header_count++;
    return ERR_OK;
}

static int
flag_set(struct health_args *a, const struct flag *f, const char *value,
         struct strbuf *why)
{
    void *to = (char *)a + f->at;

    if (f->kind == FLAG_SWITCH)
        return switch_set(to, f->name, value, why);
    if (f->kind == FLAG_TIME)
        return time_set(to, f->name, value, why);
    if (f->kind == FLAG_HEADER)
        return header_add(a, value, why);
    *(const char **)to = value;
    return ERR_OK;
}

/* What fits not together. */
static int
args_check(const struct health_args *a, struct strbuf *why)
{
    if (!a->tls && (a->tls_no_verify || a->ca_cert || a->client_cert || a->client_key ||
                    a->server_name))
        return fail(why, "the flags -tls-... need -tls");
    if ((a->client_cert == NULL) != (a->client_key == NULL))
        return fail(why, "-tls-client-cert and -tls-client-key need each other");
    if (a->tls_no_verify && (a->ca_cert || a->server_name))
        return fail(why,
                    "-tls-no-verify says that nothing is verified: leave it out, or %s",
                    a->ca_cert ? "-tls-ca-cert" : "-tls-server-name");
    if (a->addr[0] == '\0')
        return fail(why, "-addr is empty; write HOST:PORT");
    return ERR_OK;
}

int
health_args_parse(struct health_args *a, int argc, char **argv, struct strbuf *why)
{
    memset(a, 0, sizeof(*a));
    a->addr = HEALTH_DEFAULT_ADDRESS;
    a->service = "";
    a->user_agent = "outriggerctl";
    a->connect_timeout_ms = a->rpc_timeout_ms = 1000;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *equals = strchr(word, '='), *value = NULL;
        const struct flag *f;
        int rv;

        if (word[0] != '-' || word[1] == '\0')
            return fail(why, "\"%.60s\" is no flag; the address is -addr=HOST:PORT",
                        word);
        word += word[1] == '-' ? 2 : 1;
        f = flag_find(word, equals ? (size_t)(equals - word) : strlen(word));
        if (!f)
            return flag_unknown(argv[i], word, why);
        if (equals)
            value = equals + 1;
        else if (f->kind != FLAG_SWITCH && i + 1 < argc)
            value = argv[++i];
        else if (f->kind != FLAG_SWITCH)
            return fail(why, "-%s needs a value", f->name);
        rv = flag_set(a, f, value, why);
        if (rv != ERR_OK)
            return rv;
    }
    return a->help || a->version ? ERR_OK : args_check(a, why);
}
