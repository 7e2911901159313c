"""Run `python -m search.status` from a checkout: the same as `failmap status`."""

if __name__ == "__main__":
    from failmap.search.commands.table import main

    main("status")
