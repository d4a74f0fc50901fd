/* SPDX-License-Identifier: Apache-2.0
 * conformance_acmepay.c: the example's adapter in front of Acme Pay's sandbox. */
#include "acmepay_sandbox.h"
#include "unit/conformance.h"
#include "unit/gateway_fixture.h"

#include "gateway/acmepay/acmepay_sign.h"

static struct acme *acme;
static struct http_client *client;

static void open_acme(const char *adapter, struct gateway_settings *ret_settings,
                      struct http_client **ret_client) {
    static char url[ACME_URL_CHARS_MAX];
    struct err err = {0};
    setenv("HF_ACME_KEY", ACME_KEY_SECRET, 1);
    setenv("HF_ACME_HOOK", ACME_CALLBACK_SECRET, 1);
    acme = acme_start();
    acme_url(acme, url);
    assert_int_equal(http_client_new(&(struct http_client_options){0}, &client, &err), 0);
    *ret_client = client;
    *ret_settings = (struct gateway_settings){
        .name = "acme-eu",
        .adapter = adapter,
        .base_url = url,
        .credentials = {{"key_secret", "env:HF_ACME_KEY"}, {"callback_secret", "env:HF_ACME_HOOK"}},
        .credential_count = 2,
        .options = {{"key_id", ACME_KEY_ID}},
        .option_count = 1,
    };
}

static void close_acme(void) {
    http_client_free(client);
    acme_stop(acme);
}

static void charge_of(const char *reference, struct gateway_charge *ret_charge) {
    *ret_charge = (struct gateway_charge){
        .reference = reference,
        .order_id = "o 1",
        .amount_minor = CONFORMANCE_AMOUNT,
        .currency = money_of("USD"),
        .method = METHOD_CARD,
        .token = "card_good",
        .capture = true,
        .return_url = "",
        .cancel_url = "",
        .description = "Two teas",
        .customer_email = "",
        .customer_ip = "",
    };
}

static void read_book(struct conformance_book *ret_book) {
    struct acme_book book;
    acme_book(acme, &book);
    *ret_book = (struct conformance_book){book.taken_minor, book.returned_minor};
}

/* As Acme Pay would post it now. */
static void last_callback(struct gateway_callback_request *ret_request) {
    static const char body[] =
        "{\"id\":\"ev_1\",\"type\":\"charge.changed\",\"at\":1700000000,\"object\":{\"id\":"
        "\"ch_1\",\"reference\":\"att_1\",\"status\":\"paid\",\"amount\":2500,\"currency\":"
        "\"USD\"}}";
    static char at[24], signature[SHA256_HEX_CHARS + 1];
    static const struct http_header headers[] = {
        {"Content-Type", "application/json"}, {"Acme-Time", at}, {"Acme-Signature", signature}};
    int64_t now_us = clock_wall_us();
    snprintf(at, sizeof(at), "%lld", (long long)(now_us / US_PER_SECOND));
    acmepay_sign(ACME_CALLBACK_SECRET, strlen(ACME_CALLBACK_SECRET), at, ACMEPAY_CALLBACK, body,
                 strlen(body), signature);
    *ret_request = (struct gateway_callback_request){headers, COUNT_OF(headers), body, strlen(body),
                                                     now_us};
}

const bool conformance_of_all = false;
const struct conformance_place conformance_places[] = {
    {"acmepay", open_acme, close_acme, charge_of, NULL, read_book, last_callback},
    {0},
};
