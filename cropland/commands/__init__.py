"""Commands: what the commands do with a filled command, and what they show.

In: a dataclass of `cropland.config.commands`, countries. Out: lines and tables on the terminal, the exit
code. The one package, with `cropland.cli`, that makes a ``Console`` and passes it on. One file a command,
named as it.
"""
