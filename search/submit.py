"""Run `python -m search.submit` from a checkout: the same as `failmap submit`."""

if __name__ == "__main__":
    from failmap.search.commands.table import main

    main("submit")
