"""What a tool can see in the sources: names unused or unknown, likely bugs, syntax of a newer Python."""
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_ruff_finds_nothing():
    command = [sys.executable, '-m', 'ruff', 'check', '--no-cache', '--output-format', 'concise', str(REPOSITORY)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
