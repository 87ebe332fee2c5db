// Opens a server's pages in headless Chromium, as people do, and says what it saw as lines of JSON.
//   node browser.mjs URL FOLDER_FOR_SCREENSHOTS CHROMIUM
import { chromium } from "playwright-core";
import path from "node:path";

const [url, folder, executablePath] = process.argv.slice(2);
const sizes = { phone: { width: 390, height: 844 }, desktop: { width: 1440, height: 900 } };
const say = (what) => console.log(JSON.stringify(what));

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
try {
  for (const [size, viewport] of Object.entries(sizes)) {
    for (const colorScheme of ["light", "dark"]) {
      const context = await browser.newContext({ viewport, colorScheme, isMobile: size === "phone",
        permissions: ["clipboard-read", "clipboard-write"] });
      const page = await context.newPage();
      const complaints = [];
      const requests = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("request", (request) => requests.push(request.url()));
      await page.goto(url, { waitUntil: "load" });
      await page.screenshot({ path: path.join(folder, `home-${size}-${colorScheme}.png`) });
      const seen = await page.evaluate(() => {
        const box = (selector) => document.querySelector(selector).getBoundingClientRect().toJSON();
        const style = getComputedStyle(document.documentElement);
        const line = getComputedStyle(document.querySelector("code"));
        return { line: document.querySelector("code").innerText.replace(/\s+/g, " "), box: box("code"), button: box("button"),
          link: box("footer a"), scrolls: document.documentElement.scrollWidth > innerWidth ||
            document.documentElement.scrollHeight > innerHeight,
          paper: style.backgroundColor, ink: style.color, font_px: parseFloat(line.fontSize) };
      });
      await page.click("#copy");
      await page.waitForSelector("#copy.done", { timeout: 5000 });
      const copied = await page.evaluate(() => navigator.clipboard.readText());
      await page.screenshot({ path: path.join(folder, `copied-${size}-${colorScheme}.png`) });
      // The way of pages that have no clipboard of their own, as those over plain HTTP.
      await page.evaluate(() => navigator.clipboard.writeText("something else"));
      await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined, configurable: true }));
      await page.evaluate(() => document.getElementById("copy").classList.remove("done"));
      await page.click("#copy");
      await page.waitForSelector("#copy.done", { timeout: 5000 });
      await page.evaluate(() => delete navigator.clipboard);
      const copied_plainly = await page.evaluate(() => navigator.clipboard.readText());
      await page.keyboard.press("Tab");
      say({ page: "home", size, colorScheme, viewport, complaints, requests, copied, copied_plainly, ...seen });
      for (const at of ["/docs", "/docs/gateway"]) {
        complaints.length = 0;
        await page.goto(url + at, { waitUntil: "load" });
        await page.screenshot({ path: path.join(folder, `docs${at === "/docs" ? "" : "-page"}-${size}-${colorScheme}.png`) });
        const scrolls = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
        say({ page: at, size, colorScheme, complaints: [...complaints], scrolls_sideways: scrolls });
      }
      await context.close();
    }
  }
} finally {
  await browser.close();
}
