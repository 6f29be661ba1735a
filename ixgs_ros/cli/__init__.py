"""The ``ixgs`` command: one file a subcommand, imported when it is asked for."""
