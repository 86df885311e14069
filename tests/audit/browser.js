// Drives the app in a real browser for test_browser.py: node browser.js PLAYWRIGHT CHROMIUM URL OUT.png [TAG]
// Prints one JSON object: pictures in the grid, hosts that were asked, errors on the page.
const [, , playwright, executablePath, url, out, tag] = process.argv;
const { chromium } = require(playwright);
const fs = require('fs'), os = require('os'), path = require('path');

(async () => {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'datapipe-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath, headless: true, viewport: { width: 1400, height: 900 },
    // The resolver rule proves that nothing outside this machine is needed.
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1'],
  });
  try {
    await context.addInitScript(() => localStorage.setItem('fiftyone-enterprise-tooltip-seen', 'true'));
    const page = context.pages()[0] || await context.newPage();
    const hosts = new Set();
    page.on('request', request => hosts.add(new URL(request.url()).hostname));
    // Not "networkidle": an event stream stays open.
    await page.goto(url, { waitUntil: 'domcontentloaded' });
    await page.waitForSelector('[data-cy="looker"]', { timeout: 120000 });
    await page.waitForTimeout(4000); // pictures and boxes are painted on canvases later
    await page.screenshot({ path: out });
    const pictures = await page.locator('[data-cy="looker"]').count();
    const counts = (await page.locator('[data-cy="entry-counts"]').allInnerTexts()).join(' ');
    if (tag) {
      const box = await page.locator('[data-cy="looker"]').first().boundingBox();
      await page.mouse.move(box.x + 40, box.y + 40);
      await page.waitForTimeout(500);
      await page.mouse.click(box.x + 12, box.y + 12); // the checkbox itself is outside of playwright's viewport
      await page.waitForTimeout(800);
      await page.click('[data-cy="action-tag-sample-labels"]');
      await page.waitForTimeout(800);
      await page.keyboard.type(tag);
      await page.keyboard.press('Enter');
      await page.waitForTimeout(500);
      const posted = page.waitForResponse(response => response.url().endsWith('/tag'), { timeout: 30000 });
      await page.getByText('Apply', { exact: true }).click();
      await posted;
    }
    console.log(JSON.stringify({ pictures, counts, hosts: [...hosts] }));
  } finally {
    await context.close();
    fs.rmSync(profile, { recursive: true, force: true });
  }
})().catch(error => { console.error(String(error)); process.exit(1); });
