import { existsSync } from "node:fs";
import { cp, glob, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { has, run } from "./programs.ts";

const SCHEMATHESIS = "schemathesis==4.32.5";
const NEWMAN = "newman@6.2.2";
const GENERATOR_VERSION = "7.25.0";
/** What a client made by the generator imports. */
const CLIENT_LIBRARIES = [
  "urllib3==2.5.0",
  "python-dateutil==2.9.0.post0",
  "pydantic==2.12.4",
  "typing-extensions==4.15.0",
  "lazy-imports==1.0.1",
];
/** What checks exports of the audit log: parsers of CEF and RFC 5424, and the schema of OCSF 1.6.0 in two forms. */
const LOG_LIBRARIES = [
  "pycef==1.11",
  "syslog-rfc5424-parser==0.3.2",
  "jsonschema==4.26.0",
  "ocsf-json-schema==1.2.0",
  "pydantic-ocsf==3.0.0",
];
const TESSERA = "github.com/transparency-dev/tessera/cmd/fsck@v1.0.2";
const POSTGRES_15 = "/usr/lib/postgresql/15/bin";

/** Strangers' programs are kept outside of the tree, so that a second run needs no network. */
const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "tabellion-interop");

let isPackageListFresh = false;

/** The `schemathesis` program. */
export async function schemathesis(): Promise<string> {
  return join(await pythonWith("schemathesis", [SCHEMATHESIS]), "schemathesis");
}

/** A Python that has what generated clients import. */
export async function clientPython(): Promise<string> {
  return join(await pythonWith("client", CLIENT_LIBRARIES), "python");
}

/** A Python that has strangers' parsers of logs. */
export async function logPython(): Promise<string> {
  return join(await pythonWith("logs", LOG_LIBRARIES), "python");
}

/** The `fsck` of Tessera, which checks any log of C2SP tlog-tiles. */
export async function tesseraFsck(): Promise<string> {
  const folder = await made(`tessera-fsck-${TESSERA.replace(/^.*@/, "")}`, async (path) => {
    await debian("go", "golang-go", "version");
    const modules = join(path, "modules");
    const env = { GOBIN: path, GOPATH: modules, GOFLAGS: "-modcacherw" };
    await run("go", ["install", TESSERA], { cwd: path, env });
    await rm(modules, { recursive: true });
  });
  return join(folder, "fsck");
}

/** rsyslog out of Debian's packages, without installing it: nothing of it runs but what a check starts. */
export async function rsyslog(): Promise<{ program: string; modules: string; env: Record<string, string> }> {
  const packages = ["rsyslog", "rsyslog-gnutls", "libestr0", "libfastjson4", "liblognorm5"];
  const folder = await made("rsyslog", async (path) => {
    await readPackageList();
    await run("apt-get", ["download", "-q", ...packages], { cwd: path });
    for (const name of await readdir(path)) await run("dpkg", ["-x", name, "."], { cwd: path });
  });
  const [modules = ""] = await Array.fromAsync(glob(join(folder, "usr/lib/*/rsyslog")));
  return { program: join(folder, "usr/sbin/rsyslogd"), modules, env: { LD_LIBRARY_PATH: dirname(modules) } };
}

export async function newman(): Promise<string> {
  const folder = await made(`node-${NEWMAN}`, async (path) => {
    await writeFile(join(path, "package.json"), '{ "private": true }\n');
    await run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", NEWMAN], { cwd: path });
  });
  return join(folder, "node_modules", ".bin", "newman");
}

/** The jar of the OpenAPI generator, from Maven Central. */
export async function generatorJar(): Promise<string> {
  await debian("java", "default-jre-headless", "-version");
  const name = `openapi-generator-cli-${GENERATOR_VERSION}.jar`;
  const folder = await made(`generator-${GENERATOR_VERSION}`, async (path) => {
    await debian("mvn", "maven");
    const artifact = `org.openapitools:openapi-generator-cli:${GENERATOR_VERSION}`;
    const repository = join(path, "maven");
    const options = ["-q", "-B", `-Dmaven.repo.local=${repository}`];
    await run("mvn", [...options, "dependency:get", `-Dartifact=${artifact}`, "-Dtransitive=false"], { cwd: path });
    await cp(join(repository, "org/openapitools/openapi-generator-cli", GENERATOR_VERSION, name), join(path, name));
    await rm(repository, { recursive: true });
  });
  return join(folder, name);
}

/** Folder of PostgreSQL 15's programs. */
export async function postgres15(): Promise<string> {
  if (!existsSync(POSTGRES_15)) await installPackage("postgresql-15");
  return POSTGRES_15;
}

/** Sees to it that a Debian program is there. Only root can install what is missing. */
export async function debian(program: string, packageName: string, option = "--version"): Promise<void> {
  if (!(await has(program, option))) await installPackage(packageName);
}

async function installPackage(name: string): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error(`the Debian package ${name} is missing, and only root can install it`);
  await readPackageList();
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", ["install", "-q", "-y", "--no-install-recommends", name], { env });
}

/** Others than root have to make do with the list that is there. */
async function readPackageList(): Promise<void> {
  if (isPackageListFresh || process.getuid?.() !== 0) return;
  await run("apt-get", ["update", "-q"]);
  isPackageListFresh = true;
}

/** Folder of the programs of a virtual environment with these libraries. */
async function pythonWith(name: string, libraries: readonly string[]): Promise<string> {
  const folder = await made(`python-${name}-${versionsOf(libraries)}`, async (path) => {
    if (!(await has("python3"))) await installPackage("python3");
    await run("python3", ["-m", "venv", path]).catch(async () => {
      await installPackage("python3-venv");
      await run("python3", ["-m", "venv", path]);
    });
    await run(join(path, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", ...libraries]);
  });
  return join(folder, "bin");
}

function versionsOf(libraries: readonly string[]): string {
  return libraries.map((library) => library.replace(/^.*==/, "")).join("-");
}

/** A folder of the cache, made once: a run that broke off leaves no mark, and the next one begins anew. */
async function made(name: string, make: (path: string) => Promise<void>): Promise<string> {
  const path = join(CACHE, name);
  const mark = join(path, "complete");
  if (existsSync(mark)) return path;
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { recursive: true });
  await make(path);
  await writeFile(mark, "");
  return path;
}
