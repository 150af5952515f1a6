"""``python -m ferraio``: the command ``ferraio``."""

from ferraio.cli import main

if __name__ == "__main__":
    main()
