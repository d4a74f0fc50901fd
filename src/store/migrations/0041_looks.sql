-- SPDX-License-Identifier: Apache-2.0
-- 0041: what was counted at each look of a minute, beside the figures by slice of that minute; and
-- the budget of false alarms is one for all that goes by chance.

-- A row for each minute in which any look of a series found something.
CREATE TABLE look_minute (
    minute bigint NOT NULL,
    -- a name of measures.def or checks.def
    measure text NOT NULL,
    -- "name=value" by line, sorted: those of the alert that it would be
    labels text NOT NULL,
    -- whose it is; '' for what all instances count alike, of which the first to write it is kept
    source text NOT NULL,
    -- "3:2:40 18:0:0": second of the minute, how many, for how many seconds
    looks text NOT NULL,
    PRIMARY KEY (minute, measure, labels, source)
);

-- By which complaints and changes are forgotten.
CREATE INDEX complaint_created ON complaint (created_us);
CREATE INDEX change_created ON change (created_us);
CREATE INDEX alert_first_symptom ON alert (first_symptom_us);

UPDATE tuning SET scope = 'budget' WHERE scope = 'detector' AND key = 'alarms_per_day';
