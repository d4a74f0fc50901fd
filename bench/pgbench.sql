-- SPDX-License-Identifier: Apache-2.0
-- pgbench.sql: the statements that one charge is made of, as src/payment and src/ledger send them,
-- for pgbench to run beside the service: what PostgreSQL itself can do of them. `id` grows with
-- time, as our ids do. decision, data and owner come from 10-charges.sh. The question for the
-- transaction's id, which our store asks in each, is left out: only we need it.
\set n :n + 1
\set customer random(1, 1000)
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
INSERT INTO idempotency (scope, key, request_hash, operation, resource_id, state, owner, lease_us,
  status, body, created_us) VALUES ('key_x', 'b-' || lpad(:n::text, 16, '0') ||
  lpad(:client_id::text, 10, '0'), :hash, 'payment.create', ('pay_' || lpad(:n::text, 16, '0') ||
  lpad(:client_id::text, 10, '0')), 1, :owner, 1795299410436402, 0, '', 1795299365436402 + :n) ON
  CONFLICT (scope, key) DO NOTHING;
INSERT INTO payment (id, version, order_id, holds_order, state, amount_minor, currency, method,
  purpose, capture_later, authorized_minor, captured_minor, refunded_minor, refund_reserved_minor,
  disputed_minor, customer_id, customer_region, customer_vip, customer_email, customer_ip, tokens,
  return_url, cancel_url, description, metadata, action, action_url, failure_code,
  failure_message, review, was_unknown, attempts, gateway, created_us, updated_us) VALUES (('pay_'
  || lpad(:n::text, 16, '0') || lpad(:client_id::text, 10, '0')), 1, 'bench-' || lpad(:n::text,
  16, '0') || lpad(:client_id::text, 10, '0'), 1, 2, 1999, 'USD', 1, '1', 0, 0, 0, 0, 0, 0, 'cus_'
  || :customer::text, 'EU', 0, '', '', :tokens, '', '', '', '{}', '', '', '', '', '', 0, 1,
  'stripe-eu', 1795299365435498 + :n, 1795299365435498 + :n) ON CONFLICT (order_id) WHERE
  holds_order = 1 DO NOTHING;
INSERT INTO attempt (id, payment_id, number, gateway, state, amount_minor, currency, token,
  decision, outcome, source, gateway_id, charge_id, code, common_code, message, trace,
  http_status, reach, duration_us, was_unknown, owner, lease_us, sent_us, created_us, settled_us,
  callback_due_us, callback_us, live) VALUES (('att_' || lpad(:n::text, 16, '0') ||
  lpad(:client_id::text, 10, '0')), ('pay_' || lpad(:n::text, 16, '0') || lpad(:client_id::text,
  10, '0')), 1, 'stripe-eu', 1, 1999, 'USD', 'pm_card_visa', :decision, 0, '', '', '', '', '', '',
  '', 0, 0, 0, 0, :owner, 1795299410436568 + :n, 1795299365436568 + :n, 1795299365436568 + :n, 0,
  0, 0, 1);
COMMIT;
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SELECT 1 FROM payment WHERE id = ('pay_' || lpad(:n::text, 16, '0') || lpad(:client_id::text, 10,
  '0')) AND version = 1 FOR UPDATE;
UPDATE attempt SET state = 6, outcome = 1, source = 'answer', gateway_id = 'pi_' ||
  lpad(:n::text, 16, '0') || lpad(:client_id::text, 10, '0'), charge_id = 'ch_' || lpad(:n::text,
  16, '0') || lpad(:client_id::text, 10, '0'), code = '', common_code = '', message = '', trace =
  'req_x', http_status = 200, reach = 3, duration_us = 55, was_unknown = 0, owner = '', lease_us =
  0, sent_us = 1795299365436568 + :n, settled_us = 1795299365442071 + :n, callback_due_us = CASE
  WHEN callback_us > 0 THEN 0 ELSE 1795300265442071 + :n END, callback_us = CASE WHEN callback_us
  > 0 THEN callback_us ELSE 0 END WHERE id = ('att_' || lpad(:n::text, 16, '0') ||
  lpad(:client_id::text, 10, '0'));
INSERT INTO posting (id, journal_id, kind, payment_id, debit_account, credit_account,
  amount_minor, currency, at_us) VALUES ('pst_charge_' || ('att_' || lpad(:n::text, 16, '0') ||
  lpad(:client_id::text, 10, '0')), ('att_' || lpad(:n::text, 16, '0') || lpad(:client_id::text,
  10, '0')), 1, ('pay_' || lpad(:n::text, 16, '0') || lpad(:client_id::text, 10, '0')),
  :receivable, :sales, 1999, 'USD', 1795299365442079 + :n) ON
  CONFLICT (id) DO NOTHING;
INSERT INTO posting (id, journal_id, kind, payment_id, debit_account, credit_account,
  amount_minor, currency, at_us) VALUES ('pst_fee_' || ('att_' || lpad(:n::text, 16, '0') ||
  lpad(:client_id::text, 10, '0')), ('att_' || lpad(:n::text, 16, '0') || lpad(:client_id::text,
  10, '0')), 5, ('pay_' || lpad(:n::text, 16, '0') || lpad(:client_id::text, 10, '0')),
  :fees, :receivable, 88, 'USD', 1795299365442083 + :n) ON
  CONFLICT (id) DO NOTHING;
UPDATE payment SET version = 2, state = 5, method = 1, authorized_minor = 1999,
  captured_minor = 1999, refunded_minor = 0, refund_reserved_minor = 0, disputed_minor = 0, tokens
  = :tokens, action = '', action_url = '', failure_code = '', failure_message = '', review = '',
  was_unknown = 0, attempts = 1, gateway = 'stripe-eu', updated_us = 1795299365442086 + :n WHERE
  id = ('pay_' || lpad(:n::text, 16, '0') || lpad(:client_id::text, 10, '0'));
INSERT INTO event (id, payment_id, sequence, type, data, at_us) VALUES ('evt_' || lpad(:n::text,
  16, '0') || lpad(:client_id::text, 10, '0'), ('pay_' || lpad(:n::text, 16, '0') ||
  lpad(:client_id::text, 10, '0')), 2, 'payment.succeeded', :data, 1795299365442101 + :n);
SELECT id FROM webhook_endpoint WHERE enabled = 1 AND (types = '*' OR ',' || types || ',' LIKE
  '%,' || 'payment.succeeded' || ',%');
UPDATE idempotency SET state = 2, status = 201, body = '@2' WHERE scope = 'key_x' AND key = 'b-'
  || lpad(:n::text, 16, '0') || lpad(:client_id::text, 10, '0') AND state = 1;
COMMIT;
