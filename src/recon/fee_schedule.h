/* SPDX-License-Identifier: Apache-2.0
 * fee_schedule.h: what a gateway keeps, as it was agreed: the lines of `gateways[].fees`.
 *
 *   fee of a charge   round(amount * ppm / 1,000,000) + fixed, at least minimum, at most maximum
 *   fee of a refund   that of the first refund line that fits, less what comes back of the charge's
 *                     fee by the charge's line (on_refund)
 *   fee of a dispute  that of the first dispute line that fits
 *
 * Of the lines of a kind the first counts that fits and is in force at the moment; `from` is
 * inclusive, `until` is not, and both are midnights of the gateway's place. The moment is the one
 * that the gateway tells, so that a price that changes at midnight is held against each row by the
 * gateway's clock.
 * All arithmetic is of integers, with 128 bits in between: nothing is divided but once, and what
 * does not fit is refused, not wrapped.
 * Where the gateways' documents say how they round: WeChat Pay rounds a fee half up to the fen (its
 * bills tell five decimals); Stripe and PayPal write whole minor units without a word on it, and
 * tell them in their answers. What was agreed with the others stands in the contract.
 * Owns: a schedule its lines and their texts; until fee_schedule_free(). Threads: any; constant.
 * Limits: FEE_LINES_MAX lines of a gateway. Errors: ERR_CONFIG, with the gateway and the line. */
#ifndef HOLDFAST_RECON_FEE_SCHEDULE_H
#define HOLDFAST_RECON_FEE_SCHEDULE_H

#include "base/buf.h"
#include "base/calendar.h"
#include "base/money.h"
#include "gateway/gateway.h"

enum {
    FEE_LINES_MAX = 200,
    FEE_TOLERANCES_MAX = 32,
    FEE_WORDS_MAX = 64, /* regions, currencies, methods as statements tell them; each */
    FEE_NAME_CHARS_MAX = 60,
    FEE_PPM_MAX = 1000000,
};

enum fee_kind { FEE_OF_CHARGE, FEE_OF_REFUND, FEE_OF_DISPUTE, FEE_KIND_COUNT };
const char *fee_kind_name(enum fee_kind kind); /* "charge" */
MUST_USE bool fee_kind_parse(const char *name, enum fee_kind *ret_kind);
enum fee_rounding {
#define X(name, text, what) FEE_ROUND_##name,
#include "recon/fee_roundings.def"
#undef X
};
enum fee_return {
#define X(name, text, what) FEE_RETURN_##name,
#include "recon/fee_returns.def"
#undef X
};

/* A line as it is written in holdfast.yaml (fee_schema.h); what is absent is NULL or 0. */
struct fee_settings {
    char *name;
    char *kind; /* absent: charge */
    char **methods;
    unsigned methods_count;
    char **regions; /* of the customer, as in payments */
    unsigned regions_count;
    char **currencies;
    unsigned currencies_count;
    char **statement_methods; /* as the gateway's statement calls it: "visa", "JSAPI" */
    unsigned statement_methods_count;
    char *from, *until; /* "2026-07-01" */
    char *percent;      /* "1.4", at most four decimals */
    uint64_t fixed, minimum;
    uint64_t *maximum;
    char *rounding;  /* absent: half_up */
    char *on_refund; /* absent: keep; of charges */
};

struct fee_tolerance_settings { /* gateways[].fee_tolerance */
    char *currency;
    uint64_t amount;
};

struct fee_line {
    const char *name;
    enum fee_kind kind;
    bool methods[METHOD_COUNT]; /* any, when none is set */
    const char *const *regions, *const *statement_methods;
    const struct currency *currencies;
    int region_count, statement_method_count, currency_count; /* 0: any */
    int64_t from_us, until_us;                                /* INT64_MIN, INT64_MAX: not said */
    int ppm;
    int64_t fixed_minor, minimum_minor, maximum_minor; /* maximum: INT64_MAX when not said */
    enum fee_rounding rounding;
    enum fee_return on_refund;
};
struct fee_schedule;

/* `zone`: of the gateway's days. *ret_schedule is NULL where there are no lines. */
MUST_USE int fee_schedule_open(const char *gateway, const struct fee_settings *settings, int count,
                               const char *zone, struct fee_schedule **ret_schedule,
                               struct err *err);
void fee_schedule_free(struct fee_schedule *schedule); /* NULL is fine */
struct match_tolerance;
/* So much difference of a fee from what was expected is none, by currency: at most
 * FEE_TOLERANCES_MAX, each currency once. *ret_tolerances: g_free(); NULL where there are none. */
MUST_USE int fee_tolerances_read(const char *gateway, const struct fee_tolerance_settings *settings,
                                 int count, struct match_tolerance **ret_tolerances,
                                 struct err *err);
const struct fee_line *fee_schedule_lines(const struct fee_schedule *schedule, int *ret_count);

/* What a fee is asked of. */
struct fee_case {
    enum fee_kind kind;
    enum payment_method method; /* 0: not known: only lines without methods fit */
    const char *region;         /* "" */
    const char *statement_method;
    struct currency currency;
    int64_t amount_minor; /* without a sign */
    int64_t at_us;
    /* Of a refund: the charge, what it took and what was kept of it by its own answer (-1: ask the
     * schedule); 0: not known. */
    int64_t charge_minor, charge_at_us, charge_fee_minor;
};
struct fee_expected {
    int64_t fee_minor; /* + kept, - given back */
    const struct fee_line *line; /* of its kind; NULL: only that of the charge speaks */
    const struct fee_line *charge_line; /* of a refund: of what comes back; NULL: nothing does */
};
/* 1: a line says it; 0: none does, or the sum does not fit. `schedule` may be NULL. */
int fee_expect(const struct fee_schedule *schedule, const struct fee_case *asked,
               struct fee_expected *ret_expected);

/* What of `amount_minor` a line keeps; false when it does not fit. Amounts are not below 0. */
MUST_USE bool fee_line_of(const struct fee_line *line, int64_t amount_minor, int64_t *ret_minor);
/* "1.4 % + 0.25, at least 0.50"; `currency` for the fixed parts. */
void fee_line_say(const struct fee_line *line, struct buf *buf);
/* {"name","kind",…} as the API has it. */
void fee_line_json(const struct fee_line *line, struct buf *buf);

#endif
