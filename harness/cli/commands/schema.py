"""`ablate schema`: what --json prints, as JSON Schemas."""

import json

import click


@click.command()
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Print the JSON Schema of what --json prints.

    Without NAME, list all schemas. Within a version of a schema, keys are only added.
    docs/machines.md explains how to use them.
    """
    from harness.cli.documents import SCHEMAS, json_schema
    from harness.errors import UserError, suggest

    if name is None:
        for known, documents in SCHEMAS.items():
            click.echo(f"{known:16}  {documents[0].model_fields['schema_name'].default}")
    elif name in SCHEMAS:
        click.echo(json.dumps(json_schema(name), indent=2))
    else:
        raise UserError(
            "NAME must be the name of a schema", repr(name), suggest(name, SCHEMAS, "names")
        )
