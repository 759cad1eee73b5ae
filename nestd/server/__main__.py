"""``python -m nestd.server``: the command ``nest-server``, where another script has its name."""

from nestd.server.cli import main

main(prog_name="nest-server")
