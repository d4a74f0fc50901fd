/* SPDX-License-Identifier: Apache-2.0
 * tls_client.h: what every client of ours needs before it speaks TLS: whom it believes. Threads:
 * any. Owns: the store is the caller's, X509_STORE_free(). Errors: ERR_CRYPTO. */
#ifndef HOLDFAST_NET_TLS_CLIENT_H
#define HOLDFAST_NET_TLS_CLIENT_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/openssl.h"

/* The system's CAs, looked up as they are needed, and those of the PEM file `ca_path` (may be
 * NULL). */
MUST_USE int tls_client_trusted(const char *ca_path, X509_STORE **ret_store, struct err *err);
/* OpenSSL's writes cannot ask the kernel to spare the process the signal. */
void tls_client_ignore_broken_pipes(void);

#endif
