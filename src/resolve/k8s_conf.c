/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/k8s_conf.c - the rows of "k8s". */
#include "resolve/k8s_conf.h"

#include "base/err.h"
#include "resolve/k8s_target.h"

static int
api_server_valid(const char *text, const char **ret_why)
{
    struct k8s_server server;

    return k8s_server_parse(text, &server, ret_why);
}

static int
full_path_valid(const char *text, const char **ret_why)
{
    if (text[0] == '/')
        return ERR_OK;
    *ret_why = "write the full path; it starts with /";
    return ERR_SYNTAX;
}

static const struct conf_field k8s_fields[] = {
    { .key = "apiServer",
      .type = CONF_STRING,
      .at = offsetof(struct k8s_conf, api_server),
      .valid = api_server_valid,
      .code = "E0235",
      .example = "\"https://10.96.0.1:443\"",
      .help = "Where the Kubernetes API listens. In a pod leave it out: the environment "
              "(KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT) says it." },
    { .key = "tokenFile",
      .type = CONF_STRING,
      .at = offsetof(struct k8s_conf, token_file),
      .def = K8S_ACCOUNT_DIR "/token",
      .valid = full_path_valid,
      .code = "E0235",
      .example = "\"/etc/outrigger/token\"",
      .help = "File with the token that proves who we are. It is read again each minute. "
              "The account needs the right to list and watch endpointslices." },
    { .key = "caFile",
      .type = CONF_STRING,
      .at = offsetof(struct k8s_conf, ca_file),
      .def = K8S_ACCOUNT_DIR "/ca.crt",
      .valid = full_path_valid,
      .code = "E0235",
      .example = "\"/etc/outrigger/ca.crt\"",
      .help = "File (PEM) with the CA that must have signed the API server's "
              "certificate." },
    { .key = "namespace",
      .type = CONF_STRING,
      .at = offsetof(struct k8s_conf, namespace),
      .valid = k8s_label_valid,
      .code = "E0235",
      .example = "\"shop\"",
      .help = "Namespace of services that are written without one. Default: the pod's "
              "own." },
    { .key = NULL },
};

const struct conf_struct k8s_conf_struct = {
    .name = "k8s",
    .size = sizeof(struct k8s_conf),
    .fields = k8s_fields,
};
