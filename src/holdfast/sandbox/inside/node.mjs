// Runs one program in Node and tells on the socket what it came to. Its text is never put together with anything else.
import fs from "node:fs";
import path from "node:path";
import module from "node:module";
import { pathToFileURL } from "node:url";

const [channel, given] = [Number(process.argv[2]), process.argv[3]];
const program = JSON.parse(fs.readFileSync(given, "utf8"));
fs.unlinkSync(given);
process.argv.splice(1);

class Told extends Error {}

function send(done) {
  let text = Buffer.from(JSON.stringify({ done }));
  if (text.length > program.most) {
    const [size, most] = [text.length, program.most].map((bytes) => (bytes / 1e6).toFixed(1));
    text = Buffer.from(JSON.stringify({ done: failed(`It returned ${size} MB of JSON; at most ${most} MB can be returned.`) }));
  }
  const head = Buffer.alloc(4);
  head.writeUInt32BE(text.length);
  const all = Buffer.concat([head, text]);
  for (let at = 0; at < all.length; ) at += fs.writeSync(channel, all, at);
}

function failed(error) {
  return { status: "error", error };
}

function told(wrong) {
  if (wrong instanceof Told) return wrong.message;
  if (!(wrong instanceof Error)) return `It threw ${String(wrong)}`;
  const lines = String(wrong.stack ?? wrong).split("\n");
  const own = lines.filter((line) => !/^\s+at /.test(line) || line.includes("tool.mjs"));
  return own.join("\n").replaceAll(/file:\/\/\S*?tool\.mjs(\?\S*?)?(?=:)/g, "tool").slice(0, 4000);
}

async function javascriptOf(source) {
  if (program.language !== "typescript") return source;
  if (module.stripTypeScriptTypes) return module.stripTypeScriptTypes(source, { mode: "strip" });
  return source;
}

// The names of its parameters; nothing for what takes one object apart, or cannot be understood.
function parametersOf(called) {
  const text = called.toString().replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "");
  const list = /^(?:async\s+)?(?:function\s*\*?\s*[\w$]*\s*)?\(([^()]*)\)/.exec(text)?.[1];
  const names = list?.split(",").map((each) => each.split("=")[0].trim()).filter(Boolean);
  return names?.every((name) => /^[\w$]+$/.test(name)) ? names : undefined;
}

function argumentsFor(called) {
  const { arguments: values } = program;
  const names = parametersOf(called);
  if (!names) return called.length === 1 ? [values] : Object.values(values);
  if (Object.keys(values).every((name) => names.includes(name))) return names.map((name) => values[name]);
  return names.length === 1 ? [values] : Object.values(values);
}

async function imported(text) {
  const file = path.join(process.cwd(), "tool.mjs");
  fs.writeFileSync(file, text);
  try {
    return await import(pathToFileURL(file).href);
  } catch (wrong) {
    if (!(wrong instanceof SyntaxError) || program.language !== "typescript" || module.stripTypeScriptTypes) throw wrong;
    throw new Told(
      `This server's Node.js ${process.version} runs TypeScript only where it is also JavaScript: ` +
        `install Node.js 22.13 or newer, or write it without types. It said: ${wrong.message}`,
    );
  }
}

async function run() {
  const name = program.function;
  const text = await javascriptOf(program.source);
  if (name === null) {
    await imported(text);
    return undefined;
  }
  if (!/^[A-Za-z_$][\w$]*$/.test(name)) throw new Told(`${JSON.stringify(name)} cannot be the name of a function.`);
  const exported = /^\s*export\b/m.test(text);
  const loaded = await imported(exported ? text : `${text}\nexport { ${name} };`);
  const called = loaded[name] ?? loaded.default;
  if (typeof called !== "function") throw new Told(`There is no exported function \`${name}\` in the source.`);
  return await called(...argumentsFor(called));
}

function plain(_key, value) {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return value;
}

let done;
try {
  const value = JSON.parse(JSON.stringify((await run()) ?? null, plain) ?? "null");
  done = { status: "success", value };
} catch (wrong) {
  done = failed(told(wrong));
}
send(done);
process.exit(0);
