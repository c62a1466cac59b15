"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def no_decoder_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder under test is the one that the test names."""
    monkeypatch.delenv("KINEMA_DECODER", raising=False)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real clips beside the repository; tests that need it are skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no ../shared/data with real clips on this machine")
    return SHARED_DATA
