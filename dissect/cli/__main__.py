"""`python -m dissect.cli`."""

from dissect.cli import main

if __name__ == "__main__":
    main()
