"""`licet demo`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from licet.demo.output import Output


def demo(
    data_dir: Annotated[
        Path | None,
        typer.Option(help="An empty or new directory that keeps the database and logs. Default: nothing is kept."),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Keep running afterwards, to try it out, until Ctrl-C or SIGTERM.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per step, and one at the end.")
    ] = False,
) -> None:
    """Watch a purchase become a license, then renewals, failed payments and a refund.

    Runs PostgreSQL, a Stripe sandbox, the API and its worker, on free ports and in
    a temporary directory. Needs no network and no account, and uses none of your
    settings. After each step it compares the API's responses with what is expected.

    Exit codes: 0 everything was as expected; 1 something was not; 2 usage error;
    3 could not start; 130 interrupted (128 plus the number of another signal).
    """
    from licet.demo.process import UnexpectedExit
    from licet.demo.run import EXIT_FAILED, EXIT_SIGNAL, run_demo

    try:
        code = run_demo(_output(as_json), keep=data_dir, serve=serve)
    except UnexpectedExit as error:
        typer.echo(f"licet: {error}", err=True)
        raise typer.Exit(EXIT_FAILED) from None
    if code > EXIT_SIGNAL:
        typer.echo("Interrupted." if data_dir else "Interrupted. Nothing is left behind.", err=True)
    raise typer.Exit(code)


def _output(as_json: bool) -> "Output":
    if as_json:
        from licet.demo.output import JsonOutput

        return JsonOutput(sys.stdout)
    from io import TextIOWrapper

    from rich.console import Console

    from licet.demo.text_output import TextOutput

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a locale without UTF-8 prints question marks instead of raising
    return TextOutput(Console(highlight=False), secrets=Console(highlight=False, stderr=True))
