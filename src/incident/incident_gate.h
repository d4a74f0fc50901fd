/* SPDX-License-Identifier: Apache-2.0
 * incident_gate.h: the gate (gate.h) looks at an incident as it stands: its scope and fix, its
 * people, what they signed, what was switched for it.
 *
 * Threads: any. Owns: answers belong to the caller. Errors: ERR_NOT_FOUND, those of gate.h. It may
 * take seconds. */
#ifndef HOLDFAST_INCIDENT_INCIDENT_GATE_H
#define HOLDFAST_INCIDENT_INCIDENT_GATE_H

#include "incident/gate.h"
#include "incident/incident.h"

/* The verdict on it as it stands. Its texts are the arena's. Outside of transactions with `tx`
 * NULL: in a snapshot of its own. */
MUST_USE int incident_gate_look(struct gate *gate, struct store_tx *tx, const char *id,
                                struct arena *arena, struct gate_verdict *ret_verdict,
                                struct err *err);

/* What incident_resolve() asks; `gate` must live as long. */
struct incident_gate incident_gate_of(struct gate *gate);

/* {"incident_id","state",… gate_write_json()'s …,"text","text_zh"}, whatever the state. Changes
 * nothing. */
MUST_USE int incident_gate_show(struct incidents *incidents, struct gate *gate, const char *id,
                                struct answer *ret_answer, struct err *err);

/* That an incident is over: it is resolved or closed, by the gate, and none that is live follows
 * it. `evidence` is the digest of what the gate found, as it stands on the log. `tx` may be NULL:
 * a snapshot of its own. ERR_STATE with the command that lists what is missing. */
struct proof;
MUST_USE int incident_prove(struct incidents *incidents, struct store_tx *tx, const char *id,
                            struct proof *ret_proof, struct err *err);

#endif
