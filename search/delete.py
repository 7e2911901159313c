"""Run `python -m search.delete` from a checkout: the same as `failmap delete`."""

if __name__ == "__main__":
    from failmap.search.commands.table import main

    main("delete")
