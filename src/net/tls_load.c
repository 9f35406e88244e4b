/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_load.c - see tls_load.h */
#include "net/tls_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "net/tls_san.h"

enum { FILE_MAX = 16 << 20, CHAIN_MAX = 16 };

struct content {
    char *bytes; /* n of them */
    size_t n;
    mode_t mode;
};

static bool
fault_say(struct tls_fault *f, const char *code, const char *fmt, ...) PRINTF_LIKE(3, 4);

static bool
fault_say(struct tls_fault *f, const char *code, const char *fmt, ...)
{
    va_list ap;

    f->code = code;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof(f->text), fmt, ap);
    va_end(ap);
    return false;
}

static void
content_done(struct content *c)
{
    if (c->bytes)
        OPENSSL_cleanse(c->bytes, c->n);
    xfree(c->bytes);
    c->bytes = NULL;
}

/* The whole of an open regular file. */
static int
content_read(int fd, struct content *c)
{
    size_t got = 0;

    while (got < c->n) {
        ssize_t k = read(fd, c->bytes + got, c->n - got);

        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return errno;
        if (k == 0)
            break;
        got += (size_t)k;
    }
    c->n = got;
    return 0;
}

static bool
content_load(struct content *c, const char *file, struct tls_fault *f)
{
    /* A pipe must not make the start wait for its other end. */
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int reason = fd < 0 ? errno : 0;
    struct stat st;

    memset(c, 0, sizeof(*c));
    if (reason == 0 && fstat(fd, &st) < 0)
        reason = errno;
    if (reason == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX) {
        c->mode = st.st_mode;
        c->n = (size_t)st.st_size;
        c->bytes = xmalloc(c->n + 1);
        reason = content_read(fd, c);
    } else if (reason == 0) {
        close(fd);
        return fault_say(f, "E0250", "%s is %s", file,
                         S_ISREG(st.st_mode) ? "larger than 16 MiB; is it a PEM file?"
                                             : "not a regular file");
    }
    if (fd >= 0)
        close(fd);
    if (reason == 0)
        return true;
    content_done(c);
    return fault_say(f, "E0250", "%s cannot be read: %s", file, strerror(reason));
}

/* The error after the last object of a file: true when it only ended. */
static bool
pem_ended(void)
{
    unsigned long e = ERR_peek_last_error();
    bool ended = e == 0 || (ERR_GET_LIB(e) == ERR_LIB_PEM &&
                            ERR_GET_REASON(e) == PEM_R_NO_START_LINE);

    ERR_clear_error();
    return ended;
}

/* All certificates of a file, at least one. To be freed. */
static STACK_OF(X509) *
certs_load(const char *file, struct tls_fault *f)
{
    struct content c;
    STACK_OF(X509) *all;
    BIO *bio;
    X509 *one;
    bool good;

    if (!content_load(&c, file, f))
        return NULL;
    all = sk_X509_new_null();
    bio = BIO_new_mem_buf(c.bytes, (int)c.n);
    ERR_clear_error();
    while ((one = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        sk_X509_push(all, one);
    good = pem_ended();
    if (!good)
        fault_say(f, "E0251", "certificate %d in %s is damaged", sk_X509_num(all) + 1,
                  file);
    else if (sk_X509_num(all) == 0)
        good = fault_say(f, "E0251",
                         "%s has no certificate in PEM form (-----BEGIN CERTIFICATE-----)",
                         file);
    BIO_free(bio);
    content_done(&c);
    if (good)
        return all;
    sk_X509_pop_free(all, X509_free);
    return NULL;
}

/* OpenSSL would ask at the terminal. */
static int
no_password(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing;
    *(bool *)arg = true;
    return -1;
}

static EVP_PKEY *
key_load(const char *file, bool *ret_public, struct tls_fault *f)
{
    struct content c;
    bool locked = false;
    EVP_PKEY *key;
    BIO *bio;

    if (!content_load(&c, file, f))
        return NULL;
    bio = BIO_new_mem_buf(c.bytes, (int)c.n);
    key = PEM_read_bio_PrivateKey(bio, NULL, no_password, &locked);
    ERR_clear_error();
    *ret_public = (c.mode & (S_IROTH | S_IWOTH)) != 0;
    BIO_free(bio);
    content_done(&c);
    if (!key && locked)
        fault_say(f, "E0251",
                  "the key in %s is locked with a password, and there is nobody to ask; "
                  "write it without one (openssl pkey -in FILE -out NEW) and let only our "
                  "user read it",
                  file);
    else if (!key)
        fault_say(f, "E0251",
                  "%s has no private key in PEM form (-----BEGIN PRIVATE KEY-----)", file);
    return key;
}

bool
tls_pair_load(struct tls_pair *p, const char *cert_file, const char *key_file,
              struct tls_fault *fault)
{
    memset(p, 0, sizeof(*p));
    fault->in_key = false;
    p->chain = certs_load(cert_file, fault);
    if (!p->chain)
        return false;
    p->cert = sk_X509_shift(p->chain);
    if (sk_X509_num(p->chain) >= CHAIN_MAX) {
        fault_say(fault, "E0251", "%s has %d certificates; write the own one and those "
                                  "that signed it, at most %d",
                  cert_file, sk_X509_num(p->chain) + 1, CHAIN_MAX);
        tls_pair_done(p);
        return false;
    }
    fault->in_key = true;
    p->key = key_load(key_file, &p->key_is_public, fault);
    if (p->key && X509_check_private_key(p->cert, p->key) == 1)
        return true;
    if (p->key)
        fault_say(fault, "E0252",
                  "the key in %s is not the key of the first certificate in %s; were they "
                  "made at different times?",
                  key_file, cert_file);
    ERR_clear_error();
    tls_pair_done(p);
    return false;
}

void
tls_pair_done(struct tls_pair *p)
{
    X509_free(p->cert);
    sk_X509_pop_free(p->chain, X509_free);
    EVP_PKEY_free(p->key);
    memset(p, 0, sizeof(*p));
}

bool
tls_load_cas(X509_STORE *store, STACK_OF(X509_NAME) *names, const char *file,
             struct tls_fault *fault)
{
    STACK_OF(X509) *all = certs_load(file, fault);

    if (!all)
        return false;
    for (int i = 0; i < sk_X509_num(all); i++) {
        X509 *one = sk_X509_value(all, i);

        if (store && X509_STORE_add_cert(store, one) != 1)
            ERR_clear_error(); /* it is there already */
        if (names)
            sk_X509_NAME_push(names, X509_NAME_dup(X509_get_subject_name(one)));
    }
    sk_X509_pop_free(all, X509_free);
    return true;
}

bool
tls_load_crls(X509_STORE *store, const char *file, bool *ret_old, struct tls_fault *fault)
{
    struct content c;
    unsigned n = 0;
    X509_CRL *one;
    BIO *bio;
    bool good;

    *ret_old = false;
    if (!content_load(&c, file, fault))
        return false;
    bio = BIO_new_mem_buf(c.bytes, (int)c.n);
    ERR_clear_error();
    while ((one = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
        const ASN1_TIME *next = X509_CRL_get0_nextUpdate(one);

        n++;
        if (next && tls_time_s(next) < clock_wall_us() / 1000000)
            *ret_old = true;
        if (store)
            X509_STORE_add_crl(store, one);
        X509_CRL_free(one);
    }
    good = pem_ended() && n > 0;
    if (!good)
        fault_say(fault, "E0251", "%s has %s in PEM form (-----BEGIN X509 CRL-----)", file,
                  n ? "a damaged list of revoked certificates"
                    : "no list of revoked certificates");
    BIO_free(bio);
    content_done(&c);
    if (good && store)
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return good;
}

int64_t
tls_time_s(const ASN1_TIME *t)
{
    struct tm tm;

    return t && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

void
tls_time_print(const ASN1_TIME *t, char out[32])
{
    struct tm tm;

    out[0] = '\0';
    if (t && ASN1_TIME_to_tm(t, &tm) == 1)
        strftime(out, 32, "%Y-%m-%d %H:%M UTC", &tm);
}

char *
tls_cert_name(const X509 *cert)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    char line[TLS_SAN_LEN_MAX + 1] = "";
    struct san_view v;

    for (int i = 0; i < sk_GENERAL_NAME_num(all) && !line[0]; i++)
        if (san_get(sk_GENERAL_NAME_value(all, i), &v) == SAN_GOOD)
            snprintf(line, sizeof(line), "%.*s", (int)v.len, v.text);
    GENERAL_NAMES_free(all);
    if (!line[0])
        X509_NAME_oneline(X509_get_subject_name(cert), line, sizeof(line));
    ERR_clear_error();
    return xstrdup(line);
}
