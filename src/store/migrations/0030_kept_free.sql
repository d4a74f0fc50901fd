-- SPDX-License-Identifier: Apache-2.0
-- 0030: kept free.
CREATE TABLE kept_free_0030 (id text PRIMARY KEY);
