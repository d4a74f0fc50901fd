/* SPDX-License-Identifier: Apache-2.0
 * explain_acts.c: what an agent may do about a payment now, and why not (explain_acts.def). What is
 * said here is only told: each act is checked again by the function that does it. */
#include <stdio.h>
#include <string.h>

#include "incident/explain_impl.h"

enum explain_act {
#define X(NAME, name, role, method, path, command) ACT_##NAME,
#include "incident/explain_acts.def"
#undef X
    ACTS
};
static const struct {
    const char *name, *method, *path, *command;
    int role;
} acts[] = {
#define X(NAME, name, role, method, path, command) {name, method, path, command, role},
#include "incident/explain_acts.def"
#undef X
};
static_assert(COUNT_OF(acts) == ACTS, "every act has a row");

/* Why not; both NULL: it may be done. */
struct why {
    const char *en, *zh;
};

/* What the agent refunds alone of this payment; -1: there is no limit. */
static int64_t limit_of(const struct explain_case *one) {
    const struct refund_limits *limits = one->look->options->refunds;
    if (limits == NULL) {
        return -1;
    }
    for (int i = 0; i < limits->count; i++) {
        if (currency_equal(limits->rows[i].currency, one->payment.currency)) {
            int64_t left = limits->rows[i].payment_minor - one->payment.refund_reserved_minor;
            return left > 0 ? left : 0;
        }
    }
    return 0;
}

static int64_t left_of(const struct payment_row *payment) {
    int64_t left = payment->captured_minor - payment->refund_reserved_minor -
                   payment->disputed_minor;
    return left > 0 ? left : 0;
}

static struct why why_no_refund(const struct explain_case *one) {
    const struct payment_row *payment = &one->payment;
    const struct explain_evidence *evidence = &one->evidence;
    if (evidence->attempt_open) {
        return (struct why){"Nobody knows yet whether its money moved: there is nothing to refund "
                            "before its gateway has said so.",
                            "款项是否已扣尚不清楚，网关答复之前不能退款。"};
    }
    if (payment->state != PAYMENT_SUCCEEDED) {
        return (struct why){"No money of it was taken.", "该付款没有扣款。"};
    }
    if (evidence->dispute_open) {
        return (struct why){"It is disputed: the bank has the money, and a refund beside that would "
                            "pay the customer twice.",
                            "该付款有争议，款项在银行，另行退款会使客户得到两份款项。"};
    }
    if (left_of(payment) == 0) {
        return (struct why){"All of it is refunded already, or being refunded.",
                            "已全部退款或正在退款。"};
    }
    return (struct why){NULL, NULL};
}

static struct why why_not(const struct explain_case *one, enum explain_act act) {
    const struct explain_evidence *evidence = &one->evidence;
    struct why none = {NULL, NULL}, refund = why_no_refund(one);
    switch (act) {
    case ACT_REFUND:
        if (refund.en == NULL && limit_of(one) == 0) {
            return (struct why){"It is above what you refund alone: ask a second person.",
                                "超出您可单独退款的限额，请由第二人同意。"};
        }
        return refund;
    case ACT_ASK_REFUND:
        if (refund.en == NULL && limit_of(one) < 0) {
            return (struct why){"You may refund it without a second person.",
                                "您可直接退款，无需第二人。"};
        }
        return refund;
    case ACT_RETURN_CASE:
        return one->case_id[0] != '\0'
                   ? none
                   : (struct why){"No case is open of money that came twice or late.",
                                  "没有重复或迟到款项的个案。"};
    case ACT_CHECK:
        return evidence->attempt_open || evidence->refund_pending || evidence->refund_unknown ||
                       evidence->change_open || evidence->return_open ||
                       one->payment.state == PAYMENT_REQUIRES_ACTION
                   ? none
                   : (struct why){"Nothing of it waits for its gateway.", "没有等待网关的事项。"};
    case ACT_RESEND:
        return evidence->over || one->payment.state >= PAYMENT_REQUIRES_ACTION
                   ? none
                   : (struct why){"There is nothing to tell the shop yet.", "目前没有可通知商城的内容。"};
    case ACT_PAY_LINK:
        return one->situation == EXPLAIN_HELD
                   ? none
                   : (struct why){"Its order is not held for payment by a link, or something of it "
                                  "is still open.",
                                  "订单未以付款链接保留，或尚有未决事项。"};
    default:
        return none;
    }
}

static void put_limit(const struct explain_case *one, enum explain_act act, struct buf *buf) {
    int64_t left = left_of(&one->payment), limit = limit_of(one);
    if (act != ACT_REFUND && act != ACT_ASK_REFUND) {
        buf_add_text(buf, ",\"at_most\":null,\"second_person_above\":null");
        return;
    }
    bool alone = act == ACT_REFUND;
    int64_t most = alone && limit >= 0 && limit < left ? limit : left;
    buf_addf(buf, ",\"at_most\":%lld,\"second_person_above\":", (long long)most);
    if (alone && limit >= 0) {
        buf_addf(buf, "%lld", (long long)limit);
    } else {
        buf_add_text(buf, "null");
    }
}

static void put_act(const struct explain_case *one, enum explain_act act, struct buf *buf) {
    const char *const pairs[] = {"payment", one->payment.id.text, "case",
                                 one->case_id[0] != '\0' ? one->case_id : "CASE", NULL};
    struct why why = why_not(one, act);
    if (why.en == NULL && one->look->options->role < acts[act].role) {
        why = (struct why){"Your role may not do this.", "您的角色无此权限。"};
    }
    BUF_AUTO path;
    BUF_AUTO command;
    buf_init(&path, 400);
    buf_init(&command, 400);
    explain_fill(acts[act].path, pairs, &path);
    explain_fill(acts[act].command, pairs, &command);
    buf_addf(buf, "{\"act\":\"%s\",\"allowed\":%s", acts[act].name,
             why.en == NULL ? "true" : "false");
    put_limit(one, act, buf);
    buf_addf(buf, ",\"method\":\"%s\",\"path\":", acts[act].method);
    buf_add_json(buf, path.data);
    buf_add_text(buf, ",\"command\":");
    buf_add_json(buf, command.data);
    buf_add_text(buf, ",\"why_not\":");
    if (why.en == NULL) {
        buf_add_text(buf, "null}");
        return;
    }
    buf_addf(buf, "{\"en\":\"%s\",\"zh\":\"%s\"}}", why.en, why.zh);
}

void explain_acts(const struct explain_case *one, struct buf *buf) {
    buf_add_text(buf, ",\"acts\":[");
    for (int act = 0; act < ACTS; act++) {
        buf_add_text(buf, act > 0 ? "," : "");
        put_act(one, (enum explain_act)act, buf);
    }
    buf_add_char(buf, ']');
}
