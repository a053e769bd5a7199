// The rounds of ops/load/compare. Runs the two in turn, so that what the machine does meanwhile meets both.
import { execFile, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';

const { values: options } = parseArgs({ options: {
  rounds: { type: 'string', default: '3' },
  messages: { type: 'string', default: '10000' },
  json: { type: 'boolean', default: false },
} });
const ROUNDS = Number(options.rounds), MESSAGES = Number(options.messages);
if (!(ROUNDS >= 1 && ROUNDS <= 20 && MESSAGES >= 1000)) throw new Error('--rounds is 1 to 20, --messages at least 1000');
const { SMTP_TOOLS, SMTP_LIBRARIES, PEER, POSTFLEET } = process.env;
const SINK = '127.0.0.1:2525', HTTP_PORT = 3900, SENDERS = 50, CONNECTIONS = 8, JOBS = 200_000;
const run = promisify(execFile);
// A worker's own bound is 256 connections; smtp-sink's, too, if nothing is said.
process.env.POSTFLEET_WORKER_CONNECTIONS = '1000';
const mail = { env: { ...process.env, ...(SMTP_LIBRARIES && { LD_LIBRARY_PATH: SMTP_LIBRARIES }) } };
const tell = (what, figures) => console.error(what, JSON.stringify(figures));

async function ours(...args) {
  const { stdout } = await run(POSTFLEET, ['bench', ...args, '--json'], { maxBuffer: 1 << 24 });
  const figures = JSON.parse(stdout.trim().split('\n').at(-1));
  tell(`postfleet bench ${args.join(' ')}`, figures);
  return figures;
}

async function peer(file, ...args) {
  const { stdout } = await run('node', [`${PEER}/${file}`, ...args], { env: { ...process.env, SMTP: SINK } });
  const figures = JSON.parse(stdout.trim().split('\n').at(-1));
  tell(`${file} ${args.join(' ')}`, figures);
  return figures;
}

async function besidePeerApi(measure) {
  const api = spawn('node', [`${PEER}/http.mjs`], { env: { ...process.env, PORT: HTTP_PORT }, stdio: 'inherit' });
  try {
    for (let up = false; !up; await sleep(100)) up = await fetch(`http://127.0.0.1:${HTTP_PORT}/`).then(() => true, () => false);
    return await measure(`http://127.0.0.1:${HTTP_PORT}/messages`);
  } finally {
    api.kill();
  }
}

// Raw SMTP with as many sessions and mails of about the same size: what the sink and the machine can take at most.
async function raw(sessions) {
  const mails = 50000, since = performance.now();
  await run(`${SMTP_TOOLS}/smtp-source`, ['-d', '-s', sessions, '-m', mails, '-l', 1900, '-t', 'u@d.test', SINK].map(String), mail);
  const per_s = Math.round(mails / ((performance.now() - since) / 1000));
  tell(`smtp-source, ${sessions} sessions`, { per_s });
  return per_s;
}

const sink = spawn(`${SMTP_TOOLS}/smtp-sink`, ['-u', 'nobody', '-m', '2000', '-c', SINK, '4096'], { ...mail, stdio: 'ignore' });
const all = {};
const note = (name, value) => (all[name] ??= []).push(value);
try {
  await sleep(300);
  for (let round = 1; round <= ROUNDS; round++) {
    // Between and after what is compared with it: it lasts three seconds, and the machine's speed changes.
    const raws = [];
    const send = (workers, ...more) => ours('send', '--messages', 6 * MESSAGES, '--senders', SENDERS, '--connections', CONNECTIONS, '--workers', workers, '--smtp', SINK, ...more);
    for (const workers of ['2', '1']) {
      note(`peer_send_${workers}`, (await peer('send.mjs', MESSAGES, workers)).sent_per_s);
      const sent = await send(workers);
      note(`send_${workers}`, sent.sent_per_s);
      all.sessions = sent.sessions;
      raws.push(await raw(all.sessions));
    }
    note('send_without_limits', (await send('1', '--no-limits')).sent_per_s);
    // What limits cost is measured between two runs with them.
    note('send_with_limits', Math.round((all.send_1.at(-1) + (await send('1')).sent_per_s) / 2));
    raws.push(await raw(all.sessions));
    note('raw', raws.toSorted((a, b) => a - b)[1]);
    const asked = await besidePeerApi((url) => ours('http', '--url', url));
    note('peer_http', asked.requests_per_s);
    note('peer_http_p99', asked.p99_ms);
    const answered = await ours('http');
    note('http', answered.requests_per_s);
    note('http_p99', answered.p99_ms);
    note('batch', (await ours('http', '--batch', '1000', '--connections', '8')).messages_per_s);
    note('peer_noop', (await peer('noop.mjs', String(JOBS))).noop_per_s);
    const noop = await ours('noop', '--jobs', JOBS);
    note('noop', noop.noop_per_s);
    note('noop_with_ledger', noop.with_ledger_per_s);
  }
} finally {
  sink.kill();
}

// Each round has its own ratio: what the machine did in that round, both had to live with.
const middle = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const ratios = (ours, theirs) => ours.map((figure, round) => Math.round((figure / theirs[round]) * 1000) / 1000);
const best = (...names) => all[names[0]].map((_, round) => Math.max(...names.map((name) => all[name][round])));
const sent = best('send_1', 'send_2');
const of_rounds = {
  send_ratio: ratios(sent, best('peer_send_1', 'peer_send_2')), http_ratio: ratios(all.http, all.peer_http),
  // Messages in a batch beside requests of the peer, which knows no batches.
  batch_ratio: ratios(all.batch, all.peer_http), noop_ratio: ratios(all.noop, all.peer_noop), smtp_share: ratios(sent, all.raw),
  limits_cost: ratios(all.send_without_limits.map((without, round) => without - all.send_with_limits[round]), all.send_without_limits),
};
const medians = (lists) => Object.fromEntries(Object.entries(lists).map(([name, values]) => [name, middle(values)]));
const { sessions, ...measured } = all;
const figures = { ...medians(of_rounds), rounds: ROUNDS, sessions, ...medians(measured), of_rounds };
console.log(options.json ? JSON.stringify(figures) : JSON.stringify(figures, null, 2));
