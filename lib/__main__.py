"""`python -m lib …`: the command line of the project."""

from lib.publish.cli import main

raise SystemExit(main())
