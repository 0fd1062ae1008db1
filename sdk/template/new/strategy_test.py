"""@NAME@ on sample.jsonl, by `take5 replay`: the same engine as in earnest, no broker, no network.
    pytest
"""
import json
import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
TAKE5 = os.environ.get("TAKE5", "take5")


def replay(recording, **parameters):
    """The signals, as dicts, with these parameters."""
    settings = [word for name, value in parameters.items()
                for word in ("-s", f"strategy:@NAME@.{name}={value}")]
    done = subprocess.run([TAKE5, "replay", "-c", HERE / "@NAME@.ini", "--topic", "bar_trends",
                           *settings, recording], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stderr, done.stderr
    signals = map(json.loads, done.stdout.splitlines())
    return [signal for signal in signals if signal["deployment"] == "@NAME@"]


def bar(minute, price, symbol="QQQ"):
    """One message."""
    return json.dumps({"symbol": symbol, "barData": {"barTimeFrame": 60, "close": price},
                       "publishTime": {"take5Time": 1718631060000 + 60000 * minute}}) + "\n"


@pytest.fixture
def recording(tmp_path):
    """Writes messages into a file."""
    def write(*messages):
        path = tmp_path / "messages.jsonl"
        path.write_text("".join(messages))
        return path
    return write


def test_the_sample_has_signals():
    signals = replay(HERE / "sample.jsonl")
    assert {signal["name"] for signal in signals} <= {"@NAME@_up", "@NAME@_down"}
    assert any(signal["symbol"] == "QQQ" for signal in signals)


def test_a_jump_is_said_once(recording):
    path = recording(*(bar(minute, 100.0) for minute in range(10)),
                     bar(10, 101.0), bar(11, 101.0))
    (signal,) = replay(path, least=5, threshold=0.5)
    assert signal["name"] == "@NAME@_up"
    assert signal["value"] == pytest.approx(1.0)
    assert signal["data"] == {"average": 100.0}


def test_a_message_without_a_price_is_passed_over(recording):
    assert replay(recording(bar(0, None), bar(1, 100.0)), least=0) == []
