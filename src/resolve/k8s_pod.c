/* SPDX-License-Identifier: Apache-2.0 */
#include "resolve/k8s_pod.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "resolve/k8s_conf.h"
#include "resolve/k8s_http.h"
#include "resolve/readfile.h"

static const int64_t TOKEN_AGE_US = 60 * 1000000;

/* The content of a small file without blanks at its end; NULL after a failure. */
static char *
word_read(const char *path, const char *what, char say[K8S_SAY_MAX])
{
    const char *why = "it is empty or has control characters";
    char *text = NULL;
    size_t n;

    if (file_read(path, K8S_TOKEN_MAX, &text, &n, &why) == ERR_OK) {
        while (n > 0 && strchr(" \t\r\n", text[n - 1]))
            n--;
        text[n] = '\0';
        for (size_t i = 0; i < n; i++)
            n = (unsigned char)text[i] > 0x20 && text[i] < 0x7f ? n : 0;
        if (n > 0)
            return text;
    }
    xfree(text);
    snprintf(say, K8S_SAY_MAX, "the %s file %s cannot be used: %s", what, path, why);
    return NULL;
}

int
k8s_token_read(struct k8s_token *t, const char *path, int64_t now_us,
               char say[K8S_SAY_MAX])
{
    char *text;

    if (t->text && now_us - t->read_us < TOKEN_AGE_US)
        return ERR_OK;
    text = word_read(path, "token", say);
    if (!text)
        return ERR_SYNTAX;
    xfree(t->text);
    t->text = text;
    t->read_us = now_us;
    return ERR_OK;
}

void
k8s_token_drop(struct k8s_token *t)
{
    xfree(t->text);
    t->text = NULL;
}

int
k8s_namespace_find(struct k8s_target *target, const char *given, char say[K8S_SAY_MAX])
{
    const char *why;
    char *text;
    int rv;

    if (target->namespace[0] == '\0' && given)
        snprintf(target->namespace, sizeof(target->namespace), "%s", given);
    if (target->namespace[0] != '\0')
        return ERR_OK;
    text = word_read(K8S_ACCOUNT_DIR "/namespace", "namespace", say);
    if (!text)
        return ERR_SYNTAX;
    rv = k8s_label_valid(text, &why);
    if (rv == ERR_OK)
        snprintf(target->namespace, sizeof(target->namespace), "%s", text);
    else
        snprintf(say, K8S_SAY_MAX, "the namespace file has no name of a namespace");
    xfree(text);
    return rv;
}

int
k8s_server_find(const char *url, struct k8s_server *ret, char say[K8S_SAY_MAX])
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    const char *why;
    char text[ADDR_TEXT_MAX];
    int rv;

    if (!url && (!host || !port)) {
        snprintf(say, K8S_SAY_MAX,
                 "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so "
                 "this is no pod; write \"apiServer\" in the pool's \"k8s\"");
        return ERR_SYNTAX;
    }
    if (!url) {
        snprintf(text, sizeof(text),
                 strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
        url = text;
    }
    rv = k8s_server_parse(url, ret, &why);
    if (rv != ERR_OK)
        snprintf(say, K8S_SAY_MAX, "%s", why);
    return rv;
}
