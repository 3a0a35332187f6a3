"""The command: ``everroad``, or ``python -m everroad``."""

import sys


def main() -> int:
    """Imports the command line, which takes a second, and runs it; an interrupt is one line from the start on."""
    try:
        from everroad import cli

        return cli.main()
    except KeyboardInterrupt:
        print("everroad: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
