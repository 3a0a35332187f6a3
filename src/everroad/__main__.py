"""``python -m everroad``: the command line."""

from everroad.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
