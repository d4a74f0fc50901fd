/* SPDX-License-Identifier: Apache-2.0
 * notice.js: tells a shop's page which ways to pay work just now. Served at /v1/notices.js with the
 * present state in its place below; docs/degraded-modes.md shows how to embed it.
 *
 *   <p data-holdfast-notice></p>                  everything there is to say
 *   <p data-holdfast-notice="alipay"></p>         only of this method
 *   <label data-holdfast-method="alipay">         hidden while the method is unavailable
 *   <div data-holdfast-pay-later>                 shown only while orders are held
 *
 * ECMAScript 5, no library, no cookie, nothing sent but the request for the state every 30 s. Texts
 * are set as text, never as HTML. An element that was hidden by somebody else stays hidden. */
(function (window, document) {
  'use strict';
  var state = HOLDFAST_STATE;
  var REFRESH_MS = 30000;
  var MARK = 'data-holdfast-hidden';

  function ours() {
    var scripts = document.getElementsByTagName('script');
    for (var i = 0; i < scripts.length; i++) {
      if (/\/v1\/notices\.js(\?|$)/.test(scripts[i].src || '')) {
        return scripts[i].src;
      }
    }
    return '';
  }

  function each(attribute, fn) {
    var elements = document.querySelectorAll('[' + attribute + ']');
    for (var i = 0; i < elements.length; i++) {
      fn(elements[i], elements[i].getAttribute(attribute));
    }
  }

  function show(element, visible) {
    if (!visible && !element.hidden) {
      element.hidden = true;
      element.setAttribute(MARK, '');
    } else if (visible && element.getAttribute(MARK) !== null) {
      element.hidden = false;
      element.removeAttribute(MARK);
    }
  }

  function find(name) {
    for (var i = 0; i < state.methods.length; i++) {
      if (state.methods[i].method === name) {
        return state.methods[i];
      }
    }
    return null;
  }

  function words(name) {
    var said = [];
    if (state.notice) {
      said.push(state.notice);
    }
    for (var i = 0; i < state.methods.length; i++) {
      var one = state.methods[i];
      if (one.notice && (!name || one.method === name)) {
        said.push(one.notice);
      }
    }
    return said.join(' ');
  }

  function apply() {
    each('data-holdfast-notice', function (element, name) {
      var text = words(name);
      element.textContent = text;
      show(element, text !== '');
    });
    each('data-holdfast-method', function (element, name) {
      var one = find(name);
      show(element, one === null || one.available);
    });
    each('data-holdfast-pay-later', function (element) {
      show(element, state.pay_later);
    });
    var event = document.createEvent('CustomEvent');
    event.initCustomEvent('holdfast', false, false, state);
    document.dispatchEvent(event);
  }

  function refresh() {
    var address = ours();
    if (!address) {
      return;
    }
    var request = new window.XMLHttpRequest();
    request.open('GET', address.replace('/v1/notices.js', '/v1/notices'));
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
