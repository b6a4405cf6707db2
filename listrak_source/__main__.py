"""``python -m listrak_source`` is the command ``listrak``."""

from listrak_source.cli.entrypoint import main

main()
