/* SPDX-License-Identifier: Apache-2.0
 * http_client_trace.c: a call whose steps are looked at one by one: name, connection, TLS, answer,
 * and the certificate that was shown, whether or not it was believed. */
#include "base/clock.h"
#include "base/crypto.h"
#include "net/http_client_impl.h"

/* The leaf, as text that the base can read. */
static void note_leaf(X509 *leaf, struct http_trace *trace) {
    struct x509_cert *cert = NULL;
    struct err ignored = {0};
    char *pem = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && PEM_write_bio_X509(bio, leaf) == 1) {
        long bytes = BIO_get_mem_data(bio, &pem);
        if (x509_cert_read(pem, (size_t)bytes, &cert, &ignored) >= 0) {
            snprintf(trace->certificate, sizeof trace->certificate, "%s", x509_cert_name(cert));
            trace->certificate_until_us = x509_cert_not_after_us(cert);
            x509_cert_free(cert);
        }
    }
    BIO_free(bio);
}

/* Called for each certificate of the chain, also where the check fails. */
static int on_verify(int good, X509_STORE_CTX *checking) {
    SSL *ssl = X509_STORE_CTX_get_ex_data(checking, SSL_get_ex_data_X509_STORE_CTX_idx());
    X509 *leaf = X509_STORE_CTX_get0_cert(checking);
    struct http_slot *slot = ssl != NULL ? SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)) : NULL;
    if (slot != NULL && leaf != NULL && slot->trace->certificate_until_us == 0) {
        note_leaf(leaf, slot->trace);
    }
    return good;
}

static CURLcode on_tls_context(CURL *easy, void *tls_context, void *arg) {
    struct http_slot *slot = arg;
    slot->tls_begun_us = clock_mono_us();
    SSL_CTX_set1_cert_store(tls_context, slot->trusted);
    SSL_CTX_set_app_data((SSL_CTX *)tls_context, slot);
    SSL_CTX_set_verify(tls_context, SSL_VERIFY_PEER, on_verify);
    return CURLE_OK;
}

bool http_trace_begin(struct http_slot *slot, struct http_trace *trace) {
    *trace = (struct http_trace){.resolve_us = -1, .connect_us = -1, .tls_us = -1, .answer_us = -1};
    slot->trace = trace;
    slot->trace_begun_us = clock_mono_us();
    slot->tls_begun_us = 0;
    CURLcode bad = CURLE_OK;
#define SET(option, value) bad |= curl_easy_setopt(slot->easy, CURLOPT_##option, value)
    SET(FRESH_CONNECT, 1L);
    SET(FORBID_REUSE, 1L);
    SET(DNS_CACHE_TIMEOUT, 0L);
    SET(SSL_SESSIONID_CACHE, 0L); /* a session taken up again shows no certificate */
    SET(SSL_CTX_FUNCTION, on_tls_context);
    SET(SSL_CTX_DATA, slot);
#undef SET
    return bad == CURLE_OK;
}

/* libcurl counts from the start; a step that did not end is 0. */
static int64_t step(CURL *easy, CURLINFO info, int64_t *at_us) {
    curl_off_t ended_us = 0;
    (void)curl_easy_getinfo(easy, info, &ended_us);
    if (ended_us <= 0) {
        return -1;
    }
    int64_t took_us = ended_us > *at_us ? ended_us - *at_us : 0;
    *at_us = ended_us;
    return took_us;
}

void http_trace_end(struct http_slot *slot) {
    struct http_trace *trace = slot->trace;
    char *address = NULL;
    int64_t at_us = 0;
    trace->resolve_us = step(slot->easy, CURLINFO_NAMELOOKUP_TIME_T, &at_us);
    trace->connect_us = step(slot->easy, CURLINFO_CONNECT_TIME_T, &at_us);
    if (trace->connect_us < 0 && slot->tls_begun_us > 0) {
        /* libcurl takes that time back when TLS fails. */
        int64_t took_us = slot->tls_begun_us - slot->trace_begun_us - at_us;
        trace->connect_us = took_us > 0 ? took_us : 0;
    }
    trace->tls_us = step(slot->easy, CURLINFO_APPCONNECT_TIME_T, &at_us);
    trace->answer_us = slot->head_done ? step(slot->easy, CURLINFO_STARTTRANSFER_TIME_T, &at_us)
                                       : -1;
    if (trace->connect_us >= 0 &&
        curl_easy_getinfo(slot->easy, CURLINFO_PRIMARY_IP, &address) == CURLE_OK &&
        address != NULL) {
        snprintf(trace->address, sizeof trace->address, "%s", address);
    }
    slot->trace = NULL;
    slot->worn = true; /* its options are not every call's */
}
