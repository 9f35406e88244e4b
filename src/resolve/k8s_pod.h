/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/k8s_pod.h - what a pod knows of its cluster by files and environment: token, namespace, API server. Main
 * thread: files are read when they are asked for. All return ERR_OK, or another code with a sentence in say. */
#ifndef OUTRIGGER_RESOLVE_K8S_POD_H
#define OUTRIGGER_RESOLVE_K8S_POD_H

#include <stdint.h>

#include "base/compat.h"
#include "resolve/k8s_target.h"

enum { K8S_SAY_MAX = 1024 };

struct k8s_token { /* all zero: not read yet */
    char *text;
    int64_t read_us;
};

/* The token of this file, read anew when it is a minute old: they are replaced while the pod runs. */
int k8s_token_read(struct k8s_token *t, const char *path, int64_t now_us,
                   char say[K8S_SAY_MAX]) MUST_CHECK;
/* It was refused: the next read looks at the file again. */
void k8s_token_drop(struct k8s_token *t);

/* Of the target, else of the config (NULL: not given), else of the pod, into the target. */
int k8s_namespace_find(struct k8s_target *target, const char *given,
                       char say[K8S_SAY_MAX]) MUST_CHECK;
/* url NULL: that of the environment. */
int k8s_server_find(const char *url, struct k8s_server *ret,
                    char say[K8S_SAY_MAX]) MUST_CHECK;

#endif
