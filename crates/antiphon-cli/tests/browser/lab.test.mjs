// A person at JupyterLab: opens the seed notebook, runs it, stops a cell, completes a name, restarts the kernel.

import assert from "node:assert/strict";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

import { LIMIT, startLab } from "./server.mjs";

const { ANTIPHON_BROWSER_FOLDER: folder, ANTIPHON_NOTEBOOK: seed, ANTIPHON_CHROMIUM: executablePath } = process.env;
const shots = join(folder, "screenshots");

let lab, context, page;

before(async () => {
  await mkdir(shots, { recursive: true });
  lab = await startLab(join(folder, "lab"));
  const notebook = JSON.parse(await readFile(seed, "utf8"));
  notebook.metadata.kernelspec = { name: "antiphon-sim", display_name: "Rust (antiphon, simulated)", language: "rust" };
  await writeFile(join(lab.root, "async_llm.ipynb"), JSON.stringify(notebook));
  context = await chromium.launchPersistentContext(join(folder, "lab", "chromium"), {
    executablePath,
    headless: true,
    viewport: { width: 1280, height: 1600 },
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // Nothing but this machine.
      "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    ],
  });
  context.setDefaultTimeout(LIMIT);
  page = context.pages()[0] ?? (await context.newPage());
  await page.goto(lab.page("async_llm.ipynb"));
  await page.locator(".jp-Notebook .jp-Cell").first().waitFor();
});

after(async () => {
  if (page) await shot("last").catch(() => {});
  await context?.close();
  await lab?.stop();
  if (lab) await writeFile(join(folder, "jupyterlab.log"), lab.log());
});

const shot = (name) => page.screenshot({ path: join(shots, `${name}.png`) });
const cells = () => page.locator(".jp-Notebook .jp-CodeCell");
const cell = (index) => cells().nth(index);
const output = (index) => cell(index).locator(".jp-OutputArea-output");

// Waits until what a locator shows is as wanted.
async function until(what, check, limit = LIMIT) {
  const deadline = Date.now() + limit;
  for (;;) {
    const seen = await what();
    if (check(seen)) return seen;
    if (Date.now() > deadline) {
      await shot("failed");
      assert.fail(`it never was as it should be: ${JSON.stringify(seen)}`);
    }
    await page.waitForTimeout(50);
  }
}

const prompt = (index) => cell(index).locator(".jp-InputArea-prompt").innerText();
const finished = (index) => until(() => prompt(index), (text) => /\[\d+\]:/.test(text));
const started = (index) => until(() => prompt(index), (text) => text.includes("[*]"));

async function fromMenu(menu, item) {
  await page.getByRole("menuitem", { name: menu, exact: true }).click();
  // Some items begin with the menu's own words for a shortcut, or end in an ellipsis.
  await page.locator(".lm-Menu-item", { hasText: item }).first().click();
}

// A new cell at the end, with a source typed into it; gives its index.
async function append(source) {
  const index = await cells().count();
  await cells().last().locator(".cm-content").click();
  await page.keyboard.press("Escape");
  await page.keyboard.press("b");
  await until(() => cells().count(), (count) => count === index + 1);
  await page.keyboard.press("Enter");
  await page.keyboard.insertText(source);
  return index;
}

async function run(source) {
  const index = await append(source);
  await page.keyboard.press("Control+Enter");
  return index;
}

const kernelState = async () => (await lab.api("kernels")).map((kernel) => kernel.execution_state);

test("all cells run, and both timing lines show", async () => {
  // JupyterLab drops what is run before it has connected.
  await page.getByText("Rust (antiphon, simulated) | Idle").first().waitFor();
  await fromMenu("Run", "Run All Cells");
  await finished(0);
  const text = await output(0).allInnerTexts();
  const shown = text.join("\n");
  assert.match(shown, /Concurrent executed in \d+\.\d\d seconds\./);
  assert.match(shown, /Serial executed in \d+\.\d\d seconds\./);
  assert.match(shown, /the answers of language models are simulated/);
  // In bold, as the cell prints them.
  assert.equal(await cell(0).locator(".ansi-bold", { hasText: "executed in" }).count(), 2);
  // Highlighted as Rust.
  assert.ok((await cell(0).locator(".cm-content span").count()) > 50, "the source is not highlighted");
  assert.equal(await page.locator(".jp-Toolbar-kernelName").innerText(), "Rust (antiphon, simulated)");
  await cell(0).scrollIntoViewIfNeeded();
  await shot("1-run-all");
});

test("output grows while its cell runs", async () => {
  const index = await run(
    'for part in 1..=3 { println!("part {part}"); tokio::time::sleep(Duration::from_millis(if part == 2 { 600_000 } else { 1 })).await; }',
  );
  await until(() => output(index).allInnerTexts(), (texts) => texts.join("").includes("part 2"));
  assert.match(await prompt(index), /\[\*\]/);
  await stop();
  await finished(index);
});

async function stop() {
  await page.locator('.jp-NotebookPanel-toolbar [data-command="notebook:interrupt-kernel"], .jp-NotebookPanel-toolbar [title*="Interrupt"]').first().click();
}

test("the stop button cuts an await, and older variables stay", async () => {
  const made = await run("let older = String::from(\"still here\");");
  await finished(made);
  const index = await run('println!("waiting"); tokio::time::sleep(Duration::from_secs(600)).await;');
  await started(index);
  await until(() => output(index).allInnerTexts(), (texts) => texts.join("").includes("waiting"));
  await shot("2-awaiting");
  await stop();
  await finished(index);
  await until(() => output(index).allInnerTexts(), (texts) => texts.join("").includes("Cancelled"));
  const next = await run("older");
  await finished(next);
  assert.match((await output(next).allInnerTexts()).join(""), /"still here"/);
  await until(kernelState, (states) => states.length === 1 && states[0] === "idle");
  await shot("3-stopped");
});

test("a model's answer grows as Markdown in one output", async () => {
  // Looks in the page itself, where no state is missed.
  await page.evaluate(() => {
    window.states = new Set();
    const look = () => {
      const texts = [...document.querySelectorAll(".jp-CodeCell .jp-RenderedMarkdown")].map((it) => it.textContent);
      if (texts.length) window.states.add(texts.join("|"));
    };
    window.looking = setInterval(look, 10);
  });
  const index = await run(
    'let answer = display_stream(ChatOpenAI::new().astream("Tell me, in a few words, a story of a crab that waits for nobody").await?).await?;',
  );
  await finished(index);
  await until(() => cell(index).locator(".jp-RenderedMarkdown").count(), (count) => count === 1);
  const states = await page.evaluate(() => {
    clearInterval(window.looking);
    return [...window.states];
  });
  assert.ok(states.length >= 2, JSON.stringify(states));
  for (const [index, state] of states.slice(1).entries()) {
    assert.ok(state.trim().startsWith(states[index].trim()), JSON.stringify(states));
  }
  await shot("4-markdown");
});

test("a cell asks for a line", async () => {
  const index = await run('let name = input("Name? ")?; name.to_uppercase()');
  const line = page.locator(".jp-Stdin-input");
  await line.waitFor();
  await line.fill("ada");
  await line.press("Enter");
  await finished(index);
  assert.match((await output(index).allInnerTexts()).join(""), /"ADA"/);
});

test("a compile error shows as rustc's own text", async () => {
  const index = await run('let count: u8 = "three";');
  await finished(index);
  assert.match((await output(index).allInnerTexts()).join(""), /mismatched types/);
  await shot("5-compile-error");
});

test("tab completes", async () => {
  const index = await append("older.to_upp");
  await page.keyboard.press("Tab");
  const popup = page.locator(".jp-Completer");
  const source = () => cell(index).locator(".cm-content").innerText();
  // One match alone is inserted without a popup.
  await until(
    async () => [await source(), await popup.isVisible().catch(() => false)],
    ([text, visible]) => visible || text.includes("to_uppercase"),
  );
  await page.keyboard.press("Escape");
  const other = await append("older.to_");
  await page.keyboard.press("Tab");
  await popup.waitFor({ state: "visible" });
  const items = await popup.locator(".jp-Completer-item").allInnerTexts();
  assert.ok(items.some((item) => item.includes("to_uppercase")), items.join(", "));
  await shot("6-completion");
  await page.keyboard.press("Enter");
  await until(() => cell(other).locator(".cm-content").innerText(), (text) => text.length > "older.to_".length);
});

test("shift-tab shows what a name is", async () => {
  await append("Instant::now");
  await page.keyboard.press("Shift+Tab");
  const tooltip = page.locator(".jp-Tooltip");
  await tooltip.waitFor({ state: "visible" });
  assert.match(await tooltip.innerText(), /Instant/);
  await shot("7-tooltip");
  await page.keyboard.press("Escape");
});

test("a restart forgets variables", async () => {
  await fromMenu("Kernel", "Restart Kernel");
  await page.locator(".jp-Dialog button.jp-mod-accept").click();
  await page.locator(".jp-Dialog").waitFor({ state: "detached" });
  const index = await run("older");
  await finished(index);
  assert.equal(await prompt(index), "[1]:");
  assert.match((await output(index).allInnerTexts()).join(""), /cannot find value `older`/);
  const again = await run("1 + 1");
  await finished(again);
  assert.match((await output(again).allInnerTexts()).join(""), /2/);
  await shot("8-restarted");
});

test("the notebook is saved with its outputs", async () => {
  await page.keyboard.press("Control+s");
  const saved = async () => JSON.parse(await readFile(join(lab.root, "async_llm.ipynb"), "utf8"));
  const notebook = await until(saved, (notebook) => notebook.cells.some((cell) => cell.outputs?.length));
  assert.equal(notebook.metadata.language_info.name, "rust");
  const text = JSON.stringify(notebook.cells);
  assert.match(text, /Concurrent executed in/);
});

test("the end of JupyterLab is the end of its kernels", async () => {
  await context.close();
  context = page = undefined;
  await lab.stop();
  const left = (await readdir(lab.temporary)).filter((name) => name.includes("antiphon"));
  assert.deepEqual(left, []);
});
