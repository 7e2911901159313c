"""Run `python -m search.merge` from a checkout: the same as `failmap merge`."""

if __name__ == "__main__":
    from failmap.search.commands.table import main

    main("merge")
