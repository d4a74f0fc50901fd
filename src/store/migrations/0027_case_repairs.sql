-- SPDX-License-Identifier: Apache-2.0
-- 0027: repairs of cases. In repair.break_id stands the break, or the case where a callback told of
-- the money and no break did; case_id is the case whose money it moves, of both.
CREATE INDEX repair_case ON repair (case_id) WHERE case_id <> '';
