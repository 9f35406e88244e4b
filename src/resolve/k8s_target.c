/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/k8s_target.c */
#include "resolve/k8s_target.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

enum { SCHEME_N = 7 /* "k8s:///" */ };

static const char label_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
static const char target_form[] =
    "a Kubernetes target looks like \"k8s:///service.namespace:50051\" or "
    "\"k8s:///service.namespace:grpc\" (number or name of the port)";

static bool
is_label(const char *s, size_t n, size_t max)
{
    return n > 0 && n <= max && strspn(s, label_chars) >= n && s[0] != '-' &&
           s[n - 1] != '-';
}

int
k8s_label_valid(const char *text, const char **ret_why)
{
    size_t n = strlen(text);

    if (is_label(text, n, K8S_LABEL_MAX))
        return ERR_OK;
    *ret_why = "it may have small letters, digits and - inside, and at most 63 of them";
    return ERR_SYNTAX;
}

static bool
take_label(const char *s, size_t n, size_t max, char *to)
{
    if (!is_label(s, n, max))
        return false;
    memcpy(to, s, n);
    to[n] = '\0';
    return true;
}

static bool
take_port(const char *s, struct k8s_target *t)
{
    size_t n = strlen(s);

    if (strspn(s, "0123456789") == n && n > 0 && n <= 5) {
        unsigned long port = strtoul(s, NULL, 10);

        t->port = (uint16_t)port;
        return port > 0 && port <= 65535;
    }
    return take_label(s, n, K8S_PORT_NAME_MAX, t->port_name) &&
           strpbrk(s, "abcdefghijklmnopqrstuvwxyz");
}

int
k8s_target_parse(const char *target, struct k8s_target *ret, const char **ret_why)
{
    struct k8s_target t = { .port = 0 };
    const char *at = target + SCHEME_N, *dot, *colon;

    *ret_why = target_form;
    if (strncasecmp(target, "k8s:///", SCHEME_N) != 0)
        return ERR_SYNTAX;
    colon = strchr(at, ':');
    if (!colon || !take_port(colon + 1, &t))
        return ERR_SYNTAX;
    dot = memchr(at, '.', (size_t)(colon - at));
    if (!take_label(at, (size_t)((dot ? dot : colon) - at), K8S_LABEL_MAX, t.service))
        return ERR_SYNTAX;
    if (dot &&
        !take_label(dot + 1, (size_t)(colon - dot - 1), K8S_LABEL_MAX, t.namespace))
        return ERR_SYNTAX;
    *ret = t;
    *ret_why = NULL;
    return ERR_OK;
}

int
k8s_server_parse(const char *url, struct k8s_server *ret, const char **ret_why)
{
    static const char form[] = "the API server is written with its IP address: "
                               "\"https://10.96.0.1:443\"; names are not looked up here";
    struct k8s_server s;
    char text[ADDR_TEXT_MAX];
    size_t n;

    if (strncmp(url, "https://", 8) != 0 || strlen(url + 8) >= sizeof(text) - 4) {
        *ret_why = form;
        return ERR_SYNTAX;
    }
    snprintf(text, sizeof(text), "%s", url + 8);
    n = strlen(text);
    if (n > 0 && text[n - 1] == '/')
        text[--n] = '\0';
    if (n > 0 && (text[n - 1] == ']' || !strchr(text, ':')))
        memcpy(text + n, ":443", 5);
    if (addr_parse(text, false, &s.addr, ret_why) != ERR_OK || addr_is_unix(&s.addr)) {
        *ret_why = form;
        return ERR_SYNTAX;
    }
    addr_print(&s.addr, s.authority);
    n = (size_t)(strrchr(s.authority, ':') - s.authority);
    snprintf(s.name, sizeof(s.name), "%.*s", (int)n, s.authority);
    if (s.name[0] == '[') {
        memmove(s.name, s.name + 1, n);
        s.name[n - 2] = '\0';
    }
    *ret = s;
    return ERR_OK;
}
