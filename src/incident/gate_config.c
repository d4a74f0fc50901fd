/* SPDX-License-Identifier: Apache-2.0
 * gate_config.c: the schema of `incidents.gate:`, and its numbers between their bounds. */
#include "incident/gate_config.h"

#include "incident/gate.h"
#include "incident/gate_schema.h"

#define NUMBER(key)                                                                                \
    CYAML_FIELD_UINT_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct gate_config, key)

const cyaml_schema_field_t gate_config_fields[] = {
    NUMBER(hold_s),
    NUMBER(bad_percent),
    NUMBER(answer_s),
    NUMBER(stuck_s),
    NUMBER(callbacks_max),
    NUMBER(webhooks_max),
    NUMBER(jobs_late_max),
    NUMBER(unresolved_max),
    CYAML_FIELD_END,
};

static const struct {
    const char *key, *what;
    int64_t usual, least, most;
} limits[GATE_LIMITS] = {
#define X(NAME, key, usual, least, most, what) {key, what, usual, least, most},
#include "incident/gate_limits.def"
#undef X
};

int gate_limits_read(const struct gate_config *config, struct gate_limits *ret_limits,
                     struct err *err) {
    static const struct gate_config none;
    const struct gate_config *set = config != NULL ? config : &none;
    const unsigned *const given[GATE_LIMITS] = {
        [GATE_LIMIT_HOLD] = set->hold_s,
        [GATE_LIMIT_BAD_PERCENT] = set->bad_percent,
        [GATE_LIMIT_ANSWER] = set->answer_s,
        [GATE_LIMIT_STUCK] = set->stuck_s,
        [GATE_LIMIT_CALLBACKS] = set->callbacks_max,
        [GATE_LIMIT_WEBHOOKS] = set->webhooks_max,
        [GATE_LIMIT_JOBS_LATE] = set->jobs_late_max,
        [GATE_LIMIT_UNRESOLVED] = set->unresolved_max,
    };
    struct gate_limits read;
    for (int i = 0; i < GATE_LIMITS; i++) {
        read.of[i] = given[i] != NULL ? (int64_t)*given[i] : limits[i].usual;
        if (read.of[i] < limits[i].least || read.of[i] > limits[i].most) {
            err_set(err, ERR_CONFIG, "%lld is not between %lld and %lld: %s",
                    (long long)read.of[i], (long long)limits[i].least, (long long)limits[i].most,
                    limits[i].what);
            return err_place(err, "incidents.gate.%s", limits[i].key);
        }
    }
    *ret_limits = read;
    return 0;
}
