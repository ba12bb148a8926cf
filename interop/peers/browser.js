// A headless Chromium of its own folder, which talks to nobody but the suite.
const { chromium } = require('playwright-core');

exports.launch = (executablePath, profile) => chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
