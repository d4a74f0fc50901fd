-- SPDX-License-Identifier: Apache-2.0
-- What retention looks for every minute: callbacks that were processed and still have their body.
CREATE INDEX callback_body ON callback (processed_us) WHERE processed_us > 0 AND body <> '';
