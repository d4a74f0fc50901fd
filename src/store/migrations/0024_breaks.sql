-- SPDX-License-Identifier: Apache-2.0
-- 0024: what people and rules do about breaks: members, write-offs, risk, and how they are found.

-- The movements that a break is about, as they were when it was opened: a posting, a row of a
-- statement, or an attempt that had moved nothing here. Sides as in movement.
CREATE TABLE recon_break_member (
    break_id text NOT NULL,
    side bigint NOT NULL,
    movement_id text NOT NULL,
    PRIMARY KEY (break_id, side, movement_id)
);
CREATE INDEX recon_break_member_movement ON recon_break_member (movement_id);
INSERT INTO recon_break_member (break_id, side, movement_id) SELECT b.id, b.side, b.movement_id
    FROM recon_break b;
INSERT INTO recon_break_member (break_id, side, movement_id) SELECT b.id, o.side, o.id
    FROM recon_break b JOIN movement m ON m.side = b.side AND m.id = b.movement_id
    JOIN movement o ON o.match_id = m.match_id AND m.match_id <> '' ON CONFLICT DO NOTHING;

-- What the money at stake is: the difference, or the larger side where there is none to tell.
ALTER TABLE recon_break ADD COLUMN stake_minor bigint NOT NULL DEFAULT 0;
UPDATE recon_break SET stake_minor = CASE WHEN difference_minor <> 0 THEN abs(difference_minor)
    WHEN abs(our_minor) > abs(their_minor) THEN abs(our_minor) ELSE abs(their_minor) END;
-- Posted and not reversed, signed as the difference; and how often it was posted or reversed.
ALTER TABLE recon_break ADD COLUMN written_off_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE recon_break ADD COLUMN write_offs bigint NOT NULL DEFAULT 0;
-- "class high, amount +1, …": how the risk came about.
ALTER TABLE recon_break ADD COLUMN risk_why text NOT NULL DEFAULT '';
-- Lists: all of a state by risk, by time, by owner.
CREATE INDEX recon_break_live ON recon_break (risk, id) WHERE state IN (1, 2);
CREATE INDEX recon_break_owner ON recon_break (owner) WHERE owner <> '' AND state IN (1, 2);
CREATE INDEX recon_break_class ON recon_break (gateway, class, opened_us);

-- Each posting that gave a difference up, or took that back: part of the movement of ours that it
-- is about, as its amount (part 1) or as its fee (part 2). Signed: + came to us.
CREATE TABLE recon_write_off (
    posting_id text PRIMARY KEY,
    break_id text NOT NULL,
    movement_id text NOT NULL,
    part bigint NOT NULL,
    signed_minor bigint NOT NULL
);
CREATE INDEX recon_write_off_movement ON recon_write_off (movement_id);

-- How far a run has come: groups written, of so many; 0 of 0 while it reads and matches.
ALTER TABLE reconciliation ADD COLUMN groups_done bigint NOT NULL DEFAULT 0;
ALTER TABLE reconciliation ADD COLUMN groups_all bigint NOT NULL DEFAULT 0;
