-- SPDX-License-Identifier: Apache-2.0
-- 0045: nothing.
SELECT 1;
