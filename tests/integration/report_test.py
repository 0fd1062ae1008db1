#!/usr/bin/python3
"""`take5 report`: one page that a browser opens from the disk, which fetches nothing, whose figures are
those of `take5 evaluate`, and which no text in it can harm.

Screenshots lie in BUILD/tests/report afterwards, for eyes.
"""
import gzip
import json
import os
import re
import subprocess
import unittest

from harness.browser import Browser
from offline import BUILD, Offline

SHOTS = os.path.join(BUILD, "tests", "report")
HOSTILE = "</script><img src=x onerror=\"window.hurt=1\">"
SYMBOLS = [HOSTILE, "<!--<script>", "'\"&amp;\u2028", "__proto__"]
DRAWN = ("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame("
         "() => done(true))))")


def plugin(name):
    return os.path.join(BUILD, "tests", "plugins", f"{name}.so")


def data_of(path):
    """What stands in the page for its scripts."""
    with open(path, encoding="utf-8") as file:
        found, = re.findall(r'<script type="application/json" id="data">(.*?)</script>',
                            file.read(), re.DOTALL)
    return json.loads(found)


def percent(share, digits):
    return "–" if share is None else f"{share * 100:.{digits}f}%"


def frame(seconds):
    return f"{seconds / 60:.0f} min"


def price_line(symbol, second, price, frame_s=60):
    return json.dumps({"symbol": symbol, "publishTime": {"take5Time": 1718658000000 + second * 1000},
                       "trend_data": {},
                       "barData": {"barTimeFrame": frame_s, "close": price}}) + "\n"


class Report(Offline):
    def feed(self, *options, name="day.jsonl"):
        self.write(name, self.take5("feed", "-q", *options).stdout)
        return self.path(name)

    def report(self, *arguments, code=0):
        """(data of the page, the summary)"""
        page = self.path("report.html")
        said = self.take5("report", "--json", "-o", page, *arguments, code=code).stdout
        summary = json.loads(said)
        self.assertEqual(summary["bytes"], os.path.getsize(page))
        return data_of(page), summary


class InBrowser(Report):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def open(self, width=1400, height=1000):
        """The page as a file of the disk; it draws itself, in silence and from nothing else."""
        self.browser.resize(width, height)
        self.browser.open("about:blank")
        self.browser.console()
        self.browser.open(f"file://{self.path('report.html')}")
        self.assertEqual(self.browser.run("return document.documentElement.dataset.done"), "yes",
                         self.browser.console())
        self.browser.run(DRAWN)
        self.assertEqual(self.browser.console(), [])
        self.assertEqual(self.browser.run(
            "return performance.getEntriesByType('resource').map((entry) => entry.name)"), [])

    def shoot(self, name):
        for scheme in ("light", "dark"):
            for width in (1400, 360):
                self.browser.wish(scheme)
                self.open(width)
                self.assertLessEqual(self.browser.run(
                    "return document.documentElement.scrollWidth"), width, f"{name} at {width}")
                self.browser.screenshot(f"{SHOTS}/{name}-{scheme}-{width}.png")
        self.browser.wish("light")

    def rows(self, selector):
        return self.browser.run("return [...document.querySelectorAll(arguments[0] + ' tbody tr')]"
                                ".map((row) => [...row.cells].map((cell) => cell.innerText))",
                                selector)

    def test_figures_are_those_of_evaluate(self):
        file = self.feed("--symbols", 3, "--count", 6000)
        arguments = ["--cost", "0.02%", "--horizons", "1m,5m", plugin("sided_named"), file]
        expected = json.loads(self.take5("evaluate", "--json", *arguments).stdout)
        data, summary = self.report(*arguments)
        self.assertEqual(data["evaluation"], expected)
        deployment, = expected["deployments"]
        self.assertEqual(summary["signals"], deployment["signals"])
        self.shoot("figures")
        self.open()
        self.assertEqual(
            [row[2:] for row in self.rows("[data-returns=sided]")],
            [[f"{group['longs']} / {group['shorts']} / {group['flats']}", frame(item["horizon_s"]),
              f"{item['count']:,}", percent(item["hit_rate"], 1), percent(item["mean"], 4),
              percent(item["median"], 4), percent(item["worst"], 4)]
             for group in deployment["names"] for item in group["returns"]])
        self.assertEqual(
            self.rows("[data-bins=sided]"),
            [[group["name"], f"{i / 10:.1f} to {(i + 1) / 10:.1f}", f"{one['count']:,}",
              percent(one["hit_rate"], 1), f"{one['confidence']:.3f}"]
             for group in deployment["names"]
             for i, one in enumerate(group["returns"][0]["calibration"]) if one["count"] > 0])
        held, text = deployment["positions"], self.browser.text("[data-positions=sided]")
        for figure in (percent(held["profit"], 4), percent(held["drawdown"], 4),
                       f"{held['sharpe']:.2f}", f"{held['trades']:,}", f"{held['turnover']:.1f}"):
            self.assertIn(figure, text.split("\n") + re.findall(r"[\d.]+", text))
        self.assertAlmostEqual(data["equity"][0]["points"][-1][1], 1 + held["profit"], 12)
        self.assertEqual(self.browser.run("return document.querySelector('.equity').dataset.points"),
                         str(len(data["equity"][0]["points"])))

    def test_no_text_does_harm(self):
        name = b"<script>window.hurt=1<script>\xff.jsonl".decode(errors="surrogateescape")
        path = os.path.join(os.fsencode(self.directory), os.fsencode(name))
        with open(path, "wb") as file:
            for second in range(50):
                for symbol in SYMBOLS:
                    file.write(price_line(symbol, 60 * second, 100 + second % 7).encode())
            file.write(b'{"symbol":"\xff\xfe","trend_data":{}}\n')
        done = subprocess.run(
            [os.path.join(BUILD, "host", "take5"), "report", "--json", "-o",
             self.path("report.html"), plugin("publishes"), path], check=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertEqual(json.loads(done.stdout)["cards"], len(SYMBOLS))
        with open(self.path("report.html"), encoding="utf-8") as file:  # it is UTF-8
            page = file.read()
        self.assertEqual(page.count("</script>"), 3)  # the data, and two that are the build's
        self.assertEqual(data_of(self.path("report.html"))["replay"]["bad"], 1)
        self.shoot("hostile")
        self.open()
        self.assertIsNone(self.browser.run("return window.hurt || null"))
        self.assertEqual(self.browser.run("return document.querySelectorAll('img').length"), 0)
        self.assertEqual(sorted(self.browser.run(
            "return [...document.querySelectorAll('[data-symbol]')].map((card) => "
            "card.dataset.symbol)")), sorted(SYMBOLS))
        self.assertIn(HOSTILE, self.browser.text("#cards"))
        self.assertIn("<script>window.hurt=1<script>\ufffd.jsonl", self.browser.text("#files"))

    def test_a_policy_stands_behind_it(self):
        """Were there a way to get markup in, it would not run."""
        self.report(plugin("publishes"), self.feed("--count", 50))
        with open(self.path("report.html"), encoding="utf-8") as file:
            page = file.read()
        for harm in ("<script>window.hurt=1</script>", "<img src=x onerror=window.hurt=1>",
                     "<script src=data:,window.hurt=1></script>"):
            with self.subTest(harm=harm):
                self.write("report.html", page.replace("<main ", f"{harm}<main ", 1))
                self.browser.open(f"file://{self.path('report.html')}")
                self.assertIsNone(self.browser.run("return window.hurt || null"))
                self.assertTrue(self.browser.console())

    def test_prices_signals_and_series_are_drawn(self):
        lines = [price_line("A", 60 * second, 100 + second % 7) for second in range(120)]
        lines += [price_line("B", 60 * second, 5, 300) for second in range(60)]
        data, _ = self.report(plugin("publishes"), self.write("day.jsonl", "".join(lines)))
        self.assertEqual([(card["symbol"], card["time_frame_s"]) for card in data["cards"]],
                         [("A", 60), ("B", 300)])
        card = data["cards"][0]
        self.assertEqual(card["prices"]["points"],
                         [[1718658000000 + 60000 * second, 100 + second % 7]
                          for second in range(120)])
        self.assertEqual([mark[1] for mark in card["signals"]],
                         [100 + second % 7 for second in range(120)])
        self.assertEqual([(one["series"], one["total"]) for one in card["published"]],
                         [("close", 120), ("gap", 120)])
        self.assertEqual(card["published"][0]["points"], card["prices"]["points"])
        self.assertEqual({value for _, value in card["published"][1]["points"]}, {None})
        self.open()
        for selector in ("#card-0 .tall", "[data-series=close] .chart"):
            self.assertTrue(self.browser.run(
                "const c = document.querySelector(arguments[0] + ' canvas');"
                "return c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
                ".some((v) => v > 0)", selector), selector)
        self.assertEqual(self.browser.run(
            "return document.querySelector('#card-0 .tall').dataset.signals"), "120")
        self.browser.run("document.querySelector('#card-0 details').open = true")
        self.browser.wait("the table of signals", "return document.querySelectorAll("
                          "'#card-0 details tbody tr').length === 120")

    def test_it_prints(self):
        self.report(plugin("sided_value"), self.feed("--count", 500))
        self.open()
        self.browser.run("window.widths = []; addEventListener('beforeprint', () => widths.push("
                         "document.querySelector('.equity canvas').clientWidth))")
        self.assertTrue(self.browser.command("Page.printToPDF")["data"].startswith("JVBERi0"))
        width, = self.browser.run("return window.widths")
        self.assertLess(width, 700)
        self.browser.wait("the charts to be as wide as their places again", "const place = "
                          "document.querySelector('.equity'); return place.clientWidth > 1200 &&"
                          "place.querySelector('canvas').clientWidth === place.clientWidth")
        self.assertEqual(self.browser.console(), [])


class Bounded(Report):
    def test_long_recordings_make_no_large_page(self):
        one = self.feed("--symbols", 2, "--count", 20_000)
        with open(one, "rb") as file:
            packed = self.write("day.gz", gzip.compress(file.read()))
        data, summary = self.report("--most", 2, plugin("sided_value"), packed)
        self.assertEqual((summary["cards"], summary["thinned"]), (2, True))
        self.assertGreater(summary["all_cards"], 2)
        self.assertLess(summary["bytes"], 400_000)
        whole, _ = self.report("--most", 200, plugin("sided_value"), one)
        card = whole["cards"][0]
        self.assertEqual(data["cards"], whole["cards"][:2])
        self.assertTrue(card["prices"]["thinned"])
        self.assertLessEqual(len(card["prices"]["points"]), 1201)
        self.assertLess(len(card["signals"]), card["signals_total"])
        self.assertEqual(sum(card["signals_total"] for card in whole["cards"]),
                         whole["replay"]["signals"])
        self.assertEqual(data["evaluation"], whole["evaluation"])  # these are of everything

    def test_symbols_are_chosen(self):
        file = self.feed("--symbols", 4, "--count", 2000)
        everything, _ = self.report("--most", 200, plugin("publishes"), file)
        signals = [card["signals_total"] for card in everything["cards"]]
        self.assertEqual(signals, sorted(signals, reverse=True))
        data, _ = self.report("--show", "SPY,AAPL,NONE", plugin("publishes"), file)
        symbols = [card["symbol"] for card in data["cards"]]
        self.assertEqual(list(dict.fromkeys(symbols)), ["SPY", "AAPL"])
        self.assertEqual(data["replay"], everything["replay"])
        self.assertTrue(data["shown"]["chosen"])
        self.take5("report", "--show", "NONE", "-o", self.path("no.html"), plugin("publishes"),
                   file, code=1)
        self.assertFalse(os.path.exists(self.path("no.html")))

    def test_what_it_was_made_of(self):
        file = self.feed("--count", 200)
        os.mkdir(self.path("strategies"))
        os.symlink(plugin("sided_value"), self.path("strategies/sided.so"))
        ini = self.write("one.ini", f"[take5]\nstrategy_dir = {self.path('strategies')}\n"
                         "[strategy:one]\nplugin = sided\n")
        data, _ = self.report("-c", ini, file)
        found = {entry["what"]: entry for entry in data["files"]}
        self.assertEqual((found["recording"]["path"], found["recording"]["bytes"]),
                         (file, os.path.getsize(file)))
        self.assertEqual(found["configuration"]["path"], ini)
        shown = self.take5("inspect", plugin("sided_value")).stdout.decode()
        self.assertIn(data["strategies"][0]["hash"], shown)
        before = found["recording"]["hash"]
        with open(file, "ab") as lines:
            lines.write(b"\n")
        data, _ = self.report("-c", ini, file)
        self.assertNotEqual(data["files"][0]["hash"], before)
        with open(file, "rb") as lines:
            said = self.take5("report", "-q", "-o", "-", plugin("sided_value"), "-",
                              data=lines.read()).stdout
        self.assertTrue(said.startswith(b"<!doctype html>"))
        self.assertIn(b"as a stream", said)

    def test_why_there_is_no_signal(self):
        file = self.feed("--count", 200)
        data, _ = self.report("-s", "strategy:sided.symbols=NONE", plugin("sided_value"), file)
        self.assertIn("filtered", [finding["kind"] for finding in data["findings"]])

    def test_a_terminal_sees_progress(self):
        self.fed_on_terminal(r"replaying [\d ]+ messages, [\d ]+/s",
                             self.feed("--symbols", "2", "--count", "2000"), "report", "-o",
                             self.path("report.html"), plugin("sided"))

    def test_the_file_is_the_old_page_or_the_new_one(self):
        file = self.feed("--count", 200)
        page = self.write("report.html", "mine")
        os.symlink(plugin("sided_value"), self.path("sided.so"))
        self.take5("report", "sided.so", file, code=2)  # beside a strategy, and no page of ours
        os.remove(page)
        self.take5("report", "sided.so", file)
        with open(page, "rb") as whole:
            before = whole.read()
        self.take5("report", "sided.so", file)
        with open(page, "rb") as whole:
            self.assertEqual(whole.read(), before)  # the same each time
        self.take5("report", "sided.so", self.path("nothing"), code=1)
        self.take5("report", "-o", file, "sided.so", file, code=2)
        self.take5("report", "-o", self.path("no/page.html"), "sided.so", file, code=1)
        self.take5("report", "--json", "-o", "-", "sided.so", file, code=2)
        self.take5("report", "--most", "0", "sided.so", file, code=2)
        self.take5("report", "--horizons", "x", "sided.so", file, code=2)
        with open(page, "rb") as whole:
            self.assertEqual(whole.read(), before)
        self.assertEqual([name for name in os.listdir(self.directory) if ".new" in name], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
