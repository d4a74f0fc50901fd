/* SPDX-License-Identifier: Apache-2.0
 * periods.c: when a period begins, and when a declined one is tried again.
 *
 * Period n begins (n - anchor_number) intervals after the anchor, on the clocks of the
 * subscription's zone: counted from the anchor each time, so that nothing adds up. */
#include "billing/internal.h"

/* Days after the first decline on which the same method is tried again, at a decent hour. */
static const int schedule_days[] = {1, 3, 5, 7};
enum { SCHEDULE_HOUR = 10 };
/* For what a gateway, not a customer, is to blame for; the last one repeats. */
static const int64_t soon_us[] = {
    15 * 60 * US_PER_SECOND,  30 * 60 * US_PER_SECOND,  3600 * US_PER_SECOND,
    3 * 3600 * US_PER_SECOND, 6 * 3600 * US_PER_SECOND,
};

static int64_t local_start(const struct subscription_row *subscription, const struct plan_row *plan,
                           int64_t number) {
    int64_t intervals = number - subscription->anchor_number;
    return calendar_step(subscription->anchor_local_s, subscription->anchor_day, plan->unit,
                         intervals * plan->unit_count);
}

int64_t period_start(const struct subscription_row *subscription, const struct plan_row *plan,
                     const struct time_zone *zone, int64_t number) {
    return wall_from_local(zone, local_start(subscription, plan, number));
}

int64_t period_at(const struct subscription_row *subscription, const struct plan_row *plan,
                  const struct time_zone *zone, int64_t wall_us) {
    static const int days[] = {
        [UNIT_DAY] = 1, [UNIT_WEEK] = 7, [UNIT_MONTH] = 28, [UNIT_YEAR] = 365};
    int64_t low = subscription->anchor_number;
    int64_t began_us = period_start(subscription, plan, zone, low);
    if (wall_us < began_us) {
        return low;
    }
    /* No interval is shorter; one more for a change of the clocks. */
    int64_t interval_us = days[plan->unit] * plan->unit_count * US_PER_DAY;
    int64_t high = low + (wall_us - began_us) / interval_us + 2;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        bool begun = period_start(subscription, plan, zone, middle) <= wall_us;
        low = begun ? middle : low;
        high = begun ? high : middle;
    }
    return low;
}

static bool by_months(const struct plan_row *plan) {
    return plan->unit == UNIT_MONTH || plan->unit == UNIT_YEAR;
}

void period_change_plan(struct subscription_row *subscription, const struct plan_row *from,
                        const struct plan_row *to, int64_t number) {
    int64_t local_s = local_start(subscription, from, number);
    /* The day that was asked for is not lost on a short month. */
    bool keeps_day = by_months(from) && by_months(to);
    subscription->anchor_day = keeps_day ? subscription->anchor_day : calendar_day(local_s);
    subscription->anchor_local_s = local_s;
    subscription->anchor_number = number;
    subscription->plan_id = to->id;
    subscription->next_plan_id = (struct plan_id){""};
}

int64_t dunning_next_us(const struct time_zone *zone, int64_t first_us, int64_t declines) {
    if (declines < 1 || declines > (int64_t)COUNT_OF(schedule_days)) {
        return 0;
    }
    int64_t local_s = calendar_step(local_from_wall(zone, first_us), 1, UNIT_DAY,
                                    schedule_days[declines - 1]);
    return wall_from_local(zone, calendar_at_hour(local_s, SCHEDULE_HOUR));
}

int64_t dunning_soon_us(int64_t outages) {
    int64_t last = COUNT_OF(soon_us) - 1;
    return soon_us[outages < 1 ? 0 : outages - 1 > last ? last : outages - 1];
}
