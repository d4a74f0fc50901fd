/* SPDX-License-Identifier: Apache-2.0
 * handlers_metrics.c: the nine figures, now and before (watch/figures.h). */
#include "api/read.h"
#include "api/service_impl.h"
#include "base/clock.h"
#include "watch/figures.h"

enum { FIGURES_BYTES_MAX = 8 << 20 };

static int read_name(const struct ask *ask, struct figures_query *query, struct err *err) {
    char name[QUERY_CHARS_MAX] = "";
    enum figure_id id;
    int r = read_query_text(ask, "name", name, err);
    for (int i = 0; i < FIGURES; i++) {
        query->wanted[i] = name[0] == '\0';
    }
    if (r < 0 || name[0] == '\0') {
        return r;
    }
    if (!figure_find(name, &id)) {
        err_set(err, ERR_VALIDATION, "there is no figure \"%.60s\"", name);
        err_place(err, "name");
        return err_hint(err, "`holdfast metric show` lists them.");
    }
    query->wanted[id] = true;
    return 0;
}

int figures_get(struct ask *ask, struct err *err) {
    struct figures_query query = {.until_us = clock_wall_us()};
    char by[QUERY_CHARS_MAX] = "";
    int r = read_name(ask, &query, err);
    r = r < 0 ? r : read_query_text(ask, "by", by, err);
    r = r < 0 ? r : figures_by_parse(by, &query.by, err);
    r = r < 0 ? r : read_query_since(ask, "since", &query.from_us, err);
    r = r < 0 ? r : read_query_since(ask, "until", &query.until_us, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, FIGURES_BYTES_MAX);
    r = figures_json(&ask->service->figures, &query, &buf, err);
    if (r < 0 || !buf_ok(&buf)) {
        return r < 0 ? r
                     : err_set(err, ERR_VALIDATION, "the answer is too large: ask for one name");
    }
    ask->answer.status = 200;
    ask->answer.json = buf_take(&buf);
    return 0;
}
