"""The sub-commands of ``scaling compare``, each a function in the file that bears its name."""

import typer

from scaling_cli.cli.compare import curves, laws, models, plans, recipes

group = typer.Typer(
    name="compare",
    help="Put laws, models, recipes, curves or plans on one axis, compute, and say what the worse costs.",
)
group.command("laws", epilog=laws.EPILOG)(laws.laws)
group.command("models", epilog=models.EPILOG)(models.models)
group.command("recipes", epilog=recipes.EPILOG)(recipes.recipes)
group.command("curves", epilog=curves.EPILOG)(curves.curves)
group.command("plans", epilog=plans.EPILOG)(plans.plans)


@group.callback(invoke_without_command=True)
def _help(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())
