"""The subcommands of `enpire`, a module each (see `enpire_bringup.cli`)."""
