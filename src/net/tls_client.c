/* SPDX-License-Identifier: Apache-2.0
 * tls_client.c: see tls_client.h. */
#include "net/tls_client.h"

#include <signal.h>

/* The system's CAs, looked up as they are needed, and those of `ca_path`. */
int tls_client_trusted(const char *ca_path, X509_STORE **ret_store, struct err *err) {
    X509_STORE *store = X509_STORE_new();
    INVARIANT(store != NULL, "out of memory");
    X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST);
    if (X509_STORE_set_default_paths(store) != 1) {
        ERR_clear_error();
    }
    if (ca_path != NULL && X509_STORE_load_file(store, ca_path) != 1) {
        ERR_clear_error();
        X509_STORE_free(store);
        int rc = err_set(err, ERR_CRYPTO, "%s holds no certificate that can be read", ca_path);
        (void)err_hint(err, "give the path of a PEM file with the CA's certificate");
        return rc;
    }
    ERR_clear_error();
    *ret_store = store;
    return 0;
}

/* TLS connections are written to by OpenSSL, which cannot ask the kernel to spare it the signal. */
void tls_client_ignore_broken_pipes(void) {
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        (void)sigaction(SIGPIPE, &ignore, NULL);
    }
}
