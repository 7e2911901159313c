"""Run `python -m search.ablate` from a checkout: the same as `failmap ablate`."""

if __name__ == "__main__":
    from failmap.search.commands.table import main

    main("ablate")
