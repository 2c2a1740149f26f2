"""The page of the commands `python -m pipeline VERB`, from their own parsers."""

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from unittest import mock

from docs.generator import markdown
from pipeline import __main__ as pipeline

PAGE = "reference/commands"
WIDTH = "96"  # of a line of usage, in characters


class ParsedError(Exception):
    """Stands in for parsing: holds the parser that was asked."""


def text() -> str:
    """The page."""
    stages = [verb for verb in pipeline.modules() if verb not in pipeline.VERBS]
    return markdown.page(
        "# Commands",
        "They are called `python -m pipeline VERB …` in the project's folder, with the environment's Python: call "
        "`source .venv/bin/activate` first. `--help` after a verb prints what is said here.",
        "## Commands to call",
        *map(command, sorted(pipeline.VERBS)),
        "## Stages",
        "Snakemake calls these, one for each rule. Each can also be called by hand, which runs that one job again.",
        *map(command, stages),
    )


def command(verb: str) -> str:
    """What a verb does, how it is called, and its options."""
    parser = parser_of(verb)
    actions = [each for each in parser._actions if not isinstance(each, argparse._HelpAction)]
    rows = [(markdown.code(_call(each)), _meaning(each)) for each in actions]
    return markdown.page(
        f"### `{verb}`",
        markdown.prose((parser.description or "").strip()),
        markdown.block(_usage(parser), "text"),
        markdown.table(("Option", "Meaning"), rows) if rows else "",
    ).rstrip("\n")


def parser_of(verb: str) -> argparse.ArgumentParser:
    """The parser of a verb, taken when the verb's `main` first asks it."""
    module = importlib.import_module(pipeline.modules()[verb])
    try:
        with _named(verb), mock.patch.object(argparse.ArgumentParser, "parse_args", _held):
            module.main([])
    except ParsedError as error:
        return error.args[0]
    raise RuntimeError(f"pipeline {verb} parses no arguments: expected its main to call parse_args")


def _held(parser: argparse.ArgumentParser, *_: object) -> None:
    raise ParsedError(parser)


@contextlib.contextmanager
def _named(verb: str) -> Iterator[None]:
    """Within it, parsers have the name that the command line gives them."""
    with mock.patch.object(sys, "argv", [f"python -m pipeline {verb}"]):
        yield


def _usage(parser: argparse.ArgumentParser) -> str:
    with mock.patch.dict(os.environ, {"COLUMNS": WIDTH}):
        return parser.format_usage().removeprefix("usage: ").rstrip("\n")


def _call(action: argparse.Action) -> str:
    """An option with the value that it takes, or an argument."""
    names = ", ".join(action.option_strings) or action.dest
    value = action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper())
    return f"{names} {value}" if action.option_strings and action.nargs != 0 else names


def _meaning(action: argparse.Action) -> str:
    said = markdown.prose((action.help or "") % vars(action))
    return f"{said} (required)" if action.required else said
