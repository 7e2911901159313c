"""Run `python -m search.resume` from a checkout: the same as `failmap resume`."""

if __name__ == "__main__":
    from failmap.search.commands.table import main

    main("resume")
