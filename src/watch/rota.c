/* SPDX-License-Identifier: Apache-2.0
 * rota.c: see rota.h. */
#include "watch/rota.h"

#include <string.h>

#include "base/clock.h"

enum { DAY_S = 86400, TURN_DAYS_USUAL = 7, TURN_DAYS_MAX = 366, THURSDAY = 3 };

static const char *const day_names[7] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

static bool two_digits(const char *text, int64_t *ret_number) {
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') {
        return false;
    }
    *ret_number = (text[0] - '0') * 10 + (text[1] - '0');
    return true;
}

bool hours_parse_time(const char *text, int64_t *ret_s) {
    int64_t hour, minute;
    if (strlen(text) != 5 || text[2] != ':' || !two_digits(text, &hour) ||
        !two_digits(text + 3, &minute) || minute > 59 || hour * 60 + minute > 24 * 60) {
        return false;
    }
    *ret_s = (hour * 60 + minute) * 60;
    return true;
}

bool hours_parse_day(const char *text, int *ret_day) {
    for (int i = 0; i < 7; i++) {
        if (strcmp(text, day_names[i]) == 0) {
            *ret_day = i;
            return true;
        }
    }
    return false;
}

int hours_read(const struct alert_hours_config *config, const char *fallback_zone,
               struct hours *ret_hours, struct err *err) {
    struct hours hours = {0};
    for (unsigned i = 0; i < config->days_count; i++) {
        int day;
        if (!hours_parse_day(config->days[i], &day)) {
            return err_set(err, ERR_CONFIG, "days are mon, tue, wed, thu, fri, sat and sun");
        }
        hours.days[day] = true;
    }
    for (int i = 0; config->days_count == 0 && i < 7; i++) {
        hours.days[i] = true;
    }
    if (!hours_parse_time(config->from != NULL ? config->from : "00:00", &hours.from_s) ||
        !hours_parse_time(config->until != NULL ? config->until : "24:00", &hours.until_s) ||
        hours.from_s == DAY_S) {
        return err_set(err, ERR_CONFIG, "hours are written \"09:00\", the end at most \"24:00\"");
    }
    int r = time_zone_open(config->time_zone != NULL ? config->time_zone : fallback_zone,
                           &hours.zone, err);
    if (r < 0) {
        return err_set(err, ERR_CONFIG, "there is no time zone of that name on this machine");
    }
    *ret_hours = hours;
    return 0;
}

void hours_release(struct hours *hours) {
    time_zone_close(hours->zone);
    hours->zone = NULL;
}

/* On which day they began, when they hold. */
static bool begun_on(const struct hours *hours, int64_t wall_us, int64_t *ret_day) {
    int64_t local_s = local_from_wall(hours->zone, wall_us);
    int64_t day = floor_div(local_s, DAY_S), second = local_s - day * DAY_S;
    bool wraps = hours->until_s <= hours->from_s;
    for (int back = 0; back <= (wraps ? 1 : 0); back++) {
        int64_t weekday = (day - back + THURSDAY) % 7;
        bool inside = back == 1 ? second < hours->until_s
                                : second >= hours->from_s && (wraps || second < hours->until_s);
        if (inside && hours->days[weekday < 0 ? weekday + 7 : weekday]) {
            *ret_day = day - back;
            return true;
        }
    }
    return false;
}

bool hours_hold(const struct hours *hours, int64_t wall_us) {
    int64_t day;
    return hours->zone == NULL || begun_on(hours, wall_us, &day);
}

/* ---- turns ---- */

static int read_since(const char *text, int64_t *ret_day, struct err *err) {
    int64_t year_high, year_low, month, day, local_s;
    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' || !two_digits(text, &year_high) ||
        !two_digits(text + 2, &year_low) || !two_digits(text + 5, &month) ||
        !two_digits(text + 8, &day) ||
        !calendar_date((int)(year_high * 100 + year_low), (int)month, (int)day, &local_s)) {
        return err_set(err, ERR_CONFIG, "a day is written 2026-11-23");
    }
    *ret_day = floor_div(local_s, DAY_S);
    return 0;
}

static int read_shift(const struct alert_shift_config *config, const char *zone,
                      struct shift *shift, struct err *err) {
    *shift = (struct shift){.turn_days = config->turn_days > 0 ? config->turn_days
                                                               : TURN_DAYS_USUAL};
    if (config->people_count == 0 || config->people_count > ROTA_PEOPLE_MAX ||
        shift->turn_days > TURN_DAYS_MAX) {
        return err_set(err, ERR_CONFIG, "a shift has 1 to %d people, in turns of 1 to %d days",
                       ROTA_PEOPLE_MAX, TURN_DAYS_MAX);
    }
    if (config->people_count > 1 && config->since == NULL) {
        return err_set(err, ERR_CONFIG, "say since when the first one's turn counts: since");
    }
    for (unsigned i = 0; i < config->people_count; i++) {
        shift->people[shift->people_count++] = config->people[i];
    }
    int r = config->since != NULL ? read_since(config->since, &shift->since_day, err) : 0;
    return r < 0 ? r : hours_read(&config->hours, zone, &shift->hours, err);
}

int rota_read(const struct alert_rota_config *config, const char *fallback_zone,
              struct rota *ret_rota, struct err *err) {
    *ret_rota = (struct rota){.name = config->name};
    if (config->shifts_count == 0 || config->shifts_count > ROTA_SHIFTS_MAX) {
        return err_set(err, ERR_CONFIG, "a rota has 1 to %d shifts", ROTA_SHIFTS_MAX);
    }
    int r = 0;
    for (unsigned i = 0; r >= 0 && i < config->shifts_count; i++) {
        r = read_shift(&config->shifts[i],
                       config->time_zone != NULL ? config->time_zone : fallback_zone,
                       &ret_rota->shifts[i], err);
        ret_rota->shift_count += r >= 0;
    }
    if (r < 0) {
        rota_release(ret_rota);
    }
    return r;
}

void rota_release(struct rota *rota) {
    for (int i = 0; i < rota->shift_count; i++) {
        hours_release(&rota->shifts[i].hours);
    }
    rota->shift_count = 0;
}

const char *rota_on_duty(const struct rota *rota, int64_t wall_us) {
    for (int i = 0; i < rota->shift_count; i++) {
        const struct shift *shift = &rota->shifts[i];
        int64_t day;
        if (begun_on(&shift->hours, wall_us, &day)) {
            int64_t turn = floor_div(day - shift->since_day, shift->turn_days);
            int64_t index = turn % shift->people_count;
            return shift->people[index < 0 ? index + shift->people_count : index];
        }
    }
    return NULL;
}
