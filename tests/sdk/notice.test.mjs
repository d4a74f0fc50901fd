// SPDX-License-Identifier: Apache-2.0
// notice.test.mjs: the script for shops' pages (web/embed/notice.js) before a small document of our
// own: what it fills, hides and shows again, in the oldest dialect, and what it never does.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import vm from 'node:vm';

const source = fs.readFileSync(new URL('../../web/embed/notice.js', import.meta.url), 'utf8');

const well = {
  language: 'en', mode: 'normal', taking_payments: true, pay_later: false, notice: null,
  methods: [
    { method: 'card', name: 'Card', available: true, notice: null },
    { method: 'alipay', name: 'Alipay', available: true, notice: null },
  ],
};
const away = {
  ...well, mode: 'reduced',
  methods: [well.methods[0], {
    method: 'alipay', name: 'Alipay', available: false,
    notice: 'Alipay is unavailable at the moment; please pay with Card.',
  }],
};
const held = { ...away, mode: 'deferred', pay_later: true, notice: 'You can pay later. <b>' };

function element(attributes) {
  const held_attributes = { ...attributes };
  return {
    hidden: 'hidden' in attributes,
    textContent: '',
    getAttribute: (name) => (name in held_attributes ? held_attributes[name] : null),
    setAttribute: (name, value) => { held_attributes[name] = value; },
    removeAttribute: (name) => { delete held_attributes[name]; },
    set innerHTML(_) { throw new Error('never as HTML'); },
  };
}

function page(state, elements) {
  const timers = [], requests = [], events = [];
  const document = {
    readyState: 'complete',
    getElementsByTagName: () => [{ src: '' }, { src: 'https://pay.test/v1/notices.js?lang=en' }],
    querySelectorAll: (selector) => elements.filter(
      (one) => one.getAttribute(selector.slice(1, -1)) !== null),
    createEvent: () => ({
      initCustomEvent(type, bubbles, cancelable, detail) { Object.assign(this, { type, detail }); },
    }),
    dispatchEvent: (event) => events.push(event),
    addEventListener: () => assert.fail('the document is there'),
  };
  class XMLHttpRequest {
    open(method, address) { Object.assign(this, { method, address }); }
    send() { requests.push(this); }
  }
  const window = { XMLHttpRequest, setInterval: (fn, ms) => timers.push({ fn, ms }) };
  vm.runInNewContext(source.replace('HOLDFAST_STATE;', `${JSON.stringify(state)};`),
    { window, document });
  return {
    timers, requests, events,
    answer(status, text) {
      timers[0].fn();
      const request = requests.at(-1);
      Object.assign(request, { status, responseText: text });
      request.onload();
    },
  };
}

test('the source has one place for the state', () => {
  assert.equal(source.split('HOLDFAST_STATE;').length, 2);
});

test('it is ECMAScript 5', () => {
  assert.doesNotMatch(source, /=>|\blet\b|\bconst\b|`|\bclass\b|\bfetch\(/);
});

test('while all is well nothing is said and nothing hidden', () => {
  const notice = element({ 'data-holdfast-notice': '' });
  const alipay = element({ 'data-holdfast-method': 'alipay' });
  const shown = page(well, [notice, alipay]);
  assert.equal(notice.textContent, '');
  assert.equal(notice.hidden, true);
  assert.equal(alipay.hidden, false);
  assert.equal(shown.events[0].type, 'holdfast');
  assert.equal(shown.events[0].detail.mode, 'normal');
});

test('a method that is away is hidden and spoken of, and comes back', () => {
  const notice = element({ 'data-holdfast-notice': '' });
  const ofCard = element({ 'data-holdfast-notice': 'card' });
  const card = element({ 'data-holdfast-method': 'card' });
  const alipay = element({ 'data-holdfast-method': 'alipay' });
  const shown = page(away, [notice, ofCard, card, alipay]);
  assert.equal(notice.textContent, away.methods[1].notice);
  assert.equal(notice.hidden, false);
  assert.equal(ofCard.hidden, true);
  assert.equal(card.hidden, false);
  assert.equal(alipay.hidden, true);
  shown.answer(200, JSON.stringify(well));
  assert.equal(alipay.hidden, false);
  assert.equal(notice.hidden, true);
});

test('it asks its own address again every half minute, in its own language', () => {
  const shown = page(well, []);
  assert.equal(shown.timers[0].ms, 30000);
  shown.timers[0].fn();
  assert.equal(shown.requests[0].address, 'https://pay.test/v1/notices?lang=en');
  assert.equal(shown.requests[0].method, 'GET');
});

test('an answer that is none leaves everything as it was', () => {
  const alipay = element({ 'data-holdfast-method': 'alipay' });
  const shown = page(away, [alipay]);
  shown.answer(503, JSON.stringify(well));
  shown.answer(200, '<html>');
  assert.equal(alipay.hidden, true);
});

test('what the shop has hidden itself stays hidden', () => {
  const alipay = element({ 'data-holdfast-method': 'alipay', hidden: '' });
  const shown = page(away, [alipay]);
  shown.answer(200, JSON.stringify(well));
  assert.equal(alipay.hidden, true);
});

test('paying later is offered only while orders are held; words are never HTML', () => {
  const later = element({ 'data-holdfast-pay-later': '', hidden: '', 'data-holdfast-hidden': '' });
  const notice = element({ 'data-holdfast-notice': '' });
  const shown = page(well, [later, notice]);
  assert.equal(later.hidden, true);
  shown.answer(200, JSON.stringify(held));
  assert.equal(later.hidden, false);
  assert.equal(notice.textContent, `${held.notice} ${held.methods[1].notice}`);
  shown.answer(200, JSON.stringify(well));
  assert.equal(later.hidden, true);
});
