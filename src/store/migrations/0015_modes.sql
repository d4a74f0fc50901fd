-- SPDX-License-Identifier: Apache-2.0
-- 0015: degraded modes. Steps are numbered as in mode/mode_steps.def.
-- One row: where the ladder stands. Instances move it under its lock, from the number they know.
CREATE TABLE mode_state (
    one bigint PRIMARY KEY CHECK (one = 1),
    -- of the last change of the step; the same in mode_change and in the event
    number bigint NOT NULL,
    step bigint NOT NULL,
    since_us bigint NOT NULL,
    rule text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    -- where the rules alone would have it
    ruled bigint NOT NULL,
    -- by hand: 0 not at all, 1 at least this step, 2 exactly this one
    hand bigint NOT NULL,
    hand_step bigint NOT NULL,
    hand_reason text NOT NULL,
    hand_actor text NOT NULL,
    hand_us bigint NOT NULL,
    -- 0: until it is taken back
    hand_until_us bigint NOT NULL,
    -- of the last change of the hidden methods
    methods_number bigint NOT NULL,
    -- methods by name, each between commas (",alipay,card,"): hidden, and those of them that are so
    -- because of their gateways
    hidden text NOT NULL,
    unrouted text NOT NULL,
    simplified bigint NOT NULL,
    simplified_reason text NOT NULL,
    simplified_actor text NOT NULL,
    simplified_us bigint NOT NULL,
    -- what it switched, and has to give back: names between commas, ",billing,risk,"
    simplified_did text NOT NULL
);
CREATE TABLE mode_change (
    number bigint PRIMARY KEY,
    at_us bigint NOT NULL,
    from_step bigint NOT NULL,
    to_step bigint NOT NULL,
    rule text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL
);
-- What people have switched: a purpose or a method, and a gateway whose switch ends by itself.
CREATE TABLE mode_switch (
    kind text NOT NULL,
    name text NOT NULL,
    off bigint NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    at_us bigint NOT NULL,
    -- 0: until it is switched on
    until_us bigint NOT NULL,
    PRIMARY KEY (kind, name)
);
-- What each instance sees of the gateways: a letter a method, and the breakers that are not closed.
CREATE TABLE mode_sight (
    instance text PRIMARY KEY,
    methods text NOT NULL,
    broken text NOT NULL,
    at_us bigint NOT NULL
);
