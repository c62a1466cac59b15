"""HTML pieces that all sections share. Whatever comes from outside passes through `text` on its way to the page."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from kinema.visualise.style import CSS


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading of its own."""

    anchor: str
    """The fragment that links to it."""
    title: str
    body: str
    """HTML."""


def text(value: object) -> str:
    """Any value as text that is safe inside an element and inside a quoted attribute."""
    return html.escape(str(value), quote=True)


def paragraph(content: str, kind: str = "") -> str:
    """A paragraph of HTML; `kind` is a class of the style sheet."""
    return f'<p class="{kind}">{content}</p>\n' if kind else f"<p>{content}</p>\n"


def left_out(section: str, reason: str) -> str:
    """The sentence that stands in the place of what could not be shown."""
    return paragraph(f"{text(section)} left out: {text(reason)}.", "absent")


def facts(values: Sequence[tuple[str, str]]) -> str:
    """Names and values, as a description list."""
    items = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>\n" for name, value in values)
    return f'<dl class="facts">\n{items}</dl>\n'


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """The whole document: no script, and nothing fetched from elsewhere. `lead` is the HTML below the title."""
    links = "".join(f'<a href="#{each.anchor}">{text(each.title)}</a>\n' for each in sections)
    bodies = "".join(
        f'<section id="{each.anchor}" aria-labelledby="{each.anchor}-title">\n'
        f'<h2 id="{each.anchor}-title">{text(each.title)}</h2>\n{each.body}</section>\n'
        for each in sections
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        f'<header>\n<h1>{text(title)}</h1>\n{lead}<nav aria-label="Sections">\n{links}</nav>\n</header>\n'
        f"<main>\n{bodies}</main>\n</body>\n</html>\n"
    )
