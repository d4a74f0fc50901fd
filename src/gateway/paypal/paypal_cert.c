/* SPDX-License-Identifier: Apache-2.0
 * paypal_cert.c: the certificates with which PayPal signs its webhooks. */
#include "gateway/paypal/paypal_cert.h"

#include "base/clock.h"
#include "gateway/exchange.h"

void paypal_certs_init(struct paypal_certs *certs) {
    *certs = (struct paypal_certs){0};
    lock_init(&certs->lock);
    cond_init(&certs->changed);
}

static void clear(struct paypal_cert *cert) {
    rsa_key_free(cert->key);
    *cert = (struct paypal_cert){0};
}

void paypal_certs_release(struct paypal_certs *certs) {
    for (int i = 0; i < PAYPAL_CERTS_MAX; i++) {
        clear(&certs->kept[i]);
    }
    cond_free(&certs->changed);
    lock_free(&certs->lock);
    *certs = (struct paypal_certs){0};
}

static bool ends_with(const char *text, size_t count, const char *end) {
    size_t end_count = strlen(end);
    return count >= end_count && memcmp(text + count - end_count, end, end_count) == 0;
}

/* The certificate's file behind the folder: plain characters, and no way up. */
static bool file_ok(const char *file) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return file[0] != '\0' && file[0] != '.' && strspn(file, allowed) == strlen(file);
}

bool paypal_cert_url_ok(const struct gateway *gateway, const char *url) {
    size_t base_count = strlen(gateway->base_url);
    if (strlen(url) > PAYPAL_CERT_URL_CHARS_MAX || strstr(url, "..") != NULL) {
        return false;
    }
    if (exchange_url_is_loopback(gateway->base_url)) {
        return strncmp(url, gateway->base_url, base_count) == 0 &&
               strncmp(url + base_count, PAYPAL_CERT_PATH, strlen(PAYPAL_CERT_PATH)) == 0 &&
               file_ok(url + base_count + strlen(PAYPAL_CERT_PATH));
    }
    if (strncmp(url, "https://", 8) != 0) {
        return false;
    }
    /* The host ends at the first character that a host name cannot have: a port, a user name or a
     * trick of any kind stands before the path and is refused. */
    const char *host = url + 8;
    size_t host_count = strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-.");
    return ends_with(host, host_count, ".paypal.com") && host[0] != '.' &&
           strncmp(host + host_count, PAYPAL_CERT_PATH, strlen(PAYPAL_CERT_PATH)) == 0 &&
           file_ok(host + host_count + strlen(PAYPAL_CERT_PATH));
}

static bool name_ok(const char *name) {
    size_t count = strlen(name);
    return strcmp(name, "paypal.com") == 0 || (count > 11 && ends_with(name, count, ".paypal.com"));
}

/* Rules 2 and 3, on the bytes that came. */
static int read_cert(const struct gateway *gateway, const char *pem, size_t count, int64_t now_us,
                     struct rsa_key **ret_key, int64_t *ret_not_after_us, struct err *err) {
    struct x509_cert *cert = NULL;
    struct err why;
    if (x509_cert_read(pem, count, &cert, &why) < 0) {
        return err_set(err, ERR_SIGNATURE, "what PAYPAL-CERT-URL names is no certificate");
    }
    const struct secret *ca = gateway_credential(gateway, "webhook_ca");
    int rc = x509_cert_check(cert, ca != NULL ? secret_bytes(ca) : NULL, now_us, &why);
    if (rc < 0) {
        rc = err_set(err, ERR_SIGNATURE,
                     "the certificate that signed the callback is not trusted: %s", why.detail);
    } else if (!name_ok(x509_cert_name(cert))) {
        rc = err_set(err, ERR_SIGNATURE,
                     "the certificate that signed the callback is not PayPal's");
    } else {
        *ret_not_after_us = x509_cert_not_after_us(cert);
        rc = x509_cert_key(cert, ret_key, &why);
        if (rc < 0) {
            rc = err_set(err, ERR_SIGNATURE, "the certificate's key cannot be used: %s",
                         why.detail);
        }
    }
    x509_cert_free(cert);
    return rc;
}

static int fetch(const struct gateway_call *call, const char *url, int64_t now_us,
                 struct rsa_key **ret_key, int64_t *ret_not_after_us, struct err *err) {
    int64_t left_us = call->deadline_us - clock_mono_us();
    if (left_us <= 0) {
        return err_set(err, ERR_UNREACHABLE,
                       "there was no time left to fetch PayPal's certificate");
    }
    const struct http_call http = {
        .method = "GET",
        .url = url,
        .timeout_us = left_us,
        .answer_bytes_max = PAYPAL_CERT_BYTES_MAX,
        .repeatable = true,
        .bulkhead = call->gateway->bulkhead,
    };
    HTTP_ANSWER_AUTO answer = {0};
    struct err why = {0};
    if (http_call(call->client, &http, &answer, &why) < 0) {
        return err_set(err, ERR_UNREACHABLE, "PayPal's certificate could not be fetched: %s",
                       why.detail);
    }
    if (answer.status >= 400 && answer.status < 500 && answer.status != 429) {
        return err_set(err, ERR_SIGNATURE, "there is no certificate where PAYPAL-CERT-URL says");
    }
    if (answer.status != 200) {
        return err_set(err, ERR_UNREACHABLE,
                       "PayPal's certificate could not be fetched: HTTP status %d", answer.status);
    }
    return read_cert(call->gateway, answer.body, answer.body_bytes, now_us, ret_key,
                     ret_not_after_us, err);
}

static struct paypal_cert *find(struct paypal_certs *certs, const char *url, int64_t now_us) {
    for (int i = 0; i < PAYPAL_CERTS_MAX; i++) {
        struct paypal_cert *cert = &certs->kept[i];
        if (cert->key != NULL && strcmp(cert->url, url) == 0 && now_us < cert->not_after_us) {
            cert->users++;
            cert->used_us = clock_mono_us();
            return cert;
        }
    }
    return NULL;
}

/* The place that nobody uses and that was used longest ago. */
static struct paypal_cert *place(struct paypal_certs *certs) {
    struct paypal_cert *best = NULL;
    for (int i = 0; i < PAYPAL_CERTS_MAX; i++) {
        struct paypal_cert *cert = &certs->kept[i];
        if (cert->users == 0 && (best == NULL || cert->used_us < best->used_us)) {
            best = cert;
        }
    }
    return best;
}

static bool may_fetch(struct paypal_certs *certs) {
    int64_t now_us = clock_mono_us();
    if (certs->fetches == 0 || now_us - certs->minute_us >= 60 * US_PER_SECOND) {
        certs->minute_us = now_us;
        certs->fetches = 0;
    }
    if (certs->fetches == PAYPAL_CERT_FETCHES_MAX) {
        return false;
    }
    certs->fetches++;
    return true;
}

/* The lock is held on entry and on return but not during the fetch. */
static int fetch_into(struct paypal_certs *certs, const struct gateway_call *call, const char *url,
                      int64_t now_us, struct paypal_cert **ret_cert, struct err *err) {
    if (!may_fetch(certs)) {
        return err_set(err, ERR_UNREACHABLE,
                       "too many of PayPal's certificates were asked for lately");
    }
    struct rsa_key *key = NULL;
    int64_t not_after_us = 0;
    certs->fetching = true;
    lock_give(&certs->lock);
    int rc = fetch(call, url, now_us, &key, &not_after_us, err);
    lock_take(&certs->lock);
    certs->fetching = false;
    cond_broadcast(&certs->changed);
    if (rc < 0) {
        return rc;
    }
    struct paypal_cert *cert = place(certs);
    if (cert == NULL) {
        rsa_key_free(key);
        return err_set(err, ERR_UNREACHABLE, "all places for PayPal's certificates are in use");
    }
    clear(cert);
    snprintf(cert->url, sizeof(cert->url), "%s", url);
    cert->key = key;
    cert->not_after_us = not_after_us;
    cert->used_us = clock_mono_us();
    cert->users = 1;
    *ret_cert = cert;
    return 0;
}

int paypal_cert_take(struct paypal_certs *certs, const struct gateway_call *call, const char *url,
                     int64_t now_us, struct paypal_cert **ret_cert, struct err *err) {
    if (!paypal_cert_url_ok(call->gateway, url)) {
        err_set(err, ERR_SIGNATURE, "PAYPAL-CERT-URL does not name a certificate of PayPal");
        return err_place(err, "PAYPAL-CERT-URL");
    }
    int rc = 0;
    lock_take(&certs->lock);
    for (;;) {
        struct paypal_cert *cert = find(certs, url, now_us);
        if (cert != NULL) {
            *ret_cert = cert;
            break;
        }
        if (!certs->fetching) {
            rc = fetch_into(certs, call, url, now_us, ret_cert, err);
            break;
        }
        if (!cond_wait_until(&certs->changed, &certs->lock, call->deadline_us)) {
            rc = err_set(err, ERR_UNREACHABLE, "the wait for PayPal's certificate took too long");
            break;
        }
    }
    lock_give(&certs->lock);
    return rc;
}

void paypal_cert_give(struct paypal_certs *certs, struct paypal_cert *cert) {
    lock_take(&certs->lock);
    cert->users--;
    lock_give(&certs->lock);
}
