/* SPDX-License-Identifier: Apache-2.0
 * gateway.c: the names of outcomes, methods and operations, and what every adapter does alike with
 * a result: its table of errors and the classing of a call that was not answered. */
#include "gateway/gateway.h"

static const struct {
    const char *name;
    bool not_charged, fault;
} outcomes[] = {
    [GW_NONE] = {"none", false, false},
#define X(id, number, text, uncharged, at_fault) [GW_##id] = {text, uncharged, at_fault},
#include "gateway/outcomes.def"
#undef X
};

static const char *const method_names[] = {
    [METHOD_CARD] = "card",         [METHOD_PAYPAL] = "paypal",
    [METHOD_ALIPAY] = "alipay",     [METHOD_WECHATPAY] = "wechatpay",
    [METHOD_UNIONPAY] = "unionpay", [METHOD_BANK_TRANSFER] = "bank_transfer",
};
static_assert(COUNT_OF(method_names) == METHOD_COUNT, "every method has a name");

static const char *const flow_names[] = {
    [FLOW_PAGE] = "page",
    [FLOW_MOBILE] = "mobile_page",
    [FLOW_QR] = "qr",
    [FLOW_APP] = "app",
};
static_assert(COUNT_OF(flow_names) == FLOW_COUNT, "every flow has a name");

static const char *const action_names[] = {
    [ACTION_NONE] = "",   [ACTION_REDIRECT] = "redirect", [ACTION_QR] = "qr_code",
    [ACTION_APP] = "app", [ACTION_FORM] = "form",         [ACTION_TRANSFER] = "bank_transfer",
};
static_assert(COUNT_OF(action_names) == ACTION_COUNT, "every action has a name");

static const char *const operation_names[] = {
    [OP_CHARGE] = "charge", [OP_QUERY] = "query",   [OP_CAPTURE] = "capture",
    [OP_CANCEL] = "cancel", [OP_REFUND] = "refund", [OP_QUERY_REFUND] = "query_refund",
    [OP_PROBE] = "probe",
};
static_assert(COUNT_OF(operation_names) == OP_COUNT, "every operation has a name");

static bool outcome_exists(enum gateway_outcome outcome) {
    return (size_t)outcome < COUNT_OF(outcomes) && outcomes[outcome].name != NULL;
}

const char *gateway_outcome_name(enum gateway_outcome outcome) {
    return outcome_exists(outcome) ? outcomes[outcome].name : "unknown";
}

bool gateway_outcome_not_charged(enum gateway_outcome outcome) {
    return outcome_exists(outcome) && outcomes[outcome].not_charged;
}

bool gateway_outcome_is_fault(enum gateway_outcome outcome) {
    return outcome_exists(outcome) && outcomes[outcome].fault;
}

const char *method_name(enum payment_method method) {
    if (method == METHOD_MANUAL) {
        return "manual";
    }
    if ((size_t)method >= COUNT_OF(method_names) || method_names[method] == NULL) {
        return "";
    }
    return method_names[method];
}

bool method_parse(const char *name, enum payment_method *ret_method) {
    for (size_t i = 0; name != NULL && i < COUNT_OF(method_names); i++) {
        if (method_names[i] != NULL && strcmp(method_names[i], name) == 0) {
            *ret_method = (enum payment_method)i;
            return true;
        }
    }
    return false;
}

const char *flow_name(enum gateway_flow flow) {
    bool there = (size_t)flow < COUNT_OF(flow_names) && flow_names[flow] != NULL;
    return there ? flow_names[flow] : "";
}

bool flow_parse(const char *name, enum gateway_flow *ret_flow) {
    for (size_t i = 0; name != NULL && i < COUNT_OF(flow_names); i++) {
        if (flow_names[i] != NULL && strcmp(flow_names[i], name) == 0) {
            *ret_flow = (enum gateway_flow)i;
            return true;
        }
    }
    return false;
}

static const char *const probe_way_names[] = {
    [PROBE_AUTHORIZE_CANCEL] = "authorize_cancel",
    [PROBE_CHARGE_REFUND] = "charge_refund",
    [PROBE_ORDER_CLOSE] = "order_close",
};
static_assert(COUNT_OF(probe_way_names) == PROBE_WAY_COUNT, "every way has a name");

const char *probe_way_name(enum probe_way way) {
    bool there = (size_t)way < COUNT_OF(probe_way_names) && probe_way_names[way] != NULL;
    return there ? probe_way_names[way] : "";
}

bool probe_way_parse(const char *name, enum probe_way *ret_way) {
    for (size_t i = 0; name != NULL && i < COUNT_OF(probe_way_names); i++) {
        if (probe_way_names[i] != NULL && strcmp(probe_way_names[i], name) == 0) {
            *ret_way = (enum probe_way)i;
            return true;
        }
    }
    return false;
}

const char *action_name(enum gateway_action action) {
    return (size_t)action < COUNT_OF(action_names) ? action_names[action] : "";
}

const char *operation_name(enum gateway_operation operation) {
    if ((size_t)operation >= COUNT_OF(operation_names) || operation_names[operation] == NULL) {
        return "";
    }
    return operation_names[operation];
}

void gateway_dispute_init(struct gateway_dispute *dispute) {
    *dispute = (struct gateway_dispute){
        .amount_minor = -1,
        .fee_minor = -1,
        .common_reason = "other",
    };
}

void gateway_result_init(struct gateway_result *result) {
    *result = (struct gateway_result){
        .outcome = GW_UNKNOWN,
        .amount_minor = -1,
        .captured_minor = -1,
        .refunded_minor = -1,
        .fee_minor = -1,
    };
}

int64_t gateway_action_us(const struct gateway *gateway, int64_t otherwise_us) {
    return gateway->adapter->action_us != NULL ? gateway->adapter->action_us(gateway)
                                               : otherwise_us;
}

enum payment_method gateway_first_method(const struct gateway *gateway) {
    int method = METHOD_CARD;
    while (method < METHOD_COUNT - 1 && !gateway->methods[method]) {
        method++;
    }
    return (enum payment_method)method;
}

const struct secret *gateway_credential(const struct gateway *gateway, const char *name) {
    for (int i = 0; i < gateway->credential_count; i++) {
        if (strcmp(gateway->credentials[i].name, name) == 0) {
            return gateway->credentials[i].value;
        }
    }
    return NULL;
}

const char *gateway_option(const struct gateway *gateway, const char *name) {
    for (int i = 0; i < gateway->option_count; i++) {
        if (strcmp(gateway->options[i].name, name) == 0) {
            return gateway->options[i].value;
        }
    }
    return "";
}

const struct gateway_error *gateway_error_find(const struct gateway_adapter *adapter,
                                               const char *code) {
    for (int i = 0; code != NULL && i < adapter->error_count; i++) {
        if (strcmp(adapter->errors[i].code, code) == 0) {
            return &adapter->errors[i];
        }
    }
    return NULL;
}

bool gateway_result_code(struct gateway_result *result, const struct gateway_adapter *adapter,
                         const char *code, const char *fallback_code) {
    const struct gateway_error *row = gateway_error_find(adapter, code);
    if (row == NULL) {
        row = gateway_error_find(adapter, fallback_code);
    }
    if (row == NULL) {
        return false;
    }
    result->outcome = row->outcome;
    result->advice = row->advice;
    snprintf(result->code, sizeof(result->code), "%s", row->code);
    snprintf(result->common_code, sizeof(result->common_code), "%s", row->common_code);
    return true;
}

bool gateway_result_http(struct gateway_result *result, const struct http_answer *answer,
                         bool moves_money) {
    result->reach = answer->reach;
    result->failure = answer->failure;
    result->http_status = answer->status;
    result->duration_us += answer->total_us; /* of all calls that one operation takes */
    if (answer->reach == HTTP_ANSWERED) {
        return true;
    }
    /* Whatever is not certainly unsent may have been acted on. */
    bool unsent = answer->reach == HTTP_NOT_SENT;
    result->outcome = unsent || !moves_money ? GW_UNAVAILABLE : GW_UNKNOWN;
    result->advice = unsent || !moves_money ? ADVICE_ELSEWHERE : ADVICE_LATER;
    snprintf(result->common_code, sizeof(result->common_code), "%s",
             unsent ? "gateway_unreachable" : "gateway_no_answer");
    return false;
}
