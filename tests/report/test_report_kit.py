"""One shell for all pages: nothing else decides what a page may load, or how it looks."""

from __future__ import annotations

import re
from importlib import resources

import pytest
from jinja2 import UndefinedError

from selfdistill.report.pages import kit
from selfdistill.report.pages.page import Page, Section, render

TEMPLATES = resources.files("selfdistill.report") / "templates"


def test_only_the_shell_has_a_head_and_every_page_extends_it():
    texts = {path.name: path.read_text() for path in TEMPLATES.iterdir() if path.name.endswith(".jinja")}
    assert [name for name, text in texts.items() if "<head>" in text or "<style>" in text] == ["page.html.jinja"]
    pages = [name for name, text in texts.items() if '{% extends "page.html.jinja" %}' in text]
    assert sorted(pages) == ["explain.html.jinja", "report.html.jinja", "study.html.jinja"]


def test_texts_are_escaped_and_charts_are_not():
    charts = (("<i>caption</i>", "<svg><title>chart</title></svg>"),)
    page = render(Page("<b>kicker", "<b>title", ("<b>lead",), (Section("<b>heading", ("<b>text",), charts),)))
    assert "<b>" not in page
    assert "&lt;i&gt;caption&lt;/i&gt;" in page
    assert page.count("<svg><title>chart</title></svg>") == 1
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert "<script" not in page


def test_what_a_template_is_not_given_is_a_fault_and_not_empty():
    with pytest.raises(UndefinedError):
        kit.render("study.html.jinja")
