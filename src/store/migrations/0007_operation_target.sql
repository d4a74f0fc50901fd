-- SPDX-License-Identifier: Apache-2.0
-- 0007: which of several captures a refund goes to (the gateway's name of it), written before the
-- refund is sent, so that every repeat goes there too; '' while none was chosen.
ALTER TABLE operation ADD COLUMN target text NOT NULL DEFAULT '';
