/* SPDX-License-Identifier: Apache-2.0
 * handlers_observe.c: what is paid elsewhere, told to us: one observation, a batch, or lines. Each
 * stands for itself: those that are well are taken, of the others it is said what is wrong. */
#include <stdio.h>
#include <string.h>

#include "api/read.h"
#include "base/clock.h"
#include "base/json.h"
#include "watch/observation.h"

enum { OBSERVE_JSON_BYTES_MAX = 256 * 1024, ERRORS_SHOWN_MAX = 100, WHERE_CHARS_MAX = 40 };

struct taken {
    int64_t accepted, repeated, refused;
    int shown;
    struct buf errors;
    struct err first; /* of the errors */
};

static void refused(struct taken *taken, size_t line, const struct err *err) {
    if (taken->refused++ == 0) {
        taken->first = *err;
    }
    if (taken->shown == ERRORS_SHOWN_MAX) {
        return;
    }
    buf_addf(&taken->errors, "%s{\"line\":%zu,\"place\":", taken->shown > 0 ? "," : "", line);
    buf_add_json(&taken->errors, err->place);
    buf_add_text(&taken->errors, ",\"detail\":");
    buf_add_json(&taken->errors, err->detail);
    buf_add_text(&taken->errors, ",\"hint\":");
    buf_add_json(&taken->errors, err->hint);
    buf_add_char(&taken->errors, '}');
    taken->shown++;
}

static void take(struct ask *ask, const json_t *object, const char *where, size_t line,
                 struct taken *taken) {
    struct err err = {0};
    enum observed observed;
    int r = 0;
    if (json_is_string(object)) {
        r = err_set(&err, ERR_BAD_JSON, "%.300s", json_string_value(object));
    } else {
        r = observe(ask->service->observer, object, where, clock_wall_us(), &observed, &err);
    }
    if (r < 0) {
        refused(taken, line, &err);
    } else if (observed == OBSERVED_AGAIN) {
        taken->repeated++;
    } else {
        taken->accepted++;
    }
}

/* The observations of the body: its lines, the members of its batch, or itself. */
static void take_all(struct ask *ask, const json_t *lines, const json_t *batch,
                     struct taken *taken) {
    const json_t *several = lines != NULL ? lines : batch;
    size_t i;
    json_t *object;
    if (several == NULL) {
        take(ask, ask->body, "", 1, taken);
        return;
    }
    json_array_foreach(several, i, object) {
        char where[WHERE_CHARS_MAX] = "";
        if (lines == NULL) {
            snprintf(where, sizeof where, "/observations/%zu", i);
        }
        if (lines == NULL || !json_is_null(object)) {
            take(ask, object, where, i + 1, taken);
        }
    }
}

static int answer(struct ask *ask, const struct taken *taken, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, OBSERVE_JSON_BYTES_MAX);
    if (taken->accepted == 0 && taken->repeated == 0 && taken->refused > 0) {
        *err = taken->first;
        return taken->refused == 1
                   ? -(int)err->code
                   : err_hint(err, "None of %lld could be taken; this is the first one's trouble.",
                              (long long)taken->refused);
    }
    buf_addf(&buf, "{\"accepted\":%lld,\"repeated\":%lld,\"refused\":%lld,\"errors\":[",
             (long long)taken->accepted, (long long)taken->repeated, (long long)taken->refused);
    buf_add(&buf, taken->errors.data, taken->errors.len);
    buf_add_text(&buf, "]}");
    if (!buf_ok(&buf) || !buf_ok(&taken->errors)) {
        return err_set(err, ERR_INTERNAL, "the answer is larger than %zu bytes", buf.max);
    }
    ask->answer.status = 200;
    ask->answer.json = buf_take(&buf);
    return 0;
}

int observations_post(struct ask *ask, struct err *err) {
    static const char *const batch_keys[] = {"observations", NULL};
    const json_t *batch = NULL;
    struct taken taken = {0};
    int r = 0;
    if (ask->lines == NULL && json_object_get(ask->body, "observations") != NULL) {
        r = json_only(ask->body, "", batch_keys, err);
        r = r < 0 ? r
                  : json_may_array(ask->body, "", "observations", JSON_BODY_BYTES_MAX, &batch, err);
    }
    if (r < 0) {
        return r;
    }
    buf_init(&taken.errors, OBSERVE_JSON_BYTES_MAX);
    take_all(ask, ask->lines, batch, &taken);
    r = answer(ask, &taken, err);
    buf_release(&taken.errors);
    return r;
}
