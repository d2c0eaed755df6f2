// Runs a folder's network outside of a browser: node check.mjs FOLDER COUNT < pixels > outputs as JSON.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, count] = [resolve(process.argv[2]), Number(process.argv[3])];
const { open, predict } = await import(pathToFileURL(resolve(folder, "network.mjs")));
const network = await open(async (name) => new Uint8Array(readFileSync(resolve(folder, name))).buffer);
const found = await predict(network, new Uint8Array(readFileSync(0)), count);
const plain = Object.entries(found).map(([name, { dims, data }]) => [name, { dims, data: Array.from(data) }]);
process.stdout.write(JSON.stringify(Object.fromEntries(plain)));
