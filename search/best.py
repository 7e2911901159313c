"""Run `python -m search.best` from a checkout: the same as `failmap best`."""

if __name__ == "__main__":
    from failmap.search.commands.table import main

    main("best")
