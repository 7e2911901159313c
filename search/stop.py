"""Run `python -m search.stop` from a checkout: the same as `failmap stop`."""

if __name__ == "__main__":
    from failmap.search.commands.table import main

    main("stop")
