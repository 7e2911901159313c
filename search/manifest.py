"""Run `python -m search.manifest` from a checkout: the same as `failmap manifest`."""

if __name__ == "__main__":
    from failmap.search.commands.table import main

    main("manifest")
