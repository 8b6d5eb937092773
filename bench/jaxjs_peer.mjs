// jax-js on Node's WebAssembly as a peer (see peer.h for the protocol).
//
// Usage: node jaxjs_peer.mjs NODE_MODULES FOLDER WORKLOAD
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

globalThis.navigator ??= {};
const [modules, folder, workload] = process.argv.slice(2);
const library = path.join(modules, '@jax-js/jax/dist/index.js');
const { init, defaultDevice, numpy: np, lax, nn, jit, blockUntilReady } = await import(pathToFileURL(library));

// What jax-js can write: it has no scan, while_loop or associative_scan.
const functions = {
  call_add: (x) => x.add(1),
  cumsum_20: (x) => np.cumsum(x),
  cumsum_24: (x) => np.cumsum(x),
  sort: (x) => np.sort(x),
  argsort: (x) => np.argsort(x),
  cholesky_batch: (x) => lax.linalg.cholesky(x),
  solve_batch: (a, b) => np.linalg.solve(a, b),
  elementwise: (x, y) =>
    np.sin(x.ref).mul(np.exp(y.ref.mul(y.ref).neg())).add(np.tanh(x.mul(y)).mul(0.5)),
  matmul_16: (x, y) => np.matmul(x, y),
  matmul_64: (x, y) => np.matmul(x, y),
  matmul_256: (x, y) => np.matmul(x, y),
  matmul_1024: (x, y) => np.matmul(x, y),
  softmax: (x) => nn.softmax(x),
  layer_norm: (x) => nn.standardize(x, -1, { epsilon: 1e-5 }),
  multiply_add: (x, y) => x.mul(2).add(y),
  sum: (x) => np.sum(x),
};

/** The arrays of a .safetensors file, in the order of their numbers. */
function load(file, prefix) {
  const bytes = fs.readFileSync(file);
  const size = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + size).toString());
  const types = { F32: Float32Array, I32: Int32Array };
  const arrays = [];
  for (let number = 0; header[`${prefix}${number}`]; ++number) {
    const { dtype, shape, data_offsets: [begin, end] } = header[`${prefix}${number}`];
    const copy = Uint8Array.prototype.slice.call(bytes, 8 + size + begin, 8 + size + end);
    arrays.push({ shape, values: new types[dtype](copy.buffer) });
  }
  return arrays;
}

/** The share of elements that differ by more than a thousandth of their size and the median size. */
function shareDiffering(got, wanted) {
  const sizes = Float64Array.from(wanted, Math.abs).sort();
  const scale = sizes[sizes.length >> 1];
  let differing = 0;
  for (let k = 0; k < wanted.length; ++k)
    if (!(Math.abs(got[k] - wanted[k]) <= 1e-3 * (Math.abs(wanted[k]) + scale) + 1e-30)) ++differing;
  return differing / wanted.length;
}

function memory(field) {
  const line = fs.readFileSync('/proc/self/status', 'utf8').split('\n').find((text) => text.startsWith(field));
  return Number(line.match(/\d+/)[0]) * 1024;
}

const seconds = () => performance.now() * 1e-3;
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const answer = (value) => fs.writeSync(1, JSON.stringify(value) + '\n');

async function prepare() {
  if (!functions[workload]) throw new Error('it has no such loop');
  await init();
  defaultDevice('wasm');
  const inputs = load(path.join(folder, `${workload}.safetensors`), 'in').map(({ shape, values }) => np.array(values, { shape }));
  // Its jit refuses triangular_solve on what another function made.
  const compiled = workload === 'solve_batch' ? functions[workload] : jit(functions[workload]);
  const run = async () => blockUntilReady(compiled(...inputs.map((input) => input.ref)));
  fs.writeFileSync('/proc/self/clear_refs', '5');
  const before = memory('VmRSS');
  const start = seconds();
  const result = await run();
  const compileSeconds = seconds() - start;
  const used = memory('VmHWM') - before;
  const [wanted] = load(path.join(folder, `${workload}.results.safetensors`), 'out');
  const differing = shareDiffering(await result.data(), wanted.values);
  answer({ compile_seconds: compileSeconds, memory_bytes: used, differing });
  return async () => (await run()).dispose();
}

async function measure(call, limit) {
  const times = [];
  const end = seconds() + limit;
  while (times.length === 0 || seconds() < end) {
    const start = seconds();
    await call();
    times.push(seconds() - start);
  }
  return { seconds: median(times), samples: times.length };
}

try {
  const call = await prepare();
  for await (const line of createInterface({ input: process.stdin })) answer(await measure(call, Number(line)));
} catch (error) {
  answer({ error: String(error.message ?? error).slice(0, 300) });
}
process.exit(0);
