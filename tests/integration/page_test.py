#!/usr/bin/python3
"""The live page in a browser, and what it is made of under friends and foes.

Screenshots lie in BUILD/tests/page afterwards, for eyes.
"""
import contextlib
import gzip
import json
import math
import os
import re
import socket
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from harness import paths
from harness.browser import Browser
from harness.demo import Demo
from harness.scenario import Scenario, main
from harness.waiting import PATIENCE, wait_for

SHOTS = os.path.join(paths.BUILD, "tests", "page")
HOSTILE = "<img src=x onerror=\"window.hurt=1\">"
TOKEN = "correct-horse-battery-staple"

READ_MESSAGES = ("return Number(document.querySelector('#lanes td:nth-child(3)')"
                 ".textContent.replace(/\\D/g, ''))")


class Events:
    """A stream of server-sent events, frame by frame."""

    def __init__(self, url, path="/events", headers=(), buffer_size=None):
        host, port = urllib.parse.urlsplit(url).netloc.rsplit(":", 1)
        self.socket = socket.socket()
        if buffer_size is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_size)
        self.socket.settimeout(60 * PATIENCE)
        self.socket.connect((host, int(port)))
        lines = [f"GET {path} HTTP/1.0", f"Host: {host}:{port}",
                 *(f"{name}: {value}" for name, value in headers)]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def head(self):
        """(status, {header: value})"""
        status = int(self.file.readline().split()[1])
        headers = {}
        while line := self.file.readline().decode().strip():
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        return status, headers

    def frame(self):
        """(id, event, data) of the next one; comments pass by."""
        found = {}
        while True:
            line = self.file.readline().decode()
            assert line, "the stream has ended"
            if line == "\n" and "data" in found:
                return found["id"], found.get("event", "message"), json.loads(found["data"])
            name, _, value = line.rstrip("\n").partition(": ")
            if name in ("id", "event", "data"):
                found[name] = value


def ask(url, path, headers=(), data=None):
    """(status, headers, body), as bytes, and without following anything."""
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    request = urllib.request.Request(url + path, data, dict(headers))
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=30 * PATIENCE) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


class InBrowser(Demo):
    OPTIONS = ("strategy:momentum.enabled=yes", "strategy:calm.plugin=momentum",
               "strategy:calm.shadow_of=momentum", "strategy:calm.threshold=0.5")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(super().tearDownClass)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)
        cls.host.wait_json("signals", "/algorithm-results", lambda a: a["totalRecords"] > 10)

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        self.browser.wish("light")
        self.browser.resize(1600, 1000)

    def open(self, part=""):
        self.browser.open("about:blank")
        self.browser.console()
        self.browser.open(f"{self.host.url}/{part}")

    def wait_live(self):
        self.browser.wait("the page to be live",
                          "return document.querySelector('#link').textContent === 'live'")

    def shoot(self, name):
        for scheme in ("light", "dark"):
            for width, height in ((1600, 1000), (360, 800)):
                self.browser.wish(scheme)
                self.browser.resize(width, height)
                # Two frames: one that is laid out anew, and one that is drawn so.
                self.browser.wait("it to be drawn", "return new Promise((done) => "
                                  "requestAnimationFrame(() => requestAnimationFrame("
                                  "() => done(true))))")
                seen = self.browser.run("return document.documentElement.scrollWidth")
                self.assertLessEqual(seen, width, f"{name} at {width} scrolls sideways")
                self.browser.screenshot(f"{SHOTS}/{name}-{scheme}-{width}.png")

    def test_the_overview_moves(self):
        self.open()
        self.wait_live()
        before = self.browser.run(READ_MESSAGES)
        self.browser.wait("more messages", f"{READ_MESSAGES} > {before}")
        self.assertEqual(self.browser.text("#condition"), "ready")
        rows = self.browser.text("#strategies")
        for name in ("cross", "momentum", "trend"):
            self.assertIn(name, rows)
        for what in ("Messages", "Lag", "Latency p99", "Memory"):
            self.assertRegex(self.browser.text("#tiles"), rf"{what}\s+[\d>]")
        self.browser.wait("a line in the chart", "const c = document.querySelector("
                          "'#chart-rate canvas'); const d = c.getContext('2d').getImageData("
                          "0, 0, c.width, c.height).data; return d.some((v) => v > 0)")
        self.assertGreater(self.browser.run(
            "return document.querySelectorAll('#signals time[title$=UTC]').length"), 5)
        self.shoot("overview")
        self.assertEqual(self.browser.console(), [])

    def test_a_symbol_has_prices_and_signals(self):
        self.open("#symbol/AAPL")
        self.wait_live()
        self.browser.wait("prices", "return document.querySelector('#chart-price').dataset.points"
                          " > 5")
        self.browser.wait("signals on the chart",
                          "return document.querySelector('#chart-price').dataset.signals > 0")
        points = "return Number(document.querySelector('#chart-price').dataset.points)"
        before = self.browser.run(points)
        self.browser.wait("the price to move", f"{points} > {before}")
        self.assertGreater(self.browser.run(
            "return document.querySelectorAll('#frames input').length"), 2)
        self.browser.run("document.querySelectorAll('#frames input')[1].click()")
        self.browser.wait("another time frame", "return document.querySelector("
                          "'#price-caption').textContent.includes('3 min')")
        self.browser.run("document.querySelector('#frames input').click()")
        self.shoot("symbol")
        self.browser.run("const i = document.querySelector('#symbol'); i.value = 'QQQ';"
                         "i.form.requestSubmit()")
        self.browser.wait("another symbol", "return document.querySelector("
                          "'#price-caption').textContent.startsWith('QQQ')")
        self.assertEqual(self.browser.console(), [])

    def test_strategies_have_parameters_help_and_fields(self):
        self.open("#strategies")
        self.wait_live()
        self.browser.wait("its parts", "return document.querySelectorAll('#setup .facts dd')"
                          ".length > 20")
        text = self.browser.text("#setup")
        for what in ("threshold", "distance from the average", "trendData.wSma_slope", "running"):
            self.assertIn(what, text)
        self.browser.wait("how often fields were absent", "return /trendData\\.wSma_slope: absent "
                          "\\d/.test(document.querySelector('#setup').innerText)")
        self.shoot("strategies")
        self.assertEqual(self.browser.console(), [])

    def test_a_shadow_s_differences_are_shown(self):
        self.open()
        self.wait_live()
        self.browser.wait("a difference", "const row = document.querySelector('#shadows tr'); "
                          "return row && /momentum_\\w+ .+ → /.test(row.lastElementChild.textContent)")
        row = self.browser.run("return [...document.querySelectorAll('#shadows tr > *')]"
                               ".map((cell) => cell.textContent)")
        self.assertEqual(row[:3], ["calm", "momentum", "comparing"])
        self.assertGreater(int(re.sub(r"\D", "", row[5])), 0, "signals of the original alone")
        self.assertFalse(self.browser.run("return document.querySelector('#shadows-card').hidden"))
        shown = json.loads(self.host.ask("/strategies/calm")[2])["shadow"]
        self.assertEqual(shown["of"], "momentum")
        self.assertIn('take5_shadow_signals_total{strategy="calm",of="momentum",'
                      'result="only_original"}', self.host.ask("/metrics")[2])
        self.assertEqual(self.browser.console(), [])

    def test_without_scripts_there_are_the_tables(self):
        self.browser.scripts(False)
        try:
            self.open()
            _, _, body = self.host.ask("/")
            for name in ("trend", "momentum", "bar_trends", "threshold"):
                self.assertIn(name, body)
            self.browser.screenshot(f"{SHOTS}/no-script-light-1600.png")
        finally:
            self.browser.scripts(True)
        self.assertRegex(body, r'<td class="n">\d')
        self.assertRegex(body, r'<tbody id="shadows"><tr><th scope="row">calm</th><td>momentum</td>')

    def test_what_it_weighs_and_how_soon_it_is_seen(self):
        _, _, body = ask(self.host.url, "/", {"Accept-Encoding": "gzip"})
        names = sorted(set(re.findall(r'(?:href|src)="(assets/[^"]+)"', body.decode())))
        self.assertEqual(len(names), 4)
        total = 0
        for name in names:
            status, headers, packed = ask(self.host.url, f"/{name}", {"Accept-Encoding": "gzip"})
            self.assertEqual((status, headers["Content-Encoding"]), (200, "gzip"))
            self.assertIn("immutable", headers["Cache-Control"])
            self.assertRegex(name, r"\.[0-9a-f]{12}\.\w+$")
            total += len(packed)
            _, headers, plain = ask(self.host.url, f"/{name}")
            self.assertIsNone(headers["Content-Encoding"])
            self.assertEqual(gzip.decompress(packed), plain)
        self.assertLess(total, 150 * 1024)
        paints = []
        for _ in range(5):
            self.open()
            paints.append(self.browser.wait("a first paint", "const p = performance."
                          "getEntriesByName('first-contentful-paint')[0]; return p && p.startTime"))
        print(f"assets: {total} bytes; first paint: {min(paints):.0f} ms", flush=True)
        if os.environ["TAKE5_VARIANT"] == "plain":
            self.assertLess(min(paints), 300)

    def test_a_restart_of_the_host_is_survived(self):
        host = self.start("again")
        self.addCleanup(lambda: host.process.kill())
        self.browser.open(host.url)
        self.wait_live()
        host.process.kill()
        self.browser.wait("the page to notice", "return document.querySelector('#link')"
                          ".textContent !== 'live'")
        host = self.start("once more", options=(f"http.port={host.port}",))
        self.browser.wait("the page to be live again", "return document.querySelector('#link')"
                          ".textContent === 'live'", 60)
        before = self.browser.run(READ_MESSAGES)
        self.browser.wait("more messages", f"{READ_MESSAGES} > {before}")


class Streams(Demo):
    def test_a_frame_is_what_is_new(self):
        with self.events() as events:  # there is room for another one
            pass
        with Events(self.host.url, "/events?symbol=AAPL") as events:
            status, headers = events.head()
            self.assertEqual(status, 200)
            self.assertTrue(headers["content-type"].startswith("text/event-stream"))
            self.assertEqual(headers["cache-control"], "no-store")
            _, event, first = events.frame()
            self.assertEqual(event, "reset")
            self.assertEqual(set(first["state"]["stats"]["totals"]) & {"messages", "lag"},
                             {"messages", "lag"})
            last = first["state"]["now_ms"]
            for _ in range(4):
                _, event, frame = events.frame()
                self.assertEqual(event, "message")
                if "state" in frame:
                    self.assertGreater(frame["state"]["now_ms"], last)
                    last = frame["state"]["now_ms"]
                self.assertLess(len(frame["history"]), 5)

    def test_who_comes_back_gets_what_was_missed(self):
        with self.events() as events:
            seen, _, first = events.frame()
        latest = first["history"][-1][0]
        wait_for("a second to pass", lambda: self.moments(seen)[1])
        event, moments = self.moments(seen)
        self.assertEqual(event, "message")
        self.assertGreater(moments[0][0], latest)

    def moments(self, seen):
        """(event, history) of the first frame for whoever has seen that one."""
        with self.events(headers=[("Last-Event-ID", seen)]) as events:
            _, event, frame = events.frame()
            return event, frame["history"]

    def test_another_hosts_place_in_the_stream_is_none(self):
        for seen in ("feed-1", "1", "", "x" * 100):
            self.assertEqual(self.moments(seen)[0], "reset")

    def events(self, path="/events", headers=()):
        """A stream that was let in: those of the test before may not be gone yet."""
        found = []

        def is_in():
            events = Events(self.host.url, path, headers)
            status, found[:] = events.head()[0], [events]
            if status != 200:
                events.close()
            return status == 200

        wait_for("a place among the streams", is_in)
        return found[0]

    def test_the_seventeenth_is_told_why(self):
        with contextlib.ExitStack() as stack:
            for _ in range(16):
                stack.enter_context(self.events())
            status, _, body = ask(self.host.url, "/events")
            self.assertEqual(status, 503)
            self.assertIn("16 streams", json.loads(body)["message"])
        self.events().close()

    def test_slow_readers_and_forgers_change_nothing(self):
        before = self.host.metrics()
        slow = [Events(self.host.url, buffer_size=1024) for _ in range(100)]
        for i in range(500):
            status, _, _ = ask(self.host.url, "/", {"Host": f"evil{i}.example"})
            self.assertEqual(status, 421)
        self.assertEqual(self.host.json("/health/live")["status"], "live")
        now = self.host.metrics()
        wait_for("more messages", lambda: self.host.metrics()["take5_messages_total"] >
                 now["take5_messages_total"])
        self.events().close()  # the slow ones are dropped
        self.assertEqual(now["process_threads"], before["process_threads"])
        if os.environ["TAKE5_VARIANT"] == "plain":
            self.assertLess(now["process_resident_memory_bytes"] -
                            before["process_resident_memory_bytes"], 32 << 20)
        for events in slow:
            events.close()

    def test_an_open_address_without_a_token_is_a_warning(self):
        host = self.start("open", options=("http.address=0.0.0.0",))
        self.addCleanup(host.process.kill)
        host.process.wait_event("http.exposed", r"without token_file", 60)
        self.assertNotIn("http.exposed", self.host.process.log())

    def test_forged_hosts_are_refused_on_every_path(self):
        _, _, body = self.host.ask("/")
        asset = re.search(r'src="(assets/[^"]+)"', body).group(1)
        for path in ("/", f"/{asset}", "/events", "/stats", "/metrics", "/health", "/none"):
            for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", ""):
                self.assertEqual(ask(self.host.url, path, {"Host": host})[0], 421, (path, host))
        self.assertEqual(ask(self.host.url, "/login", {"Host": "evil.example"}, b"token=x")[0], 421)

    def test_another_sites_page_gets_nothing(self):
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"},
                        {"Sec-Fetch-Site": "cross-site"}):
            self.assertEqual(ask(self.host.url, "/events", headers)[0], 403, headers)
        for path in ("/", "/stats", "/metrics", "/events"):
            _, headers, _ = ask(self.host.url, path if path != "/events" else "/events?symbol=" +
                                "x" * 65, {"Origin": "http://evil.example"})
            self.assertEqual([name for name in headers if name.lower().startswith(
                "access-control-")], [], path)
            policy = headers["Content-Security-Policy"]
            self.assertIn("default-src 'none'", policy)
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertNotIn("unsafe", policy)

    def test_what_can_be_posted_is_nothing_but_a_login(self):
        for path in ("/", "/events", "/stats"):
            self.assertEqual(ask(self.host.url, path, data=b"x=1")[0], 405, path)
        status, headers, _ = ask(self.host.url, "/login")
        self.assertEqual((status, headers["Allow"]), (405, "POST"))
        self.assertEqual(ask(self.host.url, "/login", data=b"token=x")[0], 401)
        self.assertEqual(ask(self.host.url, "/login", data=b"token=" + b"x" * 9000)[0], 401)
        self.assertEqual(ask(self.host.url, "/assets/..%2fapp.js")[0], 404)


class Token(Demo):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(Folder())
        cls.file = os.path.join(cls.folder, "token")
        cls.write(TOKEN)
        cls.OPTIONS = (f"http.token_file={cls.file}",)
        super().setUpClass()

    @classmethod
    def write(cls, token):
        with open(cls.file, "w", encoding="utf-8") as file:
            file.write(f"{token}\n")
        os.chmod(cls.file, 0o600)

    def login(self, token, headers=()):
        return ask(self.host.url, "/login", headers, f"token={token}".encode())

    def test_everything_but_health_needs_it(self):
        for path in ("/stats", "/metrics", "/events", "/strategies", "/openapi.json", "/none"):
            self.assertEqual(ask(self.host.url, path)[0], 401, path)
            wrong = {"Authorization": f"Bearer {TOKEN}x"}
            self.assertEqual(ask(self.host.url, path, wrong)[0], 401, path)
        for path in ("/stats", "/metrics", "/"):
            right = {"Authorization": f"Bearer {TOKEN}"}
            self.assertEqual(ask(self.host.url, path, right)[0], 200, path)
        for path in ("/health", "/health/live"):
            self.assertEqual(ask(self.host.url, path)[0], 200, path)
        status, headers, body = ask(self.host.url, "/")
        self.assertEqual((status, headers["WWW-Authenticate"]), (401, "Bearer"))
        self.assertIn(b'action="/login"', body)
        self.assertNotIn(b"momentum", body)
        self.assertEqual(ask(self.host.url, f"/stats?token={TOKEN}")[0], 401)

    def test_a_login_sets_a_cookie_that_scripts_do_not_see(self):
        status, headers, _ = self.login(TOKEN)
        self.assertEqual((status, headers["Location"]), (303, "/"))
        cookie = headers["Set-Cookie"]
        self.assertIn("HttpOnly", cookie)
        self.assertIn("SameSite=Strict", cookie)
        self.assertNotIn(TOKEN, cookie)
        given = {"Cookie": f"a=b; {cookie.split(';')[0]}"}
        self.assertEqual(ask(self.host.url, "/stats", given)[0], 200)
        self.assertEqual(ask(self.host.url, "/stats", {"Cookie": "take5_session="})[0], 401)
        self.assertEqual(self.login(TOKEN, {"Origin": "http://evil.example"})[0], 403)
        self.assertNotIn(TOKEN, self.host.process.log())

    def test_a_person_logs_in(self):
        browser = Browser(800, 600)
        self.addCleanup(browser.close)
        browser.open(self.host.url)
        for token, then in (("wrong" * 5, "That is not the token"), (TOKEN, "Strategies")):
            browser.run("const i = document.querySelector('#token'); i.value = arguments[0];"
                        "i.form.requestSubmit()", token)
            browser.wait(then, f"return document.body.innerText.includes({json.dumps(then)})")
            browser.screenshot(f"{SHOTS}/login-{'again' if token != TOKEN else 'done'}.png")
        browser.wait("the page to be live",
                     "return document.querySelector('#link').textContent === 'live'")
        self.assertEqual(browser.run("return document.cookie"), "")

    def test_another_token_ends_all_sessions(self):
        host = self.start("other")
        self.addCleanup(host.process.kill)
        cookie = ask(host.url, "/login", (), f"token={TOKEN}".encode())[1]["Set-Cookie"]
        given = {"Cookie": cookie.split(";")[0]}
        self.assertEqual(ask(host.url, "/stats", given)[0], 200)
        try:
            self.write("short")
            self.assertEqual(host.ctl("reload")[0], 0)
            self.assertIn("5 characters", host.process.log())
            self.assertEqual(ask(host.url, "/stats", given)[0], 200)
            self.write(TOKEN[::-1])
            self.assertEqual(host.ctl("reload")[0], 0)
            self.assertEqual(ask(host.url, "/stats", given)[0], 401)
        finally:
            self.write(TOKEN)

    def test_an_open_address_with_it_is_no_warning(self):
        host = self.start("closed", options=("http.address=0.0.0.0",))
        self.addCleanup(host.process.kill)
        self.assertNotIn("http.exposed", host.process.log())


class Folder(contextlib.AbstractContextManager):
    def __enter__(self):
        import tempfile
        self.temporary = tempfile.TemporaryDirectory(prefix="take5-")
        return self.temporary.name

    def __exit__(self, *_):
        self.temporary.cleanup()


class OnKafka(Scenario):
    """With workers, and symbols that would like to be markup."""

    def send(self, symbol, price, second):
        message = {"symbol": symbol,
                   "publishTime": {"take5Time": 1_700_000_000_000 + 1000 * second},
                   "barData": {"barTimeFrame": 60, "open": price, "high": price, "low": price,
                               "close": price, "volume": 1}}
        self.kafka.send(self.topic, json.dumps(message), key=symbol, partition=0)

    def start_workers(self, plugin, name, topic, more=()):
        """The host, in two workers: NAME and more, and "copy" of the same; its address; a browser."""
        self.topic = topic
        self.kafka.create(f"{self.topic}:1")
        sections = {f"topic:{role}": {"topic": self.topic if role == "bar_trends" else ""}
                    for role in ("bar_trends", "historic_stats", "asset_trends")}
        sections["http"] = {"enabled": "yes", "port": 0}
        host = self.new_host(sections=sections)
        host.drop(plugin, f"{name}.so")
        host.deploy(name)
        for other in more:
            host.deploy(other, plugin=name)
        host.deploy("copy", plugin=name, worker="other")
        host.start()
        url = "http://127.0.0.1:" + host.wait_event("http.listening", r":(\d+) event=").group(1)
        host.wait_status("both workers", lambda status: len(status.get("assignment", [])) == 2)
        browser = Browser(1200, 800)
        self.addCleanup(browser.close)
        return host, url, browser

    def test_published_series_are_drawn_for_each_deployment(self):
        host, url, browser = self.start_workers("publishes", "publishes", "series.bar_trends",
                                                [f"z{i}" for i in range(5)])
        browser.open(f"{url}/#symbol/SERIES")
        for second in range(90):
            self.send("SERIES", 100 + 5 * math.sin(second / 9), second)
            self.send("OTHER", 7, second)

        def chart(deployment, series):
            return (f"document.querySelector('figure[data-deployment={deployment}]"
                    f"[data-series={series}] .chart')")

        for deployment in ("publishes", "copy"):
            for series in ("close", "gap"):
                browser.wait(f"{series} of {deployment}", f"const c = {chart(deployment, series)};"
                             "return c && Number(c.dataset.points) >= 90")
        browser.wait("what is not drawn to be counted", "return document.querySelector("
                     "'#published-note').textContent.startsWith('2 more of this time frame')")
        self.assertEqual(browser.run("return document.querySelectorAll('#published figure')"
                                     ".length"), 12)
        self.assertTrue(browser.run(
            f"const c = {chart('copy', 'close')}.querySelector('canvas');"
            "return c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
            ".some((v) => v > 0)"))
        self.send("SERIES", 123.25, 90)
        for deployment in ("publishes", "copy"):
            browser.wait("the newest point", f"const c = {chart(deployment, 'close')}; return "
                         "c.dataset.points === '91' && c.getAttribute('aria-label') === "
                         f"'close of {deployment}, 1 min: 123.25'")
        self.assertIn("no value", browser.run(
            f"return {chart('copy', 'gap')}.getAttribute('aria-label')"))
        browser.run("document.querySelector('#published details').open = true")
        rows = browser.text("#published-values").splitlines()
        self.assertEqual(len(rows), 14)
        self.assertEqual([row.split("\t")[:4] for row in rows if "close" in row][:2],
                         [["close", name, "1 min", "123.25"] for name in ("copy", "publishes")])
        browser.resize(1200, 1400)
        browser.wait("it to be drawn", "return new Promise((done) => requestAnimationFrame(() => "
                     "requestAnimationFrame(() => done(true))))")
        browser.screenshot(f"{SHOTS}/published-1200.png")
        browser.resize(360, 800)
        browser.wish("dark")
        browser.wait("it to be drawn", "return document.querySelectorAll('#published figure')"
                     ".length === 12 && document.documentElement.scrollWidth <= 360")
        browser.screenshot(f"{SHOTS}/published-dark-360.png")
        browser.run("location.hash = '#symbol/NONE'")
        browser.wait("no series", "return document.querySelector('#published').hidden")
        self.assertEqual(browser.console(), [])
        self.assertIn(b"<code>gap</code>", ask(url, "/")[2])
        host.stop()

    def test_one_page_over_all_workers_shows_symbols_as_text(self):
        host, url, browser = self.start_workers("chain_one_1", "chain", "page.bar_trends")
        browser.open(f"{url}/#symbol/{urllib.parse.quote(HOSTILE, safe='')}")
        browser.wait("the page to be live",
                     "return document.querySelector('#link').textContent === 'live'")
        delays = []
        for round_ in range(5):  # the strategy says something at each fifth message
            count = browser.run("return Number(document.querySelector('#chart-price').dataset"
                                ".signals || 0)")
            began = time.monotonic()
            self.send(HOSTILE, 100 + round_, 5 * round_)
            browser.wait("the signal on the chart", "return Number(document.querySelector("
                         f"'#chart-price').dataset.signals) > {count}")
            delays.append(time.monotonic() - began)
            for other in range(1, 5):
                self.send("OTHER", 50 + other, 5 * round_ + other)
        print("a signal is on the chart after", [round(delay, 2) for delay in delays], "s")
        self.assertLess(min(delays), 1)
        self.assertIn(HOSTILE, browser.text("#price-caption"))
        browser.screenshot(f"{SHOTS}/hostile-symbol.png")
        browser.open(f"{url}/?again")
        browser.wait("its signals", "return document.querySelector('#signals').innerText"
                     f".includes({json.dumps(HOSTILE)})")
        self.assertIn("other 0", browser.text("#lanes"))
        self.assertIn("main 0", browser.text("#lanes"))
        self.assertEqual({"chain", "copy"}, set(re.findall(r"chain|copy", browser.text("#signals"))))
        self.assertIsNone(browser.run("return window.hurt"))
        self.assertEqual(browser.run("return document.images.length"), 0)
        self.assertEqual(browser.console(), [])
        _, _, body = ask(url, "/")
        self.assertNotIn(b"<img", body)
        self.assertIn(b"&lt;img src=x", body)
        browser.screenshot(f"{SHOTS}/workers.png")
        host.stop()


if __name__ == "__main__":
    main()
