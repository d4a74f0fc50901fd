-- SPDX-License-Identifier: Apache-2.0
-- match.sql: the matcher of match/match.h as SQL, for books that are larger than one machine. The
-- classes, groups and sums are those that match_run() gives for the same rows and rules; its header
-- says what the rules mean, docs/reconciliation-sql.md how this is used.
--
-- PostgreSQL 15 and what speaks like it. Into an empty database, or beside other schemas:
--     psql -f match.sql
-- then fill recon_match.ours, .theirs and .rule, CALL recon_match.run(now_us, fee_tolerance_minor),
-- and look at recon_match.taken, .sums and .breaks.
--
-- How it works: nothing is updated. Each rule copies the rows that are still free into `work`, by
-- the key that it looks at, and windows over that key say which rows are a group; what it takes is
-- added to `taken`. So each step needs the rows of one key in one place and nothing else: rows are
-- spread by their number, `work` by its key.
--
-- A row counts as in match/match.h: amounts are minor units, + came to us; a fee of NULL is not
-- told; at_us 0 is not told; due_us 9223372036854775807 is never; a text of '' is not told.

CREATE SCHEMA recon_match;

-- Kinds and statuses as in row_kinds.def and row_statuses.def.
CREATE TABLE recon_match.ours (
    number bigint PRIMARY KEY,
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 17),
    status smallint NOT NULL CHECK (status BETWEEN 1 AND 3),
    currency text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor bigint NOT NULL CHECK (amount_minor > -9223372036854775808),
    fee_minor bigint,
    at_us bigint NOT NULL DEFAULT 0,
    due_us bigint NOT NULL DEFAULT 0,
    gateway_id text COLLATE "C" NOT NULL DEFAULT '',
    reference text COLLATE "C" NOT NULL DEFAULT '',
    original_id text COLLATE "C" NOT NULL DEFAULT '',
    batch text COLLATE "C" NOT NULL DEFAULT '',
    description text COLLATE "C" NOT NULL DEFAULT ''
);
CREATE TABLE recon_match.theirs (LIKE recon_match.ours INCLUDING ALL);

-- In the order of `position`. families: bits of 1 << family (payment 1, refund 2, dispute 3, the
-- gateway's own 4, bank 5); 0: all. Windows in microseconds; both 0: any time.
CREATE TABLE recon_match.rule (
    position integer PRIMARY KEY CHECK (position >= 0),
    name text NOT NULL,
    way text NOT NULL
        CHECK (way IN ('gateway_id', 'reference', 'original', 'amount_time', 'batch')),
    families integer NOT NULL DEFAULT 0,
    tolerance_minor bigint NOT NULL DEFAULT 0 CHECK (tolerance_minor >= 0),
    tolerance_ppm integer NOT NULL DEFAULT 0 CHECK (tolerance_ppm >= 0),
    before_us bigint NOT NULL DEFAULT 0 CHECK (before_us >= 0),
    after_us bigint NOT NULL DEFAULT 0 CHECK (after_us >= 0)
);

-- So much difference is none in this currency, instead of the rule's tolerance_minor.
CREATE TABLE recon_match.tolerance (
    position integer NOT NULL,
    currency text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    tolerance_minor bigint NOT NULL CHECK (tolerance_minor >= 0),
    PRIMARY KEY (position, currency)
);

-- Where each row is. A group is known by the lowest number of ours in it, or of theirs where it has
-- none. rule -1: none took it.
CREATE TABLE recon_match.taken (
    number bigint NOT NULL,
    side smallint NOT NULL, -- 1 ours, 2 theirs
    class smallint NOT NULL,
    rule integer NOT NULL,
    group_side smallint NOT NULL,
    group_number bigint NOT NULL,
    paid_there boolean NOT NULL, -- a group of ours for which money moved there
    difference_minor bigint NOT NULL, -- of the group: theirs less ours; several currencies: 0
    PRIMARY KEY (number, side)
);
-- Rows of ours for which AMOUNT_TIME saw several.
CREATE TABLE recon_match.ambiguous (number bigint NOT NULL);

-- The rows that the rule at hand looks at, by its key; `found` is how a row of theirs named its
-- batch. Emptied by each step.
CREATE UNLOGGED TABLE recon_match.work (
    key text COLLATE "C" NOT NULL,
    side smallint NOT NULL,
    number bigint NOT NULL,
    kind smallint NOT NULL,
    status smallint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    amount bigint NOT NULL, -- as the bank sees it
    fee bigint,
    at_us bigint NOT NULL,
    due_over boolean NOT NULL,
    gateway_id text COLLATE "C" NOT NULL,
    bits smallint NOT NULL, -- which ids it tells that an earlier rule has looked at
    found smallint NOT NULL
);
-- Rows of one key that moved money on both sides and are not equal; and what became of them. shape
-- 4: a pair, whose name is the number of ours; 6: one of the only group of several of its key.
CREATE UNLOGGED TABLE recon_match.rest (
    key text COLLATE "C" NOT NULL,
    side smallint NOT NULL,
    number bigint NOT NULL,
    kind smallint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    at_us bigint NOT NULL
);
CREATE UNLOGGED TABLE recon_match.fitted (
    key text COLLATE "C" NOT NULL,
    side smallint NOT NULL,
    number bigint NOT NULL,
    shape smallint NOT NULL,
    place bigint
);
-- AMOUNT_TIME: how many candidates a row has, and which when it is one.
CREATE UNLOGGED TABLE recon_match.seen (
    key text COLLATE "C" NOT NULL,
    side smallint NOT NULL,
    number bigint NOT NULL,
    candidates bigint NOT NULL,
    candidate bigint
);
-- BATCH: what each row of theirs may mean, and where it found it; and which it means.
CREATE UNLOGGED TABLE recon_match.word (
    key text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    stage smallint NOT NULL
);
CREATE UNLOGGED TABLE recon_match.named (
    number bigint NOT NULL,
    stage smallint NOT NULL,
    key text COLLATE "C" NOT NULL
);

-- ---- what a row is ----

CREATE FUNCTION recon_match.family(kind smallint) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN kind = 1 THEN 1 WHEN kind IN (2, 3) THEN 2 WHEN kind IN (4, 5) THEN 3
                WHEN kind BETWEEN 11 AND 15 THEN 5 ELSE 4 END
$$;
-- A payout is a credit at the bank; one that came back, and a top-up, are debits.
CREATE FUNCTION recon_match.bank_kind(kind smallint) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN kind = 11 THEN 14 WHEN kind IN (12, 13) THEN 15 ELSE kind::integer END
$$;
CREATE FUNCTION recon_match.bank_amount(kind smallint, amount_minor bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN kind IN (11, 12, 13) THEN -amount_minor ELSE amount_minor END
$$;
CREATE FUNCTION recon_match.is_over(due_us bigint, now_us bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
    SELECT due_us <> 9223372036854775807 AND now_us >= due_us
$$;
CREATE FUNCTION recon_match.covers(families integer, kind smallint) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
    SELECT families = 0 OR (families >> recon_match.family(kind)) & 1 = 1
$$;
CREATE FUNCTION recon_match.within(rule recon_match.rule, the_currency text, ours numeric,
    difference numeric) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT difference = 0 OR abs(difference) <= coalesce((SELECT t.tolerance_minor
            FROM recon_match.tolerance t
            WHERE t.position = (rule).position AND t.currency = the_currency),
            (rule).tolerance_minor)
        OR abs(difference) * 1000000 <= abs(ours) * (rule).tolerance_ppm
$$;
CREATE FUNCTION recon_match.in_time(rule recon_match.rule, ours bigint, theirs bigint)
    RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT ((rule).before_us = 0 AND (rule).after_us = 0) OR ours = 0 OR theirs = 0
        OR (theirs::numeric - ours <= (rule).after_us
            AND ours::numeric - theirs <= (rule).before_us)
$$;

-- A row of ours beside one of theirs: what differs first.
CREATE FUNCTION recon_match.pair_class(rule recon_match.rule, fee_tolerance bigint,
    our_kind smallint, our_status smallint, our_currency text, our_amount bigint, our_fee bigint,
    our_at bigint, due_over boolean, their_kind smallint, their_status smallint,
    their_currency text, their_amount bigint, their_fee bigint, their_at bigint)
    RETURNS smallint LANGUAGE sql STABLE AS $$
    SELECT (CASE
        WHEN our_kind <> their_kind
            AND NOT (recon_match.bank_kind(our_kind) = recon_match.bank_kind(their_kind)
                AND (our_kind IN (14, 15) OR their_kind IN (14, 15))) THEN 31 -- KIND
        WHEN our_currency <> their_currency THEN 16 -- CURRENCY
        WHEN our_status <> 1 AND their_status = 1 THEN 12 -- PAID_THERE
        WHEN our_status <> 1 THEN 3 -- NOTHING_MOVED
        WHEN their_status = 2 AND NOT due_over THEN 4 -- EXPECTED
        WHEN their_status <> 1 THEN 13 -- OPEN_THERE
        WHEN NOT recon_match.within(rule, our_currency, our_amount,
            their_amount::numeric - our_amount) THEN
            CASE recon_match.family(our_kind) WHEN 2 THEN 22 -- REFUND_MISMATCH
                WHEN 5 THEN 28 -- PAYOUT
                ELSE CASE WHEN their_amount > our_amount THEN 14 ELSE 15 END END -- OVER, UNDER
        WHEN fee_tolerance >= 0 AND abs(their_fee::numeric - our_fee) > fee_tolerance THEN 24 -- FEE
        WHEN NOT recon_match.in_time(rule, our_at, their_at) THEN 25 -- LATE
        WHEN our_amount = their_amount THEN 1 -- MATCHED
        ELSE 2 END)::smallint -- MATCHED_TOLERANCE
$$;

-- A row that no rule took.
CREATE FUNCTION recon_match.alone_class(side integer, kind smallint, status smallint,
    due_over boolean) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT (CASE
        WHEN side = 2 AND recon_match.family(kind) = 4 THEN 5 -- GATEWAYS_OWN
        WHEN status <> 1 THEN 3 -- NOTHING_MOVED
        WHEN side = 1 AND NOT due_over THEN 4 -- EXPECTED
        WHEN side = 1 THEN CASE recon_match.family(kind) WHEN 2 THEN 23 -- REFUND_LOST
            WHEN 5 THEN 29 ELSE 10 END -- BANK_MISSING, MISSING_THERE
        ELSE CASE recon_match.family(kind) WHEN 1 THEN 11 -- MISSING_HERE
            WHEN 2 THEN 20 WHEN 3 THEN 21 -- ORPHAN_REFUND, ORPHAN_DISPUTE
            ELSE CASE WHEN kind IN (14, 15) THEN 30 ELSE 5 END END -- BANK_UNKNOWN, GATEWAYS_OWN
        END)::smallint
$$;

-- All rows that no rule has taken yet.
CREATE VIEW recon_match.free AS
    SELECT 1::smallint AS side, o.* FROM recon_match.ours o WHERE NOT EXISTS (
        SELECT 1 FROM recon_match.taken k WHERE k.number = o.number AND k.side = 1)
    UNION ALL
    SELECT 2::smallint AS side, t.* FROM recon_match.theirs t WHERE NOT EXISTS (
        SELECT 1 FROM recon_match.taken k WHERE k.number = t.number AND k.side = 2);

-- ---- by one key: GATEWAY_ID, REFERENCE, ORIGINAL ----

-- What stands in `work` under one key, and who is equal to whom. pairing 1: one of each side; 2:
-- equal in currency, amount, status and kind, the oldest with the oldest; 3: both moved money, and
-- are equal in currency and amount.
CREATE VIEW recon_match.paired AS
    WITH slice AS (
        SELECT w.*, recon_match.bank_kind(w.kind) AS bank_kind,
            count(*) FILTER (WHERE side = 1) OVER s AS ours,
            count(*) FILTER (WHERE side = 2) OVER s AS theirs,
            count(*) FILTER (WHERE side = 1 AND status = 1) OVER s AS ours_done,
            count(*) FILTER (WHERE side = 2 AND status = 1) OVER s AS theirs_done
        FROM recon_match.work w
        WINDOW s AS (PARTITION BY key)
    ), met AS (
        SELECT *, ours_done > 0 AND theirs_done > 0 AS both_done FROM slice
        WHERE ours > 0 AND theirs > 0
    ), equals AS (
        SELECT *,
            row_number() OVER (PARTITION BY key, currency, amount, status, bank_kind, side
                ORDER BY at_us = 0, at_us, number) AS equal_place,
            count(*) FILTER (WHERE side = 1) OVER e AS ours_equal,
            count(*) FILTER (WHERE side = 2) OVER e AS theirs_equal
        FROM met
        WINDOW e AS (PARTITION BY key, currency, amount, status, bank_kind)
    ), first_pairs AS (
        SELECT *, CASE WHEN ours = 1 AND theirs = 1 THEN 1
            WHEN both_done AND equal_place <= least(ours_equal, theirs_equal) THEN 2 END AS first
        FROM equals
    ), moved AS (
        SELECT *, first IS NULL AND both_done AND status = 1 AS moves,
            row_number() OVER (PARTITION BY key, currency, amount, first, status = 1, side
                ORDER BY bank_kind, at_us = 0, at_us, number) AS moved_place,
            count(*) FILTER (WHERE side = 1) OVER a AS ours_moved,
            count(*) FILTER (WHERE side = 2) OVER a AS theirs_moved
        FROM first_pairs
        WINDOW a AS (PARTITION BY key, currency, amount, first, status = 1)
    )
    SELECT *, CASE WHEN moves AND moved_place <= least(ours_moved, theirs_moved) THEN 3
            ELSE first END AS pairing,
        CASE WHEN first = 2 THEN equal_place WHEN first IS NULL THEN moved_place END AS pair_place
    FROM moved;

-- What no step has put anywhere yet, of keys of which both sides have some, with the sums of each.
CREATE VIEW recon_match.unfit AS
    SELECT * FROM (
        SELECT r.*, count(*) FILTER (WHERE side = 1) OVER s AS ours,
            count(*) FILTER (WHERE side = 2) OVER s AS theirs,
            sum(amount) FILTER (WHERE side = 1) OVER s AS our_sum,
            sum(amount) FILTER (WHERE side = 2) OVER s AS their_sum,
            min(currency) OVER s <> max(currency) OVER s AS mixed
        FROM recon_match.rest r
        WHERE NOT EXISTS (SELECT 1 FROM recon_match.fitted f
            WHERE f.key = r.key AND f.side = r.side AND f.number = r.number)
        WINDOW s AS (PARTITION BY key)) AS u
    WHERE ours > 0 AND theirs > 0;
-- Each of ours beside each of theirs that it could be a pair with; `apart` NULL: a time is not
-- told.
CREATE VIEW recon_match.gap AS
    SELECT o.key, o.number AS our_number, t.number AS their_number, o.currency, o.amount, o.ours,
        o.theirs, o.our_sum, o.their_sum, o.mixed, o.at_us AS our_at, t.at_us AS their_at,
        t.amount::numeric - o.amount AS difference,
        CASE WHEN o.at_us <> 0 AND t.at_us <> 0 THEN abs(t.at_us::numeric - o.at_us) END AS apart
    FROM recon_match.unfit o JOIN recon_match.unfit t
        ON t.key = o.key AND t.currency = o.currency AND t.kind = o.kind
    WHERE o.side = 1 AND t.side = 2;

-- The steps of match/match_fit.c.
CREATE PROCEDURE recon_match.fit(the_rule recon_match.rule) LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM recon_match.rest) THEN
        TRUNCATE recon_match.rest, recon_match.fitted;
    END IF;
    INSERT INTO recon_match.rest SELECT key, side, number, kind, currency, amount, at_us
    FROM recon_match.paired WHERE moves AND pairing IS NULL;
    IF NOT FOUND THEN
        RETURN; -- as nearly always
    END IF;
    -- One of each; the whole; one of theirs that several of ours are; each amount once.
    INSERT INTO recon_match.fitted
    WITH ranked AS (
        SELECT *, recon_match.within(the_rule, currency, our_sum, their_sum - our_sum) AS agrees,
            row_number() OVER (PARTITION BY key, side
                ORDER BY abs(amount - our_sum), at_us = 0, at_us, number) AS nearest,
            row_number() OVER (PARTITION BY key, side, amount, kind
                ORDER BY at_us = 0, at_us, number) AS turn
        FROM recon_match.unfit
    ), counted AS (
        SELECT *, max(number) FILTER (WHERE side = 1) OVER s AS our_number,
            bool_or(side = 2 AND nearest = 1
                AND recon_match.within(the_rule, currency, our_sum, amount - our_sum)) OVER s
                AS one_agrees,
            count(*) FILTER (WHERE side = 2 AND turn = 1) OVER s AS once,
            sum(amount) FILTER (WHERE side = 2 AND turn = 1) OVER s AS once_sum
        FROM ranked
        WINDOW s AS (PARTITION BY key)
    ), decided AS (
        SELECT *, CASE WHEN ours = 1 AND theirs = 1 THEN 1
            WHEN recon_match.family(kind) = 5 OR (NOT mixed AND agrees) THEN 2
            WHEN mixed THEN 0
            WHEN ours > 1 AND one_agrees THEN 3
            WHEN once > 1 AND once < theirs
                AND recon_match.within(the_rule, currency, our_sum, once_sum - our_sum) THEN 4
            ELSE 0 END AS decision
        FROM counted
    )
    SELECT key, side, number, CASE decision WHEN 1 THEN 4 ELSE 6 END,
        CASE decision WHEN 1 THEN our_number END
    FROM decided
    WHERE decision IN (1, 2) OR (decision = 3 AND (side = 1 OR nearest = 1))
        OR (decision = 4 AND (side = 1 OR turn = 1));
    -- Pairs within the tolerance: who is each other's best, again and again.
    LOOP
        INSERT INTO recon_match.fitted
        WITH best AS (
            SELECT key, our_number, their_number,
                row_number() OVER (PARTITION BY key, our_number ORDER BY apart NULLS LAST,
                    abs(difference), their_at = 0, their_at, their_number) AS of_ours,
                row_number() OVER (PARTITION BY key, their_number ORDER BY apart NULLS LAST,
                    abs(difference), our_at = 0, our_at, our_number) AS of_theirs
            FROM recon_match.gap
            WHERE (least(ours, theirs) = 1 OR ours * theirs <= 1024)
                AND recon_match.within(the_rule, currency, amount, difference)
        )
        SELECT key, side, CASE side WHEN 1 THEN our_number ELSE their_number END, 4, our_number
        FROM best CROSS JOIN (VALUES (1::smallint), (2::smallint)) AS each (side)
        WHERE of_ours = 1 AND of_theirs = 1;
        EXIT WHEN NOT FOUND;
    END LOOP;
    -- One of one side and the nearest of the other, unless all together are nearer; else all.
    INSERT INTO recon_match.fitted
    WITH nearest AS (
        SELECT *, row_number() OVER (PARTITION BY key ORDER BY abs(difference), apart NULLS LAST,
            their_at = 0, their_at, their_number, our_at = 0, our_at, our_number) AS place
        FROM recon_match.gap WHERE least(ours, theirs) = 1 AND NOT mixed
    ), pair AS (
        SELECT key, our_number, their_number FROM nearest
        WHERE place = 1 AND abs(difference) <= abs(their_sum - our_sum)
    ), decided AS (
        SELECT u.key, u.side, u.number, ours = 1 AND theirs = 1 AS alone,
            CASE WHEN p.key IS NULL THEN NULL WHEN u.side = 1 THEN p.our_number
                ELSE p.their_number END AS chosen,
            coalesce(p.our_number, max(u.number) FILTER (WHERE u.side = 1)
                OVER (PARTITION BY u.key)) AS name
        FROM recon_match.unfit u LEFT JOIN pair p ON p.key = u.key
    )
    SELECT key, side, number, CASE WHEN alone OR chosen IS NOT NULL THEN 4 ELSE 6 END,
        CASE WHEN alone OR chosen IS NOT NULL THEN name END
    FROM decided WHERE alone OR chosen IS NULL OR number = chosen;
END $$;

-- ORIGINAL takes only what is 1:1.
CREATE PROCEDURE recon_match.take_keys(the_rule recon_match.rule, fee_tolerance bigint)
    LANGUAGE plpgsql AS $$
BEGIN
    IF (the_rule).way <> 'original' THEN
        CALL recon_match.fit(the_rule);
    END IF;
    INSERT INTO recon_match.taken
    WITH done AS (
        SELECT p.*, coalesce(p.pairing, f.shape) AS early, f.place AS fit_place
        FROM recon_match.paired p LEFT JOIN recon_match.fitted f
            ON f.key = p.key AND f.side = p.side AND f.number = p.number
        WHERE (the_rule).way <> 'original' OR pairing = 1
    ), amounts AS (
        -- Of what is left: equal in currency and amount, DONE before PENDING before FAILED.
        SELECT *,
            row_number() OVER (PARTITION BY key, currency, amount, early, side
                ORDER BY status, bank_kind, at_us = 0, at_us, number) AS amount_place,
            count(*) FILTER (WHERE side = 1) OVER a AS ours_alike,
            count(*) FILTER (WHERE side = 2) OVER a AS theirs_alike
        FROM done
        WINDOW a AS (PARTITION BY key, currency, amount, early)
    ), paired AS (
        SELECT *, CASE WHEN early IS NOT NULL THEN early
            WHEN amount_place <= least(ours_alike, theirs_alike) THEN 5 ELSE 0 END AS step
        FROM amounts
    ), rest AS (
        SELECT *,
            count(*) FILTER (WHERE step = 0 AND side = 1 AND status = 1) OVER s AS here,
            count(*) FILTER (WHERE step = 0 AND side = 2 AND status = 1) OVER s AS there,
            -- Of all that moved: which ids there are, and which are known here; of theirs who comes
            -- first of one.
            min(gateway_id) FILTER (WHERE status = 1 AND gateway_id <> '') OVER s
                <> max(gateway_id) FILTER (WHERE status = 1 AND gateway_id <> '') OVER s
                AS several_ids,
            bool_or(side = 1 AND status = 1) OVER (PARTITION BY key, gateway_id) AS is_known,
            row_number() OVER (PARTITION BY key, side, status = 1, gateway_id
                ORDER BY step = 0, at_us = 0, at_us, number) AS id_place
        FROM paired
        WINDOW s AS (PARTITION BY key)
    ), unlike AS (
        SELECT *, here > 0 AND there = 0 AND theirs_done = 0 AS unlike_here,
            there > 0 AND here = 0 AND ours_done = 0 AS unlike_there
        FROM rest
    ), members AS (
        SELECT *, step = 6 OR (step = 0 AND ((unlike_here AND (side = 2 OR status = 1))
            OR (unlike_there AND (side = 1 OR status = 1)))) AS member
        FROM unlike
    ), added AS (
        SELECT *,
            count(*) FILTER (WHERE member AND side = 1) OVER s AS our_members,
            count(*) FILTER (WHERE member AND side = 2) OVER s AS their_members,
            coalesce(sum(amount) FILTER (WHERE member AND side = 1) OVER s, 0) AS our_sum,
            coalesce(sum(amount) FILTER (WHERE member AND side = 2) OVER s, 0) AS their_sum,
            min(currency) FILTER (WHERE member) OVER s
                <> max(currency) FILTER (WHERE member) OVER s AS mixed,
            coalesce(bool_and(status = 2) FILTER (WHERE member AND side = 2) OVER s, true)
                AS all_pending,
            coalesce(bool_or(due_over) FILTER (WHERE member AND side = 1) OVER s, false)
                AS one_is_overdue
        FROM members
        WINDOW s AS (PARTITION BY key)
    ), grouped AS (
        -- The parts of a group's name: those that a step does not use are NULL. Steps 1 to 5: a
        -- pair; 6: together; 7: alone.
        SELECT *, CASE WHEN step > 0 THEN step
            WHEN member AND our_members > 0 AND their_members > 0 THEN 6 ELSE 7 END AS shape
        FROM added
    ), named AS (
        SELECT *, CASE WHEN shape IN (2, 3, 5) THEN currency END AS g_currency,
            CASE WHEN shape IN (2, 3, 5) THEN amount END AS g_amount,
            CASE WHEN shape = 2 THEN status END AS g_status,
            CASE WHEN shape = 2 THEN bank_kind END AS g_kind,
            CASE WHEN shape IN (2, 3) THEN pair_place WHEN shape = 4 THEN fit_place
                WHEN shape = 5 THEN amount_place WHEN shape = 7 THEN number END AS g_place,
            CASE WHEN shape = 7 THEN side END AS g_side
        FROM grouped
    ), whole AS (
        SELECT *,
            max(kind) FILTER (WHERE side = 1) OVER g AS our_kind,
            max(status) FILTER (WHERE side = 1) OVER g AS our_status,
            max(currency) FILTER (WHERE side = 1) OVER g AS our_currency,
            max(amount) FILTER (WHERE side = 1) OVER g AS our_amount,
            max(fee) FILTER (WHERE side = 1) OVER g AS our_fee,
            max(at_us) FILTER (WHERE side = 1) OVER g AS our_at,
            bool_or(due_over) FILTER (WHERE side = 1) OVER g AS our_over,
            max(kind) FILTER (WHERE side = 2) OVER g AS their_kind,
            max(status) FILTER (WHERE side = 2) OVER g AS their_status,
            max(currency) FILTER (WHERE side = 2) OVER g AS their_currency,
            max(amount) FILTER (WHERE side = 2) OVER g AS their_amount,
            max(fee) FILTER (WHERE side = 2) OVER g AS their_fee,
            max(at_us) FILTER (WHERE side = 2) OVER g AS their_at,
            min(number) FILTER (WHERE side = 1) OVER g AS first_of_ours,
            min(number) FILTER (WHERE side = 2) OVER g AS first_of_theirs,
            bool_or(side = 2 AND status = 1) OVER g AS moved_there,
            CASE WHEN min(currency) OVER g = max(currency) OVER g THEN
                sum(CASE side WHEN 1 THEN -amount ELSE amount END) OVER g ELSE 0 END AS difference
        FROM named
        WINDOW g AS (PARTITION BY key, shape, g_currency, g_amount, g_status, g_kind, g_place,
            g_side)
    )
    SELECT number, side,
        CASE
        WHEN shape <= 5 THEN recon_match.pair_class(the_rule, fee_tolerance, our_kind, our_status,
            our_currency, our_amount, our_fee, our_at, our_over, their_kind, their_status,
            their_currency, their_amount, their_fee, their_at)
        WHEN NOT member AND status <> 1 THEN 3 -- NOTHING_MOVED
        WHEN shape = 6 AND mixed THEN 16 -- CURRENCY
        WHEN shape = 6 AND unlike_here THEN
            CASE WHEN all_pending AND NOT one_is_overdue THEN 4 ELSE 13 END -- EXPECTED, OPEN_THERE
        WHEN unlike_there THEN 12 -- PAID_THERE
        WHEN shape = 6 AND NOT recon_match.within(the_rule, currency, our_sum, their_sum - our_sum)
            THEN
            CASE recon_match.family(kind) WHEN 5 THEN 28 ELSE 26 END -- PAYOUT, SPLIT
        WHEN shape = 6 THEN CASE WHEN our_sum = their_sum THEN 1 ELSE 2 END -- MATCHED, _TOLERANCE
        WHEN unlike_here THEN CASE WHEN due_over THEN 13 ELSE 4 END -- OPEN_THERE, EXPECTED
        WHEN side = 1 THEN CASE WHEN due_over THEN 18 ELSE 4 END -- DUPLICATE_HERE, EXPECTED
        WHEN recon_match.family(kind) = 1 AND several_ids AND gateway_id <> '' AND id_place = 1
            AND NOT is_known THEN 19 -- DOUBLE_CHARGE
        ELSE 17 END, -- DUPLICATE_THERE
        (the_rule).position,
        CASE WHEN first_of_ours IS NOT NULL THEN 1 ELSE 2 END,
        coalesce(first_of_ours, first_of_theirs),
        first_of_ours IS NOT NULL AND moved_there,
        difference::bigint
    FROM whole;
END $$;

-- What an earlier rule has left of a reference under which it found money moved there.
CREATE PROCEDURE recon_match.take_once_more(the_rule recon_match.rule, now_us bigint)
    LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE recon_match.work;
    INSERT INTO recon_match.work
    SELECT recon_match.family(kind) || ':' || reference, side, number, kind, status, currency,
        recon_match.bank_amount(kind, amount_minor), NULL, at_us, false, gateway_id, 0, 0
    FROM recon_match.free
    WHERE side = 2 AND status = 1 AND reference <> ''
        AND recon_match.covers((the_rule).families, kind);
    INSERT INTO recon_match.work
    SELECT recon_match.family(o.kind) || ':' || o.reference, 1, o.number, o.kind, o.status,
        o.currency, 0, NULL, o.at_us, false, o.gateway_id, 0, 0
    FROM recon_match.ours o JOIN recon_match.taken k ON k.number = o.number AND k.side = 1
    WHERE k.paid_there AND o.reference <> '' AND recon_match.covers((the_rule).families, o.kind);
    INSERT INTO recon_match.taken
    WITH known AS (
        SELECT *, bool_or(side = 1) OVER (PARTITION BY key) AS settled,
            bool_or(side = 1 AND gateway_id <> '') OVER (PARTITION BY key) AS told,
            bool_or(side = 1) OVER (PARTITION BY key, gateway_id) AS is_known
        FROM recon_match.work
    ), fresh AS (
        SELECT *, min(gateway_id) FILTER (WHERE side = 2 AND NOT is_known AND gateway_id <> '')
                OVER (PARTITION BY key)
                <> max(gateway_id) FILTER (WHERE side = 2 AND NOT is_known AND gateway_id <> '')
                OVER (PARTITION BY key) AS several_ids,
            row_number() OVER (PARTITION BY key, side, gateway_id
                ORDER BY at_us = 0, at_us, number) AS id_place
        FROM known
    )
    SELECT number, 2,
        CASE WHEN NOT is_known AND recon_match.family(kind) = 1 AND (told OR several_ids)
            AND gateway_id <> '' AND id_place = 1 THEN 19 ELSE 17 END, -- DOUBLE_CHARGE, DUPLICATE
        (the_rule).position, 2, number, false, amount
    FROM fresh WHERE side = 2 AND settled;
END $$;

CREATE PROCEDURE recon_match.by_key(the_rule recon_match.rule, now_us bigint, fee_tolerance bigint)
    LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE recon_match.work;
    INSERT INTO recon_match.work
    SELECT recon_match.family(kind) || ':' || CASE (the_rule).way WHEN 'gateway_id' THEN gateway_id
            WHEN 'reference' THEN reference
            ELSE currency || recon_match.bank_amount(kind, amount_minor) || ':' || original_id END,
        side, number, kind, status, currency, recon_match.bank_amount(kind, amount_minor),
        fee_minor, at_us, recon_match.is_over(due_us, now_us), gateway_id, 0, 0
    FROM recon_match.free
    WHERE recon_match.covers((the_rule).families, kind) AND '' <> CASE (the_rule).way
            WHEN 'gateway_id' THEN gateway_id WHEN 'reference' THEN reference ELSE original_id END
        AND ((the_rule).way <> 'original' OR recon_match.family(kind) IN (2, 3));
    CALL recon_match.take_keys(the_rule, fee_tolerance);
    IF (the_rule).way = 'reference' AND EXISTS (
        SELECT 1 FROM recon_match.rule r WHERE r.position < (the_rule).position) THEN
        CALL recon_match.take_once_more(the_rule, now_us);
    END IF;
END $$;

-- ---- AMOUNT_TIME ----

CREATE PROCEDURE recon_match.by_amount_time(the_rule recon_match.rule, now_us bigint,
    fee_tolerance bigint) LANGUAGE plpgsql AS $$
DECLARE
    by_id integer; -- the families that an earlier rule has looked at by that
    by_reference integer;
BEGIN
    SELECT coalesce(bit_or(CASE r.families WHEN 0 THEN -1 ELSE r.families END)
            FILTER (WHERE r.way = 'gateway_id'), 0),
        coalesce(bit_or(CASE r.families WHEN 0 THEN -1 ELSE r.families END)
            FILTER (WHERE r.way = 'reference'), 0)
    INTO by_id, by_reference FROM recon_match.rule r WHERE r.position < (the_rule).position;
    TRUNCATE recon_match.work, recon_match.seen;
    INSERT INTO recon_match.work
    SELECT recon_match.family(kind) || ':' || currency
            || recon_match.bank_amount(kind, amount_minor),
        side, number, kind, status, currency, recon_match.bank_amount(kind, amount_minor),
        fee_minor, at_us, recon_match.is_over(due_us, now_us), gateway_id,
        CASE WHEN recon_match.family(kind) = 5 THEN 0 ELSE
            CASE WHEN gateway_id <> '' AND (by_id >> recon_match.family(kind)) & 1 = 1
                THEN 1 ELSE 0 END
            + CASE WHEN reference <> '' AND (by_reference >> recon_match.family(kind)) & 1 = 1
                THEN 2 ELSE 0 END END, 0
    FROM recon_match.free WHERE at_us <> 0 AND recon_match.covers((the_rule).families, kind);
    -- Of one set of bits those count that share none of them. Sums and counts move along with the
    -- window, so that however many rows are alike each is looked at a few times.
    INSERT INTO recon_match.seen
    WITH looked AS (
        SELECT key, side, number, bits,
            count(*) FILTER (WHERE side = 2) OVER o AS o0,
            count(*) FILTER (WHERE side = 2 AND bits & 1 = 0) OVER o AS o1,
            count(*) FILTER (WHERE side = 2 AND bits & 2 = 0) OVER o AS o2,
            count(*) FILTER (WHERE side = 2 AND bits = 0) OVER o AS o3,
            sum(number) FILTER (WHERE side = 2) OVER o AS n0,
            sum(number) FILTER (WHERE side = 2 AND bits & 1 = 0) OVER o AS n1,
            sum(number) FILTER (WHERE side = 2 AND bits & 2 = 0) OVER o AS n2,
            sum(number) FILTER (WHERE side = 2 AND bits = 0) OVER o AS n3,
            count(*) FILTER (WHERE side = 1) OVER t AS t0,
            count(*) FILTER (WHERE side = 1 AND bits & 1 = 0) OVER t AS t1,
            count(*) FILTER (WHERE side = 1 AND bits & 2 = 0) OVER t AS t2,
            count(*) FILTER (WHERE side = 1 AND bits = 0) OVER t AS t3
        FROM recon_match.work
        WINDOW o AS (PARTITION BY key ORDER BY at_us
                RANGE BETWEEN (the_rule).before_us PRECEDING AND (the_rule).after_us FOLLOWING),
            t AS (PARTITION BY key ORDER BY at_us
                RANGE BETWEEN (the_rule).after_us PRECEDING AND (the_rule).before_us FOLLOWING)
    )
    SELECT key, side, number, candidates, CASE candidates WHEN 1 THEN candidate::bigint END
    FROM (
        SELECT key, side, number,
            CASE side WHEN 1 THEN CASE bits WHEN 0 THEN o0 WHEN 1 THEN o1 WHEN 2 THEN o2 ELSE o3 END
                ELSE CASE bits WHEN 0 THEN t0 WHEN 1 THEN t1 WHEN 2 THEN t2 ELSE t3 END
                END AS candidates,
            CASE side WHEN 1 THEN
                CASE bits WHEN 0 THEN n0 WHEN 1 THEN n1 WHEN 2 THEN n2 ELSE n3 END END AS candidate
        FROM looked) AS each;
    INSERT INTO recon_match.ambiguous
    SELECT number FROM recon_match.seen WHERE side = 1 AND candidates > 1;
    INSERT INTO recon_match.taken
    WITH pairs AS (
        SELECT o.number AS our_number, t.number AS their_number, t.status = 1 AS moved,
            t.amount::numeric - o.amount AS difference,
            recon_match.pair_class(the_rule, fee_tolerance, o.kind, o.status, o.currency, o.amount,
                o.fee, o.at_us, o.due_over, t.kind, t.status, t.currency, t.amount, t.fee, t.at_us)
                AS class
        FROM recon_match.seen so
        JOIN recon_match.seen st ON st.key = so.key AND st.side = 2 AND st.number = so.candidate
        JOIN recon_match.work o ON o.key = so.key AND o.side = 1 AND o.number = so.number
        JOIN recon_match.work t ON t.key = so.key AND t.side = 2 AND t.number = st.number
        WHERE so.side = 1 AND so.candidates = 1 AND st.candidates = 1
    )
    SELECT CASE s.side WHEN 1 THEN our_number ELSE their_number END, s.side, class,
        (the_rule).position, 1, our_number, moved, difference::bigint
    FROM pairs CROSS JOIN (VALUES (1), (2)) AS s (side);
END $$;

-- ---- BATCH ----

CREATE PROCEDURE recon_match.by_batch(the_rule recon_match.rule, now_us bigint)
    LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE recon_match.work, recon_match.word, recon_match.named;
    INSERT INTO recon_match.work
    SELECT batch, side, number, kind, status, currency, recon_match.bank_amount(kind, amount_minor),
        CASE WHEN recon_match.family(kind) <> 5 THEN fee_minor END, at_us,
        recon_match.is_over(due_us, now_us), '', 0, 0
    FROM recon_match.free
    WHERE side = 1 AND status = 1 AND batch <> '' AND recon_match.covers((the_rule).families, kind);
    -- A field is worth more than a word, and a word more than a part of one. Words stand between
    -- blanks and controls, also without what stands around them; parts are letters, digits, "-"
    -- and "_", and whatever is beyond ASCII.
    INSERT INTO recon_match.word
    SELECT DISTINCT said.key, f.number, said.stage
    FROM recon_match.free f CROSS JOIN LATERAL (
        SELECT f.reference AS key, 1 AS stage
        UNION ALL SELECT f.batch, 2
        UNION ALL SELECT w[1], 3 FROM regexp_matches(f.description, '[^\x01-\x20]+', 'g') AS w
        UNION ALL SELECT regexp_replace(regexp_replace(w[1],
                '^[\x01-\x2c\x2e\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]+', ''),
                '[\x01-\x2c\x2e\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]+$', ''), 3
            FROM regexp_matches(f.description, '[^\x01-\x20]+', 'g') AS w
        UNION ALL SELECT w[1], 4 FROM regexp_matches(f.description,
            '[^\x01-\x2c\x2e\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]+', 'g') AS w) AS said
    WHERE f.side = 2 AND recon_match.family(f.kind) = 5 AND said.key <> '';
    INSERT INTO recon_match.named
    SELECT w.number, w.stage, w.key FROM recon_match.word w
    WHERE EXISTS (SELECT 1 FROM recon_match.work o WHERE o.key = w.key);
    -- The first stage that names any; several batches named there are none.
    INSERT INTO recon_match.work
    SELECT n.key, 2, t.number, t.kind, t.status, t.currency,
        recon_match.bank_amount(t.kind, t.amount_minor), NULL, t.at_us, false, '', 0, 1
    FROM (SELECT number, min(key) AS key FROM (
            SELECT number, key, stage, min(stage) OVER (PARTITION BY number) AS first
            FROM recon_match.named) AS staged
        WHERE stage = first GROUP BY number HAVING min(key) = max(key)) AS n
    JOIN recon_match.theirs t ON t.number = n.number;
    INSERT INTO recon_match.taken
    WITH counted AS (
        SELECT *, amount::numeric - coalesce(fee, 0) AS counts,
            count(*) FILTER (WHERE side = 1) OVER c AS ours,
            count(*) FILTER (WHERE side = 2) OVER c AS theirs,
            count(*) FILTER (WHERE side = 2) OVER b AS all_theirs
        FROM recon_match.work
        WINDOW c AS (PARTITION BY key, currency), b AS (PARTITION BY key)
    ), met AS (
        SELECT *, bool_or(ours > 0 AND theirs > 0) OVER (PARTITION BY key) AS some_met FROM counted
    ), shaped AS (
        -- By currency, or all with the only one.
        SELECT *, CASE WHEN some_met THEN currency ELSE '' END AS part FROM met
        WHERE CASE WHEN some_met THEN ours > 0 AND theirs = 1 ELSE all_theirs = 1 END
    ), whole AS (
        SELECT *,
            min(number) FILTER (WHERE side = 1) OVER g AS first_of_ours,
            sum(counts) FILTER (WHERE side = 1) OVER g AS our_sum,
            sum(counts) FILTER (WHERE side = 2) OVER g AS their_sum,
            min(currency) OVER g <> max(currency) OVER g AS mixed,
            bool_or(due_over) FILTER (WHERE side = 1) OVER g AS one_is_overdue,
            coalesce(max(at_us) FILTER (WHERE side = 1 AND at_us <> 0) OVER g, 0) AS last_of_ours,
            max(status) FILTER (WHERE side = 2) OVER g AS their_status,
            max(at_us) FILTER (WHERE side = 2) OVER g AS their_at
        FROM shaped
        WINDOW g AS (PARTITION BY key, part)
    )
    SELECT number, side,
        CASE WHEN mixed THEN 16 -- CURRENCY
        WHEN their_status = 2 AND NOT one_is_overdue THEN 4 -- EXPECTED
        WHEN their_status <> 1 THEN 13 -- OPEN_THERE
        WHEN NOT recon_match.within(the_rule, currency, our_sum, their_sum - our_sum)
            THEN 28 -- PAYOUT
        WHEN NOT recon_match.in_time(the_rule, last_of_ours, their_at) THEN 25 -- LATE
        WHEN our_sum = their_sum THEN 1 ELSE 2 END, -- MATCHED, MATCHED_TOLERANCE
        (the_rule).position, 1, first_of_ours, their_status = 1,
        CASE WHEN mixed THEN 0 ELSE (their_sum - our_sum)::bigint END
    FROM whole;
END $$;

-- ---- all rules ----

-- now_us: against due_us. fee_tolerance_minor: so much difference of fees is none; -1: fees are not
-- compared. What an earlier call found is gone. An error changes nothing.
CREATE PROCEDURE recon_match.run(now_us bigint, fee_tolerance_minor bigint DEFAULT 0)
    LANGUAGE plpgsql AS $$
DECLARE
    the_rule recon_match.rule;
BEGIN
    IF (SELECT sum(abs(amount_minor::numeric)) > 9223372036854775807 FROM recon_match.ours)
        OR (SELECT sum(abs(amount_minor::numeric)) > 9223372036854775807 FROM recon_match.theirs)
    THEN
        RAISE EXCEPTION 'the amounts of a side cannot be added up in 64 bits'
            USING ERRCODE = 'numeric_value_out_of_range';
    END IF;
    IF (SELECT count(*) FROM recon_match.rule) > 32 THEN
        RAISE EXCEPTION 'there are more than 32 rules';
    END IF;
    TRUNCATE recon_match.taken, recon_match.ambiguous;
    FOR the_rule IN SELECT * FROM recon_match.rule r ORDER BY r.position LOOP
        CASE the_rule.way
        WHEN 'amount_time' THEN
            CALL recon_match.by_amount_time(the_rule, now_us, fee_tolerance_minor);
        WHEN 'batch' THEN CALL recon_match.by_batch(the_rule, now_us);
        ELSE CALL recon_match.by_key(the_rule, now_us, fee_tolerance_minor);
        END CASE;
        ANALYZE recon_match.taken;
    END LOOP;
    INSERT INTO recon_match.taken
    SELECT number, side, CASE WHEN side = 1 AND EXISTS (
            SELECT 1 FROM recon_match.ambiguous a WHERE a.number = f.number) THEN 27 -- AMBIGUOUS
        ELSE recon_match.alone_class(side, kind, status, recon_match.is_over(due_us, now_us)) END,
        -1, side, number, false,
        CASE side WHEN 1 THEN -1 ELSE 1 END * recon_match.bank_amount(kind, amount_minor)
    FROM recon_match.free f;
    TRUNCATE recon_match.work, recon_match.seen, recon_match.word, recon_match.named,
        recon_match.rest, recon_match.fitted;
END $$;

-- ---- rows from files ----

CREATE TABLE recon_match.kind (number smallint PRIMARY KEY, name text NOT NULL UNIQUE);
INSERT INTO recon_match.kind VALUES (1, 'charge'), (2, 'refund'), (3, 'refund_returned'),
    (4, 'chargeback'), (5, 'chargeback_returned'), (6, 'fee'), (7, 'tax'), (8, 'reserve'),
    (9, 'adjustment'), (10, 'conversion'), (11, 'payout'), (12, 'payout_returned'), (13, 'topup'),
    (14, 'bank_credit'), (15, 'bank_debit'), (16, 'authorization'), (17, 'transfer');
CREATE TABLE recon_match.status (number smallint PRIMARY KEY, name text NOT NULL UNIQUE);
INSERT INTO recon_match.status VALUES (1, 'done'), (2, 'pending'), (3, 'failed');

-- A file of the format `canonical` (docs/statements.md), as it stands there, in the order of its
-- lines. Amounts are minor units; a time has its zone.
CREATE UNLOGGED TABLE recon_match.canonical (
    number bigint GENERATED ALWAYS AS IDENTITY,
    gateway_id text, reference text, original_id text, original_reference text, batch text,
    kind text, status text, currency text, gross bigint, fee bigint, net bigint,
    time timestamptz, method text, description text
);
-- From there into `ours` or `theirs`: all of it or, with a word that nobody knows, nothing.
CREATE PROCEDURE recon_match.load(side text) LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    SELECT min(c.number) INTO wrong FROM recon_match.canonical c
    WHERE NOT EXISTS (SELECT 1 FROM recon_match.kind k WHERE k.name = c.kind)
        OR NOT EXISTS (SELECT 1 FROM recon_match.status s WHERE s.name = c.status);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'row %: its kind or status is unknown', wrong;
    END IF;
    IF side NOT IN ('ours', 'theirs') THEN
        RAISE EXCEPTION 'a side is ours or theirs';
    END IF;
    EXECUTE format($insert$
        INSERT INTO recon_match.%I SELECT c.number, k.number, s.number, c.currency, c.gross, c.fee,
            coalesce((extract(epoch FROM c.time) * 1000000)::bigint, 0), 0,
            coalesce(c.gateway_id, ''), coalesce(c.reference, ''), coalesce(c.original_id, ''),
            coalesce(c.batch, ''), coalesce(c.description, '')
        FROM recon_match.canonical c JOIN recon_match.kind k ON k.name = c.kind
        JOIN recon_match.status s ON s.name = c.status $insert$, side);
    TRUNCATE recon_match.canonical RESTART IDENTITY;
END $$;
-- The rules of `holdfast reconcile`.
CREATE PROCEDURE recon_match.usual_rules() LANGUAGE sql AS $$
    DELETE FROM recon_match.tolerance;
    DELETE FROM recon_match.rule;
    INSERT INTO recon_match.rule (position, name, way, before_us, after_us) VALUES
        (0, 'same gateway id', 'gateway_id', 0, 0), (1, 'same reference', 'reference', 0, 0),
        (2, 'same payment and amount', 'original', 0, 0),
        (3, 'same amount within three days', 'amount_time', 259200000000, 259200000000);
$$;

-- ---- what came of it ----

-- By currency and class, each side's rows, amounts and the fees that are told: what match_run() has
-- as sums. Beyond 64 bits is an error.
CREATE VIEW recon_match.sums AS
    SELECT currency, class,
        count(*) FILTER (WHERE side = 1) AS our_rows,
        coalesce(sum(amount_minor) FILTER (WHERE side = 1), 0)::bigint AS our_amount_minor,
        coalesce(sum(fee_minor) FILTER (WHERE side = 1), 0)::bigint AS our_fee_minor,
        count(*) FILTER (WHERE side = 2) AS their_rows,
        coalesce(sum(amount_minor) FILTER (WHERE side = 2), 0)::bigint AS their_amount_minor,
        coalesce(sum(fee_minor) FILTER (WHERE side = 2), 0)::bigint AS their_fee_minor
    FROM (
        SELECT k.side, k.class, o.currency, o.amount_minor, o.fee_minor FROM recon_match.taken k
            JOIN recon_match.ours o ON o.number = k.number WHERE k.side = 1
        UNION ALL
        SELECT k.side, k.class, t.currency, t.amount_minor, t.fee_minor FROM recon_match.taken k
            JOIN recon_match.theirs t ON t.number = k.number WHERE k.side = 2) AS rows
    GROUP BY currency, class;

-- One row a movement of what is a break (classes from 10 on), groups together.
CREATE VIEW recon_match.breaks AS
    SELECT k.*, o.kind, o.status, o.currency, o.amount_minor, o.at_us, o.gateway_id, o.reference
    FROM recon_match.taken k JOIN recon_match.ours o ON o.number = k.number
    WHERE k.side = 1 AND k.class >= 10
    UNION ALL
    SELECT k.*, t.kind, t.status, t.currency, t.amount_minor, t.at_us, t.gateway_id, t.reference
    FROM recon_match.taken k JOIN recon_match.theirs t ON t.number = k.number
    WHERE k.side = 2 AND k.class >= 10;
