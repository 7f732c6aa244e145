"""``markaz logout``: end what ``markaz login`` opened, and forget it."""

from __future__ import annotations

from typing import Final

import click

from markaz.interfaces.cli import reach, submit

SESSION: Final = "mkz_s_"  # how the secret of a session begins


@click.command("logout")
@click.option("--everywhere", is_flag=True, help="End your sessions on other machines too.")
@reach.speaks_to_centre
def command(everywhere: bool) -> None:
    """End the session that `markaz login` opened, and forget address and key.

    A key that was given to `markaz login --key` goes on working elsewhere; `markaz keys revoke`
    ends it.
    """
    kept = reach.kept_login()
    if kept is None:
        reach.fail("nobody is logged in here")
    session = kept.key.startswith(SESSION)
    try:
        with reach.connect(kept) as client:
            if everywhere:
                client.post("/me/sessions/end")
            elif session:
                client.post("/logout")
    except submit.client_error() as error:
        if error.kind != "unauthenticated":  # it has ended already
            raise
    reach.forget_login()
    what = "" if session or everywhere else "; the key goes on working"
    click.echo(f"Logged out of {kept.url}{what}.")
