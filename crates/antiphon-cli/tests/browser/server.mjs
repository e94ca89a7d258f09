// JupyterLab on this machine, with files of its own.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";

// What a loaded machine may need for anything that ends by itself.
export const LIMIT = 120_000;

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

// Starts it with its root in `<folder>/notebooks`; everything that it writes stays in the folder.
export async function startLab(folder) {
  await rm(folder, { recursive: true, force: true });
  const root = join(folder, "notebooks");
  const temporary = join(folder, "tmp");
  const settings = join(folder, "lab-settings");
  const preferences = join(settings, "@jupyterlab", "apputils-extension");
  for (const made of [root, temporary, preferences]) await mkdir(made, { recursive: true });
  // It would ask whether to fetch news.
  const quiet = { fetchNews: "false", checkForUpdates: false };
  await writeFile(join(preferences, "notification.jupyterlab-settings"), JSON.stringify(quiet));

  const port = await freePort();
  const token = randomBytes(24).toString("hex");
  const own = (name) => join(folder, name);
  const environment = {
    ...process.env,
    TMPDIR: temporary,
    JUPYTER_CONFIG_DIR: own("config"),
    JUPYTER_DATA_DIR: own("data"),
    JUPYTER_RUNTIME_DIR: own("runtime"),
    JUPYTERLAB_SETTINGS_DIR: settings,
    JUPYTERLAB_WORKSPACES_DIR: own("workspaces"),
    JUPYTER_TOKEN: token,
  };
  const lab = spawn(
    "jupyter-lab",
    [
      "--no-browser",
      "--allow-root",
      "--ServerApp.ip=127.0.0.1",
      `--ServerApp.port=${port}`,
      "--ServerApp.port_retries=0",
      `--ServerApp.root_dir=${root}`,
      "--LabApp.extension_manager=readonly",
      "--LabServerApp.news_url=",
    ],
    { env: environment, stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  lab.stderr.on("data", (text) => (log += text));
  const ended = new Promise((resolve) => lab.on("exit", resolve));
  const url = `http://127.0.0.1:${port}`;

  const api = async (path) => {
    const response = await fetch(`${url}/api/${path}`, { headers: { authorization: `token ${token}` } });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response.json();
  };
  const deadline = Date.now() + LIMIT;
  for (;;) {
    if (lab.exitCode !== null || Date.now() > deadline) throw new Error(`JupyterLab did not start:\n${log}`);
    const up = await api("status").catch(() => null);
    if (up) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }

  return {
    root,
    temporary,
    page: (path) => `${url}/lab/tree/${path}?token=${token}&reset`,
    api,
    log: () => log,
    // Ends it and its kernels, as Ctrl-C in its terminal does.
    async stop() {
      const left = setTimeout(() => lab.kill("SIGKILL"), 30_000);
      lab.kill("SIGTERM");
      await ended;
      clearTimeout(left);
    },
  };
}
