"""Every dependency is pinned, and its licence is listed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def licences():
    """docs/licences.py, which is no module of a package."""
    spec = importlib.util.spec_from_file_location("licences", ROOT / "docs" / "licences.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_everything_that_is_needed_is_pinned(licences):
    pins = licences.pins()
    for group, packages in licences.needed().items():
        missing = sorted(packages - set(pins))
        assert not missing, f"add {missing} to constraints.txt, which {group} needs, and run `make licences`"


def test_the_pins_are_versions_that_are_asked_for(licences):
    pins = licences.pins()
    for lines in licences.declared().values():
        for wanted in map(Requirement, lines):
            assert pins[canonicalize_name(wanted.name)] in wanted.specifier, wanted


def test_every_pinned_package_has_its_licence_listed_and_no_other_has(licences):
    rows = licences.rows(licences.PAGE.read_text())
    assert {name: row[1] for name, row in rows.items()} == licences.pins(), "run `make licences`"
    assert all(terms and groups for _, _, terms, groups in rows.values())


def test_the_licences_listed_are_those_of_the_installed_packages(licences):
    rows = licences.rows(licences.PAGE.read_text())
    seen = 0
    for name, (_, version, terms, _) in rows.items():
        package = licences.installed(name)
        if package is not None and licences.plain(package.version) == version:
            assert terms == licences.licence(package), f"{name}: run `make licences`"
            seen += 1
    assert seen > 20


def test_a_new_dependency_is_noticed(licences, monkeypatch):
    monkeypatch.setattr(licences, "declared", lambda: {"kinema": ["numpy", "no-such-package[fast]>=1"]})
    assert licences.needed()["kinema"] - set(licences.pins()) == {"no-such-package"}


def test_what_a_dependency_needs_is_followed(licences):
    assert {"rich", "markdown-it-py", "mdurl"} <= licences.closure(["rich"])
