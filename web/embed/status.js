/* SPDX-License-Identifier: Apache-2.0
 * status.js: tells a shop's page of an open incident. Served at /status/banner.js, and exported as
 * a file beside banner.json, with the present state in its place below; docs/status-page.md shows
 * how to embed it.
 *
 *   <p data-holdfast-status></p>      one line with a link, hidden while nothing is wrong
 *
 * ECMAScript 5, no library, no cookie, nothing sent but the request for the state every 60 s. Texts
 * are set as text, never as HTML. */
(function (window, document) {
  'use strict';
  var state = HOLDFAST_STATE;
  var REFRESH_MS = 60000;

  function ours() {
    var scripts = document.getElementsByTagName('script');
    for (var i = 0; i < scripts.length; i++) {
      if (/\/banner\.js(\?|$)/.test(scripts[i].src || '')) {
        return scripts[i].src;
      }
    }
    return '';
  }

  /* The page's own address, from where the script came when none is configured. */
  function link() {
    var element = document.createElement('a');
    var from = ours();
    element.href = from;
    if (state.url.charAt(0) === '/' && from) {
      return element.protocol + '//' + element.host + state.url;
    }
    return /^https?:\/\//.test(state.url) ? state.url : from;
  }

  function apply() {
    var elements = document.querySelectorAll('[data-holdfast-status]');
    for (var i = 0; i < elements.length; i++) {
      elements[i].textContent = '';
      elements[i].hidden = !state.text;
      if (state.text) {
        var anchor = document.createElement('a');
        anchor.textContent = state.text;
        anchor.href = link();
        elements[i].appendChild(anchor);
      }
    }
    var event = document.createEvent('CustomEvent');
    event.initCustomEvent('holdfast-status', false, false, state);
    document.dispatchEvent(event);
  }

  function refresh() {
    var address = ours();
    if (!address) {
      return;
    }
    var request = new window.XMLHttpRequest();
    request.open('GET', address.replace('/banner.js', '/banner.json'));
    request.onload = function () {
      if (request.status === 200) {
        try {
          state = JSON.parse(request.responseText);
        } catch (broken) {
          return;
        }
        apply();
      }
    };
    request.send();
  }

  if (document.readyState === 'loading') {
    document.addEventListener('DOMContentLoaded', apply);
  } else {
    apply();
  }
  window.setInterval(refresh, REFRESH_MS);
})(window, document);
