// SPDX-License-Identifier: Apache-2.0
// A headless Chromium, driven over its debugging pipe: one JSON message after the other, each ended
// by a NUL. No port is opened and nothing is loaded but the files that a test names.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PATIENCE_MS = 60000;

export class Browser {
  constructor() {
    this.profile = mkdtempSync(join(tmpdir(), 'faultd-chromium-'));
    this.calls = new Map();
    this.listeners = [];
    this.next = 1;
    this.rest = '';
    this.process = spawn('chromium', [
      '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--hide-scrollbars',
      '--host-resolver-rules=MAP * ~NOTFOUND', `--user-data-dir=${this.profile}`,
      '--remote-debugging-pipe', 'about:blank',
    ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    this.ended = new Promise((resolve) => { this.process.on('exit', resolve); });
    this.process.stdio[4].on('data', (bytes) => this.take(bytes.toString()));
  }

  take(text) {
    const parts = (this.rest + text).split('\0');
    this.rest = parts.pop();
    for (const part of parts) {
      const message = JSON.parse(part);
      if (!message.id) {
        this.listeners.forEach((listener) => listener(message));
        continue;
      }
      const [resolve, reject] = this.calls.get(message.id);
      this.calls.delete(message.id);
      if (message.error) reject(new Error(message.error.message));
      else resolve(message.result);
    }
  }

  call(method, params = {}, sessionId = this.session) {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), PATIENCE_MS);
      this.calls.set(id, [(result) => { clearTimeout(timer); resolve(result); },
        (error) => { clearTimeout(timer); reject(error); }]);
      this.process.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + '\0');
    });
  }

  event(method) {
    return new Promise((resolve) => {
      const listener = (message) => {
        if (message.method !== method) return;
        this.listeners = this.listeners.filter((other) => other !== listener);
        resolve(message.params);
      };
      this.listeners.push(listener);
    });
  }

  // Opens a file in a window of that size, in CSS pixels; collects what the page asks for.
  async open(path, width, height, { dark = false, phone = false } = {}) {
    if (!this.session) {
      const { targetId } = await this.call('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
      this.session = sessionId;
      await this.call('Page.enable');
      await this.call('Network.enable');
      await this.call('Log.enable');
      this.requests = [];
      this.complaints = [];
      this.listeners.push((message) => {
        if (message.method === 'Network.requestWillBeSent') {
          this.requests.push(message.params.request.url);
        }
        if (message.method === 'Log.entryAdded') this.complaints.push(message.params.entry.text);
      });
    }
    await this.call('Emulation.setDeviceMetricsOverride',
      { width, height, deviceScaleFactor: phone ? 2 : 1, mobile: phone });
    await this.call('Emulation.setEmulatedMedia', {
      media: '', features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }] });
    this.requests.length = this.complaints.length = 0;
    const loaded = this.event('Page.loadEventFired');
    await this.call('Page.navigate', { url: `file://${path}` });
    await loaded;
  }

  // The value of an expression in the page.
  async value(expression) {
    const { result, exceptionDetails } = await this.call('Runtime.evaluate',
      { expression, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception.description);
    return result.value;
  }

  // The whole page as PNG.
  async picture() {
    const { cssContentSize: size } = await this.call('Page.getLayoutMetrics');
    const { data } = await this.call('Page.captureScreenshot', { captureBeyondViewport: true,
      clip: { x: 0, y: 0, width: size.width, height: size.height, scale: 1 } });
    return Buffer.from(data, 'base64');
  }

  async close() {
    await this.call('Browser.close', {}, undefined).catch(() => this.process.kill());
    await this.ended;
    rmSync(this.profile, { recursive: true, force: true });
  }
}
