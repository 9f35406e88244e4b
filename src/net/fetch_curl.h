/* SPDX-License-Identifier: Apache-2.0 */
/* net/fetch_curl.h - the functions of libcurl that fetchers (net/fetch.c, fetch_thread.c) call, found when they are needed first. */
#ifndef OUTRIGGER_NET_FETCH_CURL_H
#define OUTRIGGER_NET_FETCH_CURL_H

#ifdef HAVE_LIBCURL

#include <curl/curl.h>

/* Name, result, arguments. */
#define FETCH_CURL_FUNCTIONS(F)                                                         \
    F(easy_init, CURL *, (void))                                                        \
    F(easy_setopt, CURLcode, (CURL *, CURLoption, ...))                                 \
    F(easy_getinfo, CURLcode, (CURL *, CURLINFO, ...))                                  \
    F(easy_strerror, const char *, (CURLcode))                                          \
    F(easy_cleanup, void, (CURL *))                                                     \
    F(version_info, curl_version_info_data *, (CURLversion))                            \
    F(global_init, CURLcode, (long))                                                    \
    F(slist_append, struct curl_slist *, (struct curl_slist *, const char *))           \
    F(slist_free_all, void, (struct curl_slist *))                                      \
    F(multi_init, CURLM *, (void))                                                      \
    F(multi_add_handle, CURLMcode, (CURLM *, CURL *))                                   \
    F(multi_remove_handle, CURLMcode, (CURLM *, CURL *))                                \
    F(multi_perform, CURLMcode, (CURLM *, int *))                                       \
    F(multi_poll, CURLMcode, (CURLM *, struct curl_waitfd[], unsigned int, int, int *)) \
    F(multi_wakeup, CURLMcode, (CURLM *))                                               \
    F(multi_info_read, CURLMsg *, (CURLM *, int *))                                     \
    F(multi_cleanup, CURLMcode, (CURLM *))

struct fetch_curl {
#define FETCH_CURL_MEMBER(name, result, args) result(*name) args;
    FETCH_CURL_FUNCTIONS(FETCH_CURL_MEMBER)
#undef FETCH_CURL_MEMBER
};

/* NULL: it is not there, fetch_missing says why. The same for the life of the process. */
const struct fetch_curl *fetch_curl(void);

#endif
#endif
