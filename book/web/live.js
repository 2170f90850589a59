// The model and its tokenizer in the page: loaded when the reader asks for it, run where they are.
import * as ort from "./ort.js";
import { Tokenizer } from "./tokenizers.js";

ort.env.wasm.numThreads = 1; // more would need a server that isolates the page
ort.env.wasm.proxy = false;

const beside = (name) => new URL(name, import.meta.url);
const kept = {}; // files that the two models share

/** The bytes of a file beside this one; `tell` hears how many came since it last heard. */
async function bytesOf(name, length, tell) {
  const response = await fetch(beside(name));
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

/** What both models need: the runtime and the tokenizer. */
async function shared(built, tell) {
  if (kept.tokenizer) return;
  const sizes = built.shared;
  ort.env.wasm.wasmBinary = (await bytesOf("ort.wasm", sizes["ort.wasm"], tell)).buffer;
  const text = new TextDecoder();
  const read = async (name) => JSON.parse(text.decode(await bytesOf(name, sizes[name], tell)));
  kept.tokenizer = new Tokenizer(await read("tokenizer.json"), await read("tokenizer_config.json"));
}

/** A function from a sentence to { ids, tokens, layers, importance, products }. */
export async function start(built, variant, tell) {
  await shared(built, tell);
  const { file, bytes } = built.variants[variant];
  const session = await ort.InferenceSession.create(await bytesOf(file, bytes, tell), {
    executionProviders: ["wasm"],
  });
  return (sentence) => dissect(session, sentence, built.longest);
}

/** The token ids of a sentence, special tokens included. */
export function encode(sentence) {
  return kept.tokenizer.encode(sentence);
}

async function dissect(session, sentence, longest) {
  const { ids, tokens } = encode(sentence);
  if (ids.length > longest) throw new RangeError(`${ids.length} tokens are more than the ${longest} that the model takes`);
  const row = (numbers) => new ort.Tensor("int64", BigInt64Array.from(numbers, BigInt), [1, numbers.length]);
  const feeds = { input_ids: row(ids), attention_mask: row(ids.map(() => 1)) };
  const { importance, products } = await session.run(feeds, ["importance", "products"]);
  return { ids, tokens, layers: importance.dims[0], importance: importance.data, products: products.data };
}
