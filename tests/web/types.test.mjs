// quality-reporter.d.ts promises what quality-reporter.js has, and nothing else.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as module from "../../deploy/web/quality-reporter.js";
import { ladder, whenDegraded, whenRecovered } from "../../deploy/web/quality/suggestions.js";

const folder = new URL("../../deploy/web/", import.meta.url);
const types = readFileSync(new URL("quality-reporter.d.ts", folder), "utf8");
const source = readFileSync(new URL("quality-reporter.js", folder), "utf8");

const all = (text, pattern) => [...text.matchAll(pattern)].map(([, name]) => name).sort();
const unique = (names) => [...new Set(names)];
const blockOf = (name) => types.match(new RegExp(`(?:interface|class) ${name} {([^]*?)\n}`))[1];

test("every export is declared, and every declaration is exported", () => {
  const declared = all(types, /export declare (?:class|function|const) (\w+)/g);
  assert.deepEqual(declared, Object.keys(module).sort());
});

test("the class has the declared members", () => {
  const declared = all(blockOf("QualityReporter"), /^ {2}(?:readonly )?(\w+)[(:]/gm);
  const { prototype } = module.QualityReporter;
  assert.deepEqual(declared, Object.getOwnPropertyNames(prototype).sort());
});

test("every callback that is called is declared, and the other way round", () => {
  const declared = all(types, /^ {2}(on\w+)\?:/gm);
  assert.deepEqual(declared, unique(all(source, /"(on[A-Z]\w+)"/g)));
});

test("every suggestion that is made is declared", () => {
  const declared = all(blockOf("Suggestion").split("text")[0], /"(\w+)"/g);
  const made = [
    ...whenDegraded(["packet_loss_percent", "rtt_ms"], { targetKbps: ladder[0], protocol: "tcp" }),
    ...whenRecovered({ targetKbps: 16, before: 64 }),
  ];
  assert.deepEqual(declared, made.map(({ code }) => code).sort());
});
