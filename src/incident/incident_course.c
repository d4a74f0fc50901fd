/* SPDX-License-Identifier: Apache-2.0
 * incident_course.c: how payments of a scope went, by the minute in which they were begun. */
#include "incident/gate_impl.h"
#include "incident/incident_view.h"

#define COURSE_MINUTE_US (60 * US_PER_SECOND)

/* Finished: states 4, 5 (money is there), 6. Points are counted from $3. */
static const char points_sql[] =
    "SELECT (p.created_us - $3) / $9, COUNT(*), CAST(SUM(CASE WHEN p.state IN (4, 5, 6) THEN 1 "
    "ELSE 0 END) AS bigint), CAST(SUM(CASE WHEN p.state IN (4, 5) THEN 1 ELSE 0 END) AS bigint) "
    "FROM payment p WHERE " SQL_BEGUN " AND " SQL_OF_SCOPE " GROUP BY 1 ORDER BY 1";

int course_take(struct store_tx *tx, const struct incident_scope *scope, int64_t from_us,
                int64_t until_us, struct course *ret_course, struct err *err) {
    struct gate_names names;
    SQL_ROWS_AUTO rows = NULL;
    int64_t begin_us = from_us - from_us % COURSE_MINUTE_US;
    int64_t minutes = (until_us - begin_us + COURSE_MINUTE_US - 1) / COURSE_MINUTE_US;
    int64_t of_point = (minutes + COURSE_POINTS_MAX - 1) / COURSE_POINTS_MAX;
    memset(ret_course, 0, sizeof *ret_course);
    ret_course->from_us = begin_us;
    ret_course->each_us = (of_point > 0 ? of_point : 1) * COURSE_MINUTE_US;
    if (minutes <= 0) {
        return 0;
    }
    ret_course->count = (int)((minutes + of_point - 1) / of_point);
    int r = gate_names_read(scope, &names, err);
    const struct gate_ids ids = gate_ids("pay", begin_us, until_us);
    r = r < 0 ? r
              : sql_query(tx, err, &rows, points_sql,
                          SQL_SCOPE_ARGS(ids, begin_us, until_us, &names),
                          S_INT(ret_course->each_us));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int64_t at = sql_int(rows, 0);
        if (at >= 0 && at < ret_course->count) {
            ret_course->points[at] =
                (struct course_point){sql_int(rows, 1), sql_int(rows, 2), sql_int(rows, 3)};
        }
    }
    return r;
}
