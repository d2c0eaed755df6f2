// Answers of @vladmandic/human on crops: node answers.mjs FOLDER OUT.csv
//
// A line a face: the file, the probability of each expression, and yaw, pitch and roll of the head in degrees.
// A crop in which human finds no face has no line. WebAssembly on the CPU; the models lie in the package.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { PNG } from 'pngjs';

const EXPRESSIONS = ['anger', 'disgust', 'fear', 'happy', 'neutral', 'sad', 'surprise'];
const DEGREES = 180 / Math.PI;

// The package reads its models by fetch, and Node.js fetches no files.
const fetched = globalThis.fetch;
globalThis.fetch = async (place, options) => (String(place).startsWith('file:')
  ? new Response(readFileSync(fileURLToPath(String(place))))
  : fetched(place, options));

const [folder, out] = process.argv.slice(2);
if (!folder || !out) {
  console.error('node answers.mjs FOLDER OUT.csv; FOLDER is what crops.py wrote');
  process.exit(2);
}
const require = createRequire(import.meta.url);
const packages = join(dirname(fileURLToPath(import.meta.url)), 'node_modules');
const address = (path) => `${pathToFileURL(join(packages, path))}/`;
const { Human } = require(join(packages, '@vladmandic/human/dist/human.node-wasm.js'));
const off = { enabled: false };
const human = new Human({
  backend: 'wasm',
  wasmPath: join(packages, '@tensorflow/tfjs-backend-wasm/dist/'),
  modelBasePath: address('@vladmandic/human/models'),
  cacheSensitivity: 0, // every picture is a new one
  filter: off,
  face: {
    detector: { rotation: true, maxDetected: 1, skipFrames: 0, skipTime: 0 },
    emotion: { minConfidence: 0, skipFrames: 0, skipTime: 0 },
    iris: off,
    description: off,
    antispoof: off,
    liveness: off,
  },
  body: off,
  hand: off,
  object: off,
  segmentation: off,
  gesture: off,
});
await human.load();

const files = readFileSync(join(folder, 'crops.csv'), 'utf8').trim().split(/\r?\n/).slice(1).map((line) => line.split(',')[0]);
const lines = [['file', ...EXPRESSIONS, 'yaw', 'pitch', 'roll'].join(',')];
let found = 0;
for (const [number, file] of files.entries()) {
  const picture = PNG.sync.read(readFileSync(join(folder, file)));
  const rgba = human.tf.tensor3d(new Uint8Array(picture.data), [picture.height, picture.width, 4], 'int32');
  const rgb = human.tf.slice(rgba, [0, 0, 0], [-1, -1, 3]);
  const input = human.tf.expandDims(human.tf.cast(rgb, 'float32'), 0);
  const { face: [face] } = await human.detect(input);
  human.tf.dispose([rgba, rgb, input]);
  if (face?.emotion?.length) {
    const score = Object.fromEntries(face.emotion.map(({ emotion, score: one }) => [emotion, one]));
    const angle = face.rotation?.angle ?? {};
    const turned = ['yaw', 'pitch', 'roll'].map((name) => (angle[name] === undefined ? '' : (angle[name] * DEGREES).toFixed(2)));
    lines.push([file, ...EXPRESSIONS.map((name) => (score[name] ?? 0).toFixed(4)), ...turned].join(','));
    found += 1;
  }
  if (process.stderr.isTTY) process.stderr.write(`\r${number + 1} of ${files.length}`);
}
writeFileSync(out, `${lines.join('\n')}\n`);
console.log(`human ${human.version}: a face in ${found} of ${files.length} crops: ${out}`);
