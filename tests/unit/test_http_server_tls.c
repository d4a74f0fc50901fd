/* SPDX-License-Identifier: Apache-2.0
 * test_http_server_tls.c: the HTTP server behind TLS, with a certificate made in the test. */
#include "http_fixture.h"

#include "base/openssl.h"
#include "support/certs.h"

/* NULL when the handshake fails. */
static SSL *tls_dial(int fd, SSL_CTX *tls) {
    SSL *ssl = SSL_new(tls);
    assert_non_null(ssl);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    if (SSL_connect(ssl) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

/* Reads until the text so far contains `wanted`; false when the connection ends before. */
static bool tls_read_until(SSL *ssl, const char *wanted, char *text, size_t bytes_max) {
    size_t bytes = 0;
    text[0] = '\0';
    while (strstr(text, wanted) == NULL) {
        size_t room = bytes_max - 1 - bytes;
        int got = room > 0 ? SSL_read(ssl, text + bytes, (int)room) : 0;
        if (got <= 0) {
            return false;
        }
        bytes += (size_t)got;
        text[bytes] = '\0';
    }
    return true;
}

static void tls_front_start(struct front *front, const struct certs *certs,
                            struct http_limits limits) {
    const struct http_listener_options options = {
        .tls_cert_path = certs->cert_path[CERT_SELF_SIGNED],
        .tls_key_path = certs->key_path,
        .limits = limits,
    };
    front_start(front, &options);
}

static void tls_carries_requests_and_says_goodbye(void **state) {
    static const char two[] = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
                              "GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    static const unsigned char alpn[] = "\x08http/1.1";
    struct certs certs;
    struct front front;
    char text[8192];
    const unsigned char *chosen = NULL;
    unsigned chosen_bytes = 0;
    certs_make(&certs);
    tls_front_start(&front, &certs, (struct http_limits){0});
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    assert_int_equal(SSL_CTX_load_verify_locations(tls, certs.cert_path[CERT_SELF_SIGNED], NULL),
                     1);
    assert_int_equal(SSL_CTX_set_alpn_protos(tls, alpn, sizeof(alpn) - 1), 0);
    int fd = dial(&front);
    SSL *ssl = tls_dial(fd, tls);
    assert_non_null(ssl);
    assert_int_equal(SSL_version(ssl), TLS1_3_VERSION);
    SSL_get0_alpn_selected(ssl, &chosen, &chosen_bytes);
    assert_int_equal(chosen_bytes, 8);
    assert_int_equal(SSL_write(ssl, two, sizeof(two) - 1), sizeof(two) - 1);
    assert_true(tls_read_until(ssl, "GET /b ", text, sizeof(text)));
    assert_non_null(strstr(text, "POST /a hi"));
    assert_non_null(strstr(text, "Strict-Transport-Security: max-age="));
    assert_int_equal(SSL_read(ssl, text, sizeof(text)), 0);
    assert_int_equal(SSL_get_error(ssl, 0), SSL_ERROR_ZERO_RETURN);
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(tls);
    front_stop(&front);
    certs_remove(&certs);
}

static void tls_carries_a_long_answer_to_a_reader_that_starts_late(void **state) {
    struct certs certs;
    struct front front;
    static char text[20000];
    int64_t taken = 0;
    static const char big[] = "GET /big?5000000 HTTP/1.1\r\nHost: h\r\n\r\n";
    certs_make(&certs);
    tls_front_start(&front, &certs, (struct http_limits){0});
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    int fd = dial(&front);
    SSL *ssl = tls_dial(fd, tls);
    assert_non_null(ssl);
    assert_int_equal(SSL_write(ssl, big, sizeof(big) - 1), sizeof(big) - 1);
    front_await(&front, stats.requests == 1 && stats.workers_busy == 0);
    assert_true(tls_read_until(ssl, "\r\n\r\n", text, sizeof(text)));
    taken = (int64_t)strlen(strstr(text, "\r\n\r\n") + 4);
    while (taken < 5000000) {
        int got = SSL_read(ssl, text, sizeof(text));
        assert_true(got > 0);
        taken += got;
    }
    assert_int_equal(taken, 5000000);
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(tls);
    front_stop(&front);
    certs_remove(&certs);
}

static void tls_below_1_2_and_weak_ciphers_are_refused(void **state) {
    struct certs certs;
    struct front front;
    certs_make(&certs);
    tls_front_start(&front, &certs, (struct http_limits){0});
    for (int round = 0; round < 3; round++) {
        SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_security_level(tls, 0);
        assert_int_equal(
            SSL_CTX_set_max_proto_version(tls, round == 0 ? TLS1_1_VERSION : TLS1_2_VERSION), 1);
        assert_int_equal(
            SSL_CTX_set_cipher_list(tls, round == 1 ? "ECDHE-ECDSA-AES128-SHA" : "ALL:@SECLEVEL=0"),
            1);
        int fd = dial(&front);
        SSL *ssl = tls_dial(fd, tls);
        assert_int_equal(ssl != NULL, round == 2); /* 1.2 with a good cipher is fine */
        SSL_free(ssl);
        close(fd);
        SSL_CTX_free(tls);
    }
    assert_int_equal(atomic_load(&front.calls), 0);
    front_stop(&front);
    certs_remove(&certs);
}

static void plain_http_on_the_tls_port_never_reaches_the_handler(void **state) {
    struct certs certs;
    struct front front;
    char byte;
    certs_make(&certs);
    tls_front_start(&front, &certs, (struct http_limits){0});
    int fd = dial(&front);
    put_get(fd, "/a");
    while (get_byte(fd, &byte) == 1) {
        assert_int_not_equal(byte, 'H'); /* a TLS alert at most */
    }
    close(fd);
    assert_int_equal(atomic_load(&front.calls), 0);
    front_stop(&front);
    certs_remove(&certs);
}

static void a_tls_handshake_that_does_not_go_on_is_ended(void **state) {
    struct certs certs;
    struct front front;
    certs_make(&certs);
    tls_front_start(&front, &certs, (struct http_limits){.head_us = 50 * US_PER_MS});
    int fd = dial(&front);
    put(fd, "\x16\x03\x01", 3);
    expect_end(fd);
    close(fd);
    assert_int_equal(front_stats(&front).timeouts, 1);
    front_stop(&front);
    certs_remove(&certs);
}

static void a_key_that_is_not_the_certificates_is_refused(void **state) {
    struct certs one;
    struct certs two;
    struct http_server *server = NULL;
    struct http_listener *listener = NULL;
    struct err err;
    certs_make(&one);
    certs_make(&two);
    const struct http_listener_options options = {.address = "127.0.0.1:0",
                                                  .handler = front_handle,
                                                  .tls_cert_path = one.cert_path[CERT_GOOD],
                                                  .tls_key_path = two.key_path};
    assert_int_equal(http_server_new(1, &server, &err), 0);
    assert_int_equal(http_server_listen(server, &options, &listener, &err), -ERR_CRYPTO);
    assert_string_equal(err.place, two.key_path);
    http_server_free(server);
    certs_remove(&one);
    certs_remove(&two);
}

/* Whether a new connection is shown a certificate that this one vouches for. */
static bool shown_is(struct front *front, const char *ca_path) {
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    assert_int_equal(SSL_CTX_load_verify_locations(tls, ca_path, NULL), 1);
    int fd = dial(front);
    SSL *ssl = tls_dial(fd, tls);
    bool trusted = ssl != NULL;
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(tls);
    return trusted;
}

static void a_renewed_certificate_is_shown_to_new_connections_only(void **state) {
    static const char get[] = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    struct certs certs, other;
    struct front front;
    struct err err = {0};
    char text[8192];
    certs_make(&certs);
    certs_make(&other);
    tls_front_start(&front, &certs, (struct http_limits){0});
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    int fd = dial(&front);
    SSL *before = tls_dial(fd, tls);
    assert_non_null(before);
    assert_true(shown_is(&front, certs.cert_path[CERT_SELF_SIGNED]));
    /* A key that is not its own, and no file at all: what was in force stays. */
    assert_int_equal(http_listener_renew_tls(front.listener, other.cert_path[CERT_SELF_SIGNED],
                                             certs.key_path, &err),
                     -ERR_CRYPTO);
    assert_int_equal(
        http_listener_renew_tls(front.listener, "/does/not/exist", certs.key_path, &err),
        -ERR_CRYPTO);
    assert_true(shown_is(&front, certs.cert_path[CERT_SELF_SIGNED]));
    assert_int_equal(http_listener_renew_tls(front.listener, other.cert_path[CERT_SELF_SIGNED],
                                             other.key_path, &err),
                     0);
    assert_true(shown_is(&front, other.cert_path[CERT_SELF_SIGNED]));
    assert_false(shown_is(&front, certs.cert_path[CERT_SELF_SIGNED]));
    assert_int_equal(SSL_write(before, get, sizeof(get) - 1), sizeof(get) - 1);
    assert_true(tls_read_until(before, "GET /a ", text, sizeof(text)));
    SSL_free(before);
    close(fd);
    SSL_CTX_free(tls);
    front_stop(&front);
    certs_remove(&certs);
    certs_remove(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_carries_requests_and_says_goodbye),
        cmocka_unit_test(tls_carries_a_long_answer_to_a_reader_that_starts_late),
        cmocka_unit_test(tls_below_1_2_and_weak_ciphers_are_refused),
        cmocka_unit_test(plain_http_on_the_tls_port_never_reaches_the_handler),
        cmocka_unit_test(a_tls_handshake_that_does_not_go_on_is_ended),
        cmocka_unit_test(a_key_that_is_not_the_certificates_is_refused),
        cmocka_unit_test(a_renewed_certificate_is_shown_to_new_connections_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
