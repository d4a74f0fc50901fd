/* SPDX-License-Identifier: Apache-2.0
 * http_tls.c: how the server speaks TLS. */
#include "net/http_server_impl.h"

/* Forward secrecy and authenticated encryption only (RFC 9325 §4.2); TLS 1.3 has nothing else. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL";

static int alpn_choose(SSL *ssl, const unsigned char **ret_chosen, unsigned char *ret_bytes,
                       const unsigned char *offered, unsigned offered_bytes, void *arg) {
    static const unsigned char spoken[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    int found = SSL_select_next_proto(&chosen, ret_bytes, spoken, sizeof(spoken) - 1, offered,
                                      offered_bytes);
    *ret_chosen = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool tls_configure(SSL_CTX *tls) {
    static const unsigned char context[] = "holdfast";
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(tls, alpn_choose, NULL);
    return SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(tls, ciphers) == 1 &&
           SSL_CTX_set_session_id_context(tls, context, sizeof(context) - 1) == 1;
}

int http_tls_new(const char *cert_path, const char *key_path, SSL_CTX **ret_tls, struct err *err) {
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    int rc = 0;
    ERR_clear_error();
    if (tls == NULL || !tls_configure(tls)) {
        rc = err_set(err, ERR_CRYPTO, "TLS cannot be set up");
    } else if (SSL_CTX_use_certificate_chain_file(tls, cert_path) != 1) {
        rc = err_set(err, ERR_CRYPTO, "the certificate cannot be read as PEM");
        (void)err_place(err, "%s", cert_path);
    } else if (SSL_CTX_use_PrivateKey_file(tls, key_path, SSL_FILETYPE_PEM) != 1) {
        rc = err_set(err, ERR_CRYPTO,
                     "the private key cannot be read, or is not the certificate's");
        (void)err_place(err, "%s", key_path);
    }
    ERR_clear_error();
    if (rc < 0) {
        SSL_CTX_free(tls);
        return rc;
    }
    *ret_tls = tls;
    return 0;
}

SSL *http_tls_ssl(struct http_listener *listener) {
    lock_take(&listener->tls_lock);
    SSL *ssl = SSL_new(listener->tls); /* holds on to what it was made from */
    lock_give(&listener->tls_lock);
    return ssl;
}

int http_listener_renew_tls(struct http_listener *listener, const char *cert_path,
                            const char *key_path, struct err *err) {
    INVARIANT(listener->secure, "a listener without TLS has no certificate");
    SSL_CTX *fresh = NULL;
    int rc = http_tls_new(cert_path, key_path, &fresh, err);
    if (rc < 0) {
        return rc;
    }
    lock_take(&listener->tls_lock);
    SSL_CTX *old = listener->tls;
    listener->tls = fresh;
    lock_give(&listener->tls_lock);
    SSL_CTX_free(old);
    return 0;
}
