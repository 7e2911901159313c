"""Run `python -m search.check` from a checkout: the same as `failmap check`."""

if __name__ == "__main__":
    from failmap.search.commands.table import main

    main("check")
