"""Run `python -m analysis.report` from a checkout: the same as `failmap report`."""

if __name__ == "__main__":
    from failmap.search.commands.table import main

    main("report")
