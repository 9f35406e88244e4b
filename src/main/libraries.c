/* SPDX-License-Identifier: Apache-2.0 */
/* main/libraries.c - the table of libraries. */
#include "main/libraries.h"

#include <string.h>

#include "admin/gzip.h"
#include "base/compat.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "grpc/health.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "net/fetch.h"
#include "net/redis.h"
#include "net/tls.h"
#include "obs/prom.h"
#include "proxy/listener_conf.h"
#include "proxy/regex.h"
#include "resolve/dns_channel.h"

struct library {
    const char *name;
    const char *built; /* "none": built without it */
    const char *(*version)(void);
};

/* A library that is opened when it is needed takes several MiB, which a scrape must not cost: there it has no version before. */
static const char *
running_version(const struct library *l)
{
    return l->version == fetch_library_version ? fetch_library_loaded() : l->version();
}

/* BUILT_*: what pkg-config said to configure. */
static const struct library libraries[] = {
    { "jansson", BUILT_JANSSON, conf_library_version },
    { "libyaml", BUILT_YAML, conf_yaml_version },
    { "nghttp2", BUILT_NGHTTP2, h2_library_version },
    { "libevent", BUILT_LIBEVENT, loop_library_version },
    { "protobuf-c", BUILT_PROTOBUF_C, pb_library_version },
    { "c-ares", BUILT_CARES, dns_library_version },
    { "pcre2", BUILT_PCRE2, regex_library_version },
    { "zlib", BUILT_ZLIB, gzip_library_version },
    { "openssl", BUILT_OPENSSL, tls_library_version },
    { "hiredis", BUILT_HIREDIS, redis_library_version },
    { "libcurl", BUILT_CURL, fetch_library_version },
};

struct slice
library_number(const char *text)
{
    const char *at = text + strcspn(text, "0123456789");

    if (!*at)
        return slice_of(text);
    return slice_make(at, strcspn(at, " "));
}

void
libraries_print(struct strbuf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(libraries); i++) {
        const struct library *l = &libraries[i];

        strbuf_printf(out, "%s %s", l->name, l->version());
        if (!slice_eq(library_number(l->version()), slice_of(l->built)))
            strbuf_printf(out, " (built with %s)", l->built);
        strbuf_puts(out, "\n");
    }
    strbuf_printf(out, "compiler %s\n", __VERSION__);
}

void
libraries_metrics(void *arg, struct prom *p)
{
    (void)arg;
    prom_family(p, "outrigger_build_info", PROM_INFO,
                "Version of this program, and what compiled it.");
    prom_begin(p);
    prom_label_text(p, "version", PACKAGE_VERSION);
    prom_label_text(p, "compiler", __VERSION__);
    prom_value(p, 1);
    prom_family(p, "outrigger_library_info", PROM_INFO,
                "Versions of the libraries: the one that runs, and the one that this "
                "program was built with.");
    for (size_t i = 0; i < ARRAY_LEN(libraries); i++) {
        prom_begin(p);
        prom_label_text(p, "library", libraries[i].name);
        prom_label(p, "running", library_number(running_version(&libraries[i])));
        prom_label_text(p, "built", libraries[i].built);
        prom_value(p, 1);
    }
}
