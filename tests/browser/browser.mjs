// Chromium, and pages in it that are watched for errors and requests.

import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const PLACES = [process.env.EARWITNESS_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The browser that EARWITNESS_CHROMIUM names, or one that is installed. */
export const chromium = () => PLACES.find((place) => place && existsSync(place));

/** Starts the browser, with further arguments. */
export function startBrowser(...further) {
  const executablePath = chromium();
  if (!executablePath) throw new Error("no Chromium: run tests/browser/setup, or set EARWITNESS_CHROMIUM");
  return puppeteer.launch({
    executablePath,
    args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio", "--font-render-hinting=none", "--disable-background-networking", ...further],
  });
}

/**
 * Opens a file or a URL, and notes every error of the page and every request of it in `page.errors` and `page.requests`.
 * `scheme` is light or dark.
 */
export async function open(browser, file, { width = 1280, height = 900, scheme = "light", hash = "" } = {}) {
  const page = await browser.newPage();
  page.errors = [];
  page.requests = [];
  page.on("console", (message) => { if (["error", "warn"].includes(message.type())) page.errors.push(`console: ${message.text()}`); });
  page.on("pageerror", (error) => page.errors.push(`page: ${error.message}`));
  page.on("dialog", (dialog) => { page.errors.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => page.requests.push(request.url()));
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  const url = file.startsWith("http:") ? file : pathToFileURL(file).href;
  await page.goto(url + hash, { waitUntil: "load" });
  return page;
}

/** Waits until `check` returns something true, and returns that. */
export async function until(check, what, limitMs = 10000) {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
