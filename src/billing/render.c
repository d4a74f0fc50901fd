/* SPDX-License-Identifier: Apache-2.0
 * render.c: rows as JSON. Tokens are never shown. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "billing/internal.h"

static void put_text(json_t *json, const char *key, const char *text) {
    json_object_set_new(json, key, json_string(text));
}

static void put_or_null(json_t *json, const char *key, const char *text) {
    json_object_set_new(json, key,
                        text == NULL || text[0] == '\0' ? json_null() : json_string(text));
}

static void put_int(json_t *json, const char *key, int64_t value) {
    json_object_set_new(json, key, json_integer(value));
}

static void put_time(json_t *json, const char *key, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    put_or_null(json, key, wall_us > 0 ? clock_format(wall_us, text) : "");
}

static void put_money(json_t *json, int64_t amount_minor, struct currency currency) {
    char decimal[MONEY_TEXT_MAX];
    put_int(json, "amount", amount_minor);
    put_text(json, "currency", currency.code);
    put_text(json, "amount_decimal", money_decimal(amount_minor, currency, decimal));
}

json_t *render_plan(const struct plan_row *plan) {
    json_t *json = json_object();
    put_text(json, "id", plan->id.text);
    put_text(json, "object", "plan");
    put_text(json, "name", plan->name);
    put_money(json, plan->amount_minor, plan->currency);
    put_text(json, "interval", calendar_unit_name(plan->unit));
    put_int(json, "interval_count", plan->unit_count);
    put_int(json, "trial_days", plan->trial_days);
    put_text(json, "when_unpaid", when_unpaid_name(plan->when_unpaid));
    json_object_set_new(json, "active", json_boolean(plan->active));
    put_time(json, "created_at", plan->created_us);
    put_time(json, "updated_at", plan->updated_us);
    return json;
}

json_t *render_invoice(const struct invoice_row *invoice) {
    json_t *json = json_object();
    put_text(json, "id", invoice->id.text);
    put_text(json, "object", "invoice");
    put_text(json, "subscription_id", invoice->subscription_id.text);
    put_int(json, "number", invoice->number);
    put_text(json, "state", invoice_state_name(invoice->state));
    put_text(json, "plan_id", invoice->plan_id.text);
    put_money(json, invoice->amount_minor, invoice->currency);
    put_time(json, "period_start", invoice->period_start_us);
    put_time(json, "period_end", invoice->period_end_us);
    put_or_null(json, "payment_id", invoice->payment_id.text);
    put_int(json, "tries", invoice->tries);
    json_object_set_new(json, "trying", json_boolean(invoice->trying));
    put_time(json, "next_try_at", invoice->next_try_us);
    put_time(json, "give_up_at", invoice->give_up_us);
    put_or_null(json, "failure_code", invoice->failure_code);
    put_or_null(json, "advice", advice_name(invoice->advice));
    put_or_null(json, "reason", invoice->reason);
    put_time(json, "paid_at", invoice->paid_us);
    put_time(json, "created_at", invoice->created_us);
    put_time(json, "updated_at", invoice->updated_us);
    return json;
}

json_t *render_subscription(const struct subscription_row *row, const struct invoice_row *invoice) {
    json_t *json = json_object();
    struct err err = {0};
    json_t *metadata = NULL;
    put_text(json, "id", row->id.text);
    put_text(json, "object", "subscription");
    put_text(json, "state", subscription_state_name(row->state));
    put_text(json, "customer_id", row->customer_id);
    put_text(json, "plan_id", row->plan_id.text);
    put_or_null(json, "next_plan_id", row->next_plan_id.text);
    put_text(json, "method", method_name(row->method));
    put_text(json, "time_zone", row->time_zone);
    put_int(json, "period", row->period);
    put_time(json, "period_start", row->period_start_us);
    put_time(json, "period_end", row->period_end_us);
    json_object_set_new(json, "cancel_at_period_end", json_boolean(row->cancel_at_end));
    put_or_null(json, "reason", row->reason);
    put_or_null(json, "description", row->description);
    if (json_read(row->metadata, strlen(row->metadata), 4 * METADATA_BYTES_MAX, JSON_DEPTH_MAX,
                  &metadata, &err) < 0) {
        metadata = json_object();
    }
    json_object_set_new(json, "metadata", metadata);
    bool shown = invoice != NULL && invoice->id.text[0] != '\0';
    json_object_set_new(json, "latest_invoice", shown ? render_invoice(invoice) : json_null());
    put_int(json, "version", row->version);
    put_time(json, "created_at", row->created_us);
    put_time(json, "updated_at", row->updated_us);
    put_time(json, "ended_at", row->ended_us);
    return json;
}

void answer_json(struct answer *ret_answer, int status, json_t *json) {
    free(ret_answer->json);
    *ret_answer = (struct answer){.status = status, .json = json_write(json)};
    json_decref(json);
}
