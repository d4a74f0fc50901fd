/* SPDX-License-Identifier: Apache-2.0
 * after.c: what a transaction meters and logs, once and only when it has been committed: one that
 * is run again, or rolled back, has not happened (store_after()). */
#include <string.h>

#include "payment/internal.h"
#include "store/store.h"

struct count_later {
    enum meter_id id;
    char labels[METER_LABELS_MAX][METER_LABEL_CHARS_MAX + 1];
};

static void count_now(void *what) {
    const struct count_later *later = what;
    const char *labels[METER_LABELS_MAX];
    for (int i = 0; i < METER_LABELS_MAX; i++) {
        labels[i] = later->labels[i];
    }
    meter_add(later->id, 1, labels);
}

void count_after(struct store_tx *tx, enum meter_id id,
                 const char *const labels[METER_LABELS_MAX]) {
    struct count_later *later = store_after(tx, count_now, sizeof(*later));
    later->id = id;
    for (int i = 0; i < METER_LABELS_MAX; i++) {
        const char *label = labels[i] != NULL ? labels[i] : "";
        memcpy(later->labels[i], label, strnlen(label, METER_LABEL_CHARS_MAX));
    }
}

/* The texts stand behind the fields, each with its NUL. */
struct log_later {
    enum log_event_name name;
    size_t count;
    struct log_field fields[];
};

static void log_now(void *what) {
    const struct log_later *later = what;
    log_write(later->name, later->fields, later->count);
}

void log_after_fields(struct store_tx *tx, enum log_event_name name, const struct log_field *fields,
                      size_t count) {
    if (!log_wanted(name)) {
        return; /* no copy for a line that nobody reads */
    }
    size_t bytes = sizeof(struct log_later) + count * sizeof(*fields);
    for (size_t i = 0; i < count; i++) {
        bytes += fields[i].text != NULL ? strlen(fields[i].text) + 1 : 0;
    }
    struct log_later *later = store_after(tx, log_now, bytes);
    char *text = (char *)(later->fields + count);
    later->name = name;
    later->count = count;
    for (size_t i = 0; i < count; i++) {
        later->fields[i] = fields[i];
        if (fields[i].text != NULL) {
            size_t text_bytes = strlen(fields[i].text) + 1;
            later->fields[i].text = memcpy(text, fields[i].text, text_bytes);
            text += text_bytes;
        }
    }
}
