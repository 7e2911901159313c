"""Run `python -m search.rescue` from a checkout: the same as `failmap rescue`."""

if __name__ == "__main__":
    from failmap.search.commands.table import main

    main("rescue")
