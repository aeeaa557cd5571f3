// SPDX-License-Identifier: Apache-2.0
// page.mjs FAULTCTL [PICTURES]: opens the HTML report of several journals in a headless Chromium, at
// desktop and phone width, light and dark, and holds what it shows against the JSON report; and that of a
// comparison. With PICTURES, a directory, leaves a picture of each there.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser } from './browser.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const JOURNALS = { plain: [], hostile: ['--hostile'], cut: ['--cut'], unsteady: ['--unsteady'],
  wide: ['--wide'] };
const POINTS = ['effective_at_ns', 'lifted_at', 'first_failure_at_ns', 'detected_at_ns',
  'first_success_at_ns', 'stable_at_ns', 'steady_at_ns', 'drained_at_ns'];
const VIEWS = [
  { name: 'desktop', width: 1280, height: 900 },
  { name: 'desktop-dark', width: 1280, height: 900, dark: true },
  { name: 'phone', width: 390, height: 844, phone: true },
  { name: 'phone-dark', width: 390, height: 844, phone: true, dark: true },
];

// Numbers of 64 bits survive as text: CLOCK_BOOTTIME in ns outgrows a double after 104 days.
function parse(text) {
  return JSON.parse(text.replace(/: (\d{10,})/g, ': "$1"'));
}

// What the JSON says must be marked, as sorted lines.
function expectedMarks(report) {
  const lines = [];
  report.episodes.forEach((episode, index) => {
    for (const result of episode.workflows.filter(({ affected }) => affected)) {
      for (const point of POINTS) {
        const at = point === 'lifted_at' ? episode.lifted_at?.last_ns
          : episode[point] ?? result[point];
        const key = point === 'lifted_at' ? 'lifted_at_ns' : point;
        if (at) lines.push(`${index + 1} ${result.workflow} ${key} ${at}`);
      }
    }
  });
  return lines.sort();
}

// The marks of the page, each with the place of its middle as a share of the plot below it.
const READ_MARKS = `[...document.querySelectorAll('.mark[data-point]')].map((mark) => {
  const box = mark.getBoundingClientRect();
  const plot = mark.closest('.charts').querySelector('.plot svg').getBoundingClientRect();
  return { ...mark.dataset, place: (box.left + box.width / 2 - plot.left) / plot.width,
    width: plot.width };
})`;

// The dots at the surges' peaks: their places as shares of the plot, and what its axis says of the height.
const READ_PEAKS = `[...document.querySelectorAll('.peak[data-peak]')].map((peak) => {
  const box = peak.getBoundingClientRect();
  const plot = peak.closest('.plot').querySelector('svg').getBoundingClientRect();
  const ticks = [...peak.closest('.plot').querySelectorAll(':scope > .y')].map((tick) =>
    ({ value: Number(tick.textContent), place: parseFloat(tick.style.bottom) / 100 }));
  return { ...peak.dataset, text: peak.textContent, width: plot.width, height: plot.height,
    left: (box.left - plot.left) / plot.width, above: (plot.bottom - box.bottom) / plot.height,
    top: ticks.at(-1) };
})`;

// Elements that reach out of the window, or whose text does not fit into them.
const READ_CUT = `[...document.body.querySelectorAll('*')].filter((element) => {
  if (element.closest('svg') || element.closest('thead') || !element.getClientRects().length) {
    return false;
  }
  const box = element.getBoundingClientRect();
  return box.left < -0.5 || box.right > document.documentElement.clientWidth + 0.5 ||
    (getComputedStyle(element).overflowX !== 'visible' && element.clientWidth > 0 &&
      element.scrollWidth > element.clientWidth + 1);
}).map((element) => element.outerHTML.slice(0, 120))`;

// Labels of one axis that run into each other.
const READ_CRAMPED = `[...document.querySelectorAll('.times, .plot')].flatMap((axis) => {
  const boxes = [...axis.querySelectorAll(':scope > .x, :scope > .y')].map((label) =>
    label.getBoundingClientRect());
  return boxes.filter((box, i) => boxes.some((other, j) => j < i && box.left < other.right &&
    other.left < box.right && box.top < other.bottom && other.top < box.bottom));
}).length`;

// Focus shows the definition, inside of the window; returns those that do not.
const READ_TIPS = `[...document.querySelectorAll('[tabindex]')].filter((element) => {
  if (!element.getClientRects().length || element.closest('thead')?.clientWidth === 1) return false;
  element.focus({ preventScroll: true });
  const tip = element.querySelector('.tip'), box = tip.getBoundingClientRect();
  const shown = getComputedStyle(tip).display === 'block' && tip.textContent.length > 10;
  const inside = box.left >= 0 && box.right <= document.documentElement.clientWidth &&
    document.documentElement.scrollWidth <= document.documentElement.clientWidth;
  element.blur();
  return !shown || !inside || getComputedStyle(tip).display !== 'none';
}).map((element) => element.outerHTML.slice(0, 200))`;

// The lowest contrast of text against what lies behind it (WCAG 2).
const READ_CONTRAST = `(() => {
  const light = (color) => color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor;
      if (!/^rgba.*, 0\\)$/.test(color)) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  return Math.min(...[...document.body.querySelectorAll('*')].filter((element) =>
    !element.closest('svg') && element.getClientRects().length &&
    [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((element) => {
      const pair = [light(getComputedStyle(element).color), light(behind(element))];
      return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    }));
})()`;

function checkMarks(marks, report) {
  const lines = marks.map(({ episode, workflow, point, ns }) =>
    `${episode} ${workflow} ${point} ${ns}`).sort();
  const clean = (line) => line.replaceAll(/[\x01\u202e]/g, '\ufffd');
  assert.deepEqual(lines, expectedMarks(report).map(clean).sort());
  for (const { ns, place, width, point } of marks) {
    const start = BigInt(report.started_at_ns), end = BigInt(report.ended_at_ns);
    const wanted = Number(BigInt(ns) - start) / Number(end - start);
    assert.ok(Math.abs(place - wanted) * width <= 1, `${point} stands at ${place}, not ${wanted}`);
  }
}

// A peak stands in its second, as high as its attempts, and says the ratio.
function checkPeaks(peaks, report) {
  const clean = (text) => text.replaceAll(/[\x01\u202e]/g, '\ufffd');
  const expected = report.episodes.flatMap((episode, index) => episode.workflows
    .filter((result) => result.affected && result.surge_peak_at_ns)
    .map((result) => ({ result, episode: `${index + 1}` })));
  assert.equal(peaks.length, expected.length);
  for (const { result, episode } of expected) {
    const peak = peaks.find((one) => one.episode === episode &&
      one.workflow === clean(result.workflow));
    assert.equal(peak?.ns, `${result.surge_peak_at_ns}`);
    assert.equal(peak.text, `surge ${result.surge_ratio_1s.toFixed(2)}\u00d7`);
    const start = BigInt(report.started_at_ns), end = BigInt(report.ended_at_ns);
    const left = Number(BigInt(peak.ns) - start) / Number(end - start);
    assert.ok(Math.abs(peak.left - left) * peak.width <= 1, `at ${peak.left}, not ${left}`);
    const above = result.surge_peak_attempts / peak.top.value * peak.top.place;
    assert.ok(Math.abs(peak.above - above) * peak.height <= 1, `at ${peak.above}, not ${above}`);
  }
}

// What holds for every page in every view.
async function checkLook(browser, page, view) {
  await browser.open(page, view.width, view.height, view);
  assert.deepEqual(browser.requests, [`file://${page}`], 'the page loads something else');
  assert.deepEqual(browser.complaints, []);
  assert.equal(await browser.value(
    'document.querySelectorAll("script, iframe, object, embed, link, img, [src], [onclick]").length'),
  0);
  const [inner, outer] = await browser.value(
    '[document.documentElement.scrollWidth, document.documentElement.clientWidth]');
  assert.ok(outer === view.width && inner <= outer, `${inner} wide in a window of ${outer}`);
  assert.deepEqual(await browser.value(READ_CUT), []);
  assert.equal(await browser.value(READ_CRAMPED), 0, 'labels run into each other');
  assert.deepEqual(await browser.value(READ_TIPS), []);
  const contrast = await browser.value(READ_CONTRAST);
  assert.ok(contrast >= 4.5, `contrast ${contrast}`);
}

async function checkView(browser, page, report, view) {
  await checkLook(browser, page, view);
  checkMarks(await browser.value(READ_MARKS), report);
  checkPeaks(await browser.value(READ_PEAKS), report);
  const clean = (text) => text.replaceAll(/[\x01\u202e]/g, '\ufffd');
  assert.equal(await browser.value('document.querySelector("h1").textContent'),
    clean(report.title));
  assert.equal(await browser.value('document.querySelector(".verdict .chip").firstChild.data'),
    report.verdict.replaceAll('_', ' '));
}

// Two variants of a few runs each: every run is a dot, and the conclusion leads.
async function checkComparison(browser, faultctl, directory, pictures) {
  const sides = { A: ['--slow'], B: [] }, page = join(directory, 'comparison.html');
  for (const [side, options] of Object.entries(sides)) {
    for (let seed = 1; seed <= 4; seed++) {
      const run = join(directory, side, `${seed}`);
      mkdirSync(run, { recursive: true });
      writeFileSync(join(run, 'journal.jsonl'),
        execFileSync('python3', [join(HERE, 'journal.py'), `--seed=${seed}`, ...options]));
    }
  }
  const { stdout, stderr } = spawnSync(faultctl, ['compare', join(directory, 'A'),
    join(directory, 'B'), '-o', 'json', '-o', `html=${page}`], { maxBuffer: 1 << 26 });
  assert.equal(stderr.toString(), '');
  const comparison = JSON.parse(stdout.toString());
  const runs = comparison.workflows.flatMap(({ figures }) => Object.values(figures))
    .flatMap(({ A, B }) => [A, B]).reduce((sum, side) => sum + (side?.runs.length ?? 0), 0);
  assert.ok(runs > 100, `${runs} runs`);
  for (const view of VIEWS) {
    await checkLook(browser, page, view);
    assert.equal(await browser.value('document.querySelectorAll("svg .run").length'), runs);
    assert.equal(await browser.value('document.querySelector(".verdict").textContent'),
      comparison.conclusion);
    if (pictures) {
      writeFileSync(join(pictures, `comparison-${view.name}.png`), await browser.picture());
    }
    console.log(`ok   comparison, ${view.name}`);
  }
}

async function checkPrint(browser, page) {
  await browser.open(page, 1280, 900, { dark: true });
  await browser.call('Emulation.setEmulatedMedia', { media: 'print' });
  const ink = await browser.value('getComputedStyle(document.body).color');
  assert.equal(ink, 'rgb(0, 0, 0)', 'printed on a dark ground');
  const { data } = await browser.call('Page.printToPDF', { printBackground: true });
  assert.equal(Buffer.from(data, 'base64').subarray(0, 5).toString(), '%PDF-');
}

async function main() {
  const [faultctl, pictures] = process.argv.slice(2);
  const directory = mkdtempSync(join(tmpdir(), 'faultctl-page-'));
  const browser = new Browser();
  try {
    for (const [name, options] of Object.entries(JOURNALS)) {
      const journal = join(directory, `${name}.jsonl`), page = join(directory, `${name}.html`);
      writeFileSync(journal, execFileSync('python3', [join(HERE, 'journal.py'), ...options]));
      const { stdout, stderr } = spawnSync(faultctl,
        ['report', journal, '-o', 'json', '-o', `html=${page}`], { maxBuffer: 1 << 26 });
      assert.equal(stderr.toString(), '');
      const report = parse(stdout.toString());
      for (const view of VIEWS) {
        await checkView(browser, page, report, view);
        if (pictures) {
          writeFileSync(join(pictures, `${name}-${view.name}.png`), await browser.picture());
        }
        console.log(`ok   ${name}, ${view.name}`);
      }
      assert.ok(!readFileSync(page, 'utf8').match(/https?:\/\//), 'the page names a host');
      await checkPrint(browser, page);
      console.log(`ok   ${name}, printed`);
    }
    await checkComparison(browser, faultctl, directory, pictures);
  } finally {
    await browser.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

await main();
