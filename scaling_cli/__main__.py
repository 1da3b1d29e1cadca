"""``python -m scaling_cli`` is the same program as ``scaling``."""

from scaling_cli.cli.app import main

if __name__ == "__main__":
    main()
