/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_conf.c - the rows of "tls". The checks that read files are in tls_check.c. */
#include "net/tls_conf.h"

#include <arpa/inet.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/err.h"
#include "conf/check.h"
#include "net/tls_check.h"

enum { SHA256_LEN = 32, SHA256_BASE64_LEN = 44, LIST_MAX = 256, CERTS_MAX = 1000 };

/* ---- values ---- */

static int
path_valid(const char *text, const char **ret_why)
{
    *ret_why = "write the path of a PEM file";
    if (strncmp(text, "-----BEGIN", 10) == 0) {
        *ret_why = "keys and certificates are read from files only; write a path";
        return ERR_SYNTAX;
    }
    return text[0] ? ERR_OK : ERR_SYNTAX;
}

static int
pin_valid(const char *text, const char **ret_why)
{
    unsigned char out[SHA256_BASE64_LEN];

    *ret_why =
        "a pin is the SHA-256 of a public key (SubjectPublicKeyInfo) in base64: 44 "
        "characters that end in =";
    if (strlen(text) != SHA256_BASE64_LEN || text[SHA256_BASE64_LEN - 1] != '=' ||
        text[SHA256_BASE64_LEN - 2] == '=')
        return ERR_SYNTAX;
    return EVP_DecodeBlock(out, (const unsigned char *)text, SHA256_BASE64_LEN) ==
                   SHA256_LEN + 1
               ? ERR_OK
               : ERR_SYNTAX;
}

static int
server_name_valid(const char *text, const char **ret_why)
{
    unsigned char room[16];
    size_t n = strlen(text);

    *ret_why = "write the host name or the IP address that the backends' certificate is "
               "for, without a port; patterns are not known";
    if (inet_pton(AF_INET, text, room) == 1 || inet_pton(AF_INET6, text, room) == 1)
        return ERR_OK;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '-' || c == '_' ||
              (c == '.' && i > 0 && text[i - 1] != '.')))
            return ERR_SYNTAX;
    }
    return n > 0 && n <= 253 && text[n - 1] != '.' ? ERR_OK : ERR_SYNTAX;
}

/* ---- parts ---- */

static const char *const min_version_words[] = { "1.2", "1.3", NULL };
static const char *const client_cert_words[] = { "off", "optional", "require", NULL };
static const char *const san_kind_words[] = { "any", "dns", "uri", "email", "ip", NULL };

static const struct conf_field cert_fields[] = {
    { .key = "cert",
      .type = CONF_STRING,
      .at = offsetof(struct tls_cert_conf, cert),
      .required = true,
      .valid = path_valid,
      .code = "E0251",
      .example = "\"/etc/outrigger/shop.crt\"",
      .help = "File (PEM) with the certificate, then those that signed it." },
    { .key = "key",
      .type = CONF_STRING,
      .at = offsetof(struct tls_cert_conf, key),
      .required = true,
      .valid = path_valid,
      .code = "E0251",
      .example = "\"/etc/outrigger/shop.key\"",
      .help = "File (PEM) with its private key, without a password." },
    { .key = NULL },
};

static const struct conf_struct cert_struct = {
    .name = "certificate",
    .size = sizeof(struct tls_cert_conf),
    .fields = cert_fields,
    .check = tls_check_cert,
};

static const struct conf_field san_fields[] = {
    { .key = "exact",
      .type = CONF_STRING,
      .at = offsetof(struct tls_san_conf, exact),
      .hide = CONF_SHOW,
      .example = "\"spiffe://cluster.local/ns/shop/sa/web\"",
      .help = "The whole name. A bare string means the same. Wildcards in certificates "
              "are names like any other." },
    { .key = "prefix",
      .type = CONF_STRING,
      .at = offsetof(struct tls_san_conf, prefix),
      .hide = CONF_SHOW,
      .example = "\"spiffe://cluster.local/ns/shop/\"",
      .help = "How the name starts." },
    { .key = "suffix",
      .type = CONF_STRING,
      .at = offsetof(struct tls_san_conf, suffix),
      .hide = CONF_SHOW,
      .example = "\".shop.example\"",
      .help = "How the name ends." },
    { .key = "type",
      .type = CONF_ENUM,
      .at = offsetof(struct tls_san_conf, kind),
      .def = "any",
      .words = san_kind_words,
      .example = "\"uri\"",
      .help = "Which kind of subject alternative name is meant. DNS names are compared "
              "without regard to case; ip knows exact only." },
    { .key = NULL },
};

const struct conf_struct tls_san_conf_struct = {
    .name = "name of a certificate",
    .size = sizeof(struct tls_san_conf),
    .fields = san_fields,
    .short_key = "exact",
    .check = tls_check_san,
};

static const struct conf_field pin_fields[] = {
    { .key = "sha256",
      .type = CONF_STRING,
      .at = offsetof(struct tls_pin_conf, sha256),
      .required = true,
      .valid = pin_valid,
      .code = "E0254",
      .hide = CONF_SHOW, /* of a public key */
      .example = "\"X3pGTSOuJeEVw989IJ/cEtXUEmy52zs1TZQrU06KUKg=\"",
      .help = "SHA-256 of a public key in base64; outrigger --explain E0254 shows how to "
              "make one." },
    { .key = NULL },
};

static const struct conf_struct pin_struct = {
    .name = "pin",
    .size = sizeof(struct tls_pin_conf),
    .fields = pin_fields,
    .short_key = "sha256",
};

/* ---- listener ---- */

#define SERVER(k, t, field) \
    .key = k, .type = t, .at = offsetof(struct tls_server_conf, field)

static const struct conf_field server_fields[] = {
    { SERVER("cert", CONF_STRING, cert), .valid = path_valid, .code = "E0251",
      .example = "\"/etc/outrigger/tls.crt\"",
      .help = "File (PEM) with our certificate, then those that signed it. It is shown "
              "to clients that ask for no name or for one that no certificate has." },
    { SERVER("key", CONF_STRING, key), .valid = path_valid, .code = "E0251",
      .example = "\"/etc/outrigger/tls.key\"",
      .help = "File (PEM) with its private key, without a password. Only our user should "
              "be able to read it." },
    { SERVER("certificates", CONF_LIST, certificates), .sub = &cert_struct, .min = 1,
      .max = CERTS_MAX,
      .example = "[{ \"cert\": \"/etc/outrigger/shop.crt\", \"key\": "
                 "\"/etc/outrigger/shop.key\" }]",
      .help = "Further certificates. The name that a client asks for (SNI) chooses: an "
              "exact name first, then a wildcard, then the first certificate. An RSA "
              "and an ECDSA certificate may have the same name." },
    { SERVER("clientCa", CONF_STRING, client_ca), .valid = path_valid, .code = "E0251",
      .example = "\"/etc/outrigger/clients-ca.crt\"",
      .help = "File (PEM) with the CAs that sign the clients' certificates." },
    { SERVER("clientCert", CONF_ENUM, client_cert), .def = "off",
      .words = client_cert_words, .example = "\"require\"",
      .help = "Whether clients must show a certificate (mTLS). optional: a client may "
              "have none, but a bad one is refused. Not written: require when there is a "
              "clientCa, else off." },
    { SERVER("allowSan", CONF_LIST, allow_san), .sub = &tls_san_conf_struct, .min = 1,
      .max = LIST_MAX,
      .example = "[\"spiffe://cluster.local/ns/shop/sa/web\", { \"suffix\": "
                 "\".shop.example\", \"type\": \"dns\" }]",
      .help = "Which clients may connect: one of the names (subjectAltName) of their "
              "certificate must fit one of these. Without it all that the CA signed "
              "may." },
    { SERVER("crl", CONF_STRING, crl), .valid = path_valid, .code = "E0251",
      .example = "\"/etc/outrigger/clients.crl\"",
      .help = "File (PEM) with lists of revoked certificates. Each CA in a client's "
              "chain needs one that is not too old, else the client is refused." },
    { SERVER("pins", CONF_LIST, pins), .sub = &pin_struct, .min = 1, .max = LIST_MAX,
      .example = "[\"X3pGTSOuJeEVw989IJ/cEtXUEmy52zs1TZQrU06KUKg=\"]",
      .help = "Only clients with one of these public keys are let in. Give the next key "
              "too, before it is needed." },
    { SERVER("minVersion", CONF_ENUM, min_version), .def = "1.2",
      .words = min_version_words, .example = "\"1.3\"",
      .help = "Oldest version of TLS. Older ones than 1.2 are not spoken." },
    { SERVER("sessionTickets", CONF_BOOL, session_tickets), .def = "true",
      .example = "false",
      .help = "Clients that come back take a shorter handshake. Keys are made each hour "
              "and kept for 12. Never done with client certificates." },
    { .key = NULL },
};

const struct conf_struct tls_server_conf_struct = {
    .name = "listener tls",
    .size = sizeof(struct tls_server_conf),
    .fields = server_fields,
    .optional = true,
    .on_at = offsetof(struct tls_server_conf, on),
    .check = tls_check_server,
};

/* ---- pool ---- */

#define CLIENT(k, t, field) \
    .key = k, .type = t, .at = offsetof(struct tls_client_conf, field)

static const struct conf_field client_fields[] = {
    { CLIENT("ca", CONF_STRING, ca), .valid = path_valid, .code = "E0251",
      .example = "\"/etc/outrigger/backends-ca.crt\"",
      .help = "File (PEM) with the CAs that sign the backends' certificates. Without it "
              "those of the system." },
    { CLIENT("cert", CONF_STRING, cert), .valid = path_valid, .code = "E0251",
      .example = "\"/etc/outrigger/tls.crt\"",
      .help = "File (PEM) with the certificate that we show to backends (mTLS), then "
              "those that signed it." },
    { CLIENT("key", CONF_STRING, key), .valid = path_valid, .code = "E0251",
      .example = "\"/etc/outrigger/tls.key\"",
      .help = "File (PEM) with its private key, without a password." },
    { CLIENT("serverName", CONF_STRING, server_name), .valid = server_name_valid,
      .code = "E0115", .example = "\"shop.example\"",
      .help = "Whom the backends' certificate must be for, and what is asked for (SNI). "
              "Without it the host of the endpoint, or its IP address." },
    { CLIENT("matchSan", CONF_LIST, match_san), .sub = &tls_san_conf_struct, .min = 1,
      .max = LIST_MAX, .example = "[\"spiffe://cluster.local/ns/shop/sa/stock\"]",
      .help = "One of the names (subjectAltName) of the backends' certificate must fit "
              "one of these, instead of the server name. SPIFFE IDs are written here." },
    { CLIENT("crl", CONF_STRING, crl), .valid = path_valid, .code = "E0251",
      .example = "\"/etc/outrigger/backends.crl\"",
      .help = "File (PEM) with lists of revoked certificates. Each CA in a backend's "
              "chain needs one that is not too old, else the backend is refused." },
    { CLIENT("pins", CONF_LIST, pins), .sub = &pin_struct, .min = 1, .max = LIST_MAX,
      .example = "[\"X3pGTSOuJeEVw989IJ/cEtXUEmy52zs1TZQrU06KUKg=\"]",
      .help = "Only backends with one of these public keys are good. Give the next key "
              "too, before it is needed." },
    { CLIENT("minVersion", CONF_ENUM, min_version), .def = "1.2",
      .words = min_version_words, .example = "\"1.3\"",
      .help = "Oldest version of TLS. Older ones than 1.2 are not spoken." },
    { CLIENT("insecureSkipVerify", CONF_BOOL, insecure_skip_verify), .def = "false",
      .example = "true",
      .help = "Takes any certificate, so anybody on the way can read and change the "
              "calls. For a test on one host only." },
    { .key = NULL },
};

const struct conf_struct tls_client_conf_struct = {
    .name = "pool tls",
    .size = sizeof(struct tls_client_conf),
    .fields = client_fields,
    .optional = true,
    .on_at = offsetof(struct tls_client_conf, on),
    .check = tls_check_client,
};

/* ---- files ---- */

struct files {
    const char **ret;
    size_t room, n;
};

static void
files_add(struct files *f, const char *file)
{
    if (!file)
        return;
    if (f->n < f->room)
        f->ret[f->n] = file;
    f->n++;
}

size_t
tls_server_conf_files(const struct tls_server_conf *conf, const char **ret, size_t room)
{
    const struct tls_cert_conf *more = conf->certificates.items;
    struct files f = { .ret = ret, .room = room };

    files_add(&f, conf->cert);
    files_add(&f, conf->key);
    for (size_t i = 0; i < conf->certificates.n; i++) {
        files_add(&f, more[i].cert);
        files_add(&f, more[i].key);
    }
    files_add(&f, conf->client_ca);
    files_add(&f, conf->crl);
    return f.n;
}

size_t
tls_client_conf_files(const struct tls_client_conf *conf, const char **ret, size_t room)
{
    struct files f = { .ret = ret, .room = room };

    files_add(&f, conf->ca);
    files_add(&f, conf->cert);
    files_add(&f, conf->key);
    files_add(&f, conf->crl);
    return f.n;
}
