// Headless Chromium on the demo page: opens echo and chat through the gateway, sends, receives,
// closes. Exits 0 when all of it went as it should.
//
//   node page.js PAGE_URL CHROMIUM PROFILE_FOLDER SCREENSHOT
const assert = require('node:assert/strict');
const { launch } = require('./browser.js');

const [url, executablePath, profile, screenshot] = process.argv.slice(2);
const WAIT = { timeout: 10_000 };
// Holds unless the end is reached: who waits for what cannot come any more just stops.
process.exitCode = 1;

async function main() {
  const browser = await launch(executablePath, profile);
  try {
    const page = browser.pages()[0] ?? (await browser.newPage());
    const troubles = [];
    page.on('pageerror', (error) => troubles.push(`script: ${error.message}`));
    page.on('console', (message) => message.type() === 'error' && troubles.push(`console: ${message.text()}`));
    await page.goto(url, WAIT);
    await echo(page.locator("[data-path='/echo']"));
    await chat(page.locator("[data-path='/chat']"));
    await page.screenshot({ path: screenshot, fullPage: true });
    assert.deepEqual(troubles, [], 'the page complained');
    assert.equal(await page.locator('li.trouble').count(), 0, await page.locator('li.trouble').allInnerTexts());
  } finally {
    await browser.close();
  }
}

async function echo(pane) {
  await state(pane, 'open');
  await pane.locator('#echo-text').fill('Grüße aus dem Browser 👋');
  await pane.getByRole('button', { name: 'Send', exact: true }).click();
  await pane.locator('li.received', { hasText: 'Grüße aus dem Browser 👋' }).waitFor(WAIT);
  await pane.getByRole('button', { name: 'Send 64 KiB' }).click();
  await pane.locator('li.received', { hasText: '65,536 bytes, binary' }).waitFor(WAIT);
  await pane.getByRole('button', { name: 'Send 100 at once' }).click();
  await pane.locator('li.received', { hasText: 'message 100 of 100' }).waitFor(WAIT);
  await pane.locator('#echo-code').fill('4321');
  await pane.locator('#echo-reason').fill('enough');
  await pane.getByRole('button', { name: 'Close', exact: true }).click();
  await state(pane, 'closed');
  await pane.locator('li.note', { hasText: 'closed with 4321, "enough"' }).waitFor(WAIT);
  await pane.getByRole('button', { name: 'Connect' }).click();
  await state(pane, 'open');
}

async function chat(pane) {
  await state(pane, 'open');
  await pane.locator('#chat-name').fill('Ada');
  await pane.getByRole('button', { name: 'Take it' }).click();
  await pane.locator('li.note', { hasText: 'Ada' }).waitFor(WAIT);
  await pane.locator('#chat-text').fill('hello, room');
  await pane.getByRole('button', { name: 'Send', exact: true }).click();
  await pane.locator('li.received', { hasText: 'Ada: hello, room' }).waitFor(WAIT);
}

async function state(pane, wanted) {
  await pane.locator(`.state[data-state=${wanted}]`).waitFor(WAIT);
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);
