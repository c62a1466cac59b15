"""`python -m kinema VERB ...`: the command line where the `kinema` script is not on the path."""

from kinema.cli import main

if __name__ == "__main__":
    main()
