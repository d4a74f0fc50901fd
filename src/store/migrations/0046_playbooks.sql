-- SPDX-License-Identifier: Apache-2.0
-- 0046: playbooks that incidents follow, and where each item of their checklists stands. Times are
-- microseconds since 1970 UTC, 0: never.

CREATE TABLE incident_playbook (
    incident_id text NOT NULL,
    -- its name; an incident follows it as it was then, whatever its file says later
    playbook text NOT NULL,
    -- 1, 2, …: in the order in which they were chosen
    position bigint NOT NULL,
    title_en text NOT NULL,
    title_zh text NOT NULL,
    attached_by text NOT NULL,
    attached_us bigint NOT NULL,
    -- when the machine last looked at its queries
    looked_us bigint NOT NULL,
    PRIMARY KEY (incident_id, playbook)
);

CREATE TABLE incident_item (
    incident_id text NOT NULL,
    playbook text NOT NULL,
    item text NOT NULL,
    position bigint NOT NULL,
    -- numbers of playbook_phases.def and playbook_kinds.def
    phase bigint NOT NULL,
    kind bigint NOT NULL,
    required bigint NOT NULL,
    text_en text NOT NULL,
    text_zh text NOT NULL,
    -- of a query its name, of an approval the role, of an action the kind of measure
    subject text NOT NULL,
    target text NOT NULL,
    value text NOT NULL,
    command text NOT NULL,
    -- one a line
    links text NOT NULL,
    -- items of the same name and digest are one thing, whichever playbooks have them
    digest text NOT NULL,
    -- numbers of playbook_item_states.def and playbook_verdicts.def
    state bigint NOT NULL,
    verdict bigint NOT NULL,
    said_en text NOT NULL,
    said_zh text NOT NULL,
    -- a JSON object
    evidence text NOT NULL,
    looked_us bigint NOT NULL,
    -- "user:usr_…" and the name by then, whose word the state is; '': the machine's, or nobody's
    person text NOT NULL,
    name text NOT NULL,
    at_us bigint NOT NULL,
    reason text NOT NULL,
    -- of an action that was run: when, and the measure's id where there is one
    ran_us bigint NOT NULL,
    reference text NOT NULL,
    PRIMARY KEY (incident_id, playbook, item)
);
