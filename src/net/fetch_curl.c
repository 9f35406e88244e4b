/* SPDX-License-Identifier: Apache-2.0 */
/* net/fetch_curl.c - opens libcurl once. It is never closed: threads of its resolver may still be in it. */
#include "net/fetch_curl.h"

#include "net/fetch.h"

#ifdef HAVE_LIBCURL

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

/* Debian's names: with OpenSSL, which this process has anyway, then with another TLS library. */
static const char *const sonames[] = { "libcurl.so.4", "libcurl-gnutls.so.4", NULL };

static struct fetch_curl functions;
static _Atomic bool opened;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool
curl_find_all(void *library)
{
#define FETCH_CURL_FIND(name, result, args)                            \
    *(void **)(void *)&functions.name = dlsym(library, "curl_" #name); \
    if (!functions.name)                                               \
        return false;
    FETCH_CURL_FUNCTIONS(FETCH_CURL_FIND)
#undef FETCH_CURL_FIND
    return functions.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static void
curl_open(void)
{
    for (const char *const *name = sonames; *name && !opened; name++) {
        void *library = dlopen(*name, RTLD_NOW | RTLD_LOCAL);

        opened = library && curl_find_all(library);
    }
}

const struct fetch_curl *
fetch_curl(void)
{
    pthread_once(&once, curl_open);
    return opened ? &functions : NULL;
}

const char *
fetch_library_version(void)
{
    const struct fetch_curl *c = fetch_curl();

    return c ? c->version_info(CURLVERSION_NOW)->version : "none";
}

const char *
fetch_library_loaded(void)
{
    return opened ? fetch_library_version() : "none";
}

const char *
fetch_missing(void)
{
    return fetch_curl() ? NULL
                        : "needs the library libcurl 7.87 or newer, which is not on this "
                          "host; install it (Debian: libcurl4)";
}

#else

const char *
fetch_library_version(void)
{
    return "none";
}

const char *
fetch_library_loaded(void)
{
    return "none";
}

const char *
fetch_missing(void)
{
    return "needs libcurl, and this program was built without it; build it with "
           "libcurl4-openssl-dev installed";
}

#endif
