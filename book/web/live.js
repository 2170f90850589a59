// The model and its tokenizer in the page: loaded when the reader asks for it, run where they are.
import * as ort from "./ort.js";
import { Tokenizer } from "./tokenizers.js";

ort.env.wasm.numThreads = 1; // more would need a server that isolates the page
ort.env.wasm.proxy = false;

const GRAPH = "small.onnx";
const SAID = 6; // tokens before the cut that tell where it is
let tokenizer = null;

/** The bytes of a file beside this one; `tell` hears how many came since it last heard. */
async function bytesOf(name, length, tell) {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  const bytes = new Uint8Array(length);
  const reader = response.body.getReader();
  let at = 0;
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    bytes.set(value, at);
    at += value.length;
    tell(value.length);
  }
  if (at !== length) throw new Error(`${name}: ${at} of ${length} bytes came`);
  return bytes;
}

/** A function from a sentence to { ids, tokens, gram, cut }. */
export async function start({ files, longest }, tell) {
  const bytes = (name) => bytesOf(name, files[name], tell);
  const read = async (name) => JSON.parse(new TextDecoder().decode(await bytes(name)));
  ort.env.wasm.wasmBinary = (await bytes("ort.wasm")).buffer;
  tokenizer = new Tokenizer(await read("tokenizer.json"), await read("tokenizer_config.json"));
  const session = await ort.InferenceSession.create(await bytes(GRAPH), { executionProviders: ["wasm"] });
  return (sentence) => dissect(session, sentence, longest);
}

/** The token ids of a sentence, special tokens included. */
export function encode(sentence) {
  return tokenizer.encode(sentence);
}

/** The tokens that the model takes: of a longer text the first ones and the last, which ends every text. */
function fitted({ ids, tokens }, longest) {
  if (ids.length <= longest) return { ids, tokens, cut: null };
  const first = (all) => [...all.slice(0, longest - 1), all.at(-1)];
  const after = tokens.slice(longest - 1 - SAID, longest - 1).join(" ").replaceAll(" ##", "");
  return { ids: first(ids), tokens: first(tokens), cut: { lost: ids.length - longest, after } };
}

async function dissect(session, sentence, longest) {
  const { ids, tokens, cut } = fitted(encode(sentence), longest);
  const row = (numbers) => new ort.Tensor("int64", BigInt64Array.from(numbers, BigInt), [1, numbers.length]);
  const { products } = await session.run({ input_ids: row(ids), attention_mask: row(ids.map(() => 1)) }, ["products"]);
  return { ids, tokens, cut, gram: triangles(products, tokens.length) };
}

/** Products, (layers, x, y, 1, tokens), by layer and token as the ten with x no later than y. */
function triangles({ dims: [layers, terms], data }, many) {
  const pairs = Array.from({ length: terms }, (_, x) => x).flatMap((x) =>
    Array.from({ length: terms - x }, (_, y) => terms * x + x + y));
  return Array.from({ length: layers }, (_, l) => Array.from({ length: many }, (_, t) =>
    pairs.map((pair) => data[(terms * terms * l + pair) * many + t])));
}
