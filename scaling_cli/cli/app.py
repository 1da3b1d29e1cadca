"""The program: its commands, its version, and the one place where errors become an exit code."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from scaling_cli import __version__
from scaling_cli.cli import fit, isoflop, optimal
from scaling_cli.cli.compare.group import group as compare
from scaling_cli.cli.output import complain
from scaling_cli.errors import ScalingError, UsageError

# typer's own usage errors (an unknown option, a missing argument) share a base that it does not export
_TyperUsageError: type[Exception] = typer.BadParameter.__bases__[0]

EPILOG = """Examples:

$ scaling optimal --flops 5.76e23

$ scaling fit runs.csv --save law.json

Exit codes: 0 done; 1 the input or the fit failed, or a check did not hold; 2 wrong usage."""


class ScalingGroup(TyperGroup):
    """The commands; what a user can cause ends in one clear line on stderr and its exit code."""

    def make_context(self, *arguments: Any, **settings: Any) -> Any:
        """Read the options that stand before a command."""
        try:
            return super().make_context(*arguments, **settings)
        except _TyperUsageError as error:
            raise self._end(_usage_error(error, "scaling")) from None

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ScalingError as error:
            raise self._end(error) from None
        except _TyperUsageError as error:
            command = " ".join(part for part in ("scaling", ctx.invoked_subcommand) if part)
            # below a group of commands the error knows better where it happened
            place = getattr(error, "ctx", None)
            raise self._end(_usage_error(error, place.command_path if place else command)) from None

    @staticmethod
    def _end(error: ScalingError) -> typer.Exit:
        """Say an error and return the exit that it comes to."""
        complain(error)
        return typer.Exit(error.exit_code)


def _usage_error(error: Exception, command: str) -> UsageError:
    """Return one of typer's usage errors as one of ours."""
    message = error.format_message().rstrip(".")  # type: ignore[attr-defined]
    return UsageError(message, hint=f"see {command} --help")


app = typer.Typer(
    cls=ScalingGroup,
    name="scaling",
    help="Plan a training budget: fit scaling laws, solve for the compute-optimal params and tokens.",
    epilog=EPILOG,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=optimal.EPILOG)(optimal.optimal)
app.command(epilog=fit.EPILOG)(fit.fit)
app.command(epilog=isoflop.EPILOG)(isoflop.isoflop)
app.add_typer(compare)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"scaling {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


def main() -> None:
    """Run the program on the command line's arguments."""
    app(prog_name="scaling")
    sys.exit(0)
