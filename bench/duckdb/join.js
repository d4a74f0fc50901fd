// SPDX-License-Identifier: Apache-2.0
// join.js: DuckDB's strongest form of the same work: both files read with explicit types, a full
// outer join of which only what differs is kept, written as CSV.
// usage: node join.js OURS THEIRS BREAKS [twice]; with `twice` charges of one id may stand there
// more than once: the one whose amount is nearest, then the nearest in time, is the match. Prints
// wall_us=N cpu_us=N peak_kb=N and of each class how many there are, and what each side has in it.
import { DuckDBInstance } from '@duckdb/node-api';

const [ours, theirs, breaks, twice] = process.argv.slice(2);
const text = (value) => `'${value.replaceAll("'", "''")}'`;
const rows = (path) => `read_csv(${text(path)},
  header=true, delim=',', quote='"', auto_detect=false,
  columns={'id':'VARCHAR','order':'VARCHAR','kind':'VARCHAR','amount':'DECIMAL(18,2)',
           'currency':'VARCHAR','status':'VARCHAR','time':'TIMESTAMP'})`;

const fitted = `(SELECT t.*, row_number() OVER (PARTITION BY t.id ORDER BY
    abs(t.amount - o.amount), abs(epoch(t.time) - epoch(o.time)), t.time) AS turn
  FROM ${rows(theirs)} t LEFT JOIN ${rows(ours)} o ON o.id = t.id)`;
const once = twice ? `(SELECT * FROM ${fitted} WHERE turn = 1)` : rows(theirs);
const again = twice ? `UNION ALL SELECT 'duplicate_there', id, NULL, amount, NULL, currency, NULL,
  time FROM ${fitted} WHERE turn > 1` : '';

const instance = await DuckDBInstance.create(':memory:');
const connection = await instance.connect();
await connection.run('SET preserve_insertion_order=false');
const cpu = process.cpuUsage();
const began = process.hrtime.bigint();
await connection.run(`COPY (
  SELECT CASE WHEN t.id IS NULL THEN 'missing_there'
              WHEN o.id IS NULL THEN 'missing_here'
              WHEN o.kind <> t.kind THEN 'kind'
              WHEN o.currency <> t.currency THEN 'currency'
              WHEN o.status <> 'done' AND t.status = 'done' THEN 'paid_there_open_here'
              WHEN o.status = 'done' AND t.status <> 'done' THEN 'paid_here_open_there'
              WHEN t.amount > o.amount THEN 'amount_over' ELSE 'amount_under' END AS class,
         coalesce(o.id, t.id) AS key, o.amount AS our_amount, t.amount AS their_amount,
         o.currency AS our_currency, t.currency AS their_currency,
         o.time AS our_time, t.time AS their_time
  FROM ${rows(ours)} o FULL OUTER JOIN ${once} t ON o.id = t.id
  WHERE o.id IS NULL OR t.id IS NULL OR o.amount <> t.amount OR o.currency <> t.currency
     OR o.status <> t.status OR o.kind <> t.kind
  ${again}
) TO ${text(breaks)} (HEADER, DELIMITER ',')`);
const wall = Number((process.hrtime.bigint() - began) / 1000n);
const used = process.cpuUsage(cpu);
const counted = await connection.runAndReadAll(
  `SELECT class, count(*), coalesce(sum(our_amount), 0), coalesce(sum(their_amount), 0)
   FROM read_csv(${text(breaks)}, header=true,
     types={'our_amount':'DECIMAL(18,2)', 'their_amount':'DECIMAL(18,2)'}) GROUP BY class`);
const counts = counted.getRows().map(([name, count, ours, theirs]) =>
  `${name}=${count} ours_${name}=${ours} theirs_${name}=${theirs}`).join(' ');
console.log(`wall_us=${wall} cpu_us=${used.user + used.system} ` +
            `peak_kb=${process.resourceUsage().maxRSS} ${counts}`);
