"""The program: its commands, its version, and the one place where errors become an exit code."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from scaling_cli import __version__
from scaling_cli.cli import fit, optimal
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

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ScalingError as error:
            complain(error)
            raise typer.Exit(error.exit_code) from None
        except _TyperUsageError as error:
            path = " ".join(part for part in ("scaling", ctx.invoked_subcommand) if part)
            message = error.format_message().rstrip(".")  # type: ignore[attr-defined]
            complain(UsageError(message, hint=f"see {path} --help"))
            raise typer.Exit(UsageError.exit_code) from None


app = typer.Typer(
    cls=ScalingGroup,
    name="scaling",
    help="Plan a training budget: fit scaling laws, solve for the compute-optimal params and tokens.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=optimal.EPILOG)(optimal.optimal)
app.command(epilog=fit.EPILOG)(fit.fit)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"scaling {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the program on the command line's arguments."""
    app(prog_name="scaling")
    sys.exit(0)
